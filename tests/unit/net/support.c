#include "support.h"

#include <poll.h>
#include <time.h>

uint64_t test_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

struct hash test_hash(uint8_t fill)
{
    struct hash hash;
    memset(hash.bytes, fill, sizeof hash.bytes);
    return hash;
}

static enum net_reason admit(void *context, enum net_role role, enum net_lane lane,
                             const struct net_key *key)
{
    (void)lane;
    const struct node *node = context;
    if (role == NET_ROLE_ANON || role == NET_ROLE_CLIENT) {
        return node->strangers ? NET_REASON_NONE : NET_REASON_NOT_ADMITTED;
    }
    for (size_t i = 0; i < sizeof node->admitted / sizeof node->admitted[0]; i++) {
        if (net_key_equal(&node->admitted[i], key)) {
            return NET_REASON_NONE;
        }
    }
    return NET_REASON_NOT_ADMITTED;
}

void node_config(const struct node *node, struct net_config *config)
{
    memset(config, 0, sizeof *config);
    config->chain_id = test_hash(1);
    config->genesis_hash = test_hash(1);
    config->role = node->role;
    config->key = node->key;
}

void node_open_at(struct node *node, const char *address, const struct net_timing *timing)
{
    struct net_config config;
    struct error error;
    node_config(node, &config);
    config.listen = address;
    config.admit = admit;
    config.admit_context = node;
    if (timing != NULL) {
        config.timing = *timing;
    }
    config.timing.redial_max_ms = 200;
    if (!net_open(&config, &node->net, &error)) {
        fail_msg("%s", error.detail);
    }
    (void)snprintf(node->address, sizeof node->address, "127.0.0.1:%u", net_port(node->net));
}

void node_open(struct node *node, enum net_role role, const struct net_timing *timing)
{
    memset(node, 0, sizeof *node);
    node->role = role;
    node->key = crypto_key_generate();
    assert_non_null(node->key);
    node_open_at(node, "127.0.0.1:0", timing);
}

void node_close(struct node *node)
{
    net_close(node->net);
    crypto_key_free(node->key);
    memset(node, 0, sizeof *node);
}

struct net_key node_key(const struct node *node)
{
    return net_key_of_node(crypto_key_public(node->key));
}

void node_admit(struct node *node, const struct node *other)
{
    size_t free_one = 0;
    while (node->admitted[free_one].size != 0) {
        free_one++;
    }
    node->admitted[free_one] = node_key(other);
}

void node_dial(struct node *a, const struct node *b, bool votes, bool bulk)
{
    struct net_peer peer = {
        .address = b->address, .key = node_key(b), .vote_lane = votes, .bulk_lane = bulk};
    assert_true(net_peer_add(a->net, &peer));
}

struct net_event event_wait(struct node *node, enum net_event_kind kind)
{
    uint64_t until = test_now_ms() + PATIENCE_MS;
    struct net_event event;
    while (test_now_ms() < until) {
        if (!net_poll(node->net, &event, 1000)) {
            continue;
        }
        if (event.kind == kind) {
            return event;
        }
        net_event_release(&event);
    }
    fail_msg("event %d did not come", (int)kind);
    return event;
}

void trouble_wait(struct node *a, const struct node *b, enum net_reason reason)
{
    struct net_peer peer = {.address = b->address, .key = node_key(b)};
    uint64_t until = test_now_ms() + PATIENCE_MS;
    enum net_reason found = net_peer_trouble(a->net, &peer);
    while (found != reason && test_now_ms() < until) {
        (void)poll(NULL, 0, 5);
        found = net_peer_trouble(a->net, &peer);
    }
    assert_string_equal(net_reason_text(found), net_reason_text(reason));
}
