#include "wire/wire.h"

enum { VALIDATOR_FIELDS = 4 };

void wire_read_validator_set(struct wire_reader *reader, struct validator_set *out)
{
    out->count = wire_read_list(reader, VALIDATOR_COUNT_MAX);
    if (out->count == 0) {
        wire_reader_fail(reader, WIRE_BAD_RANGE);
    }
    for (uint32_t i = 0; i < out->count; i++) {
        struct validator *validator = &out->items[i];
        wire_read_array(reader, VALIDATOR_FIELDS);
        validator->consensus = wire_read_public_key(reader);
        validator->network = wire_read_public_key(reader);
        validator->vrf = wire_read_public_key(reader);
        validator->account = wire_read_address(reader);
    }
}

void wire_write_validator_set(struct wire_writer *writer, const struct validator_set *set)
{
    ASSERT(set->count > 0 && set->count <= VALIDATOR_COUNT_MAX);
    wire_write_array(writer, set->count);
    for (uint32_t i = 0; i < set->count; i++) {
        const struct validator *validator = &set->items[i];
        wire_write_array(writer, VALIDATOR_FIELDS);
        wire_write_public_key(writer, &validator->consensus);
        wire_write_public_key(writer, &validator->network);
        wire_write_public_key(writer, &validator->vrf);
        wire_write_address(writer, &validator->account);
    }
}

bool wire_decode_validator_set(struct bytes in, struct validator_set *out)
{
    struct wire_reader reader;
    wire_reader_init(&reader, in);
    wire_read_validator_set(&reader, out);
    return wire_reader_end(&reader);
}
