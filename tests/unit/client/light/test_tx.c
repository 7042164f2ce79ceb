#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "client/tx/tx.h"
#include "tests/support/fake_node.h"
#include "types/codes.h"
#include "wire/wire.h"

/* Transactions from making to a proven result, and what a lying node can say about them. */

struct place {
    struct fake_node *node;
    struct light *light;
    struct crypto_key *key;
    struct tx_sender sender;
    uint32_t executed;
};

/* The fake's state machine: count the sender's transactions. */
static void execute(void *context, struct bytes raw)
{
    struct place *place = context;
    struct account account = {.version = 1};
    struct tx tx;
    assert_true(wire_decode_tx(raw, &tx));
    account.seq = tx.seq + 1;
    place->executed++;
    place->node->seq_floor = account.seq;
    const struct key key = key_account(&tx.sender);
    fake_put_record(place->node, &key, &record_account, &account);
}

static void place_open(struct place *place, uint64_t seq)
{
    const uint8_t secret[CRYPTO_SECRET_SIZE] = {[31] = 99};
    const struct account account = {.version = 1, .seq = seq};
    place->node = fake_open();
    place->light = fake_light(place->node);
    place->key = crypto_key_create(secret);
    tx_sender_init(&place->sender, place->light, place->key);
    const struct key key = key_account(&place->sender.address);
    fake_put_record(place->node, &key, &record_account, &account);
    fake_commit(place->node);
    fake_commit(place->node);
    place->node->commit_on_wait = true;
    place->node->execute = execute;
    place->node->execute_context = place;
    place->executed = 0;
}

static void place_close(struct place *place)
{
    crypto_key_free(place->key);
    light_close(place->light);
    fake_close(place->node);
}

static void test_build_is_what_wire_reads(void **state)
{
    struct place place;
    struct error error;
    struct light_reply raw;
    struct tx tx;
    struct body_transfer body = {.to = {.bytes = {3}}, .amount = 12};
    struct body_transfer read;
    struct hash id;
    (void)state;
    place_open(&place, 0);
    const struct tx_parts parts = {.key = place.key,
                                   .chain_id = place.node->chain_id,
                                   .type = TX_TRANSFER,
                                   .seq = 4,
                                   .valid_until_ms = 77,
                                   .body = &body};
    assert_true(tx_build(&parts, &raw, &error));
    assert_true(wire_decode_tx(bytes_of(raw.data, raw.size), &tx));
    assert_int_equal(tx.seq, 4);
    assert_int_equal(tx.valid_until_ms, 77);
    assert_true(address_equal(&tx.sender, &place.sender.address));
    assert_true(record_decode(&record_body_transfer, tx.body, &read));
    assert_int_equal(read.amount, 12);
    crypto_digest(TAG_TX, tx.payload, &id);
    assert_true(crypto_verify(crypto_key_public(place.key), &id, &tx.signature));
    free(raw.data);
    place_close(&place);
}

static void test_send_counts_on(void **state)
{
    struct place place;
    struct error error;
    struct tx_pending pending[3];
    (void)state;
    place_open(&place, 41);
    assert_true(tx_send(&place.sender, TX_NOP, NULL, NULL, &error));
    for (int i = 0; i < 3; i++) {
        assert_true(tx_submit(&place.sender, TX_NOP, NULL, &pending[i], &error));
        assert_int_equal(pending[i].seq, 42 + i);
    }
    for (int i = 0; i < 3; i++) {
        assert_true(tx_wait(&place.sender, &pending[i], 1000, NULL, &error));
        tx_pending_free(&pending[i]);
    }
    place_close(&place);
}

static void test_refusals_have_codes(void **state)
{
    static const struct {
        uint32_t code;
        enum exit_code exit_code;
    } rows[] = {{CODE_E_FUNDS, EXIT_CODE_REJECTED},
                {CODE_E_EXPIRED, EXIT_CODE_EXPIRED},
                {CODE_E_QUOTA, EXIT_CODE_QUOTA}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct place place;
        struct error error;
        uint32_t code = 0;
        place_open(&place, 0);
        place.node->refuse = rows[i].code;
        assert_false(tx_send(&place.sender, TX_NOP, NULL, &code, &error));
        assert_int_equal(error.code, rows[i].exit_code);
        assert_non_null(strstr(error.detail, code_text(rows[i].code)));
        place_close(&place);
    }
}

/* Whatever one node says or keeps back, a transaction is executed once. */
static void test_lies_do_not_send_twice(void **state)
{
    static const enum fake_fault lies[] = {FAULT_LOST_REPLY, FAULT_DENIES, FAULT_SWALLOWS};
    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        struct place place;
        struct error error;
        uint32_t code = 1;
        place_open(&place, 6);
        place.node->faults[0] = lies[i];
        assert_true(tx_send(&place.sender, TX_NOP, NULL, &code, &error));
        assert_int_equal(code, CODE_OK);
        assert_int_equal(place.executed, 1);
        assert_int_equal(place.sender.next_seq, 7);
        place_close(&place);
    }
}

