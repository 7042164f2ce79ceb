#include "node/sync/join.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "node/sync/ask.h"
#include "node/sync/sync.h"

enum { PATH_SIZE = 1024, BUSY_MS = 200, BUSY_MAX = 150, AGAIN_MS = 1000 };
/* How long a manifest may take to be made, in turns of BUSY_MS: ten minutes; and how long others
 * are waited for when one is there: five seconds. */
enum { OFFER_TURNS = 3000, OTHERS_TURNS = 25 };
/* Attempts without an offer, or with one that nobody gave all of, until blocks are fetched
 * instead; those where a source says that it has none, as its chain is too short, count for
 * several. */
enum { EMPTY_MAX = 20, YOUNG_WEIGHT = 6 };

/* A manifest that a certificate stands behind, and who gave it. */
struct sync_offer {
    struct sync_source *source; /* NULL: none */
    uint64_t height;
    struct store_buffer manifest;
    struct store_buffer anchor;
};

struct joining {
    const struct sync_join *join;
    struct sync_asker asker;
    struct sync_source sources[SYNC_SOURCE_MAX];
    uint32_t young; /* sources that have no snapshot: their chain is too short */
    uint32_t empty; /* attempts that led nowhere, weighted */
    struct sync_offer best;
    char restore[PATH_SIZE];
    char folder[PATH_SIZE];
};

static void offer_free(struct sync_offer *offer)
{
    store_buffer_free(&offer->manifest);
    store_buffer_free(&offer->anchor);
    *offer = (struct sync_offer){.source = NULL};
}

/* What was given, as a copy. */
static bool copy_body(struct sync_source *source, struct store_buffer *out)
{
    const struct bytes body = source->answer.body;
    out->data = malloc(body.size + 1);
    out->size = body.size;
    if (out->data != NULL && body.size > 0) {
        memcpy(out->data, body.data, body.size);
    }
    sync_ask_end(source);
    return out->data != NULL;
}

/* Ask until the source is no longer busy. */
static enum sync_reply ask(struct joining *joining, struct sync_source *source,
                           const struct api_request *request, struct store_buffer *out)
{
    enum sync_reply reply = SYNC_BUSY;
    for (uint32_t i = 0; reply == SYNC_BUSY && i < BUSY_MAX && !joining->join->stopped(); i++) {
        reply = sync_ask(&joining->asker, source, request);
        if (reply == SYNC_BUSY) {
            sync_wait_ms(BUSY_MS);
        }
    }
    return reply == SYNC_GIVEN && !copy_body(source, out) ? SYNC_SILENT : reply;
}

/* NULL, or what is wrong with an offer. */
static const char *judge(const struct joining *joining, const struct sync_offer *offer)
{
    static struct sync_anchor anchor; /* one thread */
    static struct store_final blocks[SYNC_ANCHOR_BLOCK_MAX];
    static struct snapshot_manifest manifest;
    if (snapshot_manifest_decode(bytes_of(offer->manifest.data, offer->manifest.size), &manifest) !=
            SNAPSHOT_OK ||
        manifest.height != offer->height) {
        return "a manifest that does not lead to its root";
    }
    if (!sync_anchor_decode(bytes_of(offer->anchor.data, offer->anchor.size), &anchor)) {
        return "blocks that do not decode";
    }
    const char *wrong = sync_anchor_check(joining->join->genesis, &manifest, &anchor, blocks);
    if (wrong != NULL) {
        log_line(LOG_INFO, "sync", "%s", wrong);
    }
    return wrong == NULL ? NULL : "a manifest that no final header names";
}

/* The anchor beside a source's manifest; false when there is nothing to judge. */
static bool get_anchor(struct joining *joining, struct sync_source *source,
                       struct sync_offer *offer)
{
    static struct snapshot_manifest manifest; /* one thread */
    struct api_request anchor = {.kind = API_ANCHOR};
    const struct bytes bytes = bytes_of(offer->manifest.data, offer->manifest.size);
    if (snapshot_manifest_decode(bytes, &manifest) != SNAPSHOT_OK) {
        sync_ban(source, "a manifest that does not lead to its root");
        return false;
    }
    offer->source = source;
    offer->height = manifest.height;
    anchor.height = manifest.height;
    return ask(joining, source, &anchor, &offer->anchor) == SYNC_GIVEN;
}

/* Of two that are as high the first source's: who is quicker gains nothing by it. */
static bool is_better(const struct sync_offer *offer, const struct sync_offer *best)
{
    return best->source == NULL || offer->height > best->height ||
           (offer->height == best->height && offer->source < best->source);
}

