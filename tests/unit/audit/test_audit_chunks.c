#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/audit/audit.h"
#include "store/history/chunk.h"
#include "tests/support/archive.h"
#include "tests/support/directory.h"
#include "tests/support/spoil.h"

/* A history of two sealed chunks and an open file: every class of byte in each file, flipped, is
 * caught with height, file and offset; by the files' digests, and with these made anew by what
 * the chain says of itself. */

enum {
    ACCOUNTS = 3,
    BLOCKS = 2 * HISTORY_CHUNK_BLOCKS + 3,
    FILE_COUNT = 3,
    FILE_ROOM = 2 << 20,
    NAME_ROOM = DIRECTORY_PATH_MAX + 128,
};

static const char *const NAMES[FILE_COUNT] = {"history-000000000001-000000001000.gradus",
                                              "history-000000001001-000000002000.gradus",
                                              "history-000000002001-000000002003.gradus"};
static const uint64_t FIRSTS[FILE_COUNT] = {1, 1001, 2001};
static const uint64_t LASTS[FILE_COUNT] = {1000, 2000, 2003};

struct file {
    char path[NAME_ROOM];
    uint8_t bytes[FILE_ROOM];
    size_t size;
};

static struct archive *archive;
static struct spoil spoil;
static struct file sound;
static struct file file;

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

static void load(size_t index)
{
    (void)snprintf(sound.path, sizeof(sound.path), "%s/%s", spoil.history, NAMES[index]);
    FILE *stream = fopen(sound.path, "rb");
    assert_non_null(stream);
    sound.size = fread(sound.bytes, 1, FILE_ROOM, stream);
    assert_true(sound.size > 0 && sound.size < FILE_ROOM);
    (void)fclose(stream);
    file = sound;
}

static void save(const struct file *what)
{
    FILE *stream = fopen(what->path, "wb");
    assert_non_null(stream);
    assert_int_equal(fwrite(what->bytes, 1, what->size, stream), what->size);
    (void)fclose(stream);
}

/* Where the record of this kind (and height, for a block) begins in the file at hand. */
static size_t record_at(enum chunk_kind kind, uint64_t height, struct chunk_head *head)
{
    size_t at = CHUNK_HEADER_SIZE;
    for (;;) {
        assert_true(chunk_head_read(sound.bytes + at, head));
        if (head->kind == kind && (kind != CHUNK_BLOCK || head->height == height)) {
            return at;
        }
        assert_int_not_equal(head->kind, CHUNK_END);
        at += CHUNK_HEAD_SIZE + head->size + HASH_SIZE;
    }
}

/* ---- Found by digests ----------------------------------------------------------------- */

static void expect_damage(size_t index, size_t offset, uint64_t height)
{
    struct history_reader *reader = NULL;
    struct history_item item;
    struct error error;
    enum history_answer answer = HISTORY_BLOCK;
    file.bytes[offset] ^= (uint8_t)(1U << offset % 8);
    save(&file);
    file.bytes[offset] = sound.bytes[offset];
    assert_true(history_open(spoil.history, &archive->chain_id, &reader, &error));
    while (answer == HISTORY_BLOCK || answer == HISTORY_FINALITY || answer == HISTORY_SEAL) {
        answer = history_next(reader, &item, &error);
    }
    const struct history_fault *fault = history_fault(reader);
    assert_int_equal(answer, HISTORY_DAMAGED);
    assert_int_equal(error.code, EXIT_CODE_VERIFY);
    assert_string_equal(fault->file, NAMES[index]);
    assert_int_equal(fault->height, height);
    assert_true(fault->offset <= offset && offset < fault->offset + fault->size);
    history_close(reader);
}

/* A record's classes: kind, size, height and check of its head, first and last byte of its
 * body, digest. */
static void expect_record(size_t index, enum chunk_kind kind, uint64_t height)
{
    struct chunk_head head;
    const size_t at = record_at(kind, height, &head);
    const size_t places[] = {0,
                             6,
                             15,
                             16,
                             CHUNK_HEAD_SIZE,
                             CHUNK_HEAD_SIZE + head.size / 2,
                             CHUNK_HEAD_SIZE + head.size + 7};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        expect_damage(index, at + places[i], height);
    }
}

static void every_class_of_byte_is_caught(void **state)
{
    (void)state;
    for (size_t i = 0; i < FILE_COUNT; i++) {
        load(i);
        for (size_t at = 0; at < CHUNK_HEADER_SIZE; at += 7) { /* magic, id, height, check */
            expect_damage(i, at, FIRSTS[i]);
        }
        expect_record(i, CHUNK_BLOCK, FIRSTS[i]);     /* with a transaction */
        expect_record(i, CHUNK_BLOCK, FIRSTS[i] + 1); /* with a certificate */
        expect_record(i, CHUNK_BLOCK, LASTS[i]);
        expect_record(i, i < 2 ? CHUNK_SEAL : CHUNK_FINALITY, LASTS[i]);
        expect_record(i, CHUNK_INDEX, LASTS[i]);
        expect_record(i, CHUNK_END, LASTS[i]);
        save(&sound);
    }
}

/* ---- Found by the chain --------------------------------------------------------------- */

