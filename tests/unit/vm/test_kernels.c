/* Every kernel of every instruction set gives the bits of the specification (plain), over
 * random shapes and over values picked to break it: NaN, infinities, zeros of both signs,
 * subnormals, in every operand. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "tests/support/random.h"
#include "vm/num/num.h"
#include "vm/op/kernels.h"

enum { FLOATS_MAX = 1 << 18, SHAPES = 400 };

static float *buffers[6];
static float *scratch;
static enum vm_isa_kind kinds[3];
static int kind_count;

static int setup(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++) {
        buffers[i] = aligned_alloc(VM_ALIGN, FLOATS_MAX * sizeof(float));
    }
    scratch = aligned_alloc(VM_ALIGN, VM_PACK_FLOATS * sizeof(float));
    const struct cpu_features cpu = cpu_probe();
    if (cpu.fma) {
        kinds[kind_count++] = VM_ISA_FMA;
    }
    if (cpu.avx2) {
        kinds[kind_count++] = VM_ISA_AVX2;
    }
    if (cpu.avx512) {
        kinds[kind_count++] = VM_ISA_AVX512;
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++) {
        free(buffers[i]);
    }
    free(scratch);
    return 0;
}

static const uint32_t specials[] = {
    0x00000000, 0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00001,
    0x7f800001, 0x00000001, 0x80000001, 0x007fffff, 0x807fffff, 0x00800000, 0x7f7fffff, 0xff7fffff,
    0x4b000000, 0x4f000000, 0xcf000000, 0x3f000000, 0x33800000, 0x42b17218, 0xc2cff1b5, 0x41102cb4};

enum { SPECIAL_COUNT = sizeof specials / sizeof specials[0] };

/* Mostly tame numbers; `spice` in 256 are special or any bits at all. */
static void fill(float *out, size_t count, unsigned spice, uint64_t *seed)
{
    for (size_t i = 0; i < count; i++) {
        const uint64_t r = random_next(seed);
        out[i] = (float)(int32_t)(r >> 40) * 0x1p-20F - 8.0F;
        if ((r & 255) < spice) {
            out[i] = vm_float((r & 256) != 0 ? (uint32_t)(r >> 32)
                                             : specials[(r >> 16) % SPECIAL_COUNT]);
        }
    }
}

static void check_same(const float *want, const float *got, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (vm_bits(want[i]) != vm_bits(got[i])) {
            fail_msg("element %zu: %08x, must be %08x", i, vm_bits(got[i]), vm_bits(want[i]));
        }
    }
}

/* All triples of specials, then random ones.  NaN bits are only canonical once stored. */
static void test_ewise(void **state)
{
    (void)state;
    const size_t triples = SPECIAL_COUNT * SPECIAL_COUNT * SPECIAL_COUNT;
    const size_t count = 1 << 15;
    uint64_t seed = 2;
    for (int i = 0; i < 3; i++) {
        fill(buffers[i], count, 64, &seed);
    }
    for (size_t i = 0; i < triples; i++) {
        buffers[0][i] = vm_float(specials[i % SPECIAL_COUNT]);
        buffers[1][i] = vm_float(specials[i / SPECIAL_COUNT % SPECIAL_COUNT]);
        buffers[2][i] = vm_float(specials[i / SPECIAL_COUNT / SPECIAL_COUNT]);
    }
    const uint32_t *x[3] = {(const uint32_t *)(const void *)buffers[0],
                            (const uint32_t *)(const void *)buffers[1],
                            (const uint32_t *)(const void *)buffers[2]};
    for (uint8_t op = VM_E_ADD; op <= VM_E_UNIF; op++) {
        if (op == VM_E_CONST || op == VM_E_ROWIDX || op == VM_E_COLIDX) {
            continue;
        }
        uint32_t *want = (uint32_t *)(void *)buffers[3];
        uint32_t *got = (uint32_t *)(void *)buffers[4];
        vm_kernels_plain.ewise(op, want, x, count);
        vm_kernels_plain.canon(buffers[3], buffers[3], count);
        for (int k = 0; k < kind_count; k++) {
            vm_kernels(kinds[k])->ewise(op, got, x, count);
            vm_kernels(kinds[k])->canon(buffers[4], buffers[4], count);
            check_same(buffers[3], buffers[4], count);
        }
    }
}

