#include "node/explain/explain.h"

#include <jansson.h>

#include "tests/unit/node/lone.h"

/* Each reason from the facts it stands for, and a real node's status. */

enum { NOW = 1000000, QUORUM = 3 };

static struct validator_bitmap members(uint32_t count, const uint32_t *items)
{
    struct validator_bitmap out = {{0}};
    for (uint32_t i = 0; i < count; i++) {
        validator_bitmap_set(&out, items[i]);
    }
    return out;
}

/* Validator 0 of four, connected to all, in view 9 that validator 2 leads, with work. */
static struct explain_facts facts_busy(void)
{
    const uint32_t others[] = {1, 2, 3};
    struct explain_facts facts = {
        .status = {.view = 9, .leader = 2, .awake = true},
        .core = {.quorum = QUORUM, .work = true, .lead_ms = NOW + 300, .cert_ms = NOW + 900},
        .validator_count = 4,
        .now_ms = NOW,
        .final_ms = NOW - 30000,
        .wall_ms = 5000000,
        .header_ms = 4990000,
        .drift_max_ms = 2000,
        .disk_free_mib = 1000,
        .disk_reserve_mib = 256,
        .work = true,
        .due_ms = UINT64_MAX,
        .connected = members(3, others),
    };
    for (uint32_t i = 1; i < 4; i++) {
        facts.heard_ms[i] = NOW - 100;
    }
    return facts;
}

static struct explain_facts facts_held(void)
{
    struct explain_facts facts = facts_busy();
    facts.core.proposal = CONSENSUS_PROPOSAL_HELD;
    facts.core.promised[VOTE_NOTARIZE] = true;
    facts.core.is_signed[VOTE_NOTARIZE] = true;
    return facts;
}

static void add_fetch(struct explain_facts *facts, enum consensus_fetch_kind kind)
{
    facts->core.fetches[facts->core.fetch_count++] =
        (struct consensus_fetch){.kind = kind, .view = 7, .count = 2, .attempts = 3, .peer = 3};
}

static bool seen[EXPLAIN_REASON_COUNT];

static struct explain_verdict judge(const struct explain_facts *facts)
{
    struct explain_verdict out;
    explain_judge(facts, &out);
    seen[out.reason] = true;
    return out;
}

static void machine(void **state)
{
    (void)state;
    struct explain_facts facts = facts_busy();
    facts.header_ms = facts.wall_ms + facts.drift_max_ms;
    assert_int_not_equal(judge(&facts).reason, EXPLAIN_CLOCK);
    facts.header_ms++;
    assert_int_equal(judge(&facts).reason, EXPLAIN_CLOCK);
    facts.disk_free_mib = facts.disk_reserve_mib;
    assert_int_equal(judge(&facts).reason, EXPLAIN_CLOCK);
    facts.disk_free_mib--;
    assert_int_equal(judge(&facts).reason, EXPLAIN_DISK);
}

static void peers(void **state)
{
    (void)state;
    const uint32_t two[] = {1, 2};
    const uint32_t one[] = {1};
    struct explain_facts facts = facts_busy();
    facts.connected = members(2, two);
    assert_int_not_equal(judge(&facts).reason, EXPLAIN_DISCONNECTED);
    facts.heard_ms[2] = NOW - EXPLAIN_SILENT_MS;
    assert_int_not_equal(judge(&facts).reason, EXPLAIN_SILENT);
    facts.heard_ms[2]--;
    struct explain_verdict why = judge(&facts);
    assert_int_equal(why.reason, EXPLAIN_SILENT);
    assert_true(why.have == 2 && why.need == QUORUM);
    assert_true(validator_bitmap_get(&why.missing, 2) && validator_bitmap_get(&why.missing, 3));
    facts.connected = members(1, one);
    facts.status.awake = false; /* alone one does not know whether there is work */
    facts.work = false;
    why = judge(&facts);
    assert_int_equal(why.reason, EXPLAIN_DISCONNECTED);
    assert_true(why.have == 2 && why.need == QUORUM);
    assert_int_equal(validator_bitmap_count(&why.missing), 2);
    facts.catchup.active = true;
    facts.catchup.peer = 3; /* not connected: it fetches nothing */
    assert_int_equal(judge(&facts).reason, EXPLAIN_DISCONNECTED);
    facts.catchup.peer = 1;
    why = judge(&facts);
    assert_int_equal(why.reason, EXPLAIN_CATCHING_UP);
    assert_int_equal(why.validator, 1);
    facts.self = CONSENSUS_OBSERVER; /* counts for no quorum */
    facts.catchup.active = false;
    facts.connected = members(2, two);
    facts.heard_ms[2] = NOW;
    assert_int_equal(judge(&facts).have, 2);
}

