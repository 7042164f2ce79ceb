#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/audit/audit.h"
#include "tests/support/archive.h"
#include "tests/support/directory.h"
#include "tests/support/spoil.h"

/* A history that is right passes; each way in which a whole block, certificate, root or
 * file can be wrong is named. */

enum { ACCOUNTS = 5, BLOCKS = 9, BAD = 6 };

static void expect_fault(const struct audit_report *report, uint64_t height, const char *field)
{
    assert_true(report->fault.found && report->fault.in_block);
    assert_string_equal(report->fault.field, field);
    assert_int_equal(report->fault.height, height);
    assert_int_equal(report->height, height - 1);
}

static void what_is_right_passes(void **state)
{
    (void)state;
    struct archive *a = archive_create(ACCOUNTS, BLOCKS);
    struct spoil spoil;
    struct audit_report report;
    struct error error;
    spoil_blocks(a, ACCOUNTS, BLOCKS);
    const struct hash root = archive_root(a);
    spoil_open(&spoil, a);
    for (uint32_t threads = 0; threads < 5; threads++) {
        struct audit_config config = spoil_config(&spoil);
        config.threads = threads;
        config.chain_id = &a->chain_id;
        if (!audit_replay(&config, &report, &error)) {
            fail_msg("%s", error.detail);
        }
        assert_int_equal(report.height, BLOCKS);
        assert_int_equal(report.last, BLOCKS);
        assert_int_equal(report.txs, 1 + 2 + 3 + 0 + 1 + 2 + 3 + 0 + 1);
        assert_true(hash_equal(&report.state_root, &root));
        assert_true(hash_equal(&report.block_id, &a->blocks[BLOCKS].light.block_id));
        assert_false(report.fault.found);
    }
    spoil_close(&spoil);
    archive_free(a);
}

/* ---- A quorum that lies ------------------------------------------------------------ */

static void other_state_root(struct block_header *header)
{
    header->state_root.bytes[5] ^= 1;
}
static void other_results_root(struct block_header *header)
{
    header->results_root.bytes[31] ^= 1;
}
static void other_hist_root(struct block_header *header)
{
    header->hist_root.bytes[0] ^= 0x80;
}
static void other_txs_root(struct block_header *header)
{
    header->txs_root.bytes[7] ^= 4;
}
static void other_set(struct block_header *header)
{
    header->set_hash.bytes[7] ^= 4;
}
static void other_next_set(struct block_header *header)
{
    header->next_set_hash.bytes[7] ^= 4;
}
static void other_chain(struct block_header *header)
{
    header->chain_id.bytes[9] ^= 4;
}
static void other_parent(struct block_header *header)
{
    header->parent_id.bytes[9] ^= 4;
}
static void same_time(struct block_header *header)
{
    header->time_ms -= 100;
}
static void other_height(struct block_header *header)
{
    header->height++;
}
static void other_epoch(struct block_header *header)
{
    header->epoch = 1;
}
static void same_view(struct block_header *header)
{
    header->view -= 1;
}
static void other_view(struct block_header *header)
{
    header->view += 1; /* of another leader */
}
static void other_proposer(struct block_header *header)
{
    header->proposer = (header->proposer + 1) % ARCHIVE_VALIDATORS;
}
static void other_proof(struct block_header *header)
{
    header->vrf_proof.bytes[VRF_PROOF_SIZE - 1] ^= 1;
}
static void other_evidence(struct block_header *header)
{
    header->last_cert_hash.bytes[0] ^= 1;
}

/* Whatever a quorum signed, height and field are named. */
static void a_lying_quorum_is_named(void **state)
{
    (void)state;
    const struct {
        const char *field;
        void (*header)(struct block_header *header);
    } lies[] = {
        {"state_root", other_state_root}, {"results_root", other_results_root},
        {"hist_root", other_hist_root},   {"txs_root", other_txs_root},
        {"set_hash", other_set},          {"next_set_hash", other_next_set},
        {"chain_id", other_chain},        {"parent_id", other_parent},
        {"time_ms", same_time},           {"height", other_height},
        {"epoch", other_epoch},           {"view", same_view},
        {"proposer", other_view},         {"proposer", other_proposer},
        {"vrf_proof", other_proof},       {"last_cert_hash", other_evidence},
    };
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        struct archive *a = archive_create(ACCOUNTS, BLOCKS);
        struct spoil spoil;
        struct audit_report report;
        struct error error;
        spoil_blocks(a, ACCOUNTS, BAD - 1);
        archive_transfer(a, 1, 2, 5);
        archive_block(a, &(struct archive_twist){.certify = BAD - 1, .header = lies[i].header});
        spoil_blocks(a, ACCOUNTS, BLOCKS);
        spoil_open(&spoil, a);
        const struct audit_config config = spoil_config(&spoil);
        assert_false(audit_replay(&config, &report, &error));
        assert_int_equal(error.code, EXIT_CODE_VERIFY);
        expect_fault(&report, BAD, lies[i].field);
        assert_string_not_equal(report.fault.expected, report.fault.actual);
        spoil_close(&spoil);
        archive_free(a);
    }
}

static void expect_bad_history(struct archive *a, uint64_t height, const char *field)
{
    struct spoil spoil;
    struct audit_report report;
    struct error error;
    spoil_open(&spoil, a);
    const struct audit_config config = spoil_config(&spoil);
    assert_false(audit_replay(&config, &report, &error));
    assert_int_equal(error.code, EXIT_CODE_VERIFY);
    expect_fault(&report, height, field);
    spoil_close(&spoil);
    archive_free(a);
}

