#include "tests/support/fake_state.h"

#include <stdlib.h>

#include "state/tree/tree.h"
#include "wire/wire.h"

uint8_t *fake_copy(struct bytes in)
{
    uint8_t *out = malloc(in.size + 1);
    ASSERT(out != NULL);
    if (in.size != 0) {
        memcpy(out, in.data, in.size);
    }
    return out;
}

struct fake_node *fake_open(void)
{
    uint8_t buffer[1024];
    struct wire_writer writer;
    struct bytes bytes;
    struct fake_node *node = calloc(1, sizeof *node);
    ASSERT(node != NULL);
    node->set.count = FAKE_VALIDATORS;
    for (uint32_t i = 0; i < FAKE_VALIDATORS; i++) {
        const uint8_t secret[CRYPTO_SECRET_SIZE] = {[31] = (uint8_t)(i + 1)};
        node->keys[i] = crypto_key_create(secret);
        node->set.items[i] = (struct validator){.consensus = *crypto_key_public(node->keys[i]),
                                                .network = *crypto_key_public(node->keys[i]),
                                                .vrf = *crypto_key_public(node->keys[i])};
    }
    wire_writer_init(&writer, buffer, sizeof buffer);
    wire_write_validator_set(&writer, &node->set);
    ASSERT(wire_writer_end(&writer, &bytes));
    crypto_digest(TAG_VALIDATOR_SET, bytes, &node->set_hash);
    memset(node->chain_id.bytes, 0xC4, HASH_SIZE);
    node->blocks[0].id = node->chain_id;
    node->now_ms = 1000000;
    return node;
}

static void values_free(struct fake_value *values)
{
    for (uint32_t i = 0; i < FAKE_VALUES; i++) {
        free(values[i].value);
        values[i].value = NULL;
    }
}

void fake_close(struct fake_node *node)
{
    for (uint32_t i = 0; i < FAKE_VALIDATORS; i++) {
        crypto_key_free(node->keys[i]);
    }
    for (uint64_t h = 0; h <= node->height; h++) {
        for (uint32_t i = 0; i < node->blocks[h].tx_count; i++) {
            free(node->blocks[h].txs[i].raw);
        }
        free(node->blocks[h].header);
        free(node->blocks[h].body);
    }
    for (uint32_t i = 0; i < node->pool_count; i++) {
        free(node->pool[i].raw);
    }
    values_free(node->values);
    for (uint64_t h = 0; h < node->height; h++) {
        values_free(node->states[h]);
        free(node->states[h]);
    }
    free(node);
}

void fake_put(struct fake_node *node, const struct key *key, struct bytes value)
{
    struct fake_value *slot = NULL;
    for (uint32_t i = 0; i < FAKE_VALUES; i++) {
        struct fake_value *at = &node->values[i];
        if (at->value == NULL) {
            slot = slot == NULL ? at : slot;
        } else if (bytes_equal(key_view(&at->key), key_view(key))) {
            slot = at;
            break;
        }
    }
    ASSERT(slot != NULL);
    free(slot->value);
    slot->key = *key;
    slot->value = fake_copy(value);
    slot->size = value.size;
}

void fake_put_record(struct fake_node *node, const struct key *key, const struct record *record,
                     const void *in)
{
    uint8_t buffer[8192];
    struct bytes out;
    ASSERT(record_encode(record, in, buffer, sizeof buffer, &out));
    fake_put(node, key, out);
}

/* ---- The tree ------------------------------------------------------------------------------ */

static int leaf_compare(const void *a, const void *b)
{
    const struct state_tree_leaf *left = a;
    const struct state_tree_leaf *right = b;
    return hash_compare(&left->path, &right->path);
}

static size_t leaves_make(const struct fake_value *values, struct state_tree_leaf *out)
{
    size_t count = 0;
    for (uint32_t i = 0; i < FAKE_VALUES; i++) {
        struct hash vhash;
        if (values[i].value != NULL) {
            state_tree_path(key_view(&values[i].key), &out[count].path);
            state_tree_vhash(bytes_of(values[i].value, values[i].size), &vhash);
            state_tree_leaf_hash(&out[count].path, &vhash, &out[count].hash);
            count++;
        }
    }
    qsort(out, count, sizeof *out, leaf_compare);
    return count;
}

static struct hash state_root(const struct fake_value *values)
{
    struct state_tree_leaf leaves[FAKE_VALUES];
    struct state_tree_node node;
    state_tree_fold(leaves, leaves_make(values, leaves), 0, &node);
    return node.hash;
}

static const struct fake_value *find_path(const struct fake_value *values, const struct hash *path)
{
    for (uint32_t i = 0; i < FAKE_VALUES; i++) {
        struct hash own;
        if (values[i].value != NULL) {
            state_tree_path(key_view(&values[i].key), &own);
            if (hash_equal(&own, path)) {
                return &values[i];
            }
        }
    }
    return NULL;
}

