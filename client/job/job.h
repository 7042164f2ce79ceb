#ifndef CLIENT_JOB_JOB_H
#define CLIENT_JOB_JOB_H

#include <signal.h>

#include "client/compiler/compiler.h"
#include "client/light/light.h"
#include "crypto/crypto.h"

/* The consumer: has a model trained by others and gets a certified checkpoint.
 *
 * job_run uploads the program in parts, registers the data set, posts the training request,
 * serves data and first state to the members by content hash until all are ready, follows
 * the rounds, fetches the last state from a member, checks it against the root that the chain
 * certified and writes it as canonical safetensors.  Started again with the same request
 * name it goes on where it was: everything is found on the chain. */

enum { JOB_MEMBERS_SHOWN = 64 };

struct job_terms_wanted {
    uint32_t local_steps; /* H: steps of a round */
    uint32_t checkpoints; /* S: H is a multiple of it */
    uint32_t rounds;
    uint64_t round_ms;  /* time planned for one segment */
    uint64_t commit_ms; /* 0: the genesis window, as is the next */
    uint64_t window_ms;
    uint32_t workers_min;
    uint32_t workers_max;
    float eta;                  /* 0.7 */
    float mu;                   /* 0.9 */
    uint64_t price_per_segment; /* at most, base units */
    uint64_t bond_per_segment;
    uint32_t audit_p_ppm; /* 0: that of the genesis */
    bool elastic;
    uint64_t deadline_ms; /* ledger time by which it must have started; 0: none */
};

/* One member as the chain shows it. */
struct job_member {
    uint32_t rank;
    struct address provider;
    uint32_t steps;
    uint8_t lease_state; /* enum lease_state */
    bool committed;      /* in the newest round */
    bool revealed;
    uint64_t earned;
    uint32_t segments_paid;
};

struct job_status {
    struct hash job;
    uint64_t height;        /* of the header under which all of this was proven */
    uint8_t request_state;  /* enum request_state */
    uint8_t request_result; /* enum request_result */
    uint32_t reason;        /* enum code */
    uint8_t process_state;  /* enum process_state */
    uint32_t plan_version;
    uint32_t member_count;
    uint32_t accepted;
    uint32_t ready;
    uint32_t rounds;
    uint32_t rounds_opened;
    uint32_t rounds_closed;
    uint32_t rounds_certified;
    uint8_t phase; /* enum round_phase of the newest round */
    uint64_t commit_deadline_ms;
    struct hash theta_root;
    struct hash certified_theta_root;
    uint64_t escrow;
    uint64_t spent;
    uint32_t shown; /* members */
    struct job_member members[JOB_MEMBERS_SHOWN];
};

/* A round that was closed: means over the members in its result. */
struct job_round {
    uint32_t round;
    uint32_t rounds;
    uint32_t members;
    float loss_first;
    float loss_last;
    uint64_t took_ms; /* from its beacon to its close, ledger time */
    uint64_t eta_ms;  /* until the last round closes, by the mean so far */
};

struct job_config {
    struct light *light;
    const struct crypto_key *key; /* the consumer's account */
    const char *request_id;       /* the request's name, 1 .. NAME_SIZE_MAX bytes */
    const struct compiler_model *model;
    const struct compiler_spec *spec;
    struct bytes data; /* content of the program's data tensor */
    uint64_t records;
    struct job_terms_wanted terms;
    const char *checkpoint; /* file to write */
    const volatile sig_atomic_t *stop;
    void (*progress)(void *context, const struct job_status *status); /* about every second */
    void (*round)(void *context, const struct job_round *round);      /* in order, each once */
    void *context;
};

/* The id that a request of this name has. */
struct hash job_id(const struct job_config *config);

/* Everything, until the checkpoint is written or the request has ended otherwise.
 * EXIT_CODE_REJECTED when the chain refuses or ends the request (with its reason),
 * EXIT_CODE_VERIFY when no member serves the certified state, EXIT_CODE_INTERRUPTED. */
MUST_USE bool job_run(const struct job_config *config, struct job_status *last,
                      struct error *error);

/* Proven state of any job. */
MUST_USE bool job_read_status(struct light *light, const struct hash *job, struct job_status *out,
                              struct error *error);

/* A closed round's losses; EXIT_CODE_NOT_FOUND while it is not closed. */
MUST_USE bool job_read_round(struct light *light, const struct hash *job, uint32_t round,
                             struct job_round *out, struct error *error);

/* Fetch the certified parameters from a member that still serves them, and write them.  The
 * consumer's key: members admit nobody else. */
MUST_USE bool job_fetch(const struct job_config *config, const struct hash *job,
                        struct error *error);

const char *job_request_state_text(uint8_t state);
const char *job_process_state_text(uint8_t state);
const char *job_phase_text(uint8_t phase);

#endif /* CLIENT_JOB_JOB_H */
