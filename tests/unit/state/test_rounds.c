#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/job.h"
#include "vm/vm.h"

/* A round: the draw, commitments, reveals, the result, and everything that goes wrong. */

static struct test_chain *start(struct job_ids *ids)
{
    const struct params params = chain_params();
    struct test_chain *chain = chain_create(&params);
    job_start(chain, ids);
    return chain;
}

static void run_due(struct test_chain *chain)
{
    const struct state_due due = state_next_due(&chain->view);
    assert_true(due.scheduled);
    chain_run_until(chain, due.time_ms);
}

#define BAD(T, expected, statement)                                                                \
    do {                                                                                           \
        T body = good;                                                                             \
        statement;                                                                                 \
        const struct chain_refusal refusal = {#statement, who, type, &body, expected};             \
        chain_refused(chain, &refusal);                                                            \
    } while (0)

/* 13.4: the draw over what block x closed uses the first beacon of a block that carries an F
 * for a block >= x, plus one. */
static void the_beacon_is_drawn_after_finality(void **state)
{
    (void)state;
    const struct params params = chain_params();
    struct test_chain *chain = chain_create(&params);
    struct job_ids ids;
    job_offer_all(chain, &ids);
    job_upload(chain, &ids);
    job_request(chain, &ids);
    job_plan(chain, &ids);
    job_accept_all(chain, &ids);
    job_ready_all(chain, &ids);
    const uint64_t x = chain->height;
    assert_int_equal(job_round(chain, &ids, 0).opened_height, x);
    chain->final_height = x - 1; /* an F, but for an earlier block */
    chain_block(chain, 1);
    assert_false(chain->outcome.changed);
    chain->final_height = 0; /* no F at all */
    chain_block(chain, 1);
    assert_int_equal(job_round(chain, &ids, 0).phase, ROUND_WAIT_FINAL);
    assert_true(state_next_due(&chain->view).waiting);
    const struct body_gradient_commitment early = {
        .job = ids.job, .lease_id = job_lease(chain, &ids, 0), .commitment = {{1}}};
    const struct chain_refusal refusal = {"no beacon yet", CHAIN_PROVIDER, TX_GRADIENT_COMMITMENT,
                                          &early, CODE_E_EARLY};
    chain->final_height = 0;
    chain_refused(chain, &refusal);
    chain->final_height = x;
    chain_block(chain, 1); /* y carries F for x */
    assert_int_equal(job_round(chain, &ids, 0).phase, ROUND_WAIT_BEACON);
    assert_int_equal(job_round(chain, &ids, 0).drawn_height, chain->height + 1);
    chain->final_height = 0;
    chain_block(chain, 1); /* y + 1 */
    const struct round round = job_round(chain, &ids, 0);
    struct clock clock;
    const struct key key = key_global(GLOBAL_CLOCK);
    chain_read(chain, &key, &record_clock, &clock);
    assert_int_equal(round.phase, ROUND_COMMIT);
    assert_int_equal(round.drawn_height, chain->height);
    assert_true(hash_equal(&round.beacon, &clock.beacon));
    assert_int_equal(clock.height, chain->height);
    assert_false(hash_is_zero(&round.beacon));
    chain_free(chain);
}

static void commitments_are_judged(void **state)
{
    (void)state;
    struct job_ids ids;
    struct test_chain *chain = start(&ids);
    uint32_t who = CHAIN_PROVIDER;
    const uint32_t type = TX_GRADIENT_COMMITMENT;
    const struct body_gradient_commitment good = job_commit_body(chain, &ids, 0);
#define ODD(code, statement) BAD(struct body_gradient_commitment, code, statement)
    ODD(CODE_E_NOT_FOUND, body.job.bytes[0] ^= 1);
    ODD(CODE_E_EARLY, body.round = 1);
    ODD(CODE_E_MEMBER, body.lease_id = job_lease(chain, &ids, 1));
    ODD(CODE_E_RANGE, body.commitment = (struct hash){{0}});
    who = CHAIN_RICH;
    ODD(CODE_E_MEMBER, body.round = 0);
    who = CHAIN_CONSUMER;
    ODD(CODE_E_ROLE, body.round = 0);
    who = CHAIN_PROVIDER;
    assert_int_equal(chain_do(chain, who, type, &good), CODE_OK);
    ODD(CODE_E_DUPLICATE, body.commitment.bytes[0] ^= 1);
#undef ODD
    const struct body_proof_of_training early = job_proof_body(chain, &ids, 0);
    const struct chain_refusal reveal = {"reveal before the deadline", who, TX_PROOF_OF_TRAINING,
                                         &early, CODE_E_EARLY};
    chain_refused(chain, &reveal);
    const struct state_due due = state_next_due(&chain->view);
    const struct body_gradient_commitment other = job_commit_body(chain, &ids, 1);
    chain_send(chain, CHAIN_PROVIDER + 1, type, &other);
    chain_block(chain, due.time_ms + 1 - chain->time_ms);
    assert_int_equal(chain_code(chain, 0), CODE_E_DEADLINE);
    chain_free(chain);
}

static void reveals_are_judged(void **state)
{
    (void)state;
    struct job_ids ids;
    struct test_chain *chain = start(&ids);
    job_commit_all(chain, &ids);
    const uint32_t who = CHAIN_PROVIDER;
    const uint32_t type = TX_PROOF_OF_TRAINING;
    const struct body_gradient_commitment late = job_commit_body(chain, &ids, 0);
    const struct chain_refusal committed = {"committed", who, TX_GRADIENT_COMMITMENT, &late,
                                            CODE_E_ROUND};
    chain_refused(chain, &committed);
    const struct body_proof_of_training good = job_proof_body(chain, &ids, 0);
#define ODD(code, statement) BAD(struct body_proof_of_training, code, statement)
    ODD(CODE_E_NOT_FOUND, body.job.bytes[0] ^= 1);
    ODD(CODE_E_EARLY, body.round = 1);
    ODD(CODE_E_MEMBER, body.lease_id = job_lease(chain, &ids, 1));
    ODD(CODE_E_RANGE, body.steps = JOB_STEPS - 2);
    ODD(CODE_E_RANGE, body.roots_count--);
    ODD(CODE_E_RANGE, body.roots_count++);
    ODD(CODE_E_RANGE, body.roots_count = 0);
    ODD(CODE_E_RANGE, body.trap = 1);
    ODD(CODE_E_RANGE, body.receipts_count = 1);
    ODD(CODE_E_RANGE, body.delta_size = 0);
    ODD(CODE_E_OPENING, body.salt.bytes[0] ^= 1);
    ODD(CODE_E_OPENING, body.delta_root.bytes[0] ^= 1);
    ODD(CODE_E_OPENING, body.inner_root.bytes[0] ^= 1);
    ODD(CODE_E_OPENING, body.roots[0].bytes[0] ^= 1);
    ODD(CODE_E_OPENING, body.roots[2].bytes[0] ^= 1);
    ODD(CODE_E_ROOT, body.params_root.bytes[0] ^= 1);
    ODD(CODE_E_ROOT, body.counters_root.bytes[0] ^= 1);
#undef ODD
    assert_int_equal(chain_do(chain, who, type, &good), CODE_OK);
    const struct chain_refusal again = {"again", who, type, &good, CODE_E_DUPLICATE};
    chain_refused(chain, &again);
    struct segment segment;
    const struct key key = key_segment(&ids.job, 0, 0);
    chain_read(chain, &key, &record_segment, &segment);
    assert_int_equal(segment.state, SEGMENT_REVEALED);
    assert_true(hash_equal(&segment.end_root, &good.roots[JOB_CHECKPOINTS]));
    chain_free(chain);
}

/* 14.10: a commitment to a trace that does not begin at (step, theta_r, own inner root). */
static void a_trace_must_begin_where_the_round_does(void **state)
{
    (void)state;
    struct job_ids ids;
    struct test_chain *chain = start(&ids);
    struct body_proof_of_training proof = job_proof_body(chain, &ids, 0);
    proof.roots[0].bytes[0] ^= 1;
    struct commitment commitment = {.worker_key = job_member(chain, &ids, 0).worker_key,
                                    .job = ids.job,
                                    .delta_root = proof.delta_root,
                                    .inner_root = proof.inner_root,
                                    .salt = proof.salt};
    vm_trace_root(proof.roots, proof.roots_count, crypto_hash_port(), &commitment.trace_root);
    struct body_gradient_commitment commit = job_commit_body(chain, &ids, 0);
    commit.commitment = id_commitment(&commitment);
    assert_int_equal(chain_do(chain, CHAIN_PROVIDER, TX_GRADIENT_COMMITMENT, &commit), CODE_OK);
    for (uint32_t rank = 1; rank < JOB_WORKERS; rank++) {
        commit = job_commit_body(chain, &ids, rank);
        assert_int_equal(chain_do(chain, CHAIN_PROVIDER + rank, TX_GRADIENT_COMMITMENT, &commit),
                         CODE_OK);
    }
    const struct chain_refusal refusal = {"INIT", CHAIN_PROVIDER, TX_PROOF_OF_TRAINING, &proof,
                                          CODE_E_ROOT};
    chain_refused(chain, &refusal);
    chain_free(chain);
}

static void results_are_judged(void **state)
{
    (void)state;
    struct job_ids ids;
    struct test_chain *chain = start(&ids);
    job_commit_all(chain, &ids);
    for (uint32_t rank = 0; rank < 2; rank++) {
        const struct body_proof_of_training proof = job_proof_body(chain, &ids, rank);
        assert_int_equal(chain_do(chain, CHAIN_PROVIDER + rank, TX_PROOF_OF_TRAINING, &proof),
                         CODE_OK);
    }
    uint32_t who = CHAIN_PROVIDER;
    const uint32_t type = TX_ROUND_RESULT;
    const struct body_round_result early = job_result_body(chain, &ids);
    const struct chain_refusal open = {"A_r is open", who, type, &early, CODE_E_EARLY};
    chain_refused(chain, &open);
    run_due(chain); /* rank 2 does not reveal */
    const struct body_round_result good = job_result_body(chain, &ids);
    assert_int_equal(good.bitmap[0], 3);
#define ODD(code, statement) BAD(struct body_round_result, code, statement)
    ODD(CODE_E_NOT_FOUND, body.job.bytes[0] ^= 1);
    ODD(CODE_E_EARLY, body.round = 1);
    ODD(CODE_E_RANGE, body.bitmap_size = 0);
    ODD(CODE_E_RANGE, body.bitmap_size = 2);
    ODD(CODE_E_RANGE, body.bitmap[0] = 7);  /* rank 2 is not in A_r */
    ODD(CODE_E_RANGE, body.bitmap[0] = 1);  /* fewer than workers_min */
    ODD(CODE_E_RANGE, body.bitmap[0] = 11); /* there is no rank 3 */
    ODD(CODE_E_RANGE, body.theta_root = (struct hash){{0}});
    who = CHAIN_PROVIDER + 2;
    ODD(CODE_E_MEMBER, body.round = 0);
    who = CHAIN_PROVIDER;
    struct body_round_result other = good;
    other.theta_root.bytes[0] ^= 1;
    assert_int_equal(chain_do(chain, who, type, &other), CODE_OK);
    ODD(CODE_E_DUPLICATE, body.theta_root.bytes[0] ^= 1);
    assert_int_equal(chain_do(chain, CHAIN_PROVIDER + 1, type, &good), CODE_OK);
    assert_int_equal(job_process(chain, &ids).rounds_closed, 0); /* half is not more than half */
    for (uint32_t i = 0; i < 3; i++) {
        other.mom_root.bytes[0] ^= 1;
        assert_int_equal(chain_do(chain, who, type, &other), CODE_OK);
    }
    ODD(CODE_E_LIMIT, body.mom_root.bytes[1] ^= 1);
#undef ODD
    run_due(chain); /* nobody agrees: the job ends, nobody is paid */
    assert_int_equal(job_request_of(chain, &ids).result, RESULT_FAILED_WORKERS);
    assert_int_equal(job_request_of(chain, &ids).reason, CODE_W_NO_RESULT);
    assert_int_equal(chain_account_of(chain, CHAIN_CONSUMER).available, CHAIN_CREDITS);
    assert_int_equal(chain_account_of(chain, CHAIN_PROVIDER).available, CHAIN_CREDITS);
    chain_free(chain);
}

/* A member that misses a round loses its pay and goes on from its last accepted state. */
static void a_member_that_misses_a_round_is_not_paid(void **state)
{
    (void)state;
    struct job_ids ids;
    struct test_chain *chain = start(&ids);
    const struct lease before = job_lease_of(chain, &ids, 2);
    for (uint32_t rank = 0; rank < 2; rank++) {
        const struct body_gradient_commitment body = job_commit_body(chain, &ids, rank);
        assert_int_equal(chain_do(chain, CHAIN_PROVIDER + rank, TX_GRADIENT_COMMITMENT, &body),
                         CODE_OK);
    }
    run_due(chain);
    assert_int_equal(job_round(chain, &ids, 0).phase, ROUND_REVEAL);
    for (uint32_t rank = 0; rank < 2; rank++) {
        const struct body_proof_of_training body = job_proof_body(chain, &ids, rank);
        assert_int_equal(chain_do(chain, CHAIN_PROVIDER + rank, TX_PROOF_OF_TRAINING, &body),
                         CODE_OK);
    }
    job_vote(chain, &ids);
    const struct lease after = job_lease_of(chain, &ids, 2);
    assert_true(hash_equal(&after.inner_root, &before.inner_root));
    assert_int_equal(after.segments_missed, 1);
    job_draw(chain);
    job_commit_all(chain, &ids); /* round 1 with everybody */
    job_reveal_all(chain, &ids);
    job_vote(chain, &ids);
    chain_run_until(chain, chain->time_ms + 60000);
    assert_int_equal(job_request_of(chain, &ids).result, RESULT_SUCCESS);
    assert_int_equal(chain_account_of(chain, CHAIN_PROVIDER).available,
                     CHAIN_CREDITS + 2 * JOB_PRICE);
    assert_int_equal(chain_account_of(chain, CHAIN_PROVIDER + 2).available,
                     CHAIN_CREDITS + JOB_PRICE);
    assert_int_equal(chain_account_of(chain, CHAIN_CONSUMER).available,
                     CHAIN_CREDITS - 5 * JOB_PRICE);
    chain_free(chain);
}

/* Who is in A_r but not in the result is not paid either: nobody could fetch its delta. */
static void a_member_outside_the_result_is_not_paid(void **state)
{
    (void)state;
    struct job_ids ids;
    struct test_chain *chain = start(&ids);
    job_commit_all(chain, &ids);
    job_reveal_all(chain, &ids);
    struct body_round_result body = job_result_body(chain, &ids);
    body.bitmap[0] = 3;
    assert_int_equal(chain_do(chain, CHAIN_PROVIDER + 2, TX_ROUND_RESULT, &body), CODE_OK);
    assert_int_equal(chain_do(chain, CHAIN_PROVIDER, TX_ROUND_RESULT, &body), CODE_OK);
    struct segment segment;
    const struct key key = key_segment(&ids.job, 0, 2);
    chain_read(chain, &key, &record_segment, &segment);
    assert_int_equal(segment.state, SEGMENT_LEFT_OUT);
    assert_int_equal(job_process(chain, &ids).rounds_closed, 1);
    const struct chain_refusal closed = {"closed", CHAIN_PROVIDER + 1, TX_ROUND_RESULT, &body,
                                         CODE_E_ROUND};
    chain->final_height = 0; /* else the block also draws for round 1 */
    chain_refused(chain, &closed);
    chain_run_until(chain, chain->time_ms + 6000); /* certified; round 1 is open */
    chain_read(chain, &key, &record_segment, &segment);
    assert_int_equal(segment.state, SEGMENT_LEFT_OUT);
    assert_int_equal(chain_account_of(chain, CHAIN_PROVIDER + 2).available,
                     CHAIN_CREDITS - 2 * JOB_BOND);
    assert_int_equal(chain_account_of(chain, CHAIN_PROVIDER).available,
                     CHAIN_CREDITS - 2 * JOB_BOND + JOB_PRICE);
    chain_free(chain);
}

/* Too few commitments, or too few reveals: the job fails, what was closed is still paid. */
static void a_job_fails_without_enough_workers(void **state)
{
    (void)state;
    for (int phase = 0; phase < 2; phase++) {
        struct job_ids ids;
        struct test_chain *chain = start(&ids);
        job_commit_all(chain, &ids);
        job_reveal_all(chain, &ids);
        job_vote(chain, &ids); /* round 0 closes */
        job_draw(chain);
        if (phase == 1) {
            job_commit_all(chain, &ids);
            const struct body_proof_of_training body = job_proof_body(chain, &ids, 0);
            assert_int_equal(chain_do(chain, CHAIN_PROVIDER, TX_PROOF_OF_TRAINING, &body), CODE_OK);
        } else {
            const struct body_gradient_commitment body = job_commit_body(chain, &ids, 0);
            assert_int_equal(chain_do(chain, CHAIN_PROVIDER, TX_GRADIENT_COMMITMENT, &body),
                             CODE_OK);
        }
        chain_run_until(chain, chain->time_ms + 60000);
        const struct request request = job_request_of(chain, &ids);
        assert_int_equal(request.state, REQUEST_FINISHED);
        assert_int_equal(request.result, RESULT_PARTIAL);
        assert_int_equal(request.reason, CODE_W_TOO_FEW);
        assert_int_equal(job_process(chain, &ids).rounds_certified, 1);
        for (uint32_t i = 0; i < JOB_WORKERS; i++) {
            const struct account account = chain_account_of(chain, CHAIN_PROVIDER + i);
            assert_int_equal(account.available, CHAIN_CREDITS + JOB_PRICE);
            assert_int_equal(account.locked, 0);
        }
        assert_int_equal(chain_account_of(chain, CHAIN_CONSUMER).available,
                         CHAIN_CREDITS - JOB_WORKERS * JOB_PRICE);
        chain_free(chain);
    }
}

static void a_cancelled_job_finishes_its_open_round(void **state)
{
    (void)state;
    struct job_ids ids;
    struct test_chain *chain = start(&ids);
    const struct body_train_cancel cancel = {.job = ids.job};
    job_commit_all(chain, &ids);
    assert_int_equal(chain_do(chain, CHAIN_CONSUMER, TX_TRAIN_CANCEL, &cancel), CODE_OK);
    const struct chain_refusal again = {"cancelling", CHAIN_CONSUMER, TX_TRAIN_CANCEL, &cancel,
                                        CODE_E_STATE};
    chain_refused(chain, &again);
    job_reveal_all(chain, &ids);
    job_vote(chain, &ids);
    assert_int_equal(job_process(chain, &ids).state, PROCESS_DRAINING);
    chain_run_until(chain, chain->time_ms + 60000);
    assert_int_equal(job_request_of(chain, &ids).state, REQUEST_CANCELLED);
    assert_int_equal(chain_account_of(chain, CHAIN_PROVIDER).available, CHAIN_CREDITS + JOB_PRICE);
    assert_int_equal(chain_account_of(chain, CHAIN_CONSUMER).available,
                     CHAIN_CREDITS - JOB_WORKERS * JOB_PRICE);
    chain_free(chain);
}

/* Certification waits for the window; the rounds after it do not. */
static void pay_comes_after_the_window_and_in_order(void **state)
{
    (void)state;
    struct job_ids ids;
    struct test_chain *chain = start(&ids);
    job_commit_all(chain, &ids);
    job_reveal_all(chain, &ids);
    job_vote(chain, &ids);
    const struct round first = job_round(chain, &ids, 0);
    job_draw(chain);
    job_commit_all(chain, &ids);
    job_reveal_all(chain, &ids);
    job_vote(chain, &ids); /* round 1 closes within round 0's window */
    const struct round second = job_round(chain, &ids, 1);
    assert_true(hash_equal(&second.theta_in, &first.theta_out));
    assert_true(hash_equal(&second.mom_in, &first.mom_out));
    assert_int_equal(job_process(chain, &ids).rounds_certified, 0);
    chain_run_until(chain, first.certify_ms - 1);
    assert_int_equal(job_process(chain, &ids).rounds_certified, 0);
    chain_block(chain, first.certify_ms - chain->time_ms);
    assert_int_equal(job_process(chain, &ids).rounds_certified,
                     second.certify_ms == first.certify_ms ? 2 : 1);
    chain_free(chain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_beacon_is_drawn_after_finality),
        cmocka_unit_test(commitments_are_judged),
        cmocka_unit_test(reveals_are_judged),
        cmocka_unit_test(a_trace_must_begin_where_the_round_does),
        cmocka_unit_test(results_are_judged),
        cmocka_unit_test(a_member_that_misses_a_round_is_not_paid),
        cmocka_unit_test(a_member_outside_the_result_is_not_paid),
        cmocka_unit_test(a_job_fails_without_enough_workers),
        cmocka_unit_test(a_cancelled_job_finishes_its_open_round),
        cmocka_unit_test(pay_comes_after_the_window_and_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
