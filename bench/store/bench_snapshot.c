/* bench_snapshot [KEYS]: a snapshot of a state made and restored, beside what RocksDB does with
 * the same keys and values in batches in the same run.  Values of 100 bytes; directories of its
 * own under /tmp, 10 M keys need some 8 GB there. */
#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/endian.h"
#include "store/snapshot/files.h"
#include "store/snapshot/snapshot.h"
#include "tests/support/directory.h"
#include "tests/support/random.h"

enum { KEY_SIZE = 32, VALUE_SIZE = 100, BATCH = 10000, KEYS_STANDARD = 1000000 };

static uint8_t keys[BATCH][KEY_SIZE];
static uint8_t values[BATCH][VALUE_SIZE];
static struct state_write writes[BATCH];

/* Wall clock, and what all threads of this process had of the processors. */
struct moment {
    double wall;
    double busy;
};

static double clock_seconds(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static struct moment moment_now(void)
{
    return (struct moment){.wall = clock_seconds(CLOCK_MONOTONIC),
                           .busy = clock_seconds(CLOCK_PROCESS_CPUTIME_ID)};
}

static void must(bool done, const struct error *error)
{
    if (!done) {
        (void)fprintf(stderr, "%s\n", error->detail);
        exit((int)error->code);
    }
}

static void print(const char *what, uint64_t count, const struct moment *since)
{
    const struct moment now = moment_now();
    const double taken = now.wall - since->wall;
    (void)printf("%-32s %9.0f keys/s  %7.2f s, of processors %7.2f s\n", what,
                 (double)count / taken, taken, now.busy - since->busy);
    (void)fflush(stdout);
}

static void batch_fill(uint64_t first, uint64_t *seed)
{
    for (uint64_t i = 0; i < BATCH; i++) {
        store_be64(keys[i], first + i);
        random_fill(seed, values[i], VALUE_SIZE);
        writes[i] = (struct state_write){.key = bytes_of(keys[i], KEY_SIZE),
                                         .value = bytes_of(values[i], VALUE_SIZE)};
    }
}

static struct hash id_of(uint64_t height)
{
    struct hash id = {{0}};
    store_be64(id.bytes, height + 1);
    return id;
}

static struct store_final final_of(uint64_t height)
{
    return (struct store_final){.height = height,
                                .block_id = id_of(height),
                                .block = bytes_of("b", 1),
                                .finality = bytes_of("f", 1)};
}

/* A batch in each block. */
static struct store *load(const struct store_options *options, uint64_t blocks)
{
    struct store *store = NULL;
    struct error error;
    uint64_t seed = 1;
    must(store_open(options, &store, &error), &error);
    for (uint64_t height = 0; height < blocks; height++) {
        batch_fill(height * BATCH, &seed);
        const struct store_stage stage = {
            .height = height, .block_id = id_of(height), .writes = {writes, BATCH}};
        struct store_overlay *overlay = store_overlay_add(store, &stage);
        const struct store_final final = final_of(height);
        ASSERT(overlay != NULL);
        must(height == 0 || store_append_final(store, &final, 1, &error), &error);
        must(store_commit(store, overlay, &error), &error);
    }
    return store;
}

static void bench_plain(const char *dir, uint64_t blocks)
{
    char path[FILES_PATH_MAX];
    struct error error;
    char *message = NULL;
    uint64_t seed = 1;
    must(files_path(path, dir, "plain", &error), &error);
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_writeoptions_t *write = rocksdb_writeoptions_create();
    rocksdb_options_set_create_if_missing(options, 1);
    rocksdb_options_set_compression(options, rocksdb_no_compression);
    rocksdb_t *db = rocksdb_open(options, path, &message);
    ASSERT(message == NULL);
    struct moment start = moment_now();
    for (uint64_t height = 0; height < blocks; height++) {
        rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
        batch_fill(height * BATCH, &seed);
        for (size_t i = 0; i < BATCH; i++) {
            struct hash key; /* as a state has them: in no order */
            state_tree_path(bytes_of(keys[i], KEY_SIZE), &key);
            rocksdb_writebatch_put(batch, (const char *)key.bytes, HASH_SIZE,
                                   (const char *)values[i], VALUE_SIZE);
        }
        rocksdb_write(db, write, batch, &message);
        rocksdb_writebatch_destroy(batch);
        ASSERT(message == NULL);
    }
    print("plain RocksDB, batches", blocks * BATCH, &start);
    rocksdb_close(db);
    rocksdb_writeoptions_destroy(write);
    rocksdb_options_destroy(options);
}

static struct snapshot_folder *bench_create(struct store *store, const char *path, uint64_t height,
                                            uint64_t count)
{
    struct snapshot_source *source = NULL;
    struct snapshot_folder *folder = NULL;
    struct store_buffer manifest = {0};
    struct error error;
    struct moment start = moment_now();
    must(snapshot_source_open(store, height, &source, &error) == STORE_FOUND, &error);
    (void)printf("%-32s %28.3f s\n", "hold the state of a height", moment_now().wall - start.wall);
    start = moment_now();
    must(snapshot_source_manifest(source, NULL, &manifest, &error), &error);
    print("manifest", count, &start);
    start = moment_now();
    must(snapshot_folder_make(path, bytes_of(manifest.data, manifest.size), bytes_of("a", 1),
                              &error) &&
             snapshot_folder_open(path, &folder, &error),
         &error);
    const uint32_t parts = snapshot_folder_manifest(folder)->part_count;
    for (uint32_t i = 0; i < parts; i++) {
        const struct snapshot_part part = snapshot_part_at(snapshot_folder_manifest(folder), i);
        struct store_buffer chunk = {0};
        enum snapshot_verdict verdict;
        must(snapshot_source_chunk(source, &part.prefix, part.depth, &chunk, &error) ==
                     STORE_FOUND &&
                 snapshot_folder_put(folder, i, bytes_of(chunk.data, chunk.size), &verdict, &error),
             &error);
        store_buffer_free(&chunk);
    }
    print("chunks: read, verified, written", count, &start);
    (void)printf("%-32s %u chunks, %zu bytes of manifest\n", "", parts, manifest.size);
    store_buffer_free(&manifest);
    snapshot_source_close(source);
    return folder;
}

static void bench_restore(const struct store_options *options, struct snapshot_folder *folder,
                          uint64_t height, uint64_t count)
{
    struct store_final blocks[2];
    struct store *store = NULL;
    struct store_status status;
    struct error error;
    struct moment start = moment_now();
    for (uint64_t i = 0; i < 2; i++) {
        blocks[i] = final_of(height + i);
    }
    const struct snapshot_restore what = {
        .folder = folder, .options = *options, .blocks = blocks, .block_count = 2};
    must(snapshot_restore(&what, &error), &error);
    print("restore", count, &start);
    start = moment_now();
    must(store_open(options, &store, &error), &error);
    print("open what was restored", count, &start);
    store_status(store, &status);
    ASSERT(status.key_count == count && status.applied_height == height);
    store_close(store);
}

int main(int argc, char **argv)
{
    const uint64_t wanted = argc > 1 ? strtoull(argv[1], NULL, 10) : KEYS_STANDARD;
    const uint64_t blocks = (wanted + BATCH - 1) / BATCH;
    struct directory directory;
    char from[FILES_PATH_MAX];
    char to[FILES_PATH_MAX];
    char snapshot[FILES_PATH_MAX];
    struct error error;
    if (blocks < 3 || !directory_make(&directory)) {
        (void)fprintf(stderr, "usage: bench_snapshot [KEYS, at least %d]\n", 3 * BATCH);
        return EXIT_FAILURE;
    }
    must(files_path(from, directory.path, "from", &error) &&
             files_path(to, directory.path, "to", &error) &&
             files_path(snapshot, directory.path, "snapshot", &error),
         &error);
    (void)printf("%llu keys of %d bytes, values of %d\n", (unsigned long long)(blocks * BATCH),
                 KEY_SIZE, VALUE_SIZE);
    bench_plain(directory.path, blocks);
    struct store_options options = {.dir = from};
    struct store *store = load(&options, blocks);
    /* The newest state whose root a header has: one batch less than there is. */
    const uint64_t height = blocks - 2;
    const uint64_t count = (blocks - 1) * BATCH;
    struct snapshot_folder *folder = bench_create(store, snapshot, height, count);
    store_close(store);
    options.dir = to;
    bench_restore(&options, folder, height, count);
    snapshot_folder_close(folder);
    must(files_remove_dir(directory.path, &error), &error);
    return EXIT_SUCCESS;
}
