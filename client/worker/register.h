#ifndef CLIENT_WORKER_REGISTER_H
#define CLIENT_WORKER_REGISTER_H

#include "client/worker/task.h"

/* The node and one open COMPUTE offer of this worker, made where they are missing; an open
 * offer of other terms (price, speed, memory, threads) is withdrawn and made anew. */
MUST_USE bool register_all(struct worker *worker, struct error *error);

/* Bytes that a lease may take. */
uint64_t worker_memory_max(const struct worker_config *config);

#endif /* CLIENT_WORKER_REGISTER_H */
