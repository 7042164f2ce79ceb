#include "base/checked.h"
#include "crypto/crypto.h"
#include "state/ledger/buffer.h"
#include "state/ledger/ledger.h"
#include "state/sets/guilt.h"
#include "wire/wire.h"

/* 13.5: judged against the parent's state and the counters of this block.  A counter is a
 * lane's next sequence number, an unordered number's mark, an organisation's use, or a
 * suspension's mark, found by its state key. */

enum {
    COUNTER_KEY_MAX = 1 + HASH_SIZE,
    COUNTER_SLOT_COUNT = 1 << 16,
    COUNTER_COUNT_MAX = 2 * BLOCK_TX_MAX + 1024, /* two a transaction */
};
STATIC_ASSERT(COUNTER_COUNT_MAX < COUNTER_SLOT_COUNT * 3 / 4, "lookups stay short");

struct admission_counter {
    uint64_t value;
    uint32_t generation; /* another generation: the slot is free */
    uint8_t key_size;
    uint8_t key[COUNTER_KEY_MAX];
};

struct state_admission {
    struct state_admission_config config;
    const struct state_view *view;
    uint64_t time_ms;
    uint64_t quota_window;
    uint32_t generation;
    uint32_t counter_count;
    struct admission_counter counters[COUNTER_SLOT_COUNT];
};

size_t state_admission_footprint(void)
{
    return sizeof(struct state_admission);
}

struct state_admission *state_admission_init(void *memory,
                                             const struct state_admission_config *config)
{
    struct state_admission *admission = memory;
    memset(admission, 0, sizeof(*admission));
    admission->config = *config;
    return admission;
}

void state_verdict_digest(struct bytes raw, const struct public_key *key, struct hash *out)
{
    struct crypto_sha256 hash;
    crypto_digest_init(&hash, TAG_TX_VERDICT);
    crypto_sha256_update(&hash, raw);
    crypto_sha256_update(&hash, bytes_of(key->bytes, PUBLIC_KEY_SIZE));
    crypto_sha256_final(&hash, out);
}

void state_admission_begin(struct state_admission *admission, const struct state_view *view,
                           uint64_t time_ms)
{
    struct params params;
    const struct key key = key_global(GLOBAL_PARAMS);
    const bool present = state_read(view, &key, &record_params, &params);
    ASSERT(present && params.quota_window_ms > 0); /* every state after genesis has them */
    admission->view = view;
    admission->time_ms = time_ms;
    admission->quota_window = time_ms / params.quota_window_ms;
    admission->counter_count = 0;
    admission->generation++;
    if (admission->generation == 0) {
        memset(admission->counters, 0, sizeof(admission->counters));
        admission->generation = 1;
    }
}

uint64_t state_admission_window(const struct state_admission *admission)
{
    return admission->quota_window;
}

static struct admission_counter *counter_find(struct state_admission *admission,
                                              const struct key *key)
{
    ASSERT(key->size <= COUNTER_KEY_MAX);
    uint32_t hash = UINT32_C(0x811c9dc5);
    for (uint32_t i = 0; i < key->size; i++) {
        hash = (hash ^ key->bytes[i]) * UINT32_C(0x01000193);
    }
    hash ^= hash >> 16;
    for (uint32_t at = hash % COUNTER_SLOT_COUNT;; at = (at + 1) % COUNTER_SLOT_COUNT) {
        struct admission_counter *counter = &admission->counters[at];
        const bool is_free = counter->generation != admission->generation;
        if (is_free || bytes_equal(bytes_of(counter->key, counter->key_size), key_view(key))) {
            return counter;
        }
    }
}

static bool counter_get(struct state_admission *admission, const struct key *key, uint64_t *value)
{
    const struct admission_counter *counter = counter_find(admission, key);
    if (counter->generation != admission->generation) {
        return false;
    }
    *value = counter->value;
    return true;
}

