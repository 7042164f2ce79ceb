#include "tests/sim/fault.h"

#include "tests/sim/sim.h"

/* The table, the draws, and which faults act now. */

static const char *const names[FAULT_COUNT] = {
#define FAULT(id, name, group, unit, what) #name,
#include "tests/sim/faults.def"
#undef FAULT
};

static const enum fault_group groups[FAULT_COUNT] = {
#define FAULT(id, name, group, unit, what) FAULT_##group,
#include "tests/sim/faults.def"
#undef FAULT
};

const char *fault_name(enum fault_class class)
{
    return names[class];
}

enum fault_group fault_group(enum fault_class class)
{
    return groups[class];
}

uint64_t draw_hash(uint64_t seed, enum draw_kind kind, uint32_t place, uint64_t count)
{
    uint64_t mix = seed;
    mix = random_next(&mix) ^ (((uint64_t)kind << 32) | place);
    mix = random_next(&mix) ^ count;
    return random_next(&mix);
}

uint64_t draw(struct sim_world *world, enum draw_kind kind, uint32_t place)
{
    ASSERT(place < DRAW_PLACES_MAX);
    return draw_hash(world->plan.seed, kind, place, world->draws[kind][place]++);
}

uint64_t draw_below(struct sim_world *world, enum draw_kind kind, uint32_t place, uint64_t limit)
{
    return draw(world, kind, place) % limit;
}

void fault_hit(struct sim_world *world, enum fault_class class)
{
    world->hits[class]++;
}

static bool is_active(const struct sim_world *world, const struct sim_fault *fault)
{
    return fault->from_us <= world->now_us && world->now_us < fault->to_us &&
           (!world->healed || groups[fault->class] == FAULT_LIE);
}

uint64_t fault_value(const struct sim_world *world, enum fault_class class, uint32_t node)
{
    if (!world->planned[class]) {
        return 0;
    }
    for (uint32_t i = 0; i < world->plan.fault_count; i++) {
        const struct sim_fault *fault = &world->plan.faults[i];
        if (fault->class == class && (fault->node == node || fault->node == FAULT_ALL_NODES) &&
            is_active(world, fault)) {
            return fault->value;
        }
    }
    return 0;
}

bool fault_strikes(struct sim_world *world, enum fault_class class, enum draw_kind kind,
                   uint32_t node)
{
    const uint64_t per_million = fault_value(world, class, node);
    if (draw_below(world, kind, node, 1000000) >= per_million) {
        return false;
    }
    fault_hit(world, class);
    return true;
}

static uint64_t group_of(uint64_t groups_of_all, uint32_t node)
{
    return groups_of_all >> (2 * node) & 3;
}

static bool cuts(const struct sim_world *world, const struct sim_fault *fault, uint32_t from,
                 uint32_t to)
{
    const uint64_t half_us = fault->value * 500 + 1;
    if (fault->class == FAULT_CUT) {
        return group_of(fault->value, from) != group_of(fault->value, to);
    }
    if (fault->class == FAULT_FLAP) {
        return (fault->node == from || fault->node == to) &&
               ((world->now_us - fault->from_us) / half_us & 1) == 0;
    }
    return (fault->class == FAULT_DEAF && fault->node == to) ||
           (fault->class == FAULT_MUTE && fault->node == from);
}

bool fault_is_linked(struct sim_world *world, uint32_t from, uint32_t to)
{
    for (uint32_t i = 0; i < world->plan.fault_count; i++) {
        const struct sim_fault *fault = &world->plan.faults[i];
        if (is_active(world, fault) && cuts(world, fault, from, to)) {
            fault_hit(world, fault->class);
            return false;
        }
    }
    return true;
}

static bool is_damage(enum fault_class class)
{
    return class == FAULT_SYNC_LIES || class == FAULT_ROT || class == FAULT_MISDIRECTED ||
           class == FAULT_STALE || class == FAULT_MISSING;
}

bool fault_is_liar(const struct sim_plan *plan, uint32_t node)
{
    bool found = false;
    for (uint32_t i = 0; i < plan->fault_count; i++) {
        const enum fault_class class = plan->faults[i].class;
        found = found || (groups[class] == FAULT_LIE && class != FAULT_LIE_TWIN &&
                          plan->faults[i].node == node);
    }
    return found;
}

bool fault_is_excused(const struct sim_plan *plan, uint32_t node)
{
    bool found = false;
    for (uint32_t i = 0; i < plan->fault_count; i++) {
        const enum fault_class class = plan->faults[i].class;
        found = found ||
                ((groups[class] == FAULT_LIE || is_damage(class)) && plan->faults[i].node == node);
    }
    return found;
}
