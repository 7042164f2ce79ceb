/* What each operator means, written a second time and element by element, against the machine:
 * every instruction set, one work item and three. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "tests/support/random.h"
#include "tests/support/vm_builder.h"
#include "vm/num/num.h"
#include "vm/vm.h"

enum { ELEMENTS_MAX = 1 << 16, INPUTS = 6 };

static struct vm_builder b;
static uint32_t in[INPUTS];
static int in_count;
static uint32_t out[VM_OUT_MAX];
static int out_count;
static uint32_t content[INPUTS][ELEMENTS_MAX];
static uint32_t kept[VM_OUT_MAX][ELEMENTS_MAX];
static uint8_t dataset[4096];
static uint64_t seed = 11;
static const struct hash key = {{3, 1, 4, 1, 5, 9, 2, 6}};

/* Operator 0 of the program is the one under test; operator 1 makes a loss. */
static void begin(void)
{
    builder_init(&b);
    in_count = 0;
    out_count = 0;
}

static void input(uint8_t dtype, struct builder_dims dims)
{
    const int i = in_count++;
    const uint8_t group = dtype == VM_F32 ? VM_PARAMS : VM_COUNTERS;
    in[i] = builder_state(&b, group, dtype, dims);
    for (size_t k = 0; k < vm_tensor_elements(&b.tensors[in[i]]); k++) {
        const uint64_t r = random_next(&seed);
        content[i][k] =
            dtype == VM_F32 ? vm_bits((float)(int32_t)(r >> 36) * 0x1p-24F - 4.0F) : (uint32_t)r;
    }
}

static void output(uint8_t dtype, struct builder_dims dims)
{
    out[out_count++] = builder_temp(&b, dtype, dims);
}

/* The operator over everything declared since begin(). */
static struct vm_op *wire(uint8_t opcode)
{
    struct vm_op *op = builder_op(&b, opcode);
    for (int i = 0; i < in_count; i++) {
        builder_in(op, in[i]);
    }
    for (int i = 0; i < out_count; i++) {
        builder_out(op, out[i]);
    }
    return op;
}

static float f(int i, size_t k)
{
    return vm_float(content[i][k]);
}

typedef void check_output(const void *const y[VM_OUT_MAX], enum vm_trap trap);

static void run_with(enum vm_isa_kind kind, uint32_t items, check_output *check)
{
    void *table = malloc(vm_table_size(&b.program));
    void *arena = aligned_alloc(VM_ALIGN, vm_footprint(&b.program, 3, table));
    const struct vm_setup setup = {.program = &b.program, .isa = {kind}, .data = dataset};
    struct vm *vm = vm_init(&setup, table, arena);
    for (uint16_t i = 0; i < b.program.state_count; i++) {
        const uint64_t size = vm_tensor_bytes(&b.tensors[b.state_in[i]]);
        memcpy(vm_state(vm, i), content[i], size);
    }
    vm_step_begin(vm, &key, 77);
    for (uint32_t item = 0; item < items; item++) {
        vm_op_run(vm, 0, item, items, item);
    }
    /* Kept before the next operator reuses the memory.  The loss is finite, so a trap is the
     * operator's. */
    const void *y[VM_OUT_MAX] = {kept[0], kept[1], kept[2], kept[3]};
    for (int i = 0; i < b.ops[0].out_count; i++) {
        memcpy(kept[i], vm_tensor_data(vm, b.ops[0].out[i]),
               vm_tensor_bytes(&b.tensors[b.ops[0].out[i]]));
    }
    struct vm_result result;
    vm_op_run(vm, 1, 0, 1, 0);
    (void)vm_step_end(vm, &result);
    check(y, result.trap);
    free(arena);
    free(table);
}

