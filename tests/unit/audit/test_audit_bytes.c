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

/* No byte of a history is outside a digest, a signature or a computed root: each one
 * flipped is found, with the files' own digests in place and with them made anew by
 * somebody who wants to deceive.  BYTE_STEP 1 tries every byte. */

#ifndef BYTE_STEP
#define BYTE_STEP 11
#endif

enum { ACCOUNTS = 3, BLOCKS = 4, FILE_ROOM = 1 << 14 };

static const char FILE_NAME[] = "history-000000000001-000000000004.gradus";

struct file {
    char path[DIRECTORY_PATH_MAX + 128];
    uint8_t bytes[FILE_ROOM];
    size_t size;
};

static void file_load(struct file *file, const struct spoil *spoil)
{
    (void)snprintf(file->path, sizeof(file->path), "%s/%s", spoil->history, FILE_NAME);
    FILE *stream = fopen(file->path, "rb");
    assert_non_null(stream);
    file->size = fread(file->bytes, 1, FILE_ROOM, stream);
    assert_true(file->size > 0 && file->size < FILE_ROOM);
    (void)fclose(stream);
}

static void file_save(const struct file *file, size_t size)
{
    FILE *stream = fopen(file->path, "wb");
    assert_non_null(stream);
    assert_int_equal(fwrite(file->bytes, 1, size, stream), size);
    (void)fclose(stream);
}

/* The block whose bytes lie at offset; 0: none. */
static uint64_t block_at(const struct archive *a, const struct file *file, size_t offset)
{
    for (uint64_t h = 1; h <= a->height; h++) {
        for (size_t at = 0; at + a->blocks[h].size <= file->size; at++) {
            if (memcmp(file->bytes + at, a->blocks[h].bytes, a->blocks[h].size) == 0 &&
                offset >= at && offset < at + a->blocks[h].size) {
                return h;
            }
        }
    }
    return 0;
}

static bool audit(const struct spoil *spoil, struct audit_report *report, struct error *error)
{
    struct audit_config config = spoil_config(spoil);
    config.threads = 1;
    return audit_replay(&config, report, error);
}

static void a_flipped_byte_is_found_and_named(void **state)
{
    (void)state;
    static struct file sound;
    static struct file file;
    struct archive *a = archive_create(ACCOUNTS, BLOCKS);
    struct spoil spoil;
    struct audit_report report;
    struct error error;
    spoil_blocks(a, ACCOUNTS, BLOCKS);
    spoil_open(&spoil, a);
    file_load(&sound, &spoil);
    file = sound;
    for (size_t i = 0; i < sound.size; i += BYTE_STEP) {
        file.bytes[i] ^= (uint8_t)(1U << i % 8);
        file_save(&file, file.size);
        file.bytes[i] = sound.bytes[i];
        assert_false(audit(&spoil, &report, &error));
        assert_int_equal(error.code, EXIT_CODE_VERIFY);
        assert_true(report.fault.found);
        const uint64_t height = block_at(a, &sound, i);
        assert_int_equal(report.fault.in_block, height != 0);
        assert_string_equal(report.fault.file, FILE_NAME);
        assert_true(report.fault.offset <= i && i < report.fault.offset + report.fault.size);
        if (height != 0) {
            assert_int_equal(report.fault.height, height);
            assert_int_equal(report.height, height - 1);
        }
    }
    for (size_t size = 0; size < sound.size; size += 7 * BYTE_STEP) { /* a truncated tail */
        file_save(&sound, size);
        assert_false(audit(&spoil, &report, &error));
        assert_int_equal(error.code, EXIT_CODE_VERIFY);
        assert_string_equal(report.fault.file, FILE_NAME);
    }
    file_save(&sound, sound.size);
    assert_true(audit(&spoil, &report, &error));
    spoil_close(&spoil);
    archive_free(a);
}

/* Block h differs from what its id says: found in the block, or in the link to it. */
static void expect_named(const struct audit_report *report, uint64_t h)
{
    const struct audit_fault *fault = &report->fault;
    assert_true(fault->found && fault->in_block);
    if (h < BLOCKS && fault->height == h + 1) {
        assert_string_equal(fault->field, "parent_id");
    } else if (h == BLOCKS && strcmp(fault->field, "finality") == 0) {
        assert_int_equal(fault->height, BLOCKS);
    } else {
        assert_int_equal(fault->height, h);
    }
}

static void a_flipped_byte_under_new_file_digests_is_found(void **state)
{
    (void)state;
    struct archive *a = archive_create(ACCOUNTS, BLOCKS);
    struct spoil spoil;
    struct audit_report report;
    struct error error;
    struct file file;
    spoil_blocks(a, ACCOUNTS, BLOCKS);
    spoil_open(&spoil, a);
    (void)snprintf(file.path, sizeof(file.path), "%s/%s", spoil.history, FILE_NAME);
    for (uint64_t h = 1; h <= BLOCKS; h++) {
        for (size_t i = h % BYTE_STEP; i < a->blocks[h].size; i += BYTE_STEP) {
            assert_int_equal(unlink(file.path), 0);
            a->blocks[h].bytes[i] ^= (uint8_t)(1U << i % 8);
            assert_true(archive_export(a, spoil.history));
            a->blocks[h].bytes[i] ^= (uint8_t)(1U << i % 8);
            assert_false(audit(&spoil, &report, &error));
            assert_int_equal(error.code, EXIT_CODE_VERIFY);
            expect_named(&report, h);
        }
    }
    spoil_close(&spoil);
    archive_free(a);
}

/* The certificate with which the history ends, every byte. */
static void a_flipped_byte_of_the_last_finality_is_found(void **state)
{
    (void)state;
    struct archive *a = archive_create(ACCOUNTS, BLOCKS);
    struct spoil spoil;
    struct audit_report report;
    struct error error;
    struct file file;
    uint8_t finality[WIRE_LAST_FINAL_SIZE_MAX];
    spoil_blocks(a, ACCOUNTS, BLOCKS);
    spoil_open(&spoil, a);
    (void)snprintf(file.path, sizeof(file.path), "%s/%s", spoil.history, FILE_NAME);
    const struct bytes sound = archive_finality(a, BLOCKS, ARCHIVE_QUORUM, finality);
    for (size_t i = 0; i < sound.size; i += (BYTE_STEP + 2) / 3) {
        assert_int_equal(unlink(file.path), 0);
        finality[i] ^= (uint8_t)(1U << i % 8);
        assert_true(archive_export_with(a, spoil.history, sound));
        finality[i] ^= (uint8_t)(1U << i % 8);
        assert_false(audit(&spoil, &report, &error));
        assert_int_equal(error.code, EXIT_CODE_VERIFY);
        assert_string_equal(report.fault.field, "finality");
        assert_int_equal(report.fault.height, BLOCKS);
        assert_int_equal(report.height, BLOCKS); /* every block before it was right */
    }
    /* Somebody else's: of the block before. */
    uint8_t other[WIRE_LAST_FINAL_SIZE_MAX];
    assert_int_equal(unlink(file.path), 0);
    assert_true(archive_export_with(a, spoil.history,
                                    archive_finality(a, BLOCKS - 1, ARCHIVE_QUORUM, other)));
    assert_false(audit(&spoil, &report, &error));
    assert_string_equal(report.fault.field, "finality");
    spoil_close(&spoil);
    archive_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flipped_byte_is_found_and_named),
        cmocka_unit_test(a_flipped_byte_under_new_file_digests_is_found),
        cmocka_unit_test(a_flipped_byte_of_the_last_finality_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
