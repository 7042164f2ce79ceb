#ifndef TESTS_SIM_CHECK_H
#define TESTS_SIM_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "types/vote.h"

/* What must hold in every run.  Written apart from the core: it sees signatures as they are
 * released and blocks as they become final, does its own arithmetic, and knows no rule. */

enum { CHECK_NODES_MAX = 12, CHECK_DETAIL_MAX = 200, CHECK_EPOCHS_MAX = 32 };

struct check;

/* One place of a set of validators. */
struct check_member {
    uint32_t validator;
    uint32_t key; /* which of its keys */
};

/* The first set is validators 0 .. members - 1.  quorum is recomputed here by definition: two
 * quorums share an honest validator and the honest alone form one. */
struct check *check_new(uint32_t members, uint32_t liars); /* liars: bit i is validator i */
void check_free(struct check *check);
/* More than f lie: when agreement breaks, f + 1 of them must be provably guilty and nobody
 * else; then the class is "broken" and the detail says who. */
void check_expect_break(struct check *check, bool expected);

/* A signature was released by this member (honest or not), for vote->validator, a place in the
 * set of vote->epoch. */
void check_signed(struct check *check, const struct check_member *by, const struct vote *vote);

/* A node committed its block of this height. */
struct check_final {
    uint32_t node;
    uint64_t height;
    uint64_t epoch;
    const struct check_member *next; /* the block ends its epoch: the set after it; or NULL */
    uint32_t next_count;
    struct hash block_id;
    struct hash root; /* the state after it */
    const uint64_t *txs;
    uint32_t tx_count;
};
void check_final(struct check *check, const struct check_final *final);

/* A node says that it can prove this member guilty.  Never of one that is honest. */
struct check_accused {
    uint32_t node;
    struct check_member by;
    bool genuine; /* it signed both */
    const struct vote *first;
    const struct vote *second;
};
/* True: the first time. */
bool check_accused(struct check *check, const struct check_accused *accused);

/* A vote of this member has reached a node and was verified; the node has said by now whom it
 * accuses.  kept: it will be held against later ones. */
void check_heard(struct check *check, uint32_t node, const struct check_member *by,
                 const struct vote *vote, bool kept);
/* The node begins anew and holds no votes. */
void check_forgets(struct check *check, uint32_t node);

/* A node found a final block on another branch than its own. */
void check_diverged(struct check *check, uint64_t view);

/* A queue that must stay below a bound. */
void check_bound(struct check *check, const char *what, uint64_t value, uint64_t bound);
void check_fail(struct check *check, const char *class, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* NULL while all is well; else "correctness", "liveness" or "crash", and the first reason. */
const char *check_class(const struct check *check);
const char *check_detail(const struct check *check);

#endif /* TESTS_SIM_CHECK_H */
