#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/chain.h"
#include "wire/wire.h"

/* 13.5: each rule of admission with its code, alone and inside a block. */

static const uint8_t empty_array = 0x90;

static struct chain_tx nop(uint32_t account)
{
    return (struct chain_tx){
        .account = account, .type = TX_NOP, .valid_ms = 1000, .body = {&empty_array, 1}};
}

/* The verdict on raw against the chain's state at its time. */
static enum code peek(struct test_chain *chain, struct bytes raw, struct tx *tx)
{
    const struct state_admission_config config = {.chain_id = chain->chain_id};
    void *memory = malloc(state_admission_footprint());
    assert_non_null(memory);
    struct state_admission *admission = state_admission_init(memory, &config);
    state_admission_begin(admission, &chain->view, chain->time_ms);
    const enum code code = state_admit(admission, raw, STATE_ADMIT_PEEK, tx);
    free(memory);
    return code;
}

/* The block that contains it is BAD with the same code. */
static void check_bad(struct test_chain *chain, struct bytes raw, enum code code)
{
    assert_int_equal(peek(chain, raw, NULL), code);
    const struct chain_tx good = nop(CHAIN_RICH);
    chain_send_raw(chain, chain_sign(chain, &good));
    chain_send_raw(chain, raw);
    const size_t entries = chain->map.count;
    const uint64_t height = chain->height;
    chain_block(chain, 0);
    assert_int_equal(chain->outcome.verdict, STATE_BAD);
    assert_int_equal(chain->outcome.bad_index, 1);
    assert_int_equal(chain->outcome.bad_code, code);
    assert_int_equal(chain->map.count, entries);
    chain->height = height;
}

static void good_transactions_are_admitted(void **state)
{
    (void)state;
    const struct params params = chain_params();
    struct test_chain *chain = chain_create(&params);
    struct chain_tx cases[5];
    for (uint32_t i = 0; i < 5; i++) {
        cases[i] = nop(CHAIN_STRANGER);
    }
    cases[1].lane = 1;
    cases[2].lane = TX_LANE_MAX;
    cases[3].lane = TX_LANE_UNORDERED;
    cases[3].seq = 12345;
    cases[4].valid_ms = TX_VALID_MS_MAX; /* the last allowed millisecond */
    for (uint32_t i = 0; i < 5; i++) {
        struct tx tx;
        assert_int_equal(peek(chain, chain_sign(chain, &cases[i]), &tx), CODE_OK);
        assert_int_equal(tx.type, TX_NOP);
        assert_int_equal(tx.lane, cases[i].lane);
    }
    cases[4].valid_ms = 0; /* expires with this block: still good */
    assert_int_equal(peek(chain, chain_sign(chain, &cases[4]), NULL), CODE_OK);
    chain_free(chain);
}

static void the_envelope_is_judged(void **state)
{
    (void)state;
    const struct params params = chain_params();
    struct test_chain *chain = chain_create(&params);
    struct chain_tx tx = nop(CHAIN_STRANGER);

    struct bytes raw = chain_sign(chain, &tx);
    check_bad(chain, bytes_of(raw.data, raw.size - 1), CODE_E_FORMAT);
    check_bad(chain, bytes_of(NULL, 0), CODE_E_FORMAT);

    tx.type = 0x7f;
    check_bad(chain, chain_sign(chain, &tx), CODE_E_TYPE);

    tx = nop(CHAIN_STRANGER);
    const struct hash ours = chain->chain_id;
    chain->chain_id.bytes[0] ^= 1;
    raw = chain_sign(chain, &tx);
    chain->chain_id = ours;
    check_bad(chain, raw, CODE_E_CHAIN);

    chain->time_ms -= 10;
    tx.valid_ms = 9; /* one millisecond before the block */
    raw = chain_sign(chain, &tx);
    chain->time_ms += 10;
    check_bad(chain, raw, CODE_E_EXPIRED);

    tx.valid_ms = TX_VALID_MS_MAX + 1;
    check_bad(chain, chain_sign(chain, &tx), CODE_E_VALID_UNTIL);

    tx = nop(CHAIN_STRANGER);
    tx.lane = TX_LANE_MAX + 1;
    check_bad(chain, chain_sign(chain, &tx), CODE_E_LANE);

    tx = nop(CHAIN_STRANGER);
    tx.seq = UINT64_MAX; /* there would be no next one */
    check_bad(chain, chain_sign(chain, &tx), CODE_E_RANGE);
    chain_free(chain);
}