/* One binade of each function through the vector kernels; vm_exhaustive does all of them. */
static void test_functions(void **state)
{
    (void)state;
    static const uint8_t ops[] = {VM_E_EXP, VM_E_TANH, VM_E_LOG};
    static const uint32_t starts[] = {0x3f000000, 0xbf000000, 0x42a00000, 0xc2c00000, 0x3c000000};
    const size_t count = 1 << 14;
    uint32_t *x = (uint32_t *)(void *)buffers[0];
    const uint32_t *in[3] = {x, x, x};
    for (size_t s = 0; s < sizeof starts / sizeof starts[0]; s++) {
        for (size_t i = 0; i < count; i++) {
            x[i] = starts[s] + (uint32_t)i * 311;
        }
        for (int f = 0; f < 3; f++) {
            vm_kernels_plain.ewise(ops[f], (uint32_t *)(void *)buffers[3], in, count);
            for (int k = 0; k < kind_count; k++) {
                vm_kernels(kinds[k])->ewise(ops[f], (uint32_t *)(void *)buffers[4], in, count);
                check_same(buffers[3], buffers[4], count);
            }
        }
    }
}

static size_t dimension(uint64_t *seed)
{
    static const size_t edges[] = {1,  2,  5,  6,  7,  8,  11, 12, 13,
                                   15, 16, 17, 31, 32, 33, 48, 64, 96};
    const uint64_t r = random_next(seed);
    return r % 4 != 0 ? edges[(r >> 8) % (sizeof edges / sizeof edges[0])] : 1 + (r >> 8) % 150;
}

static void check_matmul(size_t rows, size_t cols, size_t inner, uint64_t *seed)
{
    const uint64_t r = random_next(seed);
    const bool ta = (r & 1) != 0;
    const bool tb = (r & 2) != 0;
    const unsigned spice = (r & 12) == 0 ? 16 : 0;
    fill(buffers[0], rows * inner, spice, seed);
    fill(buffers[1], inner * cols, spice, seed);
    struct vm_matmul m = {.a = buffers[0],
                          .b = buffers[1],
                          .c = buffers[3],
                          .rows = rows,
                          .cols = cols,
                          .inner = inner,
                          .a_row = ta ? 1 : inner,
                          .a_col = ta ? rows : 1,
                          .b_row = tb ? 1 : cols,
                          .b_col = tb ? inner : 1,
                          .c_row = cols};
    vm_kernels_plain.matmul(&m, scratch);
    m.c = buffers[4];
    for (int k = 0; k < kind_count; k++) {
        buffers[4][rows * cols] = 12345.0F;
        vm_kernels(kinds[k])->matmul(&m, scratch);
        check_same(buffers[3], buffers[4], rows * cols);
        assert_true(buffers[4][rows * cols] == 12345.0F);
    }
}

static void test_matmul(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (int i = 0; i < SHAPES; i++) {
        const size_t rows = dimension(&seed);
        const size_t cols = dimension(&seed);
        check_matmul(rows, cols, dimension(&seed), &seed);
    }
    /* Above the block sizes in each direction, and the packed path of A. */
    check_matmul(VM_PACK_ROWS + 9, 20, 30, &seed);
    check_matmul(9, VM_PACK_COLS + 37, 8, &seed);
    check_matmul(100, 530, 3, &seed);
    for (int i = 0; i < 8; i++) {
        check_matmul(40 + (size_t)i, 33, 2 * VM_PACK_K + 5, &seed);
    }
}

/* A product that underflows to -0 stays -0; padding K with zeros would lose the sign. */
static void test_minus_zero(void **state)
{
    (void)state;
    for (int k = 0; k < kind_count; k++) {
        for (size_t i = 0; i < 17; i++) {
            buffers[0][i] = -1e-30F;
            buffers[1][i] = 1e-30F;
        }
        const struct vm_matmul m = {buffers[0], buffers[1], buffers[4], 1, 17, 1, 1, 1, 17, 1, 17};
        vm_kernels(kinds[k])->matmul(&m, scratch);
        for (size_t i = 0; i < 17; i++) {
            assert_int_equal(vm_bits(buffers[4][i]), 0x80000000u);
        }
        const struct vm_matrix row = {buffers[0], 1, 1, 1};
        vm_kernels(kinds[k])->rowdot(&row, buffers[1], buffers[4]);
        vm_kernels_plain.rowdot(&row, buffers[1], buffers[3]);
        check_same(buffers[3], buffers[4], 1);
    }
}

