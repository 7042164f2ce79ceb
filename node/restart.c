#include "node/blocks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/log.h"
#include "crypto/keyfile/keyfile.h"
#include "node/shards.h"
#include "node/sync/join.h"
#include "node/sync/serving.h"

/* Opening in order: genesis, keys, chain.db and state.db (executing what state.db lacks),
 * sign.state, journal, core, net.  Closing is the reverse. */

enum {
    WASTE_BURST = 512, /* useless transactions at once, and ... */
    WASTE_RATE = 64,   /* ... a second: 4 ms of verification */
    ODDITY_BURST = 20,
};

static bool load_key(struct driver *d, const char *name, enum crypto_keyfile_kind kind,
                     struct crypto_key **out, struct error *error)
{
    char path[CONFIG_PATH_MAX];
    return node_config_path(path, d->config.keys_dir, name, error) &&
           crypto_keyfile_load(&(struct crypto_keyfile){.path = path, .kind = kind}, out, error);
}

static bool open_identity(struct driver *d, struct error *error)
{
    if (!genesis_load(d->config.genesis, &d->genesis, error) ||
        !genesis_has_begun(d->genesis, d->config.genesis, driver_wall_ms(), error) ||
        !load_key(d, "consensus.key", CRYPTO_KEYFILE_CONSENSUS, &d->consensus_key, error) ||
        !load_key(d, "network.key", CRYPTO_KEYFILE_NETWORK, &d->network_key, error) ||
        !load_key(d, "vrf.key", CRYPTO_KEYFILE_VRF, &d->vrf_key, error)) {
        return false;
    }
    d->chain_id = *genesis_chain_id(d->genesis);
    return true;
}

static bool verdict_known(void *context, const struct hash *digest)
{
    return inbound_known_good(context, digest);
}

static void verdict_remember(void *context, const struct hash *digest)
{
    inbound_remember_good(context, digest);
}

static bool make_machines(struct driver *d, struct error *error)
{
    const struct state_verdicts verdicts = {d, verdict_known, verdict_remember};
    const struct state_admission_config config = {d->chain_id, verdicts};
    void *machine = aligned_alloc(64, (state_footprint() + 63) / 64 * 64);
    void *admission = malloc(state_admission_footprint());
    void *building = malloc(state_admission_footprint());
    d->verdicts = calloc(DRIVER_VERDICT_COUNT, sizeof(struct hash));
    d->out = malloc(DRIVER_OUT_SIZE);
    d->pool = mempool_new();
    d->recent = recent_new();
    d->shards = shards_new();
    d->gate = gate_new();
    if (machine == NULL || admission == NULL || building == NULL || d->verdicts == NULL ||
        d->out == NULL || d->pool == NULL || d->recent == NULL || d->shards == NULL ||
        d->gate == NULL) {
        free(machine);
        free(admission);
        free(building);
        return error_set(error, EXIT_CODE_FAILURE, "node: no memory");
    }
    budget_init(&d->waste, WASTE_BURST, WASTE_RATE);
    budget_init(&d->oddities, ODDITY_BURST, 1);
    evidence_init(&d->evidence);
    budget_init(&d->serving.anon, SERVE_ANON_BURST, SERVE_ANON_RATE);
    budget_init(&d->serving.anon_total, SERVE_ANON_TOTAL_BURST, SERVE_ANON_TOTAL_RATE);
    budget_init(&d->serving.client, SERVE_CLIENT_BURST, SERVE_CLIENT_RATE);
    budget_init(&d->serving.validator, SERVE_VALIDATOR_BURST, SERVE_VALIDATOR_RATE);
    d->machine = state_init(machine, &config);
    d->admission = state_admission_init(admission, &config);
    d->building = state_admission_init(building, &config);
    return true;
}

static bool commit_genesis(struct driver *d, struct error *error)
{
    struct state_writes writes;
    state_execute_genesis(d->machine, genesis_state(d->genesis), &writes);
    struct store_overlay *overlay = store_overlay_add(
        d->store, &(struct store_stage){.block_id = d->chain_id, .writes = writes});
    ASSERT(overlay != NULL);
    return store_commit(d->store, overlay, error);
}

static void genesis_tip(struct driver *d, const struct hash *root)
{
    d->committed = (struct tip){.block_id = d->chain_id,
                                .time_ms = genesis_state(d->genesis)->time_ms,
                                .state_root = *root};
    struct crypto_tree empty;
    crypto_tree_init(&empty, TAG_RESULT_TREE);
    crypto_tree_root(&empty, &d->committed.results_root);
    crypto_digest(TAG_BEACON, bytes_of(d->chain_id.bytes, HASH_SIZE), &d->committed.beacon);
}