/* One key's own SP1 proof. */
static void prove_one(const struct fake_value *values, struct bytes key, struct api_fact *fact,
                      struct state_tree_item *item, uint8_t *buffer)
{
    struct state_tree_leaf leaves[FAKE_VALUES];
    struct state_tree_proof proof = {.depth = 0};
    state_tree_path(key, &item->path);
    state_tree_descend(leaves, leaves_make(values, leaves), &item->path, &proof);
    if (proof.type == STATE_TREE_ABSENT_LEAF) {
        const struct fake_value *other = find_path(values, &proof.other_path);
        state_tree_vhash(bytes_of(other->value, other->size), &proof.other_vhash);
    }
    const struct fake_value *found = find_path(values, &item->path);
    fact->present = found != NULL;
    fact->value = found == NULL ? bytes_of(NULL, 0) : bytes_of(found->value, found->size);
    item->proof = bytes_of(buffer, state_tree_proof_write(&proof, buffer));
}

size_t fake_prove(const struct fake_node *node, uint64_t height, const struct api_request *request,
                  struct api_answer *out, uint8_t *buffer)
{
    static uint8_t proofs[API_PROVE_KEY_MAX][STATE_PROOF_SIZE_MAX];
    struct state_tree_item items[API_PROVE_KEY_MAX];
    for (uint32_t i = 0; i < request->key_count; i++) {
        prove_one(node->states[height], request->keys[i], &out->facts[i], &items[i], proofs[i]);
    }
    out->fact_count = request->key_count;
    const size_t size = state_tree_many_write(items, out->fact_count, buffer, BUFFER_SIZE);
    ASSERT(size <= BUFFER_SIZE);
    out->proof = bytes_of(buffer, size);
    return size;
}

/* ---- Blocks --------------------------------------------------------------------------------- */

void fake_record(const struct fake_tx *tx, uint8_t *buffer, struct bytes *out)
{
    const struct wire_result result = {.code = tx->code, .consumed = 1};
    struct wire_writer writer;
    wire_writer_init(&writer, buffer, 64);
    wire_write_result(&writer, &result);
    ASSERT(wire_writer_end(&writer, out));
}

static struct hash root_and_path(enum tag tag, struct hash *nodes, uint32_t leaves, uint32_t index,
                                 struct crypto_path *path)
{
    struct hash root;
    if (leaves == 0) {
        crypto_digest(tag, (struct bytes){NULL, 0}, &root);
        return root;
    }
    crypto_nodes_fill(tag, nodes, leaves);
    if (path != NULL && index < leaves) {
        crypto_nodes_path(nodes, leaves, index, path);
    }
    while (leaves > 1) {
        nodes += leaves;
        leaves = (leaves + 1) / 2;
    }
    return nodes[0];
}

struct hash fake_results(const struct fake_block *block, uint32_t index, struct crypto_path *path)
{
    struct hash nodes[CRYPTO_NODES_COUNT(FAKE_TXS + 1)];
    uint8_t buffer[64];
    struct bytes record;
    const struct fake_tx last = {.code = 0};
    for (uint32_t i = 0; i <= block->tx_count; i++) {
        fake_record(i < block->tx_count ? &block->txs[i] : &last, buffer, &record);
        crypto_nodes_leaf(TAG_RESULT_TREE, record, &nodes[i]);
    }
    return root_and_path(TAG_RESULT_TREE, nodes, block->tx_count + 1, index, path);
}

struct hash fake_history(const struct fake_node *node, uint64_t below, uint64_t height,
                         struct crypto_path *path)
{
    struct hash nodes[CRYPTO_NODES_COUNT(FAKE_BLOCKS)];
    for (uint64_t h = 1; h < below; h++) {
        const struct bytes id = bytes_of(node->blocks[h].id.bytes, HASH_SIZE);
        crypto_nodes_leaf(TAG_HISTORY_TREE, id, &nodes[h - 1]);
    }
    return root_and_path(TAG_HISTORY_TREE, nodes, (uint32_t)below - 1, (uint32_t)height - 1, path);
}

static void block_encode(struct fake_block *block)
{
    struct bytes txs[FAKE_TXS];
    struct wire_block_parts parts = {.header_bytes = bytes_of(block->header, block->header_size),
                                     .txs = txs,
                                     .tx_count = block->tx_count};
    struct wire_writer writer;
    struct bytes out;
    for (uint32_t i = 0; i < block->tx_count; i++) {
        txs[i] = bytes_of(block->txs[i].raw, block->txs[i].size);
    }
    uint8_t *buffer = malloc(BUFFER_SIZE);
    wire_writer_init(&writer, buffer, BUFFER_SIZE);
    wire_write_block(&writer, &parts);
    ASSERT(wire_writer_end(&writer, &out));
    block->body = buffer;
    block->body_size = out.size;
}

static void header_encode(struct fake_block *block)
{
    uint8_t buffer[WIRE_HEADER_SIZE_MAX];
    struct wire_writer writer;
    struct bytes out;
    wire_writer_init(&writer, buffer, sizeof buffer);
    wire_write_header(&writer, &block->decoded);
    ASSERT(wire_writer_end(&writer, &out));
    block->header = fake_copy(out);
    block->header_size = out.size;
    crypto_digest(TAG_BLOCK_HEADER, out, &block->id);
}

