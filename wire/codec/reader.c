#include "wire/codec/codec.h"

#include <string.h>

/* How the items that begin with one byte continue: width bytes (big-endian) of value, or
 * none and the value is in the first byte itself.  A value below min has a shorter form. */
struct form {
    enum wire_kind kind;
    uint32_t width;
    uint64_t value;
    uint64_t min;
};

static struct form form_of(uint8_t lead)
{
    if (lead <= 0x7f) {
        return (struct form){.kind = WIRE_UINT, .value = lead};
    }
    if (lead >= 0x90 && lead <= 0x9f) {
        return (struct form){.kind = WIRE_ARRAY, .value = lead & 0x0fU};
    }
    if (lead >= 0xa0 && lead <= 0xbf) {
        return (struct form){.kind = WIRE_STR, .value = lead & 0x1fU};
    }
    switch (lead) {
    case 0xc4:
        return (struct form){.kind = WIRE_BIN, .width = 1};
    case 0xc5:
        return (struct form){.kind = WIRE_BIN, .width = 2, .min = 1U << 8};
    case 0xc6:
        return (struct form){.kind = WIRE_BIN, .width = 4, .min = 1U << 16};
    case 0xcc:
        return (struct form){.kind = WIRE_UINT, .width = 1, .min = 1U << 7};
    case 0xcd:
        return (struct form){.kind = WIRE_UINT, .width = 2, .min = 1U << 8};
    case 0xce:
        return (struct form){.kind = WIRE_UINT, .width = 4, .min = 1U << 16};
    case 0xcf:
        return (struct form){.kind = WIRE_UINT, .width = 8, .min = 1ULL << 32};
    case 0xd9:
        return (struct form){.kind = WIRE_STR, .width = 1, .min = 1U << 5};
    case 0xda:
        return (struct form){.kind = WIRE_STR, .width = 2, .min = 1U << 8};
    case 0xdb:
        return (struct form){.kind = WIRE_STR, .width = 4, .min = 1U << 16};
    case 0xdc:
        return (struct form){.kind = WIRE_ARRAY, .width = 2, .min = 1U << 4};
    case 0xdd:
        return (struct form){.kind = WIRE_ARRAY, .width = 4, .min = 1U << 16};
    default:
        return (struct form){.kind = WIRE_NONE};
    }
}

const char *wire_verdict_text(enum wire_verdict verdict)
{
    switch (verdict) {
    case WIRE_OK:
        return "ok";
    case WIRE_BAD_SIZE:
        return "ends early";
    case WIRE_BAD_KIND:
        return "an item of the wrong kind";
    case WIRE_BAD_FORM:
        return "not the shortest form";
    case WIRE_BAD_RANGE:
        return "a value out of range";
    case WIRE_BAD_UTF8:
        return "text that is not UTF-8";
    case WIRE_TOO_DEEP:
        return "nested too deeply";
    case WIRE_TOO_MANY:
        return "too many items";
    case WIRE_BAD_TRAILING:
        return "bytes after the end";
    case WIRE_BAD_COUNT:
        return "a wrong number of items";
    }
    UNREACHABLE();
}

void wire_reader_init(struct wire_reader *reader, struct bytes in)
{
    wire_reader_init_nodes(reader, in, WIRE_NODES_MAX);
}

void wire_reader_init_nodes(struct wire_reader *reader, struct bytes in, uint32_t nodes_max)
{
    *reader = (struct wire_reader){
        .next = in.data, .left = in.size, .owed = 1, .nodes_left = nodes_max, .open = {1}};
}

bool wire_reader_end(struct wire_reader *reader)
{
    if (reader->owed > 0) {
        wire_reader_fail(reader, WIRE_BAD_COUNT);
    }
    if (reader->left > 0) {
        wire_reader_fail(reader, WIRE_BAD_TRAILING);
    }
    return reader->verdict == WIRE_OK;
}

bool wire_reader_ok(const struct wire_reader *reader)
{
    return reader->verdict == WIRE_OK;
}

