#ifndef VM_OP_KERNELS_H
#define VM_OP_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "vm/vm.h"

/* The inner loops that exist once per instruction set.  plain.c is the specification: plain
 * loops in the declared order.  The others compute the same bits, more outputs at a time. */

/* C[i][j] = CHAIN over ascending k of A[i][k] * B[k][j], canonical.  Element (i, k) of A is
 * a[i * a_row + k * a_col]; one of a_row, a_col is 1, and so for B; C is row-major. */
struct vm_matmul {
    const float *a;
    const float *b;
    float *c;
    size_t rows;
    size_t cols;
    size_t inner;
    size_t a_row;
    size_t a_col;
    size_t b_row;
    size_t b_col;
    size_t c_row;
};

/* A matrix and its place in memory: element (i, j) is x[i * stride + j]. */
struct vm_matrix {
    const float *x;
    size_t rows;
    size_t cols;
    size_t stride;
};

enum {
    VM_WIDTH = 16, /* ewise counts are multiples; the lanes of RSUM16 */
    /* Floats of scratch a matmul may use: packed panels of A and B. */
    VM_PACK_K = 512,
    VM_PACK_ROWS = 252, /* a multiple of the register tiles: 6, 12 */
    VM_PACK_COLS = 1024,
    VM_PACK_FLOATS = VM_PACK_K * (VM_PACK_ROWS + VM_PACK_COLS) + 1024,
};

struct vm_kernels {
    /* One EWISE instruction over count elements (not CONST, ROWIDX, COLIDX) of x[0], x[1], x[2].
     * Operands and out are VM_ALIGN-aligned and may be equal; not otherwise overlapping. */
    void (*ewise)(uint8_t op, uint32_t *out, const uint32_t *const x[3], size_t count);
    /* out = value; out[i] = (float)(from + i), from + count <= 2^26.  Any count, 4-aligned. */
    void (*fill)(uint32_t *out, uint32_t value, size_t count);
    void (*iota)(float *out, uint32_t from, size_t count);
    /* out = canonical x, any count and alignment; may be in place. */
    void (*canon)(float *out, const float *x, size_t count);
    void (*matmul)(const struct vm_matmul *m, float *scratch);
    /* One result per row, contiguous. */
    void (*rowsum)(const struct vm_matrix *x, float *out);
    void (*rowdot)(const struct vm_matrix *x, const float *y, float *out); /* y: same stride */
    void (*rowmax)(const struct vm_matrix *x, float *out);
    /* One result per column. */
    void (*colsum)(const struct vm_matrix *x, float *out);
};

const struct vm_kernels *vm_kernels(enum vm_isa_kind kind);

extern const struct vm_kernels vm_kernels_plain;
extern const struct vm_kernels vm_kernels_fma;
extern const struct vm_kernels vm_kernels_avx2;
extern const struct vm_kernels vm_kernels_avx512;

#endif /* VM_OP_KERNELS_H */
