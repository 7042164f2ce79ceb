/* The recorded perceptron gives one root on every instruction set, with every partition into
 * work items; and traps leave the state alone. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "base/hex.h"
#include "crypto/crypto.h"
#include "tests/support/random.h"
#include "tests/support/vm_mlp.h"
#include "vm/num/num.h"
#include "vm/vm.h"

enum { STEPS = 40, LANES = 3 };

/* State after 40 steps from the initial state below: recorded from the plain path. */
static const char golden[] = "a461a6eea71d1157a22b110db67c70fc7493ea0756e104fa41d0a47f3dd09659";

static struct mlp mlp;
static uint8_t data[MLP_RECORDS * (MLP_PIXELS + 1)];

struct machine {
    struct vm *vm;
    void *table;
    void *arena;
};

static struct machine machine_make(const struct vm_program *program, enum vm_isa_kind kind,
                                   const void *content)
{
    struct machine m;
    m.table = malloc(vm_table_size(program));
    const uint64_t size = vm_footprint(program, LANES, m.table);
    m.arena = aligned_alloc(VM_ALIGN, size);
    const struct vm_setup setup = {.program = program, .isa = {kind}, .data = content};
    m.vm = vm_init(&setup, m.table, m.arena);
    return m;
}

static void machine_free(struct machine *m)
{
    free(m->table);
    free(m->arena);
}

static void start_state(struct vm *vm)
{
    uint64_t seed = 7;
    for (uint32_t i = 0; i < MLP_PARAMS; i++) {
        float *w = vm_state(vm, i);
        const uint64_t count = vm_tensor_elements(&mlp.b.tensors[mlp.params[i]]);
        for (uint64_t k = 0; k < count; k++) {
            w[k] = ((float)(random_next(&seed) >> 40) * 0x1p-24F - 0.5F) * 0.5F;
        }
    }
    *(float *)vm_state(vm, 2 * MLP_PARAMS) = 0.2F;
}

/* As a client with `items` threads would, but with lanes taking items in an odd order. */
static bool step_in_items(struct vm *vm, const struct hash *key, uint64_t step, uint32_t items,
                          struct vm_result *out)
{
    vm_step_begin(vm, key, step);
    for (uint32_t op = 0; op < mlp.b.program.op_count; op++) {
        for (uint32_t item = items; item-- > 0;) {
            vm_op_run(vm, op, item, items, item % LANES);
        }
    }
    return vm_step_end(vm, out);
}

static void run_job(enum vm_isa_kind kind, uint32_t items, struct hash *root, float *loss)
{
    struct machine m = machine_make(&mlp.b.program, kind, data);
    const struct hash key = {{1, 2, 3, 4, 5, 6, 7, 8}};
    start_state(m.vm);
    for (uint64_t step = 0; step < STEPS; step++) {
        struct vm_result result;
        const bool done = items == 0 ? vm_step(m.vm, &key, step, &result)
                                     : step_in_items(m.vm, &key, step, items, &result);
        assert_true(done);
        loss[step == 0 ? 0 : 1] = result.loss;
    }
    struct vm_state_roots roots;
    vm_roots(m.vm, crypto_hash_port(), &roots);
    vm_state_root(STEPS, &roots, crypto_hash_port(), root);
    machine_free(&m);
}

static int setup(void **state)
{
    (void)state;
    mlp_build(&mlp);
    mlp_data(data);
    return 0;
}

static void test_accepted(void **state)
{
    (void)state;
    uint8_t written[BUILDER_TENSORS_MAX];
    struct vm_cost cost;
    uint32_t where = 0;
    const enum vm_verdict verdict = vm_program_check(&mlp.b.program, written, &cost, &where);
    if (verdict != VM_OK) {
        fail_msg("%s at %u", vm_verdict_text(verdict), where);
    }
    assert_int_equal(cost.macs, MLP_BATCH * (2 * MLP_PIXELS * MLP_HIDDEN) +
                                    MLP_BATCH * (3 * MLP_HIDDEN * MLP_CLASSES));
    assert_true(cost.witness_max <= WITNESS_SIZE_MAX);
}

