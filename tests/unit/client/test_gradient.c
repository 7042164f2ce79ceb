#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/compiler/compiler.h"
#include "tests/support/eval64.h"

/* Is the compiled backward pass the derivative of the compiled forward pass?  The program
 * is evaluated in f64 by a second implementation; the gradient is read back from the first
 * moment after one step (m' = (1 - b1) g when m = 0) and compared with central differences
 * of the loss. */

enum { DATA_SIZE = 640, PROBES = 24 };

static uint8_t data[DATA_SIZE];
static const struct hash key = {{7, 1, 2, 3, 4, 5, 6, 8}};

struct fixture {
    struct compiler_model *model;
    struct eval64 eval;
    uint32_t count; /* state tensors */
};

static const struct vm_tensor *state_tensor(const struct fixture *f, uint32_t index)
{
    const struct vm_program *program = compiler_program(f->model);
    return &program->tensors[program->state_in[index]];
}

static void fixture_open(struct fixture *f, const char *text)
{
    struct compiler_spec spec;
    struct error error;
    for (size_t i = 0; i < DATA_SIZE; i++) {
        data[i] = (uint8_t)(i * i * 31 + i / 7);
    }
    assert_true(compiler_spec_parse(text, &spec, &error));
    if (spec.classes != 0) {
        for (uint32_t i = spec.features; i < DATA_SIZE; i += spec.features + 1) {
            data[i] = (uint8_t)(data[i] % spec.classes);
        }
    }
    f->model = compiler_train(&spec, DATA_SIZE / (spec.features + 1), &error);
    assert_non_null(f->model);
    f->count = compiler_program(f->model)->state_count;
    eval64_open(&f->eval, compiler_program(f->model), data);
    for (uint32_t i = 0; i < f->count; i++) {
        const uint64_t elements = vm_tensor_elements(state_tensor(f, i));
        float *initial = calloc(elements, sizeof *initial);
        assert_non_null(initial);
        compiler_initial(f->model, i, initial);
        for (uint64_t k = 0; k < elements; k++) {
            eval64_state(&f->eval, i)[k] = (double)initial[k];
        }
        free(initial);
    }
}

static void fixture_close(struct fixture *f)
{
    eval64_close(&f->eval);
    compiler_free(f->model);
}

static uint32_t state_named(const struct fixture *f, char prefix, const char *name)
{
    for (uint32_t i = 0; i < f->count; i++) {
        const char *other = compiler_state_name(f->model, i);
        if (other[0] == prefix && other[1] == '.' && strcmp(other + 2, name) == 0) {
            return i;
        }
    }
    fail_msg("no state %c.%s", prefix, name);
    return 0;
}

static double slope(struct fixture *f, uint32_t parameter, uint64_t element)
{
    const double h = 1e-5;
    double *x = &eval64_state(&f->eval, parameter)[element];
    const double before = *x;
    *x = before + h;
    const double up = eval64_run(&f->eval, &key, 0);
    *x = before - h;
    const double down = eval64_run(&f->eval, &key, 0);
    *x = before;
    return (up - down) / (2 * h);
}

/* Returns the largest gradient seen, so that the caller knows that something was tested. */
static double parameter_check(struct fixture *f, uint32_t parameter)
{
    const char *name = compiler_state_name(f->model, parameter);
    const uint64_t elements = vm_tensor_elements(state_tensor(f, parameter));
    const uint64_t stride = elements / PROBES + 1;
    double largest = 0.0;
    (void)eval64_run(&f->eval, &key, 0);
    double *moment = calloc(elements, sizeof *moment);
    assert_non_null(moment);
    memcpy(moment, eval64_next(&f->eval, state_named(f, 'm', name)), elements * sizeof *moment);
    for (uint64_t k = 0; k < elements; k += stride) {
        const double compiled = moment[k] / (double)(1.0F - 0.9F);
        const double measured = slope(f, parameter, k);
        const double tolerance = 1e-8 + 1e-6 * fabs(measured);
        if (!(fabs(compiled - measured) <= tolerance)) {
            fail_msg("%s[%lu]: compiled %.12g, measured %.12g", name, (unsigned long)k, compiled,
                     measured);
        }
        largest = fmax(largest, fabs(measured));
    }
    free(moment);
    return largest;
}

static void gradient_check(const char *spec)
{
    struct fixture f;
    fixture_open(&f, spec);
    uint32_t checked = 0;
    for (uint32_t i = 0; i < f.count; i++) {
        if (state_tensor(&f, i)->flags != VM_PARAMS) {
            continue;
        }
        assert_true(parameter_check(&f, i) > 1e-7);
        checked++;
    }
    assert_true(checked >= 4);
    fixture_close(&f);
}

static void gpt(void **state)
{
    (void)state;
    gradient_check("char-gpt layers=2 width=12 heads=3 context=6 batch=3");
}

static void gpt_one_head(void **state)
{
    (void)state;
    gradient_check("char-gpt layers=1 width=8 heads=1 context=5 batch=2 warmup=0 decay=9");
}

static void mlp_windows(void **state)
{
    (void)state;
    gradient_check("mlp layers=2 width=10 context=4 batch=5");
}

static void mlp_classes(void **state)
{
    (void)state;
    gradient_check("mlp layers=3 width=9 features=7 classes=5 batch=6");
}

static void mlp_regression(void **state)
{
    (void)state;
    gradient_check("mlp layers=1 width=6 features=4 batch=4");
}

/* AdamW written out once more, in f64, against the compiled update over three steps. */
static void adamw(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, "mlp layers=1 width=6 features=4 batch=4 rate=0.01 warmup=2 weight-decay=0.1");
    const uint32_t p = 0;
    const char *name = compiler_state_name(f.model, p);
    const uint32_t mi = state_named(&f, 'm', name);
    double m = 0.0;
    double v = 0.0;
    double x = eval64_state(&f.eval, p)[3];
    assert_string_equal(name, "layer0.weight");
    for (uint32_t t = 1; t <= 3; t++) {
        (void)eval64_run(&f.eval, &key, t);
        const double g =
            (eval64_next(&f.eval, mi)[3] - eval64_state(&f.eval, mi)[3]) / (double)(1.0F - 0.9F) +
            eval64_state(&f.eval, mi)[3];
        m = 0.9 * m + 0.1 * g;
        v = 0.99 * v + 0.01 * g * g;
        const double mh = m / (1 - pow(0.9, t));
        const double vh = v / (1 - pow(0.99, t));
        const double rate = 0.01 * fmin(1.0, t / 2.0);
        x -= rate * (mh / (sqrt(vh) + 1e-8) + 0.1 * x);
        assert_true(fabs(x - eval64_next(&f.eval, p)[3]) < 1e-6);
        eval64_advance(&f.eval);
    }
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gpt),
        cmocka_unit_test(gpt_one_head),
        cmocka_unit_test(mlp_windows),
        cmocka_unit_test(mlp_classes),
        cmocka_unit_test(mlp_regression),
        cmocka_unit_test(adamw),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
