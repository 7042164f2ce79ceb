#include "tests/unit/node/lone.h"

#include "wire/api/api.h"

/* Catching up from a peer that may lie: b is a validator 0 without blocks that asks another
 * one, a, whose answers pass through the test's hands. */

enum { FAR = 8 };

static struct lone a;
static struct lone b;

static void open_b(void)
{
    lone_open(&b, 1);
    b.d->self = CONSENSUS_OBSERVER; /* so that validator 0 is somebody else */
    b.d->peers[0].sessions[NET_LANE_BULK] = 1;
    catchup_begin(b.d);
}

static int open_both(void **state)
{
    (void)state;
    lone_open(&a, 1);
    while (a.d->committed.height < FAR) {
        assert_int_equal(lone_submit(&a, lone_tx(&a, 60000)), CODE_OK);
        lone_run(&a, a.d->committed.height + 1);
    }
    open_b();
    return 0;
}

static int close_both(void **state)
{
    (void)state;
    lone_no_overlay = false;
    lone_no_evidence = false;
    lone_close(&a);
    lone_close(&b);
    return 0;
}

static uint32_t count_asked(void)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < CATCHUP_WINDOW_MAX; i++) {
        count += b.d->catchup.slots[i].asked ? 1 : 0;
    }
    return count;
}

static uint32_t count_held(void)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < CATCHUP_WINDOW_MAX; i++) {
        count += b.d->catchup.slots[i].block.data != NULL ? 1 : 0;
    }
    return count;
}

static void give(uint64_t height, const struct api_answer *answer)
{
    static uint8_t buffer[1 << 20];
    struct wire_writer writer;
    struct net_event event = {.kind = NET_EVENT_RESPONSE,
                              .role = NET_ROLE_VALIDATOR,
                              .lane = NET_LANE_BULK,
                              .key = lone_net_key(0),
                              .session = 1,
                              .request = (uint32_t)height};
    wire_writer_init(&writer, buffer, sizeof(buffer));
    api_write_answer(&writer, answer);
    assert_true(wire_writer_end(&writer, &event.bytes));
    catchup_answer(b.d, &event);
}

enum lie { HONEST, NO_TXS, NO_LAST_FINAL, OTHER_LAST_FINAL, NO_BLOCK };

/* a's block with its header, and a body that is not the header's. */
static struct bytes spoil(struct bytes body, enum lie lie)
{
    static struct wire_block block;
    static struct wire_block other;
    static struct bytes txs[BLOCK_TX_MAX];
    static uint8_t buffer[1 << 20];
    struct store_buffer second = {0};
    struct error error;
    struct wire_writer writer;
    struct wire_tx_iterator iterator;
    struct bytes out;
    uint32_t count = 0;
    assert_true(wire_decode_block(body, &block));
    wire_txs_begin(&iterator, &block.txs);
    while (wire_txs_next(&iterator, &txs[count])) {
        count++;
    }
    assert_int_equal(store_block(a.d->store, FAR, &second, &error), STORE_FOUND);
    assert_true(wire_decode_block(bytes_of(second.data, second.size), &other));
    struct wire_block_parts parts = {.header_bytes = block.header_bytes,
                                     .last_final_bytes = block.last_final_bytes,
                                     .txs = txs,
                                     .tx_count = lie == NO_TXS ? 0 : count};
    if (lie == NO_LAST_FINAL) {
        parts.last_final_bytes = (struct bytes){0};
    }
    if (lie == OTHER_LAST_FINAL) {
        parts.last_final_bytes = other.last_final_bytes;
    }
    wire_writer_init(&writer, buffer, sizeof(buffer));
    wire_write_block(&writer, &parts);
    assert_true(wire_writer_end(&writer, &out));
    store_buffer_free(&second);
    return out;
}

/* a's answer for a height, with a lie in it. */
static void pass(uint64_t height, enum lie lie)
{
    static struct api_answer answer;
    struct store_buffer body = {0};
    struct store_buffer last_final = {0};
    struct error error;
    memset(&answer, 0, sizeof(answer));
    if (store_block(a.d->store, height, &body, &error) != STORE_FOUND) {
        answer.kind = API_ERROR;
        answer.code = EXIT_CODE_NOT_FOUND;
    } else {
        answer.kind = API_BLOCK;
        answer.body = bytes_of(body.data, body.size);
        if (lie == NO_BLOCK) {
            answer.body = bytes_of(body.data, body.size / 2);
        } else if (lie != HONEST) {
            answer.body = spoil(answer.body, lie);
        }
        blocks_encode_finality(&a.d->tip_finality, &last_final);
        answer.last_final = bytes_of(last_final.data, last_final.size);
    }
    give(height, &answer);
    store_buffer_free(&body);
    store_buffer_free(&last_final);
}

/* An empty block cannot lose its transactions, nor one without evidence that. */
static bool is_spoilt(uint64_t height, enum lie lie)
{
    struct store_buffer body = {0};
    struct error error;
    assert_int_equal(store_block(a.d->store, height, &body, &error), STORE_FOUND);
    const struct bytes own = bytes_of(body.data, body.size);
    const bool spoilt = lie == NO_BLOCK || !bytes_equal(spoil(own, lie), own);
    store_buffer_free(&body);
    return spoilt;
}