static void test_golden(void **state)
{
    (void)state;
    const struct cpu_features cpu = cpu_probe();
    const bool have[] = {true, cpu.fma, cpu.avx2, cpu.avx512};
    for (int kind = VM_ISA_PLAIN; kind <= VM_ISA_AVX512; kind++) {
        for (uint32_t items = 0; items < 5 && have[kind]; items++) {
            struct hash root;
            char hex[2 * HASH_SIZE + 1];
            float loss[2] = {0};
            run_job((enum vm_isa_kind)kind, items, &root, loss);
            hex_encode(root.bytes, HASH_SIZE, hex);
            assert_string_equal(hex, golden);
            assert_true(loss[1] < loss[0] * 0.5F);
        }
    }
}

/* A reversed or shuffled batch is another training run: the root must notice. */
static void test_key_matters(void **state)
{
    (void)state;
    struct machine m = machine_make(&mlp.b.program, VM_ISA_PLAIN, data);
    struct hash roots[2];
    for (uint8_t i = 0; i < 2; i++) {
        const struct hash key = {{i}};
        struct vm_result result;
        struct vm_state_roots parts;
        memset(vm_state(m.vm, 0), 0, MLP_PIXELS * MLP_HIDDEN * sizeof(float));
        for (uint32_t s = 0; s < mlp.b.program.state_count; s++) {
            memset(vm_state(m.vm, s), 0, vm_tensor_bytes(&mlp.b.tensors[mlp.b.state_in[s]]));
        }
        start_state(m.vm);
        assert_true(vm_step(m.vm, &key, 0, &result));
        vm_roots(m.vm, crypto_hash_port(), &parts);
        roots[i] = parts.params;
    }
    assert_false(hash_equal(&roots[0], &roots[1]));
    machine_free(&m);
}

/* Programs come from others: what they read and nobody has is refused, not followed. */
static void test_incomplete_setup(void **state)
{
    (void)state;
    const struct vm_tensor tensors[] = {
        {.dtype = VM_F32, .rank = 2, .kind = VM_STATE, .dims = {1, 1, 1, 1}},
        {.dtype = VM_F32, .rank = 2, .kind = VM_CONST, .dims = {1, 1, 1, 1}},
        {.dtype = VM_F32, .rank = 2, .kind = VM_TEMP, .dims = {1, 1, 1, 1}},
    };
    const struct vm_op op = {.opcode = VM_MATMUL,
                             .in_count = 2,
                             .out_count = 1,
                             .attr_size = 1,
                             .in = {0, 1},
                             .out = {2}};
    const uint32_t in = 0;
    const uint32_t out = 2;
    const struct vm_program program = {.tensor_count = 3,
                                       .op_count = 1,
                                       .state_count = 1,
                                       .const_count = 1,
                                       .tensors = tensors,
                                       .ops = &op,
                                       .state_in = &in,
                                       .state_out = &out,
                                       .loss = 2};
    struct machine m = machine_make(&program, VM_ISA_PLAIN, NULL);
    assert_null(m.vm);
    const float two = 2.0F;
    const void *consts[] = {NULL};
    struct vm_setup setup = {.program = &program, .isa = {VM_ISA_PLAIN}, .consts = consts};
    assert_null(vm_init(&setup, m.table, m.arena));
    consts[0] = &two;
    m.vm = vm_init(&setup, m.table, m.arena);
    assert_non_null(m.vm);
    struct vm_result result;
    const struct hash key = {{0}};
    *(float *)vm_state(m.vm, 0) = 3.0F;
    assert_true(vm_step(m.vm, &key, 0, &result));
    assert_true(*(const float *)vm_state(m.vm, 0) == 6.0F);
    machine_free(&m);
    m = machine_make(&mlp.b.program, VM_ISA_PLAIN, NULL); /* which reads data */
    assert_null(m.vm);
    machine_free(&m);
}

