#include "crypto/crypto.h"
#include "state/sets/guilt.h"
#include "state/sets/sets.h"
#include "wire/wire.h"

/* The transactions, and eviction. */

enum { PURPOSES = 3 };

static void load_set(const struct execution *x, enum key_global which, struct validator_set *out)
{
    struct bytes value;
    const struct key key = key_global(which);
    const bool ours = buffer_get(x->buffer, &key, &value) && wire_decode_validator_set(value, out);
    ASSERT(ours);
}

static void set_digest(const struct execution *x, enum key_global which, struct hash *out)
{
    struct bytes value;
    const struct key key = key_global(which);
    const bool present = buffer_get(x->buffer, &key, &value);
    ASSERT(present);
    crypto_digest(TAG_VALIDATOR_SET, value, out);
}

static struct bytes encode_set(const struct validator_set *set, uint8_t *buffer)
{
    struct wire_writer writer;
    struct bytes out;
    wire_writer_init(&writer, buffer, WIRE_VALIDATOR_SET_SIZE_MAX);
    wire_write_validator_set(&writer, set);
    const bool fits = wire_writer_end(&writer, &out);
    ASSERT(fits);
    return out;
}

static uint64_t epoch_now(const struct execution *x)
{
    struct set_epoch epoch = {.version = RECORD_VERSION};
    const struct key key = key_global(GLOBAL_EPOCH);
    (void)buffer_read(x->buffer, &key, &record_set_epoch, &epoch);
    return epoch.epoch;
}

/* ---- What a change makes of the set ----------------------------------------------------- */

static const struct public_key *key_of(const struct validator *v, uint32_t purpose)
{
    const struct public_key *keys[PURPOSES] = {&v->consensus, &v->network, &v->vrf};
    return keys[purpose];
}

static bool has_key(const struct validator *v, const struct public_key *key)
{
    bool has = false;
    for (uint32_t purpose = 0; purpose < PURPOSES; purpose++) {
        has = has || public_key_equal(key_of(v, purpose), key);
    }
    return has;
}

static bool shares_key(const struct validator *a, const struct validator *b)
{
    return has_key(a, &b->consensus) || has_key(a, &b->network) || has_key(a, &b->vrf);
}

/* Three points of the curve, each for one purpose and one seat only. */
static enum code judge_keys(const struct validator_set *set, const struct set_change *change)
{
    const struct validator *v = &change->validator;
    if (!crypto_public_key_valid(&v->consensus) || !crypto_public_key_valid(&v->network) ||
        !crypto_public_key_valid(&v->vrf)) {
        return CODE_E_RANGE;
    }
    bool repeated = public_key_equal(&v->consensus, &v->network) ||
                    public_key_equal(&v->consensus, &v->vrf) ||
                    public_key_equal(&v->network, &v->vrf);
    for (uint32_t i = 0; i < set->count; i++) {
        repeated = repeated || (i != change->seat && shares_key(&set->items[i], v));
    }
    return repeated ? CODE_E_DUPLICATE : CODE_OK;
}

/* A key that stays may stay, but for what it was. */
static enum code judge_rekey(const struct validator_set *set, const struct set_change *change)
{
    const struct validator *was = &set->items[change->seat];
    const struct validator *v = &change->validator;
    uint32_t fresh = 0;
    if (!address_equal(&was->account, &v->account)) {
        return CODE_E_OWNER;
    }
    for (uint32_t purpose = 0; purpose < PURPOSES; purpose++) {
        const struct public_key *key = key_of(v, purpose);
        const bool same = public_key_equal(key, key_of(was, purpose));
        fresh += same ? 0 : 1;
        if (!same && has_key(was, key)) {
            return CODE_E_DUPLICATE;
        }
    }
    return fresh > 0 ? judge_keys(set, change) : CODE_E_DUPLICATE;
}

static enum code judge_add(const struct execution *x, const struct validator_set *set,
                           const struct set_change *change)
{
    struct account account;
    if (set->count == VALIDATOR_COUNT_MAX) {
        return CODE_E_LIMIT;
    }
    if (change->seat != set->count) {
        return CODE_E_RANGE;
    }
    if (!account_find(x, &change->validator.account, &account)) {
        return CODE_E_NOT_FOUND;
    }
    if ((account.roles & ROLE_VALIDATOR) == 0) {
        return CODE_E_ROLE;
    }
    if (account.status != STATUS_ACTIVE) {
        return CODE_E_SUSPENDED;
    }
    for (uint32_t i = 0; i < set->count; i++) {
        if (address_equal(&set->items[i].account, &change->validator.account)) {
            return CODE_E_DUPLICATE; /* one account, one new seat */
        }
    }
    return judge_keys(set, change);
}

