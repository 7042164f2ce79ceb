#ifndef VM_TENSOR_TENSOR_H
#define VM_TENSOR_TENSOR_H

#include "vm/program/program.h"

/* Tensors as Merkle trees (docs/protocol-vm.md 23).  H is SHA-256 with one-byte domains:
 *
 *   leaf        H(00 | dtype u8 | payload)
 *   node        H(01 | left | right), RFC 6962 shape (the left subtree is full)
 *   tensor root H(02 | dtype u8 | rank u8 | dims u32le[4] | tree root)
 *   state root  H(03 | step u64le | params_root | inner_root | counters_root)
 *   program     H(04 | ...), see program.h
 *   op trace    H(05 | t u32le | out roots)
 *   delta root  H(06 | tree of the roots of q_1, shift_1, q_2, ...), see outer.h
 *
 * A group root (params, inner, counters) is the tree over the roots of the group's tensors in
 * state_in order; the trace root T of a segment is the tree over its S+1 state roots.  The
 * roots themselves are the leaves: each is already a digest with a domain of its own.
 * The tree of nothing is H(01).
 *
 * Payloads: a tensor of rank 1 or with last dimension 1 is cut into flat leaves of 1024
 * elements in order; any other is seen as (batch, M, N) and cut into 32x32 tiles, row-major,
 * ordered by (batch, tile row, tile column).  Elements outside the tensor are zero bytes.
 * Elements are little-endian: f32 and i32 4 bytes, bf16 2, i8 and u8 1, i64 8. */

enum {
    VM_TILE = 32,
    VM_LEAF_ELEMENTS = VM_TILE * VM_TILE,
    VM_LEAF_SIZE_MAX = VM_LEAF_ELEMENTS * 8,
    VM_TREE_DEPTH_MAX = 40,
};

/* The (batch, M, N) view of a tensor. */
struct vm_shape {
    uint32_t batch;
    uint32_t rows;
    uint32_t cols;
    bool flat; /* flat leaves */
};

/* Incremental left-full tree: a stack of full subtrees. */
struct vm_tree {
    const struct hash_port *hash;
    uint64_t count;
    struct hash stack[VM_TREE_DEPTH_MAX];
};

size_t vm_dtype_size(uint8_t dtype); /* bytes of an element; 0 for an unknown dtype */
uint64_t vm_tensor_elements(const struct vm_tensor *tensor);
uint64_t vm_tensor_bytes(const struct vm_tensor *tensor);
struct vm_shape vm_tensor_shape(const struct vm_tensor *tensor);
uint32_t vm_tensor_leaves(const struct vm_tensor *tensor);

/* Payload of one leaf into out (VM_LEAF_ELEMENTS elements); returns its size in bytes. */
size_t vm_leaf_load(const struct vm_tensor *tensor, const void *data, uint32_t leaf, uint8_t *out);
/* The inverse: elements inside the tensor are written, padding is ignored. */
void vm_leaf_store(const struct vm_tensor *tensor, void *data, uint32_t leaf, const uint8_t *in);
void vm_leaf_hash(uint8_t dtype, struct bytes payload, const struct hash_port *hash,
                  struct hash *out);

void vm_tree_init(struct vm_tree *tree, const struct hash_port *hash);
void vm_tree_add(struct vm_tree *tree, const struct hash *leaf);
void vm_tree_root(const struct vm_tree *tree, struct hash *out);

/* Root of a tensor (dtype, rank, dims of *tensor; data in native row-major order).
 * A data set's data_root is the root of its VM_DATA tensor. */
void vm_tensor_root(const struct vm_tensor *tensor, const void *data, const struct hash_port *hash,
                    struct hash *out);

struct vm_state_roots {
    struct hash params;
    struct hash inner;
    struct hash counters;
};

/* data[i] is the content of state tensor i (state_in order). */
void vm_state_roots(const struct vm_program *program, const void *const *data,
                    const struct hash_port *hash, struct vm_state_roots *out);
void vm_state_root(uint64_t step, const struct vm_state_roots *roots, const struct hash_port *hash,
                   struct hash *out);
/* Root of only one group, for instance theta_root of a checkpoint: data as above. */
void vm_group_root(const struct vm_program *program, enum vm_group group, const void *const *data,
                   const struct hash_port *hash, struct hash *out);

/* T over S+1 state roots. */
void vm_trace_root(const struct hash *roots, size_t count, const struct hash_port *hash,
                   struct hash *out);
/* H(06 | root), of the tree over a delta's tensors (vm_delta_digest of outer.h). */
void vm_delta_root(const struct hash *root, const struct hash_port *hash, struct hash *out);

#endif /* VM_TENSOR_TENSOR_H */
