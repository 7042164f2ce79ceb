#include "support.h"

static struct bytes text(const char *string)
{
    return bytes_of(string, strlen(string));
}

static void two_nodes(struct node *a, struct node *b)
{
    node_open(a, NET_ROLE_VALIDATOR, NULL);
    node_open(b, NET_ROLE_VALIDATOR, NULL);
    node_admit(a, b);
    node_admit(b, a);
}

static void test_both_ways(void **state)
{
    (void)state;
    struct node a;
    struct node b;
    two_nodes(&a, &b);
    node_dial(&a, &b, true, false);
    struct net_event at_a = event_wait(&a, NET_EVENT_CONNECTED);
    struct net_event at_b = event_wait(&b, NET_EVENT_CONNECTED);
    struct net_key key_a = node_key(&a);
    struct net_key key_b = node_key(&b);
    assert_true(net_key_equal(&at_a.key, &key_b));
    assert_true(net_key_equal(&at_b.key, &key_a));
    assert_int_equal(at_b.role, NET_ROLE_VALIDATOR);
    assert_int_equal(at_b.lane, NET_LANE_VOTE);
    assert_true(at_a.dialed);
    assert_false(at_b.dialed);

    assert_int_equal(net_send(a.net, at_a.session, text("from a")), NET_SENT_QUEUED);
    assert_int_equal(net_send(b.net, at_b.session, text("from b")), NET_SENT_QUEUED);
    struct net_event frame = event_wait(&b, NET_EVENT_FRAME);
    assert_true(bytes_equal(frame.bytes, text("from a")));
    net_event_release(&frame);
    frame = event_wait(&a, NET_EVENT_FRAME);
    assert_true(bytes_equal(frame.bytes, text("from b")));
    net_event_release(&frame);

    net_session_close(a.net, at_a.session);
    assert_int_equal(event_wait(&a, NET_EVENT_DISCONNECTED).reason, NET_REASON_LOCAL);
    assert_int_equal(event_wait(&b, NET_EVENT_DISCONNECTED).reason, NET_REASON_CLOSED);
    node_close(&a);
    node_close(&b);
}

static bool lower(const struct node *a, const struct node *b)
{
    struct net_key key_a = node_key(a);
    struct net_key key_b = node_key(b);
    return memcmp(key_a.bytes, key_b.bytes, key_a.size) < 0;
}

static void mutual(struct node *a, const struct node *b)
{
    struct net_peer peer = {.address = b->address,
                            .key = node_key(b),
                            .vote_lane = true,
                            .bulk_lane = true,
                            .mutual = true};
    assert_true(net_peer_add(a->net, &peer));
}

/* Both name each other, one dials: two sessions, one in each lane. */
static void test_mutual(void **state)
{
    (void)state;
    struct node a;
    struct node b;
    two_nodes(&a, &b);
    mutual(&a, &b);
    mutual(&b, &a);
    struct net_event one = event_wait(&a, NET_EVENT_CONNECTED);
    struct net_event two = event_wait(&a, NET_EVENT_CONNECTED);
    assert_int_not_equal(one.lane, two.lane);
    assert_int_equal(one.dialed, lower(&a, &b));
    assert_int_equal(two.dialed, lower(&a, &b));
    (void)event_wait(&b, NET_EVENT_CONNECTED);
    (void)event_wait(&b, NET_EVENT_CONNECTED);
    struct net_session_info info[8];
    assert_int_equal(net_sessions(a.net, info, 8), 2);
    assert_int_equal(net_sessions(b.net, info, 8), 2);
    struct net_stats stats;
    net_stats(b.net, &stats);
    assert_int_equal(stats.by_role[NET_ROLE_VALIDATOR], 2);
    node_close(&a);
    node_close(&b);
}

/* Both name each other and neither knows: who has been dialed does not dial back. */
static void test_dialed_already(void **state)
{
    (void)state;
    struct node a;
    struct node b;
    struct net_stats stats;
    two_nodes(&a, &b);
    node_dial(&a, &b, true, false);
    (void)event_wait(&a, NET_EVENT_CONNECTED);
    (void)event_wait(&b, NET_EVENT_CONNECTED);
    node_dial(&b, &a, true, false);
    for (uint64_t until = test_now_ms() + 200; test_now_ms() < until;) {
        struct net_event event;
        assert_false(net_poll(b.net, &event, 20)); /* nothing is replaced */
    }
    net_stats(b.net, &stats);
    assert_int_equal(stats.connected, 1);
    char address[sizeof(a.address)];
    memcpy(address, a.address, sizeof(address));
    const struct net_peer gone = {.address = address, .key = node_key(&a)};
    node_close(&a);
    assert_int_equal(event_wait(&b, NET_EVENT_DISCONNECTED).reason, NET_REASON_CLOSED);
    const uint64_t patience = test_now_ms() + PATIENCE_MS; /* now it dials */
    while (net_peer_trouble(b.net, &gone) != NET_REASON_CANNOT_CONNECT) {
        assert_true(test_now_ms() < patience);
    }
    node_close(&b);
}

