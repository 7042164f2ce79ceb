#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/job.h"

/* Every rule of the market's transactions: one field spoilt at a time, with its code.
 * Refused transactions change nothing, so one chain serves a whole table. */

#define SPOIL(T, expected, statement)                                                              \
    do {                                                                                           \
        T body = good;                                                                             \
        statement;                                                                                 \
        const struct chain_refusal refusal = {#statement, who, type, &body, expected};             \
        chain_refused(chain, &refusal);                                                            \
    } while (0)

static void transfers(void **state)
{
    (void)state;
    const struct params params = chain_params();
    struct test_chain *chain = chain_create(&params);
    const uint32_t who = CHAIN_STRANGER;
    const uint32_t type = TX_TRANSFER;
    const struct body_transfer good = {.to = chain->addresses[CHAIN_POOR], .amount = 10};
#define BAD(code, statement) SPOIL(struct body_transfer, code, statement)
    BAD(CODE_E_RANGE, body.amount = 0);
    BAD(CODE_E_FUNDS, body.amount = CHAIN_CREDITS + 1);
    BAD(CODE_E_FUNDS, body.amount = UINT64_MAX);
    BAD(CODE_E_NOT_FOUND, body.to.bytes[0] ^= 1);
#undef BAD
    assert_int_equal(chain_do(chain, who, type, &good), CODE_OK);
    assert_int_equal(chain_account_of(chain, who).available, CHAIN_CREDITS - 10);
    assert_int_equal(chain_account_of(chain, CHAIN_POOR).available, 10);
    const struct body_transfer self = {.to = chain->addresses[who], .amount = CHAIN_CREDITS - 10};
    assert_int_equal(chain_do(chain, who, type, &self), CODE_OK);
    assert_int_equal(chain_account_of(chain, who).available, CHAIN_CREDITS - 10);
    chain_free(chain);
}

static void a_body_of_the_wrong_form_is_refused(void **state)
{
    (void)state;
    const struct params params = chain_params();
    struct test_chain *chain = chain_create(&params);
    static const uint8_t one_item[] = {0x91, 0x00};
    const struct chain_tx tx = {.account = CHAIN_STRANGER,
                                .type = TX_TRANSFER,
                                .valid_ms = 1000,
                                .body = {one_item, sizeof(one_item)}};
    chain_send_raw(chain, chain_sign(chain, &tx));
    chain_block(chain, 1);
    assert_int_equal(chain_code(chain, 0), CODE_E_FORMAT); /* after admission: not BAD */
    assert_int_equal(chain_account_of(chain, CHAIN_STRANGER).seq, 1);
    chain_free(chain);
}

static void nodes(void **state)
{
    (void)state;
    struct params params = chain_params();
    params.nodes_max = 32; /* two for an account */
    struct test_chain *chain = chain_create(&params);
    const uint32_t who = CHAIN_PROVIDER;
    const uint32_t type = TX_NODE_REGISTER;
    const struct body_node_register good = job_node_body(chain, CHAIN_PROVIDER);
#define BAD(code, statement) SPOIL(struct body_node_register, code, statement)
    BAD(CODE_E_RANGE, body.reachable = 2);
    BAD(CODE_E_RANGE, body.cpu_mcore = 0);
    BAD(CODE_E_RANGE, body.devices_count = 0);
    BAD(CODE_E_RANGE, body.devices[0].gflops = 0);
    BAD(CODE_E_RANGE, body.devices[0].class = 4);
    BAD(CODE_E_RANGE, body.possession_size = 64);
    BAD(CODE_E_RANGE, body.worker_key.bytes[0] = 5); /* no point on the curve */
    BAD(CODE_E_SIG, body.worker_key = *crypto_key_public(chain->keys[CHAIN_RICH]));
#undef BAD
    const struct chain_refusal no_role = {"no role", CHAIN_STRANGER, type, &good, CODE_E_ROLE};
    chain_refused(chain, &no_role);
    assert_int_equal(chain_do(chain, who, type, &good), CODE_OK);

    /* A worker key of its own: possession is shown, an account is made. */
    uint8_t secret[CRYPTO_SECRET_SIZE] = {7, 7};
    struct crypto_key *key = crypto_key_create(secret);
    struct body_node_register own = good;
    struct signature signature;
    own.worker_key = *crypto_key_public(key);
    const struct hash digest =
        id_possession(&chain->chain_id, &chain->addresses[CHAIN_PROVIDER + 1], &own.worker_key);
    crypto_key_sign(key, &digest, &signature);
    own.possession_size = SIGNATURE_SIZE;
    memcpy(own.possession, signature.bytes, SIGNATURE_SIZE);
    const struct chain_refusal stolen = {"for another provider", who, type, &own, CODE_E_SIG};
    chain_refused(chain, &stolen);
    assert_int_equal(chain_do(chain, CHAIN_PROVIDER + 1, type, &own), CODE_OK);
    struct address worker;
    struct account account;
    crypto_address(&own.worker_key, &worker);
    const struct key account_key = key_account(&worker);
    chain_read(chain, &account_key, &record_account, &account);
    assert_int_equal(account.roles, ROLE_WORKER);
    assert_int_equal(account.org, chain_account_of(chain, CHAIN_PROVIDER + 1).org);
    crypto_key_free(key);
    chain_free(chain);
}

static void offers(void **state)
{
    (void)state;
    struct params params = chain_params();
    params.offers_max = 32; /* two for an account */
    struct test_chain *chain = chain_create(&params);
    const uint32_t who = CHAIN_PROVIDER;
    const struct body_node_register node = job_node_body(chain, CHAIN_PROVIDER);
    assert_int_equal(chain_do(chain, who, TX_NODE_REGISTER, &node), CODE_OK);
    const struct hash id = chain_item(chain, COLLECTION_ACCOUNT_NODES, chain_owner(chain, who), 0);
    const struct body_offer_create good = job_offer_body(&id);
    uint32_t type = TX_OFFER_CREATE;
#define BAD(code, statement) SPOIL(struct body_offer_create, code, statement)
    BAD(CODE_E_RANGE, body.kind = 2);
    BAD(CODE_E_RANGE, body.prices[1] = 1);
    BAD(CODE_E_RANGE, body.prices[0] = SUPPLY_MAX + 1);
    BAD(CODE_E_RANGE, body.from_ms = 1);
    BAD(CODE_E_RANGE, body.to_ms = 1);
    BAD(CODE_E_RANGE, body.min_lease_s = 1);
    BAD(CODE_E_RANGE, body.max_lease_s = 1);
    BAD(CODE_E_RANGE, body.reclaim_window_s = 1);
    BAD(CODE_E_RANGE, body.preemptible = 1);
    BAD(CODE_E_RANGE, body.accept_mode = 1);
    BAD(CODE_E_RANGE, body.peer_orgs = 1);
    BAD(CODE_E_RANGE, body.purposes = 1);
    BAD(CODE_E_RANGE, body.deposit = 1);
    BAD(CODE_E_RANGE, body.capacity[CAPACITY_GFLOPS] = 0);
    BAD(CODE_E_RANGE, body.capacity[CAPACITY_GFLOPS] = 101);
    BAD(CODE_E_RANGE, body.capacity[CAPACITY_CPU_MCORE] = UINT64_MAX);
    BAD(CODE_E_RANGE, body.capacity[CAPACITY_LINK_KBPS] = 1);
    BAD(CODE_E_NOT_FOUND, body.node_id.bytes[0] ^= 1);
    BAD(CODE_E_NOT_FOUND, (body.allowed_orgs_count = 1, body.allowed_orgs[0] = 99));
#undef BAD
    const struct chain_refusal foreign = {"another's node", CHAIN_PROVIDER + 1, type, &good,
                                          CODE_E_OWNER};
    chain_refused(chain, &foreign);
    assert_int_equal(chain_do(chain, who, type, &good), CODE_OK);
    const struct hash offer =
        chain_item(chain, COLLECTION_ACCOUNT_OFFERS, chain_owner(chain, who), 0);
    {
        /* I3: 50 of 100 GFLOP/s and 1000 of 2000 mcore are offered already. */
        struct body_offer_create more = good;
        more.capacity[CAPACITY_GFLOPS] = 51;
        const struct chain_refusal over = {"oversold", who, type, &more, CODE_E_RANGE};
        chain_refused(chain, &over);
        assert_int_equal(chain_do(chain, who, type, &good), CODE_OK);
        const struct chain_refusal full = {"sold out", who, type, &good, CODE_E_RANGE};
        chain_refused(chain, &full);
    }
    type = TX_OFFER_CANCEL;
    const struct body_offer_cancel cancel = {.offer_id = offer};
    struct body_offer_cancel none = cancel;
    none.offer_id.bytes[0] ^= 1;
    const struct chain_refusal refusals[] = {
        {"unknown", who, type, &none, CODE_E_NOT_FOUND},
        {"another's", CHAIN_PROVIDER + 1, type, &cancel, CODE_E_OWNER},
    };
    chain_refused(chain, &refusals[0]);
    chain_refused(chain, &refusals[1]);
    assert_int_equal(chain_do(chain, who, type, &cancel), CODE_OK);
    const struct chain_refusal again = {"closed", who, type, &cancel, CODE_E_STATE};
    chain_refused(chain, &again);
    assert_int_equal(chain_do(chain, who, TX_OFFER_CREATE, &good), CODE_OK); /* room again */
    chain_free(chain);
}

static void data_sets(void **state)
{
    (void)state;
    const struct params params = chain_params();
    struct test_chain *chain = chain_create(&params);
    const uint32_t who = CHAIN_CONSUMER;
    const uint32_t type = TX_DATA_REGISTER;
    const struct body_data_register good = job_data_body();
#define BAD(code, statement) SPOIL(struct body_data_register, code, statement)
    BAD(CODE_E_RANGE, body.content_root = (struct hash){{0}});
    BAD(CODE_E_RANGE, body.size_bytes = 0);
    BAD(CODE_E_RANGE, body.records = 0);
    BAD(CODE_E_RANGE, body.kind = 1);
    BAD(CODE_E_RANGE, (body.chunks = 1, body.chunk_kib = 1));
    BAD(CODE_E_RANGE, body.purposes = 0);
    BAD(CODE_E_RANGE, body.purposes = 32);
    BAD(CODE_E_RANGE, body.derivative_rule = 1);
    BAD(CODE_E_RANGE, body.egress = 3);
    BAD(CODE_E_RANGE, body.replicas_count = 1);
    BAD(CODE_E_RANGE, body.quality_ppm = 1000001);
    BAD(CODE_E_RANGE, body.statistical_flags = 4);
    BAD(CODE_E_RANGE, body.price = 1);
    BAD(CODE_E_RANGE, body.price_gib = 1);
#undef BAD
    const struct chain_refusal no_role = {"role", CHAIN_PROVIDER, type, &good, CODE_E_ROLE};
    chain_refused(chain, &no_role);
    assert_int_equal(chain_do(chain, who, type, &good), CODE_OK);
    chain_free(chain);
}

static void programs(void **state)
{
    (void)state;
    const struct params params = chain_params();
    struct test_chain *chain = chain_create(&params);
    const uint32_t who = CHAIN_CONSUMER;
    const uint32_t type = TX_PROGRAM_PART;
    const struct body_program_part good = job_program_body();
    uint8_t damaged[512];
    memcpy(damaged, good.part.data, good.part.size);
    damaged[0] ^= 1;
#define BAD(code, statement) SPOIL(struct body_program_part, code, statement)
    BAD(CODE_E_RANGE, body.program_root = (struct hash){{0}});
    BAD(CODE_E_RANGE, body.size = 0);
    BAD(CODE_E_RANGE, body.size = PROGRAM_SIZE_MAX + 1);
    BAD(CODE_E_RANGE, body.index = 1);
    BAD(CODE_E_RANGE, body.part.size--);
    BAD(CODE_E_PROGRAM, body.program_root.bytes[0] ^= 1); /* not the root of these bytes */
    BAD(CODE_E_PROGRAM, body.part.data = damaged);
#undef BAD
    assert_int_equal(chain_do(chain, who, type, &good), CODE_OK);
    struct program program;
    const struct key key = key_object(KEY_PROGRAM, &good.program_root);
    chain_read(chain, &key, &record_program, &program);
    assert_int_equal(program.status, PROGRAM_CHECKED);
    assert_int_equal(program.op_count, 1);
    assert_int_equal(program.macs, 1);
    const struct chain_refusal again = {"there", CHAIN_RICH, type, &good, CODE_E_DUPLICATE};
    chain_refused(chain, &again);
    chain_free(chain);
}

/* Three parts in any order; a wrong one is replaced; another owner's upload is apart. */
static void programs_come_in_parts(void **state)
{
    (void)state;
    const struct params params = chain_params();
    struct test_chain *chain = chain_create(&params);
    static uint8_t bytes[2 * PROGRAM_PART_SIZE_MAX + 5];
    struct body_program_part part = {
        .program_root = {{9}}, .size = sizeof(bytes), .index = 2, .part = {bytes, 5}};
    const struct key upload = key_upload(&chain->addresses[CHAIN_CONSUMER], &part.program_root);
    struct program program;
    assert_int_equal(chain_do(chain, CHAIN_CONSUMER, TX_PROGRAM_PART, &part), CODE_OK);
    assert_int_equal(chain_do(chain, CHAIN_CONSUMER, TX_PROGRAM_PART, &part), CODE_OK);
    assert_int_equal(chain_do(chain, CHAIN_RICH, TX_PROGRAM_PART, &part), CODE_OK);
    part.index = 0;
    part.part.size = PROGRAM_PART_SIZE_MAX;
    assert_int_equal(chain_do(chain, CHAIN_CONSUMER, TX_PROGRAM_PART, &part), CODE_OK);
    chain_read(chain, &upload, &record_program, &program);
    assert_int_equal(program.parts_held[0], 5);
    const struct body_program_part other = {.program_root = {{9}}, .size = 7, .part = {bytes, 7}};
    const struct chain_refusal size = {"another size", CHAIN_CONSUMER, TX_PROGRAM_PART, &other,
                                       CODE_E_SEQ};
    chain_refused(chain, &size);
    part.index = 1; /* complete, but zeros are no program: all parts go */
    assert_int_equal(chain_do(chain, CHAIN_CONSUMER, TX_PROGRAM_PART, &part), CODE_E_PROGRAM);
    assert_false(state_read(&chain->view, &upload, &record_program, &program));
    const struct key others = key_upload(&chain->addresses[CHAIN_RICH], &part.program_root);
    chain_read(chain, &others, &record_program, &program);
    assert_int_equal(program.parts_held[0], 4);
    chain_free(chain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transfers),
        cmocka_unit_test(a_body_of_the_wrong_form_is_refused),
        cmocka_unit_test(nodes),
        cmocka_unit_test(offers),
        cmocka_unit_test(data_sets),
        cmocka_unit_test(programs),
        cmocka_unit_test(programs_come_in_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
