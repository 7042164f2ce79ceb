/* Is this program well formed?  One pass over tensors, one over operators, one over the state;
 * every rule of program.h has its verdict here or in check_op.c. */

#include <string.h>

#include "vm/program/record.h"
#include "vm/tensor/tensor.h"

static bool tensor_fits(const struct vm_tensor *tensor)
{
    if (vm_dtype_size(tensor->dtype) == 0 || tensor->rank < 1 || tensor->rank > VM_RANK_MAX ||
        tensor->kind > VM_DATA) {
        return false;
    }
    uint64_t elements = 1;
    for (int i = 0; i < VM_RANK_MAX; i++) {
        const uint32_t dim = tensor->dims[i];
        if (dim == 0 || dim > TENSOR_ELEMENTS_MAX || (i >= tensor->rank && dim != 1)) {
            return false;
        }
        elements *= dim;
        if (elements > TENSOR_ELEMENTS_MAX) {
            return false;
        }
    }
    const uint8_t group_max = tensor->kind == VM_STATE ? VM_COUNTERS : 0;
    return tensor->flags <= group_max &&
           (tensor->kind == VM_CONST || hash_is_zero(&tensor->const_root));
}

static enum vm_verdict check_tensors(const struct vm_program *program, struct vm_cost *cost,
                                     uint32_t *where)
{
    uint32_t counts[VM_DATA + 1] = {0};
    for (uint32_t i = 0; i < program->tensor_count; i++) {
        const struct vm_tensor *tensor = &program->tensors[i];
        *where = i;
        if (!tensor_fits(tensor)) {
            return VM_BAD_TENSOR;
        }
        counts[tensor->kind]++;
        cost->bytes += vm_tensor_bytes(tensor);
    }
    *where = 0;
    if (counts[VM_STATE] != program->state_count || counts[VM_CONST] != program->const_count ||
        counts[VM_DATA] > 1) {
        return VM_BAD_STATE;
    }
    return cost->bytes > STEP_BYTES_MAX ? VM_BAD_COST : VM_OK;
}

/* The walk over the operators: which temporaries exist so far, and the highest of them. */
struct walk {
    const struct vm_program *program;
    uint8_t *written;
    uint32_t written_count;
    uint32_t next; /* lowest id that may still be written */
};

static bool link_inputs(const struct walk *walk, const struct vm_op *op, struct vm_view *view)
{
    for (uint32_t i = 0; i < op->in_count; i++) {
        const uint32_t id = op->in[i];
        if (id >= walk->program->tensor_count) {
            return false;
        }
        view->in[i] = &walk->program->tensors[id];
        if (view->in[i]->kind == VM_TEMP && walk->written[id] == 0) {
            return false;
        }
    }
    return true;
}

static bool link_outputs(struct walk *walk, const struct vm_op *op, struct vm_view *view)
{
    uint32_t lowest = walk->next;
    for (uint32_t i = 0; i < op->in_count; i++) {
        lowest = op->in[i] >= lowest ? op->in[i] + 1 : lowest;
    }
    for (uint32_t i = 0; i < op->out_count; i++) {
        const uint32_t id = op->out[i];
        if (id < lowest || id >= walk->program->tensor_count) {
            return false;
        }
        view->out[i] = &walk->program->tensors[id];
        if (view->out[i]->kind != VM_TEMP) {
            return false;
        }
        walk->written[id] = 1;
        walk->written_count++;
        lowest = id + 1;
    }
    walk->next = lowest;
    return true;
}

static enum vm_verdict check_one(struct walk *walk, const struct vm_op *op, struct vm_cost *cost)
{
    if (op->in_count > VM_IN_MAX || op->out_count > VM_OUT_MAX || op->attr_size > VM_ATTR_MAX ||
        vm_op_record_size(op) > VM_OP_SIZE_MAX) {
        return VM_BAD_OP_SIZE;
    }
    struct vm_view view = {.op = op};
    if (!link_inputs(walk, op, &view) || !link_outputs(walk, op, &view)) {
        return VM_BAD_ID;
    }
    const enum vm_verdict verdict = vm_check_op(&view);
    if (verdict != VM_OK) {
        return verdict;
    }
    vm_cost_add(&view, walk->program->tensor_count, cost);
    if (cost->witness_max > WITNESS_SIZE_MAX) {
        return VM_BAD_WITNESS;
    }
    return cost->gas > STEP_GAS_MAX ? VM_BAD_COST : VM_OK;
}

