#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "client/blob/blob.h"
#include "net/net.h"

/* Two members and a consumer over loopback; and the messages. */

static const struct hash chain = {.bytes = {1, 2, 3}};

struct check {
    struct bytes expected;
};

static bool is_expected(void *context, struct bytes bytes)
{
    const struct check *check = context;
    return bytes_equal(bytes, check->expected);
}

static struct blob_exchange *member_open(uint8_t fill)
{
    uint8_t secret[TUNNEL_KEY_SIZE];
    struct blob_exchange *out = NULL;
    struct error error;
    memset(secret, fill, sizeof secret);
    const struct blob_config config = {
        .listen = "127.0.0.1:0", .chain_id = chain, .tunnel_secret = secret};
    assert_true(blob_open(&config, &out, &error));
    return out;
}

static void dial(struct blob_exchange *from, const struct blob_exchange *to, bool mutual)
{
    char address[32];
    const struct net_key key = blob_own_key(to);
    (void)snprintf(address, sizeof address, "127.0.0.1:%u", (unsigned)blob_port(to));
    assert_true(blob_dial(from, address, &key, mutual));
}

static void connected_wait(struct blob_exchange *exchange, uint32_t count)
{
    const struct timespec pause = {.tv_nsec = 5000000};
    for (int i = 0; i < 4000 && blob_connected(exchange) < count; i++) {
        (void)nanosleep(&pause, NULL);
    }
    assert_true(blob_connected(exchange) >= count);
}

static void fill(uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        data[i] = (uint8_t)(i * 7 + i / 251);
    }
}

static void test_members_and_consumer(void **state)
{
    enum { SIZE = 3 * BLOB_CHUNK_SIZE + 17 };
    uint8_t *data = malloc(SIZE);
    uint8_t *got = malloc(SIZE);
    struct error error;
    struct crypto_key *key = crypto_key_generate();
    struct blob_exchange *a = member_open(1);
    struct blob_exchange *b = member_open(2);
    struct blob_exchange *consumer = NULL;
    const struct blob_config config = {.chain_id = chain, .key = key};
    (void)state;
    fill(data, SIZE);
    assert_true(blob_open(&config, &consumer, &error));
    const struct net_key keys[] = {blob_own_key(a), blob_own_key(b), blob_own_key(consumer)};
    blob_admit(a, keys, 3);
    blob_admit(b, keys, 3);
    dial(a, b, true);
    dial(b, a, true);
    dial(consumer, a, false);
    connected_wait(a, 2);
    connected_wait(b, 1);

    struct check check = {.expected = bytes_of(data, SIZE)};
    struct blob_wanted wanted = {
        .root = {{9}}, .size = SIZE, .check = is_expected, .context = &check};
    assert_false(blob_fetch(a, &wanted, got, &error));
    assert_int_equal(error.code, EXIT_CODE_NOT_FOUND);
    /* From the consumer, which dialed; then the other member from the first. */
    assert_true(blob_put(consumer, &wanted.root, check.expected, &error));
    assert_true(blob_fetch(a, &wanted, got, &error));
    assert_memory_equal(got, data, SIZE);
    assert_true(blob_put(a, &wanted.root, bytes_of(got, SIZE), &error));
    memset(got, 0, SIZE);
    assert_true(blob_fetch(b, &wanted, got, &error));
    assert_memory_equal(got, data, SIZE);
    /* Wrong bytes, and a wrong size. */
    data[SIZE - 1] ^= 1;
    assert_false(blob_fetch(b, &wanted, got, &error));
    assert_int_equal(error.code, EXIT_CODE_VERIFY);
    wanted.size--;
    assert_false(blob_fetch(b, &wanted, got, &error));
    assert_int_equal(error.code, EXIT_CODE_VERIFY);
    blob_drop(a, &wanted.root);
    assert_false(blob_fetch(b, &wanted, got, &error));
    assert_int_equal(error.code, EXIT_CODE_NOT_FOUND);

    blob_close(consumer);
    blob_close(b);
    blob_close(a);
    crypto_key_free(key);
    free(got);
    free(data);
}

