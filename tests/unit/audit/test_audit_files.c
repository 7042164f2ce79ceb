#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/audit/audit.h"
#include "store/history/history.h"
#include "tests/support/archive.h"
#include "tests/support/directory.h"
#include "tests/support/spoil.h"

/* A history of several files: whole, with one missing, and with two exchanged. */

enum { ACCOUNTS = 3, BLOCKS = 2 * HISTORY_CHUNK_BLOCKS + 3, NAME_ROOM = DIRECTORY_PATH_MAX + 128 };

static const char *const NAMES[] = {"history-000000000001-000000001000.gradus",
                                    "history-000000001001-000000002000.gradus",
                                    "history-000000002001-000000002003.gradus"};

static struct archive *archive;
static struct spoil spoil;

static int setup(void **state)
{
    (void)state;
    archive = archive_create(ACCOUNTS, BLOCKS);
    while (archive->height < BLOCKS) {
        const uint64_t h = archive->height + 1;
        if (h % 100 == 1) {
            archive_transfer(archive, 0, 1, h);
        }
        archive_block(archive, &(struct archive_twist){.certify = h % 50 == 2 ? h - 1 : 0});
    }
    spoil_open(&spoil, archive);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    spoil_close(&spoil);
    archive_free(archive);
    return 0;
}

static void path_of(const char *name, char *out)
{
    (void)snprintf(out, NAME_ROOM, "%s/%s", spoil.history, name);
}

static void move(const char *from, const char *to)
{
    char source[NAME_ROOM];
    char target[NAME_ROOM];
    path_of(from, source);
    path_of(to, target);
    assert_int_equal(rename(source, target), 0);
}

struct seen {
    uint64_t calls;
    uint64_t height;
};

static void count_progress(void *context, const struct audit_progress *progress)
{
    struct seen *seen = context;
    seen->calls++;
    assert_int_equal(progress->height, seen->height + 1);
    assert_int_equal(progress->last, BLOCKS);
    seen->height = progress->height;
}

static void several_files_are_one_history(void **state)
{
    (void)state;
    struct audit_report report;
    struct error error;
    struct seen seen = {0};
    struct audit_config config = spoil_config(&spoil);
    const struct hash root = archive_root(archive);
    config.progress = count_progress;
    config.context = &seen;
    assert_true(audit_replay(&config, &report, &error));
    assert_int_equal(report.height, BLOCKS);
    assert_int_equal(report.txs, 21);
    assert_true(hash_equal(&report.state_root, &root));
    assert_int_equal(seen.calls, BLOCKS);
}

static void a_missing_file_leaves_no_conclusion(void **state)
{
    (void)state;
    struct audit_report report;
    struct error error;
    const struct audit_config config = spoil_config(&spoil);
    for (size_t i = 0; i < 2; i++) {
        move(NAMES[i], "kept");
        assert_false(audit_replay(&config, &report, &error));
        assert_int_equal(error.code, EXIT_CODE_INCOMPLETE);
        assert_false(report.fault.found);
        move("kept", NAMES[i]);
    }
    move(NAMES[2], "kept"); /* sealed files are a whole history, of fewer blocks */
    assert_true(audit_replay(&config, &report, &error));
    assert_int_equal(report.height, 2 * HISTORY_CHUNK_BLOCKS);
    move("kept", NAMES[2]);
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        char away[NAME_ROOM];
        (void)snprintf(away, sizeof(away), "kept-%zu", i);
        move(NAMES[i], away);
    }
    assert_false(audit_replay(&config, &report, &error));
    assert_int_equal(error.code, EXIT_CODE_INCOMPLETE);
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        char away[NAME_ROOM];
        (void)snprintf(away, sizeof(away), "kept-%zu", i);
        move(away, NAMES[i]);
    }
    struct audit_config nowhere = config;
    nowhere.dir = "/nonexistent/history";
    assert_false(audit_replay(&nowhere, &report, &error));
    assert_int_equal(error.code, EXIT_CODE_INCOMPLETE);
}

static void exchanged_files_are_named(void **state)
{
    (void)state;
    struct audit_report report;
    struct error error;
    const struct audit_config config = spoil_config(&spoil);
    move(NAMES[0], "kept");
    move(NAMES[1], NAMES[0]);
    move("kept", NAMES[1]);
    assert_false(audit_replay(&config, &report, &error));
    assert_int_equal(error.code, EXIT_CODE_VERIFY);
    assert_true(report.fault.found && !report.fault.in_block);
    assert_string_equal(report.fault.file, NAMES[0]);
    move(NAMES[0], "kept");
    move(NAMES[1], NAMES[0]);
    move("kept", NAMES[1]);
    assert_true(audit_replay(&config, &report, &error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_files_are_one_history),
        cmocka_unit_test(a_missing_file_leaves_no_conclusion),
        cmocka_unit_test(exchanged_files_are_named),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
