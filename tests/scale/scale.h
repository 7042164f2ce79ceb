#ifndef TESTS_SCALE_SCALE_H
#define TESTS_SCALE_SCALE_H

#include "consensus/consensus.h"
#include "node/shard/shard.h"
#include "wire/sync/sync.h"

/* Many validators on slow links, in virtual time, with nothing that fails: what the protocol
 * costs, not whether it is right (that is tests/sim).
 *
 * Real: the consensus cores, every message with its bytes, the erasure code.
 * Modelled: links (network.c), signatures (random bytes; checks are counted), disks and
 * the time of coding (constants below), execution (none). */

enum {
    SCALE_NODES_MAX = VALIDATOR_COUNT_MAX,
    SCALE_VIEWS_MAX = 128,
    SCALE_EPOCH = 1,
    /* Virtual microseconds. */
    SCALE_SYNC_US = 2000,     /* one fdatasync: of the journal, of sign.state */
    SCALE_SIGN_US = 100,      /* beside the sync */
    SCALE_ENCODE_US = 15000,  /* the leader's code and commitment */
    SCALE_RESTORE_US = 20000, /* a follower's decoding, coding again and check */
    SCALE_CERTIFY_US = 1000,
};

struct scale_options {
    uint32_t validator_count;
    uint32_t block_size;
    uint64_t delay_us; /* one way */
    uint64_t link_mbit;
    uint32_t delta_0_ms;
    uint64_t views; /* that are measured */
    bool floods;    /* certificates to all, as small sets do */
};

/* The bytes of one message of the wire; shared by all to whom it goes. */
struct scale_message {
    uint32_t users;
    uint64_t view; /* the one it is about */
    enum wire_message_kind kind;
    uint8_t *bytes;
    size_t size;
};

/* What one validator has of one block. */
struct scale_holding {
    struct validator_bitmap shards;
    uint32_t have;
    bool announced, passed_on, restoring, whole, certify_asked;
};

struct scale_block {
    struct proposal proposal;
    struct hash hash, parent_id;
    uint64_t begun_us; /* the leader was asked to build */
    struct shard_code code;
    uint8_t *block;
    struct scale_message *shards[SCALE_NODES_MAX];
    struct scale_holding by[SCALE_NODES_MAX];
    uint64_t final_us[SCALE_NODES_MAX];
    uint32_t final_count;
};

enum scale_event_kind {
    SCALE_DELIVER,  /* message to node */
    SCALE_LINK,     /* the uplink of node has sent a piece */
    SCALE_SEND,     /* message of node to peer, or its block: what it waited for is durable */
    SCALE_STEP,     /* an answer to the core of node */
    SCALE_BUILT,    /* block of node */
    SCALE_RESTORED, /* node has block */
    SCALE_TIMER,    /* of node, if still the one of this order */
};

struct scale_event {
    uint64_t at_us;
    uint64_t order; /* ties: first come, first served */
    enum scale_event_kind kind;
    uint32_t node;
    uint32_t peer; /* DELIVER: who sent it; SEND: to whom */
    struct scale_message *message;
    struct scale_block *block;
    struct consensus_event answer;
};

/* Measured on this machine, not virtual. */
struct scale_cost {
    double core_s, codec_s;
    uint64_t step_count, check_count;
};

struct scale_node {
    struct consensus *core;
    uint64_t timer_order;
    struct scale_cost cost;
    uint64_t sent[WIRE_MESSAGE_KIND_MAX + 1]; /* messages */
};

struct uplink;

struct scale_world {
    struct scale_options options;
    uint64_t now_us;
    uint64_t order;
    uint64_t random;
    struct scale_event *heap;
    size_t heap_count, heap_capacity;
    struct scale_node nodes[SCALE_NODES_MAX];
    struct consensus_actions actions; /* of the step in hand */
    struct uplink *uplinks;
    uint64_t down_free_us[SCALE_NODES_MAX];
    struct scale_block *blocks[SCALE_VIEWS_MAX]; /* by view */
    uint64_t egress[SCALE_VIEWS_MAX][SCALE_NODES_MAX];
    uint64_t final_count, nullified_count, unmodelled_count;
    uint64_t last_view; /* the run ends when all have it final */
    uint32_t last_count;
};

/* network.c */
void network_init(struct scale_world *world);
void network_free(struct scale_world *world);
/* Queues the message at the sender's link, for one or CONSENSUS_ALL. */
struct scale_route {
    uint32_t from, to;
};
void network_send(struct scale_world *world, struct scale_route route,
                  struct scale_message *message);
void network_sent(struct scale_world *world, uint32_t node);
void world_push(struct scale_world *world, uint64_t delay_us, const struct scale_event *event);
bool world_pop(struct scale_world *world, struct scale_event *out);
double cpu_now_s(void);

/* message.c: encoding costs its sender, decoding its receiver */
struct scale_message *message_write(struct scale_world *world, uint32_t from,
                                    const struct consensus_action *action);
struct scale_message *message_shard(struct scale_world *world, const struct scale_block *block,
                                    const struct wire_shard *shard);
struct scale_message *message_proposal(const struct scale_block *block);
void message_use(struct scale_message *message);
void message_drop(struct scale_message *message);

/* block.c */
struct scale_block *block_make(struct scale_world *world, uint32_t leader,
                               const struct consensus_action *action);
/* All have it: its bytes are not needed any more, but for what is still on its way. */
void block_release(struct scale_block *block);
struct scale_block *block_find(struct scale_world *world, const struct hash *hash);
struct scale_block *block_of_shard(struct scale_world *world, const struct wire_shard *shard);

/* validator.c */
void validator_start(struct scale_world *world, uint32_t index);
void validator_event(struct scale_world *world, const struct scale_event *event);

#endif /* TESTS_SCALE_SCALE_H */
