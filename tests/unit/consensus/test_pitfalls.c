#include "tests/unit/consensus/solo.h"

/* One test for each of the pitfalls P1-P24 of docs/protocol-consensus.md that a core can fall
 * into (P19, P20: test_epochs; P21, the journal's: tests/unit/journal; P24: the driver's). */

enum { SELF = 3 };

/* P1, P2, P5, R14: Z(1) came first; N(1) is still accepted, certified, finalized, built on. */
static void p1_notarization_after_nullification(void **state)
{
    (void)state;
    struct cluster *cluster = solo_make(4, SELF, true);
    const struct solo_block block = solo_block(cluster, 1, NULL, 0);
    (void)solo_propose(cluster, SELF, &block);
    (void)solo_certificate(cluster, SELF, VOTE_NULLIFY, 1, NULL);
    assert_int_equal(cluster_view(cluster, SELF), 2);
    assert_int_equal(solo_certificate(cluster, SELF, VOTE_NOTARIZE, 1, &block.brief.proposal),
                     CONSENSUS_ACCEPTED);
    assert_int_equal(cluster_count(cluster, SELF, CONSENSUS_DO_CERTIFY), 1);
    const struct solo_block child = solo_block(cluster, 2, &block.brief, 0);
    (void)solo_propose(cluster, SELF, &child); /* over the branch we did not come by */
    solo_settle(cluster);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_FINALIZE), 1);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NOTARIZE), 2);
    cluster_free(cluster);
}

/* P1 the other way: N(1) first, then a proposal that skips view 1 with its Z. */
static void p1_nullification_after_notarization(void **state)
{
    (void)state;
    struct cluster *cluster = solo_make(4, SELF, true);
    const struct solo_block block = solo_block(cluster, 1, NULL, 0);
    (void)solo_propose(cluster, SELF, &block);
    (void)solo_certificate(cluster, SELF, VOTE_NOTARIZE, 1, &block.brief.proposal);
    solo_settle(cluster);
    assert_int_equal(cluster_view(cluster, SELF), 2);
    const struct solo_block other = solo_block(cluster, 2, NULL, 0);
    (void)solo_propose(cluster, SELF, &other);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NOTARIZE), 1);
    assert_int_equal(solo_certificate(cluster, SELF, VOTE_NULLIFY, 1, NULL), CONSENSUS_ACCEPTED);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NOTARIZE), 2);
    cluster_free(cluster);
}

/* P3, P4: PENDING is no verdict and does not use up the request. */
static void p3_pending_is_not_a_verdict(void **state)
{
    (void)state;
    struct cluster *cluster = solo_make(4, SELF, true);
    cluster->nodes[SELF].verdict = CONSENSUS_CERTIFY_PENDING;
    const struct solo_block block = solo_block(cluster, 1, NULL, 0);
    (void)solo_propose(cluster, SELF, &block);
    (void)solo_certificate(cluster, SELF, VOTE_NOTARIZE, 1, &block.brief.proposal);
    solo_settle(cluster);
    assert_int_equal(cluster_view(cluster, SELF), 1);
    const struct consensus_event ok = {.kind = CONSENSUS_ON_CERTIFIED,
                                       .certified = {.view = 1,
                                                     .proposal = block.brief.proposal,
                                                     .verdict = CONSENSUS_CERTIFY_OK}};
    assert_int_equal(cluster_step(cluster, SELF, ok), CONSENSUS_ACCEPTED);
    assert_int_equal(cluster_view(cluster, SELF), 2);
    assert_int_equal(cluster_step(cluster, SELF, ok), CONSENSUS_STALE);
    cluster_free(cluster);
}

