#include "support.h"

#include "base/hex.h"
#include "net/frame.h"
#include "net/handshake.h"

struct side {
    struct handshake_self self;
    struct crypto_key *key;
    struct handshake handshake;
};

static void side_node(struct side *side, enum net_role role)
{
    memset(side, 0, sizeof *side);
    side->key = crypto_key_generate();
    side->self = (struct handshake_self){
        .chain_id = test_hash(1),
        .genesis_hash = test_hash(2),
        .role = role,
        .key = side->key,
        .public_key = net_key_of_node(crypto_key_public(side->key)),
    };
}

static void side_tunnel(struct side *side)
{
    uint8_t public_key[TUNNEL_KEY_SIZE];
    memset(side, 0, sizeof *side);
    side->self.chain_id = test_hash(1);
    side->self.genesis_hash = test_hash(2);
    side->self.role = NET_ROLE_MEMBER;
    crypto_exchange_generate(side->self.tunnel_secret, public_key);
    side->self.public_key = net_key_of_tunnel(public_key);
}

static struct bytes view(const struct handshake_message *message)
{
    return bytes_of(message->bytes, message->size);
}

/* Runs the messages up to the listener's judgement; the last step of either side. */
static enum handshake_step greet(struct side *dialer, struct side *listener,
                                 const struct net_key *expected, enum net_lane lane)
{
    struct handshake_message to_listener;
    struct handshake_message to_dialer;
    handshake_begin(&dialer->handshake, &dialer->self, lane, expected, &to_listener);
    handshake_begin(&listener->handshake, &listener->self, NET_LANE_BULK, NULL, &to_dialer);
    assert_int_equal(to_dialer.size, 0);
    enum handshake_step step = handshake_take(&listener->handshake, view(&to_listener), &to_dialer);
    if (step != HANDSHAKE_WAIT) {
        assert_int_equal(handshake_take(&dialer->handshake, view(&to_dialer), &to_listener),
                         HANDSHAKE_FAILED);
        assert_int_equal(dialer->handshake.reason, listener->handshake.reason);
        return step;
    }
    step = handshake_take(&dialer->handshake, view(&to_dialer), &to_listener);
    if (step != HANDSHAKE_WAIT) {
        return step;
    }
    return handshake_take(&listener->handshake, view(&to_listener), &to_dialer);
}

static void finish(struct side *dialer, struct side *listener)
{
    struct handshake_message proof;
    struct handshake_message none;
    struct crypto_session a;
    struct crypto_session b;
    assert_true(handshake_accept(&listener->handshake, &proof));
    assert_int_equal(handshake_take(&dialer->handshake, view(&proof), &none), HANDSHAKE_DONE);
    assert_true(handshake_session(&dialer->handshake, &a));
    assert_true(handshake_session(&listener->handshake, &b));
    assert_memory_equal(&a.sending, &b.receiving, sizeof a.sending);
    assert_memory_equal(&b.sending, &a.receiving, sizeof a.sending);
    assert_memory_not_equal(a.sending.key, b.sending.key, sizeof a.sending.key);
    crypto_key_free(dialer->key);
    crypto_key_free(listener->key);
}

static void test_node_keys(void **state)
{
    (void)state;
    struct side dialer;
    struct side listener;
    side_node(&dialer, NET_ROLE_VALIDATOR);
    side_node(&listener, NET_ROLE_VALIDATOR);
    assert_int_equal(greet(&dialer, &listener, &listener.self.public_key, NET_LANE_VOTE),
                     HANDSHAKE_JUDGE);
    assert_int_equal(listener.handshake.own.lane, NET_LANE_VOTE);
    assert_true(net_key_equal(&listener.handshake.peer.key, &dialer.self.public_key));
    finish(&dialer, &listener);
}

static void test_tunnel_keys(void **state)
{
    (void)state;
    struct side dialer;
    struct side listener;
    side_tunnel(&dialer);
    side_tunnel(&listener);
    assert_int_equal(greet(&dialer, &listener, &listener.self.public_key, NET_LANE_BULK),
                     HANDSHAKE_JUDGE);
    finish(&dialer, &listener);
}

