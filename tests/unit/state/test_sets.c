#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "state/sets/sets.h"
#include "tests/support/sets.h"

/* A change of the validator set from its proposal to the block from which it holds. */

enum { NEW_KEYS = 30, NEW_CONSENSUS = CHAIN_VALIDATOR_KEYS + NEW_KEYS };

static struct test_chain *chain_start(void)
{
    const struct params params = chain_params();
    return chain_create_seated(&params);
}

/* Proposed by account 0 and approved by those after it until `approvals` stand. */
static struct hash agree(struct test_chain *chain, const struct body_validator_propose *body,
                         uint32_t approvals)
{
    assert_int_equal(chain_do(chain, 0, TX_VALIDATOR_PROPOSE, body), CODE_OK);
    const struct hash next = sets_open(chain, 0).next_set_hash;
    for (uint32_t i = 1; i < approvals; i++) {
        assert_int_equal(sets_approve(chain, i, 0, &next), CODE_OK);
    }
    return next;
}

/* Accepted: those up to account `last` are still there. */
static void confirm(struct test_chain *chain, const struct hash *next, uint32_t first,
                    uint32_t last)
{
    for (uint32_t i = first; i <= last; i++) {
        assert_int_equal(sets_approve(chain, i, 0, next), CODE_OK);
    }
}

static void expect_quiet(const struct test_chain *chain, uint64_t epoch)
{
    const struct state_epoch next = sets_next(chain);
    assert_int_equal(next.epoch, epoch);
    assert_false(next.boundary);
    assert_memory_equal(&next.next_set_hash, &next.set_hash, sizeof(struct hash));
}

/* The next block is the boundary; it is made, and the set after it is the one it names. */
static void cross(struct test_chain *chain, uint64_t epoch, const struct hash *next_set_hash)
{
    const struct state_epoch boundary = sets_next(chain);
    struct validator_set next;
    const struct validator_set old = sets_now(chain);
    assert_true(boundary.boundary);
    assert_int_equal(boundary.epoch, epoch);
    assert_memory_equal(&boundary.next_set_hash, next_set_hash, sizeof(struct hash));
    assert_memory_not_equal(&boundary.set_hash, next_set_hash, sizeof(struct hash));
    state_read_next_set(&chain->view, &next);
    assert_true(state_block_is_due(&chain->view, chain->time_ms + 1));
    chain_block(chain, 1);
    assert_true(chain->outcome.changed);
    const struct validator_set now = sets_now(chain);
    assert_int_equal(now.count, next.count);
    for (uint32_t i = 0; i < now.count; i++) {
        assert_memory_equal(&now.items[i], &next.items[i], sizeof(now.items[i]));
    }
    const struct state_epoch after = sets_next(chain);
    assert_int_equal(after.epoch, epoch + 1);
    assert_int_equal(after.start_height, chain->height);
    assert_memory_equal(&after.set_hash, next_set_hash, sizeof(struct hash));
    expect_quiet(chain, epoch + 1);
    assert_false(state_next_due(&chain->view).waiting);
    /* The set that has ended stays readable, the change is gone. */
    struct set_change gone;
    struct bytes past;
    const struct key key = key_set(epoch);
    assert_false(sets_accepted(chain, &gone));
    assert_true(chain->view.get(chain->view.context, key_view(&key), &past));
    struct hash past_hash;
    const struct hash old_hash = sets_hash(&old);
    crypto_digest(TAG_VALIDATOR_SET, past, &past_hash);
    assert_memory_equal(&past_hash, &old_hash, sizeof(past_hash));
}

static void a_member_is_added_once_it_is_ready(void **state)
{
    (void)state;
    struct test_chain *chain = chain_start();
    struct body_validator_propose body = sets_proposal(chain, CHANGE_ADD, 4);
    body.validator = chain_validator(chain, CHAIN_RICH, NEW_KEYS);
    struct set_change change;
    const struct hash next = agree(chain, &body, 2);
    assert_false(sets_accepted(chain, &change));
    assert_int_equal(sets_approve(chain, 2, 0, &next), CODE_OK);
    assert_true(sets_accepted(chain, &change));
    assert_int_equal(change.accepted_height, chain->height);
    assert_int_equal(change.members, 5);
    /* K3: all four who are there do not stand for the one who is not. */
    confirm(chain, &next, 0, 1);
    confirm(chain, &next, 3, 3);
    for (int i = 0; i < 5; i++) {
        expect_quiet(chain, 0);
        assert_false(state_next_due(&chain->view).waiting);
        chain_block(chain, 1);
    }
    const struct body_ready ready = sets_ready_body(chain, 4, NEW_CONSENSUS);
    assert_int_equal(chain_do(chain, CHAIN_STRANGER, TX_READY, &ready), CODE_OK);
    assert_true(state_next_due(&chain->view).waiting);
    cross(chain, 0, &next);
    const struct validator_set now = sets_now(chain);
    assert_memory_equal(&now.items[4], &body.validator, sizeof(body.validator));
    chain_free(chain);
}

