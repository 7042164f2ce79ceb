#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/endian.h"
#include "raw.h"
#include "tests/support/watchdog.h"

/* What a peer, a stranger or a line can do to us. */

static const struct net_timing quick = {.handshake_ms = 300};

static void two_nodes(struct node *a, struct node *b, const struct net_timing *timing)
{
    node_open(a, NET_ROLE_VALIDATOR, timing);
    node_open(b, NET_ROLE_VALIDATOR, timing);
    node_admit(a, b);
    node_admit(b, a);
}

static struct net_stats stats_of(struct node *node)
{
    struct net_stats stats;
    net_stats(node->net, &stats);
    return stats;
}

/* The peer accepts and says nothing: the dial ends by its deadline, closing does not wait. */
static void test_mute_listener(void **state)
{
    (void)state;
    struct node a;
    struct node mute;
    memset(&mute, 0, sizeof mute);
    mute.key = crypto_key_generate();
    int fd = mute_listen(mute.address);
    node_open(&a, NET_ROLE_VALIDATOR, &quick);
    uint64_t begun = test_now_ms();
    node_dial(&a, &mute, true, true);
    trouble_wait(&a, &mute, NET_REASON_HANDSHAKE_TIMEOUT);
    assert_true(test_now_ms() - begun >= quick.handshake_ms);
    node_close(&a);
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    while (poll(&ready, 1, 0) == 1) { /* what waits below is of the second half */
        (void)close(accept(fd, NULL, NULL));
    }

    /* Closing in the middle of the default five seconds. */
    node_open(&a, NET_ROLE_VALIDATOR, NULL);
    node_dial(&a, &mute, true, true);
    assert_int_equal(poll(&ready, 1, PATIENCE_MS), 1);
    begun = test_now_ms();
    node_close(&a);
    assert_true(test_now_ms() - begun < NET_HANDSHAKE_MS / 2);
    crypto_key_free(mute.key);
    (void)close(fd);
}

/* The peer's backlog is full and connecting takes for ever: an attempt ends by its deadline,
 * the next one is made, closing does not wait. */
static void test_connect_stalls(void **state)
{
    (void)state;
    enum { CROWD = 24 /* above mute_listen's backlog */ };
    struct node a;
    struct node full;
    memset(&full, 0, sizeof full);
    full.key = crypto_key_generate();
    int fd = mute_listen(full.address);
    int crowd[CROWD];
    for (int i = 0; i < CROWD; i++) {
        crowd[i] = tcp_dial_begin(full.address);
    }
    node_open(&a, NET_ROLE_VALIDATOR, &quick);
    uint64_t begun = test_now_ms();
    node_dial(&a, &full, true, true);
    trouble_wait(&a, &full, NET_REASON_CANNOT_CONNECT);
    assert_true(test_now_ms() - begun >= quick.handshake_ms);
    for (int i = 0; i < CROWD; i++) {
        (void)close(crowd[i]);
    }
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    while (poll(&ready, 1, 0) == 1) {
        (void)close(accept(fd, NULL, NULL));
    }
    trouble_wait(&a, &full, NET_REASON_HANDSHAKE_TIMEOUT); /* a new attempt got through */
    node_close(&a);

    for (int i = 0; i < CROWD; i++) {
        crowd[i] = tcp_dial_begin(full.address);
    }
    node_open(&a, NET_ROLE_VALIDATOR, NULL);
    node_dial(&a, &full, true, true);
    begun = test_now_ms();
    node_close(&a);
    assert_true(test_now_ms() - begun < NET_HANDSHAKE_MS / 2);
    for (int i = 0; i < CROWD; i++) {
        (void)close(crowd[i]);
    }
    crypto_key_free(full.key);
    (void)close(fd);
}

