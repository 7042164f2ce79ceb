#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hex.h"
#include "crypto/crypto.h"
#include "crypto/session/session.h"

static void read_hex(const char *hex, uint8_t *out, size_t size)
{
    assert_true(hex_decode(hex, out, size));
}

static void assert_bytes(const uint8_t *bytes, size_t size, const char *hex)
{
    char text[400];
    assert_true(2 * size < sizeof text);
    hex_encode(bytes, size, text);
    assert_string_equal(text, hex);
}

static struct bytes text_bytes(const char *text)
{
    return bytes_of(text, strlen(text));
}

/* RFC 7748, 5.2 and 6.1. */
static void x25519_vectors(void **state)
{
    (void)state;
    uint8_t secret[32];
    uint8_t peer[32];
    uint8_t shared[32];
    read_hex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4", secret, 32);
    read_hex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c", peer, 32);
    assert_true(crypto_exchange_agree(secret, peer, shared));
    assert_bytes(shared, 32, "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");

    uint8_t public_key[32];
    read_hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a", secret, 32);
    crypto_exchange_public(secret, public_key);
    assert_bytes(public_key, 32,
                 "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
    read_hex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f", peer, 32);
    assert_true(crypto_exchange_agree(secret, peer, shared));
    assert_bytes(shared, 32, "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
}

static void both_sides_agree(void **state)
{
    (void)state;
    uint8_t secrets[2][32];
    uint8_t keys[2][32];
    uint8_t shared[2][32];
    for (int i = 0; i < 2; i++) {
        crypto_exchange_generate(secrets[i], keys[i]);
    }
    for (int i = 0; i < 2; i++) {
        assert_true(crypto_exchange_agree(secrets[i], keys[1 - i], shared[i]));
    }
    assert_memory_equal(shared[0], shared[1], 32);
    assert_memory_not_equal(keys[0], keys[1], 32);
}

/* Points of small order, with which the shared secret would not depend on ours. */
static void low_order_keys_are_refused(void **state)
{
    (void)state;
    const char *const points[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    uint8_t secret[32];
    uint8_t public_key[32];
    crypto_exchange_generate(secret, public_key);
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        uint8_t peer[32];
        uint8_t shared[32];
        read_hex(points[i], peer, 32);
        assert_false(crypto_exchange_agree(secret, peer, shared));
    }
}

/* RFC 4231, cases 1, 2 and 6 (a key longer than a block). */
static void hmac_vectors(void **state)
{
    (void)state;
    uint8_t key[131];
    struct hash mac;
    memset(key, 0x0b, 20);
    crypto_hmac(bytes_of(key, 20), text_bytes("Hi There"), &mac);
    assert_bytes(mac.bytes, 32, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    crypto_hmac(text_bytes("Jefe"), text_bytes("what do ya want for nothing?"), &mac);
    assert_bytes(mac.bytes, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof key);
    crypto_hmac(bytes_of(key, sizeof key),
                text_bytes("Test Using Larger Than Block-Size Key - Hash Key First"), &mac);
    assert_bytes(mac.bytes, 32, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

/* RFC 5869, A.1 - A.3. */
static void hkdf_vectors(void **state)
{
    (void)state;
    uint8_t input[256];
    uint8_t out[82];
    struct hash key;
    memset(input, 0x0b, 22);
    const struct bytes secret = bytes_of(input, 22);
    uint8_t salt[13];
    uint8_t info[10];
    read_hex("000102030405060708090a0b0c", salt, sizeof salt);
    read_hex("f0f1f2f3f4f5f6f7f8f9", info, sizeof info);
    crypto_hkdf_extract(bytes_of(salt, sizeof salt), secret, &key);
    assert_bytes(key.bytes, 32, "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
    crypto_hkdf_expand(&key, bytes_of(info, sizeof info), out, 42);
    assert_bytes(out, 42,
                 "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
                 "34007208d5b887185865");
    crypto_hkdf_extract((struct bytes){NULL, 0}, secret, &key);
    assert_bytes(key.bytes, 32, "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04");
    crypto_hkdf_expand(&key, (struct bytes){NULL, 0}, out, 42);
    assert_bytes(out, 42,
                 "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
                 "9d201395faa4b61a96c8");

    for (size_t i = 0; i < sizeof input; i++) {
        input[i] = (uint8_t)i;
    }
    crypto_hkdf_extract(bytes_of(input + 0x60, 80), bytes_of(input, 80), &key);
    assert_bytes(key.bytes, 32, "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244");
    crypto_hkdf_expand(&key, bytes_of(input + 0xb0, 80), out, 82);
    assert_bytes(out, 82,
                 "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
                 "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
                 "cc30c58179ec3e87c14c01d5c1f3434f1d87");
}

struct pair {
    struct crypto_session dialler;
    struct crypto_session listener;
};

static void pair_start(struct pair *pair)
{
    uint8_t shared[64];
    struct hash transcript;
    for (size_t i = 0; i < sizeof shared; i++) {
        shared[i] = (uint8_t)i;
    }
    memset(transcript.bytes, 0x22, HASH_SIZE);
    crypto_session_start(&pair->dialler, bytes_of(shared, sizeof shared), &transcript, true);
    crypto_session_start(&pair->listener, bytes_of(shared, sizeof shared), &transcript, false);
}

/* From an implementation of HChaCha20, ChaCha20 and Poly1305 in integers that reproduces
 * draft-irtf-cfrg-xchacha-03, A.3.1. */
static void frames_have_golden_bytes(void **state)
{
    (void)state;
    struct pair pair;
    uint8_t out[64];
    const struct bytes none = {NULL, 0};
    pair_start(&pair);
    assert_true(crypto_session_seal(&pair.dialler.sending, text_bytes("head"),
                                    text_bytes("frame zero"), out));
    assert_bytes(out, 26, "2fbafa312040e2edb7ecf4eaf5ae7cf77bbc0006ed6b0a5f0d6c");
    assert_true(crypto_session_seal(&pair.dialler.sending, none, none, out));
    assert_bytes(out, 16, "edcd8e28bc433295dd2ac8d87d72eb09");
    assert_true(crypto_session_seal(&pair.listener.sending, none, text_bytes("answer"), out));
    assert_bytes(out, 22, "d5ba61956590a3d303b85a2e884d5382e65728259367");
}

static void frames_travel_both_ways_in_place(void **state)
{
    (void)state;
    struct pair pair;
    pair_start(&pair);
    const struct bytes header = text_bytes("length");
    for (size_t size = 0; size < 300; size++) {
        uint8_t frame[300 + CRYPTO_SEAL_SIZE];
        uint8_t plain[300];
        memset(plain, (int)size, sizeof plain);
        memcpy(frame, plain, size);
        struct crypto_session *const from = size % 3 == 0 ? &pair.listener : &pair.dialler;
        struct crypto_session *const to = size % 3 == 0 ? &pair.dialler : &pair.listener;
        assert_true(crypto_session_seal(&from->sending, header, bytes_of(frame, size), frame));
        assert_true(size < 16 || memcmp(frame, plain, size) != 0);
        assert_true(crypto_session_open(&to->receiving, header,
                                        bytes_of(frame, size + CRYPTO_SEAL_SIZE), frame));
        assert_memory_equal(frame, plain, size);
    }
    crypto_session_wipe(&pair.dialler);
    const struct crypto_session zero = {0};
    assert_memory_equal(&pair.dialler, &zero, sizeof zero);
}

static bool opens(const struct crypto_session_half *half, struct bytes header, struct bytes sealed)
{
    uint8_t out[64];
    struct crypto_session_half copy = *half;
    const bool ok = crypto_session_open(&copy, header, sealed, out);
    assert_true(ok ? copy.counter == half->counter + 1 : copy.counter == half->counter);
    return ok;
}

static void changed_frames_are_refused(void **state)
{
    (void)state;
    struct pair pair;
    pair_start(&pair);
    uint8_t first[32 + CRYPTO_SEAL_SIZE];
    uint8_t second[32 + CRYPTO_SEAL_SIZE];
    const uint8_t plain[32] = {7};
    const struct bytes header = text_bytes("h");
    struct crypto_session_half *const half = &pair.listener.receiving;
    assert_true(crypto_session_seal(&pair.dialler.sending, header, bytes_of(plain, 32), first));
    assert_true(crypto_session_seal(&pair.dialler.sending, header, bytes_of(plain, 32), second));
    assert_memory_not_equal(first, second, sizeof first);
    for (size_t i = 0; i < sizeof first; i++) {
        first[i] ^= 0x10;
        assert_false(opens(half, header, bytes_of(first, sizeof first)));
        first[i] ^= 0x10;
        assert_false(opens(half, header, bytes_of(first, i)));
    }
    assert_false(opens(half, text_bytes("g"), bytes_of(first, sizeof first)));
    assert_false(opens(half, header, bytes_of(second, sizeof second))); /* out of order */
    assert_false(opens(&pair.dialler.receiving, header, bytes_of(first, sizeof first)));
    assert_true(opens(half, header, bytes_of(first, sizeof first)));
    uint8_t out[32];
    assert_true(crypto_session_open(half, header, bytes_of(first, sizeof first), out));
    assert_false(opens(half, header, bytes_of(first, sizeof first))); /* replayed */
    assert_true(opens(half, header, bytes_of(second, sizeof second)));
}

static void another_transcript_is_another_session(void **state)
{
    (void)state;
    const struct hash a = {{1}};
    const struct hash b = {{2}};
    struct crypto_session one;
    struct crypto_session two;
    crypto_session_start(&one, text_bytes("shared"), &a, true);
    crypto_session_start(&two, text_bytes("shared"), &b, true);
    assert_memory_not_equal(one.sending.key, two.sending.key, 32);
    crypto_session_start(&two, text_bytes("shareD"), &a, true);
    assert_memory_not_equal(one.sending.key, two.sending.key, 32);
    assert_memory_not_equal(one.sending.key, one.receiving.key, 32);
}

static void used_up_counter_ends_the_session(void **state)
{
    (void)state;
    struct pair pair;
    pair_start(&pair);
    pair.dialler.sending.counter = UINT64_MAX - 1;
    pair.listener.receiving.counter = UINT64_MAX - 1;
    uint8_t frame[1 + CRYPTO_SEAL_SIZE];
    const struct bytes none = {NULL, 0};
    assert_true(crypto_session_seal(&pair.dialler.sending, none, text_bytes("x"), frame));
    assert_true(
        crypto_session_open(&pair.listener.receiving, none, bytes_of(frame, sizeof frame), frame));
    assert_false(crypto_session_seal(&pair.dialler.sending, none, text_bytes("x"), frame));
    assert_false(opens(&pair.listener.receiving, none, bytes_of(frame, sizeof frame)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(x25519_vectors),
        cmocka_unit_test(both_sides_agree),
        cmocka_unit_test(low_order_keys_are_refused),
        cmocka_unit_test(hmac_vectors),
        cmocka_unit_test(hkdf_vectors),
        cmocka_unit_test(frames_have_golden_bytes),
        cmocka_unit_test(frames_travel_both_ways_in_place),
        cmocka_unit_test(changed_frames_are_refused),
        cmocka_unit_test(another_transcript_is_another_session),
        cmocka_unit_test(used_up_counter_ends_the_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
