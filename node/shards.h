#ifndef NODE_SHARDS_H
#define NODE_SHARDS_H

#include "node/driver.h"
#include "node/shard/coder.h"
#include "node/shard/pool.h"

/* Proposals whose block travels in shards (docs/protocol.md 3.10, docs/decisions/0010).
 *
 *   leader     block built -> coded by the worker -> proposal signed -> each its own shard
 *   validator  own shard -> to all others at once; any k -> restored and checked by the
 *              worker -> the proposal with its block, as if it had come whole
 *
 * The core sees a proposal only with its whole block; until then it is told that one is under
 * way.  A code word that is none makes the proposal bad for everybody.  shards.c: messages,
 * coding.c: what the worker does for them. */

struct shards {
    struct shard_pool pool;
    struct coder *coder;
    uint32_t job_count;   /* the worker has */
    uint32_t check_count; /* of them whole blocks from peers */
    struct budget waste;  /* shards that do not verify, by key */
    struct {
        uint64_t coded, sent, received, passed_on, refused, restored, checked, inconsistent;
        uint64_t asked, served;
    } count;
};

/* NULL: no memory or thread. */
struct shards *shards_new(void);
void shards_free(struct shards *shards); /* NULL is allowed */

/* 4.6 of the design: would shards bring our block to all sooner? */
MUST_USE bool shards_wanted(const struct driver *d, size_t block_size);
/* The DA fields are those of this set and this size of block. */
MUST_USE bool shards_fields_hold(const struct driver *d, const struct proposal_rest *rest,
                                 struct shard_code *code);

/* Code our block, then complete the proposal and answer DO_BUILD: event is a BUILT that lacks
 * proposal and hash.  False: no memory, nothing will follow. */
MUST_USE bool shards_build(struct driver *d, const struct wire_proposal *message,
                           const struct consensus_event *event);
/* Our signed proposal to all, each with its shard.  False: the shards are not here (any more),
 * send it whole. */
MUST_USE bool shards_send(struct driver *d, const struct unfinal *own);
/* A proposal with its whole block that says shards: its block matches its id, its leader has
 * signed it. */
void shards_check(struct driver *d, uint32_t from, const struct wire_proposal *message,
                  const struct hash *hash);

void shards_on_shard(struct driver *d, uint32_t from, struct bytes body);
void shards_on_get_shards(struct driver *d, uint32_t from, struct bytes body);

/* Take what the worker has done, ask for what is missing. */
void shards_poll(struct driver *d);
MUST_USE bool shards_busy(const struct driver *d);
/* A line in the log with all counts, if there is anything to say. */
void shards_report(const struct driver *d);

/* coding.c: have the worker restore a set that is ready. */
void shards_restore(struct driver *d, struct shard_set *set);
/* coding.c: what the worker has done, oldest first. */
void shards_take_work(struct driver *d);
/* shards.c: our own shard to all that should have it from us. */
void shards_pass_on(struct driver *d, struct shard_set *set);

#endif /* NODE_SHARDS_H */
