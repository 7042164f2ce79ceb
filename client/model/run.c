#include <stdlib.h>
#include <string.h>

#include "client/model/model.h"
#include "client/pool/pool.h"
#include "crypto/crypto.h"

STATIC_ASSERT((int)POOL_THREADS_MAX <= (int)VM_LANES_MAX, "every thread is a lane");

struct model_run {
    const struct vm_program *program;
    struct pool *pool;
    void *table;
    void *arena;
    struct vm *vm;
    uint32_t op; /* being run by the pool */
    uint32_t item_count;
};

uint64_t model_run_memory(const struct vm_program *program, uint32_t threads)
{
    const size_t table_size = vm_table_size(program);
    void *table = malloc(table_size);
    if (table == NULL) {
        return UINT64_MAX;
    }
    const uint64_t size = table_size + vm_footprint(program, threads, table);
    free(table);
    return size;
}

static bool memory_take(struct model_run *run, const struct model_run_config *config)
{
    run->table = malloc(vm_table_size(config->program));
    if (run->table == NULL) {
        return false;
    }
    const uint64_t size = vm_footprint(config->program, config->threads, run->table);
    run->arena = aligned_alloc(VM_ALIGN, (size_t)(size + VM_ALIGN - 1) / VM_ALIGN * VM_ALIGN);
    run->pool = pool_new(config->threads);
    return run->arena != NULL && run->pool != NULL;
}

struct model_run *model_run_new(const struct model_run_config *config, struct error *error)
{
    ASSERT(config->threads >= 1 && config->threads <= POOL_THREADS_MAX);
    struct model_run *run = calloc(1, sizeof *run);
    if (run == NULL || !memory_take(run, config)) {
        const uint64_t size = model_run_memory(config->program, config->threads);
        (void)error_set(error, EXIT_CODE_FAILURE,
                        "model: a run needs %llu MB and %u threads, which this machine denies",
                        (unsigned long long)(size >> 20), config->threads);
        model_run_free(run);
        return NULL;
    }
    const struct vm_setup setup = {
        .program = config->program, .isa = config->isa, .data = config->data};
    run->program = config->program;
    run->vm = vm_init(&setup, run->table, run->arena);
    if (run->vm == NULL) {
        (void)error_set(error, EXIT_CODE_VERIFY, "model: the program reads %s, and there is none",
                        config->program->const_count != 0 ? "constant tensors" : "a data set");
        model_run_free(run);
        return NULL;
    }
    return run;
}

void model_run_free(struct model_run *run)
{
    if (run == NULL) {
        return;
    }
    pool_free(run->pool);
    free(run->arena);
    free(run->table);
    free(run);
}

void *model_run_state(struct model_run *run, uint32_t index)
{
    return vm_state(run->vm, index);
}

void model_run_reset(struct model_run *run, const struct compiler_model *model)
{
    for (uint32_t i = 0; i < run->program->state_count; i++) {
        compiler_initial(model, i, vm_state(run->vm, i));
    }
}

static void item_run(void *context, uint32_t item, uint32_t lane)
{
    struct model_run *run = context;
    vm_op_run(run->vm, run->op, item, run->item_count, lane);
}

bool model_run_step(struct model_run *run, const struct hash *key, uint64_t step,
                    struct vm_result *out)
{
    vm_step_begin(run->vm, key, step);
    for (run->op = 0; run->op < run->program->op_count; run->op++) {
        run->item_count = vm_op_items(run->vm, run->op, pool_threads(run->pool));
        pool_run(run->pool, item_run, run, run->item_count);
    }
    return vm_step_end(run->vm, out);
}

void model_run_roots(struct model_run *run, struct vm_state_roots *out)
{
    vm_roots(run->vm, crypto_hash_port(), out);
}

void model_run_root(struct model_run *run, uint64_t step, struct hash *out)
{
    struct vm_state_roots roots;
    model_run_roots(run, &roots);
    vm_state_root(step, &roots, crypto_hash_port(), out);
}

static const struct vm_tensor *state_tensor(const struct vm_program *program, uint32_t index)
{
    return &program->tensors[program->state_in[index]];
}

uint64_t model_group_bytes(const struct vm_program *program, enum vm_group group)
{
    uint64_t size = 0;
    for (uint32_t i = 0; i < program->state_count; i++) {
        const struct vm_tensor *tensor = state_tensor(program, i);
        size += tensor->flags == group ? vm_tensor_bytes(tensor) : 0;
    }
    return size;
}

void model_run_read(struct model_run *run, enum vm_group group, void *out)
{
    uint8_t *at = out;
    for (uint32_t i = 0; i < run->program->state_count; i++) {
        const struct vm_tensor *tensor = state_tensor(run->program, i);
        if (tensor->flags == group) {
            memcpy(at, vm_state(run->vm, i), vm_tensor_bytes(tensor));
            at += vm_tensor_bytes(tensor);
        }
    }
}

void model_run_write(struct model_run *run, enum vm_group group, const void *in)
{
    const uint8_t *at = in;
    for (uint32_t i = 0; i < run->program->state_count; i++) {
        const struct vm_tensor *tensor = state_tensor(run->program, i);
        if (tensor->flags == group) {
            memcpy(vm_state(run->vm, i), at, vm_tensor_bytes(tensor));
            at += vm_tensor_bytes(tensor);
        }
    }
}
