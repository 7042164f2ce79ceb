#include "store/sign_state/ring.h"

#include <string.h>

static bool is_malformed(const struct vote *vote)
{
    switch (vote->kind) {
    case VOTE_PROPOSE:
    case VOTE_NOTARIZE:
    case VOTE_FINALIZE:
        return vote->view == 0 || hash_is_zero(&vote->proposal);
    case VOTE_NULLIFY:
        return vote->view == 0 || !hash_is_zero(&vote->proposal);
    }
    return true;
}

static bool is_other(const struct hash *held, const struct hash *asked)
{
    return !hash_is_zero(held) && !hash_equal(held, asked);
}

static bool contradicts(const struct ring_entry *entry, const struct vote *vote)
{
    switch (vote->kind) {
    case VOTE_PROPOSE:
        return is_other(&entry->proposal, &vote->proposal);
    case VOTE_NOTARIZE:
        return is_other(&entry->notarize, &vote->proposal);
    case VOTE_NULLIFY:
        return !hash_is_zero(&entry->finalize);
    case VOTE_FINALIZE:
        return entry->nullified || is_other(&entry->finalize, &vote->proposal);
    }
    UNREACHABLE();
}

enum sign_verdict ring_check(const struct ring *ring, const struct vote *vote)
{
    if (is_malformed(vote)) {
        return SIGN_MALFORMED;
    }
    if (vote->epoch < ring->epoch) {
        return SIGN_OLD_EPOCH;
    }
    if (vote->epoch > ring->epoch) {
        return SIGN_PERMITTED; /* its ring is empty */
    }
    if (vote->view < ring->floor) {
        return SIGN_BELOW_FLOOR;
    }
    if (vote->view - ring->floor >= VIEW_WINDOW) {
        return SIGN_PERMITTED; /* its entry is empty */
    }
    const struct ring_entry *entry = &ring->entries[vote->view % VIEW_WINDOW];
    return contradicts(entry, vote) ? SIGN_CONTRADICTS : SIGN_PERMITTED;
}

static void floor_move(struct ring *ring, uint64_t floor)
{
    if (floor > ring->floor && floor - ring->floor >= VIEW_WINDOW) {
        memset(ring->entries, 0, sizeof(ring->entries));
        ring->floor = floor;
    }
    for (; ring->floor < floor; ring->floor++) {
        memset(&ring->entries[ring->floor % VIEW_WINDOW], 0, sizeof(ring->entries[0]));
    }
}

static void epoch_move(struct ring *ring, uint64_t epoch)
{
    if (epoch > ring->epoch) {
        memset(ring, 0, sizeof(*ring));
        ring->epoch = epoch;
    }
}

/* Evicting a view raises the floor: what was forgotten is never signed again. */
static void ring_reach(struct ring *ring, const struct vote *vote)
{
    epoch_move(ring, vote->epoch);
    if (vote->view - ring->floor >= VIEW_WINDOW) {
        floor_move(ring, vote->view - VIEW_WINDOW + 1);
    }
}

void ring_raise(struct ring *ring, uint64_t epoch, uint64_t view)
{
    epoch_move(ring, epoch);
    if (epoch == ring->epoch) {
        floor_move(ring, view + 1);
    }
}

bool ring_recalls(const struct ring *ring, const struct vote *vote)
{
    if (vote->epoch != ring->epoch) {
        return vote->epoch < ring->epoch;
    }
    if (vote->view < ring->floor) {
        return true;
    }
    if (vote->view - ring->floor >= VIEW_WINDOW) {
        return false;
    }
    const struct ring_entry *entry = &ring->entries[vote->view % VIEW_WINDOW];
    switch (vote->kind) {
    case VOTE_PROPOSE:
        return hash_equal(&entry->proposal, &vote->proposal);
    case VOTE_NOTARIZE:
        return hash_equal(&entry->notarize, &vote->proposal);
    case VOTE_NULLIFY:
        return entry->nullified;
    case VOTE_FINALIZE:
        return hash_equal(&entry->finalize, &vote->proposal);
    }
    return false;
}

static bool set_once(struct hash *held, const struct hash *value)
{
    if (!hash_is_zero(held)) {
        return false;
    }
    *held = *value;
    return true;
}

bool ring_put(struct ring *ring, const struct vote *vote)
{
    ASSERT(ring_check(ring, vote) == SIGN_PERMITTED);

    ring_reach(ring, vote);
    struct ring_entry *entry = &ring->entries[vote->view % VIEW_WINDOW];
    bool changed = false;
    switch (vote->kind) {
    case VOTE_PROPOSE:
        return set_once(&entry->proposal, &vote->proposal);
    case VOTE_NOTARIZE:
        return set_once(&entry->notarize, &vote->proposal);
    case VOTE_NULLIFY:
        changed = !entry->nullified;
        entry->nullified = true;
        return changed;
    case VOTE_FINALIZE:
        return set_once(&entry->finalize, &vote->proposal);
    }
    UNREACHABLE();
}
