/* Known answers of the numeric model (docs/protocol-vm.md 20), and its edges. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "tests/support/random.h"
#include "vm/num/num.h"
#include "vm/vm.h"

static const uint32_t INF = 0x7F800000u;
static const uint32_t NAN_OTHER = 0xFFA00001u;

struct pair {
    uint32_t in;
    uint32_t out;
};

static void check_pairs(float (*function)(float), const struct pair *pairs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(vm_bits(function(vm_float(pairs[i].in))), pairs[i].out);
    }
}

static void test_exp(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {0x3f800000, 0x402df854}, {0xbf000000, 0x3f1b4598}, {0x41200000, 0x46ac14ee},
        {0x42b17217, 0x7f7fff84}, {0x42b17218, 0x7f800000}, {0xc2cff1b4, 0x00000001},
        {0xc2cff1b5, 0x00000000}, {0xc2af0000, 0x006cb2bc}, {0x00000000, 0x3f800000},
        {0x80000000, 0x3f800000}, {0x7f800000, 0x7f800000}, {0xff800000, 0x00000000},
        {0x7f7fffff, 0x7f800000}, {0xff7fffff, 0x00000000}, {0x00000001, 0x3f800000}};
    check_pairs(vm_exp, pairs, sizeof pairs / sizeof pairs[0]);
    assert_int_equal(vm_bits(vm_canon(vm_exp(vm_float(NAN_OTHER)))), VM_NAN_BITS);
}

static void test_log(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {0x41200000, 0x40135d8e}, {0x3dcccccd, 0xc0135d8e}, {0x40000000, 0x3f317218},
        {0x3f800001, 0x33ffffff}, {0x00800000, 0xc2aeac50}, {0x00000001, 0xc2ce8ed0},
        {0x41178feb, 0x400fe5e7}, {0x4c5d65a5, 0x418f034b}, {0x65d890d3, 0x4254d1f9},
        {0x6f31a8ec, 0x42845a89}, {0x3c413d3a, 0xc08e158f}, {0x00000000, 0xff800000},
        {0x80000000, 0xff800000}, {0x7f800000, 0x7f800000}, {0xbf800000, 0x7fc00000},
        {0xff800000, 0x7fc00000}, {0x3f800000, 0x00000000}};
    check_pairs(vm_log, pairs, sizeof pairs / sizeof pairs[0]);
    assert_int_equal(vm_bits(vm_log(vm_float(NAN_OTHER))), VM_NAN_BITS);
}

static void test_tanh(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {0x3e99999a, 0x3e9526ee}, {0x3f800000, 0x3f42f7d6}, {0xc0200000, 0xbf7c92c1},
        {0x41100000, 0x3f7fffff}, {0x3f000000, 0x3eec9a9f}, {0x00000000, 0x00000000},
        {0x80000000, 0x80000000}, {0x7f800000, 0x3f800000}, {0xff800000, 0xbf800000},
        {0x00000001, 0x00000001}, {0x80000001, 0x80000001}, {0x7f7fffff, 0x3f800000}};
    check_pairs(vm_tanh, pairs, sizeof pairs / sizeof pairs[0]);
    assert_int_equal(vm_bits(vm_canon(vm_tanh(vm_float(NAN_OTHER)))), VM_NAN_BITS);
}

static void check_fma(uint32_t a, uint32_t b, uint32_t c, uint32_t out)
{
    assert_int_equal(vm_bits(vm_canon(vm_fma(vm_float(a), vm_float(b), vm_float(c)))), out);
}

/* Without 20.5 the first three are NaN. */
static void test_fma_edges(void **state)
{
    (void)state;
    const uint32_t one = 0x3f800000u;
    const uint32_t minus_inf = 0xff800000u;
    check_fma(one, one, INF, INF);
    check_fma(INF, 0x40000000, one, INF);
    check_fma(0x3d372713, INF, 0x40400000, INF);
    check_fma(one, one, minus_inf, minus_inf);
    check_fma(INF, one, minus_inf, VM_NAN_BITS);
    check_fma(INF, 0, one, VM_NAN_BITS);
    check_fma(NAN_OTHER, one, one, VM_NAN_BITS);
    check_fma(one, NAN_OTHER, one, VM_NAN_BITS);
    check_fma(one, one, NAN_OTHER, VM_NAN_BITS);
    check_fma(0x7f7fffff, 0x40000000, 0, INF);
    check_fma(0x80000000, one, 0, 0);
    check_fma(0x80000000, one, 0x80000000, 0x80000000);
    check_fma(one, one, 0xbf800000, 0);
    const float tiny = vm_fma(-1e-30F, 1e-30F, 0.0F);
    assert_int_equal(vm_bits(tiny), 0x80000000u);
    assert_int_equal(vm_bits(vm_fma(0.0F, 0.0F, tiny)), 0);
}

#if defined(__x86_64__)
__attribute__((target("fma"))) static float hardware_fma(float a, float b, float c)
{
    return __builtin_fmaf(a, b, c);
}

/* Random bits with exponents drawn together, so that products and addends meet. */
static void test_fma_hardware(void **state)
{
    (void)state;
    if (!cpu_probe().fma) {
        skip();
    }
    uint64_t seed = 1;
    for (int i = 0; i < 4000000; i++) {
        const uint64_t r = random_next(&seed);
        const uint32_t spread = (uint32_t)(r >> 60) * 3;
        uint32_t x[3];
        for (int k = 0; k < 3; k++) {
            const uint32_t bits = (uint32_t)random_next(&seed);
            const uint32_t exponent = (127 + (k == 2 ? spread : 0) - (bits >> 27) % 17) << 23;
            x[k] = i % 2 == 0 ? bits : (bits & 0x807FFFFFu) | exponent;
        }
        const float want = vm_canon(hardware_fma(vm_float(x[0]), vm_float(x[1]), vm_float(x[2])));
        check_fma(x[0], x[1], x[2], vm_bits(want));
    }
}
#else
static void test_fma_hardware(void **state)
{
    (void)state;
    skip();
}
#endif

