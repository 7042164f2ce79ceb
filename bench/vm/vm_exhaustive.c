/* Is exp, log, tanh the correctly rounded function on every float (20.3)?
 *
 *   vm_exhaustive exp|log|tanh [plain|avx2|avx512|all] [--from BITS] [--to BITS]
 *
 * BITS are the binary32 patterns to check, default all 2^32; shards of one run may go side by
 * side.  Reference: x87 long double (64 bits, error < 2 ulp); where that lies too close to a
 * rounding boundary to decide, 113-bit arithmetic of our own.  Prints the mismatches, the
 * number of close calls and the time; exit 1 on any mismatch. */

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/cpu.h"
#include "vm/num/num.h"
#include "vm/op/kernels.h"
#include "vm/vm.h"

__extension__ typedef __float128 quad;

enum { BATCH = 256 };

static quad quad_ln2(void)
{
    return (quad)0xB.17217F7D1CF79ACp-4L + (quad)-0xD.871319FF0342543p-70L;
}

/* e^x by argument halving and Taylor; |x| < 120. */
static quad quad_exp(quad x)
{
    const int n = (int)rintl((long double)x / 0xB.17217F7D1CF79ACp-4L);
    quad r = (x - (quad)n * quad_ln2()) / 64;
    quad sum = 1;
    quad term = 1;
    for (int i = 1; i < 22; i++) {
        term = term * r / i;
        sum += term;
    }
    for (int i = 0; i < 6; i++) {
        sum *= sum;
    }
    return sum * (quad)ldexpl(1.0L, n);
}

static quad quad_log(quad x)
{
    quad y = (quad)logl((long double)x);
    for (int i = 0; i < 2; i++) {
        y += x * quad_exp(-y) - 1;
    }
    return y;
}

static quad quad_tanh(quad x)
{
    const quad e = quad_exp(2 * x);
    return (e - 1) / (e + 1);
}

struct function {
    const char *name;
    float (*plain)(float x);
    long double (*wide)(long double x);
    quad (*quad)(quad x);
    uint8_t ewise;
};

static const struct function functions[] = {
    {"exp", vm_exp, expl, quad_exp, VM_E_EXP},
    {"log", vm_log, logl, quad_log, VM_E_LOG},
    {"tanh", vm_tanh, tanhl, quad_tanh, VM_E_TANH},
};

static uint64_t undecided;

/* RNE32 of the exact value.  Rounding is monotone, so if both ends of the error interval give
 * one float, that is it. */
static uint32_t reference(const struct function *f, float x)
{
    const long double y = f->wide((long double)x);
    if (!isfinite(y) || y == 0.0L || (f->ewise == VM_E_EXP && y > 0x1p200L)) {
        return vm_bits(vm_canon((float)y));
    }
    const long double error = fabsl(y) * 0x1p-61L;
    const float low = (float)(y - error);
    const float high = (float)(y + error);
    if (vm_bits(low) == vm_bits(high)) {
        return vm_bits(low);
    }
    undecided++;
    return vm_bits((float)f->quad((quad)x));
}

/* The wide and the 113-bit reference are separate code: they must agree to what the
 * wide one promises, or neither is worth asking. */
static bool references_agree(const struct function *f)
{
    uint32_t bits = 0x3a000001;
    for (int i = 0; i < 2000; i++) {
        const float x = vm_float(bits);
        const long double wide = f->wide((long double)x);
        const long double gap = (long double)((quad)wide - f->quad((quad)x));
        if (!(fabsl(gap) <= fabsl(wide) * 0x1p-61L)) {
            printf("the references differ at %08" PRIX32 "\n", bits);
            return false;
        }
        bits += 0x10001;
    }
    return true;
}

/* The ways to compute that one pass compares with the reference, which costs far more than
 * they do; kernels NULL is the plain function. */
struct path {
    const char *name;
    const struct vm_kernels *kernels;
};

