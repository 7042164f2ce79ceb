/* bench_chain [BLOCKS]: final blocks appended to chain.db, each synced before the next, beside what
 * RocksDB alone and the disk alone do with the same bytes in the same run; then what it costs to
 * forget how to go back, and that the disk it took does not grow.  Uses a directory of its own
 * under /tmp (TMPDIR is not looked at). */
#include <dirent.h>
#include <fcntl.h>
#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/endian.h"
#include "store/store.h"
#include "tests/support/directory.h"
#include "tests/support/random.h"

enum { BLOCKS_STANDARD = 300, BLOCK_SIZE_LARGEST = 1 << 20, HEADER_SIZE = 400 };
enum { KEYS = 200000, UPDATES = 2000, KEY_SIZE = 32, VALUE_SIZE = 100, WINDOWS = 12 };

static uint8_t block[BLOCK_SIZE_LARGEST];

static double seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void must(bool done, const char *why)
{
    if (!done) {
        (void)fprintf(stderr, "bench_chain: %s\n", why);
        exit(EXIT_FAILURE);
    }
}

static struct hash id_of(uint64_t height)
{
    struct hash id = {{0}};
    store_be64(id.bytes, height + 1);
    return id;
}

static int time_order(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print(const char *what, double *times, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += times[i];
    }
    qsort(times, count, sizeof(*times), time_order);
    (void)printf("  %-34s %7.0f /s, p50 %7.3f ms, p99 %7.3f ms\n", what, (double)count / sum,
                 times[count / 2] * 1e3, times[count - 1 - count / 100] * 1e3);
}

static void path_make(char out[DIRECTORY_PATH_MAX + 16], const char *dir, const char *name)
{
    (void)snprintf(out, DIRECTORY_PATH_MAX + 16, "%s/%s", dir, name);
}

/* ---- Appending ---------------------------------------------------------------------------- */

static void append_store(struct store *store, size_t size, double *times, size_t count)
{
    struct store_status status;
    struct error error;
    store_status(store, &status);
    for (size_t i = 0; i < count; i++) {
        const uint64_t height = status.decided_height + 1 + i;
        const struct store_final final = {.height = height,
                                          .block_id = id_of(height),
                                          .block = bytes_of(block, size),
                                          .finality = bytes_of(block, HEADER_SIZE),
                                          .results = bytes_of(block, 1)};
        store_be64(block, height);
        const double start = seconds();
        must(store_append_final(store, &final, 1, &error), error.detail);
        times[i] = seconds() - start;
    }
    print("chain.db", times, count);
}

static void append_rocks(const char *dir, size_t size, double *times, size_t count)
{
    char *message = NULL;
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_writeoptions_t *write = rocksdb_writeoptions_create();
    rocksdb_options_set_create_if_missing(options, 1);
    rocksdb_options_set_compression(options, rocksdb_no_compression);
    rocksdb_writeoptions_set_sync(write, 1);
    rocksdb_t *db = rocksdb_open(options, dir, &message);
    must(message == NULL, "RocksDB");
    for (size_t i = 0; i < count; i++) {
        uint8_t key[sizeof(uint64_t)];
        store_be64(key, i);
        const double start = seconds();
        rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
        rocksdb_writebatch_put(batch, (const char *)key, sizeof(key), (const char *)block, size);
        rocksdb_write(db, write, batch, &message);
        rocksdb_writebatch_destroy(batch);
        must(message == NULL, "RocksDB");
        times[i] = seconds() - start;
    }
    print("RocksDB alone, one value, synced", times, count);
    rocksdb_close(db);
    rocksdb_writeoptions_destroy(write);
    rocksdb_options_destroy(options);
}

static void append_disk(const char *path, size_t size, double *times, size_t count)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    for (size_t i = 0; i < count; i++) {
        const double start = seconds();
        must(write(fd, block, size) == (ssize_t)size && fdatasync(fd) == 0, "the disk");
        times[i] = seconds() - start;
    }
    (void)close(fd);
    print("the disk alone, write, fdatasync", times, count);
}

static void bench_append(const char *dir, size_t count)
{
    static const size_t sizes[] = {1 << 10, 64 << 10, BLOCK_SIZE_LARGEST};
    char path[DIRECTORY_PATH_MAX + 16];
    struct error error;
    double *times = calloc(count, sizeof(*times));
    must(times != NULL, "no memory");
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct store *store = NULL;
        path_make(path, dir, "node");
        const struct store_options options = {.dir = path};
        (void)printf("blocks of %zu bytes, one at a time, synced\n", sizes[i]);
        must(store_open(&options, &store, &error), error.detail);
        append_store(store, sizes[i], times, count);
        store_close(store);
        path_make(path, dir, "plain");
        append_rocks(path, sizes[i], times, count);
        path_make(path, dir, "file");
        append_disk(path, sizes[i], times, count);
    }
    free(times);
}