static void test_mixed_keys(void **state)
{
    (void)state;
    struct side dialer;
    struct side listener;
    const struct net_key any = {.size = 0};
    side_node(&dialer, NET_ROLE_MEMBER);
    side_tunnel(&listener);
    assert_int_equal(greet(&dialer, &listener, &any, NET_LANE_BULK), HANDSHAKE_JUDGE);
    finish(&dialer, &listener);
}

static void expect_refusal(struct side *dialer, struct side *listener, enum net_lane lane,
                           enum net_reason reason)
{
    const struct net_key any = {.size = 0};
    assert_int_equal(greet(dialer, listener, &any, lane), HANDSHAKE_FAILED);
    assert_string_equal(net_reason_text(listener->handshake.reason), net_reason_text(reason));
    crypto_key_free(dialer->key);
    crypto_key_free(listener->key);
}

static void test_refusals(void **state)
{
    (void)state;
    struct side dialer;
    struct side listener;
    side_node(&dialer, NET_ROLE_VALIDATOR);
    side_node(&listener, NET_ROLE_VALIDATOR);
    dialer.self.chain_id = test_hash(9);
    expect_refusal(&dialer, &listener, NET_LANE_VOTE, NET_REASON_WRONG_CHAIN);

    side_node(&dialer, NET_ROLE_VALIDATOR);
    side_node(&listener, NET_ROLE_VALIDATOR);
    dialer.self.genesis_hash = test_hash(9);
    expect_refusal(&dialer, &listener, NET_LANE_VOTE, NET_REASON_WRONG_GENESIS);

    side_node(&dialer, NET_ROLE_CLIENT);
    side_node(&listener, NET_ROLE_VALIDATOR);
    expect_refusal(&dialer, &listener, NET_LANE_VOTE, NET_REASON_BAD_LANE);

    side_node(&dialer, NET_ROLE_VALIDATOR);
    side_node(&listener, NET_ROLE_VALIDATOR);
    dialer.self.public_key = listener.self.public_key;
    expect_refusal(&dialer, &listener, NET_LANE_VOTE, NET_REASON_SELF);
}

static void test_unexpected_key(void **state)
{
    (void)state;
    struct side dialer;
    struct side listener;
    side_node(&dialer, NET_ROLE_VALIDATOR);
    side_node(&listener, NET_ROLE_VALIDATOR);
    assert_int_equal(greet(&dialer, &listener, &dialer.self.public_key, NET_LANE_VOTE),
                     HANDSHAKE_FAILED);
    assert_int_equal(dialer.handshake.reason, NET_REASON_WRONG_KEY);
    crypto_key_free(dialer.key);
    crypto_key_free(listener.key);
}

/* A key that is claimed but not owned proves nothing, whoever claims it. */
static void test_stolen_name(void **state)
{
    (void)state;
    struct side dialer;
    struct side listener;
    side_node(&dialer, NET_ROLE_VALIDATOR);
    side_node(&listener, NET_ROLE_VALIDATOR);
    dialer.self.public_key.bytes[32] ^= 1;
    expect_refusal(&dialer, &listener, NET_LANE_VOTE, NET_REASON_BAD_PROOF);

    side_tunnel(&dialer);
    side_tunnel(&listener);
    dialer.self.tunnel_secret[5] ^= 1;
    expect_refusal(&dialer, &listener, NET_LANE_BULK, NET_REASON_BAD_PROOF);
}

