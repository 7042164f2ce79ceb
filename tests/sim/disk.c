#include "tests/sim/disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool fail(const char *name, struct error *error)
{
    return error_set(error, EXIT_CODE_STORE, "%s: the simulated disk fails", name);
}

struct sim_file *sim_disk_file(struct sim_disk *disk, const char *name)
{
    for (int i = 0; i < SIM_FILES_MAX; i++) {
        if (disk->files[i].name[0] != '\0' && strcmp(disk->files[i].name, name) == 0) {
            return &disk->files[i];
        }
    }
    return NULL;
}

static void set_name(char out[DISK_NAME_MAX], const char *name)
{
    memset(out, 0, DISK_NAME_MAX);
    (void)snprintf(out, DISK_NAME_MAX, "%s", name);
}

static bool sim_open(void *context, const char *name, bool create, int *file, struct error *error)
{
    struct sim_disk *disk = context;
    struct sim_file *found = sim_disk_file(disk, name);
    if (found == NULL && !create) {
        return error_set(error, EXIT_CODE_NOT_FOUND, "%s: not there", name);
    }
    for (int i = 0; i < SIM_FILES_MAX && found == NULL; i++) {
        if (disk->files[i].name[0] == '\0' && disk->files[i].durable_name[0] == '\0') {
            found = &disk->files[i];
            set_name(found->name, name);
            found->now_size = 0;
            found->durable_size = 0;
        }
    }
    ASSERT(found != NULL);
    *file = (int)(found - disk->files);
    return true;
}

static void sim_close(void *context, int file)
{
    (void)context;
    (void)file;
}

static bool sim_size(void *context, int file, uint64_t *out, struct error *error)
{
    const struct sim_disk *disk = context;
    (void)error;
    *out = disk->files[file].now_size;
    return true;
}

static void dirty(struct sim_file *file, size_t from, size_t to)
{
    if (file->dirty_to == 0) {
        file->dirty_from = from;
    }
    file->dirty_from = from < file->dirty_from ? from : file->dirty_from;
    file->dirty_to = to > file->dirty_to ? to : file->dirty_to;
}

static void reserve(struct sim_file *file, size_t size)
{
    if (size <= file->capacity) {
        return;
    }
    const size_t capacity = size * 2;
    file->now = realloc(file->now, capacity);
    file->durable = realloc(file->durable, capacity);
    ASSERT(file->now != NULL && file->durable != NULL);
    memset(file->now + file->capacity, 0, capacity - file->capacity);
    memset(file->durable + file->capacity, 0, capacity - file->capacity);
    file->capacity = capacity;
}

static bool sim_write_at(void *context, int index, uint64_t offset, struct bytes bytes,
                         struct error *error)
{
    struct sim_disk *disk = context;
    struct sim_file *file = &disk->files[index];
    if (disk->fails) {
        return fail(file->name, error);
    }
    const bool fits = !disk->is_full || bytes.size <= disk->room;
    bytes.size = fits ? bytes.size : (size_t)disk->room; /* a short write, then the error */
    disk->room -= disk->is_full ? bytes.size : 0;
    const size_t end = (size_t)offset + bytes.size;
    reserve(file, end);
    if (offset > file->now_size) {
        memset(file->now + file->now_size, 0, (size_t)offset - file->now_size);
        dirty(file, file->now_size, (size_t)offset);
    }
    if (bytes.size > 0) {
        memcpy(file->now + offset, bytes.data, bytes.size);
    }
    dirty(file, (size_t)offset, end);
    file->now_size = end > file->now_size ? end : file->now_size;
    return fits || fail(file->name, error);
}

static bool sim_append(void *context, int index, struct bytes bytes, struct error *error)
{
    const struct sim_disk *disk = context;
    return sim_write_at(context, index, disk->files[index].now_size, bytes, error);
}

static bool sim_read_at(void *context, int index, struct disk_read read, struct error *error)
{
    const struct sim_disk *disk = context;
    const struct sim_file *file = &disk->files[index];
    if (disk->fails || read.offset > file->now_size || read.size > file->now_size - read.offset) {
        return fail(file->name, error);
    }
    if (read.size > 0) {
        memcpy(read.out, file->now + read.offset, read.size);
    }
    return true;
}

static bool sim_truncate(void *context, int index, uint64_t size, struct error *error)
{
    struct sim_disk *disk = context;
    struct sim_file *file = &disk->files[index];
    if (disk->fails) {
        return fail(file->name, error);
    }
    const size_t to = (size_t)size;
    reserve(file, to);
    if (to < file->now_size) {
        memset(file->now + to, 0, file->now_size - to);
    }
    dirty(file, to < file->now_size ? to : file->now_size,
          to > file->now_size ? to : file->now_size);
    file->now_size = to;
    return true;
}

/* The pages are marked clean: they read as written, and no later sync writes them. */
static void sync_forgets(struct sim_disk *disk, struct sim_file *file)
{
    const bool odd = disk->eio && disk->eio_count++ % 2 == 1;
    if (disk->forgets || odd) {
        file->dirty_from = 0;
        file->dirty_to = 0;
    }
}

static bool sim_sync(void *context, int index, struct error *error)
{
    struct sim_disk *disk = context;
    struct sim_file *file = &disk->files[index];
    if (disk->fails || disk->sync_fails || disk->eio) {
        sync_forgets(disk, file);
        return fail(file->name, error);
    }
    disk->sync_count++;
    if (disk->sync_lies) {
        return true;
    }
    if (file->dirty_to > file->dirty_from) {
        memcpy(file->durable + file->dirty_from, file->now + file->dirty_from,
               file->dirty_to - file->dirty_from);
    }
    file->durable_size = file->now_size;
    file->dirty_from = 0;
    file->dirty_to = 0;
    return true;
}

