#ifndef STATE_LEDGER_LEDGER_H
#define STATE_LEDGER_LEDGER_H

#include "state/ledger/buffer.h"
#include "state/ledger/collection.h"

/* What the execution of a block works with.  Rooms market and training get the same
 * struct; all money moves through the functions here. */

struct event_log {
    struct event *first;  /* of STATE_EVENT_COUNT_MAX, those of the whole block */
    struct event *events; /* those since the last result */
    uint32_t count;
};

/* What one block may still spend on work that costs more than its bytes. */
struct block_budget {
    uint32_t program_size; /* bytes of programs to check */
    uint32_t possessions;  /* signatures inside bodies */
};

/* An upload that a transaction which failed leaves to be dropped: after its other effects
 * were undone, this one is made. */
struct refused_upload {
    bool pending;
    struct address owner;
    struct hash root;
};

struct execution {
    struct buffer *buffer;
    struct event_log *log;
    const struct state_block *block;
    struct hash chain_id;
    bool epoch_opened; /* this block is a boundary */
    struct params params;
    struct clock clock;
    uint64_t now_ms;     /* ledger time of this block */
    uint8_t *program;    /* PROGRAM_SIZE_MAX bytes to put parts together */
    void *program_arena; /* for the checker, PROGRAM_ARENA_SIZE bytes */
    struct planner_scratch *planner;
    struct block_budget budget;
    struct refused_upload refused;
};

/* A transaction whose sender and quota were admitted. */
struct call {
    const struct tx *tx;
    struct account sender; /* as of now; sequence number already used up */
    const void *body;      /* the struct of its type */
};

enum {
    EVENT_ROOM = 1 << 12, /* events of the largest piece of work */
    PROGRAM_ARENA_SIZE = 8 << 20,
};

/* Quota units of a transaction: 1 for every started KiB. */
uint64_t ledger_units(const struct tx *tx);

/* Room for the events of one more piece of work, over the whole block. */
bool events_have_room(const struct event_log *log);

void ledger_event(struct execution *x, enum event_kind kind, const struct hash *id, uint64_t a,
                  uint64_t b);

/* Clock (13.1): reads params and clock, adds an outage, sets now_ms. */
void clock_begin(struct execution *x);
/* Records this block as the last one that changed state. */
void clock_end(struct execution *x);
/* A deadline after `after_ms`, on the grid (13.2). */
uint64_t clock_deadline(const struct execution *x, uint64_t after_ms);

/* Uses up (lane, seq) and quota of an admitted transaction; loads the sender. */
void ledger_consume(struct execution *x, const struct tx *tx, struct account *sender);
/* Forget expired unordered transactions. */
void ledger_purge(struct execution *x);

/* Accounts.  The account must exist. */
void account_load(const struct execution *x, const struct address *address, struct account *out);
void account_store(struct execution *x, const struct address *address,
                   const struct account *account);
bool account_find(const struct execution *x, const struct address *address, struct account *out);

/* Money: from available to locked and back, and into available.  False: not enough. */
MUST_USE bool money_lock(struct execution *x, const struct address *address, uint64_t credits);
void money_unlock(struct execution *x, const struct address *address, uint64_t credits);
void money_pay(struct execution *x, const struct address *address, uint64_t credits);
/* Out of available, into something that the caller stores. */
MUST_USE bool money_take(struct execution *x, const struct address *address, uint64_t credits);

/* How many of `most` that the whole ledger may hold one account may: a share, at least 1, so
 * that nobody closes the market to the others. */
uint64_t account_share(uint64_t most);

/* Prices and sums above this are refused, so that products stay small. */
bool money_valid(uint64_t credits);

enum code execute_transfer(struct execution *x, struct call *call);

/* 13.2: the planner's inputs changed; its next run becomes an active deadline. */
void planner_wake(struct execution *x);

#endif /* STATE_LEDGER_LEDGER_H */
