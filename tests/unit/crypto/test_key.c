#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <pthread.h>

#include <cmocka.h>

#include "base/hex.h"
#include "crypto/crypto.h"

/* n, the order of secp256k1's group. */
static const char order_hex[] = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";

static struct crypto_key *key_of(const char *hex)
{
    uint8_t secret[CRYPTO_SECRET_SIZE];
    assert_true(hex_decode(hex, secret, sizeof secret));
    return crypto_key_create(secret);
}

/* RFC 6979 with SHA-256 over secp256k1: the vectors that circulate since
 * bitcointalk.org topic 285142 and stand in many libraries; s is in low form. */
static const struct {
    const char *secret;
    const char *message;
    const char *signature;
} rfc6979[] = {
    {"0000000000000000000000000000000000000000000000000000000000000001", "Satoshi Nakamoto",
     "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8"
     "2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5"},
    {"0000000000000000000000000000000000000000000000000000000000000001",
     "All those moments will be lost in time, like tears in rain. Time to die...",
     "8600dbd41e348fe5c9465ab92d23e3db8b98b873beecd930736488696438cb6b"
     "547fe64427496db33bf66019dacbf0039c04199abb0122918601db38a72cfc21"},
    {"fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140", "Satoshi Nakamoto",
     "fd567d121db66e382991534ada77a6bd3106f0a1098c231e47993447cd6af2d0"
     "6b39cd0eb1bc8603e159ef5c20a5c8ad685a45b06ce9bebed3f153d10d93bed5"},
    {"f8b8af8ce3c7cca5e300d33939540c10d45ce001b8f252bfbc57ba0342904181", "Alan Turing",
     "7063ae83e7f62bbb171798131b4a0564b956930092b33b07b395615d9ec7e15c"
     "58dfcc1e00a35e1572f366ffe34ba0fc47db1e7189759b9fb233c5b05ab388ea"},
};

static void rfc6979_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rfc6979 / sizeof rfc6979[0]; i++) {
        struct crypto_key *const key = key_of(rfc6979[i].secret);
        assert_non_null(key);
        struct hash digest;
        crypto_sha256(bytes_of(rfc6979[i].message, strlen(rfc6979[i].message)), &digest);
        struct signature signature;
        crypto_key_sign(key, &digest, &signature);
        char hex[2 * SIGNATURE_SIZE + 1];
        hex_encode(signature.bytes, SIGNATURE_SIZE, hex);
        assert_string_equal(hex, rfc6979[i].signature);
        assert_true(crypto_verify(crypto_key_public(key), &digest, &signature));
        crypto_key_free(key);
    }
}

static void public_key_of_one_is_the_generator(void **state)
{
    (void)state;
    struct crypto_key *const key =
        key_of("0000000000000000000000000000000000000000000000000000000000000001");
    char hex[2 * PUBLIC_KEY_SIZE + 1];
    hex_encode(crypto_key_public(key)->bytes, PUBLIC_KEY_SIZE, hex);
    assert_string_equal(hex, "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798");
    uint8_t secret[CRYPTO_SECRET_SIZE];
    crypto_key_secret(key, secret);
    assert_int_equal(secret[31], 1);
    crypto_key_free(key);
}

static void secrets_out_of_range_are_refused(void **state)
{
    (void)state;
    assert_null(key_of("0000000000000000000000000000000000000000000000000000000000000000"));
    assert_null(key_of(order_hex));
    assert_null(key_of("ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"));
    crypto_key_free(NULL);
}

static void generated_keys_sign(void **state)
{
    (void)state;
    struct crypto_key *const a = crypto_key_generate();
    struct crypto_key *const b = crypto_key_generate();
    assert_false(public_key_equal(crypto_key_public(a), crypto_key_public(b)));
    struct hash digest;
    crypto_sha256(bytes_of("x", 1), &digest);
    struct signature signature;
    crypto_key_sign(a, &digest, &signature);
    assert_true(crypto_verify(crypto_key_public(a), &digest, &signature));
    assert_false(crypto_verify(crypto_key_public(b), &digest, &signature));
    crypto_key_free(a);
    crypto_key_free(b);
}

enum { THREADS = 4, SIGNATURES = 50 };

struct signing {
    const struct crypto_key *key;
    struct signature last;
    bool all_valid;
};

static void *sign_many(void *argument)
{
    struct signing *const signing = argument;
    signing->all_valid = true;
    for (uint8_t i = 0; i < SIGNATURES; i++) {
        const struct hash digest = {{i}};
        crypto_key_sign(signing->key, &digest, &signing->last);
        signing->all_valid = signing->all_valid && crypto_verify(crypto_key_public(signing->key),
                                                                 &digest, &signing->last);
    }
    return NULL;
}