/* The row form is the scalar form, whatever meets whatever. */
static void test_fma_row(void **state)
{
    (void)state;
    static const uint32_t edges[] = {0,          0x80000000, 0x3f800000, 0xbf800000, 0x7f800000,
                                     0xff800000, 0x7fc00000, 0x00000001, 0x80000001, 0x007fffff,
                                     0x00800000, 0x7f7fffff, 0xff7fffff, 0x33800000, 0x0da24260};
    enum { EDGES = sizeof edges / sizeof edges[0], COUNT = EDGES * EDGES + 3 };
    uint64_t seed = 3;
    for (int round = 0; round < 2000; round++) {
        float b[COUNT];
        float c[COUNT];
        float want[COUNT];
        const uint32_t r = (uint32_t)random_next(&seed);
        const float a = vm_float(round < EDGES ? edges[round] : r);
        for (size_t i = 0; i < COUNT; i++) {
            const uint64_t bits = random_next(&seed);
            const uint32_t near = 0x3F000000u ^ ((uint32_t)bits & 0x80FFFFFFu);
            b[i] = vm_float(round < EDGES ? edges[i % EDGES] : near);
            c[i] = vm_float(round < EDGES ? edges[i / EDGES % EDGES]
                                          : r ^ ((uint32_t)(bits >> 32) & 0x83FFFFFFu));
            want[i] = vm_canon(vm_fma(a, b[i], c[i]));
        }
        vm_fma_row(c, a, b, COUNT);
        for (size_t i = 0; i < COUNT; i++) {
            assert_int_equal(vm_bits(vm_canon(c[i])), vm_bits(want[i]));
        }
    }
}

static void test_conversions(void **state)
{
    (void)state;
    assert_int_equal(vm_f2i(2.5F), 2);
    assert_int_equal(vm_f2i(3.5F), 4);
    assert_int_equal(vm_f2i(-2.5F), -2);
    assert_int_equal(vm_f2i(2147483648.0F), INT32_MAX);
    assert_int_equal(vm_f2i(-2147483648.0F), INT32_MIN);
    assert_int_equal(vm_f2i(vm_float(0xff800000u)), INT32_MIN);
    assert_int_equal(vm_f2i(vm_float(NAN_OTHER)), 0);
    assert_int_equal(vm_bits(vm_rint(-0.3F)), 0x80000000u);
    assert_int_equal(vm_bits(vm_rint(8388609.0F)), vm_bits(8388609.0F));
    assert_int_equal(vm_bits(vm_i64_to_f32(16777217)), 0x4b800000u);
    assert_int_equal(vm_bits(vm_i64_to_f32((INT64_C(1) << 40) + 1)), 0x53800000u);
    assert_int_equal(vm_f32_to_bf16(1.0F), 0x3f80);
    assert_int_equal(vm_f32_to_bf16(vm_float(0x3f808000u)), 0x3f80);
    assert_int_equal(vm_f32_to_bf16(vm_float(0x3f818000u)), 0x3f82);
    assert_int_equal(vm_f32_to_bf16(vm_float(0x7f7fffffu)), 0x7f80);
    assert_int_equal(vm_f32_to_bf16(vm_float(NAN_OTHER)), 0x7fc0);
    assert_int_equal(vm_bits(vm_bf16_to_f32(0xffff)), VM_NAN_BITS);
}

/* Random123's known answers. */
static void test_philox(void **state)
{
    (void)state;
    static const uint32_t in[3][6] = {
        {0, 0, 0, 0, 0, 0},
        {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX},
        {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0}};
    static const uint32_t out[3][4] = {{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
                                       {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
                                       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}};
    for (int i = 0; i < 3; i++) {
        uint32_t words[4];
        vm_philox(in[i], in[i] + 4, words);
        assert_memory_equal(words, out[i], sizeof words);
    }
    const struct hash key = {{1, 0, 0, 0, 2}};
    const uint32_t counter[4] = {7, 3, 5, 1};
    const uint32_t words[2] = {1, 2};
    uint32_t a[4];
    uint32_t b[4];
    vm_random(&key, UINT64_C(0x100000005), 3, 7, a);
    vm_philox(counter, words, b);
    assert_memory_equal(a, b, sizeof a);
}

static void test_environment(void **state)
{
    (void)state;
    const uint32_t outside = vm_enter();
    vm_leave(outside);
#if defined(__x86_64__)
    vm_leave(0x9FC0); /* FTZ and DAZ on */
    const uint32_t saved = vm_enter();
    volatile float tiny = 0x1p-126F;
    const float half = tiny * 0.5F;
    assert_int_equal(vm_bits(half), 0x00400000);
    vm_leave(saved);
    assert_int_equal(vm_enter(), 0x9FC0);
#endif
    vm_leave(outside);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exp),          cmocka_unit_test(test_log),
        cmocka_unit_test(test_tanh),         cmocka_unit_test(test_fma_edges),
        cmocka_unit_test(test_fma_hardware), cmocka_unit_test(test_fma_row),
        cmocka_unit_test(test_conversions),  cmocka_unit_test(test_philox),
        cmocka_unit_test(test_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
