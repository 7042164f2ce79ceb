#ifndef NODE_EPOCH_H
#define NODE_EPOCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/error.h"
#include "net/net.h"
#include "store/store.h"
#include "types/validators.h"

/* The node goes from epoch to epoch (37): set, epoch and own seat come from the committed
 * state, and when its last block is a boundary, a core of the next epoch takes the place of the
 * old one.  Chain, store, signer, journal, mempool and sessions go on as they are. */

struct driver;

/* Messages of the next epoch, kept until it begins here (E5).  What does not fit is lost: the
 * core asks again. */
enum {
    HELD_COUNT_MAX = 512,     /* a few views of 128 members */
    HELD_PEER_MAX = 16,       /* of one peer */
    HELD_LARGE = 64 << 10,    /* above this a frame is a block's; one of each peer */
    HELD_SIZE_MAX = 32 << 20, /* all together */
};

struct held {
    uint32_t count;
    size_t size;
    struct held_frame {
        struct net_key key;
        enum net_lane lane;
        uint8_t *bytes; /* owned */
        size_t size;
    } frames[HELD_COUNT_MAX];
};

struct epoch {
    uint64_t number;
    uint64_t start_height; /* of the block that ended the epoch before; 0: the genesis */
    struct hash start_id;  /* its block_id */
    bool over;             /* its boundary is committed: epoch_poll makes the next core */
    bool has_last;         /* last is the set of the epoch before */
    struct hash last_hash;
    struct validator_set last;
    struct held held;
    const struct net_event *frame; /* being taken in: epoch_hold */
};

struct epoch_set {
    const struct validator_set *set;
    const struct hash *hash;
};
/* Of this epoch or the one before; false: of another one. */
MUST_USE bool epoch_set_of(const struct driver *d, uint64_t epoch, struct epoch_set *out);

/* Once the store is open: set, epoch and own seat, as the committed state has them.  False: the
 * keys are those of parts of a seat. */
MUST_USE bool epoch_load(struct driver *d, struct error *error);
/* A core of the epoch, anchored at the newest final block. */
MUST_USE bool epoch_open_core(struct driver *d, struct error *error);
void epoch_close(struct driver *d);

/* Keep the frame that is being taken in: it is of the next epoch. */
void epoch_hold(struct driver *d, uint64_t epoch);
/* Go on to the next epoch if this one is over. */
void epoch_poll(struct driver *d);

/* E5: the F on the last block of an earlier epoch, to a peer. */
void epoch_serve(struct driver *d, uint64_t epoch, uint32_t to);

#endif /* NODE_EPOCH_H */
