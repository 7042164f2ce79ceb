#include "tests/sim/fault.h"
#include "tests/support/random.h"

/* What happens in a run, drawn from the seed alone.  Each feature is there or not (swarm), so
 * that quiet runs and runs with one trouble only exist, too. */

#define SECOND_US UINT64_C(1000000)

struct draft {
    struct sim_plan *plan;
    bool absence;
    bool quiet; /* no fault at all: no view may be missed, either */
    uint64_t random;
};

static uint64_t below(struct draft *draft, uint64_t limit)
{
    return random_below(&draft->random, limit);
}

static bool chance(struct draft *draft, uint32_t percent)
{
    return below(draft, 100) < percent;
}

void plan_add(struct sim_plan *plan, const struct sim_fault *fault)
{
    if (plan->fault_count < PLAN_FAULTS_MAX && fault->value > 0 && fault->to_us > fault->from_us) {
        plan->faults[plan->fault_count++] = *fault;
    }
}

static uint32_t any_node(struct draft *draft)
{
    return (uint32_t)below(draft, draft->plan->n);
}

/* From some time before healing for some time. */
static void add_span(struct draft *draft, enum fault_class class, uint32_t node, uint64_t value)
{
    const uint64_t heal_us = draft->plan->heal_us;
    const uint64_t from_us = below(draft, heal_us);
    const uint64_t to_us = from_us + 1 + below(draft, 3 * SECOND_US);
    plan_add(draft->plan, &(struct sim_fault){.class = class,
                                              .node = node,
                                              .from_us = from_us,
                                              .to_us = to_us < heal_us ? to_us : heal_us,
                                              .value = value});
}

/* At one node: drawn after the value. */
static void add_one(struct draft *draft, enum fault_class class, uint64_t value)
{
    add_span(draft, class, any_node(draft), value);
}

/* From the start until healing, everywhere. */
static void add_whole(struct draft *draft, enum fault_class class, uint64_t value)
{
    plan_add(draft->plan, &(struct sim_fault){.class = class,
                                              .node = FAULT_ALL_NODES,
                                              .to_us = draft->plan->heal_us,
                                              .value = value});
}

static void draw_sizes(struct draft *draft)
{
    static const uint32_t sizes[] = {4, 4, 4, 4, 4, 4, 4, 7, 7, 10, 5, 1};
    struct sim_plan *plan = draft->plan;
    plan->n = sizes[below(draft, sizeof(sizes) / sizeof(sizes[0]))];
    plan->delay_us = 500 + (uint32_t)below(draft, 20000);
    plan->heal_us = 4 * SECOND_US + below(draft, 8 * SECOND_US);
    plan->tx_count = 5 + (uint32_t)below(draft, 25);
    /* Backoff has grown to 3 s at most: a view costs 3 x 3 s + 0.2 s, and one leader in two
     * may be down or lying for a while. */
    plan->end_us = plan->heal_us + 150 * SECOND_US;
}

static void draw_network(struct draft *draft)
{
    add_whole(draft, FAULT_DROP, below(draft, 4) * 8);
    add_whole(draft, FAULT_REPEAT, below(draft, 3) * 5);
    add_whole(draft, FAULT_STRAGGLE, below(draft, 2) * 3);
    add_whole(draft, FAULT_CORRUPT, below(draft, 3) == 0 ? 2 : 0);
    if (chance(draft, 20)) {
        add_one(draft, FAULT_SLOW, 2 + below(draft, 49));
    }
    for (uint64_t k = below(draft, 4); k > 0; k--) {
        const uint64_t mask =
            chance(draft, 50) ? UINT64_C(0x5555555555555555) : UINT64_MAX; /* two groups only */
        add_span(draft, FAULT_CUT, FAULT_ALL_NODES,
                 random_next(&draft->random) & mask & ((UINT64_C(1) << (2 * draft->plan->n)) - 1));
    }
    static const enum fault_class links[] = {FAULT_DEAF, FAULT_MUTE, FAULT_FLAP};
    for (uint32_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
        if (chance(draft, 12)) {
            add_one(draft, links[i], 20 + below(draft, 100));
        }
    }
}

