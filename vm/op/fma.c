/* The plain loops with the fma instruction of the CPU. */

#define KERNELS      vm_kernels_fma
#define FMA(a, b, c) __builtin_fmaf((a), (b), (c))
#if defined(__x86_64__)
#define TARGET __attribute__((target("fma")))
#else
#define TARGET /* part of the base instruction set (aarch64) */
#endif

#include "vm/op/plain_body.h"
