#include "tests/unit/consensus/solo.h"

/* What the core holds against a validator. */

enum { SELF = 3, LIAR = 1 };

static const struct hash one = {{1}};
static const struct hash two = {{2}};

/* Whether this vote of the liar is evidence beside what is held; then of which kind that is. */
static bool contradicts(const struct cluster *cluster, enum vote_kind kind, uint64_t view,
                        const struct hash *hash)
{
    struct vote held;
    const struct vote vote = cluster_vote(kind, view, hash, LIAR);
    if (!consensus_contradicts(cluster->nodes[SELF].core, &vote, &held)) {
        return false;
    }
    const struct vote expected = cluster_vote(held.kind, view, &held.proposal, LIAR);
    assert_true(vote_contradicts(&vote, &held));
    assert_int_equal(held.validator, LIAR);
    assert_memory_equal(&held.signature, &expected.signature, sizeof(expected.signature));
    return true;
}

static void votes(void **state)
{
    (void)state;
    struct cluster *cluster = solo_make(4, SELF, true);
    assert_false(contradicts(cluster, VOTE_NOTARIZE, 1, &one)); /* nothing is held */
    (void)solo_vote(cluster, SELF, VOTE_NOTARIZE, 1, &one, LIAR);
    assert_false(contradicts(cluster, VOTE_NOTARIZE, 1, &one));
    assert_false(contradicts(cluster, VOTE_NOTARIZE, 2, &two));
    assert_false(contradicts(cluster, VOTE_NULLIFY, 1, NULL));
    assert_false(contradicts(cluster, VOTE_FINALIZE, 1, &two));
    assert_true(contradicts(cluster, VOTE_NOTARIZE, 1, &two));
    /* That others say something else proves nothing. */
    (void)solo_vote(cluster, SELF, VOTE_NOTARIZE, 2, &one, 0);
    assert_false(contradicts(cluster, VOTE_NOTARIZE, 2, &two));
    (void)solo_vote(cluster, SELF, VOTE_NULLIFY, 2, NULL, LIAR);
    assert_true(contradicts(cluster, VOTE_FINALIZE, 2, &two));
    (void)solo_vote(cluster, SELF, VOTE_FINALIZE, 3, &one, LIAR);
    assert_true(contradicts(cluster, VOTE_NULLIFY, 3, NULL));
    assert_true(contradicts(cluster, VOTE_FINALIZE, 3, &two));
    assert_false(contradicts(cluster, VOTE_FINALIZE, 3, &one));
    assert_int_equal(solo_vote(cluster, SELF, VOTE_FINALIZE, 3, &two, LIAR), CONSENSUS_EQUIVOCATED);
    cluster_free(cluster);
}

/* A vote that was not taken is held against nobody, and neither are our own. */
static void not_held(void **state)
{
    (void)state;
    struct cluster *cluster = solo_make(4, SELF, true);
    assert_int_equal(solo_vote(cluster, SELF, VOTE_NOTARIZE, 60, &one, LIAR), CONSENSUS_EARLY);
    assert_false(contradicts(cluster, VOTE_NOTARIZE, 60, &two));
    struct vote held;
    struct vote vote = cluster_vote(VOTE_NOTARIZE, 1, &one, LIAR);
    (void)solo_vote(cluster, SELF, VOTE_NOTARIZE, 1, &two, LIAR);
    assert_true(consensus_contradicts(cluster->nodes[SELF].core, &vote, &held));
    vote.epoch++;
    assert_false(consensus_contradicts(cluster->nodes[SELF].core, &vote, &held));
    const struct solo_block block = solo_block(cluster, 1, NULL, 0);
    assert_int_equal(solo_propose(cluster, SELF, &block), CONSENSUS_ACCEPTED);
    solo_settle(cluster);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NOTARIZE), 1);
    const uint32_t nobody[] = {SELF, 4, UINT32_MAX};
    for (uint32_t i = 0; i < 3; i++) {
        vote = cluster_vote(VOTE_NOTARIZE, 1, &one, nobody[i]);
        assert_false(consensus_contradicts(cluster->nodes[SELF].core, &vote, &held));
    }
    cluster_free(cluster);
}

/* The vote in a certificate takes the place of what its signer said before: ask first. */
static void certificates(void **state)
{
    (void)state;
    struct cluster *cluster = solo_make(4, SELF, true);
    (void)solo_vote(cluster, SELF, VOTE_NOTARIZE, 1, &one, LIAR);
    assert_true(contradicts(cluster, VOTE_NOTARIZE, 1, &two));
    assert_int_equal(solo_certificate(cluster, SELF, VOTE_NOTARIZE, 1, &two), CONSENSUS_ACCEPTED);
    assert_false(contradicts(cluster, VOTE_NOTARIZE, 1, &two));
    assert_true(contradicts(cluster, VOTE_NOTARIZE, 1, &one));
    /* Also of views that were left, as long as they are remembered. */
    assert_int_equal(solo_certificate(cluster, SELF, VOTE_NULLIFY, 5, NULL), CONSENSUS_ACCEPTED);
    assert_true(contradicts(cluster, VOTE_FINALIZE, 5, &one));
    assert_true(contradicts(cluster, VOTE_NOTARIZE, 1, &one));
    cluster_free(cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(votes),
        cmocka_unit_test(not_held),
        cmocka_unit_test(certificates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
