#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consensus/parts.h"
#include "tests/sim/sim.h"

/* twins --views V [--from A --count N]: after Bano and others, "Twins: BFT Systems Made Robust"
 * (OPODIS 2021).  Four validators, of which validator 0 runs twice: processes 0 and 4 follow
 * the rules and share a key.  For each of the first V views a case chooses
 *
 *   one of 16 ways to split the five processes into at most two groups, and
 *   one of 5 leaders: validators 0..3, or 4: validator 0, but only process 4 may propose;
 *
 * 80 settings a view, 80^V cases: 6,400 for two views, 512,000 for three.  What is said about
 * a view crosses the split only SPLIT_MS after the first process spoke of that view, so each
 * view has its setting whether or not a group has a quorum.  Then everybody hears everybody.
 * No two processes may have different final blocks, no honest one may break a promise, and the
 * honest ones must finish what they were given. */

enum { VIEWS_MAX = 3, SETTINGS = 80, LEADERS = 5, SPLIT_MS = 700, TWIN = 4 };

static struct sim_world run;

static struct {
    uint32_t views;
    uint32_t groups[VIEWS_MAX + 1]; /* bit i: process i is in the second group */
    uint32_t leaders[VIEWS_MAX + 1];
    uint64_t entered_us[VIEWS_MAX + 1]; /* 0: not yet */
} script;

static uint32_t scripted_leader(uint64_t view)
{
    if (view >= 1 && view <= script.views) {
        return script.leaders[view] % 4;
    }
    return (uint32_t)((view - 1) % 4);
}

/* In the place of consensus/leader.c. */
uint32_t view_leader(const struct consensus *core, uint64_t view)
{
    (void)core;
    return scripted_leader(view);
}

/* In the place of tests/sim/leader.c. */
uint32_t sim_leader(const struct sim_set *set, uint64_t view)
{
    (void)set;
    return scripted_leader(view);
}

/* The view that a message is about; 0: none. */
static uint64_t view_of(const struct sim_message *message)
{
    if (message->kind == SIM_VOTE) {
        return message->vote.view;
    }
    if (message->kind == SIM_CERTIFICATE) {
        return message->certificate->view;
    }
    return message->kind == SIM_PROPOSAL ? message->blocks[0]->proposal.light.view : 0;
}

static bool passes(struct sim_world *world, const struct sim_message *message, uint32_t to)
{
    const uint64_t view = view_of(message);
    if (view == 0 || view > script.views) {
        return true;
    }
    if (script.entered_us[view] == 0) {
        script.entered_us[view] = world->now_us;
    }
    const bool is_barred = message->kind == SIM_PROPOSAL && message->via == 0 &&
                           message->from == 0 && script.leaders[view] == TWIN;
    const uint32_t groups = script.groups[view];
    const bool same = (groups >> message->via & 1) == (groups >> to & 1);
    return !is_barred &&
           (same || world->now_us - script.entered_us[view] > (uint64_t)SPLIT_MS * 1000);
}

static void script_set(uint64_t number)
{
    for (uint32_t view = 1; view <= script.views; view++) {
        const uint32_t setting = (uint32_t)(number % SETTINGS);
        script.groups[view] = setting / LEADERS << 1; /* process 0 is in the first group */
        script.leaders[view] = setting % LEADERS;
        script.entered_us[view] = 0;
        number /= SETTINGS;
    }
}

static void say_case(uint64_t number)
{
    (void)printf("FAIL case %llu of %u views: %s: %s;", (unsigned long long)number, script.views,
                 check_class(run.check), check_detail(run.check));
    for (uint32_t view = 1; view <= script.views; view++) {
        (void)printf(" view %u: second group %02x, leader %u;", view, script.groups[view],
                     script.leaders[view]);
    }
    (void)printf("\n");
}

static bool run_case(uint64_t number, bool trace)
{
    struct sim_plan plan = {
        .seed = 1, .n = 4, .delay_us = 1000, .tx_count = 2, .heal_us = 500000, .end_us = 60000000};
    plan_add(&plan, &(struct sim_fault){
                        .class = FAULT_LIE_TWIN, .node = 0, .to_us = plan.end_us, .value = 1});
    script_set(number);
    world_init(&run, &plan);
    run.trace = trace;
    run.passes = passes;
    world_run(&run);
    const bool ok = check_class(run.check) == NULL;
    if (!ok) {
        say_case(number);
    }
    world_free(&run);
    return ok;
}

static bool read_option(const char *name, const char *text, uint64_t *from, uint64_t *count)
{
    char *end = NULL;
    const uint64_t value = strtoull(text, &end, 10);
    if (*text == '\0' || *end != '\0') {
        return false;
    }
    if (strcmp(name, "--views") == 0) {
        script.views = (uint32_t)value;
        return value >= 1 && value <= VIEWS_MAX;
    }
    *from = strcmp(name, "--from") == 0 ? value : *from;
    *count = strcmp(name, "--count") == 0 ? value : *count;
    return strcmp(name, "--from") == 0 || strcmp(name, "--count") == 0;
}

int main(int argc, char **argv)
{
    uint64_t from = 0;
    uint64_t count = UINT64_MAX;
    uint64_t failed = 0;
    const bool trace = argc % 2 == 0 && strcmp(argv[argc - 1], "--trace") == 0;
    bool good = argc % 2 == 1 || trace;
    for (int i = 1; good && i + 1 < argc; i += 2) {
        good = read_option(argv[i], argv[i + 1], &from, &count);
    }
    if (!good || script.views == 0) {
        (void)fprintf(stderr, "usage: twins --views 1|2|3 [--from CASE] [--count N] [--trace]\n");
        return 2;
    }
    uint64_t total = 1;
    for (uint32_t view = 0; view < script.views; view++) {
        total *= SETTINGS;
    }
    from = from < total ? from : total;
    count = count < total - from ? count : total - from;
    for (uint64_t number = from; number < from + count; number++) {
        failed += run_case(number, trace) ? 0 : 1;
    }
    (void)printf("%llu of %llu cases of %u views from %llu, %llu failed\n",
                 (unsigned long long)count, (unsigned long long)total, script.views,
                 (unsigned long long)from, (unsigned long long)failed);
    return failed == 0 ? 0 : 1;
}
