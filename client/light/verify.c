#include "client/light/verify.h"

#include "crypto/crypto.h"
#include "wire/wire.h"

void verify_block_id(struct bytes header_bytes, struct hash *out)
{
    crypto_digest(TAG_BLOCK_HEADER, header_bytes, out);
}

const char *verify_header(const struct verify_trust *trust, struct bytes header_bytes,
                          struct block_header *out, struct hash *block_id)
{
    if (!wire_decode_header(header_bytes, out)) {
        return "the header is malformed";
    }
    if (!hash_equal(&out->chain_id, &trust->chain_id)) {
        return "the header belongs to another chain";
    }
    verify_block_id(header_bytes, block_id);
    return NULL;
}

/* H(PROPOSAL, LIGHT bytes || rest_digest) */
static bool proposal_hash(const struct finality *finality, struct hash *out)
{
    uint8_t buffer[WIRE_LIGHT_SIZE_MAX];
    struct wire_writer writer;
    struct crypto_sha256 state;
    struct bytes light;
    wire_writer_init(&writer, buffer, sizeof buffer);
    wire_write_light(&writer, &finality->light);
    if (!wire_writer_end(&writer, &light)) {
        return false;
    }
    crypto_digest_init(&state, TAG_PROPOSAL);
    crypto_sha256_update(&state, light);
    crypto_sha256_update(&state, bytes_of(finality->rest_digest.bytes, HASH_SIZE));
    crypto_sha256_final(&state, out);
    return true;
}

static bool vote_digest(const struct verify_trust *trust, const struct finality *finality,
                        struct hash *out)
{
    uint8_t buffer[WIRE_VOTE_PREIMAGE_SIZE_MAX];
    struct wire_writer writer;
    struct bytes preimage;
    struct vote vote = {
        .kind = VOTE_FINALIZE, .epoch = finality->light.epoch, .view = finality->light.view};
    if (!proposal_hash(finality, &vote.proposal)) {
        return false;
    }
    wire_writer_init(&writer, buffer, sizeof buffer);
    wire_write_vote_preimage(&writer, &trust->chain_id, &trust->set_hash, &vote);
    if (!wire_writer_end(&writer, &preimage)) {
        return false;
    }
    crypto_digest(wire_vote_tag(VOTE_FINALIZE), preimage, out);
    return true;
}

static const char *verify_quorum(const struct verify_trust *trust, const struct finality *finality)
{
    struct hash digest;
    uint32_t taken = 0;
    if (finality->signature_count < validator_quorum(trust->validators.count)) {
        return "the certificate has too few signatures";
    }
    if (!vote_digest(trust, finality, &digest)) {
        return "the certificate has no digest";
    }
    for (uint32_t i = 0; i < VALIDATOR_COUNT_MAX; i++) {
        if (!validator_bitmap_get(&finality->signers, i)) {
            continue;
        }
        if (i >= trust->validators.count || !crypto_verify(&trust->validators.items[i].consensus,
                                                           &digest, &finality->signatures[taken])) {
            return "a signature of the certificate does not verify";
        }
        taken++;
    }
    return taken == finality->signature_count ? NULL : "the certificate's bitmap is wrong";
}

const char *verify_final(const struct verify_trust *trust, struct bytes last_final,
                         const struct block_header *header, const struct hash *block_id,
                         struct verify_scratch *scratch)
{
    const struct proposal_light *light = &scratch->finality.light;
    if (header->epoch != trust->epoch || !hash_equal(&header->set_hash, &trust->set_hash)) {
        return "the header names another validator set";
    }
    if (!wire_decode_last_final(last_final, &scratch->finality)) {
        return "the certificate is malformed";
    }
    if (!hash_equal(&light->block_id, block_id) || light->height != header->height ||
        light->epoch != header->epoch ||
        !hash_equal(&light->next_set_hash, &header->next_set_hash)) {
        return "the certificate is for another block";
    }
    return verify_quorum(trust, &scratch->finality);
}

const char *verify_boundary(const struct verify_trust *trust, const struct verify_boundary *claim,
                            struct verify_scratch *scratch, struct verify_trust *next)
{
    struct hash block_id;
    struct hash set_hash;
    struct block_header *header = &scratch->header;
    const char *wrong = verify_header(trust, claim->header, header, &block_id);
    wrong =
        wrong != NULL ? wrong : verify_final(trust, claim->last_final, header, &block_id, scratch);
    if (wrong != NULL) {
        return wrong;
    }
    crypto_digest(TAG_VALIDATOR_SET, claim->set, &set_hash);
    if (hash_equal(&header->next_set_hash, &header->set_hash) ||
        !hash_equal(&header->next_set_hash, &set_hash) ||
        !wire_decode_validator_set(claim->set, &next->validators)) {
        return "the block does not name that validator set as the next";
    }
    next->chain_id = trust->chain_id;
    next->epoch = trust->epoch + 1;
    next->set_hash = set_hash;
    return NULL;
}

