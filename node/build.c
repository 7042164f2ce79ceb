#include "node/blocks.h"

#include <string.h>

#include "node/shards.h"

/* Our own proposal: header over the parent's roots, transactions from the pool. */

struct picked {
    uint32_t count;
    size_t size;
    struct bytes txs[BLOCK_TX_MAX];
};

enum { BLOCK_OVERHEAD = WIRE_HEADER_SIZE_MAX + WIRE_LAST_FINAL_SIZE_MAX + 16 };

static void pick(struct driver *d, const struct tip *parent, uint64_t time_ms,
                 struct picked *picked)
{
    struct mempool_entry entry;
    uint32_t cursor = 0;
    uint32_t before = 0;
    d->building_view = blocks_view(d, parent);
    state_admission_begin(d->building, &d->building_view, time_ms);
    picked->count = 0;
    picked->size = BLOCK_OVERHEAD;
    while (picked->count < BLOCK_TX_MAX && mempool_next(d->pool, &cursor, &entry)) {
        if (picked->size + entry.raw.size + 5 > BLOCK_SIZE_MAX) {
            break;
        }
        const enum code code = state_admit(d->building, entry.raw, STATE_ADMIT_COUNT, NULL);
        /* The quota may have gone into a block that dies: at worst it waits for the next window. */
        if (code == CODE_E_SEQ_GAP || code == CODE_E_QUOTA) {
            mempool_hold(d->pool, &entry.digest);
            cursor = before;
        } else if (code == CODE_OK) {
            picked->txs[picked->count++] = entry.raw;
            picked->size += entry.raw.size + 5;
            mempool_release(d->pool, &entry.sender, entry.lane, entry.seq + 1);
        }
        before = cursor;
    }
}

static void txs_root(const struct picked *picked, struct hash *out)
{
    struct crypto_tree tree;
    crypto_tree_init(&tree, TAG_TX_TREE);
    for (uint32_t i = 0; i < picked->count; i++) {
        crypto_tree_append(&tree, picked->txs[i]);
    }
    crypto_tree_root(&tree, out);
}

static struct bytes write_last_final(struct driver *d, const struct tip *parent, uint8_t *buffer,
                                     struct hash *digest)
{
    struct wire_writer writer;
    struct bytes bytes = {0};
    memset(digest, 0, sizeof(*digest));
    if (!d->has_tip_finality || d->tip_finality.light.height > parent->height ||
        d->tip_finality.light.height <= parent->carried_height) {
        return bytes;
    }
    wire_writer_init(&writer, buffer, WIRE_LAST_FINAL_SIZE_MAX);
    wire_write_last_final(&writer, &d->tip_finality);
    ASSERT(wire_writer_end(&writer, &bytes));
    crypto_digest(TAG_LAST_FINAL, bytes, digest);
    return bytes;
}

static bool write_header(struct driver *d, const struct tip *parent, struct block_header *header)
{
    uint8_t alpha[WIRE_BEACON_ALPHA_SIZE_MAX];
    struct hash output;
    const struct state_view view = blocks_view(d, parent);
    const struct state_epoch epoch = state_read_epoch(&view, parent->height + 1);
    header->version = BLOCK_VERSION;
    header->chain_id = d->chain_id;
    header->height = parent->height + 1;
    header->parent_id = parent->block_id;
    header->proposer = d->self;
    header->state_root = parent->state_root;
    header->results_root = parent->results_root;
    header->epoch = epoch.epoch;
    header->set_hash = epoch.set_hash;
    header->next_set_hash = epoch.next_set_hash;
    blocks_hist_root(d, parent, &header->hist_root);
    return crypto_vrf_prove(d->vrf_key, blocks_beacon_alpha(d, parent, alpha), &header->vrf_proof,
                            &output);
}

void blocks_build_failed(struct driver *d, uint64_t view)
{
    struct consensus_event event = {.kind = CONSENSUS_ON_BUILD_FAILED};
    event.build_failed = view;
    driver_queue(d, &event);
}

/* Encode header and block into d->out; false never for a pick within the limits. */
static struct bytes encode(struct driver *d, const struct block_header *header,
                           struct bytes last_final, const struct picked *picked,
                           struct hash *block_id)
{
    uint8_t buffer[WIRE_HEADER_SIZE_MAX];
    struct wire_writer writer;
    struct bytes header_bytes;
    struct bytes block;
    wire_writer_init(&writer, buffer, sizeof(buffer));
    wire_write_header(&writer, header);
    ASSERT(wire_writer_end(&writer, &header_bytes));
    crypto_digest(TAG_BLOCK_HEADER, header_bytes, block_id);
    wire_writer_init(&writer, d->out, DRIVER_OUT_SIZE);
    wire_write_block(&writer, &(struct wire_block_parts){.header_bytes = header_bytes,
                                                         .last_final_bytes = last_final,
                                                         .txs = picked->txs,
                                                         .tx_count = picked->count});
    ASSERT(wire_writer_end(&writer, &block));
    return block;
}

