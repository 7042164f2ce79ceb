#include "tests/sim/sim.h"

/* Alone in its file: the twins put a leader of their own in its place. */
uint32_t sim_leader(const struct sim_set *set, uint64_t view)
{
    return (uint32_t)((view - 1 + set->offset) % set->count);
}
