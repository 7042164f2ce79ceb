#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"

/* One node's blocks: the pool of proposals that are not final, what executing them gives, and
 * the final chain, which stands for chain.db. */

struct sim_pooled *pool_find(struct sim_node *node, const struct hash *hash)
{
    for (uint32_t i = 0; i < node->pool_count; i++) {
        if (hash_equal(&node->pool[i].block->hash, hash)) {
            return &node->pool[i];
        }
    }
    return NULL;
}

bool pool_add(struct sim_node *node, const struct sim_block *block)
{
    if (pool_find(node, &block->hash) != NULL) {
        return true;
    }
    if (node->pool_count == SIM_POOL_MAX) {
        return false;
    }
    node->pool[node->pool_count++] = (struct sim_pooled){.block = block};
    return true;
}

static const struct sim_final *chain_find(const struct sim_node *node, const struct hash *hash)
{
    for (uint64_t h = node->height; h > 0 && h + 64 > node->height; h--) {
        if (hash_equal(&node->chain[h - 1].block->hash, hash)) {
            return &node->chain[h - 1];
        }
    }
    return NULL;
}

const struct sim_block *ledger_block(struct sim_node *node, const struct hash *hash)
{
    const struct sim_pooled *pooled = pool_find(node, hash);
    const struct sim_final *final = pooled == NULL ? chain_find(node, hash) : NULL;
    return pooled != NULL ? pooled->block : (final != NULL ? final->block : NULL);
}

static bool content_has_tx(const struct sim_content *content, uint32_t count, uint64_t tx)
{
    for (uint32_t i = 0; i < count; i++) {
        if (content->txs[i] == tx) {
            return true;
        }
    }
    return false;
}

/* Is tx in the branch that ends with the proposal parent? */
static bool branch_has_tx(struct sim_node *node, const struct hash *parent, uint64_t tx)
{
    struct hash at = *parent;
    const struct sim_pooled *pooled;
    while ((pooled = pool_find(node, &at)) != NULL) {
        const struct sim_content *content = &pooled->block->content;
        if (content_has_tx(content, content->tx_count, tx)) {
            return true;
        }
        at = pooled->block->proposal.rest.parent_proposal;
    }
    for (uint64_t h = 0; h < node->height; h++) {
        const struct sim_content *content = &node->chain[h].block->content;
        if (content_has_tx(content, content->tx_count, tx)) {
            return true;
        }
    }
    return false;
}

struct parent_state {
    struct sim_state state;
    uint64_t height;
};

/* The parent by its id, as the node finds it.  False: it is not executed here. */
static bool parent_state(struct sim_node *node, const struct hash *id, struct parent_state *out)
{
    *out = (struct parent_state){.height = 0};
    if (hash_is_zero(id)) {
        state_genesis(node->world, &out->state);
        return true;
    }
    for (uint32_t i = 0; i < node->pool_count; i++) {
        const struct sim_pooled *pooled = &node->pool[i];
        if (pooled->executed && hash_equal(&pooled->block->proposal.light.block_id, id)) {
            out->state = pooled->state;
            out->height = pooled->block->content.height;
            return true;
        }
    }
    for (uint64_t h = node->height; h > 0 && h + 64 > node->height; h--) {
        const struct sim_final *final = &node->chain[h - 1];
        if (hash_equal(&final->block->proposal.light.block_id, id)) {
            out->state = final->state;
            out->height = h;
            return true;
        }
    }
    return false;
}

/* The block names the block of the proposal's parent, or is it, again (E3).  PENDING: that one
 * is unknown here. */
static enum consensus_certify judge_parent(struct sim_node *node, const struct sim_block *block)
{
    struct hash id = node->start_id;
    const bool again = (block->proposal.rest.flags & PROPOSAL_REPROPOSED) != 0;
    bool on_boundary = false;
    if (block->proposal.rest.parent_view > 0) {
        const struct sim_block *parent = ledger_block(node, &block->proposal.rest.parent_proposal);
        if (parent == NULL) {
            return CONSENSUS_CERTIFY_PENDING;
        }
        id = parent->proposal.light.block_id;
        on_boundary = block_is_boundary(parent);
    }
    const struct hash *named = again ? &block->proposal.light.block_id : &block->content.parent_id;
    return again == on_boundary && hash_equal(&id, named) ? CONSENSUS_CERTIFY_OK
                                                          : CONSENSUS_CERTIFY_BAD;
}

