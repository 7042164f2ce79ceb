#include "state/market/planner.h"

/* Shell sorts with a fixed gap sequence: short, not recursive, and with a total order the
 * result does not depend on the method. */
static const uint32_t sort_gaps[] = {3937, 1750, 701, 301, 132, 57, 23, 10, 4, 1};
enum { SORT_GAPS = sizeof(sort_gaps) / sizeof(sort_gaps[0]), SORT_ITEM_MAX = 128 };
STATIC_ASSERT(sizeof(struct candidate) <= SORT_ITEM_MAX, "items are moved through a buffer");
STATIC_ASSERT(sizeof(struct mention) <= SORT_ITEM_MAX, "items are moved through a buffer");
STATIC_ASSERT(sizeof(struct waiting) <= SORT_ITEM_MAX, "items are moved through a buffer");

struct order {
    size_t size; /* of an item */
    bool (*before)(const void *a, const void *b);
};

static void sink(uint8_t *items, uint32_t at, uint32_t gap, const struct order *order)
{
    _Alignas(max_align_t) uint8_t moved[SORT_ITEM_MAX];
    const size_t size = order->size;
    memcpy(moved, items + at * size, size);
    while (at >= gap && order->before(moved, items + (at - gap) * size)) {
        memcpy(items + at * size, items + (at - gap) * size, size);
        at -= gap;
    }
    memcpy(items + at * size, moved, size);
}

static void sort(void *items, uint32_t count, const struct order *order)
{
    for (size_t g = 0; g < SORT_GAPS; g++) {
        for (uint32_t i = sort_gaps[g]; i < count; i++) {
            sink(items, i, sort_gaps[g], order);
        }
    }
}

static bool candidate_before(const void *left, const void *right)
{
    const struct candidate *a = left;
    const struct candidate *b = right;
    if (a->gflops != b->gflops) {
        return a->gflops > b->gflops;
    }
    if (a->price != b->price) {
        return a->price < b->price;
    }
    return hash_compare(&a->offer_id, &b->offer_id) < 0;
}

static int address_compare(const struct address *a, const struct address *b)
{
    return memcmp(a->bytes, b->bytes, ADDRESS_SIZE);
}

static bool mention_before(const void *left, const void *right)
{
    const struct mention *a = left;
    const struct mention *b = right;
    const int order = address_compare(&a->address, &b->address);
    if (order != 0) {
        return order < 0;
    }
    return a->candidate != b->candidate ? a->candidate < b->candidate : a->worker < b->worker;
}

static bool waiting_before(const void *left, const void *right)
{
    const struct waiting *a = left;
    const struct waiting *b = right;
    /* Whoever waited longest for a look: nobody's requests hold up another's for good. */
    if (a->tried_inputs != b->tried_inputs) {
        return a->tried_inputs < b->tried_inputs;
    }
    if (a->priority != b->priority) {
        return a->priority < b->priority;
    }
    if (a->submitted_ms != b->submitted_ms) {
        return a->submitted_ms < b->submitted_ms;
    }
    return hash_compare(&a->id, &b->id) < 0;
}

void planner_spend(struct planner_scratch *scratch, uint64_t steps)
{
    scratch->steps_left -= steps < scratch->steps_left ? steps : scratch->steps_left;
}

static void org_allow(struct candidate *candidate, uint32_t org)
{
    if (org < ORG_COUNT_MAX) {
        candidate->orgs[org / 8] = (uint8_t)(candidate->orgs[org / 8] | 1U << (org % 8));
    }
}

