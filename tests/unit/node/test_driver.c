#include "tests/unit/node/lone.h"

#include "wire/api/api.h"

static struct lone lone;

static int open_alone(void **state)
{
    (void)state;
    lone_open(&lone, 1);
    return 0;
}

static int open_four(void **state)
{
    (void)state;
    lone_open(&lone, 4);
    return 0;
}

static int close_one(void **state)
{
    (void)state;
    lone_fail_block_id = false;
    lone_no_evidence = false;
    lone_close(&lone);
    return 0;
}

/* An idle chain takes transactions after any time. */
static void idle_for_hours(void **state)
{
    (void)state;
    assert_int_equal(lone_submit(&lone, lone_tx(&lone, 60000)), CODE_OK);
    lone_run(&lone, 2); /* and the block that seals it */
    for (uint32_t i = 0; i < 3; i++) {
        lone_wall_shift_ms += 3 * (int64_t)TX_VALID_MS_MAX;
        driver_run_timers(lone.d);
        assert_int_equal(lone_submit(&lone, lone_tx(&lone, TX_VALID_MS_MAX - 1000)), CODE_OK);
        lone_run(&lone, lone.d->committed.height + 1);
    }
    lone_wall_shift_ms = 0; /* a clock that was wrong and is set back */
    driver_run_timers(lone.d);
    const uint64_t wall = driver_wall_ms();
    assert_true(lone.d->admission_ms <= wall && wall - lone.d->admission_ms < 60000);
}

/* Work that has expired is no work. */
static void expired_work(void **state)
{
    (void)state;
    assert_int_equal(lone_submit(&lone, lone_tx(&lone, 30000)), CODE_OK);
    assert_true(lone.d->pool_ready);
    lone_wall_shift_ms = 60000;
    lone.d->expire_ms = 0;
    driver_run_timers(lone.d);
    assert_false(lone.d->pool_ready);
    assert_int_equal(mempool_count(lone.d->pool), 0);
}

/* Numbers that come backwards stand in one block, the lowest first. */
static void gaps_wait_for_their_turn(void **state)
{
    (void)state;
    enum { COUNT = 5 };
    lone.seq = COUNT;
    for (uint32_t i = 0; i < COUNT - 1; i++) {
        lone.seq -= i == 0 ? 1 : 2;
        assert_int_equal(lone_submit(&lone, lone_tx(&lone, 60000)), CODE_OK);
    }
    assert_false(lone.d->pool_ready);
    blocks_look_at_pool(lone.d);
    assert_int_equal(mempool_count(lone.d->pool), COUNT - 1);
    struct mempool_entry entry;
    uint32_t cursor = 0;
    assert_false(mempool_next(lone.d->pool, &cursor, &entry)); /* no one looks at them again */
    lone.seq = 0;
    assert_int_equal(lone_submit(&lone, lone_tx(&lone, 60000)), CODE_OK);
    lone_run(&lone, 2);
    assert_int_equal(lone.d->committed.height, 2);
    assert_int_equal(mempool_count(lone.d->pool), 0);
}

/* Refusals that read the state are paid for. */
static void refusals_cost(void **state)
{
    (void)state;
    enum { MANY = 2000 };
    uint32_t looked_at = 0;
    for (uint64_t i = 1; i <= MANY; i++) {
        looked_at += lone_submit(&lone, lone_stray_tx(&lone, i)) == CODE_E_SENDER ? 1 : 0;
    }
    assert_true(looked_at > 0 && looked_at < MANY);
}

/* What strangers ask for is not kept without bound, and takes no room from blocks. */
static void absent_reads(void **state)
{
    (void)state;
    const struct state_view view = store_view(lone.d->store);
    struct store_status status;
    struct bytes value;
    for (uint32_t i = 0; i < 200000; i++) {
        assert_false(view.get(view.context, bytes_of(&i, sizeof(i)), &value));
    }
    store_status(lone.d->store, &status);
    assert_true(status.overlay_size < 10 << 20);
}

/* A proposal of our own over a parent; its entry. */
static struct unfinal *build(uint64_t view, const struct unfinal *parent)
{
    struct consensus_action action = {.kind = CONSENSUS_DO_BUILD};
    action.build.view = view;
    action.build.parent.block_id = lone.d->chain_id;
    if (parent != NULL) {
        action.build.parent = (struct consensus_block){
            .view = parent->proposal.light.view,
            .proposal = parent->hash,
            .block_id = parent->proposal.light.block_id,
            .height = parent->proposal.light.height,
        };
    }
    const uint32_t count = lone.d->queue_count;
    blocks_build(lone.d, &action);
    assert_int_equal(lone.d->queue_count, count + 1);
    lone.d->queue_count = count;
    return lone.d->unfinals;
}

