#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "client/audit/training.h"
#include "client/file/file.h"
#include "client/record/record.h"
#include "client/tx/tx.h"
#include "crypto/crypto.h"
#include "state/objects/objects.h"
#include "tests/support/directory.h"
#include "types/codes.h"
#include "wire/wire.h"

/* One worker's job of three rounds, its records and what the chain holds of it: the audit finds
 * what is right right, and each lie where it is. */

enum { ROUNDS = 3, STEPS = 8, PARTS = 4, TEXT_SIZE = 2000, VALUES_MAX = 32, REFUSED = 77 };

static const struct hash job = {.bytes = {7, 7}};

struct value {
    struct key key;
    uint8_t *bytes;
    size_t size;
};

struct place {
    struct directory folder;
    char lease[DIRECTORY_PATH_MAX + 32];
    uint8_t text[TEXT_SIZE];
    struct crypto_key *key;
    struct compiler_model *model;
    const struct vm_program *program;
    const struct vm_program *posted; /* what the chain holds as the program */
    struct model_run *run;
    struct record_shape shape;
    struct record_base base;
    struct record_segment segment;
    struct value values[VALUES_MAX];
    uint32_t value_count;
    struct segment claims[ROUNDS];
    struct body_proof_of_training bodies[ROUNDS];
    float lie[ROUNDS]; /* added to the error feedback that a delta is made with */
    const char *folders[1];
    struct audit_training config;
    struct training *training;
};

/* ---- The state ---------- */

static bool view_get(void *context, struct bytes key, struct bytes *value)
{
    const struct place *place = context;
    for (uint32_t i = place->value_count; i > 0; i--) {
        const struct value *held = &place->values[i - 1];
        if (bytes_equal(bytes_of(held->key.bytes, held->key.size), key)) {
            *value = bytes_of(held->bytes, held->size);
            return true;
        }
    }
    return false;
}

static void put(struct place *place, struct key key, struct bytes bytes)
{
    struct value *value = &place->values[place->value_count++];
    assert_true(place->value_count <= VALUES_MAX);
    *value = (struct value){.key = key, .bytes = malloc(bytes.size + 1), .size = bytes.size};
    assert_non_null(value->bytes);
    memcpy(value->bytes, bytes.data, bytes.size);
}

static void put_record(struct place *place, struct key key, const struct record *record,
                       const void *in)
{
    static uint8_t buffer[65536];
    struct bytes bytes;
    assert_true(record_encode(record, in, buffer, sizeof buffer, &bytes));
    put(place, key, bytes);
}

static void put_program(struct place *place, struct hash *root)
{
    static uint8_t bytes[1 << 20];
    const size_t size = vm_program_encode(place->posted, bytes, sizeof bytes);
    assert_true(size > 0);
    vm_program_root(place->posted, crypto_hash_port(), root);
    const struct program record = {
        .version = 1, .size = (uint32_t)size, .part_count = 1, .status = PROGRAM_CHECKED};
    put_record(place, key_object(KEY_PROGRAM, root), &record_program, &record);
    put(place, key_part(&record.owner, root, 0), bytes_of(bytes, size));
}

static struct hash data_root(const struct place *place)
{
    struct hash root = {{0}};
    for (uint32_t i = 0; i < place->program->tensor_count; i++) {
        if (place->program->tensors[i].kind == VM_DATA) {
            vm_tensor_root(&place->program->tensors[i], place->text, crypto_hash_port(), &root);
        }
    }
    return root;
}

/* ---- The worker ---------- */

static void write_file(const struct place *place, const char *name, uint32_t round, bool base)
{
    char path[DIRECTORY_PATH_MAX + 64];
    struct error error;
    (void)snprintf(path, sizeof path, "%s/%s-%u", place->lease, name, (unsigned)round);
    assert_true(base ? record_write_base(path, &place->shape, &place->base, &error)
                     : record_write_segment(path, &place->shape, &place->segment, &error));
}

static void train(struct place *place, const struct hash *key)
{
    struct record_segment *at = &place->segment;
    const uint64_t first = (uint64_t)place->base.round * STEPS;
    struct vm_result result;
    model_run_write(place->run, VM_PARAMS, place->base.theta);
    model_run_write(place->run, VM_INNER, place->base.inner);
    model_run_write(place->run, VM_COUNTERS, place->base.counters);
    model_run_root(place->run, first, &at->roots[0]);
    for (uint32_t step = 1; step <= STEPS; step++) {
        assert_true(model_run_step(place->run, key, first + step - 1, &result));
        if (step % (STEPS / PARTS) == 0) {
            model_run_root(place->run, first + step, &at->roots[step / (STEPS / PARTS)]);
        }
    }
    at->round = place->base.round;
    at->step = STEPS;
    at->done = true;
    at->root_count = PARTS + 1;
    model_run_read(place->run, VM_PARAMS, at->theta);
    model_run_read(place->run, VM_INNER, at->inner);
    model_run_read(place->run, VM_COUNTERS, at->counters);
    model_run_roots(place->run, &at->end);
}

