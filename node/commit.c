#include "node/blocks.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

/* Final blocks: to chain.db in one synced batch, then the overlays to the committed state,
 * then everything that looks at the committed state. */

void blocks_encode_finality(const struct finality *finality, struct store_buffer *out)
{
    struct wire_writer writer;
    struct bytes encoded;
    out->data = malloc(WIRE_LAST_FINAL_SIZE_MAX);
    ASSERT(out->data != NULL);
    wire_writer_init(&writer, out->data, WIRE_LAST_FINAL_SIZE_MAX);
    wire_write_last_final(&writer, finality);
    ASSERT(wire_writer_end(&writer, &encoded));
    out->size = encoded.size;
}

static void finality_of(const struct unfinal *u, const struct certificate *certificate,
                        struct finality *out)
{
    out->light = u->proposal.light;
    out->rest_digest = u->rest_digest;
    out->signers = certificate->signers;
    out->signature_count = certificate->signature_count;
    memcpy(out->signatures, certificate->signatures, sizeof(out->signatures));
}

void blocks_after_commit(struct driver *d, const struct wire_block *block, uint64_t height)
{
    struct wire_tx_iterator iterator;
    struct bytes raw;
    struct hash digest;
    struct tx tx;
    uint32_t index = 0;
    wire_txs_begin(&iterator, &block->txs);
    while (wire_txs_next(&iterator, &raw)) {
        crypto_sha256(raw, &digest);
        mempool_remove(d->pool, &digest);
        if (wire_decode_tx(raw, &tx)) {
            crypto_digest(TAG_TX, tx.payload, &digest);
            recent_add(d->recent, &digest, height, index);
        }
        index++;
    }
}

/* Is something admissible waiting?  Looks at the oldest few; a pool full of gaps must not
 * cost a scan a block. */
void blocks_look_at_pool(struct driver *d)
{
    enum { LOOK_MAX = 64 };
    struct mempool_entry entry;
    uint32_t cursor = 0;
    d->admission_view = store_view(d->store);
    state_admission_begin(d->admission, &d->admission_view, driver_wall_ms());
    d->pool_ready = false;
    for (uint32_t i = 0; i < LOOK_MAX && mempool_next(d->pool, &cursor, &entry); i++) {
        const enum code code = state_admit(d->admission, entry.raw, STATE_ADMIT_PEEK, NULL);
        if (code == CODE_OK) {
            d->pool_ready = true;
            return;
        }
        if (code != CODE_E_SEQ_GAP && code != CODE_E_QUOTA) {
            mempool_remove(d->pool, &entry.digest); /* it can never enter a block */
            cursor = 0;
        }
    }
}

/* Forget what is final and old, and branches that died. */
static void prune(struct driver *d)
{
    struct unfinal **link = &d->unfinals;
    uint32_t kept = 0;
    while (*link != NULL) {
        struct unfinal *u = *link;
        const bool dead = !u->final && u->proposal.light.view <= d->committed_view;
        kept += u->final ? 1 : 0;
        if (dead || kept > DRIVER_KEEP_FINAL) {
            *link = u->next;
            blocks_unfinal_free(u);
        } else {
            link = &u->next;
        }
    }
}

static bool commit_one(struct driver *d, struct unfinal *u)
{
    static struct wire_block block; /* 8 KB; the driver's thread only */
    if (!store_commit(d->store, u->tip.overlay, &d->error)) {
        return false;
    }
    u->final = true;
    d->committed = u->tip;
    d->committed.overlay = NULL;
    ASSERT(wire_decode_block(bytes_of(u->block, u->block_size), &block));
    blocks_after_commit(d, &block, u->tip.height);
    return true;
}

enum { BATCH_MAX = 64 };

struct batch {
    uint32_t count;
    struct store_final finals[BATCH_MAX];
    struct unfinal *entries[BATCH_MAX];
    struct store_buffer evidence; /* for the last of all */
};

static bool batch_add(struct driver *d, struct batch *batch, uint32_t index)
{
    const struct consensus_actions *actions = &d->actions;
    const struct consensus_block *block = &actions->finals[index];
    struct unfinal *u = blocks_find(d, &block->proposal);
    ASSERT(u != NULL);
    if (blocks_execute_branch(d, u) != CONSENSUS_CERTIFY_OK) {
        return error_set(&d->error, EXIT_CODE_DIVERGED,
                         "height %llu: a quorum made final what this node cannot execute",
                         (unsigned long long)block->height);
    }
    struct store_final *final = &batch->finals[batch->count];
    *final = (struct store_final){.height = u->tip.height,
                                  .block_id = u->tip.block_id,
                                  .block = bytes_of(u->block, u->block_size),
                                  .results = bytes_of(u->results, u->results_size)};
    batch->entries[batch->count++] = u;
    if (index + 1 == actions->final_count) {
        finality_of(u, actions->final_certificate, &d->tip_finality);
        d->has_tip_finality = true;
        blocks_encode_finality(&d->tip_finality, &batch->evidence);
        final->finality = bytes_of(batch->evidence.data, batch->evidence.size);
        d->committed_view = u->proposal.light.view;
        d->committed_proposal = u->hash;
    }
    return true;
}

static bool batch_commit(struct driver *d, struct batch *batch)
{
    bool ok = store_append_final(d->store, batch->finals, batch->count, &d->error);
    for (uint32_t i = 0; i < batch->count && ok; i++) {
        ok = commit_one(d, batch->entries[i]);
    }
    free(batch->evidence.data);
    *batch = (struct batch){.count = 0};
    return ok;
}

void blocks_finalize(struct driver *d)
{
    struct batch batch = {.count = 0};
    for (uint32_t i = 0; i < d->actions.final_count; i++) {
        const bool full = batch.count + 1 == BATCH_MAX || i + 1 == d->actions.final_count;
        if (!batch_add(d, &batch, i) || (full && !batch_commit(d, &batch))) {
            return;
        }
    }
    log_line(LOG_DEBUG, "chain", "final height=%llu view=%llu",
             (unsigned long long)d->committed.height, (unsigned long long)d->committed_view);
    prune(d);
    blocks_look_at_pool(d);
    if (d->committed_view > VIEW_WINDOW &&
        !journal_prune(d->journal, 0, d->committed_view - VIEW_WINDOW, &d->error)) {
        return; /* d->error stops the node */
    }
}

/* What there is to do (T2): the core is told when it changes. */
void blocks_update_work(struct driver *d)
{
    const uint64_t now = driver_now_ms();
    const uint64_t wall = driver_wall_ms();
    const struct state_view view = store_view(d->store);
    const struct state_due due = state_next_due(&view);
    const bool now_due = due.scheduled && due.time_ms <= wall;
    const bool work = d->pool_ready || d->committed.unsealed || due.waiting || now_due;
    const uint64_t due_ms =
        due.scheduled ? (now_due ? now : now + (due.time_ms - wall)) : UINT64_MAX;
    const uint64_t header_ms = due.scheduled ? due.time_ms : UINT64_MAX;
    if (work == d->work_now && header_ms == d->work_due_header_ms) {
        return;
    }
    d->work_now = work;
    d->work_due_header_ms = header_ms;
    d->work_due_ms = work ? UINT64_MAX : due_ms;
    struct consensus_event event = {.kind = CONSENSUS_ON_WORK};
    event.work.now = work;
    event.work.due_ms = due_ms;
    driver_step(d, &event);
}