static bool validator_equal(const struct validator *a, const struct validator *b)
{
    return public_key_equal(&a->consensus, &b->consensus) &&
           public_key_equal(&a->network, &b->network) && public_key_equal(&a->vrf, &b->vrf) &&
           address_equal(&a->account, &b->account);
}

static void drop_seat(struct validator_set *set, uint32_t seat)
{
    set->count--;
    for (uint32_t i = seat; i < set->count; i++) {
        set->items[i] = set->items[i + 1];
    }
}

static enum code judge_suspension(const struct execution *x, const struct validator *v)
{
    return guilt_is_proven(x->buffer, &v->consensus) ? CODE_E_SUSPENDED : CODE_OK;
}

/* *set: of the present epoch; when the change may be made, the next one. */
static enum code change_apply(const struct execution *x, const struct set_change *change,
                              struct validator_set *set)
{
    enum code code = CODE_OK;
    switch (change->action) {
    case CHANGE_ADD:
        code = judge_add(x, set, change);
        code = code == CODE_OK ? judge_suspension(x, &change->validator) : code;
        if (code == CODE_OK) {
            set->items[set->count++] = change->validator;
        }
        return code;
    case CHANGE_REMOVE:
        if (change->seat >= set->count ||
            !validator_equal(&set->items[change->seat], &change->validator)) {
            return CODE_E_RANGE;
        }
        if (set->count == 1) {
            return CODE_E_LIMIT;
        }
        drop_seat(set, change->seat);
        return CODE_OK;
    case CHANGE_REKEY:
        code = change->seat < set->count ? judge_rekey(set, change) : CODE_E_RANGE;
        code = code == CODE_OK ? judge_suspension(x, &change->validator) : code;
        if (code == CODE_OK) {
            set->items[change->seat] = change->validator;
        }
        return code;
    default:
        return CODE_E_RANGE;
    }
}

/* ---- Approvals ----------------------------------------------------------------------- */

/* Marks the seats of this account; how many it has, and whether any was not marked yet. */
static uint32_t mark_seats(const struct validator_set *set, const struct address *account,
                           uint8_t *bitmap, bool *fresh)
{
    uint32_t seats = 0;
    *fresh = false;
    for (uint32_t i = 0; i < set->count; i++) {
        if (address_equal(&set->items[i].account, account)) {
            const uint8_t bit = (uint8_t)(1U << (i % 8));
            *fresh = *fresh || (bitmap[i / 8] & bit) == 0;
            bitmap[i / 8] = (uint8_t)(bitmap[i / 8] | bit);
            seats++;
        }
    }
    return seats;
}

static uint32_t count_approvals(const struct set_change *change)
{
    struct validator_bitmap bitmap;
    memcpy(bitmap.bytes, change->approvals, sizeof(bitmap.bytes));
    return validator_bitmap_count(&bitmap);
}

static void change_store(struct execution *x, const struct set_change *change)
{
    const struct key key =
        change->accepted_height == 0 ? key_change(&change->proposer) : key_global(GLOBAL_CHANGE);
    buffer_write(x->buffer, &key, &record_set_change, change);
}

/* The change as accepted, or false.  One that is not ready in time counts as absent (K3);
 * it is overwritten by the next one. */
static bool accepted_find(const struct execution *x, struct set_change *out, bool *lapsed)
{
    const struct key key = key_global(GLOBAL_CHANGE);
    if (!buffer_read(x->buffer, &key, &record_set_change, out)) {
        return false;
    }
    *lapsed = !set_change_is_ready(out) && x->now_ms - out->accepted_ms > SET_READY_MS;
    return true;
}

static void put_next_set(struct execution *x, const struct validator_set *next)
{
    uint8_t buffer[WIRE_VALIDATOR_SET_SIZE_MAX];
    const struct key key = key_global(GLOBAL_NEXT_SET);
    buffer_put(x->buffer, &key, encode_set(next, buffer));
}

/* Stores it as open or, with a quorum of *set behind it, as accepted.  Of the approvals only the
 * last one then says that somebody is there: the others may be a week old. */
