#include "base/cpu.h"

#include <sched.h>

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

uint32_t cpu_count(void)
{
    cpu_set_t set;
    const bool known = sched_getaffinity(0, sizeof(set), &set) == 0;
    return known && CPU_COUNT(&set) > 0 ? (uint32_t)CPU_COUNT(&set) : 1;
}

/* The index-th member of a set; CPU_SETSIZE when it has fewer. */
static size_t cpu_at(const cpu_set_t *set, uint32_t index)
{
    size_t cpu = 0;
    while (cpu < CPU_SETSIZE && (!CPU_ISSET(cpu, set) || index-- > 0)) {
        cpu++;
    }
    return cpu;
}

bool cpu_pin(uint32_t index)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) != 0) {
        return false;
    }
    const size_t cpu = cpu_at(&set, index % cpu_count());
    CPU_ZERO(&set);
    if (cpu < CPU_SETSIZE) {
        CPU_SET(cpu, &set);
    }
    return sched_setaffinity(0, sizeof(set), &set) == 0;
}
