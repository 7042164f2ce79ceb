#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <sys/wait.h>

#include "store/core.h"
#include "store/history/history.h"
#include "store/repair/repair.h"
#include "store/sealed/sealed.h"
#include "tests/support/directory.h"
#include "tests/support/paper.h"

/* Old blocks leave chain.db for files and files leave the disk; cut off anywhere, nothing is
 * lost. */

enum { LAST = 3300, BATCH = 300, NAME_ROOM = DIRECTORY_PATH_MAX + 64, FILE_ROOM = 2 << 20 };
static const char first_name[] = "history-000000000001-000000001000.gradus";
static const struct hash chain_id = {{9}};

static struct store *open_store(const char *dir)
{
    struct store *store = NULL;
    struct error error;
    const struct store_options options = {.dir = dir, .chain_id = chain_id};
    assert_true(store_open(&options, &store, &error));
    return store;
}

/* The state follows; no block changes it. */
static void execute(struct store *store)
{
    struct store_status status;
    struct error error;
    store_status(store, &status);
    uint64_t height = status.initialised ? status.applied_height + 1 : 0;
    for (; height <= status.decided_height; height++) {
        const struct store_stage stage = {.height = height,
                                          .block_id = height == 0 ? chain_id : paper_id(height)};
        assert_true(store_commit(store, store_overlay_add(store, &stage), &error));
    }
}

static void append(struct store *store, uint64_t first, uint64_t last)
{
    static uint8_t bytes[BATCH][PAPER_BLOCK_SIZE_MAX];
    static struct store_final finals[BATCH];
    struct error error;
    size_t count = 0;
    for (uint64_t h = first; h <= last; h++) {
        finals[count] = (struct store_final){.height = h,
                                             .block_id = paper_id(h),
                                             .block = paper_block(h, bytes[count]),
                                             .finality = bytes_of("finality", 8),
                                             .results = bytes_of("r", 1)};
        count++;
        if (count == BATCH || h == last) {
            assert_true(store_append_final(store, finals, count, &error));
            count = 0;
        }
    }
    execute(store);
}

/* A node's databases with so many blocks. */
static struct store *grown(struct directory *directory, uint64_t last)
{
    assert_true(directory_make(directory));
    struct store *store = open_store(directory->path);
    append(store, 1, last);
    return store;
}

/* Steps until there is nothing to do; how many of each kind. */
static bool work(struct store *store, uint64_t keep, uint32_t counts[SEALED_UNLINKED + 1])
{
    const struct sealed_policy policy = {.keep = keep};
    struct sealed_step step;
    struct error error;
    memset(counts, 0, (SEALED_UNLINKED + 1) * sizeof(counts[0]));
    do {
        if (!sealed_step(store, &policy, &step, &error)) {
            return false;
        }
        counts[step.done]++;
    } while (step.done != SEALED_NOTHING);
    return true;
}

static bool reads(struct store *store, uint64_t height)
{
    uint8_t buffer[PAPER_BLOCK_SIZE_MAX];
    struct store_buffer found = {0};
    struct error error;
    const enum store_answer answer = store_block(store, height, &found, &error);
    const bool same = answer == STORE_FOUND &&
                      bytes_equal(bytes_of(found.data, found.size), paper_block(height, buffer));
    assert_true(same || answer == STORE_ABSENT);
    store_buffer_free(&found);
    return same;
}

/* Every block from `oldest` on is there, none below. */
static void expect_blocks(struct store *store, uint64_t oldest, uint64_t last)
{
    struct store_status status;
    store_status(store, &status);
    assert_int_equal(status.oldest_height, oldest);
    assert_int_equal(status.decided_height, last);
    for (uint64_t h = 1; h <= last; h++) {
        assert_int_equal(reads(store, h), h >= oldest);
    }
}

static bool in_database(struct store *store, uint64_t height)
{
    struct store_buffer found = {0};
    struct error error;
    const enum store_answer answer = chain_get(&store->chain, CHAIN_BODY, height, &found, &error);
    store_buffer_free(&found);
    return answer == STORE_FOUND;
}

static void remove_databases(const struct directory *directory)
{
    const int fd = open(directory->path, O_RDONLY | O_DIRECTORY);
    directory_unlink(fd, "chain.db");
    directory_unlink(fd, "state.db");
    (void)close(fd);
}

static void path_in(const struct directory *directory, const char *name, char out[NAME_ROOM])
{
    (void)snprintf(out, NAME_ROOM, "%s/history/%s", directory->path, name);
}

