#ifndef CLIENT_WORKER_REGISTER_H
#define CLIENT_WORKER_REGISTER_H

#include "client/worker/task.h"

/* The node and one open COMPUTE offer of this worker, made where they are missing; an open
 * offer of other terms (price, speed, memory, threads) is withdrawn and made anew. */
MUST_USE bool register_all(struct worker *worker, struct error *error);

/* Of a worker that has registered: a new offer for one that the chain closed because its lease
 * expired.  One that was withdrawn stays withdrawn, which is logged once. */
MUST_USE bool register_again(struct worker *worker, struct error *error);

/* Bytes that a lease may take. */
uint64_t worker_memory_max(const struct worker_config *config);

/* The end of a worker that ends in order: its offer is withdrawn if it is to be. */
MUST_USE bool register_end(struct worker *worker, struct error *error);

#endif /* CLIENT_WORKER_REGISTER_H */
