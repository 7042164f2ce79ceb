#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>

#include "store/store.h"
#include "tests/support/directory.h"
#include "tests/support/random.h"
#include "tests/support/toy_ledger.h"

/* Queries from several threads while the owner stages, appends and commits: each answer is
 * whole and of one height. */

enum { BLOCKS = 150, READERS = 3 };

struct scene {
    struct store *store;
    struct hash roots[BLOCKS + 1]; /* by height, known before the owner starts */
    _Atomic bool done;
    _Atomic unsigned wrong;
    _Atomic unsigned proven;
};

static bool scan_count(void *context, struct bytes key, struct bytes value)
{
    size_t *count = context;
    (*count)++;
    return key.size > 0 && value.size < TOY_TEXT_MAX;
}

static bool proof_holds(struct scene *scene, uint64_t height, uint64_t *seed)
{
    struct error error;
    struct store_proof proof;
    const struct toy_text key = toy_key((size_t)random_below(seed, TOY_KEYS));
    const enum store_answer answer =
        store_prove(scene->store, height, toy_bytes(&key), &proof, &error);
    if (answer != STORE_FOUND) {
        return answer == STORE_ABSENT; /* below the window */
    }
    const struct bytes value = bytes_of(proof.value.data, proof.value.size);
    const bool holds =
        hash_equal(&proof.root, &scene->roots[height]) &&
        state_tree_verify(&proof.root, toy_bytes(&key), proof.present ? &value : NULL,
                          bytes_of(proof.bytes, proof.size)) == STATE_TREE_PROVEN;
    store_buffer_free(&proof.value);
    atomic_fetch_add(&scene->proven, 1);
    return holds;
}

static void *reader_run(void *context)
{
    struct scene *scene = context;
    uint64_t seed = (uint64_t)(uintptr_t)&seed;
    while (!atomic_load(&scene->done)) {
        struct store_status status;
        struct error error;
        struct store_buffer found = {0};
        struct crypto_tree history;
        size_t count = 0;
        const struct toy_text key = toy_key((size_t)random_below(&seed, TOY_KEYS));
        const struct store_scan scan = {
            .prefix = bytes_of("b/", 2), .context = &count, .visit = scan_count};
        store_status(scene->store, &status);
        store_history_tree(scene->store, &history);
        bool right = hash_equal(&status.applied_root, &scene->roots[status.applied_height]);
        right = right && history.count >= status.decided_height;
        right = right && proof_holds(scene, random_below(&seed, status.applied_height + 1), &seed);
        right = right && store_scan(scene->store, &scan, &error) && count < TOY_KEYS;
        right = right && store_get(scene->store, toy_bytes(&key), &found, &error) != STORE_FAILED;
        store_buffer_free(&found);
        right = right &&
                store_block(scene->store, status.decided_height, &found, &error) != STORE_FAILED;
        store_buffer_free(&found);
        atomic_fetch_add(&scene->wrong, right ? 0U : 1U);
    }
    return NULL;
}

static void owner_run(struct scene *scene)
{
    static struct toy_block block;
    struct error error;
    struct toy_state state = {.versions = {0}};
    struct store_overlay *last = NULL;
    /* One block ahead of the committed one, as a node is. */
    for (uint64_t height = 1; height <= BLOCKS; height++) {
        if (height == 1) {
            toy_block_make(&state, 0, &block);
        }
        toy_block_make(&state, height, &block);
        const struct store_stage stage = {
            .parent = last, .height = height, .block_id = toy_id(height), .writes = block.writes};
        struct store_overlay *overlay = store_overlay_add(scene->store, &stage);
        const struct store_final final = {
            .height = height, .block_id = toy_id(height), .block = bytes_of("block", 5)};
        assert_true(store_append_final(scene->store, &final, 1, &error));
        if (last != NULL) {
            assert_true(store_commit(scene->store, last, &error));
        }
        last = overlay;
    }
    assert_true(store_commit(scene->store, last, &error));
}

static void queries_see_whole_heights_while_blocks_commit(void **state)
{
    (void)state;
    static struct scene scene;
    static struct toy_block block;
    struct directory directory;
    struct error error;
    struct toy_state toy = {.versions = {0}};
    pthread_t readers[READERS];
    assert_true(directory_make(&directory));
    const struct store_options options = {.dir = directory.path, .undo_window = 64};
    assert_true(store_open(&options, &scene.store, &error));
    for (uint64_t height = 0; height <= BLOCKS; height++) {
        toy_block_make(&toy, height, &block);
        scene.roots[height] = toy_root(&toy);
        if (height == 0) {
            const struct store_stage stage = {.block_id = toy_id(0), .writes = block.writes};
            struct store_overlay *genesis = store_overlay_add(scene.store, &stage);
            assert_true(store_commit(scene.store, genesis, &error));
        }
    }
    for (size_t i = 0; i < READERS; i++) {
        assert_int_equal(pthread_create(&readers[i], NULL, reader_run, &scene), 0);
    }
    owner_run(&scene);
    atomic_store(&scene.done, true);
    for (size_t i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(readers[i], NULL), 0);
    }
    assert_int_equal(atomic_load(&scene.wrong), 0);
    assert_true(atomic_load(&scene.proven) > 0);
    store_close(scene.store);
    directory_remove(&directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queries_see_whole_heights_while_blocks_commit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
