#include "client/pool/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

/* How often a thread looks for new work before it sleeps: some 20 microseconds. */
enum { SPIN_MAX = 1 << 10 };

struct lane {
    struct pool *pool;
    pthread_t thread;
    uint32_t number;
};

/* A batch is announced by raising `generation` under the lock.  Every thread answers every
 * generation, so the batch's fields are stable while anyone may read them. */
struct pool {
    struct lane lanes[POOL_THREADS_MAX];
    uint32_t threads;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    _Atomic uint32_t generation;
    _Atomic uint32_t next;    /* item to be taken */
    _Atomic uint32_t running; /* threads that have not answered this generation */
    _Atomic bool closing;
    void (*work)(void *context, uint32_t item, uint32_t lane);
    void *context;
    uint32_t count;
};

static void pause_briefly(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

static void items_run(struct pool *pool, uint32_t lane)
{
    for (;;) {
        const uint32_t item = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed);
        if (item >= pool->count) {
            return;
        }
        pool->work(pool->context, item, lane);
    }
}

static void generation_wait(struct pool *pool, uint32_t seen)
{
    for (uint32_t i = 0; i < SPIN_MAX; i++) {
        if (atomic_load_explicit(&pool->generation, memory_order_acquire) != seen) {
            return;
        }
        pause_briefly();
    }
    (void)pthread_mutex_lock(&pool->lock);
    while (atomic_load_explicit(&pool->generation, memory_order_acquire) == seen) {
        (void)pthread_cond_wait(&pool->wake, &pool->lock);
    }
    (void)pthread_mutex_unlock(&pool->lock);
}

static void *lane_main(void *argument)
{
    struct lane *lane = argument;
    struct pool *pool = lane->pool;
    uint32_t seen = 0;
    for (;;) {
        generation_wait(pool, seen);
        seen++;
        if (atomic_load_explicit(&pool->closing, memory_order_relaxed)) {
            return NULL;
        }
        items_run(pool, lane->number);
        atomic_fetch_sub_explicit(&pool->running, 1, memory_order_release);
    }
}

static void generation_raise(struct pool *pool)
{
    (void)pthread_mutex_lock(&pool->lock);
    atomic_fetch_add_explicit(&pool->generation, 1, memory_order_release);
    (void)pthread_cond_broadcast(&pool->wake);
    (void)pthread_mutex_unlock(&pool->lock);
}

struct pool *pool_new(uint32_t threads)
{
    ASSERT(threads >= 1 && threads <= POOL_THREADS_MAX);
    struct pool *pool = calloc(1, sizeof *pool);
    if (pool == NULL) {
        return NULL;
    }
    pool->threads = 1;
    (void)pthread_mutex_init(&pool->lock, NULL);
    (void)pthread_cond_init(&pool->wake, NULL);
    for (uint32_t i = 1; i < threads; i++) {
        pool->lanes[i] = (struct lane){.pool = pool, .number = i};
        if (pthread_create(&pool->lanes[i].thread, NULL, lane_main, &pool->lanes[i]) != 0) {
            pool_free(pool);
            return NULL;
        }
        pool->threads++;
    }
    return pool;
}

void pool_free(struct pool *pool)
{
    if (pool == NULL) {
        return;
    }
    atomic_store_explicit(&pool->closing, true, memory_order_relaxed);
    generation_raise(pool);
    for (uint32_t i = 1; i < pool->threads; i++) {
        (void)pthread_join(pool->lanes[i].thread, NULL);
    }
    (void)pthread_mutex_destroy(&pool->lock);
    (void)pthread_cond_destroy(&pool->wake);
    free(pool);
}

uint32_t pool_threads(const struct pool *pool)
{
    return pool->threads;
}

void pool_run(struct pool *pool, void (*work)(void *context, uint32_t item, uint32_t lane),
              void *context, uint32_t count)
{
    if (pool->threads == 1 || count < 2) {
        for (uint32_t item = 0; item < count; item++) {
            work(context, item, 0);
        }
        return;
    }
    pool->work = work;
    pool->context = context;
    pool->count = count;
    atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
    atomic_store_explicit(&pool->running, pool->threads - 1, memory_order_relaxed);
    generation_raise(pool);
    items_run(pool, 0);
    uint32_t spins = 0;
    while (atomic_load_explicit(&pool->running, memory_order_acquire) != 0) {
        if (++spins < SPIN_MAX) {
            pause_briefly();
        } else {
            struct timespec moment = {.tv_nsec = 20000};
            (void)nanosleep(&moment, NULL);
        }
    }
}
