/* Any CPU: fma emulated in double (vm_fma). */

#include "vm/num/num.h"

#define KERNELS vm_kernels_plain
#define TARGET
#define FMA(a, b, c) vm_fma((a), (b), (c))

#include "vm/op/plain_body.h"