/* Silence on our port: before TLS, and after it. */
static void test_mute_dialer(void **state)
{
    (void)state;
    struct node a;
    struct raw raw;
    uint8_t byte;
    node_open(&a, NET_ROLE_VALIDATOR, &quick);
    int fd = tcp_dial(a.address);
    struct pollfd hung_up = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&hung_up, 1, PATIENCE_MS), 1);
    (void)read(fd, &byte, 1);
    (void)close(fd);
    raw_dial(&raw, a.address);
    raw_wait_end(&raw);
    raw_close(&raw);
    assert_int_equal(stats_of(&a).connected, 0);
    node_close(&a);
}

static void test_wrong_chain(void **state)
{
    (void)state;
    struct node a;
    struct node b;
    two_nodes(&a, &b, NULL);
    struct net_config config;
    struct error error;
    node_config(&a, &config);
    config.chain_id = test_hash(9);
    net_close(a.net);
    assert_true(net_open(&config, &a.net, &error));
    node_dial(&a, &b, true, false);
    trouble_wait(&a, &b, NET_REASON_WRONG_CHAIN);
    assert_int_equal(stats_of(&b).connected, 0);
    assert_true(stats_of(&b).refused >= 1);
    node_close(&a);
    node_close(&b);
}

static void test_wrong_key(void **state)
{
    (void)state;
    struct node a;
    struct node b;
    two_nodes(&a, &b, NULL);
    struct node expected = {.key = crypto_key_generate()};
    memcpy(expected.address, b.address, sizeof expected.address);
    node_dial(&a, &expected, true, false);
    trouble_wait(&a, &expected, NET_REASON_WRONG_KEY);
    assert_int_equal(stats_of(&b).connected, 0);
    crypto_key_free(expected.key);
    node_close(&a);
    node_close(&b);
}

static void test_not_admitted(void **state)
{
    (void)state;
    struct node a;
    struct node b;
    node_open(&a, NET_ROLE_VALIDATOR, NULL);
    node_open(&b, NET_ROLE_VALIDATOR, NULL);
    node_dial(&a, &b, true, false);
    trouble_wait(&a, &b, NET_REASON_NOT_ADMITTED);
    assert_int_equal(stats_of(&a).connected, 0);
    assert_int_equal(stats_of(&b).connected, 0);
    node_close(&a);
    node_close(&b);
}

/* Junk before TLS, junk inside TLS, a length out of bounds, a handshake cut short. */
static void test_garbage(void **state)
{
    (void)state;
    static const uint8_t junk[64] = {0xde, 0xad};
    static const uint8_t huge[8] = {0x7f, 0xff, 0xff, 0xff};
    static const uint8_t zero[8] = {0};
    struct node a;
    struct raw raw;
    uint8_t byte;
    node_open(&a, NET_ROLE_VALIDATOR, NULL);
    int fd = tcp_dial(a.address);
    assert_int_equal(write(fd, junk, sizeof junk), sizeof junk);
    while (read(fd, &byte, 1) > 0) {
    }
    (void)close(fd);
    const struct bytes openings[] = {bytes_of(huge, sizeof huge), bytes_of(zero, sizeof zero),
                                     bytes_of(junk, sizeof junk)};
    for (size_t i = 0; i < sizeof openings / sizeof openings[0]; i++) {
        raw_dial(&raw, a.address);
        raw_send(&raw, openings[i]);
        raw_wait_end(&raw);
        raw_close(&raw);
    }
    raw_dial(&raw, a.address);
    raw_message(&raw, bytes_of(junk, sizeof junk)); /* well framed, no HELLO */
    uint8_t refusal[8];
    assert_true(raw_receive(&raw, refusal, 7));
    assert_int_equal(refusal[6], NET_REASON_BAD_HELLO);
    raw_close(&raw);
    assert_int_equal(stats_of(&a).connected, 0);
    node_close(&a);
}

/* Seals one frame; its size. */
static size_t seal(struct raw *raw, const char *text, uint8_t *out)
{
    struct frame frame = {.kind = FRAME_DATA, .payload = bytes_of(text, strlen(text))};
    assert_true(frame_seal(&raw->session.sending, &frame, out));
    return FRAME_OVERHEAD + strlen(text);
}

enum attack { ATTACK_REPLAY, ATTACK_REORDER, ATTACK_TAMPER, ATTACK_LENGTH, ATTACK_FORM };

