#include "store/history/set.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/endian.h"
#include "store/history/chunk.h"
#include "store/rocks.h"

enum { HEIGHT_DIGITS = 12, FIRST_ROOM = 16, DIR_MAX = HISTORY_PATH_MAX - HISTORY_NAME_MAX };
static const char name_start[] = "history-";
static const char name_end[] = ".gradus";

struct history_set {
    char dir[DIR_MAX];
    struct history_span *spans; /* ascending */
    size_t count;
    size_t room;
};

/* ---- Names ------------------------------------------------------------------------- */

static bool digits_read(const char *text, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < HEIGHT_DIGITS; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        *out = *out * 10 + (uint64_t)(text[i] - '0');
    }
    return true;
}

void span_name(const struct history_span *span, char *out)
{
    (void)snprintf(out, HISTORY_NAME_MAX, "%s%012llu-%012llu%s", name_start,
                   (unsigned long long)span->first, (unsigned long long)span->last, name_end);
}

/* The heights in a file's name; false when it is not the name of a history file. */
static bool name_read(const char *name, struct history_span *out)
{
    const size_t start = sizeof(name_start) - 1;
    char again[HISTORY_NAME_MAX];
    if (strlen(name) != start + 2 * (size_t)HEIGHT_DIGITS + 1 + sizeof(name_end) - 1 ||
        !digits_read(name + start, &out->first) ||
        !digits_read(name + start + HEIGHT_DIGITS + 1, &out->last)) {
        return false;
    }
    span_name(out, again);
    return strcmp(again, name) == 0 && out->first > 0 && out->first <= out->last;
}

static void span_add(struct history_set *set, const struct history_span *span)
{
    if (set->count == set->room) {
        const size_t room = set->room == 0 ? FIRST_ROOM : 2 * set->room;
        struct history_span *spans = store_allocate(room * sizeof(*spans));
        if (set->count > 0) {
            memcpy(spans, set->spans, set->count * sizeof(*spans));
        }
        free(set->spans);
        set->spans = spans;
        set->room = room;
    }
    set->spans[set->count++] = *span;
}

static int span_order(const void *a, const void *b)
{
    const struct history_span *x = a;
    const struct history_span *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

/* ---- Opening ----------------------------------------------------------------------- */

static bool list(struct history_set *set, struct error *error)
{
    DIR *stream = opendir(set->dir);
    if (stream == NULL) {
        return error_set(error, EXIT_CODE_NOT_FOUND, "%s: no such directory, or not readable",
                         set->dir);
    }
    const struct dirent *entry = NULL;
    while ((entry = readdir(stream)) != NULL) {
        struct history_span span;
        if (name_read(entry->d_name, &span)) {
            span_add(set, &span);
        }
    }
    (void)closedir(stream);
    if (set->count > 1) {
        qsort(set->spans, set->count, sizeof(*set->spans), span_order);
    }
    return true;
}

bool history_set_whole(const struct history_set *set, struct error *error)
{
    for (size_t i = 1; i < set->count; i++) {
        const uint64_t next = set->spans[i - 1].last + 1;
        if (set->spans[i].first != next) {
            return error_set(error, EXIT_CODE_INCOMPLETE,
                             "%s: the file that begins with height %llu is missing, or two files "
                             "overlap there",
                             set->dir, (unsigned long long)next);
        }
    }
    return true;
}

/* One file by its path. */
static bool single(struct history_set *set, const char *path, struct error *error)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    struct history_span span;
    if (!name_read(name, &span)) {
        return error_set(error, EXIT_CODE_USAGE,
                         "%s: a history file is named history-FIRST-LAST.gradus", path);
    }
    if (slash == NULL) {
        (void)snprintf(set->dir, sizeof(set->dir), ".");
    } else {
        set->dir[slash == path ? 1 : slash - path] = '\0';
    }
    span_add(set, &span);
    return true;
}

bool history_set_open(const char *path, struct history_set **out, struct error *error)
{
    struct stat status;
    struct history_set *set = store_allocate(sizeof(*set));
    memset(set, 0, sizeof(*set));
    const int length = snprintf(set->dir, sizeof(set->dir), "%s", path);
    if (length < 0 || (size_t)length >= sizeof(set->dir)) {
        free(set);
        return error_set(error, EXIT_CODE_USAGE, "the directory's name is too long");
    }
    const bool file = stat(path, &status) == 0 && S_ISREG(status.st_mode);
    if (!(file ? single(set, path, error) : list(set, error))) {
        history_set_close(set);
        return false;
    }
    *out = set;
    return true;
}

void history_set_close(struct history_set *set)
{
    if (set != NULL) {
        free(set->spans);
        free(set);
    }
}

size_t history_set_count(const struct history_set *set)
{
    return set->count;
}

struct history_span history_set_span(const struct history_set *set, size_t index)
{
    ASSERT(index < set->count);
    return set->spans[index];
}

void history_set_path(const struct history_set *set, size_t index, char *out)
{
    char name[HISTORY_NAME_MAX];
    ASSERT(index < set->count);
    span_name(&set->spans[index], name);
    (void)snprintf(out, HISTORY_PATH_MAX, "%s/%s", set->dir, name);
}

