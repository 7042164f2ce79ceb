#ifndef TESTS_SUPPORT_CHAIN_H
#define TESTS_SUPPORT_CHAIN_H

#include "crypto/crypto.h"
#include "state/objects/objects.h"
#include "state/state.h"

/* A ledger in memory: a state machine over a sorted map, accounts with keys, and blocks
 * made of signed transactions.  Every block's money is checked by a full count. */

enum {
    CHAIN_ACCOUNTS = 10,
    CHAIN_TXS_MAX = 512,
    CHAIN_TX_BYTES = 40 << 10,
    CHAIN_CREDITS = 1000000, /* what each account starts with */
    CHAIN_VALIDATORS = 4,    /* seat i has the key of account i as its consensus key */
    CHAIN_VALIDATOR_KEYS = 100,
};

/* Whose account each index is. */
enum chain_account {
    CHAIN_CONSUMER = 0,  /* org 0: CONSUMER, DATA_OWNER; 0 to 3: see below */
    CHAIN_PROVIDER = 1,  /* 1, 2, 3 in orgs 1, 2, 3: PROVIDER, WORKER */
    CHAIN_STRANGER = 4,  /* org 0: no roles */
    CHAIN_SUSPENDED = 5, /* org 0, suspended */
    CHAIN_POOR = 6,      /* org 1: PROVIDER, WORKER, no credits */
    CHAIN_IDLE_ORG = 7,  /* org 4, which is suspended */
    CHAIN_RICH = 8,      /* org 0: every role */
    CHAIN_LIMITED = 9,   /* org 5, whose quota is 3 units */
};

struct chain_entry {
    uint8_t *key;
    uint32_t key_size;
    uint8_t *value;
    uint32_t value_size;
};

struct chain_map {
    struct chain_entry *items; /* ascending */
    size_t count;
    size_t capacity;
};

struct test_chain {
    struct state_machine *machine;
    void *memory;
    struct chain_map map;
    struct state_view view;
    struct hash chain_id;
    struct params params;
    struct crypto_key *keys[CHAIN_ACCOUNTS];
    struct address addresses[CHAIN_ACCOUNTS];
    uint64_t seq[CHAIN_ACCOUNTS];
    uint64_t height;
    uint64_t time_ms;
    uint64_t final_height; /* carried by the next block */
    uint8_t *tx_bytes;     /* of the block being made */
    size_t tx_used;
    struct bytes txs[CHAIN_TXS_MAX];
    size_t tx_count;
    struct state_outcome outcome; /* of the last block */
    struct crypto_sha256 digest;  /* over every write and result so far */
};

/* The genesis parameters of tests: one-second grid, windows of seconds. */
struct params chain_params(void);

struct test_chain *chain_create(const struct params *params);
/* The same, and accounts 0 to 3 have the role VALIDATOR and the validators' seats. */
struct test_chain *chain_create_seated(const struct params *params);
void chain_free(struct test_chain *chain);

/* Signed bytes of a transaction; seq is used as it is. */
struct chain_tx {
    uint32_t account; /* signs; enum chain_account */
    uint32_t type;
    uint32_t lane;
    uint64_t seq;
    uint64_t valid_ms; /* after the next block's time */
    struct bytes body; /* encoded */
};
struct bytes chain_sign(struct test_chain *chain, const struct chain_tx *tx);

/* Appends to the block being made, with the account's next number of lane 0.  body is the
 * type's struct. */
void chain_send(struct test_chain *chain, uint32_t account, uint32_t type, const void *body);
void chain_send_raw(struct test_chain *chain, struct bytes raw);

/* Makes the block `after_ms` later and applies it; the caller looks at chain->outcome.
 * The block carries an F for its parent unless chain_no_final was set. */
void chain_block(struct test_chain *chain, uint64_t after_ms);

/* Code of transaction i of the last block. */
enum code chain_code(const struct test_chain *chain, size_t i);

struct chain_refusal {
    const char *why; /* printed when the test fails */
    uint32_t account;
    uint32_t type;
    const void *body;
    enum code code;
};

/* Sends one transaction in a block of its own, one millisecond later; its code. */
enum code chain_do(struct test_chain *chain, uint32_t account, uint32_t type, const void *body);

/* The same for one that must fail with this code and change nothing but its sender's
 * sequence number, its organisation's quota and the clock. */
void chain_refused(struct test_chain *chain, const struct chain_refusal *refusal);

/* Empty blocks until the chain would be idle or, at the latest, until header time
 * `until_ms`; deadlines fire one after the other. */
void chain_run_until(struct test_chain *chain, uint64_t until_ms);

/* Reads. */
void chain_read(const struct test_chain *chain, const struct key *key, const struct record *record,
                void *out);
struct account chain_account_of(const struct test_chain *chain, uint32_t account);
struct hash chain_item(const struct test_chain *chain, enum collection collection,
                       struct bytes owner, uint32_t index);
struct bytes chain_owner(const struct test_chain *chain, uint32_t account);

/* Writes beside those of blocks. */
void chain_apply(struct test_chain *chain, const struct state_writes *writes);

/* The key with this number, which the caller frees; accounts have 0, 1 .. */
struct crypto_key *chain_make_key(uint8_t number);

/* A seat for this account with keys CHAIN_VALIDATOR_KEYS + number and the two after it;
 * those of the genesis have numbers up to 11. */
struct validator chain_validator(const struct test_chain *chain, uint32_t account, uint8_t number);

/* Sum of all credits in the state by a full scan; fails the test if it is not the supply. */
void chain_check_money(const struct test_chain *chain);

/* A digest over everything that happened. */
struct hash chain_digest(const struct test_chain *chain);

#endif /* TESTS_SUPPORT_CHAIN_H */