/* The same peer once more: the newer session stays. */
static void test_replaced(void **state)
{
    (void)state;
    struct node a;
    struct node b;
    two_nodes(&a, &b);
    node_dial(&a, &b, true, false);
    struct net_event first = event_wait(&b, NET_EVENT_CONNECTED);
    struct node twin = {.key = a.key, .role = NET_ROLE_VALIDATOR};
    node_open_at(&twin, "127.0.0.1:0", NULL);
    node_dial(&twin, &b, true, false);
    struct net_event gone = event_wait(&b, NET_EVENT_DISCONNECTED);
    assert_int_equal(gone.reason, NET_REASON_REPLACED);
    assert_true(gone.session == first.session);
    net_close(twin.net);
    node_close(&a);
    node_close(&b);
}

static void test_large_frames(void **state)
{
    (void)state;
    struct node a;
    struct node b;
    two_nodes(&a, &b);
    node_dial(&a, &b, true, true);
    struct net_event at_a[2] = {event_wait(&a, NET_EVENT_CONNECTED),
                                event_wait(&a, NET_EVENT_CONNECTED)};
    uint64_t vote = at_a[at_a[0].lane == NET_LANE_BULK].session;
    uint64_t bulk = at_a[at_a[0].lane == NET_LANE_VOTE].session;
    uint8_t *bytes = malloc(FRAME_SIZE_MAX + 1);
    assert_non_null(bytes);
    crypto_random_bytes(bytes, FRAME_SIZE_MAX + 1);
    assert_int_equal(net_send(a.net, bulk, bytes_of(bytes, FRAME_SIZE_MAX + 1)), NET_SENT_SIZE);
    assert_int_equal(net_send(a.net, vote, bytes_of(bytes, VOTE_FRAME_SIZE_MAX + 1)),
                     NET_SENT_SIZE);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(net_send(a.net, bulk, bytes_of(bytes, FRAME_SIZE_MAX)), NET_SENT_QUEUED);
        struct net_event frame = event_wait(&b, NET_EVENT_FRAME);
        assert_int_equal(frame.lane, NET_LANE_BULK);
        assert_true(bytes_equal(frame.bytes, bytes_of(bytes, FRAME_SIZE_MAX)));
        net_event_release(&frame);
    }
    assert_int_equal(net_send(a.net, vote, bytes_of(bytes, VOTE_FRAME_SIZE_MAX)), NET_SENT_QUEUED);
    struct net_event frame = event_wait(&b, NET_EVENT_FRAME);
    assert_int_equal(frame.bytes.size, VOTE_FRAME_SIZE_MAX);
    net_event_release(&frame);
    free(bytes);
    node_close(&a);
    node_close(&b);
}

/* In order, none lost, and far fewer writes than frames. */
static void test_batches(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    struct node a;
    struct node b;
    two_nodes(&a, &b);
    node_dial(&a, &b, true, false);
    uint64_t session = event_wait(&a, NET_EVENT_CONNECTED).session;
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_int_equal(net_send(a.net, session, bytes_of(&i, sizeof i)), NET_SENT_QUEUED);
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        struct net_event frame = event_wait(&b, NET_EVENT_FRAME);
        assert_true(bytes_equal(frame.bytes, bytes_of(&i, sizeof i)));
        net_event_release(&frame);
    }
    struct net_stats stats;
    net_stats(a.net, &stats);
    assert_true(stats.frames_out >= COUNT);
    assert_true(stats.writes_out < COUNT);
    node_close(&a);
    node_close(&b);
}

/* What is held leaves at the flush, in order, in one write. */
static void test_held(void **state)
{
    (void)state;
    enum { COUNT = 1000, OTHERS = 3 }; /* pings that may fall into the test */
    struct node a;
    struct node b;
    struct net_stats before;
    struct net_stats after;
    two_nodes(&a, &b);
    node_dial(&a, &b, true, false);
    uint64_t session = event_wait(&a, NET_EVENT_CONNECTED).session;
    net_hold(a.net);
    net_stats(a.net, &before);
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_int_equal(net_send(a.net, session, bytes_of(&i, sizeof i)), NET_SENT_QUEUED);
    }
    net_stats(a.net, &after);
    assert_true(after.writes_out - before.writes_out <= OTHERS);
    net_flush(a.net);
    for (uint32_t i = 0; i < COUNT; i++) {
        struct net_event frame = event_wait(&b, NET_EVENT_FRAME);
        assert_true(bytes_equal(frame.bytes, bytes_of(&i, sizeof i)));
        net_event_release(&frame);
    }
    net_stats(a.net, &after);
    assert_true(after.writes_out - before.writes_out <= OTHERS);
    /* A session that has gone meanwhile is passed over. */
    assert_int_equal(net_send(a.net, session, text("late")), NET_SENT_QUEUED);
    net_session_close(a.net, session);
    assert_int_equal(event_wait(&a, NET_EVENT_DISCONNECTED).reason, NET_REASON_LOCAL);
    net_flush(a.net);
    node_close(&a);
    node_close(&b);
}

