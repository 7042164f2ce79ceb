#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include "consensus/consensus.h"
#include "consensus/guard/guard.h"
#include "crypto/crypto.h"
#include "store/journal/journal.h"
#include "store/sign_state/sign_state.h"
#include "tests/sim/check.h"
#include "tests/sim/disk.h"
#include "tests/sim/epoch.h"
#include "tests/sim/fault.h"

/* The simulator: a handful of real cores, journals and sign.states on disks that forget, a
 * network that loses, delays, repeats and cuts, and sometimes a validator that lies; all in
 * virtual time from one seed.
 *
 *   main.c    seeds, options, exit code       fault.c     the table of faults, draws
 *   plan.c    a seed's list of faults         scenario.c  that list as text; shrink.c: shorter
 *   world.c   the queue of things to come     network.c   links, delays, what they lose
 *   node.c    one honest node: events         act.c       carrying out a core's actions
 *   block.c   blocks, fake signatures         ledger.c    fake execution, the final chain
 *   epoch.c   sets of validators              liar.c      the dishonest validator
 *   accuse.c  evidence against liars
 *   sync.c    final blocks for who is behind  amnesia.c   files lost or old, the operator
 *   check.c   what must hold (knows no rule)
 *
 * Every decision comes from draw(), every event from the queue: one plan is one run. */

enum {
    SIM_NODES_MAX = 12,
    SIM_BLOCK_TXS_MAX = 8,
    SIM_POOL_MAX = 512,   /* proposals a node keeps; reaching it is a finding */
    SIM_CHAIN_MAX = 4096, /* final blocks of a run */
    SIM_TXS_MAX = 1024,
    SIM_SYNC_MAX = 16, /* final blocks in one answer */
    SIM_OPEN_MAX = 128,
    SIM_DRIFT_MS = 500,
    SIM_PING_MS = 5000,
    SIM_HELD_MAX = 128, /* messages of the next epoch that a node keeps */
};

struct sim_content {
    struct hash parent_id;
    struct hash parent_root;
    struct hash next_set;
    uint64_t height;
    uint64_t time_ms;
    uint64_t salt;
    uint32_t tx_count;
    uint64_t txs[SIM_BLOCK_TXS_MAX];
};

/* A proposal with its block.  Kept by the world until the run ends; a node has it only when
 * it is in the node's pool or chain. */
struct sim_block {
    struct proposal proposal;
    struct hash hash;
    struct signature signature;
    struct sim_content content;
    struct sim_set set;          /* of its epoch */
    struct sim_state true_state; /* after it; for liars, who would otherwise have to execute */
    uint8_t *shards;             /* all of them; NULL: the block travels whole */
    bool no_code;                /* they are no code word */
};

enum sim_message_kind {
    SIM_PROPOSAL,
    SIM_VOTE,
    SIM_CERTIFICATE,
    SIM_STATUS,
    SIM_HAVE, /* extra: kind */
    SIM_GET_CERTIFICATES,
    SIM_GET_BLOCK,
    SIM_SYNC_ASK,
    SIM_SYNC_ANSWER,
    SIM_TX,
    SIM_PEER_UP,
    SIM_SHARD, /* blocks[0], extra: index, view: spoiled */
    SIM_GET_SHARDS,
};

struct sim_message {
    enum sim_message_kind kind;
    uint32_t from; /* validator */
    uint32_t via;  /* the process that sent it */
    uint64_t epoch;
    uint64_t sent_us;
    uint64_t view; /* or height, or transaction */
    uint64_t extra;
    struct vote vote;
    struct hash hash;
    struct certificate *certificate; /* owned */
    uint32_t block_count;
    const struct sim_block *blocks[SIM_SYNC_MAX];
};

enum sim_event_kind {
    SIM_DELIVER, /* message to node */
    SIM_ANSWER,  /* core event to node, of this incarnation */
    SIM_TIMER,
    SIM_PING,
    SIM_LIE,
    SIM_BOOT,
    SIM_INJECT,       /* transaction extra at node */
    SIM_RETRY,        /* transactions and open certify requests of node */
    SIM_FAULT_BEGINS, /* plan.faults[extra] */
    SIM_FAULT_ENDS,
    SIM_HEAL,
};

