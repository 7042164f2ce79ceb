#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hex.h"
#include "client/model/model.h"
#include "client/outer/outer.h"
#include "crypto/crypto.h"

/* A whole small training job, recorded: 3 workers, 2 rounds of 20 steps of a transformer
 * with 0.1 M parameters, fixed batch keys, int8 deltas, integer aggregation, outer step.
 * Every root of it stands in tests/vectors/recorded_job.txt and must come out the same on
 * every instruction set.  `test_recorded_job --print` writes the file anew. */

enum { WORKERS = 3, ROUNDS = 2, STEPS = 20, PARTS = 2, TEXT_SIZE = 20000, REPORT_MAX = 16384 };

static const char model_text[] =
    "char-gpt layers=2 width=64 heads=4 context=32 batch=2 rate=0.004 warmup=10 seed=7";

struct worker {
    struct model_run *run;
    float *ef;
    float *local;
    uint8_t *blob;
    struct hash roots[PARTS + 1];
};

struct job {
    struct compiler_model *model;
    const struct vm_program *program;
    struct worker workers[WORKERS];
    float *theta;
    float *momentum;
    int64_t *acc;
    uint64_t elements;
    char report[REPORT_MAX];
    size_t report_size;
};

static uint8_t text[TEXT_SIZE];

/* Words of a small vocabulary in the order of a linear congruential generator: enough
 * structure to learn, and no file to depend on. */
static void text_make(void)
{
    static const char *const words[] = {"the ",    "a ",      "gradient ", "of ",   "model ",
                                        "is ",     "step ",   "loss ",     "and ",  "falls, ",
                                        "worker ", "trains ", "proves ",   "it.\n", "chain "};
    uint32_t state = 12345;
    size_t size = 0;
    while (size < TEXT_SIZE) {
        state = state * 1664525U + 1013904223U;
        const char *word = words[(state >> 16) % (sizeof words / sizeof words[0])];
        for (const char *at = word; *at != '\0' && size < TEXT_SIZE; at++) {
            text[size++] = (uint8_t)*at;
        }
    }
}

static void report(struct job *job, const char *name, const struct hash *hash)
{
    char hex[2 * HASH_SIZE + 1];
    hex_encode(hash->bytes, HASH_SIZE, hex);
    job->report_size += (size_t)snprintf(job->report + job->report_size,
                                         REPORT_MAX - job->report_size, "%s %s\n", name, hex);
    assert_true(job->report_size < REPORT_MAX);
}

static void *take(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    assert_non_null(memory);
    return memory;
}

static void job_open(struct job *job, struct vm_isa isa)
{
    struct compiler_spec spec;
    struct error error;
    struct hash root;
    memset(job, 0, sizeof *job);
    text_make();
    assert_true(compiler_spec_parse(model_text, &spec, &error));
    job->model = compiler_train(&spec, TEXT_SIZE, &error);
    assert_non_null(job->model);
    job->program = compiler_program(job->model);
    job->elements = outer_elements(job->program);
    assert_in_range(job->elements, 100000, 130000);
    job->theta = take(job->elements, sizeof(float));
    job->momentum = take(job->elements, sizeof(float));
    job->acc = take(job->elements, sizeof(int64_t));
    for (uint32_t w = 0; w < WORKERS; w++) {
        struct worker *worker = &job->workers[w];
        const struct model_run_config config = {
            .program = job->program, .data = text, .threads = 1 + w % 2, .isa = isa};
        worker->run = model_run_new(&config, &error);
        assert_non_null(worker->run);
        model_run_reset(worker->run, job->model);
        worker->ef = take(job->elements, sizeof(float));
        worker->local = take(job->elements, sizeof(float));
        worker->blob = take(outer_blob_size(job->program), 1);
    }
    model_run_read(job->workers[0].run, VM_PARAMS, job->theta);
    vm_program_root(job->program, crypto_hash_port(), &root);
    report(job, "program", &root);
    outer_root(job->program, job->theta, crypto_hash_port(), &root);
    report(job, "round0.theta", &root);
}

static void job_close(struct job *job)
{
    for (uint32_t w = 0; w < WORKERS; w++) {
        model_run_free(job->workers[w].run);
        free(job->workers[w].ef);
        free(job->workers[w].local);
        free(job->workers[w].blob);
    }
    free(job->theta);
    free(job->momentum);
    free(job->acc);
    compiler_free(job->model);
}

static struct hash batch_key(uint32_t round, uint32_t worker)
{
    const uint8_t seed[2] = {(uint8_t)round, (uint8_t)worker};
    struct hash key;
    crypto_digest(TAG_BATCH_KEY, bytes_of(seed, sizeof seed), &key);
    return key;
}

