#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hex.h"
#include "crypto/crypto.h"

enum { VECTOR_COUNT = 16, ALPHA_SIZE_MAX = 256, LINE_SIZE = 2048 };

struct vector {
    uint8_t secret[CRYPTO_SECRET_SIZE];
    struct public_key public_key;
    uint8_t alpha_data[ALPHA_SIZE_MAX];
    struct bytes alpha;
    struct vrf_proof proof;
    struct hash output;
};

static struct vector vectors[VECTOR_COUNT];

static const char *next_word(char **line)
{
    char *const word = *line;
    const size_t length = strcspn(word, " \n");
    assert_true(length > 0);
    *line = word + length + (word[length] != '\0' ? 1 : 0);
    word[length] = '\0';
    return word;
}

static void read_vector(char *line, struct vector *vector)
{
    assert_true(hex_decode(next_word(&line), vector->secret, sizeof vector->secret));
    assert_true(hex_decode(next_word(&line), vector->public_key.bytes, PUBLIC_KEY_SIZE));
    const char *const alpha = next_word(&line);
    const size_t size = strcmp(alpha, "-") == 0 ? 0 : strlen(alpha) / 2;
    assert_true(size <= ALPHA_SIZE_MAX);
    assert_true(size == 0 || hex_decode(alpha, vector->alpha_data, size));
    vector->alpha = bytes_of(vector->alpha_data, size);
    assert_true(hex_decode(next_word(&line), vector->proof.bytes, VRF_PROOF_SIZE));
    assert_true(hex_decode(next_word(&line), vector->output.bytes, HASH_SIZE));
}

static int read_vectors(void **state)
{
    (void)state;
    FILE *const file = fopen(SOURCE_DIR "/tests/vectors/vrf.txt", "r");
    assert_non_null(file);
    char line[LINE_SIZE];
    size_t count = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        if (line[0] != '#') {
            assert_true(count < VECTOR_COUNT);
            read_vector(line, &vectors[count++]);
        }
    }
    assert_int_equal(count, VECTOR_COUNT);
    return fclose(file);
}

static void proofs_are_the_model_s(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        struct crypto_key *const key = crypto_key_create(vectors[i].secret);
        assert_non_null(key);
        assert_true(public_key_equal(crypto_key_public(key), &vectors[i].public_key));
        struct vrf_proof proof;
        struct hash output;
        assert_true(crypto_vrf_prove(key, vectors[i].alpha, &proof, &output));
        assert_memory_equal(proof.bytes, vectors[i].proof.bytes, VRF_PROOF_SIZE);
        assert_true(hash_equal(&output, &vectors[i].output));
        crypto_key_free(key);
    }
}

static void the_model_s_proofs_verify(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        const struct vector *const vector = &vectors[i];
        struct hash output;
        assert_true(crypto_vrf_verify(&vector->public_key, vector->alpha, &vector->proof, &output));
        assert_true(hash_equal(&output, &vector->output));
    }
}

static bool verifies(const struct vector *vector, const struct vrf_proof *proof)
{
    struct hash output;
    return crypto_vrf_verify(&vector->public_key, vector->alpha, proof, &output);
}

/* Every byte, each by a low bit, a high bit and all bits. */
static void every_mutated_byte_is_refused(void **state)
{
    (void)state;
    const uint8_t masks[] = {0x01, 0x80, 0xff};
    for (size_t i = 0; i < 4; i++) {
        for (size_t byte = 0; byte < VRF_PROOF_SIZE; byte++) {
            for (size_t m = 0; m < sizeof masks; m++) {
                struct vrf_proof proof = vectors[i].proof;
                proof.bytes[byte] ^= masks[m];
                assert_false(verifies(&vectors[i], &proof));
            }
        }
    }
}

static void wrong_key_and_alpha_are_refused(void **state)
{
    (void)state;
    struct hash output;
    for (size_t i = 4; i < VECTOR_COUNT; i++) {
        const struct vector *const vector = &vectors[i];
        const struct vector *const other = &vectors[i - 1];
        assert_false(crypto_vrf_verify(&other->public_key, vector->alpha, &vector->proof, &output));
        assert_false(crypto_vrf_verify(&vector->public_key, other->alpha, &vector->proof, &output));
        struct public_key negated = vector->public_key;
        negated.bytes[0] ^= 1;
        assert_false(crypto_vrf_verify(&negated, vector->alpha, &vector->proof, &output));
        negated.bytes[0] = 0;
        assert_false(crypto_vrf_verify(&negated, vector->alpha, &vector->proof, &output));
    }
}

/* s and s + n mean the same scalar; only one of them may be a proof. */
static void scalars_out_of_range_are_refused(void **state)
{
    (void)state;
    struct vrf_proof proof = vectors[3].proof;
    memset(proof.bytes + 49, 0, 32);
    assert_false(verifies(&vectors[3], &proof));
    memset(proof.bytes + 49, 0xff, 32);
    assert_false(verifies(&vectors[3], &proof));
    proof = vectors[3].proof;
    memset(proof.bytes + 33, 0, 16);
    assert_false(verifies(&vectors[3], &proof));
    memset(&proof, 0, sizeof proof);
    assert_false(verifies(&vectors[3], &proof));
}

/* The negated Gamma with the same c and s, and Gamma of another alpha. */
static void gamma_is_bound(void **state)
{
    (void)state;
    struct vrf_proof proof = vectors[5].proof;
    proof.bytes[0] ^= 1;
    assert_false(verifies(&vectors[5], &proof));
    memcpy(proof.bytes, vectors[6].proof.bytes, 33);
    assert_false(verifies(&vectors[5], &proof));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(proofs_are_the_model_s),
        cmocka_unit_test(the_model_s_proofs_verify),
        cmocka_unit_test(every_mutated_byte_is_refused),
        cmocka_unit_test(wrong_key_and_alpha_are_refused),
        cmocka_unit_test(scalars_out_of_range_are_refused),
        cmocka_unit_test(gamma_is_bound),
    };
    return cmocka_run_group_tests(tests, read_vectors, NULL);
}
