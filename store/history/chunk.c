#include "store/history/chunk.h"

#include <string.h>

#include "base/endian.h"

static const uint8_t magic[8] = {'G', 'R', 'A', 'D', 'U', 'S', 'H', '1'};

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
    }
    UNREACHABLE();
}

bool chunk_head_read(const uint8_t *data, struct chunk_head *out)
{
    if (data[0] < CHUNK_BLOCK || data[0] > CHUNK_END) {
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
    reader->fault.offset = offset;
    reader->fault.size = size;
    return ferror(reader->stream) != 0 ? HISTORY_FAILED : HISTORY_DAMAGED;
}

enum history_answer chunk_begin(struct chunk_reader *reader, const struct hash *chain_id)
{
    uint8_t expected[CHUNK_HEADER_SIZE];
    uint8_t found[CHUNK_HEADER_SIZE];
    chunk_header_write(chain_id, reader->first, expected);
    if (!chunk_read(reader, found, sizeof(found))) {
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
    switch (head->kind) {
    case CHUNK_BLOCK:
        return !complete && head->height == reader->height;
    case CHUNK_FINALITY:
        return complete && !reader->finality_seen && head->height == reader->last;
    case CHUNK_END:
        return complete && head->height == reader->last;
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
        if (!chunk_read(reader, reader->buffer, head.size)) {
            return false;
        }
        chunk_digest(head_bytes, bytes_of(reader->buffer, head.size), &digest);
        total_add(reader, &digest);
        if (!chunk_read(reader, digest.bytes, HASH_SIZE)) {
            return false;
        }
    }
}

enum history_answer chunk_next(struct chunk_reader *reader, struct history_item *out)
{
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
    const uint64_t body_at = reader->offset;
    if (!chunk_read(reader, reader->buffer, head.size)) {
        reader->fault.height = head.height;
        const enum history_answer answer = damaged(reader, body_at, head.size);
        reader->fault.in_block = head.kind == CHUNK_BLOCK;
        return answer;
    }
    struct hash digest;
    struct hash stored;
    const uint64_t digest_at = reader->offset;
    chunk_digest(head_bytes, bytes_of(reader->buffer, head.size), &digest);
    if (!chunk_read(reader, stored.bytes, HASH_SIZE)) {
        return damaged(reader, digest_at, HASH_SIZE);
    }
    if (!hash_equal(&digest, &stored)) {
        const bool sound = record_is_sound(reader, &digest);
        reader->fault.height = head.height;
        const enum history_answer answer =
            sound ? damaged(reader, digest_at, HASH_SIZE) : damaged(reader, body_at, head.size);
        reader->fault.in_block = !sound && head.kind == CHUNK_BLOCK;
        return answer;
    }
    total_add(reader, &digest);
    reader->height += head.kind == CHUNK_BLOCK ? 1 : 0;
    reader->finality_seen = head.kind == CHUNK_FINALITY;
    *out = (struct history_item){head.height, bytes_of(reader->buffer, head.size)};
    return head.kind == CHUNK_BLOCK ? HISTORY_BLOCK : HISTORY_FINALITY;
}
