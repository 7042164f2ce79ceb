#include "node/proposed.h"
#include "tests/unit/node/lone.h"

/* From votes that contradict each other to a suspension, through crashes. */

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

static int close_it(void **state)
{
    (void)state;
    lone_close(&lone);
    return 0;
}

static struct vote vote_of(enum vote_kind kind, uint64_t view, uint8_t proposal, uint32_t validator)
{
    struct vote vote = {.kind = kind, .view = view, .validator = validator};
    memset(vote.proposal.bytes, proposal, HASH_SIZE);
    vote.signature = lone_sign(&lone, &vote);
    return vote;
}

static void send_vote(enum vote_kind kind, uint64_t view, uint8_t proposal, uint32_t validator)
{
    const struct vote vote = vote_of(kind, view, proposal, validator);
    lone_vote(&lone, &vote);
}

static void frame(uint32_t from, struct wire_writer *writer)
{
    struct net_event event = {.kind = NET_EVENT_FRAME,
                              .role = NET_ROLE_VALIDATOR,
                              .lane = NET_LANE_VOTE,
                              .key = lone_net_key(from)};
    assert_true(wire_writer_end(writer, &event.bytes));
    inbound_frame(lone.d, &event);
}

static bool is_accused(uint32_t validator)
{
    const struct vote vote = {.validator = validator};
    return evidence_known(lone.d, &vote);
}

/* Exactly these seats are accused, a transaction for each waits, and it is admissible. */
static void expect_accused(uint32_t seats)
{
    struct mempool_entry entry;
    uint32_t cursor = 0;
    uint32_t waiting = 0;
    uint32_t count = 0;
    lone.d->evidence.looked_ms = 0;
    evidence_poll(lone.d);
    for (uint32_t i = 0; i < LONE_VALIDATORS_MAX; i++) {
        assert_int_equal(is_accused(i), seats >> i & 1);
        count += seats >> i & 1;
    }
    assert_int_equal(lone.d->evidence.pending_count, count);
    while (mempool_next(lone.d->pool, &cursor, &entry)) {
        struct tx tx;
        assert_int_equal(state_admit(lone.d->admission, entry.raw, STATE_ADMIT_PEEK, &tx), CODE_OK);
        assert_int_equal(tx.type, TX_EVIDENCE);
        waiting++;
    }
    assert_int_equal(waiting, count);
}

static void votes_that_lie(void **state)
{
    (void)state;
    /* What honest validators may say. */
    send_vote(VOTE_NOTARIZE, 1, 7, 1);
    send_vote(VOTE_NOTARIZE, 1, 7, 1);
    send_vote(VOTE_NULLIFY, 1, 0, 1);
    send_vote(VOTE_NOTARIZE, 2, 8, 1);
    send_vote(VOTE_FINALIZE, 2, 9, 1);
    expect_accused(0);
    send_vote(VOTE_NULLIFY, 3, 0, 2);
    send_vote(VOTE_FINALIZE, 3, 9, 2);
    expect_accused(1U << 2);
    send_vote(VOTE_FINALIZE, 1, 9, 1); /* beside NULLIFY */
    send_vote(VOTE_NOTARIZE, 2, 1, 3);
    send_vote(VOTE_NOTARIZE, 2, 2, 3);
    expect_accused(14);
    /* More of it says nothing new. */
    const uint64_t steps = lone.d->step_count;
    send_vote(VOTE_NOTARIZE, 2, 3, 3);
    assert_int_equal(lone.d->step_count, steps);
    expect_accused(14);
}

/* A vote that nobody signed accuses nobody, and costs few checks. */
static void forged_votes(void **state)
{
    (void)state;
    uint8_t buffer[512];
    send_vote(VOTE_NOTARIZE, 1, 7, 1);
    for (uint32_t i = 0; i < 10; i++) {
        struct wire_writer writer;
        struct vote vote = vote_of(VOTE_NOTARIZE, 1, (uint8_t)(8 + i), 1);
        vote.signature.bytes[10] ^= 1;
        wire_writer_init(&writer, buffer, sizeof(buffer));
        wire_write_message(&writer, WIRE_VOTE);
        wire_write_vote(&writer, &vote);
        frame(1, &writer);
    }
    expect_accused(0);
    send_vote(VOTE_NOTARIZE, 1, 8, 1);
    expect_accused(2);
}

