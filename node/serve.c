#include "node/blocks.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/hex.h"
#include "node/past.h"
#include "node/sync/epochs.h"
#include "node/sync/serving.h"
#include "wire/api/api.h"

/* Answers to clients.  Each is self-authenticating or marked as a hint (wire/api/api.h). */

enum { SERVE_BUFFER_MAX = 8 };

/* What an answer points into, freed when it was sent. */
struct holding {
    struct store_buffer buffers[SERVE_BUFFER_MAX];
    uint32_t count;
    uint64_t read; /* bytes, held or not */
};

static struct store_buffer *hold(struct holding *holding)
{
    ASSERT(holding->count < SERVE_BUFFER_MAX);
    return &holding->buffers[holding->count++];
}

static void fail(struct api_answer *answer, enum exit_code code, const char *text)
{
    *answer = (struct api_answer){
        .kind = API_ERROR, .code = (uint32_t)code, .text = bytes_of(text, strlen(text))};
}

static bool fetch_block(struct driver *d, uint64_t height, struct holding *holding,
                        struct wire_block *out)
{
    struct error error;
    struct store_buffer *buffer = hold(holding);
    return store_block(d->store, height, buffer, &error) == STORE_FOUND &&
           wire_decode_block(bytes_of(buffer->data, buffer->size), out);
}

/* The tip's header and its evidence. */
static bool fetch_tip(struct driver *d, struct holding *holding, struct bytes *header,
                      struct bytes *last_final)
{
    static struct wire_block block; /* 8 KB; the driver's thread only */
    if (!d->has_tip_finality || !fetch_block(d, d->committed.height, holding, &block)) {
        return false;
    }
    struct store_buffer *evidence = hold(holding);
    blocks_encode_finality(&d->tip_finality, evidence);
    *header = block.header_bytes;
    *last_final = bytes_of(evidence->data, evidence->size);
    return true;
}

static void answer_head(struct driver *d, const struct api_request *request,
                        struct api_answer *answer)
{
    uint8_t buffer[160];
    struct wire_writer writer;
    struct bytes preimage;
    struct hash digest;
    if (d->self == CONSENSUS_OBSERVER) {
        fail(answer, EXIT_CODE_NOT_FOUND, "an observer: no member of the set signs here");
        return;
    }
    answer->height = d->committed.height;
    answer->hash = d->committed.block_id;
    answer->wall_ms = driver_wall_ms();
    answer->validator = d->self;
    wire_writer_init(&writer, buffer, sizeof(buffer));
    api_write_head_preimage(&writer, &d->chain_id, &request->hash, answer);
    ASSERT(wire_writer_end(&writer, &preimage));
    crypto_digest(TAG_HEAD, preimage, &digest);
    crypto_key_sign(d->network_key, &digest, &answer->signature);
}

static void answer_final(struct driver *d, struct api_answer *answer, struct holding *holding)
{
    if (!fetch_tip(d, holding, &answer->header, &answer->last_final)) {
        fail(answer, EXIT_CODE_NOT_FOUND, "no block is final yet");
    }
}

static void fail_block(struct driver *d, uint64_t height, struct api_answer *answer)
{
    fail(answer, EXIT_CODE_NOT_FOUND,
         height > 0 && height <= d->committed.height
             ? "this node began above this height or has pruned it; ask another one"
             : "no final block has this height");
}

/* Block, finality and what the state keeps of the sets: whoever knows the epoch's set then knows
 * the next one. */
static void answer_boundary(struct driver *d, const struct api_request *request,
                            struct api_answer *answer, struct holding *holding)
{
    struct sync_boundary boundary;
    if (!sync_boundary_read(d->store, request->epoch, &boundary)) {
        fail(answer, EXIT_CODE_NOT_FOUND, "this epoch has not ended, or its end is not here");
        return;
    }
    for (size_t i = 0; i < sizeof(boundary.held) / sizeof(boundary.held[0]); i++) {
        *hold(holding) = boundary.held[i];
    }
    answer->header = boundary.epoch.header;
    answer->last_final = boundary.epoch.finality;
    answer->body = boundary.epoch.set;
}

static void answer_block(struct driver *d, const struct api_request *request,
                         struct api_answer *answer, struct holding *holding)
{
    struct error error;
    struct bytes header;
    struct store_buffer *block = hold(holding);
    if (request->height == 0 || !fetch_tip(d, holding, &header, &answer->last_final) ||
        store_block(d->store, request->height, block, &error) != STORE_FOUND) {
        fail_block(d, request->height, answer);
        return;
    }
    answer->body = bytes_of(block->data, block->size);
}

