#include <stdlib.h>
#include <string.h>

#include "tests/sim/disk.h"

/* What a disk does that is worse than forgetting. */

static uint8_t *bytes_copy(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = size == 0 ? NULL : malloc(size);
    ASSERT(copy != NULL || size == 0);
    if (size > 0) {
        memcpy(copy, bytes, size);
    }
    return copy;
}

void sim_disk_copy(const struct sim_disk *disk, struct sim_disk *out)
{
    sim_disk_free(out);
    *out = *disk;
    for (int i = 0; i < SIM_FILES_MAX; i++) {
        struct sim_file *file = &out->files[i];
        file->now = bytes_copy(file->now, file->capacity);
        file->durable = bytes_copy(file->durable, file->capacity);
    }
}

/* A file with bytes, or NULL. */
static struct sim_file *any_file(struct sim_disk *disk, uint64_t *seed)
{
    const uint64_t start = random_below(seed, SIM_FILES_MAX);
    for (uint64_t i = 0; i < SIM_FILES_MAX; i++) {
        struct sim_file *file = &disk->files[(start + i) % SIM_FILES_MAX];
        if (file->name[0] != '\0' && file->now_size > 0) {
            return file;
        }
    }
    return NULL;
}

bool sim_disk_rot(struct sim_disk *disk, uint64_t *seed)
{
    struct sim_file *file = any_file(disk, seed);
    if (file == NULL) {
        return false;
    }
    const size_t at = (size_t)random_below(seed, file->now_size);
    const uint8_t bit = (uint8_t)(1U << random_below(seed, 8));
    file->now[at] ^= bit;
    file->durable[at] = file->now[at];
    return true;
}

bool sim_disk_misdirect(struct sim_disk *disk, uint64_t *seed)
{
    struct sim_file *from = any_file(disk, seed);
    struct sim_file *to = any_file(disk, seed);
    if (from == NULL || to == NULL) {
        return false;
    }
    const size_t from_at = (size_t)random_below(seed, from->now_size);
    const size_t to_at = (size_t)random_below(seed, to->now_size);
    size_t size = SIM_SECTOR_SIZE;
    size = size < from->now_size - from_at ? size : from->now_size - from_at;
    size = size < to->now_size - to_at ? size : to->now_size - to_at;
    memmove(to->now + to_at, from->now + from_at, size);
    memcpy(to->durable + to_at, to->now + to_at, size);
    return true;
}

bool sim_disk_lose(struct sim_disk *disk, uint64_t *seed)
{
    struct sim_file *file = any_file(disk, seed);
    if (file == NULL) {
        return false;
    }
    memset(file->name, 0, sizeof(file->name));
    memset(file->durable_name, 0, sizeof(file->durable_name));
    return true;
}
