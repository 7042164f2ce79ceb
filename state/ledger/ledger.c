#include "state/ledger/ledger.h"

#include "base/checked.h"

enum { PURGE_ENTRIES_MAX = 1024, MINUTE_MS = 60000 };

uint64_t ledger_units(const struct tx *tx)
{
    return 1 + tx->raw.size / 1024;
}

/* In the array that the block's results share. */
static size_t events_used(const struct event_log *log)
{
    return (size_t)(log->events - log->first) + log->count;
}

bool events_have_room(const struct event_log *log)
{
    return STATE_EVENT_COUNT_MAX - events_used(log) >= EVENT_ROOM;
}

void ledger_event(struct execution *x, enum event_kind kind, const struct hash *id, uint64_t a,
                  uint64_t b)
{
    ASSERT(events_used(x->log) < STATE_EVENT_COUNT_MAX);
    x->log->events[x->log->count++] = (struct event){.kind = kind, .id = *id, .a = a, .b = b};
}

uint64_t account_share(uint64_t most)
{
    return most < ACCOUNT_SHARE ? 1 : most / ACCOUNT_SHARE;
}

/* ---- Clock ------------------------------------------------------------------------ */

void clock_begin(struct execution *x)
{
    const struct key params_key = key_global(GLOBAL_PARAMS);
    const struct key clock_key = key_global(GLOBAL_CLOCK);
    buffer_load(x->buffer, &params_key, &record_params, &x->params);
    buffer_load(x->buffer, &clock_key, &record_clock, &x->clock);
    ASSERT(x->block->time_ms >= x->clock.header_ms); /* the header rules */
    x->now_ms = x->block->time_ms - x->clock.outage_ms;
    struct item first;
    if (!wheel_first(x->buffer, &first)) {
        return;
    }
    /* 13.1: a live chain makes a block for every due deadline.  Never before the last
     * block's time: a deadline may have been left over when a block was full. */
    uint64_t due = first.time_ms > x->clock.ledger_ms ? first.time_ms : x->clock.ledger_ms;
    if (checked_add(due, x->params.outage_grace_ms, &due) && x->now_ms > due) {
        const uint64_t outage = x->now_ms - due;
        const struct hash none = {{0}};
        x->clock.outage_ms += outage;
        x->now_ms = due;
        ledger_event(x, EVENT_OUTAGE, &none, outage, x->clock.outage_ms);
    }
}

void clock_end(struct execution *x)
{
    const struct key key = key_global(GLOBAL_CLOCK);
    x->clock.height = x->block->height;
    x->clock.header_ms = x->block->time_ms;
    x->clock.ledger_ms = x->now_ms;
    x->clock.beacon = x->block->beacon;
    buffer_write(x->buffer, &key, &record_clock, &x->clock);
}

uint64_t clock_deadline(const struct execution *x, uint64_t after_ms)
{
    const uint64_t grid = x->params.deadline_grid_ms;
    uint64_t time = 0;
    if (!checked_add(x->now_ms, after_ms, &time) || !checked_add(time, grid - 1, &time)) {
        return UINT64_MAX; /* never: windows are bounded far below this */
    }
    return time / grid * grid;
}

/* ---- Sequence numbers and quota ----------------------------------------------------- */

static void remember_unordered(struct execution *x, const struct tx *tx)
{
    const struct key key = key_unordered(&tx->sender, tx->seq);
    position_set(x->buffer, &key, tx->valid_until_ms);

    uint8_t owner[4];
    const uint64_t minute = tx->valid_until_ms / MINUTE_MS;
    for (int i = 0; i < 4; i++) {
        owner[i] = (uint8_t)(minute >> (24 - 8 * i));
    }
    const struct bytes view = bytes_of(owner, sizeof(owner));
    const uint32_t count = collection_count(x->buffer, COLLECTION_EXPIRY, view);
    const struct key item_key = key_item(COLLECTION_EXPIRY, view, count);
    const struct key count_key = key_count(COLLECTION_EXPIRY, view);
    const struct item item = {
        .version = RECORD_VERSION, .id = id_of_address(&tx->sender), .time_ms = tx->seq};
    buffer_write(x->buffer, &item_key, &record_item, &item);
    position_set(x->buffer, &count_key, count + 1);

    struct purge purge;
    const struct key purge_key = key_global(GLOBAL_PURGE);
    buffer_load(x->buffer, &purge_key, &record_purge, &purge);
    if (minute > purge.last_minute) {
        purge.last_minute = minute;
        buffer_write(x->buffer, &purge_key, &record_purge, &purge);
    }
}

void ledger_consume(struct execution *x, const struct tx *tx, struct account *sender)
{
    account_load(x, &tx->sender, sender);
    if (tx->lane == 0) {
        sender->seq = tx->seq + 1;
        account_store(x, &tx->sender, sender);
    } else if (tx->lane == TX_LANE_UNORDERED) {
        remember_unordered(x, tx);
    } else {
        const struct key key = key_lane(&tx->sender, tx->lane);
        position_set(x->buffer, &key, tx->seq + 1);
    }
    const struct key key = key_usage(sender->org);
    const uint64_t window = x->block->time_ms / x->params.quota_window_ms;
    struct usage usage = {.version = RECORD_VERSION, .window = window};
    if (buffer_read(x->buffer, &key, &record_usage, &usage) && usage.window != window) {
        usage.window = window;
        usage.used = 0;
    }
    usage.used += ledger_units(tx); /* below the quota: admission */
    buffer_write(x->buffer, &key, &record_usage, &usage);
}

