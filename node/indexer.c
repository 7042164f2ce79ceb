#include "node/indexer.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"

/* The ring of recent transactions answers for those that are not here yet. */
enum { FOLLOW_EVERY_MS = 250 };

struct indexer {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stopped;
    struct store *store;
    struct index *index;
};

/* Waits a moment, or less when it is stopped; false: stopped. */
static bool go_on(struct indexer *indexer, bool wait)
{
    struct timespec until;
    (void)pthread_mutex_lock(&indexer->lock);
    if (wait && !indexer->stopped) {
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += FOLLOW_EVERY_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        (void)pthread_cond_timedwait(&indexer->changed, &indexer->lock, &until);
    }
    const bool on = !indexer->stopped;
    (void)pthread_mutex_unlock(&indexer->lock);
    return on;
}

static void *run(void *context)
{
    struct indexer *indexer = context;
    struct error error;
    bool more = true;
    while (go_on(indexer, !more)) {
        if (!index_follow(indexer->index, indexer->store, &more, &error)) {
            log_line(LOG_ODD, "index", "%s; it stays at height %llu until the next start",
                     error.detail, (unsigned long long)index_height(indexer->index));
            return NULL;
        }
    }
    return NULL;
}

/* Open and of this chain; else *useless says whether a new one would do. */
static bool open_once(const struct index_options *options, struct store *store, struct index **out,
                      bool *useless, struct error *error)
{
    *useless = false;
    if (!index_open(options, out, error)) {
        *useless = error->code == EXIT_CODE_CORRUPT || error->code == EXIT_CODE_BAD_GENESIS ||
                   error->code == EXIT_CODE_BAD_VERSION;
        return false;
    }
    const enum store_answer fits = index_fits(*out, store, error);
    if (fits == STORE_FOUND) {
        return true;
    }
    *useless = fits == STORE_ABSENT;
    if (*useless) {
        (void)error_set(error, EXIT_CODE_NOT_FOUND, "index.db followed another chain.db");
    }
    index_close(*out);
    return false;
}

static bool open_index(const struct index_options *options, struct store *store, struct index **out,
                       struct error *error)
{
    bool useless = false;
    if (open_once(options, store, out, &useless, error)) {
        return true;
    }
    if (!useless) {
        return false;
    }
    log_line(LOG_ODD, "index", "%s; it is made anew from the blocks", error->detail);
    return index_remove(options->dir, error) && open_once(options, store, out, &useless, error);
}

static bool start(struct indexer *indexer)
{
    pthread_condattr_t clock;
    (void)pthread_mutex_init(&indexer->lock, NULL);
    (void)pthread_condattr_init(&clock);
    (void)pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&indexer->changed, &clock);
    (void)pthread_condattr_destroy(&clock);
    return pthread_create(&indexer->thread, NULL, run, indexer) == 0;
}

struct indexer *indexer_new(struct store *store, const struct store_options *options)
{
    const struct index_options own = {.dir = options->dir,
                                      .chain_id = options->chain_id,
                                      .reserve_bytes = options->reserve_bytes};
    struct error error;
    struct indexer *indexer = calloc(1, sizeof(*indexer));
    if (indexer == NULL) {
        return NULL;
    }
    indexer->store = store;
    if (!open_index(&own, store, &indexer->index, &error)) {
        log_line(LOG_ODD, "index", "%s; old transactions are not found by their id", error.detail);
        free(indexer);
        return NULL;
    }
    if (!start(indexer)) {
        log_line(LOG_ODD, "index", "no thread; old transactions are not found by their id");
        index_close(indexer->index);
        free(indexer);
        return NULL;
    }
    return indexer;
}

void indexer_free(struct indexer *indexer)
{
    if (indexer == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&indexer->lock);
    indexer->stopped = true;
    (void)pthread_cond_broadcast(&indexer->changed);
    (void)pthread_mutex_unlock(&indexer->lock);
    (void)pthread_join(indexer->thread, NULL);
    (void)pthread_cond_destroy(&indexer->changed);
    (void)pthread_mutex_destroy(&indexer->lock);
    index_close(indexer->index);
    free(indexer);
}

bool indexer_find(const struct indexer *indexer, const struct hash *id, struct api_answer *out)
{
    struct index_place place;
    struct error error;
    if (indexer == NULL || index_find(indexer->index, id, &place, &error) != STORE_FOUND) {
        return false;
    }
    out->height = place.height;
    out->index = place.number;
    return true;
}

bool indexer_list(const struct indexer *indexer, const struct api_request *request,
                  struct api_answer *out)
{
    static struct index_place places[API_PLACE_MAX]; /* 12 KB; the driver's thread only */
    struct index_page page = {.sender = request->sender,
                              .below_height = request->height,
                              .below_number = request->number,
                              .places = places,
                              .max = API_PLACE_MAX};
    struct error error;
    if (indexer == NULL) {
        return false;
    }
    out->height = index_height(indexer->index);
    if (!index_list(indexer->index, &page, &error)) {
        return false;
    }
    out->place_count = page.count;
    for (uint32_t i = 0; i < page.count; i++) {
        out->places[i] = (struct api_place){
            .height = places[i].height, .number = places[i].number, .id = places[i].id};
    }
    return true;
}