static size_t load(const char *path, uint8_t *out)
{
    FILE *stream = fopen(path, "rb");
    const size_t size = stream == NULL ? 0 : fread(out, 1, FILE_ROOM, stream);
    if (stream != NULL) {
        (void)fclose(stream);
    }
    return size;
}

static void old_blocks_move_to_the_files_everybody_makes(void **state)
{
    (void)state;
    static uint8_t a[FILE_ROOM];
    static uint8_t b[FILE_ROOM];
    struct directory directory;
    struct directory exported;
    struct error error;
    uint32_t counts[SEALED_UNLINKED + 1];
    char path[NAME_ROOM];
    uint64_t last = 0;
    struct store *store = grown(&directory, LAST);
    assert_true(directory_make(&exported));
    const struct history_export what = {.dir = exported.path, .chain_id = chain_id};
    assert_true(history_export(store, &what, &last, &error));
    assert_true(work(store, SEALED_KEEP_ALL, counts));
    assert_int_equal(counts[SEALED_WRITTEN], 3);
    assert_int_equal(counts[SEALED_MOVED], 3);
    assert_int_equal(counts[SEALED_UNLINKED] + counts[SEALED_THROWN], 0);
    assert_false(in_database(store, 1) || in_database(store, 1500) || in_database(store, 3000));
    assert_true(in_database(store, 3001));
    expect_blocks(store, 1, LAST);
    path_in(&directory, first_name, path);
    const size_t size = load(path, a);
    (void)snprintf(path, sizeof(path), "%s/%s", exported.path, first_name);
    assert_int_equal(load(path, b), size);
    assert_memory_equal(a, b, size);
    store_close(store);
    store = open_store(directory.path);
    expect_blocks(store, 1, LAST);
    append(store, LAST + 1, LAST + 1000);
    assert_true(work(store, SEALED_KEEP_ALL, counts));
    assert_int_equal(counts[SEALED_MOVED], 1);
    expect_blocks(store, 1, LAST + 1000);
    store_close(store);
    directory_remove(&directory);
    directory_remove(&exported);
}

/* A chunk waits for the certificate on the chain, and its blocks stay while they are young. */
static void a_chunk_waits_for_its_certificate(void **state)
{
    (void)state;
    struct directory directory;
    uint32_t counts[SEALED_UNLINKED + 1];
    struct store *store = grown(&directory, 1001); /* 1002 carries the first */
    assert_true(work(store, 0, counts));
    assert_int_equal(counts[SEALED_WRITTEN], 0);
    append(store, 1002, 1000 + SEALED_MOVE_BEHIND - 1);
    assert_true(work(store, 0, counts));
    assert_int_equal(counts[SEALED_WRITTEN], 1);
    assert_int_equal(counts[SEALED_MOVED], 0);
    assert_true(in_database(store, 1));
    append(store, 1000 + SEALED_MOVE_BEHIND, 1000 + SEALED_MOVE_BEHIND);
    assert_true(work(store, 0, counts));
    assert_int_equal(counts[SEALED_MOVED], 1);
    assert_int_equal(counts[SEALED_UNLINKED], 0); /* not while it is the newest 1 000 */
    expect_blocks(store, 1, 1000 + SEALED_MOVE_BEHIND);
    store_close(store);
    directory_remove(&directory);
}

static void files_are_kept_by_number(void **state)
{
    (void)state;
    struct directory directory;
    uint32_t counts[SEALED_UNLINKED + 1];
    struct store *store = grown(&directory, LAST);
    assert_true(work(store, 2, counts));
    assert_int_equal(counts[SEALED_UNLINKED], 1);
    expect_blocks(store, 1001, LAST);
    assert_true(work(store, 0, counts)); /* 3 000 is among the newest 1 000 */
    assert_int_equal(counts[SEALED_UNLINKED], 1);
    expect_blocks(store, 2001, LAST);
    store_close(store);
    store = open_store(directory.path);
    expect_blocks(store, 2001, LAST);
    append(store, LAST + 1, LAST + 1000);
    assert_true(work(store, 0, counts));
    assert_int_equal(counts[SEALED_WRITTEN], 1);
    expect_blocks(store, 3001, LAST + 1000);
    /* What is not about blocks is there for all heights. */
    struct store_buffer found = {0};
    struct crypto_path proof;
    struct error error;
    assert_int_equal(store_results(store, 7, &found, &error), STORE_FOUND);
    store_buffer_free(&found);
    assert_int_equal(store_history_prove(store, 7, LAST, &proof, &error), STORE_FOUND);
    struct directory out;
    uint64_t last = 0;
    assert_true(directory_make(&out));
    const struct history_export what = {.dir = out.path, .chain_id = chain_id};
    assert_false(history_export(store, &what, &last, &error));
    assert_int_equal(error.code, EXIT_CODE_NOT_FOUND);
    store_close(store);
    directory_remove(&out);
    directory_remove(&directory);
}

