#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/job.h"

/* A round as a table: which message is taken in which phase, until when, from whom, and what
 * the votes of different weight come to. */

static void run_due(struct test_chain *chain)
{
    const struct state_due due = state_next_due(&chain->view);
    assert_true(due.scheduled);
    chain_run_until(chain, due.time_ms);
}

/* How far a job has come. */
enum stage {
    STAGE_WAITING, /* for its beacon */
    STAGE_COMMIT,
    STAGE_REVEAL,
    STAGE_RESULT,
    STAGE_NEXT,     /* round 1 is open */
    STAGE_DRAINING, /* cancelled; round 0 waits for its window */
    STAGE_DONE,
    STAGE_COUNT,
};

/* What rank 0 sends in round 0. */
struct messages {
    struct body_gradient_commitment commit;
    struct body_proof_of_training proof;
    struct body_round_result result;
};

static struct messages make_messages(const struct test_chain *chain, const struct job_ids *ids)
{
    struct messages out = {.commit = job_commit_body(chain, ids, 0),
                           .proof = job_proof_body(chain, ids, 0),
                           .result = job_result_body(chain, ids)};
    out.result.bitmap[0] = 7;
    return out;
}

static struct test_chain *begin(enum stage stage, struct job_ids *ids, struct messages *messages)
{
    const struct params params = chain_params();
    struct test_chain *chain = chain_create(&params);
    job_offer_all(chain, ids);
    job_upload(chain, ids);
    job_request(chain, ids);
    job_plan(chain, ids);
    job_accept_all(chain, ids);
    job_ready_all(chain, ids);
    *messages = make_messages(chain, ids);
    if (stage >= STAGE_COMMIT) {
        job_draw(chain);
    }
    if (stage >= STAGE_REVEAL) {
        job_commit_all(chain, ids);
    }
    if (stage >= STAGE_RESULT) {
        job_reveal_all(chain, ids);
    }
    if (stage >= STAGE_DRAINING) {
        const struct body_train_cancel cancel = {.job = ids->job};
        assert_int_equal(chain_do(chain, CHAIN_CONSUMER, TX_TRAIN_CANCEL, &cancel), CODE_OK);
    }
    if (stage >= STAGE_NEXT) {
        job_vote(chain, ids);
    }
    if (stage == STAGE_DONE) {
        chain_run_until(chain, chain->time_ms + 60000);
    }
    return chain;
}

/* Refused as the table says; the phase's own message is taken once, and not twice. */
static void send_each(struct test_chain *chain, const struct chain_refusal sent[3])
{
    const struct chain_refusal *own = NULL;
    for (size_t i = 0; i < 3; i++) {
        if (sent[i].code == CODE_OK) {
            own = &sent[i];
            continue;
        }
        chain->final_height = 0; /* else the block also draws */
        chain_refused(chain, &sent[i]);
    }
    if (own != NULL) {
        const struct chain_refusal again = {"twice", CHAIN_PROVIDER, own->type, own->body,
                                            CODE_E_DUPLICATE};
        assert_int_equal(chain_do(chain, CHAIN_PROVIDER, own->type, own->body), CODE_OK);
        chain_refused(chain, &again);
    }
}

static void each_phase_takes_its_message_alone(void **state)
{
    (void)state;
    /* CODE_OK: it is the phase's own. */
    static const struct {
        const char *stage;
        enum code commit;
        enum code reveal;
        enum code result;
    } table[STAGE_COUNT] = {
        [STAGE_WAITING] = {"waiting", CODE_E_EARLY, CODE_E_EARLY, CODE_E_EARLY},
        [STAGE_COMMIT] = {"commit", CODE_OK, CODE_E_EARLY, CODE_E_EARLY},
        [STAGE_REVEAL] = {"reveal", CODE_E_ROUND, CODE_OK, CODE_E_EARLY},
        [STAGE_RESULT] = {"result", CODE_E_ROUND, CODE_E_ROUND, CODE_OK},
        [STAGE_NEXT] = {"next round", CODE_E_ROUND, CODE_E_ROUND, CODE_E_ROUND},
        [STAGE_DRAINING] = {"draining", CODE_E_STATE, CODE_E_STATE, CODE_E_STATE},
        [STAGE_DONE] = {"done", CODE_E_MEMBER, CODE_E_MEMBER, CODE_E_MEMBER},
    };
    for (enum stage stage = STAGE_WAITING; stage < STAGE_COUNT; stage++) {
        struct job_ids ids;
        struct messages messages;
        struct test_chain *chain = begin(stage, &ids, &messages);
        const char *why = table[stage].stage;
        const struct chain_refusal sent[] = {
            {why, CHAIN_PROVIDER, TX_GRADIENT_COMMITMENT, &messages.commit, table[stage].commit},
            {why, CHAIN_PROVIDER, TX_PROOF_OF_TRAINING, &messages.proof, table[stage].reveal},
            {why, CHAIN_PROVIDER, TX_ROUND_RESULT, &messages.result, table[stage].result},
        };
        send_each(chain, sent);
        chain_free(chain);
    }
}

