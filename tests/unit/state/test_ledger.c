#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "state/ledger/collection.h"
#include "tests/support/job.h"
#include "tests/support/random.h"

/* The ledger's clock and idleness on a chain; buffer, collections and deadline heap
 * against plain models. */

static uint64_t ledger_ms(const struct test_chain *chain)
{
    struct clock clock;
    const struct key key = key_global(GLOBAL_CLOCK);
    chain_read(chain, &key, &record_clock, &clock);
    assert_int_equal(clock.ledger_ms, clock.header_ms - clock.outage_ms);
    return clock.ledger_ms;
}

/* 13.2: a block without transactions and without a due deadline changes no state. */
static void an_idle_block_changes_nothing(void **state)
{
    (void)state;
    const struct params params = chain_params();
    struct test_chain *chain = chain_create(&params);
    const struct hash before = chain_digest(chain);
    chain_block(chain, 100000);
    assert_false(chain->outcome.changed);
    assert_int_equal(chain->outcome.writes.count, 0);
    assert_int_equal(chain->outcome.result_count, 1);
    assert_false(state_block_is_due(&chain->view, UINT64_MAX));
    const struct hash after = chain_digest(chain);
    assert_false(hash_equal(&before, &after)); /* only the block's empty result */

    struct job_ids ids;
    job_offer_all(chain, &ids);
    job_upload(chain, &ids);
    job_request(chain, &ids);
    job_plan(chain, &ids);
    const struct state_due due = state_next_due(&chain->view);
    assert_false(state_block_is_due(&chain->view, due.time_ms - 1));
    assert_true(state_block_is_due(&chain->view, due.time_ms));
    assert_int_equal(due.time_ms % params.deadline_grid_ms, 0);
    chain_block(chain, due.time_ms - 1 - chain->time_ms);
    assert_false(chain->outcome.changed);
    chain_block(chain, 1);
    assert_true(chain->outcome.changed);
    chain_free(chain);
}

/* 13.1: what a block is late beyond the grace is an outage and moves no deadline closer. */
static void an_outage_stops_the_ledger_clock(void **state)
{
    (void)state;
    const struct params params = chain_params();
    struct test_chain *chain = chain_create(&params);
    struct job_ids ids;
    job_start(chain, &ids);
    const uint64_t before = ledger_ms(chain);
    const struct round round = job_round(chain, &ids, 0);
    /* Fifteen minutes without a block, then commitments arrive in the first one.  The clock
     * stands 5 s after the deadline: it was missed, but the next one is a full window off. */
    const uint64_t minutes = 15 * 60000;
    chain_block(chain, minutes);
    const uint64_t now = ledger_ms(chain);
    assert_int_equal(now, round.commit_deadline_ms + params.outage_grace_ms);
    struct clock clock;
    const struct key key = key_global(GLOBAL_CLOCK);
    chain_read(chain, &key, &record_clock, &clock);
    assert_int_equal(clock.outage_ms, before + minutes - now);
    chain_free(chain);

    /* Late by exactly the grace: no outage. */
    chain = chain_create(&params);
    job_start(chain, &ids);
    const struct state_due due = state_next_due(&chain->view);
    chain_block(chain, due.time_ms + params.outage_grace_ms - chain->time_ms);
    chain_read(chain, &key, &record_clock, &clock);
    assert_int_equal(clock.outage_ms, 0);
    chain_free(chain);
}

