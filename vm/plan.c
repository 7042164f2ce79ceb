/* The memory plan: which tensors share which bytes of the arena. */

#include <string.h>

#include "vm/machine.h"
#include "vm/tensor/tensor.h"

struct hole {
    uint64_t from;
    uint64_t to;
};

/* Free space below `top`, ascending, no two holes adjacent.  There are never more holes than
 * live blocks plus one. */
struct allocator {
    struct hole *holes;
    uint32_t count;
    uint64_t top;
    uint64_t peak;
};

struct planner {
    const struct vm_program *program;
    struct vm *vm;
    struct allocator heap;
    uint32_t *deaths; /* per operator, a list of slots */
};

static uint64_t rounded(uint64_t bytes)
{
    return (bytes + VM_ALIGN - 1) / VM_ALIGN * VM_ALIGN;
}

static void remove_hole(struct allocator *heap, uint32_t i)
{
    heap->count--;
    memmove(&heap->holes[i], &heap->holes[i + 1], (heap->count - i) * sizeof *heap->holes);
}

/* Best fit: the smallest hole that is large enough, else at the top. */
static uint64_t heap_take(struct allocator *heap, uint64_t size)
{
    uint32_t best = VM_NOWHERE;
    for (uint32_t i = 0; i < heap->count; i++) {
        const uint64_t room = heap->holes[i].to - heap->holes[i].from;
        if (room >= size &&
            (best == VM_NOWHERE || room < heap->holes[best].to - heap->holes[best].from)) {
            best = i;
        }
    }
    if (best == VM_NOWHERE) {
        const uint64_t at = heap->top;
        heap->top += size;
        heap->peak = heap->top > heap->peak ? heap->top : heap->peak;
        return at;
    }
    const uint64_t at = heap->holes[best].from;
    heap->holes[best].from += size;
    if (heap->holes[best].from == heap->holes[best].to) {
        remove_hole(heap, best);
    }
    return at;
}

static void heap_give(struct allocator *heap, uint64_t from, uint64_t to)
{
    uint32_t i = 0;
    while (i < heap->count && heap->holes[i].from < from) {
        i++;
    }
    memmove(&heap->holes[i + 1], &heap->holes[i], (heap->count - i) * sizeof *heap->holes);
    heap->holes[i] = (struct hole){from, to};
    heap->count++;
    if (i + 1 < heap->count && heap->holes[i + 1].from == to) {
        heap->holes[i].to = heap->holes[i + 1].to;
        remove_hole(heap, i + 1);
    }
    if (i > 0 && heap->holes[i - 1].to == from) {
        heap->holes[i - 1].to = heap->holes[i].to;
        remove_hole(heap, i);
        i--;
    }
    if (heap->holes[i].to == heap->top) {
        heap->top = heap->holes[i].from;
        heap->count = i;
    }
}

static uint64_t slot_size(const struct planner *p, uint32_t id)
{
    return rounded(vm_tensor_bytes(&p->program->tensors[id]));
}

static void use_slot(struct planner *p, uint32_t id, uint32_t op)
{
    p->vm->slots[p->vm->slots[id].root].last_use = op;
}

/* Roots and last uses; operators ascend, so the last writer of last_use is the last reader. */
static void find_uses(struct planner *p)
{
    const struct vm_program *program = p->program;
    for (uint32_t id = 0; id < program->tensor_count; id++) {
        p->vm->slots[id] = (struct vm_slot){
            .root = id, .next = VM_NOWHERE, .owner = VM_NOWHERE, .offset = UINT64_MAX};
    }
    for (uint32_t i = 0; i < program->op_count; i++) {
        const struct vm_op *op = &program->ops[i];
        if (op->opcode == VM_RESHAPE) {
            p->vm->slots[op->out[0]].root = p->vm->slots[op->in[0]].root;
        }
        for (int k = 0; k < op->in_count; k++) {
            use_slot(p, op->in[k], i);
        }
        for (int k = 0; k < op->out_count; k++) {
            use_slot(p, op->out[k], i);
        }
    }
    use_slot(p, program->loss, program->op_count);
}