/* What somebody does who changes a file and wants nobody to see it. */
static void digest_anew(void)
{
    struct crypto_sha256 total;
    struct chunk_head head;
    struct hash digest;
    size_t at = CHUNK_HEADER_SIZE;
    crypto_sha256_init(&total);
    crypto_sha256_update(&total, bytes_of(file.bytes, CHUNK_HEADER_SIZE));
    assert_true(chunk_head_read(file.bytes + at, &head));
    while (head.kind != CHUNK_END) {
        const uint8_t *body = file.bytes + at + CHUNK_HEAD_SIZE;
        chunk_digest(file.bytes + at, bytes_of(body, head.size), &digest);
        crypto_sha256_update(&total, bytes_of(digest.bytes, HASH_SIZE));
        at += CHUNK_HEAD_SIZE + head.size;
        memcpy(file.bytes + at, digest.bytes, HASH_SIZE);
        at += HASH_SIZE;
        assert_true(chunk_head_read(file.bytes + at, &head));
    }
    crypto_sha256_final(&total, &digest);
    memcpy(file.bytes + at + CHUNK_HEAD_SIZE, digest.bytes, HASH_SIZE);
}

static void expect_fault(enum chunk_kind kind, uint64_t height, size_t from_end)
{
    struct chunk_head head;
    struct audit_report report;
    struct error error;
    const struct audit_config config = spoil_config(&spoil);
    const size_t at = record_at(kind, height, &head) + CHUNK_HEAD_SIZE;
    file.bytes[at + head.size - 1 - from_end] ^= 4;
    digest_anew();
    save(&file);
    file = sound;
    assert_false(audit_replay(&config, &report, &error));
    assert_int_equal(error.code, EXIT_CODE_VERIFY);
    assert_true(report.fault.found && report.fault.in_block);
    if (kind == CHUNK_BLOCK) { /* in the block, or as the parent of the next */
        assert_true(report.fault.height == height || report.fault.height == height + 1);
        assert_true(report.fault.offset >= at && report.fault.size > 0);
    } else {
        assert_int_equal(report.fault.height, height);
        assert_int_equal(report.fault.offset, at);
        assert_int_equal(report.fault.size, head.size);
    }
    assert_string_equal(report.fault.file, strrchr(sound.path, '/') + 1);
    assert_non_null(strstr(error.detail, report.fault.file));
}

static void new_digests_hide_nothing(void **state)
{
    (void)state;
    struct chunk_head head;
    for (size_t i = 0; i < FILE_COUNT; i++) {
        load(i);
        expect_fault(CHUNK_BLOCK, FIRSTS[i], 10); /* a transaction's signature */
        (void)record_at(CHUNK_BLOCK, FIRSTS[i] + 1, &head);
        expect_fault(CHUNK_BLOCK, FIRSTS[i] + 1, 20);             /* of a certificate */
        expect_fault(CHUNK_BLOCK, FIRSTS[i] + 1, head.size - 60); /* the header's parent */
        expect_fault(i < 2 ? CHUNK_SEAL : CHUNK_FINALITY, LASTS[i], 30);
        (void)record_at(i < 2 ? CHUNK_SEAL : CHUNK_FINALITY, LASTS[i], &head);
        expect_fault(head.kind, LASTS[i], head.size - 20); /* a header; the light part */
        save(&sound);
    }
}

/* A seal that is right in itself, and not the one that the chain carries. */
static void the_seal_is_the_chains(void **state)
{
    (void)state;
    static uint8_t seal[HISTORY_SEAL_SIZE_MAX];
    uint8_t last_final[WIRE_LAST_FINAL_SIZE_MAX];
    struct chunk_head head;
    struct wire_writer writer;
    struct bytes bytes;
    struct history_seal_parts parts;
    struct audit_report report;
    struct error error;
    const struct audit_config config = spoil_config(&spoil);
    load(0);
    const size_t at = record_at(CHUNK_SEAL, LASTS[0], &head) + CHUNK_HEAD_SIZE;
    assert_true(history_seal_decode(bytes_of(sound.bytes + at, head.size), &parts));
    assert_int_equal(parts.count, 1);
    wire_writer_init(&writer, seal, sizeof(seal));
    wire_write_array(&writer, 2);
    wire_write_array(&writer, 1);
    wire_write_bin(&writer, parts.headers[0]);
    /* Four of the validators have signed, not three. */
    wire_write_bin(&writer,
                   archive_finality(archive, LASTS[0] + 1, ARCHIVE_VALIDATORS, last_final));
    assert_true(wire_writer_end(&writer, &bytes));
    const struct chunk_head longer = {
        .kind = CHUNK_SEAL, .height = LASTS[0], .size = (uint32_t)bytes.size};
    const size_t behind = at + head.size;
    chunk_head_write(&longer, file.bytes + at - CHUNK_HEAD_SIZE);
    memcpy(file.bytes + at, bytes.data, bytes.size);
    memcpy(file.bytes + at + bytes.size, sound.bytes + behind, sound.size - behind);
    file.size = sound.size - head.size + bytes.size;
    digest_anew();
    save(&file);
    assert_false(audit_replay(&config, &report, &error));
    assert_int_equal(error.code, EXIT_CODE_VERIFY);
    assert_string_equal(report.fault.field, "seal");
    assert_int_equal(report.fault.height, LASTS[0]);
    save(&sound);
    assert_true(audit_replay(&config, &report, &error));
    assert_int_equal(report.height, BLOCKS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_class_of_byte_is_caught),
        cmocka_unit_test(new_digests_hide_nothing),
        cmocka_unit_test(the_seal_is_the_chains),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
