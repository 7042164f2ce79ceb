#include "vm/op/kernels.h"

#if defined(__x86_64__)

#include "vm/op/simd_avx2.h"

#define KERNELS   vm_kernels_avx2
#define TILE_ROWS 6

#include "vm/op/simd_matmul.h"

#else

const struct vm_kernels vm_kernels_avx2 = {0}; /* no such CPU: base/cpu.h never offers it */

#endif
