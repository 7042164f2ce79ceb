#include "base/checked.h"
#include "state/market/market.h"

/* Offered beside the node's other live offers (I3). */
static enum code judge_capacity(const struct body_offer_create *body, const struct node *node,
                                uint64_t after[CAPACITY_COUNT])
{
    uint64_t has[CAPACITY_COUNT];
    node_capacity(node, has);
    if (body->capacity[CAPACITY_GFLOPS] == 0) {
        return CODE_E_RANGE; /* it is what the planner goes by */
    }
    for (uint32_t i = 0; i < CAPACITY_COUNT; i++) {
        if (!checked_add(node->offered[i], body->capacity[i], &after[i]) || after[i] > has[i]) {
            return CODE_E_RANGE;
        }
    }
    return CODE_OK;
}

static bool terms_are_neutral(const struct body_offer_create *body)
{
    for (uint32_t i = 1; i < PRICE_COUNT; i++) {
        if (body->prices[i] != 0) {
            return false;
        }
    }
    return body->from_ms == 0 && body->to_ms == 0 && body->min_lease_s == 0 &&
           body->max_lease_s == 0 && body->reclaim_window_s == 0 && body->preemptible == 0 &&
           body->accept_mode == 0 && body->peer_orgs == 0 && body->purposes == 0 &&
           body->deposit == 0;
}

static enum code judge_terms(const struct execution *x, const struct body_offer_create *body)
{
    if (body->kind != OFFER_COMPUTE || !terms_are_neutral(body) || !money_valid(body->prices[0])) {
        return CODE_E_RANGE;
    }
    for (uint32_t i = 0; i < body->allowed_orgs_count; i++) {
        struct bytes org;
        const struct key key = key_org(body->allowed_orgs[i]);
        if (!buffer_get(x->buffer, &key, &org)) {
            return CODE_E_NOT_FOUND;
        }
    }
    return CODE_OK;
}

static void store_offer(struct execution *x, const struct call *call, const struct hash *id)
{
    const struct body_offer_create *body = call->body;
    struct offer offer = {
        .version = RECORD_VERSION,
        .provider = call->tx->sender,
        .node_id = body->node_id,
        .kind = body->kind,
        .allowed_orgs_count = body->allowed_orgs_count,
        .state = OFFER_OPEN,
        .created_ms = x->now_ms,
    };
    memcpy(offer.capacity, body->capacity, sizeof(offer.capacity));
    memcpy(offer.prices, body->prices, sizeof(offer.prices));
    memcpy(offer.allowed_orgs, body->allowed_orgs, sizeof(offer.allowed_orgs));
    const struct key key = key_object(KEY_OFFER, id);
    buffer_write(x->buffer, &key, &record_offer, &offer);
    collection_append(x->buffer, COLLECTION_OPEN_OFFERS, owner_none(), id);
    collection_append(x->buffer, COLLECTION_ACCOUNT_OFFERS, owner_account(&call->tx->sender), id);
    count_raise(x->buffer, COLLECTION_LIVE_OFFERS, owner_account(&call->tx->sender));
}

enum code execute_offer_create(struct execution *x, struct call *call)
{
    const struct body_offer_create *body = call->body;
    enum code code = judge_terms(x, body);
    if (code != CODE_OK) {
        return code;
    }
    struct node node;
    const struct key node_key = key_object(KEY_NODE, &body->node_id);
    if (!buffer_read(x->buffer, &node_key, &record_node, &node)) {
        return CODE_E_NOT_FOUND;
    }
    if (!address_equal(&node.provider, &call->tx->sender)) {
        return CODE_E_OWNER;
    }
    uint64_t offered[CAPACITY_COUNT];
    code = judge_capacity(body, &node, offered);
    if (code != CODE_OK) {
        return code;
    }
    const uint64_t most = x->params.offers_max;
    const struct bytes owner = owner_account(&call->tx->sender);
    if (collection_count(x->buffer, COLLECTION_OPEN_OFFERS, owner_none()) >= most ||
        collection_count(x->buffer, COLLECTION_LIVE_OFFERS, owner) >= account_share(most)) {
        return CODE_E_LIMIT;
    }
    const struct hash id =
        id_created(KEY_OFFER, &x->chain_id, &call->tx->sender, call->tx->lane, call->tx->seq);
    struct bytes existing;
    const struct key key = key_object(KEY_OFFER, &id);
    if (buffer_get(x->buffer, &key, &existing)) {
        return CODE_E_DUPLICATE;
    }
    memcpy(node.offered, offered, sizeof(node.offered));
    buffer_write(x->buffer, &node_key, &record_node, &node);
    store_offer(x, call, &id);
    planner_wake(x);
    ledger_event(x, EVENT_OFFER_OPENED, &id, body->capacity[CAPACITY_GFLOPS], body->prices[0]);
    return CODE_OK;
}

enum code execute_offer_cancel(struct execution *x, struct call *call)
{
    const struct body_offer_cancel *body = call->body;
    const struct key key = key_object(KEY_OFFER, &body->offer_id);
    struct offer offer;
    if (!buffer_read(x->buffer, &key, &record_offer, &offer)) {
        return CODE_E_NOT_FOUND;
    }
    if (!address_equal(&offer.provider, &call->tx->sender)) {
        return CODE_E_OWNER;
    }
    if (offer.state == OFFER_LEASED) {
        offer.state = OFFER_CLOSING; /* the lease runs on */
        buffer_write(x->buffer, &key, &record_offer, &offer);
        return CODE_OK;
    }
    if (offer.state != OFFER_OPEN) {
        return CODE_E_STATE;
    }
    collection_remove(x->buffer, COLLECTION_OPEN_OFFERS, owner_none(), &body->offer_id);
    offer_close(x, &body->offer_id, &offer);
    return CODE_OK;
}

void offer_close(struct execution *x, const struct hash *id, struct offer *offer)
{
    struct node node;
    const struct key node_key = key_object(KEY_NODE, &offer->node_id);
    buffer_load(x->buffer, &node_key, &record_node, &node);
    for (uint32_t i = 0; i < CAPACITY_COUNT; i++) {
        const bool held = checked_sub(node.offered[i], offer->capacity[i], &node.offered[i]);
        ASSERT(held);
    }
    buffer_write(x->buffer, &node_key, &record_node, &node);
    const struct key key = key_object(KEY_OFFER, id);
    offer->state = OFFER_CLOSED;
    offer->lease_id = (struct hash){{0}};
    buffer_write(x->buffer, &key, &record_offer, offer);
    count_lower(x->buffer, COLLECTION_LIVE_OFFERS, owner_account(&offer->provider));
    ledger_event(x, EVENT_OFFER_CLOSED, id, 0, 0);
}
