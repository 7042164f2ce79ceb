#ifndef NODE_SYNC_JOIN_H
#define NODE_SYNC_JOIN_H

#include "genesis/genesis.h"
#include "net/net.h"
#include "store/store.h"

/* A node without a chain gets the state of a final block from its peers, and goes on from there.
 *
 * It asks as a full node with its own network key, which has a validator's share of what the
 * others serve, and as a stranger those that do not know it.  Each makes a manifest when it is
 * asked for one, which takes a pass over its state: so all are asked before any is waited for.
 *
 * Of the manifests that the sources offer it takes the one of the greatest height, when a
 * certificate of its epoch's validators, to whom the genesis leads, makes its header
 * final; then chunks from all of them at once, one under way with each.  A source whose bytes do
 * not verify is asked nothing more, so a liar wastes one answer; what it did not give, others do.
 * Chunks stay on the disk: a second attempt, after a restart too, fetches what is missing,
 * whatever height it is for. */

enum { SYNC_SOURCE_MAX = 16 };

struct sync_peer {
    uint32_t validator;  /* for people */
    const char *address; /* "host:port" */
    struct net_key key;
};

struct sync_join {
    const struct genesis *genesis;
    const struct crypto_key *key; /* the validator's network key */
    struct store_options options; /* of the store to be */
    struct sync_peer sources[SYNC_SOURCE_MAX];
    uint32_t source_count;
    bool (*stopped)(void); /* asked from every thread */
};

/* Tries until it succeeds.  True also when there is a chain.db, or when nobody offers a state for
 * some time: then blocks are fetched.
 * False with EXIT_CODE_OK when stopped, else what the store says. */
MUST_USE bool sync_join(const struct sync_join *join, struct error *error);

#endif /* NODE_SYNC_JOIN_H */
