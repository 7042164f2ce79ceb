/* A state out of a running store, through a folder, into another store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <dirent.h>
#include <sys/wait.h>

#include "store/snapshot/files.h"
#include "store/snapshot/snapshot.h"
#include "tests/support/directory.h"
#include "tests/support/random.h"

enum { KEYS = 300, HEIGHT_MAX = 180, VALUE_MAX = 30000, CHANGES = 20, KEY_SIZE = 16 };
enum { SOURCE_HEIGHT = 21, PRUNED_HEIGHT = 130, STEPS_MAX = 200, KILLED = 77 };

/* A store, and what is in it after each height: the version of each key, 0 when absent. */
struct world {
    struct directory directory;
    struct store_options options;
    struct store *store;
    struct error error;
    uint64_t height;
    struct hash roots[HEIGHT_MAX + 1];
    uint16_t versions[HEIGHT_MAX + 1][KEYS];
    char folder_path[DIRECTORY_PATH_MAX + 16];
    char data_path[DIRECTORY_PATH_MAX + 16];
};

static struct bytes key_of(size_t number, char *buffer)
{
    return bytes_of(buffer, (size_t)snprintf(buffer, KEY_SIZE, "k%06zu", number * 37));
}

static size_t value_of(size_t number, uint32_t version, uint8_t *buffer)
{
    uint64_t seed = number * 1000 + version;
    const size_t size = random_below(&seed, VALUE_MAX);
    memset(buffer, (int)(random_next(&seed) & 0xFF), size);
    return size;
}

static struct hash id_of(uint64_t height)
{
    struct hash id = {{5}};
    id.bytes[31] = (uint8_t)height;
    return id;
}

static void check(const struct world *world, bool done)
{
    if (!done) {
        fail_msg("%s", world->error.detail);
    }
}

static void block_add(struct world *world, struct store *store, uint64_t height)
{
    static uint8_t values[KEYS][VALUE_MAX];
    static char keys[KEYS][KEY_SIZE];
    static struct state_write items[KEYS];
    size_t count = 0;
    for (size_t i = 0; i < KEYS; i++) {
        const uint16_t before = height == 0 ? 0 : world->versions[height - 1][i];
        const uint16_t now = world->versions[height][i];
        if (before != now) {
            items[count] = (struct state_write){.key = key_of(i, keys[i]), .removed = now == 0};
            items[count++].value = bytes_of(values[i], now == 0 ? 0 : value_of(i, now, values[i]));
        }
    }
    const struct store_stage stage = {
        .height = height, .block_id = id_of(height), .writes = {.items = items, .count = count}};
    struct store_overlay *overlay = store_overlay_add(store, &stage);
    assert_non_null(overlay);
    world->roots[height] = *store_overlay_root(overlay);
    struct store_status status;
    store_status(store, &status);
    if (height > status.decided_height) {
        const struct store_final final = {.height = height,
                                          .block_id = id_of(height),
                                          .block = bytes_of("block", 5),
                                          .finality = bytes_of("final", 5)};
        check(world, store_append_final(store, &final, 1, &world->error));
    }
    check(world, store_commit(store, overlay, &world->error));
}

static void world_grow(struct world *world, uint64_t height)
{
    for (; world->height < height; world->height++) {
        block_add(world, world->store, world->height + 1);
    }
}

/* What every height has: drawn before, as a restored store goes the same way. */
static void world_plan(struct world *world)
{
    uint64_t seed = 3;
    for (size_t i = 0; i < KEYS; i++) {
        world->versions[0][i] = i % 3 == 0 ? 0 : 1;
    }
    for (uint64_t h = 1; h <= HEIGHT_MAX; h++) {
        memcpy(world->versions[h], world->versions[h - 1], sizeof(world->versions[h]));
        for (int i = 0; i < CHANGES; i++) {
            const size_t key = random_below(&seed, KEYS);
            world->versions[h][key] =
                random_below(&seed, 4) == 0 ? 0 : (uint16_t)(1 + random_below(&seed, 999));
        }
    }
}

