#include "genesis/genesis.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "wire/wire.h"

enum { GENESIS_VERSION = 1 };

struct genesis {
    uint8_t *bytes;
    size_t size;
    struct hash chain_id;
    struct hash set_hash;
    struct validator_set validators;
    struct org orgs[ORG_COUNT_MAX];
    struct account *accounts;
    struct state_genesis state;
};

static bool refuse(struct error *error, const char *name, const char *what)
{
    return error_set(
        error, EXIT_CODE_BAD_GENESIS,
        "genesis %s: %s; compare the file with the other members' (gradus genesis show)", name,
        what);
}

static void read_orgs(struct wire_reader *r, struct genesis *g)
{
    g->state.org_count = wire_read_list(r, ORG_COUNT_MAX);
    for (uint32_t i = 0; i < g->state.org_count; i++) {
        struct org *org = &g->orgs[i];
        wire_read_array(r, 4);
        const struct bytes name = wire_read_str(r, NAME_SIZE_MAX);
        org->version = RECORD_VERSION;
        org->name_size = (uint32_t)name.size;
        if (name.size > 0) {
            memcpy(org->name, name.data, name.size);
        }
        org->weight = wire_read_u32(r);
        org->roles = wire_read_u32_max(r, ROLE_ALL);
        org->quota = wire_read_u64(r);
    }
}

static bool read_accounts(struct wire_reader *r, struct genesis *g)
{
    const uint32_t count = wire_read_list(r, GENESIS_ACCOUNT_MAX);
    g->accounts = calloc(count == 0 ? 1 : count, sizeof(*g->accounts));
    if (g->accounts == NULL) {
        return false;
    }
    g->state.account_count = count;
    for (uint32_t i = 0; i < count; i++) {
        struct account *account = &g->accounts[i];
        wire_read_array(r, 4);
        account->version = RECORD_VERSION;
        account->public_key = wire_read_public_key(r);
        account->org = wire_read_u32(r);
        account->roles = wire_read_u32_max(r, ROLE_ALL);
        account->available = wire_read_u64(r);
    }
    return true;
}

static int compare_accounts(const void *a, const void *b)
{
    const struct account *x = a;
    const struct account *y = b;
    return memcmp(x->public_key.bytes, y->public_key.bytes, PUBLIC_KEY_SIZE);
}

static const char *one_account_fault(const struct genesis *g, const struct account *account,
                                     uint64_t *sum)
{
    if (!crypto_public_key_valid(&account->public_key)) {
        return "balances: a public key is not a point of the curve";
    }
    if (account->org >= g->state.org_count) {
        return "balances: an account names an organisation that is not there";
    }
    if ((account->roles & ~g->orgs[account->org].roles) != 0) {
        return "balances: an account has a role its organisation has not";
    }
    if (account->available >= SUPPLY_MAX - *sum) {
        return "balances: the sum of credits is too large";
    }
    *sum += account->available;
    return NULL;
}

static bool has_key_twice(const struct genesis *g)
{
    struct account *sorted = calloc(g->state.account_count + 1, sizeof(*sorted));
    bool twice = sorted == NULL; /* without memory nothing is accepted */
    for (size_t i = 0; i < g->state.account_count && !twice; i++) {
        sorted[i] = g->accounts[i];
    }
    if (!twice) {
        qsort(sorted, g->state.account_count, sizeof(*sorted), compare_accounts);
    }
    for (size_t i = 1; i < g->state.account_count && !twice; i++) {
        twice = compare_accounts(&sorted[i - 1], &sorted[i]) == 0;
    }
    free(sorted);
    return twice;
}

/* Distinct valid keys, known organisations, roles the organisation has, a bounded sum. */
static const char *account_fault(const struct genesis *g)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < g->state.account_count; i++) {
        const char *fault = one_account_fault(g, &g->accounts[i], &sum);
        if (fault != NULL) {
            return fault;
        }
    }
    return has_key_twice(g) ? "balances: a key stands twice" : NULL;
}

enum { PURPOSE_COUNT = 3 };

