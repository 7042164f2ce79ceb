#ifndef TESTS_SUPPORT_TOY_NODE_H
#define TESTS_SUPPORT_TOY_NODE_H

#include "store/store.h"
#include "tests/support/directory.h"
#include "tests/support/toy_ledger.h"

/* The databases of a node whose ledger is the toy: real block headers, which name the roots of
 * state, results and history, and no certificates that anybody signed.  A failure ends the test. */

struct toy_node {
    struct directory directory;
    struct store *store;
    struct toy_state toy;
    struct hash parent;
    uint64_t height;      /* of the next block */
    uint64_t odd_height;  /* where one key gets another value than in other nodes */
    uint64_t undo_window; /* 0: the store's own */
    bool carries;         /* blocks carry certificates, as on paper (tests/support/paper.h) */
};

extern const struct hash toy_chain;

void toy_node_begin(struct toy_node *node); /* odd_height, undo_window and carries are kept */
void toy_node_open(struct toy_node *node);
/* Blocks up to `last`; those that chain.db has are executed only. */
void toy_node_grow(struct toy_node *node, uint64_t last);
/* begin, grow and close; half of it in table files, as in a node that has run. */
void toy_node_fill(struct toy_node *node, uint64_t last);

#endif /* TESTS_SUPPORT_TOY_NODE_H */
