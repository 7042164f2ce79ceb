#include "node/shard/coder.h"

#include <pthread.h>
#include <stdlib.h>

struct queue {
    struct coder_job *first, *last;
};

struct coder {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stopping;
    bool joined;
    struct queue open, done;
};

static void queue_add(struct queue *queue, struct coder_job *job)
{
    job->next = NULL;
    if (queue->last == NULL) {
        queue->first = job;
    } else {
        queue->last->next = job;
    }
    queue->last = job;
}

static struct coder_job *queue_take(struct queue *queue)
{
    struct coder_job *job = queue->first;
    if (job != NULL) {
        queue->first = job->next;
        queue->last = queue->first == NULL ? NULL : queue->last;
        job->next = NULL;
    }
    return job;
}

void coder_run(struct coder_job *job)
{
    if (job->kind == CODER_RESTORE) {
        job->verdict = shard_restore(&job->code, &job->root, job->present, job->room, &job->leaves);
        return;
    }
    job->verdict = shard_encode(&job->code, job->block, job->room) ? SHARD_AVAILABLE : SHARD_MEMORY;
    if (job->verdict == SHARD_AVAILABLE) {
        shard_leaves_hash(&job->code, job->room, &job->leaves);
        shard_root(&job->code, &job->leaves, &job->root);
    }
}

static void *run(void *context)
{
    struct coder *coder = context;
    (void)pthread_mutex_lock(&coder->lock);
    while (!coder->stopping) {
        struct coder_job *job = queue_take(&coder->open);
        if (job == NULL) {
            (void)pthread_cond_wait(&coder->changed, &coder->lock);
            continue;
        }
        (void)pthread_mutex_unlock(&coder->lock);
        coder_run(job);
        (void)pthread_mutex_lock(&coder->lock);
        queue_add(&coder->done, job);
    }
    (void)pthread_mutex_unlock(&coder->lock);
    return NULL;
}

struct coder *coder_new(void)
{
    struct coder *coder = calloc(1, sizeof(*coder));
    if (coder == NULL) {
        return NULL;
    }
    (void)pthread_mutex_init(&coder->lock, NULL);
    (void)pthread_cond_init(&coder->changed, NULL);
    if (pthread_create(&coder->thread, NULL, run, coder) != 0) {
        free(coder);
        return NULL;
    }
    return coder;
}

void coder_stop(struct coder *coder)
{
    (void)pthread_mutex_lock(&coder->lock);
    coder->stopping = true;
    (void)pthread_cond_broadcast(&coder->changed);
    (void)pthread_mutex_unlock(&coder->lock);
    if (!coder->joined) {
        (void)pthread_join(coder->thread, NULL);
        coder->joined = true;
    }
}

void coder_free(struct coder *coder)
{
    if (coder == NULL) {
        return;
    }
    ASSERT(coder->joined && coder->open.first == NULL && coder->done.first == NULL);
    (void)pthread_cond_destroy(&coder->changed);
    (void)pthread_mutex_destroy(&coder->lock);
    free(coder);
}

void coder_submit(struct coder *coder, struct coder_job *job)
{
    (void)pthread_mutex_lock(&coder->lock);
    queue_add(&coder->open, job);
    (void)pthread_cond_broadcast(&coder->changed);
    (void)pthread_mutex_unlock(&coder->lock);
}

struct coder_job *coder_take(struct coder *coder)
{
    (void)pthread_mutex_lock(&coder->lock);
    struct coder_job *job = queue_take(&coder->done);
    if (job == NULL && coder->joined) {
        job = queue_take(&coder->open);
    }
    (void)pthread_mutex_unlock(&coder->lock);
    return job;
}
