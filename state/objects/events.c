#include "state/objects/events.h"

#include "wire/codec/codec.h"

const char *event_name(uint32_t kind)
{
    switch (kind) {
#define EVENT(name, number, text)                                                                  \
    case number:                                                                                   \
        return #name;
#include "state/objects/events.def"
#undef EVENT
    default:
        return NULL;
    }
}

bool event_read(struct bytes events, uint32_t index, struct event *out)
{
    struct wire_reader reader;
    wire_reader_init_nodes(&reader, events, UINT32_MAX);
    const uint32_t count = wire_read_list(&reader, UINT32_MAX);
    if (index >= count) {
        return false;
    }
    for (uint32_t i = 0; i < index; i++) {
        (void)wire_read_span(&reader);
    }
    wire_read_array(&reader, 4);
    out->kind = wire_read_u32(&reader);
    out->id = wire_read_hash(&reader);
    out->a = wire_read_u64(&reader);
    out->b = wire_read_u64(&reader);
    return wire_reader_ok(&reader);
}
