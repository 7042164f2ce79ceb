#include "tests/unit/consensus/solo.h"

/* Rule by rule, one core. */

enum { SELF = 3 };

/* R10, K8: Z exactly at the quorum, for every small n. */
static void quorum_edges(void **state)
{
    (void)state;
    static const uint32_t quorums[] = {0, 1, 2, 3, 3, 4, 4, 5, 6, 6, 7};
    for (uint32_t n = 4; n <= 10; n++) {
        struct cluster *cluster = solo_make(n, n - 1, false);
        const uint32_t q = quorums[n];
        assert_int_equal(validator_quorum(n), q);
        for (uint32_t i = 0; i < q; i++) {
            assert_int_equal(cluster_view(cluster, n - 1), 1);
            assert_int_equal(solo_vote(cluster, n - 1, VOTE_NULLIFY, 1, NULL, i),
                             CONSENSUS_ACCEPTED);
        }
        assert_int_equal(cluster_view(cluster, n - 1), 2);
        cluster_free(cluster);
    }
}

/* R5, R8, R11: a proposal becomes final; each promise is made once. */
static void one_view(void **state)
{
    (void)state;
    struct cluster *cluster = solo_make(4, SELF, true);
    const struct solo_block block = solo_block(cluster, 1, NULL, 0);
    assert_int_equal(solo_propose(cluster, SELF, &block), CONSENSUS_ACCEPTED);
    assert_int_equal(cluster_count(cluster, SELF, CONSENSUS_DO_PERSIST_PROPOSAL), 1);
    assert_int_equal(cluster_count(cluster, SELF, CONSENSUS_DO_PERSIST_VOTE), 1);
    solo_settle(cluster);
    assert_int_equal(solo_propose(cluster, SELF, &block), CONSENSUS_DUPLICATE);
    for (uint32_t i = 0; i < 2; i++) {
        (void)solo_vote(cluster, SELF, VOTE_NOTARIZE, 1, &block.brief.proposal, i);
    }
    assert_int_equal(cluster_count(cluster, SELF, CONSENSUS_DO_CERTIFY), 1);
    solo_settle(cluster);
    assert_int_equal(cluster_view(cluster, SELF), 2);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(cluster->nodes[SELF].final_count, 0);
        (void)solo_vote(cluster, SELF, VOTE_FINALIZE, 1, &block.brief.proposal, i);
    }
    assert_int_equal(cluster->nodes[SELF].final_count, 1);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NOTARIZE), 1);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_FINALIZE), 1);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NULLIFY), 0);
    cluster_free(cluster);
}

/* R2: a skipped view needs its Z, and the missing one is asked for (R13). */
static void ancestry(void **state)
{
    (void)state;
    struct cluster *cluster = solo_make(4, SELF, true);
    assert_int_equal(solo_certificate(cluster, SELF, VOTE_NULLIFY, 2, NULL), CONSENSUS_ACCEPTED);
    assert_int_equal(cluster_view(cluster, SELF), 3);
    const struct solo_block block = solo_block(cluster, 3, NULL, 0); /* Z(1) is missing */
    assert_int_equal(solo_propose(cluster, SELF, &block), CONSENSUS_ACCEPTED);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NOTARIZE), 0);
    assert_true(cluster_tick(cluster, cluster->now_ms + 100));
    assert_int_equal(cluster_count(cluster, SELF, CONSENSUS_DO_GET_CERTIFICATES), 1);
    assert_int_equal(solo_certificate(cluster, SELF, VOTE_NULLIFY, 1, NULL), CONSENSUS_ACCEPTED);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NOTARIZE), 1);
    cluster_free(cluster);
}

