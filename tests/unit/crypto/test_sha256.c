#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hex.h"
#include "crypto/crypto.h"

static const char *const tag_texts[TAG_COUNT] = {
#define TAG(name, text) text,
#include "types/tags.def"
#undef TAG
};

static struct bytes text_bytes(const char *text)
{
    return bytes_of(text, strlen(text));
}

static void assert_hash(const struct hash *hash, const char *hex)
{
    char text[2 * HASH_SIZE + 1];
    hex_encode(hash->bytes, HASH_SIZE, text);
    assert_string_equal(text, hex);
}

/* FIPS 180-4 examples and the NIST long message. */
static void nist_vectors(void **state)
{
    (void)state;
    struct hash hash;
    crypto_sha256((struct bytes){NULL, 0}, &hash);
    assert_hash(&hash, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    crypto_sha256(text_bytes("abc"), &hash);
    assert_hash(&hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    crypto_sha256(text_bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), &hash);
    assert_hash(&hash, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");

    uint8_t block[1000];
    memset(block, 'a', sizeof block);
    struct crypto_sha256 sha256;
    crypto_sha256_init(&sha256);
    for (int i = 0; i < 1000; i++) {
        crypto_sha256_update(&sha256, bytes_of(block, sizeof block));
    }
    crypto_sha256_final(&sha256, &hash);
    assert_hash(&hash, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* A message cut anywhere, and hashed from a copied state, hashes the same. */
static void streaming_is_one_shot(void **state)
{
    (void)state;
    uint8_t message[200];
    for (size_t i = 0; i < sizeof message; i++) {
        message[i] = (uint8_t)(i * 7);
    }
    struct hash whole;
    crypto_sha256(bytes_of(message, sizeof message), &whole);
    for (size_t cut = 0; cut <= sizeof message; cut++) {
        struct crypto_sha256 first;
        crypto_sha256_init(&first);
        crypto_sha256_update(&first, bytes_of(message, cut));
        struct crypto_sha256 second = first;
        crypto_sha256_update(&first, bytes_of("x", 1));
        crypto_sha256_update(&second, bytes_of(message + cut, sizeof message - cut));
        struct hash hash;
        crypto_sha256_final(&second, &hash);
        assert_true(hash_equal(&hash, &whole));
    }
}

/* Every row of the constant table against its definition. */
static void digest_is_its_definition(void **state)
{
    (void)state;
    uint8_t message[2 * HASH_SIZE + 150];
    memset(message, 0x5a, sizeof message);
    for (int tag = 0; tag < TAG_COUNT; tag++) {
        struct hash tag_hash;
        crypto_sha256(text_bytes(tag_texts[tag]), &tag_hash);
        memcpy(message, tag_hash.bytes, HASH_SIZE);
        memcpy(message + HASH_SIZE, tag_hash.bytes, HASH_SIZE);
        for (size_t size = 0; size <= 150; size++) {
            struct hash expected;
            struct hash digest;
            crypto_sha256(bytes_of(message, 2 * HASH_SIZE + size), &expected);
            crypto_digest((enum tag)tag, bytes_of(message + 2 * HASH_SIZE, size), &digest);
            assert_true(hash_equal(&digest, &expected));
            struct crypto_sha256 sha256;
            crypto_digest_init(&sha256, (enum tag)tag);
            crypto_sha256_update(&sha256, bytes_of(message + 2 * HASH_SIZE, size / 2));
            crypto_sha256_update(&sha256,
                                 bytes_of(message + 2 * HASH_SIZE + size / 2, size - size / 2));
            crypto_sha256_final(&sha256, &digest);
            assert_true(hash_equal(&digest, &expected));
        }
    }
}

static void tags_are_distinct(void **state)
{
    (void)state;
    for (int a = 0; a < TAG_COUNT; a++) {
        for (int b = 0; b < a; b++) {
            assert_string_not_equal(tag_texts[a], tag_texts[b]);
        }
    }
}

static void port_hashes_concatenation(void **state)
{
    (void)state;
    const struct hash_port *const port = crypto_hash_port();
    const struct bytes parts[] = {text_bytes("a"), {NULL, 0}, text_bytes("bc")};
    struct hash hash;
    port->sha256(port->context, parts, 3, &hash);
    assert_hash(&hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    port->sha256(port->context, NULL, 0, &hash);
    assert_hash(&hash, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nist_vectors),
        cmocka_unit_test(streaming_is_one_shot),
        cmocka_unit_test(digest_is_its_definition),
        cmocka_unit_test(tags_are_distinct),
        cmocka_unit_test(port_hashes_concatenation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
