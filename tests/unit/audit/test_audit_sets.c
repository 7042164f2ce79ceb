#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/audit/audit.h"
#include "client/chaincheck/chaincheck.h"
#include "tests/support/archive.h"
#include "tests/support/directory.h"
#include "tests/support/evidence.h"
#include "tests/support/spoil.h"

/* A history in which the validators change: what the chain itself put in force is believed, and
 * nothing else is. */

enum {
    ACCOUNTS = 5,
    BLOCKS = 12,
    ACCEPT = 1,   /* this block accepts that seat 3 leaves */
    BOUNDARY = 3, /* and this one ends the epoch */
};

static struct hash next_set; /* of the change under way */

static struct hash set_hash_of(const struct validator_set *set)
{
    uint8_t buffer[WIRE_VALIDATOR_SET_SIZE_MAX];
    struct wire_writer writer;
    struct bytes bytes;
    struct hash out;
    wire_writer_init(&writer, buffer, sizeof(buffer));
    wire_write_validator_set(&writer, set);
    assert_true(wire_writer_end(&writer, &bytes));
    crypto_digest(TAG_VALIDATOR_SET, bytes, &out);
    return out;
}

/* Proposed by account 0, approved by 1 and 2, and said again by 0 and 1 once it is accepted, in
 * the block being made. */
static void agree(struct archive *a, const struct body_validator_propose *body)
{
    struct validator_set next = a->set;
    if (body->action == CHANGE_ADD) {
        next.items[next.count++] = body->validator;
    } else {
        next.count--; /* the last seat */
    }
    next_set = set_hash_of(&next);
    const struct body_validator_approve approve = {.proposer = a->addresses[0],
                                                   .next_set_hash = next_set};
    archive_send(a, 0, TX_VALIDATOR_PROPOSE, body);
    archive_send(a, 1, TX_VALIDATOR_APPROVE, &approve);
    archive_send(a, 2, TX_VALIDATOR_APPROVE, &approve);
    archive_send(a, 0, TX_VALIDATOR_APPROVE, &approve);
    archive_send(a, 1, TX_VALIDATOR_APPROVE, &approve);
}

static void leave(struct archive *a)
{
    const uint32_t last = a->set.count - 1;
    const struct body_validator_propose body = {.set_hash = a->set_hash,
                                                .action = CHANGE_REMOVE,
                                                .seat = last,
                                                .validator = a->set.items[last]};
    agree(a, &body);
}

static void come_back(struct archive *a, const struct validator *validator)
{
    const struct body_validator_propose body = {.set_hash = a->set_hash,
                                                .action = CHANGE_ADD,
                                                .seat = a->set.count,
                                                .validator = *validator};
    agree(a, &body);
}

static void be_ready(struct archive *a, uint32_t seat)
{
    struct body_ready body = {.next_set_hash = next_set, .seat = seat, .height = a->height};
    const struct hash digest = id_ready(&a->chain_id, &next_set, seat, body.height);
    crypto_key_sign(a->consensus[seat], &digest, &body.signature);
    archive_send(a, 4, TX_READY, &body);
}

static void blocks_to(struct archive *a, uint64_t last)
{
    while (a->height < last) {
        archive_block(a, &(struct archive_twist){.certify = a->height});
    }
}

/* Seat 3 leaves with block 3 and is back with block 8. */
static struct archive *changing_create(void)
{
    struct archive *a = archive_create(ACCOUNTS, BLOCKS + 1);
    const struct validator left = a->set.items[3];
    leave(a);
    blocks_to(a, BOUNDARY);
    assert_int_equal(a->epoch, 1);
    assert_int_equal(a->set.count, 3);
    blocks_to(a, 5);
    come_back(a, &left);
    blocks_to(a, 6);
    be_ready(a, 3);
    blocks_to(a, 8);
    assert_int_equal(a->epoch, 2);
    assert_int_equal(a->set.count, 4);
    return a;
}

/* Seat 3 signed two NOTARIZE: it leaves with block 4. */
static struct archive *guilty_create(void)
{
    static uint8_t raw[EVIDENCE_SIZE_MAX];
    struct archive *a = archive_create(ACCOUNTS, BLOCKS + 1);
    const struct evidence_place place = {
        .chain_id = a->chain_id, .set_hash = a->set_hash, .view = 40, .seat = 3};
    const struct body_evidence body = evidence_double(&place, a->consensus[3]);
    blocks_to(a, 1);
    a->txs[a->tx_count++] = evidence_tx(&a->chain_id, &body, a->time_ms + 60000, raw);
    blocks_to(a, 4);
    assert_int_equal(a->epoch, 1);
    assert_int_equal(a->set.count, 3);
    blocks_to(a, 6);
    return a;
}