static void load_candidate(struct execution *x, uint32_t index)
{
    struct planner_scratch *scratch = x->planner;
    struct offer offer;
    struct node node;
    const struct hash id = collection_get(x->buffer, COLLECTION_OPEN_OFFERS, owner_none(), index);
    const struct key offer_key = key_object(KEY_OFFER, &id);
    buffer_load(x->buffer, &offer_key, &record_offer, &offer);
    const struct key node_key = key_object(KEY_NODE, &offer.node_id);
    buffer_load(x->buffer, &node_key, &record_node, &node);
    struct candidate *candidate = &scratch->candidates[index];
    *candidate = (struct candidate){
        .offer_id = id,
        .gflops = offer.capacity[CAPACITY_GFLOPS],
        .price = offer.prices[0],
        .any_org = offer.allowed_orgs_count == 0,
    };
    for (uint32_t i = 0; i < offer.allowed_orgs_count; i++) {
        org_allow(candidate, offer.allowed_orgs[i]);
    }
    struct mention *mentions = &scratch->mentions[2 * (size_t)index];
    mentions[0] = (struct mention){.address = offer.provider, .candidate = index};
    mentions[1] = (struct mention){.address = node.worker, .candidate = index, .worker = true};
    planner_spend(scratch, 4); /* three reads and a turn */
}

/* Numbers the addresses; reads what each provider can bond. */
static void load_parties(struct execution *x)
{
    struct planner_scratch *scratch = x->planner;
    static const struct order by_address = {sizeof(struct mention), mention_before};
    const uint32_t count = 2 * scratch->candidate_count;
    sort(scratch->mentions, count, &by_address);
    scratch->party_count = 0;
    struct party *party = NULL;
    for (uint32_t i = 0; i < count; i++) {
        const struct mention *mention = &scratch->mentions[i];
        if (party == NULL || !address_equal(&party->address, &mention->address)) {
            struct account account;
            account_load(x, &mention->address, &account);
            party = &scratch->parties[scratch->party_count++];
            *party = (struct party){.address = mention->address, .available = account.available};
            planner_spend(scratch, 1);
        }
        struct candidate *candidate = &scratch->candidates[mention->candidate];
        *(mention->worker ? &candidate->worker : &candidate->provider) = scratch->party_count - 1;
    }
}

void candidates_load(struct execution *x)
{
    struct planner_scratch *scratch = x->planner;
    static const struct order by_speed = {sizeof(struct candidate), candidate_before};
    uint32_t count = collection_count(x->buffer, COLLECTION_OPEN_OFFERS, owner_none());
    /* Leases that end may open more than offers_max; the rest moves up as offers are taken. */
    count = count < OFFER_OPEN_MAX ? count : OFFER_OPEN_MAX;
    for (uint32_t i = 0; i < count; i++) {
        load_candidate(x, i);
    }
    scratch->candidate_count = count;
    scratch->request = 0;
    load_parties(x);
    sort(scratch->candidates, count, &by_speed);
}

void queue_load(struct execution *x)
{
    struct planner_scratch *scratch = x->planner;
    static const struct order by_turn = {sizeof(struct waiting), waiting_before};
    uint32_t count = collection_count(x->buffer, COLLECTION_QUEUE, owner_none());
    count = count < QUEUE_MAX ? count : QUEUE_MAX; /* plans that fail queue again */
    for (uint32_t i = 0; i < count; i++) {
        const struct hash id = collection_get(x->buffer, COLLECTION_QUEUE, owner_none(), i);
        struct request request;
        const struct key key = key_object(KEY_REQUEST, &id);
        buffer_load(x->buffer, &key, &record_request, &request);
        scratch->queue[i] = (struct waiting){
            .id = id,
            .submitted_ms = request.submitted_ms,
            .tried_inputs = request.tried_inputs,
            .priority = request.priority,
        };
        planner_spend(scratch, 3); /* two reads and a turn */
    }
    scratch->queue_count = count;
    sort(scratch->queue, count, &by_turn);
}

uint32_t party_find(const struct planner_scratch *scratch, const struct address *address)
{
    uint32_t low = 0;
    uint32_t high = scratch->party_count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const int order = address_compare(&scratch->parties[middle].address, address);
        if (order == 0) {
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return PARTY_NONE;
}

struct party *party_of(struct planner_scratch *scratch, uint32_t party)
{
    struct party *out = &scratch->parties[party];
    if (out->request != scratch->request) {
        out->request = scratch->request;
        out->promised = 0;
        out->chosen = false;
        out->excluded = false;
    }
    return out;
}