static void rest(void **state)
{
    (void)state;
    struct explain_facts facts = facts_busy();
    facts.final_ms = NOW - EXPLAIN_FRESH_MS + 1;
    assert_int_equal(judge(&facts).reason, EXPLAIN_ADVANCING);
    facts.final_ms = UINT64_MAX;
    assert_int_equal(judge(&facts).reason, EXPLAIN_PROPOSAL);
    facts.status.is_over = true;
    assert_int_equal(judge(&facts).reason, EXPLAIN_EPOCH_OVER);
    facts.status.is_over = false;
    facts.status.awake = false;
    facts.work = false;
    facts.due_ms = NOW + 5;
    struct explain_verdict why = judge(&facts);
    assert_int_equal(why.reason, EXPLAIN_IDLE);
    assert_int_equal(why.until_ms, NOW + 5);
    facts.waiting = 1;
    assert_int_equal(judge(&facts).reason, EXPLAIN_BLOCKED);
    add_fetch(&facts, CONSENSUS_FETCH_FINAL);
    why = judge(&facts);
    assert_int_equal(why.reason, EXPLAIN_FETCH_FINAL);
    assert_true(why.view == 7 && why.validator == 3);
}

static void no_proposal(void **state)
{
    (void)state;
    struct explain_facts facts = facts_busy();
    struct explain_verdict why = judge(&facts);
    assert_int_equal(why.reason, EXPLAIN_PROPOSAL);
    assert_true(why.validator == 2 && why.view == 9 && why.until_ms == NOW + 300);
    facts.self = 2;
    facts.connected = members(3, (const uint32_t[]){0, 1, 3});
    facts.heard_ms[0] = NOW;
    assert_int_equal(judge(&facts).reason, EXPLAIN_BUILDING);
    facts.core.promised[VOTE_PROPOSE] = true;
    assert_int_equal(judge(&facts).reason, EXPLAIN_SIGNER);
    add_fetch(&facts, CONSENSUS_FETCH_CERTIFICATES);
    assert_int_equal(judge(&facts).reason, EXPLAIN_FETCH_CERTIFICATES);

    facts = facts_busy();
    facts.core.tip.view = 8;
    facts.core.tip.certify = CONSENSUS_CERTIFY_OK;
    facts.core.tip.voted = members(2, (const uint32_t[]){0, 3});
    assert_int_equal(judge(&facts).reason, EXPLAIN_PROPOSAL);
    facts.work = false;
    why = judge(&facts);
    assert_int_equal(why.reason, EXPLAIN_FINALIZE);
    assert_true(why.view == 8 && why.have == 2 && why.need == QUORUM);
    assert_true(validator_bitmap_get(&why.missing, 1) && validator_bitmap_get(&why.missing, 2));
}

static void proposals(void **state)
{
    (void)state;
    struct explain_facts facts = facts_held();
    facts.status.voted[VOTE_NOTARIZE] = members(2, (const uint32_t[]){0, 2});
    struct explain_verdict why = judge(&facts);
    assert_int_equal(why.reason, EXPLAIN_NOTARIZE);
    assert_true(why.have == 2 && validator_bitmap_get(&why.missing, 1));
    facts.core.is_signed[VOTE_NOTARIZE] = false;
    assert_int_equal(judge(&facts).reason, EXPLAIN_SIGNER);
    facts.core.proposal = CONSENSUS_PROPOSAL_BAD;
    assert_int_equal(judge(&facts).reason, EXPLAIN_BAD_PROPOSAL);
    facts.core.proposal = CONSENSUS_PROPOSAL_FULL;
    assert_int_equal(judge(&facts).reason, EXPLAIN_FULL);
    facts.core.proposal = CONSENSUS_PROPOSAL_EARLY;
    facts.core.early_ms = NOW + 44;
    why = judge(&facts);
    assert_int_equal(why.reason, EXPLAIN_EARLY_PROPOSAL);
    assert_true(why.validator == 2 && why.until_ms == NOW + 44);
    facts.core.proposal = CONSENSUS_PROPOSAL_ORPHAN;
    assert_int_equal(judge(&facts).reason, EXPLAIN_ORPHAN);
    add_fetch(&facts, CONSENSUS_FETCH_PROPOSAL);
    assert_int_equal(judge(&facts).reason, EXPLAIN_FETCH_PROPOSAL);
    add_fetch(&facts, CONSENSUS_FETCH_CERTIFICATES);
    assert_int_equal(judge(&facts).reason, EXPLAIN_FETCH_CERTIFICATES);
}

