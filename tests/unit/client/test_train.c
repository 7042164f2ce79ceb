#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/model/model.h"
#include "client/safetensors/safetensors.h"
#include "tests/support/eval64.h"

static const char sentence[] = "the quick brown fox jumps over the lazy dog and back again. ";
static uint8_t text[4096];

static int text_fill(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (uint8_t)sentence[i % (sizeof sentence - 1)];
    }
    return 0;
}

static struct compiler_spec spec_of(const char *words)
{
    struct compiler_spec spec;
    struct error error;
    assert_true(compiler_spec_parse(words, &spec, &error));
    return spec;
}

static struct model_trained train(const char *words, uint64_t steps, uint32_t threads,
                                  struct vm_isa isa, const char *path)
{
    const struct model_train train = {.spec = spec_of(words),
                                      .data = bytes_of(text, sizeof text),
                                      .steps = steps,
                                      .threads = threads,
                                      .isa = isa,
                                      .checkpoint = path};
    struct model_trained trained;
    struct error error;
    if (!model_train_local(&train, &trained, &error)) {
        fail_msg("%s", error.detail);
    }
    return trained;
}

static const char tiny_gpt[] = "char-gpt layers=2 width=32 heads=2 context=16 batch=8 rate=0.01";
static const char tiny_mlp[] = "mlp layers=1 width=32 context=6 batch=16 rate=0.01";

static void loss_falls(void **state)
{
    (void)state;
    static const char *const all[] = {tiny_gpt, tiny_mlp};
    for (size_t i = 0; i < 2; i++) {
        const struct model_trained trained = train(all[i], 60, 1, model_isa(), NULL);
        assert_int_equal(trained.steps, 60);
        /* A uniform guess over 128 symbols costs ln 128 = 4.85. */
        assert_true(fabsf(trained.first_loss - 4.85F) < 0.5F);
        assert_true(trained.last_loss < 0.6F * trained.first_loss);
    }
}

/* Runs, threads and instruction sets all reach the same state. */
static void one_result(void **state)
{
    (void)state;
    static const char *const all[] = {tiny_gpt, tiny_mlp};
    for (size_t i = 0; i < 2; i++) {
        const struct model_trained want = train(all[i], 12, 1, model_isa(), NULL);
        struct model_trained other = train(all[i], 12, 1, model_isa(), NULL);
        assert_memory_equal(&want.state_root, &other.state_root, HASH_SIZE);
        for (uint32_t threads = 2; threads <= 3; threads++) {
            other = train(all[i], 12, threads, model_isa(), NULL);
            assert_memory_equal(&want.state_root, &other.state_root, HASH_SIZE);
        }
        for (int kind = VM_ISA_PLAIN; kind <= (int)model_isa().kind; kind++) {
            const struct vm_isa isa = {.kind = (enum vm_isa_kind)kind};
            other = train(all[i], 12, 1, isa, NULL);
            assert_memory_equal(&want.state_root, &other.state_root, HASH_SIZE);
        }
        other = train(all[i], 11, 1, model_isa(), NULL);
        assert_memory_not_equal(&want.state_root, &other.state_root, HASH_SIZE);
    }
}

/* The machine's f32 step and the second evaluator's f64 step agree to rounding. */
static void agrees_with_f64(void **state)
{
    (void)state;
    static const struct hash key = {{9}};
    const struct compiler_spec spec = spec_of(tiny_gpt);
    struct error error;
    struct vm_result result;
    struct eval64 eval;
    struct compiler_model *model = compiler_train(&spec, sizeof text, &error);
    assert_non_null(model);
    const struct vm_program *program = compiler_program(model);
    const struct model_run_config config = {
        .program = program, .data = text, .threads = 1, .isa = model_isa()};
    struct model_run *run = model_run_new(&config, &error);
    assert_non_null(run);
    model_run_reset(run, model);
    eval64_open(&eval, program, text);
    for (uint32_t i = 0; i < program->state_count; i++) {
        const uint64_t count = vm_tensor_elements(&program->tensors[program->state_in[i]]);
        const float *values = model_run_state(run, i);
        for (uint64_t k = 0; k < count; k++) {
            eval64_state(&eval, i)[k] = (double)values[k];
        }
    }
    for (uint64_t step = 0; step < 2; step++) {
        const double loss = eval64_run(&eval, &key, step);
        assert_true(model_run_step(run, &key, step, &result));
        assert_true(fabs(loss - (double)result.loss) < 1e-5 * loss);
        eval64_advance(&eval);
    }
    model_run_free(run);
    eval64_close(&eval);
    compiler_free(model);
}

