#ifndef STATE_LEDGER_COLLECTION_H
#define STATE_LEDGER_COLLECTION_H

#include "state/ledger/buffer.h"

/* 11.2: collections of ids, each a counter and indexed items, so that a reader sees all of
 * one with count + 1 membership proofs.  Collections below 5 and from 32 on also keep
 * each id's position and let it go: the last item takes the place of the one removed.
 * Those from 6 to 31 only grow. */

uint32_t collection_count(const struct buffer *buffer, enum collection collection,
                          struct bytes owner);

/* id of item index, which exists. */
struct hash collection_get(const struct buffer *buffer, enum collection collection,
                           struct bytes owner, uint32_t index);

void collection_append(struct buffer *buffer, enum collection collection, struct bytes owner,
                       const struct hash *id);

/* id must be in it. */
void collection_remove(struct buffer *buffer, enum collection collection, struct bytes owner,
                       const struct hash *id);

bool collection_has(const struct buffer *buffer, enum collection collection, struct bytes owner,
                    const struct hash *id);

/* A view of an owner. */
struct bytes owner_none(void);
struct bytes owner_account(const struct address *address);
struct bytes owner_id(const struct hash *id);

/* An address as an id: 12 zero bytes follow it. */
struct hash id_of_address(const struct address *address);

/* A count without items: COLLECTION_LIVE_OFFERS, COLLECTION_WAITING. */
void count_raise(struct buffer *buffer, enum collection collection, struct bytes owner);
void count_lower(struct buffer *buffer, enum collection collection, struct bytes owner);

/* A position without a collection: COLLECTION_JOB_WORKERS, COLLECTION_WORKER_NODES. */
void position_set(struct buffer *buffer, const struct key *key, uint64_t value);
bool position_get(const struct buffer *buffer, const struct key *key, uint64_t *value);

/* Active deadlines (13.2): a binary heap over COLLECTION_WHEEL, earliest (time, kind, id)
 * first; each (kind, id) has at most one. */
void wheel_set(struct buffer *buffer, enum wheel_kind kind, const struct hash *id,
               uint64_t time_ms);
/* Nothing happens when it has none. */
void wheel_clear(struct buffer *buffer, enum wheel_kind kind, const struct hash *id);
/* The earliest; false when there is none. */
bool wheel_first(const struct buffer *buffer, struct item *out);

#endif /* STATE_LEDGER_COLLECTION_H */
