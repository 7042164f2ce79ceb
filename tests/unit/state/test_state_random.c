#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/hex.h"
#include "tests/support/job.h"
#include "tests/support/random.h"
#include "wire/wire.h"

/* Random histories: whatever is sent, nothing crashes, credits are conserved (a full count
 * after every block) and the same seed gives the same bytes. */

enum { JOBS_MAX = 6, ACTORS = 4 };

struct walk {
    struct test_chain *chain;
    struct job_ids ids; /* ids.job is set for the job in hand */
    struct hash jobs[JOBS_MAX];
    uint32_t job_count;
    uint64_t seed;
    uint32_t sent[256]; /* by type */
    uint32_t good[256];
};

static uint64_t draw(struct walk *w, uint64_t limit)
{
    return random_below(&w->seed, limit);
}

/* Now and then one byte of the body is another. */
static void send(struct walk *w, uint32_t who, uint32_t type, const void *body)
{
    uint8_t encoded[CHAIN_TX_BYTES];
    struct chain_tx tx = {
        .account = who, .type = type, .seq = w->chain->seq[who]++, .valid_ms = 60000};
    assert_true(record_encode(record_of_body(type), body, encoded, sizeof(encoded), &tx.body));
    const struct bytes clean = tx.body;
    if (draw(w, 8) == 0) {
        const uint64_t at = draw(w, clean.size);
        const uint8_t old = encoded[at];
        encoded[at] = (uint8_t)random_next(&w->seed);
        struct wire_reader reader;
        wire_reader_init(&reader, clean);
        (void)wire_read_span(&reader);
        if (!wire_reader_end(&reader) || encoded[0] / 16 != 9) {
            encoded[at] = old; /* the envelope takes canonical arrays only */
        }
    }
    chain_send_raw(w->chain, chain_sign(w->chain, &tx));
    w->sent[type]++;
}

static uint32_t provider(struct walk *w)
{
    return CHAIN_PROVIDER + (uint32_t)draw(w, JOB_WORKERS);
}

static bool any_item(struct walk *w, enum collection collection, uint32_t who, struct hash *out)
{
    const struct bytes owner = chain_owner(w->chain, who);
    const uint32_t count = state_read_count(&w->chain->view, collection, owner);
    if (count == 0) {
        return false;
    }
    *out = chain_item(w->chain, collection, owner, (uint32_t)draw(w, count));
    return true;
}

static void act_offer(struct walk *w)
{
    const uint32_t who = provider(w);
    struct hash id;
    switch (draw(w, 4)) {
    case 0: {
        const struct body_node_register body = job_node_body(w->chain, who);
        send(w, who, TX_NODE_REGISTER, &body);
        break;
    }
    case 1:
        if (any_item(w, COLLECTION_ACCOUNT_OFFERS, who, &id)) {
            const struct body_offer_cancel body = {.offer_id = id};
            send(w, who, TX_OFFER_CANCEL, &body);
        }
        break;
    default:
        if (any_item(w, COLLECTION_ACCOUNT_NODES, who, &id)) {
            struct body_offer_create body = job_offer_body(&id);
            body.capacity[CAPACITY_GFLOPS] = 1 + draw(w, 60);
            body.prices[0] = draw(w, 25);
            send(w, who, TX_OFFER_CREATE, &body);
        }
        break;
    }
}

static void act_request(struct walk *w)
{
    struct body_train_request body = job_request_body(w->chain, &w->ids);
    body.request_id[4] = (uint8_t)('0' + w->job_count);
    body.terms.workers_min = 1 + (uint32_t)draw(w, 2);
    body.terms.rounds = 1 + (uint32_t)draw(w, 2);
    body.terms.elastic = (uint8_t)draw(w, 2);
    body.deadline_ms = draw(w, 4) == 0 ? w->chain->time_ms + 1 + draw(w, 20000) : 0;
    if (w->job_count < JOBS_MAX) {
        w->jobs[w->job_count++] = id_job(&w->chain->chain_id, &w->chain->addresses[CHAIN_CONSUMER],
                                         bytes_of(body.request_id, body.request_id_size));
        send(w, CHAIN_CONSUMER, TX_TRAIN_REQUEST, &body);
    }
}

static void act_lease(struct walk *w, const struct process *process, uint32_t rank)
{
    const uint32_t who = job_account(w->chain, &w->ids, rank);
    if (process->state == PROCESS_AGREED) {
        const struct body_lease_ready body = job_ready_body(w->chain, &w->ids, rank);
        send(w, who, TX_LEASE_READY, &body);
    } else if (draw(w, 12) == 0) {
        const struct body_lease_reject body = {.lease_id = job_lease(w->chain, &w->ids, rank),
                                               .plan_hash = process->plan_hash};
        send(w, who, TX_LEASE_REJECT, &body);
    } else {
        const struct body_lease_accept body = job_accept_body(w->chain, &w->ids, rank);
        send(w, who, TX_LEASE_ACCEPT, &body);
    }
}