/* A deadline belongs to its phase to the millisecond. */
static void what_is_late_is_refused(void **state)
{
    (void)state;
    static const struct {
        enum stage stage;
        uint32_t type;
    } table[] = {
        {STAGE_COMMIT, TX_GRADIENT_COMMITMENT},
        {STAGE_REVEAL, TX_PROOF_OF_TRAINING},
        {STAGE_RESULT, TX_ROUND_RESULT},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        for (uint64_t late = 0; late < 2; late++) {
            struct job_ids ids;
            struct messages messages;
            struct test_chain *chain = begin(table[i].stage, &ids, &messages);
            const struct round round = job_round(chain, &ids, 0);
            const uint64_t deadlines[] = {round.commit_deadline_ms, round.reveal_deadline_ms,
                                          round.result_deadline_ms};
            const void *bodies[] = {&messages.commit, &messages.proof, &messages.result};
            chain_send(chain, CHAIN_PROVIDER, table[i].type, bodies[i]);
            chain_block(chain, deadlines[i] + late - chain->time_ms);
            assert_int_equal(chain_code(chain, 0), late == 0 ? CODE_OK : CODE_E_DEADLINE);
            chain_free(chain);
        }
    }
}

/* No messages from outside: other workers, members with another's lease, members that left
 * out the step before. */
static void only_members_take_part(void **state)
{
    (void)state;
    static const uint32_t types[] = {TX_GRADIENT_COMMITMENT, TX_PROOF_OF_TRAINING, TX_ROUND_RESULT};
    for (uint32_t i = 0; i < 3; i++) {
        struct job_ids ids;
        struct messages messages;
        struct test_chain *chain = begin((enum stage)(STAGE_COMMIT + i), &ids, &messages);
        const void *bodies[] = {&messages.commit, &messages.proof, &messages.result};
        const struct chain_refusal refusals[] = {
            {"a worker elsewhere", CHAIN_RICH, types[i], bodies[i], CODE_E_MEMBER},
            {"no worker", CHAIN_CONSUMER, types[i], bodies[i], CODE_E_ROLE},
        };
        chain_refused(chain, &refusals[0]);
        chain_refused(chain, &refusals[1]);
        if (types[i] != TX_ROUND_RESULT) {
            const struct chain_refusal lease = {"rank 0's lease", CHAIN_PROVIDER + 1, types[i],
                                                bodies[i], CODE_E_MEMBER};
            chain_refused(chain, &lease);
        }
        chain_free(chain);
    }
}

/* A commitment is bound to its worker: a copied one opens for nobody else. */
static void a_copied_commitment_does_not_open(void **state)
{
    (void)state;
    struct job_ids ids;
    struct messages messages;
    struct test_chain *chain = begin(STAGE_COMMIT, &ids, &messages);
    for (uint32_t rank = 0; rank < JOB_WORKERS; rank++) {
        struct body_gradient_commitment body = job_commit_body(chain, &ids, rank);
        body.commitment = rank == 1 ? messages.commit.commitment : body.commitment;
        assert_int_equal(chain_do(chain, CHAIN_PROVIDER + rank, TX_GRADIENT_COMMITMENT, &body),
                         CODE_OK);
    }
    assert_int_equal(chain_do(chain, CHAIN_PROVIDER, TX_PROOF_OF_TRAINING, &messages.proof),
                     CODE_OK);
    struct body_proof_of_training copied = messages.proof;
    copied.lease_id = job_lease(chain, &ids, 1);
    const struct body_proof_of_training own = job_proof_body(chain, &ids, 1);
    const struct chain_refusal refusals[] = {
        {"copied", CHAIN_PROVIDER + 1, TX_PROOF_OF_TRAINING, &copied, CODE_E_OPENING},
        {"its own", CHAIN_PROVIDER + 1, TX_PROOF_OF_TRAINING, &own, CODE_E_OPENING},
    };
    chain_refused(chain, &refusals[0]);
    chain_refused(chain, &refusals[1]);
    chain_free(chain);
}

