#include <stdlib.h>

#include "tests/unit/consensus/solo.h"

/* Epochs, rule by rule (docs/protocol-consensus.md 37); the change itself, with nodes that
 * crash and lie, is the simulator's. */

enum { SELF = 3 };

static bool is_over(const struct cluster *cluster, uint32_t i)
{
    struct consensus_status status;
    consensus_status(cluster->nodes[i].core, &status);
    return status.is_over;
}

static const struct consensus_action *find_action(const struct cluster *cluster, uint32_t i,
                                                  enum consensus_action_kind kind)
{
    const struct consensus_actions *actions = cluster->nodes[i].actions;
    for (uint32_t k = 0; k < actions->count; k++) {
        if (actions->items[k].kind == kind) {
            return &actions->items[k];
        }
    }
    return NULL;
}

/* Proposal and N: the core is asked to certify and enters the next view. */
static void certify(struct cluster *cluster, const struct solo_block *block)
{
    assert_int_equal(solo_propose(cluster, SELF, block), CONSENSUS_ACCEPTED);
    assert_int_equal(
        solo_certificate(cluster, SELF, VOTE_NOTARIZE, block->brief.view, &block->brief.proposal),
        CONSENSUS_ACCEPTED);
    solo_settle(cluster);
    assert_int_equal(cluster_view(cluster, SELF), block->brief.view + 1);
}

/* E1, E4: the block that names another set is the last one, and the core is done. */
static void boundary_ends_the_epoch(void **state)
{
    (void)state;
    struct cluster *cluster = cluster_make(4);
    cluster->boundary_height = 3;
    cluster_start_all(cluster);
    cluster_work_all(cluster, true);
    cluster_run(cluster, 5000);
    for (uint32_t i = 0; i < 4; i++) {
        const struct cluster_node *node = &cluster->nodes[i];
        assert_int_equal(node->final_count, 3);
        assert_true(node->finals[2].boundary && !node->finals[1].boundary);
        assert_int_equal(node->epochs_ended, 1);
        assert_true(is_over(cluster, i));
        assert_true(node->timer_ms == UINT64_MAX);
        assert_int_equal(node->signed_count[VOTE_NULLIFY], 0);
    }
    /* Whatever comes: nothing is done. */
    assert_int_equal(solo_vote(cluster, SELF, VOTE_NOTARIZE, 4, &(struct hash){{1}}, 0),
                     CONSENSUS_STALE);
    assert_int_equal(cluster->nodes[SELF].actions->count, 0);
    const struct consensus_event timeout = {.kind = CONSENSUS_ON_TIMEOUT};
    assert_int_equal(cluster_step(cluster, SELF, timeout), CONSENSUS_STALE);
    assert_int_equal(cluster->nodes[SELF].actions->count, 0);
    cluster_free(cluster);
}

/* E3: on a boundary block only the same block is acceptable, with its height and its flag. */
static void only_itself_again(void **state)
{
    (void)state;
    for (int wrong = 0; wrong <= 5; wrong++) {
        struct cluster *cluster = solo_make(4, SELF, true);
        cluster->boundary_height = 1;
        const struct solo_block boundary = solo_block(cluster, 1, NULL, 0);
        certify(cluster, &boundary);
        struct solo_block again = solo_block(cluster, 2, &boundary.brief, 0);
        struct proposal *proposal = &again.proposal;
        struct hash child_id = {{9}};
        switch (wrong) {
        case 1: /* a child */
            proposal->light =
                (struct proposal_light){.epoch = 1, .view = 2, .height = 2, .block_id = child_id};
            proposal->rest.flags = 0;
            break;
        case 2:
            proposal->rest.flags = 0;
            break;
        case 3:
            proposal->light.block_id = child_id;
            break;
        case 4:
            proposal->light.height = 2;
            break;
        case 5: /* says that nothing changes */
            proposal->light.next_set_hash = (struct hash){{0}};
            break;
        default:
            break;
        }
        struct consensus_event event = solo_event(&again);
        event.proposal.parent_id = boundary.brief.block_id;
        assert_int_equal(cluster_step(cluster, SELF, event), CONSENSUS_ACCEPTED);
        solo_settle(cluster);
        assert_int_equal(solo_signed(cluster, SELF, VOTE_NOTARIZE), wrong == 0 ? 2 : 1);
        assert_int_equal(solo_signed(cluster, SELF, VOTE_NULLIFY), wrong == 0 ? 0 : 1);
        cluster_free(cluster);
    }
}