static const struct public_key *key_of(const struct validator *v, uint32_t purpose)
{
    const struct public_key *keys[PURPOSE_COUNT] = {&v->consensus, &v->network, &v->vrf};
    return keys[purpose];
}

/* Does any key of v, for whatever purpose, stand earlier in the set? */
static bool repeats_key(const struct validator_set *set, uint32_t index)
{
    const uint32_t end = (index + 1) * PURPOSE_COUNT;
    bool repeats = false;
    for (uint32_t i = index * PURPOSE_COUNT; i < end; i++) {
        const struct public_key *key = key_of(&set->items[index], i % PURPOSE_COUNT);
        for (uint32_t j = 0; j < i; j++) {
            const struct validator *other = &set->items[j / PURPOSE_COUNT];
            repeats = repeats || public_key_equal(key, key_of(other, j % PURPOSE_COUNT));
        }
    }
    return repeats;
}

static const char *validator_fault(const struct genesis *g)
{
    for (uint32_t i = 0; i < g->validators.count; i++) {
        const struct validator *v = &g->validators.items[i];
        if (repeats_key(&g->validators, i)) {
            return "validators: a key stands twice (each purpose needs a key of its own)";
        }
        if (!crypto_public_key_valid(&v->consensus) || !crypto_public_key_valid(&v->network) ||
            !crypto_public_key_valid(&v->vrf)) {
            return "validators: a key is not a point of the curve";
        }
    }
    return NULL;
}

static const char *timing_fault(const struct params *p)
{
    const bool consensus = p->delta_0_ms >= 1 && p->delta_0_ms <= p->delta_max_ms &&
                           p->delta_max_ms <= 600000 && p->c_max_ms >= 1 && p->c_max_ms <= 600000 &&
                           p->drift_max_ms >= 1 && p->drift_max_ms <= 600000;
    if (!consensus) {
        return "params: delta_0_ms <= delta_max_ms, c_max_ms, drift_max_ms: 1 to 600000";
    }
    return params_fault(p);
}

static const char *decode(struct genesis *g)
{
    struct wire_reader r;
    wire_reader_init_nodes(&r, bytes_of(g->bytes, g->size), GENESIS_SIZE_MAX);
    wire_read_array(&r, 7);
    if (wire_read_u32(&r) != GENESIS_VERSION) {
        return "unknown version";
    }
    g->state.name = wire_read_str(&r, NAME_SIZE_MAX);
    g->state.time_ms = wire_read_u64(&r);
    const struct bytes params = wire_read_span(&r);
    read_orgs(&r, g);
    const uint8_t *mark = wire_reader_mark(&r);
    wire_read_validator_set(&r, &g->validators);
    const struct bytes set = wire_reader_since(&r, mark);
    if (!read_accounts(&r, g)) {
        return "no memory";
    }
    if (!wire_reader_end(&r)) {
        return "not a genesis file, or damaged";
    }
    if (!record_decode(&record_params, params, &g->state.params)) {
        return "params: not a parameter record";
    }
    if (g->state.name.size == 0) {
        return "name: empty";
    }
    if (g->state.time_ms > GENESIS_TIME_MS_MAX) {
        return "time_ms: too large";
    }
    crypto_digest(TAG_VALIDATOR_SET, set, &g->set_hash);
    const char *fault = timing_fault(&g->state.params);
    fault = fault != NULL ? fault : validator_fault(g);
    return fault != NULL ? fault : account_fault(g);
}

bool genesis_decode(const char *name, struct bytes bytes, struct genesis **out, struct error *error)
{
    if (bytes.size == 0 || bytes.size > GENESIS_SIZE_MAX) {
        return refuse(error, name, "empty or too large");
    }
    struct genesis *g = calloc(1, sizeof(*g));
    if (g == NULL || (g->bytes = malloc(bytes.size)) == NULL) {
        free(g);
        return refuse(error, name, "no memory");
    }
    memcpy(g->bytes, bytes.data, bytes.size);
    g->size = bytes.size;
    const char *fault = decode(g);
    if (fault != NULL) {
        genesis_free(g);
        return refuse(error, name, fault);
    }
    crypto_digest(TAG_GENESIS, bytes, &g->chain_id);
    g->state.chain_id = g->chain_id;
    g->state.orgs = g->orgs;
    g->state.validators = &g->validators;
    g->state.accounts = g->accounts;
    *out = g;
    return true;
}