/* Whatever byte a man in the middle flips, no side ends with a session. */
static void test_altered(void **state)
{
    (void)state;
    for (size_t flip = 0; flip < 3 * NET_HELLO_SIZE_MAX; flip += 7) {
        struct side dialer;
        struct side listener;
        struct handshake_message out;
        struct handshake_message back;
        side_node(&dialer, NET_ROLE_VALIDATOR);
        side_node(&listener, NET_ROLE_VALIDATOR);
        handshake_begin(&dialer.handshake, &dialer.self, NET_LANE_VOTE, &listener.self.public_key,
                        &out);
        handshake_begin(&listener.handshake, &listener.self, NET_LANE_BULK, NULL, &back);
        size_t stage = flip / NET_HELLO_SIZE_MAX;
        size_t at = flip % NET_HELLO_SIZE_MAX;
        enum handshake_step step = HANDSHAKE_WAIT;
        for (size_t i = 0; i < 3 && step == HANDSHAKE_WAIT; i++) {
            struct handshake_message *message = i % 2 == 0 ? &out : &back;
            struct handshake_message *answer = i % 2 == 0 ? &back : &out;
            struct side *taker = i % 2 == 0 ? &listener : &dialer;
            if (i == stage) {
                message->bytes[at % message->size] ^= 0x10;
            }
            step = handshake_take(&taker->handshake, view(message), answer);
        }
        assert_int_equal(step, HANDSHAKE_FAILED);
        crypto_key_free(dialer.key);
        crypto_key_free(listener.key);
    }
}

/* The listener's own messages, sent back to it, are not a proof. */
static void test_reflected(void **state)
{
    (void)state;
    struct side listener;
    struct side echo;
    struct handshake_message out;
    struct handshake_message back;
    side_node(&listener, NET_ROLE_VALIDATOR);
    side_node(&echo, NET_ROLE_VALIDATOR);
    handshake_begin(&echo.handshake, &echo.self, NET_LANE_VOTE, &listener.self.public_key, &out);
    handshake_begin(&listener.handshake, &listener.self, NET_LANE_BULK, NULL, &back);
    assert_int_equal(handshake_take(&listener.handshake, view(&out), &back), HANDSHAKE_WAIT);
    struct handshake_message proof;
    assert_true(handshake_accept(&listener.handshake, &proof)); /* as if it leaked */
    assert_int_equal(handshake_take(&listener.handshake, view(&proof), &back), HANDSHAKE_FAILED);
    assert_int_equal(listener.handshake.reason, NET_REASON_BAD_PROOF);
    crypto_key_free(listener.key);
    crypto_key_free(echo.key);
}

/* A listener that claims the dialer's own key and hands its proof back. */
static void test_mirrored(void **state)
{
    (void)state;
    struct side dialer;
    struct side mirror;
    struct handshake_message out;
    struct handshake_message back;
    const struct net_key any = {.size = 0};
    side_node(&dialer, NET_ROLE_CLIENT);
    side_node(&mirror, NET_ROLE_ANON); /* the one role that SELF does not stop */
    handshake_begin(&dialer.handshake, &dialer.self, NET_LANE_BULK, &any, &out);
    handshake_begin(&mirror.handshake, &mirror.self, NET_LANE_BULK, NULL, &back);
    mirror.handshake.own.key = dialer.self.public_key;
    assert_int_equal(handshake_take(&mirror.handshake, view(&out), &back), HANDSHAKE_WAIT);
    assert_int_equal(handshake_take(&dialer.handshake, view(&back), &out), HANDSHAKE_WAIT);
    back = out;
    assert_int_equal(handshake_take(&dialer.handshake, view(&back), &out), HANDSHAKE_FAILED);
    assert_int_equal(dialer.handshake.reason, NET_REASON_BAD_PROOF);
    crypto_key_free(dialer.key);
    crypto_key_free(mirror.key);
}

/* Nothing is taken after a failure. */
static void test_failure_stays(void **state)
{
    (void)state;
    struct side dialer;
    struct side listener;
    struct handshake_message hello;
    struct handshake_message out;
    side_node(&dialer, NET_ROLE_VALIDATOR);
    side_node(&listener, NET_ROLE_VALIDATOR);
    handshake_begin(&dialer.handshake, &dialer.self, NET_LANE_VOTE, &listener.self.public_key,
                    &hello);
    handshake_begin(&listener.handshake, &listener.self, NET_LANE_BULK, NULL, &out);
    assert_int_equal(handshake_take(&listener.handshake, bytes_of("junk", 4), &out),
                     HANDSHAKE_FAILED);
    assert_int_equal(handshake_take(&listener.handshake, view(&hello), &out), HANDSHAKE_FAILED);
    assert_int_equal(out.size, 0);
    crypto_key_free(dialer.key);
    crypto_key_free(listener.key);
}

