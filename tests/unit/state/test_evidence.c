#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/evidence.h"
#include "tests/support/sets.h"

/* 17.8: what proves a validator guilty, what does not, and what becomes of it. */

enum { LIAR = 1, NEW_KEYS = 30 };

static struct test_chain *chain_start(void)
{
    const struct params params = chain_params();
    return chain_create_seated(&params);
}

/* In the epoch that holds. */
static struct evidence_place place_of(const struct test_chain *chain, uint32_t seat)
{
    const struct state_epoch epoch = sets_next(chain);
    return (struct evidence_place){.chain_id = chain->chain_id,
                                   .set_hash = epoch.set_hash,
                                   .epoch = epoch.epoch,
                                   .view = 5,
                                   .seat = seat};
}

static struct bytes raw_of(const struct test_chain *chain, const struct body_evidence *body)
{
    static uint8_t buffers[8][EVIDENCE_SIZE_MAX];
    static uint32_t next;
    return evidence_tx(&chain->chain_id, body, chain->time_ms + 60000, buffers[next++ % 8]);
}

/* The code with which a block of it is BAD, or OK and its result's. */
static enum code put_raw(struct test_chain *chain, struct bytes raw)
{
    const uint64_t height = chain->height;
    const size_t entries = chain->map.count;
    chain_send_raw(chain, raw);
    chain_block(chain, 1);
    if (chain->outcome.verdict == STATE_OK) {
        return chain_code(chain, 0);
    }
    assert_int_equal(chain->map.count, entries);
    chain->height = height;
    return chain->outcome.bad_code;
}

static enum code put(struct test_chain *chain, const struct body_evidence *body)
{
    return put_raw(chain, raw_of(chain, body));
}

static bool find_suspension(const struct test_chain *chain, const struct public_key *consensus,
                            struct suspension *out)
{
    const struct hash id = id_suspension(consensus);
    const struct key key = key_object(KEY_SUSPENSION, &id);
    return state_read(&chain->view, &key, &record_suspension, out);
}

