#include <string.h>

#include "base/cpu.h"
#include "client/model/model.h"

static const char *const names[] = {[VM_ISA_PLAIN] = "plain",
                                    [VM_ISA_FMA] = "fma",
                                    [VM_ISA_AVX2] = "avx2",
                                    [VM_ISA_AVX512] = "avx512"};

static bool is_present(enum vm_isa_kind kind)
{
    const struct cpu_features cpu = cpu_probe();
    switch (kind) {
    case VM_ISA_PLAIN:
        return true;
    case VM_ISA_FMA:
        return cpu.fma;
    case VM_ISA_AVX2:
        return cpu.avx2;
    case VM_ISA_AVX512:
        return cpu.avx512;
    }
    UNREACHABLE();
}

struct vm_isa model_isa(void)
{
    for (int kind = VM_ISA_AVX512; kind > VM_ISA_PLAIN; kind--) {
        if (is_present((enum vm_isa_kind)kind)) {
            return (struct vm_isa){.kind = (enum vm_isa_kind)kind};
        }
    }
    return (struct vm_isa){.kind = VM_ISA_PLAIN};
}

bool model_isa_find(const char *name, struct vm_isa *out, struct error *error)
{
    if (strcmp(name, "auto") == 0) {
        *out = model_isa();
        return true;
    }
    for (int kind = VM_ISA_PLAIN; kind <= VM_ISA_AVX512; kind++) {
        if (strcmp(name, names[kind]) != 0) {
            continue;
        }
        out->kind = (enum vm_isa_kind)kind;
        return is_present(out->kind) ||
               error_set(error, EXIT_CODE_USAGE, "isa: this machine has no %s", name);
    }
    return error_set(error, EXIT_CODE_USAGE, "isa: '%s' is none of auto, plain, fma, avx2, avx512",
                     name);
}

const char *model_isa_name(struct vm_isa isa)
{
    return names[isa.kind];
}
