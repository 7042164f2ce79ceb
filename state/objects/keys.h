#ifndef STATE_OBJECTS_KEYS_H
#define STATE_OBJECTS_KEYS_H

#include "types/types.h"

/* State keys: one byte that names the kind of object, then its ids, integers big-endian.
 * This is the only place where keys are built; kinds and layouts are final.
 * Every key is under the state root, the collections and the deadline heap included:
 * nothing about the ledger is derived data that a restore would have to rebuild. */

enum key_kind {
    KEY_ACCOUNT = 'a',      /* address 20 -> struct account */
    KEY_REQUEST_BODY = 'b', /* job 32 -> the TRAIN_REQUEST body's bytes, unchanged */
    KEY_COUNT = 'c',        /* collection u8, owner -> number of items, struct counter */
    KEY_DATA = 'd',         /* id 32 -> struct data_set */
    KEY_LEASE = 'e',        /* id 32 -> struct lease */
    KEY_OFFER = 'f',        /* id 32 -> struct offer */
    KEY_GLOBAL = 'g',       /* enum key_global u8 -> see there */
    KEY_CHANGE = 'h',       /* proposer's address 20 -> struct set_change, open */
    KEY_ITEM = 'i',         /* collection u8, owner, index u32 -> struct item */
    KEY_SET = 'j',          /* epoch u64 -> VALIDATOR_SET bytes of an epoch that has ended */
    KEY_SEGMENT = 'k',      /* job 32, round u32, rank u32 -> struct segment */
    KEY_LANE = 'l',         /* address 20, lane u32 -> next seq, struct counter */
    KEY_MEMBER = 'm',       /* job 32, version u32, rank u32 -> struct member */
    KEY_NODE = 'n',         /* id 32 -> struct node */
    KEY_ORG = 'o',          /* index u32 -> struct org */
    KEY_PROCESS = 'p',      /* job 32 -> struct process */
    KEY_REQUEST = 'q',      /* job 32 -> struct request */
    KEY_ROUND = 'r',        /* job 32, round u32 -> struct round */
    KEY_PLAN = 's',         /* job 32, version u32 -> struct plan */
    KEY_TERMS = 't',        /* job 32 -> struct job_terms (x_job) */
    KEY_UNORDERED = 'u',    /* address 20, seq u64 -> valid_until_ms, struct counter */
    KEY_POSITION = 'v',     /* collection u8, owner, id 32 -> index in it, struct counter */
    KEY_USAGE = 'w',        /* org u32 -> struct usage */
    KEY_PROGRAM = 'x',      /* program root 32 -> struct program */
    KEY_UPLOAD = 'y',       /* owner 20, program root 32 -> struct program, not yet complete */
    KEY_PART = 'z',         /* owner 20, program root 32, index u32 -> raw bytes */
    KEY_SUSPENSION = 'S',   /* id_suspension 32 -> struct suspension */
};

enum key_global {
    GLOBAL_PARAMS = 0,     /* struct params */
    GLOBAL_CHAIN = 1,      /* struct chain */
    GLOBAL_CLOCK = 2,      /* struct clock */
    GLOBAL_TOTALS = 3,     /* struct totals */
    GLOBAL_VALIDATORS = 4, /* VALIDATOR_SET bytes: their digest is the header's set_hash */
    GLOBAL_PLANNER = 5,    /* struct planner */
    GLOBAL_PURGE = 6,      /* struct purge */
    GLOBAL_EPOCH = 7,      /* struct set_epoch; absent: epoch 0 */
    GLOBAL_CHANGE = 8,     /* struct set_change, accepted; absent: none */
    GLOBAL_NEXT_SET = 9,   /* VALIDATOR_SET bytes it leads to; absent: none */
};

/* 11.2: what somebody must be able to see completely is a counter and indexed items; n + 1
 * membership proofs are the whole collection.  `owner` is empty, an address or an id. */
enum collection {
    COLLECTION_OPEN_OFFERS = 1,    /* no owner: offers the planner may use */
    COLLECTION_QUEUE = 2,          /* no owner: requests that wait for a plan */
    COLLECTION_WHEEL = 3,          /* no owner: heap of active deadlines, earliest first */
    COLLECTION_DRAWS = 4,          /* no owner: jobs whose round awaits a beacon */
    COLLECTION_EXPIRY = 5,         /* owner = minute u32: unordered transactions to forget */
    COLLECTION_SUSPENSIONS = 6,    /* no owner: keys that are suspended; only grows */
    COLLECTION_ACCOUNT_NODES = 16, /* owner = address; these only grow */
    COLLECTION_ACCOUNT_OFFERS = 17,
    COLLECTION_ACCOUNT_DATA = 18,
    COLLECTION_ACCOUNT_REQUESTS = 19,
    COLLECTION_ACCOUNT_PROGRAMS = 20,
    COLLECTION_PROVIDER_LEASES = 21, /* every lease ever proposed to this provider */
    COLLECTION_WORKER_LEASES = 32,   /* owner = worker's address: leases not yet ended */
    COLLECTION_PROVIDER_LIVE = 33,   /* owner = provider's address: leases not yet ended */
    COLLECTION_JOB_WORKERS = 34,     /* owner = job: only positions: worker -> rank */
    COLLECTION_WORKER_NODES = 35,    /* owner = provider: only positions: worker -> index of its
                                        node in COLLECTION_ACCOUNT_NODES */
    COLLECTION_LIVE_OFFERS = 36,     /* owner = provider: only the count, of offers not closed */
    COLLECTION_WAITING = 37,         /* owner = consumer: only the count, of requests that have
                                        neither started nor ended */
};

enum { KEY_SIZE_MAX = 2 + 32 + 32 }; /* the longest of the layouts above */

struct key {
    uint32_t size;
    uint8_t bytes[KEY_SIZE_MAX];
};

static inline struct bytes key_view(const struct key *key)
{
    return bytes_of(key->bytes, key->size);
}

struct key key_global(enum key_global which);
struct key key_account(const struct address *address);
struct key key_lane(const struct address *address, uint32_t lane);
struct key key_unordered(const struct address *address, uint64_t seq);
struct key key_change(const struct address *proposer);
struct key key_set(uint64_t epoch);
struct key key_org(uint32_t org);
struct key key_usage(uint32_t org);
/* Kinds whose id is one 32-byte id: NODE, OFFER, DATA, REQUEST, REQUEST_BODY, TERMS,
 * PROCESS, LEASE, PROGRAM, SUSPENSION. */
struct key key_object(enum key_kind kind, const struct hash *id);
struct key key_plan(const struct hash *job, uint32_t version);
struct key key_member(const struct hash *job, uint32_t version, uint32_t rank);
struct key key_round(const struct hash *job, uint32_t round);
struct key key_segment(const struct hash *job, uint32_t round, uint32_t rank);
struct key key_upload(const struct address *owner, const struct hash *program);
struct key key_part(const struct address *owner, const struct hash *program, uint32_t index);
struct key key_count(enum collection collection, struct bytes owner);
struct key key_item(enum collection collection, struct bytes owner, uint32_t index);
struct key key_position(enum collection collection, struct bytes owner, const struct hash *id);

#endif /* STATE_OBJECTS_KEYS_H */