/* q' of the next set must be known to be alive, the new one among them. */
static void too_few_known_alive_make_no_boundary(void **state)
{
    (void)state;
    struct test_chain *chain = chain_start();
    struct body_validator_propose body = sets_proposal(chain, CHANGE_REKEY, 0);
    body.validator = chain_validator(chain, 0, NEW_KEYS);
    const struct hash next = agree(chain, &body, 3);
    confirm(chain, &next, 0, 1);
    /* 0's own approvals came from keys that go; 1 and 2 are two of the three needed. */
    const struct body_ready other = sets_ready_body(chain, 3, 3);
    assert_int_equal(chain_do(chain, 3, TX_READY, &other), CODE_OK);
    expect_quiet(chain, 0); /* 1, 2 and 3, but not the seat with new keys */
    const struct body_ready ready = sets_ready_body(chain, 0, NEW_CONSENSUS);
    assert_int_equal(chain_do(chain, 0, TX_READY, &ready), CODE_OK);
    cross(chain, 0, &next);
    chain_free(chain);
}

static void a_removal_waits_for_a_quorum_of_those_who_stay(void **state)
{
    (void)state;
    struct test_chain *chain = chain_start();
    const struct body_validator_propose body = sets_proposal(chain, CHANGE_REMOVE, 0);
    const struct hash next = agree(chain, &body, 3);
    expect_quiet(chain, 0);
    confirm(chain, &next, 1, 1);
    expect_quiet(chain, 0); /* 1 and 2 stay and are there: of three, three are needed */
    assert_false(state_next_due(&chain->view).waiting);
    assert_int_equal(sets_approve(chain, 3, 0, &next), CODE_OK);
    assert_true(state_next_due(&chain->view).waiting);
    cross(chain, 0, &next);
    const struct validator_set now = sets_now(chain);
    assert_int_equal(now.count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_memory_equal(&now.items[i].account, &chain->addresses[i + 1], ADDRESS_SIZE);
    }
    /* Back again, with the same keys; of three, three must approve. */
    struct body_validator_propose back = sets_proposal(chain, CHANGE_ADD, 3);
    back.validator = body.validator;
    assert_int_equal(chain_do(chain, 0, TX_VALIDATOR_PROPOSE, &back), CODE_E_ROLE);
    assert_int_equal(chain_do(chain, 1, TX_VALIDATOR_PROPOSE, &back), CODE_OK);
    const struct hash again = sets_open(chain, 1).next_set_hash;
    assert_int_equal(sets_approve(chain, 2, 1, &again), CODE_OK);
    assert_int_equal(sets_approve(chain, 3, 1, &again), CODE_OK);
    const struct body_ready ready = sets_ready_body(chain, 3, 0);
    assert_int_equal(chain_do(chain, 0, TX_READY, &ready), CODE_OK);
    expect_quiet(chain, 1);
    assert_int_equal(sets_approve(chain, 1, 1, &again), CODE_OK); /* with 3's, three of four */
    cross(chain, 1, &again);
    chain_free(chain);
}

/* K4: the boundary is the second block after the one that accepted, not sooner. */
static void the_boundary_is_the_second_block_after(void **state)
{
    (void)state;
    struct test_chain *chain = chain_start();
    const struct body_validator_propose body = sets_proposal(chain, CHANGE_REMOVE, 3);
    const struct hash next = agree(chain, &body, 2);
    const struct body_validator_approve approve = {.proposer = chain->addresses[0],
                                                   .next_set_hash = next};
    struct set_change change;
    for (uint32_t i = 0; i < 3; i++) { /* all in one block, the last first */
        chain_send(chain, 2 - i, TX_VALIDATOR_APPROVE, &approve);
    }
    chain_block(chain, 1);
    assert_true(sets_accepted(chain, &change));
    assert_true(set_change_is_ready(&change)); /* 0, 1 and 2 stay and are there */
    expect_quiet(chain, 0);
    assert_true(state_block_is_due(&chain->view, chain->time_ms + 1)); /* though empty */
    chain_block(chain, 1);
    assert_int_equal(chain->outcome.writes.count, 0);
    cross(chain, 0, &next);
    assert_int_equal(chain->height, change.accepted_height + 2);
    chain_free(chain);
}

