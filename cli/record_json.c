#include "cli/record_json.h"

#include <stdlib.h>
#include <string.h>

#include "base/hex.h"

static json_t *hex_of(const uint8_t *bytes, size_t size)
{
    char *text = malloc(2 * size + 1);
    if (text == NULL) {
        return NULL;
    }
    hex_encode(bytes, size, text);
    json_t *json = json_string(text);
    free(text);
    return json;
}

static uint32_t count_of(const struct field *field, const uint8_t *in)
{
    uint32_t count = 0;
    memcpy(&count, in + field->count_offset, sizeof(count));
    return count;
}

static json_t *numbers_json(const struct field *field, const uint8_t *in, uint32_t count)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t value =
            record_uint(in + field->offset + (size_t)i * field->width, field->width);
        (void)json_array_append_new(list, json_integer((json_int_t)value));
    }
    return list;
}

static json_t *fixeds_json(const struct field *field, const uint8_t *in, uint32_t count)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < count; i++) {
        (void)json_array_append_new(
            list, hex_of(in + field->offset + (size_t)i * field->width, field->width));
    }
    return list;
}

/* A field without records in it. */
static json_t *plain_json(const struct field *field, const uint8_t *in)
{
    const uint8_t *member = in + field->offset;
    switch (field->kind) {
    case FIELD_UINT:
        return json_integer((json_int_t)record_uint(member, field->width));
    case FIELD_FIXED:
        return hex_of(member, field->size);
    case FIELD_BIN:
        return hex_of(member, count_of(field, in));
    case FIELD_VECTOR:
        return numbers_json(field, in, field->size);
    case FIELD_UINTS:
        return numbers_json(field, in, count_of(field, in));
    case FIELD_FIXEDS:
        return fixeds_json(field, in, count_of(field, in));
    case FIELD_VIEW:
    case FIELD_RECORDS:
    case FIELD_RECORD:
    case FIELD_ARRAY:
        return NULL;
    }
    UNREACHABLE();
}

static json_t *flat_json(const struct record *record, const uint8_t *in)
{
    json_t *json = json_object();
    for (uint32_t i = 0; i < record->field_count; i++) {
        json_t *value = plain_json(&record->fields[i], in);
        if (value != NULL) {
            (void)json_object_set_new(json, record->fields[i].name, value);
        }
    }
    return json;
}

static json_t *records_json(const struct field *field, const uint8_t *in)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < count_of(field, in); i++) {
        const uint8_t *item = in + field->offset + (size_t)i * field->items->struct_size;
        (void)json_array_append_new(list, flat_json(field->items, item));
    }
    return list;
}

json_t *record_json(const struct record *record, const void *in)
{
    const uint8_t *bytes = in;
    json_t *json = flat_json(record, bytes);
    for (uint32_t i = 0; i < record->field_count; i++) {
        const struct field *field = &record->fields[i];
        if (field->kind == FIELD_RECORD) {
            (void)json_object_set_new(json, field->name,
                                      flat_json(field->items, bytes + field->offset));
        } else if (field->kind == FIELD_RECORDS) {
            (void)json_object_set_new(json, field->name, records_json(field, bytes));
        }
    }
    return json;
}
