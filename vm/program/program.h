#ifndef VM_PROGRAM_PROGRAM_H
#define VM_PROGRAM_PROGRAM_H

#include "base/bytes.h"
#include "types/hash_port.h"
#include "types/types.h"
#include "vm/op/op.h"

/* A program: the straight-line graph of one training step (docs/protocol-vm.md 21, 22).
 *
 * Tensors are numbered; an operator reads tensors and writes new ones; every temporary
 * is written once, and shapes are static.  There are no loops and no branches, so
 * everything about a step (memory, work, which operator reads what) is known before it
 * runs, and the chain checks it in linear time without touching a float.
 *
 * Byte form (little-endian, nothing else is accepted; the empty record does not exist):
 *
 *   "DTVM1" | tensor_count u32 | op_count u32 | state_count u16 | const_count u16
 *   tensor[] : dtype u8 | rank u8 | kind u8 | flags u8 | dims u32[4] | const_root 32   = 52 B
 *   op[]     : opcode u8 | in_count u8 | out_count u8 | attr_size u8
 *              | in u32[in_count] | out u32[out_count] | attrs                      <= 256 B
 *   state_in u32[state_count] | state_out u32[state_count] | loss u32
 *
 * Rules the checker holds (check.c gives each its verdict):
 *  - dims[i] = 1 for i >= rank, rank 1..4, dims >= 1, <= TENSOR_ELEMENTS_MAX elements;
 *    const_root and flags are zero where they have no meaning;
 *  - in every operator each input id is lower than each output id; over the whole program
 *    the ids of written tensors strictly ascend; exactly the VM_TEMP tensors are written;
 *  - state_in lists every VM_STATE tensor once, ascending; state_out[i] has the dtype and
 *    dims of state_in[i] and becomes it in the next step (it may be state_in[i] itself);
 *  - at most one VM_DATA tensor; consts are VM_CONST tensors, const_count of them;
 *  - loss is an f32 tensor of one element.
 * Two programs are the same training step iff their program_root is the same. */

enum vm_dtype {
    VM_F32 = 0,
    VM_I32 = 1,
    VM_I8 = 2,
    VM_U8 = 3,
    VM_BF16 = 4, /* storage only: CAST to f32 before use */
    VM_I64 = 5,  /* aggregation only */
};

enum vm_kind {
    VM_TEMP = 0,
    VM_STATE = 1,
    VM_CONST = 2, /* bytes come beside the program and match const_root */
    VM_DATA = 3,  /* the data set; the job names its root */
};

/* flags of a VM_STATE tensor: the part of the state root it belongs to (23.3). */
enum vm_group {
    VM_PARAMS = 0,   /* what a round averages */
    VM_INNER = 1,    /* inner optimiser, stays with the worker */
    VM_COUNTERS = 2, /* beta powers and the like */
};

enum {
    VM_RANK_MAX = 4,
    VM_IN_MAX = 33,    /* AGG_SUM: an accumulator and 16 (q, shift) pairs */
    VM_OUT_MAX = 4,    /* EWISE */
    VM_ATTR_MAX = 184, /* bytes */
    VM_OP_SIZE_MAX = 256,
    VM_TENSOR_SIZE = 52,
    VM_HEADER_SIZE = 17,
    VM_AGG_MAX = 16, /* (q, shift) pairs in one AGG_SUM */
};

struct vm_tensor {
    uint8_t dtype; /* enum vm_dtype */
    uint8_t rank;  /* 1 .. VM_RANK_MAX */
    uint8_t kind;  /* enum vm_kind */
    uint8_t flags; /* enum vm_group for VM_STATE, else 0 */
    uint32_t dims[VM_RANK_MAX];
    struct hash const_root; /* VM_CONST: its tensor root, else zero */
};

struct vm_op {
    uint8_t opcode; /* enum vm_opcode */
    uint8_t in_count;
    uint8_t out_count;
    uint8_t attr_size;
    uint32_t in[VM_IN_MAX];
    uint32_t out[VM_OUT_MAX];
    uint8_t attrs[VM_ATTR_MAX]; /* layout per opcode in vm/op/op.h */
};

