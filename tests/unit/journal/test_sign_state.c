#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/crypto.h"
#include "store/sign_state/signer_port.h"
#include "tests/sim/disk.h"

static struct sim_disk disk;

static const struct sign_identity identity = {.chain_id = {{7}}, .key = {{2}}};

static struct sign_state *open_state(bool create)
{
    struct sign_state *state = NULL;
    struct error error = {0};
    const struct disk_port port = sim_disk_port(&disk);
    return sign_state_open(&port, &identity, create, &state, &error) ? state : NULL;
}

static struct vote make(enum vote_kind kind, uint64_t view, uint8_t hash)
{
    struct vote vote = {.kind = kind, .epoch = 1, .view = view};
    vote.proposal.bytes[0] = kind == VOTE_NULLIFY ? 0 : hash;
    return vote;
}

static enum sign_verdict ask(struct sign_state *state, enum vote_kind kind, uint64_t view,
                             uint8_t hash)
{
    const struct vote vote = make(kind, view, hash);
    enum sign_verdict verdict;
    struct error error = {0};
    assert_true(sign_state_permit(state, &vote, 1, &verdict, &error));
    return verdict;
}

static int setup(void **state)
{
    (void)state;
    sim_disk_free(&disk);
    return 0;
}

/* The whole rule: every ordered pair of votes of one view. */
static void pairs(void **unused)
{
    (void)unused;
    static const struct {
        enum vote_kind first;
        uint8_t first_hash;
        enum vote_kind second;
        uint8_t second_hash;
        enum sign_verdict verdict;
    } cases[] = {
        {VOTE_PROPOSE, 1, VOTE_PROPOSE, 1, SIGN_PERMITTED},
        {VOTE_PROPOSE, 1, VOTE_PROPOSE, 2, SIGN_CONTRADICTS},
        {VOTE_PROPOSE, 1, VOTE_NOTARIZE, 2, SIGN_PERMITTED},
        {VOTE_NOTARIZE, 1, VOTE_NOTARIZE, 1, SIGN_PERMITTED},
        {VOTE_NOTARIZE, 1, VOTE_NOTARIZE, 2, SIGN_CONTRADICTS},
        {VOTE_NOTARIZE, 1, VOTE_NULLIFY, 0, SIGN_PERMITTED},
        {VOTE_NOTARIZE, 1, VOTE_FINALIZE, 2, SIGN_PERMITTED}, /* R8: N overrides our vote */
        {VOTE_NULLIFY, 0, VOTE_NULLIFY, 0, SIGN_PERMITTED},
        {VOTE_NULLIFY, 0, VOTE_NOTARIZE, 1, SIGN_PERMITTED}, /* R5 */
        {VOTE_NULLIFY, 0, VOTE_FINALIZE, 1, SIGN_CONTRADICTS},
        {VOTE_FINALIZE, 1, VOTE_NULLIFY, 0, SIGN_CONTRADICTS},
        {VOTE_FINALIZE, 1, VOTE_FINALIZE, 1, SIGN_PERMITTED},
        {VOTE_FINALIZE, 1, VOTE_FINALIZE, 2, SIGN_CONTRADICTS},
        {VOTE_FINALIZE, 1, VOTE_NOTARIZE, 2, SIGN_PERMITTED},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        sim_disk_free(&disk);
        struct sign_state *state = open_state(true);
        assert_non_null(state);
        assert_int_equal(ask(state, cases[i].first, 5, cases[i].first_hash), SIGN_PERMITTED);
        sign_state_close(state);
        state = open_state(false); /* the memory is on the disk */
        assert_non_null(state);
        assert_int_equal(ask(state, cases[i].second, 5, cases[i].second_hash), cases[i].verdict);
        assert_int_equal(ask(state, cases[i].second, 6, 3), SIGN_PERMITTED); /* per view */
        sign_state_close(state);
    }
}

