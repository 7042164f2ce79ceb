/* The plain loops with the fma instruction of the CPU. */

#define KERNELS      vm_kernels_fma
#define FMA(a, b, c) __builtin_fmaf((a), (b), (c))
#if defined(__x86_64__)
#define TARGET __attribute__((target("fma")))
#else
#define TARGET /* part of the base instruction set (aarch64) */
#endif

#include <stddef.h>

TARGET static inline void fma_row(float *c, float a, const float *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        c[i] = FMA(a, b[i], c[i]);
    }
}

#define FMA_ROW fma_row

#include "vm/op/plain_body.h"
