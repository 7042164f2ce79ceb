#include "types/validators.h"

#include "base/assert.h"

uint32_t validator_faulty_max(uint32_t count)
{
    ASSERT(count > 0);
    return (count - 1) / 3;
}

uint32_t validator_quorum(uint32_t count)
{
    ASSERT(count > 0 && count <= VALIDATOR_COUNT_MAX);
    return count < 4 ? count : (count + validator_faulty_max(count)) / 2 + 1;
}

uint32_t validator_leader_offset(const struct hash *block_id, uint32_t count)
{
    uint32_t offset = 0;
    for (uint32_t i = 0; i < HASH_SIZE; i++) {
        offset = (offset * 256 + block_id->bytes[i]) % count;
    }
    return offset;
}

bool validator_bitmap_get(const struct validator_bitmap *bitmap, uint32_t index)
{
    ASSERT(index < VALIDATOR_COUNT_MAX);
    return (bitmap->bytes[index / 8] >> (index % 8)) & 1;
}

void validator_bitmap_set(struct validator_bitmap *bitmap, uint32_t index)
{
    ASSERT(index < VALIDATOR_COUNT_MAX);
    bitmap->bytes[index / 8] = (uint8_t)(bitmap->bytes[index / 8] | (1U << (index % 8)));
}

uint32_t validator_bitmap_count(const struct validator_bitmap *bitmap)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < VALIDATOR_COUNT_MAX; i++) {
        count += validator_bitmap_get(bitmap, i) ? 1 : 0;
    }
    return count;
}
