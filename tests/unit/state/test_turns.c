#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/job.h"

/* Nobody's requests keep another's from their turn, and no request asks for ever. */

enum { HOPELESS = 40, CHURN = 33 };

static struct body_train_request hopeless_body(const struct test_chain *chain,
                                               const struct job_ids *ids, uint32_t number)
{
    struct body_train_request body = job_request_body(chain, ids);
    body.priority = 0;
    body.terms.price_per_segment = 1;
    body.request_id[2] = (uint8_t)('0' + number / 100 % 10);
    body.request_id[3] = (uint8_t)('0' + number / 10 % 10);
    body.request_id[4] = (uint8_t)('0' + number % 10);
    return body;
}

static void send_hopeless(struct test_chain *chain, const struct job_ids *ids, uint32_t from,
                          uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct body_train_request body = hopeless_body(chain, ids, from + i);
        chain_send(chain, CHAIN_CONSUMER, TX_TRAIN_REQUEST, &body);
    }
    chain_block(chain, 1);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(chain_code(chain, i), CODE_OK);
    }
}

static void cancel_oldest(struct test_chain *chain, uint32_t from, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct body_train_cancel cancel = {
            .job = chain_item(chain, COLLECTION_ACCOUNT_REQUESTS,
                              chain_owner(chain, CHAIN_CONSUMER), from + i)};
        chain_send(chain, CHAIN_CONSUMER, TX_TRAIN_CANCEL, &cancel);
    }
    chain_block(chain, 1);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(chain_code(chain, i), CODE_OK);
    }
}

/* One consumer's requests of the first priority that no offer can serve, more than a run looks
 * at, kept as they are or made anew before each run: an honest one of a low priority is served
 * in the second run. */
static void hopeless_requests_do_not_hold_up_others(void **state)
{
    (void)state;
    for (int churn = 0; churn < 2; churn++) {
        struct params params = chain_params();
        params.queue_max = (uint64_t)HOPELESS * ACCOUNT_SHARE;
        struct test_chain *chain = chain_create(&params);
        struct job_ids ids;
        job_offer_all(chain, &ids);
        job_upload(chain, &ids);
        send_hopeless(chain, &ids, 0, HOPELESS);
        struct body_train_request honest = job_request_body(chain, &ids);
        honest.source = chain->addresses[CHAIN_RICH];
        honest.priority = 200;
        assert_int_equal(chain_do(chain, CHAIN_RICH, TX_TRAIN_REQUEST, &honest), CODE_OK);
        ids.job = chain_item(chain, COLLECTION_ACCOUNT_REQUESTS, chain_owner(chain, CHAIN_RICH), 0);
        chain_run_until(chain, state_next_due(&chain->view).time_ms);
        assert_int_equal(job_process(chain, &ids).state, PROCESS_NONE);
        /* Either wakes the planner. */
        cancel_oldest(chain, 0, churn ? CHURN : 1);
        send_hopeless(chain, &ids, HOPELESS, churn ? CHURN : 1);
        chain_run_until(chain, state_next_due(&chain->view).time_ms);
        assert_int_equal(job_process(chain, &ids).state, PROCESS_PROPOSED);
        chain_free(chain);
    }
}

/* Three providers refuse and a fourth accepts and never gets ready, until the list is full: the
 * next refusal is an attempt. */
static void a_refusal_beyond_the_list_is_an_attempt(void **state)
{
    (void)state;
    struct params params = chain_params();
    params.planner_attempts_max = 100;
    struct test_chain *chain = chain_create(&params);
    struct job_ids ids;
    job_offer_all(chain, &ids);
    const struct body_node_register node = job_node_body(chain, CHAIN_RICH);
    assert_int_equal(chain_do(chain, CHAIN_RICH, TX_NODE_REGISTER, &node), CODE_OK);
    const struct hash id =
        chain_item(chain, COLLECTION_ACCOUNT_NODES, chain_owner(chain, CHAIN_RICH), 0);
    const struct body_offer_create offer = job_offer_body(&id); /* the slowest */
    assert_int_equal(chain_do(chain, CHAIN_RICH, TX_OFFER_CREATE, &offer), CODE_OK);
    job_upload(chain, &ids);
    struct body_train_request body = job_request_body(chain, &ids);
    body.terms.workers_min = 1;
    body.terms.workers_max = 1;
    assert_int_equal(chain_do(chain, CHAIN_CONSUMER, TX_TRAIN_REQUEST, &body), CODE_OK);
    ids.job = chain_item(chain, COLLECTION_ACCOUNT_REQUESTS, chain_owner(chain, CHAIN_CONSUMER), 0);
    job_plan(chain, &ids);
    uint32_t counted = 0;
    for (uint32_t plan = 0; plan < 60 && counted < 2; plan++) {
        const uint32_t account = job_account(chain, &ids, 0);
        const struct request before = job_request_of(chain, &ids);
        if (account == CHAIN_RICH) {
            const struct body_lease_accept accept = job_accept_body(chain, &ids, 0);
            assert_int_equal(chain_do(chain, account, TX_LEASE_ACCEPT, &accept), CODE_OK);
        } else {
            const struct body_lease_reject reject = {.lease_id = job_lease(chain, &ids, 0),
                                                     .plan_hash =
                                                         job_process(chain, &ids).plan_hash};
            assert_int_equal(chain_do(chain, account, TX_LEASE_REJECT, &reject), CODE_OK);
            const bool full = before.excluded_count == OFFER_EXCLUDED_MAX;
            assert_int_equal(job_request_of(chain, &ids).attempts,
                             full ? before.attempts : before.attempts - 1);
            counted += full ? 1 : 0;
        }
        chain_run_until(chain, state_next_due(&chain->view).time_ms);
        assert_int_equal(job_process(chain, &ids).state, PROCESS_PROPOSED);
    }
    assert_int_equal(counted, 2);
    chain_free(chain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hopeless_requests_do_not_hold_up_others),
        cmocka_unit_test(a_refusal_beyond_the_list_is_an_attempt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
