#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/job.h"

/* One job from genesis to pay, every balance on the way. */

static uint64_t available(const struct test_chain *chain, uint32_t account)
{
    return chain_account_of(chain, account).available;
}

static void check_bonds(const struct test_chain *chain, uint64_t locked)
{
    for (uint32_t i = 0; i < JOB_WORKERS; i++) {
        const struct account account = chain_account_of(chain, CHAIN_PROVIDER + i);
        assert_int_equal(account.locked, locked);
    }
}

/* 14.10: who is in the result goes on from the inner state that it revealed. */
static void check_own_state(const struct test_chain *chain, const struct job_ids *ids,
                            uint32_t index)
{
    for (uint32_t rank = 0; rank < JOB_WORKERS; rank++) {
        struct segment segment;
        const struct key key = key_segment(&ids->job, index, rank);
        const struct lease lease = job_lease_of(chain, ids, rank);
        chain_read(chain, &key, &record_segment, &segment);
        assert_int_equal(segment.state, SEGMENT_ACCEPTED);
        assert_true(hash_equal(&lease.inner_root, &segment.inner_root));
        assert_true(hash_equal(&lease.counters_root, &segment.counters_root));
    }
}

static void a_job_runs_from_genesis_to_pay(void **state)
{
    (void)state;
    const struct params params = chain_params();
    struct test_chain *chain = chain_create(&params);
    struct job_ids ids;
    /* 1 + ceil(5 s / 5 s) = 2 segments are at risk at once. */
    const uint64_t bond = 2 * JOB_BOND;

    job_offer_all(chain, &ids);
    job_upload(chain, &ids);
    job_request(chain, &ids);
    assert_int_equal(available(chain, CHAIN_CONSUMER), CHAIN_CREDITS - JOB_ESCROW);
    assert_int_equal(job_request_of(chain, &ids).escrow, JOB_ESCROW);
    job_plan(chain, &ids);
    check_bonds(chain, 0);
    for (uint32_t rank = 0; rank < JOB_WORKERS; rank++) {
        assert_int_equal(job_account(chain, &ids, rank), CHAIN_PROVIDER + rank);
        assert_int_equal(job_member(chain, &ids, rank).segment_price, JOB_PRICE);
        assert_int_equal(job_member(chain, &ids, rank).steps, JOB_STEPS);
    }
    job_accept_all(chain, &ids);
    check_bonds(chain, bond);
    job_ready_all(chain, &ids);
    for (uint32_t index = 0; index < JOB_ROUNDS; index++) {
        job_draw(chain);
        assert_int_equal(job_round(chain, &ids, index).phase, ROUND_COMMIT);
        job_commit_all(chain, &ids);
        job_reveal_all(chain, &ids);
        job_vote(chain, &ids);
        assert_int_equal(job_round(chain, &ids, index).phase, ROUND_CLOSED);
        assert_int_equal(job_process(chain, &ids).rounds_closed, index + 1);
        check_own_state(chain, &ids, index);
        check_bonds(chain, bond);
    }
    assert_int_equal(job_process(chain, &ids).state, PROCESS_DRAINING);
    assert_int_equal(job_process(chain, &ids).rounds_certified, 0);
    chain_run_until(chain, chain->time_ms + 60000);

    check_bonds(chain, 0);
    for (uint32_t rank = 0; rank < JOB_WORKERS; rank++) {
        assert_int_equal(available(chain, CHAIN_PROVIDER + rank),
                         CHAIN_CREDITS + JOB_ROUNDS * JOB_PRICE);
        const struct lease lease = job_lease_of(chain, &ids, rank);
        assert_int_equal(lease.state, LEASE_SETTLED);
        assert_int_equal(lease.earned, JOB_ROUNDS * JOB_PRICE);
        assert_int_equal(lease.segments_paid, JOB_ROUNDS);
    }
    assert_int_equal(available(chain, CHAIN_CONSUMER),
                     CHAIN_CREDITS - JOB_WORKERS * JOB_ROUNDS * JOB_PRICE);
    const struct request request = job_request_of(chain, &ids);
    const struct process process = job_process(chain, &ids);
    assert_int_equal(request.state, REQUEST_FINISHED);
    assert_int_equal(request.result, RESULT_SUCCESS);
    assert_int_equal(request.escrow, 0);
    assert_int_equal(request.spent, JOB_WORKERS * JOB_ROUNDS * JOB_PRICE);
    assert_int_equal(process.state, PROCESS_DONE);
    assert_int_equal(process.rounds_certified, JOB_ROUNDS);
    const struct round last = job_round(chain, &ids, JOB_ROUNDS - 1);
    assert_true(hash_equal(&process.certified_theta_root, &last.theta_out));
    /* All offers are open again, nothing waits, the chain may sleep. */
    assert_int_equal(state_read_count(&chain->view, COLLECTION_OPEN_OFFERS, bytes_of(NULL, 0)),
                     JOB_WORKERS);
    const struct state_due due = state_next_due(&chain->view);
    assert_false(due.waiting);
    assert_false(due.scheduled);
    chain_free(chain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_runs_from_genesis_to_pay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
