/* bench_state [KEYS] [BATCH] [BATCHES]: state updates a second, with root, undo record and
 * write, beside what the machine does in the same run:
 *
 *   plain RocksDB   the same keys and values in batches: no tree, no undo, no old values
 *   SHA-256         64-byte messages, one after another
 *
 * The reads of the old values are execution's and stand on a line of their own; they stay
 * cached for the undo record, as in a node.
 *
 * The leaves of every bucket stand in RAM.  What that saves is measured as well: for each bucket
 * that a batch changes, the range of state.db that it stands for is read once.  Updates without
 * the mirror would cost both.  Uses a directory of its own under /tmp. */
#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/endian.h"
#include "store/core.h"
#include "tests/support/directory.h"
#include "tests/support/random.h"

enum { KEY_SIZE = 32, VALUE_SIZE = 100, SHA_ROUNDS = 2000000, LOAD_BATCH = 10000 };

struct plan {
    uint64_t keys;
    size_t batch;
    size_t batches;
};

static double clock_seconds(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static double seconds(void)
{
    return clock_seconds(CLOCK_MONOTONIC);
}

/* Wall clock, CPU of the calling thread, and CPU of all threads (flushes and compactions). */
struct cost {
    double wall;
    double thread;
    double all;
};

static struct cost cost_now(void)
{
    return (struct cost){.wall = seconds(),
                         .thread = clock_seconds(CLOCK_THREAD_CPUTIME_ID),
                         .all = clock_seconds(CLOCK_PROCESS_CPUTIME_ID)};
}

static void cost_add(struct cost *sum, const struct cost *start, const struct cost *end)
{
    sum->wall += end->wall - start->wall;
    sum->thread += end->thread - start->thread;
    sum->all += end->all - start->all;
}

static void cost_print(const char *what, const struct cost *cost, size_t count)
{
    (void)printf("%-15s %8.0f /s, %8.0f a CPU second of the caller, %8.0f of all threads\n", what,
                 (double)count / cost->wall, (double)count / cost->thread,
                 (double)count / cost->all);
}

/* One batch's writes: keys ascending, values new. */
struct batch {
    uint64_t *numbers;
    uint8_t (*keys)[KEY_SIZE];
    uint8_t (*values)[VALUE_SIZE];
    struct state_write *writes;
    size_t count;
};

static void *must(void *memory)
{
    if (memory == NULL) {
        (void)fprintf(stderr, "out of memory\n");
        exit(1);
    }
    return memory;
}

static void batch_make(struct batch *batch, size_t room)
{
    batch->numbers = must(calloc(room, sizeof(*batch->numbers)));
    batch->keys = must(calloc(room, sizeof(*batch->keys)));
    batch->values = must(calloc(room, sizeof(*batch->values)));
    batch->writes = must(calloc(room, sizeof(*batch->writes)));
}

static int number_order(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void batch_fill(struct batch *batch, size_t count, uint64_t *seed)
{
    qsort(batch->numbers, count, sizeof(*batch->numbers), number_order);
    batch->count = 0;
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && batch->numbers[i] == batch->numbers[i - 1]) {
            continue;
        }
        uint8_t *key = batch->keys[batch->count];
        uint8_t *value = batch->values[batch->count];
        memset(key, 0, KEY_SIZE);
        store_be64(key, batch->numbers[i]);
        for (size_t at = 0; at < VALUE_SIZE; at += 4) {
            store_be32(value + at, (uint32_t)random_next(seed));
        }
        batch->writes[batch->count++] = (struct state_write){.key = bytes_of(key, KEY_SIZE),
                                                             .value = bytes_of(value, VALUE_SIZE)};
    }
}

static void batch_random(struct batch *batch, const struct plan *plan, uint64_t *seed)
{
    for (size_t i = 0; i < plan->batch; i++) {
        batch->numbers[i] = random_below(seed, plan->keys);
    }
    batch_fill(batch, plan->batch, seed);
}

static void die(const struct error *error)
{
    (void)fprintf(stderr, "%s\n", error->detail);
    exit((int)error->code);
}

static struct hash id_of(uint64_t height)
{
    struct hash id = {{0}};
    store_be64(id.bytes, height + 1);
    return id;
}

/* Execute-free block: stage, commit.  chain.db gets its small blocks beforehand. */
static void block_apply(struct store *store, const struct batch *batch, uint64_t height)
{
    struct error error;
    const struct store_stage stage = {
        .height = height, .block_id = id_of(height), .writes = {batch->writes, batch->count}};
    struct store_overlay *overlay = store_overlay_add(store, &stage);
    if (overlay == NULL || !store_commit(store, overlay, &error)) {
        die(&error);
    }
}