static void floor_rises(void **unused)
{
    (void)unused;
    struct sign_state *state = open_state(true);
    struct sign_state_status status;
    assert_int_equal(ask(state, VOTE_NOTARIZE, 10, 1), SIGN_PERMITTED);
    assert_int_equal(ask(state, VOTE_NOTARIZE, 73, 1), SIGN_PERMITTED); /* floor 10 */
    sign_state_status(state, &status);
    assert_int_equal(status.floor, 10);
    assert_int_equal(ask(state, VOTE_NOTARIZE, 10, 2), SIGN_CONTRADICTS);
    assert_int_equal(ask(state, VOTE_NULLIFY, 9, 0), SIGN_BELOW_FLOOR);
    assert_int_equal(ask(state, VOTE_NOTARIZE, 74, 1), SIGN_PERMITTED);   /* 10 is forgotten, */
    assert_int_equal(ask(state, VOTE_NOTARIZE, 10, 2), SIGN_BELOW_FLOOR); /* never reopened */
    assert_int_equal(ask(state, VOTE_NOTARIZE, 1000000, 9), SIGN_PERMITTED);
    assert_int_equal(ask(state, VOTE_NOTARIZE, 74, 1), SIGN_BELOW_FLOOR);
    assert_int_equal(ask(state, VOTE_NOTARIZE, 0, 1), SIGN_MALFORMED);
    struct vote next = make(VOTE_NOTARIZE, 3, 1);
    enum sign_verdict verdict;
    struct error error = {0};
    next.epoch = 2;
    assert_true(sign_state_permit(state, &next, 1, &verdict, &error));
    assert_int_equal(verdict, SIGN_PERMITTED);
    assert_int_equal(ask(state, VOTE_NOTARIZE, 1000001, 1), SIGN_OLD_EPOCH);
    sign_state_close(state);
}

/* One of two slots may be torn by a crash; the promise that was returned is never lost. */
static void survives_crashes(void **unused)
{
    (void)unused;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        uint64_t random = seed;
        sim_disk_free(&disk);
        uint8_t notarized[64] = {0};
        struct sign_state *state = open_state(true);
        for (int life = 0; life < 8; life++) {
            for (uint64_t k = random_below(&random, 10); k > 0; k--) {
                const uint64_t view = 1 + random_below(&random, 63);
                const uint8_t hash = (uint8_t)(1 + random_below(&random, 3));
                const enum sign_verdict verdict = ask(state, VOTE_NOTARIZE, view, hash);
                const bool fits = notarized[view] == 0 || notarized[view] == hash;
                assert_int_equal(verdict, fits ? SIGN_PERMITTED : SIGN_CONTRADICTS);
                notarized[view] = notarized[view] == 0 ? hash : notarized[view];
            }
            if (random_below(&random, 2) == 0) { /* the power goes during a save */
                const struct vote vote = make(VOTE_PROPOSE, 1 + random_below(&random, 63), 1);
                enum sign_verdict verdict;
                struct error error = {0};
                disk.sync_fails = true;
                const bool known = sign_state_permit(state, &vote, 1, &verdict, &error);
                assert_true(known || error.code == EXIT_CODE_STORE);
                disk.sync_fails = false;
            }
            sign_state_close(state);
            sim_disk_crash(&disk, &random);
            state = open_state(false);
            assert_non_null(state);
        }
        sign_state_close(state);
    }
}

/* A vote whose sync failed reads as remembered after a restart in the same boot.  Its signature is
 * given then, so it must be on the disk by then. */
static void open_makes_durable(void **unused)
{
    (void)unused;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        uint64_t random = seed;
        struct error error = {0};
        enum sign_verdict verdict;
        const struct vote vote = make(VOTE_NOTARIZE, 7, 2);
        sim_disk_free(&disk);
        struct sign_state *state = open_state(true);
        assert_int_equal(ask(state, VOTE_NOTARIZE, 6, 1), SIGN_PERMITTED);
        disk.sync_fails = true;
        disk.forgets = seed % 2 == 0;
        assert_false(sign_state_permit(state, &vote, 1, &verdict, &error));
        sign_state_close(state);
        if (seed % 3 == 0) {
            assert_null(open_state(false)); /* the disk still fails */
        }
        disk.sync_fails = false;
        disk.forgets = false;
        state = open_state(false);
        assert_int_equal(ask(state, VOTE_NOTARIZE, 7, 2), SIGN_PERMITTED);
        sign_state_close(state);
        sim_disk_crash(&disk, &random);
        state = open_state(false);
        assert_non_null(state);
        assert_int_equal(ask(state, VOTE_NOTARIZE, 7, 3), SIGN_CONTRADICTS);
        assert_int_equal(ask(state, VOTE_NOTARIZE, 6, 3), SIGN_CONTRADICTS);
        sign_state_close(state);
    }
}

/* The very first start is killed while the file is made, then the machine: nothing was signed,
 * and the next start makes it. */