static enum consensus_certify certify(const struct unfinal *u)
{
    const uint32_t count = lone.d->queue_count;
    blocks_certify(lone.d, u->proposal.light.view, &u->hash);
    if (lone.d->queue_count == count) {
        return CONSENSUS_CERTIFY_PENDING;
    }
    lone.d->queue_count = count;
    const uint32_t at = (lone.d->queue_head + count) % DRIVER_QUEUE_MAX;
    return lone.d->queue[at].certified.verdict;
}

/* The block of u in a proposal that stands on another parent. */
static struct unfinal *propose_over(const struct unfinal *u, const struct unfinal *parent)
{
    static struct wire_block block;
    struct wire_proposal message = {.proposal = u->proposal,
                                    .block = bytes_of(u->block, u->block_size)};
    message.proposal.rest.parent_view = parent->proposal.light.view;
    message.proposal.rest.parent_proposal = parent->hash;
    assert_true(wire_decode_block(message.block, &block));
    return blocks_add(lone.d, &message, &block);
}

/* Certify is a function of the chain: a block whose header names a sibling of the proposal's
 * parent is bad, whether or not the sibling is executed here. */
static void parent_of_block(void **state)
{
    static struct wire_block block;
    (void)state;
    struct unfinal *p = build(1, NULL);
    struct unfinal *q = build(2, NULL);
    assert_int_equal(certify(p), CONSENSUS_CERTIFY_OK);
    assert_int_equal(certify(q), CONSENSUS_CERTIFY_OK);
    assert_false(hash_equal(&p->proposal.light.block_id, &q->proposal.light.block_id));
    struct unfinal *x = build(3, q);
    struct unfinal *lie = propose_over(x, p);
    assert_true(lie != x);
    assert_int_equal(certify(lie), CONSENSUS_CERTIFY_BAD);
    assert_int_equal(certify(x), CONSENSUS_CERTIFY_OK);
    struct unfinal *again = propose_over(x, build(4, p)); /* the parent came later */
    assert_int_equal(certify(again), CONSENSUS_CERTIFY_BAD);
    /* The lie says nothing about the block itself. */
    assert_true(wire_decode_block(bytes_of(x->block, x->block_size), &block));
    struct unfinal *held = blocks_adopt(lone.d, bytes_of(x->block, x->block_size), &block);
    assert_false(held->bad);
    /* A parent nobody knows yet is no fault. */
    struct unfinal unknown = *p;
    unknown.hash.bytes[0] ^= 1;
    assert_int_equal(certify(propose_over(x, &unknown)), CONSENSUS_CERTIFY_PENDING);
}

/* A final branch is one chain of blocks: what is not stops the node before it commits. */
static void finals_are_a_chain(void **state)
{
    (void)state;
    struct unfinal *p = build(1, NULL);
    struct unfinal *q = build(2, NULL);
    assert_int_equal(certify(p), CONSENSUS_CERTIFY_OK);
    assert_int_equal(certify(q), CONSENSUS_CERTIFY_OK);
    struct unfinal *x = build(3, q);
    assert_int_equal(certify(x), CONSENSUS_CERTIFY_OK);
    struct unfinal *const entries[] = {p, x};
    static struct finality evidence;
    assert_false(blocks_commit(lone.d, entries, 2, &evidence));
    assert_int_equal(lone.d->error.code, EXIT_CODE_DIVERGED);
    assert_int_equal(lone.d->committed.height, 0);
}

/* One proof that a validator contradicts itself is enough. */
static void contradictions(void **state)
{
    (void)state;
    struct vote vote = {.kind = VOTE_NOTARIZE, .view = 1, .validator = 2};
    for (uint8_t i = 1; i <= 5; i++) {
        memset(vote.proposal.bytes, i, HASH_SIZE);
        lone_vote(&lone, &vote);
        assert_int_equal(lone.d->verdict_counts[CONSENSUS_EQUIVOCATED], i == 1 ? 0 : 1);
    }
    vote.view = 2;
    for (uint8_t i = 1; i <= 5; i++) {
        memset(vote.proposal.bytes, i, HASH_SIZE);
        lone_vote(&lone, &vote);
    }
    assert_int_equal(lone.d->verdict_counts[CONSENSUS_EQUIVOCATED], 1);
}

