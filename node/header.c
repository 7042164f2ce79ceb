#include "node/blocks.h"

/* What a block's header says of its parent and of the blocks before (R7). */

/* hist_root of a child of parent: all final ids, then those between the last final block
 * and the child. */
void blocks_hist_root(struct driver *d, const struct tip *parent, struct hash *out)
{
    static struct crypto_tree tree; /* 2 KB; the driver's thread only */
    struct hash ids[STORE_OVERLAY_COUNT_MAX];
    uint32_t count = 0;
    store_history_tree(d->store, &tree);
    struct hash id = parent->block_id;
    while (!hash_equal(&id, &d->committed.block_id)) {
        const struct unfinal *u = blocks_find_id(d, &id);
        ASSERT(u != NULL && count < STORE_OVERLAY_COUNT_MAX);
        ids[count++] = id;
        id = u->parent_id;
    }
    while (count > 0) {
        crypto_tree_append(&tree, bytes_of(ids[--count].bytes, HASH_SIZE));
    }
    crypto_tree_root(&tree, out);
}

/* The id at a height among parent and its ancestors. */
static bool ancestor_id(struct driver *d, const struct tip *parent, uint64_t height,
                        struct hash *out)
{
    *out = parent->block_id;
    if (height > parent->height) {
        return false;
    }
    for (uint64_t at = parent->height; at > height && at > d->committed.height; at--) {
        const struct unfinal *u = blocks_find_id(d, out);
        ASSERT(u != NULL);
        *out = u->parent_id;
    }
    if (height >= d->committed.height) {
        return true;
    }
    /* A failing disk says nothing about the block, nor does a final block whose id is not there:
     * d->error stops the node. */
    const enum store_answer answer = store_block_id(d->store, height, out, &d->error);
    if (answer == STORE_ABSENT) {
        return error_set(&d->error, EXIT_CODE_CORRUPT,
                         "%.120s/chain.db: the id of block %llu is missing; " BLOCKS_FETCH_AGAIN,
                         d->config.data_dir, (unsigned long long)height);
    }
    return answer == STORE_FOUND;
}

void blocks_beacon(const struct hash *output, struct hash *beacon)
{
    crypto_digest(TAG_BEACON, bytes_of(output->bytes, HASH_SIZE), beacon);
}

struct bytes blocks_beacon_alpha(const struct driver *d, const struct tip *parent, uint8_t *buffer)
{
    struct wire_writer writer;
    struct bytes alpha;
    wire_writer_init(&writer, buffer, WIRE_BEACON_ALPHA_SIZE_MAX);
    wire_write_beacon_alpha(&writer, &d->chain_id, &parent->beacon, parent->height + 1);
    ASSERT(wire_writer_end(&writer, &alpha));
    return alpha;
}

uint64_t blocks_carried_height(const struct wire_block *block, const struct tip *parent)
{
    return block->has_last_final ? block->last_final.light.height : parent->carried_height;
}

/* E1, 17.5: epoch and sets follow from the parent's state; 3.8.3: nobody follows a set that its
 * predecessors did not make final. */
static const char *epoch_fault(struct driver *d, const struct wire_block *block,
                               const struct tip *parent)
{
    const struct block_header *header = &block->header;
    const struct state_view view = blocks_view(d, parent);
    const struct state_epoch epoch = state_read_epoch(&view, header->height);
    if (header->epoch != epoch.epoch) {
        return "epoch";
    }
    if (!hash_equal(&header->set_hash, &epoch.set_hash)) {
        return "set_hash";
    }
    if (!hash_equal(&header->next_set_hash, &epoch.next_set_hash)) {
        return "next_set_hash";
    }
    const bool first = epoch.epoch > 0 && parent->height == epoch.start_height;
    if (first && (!block->has_last_final || block->last_final.light.height != epoch.start_height)) {
        return "last_final of the boundary";
    }
    /* The set of an epoch speaks for its own blocks alone. */
    const bool ended = epoch.epoch > 0 && block->last_final.light.height <= epoch.start_height;
    return block->has_last_final && block->last_final.light.epoch != epoch.epoch - (ended ? 1 : 0)
               ? "epoch of last_final"
               : NULL;
}

const char *blocks_header_fault(struct driver *d, const struct wire_block *block,
                                const struct tip *parent)
{
    const struct block_header *header = &block->header;
    struct hash digest;
    if (header->height != parent->height + 1 ||
        !hash_equal(&header->parent_id, &parent->block_id)) {
        return "parent";
    }
    if (header->time_ms <= parent->time_ms) {
        return "time";
    }
    if (!hash_equal(&header->state_root, &parent->state_root)) {
        return "state_root";
    }
    if (!hash_equal(&header->results_root, &parent->results_root)) {
        return "results_root";
    }
    blocks_hist_root(d, parent, &digest);
    if (!hash_equal(&header->hist_root, &digest)) {
        return "hist_root";
    }
    if (block->has_last_final &&
        (block->last_final.light.height <= parent->carried_height || /* K2: only what is new */
         !ancestor_id(d, parent, block->last_final.light.height, &digest) ||
         !hash_equal(&digest, &block->last_final.light.block_id))) {
        return "last_final";
    }
    return epoch_fault(d, block, parent);
}