/* One segment: from theta, STEPS steps, a state root after each part, the delta. */
static void segment_run(struct job *job, uint32_t round, uint32_t number)
{
    struct worker *worker = &job->workers[number];
    const struct hash key = batch_key(round, number);
    struct vm_result result = {.loss = 0.0F};
    struct hash root;
    char name[64];
    model_run_write(worker->run, VM_PARAMS, job->theta);
    model_run_root(worker->run, (uint64_t)round * STEPS, &worker->roots[0]);
    for (uint32_t i = 0; i < STEPS; i++) {
        const uint64_t step = (uint64_t)round * STEPS + i;
        assert_true(model_run_step(worker->run, &key, step, &result));
        if ((i + 1) % (STEPS / PARTS) == 0) {
            model_run_root(worker->run, step + 1, &worker->roots[(i + 1) / (STEPS / PARTS)]);
        }
    }
    vm_trace_root(worker->roots, PARTS + 1, crypto_hash_port(), &root);
    (void)snprintf(name, sizeof name, "round%u.worker%u.trace", round, number);
    report(job, name, &root);
    model_run_read(worker->run, VM_PARAMS, worker->local);
    assert_int_equal(outer_delta(job->program, job->theta, worker->local, worker->ef, worker->blob),
                     VM_TRAP_NONE);
    assert_true(outer_delta_root(job->program,
                                 bytes_of(worker->blob, outer_blob_size(job->program)),
                                 crypto_hash_port(), &root));
    (void)snprintf(name, sizeof name, "round%u.worker%u.delta", round, number);
    report(job, name, &root);
}

/* Deltas in any order: the second round adds them backwards. */
static void round_close(struct job *job, uint32_t round)
{
    struct hash root;
    char name[64];
    memset(job->acc, 0, job->elements * sizeof job->acc[0]);
    for (uint32_t i = 0; i < WORKERS; i++) {
        const uint32_t w = round % 2 == 0 ? i : WORKERS - 1 - i;
        const struct bytes blob = bytes_of(job->workers[w].blob, outer_blob_size(job->program));
        assert_true(outer_add(job->program, job->acc, blob, STEPS));
    }
    outer_apply(job->program, job->acc,
                &(struct outer_rule){.weight_sum = WORKERS * STEPS, .eta = 0.7F, .mu = 0.9F},
                job->theta, job->momentum);
    outer_root(job->program, job->theta, crypto_hash_port(), &root);
    (void)snprintf(name, sizeof name, "round%u.theta", round + 1);
    report(job, name, &root);
    outer_root(job->program, job->momentum, crypto_hash_port(), &root);
    (void)snprintf(name, sizeof name, "round%u.momentum", round + 1);
    report(job, name, &root);
}

static void job_run(struct job *job, struct vm_isa isa)
{
    job_open(job, isa);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint32_t w = 0; w < WORKERS; w++) {
            segment_run(job, round, w);
        }
        round_close(job, round);
    }
    job_close(job);
}

static void same_roots(enum vm_isa_kind kind)
{
    static struct job job;
    static char want[REPORT_MAX];
    if (kind > model_isa().kind) {
        print_message("this machine has no %s\n", model_isa_name((struct vm_isa){.kind = kind}));
        skip();
    }
    FILE *file = fopen(SOURCE_DIR "/tests/vectors/recorded_job.txt", "r");
    assert_non_null(file);
    want[fread(want, 1, REPORT_MAX - 1, file)] = '\0';
    assert_int_equal(fclose(file), 0);
    job_run(&job, (struct vm_isa){.kind = kind});
    assert_string_equal(job.report, want);
}

static void plain(void **state)
{
    (void)state;
    same_roots(VM_ISA_PLAIN);
}

static void scalar_fma(void **state)
{
    (void)state;
    same_roots(VM_ISA_FMA);
}

static void avx2(void **state)
{
    (void)state;
    same_roots(VM_ISA_AVX2);
}

static void avx512(void **state)
{
    (void)state;
    same_roots(VM_ISA_AVX512);
}

/* Blobs of the wrong size or with impossible shifts change nothing. */
static void bad_blobs(void **state)
{
    (void)state;
    static struct job job;
    struct hash root;
    job_open(&job, model_isa());
    const uint64_t size = outer_blob_size(job.program);
    uint8_t *blob = job.workers[0].blob;
    memset(blob, 1, size);
    assert_false(outer_add(job.program, job.acc, bytes_of(blob, size - 1), 1));
    blob[size - 1] = 41; /* shift of the last leaf */
    assert_false(outer_add(job.program, job.acc, bytes_of(blob, size), 1));
    assert_false(outer_delta_root(job.program, bytes_of(blob, size), crypto_hash_port(), &root));
    for (uint64_t i = 0; i < job.elements; i++) {
        assert_true(job.acc[i] == 0);
    }
    blob[size - 1] = 40;
    assert_true(outer_add(job.program, job.acc, bytes_of(blob, size), 3));
    assert_true(job.acc[0] == INT64_C(3) << 39 && job.acc[job.elements - 1] == 3);
    job_close(&job);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain),  cmocka_unit_test(scalar_fma), cmocka_unit_test(avx2),
        cmocka_unit_test(avx512), cmocka_unit_test(bad_blobs),
    };
    if (argc == 2 && strcmp(argv[1], "--print") == 0) {
        static struct job job;
        job_run(&job, model_isa());
        (void)fputs(job.report, stdout);
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