static void put(uint8_t *out, size_t *size, const char *hex_or_null, const void *data, size_t count)
{
    if (hex_or_null != NULL) {
        assert_true(hex_decode(hex_or_null, out + *size, strlen(hex_or_null) / 2));
        *size += strlen(hex_or_null) / 2;
    }
    memcpy(out + *size, data, count);
    *size += count;
}

/* The bytes of docs/protocol.md 8.2 and 8.4, built by hand. */
static void test_bytes(void **state)
{
    (void)state;
    struct side dialer;
    struct side listener;
    side_node(&dialer, NET_ROLE_VALIDATOR);
    side_node(&listener, NET_ROLE_VALIDATOR);
    assert_int_equal(greet(&dialer, &listener, &listener.self.public_key, NET_LANE_VOTE),
                     HANDSHAKE_JUDGE);
    const struct hello *own = &dialer.handshake.own;
    uint8_t hello[NET_HELLO_SIZE_MAX];
    size_t size = 0;
    put(hello, &size, "990101c420", own->chain_id.bytes, HASH_SIZE);
    put(hello, &size, "c420", own->genesis_hash.bytes, HASH_SIZE);
    put(hello, &size, "0100c421", own->key.bytes, PUBLIC_KEY_SIZE);
    put(hello, &size, "c420", own->ephemeral, sizeof own->ephemeral);
    put(hello, &size, "c420", own->nonce, sizeof own->nonce);
    const struct handshake_message *sent = &dialer.handshake.own_hello;
    assert_true(bytes_equal(view(sent), bytes_of(hello, size)));

    const struct handshake_message *answer = &dialer.handshake.peer_hello;
    uint8_t transcript[1024];
    size_t length = 0;
    put(transcript, &length, "93c4b0", hello, size);
    put(transcript, &length, "c4b0", answer->bytes, answer->size);
    put(transcript, &length, NULL, "\x02", 1);
    struct hash due;
    crypto_digest(TAG_HANDSHAKE, bytes_of(transcript, length), &due);
    struct handshake_message proof;
    struct signature signature;
    assert_true(handshake_accept(&listener.handshake, &proof));
    assert_int_equal(proof.size, 4 + SIGNATURE_SIZE);
    assert_memory_equal(proof.bytes, "\x92\x02\xc4\x40", 4);
    memcpy(signature.bytes, proof.bytes + 4, SIGNATURE_SIZE);
    assert_true(crypto_verify(crypto_key_public(listener.key), &due, &signature));
    finish(&dialer, &listener);
}

/* Another version is told apart from junk, whatever else its HELLO holds. */
static void test_version(void **state)
{
    (void)state;
    struct hello hello;
    const uint8_t later[] = {0x94, 1, 7, 0x2a, 0x90};
    const uint8_t junk[] = {0x94, 2, 7, 0x2a, 0x90};
    const uint8_t few[] = {0x92, 1, 1};
    assert_int_equal(hello_decode(bytes_of(later, sizeof later), &hello), NET_REASON_VERSION);
    assert_int_equal(hello_decode(bytes_of(junk, sizeof junk), &hello), NET_REASON_BAD_HELLO);
    assert_int_equal(hello_decode(bytes_of(few, sizeof few), &hello), NET_REASON_BAD_HELLO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_node_keys),      cmocka_unit_test(test_tunnel_keys),
        cmocka_unit_test(test_mixed_keys),     cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_unexpected_key), cmocka_unit_test(test_stolen_name),
        cmocka_unit_test(test_altered),        cmocka_unit_test(test_reflected),
        cmocka_unit_test(test_failure_stays),  cmocka_unit_test(test_version),
        cmocka_unit_test(test_mirrored),       cmocka_unit_test(test_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