static bool is_admissible(struct sim_node *node, const struct sim_block *block)
{
    const struct sim_content *content = &block->content;
    const bool again = block->proposal.rest.flags != 0; /* its parent proposal has the same */
    const struct hash none = {{0}};
    const struct hash *branch = again ? &none : &block->proposal.rest.parent_proposal;
    for (uint32_t i = 0; i < content->tx_count; i++) {
        const uint64_t tx = content->txs[i];
        if (tx == 0 || tx >= SIM_TXS_MAX || content_has_tx(content, i, tx) ||
            branch_has_tx(node, branch, tx)) {
            return false;
        }
    }
    return true;
}

/* The block by itself, on the parent it names. */
static enum consensus_certify execute_content(struct sim_node *node, struct sim_pooled *pooled)
{
    struct parent_state parent;
    struct hash next_set;
    const struct sim_block *block = pooled->block;
    const struct sim_content *content = &block->content;
    if (!parent_state(node, &content->parent_id, &parent)) {
        return CONSENSUS_CERTIFY_PENDING;
    }
    state_next_set(node->world, &parent.state, content->height, &next_set);
    pooled->bad = content->height != parent.height + 1 ||
                  !hash_equal(&content->parent_root, &parent.state.root) ||
                  !hash_equal(&content->next_set, &next_set) || !is_admissible(node, block);
    if (pooled->bad) {
        return CONSENSUS_CERTIFY_BAD;
    }
    state_after(node->world, &parent.state, content, &pooled->state);
    pooled->executed = true;
    return CONSENSUS_CERTIFY_OK;
}

/* As its parent proposal was judged: it is the same block. */
static enum consensus_certify execute_again(struct sim_node *node, struct sim_pooled *pooled)
{
    const struct sim_pooled *first = pool_find(node, &pooled->block->proposal.rest.parent_proposal);
    if (first == NULL || !(first->executed || first->bad)) {
        return CONSENSUS_CERTIFY_PENDING;
    }
    pooled->state = first->state;
    pooled->executed = first->executed;
    pooled->bad = first->bad;
    return pooled->executed ? CONSENSUS_CERTIFY_OK : CONSENSUS_CERTIFY_BAD;
}

static enum consensus_certify execute_one(struct sim_node *node, const struct sim_block *block)
{
    struct sim_pooled *pooled = pool_find(node, &block->hash);
    if (pooled == NULL) {
        return CONSENSUS_CERTIFY_PENDING;
    }
    if (pooled->executed || pooled->bad) {
        return pooled->executed ? CONSENSUS_CERTIFY_OK : CONSENSUS_CERTIFY_BAD;
    }
    const enum consensus_certify verdict = judge_parent(node, block);
    if (verdict != CONSENSUS_CERTIFY_OK) {
        pooled->bad = verdict == CONSENSUS_CERTIFY_BAD;
        return verdict;
    }
    if (block->proposal.rest.flags != 0) {
        return execute_again(node, pooled);
    }
    return execute_content(node, pooled);
}

/* Certify: a function of the chain alone.  Ancestors that a restart has forgotten come first. */
enum consensus_certify ledger_execute(struct sim_node *node, const struct sim_block *block)
{
    enum { DEPTH_MAX = 256 };
    const struct sim_block *stack[DEPTH_MAX];
    uint32_t depth = 0;
    ASSERT(block != NULL);
    for (const struct sim_block *at = block; at != NULL && depth < DEPTH_MAX;) {
        const struct sim_pooled *pooled = pool_find(node, &at->hash);
        if (pooled == NULL || pooled->executed) {
            break;
        }
        stack[depth++] = at;
        pooled = pool_find(node, &at->proposal.rest.parent_proposal);
        at = pooled == NULL ? NULL : pooled->block;
    }
    for (; depth > 1; depth--) {
        (void)execute_one(node, stack[depth - 1]);
    }
    return execute_one(node, block);
}

bool ledger_tx_add(struct sim_node *node, uint64_t tx)
{
    for (uint32_t i = 0; i < node->tx_count; i++) {
        if (node->txs[i] == tx) {
            return false;
        }
    }
    if (node->tx_count == SIM_TXS_MAX || branch_has_tx(node, &(struct hash){{0}}, tx)) {
        return false;
    }
    node->txs[node->tx_count++] = tx;
    return true;
}

static void tx_drop(struct sim_node *node, uint64_t tx)
{
    for (uint32_t i = 0; i < node->tx_count; i++) {
        if (node->txs[i] == tx) {
            node->txs[i] = node->txs[--node->tx_count];
            return;
        }
    }
}