static void send_forged(uint32_t validator, uint64_t view, uint8_t proposal)
{
    uint8_t buffer[512];
    struct wire_writer writer;
    struct vote vote = vote_of(VOTE_FINALIZE, view, proposal, validator);
    vote.signature.bytes[10] ^= 1;
    wire_writer_init(&writer, buffer, sizeof(buffer));
    wire_write_message(&writer, WIRE_VOTE);
    wire_write_vote(&writer, &vote);
    frame(validator, &writer);
}

static uint64_t checks_spent(uint32_t from, uint32_t seat)
{
    const uint32_t pair[2] = {from, seat};
    uint64_t left = 0;
    while (budget_spend(&lone.d->evidence.checks, bytes_of(pair, sizeof(pair)), 1)) {
        left++; /* at one moment, long ago: nothing comes back meanwhile */
    }
    return lone.d->evidence.checks.burst - left;
}

/* Contradictions are looked at for so many, and what one peer brings is not another's cost. */
static void checks_are_limited(void **state)
{
    (void)state;
    send_vote(VOTE_FINALIZE, 1, 7, 3);
    for (uint32_t i = 0; i < 20; i++) {
        send_forged(3, 1, (uint8_t)(8 + i));
    }
    expect_accused(0);
    assert_true(checks_spent(3, 3) > 10); /* each has cost one; now none is left */
    assert_int_equal(checks_spent(1, 3), 0);
    expect_accused(0);
}

static struct certificate certificate_of(enum vote_kind kind, uint64_t view, uint8_t proposal)
{
    struct certificate out = {.kind = kind, .view = view};
    memset(out.proposal.bytes, proposal, HASH_SIZE);
    for (uint32_t i = 1; i < LONE_VALIDATORS_MAX; i++) {
        const struct vote vote = vote_of(kind, view, proposal, i);
        validator_bitmap_set(&out.signers, i);
        out.signatures[out.signature_count++] = vote.signature;
    }
    return out;
}

static void send_certificate(const struct certificate *certificate)
{
    static uint8_t buffer[1024];
    struct wire_writer writer;
    wire_writer_init(&writer, buffer, sizeof(buffer));
    wire_write_message(&writer, WIRE_CERT);
    wire_write_certificate(&writer, certificate);
    frame(1, &writer);
}

/* What it told us, and what the others have from it. */
static void signers_of_certificates(void **state)
{
    (void)state;
    send_vote(VOTE_NOTARIZE, 1, 7, 2);
    const struct certificate other = certificate_of(VOTE_NOTARIZE, 1, 9);
    send_certificate(&other);
    expect_accused(4);
    send_vote(VOTE_FINALIZE, 2, 9, 3);
    const struct certificate null = certificate_of(VOTE_NULLIFY, 2, 0);
    struct certificate forged = null;
    forged.signatures[2].bytes[5] ^= 1;
    send_certificate(&forged);
    expect_accused(4);
    send_certificate(&null);
    expect_accused(12);
}

/* Also of one that is of no other use: we have the same. */
static void signers_of_a_duplicate(void **state)
{
    (void)state;
    const struct certificate held = certificate_of(VOTE_NULLIFY, 1, 0);
    struct certificate again = held;
    struct consensus_status status;
    send_vote(VOTE_FINALIZE, 1, 9, 3);
    /* Z(1) of us, 1 and 2, then that of 1, 2 and 3. */
    send_vote(VOTE_NULLIFY, 1, 0, 1);
    send_vote(VOTE_NULLIFY, 1, 0, 2);
    struct vote own = {.kind = VOTE_NULLIFY, .view = 1, .validator = 0};
    own.signature = lone_sign(&lone, &own);
    again.signers = (struct validator_bitmap){{7}};
    again.signatures[0] = own.signature;
    again.signatures[1] = held.signatures[0];
    again.signatures[2] = held.signatures[1];
    send_certificate(&again);
    consensus_status(lone.d->core, &status);
    assert_int_equal(status.view, 1 + 1);
    expect_accused(0);
    struct certificate forged = held;
    forged.signatures[2].bytes[5] ^= 1;
    send_certificate(&forged);
    expect_accused(0);
    assert_int_equal(checks_spent(3, 3), 0);
    send_certificate(&held);
    expect_accused(8);
    assert_int_not_equal(checks_spent(1, 3), 0); /* who brought both */
}

