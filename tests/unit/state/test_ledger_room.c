#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "state/market/planner.h"
#include "state/training/training.h"
#include "tests/support/job.h"

/* The largest pieces of work that a block can hold, without the transactions that lead there. */

static const struct hash program_id = {{'x'}};

enum { OFFERS = 3 * PLAN_MEMBER_MAX };

static bool nothing(void *context, struct bytes key, struct bytes *value)
{
    (void)context;
    (void)key;
    (void)value;
    return false;
}

static bool beneath(void *context, struct bytes key, struct bytes *value)
{
    struct key copy = {.size = (uint32_t)key.size};
    memcpy(copy.bytes, key.data, key.size);
    return buffer_get(context, &copy, value);
}

static void buffer_make(struct buffer *b)
{
    *b = (struct buffer){.entries = malloc(STATE_WRITE_COUNT_MAX * sizeof(*b->entries)),
                         .slots = calloc(BUFFER_SLOT_COUNT, sizeof(*b->slots)),
                         .bytes = malloc(STATE_WRITE_BYTES_MAX),
                         .undo = malloc(BUFFER_UNDO_MAX * sizeof(*b->undo))};
    assert_non_null(b->entries);
    assert_non_null(b->slots);
    assert_non_null(b->bytes);
    assert_non_null(b->undo);
}

static void buffer_drop(struct buffer *b)
{
    free(b->entries);
    free(b->slots);
    free(b->bytes);
    free(b->undo);
}

/* Two buffers, one over the other: what is written below is the state above. */
struct ledger_bench {
    struct buffer below;
    struct buffer above;
    struct state_view bottom;
    struct state_view top;
    struct state_block block;
    struct event_log log;
    struct execution x;
};

static struct ledger_bench *bench_create(void)
{
    struct ledger_bench *bench = calloc(1, sizeof(*bench));
    assert_non_null(bench);
    buffer_make(&bench->below);
    buffer_make(&bench->above);
    bench->bottom.get = nothing;
    bench->top = (struct state_view){.context = &bench->below, .get = beneath};
    bench->block = (struct state_block){.height = 10, .final_height = 9, .time_ms = 1000};
    buffer_begin(&bench->below, &bench->bottom);
    bench->x = (struct execution){.buffer = &bench->below,
                                  .log = &bench->log,
                                  .block = &bench->block,
                                  .params = chain_params(),
                                  .now_ms = 1000};
    const struct planner planner = {.version = RECORD_VERSION};
    const struct key planner_key = key_global(GLOBAL_PLANNER);
    buffer_write(bench->x.buffer, &planner_key, &record_planner, &planner);
    /* Four of anything: only the length of the validator set is read. */
    static const uint8_t four[] = {0x94, 0, 0, 0, 0};
    const struct key validators = key_global(GLOBAL_VALIDATORS);
    buffer_put(bench->x.buffer, &validators, bytes_of(four, sizeof(four)));
    return bench;
}

/* What follows is written above. */
static void bench_rise(struct ledger_bench *bench)
{
    buffer_begin(&bench->above, &bench->top);
    bench->x.buffer = &bench->above;
}

static void bench_free(struct ledger_bench *bench)
{
    buffer_drop(&bench->below);
    buffer_drop(&bench->above);
    free(bench);
}

static struct hash numbered(uint8_t kind, uint32_t number)
{
    struct hash out = {{kind}};
    out.bytes[1] = (uint8_t)(number >> 8);
    out.bytes[2] = (uint8_t)number;
    return out;
}

static struct address account_numbered(uint8_t kind, uint32_t number)
{
    const struct hash id = numbered(kind, number);
    struct address out;
    memcpy(out.bytes, id.bytes, ADDRESS_SIZE);
    return out;
}

static void put_job(struct ledger_bench *bench, struct job *job)
{
    const struct key terms = key_object(KEY_TERMS, &job->id);
    job->request.version = RECORD_VERSION;
    job->process.version = RECORD_VERSION;
    job->terms.version = RECORD_VERSION;
    buffer_write(bench->x.buffer, &terms, &record_job_terms, &job->terms);
    job_store(&bench->x, job);
}

/* A provider with a worker and an offer. */
static void put_offer(struct ledger_bench *bench, uint32_t number, struct choice *choice)
{
    struct buffer *buffer = bench->x.buffer;
    const struct node node = {.version = RECORD_VERSION,
                              .provider = account_numbered('p', number),
                              .worker = account_numbered('w', number)};
    const struct offer offer = {.version = RECORD_VERSION,
                                .provider = node.provider,
                                .node_id = numbered('n', number),
                                .state = OFFER_OPEN};
    const struct account account = {.version = RECORD_VERSION, .org = 1};
    *choice = (struct choice){.offer_id = numbered('f', number), .steps = 1};
    const struct key node_key = key_object(KEY_NODE, &offer.node_id);
    const struct key offer_key = key_object(KEY_OFFER, &choice->offer_id);
    buffer_write(buffer, &node_key, &record_node, &node);
    buffer_write(buffer, &offer_key, &record_offer, &offer);
    account_store(&bench->x, &node.provider, &account);
    account_store(&bench->x, &node.worker, &account);
    collection_append(buffer, COLLECTION_OPEN_OFFERS, owner_none(), &choice->offer_id);
}

