#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "state/tree/tree.h"
#include "store/store.h"
#include "tests/support/directory.h"
#include "tests/support/random.h"
#include "tests/support/toy_ledger.h"

enum { HEIGHT_MAX = 400 };

/* A store and the model of every state it went through. */
struct world {
    struct directory directory;
    struct store_options options;
    struct store *store;
    struct error error;
    uint64_t height;
    struct toy_state states[HEIGHT_MAX + 1];
};

static void world_open(struct world *world)
{
    if (!store_open(&world->options, &world->store, &world->error)) {
        fail_msg("%s", world->error.detail);
    }
}

static void world_reopen(struct world *world)
{
    store_close(world->store);
    world->store = NULL;
    world_open(world);
}

static struct store_overlay *stage(struct world *world, struct store_overlay *parent,
                                   struct toy_state *state, uint64_t height, uint64_t label)
{
    static struct toy_block block;
    toy_block_make(state, label, &block);
    const struct store_stage what = {
        .parent = parent, .height = height, .block_id = toy_id(label), .writes = block.writes};
    struct store_overlay *overlay = store_overlay_add(world->store, &what);
    assert_non_null(overlay);
    const struct hash expected = toy_root(state);
    assert_memory_equal(store_overlay_root(overlay), &expected, sizeof(expected));
    return overlay;
}

static void append(struct world *world, uint64_t height, uint64_t label)
{
    const struct toy_text text = toy_value(7, (uint32_t)height * 5 + 1);
    const struct store_final block = {
        .height = height,
        .block_id = toy_id(label),
        .block = toy_bytes(&text),
        .finality = height % 3 == 0 ? toy_bytes(&text) : (struct bytes){0},
    };
    assert_true(store_append_final(world->store, &block, 1, &world->error));
}

static void commit(struct world *world, struct store_overlay *overlay)
{
    if (!store_commit(world->store, overlay, &world->error)) {
        fail_msg("%s", world->error.detail);
    }
}

/* Blocks up to a height, each staged, final, committed. */
static void world_grow(struct world *world, uint64_t height)
{
    while (world->height < height) {
        world->height++;
        world->states[world->height] = world->states[world->height - 1];
        struct store_overlay *overlay =
            stage(world, NULL, &world->states[world->height], world->height, world->height);
        append(world, world->height, world->height);
        commit(world, overlay);
    }
}

static int world_make(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    *state = world;
    if (world == NULL || !directory_make(&world->directory)) {
        return -1;
    }
    world->options = (struct store_options){.dir = world->directory.path, .undo_window = 100};
    world->options.chain_id.bytes[0] = 1;
    world_open(world);
    commit(world, stage(world, NULL, &world->states[0], 0, UINT64_C(1) << 40));
    return 0;
}

static int world_end(void **state)
{
    struct world *world = *state;
    store_close(world->store);
    directory_remove(&world->directory);
    free(world);
    return 0;
}

static void assert_view(struct state_view view, const struct toy_state *state)
{
    for (size_t i = 0; i < TOY_KEYS; i++) {
        const struct toy_text key = toy_key(i);
        const struct toy_text expected = toy_value(i, state->versions[i]);
        struct bytes value;
        assert_int_equal(view.get(view.context, toy_bytes(&key), &value), state->versions[i] != 0);
        assert_true(state->versions[i] == 0 || bytes_equal(value, toy_bytes(&expected)));
    }
}

static void assert_proof(struct world *world, uint64_t height, size_t number)
{
    const struct toy_text key = toy_key(number);
    const uint32_t version = world->states[height].versions[number];
    const struct toy_text expected = toy_value(number, version);
    const struct hash root = toy_root(&world->states[height]);
    struct store_proof proof;
    if (store_prove(world->store, height, toy_bytes(&key), &proof, &world->error) != STORE_FOUND) {
        fail_msg("height %llu: %s", (unsigned long long)height, world->error.detail);
    }
    assert_memory_equal(&proof.root, &root, sizeof(root));
    assert_int_equal(proof.present, version != 0);
    const struct bytes value = toy_bytes(&expected);
    assert_int_equal(state_tree_verify(&root, toy_bytes(&key), version != 0 ? &value : NULL,
                                       bytes_of(proof.bytes, proof.size)),
                     STATE_TREE_PROVEN);
    assert_true(version == 0 || bytes_equal(bytes_of(proof.value.data, proof.value.size), value));
    store_buffer_free(&proof.value);
}