/* Keep the source's offer when it is the chain's and better than the best. */
static void compare(struct joining *joining, struct sync_source *source, struct sync_offer *offer)
{
    if (!get_anchor(joining, source, offer)) {
        return;
    }
    const char *wrong = judge(joining, offer);
    if (wrong != NULL) {
        sync_ban(source, wrong);
    } else if (is_better(offer, &joining->best)) {
        const struct sync_offer old = joining->best;
        joining->best = *offer;
        *offer = old;
    }
}

/* One source is asked for its newest manifest, once, beside the others: who does not answer at
 * all keeps nobody waiting for longer than one answer may take. */
struct asking {
    const struct sync_asker *asker;
    struct sync_source *source;
    pthread_t thread;
    bool pending;
    bool running;
    enum sync_reply reply;
};

static void *ask_newest(void *context)
{
    const struct api_request newest = {.kind = API_SNAPSHOT};
    struct asking *asking = context;
    asking->reply = sync_ask(asking->asker, asking->source, &newest);
    return NULL;
}

static void ask_all(struct asking *askings, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct asking *asking = &askings[i];
        asking->running =
            asking->pending && pthread_create(&asking->thread, NULL, ask_newest, asking) == 0;
        if (asking->pending && !asking->running) {
            (void)ask_newest(asking);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        if (askings[i].running) {
            (void)pthread_join(askings[i].thread, NULL);
        }
    }
}

/* What was answered; whether to ask again. */
static bool take_offer(struct joining *joining, const struct asking *asking)
{
    struct sync_offer offer = {.source = NULL};
    joining->young += asking->reply == SYNC_NOTHING ? 1 : 0;
    asking->source->silent = asking->reply == SYNC_SILENT;
    if (asking->reply == SYNC_GIVEN && copy_body(asking->source, &offer.manifest)) {
        compare(joining, asking->source, &offer);
    }
    offer_free(&offer);
    return asking->reply == SYNC_BUSY;
}

/* One turn: all that are pending; how many still are. */
static uint32_t offers_turn(struct joining *joining, struct asking *askings, uint32_t count)
{
    uint32_t waiting = 0;
    ask_all(askings, count);
    for (uint32_t i = 0; i < count; i++) {
        askings[i].pending = askings[i].pending && take_offer(joining, &askings[i]);
        waiting += askings[i].pending ? 1 : 0;
    }
    return waiting;
}

/* The offer of the greatest height that is the chain's. */
static void choose(struct joining *joining)
{
    struct asking askings[SYNC_SOURCE_MAX];
    const uint32_t count = joining->join->source_count;
    uint32_t waiting = count;
    offer_free(&joining->best);
    joining->young = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct sync_source *source = &joining->sources[i];
        source->silent = false;
        askings[i] = (struct asking){.asker = &joining->asker, .source = source};
        askings[i].pending = !source->banned && !source->passed;
    }
    for (uint32_t turn = 0, others = 0;
         waiting > 0 && turn < OFFER_TURNS && others < OTHERS_TURNS && !joining->join->stopped();
         turn++) {
        waiting = offers_turn(joining, askings, count);
        others += joining->best.source != NULL ? 1 : 0;
        sync_wait_ms(waiting > 0 ? BUSY_MS : 0);
    }
    for (uint32_t i = 0; joining->best.source == NULL && i < count; i++) {
        joining->sources[i].passed = false; /* all others had their turn */
    }
}

static bool restore(const struct joining *joining, struct snapshot_folder *folder,
                    struct error *error)
{
    static struct sync_anchor anchor; /* one thread */
    static struct store_final blocks[SYNC_ANCHOR_BLOCK_MAX];
    const struct snapshot_manifest *manifest = snapshot_folder_manifest(folder);
    if (!sync_anchor_decode(snapshot_folder_anchor(folder), &anchor) ||
        sync_anchor_check(joining->join->genesis, manifest, &anchor, blocks) != NULL) {
        return error_set(error, EXIT_CODE_STORE, "%.200s: changed on the disk; start again",
                         joining->folder);
    }
    struct store_buffer epochs;
    sync_anchor_epochs(&anchor, &epochs);
    const struct snapshot_restore what = {.folder = folder,
                                          .options = joining->join->options,
                                          .blocks = blocks,
                                          .block_count = anchor.count,
                                          .epochs = bytes_of(epochs.data, epochs.size)};
    log_line(LOG_INFO, "sync", "restoring height=%llu keys=%llu",
             (unsigned long long)manifest->height, (unsigned long long)manifest->leaves);
    const bool done = snapshot_restore(&what, error);
    store_buffer_free(&epochs);
    return done;
}

