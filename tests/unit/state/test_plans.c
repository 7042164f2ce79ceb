#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/job.h"

/* What the planner chooses, and how plans end that never start. */

static struct test_chain *prepare(const struct params *params, struct job_ids *ids)
{
    struct test_chain *chain = chain_create(params);
    job_offer_all(chain, ids);
    job_upload(chain, ids);
    return chain;
}

static uint32_t open_offers(const struct test_chain *chain)
{
    return state_read_count(&chain->view, COLLECTION_OPEN_OFFERS, bytes_of(NULL, 0));
}

static uint32_t live_leases(const struct test_chain *chain, uint32_t account)
{
    return state_read_count(&chain->view, COLLECTION_WORKER_LEASES, chain_owner(chain, account));
}

static void run_due(struct test_chain *chain)
{
    const struct state_due due = state_next_due(&chain->view);
    assert_true(due.scheduled);
    chain_run_until(chain, due.time_ms);
}

static void nothing_is_locked_or_leased(const struct test_chain *chain, uint32_t offers)
{
    assert_int_equal(open_offers(chain), offers);
    for (uint32_t i = 0; i < JOB_WORKERS; i++) {
        assert_int_equal(chain_account_of(chain, CHAIN_PROVIDER + i).locked, 0);
        assert_int_equal(chain_account_of(chain, CHAIN_PROVIDER + i).available, CHAIN_CREDITS);
        assert_int_equal(live_leases(chain, CHAIN_PROVIDER + i), 0);
    }
}

static void the_fastest_offers_are_taken_first(void **state)
{
    (void)state;
    const struct params params = chain_params();
    struct job_ids ids;
    struct test_chain *chain = prepare(&params, &ids);
    struct body_train_request body = job_request_body(chain, &ids);
    body.terms.workers_max = 2;
    assert_int_equal(chain_do(chain, CHAIN_CONSUMER, TX_TRAIN_REQUEST, &body), CODE_OK);
    ids.job = chain_item(chain, COLLECTION_ACCOUNT_REQUESTS, chain_owner(chain, CHAIN_CONSUMER), 0);
    job_plan(chain, &ids);
    assert_int_equal(job_process(chain, &ids).member_count, 2);
    for (uint32_t rank = 0; rank < 2; rank++) {
        const struct member member = job_member(chain, &ids, rank);
        assert_true(hash_equal(&member.offer_id, &ids.offer[rank]));
    }
    assert_int_equal(open_offers(chain), 1);
    chain_free(chain);
}

