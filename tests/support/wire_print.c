#include "tests/support/wire_print.h"

#include <inttypes.h>

static void name_add(struct text *out, const char *prefix, const char *name)
{
    text_add(out, "  %s%s ", prefix, name);
}

static void number_add(struct text *out, const char *prefix, const char *name, uint64_t value)
{
    name_add(out, prefix, name);
    text_add(out, "%" PRIu64 "\n", value);
}

static void bytes_add(struct text *out, const char *prefix, const char *name, struct bytes bytes)
{
    name_add(out, prefix, name);
    text_add(out, "x");
    text_add_hex(out, bytes);
    text_add(out, "\n");
}

static void hash_add(struct text *out, const char *prefix, const char *name,
                     const struct hash *hash)
{
    bytes_add(out, prefix, name, bytes_of(hash->bytes, HASH_SIZE));
}

void print_u64(struct text *out, const char *name, uint64_t value)
{
    number_add(out, "", name, value);
}

void print_hash(struct text *out, const char *name, const struct hash *hash)
{
    hash_add(out, "", name, hash);
}

void print_bytes(struct text *out, const char *name, struct bytes bytes)
{
    bytes_add(out, "", name, bytes);
}

void print_header(struct text *out, const char *prefix, const struct block_header *header)
{
    number_add(out, prefix, "version", header->version);
    hash_add(out, prefix, "chain_id", &header->chain_id);
    number_add(out, prefix, "height", header->height);
    hash_add(out, prefix, "parent_id", &header->parent_id);
    number_add(out, prefix, "time_ms", header->time_ms);
    number_add(out, prefix, "epoch", header->epoch);
    number_add(out, prefix, "view", header->view);
    number_add(out, prefix, "proposer", header->proposer);
    bytes_add(out, prefix, "vrf_proof", bytes_of(header->vrf_proof.bytes, VRF_PROOF_SIZE));
    hash_add(out, prefix, "txs_root", &header->txs_root);
    hash_add(out, prefix, "state_root", &header->state_root);
    hash_add(out, prefix, "results_root", &header->results_root);
    hash_add(out, prefix, "hist_root", &header->hist_root);
    hash_add(out, prefix, "set_hash", &header->set_hash);
    hash_add(out, prefix, "next_set_hash", &header->next_set_hash);
    hash_add(out, prefix, "last_cert_hash", &header->last_cert_hash);
}

void print_light(struct text *out, const char *prefix, const struct proposal_light *light)
{
    number_add(out, prefix, "epoch", light->epoch);
    number_add(out, prefix, "view", light->view);
    number_add(out, prefix, "height", light->height);
    hash_add(out, prefix, "block_id", &light->block_id);
    hash_add(out, prefix, "next_set_hash", &light->next_set_hash);
}

void print_rest(struct text *out, const char *prefix, const struct proposal_rest *rest)
{
    number_add(out, prefix, "version", rest->version);
    hash_add(out, prefix, "chain_id", &rest->chain_id);
    number_add(out, prefix, "parent_view", rest->parent_view);
    hash_add(out, prefix, "parent_proposal", &rest->parent_proposal);
    number_add(out, prefix, "da_mode", rest->da_mode);
    number_add(out, prefix, "da_n", rest->da_n);
    number_add(out, prefix, "da_k", rest->da_k);
    number_add(out, prefix, "block_size", rest->block_size);
    number_add(out, prefix, "shard_size", rest->shard_size);
    hash_add(out, prefix, "da_root", &rest->da_root);
    number_add(out, prefix, "leader", rest->leader);
    number_add(out, prefix, "flags", rest->flags);
}

/* Signers by index, so that the bitmap's bytes are not taken for granted. */
static void signers_add(struct text *out, const char *prefix,
                        const struct validator_bitmap *signers, const struct signature *signatures)
{
    uint32_t next = 0;
    for (uint32_t i = 0; i < VALIDATOR_COUNT_MAX; i++) {
        if (validator_bitmap_get(signers, i)) {
            number_add(out, prefix, "signer", i);
            bytes_add(out, prefix, "signature", bytes_of(signatures[next].bytes, SIGNATURE_SIZE));
            next++;
        }
    }
}

void print_finality(struct text *out, const char *prefix, const struct finality *finality)
{
    print_light(out, prefix, &finality->light);
    hash_add(out, prefix, "rest_digest", &finality->rest_digest);
    signers_add(out, prefix, &finality->signers, finality->signatures);
}

void print_vote(struct text *out, const struct vote *vote)
{
    print_u64(out, "kind", vote->kind);
    print_u64(out, "epoch", vote->epoch);
    print_u64(out, "view", vote->view);
    print_hash(out, "proposal", &vote->proposal);
    print_u64(out, "validator", vote->validator);
    print_bytes(out, "signature", bytes_of(vote->signature.bytes, SIGNATURE_SIZE));
}

void print_certificate(struct text *out, const char *prefix, const struct certificate *cert)
{
    number_add(out, prefix, "kind", cert->kind);
    number_add(out, prefix, "epoch", cert->epoch);
    number_add(out, prefix, "view", cert->view);
    hash_add(out, prefix, "proposal", &cert->proposal);
    signers_add(out, prefix, &cert->signers, cert->signatures);
}

void print_tx(struct text *out, const struct tx *tx)
{
    print_u64(out, "version", tx->version);
    print_hash(out, "chain_id", &tx->chain_id);
    print_u64(out, "type", tx->type);
    print_bytes(out, "sender", bytes_of(tx->sender.bytes, ADDRESS_SIZE));
    print_u64(out, "lane", tx->lane);
    print_u64(out, "seq", tx->seq);
    print_u64(out, "valid_until_ms", tx->valid_until_ms);
    print_bytes(out, "body", tx->body);
    print_bytes(out, "signature", bytes_of(tx->signature.bytes, SIGNATURE_SIZE));
}

void print_validator_set(struct text *out, const struct validator_set *set)
{
    for (uint32_t i = 0; i < set->count; i++) {
        const struct validator *validator = &set->items[i];
        print_bytes(out, "consensus", bytes_of(validator->consensus.bytes, PUBLIC_KEY_SIZE));
        print_bytes(out, "network", bytes_of(validator->network.bytes, PUBLIC_KEY_SIZE));
        print_bytes(out, "vrf", bytes_of(validator->vrf.bytes, PUBLIC_KEY_SIZE));
        print_bytes(out, "account", bytes_of(validator->account.bytes, ADDRESS_SIZE));
    }
}

void print_txs(struct text *out, const struct wire_txs *txs)
{
    struct wire_tx_iterator iterator;
    struct bytes tx;
    wire_txs_begin(&iterator, txs);
    while (wire_txs_next(&iterator, &tx)) {
        print_bytes(out, "tx", tx);
    }
}
