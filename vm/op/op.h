#ifndef VM_OP_OP_H
#define VM_OP_OP_H

/* The operators of the tensor VM: types, shapes, attribute bytes, evaluation order
 * (docs/protocol-vm.md 22; the numbers are frozen).  Opcode 0 does not exist. */

/* Each entry: inputs -> outputs; attrs.  MxN is the matrix view of a tensor:
 * (batch, M, N), N the last dimension, M the one before (1 for rank 1), batch the rest.
 * All integers in attrs are little-endian.  Evaluation order is part of the operator. */
enum vm_opcode {
    /* x0..x15 -> y0..y3, f32 or i32; see "EWISE" below. */
    VM_EWISE = 1,
    /* A f32 [M,K], B f32 [K,N] -> [M,N]; attrs: flags u8 (VM_TA: A is [K,M], VM_TB: B is [N,K]).
     * CHAIN over ascending k. */
    VM_MATMUL = 2,
    /* The same per matrix of rank-3 tensors [batch, ., .] with equal batch; same attrs. */
    VM_BMM = 3,
    /* X f32 [..,N] -> [..,1]: RSUM16 of each row. No attrs. */
    VM_ROWSUM = 4,
    /* X, Y f32, equal dims [..,N] -> [..,1]: RDOT16 of each row. No attrs. */
    VM_ROWDOT = 5,
    /* X f32 [..,N] -> [..,1]: m = -inf; ascending m = x > m ? x : m. No attrs. */
    VM_ROWMAX = 6,
    /* X f32 [..,N] -> i32 [..,1]: the index at which that scan last changed m, 0 if never. */
    VM_ROWARGMAX = 7,
    /* X f32 [M,N] (rank 2) -> [N] (rank 1): SEQ over ascending rows. No attrs. */
    VM_COLSUM = 8,
    /* E f32|i32 [V,D], idx i32 of n elements (any shape) -> [n,D]. Trap INDEX. No attrs. */
    VM_GATHER_ROWS = 9,
    /* idx i32 of n elements, X f32 [n,D] -> [V,D] (V from the output):
     * out[v] = SEQ over ascending i with idx[i] == v of X[i]. Trap INDEX. No attrs. */
    VM_SCATTER_ADD_ROWS = 10,
    /* X any dtype, rank >= 2 -> last two dims exchanged. No attrs. */
    VM_TRANSPOSE = 11,
    /* X any dtype -> same elements in order, other dims. No attrs. Costs nothing. */
    VM_RESHAPE = 12,
    /* X any dtype -> same rank; attrs: start u32[4] (0 beyond rank); lengths = output dims. */
    VM_SLICE = 13,
    /* X0..Xn-1 (2..16), one dtype and rank -> joined; attrs: axis u8. */
    VM_CONCAT = 14,
    /* attrs: direction u8 (VM_SPLIT, VM_MERGE) | heads u16.  Any 4-byte dtype.
     * SPLIT: [B*T, h*d] -> [B*h, T, d];  MERGE: [B*h, T, d] -> [B*T, h*d]. */
    VM_HEADS = 15,
    VM_IM2COL = 16,       /* not implemented yet: refused by the checker */
    VM_COL2IM = 17,       /* not implemented yet */
    VM_MAXPOOL = 18,      /* not implemented yet */
    VM_MAXPOOL_GRAD = 19, /* not implemented yet */
    /* -> i32 of any shape, all 32 bits random; attrs: stream u32.  See num.h vm_random. */
    VM_RNG_U32 = 20,
    /* data u8|i32 [n] (rank 1) -> tokens i32, next i32, equal dims of B*T elements (any shape);
     * attrs: T u32 | stream u32.  Window j (of B) starts at p = floor(r_j*(n-T-1)/2^64),
     * tokens[j*T+i] = data[p+i], next[j*T+i] = data[p+i+1].  Needs n >= T+2. */
    VM_BATCH_WINDOWS = 21,
    /* data [n, L] (rank 2, any 1- or 4-byte dtype) -> [B, L] same dtype; attrs: stream u32.
     * Row j is record floor(r_j*n/2^64). */
    VM_BATCH_RECORDS = 22,
    /* X -> same dims, other dtype, by 20.8: f32->i32, f32->bf16, {i32,i64,i8,u8,bf16}->f32,
     * {i8,u8}->i32. No attrs. */
    VM_CAST = 23,
    /* X f32 -> q i8 (dims of X), shift u8 [leaves of X], residual f32 (dims of X); per leaf:
     * mx = max |x|; e = least integer with mx < 2^e; shift = clamp(7-e, 0, 40), 0 if mx = 0;
     * q = clamp(RINT(x*2^shift), -127, 127); residual = x - q*2^-shift, exact.
     * mx >= 128 or a NaN is trap RANGE.  No attrs. */
    VM_QUANT_I8 = 24,
    /* q i8, shift u8 [leaves of q] -> f32, dims of q: q*2^-shift; shift > 40 is trap RANGE
     * (also in AGG_SUM). No attrs. */
    VM_DEQUANT_I8 = 25,
    VM_TOPK_TILE = 26, /* not implemented yet */
    /* [acc i64,] q_1 i8, shift_1 u8, .. q_W, shift_W (W 1..16) -> i64, dims of q:
     * acc + sum of weight_w * (q_w << (40 - shift_w)); attrs: weight u32[W], >= 1.
     * Exact while the sum of weights <= 66,000 (24.3), which the checker holds per operator. */
    VM_AGG_SUM = 27,
    VM_AGG_TRIM = 28, /* not implemented yet */
};

