/* bench_matmul [SHAPE...]: the deterministic matmul beside OpenBLAS on one core, in the same run.
 *
 * A shape is MxNxK, with a or b appended if that operand is transposed (512x512x512b).
 * Reads libopenblas at run time; start with OPENBLAS_NUM_THREADS=1 and, where the CPU has
 * AVX-512, OPENBLAS_CORETYPE=SkylakeX, because its own choice is the AVX2 kernel.  The two take
 * turns and each line gives the best CPU time of each.
 * Every product is also computed by the specification for a few rows and compared bit by bit. */

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cpu.h"
#include "vm/num/num.h"
#include "vm/op/kernels.h"

enum { ROW_MAJOR = 101, PLAIN_OPERAND = 111, TRANSPOSED = 112, TURNS = 15 };

/* The CBLAS interface, as far as it is used here. */
typedef void sgemm(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a,
                   int lda, const float *b, int ldb, float beta, float *c, int ldc);

struct shape {
    int m;
    int n;
    int k;
    int ta;
    int tb;
};

struct run {
    struct shape shape;
    struct vm_matmul ours;
    const struct vm_kernels *kernels;
    float *scratch;
    sgemm *blas;
    float *c_blas;
};

/* Of this thread's CPU: other processes cost nothing but cache. */
static double seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static float *floats(size_t count)
{
    float *x = aligned_alloc(VM_ALIGN, (count * sizeof(float) / VM_ALIGN + 2) * VM_ALIGN);
    uint32_t state = (uint32_t)count;
    for (size_t i = 0; x != NULL && i < count; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = (float)(state >> 8) * 0x1p-24F - 0.5F;
    }
    if (x == NULL) {
        fputs("bench_matmul: out of memory\n", stderr);
        exit(1);
    }
    return x;
}

static void run_ours(const struct run *r)
{
    r->kernels->matmul(&r->ours, r->scratch);
}

static void run_blas(const struct run *r)
{
    const struct shape *s = &r->shape;
    r->blas(ROW_MAJOR, s->ta ? TRANSPOSED : PLAIN_OPERAND, s->tb ? TRANSPOSED : PLAIN_OPERAND, s->m,
            s->n, s->k, 1.0F, r->ours.a, s->ta ? s->m : s->k, r->ours.b, s->tb ? s->k : s->n, 0.0F,
            r->c_blas, s->n);
}

static double timed(const struct run *r, void (*f)(const struct run *r), int repeat)
{
    const double start = seconds();
    for (int i = 0; i < repeat; i++) {
        f(r);
    }
    return (seconds() - start) / repeat;
}

/* The first, the last and a middle row by the specification. */
static int same_as_plain(const struct run *r)
{
    const size_t rows[3] = {0, r->ours.rows / 2, r->ours.rows - 1};
    float *want = floats(r->ours.cols);
    int same = 1;
    for (int i = 0; i < 3; i++) {
        struct vm_matmul row = r->ours;
        row.a += rows[i] * row.a_row;
        row.c = want;
        row.rows = 1;
        vm_kernels_plain.matmul(&row, r->scratch);
        same &= memcmp(want, r->ours.c + rows[i] * r->ours.c_row, row.cols * sizeof *want) == 0;
    }
    free(want);
    return same;
}

static int bench(struct run *r)
{
    const struct shape *s = &r->shape;
    const size_t m = (size_t)s->m;
    const size_t n = (size_t)s->n;
    const size_t k = (size_t)s->k;
    float *a = floats(m * k);
    float *b = floats(k * n);
    r->ours = (struct vm_matmul){.a = a,
                                 .b = b,
                                 .c = floats(m * n),
                                 .rows = m,
                                 .cols = n,
                                 .inner = k,
                                 .a_row = s->ta ? 1 : k,
                                 .a_col = s->ta ? m : 1,
                                 .b_row = s->tb ? 1 : n,
                                 .b_col = s->tb ? k : 1,
                                 .c_row = n};
    r->c_blas = floats(m * n);
    const double flops = 2.0 * s->m * s->n * s->k;
    const int repeat = (int)(4e8 / flops) + 1;
    double ours = 1e9;
    double blas = 1e9;
    for (int turn = 0; turn < TURNS; turn++) {
        const double t = timed(r, run_ours, repeat);
        ours = t < ours ? t : ours;
        const double u = r->blas != NULL ? timed(r, run_blas, repeat) : blas;
        blas = u < blas ? u : blas;
    }
    const int same = same_as_plain(r);
    printf("%5dx%5dx%5d %s%s  ours %6.1f GFLOP/s", s->m, s->n, s->k, s->ta ? "a" : "-",
           s->tb ? "b" : "-", flops / ours * 1e-9);
    if (r->blas != NULL) {
        printf("  OpenBLAS %6.1f  ratio %.2f", flops / blas * 1e-9, blas / ours);
    }
    printf("  %s\n", same ? "bits as specified" : "WRONG BITS");
    free(a);
    free(b);
    free(r->ours.c);
    free(r->c_blas);
    return same;
}

static const struct shape standard[] = {
    {256, 256, 256, 0, 0},    {512, 512, 512, 0, 0},  {1024, 1024, 1024, 0, 0},
    {2048, 2048, 2048, 0, 0}, {512, 512, 512, 1, 0},  {512, 512, 512, 0, 1},
    {1024, 128, 128, 0, 0},   {1024, 512, 128, 0, 0}, {1024, 128, 512, 0, 1},
    {128, 512, 1024, 1, 0},   {512, 128, 1024, 1, 0}, {64, 64, 32, 0, 1},
    {64, 32, 64, 0, 0},       {2048, 512, 128, 0, 0}, {197, 131, 311, 0, 0},
};

static int parse_shape(const char *text, struct shape *out)
{
    char ends[3] = {0};
    const int got = sscanf(text, "%dx%dx%d%2s", &out->m, &out->n, &out->k, ends);
    out->ta = strchr(ends, 'a') != NULL;
    out->tb = strchr(ends, 'b') != NULL;
    return got >= 3 && out->m > 0 && out->n > 0 && out->k > 0;
}

int main(int argc, char **argv)
{
    const struct cpu_features cpu = cpu_probe();
    struct run r = {.scratch = floats(VM_PACK_FLOATS)};
    r.kernels = cpu.avx512 ? &vm_kernels_avx512 : (cpu.avx2 ? &vm_kernels_avx2 : &vm_kernels_plain);
    void *library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
    if (library != NULL) {
        void *symbol = dlsym(library, "cblas_sgemm");
        void *core = dlsym(library, "openblas_get_corename");
        memcpy(&r.blas, &symbol, sizeof symbol);
        char *(*corename)(void) = NULL;
        memcpy(&corename, &core, sizeof core);
        printf("OpenBLAS core: %s\n", corename != NULL ? corename() : "?");
    } else {
        puts("libopenblas.so.0 not found: no comparison");
    }
    int good = 1;
    if (argc == 1) {
        for (size_t i = 0; i < sizeof standard / sizeof standard[0]; i++) {
            r.shape = standard[i];
            good &= bench(&r);
        }
    }
    for (int i = 1; i < argc; i++) {
        if (!parse_shape(argv[i], &r.shape)) {
            fprintf(stderr, "bench_matmul: %s is not a shape like 512x512x128b\n", argv[i]);
            return 2;
        }
        good &= bench(&r);
    }
    free(r.scratch);
    return good ? 0 : 1;
}
