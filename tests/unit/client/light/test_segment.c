#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/worker/task.h"
#include "tests/support/fake_node.h"

/* A worker's segment: killed anywhere it ends the same, its record can be run again, and a
 * wrong step is found. */

enum { STEPS = 12, PARTS = 3, TEXT_SIZE = 2000 };

struct place {
    char folder[64];
    struct fake_node *node;
    struct light *light;
    struct crypto_key *key;
    struct compiler_model *model;
    uint8_t text[TEXT_SIZE];
    struct worker_config config;
    struct worker worker;
};

static void task_start(struct place *place)
{
    struct error error;
    struct task *task = calloc(1, sizeof *task);
    const struct vm_program *program = compiler_program(place->model);
    task->program = *program;
    task->shape = record_shape_of(program);
    task->lease_id = (struct hash){{0xAB}};
    task->plan.member_count = 1;
    task->terms = (struct job_terms){.local_steps = STEPS, .checkpoints = PARTS};
    task->members = calloc(1, sizeof *task->members);
    task->members[0].record.steps = STEPS;
    task->members[0].record.worker_key = *crypto_key_public(place->key);
    assert_true(record_base_alloc(&task->shape, &task->base));
    assert_true(record_segment_alloc(&task->shape, &task->now.at));
    const struct model_run_config run = {
        .program = &task->program, .data = place->text, .threads = 1, .isa = model_isa()};
    task->run = model_run_new(&run, &error);
    assert_non_null(task->run);
    model_run_reset(task->run, place->model);
    model_run_read(task->run, VM_PARAMS, task->base.theta);
    model_run_read(task->run, VM_INNER, task->base.inner);
    model_run_read(task->run, VM_COUNTERS, task->base.counters);
    struct vm_state_roots roots;
    model_run_roots(task->run, &roots);
    task->round.theta_in = roots.params;
    task->lease.inner_root = roots.inner;
    task->lease.counters_root = roots.counters;
    place->worker.task = task;
}

static void place_open(struct place *place)
{
    struct compiler_spec spec;
    struct error error;
    memset(place, 0, sizeof *place);
    (void)snprintf(place->folder, sizeof place->folder, "/tmp/test_segment.XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    for (size_t i = 0; i < TEXT_SIZE; i++) {
        place->text[i] = (uint8_t)('a' + i * i % 23);
    }
    place->node = fake_open();
    place->light = fake_light(place->node);
    place->key = crypto_key_generate();
    assert_true(compiler_spec_parse("mlp layers=1 width=32 context=8 batch=16", &spec, &error));
    place->model = compiler_train(&spec, TEXT_SIZE, &error);
    assert_non_null(place->model);
    place->config = (struct worker_config){.journal = place->folder, .record = true};
    place->worker = (struct worker){.config = &place->config, .light = place->light};
    task_start(place);
    assert_true(task_journal_open(&place->worker, &error));
}

static void path_of(const struct place *place, const char *name, char out[128])
{
    (void)snprintf(out, 128, "%s/ab00000000000000/%s", place->folder, name);
}

static void place_close(struct place *place)
{
    static const char *const names[] = {"base", "base-0", "segment", "segment-0", ""};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[128];
        path_of(place, names[i], path);
        (void)(names[i][0] == '\0' ? rmdir(path) : unlink(path));
    }
    assert_int_equal(rmdir(place->folder), 0);
    task_free(place->worker.task);
    compiler_free(place->model);
    crypto_key_free(place->key);
    light_close(place->light);
    fake_close(place->node);
}

/* Everything in memory is lost, the files stay. */
static void killed(struct place *place)
{
    task_free(place->worker.task);
    task_start(place);
}

static void train(struct place *place, uint32_t until)
{
    struct error error;
    struct task *task = place->worker.task;
    do {
        assert_true(segment_step(&place->worker, &error));
        assert_false(task->now.unable);
    } while (task->now.at.step < until);
}

static void expect_same(const struct record_segment *at, const struct record_segment *whole)
{
    assert_true(at->done);
    assert_int_equal(at->root_count, PARTS + 1);
    assert_memory_equal(at->roots, whole->roots, (PARTS + 1) * sizeof at->roots[0]);
    assert_true(hash_equal(&at->delta_root, &whole->delta_root));
    assert_true(hash_equal(&at->end.inner, &whole->end.inner));
}

static void test_killed_anywhere(void **state)
{
    struct place place;
    struct place other;
    struct error error;
    (void)state;
    place_open(&place);
    train(&place, STEPS);
    const struct record_segment *whole = &place.worker.task->now.at;
    for (uint32_t step = 1; step < STEPS; step++) {
        place_open(&other);
        crypto_key_free(other.key);
        uint8_t secret[CRYPTO_SECRET_SIZE];
        crypto_key_secret(place.key, secret);
        other.key = crypto_key_create(secret);
        killed(&other);
        train(&other, step);
        killed(&other);
        train(&other, STEPS);
        expect_same(&other.worker.task->now.at, whole);
        /* Once more after the end: what was committed to must still open. */
        const struct hash salt = other.worker.task->now.at.salt;
        killed(&other);
        assert_true(segment_step(&other.worker, &error));
        expect_same(&other.worker.task->now.at, whole);
        assert_true(hash_equal(&salt, &other.worker.task->now.at.salt));
        place_close(&other);
    }
    place_close(&place);
}

