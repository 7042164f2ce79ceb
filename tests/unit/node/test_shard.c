#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hex.h"
#include "node/shard/shard.h"
#include "types/validators.h"

enum { LINE_SIZE = 256, RANDOM_ROUNDS = 40 };

static uint64_t random_state = 88172645463325252ULL;

static uint32_t random_below(uint32_t bound)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state % bound);
}

struct coded {
    struct shard_code code;
    uint8_t *block;
    uint8_t *room;
    struct shard_leaves leaves;
    struct hash root;
};

static void hash_room(struct coded *c)
{
    shard_leaves_hash(&c->code, c->room, &c->leaves);
    shard_root(&c->code, &c->leaves, &c->root);
}

static void coded_make(struct coded *c, uint32_t validators, uint32_t size)
{
    assert_true(shard_code_derive(validators, size, &c->code));
    c->block = malloc(size);
    c->room = malloc(shard_room(&c->code));
    assert_non_null(c->block);
    assert_non_null(c->room);
    for (uint32_t i = 0; i < size; i++) {
        c->block[i] = (uint8_t)((131ULL * i + 7ULL * size + validators) % 251);
    }
    assert_true(shard_encode(&c->code, bytes_of(c->block, size), c->room));
    hash_room(c);
}

static void coded_free(struct coded *c)
{
    free(c->block);
    free(c->room);
}

/* What a node that holds these shards and rubbish for the rest makes of them. */
static enum shard_verdict restore(const struct coded *c, const bool *present, bool *same)
{
    uint8_t *room = malloc(shard_room(&c->code));
    struct shard_leaves leaves;
    assert_non_null(room);
    memset(room, 0xa5, shard_room(&c->code));
    for (uint32_t i = 0; i < c->code.count; i++) {
        if (present[i]) {
            memcpy(room + (size_t)i * c->code.shard_size, c->room + (size_t)i * c->code.shard_size,
                   c->code.shard_size);
        }
    }
    const enum shard_verdict verdict = shard_restore(&c->code, &c->root, present, room, &leaves);
    *same = verdict == SHARD_AVAILABLE &&
            bytes_equal(shard_block(&c->code, room), bytes_of(c->block, c->code.block_size)) &&
            memcmp(&leaves, &c->leaves, c->code.count * sizeof(struct hash)) == 0 &&
            memcmp(room, c->room, shard_room(&c->code)) == 0;
    free(room);
    return verdict;
}

static void random_subset(const struct shard_code *code, uint32_t wanted, bool *present)
{
    memset(present, 0, VALIDATOR_COUNT_MAX * sizeof(*present));
    while (wanted > 0) {
        const uint32_t i = random_below(code->count);
        wanted -= present[i] ? 0 : 1;
        present[i] = true;
    }
}

/* Roots of an implementation that shares nothing with ours (tools/shard_model.py). */
static void test_vectors(void **state)
{
    (void)state;
    char line[LINE_SIZE];
    uint32_t count = 0;
    FILE *file = fopen(SOURCE_DIR "/tests/vectors/shard.txt", "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        if (line[0] == '#') {
            continue;
        }
        char *rest = NULL;
        const uint32_t validators = (uint32_t)strtoul(line, &rest, 10);
        const uint32_t size = (uint32_t)strtoul(rest, &rest, 10);
        struct coded c;
        struct hash want;
        rest[1 + 2 * HASH_SIZE] = '\0';
        assert_true(hex_decode(rest + 1, want.bytes, HASH_SIZE));
        coded_make(&c, validators, size);
        assert_memory_equal(c.root.bytes, want.bytes, HASH_SIZE);
        coded_free(&c);
        count++;
    }
    (void)fclose(file);
    assert_int_equal(count, 12);
}

/* An N certificate has q signers, f of whom may lie: k of them hold their shards. */
static void test_parameters(void **state)
{
    (void)state;
    struct shard_code code;
    static const uint32_t known[][2] = {{4, 2}, {7, 3}, {16, 6}, {64, 22}, {100, 34}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        assert_true(shard_code_derive(known[i][0], 1000, &code));
        assert_int_equal(code.required, known[i][1]);
    }
    for (uint32_t n = SHARD_VALIDATORS_MIN; n <= VALIDATOR_COUNT_MAX; n++) {
        assert_true(shard_code_derive(n, BLOCK_SIZE_MAX, &code));
        assert_int_equal(code.required, validator_quorum(n) - (n - 1) / 3);
        assert_true(code.required >= 1 && code.required < n);
        assert_int_equal(code.shard_size % SHARD_ALIGN, 0);
        assert_true((uint64_t)code.required * code.shard_size >=
                    SHARD_LENGTH_SIZE + BLOCK_SIZE_MAX);
    }
    assert_false(shard_code_derive(3, 1000, &code));
    assert_false(shard_code_derive(VALIDATOR_COUNT_MAX + 1, 1000, &code));
    assert_false(shard_code_derive(4, 0, &code));
    assert_false(shard_code_derive(4, BLOCK_SIZE_MAX + 1, &code));
}

