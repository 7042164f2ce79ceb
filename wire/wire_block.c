#include "wire/wire_parts.h"

enum {
    HEADER_FIELDS = 16,
    LIGHT_FIELDS = 5,
    REST_FIELDS = 12,
    LAST_FINAL_FIELDS = 4,
    PROPOSAL_FIELDS = 4,
    BLOCK_FIELDS = 3,
    /* A block's transactions are one item each; header and last_final are few. */
    BLOCK_NODES_MAX = BLOCK_TX_MAX + WIRE_NODES_MAX,
};

static uint32_t version_read(struct wire_reader *reader, uint32_t version)
{
    const uint32_t value = wire_read_u32(reader);
    if (value != version) {
        wire_reader_fail(reader, WIRE_BAD_RANGE);
    }
    return value;
}

void wire_read_header(struct wire_reader *reader, struct block_header *out)
{
    wire_read_array(reader, HEADER_FIELDS);
    out->version = version_read(reader, BLOCK_VERSION);
    out->chain_id = wire_read_hash(reader);
    out->height = wire_read_u64(reader);
    out->parent_id = wire_read_hash(reader);
    out->time_ms = wire_read_u64(reader);
    out->epoch = wire_read_u64(reader);
    out->view = wire_read_u64(reader);
    out->proposer = wire_read_u32_max(reader, VALIDATOR_COUNT_MAX - 1);
    wire_read_fixed(reader, out->vrf_proof.bytes, VRF_PROOF_SIZE);
    out->txs_root = wire_read_hash(reader);
    out->state_root = wire_read_hash(reader);
    out->results_root = wire_read_hash(reader);
    out->hist_root = wire_read_hash(reader);
    out->set_hash = wire_read_hash(reader);
    out->next_set_hash = wire_read_hash(reader);
    out->last_cert_hash = wire_read_hash(reader);
}

void wire_write_header(struct wire_writer *writer, const struct block_header *header)
{
    wire_write_array(writer, HEADER_FIELDS);
    wire_write_u64(writer, header->version);
    wire_write_hash(writer, &header->chain_id);
    wire_write_u64(writer, header->height);
    wire_write_hash(writer, &header->parent_id);
    wire_write_u64(writer, header->time_ms);
    wire_write_u64(writer, header->epoch);
    wire_write_u64(writer, header->view);
    wire_write_u64(writer, header->proposer);
    wire_write_bin(writer, bytes_of(header->vrf_proof.bytes, VRF_PROOF_SIZE));
    wire_write_hash(writer, &header->txs_root);
    wire_write_hash(writer, &header->state_root);
    wire_write_hash(writer, &header->results_root);
    wire_write_hash(writer, &header->hist_root);
    wire_write_hash(writer, &header->set_hash);
    wire_write_hash(writer, &header->next_set_hash);
    wire_write_hash(writer, &header->last_cert_hash);
}

bool wire_decode_header(struct bytes in, struct block_header *out)
{
    struct wire_reader reader;
    wire_reader_init(&reader, in);
    wire_read_header(&reader, out);
    return wire_reader_end(&reader);
}

void wire_read_light(struct wire_reader *reader, struct proposal_light *out)
{
    wire_read_array(reader, LIGHT_FIELDS);
    out->epoch = wire_read_u64(reader);
    out->view = wire_read_u64(reader);
    out->height = wire_read_u64(reader);
    out->block_id = wire_read_hash(reader);
    out->next_set_hash = wire_read_hash(reader);
}

void wire_write_light(struct wire_writer *writer, const struct proposal_light *light)
{
    wire_write_array(writer, LIGHT_FIELDS);
    wire_write_u64(writer, light->epoch);
    wire_write_u64(writer, light->view);
    wire_write_u64(writer, light->height);
    wire_write_hash(writer, &light->block_id);
    wire_write_hash(writer, &light->next_set_hash);
}

bool wire_decode_light(struct bytes in, struct proposal_light *out)
{
    struct wire_reader reader;
    wire_reader_init(&reader, in);
    wire_read_light(&reader, out);
    return wire_reader_end(&reader);
}

/* Whether the numbers are those of this set and block is for the receiver to say. */
static bool is_da_possible(const struct proposal_rest *rest)
{
    if (rest->da_mode == DA_FULL) {
        return rest->da_n == 0 && rest->da_k == 0 && rest->shard_size == 0 &&
               hash_is_zero(&rest->da_root);
    }
    return rest->da_k > 0 && rest->da_k <= rest->da_n && rest->block_size > 0 &&
           rest->shard_size > 0;
}

void wire_read_rest(struct wire_reader *reader, struct proposal_rest *out)
{
    wire_read_array(reader, REST_FIELDS);
    out->version = version_read(reader, PROPOSAL_VERSION);
    out->chain_id = wire_read_hash(reader);
    out->parent_view = wire_read_u64(reader);
    out->parent_proposal = wire_read_hash(reader);
    out->da_mode = wire_read_u32_max(reader, DA_SHARD);
    out->da_n = wire_read_u32_max(reader, VALIDATOR_COUNT_MAX);
    out->da_k = wire_read_u32_max(reader, VALIDATOR_COUNT_MAX);
    out->block_size = wire_read_u32_max(reader, BLOCK_SIZE_MAX);
    out->shard_size = wire_read_u32_max(reader, SHARD_SIZE_MAX);
    out->da_root = wire_read_hash(reader);
    out->leader = wire_read_u32_max(reader, VALIDATOR_COUNT_MAX - 1);
    out->flags = wire_read_u32_max(reader, PROPOSAL_REPROPOSED);
    if (!is_da_possible(out)) {
        wire_reader_fail(reader, WIRE_BAD_RANGE);
    }
}