static void pruning_gives_the_disk_back(void **state)
{
    (void)state;
    struct directory directory;
    struct repair_prune prune;
    struct error error;
    store_close(grown(&directory, LAST));
    const struct repair_job job = {.dir = directory.path, .chain_id = chain_id};
    assert_true(repair_prune_to(&job, 100, &prune, &error));
    assert_int_equal(prune.sealed, 3);
    const uint64_t all = prune.sizes.after;
    assert_true(repair_prune_to(&job, 0, &prune, &error));
    assert_int_equal(prune.unlinked, 2);
    assert_int_equal(prune.oldest_height, 2001);
    assert_int_equal(prune.sizes.before, all);
    struct store *store = open_store(directory.path);
    assert_true(prune.sizes.after + 2 * sealed_size(store) < all + (64 << 10));
    store_close(store);
    directory_remove(&directory);
}

/* A file that is not what was written is made again, as long as chain.db has the blocks. */
static void a_damaged_file_is_not_believed(void **state)
{
    (void)state;
    static uint8_t bytes[FILE_ROOM];
    struct directory directory;
    const struct sealed_policy policy = {.keep = SEALED_KEEP_ALL};
    struct sealed_step step;
    struct error error;
    uint32_t counts[SEALED_UNLINKED + 1];
    char path[NAME_ROOM];
    struct store *store = grown(&directory, 1400);
    assert_true(sealed_step(store, &policy, &step, &error));
    assert_int_equal(step.done, SEALED_WRITTEN);
    path_in(&directory, first_name, path);
    const size_t size = load(path, bytes);
    bytes[size / 2] ^= 1;
    FILE *stream = fopen(path, "wb");
    assert_int_equal(fwrite(bytes, 1, size, stream), size);
    assert_int_equal(fclose(stream), 0);
    bytes[size / 2] ^= 1;
    assert_true(work(store, SEALED_KEEP_ALL, counts));
    assert_int_equal(counts[SEALED_THROWN], 1);
    assert_int_equal(counts[SEALED_WRITTEN], 1);
    assert_int_equal(counts[SEALED_MOVED], 1);
    expect_blocks(store, 1, 1400);
    /* Later it is said, with the file to fetch again; a right one from anywhere heals it. */
    struct store_buffer found = {0};
    assert_int_equal(truncate(path, 1000), 0);
    assert_int_equal(store_block(store, 900, &found, &error), STORE_FAILED);
    assert_int_equal(error.code, EXIT_CODE_CORRUPT);
    assert_non_null(strstr(error.detail, first_name));
    stream = fopen(path, "wb");
    assert_int_equal(fwrite(bytes, 1, size, stream), size);
    assert_int_equal(fclose(stream), 0);
    expect_blocks(store, 1, 1400);
    store_close(store);
    directory_remove(&directory);
}

/* chain.db was moved away and is fetched again: the files are taken up once it has their blocks. */
static void files_without_their_chain_say_nothing(void **state)
{
    (void)state;
    struct directory directory;
    uint32_t counts[SEALED_UNLINKED + 1];
    struct store *store = grown(&directory, 1400);
    assert_true(work(store, SEALED_KEEP_ALL, counts));
    assert_int_equal(counts[SEALED_MOVED], 1);
    store_close(store);
    remove_databases(&directory);
    store = open_store(directory.path);
    assert_false(reads(store, 1));
    append(store, 1, 900);
    assert_false(reads(store, 950));
    assert_true(work(store, SEALED_KEEP_ALL, counts));
    append(store, 901, 1400);
    assert_true(work(store, SEALED_KEEP_ALL, counts));
    assert_int_equal(counts[SEALED_WRITTEN], 0);
    assert_int_equal(counts[SEALED_MOVED], 1);
    expect_blocks(store, 1, 1400);
    store_close(store);
    directory_remove(&directory);
}

/* chain.db is fetched again beside files of which one is missing: that one is made again, and the
 * gap keeps nobody from starting. */