static int world_make(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    *state = world;
    if (world == NULL || !directory_make(&world->directory)) {
        return -1;
    }
    world->options = (struct store_options){.dir = world->directory.path, .undo_window = 64};
    world->options.chain_id.bytes[0] = 1;
    (void)snprintf(world->folder_path, sizeof(world->folder_path), "%s/snap",
                   world->directory.path);
    (void)snprintf(world->data_path, sizeof(world->data_path), "%s/other", world->directory.path);
    world_plan(world);
    check(world, store_open(&world->options, &world->store, &world->error));
    block_add(world, world->store, 0);
    return 0;
}

static void remove_tree(const char *path)
{
    struct error error;
    if (!files_remove_dir(path, &error)) {
        fail_msg("%s", error.detail);
    }
}

static int world_end(void **state)
{
    struct world *world = *state;
    store_close(world->store);
    remove_tree(world->directory.path);
    free(world);
    return 0;
}

static struct snapshot_source *source_open(struct world *world, uint64_t height)
{
    struct snapshot_source *source = NULL;
    assert_int_equal(snapshot_source_open(world->store, height, &source, &world->error),
                     STORE_FOUND);
    assert_int_equal(snapshot_source_height(source), height);
    return source;
}

/* A state of a height stays what it was, whatever follows. */
static void test_source(void **state)
{
    struct world *world = *state;
    struct snapshot_source *old = NULL;
    world_grow(world, PRUNED_HEIGHT);
    assert_int_equal(snapshot_source_open(world->store, 0, &old, &world->error), STORE_ABSENT);
    assert_int_equal(snapshot_source_open(world->store, 5, &old, &world->error), STORE_ABSENT);
    assert_int_equal(snapshot_source_open(world->store, PRUNED_HEIGHT, &old, &world->error),
                     STORE_ABSENT); /* its root is in no header yet */
    static const uint64_t heights[] = {PRUNED_HEIGHT - 1, PRUNED_HEIGHT - 2, PRUNED_HEIGHT - 30};
    for (size_t i = 0; i < sizeof(heights) / sizeof(heights[0]); i++) {
        struct snapshot_source *source = source_open(world, heights[i]);
        struct snapshot_manifest manifest;
        struct store_buffer bytes = {0};
        world_grow(world, world->height + 10);
        check(world, snapshot_source_manifest(source, NULL, &bytes, &world->error));
        assert_int_equal(snapshot_manifest_decode(bytes_of(bytes.data, bytes.size), &manifest),
                         SNAPSHOT_OK);
        assert_memory_equal(&manifest.state_root, &world->roots[heights[i]], HASH_SIZE);
        assert_int_equal(manifest.height, heights[i]);
        assert_in_range(manifest.part_count, 2, 20);
        for (uint32_t j = 0; j < manifest.part_count; j++) {
            const struct snapshot_part part = snapshot_part_at(&manifest, j);
            struct store_buffer chunk = {0};
            assert_int_equal(
                snapshot_source_chunk(source, &part.prefix, part.depth, &chunk, &world->error),
                STORE_FOUND);
            assert_int_equal(snapshot_chunk_verify(&part, bytes_of(chunk.data, chunk.size)),
                             SNAPSHOT_OK);
            store_buffer_free(&chunk);
        }
        struct store_buffer all = {0};
        const struct hash nothing = {{0}};
        assert_int_equal(snapshot_source_chunk(source, &nothing, 0, &all, &world->error),
                         STORE_ABSENT); /* too large */
        store_buffer_free(&bytes);
        snapshot_source_close(source);
    }
}