/* P6: who asks gets both certificates of a view, and a final view is answered with F. */
static void p6_both_certificates_are_served(void **state)
{
    (void)state;
    struct cluster *cluster = solo_make(4, SELF, true);
    const struct solo_block block = solo_block(cluster, 1, NULL, 0);
    (void)solo_certificate(cluster, SELF, VOTE_NULLIFY, 1, NULL);
    (void)solo_certificate(cluster, SELF, VOTE_NOTARIZE, 1, &block.brief.proposal);
    const struct consensus_event ask = {.kind = CONSENSUS_ON_GET_CERTIFICATES,
                                        .from = 1,
                                        .range = {.epoch = 1, .view = 1, .count = 1}};
    cluster->now_ms += 5;
    (void)cluster_step(cluster, SELF, ask);
    assert_int_equal(cluster_count(cluster, SELF, CONSENSUS_DO_SEND_CERTIFICATE), 2);
    (void)solo_propose(cluster, SELF, &block);
    (void)solo_certificate(cluster, SELF, VOTE_FINALIZE, 1, &block.brief.proposal);
    cluster->now_ms += 5;
    (void)cluster_step(cluster, SELF, ask);
    assert_int_equal(cluster_count(cluster, SELF, CONSENSUS_DO_SEND_CERTIFICATE), 1);
    cluster_free(cluster);
}

static bool lose_certificates(const struct cluster *cluster, const struct cluster_message *message)
{
    (void)cluster;
    return message->event.kind == CONSENSUS_ON_CERTIFICATE;
}

static bool lose_everything(const struct cluster *cluster, const struct cluster_message *message)
{
    (void)cluster;
    return message->event.kind <= CONSENSUS_ON_GET_CERTIFICATES;
}

/* P7, P8: everything that was on its way is lost once; standstill sends it again. */
static void p7_lost_votes_are_sent_again(void **state)
{
    (void)state;
    struct cluster *cluster = cluster_make(4);
    cluster_start_all(cluster);
    cluster->filter = lose_certificates;
    cluster_work_all(cluster, true);
    cluster_run(cluster, 50);
    cluster->filter = lose_everything;
    cluster_run(cluster, 4000);
    const uint32_t before = cluster->nodes[0].final_count;
    cluster->filter = NULL;
    cluster_run(cluster, 8000); /* standstill, retry, repair */
    for (uint32_t i = 0; i < 4; i++) {
        assert_true(cluster->nodes[i].final_count > before + 10);
    }
    cluster_free(cluster);
}

/* The votes themselves, not only what a timer would promise anyway. */
static void p7_standstill_repeats_own_votes(void **state)
{
    (void)state;
    struct cluster *cluster = solo_make(4, SELF, true);
    const struct solo_block block = solo_block(cluster, 1, NULL, 0);
    assert_int_equal(solo_propose(cluster, SELF, &block), CONSENSUS_ACCEPTED);
    solo_settle(cluster);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NOTARIZE), 1);
    uint32_t repeated = 0;
    for (uint32_t i = 0; i < 100; i++) {
        cluster->now_ms += 100;
        const struct consensus_event timeout = {.kind = CONSENSUS_ON_TIMEOUT};
        (void)cluster_step(cluster, SELF, timeout);
        if (cluster_count(cluster, SELF, CONSENSUS_DO_SEND_STATUS) > 0) {
            repeated += cluster_count(cluster, SELF, CONSENSUS_DO_SEND_VOTE);
        }
        solo_settle(cluster);
    }
    assert_true(repeated >= 2); /* NOTARIZE and NULLIFY */
    cluster_free(cluster);
}

/* A core made from another one's promises, as after a crash. */
static void restart(struct cluster *cluster, uint32_t i, const struct vote *votes, size_t count)
{
    cluster_boot(cluster, i);
    for (size_t k = 0; k < count; k++) {
        consensus_restore_vote(cluster->nodes[i].core, &votes[k]);
    }
    const struct consensus_event start = {.kind = CONSENSUS_ON_START};
    (void)cluster_step(cluster, i, start);
    cluster_work_all(cluster, true);
}

