#include "tests/sim/sim.h"

/* What happens in a run: drawn from the seed alone. */

enum { SECOND_US = 1000000 };

static void draw_network(struct sim_world *world)
{
    static const uint32_t sizes[] = {4, 4, 4, 4, 4, 4, 4, 1, 5, 7};
    struct sim_plan *plan = &world->plan;
    uint64_t *random = &world->random;
    plan->n = sizes[random_below(random, sizeof(sizes) / sizeof(sizes[0]))];
    plan->has_liar = plan->n >= 4 && chance(world, 64); /* half of all seeds */
    plan->drop_percent = (uint32_t)random_below(random, 4) * 8;
    plan->repeat_percent = (uint32_t)random_below(random, 3) * 5;
    plan->crash_per_million = chance(world, 60) ? (uint32_t)random_below(random, 2500) : 0;
    plan->build_fail_percent = 2;
    plan->delay_us = 500 + (uint32_t)random_below(random, 20000);
    plan->heal_us = 4 * SECOND_US + random_below(random, 8 * SECOND_US);
}

/* A fast network that never rests, and one node that is away for long: it comes back more than
 * a window of views behind. */
static void draw_long_absence(struct sim_world *world)
{
    uint64_t *random = &world->random;
    struct sim_plan *plan = &world->plan;
    plan->delay_us = 300 + (uint32_t)random_below(random, 1000);
    plan->drop_percent = 0;
    plan->crash_per_million = 0;
    plan->heal_us = 6 * SECOND_US + random_below(random, 2 * SECOND_US);
    if (chance(world, 40)) { /* nobody can build: views without finality, by the hundreds */
        plan->build_fail_percent = 100;
        plan->has_liar = false;
    }
    struct sim_event inject = {.kind = SIM_INJECT};
    for (uint64_t k = 0; k < 250; k++) {
        inject.node = (uint32_t)random_below(random, plan->n);
        inject.extra = ++world->tx_count;
        world_push(world, random_below(random, plan->heal_us), &inject);
    }
    struct sim_event away = {.kind = SIM_CUT,
                             .extra = UINT64_C(1) << (2 * random_below(random, plan->n))};
    world_push(world, SECOND_US / 2, &away);
    away.extra = 0;
    world_push(world, 3 * SECOND_US + random_below(random, 3 * SECOND_US), &away);
}

static void draw_crashes(struct sim_world *world)
{
    uint64_t *random = &world->random;
    struct sim_event event = {.kind = SIM_CRASH};
    for (uint64_t k = random_below(random, 5); k > 0; k--) {
        event.node = (uint32_t)random_below(random, world->plan.n);
        world_push(world, random_below(random, world->plan.heal_us), &event);
    }
    if (chance(world, 25)) { /* the whole cluster */
        const uint64_t at_us = random_below(random, world->plan.heal_us);
        for (event.node = 0; event.node < world->plan.n; event.node++) {
            world_push(world, at_us + random_below(random, 2000), &event);
        }
    }
}

static void draw_cuts(struct sim_world *world)
{
    uint64_t *random = &world->random;
    for (uint64_t k = random_below(random, 4); k > 0; k--) {
        struct sim_event event = {.kind = SIM_CUT, .extra = random_next(random)};
        if (chance(world, 50)) { /* two groups only */
            event.extra &= UINT64_C(0x5555555555555555);
        }
        const uint64_t at_us = random_below(random, world->plan.heal_us);
        world_push(world, at_us, &event);
        event.extra = 0;
        world_push(world, at_us + random_below(random, 3 * SECOND_US), &event);
    }
}

static void draw_txs(struct sim_world *world)
{
    uint64_t *random = &world->random;
    const uint64_t before = 5 + random_below(random, 25);
    struct sim_event event = {.kind = SIM_INJECT};
    for (uint64_t k = 0; k < before + 4; k++) {
        event.node = (uint32_t)random_below(random, world->plan.n);
        event.extra = ++world->tx_count;
        const uint64_t at_us =
            k < before ? random_below(random, world->plan.heal_us)
                       : world->plan.heal_us + 1000 + random_below(random, 2 * SECOND_US);
        world_push(world, at_us, &event);
    }
    /* One that is sure to arrive, so that progress must be made. */
    for (event.node = 0; event.node < world->plan.n; event.node++) {
        event.extra = world->tx_count + 1;
        world_push(world, world->plan.heal_us + 2 * SECOND_US, &event);
    }
    world->tx_count++;
}

void plan_draw(struct sim_world *world)
{
    draw_network(world);
    for (uint32_t i = 0; i < world->plan.n; i++) {
        struct sim_node *node = &world->nodes[i];
        node->index = i;
        node->skew_ms = (int64_t)random_below(&world->random, 400) - 200;
        const struct sim_event boot = {.kind = SIM_BOOT, .node = i};
        const struct sim_event ping = {.kind = SIM_PING, .node = i};
        const struct sim_event retry = {.kind = SIM_RETRY, .node = i};
        world_push(world, random_below(&world->random, 300000), &boot);
        world_push(world, random_below(&world->random, SIM_PING_MS * 1000), &ping);
        world_push(world, random_below(&world->random, 500000), &retry);
    }
    if (world->plan.n >= 4 && chance(world, 12)) {
        draw_long_absence(world);
    } else {
        draw_crashes(world);
        draw_cuts(world);
    }
    if (world->plan.has_liar) {
        const uint32_t liar = (uint32_t)random_below(&world->random, world->plan.n);
        world->nodes[liar].liar = true;
        world->nodes[liar].up = true;
        const struct sim_event lie = {.kind = SIM_LIE, .node = liar};
        world_push(world, 1000, &lie);
    }
    draw_txs(world);
    /* Backoff has grown to 3 s at most: a view costs 3 x 3 s + 0.2 s, and one leader in two
     * may be down or lying for a while. */
    world->plan.end_us = world->plan.heal_us + 150 * (uint64_t)SECOND_US;
    const struct sim_event heal = {.kind = SIM_HEAL};
    world_push(world, world->plan.heal_us, &heal);
}