static void a_gap_is_filled(void **state)
{
    (void)state;
    struct directory directory;
    uint32_t counts[SEALED_UNLINKED + 1];
    char path[NAME_ROOM];
    struct store *store = grown(&directory, LAST);
    assert_true(work(store, SEALED_KEEP_ALL, counts));
    store_close(store);
    remove_databases(&directory);
    path_in(&directory, "history-000000001001-000000002000.gradus", path);
    assert_int_equal(unlink(path), 0);
    store = open_store(directory.path);
    append(store, 1, LAST);
    assert_true(work(store, SEALED_KEEP_ALL, counts));
    assert_int_equal(counts[SEALED_WRITTEN], 1);
    assert_int_equal(counts[SEALED_MOVED], 3);
    assert_false(in_database(store, 500) || in_database(store, 1500) || in_database(store, 2500));
    expect_blocks(store, 1, LAST);
    store_close(store);
    directory_remove(&directory);
}

/* Older files of the chain are there, and it begins above them: they do not matter. */
static void old_files_below_a_restored_chain_do_no_harm(void **state)
{
    (void)state;
    static uint8_t bytes[2][PAPER_BLOCK_SIZE_MAX];
    struct directory directory;
    uint32_t counts[SEALED_UNLINKED + 1];
    struct error error;
    struct crypto_tree history;
    struct store_final finals[2];
    struct store *store = grown(&directory, 1400);
    assert_true(work(store, SEALED_KEEP_ALL, counts));
    store_close(store);
    remove_databases(&directory);
    crypto_tree_init(&history, TAG_HISTORY_TREE);
    for (uint64_t h = 1; h <= 2500; h++) {
        const struct hash id = paper_id(h);
        crypto_tree_append(&history, bytes_of(id.bytes, HASH_SIZE));
    }
    for (uint64_t i = 0; i < 2; i++) {
        finals[i] = (struct store_final){.height = 2500 + i,
                                         .block_id = paper_id(2500 + i),
                                         .block = paper_block(2500 + i, bytes[i]),
                                         .finality = bytes_of("finality", 8)};
    }
    const struct store_options options = {.dir = directory.path, .chain_id = chain_id};
    static struct store bare; /* a restored chain without its state */
    (void)pthread_mutex_init(&bare.lock, NULL);
    assert_true(chain_open(&bare.chain, &options, &error));
    assert_true(chain_begin(&bare.chain, &history, finals, 2, &error));
    chain_close(&bare.chain);
    memset(&bare.chain, 0, sizeof(bare.chain));
    assert_true(chain_open(&bare.chain, &options, &error));
    for (uint64_t h = 2502; h <= 4300; h++) {
        const struct store_final final = {.height = h,
                                          .block_id = paper_id(h),
                                          .block = paper_block(h, bytes[0]),
                                          .finality = bytes_of("finality", 8)};
        assert_true(store_append_final(&bare, &final, 1, &error));
    }
    assert_true(work(&bare, SEALED_KEEP_ALL, counts));
    assert_int_equal(counts[SEALED_WRITTEN], 1); /* 3 001 .. 4 000 */
    assert_int_equal(counts[SEALED_MOVED], 1);
    chain_close(&bare.chain);
    memset(&bare.chain, 0, sizeof(bare.chain));
    assert_true(chain_open(&bare.chain, &options, &error));
    assert_int_equal(bare.chain.oldest, 2500);
    for (uint64_t h = 2500; h <= 4300; h++) {
        assert_true(reads(&bare, h));
    }
    chain_close(&bare.chain);
    directory_remove(&directory);
}

static bool other_source(void *context, uint64_t height, struct bytes *out, struct error *error)
{
    uint8_t *buffer = context;
    (void)error;
    *out = paper_block(height, buffer);
    buffer[out->size - 1] ^= height == 500 ? 1 : 0; /* in its transaction */
    return true;
}

/* Every digest and header id is right, and one transaction is another. */
static void a_file_of_other_bytes_is_not_believed(void **state)
{
    (void)state;
    uint8_t buffer[PAPER_BLOCK_SIZE_MAX];
    char dir[NAME_ROOM];
    struct directory directory;
    struct history_sealed sealed;
    struct error error;
    uint32_t counts[SEALED_UNLINKED + 1];
    struct store *store = grown(&directory, 1400);
    path_in(&directory, "", dir);
    const struct history_work job = {.dir = dir,
                                     .chain_id = chain_id,
                                     .source = {.context = buffer, .block = other_source},
                                     .first = 1,
                                     .last = 1400};
    assert_true(history_seal(&job, &sealed, &error) && sealed.written);
    store_close(store);
    store = open_store(directory.path);
    assert_true(work(store, SEALED_KEEP_ALL, counts));
    assert_int_equal(counts[SEALED_THROWN], 1);
    assert_int_equal(counts[SEALED_WRITTEN], 1);
    expect_blocks(store, 1, 1400);
    store_close(store);
    directory_remove(&directory);
}

/* ---- Killed anywhere ------------------------------------------------------------------- */