static void every_pair_that_lies_is_proof(void **state)
{
    (void)state;
    static const struct {
        enum vote_kind a_kind;
        uint8_t a;
        enum vote_kind b_kind;
        uint8_t b;
        enum code code;
    } cases[] = {
        {VOTE_PROPOSE, 1, VOTE_PROPOSE, 2, CODE_OK},
        {VOTE_NOTARIZE, 1, VOTE_NOTARIZE, 2, CODE_OK},
        {VOTE_FINALIZE, 1, VOTE_FINALIZE, 2, CODE_OK},
        {VOTE_NULLIFY, 0, VOTE_FINALIZE, 2, CODE_OK},
        {VOTE_PROPOSE, 2, VOTE_PROPOSE, 1, CODE_E_EVIDENCE}, /* the other order */
        {VOTE_NOTARIZE, 2, VOTE_NOTARIZE, 1, CODE_E_EVIDENCE},
        {VOTE_FINALIZE, 2, VOTE_NULLIFY, 0, CODE_E_EVIDENCE},
        {VOTE_NOTARIZE, 1, VOTE_NOTARIZE, 1, CODE_E_EVIDENCE}, /* the same twice */
        {VOTE_NULLIFY, 0, VOTE_NULLIFY, 0, CODE_E_EVIDENCE},
        {VOTE_NOTARIZE, 1, VOTE_NULLIFY, 0, CODE_E_EVIDENCE},  /* R5 */
        {VOTE_NOTARIZE, 1, VOTE_FINALIZE, 2, CODE_E_EVIDENCE}, /* R8 */
        {VOTE_PROPOSE, 1, VOTE_NOTARIZE, 2, CODE_E_EVIDENCE},
        {VOTE_NULLIFY, 3, VOTE_FINALIZE, 2, CODE_E_EVIDENCE}, /* no vote has this form */
        {VOTE_NOTARIZE, 0, VOTE_NOTARIZE, 2, CODE_E_EVIDENCE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct test_chain *chain = chain_start();
        const struct evidence_place place = place_of(chain, LIAR);
        const struct validator_set set = sets_now(chain);
        struct suspension suspension;
        struct body_evidence body = {.epoch = 0, .view = place.view, .seat = LIAR};
        const struct vote a = evidence_vote(&place, chain->keys[LIAR], cases[i].a_kind, cases[i].a);
        const struct vote b = evidence_vote(&place, chain->keys[LIAR], cases[i].b_kind, cases[i].b);
        body.first = (struct signed_vote){(uint8_t)a.kind, a.proposal, a.signature};
        body.second = (struct signed_vote){(uint8_t)b.kind, b.proposal, b.signature};
        assert_int_equal(put(chain, &body), cases[i].code);
        const bool suspended = find_suspension(chain, &set.items[LIAR].consensus, &suspension);
        assert_int_equal(suspended, cases[i].code == CODE_OK);
        if (suspended) {
            assert_int_equal(suspension.height, chain->height);
            assert_int_equal(suspension.first_kind, cases[i].a_kind);
            assert_int_equal(suspension.second_kind, cases[i].b_kind);
            assert_int_equal(suspension.view, place.view);
            assert_true(address_equal(&suspension.account, &chain->addresses[LIAR]));
        }
        assert_false(find_suspension(chain, &set.items[0].consensus, &suspension));
        chain_free(chain);
    }
}

/* Two of one order; either way round evidence_of() puts them in it. */
static void one_pair_has_one_form(void **state)
{
    (void)state;
    struct test_chain *chain = chain_start();
    const struct evidence_place place = place_of(chain, LIAR);
    const struct vote a = evidence_vote(&place, chain->keys[LIAR], VOTE_FINALIZE, 3);
    const struct vote b = evidence_vote(&place, chain->keys[LIAR], VOTE_NULLIFY, 0);
    const struct body_evidence one = evidence_of(&a, &b);
    const struct body_evidence other = evidence_of(&b, &a);
    assert_true(vote_contradicts(&a, &b));
    assert_true(bytes_equal(raw_of(chain, &one), raw_of(chain, &other)));
    chain_free(chain);
}

static void nothing_that_is_not_signed_is_proof(void **state)
{
    (void)state;
    struct test_chain *chain = chain_start();
    struct evidence_place place = place_of(chain, LIAR);
    const struct body_evidence good = evidence_double(&place, chain->keys[LIAR]);
#define BAD(expected, statement)                                                                   \
    do {                                                                                           \
        struct body_evidence body = good;                                                          \
        statement;                                                                                 \
        assert_int_equal(put(chain, &body), expected);                                             \
    } while (0)
    BAD(CODE_E_SIG, body.first.signature.bytes[9] ^= 1);
    BAD(CODE_E_SIG, body.second.signature.bytes[9] ^= 1);
    BAD(CODE_E_SIG, body.view++);
    BAD(CODE_E_SIG, body.seat = 2);
    BAD(CODE_E_SIG, body.second.proposal.bytes[5] = 1);
    BAD(CODE_E_EVIDENCE, body.second.proposal = body.first.proposal);
    BAD(CODE_E_EVIDENCE, body.view = 0);
    BAD(CODE_E_NOT_FOUND, body.seat = CHAIN_VALIDATORS);
    BAD(CODE_E_NOT_FOUND, body.seat = UINT32_MAX);
    BAD(CODE_E_NOT_FOUND, body.epoch = 1);
    BAD(CODE_E_NOT_FOUND, body.epoch = UINT64_MAX);
    BAD(CODE_E_FORMAT, body.second.kind = 4);
    /* Somebody else's votes; of another chain, set or epoch. */
    BAD(CODE_E_SIG, body = evidence_double(&place, chain->keys[2]));
    BAD(CODE_E_SIG,
        (place.chain_id.bytes[0] ^= 1, body = evidence_double(&place, chain->keys[LIAR]),
         place.chain_id.bytes[0] ^= 1));
    BAD(CODE_E_SIG,
        (place.set_hash.bytes[0] ^= 1, body = evidence_double(&place, chain->keys[LIAR]),
         place.set_hash.bytes[0] ^= 1));
    BAD(CODE_E_SIG, (place.epoch = 1, body = evidence_double(&place, chain->keys[LIAR]),
                     body.epoch = 0, place.epoch = 0));
#undef BAD
    assert_int_equal(put(chain, &good), CODE_OK);
    chain_free(chain);
}

/* Nobody sends it: every field of a sender has one value. */
static void evidence_has_no_sender(void **state)
{
    (void)state;
    struct test_chain *chain = chain_start();
    const struct evidence_place place = place_of(chain, LIAR);
    const struct body_evidence body = evidence_double(&place, chain->keys[LIAR]);
    uint8_t out[EVIDENCE_SIZE_MAX];
    const struct tx good = {.version = TX_VERSION,
                            .chain_id = chain->chain_id,
                            .type = TX_EVIDENCE,
                            .valid_until_ms = chain->time_ms + 60000};
    struct tx bad[4] = {good, good, good, good};
    bad[0].sender = chain->addresses[0];
    bad[1].lane = 1;
    bad[2].seq = 1;
    bad[3].signature.bytes[63] = 1;
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(put_raw(chain, evidence_tx_as(&bad[i], &body, out)), CODE_E_RANGE);
    }
    assert_int_equal(put_raw(chain, evidence_tx_as(&good, &body, out)), CODE_OK);
    chain_free(chain);
}