static enum code change_settle(struct execution *x, struct set_change *change,
                               const struct validator_set *set, const struct address *last)
{
    struct bytes value;
    const uint32_t quorum = validator_quorum(set->count);
    const uint32_t approvals = count_approvals(change);
    const struct key open = key_change(&change->proposer);
    if (approvals < quorum) {
        change_store(x, change);
        return CODE_OK;
    }
    struct validator_set next = *set;
    const enum code code = change_apply(x, change, &next); /* accounts may have changed */
    if (code != CODE_OK) {
        return code;
    }
    if (buffer_get(x->buffer, &open, &value)) {
        buffer_remove(x->buffer, &open);
    }
    bool fresh = false;
    memset(change->approvals, 0, sizeof(change->approvals));
    (void)mark_seats(set, last, change->approvals, &fresh);
    change->accepted_height = x->block->height;
    change->accepted_ms = x->now_ms;
    change_store(x, change);
    put_next_set(x, &next);
    ledger_event(x, EVENT_CHANGE_ACCEPTED, &change->next_set_hash, change->members,
                 change->accepted_height + 2);
    return CODE_OK;
}

enum code execute_validator_propose(struct execution *x, struct call *call)
{
    const struct body_validator_propose *body = call->body;
    struct set_change other;
    struct validator_set set;
    struct hash set_hash;
    bool flag = false;
    load_set(x, GLOBAL_VALIDATORS, &set);
    set_digest(x, GLOBAL_VALIDATORS, &set_hash);
    struct set_change change = {.version = RECORD_VERSION,
                                .epoch = epoch_now(x),
                                .action = body->action,
                                .seat = body->seat,
                                .validator = body->validator,
                                .proposer = call->tx->sender,
                                .proposed_ms = x->now_ms};
    if (mark_seats(&set, &call->tx->sender, change.approvals, &flag) == 0) {
        return CODE_E_ROLE;
    }
    if (!hash_equal(&body->set_hash, &set_hash)) {
        return CODE_E_SEQ;
    }
    if (accepted_find(x, &other, &flag) && !flag) {
        return CODE_E_LOCKED;
    }
    struct validator_set next = set;
    const enum code code = change_apply(x, &change, &next);
    if (code != CODE_OK) {
        return code;
    }
    uint8_t buffer[WIRE_VALIDATOR_SET_SIZE_MAX];
    crypto_digest(TAG_VALIDATOR_SET, encode_set(&next, buffer), &change.next_set_hash);
    change.members = next.count;
    ledger_event(x, EVENT_CHANGE_PROPOSED, &change.next_set_hash, change.action, change.seat);
    return change_settle(x, &change, &set, &call->tx->sender);
}

/* Approved after it was accepted: the seat is alive. */
static enum code approve_accepted(struct execution *x, const struct call *call,
                                  struct set_change *change, const struct validator_set *set)
{
    bool fresh = false;
    if (mark_seats(set, &call->tx->sender, change->approvals, &fresh) == 0) {
        return CODE_E_ROLE;
    }
    if (!fresh) {
        return CODE_E_DUPLICATE;
    }
    change_store(x, change);
    ledger_event(x, EVENT_CHANGE_APPROVED, &change->next_set_hash, count_approvals(change),
                 validator_quorum(set->count));
    return CODE_OK;
}

static bool is_named(const struct set_change *change, const struct body_validator_approve *body)
{
    return change->action != CHANGE_EVICT && address_equal(&change->proposer, &body->proposer) &&
           hash_equal(&change->next_set_hash, &body->next_set_hash);
}

enum code execute_validator_approve(struct execution *x, struct call *call)
{
    const struct body_validator_approve *body = call->body;
    struct set_change change;
    struct validator_set set;
    bool flag = false;
    load_set(x, GLOBAL_VALIDATORS, &set);
    const bool accepted = accepted_find(x, &change, &flag);
    const bool named = accepted && is_named(&change, body);
    if (accepted && !flag) {
        return named ? approve_accepted(x, call, &change, &set) : CODE_E_LOCKED;
    }
    const struct key key = key_change(&body->proposer);
    if (!buffer_read(x->buffer, &key, &record_set_change, &change)) {
        return named ? CODE_E_DEADLINE : CODE_E_NOT_FOUND;
    }
    if (!is_named(&change, body)) {
        return CODE_E_SEQ;
    }
    if (x->now_ms - change.proposed_ms > SET_OPEN_MS) {
        return CODE_E_DEADLINE;
    }
    if (mark_seats(&set, &call->tx->sender, change.approvals, &flag) == 0) {
        return CODE_E_ROLE;
    }
    if (!flag) {
        return CODE_E_DUPLICATE;
    }
    ledger_event(x, EVENT_CHANGE_APPROVED, &change.next_set_hash, count_approvals(&change),
                 validator_quorum(set.count));
    return change_settle(x, &change, &set, &call->tx->sender);
}

