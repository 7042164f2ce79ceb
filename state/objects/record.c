#include "state/objects/record.h"

#include "base/checked.h"

static uint64_t uint_max(uint32_t width)
{
    return width == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * width)) - 1;
}

uint64_t record_uint(const void *member, uint32_t width)
{
    uint8_t u8 = 0;
    uint16_t u16 = 0;
    uint32_t u32 = 0;
    uint64_t u64 = 0;
    switch (width) {
    case 1:
        memcpy(&u8, member, sizeof(u8));
        return u8;
    case 2:
        memcpy(&u16, member, sizeof(u16));
        return u16;
    case 4:
        memcpy(&u32, member, sizeof(u32));
        return u32;
    default:
        ASSERT(width == 8);
        memcpy(&u64, member, sizeof(u64));
        return u64;
    }
}

static void uint_store(void *member, uint32_t width, uint64_t value)
{
    const uint8_t u8 = (uint8_t)value;
    const uint16_t u16 = (uint16_t)value;
    const uint32_t u32 = (uint32_t)value;
    switch (width) {
    case 1:
        memcpy(member, &u8, sizeof(u8));
        break;
    case 2:
        memcpy(member, &u16, sizeof(u16));
        break;
    case 4:
        memcpy(member, &u32, sizeof(u32));
        break;
    default:
        ASSERT(width == 8);
        memcpy(member, &value, sizeof(value));
        break;
    }
}

static void read_uint(struct wire_reader *reader, const struct field *field, uint8_t *member)
{
    const uint64_t value = wire_read_u64_max(reader, uint_max(field->width));
    if (field->fixed_value && value != RECORD_VERSION) {
        wire_reader_fail(reader, WIRE_BAD_RANGE);
    }
    uint_store(member, field->width, value);
}

static void read_bin(struct wire_reader *reader, const struct field *field, uint8_t *base)
{
    const struct bytes bytes = wire_read_bin(reader, field->size);
    if (bytes.size > 0) {
        memcpy(base + field->offset, bytes.data, bytes.size);
    }
    uint_store(base + field->count_offset, 4, bytes.size);
}

/* Every field but records. */
static void read_field(struct wire_reader *reader, const struct field *field, uint8_t *base)
{
    uint8_t *member = base + field->offset;
    uint32_t count = field->size;
    switch (field->kind) {
    case FIELD_UINT:
        read_uint(reader, field, member);
        return;
    case FIELD_FIXED:
        wire_read_fixed(reader, member, field->size);
        return;
    case FIELD_BIN:
        read_bin(reader, field, base);
        return;
    case FIELD_VIEW: {
        const struct bytes bytes = wire_read_bin(reader, field->size);
        memcpy(member, &bytes, sizeof(bytes));
        return;
    }
    case FIELD_VECTOR:
        wire_read_array(reader, count);
        for (uint32_t i = 0; i < count; i++) {
            read_uint(reader, field, member + (size_t)i * field->width);
        }
        return;
    case FIELD_UINTS:
        count = wire_read_list(reader, field->size);
        uint_store(base + field->count_offset, 4, count);
        for (uint32_t i = 0; i < count; i++) {
            read_uint(reader, field, member + (size_t)i * field->width);
        }
        return;
    case FIELD_FIXEDS:
        count = wire_read_list(reader, field->size);
        uint_store(base + field->count_offset, 4, count);
        for (uint32_t i = 0; i < count; i++) {
            wire_read_fixed(reader, member + (size_t)i * field->width, field->width);
        }
        return;
    case FIELD_ARRAY:
        wire_read_array(reader, field->size);
        return;
    case FIELD_RECORDS:
    case FIELD_RECORD:
        break;
    }
    UNREACHABLE();
}

static void read_records(struct wire_reader *reader, const struct field *field, uint8_t *base)
{
    const struct record *items = field->items;
    uint32_t count = 1;
    if (field->kind == FIELD_RECORDS) {
        count = wire_read_list(reader, field->size);
        uint_store(base + field->count_offset, 4, count);
    }
    for (uint32_t i = 0; i < count; i++) {
        wire_read_array(reader, items->item_count);
        for (uint32_t j = 0; j < items->field_count; j++) {
            read_field(reader, &items->fields[j],
                       base + field->offset + (size_t)i * items->struct_size);
        }
    }
}

