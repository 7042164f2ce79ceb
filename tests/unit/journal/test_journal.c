#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/journal/crc32c.h"
#include "store/journal/journal.h"
#include "store/journal/segment.h"
#include "tests/sim/disk.h"

/* The journal on the simulator's disk, which tears, and once on real files. */

struct seen {
    uint32_t count;
    uint64_t views[4096];
    uint32_t payload_sum;
};

static void see(void *context, const struct journal_record *record)
{
    struct seen *seen = context;
    assert_true(seen->count < 4096);
    seen->views[seen->count++] = record->view;
    for (size_t i = 0; i < record->payload.size; i++) {
        seen->payload_sum += record->payload.data[i];
    }
}

static struct journal *open_journal(const struct disk_port *port, struct seen *seen)
{
    struct journal *journal = NULL;
    struct error error = {0};
    memset(seen, 0, sizeof(*seen));
    if (!journal_open(port, see, seen, &journal, &error)) {
        print_message("%s\n", error.detail);
        return NULL;
    }
    return journal;
}

static void put(struct journal *journal, uint64_t view, size_t size)
{
    uint8_t payload[600];
    memset(payload, (int)(view & 0xFF), sizeof(payload));
    journal_append(journal, &(struct journal_record){.type = JOURNAL_VOTE,
                                                     .epoch = 1,
                                                     .view = view,
                                                     .payload = bytes_of(payload, size)});
}

static void unit_sync(struct journal *journal)
{
    struct error error = {0};
    assert_true(journal_sync(journal, &error));
}

static void crc_known_answer(void **state)
{
    (void)state;
    const uint8_t zeros[32] = {0};
    assert_int_equal(crc32c(0, bytes_of("123456789", 9)), 0xE3069283);
    assert_int_equal(crc32c(0, bytes_of(zeros, 32)), 0x8A9136AA); /* RFC 3720 B.4 */
    assert_int_equal(crc32c(crc32c(0, bytes_of("1234", 4)), bytes_of("56789", 5)), 0xE3069283);
}

static void replays_in_order(const struct disk_port *port)
{
    struct seen seen;
    struct journal *journal = open_journal(port, &seen);
    assert_non_null(journal);
    for (uint64_t view = 1; view <= 700; view++) {
        put(journal, view, view % 500);
        put(journal, view, 0);
        if (view % 3 == 0) {
            unit_sync(journal);
        }
    }
    unit_sync(journal);
    struct journal_status status;
    journal_status(journal, &status);
    assert_int_equal(status.segment_count, 3); /* 256 views each */
    put(journal, 9999, 5);
    journal_close(journal); /* not synced: gone */

    journal = open_journal(port, &seen);
    assert_non_null(journal);
    assert_int_equal(seen.count, 1400);
    for (uint32_t i = 0; i < seen.count; i++) {
        assert_int_equal(seen.views[i], i / 2 + 1);
    }
    memset(&seen, 0, sizeof(seen));
    struct error error = {0};
    const struct journal_place place = {.epoch = 1, .view = 300};
    assert_true(journal_read_view(journal, place, see, &seen, &error));
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.payload_sum, (300 % 256) * 300);

    assert_true(journal_prune(journal, 1, 400, &error));
    journal_status(journal, &status);
    assert_int_equal(status.segment_count, 2);
    journal_close(journal);
    journal = open_journal(port, &seen);
    assert_non_null(journal);
    assert_true(seen.count > 0 && seen.views[0] <= 401 && seen.views[0] > 1);
    assert_int_equal(seen.views[seen.count - 1], 700);
    journal_close(journal);
}

static void in_memory(void **state)
{
    (void)state;
    static struct sim_disk disk;
    const struct disk_port port = sim_disk_port(&disk);
    replays_in_order(&port);
    sim_disk_free(&disk);
}

static void on_files(void **state)
{
    (void)state;
    char dir[] = "/tmp/journal-XXXXXX";
    char name[DISK_NAME_MAX];
    struct disk_port port;
    struct error error = {0};
    assert_non_null(mkdtemp(dir));
    assert_true(disk_posix_open(dir, &port, &error));
    replays_in_order(&port);
    for (uint64_t i = 1; i < 8; i++) {
        segment_name(i, name);
        (void)port.remove(port.context, name, &error);
    }
    disk_posix_close(&port);
    assert_int_equal(rmdir(dir), 0);
}

/* P21 and the tail rule: whatever a crash does to what was not synced, what was synced is
 * there and nothing is invented. */
