#include "support.h"

#include "base/endian.h"
#include "net/frame.h"

static struct crypto_session_half half_new(void)
{
    struct crypto_session_half half = {.counter = 0};
    memset(half.key, 7, sizeof half.key);
    return half;
}

static size_t seal(struct crypto_session_half *half, enum frame_kind kind, uint32_t id,
                   struct bytes payload, uint8_t *out)
{
    struct frame frame = {.kind = kind, .id = id, .payload = payload};
    assert_true(frame_seal(half, &frame, out));
    return FRAME_OVERHEAD + payload.size;
}

static void test_round_trip(void **state)
{
    (void)state;
    struct crypto_session_half sealing = half_new();
    struct crypto_session_half opening = half_new();
    uint8_t whole[256];
    for (uint32_t id = 1; id < 20; id++) {
        uint8_t payload[20];
        memset(payload, (int)id, sizeof payload);
        size_t size = seal(&sealing, FRAME_REQUEST, id, bytes_of(payload, id), whole);
        assert_int_equal(frame_size(whole, VOTE_FRAME_SIZE_MAX), size);
        struct frame frame;
        assert_int_equal(frame_open(&opening, whole, size, &frame), NET_REASON_NONE);
        assert_int_equal(frame.kind, FRAME_REQUEST);
        assert_int_equal(frame.id, id);
        assert_true(bytes_equal(frame.payload, bytes_of(payload, id)));
    }
}

/* Sizes are judged from the prefix alone. */
static void test_size_bounds(void **state)
{
    (void)state;
    uint8_t prefix[FRAME_PREFIX_SIZE];
    const uint32_t least = FRAME_HEADER_SIZE + CRYPTO_SEAL_SIZE;
    store_be32(prefix, least - 1);
    assert_int_equal(frame_size(prefix, VOTE_FRAME_SIZE_MAX), 0);
    store_be32(prefix, least);
    assert_int_equal(frame_size(prefix, VOTE_FRAME_SIZE_MAX), FRAME_OVERHEAD);
    store_be32(prefix, least + VOTE_FRAME_SIZE_MAX);
    assert_int_equal(frame_size(prefix, VOTE_FRAME_SIZE_MAX), FRAME_OVERHEAD + VOTE_FRAME_SIZE_MAX);
    store_be32(prefix, least + VOTE_FRAME_SIZE_MAX + 1);
    assert_int_equal(frame_size(prefix, VOTE_FRAME_SIZE_MAX), 0);
    store_be32(prefix, UINT32_MAX);
    assert_int_equal(frame_size(prefix, FRAME_SIZE_MAX), 0);
    store_be32(prefix, 0);
    assert_int_equal(frame_hello_size(prefix), 0);
    store_be32(prefix, NET_HELLO_SIZE_MAX + 1);
    assert_int_equal(frame_hello_size(prefix), 0);
    assert_int_equal(frame_payload_max(NET_ROLE_VALIDATOR, NET_LANE_VOTE), VOTE_FRAME_SIZE_MAX);
    assert_int_equal(frame_payload_max(NET_ROLE_VALIDATOR, NET_LANE_BULK), FRAME_SIZE_MAX);
    assert_int_equal(frame_payload_max(NET_ROLE_ANON, NET_LANE_BULK), VOTE_FRAME_SIZE_MAX);
}

static void test_altered(void **state)
{
    (void)state;
    for (size_t at = 0; at < FRAME_OVERHEAD + 3; at++) {
        struct crypto_session_half sealing = half_new();
        struct crypto_session_half opening = half_new();
        uint8_t whole[FRAME_OVERHEAD + 3];
        struct frame frame;
        size_t size = seal(&sealing, FRAME_DATA, 0, bytes_of("abc", 3), whole);
        whole[at] ^= 1;
        assert_int_equal(frame_open(&opening, whole, size, &frame), NET_REASON_BAD_SEAL);
    }
}

static void test_replayed_and_reordered(void **state)
{
    (void)state;
    struct crypto_session_half sealing = half_new();
    struct crypto_session_half opening = half_new();
    uint8_t first[64];
    uint8_t again[64];
    uint8_t second[64];
    uint8_t third[64];
    struct frame frame;
    size_t size = seal(&sealing, FRAME_DATA, 0, bytes_of("1", 1), first);
    memcpy(again, first, sizeof first);
    (void)seal(&sealing, FRAME_DATA, 0, bytes_of("2", 1), second);
    (void)seal(&sealing, FRAME_DATA, 0, bytes_of("3", 1), third);
    assert_int_equal(frame_open(&opening, first, size, &frame), NET_REASON_NONE);
    assert_int_equal(frame_open(&opening, again, size, &frame), NET_REASON_BAD_SEAL);
    assert_int_equal(frame_open(&opening, third, size, &frame), NET_REASON_BAD_SEAL);
    assert_int_equal(frame_open(&opening, second, size, &frame), NET_REASON_NONE);
}

/* Sealed well by a peer that breaks the format all the same. */
static void test_bad_form(void **state)
{
    (void)state;
    struct crypto_session_half sealing = half_new();
    struct crypto_session_half opening = half_new();
    uint8_t whole[64];
    struct frame frame;
    size_t size = seal(&sealing, (enum frame_kind)0, 0, bytes_of("1", 1), whole);
    assert_int_equal(frame_open(&opening, whole, size, &frame), NET_REASON_BAD_FRAME);
    size = seal(&sealing, (enum frame_kind)5, 0, bytes_of("1", 1), whole);
    assert_int_equal(frame_open(&opening, whole, size, &frame), NET_REASON_BAD_FRAME);
    size = seal(&sealing, FRAME_DATA, 1, bytes_of("1", 1), whole);
    assert_int_equal(frame_open(&opening, whole, size, &frame), NET_REASON_BAD_FRAME);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_size_bounds),
        cmocka_unit_test(test_altered),    cmocka_unit_test(test_replayed_and_reordered),
        cmocka_unit_test(test_bad_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
