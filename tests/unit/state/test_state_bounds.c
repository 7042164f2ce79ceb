#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/job.h"
#include "vm/vm.h"

/* What one account can make all validators do, and take from the others. */

enum { PARTS = PROGRAM_SIZE_MAX / PROGRAM_PART_SIZE_MAX, TWO_SHARES = 2 * ACCOUNT_SHARE };

static uint8_t zeros[PROGRAM_PART_SIZE_MAX];

static struct body_program_part part_of(uint8_t root, uint32_t size, uint32_t index)
{
    struct body_program_part body = {.program_root = {{root}}, .size = size, .index = index};
    const uint32_t left = size - index * PROGRAM_PART_SIZE_MAX;
    body.part = bytes_of(zeros, left < sizeof(zeros) ? left : sizeof(zeros));
    return body;
}

/* All parts of the largest upload but the last. */
static void upload_all_but_one(struct test_chain *chain, uint8_t root)
{
    for (uint32_t i = 0; i + 1 < PARTS; i++) {
        const struct body_program_part body = part_of(root, PROGRAM_SIZE_MAX, i);
        assert_int_equal(chain_do(chain, CHAIN_CONSUMER, TX_PROGRAM_PART, &body), CODE_OK);
    }
}

static bool upload_exists(const struct test_chain *chain, uint8_t root)
{
    struct bytes value;
    const struct hash id = {{root}};
    const struct key key = key_upload(&chain->addresses[CHAIN_CONSUMER], &id);
    return chain->view.get(chain->view.context, key_view(&key), &value);
}

static uint32_t parts_kept(const struct test_chain *chain, uint8_t root)
{
    uint32_t count = 0;
    const struct hash id = {{root}};
    for (uint32_t i = 0; i < PARTS; i++) {
        struct bytes value;
        const struct key key = key_part(&chain->addresses[CHAIN_CONSUMER], &id, i);
        count += chain->view.get(chain->view.context, key_view(&key), &value) ? 1 : 0;
    }
    return count;
}

/* A check costs what uploading the program costs: a refused one must be sent again whole. */
static void a_refused_program_is_dropped(void **state)
{
    (void)state;
    const struct params params = chain_params();
    struct test_chain *chain = chain_create(&params);
    upload_all_but_one(chain, 9);
    assert_int_equal(parts_kept(chain, 9), PARTS - 1);
    const struct body_program_part last = part_of(9, PROGRAM_SIZE_MAX, PARTS - 1);
    assert_int_equal(chain_do(chain, CHAIN_CONSUMER, TX_PROGRAM_PART, &last), CODE_E_PROGRAM);
    assert_false(upload_exists(chain, 9));
    assert_int_equal(parts_kept(chain, 9), 0);
    assert_int_equal(chain_do(chain, CHAIN_CONSUMER, TX_PROGRAM_PART, &last), CODE_OK);
    assert_int_equal(parts_kept(chain, 9), 1);
    chain_free(chain);
}

static void a_block_checks_programs_of_one_mebibyte(void **state)
{
    (void)state;
    const struct params params = chain_params();
    struct test_chain *chain = chain_create(&params);
    upload_all_but_one(chain, 9);
    upload_all_but_one(chain, 10);
    const struct body_program_part last = part_of(9, PROGRAM_SIZE_MAX, PARTS - 1);
    const struct body_program_part other = part_of(10, PROGRAM_SIZE_MAX, PARTS - 1);
    const struct body_program_part small = job_program_body();
    chain_send(chain, CHAIN_CONSUMER, TX_PROGRAM_PART, &last);
    chain_send(chain, CHAIN_CONSUMER, TX_PROGRAM_PART, &other);
    chain_send(chain, CHAIN_RICH, TX_PROGRAM_PART, &small);
    chain_block(chain, 1);
    assert_int_equal(chain_code(chain, 0), CODE_E_PROGRAM);
    assert_int_equal(chain_code(chain, 1), CODE_E_BLOCK_FULL);
    assert_int_equal(chain_code(chain, 2), CODE_E_BLOCK_FULL);
    assert_int_equal(parts_kept(chain, 9), 0);
    assert_int_equal(parts_kept(chain, 10), PARTS - 1); /* it was not checked */
    chain_send(chain, CHAIN_RICH, TX_PROGRAM_PART, &small);
    chain_send(chain, CHAIN_CONSUMER, TX_PROGRAM_PART, &other); /* small is in front now */
    chain_block(chain, 1);
    assert_int_equal(chain_code(chain, 0), CODE_OK);
    assert_int_equal(chain_code(chain, 1), CODE_E_BLOCK_FULL);
    assert_int_equal(chain_do(chain, CHAIN_CONSUMER, TX_PROGRAM_PART, &other), CODE_E_PROGRAM);
    assert_int_equal(parts_kept(chain, 10), 0);
    chain_free(chain);
}

