#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "crypto/keyfile/keyfile.h"
#include "genesis/genesis.h"
#include "net/net.h"
#include "node/config.h"
#include "wire/sync/sync.h"

/* netns_flood NODE_INI MS: a validator gone mad.  In the place of the node with this
 * configuration it holds sessions with the others and sends them each kind of message for MS
 * milliseconds, as fast as they are taken: well formed where that costs the receiver more, with
 * signatures of nobody.  It prints how many of each left; 1 if any kind did not. */

enum { BURST = 64, TX_COUNT = 32, TX_SIZE = 200, BLOCK_SIZE = 4096, OUT_SIZE = 1 << 17 };

struct flood {
    struct net *net;
    struct validator_set set;
    uint32_t self;
    uint64_t sessions[VALIDATOR_COUNT_MAX][NET_LANE_COUNT];
    uint64_t epoch, view; /* as the others say */
    uint64_t random;
    uint64_t sent;
    uint8_t out[OUT_SIZE];
};

static uint64_t draw(struct flood *f)
{
    f->random ^= f->random << 13;
    f->random ^= f->random >> 7;
    f->random ^= f->random << 17;
    return f->random;
}

static void draw_bytes(struct flood *f, void *out, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        ((uint8_t *)out)[i] = (uint8_t)(draw(f) >> 32);
    }
}

static uint64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- messages ------------------------------------------------------------------------- */

static void write_vote(struct flood *f, struct wire_writer *writer)
{
    struct vote vote = {.kind = (enum vote_kind)(1 + draw(f) % 3),
                        .epoch = f->epoch,
                        .view = f->view + draw(f) % 4,
                        .validator = f->self};
    draw_bytes(f, &vote.signature, sizeof(vote.signature));
    if (vote.kind != VOTE_NULLIFY) {
        draw_bytes(f, &vote.proposal, sizeof(vote.proposal));
    }
    wire_write_message(writer, WIRE_VOTE);
    wire_write_vote(writer, &vote);
}

static void make_certificate(struct flood *f, struct certificate *out)
{
    memset(out, 0, sizeof(*out));
    out->kind = (enum vote_kind)(1 + draw(f) % 3);
    out->epoch = f->epoch;
    out->view = f->view + draw(f) % 8;
    out->signature_count = validator_quorum(f->set.count);
    for (uint32_t i = 0; i < out->signature_count; i++) {
        validator_bitmap_set(&out->signers, i);
        draw_bytes(f, &out->signatures[i], sizeof(out->signatures[i]));
    }
    if (out->kind != VOTE_NULLIFY) {
        draw_bytes(f, &out->proposal, sizeof(out->proposal));
    }
}

static void write_certificate(struct flood *f, struct wire_writer *writer)
{
    static struct certificate certificate;
    make_certificate(f, &certificate);
    wire_write_message(writer, WIRE_CERT);
    wire_write_certificate(writer, &certificate);
}

static void write_status(struct flood *f, struct wire_writer *writer)
{
    static struct wire_status status;
    status.epoch = f->epoch;
    status.view = f->view + draw(f) % 1000;
    status.has_last_final = true;
    status.has_entry = true;
    make_certificate(f, &status.entry);
    make_certificate(f, &status.last_final);
    status.last_final.kind = VOTE_FINALIZE;
    draw_bytes(f, &status.last_final.proposal, HASH_SIZE);
    wire_write_message(writer, WIRE_STATUS);
    wire_write_status(writer, &status);
}

static void write_get_certs(struct flood *f, struct wire_writer *writer)
{
    const uint64_t from = 1 + draw(f) % (f->view + 1);
    const struct wire_get_certs get = {
        .epoch = f->epoch, .from_view = from, .to_view = from + draw(f) % 1000};
    wire_write_message(writer, WIRE_GET_CERTS);
    wire_write_get_certs(writer, &get);
}

static void write_get_cert(struct flood *f, struct wire_writer *writer)
{
    const struct wire_get_cert get = {.epoch = f->epoch, .view = 1 + draw(f) % (f->view + 1)};
    wire_write_message(writer, WIRE_GET_CERT);
    wire_write_get_cert(writer, &get);
}

static void write_get_block(struct flood *f, struct wire_writer *writer)
{
    struct hash hash;
    draw_bytes(f, &hash, sizeof(hash));
    wire_write_message(writer, WIRE_GET_BLOCK);
    wire_write_get_block(writer, &hash);
}

