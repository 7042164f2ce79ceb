#include "node/shards.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "node/blocks.h"
#include "node/proposed.h"

/* Shards on the wire: received, passed on, asked for, served. */

enum {
    ASK_PAUSE_MS_MAX = 5000,
    ANSWER_PAUSE_MS = 50, /* one peer asks for one proposal at most so often */
};

struct shards *shards_new(void)
{
    struct shards *shards = calloc(1, sizeof(*shards));
    if (shards == NULL) {
        return NULL;
    }
    shard_pool_init(&shards->pool);
    budget_init(&shards->waste, SHARD_WASTE_BURST, SHARD_WASTE_RATE);
    shards->coder = coder_new();
    if (shards->coder == NULL) {
        free(shards);
        return NULL;
    }
    return shards;
}

bool shards_wanted(const struct driver *d, size_t block_size)
{
    struct shard_code code;
    return shard_code_derive(d->set.count, (uint32_t)block_size, &code) &&
           shard_pays(&code, d->config.shard_threshold_kib << 10);
}

bool shards_fields_hold(const struct driver *d, const struct proposal_rest *rest,
                        struct shard_code *code)
{
    return shard_code_derive(d->set.count, rest->block_size, code) && rest->da_n == code->count &&
           rest->da_k == code->required && rest->shard_size == code->shard_size;
}

static struct bytes peer_key(const struct driver *d, uint32_t validator)
{
    return bytes_of(d->set.items[validator].network.bytes, PUBLIC_KEY_SIZE);
}

static void refuse(struct driver *d, uint32_t from, const char *what)
{
    d->shards->count.refused++;
    (void)budget_spend(&d->shards->waste, peer_key(d, from), driver_now_ms());
    inbound_odd(d, from, what);
}

/* SHARD as a message in d->out; false: the set does not have it. */
static bool write_shard(struct driver *d, const struct shard_set *set, uint32_t index,
                        struct bytes *out)
{
    struct wire_shard message = {
        .proposal = set->proposal, .signature = set->signature, .index = index};
    struct crypto_path path;
    struct wire_writer writer;
    if (!shard_set_get(set, index, d->self, &message.shard, &path)) {
        return false;
    }
    message.path = bytes_of(path.siblings[0].bytes, (size_t)path.size * HASH_SIZE);
    wire_writer_init(&writer, d->out, DRIVER_OUT_SIZE);
    wire_write_message(&writer, WIRE_SHARD);
    wire_write_shard(&writer, &message);
    return wire_writer_end(&writer, out);
}

static void send_one(struct driver *d, const struct shard_set *set, uint32_t index, uint32_t to)
{
    struct bytes out;
    const uint64_t session = d->peers[to].sessions[NET_LANE_BULK];
    if (session != 0 && write_shard(d, set, index, &out)) {
        (void)net_send(d->net, session, out);
    }
}

bool shards_send(struct driver *d, const struct unfinal *own)
{
    struct shard_set *set = shard_pool_find(&d->shards->pool, &own->hash);
    if (set == NULL || set->state != SHARD_SET_WHOLE) {
        return false;
    }
    set->signature = own->signature;
    set->passed_on = true;
    d->shards->count.sent++;
    for (uint32_t i = 1; i < d->set.count; i++) {
        const uint32_t to = (d->self + i) % d->set.count; /* the next leader first */
        send_one(d, set, to, to);
    }
    return true;
}

void shards_pass_on(struct driver *d, struct shard_set *set)
{
    uint64_t sessions[VALIDATOR_COUNT_MAX];
    struct bytes out;
    size_t count = 0;
    const uint32_t leader = set->proposal.rest.leader;
    if (set->passed_on || !write_shard(d, set, d->self, &out)) {
        return;
    }
    set->passed_on = true;
    d->shards->count.passed_on++;
    for (uint32_t i = 1; i < d->set.count; i++) {
        const uint32_t to = (leader + i) % d->set.count; /* the next leader first */
        if (to != d->self && d->peers[to].sessions[NET_LANE_BULK] != 0) {
            sessions[count++] = d->peers[to].sessions[NET_LANE_BULK];
        }
    }
    (void)net_send_all(d->net, sessions, count, out);
}

static void proposal_hash(const struct wire_shard *message, struct hash *out)
{
    const struct wire_proposal parts = {.light_bytes = message->light_bytes,
                                        .rest_bytes = message->rest_bytes};
    proposed_hash(&parts, out);
}

/* The first shard of a proposal: is it one we want, and signed by its leader?  Tells the core
 * that a block is under way, or that the proposal is bad whatever its block is. */
static struct shard_set *open_set(struct driver *d, uint32_t from, const struct wire_shard *message,
                                  const struct hash *hash)
{
    struct consensus_event event = {.kind = CONSENSUS_ON_PROPOSAL, .from = from};
    struct shard_code code;
    event.proposal.proposal = &message->proposal;
    event.proposal.hash = *hash;
    if (!shard_pool_has_room(&d->shards->pool, &message->proposal.light)) {
        return NULL;
    }
    const enum proposed_verdict wanted = proposed_judge(d, &event, &message->signature);
    if (wanted != PROPOSED_TAKE) {
        if (wanted == PROPOSED_FALSE) {
            refuse(d, from, "sent a shard of a proposal that does not verify");
        }
        return NULL;
    }
    if (!shards_fields_hold(d, &message->proposal.rest, &code)) {
        event.proposal.bad = true;
        driver_step(d, &event);
        return NULL;
    }
    struct shard_set *set = shard_pool_open(&d->shards->pool, &message->proposal, hash, &code);
    if (set == NULL) {
        return NULL;
    }
    set->signature = message->signature;
    set->ask_at_ms = driver_now_ms() + genesis_params(d->genesis)->delta_0_ms;
    event = (struct consensus_event){.kind = CONSENSUS_ON_ANNOUNCED, .from = from};
    event.announced = message->proposal.light.view;
    driver_step(d, &event);
    return set;
}

