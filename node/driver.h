#ifndef NODE_DRIVER_H
#define NODE_DRIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "consensus/consensus.h"
#include "crypto/crypto.h"
#include "genesis/genesis.h"
#include "net/net.h"
#include "node/budget.h"
#include "node/catchup.h"
#include "node/config.h"
#include "node/epoch.h"
#include "node/evidence.h"
#include "node/explain/watch.h"
#include "node/guard.h"
#include "node/indexer.h"
#include "node/mempool.h"
#include "node/peers.h"
#include "node/recent.h"
#include "node/syncer.h"
#include "state/state.h"
#include "store/journal/journal.h"
#include "store/sign_state/signer_port.h"
#include "store/store.h"
#include "wire/sync/sync.h"
#include "wire/wire.h"

/* The driver: one thread that owns consensus core, state machine, store, journal, signer
 * and mempool, and passes values between them.  Nobody else may touch them; threads of net
 * reach it through net_poll alone.
 *
 *   driver.c    the loop: next event -> step -> carry out actions
 *   inbound.c   bytes from validators -> checked events, proposed.c: of proposals
 *   admit.c     who may open a session, peers.c: who is connected
 *   epoch.c     from one set of validators to the next
 *   shards.c    blocks that travel in shards, coding.c: what a worker does for them
 *   evidence.c  votes that prove a validator guilty, until the chain has them
 *   forward.c   transactions to the other validators
 *   action.c    actions -> journal, signer, peers
 *   blocks.c    blocks: found, certified, executed on overlays
 *   header.c    the header rules that need the parent
 *   build.c     our own proposals, commit.c: blocks made final
 *   catchup.c   final blocks fetched by height from peers that are ahead
 *   serve.c     answers to clients
 *   explain/    why it waits: for status and the log
 *   restart.c   open everything, replay, restore */

/* What a child builds on: the state after one block. */
struct tip {
    uint64_t height;
    struct hash block_id;
    uint64_t time_ms;
    struct hash state_root;   /* after the block */
    struct hash results_root; /* of the block */
    struct hash beacon;
    uint64_t carried_height; /* highest that a last_final up to this block's certifies; 0: none */
    bool unsealed; /* the block changed state: its root needs a header of its own (33.1) */
    struct store_overlay *overlay; /* NULL: the committed state */
};

/* A proposal with its block, from acceptance until a while after it is final. */
struct unfinal {
    struct unfinal *next;
    struct hash hash; /* of the proposal */
    struct proposal proposal;
    struct hash rest_digest;
    struct hash parent_id;      /* of the block */
    struct signature signature; /* the leader's, if is_signed */
    bool is_signed;
    uint8_t *block; /* encoded, owned */
    size_t block_size;
    bool bad;     /* the proposal or its block breaks a rule: certify says BAD */
    bool linked;  /* its block is known to stand on its parent's */
    bool empty;   /* no transactions */
    bool fetched; /* by catch-up: the block alone, its proposal is not known */
    bool final;
    bool branch;   /* blocks_forget: named by a certificate, or an ancestor of what is */
    bool executed; /* tip and results are set */
    struct tip tip;
    uint8_t *results; /* encoded result records, owned */
    size_t results_size;
};

enum {
    DRIVER_QUEUE_MAX = CONSENSUS_ACTIONS_MAX + 64, /* answers to one step's requests */
    DRIVER_CERTIFY_MAX = CONSENSUS_HISTORY_MAX,    /* one for each record of the core */
    DRIVER_KEEP_FINAL = 64,                        /* final proposals kept to serve GET_BLOCK */
    DRIVER_VERDICT_COUNT = 1 << 17,
    DRIVER_OUT_SIZE = FRAME_SIZE_MAX,
    DRIVER_FORWARD_COUNT = 256, /* 256 verifications: 15 ms of a peer's thread */
    DRIVER_FORWARD_SIZE = 512 << 10,
};

/* Transactions taken in during this turn of the loop, for the other validators. */
struct forward {
    uint32_t count;
    size_t size;
    struct bytes txs[DRIVER_FORWARD_COUNT]; /* into bytes */
    uint8_t bytes[DRIVER_FORWARD_SIZE];
    uint64_t height; /* nothing has committed above it until again_ms */
    uint64_t again_ms;
};

struct driver {
    struct node_config config;
    struct genesis *genesis; /* owned */
    struct hash chain_id;
    struct epoch epoch;
    struct validator_set set; /* of this epoch, as is set_hash */
    struct hash set_hash;
    uint32_t self; /* index, or CONSENSUS_OBSERVER */
    struct crypto_key *consensus_key, *network_key, *vrf_key;

    struct consensus *core;
    struct consensus_actions actions;
    struct consensus_event queue[DRIVER_QUEUE_MAX];
    uint32_t queue_head, queue_count;
    uint64_t timer_at_ms;