static void run(check_output *check)
{
    const uint32_t loss = builder_temp(&b, VM_F32, dims1(1));
    builder_ewise(&b, &(struct builder_ewise){.out_count = 1,
                                              .out = {loss},
                                              .code_count = 1,
                                              .code = {{VM_E_ROWIDX, 0, 0, 0, 0}}});
    b.program.loss = loss;
    uint8_t written[BUILDER_TENSORS_MAX];
    uint32_t where = 0;
    const enum vm_verdict verdict = vm_program_check(&b.program, written, NULL, &where);
    if (verdict != VM_OK) {
        fail_msg("%s at %u", vm_verdict_text(verdict), where);
    }
    const struct cpu_features cpu = cpu_probe();
    const bool have[] = {true, cpu.fma, cpu.avx2, cpu.avx512};
    for (int kind = VM_ISA_PLAIN; kind <= VM_ISA_AVX512; kind++) {
        if (have[kind]) {
            run_with((enum vm_isa_kind)kind, 1, check);
            run_with((enum vm_isa_kind)kind, 3, check);
        }
    }
}

static void same(float got, float want)
{
    assert_int_equal(vm_bits(got), vm_bits(vm_canon(want)));
}

/* Broadcasts over (batch 3, M 5, N 70): more than a chunk, chunks that end inside rows. */
static void check_broadcast(const void *const y[VM_OUT_MAX], enum vm_trap trap)
{
    const float *sum = y[0];
    const int32_t *integer = y[1];
    assert_int_equal(trap, VM_TRAP_NONE);
    for (size_t e = 0; e < 3 * 5 * 70; e++) {
        const size_t j = e % 70;
        const size_t i = e / 70 % 5;
        float want = f(0, e) + f(1, j);
        want = want + f(2, e / 70);
        want = want + f(3, 0);
        want = want + f(4, i * 70 + j);
        want = want + (float)i * 100.0F;
        same(sum[e], want + (float)j);
        assert_int_equal(integer[e], (int32_t)content[5][j]);
    }
}

static void test_broadcast(void **state)
{
    (void)state;
    begin();
    const struct builder_dims dims = dims3(3, 5, 70);
    input(VM_F32, dims);
    input(VM_F32, dims2(1, 70));
    input(VM_F32, dims3(3, 5, 1));
    input(VM_F32, dims1(1));
    input(VM_F32, dims2(5, 70));
    input(VM_I32, dims1(70));
    output(VM_F32, dims);
    output(VM_I32, dims);
    const struct builder_ewise e = {
        .in_count = 6,
        .in = {in[0], in[1], in[2], in[3], in[4], in[5]},
        .kinds = {VM_FULL, VM_ROW, VM_COL, VM_SCALAR, VM_MATRIX, VM_ROW},
        .out_count = 2,
        .out = {out[0], out[1]},
        .results = {0, 5},
        .code_count = 9,
        .code = {{VM_E_ADD, 0, 0, 1, 0},
                 {VM_E_ADD, 0, 0, 2, 0},
                 {VM_E_ADD, 0, 0, 3, 0},
                 {VM_E_ADD, 0, 0, 4, 0},
                 {VM_E_ROWIDX, 6, 0, 0, 0},
                 {VM_E_CONST, 7, 0, 0, 0},
                 {VM_E_FMA, 0, 6, 7, 0},
                 {VM_E_COLIDX, 8, 0, 0, 0},
                 {VM_E_ADD, 0, 0, 8, 0}},
        .const_count = 1,
        .consts = {100.0F},
    };
    builder_ewise(&b, &e);
    run(check_broadcast);
}

enum { BATCH = 4, ROWS = 37, COLS = 41, INNER = 29 };
static uint32_t flags;

static void check_bmm(const void *const y[VM_OUT_MAX], enum vm_trap trap)
{
    const float *c = y[0];
    assert_int_equal(trap, VM_TRAP_NONE);
    for (size_t e = 0; e < (size_t)BATCH * ROWS * COLS; e++) {
        const size_t j = e % COLS;
        const size_t i = e / COLS % ROWS;
        const size_t n = e / COLS / ROWS;
        float acc = 0.0F;
        for (size_t k = 0; k < INNER; k++) {
            const size_t at_a = (flags & VM_TA) != 0 ? k * ROWS + i : i * INNER + k;
            const size_t at_b = (flags & VM_TB) != 0 ? j * INNER + k : k * COLS + j;
            acc = vm_fma(f(0, n * ROWS * INNER + at_a), f(1, n * INNER * COLS + at_b), acc);
        }
        same(c[e], acc);
    }
}