static bool sim_rename(void *context, const char *from, const char *to, struct error *error)
{
    struct sim_disk *disk = context;
    struct sim_file *file = sim_disk_file(disk, from);
    if (file == NULL) {
        return fail(from, error);
    }
    struct sim_file *old = sim_disk_file(disk, to);
    if (old != NULL) {
        set_name(old->name, "");
    }
    set_name(file->name, to);
    return true;
}

static bool sim_remove(void *context, const char *name, struct error *error)
{
    struct sim_disk *disk = context;
    struct sim_file *file = sim_disk_file(disk, name);
    if (file == NULL) {
        return fail(name, error);
    }
    set_name(file->name, "");
    return true;
}

static bool sim_list(void *context, disk_visit *visit, void *visit_context, struct error *error)
{
    const struct sim_disk *disk = context;
    (void)error;
    for (int i = 0; i < SIM_FILES_MAX; i++) {
        if (disk->files[i].name[0] != '\0') {
            visit(visit_context, disk->files[i].name);
        }
    }
    return true;
}

static bool sim_sync_dir(void *context, struct error *error)
{
    struct sim_disk *disk = context;
    if (disk->fails || disk->sync_fails || disk->eio || disk->name_fails) {
        disk->name_fails = false;
        return fail(".", error);
    }
    if (disk->sync_lies) {
        return true;
    }
    for (int i = 0; i < SIM_FILES_MAX; i++) {
        set_name(disk->files[i].durable_name, disk->files[i].name);
    }
    return true;
}

struct disk_port sim_disk_port(struct sim_disk *disk)
{
    return (struct disk_port){
        .context = disk,
        .open = sim_open,
        .close = sim_close,
        .size = sim_size,
        .append = sim_append,
        .write_at = sim_write_at,
        .read_at = sim_read_at,
        .truncate = sim_truncate,
        .sync = sim_sync,
        .rename = sim_rename,
        .remove = sim_remove,
        .list = sim_list,
        .sync_dir = sim_sync_dir,
    };
}

void sim_disk_free(struct sim_disk *disk)
{
    for (int i = 0; i < SIM_FILES_MAX; i++) {
        free(disk->files[i].now);
        free(disk->files[i].durable);
    }
    memset(disk, 0, sizeof(*disk));
}

enum fate { FATE_LOST, FATE_KEPT, FATE_TORN, FATE_COUNT };

static void harm_count(struct sim_harm *harm, enum fate fate, uint32_t old, bool reordered)
{
    harm->lost += fate == FATE_LOST ? 1 : 0;
    harm->torn += fate == FATE_TORN && old > 0 ? 1 : 0;
    harm->reordered += reordered ? 1 : 0;
}

/* Sectors that were not synced are old or new, each by itself; so is the end of the file. */
static void crash_file(struct sim_file *file, uint64_t *seed, struct sim_harm *harm)
{
    const enum fate fate = (enum fate)random_below(seed, FATE_COUNT);
    uint32_t old = 0;
    bool reordered = false;
    size_t size = fate == FATE_KEPT ? file->now_size : file->durable_size;
    if (fate == FATE_TORN && file->now_size > file->durable_size) {
        size += (size_t)random_below(seed, file->now_size - file->durable_size + 1);
    }
    const size_t dirty_from = file->dirty_from / SIM_SECTOR_SIZE * SIM_SECTOR_SIZE;
    const size_t dirty_to = file->dirty_to;
    if (file->capacity > 0) { /* what a failed sync forgot was in memory alone */
        const size_t behind = dirty_to < file->capacity ? dirty_to : file->capacity;
        memcpy(file->now, file->durable, dirty_from);
        memcpy(file->now + behind, file->durable + behind, file->capacity - behind);
    }
    for (size_t at = dirty_from; at < dirty_to; at += SIM_SECTOR_SIZE) {
        const size_t room = file->capacity - at;
        const size_t length = room < SIM_SECTOR_SIZE ? room : SIM_SECTOR_SIZE;
        const bool is_new = fate == FATE_KEPT || (fate == FATE_TORN && random_below(seed, 2) == 0);
        reordered = reordered || (is_new && old > 0);
        old += is_new ? 0 : 1;
        memcpy(is_new ? file->durable + at : file->now + at,
               is_new ? file->now + at : file->durable + at, length);
    }
    if (file->dirty_to > file->dirty_from) {
        harm_count(harm, fate, old, reordered);
    }
    if (size < file->capacity) {
        memset(file->now + size, 0, file->capacity - size);
        memset(file->durable + size, 0, file->capacity - size);
    }
    file->now_size = size;
    file->durable_size = size;
    file->dirty_from = 0;
    file->dirty_to = 0;
}

void sim_disk_crash(struct sim_disk *disk, uint64_t *seed)
{
    const bool names_kept = random_below(seed, 2) == 0;
    disk->harm = (struct sim_harm){0};
    for (int i = 0; i < SIM_FILES_MAX; i++) {
        struct sim_file *file = &disk->files[i];
        if (file->name[0] == '\0' && file->durable_name[0] == '\0') {
            continue;
        }
        crash_file(file, seed, &disk->harm);
        if (names_kept) {
            set_name(file->durable_name, file->name);
        } else {
            disk->harm.unnamed += strcmp(file->name, file->durable_name) != 0 ? 1 : 0;
            set_name(file->name, file->durable_name);
        }
    }
}