/* Answer what is asked, honestly, until the chain is there. */
static void pass_rest(void)
{
    for (uint64_t turn = 0; turn < 100 && b.d->catchup.active; turn++) {
        for (uint32_t i = 0; i < CATCHUP_WINDOW_MAX && b.d->catchup.active; i++) {
            if (b.d->catchup.slots[i].asked) {
                pass(b.d->committed.height + 1 + i, HONEST);
                break;
            }
        }
        assert_false(driver_failed(b.d));
    }
    assert_int_equal(b.d->committed.height, a.d->committed.height);
    assert_true(hash_equal(&b.d->committed.block_id, &a.d->committed.block_id));
    assert_true(hash_equal(&b.d->committed.state_root, &a.d->committed.state_root));
}

static void honest_peer(void **state)
{
    (void)state;
    pass_rest();
}

/* Blocks go on for longer than the window before one carries evidence again. */
static void far_evidence(void **state)
{
    enum { LONG = CATCHUP_WINDOW_MIN + 8 };
    (void)state;
    lone_no_evidence = true;
    while (a.d->committed.height < FAR + LONG) {
        assert_int_equal(lone_submit(&a, lone_tx(&a, 60000)), CODE_OK);
        lone_run(&a, a.d->committed.height + 1);
    }
    for (uint64_t height = FAR + 2; height < FAR + LONG; height++) {
        assert_false(is_spoilt(height, NO_LAST_FINAL)); /* there is none */
    }
    for (uint64_t height = 1; height <= FAR; height++) {
        pass(height, HONEST);
    }
    while (b.d->catchup.active && b.d->committed.height < FAR + LONG) {
        const uint64_t have = b.d->committed.height + count_held();
        pass(have + 1, HONEST);
        assert_int_equal(b.d->committed.height + count_held(), have + 1);
    }
    pass_rest();
}

/* The genuine header and evidence with another body: nothing of it becomes final. */
static void body_is_the_headers(void **state)
{
    (void)state;
    static const enum lie lies[] = {NO_TXS, NO_LAST_FINAL, OTHER_LAST_FINAL, NO_BLOCK};
    for (size_t k = 0; k < sizeof(lies) / sizeof(lies[0]); k++) {
        uint64_t liar = 3;
        while (liar < FAR - 1 && !is_spoilt(liar, lies[k])) {
            liar++; /* an early block carries no evidence yet */
        }
        assert_true(is_spoilt(liar, lies[k]));
        /* All but the front are here, so that the lie would be proven with them. */
        for (uint64_t height = 2; height <= liar + 1; height++) {
            pass(height, height == liar ? lies[k] : HONEST);
        }
        assert_int_equal(count_held(), liar);
        pass(1, HONEST);
        assert_false(driver_failed(b.d));
        assert_true(b.d->committed.height < liar);
        pass_rest();
        lone_close(&b);
        open_b();
    }
}

/* Questions fit the peer's queue, whatever their answers' size. */
static void few_questions(void **state)
{
    (void)state;
    assert_int_equal(count_asked(), 3);
    pass(2, HONEST);
    assert_int_equal(count_asked(), 3);
    pass(3, HONEST);
    assert_int_equal(count_asked(), 3);
    assert_int_equal(count_held(), 2);
}

/* A slow peer is left, but not what it has sent; silence is given more and more time. */
static void silence(void **state)
{
    (void)state;
    pass(2, HONEST);
    pass(3, HONEST);
    b.d->catchup.deadline_ms = 0;
    catchup_poll(b.d);
    assert_int_equal(count_held(), 2);
    const uint64_t before = b.d->catchup.silence_ms;
    b.d->catchup.deadline_ms = 0; /* nothing at all in this time */
    catchup_poll(b.d);
    assert_int_equal(count_held(), 0);
    assert_true(b.d->catchup.silence_ms > before);
    b.d->catchup.silence_ms = 64000;
    pass(2, HONEST);
    assert_int_equal(b.d->catchup.silence_ms, before); /* it is quick again */
    b.d->catchup.deadline_ms = 0;
    catchup_poll(b.d);
    assert_true(b.d->catchup.mixed); /* though the front is not here */
    pass_rest();
}

/* What two peers gave does not fit together: the second one is asked for all of it. */
static void mixed_peers(void **state)
{
    (void)state;
    pass(2, NO_TXS);
    b.d->catchup.deadline_ms = 0;
    catchup_poll(b.d);
    pass(1, HONEST);
    assert_false(driver_failed(b.d));
    pass_rest();
}

/* No room in the store is no fork. */
static void no_room(void **state)
{
    (void)state;
    lone_no_overlay = true;
    for (uint64_t height = FAR; height > 0 && !driver_failed(b.d); height--) {
        pass(height, HONEST);
    }
    assert_int_equal(b.d->error.code, EXIT_CODE_STORE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(honest_peer, open_both, close_both),
        cmocka_unit_test_setup_teardown(far_evidence, open_both, close_both),
        cmocka_unit_test_setup_teardown(body_is_the_headers, open_both, close_both),
        cmocka_unit_test_setup_teardown(few_questions, open_both, close_both),
        cmocka_unit_test_setup_teardown(silence, open_both, close_both),
        cmocka_unit_test_setup_teardown(mixed_peers, open_both, close_both),
        cmocka_unit_test_setup_teardown(no_room, open_both, close_both),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