static uint64_t check_path(const struct function *f, const struct path *path, const uint32_t *in,
                           const uint32_t *want, uint32_t count)
{
    uint32_t out[BATCH] __attribute__((aligned(64)));
    uint64_t bad = 0;
    if (path->kernels != NULL) {
        const uint32_t *x[3] = {in, in, in};
        path->kernels->ewise(f->ewise, out, x, BATCH);
    }
    for (uint32_t i = 0; i < count; i++) {
        const float y = path->kernels != NULL ? vm_float(out[i]) : f->plain(vm_float(in[i]));
        const uint32_t got = vm_bits(vm_canon(y));
        if (got != want[i]) {
            bad++;
            printf("%s %s(%08" PRIX32 ") = %08" PRIX32 ", must be %08" PRIX32 "\n", path->name,
                   f->name, in[i], got, want[i]);
        }
    }
    return bad;
}

static uint64_t check_batch(const struct function *f, const struct path *paths, uint32_t path_count,
                            uint32_t first, uint32_t count)
{
    uint32_t in[BATCH] __attribute__((aligned(64)));
    uint32_t want[BATCH];
    uint64_t bad = 0;
    for (uint32_t i = 0; i < BATCH; i++) {
        in[i] = first + i;
    }
    for (uint32_t i = 0; i < count; i++) {
        want[i] = reference(f, vm_float(in[i]));
    }
    for (uint32_t p = 0; p < path_count; p++) {
        bad += check_path(f, &paths[p], in, want, count);
    }
    return bad;
}

static int usage(void)
{
    fprintf(stderr, "usage: vm_exhaustive exp|log|tanh [plain|avx2|avx512|all] "
                    "[--from BITS] [--to BITS]\n");
    return 2;
}

enum { NOT_HERE = 77, PATH_MAX_COUNT = 3 }; /* NOT_HERE: ctest counts it as skipped */

/* The paths that name asks for; 0: no such name. */
static uint32_t choose_paths(const char *name, struct path *out)
{
    const struct cpu_features cpu = cpu_probe();
    const struct path all[PATH_MAX_COUNT] = {
        {"plain", NULL}, {"avx2", vm_kernels(VM_ISA_AVX2)}, {"avx512", vm_kernels(VM_ISA_AVX512)}};
    const bool have[PATH_MAX_COUNT] = {true, cpu.avx2, cpu.avx512};
    const bool every = strcmp(name, "all") == 0;
    uint32_t count = 0;
    for (int i = 0; i < PATH_MAX_COUNT; i++) {
        const bool named = strcmp(name, all[i].name) == 0;
        if (named && !have[i]) {
            fprintf(stderr, "vm_exhaustive: this CPU has no %s\n", name);
            exit(NOT_HERE);
        }
        if ((named || every) && have[i]) {
            out[count++] = all[i];
        }
    }
    return count;
}

static const struct function *find_function(const char *name)
{
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        if (strcmp(name, functions[i].name) == 0) {
            return &functions[i];
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    const struct function *f = argc > 1 ? find_function(argv[1]) : NULL;
    struct path paths[PATH_MAX_COUNT];
    uint32_t path_count = choose_paths("plain", paths);
    uint64_t from = 0;
    uint64_t to = UINT64_C(1) << 32;
    if (f == NULL) {
        return usage();
    }
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--from") == 0 && i + 1 < argc) {
            from = strtoull(argv[++i], NULL, 0);
        } else if (strcmp(argv[i], "--to") == 0 && i + 1 < argc) {
            to = strtoull(argv[++i], NULL, 0);
        } else if ((path_count = choose_paths(argv[i], paths)) == 0) {
            return usage();
        }
    }
    if (!references_agree(f)) {
        return 1;
    }
    const clock_t start = clock();
    uint64_t bad = 0;
    for (uint64_t i = from; i < to; i += BATCH) {
        const uint64_t left = to - i;
        const uint32_t count = left < BATCH ? (uint32_t)left : BATCH;
        bad += check_batch(f, paths, path_count, (uint32_t)i, count);
    }
    printf("%s", f->name);
    for (uint32_t p = 0; p < path_count; p++) {
        printf(" %s", paths[p].name);
    }
    printf(": %" PRIu64 " inputs from %" PRIu64 ", %" PRIu64 " wrong, %" PRIu64
           " near a boundary, %.1f s\n",
           to - from, from, bad, undecided, (double)(clock() - start) / CLOCKS_PER_SEC);
    return bad == 0 ? 0 : 1;
}