static void write_proposal(struct flood *f, struct wire_writer *writer)
{
    static uint8_t block[BLOCK_SIZE];
    struct wire_proposal message = {.block = bytes_of(block, sizeof(block))};
    draw_bytes(f, block, sizeof(block));
    draw_bytes(f, &message.signature, sizeof(message.signature));
    message.proposal.light.epoch = f->epoch;
    message.proposal.light.view = f->view;
    message.proposal.light.height = f->view;
    message.proposal.rest.leader = f->self;
    wire_write_message(writer, WIRE_PROPOSAL);
    wire_write_proposal(writer, &message);
}

static void write_txs(struct flood *f, struct wire_writer *writer)
{
    static uint8_t bytes[TX_COUNT][TX_SIZE];
    struct bytes txs[TX_COUNT];
    draw_bytes(f, bytes, sizeof(bytes));
    for (uint32_t i = 0; i < TX_COUNT; i++) {
        txs[i] = bytes_of(bytes[i], TX_SIZE);
    }
    wire_write_message(writer, WIRE_TXS);
    wire_write_txs(writer, txs, TX_COUNT);
}

static void write_block(struct flood *f, struct wire_writer *writer)
{
    static uint8_t block[BLOCK_SIZE];
    draw_bytes(f, block, sizeof(block));
    wire_write_message(writer, WIRE_BLOCK);
    wire_write_block_message(writer, bytes_of(block, sizeof(block)));
}

static void write_wake(struct flood *f, struct wire_writer *writer)
{
    uint8_t tx[TX_SIZE];
    draw_bytes(f, tx, sizeof(tx));
    wire_write_message(writer, WIRE_WAKE);
    wire_write_wake(writer, bytes_of(tx, sizeof(tx)));
}

static void write_noise(struct flood *f, struct wire_writer *writer)
{
    uint8_t noise[TX_SIZE];
    draw_bytes(f, noise, sizeof(noise));
    wire_write_raw(writer, bytes_of(noise, 1 + draw(f) % sizeof(noise)));
}

static const struct kind {
    const char *name;
    enum net_lane lane;
    void (*write)(struct flood *f, struct wire_writer *writer);
} kinds[] = {
    {"PROPOSAL", NET_LANE_BULK, write_proposal},
    {"VOTE", NET_LANE_VOTE, write_vote},
    {"CERT", NET_LANE_VOTE, write_certificate},
    {"GET_CERT", NET_LANE_VOTE, write_get_cert},
    {"GET_CERTS", NET_LANE_VOTE, write_get_certs},
    {"GET_BLOCK", NET_LANE_VOTE, write_get_block},
    {"BLOCK", NET_LANE_BULK, write_block},
    {"STATUS", NET_LANE_VOTE, write_status},
    {"TXS", NET_LANE_BULK, write_txs},
    {"WAKE", NET_LANE_BULK, write_wake},
    {"noise", NET_LANE_VOTE, write_noise},
};

/* ---- sessions ------------------------------------------------------------------------- */

static enum net_reason admit_all(void *context, enum net_role role, enum net_lane lane,
                                 const struct net_key *key)
{
    (void)context;
    (void)role;
    (void)lane;
    (void)key;
    return NET_REASON_NONE;
}

static uint32_t index_of(const struct flood *f, const struct net_key *key)
{
    uint32_t i = 0;
    while (i < f->set.count) {
        const struct net_key known = net_key_of_node(&f->set.items[i].network);
        if (net_key_equal(&known, key)) {
            break;
        }
        i++;
    }
    return i;
}

/* Where the others are, so that what is sent is looked at. */
static void learn(struct flood *f, struct bytes bytes)
{
    static struct wire_status status;
    struct wire_message message;
    if (wire_decode_message(bytes, &message) && message.kind == WIRE_STATUS &&
        wire_decode_status(message.body, &status) && status.view >= f->view) {
        f->view = status.view;
        f->epoch = status.epoch;
    }
}

static void take(struct flood *f, uint32_t wait_ms)
{
    struct net_event event;
    while (net_poll(f->net, &event, wait_ms)) {
        const uint32_t from = index_of(f, &event.key);
        if (event.kind == NET_EVENT_CONNECTED && from < f->set.count) {
            f->sessions[from][event.lane] = event.session;
        } else if (event.kind == NET_EVENT_DISCONNECTED && from < f->set.count &&
                   f->sessions[from][event.lane] == event.session) {
            f->sessions[from][event.lane] = 0;
        } else if (event.kind == NET_EVENT_FRAME || event.kind == NET_EVENT_PING) {
            learn(f, event.bytes);
        }
        net_event_release(&event);
        wait_ms = 0;
    }
}