/* Commit to chain.db; durable when this returns.  certificate: an F on this very block. */
void ledger_final(struct sim_world *world, struct sim_node *node, const struct sim_block *block,
                  const struct certificate *certificate)
{
    struct sim_pooled *pooled = pool_find(node, &block->hash);
    const bool again = pooled != NULL && !pooled->executed && block->proposal.rest.flags != 0;
    const enum consensus_certify verdict =
        again ? execute_content(node, pooled) : ledger_execute(node, block);
    if (verdict != CONSENSUS_CERTIFY_OK || pooled == NULL || node->height == SIM_CHAIN_MAX) {
        check_fail(world->check, "correctness", "node %u cannot execute final height %llu",
                   node->index, (unsigned long long)block->content.height);
        return;
    }
    struct sim_final *final = &node->chain[node->height++];
    *final = (struct sim_final){.block = block, .state = pooled->state};
    if (certificate != NULL) {
        final->certificate = malloc(sizeof(*certificate));
        ASSERT(final->certificate != NULL);
        *final->certificate = *certificate;
    }
    const bool ends = block_is_boundary(block);
    const struct check_final report = {.node = node->index,
                                       .epoch = block->proposal.light.epoch,
                                       .next = ends ? final->state.set.members : NULL,
                                       .next_count = final->state.set.count,
                                       .height = block->content.height,
                                       .block_id = block->proposal.light.block_id,
                                       .root = final->state.root,
                                       .txs = block->content.txs,
                                       .tx_count = block->content.tx_count};
    check_final(world->check, &report);
    if (ends) {
        epoch_open(world, block, &final->state);
    }
    record_final(world, node, block);
    for (uint32_t i = 0; i < block->content.tx_count; i++) {
        tx_drop(node, block->content.txs[i]);
    }
    const uint64_t view = block->proposal.light.view;
    for (uint32_t i = 0; i < node->pool_count;) {
        if (node->pool[i].block->proposal.light.view <= view) {
            node->pool[i] = node->pool[--node->pool_count];
        } else {
            i++;
        }
    }
}

static bool leaves_work(const struct sim_world *world, const struct sim_block *block)
{
    return block->content.tx_count > 0 || state_is_due(world, &block->true_state);
}

/* Transactions, a last final block whose result stands in no final block yet (sealing), or a
 * change of the set to carry out. */
bool ledger_has_work(const struct sim_node *node)
{
    return node->tx_count > 0 ||
           (node->height > 0 && leaves_work(node->world, node->chain[node->height - 1].block));
}

/* An empty block is due if its parent left something to do. */
bool ledger_is_due(struct sim_node *node, const struct sim_block *block)
{
    const struct sim_block *parent = ledger_block(node, &block->proposal.rest.parent_proposal);
    if (block->proposal.rest.parent_view == 0 && node->height > 0) {
        parent = node->chain[node->height - 1].block;
    }
    return parent != NULL && leaves_work(node->world, parent);
}

const struct certificate *ledger_epoch_end(const struct sim_node *node, uint64_t epoch)
{
    for (uint64_t h = node->height; h > 0; h--) {
        const struct sim_block *block = node->chain[h - 1].block;
        if (block->proposal.light.epoch == epoch && block_is_boundary(block)) {
            return node->chain[h - 1].certificate;
        }
    }
    return NULL;
}

void ledger_build(struct sim_world *world, struct sim_node *node,
                  const struct consensus_action *action, struct sim_build *out)
{
    const struct consensus_block *parent = &action->build.parent;
    const struct sim_block *block = ledger_block(node, &parent->proposal);
    struct parent_state state;
    if (parent->view == 0 && node->height > 0) {
        block = node->chain[node->height - 1].block;
    }
    memset(out, 0, sizeof(*out));
    out->view = action->build.view;
    out->parent = *parent;
    out->content.height = parent->height + 1;
    out->content.parent_id = parent->block_id;
    out->again = action->build.repropose ? block : NULL;
    const bool executed = parent_state(node, &parent->block_id, &state);
    ASSERT(executed);
    out->state = state.state;
    out->content.parent_root = state.state.root;
    state_next_set(world, &state.state, out->content.height, &out->content.next_set);
    const int64_t now_ms = (int64_t)world_ms(world) + node_skew_ms(world, node);
    const uint64_t clock = now_ms > 0 ? (uint64_t)now_ms : 0;
    const uint64_t after = block == NULL ? 0 : block->content.time_ms + 1;
    out->content.time_ms = clock > after ? clock : after;
    for (uint32_t i = 0; i < node->tx_count && !action->build.carrier_only; i++) {
        if (out->content.tx_count < SIM_BLOCK_TXS_MAX &&
            !branch_has_tx(node, &parent->proposal, node->txs[i])) {
            out->content.txs[out->content.tx_count++] = node->txs[i];
        }
    }
}