/* All in one write: NNG may never end a write that meets a stream closed by the peer. */
static enum net_reason attack_send(struct raw *raw, enum attack attack, uint8_t *first, size_t size)
{
    uint8_t both[128];
    size_t second = 0;
    static const struct frame formless = {.kind = FRAME_DATA, .id = 7};
    switch (attack) {
    case ATTACK_REPLAY:
        memcpy(both, first, size);
        memcpy(both + size, first, size);
        raw_send(raw, bytes_of(both, 2 * size));
        return NET_REASON_BAD_SEAL;
    case ATTACK_REORDER:
        second = seal(raw, "second", both);
        memcpy(both + second, first, size);
        raw_send(raw, bytes_of(both, second + size));
        return NET_REASON_BAD_SEAL;
    case ATTACK_TAMPER:
        first[size - 20] ^= 1;
        raw_send(raw, bytes_of(first, size));
        return NET_REASON_BAD_SEAL;
    case ATTACK_LENGTH:
        store_be32(first, FRAME_OVERHEAD + VOTE_FRAME_SIZE_MAX);
        raw_send(raw, bytes_of(first, size));
        return NET_REASON_FRAME_SIZE;
    case ATTACK_FORM:
        raw->session.sending.counter--;
        assert_true(frame_seal(&raw->session.sending, &formless, both));
        raw_send(raw, bytes_of(both, FRAME_OVERHEAD));
        return NET_REASON_BAD_FRAME;
    }
    UNREACHABLE();
}

/* A proven peer, or a line, that does not play by the rules: the session ends at once. */
static void test_attacks_on_frames(void **state)
{
    (void)state;
    struct node a;
    struct node b;
    two_nodes(&a, &b, NULL);
    for (enum attack attack = ATTACK_REPLAY; attack <= ATTACK_FORM; attack++) {
        struct raw raw;
        uint8_t first[64];
        raw_dial(&raw, a.address);
        raw_greet(&raw, &b, &a, NET_LANE_VOTE);
        (void)event_wait(&a, NET_EVENT_CONNECTED);
        size_t size = seal(&raw, "first", first);
        enum net_reason due = attack_send(&raw, attack, first, size);
        struct net_event gone = event_wait(&a, NET_EVENT_DISCONNECTED);
        assert_string_equal(net_reason_text(gone.reason), net_reason_text(due));
        raw_wait_end(&raw);
        raw_close(&raw);
    }
    node_close(&a);
    node_close(&b);
}

/* Memory follows the bytes that came, not the bytes that were announced. */
static void test_announced_only(void **state)
{
    (void)state;
    const struct net_timing brief = {.idle_ms = 300, .ping_ms = 100};
    struct node a;
    struct node b;
    two_nodes(&a, &b, &brief);
    struct raw raw;
    uint8_t prefix[FRAME_PREFIX_SIZE];
    raw_dial(&raw, a.address);
    raw_greet(&raw, &b, &a, NET_LANE_BULK);
    store_be32(prefix, FRAME_HEADER_SIZE + CRYPTO_SEAL_SIZE + FRAME_SIZE_MAX);
    raw_send(&raw, bytes_of(prefix, sizeof prefix));
    assert_int_equal(event_wait(&a, NET_EVENT_DISCONNECTED).reason, NET_REASON_IDLE);
    raw_close(&raw);
    node_close(&a);
    node_close(&b);
}

static void flood(struct node *node, uint64_t session, size_t count, size_t size)
{
    uint8_t *bytes = calloc(1, size);
    assert_non_null(bytes);
    for (size_t i = 0; i < count; i++) {
        (void)net_send(node->net, session, bytes_of(bytes, size));
    }
    free(bytes);
}

/* One peer reads nothing: its queue stays bounded, the oldest frames go, others are served,
 * and in the end it is closed. */
