#include <stdlib.h>

#include "client/light/state.h"
#include "crypto/crypto.h"
#include "types/codes.h"
#include "wire/wire.h"

/* Transactions on their way. */

enum { PUSH_AGAIN_MS = 1000 };

static bool copy_reply(struct bytes in, struct light_reply *out, struct error *error)
{
    out->data = malloc(in.size + 1);
    if (out->data == NULL) {
        return error_set(error, EXIT_CODE_FAILURE, "no memory for %zu bytes", in.size);
    }
    if (in.size != 0) {
        memcpy(out->data, in.data, in.size);
    }
    out->size = in.size;
    return true;
}

/* ---- Handing in ---------------------------------------------------------------------------- */

static bool take_submitted(struct light *light, void *context, struct error *error)
{
    uint32_t *code = context;
    (void)error;
    *code = light->answer.code;
    return true;
}

bool light_submit(struct light *light, struct bytes raw, uint32_t *code, struct error *error)
{
    light->request = (struct api_request){.kind = API_SUBMIT, .tx = raw};
    if (!light_ask(light, take_submitted, code, error)) {
        return false;
    }
    if (*code != CODE_OK) {
        light_turn(light);
    }
    return true;
}

/* ---- The fate of a transaction -------------------------------------------------------------- */

struct fate {
    struct bytes raw; /* data NULL: only the id is known */
    struct hash id;
    uint64_t valid_until_ms;
    uint32_t type;
    struct address sender;
    uint32_t lane;
    uint64_t seq;
    /* found */
    enum api_tx_status status;
    uint64_t height;
    uint32_t index;
    struct api_path path;
    struct block_header child;
    struct hash child_id;
    struct light_reply record;
};

static bool fate_init(struct fate *fate, struct bytes raw, struct error *error)
{
    struct tx tx;
    memset(fate, 0, sizeof *fate);
    if (!wire_decode_tx(raw, &tx)) {
        return error_set(error, EXIT_CODE_USAGE, "not a transaction");
    }
    fate->raw = raw;
    fate->valid_until_ms = tx.valid_until_ms;
    fate->sender = tx.sender;
    fate->lane = tx.lane;
    fate->seq = tx.seq;
    crypto_digest(TAG_TX, tx.payload, &fate->id);
    return true;
}

/* The header after the block that holds it, final itself or named by the tip. */
static bool take_anchor(struct light *light, const struct api_anchor *anchor, struct fate *fate,
                        struct error *error)
{
    struct light_tip child;
    if (!light_take_anchor(light, anchor, &child, error)) {
        return false;
    }
    fate->child = child.header;
    fate->child_id = child.block_id;
    return true;
}

static bool take_fate(struct light *light, void *context, struct error *error)
{
    struct fate *fate = context;
    const struct api_answer *answer = &light->answer;
    fate->status = answer->tx_status;
    if (answer->tx_status != API_TX_PROVEN) {
        return true;
    }
    fate->height = answer->height;
    fate->index = answer->index;
    fate->path = answer->path;
    return take_anchor(light, &answer->anchor, fate, error) &&
           copy_reply(answer->body, &fate->record, error);
}

/* The transaction itself, when only its id was known; verify_result judges the place. */
static bool find_raw(const struct fate *fate, struct bytes body, struct bytes *out)
{
    struct wire_block block;
    struct wire_tx_iterator iterator;
    struct bytes raw;
    struct tx tx;
    struct hash id;
    if (!wire_decode_block(body, &block)) {
        return false;
    }
    wire_txs_begin(&iterator, &block.txs);
    for (uint32_t i = 0; wire_txs_next(&iterator, &raw); i++) {
        if (i == fate->index && wire_decode_tx(raw, &tx)) {
            crypto_digest(TAG_TX, tx.payload, &id);
            *out = raw;
            return hash_equal(&id, &fate->id);
        }
    }
    return false;
}

static bool take_evidence(struct light *light, void *context, struct error *error)
{
    struct fate *fate = context;
    struct bytes raw = fate->raw;
    struct tx tx;
    if (raw.data == NULL && !find_raw(fate, light->answer.body, &raw)) {
        return light_refuse(error, "the block has another transaction at that place");
    }
    const struct verify_result claim = {.raw = raw,
                                        .block = light->answer.body,
                                        .record = bytes_of(fate->record.data, fate->record.size),
                                        .height = fate->height,
                                        .index = fate->index,
                                        .path = &fate->path,
                                        .child = &fate->child};
    const char *wrong = verify_result(&claim);
    if (wrong != NULL) {
        return light_refuse(error, wrong);
    }
    const bool ok = wire_decode_tx(raw, &tx);
    ASSERT(ok); /* fate_init or find_raw has read it */
    fate->type = tx.type;
    fate->sender = tx.sender;
    fate->lane = tx.lane;
    fate->seq = tx.seq;
    return true;
}

