#ifndef STORE_SIGN_STATE_RING_H
#define STORE_SIGN_STATE_RING_H

#include "store/sign_state/sign_state.h"
#include "types/limits.h"

/* The rule of J1 without the file; private to this room. */

struct ring_entry {
    struct hash proposal; /* zero: none, as are the next */
    struct hash notarize;
    struct hash finalize;
    bool nullified;
};

struct ring {
    uint64_t epoch;
    uint64_t floor; /* entries are of views floor .. floor + VIEW_WINDOW - 1, at view mod 64 */
    struct ring_entry entries[VIEW_WINDOW];
};

enum sign_verdict ring_check(const struct ring *ring, const struct vote *vote);
/* Remember a permitted vote; false when it was remembered already. */
bool ring_put(struct ring *ring, const struct vote *vote);
/* Nothing of the epoch up to view, and nothing of an earlier epoch, is permitted any more. */
void ring_raise(struct ring *ring, uint64_t epoch, uint64_t view);
bool ring_recalls(const struct ring *ring, const struct vote *vote);

#endif /* STORE_SIGN_STATE_RING_H */