/* ---- Readiness ------------------------------------------------------------------------- */

static enum code judge_ready(const struct execution *x, const struct body_ready *body,
                             const struct set_change *change)
{
    const uint64_t height = x->block->height;
    if (!hash_equal(&body->next_set_hash, &change->next_set_hash)) {
        return CODE_E_SEQ;
    }
    if (change->action == CHANGE_EVICT) {
        return CODE_E_STATE; /* waits for nobody */
    }
    if (body->seat >= change->members || body->height < change->accepted_height ||
        body->height >= height) {
        return CODE_E_RANGE;
    }
    if (height - body->height > SET_READY_BLOCKS) {
        return CODE_E_DEADLINE;
    }
    const bool sent = (change->ready[body->seat / 8] >> (body->seat % 8) & 1) != 0;
    return sent ? CODE_E_DUPLICATE : CODE_OK;
}

enum code execute_ready(struct execution *x, struct call *call)
{
    const struct body_ready *body = call->body;
    struct set_change change;
    struct validator_set next;
    bool lapsed = false;
    if (!accepted_find(x, &change, &lapsed)) {
        return CODE_E_NOT_FOUND;
    }
    const enum code code = lapsed ? CODE_E_DEADLINE : judge_ready(x, body, &change);
    if (code != CODE_OK) {
        return code;
    }
    if (x->budget.possessions == 0) {
        return CODE_E_BLOCK_FULL;
    }
    x->budget.possessions--;
    load_set(x, GLOBAL_NEXT_SET, &next);
    const struct hash digest =
        id_ready(&x->chain_id, &body->next_set_hash, body->seat, body->height);
    if (!crypto_verify(&next.items[body->seat].consensus, &digest, &body->signature)) {
        return CODE_E_SIG;
    }
    change.ready[body->seat / 8] =
        (uint8_t)(change.ready[body->seat / 8] | (1U << (body->seat % 8)));
    change_store(x, &change);
    ledger_event(x, EVENT_MEMBER_READY, &change.next_set_hash, body->seat, body->height);
    return CODE_OK;
}

/* ---- Eviction -------------------------------------------------------------------------- */

static bool seat_find(const struct validator_set *set, const struct public_key *consensus,
                      uint32_t *seat)
{
    uint32_t at = 0;
    while (at < set->count && !public_key_equal(&set->items[at].consensus, consensus)) {
        at++;
    }
    *seat = at;
    return at < set->count;
}

bool sets_evict(struct execution *x, const struct public_key *consensus)
{
    struct validator_set set;
    struct set_change pending;
    uint32_t seat = 0;
    uint32_t next_seat = 0;
    bool lapsed = false;
    load_set(x, GLOBAL_VALIDATORS, &set);
    if (!seat_find(&set, consensus, &seat)) {
        return false;
    }
    struct set_change change = {.version = RECORD_VERSION,
                                .epoch = epoch_now(x),
                                .action = CHANGE_EVICT,
                                .seat = seat,
                                .validator = set.items[seat],
                                .proposed_ms = x->now_ms,
                                .accepted_height = x->block->height,
                                .accepted_ms = x->now_ms};
    if (accepted_find(x, &pending, &lapsed) && pending.action == CHANGE_EVICT) {
        load_set(x, GLOBAL_NEXT_SET, &set);
    }
    if (!seat_find(&set, consensus, &next_seat) || set.count == 1) {
        return false;
    }
    drop_seat(&set, next_seat);
    uint8_t buffer[WIRE_VALIDATOR_SET_SIZE_MAX];
    crypto_digest(TAG_VALIDATOR_SET, encode_set(&set, buffer), &change.next_set_hash);
    change.members = set.count;
    put_next_set(x, &set);
    change_store(x, &change);
    ledger_event(x, EVENT_MEMBER_EVICTED, &change.next_set_hash, seat, set.count);
    return true;
}