static void committed_state_survives_reopening(void **state)
{
    struct world *world = *state;
    for (uint64_t height = 5; height <= 30; height += 5) {
        world_grow(world, height);
        world_reopen(world);
        struct store_status status;
        store_status(world->store, &status);
        const struct hash root = toy_root(&world->states[height]);
        assert_true(status.initialised);
        assert_int_equal(status.applied_height, height);
        assert_int_equal(status.decided_height, height);
        assert_memory_equal(&status.applied_root, &root, sizeof(root));
        assert_view(store_view(world->store), &world->states[height]);
    }
}

/* Heights in RAM, below what RAM keeps, and after a restart that kept nothing in RAM. */
static void every_height_of_the_window_is_provable(void **state)
{
    struct world *world = *state;
    world_grow(world, 150);
    for (int round = 0; round < 2; round++) {
        struct store_status status;
        store_status(world->store, &status);
        assert_true(status.applied_height - status.proven_from >= world->options.undo_window);
        for (uint64_t height = status.proven_from; height <= status.applied_height; height++) {
            for (size_t i = 0; i < 6; i++) {
                assert_proof(world, height, (size_t)(height * 31 + i * 7) % TOY_KEYS);
            }
        }
        const struct toy_text key = toy_key(1);
        struct store_proof proof;
        assert_int_equal(store_prove(world->store, status.applied_height + 1, toy_bytes(&key),
                                     &proof, &world->error),
                         STORE_ABSENT);
        assert_int_equal(store_prove(world->store, status.proven_from - 1, toy_bytes(&key), &proof,
                                     &world->error),
                         STORE_ABSENT);
        world_reopen(world);
    }
}

enum { ASKED = 9 };

static int key_order(const void *a, const void *b)
{
    struct hash x;
    struct hash y;
    state_tree_path(toy_bytes(a), &x);
    state_tree_path(toy_bytes(b), &y);
    return hash_compare(&x, &y);
}

/* Several keys at one root: what a client would verify.  The answer as the store gave it. */
static enum store_answer ask_many(struct world *world, uint64_t height, size_t size_max,
                                  uint64_t *oldest)
{
    struct toy_text keys[ASKED];
    struct bytes views[ASKED];
    struct state_tree_claim claims[ASKED];
    const struct hash root = toy_root(&world->states[height]);
    struct store_facts facts;
    for (size_t i = 0; i < ASKED; i++) {
        keys[i] = toy_key((size_t)(height * 5 + i * 3) % TOY_KEYS);
    }
    qsort(keys, ASKED, sizeof(keys[0]), key_order);
    for (size_t i = 0; i < ASKED; i++) {
        views[i] = toy_bytes(&keys[i]);
    }
    const struct store_question question = {
        .height = height, .keys = views, .count = ASKED, .past_size_max = size_max};
    const enum store_answer answer =
        store_prove_many(world->store, &question, &facts, &world->error);
    *oldest = facts.oldest;
    if (answer == STORE_FOUND) {
        assert_memory_equal(&facts.root, &root, sizeof(root));
        assert_int_equal(facts.count, ASKED);
        for (size_t i = 0; i < ASKED; i++) {
            const struct store_fact *fact = &facts.items[i];
            claims[i] = (struct state_tree_claim){.key = views[i].data,
                                                  .key_size = views[i].size,
                                                  .value = fact->value.data,
                                                  .value_size = fact->value.size,
                                                  .present = fact->present};
        }
        const struct bytes proof = bytes_of(facts.proof.data, facts.proof.size);
        assert_int_equal(state_tree_many_verify(&root, claims, ASKED, proof), STATE_TREE_PROVEN);
        assert_true(facts.past_size <= size_max);
    }
    store_facts_free(&facts);
    return answer;
}

