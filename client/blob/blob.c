#include "client/blob/blob.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { POLL_MS = 100 };

struct held {
    struct hash root;
    uint8_t *data;
    uint64_t size;
};

struct peer_session {
    uint64_t session;
    struct net_key key;
};

/* A peer that kept the asker waiting, or sent what is wrong, so often since it last gave a
 * whole blob.  By key: a new session is no new name. */
struct failing {
    struct net_key key;
    uint32_t count;
};

/* The one question under way. */
struct question {
    uint64_t session;
    uint32_t id;
    bool answered;
    bool lost;
    struct net_event event; /* once answered */
};

struct blob_exchange {
    struct net *net;
    pthread_t thread;
    bool started;
    atomic_bool stop;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* under lock */
    struct net_key admitted[BLOB_PEER_MAX];
    uint32_t admitted_count;
    struct peer_session sessions[BLOB_PEER_MAX];
    uint32_t session_count;
    struct failing failing[BLOB_PEER_MAX];
    uint32_t failing_next; /* gives way when another key fails */
    struct held *held;
    uint32_t held_count;
    struct question question;
    uint32_t last_id;
    uint8_t *chunk; /* the thread's */
};

/* ---- Who may come in ------------------------------------------------------------------- */

static enum net_reason admit(void *context, enum net_role role, enum net_lane lane,
                             const struct net_key *key)
{
    struct blob_exchange *exchange = context;
    enum net_reason reason = NET_REASON_NOT_ADMITTED;
    if (role != NET_ROLE_MEMBER || lane != NET_LANE_BULK) {
        return reason;
    }
    (void)pthread_mutex_lock(&exchange->lock);
    for (uint32_t i = 0; i < exchange->admitted_count; i++) {
        if (net_key_equal(key, &exchange->admitted[i])) {
            reason = NET_REASON_NONE;
        }
    }
    (void)pthread_mutex_unlock(&exchange->lock);
    return reason;
}

void blob_admit(struct blob_exchange *exchange, const struct net_key *keys, uint32_t count)
{
    ASSERT(count <= BLOB_PEER_MAX);
    (void)pthread_mutex_lock(&exchange->lock);
    memcpy(exchange->admitted, keys, count * sizeof *keys);
    exchange->admitted_count = count;
    (void)pthread_mutex_unlock(&exchange->lock);
}

bool blob_dial(struct blob_exchange *exchange, const char *address, const struct net_key *key,
               bool mutual)
{
    const struct net_peer peer = {
        .address = address, .key = *key, .bulk_lane = true, .mutual = mutual};
    return net_peer_add(exchange->net, &peer);
}

/* ---- What is held ---------------------------------------------------------------------- */

static struct held *find_locked(struct blob_exchange *exchange, const struct hash *root)
{
    for (uint32_t i = 0; i < exchange->held_count; i++) {
        if (hash_equal(&exchange->held[i].root, root)) {
            return &exchange->held[i];
        }
    }
    return NULL;
}

bool blob_put(struct blob_exchange *exchange, const struct hash *root, struct bytes bytes,
              struct error *error)
{
    uint8_t *copy = bytes.size > BLOB_SIZE_MAX ? NULL : malloc(bytes.size + 1);
    bool ok = copy != NULL;
    if (ok && bytes.size != 0) {
        memcpy(copy, bytes.data, bytes.size);
    }
    (void)pthread_mutex_lock(&exchange->lock);
    if (ok && find_locked(exchange, root) == NULL) {
        ok = exchange->held_count < BLOB_COUNT_MAX;
        if (ok) {
            exchange->held[exchange->held_count++] =
                (struct held){.root = *root, .data = copy, .size = bytes.size};
            copy = NULL;
        }
    }
    (void)pthread_mutex_unlock(&exchange->lock);
    free(copy);
    return ok ||
           error_set(error, EXIT_CODE_FAILURE, "no room to serve a blob of %zu bytes", bytes.size);
}

void blob_drop(struct blob_exchange *exchange, const struct hash *root)
{
    uint8_t *data = NULL;
    (void)pthread_mutex_lock(&exchange->lock);
    struct held *held = find_locked(exchange, root);
    if (held != NULL) {
        data = held->data;
        *held = exchange->held[--exchange->held_count];
    }
    (void)pthread_mutex_unlock(&exchange->lock);
    free(data);
}

