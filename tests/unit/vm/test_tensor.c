/* Tensors as trees, against digests spelled out by hand, and the outer step. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/endian.h"
#include "crypto/crypto.h"
#include "tests/support/random.h"
#include "tests/support/vm_mlp.h"
#include "vm/num/num.h"
#include "vm/outer/outer.h"

static uint64_t seed = 21;

static struct hash sha(const void *a, size_t a_size, const void *b, size_t b_size)
{
    const struct bytes parts[2] = {bytes_of(a, a_size), bytes_of(b, b_size)};
    struct hash out;
    crypto_hash_port()->sha256(crypto_hash_port()->context, parts, 2, &out);
    return out;
}

static struct hash node(struct hash left, struct hash right)
{
    uint8_t bytes[1 + 2 * HASH_SIZE] = {1};
    memcpy(bytes + 1, left.bytes, HASH_SIZE);
    memcpy(bytes + 1 + HASH_SIZE, right.bytes, HASH_SIZE);
    return sha(bytes, sizeof bytes, NULL, 0);
}

static struct hash head(const struct vm_tensor *t, struct hash tree)
{
    uint8_t bytes[3 + 16] = {2, t->dtype, t->rank};
    for (size_t i = 0; i < VM_RANK_MAX; i++) {
        store_le32(bytes + 3 + 4 * i, t->dims[i]);
    }
    return sha(bytes, sizeof bytes, tree.bytes, HASH_SIZE);
}

/* 40 x 33: four tiles, three of them padded; written out tile by tile. */
static void test_tiles(void **state)
{
    (void)state;
    const struct vm_tensor t = {.dtype = VM_F32, .rank = 2, .dims = {40, 33, 1, 1}};
    static float x[40 * 33];
    random_fill(&seed, (uint8_t *)x, sizeof x);
    assert_int_equal(vm_tensor_leaves(&t), 4);
    struct hash leaf[4];
    for (uint32_t n = 0; n < 4; n++) {
        float tile[32][32] = {{0}};
        for (uint32_t i = 0; i < 32; i++) {
            for (uint32_t j = 0; j < 32; j++) {
                const uint32_t r = n / 2 * 32 + i;
                const uint32_t c = n % 2 * 32 + j;
                tile[i][j] = r < 40 && c < 33 ? x[r * 33 + c] : 0.0F;
            }
        }
        const uint8_t prefix[2] = {0, VM_F32};
        leaf[n] = sha(prefix, 2, tile, sizeof tile);
    }
    const struct hash want = head(&t, node(node(leaf[0], leaf[1]), node(leaf[2], leaf[3])));
    struct hash got;
    vm_tensor_root(&t, x, crypto_hash_port(), &got);
    assert_true(hash_equal(&got, &want));
}

/* 2500 bytes in flat leaves of 1024: a tree of three. */
static void test_flat(void **state)
{
    (void)state;
    const struct vm_tensor t = {.dtype = VM_U8, .rank = 1, .dims = {2500, 1, 1, 1}};
    static uint8_t x[3072];
    random_fill(&seed, x, 2500);
    const uint8_t prefix[2] = {0, VM_U8};
    const struct hash a = sha(prefix, 2, x, 1024);
    const struct hash b = sha(prefix, 2, x + 1024, 1024);
    const struct hash c = sha(prefix, 2, x + 2048, 1024);
    const struct hash want = head(&t, node(node(a, b), c));
    struct hash got;
    vm_tensor_root(&t, x, crypto_hash_port(), &got);
    assert_true(hash_equal(&got, &want));
}

static void test_leaves_are_inverse(void **state)
{
    (void)state;
    static const struct vm_tensor shapes[] = {
        {.dtype = VM_F32, .rank = 4, .dims = {2, 3, 33, 65}},
        {.dtype = VM_I64, .rank = 3, .dims = {4, 31, 2, 1}},
        {.dtype = VM_I8, .rank = 2, .dims = {3000, 1, 1, 1}},
        {.dtype = VM_BF16, .rank = 2, .dims = {1, 100, 1, 1}},
    };
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        const size_t size = vm_tensor_bytes(&shapes[s]);
        uint8_t *x = malloc(size);
        uint8_t *y = calloc(size, 1);
        random_fill(&seed, x, size);
        for (uint32_t leaf = 0; leaf < vm_tensor_leaves(&shapes[s]); leaf++) {
            uint8_t payload[VM_LEAF_SIZE_MAX];
            assert_int_equal(vm_leaf_load(&shapes[s], x, leaf, payload),
                             VM_LEAF_ELEMENTS * vm_dtype_size(shapes[s].dtype));
            vm_leaf_store(&shapes[s], y, leaf, payload);
        }
        assert_memory_equal(x, y, size);
        free(x);
        free(y);
    }
}

