#include "tests/support/archive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "genesis/genesis.h"
#include "state/tree/tree.h"
#include "store/history/history.h"

enum { BLOCK_INTERVAL_MS = 100, GENESIS_TIME_MS = 1000000000, TX_ROOM = 320 };

static void *take(size_t size)
{
    void *memory = calloc(1, size);
    ASSERT(memory != NULL);
    return memory;
}

static struct crypto_key *make_key(uint32_t number)
{
    uint8_t secret[CRYPTO_SECRET_SIZE] = {1};
    store_be32(secret + CRYPTO_SECRET_SIZE - 4, number);
    struct crypto_key *key = crypto_key_create(secret);
    ASSERT(key != NULL);
    return key;
}

/* ---- The state --------------------------------------------------------------------- */

static size_t entry_find(const struct archive *a, const struct hash *path, bool *found)
{
    size_t low = 0;
    size_t high = a->entry_count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (hash_compare(&a->entries[middle].leaf.path, path) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *found = low < a->entry_count && hash_equal(&a->entries[low].leaf.path, path);
    return low;
}

static bool view_get(void *context, struct bytes key, struct bytes *value)
{
    const struct archive *a = context;
    struct hash path;
    bool found = false;
    state_tree_path(key, &path);
    const size_t at = entry_find(a, &path, &found);
    if (found) {
        *value = bytes_of(a->entries[at].value, a->entries[at].size);
    }
    return found;
}

static void entry_write(struct archive *a, const struct state_write *write)
{
    struct hash path;
    struct hash vhash;
    bool found = false;
    state_tree_path(write->key, &path);
    const size_t at = entry_find(a, &path, &found);
    if (a->entry_count == a->entry_room) {
        a->entry_room = 2 * a->entry_room + 64;
        a->entries = realloc(a->entries, a->entry_room * sizeof(*a->entries));
        ASSERT(a->entries != NULL);
    }
    struct archive_entry *entry = &a->entries[at];
    const size_t above = (a->entry_count - at) * sizeof(*entry);
    if (write->removed) {
        ASSERT(found);
        free(entry->value);
        memmove(entry, entry + 1, above - sizeof(*entry));
        a->entry_count--;
        return;
    }
    if (!found) {
        memmove(entry + 1, entry, above);
        a->entry_count++;
        entry->value = NULL;
    }
    free(entry->value);
    entry->value = take(write->value.size + 1);
    memcpy(entry->value, write->value.data, write->value.size);
    entry->size = write->value.size;
    entry->leaf.path = path;
    state_tree_vhash(write->value, &vhash);
    state_tree_leaf_hash(&path, &vhash, &entry->leaf.hash);
}

struct hash archive_root(const struct archive *a)
{
    struct state_tree_node node;
    struct state_tree_leaf *leaves = take((a->entry_count + 1) * sizeof(*leaves));
    for (size_t i = 0; i < a->entry_count; i++) {
        leaves[i] = a->entries[i].leaf;
    }
    state_tree_fold(leaves, a->entry_count, 0, &node);
    free(leaves);
    return node.hash;
}

static void apply(struct archive *a, struct state_writes writes)
{
    for (size_t i = 0; i < writes.count; i++) {
        entry_write(a, &writes.items[i]);
    }
}

/* ---- Genesis ----------------------------------------------------------------------- */

static void make_keys(struct archive *a)
{
    a->set.count = ARCHIVE_VALIDATORS;
    for (uint32_t i = 0; i < ARCHIVE_VALIDATORS; i++) {
        a->consensus[i] = make_key(1 + i);
        a->vrf[i] = make_key(100 + i);
        struct validator *v = &a->set.items[i];
        v->consensus = *crypto_key_public(a->consensus[i]);
        struct crypto_key *network = make_key(200 + i);
        v->network = *crypto_key_public(network);
        crypto_key_free(network);
        v->vrf = *crypto_key_public(a->vrf[i]);
        crypto_address(&v->consensus, &v->account);
    }
    a->accounts = take(a->account_count * sizeof(struct crypto_key *));
    a->addresses = take(a->account_count * sizeof(struct address));
    a->seq = take(a->account_count * sizeof(uint64_t));
    for (uint32_t i = 0; i < a->account_count; i++) {
        a->accounts[i] = make_key(1000 + i);
        crypto_address(crypto_key_public(a->accounts[i]), &a->addresses[i]);
        if (i < ARCHIVE_VALIDATORS) {
            a->set.items[i].account = a->addresses[i];
        }
    }
}

static void encode_genesis(struct archive *a)
{
    struct org org = {.version = RECORD_VERSION,
                      .name_size = 1,
                      .name = {'a'},
                      .weight = 1,
                      .roles = ROLE_ALL,
                      .quota = 1 << 30};
    struct account *accounts = take(a->account_count * sizeof(*accounts));
    for (uint32_t i = 0; i < a->account_count; i++) {
        accounts[i] = (struct account){.version = RECORD_VERSION,
                                       .public_key = *crypto_key_public(a->accounts[i]),
                                       .roles = ROLE_CONSUMER | ROLE_VALIDATOR,
                                       .available = ARCHIVE_CREDITS};
    }
    struct genesis_parts parts = {.name = "archive",
                                  .time_ms = GENESIS_TIME_MS,
                                  .orgs = &org,
                                  .org_count = 1,
                                  .validators = &a->set,
                                  .accounts = accounts,
                                  .account_count = a->account_count};
    struct bytes bytes;
    a->genesis = take(GENESIS_SIZE_MAX);
    const bool made =
        genesis_profile("test", &parts.params) && genesis_encode(&parts, a->genesis, &bytes);
    ASSERT(made);
    a->genesis_size = bytes.size;
    free(accounts);
}

static void execute_genesis(struct archive *a)
{
    struct genesis *genesis = NULL;
    struct error error;
    struct state_writes writes;
    const bool valid =
        genesis_decode("archive", bytes_of(a->genesis, a->genesis_size), &genesis, &error);
    ASSERT(valid);
    a->chain_id = *genesis_chain_id(genesis);
    a->set_hash = *genesis_set_hash(genesis);
    a->leader_offset = genesis_leader_offset(genesis);
    const struct state_admission_config config = {.chain_id = a->chain_id};
    a->memory = take(state_footprint());
    a->machine = state_init(a->memory, &config);
    state_execute_genesis(a->machine, genesis_state(genesis), &writes);
    apply(a, writes);
    genesis_free(genesis);
}

struct archive *archive_create(uint32_t account_count, uint64_t last_max)
{
    struct archive *a = take(sizeof(*a));
    struct crypto_tree empty;
    a->account_count = account_count;
    make_keys(a);
    encode_genesis(a);
    execute_genesis(a);
    a->blocks = take((last_max + 1) * sizeof(*a->blocks));
    a->blocks[0].light.block_id = a->chain_id;
    crypto_digest(TAG_BEACON, bytes_of(a->chain_id.bytes, HASH_SIZE), &a->blocks[0].beacon);
    a->time_ms = GENESIS_TIME_MS;
    a->tip_signers = ARCHIVE_QUORUM;
    a->tx_bytes = take(ARCHIVE_TX_BYTES);
    crypto_tree_init(&a->history, TAG_HISTORY_TREE);
    crypto_tree_init(&empty, TAG_RESULT_TREE);
    crypto_tree_root(&empty, &a->results_root);
    return a;
}

void archive_free(struct archive *a)
{
    for (uint32_t i = 0; i < ARCHIVE_VALIDATORS; i++) {
        crypto_key_free(a->consensus[i]);
        crypto_key_free(a->vrf[i]);
    }
    for (uint32_t i = 0; i < a->account_count; i++) {
        crypto_key_free(a->accounts[i]);
    }
    for (size_t i = 0; i < a->entry_count; i++) {
        free(a->entries[i].value);
    }
    for (uint64_t i = 0; i <= a->height; i++) {
        free(a->blocks[i].bytes);
    }
    free(a->accounts);
    free(a->addresses);
    free(a->seq);
    free(a->entries);
    free(a->blocks);
    free(a->genesis);
    free(a->memory);
    free(a->tx_bytes);
    free(a);
}

/* ---- Transactions ------------------------------------------------------------------ */

void archive_transfer(struct archive *a, uint32_t from, uint32_t to, uint64_t credits)
{
    const struct body_transfer body = {.to = a->addresses[to], .amount = credits};
    archive_send(a, from, TX_TRANSFER, &body);
}

void archive_send(struct archive *a, uint32_t from, uint32_t type, const void *body)
{
    uint8_t body_buffer[TX_ROOM];
    uint8_t payload[TX_ROOM];
    struct tx tx = {.version = TX_VERSION,
                    .chain_id = a->chain_id,
                    .type = type,
                    .sender = a->addresses[from],
                    .seq = a->seq[from]++,
                    .valid_until_ms = a->time_ms + TX_VALID_MS_MAX};
    struct wire_writer writer;
    struct bytes bytes;
    struct bytes raw;
    struct hash id;
    struct signature signature;
    bool fits =
        record_encode(record_of_body(type), body, body_buffer, sizeof(body_buffer), &tx.body);
    ASSERT(fits && a->tx_count < ARCHIVE_TX_MAX && a->tx_used + TX_ROOM <= ARCHIVE_TX_BYTES);
    wire_writer_init(&writer, payload, sizeof(payload));
    wire_write_tx_payload(&writer, &tx);
    fits = wire_writer_end(&writer, &bytes);
    ASSERT(fits);
    crypto_digest(TAG_TX, bytes, &id);
    crypto_key_sign(a->accounts[from], &id, &signature);
    wire_writer_init(&writer, a->tx_bytes + a->tx_used, TX_ROOM);
    wire_write_tx(&writer, bytes, &signature);
    fits = wire_writer_end(&writer, &raw);
    ASSERT(fits);
    a->tx_used += raw.size;
    a->txs[a->tx_count++] = raw;
}

/* ---- Blocks ------------------------------------------------------------------------ */

/* The digest that the validators sign for a block's FINALIZE. */
static void final_digest(const struct archive *a, const struct finality *finality,
                         uint64_t signed_as, struct hash *out)
{
    uint8_t buffer[WIRE_VOTE_PREIMAGE_SIZE_MAX + WIRE_LIGHT_SIZE_MAX];
    struct wire_writer writer;
    struct crypto_sha256 sha;
    struct bytes bytes;
    const struct archive_block *block = &a->blocks[signed_as];
    struct vote vote = {
        .kind = VOTE_FINALIZE, .epoch = block->light.epoch, .view = finality->light.view};
    wire_writer_init(&writer, buffer, sizeof(buffer));
    wire_write_light(&writer, &finality->light);
    bool fits = wire_writer_end(&writer, &bytes);
    ASSERT(fits);
    crypto_digest_init(&sha, TAG_PROPOSAL);
    crypto_sha256_update(&sha, bytes);
    crypto_sha256_update(&sha, bytes_of(finality->rest_digest.bytes, HASH_SIZE));
    crypto_sha256_final(&sha, &vote.proposal);
    wire_writer_init(&writer, buffer, sizeof(buffer));
    wire_write_vote_preimage(&writer, &a->chain_id, &block->set_hash, &vote);
    fits = wire_writer_end(&writer, &bytes);
    ASSERT(fits);
    crypto_digest(TAG_VOTE_FINALIZE, bytes, out);
}

struct bytes archive_finality(const struct archive *a, uint64_t height, uint32_t signers,
                              uint8_t *out)
{
    const struct archive_claim claim = {.height = height, .signed_as = height, .signers = signers};
    return archive_finality_as(a, &claim, out);
}

struct bytes archive_finality_as(const struct archive *a, const struct archive_claim *claim,
                                 uint8_t *out)
{
    const uint64_t height = claim->height;
    const uint32_t signers = claim->signers;
    struct finality finality = {.light = a->blocks[height].light, .signature_count = signers};
    struct hash digest;
    struct wire_writer writer;
    struct bytes bytes;
    store_be64(finality.rest_digest.bytes, height); /* of a proposal that nobody will see */
    final_digest(a, &finality, claim->signed_as, &digest);
    for (uint32_t i = 0; i < signers; i++) {
        validator_bitmap_set(&finality.signers, i);
        crypto_key_sign(a->consensus[i], &digest, &finality.signatures[i]);
    }
    wire_writer_init(&writer, out, WIRE_LAST_FINAL_SIZE_MAX);
    wire_write_last_final(&writer, &finality);
    const bool fits = wire_writer_end(&writer, &bytes);
    ASSERT(fits);
    return bytes;
}

static void prove_vrf(const struct archive *a, struct block_header *header, struct hash *beacon)
{
    uint8_t buffer[WIRE_BEACON_ALPHA_SIZE_MAX];
    struct wire_writer writer;
    struct bytes alpha;
    struct hash output;
    wire_writer_init(&writer, buffer, sizeof(buffer));
    wire_write_beacon_alpha(&writer, &a->chain_id, &a->blocks[a->height].beacon, header->height);
    const bool proven =
        wire_writer_end(&writer, &alpha) &&
        crypto_vrf_prove(a->vrf[header->proposer], alpha, &header->vrf_proof, &output);
    ASSERT(proven);
    crypto_digest(TAG_BEACON, bytes_of(output.bytes, HASH_SIZE), beacon);
}

static void fill_header(struct archive *a, struct block_header *header)
{
    struct crypto_tree txs;
    const struct state_view view = {.context = a, .get = view_get};
    const struct state_epoch epoch = state_read_epoch(&view, a->height + 1);
    *header = (struct block_header){
        .version = BLOCK_VERSION,
        .chain_id = a->chain_id,
        .height = a->height + 1,
        .parent_id = a->blocks[a->height].light.block_id,
        .time_ms = a->time_ms,
        .epoch = a->epoch,
        .view = a->view,
        .proposer = (uint32_t)((a->view - 1 + a->leader_offset) % a->set.count),
        .state_root = archive_root(a),
        .results_root = a->results_root,
        .set_hash = a->set_hash,
        .next_set_hash = epoch.next_set_hash,
    };
    crypto_tree_root(&a->history, &header->hist_root);
    crypto_tree_init(&txs, TAG_TX_TREE);
    for (uint32_t i = 0; i < a->tx_count; i++) {
        crypto_tree_append(&txs, a->txs[i]);
    }
    crypto_tree_root(&txs, &header->txs_root);
}

static void encode(const struct archive *a, const struct block_header *header,
                   struct bytes last_final, struct archive_block *out)
{
    uint8_t buffer[WIRE_HEADER_SIZE_MAX];
    struct wire_writer writer;
    struct wire_block_parts parts = {
        .last_final_bytes = last_final, .txs = a->txs, .tx_count = a->tx_count};
    wire_writer_init(&writer, buffer, sizeof(buffer));
    wire_write_header(&writer, header);
    bool fits = wire_writer_end(&writer, &parts.header_bytes);
    ASSERT(fits);
    out->bytes = take(BLOCK_SIZE_MAX);
    wire_writer_init(&writer, out->bytes, BLOCK_SIZE_MAX);
    wire_write_block(&writer, &parts);
    struct bytes bytes;
    fits = wire_writer_end(&writer, &bytes);
    ASSERT(fits);
    out->bytes = realloc(out->bytes, bytes.size);
    out->size = bytes.size;
    out->set_hash = a->set_hash;
    out->light = (struct proposal_light){.epoch = a->epoch,
                                         .view = header->view,
                                         .height = header->height,
                                         .next_set_hash = header->next_set_hash};
    crypto_digest(TAG_BLOCK_HEADER, parts.header_bytes, &out->light.block_id);
}

static void execute(struct archive *a, const struct block_header *header, uint64_t final_height)
{
    const struct state_view view = {.context = a, .get = view_get};
    const struct state_block block = {.height = header->height,
                                      .time_ms = header->time_ms,
                                      .proposer = header->proposer,
                                      .beacon = a->blocks[header->height].beacon,
                                      .final_height = final_height,
                                      .txs = a->txs,
                                      .tx_count = a->tx_count};
    struct state_outcome outcome;
    const struct state_epoch epoch = state_read_epoch(&view, header->height);
    state_execute_block(a->machine, &view, &block, &outcome);
    ASSERT(outcome.verdict == STATE_OK);
    apply(a, outcome.writes);
    a->results_root = outcome.results_root;
    if (epoch.boundary) {
        state_read_set(&view, &a->set);
        a->set_hash = epoch.next_set_hash;
        a->epoch++;
        a->view = 0;
        a->leader_offset =
            validator_leader_offset(&a->blocks[header->height].light.block_id, a->set.count);
    }
}

void archive_block(struct archive *a, const struct archive_twist *twist)
{
    static uint8_t buffer[WIRE_LAST_FINAL_SIZE_MAX];
    struct block_header header;
    struct bytes last_final = {0};
    struct archive_block *block = &a->blocks[a->height + 1];
    a->time_ms += BLOCK_INTERVAL_MS;
    a->view++;
    fill_header(a, &header);
    if (twist->certify != 0) {
        const struct archive_claim claim = {
            .height = twist->certify,
            .signed_as = twist->signed_as == 0 ? twist->certify : twist->signed_as,
            .signers = twist->signers == 0 ? ARCHIVE_QUORUM : twist->signers};
        last_final = archive_finality_as(a, &claim, buffer);
        crypto_digest(TAG_LAST_FINAL, last_final, &header.last_cert_hash);
    }
    prove_vrf(a, &header, &block->beacon);
    if (twist->header != NULL) {
        twist->header(&header);
    }
    encode(a, &header, last_final, block);
    if (!twist->skip_execution) {
        execute(a, &header, twist->certify);
    }
    a->height++;
    crypto_tree_append(&a->history, bytes_of(block->light.block_id.bytes, HASH_SIZE));
    a->tx_count = 0;
    a->tx_used = 0;
}

/* ---- Files ------------------------------------------------------------------------- */

static bool archive_source(void *context, uint64_t height, struct bytes *out, struct error *error)
{
    const struct archive *a = context;
    (void)error;
    *out = bytes_of(a->blocks[height].bytes, a->blocks[height].size);
    return true;
}

bool archive_export_with(struct archive *a, const char *dir, struct bytes finality)
{
    struct error error;
    const struct history_work work = {.dir = dir,
                                      .chain_id = a->chain_id,
                                      .source = {.context = a, .block = archive_source},
                                      .first = 1,
                                      .last = a->height,
                                      .ending = finality};
    return history_write(&work, &error);
}

bool archive_export(struct archive *a, const char *dir)
{
    uint8_t buffer[WIRE_LAST_FINAL_SIZE_MAX];
    return archive_export_with(a, dir, archive_finality(a, a->height, a->tip_signers, buffer));
}

bool archive_write_genesis(const struct archive *a, const char *path)
{
    FILE *stream = fopen(path, "wb");
    const bool written =
        stream != NULL && fwrite(a->genesis, 1, a->genesis_size, stream) == a->genesis_size;
    return stream != NULL && fclose(stream) == 0 && written;
}