/* P9, P17: own votes are back after a restart, are sent again, and bind. */
static void p9_own_votes_survive(void **state)
{
    (void)state;
    struct cluster *cluster = solo_make(4, SELF, true);
    const struct solo_block first = solo_block(cluster, 1, NULL, 0);
    const struct solo_block second = solo_block(cluster, 1, NULL, 1);
    const struct vote votes[] = {
        cluster_vote(VOTE_NOTARIZE, 1, &first.brief.proposal, SELF),
        cluster_vote(VOTE_NULLIFY, 1, NULL, SELF),
    };
    restart(cluster, SELF, votes, 2);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NOTARIZE), 1); /* the same ones again */
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NULLIFY), 1);
    solo_settle(cluster);
    (void)solo_propose(cluster, SELF, &second);
    (void)solo_certificate(cluster, SELF, VOTE_NOTARIZE, 1, &second.brief.proposal);
    solo_settle(cluster);
    assert_int_equal(cluster_view(cluster, SELF), 2);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NOTARIZE), 1);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_FINALIZE), 0);
    cluster_free(cluster);
}

/* P10, R16: a view number alone moves nobody. */
static void p10_spoofed_views(void **state)
{
    (void)state;
    struct cluster *cluster = solo_make(4, SELF, true);
    const struct hash hash = {{1}};
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(solo_vote(cluster, SELF, VOTE_NULLIFY, 1000000, NULL, i), CONSENSUS_EARLY);
        assert_int_equal(solo_vote(cluster, SELF, VOTE_NOTARIZE, 1000000, &hash, i),
                         CONSENSUS_EARLY);
        const struct consensus_event status = {
            .kind = CONSENSUS_ON_STATUS,
            .from = i,
            .status = {.epoch = 1, .view = UINT64_MAX, .final_view = UINT64_MAX}};
        (void)cluster_step(cluster, SELF, status);
    }
    assert_int_equal(cluster_view(cluster, SELF), 1);
    assert_int_equal(solo_certificate(cluster, SELF, VOTE_NOTARIZE, 1000000, &hash),
                     CONSENSUS_EARLY);
    assert_int_equal(cluster_view(cluster, SELF), 1);
    assert_int_equal(solo_certificate(cluster, SELF, VOTE_NULLIFY, 1000000, NULL),
                     CONSENSUS_ACCEPTED); /* a certificate does */
    assert_int_equal(cluster_view(cluster, SELF), 1000001);
    cluster_free(cluster);
}

/* P12, P13: a view is entered once and nullified once, however often timers fire. */
static void p13_one_nullify(void **state)
{
    (void)state;
    struct cluster *cluster = solo_make(4, SELF, true);
    uint32_t sent = 0;
    for (int i = 0; i < 40; i++) {
        cluster->now_ms += 250;
        const struct consensus_event timeout = {.kind = CONSENSUS_ON_TIMEOUT};
        (void)cluster_step(cluster, SELF, timeout);
        sent += cluster_count(cluster, SELF, CONSENSUS_DO_SEND_VOTE);
        assert_int_equal(cluster_count(cluster, SELF, CONSENSUS_DO_ENTER_VIEW), 0);
        solo_settle(cluster);
    }
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NULLIFY), 1);
    assert_true(sent > 5); /* but sent again and again */
    cluster_free(cluster);
}

/* P14, R6: the leader lied to us: N is for the other block, which is fetched and followed. */
static void p14_equivocating_leader(void **state)
{
    (void)state;
    struct cluster *cluster = solo_make(4, SELF, true);
    const struct solo_block mine = solo_block(cluster, 1, NULL, 0);
    const struct solo_block theirs = solo_block(cluster, 1, NULL, 1);
    (void)solo_propose(cluster, SELF, &mine);
    assert_int_equal(solo_propose(cluster, SELF, &theirs), CONSENSUS_EQUIVOCATED);
    solo_settle(cluster);
    for (uint32_t i = 0; i < 3; i++) {
        (void)solo_vote(cluster, SELF, VOTE_NOTARIZE, 1, &theirs.brief.proposal, i);
    }
    assert_int_equal(cluster_count(cluster, SELF, CONSENSUS_DO_CERTIFY), 0);
    assert_true(cluster_tick(cluster, cluster->now_ms + 100));
    assert_int_equal(cluster_count(cluster, SELF, CONSENSUS_DO_GET_BLOCK), 1);
    assert_int_equal(solo_propose(cluster, SELF, &theirs), CONSENSUS_ACCEPTED);
    solo_settle(cluster);
    (void)solo_certificate(cluster, SELF, VOTE_FINALIZE, 1, &theirs.brief.proposal);
    assert_int_equal(cluster->nodes[SELF].final_count, 1);
    assert_true(hash_equal(&cluster->nodes[SELF].finals[0].proposal, &theirs.brief.proposal));
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NOTARIZE), 1);
    cluster_free(cluster);
}

