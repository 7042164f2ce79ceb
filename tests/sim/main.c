#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/sim/sim.h"

/* sim --seed N [--trace] [--write FILE]   one run; prints its digest, writes its plan
 * sim --plan FILE [--trace]               the run that a scenario file describes
 * sim --seed N --shrink FILE              of a run that fails: a short plan that fails alike
 *     --record FILE   what was said and done, for oracle.py
 * sim --from A --count N                  many; prints what fails, the faults, a summary
 *     --hold SECONDS  each run goes on so long after healing (also with --seed)
 *     --first         stop at the first that fails
 *     --twice         each seed twice: the digests must be the same
 *     --every-fault   a class of fault that never struck is a failure
 * Exit 0 when all is well, 1 when a run failed, 2 for wrong usage.  A run is a function of its
 * plan, and that of its seed: the line that reports a failure is all that is needed. */

enum { SEEN_CORRECTNESS = 11, SEEN_LIVENESS, SEEN_CRASH };

static struct sim_world world; /* one at a time; for the signal handler too */
static FILE *record_file;
static uint64_t all_hits[FAULT_COUNT];
static uint64_t all_us; /* simulated */

static char abort_text[96];

/* An assertion of the core or the harness: class crash, and the seed to see it again. */
static void on_abort(int number)
{
    (void)number;
    if (write(STDOUT_FILENO, abort_text, strlen(abort_text)) < 0) {
        _exit(2);
    }
    _exit(1);
}

static uint32_t liar_count(void)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < world.node_count; i++) {
        count += world.nodes[i].excused ? 1 : 0;
    }
    return count;
}

/* Above the budget only broken promises of the honest, and a break without guilty ones, count. */
static const char *failure(struct sim_world *run)
{
    const char *class = check_class(run->check);
    if (class == NULL || !run->over_budget) {
        return class;
    }
    return strcmp(class, "broken") == 0 || strcmp(class, "liveness") == 0 ? NULL : class;
}

static void say_result(bool trace)
{
    const char *class = failure(&world);
    const double now_s = (double)world.now_us / 1e6;
    if (class != NULL) {
        (void)printf("FAIL class %s seed %llu event %llu at %.3f s (n %u, %u liars): %s\n", class,
                     (unsigned long long)world.plan.seed, (unsigned long long)world.event_count,
                     now_s, world.plan.n, liar_count(), check_detail(world.check));
    } else if (trace) {
        uint64_t height = 0;
        for (uint32_t i = 0; i < world.plan.n; i++) {
            height = world.nodes[i].height > height ? world.nodes[i].height : height;
        }
        (void)printf("seed %llu: n %u, %u liars, %llu events, height %llu, %.3f s, "
                     "digest %016llx\n",
                     (unsigned long long)world.plan.seed, world.plan.n, liar_count(),
                     (unsigned long long)world.event_count, (unsigned long long)height, now_s,
                     (unsigned long long)world.digest);
    }
}

static bool run_plan(const struct sim_plan *plan, bool trace, uint64_t *digest)
{
    (void)snprintf(abort_text, sizeof(abort_text), "FAIL class crash seed %llu: assertion\n",
                   (unsigned long long)plan->seed);
    world_init(&world, plan);
    world.trace = trace;
    world.record = record_file;
    if (trace) {
        scenario_write(stdout, plan, "plan");
    }
    world_run(&world);
    *digest = world.digest;
    say_result(trace);
    const bool ok = failure(&world) == NULL;
    const char *class = check_class(world.check);
    world.hits[FAULT_BROKEN] += class != NULL && strcmp(class, "broken") == 0 ? 1 : 0;
    for (uint32_t i = 0; i < FAULT_COUNT; i++) {
        all_hits[i] += world.hits[i];
    }
    all_us += world.now_us;
    world_free(&world);
    return ok;
}

/* In a process of its own: an assertion is an answer, too.  0: the plan does not fail. */
static int plan_outcome(const struct sim_plan *plan)
{
    (void)fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        (void)signal(SIGABRT, SIG_DFL);
        world_init(&world, plan);
        world_run(&world);
        const char *class = failure(&world);
        _exit(class == NULL                       ? 0
              : strcmp(class, "correctness") == 0 ? SEEN_CORRECTNESS
              : strcmp(class, "liveness") == 0    ? SEEN_LIVENESS
                                                  : SEEN_CRASH);
    }
    int status = 0;
    ASSERT(child > 0 && waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : SEEN_CRASH;
}

struct options {
    uint64_t from;
    uint64_t count;
    uint64_t hold_s;
    const char *plan_path, *write_path, *shrink_path, *record_path;
    bool one;
    bool trace;
    bool first_only;
    bool twice;
    bool every_fault;
};

static bool number(const char *text, uint64_t *out)
{
    char *end = NULL;
    *out = strtoull(text, &end, 10);
    return *text != '\0' && *end == '\0';
}

static bool parse_flag(const char *text, struct options *out)
{
    bool *const flag = strcmp(text, "--trace") == 0         ? &out->trace
                       : strcmp(text, "--first") == 0       ? &out->first_only
                       : strcmp(text, "--twice") == 0       ? &out->twice
                       : strcmp(text, "--every-fault") == 0 ? &out->every_fault
                                                            : NULL;
    if (flag != NULL) {
        *flag = true;
    }
    return flag != NULL;
}