static void copy_path(const struct crypto_path *in, struct api_path *out)
{
    out->index = in->index;
    out->count = in->count;
    out->size = in->size;
    memcpy(out->siblings, in->siblings, sizeof(out->siblings));
}

/* The record at index and its path in the block's results_root. */
static bool find_result(struct driver *d, uint64_t height, uint32_t index,
                        struct api_answer *answer, struct holding *holding)
{
    static struct crypto_path path; /* the driver's thread only */
    struct recent_tree *tree = recent_tree(d->recent, height);
    struct error error;
    struct wire_reader reader;
    struct store_buffer *buffer = hold(holding);
    if (store_results(d->store, height, buffer, &error) != STORE_FOUND) {
        return false;
    }
    wire_reader_init_nodes(&reader, bytes_of(buffer->data, buffer->size), BLOCK_TX_MAX + 2);
    const uint32_t count = wire_read_list(&reader, BLOCK_TX_MAX + 1);
    for (uint32_t i = 0; i < count; i++) {
        const struct bytes record = wire_read_bin(&reader, FRAME_SIZE_MAX);
        if (tree->leaves == 0) {
            crypto_nodes_leaf(TAG_RESULT_TREE, record, &tree->nodes[i]);
        }
        if (i == index) {
            answer->body = record;
        }
    }
    if (!wire_reader_end(&reader) || index >= count) {
        return false;
    }
    if (tree->leaves == 0) {
        crypto_nodes_fill(TAG_RESULT_TREE, tree->nodes, count);
        tree->leaves = count;
    }
    crypto_nodes_path(tree->nodes, count, index, &path);
    copy_path(&path, &answer->path);
    return true;
}

static bool find_anchor(struct driver *d, uint64_t height, struct api_anchor *anchor,
                        struct holding *holding)
{
    static struct wire_block block; /* 8 KB; the driver's thread only */
    static struct crypto_path path;
    struct error error;
    if (!fetch_tip(d, holding, &anchor->tip_header, &anchor->last_final)) {
        return false;
    }
    anchor->is_tip = height == d->committed.height;
    anchor->header = anchor->tip_header;
    if (anchor->is_tip) {
        return true;
    }
    if (!fetch_block(d, height, holding, &block) ||
        store_history_prove(d->store, height, d->committed.height - 1, &path, &error) !=
            STORE_FOUND) {
        return false;
    }
    anchor->header = block.header_bytes;
    copy_path(&path, &anchor->path);
    return true;
}

static void answer_prove(struct driver *d, const struct api_request *request,
                         struct api_answer *answer, struct holding *holding)
{
    struct past_reply reply;
    past_prove(d, request, answer, &reply);
    *hold(holding) = reply.memory;
    holding->read = reply.read;
    if (reply.code != EXIT_CODE_OK) {
        fail(answer, reply.code, reply.text);
    } else if (!find_anchor(d, reply.height + 1, &answer->anchor, holding)) {
        fail(answer, EXIT_CODE_NOT_FOUND, "the header that names this state is not here");
    }
}

static void answer_header(struct driver *d, const struct api_request *request,
                          struct api_answer *answer, struct holding *holding)
{
    static struct crypto_growth growth; /* 2 KB; the driver's thread only */
    struct error error;
    if (request->height == 0 || request->height > d->committed.height ||
        !find_anchor(d, request->height, &answer->anchor, holding) ||
        store_history_grow(d->store, request->height - 1, d->committed.height - 1, &growth,
                           &error) != STORE_FOUND) {
        fail_block(d, request->height, answer);
        return;
    }
    answer->growth_size = growth.size;
    memcpy(answer->growth, growth.hashes, sizeof(answer->growth));
}

static void answer_tx(struct driver *d, const struct api_request *request,
                      struct api_answer *answer, struct holding *holding)
{
    /* The last ones are in memory, the index has all. */
    if (!recent_find(d->recent, &request->hash, &answer->height, &answer->index) &&
        !indexer_find(d->indexer, &request->hash, answer)) {
        answer->tx_status =
            mempool_has_id(d->pool, &request->hash) ? API_TX_PENDING : API_TX_UNKNOWN;
        return;
    }
    answer->tx_status = API_TX_FINAL;
    if (answer->height < d->committed.height &&
        find_result(d, answer->height, answer->index, answer, holding) &&
        find_anchor(d, answer->height + 1, &answer->anchor, holding)) {
        answer->tx_status = API_TX_PROVEN;
    }
}

