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

void blocks_encode_results(const struct state_outcome *outcome, struct store_buffer *out)
{
    size_t size = 5;
    for (size_t i = 0; i < outcome->result_count; i++) {
        size += outcome->results[i].size + 5;
    }
    out->data = malloc(size);
    ASSERT(out->data != NULL);
    struct wire_writer writer;
    struct bytes encoded;
    wire_writer_init(&writer, out->data, size);
    wire_write_array(&writer, (uint32_t)outcome->result_count);
    for (size_t i = 0; i < outcome->result_count; i++) {
        wire_write_bin(&writer, outcome->results[i]);
    }
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

/* All evidence has one number, nobody's.  What else waits with it goes, too: nobody can fill the
 * pool with one validator's guilt in many forms, and who found another's submits it again. */
void blocks_after_commit(struct driver *d, const struct wire_block *block, uint64_t height)
{
    struct wire_tx_iterator iterator;
    struct bytes raw;
    struct hash digest;
    struct tx tx;
    uint32_t index = 0;
    wire_txs_begin(&iterator, &block->txs);
    while (wire_txs_next(&iterator, &raw)) {
        if (wire_decode_tx(raw, &tx)) {
            mempool_use(d->pool, &tx.sender, tx.lane, tx.seq);
            crypto_digest(TAG_TX, tx.payload, &digest);
            recent_add(d->recent, &digest, height, index);
        }
        index++;
    }
}

/* Is something admissible waiting?  Stops at the first; what can never enter a block goes, and
 * what cannot yet is held until the number before it or the next quota window has come. */
void blocks_look_at_pool(struct driver *d)
{
    struct mempool_entry entry;
    d->admission_ms = driver_wall_ms();
    store_view_trim(d->store); /* nothing of an earlier begin is used after this one */
    d->admission_view = store_view(d->store);
    state_admission_begin(d->admission, &d->admission_view, d->admission_ms);
    mempool_window(d->pool, state_admission_window(d->admission));
    d->pool_ready = false;
    for (uint32_t cursor = 0; mempool_next(d->pool, &cursor, &entry); cursor = 0) {
        const enum code code = state_admit(d->admission, entry.raw, STATE_ADMIT_PEEK, NULL);
        if (code == CODE_OK) {
            d->pool_ready = true;
            return;
        }
        if (code == CODE_E_SEQ_GAP || code == CODE_E_QUOTA) {
            mempool_hold(d->pool, &entry.digest);
        } else {
            mempool_remove(d->pool, &entry.digest);
        }
    }
}

/* What is final is kept for a while to serve GET_BLOCK, unless its proposal is not known. */
void blocks_prune(struct driver *d)
{
    struct unfinal **link = &d->unfinals;
    uint32_t kept = 0;
    while (*link != NULL) {
        struct unfinal *u = *link;
        const bool dead = !u->final && u->proposal.light.view <= d->committed_view;
        kept += u->final && !u->fetched ? 1 : 0;
        if (dead || (u->final && u->fetched) || kept > DRIVER_KEEP_FINAL) {
            *link = u->next;
            blocks_unfinal_free(u);
        } else {
            link = &u->next;
        }
    }
}

static bool has_branch_child(const struct driver *d, const struct unfinal *u)
{
    const struct unfinal *at = d->unfinals;
    while (at != NULL &&
           !(at->branch && (hash_equal(&at->parent_id, &u->proposal.light.block_id) ||
                            hash_equal(&at->proposal.rest.parent_proposal, &u->hash)))) {
        at = at->next;
    }
    return at != NULL;
}

static bool mark_parents(struct driver *d)
{
    bool more = false;
    for (struct unfinal *u = d->unfinals; u != NULL; u = u->next) {
        if (!u->branch && !u->final && !u->bad && has_branch_child(d, u)) {
            u->branch = true;
            more = true;
        }
    }
    return more;
}

/* A child may be built on what a certificate names, so all down to the final block must be
 * here.  The newest stand first: one pass marks a branch, seldom more. */
static void mark_branches(struct driver *d)
{
    for (struct unfinal *u = d->unfinals; u != NULL; u = u->next) {
        u->branch = !u->final && !u->fetched && !u->bad &&
                    consensus_names(d->core, u->proposal.light.view, &u->hash);
    }
    bool more = true;
    while (more) {
        more = mark_parents(d);
    }
}

/* What no certificate names and whose view has left the window: without finality there may
 * come one of these in every view. */
void blocks_forget(struct driver *d)
{
    struct unfinal **link = &d->unfinals;
    mark_branches(d);
    while (*link != NULL) {
        struct unfinal *u = *link;
        if (u->final || u->fetched || u->branch ||
            consensus_needs(d->core, u->proposal.light.view, &u->hash)) {
            link = &u->next;
        } else {
            *link = u->next;
            blocks_unfinal_free(u);
        }
    }
}

void blocks_drop_unfinal(struct driver *d)
{
    struct unfinal **link = &d->unfinals;
    while (*link != NULL) {
        struct unfinal *u = *link;
        if (u->final) {
            link = &u->next;
        } else {
            *link = u->next;
            blocks_unfinal_free(u);
        }
    }
}

static bool commit_one(struct driver *d, struct unfinal *u)
{
    static struct wire_block block; /* 8 KB; the driver's thread only */
    if (!store_commit(d->store, u->tip.overlay, &d->error)) {
        return false;
    }
    d->committed = u->tip;
    d->committed.overlay = NULL;
    for (struct unfinal *at = d->unfinals; at != NULL; at = at->next) {
        at->final = at->final || hash_equal(&at->proposal.light.block_id, &u->tip.block_id);
    }
    ASSERT(wire_decode_block(bytes_of(u->block, u->block_size), &block));
    blocks_after_commit(d, &block, u->tip.height);
    d->epoch.over =
        d->epoch.over || !hash_equal(&block.header.next_set_hash, &d->set_hash); /* E4 */
    return true;
}

/* BATCH_MAX: below UNFINAL_BLOCK_MAX, so that the store has room for their overlays. */
enum { BATCH_MAX = 16 };

/* Every ancestor is final or stands before it: only the store's bounds hold it up. */
static bool no_room(struct driver *d, const struct unfinal *u)
{
    return error_set(&d->error, EXIT_CODE_STORE,
                     "height %llu: no room for the state of a final block; start the node again",
                     (unsigned long long)u->proposal.light.height);
}

/* Execute, one synced write, commit. */
static bool commit_batch(struct driver *d, struct unfinal *const *entries, uint32_t count,
                         const struct finality *evidence)
{
    static struct store_final finals[CONSENSUS_HISTORY_MAX]; /* the driver's thread only */
    struct store_buffer encoded = {0};
    for (uint32_t i = 0; i < count; i++) {
        struct unfinal *u = entries[i];
        const struct hash *below =
            i == 0 ? &d->committed.block_id : &entries[i - 1]->proposal.light.block_id;
        u->linked = hash_equal(&u->parent_id, below); /* maybe no proposal of below is known */
        const enum consensus_certify verdict =
            u->linked ? blocks_execute_branch(d, u) : CONSENSUS_CERTIFY_BAD;
        if (verdict == CONSENSUS_CERTIFY_PENDING) {
            return !driver_failed(d) && no_room(d, u);
        }
        if (verdict == CONSENSUS_CERTIFY_BAD) {
            return error_set(&d->error, EXIT_CODE_DIVERGED,
                             "%.120s: height %llu: a quorum made final what this node cannot "
                             "execute; keep a copy for analysis, then " BLOCKS_FETCH_AGAIN,
                             d->config.data_dir, (unsigned long long)u->proposal.light.height);
        }
        finals[i] = (struct store_final){.height = u->tip.height,
                                         .block_id = u->tip.block_id,
                                         .block = bytes_of(u->block, u->block_size),
                                         .results = bytes_of(u->results, u->results_size)};
    }
    blocks_encode_finality(evidence, &encoded);
    finals[count - 1].finality = bytes_of(encoded.data, encoded.size);
    bool ok = store_append_final(d->store, finals, count, &d->error);
    free(encoded.data);
    for (uint32_t i = 0; i < count && ok; i++) {
        ok = commit_one(d, entries[i]);
    }
    return ok;
}

/* The evidence for entries[index] that one of the blocks after it carries. */
static bool find_carried(struct unfinal *const *entries, uint32_t count, uint32_t index,
                         struct finality *out)
{
    static struct wire_block block; /* 8 KB; the driver's thread only */
    const struct hash *block_id = &entries[index]->proposal.light.block_id;
    for (uint32_t i = index + 1; i < count && i <= index + BATCH_MAX; i++) {
        ASSERT(wire_decode_block(bytes_of(entries[i]->block, entries[i]->block_size), &block));
        if (block.has_last_final && hash_equal(&block.last_final.light.block_id, block_id)) {
            *out = block.last_final;
            return true;
        }
    }
    return false;
}

/* How many entries the next batch takes, and its evidence: some block near the middle has
 * carried evidence, or else the first behind it, or else all belong together. */
static uint32_t next_batch(struct unfinal *const *entries, uint32_t count, struct finality *out)
{
    for (uint32_t take = BATCH_MAX; count > BATCH_MAX && take > 0; take--) {
        if (find_carried(entries, count, take - 1, out)) {
            return take;
        }
    }
    for (uint32_t take = BATCH_MAX + 1; take < count; take++) {
        if (find_carried(entries, count, take - 1, out)) {
            return take;
        }
    }
    return count;
}

bool blocks_commit(struct driver *d, struct unfinal *const *entries, uint32_t count,
                   const struct finality *evidence)
{
    static struct finality carried; /* 8 KB; the driver's thread only */
    while (count > 0) {
        const uint32_t take = next_batch(entries, count, &carried);
        if (!commit_batch(d, entries, take, take == count ? evidence : &carried)) {
            return false;
        }
        entries += take;
        count -= take;
    }
    d->tip_finality = *evidence;
    d->has_tip_finality = true;
    return true;
}

/* What there is to do (33.1): the core is told when it changes, with the answers that wait. */
void blocks_update_work(struct driver *d)
{
    const uint64_t now = driver_now_ms();
    const uint64_t wall = driver_wall_ms();
    if (!d->due_known || d->due_height != d->committed.height) {
        const struct state_view view = store_view(d->store);
        d->due = state_next_due(&view);
        d->due_height = d->committed.height;
        d->due_known = true;
    }
    const struct state_due due = d->due;
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
    driver_queue(d, &event);
}

void blocks_finalize(struct driver *d)
{
    static struct unfinal *entries[CONSENSUS_HISTORY_MAX]; /* the driver's thread only */
    static struct finality evidence;
    const struct consensus_actions *actions = &d->actions;
    const uint64_t height = d->committed.height;
    const uint32_t count = actions->final_count;
    for (uint32_t i = 0; i < count; i++) {
        entries[i] = blocks_find(d, &actions->finals[i].proposal);
        ASSERT(entries[i] != NULL);
    }
    const struct unfinal *last = entries[count - 1];
    finality_of(last, actions->final_certificate, &evidence);
    if (!blocks_commit(d, entries, count, &evidence)) {
        return;
    }
    d->committed_view = last->proposal.light.view;
    d->committed_proposal = last->hash;
    log_line(LOG_DEBUG, "chain", "final height=%llu view=%llu",
             (unsigned long long)d->committed.height, (unsigned long long)d->committed_view);
    blocks_prune(d);
    catchup_committed(d, d->committed.height - height);
    blocks_look_at_pool(d);
    blocks_update_work(d); /* now: alone we would go on and on for what is done */
    evidence_keep(d);
    if (d->committed_view > VIEW_WINDOW &&
        !journal_prune(d->journal, d->epoch.number, d->committed_view - VIEW_WINDOW, &d->error)) {
        return; /* d->error stops the node */
    }
}