/* The folder of the state at SOURCE_HEIGHT, without its chunks when not filled. */
static struct snapshot_folder *folder_make(struct world *world, bool filled)
{
    struct store_buffer manifest = {0};
    struct snapshot_folder *folder = NULL;
    world_grow(world, SOURCE_HEIGHT + 1);
    struct snapshot_source *source = source_open(world, SOURCE_HEIGHT);
    check(world, snapshot_source_manifest(source, NULL, &manifest, &world->error));
    check(world, snapshot_folder_make(world->folder_path, bytes_of(manifest.data, manifest.size),
                                      bytes_of("anchor", 6), &world->error));
    check(world, snapshot_folder_open(world->folder_path, &folder, &world->error));
    const uint32_t count = snapshot_folder_manifest(folder)->part_count;
    for (uint32_t i = 0; filled && i < count; i++) {
        const struct snapshot_part part = snapshot_part_at(snapshot_folder_manifest(folder), i);
        struct store_buffer chunk = {0};
        enum snapshot_verdict verdict;
        assert_int_equal(
            snapshot_source_chunk(source, &part.prefix, part.depth, &chunk, &world->error),
            STORE_FOUND);
        assert_false(snapshot_folder_has(folder, i));
        check(world, snapshot_folder_put(folder, i, bytes_of(chunk.data, chunk.size), &verdict,
                                         &world->error));
        chunk.data[chunk.size / 2] ^= 1;
        assert_false(snapshot_folder_put(folder, i, bytes_of(chunk.data, chunk.size), &verdict,
                                         &world->error));
        assert_int_equal(world->error.code, EXIT_CODE_VERIFY);
        assert_true(snapshot_folder_has(folder, i));
        store_buffer_free(&chunk);
    }
    store_buffer_free(&manifest);
    snapshot_source_close(source);
    return folder;
}

static struct snapshot_restore restore_of(struct world *world, struct snapshot_folder *folder)
{
    static struct store_final blocks[3]; /* one more than is needed */
    struct snapshot_restore what = {
        .folder = folder, .options = world->options, .blocks = blocks, .block_count = 3};
    what.options.dir = world->data_path;
    for (uint64_t i = 0; i < 3; i++) {
        blocks[i] = (struct store_final){.height = SOURCE_HEIGHT - 1 + i,
                                         .block_id = id_of(SOURCE_HEIGHT - 1 + i),
                                         .block = bytes_of("block", 5)};
    }
    blocks[2].finality = bytes_of("final", 5);
    return what;
}

struct count {
    size_t keys;
    char last[KEY_SIZE];
};

static bool count_key(void *context, struct bytes key, struct bytes value)
{
    struct count *count = context;
    (void)value;
    assert_true(key.size < KEY_SIZE);
    char text[KEY_SIZE] = {0};
    memcpy(text, key.data, key.size);
    assert_true(count->keys == 0 || strcmp(count->last, text) < 0);
    memcpy(count->last, text, sizeof(text));
    count->keys++;
    return true;
}

/* What was restored is the state, and goes on like the original. */
static void assert_restored(struct world *world)
{
    static uint8_t expected[VALUE_MAX];
    struct store_options options = world->options;
    struct store *other = NULL;
    struct store_status status;
    struct count count = {0};
    size_t present = 0;
    options.dir = world->data_path;
    check(world, store_open(&options, &other, &world->error));
    store_status(other, &status);
    assert_true(status.initialised);
    assert_int_equal(status.applied_height, SOURCE_HEIGHT);
    assert_int_equal(status.decided_height, SOURCE_HEIGHT + 1);
    assert_int_equal(status.first_height, SOURCE_HEIGHT);
    assert_memory_equal(&status.applied_root, &world->roots[SOURCE_HEIGHT], HASH_SIZE);
    for (size_t i = 0; i < KEYS; i++) {
        char key[KEY_SIZE];
        struct store_buffer value = {0};
        const uint16_t version = world->versions[SOURCE_HEIGHT][i];
        const enum store_answer answer = store_get(other, key_of(i, key), &value, &world->error);
        assert_int_equal(answer, version == 0 ? STORE_ABSENT : STORE_FOUND);
        if (version != 0) {
            assert_int_equal(value.size, value_of(i, version, expected));
            assert_memory_equal(value.data, expected, value.size);
            present++;
        }
        store_buffer_free(&value);
    }
    const struct store_scan scan = {.context = &count, .visit = count_key};
    check(world, store_scan(other, &scan, &world->error));
    assert_int_equal(count.keys, present);
    struct hash root = world->roots[SOURCE_HEIGHT + 1];
    block_add(world, other, SOURCE_HEIGHT + 1);
    assert_memory_equal(&root, &world->roots[SOURCE_HEIGHT + 1], HASH_SIZE);
    for (uint64_t h = SOURCE_HEIGHT + 2; h < SOURCE_HEIGHT + 20; h++) {
        root = world->roots[h];
        block_add(world, other, h);
        assert_memory_equal(&root, &world->roots[h], HASH_SIZE);
    }
    store_close(other);
}

