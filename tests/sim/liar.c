#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"

/* The dishonest validator.  It has its own key only, sees what is sent to it, and says
 * whatever could hurt: two proposals in one view, proposals that skip a view without a Z,
 * votes of every kind to whom it likes, blocks that are wrong, certificates that are forged. */

enum { SEEN_MAX = 64 };

static uint32_t pick(struct sim_world *world, const struct sim_node *node, uint64_t limit)
{
    return (uint32_t)draw_below(world, DRAW_LIE, node->index, limit);
}

/* Does this liar do such things?  One in `limit` times it does. */
static bool lies(struct sim_world *world, const struct sim_node *node, enum fault_class class,
                 uint64_t limit)
{
    if (fault_value(world, class, node->index) == 0 || pick(world, node, limit) != 0) {
        return false;
    }
    fault_hit(world, class);
    return true;
}

/* An epoch and view that others are in.  An epoch is believed when it is open. */
static void follow(const struct sim_world *world, struct sim_node *node, uint64_t epoch,
                   uint64_t view)
{
    if (epoch > node->epoch && epoch <= world->epoch_count) {
        node->epoch = epoch;
        node->set = world->sets[epoch];
        node->lie_view = 0;
        node->lied_view = 0;
    }
    if (epoch == node->epoch && view > node->lie_view) {
        node->lie_view = view;
    }
}

static void remember(const struct sim_world *world, struct sim_node *node,
                     const struct sim_block *block)
{
    node->seen[node->seen_count++ % SEEN_MAX] = block;
    follow(world, node, block->proposal.light.epoch, block->proposal.light.view);
}

/* Its place in the set of an epoch; as nobody's member any place will do. */
static struct check_member place_in(const struct sim_node *node, const struct sim_set *set,
                                    uint32_t *place)
{
    *place = set_place(set, node->validator);
    if (*place == CONSENSUS_OBSERVER) {
        *place = node->validator % set->count;
        return (struct check_member){.validator = node->validator};
    }
    return set->members[*place];
}

static bool leads(const struct sim_node *node, uint64_t view)
{
    const uint32_t leader = sim_leader(&node->set, view);
    return node->set.members[leader].validator == node->validator;
}

static void send_to(struct sim_world *world, uint32_t mask, const struct sim_message *message)
{
    for (uint32_t i = 0; i < world->plan.n; i++) {
        if ((mask >> i & 1) != 0) {
            struct sim_message *copy = message_new(message->kind, &world->nodes[message->via]);
            *copy = *message;
            world_send(world, i, copy);
        }
    }
}

static void vote_to(struct sim_world *world, struct sim_node *node, uint32_t mask, struct vote vote)
{
    if (vote.epoch == 0 || vote.epoch > world->epoch_count) {
        vote.epoch = node->epoch;
    }
    const struct check_member by = place_in(node, &world->sets[vote.epoch], &vote.validator);
    vote.signature = fake_sign(world, &by, &vote);
    if (lies(world, node, FAULT_LIE_SIGNATURE, 5)) {
        vote.signature.bytes[0] ^= 1;
    } else {
        record_signed(world, &by, &vote);
    }
    const struct sim_message message = {.kind = SIM_VOTE,
                                        .from = node->validator,
                                        .via = node->index,
                                        .epoch = node->epoch,
                                        .vote = vote};
    send_to(world, mask, &message);
}

static uint32_t everyone(const struct sim_world *world)
{
    return (1U << world->plan.n) - 1;
}

static uint32_t pick_mask(struct sim_world *world, const struct sim_node *node)
{
    const uint32_t all = everyone(world);
    return pick(world, node, 3) == 0 ? all : pick(world, node, (uint64_t)all + 1);
}

/* Votes on a proposal: mostly what would split the others; or as an honest one might. */
static void vote_on(struct sim_world *world, struct sim_node *node, const struct sim_block *block)
{
    const bool splits = lies(world, node, FAULT_LIE_VOTES, 1);
    const uint32_t all = everyone(world);
    struct vote vote = {.epoch = block->proposal.light.epoch,
                        .view = block->proposal.light.view,
                        .proposal = block->hash};
    if (pick(world, node, 10) < 8) {
        vote.kind = VOTE_NOTARIZE;
        vote_to(world, node, splits ? pick_mask(world, node) : all, vote);
    }
    if (pick(world, node, 10) < 6) {
        vote.kind = VOTE_FINALIZE;
        vote_to(world, node, splits ? pick_mask(world, node) : all, vote);
    }
    if (splits && pick(world, node, 10) < 4) {
        vote.kind = VOTE_NULLIFY;
        memset(&vote.proposal, 0, sizeof(vote.proposal));
        vote_to(world, node, pick_mask(world, node), vote);
    }
}