/* A block of chain.db; its parts point into *bytes, which the caller frees. */
static bool read_block(struct driver *d, uint64_t height, struct store_buffer *bytes,
                       struct wire_block *block, struct error *error)
{
    if (store_block(d->store, height, bytes, error) != STORE_FOUND) {
        return error_set(error, EXIT_CODE_CORRUPT,
                         "%.120s/chain.db: block %llu is missing; " BLOCKS_FETCH_AGAIN,
                         d->config.data_dir, (unsigned long long)height);
    }
    return wire_decode_block(bytes_of(bytes->data, bytes->size), block) ||
           error_set(error, EXIT_CODE_CORRUPT,
                     "%.120s/chain.db: block %llu does not decode; " BLOCKS_FETCH_AGAIN,
                     d->config.data_dir, (unsigned long long)height);
}

/* What the chain up to a height carries (K2): of the newest block that carries anything. */
static bool find_carried(struct driver *d, uint64_t height, uint64_t *carried, struct error *error)
{
    static struct wire_block block; /* 8 KB; before any other thread */
    bool ok = true;
    *carried = 0;
    for (uint64_t h = height; ok && h > 0 && *carried == 0; h--) {
        struct store_buffer bytes = {0};
        ok = read_block(d, h, &bytes, &block, error);
        *carried = ok && block.has_last_final ? block.last_final.light.height : 0;
        store_buffer_free(&bytes);
    }
    return ok;
}

/* Execute one block of chain.db on the committed state; it was judged before it was stored. */
static bool replay_block(struct driver *d, uint64_t height, bool commit, struct error *error)
{
    static struct wire_block block; /* 8 KB; before any other thread */
    struct store_buffer bytes = {0};
    struct tip tip;
    const bool ok = read_block(d, height, &bytes, &block, error) &&
                    blocks_replay(d, &block, commit, &tip, error);
    if (ok) {
        d->committed = tip;
        d->committed.overlay = NULL;
        blocks_after_commit(d, &block, height);
    }
    store_buffer_free(&bytes);
    return ok;
}

/* The store checks before each batch; a node that could not write one need not start. */
static bool check_space(const struct driver *d, struct error *error)
{
    struct statvfs disk;
    if (statvfs(d->config.data_dir, &disk) != 0) {
        return error_set(error, EXIT_CODE_STORE, "%s: cannot be looked at", d->config.data_dir);
    }
    const uint64_t free_mib = (uint64_t)disk.f_bavail * disk.f_frsize >> 20;
    return free_mib >= d->config.disk_reserve_mib ||
           error_set(error, EXIT_CODE_DISK_FULL,
                     "%s: %llu MiB free, disk_reserve_mib is %llu; free space or lower it",
                     d->config.data_dir, (unsigned long long)free_mib,
                     (unsigned long long)d->config.disk_reserve_mib);
}

/* Without a chain: the peers' state, if the operator wants it so. */
static bool join_network(struct driver *d, struct error *error)
{
    struct sync_join join = {
        .genesis = d->genesis, .key = d->network_key, .stopped = driver_stop_asked};
    join.options = node_config_store(&d->config, &d->chain_id);
    const struct validator_set *first = genesis_validators(d->genesis);
    for (uint32_t i = 0; i < first->count && join.source_count < SYNC_SOURCE_MAX; i++) {
        if (d->config.peers[i][0] != '\0' &&
            !public_key_equal(&first->items[i].network, crypto_key_public(d->network_key))) {
            join.sources[join.source_count++] = (struct sync_peer){
                i, d->config.peers[i], net_key_of_node(&first->items[i].network)};
        }
    }
    for (uint32_t i = 0; i < d->config.named_count && join.source_count < SYNC_SOURCE_MAX; i++) {
        join.sources[join.source_count++] = (struct sync_peer){
            first->count + i, d->config.named[i].address, net_key_of_node(&d->config.named[i].key)};
    }
    return d->config.state_sync == 0 || sync_join(&join, error);
}

