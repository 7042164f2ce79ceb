#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "store/store.h"
#include "tests/support/directory.h"
#include "tests/support/random.h"
#include "tests/support/toy_ledger.h"

/* What disks and kills do to a store. */

enum { KILLS = 30, BLOCKS_PER_LIFE_MAX = 60, BODY_SIZE = 400 };

static struct store_options options_for(const struct directory *directory)
{
    struct store_options options = {.dir = directory->path};
    options.chain_id.bytes[0] = 3;
    return options;
}

static struct bytes body_of(uint64_t height, uint8_t *out)
{
    uint64_t seed = height;
    random_fill(&seed, out, BODY_SIZE);
    return bytes_of(out, BODY_SIZE);
}

/* Stage, append and commit block `height`; false with *error when the disk does not. */
static bool block_run(struct store *store, struct toy_state *state, uint64_t height,
                      struct error *error)
{
    static struct toy_block block;
    uint8_t body[BODY_SIZE];
    toy_block_make(state, height, &block);
    const struct store_stage what = {
        .height = height, .block_id = toy_id(height), .writes = block.writes};
    struct store_overlay *overlay = store_overlay_add(store, &what);
    struct store_status status;
    store_status(store, &status);
    if (height > status.decided_height) {
        const struct store_final final = {
            .height = height, .block_id = toy_id(height), .block = body_of(height, body)};
        if (!store_append_final(store, &final, 1, error)) {
            return false;
        }
    }
    return store_commit(store, overlay, error);
}

/* The model's state after block `height`. */
static struct toy_state state_after(uint64_t height)
{
    static struct toy_block block;
    struct toy_state state = {.versions = {0}};
    for (uint64_t h = 0; h <= height; h++) {
        toy_block_make(&state, h, &block);
    }
    return state;
}

/* The child: report each block on the pipe once the store says it is final; die somewhere. */
static void child_run(const struct store_options *options, int pipe_fd)
{
    struct store *store = NULL;
    struct error error;
    if (!store_open(options, &store, &error)) {
        _exit(1);
    }
    struct store_status status;
    store_status(store, &status);
    struct toy_state state = {.versions = {0}};
    uint64_t height = 0;
    if (status.initialised) {
        state = state_after(status.applied_height);
        height = status.applied_height + 1;
    }
    for (;; height++) {
        if (!block_run(store, &state, height, &error) ||
            write(pipe_fd, &height, sizeof(height)) != (ssize_t)sizeof(height)) {
            _exit(1);
        }
    }
}

/* Reopen: nothing that was reported is gone, the root is the model's, replay works. */
static uint64_t check_survivor(const struct store_options *options, uint64_t reported)
{
    struct store *store = NULL;
    struct error error;
    struct store_status status;
    if (!store_open(options, &store, &error)) {
        fail_msg("%s", error.detail);
    }
    store_status(store, &status);
    assert_true(status.decided_height >= reported);
    assert_true(status.applied_height <= status.decided_height);
    struct toy_state state = {.versions = {0}};
    if (status.initialised) {
        state = state_after(status.applied_height);
        const struct hash root = toy_root(&state);
        assert_memory_equal(&status.applied_root, &root, sizeof(root));
    }
    uint64_t height = status.initialised ? status.applied_height + 1 : 0;
    for (; height <= status.decided_height; height++) {
        uint8_t body[BODY_SIZE];
        struct store_buffer found = {0};
        assert_true(height == 0 || store_block(store, height, &found, &error) == STORE_FOUND);
        assert_true(height == 0 ||
                    bytes_equal(bytes_of(found.data, found.size), body_of(height, body)));
        store_buffer_free(&found);
        assert_true(block_run(store, &state, height, &error));
    }
    const uint64_t decided = status.decided_height;
    store_status(store, &status);
    const struct hash root = toy_root(&state);
    assert_memory_equal(&status.applied_root, &root, sizeof(root));
    store_close(store);
    return decided;
}

