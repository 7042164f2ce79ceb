#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/compiler/compiler.h"
#include "client/compiler/fuse.h"
#include "client/compiler/ops.h"

static void spec_round_trip(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *canonical;
    } cases[] = {
        {"char-gpt", "char-gpt layers=4 width=128 heads=4 context=64 batch=16 warmup=50 decay=0 "
                     "rate=0.003 weight-decay=0.01 seed=1"},
        {"char-gpt:seed=18446744073709551615,layers=1  width=6 heads=3,rate=1e-4",
         "char-gpt layers=1 width=6 heads=3 context=64 batch=16 warmup=50 decay=0 rate=0.0001 "
         "weight-decay=0.01 seed=18446744073709551615"},
        {"mlp features=7 classes=3 warmup=0 decay=90 weight-decay=0.33333334",
         "mlp layers=2 width=128 context=16 batch=64 features=7 classes=3 warmup=0 decay=90 "
         "rate=0.003 weight-decay=0.33333334 seed=1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct compiler_spec spec;
        struct compiler_spec again;
        struct error error;
        char text[COMPILER_SPEC_MAX];
        char second[COMPILER_SPEC_MAX];
        assert_true(compiler_spec_parse(cases[i].text, &spec, &error));
        compiler_spec_format(&spec, text);
        assert_string_equal(text, cases[i].canonical);
        assert_true(compiler_spec_parse(text, &again, &error));
        compiler_spec_format(&again, second);
        assert_string_equal(second, text);
    }
}

static void spec_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "cnn",
        "char-gpt layers",
        "char-gpt layers=0",
        "char-gpt layers=65",
        "char-gpt layers=-1",
        "char-gpt layers=2x",
        "char-gpt layers= 2",
        "char-gpt depth=2",
        "char-gpt width=30",
        "char-gpt features=3",
        "mlp heads=2",
        "mlp classes=4",
        "mlp features=4 classes=1",
        "mlp rate=nan",
        "mlp rate=-1",
        "mlp rate=11",
        "mlp rate=",
        "mlp seed=18446744073709551616",
        "mlp averyveryveryveryveryveryveryveryveryverylongkey=4",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct compiler_spec spec;
        struct error error = {0};
        if (compiler_spec_parse(cases[i], &spec, &error)) {
            fail_msg("taken: '%s'", cases[i]);
        }
        assert_int_equal(error.code, EXIT_CODE_USAGE);
    }
}

static struct compiler_model *compile(const char *text, uint32_t data_count)
{
    struct compiler_spec spec;
    struct error error;
    assert_true(compiler_spec_parse(text, &spec, &error));
    return compiler_train(&spec, data_count, &error);
}

static const char small[] = "char-gpt layers=2 width=32 heads=2 context=16 batch=4";

/* The bytes are a program that the machine reads back, and the same bytes every time. */
static void bytes_stand(void **state)
{
    (void)state;
    struct compiler_model *a = compile(small, 1000);
    struct compiler_model *b = compile(small, 1000);
    assert_non_null(a);
    assert_non_null(b);
    const struct bytes bytes = compiler_bytes(a);
    assert_true(bytes_equal(bytes, compiler_bytes(b)));
    const size_t size = vm_program_arena_size(bytes);
    void *arena = malloc(size);
    assert_true(size != 0 && arena != NULL);
    struct vm_program program;
    uint32_t where = 0;
    assert_int_equal(vm_program_parse(bytes, arena, &program, &where), VM_OK);
    assert_int_equal(program.op_count, compiler_program(a)->op_count);
    free(arena);
    compiler_free(a);
    compiler_free(b);
}

/* Dead code is gone and arithmetic is fused: every operator's result is read, or is the
 * loss or a next state, and there are far fewer operators than instructions. */
static void nothing_is_wasted(void **state)
{
    (void)state;
    struct compiler_model *model = compile(small, 1000);
    assert_non_null(model);
    const struct vm_program *program = compiler_program(model);
    uint8_t *read = calloc(program->tensor_count, 1);
    assert_non_null(read);
    uint32_t instructions = 0;
    uint32_t ewise = 0;
    read[program->loss] = 1;
    for (uint32_t i = 0; i < program->state_count; i++) {
        read[program->state_out[i]] = 1;
    }
    for (uint32_t i = program->op_count; i > 0; i--) {
        const struct vm_op *op = &program->ops[i - 1];
        for (uint32_t k = 0; k < op->out_count; k++) {
            const bool optional = op->opcode == VM_BATCH_WINDOWS;
            assert_true(optional || read[op->out[k]] != 0);
        }
        for (uint32_t k = 0; k < op->in_count; k++) {
            read[op->in[k]] = 1;
        }
        ewise += op->opcode == VM_EWISE;
        instructions += op->opcode == VM_EWISE ? op->attrs[0] : 0;
    }
    assert_true(instructions > 4 * ewise);
    free(read);
    compiler_free(model);
}