static void survives_crashes(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        static struct sim_disk disk;
        uint64_t random = seed;
        const struct disk_port port = sim_disk_port(&disk);
        uint64_t synced = 0;
        uint64_t written = 0;
        for (int life = 0; life < 6; life++) {
            static struct seen seen;
            struct journal *journal = open_journal(&port, &seen);
            assert_non_null(journal);
            assert_true(seen.count >= synced && seen.count <= written);
            for (uint32_t i = 0; i < seen.count; i++) {
                assert_int_equal(seen.views[i], i + 1);
            }
            written = seen.count;
            synced = seen.count;
            const uint64_t steps = random_below(&random, 200);
            for (uint64_t step = 0; step < steps; step++) {
                put(journal, ++written, random_below(&random, 600));
                if (random_below(&random, 4) == 0) {
                    unit_sync(journal);
                    synced = written;
                }
            }
            if (random_below(&random, 2) == 0) { /* the power goes during the sync */
                struct error error = {0};
                put(journal, ++written, random_below(&random, 600));
                disk.sync_fails = true;
                assert_false(journal_sync(journal, &error));
                disk.sync_fails = false;
            }
            journal_close(journal);
            sim_disk_crash(&disk, &random);
        }
        sim_disk_free(&disk);
    }
}

/* A write that reached the file but not fdatasync: any of its sectors may be missing. */
static void torn_unit_is_cut_off(void **state)
{
    (void)state;
    uint32_t kept_counts = 0;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        static struct sim_disk disk;
        static struct seen seen;
        uint64_t random = seed;
        const struct disk_port port = sim_disk_port(&disk);
        struct journal *journal = open_journal(&port, &seen);
        put(journal, 1, 100);
        unit_sync(journal);
        for (uint64_t view = 2; view <= 9; view++) {
            put(journal, view, 400);
        }
        struct error error = {0};
        disk.sync_fails = true;
        assert_false(journal_sync(journal, &error));
        disk.sync_fails = false;
        journal_close(journal);
        sim_disk_crash(&disk, &random);

        journal = open_journal(&port, &seen);
        assert_non_null(journal);
        assert_in_range(seen.count, 1, 9);
        for (uint32_t i = 0; i < seen.count; i++) {
            assert_int_equal(seen.views[i], i + 1);
        }
        kept_counts |= 1U << seen.count;
        put(journal, 50, 10);
        unit_sync(journal);
        journal_close(journal);
        const uint32_t before = seen.count;
        journal = open_journal(&port, &seen);
        assert_non_null(journal);
        assert_int_equal(seen.count, before + 1);
        journal_close(journal);
        sim_disk_free(&disk);
    }
    assert_true((kept_counts & (kept_counts - 1)) != 0); /* not always the same cut */
}

/* What an open said is durable, though it was read from memory: a sync had failed, or the process
 * was killed before it, and the machine went on. */
static void open_makes_durable(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        static struct sim_disk disk;
        static struct seen seen;
        struct error error = {0};
        uint64_t random = seed;
        const struct disk_port port = sim_disk_port(&disk);
        struct journal *journal = open_journal(&port, &seen);
        put(journal, 1, 100);
        unit_sync(journal);
        for (uint64_t view = 2; view <= 9; view++) {
            put(journal, seed % 3 == 0 ? view + JOURNAL_SEGMENT_VIEWS : view, 400);
        }
        disk.forgets = seed % 2 == 0;
        disk.sync_fails = seed % 5 != 0;
        disk.name_fails = seed % 5 == 0; /* of a new segment; else the unit is durable */
        const bool synced = journal_sync(journal, &error);
        assert_int_equal(synced, seed % 5 == 0 && seed % 3 != 0);
        disk.forgets = false;
        disk.sync_fails = false;
        disk.name_fails = false;
        journal_close(journal);

        journal = open_journal(&port, &seen);
        assert_non_null(journal);
        const uint32_t count = seen.count;
        struct journal_status said;
        journal_status(journal, &said);
        if (seed % 7 == 0) { /* a later unit makes only itself durable */
            put(journal, 600, 10);
            unit_sync(journal);
        }
        journal_close(journal);
        sim_disk_crash(&disk, &random);
        journal = open_journal(&port, &seen);
        assert_non_null(journal);
        assert_int_equal(seen.count, count + (seed % 7 == 0 ? 1 : 0));
        struct journal_status status;
        journal_status(journal, &status);
        assert_int_equal(status.unit, said.unit + (seed % 7 == 0 ? 1 : 0));
        journal_close(journal);
        sim_disk_free(&disk);
    }
}