static void killed_at_any_moment_it_comes_back(void **state)
{
    (void)state;
    struct directory directory;
    uint64_t seed = 5;
    uint64_t reported = 0;
    assert_true(directory_make(&directory));
    const struct store_options options = options_for(&directory);
    for (int life = 0; life < KILLS; life++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            (void)close(ends[0]);
            child_run(&options, ends[1]);
        }
        (void)close(ends[1]);
        /* Let it report some blocks, then strike between two of them. */
        uint64_t blocks = random_below(&seed, BLOCKS_PER_LIFE_MAX);
        while (blocks-- > 0 && read(ends[0], &reported, sizeof(reported)) == sizeof(reported)) {
        }
        const struct timespec moment = {.tv_nsec = (long)random_below(&seed, 1500000)};
        (void)nanosleep(&moment, NULL);
        (void)kill(child, SIGKILL);
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        while (read(ends[0], &reported, sizeof(reported)) == sizeof(reported)) {
        }
        (void)close(ends[0]);
        reported = check_survivor(&options, reported);
    }
    assert_true(reported > KILLS);
    directory_remove(&directory);
}

/* The reserve is kept: 75 before RocksDB meets the end of the disk, and nothing after. */
static void full_disk_is_refused_before_the_disk_is_full(void **state)
{
    (void)state;
    struct directory directory;
    struct error error;
    struct store *store = NULL;
    struct statvfs disk;
    struct toy_state toy = {.versions = {0}};
    assert_true(directory_make(&directory));
    struct store_options options = options_for(&directory);
    assert_true(store_open(&options, &store, &error));
    for (uint64_t height = 0; height < 5; height++) {
        assert_true(block_run(store, &toy, height, &error));
    }
    store_close(store);
    assert_int_equal(statvfs(directory.path, &disk), 0);
    options.reserve_bytes = ((uint64_t)disk.f_bavail * disk.f_frsize) + (UINT64_C(1) << 30);
    assert_true(store_open(&options, &store, &error)); /* reading goes on */
    assert_false(block_run(store, &toy, 5, &error));
    assert_int_equal(error.code, EXIT_CODE_DISK_FULL);
    const struct store_final final = {.height = 5, .block_id = toy_id(5)};
    assert_false(store_append_final(store, &final, 1, &error));
    store_close(store);
    options.reserve_bytes = 0;
    assert_int_equal(check_survivor(&options, 4), 4);
    directory_remove(&directory);
}

/* RocksDB's own log for people may be the first file that a full disk refuses. */
static void rocksdbs_log_for_people_cannot_end_the_process(void **state)
{
    (void)state;
    struct directory directory;
    assert_true(directory_make(&directory));
    const struct store_options options = options_for(&directory);
    struct error error;
    struct store *store = NULL;
    assert_true(store_open(&options, &store, &error));
    store_close(store);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        /* Above what an idle database writes, below the log's first lines. */
        const struct rlimit size = {.rlim_cur = 2048, .rlim_max = 2048};
        (void)signal(SIGXFSZ, SIG_IGN);
        if (setrlimit(RLIMIT_FSIZE, &size) != 0 || !store_open(&options, &store, &error)) {
            _exit(1);
        }
        store_close(store);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    directory_remove(&directory);
}

static void another_chains_directory_is_refused(void **state)
{
    (void)state;
    struct directory directory;
    struct error error;
    struct store *store = NULL;
    assert_true(directory_make(&directory));
    struct store_options options = options_for(&directory);
    assert_true(store_open(&options, &store, &error));
    store_close(store);
    options.chain_id.bytes[0] = 4;
    assert_false(store_open(&options, &store, &error));
    assert_int_equal(error.code, EXIT_CODE_BAD_GENESIS);
    directory_remove(&directory);
}

static bool name_ends(const char *name, const char *end)
{
    const size_t size = strlen(name);
    return size > strlen(end) && strcmp(name + size - strlen(end), end) == 0;
}

/* Flip one bit in the middle of the largest file of dir/name with this ending. */
static void flip_largest(const char *dir, const char *name, const char *end)
{
    char folder[DIRECTORY_PATH_MAX + 16];
    (void)snprintf(folder, sizeof(folder), "%s/%s", dir, name);
    DIR *stream = opendir(folder);
    assert_non_null(stream);
    int victim = -1;
    off_t largest = 0;
    for (struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream)) {
        const int fd =
            name_ends(entry->d_name, end) ? openat(dirfd(stream), entry->d_name, O_RDWR) : -1;
        const off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
        if (size > largest) {
            (void)close(victim);
            victim = fd;
            largest = size;
        } else if (fd >= 0) {
            (void)close(fd);
        }
    }
    (void)closedir(stream);
    assert_true(victim >= 0);
    uint8_t byte = 0;
    assert_int_equal(pread(victim, &byte, 1, largest / 3), 1);
    byte ^= 0x10;
    assert_int_equal(pwrite(victim, &byte, 1, largest / 3), 1);
    (void)close(victim);
}