/* P15: what is said of views far ahead is not kept: it cannot pile up, nor count later. */
static void p15_future_votes_are_not_kept(void **state)
{
    (void)state;
    struct cluster *cluster = solo_make(4, SELF, true);
    const uint64_t far = 1000;
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(solo_vote(cluster, SELF, VOTE_NULLIFY, far, NULL, i), CONSENSUS_EARLY);
    }
    assert_int_equal(solo_certificate(cluster, SELF, VOTE_NULLIFY, far - 1, NULL),
                     CONSENSUS_ACCEPTED);
    assert_int_equal(cluster_view(cluster, SELF), far);
    for (uint32_t i = 0; i < 3; i++) { /* as if never heard */
        assert_int_equal(cluster_view(cluster, SELF), far);
        assert_int_equal(solo_vote(cluster, SELF, VOTE_NULLIFY, far, NULL, i), CONSENSUS_ACCEPTED);
    }
    assert_int_equal(cluster_view(cluster, SELF), far + 1);
    cluster_free(cluster);
}

/* P16: a range is answered up to the cap, not refused. */
static void p16_long_ranges(void **state)
{
    (void)state;
    struct cluster *cluster = solo_make(4, SELF, true);
    for (uint64_t view = 1; view <= 40; view++) {
        (void)solo_certificate(cluster, SELF, VOTE_NULLIFY, view, NULL);
    }
    const struct consensus_event ask = {.kind = CONSENSUS_ON_GET_CERTIFICATES,
                                        .from = 1,
                                        .range = {.epoch = 1, .view = 3, .count = UINT32_MAX}};
    cluster->now_ms += 5;
    (void)cluster_step(cluster, SELF, ask);
    assert_int_equal(cluster_count(cluster, SELF, CONSENSUS_DO_SEND_CERTIFICATE),
                     CONSENSUS_RANGE_MAX);
    cluster_free(cluster);
}

/* P18: time is a matter of NOTARIZE; certify does not wait for a clock. */
static void p18_certify_has_no_clock(void **state)
{
    (void)state;
    struct cluster *cluster = solo_make(4, SELF, true);
    const struct solo_block block = solo_block(cluster, 1, NULL, 0);
    struct consensus_event event = solo_event(&block);
    event.proposal.earliest_ok_ms = cluster->now_ms + 1000000;
    (void)cluster_step(cluster, SELF, event);
    (void)solo_certificate(cluster, SELF, VOTE_NOTARIZE, 1, &block.brief.proposal);
    solo_settle(cluster);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_FINALIZE), 1);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NOTARIZE), 0);
    cluster_free(cluster);
}

/* P22: a leader that crashed after signing its proposal sends that one again or none. */
static void p22_leader_restart(void **state)
{
    (void)state;
    struct cluster *cluster = solo_make(4, 0, false);
    const struct solo_block block = solo_block(cluster, 1, NULL, 0);
    const struct vote vote = cluster_vote(VOTE_PROPOSE, 1, &block.brief.proposal, 0);
    cluster_boot(cluster, 0);
    consensus_restore_proposal(cluster->nodes[0].core, &block.proposal, &block.brief.proposal,
                               &cluster->parent_ids[0], false);
    restart(cluster, 0, &vote, 0); /* boots anew: nothing restored */
    cluster_boot(cluster, 0);
    consensus_restore_vote(cluster->nodes[0].core, &vote);
    consensus_restore_proposal(cluster->nodes[0].core, &block.proposal, &block.brief.proposal,
                               &cluster->parent_ids[0], false);
    const struct consensus_event start = {.kind = CONSENSUS_ON_START};
    (void)cluster_step(cluster, 0, start);
    assert_int_equal(solo_signed(cluster, 0, VOTE_PROPOSE), 1);
    const uint32_t blocks = cluster->block_count;
    cluster_work_all(cluster, true);
    solo_settle(cluster);
    assert_int_equal(cluster->block_count, blocks); /* nothing was built */
    assert_int_equal(solo_signed(cluster, 0, VOTE_NOTARIZE), 1);
    cluster_free(cluster);

    cluster = solo_make(4, 0, false); /* the promise is known, the bytes are lost */
    restart(cluster, 0, &vote, 1);
    solo_settle(cluster);
    assert_int_equal(solo_signed(cluster, 0, VOTE_PROPOSE), 0);
    assert_int_equal(solo_signed(cluster, 0, VOTE_NULLIFY), 1);
    cluster_free(cluster);
}

