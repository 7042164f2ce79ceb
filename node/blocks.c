#include "node/blocks.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

/* Above this a block takes so long to execute that frames held back leave first. */
enum { FLUSH_SIZE = 16 << 10 };

/* Blocks: found by the hash of their proposal or by id, judged on their parent, executed on
 * overlays, made final in order. */

struct unfinal *blocks_find(const struct driver *d, const struct hash *proposal)
{
    struct unfinal *u = d->unfinals;
    while (u != NULL && !hash_equal(&u->hash, proposal)) {
        u = u->next;
    }
    return u;
}

struct unfinal *blocks_find_id(const struct driver *d, const struct hash *block_id)
{
    struct unfinal *u = d->unfinals;
    while (u != NULL &&
           (u->final || u->bad || !hash_equal(&u->proposal.light.block_id, block_id))) {
        u = u->next;
    }
    return u;
}

/* The store drops overlays of branches that died: then the block counts as not executed. */
static bool is_executed(struct driver *d, struct unfinal *u)
{
    if (!u->executed) {
        return false;
    }
    u->tip.overlay = store_overlay_find(d->store, &u->tip.block_id);
    if (u->tip.overlay == NULL) {
        u->executed = false;
        free(u->results);
        u->results = NULL;
        u->results_size = 0;
    }
    return u->executed;
}

/* The same block may stand in several entries: proposed twice, or fetched. */
static struct unfinal *find_executed(struct driver *d, const struct hash *block_id)
{
    struct unfinal *u = d->unfinals;
    while (u != NULL &&
           (u->final || !hash_equal(&u->proposal.light.block_id, block_id) || !is_executed(d, u))) {
        u = u->next;
    }
    return u;
}

void blocks_unfinal_free(struct unfinal *u)
{
    free(u->block);
    free(u->results);
    free(u);
}

void blocks_clear(struct driver *d)
{
    while (d->unfinals != NULL) {
        struct unfinal *next = d->unfinals->next;
        blocks_unfinal_free(d->unfinals);
        d->unfinals = next;
    }
}

/* A new first entry with a copy of the block. */
static struct unfinal *add_block(struct driver *d, struct bytes bytes,
                                 const struct wire_block *block)
{
    struct unfinal *u = calloc(1, sizeof(*u));
    uint8_t *copy = malloc(bytes.size);
    if (u == NULL || copy == NULL) {
        free(u);
        free(copy);
        (void)error_set(&d->error, EXIT_CODE_FAILURE, "node: no memory for a block");
        return NULL;
    }
    memcpy(copy, bytes.data, bytes.size);
    u->block = copy;
    u->block_size = bytes.size;
    u->empty = block->txs.count == 0;
    u->parent_id = block->header.parent_id;
    u->next = d->unfinals;
    d->unfinals = u;
    return u;
}

static bool signature_is_zero(const struct signature *signature)
{
    static const struct signature zero;
    return memcmp(signature->bytes, zero.bytes, SIGNATURE_SIZE) == 0;
}

struct unfinal *blocks_add(struct driver *d, const struct wire_proposal *proposal,
                           const struct wire_block *block)
{
    struct hash rest_digest;
    struct hash hash;
    blocks_proposal_hash(&proposal->proposal, &rest_digest, &hash);
    struct unfinal *u = blocks_find(d, &hash);
    if (u != NULL) {
        return u;
    }
    u = add_block(d, proposal->block, block);
    if (u != NULL) {
        u->proposal = proposal->proposal;
        u->signature = proposal->signature;
        u->is_signed = !signature_is_zero(&proposal->signature);
        u->rest_digest = rest_digest;
        u->hash = hash;
    }
    return u;
}

struct unfinal *blocks_adopt(struct driver *d, struct bytes bytes, const struct wire_block *block)
{
    struct hash block_id;
    crypto_digest(TAG_BLOCK_HEADER, block->header_bytes, &block_id);
    struct unfinal *u = blocks_find_id(d, &block_id);
    if (u != NULL) {
        return u; /* a proposal brought it */
    }
    u = add_block(d, bytes, block);
    if (u != NULL) {
        u->fetched = true;
        u->hash = block_id; /* no proposal has this hash */
        u->proposal.light.block_id = block_id;
        u->proposal.light.epoch = block->header.epoch;
        u->proposal.light.height = block->header.height;
        u->proposal.light.view = block->header.view;
    }
    return u;
}

