#ifndef CLIENT_BLOB_BLOB_H
#define CLIENT_BLOB_BLOB_H

#include "base/error.h"
#include "crypto/crypto.h"
#include "net/net.h"

/* Blobs by content hash between the members of one plan version and its consumer.
 *
 * Everybody holds some blobs (data set, parameters, deltas), each under its root, and serves
 * them over sealed sessions.  Only keys that were admitted get a session: the tunnel keys
 * that the members named in LEASE_ACCEPT, and the consumer's account key.  Who asks verifies
 * what comes with the root it asked for, so that a peer can withhold, never deceive.
 *
 *     request [root, offset]      answer [size of the whole blob, bytes from offset]
 *                                 [0, empty]: not held
 *
 * Bounded: at most BLOB_COUNT_MAX blobs of BLOB_SIZE_MAX, chunks of BLOB_CHUNK_SIZE.  A thread
 * of its own serves while the owner trains.  Every function may be called from any thread;
 * one blob_fetch at a time. */

enum {
    BLOB_COUNT_MAX = 4096,     /* a delta from every member and what a round starts from */
    BLOB_CHUNK_SIZE = 1 << 20, /* a frame each, far below FRAME_SIZE_MAX */
    BLOB_PEER_MAX = PLAN_MEMBER_MAX + 1,
    BLOB_ANSWER_MS = 5000, /* for one chunk */
    BLOB_FETCH_MS = 30000, /* for one blob from all peers, and ... */
    BLOB_CHUNK_MS = 1000,  /* ... so much more for each of its chunks: 1 MiB/s */
};
#define BLOB_SIZE_MAX (UINT64_C(1) << 32)

struct blob_exchange;

struct blob_config {
    const char *listen; /* "host:port"; NULL: dial only (consumer) */
    struct hash chain_id;
    const struct crypto_key *key; /* consumer; or NULL, and then ... */
    const uint8_t *tunnel_secret; /* ... TUNNEL_KEY_SIZE bytes (member) */
};

/* Opens the port and starts serving.  False: EXIT_CODE_CANNOT_BIND or EXIT_CODE_FAILURE. */
MUST_USE bool blob_open(const struct blob_config *config, struct blob_exchange **out,
                        struct error *error);
void blob_close(struct blob_exchange *exchange); /* NULL is allowed */

struct net_key blob_own_key(const struct blob_exchange *exchange);
uint16_t blob_port(const struct blob_exchange *exchange);

/* From now on exactly these keys may connect. */
void blob_admit(struct blob_exchange *exchange, const struct net_key *keys, uint32_t count);

/* Keep a session to this peer.  mutual: it dials too (members), see net_peer. */
MUST_USE bool blob_dial(struct blob_exchange *exchange, const char *address,
                        const struct net_key *key, bool mutual);

/* How many peers have a session now. */
uint32_t blob_connected(struct blob_exchange *exchange);

/* Hold a copy under this root (the same root again: nothing happens). */
MUST_USE bool blob_put(struct blob_exchange *exchange, const struct hash *root, struct bytes bytes,
                       struct error *error);
void blob_drop(struct blob_exchange *exchange, const struct hash *root);

/* Which blob, how large it must be, and what proves it. */
struct blob_wanted {
    struct hash root;
    uint64_t size;
    bool (*check)(void *context, struct bytes bytes); /* computes the root */
    void *context;
    const struct net_key *first; /* ask it before others that failed as little; NULL: any */
    uint64_t within_ms;          /* from all peers together; 0: by its size, as above */
};

/* Fetch from whoever has it into out (wanted->size bytes): EXIT_CODE_NOT_FOUND when no
 * connected peer holds it, EXIT_CODE_VERIFY when all that came was wrong,
 * EXIT_CODE_UNREACHABLE when nobody is connected or answers in time.
 *
 * A peer that answers with other than whole chunks is wrong at the first of them, and each
 * may take at most half of the time that is left (the last all of it), so that one slow peer
 * neither holds the asker nor keeps it from those who would answer.  Who was silent or wrong is
 * asked after the others the next time, until it gives a whole blob. */
MUST_USE bool blob_fetch(struct blob_exchange *exchange, const struct blob_wanted *wanted,
                         uint8_t *out, struct error *error);

/* ---- The messages, apart for tests and fuzzing ---------------------------------------- */

struct blob_request {
    struct hash root;
    uint64_t offset;
};
struct blob_answer {
    uint64_t size;
    struct bytes chunk;
};
enum { BLOB_REQUEST_SIZE_MAX = 48, BLOB_ANSWER_OVERHEAD = 16 };
MUST_USE bool blob_decode_request(struct bytes in, struct blob_request *out);
MUST_USE bool blob_decode_answer(struct bytes in, struct blob_answer *out);
struct bytes blob_encode_request(const struct blob_request *request, uint8_t *buffer);
/* buffer: BLOB_ANSWER_OVERHEAD + chunk.size bytes */
struct bytes blob_encode_answer(const struct blob_answer *answer, uint8_t *buffer);

#endif /* CLIENT_BLOB_BLOB_H */
