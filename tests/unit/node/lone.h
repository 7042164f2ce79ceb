#ifndef TESTS_UNIT_NODE_LONE_H
#define TESTS_UNIT_NODE_LONE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "node/blocks.h"
#include "tests/support/directory.h"

/* A real driver in this process: store, journal, signer and core on a directory of its own,
 * a network nobody calls.  With one validator it makes blocks alone; with more the test plays
 * the others, whose keys it has. */

enum { LONE_VALIDATORS_MAX = 4 };

struct lone {
    struct directory directory;
    struct driver *d;
    uint64_t seq;                           /* of the next transaction */
    uint64_t seqs[2 * LONE_VALIDATORS_MAX]; /* of other accounts */
};

/* The same n gives the same chain: two lones of one n are validator 0 twice. */
void lone_open(struct lone *lone, uint32_t n);
void lone_close(struct lone *lone);
/* The process ends and another begins on the same directory. */
void lone_restart(struct lone *lone);

/* Turns of the loop until the chain has at least this height and is idle. */
void lone_run(struct lone *lone, uint64_t height);

/* A signed NOP of the funded account, valid for so long; valid until the next call. */
struct bytes lone_tx(struct lone *lone, uint64_t valid_ms);
/* A transaction of this type by the account of a seat; body is the record's struct. */
struct bytes lone_tx_by(struct lone *lone, uint32_t seat, uint32_t type, const void *body);
/* The same of a sender that no account has. */
struct bytes lone_stray_tx(struct lone *lone, uint64_t salt);
enum code lone_submit(struct lone *lone, struct bytes raw);

struct net_key lone_net_key(uint32_t validator);
/* Keys and account of a validator, as it has them or as it would have another time. */
struct validator lone_validator(uint32_t validator);
struct crypto_key *lone_consensus_key(uint32_t validator);
/* The validator's signature on a vote. */
struct signature lone_sign(const struct lone *lone, const struct vote *vote);
/* A vote of a validator as it comes from the network. */
void lone_vote(struct lone *lone, const struct vote *vote);

/* Seams: what the linker wraps (list.cmake). */
extern int64_t lone_wall_shift_ms; /* added to the wall clock */
extern bool lone_fail_block_id;    /* store_block_id fails */
extern bool lone_no_finality;      /* store_finality knows none: sealed files have it */
extern bool lone_no_overlay;       /* store_overlay_add has no room */
extern bool lone_no_evidence;      /* blocks are built without last_final */
extern uint8_t *lone_reply;        /* the last net_reply */
extern size_t lone_reply_size;

#endif /* TESTS_UNIT_NODE_LONE_H */