/* Every height of the window; and with less to read allowed, back to a height that is named. */
static void several_keys_have_one_proof(void **state)
{
    struct world *world = *state;
    uint64_t oldest = 0;
    world_grow(world, 150);
    for (int round = 0; round < 2; round++) {
        struct store_status status;
        store_status(world->store, &status);
        for (uint64_t height = status.proven_from; height <= status.applied_height; height++) {
            assert_int_equal(ask_many(world, height, SIZE_MAX, &oldest), STORE_FOUND);
        }
        assert_int_equal(ask_many(world, status.proven_from - 1, SIZE_MAX, &oldest), STORE_ABSENT);
        assert_int_equal(oldest, status.proven_from);
        assert_int_equal(ask_many(world, status.proven_from, 4096, &oldest), STORE_ABSENT);
        const uint64_t named = oldest;
        assert_true(named > status.proven_from && named < status.applied_height);
        assert_int_equal(ask_many(world, named, 4096, &oldest), STORE_FOUND);
        assert_int_equal(ask_many(world, named - 1, 4096, &oldest), STORE_ABSENT);
        assert_int_equal(oldest, named);
        world_reopen(world); /* nothing is kept in RAM now */
    }
}

/* A tree of branches; one path becomes final, the rest goes. */
static void branches_live_until_one_is_final(void **state)
{
    struct world *world = *state;
    enum { ROUNDS = 30, WIDTH = 3, DEPTH = 4 };
    uint64_t seed = 3;
    uint64_t label = 1000;
    for (size_t round = 0; round < ROUNDS; round++) {
        struct store_overlay *overlays[DEPTH][WIDTH];
        static struct toy_state states[DEPTH][WIDTH];
        size_t parents[DEPTH][WIDTH];
        uint64_t labels[DEPTH][WIDTH];
        for (size_t depth = 0; depth < DEPTH; depth++) {
            for (size_t i = 0; i < WIDTH; i++) {
                const size_t parent = (size_t)random_below(&seed, WIDTH);
                parents[depth][i] = parent;
                labels[depth][i] = label++;
                states[depth][i] =
                    depth == 0 ? world->states[world->height] : states[depth - 1][parent];
                overlays[depth][i] =
                    stage(world, depth == 0 ? NULL : overlays[depth - 1][parent], &states[depth][i],
                          world->height + 1 + depth, labels[depth][i]);
            }
        }
        for (size_t i = 0; i < WIDTH; i++) {
            assert_view(store_overlay_view(overlays[DEPTH - 1][i]), &states[DEPTH - 1][i]);
        }
        assert_view(store_view(world->store), &world->states[world->height]);
        /* The path to one leaf is final; its other children must go on living. */
        size_t path[DEPTH];
        path[DEPTH - 1] = (size_t)random_below(&seed, WIDTH);
        for (size_t depth = DEPTH - 1; depth > 0; depth--) {
            path[depth - 1] = parents[depth][path[depth]];
        }
        for (size_t depth = 0; depth < DEPTH; depth++) {
            append(world, world->height + 1, labels[depth][path[depth]]);
            commit(world, overlays[depth][path[depth]]);
            world->height++;
            world->states[world->height] = states[depth][path[depth]];
            const struct hash last = toy_id(labels[DEPTH - 1][path[DEPTH - 1]]);
            struct store_overlay *alive = store_overlay_find(world->store, &last);
            assert_int_equal(alive != NULL, depth + 1 < DEPTH);
            assert_view(alive != NULL ? store_overlay_view(alive) : store_view(world->store),
                        &states[DEPTH - 1][path[DEPTH - 1]]);
        }
        struct store_status status;
        store_status(world->store, &status);
        assert_int_equal(status.overlay_count, 0);
        assert_proof(world, world->height, round % TOY_KEYS);
        assert_proof(world, world->height - 2, round % TOY_KEYS);
    }
    world_reopen(world);
    assert_view(store_view(world->store), &world->states[world->height]);
}