void blocks_proposal_hash(const struct proposal *proposal, struct hash *rest_digest,
                          struct hash *out)
{
    uint8_t buffer[WIRE_LIGHT_SIZE_MAX + WIRE_REST_SIZE_MAX];
    struct wire_writer writer;
    struct bytes bytes;
    struct crypto_sha256 sha;
    wire_writer_init(&writer, buffer, sizeof(buffer));
    wire_write_rest(&writer, &proposal->rest);
    ASSERT(wire_writer_end(&writer, &bytes));
    crypto_digest(TAG_PROPOSAL_REST, bytes, rest_digest);
    wire_writer_init(&writer, buffer, sizeof(buffer));
    wire_write_light(&writer, &proposal->light);
    ASSERT(wire_writer_end(&writer, &bytes));
    crypto_digest_init(&sha, TAG_PROPOSAL);
    crypto_sha256_update(&sha, bytes);
    crypto_sha256_update(&sha, bytes_of(rest_digest->bytes, HASH_SIZE));
    crypto_sha256_final(&sha, out);
}

bool blocks_parent_tip(struct driver *d, const struct hash *parent_id, struct tip *out)
{
    if (hash_equal(parent_id, &d->committed.block_id)) {
        *out = d->committed;
        return true;
    }
    struct unfinal *u = find_executed(d, parent_id);
    if (u == NULL) {
        return false;
    }
    *out = u->tip;
    return true;
}

struct state_view blocks_view(struct driver *d, const struct tip *tip)
{
    return tip->overlay != NULL ? store_overlay_view(tip->overlay) : store_view(d->store);
}

static bool execute(struct driver *d, const struct wire_block *block, const struct tip *parent,
                    struct tip *tip, struct store_buffer *results)
{
    static struct bytes txs[BLOCK_TX_MAX]; /* the driver's thread only */
    const struct block_header *header = &block->header;
    struct wire_tx_iterator iterator;
    size_t count = 0;
    wire_txs_begin(&iterator, &block->txs);
    while (wire_txs_next(&iterator, &txs[count])) {
        count++;
    }
    const struct state_block input = {
        .height = header->height,
        .time_ms = header->time_ms,
        .proposer = header->proposer,
        .beacon = tip->beacon,
        .final_height = tip->carried_height,
        .txs = txs,
        .tx_count = count,
    };
    struct state_outcome outcome;
    const struct state_view view = blocks_view(d, parent);
    state_execute_block(d->machine, &view, &input, &outcome);
    if (outcome.verdict != STATE_OK) {
        const char *name = code_name((uint32_t)outcome.bad_code);
        log_line(LOG_ODD, "chain", "height %llu: transaction %zu is inadmissible: %s (%d)",
                 (unsigned long long)header->height, outcome.bad_index, name == NULL ? "?" : name,
                 (int)outcome.bad_code);
        return false;
    }
    tip->results_root = outcome.results_root;
    tip->unsealed = outcome.changed;
    tip->overlay = store_overlay_add(d->store, &(struct store_stage){.parent = parent->overlay,
                                                                     .height = header->height,
                                                                     .block_id = tip->block_id,
                                                                     .writes = outcome.writes});
    if (tip->overlay != NULL) {
        tip->state_root = *store_overlay_root(tip->overlay);
        blocks_encode_results(&outcome, results);
    }
    return true;
}

/* Judge a block on its parent and execute it: *tip is the state after it. */
static enum consensus_certify judge(struct driver *d, const struct wire_block *block,
                                    const struct tip *parent, struct tip *tip,
                                    struct store_buffer *results)
{
    const struct block_header *header = &block->header;
    uint8_t buffer[WIRE_BEACON_ALPHA_SIZE_MAX];
    struct hash output;
    const char *fault = blocks_header_fault(d, block, parent);
    if (fault == NULL &&
        (header->proposer >= d->set.count ||
         !crypto_vrf_verify(&d->set.items[header->proposer].vrf,
                            blocks_beacon_alpha(d, parent, buffer), &header->vrf_proof, &output))) {
        fault = "vrf_proof";
    }
    if (driver_failed(d)) {
        return CONSENSUS_CERTIFY_PENDING;
    }
    if (fault != NULL) {
        log_line(LOG_ODD, "chain", "height %llu: block is bad: %s",
                 (unsigned long long)header->height, fault);
        return CONSENSUS_CERTIFY_BAD;
    }
    *tip = (struct tip){.height = header->height,
                        .time_ms = header->time_ms,
                        .carried_height = blocks_carried_height(block, parent)};
    crypto_digest(TAG_BLOCK_HEADER, block->header_bytes, &tip->block_id);
    blocks_beacon(&output, &tip->beacon);
    if (!execute(d, block, parent, tip, results)) {
        return CONSENSUS_CERTIFY_BAD;
    }
    return tip->overlay == NULL ? CONSENSUS_CERTIFY_PENDING : CONSENSUS_CERTIFY_OK;
}

