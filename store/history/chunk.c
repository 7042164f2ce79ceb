#include "store/history/chunk.h"

#include <string.h>

#include "base/endian.h"

static const uint8_t magic[8] = {'G', 'R', 'A', 'D', 'U', 'S', 'H', '2'};

static void check_write(uint8_t *data, size_t size)
{
    struct hash hash;
    crypto_sha256(bytes_of(data, size), &hash);
    memcpy(data + size, hash.bytes, CHUNK_CHECK_SIZE);
}

void chunk_header_write(const struct hash *chain_id, uint64_t first, uint8_t *out)
{
    memcpy(out, magic, sizeof(magic));
    memcpy(out + 8, chain_id->bytes, HASH_SIZE);
    store_be64(out + 40, first);
    check_write(out, CHUNK_HEADER_SIZE - CHUNK_CHECK_SIZE);
}

void chunk_head_write(const struct chunk_head *head, uint8_t *out)
{
    memset(out, 0, CHUNK_HEAD_SIZE);
    out[0] = (uint8_t)head->kind;
    store_be32(out + 4, head->size);
    store_be64(out + 8, head->height);
    check_write(out, CHUNK_HEAD_CORE_SIZE);
}

static uint32_t size_max(enum chunk_kind kind)
{
    switch (kind) {
    case CHUNK_BLOCK:
        return BLOCK_SIZE_MAX;
    case CHUNK_FINALITY:
        return HISTORY_FINALITY_SIZE_MAX;
    case CHUNK_END:
        return 0;
    case CHUNK_SEAL:
        return HISTORY_SEAL_SIZE_MAX;
    case CHUNK_INDEX:
        return UINT32_MAX;
    }
    UNREACHABLE();
}

bool chunk_head_read(const uint8_t *data, struct chunk_head *out)
{
    if (data[0] < CHUNK_BLOCK || data[0] > CHUNK_INDEX) {
        return false;
    }
    out->kind = (enum chunk_kind)data[0];
    out->size = load_be32(data + 4);
    out->height = load_be64(data + 8);
    uint8_t again[CHUNK_HEAD_SIZE];
    chunk_head_write(out, again);
    return out->size <= size_max(out->kind) && memcmp(again, data, CHUNK_HEAD_SIZE) == 0;
}

void chunk_digest(const uint8_t *core, struct bytes body, struct hash *out)
{
    struct crypto_sha256 state;
    crypto_sha256_init(&state);
    crypto_sha256_update(&state, bytes_of(core, CHUNK_HEAD_CORE_SIZE));
    crypto_sha256_update(&state, body);
    crypto_sha256_final(&state, out);
}

bool chunk_index_head(uint64_t first, uint64_t last, struct chunk_head *out)
{
    const uint64_t blocks = last - first + 1;
    *out = (struct chunk_head){.kind = CHUNK_INDEX, .height = last};
    if (blocks > UINT32_MAX / CHUNK_OFFSET_SIZE) {
        return false;
    }
    out->size = (uint32_t)blocks * CHUNK_OFFSET_SIZE;
    return true;
}

static bool chunk_read(struct chunk_reader *reader, void *out, size_t size)
{
    if (size > 0 && fread(out, 1, size, reader->stream) != size) {
        return false;
    }
    reader->offset += size;
    return true;
}

/* Damage in bytes of no block, or a stream that failed. */
static enum history_answer damaged(struct chunk_reader *reader, uint64_t offset, uint64_t size)
{
    reader->fault.in_block = false;
    reader->fault.height = reader->height <= reader->last ? reader->height : reader->last;
    reader->fault.offset = offset;
    reader->fault.size = size;
    return ferror(reader->stream) != 0 ? HISTORY_FAILED : HISTORY_DAMAGED;
}

static bool index_begin(struct chunk_reader *reader)
{
    struct chunk_head head;
    uint8_t bytes[CHUNK_HEAD_SIZE];
    if (!chunk_index_head(reader->first, reader->last, &head)) {
        return false;
    }
    chunk_head_write(&head, bytes);
    crypto_sha256_init(&reader->index);
    crypto_sha256_update(&reader->index, bytes_of(bytes, CHUNK_HEAD_CORE_SIZE));
    return true;
}

