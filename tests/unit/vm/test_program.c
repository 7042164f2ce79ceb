/* The byte form of programs and every verdict of the checker. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/hex.h"
#include "crypto/crypto.h"
#include "tests/support/random.h"
#include "tests/support/vm_mlp.h"
#include "vm/vm.h"

enum { BYTES_MAX = 1 << 14 };

static struct mlp mlp;
static uint8_t bytes[BYTES_MAX + 1];
static size_t size;
static uint32_t where;

static int setup(void **state)
{
    (void)state;
    mlp_build(&mlp);
    size = vm_program_encode(&mlp.b.program, bytes, BYTES_MAX);
    return 0;
}

static enum vm_verdict parse(const uint8_t *data, size_t length)
{
    const struct bytes view = bytes_of(data, length);
    const size_t arena_size = vm_program_arena_size(view);
    void *arena = malloc(arena_size + 1);
    struct vm_program program;
    const enum vm_verdict verdict = vm_program_parse(view, arena, &program, &where);
    free(arena);
    return verdict;
}

static enum vm_verdict check(struct vm_builder *b)
{
    uint8_t written[BUILDER_TENSORS_MAX];
    return vm_program_check(&b->program, written, NULL, &where);
}

static void test_round_trip(void **state)
{
    (void)state;
    assert_true(size > 0);
    assert_int_equal(vm_program_encode(&mlp.b.program, bytes, size - 1), 0);
    const struct bytes view = bytes_of(bytes, size);
    void *arena = malloc(vm_program_arena_size(view));
    struct vm_program program;
    assert_int_equal(vm_program_parse(view, arena, &program, &where), VM_OK);
    uint8_t again[BYTES_MAX];
    assert_int_equal(vm_program_encode(&program, again, BYTES_MAX), size);
    assert_memory_equal(again, bytes, size);
    struct hash roots[2];
    vm_program_root(&mlp.b.program, crypto_hash_port(), &roots[0]);
    vm_program_root(&program, crypto_hash_port(), &roots[1]);
    assert_true(hash_equal(&roots[0], &roots[1]));
    struct vm_cost a;
    struct vm_cost b;
    uint8_t written[BUILDER_TENSORS_MAX];
    assert_int_equal(vm_program_check(&program, written, &a, &where), VM_OK);
    vm_program_cost(&program, &b);
    assert_memory_equal(&a, &b, sizeof a);
    free(arena);
}

static void test_sizes(void **state)
{
    (void)state;
    for (size_t length = 0; length < size; length++) {
        assert_int_equal(parse(bytes, length), VM_BAD_SIZE);
    }
    assert_int_equal(parse(bytes, size + 1), VM_BAD_SIZE);
    bytes[0] ^= 1;
    assert_int_equal(parse(bytes, size), VM_BAD_MAGIC);
    bytes[0] ^= 1;
    uint8_t header[VM_HEADER_SIZE];
    memcpy(header, bytes, sizeof header);
    store_le32(bytes + 9, 0);
    assert_int_equal(parse(bytes, size), VM_BAD_COUNT);
    store_le32(bytes + 9, PROGRAM_OPS_MAX + 1);
    assert_int_equal(parse(bytes, size), VM_BAD_COUNT);
    store_le32(bytes + 9, PROGRAM_OPS_MAX);
    assert_int_equal(parse(bytes, size), VM_BAD_SIZE);
    memcpy(bytes, header, sizeof header);
    store_le32(bytes + 5, UINT32_MAX);
    assert_int_equal(parse(bytes, size), VM_BAD_COUNT);
    memcpy(bytes, header, sizeof header);
    assert_int_equal(parse(bytes, size), VM_OK);
}

/* Every flipped bit is another program (another root) or refused: no byte is idle. */
static void test_bits(void **state)
{
    (void)state;
    struct hash root;
    vm_program_root(&mlp.b.program, crypto_hash_port(), &root);
    for (size_t bit = 0; bit < size * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        const struct bytes view = bytes_of(bytes, size);
        void *arena = malloc(vm_program_arena_size(view) + 1);
        struct vm_program program;
        if (vm_program_parse(view, arena, &program, &where) == VM_OK) {
            struct hash other;
            vm_program_root(&program, crypto_hash_port(), &other);
            assert_false(hash_equal(&root, &other));
        }
        free(arena);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

/* One change to the good program, and what the checker says of it. */
static void refuse(void (*change)(struct mlp *m), enum vm_verdict verdict)
{
    static struct mlp copy;
    mlp_build(&copy);
    change(&copy);
    const enum vm_verdict got = check(&copy.b);
    if (got != verdict) {
        fail_msg("%s at %u, must be: %s", vm_verdict_text(got), where, vm_verdict_text(verdict));
    }
}

static struct vm_op *op_of(struct mlp *m, uint8_t opcode)
{
    struct vm_op *op = m->b.ops;
    while (op->opcode != opcode) {
        op++;
    }
    return op;
}

static void bad_dtype(struct mlp *m)
{
    m->b.tensors[3].dtype = 6;
}
static void bad_rank(struct mlp *m)
{
    m->b.tensors[3].rank = 0;
}
static void zero_dim(struct mlp *m)
{
    m->b.tensors[3].dims[0] = 0;
}
static void idle_dim(struct mlp *m)
{
    m->b.tensors[3].dims[3] = 2;
}
static void huge(struct mlp *m)
{
    m->b.tensors[0].dims[0] = TENSOR_ELEMENTS_MAX;
}
static void bad_flags(struct mlp *m)
{
    m->b.tensors[0].flags = 3;
}
static void idle_root(struct mlp *m)
{
    m->b.tensors[0].const_root.bytes[31] = 1;
}
static void bad_kind(struct mlp *m)
{
    m->b.tensors[0].kind = 4;
}
static void lost_state(struct mlp *m)
{
    m->b.program.state_count--;
}
static void second_data(struct mlp *m)
{
    m->b.tensors[m->b.program.loss].kind = VM_DATA;
}
static void phantom_const(struct mlp *m)
{
    m->b.program.const_count = 1;
}
static void zero_opcode(struct mlp *m)
{
    m->b.ops[0].opcode = 0;
}
static void high_opcode(struct mlp *m)
{
    m->b.ops[0].opcode = VM_AGG_TRIM + 1;
}
static void later_opcode(struct mlp *m)
{
    m->b.ops[0].opcode = VM_IM2COL;
}
static void unknown_id(struct mlp *m)
{
    m->b.ops[0].in[0] = m->b.program.tensor_count;
}
static void early_use(struct mlp *m)
{
    m->b.ops[1].in[0] = m->b.ops[3].out[0];
}
static void second_write(struct mlp *m)
{
    m->b.ops[2].out[0] = m->b.ops[1].out[0];
}
static void written_state(struct mlp *m)
{
    m->b.ops[0].out[0] = 0;
}
static void unwritten(struct mlp *m)
{
    (void)builder_temp(&m->b, VM_F32, dims1(1));
}
static void no_input(struct mlp *m)
{
    op_of(m, VM_ROWMAX)->in_count = 0;
}
static void wide_record(struct mlp *m)
{
    op_of(m, VM_ROWMAX)->in_count = VM_IN_MAX + 1;
}
static void long_attrs(struct mlp *m)
{
    op_of(m, VM_MATMUL)->attr_size = 2;
}
static void bad_matmul_flags(struct mlp *m)
{
    op_of(m, VM_MATMUL)->attrs[0] = 4;
}
static void bad_matmul_shape(struct mlp *m)
{
    op_of(m, VM_MATMUL)->attrs[0] = VM_TA;
}
static void rows_of_bytes(struct mlp *m)
{
    op_of(m, VM_CAST)->opcode = VM_ROWMAX;
}
static void slice_outside(struct mlp *m)
{
    store_le32(op_of(m, VM_SLICE)->attrs + 4, 2);
}
static void bad_register(struct mlp *m)
{
    op_of(m, VM_EWISE)->attrs[2 + 1] = 16;
}
static void unset_register(struct mlp *m)
{
    op_of(m, VM_EWISE)->attrs[2 + 1] = 9;
}
static void bad_instruction(struct mlp *m)
{
    op_of(m, VM_EWISE)->attrs[4] = VM_E_UNIF + 1;
}
static void missing_const(struct mlp *m)
{
    op_of(m, VM_EWISE)->attrs[6] = 1;
}
static void idle_operand(struct mlp *m)
{
    op_of(m, VM_EWISE)->attrs[5] = 0x11;
}
static void bad_broadcast(struct mlp *m)
{
    op_of(m, VM_EWISE)->attrs[2] = VM_MATRIX + 1;
}
static void wrong_broadcast(struct mlp *m)
{
    op_of(m, VM_EWISE)->attrs[2] = VM_ROW;
}
static void long_code(struct mlp *m)
{
    op_of(m, VM_EWISE)->attrs[0] = 3;
}
static void swapped_state(struct mlp *m)
{
    m->b.state_out[0] = m->b.state_out[2];
}
static void unsorted_state(struct mlp *m)
{
    const uint32_t id = m->b.state_in[0];
    m->b.state_in[0] = m->b.state_in[1];
    m->b.state_in[1] = id;
}
static void state_from_state(struct mlp *m)
{
    m->b.state_out[0] = m->b.state_in[MLP_PARAMS];
}
static void wide_loss(struct mlp *m)
{
    m->b.program.loss = m->logits;
}
static void foreign_loss(struct mlp *m)
{
    m->b.program.loss = m->decay;
}
static void missing_loss(struct mlp *m)
{
    m->b.program.loss = m->b.program.tensor_count;
}

static void test_verdicts(void **state)
{
    (void)state;
    static const struct {
        void (*change)(struct mlp *m);
        enum vm_verdict verdict;
    } cases[] = {
        {bad_dtype, VM_BAD_TENSOR},
        {bad_rank, VM_BAD_TENSOR},
        {zero_dim, VM_BAD_TENSOR},
        {idle_dim, VM_BAD_TENSOR},
        {huge, VM_BAD_TENSOR},
        {bad_flags, VM_BAD_TENSOR},
        {idle_root, VM_BAD_TENSOR},
        {bad_kind, VM_BAD_TENSOR},
        {lost_state, VM_BAD_STATE},
        {second_data, VM_BAD_STATE},
        {phantom_const, VM_BAD_STATE},
        {zero_opcode, VM_BAD_OPCODE},
        {high_opcode, VM_BAD_OPCODE},
        {later_opcode, VM_NOT_IMPLEMENTED},
        {unknown_id, VM_BAD_ID},
        {early_use, VM_BAD_ID},
        {second_write, VM_BAD_ID},
        {written_state, VM_BAD_ID},
        {unwritten, VM_BAD_ID},
        {no_input, VM_BAD_ARITY},
        {wide_record, VM_BAD_OP_SIZE},
        {long_attrs, VM_BAD_ATTR},
        {bad_matmul_flags, VM_BAD_ATTR},
        {bad_matmul_shape, VM_BAD_SHAPE},
        {rows_of_bytes, VM_BAD_TYPE},
        {slice_outside, VM_BAD_SHAPE},
        {bad_register, VM_BAD_ATTR},
        {unset_register, VM_BAD_EWISE},
        {bad_instruction, VM_BAD_EWISE},
        {missing_const, VM_BAD_EWISE},
        {idle_operand, VM_BAD_EWISE},
        {bad_broadcast, VM_BAD_ATTR},
        {wrong_broadcast, VM_BAD_SHAPE},
        {long_code, VM_BAD_ATTR},
        {swapped_state, VM_BAD_STATE},
        {unsorted_state, VM_BAD_STATE},
        {state_from_state, VM_BAD_STATE},
        {wide_loss, VM_BAD_LOSS},
        {foreign_loss, VM_BAD_LOSS},
        {missing_loss, VM_BAD_LOSS},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        refuse(cases[i].change, cases[i].verdict);
    }
}

/* A row vector as 32x32 tiles under a flat output: 32 leaves in one micro-step (21.5). */
static void test_witness(void **state)
{
    (void)state;
    static struct vm_builder b;
    builder_init(&b);
    const uint32_t x = builder_state(&b, VM_PARAMS, VM_F32, dims1(4096));
    const uint32_t row = builder_state(&b, VM_PARAMS, VM_F32, dims2(1, 4096));
    const uint32_t y = builder_temp(&b, VM_F32, dims1(4096));
    builder_ewise(&b, &(struct builder_ewise){.in_count = 2,
                                              .in = {x, row},
                                              .kinds = {VM_FULL, VM_ROW},
                                              .out_count = 1,
                                              .out = {y},
                                              .code_count = 1,
                                              .code = {{VM_E_ADD, 0, 0, 1, 0}}});
    assert_int_equal(check(&b), VM_BAD_WITNESS);
    b.tensors[row].rank = 1;
    b.tensors[row].dims[0] = 4096;
    b.tensors[row].dims[1] = 1;
    assert_int_equal(check(&b), VM_BAD_LOSS);
}

/* Work above STEP_GAS_MAX: a product that would run for days. */
static void test_cost(void **state)
{
    (void)state;
    static struct vm_builder b;
    builder_init(&b);
    const uint32_t x = builder_state(&b, VM_PARAMS, VM_F32, dims2(1 << 13, 1 << 13));
    uint32_t y = x;
    for (int i = 0; i < 120; i++) {
        const uint32_t next = builder_temp(&b, VM_F32, dims2(1 << 13, 1 << 13));
        builder_matmul(&b, VM_MATMUL, 0, (uint32_t[3]){x, y, next});
        y = next;
    }
    assert_int_equal(check(&b), VM_BAD_COST);
    assert_true(where > 80);
}

/* Random damage to good bytes never leaves the arena (for the sanitizers). */
static void test_damage(void **state)
{
    (void)state;
    static uint8_t damaged[BYTES_MAX];
    uint64_t seed = 5;
    for (int i = 0; i < 20000; i++) {
        memcpy(damaged, bytes, size);
        for (uint64_t n = 1 + random_below(&seed, 4); n > 0; n--) {
            damaged[random_below(&seed, size)] = (uint8_t)random_next(&seed);
        }
        const enum vm_verdict verdict = parse(damaged, size);
        assert_true(verdict <= VM_BAD_COST);
        assert_non_null(vm_verdict_text(verdict));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_bits),       cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_witness),    cmocka_unit_test(test_cost),
        cmocka_unit_test(test_damage),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
