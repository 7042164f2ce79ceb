/* The published vectors, read by the verifier alone: this program links verify.c, a SHA-256
 * of its own and a JSON reader, and nothing else of the project's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "state/tree/verify/verify.h"
#include "tests/support/sha256_small.h"

enum { CLAIMS_MAX = 200, INVALID_LEAST = 200 };

static const char *const names[STATE_TREE_VERDICT_COUNT] = {
    [STATE_TREE_PROVEN] = "proven",       [STATE_TREE_OTHER_COUNT] = "count",
    [STATE_TREE_KEY_SIZE] = "key-size",   [STATE_TREE_VALUE_SIZE] = "value-size",
    [STATE_TREE_DUPLICATE] = "duplicate", [STATE_TREE_UNSORTED] = "unsorted",
    [STATE_TREE_SIZE] = "size",           [STATE_TREE_VERSION] = "version",
    [STATE_TREE_TYPE] = "type",           [STATE_TREE_TOO_DEEP] = "depth",
    [STATE_TREE_PADDING] = "padding",     [STATE_TREE_LOW_END] = "low-end",
    [STATE_TREE_ZERO_HASH] = "zero-hash", [STATE_TREE_OTHER_CLAIM] = "claim",
    [STATE_TREE_OTHER_PLACE] = "place",   [STATE_TREE_OTHER_ROOT] = "root",
};

/* The bytes of a hexadecimal string, at their exact size so that a reader too far is seen. */
static uint8_t *unhex(const json_t *text, size_t *size)
{
    const char *hex = json_string_value(text);
    assert_non_null(hex);
    *size = strlen(hex) / 2;
    uint8_t *out = malloc(*size == 0 ? 1 : *size);
    assert_non_null(out);
    for (size_t i = 0; i < *size; i++) {
        const char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        char *end = NULL;
        out[i] = (uint8_t)strtoul(pair, &end, 16);
        assert_true(end == pair + 2);
    }
    return out;
}

struct vector {
    uint8_t *root;
    uint8_t *proof;
    size_t proof_size;
    uint8_t *keys[CLAIMS_MAX];
    uint8_t *values[CLAIMS_MAX];
    struct state_tree_claim claims[CLAIMS_MAX];
    size_t count;
};

static void vector_read(const json_t *json, struct vector *out)
{
    size_t size = 0;
    const json_t *claims = json_object_get(json, "claims");
    out->root = unhex(json_object_get(json, "root"), &size);
    assert_int_equal(size, STATE_TREE_HASH_SIZE);
    out->proof = unhex(json_object_get(json, "proof"), &out->proof_size);
    out->count = json_array_size(claims);
    assert_true(out->count <= CLAIMS_MAX);
    for (size_t i = 0; i < out->count; i++) {
        const json_t *claim = json_array_get(claims, i);
        const json_t *value = json_object_get(claim, "value");
        struct state_tree_claim *to = &out->claims[i];
        *to = (struct state_tree_claim){.present = !json_is_null(value)};
        to->key = out->keys[i] = unhex(json_object_get(claim, "key"), &to->key_size);
        out->values[i] = to->present ? unhex(value, &to->value_size) : NULL;
        to->value = out->values[i];
    }
}

static void vector_free(struct vector *vector)
{
    for (size_t i = 0; i < vector->count; i++) {
        free(vector->keys[i]);
        free(vector->values[i]);
    }
    free(vector->root);
    free(vector->proof);
}

static enum state_tree_verdict vector_judge(const json_t *json)
{
    static struct vector vector;
    const char *format = json_string_value(json_object_get(json, "format"));
    assert_non_null(format);
    vector_read(json, &vector);
    const struct state_tree_question question = {.root = vector.root,
                                                 .claims = vector.claims,
                                                 .count = vector.count,
                                                 .sha256 = sha256_small};
    enum state_tree_verdict verdict = STATE_TREE_VERDICT_COUNT;
    if (strcmp(format, "SP1") == 0) {
        verdict = state_tree_verify_one(&question, vector.proof, vector.proof_size);
    } else if (strcmp(format, "SM1") == 0) {
        verdict = state_tree_verify_many(&question, vector.proof, vector.proof_size);
    }
    vector_free(&vector);
    return verdict;
}