/* RFC 6962 shape: split at the largest power of two below the count. */
static struct hash tree_of(const struct hash *leaves, size_t count)
{
    struct hash level[64];
    memcpy(level, leaves, count * sizeof *leaves);
    while (count > 1) {
        const size_t pairs = count / 2;
        for (size_t i = 0; i < pairs; i++) {
            level[i] = node(level[2 * i], level[2 * i + 1]);
        }
        if (count % 2 == 1) {
            level[pairs] = level[count - 1];
        }
        count = pairs + count % 2;
    }
    return level[0];
}

static void test_trace(void **state)
{
    (void)state;
    struct hash roots[50];
    random_fill(&seed, roots[0].bytes, sizeof roots);
    for (size_t count = 1; count <= 50; count++) {
        const struct hash want = tree_of(roots, count);
        struct hash got;
        vm_trace_root(roots, count, crypto_hash_port(), &got);
        assert_true(hash_equal(&got, &want));
    }
    const uint8_t one = 1;
    const struct hash empty = sha(&one, 1, NULL, 0);
    struct hash got;
    vm_trace_root(roots, 0, crypto_hash_port(), &got);
    assert_true(hash_equal(&got, &empty));
}

static void test_state_root(void **state)
{
    (void)state;
    struct vm_state_roots roots;
    random_fill(&seed, (uint8_t *)&roots, sizeof roots);
    uint8_t bytes[1 + 8 + 3 * HASH_SIZE] = {3};
    store_le64(bytes + 1, 480);
    memcpy(bytes + 9, roots.params.bytes, HASH_SIZE);
    memcpy(bytes + 9 + HASH_SIZE, roots.inner.bytes, HASH_SIZE);
    memcpy(bytes + 9 + 2 * HASH_SIZE, roots.counters.bytes, HASH_SIZE);
    const struct hash want = sha(bytes, sizeof bytes, NULL, 0);
    struct hash got;
    vm_state_root(480, &roots, crypto_hash_port(), &got);
    assert_true(hash_equal(&got, &want));
}

/* A round of three workers with weights 3, 1, 2 on one tensor, in two orders of arrival. */
enum { WORKERS = 3, ROWS = 45, COLS = 70, ELEMENTS = ROWS * COLS };

static const struct vm_tensor shape = {.rank = 2, .dims = {ROWS, COLS, 1, 1}};
static float theta[ELEMENTS];
static float local[WORKERS][ELEMENTS];
static float ef[WORKERS][ELEMENTS];
static int8_t q[WORKERS][ELEMENTS];
static uint8_t shift[WORKERS][6];
static const uint32_t weights[WORKERS] = {3, 1, 2};

static float some(void)
{
    return (float)(int32_t)(random_next(&seed) >> 36) * 0x1p-26F - 2.0F;
}

static void quantise_all(void)
{
    for (size_t i = 0; i < ELEMENTS; i++) {
        theta[i] = some();
        for (int w = 0; w < WORKERS; w++) {
            local[w][i] = theta[i] - some() * 0x1p-9F;
            ef[w][i] = some() * 0x1p-14F;
        }
    }
    for (int w = 0; w < WORKERS; w++) {
        const struct vm_delta delta = {&shape, theta, local[w], ef[w], q[w], shift[w]};
        float before[ELEMENTS];
        memcpy(before, ef[w], sizeof before);
        assert_int_equal(vm_delta_quantise(&delta), VM_TRAP_NONE);
        for (size_t i = 0; i < ELEMENTS; i++) {
            const size_t leaf = i / COLS / 32 * 3 + i % COLS / 32;
            const float d = (theta[i] - local[w][i]) + before[i];
            const float back = (float)q[w][i] * vm_float((127u - shift[w][leaf]) << 23);
            assert_int_equal(vm_bits(back + ef[w][i]), vm_bits(d));
        }
    }
}

