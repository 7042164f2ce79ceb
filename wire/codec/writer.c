#include "wire/codec/codec.h"

#include <string.h>

#include <msgpack/pack.h>

/* msgpack-c's packer picks the shortest form and hands the bytes to this callback. */
static int chunk_append(void *data, const char *chunk, size_t size)
{
    struct wire_writer *writer = data;
    if (writer->size <= writer->capacity && size <= writer->capacity - writer->size) {
        memcpy(writer->data + writer->size, chunk, size);
    }
    writer->size += size;
    return 0;
}

static msgpack_packer item_packer(struct wire_writer *writer)
{
    msgpack_packer packer;
    ASSERT(writer->owed > 0); /* more items than the arrays were opened for */
    writer->owed -= 1;
    msgpack_packer_init(&packer, writer, chunk_append);
    return packer;
}

void wire_writer_init(struct wire_writer *writer, uint8_t *data, size_t capacity)
{
    *writer = (struct wire_writer){.capacity = capacity, .owed = 1};
    writer->data = data;
}

bool wire_writer_end(const struct wire_writer *writer, struct bytes *out)
{
    ASSERT(writer->owed == 0 || writer->failed);
    if (writer->failed || writer->size > writer->capacity) {
        return false;
    }
    *out = bytes_of(writer->data, writer->size);
    return true;
}

void wire_write_array(struct wire_writer *writer, uint32_t count)
{
    msgpack_packer packer = item_packer(writer);
    (void)msgpack_pack_array(&packer, count);
    writer->owed += count;
}

void wire_write_u64(struct wire_writer *writer, uint64_t value)
{
    msgpack_packer packer = item_packer(writer);
    (void)msgpack_pack_uint64(&packer, value);
}

void wire_write_bin(struct wire_writer *writer, struct bytes value)
{
    msgpack_packer packer = item_packer(writer);
    ASSERT(value.size <= UINT32_MAX);
    (void)msgpack_pack_bin(&packer, value.size);
    if (value.size > 0) {
        (void)msgpack_pack_bin_body(&packer, value.data, value.size);
    }
}

void wire_write_str(struct wire_writer *writer, struct bytes value)
{
    msgpack_packer packer = item_packer(writer);
    if (value.size > UINT32_MAX || !wire_utf8_ok(value)) {
        writer->failed = true;
        return;
    }
    (void)msgpack_pack_str(&packer, value.size);
    if (value.size > 0) {
        (void)msgpack_pack_str_body(&packer, value.data, value.size);
    }
}

void wire_write_hash(struct wire_writer *writer, const struct hash *value)
{
    wire_write_bin(writer, bytes_of(value->bytes, HASH_SIZE));
}

void wire_write_address(struct wire_writer *writer, const struct address *value)
{
    wire_write_bin(writer, bytes_of(value->bytes, ADDRESS_SIZE));
}

void wire_write_public_key(struct wire_writer *writer, const struct public_key *value)
{
    wire_write_bin(writer, bytes_of(value->bytes, PUBLIC_KEY_SIZE));
}

void wire_write_signature(struct wire_writer *writer, const struct signature *value)
{
    wire_write_bin(writer, bytes_of(value->bytes, SIGNATURE_SIZE));
}

void wire_write_raw(struct wire_writer *writer, struct bytes element)
{
    ASSERT(writer->owed > 0 && element.size > 0);
    writer->owed -= 1;
    (void)chunk_append(writer, (const char *)element.data, element.size);
}