static void test_damaged_journal_is_work_done_again(void **state)
{
    struct place place;
    char path[128];
    (void)state;
    place_open(&place);
    train(&place, STEPS);
    const struct hash delta_root = place.worker.task->now.at.delta_root;
    path_of(&place, "segment", path);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 300, SEEK_SET), 0);
    const int byte = fgetc(file);
    assert_int_equal(fseek(file, 300, SEEK_SET), 0);
    (void)fputc(byte ^ 1, file);
    (void)fclose(file);
    killed(&place);
    train(&place, 1);
    assert_int_equal(place.worker.task->now.at.step, 1);
    train(&place, STEPS);
    assert_true(hash_equal(&delta_root, &place.worker.task->now.at.delta_root));
    place_close(&place);
}

/* Whoever changes the state and the file's digest with it is found out by the root. */
static void test_changed_state_is_work_done_again(void **state)
{
    struct place place;
    struct error error;
    char path[128];
    (void)state;
    for (uint32_t until = STEPS / PARTS; until <= STEPS; until += STEPS / PARTS) {
        place_open(&place);
        train(&place, until);
        struct task *task = place.worker.task;
        path_of(&place, "segment", path);
        task->now.at.theta[3] += 0.5F;
        assert_true(record_write_segment(path, &task->shape, &task->now.at, &error));
        killed(&place);
        train(&place, 1);
        assert_int_equal(place.worker.task->now.at.step, 1);
        place_close(&place);
    }
}

/* A step count beyond the segment's would be gone on from for ever. */
static void test_segment_of_other_length(void **state)
{
    struct place place;
    struct error error;
    char path[128];
    (void)state;
    place_open(&place);
    train(&place, STEPS / PARTS);
    struct task *task = place.worker.task;
    path_of(&place, "segment", path);
    task->now.at.step += STEPS;
    assert_true(record_write_segment(path, &task->shape, &task->now.at, &error));
    killed(&place);
    train(&place, 1);
    assert_int_equal(place.worker.task->now.at.step, 1);
    place_close(&place);
}

/* A start that is not what the chain knows is not trained on, and no attempt would end better. */
static void test_wrong_start(void **state)
{
    struct place place;
    struct error error;
    (void)state;
    for (int what = 0; what < 3; what++) {
        place_open(&place);
        struct task *task = place.worker.task;
        struct hash *const known[] = {&task->round.theta_in, &task->lease.inner_root,
                                      &task->lease.counters_root};
        known[what]->bytes[0] ^= 1;
        assert_false(segment_step(&place.worker, &error));
        assert_int_equal(error.code, EXIT_CODE_VERIFY);
        assert_true(place.worker.spoilt);
        assert_int_equal(task->now.at.step, 0);
        place_close(&place);
    }
}

static void test_record_is_run_again(void **state)
{
    struct place place;
    struct error error;
    struct record_base base;
    struct record_segment segment;
    struct record_outcome outcome;
    char path[128];
    (void)state;
    place_open(&place);
    const struct task *task = place.worker.task;
    assert_true(task_journal_write_base(&place.worker, &error));
    train(&place, STEPS);
    assert_true(record_base_alloc(&task->shape, &base));
    assert_true(record_segment_alloc(&task->shape, &segment));
    path_of(&place, "base-0", path);
    assert_true(record_read_base(path, &task->shape, &base, &error));
    path_of(&place, "segment-0", path);
    assert_true(record_read_segment(path, &task->shape, &segment, &error));
    struct record_replay replay = {.program = &task->program,
                                   .data = place.text,
                                   .threads = 2,
                                   .isa = {VM_ISA_PLAIN},
                                   .base = &base,
                                   .key = task->now.key,
                                   .steps = STEPS,
                                   .stride = STEPS / PARTS,
                                   .roots = segment.roots,
                                   .delta_root = segment.delta_root};
    assert_true(record_replay(&replay, &outcome, &error));
    assert_int_equal(outcome.verdict, RECORD_RIGHT);
    /* Each claim alone made wrong. */
    for (uint32_t i = 0; i <= PARTS; i++) {
        segment.roots[i].bytes[5] ^= 1;
        assert_true(record_replay(&replay, &outcome, &error));
        assert_int_equal(outcome.verdict, i == 0 ? RECORD_WRONG_START : RECORD_WRONG_STEP);
        assert_int_equal(outcome.sub_segment, i == 0 ? 0 : i - 1);
        segment.roots[i].bytes[5] ^= 1;
    }
    replay.delta_root.bytes[0] ^= 1;
    assert_true(record_replay(&replay, &outcome, &error));
    assert_int_equal(outcome.verdict, RECORD_WRONG_DELTA);
    record_segment_free(&segment);
    record_base_free(&base);
    place_close(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed_anywhere),
        cmocka_unit_test(test_damaged_journal_is_work_done_again),
        cmocka_unit_test(test_changed_state_is_work_done_again),
        cmocka_unit_test(test_segment_of_other_length),
        cmocka_unit_test(test_wrong_start),
        cmocka_unit_test(test_record_is_run_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