static void act_round(struct walk *w, uint32_t rank)
{
    const uint32_t who = job_account(w->chain, &w->ids, rank);
    switch (draw(w, 3)) {
    case 0: {
        const struct body_gradient_commitment body = job_commit_body(w->chain, &w->ids, rank);
        send(w, who, TX_GRADIENT_COMMITMENT, &body);
        break;
    }
    case 1: {
        const struct body_proof_of_training body = job_proof_body(w->chain, &w->ids, rank);
        send(w, who, TX_PROOF_OF_TRAINING, &body);
        break;
    }
    default: {
        struct body_round_result body = job_result_body(w->chain, &w->ids);
        if (draw(w, 10) == 0) {
            body.theta_root.bytes[0] ^= 1;
        }
        send(w, who, TX_ROUND_RESULT, &body);
        break;
    }
    }
}

static void act_job(struct walk *w)
{
    struct request request;
    if (w->job_count == 0) {
        return;
    }
    w->ids.job = w->jobs[draw(w, w->job_count)];
    const struct key key = key_object(KEY_REQUEST, &w->ids.job);
    if (!state_read(&w->chain->view, &key, &record_request, &request)) {
        return;
    }
    const struct process process = job_process(w->chain, &w->ids);
    if (draw(w, 200) == 0) {
        const struct body_train_cancel body = {.job = w->ids.job};
        send(w, CHAIN_CONSUMER, TX_TRAIN_CANCEL, &body);
    } else if (process.state == PROCESS_PROPOSED || process.state == PROCESS_AGREED) {
        act_lease(w, &process, (uint32_t)draw(w, process.member_count));
    } else if (process.state == PROCESS_RUNNING) {
        act_round(w, (uint32_t)draw(w, process.member_count));
    }
}

static void act(struct walk *w)
{
    const uint64_t what = draw(w, 20);
    if (what < 2) {
        act_offer(w);
    } else if (what < 3) {
        act_request(w);
    } else if (what < 4) {
        const struct body_transfer body = {.to = w->chain->addresses[draw(w, CHAIN_ACCOUNTS)],
                                           .amount = draw(w, 1000)};
        send(w, (uint32_t)draw(w, ACTORS), TX_TRANSFER, &body);
    } else {
        act_job(w);
    }
}

static void step(struct walk *w)
{
    const uint64_t count = draw(w, 6);
    for (uint64_t i = 0; i < count; i++) {
        act(w);
    }
    uint32_t types[CHAIN_TXS_MAX];
    for (size_t i = 0; i < w->chain->tx_count; i++) {
        struct tx tx;
        assert_true(wire_decode_tx(w->chain->txs[i], &tx));
        types[i] = tx.type;
    }
    const size_t made = w->chain->tx_count;
    if (draw(w, 10) == 0) {
        w->chain->final_height = 0;
    }
    const uint64_t slow = draw(w, 40) == 0 ? 20000 : 400;
    chain_block(w->chain, 1 + draw(w, slow));
    assert_int_equal(w->chain->outcome.verdict, STATE_OK);
    for (size_t i = 0; i < made; i++) {
        w->good[types[i]] += chain_code(w->chain, i) == CODE_OK ? 1 : 0;
    }
}

static struct hash walk(uint64_t seed, uint32_t steps, struct walk *w)
{
    const struct params params = chain_params();
    *w = (struct walk){.seed = seed, .chain = chain_create(&params)};
    job_upload(w->chain, &w->ids);
    for (uint32_t i = 0; i < steps; i++) {
        step(w);
    }
    const struct hash out = chain_digest(w->chain);
    chain_free(w->chain);
    return out;
}

/* The same bytes from every compiler, on every machine: gcc and clang run this test. */
static void a_history_has_one_digest(void **state)
{
    (void)state;
    static struct walk w;
    const struct hash digest = walk(1, 500, &w);
    char hex[2 * HASH_SIZE + 1];
    hex_encode(digest.bytes, HASH_SIZE, hex);
    assert_string_equal(hex, "5f5ce25168ac6544b608ab0471a55df5f77318a56d37d7d85bcf88ad8fa04acc");
}

static void random_histories_conserve_credits_and_repeat(void **state)
{
    (void)state;
    static struct walk w;
    uint32_t good[256] = {0};
    for (uint64_t seed = 1; seed <= 12; seed++) {
        const struct hash first = walk(seed, 500, &w);
        for (uint32_t type = 0; type < 256; type++) {
            good[type] += w.good[type];
        }
        if (seed <= 3) {
            const struct hash second = walk(seed, 500, &w);
            assert_true(hash_equal(&first, &second));
        }
    }
    /* The histories are worth something only if every kind of transaction succeeded. */
    static const uint32_t types[] = {
        TX_TRANSFER,          TX_NODE_REGISTER, TX_OFFER_CREATE,
        TX_OFFER_CANCEL,      TX_TRAIN_REQUEST, TX_LEASE_ACCEPT,
        TX_LEASE_REJECT,      TX_LEASE_READY,   TX_GRADIENT_COMMITMENT,
        TX_PROOF_OF_TRAINING, TX_ROUND_RESULT,
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (good[types[i]] == 0) {
            fail_msg("no %s ever succeeded", tx_type_name(types[i]));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_history_has_one_digest),
        cmocka_unit_test(random_histories_conserve_credits_and_repeat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