/* What execution does first: read what it is going to change. */
static void batch_read(struct store *store, const struct batch *batch)
{
    const struct state_view view = store_view(store);
    for (size_t i = 0; i < batch->count; i++) {
        struct bytes value;
        if (!view.get(view.context, batch->writes[i].key, &value)) {
            (void)fprintf(stderr, "a key is missing\n");
            exit(1);
        }
    }
}

static int path_order(const void *a, const void *b)
{
    return hash_compare(a, b);
}

static uint32_t bucket_of(const struct hash *path, uint32_t depth)
{
    return load_be32(path->bytes) >> (32 - depth);
}

/* The leaves of a bucket as state.db has them; returns their number. */
static size_t bucket_scan(const struct store *store, rocksdb_iterator_t *iterator, uint32_t index,
                          uint32_t depth)
{
    uint8_t from[HASH_SIZE] = {0};
    size_t count = 0;
    store_be32(from, index << (32 - depth));
    for (rocksdb_iter_seek(iterator, (const char *)from, sizeof(from));
         rocksdb_iter_valid(iterator); rocksdb_iter_next(iterator)) {
        struct hash path;
        struct record record;
        memcpy(path.bytes, rocks_iterator_key(iterator).data, HASH_SIZE);
        if (bucket_of(&path, depth) != index) {
            break;
        }
        if (!leaf_record_read(rocks_iterator_value(iterator), &record)) {
            (void)fprintf(stderr, "%s: a record is damaged\n", store->state.name);
            exit(1);
        }
        count++;
    }
    return count;
}

/* Every bucket of a batch, in path order, as a tree without the mirror would read them. */
static size_t buckets_scan(const struct store *store, const struct batch *batch)
{
    const uint32_t depth = tier_depth(store->tier);
    struct hash *paths = must(calloc(batch->count, sizeof(*paths)));
    rocksdb_iterator_t *iterator = rocks_iterate(&store->state, LEDGER_LEAF);
    struct error error;
    size_t leaves = 0;
    for (size_t i = 0; i < batch->count; i++) {
        state_tree_path(batch->writes[i].key, &paths[i]);
    }
    qsort(paths, batch->count, sizeof(*paths), path_order);
    for (size_t i = 0; i < batch->count; i++) {
        const uint32_t index = bucket_of(&paths[i], depth);
        if (i == 0 || bucket_of(&paths[i - 1], depth) != index) {
            leaves += bucket_scan(store, iterator, index, depth);
        }
    }
    if (!rocks_iterator_end(&store->state, iterator, &error)) {
        die(&error);
    }
    free(paths);
    return leaves;
}

static void chain_prepare(struct store *store, uint64_t heights)
{
    struct error error;
    for (uint64_t height = 1; height <= heights; height++) {
        const struct store_final final = {
            .height = height, .block_id = id_of(height), .block = bytes_of("b", 1)};
        if (!store_append_final(store, &final, 1, &error)) {
            die(&error);
        }
    }
}

static void bench_store(const struct plan *plan, const char *dir)
{
    struct store_options options = {.dir = dir};
    struct store *store = NULL;
    struct error error;
    struct batch batch;
    uint64_t seed = 1;
    uint64_t height = 0;
    size_t updates = 0;
    if (!store_open(&options, &store, &error)) {
        die(&error);
    }
    const uint64_t loads = (plan->keys + LOAD_BATCH - 1) / LOAD_BATCH;
    batch_make(&batch, plan->batch > LOAD_BATCH ? plan->batch : LOAD_BATCH);
    chain_prepare(store, loads + plan->batches);
    const double load_start = seconds();
    for (; height < loads; height++) {
        for (size_t i = 0; i < LOAD_BATCH; i++) {
            batch.numbers[i] = height * LOAD_BATCH + i;
        }
        batch_fill(&batch, LOAD_BATCH, &seed);
        block_apply(store, &batch, height);
    }
    const double loaded = seconds();
    store_close(store);
    const double open_start = seconds();
    if (!store_open(&options, &store, &error)) { /* deep enough a tree, as after a restart */
        die(&error);
    }
    (void)printf("load            %8.0f updates/s\n",
                 (double)(loads * LOAD_BATCH) / (loaded - load_start));
    (void)printf("open            %8.2f s for %llu keys\n", seconds() - open_start,
                 (unsigned long long)plan->keys);
    struct cost read = {0};
    struct cost update = {0};
    struct cost scan = {0};
    size_t leaves = 0;
    for (size_t i = 0; i < plan->batches; i++, height++) {
        batch_random(&batch, plan, &seed);
        const struct cost start = cost_now();
        batch_read(store, &batch);
        const struct cost middle = cost_now();
        block_apply(store, &batch, height);
        cost_add(&read, &start, &middle);
        const struct cost end = cost_now();
        cost_add(&update, &middle, &end);
        leaves += buckets_scan(store, &batch);
        const struct cost scanned = cost_now();
        cost_add(&scan, &end, &scanned);
        updates += batch.count;
    }
    cost_print("reads by a view", &read, updates);
    cost_print("state updates", &update, updates);
    (void)printf("bucket reads    %8.1f leaves an update, of depth %u\n",
                 (double)leaves / (double)updates, (unsigned)tier_depth(store->tier));
    cost_print("  from state.db", &scan, updates);
    const struct cost nothing = {0};
    cost_add(&scan, &nothing, &update);
    cost_print("without mirror", &scan, updates);
    store_close(store);
}