void wire_reader_fail(struct wire_reader *reader, enum wire_verdict verdict)
{
    if (reader->verdict == WIRE_OK) {
        reader->verdict = verdict;
    }
}

const uint8_t *wire_reader_mark(const struct wire_reader *reader)
{
    return reader->next;
}

struct bytes wire_reader_since(const struct wire_reader *reader, const uint8_t *mark)
{
    if (reader->verdict != WIRE_OK) {
        return (struct bytes){0};
    }
    return bytes_of(mark, (size_t)(reader->next - mark));
}

enum wire_kind wire_peek_kind(const struct wire_reader *reader)
{
    if (reader->verdict != WIRE_OK || reader->left == 0) {
        return WIRE_NONE;
    }
    return form_of(reader->next[0]).kind;
}

/* The head of one item at the reader: its kind, and its value, count or size. */
static enum wire_verdict head_parse(const struct wire_reader *reader, struct form *form)
{
    if (reader->verdict != WIRE_OK) {
        return reader->verdict;
    }
    if (reader->owed == 0) {
        return WIRE_BAD_COUNT;
    }
    if (reader->nodes_left == 0) {
        return WIRE_TOO_MANY;
    }
    if (reader->left == 0) {
        return WIRE_BAD_SIZE;
    }
    *form = form_of(reader->next[0]);
    if (form->kind == WIRE_NONE) {
        return WIRE_BAD_KIND;
    }
    if (reader->left - 1 < form->width) {
        return WIRE_BAD_SIZE;
    }
    for (uint32_t i = 0; i < form->width; i++) {
        form->value = form->value << 8 | reader->next[1 + i];
    }
    return form->value < form->min ? WIRE_BAD_FORM : WIRE_OK;
}

/* Take the head of an item of this kind (WIRE_NONE: any): one item less is owed.  What it
 * declares must leave a byte for every item that is still owed. */
static bool head_take(struct wire_reader *reader, enum wire_kind kind, struct form *form)
{
    enum wire_verdict verdict = head_parse(reader, form);
    if (verdict == WIRE_OK && kind != WIRE_NONE && form->kind != kind) {
        verdict = WIRE_BAD_KIND;
    }
    const size_t left = verdict == WIRE_OK ? reader->left - 1 - form->width : 0;
    const uint64_t declared = verdict == WIRE_OK && form->kind != WIRE_UINT ? form->value : 0;
    if (verdict == WIRE_OK && (reader->owed - 1 > left || declared > left - (reader->owed - 1))) {
        verdict = WIRE_BAD_SIZE;
    }
    if (verdict != WIRE_OK) {
        wire_reader_fail(reader, verdict);
        return false;
    }
    reader->next += 1 + form->width;
    reader->left = left;
    reader->nodes_left -= 1;
    reader->owed -= 1;
    reader->open[reader->depth] -= 1;
    return true;
}

/* An item is complete: so are the arrays of which it was the last. */
static void arrays_close(struct wire_reader *reader)
{
    while (reader->depth > 0 && reader->open[reader->depth] == 0) {
        reader->depth -= 1;
    }
}

static void array_open(struct wire_reader *reader, uint64_t count)
{
    if (reader->depth == WIRE_DEPTH_MAX) {
        wire_reader_fail(reader, WIRE_TOO_DEEP);
        return;
    }
    reader->depth += 1;
    reader->open[reader->depth] = (uint32_t)count; /* a head carries at most 32 bits */
    reader->owed += count;
    arrays_close(reader);
}

static struct bytes body_take(struct wire_reader *reader, uint64_t size)
{
    const struct bytes body = bytes_of(reader->next, (size_t)size);
    reader->next += size;
    reader->left -= (size_t)size;
    arrays_close(reader);
    return body;
}

uint32_t wire_read_list(struct wire_reader *reader, uint32_t count_max)
{
    struct form form;
    if (!head_take(reader, WIRE_ARRAY, &form)) {
        return 0;
    }
    if (form.value > count_max) {
        wire_reader_fail(reader, WIRE_BAD_RANGE);
        return 0;
    }
    array_open(reader, form.value);
    return reader->verdict == WIRE_OK ? (uint32_t)form.value : 0;
}