void wire_write_rest(struct wire_writer *writer, const struct proposal_rest *rest)
{
    wire_write_array(writer, REST_FIELDS);
    wire_write_u64(writer, rest->version);
    wire_write_hash(writer, &rest->chain_id);
    wire_write_u64(writer, rest->parent_view);
    wire_write_hash(writer, &rest->parent_proposal);
    wire_write_u64(writer, rest->da_mode);
    wire_write_u64(writer, rest->da_n);
    wire_write_u64(writer, rest->da_k);
    wire_write_u64(writer, rest->block_size);
    wire_write_u64(writer, rest->shard_size);
    wire_write_hash(writer, &rest->da_root);
    wire_write_u64(writer, rest->leader);
    wire_write_u64(writer, rest->flags);
}

bool wire_decode_rest(struct bytes in, struct proposal_rest *out)
{
    struct wire_reader reader;
    wire_reader_init(&reader, in);
    wire_read_rest(&reader, out);
    return wire_reader_end(&reader);
}

/* The items of a last_final, whose array has been opened. */
static void last_final_fields(struct wire_reader *reader, struct finality *out)
{
    wire_read_light(reader, &out->light);
    out->rest_digest = wire_read_hash(reader);
    wire_read_signers(reader, (struct wire_signers){.bitmap = &out->signers,
                                                    .count = &out->signature_count,
                                                    .signatures = out->signatures});
}

void wire_read_last_final(struct wire_reader *reader, struct finality *out)
{
    wire_read_array(reader, LAST_FINAL_FIELDS);
    last_final_fields(reader, out);
}

void wire_write_last_final(struct wire_writer *writer, const struct finality *finality)
{
    wire_write_array(writer, LAST_FINAL_FIELDS);
    wire_write_light(writer, &finality->light);
    wire_write_hash(writer, &finality->rest_digest);
    wire_write_signers(writer, &finality->signers, finality->signatures, finality->signature_count);
}

bool wire_decode_last_final(struct bytes in, struct finality *out)
{
    struct wire_reader reader;
    wire_reader_init(&reader, in);
    wire_read_last_final(&reader, out);
    return wire_reader_end(&reader);
}

void wire_write_proposal(struct wire_writer *writer, const struct wire_proposal *proposal)
{
    wire_write_array(writer, PROPOSAL_FIELDS);
    wire_write_light(writer, &proposal->proposal.light);
    wire_write_rest(writer, &proposal->proposal.rest);
    wire_write_signature(writer, &proposal->signature);
    wire_write_bin(writer, proposal->block);
}

bool wire_decode_proposal(struct bytes in, struct wire_proposal *out)
{
    struct wire_reader reader;
    wire_reader_init(&reader, in);
    wire_read_array(&reader, PROPOSAL_FIELDS);
    const uint8_t *mark = wire_reader_mark(&reader);
    wire_read_light(&reader, &out->proposal.light);
    out->light_bytes = wire_reader_since(&reader, mark);
    mark = wire_reader_mark(&reader);
    wire_read_rest(&reader, &out->proposal.rest);
    out->rest_bytes = wire_reader_since(&reader, mark);
    out->signature = wire_read_signature(&reader);
    out->block = wire_read_bin(&reader, BLOCK_SIZE_MAX);
    return wire_reader_end(&reader);
}

static void block_last_final_read(struct wire_reader *reader, struct wire_block *out)
{
    const uint8_t *mark = wire_reader_mark(reader);
    const uint32_t count = wire_read_list(reader, LAST_FINAL_FIELDS);
    out->has_last_final = count > 0;
    out->last_final_bytes = (struct bytes){0};
    if (count > 0 && count < LAST_FINAL_FIELDS) {
        wire_reader_fail(reader, WIRE_BAD_RANGE);
    }
    if (count > 0) {
        last_final_fields(reader, &out->last_final);
        out->last_final_bytes = wire_reader_since(reader, mark);
    }
    if (out->has_last_final == hash_is_zero(&out->header.last_cert_hash)) {
        wire_reader_fail(reader, WIRE_BAD_RANGE);
    }
}

bool wire_decode_block(struct bytes in, struct wire_block *out)
{
    struct wire_reader reader;
    wire_reader_init_nodes(&reader, in, BLOCK_NODES_MAX);
    if (in.size > BLOCK_SIZE_MAX) {
        wire_reader_fail(&reader, WIRE_BAD_SIZE);
    }
    wire_read_array(&reader, BLOCK_FIELDS);
    const uint8_t *mark = wire_reader_mark(&reader);
    wire_read_header(&reader, &out->header);
    out->header_bytes = wire_reader_since(&reader, mark);
    block_last_final_read(&reader, out);
    wire_read_txs(&reader, &out->txs, BLOCK_TX_MAX);
    return wire_reader_end(&reader);
}

void wire_write_block(struct wire_writer *writer, const struct wire_block_parts *parts)
{
    wire_write_array(writer, BLOCK_FIELDS);
    wire_write_raw(writer, parts->header_bytes);
    if (parts->last_final_bytes.size > 0) {
        wire_write_raw(writer, parts->last_final_bytes);
    } else {
        wire_write_array(writer, 0);
    }
    wire_write_txs(writer, parts->txs, parts->tx_count);
}

void wire_write_beacon_alpha(struct wire_writer *writer, const struct hash *chain_id,
                             const struct hash *beacon, uint64_t height)
{
    wire_write_array(writer, 3);
    wire_write_hash(writer, chain_id);
    wire_write_hash(writer, beacon);
    wire_write_u64(writer, height);
}