/* Both lanes of this many others. */
static uint32_t count_open(const struct flood *f)
{
    uint32_t open = 0;
    for (uint32_t i = 0; i < f->set.count; i++) {
        open += f->sessions[i][NET_LANE_VOTE] != 0 && f->sessions[i][NET_LANE_BULK] != 0 ? 1 : 0;
    }
    return open;
}

static void send_to_all(struct flood *f, enum net_lane lane, struct bytes bytes)
{
    for (uint32_t to = 0; to < f->set.count; to++) {
        const uint64_t session = f->sessions[to][lane];
        if (session != 0 && net_send(f->net, session, bytes) == NET_SENT_QUEUED) {
            f->sent++;
        }
    }
}

static void burst(struct flood *f, const struct kind *kind)
{
    for (uint32_t i = 0; i < BURST; i++) {
        struct wire_writer writer;
        struct bytes bytes;
        wire_writer_init(&writer, f->out, OUT_SIZE);
        kind->write(f, &writer);
        ASSERT(wire_writer_end(&writer, &bytes));
        send_to_all(f, kind->lane, bytes);
    }
    net_flush(f->net);
}

static bool flood_all(struct flood *f, uint64_t each_ms)
{
    bool all = true;
    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        const uint64_t end = now_ms() + each_ms;
        const uint64_t latest = end + 10000; /* until some session is open, too */
        f->sent = 0;
        while (now_ms() < end || (f->sent == 0 && now_ms() < latest)) {
            burst(f, &kinds[k]);
            take(f, 1);
        }
        (void)printf("%s %llu\n", kinds[k].name, (unsigned long long)f->sent);
        (void)fflush(stdout);
        all = all && f->sent > 0;
    }
    return all;
}

static bool open_net(struct flood *f, const struct node_config *config,
                     const struct net_config *net, struct error *error)
{
    bool ok = net_open(net, &f->net, error);
    const struct net_key own = ok ? net_own_key(f->net) : (struct net_key){.size = 0};
    f->self = index_of(f, &own);
    for (uint32_t i = 0; ok && i < f->set.count; i++) {
        const struct net_peer peer = {.address = config->peers[i],
                                      .key = net_key_of_node(&f->set.items[i].network),
                                      .vote_lane = true,
                                      .bulk_lane = true,
                                      .mutual = true};
        ok = i == f->self || net_peer_add(f->net, &peer);
    }
    return ok;
}

int main(int argc, char **argv)
{
    static struct flood f = {.random = 88172645463325252U, .view = 1};
    static struct node_config config;
    struct genesis *genesis = NULL;
    struct crypto_key *key = NULL;
    struct error error = {.code = EXIT_CODE_USAGE};
    char path[CONFIG_PATH_MAX + 16];
    if (argc != 3 || !node_config_load(argv[1], &config, &error) ||
        !genesis_load(config.genesis, &genesis, &error)) {
        (void)fprintf(stderr, "netns_flood NODE_INI MS: %s\n", error.detail);
        return EXIT_CODE_USAGE;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    (void)snprintf(path, sizeof(path), "%s/network.key", config.keys_dir);
    f.set = *genesis_validators(genesis);
    const struct crypto_keyfile file = {.path = path, .kind = CRYPTO_KEYFILE_NETWORK};
    bool ok = crypto_keyfile_load(&file, &key, &error);
    const struct net_config net = {.listen = config.listen,
                                   .chain_id = *genesis_chain_id(genesis),
                                   .genesis_hash = *genesis_chain_id(genesis),
                                   .role = NET_ROLE_VALIDATOR,
                                   .key = key,
                                   .admit = admit_all};
    ok = ok && open_net(&f, &config, &net, &error);
    const uint64_t deadline = now_ms() + 20000;
    while (ok && count_open(&f) + 1 < f.set.count && now_ms() < deadline) {
        take(&f, 100);
    }
    if (ok) {
        net_hold(f.net);
        ok = flood_all(&f, strtoull(argv[2], NULL, 10));
    } else {
        (void)fprintf(stderr, "netns_flood: %s\n", error.detail);
    }
    net_close(f.net);
    crypto_key_free(key);
    genesis_free(genesis);
    return ok ? EXIT_CODE_OK : EXIT_CODE_FAILURE;
}