/* E3: nothing but a boundary block is proposed again. */
static void nothing_else_again(void **state)
{
    (void)state;
    struct cluster *cluster = solo_make(4, SELF, true);
    const struct solo_block plain = solo_block(cluster, 1, NULL, 0);
    certify(cluster, &plain);
    struct solo_block again = solo_block(cluster, 2, &plain.brief, 0);
    again.proposal.light.height = plain.brief.height;
    again.proposal.light.block_id = plain.brief.block_id;
    again.proposal.rest.flags = PROPOSAL_REPROPOSED;
    (void)solo_propose(cluster, SELF, &again);
    solo_settle(cluster);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NOTARIZE), 1);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NULLIFY), 1);
    cluster_free(cluster);

    /* Nor is a first boundary block one that is proposed again. */
    cluster = solo_make(4, SELF, true);
    cluster->boundary_height = 1;
    struct solo_block first = solo_block(cluster, 1, NULL, 0);
    first.proposal.rest.flags = PROPOSAL_REPROPOSED;
    (void)solo_propose(cluster, SELF, &first);
    solo_settle(cluster);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NOTARIZE), 0);
    assert_int_equal(solo_signed(cluster, SELF, VOTE_NULLIFY), 1);
    cluster_free(cluster);
}

/* E3 as leader: the request says so, and waits for the F that makes it needless. */
static void leader_proposes_again(void **state)
{
    (void)state;
    enum { LEADER = 1 }; /* of view 2 */
    struct cluster *cluster = solo_make(4, LEADER, true);
    cluster->boundary_height = 1;
    const struct solo_block boundary = solo_block(cluster, 1, NULL, 0);
    (void)solo_propose(cluster, LEADER, &boundary);
    (void)solo_certificate(cluster, LEADER, VOTE_NOTARIZE, 1, &boundary.brief.proposal);
    solo_settle(cluster);
    assert_int_equal(cluster_view(cluster, LEADER), 2);
    assert_int_equal(solo_signed(cluster, LEADER, VOTE_PROPOSE), 0);
    assert_true(cluster_tick(cluster, cluster->now_ms + 50)); /* D / 2 */
    const struct consensus_action *build = find_action(cluster, LEADER, CONSENSUS_DO_BUILD);
    assert_non_null(build);
    assert_true(build->build.repropose && !build->build.carrier_only);
    assert_memory_equal(&build->build.parent.block_id, &boundary.brief.block_id, HASH_SIZE);
    solo_settle(cluster);
    assert_int_equal(solo_signed(cluster, LEADER, VOTE_PROPOSE), 1);
    assert_int_equal(solo_signed(cluster, LEADER, VOTE_NOTARIZE), 2);
    assert_int_equal(solo_signed(cluster, LEADER, VOTE_NULLIFY), 0);
    cluster_free(cluster);
}

/* K1: however often and in whatever view, it is one block and final once. */
static void final_once(void **state)
{
    (void)state;
    struct cluster *cluster = solo_make(4, SELF, true);
    cluster->boundary_height = 2;
    const struct solo_block plain = solo_block(cluster, 1, NULL, 0);
    const struct solo_block boundary = solo_block(cluster, 2, &plain.brief, 0);
    const struct solo_block again = solo_block(cluster, 3, &boundary.brief, 0);
    const struct solo_block third = solo_block(cluster, 4, &again.brief, 0);
    certify(cluster, &plain);
    certify(cluster, &boundary);
    certify(cluster, &again);
    assert_int_equal(solo_propose(cluster, SELF, &third), CONSENSUS_ACCEPTED);
    (void)solo_certificate(cluster, SELF, VOTE_FINALIZE, 4, &third.brief.proposal);
    const struct cluster_node *node = &cluster->nodes[SELF];
    assert_int_equal(node->final_count, 2);
    assert_int_equal(node->finals[0].height, 1);
    assert_int_equal(node->finals[1].height, 2);
    assert_int_equal(node->finals[1].view, 4); /* the proposal that the F is about */
    assert_memory_equal(&node->finals[1].block_id, &boundary.brief.block_id, HASH_SIZE);
    assert_int_equal(node->epochs_ended, 1);
    assert_memory_equal(&find_action(cluster, SELF, CONSENSUS_DO_END_EPOCH)->block.block_id,
                        &boundary.brief.block_id, HASH_SIZE);
    cluster_free(cluster);
}