/* How many vectors the file has.  Every one is judged as it says, all proven or all refused;
 * seen counts the verdicts. */
static size_t file_judge(const char *file, bool proven, size_t *seen)
{
    char path[512];
    json_error_t error;
    (void)snprintf(path, sizeof(path), "%s/tests/vectors/proofs/%s", SOURCE_DIR, file);
    json_t *root = json_load_file(path, 0, &error);
    assert_non_null(root);
    const json_t *vectors = json_object_get(root, "vectors");
    const size_t count = json_array_size(vectors);
    size_t wrong = 0;
    for (size_t i = 0; i < count; i++) {
        const json_t *vector = json_array_get(vectors, i);
        const char *expected = json_string_value(json_object_get(vector, "verdict"));
        const enum state_tree_verdict found = vector_judge(vector);
        const char *name = found < STATE_TREE_VERDICT_COUNT ? names[found] : "no verdict";
        assert_non_null(expected);
        assert_true(found < STATE_TREE_VERDICT_COUNT);
        seen[found]++;
        if (strcmp(name, expected) != 0 || proven != (found == STATE_TREE_PROVEN)) {
            print_error("%s: %s, the vector says %s\n",
                        json_string_value(json_object_get(vector, "name")), name, expected);
            wrong++;
        }
    }
    json_decref(root);
    assert_int_equal(wrong, 0);
    return count;
}

static void valid_vectors_are_proven(void **state)
{
    (void)state;
    size_t seen[STATE_TREE_VERDICT_COUNT] = {0};
    assert_true(file_judge("valid.json", true, seen) > 50);
}

static void invalid_vectors_are_refused_for_their_reason(void **state)
{
    (void)state;
    size_t seen[STATE_TREE_VERDICT_COUNT] = {0};
    assert_true(file_judge("invalid.json", false, seen) >= INVALID_LEAST);
    for (size_t i = 1; i < STATE_TREE_VERDICT_COUNT; i++) {
        /* Values over 4 MiB do not stand in a file: below. */
        assert_true(seen[i] > 0 || i == STATE_TREE_VALUE_SIZE);
    }
}

static void a_value_over_the_limit_is_refused(void **state)
{
    (void)state;
    uint8_t *value = calloc(1, STATE_TREE_VALUE_MAX + 1);
    assert_non_null(value);
    const uint8_t root[STATE_TREE_HASH_SIZE] = {0};
    const uint8_t one[] = {1, 1, 0, 0};
    const uint8_t many[] = {1, 4, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0x40};
    for (size_t over = 0; over < 2; over++) {
        const struct state_tree_claim claim = {.key = (const uint8_t *)"k",
                                               .key_size = 1,
                                               .value = value,
                                               .value_size = STATE_TREE_VALUE_MAX + over,
                                               .present = true};
        const struct state_tree_question question = {
            .root = root, .claims = &claim, .count = 1, .sha256 = sha256_small};
        const enum state_tree_verdict expected =
            over == 1 ? STATE_TREE_VALUE_SIZE : STATE_TREE_OTHER_ROOT;
        assert_int_equal(state_tree_verify_one(&question, one, sizeof(one)), expected);
        assert_int_equal(state_tree_verify_many(&question, many, sizeof(many)), expected);
    }
    free(value);
}

static void every_verdict_has_a_text(void **state)
{
    (void)state;
    for (int i = 0; i < STATE_TREE_VERDICT_COUNT; i++) {
        assert_non_null(names[i]);
        for (int j = 0; j <= i; j++) {
            const int same = strcmp(state_tree_verdict_text((enum state_tree_verdict)i),
                                    state_tree_verdict_text((enum state_tree_verdict)j)) == 0;
            assert_int_equal(same, i == j);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_vectors_are_proven),
        cmocka_unit_test(invalid_vectors_are_refused_for_their_reason),
        cmocka_unit_test(a_value_over_the_limit_is_refused),
        cmocka_unit_test(every_verdict_has_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
