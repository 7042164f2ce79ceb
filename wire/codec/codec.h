#ifndef WIRE_CODEC_CODEC_H
#define WIRE_CODEC_CODEC_H

#include "base/assert.h"
#include "types/types.h"

/* Canonical msgpack: arrays, unsigned integers, bin and str, each in its shortest form.
 * Maps, floats, nil, booleans, ext and negative integers never occur.  One value has one
 * encoding, so "these bytes" and "this value" are the same question and the received
 * bytes, never a re-encoding, are what is hashed.
 *
 * Both halves are functions of their arguments: no heap, no globals, no I/O.
 * Errors are sticky, so that a decoder reads straight down: the first one is kept, every
 * later read answers 0 or empty, and wire_reader_end() says whether all went well.
 *
 * Source: the msgpack specification (github.com/msgpack/msgpack/blob/master/spec.md);
 * UTF-8 as in RFC 3629. */

enum wire_verdict {
    WIRE_OK = 0,
    WIRE_BAD_SIZE,     /* ends early, or declares more than the bytes left can hold */
    WIRE_BAD_KIND,     /* another kind of item was due, or one that never occurs */
    WIRE_BAD_FORM,     /* not the shortest form */
    WIRE_BAD_RANGE,    /* a value, count or size that this field does not allow */
    WIRE_BAD_UTF8,     /* a str that is not UTF-8 */
    WIRE_TOO_DEEP,     /* more than WIRE_DEPTH_MAX nested arrays */
    WIRE_TOO_MANY,     /* more items than the reader was opened for */
    WIRE_BAD_TRAILING, /* bytes after the end */
    WIRE_BAD_COUNT,    /* items left over, or asked for beyond the last one */
};

/* "not the shortest form" for WIRE_BAD_FORM. */
const char *wire_verdict_text(enum wire_verdict verdict);

enum wire_kind { WIRE_NONE, WIRE_UINT, WIRE_BIN, WIRE_STR, WIRE_ARRAY };

/* Reads exactly one element (usually an array) from bytes that somebody else owns; views
 * it returns point into those bytes.  An array closes by itself after its last item. */
struct wire_reader {
    const uint8_t *next;
    size_t left;         /* bytes from next to the end */
    uint64_t owed;       /* items still to come in all open arrays; never above left */
    uint32_t nodes_left; /* items that may still be read */
    uint32_t depth;      /* open arrays */
    uint32_t open[WIRE_DEPTH_MAX + 1]; /* items still to come in each; [0] is the message */
    enum wire_verdict verdict;
};

/* At most WIRE_NODES_MAX items. */
void wire_reader_init(struct wire_reader *reader, struct bytes in);

/* At most nodes_max items: for what has a limit of its own (blocks, state objects). */
void wire_reader_init_nodes(struct wire_reader *reader, struct bytes in, uint32_t nodes_max);

/* True when everything was read, nothing was refused and no byte is left. */
MUST_USE bool wire_reader_end(struct wire_reader *reader);

/* False once anything was refused.  Loops over untrusted counts need not ask: a refused
 * read answers quickly, and every count is bounded by the bytes that were there. */
bool wire_reader_ok(const struct wire_reader *reader);

/* Refuse for a reason of the caller's (a field's range).  The first refusal stays. */
void wire_reader_fail(struct wire_reader *reader, enum wire_verdict verdict);

/* The exact bytes read since a mark: mark = wire_reader_mark(r); reads...; since. */
const uint8_t *wire_reader_mark(const struct wire_reader *reader);
struct bytes wire_reader_since(const struct wire_reader *reader, const uint8_t *mark);

/* The kind of the next item; WIRE_NONE at the end or for a byte that begins none. */
enum wire_kind wire_peek_kind(const struct wire_reader *reader);

/* An array of exactly count items; its items are read next. */
void wire_read_array(struct wire_reader *reader, uint32_t count);

/* An array of 0 .. count_max items; answers how many. */
uint32_t wire_read_list(struct wire_reader *reader, uint32_t count_max);

uint64_t wire_read_u64(struct wire_reader *reader);
uint64_t wire_read_u64_max(struct wire_reader *reader, uint64_t max);
uint32_t wire_read_u32(struct wire_reader *reader);
uint32_t wire_read_u32_max(struct wire_reader *reader, uint32_t max);
bool wire_read_flag(struct wire_reader *reader); /* 0 or 1 */

struct bytes wire_read_bin(struct wire_reader *reader, size_t size_max);
struct bytes wire_read_str(struct wire_reader *reader, size_t size_max); /* UTF-8 */

/* A bin of exactly size bytes, copied to out (zeroed when refused). */
void wire_read_fixed(struct wire_reader *reader, uint8_t *out, size_t size);
struct hash wire_read_hash(struct wire_reader *reader);
struct address wire_read_address(struct wire_reader *reader);
struct public_key wire_read_public_key(struct wire_reader *reader);
struct signature wire_read_signature(struct wire_reader *reader);

/* One whole element of any kind, checked to be canonical throughout: its exact bytes. */
struct bytes wire_read_span(struct wire_reader *reader);

/* Well-formed UTF-8 (no overlong form, no surrogate, at most U+10FFFF). */
bool wire_utf8_ok(struct bytes text);

/* Writes the canonical form into a buffer of the caller's.  Beyond the capacity nothing is
 * written but size goes on counting, so that a writer of capacity 0 measures. */
struct wire_writer {
    uint8_t *data;
    size_t capacity;
    size_t size;   /* bytes of the whole encoding so far */
    uint64_t owed; /* items still to be written */
    bool failed;   /* something that has no encoding was asked for */
};

void wire_writer_init(struct wire_writer *writer, uint8_t *data, size_t capacity);

/* The encoding: a view of the caller's buffer; false when it did not fit or failed.  One
 * whole element must have been written (a wrong array count is a programmer error). */
MUST_USE bool wire_writer_end(const struct wire_writer *writer, struct bytes *out);

void wire_write_array(struct wire_writer *writer, uint32_t count);
void wire_write_u64(struct wire_writer *writer, uint64_t value);
void wire_write_bin(struct wire_writer *writer, struct bytes value); /* below 4 GiB */
void wire_write_str(struct wire_writer *writer, struct bytes value); /* fails unless UTF-8 */
void wire_write_hash(struct wire_writer *writer, const struct hash *value);
void wire_write_address(struct wire_writer *writer, const struct address *value);
void wire_write_public_key(struct wire_writer *writer, const struct public_key *value);
void wire_write_signature(struct wire_writer *writer, const struct signature *value);

/* The bytes of one element that is canonical already (from wire_read_span or a writer). */
void wire_write_raw(struct wire_writer *writer, struct bytes element);

#endif /* WIRE_CODEC_CODEC_H */