bool record_decode(const struct record *record, struct bytes in, void *out)
{
    struct wire_reader reader;
    wire_reader_init(&reader, in);
    memset(out, 0, record->struct_size);
    wire_read_array(&reader, record->item_count);
    for (uint32_t i = 0; i < record->field_count; i++) {
        if (record->fields[i].items != NULL) {
            read_records(&reader, &record->fields[i], out);
        } else {
            read_field(&reader, &record->fields[i], out);
        }
    }
    return wire_reader_end(&reader);
}

static uint32_t list_count(const struct field *field, const uint8_t *base)
{
    const uint64_t count = record_uint(base + field->count_offset, 4);
    ASSERT(count <= field->size);
    return (uint32_t)count;
}

static void write_uints(struct wire_writer *writer, const struct field *field,
                        const uint8_t *member, uint32_t count)
{
    wire_write_array(writer, count);
    for (uint32_t i = 0; i < count; i++) {
        wire_write_u64(writer, record_uint(member + (size_t)i * field->width, field->width));
    }
}

static void write_field(struct wire_writer *writer, const struct field *field, const uint8_t *base)
{
    const uint8_t *member = base + field->offset;
    switch (field->kind) {
    case FIELD_UINT:
        wire_write_u64(writer, record_uint(member, field->width));
        return;
    case FIELD_FIXED:
        wire_write_bin(writer, bytes_of(member, field->size));
        return;
    case FIELD_BIN:
        wire_write_bin(writer, bytes_of(member, list_count(field, base)));
        return;
    case FIELD_VIEW: {
        struct bytes bytes;
        memcpy(&bytes, member, sizeof(bytes));
        wire_write_bin(writer, bytes);
        return;
    }
    case FIELD_VECTOR:
        write_uints(writer, field, member, field->size);
        return;
    case FIELD_UINTS:
        write_uints(writer, field, member, list_count(field, base));
        return;
    case FIELD_FIXEDS:
        wire_write_array(writer, list_count(field, base));
        for (uint32_t i = 0; i < list_count(field, base); i++) {
            wire_write_bin(writer, bytes_of(member + (size_t)i * field->width, field->width));
        }
        return;
    case FIELD_ARRAY:
        wire_write_array(writer, field->size);
        return;
    case FIELD_RECORDS:
    case FIELD_RECORD:
        break;
    }
    UNREACHABLE();
}

static void write_records(struct wire_writer *writer, const struct field *field,
                          const uint8_t *base)
{
    const struct record *items = field->items;
    uint32_t count = 1;
    if (field->kind == FIELD_RECORDS) {
        count = list_count(field, base);
        wire_write_array(writer, count);
    }
    for (uint32_t i = 0; i < count; i++) {
        wire_write_array(writer, items->item_count);
        for (uint32_t j = 0; j < items->field_count; j++) {
            write_field(writer, &items->fields[j],
                        base + field->offset + (size_t)i * items->struct_size);
        }
    }
}

void record_write(const struct record *record, struct wire_writer *writer, const void *in)
{
    wire_write_array(writer, record->item_count);
    for (uint32_t i = 0; i < record->field_count; i++) {
        if (record->fields[i].items != NULL) {
            write_records(writer, &record->fields[i], in);
        } else {
            write_field(writer, &record->fields[i], in);
        }
    }
}

bool record_encode(const struct record *record, const void *in, uint8_t *buffer, size_t capacity,
                   struct bytes *out)
{
    struct wire_writer writer;
    wire_writer_init(&writer, buffer, capacity);
    record_write(record, &writer, in);
    return wire_writer_end(&writer, out);
}

uint64_t record_money(const struct record *record, const void *in)
{
    const uint8_t *base = in;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < record->field_count; i++) {
        const struct field *field = &record->fields[i];
        if (field->money) {
            const bool fits =
                checked_add(sum, record_uint(base + field->offset, field->width), &sum);
            ASSERT(fits); /* the supply, checked at genesis, bounds every sum */
        }
    }
    return sum;
}