/* The store keeps one overlay a block: take over what another entry has executed. */
static bool take_twin(struct driver *d, struct unfinal *u)
{
    const struct unfinal *twin = find_executed(d, &u->proposal.light.block_id);
    if (twin == NULL) {
        struct store_overlay *stray = store_overlay_find(d->store, &u->proposal.light.block_id);
        if (stray != NULL) {
            store_overlay_drop(d->store, stray);
        }
        return false;
    }
    u->results = malloc(twin->results_size);
    ASSERT(u->results != NULL);
    memcpy(u->results, twin->results, twin->results_size);
    u->results_size = twin->results_size;
    u->tip = twin->tip;
    u->executed = true;
    return true;
}

/* The block in the proposal stands on the block of the proposal's parent: else certify would
 * judge one branch while the votes order another.  PENDING: that parent is unknown here. */
static enum consensus_certify judge_parent(const struct driver *d, const struct unfinal *u)
{
    const struct proposal_rest *rest = &u->proposal.rest;
    const struct unfinal *parent = blocks_find(d, &rest->parent_proposal);
    const struct hash *parent_id = NULL;
    if (rest->parent_view == 0) {
        parent_id = &d->epoch.start_id;
    } else if (hash_equal(&rest->parent_proposal, &d->committed_proposal)) {
        parent_id = &d->committed.block_id;
    } else if (parent != NULL) {
        parent_id = &parent->proposal.light.block_id;
    } else {
        return CONSENSUS_CERTIFY_PENDING;
    }
    const bool again = rest->flags == PROPOSAL_REPROPOSED; /* E3: it is that block itself */
    return hash_equal(parent_id, again ? &u->proposal.light.block_id : &u->parent_id)
               ? CONSENSUS_CERTIFY_OK
               : CONSENSUS_CERTIFY_BAD;
}

/* Execute u if its parent is.  PENDING while the parent is not. */
static enum consensus_certify execute_unfinal(struct driver *d, struct unfinal *u)
{
    static struct wire_block block; /* 8 KB of finality; the driver's thread only */
    struct tip parent;
    if (is_executed(d, u)) {
        return CONSENSUS_CERTIFY_OK;
    }
    if (u->bad) {
        return CONSENSUS_CERTIFY_BAD;
    }
    const enum consensus_certify linked = u->linked ? CONSENSUS_CERTIFY_OK : judge_parent(d, u);
    if (linked != CONSENSUS_CERTIFY_OK) {
        u->bad = linked == CONSENSUS_CERTIFY_BAD;
        return linked;
    }
    u->linked = true;
    if (!blocks_parent_tip(d, &u->parent_id, &parent)) {
        return CONSENSUS_CERTIFY_PENDING;
    }
    if (take_twin(d, u)) {
        return CONSENSUS_CERTIFY_OK;
    }
    ASSERT(wire_decode_block(bytes_of(u->block, u->block_size), &block));
    if (u->block_size > FLUSH_SIZE) {
        net_flush(d->net);
    }
    struct store_buffer results = {0};
    const enum consensus_certify verdict = judge(d, &block, &parent, &u->tip, &results);
    if (verdict == CONSENSUS_CERTIFY_OK) {
        u->executed = true;
        u->results = results.data;
        u->results_size = results.size;
    }
    u->bad = verdict == CONSENSUS_CERTIFY_BAD; /* not judged again and again (K10: not stored) */
    return verdict;
}

/* The parent if it is not executed: of the proposal, which cannot be mistaken for another
 * proposal of the same block, or of a fetched block by its id. */
static struct unfinal *find_waiting_parent(struct driver *d, const struct unfinal *u)
{
    if (find_executed(d, &u->parent_id) != NULL) {
        return NULL;
    }
    struct unfinal *parent = u->fetched ? NULL : blocks_find(d, &u->proposal.rest.parent_proposal);
    return parent != NULL && !parent->final ? parent : blocks_find_id(d, &u->parent_id);
}

/* Ancestors first: after a restart certified blocks are not executed yet. */
enum consensus_certify blocks_execute_branch(struct driver *d, struct unfinal *u)
{
    struct unfinal *path[STORE_OVERLAY_COUNT_MAX];
    uint32_t count = 0;
    while (u != NULL && !is_executed(d, u) && count < STORE_OVERLAY_COUNT_MAX) {
        path[count++] = u;
        u = find_waiting_parent(d, u);
    }
    enum consensus_certify verdict = CONSENSUS_CERTIFY_OK;
    while (count > 0 && verdict == CONSENSUS_CERTIFY_OK) {
        verdict = execute_unfinal(d, path[--count]);
    }
    /* An ancestor that is bad makes nothing of this block: its verdict is its own. */
    return count > 0 ? CONSENSUS_CERTIFY_PENDING : verdict;
}