/* Equal but for the signature, which the id leaves out. */
static bool same_tx(struct bytes a, struct bytes b)
{
    struct tx left;
    struct tx right;
    return wire_decode_tx(a, &left) && wire_decode_tx(b, &right) &&
           bytes_equal(left.payload, right.payload);
}

static bool fate_settle(struct light *light, struct fate *fate, struct light_result *out,
                        struct error *error)
{
    struct wire_result result;
    light->request = (struct api_request){.kind = API_BLOCK, .height = fate->height};
    if (!light_ask(light, take_evidence, fate, error)) {
        return false;
    }
    if (!wire_decode_result(bytes_of(fate->record.data, fate->record.size), &result)) {
        return error_set(error, EXIT_CODE_VERSION,
                         "a result this version cannot read: use a newer gradus");
    }
    *out = (struct light_result){.height = fate->height,
                                 .index = fate->index,
                                 .code = result.code,
                                 .events = result.events,
                                 .memory = fate->record.data};
    fate->record.data = NULL;
    return true;
}

static bool fate_look_once(struct light *light, struct fate *fate, bool *found,
                           struct light_result *out, struct error *error)
{
    light->request = (struct api_request){.kind = API_TX, .hash = fate->id};
    if (!light_ask(light, take_fate, fate, error)) {
        return false;
    }
    if (fate->status != API_TX_PROVEN) {
        return true;
    }
    const uint32_t teller = light->current;
    *found = fate_settle(light, fate, out, error);
    free(fate->record.data);
    fate->record.data = NULL;
    if (!*found) {
        /* Who told the place was wrong, or who told the block: ask the first one last. */
        light_rest(light, teller);
        light->current = (teller + 1) % light->config.endpoint_count;
    }
    return *found;
}

static bool fate_look(struct light *light, struct fate *fate, bool *found, struct light_result *out,
                      struct error *error)
{
    *found = false;
    for (uint32_t i = 0; i < light->config.endpoint_count; i++) {
        if (fate_look_once(light, fate, found, out, error)) {
            return true;
        }
        if (error->code != EXIT_CODE_VERIFY) {
            return false;
        }
    }
    return false;
}

bool light_look_tx(struct light *light, struct bytes raw, bool *found, struct light_result *out,
                   struct error *error)
{
    struct fate fate;
    return fate_init(&fate, raw, error) && fate_look(light, &fate, found, out, error);
}

bool light_look_id(struct light *light, const struct hash *id, bool *found, struct light_found *out,
                   struct error *error)
{
    struct fate fate = {.id = *id};
    *out = (struct light_found){.waiting = false};
    for (uint32_t i = 0; i < light->config.endpoint_count; i++) {
        if (!fate_look(light, &fate, found, &out->result, error)) {
            return false;
        }
        if (*found) {
            out->type = fate.type;
            out->sender = fate.sender;
            out->lane = fate.lane;
            out->seq = fate.seq;
            return true;
        }
        out->waiting = out->waiting || fate.status != API_TX_UNKNOWN;
        light_turn(light);
    }
    return true;
}

/* The next number of its lane in the proven state, and the header that names that state. */
struct lane {
    uint64_t next_seq;
    uint64_t height;
    uint64_t time_ms;
};

static bool read_lane(struct light *light, const struct fate *fate, struct lane *out,
                      struct error *error)
{
    struct light_values values;
    struct account account = {.seq = 0};
    struct counter counter = {.value = 0};
    const bool first = fate->lane == 0;
    const struct key key = first ? key_account(&fate->sender) : key_lane(&fate->sender, fate->lane);
    if (!light_prove(light, &key, 1, &values, error)) {
        return false;
    }
    const struct light_value *value = &values.items[0];
    bool ok = true;
    if (value->present) {
        ok = first ? record_decode(&record_account, value->value, &account)
                   : record_decode(&record_counter, value->value, &counter);
    }
    *out = (struct lane){.next_seq = first ? account.seq : counter.value,
                         .height = values.height,
                         .time_ms = values.time_ms};
    light_values_free(&values);
    return ok || error_set(error, EXIT_CODE_VERSION,
                           "a sequence number this version cannot read: use a newer gradus");
}

/* 4.1.2: once a final header is later than valid_until_ms, a sequence number that its state
 * does not show as used can never be used by this transaction. */
