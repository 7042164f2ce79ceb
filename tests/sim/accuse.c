#include <string.h>

#include "tests/sim/sim.h"

/* Evidence as the node finds it (node/evidence.c), handed to the checker, which knows who lies.
 * Like there, nothing is believed that was not verified. */

static bool is_genuine(const struct sim_world *world, const struct sim_node *node,
                       const struct vote *vote)
{
    const struct signature good = fake_sign(world, &node->set.members[vote->validator], vote);
    return memcmp(&good, &vote->signature, sizeof(good)) == 0;
}

static void found(struct sim_world *world, const struct sim_node *node, const struct vote *a,
                  const struct vote *b)
{
    const struct check_accused accused = {.node = node->index,
                                          .by = node->set.members[a->validator],
                                          .genuine = is_genuine(world, node, a) &&
                                                     is_genuine(world, node, b),
                                          .first = a,
                                          .second = b};
    if (check_accused(world->check, &accused)) {
        fault_hit(world, FAULT_PROVEN);
        world_trace(world, node->index, "evidence against place %u: kinds %d, %d of view %llu",
                    a->validator, (int)a->kind, (int)b->kind, (unsigned long long)a->view);
    }
}

static void accuse(struct sim_world *world, const struct sim_node *node, const struct vote *vote,
                   bool verified)
{
    struct vote held;
    if (consensus_contradicts(node->core, vote, &held) &&
        (verified || is_genuine(world, node, vote))) {
        found(world, node, &held, vote);
    }
}

/* Will the core hold it?  Of two values it keeps the one with a certificate. */
static bool is_kept(const struct sim_node *node, const struct vote *vote)
{
    struct certificate certificate;
    return !consensus_certificate(node->core, vote->kind, vote->view, &certificate) ||
           hash_equal(&certificate.proposal, &vote->proposal);
}

void accuse_vote(struct sim_world *world, const struct sim_node *node, const struct vote *vote,
                 enum consensus_verdict verdict)
{
    const bool verified = verdict == CONSENSUS_ACCEPTED || verdict == CONSENSUS_EQUIVOCATED;
    if (vote->epoch != node->epoch || vote->validator >= node->set.count) {
        return;
    }
    accuse(world, node, vote, verified);
    if (verified && set_place(&node->set, node->validator) != vote->validator) {
        check_heard(world->check, node->index, &node->set.members[vote->validator], vote,
                    verdict == CONSENSUS_ACCEPTED && is_kept(node, vote));
    }
}

void accuse_certificate(struct sim_world *world, const struct sim_node *node,
                        const struct certificate *certificate, bool verified)
{
    struct vote vote = {.kind = certificate->kind,
                        .epoch = certificate->epoch,
                        .view = certificate->view,
                        .proposal = certificate->proposal};
    uint32_t next = 0;
    for (uint32_t i = 0; i < node->set.count && next < certificate->signature_count; i++) {
        if (vote.epoch == node->epoch && validator_bitmap_get(&certificate->signers, i)) {
            vote.validator = i;
            vote.signature = certificate->signatures[next++];
            accuse(world, node, &vote, verified);
        }
    }
}

static struct vote signed_proposal(const struct sim_block *block)
{
    return (struct vote){.kind = VOTE_PROPOSE,
                         .epoch = block->proposal.light.epoch,
                         .view = block->proposal.light.view,
                         .proposal = block->hash,
                         .validator = block->proposal.rest.leader,
                         .signature = block->signature};
}

void accuse_proposal(struct sim_world *world, const struct sim_node *node,
                     const struct sim_block *block, enum consensus_verdict verdict)
{
    const bool verified = verdict == CONSENSUS_ACCEPTED || verdict == CONSENSUS_EQUIVOCATED;
    const struct vote vote = signed_proposal(block);
    for (uint32_t i = 0; verified && i < node->pool_count; i++) {
        const struct vote held = signed_proposal(node->pool[i].block);
        if (vote_contradicts(&held, &vote) &&
            set_place(&node->set, node->validator) != vote.validator) {
            found(world, node, &held, &vote);
            return;
        }
    }
}
