#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/endian.h"
#include "store/history/chunk.h"
#include "store/history/seal.h"
#include "store/history/set.h"
#include "store/rocks.h"

/* A file is written under a name of its own, read by nobody, synced and then renamed. */

enum { DIRECTORY_MODE = 0755 };
static const char part_name[] = "history.part";

/* One file being written. */
struct writer {
    const struct history_work *work;
    struct history_span span;
    FILE *stream;
    struct crypto_sha256 total;
};

static bool writer_fail(const struct history_work *work, const char *what, struct error *error)
{
    const bool full = errno == ENOSPC;
    return error_set(error, full ? EXIT_CODE_DISK_FULL : EXIT_CODE_STORAGE,
                     "%.400s: cannot %s a history file%s", work->dir, what,
                     full ? ": the disk is full; free space and try again"
                          : "; check the directory and try again");
}

static bool path_make(const struct history_work *work, const char *name, char *out)
{
    const int length = snprintf(out, HISTORY_PATH_MAX, "%s/%s", work->dir, name);
    return length > 0 && length < HISTORY_PATH_MAX;
}

static bool put(struct writer *writer, const void *data, size_t size)
{
    return size == 0 || fwrite(data, 1, size, writer->stream) == size;
}

static bool record_put(struct writer *writer, enum chunk_kind kind, uint64_t height,
                       struct bytes body)
{
    const struct chunk_head head = {.kind = kind, .height = height, .size = (uint32_t)body.size};
    uint8_t bytes[CHUNK_HEAD_SIZE];
    struct hash digest;
    chunk_head_write(&head, bytes);
    if (kind == CHUNK_END) {
        crypto_sha256_final(&writer->total, &digest);
    } else {
        chunk_digest(bytes, body, &digest);
        crypto_sha256_update(&writer->total, bytes_of(digest.bytes, HASH_SIZE));
    }
    return put(writer, bytes, sizeof(bytes)) && put(writer, body.data, body.size) &&
           put(writer, digest.bytes, HASH_SIZE);
}

/* The offsets are read from what was written: however many, they need no memory. */
static bool index_put(struct writer *writer)
{
    const int fd = fileno(writer->stream);
    struct chunk_head head;
    uint8_t bytes[CHUNK_HEAD_SIZE];
    struct crypto_sha256 state;
    struct hash digest;
    uint64_t at = CHUNK_HEADER_SIZE;
    if (!chunk_index_head(writer->span.first, writer->span.last, &head) ||
        fflush(writer->stream) != 0) {
        return false;
    }
    chunk_head_write(&head, bytes);
    crypto_sha256_init(&state);
    crypto_sha256_update(&state, bytes_of(bytes, CHUNK_HEAD_CORE_SIZE));
    if (!put(writer, bytes, sizeof(bytes))) {
        return false;
    }
    for (uint64_t height = writer->span.first; height <= writer->span.last; height++) {
        uint8_t offset[CHUNK_OFFSET_SIZE];
        store_be64(offset, at);
        crypto_sha256_update(&state, bytes_of(offset, sizeof(offset)));
        if (pread(fd, bytes, sizeof(bytes), (off_t)at) != (ssize_t)sizeof(bytes) ||
            !chunk_head_read(bytes, &head) || !put(writer, offset, sizeof(offset))) {
            return false;
        }
        at += CHUNK_HEAD_SIZE + (uint64_t)head.size + HASH_SIZE;
    }
    crypto_sha256_final(&state, &digest);
    crypto_sha256_update(&writer->total, bytes_of(digest.bytes, HASH_SIZE));
    return put(writer, digest.bytes, HASH_SIZE);
}

static bool blocks_put(struct writer *writer, struct error *error)
{
    const struct history_work *work = writer->work;
    for (uint64_t height = writer->span.first; height <= writer->span.last; height++) {
        struct bytes block;
        if (!work->source.block(work->source.context, height, &block, error)) {
            return false;
        }
        ASSERT(block.size <= BLOCK_SIZE_MAX);
        if (!record_put(writer, CHUNK_BLOCK, height, block)) {
            return writer_fail(work, "write", error);
        }
        if (work->progress != NULL) {
            work->progress(work->context, height, work->last);
        }
    }
    return true;
}

/* The directory entry is data too. */
static bool directory_sync(const char *dir)
{
    const int fd = open(dir, O_RDONLY);
    const bool synced = fd >= 0 && fsync(fd) == 0;
    return (fd < 0 || close(fd) == 0) && synced;
}

struct ending {
    enum chunk_kind kind;
    struct bytes bytes;
};

static bool file_put(struct writer *writer, const struct ending *ending, struct error *error)
{
    const struct history_work *work = writer->work;
    uint8_t header[CHUNK_HEADER_SIZE];
    chunk_header_write(&work->chain_id, writer->span.first, header);
    crypto_sha256_init(&writer->total);
    crypto_sha256_update(&writer->total, bytes_of(header, sizeof(header)));
    if (!put(writer, header, sizeof(header))) {
        return writer_fail(work, "begin", error);
    }
    if (!blocks_put(writer, error)) {
        return false;
    }
    const bool written = record_put(writer, ending->kind, writer->span.last, ending->bytes) &&
                         index_put(writer) &&
                         record_put(writer, CHUNK_END, writer->span.last, (struct bytes){0}) &&
                         fflush(writer->stream) == 0 && fsync(fileno(writer->stream)) == 0;
    return written || writer_fail(work, "write", error);
}

