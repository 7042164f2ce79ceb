#include "node/peers.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "node/driver.h"
#include "state/objects/objects.h"

enum {
    PAST_SETS = 4, /* who left follows on for so many epochs, also after a restart */
    GATE_MAX = (PAST_SETS + 3) * VALIDATOR_COUNT_MAX + CONFIG_NAMED_MAX,
    LOOK_MS = 200, /* after a change on chain, whom it admits may wait so long */
};

struct gate {
    pthread_mutex_t lock;
    uint32_t count;
    struct net_key keys[GATE_MAX];
    uint64_t height, look_ms; /* the driver's thread only */
};

struct gate *gate_new(void)
{
    struct gate *gate = calloc(1, sizeof(*gate));
    if (gate != NULL && pthread_mutex_init(&gate->lock, NULL) != 0) {
        free(gate);
        return NULL;
    }
    return gate;
}

void gate_free(struct gate *gate)
{
    if (gate != NULL) {
        (void)pthread_mutex_destroy(&gate->lock);
        free(gate);
    }
}

/* ---- Numbers --------------------------------------------------------------------------- */

uint32_t peers_find(const struct driver *d, const struct net_key *key)
{
    for (uint32_t i = 0; i < PEER_MAX; i++) {
        if (d->peers[i].key.size != 0 && net_key_equal(&d->peers[i].key, key)) {
            return i;
        }
    }
    return PEER_NOBODY;
}

static bool is_connected(const struct peer *peer)
{
    return peer->sessions[NET_LANE_VOTE] != 0 || peer->sessions[NET_LANE_BULK] != 0;
}

uint32_t peers_enter(struct driver *d, const struct net_key *key)
{
    uint32_t peer = peers_find(d, key);
    for (uint32_t i = PEER_OTHER; i < PEER_MAX && peer == PEER_NOBODY; i++) {
        if (!is_connected(&d->peers[i])) {
            d->peers[i] = (struct peer){.key = *key};
            peer = i;
        }
    }
    return peer;
}

void peers_seat(struct driver *d)
{
    static struct peer old[PEER_MAX]; /* 11 KB; the driver's thread only */
    memcpy(old, d->peers, sizeof(old));
    memset(d->peers, 0, sizeof(d->peers));
    for (uint32_t i = 0; i < d->set.count; i++) {
        d->peers[i].key = net_key_of_node(&d->set.items[i].network);
    }
    for (uint32_t i = 0; i < PEER_MAX; i++) {
        const bool known = old[i].key.size != 0;
        const uint32_t peer = !known                  ? PEER_NOBODY
                              : is_connected(&old[i]) ? peers_enter(d, &old[i].key)
                                                      : peers_find(d, &old[i].key);
        if (peer != PEER_NOBODY) {
            d->peers[peer] = old[i];
        }
    }
}

bool peers_is_member(const struct driver *d, uint32_t peer)
{
    return peer < d->set.count && peer != d->self;
}

const char *peers_word(const struct driver *d, uint32_t peer)
{
    return peer < d->set.count ? "validator" : "observer";
}

void peers_send(struct driver *d, uint32_t to, enum net_lane lane, struct bytes bytes)
{
    for (uint32_t i = 0; i < PEER_MAX; i++) {
        if ((to == CONSENSUS_ALL || to == i) && d->peers[i].sessions[lane] != 0) {
            (void)net_send(d->net, d->peers[i].sessions[lane], bytes);
        }
    }
}

/* ---- Dialing --------------------------------------------------------------------------- */

static bool dial(struct driver *d, const char *address, const struct public_key *key, bool mutual,
                 struct error *error)
{
    const struct net_peer peer = {.address = address,
                                  .key = net_key_of_node(key),
                                  .vote_lane = true,
                                  .bulk_lane = true,
                                  .mutual = mutual};
    return public_key_equal(key, crypto_key_public(d->network_key)) ||
           net_peer_add(d->net, &peer) ||
           error_set(error, EXIT_CODE_BAD_CONFIG, "peer %s cannot be used", address);
}

/* Members of the genesis name each other, so that one of two dials.  Whoever came later dials
 * those he names, whether they name him or not. */
bool peers_dial(struct driver *d, struct error *error)
{
    const struct validator_set *first = genesis_validators(d->genesis);
    bool mutual = false;
    for (uint32_t i = 0; i < first->count; i++) {
        mutual =
            mutual || public_key_equal(&first->items[i].network, crypto_key_public(d->network_key));
    }
    for (uint32_t i = 0; i < first->count; i++) {
        if (d->config.peers[i][0] != '\0' &&
            !dial(d, d->config.peers[i], &first->items[i].network, mutual, error)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < d->config.named_count; i++) {
        const struct config_named *named = &d->config.named[i];
        if (!dial(d, named->address, &named->key, false, error)) {
            return false;
        }
    }
    return true;
}

/* ---- Admission ------------------------------------------------------------------------- */

static void add_key(struct gate *gate, const struct public_key *key)
{
    if (gate->count < GATE_MAX) {
        gate->keys[gate->count++] = net_key_of_node(key);
    }
}

static void add_set(struct gate *gate, const struct state_view *view, const struct key *key)
{
    static struct validator_set set; /* 15 KB; the driver's thread only */
    struct bytes value;
    if (view->get(view->context, key_view(key), &value) && wire_decode_validator_set(value, &set)) {
        for (uint32_t i = 0; i < set.count; i++) {
            add_key(gate, &set.items[i].network);
        }
    }
}

static void add_proposed(struct gate *gate, const struct state_view *view,
                         const struct address *proposer)
{
    struct set_change change;
    const struct key key = key_change(proposer);
    if (state_read(view, &key, &record_set_change, &change) && change.action != CHANGE_REMOVE) {
        add_key(gate, &change.validator.network);
    }
}

void peers_admit(struct driver *d)
{
    struct gate *gate = d->gate;
    const struct state_view view = store_view(d->store);
    const struct key keys[] = {key_global(GLOBAL_VALIDATORS), key_global(GLOBAL_NEXT_SET)};
    (void)pthread_mutex_lock(&gate->lock);
    gate->count = 0;
    add_set(gate, &view, &keys[0]);
    add_set(gate, &view, &keys[1]);
    for (uint64_t i = 1; i <= PAST_SETS && i <= d->epoch.number; i++) {
        const struct key past = key_set(d->epoch.number - i);
        add_set(gate, &view, &past);
    }
    for (uint32_t i = 0; i < d->set.count; i++) {
        add_proposed(gate, &view, &d->set.items[i].account);
    }
    for (uint32_t i = 0; i < d->config.named_count; i++) {
        add_key(gate, &d->config.named[i].key);
    }
    (void)pthread_mutex_unlock(&gate->lock);
    gate->height = d->committed.height;
    gate->look_ms = driver_now_ms() + LOOK_MS;
}

void peers_poll(struct driver *d)
{
    if (d->gate->height != d->committed.height && driver_now_ms() >= d->gate->look_ms) {
        peers_admit(d);
    }
}

bool peers_admits(struct driver *d, const struct net_key *key)
{
    struct gate *gate = d->gate;
    const struct net_key own = net_key_of_node(crypto_key_public(d->network_key));
    bool found = false;
    if (net_key_equal(key, &own)) {
        return false;
    }
    (void)pthread_mutex_lock(&gate->lock);
    for (uint32_t i = 0; i < gate->count && !found; i++) {
        found = net_key_equal(&gate->keys[i], key);
    }
    (void)pthread_mutex_unlock(&gate->lock);
    return found;
}
