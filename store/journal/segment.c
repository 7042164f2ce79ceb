#include "store/journal/segment.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/endian.h"
#include "store/journal/crc32c.h"

/* The last letter is the format.  1 had no salt. */
static const char magic[16] = {'g', 'r', 'a', 'd', 'u', 's', '.', 'j',
                               'o', 'u', 'r', 'n', 'a', 'l', '/', '2'};

int segment_key_compare(struct segment_key a, struct segment_key b)
{
    if (a.epoch != b.epoch) {
        return a.epoch < b.epoch ? -1 : 1;
    }
    return a.view == b.view ? 0 : (a.view < b.view ? -1 : 1);
}

void segment_note(struct segment *segment, struct segment_key key)
{
    if (!segment->has_records || segment_key_compare(key, segment->min) < 0) {
        segment->min = key;
    }
    if (!segment->has_records || segment_key_compare(key, segment->max) > 0) {
        segment->max = key;
    }
    segment->has_records = true;
}

void segment_name(uint64_t number, char out[DISK_NAME_MAX])
{
    (void)snprintf(out, DISK_NAME_MAX, "journal-%016" PRIx64, number);
}

bool segment_name_parse(const char *name, uint64_t *number)
{
    static const char prefix[] = "journal-";
    static const char digits[] = "0123456789abcdef";
    const size_t length = strlen(prefix);
    if (strlen(name) != length + 16 || memcmp(name, prefix, length) != 0) {
        return false;
    }
    uint64_t value = 0;
    for (const char *c = name + length; *c != '\0'; c++) {
        const char *digit = strchr(digits, *c);
        if (digit == NULL) {
            return false;
        }
        value = value << 4 | (uint64_t)(digit - digits);
    }
    *number = value;
    return true;
}

void segment_header_write(const struct segment *segment, uint8_t out[SEGMENT_HEADER_SIZE])
{
    memset(out, 0, SEGMENT_HEADER_SIZE);
    memcpy(out, magic, sizeof(magic));
    store_le64(out + 16, segment->number);
    store_le64(out + 24, segment->salt);
    store_le32(out + 36, crc32c(0, bytes_of(out, 36)));
}

enum segment_header segment_header_read(struct bytes data, struct segment *segment)
{
    uint8_t expected[SEGMENT_HEADER_SIZE];
    if (data.size >= sizeof(expected)) {
        segment->salt = load_le64(data.data + 24);
        segment_header_write(segment, expected);
        if (memcmp(data.data, expected, sizeof(expected)) == 0) {
            return SEGMENT_HEADER_OK;
        }
    }
    const size_t stem = sizeof(magic) - 1;
    if (data.size > stem && memcmp(data.data, magic, stem) == 0 && data.data[stem] == '1') {
        return SEGMENT_HEADER_OTHER_FORMAT;
    }
    return data.size <= sizeof(expected) ? SEGMENT_HEADER_TORN : SEGMENT_HEADER_BAD;
}

void segment_record_write(uint8_t *out, uint8_t type, struct segment_key key, struct bytes payload)
{
    store_le32(out, (uint32_t)(RECORD_HEAD_SIZE - 4 + payload.size));
    out[4] = type;
    store_le64(out + 5, key.epoch);
    store_le64(out + 13, key.view);
    if (payload.size > 0) {
        memcpy(out + RECORD_HEAD_SIZE, payload.data, payload.size);
    }
    const size_t covered = RECORD_HEAD_SIZE + payload.size;
    store_le32(out + covered, crc32c(0, bytes_of(out, covered)));
}

bool segment_record_parse(struct bytes data, size_t offset, struct record_view *out)
{
    if (offset > data.size || data.size - offset < RECORD_HEAD_SIZE + RECORD_TAIL_SIZE) {
        return false;
    }
    const uint8_t *at = data.data + offset;
    const uint32_t size = load_le32(at);
    if (size < RECORD_HEAD_SIZE - 4 || size > RECORD_HEAD_SIZE - 4 + JOURNAL_PAYLOAD_SIZE_MAX ||
        data.size - offset < (size_t)size + 4 + RECORD_TAIL_SIZE) {
        return false;
    }
    const size_t covered = (size_t)size + 4;
    if (load_le32(at + covered) != crc32c(0, bytes_of(at, covered))) {
        return false;
    }
    *out = (struct record_view){
        .type = at[4],
        .key = {.epoch = load_le64(at + 5), .view = load_le64(at + 13)},
        .payload = bytes_of(at + RECORD_HEAD_SIZE, covered - RECORD_HEAD_SIZE),
        .next = offset + covered + RECORD_TAIL_SIZE,
    };
    return true;
}

void segment_begin_write(uint8_t *out, uint64_t unit, uint64_t salt)
{
    uint8_t payload[BEGIN_PAYLOAD_SIZE];
    store_le64(payload, unit);
    store_le64(payload + 8, salt);
    segment_record_write(out, RECORD_BEGIN, (struct segment_key){0},
                         bytes_of(payload, sizeof(payload)));
}

bool segment_record_is_begin(const struct record_view *record, uint64_t salt, uint64_t *unit)
{
    if (record->type != RECORD_BEGIN || record->payload.size != BEGIN_PAYLOAD_SIZE ||
        load_le64(record->payload.data + 8) != salt) {
        return false;
    }
    *unit = load_le64(record->payload.data);
    return true;
}

bool segment_has_later_unit(struct bytes data, size_t offset, uint64_t unit, uint64_t salt)
{
    const uint32_t begin_size = RECORD_HEAD_SIZE - 4 + BEGIN_PAYLOAD_SIZE;
    struct record_view record;
    uint64_t number = 0;
    for (size_t at = offset + 1;
         data.size - at >= segment_record_size(BEGIN_PAYLOAD_SIZE) && at < data.size; at++) {
        if (load_le32(data.data + at) == begin_size && data.data[at + 4] == RECORD_BEGIN &&
            segment_record_parse(data, at, &record) &&
            segment_record_is_begin(&record, salt, &number) && number > unit) {
            return true;
        }
    }
    return false;
}
