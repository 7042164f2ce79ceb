#ifndef TESTS_SUPPORT_FAKE_NODE_H
#define TESTS_SUPPORT_FAKE_NODE_H

#include "client/light/light.h"
#include "crypto/crypto.h"

/* Four validators and their chain in memory, behind the light client's port: no sockets, no
 * clock but the test's.  Each endpoint can be told to lie in one way. */

enum { FAKE_VALIDATORS = 4, FAKE_BLOCKS = 64, FAKE_VALUES = 256, FAKE_TXS = 64 };

enum fake_fault {
    FAULT_NONE,
    FAULT_SILENT,     /* unreachable */
    FAULT_OLD,        /* answers with the block before the tip */
    FAULT_VALUE,      /* a byte of the value is flipped */
    FAULT_ABSENT,     /* claims that the key is absent */
    FAULT_SIGNATURE,  /* one signature of the certificate is damaged */
    FAULT_FEW,        /* one signature short of a quorum */
    FAULT_HEADER,     /* another header than the certificate's */
    FAULT_FORK,       /* a second, properly signed block of the tip's height */
    FAULT_RESULT,     /* the result's code is changed */
    FAULT_INDEX,      /* the result of the transaction before */
    FAULT_PATH,       /* a history sibling is changed */
    FAULT_GROWTH,     /* a hash of a consistency proof is changed */
    FAULT_EARLIER,    /* the header, or the state, before the one that was asked for */
    FAULT_BLOCK,      /* a transaction of the block is exchanged */
    FAULT_HEAD_NONCE, /* signs an older nonce */
    FAULT_HEAD_HIGH,  /* claims a height far above */
    FAULT_GARBAGE,    /* bytes that are no message */
    FAULT_OTHER_KIND, /* answers another question */
    FAULT_LOST_REPLY, /* a SUBMIT is executed at once, but its answer never comes */
    FAULT_DENIES,     /* a SUBMIT is executed at once, and answered with E_SEQ_USED */
    FAULT_REFUSES,    /* a SUBMIT is executed at once, and answered with E_FUNDS */
    FAULT_SWALLOWS,   /* a SUBMIT is dropped, and answered with E_SEQ_USED */
    FAULT_COUNT,
};

struct fake_value {
    struct key key;
    uint8_t *value; /* NULL: free */
    size_t size;
};

struct fake_tx {
    uint8_t *raw;
    size_t size;
    uint32_t code;
};

struct fake_block {
    uint8_t *header; /* HEADER bytes */
    size_t header_size;
    uint8_t *body; /* BLOCK bytes */
    size_t body_size;
    struct hash id;
    struct block_header decoded;
    uint32_t tx_count;
    struct fake_tx txs[FAKE_TXS];
    struct hash state_root; /* after it */
    struct hash results_root;
};

struct fake_node {
    struct crypto_key *keys[FAKE_VALIDATORS];
    struct validator_set set;
    struct hash chain_id;
    struct hash set_hash;
    uint64_t now_ms;
    uint64_t height;
    struct fake_block blocks[FAKE_BLOCKS + 1];
    struct fake_value values[FAKE_VALUES];  /* after the tip */
    struct fake_value *states[FAKE_BLOCKS]; /* FAKE_VALUES of them, after block h; below the tip */
    uint64_t oldest;                        /* no state below it is proven */
    uint32_t pool_count;
    struct fake_tx pool[FAKE_TXS];
    uint32_t refuse;       /* code for the next SUBMIT, then 0 */
    uint64_t seq_floor;    /* a SUBMIT with a lower number is answered with E_SEQ_USED */
    bool commit_on_wait;   /* every wait makes a block of what is pooled, then a sealing one */
    uint32_t code_of_next; /* result code of transactions in the next block */
    enum fake_fault faults[FAKE_VALIDATORS];
    uint32_t asked[FAKE_VALIDATORS];
    /* Called for each transaction that gets into a block. */
    void (*execute)(void *context, struct bytes raw);
    void *execute_context;
    struct hash old_nonce;
};

struct fake_node *fake_open(void);
void fake_close(struct fake_node *node);

void fake_put(struct fake_node *node, const struct key *key, struct bytes value);
void fake_put_record(struct fake_node *node, const struct key *key, const struct record *record,
                     const void *in);
/* A block with the pooled transactions. */
void fake_commit(struct fake_node *node);

struct light_port fake_port(struct fake_node *node);
struct light *fake_light(struct fake_node *node);

#endif /* TESTS_SUPPORT_FAKE_NODE_H */