static void rocks_check(char *message)
{
    if (message != NULL) {
        (void)fprintf(stderr, "%s\n", message);
        exit(1);
    }
}

/* The same updates without tree, undo and roots: what the storage engine allows. */
static void bench_plain(const struct plan *plan, const char *dir)
{
    char *message = NULL;
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(options, 1);
    rocksdb_options_set_compression(options, rocksdb_no_compression);
    rocksdb_options_set_write_buffer_size(options, 16 << 20);
    rocksdb_t *db = rocksdb_open(options, dir, &message);
    rocks_check(message);
    rocksdb_writeoptions_t *write = rocksdb_writeoptions_create();
    struct batch batch;
    uint64_t seed = 1;
    size_t updates = 0;
    struct cost cost = {0};
    batch_make(&batch, plan->batch);
    for (size_t i = 0; i < plan->batches; i++) {
        batch_random(&batch, plan, &seed);
        rocksdb_writebatch_t *writes = rocksdb_writebatch_create();
        const struct cost start = cost_now();
        for (size_t j = 0; j < batch.count; j++) {
            rocksdb_writebatch_put(writes, (const char *)batch.keys[j], KEY_SIZE,
                                   (const char *)batch.values[j], VALUE_SIZE);
        }
        rocksdb_write(db, write, writes, &message);
        rocks_check(message);
        const struct cost end = cost_now();
        cost_add(&cost, &start, &end);
        rocksdb_writebatch_destroy(writes);
        updates += batch.count;
    }
    cost_print("plain RocksDB", &cost, updates);
    rocksdb_writeoptions_destroy(write);
    rocksdb_close(db);
    rocksdb_options_destroy(options);
}

static void bench_sha(void)
{
    struct hash hash[2] = {{{1}}, {{2}}};
    const double start = seconds();
    for (size_t i = 0; i < SHA_ROUNDS; i++) {
        crypto_sha256(bytes_of(hash, sizeof(hash)), &hash[i & 1]);
    }
    const double rate = SHA_ROUNDS / (seconds() - start);
    (void)printf("SHA-256         %8.0f hashes/s of 64 bytes (%u)\n", rate, hash[0].bytes[0] & 1U);
}

int main(int argc, char **argv)
{
    struct plan plan = {.keys = 1000000, .batch = 10000, .batches = 30};
    plan.keys = argc > 1 ? strtoull(argv[1], NULL, 10) : plan.keys;
    plan.batch = argc > 2 ? strtoull(argv[2], NULL, 10) : plan.batch;
    plan.batches = argc > 3 ? strtoull(argv[3], NULL, 10) : plan.batches;
    struct directory directory;
    if (plan.keys == 0 || plan.batch == 0 || !directory_make(&directory)) {
        (void)fprintf(stderr, "usage: bench_state [KEYS] [BATCH] [BATCHES]\n");
        return 2;
    }
    char plain[DIRECTORY_PATH_MAX + 8];
    (void)snprintf(plain, sizeof(plain), "%s/plain", directory.path);
    (void)printf("%llu keys, %zu batches of %zu updates\n", (unsigned long long)plan.keys,
                 plan.batches, plan.batch);
    bench_store(&plan, directory.path);
    bench_plain(&plan, plain);
    bench_sha();
    directory_remove(&directory);
    return 0;
}
