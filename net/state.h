#ifndef NET_STATE_H
#define NET_STATE_H

#include <netinet/in.h>
#include <pthread.h>

#include <nng/nng.h>
#include <nng/supplemental/tls/tls.h>

#include "net/frame.h"
#include "net/handshake.h"
#include "net/net.h"

/* What the files of net share.
 *
 * Threads.  NNG's threads run the callbacks, the caller's run the public functions, and one
 * keeper thread of ours owns time and endings: it alone closes streams, frees links and
 * dials.  One mutex (net->lock) guards every field but those marked with their owner below.
 * Handshakes and sealing run outside it: whoever set link->sending owns the writing half,
 * whoever set link->receiving owns the reading half, and a link is freed only when both
 * are clear and NNG has ended its operations.
 *
 * NNG 1.5.2 must never be asked to send on a closed TLS stream (the operation may never
 * end), so posting and closing exclude each other by link->post_lock, the innermost lock.
 *
 * NNG 1.5.2 must never be asked to cancel a TLS dial or accept either, by an abort, a stop or
 * a time-out: the cancellation reaches for the connection that a success or a failure at the
 * same moment has freed (tls_conn_cancel against tls_conn_cb).  Closing the dialer or the
 * listener ends them without that, and the keeper keeps the time. */

struct body { /* bytes to send, shared by the queues they wait in */
    uint32_t users;
    size_t size;
    uint8_t data[];
};

struct outgoing {
    struct outgoing *next;
    struct body *body;    /* NULL: empty */
    enum frame_kind kind; /* not used when plain */
    uint32_t id;
    bool plain; /* a handshake message */
};

struct incoming {
    struct incoming *next;
    struct net_event event;
    uint8_t data[];
};

/* Whose turn it is when many sessions have something: strangers come last. */
enum inbox_class { INBOX_VOTE, INBOX_VALIDATOR_BULK, INBOX_OTHER, INBOX_COUNT };

enum link_state {
    LINK_GREETING, /* handshake */
    LINK_REFUSED,  /* REFUSE is on its way; the peer hangs up, or the deadline comes */
    LINK_OPEN,
    LINK_ENDING, /* waits for its operations to end */
    LINK_OVER,   /* waits for the caller to take its last events */
};

struct link {
    struct net *net;
    struct link *newer, *older; /* net->links */
    struct link *next_work;
    struct link *next_ready;
    uint64_t id;
    uint32_t slot;
    enum link_state state;
    enum net_reason reason;
    struct dial *dial;         /* NULL: accepted */
    struct incoming *farewell; /* DISCONNECTED, owed since CONNECTED was put into the inbox */
    bool in_work, in_ready;
    struct net_session_info info;
    struct in6_addr address; /* IPv4 as ::ffff:a.b.c.d */
    bool loopback;

    nng_stream *stream;
    nng_aio *send_aio, *recv_aio;
    pthread_mutex_t post_lock;
    bool stream_closed; /* set by the keeper, under post_lock */

    bool sending, receiving;
    bool held;         /* in net->held */
    bool kick, resume; /* the keeper shall write, or read on */
    bool paused;       /* not reading: the inbox is full */

    /* Of whoever is sending. */
    uint8_t *write;
    size_t write_size, write_done;
    struct crypto_session_half sealing;

    /* Of whoever is receiving. */
    uint8_t *in;
    size_t in_size, in_capacity;
    struct crypto_session_half opening;
    struct handshake *handshake; /* NULL: it has ended */
    uint32_t payload_max_in;

    struct outgoing *out_first, *out_last;
    size_t out_count, out_size;
    struct incoming *inbox_first, *inbox_last;
    size_t inbox_count, inbox_size;

    uint64_t begun_ms, heard_ms, write_ms, ping_due_ms;
};

struct dial { /* one lane of a peer that is kept connected */
    struct net *net;
    struct dial *next;
    char address[ENDPOINT_SIZE_MAX + 1];
    struct net_key key;
    enum net_lane lane;
    bool passive; /* the other side dials */
    bool removed;
    bool busy;   /* an attempt is on its way */
    bool closed; /* so is its end: the dialer is closed, and the next attempt needs a new one */
    struct link *link; /* its session, greeting or open */
    nng_stream_dialer *dialer;
    nng_aio *aio;
    uint64_t begun_ms, due_ms;
    uint32_t backoff_ms;
    enum net_reason trouble;
};