static void test_bmm(void **state)
{
    (void)state;
    for (flags = 0; flags < 4; flags++) {
        begin();
        const bool ta = (flags & VM_TA) != 0;
        const bool tb = (flags & VM_TB) != 0;
        input(VM_F32, ta ? dims3(BATCH, INNER, ROWS) : dims3(BATCH, ROWS, INNER));
        input(VM_F32, tb ? dims3(BATCH, COLS, INNER) : dims3(BATCH, INNER, COLS));
        output(VM_F32, dims3(BATCH, ROWS, COLS));
        builder_byte(wire(VM_BMM), flags);
        run(check_bmm);
    }
}

static void check_argmax(const void *const y[VM_OUT_MAX], enum vm_trap trap)
{
    const int32_t *at = y[0];
    assert_int_equal(trap, VM_TRAP_NONE);
    for (size_t i = 0; i < ROWS; i++) {
        int32_t want = 0;
        float best = vm_float(0xFF800000u);
        for (size_t j = 0; j < COLS; j++) {
            if (f(0, i * COLS + j) > best) {
                best = f(0, i * COLS + j);
                want = (int32_t)j;
            }
        }
        assert_int_equal(at[i], want);
    }
}

static void test_argmax(void **state)
{
    (void)state;
    begin();
    input(VM_F32, dims2(ROWS, COLS));
    content[0][3] = VM_NAN_BITS;
    content[0][COLS + 5] = vm_bits(100.0F);
    content[0][COLS + 9] = vm_bits(100.0F);
    for (size_t j = 0; j < COLS; j++) {
        content[0][2 * COLS + j] = VM_NAN_BITS;
    }
    output(VM_I32, dims2(ROWS, 1));
    wire(VM_ROWARGMAX);
    run(check_argmax);
}

static bool bad_index;

static void check_gather(const void *const y[VM_OUT_MAX], enum vm_trap trap)
{
    const float *rows = y[0];
    assert_int_equal(trap, bad_index ? VM_TRAP_INDEX : VM_TRAP_NONE);
    for (size_t e = 0; e < (size_t)ROWS * COLS && !bad_index; e++) {
        same(rows[e], f(0, content[1][e / COLS] * COLS + e % COLS));
    }
}

static void check_scatter(const void *const y[VM_OUT_MAX], enum vm_trap trap)
{
    const float *table = y[0];
    assert_int_equal(trap, bad_index ? VM_TRAP_INDEX : VM_TRAP_NONE);
    for (size_t e = 0; e < (size_t)9 * COLS && !bad_index; e++) {
        float acc = 0.0F;
        for (size_t i = 0; i < ROWS; i++) {
            if (content[0][i] == e / COLS) {
                acc = acc + f(1, i * COLS + e % COLS);
            }
        }
        same(table[e], acc);
    }
}

static void index_rows(int i, uint32_t bad)
{
    for (size_t k = 0; k < ROWS; k++) {
        content[i][k] = (uint32_t)random_below(&seed, 9);
    }
    content[i][ROWS - 1] = bad_index ? bad : content[i][ROWS - 1];
}

static void test_gather_scatter(void **state)
{
    (void)state;
    static const uint32_t bad[] = {0, 9, 0xFFFFFFFFu};
    for (int round = 0; round < 3; round++) {
        bad_index = round > 0;
        begin();
        input(VM_F32, dims2(9, COLS));
        input(VM_I32, dims2(ROWS, 1));
        output(VM_F32, dims2(ROWS, COLS));
        wire(VM_GATHER_ROWS);
        index_rows(1, bad[round]);
        run(check_gather);
        begin();
        input(VM_I32, dims1(ROWS));
        input(VM_F32, dims2(ROWS, COLS));
        output(VM_F32, dims2(9, COLS));
        wire(VM_SCATTER_ADD_ROWS);
        index_rows(0, bad[round]);
        run(check_scatter);
    }
}