static void place_states(struct planner *p)
{
    const struct vm_program *program = p->program;
    struct vm_slot *slots = p->vm->slots;
    for (uint32_t i = 0; i < program->state_count; i++) {
        const uint32_t in = program->state_in[i];
        const uint64_t size = slot_size(p, in);
        struct vm_pair *pair = &p->vm->pairs[i];
        *pair = (struct vm_pair){.fixed = program->state_out[i] == in};
        pair->offset = heap_take(&p->heap, size);
        slots[in].offset = pair->offset;
        slots[in].owner = i;
        if (pair->fixed) {
            continue;
        }
        pair->spare_offset = heap_take(&p->heap, size);
        struct vm_slot *out = &slots[slots[program->state_out[i]].root];
        pair->direct = program->tensors[out - slots].kind == VM_TEMP && out->owner == VM_NOWHERE;
        if (pair->direct) {
            out->owner = i;
            out->offset = pair->spare_offset;
        } else {
            out->last_use = program->op_count;
        }
    }
}

static bool is_planned(const struct planner *p, uint32_t id)
{
    const struct vm_slot *slot = &p->vm->slots[id];
    return slot->root == id && slot->owner == VM_NOWHERE && p->program->tensors[id].kind == VM_TEMP;
}

static void place_temp(struct planner *p, uint32_t id)
{
    struct vm_slot *slot = &p->vm->slots[id];
    if (!is_planned(p, id)) {
        return;
    }
    slot->offset = heap_take(&p->heap, slot_size(p, id));
    if (slot->last_use < p->program->op_count) {
        slot->next = p->deaths[slot->last_use];
        p->deaths[slot->last_use] = id;
    }
}

static void place_temps(struct planner *p)
{
    const struct vm_slot *slots = p->vm->slots;
    for (uint32_t i = 0; i < p->program->op_count; i++) {
        const struct vm_op *op = &p->program->ops[i];
        for (int k = 0; k < op->out_count; k++) {
            place_temp(p, op->out[k]);
        }
        for (uint32_t id = p->deaths[i]; id != VM_NOWHERE; id = slots[id].next) {
            heap_give(&p->heap, slots[id].offset, slots[id].offset + slot_size(p, id));
        }
    }
}

/* The parts of a table, in this order. */
struct parts {
    struct vm *vm;
    struct vm_slot *slots;
    struct vm_pair *pairs;
    struct hole *holes;
    uint32_t *deaths;
};

static size_t aligned8(size_t size)
{
    return (size + 7) / 8 * 8;
}

size_t vm_table_size(const struct vm_program *program)
{
    return aligned8(sizeof(struct vm)) + program->tensor_count * sizeof(struct vm_slot) +
           program->state_count * sizeof(struct vm_pair) +
           (program->tensor_count + (size_t)2) * sizeof(struct hole) +
           program->op_count * sizeof(uint32_t);
}

static struct parts parts_of(const struct vm_program *program, void *memory)
{
    struct parts parts;
    parts.vm = memory;
    parts.slots = (struct vm_slot *)(void *)((uint8_t *)memory + aligned8(sizeof(struct vm)));
    parts.pairs = (struct vm_pair *)(parts.slots + program->tensor_count);
    parts.holes = (struct hole *)(parts.pairs + program->state_count);
    parts.deaths = (uint32_t *)(parts.holes + program->tensor_count + 2);
    return parts;
}

uint64_t vm_footprint(const struct vm_program *program, uint32_t lanes, void *table)
{
    ASSERT(lanes >= 1 && lanes <= VM_LANES_MAX);
    const struct parts parts = parts_of(program, table);
    *parts.vm = (struct vm){.slots = parts.slots, .pairs = parts.pairs, .lanes = lanes};
    struct planner p = {
        .program = program, .vm = parts.vm, .heap = {.holes = parts.holes}, .deaths = parts.deaths};
    for (uint32_t i = 0; i < program->op_count; i++) {
        parts.deaths[i] = VM_NOWHERE;
    }
    find_uses(&p);
    parts.vm->scratch_offset =
        heap_take(&p.heap, rounded((uint64_t)lanes * VM_PACK_FLOATS * sizeof(float)));
    place_states(&p);
    place_temps(&p);
    parts.vm->footprint = p.heap.peak;
    return p.heap.peak;
}
