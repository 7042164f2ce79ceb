#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/job.h"

/* TRAIN_REQUEST, TRAIN_CANCEL and the leases: every rule, one field spoilt at a time. */

static struct test_chain *prepare(struct job_ids *ids)
{
    const struct params params = chain_params();
    struct test_chain *chain = chain_create(&params);
    job_offer_all(chain, ids);
    job_upload(chain, ids);
    return chain;
}

#define BAD(T, expected, statement)                                                                \
    do {                                                                                           \
        T body = good;                                                                             \
        statement;                                                                                 \
        const struct chain_refusal refusal = {#statement, who, type, &body, expected};             \
        chain_refused(chain, &refusal);                                                            \
    } while (0)

static void fields_that_are_not_acted_on_must_be_neutral(void **state)
{
    (void)state;
    struct job_ids ids;
    struct test_chain *chain = prepare(&ids);
    const uint32_t who = CHAIN_CONSUMER;
    const uint32_t type = TX_TRAIN_REQUEST;
    const struct body_train_request good = job_request_body(chain, &ids);
#define LOUD(statement) BAD(struct body_train_request, CODE_E_RANGE, statement)
    LOUD(body.model_ref.bytes[0] = 1);
    LOUD(body.training_type = 1);
    LOUD(body.quality_ppm = 1);
    LOUD(body.statistical_flags = 1);
    LOUD(body.performance_count = 1);
    LOUD(body.expected_time_s = 1);
    LOUD(body.data_split = 1);
    LOUD(body.suggested_count = 1);
    LOUD(body.fl_min_samples = 1);
    LOUD(body.fl_min_time_s = 1);
    LOUD(body.fl_regions_count = 1);
    LOUD(body.fl_redundancy = 1);
    LOUD(body.target_ppm = 1);
    LOUD(body.max_cost = 1);
    LOUD(body.parallel_mode = 1);
    LOUD(body.max_dp = 1);
    LOUD(body.cross_domain = 1);
    LOUD(body.min_members = 1);
    LOUD(body.cost_count = 1);
    LOUD(body.global_batch = 1);
    LOUD(body.microbatch = 1);
    LOUD(body.steps = 1);
    LOUD(body.run_local_steps = 1);
    LOUD(body.run_rounds = 1);
    LOUD(body.ckpt_every = 1);
    LOUD(body.place_regions_count = 1);
    LOUD(body.place_domains_count = 1);
    LOUD(body.orgs_allowed_count = 1);
    LOUD(body.orgs_denied_count = 1);
    LOUD(body.min_reputation_ppm = 1);
    LOUD(body.attributes_count = 1);
    LOUD(body.min_link_kbps = 1);
    LOUD(body.max_rtt_us = 1);
    LOUD(body.max_rate = 1);
    LOUD(body.work_share_ppm = 1);
    LOUD(body.objective = 1);
    LOUD(body.preemptible = 1);
    LOUD(body.max_duration_s = 1);
    LOUD(body.terms.outer_program_root.bytes[0] = 1);
    LOUD(body.terms.eval_root.bytes[0] = 1);
    LOUD(body.terms.outer_kind = 1);
    LOUD(body.terms.agg_rule = 1);
    LOUD(body.terms.agg_trim = 1);
    LOUD(body.terms.compression = 1);
    LOUD(body.terms.audit_k = 2);
    LOUD(body.terms.conviction = CONVICTION_CONTINUE);
    LOUD(body.terms.eval_bonus = 1);
#undef LOUD
    assert_int_equal(chain_do(chain, who, type, &good), CODE_OK);
    chain_free(chain);
}

static void requests_are_judged(void **state)
{
    (void)state;
    struct job_ids ids;
    struct test_chain *chain = prepare(&ids);
    const uint32_t who = CHAIN_CONSUMER;
    const uint32_t type = TX_TRAIN_REQUEST;
    const struct body_train_request good = job_request_body(chain, &ids);
#define ODD(code, statement) BAD(struct body_train_request, code, statement)
    ODD(CODE_E_OWNER, body.source.bytes[0] ^= 1);
    ODD(CODE_E_RANGE, body.request_id_size = 0);
    ODD(CODE_E_RANGE, body.profile = PROFILE_NONE);
    ODD(CODE_E_RANGE, body.profile = PROFILE_REPLICATED);
    ODD(CODE_E_RANGE, body.max_tp = 2); /* 14.1 */
    ODD(CODE_E_RANGE, body.max_pp = 2);
    ODD(CODE_E_RANGE, body.max_rounds = JOB_ROUNDS + 1);
    ODD(CODE_E_RANGE, body.deadline_ms = SUPPLY_MAX + 1);
    ODD(CODE_E_DEADLINE, body.deadline_ms = 1);
    ODD(CODE_E_RANGE, body.data_count = 0);
    ODD(CODE_E_RANGE, body.data_count = 2);
    ODD(CODE_E_NOT_FOUND, body.data[0].bytes[0] ^= 1);
    ODD(CODE_E_ROOT, body.terms.data_root.bytes[0] ^= 1);
    ODD(CODE_E_NOT_FOUND, body.terms.program_root.bytes[0] ^= 1);
    ODD(CODE_E_RANGE, body.terms.local_steps = 0);
    ODD(CODE_E_RANGE, body.terms.checkpoints = 0);
    ODD(CODE_E_RANGE, body.terms.checkpoints = 3); /* 8 is no multiple */
    ODD(CODE_E_RANGE, (body.terms.local_steps = 514, body.terms.checkpoints = 257));
    ODD(CODE_E_RANGE, body.terms.rounds = 0);
    ODD(CODE_E_RANGE, body.terms.rounds = 101);
    ODD(CODE_E_RANGE, body.terms.round_ms = 0);
    ODD(CODE_E_RANGE, body.terms.round_ms = 1000001);
    ODD(CODE_E_RANGE, body.terms.commit_ms = 1000001);
    ODD(CODE_E_RANGE, body.terms.window_ms = 1000001);
    ODD(CODE_E_RANGE, body.terms.workers_min = 0);
    ODD(CODE_E_RANGE, body.terms.workers_min = JOB_WORKERS + 1);
    ODD(CODE_E_RANGE, body.terms.workers_max = 17);
    ODD(CODE_E_RANGE, body.terms.outer_eta = 0x7f800000); /* infinity */
    ODD(CODE_E_RANGE, body.terms.outer_mu = 0xffc00000);  /* NaN */
    ODD(CODE_E_RANGE, body.terms.elastic = 2);
    ODD(CODE_E_RANGE, body.terms.audit_p_ppm = 1000001);
    ODD(CODE_E_RANGE, body.terms.price_per_segment = SUPPLY_MAX + 1);
    ODD(CODE_E_RANGE, body.terms.bond_per_segment = SUPPLY_MAX + 1);
    ODD(CODE_E_WEIGHT, body.terms.local_steps = 22004); /* 14.6: 3 x 22004 > 66000 */
    ODD(CODE_E_BOND, (body.terms.bond_per_segment = 0, body.terms.price_per_segment = 0));
    ODD(CODE_E_ESCROW, body.escrow = JOB_WORKERS * JOB_ROUNDS * JOB_PRICE - 1);
    ODD(CODE_E_FUNDS, body.escrow = CHAIN_CREDITS + 1);
    ODD(CODE_E_OVERFLOW, body.terms.price_per_segment = SUPPLY_MAX);
    ODD(CODE_E_OVERFLOW, body.escrow = SUPPLY_MAX + 1);
#undef ODD
    const struct chain_refusal role = {"role", CHAIN_PROVIDER, type, &good, CODE_E_ROLE};
    chain_refused(chain, &role);
    assert_int_equal(chain_do(chain, who, type, &good), CODE_OK);
    const struct chain_refusal again = {"same id", who, type, &good, CODE_E_DUPLICATE};
    chain_refused(chain, &again);
    chain_free(chain);
}

static void data_must_be_open_to_audits(void **state)
{
    (void)state;
    struct job_ids ids;
    struct test_chain *chain = prepare(&ids);
    struct body_data_register data = job_data_body();
    const struct bytes owner = chain_owner(chain, CHAIN_CONSUMER);
    data.purposes = PURPOSE_PRETRAIN;
    assert_int_equal(chain_do(chain, CHAIN_CONSUMER, TX_DATA_REGISTER, &data), CODE_OK);
    data.purposes = PURPOSE_AUDIT;
    data.egress = EGRESS_NODE_ONLY;
    assert_int_equal(chain_do(chain, CHAIN_CONSUMER, TX_DATA_REGISTER, &data), CODE_OK);
    struct body_train_request body = job_request_body(chain, &ids);
    body.data[0] = chain_item(chain, COLLECTION_ACCOUNT_DATA, owner, 1);
    const struct chain_refusal purpose = {"purpose", CHAIN_CONSUMER, TX_TRAIN_REQUEST, &body,
                                          CODE_E_PURPOSE};
    chain_refused(chain, &purpose);
    body.data[0] = chain_item(chain, COLLECTION_ACCOUNT_DATA, owner, 2);
    const struct chain_refusal residence = {"purpose", CHAIN_CONSUMER, TX_TRAIN_REQUEST, &body,
                                            CODE_E_RESIDENCE};
    chain_refused(chain, &residence);
    chain_free(chain);
}

/* 14.6 on its edge: n = 4, m = 1, p = 0.4, b = 0.3: 0.3 (R + 0.3 B) > c. */
static void the_bond_rule_is_exact(void **state)
{
    (void)state;
    struct params params = chain_params();
    params.reference_price_per_tmac = UINT64_C(1000000000000) * 3; /* 3 credits a step */
    params.bond_floor_per_tmac = 0;
    struct test_chain *chain = chain_create(&params);
    struct job_ids ids;
    job_upload(chain, &ids);
    struct body_train_request body = job_request_body(chain, &ids);
    body.terms.local_steps = 8; /* c = 24: R + 0.3 B must exceed 80 */
    body.terms.price_per_segment = 50;
    body.terms.bond_per_segment = 100;
    const struct chain_refusal equal = {"equal", CHAIN_CONSUMER, TX_TRAIN_REQUEST, &body,
                                        CODE_E_BOND};
    chain_refused(chain, &equal);
    body.terms.price_per_segment = 51;
    assert_int_equal(chain_do(chain, CHAIN_CONSUMER, TX_TRAIN_REQUEST, &body), CODE_OK);
    body.request_id[0] = 'k'; /* k does not matter; a higher p does */
    body.terms.price_per_segment = 50;
    body.terms.audit_p_ppm = 400001;
    assert_int_equal(chain_do(chain, CHAIN_CONSUMER, TX_TRAIN_REQUEST, &body), CODE_OK);
    chain_free(chain);
}

static void the_bond_has_a_floor(void **state)
{
    (void)state;
    struct params params = chain_params();
    params.bond_floor_per_tmac = UINT64_C(1000000000000) * 10; /* 10 credits a step: 80 */
    struct test_chain *chain = chain_create(&params);
    struct job_ids ids;
    job_upload(chain, &ids);
    struct body_train_request body = job_request_body(chain, &ids);
    body.terms.bond_per_segment = 79;
    const struct chain_refusal low = {"bond floor", CHAIN_CONSUMER, TX_TRAIN_REQUEST, &body,
                                      CODE_E_BOND};
    chain_refused(chain, &low);
    body.terms.bond_per_segment = 80;
    assert_int_equal(chain_do(chain, CHAIN_CONSUMER, TX_TRAIN_REQUEST, &body), CODE_OK);
    chain_free(chain);
}

static void leases_are_judged(void **state)
{
    (void)state;
    struct job_ids ids;
    struct test_chain *chain = prepare(&ids);
    job_request(chain, &ids);
    job_plan(chain, &ids);
    uint32_t who = CHAIN_PROVIDER;
    uint32_t type = TX_LEASE_ACCEPT;
    {
        const struct body_lease_accept good = job_accept_body(chain, &ids, 0);
#define ODD(code, statement) BAD(struct body_lease_accept, code, statement)
        ODD(CODE_E_NOT_FOUND, body.lease_id.bytes[0] ^= 1);
        ODD(CODE_E_OWNER, body.lease_id = job_lease(chain, &ids, 1));
        ODD(CODE_E_PLAN_HASH, body.plan_hash.bytes[0] ^= 1);
        ODD(CODE_E_RANGE, body.tunnel_key[0] = 0);
        ODD(CODE_E_RANGE, body.endpoint_size = 0);
        ODD(CODE_E_RANGE, body.offer_seq = 1);
#undef ODD
        const struct body_lease_ready early = job_ready_body(chain, &ids, 0);
        const struct chain_refusal refusal = {"not agreed", who, TX_LEASE_READY, &early,
                                              CODE_E_STATE};
        chain_refused(chain, &refusal);
        assert_int_equal(chain_do(chain, who, type, &good), CODE_OK);
        const struct chain_refusal again = {"accepted", who, type, &good, CODE_E_STATE};
        chain_refused(chain, &again);
    }
    {
        type = TX_LEASE_REJECT;
        who = CHAIN_PROVIDER + 1;
        const struct body_lease_reject good = {.lease_id = job_lease(chain, &ids, 1),
                                               .plan_hash = job_process(chain, &ids).plan_hash};
#define ODD(code, statement) BAD(struct body_lease_reject, code, statement)
        ODD(CODE_E_NOT_FOUND, body.lease_id.bytes[0] ^= 1);
        ODD(CODE_E_OWNER, body.lease_id = job_lease(chain, &ids, 2));
        ODD(CODE_E_PLAN_HASH, body.plan_hash.bytes[0] ^= 1);
#undef ODD
        struct body_lease_reject late = good;
        late.lease_id = job_lease(chain, &ids, 0);
        const struct chain_refusal refusal = {"accepted", CHAIN_PROVIDER, type, &late,
                                              CODE_E_STATE};
        chain_refused(chain, &refusal);
    }
    for (uint32_t rank = 1; rank < JOB_WORKERS; rank++) {
        const struct body_lease_accept body = job_accept_body(chain, &ids, rank);
        assert_int_equal(chain_do(chain, CHAIN_PROVIDER + rank, TX_LEASE_ACCEPT, &body), CODE_OK);
    }
    {
        type = TX_LEASE_READY;
        who = CHAIN_PROVIDER;
        const struct body_lease_ready good = job_ready_body(chain, &ids, 0);
#define ODD(code, statement) BAD(struct body_lease_ready, code, statement)
        ODD(CODE_E_NOT_FOUND, body.lease_id.bytes[0] ^= 1);
        ODD(CODE_E_OWNER, body.lease_id = job_lease(chain, &ids, 1));
        ODD(CODE_E_PLAN_HASH, body.plan_hash.bytes[0] ^= 1);
        ODD(CODE_E_PEER_SET, body.peer_set.bytes[0] ^= 1);
        ODD(CODE_E_RANGE, body.handshake_digest.bytes[0] = 1);
        ODD(CODE_E_RANGE, body.data_ready_root.bytes[0] = 1);
        ODD(CODE_E_RANGE, body.image_hash.bytes[0] = 1);
#undef ODD
        assert_int_equal(chain_do(chain, who, type, &good), CODE_OK);
        const struct chain_refusal again = {"ready", who, type, &good, CODE_E_STATE};
        chain_refused(chain, &again);
    }
    chain_free(chain);
}

/* The peer set is what a client computes from the leases, in rank order. */
static void the_peer_set_follows_from_the_leases(void **state)
{
    (void)state;
    struct job_ids ids;
    struct test_chain *chain = prepare(&ids);
    job_request(chain, &ids);
    job_plan(chain, &ids);
    job_accept_all(chain, &ids);
    uint8_t keys[JOB_WORKERS][TUNNEL_KEY_SIZE];
    for (uint32_t rank = 0; rank < JOB_WORKERS; rank++) {
        memcpy(keys[rank], job_lease_of(chain, &ids, rank).tunnel_key, TUNNEL_KEY_SIZE);
    }
    const struct peer_set peers = {.tunnel_keys = (const uint8_t(*)[TUNNEL_KEY_SIZE])keys,
                                   .count = JOB_WORKERS};
    const struct hash expected = id_peer_set(&peers);
    const struct process process = job_process(chain, &ids);
    assert_true(hash_equal(&expected, &process.peer_set));
    chain_free(chain);
}

/* 12.2: members are keys of their own under the plan hash. */
static void the_plan_hash_covers_every_member(void **state)
{
    (void)state;
    struct job_ids ids;
    struct test_chain *chain = prepare(&ids);
    job_request(chain, &ids);
    job_plan(chain, &ids);
    const struct process process = job_process(chain, &ids);
    struct plan plan;
    const struct key key = key_plan(&ids.job, process.plan_version);
    chain_read(chain, &key, &record_plan, &plan);
    struct crypto_tree tree;
    crypto_tree_init(&tree, TAG_PLAN_TREE);
    for (uint32_t rank = 0; rank < plan.member_count; rank++) {
        struct bytes value;
        const struct key member = key_member(&ids.job, plan.plan_version, rank);
        assert_true(chain->view.get(chain->view.context, key_view(&member), &value));
        crypto_tree_append(&tree, value);
    }
    struct hash root;
    crypto_tree_root(&tree, &root);
    assert_true(hash_equal(&root, &plan.members_root));
    root = id_plan(&plan);
    assert_true(hash_equal(&root, &process.plan_hash));
    chain_free(chain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_that_are_not_acted_on_must_be_neutral),
        cmocka_unit_test(requests_are_judged),
        cmocka_unit_test(data_must_be_open_to_audits),
        cmocka_unit_test(the_bond_rule_is_exact),
        cmocka_unit_test(the_bond_has_a_floor),
        cmocka_unit_test(leases_are_judged),
        cmocka_unit_test(the_peer_set_follows_from_the_leases),
        cmocka_unit_test(the_plan_hash_covers_every_member),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
