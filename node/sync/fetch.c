#include <pthread.h>
#include <stdlib.h>

#include <sys/statvfs.h>

#include "base/log.h"
#include "node/sync/ask.h"

/* Chunks from all sources at once: a thread for each, one question under way in each. */

/* A source that does not answer keeps its part from the others and the end of all, so once is
 * enough: when nobody is left, everybody is asked again. */
enum { BUSY_MS = 200, BUSY_MAX = 100 };
enum part_state { PART_WANTED, PART_ASKED, PART_THERE };

#define NO_PART UINT32_MAX

struct pool {
    const struct sync_fetch *fetch;
    pthread_mutex_t lock; /* all below */
    pthread_cond_t changed;
    uint8_t *parts; /* enum part_state */
    uint32_t count;
    uint32_t there;
    bool manifest_lied;
    bool failed;
    struct error error;
};

struct worker {
    struct pool *pool;
    struct sync_source *source;
    uint32_t part; /* asked for now */
    pthread_t thread;
    bool running;
};

static bool is_over(struct pool *pool)
{
    return pool->manifest_lied || pool->failed || pool->there == pool->count ||
           pool->fetch->stopped();
}

static uint32_t find_wanted(const struct pool *pool)
{
    uint32_t i = 0;
    while (i < pool->count && pool->parts[i] != PART_WANTED) {
        i++;
    }
    return i < pool->count ? i : NO_PART;
}

