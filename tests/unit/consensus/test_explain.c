#include "consensus/explain/explain.h"
#include "tests/unit/consensus/solo.h"

/* What a core says it waits for, state by state. */

enum { SELF = 3 };

static struct consensus_explanation explain(const struct cluster *cluster)
{
    struct consensus_explanation out;
    consensus_explain(cluster->nodes[SELF].core, &out);
    return out;
}

static void at_rest(void **state)
{
    (void)state;
    struct cluster *cluster = solo_make(4, SELF, false);
    const struct consensus_explanation out = explain(cluster);
    assert_int_equal(out.quorum, 3);
    assert_false(out.work);
    assert_int_equal(out.proposal, CONSENSUS_PROPOSAL_NONE);
    assert_true(out.lead_ms == UINT64_MAX && out.cert_ms == UINT64_MAX);
    assert_int_equal(out.tip.view, 0);
    assert_int_equal(out.fetch_count, 0);
    cluster_free(cluster);
}

/* From the proposal to the last FINALIZE. */
static void one_view(void **state)
{
    (void)state;
    struct cluster *cluster = solo_make(4, SELF, true);
    struct consensus_explanation out = explain(cluster);
    assert_true(out.work);
    assert_int_equal(out.lead_ms - out.entered_ms, 200); /* 2 delta_0 */
    const struct solo_block block = solo_block(cluster, 1, NULL, 0);
    cluster->nodes[SELF].verdict = CONSENSUS_CERTIFY_PENDING;
    assert_int_equal(solo_propose(cluster, SELF, &block), CONSENSUS_ACCEPTED);
    out = explain(cluster);
    assert_int_equal(out.proposal, CONSENSUS_PROPOSAL_HELD);
    assert_true(out.promised[VOTE_NOTARIZE] && !out.is_signed[VOTE_NOTARIZE]);
    solo_settle(cluster);
    assert_true(explain(cluster).is_signed[VOTE_NOTARIZE]);
    for (uint32_t i = 0; i < 2; i++) {
        (void)solo_vote(cluster, SELF, VOTE_NOTARIZE, 1, &block.brief.proposal, i);
    }
    solo_settle(cluster);
    out = explain(cluster);
    assert_int_equal(out.tip.view, 1);
    assert_int_equal(out.tip.certify, CONSENSUS_CERTIFY_PENDING);
    const struct consensus_event certified = {.kind = CONSENSUS_ON_CERTIFIED,
                                              .certified = {.view = 1,
                                                            .proposal = block.brief.proposal,
                                                            .verdict = CONSENSUS_CERTIFY_OK}};
    (void)cluster_step(cluster, SELF, certified);
    solo_settle(cluster);
    (void)solo_vote(cluster, SELF, VOTE_FINALIZE, 1, &block.brief.proposal, 0);
    out = explain(cluster);
    assert_int_equal(cluster_view(cluster, SELF), 2);
    assert_int_equal(out.tip.view, 1);
    assert_int_equal(out.tip.certify, CONSENSUS_CERTIFY_OK);
    assert_true(validator_bitmap_get(&out.tip.voted, 0) && validator_bitmap_get(&out.tip.voted, 3));
    assert_int_equal(validator_bitmap_count(&out.tip.voted), 2);
    (void)solo_vote(cluster, SELF, VOTE_FINALIZE, 1, &block.brief.proposal, 1);
    assert_int_equal(explain(cluster).tip.view, 0);
    cluster_free(cluster);
}

static void bad_block(void **state)
{
    (void)state;
    struct cluster *cluster = solo_make(4, SELF, true);
    const struct solo_block block = solo_block(cluster, 1, NULL, 0);
    cluster->nodes[SELF].verdict = CONSENSUS_CERTIFY_BAD;
    (void)solo_propose(cluster, SELF, &block);
    for (uint32_t i = 0; i < 2; i++) {
        (void)solo_vote(cluster, SELF, VOTE_NOTARIZE, 1, &block.brief.proposal, i);
    }
    solo_settle(cluster);
    assert_int_equal(explain(cluster).tip.certify, CONSENSUS_CERTIFY_BAD);
    cluster_free(cluster);
}