static void too_many_bytes_are_refused(void **state)
{
    (void)state;
    const struct params params = chain_params();
    struct test_chain *chain = chain_create(&params);
    uint8_t *body = calloc(1, TX_SIZE_MAX + 64);
    assert_non_null(body);
    struct wire_writer writer;
    struct chain_tx tx = nop(CHAIN_STRANGER);
    wire_writer_init(&writer, body, TX_SIZE_MAX + 64);
    wire_write_array(&writer, 1);
    uint8_t *filler = calloc(1, TX_SIZE_MAX);
    assert_non_null(filler);
    wire_write_bin(&writer, bytes_of(filler, TX_SIZE_MAX));
    assert_true(wire_writer_end(&writer, &tx.body));
    check_bad(chain, chain_sign(chain, &tx), CODE_E_SIZE);

    /* Above the limit of its type, below that of all: the decoder refuses it. */
    wire_writer_init(&writer, body, TX_SIZE_MAX + 64);
    wire_write_array(&writer, 1);
    wire_write_bin(&writer, bytes_of(filler, TX_SIZE_MAX_DEFAULT));
    assert_true(wire_writer_end(&writer, &tx.body));
    check_bad(chain, chain_sign(chain, &tx), CODE_E_FORMAT);
    free(filler);
    free(body);
    chain_free(chain);
}

static void the_sender_is_judged(void **state)
{
    (void)state;
    const struct params params = chain_params();
    struct test_chain *chain = chain_create(&params);
    struct chain_tx tx = nop(CHAIN_STRANGER);

    const struct address ours = chain->addresses[CHAIN_STRANGER];
    chain->addresses[CHAIN_STRANGER].bytes[0] ^= 1;
    struct bytes raw = chain_sign(chain, &tx);
    chain->addresses[CHAIN_STRANGER] = ours;
    check_bad(chain, raw, CODE_E_SENDER);

    tx = nop(CHAIN_SUSPENDED);
    check_bad(chain, chain_sign(chain, &tx), CODE_E_SUSPENDED);
    tx = nop(CHAIN_IDLE_ORG);
    check_bad(chain, chain_sign(chain, &tx), CODE_E_ORG);

    /* Signed by another key: somebody else's account is named. */
    tx = nop(CHAIN_PROVIDER);
    chain->addresses[CHAIN_PROVIDER] = chain->addresses[CHAIN_STRANGER];
    raw = chain_sign(chain, &tx);
    crypto_address(crypto_key_public(chain->keys[CHAIN_PROVIDER]),
                   &chain->addresses[CHAIN_PROVIDER]);
    check_bad(chain, raw, CODE_E_SIG);

    /* One flipped bit of the signature. */
    tx = nop(CHAIN_STRANGER);
    raw = chain_sign(chain, &tx);
    uint8_t *flipped = malloc(raw.size);
    assert_non_null(flipped);
    memcpy(flipped, raw.data, raw.size);
    flipped[raw.size - 1] ^= 1;
    check_bad(chain, bytes_of(flipped, raw.size), CODE_E_SIG);
    free(flipped);
    chain_free(chain);
}

static void sequence_numbers_are_strict_in_each_lane(void **state)
{
    (void)state;
    const struct params params = chain_params();
    struct test_chain *chain = chain_create(&params);
    for (uint32_t lane = 0; lane <= TX_LANE_MAX; lane += TX_LANE_MAX) {
        struct chain_tx tx = nop(CHAIN_STRANGER);
        tx.lane = lane;
        tx.seq = 1;
        check_bad(chain, chain_sign(chain, &tx), CODE_E_SEQ_GAP);
        for (tx.seq = 0; tx.seq < 3; tx.seq++) {
            chain_send_raw(chain, chain_sign(chain, &tx));
        }
        chain_block(chain, 1); /* three in one block: its own counters count */
        assert_int_equal(chain_code(chain, 2), CODE_OK);
        tx.seq = 2;
        check_bad(chain, chain_sign(chain, &tx), CODE_E_SEQ_USED);
        tx.seq = 4;
        check_bad(chain, chain_sign(chain, &tx), CODE_E_SEQ_GAP);
        tx.seq = 3;
        assert_int_equal(peek(chain, chain_sign(chain, &tx), NULL), CODE_OK);
        chain_send_raw(chain, chain_sign(chain, &tx));
        chain_send_raw(chain, chain_sign(chain, &tx));
        chain_block(chain, 1);
        assert_int_equal(chain->outcome.bad_code, CODE_E_SEQ_USED);
        chain->height--;
    }
    chain_free(chain);
}

