#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/sim/sim.h"

/* sim --seed N [--trace]        one run; prints its digest
 * sim --from A --count N        many; prints what fails and a summary
 * Exit 0 when all is well, 1 when a run failed, 2 for wrong usage.  A run is a function of its
 * seed: the line that reports a failure is all that is needed to see it again. */

static struct sim_world world; /* one at a time; for the signal handler too */

/* An assertion of the core or the harness: class crash, and the seed to see it again. */
static void on_abort(int number)
{
    char text[160];
    (void)number;
    const int size =
        snprintf(text, sizeof(text), "FAIL class crash seed %llu event %llu: assertion\n",
                 (unsigned long long)world.seed, (unsigned long long)world.event_count);
    if (size > 0 && write(STDOUT_FILENO, text, (size_t)size) < 0) {
        _exit(2);
    }
    _exit(1);
}

static bool run_seed(uint64_t seed, bool trace, uint64_t *digest)
{
    memset(&world, 0, sizeof(world));
    world.seed = seed;
    world.random = seed;
    world.trace = trace;
    (void)random_next(&world.random);
    plan_draw(&world);
    uint32_t liar = SIM_NODES_MAX;
    for (uint32_t i = 0; i < world.plan.n; i++) {
        liar = world.nodes[i].liar ? i : liar;
    }
    world.check = check_new(world.plan.n, liar);
    ASSERT(world.check != NULL);
    world_trace(&world, 0, "plan: n %u, liar %u, drop %u%%, delay %u us, build fails %u%%",
                world.plan.n, liar, world.plan.drop_percent, world.plan.delay_us,
                world.plan.build_fail_percent);
    world_run(&world);
    *digest = world.digest;
    const char *class = check_class(world.check);
    if (class != NULL) {
        (void)printf("FAIL class %s seed %llu event %llu at %.3f s (n %u%s): %s\n", class,
                     (unsigned long long)seed, (unsigned long long)world.event_count,
                     (double)world.now_us / 1e6, world.plan.n, world.plan.has_liar ? ", liar" : "",
                     check_detail(world.check));
    } else if (trace) {
        uint64_t height = 0;
        for (uint32_t i = 0; i < world.plan.n; i++) {
            height = world.nodes[i].height > height ? world.nodes[i].height : height;
        }
        (void)printf("seed %llu: n %u%s, %llu events, height %llu, %.3f s, digest %016llx\n",
                     (unsigned long long)seed, world.plan.n, world.plan.has_liar ? ", liar" : "",
                     (unsigned long long)world.event_count, (unsigned long long)height,
                     (double)world.now_us / 1e6, (unsigned long long)world.digest);
    }
    const bool ok = class == NULL;
    world_free(&world);
    return ok;
}

struct options {
    uint64_t from;
    uint64_t count;
    bool one;
    bool trace;
    bool first_only;
    bool twice;
};

static bool number(const char *text, uint64_t *out)
{
    char *end = NULL;
    *out = strtoull(text, &end, 10);
    return *text != '\0' && *end == '\0';
}

static bool parse(int argc, char **argv, struct options *out)
{
    *out = (struct options){.from = 1, .count = 1};
    for (int i = 1; i < argc; i++) {
        const bool has_value = i + 1 < argc;
        if (strcmp(argv[i], "--trace") == 0) {
            out->trace = true;
        } else if (strcmp(argv[i], "--first") == 0) {
            out->first_only = true;
        } else if (strcmp(argv[i], "--twice") == 0) {
            out->twice = true;
        } else if (strcmp(argv[i], "--seed") == 0 && has_value && number(argv[i + 1], &out->from)) {
            out->one = true;
            i++;
        } else if (strcmp(argv[i], "--from") == 0 && has_value && number(argv[i + 1], &out->from)) {
            i++;
        } else if (strcmp(argv[i], "--count") == 0 && has_value &&
                   number(argv[i + 1], &out->count)) {
            i++;
        } else {
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    struct options options;
    if (!parse(argc, argv, &options)) {
        (void)fprintf(stderr, "usage: sim --seed N [--trace] | --from A --count N "
                              "[--first] [--twice]\n");
        return 2;
    }
    (void)signal(SIGABRT, on_abort);
    uint64_t failed = 0;
    uint64_t mix = 0;
    for (uint64_t i = 0; i < options.count; i++) {
        uint64_t digest = 0;
        uint64_t again = 0;
        bool ok = run_seed(options.from + i, options.trace, &digest);
        if (options.twice) {
            (void)run_seed(options.from + i, false, &again);
            if (again != digest) {
                (void)printf("FAIL class correctness seed %llu: two runs differ\n",
                             (unsigned long long)(options.from + i));
                ok = false;
            }
        }
        failed += ok ? 0 : 1;
        mix = mix * 31 + digest;
        if (!ok && options.first_only) {
            break;
        }
    }
    (void)printf("%llu seeds, %llu failed, digest %016llx\n", (unsigned long long)options.count,
                 (unsigned long long)failed, (unsigned long long)mix);
    return failed == 0 ? 0 : 1;
}