/* P23: entering views does not put standstill off; only an F does. */
static void p23_standstill_is_about_finality(void **state)
{
    (void)state;
    struct cluster *cluster = solo_make(4, SELF, true);
    uint32_t statuses = 0;
    for (uint64_t view = 1; view <= 60; view++) {
        (void)solo_certificate(cluster, SELF, VOTE_NULLIFY, view, NULL);
        cluster->now_ms += 200;
        const struct consensus_event timeout = {.kind = CONSENSUS_ON_TIMEOUT};
        (void)cluster_step(cluster, SELF, timeout);
        statuses += cluster_count(cluster, SELF, CONSENSUS_DO_SEND_STATUS);
        solo_settle(cluster);
    }
    assert_in_range(statuses, 1, 3); /* every 5 s and some, in 12 s */
    cluster_free(cluster);
}

/* K7: an idle node is woken by f + 1 NULLIFY, does not join them at once, and answers a vote
 * for a final view with the F. */
static void k7_idle_nodes(void **state)
{
    (void)state;
    struct cluster *cluster = solo_make(4, SELF, false);
    (void)solo_vote(cluster, SELF, VOTE_NULLIFY, 1, NULL, 1);
    assert_true(cluster->nodes[SELF].timer_ms == UINT64_MAX);
    (void)solo_vote(cluster, SELF, VOTE_NULLIFY, 1, NULL, 2);
    assert_true(cluster->nodes[SELF].timer_ms != UINT64_MAX);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NULLIFY), 0);
    cluster_run(cluster, 250);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NULLIFY), 1);
    cluster_free(cluster);

    cluster = solo_make(4, SELF, false);
    const struct solo_block block = solo_block(cluster, 1, NULL, 0);
    (void)solo_propose(cluster, SELF, &block);
    (void)solo_certificate(cluster, SELF, VOTE_FINALIZE, 1, &block.brief.proposal);
    cluster->now_ms += 100;
    assert_int_equal(solo_vote(cluster, SELF, VOTE_NOTARIZE, 1, &block.brief.proposal, 2),
                     CONSENSUS_STALE);
    assert_int_equal(cluster_count(cluster, SELF, CONSENSUS_DO_SEND_CERTIFICATE), 1);
    assert_int_equal(solo_vote(cluster, SELF, VOTE_NOTARIZE, 1, &block.brief.proposal, 2),
                     CONSENSUS_STALE);
    assert_int_equal(cluster_count(cluster, SELF, CONSENSUS_DO_SEND_CERTIFICATE), 0); /* a rate */
    cluster_free(cluster);
}

/* 33.1: an idle voter does not keep an idle chain busy. */
static void t2_pointless_blocks(void **state)
{
    (void)state;
    struct cluster *cluster = solo_make(4, SELF, false);
    const struct solo_block block = solo_block(cluster, 1, NULL, 0);
    struct consensus_event event = solo_event(&block);
    event.proposal.empty = true;
    (void)cluster_step(cluster, SELF, event);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NOTARIZE), 0);
    cluster_work_all(cluster, true); /* no longer idle: it is welcome */
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NOTARIZE), 1);
    cluster_free(cluster);

    cluster = solo_make(4, SELF, false);
    const struct solo_block again = solo_block(cluster, 1, NULL, 0);
    event = solo_event(&again);
    event.proposal.empty = true;
    event.proposal.due_work = true; /* it seals, or serves a deadline */
    (void)cluster_step(cluster, SELF, event);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NOTARIZE), 1);
    cluster_free(cluster);
}

