#include "wire/wire_parts.h"

enum { SHARD_FIELDS = 6 };

STATIC_ASSERT(WIRE_MESSAGE_OVERHEAD + WIRE_SHARD_SIZE_MAX <= (int)FRAME_SIZE_MAX,
              "the largest shard fits a frame");

void wire_write_shard(struct wire_writer *writer, const struct wire_shard *shard)
{
    wire_write_array(writer, SHARD_FIELDS);
    wire_write_light(writer, &shard->proposal.light);
    wire_write_rest(writer, &shard->proposal.rest);
    wire_write_signature(writer, &shard->signature);
    wire_write_u64(writer, shard->index);
    wire_write_bin(writer, shard->path);
    wire_write_bin(writer, shard->shard);
}

bool wire_decode_shard(struct bytes in, struct wire_shard *out)
{
    struct wire_reader reader;
    wire_reader_init(&reader, in);
    wire_read_array(&reader, SHARD_FIELDS);
    const uint8_t *mark = wire_reader_mark(&reader);
    wire_read_light(&reader, &out->proposal.light);
    out->light_bytes = wire_reader_since(&reader, mark);
    mark = wire_reader_mark(&reader);
    wire_read_rest(&reader, &out->proposal.rest);
    out->rest_bytes = wire_reader_since(&reader, mark);
    out->signature = wire_read_signature(&reader);
    out->index = wire_read_u32_max(&reader, VALIDATOR_COUNT_MAX - 1);
    out->path = wire_read_bin(&reader, (size_t)SHARD_PATH_MAX * HASH_SIZE);
    out->shard = wire_read_bin(&reader, SHARD_SIZE_MAX);
    const struct proposal_rest *rest = &out->proposal.rest;
    if (!wire_reader_end(&reader)) {
        return false;
    }
    return rest->da_mode == DA_SHARD && out->index < rest->da_n &&
           out->path.size % HASH_SIZE == 0 && out->shard.size == rest->shard_size;
}

bool wire_decode_get_shards(struct bytes in, struct hash *proposal)
{
    return wire_decode_get_block(in, proposal); /* the same form */
}

void wire_write_get_shards(struct wire_writer *writer, const struct hash *proposal)
{
    wire_write_get_block(writer, proposal);
}
