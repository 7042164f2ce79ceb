#ifndef TESTS_UNIT_NET_SUPPORT_H
#define TESTS_UNIT_NET_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/crypto.h"
#include "net/net.h"

/* Every wait has this deadline; a test that needs it has failed. */
enum { PATIENCE_MS = 20000 };

/* One process of the test: its net and whom it admits. */
struct node {
    struct net *net;
    struct crypto_key *key;
    char address[32];
    struct net_key admitted[4]; /* as validators */
    enum net_role role;
    bool strangers; /* admits ANON and CLIENT too */
};

/* A node with its own key that listens on a free port of loopback. */
void node_open(struct node *node, enum net_role role, const struct net_timing *timing);
void node_open_at(struct node *node, const char *address, const struct net_timing *timing);
void node_config(const struct node *node, struct net_config *config);
void node_admit(struct node *node, const struct node *other);
void node_close(struct node *node);
struct net_key node_key(const struct node *node);

/* a keeps itself connected to b. */
void node_dial(struct node *a, const struct node *b, bool votes, bool bulk);

/* The next event of this kind; others are released. */
struct net_event event_wait(struct node *node, enum net_event_kind kind);
/* Waits until the last attempt to reach b has failed for this reason. */
void trouble_wait(struct node *a, const struct node *b, enum net_reason reason);

uint64_t test_now_ms(void);

struct hash test_hash(uint8_t fill);

#endif /* TESTS_UNIT_NET_SUPPORT_H */