static json_t *peers_json(const struct driver *d)
{
    json_t *peers = json_array();
    const uint64_t now = driver_now_ms();
    for (uint32_t i = 0; i < d->set.count; i++) {
        const struct peer *peer = &d->peers[i];
        const bool self = i == d->self;
        const bool up = peer->sessions[NET_LANE_VOTE] != 0 && peer->sessions[NET_LANE_BULK] != 0;
        const bool heard = self || peer->heard_ms != 0;
        const uint64_t silent_ms = self ? 0 : now - (heard ? peer->heard_ms : d->started_ms);
        (void)json_array_append_new(peers, json_pack("{s:i,s:b,s:b,s:b,s:I}", "validator", (int)i,
                                                     "self", self, "connected", self || up, "heard",
                                                     heard, "silent_ms", (json_int_t)silent_ms));
    }
    return peers;
}

static void answer_status(struct driver *d, struct api_answer *answer, struct holding *holding)
{
    static struct explain_facts facts; /* 5 KB; the driver's thread only */
    const struct consensus_status *status = &facts.status;
    char block_id[2 * HASH_SIZE + 1];
    char state_root[2 * HASH_SIZE + 1];
    watch_gather(d, &facts);
    hex_encode(d->committed.block_id.bytes, HASH_SIZE, block_id);
    hex_encode(d->committed.state_root.bytes, HASH_SIZE, state_root);
    json_t *json = json_pack(
        "{s:i,s:I,s:I,s:s,s:s,s:I,s:b,s:i,s:[o,o,o],s:I,s:i,s:b,s:I,s:b,s:o,s:o,s:o*}", "validator",
        d->self == CONSENSUS_OBSERVER ? -1 : (int)d->self, "epoch", (json_int_t)d->epoch.number,
        "height", (json_int_t)d->committed.height, "block_id", block_id, "state_root", state_root,
        "view", (json_int_t)status->view, "awake", status->awake, "leader", (int)status->leader,
        "voted", watch_members_json(&status->voted[VOTE_NOTARIZE]),
        watch_members_json(&status->voted[VOTE_NULLIFY]),
        watch_members_json(&status->voted[VOTE_FINALIZE]), "missing_view",
        (json_int_t)status->missing_view, "mempool", (int)mempool_count(d->pool), "work",
        d->work_now, "uptime_ms", (json_int_t)(driver_now_ms() - d->started_ms), "catching_up",
        d->catchup.active, "peers", peers_json(d), "why", watch_why_json(&facts), "guard",
        guard_json(d));
    (void)json_object_update_new(json, watch_facts_json(&facts));
    struct store_buffer *text = hold(holding);
    text->data = json == NULL ? NULL : (uint8_t *)json_dumps(json, JSON_COMPACT);
    json_decref(json);
    if (text->data == NULL) {
        fail(answer, EXIT_CODE_FAILURE, "no memory");
        return;
    }
    answer->text = bytes_of(text->data, strlen((const char *)text->data));
}

static void answer_submit(struct driver *d, const struct net_event *event,
                          const struct api_request *request, struct api_answer *answer)
{
    if (event->role == NET_ROLE_ANON) {
        fail(answer, EXIT_CODE_DENIED, "transactions need a session with a registered key");
        return;
    }
    answer->code = (uint32_t)inbound_tx(d, &event->key, request->tx, true, &answer->hash);
}

static void answer_submit_many(struct driver *d, const struct net_event *event,
                               const struct api_request *request, struct api_answer *answer)
{
    struct hash id;
    if (event->role == NET_ROLE_ANON) {
        fail(answer, EXIT_CODE_DENIED, "transactions need a session with a registered key");
        return;
    }
    answer->code_count = request->tx_count;
    for (uint32_t i = 0; i < request->tx_count; i++) {
        answer->codes[i] = (uint32_t)inbound_tx(d, &event->key, request->txs[i], true, &id);
    }
}

static void answer_snapshot(struct driver *d, const struct api_request *request,
                            struct api_answer *answer, struct holding *holding)
{
    struct store_buffer *bytes = hold(holding);
    const enum exit_code code = sync_serving_answer(d->snapshots, request, driver_now_ms(), bytes);
    holding->read = sync_serving_read(d->snapshots);
    if (code != EXIT_CODE_OK) {
        fail(answer, code,
             code == EXIT_CODE_QUOTA ? "not ready; ask again in a moment"
                                     : "no such snapshot here");
        return;
    }
    answer->body = bytes_of(bytes->data, bytes->size);
}