/* Every filter by itself keeps the gang from forming, and says so. */
static void the_request_knows_why_it_waits(void **state)
{
    (void)state;
    static const struct {
        enum code reason;
        uint64_t price;
        bool foreign_policy;
        bool poor;
    } cases[] = {
        {CODE_W_PRICE, 21, false, false},
        {CODE_W_POLICY, 20, true, false},
        {CODE_W_FUNDS, 20, false, true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct params params = chain_params();
        struct test_chain *chain = chain_create(&params);
        struct job_ids ids;
        job_upload(chain, &ids);
        for (uint32_t k = 0; k < 2; k++) {
            const uint32_t who = k == 1 && cases[i].poor ? CHAIN_POOR : CHAIN_PROVIDER + k;
            const struct body_node_register node = job_node_body(chain, who);
            assert_int_equal(chain_do(chain, who, TX_NODE_REGISTER, &node), CODE_OK);
            const struct hash id =
                chain_item(chain, COLLECTION_ACCOUNT_NODES, chain_owner(chain, who), 0);
            struct body_offer_create offer = job_offer_body(&id);
            offer.prices[0] = k == 1 ? cases[i].price : 20;
            offer.allowed_orgs_count = k == 1 && cases[i].foreign_policy ? 1 : 0;
            offer.allowed_orgs[0] = 3;
            assert_int_equal(chain_do(chain, who, TX_OFFER_CREATE, &offer), CODE_OK);
        }
        job_request(chain, &ids);
        run_due(chain);
        assert_int_equal(job_process(chain, &ids).state, PROCESS_NONE);
        assert_int_equal(job_request_of(chain, &ids).reason, cases[i].reason);
        assert_int_equal(open_offers(chain), 2);
        /* 14.7: nothing changed, so only the request's end is due; the next offer wakes the
         * planner. */
        assert_true(state_next_due(&chain->view).time_ms > chain->time_ms + QUEUE_WAIT_MS_MAX / 2);
        const uint32_t third = CHAIN_PROVIDER + 2;
        const struct body_node_register node = job_node_body(chain, third);
        assert_int_equal(chain_do(chain, third, TX_NODE_REGISTER, &node), CODE_OK);
        const struct hash id =
            chain_item(chain, COLLECTION_ACCOUNT_NODES, chain_owner(chain, third), 0);
        const struct body_offer_create offer = job_offer_body(&id);
        assert_int_equal(chain_do(chain, third, TX_OFFER_CREATE, &offer), CODE_OK);
        run_due(chain);
        assert_int_equal(job_process(chain, &ids).state, PROCESS_PROPOSED);
        chain_free(chain);
    }
}

/* A run stops between requests when its steps are spent, and goes on an interval later: with
 * the smallest budget each run looks at one. */
static void a_run_stops_when_its_steps_are_spent(void **state)
{
    (void)state;
    enum { REQUESTS = 4 };
    for (int large = 0; large < 2; large++) {
        struct params params = chain_params();
        params.planner_steps_max = large ? 50000 : 1;
        struct test_chain *chain = chain_create(&params);
        struct job_ids ids;
        job_upload(chain, &ids);
        for (uint32_t i = 0; i < REQUESTS; i++) {
            struct body_train_request body = job_request_body(chain, &ids);
            body.request_id[4] = (uint8_t)('0' + i);
            chain_send(chain, CHAIN_CONSUMER, TX_TRAIN_REQUEST, &body);
        }
        chain_block(chain, 1);
        uint32_t runs = 0;
        while (state_next_due(&chain->view).time_ms < chain->time_ms + QUEUE_WAIT_MS_MAX / 2) {
            run_due(chain);
            runs++;
        }
        assert_int_equal(runs, large ? 1 : REQUESTS);
        for (uint32_t i = 0; i < REQUESTS; i++) {
            ids.job = chain_item(chain, COLLECTION_ACCOUNT_REQUESTS,
                                 chain_owner(chain, CHAIN_CONSUMER), i);
            assert_int_equal(job_request_of(chain, &ids).reason, CODE_W_NO_DEVICES);
        }
        chain_free(chain);
    }
}

/* One worker is at most once in a plan, however many offers its node makes. */
static void a_worker_sits_once_in_a_plan(void **state)
{
    (void)state;
    const struct params params = chain_params();
    struct test_chain *chain = chain_create(&params);
    struct job_ids ids;
    job_upload(chain, &ids);
    const struct body_node_register node = job_node_body(chain, CHAIN_PROVIDER);
    assert_int_equal(chain_do(chain, CHAIN_PROVIDER, TX_NODE_REGISTER, &node), CODE_OK);
    const struct hash id =
        chain_item(chain, COLLECTION_ACCOUNT_NODES, chain_owner(chain, CHAIN_PROVIDER), 0);
    const struct body_offer_create offer = job_offer_body(&id);
    assert_int_equal(chain_do(chain, CHAIN_PROVIDER, TX_OFFER_CREATE, &offer), CODE_OK);
    assert_int_equal(chain_do(chain, CHAIN_PROVIDER, TX_OFFER_CREATE, &offer), CODE_OK);
    job_request(chain, &ids);
    run_due(chain);
    assert_int_equal(job_process(chain, &ids).state, PROCESS_NONE);
    assert_int_equal(job_request_of(chain, &ids).reason, CODE_W_NO_DEVICES);
    assert_int_equal(job_request_of(chain, &ids).filtered[FILTER_SAME_WORKER], 1);
    chain_free(chain);
}

/* A plan asks of a provider no more bonds together than it has credits for. */
static void a_provider_bonds_no_more_than_it_has(void **state)
{
    (void)state;
    enum { BONDS = 2 * JOB_ROUNDS * JOB_BOND };
    static const uint64_t left[] = {BONDS - 1, BONDS};
    for (size_t i = 0; i < 2; i++) {
        const struct params params = chain_params();
        struct test_chain *chain = chain_create(&params);
        struct job_ids ids;
        job_upload(chain, &ids);
        struct body_node_register node = job_node_body(chain, CHAIN_PROVIDER);
        assert_int_equal(chain_do(chain, CHAIN_PROVIDER, TX_NODE_REGISTER, &node), CODE_OK);
        /* A second worker of the same organisation, which lends its key. */
        struct signature signature;
        node = job_node_body(chain, CHAIN_POOR);
        const struct hash digest =
            id_possession(&chain->chain_id, &chain->addresses[CHAIN_PROVIDER], &node.worker_key);
        crypto_key_sign(chain->keys[CHAIN_POOR], &digest, &signature);
        node.possession_size = SIGNATURE_SIZE;
        memcpy(node.possession, signature.bytes, SIGNATURE_SIZE);
        assert_int_equal(chain_do(chain, CHAIN_PROVIDER, TX_NODE_REGISTER, &node), CODE_OK);
        for (uint32_t k = 0; k < 2; k++) {
            const struct hash id =
                chain_item(chain, COLLECTION_ACCOUNT_NODES, chain_owner(chain, CHAIN_PROVIDER), k);
            const struct body_offer_create offer = job_offer_body(&id);
            assert_int_equal(chain_do(chain, CHAIN_PROVIDER, TX_OFFER_CREATE, &offer), CODE_OK);
        }
        const struct body_transfer rest = {.to = chain->addresses[CHAIN_STRANGER],
                                           .amount = CHAIN_CREDITS - left[i]};
        assert_int_equal(chain_do(chain, CHAIN_PROVIDER, TX_TRANSFER, &rest), CODE_OK);
        job_request(chain, &ids);
        run_due(chain);
        assert_int_equal(job_process(chain, &ids).state, i == 0 ? PROCESS_NONE : PROCESS_PROPOSED);
        assert_int_equal(job_request_of(chain, &ids).reason, i == 0 ? CODE_W_FUNDS : CODE_OK);
        chain_free(chain);
    }
}

/* 14.7: H_i follows measured speed in multiples of H / S, and so do pay and weight. */
static void elastic_plans_apportion_steps(void **state)
{
    (void)state;
    const struct params params = chain_params();
    struct test_chain *chain = chain_create(&params);
    struct job_ids ids;
    static const uint64_t gflops[] = {100, 60, 10};
    static const uint32_t steps[] = {8, 4, 2}; /* 4, 2.4 and 0.4 of 4 units of 2 steps */
    job_upload(chain, &ids);
    for (uint32_t i = 0; i < JOB_WORKERS; i++) {
        const struct body_node_register node = job_node_body(chain, CHAIN_PROVIDER + i);
        assert_int_equal(chain_do(chain, CHAIN_PROVIDER + i, TX_NODE_REGISTER, &node), CODE_OK);
        const struct hash id =
            chain_item(chain, COLLECTION_ACCOUNT_NODES, chain_owner(chain, CHAIN_PROVIDER + i), 0);
        struct body_offer_create offer = job_offer_body(&id);
        offer.capacity[CAPACITY_GFLOPS] = gflops[i];
        assert_int_equal(chain_do(chain, CHAIN_PROVIDER + i, TX_OFFER_CREATE, &offer), CODE_OK);
    }
    struct body_train_request body = job_request_body(chain, &ids);
    body.terms.elastic = 1;
    assert_int_equal(chain_do(chain, CHAIN_CONSUMER, TX_TRAIN_REQUEST, &body), CODE_OK);
    ids.job = chain_item(chain, COLLECTION_ACCOUNT_REQUESTS, chain_owner(chain, CHAIN_CONSUMER), 0);
    job_plan(chain, &ids);
    for (uint32_t rank = 0; rank < JOB_WORKERS; rank++) {
        const struct member member = job_member(chain, &ids, rank);
        assert_int_equal(member.steps, steps[rank]);
        assert_int_equal(member.weight, steps[rank]);
        assert_int_equal(member.segment_price, JOB_PRICE * steps[rank] / JOB_STEPS);
    }
    job_accept_all(chain, &ids);
    job_ready_all(chain, &ids);
    job_draw(chain);
    job_commit_all(chain, &ids);
    job_reveal_all(chain, &ids);
    /* Weights 8, 4, 2: the fastest alone has more than half. */
    const struct body_round_result result = job_result_body(chain, &ids);
    assert_int_equal(chain_do(chain, CHAIN_PROVIDER, TX_ROUND_RESULT, &result), CODE_OK);
    assert_int_equal(job_process(chain, &ids).rounds_closed, 1);
    chain_free(chain);
}

static void a_plan_that_is_not_accepted_is_tried_again_without_the_silent(void **state)
{
    (void)state;
    const struct params params = chain_params();
    struct job_ids ids;
    struct test_chain *chain = prepare(&params, &ids);
    job_request(chain, &ids);
    job_plan(chain, &ids);
    for (uint32_t rank = 0; rank < 2; rank++) {
        const struct body_lease_accept body = job_accept_body(chain, &ids, rank);
        assert_int_equal(chain_do(chain, CHAIN_PROVIDER + rank, TX_LEASE_ACCEPT, &body), CODE_OK);
    }
    const struct hash released = job_lease(chain, &ids, 0);
    const struct hash silent = job_lease(chain, &ids, 2);
    const struct body_lease_accept late = job_accept_body(chain, &ids, 2);
    run_due(chain); /* the accept window */
    const struct process process = job_process(chain, &ids);
    assert_int_equal(process.reason, CODE_W_ACCEPT_TIMEOUT);
    struct lease lease;
    struct key key = key_object(KEY_LEASE, &released);
    chain_read(chain, &key, &record_lease, &lease);
    assert_int_equal(lease.state, LEASE_RELEASED);
    key = key_object(KEY_LEASE, &silent);
    chain_read(chain, &key, &record_lease, &lease);
    assert_int_equal(lease.state, LEASE_EXPIRED);
    const struct chain_refusal refusal = {"too late", CHAIN_PROVIDER + 2, TX_LEASE_ACCEPT, &late,
                                          CODE_E_STATE};
    chain_refused(chain, &refusal);
    /* The planner ran again in the same second. */
    assert_int_equal(job_process(chain, &ids).state, PROCESS_PROPOSED);
    assert_int_equal(job_process(chain, &ids).plan_version, 2);
    assert_int_equal(job_process(chain, &ids).member_count, 2); /* the silent one's is closed */
    assert_int_equal(job_request_of(chain, &ids).attempts, 1);  /* that was not its doing */
    struct offer offer;
    key = key_object(KEY_OFFER, &ids.offer[2]);
    chain_read(chain, &key, &record_offer, &offer);
    assert_int_equal(offer.state, OFFER_CLOSED);
    struct node node;
    key = key_object(KEY_NODE, &ids.node[2]);
    chain_read(chain, &key, &record_node, &node);
    assert_int_equal(node.offered[CAPACITY_GFLOPS], 0);
    const struct body_offer_create again = job_offer_body(&ids.node[2]);
    assert_int_equal(chain_do(chain, CHAIN_PROVIDER + 2, TX_OFFER_CREATE, &again), CODE_OK);
    chain_free(chain);
}

static void a_transaction_after_the_window_is_late_even_in_the_same_block(void **state)
{
    (void)state;
    const struct params params = chain_params();
    struct job_ids ids;
    struct test_chain *chain = prepare(&params, &ids);
    job_request(chain, &ids);
    job_plan(chain, &ids);
    const struct state_due due = state_next_due(&chain->view);
    const struct body_lease_accept body = job_accept_body(chain, &ids, 0);
    chain_send(chain, CHAIN_PROVIDER, TX_LEASE_ACCEPT, &body);
    chain_block(chain, due.time_ms + 1 - chain->time_ms);
    assert_int_equal(chain_code(chain, 0), CODE_E_DEADLINE);
    chain_free(chain);
}

static void a_rejected_plan_frees_everything(void **state)
{
    (void)state;
    const struct params params = chain_params();
    struct job_ids ids;
    struct test_chain *chain = prepare(&params, &ids);
    job_request(chain, &ids);
    job_plan(chain, &ids);
    const struct body_lease_accept accept = job_accept_body(chain, &ids, 0);
    assert_int_equal(chain_do(chain, CHAIN_PROVIDER, TX_LEASE_ACCEPT, &accept), CODE_OK);
    const struct hash rejected = job_lease(chain, &ids, 1);
    const struct body_lease_reject reject = {.lease_id = rejected,
                                             .plan_hash = job_process(chain, &ids).plan_hash};
    assert_int_equal(chain_do(chain, CHAIN_PROVIDER + 1, TX_LEASE_REJECT, &reject), CODE_OK);
    struct lease lease;
    const struct key key = key_object(KEY_LEASE, &rejected);
    chain_read(chain, &key, &record_lease, &lease);
    assert_int_equal(lease.state, LEASE_REJECTED);
    nothing_is_locked_or_leased(chain, JOB_WORKERS);
    assert_int_equal(job_request_of(chain, &ids).reason, CODE_W_REJECTED);
    assert_int_equal(job_request_of(chain, &ids).attempts, 0);
    chain_free(chain);
}

/* Whoever refuses is not asked again by this request, whatever else it offers. */
static void a_provider_that_rejects_is_left_alone(void **state)
{
    (void)state;
    const struct params params = chain_params();
    struct job_ids ids;
    struct test_chain *chain = prepare(&params, &ids);
    struct body_offer_create more = job_offer_body(&ids.node[0]);
    more.capacity[CAPACITY_GFLOPS] = 47; /* the node's rest */
    assert_int_equal(chain_do(chain, CHAIN_PROVIDER, TX_OFFER_CREATE, &more), CODE_OK);
    struct body_train_request body = job_request_body(chain, &ids);
    body.terms.workers_min = 1;
    body.terms.workers_max = 1;
    assert_int_equal(chain_do(chain, CHAIN_CONSUMER, TX_TRAIN_REQUEST, &body), CODE_OK);
    ids.job = chain_item(chain, COLLECTION_ACCOUNT_REQUESTS, chain_owner(chain, CHAIN_CONSUMER), 0);
    job_plan(chain, &ids);
    for (uint32_t i = 0; i < JOB_WORKERS; i++) {
        assert_int_equal(job_account(chain, &ids, 0), CHAIN_PROVIDER + i);
        const struct body_lease_reject reject = {.lease_id = job_lease(chain, &ids, 0),
                                                 .plan_hash = job_process(chain, &ids).plan_hash};
        assert_int_equal(chain_do(chain, CHAIN_PROVIDER + i, TX_LEASE_REJECT, &reject), CODE_OK);
        run_due(chain);
    }
    assert_int_equal(job_process(chain, &ids).state, PROCESS_NONE);
    assert_int_equal(job_request_of(chain, &ids).reason, CODE_W_EXCLUDED);
    assert_int_equal(job_request_of(chain, &ids).filtered[FILTER_EXCLUDED], JOB_WORKERS + 1);
    assert_int_equal(job_request_of(chain, &ids).attempts, 0);
    chain_free(chain);
}

/* Fast and free, but nobody there: such offers close one after the other, and the request
 * outlives them. */
static void silent_offers_close_and_do_not_end_the_request(void **state)
{
    (void)state;
    const struct params params = chain_params();
    struct job_ids ids;
    struct test_chain *chain = prepare(&params, &ids);
    struct body_train_request body = job_request_body(chain, &ids);
    body.terms.workers_min = 1;
    body.terms.workers_max = 1;
    assert_int_equal(chain_do(chain, CHAIN_CONSUMER, TX_TRAIN_REQUEST, &body), CODE_OK);
    ids.job = chain_item(chain, COLLECTION_ACCOUNT_REQUESTS, chain_owner(chain, CHAIN_CONSUMER), 0);
    chain_run_until(chain, chain->time_ms + 100000); /* nobody ever answers */
    assert_int_equal(job_process(chain, &ids).plan_version, JOB_WORKERS);
    assert_int_equal(job_request_of(chain, &ids).state, REQUEST_NOT_STARTED);
    nothing_is_locked_or_leased(chain, 0);
    const struct body_offer_create honest = job_offer_body(&ids.node[1]);
    assert_int_equal(chain_do(chain, CHAIN_PROVIDER + 1, TX_OFFER_CREATE, &honest), CODE_OK);
    run_due(chain);
    assert_int_equal(job_process(chain, &ids).state, PROCESS_PROPOSED);
    chain_run_until(chain, chain->time_ms + QUEUE_WAIT_MS_MAX + 1000);
    const struct request request = job_request_of(chain, &ids);
    assert_int_equal(request.state, REQUEST_FINISHED);
    assert_int_equal(request.result, RESULT_FAILED_DEADLINE);
    assert_int_equal(chain_account_of(chain, CHAIN_CONSUMER).available, CHAIN_CREDITS);
    assert_false(state_next_due(&chain->view).scheduled);
    chain_free(chain);
}

/* Everybody accepts and nobody gets ready: the consumer serves nothing.  That costs no
 * provider its offer, and the request its attempts. */
static void after_its_attempts_the_request_ends_with_a_refund(void **state)
{
    (void)state;
    const struct params params = chain_params();
    struct job_ids ids;
    struct test_chain *chain = prepare(&params, &ids);
    job_request(chain, &ids);
    for (uint32_t attempt = 1; attempt <= params.planner_attempts_max; attempt++) {
        if (attempt == 1) {
            job_plan(chain, &ids);
        }
        assert_int_equal(job_process(chain, &ids).plan_version, attempt);
        job_accept_all(chain, &ids);
        run_due(chain); /* the ready window; the planner runs in the same second */
    }
    const struct request request = job_request_of(chain, &ids);
    assert_int_equal(request.state, REQUEST_FINISHED);
    assert_int_equal(request.result, RESULT_FAILED_NO_RESOURCES);
    assert_int_equal(request.reason, CODE_W_ATTEMPTS);
    assert_int_equal(request.attempts, params.planner_attempts_max);
    assert_int_equal(chain_account_of(chain, CHAIN_CONSUMER).available, CHAIN_CREDITS);
    nothing_is_locked_or_leased(chain, JOB_WORKERS);
    assert_false(state_next_due(&chain->view).scheduled);
    chain_free(chain);
}

static void a_worker_that_is_not_ready_frees_the_bonds(void **state)
{
    (void)state;
    const struct params params = chain_params();
    struct job_ids ids;
    struct test_chain *chain = prepare(&params, &ids);
    job_request(chain, &ids);
    job_plan(chain, &ids);
    job_accept_all(chain, &ids);
    const struct body_lease_ready ready = job_ready_body(chain, &ids, 0);
    assert_int_equal(chain_do(chain, CHAIN_PROVIDER, TX_LEASE_READY, &ready), CODE_OK);
    run_due(chain);
    assert_int_equal(job_process(chain, &ids).reason, CODE_W_READY_TIMEOUT);
    assert_int_equal(job_request_of(chain, &ids).attempts, 1);
    /* The READY may have been the consumer's own: no offer closes.  The request goes on without
     * the other two. */
    nothing_is_locked_or_leased(chain, JOB_WORKERS);
    for (uint32_t i = 0; i < JOB_WORKERS; i++) {
        struct offer offer;
        const struct key key = key_object(KEY_OFFER, &ids.offer[i]);
        chain_read(chain, &key, &record_offer, &offer);
        assert_int_equal(offer.state, OFFER_OPEN);
    }
    assert_int_equal(job_request_of(chain, &ids).reason, CODE_W_EXCLUDED);
    assert_int_equal(job_request_of(chain, &ids).filtered[FILTER_EXCLUDED], JOB_WORKERS - 1);
    chain_free(chain);
}

static void deadlines_and_cancellation_end_a_waiting_request(void **state)
{
    (void)state;
    for (int how = 0; how < 4; how++) {
        const struct params params = chain_params();
        struct job_ids ids;
        struct test_chain *chain = prepare(&params, &ids);
        struct body_train_request body = job_request_body(chain, &ids);
        body.deadline_ms = how < 2 ? chain->time_ms + 5000 : 0;
        body.terms.workers_min = how % 2 == 0 ? 1 : JOB_WORKERS; /* planned, or never */
        body.terms.price_per_segment = how % 2 == 0 ? JOB_PRICE : 1;
        assert_int_equal(chain_do(chain, CHAIN_CONSUMER, TX_TRAIN_REQUEST, &body), CODE_OK);
        ids.job =
            chain_item(chain, COLLECTION_ACCOUNT_REQUESTS, chain_owner(chain, CHAIN_CONSUMER), 0);
        run_due(chain);
        assert_int_equal(job_process(chain, &ids).state,
                         how % 2 == 0 ? PROCESS_PROPOSED : PROCESS_NONE);
        if (how < 2) {
            run_due(chain);
        } else {
            const struct body_train_cancel cancel = {.job = ids.job};
            struct body_train_cancel bad = cancel;
            bad.mode = 1;
            const struct chain_refusal refusals[] = {
                {"NOW", CHAIN_CONSUMER, TX_TRAIN_CANCEL, &bad, CODE_E_RANGE},
                {"another's", CHAIN_RICH, TX_TRAIN_CANCEL, &cancel, CODE_E_OWNER},
            };
            chain_refused(chain, &refusals[0]);
            chain_refused(chain, &refusals[1]);
            assert_int_equal(chain_do(chain, CHAIN_CONSUMER, TX_TRAIN_CANCEL, &cancel), CODE_OK);
            const struct chain_refusal again = {"ended", CHAIN_CONSUMER, TX_TRAIN_CANCEL, &cancel,
                                                CODE_E_STATE};
            chain_refused(chain, &again);
        }
        const struct request request = job_request_of(chain, &ids);
        assert_int_equal(request.state, how < 2 ? REQUEST_FINISHED : REQUEST_CANCELLED);
        assert_int_equal(request.result, how < 2 ? RESULT_FAILED_DEADLINE : RESULT_CANCELLED);
        assert_int_equal(chain_account_of(chain, CHAIN_CONSUMER).available, CHAIN_CREDITS);
        nothing_is_locked_or_leased(chain, JOB_WORKERS);
        assert_false(state_next_due(&chain->view).scheduled);
        chain_free(chain);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fastest_offers_are_taken_first),
        cmocka_unit_test(the_request_knows_why_it_waits),
        cmocka_unit_test(a_run_stops_when_its_steps_are_spent),
        cmocka_unit_test(a_worker_sits_once_in_a_plan),
        cmocka_unit_test(a_provider_bonds_no_more_than_it_has),
        cmocka_unit_test(elastic_plans_apportion_steps),
        cmocka_unit_test(a_plan_that_is_not_accepted_is_tried_again_without_the_silent),
        cmocka_unit_test(a_transaction_after_the_window_is_late_even_in_the_same_block),
        cmocka_unit_test(a_rejected_plan_frees_everything),
        cmocka_unit_test(a_provider_that_rejects_is_left_alone),
        cmocka_unit_test(silent_offers_close_and_do_not_end_the_request),
        cmocka_unit_test(after_its_attempts_the_request_ends_with_a_refund),
        cmocka_unit_test(a_worker_that_is_not_ready_frees_the_bonds),
        cmocka_unit_test(deadlines_and_cancellation_end_a_waiting_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