/* R4: who is not the leader, and what is impossible. */
static void refuses(void **state)
{
    (void)state;
    struct cluster *cluster = solo_make(4, SELF, true);
    struct solo_block block = solo_block(cluster, 1, NULL, 0);
    block.proposal.rest.leader = 2;
    assert_int_equal(solo_propose(cluster, SELF, &block), CONSENSUS_STRANGER);
    block = solo_block(cluster, 1, NULL, 0);
    block.proposal.light.epoch = 2;
    assert_int_equal(solo_propose(cluster, SELF, &block), CONSENSUS_NEXT_EPOCH);
    block = solo_block(cluster, 1, NULL, 0);
    block.proposal.rest.parent_view = 1;
    assert_int_equal(solo_propose(cluster, SELF, &block), CONSENSUS_MALFORMED);
    const struct hash hash = {{5}};
    assert_int_equal(solo_vote(cluster, SELF, VOTE_PROPOSE, 1, &hash, 0), CONSENSUS_MALFORMED);
    assert_int_equal(solo_vote(cluster, SELF, VOTE_NOTARIZE, 0, &hash, 0), CONSENSUS_MALFORMED);
    assert_int_equal(solo_vote(cluster, SELF, VOTE_NOTARIZE, 1, &hash, 4), CONSENSUS_STRANGER);
    assert_int_equal(solo_vote(cluster, SELF, VOTE_NOTARIZE, 1, &hash, SELF), CONSENSUS_STRANGER);
    assert_int_equal(solo_vote(cluster, SELF, VOTE_NOTARIZE, 1, &hash, 0), CONSENSUS_ACCEPTED);
    assert_int_equal(solo_vote(cluster, SELF, VOTE_NOTARIZE, 1, &hash, 0), CONSENSUS_DUPLICATE);
    const struct hash other = {{6}};
    assert_int_equal(solo_vote(cluster, SELF, VOTE_NOTARIZE, 1, &other, 0), CONSENSUS_EQUIVOCATED);
    struct certificate thin = cluster_certificate(cluster, VOTE_FINALIZE, 1, &hash);
    thin.signature_count--;
    const struct consensus_event event = {.kind = CONSENSUS_ON_CERTIFICATE, .certificate = &thin};
    assert_int_equal(cluster_step(cluster, SELF, event), CONSENSUS_MALFORMED);
    struct certificate wide = cluster_certificate(cluster, VOTE_FINALIZE, 1, &hash);
    for (uint32_t i = 0; i < 4; i++) {
        validator_bitmap_set(&wide.signers, i); /* one more than there are signatures */
    }
    const struct consensus_event two = {.kind = CONSENSUS_ON_CERTIFICATE, .certificate = &wide};
    assert_int_equal(cluster_step(cluster, SELF, two), CONSENSUS_MALFORMED);
    struct certificate lone = cluster_certificate(cluster, VOTE_FINALIZE, 1, &hash);
    memset(&lone.signers, 0, sizeof(lone.signers));
    validator_bitmap_set(&lone.signers, 0); /* well formed, of one signer */
    lone.signature_count = 1;
    const struct consensus_event three = {.kind = CONSENSUS_ON_CERTIFICATE, .certificate = &lone};
    assert_int_equal(cluster_step(cluster, SELF, three), CONSENSUS_MALFORMED);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NOTARIZE), 0);
    cluster_free(cluster);
}

/* R8 and R9: the two exclude each other, whichever comes first. */
static void null_excludes_final(void **state)
{
    (void)state;
    struct cluster *cluster = solo_make(4, SELF, true);
    const struct solo_block block = solo_block(cluster, 1, NULL, 0);
    cluster_run(cluster, 2000); /* t_lead */
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NULLIFY), 1);
    (void)solo_propose(cluster, SELF, &block);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NOTARIZE), 1); /* R5 allows it */
    (void)solo_certificate(cluster, SELF, VOTE_NOTARIZE, 1, &block.brief.proposal);
    solo_settle(cluster);
    assert_int_equal(cluster_view(cluster, SELF), 2);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_FINALIZE), 0);
    cluster_free(cluster);

    cluster = solo_make(4, SELF, true);
    cluster->nodes[SELF].verdict = CONSENSUS_CERTIFY_OK;
    const struct solo_block again = solo_block(cluster, 1, NULL, 0);
    (void)solo_propose(cluster, SELF, &again);
    (void)solo_certificate(cluster, SELF, VOTE_NOTARIZE, 1, &again.brief.proposal);
    solo_settle(cluster);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_FINALIZE), 1);
    cluster_run(cluster, 60000);
    for (uint32_t i = 0; i < 3; i++) {
        (void)solo_vote(cluster, SELF, VOTE_NULLIFY, 1, NULL, i);
    }
    struct consensus_status status;
    consensus_status(cluster->nodes[SELF].core, &status);
    assert_true(status.view >= 2);
    cluster_free(cluster);
}

