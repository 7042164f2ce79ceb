#ifndef STORE_JOURNAL_SEGMENT_H
#define STORE_JOURNAL_SEGMENT_H

#include "store/journal/journal.h"

/* The bytes of one segment file; private to the journal. */

enum {
    SEGMENT_HEADER_SIZE = 40,         /* magic 16, number u64, salt u64, zeros 4, crc32c u32 */
    RECORD_HEAD_SIZE = 4 + 1 + 8 + 8, /* size, type, epoch, view */
    RECORD_TAIL_SIZE = 4,             /* crc32c */
    RECORD_BEGIN = 0,                 /* type of the record that begins a sync unit */
    BEGIN_PAYLOAD_SIZE = 8 + 8,       /* its number, the segment's salt */
};

struct segment_key {
    uint64_t epoch;
    uint64_t view;
};

struct segment {
    uint64_t number;
    uint64_t salt; /* random, known to this disk alone */
    uint64_t size;
    size_t newest_unit; /* where it begins, as it was read; 0: there is none */
    bool has_records;
    struct segment_key min; /* over its records, when it has any */
    struct segment_key max;
};

int segment_key_compare(struct segment_key a, struct segment_key b);
void segment_note(struct segment *segment, struct segment_key key);
void segment_name(uint64_t number, char out[DISK_NAME_MAX]);
bool segment_name_parse(const char *name, uint64_t *number);
void segment_header_write(const struct segment *segment, uint8_t out[SEGMENT_HEADER_SIZE]);

enum segment_header {
    SEGMENT_HEADER_OK,
    SEGMENT_HEADER_TORN, /* a crash may have left it: no record was ever behind it */
    SEGMENT_HEADER_BAD,
    SEGMENT_HEADER_OTHER_FORMAT,
};
/* Reads the salt of the segment of this number. */
enum segment_header segment_header_read(struct bytes data, struct segment *segment);

/* Room for segment_record_write: head, payload, tail. */
static inline size_t segment_record_size(size_t payload_size)
{
    return RECORD_HEAD_SIZE + payload_size + RECORD_TAIL_SIZE;
}
void segment_record_write(uint8_t *out, uint8_t type, struct segment_key key, struct bytes payload);

struct record_view {
    uint8_t type;
    struct segment_key key;
    struct bytes payload;
    size_t next; /* offset behind it */
};
/* The record at offset; false: none that is whole and intact. */
bool segment_record_parse(struct bytes data, size_t offset, struct record_view *out);

/* The record that begins unit number in the segment of this salt; out has
 * segment_record_size(BEGIN_PAYLOAD_SIZE). */
void segment_begin_write(uint8_t *out, uint64_t unit, uint64_t salt);

/* Does a sync unit with a number above unit begin anywhere behind offset?  Payloads are
 * searched too, for the torn record's own size may be what is damaged; the salt is what a
 * block's author cannot put there. */
bool segment_has_later_unit(struct bytes data, size_t offset, uint64_t unit, uint64_t salt);

/* The unit's number, when the record begins one. */
bool segment_record_is_begin(const struct record_view *record, uint64_t salt, uint64_t *unit);

#endif /* STORE_JOURNAL_SEGMENT_H */
