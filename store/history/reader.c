#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/history/chunk.h"
#include "store/history/set.h"
#include "store/rocks.h"

/* All files of a history, read from the first byte to the last. */

struct history_reader {
    struct history_set *set;
    struct hash chain_id;
    size_t at; /* the file being read */
    struct chunk_reader chunk;
    bool stopped; /* ended, damaged or failed */
};

bool history_open(const char *path, const struct hash *chain_id, struct history_reader **out,
                  struct error *error)
{
    struct history_set *set = NULL;
    if (!history_set_open(path, &set, error)) {
        return false;
    }
    if (history_set_count(set) == 0) {
        history_set_close(set);
        return error_set(error, EXIT_CODE_NOT_FOUND, "%s: holds no history file", path);
    }
    if (!history_set_whole(set, error)) {
        history_set_close(set);
        return false;
    }
    struct history_reader *reader = store_allocate(sizeof(*reader));
    *reader = (struct history_reader){.set = set, .chain_id = *chain_id};
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
    history_set_close(reader->set);
    free(reader);
}

uint64_t history_first(const struct history_reader *reader)
{
    return history_set_span(reader->set, 0).first;
}

uint64_t history_last(const struct history_reader *reader)
{
    return history_set_span(reader->set, history_set_count(reader->set) - 1).last;
}

const struct history_fault *history_fault(const struct history_reader *reader)
{
    return &reader->chunk.fault;
}

bool history_locate(const struct history_reader *reader, uint64_t height, struct history_fault *out)
{
    for (size_t i = 0; i < history_set_count(reader->set); i++) {
        const struct history_span span = history_set_span(reader->set, i);
        char path[HISTORY_PATH_MAX];
        struct block_place place;
        if (height < span.first || height > span.last) {
            continue;
        }
        history_set_path(reader->set, i, path);
        FILE *stream = fopen(path, "rb");
        const bool found = stream != NULL && place_find_in(stream, &span, height, &place);
        if (stream != NULL) {
            (void)fclose(stream);
        }
        if (found) {
            *out = (struct history_fault){.in_block = true,
                                          .height = height,
                                          .offset = place.offset + CHUNK_HEAD_SIZE,
                                          .size = place.size};
            span_name(&span, out->file);
        }
        return found;
    }
    return false;
}

static enum history_answer file_begin(struct history_reader *reader)
{
    const struct history_span span = history_set_span(reader->set, reader->at);
    char path[HISTORY_PATH_MAX];
    struct chunk_reader chunk = {
        .first = span.first,
        .last = span.last,
        .height = span.first,
        .buffer = reader->chunk.buffer,
    };
    span_name(&span, chunk.fault.file);
    history_set_path(reader->set, reader->at, path);
    chunk.stream = fopen(path, "rb");
    reader->chunk = chunk;
    return chunk.stream == NULL ? HISTORY_FAILED : chunk_begin(&reader->chunk, &reader->chain_id);
}

/* Say in words what the answer is; returns it. */
static enum history_answer explain(struct history_reader *reader, enum history_answer answer,
                                   struct error *error)
{
    const struct history_fault *fault = &reader->chunk.fault;
    char path[HISTORY_PATH_MAX];
    history_set_path(reader->set, reader->at, path);
    reader->stopped = true;
    if (reader->chunk.foreign) {
        (void)error_set(error, EXIT_CODE_WRONG_CHAIN,
                        "%.400s: the history of another chain; check the genesis", path);
        return HISTORY_FAILED;
    }
    if (answer == HISTORY_FAILED) {
        (void)error_set(error, EXIT_CODE_STORAGE, "%.400s: cannot read it", path);
    } else {
        (void)error_set(error, EXIT_CODE_VERIFY,
                        "height %llu: %s: damaged at offset %llu (%llu bytes %s)",
                        (unsigned long long)fault->height, fault->file,
                        (unsigned long long)fault->offset, (unsigned long long)fault->size,
                        fault->in_block ? "of the block" : "beside the blocks");
    }
    return answer;
}

/* The end of one file: go to the next, or end. */
static enum history_answer file_end(struct history_reader *reader, struct error *error)
{
    (void)fclose(reader->chunk.stream);
    reader->chunk.stream = NULL;
    const bool open = reader->chunk.finality_seen;
    reader->at++;
    const bool last = reader->at == history_set_count(reader->set);
    if (open && !last) {
        reader->stopped = true;
        (void)error_set(error, EXIT_CODE_INCOMPLETE,
                        "%s: a file in the middle that is not sealed; its blocks must be the last",
                        reader->chunk.fault.file);
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