/* The largest pieces of work: a plan of PLAN_MEMBER_MAX strangers, and giving it up. */
static void the_largest_plan_fits_the_room_kept_for_it(void **state)
{
    (void)state;
    static struct choice choices[OFFERS];
    static struct event events[STATE_EVENT_COUNT_MAX];
    struct ledger_bench *bench = bench_create();
    struct job job = {.id = numbered('j', 0), .terms.rounds = 1, .terms.round_ms = 1};
    for (uint32_t i = 0; i < OFFERS; i++) {
        put_offer(bench, i, &choices[i]); /* each that is taken moves another one */
    }
    put_job(bench, &job);
    collection_append(bench->x.buffer, COLLECTION_QUEUE, owner_none(), &job.id);
    bench_rise(bench);
    bench->log.first = events;
    bench->log.events = events;
    plan_propose(&bench->x, &job, choices, PLAN_MEMBER_MAX);
    assert_true(bench->above.entry_count > 12 * PLAN_MEMBER_MAX); /* it is a large one */
    assert_true(bench->above.entry_count <= BUFFER_ROOM_KEYS);
    assert_true(bench->above.bytes_used <= BUFFER_ROOM_BYTES);
    const uint32_t before = bench->above.entry_count;
    const size_t bytes_before = bench->above.bytes_used;
    const struct plan_failure failure = {.code = CODE_W_DEADLINE};
    buffer_mark(&bench->above);
    plan_release(&bench->x, &job, &failure);
    assert_true(bench->above.undo_count <= BUFFER_UNDO_MAX / 2);
    buffer_keep(&bench->above);
    assert_true(bench->above.entry_count - before <= BUFFER_ROOM_KEYS);
    assert_true(bench->above.bytes_used - bytes_before <= BUFFER_ROOM_BYTES);
    assert_true(bench->log.count <= EVENT_ROOM);
    bench_free(bench);
}

/* Draws are block work: they look at what all transactions have logged, not at what came
 * since the last of them. */
static void draws_stop_when_the_events_are_full(void **state)
{
    (void)state;
    enum { JOBS = 5, LEFT = 3 };
    static struct event events[STATE_EVENT_COUNT_MAX + JOBS];
    struct ledger_bench *bench = bench_create();
    for (uint32_t i = 0; i < JOBS; i++) {
        struct job job = {.id = numbered('j', i), .process.rounds_opened = 1};
        const struct round round = {
            .version = RECORD_VERSION, .phase = ROUND_WAIT_BEACON, .drawn_height = 10};
        put_job(bench, &job);
        round_store(&bench->x, &job, 0, &round);
        collection_append(bench->x.buffer, COLLECTION_DRAWS, owner_none(), &job.id);
    }
    bench_rise(bench);
    bench->log.first = events;
    bench->log.events = events + STATE_EVENT_COUNT_MAX - LEFT;
    rounds_draw(&bench->x);
    for (uint32_t i = 0; i < JOBS; i++) {
        assert_int_equal(events[STATE_EVENT_COUNT_MAX + i].kind, 0);
    }
    assert_int_equal(collection_count(&bench->above, COLLECTION_DRAWS, owner_none()), JOBS);
    bench->log.events = events;
    rounds_draw(&bench->x); /* the next block has room */
    assert_int_equal(collection_count(&bench->above, COLLECTION_DRAWS, owner_none()), 0);
    assert_int_equal(bench->log.count, JOBS);
    bench_free(bench);
}

/* As many offers, requests and accounts as there can be: a run reads each once and stops. */
static void a_run_over_the_fullest_market_is_bounded(void **state)
{
    (void)state;
    enum { REQUESTS = 2048, STEPS = 50000 };
    static struct event events[STATE_EVENT_COUNT_MAX];
    static struct choice choices[OFFER_OPEN_MAX];
    struct ledger_bench *bench = bench_create();
    bench->x.params.planner_steps_max = STEPS;
    bench->x.planner = calloc(1, planner_footprint());
    assert_non_null(bench->x.planner);
    for (uint32_t i = 0; i < OFFER_OPEN_MAX; i++) {
        put_offer(bench, i, &choices[i]);
    }
    const struct program program = {.version = RECORD_VERSION, .macs = 1};
    const struct key program_key = key_object(KEY_PROGRAM, &program_id);
    buffer_write(bench->x.buffer, &program_key, &record_program, &program);
    for (uint32_t i = 0; i < REQUESTS; i++) {
        struct job job = {.id = numbered('j', i),
                          .request.tried_inputs = UINT64_MAX,
                          .terms.program_root = program_id,
                          .terms.workers_min = PLAN_MEMBER_MAX,
                          .terms.workers_max = PLAN_MEMBER_MAX,
                          .terms.local_steps = 1,
                          .terms.rounds = 1,
                          .terms.round_ms = 1,
                          .terms.bond_per_segment = 1};
        put_job(bench, &job);
        collection_append(bench->x.buffer, COLLECTION_QUEUE, owner_none(), &job.id);
    }
    bench_rise(bench);
    bench->log.first = events;
    bench->log.events = events;
    planner_run(&bench->x); /* nobody has credits for a bond: every offer is looked at */
    const uint32_t judged = bench->log.count;
    assert_in_range(judged, 1, STEPS / OFFER_OPEN_MAX);
    assert_int_equal(bench->x.planner->candidate_count, OFFER_OPEN_MAX);
    assert_int_equal(bench->x.planner->party_count, PARTY_MAX);
    struct item next;
    assert_true(wheel_first(&bench->above, &next)); /* it goes on */
    assert_int_equal(next.kind, WHEEL_PLANNER);
    free(bench->x.planner);
    bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_largest_plan_fits_the_room_kept_for_it),
        cmocka_unit_test(draws_stop_when_the_events_are_full),
        cmocka_unit_test(a_run_over_the_fullest_market_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
