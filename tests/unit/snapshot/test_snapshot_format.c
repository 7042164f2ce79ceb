/* Manifests and chunks: what is cut folds back, and everything else is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/endian.h"
#include "base/hex.h"
#include "tests/support/random.h"
#include "tests/support/snapshot_draw.h"

enum { LINE_SIZE = 256, VECTOR_COUNT = 8, STATE_COUNT = 12, HEX_SIZE = 2 * HASH_SIZE };

static enum snapshot_verdict decode(const struct drawn *drawn)
{
    static struct snapshot_manifest out;
    return snapshot_manifest_decode(bytes_of(drawn->bytes, drawn->size), &out);
}

/* Every chunk is sound, and all together are all leaves; their bytes into *sha. */
static void assert_chunks(const struct drawn *drawn, struct crypto_sha256 *sha)
{
    size_t leaf = 0;
    for (uint32_t i = 0; i < drawn->manifest.part_count; i++) {
        uint8_t *data = drawn_chunk(drawn, i, &leaf);
        const struct bytes chunk = bytes_of(data, drawn->parts[i].size);
        assert_int_equal(snapshot_chunk_verify(&drawn->parts[i], chunk), SNAPSHOT_OK);
        crypto_sha256_update(sha, chunk);
        free(data);
    }
    assert_int_equal(leaf, drawn->count);
}

static struct drawn vector_make(size_t count, size_t largest, uint64_t height)
{
    struct drawn drawn = {.count = count};
    drawn.leaves = calloc(count + 1, sizeof(*drawn.leaves));
    for (size_t i = 0; i < count; i++) {
        drawn_leaf_make(&drawn.leaves[i], i, ((size_t)7919 * i + 13) % (largest + 1));
    }
    drawn_cut(&drawn, height);
    return drawn;
}

static void assert_digest(const char *text, const struct hash *found)
{
    char hex[2 * HASH_SIZE + 1];
    hex_encode(found->bytes, HASH_SIZE, hex);
    assert_memory_equal(text, hex, HEX_SIZE);
}

/* Of an implementation that shares nothing with ours (tools/snapshot_model.py). */
static void test_vectors(void **state)
{
    (void)state;
    char line[LINE_SIZE];
    uint32_t count = 0;
    FILE *file = fopen(SOURCE_DIR "/tests/vectors/snapshot.txt", "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        if (line[0] == '#') {
            continue;
        }
        char *rest = NULL;
        const size_t keys = strtoul(line, &rest, 10);
        const size_t largest = strtoul(rest, &rest, 10);
        const uint64_t height = strtoul(rest, &rest, 10);
        const size_t parts = strtoul(rest, &rest, 10);
        struct drawn drawn = vector_make(keys, largest, height);
        struct crypto_sha256 sha;
        struct hash found;
        assert_int_equal(drawn.manifest.part_count, parts);
        crypto_sha256(bytes_of(drawn.bytes, drawn.size), &found);
        assert_digest(rest + 1, &found);
        crypto_sha256_init(&sha);
        assert_chunks(&drawn, &sha);
        crypto_sha256_final(&sha, &found);
        assert_digest(rest + 2 + HEX_SIZE, &found);
        assert_int_equal(decode(&drawn), SNAPSHOT_OK);
        drawn_free(&drawn);
        count++;
    }
    (void)fclose(file);
    assert_int_equal(count, VECTOR_COUNT);
}

/* Random states: the cut folds to the root by the definition, and no chunk is too large. */
static void test_random(void **state)
{
    (void)state;
    uint64_t seed = 20261121;
    for (int round = 0; round < STATE_COUNT; round++) {
        const size_t count = random_below(&seed, 400);
        const size_t largest = (size_t)1 << random_below(&seed, 19);
        struct drawn drawn = {.count = count};
        struct crypto_sha256 sha;
        drawn.leaves = calloc(count + 1, sizeof(*drawn.leaves));
        for (size_t i = 0; i < count; i++) {
            drawn_leaf_make(&drawn.leaves[i], random_next(&seed), random_below(&seed, largest));
        }
        drawn_cut(&drawn, 1 + random_below(&seed, 40));
        struct state_tree_leaf *plain = calloc(count + 1, sizeof(*plain));
        struct state_tree_node root;
        for (size_t i = 0; i < count; i++) {
            plain[i] = (struct state_tree_leaf){drawn.leaves[i].path, drawn.leaves[i].hash};
        }
        state_tree_fold(plain, count, 0, &root);
        assert_memory_equal(&root.hash, &drawn.manifest.state_root, HASH_SIZE);
        assert_int_equal(decode(&drawn), SNAPSHOT_OK);
        crypto_sha256_init(&sha);
        assert_chunks(&drawn, &sha);
        for (uint32_t i = 0; i < drawn.manifest.part_count; i++) {
            assert_true(drawn.parts[i].leaves == 1 || drawn.parts[i].size <= SNAPSHOT_CHUNK_SIZE);
        }
        free(plain);
        drawn_free(&drawn);
    }
}

