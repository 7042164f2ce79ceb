#ifndef TESTS_LARGE_FILL_H
#define TESTS_LARGE_FILL_H

#include "base/bytes.h"
#include "base/error.h"
#include "types/types.h"

/* A state of any size as the databases of a node: table files in path order, as a restore writes
 * them, with the applied record of height 0. */

enum { FILL_KEY_MAX = 66, FILL_VALUE_MAX = 512 };

struct fill {
    const char *dir; /* must not hold a state.db */
    struct hash chain_id;
    uint64_t count;
    const void *context;
    /* Number index, 0 .. count - 1; in the buffer, or where it stays. */
    struct bytes (*key)(const void *context, uint64_t index, uint8_t buffer[FILL_KEY_MAX]);
    struct bytes (*value)(const void *context, uint64_t index, uint8_t buffer[FILL_VALUE_MAX]);
};

/* 150 bytes of memory a key. */
MUST_USE bool fill_state(const struct fill *fill, struct error *error);

#endif /* TESTS_LARGE_FILL_H */
