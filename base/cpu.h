#ifndef BASE_CPU_H
#define BASE_CPU_H

#include <stdbool.h>
#include <stdint.h>

/* What the CPU this process runs on can do.  Asked once by a shell, which then tells the
 * layers below which kernels to use; results never depend on it. */

struct cpu_features {
    bool fma;    /* scalar fused multiply-add */
    bool avx2;   /* AVX2 and FMA, and the system saves their registers */
    bool avx512; /* AVX-512 F, BW, DQ, VL */
};

struct cpu_features cpu_probe(void);

/* How many processors this process may run on; at least 1. */
uint32_t cpu_count(void);
/* From now on run on one of them alone, the index-th modulo cpu_count(); threads and
 * programs started later too.  False where the system does not allow it. */
bool cpu_pin(uint32_t index);

#endif /* BASE_CPU_H */
