#include "tests/unit/node/lone.h"

#include <time.h>

#include "base/hex.h"
#include "base/log.h"
#include "crypto/keyfile/keyfile.h"
#include "state/objects/objects.h"

int64_t lone_wall_shift_ms;
bool lone_fail_block_id;
bool lone_no_finality;
bool lone_no_overlay;
bool lone_no_evidence;
uint8_t *lone_reply;
size_t lone_reply_size;

/* The linker's names for what it wraps. */
/* NOLINTBEGIN(readability-identifier-naming) */
int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    const int result = __real_clock_gettime(clock, now);
    if (clock == CLOCK_REALTIME) {
        now->tv_sec += lone_wall_shift_ms / 1000;
    }
    return result;
}

enum store_answer __real_store_block_id(struct store *store, uint64_t height, struct hash *id,
                                        struct error *error);
enum store_answer __wrap_store_block_id(struct store *store, uint64_t height, struct hash *id,
                                        struct error *error);
enum store_answer __wrap_store_block_id(struct store *store, uint64_t height, struct hash *id,
                                        struct error *error)
{
    if (lone_fail_block_id) {
        (void)error_set(error, EXIT_CODE_STORE, "the test's disk fails");
        return STORE_FAILED;
    }
    return __real_store_block_id(store, height, id, error);
}

enum store_answer __real_store_finality(struct store *store, uint64_t height,
                                        struct store_buffer *out, struct error *error);
enum store_answer __wrap_store_finality(struct store *store, uint64_t height,
                                        struct store_buffer *out, struct error *error);
enum store_answer __wrap_store_finality(struct store *store, uint64_t height,
                                        struct store_buffer *out, struct error *error)
{
    return lone_no_finality ? STORE_ABSENT : __real_store_finality(store, height, out, error);
}

struct store_overlay *__real_store_overlay_add(struct store *store,
                                               const struct store_stage *stage);
struct store_overlay *__wrap_store_overlay_add(struct store *store,
                                               const struct store_stage *stage);
struct store_overlay *__wrap_store_overlay_add(struct store *store, const struct store_stage *stage)
{
    return lone_no_overlay ? NULL : __real_store_overlay_add(store, stage);
}

void __real_blocks_build(struct driver *d, const struct consensus_action *action);
void __wrap_blocks_build(struct driver *d, const struct consensus_action *action);
void __wrap_blocks_build(struct driver *d, const struct consensus_action *action)
{
    const bool has_evidence = d->has_tip_finality;
    d->has_tip_finality = has_evidence && !lone_no_evidence;
    __real_blocks_build(d, action);
    d->has_tip_finality = has_evidence;
}

enum net_sent __wrap_net_reply(struct net *net, uint64_t session, uint32_t id, struct bytes bytes);
enum net_sent __wrap_net_reply(struct net *net, uint64_t session, uint32_t id, struct bytes bytes)
{
    (void)net;
    (void)session;
    (void)id;
    free(lone_reply);
    lone_reply = malloc(bytes.size);
    assert_non_null(lone_reply);
    memcpy(lone_reply, bytes.data, bytes.size);
    lone_reply_size = bytes.size;
    return NET_SENT_QUEUED;
}

/* NOLINTEND(readability-identifier-naming) */

/* The key of a validator for a use, from a secret that follows from both. */
enum { USE_CONSENSUS = 1, USE_NETWORK, USE_VRF, USE_ACCOUNT };

static void secret_of(uint32_t validator, uint8_t use, uint8_t secret[CRYPTO_SECRET_SIZE])
{
    memset(secret, 0, CRYPTO_SECRET_SIZE);
    secret[30] = use;
    secret[31] = (uint8_t)(validator + 1);
}

static struct crypto_key *key_of(uint32_t validator, uint8_t use)
{
    uint8_t secret[CRYPTO_SECRET_SIZE];
    secret_of(validator, use, secret);
    struct crypto_key *key = crypto_key_create(secret);
    assert_non_null(key);
    return key;
}

struct crypto_key *lone_consensus_key(uint32_t validator)
{
    return key_of(validator, USE_CONSENSUS);
}

static struct public_key public_of(uint32_t validator, uint8_t use)
{
    struct crypto_key *key = key_of(validator, use);
    const struct public_key out = *crypto_key_public(key);
    crypto_key_free(key);
    return out;
}

struct validator lone_validator(uint32_t validator)
{
    const struct public_key account = public_of(validator, USE_ACCOUNT);
    struct validator out = {.consensus = public_of(validator, USE_CONSENSUS),
                            .network = public_of(validator, USE_NETWORK),
                            .vrf = public_of(validator, USE_VRF)};
    crypto_address(&account, &out.account);
    return out;
}