/* The tip as the blocks of chain.db leave it: applied ones are only looked at. */
static bool open_store(struct driver *d, struct error *error)
{
    const struct store_options options = node_config_store(&d->config, &d->chain_id);
    struct store_status status;
    if (!store_open(&options, &d->store, error) || !check_space(d, error)) {
        return false;
    }
    d->indexer = d->config.tx_index != 0 ? indexer_new(d->store, &options) : NULL;
    d->snapshots = sync_serving_new(d->store);
    if (d->snapshots == NULL) {
        return error_set(error, EXIT_CODE_FAILURE, "node: no memory");
    }
    store_status(d->store, &status);
    if (!status.initialised && !commit_genesis(d, error)) {
        return false;
    }
    store_status(d->store, &status);
    genesis_tip(d, &status.applied_root);
    enum { RECENT_BLOCKS = 64 };
    const uint64_t recent =
        status.applied_height > RECENT_BLOCKS ? status.applied_height - RECENT_BLOCKS + 1 : 1;
    const bool restored = status.first_height > 1 && recent <= status.first_height;
    const uint64_t look_from = restored ? status.first_height : recent;
    /* A restored chain has the blocks down to the one that carries something, no others. */
    if (!find_carried(d, restored ? look_from : look_from - 1, &d->committed.carried_height,
                      error)) {
        return false;
    }
    for (uint64_t h = look_from; h <= status.decided_height; h++) {
        if (!replay_block(d, h, h > status.applied_height, error)) {
            return false;
        }
    }
    return true;
}

static bool read_tip_finality(struct driver *d, struct error *error)
{
    struct store_buffer buffer = {0};
    const enum store_answer answer =
        d->committed.height == 0 ? STORE_ABSENT
                                 : store_finality(d->store, d->committed.height, &buffer, error);
    if (d->committed.height == 0) {
        return true;
    }
    d->has_tip_finality =
        answer == STORE_FOUND &&
        wire_decode_last_final(bytes_of(buffer.data, buffer.size), &d->tip_finality);
    store_buffer_free(&buffer);
    return d->has_tip_finality ||
           error_set(error, EXIT_CODE_CORRUPT,
                     "%.120s/chain.db: no finality for its newest block %llu; " BLOCKS_FETCH_AGAIN,
                     d->config.data_dir, (unsigned long long)d->committed.height);
}

static void restore_proposal(struct driver *d, struct bytes payload)
{
    static struct wire_proposal proposal; /* before any other thread */
    static struct wire_block block;
    if (!wire_decode_proposal(payload, &proposal) || !wire_decode_block(proposal.block, &block) ||
        proposal.proposal.light.view <= d->committed_view) {
        return;
    }
    struct unfinal *u = blocks_add(d, &proposal, &block);
    if (u != NULL) {
        consensus_restore_proposal(d->core, &u->proposal, &u->hash, &u->parent_id, u->empty);
    }
}

static void restore_record(void *context, const struct journal_record *record)
{
    static struct certificate certificate; /* before any other thread */
    struct driver *d = context;
    struct vote vote = {.epoch = record->epoch, .view = record->view, .validator = d->self};
    struct hash hash;
    if (record->epoch != d->epoch.number && record->type != JOURNAL_WITNESS &&
        record->type != JOURNAL_EVIDENCE) {
        return; /* over: chain.db has its end */
    }
    switch (record->type) {
    case JOURNAL_EVIDENCE:
    case JOURNAL_WITNESS:
        (record->type == JOURNAL_EVIDENCE ? evidence_restore : guard_restore)(d, record);
        return;
    case JOURNAL_VOTE:
        if (record->payload.size == 1 + HASH_SIZE && record->payload.data[0] <= VOTE_FINALIZE) {
            vote.kind = (enum vote_kind)record->payload.data[0];
            memcpy(vote.proposal.bytes, record->payload.data + 1, HASH_SIZE);
            consensus_restore_vote(d->core, &vote);
        }
        return;
    case JOURNAL_CERTIFICATE:
        if (wire_decode_certificate(record->payload, &certificate)) {
            consensus_restore_certificate(d->core, &certificate);
        }
        return;
    case JOURNAL_PROPOSAL:
        restore_proposal(d, record->payload);
        return;
    case JOURNAL_CERTIFIED:
        if (record->payload.size == HASH_SIZE) {
            memcpy(hash.bytes, record->payload.data, HASH_SIZE);
            consensus_restore_certified(d->core, record->view, &hash);
        }
        return;
    }
}

static void restore_signed(void *context, const struct vote *vote)
{
    struct driver *d = context;
    struct vote own = *vote;
    own.validator = d->self;
    consensus_restore_vote(d->core, &own);
}

static bool make_dir(const char *path, struct error *error)
{
    return mkdir(path, 0700) == 0 || errno == EEXIST ||
           error_set(error, EXIT_CODE_STORE, "%s: cannot be made", path);
}

