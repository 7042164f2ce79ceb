#ifndef NODE_CATCHUP_H
#define NODE_CATCHUP_H

#include <stdbool.h>
#include <stdint.h>

#include "net/net.h"
#include "store/store.h"

/* Final blocks fetched by height from peers that are ahead. */

struct driver;

enum { CATCHUP_WINDOW_MAX = 16 }; /* heights held: 64 MiB at most */

struct catchup_slot {
    struct store_buffer block;      /* data NULL: not here */
    struct store_buffer last_final; /* the peer's tip evidence */
    bool asked;
};

/* Catching up: one peer at a time, a window of heights. */
struct catchup {
    bool active;
    bool took;  /* a block of this peer */
    bool mixed; /* what is held has come from several peers */
    uint32_t peer;
    uint64_t end_height; /* the peer said that it has no block from here on */
    uint64_t silence_ms;
    uint64_t deadline_ms;
    struct catchup_slot slots[CATCHUP_WINDOW_MAX]; /* [i]: height committed + 1 + i */
};

void catchup_begin(struct driver *d);
void catchup_poll(struct driver *d);
/* Blocks became final by our own votes: the window moves on. */
void catchup_committed(struct driver *d, uint64_t count);
void catchup_answer(struct driver *d, const struct net_event *event);

#endif /* NODE_CATCHUP_H */