/* A node's refusal is its word: it forwards the bytes all the same.  The wish again, with the
 * same number, is not executed beside the first, and what became of that one is unknown. */
static void test_refused_and_executed(void **state)
{
    struct place place;
    struct error error;
    struct tx_told told;
    (void)state;
    place_open(&place, 6);
    place.node->faults[0] = FAULT_REFUSES;
    assert_false(tx_carry(&place.sender, TX_NOP, NULL, &told, &error));
    assert_int_equal(error.code, EXIT_CODE_REJECTED);
    assert_true(told.refused);
    assert_non_null(strstr(error.detail, "word"));
    const struct hash first = told.id;
    place.node->faults[0] = FAULT_NONE;
    place.sender.synced = false; /* what an unknown outcome of another one does */
    assert_false(tx_carry(&place.sender, TX_NOP, NULL, &told, &error));
    assert_int_equal(place.executed, 1);
    assert_int_equal(error.code, EXIT_CODE_UNREACHABLE);
    assert_int_equal(told.seq, 6);
    assert_int_equal(told.code, CODE_OK);
    assert_true(hash_equal(&told.id, &first)); /* the one to ask for */
    /* That was told: the next is a new wish. */
    assert_true(tx_carry(&place.sender, TX_NOP, NULL, &told, &error));
    assert_int_equal(told.seq, 7);
    place_close(&place);
}

/* Refused and not executed: the next takes the number, and nothing is left to ask. */
static void test_refused_number_is_used_again(void **state)
{
    struct place place;
    struct error error;
    struct tx_told told;
    (void)state;
    place_open(&place, 6);
    place.node->refuse = CODE_E_FUNDS;
    assert_false(tx_carry(&place.sender, TX_NOP, NULL, &told, &error));
    assert_true(place.sender.refused.any);
    assert_true(tx_carry(&place.sender, TX_NOP, NULL, &told, &error));
    assert_int_equal(told.seq, 6);
    assert_false(told.refused);
    assert_false(place.sender.refused.any);
    assert_int_equal(place.executed, 1);
    place_close(&place);
}

/* Somebody else used the number.  Only with the proof that this one is in no block is it
 * signed again, with the next. */
static void test_used_number_is_proven_first(void **state)
{
    struct place place;
    struct error error;
    struct tx_pending pending;
    (void)state;
    place_open(&place, 6);
    assert_true(tx_send(&place.sender, TX_NOP, NULL, NULL, &error));
    struct tx_sender other = place.sender;
    assert_true(tx_send(&place.sender, TX_NOP, NULL, NULL, &error)); /* takes 7 */

    uint32_t code = 0;
    assert_true(tx_submit(&other, TX_NOP, NULL, &pending, &error));
    assert_int_equal(pending.seq, 7);
    assert_false(tx_wait(&other, &pending, 5000, &code, &error));
    assert_int_equal(error.code, EXIT_CODE_REJECTED);
    assert_int_equal(code, CODE_E_SEQ_USED);
    tx_pending_free(&pending);
    assert_int_equal(place.executed, 2);

    other.synced = true;
    other.next_seq = 7;
    assert_true(tx_send(&other, TX_NOP, NULL, NULL, &error));
    assert_int_equal(place.executed, 3);
    assert_int_equal(other.next_seq, 9);

    other.fixed = true; /* this number or none */
    other.next_seq = 8;
    assert_false(tx_send(&other, TX_NOP, NULL, NULL, &error));
    assert_int_equal(place.executed, 3);
    place_close(&place);
}

/* Absence needs the number to be used, and every block's true bytes. */
static void test_absence_is_proven(void **state)
{
    struct place place;
    struct error error;
    struct tx_pending pending;
    bool absent = true;
    (void)state;
    place_open(&place, 0);
    struct tx_sender other = place.sender;
    const struct body_transfer body = {.to = {.bytes = {3}}, .amount = 12};
    assert_true(tx_submit(&other, TX_TRANSFER, &body, &pending, &error));
    const struct bytes raw = bytes_of(pending.raw.data, pending.raw.size);
    struct fake_tx held = place.node->pool[0];
    place.node->pool_count = 0;
    fake_commit(place.node);
    assert_true(light_prove_absent(place.light, raw, 1, &absent, &error));
    assert_false(absent); /* it may still enter */
    assert_true(tx_send(&place.sender, TX_NOP, NULL, NULL, &error));
    assert_true(light_prove_absent(place.light, raw, 1, &absent, &error));
    assert_true(absent);
    for (uint32_t v = 0; v < FAKE_VALIDATORS; v++) {
        place.node->faults[v] = FAULT_BLOCK;
    }
    assert_false(light_prove_absent(place.light, raw, 1, &absent, &error));
    assert_int_equal(error.code, EXIT_CODE_VERIFY);
    for (uint32_t v = 0; v < FAKE_VALIDATORS; v++) {
        place.node->faults[v] = FAULT_NONE;
    }
    place.node->pool[place.node->pool_count++] = held;
    fake_commit(place.node);
    fake_commit(place.node);
    assert_true(light_prove_absent(place.light, raw, 1, &absent, &error));
    assert_false(absent); /* there it is */
    tx_pending_free(&pending);
    place_close(&place);
}