/* Blocks that no certificate names go when their view has left the window. */
static void lost_blocks(void **state)
{
    (void)state;
    const struct unfinal *near = build(1, NULL);
    (void)build(1000, NULL);
    blocks_forget(lone.d);
    assert_true(lone.d->unfinals == near);
    assert_null(near->next);
}

/* What a certificate names keeps its ancestors, though their own views are forgotten: a child
 * of it needs them all. */
static void kept_ancestors(void **state)
{
    (void)state;
    struct tip tip;
    struct hash root;
    struct unfinal *p = build(1000, NULL);
    struct unfinal *q = build(1001, p);
    struct unfinal *x = build(1, q);
    const struct unfinal *lost = build(1002, q);
    assert_int_equal(certify(x), CONSENSUS_CERTIFY_OK);
    struct vote vote = {.kind = VOTE_NOTARIZE, .view = 1, .proposal = x->hash};
    for (uint32_t i = 1; i < LONE_VALIDATORS_MAX; i++) {
        vote.validator = i;
        lone_vote(&lone, &vote);
    }
    const struct hash lost_hash = lost->hash;
    assert_true(consensus_names(lone.d->core, 1, &x->hash));
    blocks_forget(lone.d);
    assert_null(blocks_find(lone.d, &lost_hash));
    assert_true(blocks_parent_tip(lone.d, &x->proposal.light.block_id, &tip));
    blocks_hist_root(lone.d, &tip, &root); /* of the next block */
    assert_ptr_equal(blocks_find(lone.d, &x->proposal.rest.parent_proposal), q);
    assert_ptr_equal(blocks_find(lone.d, &q->proposal.rest.parent_proposal), p);
}

/* A block of our own on the committed one, proposed to nobody. */
static struct unfinal *build_next(struct wire_block *out)
{
    struct consensus_block parent = {.view = lone.d->committed_view,
                                     .proposal = lone.d->committed_proposal,
                                     .block_id = lone.d->committed.block_id,
                                     .height = lone.d->committed.height};
    const struct consensus_action action = {.kind = CONSENSUS_DO_BUILD,
                                            .build = {.view = parent.view + 2, .parent = parent}};
    blocks_build(lone.d, &action);
    struct unfinal *u = lone.d->unfinals;
    lone.d->queue_count = 0;
    assert_true(wire_decode_block(bytes_of(u->block, u->block_size), out));
    return u;
}

/* The first block after a rest is built when its parent is known to be final. */
static void run_until_carried(void)
{
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(lone_submit(&lone, lone_tx(&lone, 60000)), CODE_OK);
        lone_run(&lone, lone.d->committed.height + 1);
    }
    assert_true(lone.d->committed.carried_height > 0);
}

/* K2: a block carries the newest finality that the chain does not carry yet, or none. */
static void evidence_is_new(void **state)
{
    static struct wire_block block;
    (void)state;
    run_until_carried();
    struct tip *tip = &lone.d->committed;
    (void)build_next(&block);
    assert_true(block.has_last_final);
    assert_int_equal(block.last_final.light.height, tip->height);
    assert_null(blocks_header_fault(lone.d, &block, tip));
    tip->carried_height = tip->height; /* as if the parent carried it already */
    assert_string_equal(blocks_header_fault(lone.d, &block, tip), "last_final");
    (void)build_next(&block);
    assert_false(block.has_last_final);
    assert_null(blocks_header_fault(lone.d, &block, tip));
}

/* However long ago the newest carried finality is, a new process finds it. */
static void evidence_of_long_ago(void **state)
{
    enum { BLOCKS = 150 }; /* above what a restart replays */
    (void)state;
    run_until_carried();
    lone_no_evidence = true;
    while (lone.d->committed.height < BLOCKS) {
        assert_int_equal(lone_submit(&lone, lone_tx(&lone, 60000)), CODE_OK);
        lone_run(&lone, lone.d->committed.height + 1);
    }
    const uint64_t carried = lone.d->committed.carried_height;
    assert_in_range(carried, 1, BLOCKS / 2);
    lone_restart(&lone);
    assert_int_equal(lone.d->committed.carried_height, carried);
}

/* A disk that fails while a header is judged says nothing about the block. */
static void failing_disk(void **state)
{
    static struct wire_block block;
    (void)state;
    assert_int_equal(lone_submit(&lone, lone_tx(&lone, 60000)), CODE_OK);
    lone_run(&lone, 2);
    struct unfinal *u = build_next(&block);
    lone.d->committed.carried_height = 0;
    block.has_last_final = true;
    block.last_final.light.height = 1;
    assert_int_equal(
        store_block_id(lone.d->store, 1, &block.last_final.light.block_id, &lone.d->error),
        STORE_FOUND);
    assert_null(blocks_header_fault(lone.d, &block, &lone.d->committed));
    lone_fail_block_id = true;
    (void)blocks_header_fault(lone.d, &block, &lone.d->committed);
    assert_int_equal(lone.d->error.code, EXIT_CODE_STORE);
    u->bad = false;
    assert_int_equal(certify(u), CONSENSUS_CERTIFY_PENDING);
    assert_false(u->bad);
}