/* From the base on every earlier tree is proven to be how this one begins; below it none. */
static void assert_growth(struct world *world, struct store *other, uint64_t count,
                          const struct hash *later)
{
    struct crypto_tree tree;
    struct crypto_growth growth;
    crypto_tree_init(&tree, TAG_HISTORY_TREE);
    for (uint64_t before = 0; before <= count; before++) {
        struct hash earlier;
        const struct hash id = id_of(before + 1);
        crypto_tree_root(&tree, &earlier);
        crypto_tree_append(&tree, bytes_of(id.bytes, HASH_SIZE));
        assert_int_equal(store_history_grow(other, before, count, &growth, &world->error),
                         before < SOURCE_HEIGHT ? STORE_ABSENT : STORE_FOUND);
        assert_true(before < SOURCE_HEIGHT ||
                    crypto_growth_verify(&growth, TAG_HISTORY_TREE, &earlier, later));
    }
}

/* Proofs of the history tree, of which only the peaks were restored. */
static void assert_history(struct world *world)
{
    struct store_options options = world->options;
    struct store *other = NULL;
    struct crypto_path path;
    struct crypto_tree tree;
    options.dir = world->data_path;
    check(world, store_open(&options, &other, &world->error));
    struct store_status status;
    store_status(other, &status);
    for (uint64_t count = SOURCE_HEIGHT + 1; count <= status.decided_height; count++) {
        struct hash root;
        crypto_tree_init(&tree, TAG_HISTORY_TREE);
        for (uint64_t h = 1; h <= count; h++) {
            const struct hash id = id_of(h);
            crypto_tree_append(&tree, bytes_of(id.bytes, HASH_SIZE));
        }
        crypto_tree_root(&tree, &root);
        for (uint64_t h = SOURCE_HEIGHT + 1; h <= count; h++) {
            const struct hash id = id_of(h);
            assert_int_equal(store_history_prove(other, h, count, &path, &world->error),
                             STORE_FOUND);
            assert_true(
                crypto_path_verify(&path, TAG_HISTORY_TREE, bytes_of(id.bytes, HASH_SIZE), &root));
        }
        assert_int_equal(store_history_prove(other, SOURCE_HEIGHT, count, &path, &world->error),
                         STORE_ABSENT);
        assert_growth(world, other, count, &root);
    }
    struct snapshot_source *source = NULL; /* it can serve as any other */
    assert_int_equal(snapshot_source_open(other, status.applied_height - 1, &source, &world->error),
                     STORE_FOUND);
    struct store_buffer bytes = {0};
    check(world, snapshot_source_manifest(source, NULL, &bytes, &world->error));
    store_buffer_free(&bytes);
    snapshot_source_close(source);
    store_close(other);
}

static void test_restore(void **state)
{
    struct world *world = *state;
    struct snapshot_folder *folder = folder_make(world, true);
    const struct snapshot_restore what = restore_of(world, folder);
    world_grow(world, SOURCE_HEIGHT + 25);
    check(world, snapshot_restore(&what, &world->error));
    assert_restored(world);
    assert_history(world);
    assert_false(snapshot_restore(&what, &world->error)); /* not over what is there */
    assert_int_equal(world->error.code, EXIT_CODE_USAGE);
    snapshot_folder_close(folder);
}

