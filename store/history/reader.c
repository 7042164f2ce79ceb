#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/history/chunk.h"
#include "store/rocks.h"

enum { HEIGHT_DIGITS = 12, FIRST_ROOM = 16, PATH_MAX_SIZE = 512 };
static const char name_start[] = "history-";
static const char name_end[] = ".gradus";

struct span {
    uint64_t first;
    uint64_t last;
};

struct history_reader {
    char dir[PATH_MAX_SIZE];
    struct hash chain_id;
    struct span *spans; /* the files, ascending */
    size_t count;
    size_t room;
    size_t at; /* the file being read */
    struct chunk_reader chunk;
    bool finality_seen;
    bool stopped; /* ended, damaged or failed */
};

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

static void span_name(const struct span *span, char *out)
{
    (void)snprintf(out, HISTORY_NAME_MAX, "%s%012llu-%012llu%s", name_start,
                   (unsigned long long)span->first, (unsigned long long)span->last, name_end);
}

/* The heights in a file's name; false when it is not the name of a history file. */
static bool name_read(const char *name, struct span *out)
{
    const size_t start = sizeof(name_start) - 1;
    char again[HISTORY_NAME_MAX];
    if (strlen(name) != start + 2 * (size_t)HEIGHT_DIGITS + 1 + sizeof(name_end) - 1 ||
        !digits_read(name + start, &out->first) ||
        !digits_read(name + start + HEIGHT_DIGITS + 1, &out->last)) {
        return false;
    }
    span_name(out, again);
    return strcmp(again, name) == 0 && out->first <= out->last;
}

static void span_add(struct history_reader *reader, const struct span *span)
{
    if (reader->count == reader->room) {
        const size_t room = reader->room == 0 ? FIRST_ROOM : 2 * reader->room;
        struct span *spans = store_allocate(room * sizeof(*spans));
        if (reader->count > 0) {
            memcpy(spans, reader->spans, reader->count * sizeof(*spans));
        }
        free(reader->spans);
        reader->spans = spans;
        reader->room = room;
    }
    reader->spans[reader->count++] = *span;
}

