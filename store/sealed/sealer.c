#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "store/sealed/sealed.h"

enum { REST_MS = 1000 };

struct sealer {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t stopped;
    bool stop;
    struct store *store;
    struct sealed_policy policy;
    char said[ERROR_DETAIL_MAX]; /* what could not be done, once in the log */
};

/* False: to be stopped. */
static bool rest(struct sealer *sealer)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += REST_MS / 1000;
    (void)pthread_mutex_lock(&sealer->lock);
    int waited = 0;
    while (!sealer->stop && waited != ETIMEDOUT) {
        waited = pthread_cond_timedwait(&sealer->stopped, &sealer->lock, &until);
    }
    const bool stop = sealer->stop;
    (void)pthread_mutex_unlock(&sealer->lock);
    return !stop;
}

static void report(const struct sealed_step *step)
{
    static const char *const what[] = {
        [SEALED_WRITTEN] = "sealed",
        [SEALED_MOVED] = "moved out of chain.db",
        [SEALED_THROWN] = "a file that did not verify was deleted",
        [SEALED_UNLINKED] = "pruned",
    };
    if (step->done != SEALED_NOTHING) {
        log_line(step->done == SEALED_THROWN ? LOG_ODD : LOG_INFO, "history",
                 "%s heights=%llu-%llu", what[step->done], (unsigned long long)step->first,
                 (unsigned long long)step->last);
    }
}

/* False: damage, so that no other step is made. */
static bool one_step(struct sealer *sealer)
{
    struct sealed_step step;
    struct error error;
    if (sealed_step(sealer->store, &sealer->policy, &step, &error)) {
        report(&step);
        sealer->said[0] = '\0';
        return true;
    }
    const bool harmless = error.code == EXIT_CODE_DISK_FULL || error.code == EXIT_CODE_STORAGE;
    if (strcmp(sealer->said, error.detail) != 0) {
        log_line(harmless ? LOG_ODD : LOG_FAULT, "history", "%s", error.detail);
        memcpy(sealer->said, error.detail, sizeof(sealer->said));
    }
    return harmless;
}

static void *run(void *context)
{
    struct sealer *sealer = context;
    bool working = true;
    while (rest(sealer)) {
        working = working && one_step(sealer);
    }
    return NULL;
}

struct sealer *sealer_start(struct store *store, const struct sealed_policy *policy)
{
    pthread_condattr_t monotonic;
    struct sealer *sealer = calloc(1, sizeof(*sealer));
    if (sealer == NULL) {
        return NULL;
    }
    sealer->store = store;
    sealer->policy = *policy;
    (void)pthread_mutex_init(&sealer->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&sealer->stopped, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    if (pthread_create(&sealer->thread, NULL, run, sealer) != 0) {
        free(sealer);
        return NULL;
    }
    return sealer;
}

void sealer_stop(struct sealer *sealer)
{
    if (sealer == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&sealer->lock);
    sealer->stop = true;
    (void)pthread_cond_broadcast(&sealer->stopped);
    (void)pthread_mutex_unlock(&sealer->lock);
    (void)pthread_join(sealer->thread, NULL);
    (void)pthread_cond_destroy(&sealer->stopped);
    (void)pthread_mutex_destroy(&sealer->lock);
    free(sealer);
}
