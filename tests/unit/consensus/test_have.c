#include "tests/unit/consensus/solo.h"

/* HAVE (31.4): certificates are announced, and pulled by those who lack them. */

enum { SELF = 0, PATIENCE_MS = 20 };

static struct cluster *cluster_announcing(uint32_t n)
{
    struct cluster *cluster = cluster_make(n);
    cluster->announces = true;
    for (uint32_t i = 0; i < n; i++) {
        cluster_boot(cluster, i);
    }
    return cluster;
}

static struct cluster *solo_announcing(uint32_t n)
{
    struct cluster *cluster = solo_make(n, SELF, false);
    const struct consensus_event start = {.kind = CONSENSUS_ON_START};
    cluster->announces = true;
    cluster_boot(cluster, SELF);
    assert_int_equal(cluster_step(cluster, SELF, start), CONSENSUS_ACCEPTED);
    return cluster;
}

static enum consensus_verdict have(struct cluster *cluster, enum vote_kind kind, uint64_t view,
                                   uint32_t from)
{
    const struct consensus_event event = {
        .kind = CONSENSUS_ON_HAVE, .from = from, .have = {.epoch = 1, .view = view, .kind = kind}};
    return cluster_step(cluster, SELF, event);
}

/* The peer that the last step asked for certificates, or CONSENSUS_ALL. */
static uint32_t asked(const struct cluster *cluster, uint64_t view)
{
    const struct consensus_actions *actions = cluster->nodes[SELF].actions;
    for (uint32_t i = 0; i < actions->count; i++) {
        if (actions->items[i].kind == CONSENSUS_DO_GET_CERTIFICATES) {
            assert_int_equal(actions->items[i].range.view, view);
            assert_int_equal(actions->items[i].range.count, 1);
            return actions->items[i].to;
        }
    }
    return CONSENSUS_ALL;
}

static void fire_at(struct cluster *cluster, uint64_t after_ms)
{
    const struct consensus_event event = {.kind = CONSENSUS_ON_TIMEOUT};
    cluster->now_ms += after_ms;
    assert_int_equal(cluster_step(cluster, SELF, event), CONSENSUS_ACCEPTED);
}

static uint32_t certificates_sent;

static bool count_certificates(const struct cluster *cluster, const struct cluster_message *message)
{
    (void)cluster;
    certificates_sent += message->event.kind == CONSENSUS_ON_CERTIFICATE ? 1 : 0;
    return false;
}

/* Everybody forms them from votes: no certificate travels. */
static void nothing_is_pulled(void **state)
{
    (void)state;
    struct cluster *cluster = cluster_announcing(7);
    certificates_sent = 0;
    cluster->filter = count_certificates;
    cluster_start_all(cluster);
    cluster_work_all(cluster, true);
    cluster_run(cluster, 200);
    for (uint32_t i = 0; i < cluster->n; i++) {
        assert_in_range(cluster->nodes[i].final_count, 30, 60);
        assert_int_equal(cluster->nodes[i].signed_count[VOTE_NULLIFY], 0);
    }
    assert_int_equal(certificates_sent, 0);
    cluster_free(cluster);
}

static bool votes_to_last_are_lost(const struct cluster *cluster,
                                   const struct cluster_message *message)
{
    return message->to == cluster->n - 1 && message->event.kind == CONSENSUS_ON_VOTE;
}

/* One that hears no vote follows by what the others announce, without a timeout. */
static void who_lacks_pulls(void **state)
{
    (void)state;
    struct cluster *cluster = cluster_announcing(5);
    cluster->filter = votes_to_last_are_lost;
    cluster_start_all(cluster);
    cluster_work_all(cluster, true);
    cluster_run(cluster, 1000);
    cluster_work_all(cluster, false);
    cluster_run(cluster, 300);
    const struct cluster_node *last = &cluster->nodes[4];
    assert_true(last->final_count > 20);
    assert_int_equal(last->final_count, cluster->nodes[0].final_count);
    for (uint32_t i = 0; i < cluster->n; i++) {
        assert_int_equal(cluster->nodes[i].signed_count[VOTE_NULLIFY], 0);
    }
    cluster_free(cluster);
}

