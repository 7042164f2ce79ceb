#include "base/cpu.h"

struct cpu_features cpu_probe(void)
{
    struct cpu_features out = {.fma = false, .avx2 = false, .avx512 = false};
#if defined(__x86_64__)
    __builtin_cpu_init();
    out.fma = __builtin_cpu_supports("fma") != 0;
    out.avx2 = out.fma && __builtin_cpu_supports("avx2") != 0;
    out.avx512 = out.avx2 && __builtin_cpu_supports("avx512f") != 0 &&
                 __builtin_cpu_supports("avx512bw") != 0 &&
                 __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0;
#elif defined(__aarch64__)
    out.fma = true;
#endif
    return out;
}