void blocks_certify(struct driver *d, uint64_t view, const struct hash *proposal)
{
    struct unfinal *u = blocks_find(d, proposal);
    if (u == NULL || u->final) {
        return;
    }
    const enum consensus_certify verdict = blocks_execute_branch(d, u);
    if (verdict == CONSENSUS_CERTIFY_PENDING) {
        return;
    }
    struct consensus_event event = {.kind = CONSENSUS_ON_CERTIFIED};
    event.certified.view = view;
    event.certified.proposal = *proposal;
    event.certified.verdict = verdict;
    driver_queue(d, &event);
    for (uint32_t i = 0; i < d->certifying_count; i++) {
        if (d->certifying[i].view == view && hash_equal(&d->certifying[i].proposal, proposal)) {
            d->certifying[i] = d->certifying[--d->certifying_count];
            break;
        }
    }
}

void blocks_retry_certify(struct driver *d)
{
    for (uint32_t i = d->certifying_count; i > 0; i--) {
        const uint64_t view = d->certifying[i - 1].view;
        const struct hash proposal = d->certifying[i - 1].proposal;
        if (view <= d->committed_view) {
            d->certifying[i - 1] = d->certifying[--d->certifying_count];
        } else {
            blocks_certify(d, view, &proposal);
        }
    }
    driver_drain(d);
}

/* The first block of a restored chain came without results; one on it came, too. */
static bool came_without_results(struct driver *d, uint64_t height)
{
    struct store_status status;
    store_status(d->store, &status);
    return height > 1 && height == status.first_height;
}

static bool stored_results_root(struct driver *d, uint64_t height, struct hash *out,
                                struct error *error)
{
    struct store_buffer buffer = {0};
    struct crypto_tree tree;
    struct wire_reader reader;
    const enum store_answer answer = store_results(d->store, height, &buffer, error);
    if (answer == STORE_ABSENT && came_without_results(d, height)) {
        memset(out, 0, sizeof(*out));
        return true;
    }
    if (answer != STORE_FOUND) {
        return error_set(error, EXIT_CODE_CORRUPT,
                         "%.120s/chain.db: no results of block %llu; " BLOCKS_FETCH_AGAIN,
                         d->config.data_dir, (unsigned long long)height);
    }
    crypto_tree_init(&tree, TAG_RESULT_TREE);
    wire_reader_init_nodes(&reader, bytes_of(buffer.data, buffer.size), BLOCK_TX_MAX + 2);
    const uint32_t count = wire_read_list(&reader, BLOCK_TX_MAX + 1);
    for (uint32_t i = 0; i < count; i++) {
        crypto_tree_append(&tree, wire_read_bin(&reader, FRAME_SIZE_MAX));
    }
    const bool ok = wire_reader_end(&reader);
    crypto_tree_root(&tree, out);
    store_buffer_free(&buffer);
    return ok ||
           error_set(error, EXIT_CODE_CORRUPT,
                     "%.120s/chain.db: results of block %llu are damaged; " BLOCKS_FETCH_AGAIN,
                     d->config.data_dir, (unsigned long long)height);
}

bool blocks_replay(struct driver *d, const struct wire_block *block, bool commit, struct tip *tip,
                   struct error *error)
{
    const struct block_header *header = &block->header;
    struct store_buffer results = {0};
    struct hash output;
    *tip = (struct tip){.height = header->height,
                        .time_ms = header->time_ms,
                        .carried_height = blocks_carried_height(block, &d->committed)};
    crypto_digest(TAG_BLOCK_HEADER, block->header_bytes, &tip->block_id);
    crypto_vrf_output(&header->vrf_proof, &output);
    blocks_beacon(&output, &tip->beacon);
    if (!commit) {
        struct store_status status;
        store_status(d->store, &status);
        tip->state_root = status.applied_root; /* right for the newest; only it is built on */
        tip->unsealed = !hash_equal(&tip->state_root, &header->state_root);
        return stored_results_root(d, header->height, &tip->results_root, error);
    }
    if (!hash_equal(&header->state_root, &d->committed.state_root) ||
        !execute(d, block, &d->committed, tip, &results)) {
        free(results.data);
        return error_set(error, EXIT_CODE_DIVERGED,
                         "%.120s: block %llu of chain.db does not execute on this state; keep a "
                         "copy for analysis, then " BLOCKS_FETCH_AGAIN,
                         d->config.data_dir, (unsigned long long)header->height);
    }
    /* After a rollback they may be those of a faulty program; after a restore there are none. */
    struct store_buffer stored = {0};
    const struct bytes right = bytes_of(results.data, results.size);
    const enum store_answer answer = store_results(d->store, header->height, &stored, error);
    const bool same =
        answer == STORE_FOUND && bytes_equal(bytes_of(stored.data, stored.size), right);
    store_buffer_free(&stored);
    const bool kept = same || (answer != STORE_FAILED &&
                               store_put_results(d->store, header->height, right, error));
    free(results.data);
    return kept && store_commit(d->store, tip->overlay, error);
}