static void make_answer(struct driver *d, const struct net_event *event,
                        const struct api_request *request, struct api_answer *answer,
                        struct holding *holding)
{
    memset(answer, 0, sizeof(*answer));
    answer->kind = request->kind;
    switch (request->kind) {
    case API_HEAD:
        answer_head(d, request, answer);
        return;
    case API_GENESIS:
        answer->body = genesis_bytes(d->genesis);
        return;
    case API_SUBMIT:
        answer_submit(d, event, request, answer);
        return;
    case API_SUBMIT_MANY:
        answer_submit_many(d, event, request, answer);
        return;
    case API_FINAL:
        answer_final(d, answer, holding);
        return;
    case API_PROVE:
        answer_prove(d, request, answer, holding);
        return;
    case API_BLOCK:
        answer_block(d, request, answer, holding);
        return;
    case API_TX:
        answer_tx(d, request, answer, holding);
        return;
    case API_BOUNDARY:
        answer_boundary(d, request, answer, holding);
        return;
    case API_STATUS:
        answer_status(d, answer, holding);
        return;
    case API_HEADER:
        answer_header(d, request, answer, holding);
        return;
    case API_TXS:
        if (!indexer_list(d->indexer, request, answer)) {
            fail(answer, EXIT_CODE_NOT_FOUND, "this node keeps no index; ask another one");
        }
        return;
    case API_SNAPSHOT:
    case API_ANCHOR:
    case API_CHUNK:
        answer_snapshot(d, request, answer, holding);
        return;
    case API_ERROR:
        break;
    }
    UNREACHABLE();
}

/* Who pays for an answer: a key, or where there is none the session and all such together. */
struct payer {
    struct budget *own;
    struct budget *shared; /* NULL: none */
    struct bytes key;
};

static struct payer payer_of(struct driver *d, const struct net_event *event)
{
    const struct bytes key = bytes_of(event->key.bytes, event->key.size);
    if (event->role == NET_ROLE_ANON) {
        return (struct payer){.own = &d->serving.anon,
                              .shared = &d->serving.anon_total,
                              .key = bytes_of(&event->session, sizeof(event->session))};
    }
    const bool validator = event->role == NET_ROLE_VALIDATOR || event->role == NET_ROLE_FULL;
    return (struct payer){.own = validator ? &d->serving.validator : &d->serving.client,
                          .key = key};
}

static bool can_pay(const struct payer *payer, uint64_t now_ms)
{
    return budget_has(payer->own, payer->key, now_ms) &&
           (payer->shared == NULL || budget_has(payer->shared, bytes_of(NULL, 0), now_ms));
}

static void pay(const struct payer *payer, const struct api_request *request,
                const struct holding *holding, uint64_t now_ms)
{
    uint64_t size = 0;
    for (uint32_t i = 0; i < holding->count; i++) {
        size += holding->buffers[i].size;
    }
    size = holding->read > size ? holding->read : size;
    const uint64_t proofs = request->kind == API_PROVE ? request->key_count : 0;
    const uint64_t cost = 1 + proofs + size / SERVE_UNIT_SIZE;
    budget_charge(payer->own, payer->key, cost, now_ms);
    if (payer->shared != NULL) {
        budget_charge(payer->shared, bytes_of(NULL, 0), cost, now_ms);
    }
}

/* Transactions have a budget of their own: what they waste. */
static bool is_submission(const struct api_request *request)
{
    return request->kind == API_SUBMIT || request->kind == API_SUBMIT_MANY;
}

static void answer_paid(struct driver *d, const struct net_event *event,
                        const struct api_request *request, struct api_answer *answer,
                        struct holding *holding)
{
    const uint64_t now = driver_now_ms();
    const struct payer payer = payer_of(d, event);
    if (is_submission(request)) {
        make_answer(d, event, request, answer, holding);
        return;
    }
    if (!can_pay(&payer, now)) {
        fail(answer, EXIT_CODE_QUOTA, "too many questions; ask again in a second");
        return;
    }
    make_answer(d, event, request, answer, holding);
    pay(&payer, request, holding, now);
}

void serve_request(struct driver *d, const struct net_event *event)
{
    static struct api_request request; /* the driver's thread only */
    static struct api_answer answer;
    struct holding holding = {.count = 0};
    struct wire_writer writer;
    struct bytes out;
    if (!api_decode_request(event->bytes, &request)) {
        fail(&answer, EXIT_CODE_USAGE, "not a request this version knows");
    } else {
        answer_paid(d, event, &request, &answer, &holding);
    }
    wire_writer_init(&writer, d->out, DRIVER_OUT_SIZE);
    api_write_answer(&writer, &answer);
    if (!wire_writer_end(&writer, &out)) {
        fail(&answer, EXIT_CODE_USAGE, "the answer would not fit a frame; ask for less");
        wire_writer_init(&writer, d->out, DRIVER_OUT_SIZE);
        api_write_answer(&writer, &answer);
        ASSERT(wire_writer_end(&writer, &out));
    }
    (void)net_reply(d->net, event->session, event->request, out);
    for (uint32_t i = 0; i < holding.count; i++) {
        free(holding.buffers[i].data);
    }
}