static const struct sim_block *pick_seen(struct sim_world *world, const struct sim_node *node)
{
    const uint32_t held = node->seen_count < SEEN_MAX ? node->seen_count : SEEN_MAX;
    if (held == 0) {
        return NULL;
    }
    const uint32_t back = pick(world, node, 2) == 0 ? pick(world, node, held < 6 ? held : 6)
                                                    : pick(world, node, held);
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
        content->parent_root = sibling->true_state.root;
    }
}

static bool is_newer(const struct sim_block *block, const struct sim_block *than)
{
    const struct proposal_light *a = &block->proposal.light;
    const struct proposal_light *b = &than->proposal.light;
    return a->epoch != b->epoch ? a->epoch > b->epoch : a->view > b->view;
}

const struct sim_block *liar_newest(const struct sim_node *node)
{
    const struct sim_block *newest = NULL;
    for (uint32_t i = 0; i < SEEN_MAX && i < node->seen_count; i++) {
        if (newest == NULL || is_newer(node->seen[i], newest)) {
            newest = node->seen[i];
        }
    }
    return newest;
}

static void spoil(struct sim_world *world, struct sim_node *node, struct sim_content *content)
{
    if (lies(world, node, FAULT_LIE_BLOCK, 10)) {
        content->parent_root.bytes[3] ^= 4; /* execution will say BAD */
    }
    if (lies(world, node, FAULT_LIE_BLOCK, 20)) {
        content->salt = UINT64_MAX; /* static checks will say bad */
    }
    if (lies(world, node, FAULT_LIE_TIME, 3)) {
        content->time_ms =
            pick(world, node, 2) == 0 ? 0 : content->time_ms + pick(world, node, 4000);
    }
}

/* On that parent: in its epoch, or as the first of the next one. */
static void stand_on(const struct sim_block *parent, uint64_t view, struct sim_build *build)
{
    const bool ends = block_is_boundary(parent);
    build->state = parent->true_state;
    build->content.parent_id = parent->proposal.light.block_id;
    build->content.parent_root = parent->true_state.root;
    build->content.height = parent->content.height + 1;
    if (!ends && parent->proposal.light.view < view) {
        build->parent = block_brief(parent);
    }
}

/* A proposal over the newest block, or over some parent, so that it leaves views out.  On a
 * boundary block: the block again, a child as if it were final, or a child all the same (E3). */
static const struct sim_block *make_proposal(struct sim_world *world, struct sim_node *node,
                                             uint64_t view)
{
    const bool any = lies(world, node, FAULT_LIE_BLOCK, 2);
    const struct sim_block *parent = any ? pick_seen(world, node) : liar_newest(node);
    struct sim_build build = {.view = view, .content.height = 1};
    build.content.salt = draw(world, DRAW_LIE, node->index) >> 1;
    build.content.time_ms = world_ms(world);
    state_genesis(world, &build.state);
    if (parent != NULL) {
        stand_on(parent, view, &build);
        if (block_is_boundary(parent) && parent->proposal.light.epoch == node->epoch) {
            build.parent = block_brief(parent);
            build.again = pick(world, node, 2) == 0 ? parent : NULL;
            build.state.epoch = node->epoch;
            build.state.set = parent->set;
        }
        if (lies(world, node, FAULT_LIE_BLOCK, 4)) {
            name_sibling(node, parent, &build.content);
        }
    }
    state_next_set(world, &build.state, build.content.height, &build.content.next_set);
    if (lies(world, node, FAULT_LIE_BLOCK, 10)) { /* a boundary out of turn */
        build.content.next_set.bytes[0] ^= 1;
    }
    if (pick(world, node, 2) == 0 && world->tx_count > 0) {
        build.content.tx_count = 1;
        build.content.txs[0] = 1 + pick(world, node, world->tx_count);
    }
    spoil(world, node, &build.content);
    build.no_code = shards_used(world, &build.state.set, &build.content) &&
                    lies(world, node, FAULT_LIE_SHARDS, 2);
    const struct sim_block *block = block_make(world, &build);
    struct vote vote = {.kind = VOTE_PROPOSE,
                        .epoch = block->proposal.light.epoch,
                        .view = view,
                        .proposal = block->hash};
    const struct check_member by = place_in(node, &block->set, &vote.validator);
    for (size_t i = world->block_count; i > 0; i--) {
        if (world->blocks[i - 1] == block) {
            world->blocks[i - 1]->signature = fake_sign(world, &by, &vote);
        }
    }
    return block;
}