void wire_read_array(struct wire_reader *reader, uint32_t count)
{
    if (wire_read_list(reader, count) != count) {
        wire_reader_fail(reader, WIRE_BAD_RANGE);
    }
}

uint64_t wire_read_u64_max(struct wire_reader *reader, uint64_t max)
{
    struct form form;
    if (!head_take(reader, WIRE_UINT, &form)) {
        return 0;
    }
    arrays_close(reader);
    if (form.value > max) {
        wire_reader_fail(reader, WIRE_BAD_RANGE);
        return 0;
    }
    return form.value;
}

uint64_t wire_read_u64(struct wire_reader *reader)
{
    return wire_read_u64_max(reader, UINT64_MAX);
}

uint32_t wire_read_u32_max(struct wire_reader *reader, uint32_t max)
{
    return (uint32_t)wire_read_u64_max(reader, max);
}

uint32_t wire_read_u32(struct wire_reader *reader)
{
    return wire_read_u32_max(reader, UINT32_MAX);
}

bool wire_read_flag(struct wire_reader *reader)
{
    return wire_read_u64_max(reader, 1) == 1;
}

struct bytes wire_read_bin(struct wire_reader *reader, size_t size_max)
{
    struct form form;
    if (!head_take(reader, WIRE_BIN, &form)) {
        return (struct bytes){0};
    }
    if (form.value > size_max) {
        wire_reader_fail(reader, WIRE_BAD_RANGE);
        return (struct bytes){0};
    }
    return body_take(reader, form.value);
}

struct bytes wire_read_str(struct wire_reader *reader, size_t size_max)
{
    struct form form;
    if (!head_take(reader, WIRE_STR, &form)) {
        return (struct bytes){0};
    }
    if (form.value > size_max) {
        wire_reader_fail(reader, WIRE_BAD_RANGE);
        return (struct bytes){0};
    }
    const struct bytes text = body_take(reader, form.value);
    if (!wire_utf8_ok(text)) {
        wire_reader_fail(reader, WIRE_BAD_UTF8);
        return (struct bytes){0};
    }
    return text;
}

void wire_read_fixed(struct wire_reader *reader, uint8_t *out, size_t size)
{
    const struct bytes value = wire_read_bin(reader, size);
    memset(out, 0, size);
    if (value.size != size) {
        wire_reader_fail(reader, WIRE_BAD_RANGE);
    } else if (size > 0) {
        memcpy(out, value.data, size);
    }
}

struct hash wire_read_hash(struct wire_reader *reader)
{
    struct hash value;
    wire_read_fixed(reader, value.bytes, HASH_SIZE);
    return value;
}

struct address wire_read_address(struct wire_reader *reader)
{
    struct address value;
    wire_read_fixed(reader, value.bytes, ADDRESS_SIZE);
    return value;
}

struct public_key wire_read_public_key(struct wire_reader *reader)
{
    struct public_key value;
    wire_read_fixed(reader, value.bytes, PUBLIC_KEY_SIZE);
    return value;
}

struct signature wire_read_signature(struct wire_reader *reader)
{
    struct signature value;
    wire_read_fixed(reader, value.bytes, SIGNATURE_SIZE);
    return value;
}

static void item_skip(struct wire_reader *reader)
{
    struct form form;
    if (!head_take(reader, WIRE_NONE, &form)) {
        return;
    }
    if (form.kind == WIRE_ARRAY) {
        array_open(reader, form.value);
        return;
    }
    const struct bytes body = body_take(reader, form.kind == WIRE_UINT ? 0 : form.value);
    if (form.kind == WIRE_STR && !wire_utf8_ok(body)) {
        wire_reader_fail(reader, WIRE_BAD_UTF8);
    }
}

struct bytes wire_read_span(struct wire_reader *reader)
{
    const uint8_t *mark = wire_reader_mark(reader);
    const uint64_t owed = reader->owed;
    do {
        item_skip(reader);
    } while (reader->verdict == WIRE_OK && reader->owed >= owed);
    return wire_reader_since(reader, mark);
}