static void test_rows_and_columns(void **state)
{
    (void)state;
    uint64_t seed = 4;
    for (int i = 0; i < SHAPES; i++) {
        const size_t rows = dimension(&seed);
        const size_t cols = dimension(&seed);
        const size_t stride = cols + (size_t)random_below(&seed, 3);
        fill(buffers[0], rows * stride, i % 2 == 0 ? 0 : 40, &seed);
        fill(buffers[1], rows * stride, i % 4 == 0 ? 0 : 40, &seed);
        const struct vm_matrix x = {buffers[0], rows, cols, stride};
        for (int k = 0; k < kind_count; k++) {
            const struct vm_kernels *fast = vm_kernels(kinds[k]);
            vm_kernels_plain.rowsum(&x, buffers[3]);
            fast->rowsum(&x, buffers[4]);
            check_same(buffers[3], buffers[4], rows);
            vm_kernels_plain.rowdot(&x, buffers[1], buffers[3]);
            fast->rowdot(&x, buffers[1], buffers[4]);
            check_same(buffers[3], buffers[4], rows);
            vm_kernels_plain.rowmax(&x, buffers[3]);
            fast->rowmax(&x, buffers[4]);
            check_same(buffers[3], buffers[4], rows);
            vm_kernels_plain.colsum(&x, buffers[3]);
            fast->colsum(&x, buffers[4]);
            check_same(buffers[3], buffers[4], cols);
        }
    }
}

/* The first of equal zeros is the maximum, whichever lane holds it. */
static void test_rowmax_zeros(void **state)
{
    (void)state;
    for (size_t first = 0; first < 40; first++) {
        for (size_t i = 0; i < 40; i++) {
            buffers[0][i] = i < first ? -1.0F : (i == first ? -0.0F : 0.0F);
        }
        const struct vm_matrix row = {buffers[0], 1, 40, 40};
        for (int k = 0; k < kind_count; k++) {
            vm_kernels(kinds[k])->rowmax(&row, buffers[4]);
            assert_int_equal(vm_bits(buffers[4][0]), 0x80000000u);
        }
    }
}

static void test_fill_iota(void **state)
{
    (void)state;
    for (size_t count = 0; count < 50; count++) {
        for (int k = -1; k < kind_count; k++) {
            const struct vm_kernels *kernels = k < 0 ? &vm_kernels_plain : vm_kernels(kinds[k]);
            uint32_t *out = (uint32_t *)(void *)buffers[4];
            kernels->fill(out, 7, 64);
            kernels->fill(out + 1, 9, count);
            for (size_t i = 0; i < 64; i++) {
                assert_int_equal(out[i], i > 0 && i <= count ? 9 : 7);
            }
            const uint32_t from = (1u << 26) - 50; /* where not every number is a float */
            kernels->iota(buffers[4] + 1, from, count);
            for (size_t i = 0; i < count; i++) {
                assert_true(buffers[4][1 + i] == (float)(from + (uint32_t)i));
            }
            assert_int_equal(out[count + 1], 7);
        }
    }
}

/* Known answers, computed apart with exact arithmetic. */
static void test_known(void **state)
{
    (void)state;
    float *c = buffers[4];
    for (int i = 0; i < 100; i++) {
        buffers[0][i] = 1.0F / (float)(i + 1);
        buffers[1][i] = (float)(i % 7 - 3);
    }
    const struct vm_matrix row = {buffers[0], 1, 100, 100};
    const struct vm_matmul chain = {buffers[0], buffers[1], c, 1, 1, 100, 100, 1, 1, 1, 1};
    static const uint32_t product[12] = {0x40159c43, 0x403b0353, 0x40606a64, 0x4082e8ba,
                                         0x4068ba2e, 0x40a63bd8, 0x40d81a99, 0x4104fcad,
                                         0x409dec0d, 0x40eef607, 0x41200000, 0x414884fc};
    for (int k = -1; k < kind_count; k++) {
        const struct vm_kernels *kernels = k < 0 ? &vm_kernels_plain : vm_kernels(kinds[k]);
        kernels->rowsum(&row, c);
        assert_int_equal(vm_bits(c[0]), 0x40a5ff00);
        kernels->rowdot(&row, buffers[1], c);
        assert_int_equal(vm_bits(c[0]), 0xc079a32b);
        kernels->matmul(&chain, scratch);
        assert_int_equal(vm_bits(c[0]), 0xc079a329);
        for (int i = 0; i < 20; i++) {
            buffers[2][i] = (float)(i + 1) / 7.0F;
            buffers[3][i] = (float)(3 * i - 20) / 11.0F;
        }
        const struct vm_matmul m = {buffers[2], buffers[3], c, 3, 4, 5, 5, 1, 4, 1, 4};
        kernels->matmul(&m, scratch);
        assert_memory_equal(c, product, sizeof product);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ewise),        cmocka_unit_test(test_functions),
        cmocka_unit_test(test_matmul),       cmocka_unit_test(test_minus_zero),
        cmocka_unit_test(test_known),        cmocka_unit_test(test_rows_and_columns),
        cmocka_unit_test(test_rowmax_zeros), cmocka_unit_test(test_fill_iota),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