static void dropping_takes_the_branch_above(void **state)
{
    struct world *world = *state;
    struct toy_state toy = world->states[0];
    struct store_overlay *first = stage(world, NULL, &toy, 1, 100);
    struct store_overlay *second = stage(world, first, &toy, 2, 101);
    struct toy_state other = world->states[0];
    (void)stage(world, NULL, &other, 1, 102);
    (void)stage(world, second, &toy, 3, 103);
    store_overlay_drop(world->store, second);
    struct store_status status;
    store_status(world->store, &status);
    assert_int_equal(status.overlay_count, 2);
    const struct hash gone = toy_id(103);
    const struct hash kept = toy_id(102);
    assert_null(store_overlay_find(world->store, &gone));
    assert_non_null(store_overlay_find(world->store, &kept));
}

/* K5: at most UNFINAL_BLOCK_MAX blocks with writes below each other; carriers go on. */
static void speculation_is_bounded(void **state)
{
    struct world *world = *state;
    struct store_overlay *top = NULL;
    struct state_write write = {.key = bytes_of("k", 1), .value = bytes_of("v", 1)};
    uint64_t height = 0;
    for (; height < UNFINAL_BLOCK_MAX; height++) {
        const struct store_stage what = {top, height + 1, toy_id(height + 1), {&write, 1}};
        top = store_overlay_add(world->store, &what);
        assert_non_null(top);
    }
    const struct store_stage full = {top, height + 1, toy_id(999), {&write, 1}};
    const struct store_stage carrier = {top, height + 1, toy_id(998), {NULL, 0}};
    assert_null(store_overlay_add(world->store, &full));
    struct store_overlay *empty = store_overlay_add(world->store, &carrier);
    assert_non_null(empty);
    assert_memory_equal(store_overlay_root(empty), store_overlay_root(top), HASH_SIZE);
}

struct scan_log {
    size_t count;
    size_t limit;
    struct toy_text last;
};

static bool scan_note(void *context, struct bytes key, struct bytes value)
{
    struct scan_log *log = context;
    assert_true(key.size < TOY_TEXT_MAX);
    assert_true(memcmp(log->last.chars, key.data, key.size) < 0);
    memcpy(log->last.chars, key.data, key.size);
    log->last.chars[key.size] = '\0';
    log->count++;
    (void)value;
    return log->count < log->limit;
}

static void scan_visits_a_prefix_in_order_and_resumes(void **state)
{
    struct world *world = *state;
    world_grow(world, 20);
    size_t expected = 0;
    for (size_t i = 0; i < TOY_KEYS; i++) {
        expected += i % 3 == 0 && world->states[20].versions[i] != 0 ? 1 : 0;
    }
    assert_true(expected > 5);
    struct scan_log log = {.limit = 4};
    struct store_scan scan = {.prefix = bytes_of("a/", 2), .context = &log, .visit = scan_note};
    assert_true(store_scan(world->store, &scan, &world->error));
    assert_int_equal(log.count, 4);
    const struct toy_text last = log.last;
    scan.after = toy_bytes(&last);
    log.limit = SIZE_MAX;
    assert_true(store_scan(world->store, &scan, &world->error));
    assert_int_equal(log.count, expected);
}

