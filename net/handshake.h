#ifndef NET_HANDSHAKE_H
#define NET_HANDSHAKE_H

#include "crypto/session/session.h"
#include "net/net.h"

/* The handshake inside TLS, as a machine without I/O: messages in, messages out.
 *
 *     dialer                                          listener
 *     HELLO   ------------------------------------->  version, chain, genesis, role, lane
 *             <-------------------------------------  HELLO
 *     PROOF   ------------------------------------->  verify, then HANDSHAKE_JUDGE
 *             <-------------------------------------  PROOF, or REFUSE with a reason
 *
 *     HELLO   = [1, version, chain_id bin32, genesis_hash bin32, role, lane,
 *                key bin33|bin32, ephemeral bin32, nonce bin32]
 *     PROOF   = [2, proof bin64|bin32]
 *     REFUSE  = [3, reason]
 *     T(d)    = H(HANDSHAKE, [dialer's HELLO bin, listener's HELLO bin, d])
 *
 * The dialer proves T(1), the listener T(2): with a node key by its ECDSA signature, with a
 * tunnel key by HMAC-SHA256 under X25519(tunnel key, other side's ephemeral key).  Both
 * identities, roles and directions stand in what is proven, so that a proof can neither be
 * reflected nor carried to a third party (SIGMA, Krawczyk 2003; ISO/IEC 9798-3).  Frame keys
 * come from T(0) and X25519(ephemeral, ephemeral), then the secrets of the dialer's and the
 * listener's tunnel key where there are any.  The listener proves nothing to a stranger it
 * does not admit.  A REFUSE before the end is not authenticated: it is good for a
 * message to people only. */

enum {
    HANDSHAKE_VERSION = 1,
    HANDSHAKE_NONCE_SIZE = 32,
};

/* Who this process is; unchanged while handshakes use it. */
struct handshake_self {
    struct hash chain_id;
    struct hash genesis_hash;
    enum net_role role;
    const struct crypto_key *key; /* or NULL and tunnel_secret */
    uint8_t tunnel_secret[TUNNEL_KEY_SIZE];
    struct net_key public_key;
};

/* A message on its way out; size 0: none. */
struct handshake_message {
    size_t size;
    uint8_t bytes[NET_HELLO_SIZE_MAX];
};

struct hello {
    struct hash chain_id;
    struct hash genesis_hash;
    enum net_role role;
    enum net_lane lane;
    struct net_key key;
    uint8_t ephemeral[CRYPTO_EXCHANGE_SIZE];
    uint8_t nonce[HANDSHAKE_NONCE_SIZE];
};

enum handshake_step {
    HANDSHAKE_WAIT,   /* send *out if any, then wait for a message */
    HANDSHAKE_JUDGE,  /* the peer is proven: handshake_accept or handshake_refuse */
    HANDSHAKE_DONE,   /* handshake_session */
    HANDSHAKE_FAILED, /* reason; send *out if any, then close */
};

struct handshake {
    const struct handshake_self *self;
    bool dialed;
    bool greeted;            /* the peer's HELLO came */
    struct net_key expected; /* size 0: any */
    enum net_reason reason;
    uint8_t secret[CRYPTO_EXCHANGE_SIZE];
    struct hello own; /* the listener takes the dialer's lane */
    struct hello peer;
    struct handshake_message own_hello;
    struct handshake_message peer_hello;
};

/* expected and lane are the dialer's; the listener passes NULL and any lane.  *out is the
 * dialer's HELLO. */
void handshake_begin(struct handshake *handshake, const struct handshake_self *self,
                     enum net_lane lane, const struct net_key *expected,
                     struct handshake_message *out);

/* One whole message of the peer, of any content. */
MUST_USE enum handshake_step handshake_take(struct handshake *handshake, struct bytes message,
                                            struct handshake_message *out);

/* After HANDSHAKE_JUDGE.  *out completes the dialer's side, or tells it why not.  accept
 * is false for an ephemeral key of low order: refuse with NET_REASON_BAD_PROOF then. */
MUST_USE bool handshake_accept(const struct handshake *handshake, struct handshake_message *out);
void handshake_refuse(struct handshake *handshake, enum net_reason reason,
                      struct handshake_message *out);

/* Frame keys, once on each side; false for an ephemeral key of low order. */
MUST_USE bool handshake_session(const struct handshake *handshake, struct crypto_session *session);

void handshake_wipe(struct handshake *handshake);

/* The parser alone, for the fuzzer too: NET_REASON_NONE, _VERSION or _BAD_HELLO. */
enum net_reason hello_decode(struct bytes message, struct hello *out);

#endif /* NET_HANDSHAKE_H */
