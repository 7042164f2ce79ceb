#ifndef CLIENT_WORKER_REGISTER_H
#define CLIENT_WORKER_REGISTER_H

#include "client/worker/task.h"

/* The node and one open COMPUTE offer of this worker, made where they are missing. */
MUST_USE bool register_all(struct worker *worker, struct error *error);

#endif /* CLIENT_WORKER_REGISTER_H */
