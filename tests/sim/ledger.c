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
    struct hash id;
    struct hash root;
    uint64_t height;
};

/* The parent by its id, as the node finds it.  False: it is not executed here. */
static bool parent_state(struct sim_node *node, const struct sim_block *block,
                         struct parent_state *out)
{
    const struct hash *id = &block->content.parent_id;
    *out = (struct parent_state){.id = *id};
    if (hash_is_zero(id)) {
        return true;
    }
    for (uint32_t i = 0; i < node->pool_count; i++) {
        const struct sim_pooled *pooled = &node->pool[i];
        if (pooled->executed && hash_equal(&pooled->block->proposal.light.block_id, id)) {
            out->root = pooled->root;
            out->height = pooled->block->content.height;
            return true;
        }
    }
    for (uint64_t h = node->height; h > 0 && h + 64 > node->height; h--) {
        const struct sim_final *final = &node->chain[h - 1];
        if (hash_equal(&final->block->proposal.light.block_id, id)) {
            out->root = final->root;
            out->height = h;
            return true;
        }
    }
    return false;
}

/* The block names the block of the proposal's parent.  PENDING: that one is unknown here. */
static enum consensus_certify judge_parent(struct sim_node *node, const struct sim_block *block)
{
    struct hash id = {{0}};
    if (block->proposal.rest.parent_view > 0) {
        const struct sim_block *parent = ledger_block(node, &block->proposal.rest.parent_proposal);
        if (parent == NULL) {
            return CONSENSUS_CERTIFY_PENDING;
        }
        id = parent->proposal.light.block_id;
    }
    return hash_equal(&id, &block->content.parent_id) ? CONSENSUS_CERTIFY_OK
                                                      : CONSENSUS_CERTIFY_BAD;
}

static bool is_admissible(struct sim_node *node, const struct sim_block *block)
{
    const struct sim_content *content = &block->content;
    for (uint32_t i = 0; i < content->tx_count; i++) {
        const uint64_t tx = content->txs[i];
        if (tx == 0 || tx >= SIM_TXS_MAX || content_has_tx(content, i, tx) ||
            branch_has_tx(node, &block->proposal.rest.parent_proposal, tx)) {
            return false;
        }
    }
    return true;
}

static enum consensus_certify execute_one(struct sim_node *node, const struct sim_block *block)
{
    struct sim_pooled *pooled = pool_find(node, &block->hash);
    struct parent_state parent;
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
    if (!parent_state(node, block, &parent)) {
        return CONSENSUS_CERTIFY_PENDING;
    }
    const struct sim_content *content = &block->content;
    pooled->bad = content->height != parent.height + 1 ||
                  !hash_equal(&content->parent_root, &parent.root) || !is_admissible(node, block);
    if (pooled->bad) {
        return CONSENSUS_CERTIFY_BAD;
    }
    root_after(&parent.root, content, &pooled->root);
    pooled->executed = true;
    return CONSENSUS_CERTIFY_OK;
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
    const enum consensus_certify verdict = ledger_execute(node, block);
    struct sim_pooled *pooled = pool_find(node, &block->hash);
    if (verdict != CONSENSUS_CERTIFY_OK || pooled == NULL || node->height == SIM_CHAIN_MAX) {
        check_fail(world->check, "correctness", "node %u cannot execute final height %llu",
                   node->index, (unsigned long long)block->content.height);
        return;
    }
    struct sim_final *final = &node->chain[node->height++];
    *final = (struct sim_final){.block = block, .root = pooled->root};
    if (certificate != NULL) {
        final->certificate = malloc(sizeof(*certificate));
        ASSERT(final->certificate != NULL);
        *final->certificate = *certificate;
    }
    const struct check_final report = {.node = node->index,
                                       .height = block->content.height,
                                       .block_id = block->proposal.light.block_id,
                                       .root = final->root,
                                       .txs = block->content.txs,
                                       .tx_count = block->content.tx_count};
    check_final(world->check, &report);
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

/* Transactions, or a last final block whose result stands in no final block yet (sealing). */
bool ledger_has_work(const struct sim_node *node)
{
    return node->tx_count > 0 ||
           (node->height > 0 && node->chain[node->height - 1].block->content.tx_count > 0);
}

/* An empty block is due if it seals: its parent was not empty. */
bool ledger_is_due(const struct sim_node *node, const struct sim_block *block)
{
    for (uint64_t h = node->height; h > 0; h--) {
        if (hash_equal(&node->chain[h - 1].block->hash, &block->proposal.rest.parent_proposal)) {
            return node->chain[h - 1].block->content.tx_count > 0;
        }
    }
    return false;
}

void ledger_build(struct sim_world *world, struct sim_node *node,
                  const struct consensus_action *action, struct sim_build *out)
{
    const struct consensus_block *parent = &action->build.parent;
    const struct sim_block *block = ledger_block(node, &parent->proposal);
    const struct sim_pooled *pooled = pool_find(node, &parent->proposal);
    const struct sim_final *final = chain_find(node, &parent->proposal);
    memset(out, 0, sizeof(*out));
    out->view = action->build.view;
    out->parent = *parent;
    out->content.height = parent->height + 1;
    out->content.parent_id = parent->block_id;
    if (final != NULL || pooled != NULL) {
        out->content.parent_root = final != NULL ? final->root : pooled->root;
    }
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