static bool path_verify(const struct api_path *in, enum tag tag, struct bytes entry,
                        const struct hash *root)
{
    struct crypto_path path = {.index = in->index, .count = in->count, .size = in->size};
    if (in->size > API_PATH_MAX) {
        return false;
    }
    memcpy(path.siblings, in->siblings, in->size * sizeof in->siblings[0]);
    return crypto_path_verify(&path, tag, entry, root);
}

const char *verify_history(const struct block_header *tip, uint64_t height,
                           const struct hash *block_id, const struct api_path *path)
{
    if (height == 0 || height >= tip->height || path->index != height - 1 ||
        path->count != tip->height - 1) {
        return "the history path is for another height";
    }
    if (!path_verify(path, TAG_HISTORY_TREE, bytes_of(block_id->bytes, HASH_SIZE),
                     &tip->hist_root)) {
        return "the history path leads to another root";
    }
    return NULL;
}

const char *verify_growth(const struct block_header *tip, const struct block_header *older,
                          const struct hash *hashes, uint32_t count)
{
    struct crypto_growth growth = {.size = count};
    if (older->height == 0 || older->height > tip->height || count > CRYPTO_GROWTH_MAX) {
        return "the proof of growth is for other heights";
    }
    growth.before = older->height - 1;
    growth.after = tip->height - 1;
    memcpy(growth.hashes, hashes, count * sizeof hashes[0]);
    return crypto_growth_verify(&growth, TAG_HISTORY_TREE, &older->hist_root, &tip->hist_root)
               ? NULL
               : "the history that was known is not how the newer one begins";
}

/* Transaction `index` and the root over all. */
static bool walk_txs(const struct wire_txs *txs, uint32_t index, struct bytes *found,
                     struct hash *root)
{
    struct wire_tx_iterator iterator;
    struct crypto_tree tree;
    struct bytes tx;
    uint32_t at = 0;
    crypto_tree_init(&tree, TAG_TX_TREE);
    wire_txs_begin(&iterator, txs);
    while (wire_txs_next(&iterator, &tx)) {
        crypto_tree_append(&tree, tx);
        if (at == index) {
            *found = tx;
        }
        at++;
    }
    crypto_tree_root(&tree, root);
    return index < at;
}

static const char *check_body(const struct wire_block *block, uint64_t height,
                              const struct hash *block_id, const struct hash *txs_root)
{
    struct hash id;
    verify_block_id(block->header_bytes, &id);
    if (!hash_equal(&id, block_id) || block->header.height != height) {
        return "the block is another one";
    }
    if (!hash_equal(txs_root, &block->header.txs_root)) {
        return "the block's transactions are not those of its header";
    }
    if (block->has_last_final) {
        crypto_digest(TAG_LAST_FINAL, block->last_final_bytes, &id);
        if (!hash_equal(&id, &block->header.last_cert_hash)) {
            return "the block's certificate is not that of its header";
        }
    }
    return NULL;
}

const char *verify_body(struct bytes bytes, uint64_t height, const struct hash *block_id)
{
    struct wire_block block;
    struct bytes tx;
    struct hash root;
    if (!wire_decode_block(bytes, &block)) {
        return "the block is malformed";
    }
    (void)walk_txs(&block.txs, 0, &tx, &root);
    return check_body(&block, height, block_id, &root);
}

const char *verify_result(const struct verify_result *claim)
{
    struct wire_block block;
    struct bytes tx = {NULL, 0};
    struct hash root;
    if (claim->child->height != claim->height + 1 || !wire_decode_block(claim->block, &block)) {
        return "the block is malformed or at another height";
    }
    if (!walk_txs(&block.txs, claim->index, &tx, &root) || !bytes_equal(tx, claim->raw)) {
        return "the block has another transaction at that place";
    }
    const char *wrong = check_body(&block, claim->height, &claim->child->parent_id, &root);
    if (wrong != NULL) {
        return wrong;
    }
    /* One record for each transaction, then one for the block itself. */
    if (claim->path->index != claim->index || claim->path->count != block.txs.count + 1 ||
        !path_verify(claim->path, TAG_RESULT_TREE, claim->record, &claim->child->results_root)) {
        return "the result does not lead to the results root";
    }
    return NULL;
}

const char *verify_head(const struct verify_trust *trust, const struct hash *nonce,
                        const struct api_answer *answer)
{
    uint8_t buffer[160];
    struct wire_writer writer;
    struct bytes preimage;
    struct hash digest;
    if (answer->validator >= trust->validators.count) {
        return "the head is signed by no validator";
    }
    wire_writer_init(&writer, buffer, sizeof buffer);
    api_write_head_preimage(&writer, &trust->chain_id, nonce, answer);
    if (!wire_writer_end(&writer, &preimage)) {
        return "the head has no digest";
    }
    crypto_digest(TAG_HEAD, preimage, &digest);
    if (!crypto_verify(&trust->validators.items[answer->validator].network, &digest,
                       &answer->signature)) {
        return "the head's signature does not verify";
    }
    return NULL;
}
