#ifndef NODE_MEMPOOL_H
#define NODE_MEMPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/assert.h"
#include "types/types.h"

/* Transactions that wait for a block: bounded in bytes, in number and per sender, in
 * order of arrival.  The pool knows nothing of validity; it keeps raw bytes under the
 * digest of the complete received bytes (13.6: two signatures, two entries).
 *
 * What cannot be admitted yet, for a number before it is missing or a quota is used up, may be
 * held aside, so that whoever looks for admissible ones does not meet it again and again: one
 * organisation could fill the pool with such.  It comes back when its turn comes.
 *
 * Not thread safe: the driver's thread owns it. */

struct mempool;

enum mempool_verdict {
    MEMPOOL_ADDED,
    MEMPOOL_DUPLICATE,   /* exactly these bytes are here already */
    MEMPOOL_FULL,        /* no room in bytes or number: come again */
    MEMPOOL_SENDER_FULL, /* this sender has its share of transactions or bytes */
};

struct mempool_entry {
    struct hash digest; /* of raw */
    struct hash id;     /* the public one, without the signature */
    struct address sender;
    uint32_t lane;
    uint64_t seq;
    struct bytes raw;
    uint64_t valid_until_ms;
    bool ready; /* admissible when it came: what is held makes room for it */
};

struct mempool *mempool_new(void);
void mempool_free(struct mempool *pool);

/* Copy entry->raw in; the newest of those held may go for a ready one.  On any verdict but ADDED
 * nothing has changed. */
MUST_USE enum mempool_verdict mempool_add(struct mempool *pool, const struct mempool_entry *entry);

/* Remove by digest; nothing happens if it is not here. */
void mempool_remove(struct mempool *pool, const struct hash *digest);

/* Hold aside, or nothing if it is not here; a cursor that stands on it must be moved back. */
void mempool_hold(struct mempool *pool, const struct hash *digest);
/* What is held with this number waits again, as the newest. */
void mempool_release(struct mempool *pool, const struct address *sender, uint32_t lane,
                     uint64_t seq);
/* ... all that is held, some with each call, once this is another quota window than the last. */
void mempool_window(struct mempool *pool, uint64_t window);

/* This number is final: whatever has it goes, and what is held for the next one waits again. */
void mempool_use(struct mempool *pool, const struct address *sender, uint32_t lane, uint64_t seq);

/* Remove what can no longer enter a block whose header time is now_ms. */
void mempool_expire(struct mempool *pool, uint64_t now_ms);

bool mempool_has_number(struct mempool *pool, const struct address *sender, uint32_t lane,
                        uint64_t seq);
bool mempool_has_id(struct mempool *pool, const struct hash *id);
uint32_t mempool_count(const struct mempool *pool);
uint64_t mempool_size(const struct mempool *pool);

/* Of those not held, the oldest first: cursor starts at 0 and is moved on; false at the end.
 * out->raw is valid until this entry is removed. */
bool mempool_next(const struct mempool *pool, uint32_t *cursor, struct mempool_entry *out);

#endif /* NODE_MEMPOOL_H */
