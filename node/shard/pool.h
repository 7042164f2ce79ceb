#ifndef NODE_SHARD_POOL_H
#define NODE_SHARD_POOL_H

#include "node/shard/shard.h"
#include "types/block.h"

/* The shards of proposals on their way: SHARD_SET_MAX sets, at most SHARD_ROOT_MAX of a view,
 * each opened for one proposal whose leader's signature the caller has checked.  A set has
 * room for all n shards, so that nothing that a peer sends makes it grow; the sets of the
 * lowest view give way to higher views.  Of one peer that sends one shard that is not under
 * the root, a set takes nothing more.
 *
 *   COLLECTING  ->  BUSY (a worker has room: node/shard/coder.h)  ->  WHOLE
 *
 * Not thread safe; the consensus thread owns it. */

enum shard_set_state { SHARD_SET_FREE, SHARD_SET_COLLECTING, SHARD_SET_BUSY, SHARD_SET_WHOLE };

struct shard_set {
    enum shard_set_state state;
    struct hash hash; /* of the proposal */
    struct proposal proposal;
    struct signature signature; /* the leader's */
    struct shard_code code;
    uint8_t *room; /* owned; NULL while BUSY */
    bool present[VALIDATOR_COUNT_MAX];
    bool liars[VALIDATOR_COUNT_MAX];
    uint32_t have;
    bool passed_on;              /* the own shard went to the others, or as leader all of them */
    struct crypto_path own_path; /* of the own shard, if it came alone */
    struct shard_leaves leaves;  /* WHOLE */
    /* For the node that asks and answers (monotonic ms). */
    uint32_t ask_count;
    uint64_t ask_at_ms;
    uint64_t answered_ms[VALIDATOR_COUNT_MAX];
};

struct shard_pool {
    struct shard_set sets[SHARD_SET_MAX];
    uint64_t refused_count; /* sets for which there was no room */
    uint64_t evicted_count; /* sets that gave way before they were whole */
};

void shard_pool_init(struct shard_pool *pool);
/* Frees what the sets own. */
void shard_pool_clear(struct shard_pool *pool);

/* NULL: none of this proposal. */
struct shard_set *shard_pool_find(struct shard_pool *pool, const struct hash *hash);
/* Whether a set could be opened for it; a no is counted.  Asked before a signature is checked: a
 * leader may sign any number of proposals of one view. */
MUST_USE bool shard_pool_has_room(struct shard_pool *pool, const struct proposal_light *light);
/* A new set that collects.  NULL: the view has its sets, all others are of higher views, or
 * there is no memory. */
struct shard_set *shard_pool_open(struct shard_pool *pool, const struct proposal *proposal,
                                  const struct hash *hash, const struct shard_code *code);
void shard_set_close(struct shard_set *set);
/* Close the sets of views up to this one, and of earlier epochs. */
void shard_pool_forget(struct shard_pool *pool, uint64_t epoch, uint64_t view);

enum shard_put {
    SHARD_PUT_KEPT,
    SHARD_PUT_KNOWN, /* here already, not needed any more, or from a known liar: not looked at */
    SHARD_PUT_FALSE, /* not under the root */
};

struct shard_offer {
    uint32_t from; /* who sent it */
    uint32_t index;
    struct bytes path; /* siblings, as in struct wire_shard */
    struct bytes shard;
};

enum shard_put shard_set_put(struct shard_set *set, const struct shard_offer *offer);
/* There are enough shards to restore the block. */
MUST_USE bool shard_set_ready(const struct shard_set *set);

/* One shard with its path, as far as the set has both.  self: the caller's index. */
MUST_USE bool shard_set_get(const struct shard_set *set, uint32_t index, uint32_t self,
                            struct bytes *shard, struct crypto_path *path);

#endif /* NODE_SHARD_POOL_H */