/* A block of that view which this leader signs. */
static void send_proposal(uint32_t leader, uint64_t view, uint64_t after_ms)
{
    static uint8_t buffer[1 << 16];
    struct consensus_action action = {.kind = CONSENSUS_DO_BUILD};
    action.build.view = view;
    action.build.parent.block_id = lone.d->chain_id;
    lone_wall_shift_ms += (int64_t)after_ms;
    blocks_build(lone.d, &action);
    lone.d->queue_count = 0;
    struct unfinal *own = lone.d->unfinals;
    struct wire_proposal message = {.proposal = own->proposal,
                                    .block = bytes_of(own->block, own->block_size)};
    message.proposal.rest.leader = leader;
    struct wire_writer writer;
    struct bytes bytes;
    wire_writer_init(&writer, buffer, sizeof(buffer));
    wire_write_proposal(&writer, &message);
    assert_true(wire_writer_end(&writer, &bytes));
    struct wire_proposal parsed;
    struct vote vote = {.kind = VOTE_PROPOSE, .view = view, .validator = leader};
    assert_true(wire_decode_proposal(bytes, &parsed));
    proposed_hash(&parsed, &vote.proposal);
    message.signature = lone_sign(&lone, &vote);
    static uint8_t frame_buffer[1 << 16];
    wire_writer_init(&writer, frame_buffer, sizeof(frame_buffer));
    wire_write_message(&writer, WIRE_PROPOSAL);
    wire_write_proposal(&writer, &message);
    lone.d->unfinals = own->next;
    frame(leader, &writer);
    blocks_unfinal_free(own);
}

static void two_proposals(void **state)
{
    (void)state;
    struct consensus_status status;
    consensus_status(lone.d->core, &status);
    const uint64_t view = status.leader == 0 ? 2 : 1;
    const uint32_t leader = status.leader == 0 ? 1 : status.leader;
    send_proposal(leader, view, 0);
    expect_accused(0);
    send_proposal(leader, view, 5000);
    expect_accused(1U << leader);
}

/* The process ends after any of it: what was found is submitted by the next one. */
static void a_crash_loses_no_evidence(void **state)
{
    (void)state;
    send_vote(VOTE_NOTARIZE, 1, 7, 2);
    send_vote(VOTE_NOTARIZE, 1, 8, 2);
    assert_int_equal(lone.d->evidence.pending_count, 1); /* durable before anything else */
    lone_restart(&lone);
    expect_accused(4);
    send_vote(VOTE_NOTARIZE, 2, 7, 3);
    send_vote(VOTE_NOTARIZE, 2, 8, 3);
    for (int i = 0; i < 3; i++) {
        lone_restart(&lone);
        expect_accused(12);
    }
}

static const struct vote double_vote[2] = {{.kind = VOTE_FINALIZE, .view = 40, .proposal = {{1}}},
                                           {.kind = VOTE_NULLIFY, .view = 40}};

/* As if this node alone, and had found it about itself: it is the whole network. */
static void take_pair(uint64_t epoch)
{
    uint8_t buffer[EVIDENCE_SIZE_MAX];
    struct journal_record record = {.type = JOURNAL_EVIDENCE, .epoch = epoch, .view = 40};
    struct vote votes[2] = {double_vote[0], double_vote[1]};
    for (int i = 0; i < 2; i++) {
        votes[i].signature = lone_sign(&lone, &votes[i]);
    }
    const struct body_evidence body = evidence_of(&votes[0], &votes[1]);
    assert_true(
        record_encode(&record_body_evidence, &body, buffer, sizeof(buffer), &record.payload));
    struct error error;
    journal_append(lone.d->journal, &record);
    assert_true(journal_sync(lone.d->journal, &error));
}