/* The ranks of a bitmap send, each what it has. */
static void commit_of(struct test_chain *chain, const struct job_ids *ids, uint32_t ranks)
{
    for (uint32_t rank = 0; rank < JOB_WORKERS; rank++) {
        const struct body_gradient_commitment body = job_commit_body(chain, ids, rank);
        if ((ranks >> rank & 1) != 0) {
            chain_send(chain, CHAIN_PROVIDER + rank, TX_GRADIENT_COMMITMENT, &body);
        }
    }
    chain_block(chain, 1);
}

static void reveal_of(struct test_chain *chain, const struct job_ids *ids, uint32_t ranks)
{
    for (uint32_t rank = 0; rank < JOB_WORKERS; rank++) {
        const struct body_proof_of_training body = job_proof_body(chain, ids, rank);
        if ((ranks >> rank & 1) != 0) {
            chain_send(chain, CHAIN_PROVIDER + rank, TX_PROOF_OF_TRAINING, &body);
        }
    }
    chain_block(chain, 1);
}

/* Who commits and who reveals decides whether the round comes to a result. */
static void a_round_needs_workers_min_in_every_phase(void **state)
{
    (void)state;
    static const struct {
        uint8_t commits;
        uint8_t reveals;
        uint64_t weight; /* of the result phase; 0: the round fails */
    } table[] = {
        {0, 0, 0}, {4, 0, 0}, {3, 0, 0}, {7, 1, 0}, {6, 6, 16}, {7, 5, 16}, {7, 7, 24},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct job_ids ids;
        struct messages messages;
        struct test_chain *chain = begin(STAGE_COMMIT, &ids, &messages);
        commit_of(chain, &ids, table[i].commits);
        if (table[i].commits != 7) {
            run_due(chain);
        }
        reveal_of(chain, &ids, table[i].reveals);
        if (job_round(chain, &ids, 0).phase == ROUND_REVEAL) {
            run_due(chain);
        }
        const struct round round = job_round(chain, &ids, 0);
        const bool fails = table[i].weight == 0;
        assert_int_equal(round.phase, fails ? ROUND_FAILED : ROUND_RESULT);
        assert_int_equal(round.revealed[0], table[i].reveals);
        assert_true(fails || round.weight == table[i].weight);
        assert_int_equal(job_request_of(chain, &ids).reason, fails ? CODE_W_TOO_FEW : CODE_OK);
        chain_free(chain);
    }
}

/* The bitmap of a result, where all three have revealed and two must take part. */
static void a_bitmap_names_members_of_the_round(void **state)
{
    (void)state;
    static const struct {
        uint32_t size;
        uint8_t bytes[2];
        enum code code;
    } table[] = {
        {0, {0}, CODE_E_RANGE},    {1, {0}, CODE_E_RANGE},    {1, {4}, CODE_E_RANGE},
        {1, {8}, CODE_E_RANGE},    {1, {15}, CODE_E_RANGE},   {1, {135}, CODE_E_RANGE},
        {2, {7, 0}, CODE_E_RANGE}, {2, {7, 1}, CODE_E_RANGE}, {1, {3}, CODE_OK},
        {1, {5}, CODE_OK},         {1, {6}, CODE_OK},         {1, {7}, CODE_OK},
    };
    struct job_ids ids;
    struct messages messages;
    struct test_chain *chain = begin(STAGE_RESULT, &ids, &messages);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct body_round_result body = messages.result;
        body.bitmap_size = table[i].size;
        memcpy(body.bitmap, table[i].bytes, 2);
        const struct chain_refusal refusal = {"bitmap", CHAIN_PROVIDER, TX_ROUND_RESULT, &body,
                                              table[i].code};
        if (table[i].code != CODE_OK) {
            chain_refused(chain, &refusal);
        } else { /* four votes: the first and three corrections */
            assert_int_equal(chain_do(chain, CHAIN_PROVIDER, TX_ROUND_RESULT, &body), CODE_OK);
        }
    }
    chain_free(chain);
}