/* Who agreed may be gone when the change is accepted: of three, three are needed. */
static void a_stale_approval_is_no_sign_of_life(void **state)
{
    (void)state;
    struct test_chain *chain = chain_start();
    const struct body_validator_propose body = sets_proposal(chain, CHANGE_REMOVE, 3);
    assert_int_equal(chain_do(chain, 0, TX_VALIDATOR_PROPOSE, &body), CODE_OK);
    const struct hash next = sets_open(chain, 0).next_set_hash;
    confirm(chain, &next, 1, 1); /* and then never again */
    chain_block(chain, SET_OPEN_MS / 2);
    confirm(chain, &next, 2, 2);
    struct set_change change;
    assert_true(sets_accepted(chain, &change));
    assert_false(set_change_has(&change, 0));
    assert_false(set_change_has(&change, 1));
    assert_true(set_change_has(&change, 2));
    confirm(chain, &next, 0, 0);
    chain_block(chain, 1);
    expect_quiet(chain, 0);
    assert_false(state_next_due(&chain->view).waiting);
    chain_block(chain, SET_READY_MS);
    expect_quiet(chain, 0);
    assert_int_equal(sets_approve(chain, 1, 0, &next), CODE_E_DEADLINE);
    chain_free(chain);
}

static void a_change_that_is_not_ready_in_time_stops_nobody(void **state)
{
    (void)state;
    struct test_chain *chain = chain_start();
    struct body_validator_propose body = sets_proposal(chain, CHANGE_ADD, 4);
    body.validator = chain_validator(chain, CHAIN_RICH, NEW_KEYS);
    const struct hash next = agree(chain, &body, 3);
    const struct body_validator_propose other = sets_proposal(chain, CHANGE_REMOVE, 3);
    assert_int_equal(chain_do(chain, 1, TX_VALIDATOR_PROPOSE, &other), CODE_E_LOCKED);
    chain_block(chain, SET_READY_MS);
    const struct body_ready ready = sets_ready_body(chain, 4, NEW_CONSENSUS);
    assert_int_equal(chain_do(chain, 0, TX_READY, &ready), CODE_E_DEADLINE);
    assert_int_equal(sets_approve(chain, 3, 0, &next), CODE_E_DEADLINE);
    expect_quiet(chain, 0);
    /* The same again, and it holds. */
    const struct hash again = agree(chain, &body, 3);
    assert_memory_equal(&again, &next, sizeof(next));
    const struct body_ready anew = sets_ready_body(chain, 4, NEW_CONSENSUS);
    assert_int_equal(chain_do(chain, 0, TX_READY, &anew), CODE_OK);
    confirm(chain, &next, 0, 1);
    cross(chain, 0, &next);
    chain_free(chain);
}

/* Whatever was proposed for one epoch's set is void in the next. */
static void open_proposals_end_with_their_epoch(void **state)
{
    (void)state;
    struct test_chain *chain = chain_start();
    struct body_validator_propose other = sets_proposal(chain, CHANGE_ADD, 4);
    other.validator = chain_validator(chain, CHAIN_RICH, NEW_KEYS);
    assert_int_equal(chain_do(chain, 1, TX_VALIDATOR_PROPOSE, &other), CODE_OK);
    const struct hash stale = sets_open(chain, 1).next_set_hash;
    const struct body_validator_propose body = sets_proposal(chain, CHANGE_REMOVE, 3);
    const struct hash next = agree(chain, &body, 3);
    assert_int_equal(sets_approve(chain, 2, 1, &stale), CODE_E_LOCKED);
    confirm(chain, &next, 0, 1);
    cross(chain, 0, &next);
    assert_int_equal(sets_approve(chain, 2, 1, &stale), CODE_E_NOT_FOUND);
    assert_int_equal(chain_do(chain, 1, TX_VALIDATOR_PROPOSE, &other), CODE_E_SEQ);
    chain_free(chain);
}

/* ---- Eviction ---------------------------------------------------------------------- */