static void test_outer(void **state)
{
    (void)state;
    static const int orders[2][WORKERS] = {{0, 1, 2}, {2, 0, 1}};
    quantise_all();
    static float result[2][ELEMENTS];
    static float momentum[2][ELEMENTS];
    for (int o = 0; o < 2; o++) {
        static int64_t acc[ELEMENTS];
        memset(acc, 0, sizeof acc);
        for (int n = 0; n < WORKERS; n++) {
            const int w = orders[o][n];
            assert_true(vm_delta_add(&shape, acc, q[w], shift[w], weights[w]));
        }
        memcpy(result[o], theta, sizeof theta);
        for (size_t i = 0; i < ELEMENTS; i++) {
            momentum[o][i] = 0.25F;
        }
        vm_outer_step(&(struct vm_outer){.elements = ELEMENTS,
                                         .weight_sum = 6,
                                         .eta = 0.7F,
                                         .mu = 0.9F,
                                         .acc = acc,
                                         .theta = result[o],
                                         .momentum = momentum[o]});
        const float g = (float)acc[99] * 0x1p-40F / 6.0F;
        const float m = vm_fma(0.9F, 0.25F, g);
        assert_int_equal(vm_bits(momentum[o][99]), vm_bits(m));
        const float want = vm_fma(-0.7F, vm_fma(0.9F, m, g), theta[99]);
        assert_int_equal(vm_bits(result[o][99]), vm_bits(want));
    }
    assert_memory_equal(result[0], result[1], sizeof theta);
    assert_memory_equal(momentum[0], momentum[1], sizeof theta);
}

/* 24.3: the largest allowed weights on the largest quotients do not overflow. */
static void test_outer_limits(void **state)
{
    (void)state;
    static int64_t acc[ELEMENTS];
    memset(acc, 0, sizeof acc);
    memset(q[0], 0x81, sizeof q[0]); /* -127 */
    memset(shift[0], 0, sizeof shift[0]);
    assert_true(vm_delta_add(&shape, acc, q[0], shift[0], DELTA_WEIGHT_MAX));
    assert_true(acc[0] == -INT64_C(127) * DELTA_WEIGHT_MAX * (INT64_C(1) << 40));
    shift[0][5] = 41;
    assert_false(vm_delta_add(&shape, acc, q[0], shift[0], 1));
    assert_true(acc[0] == -INT64_C(127) * DELTA_WEIGHT_MAX * (INT64_C(1) << 40));

    const float bad[] = {128.0F, -128.0F, vm_float(0x7F800000u), vm_float(VM_NAN_BITS)};
    for (size_t i = 0; i < 4; i++) {
        memset(ef[0], 0, sizeof ef[0]);
        memcpy(local[0], theta, sizeof theta);
        local[0][ELEMENTS - 1] = theta[ELEMENTS - 1] - bad[i] * 1.5F;
        local[0][0] = theta[0] + 1.0F;
        const struct vm_delta delta = {&shape, theta, local[0], ef[0], q[0], shift[0]};
        assert_int_equal(vm_delta_quantise(&delta), VM_TRAP_RANGE);
        assert_true(ef[0][0] == 0.0F);
    }
}

/* delta_root commits to every byte of every tensor. */
static void test_delta_root(void **state)
{
    (void)state;
    static struct mlp mlp;
    static int8_t qs[MLP_PARAMS][MLP_PIXELS * MLP_HIDDEN];
    static uint8_t shifts[MLP_PARAMS][4];
    const int8_t *q_of[MLP_PARAMS];
    const uint8_t *shift_of[MLP_PARAMS];
    mlp_build(&mlp);
    for (int i = 0; i < MLP_PARAMS; i++) {
        q_of[i] = qs[i];
        shift_of[i] = shifts[i];
    }
    struct hash roots[3];
    vm_delta_digest(&mlp.b.program, q_of, shift_of, crypto_hash_port(), &roots[0]);
    qs[3][MLP_CLASSES - 1] = 1;
    vm_delta_digest(&mlp.b.program, q_of, shift_of, crypto_hash_port(), &roots[1]);
    shifts[2][0] = 1;
    vm_delta_digest(&mlp.b.program, q_of, shift_of, crypto_hash_port(), &roots[2]);
    assert_false(hash_equal(&roots[0], &roots[1]));
    assert_false(hash_equal(&roots[1], &roots[2]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tiles),        cmocka_unit_test(test_flat),
        cmocka_unit_test(test_trace),        cmocka_unit_test(test_leaves_are_inverse),
        cmocka_unit_test(test_state_root),   cmocka_unit_test(test_outer),
        cmocka_unit_test(test_outer_limits), cmocka_unit_test(test_delta_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
