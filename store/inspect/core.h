#ifndef STORE_INSPECT_CORE_H
#define STORE_INSPECT_CORE_H

#include "store/core.h"
#include "store/inspect/inspect.h"

struct inspect {
    struct store store; /* chain and state opened for reading; everything else is empty */
    struct inspect_head head;
    struct inspect_fault fault;
};

/* Where something is: what a fault and its line name. */
struct place {
    const char *table;
    const uint64_t *height; /* NULL: none */
    struct bytes key;       /* empty: none */
};

/* Fill the fault and *error; false. */
bool inspect_damage(struct inspect *inspect, const struct rocks *rocks, const struct place *place,
                    const char *what, struct error *error);
/* The same when the iterator ended early, which is found out here. */
bool inspect_iterator_sound(struct inspect *inspect, const struct rocks *rocks,
                            const struct place *place, const rocksdb_iterator_t *iterator,
                            struct error *error);

/* The undo record of a block; the caller frees out->bytes. */
MUST_USE bool inspect_undo(struct inspect *inspect, uint64_t height, struct undo *out,
                           struct error *error);
void inspect_undo_free(struct undo *undo);

/* One leaf as it is stored: record, and its hash computed from key and value. */
MUST_USE bool inspect_leaf(struct inspect *inspect, struct bytes path, struct bytes bytes,
                           struct record *out, struct error *error);

/* Every leaf into an empty tier, which is sealed then. */
struct leaf_walk {
    struct tier *tier;
    const struct inspect_visitor *visitor; /* NULL: no progress */
    bool with_keys;                        /* each key must stand in the key table */
    uint64_t count;
};
MUST_USE bool inspect_load(struct inspect *inspect, struct leaf_walk *walk, struct error *error);

/* The tree goes back over one block. */
MUST_USE bool inspect_step_back(struct inspect *inspect, struct tier *tier, const struct undo *undo,
                                struct error *error);

extern const char *const inspect_chain_tables[CHAIN_FAMILY_COUNT];
extern const char *const inspect_state_tables[LEDGER_FAMILY_COUNT];

#endif /* STORE_INSPECT_CORE_H */