static void first_start_is_killed(void **unused)
{
    (void)unused;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        uint64_t random = seed;
        sim_disk_free(&disk);
        if (seed % 2 == 0) { /* of an earlier first start, too */
            disk.sync_fails = true;
            assert_null(open_state(true));
            disk.sync_fails = false;
        }
        disk.sync_fails = true;
        assert_null(open_state(true));
        disk.sync_fails = false;
        sim_disk_crash(&disk, &random);
        struct sign_state *state = open_state(true);
        assert_non_null(state);
        assert_int_equal(ask(state, VOTE_NOTARIZE, 1, 1), SIGN_PERMITTED);
        sign_state_close(state);
        sim_disk_crash(&disk, &random);
        state = open_state(false);
        assert_non_null(state);
        assert_int_equal(ask(state, VOTE_NOTARIZE, 1, 2), SIGN_CONTRADICTS);
        sign_state_close(state);
    }
}

static void torn_slot_falls_back(void **unused)
{
    (void)unused;
    struct sign_state *state = open_state(true);
    struct sign_state_status status;
    assert_int_equal(ask(state, VOTE_NOTARIZE, 1, 1), SIGN_PERMITTED);
    sign_state_status(state, &status);
    sign_state_close(state);
    static struct sim_disk image;
    sim_disk_copy(&disk, &image);
    struct sim_file *file = sim_disk_file(&disk, "sign.state");
    assert_int_equal(file->now_size, 16384);
    const size_t older = (status.sequence + 1) % 2 * 8192;
    for (size_t at = older; at < older + 8192; at += 97) { /* the next save hit this slot */
        sim_disk_file(&disk, "sign.state")->now[at] ^= 1;
        state = open_state(false);
        assert_non_null(state);
        assert_int_equal(ask(state, VOTE_NOTARIZE, 1, 2), SIGN_CONTRADICTS);
        sign_state_close(state);
        sim_disk_copy(&image, &disk);
    }
    sim_disk_free(&image);
    file = sim_disk_file(&disk, "sign.state");
    file->now[100] ^= 1;
    file->now[8192 + 100] ^= 1;
    assert_null(open_state(true)); /* never start anew over a damaged file */
    sim_disk_free(&disk);
    assert_null(open_state(false)); /* nor over a missing one */
}

static void counts(void *context, const struct vote *vote)
{
    (*(uint32_t *)context)++;
    assert_in_range(vote->view, 5, 6);
}

static void other_key_is_refused(void **unused)
{
    (void)unused;
    struct sign_state *state = open_state(true);
    assert_int_equal(ask(state, VOTE_NOTARIZE, 5, 1), SIGN_PERMITTED);
    assert_int_equal(ask(state, VOTE_NULLIFY, 5, 0), SIGN_PERMITTED);
    assert_int_equal(ask(state, VOTE_FINALIZE, 6, 1), SIGN_PERMITTED);
    uint32_t count = 0;
    sign_state_export(state, counts, &count);
    assert_int_equal(count, 3);
    sign_state_close(state);
    const struct sign_identity other = {.chain_id = {{7}}, .key = {{3}}};
    const struct disk_port port = sim_disk_port(&disk);
    struct error error = {0};
    assert_false(sign_state_open(&port, &other, true, &state, &error));
    assert_int_equal(error.code, EXIT_CODE_SIGN_STATE);
}

static bool is_used(uint8_t chain)
{
    const struct disk_port port = sim_disk_port(&disk);
    const struct hash chain_id = {{chain}};
    struct error error = {0};
    bool used = false;
    assert_true(sign_used_read(&port, &chain_id, &used, &error));
    return used;
}

static void use(uint8_t chain)
{
    const struct disk_port port = sim_disk_port(&disk);
    const struct hash chain_id = {{chain}};
    struct error error = {0};
    assert_true(sign_used_write(&port, &chain_id, &error));
}

/* What was written is there after a crash, for its chain alone. */
static void marker_stays(void **unused)
{
    (void)unused;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        uint64_t random = seed;
        sim_disk_free(&disk);
        for (uint8_t chain = 1; chain <= 3; chain++) {
            assert_false(is_used(chain));
            use(chain);
            sim_disk_crash(&disk, &random);
            for (uint8_t earlier = 1; earlier <= chain; earlier++) {
                assert_true(is_used(earlier));
            }
        }
    }
}