static void counter_set(struct state_admission *admission, const struct key *key, uint64_t value)
{
    struct admission_counter *counter = counter_find(admission, key);
    if (counter->generation != admission->generation) {
        ASSERT(admission->counter_count < COUNTER_COUNT_MAX);
        admission->counter_count++;
        counter->generation = admission->generation;
        counter->key_size = (uint8_t)key->size;
        memcpy(counter->key, key->bytes, key->size);
    }
    counter->value = value;
}

/* The lane's next sequence number, or for an unordered number whether it is taken. */
static enum code judge_seq(struct state_admission *admission, const struct tx *tx,
                           const struct account *account)
{
    struct counter stored = {.value = 0};
    if (tx->lane == TX_LANE_UNORDERED) {
        const struct key key = key_unordered(&tx->sender, tx->seq);
        uint64_t taken = 0;
        if (counter_get(admission, &key, &taken)) {
            return CODE_E_SEQ_USED;
        }
        /* Remembered until it expired: then it may be forgotten or not, with no difference. */
        if (state_read(admission->view, &key, &record_counter, &stored) &&
            stored.value >= admission->time_ms) {
            return CODE_E_SEQ_USED;
        }
        return CODE_OK;
    }
    const struct key key = key_lane(&tx->sender, tx->lane);
    uint64_t next = account->seq;
    if (!counter_get(admission, &key, &next) && tx->lane != 0) {
        next = state_read(admission->view, &key, &record_counter, &stored) ? stored.value : 0;
    }
    if (tx->seq < next) {
        return CODE_E_SEQ_USED;
    }
    return tx->seq == next ? CODE_OK : CODE_E_SEQ_GAP;
}

static enum code judge_quota(struct state_admission *admission, const struct tx *tx,
                             const struct account *account, uint64_t quota)
{
    const struct key key = key_usage(account->org);
    struct usage usage;
    uint64_t used = 0;
    if (!counter_get(admission, &key, &used) &&
        state_read(admission->view, &key, &record_usage, &usage) &&
        usage.window == admission->quota_window) {
        used = usage.used;
    }
    uint64_t after = 0;
    if (!checked_add(used, ledger_units(tx), &after) || after > quota) {
        return CODE_E_QUOTA;
    }
    return CODE_OK;
}

static void count_tx(struct state_admission *admission, const struct tx *tx,
                     const struct account *account)
{
    if (tx->lane == TX_LANE_UNORDERED) {
        const struct key key = key_unordered(&tx->sender, tx->seq);
        counter_set(admission, &key, 1);
    } else {
        const struct key key = key_lane(&tx->sender, tx->lane);
        counter_set(admission, &key, tx->seq + 1);
    }
    const struct key key = key_usage(account->org);
    struct usage usage;
    uint64_t used = 0;
    if (!counter_get(admission, &key, &used) &&
        state_read(admission->view, &key, &record_usage, &usage) &&
        usage.window == admission->quota_window) {
        used = usage.used;
    }
    counter_set(admission, &key, used + ledger_units(tx));
}

/* Of the sender over the payload, or of the accused under two votes. */
static bool is_signed(const struct tx *tx, const struct public_key *key, const struct guilt *guilt)
{
    struct hash id;
    if (guilt != NULL) {
        return guilt_holds(guilt);
    }
    crypto_digest(TAG_TX, tx->payload, &id);
    return crypto_verify(key, &id, &tx->signature);
}

/* guilt: NULL but for evidence. */
static bool signature_holds(const struct state_admission *admission, const struct tx *tx,
                            const struct public_key *key, const struct guilt *guilt)
{
    const struct state_verdicts *verdicts = &admission->config.verdicts;
    struct hash verdict;
    state_verdict_digest(tx->raw, key, &verdict);
    if (verdicts->known_good != NULL && verdicts->known_good(verdicts->context, &verdict)) {
        return true;
    }
    if (!is_signed(tx, key, guilt)) {
        return false;
    }
    if (verdicts->remember_good != NULL) {
        verdicts->remember_good(verdicts->context, &verdict);
    }
    return true;
}