static bool parse_value(const char *name, const char *value, struct options *out)
{
    const char **const path = strcmp(name, "--plan") == 0     ? &out->plan_path
                              : strcmp(name, "--write") == 0  ? &out->write_path
                              : strcmp(name, "--shrink") == 0 ? &out->shrink_path
                              : strcmp(name, "--record") == 0 ? &out->record_path
                                                              : NULL;
    if (path != NULL) {
        *path = value;
        out->one = true;
        return true;
    }
    if (strcmp(name, "--hold") == 0) {
        return number(value, &out->hold_s) && out->hold_s <= 600;
    }
    if (strcmp(name, "--count") == 0) {
        return number(value, &out->count);
    }
    out->one = out->one || strcmp(name, "--seed") == 0;
    return (strcmp(name, "--seed") == 0 || strcmp(name, "--from") == 0) &&
           number(value, &out->from);
}

static bool parse(int argc, char **argv, struct options *out)
{
    *out = (struct options){.from = 1, .count = 1};
    for (int i = 1; i < argc; i++) {
        if (parse_flag(argv[i], out)) {
            continue;
        }
        if (i + 1 >= argc || !parse_value(argv[i], argv[i + 1], out)) {
            return false;
        }
        i++;
    }
    return !out->one || out->count == 1;
}

static bool write_plan(const char *path, const struct sim_plan *plan, const char *comment)
{
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        perror(path);
        return false;
    }
    scenario_write(file, plan, comment);
    return fclose(file) == 0;
}

static void plan_hold(struct sim_plan *plan, uint64_t seconds)
{
    plan->hold_us = seconds * 1000000;
    plan->end_us += plan->hold_us;
    for (uint32_t i = 0; i < plan->fault_count; i++) {
        struct sim_fault *fault = &plan->faults[i];
        fault->to_us += fault_group(fault->class) == FAULT_LIE ? plan->hold_us : 0;
    }
}

static uint32_t excused_of(const struct sim_plan *plan)
{
    uint32_t excused = 0;
    for (uint32_t i = 0; i < plan->n; i++) {
        excused |= fault_is_excused(plan, i) ? 1U << i : 0;
    }
    return excused;
}

/* One run, by seed or plan. */
static int run_one(const struct options *options)
{
    struct sim_plan plan;
    uint64_t digest = 0;
    if (options->plan_path == NULL) {
        plan_expand(options->from, &plan);
        plan_hold(&plan, options->hold_s);
    } else if (!scenario_read(options->plan_path, &plan)) {
        return 2;
    }
    if (options->shrink_path != NULL) {
        plan_shrink(&plan, plan_outcome);
    }
    if (options->record_path != NULL) {
        record_file = fopen(options->record_path, "w");
        ASSERT(record_file != NULL);
        (void)fprintf(record_file, "run %u %u\n", plan.members, excused_of(&plan));
    }
    const bool ok = run_plan(&plan, options->trace, &digest);
    if (record_file != NULL) {
        (void)fclose(record_file);
    }
    const char *path = options->shrink_path != NULL ? options->shrink_path : options->write_path;
    if (path != NULL && !write_plan(path, &plan, ok ? "passes" : "fails; see sim --plan")) {
        return 2;
    }
    (void)printf("%u faults, %s, digest %016llx\n", plan.fault_count, ok ? "passed" : "failed",
                 (unsigned long long)digest);
    return ok ? 0 : 1;
}

/* Returns the number of classes that never struck. */
static uint64_t say_faults(void)
{
    uint64_t missing = 0;
    for (uint32_t i = 0; i < FAULT_COUNT; i++) {
        (void)printf("fault %-15s %llu\n", fault_name((enum fault_class)i),
                     (unsigned long long)all_hits[i]);
        missing += all_hits[i] == 0 ? 1 : 0;
    }
    return missing;
}

static int run_many(const struct options *options)
{
    uint64_t failed = 0;
    uint64_t mix = 0;
    for (uint64_t i = 0; i < options->count; i++) {
        struct sim_plan plan;
        uint64_t digest = 0;
        uint64_t again = 0;
        plan_expand(options->from + i, &plan);
        plan_hold(&plan, options->hold_s);
        bool ok = run_plan(&plan, options->trace, &digest);
        if (options->twice) {
            (void)run_plan(&plan, false, &again);
        }
        if (options->twice && again != digest) {
            (void)printf("FAIL class correctness seed %llu: two runs differ\n",
                         (unsigned long long)plan.seed);
            ok = false;
        }
        failed += ok ? 0 : 1;
        mix = mix * 31 + digest;
        if (!ok && options->first_only) {
            break;
        }
    }
    const uint64_t missing = options->first_only ? 0 : say_faults();
    if (options->every_fault && missing > 0) {
        (void)printf("FAIL %llu classes of fault never struck\n", (unsigned long long)missing);
        failed++;
    }
    (void)printf("%llu seeds, %.2f cluster-hours, %llu failed, digest %016llx\n",
                 (unsigned long long)options->count, (double)all_us / 3.6e9,
                 (unsigned long long)failed, (unsigned long long)mix);
    return failed == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct options options;
    if (!parse(argc, argv, &options)) {
        (void)fprintf(stderr, "usage: sim --seed N | --plan FILE  [--trace] [--write FILE] "
                              "[--shrink FILE] [--record FILE]\n"
                              "       sim --from A --count N [--hold S] [--first] [--twice] "
                              "[--every-fault]\n");
        return 2;
    }
    (void)signal(SIGABRT, on_abort);
    return options.one ? run_one(&options) : run_many(&options);
}