/* ---- Forgetting --------------------------------------------------------------------------- */

static double folder_mib(const char *path)
{
    double sum = 0;
    DIR *stream = opendir(path);
    must(stream != NULL, "the folder");
    for (struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream)) {
        struct stat state;
        if (fstatat(dirfd(stream), entry->d_name, &state, 0) == 0 && S_ISREG(state.st_mode)) {
            sum += (double)state.st_blocks * 512 / (1 << 20);
        }
    }
    (void)closedir(stream);
    return sum;
}

/* count keys from first on, or random ones, ascending. */
static double commit(struct store *store, uint64_t height, uint64_t first, size_t count)
{
    static uint8_t keys[UPDATES][KEY_SIZE];
    static uint8_t values[UPDATES][VALUE_SIZE];
    static struct state_write writes[UPDATES];
    struct error error;
    for (size_t i = 0; i < count; i++) {
        store_be64(keys[i], first + i);
        store_be64(values[i], height);
        writes[i] = (struct state_write){.key = bytes_of(keys[i], KEY_SIZE),
                                         .value = bytes_of(values[i], VALUE_SIZE)};
    }
    const struct store_final final = {
        .height = height, .block_id = id_of(height), .block = bytes_of("b", 1)};
    const struct store_stage stage = {
        .height = height, .block_id = id_of(height), .writes = {writes, count}};
    must(height == 0 || store_append_final(store, &final, 1, &error), "append");
    const double start = seconds();
    struct store_overlay *overlay = store_overlay_add(store, &stage);
    must(overlay != NULL && store_commit(store, overlay, &error), "commit");
    return seconds() - start;
}

static void bench_forget(const char *dir)
{
    enum { WINDOW = STORE_UNDO_WINDOW_MIN, COUNT = WINDOW * WINDOWS };
    static double plain[COUNT];
    static double pruning[COUNT];
    char path[DIRECTORY_PATH_MAX + 16];
    char state[DIRECTORY_PATH_MAX + 32];
    size_t plain_count = 0;
    size_t pruning_count = 0;
    uint64_t height = 0;
    uint64_t seed = 1;
    struct store *store = NULL;
    struct store_status status;
    struct error error;
    path_make(path, dir, "forget");
    (void)snprintf(state, sizeof(state), "%s/state.db", path);
    const struct store_options options = {.dir = path, .undo_window = WINDOW};
    must(store_open(&options, &store, &error), error.detail);
    for (uint64_t key = 0; key < KEYS; key += UPDATES) {
        (void)commit(store, height++, key, UPDATES);
    }
    (void)printf("%d keys, blocks of %d updates, a way back of %d blocks\n", (int)KEYS,
                 (int)UPDATES, (int)WINDOW);
    for (size_t i = 0; i < COUNT; i++) {
        store_status(store, &status);
        const uint64_t before = status.proven_from;
        const double taken = commit(store, height++, random_below(&seed, KEYS - UPDATES), UPDATES);
        store_status(store, &status);
        if (status.proven_from > before) {
            pruning[pruning_count++] = taken;
        } else {
            plain[plain_count++] = taken;
        }
        if ((i + 1) % ((size_t)WINDOW * WINDOWS / 4) == 0) {
            (void)printf(
                "  after %4zu blocks: heights %llu .. %llu are proven, state.db %.0f MiB\n", i + 1,
                (unsigned long long)status.proven_from, (unsigned long long)status.applied_height,
                folder_mib(state));
        }
    }
    print("commits that forget nothing", plain, plain_count);
    print("commits that forget 64 blocks", pruning, pruning_count);
    store_close(store);
}

int main(int argc, char **argv)
{
    const size_t count = argc > 1 ? (size_t)strtoull(argv[1], NULL, 10) : BLOCKS_STANDARD;
    struct directory directory;
    must(count > 0 && directory_make(&directory), "bench_chain [BLOCKS]");
    uint64_t seed = 1;
    random_fill(&seed, block, sizeof(block));
    bench_append(directory.path, count);
    bench_forget(directory.path);
    directory_remove(&directory);
    return EXIT_SUCCESS;
}