/* What the envelope alone shows. */
static enum code judge_envelope(const struct state_admission *admission, struct bytes raw,
                                struct tx *tx)
{
    if (raw.size > TX_SIZE_MAX) {
        return CODE_E_SIZE;
    }
    if (!wire_decode_tx(raw, tx)) {
        return CODE_E_FORMAT;
    }
    if (tx_size_max(tx->type) == 0) {
        return CODE_E_TYPE;
    }
    if (!hash_equal(&tx->chain_id, &admission->config.chain_id)) {
        return CODE_E_CHAIN;
    }
    if (tx->valid_until_ms < admission->time_ms) {
        return CODE_E_EXPIRED;
    }
    if (tx->valid_until_ms - admission->time_ms > TX_VALID_MS_MAX) {
        return CODE_E_VALID_UNTIL;
    }
    if (tx->lane > TX_LANE_MAX && tx->lane != TX_LANE_UNORDERED) {
        return CODE_E_LANE;
    }
    return tx->seq == UINT64_MAX ? CODE_E_RANGE : CODE_OK;
}

/* 17.8: evidence proves itself.  A key is suspended once: the signatures that are checked in
 * vain are those of a block that is BAD, or of a peer who pays for it. */
static enum code admit_evidence(struct state_admission *admission, const struct tx *tx,
                                enum state_admit_mode mode)
{
    struct guilt guilt;
    uint64_t taken = 0;
    const enum code code = guilt_judge(admission->view, &admission->config.chain_id, tx, &guilt);
    if (code != CODE_OK) {
        return code;
    }
    if (counter_get(admission, &guilt.key, &taken)) {
        return CODE_E_DUPLICATE;
    }
    if (!signature_holds(admission, tx, &guilt.consensus, &guilt)) {
        return CODE_E_SIG;
    }
    if (mode == STATE_ADMIT_COUNT) {
        if (admission->counter_count + 1 > COUNTER_COUNT_MAX) {
            return CODE_E_BLOCK_FULL;
        }
        counter_set(admission, &guilt.key, 1);
    }
    return CODE_OK;
}

/* What somebody sends in his own name. */
static enum code admit_sent(struct state_admission *admission, const struct tx *tx,
                            enum state_admit_mode mode)
{
    struct account account;
    struct org org;
    const struct key account_key = key_account(&tx->sender);
    if (!state_read(admission->view, &account_key, &record_account, &account)) {
        return CODE_E_SENDER;
    }
    if (account.status != STATUS_ACTIVE) {
        return CODE_E_SUSPENDED;
    }
    const struct key org_key = key_org(account.org);
    if (!state_read(admission->view, &org_key, &record_org, &org) || org.status != STATUS_ACTIVE) {
        return CODE_E_ORG;
    }
    enum code code = judge_seq(admission, tx, &account);
    if (code == CODE_E_SEQ_USED) {
        return code;
    }
    if (!signature_holds(admission, tx, &account.public_key, NULL)) {
        return CODE_E_SIG;
    }
    if (code == CODE_OK) {
        code = judge_quota(admission, tx, &account, org.quota);
    }
    if (code == CODE_OK && mode == STATE_ADMIT_COUNT) {
        if (admission->counter_count + 2 > COUNTER_COUNT_MAX) {
            return CODE_E_BLOCK_FULL;
        }
        count_tx(admission, tx, &account);
    }
    return code;
}

enum code state_admit(struct state_admission *admission, struct bytes raw,
                      enum state_admit_mode mode, struct tx *tx)
{
    struct tx parsed;
    enum code code = judge_envelope(admission, raw, &parsed);
    if (code == CODE_OK) {
        code = parsed.type == TX_EVIDENCE ? admit_evidence(admission, &parsed, mode)
                                          : admit_sent(admission, &parsed, mode);
    }
    if (tx != NULL && (code == CODE_OK || code == CODE_E_SEQ_GAP || code == CODE_E_QUOTA)) {
        *tx = parsed;
    }
    return code;
}