/* Paths from stored nodes against the whole tree hashed again. */
static void history_paths_verify_for_every_tree(void **state)
{
    struct world *world = *state;
    world_grow(world, 37);
    struct crypto_tree tree;
    struct hash roots[38];
    crypto_tree_init(&tree, TAG_HISTORY_TREE);
    crypto_tree_root(&tree, &roots[0]);
    for (uint64_t count = 1; count <= 37; count++) {
        const struct hash id = toy_id(count);
        struct hash root;
        crypto_tree_append(&tree, bytes_of(id.bytes, HASH_SIZE));
        crypto_tree_root(&tree, &root);
        roots[count] = root;
        for (uint64_t before = 0; before <= count; before++) {
            struct crypto_growth growth;
            assert_int_equal(
                store_history_grow(world->store, before, count, &growth, &world->error),
                STORE_FOUND);
            assert_true(crypto_growth_verify(&growth, TAG_HISTORY_TREE, &roots[before], &root));
        }
        for (uint64_t height = 1; height <= count; height++) {
            const struct hash entry = toy_id(height);
            struct crypto_path path;
            assert_int_equal(store_history_prove(world->store, height, count, &path, &world->error),
                             STORE_FOUND);
            assert_true(crypto_path_verify(&path, TAG_HISTORY_TREE,
                                           bytes_of(entry.bytes, HASH_SIZE), &root));
        }
    }
    struct crypto_tree stored;
    world_reopen(world);
    store_history_tree(world->store, &stored);
    assert_int_equal(stored.count, tree.count);
    struct crypto_path path;
    assert_int_equal(store_history_prove(world->store, 38, 38, &path, &world->error), STORE_ABSENT);
    struct crypto_growth growth;
    assert_int_equal(store_history_grow(world->store, 37, 38, &growth, &world->error),
                     STORE_ABSENT);
    assert_int_equal(store_history_grow(world->store, 6, 5, &growth, &world->error), STORE_ABSENT);
}

static void final_blocks_are_found_by_height_and_id(void **state)
{
    struct world *world = *state;
    world_grow(world, 8);
    const struct toy_text expected = toy_value(7, 5 * 5 + 1);
    const struct hash id = toy_id(5);
    struct hash found_id;
    struct store_buffer found = {0};
    uint64_t height = 0;
    assert_int_equal(store_block(world->store, 5, &found, &world->error), STORE_FOUND);
    assert_true(bytes_equal(bytes_of(found.data, found.size), toy_bytes(&expected)));
    store_buffer_free(&found);
    assert_int_equal(store_block_height(world->store, &id, &height, &world->error), STORE_FOUND);
    assert_int_equal(height, 5);
    assert_int_equal(store_block_id(world->store, 5, &found_id, &world->error), STORE_FOUND);
    assert_memory_equal(&found_id, &id, sizeof(id));
    assert_int_equal(store_finality_at_most(world->store, 8, &height, &world->error), STORE_FOUND);
    assert_int_equal(height, 6);
    assert_int_equal(store_finality_at_most(world->store, 2, &height, &world->error), STORE_ABSENT);
    assert_int_equal(store_finality(world->store, 7, &found, &world->error), STORE_ABSENT);
    assert_int_equal(store_block(world->store, 9, &found, &world->error), STORE_ABSENT);
    assert_int_equal(store_results(world->store, 5, &found, &world->error), STORE_ABSENT);
    assert_true(store_put_results(world->store, 5, bytes_of("r", 1), &world->error));
    assert_int_equal(store_results(world->store, 5, &found, &world->error), STORE_FOUND);
    store_buffer_free(&found);
}

/* Export reads chain.db while the node has it open. */
static void read_only_store_reads_beside_the_owner(void **state)
{
    struct world *world = *state;
    world_grow(world, 8);
    struct store_options options = world->options;
    options.read_only = true;
    struct store *reader = NULL;
    struct store_buffer found = {0};
    assert_true(store_open(&options, &reader, &world->error));
    assert_int_equal(store_block(reader, 8, &found, &world->error), STORE_FOUND);
    store_buffer_free(&found);
    store_close(reader);
    options.read_only = false;
    assert_false(store_open(&options, &reader, &world->error)); /* one owner at a time */
    assert_int_equal(world->error.code, EXIT_CODE_STORE);
}

int main(void)
{
#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_make, world_end)
    const struct CMUnitTest tests[] = {
        WORLD_TEST(committed_state_survives_reopening),
        WORLD_TEST(every_height_of_the_window_is_provable),
        WORLD_TEST(several_keys_have_one_proof),
        WORLD_TEST(branches_live_until_one_is_final),
        WORLD_TEST(dropping_takes_the_branch_above),
        WORLD_TEST(speculation_is_bounded),
        WORLD_TEST(scan_visits_a_prefix_in_order_and_resumes),
        WORLD_TEST(history_paths_verify_for_every_tree),
        WORLD_TEST(final_blocks_are_found_by_height_and_id),
        WORLD_TEST(read_only_store_reads_beside_the_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
