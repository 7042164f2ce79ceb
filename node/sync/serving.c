#include "node/sync/serving.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "node/sync/sync.h"

/* A state that is held. */
struct held {
    struct snapshot_source *source; /* NULL: free */
    struct store_buffer manifest;   /* once it is made */
    uint64_t begun_ms;
    uint64_t used_ms;
};

/* One that newcomers are given, which strangers cannot push out, and one of the height that
 * somebody asked for who has another node's manifest. */
enum { HELD_OFFERED, HELD_ASKED, HELD_COUNT };

enum cutting { CUTTING_NONE, CUTTING_UNDER_WAY, CUTTING_DONE };

struct sync_serving {
    struct store *store;
    struct held held[HELD_COUNT];
    /* The thread that makes a manifest, at most one; others read its fields when DONE. */
    pthread_t thread;
    struct held *cut;
    atomic_int cutting; /* enum cutting */
    atomic_bool stop;
    bool cut_made;
    struct store_buffer made;
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
            now_ms - held->used_ms > SYNC_HELD_IDLE_MS) {
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

/* The state after a height, held from now on.  QUOTA when another one is asked for. */
static enum exit_code held_take(struct sync_serving *serving, uint64_t height, uint64_t now_ms,
                                struct held **out)
{
    struct error error;
    struct held *held = held_find(serving, height);
    if (held == NULL) {
        held = &serving->held[HELD_ASKED];
        if (held->source != NULL &&
            (held == serving->cut || now_ms - held->used_ms < SYNC_ASKED_IDLE_MS)) {
            return EXIT_CODE_QUOTA;
        }
        held_free(held);
        const enum store_answer answer =
            snapshot_source_open(serving->store, height, &held->source, &error);
        if (answer == STORE_FAILED) {
            log_line(LOG_ODD, "sync", "no snapshot: %s", error.detail);
        }
        if (answer != STORE_FOUND) {
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

/* The state for newcomers: the one that is offered, while it is new or others still fetch it. */
static enum exit_code held_offer(struct sync_serving *serving, uint64_t now_ms, struct held **out)
{
    struct held *held = &serving->held[HELD_OFFERED];
    struct store_status status;
    struct error error;
    store_status(serving->store, &status);
    const uint64_t height = held->source == NULL ? 0 : snapshot_source_height(held->source);
    const bool old = height + SYNC_HELD_OLD < status.applied_height;
    if (held->source != NULL && held != serving->cut && old &&
        (now_ms - held->used_ms > SYNC_HELD_IDLE_MS || now_ms - held->begun_ms > SYNC_HELD_MS)) {
        held_free(held);
    }
    if (held->source == NULL) {
        const uint64_t newest = status.applied_height > 0 ? status.applied_height - 1 : 0;
        const enum store_answer answer =
            snapshot_source_open(serving->store, newest, &held->source, &error);
        if (answer != STORE_FOUND) {
            return EXIT_CODE_NOT_FOUND;
        }
        held->begun_ms = now_ms;
    }
    held->used_ms = now_ms;
    *out = held;
    return EXIT_CODE_OK;
}

static enum exit_code anchor_of(struct sync_serving *serving, uint64_t height,
                                struct store_buffer *out)
{
    struct error error;
    const enum store_answer answer = sync_anchor_read(serving->store, height, out, &error);
    return answer == STORE_FOUND ? EXIT_CODE_OK : EXIT_CODE_NOT_FOUND;
}

enum exit_code sync_serving_answer(struct sync_serving *serving, const struct api_request *request,
                                   uint64_t now_ms, struct store_buffer *out)
{
    struct held *held = NULL;
    struct error error;
    sync_serving_poll(serving, now_ms);
    if (request->kind == API_ANCHOR) {
        return anchor_of(serving, request->height, out);
    }
    const bool newcomer = request->kind == API_SNAPSHOT && request->height == 0;
    const enum exit_code code = newcomer ? held_offer(serving, now_ms, &held)
                                         : held_take(serving, request->height, now_ms, &held);
    if (code != EXIT_CODE_OK) {
        return code;
    }
    if (request->kind == API_SNAPSHOT) {
        return manifest_of(serving, held, out);
    }
    const enum store_answer answer =
        snapshot_source_chunk(held->source, &request->hash, request->depth, out, &error);
    return answer == STORE_FOUND ? EXIT_CODE_OK : EXIT_CODE_NOT_FOUND;
}