static bool is_expired(struct light *light, const struct fate *fate, bool *expired,
                       struct error *error)
{
    struct lane lane;
    *expired = false;
    if (light->tip.header.time_ms <= fate->valid_until_ms) {
        return true;
    }
    if (!read_lane(light, fate, &lane, error)) {
        return false;
    }
    *expired = lane.time_ms > fate->valid_until_ms && lane.next_seq <= fate->seq;
    return true;
}

static bool fate_push(struct light *light, const struct fate *fate, struct error *error)
{
    bool expired = false;
    uint32_t code = 0;
    if (!is_expired(light, fate, &expired, error)) {
        return false;
    }
    if (expired) {
        return error_set(error, EXIT_CODE_EXPIRED,
                         "proven: it was in no block before its valid_until_ms; send it again");
    }
    /* A refusal here is the node's word only: the result or the expiry decides. */
    return light_submit(light, fate->raw, &code, error);
}

bool light_wait_tx(struct light *light, struct bytes raw, uint32_t timeout_ms,
                   struct light_result *out, struct error *error)
{
    struct fate fate;
    bool found = false;
    const uint64_t start = light_now_ms(light);
    uint64_t pushed = start;
    uint32_t pause = 2;
    if (!fate_init(&fate, raw, error)) {
        return false;
    }
    for (;;) {
        if (!fate_look(light, &fate, &found, out, error)) {
            return false;
        }
        if (found) {
            return true;
        }
        const uint64_t now = light_now_ms(light);
        if (now - start >= timeout_ms) {
            return error_set(error, EXIT_CODE_UNREACHABLE,
                             "no final result after %u ms: the outcome is unknown",
                             (unsigned)timeout_ms);
        }
        const bool due = now - pushed > PUSH_AGAIN_MS;
        const bool lost = due && fate.status == API_TX_UNKNOWN;
        if (lost && (!light_refresh(light, error) || !fate_push(light, &fate, error))) {
            return false;
        }
        if (due) {
            pushed = now;
            light_turn(light); /* one that keeps something back is not asked for ever */
        }
        light_wait(light, pause);
        pause = pause < LIGHT_RETRY_MS ? 2 * pause : LIGHT_RETRY_MS;
    }
}

void light_result_free(struct light_result *result)
{
    free(result->memory);
    result->memory = NULL;
}

/* ---- Proven absence ------------------------------------------------------------------------- */

/* A walk from a block down to its ancestors, looking for a transaction. */
struct walk {
    uint64_t height;
    struct hash block_id;
    struct bytes raw;
    bool found;
};

static bool take_ancestor(struct light *light, void *context, struct error *error)
{
    struct walk *walk = context;
    struct wire_block block;
    struct wire_tx_iterator iterator;
    struct bytes raw;
    const char *wrong = verify_body(light->answer.body, walk->height, &walk->block_id);
    if (wrong != NULL) {
        return light_refuse(error, wrong);
    }
    const bool ok = wire_decode_block(light->answer.body, &block);
    ASSERT(ok); /* verify_body has just read it */
    wire_txs_begin(&iterator, &block.txs);
    while (wire_txs_next(&iterator, &raw)) {
        walk->found = walk->found || same_tx(raw, walk->raw);
    }
    walk->block_id = block.header.parent_id;
    walk->height--;
    return true;
}

bool light_prove_absent(struct light *light, struct bytes raw, uint64_t from_height, bool *absent,
                        struct error *error)
{
    struct fate fate;
    struct lane lane;
    *absent = false;
    if (!fate_init(&fate, raw, error)) {
        return false;
    }
    if (fate.lane == TX_LANE_UNORDERED) {
        return true; /* its numbers have no order */
    }
    if (!read_lane(light, &fate, &lane, error)) {
        return false;
    }
    if (lane.next_seq <= fate.seq || light->tip.header.height < lane.height) {
        return true; /* it may still enter */
    }
    struct walk walk = {.height = light->tip.header.height - 1,
                        .block_id = light->tip.header.parent_id,
                        .raw = raw};
    if (walk.height >= from_height && walk.height - from_height >= LIGHT_WALK_MAX) {
        return error_set(error, EXIT_CODE_INCOMPLETE,
                         "the number was used in one of more than %d blocks; use history export",
                         (int)LIGHT_WALK_MAX);
    }
    while (walk.height >= from_height && walk.height > 0 && !walk.found) {
        light->request = (struct api_request){.kind = API_BLOCK, .height = walk.height};
        if (!light_ask(light, take_ancestor, &walk, error)) {
            return false;
        }
    }
    *absent = !walk.found;
    return true;
}
