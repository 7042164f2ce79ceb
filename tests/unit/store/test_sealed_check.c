#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "store/backup/backup.h"
#include "store/inspect/inspect.h"
#include "store/repair/repair.h"
#include "tests/support/toy_node.h"

/* Databases whose old blocks are in sealed files, or gone: check, backup and restore. */

enum { LAST = 2003, NAME_ROOM = DIRECTORY_PATH_MAX + 96 };
static const char first_file[] = "history/history-000000000001-000000001000.gradus";

static struct toy_node node = {.carries = true};

static int setup(void **state)
{
    (void)state;
    struct repair_prune prune;
    struct error error;
    toy_node_fill(&node, LAST);
    const struct repair_job job = {.dir = node.directory.path, .chain_id = toy_chain};
    assert_true(repair_prune_to(&job, 100, &prune, &error));
    assert_int_equal(prune.sealed, 2);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    directory_remove(&node.directory);
    return 0;
}

struct seen {
    uint64_t first;
    uint64_t last;
};

static bool see(void *context, const struct inspect_block *block, struct error *error)
{
    struct seen *seen = context;
    (void)error;
    seen->first = seen->first == 0 ? block->height : seen->first;
    seen->last = block->height;
    return true;
}

static bool check(const char *dir, struct seen *seen, struct inspect_fault *fault,
                  struct error *error)
{
    struct inspect *inspect = NULL;
    const struct inspect_visitor visitor = {.context = seen, .block = see};
    *seen = (struct seen){.first = 0};
    uint64_t certified = 0;
    assert_true(inspect_open(dir, &toy_chain, &inspect, error));
    const bool sound = inspect_check_chain(inspect, &visitor, error) &&
                       inspect_check_state(inspect, &visitor, &certified, error);
    *fault = *inspect_fault(inspect);
    inspect_close(inspect);
    return sound;
}

static void flip(const char *name, long offset)
{
    char path[NAME_ROOM];
    (void)snprintf(path, sizeof(path), "%s/%s", node.directory.path, name);
    FILE *stream = fopen(path, "r+b");
    assert_non_null(stream);
    assert_int_equal(fseek(stream, offset, SEEK_SET), 0);
    const int byte = fgetc(stream);
    assert_int_equal(fseek(stream, offset, SEEK_SET), 0);
    assert_int_not_equal(fputc(byte ^ 8, stream), EOF);
    assert_int_equal(fclose(stream), 0);
}

static void sealed_blocks_are_checked(void **state)
{
    (void)state;
    struct seen seen;
    struct inspect_fault fault;
    struct error error;
    assert_true(check(node.directory.path, &seen, &fault, &error));
    assert_int_equal(seen.first, 1);
    assert_int_equal(seen.last, LAST);
    flip(first_file, 30000);
    assert_false(check(node.directory.path, &seen, &fault, &error));
    assert_int_equal(error.code, EXIT_CODE_CORRUPT);
    assert_true(fault.found && fault.has_height && fault.height > 1 && fault.height <= 1000);
    assert_string_equal(fault.database, "history");
    assert_int_equal(seen.last, fault.height - 1);
    flip(first_file, 30000);
}

static void a_backup_has_the_sealed_files(void **state)
{
    (void)state;
    struct directory directory;
    struct backup_info info;
    struct error error;
    struct seen seen;
    struct inspect_fault fault;
    char to[NAME_ROOM];
    char back[NAME_ROOM];
    char path[2 * NAME_ROOM];
    assert_true(directory_make(&directory));
    (void)snprintf(to, sizeof(to), "%s/copy", directory.path);
    (void)snprintf(back, sizeof(back), "%s/back", directory.path);
    struct backup_job job = {.from = node.directory.path, .to = to, .chain_id = toy_chain};
    assert_true(backup_create(&job, &info, &error));
    job.from = to;
    job.to = back;
    assert_true(backup_check(&job, &info, &error));
    assert_true(backup_restore(&job, &info, &error));
    assert_true(check(back, &seen, &fault, &error));
    assert_int_equal(seen.first, 1);
    (void)snprintf(path, sizeof(path), "%s/%s", to, first_file);
    assert_int_equal(unlink(path), 0);
    assert_false(backup_check(&job, &info, &error));
    for (int i = 0; i < 2; i++) {
        static const char *const folders[] = {"history", "chain.db", "state.db"};
        struct directory inner;
        for (size_t f = 0; f < 3; f++) {
            (void)snprintf(inner.path, sizeof(inner.path), "%.300s/%s", i == 0 ? to : back,
                           folders[f]);
            directory_remove(&inner);
        }
        (void)snprintf(inner.path, sizeof(inner.path), "%.300s", i == 0 ? to : back);
        directory_remove(&inner);
    }
    directory_remove(&directory);
}

/* The last: what is left is whole. */
static void a_pruned_chain_is_checked_from_its_oldest_block(void **state)
{
    (void)state;
    struct repair_prune prune;
    struct seen seen;
    struct inspect_fault fault;
    struct error error;
    const struct repair_job job = {.dir = node.directory.path, .chain_id = toy_chain};
    assert_true(repair_prune_to(&job, 0, &prune, &error));
    assert_int_equal(prune.unlinked, 1);
    assert_true(check(node.directory.path, &seen, &fault, &error));
    assert_int_equal(seen.first, 1001);
    assert_int_equal(seen.last, LAST);
    struct repair_rollback rollback;
    assert_true(repair_rollback(&job, LAST - 100, &rollback, &error));
    assert_true(check(node.directory.path, &seen, &fault, &error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sealed_blocks_are_checked),
        cmocka_unit_test(a_backup_has_the_sealed_files),
        cmocka_unit_test(a_pruned_chain_is_checked_from_its_oldest_block),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