static void unordered_numbers_are_remembered_until_they_expire(void **state)
{
    (void)state;
    const struct params params = chain_params();
    struct test_chain *chain = chain_create(&params);
    struct chain_tx tx = nop(CHAIN_STRANGER);
    tx.lane = TX_LANE_UNORDERED;
    tx.seq = 99;
    chain_send_raw(chain, chain_sign(chain, &tx));
    chain_block(chain, 1);
    assert_int_equal(chain_code(chain, 0), CODE_OK);
    const size_t with_memory = chain->map.count;
    check_bad(chain, chain_sign(chain, &tx), CODE_E_SEQ_USED);
    tx.seq = 98;
    chain_send_raw(chain, chain_sign(chain, &tx));
    chain_send_raw(chain, chain_sign(chain, &tx));
    chain_block(chain, 1);
    assert_int_equal(chain->outcome.bad_code, CODE_E_SEQ_USED);
    chain->height--;
    tx.seq = 99;
    chain->time_ms += 1000;
    assert_int_equal(peek(chain, chain_sign(chain, &tx), NULL), CODE_OK);

    /* After a while any transaction sweeps: key, item and counter are gone, quota stays. */
    chain->time_ms += 120000;
    const struct chain_tx other = nop(CHAIN_RICH);
    chain_send_raw(chain, chain_sign(chain, &other));
    chain_block(chain, 1);
    assert_int_equal(chain_code(chain, 0), CODE_OK);
    assert_int_equal(chain->map.count, with_memory - 3);
    chain_free(chain);
}

static void quotas_count_units_in_windows(void **state)
{
    (void)state;
    struct params params = chain_params();
    params.quota_window_ms = 10000;
    struct test_chain *chain = chain_create(&params);
    struct chain_tx tx = nop(CHAIN_LIMITED); /* 3 units */
    for (tx.seq = 0; tx.seq < 2; tx.seq++) {
        chain_send_raw(chain, chain_sign(chain, &tx));
    }
    chain_block(chain, 1);
    assert_int_equal(chain_code(chain, 1), CODE_OK);
    chain_send_raw(chain, chain_sign(chain, &tx));
    tx.seq = 3;
    chain_send_raw(chain, chain_sign(chain, &tx));
    chain_block(chain, 1); /* the fourth unit */
    assert_int_equal(chain->outcome.bad_code, CODE_E_QUOTA);
    assert_int_equal(chain->outcome.bad_index, 1);
    chain->height--;
    tx.seq = 2;
    chain_send_raw(chain, chain_sign(chain, &tx));
    chain_block(chain, 1);
    assert_int_equal(chain_code(chain, 0), CODE_OK);
    tx.seq = 3;
    check_bad(chain, chain_sign(chain, &tx), CODE_E_QUOTA);
    chain->time_ms += 10000;
    assert_int_equal(peek(chain, chain_sign(chain, &tx), NULL), CODE_OK);
    chain_free(chain);
}

/* 13.6: a verdict is remembered for the complete bytes and the key, never for the id. */
struct cache {
    struct hash digests[8];
    size_t count;
};

static bool cache_has(void *context, const struct hash *digest)
{
    const struct cache *cache = context;
    for (size_t i = 0; i < cache->count; i++) {
        if (hash_equal(&cache->digests[i], digest)) {
            return true;
        }
    }
    return false;
}

static void cache_add(void *context, const struct hash *digest)
{
    struct cache *cache = context;
    cache->digests[cache->count++] = *digest;
}

static void a_cached_verdict_does_not_cover_another_signature(void **state)
{
    (void)state;
    const struct params params = chain_params();
    struct test_chain *chain = chain_create(&params);
    struct cache cache = {.count = 0};
    const struct state_admission_config config = {
        .chain_id = chain->chain_id,
        .verdicts = {.context = &cache, .known_good = cache_has, .remember_good = cache_add}};
    void *memory = malloc(state_admission_footprint());
    assert_non_null(memory);
    struct state_admission *admission = state_admission_init(memory, &config);
    state_admission_begin(admission, &chain->view, chain->time_ms);

    const struct chain_tx tx = nop(CHAIN_STRANGER);
    const struct bytes raw = chain_sign(chain, &tx);
    uint8_t other[512];
    memcpy(other, raw.data, raw.size);
    other[raw.size - 1] ^= 1; /* same id, another signature */
    const struct bytes bad = bytes_of(other, raw.size);
    assert_int_equal(state_admit(admission, raw, STATE_ADMIT_PEEK, NULL), CODE_OK);
    assert_int_equal(cache.count, 1);
    assert_int_equal(state_admit(admission, raw, STATE_ADMIT_PEEK, NULL), CODE_OK);
    assert_int_equal(cache.count, 1); /* taken from the cache */
    assert_int_equal(state_admit(admission, bad, STATE_ADMIT_PEEK, NULL), CODE_E_SIG);
    assert_int_equal(cache.count, 1);
    free(memory);
    chain_free(chain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_transactions_are_admitted),
        cmocka_unit_test(the_envelope_is_judged),
        cmocka_unit_test(too_many_bytes_are_refused),
        cmocka_unit_test(the_sender_is_judged),
        cmocka_unit_test(sequence_numbers_are_strict_in_each_lane),
        cmocka_unit_test(unordered_numbers_are_remembered_until_they_expire),
        cmocka_unit_test(quotas_count_units_in_windows),
        cmocka_unit_test(a_cached_verdict_does_not_cover_another_signature),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