static void first_state(void **state)
{
    (void)state;
    struct compiler_model *model = compile(small, 1000);
    struct compiler_model *other =
        compile("char-gpt layers=2 width=32 heads=2 context=16 batch=4 seed=2", 1000);
    assert_non_null(model);
    assert_non_null(other);
    static float a[128 * 32];
    static float b[128 * 32];
    assert_string_equal(compiler_state_name(model, 0), "embedding.token");
    compiler_initial(model, 0, a);
    compiler_initial(other, 0, b);
    double sum = 0.0;
    double square = 0.0;
    size_t equal = 0;
    for (size_t i = 0; i < 128 * 32; i++) {
        sum += (double)a[i];
        square += (double)(a[i] * a[i]);
        equal += a[i] == b[i];
    }
    const double variance = square / 4096.0;
    assert_true(sum / 4096.0 < 0.01 && sum / 4096.0 > -0.01);
    assert_true(variance > 0.9 / 32.0 && variance < 1.1 / 32.0);
    assert_true(equal < 20);
    const struct vm_program *program = compiler_program(model);
    for (uint32_t i = 0; i < program->state_count; i++) {
        const char *name = compiler_state_name(model, i);
        const bool gain = strstr(name, "gain") != NULL && name[1] != '.';
        if (gain || strcmp(name, "beta1^t") == 0 || strncmp(name, "m.head", 6) == 0) {
            compiler_initial(model, i, a);
            assert_true(a[0] == (name[1] == '.' ? 0.0F : 1.0F));
        }
    }
    compiler_free(model);
    compiler_free(other);
}

/* Inference has the parameters of training, under the same names in the same order. */
static void inference_matches(void **state)
{
    (void)state;
    static const char *const all[] = {small, "mlp context=5", "mlp features=4 classes=3"};
    for (size_t k = 0; k < 3; k++) {
        struct compiler_spec spec;
        struct error error;
        assert_true(compiler_spec_parse(all[k], &spec, &error));
        struct compiler_model *train = compiler_train(&spec, 1000, &error);
        struct compiler_model *infer = compiler_infer(&spec, &error);
        assert_non_null(train);
        assert_non_null(infer);
        assert_int_equal(compiler_parameter_count(train), compiler_parameter_count(infer));
        const struct vm_program *program = compiler_program(infer);
        const uint32_t count = program->state_count;
        for (uint32_t i = 0; i + 2 < count; i++) {
            assert_string_equal(compiler_state_name(train, i), compiler_state_name(infer, i));
            assert_memory_equal(
                &program->tensors[program->state_in[i]].dims,
                &compiler_program(train)->tensors[compiler_program(train)->state_in[i]].dims,
                sizeof program->tensors[0].dims);
        }
        assert_string_equal(compiler_state_name(infer, count - 2), "input");
        assert_string_equal(compiler_state_name(infer, count - 1), "output");
        compiler_free(train);
        compiler_free(infer);
    }
}

static void too_large(void **state)
{
    (void)state;
    assert_null(compile(small, 17));
    assert_null(compile("mlp features=65536 batch=64", 2000));
    assert_null(compile("char-gpt context=4096 batch=4096", 10000));
    compiler_free(NULL);
}

/* A mistake in a template is reported once, and nothing after it does harm. */
static void mistakes_stick(void **state)
{
    (void)state;
    struct graph *graph = graph_new();
    assert_non_null(graph);
    const struct graph_state a_state = {.class = GRAPH_PARAMETER, .name = "a"};
    const uint32_t a = graph_state_add(graph, &a_state, 2, (const uint32_t[]){3, 4});
    const uint32_t b = graph_state_add(graph, &a_state, 2, (const uint32_t[]){5, 4});
    assert_int_not_equal(op_matmul(graph, a, false, b, true), GRAPH_NONE);
    assert_false(graph->failed);
    assert_int_equal(op_matmul(graph, a, false, b, false), GRAPH_NONE);
    assert_true(graph->failed);
    assert_string_equal(graph->why, "matmul: inner extents differ");
    assert_int_equal(op_binary(graph, GRAPH_ADD, a, b), GRAPH_NONE);
    assert_string_equal(graph->why, "matmul: inner extents differ");
    graph_free(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spec_round_trip), cmocka_unit_test(spec_refused),
        cmocka_unit_test(bytes_stand),     cmocka_unit_test(nothing_is_wasted),
        cmocka_unit_test(first_state),     cmocka_unit_test(inference_matches),
        cmocka_unit_test(too_large),       cmocka_unit_test(mistakes_stick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