static void public_hex(uint32_t validator, uint8_t use, char *out)
{
    struct crypto_key *key = key_of(validator, use);
    hex_encode(crypto_key_public(key)->bytes, PUBLIC_KEY_SIZE, out);
    crypto_key_free(key);
}

static void write_file(const char *path, struct bytes bytes)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.data, 1, bytes.size, file), bytes.size);
    assert_int_equal(fclose(file), 0);
}

static const char *account_hex(uint32_t validator)
{
    static char out[2 * ADDRESS_SIZE + 1];
    const struct validator v = lone_validator(validator);
    hex_encode(v.account.bytes, ADDRESS_SIZE, out);
    return out;
}

static void write_genesis(const char *dir, const char *path, uint32_t n)
{
    static uint8_t buffer[GENESIS_SIZE_MAX];
    char text[4096];
    char ini[600];
    char keys[3][2 * PUBLIC_KEY_SIZE + 1];
    struct bytes bytes;
    struct error error;
    public_hex(0, USE_ACCOUNT, keys[0]);
    int used = snprintf(text, sizeof(text),
                        "[network]\nname = lone\nprofile = test\ntime_ms = 1000\n"
                        "[org Alpha]\nweight = 1\nroles = all\nquota = 1000000\n"
                        "[account a]\npublic_key = %s\norg = Alpha\n"
                        "roles = consumer validator\ncredits = 7\n",
                        keys[0]);
    for (uint32_t i = 1; i < LONE_VALIDATORS_MAX; i++) {
        public_hex(i, USE_ACCOUNT, keys[0]);
        used += snprintf(text + used, sizeof(text) - (size_t)used,
                         "[account v%u]\npublic_key = %s\norg = Alpha\nroles = validator\n", i,
                         keys[0]);
    }
    for (uint32_t i = 0; i < n; i++) {
        public_hex(i, USE_CONSENSUS, keys[0]);
        public_hex(i, USE_NETWORK, keys[1]);
        public_hex(i, USE_VRF, keys[2]);
        used += snprintf(text + used, sizeof(text) - (size_t)used,
                         "[validator %u]\nconsensus = %s\nnetwork = %s\nvrf = %s\n"
                         "account = %s\n",
                         i, keys[0], keys[1], keys[2], account_hex(i));
    }
    (void)snprintf(ini, sizeof(ini), "%s/genesis.ini", dir);
    write_file(ini, bytes_of(text, strlen(text)));
    if (!genesis_make(ini, 1000, buffer, &bytes, &error)) {
        fail_msg("%s", error.detail);
    }
    write_file(path, bytes);
}

static void write_key(const char *dir, const char *name, enum crypto_keyfile_kind kind, uint8_t use)
{
    char path[600];
    struct error error;
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    uint8_t secret[CRYPTO_SECRET_SIZE];
    secret_of(0, use, secret);
    if (!crypto_keyfile_write(&(struct crypto_keyfile){.path = path, .kind = kind}, secret,
                              &error)) {
        fail_msg("%s", error.detail);
    }
}

static void start(struct driver *d)
{
    struct error error = {.code = EXIT_CODE_OK};
    d->timer_at_ms = UINT64_MAX;
    d->work_due_ms = UINT64_MAX;
    if (!restart_open(d, &error)) {
        fail_msg("%s", error.detail);
    }
    driver_step(d, &(struct consensus_event){.kind = CONSENSUS_ON_START});
}

void lone_open(struct lone *lone, uint32_t n)
{
    memset(lone, 0, sizeof(*lone));
    lone_wall_shift_ms = 0;
    log_set_level(LOG_FAULT);
    assert_true(directory_make(&lone->directory));
    struct driver *d = calloc(1, sizeof(*d));
    assert_non_null(d);
    lone->d = d;
    const char *dir = lone->directory.path;
    (void)snprintf(d->config.genesis, sizeof(d->config.genesis), "%.400s/genesis", dir);
    (void)snprintf(d->config.data_dir, sizeof(d->config.data_dir), "%.400s", dir);
    (void)snprintf(d->config.keys_dir, sizeof(d->config.keys_dir), "%.400s", dir);
    (void)snprintf(d->config.listen, sizeof(d->config.listen), "127.0.0.1:0");
    write_genesis(dir, d->config.genesis, n);
    write_key(dir, "consensus.key", CRYPTO_KEYFILE_CONSENSUS, USE_CONSENSUS);
    write_key(dir, "network.key", CRYPTO_KEYFILE_NETWORK, USE_NETWORK);
    write_key(dir, "vrf.key", CRYPTO_KEYFILE_VRF, USE_VRF);
    d->config.min_block_interval_ms = 5;
    start(d);
}

void lone_restart(struct lone *lone)
{
    const struct node_config config = lone->d->config;
    restart_close(lone->d);
    *lone->d = (struct driver){.config = config};
    start(lone->d);
}