/* Write the parts again, as a liar would who folds right, and judge them. */
static enum snapshot_verdict lie(const struct drawn *drawn, const struct snapshot_part *parts,
                                 uint32_t count, bool own_root)
{
    struct snapshot_manifest manifest = drawn->manifest;
    struct snapshot_manifest out;
    if (own_root) {
        memset(manifest.state_root.bytes, 1, HASH_SIZE);
    }
    manifest.part_count = count;
    const size_t size = snapshot_manifest_size(&manifest);
    uint8_t *bytes = malloc(size);
    snapshot_manifest_write(&manifest, parts, bytes);
    const enum snapshot_verdict verdict = snapshot_manifest_decode(bytes_of(bytes, size), &out);
    free(bytes);
    return verdict;
}

/* The first part cut in two halves, which fold to the same root. */
static uint32_t split_first(const struct drawn *drawn, struct snapshot_part *parts)
{
    static struct snapshot_fold fold;
    const struct snapshot_part *first = &drawn->parts[0];
    snapshot_fold_init(&fold, first->depth, first->size - 1);
    snapshot_fold_keep(&fold, parts, drawn->count);
    for (size_t i = 0; i < first->leaves; i++) {
        const struct snapshot_part leaf = {
            .node = {.hash = drawn->leaves[i].hash, .kind = STATE_TREE_LEAF},
            .leaves = 1,
            .size = (uint32_t)drawn->leaves[i].size};
        assert_true(snapshot_fold_push(&fold, &drawn->leaves[i].path, PROOF_DEPTH_MAX, &leaf));
    }
    struct snapshot_subtree whole;
    snapshot_fold_end(&fold, &whole);
    assert_memory_equal(&whole.node.hash, &first->node.hash, HASH_SIZE);
    const uint32_t more = drawn->manifest.part_count - 1;
    memcpy(parts + fold.count, drawn->parts + 1, more * sizeof(*parts));
    return (uint32_t)fold.count + more;
}

static void test_manifest_lies(void **state)
{
    (void)state;
    struct drawn drawn = vector_make(300, 60000, 65);
    const uint32_t count = drawn.manifest.part_count;
    struct snapshot_part *parts = calloc(2 * drawn.count, sizeof(*parts));
    assert_in_range(count, 4, 100);
    memcpy(parts, drawn.parts, count * sizeof(*parts));
    assert_int_equal(lie(&drawn, parts, count, false), SNAPSHOT_OK);
    assert_int_equal(lie(&drawn, parts, count, true), SNAPSHOT_ROOT);
    assert_int_equal(lie(&drawn, parts, count - 1, false), SNAPSHOT_ROOT);
    assert_int_equal(lie(&drawn, parts, split_first(&drawn, parts), false), SNAPSHOT_CUT);
    memcpy(parts, drawn.parts, count * sizeof(*parts));
    parts[0] = drawn.parts[1]; /* order */
    parts[1] = drawn.parts[0];
    assert_int_equal(lie(&drawn, parts, count, false), SNAPSHOT_ORDER);
    parts[0] = drawn.parts[0]; /* twice */
    assert_int_equal(lie(&drawn, parts, count, false), SNAPSHOT_ORDER);
    parts[1] = drawn.parts[1];
    parts[1].size = 4000; /* two that claim to fit one chunk */
    parts[0].size = 4000;
    assert_int_equal(lie(&drawn, parts, count, false), SNAPSHOT_CUT);
    parts[0] = drawn.parts[0];
    parts[1] = drawn.parts[1];
    parts[1].size = SNAPSHOT_CHUNK_SIZE + 1;
    assert_int_equal(lie(&drawn, parts, count, false), SNAPSHOT_CUT);
    parts[1] = drawn.parts[1];
    parts[1].leaves = 1; /* what is not a leaf has more */
    assert_int_equal(lie(&drawn, parts, count, false), SNAPSHOT_FORM);
    parts[1] = drawn.parts[1];
    parts[1].prefix.bytes[31] ^= 1; /* bits below the depth */
    assert_int_equal(lie(&drawn, parts, count, false), SNAPSHOT_FORM);
    parts[1] = drawn.parts[1];
    parts[1].depth = 257;
    assert_int_equal(lie(&drawn, parts, count, false), SNAPSHOT_FORM);
    free(parts);
    drawn_free(&drawn);
}