/* x * k with k a constant: a good program, but nothing serves k to the workers yet. */
static void programs_with_constants_are_refused(void **state)
{
    (void)state;
    const struct vm_tensor tensors[] = {
        {.dtype = VM_F32, .rank = 2, .kind = VM_STATE, .dims = {1, 1, 1, 1}},
        {.dtype = VM_F32, .rank = 2, .kind = VM_CONST, .dims = {1, 1, 1, 1}, .const_root = {{1}}},
        {.dtype = VM_F32, .rank = 2, .kind = VM_TEMP, .dims = {1, 1, 1, 1}},
    };
    const struct vm_op ops[] = {{.opcode = VM_MATMUL,
                                 .in_count = 2,
                                 .out_count = 1,
                                 .attr_size = 1,
                                 .in = {0, 1},
                                 .out = {2}}};
    const uint32_t state_in[] = {0};
    const uint32_t state_out[] = {2};
    const struct vm_program program = {.tensor_count = 3,
                                       .op_count = 1,
                                       .state_count = 1,
                                       .const_count = 1,
                                       .tensors = tensors,
                                       .ops = ops,
                                       .state_in = state_in,
                                       .state_out = state_out,
                                       .loss = 2};
    uint8_t bytes[512];
    uint8_t written[3];
    uint32_t where = 0;
    assert_int_equal(vm_program_check(&program, written, NULL, &where), VM_OK);
    const size_t size = vm_program_encode(&program, bytes, sizeof(bytes));
    struct body_program_part body = {.size = (uint32_t)size, .part = {bytes, size}};
    vm_program_root(&program, crypto_hash_port(), &body.program_root);
    const struct params params = chain_params();
    struct test_chain *chain = chain_create(&params);
    const struct chain_refusal refusal = {"constants", CHAIN_CONSUMER, TX_PROGRAM_PART, &body,
                                          CODE_E_CONSTS};
    chain_refused(chain, &refusal);
    chain_free(chain);
}

/* ---- Shares ------------------------------------------------------------------------ */

/* A registration of a worker key of its own; the possession is signed if `good`. */
static struct body_node_register own_worker(const struct test_chain *chain, uint32_t account,
                                            uint8_t number, bool good)
{
    const uint8_t secret[CRYPTO_SECRET_SIZE] = {7, number};
    struct crypto_key *key = crypto_key_create(secret);
    struct body_node_register body = job_node_body(chain, account);
    struct signature signature;
    body.worker_key = *crypto_key_public(key);
    const struct hash digest =
        id_possession(&chain->chain_id, &chain->addresses[account], &body.worker_key);
    crypto_key_sign(key, &digest, &signature);
    body.possession_size = SIGNATURE_SIZE;
    memcpy(body.possession, signature.bytes, SIGNATURE_SIZE);
    body.possession[9] ^= good ? 0 : 1;
    crypto_key_free(key);
    return body;
}

static uint64_t nodes_counted(const struct test_chain *chain)
{
    struct totals totals;
    const struct key key = key_global(GLOBAL_TOTALS);
    chain_read(chain, &key, &record_totals, &totals);
    return totals.nodes;
}

static void nodes_are_bounded_for_an_account_and_for_all(void **state)
{
    (void)state;
    struct params params = chain_params();
    params.nodes_max = TWO_SHARES; /* two for an account */
    struct test_chain *chain = chain_create(&params);
    const uint32_t type = TX_NODE_REGISTER;
    for (uint8_t i = 0; i < 2; i++) {
        const struct body_node_register body = own_worker(chain, CHAIN_PROVIDER, i, true);
        assert_int_equal(chain_do(chain, CHAIN_PROVIDER, type, &body), CODE_OK);
    }
    /* Judged before the signature, which is wrong. */
    const struct body_node_register third = own_worker(chain, CHAIN_PROVIDER, 2, false);
    const struct chain_refusal share = {"share", CHAIN_PROVIDER, type, &third, CODE_E_LIMIT};
    chain_refused(chain, &share);
    const struct body_node_register other = job_node_body(chain, CHAIN_PROVIDER + 1);
    assert_int_equal(chain_do(chain, CHAIN_PROVIDER + 1, type, &other), CODE_OK);
    assert_int_equal(nodes_counted(chain), 3);
    chain_free(chain);

    params.nodes_max = 2; /* one for an account */
    chain = chain_create(&params);
    for (uint32_t i = 0; i < 3; i++) {
        const struct body_node_register body = job_node_body(chain, CHAIN_PROVIDER + i);
        assert_int_equal(chain_do(chain, CHAIN_PROVIDER + i, type, &body),
                         i < 2 ? CODE_OK : CODE_E_LIMIT);
    }
    chain_free(chain);
}