static void test_slow_reader(void **state)
{
    (void)state;
    const struct net_timing brief = {.idle_ms = 1500, .ping_ms = 200};
    struct node a;
    struct node b;
    struct node c;
    two_nodes(&a, &b, &brief);
    node_open(&c, NET_ROLE_VALIDATOR, &brief);
    node_admit(&a, &c);
    struct raw slow;
    raw_dial(&slow, a.address);
    raw_greet(&slow, &b, &a, NET_LANE_BULK);
    uint64_t to_slow = event_wait(&a, NET_EVENT_CONNECTED).session;
    node_dial(&c, &a, false, true);
    uint64_t to_c = event_wait(&a, NET_EVENT_CONNECTED).session;

    flood(&a, to_slow, 2 * NET_BULK_QUEUE_MAX, 256 << 10);
    assert_int_equal(net_send(a.net, to_c, bytes_of("hello", 5)), NET_SENT_QUEUED);
    struct net_event frame = event_wait(&c, NET_EVENT_FRAME);
    assert_true(bytes_equal(frame.bytes, bytes_of("hello", 5)));
    net_event_release(&frame);
    assert_true(stats_of(&a).dropped_bulk > 0);
    struct net_event gone = event_wait(&a, NET_EVENT_DISCONNECTED);
    assert_true(gone.session == to_slow);
    raw_close(&slow);
    node_close(&a);
    node_close(&b);
    node_close(&c);
}

/* Closing does not wait for a peer that does not read. */
static void test_close_while_stalled(void **state)
{
    (void)state;
    struct node a;
    struct node b;
    two_nodes(&a, &b, NULL);
    struct raw slow;
    raw_dial(&slow, a.address);
    raw_greet(&slow, &b, &a, NET_LANE_BULK);
    uint64_t to_slow = event_wait(&a, NET_EVENT_CONNECTED).session;
    flood(&a, to_slow, 2 * NET_BULK_QUEUE_MAX, 256 << 10);
    assert_true(stats_of(&a).dropped_bulk > 0);
    uint64_t begun = test_now_ms();
    node_close(&a);
    assert_true(test_now_ms() - begun < NET_IDLE_MS / 2);
    raw_close(&slow);
    node_close(&b);
}

/* Nobody takes events at b: it stops reading from a when a's share is full, goes on later,
 * and nothing that was queued is lost; another session is not held up. */
static void test_backpressure(void **state)
{
    (void)state;
    enum { COUNT = 3 * NET_INBOX_MAX };
    struct node a;
    struct node b;
    two_nodes(&a, &b, NULL);
    node_dial(&a, &b, true, true);
    struct net_event at_a[2] = {event_wait(&a, NET_EVENT_CONNECTED),
                                event_wait(&a, NET_EVENT_CONNECTED)};
    uint64_t vote = at_a[at_a[0].lane == NET_LANE_BULK].session;
    uint64_t bulk = at_a[at_a[0].lane == NET_LANE_VOTE].session;
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_int_equal(net_send(a.net, vote, bytes_of(&i, sizeof i)), NET_SENT_QUEUED);
    }
    assert_int_equal(net_send(a.net, bulk, bytes_of("other", 5)), NET_SENT_QUEUED);
    uint64_t until = test_now_ms() + PATIENCE_MS;
    /* CONNECTED and votes fill the share; then there are the other frame and two pings. */
    const uint64_t most = NET_INBOX_MAX - 1 + 1 + 2;
    while (stats_of(&b).frames_in < most && test_now_ms() < until) {
        (void)poll(NULL, 0, 5);
    }
    assert_int_equal(stats_of(&b).frames_in, most);
    uint32_t next = 0;
    bool other = false;
    while (next < COUNT || !other) {
        struct net_event frame = event_wait(&b, NET_EVENT_FRAME);
        if (frame.lane == NET_LANE_BULK) {
            other = true;
            assert_true(next < COUNT); /* it did not wait for all the votes */
        } else {
            assert_true(bytes_equal(frame.bytes, bytes_of(&next, sizeof next)));
            next++;
        }
        net_event_release(&frame);
    }
    node_close(&a);
    node_close(&b);
}

/* A hundred silent strangers, and as many as may that greet as ANON: a validator still
 * gets in, and keeps its session. */