/* A round: its records, and what the chain takes. */
static void round_run(struct place *place, uint32_t round, uint8_t state)
{
    const size_t floats = (size_t)place->shape.elements * sizeof(float);
    struct record_segment *at = &place->segment;
    struct round held = {.version = 1, .beacon = {{(uint8_t)(40 + round)}}};
    const struct hash key = id_batch_key(&job, round, crypto_key_public(place->key), &held.beacon);
    place->base.round = round;
    for (uint64_t i = 0; i < place->shape.elements; i++) {
        place->base.ef[i] += place->lie[round];
    }
    write_file(place, "base", round, true);
    train(place, &key);
    memcpy(at->ef, place->base.ef, floats);
    assert_int_equal(outer_delta(place->program, place->base.theta, at->theta, at->ef, at->delta),
                     VM_TRAP_NONE);
    const struct bytes delta = bytes_of(at->delta, (size_t)place->shape.delta_size);
    assert_true(outer_delta_root(place->program, delta, crypto_hash_port(), &at->delta_root));
    write_file(place, "segment", round, false);
    outer_root(place->program, place->base.theta, crypto_hash_port(), &held.theta_in);
    struct segment *claim = &place->claims[round];
    *claim = (struct segment){.version = 1,
                              .state = state,
                              .params_root = at->end.params,
                              .inner_root = at->end.inner,
                              .delta_root = at->delta_root,
                              .steps = STEPS};
    vm_trace_root(at->roots, PARTS + 1, crypto_hash_port(), &claim->trace_root);
    put_record(place, key_round(&job, round), &record_round, &held);
    put_record(place, key_segment(&job, round, 0), &record_segment, claim);
    struct body_proof_of_training *body = &place->bodies[round];
    *body = (struct body_proof_of_training){
        .job = job, .round = round, .roots_count = PARTS + 1, .steps = STEPS};
    memcpy(body->roots, at->roots, sizeof body->roots[0] * (PARTS + 1));
    if (state == SEGMENT_ACCEPTED) {
        memcpy(place->base.ef, at->ef, floats);
        memcpy(place->base.inner, at->inner, (size_t)place->shape.inner_size);
        memcpy(place->base.counters, at->counters, (size_t)place->shape.counters_size);
        memcpy(place->base.theta, at->theta, floats); /* any aggregate will do */
    }
}

/* ---- The place ---------- */

static void place_open(struct place *place)
{
    struct compiler_spec spec;
    struct error error;
    memset(place, 0, sizeof *place);
    assert_true(directory_make(&place->folder));
    for (size_t i = 0; i < TEXT_SIZE; i++) {
        place->text[i] = (uint8_t)('a' + i * i % 23);
    }
    assert_true(compiler_spec_parse("mlp layers=1 width=32 context=8 batch=16", &spec, &error));
    place->model = compiler_train(&spec, TEXT_SIZE, &error);
    assert_non_null(place->model);
    place->program = compiler_program(place->model);
    place->posted = place->program;
    place->shape = record_shape_of(place->program);
    place->key = crypto_key_generate();
    const struct model_run_config run = {
        .program = place->program, .data = place->text, .threads = 1, .isa = model_isa()};
    place->run = model_run_new(&run, &error);
    assert_non_null(place->run);
    model_run_reset(place->run, place->model);
    assert_true(record_base_alloc(&place->shape, &place->base));
    assert_true(record_segment_alloc(&place->shape, &place->segment));
    model_run_read(place->run, VM_PARAMS, place->base.theta);
    model_run_read(place->run, VM_INNER, place->base.inner);
    model_run_read(place->run, VM_COUNTERS, place->base.counters);
    place->folders[0] = place->folder.path;
    place->config = (struct audit_training){
        .job = job, .records = place->folders, .record_count = 1, .segments = ROUNDS, .threads = 1};
}