/* ---- The thread ------------------------------------------------------------------------ */

static void serve(struct blob_exchange *exchange, const struct net_event *event)
{
    struct blob_request request;
    struct blob_answer answer = {.size = 0};
    if (!blob_decode_request(event->bytes, &request)) {
        net_session_close(exchange->net, event->session);
        return;
    }
    (void)pthread_mutex_lock(&exchange->lock);
    const struct held *held = find_locked(exchange, &request.root);
    if (held != NULL && request.offset < held->size) {
        const uint64_t left = held->size - request.offset;
        answer.size = held->size;
        answer.chunk = bytes_of(held->data + request.offset,
                                left < BLOB_CHUNK_SIZE ? (size_t)left : BLOB_CHUNK_SIZE);
    }
    const struct bytes out = blob_encode_answer(&answer, exchange->chunk);
    (void)pthread_mutex_unlock(&exchange->lock);
    (void)net_reply(exchange->net, event->session, event->request, out);
}

static void session_add_locked(struct blob_exchange *exchange, const struct net_event *event)
{
    if (exchange->session_count < BLOB_PEER_MAX) {
        exchange->sessions[exchange->session_count++] =
            (struct peer_session){.session = event->session, .key = event->key};
    }
}

static void session_remove_locked(struct blob_exchange *exchange, uint64_t session)
{
    for (uint32_t i = 0; i < exchange->session_count; i++) {
        if (exchange->sessions[i].session == session) {
            exchange->sessions[i] = exchange->sessions[--exchange->session_count];
            break;
        }
    }
    if (exchange->question.session == session) {
        exchange->question.lost = true;
    }
}

/* True when the event now belongs to the question. */
static bool take_locked(struct blob_exchange *exchange, const struct net_event *event)
{
    struct question *question = &exchange->question;
    switch (event->kind) {
    case NET_EVENT_CONNECTED:
        session_add_locked(exchange, event);
        return false;
    case NET_EVENT_DISCONNECTED:
        session_remove_locked(exchange, event->session);
        return false;
    case NET_EVENT_RESPONSE:
        if (event->session == question->session && event->request == question->id &&
            !question->answered) {
            question->event = *event;
            question->answered = true;
            return true;
        }
        return false;
    case NET_EVENT_REQUEST:
    case NET_EVENT_FRAME:
    case NET_EVENT_PING:
        return false;
    }
    return false;
}

static void *run(void *context)
{
    struct blob_exchange *exchange = context;
    struct net_event event;
    while (!atomic_load(&exchange->stop)) {
        if (!net_poll(exchange->net, &event, POLL_MS)) {
            continue;
        }
        bool taken = false;
        if (event.kind == NET_EVENT_REQUEST) {
            serve(exchange, &event);
        } else {
            (void)pthread_mutex_lock(&exchange->lock);
            taken = take_locked(exchange, &event);
            (void)pthread_cond_broadcast(&exchange->changed);
            (void)pthread_mutex_unlock(&exchange->lock);
        }
        if (!taken) {
            net_event_release(&event);
        }
    }
    return NULL;
}

/* ---- Opening and closing ---------------------------------------------------------------- */

static bool exchange_start(struct blob_exchange *exchange, const struct blob_config *config,
                           struct error *error)
{
    const struct net_config net = {.listen = config->listen,
                                   .chain_id = config->chain_id,
                                   .genesis_hash = config->chain_id,
                                   .role = NET_ROLE_MEMBER,
                                   .key = config->key,
                                   .tunnel_secret = config->tunnel_secret,
                                   .admit = admit,
                                   .admit_context = exchange};
    if (!net_open(&net, &exchange->net, error)) {
        exchange->net = NULL;
        return false;
    }
    exchange->started = pthread_create(&exchange->thread, NULL, run, exchange) == 0;
    return exchange->started ||
           error_set(error, EXIT_CODE_FAILURE, "blobs: the system has no more threads");
}

