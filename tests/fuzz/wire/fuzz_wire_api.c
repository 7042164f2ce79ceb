#include "wire/api/api.h"

/* A client's request and a node's answer: refused, or written again as the same bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t buffer[FRAME_SIZE_MAX];

static void same(const struct wire_writer *writer, struct bytes in)
{
    struct bytes out;
    ASSERT(wire_writer_end(writer, &out) && bytes_equal(in, out));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct api_request request;
    static struct api_answer answer;
    const struct bytes in = bytes_of(data, size);
    struct wire_writer writer;
    if (api_decode_request(in, &request)) {
        wire_writer_init(&writer, buffer, sizeof(buffer));
        api_write_request(&writer, &request);
        same(&writer, in);
    }
    if (api_decode_answer(in, &answer)) {
        wire_writer_init(&writer, buffer, sizeof(buffer));
        api_write_answer(&writer, &answer);
        same(&writer, in);
    }
    return 0;
}
