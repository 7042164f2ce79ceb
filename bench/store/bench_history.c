/* bench_history [BLOCKS [BYTES]]: final blocks of so many bytes appended to chain.db, then sealed
 * into files, taken out of chain.db, and pruned; what each costs, and the bytes on the disk after
 * it.  Beside it, in the same run, what RocksDB alone does with the same batches of the same bytes
 * under the same syncs.
 *
 * Uses directories of its own under /tmp. */
#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/endian.h"
#include "store/inspect/inspect.h"
#include "store/sealed/sealed.h"
#include "tests/support/directory.h"
#include "tests/support/paper.h"
#include "tests/support/random.h"

enum { BATCH = 16, TX_MAX = 64 << 10, BLOCK_ROOM = TX_MAX + PAPER_BLOCK_SIZE_MAX };

static const struct hash chain_id = {{9}};
static uint8_t blocks[BATCH][BLOCK_ROOM];

static double seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void die(const char *why)
{
    (void)fprintf(stderr, "%s\n", why);
    exit(1);
}

/* The block on paper with one transaction of so many bytes that nothing compresses. */
static struct bytes make_block(uint64_t height, size_t size, uint8_t *out)
{
    static struct wire_block paper;
    static uint8_t tx_bytes[TX_MAX];
    uint8_t small[PAPER_BLOCK_SIZE_MAX];
    struct wire_writer writer;
    struct bytes block;
    uint64_t seed = height;
    random_fill(&seed, tx_bytes, size);
    const struct bytes tx = bytes_of(tx_bytes, size);
    if (!wire_decode_block(paper_block(height, small), &paper)) {
        die("a block on paper does not decode");
    }
    const struct wire_block_parts parts = {.header_bytes = paper.header_bytes,
                                           .last_final_bytes = paper.last_final_bytes,
                                           .txs = &tx,
                                           .tx_count = 1};
    wire_writer_init(&writer, out, BLOCK_ROOM);
    wire_write_block(&writer, &parts);
    if (!wire_writer_end(&writer, &block)) {
        die("a block does not fit");
    }
    return block;
}

/* What is timed: the batches, not the making of their blocks. */
struct timing {
    double seconds;
    uint64_t bytes;
};

/* The state follows; no block changes it. */
static void execute(struct store *store, uint64_t last)
{
    struct store_status status;
    struct error error;
    store_status(store, &status);
    uint64_t height = status.initialised ? status.applied_height + 1 : 0;
    for (; height <= last; height++) {
        const struct store_stage stage = {.height = height,
                                          .block_id = height == 0 ? chain_id : paper_id(height)};
        struct store_overlay *overlay = store_overlay_add(store, &stage);
        if (overlay == NULL || !store_commit(store, overlay, &error)) {
            die("a block is not executed");
        }
    }
}

static void append(struct store *store, uint64_t count, size_t size, struct timing *timing)
{
    struct store_final finals[BATCH];
    struct error error;
    for (uint64_t height = 1; height <= count; height += BATCH) {
        for (uint64_t i = 0; i < BATCH; i++) {
            finals[i] = (struct store_final){.height = height + i,
                                             .block_id = paper_id(height + i),
                                             .block = make_block(height + i, size, blocks[i]),
                                             .results = bytes_of("r", 1)};
            timing->bytes += finals[i].block.size;
        }
        finals[BATCH - 1].finality = bytes_of("f", 1);
        const double start = seconds();
        if (!store_append_final(store, finals, BATCH, &error)) {
            die(error.detail);
        }
        timing->seconds += seconds() - start;
        execute(store, height + BATCH - 1);
    }
}

static void rocks_alone(const char *dir, uint64_t count, size_t size, struct timing *timing)
{
    char *message = NULL;
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(options, 1);
    rocksdb_options_set_compression(options, rocksdb_no_compression);
    rocksdb_options_set_write_buffer_size(options, 16 << 20);
    rocksdb_t *db = rocksdb_open(options, dir, &message);
    rocksdb_writeoptions_t *sync = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(sync, 1);
    for (uint64_t height = 1; message == NULL && height <= count; height += BATCH) {
        rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
        for (uint64_t i = 0; i < BATCH; i++) {
            uint8_t key[8];
            const struct bytes block = make_block(height + i, size, blocks[i]);
            store_be64(key, height + i);
            rocksdb_writebatch_put(batch, (const char *)key, sizeof(key), (const char *)block.data,
                                   block.size);
            timing->bytes += block.size;
        }
        const double start = seconds();
        rocksdb_write(db, sync, batch, &message);
        timing->seconds += seconds() - start;
        rocksdb_writebatch_destroy(batch);
    }
    if (message != NULL) {
        die(message);
    }
    rocksdb_writeoptions_destroy(sync);
    rocksdb_close(db);
    rocksdb_options_destroy(options);
}