static void check_moves(const void *const y[VM_OUT_MAX], enum vm_trap trap)
{
    const uint32_t *got = y[0];
    const struct vm_op *op = &b.ops[0];
    assert_int_equal(trap, VM_TRAP_NONE);
    for (size_t e = 0; e < vm_tensor_elements(&b.tensors[op->out[0]]); e++) {
        size_t from = 0;
        int which = 0;
        if (op->opcode == VM_TRANSPOSE) { /* [2,37,41] -> [2,41,37] */
            from = e / 1517 * 1517 + e % ROWS * COLS + e / ROWS % COLS;
        } else if (op->opcode == VM_SLICE) { /* [2,37,41] from (1,30,2), size [1,5,33] */
            from = 1517 + (30 + e / 33) * COLS + 2 + e % 33;
        } else { /* [2,3,4] and [2,5,4] -> [2,8,4] */
            const size_t row = e / 4 % 8;
            which = row >= 3;
            from = which == 0 ? e / 32 * 12 + row * 4 + e % 4 : e / 32 * 20 + (row - 3) * 4 + e % 4;
        }
        assert_int_equal(got[e], content[which][from]);
    }
}

static void test_moves(void **state)
{
    (void)state;
    begin();
    input(VM_F32, dims3(2, ROWS, COLS));
    output(VM_F32, dims3(2, COLS, ROWS));
    wire(VM_TRANSPOSE);
    run(check_moves);
    begin();
    input(VM_I32, dims3(2, ROWS, COLS));
    output(VM_I32, dims3(1, 5, 33));
    struct vm_op *op = wire(VM_SLICE);
    builder_word(op, 1);
    builder_word(op, 30);
    builder_word(op, 2);
    builder_word(op, 0);
    run(check_moves);
    begin();
    input(VM_F32, dims3(2, 3, 4));
    input(VM_F32, dims3(2, 5, 4));
    output(VM_F32, dims3(2, 8, 4));
    builder_byte(wire(VM_CONCAT), 1);
    run(check_moves);
}

static void check_heads(const void *const y[VM_OUT_MAX], enum vm_trap trap)
{
    const uint32_t *got = y[0];
    const bool split = b.ops[0].attrs[0] == VM_SPLIT;
    assert_int_equal(trap, VM_TRAP_NONE);
    for (size_t e = 0; e < 2 * 5 * 3 * 7; e++) { /* B 2, T 5, heads 3, d 7; e counts flat */
        const size_t column = e % 21;
        const size_t row = e / 21;
        const size_t apart = (row / 5 * 3 + column / 7) * 35 + row % 5 * 7 + column % 7;
        assert_int_equal(got[split ? apart : e], content[0][split ? e : apart]);
    }
}

static void test_heads(void **state)
{
    (void)state;
    for (uint32_t direction = VM_SPLIT; direction <= VM_MERGE; direction++) {
        begin();
        const struct builder_dims flat = dims2(10, 21);
        const struct builder_dims apart = dims3(6, 5, 7);
        input(VM_F32, direction == VM_SPLIT ? flat : apart);
        output(VM_F32, direction == VM_SPLIT ? apart : flat);
        struct vm_op *op = wire(VM_HEADS);
        builder_byte(op, direction);
        builder_byte(op, 3);
        builder_byte(op, 0);
        run(check_heads);
    }
}

static void check_rng(const void *const y[VM_OUT_MAX], enum vm_trap trap)
{
    const uint32_t *got = y[0];
    assert_int_equal(trap, VM_TRAP_NONE);
    for (uint32_t e = 0; e < 77; e++) {
        uint32_t words[4];
        vm_random(&key, 77, 5, e / 4, words);
        assert_int_equal(got[e], words[e % 4]);
    }
}

static uint64_t position(uint32_t stream, uint32_t j, uint64_t range)
{
    uint32_t words[4];
    vm_random(&key, 77, stream, j, words);
    __extension__ const unsigned __int128 product =
        (unsigned __int128)((uint64_t)words[1] << 32 | words[0]) * range;
    return (uint64_t)(product >> 64);
}

