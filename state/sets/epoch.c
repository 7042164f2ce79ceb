#include "crypto/crypto.h"
#include "state/sets/guilt.h"
#include "state/sets/sets.h"
#include "wire/wire.h"

/* Which set holds, and when the next one does: functions of the state alone. */

static struct set_epoch read_epoch(const struct state_view *view)
{
    struct set_epoch epoch;
    const struct key key = key_global(GLOBAL_EPOCH);
    if (!state_read(view, &key, &record_set_epoch, &epoch)) {
        epoch = (struct set_epoch){.version = RECORD_VERSION};
    }
    return epoch;
}

static bool read_ready(const struct state_view *view, struct set_change *out)
{
    const struct key key = key_global(GLOBAL_CHANGE);
    return state_read(view, &key, &record_set_change, out) && set_change_is_ready(out);
}

static struct bytes read_bytes(const struct state_view *view, enum key_global which)
{
    struct bytes value;
    const struct key key = key_global(which);
    const bool present = view->get(view->context, key_view(&key), &value);
    ASSERT(present); /* the set from the genesis on, the next one with its change */
    return value;
}

static void read_set(const struct state_view *view, enum key_global which,
                     struct validator_set *out)
{
    const bool ours = wire_decode_validator_set(read_bytes(view, which), out);
    ASSERT(ours);
}

struct state_epoch state_read_epoch(const struct state_view *view, uint64_t height)
{
    const struct set_epoch epoch = read_epoch(view);
    struct state_epoch out = {.epoch = epoch.epoch, .start_height = epoch.start_height};
    struct set_change change;
    crypto_digest(TAG_VALIDATOR_SET, read_bytes(view, GLOBAL_VALIDATORS), &out.set_hash);
    out.boundary = read_ready(view, &change) && change.accepted_height + 2 <= height;
    out.next_set_hash = out.boundary ? change.next_set_hash : out.set_hash;
    return out;
}

void state_read_set(const struct state_view *view, struct validator_set *out)
{
    read_set(view, GLOBAL_VALIDATORS, out);
}

void state_read_next_set(const struct state_view *view, struct validator_set *out)
{
    read_set(view, GLOBAL_NEXT_SET, out);
}

bool sets_wait(const struct state_view *view)
{
    struct set_change change;
    return read_ready(view, &change);
}

bool sets_of_epoch(const struct state_view *view, uint64_t epoch, struct validator_set *out,
                   struct hash *set_hash)
{
    const uint64_t now = read_epoch(view).epoch;
    const struct key key = epoch == now ? key_global(GLOBAL_VALIDATORS) : key_set(epoch);
    struct bytes value;
    if (epoch > now || !view->get(view->context, key_view(&key), &value) ||
        !wire_decode_validator_set(value, out)) {
        return false;
    }
    crypto_digest(TAG_VALIDATOR_SET, value, set_hash);
    return true;
}

/* ---- The boundary ------------------------------------------------------------------- */

static void remove_if_present(struct execution *x, const struct key *key)
{
    struct bytes value;
    if (buffer_get(x->buffer, key, &value)) {
        buffer_remove(x->buffer, key);
    }
}

void sets_begin(struct execution *x)
{
    const struct state_view *view = x->buffer->view;
    const struct state_epoch epoch = state_read_epoch(view, x->block->height);
    if (!epoch.boundary) {
        return;
    }
    struct validator_set old;
    state_read_set(view, &old);
    for (uint32_t i = 0; i < old.count; i++) {
        const struct key key = key_change(&old.items[i].account); /* made for the old set */
        remove_if_present(x, &key);
    }
    const struct key past = key_set(epoch.epoch);
    const struct key set = key_global(GLOBAL_VALIDATORS);
    buffer_put(x->buffer, &past, read_bytes(view, GLOBAL_VALIDATORS));
    buffer_put(x->buffer, &set, read_bytes(view, GLOBAL_NEXT_SET));
    const struct key done[] = {key_global(GLOBAL_CHANGE), key_global(GLOBAL_NEXT_SET)};
    buffer_remove(x->buffer, &done[0]);
    buffer_remove(x->buffer, &done[1]);
    const struct set_epoch next = {
        .version = RECORD_VERSION, .epoch = epoch.epoch + 1, .start_height = x->block->height};
    const struct key key = key_global(GLOBAL_EPOCH);
    buffer_write(x->buffer, &key, &record_set_epoch, &next);
    x->epoch_opened = true;
}

void sets_end(struct execution *x)
{
    if (!x->epoch_opened) {
        return;
    }
    struct set_epoch epoch;
    struct bytes value;
    struct hash set_hash;
    struct validator_set set;
    const struct key epoch_key = key_global(GLOBAL_EPOCH);
    const struct key key = key_global(GLOBAL_VALIDATORS);
    buffer_load(x->buffer, &epoch_key, &record_set_epoch, &epoch);
    const bool ours = buffer_get(x->buffer, &key, &value) && wire_decode_validator_set(value, &set);
    ASSERT(ours);
    crypto_digest(TAG_VALIDATOR_SET, value, &set_hash);
    ledger_event(x, EVENT_EPOCH_OPENED, &set_hash, epoch.epoch, set.count);
    guilt_follow(x, &set);
}