static void a_key_is_suspended_once(void **state)
{
    (void)state;
    struct test_chain *chain = chain_start();
    struct evidence_place place = place_of(chain, LIAR);
    const struct body_evidence first = evidence_double(&place, chain->keys[LIAR]);
    place.view = 6;
    const struct body_evidence second = evidence_double(&place, chain->keys[LIAR]);
    /* Two in a block: it is BAD, whoever is its leader. */
    chain_send_raw(chain, raw_of(chain, &first));
    chain_send_raw(chain, raw_of(chain, &second));
    chain_block(chain, 1);
    assert_int_equal(chain->outcome.verdict, STATE_BAD);
    assert_int_equal(chain->outcome.bad_index, 1);
    assert_int_equal(chain->outcome.bad_code, CODE_E_DUPLICATE);
    chain->height--;
    /* Two liars in one block are two proofs. */
    place.seat = 2;
    const struct body_evidence other = evidence_double(&place, chain->keys[2]);
    chain_send_raw(chain, raw_of(chain, &first));
    chain_send_raw(chain, raw_of(chain, &other));
    chain_block(chain, 1);
    assert_int_equal(chain_code(chain, 0), CODE_OK);
    assert_int_equal(chain_code(chain, 1), CODE_OK);
    assert_int_equal(put(chain, &first), CODE_E_DUPLICATE);
    assert_int_equal(put(chain, &second), CODE_E_DUPLICATE);
    /* All of them can be seen, with proof that there are no others. */
    const struct validator_set set = sets_now(chain);
    assert_int_equal(state_read_count(&chain->view, COLLECTION_SUSPENSIONS, bytes_of(NULL, 0)), 2);
    const struct hash id = chain_item(chain, COLLECTION_SUSPENSIONS, bytes_of(NULL, 0), 1);
    const struct hash expected = id_suspension(&set.items[2].consensus);
    assert_true(hash_equal(&id, &expected));
    chain_free(chain);
}

/* The guilty seat leaves at the second block after the proof, and its key never comes back. */
static void the_guilty_leave_and_stay_away(void **state)
{
    (void)state;
    struct test_chain *chain = chain_start();
    const struct validator_set set = sets_now(chain);
    struct evidence_place place = place_of(chain, LIAR);
    const struct body_evidence body = evidence_double(&place, chain->keys[LIAR]);
    assert_int_equal(put(chain, &body), CODE_OK);
    place.seat = 2; /* three are left of four: without this one they were no quorum */
    const struct body_evidence next = evidence_double(&place, chain->keys[2]);
    assert_int_equal(put(chain, &next), CODE_OK);
    assert_true(sets_next(chain).boundary);
    chain_block(chain, 1);
    struct validator_set now = sets_now(chain);
    assert_int_equal(now.count, 3);
    assert_true(public_key_equal(&now.items[1].consensus, &set.items[2].consensus));
    chain_block(chain, 1);
    chain_block(chain, 1);
    assert_false(sets_next(chain).boundary); /* of three, three are needed: it stays */
    assert_int_equal(sets_next(chain).epoch, 1);

    struct body_validator_propose back = sets_proposal(chain, CHANGE_ADD, 3);
    back.validator = set.items[LIAR];
    assert_int_equal(chain_do(chain, 0, TX_VALIDATOR_PROPOSE, &back), CODE_E_SUSPENDED);
    struct body_validator_propose rekey = sets_proposal(chain, CHANGE_REKEY, 1);
    rekey.validator = set.items[2];
    rekey.validator.network = chain_validator(chain, 2, NEW_KEYS).network;
    assert_int_equal(chain_do(chain, 2, TX_VALIDATOR_PROPOSE, &rekey), CODE_E_SUSPENDED);
    /* Its account may, with keys of its own and everybody's vote. */
    back.validator = chain_validator(chain, LIAR, NEW_KEYS);
    assert_int_equal(chain_do(chain, 0, TX_VALIDATOR_PROPOSE, &back), CODE_OK);
    assert_false(sets_next(chain).boundary);
    chain_free(chain);
}

