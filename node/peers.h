#ifndef NODE_PEERS_H
#define NODE_PEERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "net/net.h"
#include "types/limits.h"

/* Who is connected.  Peers 0 .. set.count - 1 are the members of this epoch's set by their
 * seats, which another epoch may give to others; behind PEER_OTHER come those who follow
 * without a seat: they join later, or were members before.  The core calls all of them by
 * these numbers.
 *
 * Who may open a session as a validator is asked from threads of net: of the present set, the
 * next one, open proposals, the last PAST_SETS sets, and whom node.ini names by key. */

struct driver;
struct gate; /* who is admitted */

enum {
    PEER_OTHER = VALIDATOR_COUNT_MAX,
    PEER_OTHER_MAX = 32, /* some come and some went; one more is served when another goes */
    PEER_MAX = PEER_OTHER + PEER_OTHER_MAX,
    PEER_NOBODY = 0x7FFFFFFE,
};

struct peer {
    struct net_key key;                /* size 0: nobody */
    uint64_t sessions[NET_LANE_COUNT]; /* 0: not connected */
    uint64_t heard_ms;                 /* monotonic time of its last message */
};

MUST_USE struct gate *gate_new(void); /* NULL: no memory */
void gate_free(struct gate *gate);    /* NULL is allowed */

/* The number of the peer with this key, or PEER_NOBODY. */
uint32_t peers_find(const struct driver *d, const struct net_key *key);
/* The same for one who has connected; PEER_NOBODY: no room. */
uint32_t peers_enter(struct driver *d, const struct net_key *key);
/* The set is another one: everybody gets the number that he has in it. */
void peers_seat(struct driver *d);
/* Is that a seat of the set, not ours? */
bool peers_is_member(const struct driver *d, uint32_t peer);
/* "validator" or "observer", for the log. */
const char *peers_word(const struct driver *d, uint32_t peer);

/* Bytes to one peer, or CONSENSUS_ALL. */
void peers_send(struct driver *d, uint32_t to, enum net_lane lane, struct bytes bytes);

/* Dial whom node.ini names. */
MUST_USE bool peers_dial(struct driver *d, struct error *error);

/* Admit whom the committed state names; peers_poll does it when that has changed. */
void peers_admit(struct driver *d);
void peers_poll(struct driver *d);
/* From any thread. */
bool peers_admits(struct driver *d, const struct net_key *key);

#endif /* NODE_PEERS_H */