bool genesis_load(const char *path, struct genesis **out, struct error *error)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return error_set(error, EXIT_CODE_BAD_GENESIS,
                         "genesis %s: cannot be read; copy the network's genesis file there", path);
    }
    uint8_t *buffer = malloc(GENESIS_SIZE_MAX + 1);
    const size_t size = buffer == NULL ? 0 : fread(buffer, 1, GENESIS_SIZE_MAX + 1, file);
    (void)fclose(file);
    const bool ok = genesis_decode(path, bytes_of(buffer, size), out, error);
    free(buffer);
    return ok;
}

bool genesis_has_begun(const struct genesis *genesis, const char *name, uint64_t now_ms,
                       struct error *error)
{
    const uint64_t begins_ms = genesis->state.time_ms;
    const uint64_t drift_ms = genesis->state.params.drift_max_ms;
    if (begins_ms <= drift_ms || begins_ms - drift_ms <= now_ms) {
        return true;
    }
    return error_set(error, EXIT_CODE_BAD_GENESIS,
                     "genesis %s: time_ms is %llu s ahead of this machine's clock; set the clock, "
                     "or start the node then",
                     name, (unsigned long long)((begins_ms - now_ms + 999) / 1000));
}

void genesis_free(struct genesis *genesis)
{
    if (genesis != NULL) {
        free(genesis->bytes);
        free(genesis->accounts);
        free(genesis);
    }
}

struct bytes genesis_bytes(const struct genesis *genesis)
{
    return bytes_of(genesis->bytes, genesis->size);
}

const struct hash *genesis_chain_id(const struct genesis *genesis)
{
    return &genesis->chain_id;
}

const struct hash *genesis_set_hash(const struct genesis *genesis)
{
    return &genesis->set_hash;
}

const struct params *genesis_params(const struct genesis *genesis)
{
    return &genesis->state.params;
}

const struct validator_set *genesis_validators(const struct genesis *genesis)
{
    return &genesis->validators;
}

const struct state_genesis *genesis_state(const struct genesis *genesis)
{
    return &genesis->state;
}

uint32_t genesis_leader_offset(const struct genesis *genesis)
{
    return validator_leader_offset(&genesis->chain_id, genesis->validators.count);
}

bool genesis_encode(const struct genesis_parts *parts, uint8_t *buffer, struct bytes *out)
{
    struct wire_writer w;
    wire_writer_init(&w, buffer, GENESIS_SIZE_MAX);
    wire_write_array(&w, 7);
    wire_write_u64(&w, GENESIS_VERSION);
    wire_write_str(&w, bytes_of(parts->name, strlen(parts->name)));
    wire_write_u64(&w, parts->time_ms);
    record_write(&record_params, &w, &parts->params);
    wire_write_array(&w, parts->org_count);
    for (uint32_t i = 0; i < parts->org_count; i++) {
        const struct org *org = &parts->orgs[i];
        wire_write_array(&w, 4);
        wire_write_str(&w, bytes_of(org->name, org->name_size));
        wire_write_u64(&w, org->weight);
        wire_write_u64(&w, org->roles);
        wire_write_u64(&w, org->quota);
    }
    wire_write_validator_set(&w, parts->validators);
    wire_write_array(&w, (uint32_t)parts->account_count);
    for (size_t i = 0; i < parts->account_count; i++) {
        const struct account *account = &parts->accounts[i];
        wire_write_array(&w, 4);
        wire_write_public_key(&w, &account->public_key);
        wire_write_u64(&w, account->org);
        wire_write_u64(&w, account->roles);
        wire_write_u64(&w, account->available);
    }
    return wire_writer_end(&w, out);
}
