#ifndef TESTS_SIM_FAULT_H
#define TESTS_SIM_FAULT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Faults: one table (faults.def), one plan (an explicit list), one way to draw.
 *
 * A plan expands from a seed alone and stands for itself as text.  Every decision of a run is a
 * hash of (seed, kind, place, counter), never the next number of one stream: a fault or
 * message that is taken out leaves all other decisions as they were, and so a failing plan
 * can be made short (shrink.c). */

enum fault_class {
#define FAULT(id, name, group, unit, what) FAULT_##id,
#include "tests/sim/faults.def"
#undef FAULT
    FAULT_COUNT
};

enum fault_group {
    FAULT_NETWORK,
    FAULT_PROCESS,
    FAULT_DISK,
    FAULT_EFFECT,
    FAULT_LIE,
};

enum {
    PLAN_FAULTS_MAX = 64,
    FAULT_ALL_NODES = 99, /* sim_fault.node */
    DRAW_PLACES_MAX = 256,
};

struct sim_fault {
    enum fault_class class;
    uint32_t node; /* or FAULT_ALL_NODES */
    uint64_t from_us, to_us;
    uint64_t value; /* its unit stands in the table; never 0 */
};

struct sim_plan {
    uint64_t seed;
    uint32_t n;        /* validators there are; the first `members` are the set of epoch 1 */
    uint32_t members;  /* 1 .. n */
    uint32_t changes;  /* of the set that are asked for */
    uint32_t delay_us; /* mean, of a message */
    uint32_t tx_count; /* before healing */
    uint64_t heal_us;
    uint64_t hold_us; /* goes on so long after healing, liars and all, a transaction now and then */
    uint64_t end_us;  /* progress must have been made by then */
    uint32_t fault_count;
    struct sim_fault faults[PLAN_FAULTS_MAX];
};

/* What is decided.  A new decision gets a new kind, at the end: the old ones stay put. */
enum draw_kind {
    DRAW_PLAN,
    DRAW_TX,
    DRAW_NODE,
    DRAW_DROP,
    DRAW_REPEAT,
    DRAW_STRAGGLE,
    DRAW_DELAY,
    DRAW_CORRUPT,
    DRAW_SIGN,
    DRAW_BUILD,
    DRAW_BUILD_TIME,
    DRAW_CERTIFY,
    DRAW_PENDING,
    DRAW_POWER,
    DRAW_POWER_SAVE,
    DRAW_POWER_SYNC,
    DRAW_DOWN,
    DRAW_DISK,
    DRAW_LIE,
    DRAW_LIE_PAUSE,
    DRAW_POWER_BOOT,
    DRAW_SYNC,
    DRAW_POWER_NAME,
    DRAW_DAMAGE,
    DRAW_EPOCH,
    DRAW_AMNESIA,
    DRAW_KINDS
};

/* The number of (seed, kind, place, count). */
uint64_t draw_hash(uint64_t seed, enum draw_kind kind, uint32_t place, uint64_t count);

/* Nothing is asked of these: liars, twins, and nodes whose disk does more than forget. */
bool fault_is_excused(const struct sim_plan *plan, uint32_t node);
/* Says what it likes (a twin follows the rules, twice). */
bool fault_is_liar(const struct sim_plan *plan, uint32_t node);

const char *fault_name(enum fault_class class);
enum fault_group fault_group(enum fault_class class);

/* plan.c: the plan of a seed. */
void plan_expand(uint64_t seed, struct sim_plan *out);
void plan_add(struct sim_plan *plan, const struct sim_fault *fault);

/* scenario.c: a plan as text, one fault a line.  False: path cannot be read as a plan (said
 * on stderr). */
bool scenario_read(const char *path, struct sim_plan *out);
void scenario_write(FILE *file, const struct sim_plan *plan, const char *comment);

/* shrink.c: drop and weaken faults while `fails` gives the same answer, which is not 0. */
typedef int plan_fails(const struct sim_plan *plan);
void plan_shrink(struct sim_plan *plan, plan_fails *fails);

#endif /* TESTS_SIM_FAULT_H */