/* A job whose members weigh 8, 4 and 4, in its result phase. */
static struct test_chain *begin_weighted(struct job_ids *ids)
{
    const struct params params = chain_params();
    struct test_chain *chain = chain_create(&params);
    static const uint64_t gflops[] = {100, 60, 60}; /* 4, 2.4 and 2.4 of 4 units of 2 steps */
    job_upload(chain, ids);
    for (uint32_t i = 0; i < JOB_WORKERS; i++) {
        const uint32_t who = CHAIN_PROVIDER + i;
        const struct body_node_register node = job_node_body(chain, who);
        assert_int_equal(chain_do(chain, who, TX_NODE_REGISTER, &node), CODE_OK);
        const struct hash id =
            chain_item(chain, COLLECTION_ACCOUNT_NODES, chain_owner(chain, who), 0);
        struct body_offer_create offer = job_offer_body(&id);
        offer.capacity[CAPACITY_GFLOPS] = gflops[i];
        assert_int_equal(chain_do(chain, who, TX_OFFER_CREATE, &offer), CODE_OK);
    }
    struct body_train_request body = job_request_body(chain, ids);
    body.terms.elastic = 1;
    assert_int_equal(chain_do(chain, CHAIN_CONSUMER, TX_TRAIN_REQUEST, &body), CODE_OK);
    ids->job =
        chain_item(chain, COLLECTION_ACCOUNT_REQUESTS, chain_owner(chain, CHAIN_CONSUMER), 0);
    job_plan(chain, ids);
    job_accept_all(chain, ids);
    job_ready_all(chain, ids);
    job_draw(chain);
    job_commit_all(chain, ids);
    job_reveal_all(chain, ids);
    assert_int_equal(job_round(chain, ids, 0).weight, 16);
    return chain;
}

/* More than half of the weight; half is a tie, and a tie is no result. */
static void votes_weigh_what_their_members_trained(void **state)
{
    (void)state;
    enum { VOTES_MAX = 4 };
    static const struct {
        const char *votes; /* member and value, in order */
        uint64_t weight;   /* of the result; 0: none, the round fails */
    } table[] = {
        {"0A", 0},      {"1A2A", 0},    {"0A1B2B", 0},    {"0A1A", 12},
        {"1A2A0A", 16}, {"0A1B1A", 12}, {"0A0B1A2B", 12}, {"0A1B0B", 12},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct job_ids ids;
        struct test_chain *chain = begin_weighted(&ids);
        const struct body_round_result good = job_result_body(chain, &ids);
        for (const char *vote = table[i].votes; *vote != '\0'; vote += 2) {
            struct body_round_result body = good;
            body.theta_root.bytes[0] ^= vote[1] == 'A' ? 0 : 1;
            const uint32_t who = job_account(chain, &ids, (uint32_t)(vote[0] - '0'));
            assert_int_equal(job_process(chain, &ids).rounds_closed, 0);
            assert_int_equal(chain_do(chain, who, TX_ROUND_RESULT, &body), CODE_OK);
        }
        assert_int_equal(job_process(chain, &ids).rounds_closed, table[i].weight == 0 ? 0 : 1);
        if (table[i].weight == 0) {
            run_due(chain);
            assert_int_equal(job_round(chain, &ids, 0).phase, ROUND_FAILED);
            assert_int_equal(job_request_of(chain, &ids).reason, CODE_W_NO_RESULT);
        } else {
            assert_int_equal(job_round(chain, &ids, 0).accepted_weight, table[i].weight);
        }
        chain_free(chain);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_phase_takes_its_message_alone),
        cmocka_unit_test(what_is_late_is_refused),
        cmocka_unit_test(only_members_take_part),
        cmocka_unit_test(a_copied_commitment_does_not_open),
        cmocka_unit_test(a_round_needs_workers_min_in_every_phase),
        cmocka_unit_test(a_bitmap_names_members_of_the_round),
        cmocka_unit_test(votes_weigh_what_their_members_trained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
