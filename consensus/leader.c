#include "consensus/parts.h"

/* Round robin.  Alone in its file: the twins of tests/twins put leaders of their own here. */
uint32_t view_leader(const struct consensus *core, uint64_t view)
{
    const uint64_t n = core->config.validator_count;
    return (uint32_t)((view - 1 + core->config.leader_offset) % n);
}
