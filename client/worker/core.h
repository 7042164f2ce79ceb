#ifndef CLIENT_WORKER_CORE_H
#define CLIENT_WORKER_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "state/objects/objects.h"

/* What a worker does next, as a function of what the chain proves and what it has at hand.
 * No I/O, no clock: the shell (worker.c) reads, asks, acts and asks again.  Because every
 * question begins from proven state, a worker that was killed simply goes on. */

enum worker_action {
    WORKER_WAIT,
    WORKER_JUDGE,   /* read the plan, its program and terms */
    WORKER_ACCEPT,  /* LEASE_ACCEPT */
    WORKER_REJECT,  /* LEASE_REJECT */
    WORKER_PREPARE, /* connect, fetch data and first state */
    WORKER_READY,   /* LEASE_READY */
    WORKER_ADOPT,   /* take over the parameters that a closed round led to */
    WORKER_TRAIN,   /* one more step of this round's segment */
    WORKER_COMMIT,  /* GRADIENT_COMMITMENT */
    WORKER_REVEAL,  /* PROOF_OF_TRAINING */
    WORKER_FETCH,   /* the others' deltas */
    WORKER_VOTE,    /* ROUND_RESULT */
    WORKER_SERVE,   /* the lease has ended: serve the last state for a while */
};

/* From proven state, at one root. */
struct worker_view {
    bool has_lease;
    bool fresh;      /* 9.3: nothing is started on a stale head */
    uint64_t now_ms; /* ledger time */
    uint8_t lease_state;
    bool plan_current; /* process.plan_version is the lease's */
    uint8_t process_state;
    uint64_t deadline_ms; /* of the accept or ready window */
    bool has_round;
    uint32_t round; /* the newest */
    uint8_t phase;
    uint64_t commit_deadline_ms;
    uint64_t result_deadline_ms;
    uint64_t result_window_ms;
    bool committed; /* this member */
    bool revealed;
    uint32_t revealed_count;
    uint32_t workers_min;
    uint32_t votes;       /* ROUND_RESULTs of this member */
    uint32_t voted_count; /* members in the last of them */
};

/* From memory and journal. */
struct worker_hand {
    bool judged;
    bool acceptable;
    bool prepared;
    uint32_t base_round;  /* the parameters at hand are those at the start of this round */
    bool trained;         /* ... and this round's segment is done */
    bool unable;          /* it trapped: nothing to commit */
    uint32_t delta_count; /* of those revealed, fetched and verified */
};

enum { WORKER_VOTES_MAX = 4 };

enum worker_action worker_decide(const struct worker_view *view, const struct worker_hand *hand);

/* "training" for WORKER_TRAIN: what people read. */
const char *worker_action_text(enum worker_action action);

#endif /* CLIENT_WORKER_CORE_H */