void lone_close(struct lone *lone)
{
    restart_close(lone->d);
    free(lone->d);
    directory_remove(&lone->directory);
    free(lone_reply);
    lone_reply = NULL;
}

/* Nothing waits for a block, and no block is on its way: nothing happens by itself. */
static bool is_idle(const struct driver *d)
{
    struct consensus_status status;
    consensus_status(d->core, &status);
    return mempool_count(d->pool) == 0 && !status.awake;
}

void lone_run(struct lone *lone, uint64_t height)
{
    enum { TURNS_MAX = 20000 };
    struct driver *d = lone->d;
    for (uint32_t i = 0; i < TURNS_MAX && !(d->committed.height >= height && is_idle(d)); i++) {
        driver_run_timers(d);
        assert_false(driver_failed(d));
        (void)nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
    }
    assert_true(d->committed.height >= height && is_idle(d));
}

static struct bytes make_tx(uint32_t account, const struct tx *draft)
{
    static uint8_t raw[1024];
    uint8_t payload_buffer[512];
    struct wire_writer writer;
    struct bytes payload;
    struct bytes out;
    struct hash id;
    struct signature signature;
    wire_writer_init(&writer, payload_buffer, sizeof(payload_buffer));
    wire_write_tx_payload(&writer, draft);
    assert_true(wire_writer_end(&writer, &payload));
    crypto_digest(TAG_TX, payload, &id);
    struct crypto_key *key = key_of(account, USE_ACCOUNT);
    crypto_key_sign(key, &id, &signature);
    crypto_key_free(key);
    wire_writer_init(&writer, raw, sizeof(raw));
    wire_write_tx(&writer, payload, &signature);
    assert_true(wire_writer_end(&writer, &out));
    return out;
}

static struct tx draft_of(const struct lone *lone, uint64_t valid_ms)
{
    static const uint8_t empty_array[] = {0x90};
    struct tx tx = {.version = TX_VERSION,
                    .chain_id = lone->d->chain_id,
                    .type = TX_NOP,
                    .valid_until_ms = driver_wall_ms() + valid_ms,
                    .body = bytes_of(empty_array, sizeof(empty_array))};
    struct crypto_key *key = key_of(0, USE_ACCOUNT);
    crypto_address(crypto_key_public(key), &tx.sender);
    crypto_key_free(key);
    return tx;
}

struct bytes lone_tx(struct lone *lone, uint64_t valid_ms)
{
    struct tx tx = draft_of(lone, valid_ms);
    tx.seq = lone->seq++;
    return make_tx(0, &tx);
}

struct bytes lone_tx_by(struct lone *lone, uint32_t seat, uint32_t type, const void *body)
{
    static uint8_t bytes[1024];
    struct tx tx = draft_of(lone, 60000);
    assert_true(record_encode(record_of_body(type), body, bytes, sizeof(bytes), &tx.body));
    tx.type = type;
    tx.sender = lone_validator(seat).account;
    tx.seq = seat == 0 ? lone->seq++ : lone->seqs[seat]++;
    return make_tx(seat, &tx);
}

struct bytes lone_stray_tx(struct lone *lone, uint64_t salt)
{
    struct tx tx = draft_of(lone, 60000);
    memcpy(tx.sender.bytes, &salt, sizeof(salt));
    return make_tx(0, &tx);
}

struct net_key lone_net_key(uint32_t validator)
{
    struct crypto_key *key = key_of(validator, USE_NETWORK);
    const struct net_key out = net_key_of_node(crypto_key_public(key));
    crypto_key_free(key);
    return out;
}

enum code lone_submit(struct lone *lone, struct bytes raw)
{
    struct hash id;
    const struct net_key from = lone_net_key(LONE_VALIDATORS_MAX);
    return inbound_tx(lone->d, &from, raw, true, &id);
}

struct signature lone_sign(const struct lone *lone, const struct vote *vote)
{
    struct hash digest;
    struct signature signature;
    struct crypto_key *key = key_of(vote->validator, USE_CONSENSUS);
    inbound_vote_digest(lone->d, vote, &digest);
    crypto_key_sign(key, &digest, &signature);
    crypto_key_free(key);
    return signature;
}

void lone_vote(struct lone *lone, const struct vote *vote)
{
    uint8_t buffer[512];
    struct wire_writer writer;
    struct vote signed_vote = *vote;
    signed_vote.signature = lone_sign(lone, vote);
    wire_writer_init(&writer, buffer, sizeof(buffer));
    wire_write_message(&writer, WIRE_VOTE);
    wire_write_vote(&writer, &signed_vote);
    struct net_event event = {.kind = NET_EVENT_FRAME,
                              .role = NET_ROLE_VALIDATOR,
                              .lane = NET_LANE_VOTE,
                              .key = lone_net_key(vote->validator)};
    assert_true(wire_writer_end(&writer, &event.bytes));
    inbound_frame(lone->d, &event);
}
