#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "store/sign_state/sign_state.h"
#include "tests/sim/disk.h"

/* The guard of sign.state (34.5), and what journal and sign.state say about each other. */

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

/* Nothing is signed, not even what was signed before, and a restart changes nothing; after the
 * end what was remembered above is still there. */
static void guarded_until_lifted(void **unused)
{
    (void)unused;
    struct error error = {0};
    uint64_t random = 1;
    struct sign_state *state = open_state(true);
    assert_int_equal(ask(state, VOTE_NOTARIZE, 5, 1), SIGN_PERMITTED);
    assert_int_equal(ask(state, VOTE_NOTARIZE, 9, 1), SIGN_PERMITTED);
    assert_true(sign_state_guard(state, &error));
    for (int life = 0; life < 3; life++) {
        assert_int_equal(ask(state, VOTE_NOTARIZE, 5, 1), SIGN_GUARDED);
        assert_int_equal(ask(state, VOTE_NULLIFY, 1000, 0), SIGN_GUARDED);
        sign_state_close(state);
        sim_disk_crash(&disk, &random);
        state = open_state(false);
        assert_non_null(state);
    }
    assert_true(sign_state_lift(state, 1, 8, &error));
    sign_state_close(state);
    sim_disk_crash(&disk, &random);
    state = open_state(false);
    assert_int_equal(ask(state, VOTE_NOTARIZE, 8, 1), SIGN_BELOW_FLOOR);
    assert_int_equal(ask(state, VOTE_NOTARIZE, 9, 2), SIGN_CONTRADICTS);
    assert_int_equal(ask(state, VOTE_NOTARIZE, 10, 2), SIGN_PERMITTED);
    assert_true(sign_state_lift(state, 1, 5000, &error)); /* beyond the ring */
    assert_int_equal(ask(state, VOTE_NOTARIZE, 5000, 1), SIGN_BELOW_FLOOR);
    assert_int_equal(ask(state, VOTE_NOTARIZE, 5001, 1), SIGN_PERMITTED);
    sign_state_close(state);
}

/* Either slot alone is guarded: damage to one does not bring back the time before. */
static void both_slots_are_guarded(void **unused)
{
    (void)unused;
    struct error error = {0};
    struct sign_state *state = open_state(true);
    assert_int_equal(ask(state, VOTE_NOTARIZE, 5, 1), SIGN_PERMITTED);
    assert_true(sign_state_guard(state, &error));
    sign_state_close(state);
    static struct sim_disk image;
    sim_disk_copy(&disk, &image);
    for (size_t slot = 0; slot < 2; slot++) {
        sim_disk_file(&disk, "sign.state")->now[slot * 8192 + 100] ^= 1;
        state = open_state(false);
        assert_non_null(state);
        assert_int_equal(ask(state, VOTE_NOTARIZE, 6, 1), SIGN_GUARDED);
        sign_state_close(state);
        sim_disk_copy(&image, &disk);
    }
    sim_disk_free(&image);
}

/* In place of a damaged or old one, and whole: a power cut leaves the old one or the new one. */
static void forgets(void **unused)
{
    (void)unused;
    const struct disk_port port = sim_disk_port(&disk);
    for (uint64_t seed = 1; seed <= 100; seed++) {
        uint64_t random = seed;
        struct error error = {0};
        struct sign_state_status status;
        sim_disk_free(&disk);
        struct sign_state *state = open_state(true);
        assert_int_equal(ask(state, VOTE_NOTARIZE, 5, 1), SIGN_PERMITTED);
        sign_state_close(state);
        disk.sync_fails = true;
        assert_false(sign_state_forget(&port, &identity, 1000, &error));
        disk.sync_fails = false;
        sim_disk_crash(&disk, &random);
        state = open_state(false);
        assert_non_null(state);
        const enum sign_verdict verdict = ask(state, VOTE_NOTARIZE, 5, 2);
        assert_true(verdict == SIGN_CONTRADICTS || verdict == SIGN_GUARDED);
        sign_state_close(state);
        assert_true(sign_state_forget(&port, &identity, 1000, &error));
        sim_disk_crash(&disk, &random);
        state = open_state(false);
        assert_non_null(state);
        assert_int_equal(ask(state, VOTE_NOTARIZE, 5, 1), SIGN_GUARDED);
        sign_state_status(state, &status);
        assert_true(status.guarded && status.sequence > 1000);
        sign_state_close(state);
    }
}

