#ifndef CLIENT_WORKER_WORKER_H
#define CLIENT_WORKER_WORKER_H

#include <signal.h>

#include "client/light/light.h"
#include "client/worker/core.h"
#include "crypto/crypto.h"
#include "vm/vm.h"

/* A training worker: one provider's process that takes leases and trains.
 *
 * It registers its node and one COMPUTE offer (speed measured here), follows its leases in
 * proven state, and for each: checks the plan and accepts it with a fresh tunnel key, fetches
 * program, data and first state, reports ready, and then round by round trains H steps in the
 * tensor VM, commits to the result, proves it, exchanges int8 deltas with the other members
 * and reports the aggregate.
 *
 * Everything needed to go on after SIGKILL is in the journal directory, written whole and
 * synced: the state after each sub-segment, what was committed to, the tunnel key. */

struct worker_progress {
    enum worker_action action;
    bool has_job;
    struct hash job;
    uint32_t rank;
    uint32_t round; /* 0 .. rounds - 1 */
    uint32_t rounds;
    uint32_t step; /* done of this segment */
    uint32_t steps;
    float loss;      /* of the newest step; 0 before any */
    uint64_t eta_ms; /* until the job's last round ends, by the pace so far; 0: unknown */
    uint64_t earned; /* by this lease, base units */
};

struct worker_config {
    struct light *light;               /* with the worker's or provider's key */
    const struct crypto_key *provider; /* account: offers, accepts, is paid */
    const struct crypto_key *worker;   /* account of the worker; may be the provider's key */
    const char *journal;               /* directory, made if missing */
    const char *listen;                /* "host:port" for the other members */
    const char *endpoint;              /* what they are told; NULL: as listen */
    bool record; /* keep what each round began from and came to, for client/record */
    uint32_t threads;
    struct vm_isa isa;
    uint32_t gflops;           /* 0: measure */
    uint64_t price_per_second; /* of planned segment time, base units */
    uint64_t memory_max;       /* bytes a lease may take in all; 0: three quarters of the RAM */
    int nice;                  /* 0 .. 19 */
    uint32_t leases_max;       /* end after so many; 0: never */
    bool cancel_offer;         /* withdraw the offer when it ends in order */
    uint32_t linger_ms;        /* serve the last state so long after a lease; 0: 60 s */
    const volatile sig_atomic_t *stop; /* ends the loop when not 0; may be NULL */
    void (*progress)(void *context, const struct worker_progress *progress); /* about every 2 s */
    void *context;
};

/* Runs until stopped.  False: what made it end; EXIT_CODE_VERIFY when the journal's state of a
 * running lease is not the one whose root the chain holds. */
MUST_USE bool worker_run(const struct worker_config *config, struct error *error);

/* RAM of this machine. */
uint64_t worker_ram_mib(void);

/* Sustained speed of this machine in GFLOP/s, from steps of a small transformer. */
MUST_USE bool worker_measure(uint32_t threads, struct vm_isa isa, uint32_t *gflops,
                             struct error *error);

#endif /* CLIENT_WORKER_WORKER_H */