/* The same worker again is the same node with other hardware. */
static void a_worker_registered_again_replaces_its_node(void **state)
{
    (void)state;
    struct params params = chain_params();
    params.nodes_max = ACCOUNT_SHARE; /* one for an account */
    struct test_chain *chain = chain_create(&params);
    const struct bytes owner = chain_owner(chain, CHAIN_PROVIDER);
    struct body_node_register body = job_node_body(chain, CHAIN_PROVIDER);
    assert_int_equal(chain_do(chain, CHAIN_PROVIDER, TX_NODE_REGISTER, &body), CODE_OK);
    const struct hash id = chain_item(chain, COLLECTION_ACCOUNT_NODES, owner, 0);
    body.devices[0].gflops = 60;
    assert_int_equal(chain_do(chain, CHAIN_PROVIDER, TX_NODE_REGISTER, &body), CODE_OK);
    const struct body_offer_create offer = job_offer_body(&id); /* of 50 GFLOP/s */
    assert_int_equal(chain_do(chain, CHAIN_PROVIDER, TX_OFFER_CREATE, &offer), CODE_OK);
    body.devices[0].gflops = 49;
    const struct chain_refusal less = {"offered", CHAIN_PROVIDER, TX_NODE_REGISTER, &body,
                                       CODE_E_RANGE};
    chain_refused(chain, &less);
    body.devices[0].gflops = 50;
    assert_int_equal(chain_do(chain, CHAIN_PROVIDER, TX_NODE_REGISTER, &body), CODE_OK);
    struct node node;
    const struct key key = key_object(KEY_NODE, &id);
    chain_read(chain, &key, &record_node, &node);
    assert_int_equal(node.devices[0].gflops, 50);
    assert_int_equal(node.offered[CAPACITY_GFLOPS], 50);
    assert_int_equal(state_read_count(&chain->view, COLLECTION_ACCOUNT_NODES, owner), 1);
    assert_int_equal(nodes_counted(chain), 1);
    chain_free(chain);
}

static void a_block_judges_so_many_possessions(void **state)
{
    (void)state;
    const struct params params = chain_params();
    struct test_chain *chain = chain_create(&params);
    const struct body_node_register bad = own_worker(chain, CHAIN_PROVIDER, 1, false);
    for (uint32_t i = 0; i <= POSSESSION_BLOCK_MAX; i++) {
        chain_send(chain, CHAIN_PROVIDER, TX_NODE_REGISTER, &bad);
    }
    chain_block(chain, 1);
    for (uint32_t i = 0; i <= POSSESSION_BLOCK_MAX; i++) {
        assert_int_equal(chain_code(chain, i),
                         i < POSSESSION_BLOCK_MAX ? CODE_E_SIG : CODE_E_BLOCK_FULL);
    }
    const struct body_node_register good = own_worker(chain, CHAIN_PROVIDER, 1, true);
    assert_int_equal(chain_do(chain, CHAIN_PROVIDER, TX_NODE_REGISTER, &good), CODE_OK);
    chain_free(chain);
}

static void offers_are_bounded_for_an_account_and_for_all(void **state)
{
    (void)state;
    struct params params = chain_params();
    params.offers_max = TWO_SHARES; /* two for an account */
    struct test_chain *chain = chain_create(&params);
    struct job_ids ids;
    job_offer_all(chain, &ids); /* one each */
    struct body_offer_create small = job_offer_body(&ids.node[0]);
    small.capacity[CAPACITY_CPU_MCORE] = 1;
    small.capacity[CAPACITY_GFLOPS] = 1;
    assert_int_equal(chain_do(chain, CHAIN_PROVIDER, TX_OFFER_CREATE, &small), CODE_OK);
    const struct chain_refusal share = {"share", CHAIN_PROVIDER, TX_OFFER_CREATE, &small,
                                        CODE_E_LIMIT};
    chain_refused(chain, &share);
    const struct body_offer_cancel cancel = {.offer_id = ids.offer[0]};
    assert_int_equal(chain_do(chain, CHAIN_PROVIDER, TX_OFFER_CANCEL, &cancel), CODE_OK);
    assert_int_equal(chain_do(chain, CHAIN_PROVIDER, TX_OFFER_CREATE, &small), CODE_OK);
    chain_refused(chain, &share);
    small.node_id = ids.node[1];
    assert_int_equal(chain_do(chain, CHAIN_PROVIDER + 1, TX_OFFER_CREATE, &small), CODE_OK);
    chain_free(chain);
}

static void ask(struct test_chain *chain, const struct job_ids *ids, char name, enum code code)
{
    struct body_train_request body = job_request_body(chain, ids);
    body.request_id[4] = (uint8_t)name;
    const enum code got = chain_do(chain, CHAIN_CONSUMER, TX_TRAIN_REQUEST, &body);
    assert_int_equal(got, code);
}