static void values_copy(const struct fake_value *from, struct fake_value *to)
{
    values_free(to);
    for (uint32_t i = 0; i < FAKE_VALUES; i++) {
        if (from[i].value != NULL) {
            to[i] = from[i];
            to[i].value = fake_copy(bytes_of(from[i].value, from[i].size));
        }
    }
}

void fake_commit(struct fake_node *node)
{
    const struct fake_block *parent = &node->blocks[node->height];
    ASSERT(node->height < FAKE_BLOCKS);
    struct fake_value *proven = calloc(FAKE_VALUES, sizeof *proven);
    ASSERT(proven != NULL);
    values_copy(node->values, proven);
    node->states[node->height] = proven;
    node->now_ms += 10;
    struct fake_block *block = &node->blocks[++node->height];
    struct crypto_path path;
    struct crypto_tree txs;
    crypto_tree_init(&txs, TAG_TX_TREE);
    block->tx_count = node->pool_count;
    for (uint32_t i = 0; i < node->pool_count; i++) {
        block->txs[i] = node->pool[i];
        block->txs[i].code = node->code_of_next;
        crypto_tree_append(&txs, bytes_of(node->pool[i].raw, node->pool[i].size));
        if (node->execute != NULL) {
            node->execute(node->execute_context, bytes_of(node->pool[i].raw, node->pool[i].size));
        }
    }
    node->pool_count = 0;
    node->code_of_next = 0;
    block->decoded = (struct block_header){.version = BLOCK_VERSION,
                                           .chain_id = node->chain_id,
                                           .height = node->height,
                                           .parent_id = parent->id,
                                           .time_ms = node->now_ms,
                                           .view = node->height,
                                           .state_root = state_root(proven),
                                           .results_root = parent->results_root,
                                           .hist_root = fake_history(node, node->height, 1, &path),
                                           .set_hash = node->set_hash,
                                           .next_set_hash = node->set_hash};
    crypto_tree_root(&txs, &block->decoded.txs_root);
    block->results_root = fake_results(block, 0, NULL);
    header_encode(block);
    block_encode(block);
}

/* ---- Finality -------------------------------------------------------------------------------- */

static struct bytes final_write(const struct fake_node *node, const struct fake_block *block,
                                uint32_t signers, uint8_t *buffer)
{
    struct finality finality = {.light = {.view = block->decoded.view,
                                          .height = block->decoded.height,
                                          .block_id = block->id,
                                          .next_set_hash = node->set_hash}};
    uint8_t scratch[256];
    struct wire_writer writer;
    struct bytes bytes;
    struct crypto_sha256 state;
    struct vote vote = {.kind = VOTE_FINALIZE, .view = finality.light.view};
    struct hash digest;
    wire_writer_init(&writer, scratch, sizeof scratch);
    wire_write_light(&writer, &finality.light);
    ASSERT(wire_writer_end(&writer, &bytes));
    crypto_digest_init(&state, TAG_PROPOSAL);
    crypto_sha256_update(&state, bytes);
    crypto_sha256_update(&state, bytes_of(finality.rest_digest.bytes, HASH_SIZE));
    crypto_sha256_final(&state, &vote.proposal);
    wire_writer_init(&writer, scratch, sizeof scratch);
    wire_write_vote_preimage(&writer, &node->chain_id, &node->set_hash, &vote);
    ASSERT(wire_writer_end(&writer, &bytes));
    crypto_digest(TAG_VOTE_FINALIZE, bytes, &digest);
    for (uint32_t i = 0; i < signers; i++) {
        validator_bitmap_set(&finality.signers, i + 1);
        crypto_key_sign(node->keys[i + 1], &digest, &finality.signatures[i]);
    }
    finality.signature_count = signers;
    wire_writer_init(&writer, buffer, WIRE_LAST_FINAL_SIZE_MAX);
    wire_write_last_final(&writer, &finality);
    ASSERT(wire_writer_end(&writer, &bytes));
    return bytes;
}

bool fake_tell(struct fake_node *node, enum fake_fault fault, struct told *told)
{
    if (node->height == 0) {
        return false;
    }
    told->block = &node->blocks[node->height - (fault == FAULT_OLD && node->height > 1)];
    told->other.header = NULL;
    if (fault == FAULT_FORK || fault == FAULT_HEADER) {
        told->other = *told->block;
        told->other.decoded.proposer = 3;
        header_encode(&told->other);
        const struct fake_block *real = told->block;
        told->block = &told->other;
        told->last_final =
            final_write(node, fault == FAULT_FORK ? told->block : real, 3, told->final_buffer);
        return true;
    }
    told->last_final =
        final_write(node, told->block, fault == FAULT_FEW ? 2 : 3, told->final_buffer);
    if (fault == FAULT_SIGNATURE) {
        told->final_buffer[told->last_final.size - 5] ^= 1;
    }
    return true;
}