static void test_trap_keeps_state(void **state)
{
    (void)state;
    struct machine m = machine_make(&mlp.b.program, VM_ISA_PLAIN, data);
    const struct hash key = {{9}};
    struct vm_state_roots before;
    struct vm_state_roots after;
    struct vm_result result;
    start_state(m.vm);
    ((float *)vm_state(m.vm, 3))[0] = vm_float(0x7F800000u);
    vm_roots(m.vm, crypto_hash_port(), &before);
    assert_false(vm_step(m.vm, &key, 0, &result));
    assert_int_equal(result.trap, VM_TRAP_LOSS);
    assert_int_equal(result.op, mlp.b.program.op_count);
    vm_roots(m.vm, crypto_hash_port(), &after);
    assert_true(hash_equal(&before.params, &after.params));
    assert_true(hash_equal(&before.inner, &after.inner));
    assert_true(hash_equal(&before.counters, &after.counters));
    ((float *)vm_state(m.vm, 3))[0] = 0.0F;
    assert_true(vm_step(m.vm, &key, 0, &result));
    machine_free(&m);
}

/* Two states fed by one tensor, a state fed by a RESHAPE of another, a loss that is a view. */
static void test_shared_state(void **state)
{
    (void)state;
    static struct vm_builder b;
    builder_init(&b);
    const uint32_t x = builder_state(&b, VM_PARAMS, VM_F32, dims2(2, 3));
    const uint32_t y = builder_state(&b, VM_INNER, VM_F32, dims1(6));
    const uint32_t z = builder_state(&b, VM_INNER, VM_F32, dims1(6));
    const uint32_t old = builder_temp(&b, VM_F32, dims1(6));
    builder_unary(&b, VM_RESHAPE, x, old);
    const uint32_t twice = builder_temp(&b, VM_F32, dims1(6));
    builder_ewise(&b, &(struct builder_ewise){.in_count = 1,
                                              .in = {old},
                                              .out_count = 1,
                                              .out = {twice},
                                              .code_count = 1,
                                              .code = {{VM_E_ADD, 0, 0, 0, 0}}});
    const uint32_t shaped = builder_temp(&b, VM_F32, dims2(2, 3));
    builder_unary(&b, VM_RESHAPE, twice, shaped);
    const uint32_t row = builder_temp(&b, VM_F32, dims2(1, 6));
    builder_unary(&b, VM_RESHAPE, twice, row);
    const uint32_t sum = builder_temp(&b, VM_F32, dims2(1, 1));
    builder_unary(&b, VM_ROWSUM, row, sum);
    const uint32_t loss = builder_temp(&b, VM_F32, dims1(1));
    builder_unary(&b, VM_RESHAPE, sum, loss);
    builder_next(&b, x, shaped);
    builder_next(&b, y, twice);
    builder_next(&b, z, old);
    b.program.loss = loss;
    uint8_t written[BUILDER_TENSORS_MAX];
    uint32_t where = 0;
    assert_int_equal(vm_program_check(&b.program, written, NULL, &where), VM_OK);
    struct machine m = machine_make(&b.program, VM_ISA_PLAIN, NULL);
    for (int i = 0; i < 6; i++) {
        ((float *)vm_state(m.vm, 0))[i] = (float)(i + 1);
    }
    const struct hash key = {{0}};
    struct vm_result result;
    for (int step = 1; step <= 5; step++) {
        assert_true(vm_step(m.vm, &key, 0, &result));
        const float scale = (float)(1 << step);
        assert_true(result.loss == 21.0F * scale);
        for (int i = 0; i < 6; i++) {
            const float v = (float)(i + 1) * scale;
            assert_true(((float *)vm_state(m.vm, 0))[i] == v);
            assert_true(((float *)vm_state(m.vm, 1))[i] == v);
            assert_true(((float *)vm_state(m.vm, 2))[i] == v / 2.0F);
        }
    }
    machine_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),     cmocka_unit_test(test_golden),
        cmocka_unit_test(test_key_matters),  cmocka_unit_test(test_trap_keeps_state),
        cmocka_unit_test(test_shared_state), cmocka_unit_test(test_incomplete_setup),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