/* R9 b, c, d. */
static void reasons_to_nullify(void **state)
{
    (void)state;
    struct cluster *cluster = solo_make(4, SELF, true);
    struct solo_block block = solo_block(cluster, 1, NULL, 0);
    struct consensus_event event = solo_event(&block);
    event.proposal.bad = true;
    (void)cluster_step(cluster, SELF, event);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NULLIFY), 1);
    cluster_free(cluster);

    cluster = solo_make(4, SELF, true);
    (void)solo_vote(cluster, SELF, VOTE_NULLIFY, 1, NULL, 1);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NULLIFY), 0);
    (void)solo_vote(cluster, SELF, VOTE_NULLIFY, 1, NULL, 0); /* the leader */
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NULLIFY), 1);
    cluster_free(cluster);

    cluster = solo_make(4, SELF, true);
    cluster->nodes[SELF].verdict = CONSENSUS_CERTIFY_BAD;
    block = solo_block(cluster, 1, NULL, 0);
    (void)solo_propose(cluster, SELF, &block);
    (void)solo_certificate(cluster, SELF, VOTE_NOTARIZE, 1, &block.brief.proposal);
    solo_settle(cluster);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NULLIFY), 1);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_FINALIZE), 0);
    assert_int_equal(cluster_view(cluster, SELF), 1);
    cluster_free(cluster);

    cluster = solo_make(4, SELF, true); /* t_cert: a proposal, but no N */
    block = solo_block(cluster, 1, NULL, 0);
    (void)solo_propose(cluster, SELF, &block);
    cluster_run(cluster, 1299);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NULLIFY), 0);
    cluster_run(cluster, 2);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NULLIFY), 1);
    cluster_free(cluster);
}

static enum consensus_verdict announce(struct cluster *cluster, uint64_t view)
{
    return cluster_step(
        cluster, SELF, (struct consensus_event){.kind = CONSENSUS_ON_ANNOUNCED, .announced = view});
}

static uint32_t lead_until_nullify_ms(bool shards)
{
    struct cluster *cluster = solo_make(4, SELF, true);
    cluster->build_shards = shards;
    for (uint64_t view = 1; view <= SELF; view++) {
        (void)solo_certificate(cluster, SELF, VOTE_NULLIFY, view, NULL);
    }
    uint32_t waited_ms = 0;
    while (solo_signed(cluster, SELF, VOTE_NULLIFY) == 0 && waited_ms < 10000) {
        cluster_run(cluster, 1);
        waited_ms++;
    }
    assert_int_equal(solo_signed(cluster, SELF, VOTE_PROPOSE), 1);
    cluster_free(cluster);
    return waited_ms;
}

/* 32.1: the leader waits as long as the others: its NULLIFY would end the view for all. */
static void leader_of_shards(void **state)
{
    (void)state;
    assert_true(lead_until_nullify_ms(true) >= lead_until_nullify_ms(false) + 100);
}

/* 32.1: a proposal whose block is on its way stops t_lead and puts t_cert off by one delay, once;
 * what it turns out to be counts as ever. */
static void announced(void **state)
{
    (void)state;
    struct cluster *cluster = solo_make(4, SELF, true);
    assert_int_equal(announce(cluster, 1), CONSENSUS_ACCEPTED);
    assert_int_equal(announce(cluster, 1), CONSENSUS_DUPLICATE);
    assert_int_equal(announce(cluster, 1000), CONSENSUS_STALE);
    cluster_run(cluster, 1399);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NULLIFY), 0);
    cluster_run(cluster, 2);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NULLIFY), 1);
    cluster_free(cluster);

    cluster = solo_make(4, SELF, true); /* in a view to come: as soon as it is entered */
    assert_int_equal(announce(cluster, 2), CONSENSUS_ACCEPTED);
    (void)solo_certificate(cluster, SELF, VOTE_NULLIFY, 1, NULL);
    cluster_run(cluster, 1399);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NULLIFY), 0);
    cluster_run(cluster, 2);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NULLIFY), 1);
    cluster_free(cluster);

    cluster = solo_make(4, SELF, true);
    assert_int_equal(announce(cluster, 1), CONSENSUS_ACCEPTED);
    struct solo_block block = solo_block(cluster, 1, NULL, 0);
    struct consensus_event event = solo_event(&block);
    event.proposal.bad = true; /* shards of no block */
    assert_int_equal(cluster_step(cluster, SELF, event), CONSENSUS_ACCEPTED);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NULLIFY), 1);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NOTARIZE), 0);
    assert_int_equal(announce(cluster, 1), CONSENSUS_DUPLICATE);
    cluster_free(cluster);
}

