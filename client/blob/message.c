#include "client/blob/blob.h"
#include "wire/codec/codec.h"

bool blob_decode_request(struct bytes in, struct blob_request *out)
{
    struct wire_reader reader;
    wire_reader_init(&reader, in);
    wire_read_array(&reader, 2);
    out->root = wire_read_hash(&reader);
    out->offset = wire_read_u64_max(&reader, BLOB_SIZE_MAX);
    return wire_reader_end(&reader);
}

bool blob_decode_answer(struct bytes in, struct blob_answer *out)
{
    struct wire_reader reader;
    wire_reader_init(&reader, in);
    wire_read_array(&reader, 2);
    out->size = wire_read_u64_max(&reader, BLOB_SIZE_MAX);
    out->chunk = wire_read_bin(&reader, BLOB_CHUNK_SIZE);
    return wire_reader_end(&reader) && out->chunk.size <= out->size;
}

struct bytes blob_encode_request(const struct blob_request *request, uint8_t *buffer)
{
    struct wire_writer writer;
    struct bytes out = {NULL, 0};
    wire_writer_init(&writer, buffer, BLOB_REQUEST_SIZE_MAX);
    wire_write_array(&writer, 2);
    wire_write_hash(&writer, &request->root);
    wire_write_u64(&writer, request->offset);
    const bool fits = wire_writer_end(&writer, &out);
    ASSERT(fits);
    return out;
}

struct bytes blob_encode_answer(const struct blob_answer *answer, uint8_t *buffer)
{
    struct wire_writer writer;
    struct bytes out = {NULL, 0};
    wire_writer_init(&writer, buffer, BLOB_ANSWER_OVERHEAD + answer->chunk.size);
    wire_write_array(&writer, 2);
    wire_write_u64(&writer, answer->size);
    wire_write_bin(&writer, answer->chunk);
    const bool fits = wire_writer_end(&writer, &out);
    ASSERT(fits);
    return out;
}
