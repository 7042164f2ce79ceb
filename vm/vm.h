#ifndef VM_VM_H
#define VM_VM_H

#include "vm/program/program.h"
#include "vm/tensor/tensor.h"

/* The deterministic tensor VM: runs steps of a program (program.h) with one result, bit for
 * bit, on every machine, compiler, instruction set and number of threads (docs/protocol-vm.md).
 *
 * The idea: every operator fixes the order in which each output element is computed, and
 * only + - * / sqrt fma round, once each (num.h).  Speed comes from computing many outputs at
 * a time, never from another order; so work is split over outputs only, and which kernel or
 * thread computes an output cannot matter.
 *
 * Pure: no heap, threads, clock or globals.  The caller owns the arena, chooses the
 * instruction set (base/cpu.h probes it) and, if it wants threads, runs the work items of an
 * operator on them, with a barrier between operators:
 *
 *   vm_step_begin(vm, &key, step);
 *   for (op = 0; op < program->op_count; op++) {
 *       count = vm_op_items(vm, op, threads);            // 1: too small to share
 *       run vm_op_run(vm, op, item, count, lane) for item < count, each once, in any order,
 *       at the same time if the lanes differ; then wait for all;
 *   }
 *   vm_step_end(vm, &result);
 *
 * vm_step does exactly this with one item per operator. */

/* Which kernels run.  The bits are the same; a kernel the CPU lacks is an illegal
 * instruction, so the caller probes first. */
enum vm_isa_kind {
    VM_ISA_PLAIN = 0,  /* the specification: plain C, emulated fma; any CPU */
    VM_ISA_FMA = 1,    /* plain C, scalar fma instruction */
    VM_ISA_AVX2 = 2,   /* AVX2 and FMA */
    VM_ISA_AVX512 = 3, /* AVX-512 F, BW, DQ, VL */
};

struct vm_isa {
    enum vm_isa_kind kind;
};

/* Why a step has no result (20.10).  Part of the claim, so frozen. */
enum vm_trap {
    VM_TRAP_NONE = 0,
    VM_TRAP_INDEX = 1, /* GATHER_ROWS, SCATTER_ADD_ROWS: index out of range */
    VM_TRAP_RANGE = 2, /* QUANT_I8: |x| >= 128 or NaN; DEQUANT_I8, AGG_SUM: shift > 40 */
    VM_TRAP_LOSS = 3,  /* the loss is not finite */
};

struct vm_result {
    enum vm_trap trap; /* not NONE: the state is what it was before the step */
    uint32_t op;       /* the first operator that trapped; op_count for the loss */
    float loss;        /* canonical; 0 after a trap */
};

/* What a run reads besides state.  Pointers are native row-major little-endian content,
 * aligned for the element type, and must outlive the vm. */
struct vm_setup {
    const struct vm_program *program; /* checked: vm_program_parse or _check said VM_OK */
    struct vm_isa isa;
    const void *const *consts; /* const_count contents, by ascending tensor id */
    const void *data;          /* the VM_DATA tensor; NULL if the program has none */
};

enum {
    VM_LANES_MAX = 64,
    VM_ALIGN = 64, /* of the arena and of every tensor in it */
};

struct vm;

/* Memory in two pieces, both the caller's: a table of the program's tensors (8-aligned), and
 * the arena of their contents.  vm_footprint plans in the table which tensors share memory
 * (a temporary lives from its operator to its last reader) and returns the bytes of arena: exact,
 * known before anything runs, never exceeded.  `lanes` work items may run at the same time.
 *
 *   table = malloc(vm_table_size(program));
 *   arena = aligned_alloc(VM_ALIGN, vm_footprint(program, lanes, table));
 *   vm = vm_init(&setup, table, arena);                                   */
size_t vm_table_size(const struct vm_program *program);
uint64_t vm_footprint(const struct vm_program *program, uint32_t lanes, void *table);

/* table as vm_footprint left it for the same program; arena VM_ALIGN-aligned.  The vm lives in
 * them until the caller frees them.  State starts as zeros.  NULL when the program reads
 * constants or data and the setup has none: programs come from others. */
MUST_USE struct vm *vm_init(const struct vm_setup *setup, void *table, void *arena);

/* State tensor i (index in state_in), to be filled before the first step and read between
 * steps.  The address changes with every step. */
void *vm_state(struct vm *vm, uint32_t index);

/* One step.  key: batch key of the round; step: counter of the step within the job.
 * Returns true and the new state is in place, or false with a trap and the old state. */
bool vm_step(struct vm *vm, const struct hash *key, uint64_t step, struct vm_result *out);

/* The same in pieces, for threads; see above. */
void vm_step_begin(struct vm *vm, const struct hash *key, uint64_t step);
uint32_t vm_op_items(const struct vm *vm, uint32_t op, uint32_t lanes);
void vm_op_run(struct vm *vm, uint32_t op, uint32_t item, uint32_t count, uint32_t lane);
bool vm_step_end(struct vm *vm, struct vm_result *out);

/* Content of any tensor after vm_step: only outputs nobody overwrote since (the loss, the
 * state, an output that no later operator freed) are meaningful.  For tests and traces. */
const void *vm_tensor_data(const struct vm *vm, uint32_t tensor);

/* Roots of the current state; step is the number of the next step. */
void vm_roots(struct vm *vm, const struct hash_port *hash, struct vm_state_roots *out);

/* Set round-to-nearest, subnormals kept, no traps (20.1); returns what to give back to
 * vm_leave.  Every function of this layer that computes floats does so itself. */
uint32_t vm_enter(void);
void vm_leave(uint32_t saved);

#endif /* VM_VM_H */
