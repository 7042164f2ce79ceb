#ifndef TESTS_SIM_EPOCH_H
#define TESTS_SIM_EPOCH_H

#include "consensus/consensus.h"
#include "tests/sim/check.h"
#include "types/block.h"

/* The toy ledger's sets of validators: what K3 and K4 ask of the real one, and no more.
 *
 *   a change is asked for in a transaction and accepted when none is pending and it makes sense;
 *   who comes in, or gets another key, says READY in a transaction of his own;
 *   the second block after the acceptance, or the first later one whose parent's state has that
 *   READY, is the boundary: it names the next set, and the state after it has that set;
 *   a change that nobody gets ready for is dropped after a while. */

struct sim_world;
struct sim_node;
struct sim_content;
struct sim_block;

enum { SIM_MEMBERS_MAX = 12, SIM_READY_MS = 20000, SIM_EPOCHS_MAX = CHECK_EPOCHS_MAX };

struct sim_set {
    uint32_t count;
    uint32_t offset; /* of its leaders */
    struct check_member members[SIM_MEMBERS_MAX];
};

/* What a transaction is about; most about nothing. */
enum sim_op_kind { SIM_OP_NONE, SIM_OP_ADD, SIM_OP_REMOVE, SIM_OP_REKEY, SIM_OP_READY };

struct sim_op {
    enum sim_op_kind kind;
    uint32_t validator;
    uint64_t change; /* READY: the transaction that asked */
};

struct sim_state {
    struct hash root;
    uint64_t epoch;
    struct sim_set set;
    uint64_t change; /* pending: the transaction that asked; 0: none */
    uint64_t accepted_height;
    uint64_t accepted_ms;
    bool ready;
};

void set_hash(const struct sim_set *set, struct hash *out);
/* The place of a validator in the set, or CONSENSUS_OBSERVER. */
uint32_t set_place(const struct sim_set *set, uint32_t validator);

void state_genesis(const struct sim_world *world, struct sim_state *out);
void state_after(const struct sim_world *world, const struct sim_state *parent,
                 const struct sim_content *content, struct sim_state *out);
/* What the block of this height on top of that state has to name. */
void state_next_set(const struct sim_world *world, const struct sim_state *state, uint64_t height,
                    struct hash *out);
/* A change that can be carried out waits for its boundary: that is work (K4). */
bool state_is_due(const struct sim_world *world, const struct sim_state *state);

bool block_is_boundary(const struct sim_block *block);

/* Validators by their number to and from what a node's core calls them. */
uint32_t epoch_peer(const struct sim_node *node, uint32_t validator);
uint32_t epoch_validator(const struct sim_node *node, uint32_t peer);

void epoch_first(struct sim_world *world);
void epoch_push_changes(struct sim_world *world);
/* Say READY if a pending change waits for it. */
void epoch_ready(struct sim_world *world, struct sim_node *node);
/* A boundary is final for the first time: the world knows the next set. */
void epoch_open(struct sim_world *world, const struct sim_block *block,
                const struct sim_state *state);
/* Is nothing of this state waiting for an honest node? */
bool epoch_is_settled(const struct sim_world *world, const struct sim_state *state);

#endif /* TESTS_SIM_EPOCH_H */