/* A power cut while a line is added leaves the old marker or the new one. */
static void marker_is_replaced_whole(void **unused)
{
    (void)unused;
    const struct disk_port port = sim_disk_port(&disk);
    const struct hash second = {{2}};
    for (uint64_t seed = 1; seed <= 50; seed++) {
        uint64_t random = seed;
        struct error error = {0};
        sim_disk_free(&disk);
        use(1);
        disk.sync_fails = true;
        assert_false(sign_used_write(&port, &second, &error));
        disk.sync_fails = false;
        sim_disk_crash(&disk, &random);
        assert_true(is_used(1));
        (void)is_used(2); /* may be; what may not be is a damaged file */
    }
}

static void damaged_marker_is_refused(void **unused)
{
    (void)unused;
    const struct disk_port port = sim_disk_port(&disk);
    const struct hash chain_id = {{1}};
    struct error error = {0};
    bool used = false;
    use(1);
    struct sim_file *file = sim_disk_file(&disk, "consensus.key.used");
    const char letters[] = {'x', '\n', ' '};
    for (size_t i = 0; i < sizeof(letters); i++) {
        const uint8_t kept = file->now[5];
        file->now[5] = (uint8_t)letters[i];
        assert_false(sign_used_read(&port, &chain_id, &used, &error));
        assert_int_equal(error.code, EXIT_CODE_BAD_KEY);
        assert_false(sign_used_write(&port, &chain_id, &error));
        file->now[5] = kept;
    }
    file->now_size--;
    assert_false(sign_used_read(&port, &chain_id, &used, &error));
    assert_int_equal(error.code, EXIT_CODE_BAD_KEY);
    disk.fails = true;
    assert_false(sign_used_read(&port, &chain_id, &used, &error));
    disk.fails = false;
}

static void failed_write_stops(void **unused)
{
    (void)unused;
    struct sign_state *state = open_state(true);
    const struct vote vote = make(VOTE_NOTARIZE, 1, 1);
    enum sign_verdict verdict;
    struct error error = {0};
    disk.fails = true;
    assert_false(sign_state_permit(state, &vote, 1, &verdict, &error));
    disk.fails = false;
    assert_false(sign_state_permit(state, &vote, 1, &verdict, &error));
    sign_state_close(state);
}

static void signs(void **unused)
{
    (void)unused;
    struct crypto_key *key = crypto_key_generate();
    const struct hash set_hash = {{9}};
    struct error error = {0};
    struct signer *signer = signer_create(key, &identity.chain_id, open_state(true));
    const struct signer_port port = signer_port_of(signer);
    const struct vote votes[3] = {make(VOTE_NOTARIZE, 1, 1), make(VOTE_NOTARIZE, 1, 2),
                                  make(VOTE_NULLIFY, 1, 0)};
    struct signer_answer answers[3];
    struct signer_answer again[3];
    const struct signer_request request = {.set_hash = &set_hash, .votes = votes, .count = 3};
    assert_true(port.sign(port.context, &request, answers, &error));
    assert_true(port.sign(port.context, &request, again, &error));
    assert_int_equal(answers[0].verdict, SIGN_PERMITTED);
    assert_int_equal(answers[1].verdict, SIGN_CONTRADICTS);
    assert_int_equal(answers[2].verdict, SIGN_PERMITTED);
    assert_memory_equal(answers, again, sizeof(answers)); /* RFC 6979 */
    assert_memory_not_equal(&answers[0].signature, &answers[2].signature, SIGNATURE_SIZE);
    const struct signature none = {{0}};
    assert_memory_equal(&answers[1].signature, &none, sizeof(none));
    signer_free(signer);
    crypto_key_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(pairs, setup),
        cmocka_unit_test_setup(floor_rises, setup),
        cmocka_unit_test_setup(survives_crashes, setup),
        cmocka_unit_test_setup(open_makes_durable, setup),
        cmocka_unit_test_setup(first_start_is_killed, setup),
        cmocka_unit_test_setup(torn_slot_falls_back, setup),
        cmocka_unit_test_setup(other_key_is_refused, setup),
        cmocka_unit_test_setup(marker_stays, setup),
        cmocka_unit_test_setup(marker_is_replaced_whole, setup),
        cmocka_unit_test_setup(damaged_marker_is_refused, setup),
        cmocka_unit_test_setup(failed_write_stops, setup),
        cmocka_unit_test_setup(signs, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
