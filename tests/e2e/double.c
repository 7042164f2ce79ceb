#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/keyfile/keyfile.h"
#include "genesis/genesis.h"
#include "net/net.h"
#include "node/config.h"
#include "state/objects/objects.h"
#include "wire/sync/sync.h"

/* double NODE_INI VICTIM: a validator that votes twice.  In the place of the node with this
 * configuration it holds sessions with validator VICTIM, and once a second sends it NOTARIZE of
 * two proposals in the view it is in, signed as they should be, until SIGTERM. */

enum { WAIT_MS = 1000, OUT_SIZE = 1024 };

struct liar {
    struct net *net;
    struct validator_set set;
    struct hash chain_id;
    struct hash set_hash;
    const struct crypto_key *consensus;
    uint32_t self;
    uint64_t session; /* of votes; 0: none */
    uint64_t epoch, view;
};

static volatile sig_atomic_t stopped;

static void on_stop(int number)
{
    (void)number;
    stopped = 1;
}

static enum net_reason admit_all(void *context, enum net_role role, enum net_lane lane,
                                 const struct net_key *key)
{
    (void)context;
    (void)role;
    (void)lane;
    (void)key;
    return NET_REASON_NONE;
}

static bool send_vote(const struct liar *liar, uint8_t proposal)
{
    uint8_t out[OUT_SIZE];
    struct wire_writer writer;
    struct bytes bytes;
    struct vote vote = {
        .kind = VOTE_NOTARIZE, .epoch = liar->epoch, .view = liar->view, .validator = liar->self};
    memset(vote.proposal.bytes, proposal, HASH_SIZE);
    const struct hash digest = id_vote(&liar->chain_id, &liar->set_hash, &vote);
    crypto_key_sign(liar->consensus, &digest, &vote.signature);
    wire_writer_init(&writer, out, sizeof(out));
    wire_write_message(&writer, WIRE_VOTE);
    wire_write_vote(&writer, &vote);
    return wire_writer_end(&writer, &bytes) &&
           net_send(liar->net, liar->session, bytes) == NET_SENT_QUEUED;
}

static void learn(struct liar *liar, struct bytes bytes)
{
    static struct wire_status status;
    struct wire_message message;
    if (wire_decode_message(bytes, &message) && message.kind == WIRE_STATUS &&
        wire_decode_status(message.body, &status) && status.view >= liar->view) {
        liar->view = status.view;
        liar->epoch = status.epoch;
    }
}

static void take(struct liar *liar)
{
    struct net_event event;
    for (uint32_t wait_ms = WAIT_MS; net_poll(liar->net, &event, wait_ms); wait_ms = 0) {
        const bool votes = event.lane == NET_LANE_VOTE;
        if (event.kind == NET_EVENT_CONNECTED && votes) {
            liar->session = event.session;
        } else if (event.kind == NET_EVENT_DISCONNECTED && event.session == liar->session) {
            liar->session = 0;
        } else if (event.kind == NET_EVENT_FRAME || event.kind == NET_EVENT_PING) {
            learn(liar, event.bytes);
        }
        net_event_release(&event);
    }
}

static void lie(struct liar *liar)
{
    while (!stopped) {
        take(liar);
        if (liar->session != 0 && liar->view > 0 && send_vote(liar, 7) && send_vote(liar, 9)) {
            (void)printf("lied in view %llu\n", (unsigned long long)liar->view);
            (void)fflush(stdout);
        }
    }
}

static struct crypto_key *load(const struct node_config *config, const char *name,
                               enum crypto_keyfile_kind kind)
{
    char path[CONFIG_PATH_MAX + 16];
    struct error error;
    struct crypto_key *key = NULL;
    (void)snprintf(path, sizeof(path), "%s/%s", config->keys_dir, name);
    return crypto_keyfile_load(&(struct crypto_keyfile){.path = path, .kind = kind}, &key, &error)
               ? key
               : NULL;
}

static uint32_t seat_of(const struct liar *liar)
{
    uint32_t i = 0;
    while (i < liar->set.count &&
           !public_key_equal(&liar->set.items[i].consensus, crypto_key_public(liar->consensus))) {
        i++;
    }
    return i;
}

int main(int argc, char **argv)
{
    static struct liar liar;
    static struct node_config config;
    struct genesis *genesis = NULL;
    struct error error = {.code = EXIT_CODE_OK};
    if (argc != 3 || !node_config_load(argv[1], &config, &error) ||
        !genesis_load(config.genesis, &genesis, &error)) {
        (void)fprintf(stderr, "double NODE_INI VICTIM: %s\n", error.detail);
        return EXIT_FAILURE;
    }
    (void)signal(SIGTERM, on_stop);
    (void)signal(SIGPIPE, SIG_IGN);
    struct crypto_key *network = load(&config, "network.key", CRYPTO_KEYFILE_NETWORK);
    struct crypto_key *consensus = load(&config, "consensus.key", CRYPTO_KEYFILE_CONSENSUS);
    const uint32_t victim = (uint32_t)strtoul(argv[2], NULL, 10);
    liar.set = *genesis_validators(genesis);
    liar.chain_id = *genesis_chain_id(genesis);
    liar.set_hash = *genesis_set_hash(genesis);
    liar.consensus = consensus;
    if (network == NULL || consensus == NULL || victim >= liar.set.count) {
        return EXIT_FAILURE;
    }
    liar.self = seat_of(&liar);
    const struct net_config net = {.listen = config.listen,
                                   .chain_id = liar.chain_id,
                                   .genesis_hash = liar.chain_id,
                                   .role = NET_ROLE_VALIDATOR,
                                   .key = network,
                                   .admit = admit_all};
    const struct net_peer peer = {.address = config.peers[victim],
                                  .key = net_key_of_node(&liar.set.items[victim].network),
                                  .vote_lane = true,
                                  .bulk_lane = true,
                                  .mutual = true};
    const bool ok = net_open(&net, &liar.net, &error) && net_peer_add(liar.net, &peer);
    if (ok) {
        lie(&liar);
    } else {
        (void)fprintf(stderr, "double: %s\n", error.detail);
    }
    net_close(liar.net);
    crypto_key_free(network);
    crypto_key_free(consensus);
    genesis_free(genesis);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
