#ifndef NODE_CATCHUP_H
#define NODE_CATCHUP_H

#include <stdbool.h>
#include <stdint.h>

#include "consensus/consensus.h"
#include "net/net.h"
#include "store/store.h"

/* Final blocks fetched by height from peers that are ahead. */

struct driver;

/* Heights held.  The window grows while what it holds follows and nothing proves it yet: a
 * chain may have gone on for long before its next evidence (K5). */
enum {
    CATCHUP_WINDOW_MIN = 16,
    CATCHUP_WINDOW_MAX = CONSENSUS_HISTORY_MAX,
    CATCHUP_HELD_SIZE_MAX = 2 * UNFINAL_BLOCK_MAX * BLOCK_SIZE_MAX, /* 256 MiB: grows no more */
};

struct catchup_slot {
    struct store_buffer block;      /* data NULL: not here */
    struct store_buffer last_final; /* the peer's tip evidence */
    bool asked;
    bool checked; /* its bytes are those of id; the next three are set */
    struct hash id, parent_id;
    uint64_t carried_height; /* of the evidence in the block; 0: none */
    uint64_t tip_height;     /* of last_final; 0: does not decode */
};

/* Catching up: one peer at a time, a window of heights. */
struct catchup {
    bool active;
    bool took;  /* a block of this peer */
    bool mixed; /* what is held has come from several peers */
    uint32_t peer;
    uint64_t from_height, from_ms; /* where and when it began */
    uint32_t window;               /* heights asked for */
    uint64_t end_height;           /* the peer said that it has no block from here on */
    uint64_t silence_ms;
    uint64_t since_ms; /* the last block came, or the peer was chosen */
    uint64_t deadline_ms;
    struct catchup_slot slots[CATCHUP_WINDOW_MAX]; /* [i]: height committed + 1 + i */
};

void catchup_begin(struct driver *d);
void catchup_poll(struct driver *d);
/* Blocks became final by our own votes: the window moves on. */
void catchup_committed(struct driver *d, uint64_t count);
void catchup_answer(struct driver *d, const struct net_event *event);
/* Another epoch: the peers have other numbers.  fetching: whom the blocks come from. */
void catchup_reseat(struct driver *d, const struct net_key *fetching);
/* What is held may be proven by the next epoch's set. */
void catchup_go_on(struct driver *d);
void catchup_close(struct driver *d); /* frees what it holds */

#endif /* NODE_CATCHUP_H */
