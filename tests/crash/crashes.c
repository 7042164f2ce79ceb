#include <stdio.h>
#include <string.h>

#include "tests/crash/child.h"
#include "tests/crash/faults.h"
#include "tests/crash/life.h"
#include "tests/support/random.h"

/* One node that dies again and again: each cell of the tables is a place where it dies. */

enum { BLOCKS_PER_LIFE = 24, TRIES = 12 };

static const char *const class_names[CLASS_COUNT] = {"journal",   "sign.state", "chain log",
                                                     "state log", "tables",     "MANIFEST"};
/* How many calls a life makes, about: the how manyth one fails is chosen below it. */
static const uint32_t class_calls[CLASS_COUNT] = {40, 40, 10, 20, 3, 4};

static const char *const action_names[ACTION_COUNT] = {
    "killed before a write",   "killed in a write",      "killed before a sync",
    "power cut before a sync", "power cut after a sync", "write fails (EIO)",
    "disk full in a write",    "disk full, stays so",    "sync fails (EIO)",
    "write is short (goes on)"};
static const char *const step_names[STEP_COUNT] = {"before the journal's records",
                                                   "before the journal's sync",
                                                   "before sign.state (NOTARIZE)",
                                                   "before the journal's vote",
                                                   "before sign.state (FINALIZE)",
                                                   "before chain.db",
                                                   "before state.db",
                                                   "before sync and prune",
                                                   "after everything"};

static bool cuts_power(enum fault_action action)
{
    return action == POWER_BEFORE_SYNC || action == POWER_AFTER_SYNC || action == POWER_AT_STEP;
}

static void violation(struct campaign *campaign, const char *what, struct tally *tally)
{
    (void)fprintf(stderr, "WRONG: %s: %s\n", what, faults->text);
    tally->wrong++;
    campaign->wrong++;
}

/* An error of the journal, of sign.state or of a database's log must end the node. */
static bool must_stop(const struct fault_plan *plan)
{
    return (plan->action == FAIL_WRITE || plan->action == FAIL_FULL || plan->action == STAYS_FULL ||
            plan->action == FAIL_SYNC) &&
           plan->where <= CLASS_STATE_LOG;
}

/* Another node.  A check executes all of its node's blocks, so none lives for more than a row. */
static void begin_anew(const struct campaign *campaign)
{
    folders_remove(campaign->dir);
    faults->notarized = 0;
    faults->finalized = 0;
    faults->final = 0;
}

/* One life under the plan and what is left of it.  False: the fault was not met. */
static bool live(struct campaign *campaign, const struct fault_plan *plan, const char *what,
                 struct tally *tally)
{
    faults->plan = *plan;
    atomic_store(&faults->count, 0);
    atomic_store(&faults->met, false);
    faults_settle(campaign->dir);
    const int end = child_live(campaign->dir, BLOCKS_PER_LIFE);
    const bool met = atomic_load(&faults->met);
    if (end == CHILD_CRASHED || (end > 0 && !met)) {
        violation(campaign, what, tally);
        return true;
    }
    if (!met) {
        return false;
    }
    tally->met++;
    if (end == 0 && must_stop(plan)) {
        (void)snprintf(faults->text, sizeof(faults->text), "the node went on after the error");
        violation(campaign, what, tally);
        return true;
    }
    if (cuts_power(plan->action)) {
        faults_cut_power(campaign->dir, &campaign->seed);
    }
    if (child_check(campaign->dir, false) == LIFE_SOUND) {
        tally->sound++;
        return true;
    }
    violation(campaign, what, tally);
    begin_anew(campaign);
    return true;
}

static void cell(struct campaign *campaign, enum fault_action action, uint32_t where,
                 struct tally *tally)
{
    char what[96];
    const bool step = action >= ACTION_COUNT;
    (void)snprintf(what, sizeof(what), "%s, %s", step ? "step" : class_names[where],
                   step ? step_names[where] : action_names[action]);
    uint32_t limit = step ? BLOCKS_PER_LIFE / 3 : class_calls[where];
    for (uint32_t try = 0;
         tally->met + tally->wrong < campaign->lives && try < TRIES * campaign->lives; try++) {
        const struct fault_plan plan = {
            .action = action,
            .where = where,
            .nth = (uint32_t)random_below(&campaign->seed, limit),
        };
        if (!live(campaign, &plan, what, tally) && limit > 1) {
            limit = (limit + 1) / 2;
        }
    }
}

static void print_cell(const struct tally *tally)
{
    if (tally->met + tally->wrong == 0) {
        (void)printf("  %10s", "-");
    } else if (tally->wrong > 0) {
        (void)printf("  %4u WRONG", (unsigned)tally->wrong);
    } else {
        (void)printf("  %10u", (unsigned)tally->sound);
    }
}

void crash_table(struct campaign *campaign)
{
    uint32_t lives = 0;
    (void)printf("%-26s", "lives that came back");
    for (uint32_t where = 0; where < CLASS_COUNT; where++) {
        (void)printf("  %10s", class_names[where]);
    }
    (void)printf("\n");
    for (uint32_t action = 0; action < ACTION_COUNT; action++) {
        begin_anew(campaign);
        (void)printf("%-26s", action_names[action]);
        for (uint32_t where = 0; where < CLASS_COUNT; where++) {
            struct tally tally = {0};
            cell(campaign, (enum fault_action)action, where, &tally);
            print_cell(&tally);
            lives += tally.met;
            (void)fflush(stdout);
        }
        (void)printf("\n");
    }
    (void)printf("%u lives; -: this file has no such call in a life\n\n", (unsigned)lives);
}

void step_table(struct campaign *campaign)
{
    (void)printf("%-30s  %10s  %10s\n", "at the boundary of two steps", "killed", "power cut");
    for (uint32_t step = 0; step < STEP_COUNT; step++) {
        begin_anew(campaign);
        struct tally killed = {0};
        struct tally cut = {0};
        cell(campaign, KILL_AT_STEP, step, &killed);
        cell(campaign, POWER_AT_STEP, step, &cut);
        (void)printf("%-30s", step_names[step]);
        print_cell(&killed);
        print_cell(&cut);
        (void)printf("\n");
        (void)fflush(stdout);
    }
    (void)printf("\n");
}