static void test_stranger_is_not_admitted(void **state)
{
    struct error error;
    struct blob_exchange *a = member_open(3);
    struct blob_exchange *stranger = member_open(4);
    struct blob_exchange *friend = member_open(5);
    const struct net_key key = blob_own_key(friend);
    uint8_t byte = 0;
    struct check check = {.expected = bytes_of("x", 1)};
    const struct blob_wanted wanted = {
        .root = {{9}}, .size = 1, .check = is_expected, .context = &check};
    (void)state;
    blob_admit(a, &key, 1);
    assert_true(blob_put(a, &wanted.root, check.expected, &error));
    dial(stranger, a, false);
    dial(friend, a, false);
    connected_wait(friend, 1);
    assert_true(blob_fetch(friend, &wanted, &byte, &error));
    assert_int_equal(byte, 'x');
    assert_int_equal(blob_connected(a), 1);
    assert_false(blob_fetch(stranger, &wanted, &byte, &error));
    assert_int_equal(error.code, EXIT_CODE_UNREACHABLE);
    blob_close(friend);
    blob_close(stranger);
    blob_close(a);
}

/* ---- A member that means harm ---------- */

/* Has a session like any member, and answers with one byte a time or not at all. */
struct hostile {
    struct net *net;
    pthread_t thread;
    atomic_bool stop;
    atomic_uint asked;
    atomic_bool silent;
    struct bytes data;
};

static enum net_reason admit_all(void *context, enum net_role role, enum net_lane lane,
                                 const struct net_key *key)
{
    (void)context;
    (void)role;
    (void)lane;
    (void)key;
    return NET_REASON_NONE;
}

static void hostile_answer(struct hostile *hostile, const struct net_event *event)
{
    struct blob_request request;
    uint8_t buffer[BLOB_ANSWER_OVERHEAD + 1];
    if (event->kind != NET_EVENT_REQUEST || !blob_decode_request(event->bytes, &request)) {
        return;
    }
    (void)atomic_fetch_add(&hostile->asked, 1);
    const struct blob_answer answer = {.size = hostile->data.size,
                                       .chunk = bytes_of(hostile->data.data + request.offset, 1)};
    if (!hostile->silent) {
        (void)net_reply(hostile->net, event->session, event->request,
                        blob_encode_answer(&answer, buffer));
    }
}

static void *hostile_run(void *context)
{
    struct hostile *hostile = context;
    struct net_event event;
    while (!atomic_load(&hostile->stop)) {
        if (net_poll(hostile->net, &event, 20)) {
            hostile_answer(hostile, &event);
            net_event_release(&event);
        }
    }
    return NULL;
}

static void hostile_open(struct hostile *hostile, uint8_t seed, struct bytes data)
{
    struct error error;
    uint8_t secret[TUNNEL_KEY_SIZE];
    memset(secret, seed, sizeof secret);
    *hostile = (struct hostile){.data = data};
    const struct net_config config = {.listen = "127.0.0.1:0",
                                      .chain_id = chain,
                                      .genesis_hash = chain,
                                      .role = NET_ROLE_MEMBER,
                                      .tunnel_secret = secret,
                                      .admit = admit_all};
    assert_true(net_open(&config, &hostile->net, &error));
    assert_int_equal(pthread_create(&hostile->thread, NULL, hostile_run, hostile), 0);
}

static void hostile_close(struct hostile *hostile)
{
    atomic_store(&hostile->stop, true);
    assert_int_equal(pthread_join(hostile->thread, NULL), 0);
    net_close(hostile->net);
}

static uint64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static struct net_key hostile_dial(struct blob_exchange *from, const struct hostile *hostile)
{
    char address[32];
    const struct net_key key = net_own_key(hostile->net);
    (void)snprintf(address, sizeof address, "127.0.0.1:%u", (unsigned)net_port(hostile->net));
    assert_true(blob_dial(from, address, &key, false));
    return key;
}

