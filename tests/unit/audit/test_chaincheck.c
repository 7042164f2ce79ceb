#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/chaincheck/chaincheck.h"
#include "tests/support/archive.h"

/* The chain of a database, block by block: every certificate counts. */

enum { LAST = 90, ACCOUNTS = 3, LIAR = 60 };

struct world {
    struct archive *archive;
    struct genesis *genesis;
};

/* Each block carries the certificate of the one before; block LIAR is twisted. */
static void make(struct world *world, const struct archive_twist *twist)
{
    struct error error;
    world->archive = archive_create(ACCOUNTS, LAST);
    for (uint64_t height = 1; height <= LAST; height++) {
        struct archive_twist next = height == LIAR ? *twist : (struct archive_twist){.certify = 0};
        next.certify = height - 1;
        archive_transfer(world->archive, 0, 1, height);
        archive_block(world->archive, &next);
    }
    const struct bytes bytes = bytes_of(world->archive->genesis, world->archive->genesis_size);
    assert_true(genesis_decode("test", bytes, &world->genesis, &error));
}

static void unmake(struct world *world)
{
    genesis_free(world->genesis);
    archive_free(world->archive);
}

/* Every block with a finality each third, by `signers` at height few. */
static bool run(const struct world *world, uint64_t few, struct chaincheck_report *report,
                struct error *error)
{
    struct chaincheck *check = NULL;
    assert_true(chaincheck_create(world->genesis, 2, NULL, &check, error));
    bool sound = true;
    for (uint64_t height = 1; sound && height <= LAST; height++) {
        uint8_t buffer[WIRE_LAST_FINAL_SIZE_MAX];
        const struct archive_block *block = &world->archive->blocks[height];
        struct bytes finality = {0};
        if (height % 3 == 0) {
            finality =
                archive_finality(world->archive, height,
                                 height == few ? ARCHIVE_QUORUM - 1 : ARCHIVE_QUORUM, buffer);
        }
        sound = chaincheck_take(check, bytes_of(block->bytes, block->size), finality, error);
    }
    sound = sound && chaincheck_end(check, error);
    *report = *chaincheck_report(check);
    chaincheck_free(check);
    return sound;
}

static void right_chain_passes(void **state)
{
    (void)state;
    struct world world;
    struct chaincheck_report report;
    struct error error;
    make(&world, &(struct archive_twist){.certify = 0});
    if (!run(&world, 0, &report, &error)) {
        fail_msg("%s", error.detail);
    }
    assert_int_equal(report.height, LAST);
    assert_int_equal(report.txs, LAST);
    assert_int_equal(report.certificates, LAST - 1 + LAST / 3);
    unmake(&world);
}

static void expect_fault(const struct world *world, uint64_t few, uint64_t height,
                         const char *field)
{
    struct chaincheck_report report;
    struct error error;
    assert_false(run(world, few, &report, &error));
    assert_int_equal(error.code, EXIT_CODE_VERIFY);
    assert_true(report.fault.found);
    assert_int_equal(report.fault.height, height);
    assert_string_equal(report.fault.field, field);
}

static void certificate_of_too_few_is_found(void **state)
{
    (void)state;
    struct world world;
    make(&world, &(struct archive_twist){.signers = ARCHIVE_QUORUM - 1});
    expect_fault(&world, 0, LIAR, "last_final");
    unmake(&world);
}

static void kept_finality_of_too_few_is_found(void **state)
{
    (void)state;
    struct world world;
    make(&world, &(struct archive_twist){.certify = 0});
    expect_fault(&world, 45, 45, "finality");
    unmake(&world);
}

static void lie_about_txs(struct block_header *header)
{
    header->txs_root.bytes[3] ^= 1;
}

static void lie_about_history(struct block_header *header)
{
    header->hist_root.bytes[3] ^= 1;
}

static void lying_header_is_found(void **state)
{
    (void)state;
    struct world world;
    make(&world, &(struct archive_twist){.header = lie_about_txs});
    expect_fault(&world, 0, LIAR, "txs_root");
    unmake(&world);
    make(&world, &(struct archive_twist){.header = lie_about_history});
    expect_fault(&world, 0, LIAR, "hist_root");
    unmake(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_chain_passes),
        cmocka_unit_test(certificate_of_too_few_is_found),
        cmocka_unit_test(kept_finality_of_too_few_is_found),
        cmocka_unit_test(lying_header_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