/* One by one, after a moment each; who does not answer is not asked again. */
static void asks_by_turns(void **state)
{
    (void)state;
    struct cluster *cluster = solo_announcing(7);
    for (uint32_t from = 3; from <= 5; from++) {
        assert_int_equal(have(cluster, VOTE_NOTARIZE, 1, from), CONSENSUS_ACCEPTED);
        assert_int_equal(asked(cluster, 1), CONSENSUS_ALL);
    }
    assert_int_equal(cluster->nodes[SELF].timer_ms, cluster->now_ms + PATIENCE_MS);
    fire_at(cluster, PATIENCE_MS - 1);
    assert_int_equal(asked(cluster, 1), CONSENSUS_ALL);
    fire_at(cluster, 1);
    assert_int_equal(asked(cluster, 1), 3);
    fire_at(cluster, PATIENCE_MS - 1);
    assert_int_equal(asked(cluster, 1), CONSENSUS_ALL);
    fire_at(cluster, 1);
    assert_int_equal(asked(cluster, 1), 4);
    fire_at(cluster, PATIENCE_MS);
    assert_int_equal(asked(cluster, 1), 5);
    fire_at(cluster, PATIENCE_MS);
    assert_int_equal(asked(cluster, 1), CONSENSUS_ALL);
    assert_true(cluster->nodes[SELF].timer_ms == UINT64_MAX);
    assert_int_equal(have(cluster, VOTE_NOTARIZE, 1, 4), CONSENSUS_ACCEPTED); /* says it again */
    fire_at(cluster, PATIENCE_MS);
    assert_int_equal(asked(cluster, 1), 4);
    cluster_free(cluster);
}

/* Those who announce what does not exist take turns, not the place of others. */
static void liars_do_not_block(void **state)
{
    (void)state;
    struct cluster *cluster = solo_announcing(7);
    assert_int_equal(have(cluster, VOTE_FINALIZE, 4, 1), CONSENSUS_ACCEPTED);
    assert_int_equal(have(cluster, VOTE_NULLIFY, 3, 2), CONSENSUS_ACCEPTED);
    assert_int_equal(have(cluster, VOTE_NULLIFY, 1, 6), CONSENSUS_ACCEPTED);
    fire_at(cluster, PATIENCE_MS);
    assert_int_equal(asked(cluster, 4), 1);
    assert_int_equal(have(cluster, VOTE_FINALIZE, 4, 1), CONSENSUS_ACCEPTED);
    fire_at(cluster, PATIENCE_MS);
    assert_int_equal(asked(cluster, 3), 2);
    fire_at(cluster, PATIENCE_MS);
    assert_int_equal(asked(cluster, 1), 6);
    assert_int_equal(cluster_view(cluster, SELF), 1); /* nothing was believed */
    const struct hash none = {{0}};
    assert_int_equal(solo_certificate(cluster, SELF, VOTE_NULLIFY, 1, &none), CONSENSUS_ACCEPTED);
    assert_int_equal(cluster_view(cluster, SELF), 2);
    cluster_free(cluster);
}

/* An answer does not make the next certificate wait. */
static void pulls_one_after_the_other(void **state)
{
    (void)state;
    struct cluster *cluster = solo_announcing(7);
    const struct hash none = {{0}};
    for (uint64_t view = 1; view <= 5; view++) {
        assert_int_equal(have(cluster, VOTE_NULLIFY, view, 3), CONSENSUS_ACCEPTED);
        fire_at(cluster, PATIENCE_MS);
        assert_int_equal(asked(cluster, view), 3);
        assert_int_equal(solo_certificate(cluster, SELF, VOTE_NULLIFY, view, &none),
                         CONSENSUS_ACCEPTED);
        assert_int_equal(cluster_view(cluster, SELF), view + 1);
    }
    cluster_free(cluster);
}

/* f liars who say it again after each question delay an honest one by f turns. */
static void insistent_liars_delay_by_turns(void **state)
{
    (void)state;
    enum { N = 10, FAULTY = 3 };
    struct cluster *cluster = solo_announcing(N);
    uint32_t turns = 0;
    for (uint32_t liar = 1; liar <= FAULTY; liar++) {
        assert_int_equal(have(cluster, VOTE_FINALIZE, 4, liar), CONSENSUS_ACCEPTED);
    }
    assert_int_equal(have(cluster, VOTE_FINALIZE, 4, FAULTY + 1), CONSENSUS_ACCEPTED);
    for (uint32_t to = 0; to != FAULTY + 1; turns++) {
        assert_true(turns <= FAULTY);
        fire_at(cluster, PATIENCE_MS);
        to = asked(cluster, 4);
        for (uint32_t liar = 1; liar <= FAULTY; liar++) {
            assert_int_equal(have(cluster, VOTE_FINALIZE, 4, liar), CONSENSUS_ACCEPTED);
        }
    }
    cluster_free(cluster);
}

