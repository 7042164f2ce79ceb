#include "node/sync/serving.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "node/sync/sync.h"

/* A state that is held. */
struct held {
    struct snapshot_source *source; /* NULL: free */
    struct store_buffer manifest;   /* once it is made ... */
    struct snapshot_manifest parts; /* ... and what it says */
    uint64_t begun_ms;
    uint64_t used_ms;
};

/* One that newcomers are given, which strangers cannot push out, and one of the height that
 * somebody asked for who has another node's manifest. */
enum { HELD_OFFERED, HELD_ASKED, HELD_COUNT };

/* Bytes charged for opening a past height, which reads undo records. */
enum { OPEN_COST = 4 * SNAPSHOT_CHUNK_SIZE };

enum cutting { CUTTING_NONE, CUTTING_UNDER_WAY, CUTTING_DONE };

struct sync_serving {
    struct store *store;
    struct held held[HELD_COUNT];
    uint64_t tried_ms[HELD_COUNT]; /* the last attempt to open one; 0: none */
    uint64_t read;                 /* by the answer under way */
    /* The thread that makes a manifest, at most one; others read its fields when DONE. */
    pthread_t thread;
    struct held *cut;
    atomic_int cutting; /* enum cutting */
    atomic_bool stop;
    bool cut_made;
    struct store_buffer made;
    struct snapshot_manifest made_parts; /* points into it */
    struct error error;
};

struct sync_serving *sync_serving_new(struct store *store)
{
    struct sync_serving *serving = calloc(1, sizeof(*serving));
    if (serving != NULL) {
        serving->store = store;
    }
    return serving;
}

static void held_free(struct held *held)
{
    snapshot_source_close(held->source);
    store_buffer_free(&held->manifest);
    *held = (struct held){.source = NULL};
}

/* Take over what the thread has made. */
static void cut_end(struct sync_serving *serving)
{
    (void)pthread_join(serving->thread, NULL);
    atomic_store(&serving->cutting, CUTTING_NONE);
    if (!serving->cut_made) {
        log_line(LOG_ODD, "sync", "no snapshot: %s", serving->error.detail);
        held_free(serving->cut);
    } else {
        serving->cut->manifest = serving->made;
        serving->cut->parts = serving->made_parts;
        log_line(LOG_INFO, "sync", "snapshot height=%llu",
                 (unsigned long long)snapshot_source_height(serving->cut->source));
    }
    serving->cut = NULL;
    serving->made = (struct store_buffer){0};
}

void sync_serving_free(struct sync_serving *serving)
{
    if (serving == NULL) {
        return;
    }
    atomic_store(&serving->stop, true);
    if (atomic_load(&serving->cutting) != CUTTING_NONE) {
        cut_end(serving);
    }
    for (size_t i = 0; i < HELD_COUNT; i++) {
        held_free(&serving->held[i]);
    }
    free(serving);
}

static void *cut_run(void *context)
{
    struct sync_serving *serving = context;
    serving->cut_made = snapshot_source_manifest(serving->cut->source, &serving->stop,
                                                 &serving->made, &serving->error);
    if (serving->cut_made &&
        snapshot_manifest_decode(bytes_of(serving->made.data, serving->made.size),
                                 &serving->made_parts) != SNAPSHOT_OK) {
        store_buffer_free(&serving->made);
        serving->cut_made =
            error_set(&serving->error, EXIT_CODE_CORRUPT, "its own manifest is not sound");
    }
    atomic_store(&serving->cutting, CUTTING_DONE);
    return NULL;
}

void sync_serving_poll(struct sync_serving *serving, uint64_t now_ms)
{
    if (atomic_load(&serving->cutting) == CUTTING_DONE) {
        cut_end(serving);
    }
    for (size_t i = 0; i < HELD_COUNT; i++) {
        struct held *held = &serving->held[i];
        if (held->source != NULL && held != serving->cut &&
            (now_ms - held->used_ms > SYNC_HELD_IDLE_MS ||
             now_ms - held->begun_ms > SYNC_HELD_MS)) {
            held_free(held);
        }
    }
}

static struct held *held_find(struct sync_serving *serving, uint64_t height)
{
    for (size_t i = 0; i < HELD_COUNT; i++) {
        struct held *held = &serving->held[i];
        if (held->source != NULL && snapshot_source_height(held->source) == height) {
            return held;
        }
    }
    return NULL;
}

/* Few attempts to open one: each reads undo records or blocks, whether it succeeds or not. */
static bool may_try(struct sync_serving *serving, size_t place, uint64_t now_ms)
{
    const uint64_t last = serving->tried_ms[place];
    if (last != 0 && now_ms - last < SYNC_ASKED_IDLE_MS) {
        return false;
    }
    serving->tried_ms[place] = now_ms;
    return true;
}

static bool held_open(struct sync_serving *serving, struct held *held, uint64_t height,
                      uint64_t now_ms)
{
    struct error error;
    const enum store_answer answer =
        snapshot_source_open(serving->store, height, &held->source, &error);
    if (answer == STORE_FAILED) {
        log_line(LOG_ODD, "sync", "no snapshot: %s", error.detail);
    }
    held->begun_ms = now_ms;
    return answer == STORE_FOUND;
}