/* E3: when its view was given up, another boundary block may stand on its parent. */
static void another_boundary(void **state)
{
    (void)state;
    struct cluster *cluster = solo_make(4, SELF, true);
    cluster->boundary_height = 2;
    const struct solo_block plain = solo_block(cluster, 1, NULL, 0);
    certify(cluster, &plain);
    const struct solo_block lost = solo_block(cluster, 2, &plain.brief, 0);
    (void)solo_propose(cluster, SELF, &lost);
    (void)solo_certificate(cluster, SELF, VOTE_NULLIFY, 2, NULL);
    const struct solo_block other = solo_block(cluster, 3, &plain.brief, 1);
    certify(cluster, &other);
    (void)solo_certificate(cluster, SELF, VOTE_FINALIZE, 3, &other.brief.proposal);
    assert_true(is_over(cluster, SELF));
    assert_int_equal(cluster->nodes[SELF].final_count, 2);
    assert_memory_equal(&cluster->nodes[SELF].finals[1].block_id, &other.brief.block_id, HASH_SIZE);
    cluster_free(cluster);
}

/* K5 bounds new blocks; the same one again, however often, must not run into it. */
static void again_without_bound(void **state)
{
    (void)state;
    struct cluster *cluster = solo_make(4, SELF, true);
    cluster->boundary_height = 1;
    struct solo_block block = solo_block(cluster, 1, NULL, 0);
    certify(cluster, &block);
    for (uint64_t view = 2; view < 2 + 2 * UNFINAL_BLOCK_MAX; view++) {
        block = solo_block(cluster, view, &block.brief, 0);
        const bool leads = block.proposal.rest.leader == SELF;
        for (int i = 0; leads && i < 9 && solo_signed(cluster, SELF, VOTE_NOTARIZE) < view; i++) {
            assert_true(cluster_tick(cluster, cluster->now_ms + 60000));
            const struct consensus_action *build = find_action(cluster, SELF, CONSENSUS_DO_BUILD);
            assert_true(build == NULL || !build->build.carrier_only);
            solo_settle(cluster);
        }
        const enum consensus_verdict verdict = solo_propose(cluster, SELF, &block);
        assert_true(verdict == CONSENSUS_ACCEPTED || verdict == CONSENSUS_DUPLICATE);
        solo_settle(cluster);
        assert_int_equal(solo_signed(cluster, SELF, VOTE_NOTARIZE), view);
        (void)solo_certificate(cluster, SELF, VOTE_NOTARIZE, view, &block.brief.proposal);
        solo_settle(cluster);
    }
    cluster_free(cluster);
}

/* E4: an F alone ends nothing; the blocks up to it must be here.  Who has none of them asks
 * for the proposal, and now and then for the chain. */
static void end_waits_for_the_blocks(void **state)
{
    (void)state;
    struct cluster *cluster = solo_make(4, SELF, true);
    cluster->boundary_height = 1;
    const struct solo_block boundary = solo_block(cluster, 1, NULL, 0);
    (void)solo_certificate(cluster, SELF, VOTE_FINALIZE, 1, &boundary.brief.proposal);
    assert_false(is_over(cluster, SELF));
    for (int i = 0; i < 40 && cluster->nodes[SELF].catch_ups == 0; i++) {
        assert_true(cluster_tick(cluster, cluster->now_ms + 60000));
        while (cluster->first != NULL) { /* nobody is there */
            struct cluster_message *next = cluster->first->next;
            free(cluster->first);
            cluster->first = next;
        }
        cluster->last = NULL;
    }
    assert_int_equal(cluster->nodes[SELF].catch_ups, 1);
    (void)solo_propose(cluster, SELF, &boundary);
    assert_true(is_over(cluster, SELF));
    cluster_free(cluster);
}

struct lone {
    struct consensus *core;
    struct consensus_actions *actions;
    uint64_t now_ms;
};

/* A core of epoch 5, on a chain of seven blocks. */
static struct lone lone_make(uint32_t self)
{
    struct consensus_config config = {.epoch = 5,
                                      .set_hash = {{1}},
                                      .validator_count = 4,
                                      .self = self,
                                      .delta_0_ms = 100,
                                      .delta_max_ms = 1000,
                                      .c_max_ms = 100,
                                      .standstill_ms = 1000,
                                      .anchor = {.block_id = {{0xE}}, .height = 7}};
    struct lone lone = {.now_ms = 1000};
    void *mem = malloc(consensus_footprint(4));
    lone.actions = malloc(sizeof(*lone.actions));
    assert_true(mem != NULL && lone.actions != NULL);
    lone.core = consensus_init(mem, &config);
    return lone;
}

static enum consensus_verdict lone_step(struct lone *lone, struct consensus_event event)
{
    event.now_ms = lone->now_ms;
    return consensus_step(lone->core, &event, lone->actions);
}