static void threads_share_a_key(void **state)
{
    (void)state;
    struct crypto_key *const key = crypto_key_generate();
    struct signing signings[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        signings[i].key = key;
        assert_int_equal(pthread_create(&threads[i], NULL, sign_many, &signings[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(signings[i].all_valid);
        assert_memory_equal(signings[i].last.bytes, signings[0].last.bytes, SIGNATURE_SIZE);
    }
    crypto_key_free(key);
}

/* r, n - s is as good a signature in mathematics; here it is a second form of one. */
static void high_s_is_refused(void **state)
{
    (void)state;
    struct crypto_key *const key = crypto_key_generate();
    struct hash digest;
    crypto_sha256(bytes_of("high", 4), &digest);
    struct signature signature;
    crypto_key_sign(key, &digest, &signature);
    uint8_t order[32];
    assert_true(hex_decode(order_hex, order, sizeof order));
    int borrow = 0;
    for (size_t i = 32; i-- > 0;) {
        const int difference = order[i] - signature.bytes[32 + i] - borrow;
        borrow = difference < 0 ? 1 : 0;
        signature.bytes[32 + i] = (uint8_t)(difference & 0xff);
    }
    assert_true((signature.bytes[32] & 0x80) != 0 || signature.bytes[32] == 0x7f);
    assert_false(crypto_verify(crypto_key_public(key), &digest, &signature));
    crypto_key_free(key);
}

static void every_flipped_bit_is_refused(void **state)
{
    (void)state;
    struct crypto_key *const key = crypto_key_generate();
    const struct public_key public_key = *crypto_key_public(key);
    struct hash digest;
    struct signature signature;
    crypto_sha256(bytes_of("bit", 3), &digest);
    crypto_key_sign(key, &digest, &signature);
    for (size_t bit = 0; bit < 8 * SIGNATURE_SIZE; bit++) {
        struct signature wrong = signature;
        wrong.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(crypto_verify(&public_key, &digest, &wrong));
    }
    for (size_t bit = 0; bit < 8 * HASH_SIZE; bit++) {
        struct hash wrong = digest;
        wrong.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(crypto_verify(&public_key, &wrong, &signature));
    }
    for (size_t bit = 0; bit < 8 * PUBLIC_KEY_SIZE; bit++) {
        struct public_key wrong = public_key;
        wrong.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(crypto_verify(&wrong, &digest, &signature));
    }
    crypto_key_free(key);
}

static void malformed_input_is_refused(void **state)
{
    (void)state;
    struct crypto_key *const key = crypto_key_generate();
    const struct public_key public_key = *crypto_key_public(key);
    const struct hash digest = {{1}};
    struct signature signature;
    memset(&signature, 0, sizeof signature);
    assert_false(crypto_verify(&public_key, &digest, &signature));
    memset(&signature, 0xff, sizeof signature);
    assert_false(crypto_verify(&public_key, &digest, &signature));

    assert_true(crypto_public_key_valid(&public_key));
    for (unsigned prefix = 0; prefix < 256; prefix++) {
        struct public_key wrong = public_key;
        wrong.bytes[0] = (uint8_t)prefix;
        assert_true(crypto_public_key_valid(&wrong) == (prefix == 2 || prefix == 3));
    }
    struct public_key off_curve = {{2}};
    off_curve.bytes[32] = 5; /* 5^3 + 7 = 132 is no square mod p */
    assert_false(crypto_public_key_valid(&off_curve));
    memset(off_curve.bytes + 1, 0xff, 32); /* x >= p */
    assert_false(crypto_public_key_valid(&off_curve));
    crypto_key_free(key);
}

static void address_is_its_definition(void **state)
{
    (void)state;
    struct crypto_key *const key = crypto_key_generate();
    struct hash digest;
    struct address address;
    crypto_digest(TAG_ADDRESS, bytes_of(crypto_key_public(key)->bytes, PUBLIC_KEY_SIZE), &digest);
    crypto_address(crypto_key_public(key), &address);
    assert_memory_equal(address.bytes, digest.bytes, ADDRESS_SIZE);
    crypto_key_free(key);
}

static void memory_helpers(void **state)
{
    (void)state;
    uint8_t a[64] = {0};
    uint8_t b[64] = {0};
    assert_true(crypto_equal(a, b, sizeof a));
    crypto_random_bytes(a, sizeof a);
    crypto_random_bytes(b, sizeof b);
    assert_false(crypto_equal(a, b, sizeof a));
    crypto_wipe(a, sizeof a);
    memset(b, 0, sizeof b);
    assert_true(crypto_equal(a, b, sizeof a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc6979_vectors),
        cmocka_unit_test(public_key_of_one_is_the_generator),
        cmocka_unit_test(secrets_out_of_range_are_refused),
        cmocka_unit_test(generated_keys_sign),
        cmocka_unit_test(threads_share_a_key),
        cmocka_unit_test(high_s_is_refused),
        cmocka_unit_test(every_flipped_bit_is_refused),
        cmocka_unit_test(malformed_input_is_refused),
        cmocka_unit_test(address_is_its_definition),
        cmocka_unit_test(memory_helpers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