/* No vote before the marker beside the key: data_dir may be deleted (docs/decisions/0005). */
static bool mark_key(const struct driver *d, const struct disk_port *keys, bool used,
                     struct error *error)
{
    if (used || sign_used_write(keys, &d->chain_id, error)) {
        return true;
    }
    struct error why = *error;
    return error_set(error, why.code, "%.200s; keys_dir must be writable at the first start",
                     why.detail);
}

static bool open_sign_state(struct driver *d, bool fresh, struct sign_state **out,
                            struct error *error)
{
    struct disk_port keys = {0};
    const struct sign_identity identity = {.chain_id = d->chain_id,
                                           .key = *crypto_key_public(d->consensus_key)};
    bool used = false;
    *out = NULL;
    const bool ok = disk_posix_open(d->config.keys_dir, &keys, error) &&
                    sign_used_read(&keys, &d->chain_id, &used, error) &&
                    sign_state_open(&d->sign_disk, &identity, fresh && !used, out, error) &&
                    mark_key(d, &keys, used, error);
    disk_posix_close(&keys);
    if (!ok) {
        sign_state_close(*out);
    }
    return ok;
}

static bool open_signer(struct driver *d, bool fresh, struct error *error)
{
    char path[CONFIG_PATH_MAX];
    struct sign_state *state = NULL;
    if (!node_config_path(path, d->config.data_dir, "sign", error) || !make_dir(path, error) ||
        !disk_posix_open(path, &d->sign_disk, error) || !open_sign_state(d, fresh, &state, error)) {
        return false;
    }
    d->own_signer = signer_create(d->consensus_key, &d->chain_id, state);
    if (d->own_signer == NULL) {
        sign_state_close(state);
        return error_set(error, EXIT_CODE_FAILURE, "node: no memory");
    }
    d->signer = signer_port_of(d->own_signer);
    return true;
}

/* Only a data directory without a journal and without blocks (but for a snapshot's), of a key
 * that was never used, may make a new sign.state. */
static bool open_journal(struct driver *d, struct error *error)
{
    struct store_status status;
    char path[CONFIG_PATH_MAX];
    if (!node_config_path(path, d->config.data_dir, "journal", error)) {
        return false;
    }
    store_status(d->store, &status);
    const bool fresh =
        (d->committed.height == 0 || status.first_height > 1) && access(path, F_OK) != 0;
    if (!open_signer(d, fresh, error) || !make_dir(path, error) ||
        !disk_posix_open(path, &d->journal_disk, error) ||
        !journal_open(&d->journal_disk, restore_record, d, &d->journal, error) ||
        !guard_begin(d, error) ||
        !d->signer.export_votes(d->signer.context, restore_signed, d, error)) {
        return false;
    }
    d->syncer = syncer_new(d->journal);
    return d->syncer != NULL || error_set(error, EXIT_CODE_FAILURE, "node: no thread");
}

static bool open_net(struct driver *d, struct error *error)
{
    const struct net_config config = {.listen = d->config.listen,
                                      .chain_id = d->chain_id,
                                      .genesis_hash = d->chain_id,
                                      .role = NET_ROLE_VALIDATOR,
                                      .key = d->network_key,
                                      .admit = driver_admit,
                                      .admit_context = d};
    return net_open(&config, &d->net, error) && peers_dial(d, error);
}

bool restart_open(struct driver *d, struct error *error)
{
    d->started_ms = driver_now_ms();
    d->work_due_header_ms = UINT64_MAX;
    if (!open_identity(d, error) || !make_machines(d, error) || !join_network(d, error) ||
        !open_store(d, error) || !read_tip_finality(d, error) || !epoch_load(d, error) ||
        !epoch_open_core(d, error) || !open_journal(d, error) || !open_net(d, error)) {
        return false;
    }
    blocks_look_at_pool(d);
    watch_begin(d);
    return true;
}

void restart_close(struct driver *d)
{
    net_close(d->net);
    syncer_free(d->syncer);
    journal_close(d->journal);
    disk_posix_close(&d->journal_disk);
    signer_free(d->own_signer);
    disk_posix_close(&d->sign_disk);
    sync_serving_free(d->snapshots);
    indexer_free(d->indexer);
    store_close(d->store);
    blocks_clear(d);
    catchup_close(d);
    epoch_close(d);
    mempool_free(d->pool);
    recent_free(d->recent);
    shards_free(d->shards);
    gate_free(d->gate);
    free(d->core);
    free(d->machine);
    free(d->admission);
    free(d->building);
    free(d->verdicts);
    free(d->out);
    crypto_key_free(d->consensus_key);
    crypto_key_free(d->network_key);
    crypto_key_free(d->vrf_key);
    genesis_free(d->genesis);
}