static enum vm_verdict check_ops(const struct vm_program *program, uint8_t *written,
                                 struct vm_cost *cost, uint32_t *where)
{
    struct walk walk = {.program = program, .written = written};
    memset(written, 0, program->tensor_count);
    for (uint32_t i = 0; i < program->op_count; i++) {
        *where = i;
        const enum vm_verdict verdict = check_one(&walk, &program->ops[i], cost);
        if (verdict != VM_OK) {
            return verdict;
        }
    }
    *where = 0;
    uint32_t others = program->state_count;
    others += program->const_count;
    for (uint32_t i = 0; i < program->tensor_count; i++) {
        others += program->tensors[i].kind == VM_DATA;
    }
    return walk.written_count + others == program->tensor_count ? VM_OK : VM_BAD_ID;
}

static bool state_pair_fits(const struct vm_tensor *in, const struct vm_tensor *out)
{
    const bool typed = in->dtype == VM_F32 || (in->dtype == VM_I32 && in->flags != VM_PARAMS);
    return typed && in->dtype == out->dtype && in->rank == out->rank &&
           memcmp(in->dims, out->dims, sizeof in->dims) == 0 && (in == out || out->kind == VM_TEMP);
}

static enum vm_verdict check_state(const struct vm_program *program, uint32_t *where)
{
    uint32_t lowest = 0;
    for (uint32_t i = 0; i < program->state_count; i++) {
        const uint32_t in = program->state_in[i];
        const uint32_t out = program->state_out[i];
        *where = i;
        if (in < lowest || in >= program->tensor_count || out >= program->tensor_count ||
            program->tensors[in].kind != VM_STATE) {
            return VM_BAD_STATE;
        }
        if (!state_pair_fits(&program->tensors[in], &program->tensors[out])) {
            return VM_BAD_STATE;
        }
        lowest = in + 1;
    }
    *where = program->loss;
    if (program->loss >= program->tensor_count) {
        return VM_BAD_LOSS;
    }
    const struct vm_tensor *loss = &program->tensors[program->loss];
    if (loss->kind != VM_TEMP || loss->dtype != VM_F32 || vm_tensor_elements(loss) != 1) {
        return VM_BAD_LOSS;
    }
    *where = 0;
    return VM_OK;
}

enum vm_verdict vm_program_check(const struct vm_program *program, uint8_t *written,
                                 struct vm_cost *cost, uint32_t *where)
{
    struct vm_cost sum = {0};
    *where = 0;
    if (program->op_count == 0 || program->op_count > PROGRAM_OPS_MAX ||
        program->tensor_count == 0 || program->tensor_count > PROGRAM_SIZE_MAX / VM_TENSOR_SIZE) {
        return VM_BAD_COUNT;
    }
    enum vm_verdict verdict = check_tensors(program, &sum, where);
    if (verdict == VM_OK) {
        verdict = check_ops(program, written, &sum, where);
    }
    if (verdict == VM_OK) {
        verdict = check_state(program, where);
    }
    if (verdict == VM_OK && cost != NULL) {
        *cost = sum;
    }
    return verdict;
}

void vm_program_cost(const struct vm_program *program, struct vm_cost *out)
{
    struct vm_cost cost = {0};
    for (uint32_t i = 0; i < program->tensor_count; i++) {
        cost.bytes += vm_tensor_bytes(&program->tensors[i]);
    }
    for (uint32_t i = 0; i < program->op_count; i++) {
        const struct vm_op *op = &program->ops[i];
        struct vm_view view = {.op = op};
        for (int k = 0; k < op->in_count; k++) {
            view.in[k] = &program->tensors[op->in[k]];
        }
        for (int k = 0; k < op->out_count; k++) {
            view.out[k] = &program->tensors[op->out[k]];
        }
        vm_cost_add(&view, program->tensor_count, &cost);
    }
    *out = cost;
}

const char *vm_verdict_text(enum vm_verdict verdict)
{
    static const char *const texts[] = {
        [VM_OK] = "accepted",
        [VM_BAD_SIZE] = "truncated, trailing bytes or too large",
        [VM_BAD_MAGIC] = "not a DTVM1 program",
        [VM_BAD_COUNT] = "impossible number of tensors or operators",
        [VM_BAD_TENSOR] = "bad tensor record",
        [VM_BAD_OP_SIZE] = "operator record too large",
        [VM_BAD_OPCODE] = "unknown operator",
        [VM_NOT_IMPLEMENTED] = "operator not implemented in this version",
        [VM_BAD_ID] = "tensor id out of range or not in written order",
        [VM_BAD_ARITY] = "wrong number of inputs or outputs",
        [VM_BAD_TYPE] = "wrong element type",
        [VM_BAD_SHAPE] = "shapes do not fit",
        [VM_BAD_ATTR] = "bad attributes",
        [VM_BAD_EWISE] = "bad element-wise code",
        [VM_BAD_STATE] = "state, constants and data do not match the tensors",
        [VM_BAD_LOSS] = "the loss is not one f32",
        [VM_BAD_WITNESS] = "an operator's witness would not fit a transaction",
        [VM_BAD_COST] = "too much work or memory for one step",
    };
    return texts[verdict];
}