static void checkpoint_and_sample(void **state)
{
    (void)state;
    char path[] = "/tmp/test_train.XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0 && close(fd) == 0);
    const struct model_trained trained = train(tiny_gpt, 150, 2, model_isa(), path);
    struct error error;
    struct model_checkpoint *checkpoint = model_checkpoint_load(path, &error);
    assert_non_null(checkpoint);
    const struct model_info *info = model_checkpoint_info(checkpoint);
    assert_int_equal(info->round, 150);
    assert_false(info->certified);
    assert_string_equal(info->job, "local");
    assert_memory_equal(&info->state_root, &trained.state_root, HASH_SIZE);
    char out[101];
    struct model_sample sample = {.prompt = "the quick bro", .count = 100, .threads = 1};
    assert_true(model_sample(checkpoint, &sample, out, &error));
    assert_int_equal(strlen(out), 100);
    /* After 150 steps on one sentence the model knows it by heart. */
    assert_memory_equal(out, "wn fox jumps over the lazy dog", 30);
    char again[101];
    sample.temperature = 0.8F;
    sample.seed = 5;
    assert_true(model_sample(checkpoint, &sample, out, &error));
    sample.threads = 2;
    assert_true(model_sample(checkpoint, &sample, again, &error));
    assert_string_equal(out, again);
    sample.temperature = 4.0F;
    assert_true(model_sample(checkpoint, &sample, again, &error));
    assert_string_not_equal(out, again);
    model_checkpoint_free(checkpoint);
    assert_int_equal(remove(path), 0);
}

/* Reading a checkpoint back gives the state it was made from. */
static void checkpoint_restores(void **state)
{
    (void)state;
    char path[] = "/tmp/test_train.XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0 && close(fd) == 0);
    const struct model_trained trained = train(tiny_mlp, 5, 1, model_isa(), path);
    struct error error;
    struct hash root;
    struct model_checkpoint *checkpoint = model_checkpoint_load(path, &error);
    assert_non_null(checkpoint);
    const struct compiler_spec spec = model_checkpoint_info(checkpoint)->spec;
    struct compiler_model *model = compiler_train(&spec, sizeof text, &error);
    assert_non_null(model);
    const struct model_run_config config = {
        .program = compiler_program(model), .data = text, .threads = 1, .isa = model_isa()};
    struct model_run *run = model_run_new(&config, &error);
    assert_non_null(run);
    assert_true(model_checkpoint_fill(checkpoint, model, run, true, &error));
    model_run_root(run, 5, &root);
    assert_memory_equal(&root, &trained.state_root, HASH_SIZE);
    model_run_free(run);
    compiler_free(model);
    model_checkpoint_free(checkpoint);
    assert_int_equal(remove(path), 0);
}

static void measures(void **state)
{
    (void)state;
    const struct compiler_spec spec = spec_of(tiny_mlp);
    struct error error;
    struct model_speed speed;
    struct compiler_model *model = compiler_train(&spec, sizeof text, &error);
    assert_non_null(model);
    const struct model_run_config config = {
        .program = compiler_program(model), .data = text, .threads = 1, .isa = model_isa()};
    assert_true(model_measure(model, &config, 0.01, &speed, &error));
    assert_true(speed.steps >= 3 && speed.best_ms > 0.0 && speed.best_ms <= speed.step_ms);
    assert_true(speed.macs > 1000 && speed.memory > compiler_parameter_count(model) * 12);
    compiler_free(model);
}

static bool stop_at_three(void *context, const struct model_progress *progress)
{
    uint64_t *calls = context;
    *calls += 1;
    assert_int_equal(progress->step, *calls);
    return progress->step < 3;
}

static void progress_stops(void **state)
{
    (void)state;
    uint64_t calls = 0;
    float losses[10] = {0};
    const struct model_train train = {.spec = spec_of(tiny_mlp),
                                      .data = bytes_of(text, sizeof text),
                                      .steps = 10,
                                      .threads = 1,
                                      .isa = model_isa(),
                                      .progress = stop_at_three,
                                      .context = &calls,
                                      .losses = losses};
    struct model_trained trained;
    struct error error;
    assert_true(model_train_local(&train, &trained, &error));
    assert_int_equal(trained.steps, 3);
    assert_true(losses[2] > 0.0F && losses[3] == 0.0F);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loss_falls),          cmocka_unit_test(one_result),
        cmocka_unit_test(agrees_with_f64),     cmocka_unit_test(checkpoint_and_sample),
        cmocka_unit_test(checkpoint_restores), cmocka_unit_test(measures),
        cmocka_unit_test(progress_stops),
    };
    return cmocka_run_group_tests(tests, text_fill, NULL);
}