static void expect_pass(struct archive *a)
{
    struct spoil spoil;
    struct audit_report report;
    struct error error;
    const struct hash root = archive_root(a);
    spoil_open(&spoil, a);
    for (uint32_t threads = 1; threads < 4; threads++) {
        struct audit_config config = spoil_config(&spoil);
        config.threads = threads;
        const bool passed = audit_replay(&config, &report, &error);
        assert_string_equal(passed ? "" : error.detail, "");
        assert_int_equal(report.height, a->height);
        assert_true(hash_equal(&report.state_root, &root));
    }
    spoil_close(&spoil);
    archive_free(a);
}

static void what_the_chain_put_in_force_is_believed(void **state)
{
    (void)state;
    struct archive *a = changing_create();
    blocks_to(a, BLOCKS);
    expect_pass(a);
    /* Also when the history ends with a boundary, or just behind one. */
    expect_pass(changing_create());
    a = changing_create();
    blocks_to(a, a->height + 1);
    expect_pass(a);
    expect_pass(guilty_create());
}

/* ---- Refused ------------------------------------------------------------------------- */

static void expect_fault(struct archive *a, uint64_t height, const char *field)
{
    struct spoil spoil;
    struct audit_report report;
    struct error error;
    spoil_open(&spoil, a);
    const struct audit_config config = spoil_config(&spoil);
    assert_false(audit_replay(&config, &report, &error));
    assert_true(report.fault.found && report.fault.in_block);
    assert_string_equal(report.fault.field, field);
    assert_int_equal(report.fault.height, height);
    assert_int_equal(report.height, height - 1);
    spoil_close(&spoil);
    archive_free(a);
}

/* Up to the block before `last`, which deviates. */
static struct archive *changing_to(uint64_t last)
{
    struct archive *a = archive_create(ACCOUNTS, BLOCKS);
    leave(a);
    blocks_to(a, last - 1);
    return a;
}

static void skip_boundary(struct block_header *header)
{
    header->next_set_hash = header->set_hash;
}

static void name_next(struct block_header *header)
{
    header->next_set_hash = next_set;
}

static void stay_in_epoch(struct block_header *header)
{
    header->epoch = 0;
}

static void a_boundary_that_the_state_does_not_have(void **state)
{
    (void)state;
    /* Skipped. */
    struct archive *a = changing_to(BOUNDARY);
    archive_block(a, &(struct archive_twist){.certify = a->height, .header = skip_boundary});
    expect_fault(a, BOUNDARY, "next_set_hash");
    /* A block too early; without any change at all. */
    a = changing_to(BOUNDARY - 1);
    archive_block(a, &(struct archive_twist){.certify = a->height, .header = name_next});
    expect_fault(a, BOUNDARY - 1, "next_set_hash");
    a = archive_create(ACCOUNTS, BLOCKS);
    archive_block(a, &(struct archive_twist){.header = name_next});
    expect_fault(a, 1, "next_set_hash");
    /* The epoch goes on behind it. */
    a = changing_to(BOUNDARY + 1);
    archive_block(a, &(struct archive_twist){.certify = a->height, .header = stay_in_epoch});
    expect_fault(a, BOUNDARY + 1, "epoch");
}

static void a_boundary_that_is_not_final(void **state)
{
    (void)state;
    /* The first block behind it carries no certificate of it, or that of the block before. */
    for (uint64_t certify = 0; certify <= BOUNDARY - 1; certify += BOUNDARY - 1) {
        struct archive *a = changing_to(BOUNDARY);
        archive_block(a, &(struct archive_twist){.certify = 0});
        archive_block(a, &(struct archive_twist){.certify = certify});
        expect_fault(a, BOUNDARY + 1, "last_final");
    }
    /* Those who come in cannot vote themselves in. */
    struct archive *a = changing_to(BOUNDARY + 1);
    struct archive_block *first = &a->blocks[BOUNDARY + 1];
    first->light.epoch = a->epoch;
    first->set_hash = a->set_hash;
    archive_block(a, &(struct archive_twist){.certify = BOUNDARY, .signed_as = BOUNDARY + 1});
    expect_fault(a, BOUNDARY + 1, "last_final");
}