static uint32_t waiting(const struct test_chain *chain)
{
    return state_read_count(&chain->view, COLLECTION_WAITING, chain_owner(chain, CHAIN_CONSUMER));
}

static void requests_are_bounded_for_an_account(void **state)
{
    (void)state;
    struct params params = chain_params();
    params.queue_max = TWO_SHARES; /* two for an account */
    struct test_chain *chain = chain_create(&params);
    struct job_ids ids;
    job_upload(chain, &ids);
    ask(chain, &ids, '2', CODE_OK);
    ask(chain, &ids, '1', CODE_OK);
    ask(chain, &ids, '3', CODE_E_LIMIT);
    struct body_train_request other = job_request_body(chain, &ids);
    other.source = chain->addresses[CHAIN_RICH];
    assert_int_equal(chain_do(chain, CHAIN_RICH, TX_TRAIN_REQUEST, &other), CODE_OK);
    const struct bytes owner = chain_owner(chain, CHAIN_CONSUMER);
    const struct body_train_cancel cancel = {
        .job = chain_item(chain, COLLECTION_ACCOUNT_REQUESTS, owner, 0)};
    assert_int_equal(chain_do(chain, CHAIN_CONSUMER, TX_TRAIN_CANCEL, &cancel), CODE_OK);
    ask(chain, &ids, '3', CODE_OK);
    ask(chain, &ids, '4', CODE_E_LIMIT);
    /* Nobody offers anything: after a week they end by themselves. */
    chain_run_until(chain, chain->time_ms + QUEUE_WAIT_MS_MAX + 2000);
    assert_int_equal(waiting(chain), 0);
    assert_int_equal(chain_account_of(chain, CHAIN_CONSUMER).available, CHAIN_CREDITS);
    ask(chain, &ids, '4', CODE_OK);
    chain_free(chain);
}

static void a_job_that_runs_does_not_wait(void **state)
{
    (void)state;
    const struct params params = chain_params();
    struct test_chain *chain = chain_create(&params);
    struct job_ids ids;
    job_start(chain, &ids);
    assert_int_equal(waiting(chain), 0);
    struct body_train_request body = job_request_body(chain, &ids);
    body.request_id[4] = '2';
    body.deadline_ms = chain->time_ms + 2 + QUEUE_WAIT_MS_MAX;
    const struct chain_refusal late = {"deadline", CHAIN_CONSUMER, TX_TRAIN_REQUEST, &body,
                                       CODE_E_RANGE};
    chain_refused(chain, &late);
    body.deadline_ms = chain->time_ms + 1 + QUEUE_WAIT_MS_MAX;
    assert_int_equal(chain_do(chain, CHAIN_CONSUMER, TX_TRAIN_REQUEST, &body), CODE_OK);
    assert_int_equal(waiting(chain), 1);
    chain_free(chain);
}

/* 14.6 of work too small to be worth a credit: it costs one. */
static void small_work_is_not_free(void **state)
{
    (void)state;
    struct params params = chain_params();
    params.reference_price_per_tmac = 1; /* 8 multiply-adds: far below a credit */
    params.bond_floor_per_tmac = 0;
    struct test_chain *chain = chain_create(&params);
    struct job_ids ids;
    job_upload(chain, &ids);
    struct body_train_request body = job_request_body(chain, &ids);
    body.terms.price_per_segment = 0;
    body.terms.bond_per_segment = 11; /* 0.4 * 3 * 0.3 * 11 = 3.96, and 4 must be exceeded */
    body.escrow = 0;
    const struct chain_refusal free_work = {"free", CHAIN_CONSUMER, TX_TRAIN_REQUEST, &body,
                                            CODE_E_BOND};
    chain_refused(chain, &free_work);
    body.terms.bond_per_segment = 12;
    assert_int_equal(chain_do(chain, CHAIN_CONSUMER, TX_TRAIN_REQUEST, &body), CODE_OK);
    chain_free(chain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refused_program_is_dropped),
        cmocka_unit_test(a_block_checks_programs_of_one_mebibyte),
        cmocka_unit_test(programs_with_constants_are_refused),
        cmocka_unit_test(nodes_are_bounded_for_an_account_and_for_all),
        cmocka_unit_test(a_worker_registered_again_replaces_its_node),
        cmocka_unit_test(a_block_judges_so_many_possessions),
        cmocka_unit_test(offers_are_bounded_for_an_account_and_for_all),
        cmocka_unit_test(requests_are_bounded_for_an_account),
        cmocka_unit_test(a_job_that_runs_does_not_wait),
        cmocka_unit_test(small_work_is_not_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
