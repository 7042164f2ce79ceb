#ifndef CLIENT_JOB_POST_H
#define CLIENT_JOB_POST_H

#include "client/blob/blob.h"
#include "client/job/job.h"
#include "client/outer/outer.h"
#include "client/tx/tx.h"

/* A job under way, on the consumer's side. */
struct job_work {
    const struct job_config *config;
    struct light *light;
    struct tx_sender sender;
    struct hash job;
    struct hash program_root;
    struct hash data_root;
    struct hash data_id;
    uint8_t *state[3]; /* first state by enum vm_group, heap */
    uint64_t state_size[3];
    struct hash state_root[3];
    struct blob_exchange *exchange;
    uint32_t dialed_version; /* plan version whose members are dialed */
    uint32_t rounds_told;
    uint64_t rounds_ms; /* ledger time that the told rounds took */
    bool has_theta;
    struct hash theta_root; /* of theta */
    float *theta;
};

/* post.c: roots, first state; then program, data set and request on the chain, each where
 * it is missing. */
MUST_USE bool post_init(struct job_work *work, const struct job_config *config,
                        struct error *error);
void post_free(struct job_work *work);
MUST_USE bool post_all(struct job_work *work, struct error *error);

/* serve.c: sessions to the members, the blobs they need, the state they reached. */
MUST_USE bool serve_open(struct job_work *work, struct error *error);
MUST_USE bool serve_dial(struct job_work *work, const struct job_status *status,
                         struct error *error);
MUST_USE bool serve_fetch(struct job_work *work, const struct hash *theta_root,
                          struct error *error);
MUST_USE bool serve_save(struct job_work *work, const struct job_status *status,
                         struct error *error);

#endif /* CLIENT_JOB_POST_H */