/* Enough blocks, and enough reopenings, for state.db to have data in table files. */
static void fill(const struct store_options *options, uint64_t blocks)
{
    struct store *store = NULL;
    struct error error;
    struct toy_state toy = {.versions = {0}};
    for (uint64_t height = 0; height <= blocks; height++) {
        if (height % 50 == 0) {
            store_close(store);
            store = NULL;
            assert_true(store_open(options, &store, &error));
        }
        assert_true(block_run(store, &toy, height, &error));
    }
    store_close(store);
    assert_true(store_open(options, &store, &error)); /* replays the log into tables */
    store_close(store);
}

static void damaged_state_is_named_with_the_next_step(void **state)
{
    (void)state;
    struct directory directory;
    struct error error = {.code = EXIT_CODE_OK};
    struct store *store = NULL;
    assert_true(directory_make(&directory));
    const struct store_options options = options_for(&directory);
    fill(&options, 200);
    flip_largest(directory.path, "state.db", ".sst");
    bool broken = !store_open(&options, &store, &error);
    /* The flip may lie in an undo record: then the state is whole, and the proof is not. */
    struct store_status status = {0};
    if (!broken) {
        store_status(store, &status);
    }
    for (uint64_t height = status.proven_from; !broken && height <= status.applied_height;
         height++) {
        struct store_proof proof;
        broken = store_prove(store, height, bytes_of("a/000", 5), &proof, &error) == STORE_FAILED;
        store_buffer_free(&proof.value);
    }
    assert_true(broken);
    assert_int_equal(error.code, EXIT_CODE_CORRUPT);
    assert_non_null(strstr(error.detail, "move it away"));
    store_close(store);
    directory_remove(&directory);
}

static void damaged_chain_is_named_with_the_next_step(void **state)
{
    (void)state;
    struct directory directory;
    struct error error = {.code = EXIT_CODE_OK};
    struct store *store = NULL;
    assert_true(directory_make(&directory));
    const struct store_options options = options_for(&directory);
    fill(&options, 200);
    flip_largest(directory.path, "chain.db", ".sst");
    bool broken = !store_open(&options, &store, &error);
    for (uint64_t height = 1; !broken && height <= 200; height++) {
        struct store_buffer found = {0};
        uint8_t body[BODY_SIZE];
        const enum store_answer answer = store_block(store, height, &found, &error);
        broken = answer == STORE_FAILED;
        /* What is read without an error is what was written. */
        assert_true(broken ||
                    (answer == STORE_FOUND &&
                     bytes_equal(bytes_of(found.data, found.size), body_of(height, body))));
        store_buffer_free(&found);
    }
    assert_true(broken);
    assert_int_equal(error.code, EXIT_CODE_CORRUPT);
    assert_non_null(strstr(error.detail, "move chain.db and state.db away, keep sign"));
    store_close(store);
    directory_remove(&directory);
}

/* state.db moved away is rebuilt from chain.db alone. */
static void lost_state_is_replayed(void **state)
{
    (void)state;
    struct directory directory;
    char from[DIRECTORY_PATH_MAX + 16];
    char to[DIRECTORY_PATH_MAX + 16];
    assert_true(directory_make(&directory));
    const struct store_options options = options_for(&directory);
    fill(&options, 60);
    (void)snprintf(from, sizeof(from), "%s/state.db", directory.path);
    (void)snprintf(to, sizeof(to), "%s/moved", directory.path);
    assert_int_equal(rename(from, to), 0);
    assert_int_equal(check_survivor(&options, 60), 60);
    directory_remove(&directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_at_any_moment_it_comes_back),
        cmocka_unit_test(full_disk_is_refused_before_the_disk_is_full),
        cmocka_unit_test(rocksdbs_log_for_people_cannot_end_the_process),
        cmocka_unit_test(another_chains_directory_is_refused),
        cmocka_unit_test(damaged_state_is_named_with_the_next_step),
        cmocka_unit_test(damaged_chain_is_named_with_the_next_step),
        cmocka_unit_test(lost_state_is_replayed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