static void draw_disks(struct draft *draft)
{
    if (chance(draft, 15)) {
        add_one(draft, FAULT_FULL, 1 + below(draft, 2000));
    }
    if (chance(draft, 15)) {
        add_one(draft, FAULT_EIO, 1);
    }
}

static void draw_process(struct draft *draft)
{
    if (chance(draft, 60)) {
        const uint64_t rate = below(draft, 2500);
        add_whole(draft, FAULT_POWER, rate);
        add_whole(draft, FAULT_POWER_SAVE, rate * 8);
        add_whole(draft, FAULT_POWER_SYNC, rate);
        add_whole(draft, FAULT_POWER_BOOT, chance(draft, 50) ? 300000 : 0);
    }
    for (uint64_t k = below(draft, 5); k > 0; k--) {
        add_one(draft, FAULT_CRASH, 1 + below(draft, 3000));
    }
    if (chance(draft, 25)) { /* the whole cluster */
        add_span(draft, FAULT_CRASH, FAULT_ALL_NODES, 1 + below(draft, 3000));
    }
    for (uint64_t k = chance(draft, 30) ? 1 + below(draft, 3) : 0; k > 0; k--) {
        add_one(draft, FAULT_PAUSE, 1);
    }
    if (chance(draft, 20)) {
        add_one(draft, FAULT_CLOCK, 1 + below(draft, 3600000));
    }
    if (chance(draft, 20)) {
        add_one(draft, FAULT_CLOCK_BACK, 1 + below(draft, 3600000));
    }
    add_whole(draft, FAULT_BUILD, 2);
    if (chance(draft, 20)) {
        add_one(draft, FAULT_CERTIFY, 10 + below(draft, 2000));
    }
}

/* A fast network that never rests, and one node that is away for long: it comes back more than
 * a window of views behind. */
static void draw_long_absence(struct draft *draft)
{
    struct sim_plan *plan = draft->plan;
    draft->absence = true;
    plan->delay_us = 300 + (uint32_t)below(draft, 1000);
    plan->heal_us = 10 * SECOND_US + below(draft, 2 * SECOND_US);
    plan->end_us = plan->heal_us + 150 * SECOND_US;
    plan->tx_count = 350;
    if (chance(draft, 40)) { /* nobody can build: views without finality, by the hundreds */
        add_whole(draft, FAULT_BUILD, 100);
    }
    /* The journal begins and drops files only in such runs. */
    add_whole(draft, FAULT_POWER_NAME, 1 + below(draft, 100));
    const uint64_t to_us = 5 * SECOND_US + below(draft, 4 * SECOND_US);
    plan_add(plan, &(struct sim_fault){.class = FAULT_CUT,
                                       .node = FAULT_ALL_NODES,
                                       .from_us = SECOND_US / 2,
                                       .to_us = to_us,
                                       .value = UINT64_C(1) << (2 * any_node(draft))});
}

static void add_lie(struct draft *draft, enum fault_class class, uint32_t liar)
{
    plan_add(draft->plan,
             &(struct sim_fault){
                 .class = class, .node = liar, .to_us = draft->plan->end_us, .value = 1});
}

/* Half of the liars do everything, the others a few things.  Who catches up after a long
 * absence may meet one that lies about nothing but the past. */
static void draw_liar(struct draft *draft, uint32_t liar)
{
    const bool everything = chance(draft, 50);
    const bool about_the_past = draft->absence && chance(draft, 60);
    const uint32_t before = draft->plan->fault_count;
    for (uint32_t i = 0; i < FAULT_COUNT; i++) {
        const enum fault_class class = (enum fault_class)i;
        const bool chosen = about_the_past ? class == FAULT_LIE_SYNC
                                           : class != FAULT_LIE_SILENT && class != FAULT_LIE_TWIN &&
                                                 (everything || chance(draft, 20));
        if (fault_group(class) == FAULT_LIE && chosen) {
            add_lie(draft, class, liar);
        }
    }
    if (draft->plan->fault_count == before) {
        add_lie(draft, FAULT_LIE_SILENT, liar);
    }
}