static bool file_write(const struct history_work *work, const struct history_span *span,
                       const struct ending *ending, struct error *error)
{
    struct writer writer = {.work = work, .span = *span};
    char part[HISTORY_PATH_MAX];
    char name[HISTORY_NAME_MAX];
    char path[HISTORY_PATH_MAX];
    span_name(span, name);
    if (!path_make(work, part_name, part) || !path_make(work, name, path)) {
        return error_set(error, EXIT_CODE_USAGE, "the directory's name is too long");
    }
    writer.stream = fopen(part, "w+b");
    if (writer.stream == NULL) {
        return writer_fail(work, "begin", error);
    }
    bool done = file_put(&writer, ending, error);
    if (fclose(writer.stream) != 0) {
        done = done && writer_fail(work, "write", error);
    }
    if (done && (rename(part, path) != 0 || !directory_sync(work->dir))) {
        done = writer_fail(work, "name", error);
    }
    if (!done) {
        (void)unlink(part);
    }
    return done;
}

/* ---- Chunks ------------------------------------------------------------------------ */

static bool make_directory(const struct history_work *work, struct error *error)
{
    return mkdir(work->dir, DIRECTORY_MODE) == 0 || errno == EEXIST ||
           writer_fail(work, "make the directory of", error);
}

/* The chunk that begins at `first` as a sealed file, if its seal is known. */
static enum store_answer chunk_write(const struct history_work *work, uint64_t first,
                                     struct error *error)
{
    const struct history_span span = {first, history_chunk_last(first)};
    struct ending ending = {.kind = CHUNK_SEAL};
    if (span.last > work->last) {
        return STORE_ABSENT;
    }
    uint8_t *buffer = store_allocate(HISTORY_SEAL_SIZE_MAX);
    const struct history_span range = {span.last, work->last};
    enum store_answer answer = seal_find(&work->source, range, buffer, &ending.bytes, error);
    if (answer == STORE_ABSENT && work->sealed && span.last == work->last) {
        ending.bytes = work->ending;
        answer = STORE_FOUND;
    }
    if (answer == STORE_FOUND && !file_write(work, &span, &ending, error)) {
        answer = STORE_FAILED;
    }
    free(buffer);
    return answer;
}

bool history_seal(const struct history_work *work, struct history_sealed *out, struct error *error)
{
    *out = (struct history_sealed){.last = history_chunk_last(work->first)};
    if (out->last > work->last) {
        return true;
    }
    if (!make_directory(work, error)) {
        return false;
    }
    const enum store_answer answer = chunk_write(work, work->first, error);
    out->written = answer == STORE_FOUND;
    return answer != STORE_FAILED;
}

bool history_write(const struct history_work *work, struct error *error)
{
    struct history_set *set = NULL;
    if (!make_directory(work, error) || !history_set_open(work->dir, &set, error)) {
        return false;
    }
    const bool empty = history_set_count(set) == 0;
    history_set_close(set);
    if (!empty) {
        return error_set(error, EXIT_CODE_USAGE,
                         "%.400s: holds history files already; name an empty directory", work->dir);
    }
    uint64_t first = work->first;
    enum store_answer answer = work->whole ? STORE_ABSENT : STORE_FOUND;
    while (answer == STORE_FOUND && first <= work->last) {
        answer = chunk_write(work, first, error);
        first = answer == STORE_FOUND ? history_chunk_last(first) + 1 : first;
    }
    if (answer != STORE_ABSENT) {
        return answer == STORE_FOUND;
    }
    const struct history_span span = {first, work->last};
    const struct ending ending = {.kind = work->sealed ? CHUNK_SEAL : CHUNK_FINALITY,
                                  .bytes = work->ending};
    return file_write(work, &span, &ending, error);
}

/* ---- From a store ------------------------------------------------------------------ */

struct store_blocks {
    struct store *store;
    struct store_buffer block; /* the last one */
};

static bool store_source(void *context, uint64_t height, struct bytes *out, struct error *error)
{
    struct store_blocks *blocks = context;
    store_buffer_free(&blocks->block);
    const enum store_answer answer = store_block(blocks->store, height, &blocks->block, error);
    *out = bytes_of(blocks->block.data, blocks->block.size);
    return answer == STORE_FOUND ||
           (answer == STORE_ABSENT && error_set(error, EXIT_CODE_CORRUPT, "there is no block %llu",
                                                (unsigned long long)height));
}

bool history_export(struct store *store, const struct history_export *what, uint64_t *last,
                    struct error *error)
{
    struct store_buffer finality = {0};
    const enum store_answer answer = store_finality_at_most(store, UINT64_MAX, last, error);
    if (answer == STORE_ABSENT) {
        return error_set(error, EXIT_CODE_NOT_FOUND, "no block is final yet: nothing to export");
    }
    struct store_status status;
    store_status(store, &status);
    if (status.oldest_height > 1) {
        return error_set(error, EXIT_CODE_NOT_FOUND,
                         "chain.db begins at block %llu, as it was restored from a snapshot or "
                         "pruned; export from a node that has all",
                         (unsigned long long)status.oldest_height);
    }
    if (answer == STORE_FAILED || store_finality(store, *last, &finality, error) != STORE_FOUND) {
        return false;
    }
    struct store_blocks blocks = {.store = store};
    const struct history_work work = {.dir = what->dir,
                                      .chain_id = what->chain_id,
                                      .source = {.context = &blocks, .block = store_source},
                                      .first = 1,
                                      .last = *last,
                                      .ending = bytes_of(finality.data, finality.size),
                                      .context = what->context,
                                      .progress = what->progress};
    const bool done = history_write(&work, error);
    store_buffer_free(&blocks.block);
    store_buffer_free(&finality);
    return done;
}