static void check_subset(const struct coded *c, uint32_t set)
{
    bool present[VALIDATOR_COUNT_MAX] = {false};
    uint32_t have = 0;
    bool same = false;
    for (uint32_t i = 0; i < c->code.count; i++) {
        present[i] = (set >> i & 1) != 0;
        have += present[i] ? 1 : 0;
    }
    const bool enough = have >= c->code.required;
    assert_int_equal(restore(c, present, &same), enough ? SHARD_AVAILABLE : SHARD_SHORT);
    assert_int_equal(same, enough);
}

/* Every subset of four, seven and ten; each large enough one gives the block back. */
static void test_every_subset(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {4, 7, 10};
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        struct coded c;
        coded_make(&c, sizes[s], 1000);
        for (uint32_t set = 0; set < 1U << c.code.count; set++) {
            check_subset(&c, set);
        }
        coded_free(&c);
    }
}

static void test_random(void **state)
{
    (void)state;
    for (uint32_t round = 0; round < RANDOM_ROUNDS; round++) {
        struct coded c;
        bool present[VALIDATOR_COUNT_MAX];
        bool same = false;
        const uint32_t validators =
            SHARD_VALIDATORS_MIN + random_below(VALIDATOR_COUNT_MAX - SHARD_VALIDATORS_MIN + 1);
        coded_make(&c, validators, 1 + random_below(100000));
        random_subset(&c.code, c.code.required, present);
        assert_int_equal(restore(&c, present, &same), SHARD_AVAILABLE);
        assert_true(same);
        coded_free(&c);
    }
}

enum lie {
    LIE_PARITY,  /* a parity shard that is none */
    LIE_SIZE,    /* a code word of something that is no block of this size */
    LIE_PADDING, /* the same, with a byte behind the block */
    LIE_COUNT,
};

static void tell(struct coded *c, enum lie lie)
{
    if (lie == LIE_PARITY) {
        c->room[9 * (size_t)c->code.shard_size + 5] ^= 1;
    } else {
        bool content[VALIDATOR_COUNT_MAX] = {false};
        struct shard_leaves leaves;
        memset(content, 1, c->code.required);
        c->room[lie == LIE_SIZE ? 3 : SHARD_LENGTH_SIZE + c->code.block_size] ^= 1;
        /* Leaves the parity of what stands there now. */
        assert_int_equal(shard_restore(&c->code, &c->root, content, c->room, &leaves),
                         SHARD_INCONSISTENT);
    }
    hash_room(c);
}

/* A leader that lies: whatever k shards a node holds, all nodes say the same. */
static void test_one_verdict(void **state)
{
    (void)state;
    enum { SUBSETS = 30 };
    for (int lie = 0; lie < LIE_COUNT; lie++) {
        struct coded c;
        coded_make(&c, 10, 1000);
        tell(&c, (enum lie)lie);
        for (uint32_t i = 0; i < SUBSETS; i++) {
            bool present[VALIDATOR_COUNT_MAX];
            bool same = false;
            random_subset(&c.code, c.code.required + random_below(4), present);
            assert_int_equal(restore(&c, present, &same), SHARD_INCONSISTENT);
        }
        coded_free(&c);
    }
}

static void test_proofs(void **state)
{
    (void)state;
    struct coded c;
    coded_make(&c, 13, 5000);
    for (uint32_t i = 0; i < c.code.count; i++) {
        struct crypto_path path;
        uint8_t *at = c.room + (size_t)i * c.code.shard_size;
        const struct bytes shard = bytes_of(at, c.code.shard_size);
        shard_prove(&c.code, &c.leaves, i, &path);
        assert_true(shard_verify(&c.code, &c.root, i, shard, &path));
        assert_false(shard_verify(&c.code, &c.root, (i + 1) % c.code.count, shard, &path));
        assert_false(shard_verify(&c.code, &c.root, i, bytes_of(at, shard.size - 1), &path));
        at[i] ^= 1;
        assert_false(shard_verify(&c.code, &c.root, i, shard, &path));
        at[i] ^= 1;
        path.siblings[0].bytes[0] ^= 1;
        assert_false(shard_verify(&c.code, &c.root, i, shard, &path));
        path.siblings[0].bytes[0] ^= 1;
        path.count++;
        assert_false(shard_verify(&c.code, &c.root, i, shard, &path));
    }
    struct crypto_path path;
    shard_prove(&c.code, &c.leaves, 0, &path);
    assert_false(shard_verify(&c.code, &c.root, c.code.count, bytes_of(c.room, 1), &path));
    coded_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),      cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_every_subset), cmocka_unit_test(test_random),
        cmocka_unit_test(test_one_verdict),  cmocka_unit_test(test_proofs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