/* View 4 is ours, and what we build over three blocks that are not final does nothing new. */
static struct cluster *lead_carrier(struct solo_block *last)
{
    struct cluster *cluster = solo_make(4, SELF, true);
    cluster->build_empty = true;
    for (uint64_t view = 1; view <= SELF; view++) {
        *last = solo_block(cluster, view, view == 1 ? NULL : &last->brief, 0);
        (void)solo_propose(cluster, SELF, last);
        (void)solo_certificate(cluster, SELF, VOTE_NOTARIZE, view, &last->brief.proposal);
        solo_settle(cluster);
    }
    assert_int_equal(cluster_view(cluster, SELF), SELF + 1);
    cluster_run(cluster, 20); /* above min_block_interval */
    assert_int_equal(solo_signed(cluster, SELF, VOTE_PROPOSE), 0);
    return cluster;
}

/* 33.4: work that blocks not final yet have done is no reason to hurry. */
static void carrier_waits(void **state)
{
    struct solo_block last;
    (void)state;
    struct cluster *cluster = lead_carrier(&last); /* the F comes: a block with work follows */
    cluster->build_empty = false;
    (void)solo_certificate(cluster, SELF, VOTE_FINALIZE, SELF, &last.brief.proposal);
    solo_settle(cluster);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_PROPOSE), 1);
    cluster_free(cluster);

    cluster = lead_carrier(&last); /* the F comes and the work is gone */
    cluster_work_all(cluster, false);
    (void)solo_certificate(cluster, SELF, VOTE_FINALIZE, SELF, &last.brief.proposal);
    cluster_run(cluster, 1000);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_PROPOSE), 0);
    assert_true(cluster->nodes[SELF].timer_ms == UINT64_MAX);
    cluster_free(cluster);

    cluster = lead_carrier(&last); /* it does not come: the tip needs a descendant */
    cluster_run(cluster, 100);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_PROPOSE), 1);
    cluster_free(cluster);
}

/* K10: BAD here, final everywhere else: this node must stop. */
static void k10_divergence(void **state)
{
    (void)state;
    struct cluster *cluster = solo_make(4, SELF, true);
    cluster->nodes[SELF].verdict = CONSENSUS_CERTIFY_BAD;
    const struct solo_block block = solo_block(cluster, 1, NULL, 0);
    (void)solo_propose(cluster, SELF, &block);
    (void)solo_certificate(cluster, SELF, VOTE_NOTARIZE, 1, &block.brief.proposal);
    solo_settle(cluster);
    assert_int_equal(cluster->nodes[SELF].diverged, 0);
    (void)solo_certificate(cluster, SELF, VOTE_FINALIZE, 1, &block.brief.proposal);
    assert_int_equal(cluster->nodes[SELF].diverged, 1);
    assert_int_equal(cluster->nodes[SELF].final_count, 0);
    cluster_free(cluster);
}