/* Who had to stay goes as soon as the set is large enough. */
static void who_had_to_stay_leaves_later(void **state)
{
    (void)state;
    struct test_chain *chain = chain_start();
    const struct validator_set set = sets_now(chain);
    struct evidence_place place = place_of(chain, LIAR);
    const struct body_evidence body = evidence_double(&place, chain->keys[LIAR]);
    place.seat = 2;
    const struct body_evidence next = evidence_double(&place, chain->keys[2]);
    assert_int_equal(put(chain, &body), CODE_OK);
    assert_int_equal(put(chain, &next), CODE_OK);
    chain_block(chain, 1);
    assert_int_equal(sets_now(chain).count, 3);
    struct body_validator_propose add = sets_proposal(chain, CHANGE_ADD, 3);
    add.validator = chain_validator(chain, CHAIN_RICH, NEW_KEYS);
    assert_int_equal(chain_do(chain, 0, TX_VALIDATOR_PROPOSE, &add), CODE_OK);
    const struct hash four = sets_open(chain, 0).next_set_hash;
    assert_int_equal(sets_approve(chain, 2, 0, &four), CODE_OK);
    assert_int_equal(sets_approve(chain, 3, 0, &four), CODE_OK);
    static const uint8_t keys[] = {0, 2, 3, CHAIN_VALIDATOR_KEYS + NEW_KEYS};
    for (uint32_t seat = 0; seat < 4; seat++) {
        const struct body_ready ready = sets_ready_body(chain, seat, keys[seat]);
        assert_int_equal(chain_do(chain, CHAIN_STRANGER, TX_READY, &ready), CODE_OK);
        if (sets_next(chain).boundary) {
            break;
        }
    }
    chain_block(chain, 1);
    chain_block(chain, 1);
    assert_int_equal(sets_next(chain).epoch, 2);
    for (int i = 0; i < 3 && sets_next(chain).epoch == 2; i++) {
        chain_block(chain, 1);
    }
    const struct validator_set now = sets_now(chain);
    assert_int_equal(sets_next(chain).epoch, 3);
    assert_int_equal(now.count, 3);
    assert_true(public_key_equal(&now.items[1].consensus, &set.items[3].consensus));
    chain_free(chain);
}

/* Votes of an epoch that has ended still convict who has a seat now. */
static void old_votes_convict(void **state)
{
    (void)state;
    struct test_chain *chain = chain_start();
    const struct evidence_place place = place_of(chain, 2);
    const struct body_evidence first = evidence_double(
        &(struct evidence_place){chain->chain_id, place.set_hash, 0, 8, 0}, chain->keys[0]);
    const struct body_evidence late = evidence_double(&place, chain->keys[2]);
    assert_int_equal(put(chain, &first), CODE_OK);
    chain_block(chain, 1);
    chain_block(chain, 1);
    assert_int_equal(sets_next(chain).epoch, 1);
    struct body_evidence wrong = late;
    wrong.epoch = 1;
    wrong.seat = 1; /* where it sits now, but that is not what it signed */
    assert_int_equal(put(chain, &wrong), CODE_E_SIG);
    assert_int_equal(put(chain, &late), CODE_OK);
    const struct validator_set set = sets_now(chain);
    struct suspension suspension;
    assert_true(find_suspension(chain, &set.items[1].consensus, &suspension));
    assert_int_equal(suspension.seat, 2);
    assert_int_equal(suspension.epoch, 0);
    chain_free(chain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair_that_lies_is_proof),
        cmocka_unit_test(one_pair_has_one_form),
        cmocka_unit_test(nothing_that_is_not_signed_is_proof),
        cmocka_unit_test(evidence_has_no_sender),
        cmocka_unit_test(a_key_is_suspended_once),
        cmocka_unit_test(the_guilty_leave_and_stay_away),
        cmocka_unit_test(who_had_to_stay_leaves_later),
        cmocka_unit_test(old_votes_convict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
