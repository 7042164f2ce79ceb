#include "wire/wire.h"

enum {
    RESULT_FIELDS = 3,
    EVENTS_MAX = WIRE_NODES_MAX, /* the reader's own limit is the tighter one */
};

/* [[kind, ...], ...]: kinds are for state's tables, only the shape is checked here. */
static struct bytes events_read(struct wire_reader *reader)
{
    const uint8_t *mark = wire_reader_mark(reader);
    const uint32_t events = wire_read_list(reader, EVENTS_MAX);
    for (uint32_t i = 0; i < events && wire_reader_ok(reader); i++) {
        const uint32_t fields = wire_read_list(reader, WIRE_NODES_MAX);
        if (fields == 0) {
            wire_reader_fail(reader, WIRE_BAD_RANGE);
        }
        (void)wire_read_u32(reader);
        for (uint32_t j = 1; j < fields && wire_reader_ok(reader); j++) {
            (void)wire_read_span(reader);
        }
    }
    return wire_reader_since(reader, mark);
}

bool wire_decode_result(struct bytes in, struct wire_result *out)
{
    struct wire_reader reader;
    wire_reader_init(&reader, in);
    wire_read_array(&reader, RESULT_FIELDS);
    out->code = wire_read_u32(&reader);
    out->consumed = wire_read_u64(&reader);
    out->events = events_read(&reader);
    return wire_reader_end(&reader);
}

void wire_write_result(struct wire_writer *writer, const struct wire_result *result)
{
    wire_write_array(writer, RESULT_FIELDS);
    wire_write_u64(writer, result->code);
    wire_write_u64(writer, result->consumed);
    if (result->events.size > 0) {
        wire_write_raw(writer, result->events);
    } else {
        wire_write_array(writer, 0);
    }
}
