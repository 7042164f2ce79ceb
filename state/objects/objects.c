#include "state/objects/objects.h"

static const struct record *record_of_global(uint8_t which)
{
    switch (which) {
    case GLOBAL_PARAMS:
        return &record_params;
    case GLOBAL_CHAIN:
        return &record_chain;
    case GLOBAL_CLOCK:
        return &record_clock;
    case GLOBAL_TOTALS:
        return &record_totals;
    case GLOBAL_PLANNER:
        return &record_planner;
    case GLOBAL_PURGE:
        return &record_purge;
    case GLOBAL_EPOCH:
        return &record_set_epoch;
    case GLOBAL_CHANGE:
        return &record_set_change;
    default:
        return NULL;
    }
}

const struct record *record_of_key(struct bytes key)
{
    static const struct {
        enum key_kind kind;
        const struct record *record;
    } table[] = {
        {KEY_ACCOUNT, &record_account},
        {KEY_COUNT, &record_counter},
        {KEY_DATA, &record_data_set},
        {KEY_LEASE, &record_lease},
        {KEY_OFFER, &record_offer},
        {KEY_ITEM, &record_item},
        {KEY_SEGMENT, &record_segment},
        {KEY_LANE, &record_counter},
        {KEY_MEMBER, &record_member},
        {KEY_NODE, &record_node},
        {KEY_ORG, &record_org},
        {KEY_PROCESS, &record_process},
        {KEY_REQUEST, &record_request},
        {KEY_ROUND, &record_round},
        {KEY_PLAN, &record_plan},
        {KEY_TERMS, &record_job_terms},
        {KEY_UNORDERED, &record_counter},
        {KEY_POSITION, &record_counter},
        {KEY_USAGE, &record_usage},
        {KEY_PROGRAM, &record_program},
        {KEY_UPLOAD, &record_program},
        {KEY_CHANGE, &record_set_change},
        {KEY_SUSPENSION, &record_suspension},
    };
    if (key.size < 2) {
        return NULL;
    }
    if (key.data[0] == KEY_GLOBAL) {
        return record_of_global(key.data[1]);
    }
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (key.data[0] == (uint8_t)table[i].kind) {
            return table[i].record;
        }
    }
    return NULL;
}

bool state_read(const struct state_view *view, const struct key *key, const struct record *record,
                void *out)
{
    struct bytes value;
    return view->get(view->context, key_view(key), &value) && record_decode(record, value, out);
}

uint32_t state_read_count(const struct state_view *view, enum collection collection,
                          struct bytes owner)
{
    struct counter counter;
    const struct key key = key_count(collection, owner);
    return state_read(view, &key, &record_counter, &counter) ? (uint32_t)counter.value : 0;
}

bool state_read_item(const struct state_view *view, enum collection collection, struct bytes owner,
                     uint32_t index, struct item *out)
{
    const struct key key = key_item(collection, owner, index);
    return state_read(view, &key, &record_item, out);
}