static uint32_t lone_count(const struct lone *lone, enum consensus_action_kind kind)
{
    uint32_t count = 0;
    for (uint32_t k = 0; k < lone->actions->count; k++) {
        count += lone->actions->items[k].kind == kind ? 1 : 0;
    }
    return count;
}

static void lone_free(struct lone *lone)
{
    free(lone->core);
    free(lone->actions);
}

static struct proposal lone_proposal(uint64_t epoch, uint64_t height)
{
    return (struct proposal){.light = {.epoch = epoch,
                                       .view = 1,
                                       .height = height,
                                       .block_id = {{0xF}},
                                       .next_set_hash = {{1}}}};
}

/* Events of a peer, one of each kind, that belong to an epoch. */
static uint32_t make_events(uint64_t epoch, struct consensus_event *out)
{
    static struct proposal proposal;
    static struct certificate certificate;
    proposal = lone_proposal(epoch, 8);
    certificate =
        (struct certificate){.kind = VOTE_NULLIFY, .epoch = epoch, .view = 1, .signature_count = 1};
    validator_bitmap_set(&certificate.signers, 90); /* a set of another size */
    const struct vote vote = {
        .kind = VOTE_NOTARIZE, .epoch = epoch, .view = 1, .proposal = {{3}}, .validator = 40};
    uint32_t count = 0;
    out[count++] = (struct consensus_event){.kind = CONSENSUS_ON_VOTE, .vote = vote};
    out[count++] =
        (struct consensus_event){.kind = CONSENSUS_ON_CERTIFICATE, .certificate = &certificate};
    out[count++] = (struct consensus_event){.kind = CONSENSUS_ON_PROPOSAL,
                                            .proposal = {.proposal = &proposal, .hash = {{3}}}};
    out[count++] = (struct consensus_event){.kind = CONSENSUS_ON_STATUS,
                                            .status = {.epoch = epoch, .view = 9}};
    out[count++] = (struct consensus_event){.kind = CONSENSUS_ON_GET_CERTIFICATES,
                                            .range = {.epoch = epoch, .view = 1, .count = 1}};
    return count;
}

/* E5: what is of an earlier epoch is refused, and its sender told how that one ended; of a
 * later one, refused, and its sender asked. */
static void other_epochs(void **state)
{
    (void)state;
    struct lone lone = lone_make(0);
    assert_int_equal(lone_step(&lone, (struct consensus_event){.kind = CONSENSUS_ON_START}),
                     CONSENSUS_ACCEPTED);
    for (uint64_t epoch = 4; epoch <= 6; epoch += 2) {
        const bool past = epoch == 4;
        struct consensus_event events[8];
        const uint32_t count = make_events(epoch, events);
        for (uint32_t i = 0; i < count; i++) {
            events[i].from = 77; /* no member of this epoch's set */
            lone.now_ms += 1000;
            if (events[i].kind <= CONSENSUS_ON_CERTIFICATE) {
                assert_int_equal(consensus_screen(lone.core, &events[i]),
                                 past ? CONSENSUS_PAST_EPOCH : CONSENSUS_NEXT_EPOCH);
            }
            assert_int_equal(lone_step(&lone, events[i]),
                             past ? CONSENSUS_PAST_EPOCH : CONSENSUS_NEXT_EPOCH);
            assert_int_equal(lone_count(&lone, CONSENSUS_DO_SERVE_EPOCH), past ? 1 : 0);
            assert_int_equal(lone_count(&lone, CONSENSUS_DO_SEND_STATUS), past ? 0 : 1);
            const struct consensus_action *answer = &lone.actions->items[0];
            assert_int_equal(answer->to, 77);
            assert_int_equal(past ? answer->epoch : 4, 4);
            (void)lone_step(&lone, events[i]); /* at a limited rate */
            assert_int_equal(lone_count(&lone, CONSENSUS_DO_SERVE_EPOCH), 0);
            assert_int_equal(lone_count(&lone, CONSENSUS_DO_SEND_STATUS), 0);
        }
    }
    /* But an F is such an answer itself: answers are not answered. */
    const struct certificate answer = {
        .kind = VOTE_FINALIZE, .epoch = 4, .view = 1, .proposal = {{3}}, .signature_count = 1};
    lone.now_ms += 1000;
    assert_int_equal(lone_step(&lone, (struct consensus_event){.kind = CONSENSUS_ON_CERTIFICATE,
                                                               .from = 77,
                                                               .certificate = &answer}),
                     CONSENSUS_PAST_EPOCH);
    assert_int_equal(lone_count(&lone, CONSENSUS_DO_SERVE_EPOCH), 0);
    struct consensus_status status;
    consensus_status(lone.core, &status);
    assert_int_equal(status.view, 1);
    assert_int_equal(validator_bitmap_count(&status.voted[VOTE_NOTARIZE]), 0);
    lone_free(&lone);
}

