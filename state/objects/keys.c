#include "state/objects/keys.h"

#include "base/assert.h"
#include "base/endian.h"

static struct key key_start(enum key_kind kind)
{
    struct key key = {.size = 1};
    key.bytes[0] = (uint8_t)kind;
    return key;
}

static void key_add(struct key *key, const void *data, size_t size)
{
    ASSERT(size <= KEY_SIZE_MAX - key->size);
    if (size > 0) {
        memcpy(key->bytes + key->size, data, size);
        key->size += (uint32_t)size;
    }
}

static void key_add_u32(struct key *key, uint32_t value)
{
    uint8_t out[4];
    store_be32(out, value);
    key_add(key, out, sizeof(out));
}

struct key key_global(enum key_global which)
{
    struct key key = key_start(KEY_GLOBAL);
    const uint8_t byte = (uint8_t)which;
    key_add(&key, &byte, 1);
    return key;
}

struct key key_account(const struct address *address)
{
    struct key key = key_start(KEY_ACCOUNT);
    key_add(&key, address->bytes, ADDRESS_SIZE);
    return key;
}

struct key key_lane(const struct address *address, uint32_t lane)
{
    struct key key = key_start(KEY_LANE);
    key_add(&key, address->bytes, ADDRESS_SIZE);
    key_add_u32(&key, lane);
    return key;
}

struct key key_unordered(const struct address *address, uint64_t seq)
{
    struct key key = key_start(KEY_UNORDERED);
    uint8_t out[8];
    store_be64(out, seq);
    key_add(&key, address->bytes, ADDRESS_SIZE);
    key_add(&key, out, sizeof(out));
    return key;
}

struct key key_change(const struct address *proposer)
{
    struct key key = key_start(KEY_CHANGE);
    key_add(&key, proposer->bytes, ADDRESS_SIZE);
    return key;
}

struct key key_set(uint64_t epoch)
{
    struct key key = key_start(KEY_SET);
    key_add_u32(&key, (uint32_t)(epoch >> 32));
    key_add_u32(&key, (uint32_t)epoch);
    return key;
}

struct key key_org(uint32_t org)
{
    struct key key = key_start(KEY_ORG);
    key_add_u32(&key, org);
    return key;
}

struct key key_usage(uint32_t org)
{
    struct key key = key_start(KEY_USAGE);
    key_add_u32(&key, org);
    return key;
}

struct key key_object(enum key_kind kind, const struct hash *id)
{
    struct key key = key_start(kind);
    key_add(&key, id->bytes, HASH_SIZE);
    return key;
}

struct key key_plan(const struct hash *job, uint32_t version)
{
    struct key key = key_object(KEY_PLAN, job);
    key_add_u32(&key, version);
    return key;
}

struct key key_member(const struct hash *job, uint32_t version, uint32_t rank)
{
    struct key key = key_object(KEY_MEMBER, job);
    key_add_u32(&key, version);
    key_add_u32(&key, rank);
    return key;
}

struct key key_round(const struct hash *job, uint32_t round)
{
    struct key key = key_object(KEY_ROUND, job);
    key_add_u32(&key, round);
    return key;
}

struct key key_segment(const struct hash *job, uint32_t round, uint32_t rank)
{
    struct key key = key_object(KEY_SEGMENT, job);
    key_add_u32(&key, round);
    key_add_u32(&key, rank);
    return key;
}

struct key key_upload(const struct address *owner, const struct hash *program)
{
    struct key key = key_start(KEY_UPLOAD);
    key_add(&key, owner->bytes, ADDRESS_SIZE);
    key_add(&key, program->bytes, HASH_SIZE);
    return key;
}

struct key key_part(const struct address *owner, const struct hash *program, uint32_t index)
{
    struct key key = key_start(KEY_PART);
    key_add(&key, owner->bytes, ADDRESS_SIZE);
    key_add(&key, program->bytes, HASH_SIZE);
    key_add_u32(&key, index);
    return key;
}

static struct key key_collection(enum key_kind kind, enum collection collection, struct bytes owner)
{
    struct key key = key_start(kind);
    const uint8_t byte = (uint8_t)collection;
    key_add(&key, &byte, 1);
    key_add(&key, owner.data, owner.size);
    return key;
}

struct key key_count(enum collection collection, struct bytes owner)
{
    return key_collection(KEY_COUNT, collection, owner);
}

struct key key_item(enum collection collection, struct bytes owner, uint32_t index)
{
    struct key key = key_collection(KEY_ITEM, collection, owner);
    key_add_u32(&key, index);
    return key;
}

struct key key_position(enum collection collection, struct bytes owner, const struct hash *id)
{
    struct key key = key_collection(KEY_POSITION, collection, owner);
    key_add(&key, id->bytes, HASH_SIZE);
    return key;
}
