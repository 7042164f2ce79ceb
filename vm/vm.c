#include "vm/vm.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "vm/machine.h"
#include "vm/num/num.h"
#include "vm/op/run.h"
#include "vm/tensor/tensor.h"

#if defined(__x86_64__)

enum { MXCSR_DEFAULT = 0x1F80 }; /* 20.1: nearest, FTZ = DAZ = 0, all exceptions masked */

uint32_t vm_enter(void)
{
    const uint32_t saved = _mm_getcsr();
    _mm_setcsr(MXCSR_DEFAULT);
    return saved;
}

void vm_leave(uint32_t saved)
{
    _mm_setcsr(saved);
}

#elif defined(__aarch64__)

uint32_t vm_enter(void)
{
    uint64_t saved = 0;
    __asm__ volatile("mrs %0, fpcr" : "=r"(saved));
    __asm__ volatile("msr fpcr, %0" : : "r"(UINT64_C(0)));
    return (uint32_t)saved;
}

void vm_leave(uint32_t saved)
{
    __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)saved));
}

#else
#error "the float environment of this machine is not known"
#endif

static void *tensor_at(const struct vm *vm, uint32_t id)
{
    return vm->slots[vm->slots[id].root].data;
}

/* Everything that the program reads besides its state is there. */
static bool is_complete(const struct vm_setup *setup)
{
    const struct vm_program *program = setup->program;
    bool complete = program->const_count == 0 || setup->consts != NULL;
    for (uint32_t id = 0; id < program->tensor_count; id++) {
        complete = complete && (program->tensors[id].kind != VM_DATA || setup->data != NULL);
    }
    for (uint32_t i = 0; complete && i < program->const_count; i++) {
        complete = setup->consts[i] != NULL;
    }
    return complete;
}

struct vm *vm_init(const struct vm_setup *setup, void *table, void *arena)
{
    const struct vm_program *program = setup->program;
    struct vm *vm = table;
    uint8_t *base = arena;
    ASSERT(((uintptr_t)arena & (VM_ALIGN - 1)) == 0);
    if (!is_complete(setup)) {
        return NULL;
    }
    vm->setup = *setup;
    vm->kernels = vm_kernels(setup->isa.kind);
    vm->scratch = (float *)(void *)(base + vm->scratch_offset);
    uint32_t next_const = 0;
    for (uint32_t id = 0; id < program->tensor_count; id++) {
        struct vm_slot *slot = &vm->slots[id];
        const uint8_t kind = program->tensors[id].kind;
        if (kind == VM_CONST) {
            /* Read only: no operator writes a tensor that is not VM_TEMP. */
            memcpy(&slot->data, &setup->consts[next_const++], sizeof slot->data);
        } else if (kind == VM_DATA) {
            memcpy(&slot->data, &setup->data, sizeof slot->data);
        } else if (slot->offset != UINT64_MAX) {
            slot->data = base + slot->offset;
        }
    }
    for (uint32_t i = 0; i < program->state_count; i++) {
        struct vm_pair *pair = &vm->pairs[i];
        const uint64_t size = vm_tensor_bytes(&program->tensors[program->state_in[i]]);
        memset(base + pair->offset, 0, size);
        pair->spare = pair->fixed ? NULL : base + pair->spare_offset;
    }
    return vm;
}

void *vm_state(struct vm *vm, uint32_t index)
{
    ASSERT(index < vm->setup.program->state_count);
    return vm->slots[vm->setup.program->state_in[index]].data;
}

const void *vm_tensor_data(const struct vm *vm, uint32_t tensor)
{
    return tensor_at(vm, tensor);
}

void vm_step_begin(struct vm *vm, const struct hash *key, uint64_t step)
{
    vm->key = *key;
    vm->step = step;
    for (uint32_t lane = 0; lane < vm->lanes; lane++) {
        vm->faults[lane] = (struct vm_fault){VM_TRAP_NONE, vm->setup.program->op_count};
    }
}

/* About ten microseconds of work are worth waking another thread. */
enum { SHARED_ELEMENTS = 16384, SHARED_MACS = 1 << 20 };

uint32_t vm_op_items(const struct vm *vm, uint32_t op, uint32_t lanes)
{
    const struct vm_program *program = vm->setup.program;
    const struct vm_op *o = &program->ops[op];
    const struct vm_tensor *out = &program->tensors[o->out[0]];
    const uint64_t elements = vm_tensor_elements(out);
    switch (o->opcode) {
    case VM_RESHAPE:
    case VM_SLICE:
    case VM_CONCAT:
        return 1;
    case VM_MATMUL:
    case VM_BMM: {
        const struct vm_tensor *a = &program->tensors[o->in[0]];
        const uint32_t inner = a->dims[a->rank - ((o->attrs[0] & VM_TA) != 0 ? 2 : 1)];
        return elements * inner < SHARED_MACS ? 1 : lanes;
    }
    case VM_ROWSUM:
    case VM_ROWDOT:
    case VM_ROWMAX:
    case VM_ROWARGMAX:
    case VM_COLSUM:
    case VM_SCATTER_ADD_ROWS: {
        const uint32_t wide = o->in[o->in_count - 1];
        return vm_tensor_elements(&program->tensors[wide]) < SHARED_ELEMENTS ? 1 : lanes;
    }
    default:
        return elements < SHARED_ELEMENTS ? 1 : lanes;
    }
}