static void propose_to(struct sim_world *world, struct sim_node *node, uint32_t mask, uint64_t view)
{
    struct sim_message message = {
        .kind = SIM_PROPOSAL, .from = node->validator, .via = node->index, .block_count = 1};
    message.epoch = node->epoch;
    message.blocks[0] = make_proposal(world, node, view);
    if (message.blocks[0]->shards == NULL) {
        send_to(world, mask, &message);
    } else {
        shards_send(world, node, message.blocks[0], mask);
    }
    remember(world, node, message.blocks[0]);
    vote_on(world, node, message.blocks[0]);
}

static void propose(struct sim_world *world, struct sim_node *node, uint64_t view)
{
    const uint32_t all = everyone(world);
    node->lied_view = view;
    if (lies(world, node, FAULT_LIE_PROPOSALS, 1)) {
        const uint32_t some = pick_mask(world, node);
        propose_to(world, node, some, view);
        if (pick(world, node, 3) != 0) { /* the others get another one */
            propose_to(world, node,
                       pick(world, node, 2) == 0 ? all & ~some : pick_mask(world, node), view);
        }
        return;
    }
    propose_to(world, node, lies(world, node, FAULT_LIE_WITHHOLD, 2) ? pick_mask(world, node) : all,
               view);
}

static struct certificate *forged(struct sim_world *world, struct sim_node *node)
{
    struct certificate *out = calloc(1, sizeof(*out));
    ASSERT(out != NULL);
    out->kind = (enum vote_kind)(1 + pick(world, node, 3));
    out->epoch = node->epoch;
    out->view = node->lie_view + pick(world, node, 100);
    const struct sim_block *block = pick_seen(world, node);
    if (out->kind != VOTE_NULLIFY && block != NULL) {
        out->proposal = block->hash;
    }
    for (uint32_t i = 0; i < node->set.count; i++) {
        uint64_t random = draw(world, DRAW_LIE, node->index);
        validator_bitmap_set(&out->signers, i);
        random_fill(&random, out->signatures[i].bytes, SIGNATURE_SIZE);
    }
    out->signature_count = pick(world, node, 10) == 0 ? 1 : node->set.count;
    return out;
}

static void forge(struct sim_world *world, struct sim_node *node)
{
    struct sim_message *message = message_new(SIM_CERTIFICATE, node);
    message->certificate = forged(world, node);
    world_send(world, CONSENSUS_ALL, message);
}

static void answer_block(struct sim_world *world, struct sim_node *node,
                         const struct sim_message *message)
{
    if (lies(world, node, FAULT_LIE_WITHHOLD, 1)) {
        return;
    }
    for (uint32_t i = 0; i < SEEN_MAX && i < node->seen_count; i++) {
        if (hash_equal(&node->seen[i]->hash, &message->hash)) {
            struct sim_message *reply = message_new(SIM_PROPOSAL, node);
            reply->block_count = 1;
            reply->blocks[0] = node->seen[i];
            world_send(world, message->from, reply);
        }
    }
}

/* To one who catches up: blocks that do not follow, under a certificate that is not one. */
static void answer_sync(struct sim_world *world, struct sim_node *node,
                        const struct sim_message *message)
{
    if (node->seen_count == 0 || !lies(world, node, FAULT_LIE_SYNC, 1)) {
        return;
    }
    struct sim_message *reply = message_new(SIM_SYNC_ANSWER, node);
    reply->certificate = forged(world, node);
    for (uint32_t i = 1 + pick(world, node, 3); i > 0; i--) {
        reply->blocks[reply->block_count++] = pick_seen(world, node);
    }
    reply->certificate->kind = VOTE_FINALIZE;
    reply->certificate->proposal = reply->blocks[reply->block_count - 1]->hash;
    world_send(world, message->from, reply);
}

/* As a validator who passes on what it got, or something else. */
static void take_shard(struct sim_world *world, struct sim_node *node,
                       const struct sim_block *block)
{
    remember(world, node, block);
    vote_on(world, node, block);
    if (lies(world, node, FAULT_LIE_SHARDS, 2)) {
        shards_lie(world, node, block, pick_mask(world, node));
    }
}