    struct disk_port journal_disk, sign_disk;
    struct journal *journal;
    struct syncer *syncer;     /* has the journal while it syncs */
    struct signer *own_signer; /* the in-process one */
    struct signer_port signer;
    struct store *store;
    struct state_machine *machine;
    struct state_admission *admission; /* for the mempool, over the committed state */
    struct state_admission *building;  /* for a proposal */
    uint64_t admission_ms;             /* wall time admission was begun with */
    struct state_view admission_view;  /* outlives the admission's calls, as does the next */
    struct state_view building_view;
    struct hash *verdicts; /* 13.6: direct-mapped cache of good signatures */

    struct guard guard;
    struct net *net;
    struct peer peers[PEER_MAX];
    struct gate *gate;
    struct mempool *pool;
    struct forward forward;
    struct budget waste;    /* useless transactions, by key */
    struct budget oddities; /* lines in the log, by key */
    struct {
        struct budget anon, anon_total, client, validator;
    } serving; /* answers, in units of SERVE_UNIT_SIZE */
    struct evidence evidence;
    bool pool_ready;         /* some pooled transaction is admissible now */
    struct recent *recent;   /* the last final transactions by id */
    struct indexer *indexer; /* all of them; NULL: not kept */

    struct unfinal *unfinals;
    uint32_t final_kept;
    struct tip committed;
    struct hash committed_proposal;
    uint64_t committed_view;
    struct finality tip_finality; /* F of the highest final block known with its proposal */
    bool has_tip_finality;
    struct {
        uint64_t view;
        struct hash proposal;
    } certifying[DRIVER_CERTIFY_MAX];
    uint32_t certifying_count;
    struct catchup catchup;
    struct watch watch;
    struct sync_serving *snapshots;
    struct shards *shards; /* node/shards.h */

    bool due_known; /* due is that of the state at due_height */
    uint64_t due_height;
    struct state_due due;
    bool work_now;
    uint64_t work_due_ms;
    uint64_t work_due_header_ms;
    uint8_t *out;       /* DRIVER_OUT_SIZE bytes for encoding */
    struct error error; /* set: the node stops with this */
    uint64_t started_ms;
    uint64_t ping_view, ping_final_view; /* what the pings say, ... */
    uint64_t ping_ms;                    /* ... since when */
    uint64_t expire_ms;                  /* the pool was last searched for expired ones */
    uint64_t step_count, verdict_counts[CONSENSUS_NEXT_EPOCH + 1];
};

/* Clocks: the only ones of the node. */
uint64_t driver_now_ms(void);  /* monotonic */
uint64_t driver_wall_ms(void); /* since 1970 */

/* driver.c */
void driver_queue(struct driver *d, const struct consensus_event *event);
/* Pass one event to the core and carry out what it answers, answers included. */
void driver_step(struct driver *d, const struct consensus_event *event);
/* Pass the queued answers to the core. */
void driver_drain(struct driver *d);
/* What is due by now; the loop does this after each turn of the network. */
void driver_run_timers(struct driver *d);
bool driver_failed(const struct driver *d);

/* inbound.c */
void inbound_frame(struct driver *d, const struct net_event *event);
/* Take in a transaction from the peer with this key (NULL: our own); the admission code and the id.
 * forward: tell the other validators. */
enum code inbound_tx(struct driver *d, const struct net_key *from, struct bytes raw, bool forward,
                     struct hash *id);
/* 13.6: digests of signatures that verified. */
bool inbound_known_good(const struct driver *d, const struct hash *digest);
void inbound_remember_good(const struct driver *d, const struct hash *digest);
void inbound_vote_digest(const struct driver *d, const struct vote *vote, struct hash *out);
MUST_USE bool inbound_certificate_valid(const struct driver *d,
                                        const struct certificate *certificate);
/* SIGTERM or SIGINT has come. */
bool driver_stop_asked(void);
void inbound_finality_certificate(const struct finality *finality, struct certificate *out);
/* The block's bytes are the ones its id commits to; otherwise the sender lied, not the leader. */
MUST_USE bool inbound_block_matches(const struct hash *block_id, const struct wire_block *block);
/* A line in the log about a validator that breaks rules: at most so many. */
void inbound_odd(struct driver *d, uint32_t validator, const char *what);
MUST_USE bool inbound_vote_valid(const struct driver *d, const struct vote *vote);

/* admit.c: a net_admit with the driver as its context */
enum net_reason driver_admit(void *context, enum net_role role, enum net_lane lane,
                             const struct net_key *key);

/* forward.c */
void forward_add(struct driver *d, struct bytes raw);
void forward_flush(struct driver *d);
/* Send what waits in the pool, the oldest of it, to one validator or CONSENSUS_ALL. */
void forward_pool(struct driver *d, uint32_t to);
void forward_poll(struct driver *d);

/* action.c */
void action_carry_out(struct driver *d);
void action_send_status(struct driver *d, uint32_t to);
/* K7: STATUS rides in the pings; renew it when it has changed. */
void action_update_ping(struct driver *d);

/* serve.c */
void serve_request(struct driver *d, const struct net_event *event);

/* restart.c */
bool restart_open(struct driver *d, struct error *error);
void restart_close(struct driver *d);

#endif /* NODE_DRIVER_H */