/* A part to ask for; NO_PART when it is over.  What another asks for may become free again. */
static uint32_t take(struct pool *pool)
{
    (void)pthread_mutex_lock(&pool->lock);
    uint32_t part = NO_PART;
    while (!is_over(pool) && part == NO_PART) {
        part = find_wanted(pool);
        if (part == NO_PART) {
            (void)pthread_cond_wait(&pool->changed, &pool->lock);
        }
    }
    if (part != NO_PART) {
        pool->parts[part] = PART_ASKED;
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return part;
}

static void give_back(struct pool *pool, uint32_t part, enum part_state state)
{
    (void)pthread_mutex_lock(&pool->lock);
    pool->parts[part] = (uint8_t)state;
    pool->there += state == PART_THERE ? 1 : 0;
    (void)pthread_cond_broadcast(&pool->changed);
    (void)pthread_mutex_unlock(&pool->lock);
}

/* The restore itself needs as much again; the store looks after that. */
static bool has_room(const struct store_options *options, struct error *error)
{
    struct statvfs disk;
    if (statvfs(options->dir, &disk) != 0) {
        return error_set(error, EXIT_CODE_STORE, "%.200s: cannot be looked at", options->dir);
    }
    const uint64_t free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
    return free_bytes >= options->reserve_bytes + SNAPSHOT_CHUNK_SIZE_MAX ||
           error_set(
               error, EXIT_CODE_DISK_FULL,
               "%.200s: no room for the state above disk_reserve_mib; free space, start again",
               options->dir);
}

/* Judge and keep what was given; whether the source may be asked on. */
static bool keep(struct worker *worker)
{
    struct pool *pool = worker->pool;
    struct sync_source *source = worker->source;
    enum snapshot_verdict verdict = SNAPSHOT_OK;
    struct error error;
    const bool put = has_room(pool->fetch->options, &error) &&
                     snapshot_folder_put(pool->fetch->folder, worker->part, source->answer.body,
                                         &verdict, &error);
    sync_ask_end(source);
    if (put) {
        give_back(pool, worker->part, PART_THERE);
        return true;
    }
    (void)pthread_mutex_lock(&pool->lock);
    pool->manifest_lied = pool->manifest_lied || verdict == SNAPSHOT_SIZES;
    if (verdict == SNAPSHOT_OK) {
        pool->failed = true;
        pool->error = error;
    }
    (void)pthread_mutex_unlock(&pool->lock);
    if (verdict != SNAPSHOT_OK && verdict != SNAPSHOT_SIZES) {
        sync_ban(source, "a chunk that is not the state's");
    }
    give_back(pool, worker->part, PART_WANTED);
    return false;
}

/* One part from this source; whether to go on with it. */
static bool fetch_part(struct worker *worker)
{
    const struct sync_fetch *fetch = worker->pool->fetch;
    const struct snapshot_manifest *manifest = snapshot_folder_manifest(fetch->folder);
    const struct snapshot_part part = snapshot_part_at(manifest, worker->part);
    const struct api_request request = {
        .kind = API_CHUNK, .height = manifest->height, .hash = part.prefix, .depth = part.depth};
    enum sync_reply reply = SYNC_BUSY;
    for (uint32_t i = 0; reply == SYNC_BUSY && i < BUSY_MAX && !fetch->stopped(); i++) {
        reply = sync_ask(fetch->asker, worker->source, &request);
        if (reply == SYNC_BUSY) {
            sync_wait_ms(BUSY_MS);
        }
    }
    if (reply == SYNC_GIVEN) {
        return keep(worker);
    }
    log_line(LOG_INFO, "sync", "nothing from validator %u at height=%llu",
             worker->source->peer.validator, (unsigned long long)manifest->height);
    give_back(worker->pool, worker->part, PART_WANTED);
    return false;
}

static void *run(void *context)
{
    struct worker *worker = context;
    bool more = true;
    while (more && worker->part != NO_PART) {
        more = fetch_part(worker);
        worker->part = more ? take(worker->pool) : NO_PART;
    }
    (void)pthread_mutex_lock(&worker->pool->lock);
    (void)pthread_cond_broadcast(&worker->pool->changed);
    (void)pthread_mutex_unlock(&worker->pool->lock);
    return NULL;
}

/* What the folder has already, of this height or another one. */
static bool look(struct pool *pool, struct error *error)
{
    struct snapshot_folder *folder = pool->fetch->folder;
    for (uint32_t i = 0; i < pool->count && !pool->fetch->stopped(); i++) {
        struct store_buffer chunk = {0};
        const enum store_answer answer = snapshot_folder_get(folder, i, &chunk, error);
        store_buffer_free(&chunk);
        if (answer == STORE_FOUND) {
            pool->parts[i] = PART_THERE;
            pool->there++;
        } else if (answer == STORE_FAILED && error->code == EXIT_CODE_VERIFY) {
            snapshot_folder_drop(folder, i);
        } else if (answer == STORE_FAILED) {
            return false;
        }
    }
    return true;
}

/* Every source begins with a part of its own, so that all are asked. */
static void run_all(struct pool *pool)
{
    struct worker workers[SYNC_SOURCE_MAX] = {{0}};
    for (uint32_t i = 0; i < pool->fetch->source_count; i++) {
        struct worker *worker = &workers[i];
        (void)pthread_mutex_lock(&pool->lock);
        const uint32_t part = find_wanted(pool);
        const struct sync_source *source = &pool->fetch->sources[i];
        const bool wanted = part != NO_PART && !source->banned && !source->silent;
        if (wanted) {
            pool->parts[part] = PART_ASKED;
        }
        (void)pthread_mutex_unlock(&pool->lock);
        *worker = (struct worker){.pool = pool, .source = &pool->fetch->sources[i], .part = part};
        worker->running = wanted && pthread_create(&worker->thread, NULL, run, worker) == 0;
        if (wanted && !worker->running) {
            give_back(pool, part, PART_WANTED);
        }
    }
    for (uint32_t i = 0; i < SYNC_SOURCE_MAX; i++) {
        if (workers[i].running) {
            (void)pthread_join(workers[i].thread, NULL);
        }
    }
}

enum sync_fetched sync_fetch(const struct sync_fetch *fetch, struct error *error)
{
    struct pool pool = {.fetch = fetch,
                        .count = snapshot_folder_manifest(fetch->folder)->part_count};
    pool.parts = calloc(pool.count + 1, sizeof(*pool.parts));
    ASSERT(pool.parts != NULL);
    (void)pthread_mutex_init(&pool.lock, NULL);
    (void)pthread_cond_init(&pool.changed, NULL);
    const bool looked = look(&pool, error);
    if (looked) {
        run_all(&pool);
    }
    if (pool.failed) {
        *error = pool.error;
    }
    log_line(LOG_INFO, "sync", "chunks %u of %u", pool.there, pool.count);
    (void)pthread_cond_destroy(&pool.changed);
    (void)pthread_mutex_destroy(&pool.lock);
    free(pool.parts);
    if (!looked || pool.failed) {
        return SYNC_FAILED;
    }
    if (pool.manifest_lied) {
        return SYNC_MANIFEST;
    }
    return pool.there == pool.count ? SYNC_ALL : SYNC_SOME;
}