/* A chunk that is missing, and one damaged on the disk. */
static void test_incomplete(void **state)
{
    struct world *world = *state;
    struct snapshot_folder *folder = folder_make(world, false);
    const struct snapshot_restore what = restore_of(world, folder);
    assert_false(snapshot_restore(&what, &world->error));
    assert_int_equal(world->error.code, EXIT_CODE_INCOMPLETE);
    snapshot_folder_close(folder);
    folder = folder_make(world, true);
    DIR *stream = opendir(world->folder_path);
    const struct dirent *entry = readdir(stream);
    while (strstr(entry->d_name, ".chunk") == NULL) {
        entry = readdir(stream);
    }
    const int fd = openat(dirfd(stream), entry->d_name, O_WRONLY);
    assert_int_equal(pwrite(fd, "!", 1, 77), 1);
    (void)close(fd);
    (void)closedir(stream);
    const struct snapshot_restore again = restore_of(world, folder);
    assert_false(snapshot_restore(&again, &world->error));
    assert_int_equal(world->error.code, EXIT_CODE_VERIFY);
    uint32_t damaged = 0;
    for (uint32_t i = 0; i < snapshot_folder_manifest(folder)->part_count; i++) {
        struct store_buffer chunk = {0};
        if (snapshot_folder_get(folder, i, &chunk, &world->error) == STORE_FAILED) {
            snapshot_folder_drop(folder, i);
            assert_false(snapshot_folder_has(folder, i));
            damaged++;
        }
        store_buffer_free(&chunk);
    }
    assert_int_equal(damaged, 1); /* it is the one to fetch again */
    snapshot_folder_close(folder);
}

struct countdown {
    int left;
};

static void die_at(void *context, const char *what)
{
    struct countdown *countdown = context;
    (void)what;
    if (countdown->left-- == 0) {
        _exit(KILLED);
    }
}

/* Killed before each step: then there is nothing, or all of it. */
static void test_killed(void **state)
{
    struct world *world = *state;
    struct snapshot_folder *folder = folder_make(world, true);
    struct snapshot_restore what = restore_of(world, folder);
    struct store_options options = what.options;
    bool ended = false;
    int whole = 0;
    int killed = 0;
    world_grow(world, SOURCE_HEIGHT + 25);
    for (int step = 0; !ended && step < STEPS_MAX; step++) {
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            struct countdown countdown = {.left = step};
            struct error error;
            what.context = &countdown;
            what.step = die_at;
            _exit(snapshot_restore(&what, &error) ? 0 : 1);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        ended = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        assert_true(ended || WEXITSTATUS(status) == KILLED);
        killed += ended ? 0 : 1;
        struct store *other = NULL;
        struct store_status found;
        check(world, store_open(&options, &other, &world->error));
        store_status(other, &found);
        assert_true(found.initialised || found.decided_height == 0);
        store_close(other);
        if (found.initialised) {
            whole++;
            assert_restored(world);
        }
        if (step % 5 != 4 || found.initialised) {
            remove_tree(world->data_path); /* else what was half done lies there */
        } else {
            char path[DIRECTORY_PATH_MAX + 32];
            (void)snprintf(path, sizeof(path), "%s/chain.db", world->data_path);
            remove_tree(path);
            (void)snprintf(path, sizeof(path), "%s/state.db", world->data_path);
            remove_tree(path);
        }
    }
    assert_true(ended);
    assert_in_range(killed, 8, STEPS_MAX);
    assert_in_range(whole, 4, 5); /* three steps behind the mark, and the end */
    snapshot_folder_close(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_source, world_make, world_end),
        cmocka_unit_test_setup_teardown(test_restore, world_make, world_end),
        cmocka_unit_test_setup_teardown(test_incomplete, world_make, world_end),
        cmocka_unit_test_setup_teardown(test_killed, world_make, world_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