static int span_order(const void *a, const void *b)
{
    const struct span *x = a;
    const struct span *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

static bool files_list(struct history_reader *reader, struct error *error)
{
    DIR *stream = opendir(reader->dir);
    if (stream == NULL) {
        return error_set(error, EXIT_CODE_NOT_FOUND, "%s: no such directory, or not readable",
                         reader->dir);
    }
    const struct dirent *entry = NULL;
    while ((entry = readdir(stream)) != NULL) {
        struct span span;
        if (name_read(entry->d_name, &span)) {
            span_add(reader, &span);
        }
    }
    (void)closedir(stream);
    if (reader->count == 0) {
        return error_set(error, EXIT_CODE_NOT_FOUND, "%s: holds no history file", reader->dir);
    }
    qsort(reader->spans, reader->count, sizeof(*reader->spans), span_order);
    for (size_t i = 1; i < reader->count; i++) {
        const uint64_t next = reader->spans[i - 1].last + 1;
        if (reader->spans[i].first != next) {
            return error_set(error, EXIT_CODE_INCOMPLETE,
                             "%s: the file that begins with height %llu is missing, or two files "
                             "overlap there",
                             reader->dir, (unsigned long long)next);
        }
    }
    return true;
}

bool history_open(const char *dir, const struct hash *chain_id, struct history_reader **out,
                  struct error *error)
{
    struct history_reader *reader = store_allocate(sizeof(*reader));
    *reader = (struct history_reader){.chain_id = *chain_id};
    const int length = snprintf(reader->dir, sizeof(reader->dir), "%s", dir);
    if (length < 0 || (size_t)length >= sizeof(reader->dir) - HISTORY_NAME_MAX) {
        free(reader);
        return error_set(error, EXIT_CODE_USAGE, "the directory's name is too long");
    }
    if (!files_list(reader, error)) {
        history_close(reader);
        return false;
    }
    reader->chunk.buffer = store_allocate(BLOCK_SIZE_MAX);
    *out = reader;
    return true;
}

void history_close(struct history_reader *reader)
{
    if (reader == NULL) {
        return;
    }
    if (reader->chunk.stream != NULL) {
        (void)fclose(reader->chunk.stream);
    }
    free(reader->chunk.buffer);
    free(reader->spans);
    free(reader);
}

uint64_t history_first(const struct history_reader *reader)
{
    return reader->spans[0].first;
}

uint64_t history_last(const struct history_reader *reader)
{
    return reader->spans[reader->count - 1].last;
}

const struct history_fault *history_fault(const struct history_reader *reader)
{
    return &reader->chunk.fault;
}

static enum history_answer file_begin(struct history_reader *reader)
{
    const struct span *span = &reader->spans[reader->at];
    char path[PATH_MAX_SIZE + HISTORY_NAME_MAX];
    struct chunk_reader chunk = {
        .first = span->first,
        .last = span->last,
        .height = span->first,
        .buffer = reader->chunk.buffer,
    };
    span_name(span, chunk.fault.file);
    (void)snprintf(path, sizeof(path), "%s/%s", reader->dir, chunk.fault.file);
    chunk.stream = fopen(path, "rb");
    reader->chunk = chunk;
    return chunk.stream == NULL ? HISTORY_FAILED : chunk_begin(&reader->chunk, &reader->chain_id);
}

/* Say in words what the answer is; returns it. */
static enum history_answer explain(struct history_reader *reader, enum history_answer answer,
                                   struct error *error)
{
    const struct history_fault *fault = &reader->chunk.fault;
    reader->stopped = true;
    if (reader->chunk.foreign) {
        (void)error_set(error, EXIT_CODE_WRONG_CHAIN,
                        "%s/%s: the history of another chain; check the genesis", reader->dir,
                        fault->file);
        return HISTORY_FAILED;
    }
    if (answer == HISTORY_FAILED) {
        (void)error_set(error, EXIT_CODE_STORAGE, "%s/%s: cannot read it", reader->dir,
                        fault->file);
    } else if (fault->in_block) {
        (void)error_set(error, EXIT_CODE_VERIFY, "height %llu: the block's bytes are damaged (%s)",
                        (unsigned long long)fault->height, fault->file);
    } else {
        (void)error_set(error, EXIT_CODE_VERIFY,
                        "%s: damaged at offset %llu (%llu bytes that belong to no block)",
                        fault->file, (unsigned long long)fault->offset,
                        (unsigned long long)fault->size);
    }
    return answer;
}

/* The end of one file: go to the next, or end. */
static enum history_answer file_end(struct history_reader *reader, struct error *error)
{
    (void)fclose(reader->chunk.stream);
    reader->chunk.stream = NULL;
    reader->finality_seen = reader->chunk.finality_seen;
    reader->at++;
    const bool last = reader->at == reader->count;
    if (reader->finality_seen != last) {
        reader->stopped = true;
        (void)error_set(error, EXIT_CODE_INCOMPLETE,
                        last ? "%s: the last file, which ends with the finality of the last "
                               "block, is missing"
                             : "%s: a file in the middle ends the history",
                        reader->dir);
        return HISTORY_FAILED;
    }
    reader->stopped = last;
    return HISTORY_END;
}

/* The next record of the file at hand, which is opened first when none is. */
static enum history_answer record_next(struct history_reader *reader, struct history_item *out)
{
    const enum history_answer begun =
        reader->chunk.stream == NULL ? file_begin(reader) : HISTORY_BLOCK;
    return begun == HISTORY_BLOCK ? chunk_next(&reader->chunk, out) : begun;
}

enum history_answer history_next(struct history_reader *reader, struct history_item *out,
                                 struct error *error)
{
    ASSERT(!reader->stopped);
    for (;;) {
        const enum history_answer answer = record_next(reader, out);
        if (answer == HISTORY_DAMAGED || answer == HISTORY_FAILED) {
            return explain(reader, answer, error);
        }
        if (answer != HISTORY_END) {
            return answer;
        }
        const enum history_answer end = file_end(reader, error);
        if (reader->stopped) {
            return end;
        }
    }
}