/* The state after a height, held from now on.  QUOTA when another one is asked for. */
static enum exit_code held_take(struct sync_serving *serving, uint64_t height, uint64_t now_ms,
                                struct held **out)
{
    struct held *held = held_find(serving, height);
    if (height < SYNC_HEIGHT_MIN) {
        return EXIT_CODE_NOT_FOUND;
    }
    if (held == NULL) {
        held = &serving->held[HELD_ASKED];
        if (held->source != NULL &&
            (held == serving->cut || now_ms - held->used_ms < SYNC_ASKED_IDLE_MS)) {
            return EXIT_CODE_QUOTA;
        }
        if (!may_try(serving, HELD_ASKED, now_ms)) {
            return EXIT_CODE_QUOTA;
        }
        held_free(held);
        serving->read += OPEN_COST;
        if (!held_open(serving, held, height, now_ms)) {
            return EXIT_CODE_NOT_FOUND;
        }
    }
    held->used_ms = now_ms;
    *out = held;
    return EXIT_CODE_OK;
}

/* The manifest of what is held, or begin to make it. */
static enum exit_code manifest_of(struct sync_serving *serving, struct held *held,
                                  struct store_buffer *out)
{
    if (held->manifest.data != NULL) {
        out->data = malloc(held->manifest.size);
        out->size = held->manifest.size;
        if (out->data == NULL) {
            return EXIT_CODE_QUOTA;
        }
        memcpy(out->data, held->manifest.data, out->size);
        return EXIT_CODE_OK;
    }
    if (atomic_load(&serving->cutting) == CUTTING_NONE) {
        serving->cut = held;
        atomic_store(&serving->cutting, CUTTING_UNDER_WAY);
        if (pthread_create(&serving->thread, NULL, cut_run, serving) != 0) {
            atomic_store(&serving->cutting, CUTTING_NONE);
            serving->cut = NULL;
        }
    }
    return EXIT_CODE_QUOTA;
}

/* The anchor of a height; what does not fit an answer is not read to its end. */
static enum store_answer anchor_read(struct sync_serving *serving, uint64_t height,
                                     struct store_buffer *out)
{
    struct error error;
    const enum store_answer answer =
        sync_anchor_read(serving->store, height, SYNC_ANCHOR_ANSWER_MAX, out, &error);
    serving->read += answer == STORE_FOUND ? out->size : FRAME_SIZE_MAX;
    if (answer == STORE_FAILED) {
        log_line(LOG_ODD, "sync", "no anchor: %s", error.detail);
    }
    return answer;
}

/* The newest of a few heights that can be proven in one answer; 0: none. */
static uint64_t find_newest(struct sync_serving *serving)
{
    struct store_status status;
    store_status(serving->store, &status);
    for (uint64_t back = 1; back <= SYNC_OFFER_TRIES; back++) {
        struct store_buffer anchor = {0};
        if (status.applied_height < back + SYNC_HEIGHT_MIN) {
            return 0;
        }
        const bool there =
            anchor_read(serving, status.applied_height - back, &anchor) == STORE_FOUND;
        store_buffer_free(&anchor);
        if (there) {
            return status.applied_height - back;
        }
    }
    return 0;
}

/* The state for newcomers: the one that is offered, until sync_serving_poll lets it go. */
static enum exit_code held_offer(struct sync_serving *serving, uint64_t now_ms, struct held **out)
{
    struct held *held = &serving->held[HELD_OFFERED];
    if (held->source == NULL) {
        const uint64_t height = may_try(serving, HELD_OFFERED, now_ms) ? find_newest(serving) : 0;
        if (height == 0 || !held_open(serving, held, height, now_ms)) {
            return EXIT_CODE_NOT_FOUND;
        }
    }
    held->used_ms = now_ms;
    *out = held;
    return EXIT_CODE_OK;
}

/* Whether a manifest has a part of this place. */
static bool has_part(const struct snapshot_manifest *manifest, const struct hash *prefix,
                     uint32_t depth)
{
    uint32_t low = 0;
    uint32_t high = manifest->part_count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const struct snapshot_part part = snapshot_part_at(manifest, middle);
        const int order = hash_compare(&part.prefix, prefix);
        if (order == 0) {
            return part.depth == depth;
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return false;
}

/* A place that is none is refused unread where the manifest is there, and else paid for. */
static enum exit_code chunk_of(struct sync_serving *serving, struct held *held,
                               const struct api_request *request, struct store_buffer *out)
{
    struct error error;
    if (held->manifest.data != NULL && !has_part(&held->parts, &request->hash, request->depth)) {
        return EXIT_CODE_NOT_FOUND;
    }
    const enum store_answer answer =
        snapshot_source_chunk(held->source, &request->hash, request->depth, out, &error);
    serving->read += out->size > SNAPSHOT_CHUNK_SIZE ? out->size : SNAPSHOT_CHUNK_SIZE;
    return answer == STORE_FOUND ? EXIT_CODE_OK : EXIT_CODE_NOT_FOUND;
}

uint64_t sync_serving_read(const struct sync_serving *serving)
{
    return serving->read;
}

enum exit_code sync_serving_answer(struct sync_serving *serving, const struct api_request *request,
                                   uint64_t now_ms, struct store_buffer *out)
{
    struct held *held = NULL;
    serving->read = 0;
    sync_serving_poll(serving, now_ms);
    if (request->kind == API_ANCHOR) {
        return anchor_read(serving, request->height, out) == STORE_FOUND ? EXIT_CODE_OK
                                                                         : EXIT_CODE_NOT_FOUND;
    }
    const bool newcomer = request->kind == API_SNAPSHOT && request->height == 0;
    const enum exit_code code = newcomer ? held_offer(serving, now_ms, &held)
                                         : held_take(serving, request->height, now_ms, &held);
    if (code != EXIT_CODE_OK) {
        return code;
    }
    return request->kind == API_SNAPSHOT ? manifest_of(serving, held, out)
                                         : chunk_of(serving, held, request, out);
}