/* Every call that changes the disk is a place to die before and after. */
static int calls_left = -1; /* below 0: nobody dies */

static void maybe_die(void)
{
    if (calls_left >= 0 && calls_left-- == 0) {
        _exit(9);
    }
}

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to)
{
    maybe_die();
    const int answer = __real_rename(from, to);
    maybe_die();
    return answer;
}

int __real_unlink(const char *path);
int __wrap_unlink(const char *path);
int __wrap_unlink(const char *path)
{
    maybe_die();
    const int answer = __real_unlink(path);
    maybe_die();
    return answer;
}

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    maybe_die();
    return __real_fsync(fd);
}

void __real_rocksdb_write(rocksdb_t *db, const rocksdb_writeoptions_t *options,
                          rocksdb_writebatch_t *batch, char **message);
void __wrap_rocksdb_write(rocksdb_t *db, const rocksdb_writeoptions_t *options,
                          rocksdb_writebatch_t *batch, char **message);
void __wrap_rocksdb_write(rocksdb_t *db, const rocksdb_writeoptions_t *options,
                          rocksdb_writebatch_t *batch, char **message)
{
    maybe_die();
    __real_rocksdb_write(db, options, batch, message);
    maybe_die();
}

void __real_rocksdb_compact_range_cf(rocksdb_t *db, rocksdb_column_family_handle_t *family,
                                     const char *from, size_t from_size, const char *to,
                                     size_t to_size);
void __wrap_rocksdb_compact_range_cf(rocksdb_t *db, rocksdb_column_family_handle_t *family,
                                     const char *from, size_t from_size, const char *to,
                                     size_t to_size);
void __wrap_rocksdb_compact_range_cf(rocksdb_t *db, rocksdb_column_family_handle_t *family,
                                     const char *from, size_t from_size, const char *to,
                                     size_t to_size)
{
    maybe_die();
    __real_rocksdb_compact_range_cf(db, family, from, from_size, to, to_size);
    maybe_die();
}

/* A process that seals and prunes, and dies at its nth call.  Its code.  A program of its own:
 * RocksDB's threads do not come along when a process forks. */
static int life(const char *dir, int calls)
{
    char number[16];
    (void)snprintf(number, sizeof(number), "%d", calls);
    const pid_t child = fork();
    if (child == 0) {
        (void)execl("/proc/self/exe", "test_sealed", dir, number, (char *)NULL);
        _exit(1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int live(const char *dir, const char *calls)
{
    uint32_t counts[SEALED_UNLINKED + 1];
    struct store *store = NULL;
    struct error error;
    const struct store_options options = {.dir = dir, .chain_id = chain_id};
    if (!store_open(&options, &store, &error)) {
        return 1;
    }
    calls_left = (int)strtol(calls, NULL, 10);
    const bool done = work(store, 1, counts);
    _exit(done ? 0 : 1);
}

static void killed_anywhere_nothing_is_lost(void **state)
{
    (void)state;
    struct directory directory;
    uint32_t counts[SEALED_UNLINKED + 1];
    store_close(grown(&directory, LAST));
    for (int calls = 0;; calls++) { /* each life goes a little further, from what is left */
        const int code = life(directory.path, calls % 11);
        assert_true(code == 0 || code == 9);
        struct store *store = open_store(directory.path);
        struct store_status status;
        store_status(store, &status);
        expect_blocks(store, status.oldest_height, LAST);
        assert_true(status.oldest_height == 1 || status.oldest_height == 1001 ||
                    status.oldest_height == 2001);
        if (code == 0) {
            assert_true(work(store, 1, counts));
            assert_int_equal(counts[SEALED_NOTHING], 1);
            expect_blocks(store, 2001, LAST);
            store_close(store);
            assert_true(calls > 8); /* deaths */
            break;
        }
        store_close(store);
        assert_true(calls < 60);
    }
    directory_remove(&directory);
}

int main(int argc, char **argv)
{
    if (argc == 3) {
        return live(argv[1], argv[2]);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(old_blocks_move_to_the_files_everybody_makes),
        cmocka_unit_test(a_chunk_waits_for_its_certificate),
        cmocka_unit_test(files_are_kept_by_number),
        cmocka_unit_test(pruning_gives_the_disk_back),
        cmocka_unit_test(a_damaged_file_is_not_believed),
        cmocka_unit_test(a_file_of_other_bytes_is_not_believed),
        cmocka_unit_test(a_gap_is_filled),
        cmocka_unit_test(old_files_below_a_restored_chain_do_no_harm),
        cmocka_unit_test(files_without_their_chain_say_nothing),
        cmocka_unit_test(killed_anywhere_nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
