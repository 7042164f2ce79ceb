#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/endian.h"
#include "base/hex.h"
#include "tests/support/growth.h"

/* Consistency proofs (RFC 9162, 2.1.4): all pairs of small trees, what must be refused, and the
 * vectors of a second implementation. */

enum { COUNT = 40, LINE_SIZE = 4096, VECTORS_MIN = 80 };

static struct hash entries[2 * COUNT + 64];

static int prepare(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        uint8_t number[8];
        store_be64(number, i);
        crypto_sha256(bytes_of(number, sizeof number), &entries[i]);
    }
    return 0;
}

static bool verify(const struct crypto_growth *growth, const struct hash *earlier,
                   const struct hash *later)
{
    return crypto_growth_verify(growth, TAG_HISTORY_TREE, earlier, later);
}

static void every_pair_is_proven(void **state)
{
    (void)state;
    for (uint64_t after = 0; after <= COUNT; after++) {
        const struct hash later = growth_root(entries, 0, after);
        for (uint64_t before = 0; before <= after; before++) {
            const struct hash earlier = growth_root(entries, 0, before);
            struct crypto_growth growth;
            growth_make(entries, before, after, &growth);
            assert_true(verify(&growth, &earlier, &later));
        }
    }
}

/* One thing of a right proof is changed. */
static void refuse_changed(const struct crypto_growth *right, const struct hash *earlier,
                           const struct hash *later)
{
    struct crypto_growth bad;
    for (uint32_t i = 0; i < right->size; i++) {
        bad = *right;
        bad.hashes[i].bytes[7] ^= 1;
        assert_false(verify(&bad, earlier, later));
    }
    bad = *right;
    bad.hashes[bad.size++] = entries[0];
    assert_false(verify(&bad, earlier, later));
    if (right->size > 0) {
        bad = *right;
        bad.size--;
        assert_false(verify(&bad, earlier, later));
        bad = *right;
        memmove(bad.hashes, bad.hashes + 1, (bad.size - 1) * sizeof bad.hashes[0]);
        bad.size--;
        assert_false(verify(&bad, earlier, later));
    }
    bad = *right;
    bad.size = CRYPTO_GROWTH_MAX + 1;
    assert_false(verify(&bad, earlier, later));
}

static void changes_are_refused(void **state)
{
    (void)state;
    for (uint64_t after = 1; after <= 20; after++) {
        const struct hash later = growth_root(entries, 0, after);
        for (uint64_t before = 0; before <= after; before++) {
            struct hash earlier = growth_root(entries, 0, before);
            struct hash other = later;
            struct crypto_growth growth;
            growth_make(entries, before, after, &growth);
            refuse_changed(&growth, &earlier, &later);
            other.bytes[31] ^= 1;
            assert_true(before == 0 || !verify(&growth, &earlier, &other));
            earlier.bytes[0] ^= 1;
            assert_false(verify(&growth, &earlier, &later));
        }
    }
}

/* A list in which one early entry was exchanged has no proof, whatever range is shown. */
static void an_exchanged_entry_is_found(void **state)
{
    (void)state;
    for (uint64_t after = 2; after <= 20; after++) {
        for (uint64_t before = 1; before < after; before++) {
            const struct hash earlier = growth_root(entries, 0, before);
            const struct hash kept = entries[before - 1];
            struct crypto_growth growth;
            entries[before - 1] = entries[COUNT + 1];
            const struct hash later = growth_root(entries, 0, after);
            growth_make(entries, before, after, &growth);
            assert_false(verify(&growth, &earlier, &later));
            entries[before - 1] = kept;
        }
    }
}

static void the_greatest_counts_are_no_danger(void **state)
{
    (void)state;
    struct crypto_growth growth = {.before = UINT64_MAX, .after = UINT64_MAX - 1, .size = 64};
    assert_false(verify(&growth, &entries[0], &entries[1]));
    growth.after = UINT64_MAX;
    assert_false(verify(&growth, &entries[0], &entries[1]));
    for (uint32_t bit = 0; bit < 64; bit++) {
        growth.before = UINT64_C(1) << bit;
        assert_false(verify(&growth, &entries[0], &entries[1]));
    }
}

/* growth BEFORE AFTER EARLIER LATER [HASH ...] */
static void check_vector(char *line)
{
    struct crypto_growth growth = {.size = 0};
    struct crypto_growth own;
    struct hash roots[2];
    uint32_t words = 0;
    char *save = NULL;
    for (char *word = strtok_r(line, " \n", &save); word != NULL;
         word = strtok_r(NULL, " \n", &save), words++) {
        if (words == 1 || words == 2) {
            *(words == 1 ? &growth.before : &growth.after) = strtoull(word, NULL, 10);
        } else if (words > 2) {
            struct hash *out = words < 5 ? &roots[words - 3] : &growth.hashes[growth.size++];
            assert_true(hex_decode(word, out->bytes, HASH_SIZE));
        }
    }
    assert_true(words >= 5);
    assert_true(verify(&growth, &roots[0], &roots[1]));
    growth_make(entries, growth.before, growth.after, &own);
    assert_int_equal(own.size, growth.size);
    assert_memory_equal(own.hashes, growth.hashes, own.size * sizeof own.hashes[0]);
}

static void the_vectors_agree(void **state)
{
    static char line[LINE_SIZE];
    size_t count = 0;
    (void)state;
    FILE *file = fopen(SOURCE_DIR "/tests/vectors/growth.txt", "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "growth ", 7) == 0) {
            check_vector(line);
            count++;
        }
    }
    (void)fclose(file);
    assert_true(count >= VECTORS_MIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair_is_proven),
        cmocka_unit_test(changes_are_refused),
        cmocka_unit_test(an_exchanged_entry_is_found),
        cmocka_unit_test(the_greatest_counts_are_no_danger),
        cmocka_unit_test(the_vectors_agree),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