struct sim_event {
    uint64_t at_us;
    uint64_t order; /* ties: first come, first served */
    enum sim_event_kind kind;
    uint32_t node;
    uint32_t incarnation;
    uint64_t extra;
    struct sim_message *message;   /* owned */
    struct consensus_event answer; /* SIM_ANSWER */
    const struct sim_block *block; /* of a BUILT */
};

struct sim_pooled {
    const struct sim_block *block;
    bool executed;
    bool bad;
    struct sim_state state; /* after it */
};

struct sim_final {
    const struct sim_block *block;
    struct sim_state state;          /* after it */
    struct certificate *certificate; /* F on this very proposal, or NULL */
};

/* The value of FAULT_AMNESIA; what it does stands in amnesia.c. */
enum sim_amnesia_kind {
    SIM_AMNESIA_NONE,
    SIM_LOST_JOURNAL,
    SIM_LOST_SIGN_STATE,
    SIM_LOST_BOTH,
    SIM_LOST_END, /* of the journal */
    SIM_OLD_JOURNAL,
    SIM_OLD_SIGN_STATE,
    SIM_OLD_BOTH,
    SIM_AMNESIA_COUNT,
};

struct sim_amnesia {
    enum sim_amnesia_kind kind; /* what the operator finds at the next boot */
    struct sim_disk backup;
    bool has_backup;
    bool guarded;
    struct consensus_guard guard;
    uint64_t told; /* the number of writes of sign.state that the journal last named */
    uint64_t boot_us;
};

struct sim_node {
    uint32_t index;     /* of this process: its place in the network */
    uint32_t validator; /* whose key it holds */
    bool liar;
    bool excused; /* liar, twin, or with a damaged disk: need not make progress */
    bool halted;  /* refuses to start: its files are damaged */
    bool up;
    bool born;            /* has opened its files once */
    uint32_t incarnation; /* of its core: a start, or an epoch */
    int64_t skew_ms;
    const struct sim_world *world;

    uint64_t epoch; /* of its core; a liar's: the newest it has heard of */
    struct sim_set set;
    struct hash start_id; /* the block the epoch starts from */
    bool epoch_over;
    struct sim_message *held[SIM_HELD_MAX]; /* of the next epoch; owned */
    uint32_t held_count;

    struct sim_disk disk;
    struct sim_disk image;                 /* what STALE brings back */
    struct sim_final chain[SIM_CHAIN_MAX]; /* durable: chain.db; [0] is height 1 */
    uint64_t height;

    struct consensus *core;
    struct consensus_actions *actions;
    struct journal *journal;
    struct sign_state *sign_state;
    struct sim_pooled pool[SIM_POOL_MAX];
    uint32_t pool_count;
    struct consensus_block open[SIM_OPEN_MAX]; /* certify requests not answered */
    uint32_t open_count;
    uint64_t txs[SIM_TXS_MAX];
    uint32_t tx_count;
    bool work_told;
    uint64_t timer_order; /* of the queued SIM_TIMER that counts */
    struct certificate *final_certificate;

    struct shard_pool *shards; /* NULL until the first one comes */

    struct sim_amnesia amnesia;

    uint64_t lie_view; /* liar: highest view seen, and last one proposed in */
    uint64_t lied_view;
    const struct sim_block *seen[64];
    uint32_t seen_count;
};

struct sim_world {
    uint64_t now_us;
    uint64_t order;
    uint64_t event_count;
    uint64_t burst; /* events of this millisecond: a loop that feeds itself has no end */
    uint64_t digest;
    bool trace;
    bool healed;
    bool over_budget; /* more than f are excused */
    struct sim_plan plan;
    bool planned[FAULT_COUNT]; /* some fault of the plan has this class */
    uint64_t hits[FAULT_COUNT];
    uint64_t draws[DRAW_KINDS][DRAW_PLACES_MAX];
    uint64_t sent[DRAW_PLACES_MAX]; /* messages of each link */
    uint32_t node_count;            /* processes: the validators, and twins */
    struct sim_node nodes[SIM_NODES_MAX];
    struct sim_event *heap;
    size_t heap_count;
    size_t heap_capacity;
    struct sim_block **blocks;
    size_t block_count;
    size_t block_capacity;
    uint64_t tx_count; /* injected so far: 1 .. tx_count */
    struct sim_op ops[SIM_TXS_MAX];
    struct sim_set sets[SIM_EPOCHS_MAX]; /* of epochs 1 .. epoch_count */
    uint64_t epoch_count;
    uint32_t has_left; /* the set, ever; bit i: validator i */
    struct check *check;
    FILE *record; /* for the oracle; may be NULL */
    /* Tests cut links by message; NULL: none. */
    bool (*passes)(struct sim_world *world, const struct sim_message *message, uint32_t to);
};

