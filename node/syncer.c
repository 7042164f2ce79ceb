#include "node/syncer.h"

#include <pthread.h>
#include <stdlib.h>

enum work { WORK_NONE, WORK_ASKED, WORK_DONE, WORK_STOP };

struct syncer {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum work work;
    bool ok;
    struct error error;
    struct journal *journal;
};

static void *run(void *context)
{
    struct syncer *syncer = context;
    (void)pthread_mutex_lock(&syncer->lock);
    while (syncer->work != WORK_STOP) {
        if (syncer->work == WORK_ASKED) {
            syncer->ok = journal_sync(syncer->journal, &syncer->error);
            syncer->work = WORK_DONE;
            (void)pthread_cond_broadcast(&syncer->changed);
        } else {
            (void)pthread_cond_wait(&syncer->changed, &syncer->lock);
        }
    }
    (void)pthread_mutex_unlock(&syncer->lock);
    return NULL;
}

struct syncer *syncer_new(struct journal *journal)
{
    struct syncer *syncer = calloc(1, sizeof(*syncer));
    if (syncer == NULL) {
        return NULL;
    }
    syncer->journal = journal;
    (void)pthread_mutex_init(&syncer->lock, NULL);
    (void)pthread_cond_init(&syncer->changed, NULL);
    if (pthread_create(&syncer->thread, NULL, run, syncer) != 0) {
        free(syncer);
        return NULL;
    }
    return syncer;
}

static void set_work(struct syncer *syncer, enum work work)
{
    (void)pthread_mutex_lock(&syncer->lock);
    syncer->work = work;
    (void)pthread_cond_broadcast(&syncer->changed);
    (void)pthread_mutex_unlock(&syncer->lock);
}

void syncer_free(struct syncer *syncer)
{
    if (syncer == NULL) {
        return;
    }
    set_work(syncer, WORK_STOP);
    (void)pthread_join(syncer->thread, NULL);
    (void)pthread_cond_destroy(&syncer->changed);
    (void)pthread_mutex_destroy(&syncer->lock);
    free(syncer);
}

void syncer_start(struct syncer *syncer)
{
    set_work(syncer, WORK_ASKED);
}

bool syncer_wait(struct syncer *syncer, struct error *error)
{
    (void)pthread_mutex_lock(&syncer->lock);
    while (syncer->work == WORK_ASKED) {
        (void)pthread_cond_wait(&syncer->changed, &syncer->lock);
    }
    syncer->work = WORK_NONE;
    const bool ok = syncer->ok;
    if (!ok) {
        *error = syncer->error;
    }
    (void)pthread_mutex_unlock(&syncer->lock);
    return ok;
}
