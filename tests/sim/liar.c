#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"

/* The dishonest validator.  It has its own key only, sees what is sent to it, and says
 * whatever could hurt: two proposals in one view, proposals that skip a view without a Z,
 * votes of every kind to whom it likes, blocks that are wrong, certificates that are forged. */

enum { SEEN_MAX = 64 };

static uint32_t draw(struct sim_world *world, uint64_t limit)
{
    return (uint32_t)random_below(&world->random, limit);
}

static void remember(struct sim_node *node, const struct sim_block *block)
{
    node->seen[node->seen_count++ % SEEN_MAX] = block;
    const uint64_t view = block->proposal.light.view;
    node->lie_view = view > node->lie_view ? view : node->lie_view;
}

static void send_to(struct sim_world *world, uint32_t mask, const struct sim_message *message)
{
    for (uint32_t i = 0; i < world->plan.n; i++) {
        if ((mask >> i & 1) != 0) {
            struct sim_message *copy = message_new(message->kind, message->from);
            *copy = *message;
            world_send(world, i, copy);
        }
    }
}

static void vote_to(struct sim_world *world, struct sim_node *node, uint32_t mask, struct vote vote)
{
    vote.epoch = 1;
    vote.validator = node->index;
    vote.signature = fake_sign(world, &vote);
    if (draw(world, 50) == 0) {
        vote.signature.bytes[0] ^= 1;
    } else {
        check_signed(world->check, &vote);
    }
    const struct sim_message message = {.kind = SIM_VOTE, .from = node->index, .vote = vote};
    send_to(world, mask, &message);
}

static uint32_t draw_mask(struct sim_world *world)
{
    const uint32_t all = (1U << world->plan.n) - 1;
    return draw(world, 3) == 0 ? all : draw(world, (uint64_t)all + 1);
}

/* Votes on a proposal: mostly what would split the others. */
static void vote_on(struct sim_world *world, struct sim_node *node, const struct sim_block *block)
{
    struct vote vote = {.view = block->proposal.light.view, .proposal = block->hash};
    if (draw(world, 10) < 8) {
        vote.kind = VOTE_NOTARIZE;
        vote_to(world, node, draw_mask(world), vote);
    }
    if (draw(world, 10) < 6) {
        vote.kind = VOTE_FINALIZE;
        vote_to(world, node, draw_mask(world), vote);
    }
    if (draw(world, 10) < 4) {
        vote.kind = VOTE_NULLIFY;
        memset(&vote.proposal, 0, sizeof(vote.proposal));
        vote_to(world, node, draw_mask(world), vote);
    }
}

static const struct sim_block *draw_seen(struct sim_world *world, const struct sim_node *node)
{
    const uint32_t held = node->seen_count < SEEN_MAX ? node->seen_count : SEEN_MAX;
    if (held == 0) {
        return NULL;
    }
    const uint32_t back =
        draw(world, 2) == 0 ? draw(world, held < 6 ? held : 6) : draw(world, held);
    return node->seen[(node->seen_count - 1 - back) % SEEN_MAX];
}

/* A block of the parent's height that is not the parent, or NULL. */
static const struct sim_block *find_sibling(const struct sim_node *node,
                                            const struct sim_block *parent)
{
    for (uint32_t i = 0; i < SEEN_MAX && i < node->seen_count; i++) {
        const struct sim_block *block = node->seen[i];
        if (block->content.height == parent->content.height &&
            !hash_equal(&block->proposal.light.block_id, &parent->proposal.light.block_id)) {
            return block;
        }
    }
    return NULL;
}

/* The proposal stands on one block, the block in it on another. */
static void name_sibling(const struct sim_node *node, const struct sim_block *parent,
                         struct sim_content *content)
{
    const struct sim_block *sibling = find_sibling(node, parent);
    if (sibling != NULL) {
        content->parent_id = sibling->proposal.light.block_id;
        content->parent_root = sibling->true_root;
    }
}

/* A proposal over some parent, often one that leaves views out. */
static const struct sim_block *make_proposal(struct sim_world *world, struct sim_node *node,
                                             uint64_t view)
{
    const struct sim_block *parent = draw_seen(world, node);
    struct sim_build build = {.view = view};
    build.content.salt = random_next(&world->random) >> 1;
    build.content.time_ms = world_ms(world) + (draw(world, 4) == 0 ? draw(world, 4000) : 0);
    if (parent != NULL && parent->proposal.light.view < view) {
        build.parent = block_brief(parent);
        build.content.parent_id = parent->proposal.light.block_id;
        build.content.parent_root = parent->true_root;
        if (draw(world, 4) == 0) {
            name_sibling(node, parent, &build.content);
        }
    }
    build.content.height = build.parent.height + 1;
    if (draw(world, 2) == 0 && world->tx_count > 0) {
        build.content.tx_count = 1;
        build.content.txs[0] = 1 + random_below(&world->random, world->tx_count);
    }
    if (draw(world, 10) == 0) {
        build.content.parent_root.bytes[3] ^= 4; /* execution will say BAD */
    }
    if (draw(world, 20) == 0) {
        build.content.salt = UINT64_MAX; /* static checks will say bad */
    }
    const struct sim_block *block = block_make(world, &build);
    const struct vote vote = {.kind = VOTE_PROPOSE,
                              .epoch = 1,
                              .view = view,
                              .proposal = block->hash,
                              .validator = node->index};
    for (size_t i = world->block_count; i > 0; i--) {
        if (world->blocks[i - 1] == block) {
            world->blocks[i - 1]->signature = fake_sign(world, &vote);
        }
    }
    return block;
}

