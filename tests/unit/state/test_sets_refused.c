#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/sets.h"

/* Every rule of the transactions about validator sets: one field spoilt at a time. */

#define SPOIL(T, expected, statement)                                                              \
    do {                                                                                           \
        T body = good;                                                                             \
        statement;                                                                                 \
        const struct chain_refusal refusal = {#statement, who, type, &body, expected};             \
        chain_refused(chain, &refusal);                                                            \
    } while (0)

enum { NEW_KEYS = 30, NEW_CONSENSUS = CHAIN_VALIDATOR_KEYS + NEW_KEYS };

static void proposals(void **state)
{
    (void)state;
    const struct params params = chain_params();
    struct test_chain *chain = chain_create_seated(&params);
    const struct validator_set set = sets_now(chain);
    const uint32_t who = 0;
    const uint32_t type = TX_VALIDATOR_PROPOSE;
    struct body_validator_propose good = sets_proposal(chain, CHANGE_ADD, 4);
    good.validator = chain_validator(chain, CHAIN_RICH, NEW_KEYS);
    const struct public_key no_point = {{4}};
#define BAD(code, statement) SPOIL(struct body_validator_propose, code, statement)
    BAD(CODE_E_SEQ, body.set_hash.bytes[0] ^= 1);
    BAD(CODE_E_RANGE, body.action = 0);
    BAD(CODE_E_RANGE, body.action = CHANGE_EVICT);
    BAD(CODE_E_RANGE, body.seat = 3);
    BAD(CODE_E_RANGE, body.seat = 5);
    BAD(CODE_E_RANGE, body.validator.consensus = no_point);
    BAD(CODE_E_RANGE, body.validator.network = no_point);
    BAD(CODE_E_RANGE, body.validator.vrf = no_point);
    BAD(CODE_E_DUPLICATE, body.validator.network = set.items[0].vrf);
    BAD(CODE_E_DUPLICATE, body.validator.consensus = set.items[3].consensus);
    BAD(CODE_E_DUPLICATE, body.validator.vrf = body.validator.network);
    BAD(CODE_E_DUPLICATE, body.validator.account = chain->addresses[2]);
    BAD(CODE_E_NOT_FOUND, body.validator.account.bytes[0] ^= 1);
    BAD(CODE_E_ROLE, body.validator.account = chain->addresses[CHAIN_STRANGER]);
    BAD(CODE_E_RANGE, body.action = CHANGE_REMOVE);
    BAD(CODE_E_RANGE, (body.action = CHANGE_REMOVE, body.seat = 1));
    BAD(CODE_E_RANGE, body.action = CHANGE_REKEY);
    BAD(CODE_E_OWNER, (body.action = CHANGE_REKEY, body.seat = 1));
    BAD(CODE_E_DUPLICATE,
        (body.action = CHANGE_REKEY, body.seat = 1, body.validator = set.items[1]));
    BAD(CODE_E_DUPLICATE, (body.action = CHANGE_REKEY, body.seat = 1, body.validator = set.items[1],
                           body.validator.vrf = set.items[2].vrf));
    BAD(CODE_E_DUPLICATE,
        (body.action = CHANGE_REKEY, body.seat = 1, body.validator = set.items[1],
         body.validator.vrf = set.items[1].network, body.validator.network = set.items[1].vrf));
#undef BAD
    const struct chain_refusal others[] = {
        {"no role", CHAIN_STRANGER, type, &good, CODE_E_ROLE},
        {"the role, no seat", CHAIN_RICH, type, &good, CODE_E_ROLE},
    };
    chain_refused(chain, &others[0]);
    chain_refused(chain, &others[1]);
    assert_int_equal(chain_do(chain, who, type, &good), CODE_OK);
    /* Again, and another in its place: an account has one. */
    assert_int_equal(chain_do(chain, who, type, &good), CODE_OK);
    const struct body_validator_propose other = sets_proposal(chain, CHANGE_REMOVE, 2);
    const struct hash first = sets_open(chain, who).next_set_hash;
    assert_int_equal(chain_do(chain, who, type, &other), CODE_OK);
    assert_int_equal(sets_approve(chain, 1, who, &first), CODE_E_SEQ);
    chain_free(chain);
}

static void approvals(void **state)
{
    (void)state;
    const struct params params = chain_params();
    struct test_chain *chain = chain_create_seated(&params);
    const uint32_t who = 1;
    const uint32_t type = TX_VALIDATOR_APPROVE;
    const struct body_validator_propose change = sets_proposal(chain, CHANGE_REMOVE, 3);
    assert_int_equal(chain_do(chain, 0, TX_VALIDATOR_PROPOSE, &change), CODE_OK);
    const struct hash next = sets_open(chain, 0).next_set_hash;
    const struct body_validator_approve good = {.proposer = chain->addresses[0],
                                                .next_set_hash = next};
#define BAD(code, statement) SPOIL(struct body_validator_approve, code, statement)
    BAD(CODE_E_NOT_FOUND, body.proposer = chain->addresses[1]);
    BAD(CODE_E_SEQ, body.next_set_hash.bytes[31] ^= 1);
#undef BAD
    const struct chain_refusal others[] = {
        {"no role", CHAIN_STRANGER, type, &good, CODE_E_ROLE},
        {"the role, no seat", CHAIN_RICH, type, &good, CODE_E_ROLE},
        {"its own approval stands", 0, type, &good, CODE_E_DUPLICATE},
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        chain_refused(chain, &others[i]);
    }
    assert_int_equal(chain_do(chain, who, type, &good), CODE_OK);
    const struct chain_refusal twice = {"twice", who, type, &good, CODE_E_DUPLICATE};
    chain_refused(chain, &twice);
    chain_block(chain, SET_OPEN_MS);
    const struct chain_refusal late = {"after a week", 2, type, &good, CODE_E_DEADLINE};
    chain_refused(chain, &late);
    chain_free(chain);
}

static void readiness(void **state)
{
    (void)state;
    const struct params params = chain_params();
    struct test_chain *chain = chain_create_seated(&params);
    const uint32_t who = CHAIN_STRANGER;
    const uint32_t type = TX_READY;
    struct body_validator_propose change = sets_proposal(chain, CHANGE_ADD, 4);
    change.validator = chain_validator(chain, CHAIN_RICH, NEW_KEYS);
    const struct body_ready none = {.seat = 4};
    assert_int_equal(chain_do(chain, 0, TX_VALIDATOR_PROPOSE, &change), CODE_OK);
    const struct chain_refusal early = {"not accepted yet", who, type, &none, CODE_E_NOT_FOUND};
    chain_refused(chain, &early);
    const struct hash next = sets_open(chain, 0).next_set_hash;
    assert_int_equal(sets_approve(chain, 1, 0, &next), CODE_OK);
    assert_int_equal(sets_approve(chain, 2, 0, &next), CODE_OK);
    const uint64_t accepted = chain->height;
    const struct body_ready good = sets_ready_body(chain, 4, NEW_CONSENSUS);
#define BAD(code, statement) SPOIL(struct body_ready, code, statement)
    BAD(CODE_E_SEQ, body.next_set_hash.bytes[3] ^= 1);
    BAD(CODE_E_RANGE, body.seat = 5);
    BAD(CODE_E_RANGE, body.seat = UINT32_MAX);
    BAD(CODE_E_RANGE, body.height = accepted - 1);
    BAD(CODE_E_RANGE, body.height = UINT64_MAX);
    BAD(CODE_E_RANGE, body.height = chain->height + 1); /* this block's own */
    BAD(CODE_E_SIG, body.height = accepted + 1);
    BAD(CODE_E_SIG, body.seat = 0);
    BAD(CODE_E_SIG, body.signature.bytes[5] ^= 1);
    BAD(CODE_E_SIG, body = sets_ready_body(chain, 4, NEW_CONSENSUS + 1)); /* the network key */
#undef BAD
    while (chain->height < accepted + SET_READY_BLOCKS) {
        chain_block(chain, 1);
    }
    const struct chain_refusal old = {"101 blocks", who, type, &good, CODE_E_DEADLINE};
    chain_refused(chain, &old);
    const struct body_ready fresh = sets_ready_body(chain, 4, NEW_CONSENSUS);
    assert_int_equal(chain_do(chain, who, type, &fresh), CODE_OK);
    chain_free(chain);
}

/* Once is enough. */
static void readiness_is_said_once(void **state)
{
    (void)state;
    const struct params params = chain_params();
    struct test_chain *chain = chain_create_seated(&params);
    const struct body_validator_propose change = sets_proposal(chain, CHANGE_REMOVE, 0);
    assert_int_equal(chain_do(chain, 0, TX_VALIDATOR_PROPOSE, &change), CODE_OK);
    const struct hash next = sets_open(chain, 0).next_set_hash;
    assert_int_equal(sets_approve(chain, 1, 0, &next), CODE_OK);
    assert_int_equal(sets_approve(chain, 2, 0, &next), CODE_OK);
    const struct body_ready ready = sets_ready_body(chain, 1, 2); /* seat 2 before */
    assert_int_equal(chain_do(chain, 2, TX_READY, &ready), CODE_OK);
    const struct body_ready again = sets_ready_body(chain, 1, 2);
    const struct chain_refusal twice = {"twice", 2, TX_READY, &again, CODE_E_DUPLICATE};
    chain_refused(chain, &twice);
    assert_false(sets_next(chain).boundary);
    chain_free(chain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(proposals),
        cmocka_unit_test(approvals),
        cmocka_unit_test(readiness),
        cmocka_unit_test(readiness_is_said_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
