#include "vm/op/kernels.h"

const struct vm_kernels *vm_kernels(enum vm_isa_kind kind)
{
    switch (kind) {
    case VM_ISA_PLAIN:
        return &vm_kernels_plain;
    case VM_ISA_FMA:
        return &vm_kernels_fma;
    case VM_ISA_AVX2:
        return &vm_kernels_avx2;
    case VM_ISA_AVX512:
        return &vm_kernels_avx512;
    }
    UNREACHABLE();
}