void vm_op_run(struct vm *vm, uint32_t op, uint32_t item, uint32_t count, uint32_t lane)
{
    const struct vm_program *program = vm->setup.program;
    ASSERT(op < program->op_count && item < count && lane < vm->lanes);
    const struct vm_op *o = &program->ops[op];
    struct vm_frame frame = {.kernels = vm->kernels,
                             .op = o,
                             .key = &vm->key,
                             .step = vm->step,
                             .item = item,
                             .count = count,
                             .scratch = vm->scratch + (size_t)lane * VM_PACK_FLOATS};
    for (int i = 0; i < o->in_count; i++) {
        frame.in[i] = &program->tensors[o->in[i]];
        frame.x[i] = tensor_at(vm, o->in[i]);
    }
    for (int i = 0; i < o->out_count; i++) {
        frame.out[i] = &program->tensors[o->out[i]];
        frame.y[i] = tensor_at(vm, o->out[i]);
    }
    const uint32_t saved = vm_enter();
    const enum vm_trap trap = vm_run_op(&frame);
    vm_leave(saved);
    if (trap != VM_TRAP_NONE && op < vm->faults[lane].op) {
        vm->faults[lane] = (struct vm_fault){trap, op};
    }
}

/* The first operator that trapped, on any lane.  An operator has one kind of trap, so which
 * item met it does not matter. */
static struct vm_fault first_fault(const struct vm *vm)
{
    struct vm_fault first = {VM_TRAP_NONE, vm->setup.program->op_count};
    for (uint32_t lane = 0; lane < vm->lanes; lane++) {
        if (vm->faults[lane].trap != VM_TRAP_NONE &&
            (first.trap == VM_TRAP_NONE || vm->faults[lane].op < first.op)) {
            first = vm->faults[lane];
        }
    }
    return first;
}

/* Copies first: a copy may read the current buffer of another state. */
static void commit_state(struct vm *vm)
{
    const struct vm_program *program = vm->setup.program;
    for (uint32_t i = 0; i < program->state_count; i++) {
        struct vm_pair *pair = &vm->pairs[i];
        if (!pair->fixed && !pair->direct) {
            memcpy(pair->spare, tensor_at(vm, program->state_out[i]),
                   vm_tensor_bytes(&program->tensors[program->state_in[i]]));
        }
    }
    for (uint32_t i = 0; i < program->state_count; i++) {
        struct vm_pair *pair = &vm->pairs[i];
        if (pair->fixed) {
            continue;
        }
        struct vm_slot *in = &vm->slots[program->state_in[i]];
        void *old = in->data;
        in->data = pair->spare;
        pair->spare = old;
        if (pair->direct) {
            vm->slots[vm->slots[program->state_out[i]].root].data = old;
        }
    }
}

bool vm_step_end(struct vm *vm, struct vm_result *out)
{
    const struct vm_program *program = vm->setup.program;
    const struct vm_fault fault = first_fault(vm);
    *out = (struct vm_result){.trap = fault.trap, .op = fault.op, .loss = 0.0F};
    if (fault.trap != VM_TRAP_NONE) {
        return false;
    }
    float loss = 0;
    memcpy(&loss, tensor_at(vm, program->loss), sizeof loss);
    if ((vm_bits(loss) & 0x7F800000u) == 0x7F800000u) {
        out->trap = VM_TRAP_LOSS;
        return false;
    }
    out->loss = loss;
    commit_state(vm);
    return true;
}

bool vm_step(struct vm *vm, const struct hash *key, uint64_t step, struct vm_result *out)
{
    vm_step_begin(vm, key, step);
    const uint32_t ops = vm->setup.program->op_count;
    for (uint32_t op = 0; op < ops && vm->faults[0].trap == VM_TRAP_NONE; op++) {
        vm_op_run(vm, op, 0, 1, 0);
    }
    return vm_step_end(vm, out);
}

static const struct vm_tensor *state_tensor(const struct vm *vm, uint32_t index)
{
    return &vm->setup.program->tensors[vm->setup.program->state_in[index]];
}

static void group_root(struct vm *vm, enum vm_group group, const struct hash_port *hash,
                       struct hash *out)
{
    struct vm_tree tree;
    vm_tree_init(&tree, hash);
    for (uint32_t i = 0; i < vm->setup.program->state_count; i++) {
        if (state_tensor(vm, i)->flags == group) {
            struct hash root;
            vm_tensor_root(state_tensor(vm, i), vm_state(vm, i), hash, &root);
            vm_tree_add(&tree, &root);
        }
    }
    vm_tree_root(&tree, out);
}

void vm_roots(struct vm *vm, const struct hash_port *hash, struct vm_state_roots *out)
{
    group_root(vm, VM_PARAMS, hash, &out->params);
    group_root(vm, VM_INNER, hash, &out->inner);
    group_root(vm, VM_COUNTERS, hash, &out->counters);
}
