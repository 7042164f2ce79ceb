#ifndef TESTS_SUPPORT_TOY_LEDGER_H
#define TESTS_SUPPORT_TOY_LEDGER_H

#include "state/tree/tree.h"
#include "state/view_port.h"

/* A small ledger held as plain arrays: the model that store/ is compared with.  A state is
 * the version of each key, 0 when absent; key and value follow from number and version. */

enum { TOY_KEYS = 150, TOY_TEXT_MAX = 64 };

struct toy_state {
    uint32_t versions[TOY_KEYS];
};

struct toy_text {
    char chars[TOY_TEXT_MAX];
};

/* One block's writes with the memory behind them. */
struct toy_block {
    struct toy_text keys[TOY_KEYS];
    struct toy_text values[TOY_KEYS];
    struct state_write items[TOY_KEYS];
    struct state_writes writes;
};

struct toy_text toy_key(size_t number);
struct toy_text toy_value(size_t number, uint32_t version);
struct bytes toy_bytes(const struct toy_text *text);

/* Change state as block `label` on it does, and list the writes.  The same state and label
 * give the same block. */
void toy_block_make(struct toy_state *state, uint64_t label, struct toy_block *out);

/* The root by the definition. */
struct hash toy_root(const struct toy_state *state);

struct hash toy_id(uint64_t label);

#endif /* TESTS_SUPPORT_TOY_LEDGER_H */
