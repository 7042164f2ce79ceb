#include "store/history/seal.h"

#include <string.h>

#include "wire/wire.h"

uint64_t history_chunk_last(uint64_t height)
{
    ASSERT(height > 0);
    return ((height - 1) / HISTORY_CHUNK_BLOCKS + 1) * HISTORY_CHUNK_BLOCKS;
}

static bool source_block(const struct history_source *source, uint64_t height,
                         struct wire_block *out, struct error *error)
{
    struct bytes bytes;
    if (!source->block(source->context, height, &bytes, error)) {
        return false;
    }
    return (wire_decode_block(bytes, out) && out->header.height == height) ||
           error_set(error, EXIT_CODE_VERIFY, "height %llu: the bytes are no such block",
                     (unsigned long long)height);
}

/* Where the certificate is that the chain carries. */
struct carrier {
    uint64_t named; /* the height it is for */
    size_t size;
    uint8_t last_final[WIRE_LAST_FINAL_SIZE_MAX];
};

/* The lowest block behind range.first that carries a certificate for it or a descendant. */
static enum store_answer carrier_find(const struct history_source *source,
                                      struct history_span range, struct carrier *out,
                                      struct error *error)
{
    struct wire_block block;
    const uint64_t room = HISTORY_SEAL_HEADER_MAX + 1;
    const uint64_t tip = range.last - range.first > room ? range.first + room : range.last;
    for (uint64_t height = range.first + 1; height <= tip; height++) {
        if (!source_block(source, height, &block, error)) {
            return STORE_FAILED;
        }
        const uint64_t named = block.has_last_final ? block.last_final.light.height : 0;
        if (named >= range.first && named < height) {
            out->named = named;
            out->size = block.last_final_bytes.size;
            memcpy(out->last_final, block.last_final_bytes.data, out->size);
            return STORE_FOUND;
        }
    }
    return STORE_ABSENT;
}

enum store_answer seal_find(const struct history_source *source, struct history_span range,
                            uint8_t *buffer, struct bytes *out, struct error *error)
{
    struct carrier carrier;
    struct wire_block block;
    struct wire_writer writer;
    const enum store_answer answer = carrier_find(source, range, &carrier, error);
    if (answer != STORE_FOUND) {
        return answer;
    }
    wire_writer_init(&writer, buffer, HISTORY_SEAL_SIZE_MAX);
    wire_write_array(&writer, 2);
    wire_write_array(&writer, (uint32_t)(carrier.named - range.first));
    for (uint64_t height = range.first + 1; height <= carrier.named; height++) {
        if (!source_block(source, height, &block, error)) {
            return STORE_FAILED;
        }
        wire_write_bin(&writer, block.header_bytes);
    }
    wire_write_bin(&writer, bytes_of(carrier.last_final, carrier.size));
    const bool fits = wire_writer_end(&writer, out);
    ASSERT(fits);
    return STORE_FOUND;
}

bool history_seal_decode(struct bytes in, struct history_seal_parts *out)
{
    struct wire_reader reader;
    wire_reader_init(&reader, in);
    wire_read_array(&reader, 2);
    out->count = wire_read_list(&reader, HISTORY_SEAL_HEADER_MAX);
    for (uint32_t i = 0; i < out->count; i++) {
        out->headers[i] = wire_read_bin(&reader, WIRE_HEADER_SIZE_MAX);
    }
    out->last_final = wire_read_bin(&reader, WIRE_LAST_FINAL_SIZE_MAX);
    return wire_reader_end(&reader);
}