/* ---- Single records ---------------------------------------------------------------- */

static bool read_at(FILE *stream, uint64_t offset, void *out, size_t size)
{
    return offset <= INT64_MAX && fseeko(stream, (off_t)offset, SEEK_SET) == 0 &&
           fread(out, 1, size, stream) == size;
}

bool place_find(FILE *stream, uint64_t size, const struct history_span *span, uint64_t height,
                struct block_place *out)
{
    struct chunk_head index;
    struct chunk_head head;
    uint8_t bytes[CHUNK_HEAD_SIZE];
    if (!chunk_index_head(span->first, span->last, &index)) {
        return false;
    }
    const uint64_t behind = (uint64_t)index.size + HASH_SIZE + CHUNK_END_SIZE;
    if (size < behind ||
        !read_at(stream, size - behind + (height - span->first) * CHUNK_OFFSET_SIZE, bytes,
                 CHUNK_OFFSET_SIZE)) {
        return false;
    }
    out->offset = load_be64(bytes);
    if (!read_at(stream, out->offset, bytes, CHUNK_HEAD_SIZE) || !chunk_head_read(bytes, &head) ||
        head.kind != CHUNK_BLOCK || head.height != height) {
        return false;
    }
    out->size = head.size;
    return true;
}

bool place_find_in(FILE *stream, const struct history_span *span, uint64_t height,
                   struct block_place *out)
{
    const off_t end = fseeko(stream, 0, SEEK_END) == 0 ? ftello(stream) : -1;
    return end >= 0 && place_find(stream, (uint64_t)end, span, height, out);
}

/* The record at offset, of one of two kinds, with its digest checked. */
struct wanted {
    uint64_t offset;
    uint64_t height;
    enum chunk_kind kind, other;
};

static bool record_at(FILE *stream, const struct wanted *wanted, struct chunk_head *head,
                      struct store_buffer *out)
{
    uint8_t bytes[CHUNK_HEAD_SIZE];
    struct hash digest;
    struct hash stored;
    if (!read_at(stream, wanted->offset, bytes, sizeof(bytes)) || !chunk_head_read(bytes, head) ||
        (head->kind != wanted->kind && head->kind != wanted->other) ||
        head->height != wanted->height) {
        return false;
    }
    out->size = head->size;
    out->data = store_allocate(out->size);
    bool sound = fread(out->data, 1, out->size, stream) == out->size &&
                 fread(stored.bytes, 1, HASH_SIZE, stream) == HASH_SIZE;
    if (sound) {
        chunk_digest(bytes, bytes_of(out->data, out->size), &digest);
        sound = hash_equal(&digest, &stored);
    }
    if (!sound) {
        store_buffer_free(out);
    }
    return sound;
}

static bool corrupt(const struct history_set *set, size_t index, uint64_t height,
                    struct error *error)
{
    char path[HISTORY_PATH_MAX];
    history_set_path(set, index, path);
    return error_set(error, EXIT_CODE_CORRUPT,
                     "%.400s: damaged or missing at height %llu; fetch this file from another node",
                     path, (unsigned long long)height);
}

static FILE *open_span(const struct history_set *set, size_t index)
{
    char path[HISTORY_PATH_MAX];
    history_set_path(set, index, path);
    return fopen(path, "rb");
}

/* The file with this height; count when there is none. */
static size_t find(const struct history_set *set, uint64_t height)
{
    size_t low = 0;
    size_t high = set->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (set->spans[middle].last < height) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < set->count && set->spans[low].first <= height ? low : set->count;
}

enum store_answer history_set_block(const struct history_set *set, uint64_t height,
                                    struct store_buffer *out, struct error *error)
{
    const size_t index = find(set, height);
    if (index == set->count) {
        return STORE_ABSENT;
    }
    FILE *stream = open_span(set, index);
    struct block_place place;
    struct chunk_head head;
    bool found = stream != NULL && place_find_in(stream, &set->spans[index], height, &place);
    if (found) {
        const struct wanted wanted = {place.offset, height, CHUNK_BLOCK, CHUNK_BLOCK};
        found = record_at(stream, &wanted, &head, out);
    }
    if (stream != NULL) {
        (void)fclose(stream);
    }
    if (!found) {
        (void)corrupt(set, index, height, error);
    }
    return found ? STORE_FOUND : STORE_FAILED;
}

bool history_set_ending(const struct history_set *set, bool *sealed, struct store_buffer *out,
                        struct error *error)
{
    ASSERT(set->count > 0);
    const size_t index = set->count - 1;
    const uint64_t last = set->spans[index].last;
    FILE *stream = open_span(set, index);
    struct block_place place;
    struct chunk_head head;
    bool found = stream != NULL && place_find_in(stream, &set->spans[index], last, &place);
    if (found) {
        const struct wanted wanted = {place.offset + CHUNK_HEAD_SIZE + place.size + HASH_SIZE, last,
                                      CHUNK_FINALITY, CHUNK_SEAL};
        found = record_at(stream, &wanted, &head, out);
    }
    if (stream != NULL) {
        (void)fclose(stream);
    }
    if (!found) {
        return corrupt(set, index, last, error);
    }
    *sealed = head.kind == CHUNK_SEAL;
    return true;
}