static void listen(struct sim_world *world, struct sim_node *node,
                   const struct sim_message *message)
{
    switch (message->kind) {
    case SIM_PROPOSAL:
        remember(world, node, message->blocks[0]);
        vote_on(world, node, message->blocks[0]);
        return;
    case SIM_SHARD:
        take_shard(world, node, message->blocks[0]);
        return;
    case SIM_VOTE:
        if (message->vote.epoch != node->epoch || message->vote.view < node->lie_view + 100) {
            follow(world, node, message->vote.epoch, message->vote.view);
        }
        return;
    case SIM_CERTIFICATE:
        if (message->certificate->epoch <= world->epoch_count &&
            fake_verify(world, &world->sets[message->certificate->epoch], message->certificate)) {
            follow(world, node, message->certificate->epoch, message->certificate->view + 1);
        }
        return;
    case SIM_GET_BLOCK:
        answer_block(world, node, message);
        return;
    case SIM_SYNC_ASK:
        answer_sync(world, node, message);
        return;
    case SIM_STATUS:
    case SIM_HAVE:
    case SIM_GET_CERTIFICATES:
    case SIM_SYNC_ANSWER:
    case SIM_TX:
    case SIM_PEER_UP:
    case SIM_GET_SHARDS:
        return;
    }
    UNREACHABLE();
}

void liar_deliver(struct sim_world *world, struct sim_node *node, const struct sim_message *message)
{
    if (lies(world, node, FAULT_LIE_SILENT, 1)) {
        return;
    }
    if (!world->nodes[message->via].liar) {
        listen(world, node, message);
    }
    if (fault_value(world, FAULT_LIE_LATE, node->index) != 0) {
        return; /* it proposes when it lies, at leisure */
    }
    for (uint64_t next = node->lie_view; next <= node->lie_view + 1; next++) {
        if (next > node->lied_view && leads(node, next) && pick(world, node, 3) == 0) {
            propose(world, node, next);
        }
    }
}

/* Something said before, again, to whom it likes. */
static void replay(struct sim_world *world, struct sim_node *node)
{
    const struct sim_block *block = pick_seen(world, node);
    const bool own = block != NULL &&
                     block->set.members[block->proposal.rest.leader].validator == node->validator;
    if (own) {
        const struct sim_message message = {.kind = SIM_PROPOSAL,
                                            .from = node->validator,
                                            .via = node->index,
                                            .epoch = node->epoch,
                                            .block_count = 1,
                                            .blocks = {block}};
        send_to(world, pick_mask(world, node), &message);
    }
    if (block != NULL) {
        vote_on(world, node, block);
    }
}

/* P10: a view far away, as vote and as claim. */
static void far_away(struct sim_world *world, struct sim_node *node)
{
    const struct vote vote = {.kind = VOTE_NULLIFY,
                              .view = node->lie_view + 5000 + pick(world, node, 1000)};
    vote_to(world, node, pick_mask(world, node), vote);
    struct sim_message *message = message_new(SIM_STATUS, node);
    message->view = vote.view;
    message->extra = vote.view - 1;
    world_send(world, CONSENSUS_ALL, message);
    message = message_new(SIM_HAVE, node);
    message->view = node->lie_view + pick(world, node, 4);
    message->extra = VOTE_NOTARIZE + pick(world, node, 3);
    world_send(world, CONSENSUS_ALL, message);
}

/* Now and then, without a cause. */
void liar_lie(struct sim_world *world, struct sim_node *node)
{
    if (fault_value(world, FAULT_LIE_SILENT, node->index) != 0) {
        return;
    }
    if (lies(world, node, FAULT_LIE_REPLAY, 2)) {
        replay(world, node);
    }
    if (lies(world, node, FAULT_LIE_VOTES, 4)) {
        const struct vote vote = {.kind = VOTE_NULLIFY,
                                  .view = node->lie_view + pick(world, node, 2)};
        if (vote.view > 0) {
            vote_to(world, node, pick_mask(world, node), vote);
        }
    }
    if (lies(world, node, FAULT_LIE_PHANTOM, 8)) {
        struct vote vote = {.kind = pick(world, node, 2) == 0 ? VOTE_NOTARIZE : VOTE_FINALIZE,
                            .view = node->lie_view + 1};
        uint64_t random = draw(world, DRAW_LIE, node->index);
        random_fill(&random, vote.proposal.bytes, HASH_SIZE);
        vote_to(world, node, everyone(world), vote);
    }
    if (lies(world, node, FAULT_LIE_FORGE, 20)) {
        forge(world, node);
    }
    if (lies(world, node, FAULT_LIE_FUTURE, 40)) {
        far_away(world, node);
    }
    const uint64_t next = node->lie_view;
    if (next > node->lied_view && leads(node, next) && lies(world, node, FAULT_LIE_LATE, 8)) {
        propose(world, node, next);
    }
}
