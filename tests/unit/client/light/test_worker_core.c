#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "client/worker/core.h"

/* The worker's decisions as a table: what the chain shows, what is at hand, what is done. */

#define LEASE(s)  .has_lease = true, .fresh = true, .plan_current = true, .lease_state = (s)
#define ACTIVE(p) AT(p, 100)
#define AT(p, now)                                                                                 \
    LEASE(LEASE_ACTIVE), .process_state = PROCESS_RUNNING, .has_round = true, .round = 3,          \
                         .phase = (p), .now_ms = (now), .commit_deadline_ms = 200,                 \
                         .result_deadline_ms = 200, .result_window_ms = 120, .workers_min = 2,     \
                         .revealed_count = 3
#define HAND     HOLDS(3)
#define HOLDS(r) .judged = true, .acceptable = true, .prepared = true, .base_round = (r)

static const struct {
    const char *what;
    struct worker_view view;
    struct worker_hand hand;
    enum worker_action action;
} rows[] = {
    {"no lease", {.has_lease = false}, {HAND}, WORKER_WAIT},

    {"a plan is looked at first",
     {LEASE(LEASE_PROPOSED), .process_state = PROCESS_PROPOSED},
     {.judged = false},
     WORKER_JUDGE},
    {"a good plan is accepted",
     {LEASE(LEASE_PROPOSED), .process_state = PROCESS_PROPOSED},
     {.judged = true, .acceptable = true},
     WORKER_ACCEPT},
    {"a bad plan is refused",
     {LEASE(LEASE_PROPOSED), .process_state = PROCESS_PROPOSED},
     {.judged = true},
     WORKER_REJECT},
    {"nothing is accepted on a stale head",
     {.has_lease = true,
      .plan_current = true,
      .lease_state = LEASE_PROPOSED,
      .process_state = PROCESS_PROPOSED},
     {.judged = true, .acceptable = true},
     WORKER_WAIT},
    {"nothing is accepted too late",
     {LEASE(LEASE_PROPOSED), .process_state = PROCESS_PROPOSED, .now_ms = 6, .deadline_ms = 5},
     {.judged = true, .acceptable = true},
     WORKER_WAIT},
    {"an older plan version is not accepted",
     {.has_lease = true,
      .fresh = true,
      .lease_state = LEASE_PROPOSED,
      .process_state = PROCESS_PROPOSED},
     {.judged = true, .acceptable = true},
     WORKER_WAIT},

    {"others have not accepted yet",
     {LEASE(LEASE_ACCEPTED), .process_state = PROCESS_PROPOSED},
     {.judged = true, .acceptable = true},
     WORKER_WAIT},
    {"all have accepted: prepare",
     {LEASE(LEASE_ACCEPTED), .process_state = PROCESS_AGREED},
     {.judged = true, .acceptable = true},
     WORKER_PREPARE},
    {"prepared: ready",
     {LEASE(LEASE_ACCEPTED), .process_state = PROCESS_AGREED},
     {HAND},
     WORKER_READY},
    {"ready: wait for the others",
     {LEASE(LEASE_READY), .process_state = PROCESS_AGREED},
     {HAND},
     WORKER_WAIT},
    {"restarted while others prepare",
     {LEASE(LEASE_READY), .process_state = PROCESS_AGREED},
     {.judged = false},
     WORKER_PREPARE},

    {"restarted while running", {ACTIVE(ROUND_COMMIT)}, {.judged = false}, WORKER_PREPARE},
    {"the beacon is awaited", {ACTIVE(ROUND_WAIT_BEACON)}, {HAND}, WORKER_WAIT},
    {"train", {ACTIVE(ROUND_COMMIT)}, {HAND}, WORKER_TRAIN},
    {"trained: commit", {ACTIVE(ROUND_COMMIT)}, {HAND, .trained = true}, WORKER_COMMIT},
    {"committed: wait",
     {ACTIVE(ROUND_COMMIT), .committed = true},
     {HAND, .trained = true},
     WORKER_WAIT},
    {"trapped: wait", {ACTIVE(ROUND_COMMIT)}, {HAND, .unable = true}, WORKER_WAIT},
    {"behind: take over the result", {ACTIVE(ROUND_COMMIT)}, {HOLDS(2)}, WORKER_ADOPT},
    {"behind, even before the beacon", {ACTIVE(ROUND_WAIT_FINAL)}, {HOLDS(2)}, WORKER_ADOPT},

    {"reveal what was committed to",
     {ACTIVE(ROUND_REVEAL), .committed = true},
     {HAND, .trained = true},
     WORKER_REVEAL},
    {"nothing to reveal", {ACTIVE(ROUND_REVEAL)}, {HAND, .trained = true}, WORKER_WAIT},
    {"revealed: wait",
     {ACTIVE(ROUND_REVEAL), .committed = true, .revealed = true},
     {HAND, .trained = true},
     WORKER_WAIT},
    {"committed, but the segment is lost",
     {ACTIVE(ROUND_REVEAL), .committed = true},
     {HAND},
     WORKER_WAIT},

    {"deltas are missing",
     {ACTIVE(ROUND_RESULT), .revealed = true},
     {HAND, .delta_count = 2},
     WORKER_FETCH},
    {"all deltas: vote",
     {ACTIVE(ROUND_RESULT), .revealed = true},
     {HAND, .delta_count = 3},
     WORKER_VOTE},
    {"voted for all",
     {ACTIVE(ROUND_RESULT), .revealed = true, .votes = 1, .voted_count = 3},
     {HAND, .delta_count = 3},
     WORKER_WAIT},
    {"late: vote over what there is",
     {AT(ROUND_RESULT, 140), .revealed = true},
     {HAND, .delta_count = 2},
     WORKER_VOTE},
    {"late, but fewer than workers_min",
     {AT(ROUND_RESULT, 140), .revealed = true},
     {HAND, .delta_count = 1},
     WORKER_FETCH},
    {"a late delta corrects the vote",
     {ACTIVE(ROUND_RESULT), .revealed = true, .votes = 1, .voted_count = 2},
     {HAND, .delta_count = 3},
     WORKER_VOTE},
    {"not more often than the chain allows",
     {ACTIVE(ROUND_RESULT), .revealed = true, .votes = WORKER_VOTES_MAX, .voted_count = 2},
     {HAND, .delta_count = 3},
     WORKER_WAIT},
    {"who did not reveal does not vote",
     {ACTIVE(ROUND_RESULT)},
     {HAND, .delta_count = 3},
     WORKER_WAIT},
    {"too late to vote",
     {AT(ROUND_RESULT, 201), .revealed = true},
     {HAND, .delta_count = 3},
     WORKER_WAIT},

    {"the last round is closed: take over", {ACTIVE(ROUND_CLOSED)}, {HAND}, WORKER_ADOPT},
    {"taken over", {ACTIVE(ROUND_CLOSED)}, {HOLDS(4)}, WORKER_WAIT},
    {"failed", {ACTIVE(ROUND_FAILED)}, {HAND}, WORKER_WAIT},

    {"settled: serve", {LEASE(LEASE_SETTLED)}, {HAND}, WORKER_SERVE},
    {"released: nothing left", {LEASE(LEASE_RELEASED)}, {.judged = true}, WORKER_SERVE},
};

static void test_decisions(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const enum worker_action action = worker_decide(&rows[i].view, &rows[i].hand);
        if (action != rows[i].action) {
            fail_msg("%s: %s instead of %s", rows[i].what, worker_action_text(action),
                     worker_action_text(rows[i].action));
        }
    }
}

/* After its commit deadline nothing is trained or sent. */
static void test_commit_deadline(void **state)
{
    struct worker_view view = {ACTIVE(ROUND_COMMIT)};
    const struct worker_hand hand = {HAND, .trained = true};
    (void)state;
    view.now_ms = view.commit_deadline_ms;
    assert_int_equal(worker_decide(&view, &hand), WORKER_COMMIT);
    view.now_ms++;
    assert_int_equal(worker_decide(&view, &hand), WORKER_WAIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decisions),
        cmocka_unit_test(test_commit_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
