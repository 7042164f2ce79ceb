#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/job/job.h"
#include "tests/support/fake_node.h"

/* What the consumer's side reads of a job, from proven records. */

enum { MEMBERS = 3 };

static const struct hash job = {.bytes = {7, 7}};

static uint32_t bits_of(float value)
{
    uint32_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void put_member(struct fake_node *node, uint32_t rank)
{
    const struct hash lease_id = id_lease(&node->chain_id, &job, 2, rank);
    const struct member member = {.version = 1,
                                  .rank = rank,
                                  .lease_id = lease_id,
                                  .provider = {.bytes = {(uint8_t)(10 + rank)}},
                                  .steps = 100 + rank};
    const struct lease lease = {.version = 1,
                                .job = job,
                                .plan_version = 2,
                                .rank = rank,
                                .state = LEASE_ACTIVE,
                                .earned = 1000 * rank,
                                .segments_paid = rank};
    const struct key member_key = key_member(&job, 2, rank);
    const struct key lease_key = key_object(KEY_LEASE, &lease_id);
    fake_put_record(node, &member_key, &record_member, &member);
    fake_put_record(node, &lease_key, &record_lease, &lease);
}

static void put_segment(struct fake_node *node, uint32_t rank, uint8_t state)
{
    const struct segment segment = {.version = 1,
                                    .state = state,
                                    .loss_first = bits_of(4.0F + (float)rank),
                                    .loss_last = bits_of(2.0F + (float)rank)};
    const struct key key = key_segment(&job, 0, rank);
    fake_put_record(node, &key, &record_segment, &segment);
}

/* Round 0 is closed (member 2 was left out), round 1 runs (member 1 has committed). */
static void put_job(struct fake_node *node)
{
    const struct request request = {
        .version = 1, .state = REQUEST_IN_PROGRESS, .escrow = 50, .spent = 9};
    const struct process process = {.version = 1,
                                    .state = PROCESS_RUNNING,
                                    .plan_version = 2,
                                    .member_count = MEMBERS,
                                    .rounds_opened = 2,
                                    .rounds_closed = 1};
    const struct job_terms terms = {.version = 1, .rounds = 5};
    struct round rounds[2] = {
        {.version = 1, .phase = ROUND_CLOSED, .opened_ms = 1000, .closed_ms = 4500},
        {.version = 1, .phase = ROUND_COMMIT, .committed_size = 1, .committed = {2}}};
    const struct key keys[] = {key_object(KEY_REQUEST, &job), key_object(KEY_PROCESS, &job),
                               key_object(KEY_TERMS, &job)};
    fake_put_record(node, &keys[0], &record_request, &request);
    fake_put_record(node, &keys[1], &record_process, &process);
    fake_put_record(node, &keys[2], &record_job_terms, &terms);
    for (uint32_t i = 0; i < 2; i++) {
        const struct key key = key_round(&job, i);
        fake_put_record(node, &key, &record_round, &rounds[i]);
    }
    for (uint32_t rank = 0; rank < MEMBERS; rank++) {
        put_member(node, rank);
        put_segment(node, rank, rank == 2 ? SEGMENT_LEFT_OUT : SEGMENT_ACCEPTED);
    }
    fake_commit(node);
    fake_commit(node);
}

static void test_status(void **state)
{
    struct fake_node *node = fake_open();
    struct light *light = fake_light(node);
    struct job_status status;
    struct error error;
    (void)state;
    put_job(node);
    assert_true(job_read_status(light, &job, &status, &error));
    assert_int_equal(status.height, 2);
    assert_int_equal(status.rounds, 5);
    assert_int_equal(status.rounds_closed, 1);
    assert_int_equal(status.phase, ROUND_COMMIT);
    assert_int_equal(status.spent, 9);
    assert_int_equal(status.shown, MEMBERS);
    for (uint32_t rank = 0; rank < MEMBERS; rank++) {
        const struct job_member *member = &status.members[rank];
        assert_int_equal(member->provider.bytes[0], 10 + rank);
        assert_int_equal(member->steps, 100 + rank);
        assert_int_equal(member->earned, 1000 * rank);
        assert_int_equal(member->committed, rank == 1);
        assert_false(member->revealed);
    }
    const struct hash other = {.bytes = {8}};
    assert_false(job_read_status(light, &other, &status, &error));
    assert_int_equal(error.code, EXIT_CODE_NOT_FOUND);
    light_close(light);
    fake_close(node);
}

static void test_round_means(void **state)
{
    struct fake_node *node = fake_open();
    struct light *light = fake_light(node);
    struct job_round round;
    struct error error;
    (void)state;
    put_job(node);
    assert_true(job_read_round(light, &job, 0, &round, &error));
    assert_int_equal(round.members, 2);
    assert_true(round.loss_first == 4.5F);
    assert_true(round.loss_last == 2.5F);
    assert_int_equal(round.took_ms, 3500);
    assert_false(job_read_round(light, &job, 1, &round, &error));
    assert_int_equal(error.code, EXIT_CODE_NOT_FOUND);
    light_close(light);
    fake_close(node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_round_means),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