/* 32.1, P11: Delta grows only after f + 1 failed views, is capped, and an F resets it. */
static void backoff(void **state)
{
    (void)state;
    struct cluster *cluster = solo_make(4, SELF, true);
    uint64_t wait_ms[40];
    for (uint64_t view = 1; view <= 30; view++) {
        assert_int_equal(cluster_view(cluster, SELF), view);
        wait_ms[view] = cluster->nodes[SELF].timer_ms - cluster->now_ms;
        (void)solo_certificate(cluster, SELF, VOTE_NULLIFY, view, NULL);
    }
    for (uint64_t view = 1; view <= 3; view++) {
        assert_int_equal(wait_ms[view], 200); /* 2 Delta_0: f + 1 = 2 views may fail */
    }
    assert_true(wait_ms[5] > 290 && wait_ms[6] > wait_ms[5]);
    assert_true(wait_ms[30] <= 60000);
    const struct solo_block block = solo_block(cluster, 31, NULL, 0);
    (void)solo_propose(cluster, SELF, &block);
    (void)solo_certificate(cluster, SELF, VOTE_FINALIZE, 31, &block.brief.proposal);
    assert_int_equal(cluster_view(cluster, SELF), 32);
    cluster_work_all(cluster, true);
    (void)solo_certificate(cluster, SELF, VOTE_NULLIFY, 32, NULL);
    assert_int_equal(cluster->nodes[SELF].timer_ms - cluster->now_ms, 200);
    cluster_free(cluster);
}

/* R15: a quorum of FINALIZE completes views later. */
static void late_votes(void **state)
{
    (void)state;
    struct cluster *cluster = solo_make(4, SELF, true);
    const struct solo_block block = solo_block(cluster, 1, NULL, 0);
    (void)solo_propose(cluster, SELF, &block);
    (void)solo_certificate(cluster, SELF, VOTE_NOTARIZE, 1, &block.brief.proposal);
    solo_settle(cluster);
    for (uint64_t view = 2; view <= 20; view++) {
        (void)solo_certificate(cluster, SELF, VOTE_NULLIFY, view, NULL);
    }
    assert_int_equal(cluster_view(cluster, SELF), 21);
    (void)solo_vote(cluster, SELF, VOTE_FINALIZE, 1, &block.brief.proposal, 0);
    assert_int_equal(cluster->nodes[SELF].final_count, 0);
    (void)solo_vote(cluster, SELF, VOTE_FINALIZE, 1, &block.brief.proposal, 1);
    assert_int_equal(cluster->nodes[SELF].final_count, 1);
    assert_int_equal(cluster_view(cluster, SELF), 21);
    cluster_free(cluster);
}