/* As a transaction of the block `height` would do it, on the state of now. */
static bool evict(struct test_chain *chain, uint64_t height, const struct public_key *key)
{
    static struct event events[64];
    struct event_log log = {.first = events, .events = events};
    struct buffer b = {.entries = malloc(STATE_WRITE_COUNT_MAX * sizeof(*b.entries)),
                       .slots = calloc(BUFFER_SLOT_COUNT, sizeof(*b.slots)),
                       .bytes = malloc(STATE_WRITE_BYTES_MAX),
                       .undo = malloc(BUFFER_UNDO_MAX * sizeof(*b.undo)),
                       .order = malloc((size_t)2 * STATE_WRITE_COUNT_MAX * sizeof(*b.order)),
                       .writes = malloc(STATE_WRITE_COUNT_MAX * sizeof(*b.writes))};
    const struct state_block block = {.height = height};
    struct execution x = {.buffer = &b, .log = &log, .block = &block, .now_ms = chain->time_ms};
    buffer_begin(&b, &chain->view);
    const bool done = sets_evict(&x, key);
    const struct state_writes writes = buffer_writes(&b);
    assert_true(done || writes.count == 0);
    assert_int_equal(log.count, done ? 1 : 0);
    chain_apply(chain, &writes);
    free(b.entries);
    free(b.slots);
    free(b.bytes);
    free(b.undo);
    free(b.order);
    free(b.writes);
    return done;
}

static void the_guilty_leave_together(void **state)
{
    (void)state;
    struct test_chain *chain = chain_start();
    const struct validator_set set = sets_now(chain);
    /* A change under way gives way. */
    struct body_validator_propose body = sets_proposal(chain, CHANGE_ADD, 4);
    body.validator = chain_validator(chain, CHAIN_RICH, NEW_KEYS);
    const struct hash dropped = agree(chain, &body, 3);
    assert_true(evict(chain, chain->height, &set.items[1].consensus));
    assert_false(evict(chain, chain->height, &set.items[1].consensus));
    assert_false(evict(chain, chain->height, &body.validator.consensus));
    assert_int_equal(sets_approve(chain, 3, 0, &dropped), CODE_E_LOCKED);
    assert_true(evict(chain, chain->height, &set.items[3].consensus));
    expect_quiet(chain, 0);
    chain_block(chain, 1);
    struct validator_set left = {.count = 2};
    left.items[0] = set.items[0];
    left.items[1] = set.items[2];
    const struct hash next = sets_hash(&left);
    cross(chain, 0, &next);
    assert_true(evict(chain, chain->height, &left.items[0].consensus));
    assert_false(evict(chain, chain->height, &left.items[1].consensus)); /* the last one */
    chain_block(chain, 1);
    left.count = 1;
    left.items[0] = left.items[1];
    const struct hash alone = sets_hash(&left);
    cross(chain, 1, &alone);
    assert_false(evict(chain, chain->height, &left.items[0].consensus));
    chain_free(chain);
}

/* Evidence within the boundary block is about the next epoch's set. */
static void who_is_evicted_at_the_boundary_leaves_with_the_next(void **state)
{
    (void)state;
    struct test_chain *chain = chain_start();
    const struct validator_set set = sets_now(chain);
    const struct body_validator_propose body = sets_proposal(chain, CHANGE_REMOVE, 3);
    const struct hash next = agree(chain, &body, 3);
    confirm(chain, &next, 0, 1);
    cross(chain, 0, &next);
    assert_true(evict(chain, chain->height, &set.items[0].consensus));
    assert_false(evict(chain, chain->height, &set.items[3].consensus)); /* has no seat now */
    chain_block(chain, 1);
    struct validator_set left = {.count = 2};
    left.items[0] = set.items[1];
    left.items[1] = set.items[2];
    const struct hash last = sets_hash(&left);
    cross(chain, 1, &last);
    chain_free(chain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_member_is_added_once_it_is_ready),
        cmocka_unit_test(too_few_known_alive_make_no_boundary),
        cmocka_unit_test(a_removal_waits_for_a_quorum_of_those_who_stay),
        cmocka_unit_test(the_boundary_is_the_second_block_after),
        cmocka_unit_test(a_stale_approval_is_no_sign_of_life),
        cmocka_unit_test(a_change_that_is_not_ready_in_time_stops_nobody),
        cmocka_unit_test(open_proposals_end_with_their_epoch),
        cmocka_unit_test(the_guilty_leave_together),
        cmocka_unit_test(who_is_evicted_at_the_boundary_leaves_with_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