static void test_send_all_and_requests(void **state)
{
    (void)state;
    struct node a;
    struct node b;
    two_nodes(&a, &b);
    node_dial(&a, &b, true, true);
    uint64_t sessions[3] = {event_wait(&a, NET_EVENT_CONNECTED).session,
                            event_wait(&a, NET_EVENT_CONNECTED).session, 12345};
    assert_int_equal(net_send_all(a.net, sessions, 3, text("all")), 2);
    for (int i = 0; i < 2; i++) {
        struct net_event frame = event_wait(&b, NET_EVENT_FRAME);
        assert_true(bytes_equal(frame.bytes, text("all")));
        net_event_release(&frame);
    }
    assert_int_equal(net_request(a.net, sessions[1], 77, text("what?")), NET_SENT_QUEUED);
    struct net_event request = event_wait(&b, NET_EVENT_REQUEST);
    assert_int_equal(request.request, 77);
    assert_int_equal(net_reply(b.net, request.session, request.request, text("that")),
                     NET_SENT_QUEUED);
    net_event_release(&request);
    struct net_event response = event_wait(&a, NET_EVENT_RESPONSE);
    assert_int_equal(response.request, 77);
    assert_true(bytes_equal(response.bytes, text("that")));
    net_event_release(&response);
    assert_int_equal(net_send(a.net, 12345, text("x")), NET_SENT_GONE);
    node_close(&a);
    node_close(&b);
}

/* The ping bytes come when the session opens and again with every ping, votes only. */
static void test_ping_bytes(void **state)
{
    (void)state;
    const struct net_timing quick = {.ping_ms = 50, .idle_ms = 5000};
    struct node a;
    struct node b;
    node_open(&a, NET_ROLE_VALIDATOR, &quick);
    node_open(&b, NET_ROLE_VALIDATOR, &quick);
    node_admit(&b, &a);
    assert_true(net_ping_set(a.net, text("height 1")));
    node_dial(&a, &b, true, true);
    for (int i = 0; i < 3; i++) {
        struct net_event ping = event_wait(&b, NET_EVENT_PING);
        assert_int_equal(ping.lane, NET_LANE_VOTE);
        assert_true(bytes_equal(ping.bytes, text("height 1")));
        net_event_release(&ping);
    }
    assert_true(net_ping_set(a.net, text("height 2")));
    struct net_event ping = event_wait(&b, NET_EVENT_PING);
    while (bytes_equal(ping.bytes, text("height 1"))) {
        net_event_release(&ping);
        ping = event_wait(&b, NET_EVENT_PING);
    }
    assert_true(bytes_equal(ping.bytes, text("height 2")));
    net_event_release(&ping);
    node_close(&a);
    node_close(&b);
}

static void test_reconnect(void **state)
{
    (void)state;
    struct node a;
    struct node b;
    two_nodes(&a, &b);
    node_dial(&a, &b, true, false);
    (void)event_wait(&a, NET_EVENT_CONNECTED);
    net_close(b.net);
    assert_int_equal(event_wait(&a, NET_EVENT_DISCONNECTED).reason, NET_REASON_CLOSED);
    trouble_wait(&a, &b, NET_REASON_CANNOT_CONNECT);
    char address[32];
    memcpy(address, b.address, sizeof address);
    node_open_at(&b, address, NULL);
    (void)event_wait(&a, NET_EVENT_CONNECTED);
    (void)event_wait(&b, NET_EVENT_CONNECTED);
    trouble_wait(&a, &b, NET_REASON_NONE);

    node_close(&a);
    node_close(&b);
}

static void test_busy_port(void **state)
{
    (void)state;
    struct node a;
    node_open(&a, NET_ROLE_VALIDATOR, NULL);
    struct net_config config;
    struct error error = {.code = EXIT_CODE_OK};
    struct net *net = NULL;
    node_config(&a, &config);
    config.listen = a.address;
    assert_false(net_open(&config, &net, &error));
    assert_int_equal(error.code, EXIT_CODE_CANNOT_BIND);
    assert_non_null(strstr(error.detail, a.address));
    assert_non_null(strstr(error.detail, "in use"));
    config.listen = "no such host.invalid:1";
    assert_false(net_open(&config, &net, &error));
    assert_int_equal(error.code, EXIT_CODE_CANNOT_BIND);
    node_close(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ways),
        cmocka_unit_test(test_mutual),
        cmocka_unit_test(test_dialed_already),
        cmocka_unit_test(test_replaced),
        cmocka_unit_test(test_large_frames),
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_send_all_and_requests),
        cmocka_unit_test(test_ping_bytes),
        cmocka_unit_test(test_reconnect),
        cmocka_unit_test(test_busy_port),
        cmocka_unit_test(test_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