static void index_add(struct chunk_reader *reader, uint64_t offset)
{
    uint8_t bytes[CHUNK_OFFSET_SIZE];
    store_be64(bytes, offset);
    crypto_sha256_update(&reader->index, bytes_of(bytes, sizeof(bytes)));
}

enum history_answer chunk_begin(struct chunk_reader *reader, const struct hash *chain_id)
{
    uint8_t expected[CHUNK_HEADER_SIZE];
    uint8_t found[CHUNK_HEADER_SIZE];
    chunk_header_write(chain_id, reader->first, expected);
    if (!chunk_read(reader, found, sizeof(found)) || !index_begin(reader)) {
        return damaged(reader, 0, CHUNK_HEADER_SIZE);
    }
    if (memcmp(expected, found, sizeof(found)) != 0) {
        struct hash other;
        uint8_t again[CHUNK_HEADER_SIZE];
        memcpy(other.bytes, found + 8, HASH_SIZE);
        chunk_header_write(&other, reader->first, again);
        reader->foreign = memcmp(again, found, sizeof(found)) == 0;
        return damaged(reader, 0, CHUNK_HEADER_SIZE);
    }
    crypto_sha256_init(&reader->total);
    crypto_sha256_update(&reader->total, bytes_of(found, sizeof(found)));
    return HISTORY_BLOCK;
}

/* Is this the head that has to come next? */
static bool head_expected(const struct chunk_reader *reader, const struct chunk_head *head)
{
    const bool complete = reader->height == reader->last + 1;
    const bool over = reader->finality_seen || reader->seal_seen;
    struct chunk_head index;
    switch (head->kind) {
    case CHUNK_BLOCK:
        return !complete && head->height == reader->height;
    case CHUNK_FINALITY:
    case CHUNK_SEAL:
        return complete && !over && head->height == reader->last;
    case CHUNK_INDEX:
        return complete && over && !reader->index_seen && head->height == reader->last &&
               chunk_index_head(reader->first, reader->last, &index) && head->size == index.size;
    case CHUNK_END:
        return complete && reader->index_seen && head->height == reader->last;
    }
    UNREACHABLE();
}

static void total_add(struct chunk_reader *reader, const struct hash *digest)
{
    crypto_sha256_update(&reader->total, bytes_of(digest->bytes, HASH_SIZE));
}

static enum history_answer chunk_end(struct chunk_reader *reader)
{
    struct hash expected;
    struct hash found;
    const uint64_t at = reader->offset;
    crypto_sha256_final(&reader->total, &expected);
    if (!chunk_read(reader, found.bytes, HASH_SIZE) || !hash_equal(&expected, &found)) {
        return damaged(reader, at, HASH_SIZE);
    }
    uint8_t more;
    if (chunk_read(reader, &more, 1)) {
        return damaged(reader, at + HASH_SIZE, 1);
    }
    reader->ended = true;
    return ferror(reader->stream) != 0 ? HISTORY_FAILED : HISTORY_END;
}

/* The body into the buffer, in pieces when it is an index, and the record's digest as it is
 * found.  False: it is cut off. */
static bool body_read(struct chunk_reader *reader, const uint8_t *core,
                      const struct chunk_head *head, struct hash *digest)
{
    struct crypto_sha256 state;
    crypto_sha256_init(&state);
    crypto_sha256_update(&state, bytes_of(core, CHUNK_HEAD_CORE_SIZE));
    for (uint32_t left = head->size; left > 0;) {
        const uint32_t part = left < BLOCK_SIZE_MAX ? left : BLOCK_SIZE_MAX;
        if (!chunk_read(reader, reader->buffer, part)) {
            return false;
        }
        crypto_sha256_update(&state, bytes_of(reader->buffer, part));
        left -= part;
    }
    crypto_sha256_final(&state, digest);
    return true;
}