struct net {
    struct handshake_self self;
    net_admit *admit;
    void *admit_context;
    struct net_timing timing;
    uint16_t port;
    int event_fd;
    nng_tls_config *tls_server, *tls_client;
    nng_stream_listener *listener;
    nng_aio *accept_aio;
    nng_aio *nudge_aio;
    pthread_t keeper;
    bool kept;  /* the keeper runs */
    bool quiet; /* a client: it tells its caller, not the log */

    pthread_mutex_t lock;
    pthread_cond_t work_cond;  /* the keeper waits */
    pthread_cond_t event_cond; /* net_poll and net_client_open wait */
    bool wanted;               /* the keeper shall look again before it rests */
    bool closing;
    bool accepting;     /* an accept is on its way, or its callback runs */
    bool accept_paused; /* until the keeper accepts again */
    bool accept_closed; /* the keeper has closed the listener */
    bool nudging;       /* nudge_aio is on its way */
    uint64_t accept_due_ms;
    struct link *slots[NET_SESSION_MAX];
    uint32_t slot_next;
    uint64_t id_next;
    struct link *links; /* newest first */
    struct link *oldest;
    struct link *work_first, *work_last;
    struct link *ready_first[INBOX_COUNT], *ready_last[INBOX_COUNT];
    uint32_t votes_in_row, bulk_in_row;
    struct dial *dials;
    struct body *ping;
    bool holds; /* net_hold: sessions with frames to write, until net_flush */
    uint64_t held[NET_HELD_MAX];
    uint32_t held_count;
    struct net_stats stats;
};

uint64_t net_now_ms(void);

/* link.c.  Everything called *_locked is called under net->lock. */
/* Takes the stream over; dial is NULL when it was accepted. */
void link_begin(struct net *net, nng_stream *stream, struct dial *dial);
void link_end_locked(struct link *link, enum net_reason reason);
void link_work_locked(struct link *link);
struct link *link_find_locked(struct net *net, uint64_t id);
bool link_lives_locked(const struct link *link); /* it reads and writes */
void link_read_on(struct link *link);            /* by whoever set receiving */
void link_close_stream(struct link *link);       /* by the keeper */
void link_free(struct link *link);               /* by the keeper, unlinked */

/* receive.c */
void receive_done(void *arg);
/* The next operation, or the end of receiving. */
void receive_post(struct link *link);

/* greet.c: the handshake of a link. */
bool greet_replaces(enum net_role role); /* one session for each lane */
enum net_reason greet_message(struct link *link, struct bytes message);

/* send.c */
struct body *body_make(struct bytes bytes); /* NULL: no memory */
void body_drop_locked(struct body *body);
enum net_sent send_queue_locked(struct link *link, const struct outgoing *what);
/* True when the caller shall call send_next after unlocking. */
MUST_USE bool send_claim_locked(struct link *link);
void send_next(struct link *link); /* by whoever set sending */
void send_done(void *arg);
void send_clear_locked(struct link *link);
void send_ping_locked(struct link *link);

/* inbox.c */
bool inbox_nothing_ready_locked(const struct net *net);
bool inbox_full_locked(const struct link *link);
void inbox_put_locked(struct link *link, struct incoming *incoming);
struct incoming *incoming_make(const struct link *link, enum net_event_kind kind,
                               struct bytes bytes); /* NULL: no memory */
void inbox_clear_locked(struct link *link);

/* listen.c */
MUST_USE bool listen_open(struct net *net, const char *address, struct error *error);
void listen_resume(struct net *net); /* by the keeper */
void listen_stop(struct net *net);   /* by the keeper: accepting ends soon */
void listen_free(struct net *net);   /* after the keeper has ended */
MUST_USE bool tls_open(struct net *net, bool server, struct error *error);
/* NET_REASON_NONE when there is a place for one more of this role. */
enum net_reason listen_place_locked(const struct link *link, enum net_role role);
/* Makes room among the half-open links for one more from this address. */
void listen_evict_locked(struct net *net, const struct link *newcomer);

/* dial.c */
void dial_start(struct dial *dial); /* by the keeper, busy is set */
void dial_stop(struct dial *dial);  /* by the keeper, once: the attempt ends soon, in failure */
void dial_free(struct dial *dial);  /* by the keeper, unlinked */
/* The link of this dial is no more. */
void dial_lost_locked(struct dial *dial, const struct link *link);

/* keeper.c */
void *keeper_run(void *arg);
void keeper_wake_locked(struct net *net);
void nudge_done(void *arg);

#endif /* NET_STATE_H */