/* R11, R12: an F whose ancestors are unknown: near ones are walked, far ones caught up. */
static void finality_without_ancestors(void **state)
{
    (void)state;
    struct cluster *cluster = solo_make(4, SELF, false);
    const struct solo_block first = solo_block(cluster, 1, NULL, 0);
    const struct solo_block second = solo_block(cluster, 2, &first.brief, 0);
    (void)solo_certificate(cluster, SELF, VOTE_FINALIZE, 2, &second.brief.proposal);
    assert_int_equal(cluster_view(cluster, SELF), 3);
    assert_int_equal(solo_propose(cluster, SELF, &second), CONSENSUS_ACCEPTED);
    assert_int_equal(cluster->nodes[SELF].final_count, 0);
    assert_int_equal(solo_propose(cluster, SELF, &first), CONSENSUS_ACCEPTED);
    assert_int_equal(cluster->nodes[SELF].final_count, 2);
    assert_int_equal(cluster->nodes[SELF].finals[0].height, 1);

    const struct hash far = {{9}};
    (void)solo_certificate(cluster, SELF, VOTE_FINALIZE, 5000, &far);
    assert_int_equal(cluster_view(cluster, SELF), 5001);
    assert_int_equal(cluster->nodes[SELF].catch_ups, 1);
    const struct certificate final = cluster_certificate(cluster, VOTE_FINALIZE, 4000, &far);
    struct consensus_event event = {
        .kind = CONSENSUS_ON_ADVANCED,
        .advanced = {.view = 4000, .proposal = far, .height = 3000, .certificate = &final}};
    assert_int_equal(cluster_step(cluster, SELF, event), CONSENSUS_ACCEPTED);
    assert_int_equal(cluster->nodes[SELF].catch_ups, 2); /* still short of view 5000 */
    const struct certificate target = cluster_certificate(cluster, VOTE_FINALIZE, 5000, &far);
    event.advanced.view = 5000;
    event.advanced.height = 3500;
    event.advanced.certificate = &target;
    assert_int_equal(cluster_step(cluster, SELF, event), CONSENSUS_ACCEPTED);
    assert_int_equal(cluster->nodes[SELF].catch_ups, 2);
    struct consensus_status status;
    consensus_status(cluster->nodes[SELF].core, &status);
    assert_int_equal(status.last_delivered.height, 3500);
    cluster_free(cluster);
}

/* K5, 31.2: a jump over more views than are remembered.  Nothing is vouched for until every
 * missing Z has come, in order; then ancestry holds again without any F. */
static void jump_beyond_records(void **state)
{
    (void)state;
    enum { FAR = 3 * CONSENSUS_HISTORY_MAX + 1 };
    struct cluster *cluster = solo_make(4, SELF, true);
    (void)solo_certificate(cluster, SELF, VOTE_NULLIFY, FAR, NULL);
    assert_int_equal(cluster_view(cluster, SELF), FAR + 1);
    const struct solo_block block = solo_block(cluster, FAR + 1, NULL, 0);
    assert_int_equal(solo_propose(cluster, SELF, &block), CONSENSUS_ACCEPTED);
    assert_true(cluster_tick(cluster, cluster->now_ms + 100));
    assert_int_equal(cluster_count(cluster, SELF, CONSENSUS_DO_GET_CERTIFICATES), 1);
    assert_int_equal(cluster->nodes[SELF].actions->items[0].range.view, 1);
    assert_int_equal(solo_certificate(cluster, SELF, VOTE_NULLIFY, 5, NULL), CONSENSUS_STALE);
    for (uint64_t view = 1; view < FAR; view++) {
        assert_int_equal(solo_signed(cluster, SELF, VOTE_NOTARIZE), 0);
        assert_int_equal(solo_certificate(cluster, SELF, VOTE_NULLIFY, view, NULL),
                         CONSENSUS_ACCEPTED);
    }
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NOTARIZE), 1);
    cluster_free(cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(p1_notarization_after_nullification),
        cmocka_unit_test(p1_nullification_after_notarization),
        cmocka_unit_test(p3_pending_is_not_a_verdict),
        cmocka_unit_test(p6_both_certificates_are_served),
        cmocka_unit_test(p7_lost_votes_are_sent_again),
        cmocka_unit_test(p7_standstill_repeats_own_votes),
        cmocka_unit_test(p9_own_votes_survive),
        cmocka_unit_test(p10_spoofed_views),
        cmocka_unit_test(p13_one_nullify),
        cmocka_unit_test(p14_equivocating_leader),
        cmocka_unit_test(p15_future_votes_are_not_kept),
        cmocka_unit_test(p16_long_ranges),
        cmocka_unit_test(p18_certify_has_no_clock),
        cmocka_unit_test(p22_leader_restart),
        cmocka_unit_test(p23_standstill_is_about_finality),
        cmocka_unit_test(k7_idle_nodes),
        cmocka_unit_test(t2_pointless_blocks),
        cmocka_unit_test(carrier_waits),
        cmocka_unit_test(k10_divergence),
        cmocka_unit_test(finality_without_ancestors),
        cmocka_unit_test(jump_beyond_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