static void bad_and_early_proposals(void **state)
{
    (void)state;
    struct cluster *cluster = solo_make(4, SELF, true);
    const struct solo_block block = solo_block(cluster, 1, NULL, 0);
    struct consensus_event event = solo_event(&block);
    event.proposal.earliest_ok_ms = cluster->now_ms + 70;
    (void)cluster_step(cluster, SELF, event);
    const struct consensus_explanation early = explain(cluster);
    assert_int_equal(early.proposal, CONSENSUS_PROPOSAL_EARLY);
    assert_int_equal(early.early_ms, cluster->now_ms + 70);
    cluster_free(cluster);

    cluster = solo_make(4, SELF, true);
    const struct solo_block other = solo_block(cluster, 1, NULL, 0);
    event = solo_event(&other);
    event.proposal.bad = true;
    (void)cluster_step(cluster, SELF, event);
    const struct consensus_explanation bad = explain(cluster);
    assert_int_equal(bad.proposal, CONSENSUS_PROPOSAL_BAD);
    assert_true(bad.promised[VOTE_NULLIFY]);
    cluster_free(cluster);
}

/* A proposal over a skipped view: what is missing, whom it was asked of, how often. */
static void orphan(void **state)
{
    (void)state;
    struct cluster *cluster = solo_make(4, SELF, true);
    (void)solo_certificate(cluster, SELF, VOTE_NULLIFY, 2, NULL);
    assert_int_equal(cluster_view(cluster, SELF), 3);
    const struct solo_block block = solo_block(cluster, 3, NULL, 0);
    assert_int_equal(solo_propose(cluster, SELF, &block), CONSENSUS_ACCEPTED);
    struct consensus_explanation out = explain(cluster);
    assert_int_equal(out.proposal, CONSENSUS_PROPOSAL_ORPHAN);
    assert_int_equal(out.fetch_count, 1);
    assert_int_equal(out.fetches[0].kind, CONSENSUS_FETCH_CERTIFICATES);
    assert_int_equal(out.fetches[0].view, 1);
    assert_int_equal(out.fetches[0].attempts, 0);
    cluster->now_ms += 26; /* delta_0 / 4 + 1 */
    (void)cluster_step(cluster, SELF, (struct consensus_event){.kind = CONSENSUS_ON_TIMEOUT});
    assert_int_equal(cluster_count(cluster, SELF, CONSENSUS_DO_GET_CERTIFICATES), 1);
    out = explain(cluster);
    assert_int_equal(out.fetches[0].attempts, 1);
    const struct consensus_actions *actions = cluster->nodes[SELF].actions;
    for (uint32_t i = 0; i < actions->count; i++) {
        if (actions->items[i].kind == CONSENSUS_DO_GET_CERTIFICATES) {
            assert_int_equal(out.fetches[0].peer, actions->items[i].to);
            assert_int_equal(out.fetches[0].count, actions->items[i].range.count);
        }
    }
    (void)solo_certificate(cluster, SELF, VOTE_NULLIFY, 1, NULL);
    out = explain(cluster);
    assert_int_equal(out.fetch_count, 0);
    assert_int_equal(out.proposal, CONSENSUS_PROPOSAL_HELD);
    cluster_free(cluster);
}

/* Certified and final proposals that are not here. */
static void missing_blocks(void **state)
{
    (void)state;
    struct cluster *cluster = solo_make(4, SELF, true);
    const struct solo_block block = solo_block(cluster, 1, NULL, 0);
    (void)solo_certificate(cluster, SELF, VOTE_NOTARIZE, 1, &block.brief.proposal);
    struct consensus_explanation out = explain(cluster);
    assert_int_equal(out.fetch_count, 1);
    assert_int_equal(out.fetches[0].kind, CONSENSUS_FETCH_PROPOSAL);
    (void)solo_certificate(cluster, SELF, VOTE_FINALIZE, 1, &block.brief.proposal);
    out = explain(cluster);
    assert_true(out.fetch_count > 0);
    assert_int_equal(out.fetches[0].view, 1);
    cluster_free(cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_rest),   cmocka_unit_test(one_view),
        cmocka_unit_test(bad_block), cmocka_unit_test(bad_and_early_proposals),
        cmocka_unit_test(orphan),    cmocka_unit_test(missing_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