static void test_proven_failure(void **state)
{
    struct place place;
    struct error error;
    uint32_t code = 0;
    (void)state;
    place_open(&place, 0);
    place.node->code_of_next = CODE_E_DEADLINE;
    assert_false(tx_send(&place.sender, TX_NOP, NULL, &code, &error));
    assert_int_equal(code, CODE_E_DEADLINE);
    assert_int_equal(error.code, EXIT_CODE_REJECTED);
    place_close(&place);
}

/* A block without room says so in its result: nothing was done, so it is sent again. */
static void test_full_block(void **state)
{
    struct place place;
    struct error error;
    struct tx_told told;
    (void)state;
    place_open(&place, 0);
    place.node->code_of_next = CODE_E_BLOCK_FULL;
    assert_true(tx_carry(&place.sender, TX_NOP, NULL, &told, &error));
    assert_int_equal(told.code, CODE_OK);
    assert_int_equal(told.seq, 1); /* the first number is used up */
    place_close(&place);
}

/* Every way to lie about a result, at the tip and below it. */
static void test_results_cannot_be_forged(void **state)
{
    static const enum fake_fault lies[] = {FAULT_RESULT, FAULT_INDEX,     FAULT_PATH,
                                           FAULT_BLOCK,  FAULT_SIGNATURE, FAULT_FEW};
    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        struct place place;
        struct error error;
        struct light_result result;
        struct tx_pending pending[2];
        bool found = false;
        place_open(&place, 0);
        assert_true(tx_submit(&place.sender, TX_NOP, NULL, &pending[0], &error));
        assert_true(tx_submit(&place.sender, TX_NOP, NULL, &pending[1], &error));
        for (int b = 0; b < 4; b++) {
            fake_commit(place.node);
        }
        for (uint32_t v = 0; v < FAKE_VALIDATORS; v++) {
            place.node->faults[v] = lies[i];
        }
        const struct bytes raw = bytes_of(pending[1].raw.data, pending[1].raw.size);
        assert_false(light_look_tx(place.light, raw, &found, &result, &error));
        assert_int_equal(error.code, EXIT_CODE_VERIFY);
        struct light_found told;
        assert_false(light_look_id(place.light, &pending[1].id, &found, &told, &error));
        assert_int_equal(error.code, EXIT_CODE_VERIFY);
        place.node->faults[2] = FAULT_NONE;
        assert_true(light_look_id(place.light, &pending[1].id, &found, &told, &error));
        assert_true(found);
        assert_int_equal(told.result.index, 1);
        assert_int_equal(told.seq, 1);
        light_result_free(&told.result);
        assert_true(light_look_tx(place.light, raw, &found, &result, &error));
        assert_true(found);
        assert_int_equal(result.index, 1);
        light_result_free(&result);
        assert_true(light_look_id(place.light, &place.node->chain_id, &found, &told, &error));
        assert_false(found);
        assert_false(told.waiting);
        tx_pending_free(&pending[0]);
        tx_pending_free(&pending[1]);
        place_close(&place);
    }
}

/* A node swallowed it; it is handed in again, and when its time is over that is proven. */
static void test_lost_and_expired(void **state)
{
    struct place place;
    struct error error;
    struct tx_pending pending;
    (void)state;
    place_open(&place, 0);
    assert_true(tx_submit(&place.sender, TX_NOP, NULL, &pending, &error));
    free(place.node->pool[0].raw);
    place.node->pool_count = 0;
    assert_true(tx_wait(&place.sender, &pending, 5000, NULL, &error));
    tx_pending_free(&pending);

    place.node->commit_on_wait = false;
    assert_true(tx_submit(&place.sender, TX_NOP, NULL, &pending, &error));
    free(place.node->pool[0].raw);
    place.node->pool_count = 0;
    assert_false(tx_wait(&place.sender, &pending, 500, NULL, &error));
    assert_int_equal(error.code, EXIT_CODE_UNREACHABLE);
    place.node->now_ms += TX_VALID_MS + 1;
    fake_commit(place.node);
    assert_false(tx_wait(&place.sender, &pending, 5000, NULL, &error));
    assert_int_equal(error.code, EXIT_CODE_EXPIRED);
    tx_pending_free(&pending);
    place_close(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_build_is_what_wire_reads),
        cmocka_unit_test(test_send_counts_on),
        cmocka_unit_test(test_refusals_have_codes),
        cmocka_unit_test(test_lies_do_not_send_twice),
        cmocka_unit_test(test_refused_and_executed),
        cmocka_unit_test(test_refused_number_is_used_again),
        cmocka_unit_test(test_used_number_is_proven_first),
        cmocka_unit_test(test_absence_is_proven),
        cmocka_unit_test(test_proven_failure),
        cmocka_unit_test(test_full_block),
        cmocka_unit_test(test_results_cannot_be_forged),
        cmocka_unit_test(test_lost_and_expired),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
