#include "tests/support/wire_differential.h"

#include <msgpack.h>

#include "wire/codec/codec.h"

/* An array of msgpack-c's that is being compared. */
struct level {
    const msgpack_object *items;
    uint32_t left;
};

/* One item against the next of the reader; an array's items are the caller's next level. */
static struct level item_compare(struct wire_reader *reader, const msgpack_object *item)
{
    struct level level = {0};
    struct bytes bytes;
    switch (wire_peek_kind(reader)) {
    case WIRE_UINT:
        ASSERT(item->type == MSGPACK_OBJECT_POSITIVE_INTEGER);
        ASSERT(item->via.u64 == wire_read_u64(reader));
        break;
    case WIRE_BIN:
        ASSERT(item->type == MSGPACK_OBJECT_BIN);
        bytes = wire_read_bin(reader, SIZE_MAX);
        ASSERT(bytes_equal(bytes, bytes_of(item->via.bin.ptr, item->via.bin.size)));
        break;
    case WIRE_STR:
        ASSERT(item->type == MSGPACK_OBJECT_STR);
        bytes = wire_read_str(reader, SIZE_MAX);
        ASSERT(bytes_equal(bytes, bytes_of(item->via.str.ptr, item->via.str.size)));
        break;
    case WIRE_ARRAY:
        ASSERT(item->type == MSGPACK_OBJECT_ARRAY);
        level.left = wire_read_list(reader, UINT32_MAX);
        level.items = item->via.array.ptr;
        ASSERT(level.left == item->via.array.size);
        break;
    case WIRE_NONE:
        UNREACHABLE();
    }
    return level;
}

static void value_compare(struct bytes in, const msgpack_object *root)
{
    struct wire_reader reader;
    struct level open[WIRE_DEPTH_MAX + 1] = {{.items = root, .left = 1}};
    uint32_t depth = 0;
    wire_reader_init(&reader, in);
    for (;;) {
        while (depth > 0 && open[depth].left == 0) {
            depth--;
        }
        if (open[depth].left == 0) {
            break;
        }
        open[depth].left--;
        const struct level next = item_compare(&reader, open[depth].items++);
        if (next.left > 0) {
            ASSERT(depth < WIRE_DEPTH_MAX);
            depth++;
            open[depth] = next;
        }
    }
    ASSERT(wire_reader_end(&reader));
}

bool wire_differential_check(struct bytes in)
{
    struct wire_reader reader;
    wire_reader_init(&reader, in);
    const struct bytes span = wire_read_span(&reader);
    if (!wire_reader_end(&reader)) {
        ASSERT(reader.verdict != WIRE_OK);
        return false;
    }
    ASSERT(bytes_equal(span, in));

    msgpack_unpacked unpacked;
    msgpack_sbuffer packed;
    msgpack_packer packer;
    size_t at = 0;
    msgpack_unpacked_init(&unpacked);
    ASSERT(msgpack_unpack_next(&unpacked, (const char *)in.data, in.size, &at) ==
           MSGPACK_UNPACK_SUCCESS);
    ASSERT(at == in.size);
    value_compare(in, &unpacked.data);
    msgpack_sbuffer_init(&packed);
    msgpack_packer_init(&packer, &packed, msgpack_sbuffer_write);
    ASSERT(msgpack_pack_object(&packer, unpacked.data) == 0);
    ASSERT(bytes_equal(in, bytes_of(packed.data, packed.size)));
    msgpack_sbuffer_destroy(&packed);
    msgpack_unpacked_destroy(&unpacked);
    return true;
}
