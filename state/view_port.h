#ifndef STATE_VIEW_PORT_H
#define STATE_VIEW_PORT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/assert.h"
#include "base/bytes.h"

/* Ports between the state machine and whoever keeps its data.
 *
 * The state machine sees the ledger as a map from key to value at one root.  It reads
 * through state_view and answers with a list of writes; it never stores anything.
 * store/ implements the view over RocksDB and overlays, tests over an array. */

struct state_view {
    void *context;
    /* Find key.  true: *value is a view that stays valid until the next block is
     * applied to this view.  false: absent.  A storage error must not return: the
     * implementation stops the process (a wrong answer would be a fork). */
    bool (*get)(void *context, struct bytes key, struct bytes *value);
};

struct state_write {
    struct bytes key;   /* 1 .. STATE_KEY_SIZE_MAX bytes */
    struct bytes value; /* when not removed; a zero length is a value */
    bool removed;
};

/* The writes of one block: ascending by key (memcmp, shorter first), each key once. */
struct state_writes {
    const struct state_write *items;
    size_t count;
};

#endif /* STATE_VIEW_PORT_H */