bool blob_open(const struct blob_config *config, struct blob_exchange **out, struct error *error)
{
    pthread_condattr_t attributes;
    struct blob_exchange *exchange = calloc(1, sizeof *exchange);
    if (exchange == NULL) {
        return error_set(error, EXIT_CODE_FAILURE, "blobs: no memory");
    }
    (void)pthread_mutex_init(&exchange->lock, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&exchange->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    exchange->held = calloc(BLOB_COUNT_MAX, sizeof *exchange->held);
    exchange->chunk = malloc(BLOB_CHUNK_SIZE + BLOB_ANSWER_OVERHEAD);
    if (exchange->held == NULL || exchange->chunk == NULL) {
        (void)error_set(error, EXIT_CODE_FAILURE, "blobs: no memory");
    } else if (exchange_start(exchange, config, error)) {
        *out = exchange;
        return true;
    }
    blob_close(exchange);
    return false;
}

void blob_close(struct blob_exchange *exchange)
{
    if (exchange == NULL) {
        return;
    }
    atomic_store(&exchange->stop, true);
    if (exchange->started) {
        (void)pthread_join(exchange->thread, NULL);
    }
    net_close(exchange->net);
    for (uint32_t i = 0; i < exchange->held_count; i++) {
        free(exchange->held[i].data);
    }
    free(exchange->held);
    free(exchange->chunk);
    (void)pthread_cond_destroy(&exchange->changed);
    (void)pthread_mutex_destroy(&exchange->lock);
    free(exchange);
}

struct net_key blob_own_key(const struct blob_exchange *exchange)
{
    return net_own_key(exchange->net);
}

uint16_t blob_port(const struct blob_exchange *exchange)
{
    return net_port(exchange->net);
}

uint32_t blob_connected(struct blob_exchange *exchange)
{
    (void)pthread_mutex_lock(&exchange->lock);
    const uint32_t count = exchange->session_count;
    (void)pthread_mutex_unlock(&exchange->lock);
    return count;
}

/* ---- Fetching ---------------------------------------------------------------------------- */

static uint64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* One chunk; on true *event holds it until net_event_release. */
static bool ask_chunk(struct blob_exchange *exchange, uint64_t session, struct bytes request,
                      uint64_t until_ms, struct net_event *event)
{
    const struct timespec deadline = {.tv_sec = (time_t)(until_ms / 1000),
                                      .tv_nsec = (long)(until_ms % 1000) * 1000000};
    struct question *question = &exchange->question;
    int waited = 0;
    (void)pthread_mutex_lock(&exchange->lock);
    *question = (struct question){.session = session, .id = ++exchange->last_id};
    const uint32_t id = question->id;
    (void)pthread_mutex_unlock(&exchange->lock);
    const enum net_sent sent = net_request(exchange->net, session, id, request);
    (void)pthread_mutex_lock(&exchange->lock);
    if (sent != NET_SENT_GONE && sent != NET_SENT_SIZE) {
        while (!question->answered && !question->lost && waited == 0) {
            waited = pthread_cond_timedwait(&exchange->changed, &exchange->lock, &deadline);
        }
    }
    const bool answered = question->answered;
    *event = question->event;
    *question = (struct question){.session = 0};
    (void)pthread_mutex_unlock(&exchange->lock);
    return answered;
}

/* In the order of what is told when nobody had it. */
enum fetched { FETCHED_SILENT, FETCHED_NOT_HELD, FETCHED_WRONG, FETCHED_ALL };

/* FETCHED_ALL: this chunk was taken. */
static enum fetched take_chunk(const struct blob_wanted *wanted, struct bytes bytes, uint8_t *out,
                               uint64_t *offset)
{
    struct blob_answer answer;
    const uint64_t left = wanted->size - *offset;
    const uint64_t whole = left < BLOB_CHUNK_SIZE ? left : BLOB_CHUNK_SIZE;
    if (!blob_decode_answer(bytes, &answer)) {
        return FETCHED_WRONG;
    }
    if (answer.size == 0) {
        return FETCHED_NOT_HELD;
    }
    if (answer.size != wanted->size || answer.chunk.size != whole) {
        return FETCHED_WRONG;
    }
    memcpy(out + *offset, answer.chunk.data, answer.chunk.size);
    *offset += answer.chunk.size;
    return FETCHED_ALL;
}

static enum fetched fetch_from(struct blob_exchange *exchange, uint64_t session,
                               const struct blob_wanted *wanted, uint64_t until_ms, uint8_t *out)
{
    struct blob_request request = {.root = wanted->root};
    uint8_t buffer[BLOB_REQUEST_SIZE_MAX];
    while (request.offset < wanted->size) {
        struct net_event event;
        const uint64_t answer_ms = now_ms() + BLOB_ANSWER_MS;
        if (!ask_chunk(exchange, session, blob_encode_request(&request, buffer),
                       answer_ms < until_ms ? answer_ms : until_ms, &event)) {
            return FETCHED_SILENT;
        }
        const enum fetched taken = take_chunk(wanted, event.bytes, out, &request.offset);
        net_event_release(&event);
        if (taken != FETCHED_ALL) {
            return taken;
        }
    }
    return wanted->check(wanted->context, bytes_of(out, (size_t)wanted->size)) ? FETCHED_ALL
                                                                               : FETCHED_WRONG;
}

static struct failing *failing_locked(struct blob_exchange *exchange, const struct net_key *key)
{
    for (uint32_t i = 0; i < BLOB_PEER_MAX; i++) {
        if (net_key_equal(key, &exchange->failing[i].key)) {
            return &exchange->failing[i];
        }
    }
    return NULL;
}

/* Not to hold a blob is no failure: that answer costs nobody time. */
static void note_fetched(struct blob_exchange *exchange, const struct net_key *key,
                         enum fetched fetched)
{
    const bool failed = fetched == FETCHED_SILENT || fetched == FETCHED_WRONG;
    (void)pthread_mutex_lock(&exchange->lock);
    struct failing *at = failing_locked(exchange, key);
    if (at == NULL && failed) {
        at = &exchange->failing[exchange->failing_next++ % BLOB_PEER_MAX];
        *at = (struct failing){.key = *key};
    }
    if (failed) {
        at->count += at->count < UINT32_MAX ? 1 : 0;
    } else if (at != NULL && fetched == FETCHED_ALL) {
        at->count = 0;
    }
    (void)pthread_mutex_unlock(&exchange->lock);
}

/* The sessions now: who failed least first, among equals the preferred peer. */
static uint32_t list_sessions(struct blob_exchange *exchange, const struct net_key *first,
                              struct peer_session *out)
{
    uint64_t ranks[BLOB_PEER_MAX];
    uint32_t count = 0;
    (void)pthread_mutex_lock(&exchange->lock);
    for (uint32_t i = 0; i < exchange->session_count; i++) {
        const struct peer_session *peer = &exchange->sessions[i];
        const struct failing *failing = failing_locked(exchange, &peer->key);
        const bool preferred = first != NULL && net_key_equal(first, &peer->key);
        const uint64_t rank =
            2 * (uint64_t)(failing == NULL ? 0 : failing->count) + (preferred ? 0 : 1);
        uint32_t at = count++;
        for (; at > 0 && ranks[at - 1] > rank; at--) {
            ranks[at] = ranks[at - 1];
            out[at] = out[at - 1];
        }
        ranks[at] = rank;
        out[at] = *peer;
    }
    (void)pthread_mutex_unlock(&exchange->lock);
    return count;
}

static uint64_t within_ms(const struct blob_wanted *wanted)
{
    return wanted->within_ms != 0 ? wanted->within_ms
                                  : BLOB_FETCH_MS + wanted->size / BLOB_CHUNK_SIZE * BLOB_CHUNK_MS;
}

bool blob_fetch(struct blob_exchange *exchange, const struct blob_wanted *wanted, uint8_t *out,
                struct error *error)
{
    struct peer_session sessions[BLOB_PEER_MAX];
    const uint32_t count = list_sessions(exchange, wanted->first, sessions);
    const uint64_t end_ms = now_ms() + within_ms(wanted);
    enum fetched worst = FETCHED_SILENT;
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t now = now_ms();
        const uint64_t left = now < end_ms ? end_ms - now : 0;
        const uint64_t until_ms = now + (i + 1 < count ? left / 2 : left);
        const enum fetched fetched =
            fetch_from(exchange, sessions[i].session, wanted, until_ms, out);
        note_fetched(exchange, &sessions[i].key, fetched);
        if (fetched == FETCHED_ALL) {
            return true;
        }
        worst = fetched > worst ? fetched : worst;
    }
    switch (worst) {
    case FETCHED_WRONG:
        return error_set(error, EXIT_CODE_VERIFY, "a peer sent bytes of another root");
    case FETCHED_NOT_HELD:
        return error_set(error, EXIT_CODE_NOT_FOUND, "no connected peer holds this blob");
    case FETCHED_ALL:
    case FETCHED_SILENT:
        break;
    }
    return error_set(error, EXIT_CODE_UNREACHABLE, "no peer answers in time (%u connected)", count);
}