static void propose(struct sim_world *world, struct sim_node *node, uint64_t view)
{
    const uint32_t all = (1U << world->plan.n) - 1;
    const uint32_t some = draw_mask(world);
    struct sim_message message = {.kind = SIM_PROPOSAL, .from = node->index, .block_count = 1};
    node->lied_view = view;
    message.blocks[0] = make_proposal(world, node, view);
    send_to(world, some, &message);
    remember(node, message.blocks[0]);
    vote_on(world, node, message.blocks[0]);
    if (draw(world, 3) != 0) { /* the others get another one */
        message.blocks[0] = make_proposal(world, node, view);
        send_to(world, draw(world, 2) == 0 ? all & ~some : draw_mask(world), &message);
        remember(node, message.blocks[0]);
        vote_on(world, node, message.blocks[0]);
    }
}

static void forge(struct sim_world *world, struct sim_node *node)
{
    struct sim_message *message = message_new(SIM_CERTIFICATE, node->index);
    message->certificate = calloc(1, sizeof(*message->certificate));
    ASSERT(message->certificate != NULL);
    struct certificate *forged = message->certificate;
    forged->kind = (enum vote_kind)(1 + draw(world, 3));
    forged->epoch = 1;
    forged->view = node->lie_view + draw(world, 100);
    const struct sim_block *block = draw_seen(world, node);
    if (forged->kind != VOTE_NULLIFY && block != NULL) {
        forged->proposal = block->hash;
    }
    for (uint32_t i = 0; i < world->plan.n; i++) {
        validator_bitmap_set(&forged->signers, i);
        random_fill(&world->random, forged->signatures[i].bytes, SIGNATURE_SIZE);
    }
    forged->signature_count = draw(world, 10) == 0 ? 1 : world->plan.n;
    world_send(world, CONSENSUS_ALL, message);
}

static void answer_block(struct sim_world *world, struct sim_node *node,
                         const struct sim_message *message)
{
    for (uint32_t i = 0; i < SEEN_MAX && i < node->seen_count; i++) {
        if (draw(world, 2) == 0 && hash_equal(&node->seen[i]->hash, &message->hash)) {
            struct sim_message reply = {
                .kind = SIM_PROPOSAL, .from = node->index, .block_count = 1};
            reply.blocks[0] = node->seen[i];
            send_to(world, 1U << message->from, &reply);
        }
    }
}

void liar_deliver(struct sim_world *world, struct sim_node *node, const struct sim_message *message)
{
    uint64_t view = 0;
    switch (message->kind) {
    case SIM_PROPOSAL:
        remember(node, message->blocks[0]);
        vote_on(world, node, message->blocks[0]);
        break;
    case SIM_VOTE:
        view = message->vote.view;
        break;
    case SIM_CERTIFICATE:
        view = message->certificate->view + 1;
        break;
    case SIM_GET_BLOCK:
        answer_block(world, node, message);
        break;
    case SIM_STATUS:
    case SIM_GET_CERTIFICATES:
    case SIM_SYNC_ASK:
    case SIM_SYNC_ANSWER:
    case SIM_TX:
    case SIM_PEER_UP:
        break;
    }
    node->lie_view = view > node->lie_view ? view : node->lie_view;
    for (uint64_t next = node->lie_view; next <= node->lie_view + 1; next++) {
        if (next > node->lied_view && (next - 1) % world->plan.n == node->index &&
            draw(world, 3) == 0) {
            propose(world, node, next);
        }
    }
}

/* Now and then, without a cause. */
void liar_lie(struct sim_world *world, struct sim_node *node)
{
    const struct sim_block *block = draw_seen(world, node);
    if (block != NULL && draw(world, 2) == 0) {
        vote_on(world, node, block);
    }
    if (draw(world, 4) == 0) {
        const struct vote vote = {.kind = VOTE_NULLIFY, .view = node->lie_view + draw(world, 2)};
        if (vote.view > 0) {
            vote_to(world, node, draw_mask(world), vote);
        }
    }
    if (draw(world, 20) == 0) {
        forge(world, node);
    }
    if (draw(world, 40) == 0) { /* P10: a view far away */
        const struct vote vote = {.kind = VOTE_NULLIFY,
                                  .view = node->lie_view + 5000 + draw(world, 1000)};
        vote_to(world, node, draw_mask(world), vote);
    }
}
