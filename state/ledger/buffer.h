#ifndef STATE_LEDGER_BUFFER_H
#define STATE_LEDGER_BUFFER_H

#include "state/objects/objects.h"
#include "state/state.h"

/* The writes of one block over the parent's view, reading its own writes.
 *
 * Keys are found through a hash table and sorted once at the end; nothing is ever
 * iterated in hash order.  Values are never overwritten in place, so that a transaction
 * that fails is rolled back to the mark before it.  Bounded: whoever starts a piece of
 * work asks buffer_has_room first. */

enum {
    BUFFER_SLOT_COUNT = 2 * STATE_WRITE_COUNT_MAX, /* a power of two, half full at most */
    BUFFER_UNDO_MAX = 1 << 16,                     /* writes of one transaction */
    /* The largest pieces of work are those over all members of a plan: proposing it touches
     * 16 keys a member, ending it up to 20. */
    BUFFER_MEMBER_KEYS = 24,
    BUFFER_MEMBER_BYTES = 6 << 10,
    BUFFER_OTHER_KEYS = 4096, /* the job's own, and the deadline heap's */
    BUFFER_ROOM_KEYS = 1 << 15,
    BUFFER_ROOM_BYTES = 8 << 20,
    BUFFER_OBJECT_MAX = 1 << 13, /* the largest encoded object */
    BUFFER_TX_KEYS = 5,          /* sequence number and quota of one transaction */
    BUFFER_TX_BYTES = 1024,
};

STATIC_ASSERT(PLAN_MEMBER_MAX *BUFFER_MEMBER_KEYS + BUFFER_OTHER_KEYS <= BUFFER_ROOM_KEYS,
              "a plan of the largest size fits");
STATIC_ASSERT(PLAN_MEMBER_MAX *BUFFER_MEMBER_BYTES + (1 << 20) <= BUFFER_ROOM_BYTES,
              "a plan of the largest size fits");
STATIC_ASSERT(BUFFER_ROOM_KEYS + BUFFER_TX_KEYS * BLOCK_TX_MAX <= STATE_WRITE_COUNT_MAX,
              "the first transaction of the fullest block has room");

enum buffer_status { BUFFER_UNTOUCHED, BUFFER_PUT, BUFFER_REMOVED };

struct buffer_value {
    enum buffer_status status;
    struct bytes value;
};

struct buffer_entry {
    struct bytes key;
    struct buffer_value now;
    bool existed; /* in the parent's state, with this value */
    struct bytes old;
};

struct buffer_undo {
    uint32_t entry;
    struct buffer_value before;
};

struct buffer {
    const struct state_view *view;
    struct buffer_entry *entries; /* STATE_WRITE_COUNT_MAX */
    uint32_t entry_count;
    uint32_t *slots; /* BUFFER_SLOT_COUNT: entry index + 1 */
    uint8_t *bytes;  /* STATE_WRITE_BYTES_MAX */
    size_t bytes_used;
    struct buffer_undo *undo; /* BUFFER_UNDO_MAX */
    uint32_t undo_count;
    bool marked;
    uint32_t *order;            /* 2 * STATE_WRITE_COUNT_MAX, for sorting */
    struct state_write *writes; /* STATE_WRITE_COUNT_MAX */
};

/* Forgets all writes and starts over this view. */
void buffer_begin(struct buffer *buffer, const struct state_view *view);

/* Room for one more piece of work, with what the transactions after it need at least. */
bool buffer_has_room(const struct buffer *buffer, size_t txs_after);

/* The value stays readable until buffer_begin. */
bool buffer_get(const struct buffer *buffer, const struct key *key, struct bytes *value);
void buffer_put(struct buffer *buffer, const struct key *key, struct bytes value);
void buffer_remove(struct buffer *buffer, const struct key *key);

/* Decode the object under key; false when absent.  The state holds what we wrote: a value
 * that does not decode is our error. */
bool buffer_read(const struct buffer *buffer, const struct key *key, const struct record *record,
                 void *out);
/* The same where absence would be our error. */
void buffer_load(const struct buffer *buffer, const struct key *key, const struct record *record,
                 void *out);
void buffer_write(struct buffer *buffer, const struct key *key, const struct record *record,
                  const void *object);

/* One level: mark, then either keep what follows or undo it. */
void buffer_mark(struct buffer *buffer);
void buffer_keep(struct buffer *buffer);
void buffer_rollback(struct buffer *buffer);

/* The writes that differ from the parent's state, ascending by key. */
struct state_writes buffer_writes(struct buffer *buffer);

/* Conservation: credits held by the written objects now, and before the block. */
struct buffer_money {
    uint64_t before;
    uint64_t now;
};
struct buffer_money buffer_money(const struct buffer *buffer);

#endif /* STATE_LEDGER_BUFFER_H */