/* After an outage, header deadlines are later by it. */
static void deadlines_after_an_outage_are_due_in_header_time(void **state)
{
    (void)state;
    const struct params params = chain_params();
    struct test_chain *chain = chain_create(&params);
    struct job_ids ids;
    job_offer_all(chain, &ids);
    job_upload(chain, &ids);
    job_request(chain, &ids);
    job_plan(chain, &ids);
    for (uint32_t rank = 0; rank < 2; rank++) {
        const struct body_lease_accept body = job_accept_body(chain, &ids, rank);
        assert_int_equal(chain_do(chain, CHAIN_PROVIDER + rank, TX_LEASE_ACCEPT, &body), CODE_OK);
    }
    chain_block(chain, 1000000); /* the accept window of the third, missed in an outage */
    assert_int_equal(job_process(chain, &ids).reason, CODE_W_ACCEPT_TIMEOUT);
    struct clock clock;
    const struct key key = key_global(GLOBAL_CLOCK);
    chain_read(chain, &key, &record_clock, &clock);
    assert_true(clock.outage_ms > 900000);
    const struct state_due due = state_next_due(&chain->view);
    assert_true(due.scheduled);
    assert_true(due.time_ms + 1000 >= chain->time_ms);
    assert_true(due.time_ms <= chain->time_ms + 20000);
    chain_run_until(chain, chain->time_ms + 200000);
    chain_free(chain);
}

/* ---- Models ------------------------------------------------------------------------- */

struct memory {
    struct buffer buffer;
    struct state_view view;
};

static bool nothing(void *context, struct bytes key, struct bytes *value)
{
    (void)context;
    (void)key;
    (void)value;
    return false;
}

static struct memory *memory_create(void)
{
    struct memory *memory = calloc(1, sizeof(*memory));
    assert_non_null(memory);
    struct buffer *b = &memory->buffer;
    b->entries = malloc(STATE_WRITE_COUNT_MAX * sizeof(*b->entries));
    b->slots = calloc(BUFFER_SLOT_COUNT, sizeof(*b->slots));
    b->bytes = malloc(STATE_WRITE_BYTES_MAX);
    b->undo = malloc(BUFFER_UNDO_MAX * sizeof(*b->undo));
    b->order = malloc(sizeof(*b->order) * 2 * STATE_WRITE_COUNT_MAX);
    b->writes = malloc(STATE_WRITE_COUNT_MAX * sizeof(*b->writes));
    memory->view.get = nothing;
    buffer_begin(b, &memory->view);
    return memory;
}

static void memory_free(struct memory *memory)
{
    struct buffer *b = &memory->buffer;
    free(b->entries);
    free(b->slots);
    free(b->bytes);
    free(b->undo);
    free(b->order);
    free(b->writes);
    free(memory);
}

enum { MODEL_KEYS = 40 };

static struct hash numbered(uint64_t number)
{
    struct hash out = {{0}};
    out.bytes[31] = (uint8_t)number;
    out.bytes[0] = (uint8_t)(number * 37);
    return out;
}

static void the_buffer_reads_its_own_writes_and_rolls_back(void **state)
{
    (void)state;
    uint64_t seed = 1;
    struct memory *memory = memory_create();
    struct buffer *b = &memory->buffer;
    for (int block = 0; block < 20; block++) {
        uint64_t model[MODEL_KEYS] = {0}; /* 0: absent */
        uint64_t saved[MODEL_KEYS];
        bool marked = false;
        buffer_begin(b, &memory->view);
        for (int i = 0; i < 2000; i++) {
            const uint64_t n = random_below(&seed, MODEL_KEYS);
            const struct hash id = numbered(n);
            const struct key key = key_object(KEY_NODE, &id);
            const uint64_t action = random_below(&seed, 20);
            if (action == 0 && !marked) {
                buffer_mark(b);
                memcpy(saved, model, sizeof(model));
                marked = true;
            } else if (action == 1 && marked) {
                buffer_rollback(b);
                memcpy(model, saved, sizeof(model));
                marked = false;
            } else if (action == 2 && marked) {
                buffer_keep(b);
                marked = false;
            } else if (action < 6) {
                buffer_remove(b, &key);
                model[n] = 0;
            } else if (action < 12) {
                model[n] = 1 + random_below(&seed, 1000);
                position_set(b, &key, model[n]);
            }
            uint64_t value = 0;
            assert_int_equal(position_get(b, &key, &value), model[n] != 0);
            assert_int_equal(value, model[n]);
        }
        const struct state_writes writes = buffer_writes(b);
        size_t present = 0;
        for (uint64_t n = 0; n < MODEL_KEYS; n++) {
            present += model[n] != 0 ? 1 : 0;
        }
        assert_int_equal(writes.count, present); /* removals of nothing are not written */
        for (size_t i = 1; i < writes.count; i++) {
            assert_true(memcmp(writes.items[i - 1].key.data, writes.items[i].key.data, 33) < 0);
        }
    }
    memory_free(memory);
}

