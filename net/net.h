#ifndef NET_NET_H
#define NET_NET_H

#include "base/assert.h"
#include "base/error.h"
#include "types/types.h"

/* Sealed sessions between processes over one port: NNG byte streams (tls+tcp), inside them
 * our own handshake and AEAD-sealed frames.  TLS is a second skin; who the peer is, is
 * proven by the handshake alone (net/handshake.h).  docs/protocol.md 8 has the bytes.
 *
 * A session is one stream in one lane with one proven key.  Two validators keep two:
 * votes never queue behind blocks.  Everything is bounded; nothing here blocks but
 * net_poll, net_close and the net_client_ calls, and whatever waits too long is closed.
 *
 * Threads: every function may be called from any thread, unless said.  net_poll hands out
 * events in order for each session: CONNECTED, then frames, then DISCONNECTED. */

struct crypto_key;
struct net;

/* What a process is to its peers.  The numbers travel and are frozen. */
enum net_role {
    NET_ROLE_VALIDATOR = 1, /* both lanes */
    NET_ROLE_FULL = 2,      /* full node, observer */
    NET_ROLE_CLIENT = 3,    /* worker, light client, consumer: a registered key */
    NET_ROLE_MEMBER = 4,    /* member of one plan version: its tunnel key */
    NET_ROLE_ANON = 5,      /* any key: may only fetch what authenticates itself */
};

enum net_lane { NET_LANE_VOTE = 0, NET_LANE_BULK = 1 };
enum { NET_LANE_COUNT = 2 };

enum net_reason {
#define NET_REASON(name, number, text) NET_REASON_##name = (number),
#include "net/reasons.def"
#undef NET_REASON
};

/* "the peer belongs to another chain" for NET_REASON_WRONG_CHAIN. */
const char *net_reason_text(enum net_reason reason);

/* A peer's identity: 33 bytes = secp256k1 key of a node; 32 = X25519 tunnel key of a
 * member (LEASE_ACCEPT); 0 = any key will do. */
struct net_key {
    uint8_t size;
    uint8_t bytes[PUBLIC_KEY_SIZE];
};

struct net_key net_key_of_node(const struct public_key *key);
struct net_key net_key_of_tunnel(const uint8_t key[TUNNEL_KEY_SIZE]);
bool net_key_equal(const struct net_key *a, const struct net_key *b);

/* Judges a peer whose key is proven: NET_REASON_NONE admits it, a reason (NET_REASON_NOT_ADMITTED)
 * refuses.  Called from threads of net, so: thread safe, quick, and no net_ calls. */
typedef enum net_reason net_admit(void *context, enum net_role role, enum net_lane lane,
                                  const struct net_key *key);

/* Times in ms; a 0 means the default (types/limits.h). */
struct net_timing {
    uint32_t handshake_ms; /* connect, TLS and our handshake together */
    uint32_t ping_ms;
    uint32_t idle_ms;       /* silence that ends a session; above ping_ms */
    uint32_t redial_max_ms; /* backoff doubles with jitter up to this */
};

struct net_config {
    const char *listen; /* "host:port", port 0 = a free one; NULL = dial only */
    struct hash chain_id;
    struct hash genesis_hash;
    enum net_role role;           /* how this process presents itself */
    const struct crypto_key *key; /* outlives the net; or NULL, and then ... */
    const uint8_t *tunnel_secret; /* ... TUNNEL_KEY_SIZE bytes, copied (NET_ROLE_MEMBER) */
    net_admit *admit;             /* NULL admits nobody */
    void *admit_context;
    struct net_timing timing;
};

/* Opens the port and starts the threads.  False fills *error: EXIT_CODE_CANNOT_BIND with
 * the address, or EXIT_CODE_FAILURE.  The caller ends it with net_close. */
MUST_USE bool net_open(const struct net_config *config, struct net **out, struct error *error);

/* Closes everything and frees net; events still held are released before.  Takes at most
 * as long as callbacks that run at the moment.  NULL is allowed. */
void net_close(struct net *net);

uint16_t net_port(const struct net *net); /* 0: does not listen */
struct net_key net_own_key(const struct net *net);

/* ---- Peers that are kept connected ---------------------------------------------- */

struct net_peer {
    const char *address; /* "host:port", copied */
    struct net_key key;  /* the only key accepted there; size 0 = any */
    bool vote_lane;
    bool bulk_lane;
    /* Both sides name each other (validators, members): only the one with the lower key
     * dials.  A new session with the key of an old one replaces it. */
    bool mutual;
};

/* Dials now and whenever the session is lost, with backoff and jitter.  The same key (or
 * address, for "any") again replaces address and lanes.  False: NET_PEER_MAX reached, the
 * address is longer than ENDPOINT_SIZE_MAX, or no lane. */
MUST_USE bool net_peer_add(struct net *net, const struct net_peer *peer);
/* Why the last attempt failed; NET_REASON_NONE while connected or untried. */
enum net_reason net_peer_trouble(struct net *net, const struct net_peer *peer);

/* ---- Sending -------------------------------------------------------------------- */

enum net_sent {
    NET_SENT_QUEUED,
    NET_SENT_DROPPING, /* queued; the oldest frame of the full queue was dropped */
    NET_SENT_GONE,     /* no such session (any more) */
    NET_SENT_SIZE,     /* larger than the lane allows */
};

