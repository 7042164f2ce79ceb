#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/worker/register.h"
#include "client/worker/task.h"
#include "tests/support/fake_node.h"
#include "wire/codec/codec.h"

/* Which plans a worker refuses: programs come from whoever posts a job. */

static const struct hash job = {.bytes = {7, 7}};

struct place {
    struct fake_node *node;
    struct light *light;
    struct crypto_key *key;
    struct worker_config config;
    struct worker worker;
    /* x [side, side] becomes x * y, which is also the loss if side is 1. */
    struct vm_tensor tensors[3];
    struct vm_op op;
    uint32_t state_in;
    uint32_t state_out;
    struct vm_program program;
};

/* y is x, or a constant. */
static void program_make(struct place *place, bool constant)
{
    const struct vm_tensor x = {.dtype = VM_F32, .rank = 2, .kind = VM_STATE, .dims = {1, 1, 1, 1}};
    const uint32_t out = constant ? 2 : 1;
    for (uint32_t i = 0; i < 3; i++) {
        place->tensors[i] = x;
    }
    place->tensors[1].kind = VM_CONST;
    place->tensors[1].const_root.bytes[0] = 1;
    place->tensors[out] = x;
    place->tensors[out].kind = VM_TEMP;
    place->op = (struct vm_op){.opcode = VM_MATMUL,
                               .in_count = 2,
                               .out_count = 1,
                               .attr_size = 1,
                               .in = {0, constant ? 1U : 0U},
                               .out = {out}};
    place->state_in = 0;
    place->state_out = out;
    place->program = (struct vm_program){.tensor_count = out + 1,
                                         .op_count = 1,
                                         .state_count = 1,
                                         .const_count = constant ? 1 : 0,
                                         .tensors = place->tensors,
                                         .ops = &place->op,
                                         .state_in = &place->state_in,
                                         .state_out = &place->state_out,
                                         .loss = out};
    uint8_t written[3];
    struct vm_cost cost;
    uint32_t where = 0;
    assert_int_equal(vm_program_check(&place->program, written, &cost, &where), VM_OK);
}

static struct hash put_program(struct place *place)
{
    static uint8_t bytes[512];
    struct hash root;
    const size_t size = vm_program_encode(&place->program, bytes, sizeof bytes);
    assert_true(size > 0);
    vm_program_root(&place->program, crypto_hash_port(), &root);
    const struct program record = {
        .version = 1, .size = (uint32_t)size, .part_count = 1, .status = PROGRAM_CHECKED};
    const struct key key = key_object(KEY_PROGRAM, &root);
    const struct key part = key_part(&record.owner, &root, 0);
    fake_put_record(place->node, &key, &record_program, &record);
    fake_put(place->node, &part, bytes_of(bytes, size));
    return root;
}

/* A plan of this worker alone; the task as view.c makes it. */
static void put_plan(struct place *place)
{
    struct worker *worker = &place->worker;
    struct task *task = calloc(1, sizeof *task);
    uint8_t bytes[1024];
    struct wire_writer writer;
    struct bytes encoded;
    struct crypto_tree tree;
    const struct hash root = put_program(place);
    task->job = job;
    task->version = 1;
    task->lease_id = (struct hash){{0xAB}};
    const struct job_terms terms = {
        .version = 1, .program_root = root, .local_steps = 4, .checkpoints = 2, .round_ms = 1000};
    const struct member member = {.version = 1,
                                  .lease_id = task->lease_id,
                                  .worker = worker->address,
                                  .steps = 4,
                                  .segment_price = 10};
    struct plan plan = {.version = 1, .job = job, .member_count = 1, .program_root = root};
    wire_writer_init(&writer, bytes, sizeof bytes);
    record_write(&record_member, &writer, &member);
    assert_true(wire_writer_end(&writer, &encoded));
    crypto_tree_init(&tree, TAG_PLAN_TREE);
    crypto_tree_append(&tree, encoded);
    crypto_tree_root(&tree, &plan.members_root);
    const struct key keys[] = {key_plan(&job, 1), key_object(KEY_TERMS, &job),
                               key_member(&job, 1, 0)};
    fake_put_record(place->node, &keys[0], &record_plan, &plan);
    fake_put_record(place->node, &keys[1], &record_job_terms, &terms);
    fake_put_record(place->node, &keys[2], &record_member, &member);
    task->process.plan_hash = id_plan(&plan);
    worker->task = task;
    fake_commit(place->node);
    fake_commit(place->node);
}

static void place_open(struct place *place, bool constant)
{
    memset(place, 0, sizeof *place);
    place->node = fake_open();
    place->light = fake_light(place->node);
    place->key = crypto_key_generate();
    place->config = (struct worker_config){.threads = 1};
    place->worker = (struct worker){.config = &place->config, .light = place->light};
    crypto_address(crypto_key_public(place->key), &place->worker.address);
    program_make(place, constant);
    put_plan(place);
}

static void place_close(struct place *place)
{
    task_free(place->worker.task);
    light_close(place->light);
    crypto_key_free(place->key);
    fake_close(place->node);
}

static bool judged_good(struct place *place)
{
    struct error error;
    if (!task_judge(&place->worker, &error)) {
        fail_msg("%s", error.detail);
    }
    assert_true(place->worker.task->judged);
    return place->worker.task->acceptable;
}

static void test_constants_are_refused(void **state)
{
    struct place place;
    (void)state;
    place_open(&place, false);
    assert_true(judged_good(&place));
    place_close(&place);
    place_open(&place, true);
    assert_false(judged_good(&place));
    place_close(&place);
}

/* Nothing that a run would crash on is run. */
static void test_run_without_constants(void **state)
{
    struct place place;
    struct error error;
    (void)state;
    place_open(&place, true);
    const struct model_run_config config = {
        .program = &place.program, .threads = 1, .isa = {VM_ISA_PLAIN}};
    assert_null(model_run_new(&config, &error));
    assert_int_equal(error.code, EXIT_CODE_VERIFY);
    place_close(&place);
}

/* All of it counts, and one byte less is too little. */
static void test_memory(void **state)
{
    struct place place;
    (void)state;
    place_open(&place, false);
    assert_true(judged_good(&place));
    const uint64_t all = task_memory(&place.worker);
    const uint64_t run = model_run_memory(&place.worker.task->program, 1);
    assert_int_equal(all - run, 15 * 4 + 8 + 4 * place.worker.task->shape.delta_size);
    place.config.memory_max = all;
    assert_true(judged_good(&place));
    place.config.memory_max = all - 1;
    assert_false(judged_good(&place));
    /* Not set: a share of what this machine has. */
    place.config.memory_max = 0;
    assert_true(worker_memory_max(&place.config) > 0);
    assert_true(worker_memory_max(&place.config) < worker_ram_mib() << 20);
    place_close(&place);
}

static void test_price(void **state)
{
    struct place place;
    (void)state;
    place_open(&place, false);
    place.config.price_per_second = 11;
    assert_false(judged_good(&place));
    place_close(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_constants_are_refused),
        cmocka_unit_test(test_run_without_constants),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_price),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