static void put(struct driver *d, uint32_t from, struct shard_set *set,
                const struct wire_shard *message)
{
    const struct shard_offer offer = {
        .from = from, .index = message->index, .path = message->path, .shard = message->shard};
    switch (shard_set_put(set, &offer)) {
    case SHARD_PUT_KEPT:
        break;
    case SHARD_PUT_KNOWN:
        return;
    case SHARD_PUT_FALSE:
        refuse(d, from, "sent a shard that is not under its root");
        return;
    }
    d->shards->count.received++;
    if (message->index == d->self) {
        shards_pass_on(d, set);
    }
    if (shard_set_ready(set)) {
        shards_restore(d, set);
    }
}

void shards_on_shard(struct driver *d, uint32_t from, struct bytes body)
{
    static struct wire_shard message; /* the driver's thread only */
    struct hash hash;
    if (!budget_has(&d->shards->waste, peer_key(d, from), driver_now_ms())) {
        d->shards->count.refused++;
        return;
    }
    if (!wire_decode_shard(body, &message)) {
        refuse(d, from, "sent a malformed shard");
        return;
    }
    if (message.proposal.light.epoch != d->epoch.number) {
        return; /* seats are others there; votes and certificates say which epoch it is */
    }
    if (message.proposal.rest.leader >= d->set.count ||
        (message.index != from && message.index != d->self)) {
        refuse(d, from, "sent a malformed shard");
        return;
    }
    proposal_hash(&message, &hash);
    struct shard_set *set = shard_pool_find(&d->shards->pool, &hash);
    if (set == NULL) {
        set = open_set(d, from, &message, &hash);
    }
    if (set != NULL) {
        put(d, from, set, &message);
    }
}

void shards_on_get_shards(struct driver *d, uint32_t from, struct bytes body)
{
    struct hash hash;
    const uint64_t now = driver_now_ms();
    if (!wire_decode_get_shards(body, &hash)) {
        return;
    }
    struct shard_set *set = shard_pool_find(&d->shards->pool, &hash);
    if (set == NULL || !set->passed_on || from >= set->code.count ||
        (set->answered_ms[from] != 0 && now - set->answered_ms[from] < ANSWER_PAUSE_MS)) {
        return;
    }
    set->answered_ms[from] = now;
    d->shards->count.served++;
    send_one(d, set, d->self, from);
    if (set->state == SHARD_SET_WHOLE) {
        send_one(d, set, from, from);
    }
}

static void ask(struct driver *d, struct shard_set *set, uint64_t now)
{
    uint8_t buffer[WIRE_MESSAGE_OVERHEAD + 3 + HASH_SIZE];
    struct wire_writer writer;
    struct bytes out;
    const uint64_t pause = genesis_params(d->genesis)->delta_0_ms << set->ask_count;
    set->ask_count++;
    set->ask_at_ms = now + (pause < ASK_PAUSE_MS_MAX ? pause : ASK_PAUSE_MS_MAX);
    d->shards->count.asked++;
    wire_writer_init(&writer, buffer, sizeof(buffer));
    wire_write_message(&writer, WIRE_GET_SHARDS);
    wire_write_get_shards(&writer, &set->hash);
    ASSERT(wire_writer_end(&writer, &out));
    for (uint32_t i = 0; i < d->set.count; i++) {
        if (i != d->self && d->peers[i].sessions[NET_LANE_VOTE] != 0) {
            (void)net_send(d->net, d->peers[i].sessions[NET_LANE_VOTE], out);
        }
    }
}

void shards_report(const struct driver *d)
{
    const struct shards *s = d->shards;
    if (s->count.sent == 0 && s->count.received == 0 && s->count.refused == 0) {
        return;
    }
    log_line(LOG_INFO, "shards",
             "coded=%llu sent=%llu received=%llu passed_on=%llu restored=%llu checked=%llu "
             "asked=%llu served=%llu no_room=%llu evicted=%llu refused=%llu inconsistent=%llu",
             (unsigned long long)s->count.coded, (unsigned long long)s->count.sent,
             (unsigned long long)s->count.received, (unsigned long long)s->count.passed_on,
             (unsigned long long)s->count.restored, (unsigned long long)s->count.checked,
             (unsigned long long)s->count.asked, (unsigned long long)s->count.served,
             (unsigned long long)s->pool.refused_count, (unsigned long long)s->pool.evicted_count,
             (unsigned long long)s->count.refused, (unsigned long long)s->count.inconsistent);
}

bool shards_busy(const struct driver *d)
{
    return d->shards->job_count > 0;
}

void shards_poll(struct driver *d)
{
    struct consensus_status status;
    shards_take_work(d);
    consensus_status(d->core, &status);
    shard_pool_forget(&d->shards->pool, status.epoch, status.last_delivered.view);
    const uint64_t now = driver_now_ms();
    for (uint32_t i = 0; i < SHARD_SET_MAX; i++) {
        struct shard_set *set = &d->shards->pool.sets[i];
        if (shard_set_ready(set)) {
            shards_restore(d, set); /* there was no memory for it */
        } else if (set->state == SHARD_SET_COLLECTING && now >= set->ask_at_ms &&
                   set->ask_count < SHARD_ASK_MAX) {
            ask(d, set, now);
        }
    }
}