/* Fetch and restore the best offer.  True with *done; false on an error of the store. */
static bool follow(struct joining *joining, bool *done, struct error *error)
{
    struct snapshot_folder *folder = NULL;
    const struct sync_offer *best = &joining->best;
    log_line(LOG_INFO, "sync", "state height=%llu from validator %u",
             (unsigned long long)best->height, best->source->peer.validator);
    if (!snapshot_folder_make(joining->folder, bytes_of(best->manifest.data, best->manifest.size),
                              bytes_of(best->anchor.data, best->anchor.size), error) ||
        !snapshot_folder_open(joining->folder, &folder, error)) {
        return false;
    }
    const struct sync_fetch fetch = {.asker = &joining->asker,
                                     .sources = joining->sources,
                                     .source_count = joining->join->source_count,
                                     .folder = folder,
                                     .options = &joining->join->options,
                                     .stopped = joining->join->stopped};
    const enum sync_fetched fetched = sync_fetch(&fetch, error);
    bool ok = fetched != SYNC_FAILED;
    if (fetched == SYNC_MANIFEST) {
        sync_ban(best->source, "a manifest with false sizes");
    } else if (fetched == SYNC_SOME) {
        best->source->passed = true;
        joining->empty++;
    } else if (fetched == SYNC_ALL) {
        ok = restore(joining, folder, error);
        *done = ok;
    }
    snapshot_folder_close(folder);
    return ok;
}

/* One attempt. */
static bool attempt(struct joining *joining, bool *done, struct error *error)
{
    choose(joining);
    if (joining->best.source != NULL) {
        if (!follow(joining, done, error)) {
            return false;
        }
    } else {
        joining->empty += joining->young > 0 ? YOUNG_WEIGHT : 1;
    }
    if (!*done && joining->empty >= EMPTY_MAX) {
        log_line(LOG_INFO, "sync", "no peer gives a whole state; fetching blocks");
        *done = true;
        return snapshot_restore_drop(joining->join->options.dir, error);
    }
    return true;
}

static bool make_dir(const char *path, struct error *error)
{
    return access(path, F_OK) == 0 || mkdir(path, 0700) == 0 ||
           error_set(error, EXIT_CODE_STORE, "%.200s: cannot be made", path);
}

static bool has_database(const char *data_dir, const char *name)
{
    char path[PATH_SIZE];
    const int length = snprintf(path, sizeof(path), "%s/%s", data_dir, name);
    return length < 0 || (size_t)length >= sizeof(path) || access(path, F_OK) == 0;
}

static bool prepare(struct joining *joining, struct error *error)
{
    const char *data_dir = joining->join->options.dir;
    const int restore_length =
        snprintf(joining->restore, sizeof(joining->restore), "%s/restore", data_dir);
    const int folder_length =
        snprintf(joining->folder, sizeof(joining->folder), "%s/restore/snapshot", data_dir);
    if (restore_length < 0 || folder_length < 0 ||
        (size_t)folder_length >= sizeof(joining->folder)) {
        return error_set(error, EXIT_CODE_BAD_CONFIG, "the data directory's name is too long");
    }
    for (uint32_t i = 0; i < joining->join->source_count; i++) {
        joining->sources[i].peer = joining->join->sources[i];
    }
    joining->asker.chain_id = *genesis_chain_id(joining->join->genesis);
    return make_dir(data_dir, error) && make_dir(joining->restore, error);
}

static bool run(struct joining *joining, struct error *error)
{
    bool done = false;
    bool ok = prepare(joining, error);
    while (ok && !done && !joining->join->stopped()) {
        ok = attempt(joining, &done, error);
        if (ok && !done) {
            sync_wait_ms(AGAIN_MS);
        }
    }
    return ok && (done || error_set(error, EXIT_CODE_OK, "stopped"));
}

bool sync_join(const struct sync_join *join, struct error *error)
{
    struct crypto_key *key = NULL;
    if (!snapshot_restore_finish(join->options.dir, error)) {
        return false;
    }
    if (has_database(join->options.dir, "chain.db") || join->source_count == 0) {
        return true;
    }
    if (has_database(join->options.dir, "state.db")) {
        return error_set(error, EXIT_CODE_USAGE,
                         "%.200s/state.db: there without chain.db; move it away, keep sign/ and "
                         "journal/",
                         join->options.dir);
    }
    struct joining *joining = calloc(1, sizeof(*joining));
    key = crypto_key_generate();
    bool ok = joining != NULL && key != NULL;
    if (!ok) {
        (void)error_set(error, EXIT_CODE_FAILURE, "node: no memory");
    } else {
        joining->join = join;
        joining->asker.own = join->key;
        joining->asker.anon = key;
        ok = run(joining, error);
        offer_free(&joining->best);
        for (uint32_t i = 0; i < join->source_count; i++) {
            sync_ask_close(&joining->sources[i]);
        }
    }
    crypto_key_free(key);
    free(joining);
    return ok;
}
