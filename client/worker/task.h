#ifndef CLIENT_WORKER_TASK_H
#define CLIENT_WORKER_TASK_H

#include "client/blob/blob.h"
#include "client/model/model.h"
#include "client/outer/outer.h"
#include "client/record/record.h"
#include "client/tx/tx.h"
#include "client/worker/core.h"
#include "client/worker/worker.h"

/* One lease and everything a worker holds for it.  The files of this room:
 *   worker.c    the loop, accounts, node and offer
 *   view.c      proven state -> struct worker_view
 *   plan.c      judging a plan; members and sessions
 *   program.c   the program from the chain, memory, data and first state
 *   segment.c   steps of a segment, sub-checkpoints, commitment and reveal
 *   result.c    deltas, votes, taking over a closed round
 *   journal.c   what survives SIGKILL */

struct task_member {
    struct member record;
    struct net_key key; /* tunnel */
    char endpoint[ENDPOINT_SIZE_MAX + 1];
    /* This round's segment, once revealed. */
    struct hash delta_root;
    uint8_t *delta;  /* outer_blob_size bytes once fetched; NULL before */
    uint32_t failed; /* how often it could not be fetched: those are asked for last */
};

/* A segment under way or done. */
struct task_segment {
    bool begun;
    bool unable;     /* trapped */
    struct hash key; /* of its batches */
    struct record_segment at;
};

struct task {
    struct hash lease_id;
    struct hash job;
    uint32_t version;
    uint32_t rank;
    /* Records as last proven. */
    struct lease lease;
    struct process process;
    struct round round;
    struct segment segment;
    struct request request;
    uint32_t round_index;
    bool judged;
    bool acceptable;
    bool prepared;
    uint32_t reason; /* told in LEASE_REJECT */
    struct plan plan;
    struct job_terms terms;
    /* Program. */
    uint8_t *program_bytes;
    void *program_arena;
    struct vm_program program;
    uint8_t *data;
    struct model_run *run;
    /* Peers. */
    uint8_t tunnel_secret[TUNNEL_KEY_SIZE];
    bool has_tunnel;
    struct blob_exchange *exchange;
    struct task_member *members;
    struct net_key consumer_key;
    /* Training. */
    struct record_shape shape;
    struct record_base base; /* at the start of round base.round */
    struct task_segment now;
    /* What this member voted for: the parameters of the next round. */
    bool has_next;
    uint8_t next_bitmap[BITMAP_SIZE_MAX];
    float *next_theta;
    float *next_momentum;
    struct hash next_theta_root;
    struct hash next_momentum_root;
    int64_t *sum;
    struct hash serving[2]; /* roots of parameters and momentum */
    struct hash served[2];  /* of the round before */
    uint64_t ended_ms;      /* monotonic, when the lease was seen to have ended */
};

struct worker {
    const struct worker_config *config;
    struct light *light;
    struct tx_sender provider_sender;
    struct tx_sender worker_sender_own; /* when the keys differ */
    struct tx_sender *worker_sender;
    struct address provider;
    struct address address;
    struct task *task;
    uint64_t ledger_lag_ms;    /* header time - ledger time */
    uint64_t result_window_ms; /* of the genesis */
    uint64_t fresh_ms;         /* monotonic: when freshness was last asked for */
    uint64_t viewed_ms;
    uint64_t offered_ms; /* when the offer was last found or made */
    uint64_t told_ms;
    uint64_t retry_ms; /* monotonic: nothing is sent again before */
    uint32_t leases;
    bool has_offer;
    struct hash offer;
    float pace_ms; /* of one step */
    bool spoilt;   /* the journal is not what the chain holds: no attempt will end better */
    bool training;
};

/* view.c */
MUST_USE bool view_read(struct worker *worker, struct worker_view *out, struct error *error);
void hand_read(const struct worker *worker, struct worker_hand *out);

/* plan.c */
MUST_USE bool task_judge(struct worker *worker, struct error *error);
MUST_USE bool task_accept(struct worker *worker, struct error *error);
MUST_USE bool task_reject(struct worker *worker, struct error *error);
MUST_USE bool task_connect(struct worker *worker, struct error *error);
MUST_USE bool task_ready(struct worker *worker, struct error *error);

/* program.c */
uint64_t task_memory(const struct worker *worker); /* bytes, all of it, once judged */
MUST_USE bool task_alloc(struct task *task, struct error *error);
MUST_USE bool task_program(struct worker *worker, struct error *error);
MUST_USE bool task_prepare(struct worker *worker, struct error *error);
MUST_USE bool task_fetch(struct task *task, const struct hash *root, enum vm_group group, void *out,
                         struct error *error);
void task_group_root(const struct task *task, enum vm_group group, const void *array,
                     struct hash *out);
void task_free(struct task *task);

/* segment.c */
MUST_USE bool segment_restore(struct worker *worker, struct error *error);
MUST_USE bool segment_step(struct worker *worker, struct error *error);
MUST_USE bool segment_commit(struct worker *worker, struct error *error);
MUST_USE bool segment_reveal(struct worker *worker, struct error *error);

/* result.c */
MUST_USE bool result_fetch(struct worker *worker, struct error *error);
MUST_USE bool result_vote(struct worker *worker, struct error *error);
MUST_USE bool result_adopt(struct worker *worker, struct error *error);
void result_forget(struct task *task);
MUST_USE bool result_serve(struct task *task, struct error *error);
uint32_t result_delta_count(const struct task *task);

/* journal.c: the chain is the one of this worker's earlier lives (light_remember).  False also
 * when nobody shows that it is. */
MUST_USE bool journal_remember(const struct worker *worker, struct error *error);
/* journal.c: files of this lease.  Reads answer false when there is none or it is damaged:
 * then the work is done again. */
MUST_USE bool task_journal_open(const struct worker *worker, struct error *error);
MUST_USE bool task_journal_tunnel(const struct worker *worker, struct error *error);
MUST_USE bool task_journal_write_base(const struct worker *worker, struct error *error);
bool task_journal_read_base(struct worker *worker);
MUST_USE bool task_journal_write_segment(const struct worker *worker, struct error *error);
bool task_journal_read_segment(struct worker *worker);
MUST_USE bool task_journal_write_blob(const struct worker *worker, const char *name,
                                      struct bytes bytes, struct error *error);
uint8_t *task_journal_read_blob(const struct worker *worker, const char *name, uint64_t size);

static inline bool task_bit(const uint8_t *bitmap, uint32_t rank)
{
    return (bitmap[rank / 8] >> (rank % 8) & 1) != 0;
}

#endif /* CLIENT_WORKER_TASK_H */