/* Queue a frame: the bytes are copied.  Never blocks.  Frames of a lane arrive in order or
 * not at all: up to NET_VOTE_QUEUE_MAX frames wait in the vote lane, NET_BULK_QUEUE_MAX
 * frames and NET_BULK_QUEUE_SIZE_MAX bytes in bulk, then the oldest are dropped and
 * counted.  Payload sizes: vote lane <= VOTE_FRAME_SIZE_MAX, bulk <= FRAME_SIZE_MAX; from
 * CLIENT and ANON to a node <= VOTE_FRAME_SIZE_MAX. */
enum net_sent net_send(struct net *net, uint64_t session, struct bytes bytes);

/* The same bytes to many sessions, copied once.  Answers how many queued them. */
size_t net_send_all(struct net *net, const uint64_t *sessions, size_t count, struct bytes bytes);

/* From now on net_send and net_send_all only queue; what waits for one session then leaves
 * in one write at net_flush.  A write costs an order of magnitude more than a frame in it.
 * The caller owes a net_flush before it waits. */
void net_hold(struct net *net);
void net_flush(struct net *net);

/* A question with an id of the asker's choice, and its answer with the same id. */
enum net_sent net_request(struct net *net, uint64_t session, uint32_t id, struct bytes bytes);
enum net_sent net_reply(struct net *net, uint64_t session, uint32_t id, struct bytes bytes);

/* Bytes (<= VOTE_FRAME_SIZE_MAX) that ride in every ping in the vote lane, or {NULL, 0}: they
 * arrive as NET_EVENT_PING.  Sent at once when a session opens. */
MUST_USE bool net_ping_set(struct net *net, struct bytes bytes);

void net_session_close(struct net *net, uint64_t session);

/* ---- Receiving ------------------------------------------------------------------ */

enum net_event_kind {
    NET_EVENT_CONNECTED,
    NET_EVENT_DISCONNECTED, /* reason; of an older session it may follow the CONNECTED of
                             * the one that replaced it */
    NET_EVENT_FRAME,
    NET_EVENT_REQUEST,  /* answer with net_reply(session, request) */
    NET_EVENT_RESPONSE, /* to net_request with this id */
    NET_EVENT_PING,     /* the peer's ping bytes, never empty */
};

struct net_event {
    enum net_event_kind kind;
    enum net_role role; /* the peer's */
    enum net_lane lane;
    enum net_reason reason;
    uint32_t request;
    bool dialed;      /* this side dialed */
    uint64_t session; /* never used twice */
    struct net_key key;
    struct bytes bytes; /* until net_event_release */
    void *owned;        /* net's */
};

/* The next event, or false after timeout_ms (0: at once).  Sessions take turns, the vote
 * lane first.  A session with NET_INBOX_MAX frames or NET_INBOX_SIZE_MAX bytes waiting is not
 * read from until they are taken; others are not affected. */
MUST_USE bool net_poll(struct net *net, struct net_event *out, uint32_t timeout_ms);
/* Ends the life of event->bytes; an event without bytes may be dropped as it is. */
void net_event_release(struct net_event *event);

/* ---- Looking -------------------------------------------------------------------- */

struct net_session_info {
    uint64_t session;
    struct net_key key;
    enum net_role role;
    enum net_lane lane;
    bool dialed;
    char address[64]; /* of the other end, as text */
    uint64_t frames_in, frames_out, bytes_in, bytes_out, dropped;
    uint32_t silent_ms; /* since the last bytes came */
};

/* The open sessions, at most max of them; answers how many were written. */
size_t net_sessions(struct net *net, struct net_session_info *out, size_t max);

struct net_stats {
    uint64_t accepted, connected, refused, evicted;
    uint64_t frames_in, frames_out, writes_out, dropped_votes, dropped_bulk;
    uint32_t half_open, open, by_role[NET_ROLE_ANON + 1];
};

void net_stats(struct net *net, struct net_stats *out);

/* ---- Clients: ask and wait ------------------------------------------------------ */

/* One session to one node, for light clients, workers and the command line.  One thread
 * at a time.  A lost session is dialed again by the next call. */
struct net_client;

/* Connects in the bulk lane within timeout_ms.  config->listen and admit are not used,
 * peer->key may be any.  False fills *error: EXIT_CODE_UNREACHABLE, EXIT_CODE_WRONG_CHAIN,
 * EXIT_CODE_DENIED (refused) or EXIT_CODE_VERIFY (another key than expected). */
MUST_USE bool net_client_open(const struct net_config *config, const struct net_peer *peer,
                              uint32_t timeout_ms, struct net_client **out, struct error *error);

/* Sends request and waits for its answer, which *answer then holds until
 * net_event_release.  On EXIT_CODE_UNREACHABLE the outcome is unknown. */
MUST_USE bool net_client_call(struct net_client *client, struct bytes request, uint32_t timeout_ms,
                              struct net_event *answer, struct error *error);

/* The key the node has proven. */
struct net_key net_client_peer(const struct net_client *client);
void net_client_close(struct net_client *client);

#endif /* NET_NET_H */
