#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/history/chunk.h"
#include "store/rocks.h"

enum { DIRECTORY_MODE = 0755, PATH_MAX_SIZE = 512 };
static const char part_name[] = "history.part";

struct history_writer {
    char dir[PATH_MAX_SIZE];
    struct hash chain_id;
    FILE *stream;    /* the file being written, or NULL */
    uint64_t first;  /* height of its first block */
    uint64_t height; /* of the next block */
    size_t size;     /* bytes of its blocks */
    struct crypto_sha256 total;
};

static bool writer_fail(const struct history_writer *writer, const char *what, struct error *error)
{
    const bool full = errno == ENOSPC;
    return error_set(error, full ? EXIT_CODE_DISK_FULL : EXIT_CODE_STORAGE,
                     "%s: cannot %s a history file%s", writer->dir, what,
                     full ? ": the disk is full; free space and export again"
                          : "; check the directory and export again");
}

static bool path_make(const struct history_writer *writer, const char *name, char *out)
{
    const int length = snprintf(out, PATH_MAX_SIZE, "%s/%s", writer->dir, name);
    return length > 0 && length < PATH_MAX_SIZE;
}

bool history_writer_open(const char *dir, const struct hash *chain_id, uint64_t first,
                         struct history_writer **out, struct error *error)
{
    struct history_writer *writer = store_allocate(sizeof(*writer));
    *writer = (struct history_writer){.chain_id = *chain_id, .first = first, .height = first};
    const int length = snprintf(writer->dir, sizeof(writer->dir), "%s", dir);
    char path[PATH_MAX_SIZE];
    struct history_reader *reader = NULL;
    struct error found;
    if (length < 0 || (size_t)length >= sizeof(writer->dir) - HISTORY_NAME_MAX ||
        !path_make(writer, part_name, path)) {
        free(writer);
        (void)error_set(error, EXIT_CODE_USAGE, "the directory's name is too long");
        return false;
    }
    if (mkdir(dir, DIRECTORY_MODE) != 0 && errno != EEXIST) {
        (void)writer_fail(writer, "make the directory of", error);
        free(writer);
        return false;
    }
    if (history_open(dir, chain_id, &reader, &found) || found.code != EXIT_CODE_NOT_FOUND) {
        history_close(reader);
        free(writer);
        (void)error_set(error, EXIT_CODE_USAGE,
                        "%s: holds history files already; name an empty directory", dir);
        return false;
    }
    *out = writer;
    return true;
}

static bool put(struct history_writer *writer, const void *data, size_t size)
{
    return size == 0 || fwrite(data, 1, size, writer->stream) == size;
}

static bool chunk_start(struct history_writer *writer, struct error *error)
{
    char path[PATH_MAX_SIZE];
    uint8_t header[CHUNK_HEADER_SIZE];
    writer->stream = path_make(writer, part_name, path) ? fopen(path, "wb") : NULL;
    writer->first = writer->height;
    writer->size = 0;
    chunk_header_write(&writer->chain_id, writer->first, header);
    crypto_sha256_init(&writer->total);
    crypto_sha256_update(&writer->total, bytes_of(header, sizeof(header)));
    return (writer->stream != NULL && put(writer, header, sizeof(header))) ||
           writer_fail(writer, "begin", error);
}

static bool record_put(struct history_writer *writer, enum chunk_kind kind, uint64_t height,
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

/* The directory entry is data too. */
static bool directory_sync(const char *dir)
{
    const int fd = open(dir, O_RDONLY);
    const bool synced = fd >= 0 && fsync(fd) == 0;
    return (fd < 0 || close(fd) == 0) && synced;
}

static bool chunk_finish(struct history_writer *writer, struct error *error)
{
    const uint64_t last = writer->height - 1;
    const bool written = record_put(writer, CHUNK_END, last, (struct bytes){0}) &&
                         fflush(writer->stream) == 0 && fsync(fileno(writer->stream)) == 0;
    const bool closed = fclose(writer->stream) == 0;
    writer->stream = NULL;
    if (!written || !closed) {
        return writer_fail(writer, "write", error);
    }
    char from[PATH_MAX_SIZE];
    char name[HISTORY_NAME_MAX];
    char to[PATH_MAX_SIZE];
    (void)snprintf(name, sizeof(name), "history-%012llu-%012llu.gradus",
                   (unsigned long long)writer->first, (unsigned long long)last);
    const bool named = path_make(writer, part_name, from) && path_make(writer, name, to) &&
                       rename(from, to) == 0 && directory_sync(writer->dir);
    return named || writer_fail(writer, "name", error);
}

bool history_writer_add(struct history_writer *writer, struct bytes block, struct error *error)
{
    ASSERT(block.size <= BLOCK_SIZE_MAX);
    const bool full =
        writer->height - writer->first >= HISTORY_BLOCKS_MAX || writer->size >= HISTORY_BYTES_MAX;
    if (writer->stream != NULL && full && !chunk_finish(writer, error)) {
        return false;
    }
    if (writer->stream == NULL && !chunk_start(writer, error)) {
        return false;
    }
    if (!record_put(writer, CHUNK_BLOCK, writer->height, block)) {
        return writer_fail(writer, "write", error);
    }
    writer->height++;
    writer->size += block.size;
    return true;
}

bool history_writer_end(struct history_writer *writer, struct bytes finality, struct error *error)
{
    ASSERT(writer->stream != NULL && finality.size <= HISTORY_FINALITY_SIZE_MAX);
    if (!record_put(writer, CHUNK_FINALITY, writer->height - 1, finality)) {
        return writer_fail(writer, "write", error);
    }
    return chunk_finish(writer, error);
}

void history_writer_close(struct history_writer *writer)
{
    if (writer == NULL) {
        return;
    }
    if (writer->stream != NULL) {
        char path[PATH_MAX_SIZE];
        (void)fclose(writer->stream);
        if (path_make(writer, part_name, path)) {
            (void)unlink(path);
        }
    }
    free(writer);
}

static bool export_block(struct store *store, struct history_writer *writer, uint64_t height,
                         struct error *error)
{
    struct store_buffer block = {0};
    const enum store_answer answer = store_block(store, height, &block, error);
    if (answer == STORE_ABSENT) {
        return error_set(error, EXIT_CODE_CORRUPT, "chain.db has no block %llu",
                         (unsigned long long)height);
    }
    if (answer == STORE_FAILED) {
        return false;
    }
    const bool added = history_writer_add(writer, bytes_of(block.data, block.size), error);
    store_buffer_free(&block);
    return added;
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
    if (status.first_height > 1) {
        return error_set(error, EXIT_CODE_NOT_FOUND,
                         "chain.db begins at block %llu, as it was restored from a snapshot; "
                         "export from a node that has all",
                         (unsigned long long)status.first_height);
    }
    if (answer == STORE_FAILED || store_finality(store, *last, &finality, error) != STORE_FOUND) {
        return false;
    }
    struct history_writer *writer = NULL;
    bool done = history_writer_open(what->dir, &what->chain_id, 1, &writer, error);
    for (uint64_t height = 1; done && height <= *last; height++) {
        done = export_block(store, writer, height, error);
        if (done && what->progress != NULL) {
            what->progress(what->context, height, *last);
        }
    }
    done = done && history_writer_end(writer, bytes_of(finality.data, finality.size), error);
    history_writer_close(writer);
    store_buffer_free(&finality);
    return done;
}
