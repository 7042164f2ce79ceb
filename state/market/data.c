#include "base/checked.h"
#include "state/market/market.h"

enum { PURPOSE_ALL = 31, STATISTICAL_ALL = 3, PPM = 1000000 };

static enum code judge_data(const struct body_data_register *body)
{
    if (hash_is_zero(&body->content_root) || body->size_bytes == 0 || body->records == 0 ||
        body->kind != 0) {
        return CODE_E_RANGE;
    }
    uint64_t held = 0;
    if (body->chunks != 0 && (!checked_mul((uint64_t)body->chunks * body->chunk_kib, 1024, &held) ||
                              held < body->size_bytes)) {
        return CODE_E_RANGE;
    }
    if (body->purposes == 0 || body->purposes > PURPOSE_ALL ||
        body->statistical_flags > STATISTICAL_ALL || body->quality_ppm > PPM) {
        return CODE_E_RANGE;
    }
    if (body->egress > EGRESS_NODE_ONLY || body->derivative_rule != 0 ||
        body->replicas_count != 0 || body->price != 0 || body->price_gib != 0) {
        return CODE_E_RANGE;
    }
    return CODE_OK;
}

enum code execute_data_register(struct execution *x, struct call *call)
{
    const struct body_data_register *body = call->body;
    const enum code code = judge_data(body);
    if (code != CODE_OK) {
        return code;
    }
    const struct hash id =
        id_created(KEY_DATA, &x->chain_id, &call->tx->sender, call->tx->lane, call->tx->seq);
    const struct key key = key_object(KEY_DATA, &id);
    struct bytes existing;
    if (buffer_get(x->buffer, &key, &existing)) {
        return CODE_E_DUPLICATE;
    }
    struct data_set data = {
        .version = RECORD_VERSION,
        .owner = call->tx->sender,
        .content_root = body->content_root,
        .size_bytes = body->size_bytes,
        .records = body->records,
        .kind = body->kind,
        .chunks = body->chunks,
        .chunk_kib = body->chunk_kib,
        .licence_id = body->licence_id,
        .licence_hash = body->licence_hash,
        .purposes = body->purposes,
        .derivative_rule = body->derivative_rule,
        .regions_count = body->regions_count,
        .egress = body->egress,
        .quality_ppm = body->quality_ppm,
        .statistical_flags = body->statistical_flags,
        .price = body->price,
        .price_gib = body->price_gib,
        .state = DATA_ACTIVE,
    };
    memcpy(data.regions, body->regions, sizeof(data.regions));
    buffer_write(x->buffer, &key, &record_data_set, &data);
    collection_append(x->buffer, COLLECTION_ACCOUNT_DATA, owner_account(&call->tx->sender), &id);
    ledger_event(x, EVENT_DATA_REGISTERED, &id, body->size_bytes, 0);
    return CODE_OK;
}
