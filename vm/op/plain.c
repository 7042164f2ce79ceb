/* Any CPU: fma emulated in double (vm_fma). */

#include "vm/num/num.h"

#define KERNELS vm_kernels_plain
#define TARGET
#define FMA(a, b, c) vm_fma((a), (b), (c))
#define FMA_ROW      vm_fma_row

#include "vm/op/plain_body.h"
