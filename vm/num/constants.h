#ifndef VM_NUM_CONSTANTS_H
#define VM_NUM_CONSTANTS_H

/* Constants of the double-precision kernels behind exp, log and tanh.  The polynomials
 * interpolate at Chebyshev nodes, computed with 80 digits and rounded:
 *   e^r = 1 + r + r^2 * sum C_i r^i      on |r| <= ln2/2, error 2^-56
 *   2*atanh(s)/s = 2 + s^2 * sum C_i s^(2i)  on s^2 <= 0.0295, error 2^-60
 * Nothing here is normative: the result is (num.h). */

#define VM_SHIFTER  0x1.8p52 /* ulp 1: rounds to integer, ties to even */
#define VM_LOG2E    0x1.71547652b82fep+0
#define VM_LN2_HIGH 0x1.62e42feep-1 /* 31 bits: n * VM_LN2_HIGH is exact */
#define VM_LN2_LOW  0x1.a39ef35793c76p-33
#define VM_SQRT2    0x1.6a09e667f3bcdp+0

#define VM_EXP_HIGH  90.0
#define VM_EXP_LOW   (-110.0)
#define VM_TANH_HIGH 20.0

#define VM_EXP_C0 0x1.0000000000001p-1
#define VM_EXP_C1 0x1.5555555555556p-3
#define VM_EXP_C2 0x1.5555555553d63p-5
#define VM_EXP_C3 0x1.11111111109b3p-7
#define VM_EXP_C4 0x1.6c16c1788bd90p-10
#define VM_EXP_C5 0x1.a01a01a7c41d5p-13
#define VM_EXP_C6 0x1.a019b90d2ae7ap-16
#define VM_EXP_C7 0x1.71de0dae63bb3p-19
#define VM_EXP_C8 0x1.289185613a3d6p-22
#define VM_EXP_C9 0x1.af38a9b0ec855p-26

#define VM_LOG_C0 0x1.5555555555555p-1
#define VM_LOG_C1 0x1.9999999999998p-2
#define VM_LOG_C2 0x1.2492492492962p-2
#define VM_LOG_C3 0x1.c71c71c64b463p-3
#define VM_LOG_C4 0x1.745d17d40cf59p-3
#define VM_LOG_C5 0x1.3b137afb813a0p-3
#define VM_LOG_C6 0x1.111d30dcfa14ap-3
#define VM_LOG_C7 0x1.debd2cc5021e0p-4
#define VM_LOG_C8 0x1.e6bf079f670fep-4

#endif /* VM_NUM_CONSTANTS_H */