static void print_rate(const char *what, uint64_t count, const struct timing *timing)
{
    (void)printf("%-32s %9.0f blocks/s  %7.1f MB/s\n", what, (double)count / timing->seconds,
                 (double)timing->bytes / timing->seconds / 1e6);
}

/* Closed, so that all is in files. */
static uint64_t disk_bytes(const char *dir)
{
    struct inspect *inspect = NULL;
    struct error error;
    if (!inspect_open(dir, &chain_id, &inspect, &error)) {
        die(error.detail);
    }
    const uint64_t bytes = inspect_disk_bytes(inspect);
    inspect_close(inspect);
    return bytes;
}

static struct store *open_store(const char *dir)
{
    const struct store_options options = {.dir = dir, .chain_id = chain_id};
    struct store *store = NULL;
    struct error error;
    if (!store_open(&options, &store, &error)) {
        die(error.detail);
    }
    return store;
}

static void print_disk(const char *what, const char *dir)
{
    (void)printf("%-32s %9.1f MB on the disk\n", what, (double)disk_bytes(dir) / 1e6);
}

/* All steps there are, with seconds by kind. */
static void work(const char *dir, uint64_t keep, double took[SEALED_UNLINKED + 1])
{
    const struct sealed_policy policy = {.keep = keep};
    struct store *store = open_store(dir);
    struct sealed_step step;
    struct error error;
    do {
        const double start = seconds();
        if (!sealed_step(store, &policy, &step, &error)) {
            die(error.detail);
        }
        took[step.done] += seconds() - start;
    } while (step.done != SEALED_NOTHING);
    store_close(store);
}

int main(int argc, char **argv)
{
    const uint64_t asked = argc > 1 ? strtoull(argv[1], NULL, 10) : 10000;
    const uint64_t size = argc > 2 ? strtoull(argv[2], NULL, 10) : 20000;
    const uint64_t count = asked / BATCH * BATCH;
    struct directory ours;
    struct directory alone;
    struct timing append_timing = {.bytes = 0};
    struct timing rocks_timing = {.bytes = 0};
    double took[SEALED_UNLINKED + 1] = {0};
    if (count < 3 * (uint64_t)SEALED_BEHIND_MIN || size == 0 || size > TX_MAX ||
        !directory_make(&ours) || !directory_make(&alone)) {
        die("usage: bench_history [BLOCKS (3000 or more) [BYTES (to 65536)]]");
    }
    struct store *store = open_store(ours.path);
    append(store, count, (size_t)size, &append_timing);
    store_close(store);
    rocks_alone(alone.path, count, (size_t)size, &rocks_timing);
    (void)printf("%llu blocks of %llu bytes, batches of %d, each synced\n",
                 (unsigned long long)count, (unsigned long long)(append_timing.bytes / count),
                 BATCH);
    print_rate("appended to chain.db", count, &append_timing);
    print_rate("RocksDB alone", count, &rocks_timing);
    store_close(open_store(ours.path)); /* the log goes to table files */
    print_disk("all in chain.db", ours.path);
    work(ours.path, SEALED_KEEP_ALL, took);
    const double chunks = (double)(count / 1000);
    (void)printf("%-32s %9.1f ms a chunk of 1 000\n", "sealed",
                 took[SEALED_WRITTEN] * 1e3 / chunks);
    (void)printf("%-32s %9.1f ms a chunk\n", "verified and taken out",
                 took[SEALED_MOVED] * 1e3 / chunks);
    print_disk("archive: sealed files", ours.path);
    work(ours.path, 2, took);
    (void)printf("%-32s %9.1f ms a chunk\n", "pruned", took[SEALED_UNLINKED] * 1e3 / (chunks - 2));
    print_disk("full: two sealed files", ours.path);
    directory_remove(&ours);
    directory_remove(&alone);
    return 0;
}