/* An announcement to who is far behind must not use up the answer to the STATUS it causes. */
static void status_is_answered_after_an_announcement(void **state)
{
    (void)state;
    struct cluster *cluster = solo_announcing(7);
    const struct hash hash = {{9}};
    const struct consensus_event status = {
        .kind = CONSENSUS_ON_STATUS, .from = 3, .status = {.epoch = 1, .view = 1}};
    assert_int_equal(solo_certificate(cluster, SELF, VOTE_FINALIZE, 9, &hash), CONSENSUS_ACCEPTED);
    assert_int_equal(solo_vote(cluster, SELF, VOTE_NOTARIZE, 1, &hash, 3), CONSENSUS_STALE);
    assert_int_equal(cluster_count(cluster, SELF, CONSENSUS_DO_SEND_HAVE), 1);
    cluster->now_ms += 1;
    assert_int_equal(cluster_step(cluster, SELF, status), CONSENSUS_ACCEPTED);
    assert_int_equal(cluster_count(cluster, SELF, CONSENSUS_DO_SEND_CERTIFICATE), 1);
    cluster_free(cluster);
}

static void refuses(void **state)
{
    (void)state;
    struct cluster *cluster = solo_announcing(7);
    assert_int_equal(have(cluster, VOTE_PROPOSE, 1, 1), CONSENSUS_MALFORMED);
    assert_int_equal(have(cluster, (enum vote_kind)4, 1, 1), CONSENSUS_MALFORMED);
    assert_int_equal(have(cluster, VOTE_FINALIZE, 0, 1), CONSENSUS_MALFORMED);
    assert_int_equal(have(cluster, VOTE_FINALIZE, 1, SELF), CONSENSUS_STRANGER);
    assert_int_equal(have(cluster, VOTE_FINALIZE, 1, 7), CONSENSUS_STRANGER);
    assert_int_equal(have(cluster, VOTE_NULLIFY, 5, 1), CONSENSUS_EARLY);
    assert_int_equal(cluster_count(cluster, SELF, CONSENSUS_DO_SEND_STATUS), 1);
    assert_int_equal(have(cluster, VOTE_NULLIFY, 3, 2), CONSENSUS_ACCEPTED);
    assert_int_equal(have(cluster, VOTE_NULLIFY, 2, 2), CONSENSUS_DUPLICATE); /* says less */
    const struct consensus_event other = {
        .kind = CONSENSUS_ON_HAVE, .from = 1, .have = {.epoch = 2, .view = 1, .kind = 1}};
    assert_int_equal(cluster_step(cluster, SELF, other), CONSENSUS_NEXT_EPOCH);
    cluster_free(cluster);
}

/* K7 at n votes for each view would send n certificates: the votes that come after a quorum. */
static void late_votes_are_answered_shortly(void **state)
{
    (void)state;
    struct cluster *cluster = solo_announcing(7);
    const struct hash hash = {{9}};
    assert_int_equal(solo_certificate(cluster, SELF, VOTE_FINALIZE, 1, &hash), CONSENSUS_ACCEPTED);
    assert_int_equal(solo_vote(cluster, SELF, VOTE_FINALIZE, 1, &hash, 3), CONSENSUS_STALE);
    assert_int_equal(cluster_count(cluster, SELF, CONSENSUS_DO_SEND_HAVE), 1);
    assert_int_equal(cluster_count(cluster, SELF, CONSENSUS_DO_SEND_CERTIFICATE), 0);
    assert_int_equal(have(cluster, VOTE_NOTARIZE, 1, 4), CONSENSUS_STALE);
    assert_int_equal(cluster_count(cluster, SELF, CONSENSUS_DO_SEND_HAVE), 1);
    assert_int_equal(have(cluster, VOTE_FINALIZE, 1, 5), CONSENSUS_STALE); /* not behind */
    assert_int_equal(cluster_count(cluster, SELF, CONSENSUS_DO_SEND_HAVE), 0);
    cluster_free(cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_pulled),
        cmocka_unit_test(who_lacks_pulls),
        cmocka_unit_test(asks_by_turns),
        cmocka_unit_test(liars_do_not_block),
        cmocka_unit_test(refuses),
        cmocka_unit_test(pulls_one_after_the_other),
        cmocka_unit_test(insistent_liars_delay_by_turns),
        cmocka_unit_test(status_is_answered_after_an_announcement),
        cmocka_unit_test(late_votes_are_answered_shortly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
