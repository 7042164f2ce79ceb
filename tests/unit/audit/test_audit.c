#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/audit/audit.h"
#include "tests/support/archive.h"
#include "tests/support/directory.h"

/* A history that is right passes; each way in which it can be wrong is named. */

enum { ACCOUNTS = 5, BLOCKS = 9 };

struct files {
    struct directory directory;
    char genesis[DIRECTORY_PATH_MAX + 16];
    char history[DIRECTORY_PATH_MAX + 16];
};

static void files_make(struct files *files, const struct archive *archive)
{
    assert_true(directory_make(&files->directory));
    (void)snprintf(files->genesis, sizeof(files->genesis), "%s/genesis", files->directory.path);
    (void)snprintf(files->history, sizeof(files->history), "%s/history", files->directory.path);
    assert_true(archive_write_genesis(archive, files->genesis));
    assert_true(archive_export(archive, files->history));
}

static bool replay(const struct files *files, struct audit_report *report, struct error *error)
{
    const struct audit_config config = {
        .dir = files->history, .genesis = files->genesis, .threads = 2};
    return audit_replay(&config, report, error);
}

/* Blocks 1 .. last with transfers in most and certificates in most. */
static void make_blocks(struct archive *a, uint64_t last)
{
    while (a->height < last) {
        const uint64_t h = a->height + 1;
        for (uint32_t i = 0; i < h % 4; i++) {
            archive_transfer(a, (uint32_t)(h + i) % ACCOUNTS, (uint32_t)(h + 2 * i + 1) % ACCOUNTS,
                             10 * h + i);
        }
        archive_block(a, &(struct archive_twist){.certify = h % 3 == 0 ? 0 : h - 1});
    }
}

static void what_is_right_passes(void **state)
{
    (void)state;
    struct archive *a = archive_create(ACCOUNTS, BLOCKS);
    struct files files;
    struct audit_report report;
    struct error error;
    make_blocks(a, BLOCKS);
    files_make(&files, a);
    const struct hash root = archive_root(a);
    if (!replay(&files, &report, &error)) {
        fail_msg("%s", error.detail);
    }
    assert_int_equal(report.height, BLOCKS);
    assert_int_equal(report.last, BLOCKS);
    assert_true(hash_equal(&report.state_root, &root));
    assert_true(hash_equal(&report.block_id, &a->blocks[BLOCKS].light.block_id));
    assert_false(report.fault.found);
    directory_remove(&files.directory);
    archive_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_right_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
