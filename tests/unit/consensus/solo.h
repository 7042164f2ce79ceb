#ifndef TESTS_UNIT_CONSENSUS_SOLO_H
#define TESTS_UNIT_CONSENSUS_SOLO_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/consensus/cluster.h"

/* One core, the others played by the test. */

static inline struct cluster *solo_make(uint32_t n, uint32_t self, bool work)
{
    struct cluster *cluster = cluster_make(n);
    for (uint32_t i = 0; i < n; i++) {
        if (i != self) {
            cluster_stop(cluster, i);
        }
    }
    const struct consensus_event start = {.kind = CONSENSUS_ON_START};
    assert_int_equal(cluster_step(cluster, self, start), CONSENSUS_ACCEPTED);
    cluster_work_all(cluster, work);
    return cluster;
}

static inline enum consensus_verdict solo_vote(struct cluster *cluster, uint32_t self,
                                               enum vote_kind kind, uint64_t view,
                                               const struct hash *hash, uint32_t from)
{
    const struct vote vote = cluster_vote(kind, view, hash, from);
    return cluster_step(cluster, self, cluster_event_vote(&vote));
}

static inline enum consensus_verdict solo_certificate(struct cluster *cluster, uint32_t self,
                                                      enum vote_kind kind, uint64_t view,
                                                      const struct hash *hash)
{
    const struct certificate certificate = cluster_certificate(cluster, kind, view, hash);
    const struct consensus_event event = {
        .kind = CONSENSUS_ON_CERTIFICATE, .from = self == 0 ? 1 : 0, .certificate = &certificate};
    return cluster_step(cluster, self, event);
}

struct solo_block {
    struct proposal proposal;
    struct consensus_block brief;
};

static inline struct solo_block solo_block(struct cluster *cluster, uint64_t view,
                                           const struct consensus_block *parent, uint8_t salt)
{
    struct solo_block out;
    const struct consensus_block genesis = {0};
    const struct consensus_block *on = parent == NULL ? &genesis : parent;
    const struct hash hash = cluster_propose(cluster, view, on, salt, &out.proposal);
    out.brief =
        (struct consensus_block){.view = view,
                                 .proposal = hash,
                                 .block_id = out.proposal.light.block_id,
                                 .height = out.proposal.light.height,
                                 .parent_view = on->view,
                                 .parent = on->proposal,
                                 .boundary = !hash_is_zero(&out.proposal.light.next_set_hash),
                                 .reproposed = out.proposal.rest.flags != 0};
    return out;
}

static inline struct consensus_event solo_event(const struct solo_block *block)
{
    return (struct consensus_event){
        .kind = CONSENSUS_ON_PROPOSAL,
        .from = block->proposal.rest.leader,
        .proposal = {.proposal = &block->proposal, .hash = block->brief.proposal}};
}

static inline enum consensus_verdict solo_propose(struct cluster *cluster, uint32_t self,
                                                  const struct solo_block *block)
{
    return cluster_step(cluster, self, solo_event(block));
}

/* Has node self, since it was booted, been asked to sign this kind? */
static inline uint32_t solo_signed(const struct cluster *cluster, uint32_t self,
                                   enum vote_kind kind)
{
    return cluster->nodes[self].signed_count[kind];
}

/* Answers to requests of the last steps, at the same instant. */
static inline void solo_settle(struct cluster *cluster)
{
    assert_true(cluster_settle(cluster, 10000));
}

#endif /* TESTS_UNIT_CONSENSUS_SOLO_H */