/* A request is never lost: the one of the lowest view gives way. */
static void many_requests(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < DRIVER_CERTIFY_MAX; i++) {
        lone.d->certifying[i].view = 100 + (i + 7) % DRIVER_CERTIFY_MAX;
    }
    lone.d->certifying_count = DRIVER_CERTIFY_MAX;
    lone.d->actions.count = 1;
    lone.d->actions.items[0] =
        (struct consensus_action){.kind = CONSENSUS_DO_CERTIFY, .block = {.view = 5000}};
    action_carry_out(lone.d);
    bool found = false;
    for (uint32_t i = 0; i < lone.d->certifying_count; i++) {
        found = found || lone.d->certifying[i].view == 5000;
        assert_true(lone.d->certifying[i].view != 100);
    }
    assert_true(found);
    lone.d->certifying_count = 0;
}

static uint32_t ask_for_block(enum net_role role, uint64_t session, uint32_t times)
{
    static struct api_answer answer;
    uint8_t buffer[64];
    struct wire_writer writer;
    uint32_t answered = 0;
    struct net_event event = {.kind = NET_EVENT_REQUEST,
                              .role = role,
                              .lane = NET_LANE_BULK,
                              .key = lone_net_key(0),
                              .session = session};
    const struct api_request request = {.kind = API_BLOCK, .height = 1};
    wire_writer_init(&writer, buffer, sizeof(buffer));
    api_write_request(&writer, &request);
    assert_true(wire_writer_end(&writer, &event.bytes));
    for (uint32_t i = 0; i < times; i++) {
        serve_request(lone.d, &event);
        assert_true(api_decode_answer(bytes_of(lone_reply, lone_reply_size), &answer));
        answered += answer.kind == API_BLOCK ? 1 : 0;
        assert_true(answer.kind == API_BLOCK || answer.code == EXIT_CODE_QUOTA);
    }
    return answered;
}

/* Who asks without end is told to wait; others are served on. */
static void questions_cost(void **state)
{
    (void)state;
    enum { MANY = SERVE_ANON_BURST * 2 };
    assert_int_equal(lone_submit(&lone, lone_tx(&lone, 60000)), CODE_OK);
    lone_run(&lone, 2);
    assert_true(ask_for_block(NET_ROLE_ANON, 1, MANY) < MANY);
    assert_int_equal(ask_for_block(NET_ROLE_ANON, 2, 1), 1);
    assert_int_equal(ask_for_block(NET_ROLE_VALIDATOR, 3, 1), 1);
    for (uint64_t session = 4; session < 8; session++) {
        (void)ask_for_block(NET_ROLE_ANON, session, MANY);
    }
    assert_true(ask_for_block(NET_ROLE_ANON, 9, 1000) < 1000); /* many sessions help nobody */
    assert_int_equal(ask_for_block(NET_ROLE_CLIENT, 10, 1), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(idle_for_hours, open_alone, close_one),
        cmocka_unit_test_setup_teardown(gaps_wait_for_their_turn, open_alone, close_one),
        cmocka_unit_test_setup_teardown(expired_work, open_four, close_one),
        cmocka_unit_test_setup_teardown(refusals_cost, open_alone, close_one),
        cmocka_unit_test_setup_teardown(absent_reads, open_alone, close_one),
        cmocka_unit_test_setup_teardown(parent_of_block, open_alone, close_one),
        cmocka_unit_test_setup_teardown(finals_are_a_chain, open_alone, close_one),
        cmocka_unit_test_setup_teardown(contradictions, open_four, close_one),
        cmocka_unit_test_setup_teardown(lost_blocks, open_alone, close_one),
        cmocka_unit_test_setup_teardown(kept_ancestors, open_four, close_one),
        cmocka_unit_test_setup_teardown(evidence_is_new, open_alone, close_one),
        cmocka_unit_test_setup_teardown(evidence_of_long_ago, open_alone, close_one),
        cmocka_unit_test_setup_teardown(failing_disk, open_alone, close_one),
        cmocka_unit_test_setup_teardown(many_requests, open_alone, close_one),
        cmocka_unit_test_setup_teardown(questions_cost, open_alone, close_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
