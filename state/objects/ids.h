#ifndef STATE_OBJECTS_IDS_H
#define STATE_OBJECTS_IDS_H

#include "state/objects/keys.h"
#include "state/objects/training.h"
#include "types/vote.h"

/* Digests that name objects or are signed, committed to or drawn from.  Each is the tagged
 * digest of a canonical array; clients compute them with these same functions. */

/* H(OBJECT_ID, [chain_id, kind, creator, lane, seq]): the id of an object that a
 * transaction made.  kind: KEY_NODE, KEY_OFFER or KEY_DATA. */
struct hash id_created(enum key_kind kind, const struct hash *chain_id,
                       const struct address *creator, uint32_t lane, uint64_t seq);

/* H(OBJECT_ID, [chain_id, KEY_REQUEST, consumer, mLTrainingRequestId]): request, process
 * and job are one id. */
struct hash id_job(const struct hash *chain_id, const struct address *consumer,
                   struct bytes request_id);

/* H(OBJECT_ID, [chain_id, KEY_LEASE, job, plan version, rank]) */
struct hash id_lease(const struct hash *chain_id, const struct hash *job, uint32_t version,
                     uint32_t rank);

/* H(PLAN, bytes of the plan) */
struct hash id_plan(const struct plan *plan);

/* H(NODE_POSSESSION, [chain_id, provider, worker_key]): what NODE_REGISTER's second
 * signature signs. */
struct hash id_possession(const struct hash *chain_id, const struct address *provider,
                          const struct public_key *worker_key);

/* H(READY, [chain_id, next_set_hash, seat, height]): what the second signature of READY signs. */
struct hash id_ready(const struct hash *chain_id, const struct hash *next_set_hash, uint32_t seat,
                     uint64_t height);

/* H(VOTE_<KIND>, [chain_id, set_hash, epoch, view, proposal]): what a vote's signature signs. */
struct hash id_vote(const struct hash *chain_id, const struct hash *set_hash,
                    const struct vote *vote);

/* H(ADDRESS, key): names the suspension of a consensus key. */
struct hash id_suspension(const struct public_key *consensus);

/* H(PEER_SET, [tunnel key, ...]) over all members in rank order; count >= 1. */
struct peer_set {
    const uint8_t (*tunnel_keys)[TUNNEL_KEY_SIZE];
    uint32_t count; /* <= PLAN_MEMBER_MAX */
};
struct hash id_peer_set(const struct peer_set *peers);

/* H(BATCH_KEY, [job, round, worker_key, beacon_r]): keys the batches of one worker's
 * segment (docs/protocol-state.md 12.2). */
struct hash id_batch_key(const struct hash *job, uint32_t round,
                         const struct public_key *worker_key, const struct hash *beacon);

/* H(GRADIENT_COMMITMENT, [worker_key, job, round, trace_root, delta_root, inner_root, salt]) */
struct commitment {
    struct public_key worker_key;
    struct hash job;
    uint32_t round;
    struct hash trace_root;
    struct hash delta_root;
    struct hash inner_root; /* after the segment */
    struct hash salt;
};
struct hash id_commitment(const struct commitment *commitment);

#endif /* STATE_OBJECTS_IDS_H */