static void nullify_and_certify(void **state)
{
    (void)state;
    struct explain_facts facts = facts_busy();
    facts.status.voted[VOTE_NULLIFY] = members(1, (const uint32_t[]){3});
    assert_int_equal(judge(&facts).reason, EXPLAIN_PROPOSAL); /* one may be a liar */
    facts.core.promised[VOTE_NULLIFY] = true;
    assert_int_equal(judge(&facts).reason, EXPLAIN_SIGNER);
    facts.core.is_signed[VOTE_NULLIFY] = true;
    const struct explain_verdict why = judge(&facts);
    assert_int_equal(why.reason, EXPLAIN_NULLIFY);
    assert_true(why.have == 1 && why.view == 9);
    facts.core.tip.view = 9;
    assert_int_equal(judge(&facts).reason, EXPLAIN_CERTIFY);
    add_fetch(&facts, CONSENSUS_FETCH_PROPOSAL);
    assert_int_equal(judge(&facts).reason, EXPLAIN_FETCH_PROPOSAL);
    facts.core.tip.certify = CONSENSUS_CERTIFY_BAD;
    assert_int_equal(judge(&facts).reason, EXPLAIN_BAD_BLOCK);
}

static void every_reason_was_seen(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < EXPLAIN_REASON_COUNT; i++) {
        if (!seen[i]) {
            fail_msg("no test meets %s", explain_name((enum explain_reason)i));
        }
        for (uint32_t j = 0; j < i; j++) {
            assert_string_not_equal(explain_name((enum explain_reason)i),
                                    explain_name((enum explain_reason)j));
        }
    }
}

static const char *reason_of(struct driver *d)
{
    static struct explain_facts facts;
    static char reason[32];
    watch_gather(d, &facts);
    json_t *why = watch_why_json(&facts);
    json_t *all = watch_facts_json(&facts);
    assert_non_null(why);
    assert_non_null(all);
    (void)snprintf(reason, sizeof(reason), "%s", json_string_value(json_object_get(why, "reason")));
    json_decref(why);
    json_decref(all);
    return reason;
}

/* A real node: idle, then with a block, then behind its own chain's time. */
static void a_real_node(void **state)
{
    (void)state;
    static struct lone lone;
    lone_open(&lone, 1);
    assert_string_equal(reason_of(lone.d), "idle");
    assert_int_equal(lone_submit(&lone, lone_tx(&lone, 60000)), CODE_OK);
    lone_run(&lone, 1);
    lone_wall_shift_ms = -60000;
    assert_string_equal(reason_of(lone.d), "clock");
    lone_close(&lone);
}

/* Work that nobody helps with: a line after WATCH_MS, the next after twice that, and nothing
 * while there is no work. */
static void the_watchdog_barks(void **state)
{
    (void)state;
    static struct lone lone;
    lone_open(&lone, 4);
    struct watch *watch = &lone.d->watch;
    watch_poll(lone.d);
    assert_int_equal(watch->after_ms, 0);
    assert_string_equal(reason_of(lone.d), "disconnected");
    assert_int_equal(lone_submit(&lone, lone_tx(&lone, 60000)), CODE_OK);
    driver_run_timers(lone.d);
    watch->look_ms = 0;
    watch_poll(lone.d);
    assert_int_equal(watch->after_ms, WATCH_MS);
    const uint64_t steps[] = {WATCH_MS, 2 * WATCH_MS, 4 * WATCH_MS};
    for (uint32_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        watch->look_ms = 0;
        watch->since_ms = driver_now_ms() - steps[i] + WATCH_LOOK_MS * 10;
        watch_poll(lone.d);
        assert_int_equal(watch->after_ms, steps[i]);
        watch->look_ms = 0;
        watch->since_ms = driver_now_ms() - steps[i];
        watch_poll(lone.d);
        assert_int_equal(watch->after_ms, 2 * steps[i]);
    }
    watch->after_ms = UINT64_C(10) * WATCH_MS_MAX;
    watch->since_ms = driver_now_ms() - watch->after_ms;
    watch->look_ms = 0;
    watch_poll(lone.d);
    assert_int_equal(watch->after_ms, UINT64_C(11) * WATCH_MS_MAX);
    lone_close(&lone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(machine),
        cmocka_unit_test(peers),
        cmocka_unit_test(rest),
        cmocka_unit_test(no_proposal),
        cmocka_unit_test(proposals),
        cmocka_unit_test(nullify_and_certify),
        cmocka_unit_test(every_reason_was_seen),
        cmocka_unit_test(a_real_node),
        cmocka_unit_test(the_watchdog_barks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
