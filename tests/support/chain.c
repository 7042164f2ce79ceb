#include "tests/support/chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wire/wire.h"

enum { ORGS = 6, TX_BYTES_TOTAL = 8 << 20 };

static int key_compare(struct bytes a, struct bytes b)
{
    const int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);
    if (order != 0) {
        return order;
    }
    return a.size < b.size ? -1 : a.size > b.size;
}

static int entry_compare(const struct chain_entry *entry, struct bytes key)
{
    return key_compare(bytes_of(entry->key, entry->key_size), key);
}

static size_t map_find(const struct chain_map *map, struct bytes key, bool *found)
{
    size_t low = 0;
    size_t high = map->count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (entry_compare(&map->items[middle], key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *found = low < map->count && entry_compare(&map->items[low], key) == 0;
    return low;
}

static bool map_get(void *context, struct bytes key, struct bytes *value)
{
    const struct chain_map *map = context;
    bool found = false;
    const size_t at = map_find(map, key, &found);
    if (found) {
        *value = bytes_of(map->items[at].value, map->items[at].value_size);
    }
    return found;
}

static uint8_t *copy_of(struct bytes bytes)
{
    uint8_t *out = malloc(bytes.size + 1);
    assert_non_null(out);
    memcpy(out, bytes.data, bytes.size);
    return out;
}

static void map_remove(struct chain_map *map, size_t at)
{
    free(map->items[at].key);
    free(map->items[at].value);
    memmove(&map->items[at], &map->items[at + 1], (map->count - at - 1) * sizeof(*map->items));
    map->count--;
}

static void map_apply(struct chain_map *map, const struct state_write *write)
{
    bool found = false;
    const size_t at = map_find(map, write->key, &found);
    if (write->removed) {
        assert_true(found); /* a removal always removes something */
        map_remove(map, at);
        return;
    }
    if (found) {
        free(map->items[at].value);
    } else {
        if (map->count == map->capacity) {
            map->capacity = 2 * map->capacity + 64;
            map->items = realloc(map->items, map->capacity * sizeof(*map->items));
            assert_non_null(map->items);
        }
        memmove(&map->items[at + 1], &map->items[at], (map->count - at) * sizeof(*map->items));
        map->count++;
        map->items[at].key = copy_of(write->key);
        map->items[at].key_size = (uint32_t)write->key.size;
    }
    map->items[at].value = copy_of(write->value);
    map->items[at].value_size = (uint32_t)write->value.size;
}

void chain_apply(struct test_chain *chain, const struct state_writes *writes)
{
    for (size_t i = 0; i < writes->count; i++) {
        if (i > 0) {
            assert_true(key_compare(writes->items[i - 1].key, writes->items[i].key) < 0);
        }
        crypto_sha256_update(&chain->digest, writes->items[i].key);
        if (!writes->items[i].removed) {
            crypto_sha256_update(&chain->digest, writes->items[i].value);
        }
    }
    for (size_t i = 0; i < writes->count; i++) {
        map_apply(&chain->map, &writes->items[i]);
    }
}

struct params chain_params(void)
{
    return (struct params){
        .version = RECORD_VERSION,
        .delta_0_ms = 100,
        .c_max_ms = 1000,
        .drift_max_ms = 2000,
        .delta_max_ms = 30000,
        .outage_grace_ms = 5000,
        .deadline_grid_ms = 1000,
        .quota_window_ms = 60000,
        .accept_window_ms = 10000,
        .ready_window_ms = 10000,
        .commit_window_ms = 2000,
        .reveal_window_ms = 3000,
        .result_window_ms = 4000,
        .certification_window_ms = 5000,
        .planner_interval_ms = 1000,
        .planner_steps_max = 50000,
        .planner_requests_max = 32,
        .planner_attempts_max = 3,
        .offers_max = 160,
        .queue_max = 160,
        .nodes_max = 64,
        .workers_max = 16,
        .rounds_max = 100,
        .round_ms_max = 1000000,
        .expiries_max = 1024,
        .reference_price_per_tmac = 1000000000,
        .bond_floor_per_tmac = 1000,
        .bond_burnt_ppm = 300000,
        .audit_p_ppm = 400000,
        .audit_k = 1,
        .audit_window_ms = 5000,
        .challenge_bond_ppm = 200000,
        .challenge_clock_ms = 30000,
        .auditor_pay_ppm = 2000000,
    };
}

struct crypto_key *chain_make_key(uint8_t number)
{
    uint8_t secret[CRYPTO_SECRET_SIZE] = {0};
    secret[CRYPTO_SECRET_SIZE - 1] = (uint8_t)(number + 1);
    struct crypto_key *key = crypto_key_create(secret);
    assert_non_null(key);
    return key;
}

struct validator chain_validator(const struct test_chain *chain, uint32_t account, uint8_t number)
{
    struct validator out = {.account = chain->addresses[account]};
    struct public_key *const keys[] = {&out.consensus, &out.network, &out.vrf};
    for (uint8_t i = 0; i < 3; i++) {
        struct crypto_key *key = chain_make_key((uint8_t)(CHAIN_VALIDATOR_KEYS + number + i));
        *keys[i] = *crypto_key_public(key);
        crypto_key_free(key);
    }
    return out;
}

static void make_genesis(struct test_chain *chain, const struct params *params, bool seated)
{
    static const struct {
        uint32_t org;
        uint32_t roles;
        uint8_t status;
        uint64_t credits;
    } accounts[CHAIN_ACCOUNTS] = {
        {0, ROLE_CONSUMER | ROLE_DATA_OWNER, STATUS_ACTIVE, CHAIN_CREDITS},
        {1, ROLE_PROVIDER | ROLE_WORKER, STATUS_ACTIVE, CHAIN_CREDITS},
        {2, ROLE_PROVIDER | ROLE_WORKER, STATUS_ACTIVE, CHAIN_CREDITS},
        {3, ROLE_PROVIDER | ROLE_WORKER, STATUS_ACTIVE, CHAIN_CREDITS},
        {0, 0, STATUS_ACTIVE, CHAIN_CREDITS},
        {0, ROLE_CONSUMER, STATUS_SUSPENDED, CHAIN_CREDITS},
        {1, ROLE_PROVIDER | ROLE_WORKER, STATUS_ACTIVE, 0},
        {4, ROLE_CONSUMER, STATUS_ACTIVE, CHAIN_CREDITS},
        {0, ROLE_ALL, STATUS_ACTIVE, CHAIN_CREDITS},
        {5, ROLE_CONSUMER, STATUS_ACTIVE, CHAIN_CREDITS},
    };
    struct account made[CHAIN_ACCOUNTS] = {0};
    struct org orgs[ORGS] = {0};
    static struct validator_set validators;
    validators.count = CHAIN_VALIDATORS;
    for (uint32_t i = 0; i < CHAIN_ACCOUNTS; i++) {
        chain->keys[i] = chain_make_key((uint8_t)i);
        made[i] = (struct account){.version = RECORD_VERSION,
                                   .public_key = *crypto_key_public(chain->keys[i]),
                                   .org = accounts[i].org,
                                   .roles = accounts[i].roles,
                                   .status = accounts[i].status,
                                   .available = accounts[i].credits};
        crypto_address(&made[i].public_key, &chain->addresses[i]);
    }
    for (uint32_t i = 0; i < ORGS; i++) {
        orgs[i] = (struct org){.version = RECORD_VERSION,
                               .name_size = 1,
                               .weight = 1,
                               .roles = ROLE_ALL,
                               .quota = i == 5 ? 3 : 100000,
                               .status = i == 4 ? STATUS_SUSPENDED : STATUS_ACTIVE};
        orgs[i].name[0] = (uint8_t)('a' + i);
    }
    for (uint32_t i = 0; i < CHAIN_VALIDATORS; i++) {
        validators.items[i] = (struct validator){.consensus = {{0}}};
        if (seated) {
            validators.items[i] = chain_validator(chain, i, (uint8_t)(3 * i));
            made[i].roles |= ROLE_VALIDATOR;
        }
        validators.items[i].consensus = made[i].public_key;
    }
    const struct state_genesis genesis = {
        .chain_id = chain->chain_id,
        .time_ms = chain->time_ms,
        .name = bytes_of("test", 4),
        .params = *params,
        .orgs = orgs,
        .org_count = ORGS,
        .validators = &validators,
        .accounts = made,
        .account_count = CHAIN_ACCOUNTS,
    };
    struct state_writes writes;
    state_execute_genesis(chain->machine, &genesis, &writes);
    chain_apply(chain, &writes);
}

static struct test_chain *create(const struct params *params, bool seated)
{
    struct test_chain *chain = calloc(1, sizeof(*chain));
    assert_non_null(chain);
    crypto_sha256_init(&chain->digest);
    crypto_digest(TAG_GENESIS, bytes_of("test", 4), &chain->chain_id);
    const struct state_admission_config config = {.chain_id = chain->chain_id};
    chain->memory = malloc(state_footprint());
    chain->tx_bytes = malloc(TX_BYTES_TOTAL);
    assert_non_null(chain->memory);
    assert_non_null(chain->tx_bytes);
    chain->machine = state_init(chain->memory, &config);
    chain->time_ms = 1000000000;
    chain->params = *params;
    chain->view = (struct state_view){.context = &chain->map, .get = map_get};
    make_genesis(chain, params, seated);
    chain_check_money(chain);
    return chain;
}

struct test_chain *chain_create(const struct params *params)
{
    return create(params, false);
}

struct test_chain *chain_create_seated(const struct params *params)
{
    return create(params, true);
}

void chain_free(struct test_chain *chain)
{
    while (chain->map.count > 0) {
        map_remove(&chain->map, chain->map.count - 1);
    }
    for (uint32_t i = 0; i < CHAIN_ACCOUNTS; i++) {
        crypto_key_free(chain->keys[i]);
    }
    free(chain->map.items);
    free(chain->tx_bytes);
    free(chain->memory);
    free(chain);
}

struct bytes chain_sign(struct test_chain *chain, const struct chain_tx *tx)
{
    uint8_t *payload = malloc((size_t)2 * TX_SIZE_MAX);
    assert_non_null(payload);
    const struct tx fields = {
        .version = TX_VERSION,
        .chain_id = chain->chain_id,
        .type = tx->type,
        .sender = chain->addresses[tx->account],
        .lane = tx->lane,
        .seq = tx->seq,
        .valid_until_ms = chain->time_ms + tx->valid_ms,
        .body = tx->body,
    };
    struct wire_writer writer;
    struct bytes bytes;
    wire_writer_init(&writer, payload, 2 * (size_t)TX_SIZE_MAX);
    wire_write_tx_payload(&writer, &fields);
    assert_true(wire_writer_end(&writer, &bytes));
    struct hash id;
    struct signature signature;
    crypto_digest(TAG_TX, bytes, &id);
    crypto_key_sign(chain->keys[tx->account], &id, &signature);
    struct bytes raw;
    wire_writer_init(&writer, chain->tx_bytes + chain->tx_used, TX_BYTES_TOTAL - chain->tx_used);
    wire_write_tx(&writer, bytes, &signature);
    assert_true(wire_writer_end(&writer, &raw));
    chain->tx_used += raw.size;
    free(payload);
    return raw;
}

void chain_send_raw(struct test_chain *chain, struct bytes raw)
{
    assert_true(chain->tx_count < CHAIN_TXS_MAX);
    chain->txs[chain->tx_count++] = raw;
}

void chain_send(struct test_chain *chain, uint32_t account, uint32_t type, const void *body)
{
    const struct record *record = record_of_body(type);
    uint8_t *encoded = malloc(CHAIN_TX_BYTES);
    assert_non_null(encoded);
    assert_non_null(record);
    struct chain_tx tx = {
        .account = account, .type = type, .seq = chain->seq[account]++, .valid_ms = 60000};
    assert_true(record_encode(record, body, encoded, CHAIN_TX_BYTES, &tx.body));
    chain_send_raw(chain, chain_sign(chain, &tx));
    free(encoded);
}

void chain_block(struct test_chain *chain, uint64_t after_ms)
{
    chain->time_ms += after_ms;
    chain->height++;
    struct state_block block = {
        .height = chain->height,
        .time_ms = chain->time_ms,
        .proposer = (uint32_t)(chain->height % CHAIN_VALIDATORS),
        .final_height = chain->final_height,
        .txs = chain->txs,
        .tx_count = chain->tx_count,
    };
    uint8_t height[8];
    for (int i = 0; i < 8; i++) {
        height[i] = (uint8_t)(chain->height >> (8 * i));
    }
    crypto_digest(TAG_BEACON, bytes_of(height, sizeof(height)), &block.beacon);
    state_execute_block(chain->machine, &chain->view, &block, &chain->outcome);
    if (chain->outcome.verdict == STATE_OK) {
        assert_int_equal(chain->outcome.result_count, chain->tx_count + 1);
        assert_true(chain->outcome.changed || chain->outcome.writes.count == 0);
        for (size_t i = 0; i < chain->outcome.result_count; i++) {
            crypto_sha256_update(&chain->digest, chain->outcome.results[i]);
        }
        chain_apply(chain, &chain->outcome.writes);
    }
    chain->final_height = chain->height; /* the next block carries an F for this one */
    chain->tx_count = 0;
    chain->tx_used = 0;
    chain_check_money(chain);
}

enum code chain_code(const struct test_chain *chain, size_t i)
{
    struct wire_result result;
    assert_int_equal(chain->outcome.verdict, STATE_OK);
    assert_true(i < chain->outcome.result_count);
    assert_true(wire_decode_result(chain->outcome.results[i], &result));
    return (enum code)result.code;
}

enum code chain_do(struct test_chain *chain, uint32_t account, uint32_t type, const void *body)
{
    assert_int_equal(chain->tx_count, 0);
    chain_send(chain, account, type, body);
    chain_block(chain, 1);
    if (chain->outcome.verdict != STATE_OK) {
        return chain->outcome.bad_code;
    }
    return chain_code(chain, 0);
}

static void expect_own(uint8_t kind, const char *why)
{
    if (kind != KEY_ACCOUNT && kind != KEY_USAGE && kind != KEY_GLOBAL) {
        fail_msg("%s: a refused transaction wrote a key of kind %c", why, kind);
    }
}

void chain_refused(struct test_chain *chain, const struct chain_refusal *refusal)
{
    const struct account before = chain_account_of(chain, refusal->account);
    const enum code code = chain_do(chain, refusal->account, refusal->type, refusal->body);
    if (code != refusal->code) {
        fail_msg("%s: %s instead of %s", refusal->why, code_name(code), code_name(refusal->code));
    }
    const struct account after = chain_account_of(chain, refusal->account);
    assert_int_equal(after.available, before.available);
    assert_int_equal(after.locked, before.locked);
    for (size_t i = 0; i < chain->outcome.writes.count; i++) {
        const uint8_t kind = chain->outcome.writes.items[i].key.data[0];
        expect_own(kind, refusal->why);
    }
}

void chain_run_until(struct test_chain *chain, uint64_t until_ms)
{
    for (int i = 0; i < 10000; i++) {
        const struct state_due due = state_next_due(&chain->view);
        if (!due.waiting && (!due.scheduled || due.time_ms > until_ms)) {
            return;
        }
        const uint64_t after =
            !due.waiting && due.time_ms > chain->time_ms ? due.time_ms - chain->time_ms : 1;
        assert_true(state_block_is_due(&chain->view, chain->time_ms + after));
        chain_block(chain, after);
    }
    fail_msg("the chain never comes to rest");
}

void chain_read(const struct test_chain *chain, const struct key *key, const struct record *record,
                void *out)
{
    assert_true(state_read(&chain->view, key, record, out));
}

struct account chain_account_of(const struct test_chain *chain, uint32_t account)
{
    struct account out;
    const struct key key = key_account(&chain->addresses[account]);
    chain_read(chain, &key, &record_account, &out);
    return out;
}

struct hash chain_item(const struct test_chain *chain, enum collection collection,
                       struct bytes owner, uint32_t index)
{
    struct item item;
    assert_true(index < state_read_count(&chain->view, collection, owner));
    assert_true(state_read_item(&chain->view, collection, owner, index, &item));
    return item.id;
}

struct bytes chain_owner(const struct test_chain *chain, uint32_t account)
{
    return bytes_of(chain->addresses[account].bytes, ADDRESS_SIZE);
}

void chain_check_money(const struct test_chain *chain)
{
    uint64_t sum = 0;
    uint8_t object[1 << 14];
    struct totals totals = {0};
    for (size_t i = 0; i < chain->map.count; i++) {
        const struct chain_entry *entry = &chain->map.items[i];
        const struct bytes key = bytes_of(entry->key, entry->key_size);
        const struct record *record = record_of_key(key);
        if (record == NULL) {
            continue;
        }
        assert_true(record->struct_size <= sizeof(object));
        assert_true(record_decode(record, bytes_of(entry->value, entry->value_size), object));
        sum += record_money(record, object);
        if (record == &record_totals) {
            memcpy(&totals, object, sizeof(totals));
        }
    }
    assert_int_equal(sum, totals.supply);
}

struct hash chain_digest(const struct test_chain *chain)
{
    struct crypto_sha256 copy = chain->digest;
    struct hash out;
    crypto_sha256_final(&copy, &out);
    return out;
}