static void check_windows(const void *const y[VM_OUT_MAX], enum vm_trap trap)
{
    const int32_t *tokens = y[0];
    const int32_t *next = y[1];
    assert_int_equal(trap, VM_TRAP_NONE);
    for (size_t e = 0; e < 6 * 8; e++) {
        const size_t p = position(9, (uint32_t)(e / 8), 4000 - 8 - 1) + e % 8;
        assert_int_equal(tokens[e], dataset[p]);
        assert_int_equal(next[e], dataset[p + 1]);
    }
}

static void check_records(const void *const y[VM_OUT_MAX], enum vm_trap trap)
{
    const uint8_t *got = y[0];
    assert_int_equal(trap, VM_TRAP_NONE);
    for (size_t e = 0; e < 11 * 13; e++) {
        assert_int_equal(got[e], dataset[position(2, (uint32_t)(e / 13), 50) * 13 + e % 13]);
    }
}

static void test_batches(void **state)
{
    (void)state;
    random_fill(&seed, dataset, sizeof dataset);
    begin();
    output(VM_I32, dims2(7, 11));
    builder_word(wire(VM_RNG_U32), 5);
    run(check_rng);
    begin();
    in[in_count++] = builder_tensor(&b, VM_DATA, VM_U8, dims1(4000));
    output(VM_I32, dims2(6, 8));
    output(VM_I32, dims2(6, 8));
    struct vm_op *op = wire(VM_BATCH_WINDOWS);
    builder_word(op, 8);
    builder_word(op, 9);
    run(check_windows);
    begin();
    in[in_count++] = builder_tensor(&b, VM_DATA, VM_U8, dims2(50, 13));
    output(VM_U8, dims2(11, 13));
    builder_word(wire(VM_BATCH_RECORDS), 2);
    run(check_records);
}

/* The sum of the quotients and residuals is the input, exactly; shifts are the largest that fit. */
static void check_quant(const void *const y[VM_OUT_MAX], enum vm_trap trap)
{
    const int8_t *q = y[0];
    const uint8_t *shift = y[1];
    const float *rest = y[2];
    if (trap != VM_TRAP_NONE) {
        assert_int_equal(trap, VM_TRAP_RANGE);
        return;
    }
    for (size_t e = 0; e < (size_t)ROWS * COLS; e++) {
        const size_t leaf = e / COLS / 32 * 2 + e % COLS / 32;
        const float scale = vm_float((127u - shift[leaf]) << 23);
        same((float)q[e] * scale + rest[e], f(0, e));
        assert_true(rest[e] <= scale && rest[e] >= -scale);
    }
    assert_int_equal(shift[0], 0);  /* 127.9 */
    assert_int_equal(shift[1], 5);  /* 3.99 < 2^2 */
    assert_int_equal(shift[3], 40); /* 2^-60 */
}

static void test_quant(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        begin();
        input(VM_F32, dims2(ROWS, COLS));
        output(VM_I8, dims2(ROWS, COLS));
        output(VM_U8, dims1(4));
        output(VM_F32, dims2(ROWS, COLS));
        wire(VM_QUANT_I8);
        content[0][0] = vm_bits(127.9F);
        for (size_t k = 0; k < (size_t)ROWS * COLS; k++) {
            const bool right = k % COLS >= 32;
            content[0][k] = k / COLS >= 32 && right ? 0x21800000u : content[0][k];
            content[0][k] = k / COLS < 32 && right ? vm_bits(3.99F) : content[0][k];
        }
        content[0][77] = round == 1 ? vm_bits(-128.0F) : content[0][77];
        content[0][77] = round == 2 ? VM_NAN_BITS : content[0][77];
        run(check_quant);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_broadcast), cmocka_unit_test(test_bmm),
        cmocka_unit_test(test_argmax),    cmocka_unit_test(test_gather_scatter),
        cmocka_unit_test(test_moves),     cmocka_unit_test(test_heads),
        cmocka_unit_test(test_batches),   cmocka_unit_test(test_quant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