/* K1: view 0 is the block, by its id and height; it is not this epoch's boundary. */
static void next_stands_on_the_block(void **state)
{
    (void)state;
    for (uint64_t height = 7; height <= 9; height++) {
        struct lone lone = lone_make(1);
        (void)lone_step(&lone, (struct consensus_event){.kind = CONSENSUS_ON_START});
        (void)lone_step(&lone,
                        (struct consensus_event){.kind = CONSENSUS_ON_WORK, .work = {.now = true}});
        const struct proposal proposal = lone_proposal(5, height);
        const struct consensus_event event = {
            .kind = CONSENSUS_ON_PROPOSAL,
            .proposal = {.proposal = &proposal, .hash = {{3}}, .parent_id = {{0xE}}}};
        assert_int_equal(lone_step(&lone, event), CONSENSUS_ACCEPTED);
        assert_int_equal(lone_count(&lone, CONSENSUS_DO_SIGN), 1);
        for (uint32_t k = 0; k < lone.actions->count; k++) {
            const struct consensus_action *action = &lone.actions->items[k];
            if (action->kind == CONSENSUS_DO_SIGN) {
                assert_int_equal(action->vote.kind, height == 8 ? VOTE_NOTARIZE : VOTE_NULLIFY);
                assert_int_equal(action->vote.epoch, 5);
            }
        }
        lone_free(&lone);
    }
}

/* A member who was removed signs nothing, whatever there is to do. */
static void removed_signs_nothing(void **state)
{
    (void)state;
    struct lone lone = lone_make(CONSENSUS_OBSERVER);
    (void)lone_step(&lone, (struct consensus_event){.kind = CONSENSUS_ON_START});
    (void)lone_step(&lone,
                    (struct consensus_event){.kind = CONSENSUS_ON_WORK, .work = {.now = true}});
    const struct proposal proposal = lone_proposal(5, 8);
    (void)lone_step(&lone,
                    (struct consensus_event){
                        .kind = CONSENSUS_ON_PROPOSAL,
                        .proposal = {.proposal = &proposal, .hash = {{3}}, .parent_id = {{0xE}}}});
    assert_int_equal(lone_count(&lone, CONSENSUS_DO_SIGN), 0);
    for (int i = 0; i < 20; i++) {
        lone.now_ms += 1000;
        (void)lone_step(&lone, (struct consensus_event){.kind = CONSENSUS_ON_TIMEOUT});
        assert_int_equal(lone_count(&lone, CONSENSUS_DO_SIGN), 0);
    }
    lone_free(&lone);
}

/* What was promised in the old epoch binds nobody in the new one, and is not said again. */
static void promises_end_with_the_epoch(void **state)
{
    (void)state;
    struct lone lone = lone_make(0);
    const struct vote old = {.kind = VOTE_NULLIFY, .epoch = 4, .view = 1};
    const struct vote own = {.kind = VOTE_NULLIFY, .epoch = 5, .view = 2};
    struct certificate certificate = {
        .kind = VOTE_NULLIFY, .epoch = 4, .view = 1, .signature_count = 3};
    for (uint32_t i = 0; i < 3; i++) {
        validator_bitmap_set(&certificate.signers, i);
    }
    consensus_restore_certificate(lone.core, &certificate);
    consensus_restore_vote(lone.core, &old);
    consensus_restore_vote(lone.core, &own);
    (void)lone_step(&lone, (struct consensus_event){.kind = CONSENSUS_ON_START});
    assert_int_equal(lone_count(&lone, CONSENSUS_DO_SIGN), 1);
    struct consensus_status status;
    consensus_status(lone.core, &status);
    assert_int_equal(status.view, 1);
    lone_free(&lone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(boundary_ends_the_epoch),
        cmocka_unit_test(only_itself_again),
        cmocka_unit_test(nothing_else_again),
        cmocka_unit_test(leader_proposes_again),
        cmocka_unit_test(final_once),
        cmocka_unit_test(another_boundary),
        cmocka_unit_test(again_without_bound),
        cmocka_unit_test(end_waits_for_the_blocks),
        cmocka_unit_test(other_epochs),
        cmocka_unit_test(next_stands_on_the_block),
        cmocka_unit_test(removed_signs_nothing),
        cmocka_unit_test(promises_end_with_the_epoch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