/* A bad byte in what was durable is no torn tail: refuse, and say where. */
static void damage_is_refused(void **state)
{
    (void)state;
    static struct sim_disk disk;
    static struct seen seen;
    const struct disk_port port = sim_disk_port(&disk);
    struct journal *journal = open_journal(&port, &seen);
    for (uint64_t view = 1; view <= 20; view++) {
        put(journal, view, 50);
        unit_sync(journal);
    }
    journal_close(journal);
    struct sim_file *file = sim_disk_file(&disk, "journal-0000000000000001");
    const size_t last_unit =
        file->now_size - segment_record_size(50) - segment_record_size(BEGIN_PAYLOAD_SIZE);
    uint32_t refused = 0;
    for (size_t at = 0; at < last_unit; at += 7) {
        file->now[at] ^= 0x10;
        struct error error = {0};
        memset(&seen, 0, sizeof(seen));
        journal = NULL;
        const bool opened = journal_open(&port, see, &seen, &journal, &error);
        file->now[at] ^= 0x10;
        assert_false(opened);
        assert_int_equal(error.code, EXIT_CODE_CORRUPT);
        assert_non_null(strstr(error.detail, "journal-0000000000000001"));
        refused++;
    }
    assert_true(refused > 100);
    sim_disk_free(&disk);
}

/* A block's bytes are another's choice: a record of ours that stands in them, with any unit
 * number and a right CRC, makes no unit out of a torn tail. */
static void a_payload_forges_no_unit(void **state)
{
    (void)state;
    static struct sim_disk disk;
    static struct seen seen;
    const struct disk_port port = sim_disk_port(&disk);
    struct journal *journal = open_journal(&port, &seen);
    put(journal, 1, 50);
    unit_sync(journal);

    uint8_t forged[BEGIN_PAYLOAD_SIZE];
    uint8_t block[400] = {0};
    memset(forged, 0x7F, sizeof(forged));
    segment_record_write(block + 100, RECORD_BEGIN, (struct segment_key){0},
                         bytes_of(forged, sizeof(forged)));
    journal_append(journal, &(struct journal_record){.type = JOURNAL_PROPOSAL,
                                                     .epoch = 1,
                                                     .view = 2,
                                                     .payload = bytes_of(block, sizeof(block))});
    unit_sync(journal);
    journal_close(journal);
    sim_disk_file(&disk, "journal-0000000000000001")->now_size -= 50; /* killed while writing */

    journal = open_journal(&port, &seen);
    assert_non_null(journal);
    assert_int_equal(seen.count, 1);
    journal_close(journal);
    sim_disk_free(&disk);
}

static void another_format_is_named(void **state)
{
    (void)state;
    static struct sim_disk disk;
    static struct seen seen;
    struct error error = {0};
    const struct disk_port port = sim_disk_port(&disk);
    struct journal *journal = open_journal(&port, &seen);
    put(journal, 1, 10);
    unit_sync(journal);
    journal_close(journal);
    sim_disk_file(&disk, "journal-0000000000000001")->now[15] = '1';
    assert_false(journal_open(&port, see, &seen, &journal, &error));
    assert_int_equal(error.code, EXIT_CODE_BAD_VERSION);
    assert_non_null(strstr(error.detail, "journal-0000000000000001"));
    sim_disk_free(&disk);
}

static void failed_sync_is_final(void **state)
{
    (void)state;
    static struct sim_disk disk;
    static struct seen seen;
    struct error error = {0};
    const struct disk_port port = sim_disk_port(&disk);
    struct journal *journal = open_journal(&port, &seen);
    put(journal, 1, 10);
    disk.fails = true;
    assert_false(journal_sync(journal, &error));
    disk.fails = false;
    assert_false(journal_sync(journal, &error)); /* not retried: what the disk holds is unknown */
    journal_close(journal);
    sim_disk_free(&disk);
}

/* A file in the middle is gone: what was in it is unknown. */
static void lost_segment_is_refused(void **state)
{
    (void)state;
    static struct sim_disk disk;
    static struct seen seen;
    struct error error = {0};
    const struct disk_port port = sim_disk_port(&disk);
    struct journal *journal = open_journal(&port, &seen);
    for (uint64_t view = 1; view <= 3 * JOURNAL_SEGMENT_VIEWS; view++) {
        put(journal, view, 10);
        unit_sync(journal);
    }
    journal_close(journal);
    char name[DISK_NAME_MAX];
    segment_name(2, name);
    assert_true(port.remove(port.context, name, &error));
    assert_null(open_journal(&port, &seen));
    sim_disk_free(&disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc_known_answer),
        cmocka_unit_test(in_memory),
        cmocka_unit_test(on_files),
        cmocka_unit_test(survives_crashes),
        cmocka_unit_test(torn_unit_is_cut_off),
        cmocka_unit_test(open_makes_durable),
        cmocka_unit_test(damage_is_refused),
        cmocka_unit_test(a_payload_forges_no_unit),
        cmocka_unit_test(another_format_is_named),
        cmocka_unit_test(failed_sync_is_final),
        cmocka_unit_test(lost_segment_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