/* K5: at most UNFINAL_BLOCK_MAX non-empty blocks without finality; then only carriers. */
static void unfinal_blocks(void **state)
{
    (void)state;
    struct cluster *cluster = solo_make(4, SELF, true);
    struct solo_block block = {.brief = {.view = 0}};
    for (uint64_t view = 1; view <= UNFINAL_BLOCK_MAX; view++) {
        block = solo_block(cluster, view, view == 1 ? NULL : &block.brief, 0);
        if ((view - 1) % 4 == SELF) {
            cluster->now_ms += 100; /* our own turn: play the message of a twin */
        }
        (void)solo_propose(cluster, SELF, &block);
        (void)solo_certificate(cluster, SELF, VOTE_NOTARIZE, view, &block.brief.proposal);
        const struct consensus_event get = {
            .kind = CONSENSUS_ON_PROPOSAL,
            .proposal = {.proposal = &block.proposal, .hash = block.brief.proposal}};
        (void)cluster_step(cluster, SELF, get);
        solo_settle(cluster);
        assert_int_equal(cluster_view(cluster, SELF), view + 1);
    }
    const uint32_t before = solo_signed(cluster, SELF, VOTE_NOTARIZE);
    const struct solo_block next = solo_block(cluster, UNFINAL_BLOCK_MAX + 1, &block.brief, 0);
    (void)solo_propose(cluster, SELF, &next);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NOTARIZE), before);
    (void)solo_certificate(cluster, SELF, VOTE_NULLIFY, UNFINAL_BLOCK_MAX + 1, NULL);
    const struct solo_block carrier = solo_block(cluster, UNFINAL_BLOCK_MAX + 2, &block.brief, 0);
    struct consensus_event event = solo_event(&carrier);
    event.proposal.empty = true;
    (void)cluster_step(cluster, SELF, event);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NOTARIZE), before + 1);
    cluster_free(cluster);
}

/* A proposal over P whose block names a sibling of P: what certify judges is not what the
 * votes order. */
static void parent_of_block(void **state)
{
    (void)state;
    for (uint32_t lie = 0; lie < 2; lie++) {
        struct cluster *cluster = solo_make(4, SELF, true);
        const struct solo_block first = solo_block(cluster, 1, NULL, 0);
        const struct solo_block sibling = solo_block(cluster, 1, NULL, 1);
        (void)solo_propose(cluster, SELF, &first);
        (void)solo_certificate(cluster, SELF, VOTE_NOTARIZE, 1, &first.brief.proposal);
        solo_settle(cluster);
        const uint32_t before = solo_signed(cluster, SELF, VOTE_NOTARIZE);
        const struct solo_block second = solo_block(cluster, 2, &first.brief, 0);
        struct consensus_event event = solo_event(&second);
        if (lie == 1) {
            event.proposal.parent_id = sibling.brief.block_id;
        }
        assert_int_equal(cluster_step(cluster, SELF, event), CONSENSUS_ACCEPTED);
        solo_settle(cluster);
        assert_int_equal(solo_signed(cluster, SELF, VOTE_NOTARIZE), before + 1 - lie);
        assert_int_equal(solo_signed(cluster, SELF, VOTE_NULLIFY), lie);
        cluster_free(cluster);
    }
}

/* The driver may forget a proposal that has left the window without a certificate. */
static void needs(void **state)
{
    (void)state;
    struct cluster *cluster = solo_make(4, SELF, true);
    const struct solo_block lost = solo_block(cluster, 1, NULL, 0);
    const struct solo_block held = solo_block(cluster, 2, NULL, 0);
    (void)solo_propose(cluster, SELF, &lost);
    (void)solo_certificate(cluster, SELF, VOTE_NULLIFY, 1, NULL);
    (void)solo_propose(cluster, SELF, &held);
    (void)solo_certificate(cluster, SELF, VOTE_NOTARIZE, 2, &held.brief.proposal);
    struct consensus_event certified = {.kind = CONSENSUS_ON_CERTIFIED};
    certified.certified.view = 2;
    certified.certified.proposal = held.brief.proposal;
    certified.certified.verdict = CONSENSUS_CERTIFY_OK;
    (void)cluster_step(cluster, SELF, certified);
    for (uint64_t view = 2; view <= VIEW_WINDOW; view++) {
        const struct consensus *core = cluster->nodes[SELF].core;
        assert_true(consensus_needs(core, 1, &lost.brief.proposal) == (view + 3 <= VIEW_WINDOW));
        (void)solo_certificate(cluster, SELF, VOTE_NULLIFY, view, NULL);
    }
    const struct consensus *core = cluster->nodes[SELF].core;
    assert_false(consensus_needs(core, 1, &lost.brief.proposal));
    assert_true(consensus_needs(core, 2, &held.brief.proposal));
    assert_false(consensus_needs(core, 2, &lost.brief.proposal));
    /* Still the parent of what comes next when its record is gone too. */
    for (uint64_t view = VIEW_WINDOW + 1; view <= CONSENSUS_HISTORY_MAX + 10; view++) {
        (void)solo_certificate(cluster, SELF, VOTE_NULLIFY, view, NULL);
    }
    assert_int_equal(cluster_view(cluster, SELF), CONSENSUS_HISTORY_MAX + 11);
    assert_true(consensus_needs(core, 2, &held.brief.proposal));
    assert_false(consensus_needs(core, 2, &lost.brief.proposal));
    cluster_free(cluster);
}