enum { VM_TA = 1, VM_TB = 2 };       /* MATMUL, BMM flags */
enum { VM_SPLIT = 0, VM_MERGE = 1 }; /* HEADS direction */

/* EWISE: a register program run for every element of the output.
 *
 * attrs: code_count u8 (1..32) | const_count u8 | kind u8[in_count] (enum vm_broadcast)
 *        | result u8[out_count] (register of each output)
 *        | code (op u8 | dst + 16*a u8 | b + 16*c u8)[code_count] | const u32[const_count]
 *
 * Sixteen 32-bit registers, each f32 or i32.  Register i starts as input i; the others must
 * be written before they are read.  Outputs share one dims, which is the iteration space;
 * output o takes the last value of register result[o], which must have its dtype.
 * At most 8 inputs are FULL or MATRIX.  An unused operand field is 0.  Comparisons give
 * 1.0f or +0.0f and are false on NaN.  f32 outputs get the canonical NaN. */
enum vm_broadcast {
    VM_FULL = 0,   /* same dims as the output */
    VM_ROW = 1,    /* N elements, rank 1 or all dims but the last are 1: x[j] */
    VM_COL = 2,    /* batch*M elements, rank 1 or last dim 1: x[b*M+i] */
    VM_SCALAR = 3, /* one element */
    VM_MATRIX = 4, /* M*N elements, last two dims M,N, the rest 1: x[i][j], same for every b */
};

enum vm_ewise {
    VM_E_ADD = 1,     /* a + b, f32 (also SUB .. TANH) */
    VM_E_SUB = 2,     /* a - b */
    VM_E_MUL = 3,     /* a * b */
    VM_E_DIV = 4,     /* a / b */
    VM_E_FMA = 5,     /* a * b + c, one rounding */
    VM_E_SQRT = 6,    /* sqrt a */
    VM_E_EXP = 7,     /* e^a, correctly rounded (20.3) */
    VM_E_LOG = 8,     /* ln a */
    VM_E_TANH = 9,    /* tanh a */
    VM_E_MAX = 10,    /* a > b ? a : b */
    VM_E_MIN = 11,    /* a < b ? a : b */
    VM_E_ABS = 12,    /* clears the sign bit */
    VM_E_NEG = 13,    /* flips the sign bit */
    VM_E_GT = 14,     /* a > b */
    VM_E_GE = 15,     /* a >= b */
    VM_E_EQ = 16,     /* a == b */
    VM_E_SEL = 17,    /* a > 0 ? b : c; b and c of one type, a f32 */
    VM_E_RINT = 18,   /* to integer, ties to even */
    VM_E_I2F = 19,    /* i32 -> f32, RNE */
    VM_E_F2I = 20,    /* f32 -> i32, RNE, saturating, NaN -> 0 */
    VM_E_CONST = 21,  /* f32 const[b + 16*c] */
    VM_E_ROWIDX = 22, /* (f32) i of the matrix view */
    VM_E_COLIDX = 23, /* (f32) j */
    VM_E_UNIF = 24,   /* i32 -> f32: (bits >> 8) * 2^-24, exact, in [0, 1) */
};

#endif /* VM_OP_OP_H */
