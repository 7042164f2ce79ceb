#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "store/inspect/inspect.h"
#include "store/repair/repair.h"
#include "tests/support/toy_node.h"

/* What an operator does to a stopped node leaves a node that is right. */

enum { LAST = 130, BACK = 100 };

static struct repair_job job_of(const struct toy_node *node)
{
    return (struct repair_job){.dir = node->directory.path, .chain_id = toy_chain};
}

static void expect_whole(const struct toy_node *node, uint64_t applied)
{
    const struct inspect_visitor nobody = {.context = NULL};
    struct inspect *inspect = NULL;
    struct error error;
    uint64_t certified = 0;
    if (!inspect_open(node->directory.path, &toy_chain, &inspect, &error) ||
        !inspect_check_chain(inspect, &nobody, &error) ||
        !inspect_check_state(inspect, &nobody, &certified, &error)) {
        fail_msg("%s", error.detail);
    }
    assert_int_equal(inspect_head(inspect)->applied_height, applied);
    inspect_close(inspect);
}

static struct hash root_after(uint64_t height)
{
    static struct toy_block block;
    struct toy_state toy = {.versions = {0}};
    for (uint64_t h = 0; h <= height; h++) {
        toy_block_make(&toy, h, &block);
    }
    return toy_root(&toy);
}

/* Execute again what the rollback took: the same state as before. */
static void expect_replay(struct toy_node *node, uint64_t height)
{
    static struct toy_block block;
    struct store_status status;
    toy_node_open(node);
    memset(&node->toy, 0, sizeof(node->toy));
    for (uint64_t h = 0; h <= height; h++) {
        toy_block_make(&node->toy, h, &block);
    }
    node->height = height + 1;
    toy_node_grow(node, LAST);
    store_status(node->store, &status);
    const struct hash root = root_after(LAST);
    assert_memory_equal(&status.applied_root, &root, HASH_SIZE);
    store_close(node->store);
    expect_whole(node, LAST);
}

static void rolled_back_state_is_that_height_s(void **state)
{
    (void)state;
    struct toy_node node = {.height = 0};
    struct repair_rollback back;
    struct error error;
    toy_node_fill(&node, LAST);
    const struct repair_job job = job_of(&node);
    if (!repair_rollback(&job, BACK, &back, &error)) {
        fail_msg("%s", error.detail);
    }
    assert_int_equal(back.from, LAST);
    const struct hash root = root_after(BACK);
    assert_memory_equal(&back.root, &root, HASH_SIZE);
    expect_whole(&node, BACK);
    assert_true(repair_rollback(&job, 0, &back, &error)); /* to the genesis */
    expect_whole(&node, 0);
    expect_replay(&node, 0);
    directory_remove(&node.directory);
}

static void what_cannot_be_reached_is_refused(void **state)
{
    (void)state;
    struct toy_node node = {.undo_window = STORE_UNDO_WINDOW_MIN};
    struct toy_node empty = {.height = 0};
    struct repair_rollback back;
    struct error error;
    toy_node_fill(&node, LAST);
    const struct repair_job job = job_of(&node);
    assert_false(repair_rollback(&job, LAST + 1, &back, &error));
    assert_int_equal(error.code, EXIT_CODE_NOT_FOUND);
    assert_false(repair_rollback(&job, 2, &back, &error));
    assert_int_equal(error.code, EXIT_CODE_NOT_FOUND);
    assert_non_null(strstr(error.detail, "move state.db away"));
    expect_whole(&node, LAST); /* nothing was done */
    directory_remove(&node.directory);
    assert_true(directory_make(&empty.directory));
    const struct repair_job nothing = job_of(&empty);
    assert_false(repair_rollback(&nothing, 1, &back, &error));
    assert_int_equal(error.code, EXIT_CODE_NOT_FOUND);
    directory_remove(&empty.directory);
}

static void die_half_way(void *context, const char *what, uint64_t done, uint64_t total)
{
    (void)context;
    (void)what;
    if (done == total / 2) {
        (void)kill(getpid(), SIGKILL);
    }
}

static void killed_rollback_is_repeated(void **state)
{
    (void)state;
    struct toy_node node = {.height = 0};
    struct repair_rollback back;
    struct error error;
    toy_node_fill(&node, LAST);
    struct repair_job job = job_of(&node);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        job.progress = die_half_way;
        _exit(repair_rollback(&job, BACK, &back, &error) ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    expect_whole(&node, BACK + (LAST - BACK) / 2);
    assert_true(repair_rollback(&job, BACK, &back, &error));
    assert_int_equal(back.from, BACK + (LAST - BACK) / 2);
    expect_whole(&node, BACK);
    expect_replay(&node, BACK);
    directory_remove(&node.directory);
}

static void compacted_is_smaller_and_the_same(void **state)
{
    (void)state;
    struct toy_node node = {.height = 0};
    struct repair_sizes sizes;
    struct error error;
    toy_node_fill(&node, LAST);
    for (int i = 0; i < 4; i++) { /* each opening leaves small tables */
        toy_node_open(&node);
        toy_node_grow(&node, node.height + 10);
        store_close(node.store);
    }
    const uint64_t last = node.height - 1;
    const struct repair_job job = job_of(&node);
    if (!repair_compact(&job, &sizes, &error)) {
        fail_msg("%s", error.detail);
    }
    assert_true(sizes.after < sizes.before);
    expect_whole(&node, last);
    directory_remove(&node.directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rolled_back_state_is_that_height_s),
        cmocka_unit_test(what_cannot_be_reached_is_refused),
        cmocka_unit_test(killed_rollback_is_repeated),
        cmocka_unit_test(compacted_is_smaller_and_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
