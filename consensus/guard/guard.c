#include "consensus/guard/guard.h"

#include <string.h>

#include "base/assert.h"
#include "consensus/core.h"

void consensus_guard_init(struct consensus_guard *guard, uint32_t validator_count, uint32_t self)
{
    ASSERT(validator_count >= CONSENSUS_GUARD_COUNT_MIN && self < validator_count);

    memset(guard, 0, sizeof(*guard));
    guard->validator_count = validator_count;
    guard->self = self;
}

/* What was said of an earlier epoch says nothing about this one. */
static void reach(struct consensus_guard *guard, uint64_t epoch)
{
    if (epoch > guard->epoch) {
        const uint32_t count = guard->validator_count;
        const uint32_t self = guard->self;
        consensus_guard_init(guard, count, self);
        guard->epoch = epoch;
    }
}

void consensus_guard_hear(struct consensus_guard *guard, uint32_t from, uint64_t epoch,
                          uint64_t view)
{
    if (from >= guard->validator_count || from == guard->self || epoch < guard->epoch ||
        view > VIEW_MAX) {
        return;
    }
    reach(guard, epoch);
    if (guard->known) {
        return; /* a limit that moved with the others would never be passed */
    }
    guard->view = view > guard->view ? view : guard->view;
    if (!validator_bitmap_get(&guard->heard, from)) {
        validator_bitmap_set(&guard->heard, from);
        guard->heard_count++;
    }
    if (guard->heard_count >= validator_quorum(guard->validator_count)) {
        const uint64_t limit = guard->view + 1 + VIEW_AHEAD;
        guard->known = true;
        guard->limit = limit > guard->limit ? limit : guard->limit;
    }
}

void consensus_guard_remember(struct consensus_guard *guard, uint64_t epoch, uint64_t view)
{
    if (epoch < guard->epoch || view > VIEW_MAX) {
        return;
    }
    reach(guard, epoch);
    guard->limit = view > guard->limit ? view : guard->limit;
}

bool consensus_guard_ends(const struct consensus_guard *guard, uint64_t epoch, uint64_t final_view)
{
    return guard->known &&
           (epoch > guard->epoch || (epoch == guard->epoch && final_view > guard->limit));
}