/* No byte of a manifest may change but those of sizes and of what the header decides. */
static void test_manifest_bytes(void **state)
{
    (void)state;
    struct drawn drawn = vector_make(40, 200000, 5);
    const size_t tree = load_be32(drawn.bytes + 80);
    const size_t parts = SNAPSHOT_HEAD_SIZE + tree;
    for (size_t i = 0; i < drawn.size; i++) {
        const bool weight = i >= parts && (i - parts) % SNAPSHOT_PART_SIZE >= 2 * HASH_SIZE + 3;
        const bool headed = (i >= 8 && i < 40) || (i >= SNAPSHOT_HEAD_SIZE + 8 && i < parts);
        drawn.bytes[i] ^= 0x40;
        if (!weight && !headed) {
            assert_int_not_equal(decode(&drawn), SNAPSHOT_OK);
        }
        drawn.bytes[i] ^= 0x40;
    }
    for (size_t size = 0; size < drawn.size; size += 1 + size / 9) {
        struct snapshot_manifest out;
        assert_int_equal(snapshot_manifest_decode(bytes_of(drawn.bytes, size), &out),
                         SNAPSHOT_FORM);
    }
    drawn_free(&drawn);
}

static void test_chunk_lies(void **state)
{
    (void)state;
    struct drawn drawn = vector_make(50, 1000, 7);
    size_t leaf = 0;
    const struct snapshot_part *part = &drawn.parts[0];
    assert_int_equal(drawn.manifest.part_count, 1);
    uint8_t *data = drawn_chunk(&drawn, 0, &leaf);
    const struct bytes chunk = bytes_of(data, part->size);
    uint8_t *copy = malloc(2 * chunk.size);
    for (size_t i = 0; i < chunk.size; i += 1 + i / 200) { /* any byte */
        memcpy(copy, chunk.data, chunk.size);
        copy[i] ^= 1;
        assert_int_not_equal(snapshot_chunk_verify(part, bytes_of(copy, chunk.size)), SNAPSHOT_OK);
        assert_int_not_equal(snapshot_chunk_verify(part, bytes_of(chunk.data, i)), SNAPSHOT_OK);
    }
    const size_t first = drawn.leaves[0].size;
    memcpy(copy, chunk.data, first); /* a record twice */
    memcpy(copy + first, chunk.data, chunk.size);
    assert_int_equal(snapshot_chunk_verify(part, bytes_of(copy, first + chunk.size)),
                     SNAPSHOT_ORDER);
    memcpy(copy, chunk.data + first, chunk.size - first); /* a record less */
    assert_int_equal(snapshot_chunk_verify(part, bytes_of(copy, chunk.size - first)),
                     SNAPSHOT_ROOT);
    memcpy(copy + chunk.size - first, chunk.data, first); /* the first one last */
    assert_int_equal(snapshot_chunk_verify(part, bytes_of(copy, chunk.size)), SNAPSHOT_ORDER);
    struct snapshot_part lied = *part;
    lied.size++;
    assert_int_equal(snapshot_chunk_verify(&lied, chunk), SNAPSHOT_SIZES);
    lied = *part;
    lied.leaves++;
    assert_int_equal(snapshot_chunk_verify(&lied, chunk), SNAPSHOT_SIZES);
    lied = *part;
    lied.node.kind = STATE_TREE_LEAF;
    assert_int_equal(snapshot_chunk_verify(&lied, chunk), SNAPSHOT_SIZES);
    lied = *part;
    lied.depth = 1; /* another place, where not all of it lies */
    assert_int_equal(snapshot_chunk_verify(&lied, chunk), SNAPSHOT_ORDER);
    free(copy);
    free(data);
    drawn_free(&drawn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),       cmocka_unit_test(test_random),
        cmocka_unit_test(test_manifest_lies), cmocka_unit_test(test_manifest_bytes),
        cmocka_unit_test(test_chunk_lies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