/* A record's digest does not fit.  If the file's own digest fits when each record is hashed
 * as found, the stored digest was changed, else the record.  Reads the file to its end. */
static bool record_is_sound(struct chunk_reader *reader, const struct hash *found)
{
    total_add(reader, found);
    for (;;) {
        uint8_t head_bytes[CHUNK_HEAD_SIZE];
        struct chunk_head head;
        struct hash digest;
        if (!chunk_read(reader, head_bytes, sizeof(head_bytes)) ||
            !chunk_head_read(head_bytes, &head)) {
            return false;
        }
        if (head.kind == CHUNK_END) {
            return chunk_end(reader) == HISTORY_END;
        }
        if (!body_read(reader, head_bytes, &head, &digest)) {
            return false;
        }
        total_add(reader, &digest);
        if (!chunk_read(reader, digest.bytes, HASH_SIZE)) {
            return false;
        }
    }
}

/* A record that is whole: what the reader knows after it. */
static enum history_answer record_taken(struct chunk_reader *reader, const struct chunk_head *head)
{
    switch (head->kind) {
    case CHUNK_BLOCK:
        reader->height++;
        return HISTORY_BLOCK;
    case CHUNK_FINALITY:
        reader->finality_seen = true;
        return HISTORY_FINALITY;
    case CHUNK_SEAL:
        reader->seal_seen = true;
        return HISTORY_SEAL;
    case CHUNK_INDEX:
        reader->index_seen = true;
        return HISTORY_END; /* nearly */
    case CHUNK_END:
        break;
    }
    UNREACHABLE();
}

/* The record behind a head that has to come here. */
static enum history_answer record_next(struct chunk_reader *reader, const uint8_t *head_bytes,
                                       const struct chunk_head *head)
{
    struct hash digest;
    struct hash stored;
    const uint64_t body_at = reader->offset;
    const bool block = head->kind == CHUNK_BLOCK;
    if (!body_read(reader, head_bytes, head, &digest)) {
        const enum history_answer answer = damaged(reader, body_at, head->size);
        reader->fault.in_block = block;
        return answer;
    }
    const uint64_t digest_at = reader->offset;
    if (!chunk_read(reader, stored.bytes, HASH_SIZE)) {
        return damaged(reader, digest_at, HASH_SIZE);
    }
    if (!hash_equal(&digest, &stored)) {
        const bool sound = record_is_sound(reader, &digest);
        const enum history_answer answer =
            sound ? damaged(reader, digest_at, HASH_SIZE) : damaged(reader, body_at, head->size);
        reader->fault.in_block = !sound && block;
        return answer;
    }
    if (head->kind == CHUNK_INDEX) {
        struct hash expected;
        crypto_sha256_final(&reader->index, &expected);
        if (!hash_equal(&digest, &expected)) {
            return damaged(reader, body_at, head->size);
        }
    }
    total_add(reader, &digest);
    return record_taken(reader, head);
}

enum history_answer chunk_next(struct chunk_reader *reader, struct history_item *out)
{
    for (;;) {
        uint8_t head_bytes[CHUNK_HEAD_SIZE];
        struct chunk_head head;
        const uint64_t at = reader->offset;
        ASSERT(!reader->ended);
        if (!chunk_read(reader, head_bytes, sizeof(head_bytes)) ||
            !chunk_head_read(head_bytes, &head) || !head_expected(reader, &head)) {
            return damaged(reader, at, CHUNK_HEAD_SIZE);
        }
        if (head.kind == CHUNK_END) {
            return chunk_end(reader);
        }
        if (head.kind == CHUNK_BLOCK) {
            index_add(reader, at);
        }
        const enum history_answer answer = record_next(reader, head_bytes, &head);
        if (answer != HISTORY_END) {
            *out = (struct history_item){.height = head.height,
                                         .bytes = bytes_of(reader->buffer, head.size),
                                         .offset = at + CHUNK_HEAD_SIZE};
            return answer;
        }
    }
}