static void job_run_all(struct place *place)
{
    const struct hash lease_id = {.bytes = {0xAB}};
    const struct process process = {
        .version = 1, .plan_version = 1, .member_count = 1, .rounds_opened = ROUNDS};
    struct job_terms terms = {
        .version = 1, .data_root = data_root(place), .local_steps = STEPS, .checkpoints = PARTS};
    const struct member member = {
        .version = 1, .lease_id = lease_id, .worker_key = *crypto_key_public(place->key)};
    char path[DIRECTORY_PATH_MAX + 64];
    struct error error;
    (void)snprintf(place->lease, sizeof place->lease, "%s/ab00000000000000", place->folder.path);
    assert_int_equal(mkdir(place->lease, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/data", place->lease);
    assert_true(file_write(path, bytes_of(place->text, TEXT_SIZE), &error));
    put_program(place, &terms.program_root);
    put_record(place, key_object(KEY_PROCESS, &job), &record_process, &process);
    put_record(place, key_object(KEY_TERMS, &job), &record_job_terms, &terms);
    put_record(place, key_member(&job, 1, 0), &record_member, &member);
    round_run(place, 0, SEGMENT_ACCEPTED);
    round_run(place, 1, SEGMENT_LEFT_OUT);
    round_run(place, 2, SEGMENT_REVEALED);
    place->training = training_create(&place->config);
    assert_non_null(place->training);
}

static void place_close(struct place *place)
{
    training_free(place->training);
    for (uint32_t i = 0; i < place->value_count; i++) {
        free(place->values[i].bytes);
    }
    record_base_free(&place->base);
    record_segment_free(&place->segment);
    model_run_free(place->run);
    compiler_free(place->model);
    crypto_key_free(place->key);
    directory_remove(&place->folder);
}

static void note(struct place *place, const struct body_proof_of_training *body, uint32_t code)
{
    struct light_reply raw;
    struct error error;
    uint8_t buffer[64];
    struct bytes result;
    struct wire_writer writer;
    const struct wire_result ended = {.code = code};
    const struct tx_parts parts = {.key = place->key, .type = TX_PROOF_OF_TRAINING, .body = body};
    assert_true(tx_build(&parts, &raw, &error));
    wire_writer_init(&writer, buffer, sizeof buffer);
    wire_write_result(&writer, &ended);
    assert_true(wire_writer_end(&writer, &result));
    assert_true(training_note(place->training, bytes_of(raw.data, raw.size), result));
    free(raw.data);
}

static void note_all(struct place *place)
{
    for (uint32_t round = 0; round < ROUNDS; round++) {
        note(place, &place->bodies[round], CODE_OK);
    }
}

static enum exit_code check(struct place *place, struct audit_training_report *report)
{
    const struct state_view view = {.context = place, .get = view_get};
    struct error error = {.code = EXIT_CODE_OK};
    *report = (struct audit_training_report){.found = false};
    const bool ok = training_check(place->training, &view, report, &error);
    assert_true(ok == (error.code == EXIT_CODE_OK));
    return error.code;
}

/* Only this round is run. */
static void choose(struct place *place, uint32_t round)
{
    place->config.segments = 1;
    for (place->config.seed = 0;; place->config.seed++) {
        struct audit_training_report report;
        struct place copy = *place;
        char path[DIRECTORY_PATH_MAX + 64];
        /* The one that misses its base is the one that is chosen. */
        (void)snprintf(path, sizeof path, "%s/base-%u", place->lease, (unsigned)round);
        char away[DIRECTORY_PATH_MAX + 64];
        (void)snprintf(away, sizeof away, "%s/away", place->lease);
        copy.training = training_create(&place->config);
        note_all(&copy);
        assert_int_equal(rename(path, away), 0);
        const enum exit_code code = check(&copy, &report);
        assert_int_equal(rename(away, path), 0);
        training_free(copy.training);
        if (code == EXIT_CODE_INCOMPLETE) {
            return;
        }
    }
}

static void forget(const struct place *place, const char *name)
{
    char path[DIRECTORY_PATH_MAX + 64];
    (void)snprintf(path, sizeof path, "%s/%s", place->lease, name);
    assert_int_equal(unlink(path), 0);
}

/* ---- Tests ---------- */

static void test_right(void **state)
{
    struct place place;
    struct audit_training_report report;
    (void)state;
    place_open(&place);
    job_run_all(&place);
    note_all(&place);
    assert_int_equal(check(&place, &report), EXIT_CODE_OK);
    assert_int_equal(report.revealed, ROUNDS);
    assert_int_equal(report.right, ROUNDS);
    place_close(&place);
}

/* The trace root does not say how many leaves there are: two nodes and a leaf have it, too. */
static void test_other_leaves(void **state)
{
    struct place place;
    struct audit_training_report report;
    struct hash root;
    (void)state;
    for (uint32_t code = CODE_OK; code <= REFUSED; code += REFUSED) {
        place_open(&place);
        job_run_all(&place);
        struct body_proof_of_training forged = place.bodies[2];
        forged.roots_count = 3;
        for (size_t i = 0; i < 2; i++) {
            struct vm_tree tree;
            vm_tree_init(&tree, crypto_hash_port());
            vm_tree_add(&tree, &place.bodies[2].roots[2 * i]);
            vm_tree_add(&tree, &place.bodies[2].roots[2 * i + 1]);
            vm_tree_root(&tree, &forged.roots[i]);
        }
        forged.roots[2] = place.bodies[2].roots[4];
        vm_trace_root(forged.roots, 3, crypto_hash_port(), &root);
        assert_true(hash_equal(&root, &place.claims[2].trace_root));
        note(&place, &forged, code);
        note_all(&place);
        assert_int_equal(check(&place, &report), EXIT_CODE_OK);
        assert_int_equal(report.right, ROUNDS);
        place_close(&place);
    }
}

/* What was refused says nothing, and what nobody showed cannot be judged. */
static void test_nothing_shown(void **state)
{
    struct place place;
    struct audit_training_report report;
    (void)state;
    place_open(&place);
    job_run_all(&place);
    note(&place, &place.bodies[0], CODE_OK);
    note(&place, &place.bodies[1], REFUSED);
    note(&place, &place.bodies[2], REFUSED);
    assert_int_equal(check(&place, &report), EXIT_CODE_INCOMPLETE);
    assert_int_equal(report.right, 1);
    place_close(&place);
}

/* Every step is right, and the record explains the delta by an error feedback that the rounds
 * before do not lead to. */
static void test_invented_error_feedback(void **state)
{
    struct place place;
    struct audit_training_report report;
    (void)state;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        place_open(&place);
        place.lie[round] = 0.25F;
        job_run_all(&place);
        note_all(&place);
        assert_int_equal(check(&place, &report), EXIT_CODE_VERIFY);
        assert_true(report.found && report.in_delta);
        assert_int_equal(report.round, round);
        place_close(&place);
    }
}

/* A chosen segment rests on all before it, whether they are run or not. */
static void test_rounds_before(void **state)
{
    struct place place;
    struct audit_training_report report;
    (void)state;
    place_open(&place);
    job_run_all(&place);
    choose(&place, 2);
    note_all(&place);
    forget(&place, "segment-1"); /* was left out: it left nothing */
    forget(&place, "segment-2");
    assert_int_equal(check(&place, &report), EXIT_CODE_OK);
    assert_int_equal(report.chosen, 1);
    forget(&place, "segment-0");
    training_free(place.training);
    place.training = training_create(&place.config);
    note_all(&place);
    assert_int_equal(check(&place, &report), EXIT_CODE_INCOMPLETE);
    place_close(&place);

    place_open(&place);
    place.lie[0] = 0.25F;
    job_run_all(&place);
    place.config.segments = 1;
    for (place.config.seed = 0; place.config.seed < 8; place.config.seed++) {
        training_free(place.training);
        place.training = training_create(&place.config);
        note_all(&place);
        assert_int_equal(check(&place, &report), EXIT_CODE_VERIFY);
        assert_true(report.in_delta);
        assert_int_equal(report.round, 0);
    }
    place_close(&place);
}

/* A program that no run could have run is told, not run. */
static void test_constants(void **state)
{
    struct place place;
    struct audit_training_report report;
    (void)state;
    const struct vm_tensor tensors[] = {
        {.dtype = VM_F32, .rank = 2, .kind = VM_STATE, .dims = {1, 1, 1, 1}},
        {.dtype = VM_F32, .rank = 2, .kind = VM_CONST, .dims = {1, 1, 1, 1}},
        {.dtype = VM_F32, .rank = 2, .kind = VM_TEMP, .dims = {1, 1, 1, 1}}};
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
    place_open(&place);
    place.posted = &program;
    job_run_all(&place);
    note_all(&place);
    struct error error = {.code = EXIT_CODE_OK};
    const struct state_view view = {.context = &place, .get = view_get};
    report = (struct audit_training_report){.found = false};
    assert_false(training_check(place.training, &view, &report, &error));
    assert_int_equal(error.code, EXIT_CODE_INCOMPLETE);
    assert_non_null(strstr(error.detail, "constant tensors"));
    place_close(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right),         cmocka_unit_test(test_other_leaves),
        cmocka_unit_test(test_nothing_shown), cmocka_unit_test(test_invented_error_feedback),
        cmocka_unit_test(test_rounds_before), cmocka_unit_test(test_constants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