static void collections_keep_every_item_once(void **state)
{
    (void)state;
    uint64_t seed = 2;
    struct memory *memory = memory_create();
    struct buffer *b = &memory->buffer;
    bool in[MODEL_KEYS] = {false};
    uint32_t count = 0;
    const struct hash owner = numbered(77);
    for (int i = 0; i < 5000; i++) {
        const uint64_t n = random_below(&seed, MODEL_KEYS);
        const struct hash id = numbered(n);
        assert_int_equal(collection_has(b, COLLECTION_WORKER_LEASES, owner_id(&owner), &id), in[n]);
        if (in[n]) {
            collection_remove(b, COLLECTION_WORKER_LEASES, owner_id(&owner), &id);
            count--;
        } else {
            collection_append(b, COLLECTION_WORKER_LEASES, owner_id(&owner), &id);
            count++;
        }
        in[n] = !in[n];
        assert_int_equal(collection_count(b, COLLECTION_WORKER_LEASES, owner_id(&owner)), count);
        uint32_t seen = 0;
        for (uint32_t k = 0; k < count; k++) {
            const struct hash item =
                collection_get(b, COLLECTION_WORKER_LEASES, owner_id(&owner), k);
            assert_true(in[item.bytes[31]]);
            seen += 1U << (item.bytes[31] % 8); /* a sum that double items would disturb */
        }
        uint32_t expected = 0;
        for (uint32_t k = 0; k < MODEL_KEYS; k++) {
            expected += in[k] ? 1U << (k % 8) : 0;
        }
        assert_int_equal(seen, expected);
    }
    memory_free(memory);
}

static void the_wheel_gives_deadlines_in_order(void **state)
{
    (void)state;
    uint64_t seed = 3;
    struct memory *memory = memory_create();
    struct buffer *b = &memory->buffer;
    uint64_t times[MODEL_KEYS] = {0}; /* 0: none */
    for (int i = 0; i < 5000; i++) {
        const uint64_t n = random_below(&seed, MODEL_KEYS);
        const struct hash id = numbered(n);
        const enum wheel_kind kind = n % 2 == 0 ? WHEEL_JOB : WHEEL_CERTIFY;
        if (random_below(&seed, 3) == 0) {
            wheel_clear(b, kind, &id);
            times[n] = 0;
        } else {
            times[n] = 1 + random_below(&seed, 50);
            wheel_set(b, kind, &id, times[n]);
        }
        uint64_t least = UINT64_MAX;
        for (uint64_t k = 0; k < MODEL_KEYS; k++) {
            least = times[k] != 0 && times[k] < least ? times[k] : least;
        }
        struct item first;
        assert_int_equal(wheel_first(b, &first), least != UINT64_MAX);
        if (least != UINT64_MAX) {
            assert_int_equal(first.time_ms, least);
            assert_int_equal(times[first.id.bytes[31]], least);
        }
    }
    struct item first;
    uint64_t last = 0;
    while (wheel_first(b, &first)) {
        assert_true(first.time_ms >= last);
        last = first.time_ms;
        wheel_clear(b, (enum wheel_kind)first.kind, &first.id);
    }
    assert_int_equal(buffer_writes(b).count, 0); /* an empty heap leaves nothing behind */
    memory_free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_block_changes_nothing),
        cmocka_unit_test(an_outage_stops_the_ledger_clock),
        cmocka_unit_test(deadlines_after_an_outage_are_due_in_header_time),
        cmocka_unit_test(the_buffer_reads_its_own_writes_and_rolls_back),
        cmocka_unit_test(collections_keep_every_item_once),
        cmocka_unit_test(the_wheel_gives_deadlines_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