static void certificates_of_another_epochs_set(void **state)
{
    (void)state;
    /* Of the set that has left, over a block of the new epoch. */
    struct archive *a = changing_to(BOUNDARY + 2);
    archive_block(a, &(struct archive_twist){.certify = a->height, .signed_as = 1});
    expect_fault(a, BOUNDARY + 2, "last_final");
    /* Of four, where three have seats. */
    a = changing_to(BOUNDARY + 2);
    archive_block(a, &(struct archive_twist){.certify = a->height, .signers = 4});
    expect_fault(a, BOUNDARY + 2, "last_final");
    /* Two of three: enough in no set. */
    a = changing_to(BOUNDARY + 2);
    archive_block(a, &(struct archive_twist){.certify = a->height, .signers = 2});
    expect_fault(a, BOUNDARY + 2, "last_final");
    /* The end of the history, by those who have left. */
    a = changing_to(BOUNDARY + 3);
    uint8_t buffer[WIRE_LAST_FINAL_SIZE_MAX];
    struct directory directory;
    struct audit_report report;
    struct error error;
    char genesis[DIRECTORY_PATH_MAX + 16];
    char history[DIRECTORY_PATH_MAX + 16];
    assert_true(directory_make(&directory));
    (void)snprintf(genesis, sizeof(genesis), "%s/genesis", directory.path);
    (void)snprintf(history, sizeof(history), "%s/history", directory.path);
    const struct archive_claim stale = {.height = a->height, .signed_as = 1, .signers = 3};
    assert_true(archive_write_genesis(a, genesis) &&
                archive_export_with(a, history, archive_finality_as(a, &stale, buffer)));
    const struct audit_config config = {.dir = history, .genesis = genesis};
    assert_false(audit_replay(&config, &report, &error));
    assert_string_equal(report.fault.field, "finality");
    assert_int_equal(report.fault.height, a->height);
    (void)unlink(genesis);
    directory_remove(&directory);
    archive_free(a);
}

/* A database is checked without executing it: whoever has the state is asked for the set. */
struct asked {
    const struct validator_set *sets; /* [epoch] */
    uint32_t count;
};

static bool find_set(void *context, uint64_t epoch, const struct hash *hash,
                     struct validator_set *out)
{
    const struct asked *asked = context;
    if (epoch >= asked->count) {
        return false;
    }
    *out = asked->sets[epoch];
    const struct hash digest = set_hash_of(out);
    return hash_equal(&digest, hash);
}

static bool check_chain(struct archive *a, struct asked *asked, struct chaincheck_report *report,
                        struct error *error)
{
    struct genesis *genesis = NULL;
    struct chaincheck *check = NULL;
    const struct bytes bytes = bytes_of(a->genesis, a->genesis_size);
    const struct chaincheck_sets sets = {asked, find_set};
    uint8_t buffer[WIRE_LAST_FINAL_SIZE_MAX];
    assert_true(genesis_decode("test", bytes, &genesis, error));
    assert_true(chaincheck_create(genesis, 1, &sets, &check, error));
    bool sound = true;
    for (uint64_t height = 1; sound && height <= a->height; height++) {
        const struct archive_block *block = &a->blocks[height];
        const bool last = height == a->height;
        const struct bytes finality =
            last ? archive_finality(a, height, ARCHIVE_QUORUM, buffer) : (struct bytes){0};
        sound = chaincheck_take(check, bytes_of(block->bytes, block->size), finality, error);
    }
    sound = sound && chaincheck_end(check, error);
    *report = *chaincheck_report(check);
    chaincheck_free(check);
    genesis_free(genesis);
    return sound;
}

static void a_chain_is_checked_across_epochs(void **state)
{
    (void)state;
    struct archive *a = changing_create();
    archive_block(a, &(struct archive_twist){.certify = a->height});
    struct validator_set sets[] = {a->set, a->set, a->set}; /* it left and came back */
    struct asked asked = {.sets = sets, .count = 3};
    struct chaincheck_report report;
    struct error error;
    sets[1].count = 3;
    if (!check_chain(a, &asked, &report, &error)) {
        fail_msg("%s", error.detail);
    }
    assert_int_equal(report.height, a->height);
    assert_int_equal(report.unjudged_from, 0);
    asked.count = 2; /* the state is behind: what it does not know is not judged */
    assert_true(check_chain(a, &asked, &report, &error));
    assert_int_equal(report.unjudged_from, a->height);
    archive_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_chain_put_in_force_is_believed),
        cmocka_unit_test(a_boundary_that_the_state_does_not_have),
        cmocka_unit_test(a_boundary_that_is_not_final),
        cmocka_unit_test(certificates_of_another_epochs_set),
        cmocka_unit_test(a_chain_is_checked_across_epochs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