/* K9: a proposal that is only early waits; it is no reason to NULLIFY. */
static void early_proposal(void **state)
{
    (void)state;
    struct cluster *cluster = solo_make(4, SELF, true);
    const struct solo_block block = solo_block(cluster, 1, NULL, 0);
    struct consensus_event event = solo_event(&block);
    event.proposal.earliest_ok_ms = cluster->now_ms + 300; /* beyond t_lead */
    (void)cluster_step(cluster, SELF, event);
    cluster_run(cluster, 299);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NOTARIZE), 0);
    cluster_run(cluster, 2);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NOTARIZE), 1);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NULLIFY), 0);
    cluster_free(cluster);
}

/* An observer follows and never promises anything. */
static void observer(void **state)
{
    (void)state;
    struct consensus_config config;
    static uint8_t mem[1 << 22] __attribute__((aligned(16)));
    static struct consensus_actions actions;
    struct cluster *cluster = cluster_make(4);
    cluster_config(cluster, CONSENSUS_OBSERVER, &config);
    assert_true(consensus_footprint(4) <= sizeof(mem));
    struct consensus *core = consensus_init(mem, &config);
    struct consensus_event event = {.kind = CONSENSUS_ON_START, .now_ms = 5};
    assert_int_equal(consensus_step(core, &event, &actions), CONSENSUS_ACCEPTED);
    const struct solo_block block = solo_block(cluster, 1, NULL, 0);
    event = solo_event(&block);
    event.now_ms = 6;
    assert_int_equal(consensus_step(core, &event, &actions), CONSENSUS_ACCEPTED);
    const struct certificate final =
        cluster_certificate(cluster, VOTE_FINALIZE, 1, &block.brief.proposal);
    event = (struct consensus_event){
        .kind = CONSENSUS_ON_CERTIFICATE, .now_ms = 7, .certificate = &final};
    assert_int_equal(consensus_step(core, &event, &actions), CONSENSUS_ACCEPTED);
    assert_int_equal(actions.final_count, 1);
    for (uint32_t i = 0; i < actions.count; i++) {
        assert_true(actions.items[i].kind != CONSENSUS_DO_SIGN);
    }
    event = (struct consensus_event){
        .kind = CONSENSUS_ON_WORK, .now_ms = 8, .work = {.now = true, .due_ms = UINT64_MAX}};
    assert_int_equal(consensus_step(core, &event, &actions), CONSENSUS_ACCEPTED);
    event = (struct consensus_event){.kind = CONSENSUS_ON_TIMEOUT, .now_ms = 100000};
    assert_int_equal(consensus_step(core, &event, &actions), CONSENSUS_ACCEPTED);
    for (uint32_t i = 0; i < actions.count; i++) {
        assert_true(actions.items[i].kind != CONSENSUS_DO_SIGN);
        assert_true(actions.items[i].kind != CONSENSUS_DO_SEND_VOTE);
    }
    cluster_free(cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quorum_edges),
        cmocka_unit_test(one_view),
        cmocka_unit_test(ancestry),
        cmocka_unit_test(refuses),
        cmocka_unit_test(null_excludes_final),
        cmocka_unit_test(reasons_to_nullify),
        cmocka_unit_test(announced),
        cmocka_unit_test(leader_of_shards),
        cmocka_unit_test(backoff),
        cmocka_unit_test(late_votes),
        cmocka_unit_test(unfinal_blocks),
        cmocka_unit_test(parent_of_block),
        cmocka_unit_test(needs),
        cmocka_unit_test(early_proposal),
        cmocka_unit_test(observer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