static void agreement(void **unused)
{
    (void)unused;
    const struct sign_state_status status = {.sequence = 10, .journal_unit = 7};
    static const struct {
        struct sign_journal journal;
        enum sign_agreement agreement;
    } cases[] = {
        {{.unit = 7, .sequence = 10}, SIGN_AGREES},
        {{.unit = 7, .sequence = 9}, SIGN_AGREES}, /* signed, and the journal not told yet */
        {{.unit = 8, .sequence = 10}, SIGN_AGREES},
        {{.unit = 7, .sequence = 0}, SIGN_AGREES}, /* of a version that told nothing */
        {{.unit = 0, .sequence = 0}, SIGN_JOURNAL_LOST},
        {{.unit = 6, .sequence = 9}, SIGN_JOURNAL_OLD},
        {{.unit = 1, .sequence = 0}, SIGN_JOURNAL_OLD},
        {{.unit = 7, .sequence = 11}, SIGN_STATE_OLD},
        {{.unit = 1, .sequence = 11}, SIGN_STATE_OLD},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(sign_state_compare(&status, &cases[i].journal), cases[i].agreement);
    }
    const struct sign_state_status fresh = {.sequence = 2};
    assert_int_equal(sign_state_compare(&fresh, &cases[4].journal), SIGN_AGREES);
}

/* A copy of sign.state taken earlier does not know the votes signed since. */
static void recalls(void **unused)
{
    (void)unused;
    struct sign_state *state = open_state(true);
    assert_int_equal(ask(state, VOTE_NOTARIZE, 70, 1), SIGN_PERMITTED); /* floor 7 */
    assert_int_equal(ask(state, VOTE_NULLIFY, 70, 0), SIGN_PERMITTED);
    assert_int_equal(ask(state, VOTE_PROPOSE, 69, 3), SIGN_PERMITTED);
    assert_int_equal(ask(state, VOTE_FINALIZE, 68, 4), SIGN_PERMITTED);
    const struct {
        struct vote vote;
        bool known;
    } cases[] = {
        {make(VOTE_NOTARIZE, 70, 1), true},  {make(VOTE_NOTARIZE, 70, 2), false},
        {make(VOTE_NULLIFY, 70, 0), true},   {make(VOTE_NULLIFY, 69, 0), false},
        {make(VOTE_PROPOSE, 69, 3), true},   {make(VOTE_PROPOSE, 68, 3), false},
        {make(VOTE_FINALIZE, 68, 4), true},  {make(VOTE_FINALIZE, 70, 1), false},
        {make(VOTE_NOTARIZE, 71, 1), false}, {make(VOTE_NOTARIZE, 500, 1), false},
        {make(VOTE_NOTARIZE, 6, 9), true}, /* too old to say */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(sign_state_recalls(state, &cases[i].vote), cases[i].known);
    }
    struct vote later = make(VOTE_NOTARIZE, 1, 1);
    later.epoch = 2;
    assert_false(sign_state_recalls(state, &later));
    later.epoch = 0;
    assert_true(sign_state_recalls(state, &later));
    sign_state_close(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(guarded_until_lifted, setup),
        cmocka_unit_test_setup(both_slots_are_guarded, setup),
        cmocka_unit_test_setup(forgets, setup),
        cmocka_unit_test_setup(agreement, setup),
        cmocka_unit_test_setup(recalls, setup),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sim_disk_free(&disk);
    return failed;
}
