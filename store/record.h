#ifndef STORE_RECORD_H
#define STORE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "types/types.h"

/* The two records of state.db.
 *
 * Leaf record, little-endian:
 *     0 u8 format = 1 | 1 u8 flags = 0 | 2 u16 key size | 4 u32 value size
 *     8 u64 height of the block that wrote it | 16 leaf hash 32 | 48 key, value
 *
 * Undo record of block h: what the keys it changed were before, big-endian:
 *     0 'UND1' | 4 u32 count | 8 u64 h | 16 root before 32 | 48 root after 32
 *     80 count x { path 32, u32 offset, u32 size }   ascending by path; offset into what
 *     follows, size UNDO_ABSENT when the key was absent
 *     .. the old leaf records */

enum { RECORD_HEAD_SIZE = 48, UNDO_HEAD_SIZE = 80, UNDO_ENTRY_SIZE = HASH_SIZE + 8 };
#define UNDO_ABSENT UINT32_MAX

struct record {
    uint64_t height;
    struct hash leaf;
    struct bytes key;
    struct bytes value;
};

size_t leaf_record_size(struct bytes key, struct bytes value);
void leaf_record_write(const struct record *record, uint8_t *out);
/* False unless bytes are a whole leaf record; the views point into bytes. */
MUST_USE bool leaf_record_read(struct bytes bytes, struct record *out);

struct undo {
    uint64_t height;
    struct hash root_before;
    struct hash root_after;
    uint32_t count;
    struct bytes bytes; /* the whole record */
};

struct undo_entry {
    struct hash path;
    bool present;        /* it was there before */
    struct bytes record; /* when present */
};

/* undo gives height and roots; entries ascend by path.  The caller frees the bytes. */
struct bytes undo_write(const struct undo *undo, const struct undo_entry *entries, uint32_t count);
/* False unless bytes are a whole undo record; *out points into bytes. */
MUST_USE bool undo_read(struct bytes bytes, struct undo *out);
struct undo_entry undo_at(const struct undo *undo, uint32_t index);
/* The entry of a path; false when the block did not change it. */
MUST_USE bool undo_find(const struct undo *undo, const struct hash *path, struct undo_entry *out);

#endif /* STORE_RECORD_H */