static void draw_damage(struct draft *draft, uint32_t node)
{
    static const enum fault_class damage[] = {FAULT_SYNC_LIES, FAULT_ROT, FAULT_MISDIRECTED,
                                              FAULT_STALE, FAULT_MISSING};
    for (uint64_t k = 2 + below(draft, 4); k > 0; k--) {
        const uint64_t which = below(draft, sizeof(damage) / sizeof(damage[0]));
        add_span(draft, damage[which], node, 1);
    }
}

/* Up to f of them; one in ten plans has one more, and then agreement may break, but the guilty
 * must be known. */
static void draw_liars(struct draft *draft)
{
    const uint32_t n = draft->plan->n;
    const uint32_t f = (draft->plan->members - 1) / 3;
    uint32_t liar = any_node(draft);
    uint32_t liars = f > 0 && chance(draft, 64) ? 1 + (uint32_t)below(draft, f) : 0;
    liars = n >= 4 && chance(draft, 10) ? f + 1 : liars;
    draft->plan->changes = liars > f ? 0 : draft->plan->changes;
    for (uint32_t left = liars; left > 0; left--, liar = (liar + 1) % n) {
        if (liars <= f && chance(draft, 15)) {
            add_lie(draft, FAULT_LIE_TWIN, liar);
        } else {
            draw_liar(draft, liar);
        }
    }
    if (liars < f && chance(draft, 70)) {
        draw_damage(draft, liar);
    }
}

/* The set of validators changes: more of them than members, and what becomes of whom is drawn
 * in world_init().  Drawn apart, so that all other plans stay what they are. */
static void draw_epochs(struct draft *draft)
{
    struct sim_plan *plan = draft->plan;
    struct draft own = {.plan = plan, .random = draw_hash(plan->seed, DRAW_EPOCH, 0, 0)};
    if (plan->n == 1 || !chance(&own, 30)) {
        return; /* a lone member with a wrong clock spoils the time of those who come in */
    }
    plan->n = plan->n + 1 + (uint32_t)below(&own, 2);
    plan->n = plan->n > 10 ? 10 : plan->n;
    plan->members = plan->members == 10 ? 8 : plan->members;
    plan->changes = 2 + (uint32_t)below(&own, 7);
    draft->quiet = chance(&own, 20);
}

static bool has_excused(const struct sim_plan *plan)
{
    bool any = false;
    for (uint32_t i = 0; i < plan->n; i++) {
        any = any || fault_is_excused(plan, i);
    }
    return any;
}

/* One validator loses files again and again; more than f that cannot be relied on are promised
 * nothing, so nobody else lies or has a bad disk; and the set stays, for the guard counts the
 * answers of one.  Draws of its own: other plans stay. */
static void draw_amnesia(struct draft *draft)
{
    struct sim_plan *plan = draft->plan;
    struct draft own = {.plan = plan, .random = draw_hash(plan->seed, DRAW_AMNESIA, 0, 0)};
    struct sim_fault fault = {.class = FAULT_AMNESIA};
    if (plan->n < 4 || plan->changes > 0 || has_excused(plan) || chance(&own, 50)) {
        return;
    }
    fault.node = any_node(&own);
    for (uint64_t at_us = SECOND_US + below(&own, SECOND_US); at_us < plan->heal_us;
         at_us += SECOND_US / 5 + below(&own, 3 * SECOND_US / 2)) {
        fault.to_us = at_us;
        fault.from_us = at_us - below(&own, 3 * at_us / 4) - 1; /* when the copy was made */
        fault.value = 1 + below(&own, 7);
        plan_add(plan, &fault);
    }
}

void plan_expand(uint64_t seed, struct sim_plan *out)
{
    struct draft draft = {.plan = out, .random = draw_hash(seed, DRAW_PLAN, 0, 0)};
    *out = (struct sim_plan){.seed = seed};
    draw_sizes(&draft);
    out->members = out->n;
    draw_epochs(&draft);
    if (draft.quiet) {
        return;
    }
    if (out->n >= 4 && chance(&draft, 20)) {
        draw_long_absence(&draft);
    } else {
        draw_network(&draft);
        draw_process(&draft);
        draw_disks(&draft);
    }
    draw_liars(&draft);
    draw_amnesia(&draft);
}