static void test_slow_member_holds_nobody(void **state)
{
    enum { SIZE = BLOB_CHUNK_SIZE + 5000 };
    uint8_t *data = malloc(SIZE);
    uint8_t *got = malloc(SIZE);
    struct error error;
    struct hostile hostile;
    struct blob_exchange *honest = member_open(6);
    struct blob_exchange *asker = member_open(7);
    const struct net_key key = blob_own_key(asker);
    (void)state;
    fill(data, SIZE);
    hostile_open(&hostile, 9, bytes_of(data, SIZE));
    const struct net_key first = hostile_dial(asker, &hostile);
    blob_admit(honest, &key, 1);
    dial(asker, honest, false);
    connected_wait(asker, 2);

    struct check check = {.expected = bytes_of(data, SIZE)};
    struct blob_wanted wanted = {.root = {{9}},
                                 .size = SIZE,
                                 .check = is_expected,
                                 .context = &check,
                                 .first = &first,
                                 .within_ms = 2000};
    assert_true(blob_put(honest, &wanted.root, check.expected, &error));
    /* Silent: no longer than its share of the time that was given. */
    atomic_store(&hostile.silent, true);
    const uint64_t before = now_ms();
    assert_true(blob_fetch(asker, &wanted, got, &error));
    assert_memory_equal(got, data, SIZE);
    assert_int_equal(atomic_load(&hostile.asked), 1);
    assert_true(now_ms() - before < BLOB_ANSWER_MS);
    /* From now on it is asked last.  Byte by byte: wrong at the first. */
    atomic_store(&hostile.silent, false);
    assert_true(blob_fetch(asker, &wanted, got, &error));
    assert_int_equal(atomic_load(&hostile.asked), 1);
    blob_drop(honest, &wanted.root);
    assert_false(blob_fetch(asker, &wanted, got, &error));
    assert_int_equal(error.code, EXIT_CODE_VERIFY);
    assert_int_equal(atomic_load(&hostile.asked), 2);

    blob_close(asker);
    blob_close(honest);
    hostile_close(&hostile);
    free(got);
    free(data);
}

/* Peers that were silent once do not take the time from those behind them again. */
static void test_silent_peers_are_asked_last(void **state)
{
    enum { SILENT = 3 };
    uint8_t byte = 0;
    struct error error;
    struct hostile hostile[SILENT];
    struct blob_exchange *honest = member_open(6);
    struct blob_exchange *asker = member_open(7);
    const struct net_key key = blob_own_key(asker);
    struct check check = {.expected = bytes_of("x", 1)};
    struct blob_wanted wanted = {
        .root = {{9}}, .size = 1, .check = is_expected, .context = &check, .within_ms = 4000};
    (void)state;
    for (uint32_t i = 0; i < SILENT; i++) {
        hostile_open(&hostile[i], (uint8_t)(20 + i), check.expected);
        atomic_store(&hostile[i].silent, true);
        (void)hostile_dial(asker, &hostile[i]);
        connected_wait(asker, i + 1);
    }
    blob_admit(honest, &key, 1);
    dial(asker, honest, false);
    connected_wait(asker, SILENT + 1);
    assert_true(blob_put(honest, &wanted.root, check.expected, &error));
    for (int again = 0; again < 3; again++) {
        assert_true(blob_fetch(asker, &wanted, &byte, &error));
        for (uint32_t i = 0; i < SILENT; i++) {
            assert_int_equal(atomic_load(&hostile[i].asked), 1);
        }
    }
    blob_close(asker);
    blob_close(honest);
    for (uint32_t i = 0; i < SILENT; i++) {
        hostile_close(&hostile[i]);
    }
}

static void test_messages(void **state)
{
    uint8_t buffer[64];
    struct blob_request request = {.root = {{5}}, .offset = 77};
    struct blob_request read;
    struct blob_answer answer = {.size = 10, .chunk = bytes_of("abc", 3)};
    struct blob_answer told;
    (void)state;
    struct bytes bytes = blob_encode_request(&request, buffer);
    assert_true(blob_decode_request(bytes, &read));
    assert_int_equal(read.offset, 77);
    assert_true(hash_equal(&read.root, &request.root));
    bytes.size--;
    assert_false(blob_decode_request(bytes, &read));
    bytes = blob_encode_answer(&answer, buffer);
    assert_true(blob_decode_answer(bytes, &told));
    assert_int_equal(told.size, 10);
    assert_int_equal(told.chunk.size, 3);
    answer.size = 2; /* more bytes than the whole has */
    assert_false(blob_decode_answer(blob_encode_answer(&answer, buffer), &told));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members_and_consumer),
        cmocka_unit_test(test_stranger_is_not_admitted),
        cmocka_unit_test(test_slow_member_holds_nobody),
        cmocka_unit_test(test_silent_peers_are_asked_last),
        cmocka_unit_test(test_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