static bool is_suspended(void)
{
    struct suspension suspension;
    const struct state_view view = store_view(lone.d->store);
    const struct hash id = id_suspension(crypto_key_public(lone.d->consensus_key));
    const struct key key = key_object(KEY_SUSPENSION, &id);
    return state_read(&view, &key, &record_suspension, &suspension);
}

static void the_chain_has_it_once(void **state)
{
    (void)state;
    take_pair(9); /* kept in another epoch: evidence does not end with one */
    assert_false(is_suspended());
    lone_restart(&lone);
    assert_int_equal(lone.d->evidence.pending_count, 1);
    lone_run(&lone, 2);
    assert_true(is_suspended());
    lone.d->evidence.looked_ms = 0;
    evidence_poll(lone.d);
    assert_int_equal(lone.d->evidence.pending_count, 0);
    assert_int_equal(mempool_count(lone.d->pool), 0);
    /* The journal still says so; the chain knows better. */
    const uint64_t height = lone.d->committed.height;
    lone_restart(&lone);
    assert_int_equal(lone.d->evidence.pending_count, 1);
    driver_run_timers(lone.d);
    lone_run(&lone, height);
    assert_int_equal(lone.d->evidence.pending_count, 0);
    assert_int_equal(lone.d->committed.height, height);
}

/* While it waits, its record moves up with the views that the journal keeps. */
static void the_journal_keeps_what_waits(void **state)
{
    (void)state;
    take_pair(0);
    lone_restart(&lone);
    assert_int_equal(lone.d->evidence.kept_view, 40);
    lone_wall_shift_ms = 0;
    struct journal_status before;
    struct journal_status after;
    lone.d->committed_view = 40 + VIEW_WINDOW - 1;
    journal_status(lone.d->journal, &before);
    evidence_keep(lone.d);
    journal_status(lone.d->journal, &after);
    assert_int_equal(after.unit, before.unit);
    lone.d->committed_view = 40 + VIEW_WINDOW; /* the segment may go */
    evidence_keep(lone.d);
    journal_status(lone.d->journal, &after);
    assert_int_equal(after.unit, before.unit + 1);
    assert_int_equal(lone.d->evidence.kept_view, 1); /* where the core is */
}

/* It is proven whoever brings it, and not by a second time. */
static void strangers_bring_it(void **state)
{
    (void)state;
    struct mempool_entry entry;
    uint8_t raw[EVIDENCE_SIZE_MAX];
    uint32_t cursor = 0;
    send_vote(VOTE_NOTARIZE, 1, 7, 2);
    send_vote(VOTE_NOTARIZE, 1, 8, 2);
    expect_accused(4);
    assert_true(mempool_next(lone.d->pool, &cursor, &entry));
    const struct bytes copy = bytes_of(raw, entry.raw.size);
    memcpy(raw, entry.raw.data, entry.raw.size);
    mempool_remove(lone.d->pool, &entry.digest);
    raw[copy.size - 100] ^= 1; /* in a signature of the votes */
    assert_int_equal(lone_submit(&lone, copy), CODE_E_SIG);
    raw[copy.size - 100] ^= 1;
    assert_int_equal(lone_submit(&lone, copy), CODE_OK);
    assert_int_equal(mempool_count(lone.d->pool), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(votes_that_lie, open_four, close_it),
        cmocka_unit_test_setup_teardown(forged_votes, open_four, close_it),
        cmocka_unit_test_setup_teardown(checks_are_limited, open_four, close_it),
        cmocka_unit_test_setup_teardown(signers_of_certificates, open_four, close_it),
        cmocka_unit_test_setup_teardown(signers_of_a_duplicate, open_four, close_it),
        cmocka_unit_test_setup_teardown(two_proposals, open_four, close_it),
        cmocka_unit_test_setup_teardown(a_crash_loses_no_evidence, open_four, close_it),
        cmocka_unit_test_setup_teardown(the_chain_has_it_once, open_alone, close_it),
        cmocka_unit_test_setup_teardown(the_journal_keeps_what_waits, open_alone, close_it),
        cmocka_unit_test_setup_teardown(strangers_bring_it, open_four, close_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