/* Forgets up to `limit` entries of one minute; true when none is left. */
static bool purge_minute(struct execution *x, uint64_t minute, uint32_t *limit)
{
    uint8_t owner[4];
    for (int i = 0; i < 4; i++) {
        owner[i] = (uint8_t)(minute >> (24 - 8 * i));
    }
    const struct bytes view = bytes_of(owner, sizeof(owner));
    const struct key count_key = key_count(COLLECTION_EXPIRY, view);
    uint32_t count = collection_count(x->buffer, COLLECTION_EXPIRY, view);
    const uint32_t before = count;
    while (count > 0 && *limit > 0) {
        const struct key item_key = key_item(COLLECTION_EXPIRY, view, count - 1);
        struct item item;
        buffer_load(x->buffer, &item_key, &record_item, &item);
        struct address sender;
        memcpy(sender.bytes, item.id.bytes, ADDRESS_SIZE);
        const struct key key = key_unordered(&sender, item.time_ms);
        uint64_t valid_until = 0;
        /* The number may have been used again since, and then belongs to a later minute. */
        if (position_get(x->buffer, &key, &valid_until) && valid_until / MINUTE_MS == minute) {
            buffer_remove(x->buffer, &key);
        }
        buffer_remove(x->buffer, &item_key);
        count--;
        (*limit)--;
    }
    if (count == 0 && before > 0) {
        buffer_remove(x->buffer, &count_key);
    } else if (count != before) {
        position_set(x->buffer, &count_key, count);
    }
    return count == 0;
}

void ledger_purge(struct execution *x)
{
    struct purge purge;
    const struct key key = key_global(GLOBAL_PURGE);
    buffer_load(x->buffer, &key, &record_purge, &purge);
    const uint64_t now = x->block->time_ms / MINUTE_MS;
    const struct purge before = purge;
    uint32_t limit = PURGE_ENTRIES_MAX;
    while (purge.minute < now && limit > 0) {
        if (purge.minute > purge.last_minute) {
            purge.minute = now; /* nothing lies between */
        } else if (purge_minute(x, purge.minute, &limit)) {
            purge.minute++;
            limit -= limit > 0 ? 1 : 0; /* empty minutes are work too */
        }
    }
    if (purge.minute != before.minute) {
        buffer_write(x->buffer, &key, &record_purge, &purge);
    }
}

/* ---- Accounts and money -------------------------------------------------------------- */

bool account_find(const struct execution *x, const struct address *address, struct account *out)
{
    const struct key key = key_account(address);
    return buffer_read(x->buffer, &key, &record_account, out);
}

void account_load(const struct execution *x, const struct address *address, struct account *out)
{
    const bool present = account_find(x, address, out);
    ASSERT(present);
}

void account_store(struct execution *x, const struct address *address,
                   const struct account *account)
{
    const struct key key = key_account(address);
    buffer_write(x->buffer, &key, &record_account, account);
}

bool money_valid(uint64_t credits)
{
    return credits <= SUPPLY_MAX;
}

bool money_take(struct execution *x, const struct address *address, uint64_t credits)
{
    struct account account;
    account_load(x, address, &account);
    if (!checked_sub(account.available, credits, &account.available)) {
        return false;
    }
    account_store(x, address, &account);
    return true;
}

bool money_lock(struct execution *x, const struct address *address, uint64_t credits)
{
    struct account account;
    account_load(x, address, &account);
    if (!checked_sub(account.available, credits, &account.available) ||
        !checked_add(account.locked, credits, &account.locked)) {
        return false;
    }
    account_store(x, address, &account);
    return true;
}

void money_unlock(struct execution *x, const struct address *address, uint64_t credits)
{
    struct account account;
    account_load(x, address, &account);
    const bool held = checked_sub(account.locked, credits, &account.locked);
    const bool fits = checked_add(account.available, credits, &account.available);
    ASSERT(held && fits); /* the supply bounds every balance */
    account_store(x, address, &account);
}

void money_pay(struct execution *x, const struct address *address, uint64_t credits)
{
    struct account account;
    account_load(x, address, &account);
    const bool fits = checked_add(account.available, credits, &account.available);
    ASSERT(fits);
    account_store(x, address, &account);
}

enum code execute_transfer(struct execution *x, struct call *call)
{
    const struct body_transfer *body = call->body;
    struct account recipient;
    if (body->amount == 0) {
        return CODE_E_RANGE;
    }
    if (!account_find(x, &body->to, &recipient)) {
        return CODE_E_NOT_FOUND;
    }
    if (!money_take(x, &call->tx->sender, body->amount)) {
        return CODE_E_FUNDS;
    }
    money_pay(x, &body->to, body->amount);
    const struct hash id = id_of_address(&body->to);
    ledger_event(x, EVENT_TRANSFER, &id, body->amount, 0);
    return CODE_OK;
}