static void test_strangers(void **state)
{
    (void)state;
    enum { STRANGERS = 100 };
    struct node a;
    struct node b;
    two_nodes(&a, &b, NULL);
    a.strangers = true;
    int silent[STRANGERS];
    for (int i = 0; i < STRANGERS; i++) {
        silent[i] = tcp_dial(a.address);
    }
    struct node anon = {.key = crypto_key_generate(), .role = NET_ROLE_ANON};
    struct raw greeted[8];
    for (int i = 0; i < 8; i++) {
        raw_dial(&greeted[i], a.address);
        raw_greet(&greeted[i], &anon, &a, NET_LANE_BULK);
    }
    node_dial(&b, &a, true, true);
    (void)event_wait(&b, NET_EVENT_CONNECTED);
    (void)event_wait(&b, NET_EVENT_CONNECTED);
    for (int i = 0; i < STRANGERS; i++) {
        (void)close(silent[i]);
        silent[i] = tcp_dial(a.address);
    }
    uint64_t session = 0;
    struct net_session_info info[64];
    size_t count = net_sessions(b.net, info, 64);
    assert_int_equal(count, 2);
    session = info[0].session;
    assert_int_equal(net_send(b.net, session, bytes_of("still", 5)), NET_SENT_QUEUED);
    struct net_event frame = event_wait(&a, NET_EVENT_FRAME);
    assert_int_equal(frame.role, NET_ROLE_VALIDATOR);
    net_event_release(&frame);
    struct net_stats stats = stats_of(&a);
    assert_true(stats.half_open <= NET_HALF_OPEN_MAX);
    assert_true(stats.evicted > 0);
    assert_int_equal(stats.by_role[NET_ROLE_VALIDATOR], 2);
    for (int i = 0; i < STRANGERS; i++) {
        (void)close(silent[i]);
    }
    for (int i = 0; i < 8; i++) {
        raw_close(&greeted[i]);
    }
    crypto_key_free(anon.key);
    node_close(&a);
    node_close(&b);
}

/* The class of strangers is full, and one address has its share: the next is told so. */
static void test_class_is_full(void **state)
{
    (void)state;
    struct node a;
    node_open(&a, NET_ROLE_VALIDATOR, NULL);
    a.strangers = true;
    struct node anon = {.key = crypto_key_generate(), .role = NET_ROLE_ANON};
    static struct raw greeted[NET_ANON_MAX];
    for (int i = 0; i < NET_ANON_MAX; i++) {
        raw_dial(&greeted[i], a.address);
        raw_greet(&greeted[i], &anon, &a, NET_LANE_BULK);
    }
    struct net_config config;
    struct error error;
    struct node late = {.role = NET_ROLE_ANON, .key = anon.key};
    node_config(&late, &config);
    assert_true(net_open(&config, &late.net, &error));
    node_dial(&late, &a, false, true);
    trouble_wait(&late, &a, NET_REASON_FULL);
    raw_close(&greeted[0]);
    (void)event_wait(&late, NET_EVENT_CONNECTED);
    net_close(late.net);
    for (int i = 1; i < NET_ANON_MAX; i++) {
        raw_close(&greeted[i]);
    }
    crypto_key_free(anon.key);
    node_close(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mute_listener),  cmocka_unit_test(test_connect_stalls),
        cmocka_unit_test(test_mute_dialer),    cmocka_unit_test(test_wrong_chain),
        cmocka_unit_test(test_wrong_key),      cmocka_unit_test(test_not_admitted),
        cmocka_unit_test(test_garbage),        cmocka_unit_test(test_attacks_on_frames),
        cmocka_unit_test(test_announced_only), cmocka_unit_test(test_slow_reader),
        cmocka_unit_test(test_backpressure),   cmocka_unit_test(test_close_while_stalled),
        cmocka_unit_test(test_strangers),      cmocka_unit_test(test_class_is_full),
    };
    watchdog_start(100); /* ctest waits for 120 s: a hang was seen twice, its stacks never */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