/* world.c */
static inline uint64_t world_ms(const struct sim_world *world)
{
    return world->now_us / 1000;
}
void world_push(struct sim_world *world, uint64_t delay_us, const struct sim_event *event);
void world_trace(const struct sim_world *world, uint32_t node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void world_mix(struct sim_world *world, uint64_t value);
void world_init(struct sim_world *world, const struct sim_plan *plan);
void world_run(struct sim_world *world);
void world_free(struct sim_world *world);

/* network.c */
struct sim_message *message_new(enum sim_message_kind kind, const struct sim_node *from);
struct sim_message *message_copy(const struct sim_message *message);
void message_free(struct sim_message *message);
/* Takes the message; to is a validator or CONSENSUS_ALL. */
void world_send(struct sim_world *world, uint32_t to, struct sim_message *message);

/* fault.c */
uint64_t draw(struct sim_world *world, enum draw_kind kind, uint32_t place);
uint64_t draw_below(struct sim_world *world, enum draw_kind kind, uint32_t place, uint64_t limit);
void fault_hit(struct sim_world *world, enum fault_class class);
/* Of the fault of this class that acts on the node now; 0: none does. */
uint64_t fault_value(const struct sim_world *world, enum fault_class class, uint32_t node);
/* Draws; counts a hit. */
bool fault_strikes(struct sim_world *world, enum fault_class class, enum draw_kind kind,
                   uint32_t node);
bool fault_is_linked(struct sim_world *world, uint32_t from, uint32_t to);

/* block.c */
const struct sim_block *block_find(const struct sim_world *world, const struct hash *hash);
struct sim_build {
    uint64_t view;
    struct consensus_block parent;
    struct sim_content content;
    struct sim_state state;        /* after the content's parent */
    const struct sim_block *again; /* E3: the block to propose again, or NULL */
    bool no_code;                  /* with shards: they are no code word */
};
const struct sim_block *block_make(struct sim_world *world, const struct sim_build *build);
/* vote->validator is a place in the set: whose key that is makes the signature. */
struct signature fake_sign(const struct sim_world *world, const struct check_member *member,
                           const struct vote *vote);
bool fake_verify(const struct sim_world *world, const struct sim_set *set,
                 const struct certificate *certificate);
void root_after(const struct hash *parent_root, const struct sim_content *content,
                struct hash *out);
struct consensus_block block_brief(const struct sim_block *block);

void node_boot(struct sim_world *world, struct sim_node *node);
void node_crash(struct sim_world *world, struct sim_node *node, uint64_t down_us);
void node_stop(struct sim_world *world, struct sim_node *node, uint64_t down_us);
int64_t node_skew_ms(struct sim_world *world, const struct sim_node *node);
void node_free(struct sim_node *node);
/* The state after the node's last final block; a liar's: after the newest block it saw. */
void node_state(const struct sim_world *world, const struct sim_node *node, struct sim_state *out);
/* If the epoch is over: the core of the next one. */
void node_turn(struct sim_world *world, struct sim_node *node);
/* One core step with everything that follows from it. */
void node_step(struct sim_world *world, struct sim_node *node, struct consensus_event *event);
void node_deliver(struct sim_world *world, struct sim_node *node,
                  const struct sim_message *message);
/* Of the epoch that comes next: kept for then. */
void node_hold(struct sim_world *world, struct sim_node *node, const struct sim_message *message,
               enum consensus_verdict verdict);
/* The proposal with its block to the core. */
void node_propose(struct sim_world *world, struct sim_node *node, const struct sim_message *message,
                  bool bad);
void node_work(struct sim_world *world, struct sim_node *node);
void node_retry(struct sim_world *world, struct sim_node *node);

/* record.c: also tells check.c of the signature */
void record_proposal(struct sim_world *world, const struct sim_block *block);
void record_signed(struct sim_world *world, const struct check_member *by, const struct vote *vote);
void record_epoch(struct sim_world *world, uint64_t epoch);
void record_final(struct sim_world *world, const struct sim_node *node,
                  const struct sim_block *block);

/* accuse.c: before the step that takes it */
void accuse_vote(struct sim_world *world, const struct sim_node *node, const struct vote *vote,
                 enum consensus_verdict verdict);
void accuse_certificate(struct sim_world *world, const struct sim_node *node,
                        const struct certificate *certificate, bool verified);
void accuse_proposal(struct sim_world *world, const struct sim_node *node,
                     const struct sim_block *block, enum consensus_verdict verdict);

/* leader.c */
/* The place of the leader of a view. */
uint32_t sim_leader(const struct sim_set *set, uint64_t view);

/* sync.c */
void sync_serve(struct sim_world *world, struct sim_node *node, const struct sim_message *message);
void sync_take(struct sim_world *world, struct sim_node *node, const struct sim_message *message);

/* amnesia.c */
void amnesia_turns(struct sim_world *world, const struct sim_fault *fault, bool begins);
/* Before a boot: what the operator does about it.  False: the disk is full or broken. */
bool amnesia_operator(struct sim_world *world, struct sim_node *node);
/* The journal's word on sign.state, of any epoch. */
void amnesia_restore(struct sim_node *node, const struct journal_record *record);
/* Whose sign.state it is. */
struct sign_identity node_identity(const struct sim_node *node);
/* In a boot, journal and sign.state open: false, and the node does not start, unless they agree. */
bool amnesia_boot(struct sim_world *world, struct sim_node *node);
void amnesia_persist(struct sim_node *node, uint64_t view);
void amnesia_hear(struct sim_node *node, const struct sim_message *message);
/* False: the disk failed, and the node has stopped. */
bool amnesia_poll(struct sim_world *world, struct sim_node *node);

/* damage.c: a fault of group DISK begins or ends. */
void damage_turns(struct sim_world *world, const struct sim_fault *fault, bool begins);
/* Is this error of a disk planned?  Then the process has stopped and will be started again. */
bool damage_stops(struct sim_world *world, struct sim_node *node);
/* The node does not start: planned, or a finding. */
void damage_refuses(struct sim_world *world, struct sim_node *node, const char *why);

/* act.c */
/* Carry out the actions of the last step; a crash may strike between any two. */
void act_all(struct sim_world *world, struct sim_node *node);
void act_send_status(struct sim_world *world, struct sim_node *node, uint32_t to);

/* ledger.c: pool, execution, the final chain of one node */
bool pool_add(struct sim_node *node, const struct sim_block *block);
struct sim_pooled *pool_find(struct sim_node *node, const struct hash *hash);
enum consensus_certify ledger_execute(struct sim_node *node, const struct sim_block *block);
/* The F on the last block of an epoch, or NULL. */
const struct certificate *ledger_epoch_end(const struct sim_node *node, uint64_t epoch);
void ledger_final(struct sim_world *world, struct sim_node *node, const struct sim_block *block,
                  const struct certificate *certificate);
bool ledger_has_work(const struct sim_node *node);
void ledger_build(struct sim_world *world, struct sim_node *node,
                  const struct consensus_action *action, struct sim_build *out);
bool ledger_is_due(struct sim_node *node, const struct sim_block *block);
bool ledger_tx_add(struct sim_node *node, uint64_t tx);
const struct sim_block *ledger_block(struct sim_node *node, const struct hash *hash);

/* shards.c */
struct shard_pool;
bool shards_used(const struct sim_world *world, const struct sim_set *set,
                 const struct sim_content *content);
void shards_code(struct sim_block *block, struct bytes content, bool no_code);
/* Each of the mask its shard. */
void shards_send(struct sim_world *world, const struct sim_node *node,
                 const struct sim_block *block, uint32_t mask);
/* Each of the mask a shard that is not under the root. */
void shards_lie(struct sim_world *world, const struct sim_node *node, const struct sim_block *block,
                uint32_t mask);
void shards_deliver(struct sim_world *world, struct sim_node *node,
                    const struct sim_message *message);
/* The code of a whole block is the one that was proposed. */
bool shards_check(struct sim_world *world, const struct sim_node *node,
                  const struct sim_block *block);
void shards_ask(struct sim_world *world, struct sim_node *node);
void shards_clear(struct sim_node *node);

/* liar.c */
void liar_deliver(struct sim_world *world, struct sim_node *node,
                  const struct sim_message *message);
void liar_lie(struct sim_world *world, struct sim_node *node);
const struct sim_block *liar_newest(const struct sim_node *node);

#endif /* TESTS_SIM_SIM_H */
