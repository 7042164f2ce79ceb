#ifndef STATE_OBJECTS_RECORD_H
#define STATE_OBJECTS_RECORD_H

#include "types/types.h"
#include "wire/codec/codec.h"

/* Objects and transaction bodies as tables: one row a field, in the order of the encoding.
 * One pair of functions reads and writes them all, and whoever prints an object finds the
 * names of its fields here too. */

enum field_kind {
    FIELD_UINT,    /* unsigned of `width` bytes in memory */
    FIELD_FIXED,   /* bin of exactly `size` bytes */
    FIELD_BIN,     /* bin of 0 .. size bytes; uint32_t <member>_size beside it */
    FIELD_VIEW,    /* bin of 0 .. size bytes, a struct bytes into the input */
    FIELD_VECTOR,  /* array of exactly `size` unsigned integers of `width` bytes */
    FIELD_UINTS,   /* array of 0 .. size of them; uint32_t <member>_count beside it */
    FIELD_FIXEDS,  /* array of 0 .. size bins of `width` bytes; <member>_count */
    FIELD_RECORDS, /* array of 0 .. size records `items`; <member>_count */
    FIELD_RECORD,  /* one record `items` */
    FIELD_ARRAY,   /* no member: the next `size` items form an array of their own */
};

struct field {
    const char *name;
    enum field_kind kind;
    uint32_t width;
    uint32_t size;
    size_t offset;
    size_t count_offset; /* of the uint32_t that holds the size or count */
    const struct record *items;
    bool money;       /* credits held in this object: counted by the conservation check */
    bool fixed_value; /* a version: only RECORD_VERSION is read */
};

struct record {
    const char *name;
    const struct field *fields;
    uint32_t field_count;
    uint32_t item_count; /* of the outermost array */
    size_t struct_size;
};

enum { RECORD_VERSION = 1 };

/* Rows.  T is the struct's type, m the member. */
#define RECORD_MEMBER(T, m)     .name = #m, .offset = offsetof(T, m)
#define RECORD_WIDTH(T, m)      ((uint32_t)sizeof(((T *)0)->m))
#define RECORD_ITEM_WIDTH(T, m) ((uint32_t)sizeof(*((T *)0)->m))
#define F_VERSION(T)                                                                               \
    {                                                                                              \
        RECORD_MEMBER(T, version), .kind = FIELD_UINT, .width = RECORD_WIDTH(T, version),          \
                                   .fixed_value = true                                             \
    }
#define F_UINT(T, m)                                                                               \
    {                                                                                              \
        RECORD_MEMBER(T, m), .kind = FIELD_UINT, .width = RECORD_WIDTH(T, m)                       \
    }
#define F_MONEY(T, m)                                                                              \
    {                                                                                              \
        RECORD_MEMBER(T, m), .kind = FIELD_UINT, .width = RECORD_WIDTH(T, m), .money = true        \
    }
#define F_FIXED(T, m)                                                                              \
    {                                                                                              \
        RECORD_MEMBER(T, m), .kind = FIELD_FIXED, .size = RECORD_WIDTH(T, m)                       \
    }
#define F_BIN(T, m)                                                                                \
    {                                                                                              \
        RECORD_MEMBER(T, m), .kind = FIELD_BIN, .size = RECORD_WIDTH(T, m),                        \
                             .count_offset = offsetof(T, m##_size)                                 \
    }
#define F_VIEW(T, m, size_max)                                                                     \
    {                                                                                              \
        RECORD_MEMBER(T, m), .kind = FIELD_VIEW, .size = (size_max)                                \
    }
#define F_VECTOR(T, m)                                                                             \
    {                                                                                              \
        RECORD_MEMBER(T, m), .kind = FIELD_VECTOR, .width = RECORD_ITEM_WIDTH(T, m),               \
                             .size = RECORD_WIDTH(T, m) / RECORD_ITEM_WIDTH(T, m)                  \
    }
#define F_LIST(T, m, list_kind)                                                                    \
    RECORD_MEMBER(T, m), .kind = (list_kind), .width = RECORD_ITEM_WIDTH(T, m),                    \
                         .size = RECORD_WIDTH(T, m) / RECORD_ITEM_WIDTH(T, m),                     \
                         .count_offset = offsetof(T, m##_count)
#define F_UINTS(T, m)                                                                              \
    {                                                                                              \
        F_LIST(T, m, FIELD_UINTS)                                                                  \
    }
#define F_FIXEDS(T, m)                                                                             \
    {                                                                                              \
        F_LIST(T, m, FIELD_FIXEDS)                                                                 \
    }
#define F_RECORDS(T, m, table)                                                                     \
    {                                                                                              \
        F_LIST(T, m, FIELD_RECORDS), .items = (table)                                              \
    }
#define F_RECORD(T, m, table)                                                                      \
    {                                                                                              \
        RECORD_MEMBER(T, m), .kind = FIELD_RECORD, .items = (table)                                \
    }
#define F_ARRAY(label, items_in_it)                                                                \
    {                                                                                              \
        .name = (label), .kind = FIELD_ARRAY, .size = (items_in_it)                                \
    }
#define RECORD(label, T, table, items_outermost)                                                   \
    {                                                                                              \
        .name = (label), .fields = (table), .field_count = sizeof(table) / sizeof((table)[0]),     \
        .item_count = (items_outermost), .struct_size = sizeof(T)                                  \
    }

/* False when in is not exactly one such record; *out is then not to be used.  Every byte of
 * *out is written, so that equal records are equal memory. */
MUST_USE bool record_decode(const struct record *record, struct bytes in, void *out);

void record_write(const struct record *record, struct wire_writer *writer, const void *in);

/* Encodes into buffer; false when it does not fit. */
MUST_USE bool record_encode(const struct record *record, const void *in, uint8_t *buffer,
                            size_t capacity, struct bytes *out);

/* The credits this object holds. */
uint64_t record_money(const struct record *record, const void *in);

/* An unsigned member of `width` bytes: 1, 2, 4 or 8. */
uint64_t record_uint(const void *member, uint32_t width);

#endif /* STATE_OBJECTS_RECORD_H */
