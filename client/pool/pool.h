#ifndef CLIENT_POOL_POOL_H
#define CLIENT_POOL_POOL_H

#include <stdint.h>

#include "base/assert.h"

/* A few threads that share the work items of one operator at a time.
 *
 * The caller's own thread is lane 0 and works too, so a pool of 1 starts no thread.  Between
 * batches the threads spin for some microseconds (operators follow each other closely) and
 * then sleep.  Which thread runs an item is left to chance; the tensor VM's items are made
 * so that it cannot matter. */

struct pool;

/* threads 1 .. POOL_THREADS_MAX; NULL when the system has no more threads or memory. */
enum { POOL_THREADS_MAX = 64 };
MUST_USE struct pool *pool_new(uint32_t threads);
void pool_free(struct pool *pool); /* ends and joins the threads; NULL is legal */

uint32_t pool_threads(const struct pool *pool);

/* Run work(context, item, lane) for every item < count, each once; returns when all are
 * done.  lane < threads, and no two items run at the same time in one lane. */
void pool_run(struct pool *pool, void (*work)(void *context, uint32_t item, uint32_t lane),
              void *context, uint32_t count);

#endif /* CLIENT_POOL_POOL_H */
