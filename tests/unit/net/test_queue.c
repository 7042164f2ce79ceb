#include "support.h"

#include "net/state.h"

/* The send queue of one session, without its stream. */

static struct net net;

static void link_set(struct link *link, enum net_lane lane)
{
    memset(&net, 0, sizeof net);
    memset(link, 0, sizeof *link);
    link->net = &net;
    link->state = LINK_OPEN;
    link->info.lane = lane;
}

static enum net_sent queue(struct link *link, size_t size, bool plain)
{
    struct body *body = malloc(sizeof *body + size);
    assert_non_null(body);
    *body = (struct body){.users = 1, .size = size};
    struct outgoing outgoing = {.body = body, .kind = FRAME_DATA, .plain = plain};
    enum net_sent sent = send_queue_locked(link, &outgoing);
    body_drop_locked(body);
    return sent;
}

/* The oldest frames go, never the handshake message in front of them. */
static void test_count_limits(void **state)
{
    (void)state;
    static const size_t max[NET_LANE_COUNT] = {NET_VOTE_QUEUE_MAX, NET_BULK_QUEUE_MAX};
    for (int lane = 0; lane < NET_LANE_COUNT; lane++) {
        struct link link;
        link_set(&link, (enum net_lane)lane);
        assert_int_equal(queue(&link, 70, true), NET_SENT_QUEUED);
        for (size_t i = 1; i < max[lane]; i++) {
            assert_int_equal(queue(&link, i, false), NET_SENT_QUEUED);
        }
        assert_int_equal(queue(&link, 5000, false), NET_SENT_DROPPING);
        assert_int_equal(queue(&link, 5001, false), NET_SENT_DROPPING);
        assert_int_equal(link.out_count, max[lane]);
        assert_int_equal(link.info.dropped, 2);
        assert_true(link.out_first->plain);
        assert_int_equal(link.out_first->next->body->size, 3);
        assert_int_equal(link.out_last->body->size, 5001);
        send_clear_locked(&link);
        assert_int_equal(link.out_count, 0);
        assert_int_equal(link.out_size, 0);
    }
}

static void test_size_limit(void **state)
{
    (void)state;
    struct link link;
    link_set(&link, NET_LANE_BULK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(queue(&link, FRAME_SIZE_MAX, false), NET_SENT_QUEUED);
    }
    assert_int_equal(queue(&link, FRAME_SIZE_MAX, false), NET_SENT_DROPPING);
    assert_int_equal(link.out_count, 3);
    assert_true(link.out_size <= NET_BULK_QUEUE_SIZE_MAX);
    send_clear_locked(&link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_count_limits),
        cmocka_unit_test(test_size_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