static void a_certificate_of_too_few_is_refused(void **state)
{
    (void)state;
    for (uint32_t signers = 1; signers < ARCHIVE_QUORUM; signers++) { /* 2 = f + 1 */
        struct archive *a = archive_create(ACCOUNTS, BLOCKS);
        spoil_blocks(a, ACCOUNTS, BAD - 1);
        archive_block(a, &(struct archive_twist){.certify = BAD - 1, .signers = signers});
        spoil_blocks(a, ACCOUNTS, BLOCKS);
        expect_bad_history(a, BAD, "last_final");
        a = archive_create(ACCOUNTS, BLOCKS);
        spoil_blocks(a, ACCOUNTS, BLOCKS);
        a->tip_signers = signers;
        struct spoil spoil;
        struct audit_report report;
        struct error error;
        spoil_open(&spoil, a);
        const struct audit_config config = spoil_config(&spoil);
        assert_false(audit_replay(&config, &report, &error));
        assert_string_equal(report.fault.field, "finality");
        assert_int_equal(report.fault.height, BLOCKS);
        spoil_close(&spoil);
        archive_free(a);
    }
}

/* K2: a body carries what the chain does not carry yet. */
static void a_certificate_carried_twice_is_refused(void **state)
{
    (void)state;
    for (uint64_t back = 0; back < 2; back++) { /* the same one, and an older one */
        struct archive *a = archive_create(ACCOUNTS, BLOCKS);
        spoil_blocks(a, ACCOUNTS, BAD - 2);
        archive_block(a, &(struct archive_twist){.certify = BAD - 2});
        archive_block(a, &(struct archive_twist){.certify = BAD - 2 - back});
        spoil_blocks(a, ACCOUNTS, BLOCKS);
        expect_bad_history(a, BAD, "last_final");
    }
}

/* The validators signed a block of this height, but not the one in the chain. */
static void a_certificate_for_another_block_is_refused(void **state)
{
    (void)state;
    struct archive *a = archive_create(ACCOUNTS, BLOCKS);
    spoil_blocks(a, ACCOUNTS, BAD - 1);
    const struct hash real = a->blocks[BAD - 2].light.block_id;
    a->blocks[BAD - 2].light.block_id.bytes[3] ^= 1;
    archive_block(a, &(struct archive_twist){.certify = BAD - 2});
    a->blocks[BAD - 2].light.block_id = real;
    spoil_blocks(a, ACCOUNTS, BLOCKS);
    expect_bad_history(a, BAD, "last_final");
}

/* A quorum made a block final whose transaction nobody signed. */
static void an_altered_transaction_is_named(void **state)
{
    (void)state;
    struct archive *a = archive_create(ACCOUNTS, BLOCKS);
    spoil_blocks(a, ACCOUNTS, BAD - 1);
    archive_transfer(a, 0, 1, 7);
    archive_transfer(a, 1, 2, 7);
    a->tx_bytes[a->tx_used - 1] ^= 1; /* the last byte of the second one's signature */
    archive_block(a, &(struct archive_twist){.certify = BAD - 1, .skip_execution = true});
    expect_bad_history(a, BAD, "transaction 1");
    /* The same transaction twice. */
    a = archive_create(ACCOUNTS, BLOCKS);
    spoil_blocks(a, ACCOUNTS, BAD - 1);
    archive_transfer(a, 0, 1, 7);
    a->txs[a->tx_count++] = a->txs[0];
    archive_block(a, &(struct archive_twist){.certify = BAD - 1, .skip_execution = true});
    expect_bad_history(a, BAD, "transaction 1");
}

/* ---- Genesis ----------------------------------------------------------------------- */

static void another_genesis_is_refused(void **state)
{
    (void)state;
    struct archive *a = archive_create(ACCOUNTS, BLOCKS);
    struct archive *b = archive_create(ACCOUNTS + 1, BLOCKS);
    struct spoil spoil;
    struct audit_report report;
    struct error error;
    spoil_blocks(a, ACCOUNTS, BLOCKS);
    spoil_open(&spoil, a);
    struct audit_config config = spoil_config(&spoil);
    config.chain_id = &b->chain_id;
    assert_false(audit_replay(&config, &report, &error));
    assert_int_equal(error.code, EXIT_CODE_WRONG_CHAIN);
    config.chain_id = NULL;
    assert_true(archive_write_genesis(b, config.genesis));
    assert_false(audit_replay(&config, &report, &error));
    assert_int_equal(error.code, EXIT_CODE_WRONG_CHAIN);
    config.genesis = "/nonexistent/genesis";
    assert_false(audit_replay(&config, &report, &error));
    assert_int_equal(error.code, EXIT_CODE_WRONG_CHAIN);
    spoil_close(&spoil);
    archive_free(a);
    archive_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_right_passes),
        cmocka_unit_test(a_lying_quorum_is_named),
        cmocka_unit_test(a_certificate_of_too_few_is_refused),
        cmocka_unit_test(a_certificate_carried_twice_is_refused),
        cmocka_unit_test(a_certificate_for_another_block_is_refused),
        cmocka_unit_test(an_altered_transaction_is_named),
        cmocka_unit_test(another_genesis_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