const struct unfinal *blocks_propose(struct driver *d, const struct wire_proposal *message,
                                     const struct consensus_event *built)
{
    static struct wire_block parsed; /* 8 KB; the driver's thread only */
    struct consensus_event event = *built;
    ASSERT(wire_decode_block(message->block, &parsed));
    struct unfinal *own = blocks_add(d, message, &parsed);
    if (own == NULL) {
        return NULL;
    }
    event.proposal.proposal = &own->proposal;
    event.proposal.hash = own->hash;
    event.proposal.parent_id = own->parent_id;
    driver_queue(d, &event);
    return own;
}

static void offer(struct driver *d, const struct wire_proposal *message,
                  const struct consensus_event *event)
{
    if (!shards_wanted(d, message->block.size)) {
        (void)blocks_propose(d, message, event);
    } else if (!shards_build(d, message, event)) {
        blocks_build_failed(d, message->proposal.light.view);
    }
}

/* E3: on a boundary block stands that block again, in another view. */
static void propose_again(struct driver *d, const struct consensus_action *action)
{
    const struct unfinal *u = blocks_find(d, &action->build.parent.proposal);
    if (u == NULL) {
        blocks_build_failed(d, action->build.view);
        return;
    }
    struct wire_proposal message = {.block = bytes_of(u->block, u->block_size)};
    message.proposal.light = u->proposal.light;
    message.proposal.light.view = action->build.view;
    message.proposal.rest = (struct proposal_rest){.version = PROPOSAL_VERSION,
                                                   .chain_id = d->chain_id,
                                                   .flags = PROPOSAL_REPROPOSED,
                                                   .parent_view = action->build.parent.view,
                                                   .parent_proposal = u->hash,
                                                   .block_size = (uint32_t)u->block_size,
                                                   .leader = d->self};
    struct consensus_event event = {.kind = CONSENSUS_ON_BUILT, .from = d->self};
    event.proposal.empty = u->empty;
    event.proposal.due_work = true;
    offer(d, &message, &event);
}

static void build_new(struct driver *d, const struct consensus_action *action)
{
    static struct picked picked; /* the driver's thread only */
    static uint8_t last_final_buffer[WIRE_LAST_FINAL_SIZE_MAX];
    struct tip parent;
    struct unfinal *u = blocks_find(d, &action->build.parent.proposal);
    if ((u != NULL && !u->final && blocks_execute_branch(d, u) != CONSENSUS_CERTIFY_OK) ||
        !blocks_parent_tip(d, &action->build.parent.block_id, &parent)) {
        blocks_build_failed(d, action->build.view);
        return;
    }
    const uint64_t wall = driver_wall_ms();
    struct block_header header = {.time_ms = wall > parent.time_ms ? wall : parent.time_ms + 1,
                                  .view = action->build.view};
    picked.count = 0;
    if (!action->build.carrier_only) {
        pick(d, &parent, header.time_ms, &picked);
    }
    txs_root(&picked, &header.txs_root);
    const struct bytes last_final =
        write_last_final(d, &parent, last_final_buffer, &header.last_cert_hash);
    if (!write_header(d, &parent, &header)) {
        blocks_build_failed(d, action->build.view);
        return;
    }
    struct wire_proposal message = {0};
    message.block = encode(d, &header, last_final, &picked, &message.proposal.light.block_id);
    message.proposal.light.epoch = header.epoch;
    message.proposal.light.view = header.view;
    message.proposal.light.height = header.height;
    message.proposal.light.next_set_hash = header.next_set_hash;
    message.proposal.rest = (struct proposal_rest){.version = PROPOSAL_VERSION,
                                                   .chain_id = d->chain_id,
                                                   .parent_view = action->build.parent.view,
                                                   .parent_proposal = action->build.parent.proposal,
                                                   .block_size = (uint32_t)message.block.size,
                                                   .leader = d->self};
    struct consensus_event event = {.kind = CONSENSUS_ON_BUILT, .from = d->self};
    event.proposal.empty = picked.count == 0;
    const struct state_view view = blocks_view(d, &parent);
    event.proposal.due_work = parent.unsealed || state_block_is_due(&view, header.time_ms);
    offer(d, &message, &event);
}

void blocks_build(struct driver *d, const struct consensus_action *action)
{
    if (action->build.repropose) {
        propose_again(d, action);
    } else {
        build_new(d, action);
    }
}