struct vm_program {
    uint32_t tensor_count;
    uint32_t op_count;
    uint16_t state_count;
    uint16_t const_count;
    const struct vm_tensor *tensors;
    const struct vm_op *ops;
    const uint32_t *state_in;
    const uint32_t *state_out;
    uint32_t loss;
};

/* Why a program is refused.  Frozen numbers: the chain records them. */
enum vm_verdict {
    VM_OK = 0,
    VM_BAD_SIZE = 1, /* truncated, trailing bytes or above PROGRAM_SIZE_MAX */
    VM_BAD_MAGIC = 2,
    VM_BAD_COUNT = 3,   /* no operators, above PROGRAM_OPS_MAX, impossible counts */
    VM_BAD_TENSOR = 4,  /* dtype, rank, dims, kind, flags or const_root */
    VM_BAD_OP_SIZE = 5, /* record above VM_OP_SIZE_MAX, too many inputs or outputs */
    VM_BAD_OPCODE = 6,
    VM_NOT_IMPLEMENTED = 7, /* a known operator that this version cannot run */
    VM_BAD_ID = 8,          /* an id out of range, or not in SSA order */
    VM_BAD_ARITY = 9,       /* number of inputs or outputs */
    VM_BAD_TYPE = 10,
    VM_BAD_SHAPE = 11,
    VM_BAD_ATTR = 12,
    VM_BAD_EWISE = 13, /* register program: unknown op, unwritten register, wrong type */
    VM_BAD_STATE = 14, /* state_in, state_out, const_count or data tensors */
    VM_BAD_LOSS = 15,
    VM_BAD_WITNESS = 16, /* an operator's micro-step witness exceeds WITNESS_SIZE_MAX (21.5) */
    VM_BAD_COST = 17,    /* above STEP_GAS_MAX or STEP_BYTES_MAX */
};

/* What a step of a checked program costs: properties of the program, the same on every
 * machine.  Prices are per macs. */
struct vm_cost {
    uint64_t macs;        /* fused multiply-adds of MATMUL and BMM */
    uint64_t gas;         /* all operators, about 1 gas = 1 ns of a plain core (21.5) */
    uint64_t bytes;       /* of all tensors, once */
    uint32_t witness_max; /* bytes of the largest micro-step witness, paths included */
};

/* Bytes of arena that vm_program_parse needs for these bytes; 0 if the header is refused.
 * At most about 4 MiB, by the limits. */
size_t vm_program_arena_size(struct bytes bytes);

/* Parse and check.  On VM_OK *out views the arena (8-aligned, which must outlive it); *where
 * is the index of the tensor or operator at fault, else 0. */
MUST_USE enum vm_verdict vm_program_parse(struct bytes bytes, void *arena, struct vm_program *out,
                                          uint32_t *where);

/* Check a program built in memory, in time linear in its size.  `written` is caller's scratch
 * of tensor_count bytes.  cost may be NULL. */
MUST_USE enum vm_verdict vm_program_check(const struct vm_program *program, uint8_t *written,
                                          struct vm_cost *cost, uint32_t *where);

/* The cost of a checked program. */
void vm_program_cost(const struct vm_program *program, struct vm_cost *out);

/* Byte form into out; returns its size, or 0 if it exceeds capacity.  The inverse of parse. */
size_t vm_program_encode(const struct vm_program *program, uint8_t *out, size_t capacity);

/* H(04 | header | tree of tensor records | tree of op records | tree of state_in | tree of
 * state_out | loss u32); trees as in tensor.h with leaves H(00 | record), a map's records being
 * its u32 entries, so that every part of a program has a path to its root. */
void vm_program_root(const struct vm_program *program, const struct hash_port *hash,
                     struct hash *out);

const char *vm_verdict_text(enum vm_verdict verdict);

#endif /* VM_PROGRAM_PROGRAM_H */
