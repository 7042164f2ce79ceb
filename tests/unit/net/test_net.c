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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
