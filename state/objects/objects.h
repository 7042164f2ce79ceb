#ifndef STATE_OBJECTS_OBJECTS_H
#define STATE_OBJECTS_OBJECTS_H

/* Everything about the ledger's objects that a reader of the state needs: keys, structs
 * with their tables (record_decode reads them), bodies, digests and events.
 *
 *     struct account account;
 *     struct bytes value;
 *     const struct key key = key_account(&address);
 *     if (view.get(view.context, key_view(&key), &value) &&
 *         record_decode(&record_account, value, &account)) ...
 *
 * A light client proves `value` under the state root first. */

#include "state/objects/bodies.h"
#include "state/objects/events.h"
#include "state/objects/ids.h"
#include "state/objects/jobs.h"
#include "state/objects/keys.h"
#include "state/objects/ledger.h"
#include "state/objects/market.h"
#include "state/objects/record.h"
#include "state/objects/sets.h"
#include "state/objects/training.h"
#include "state/view_port.h"

/* The record of the object under this key, found by its kind; NULL for raw bytes (KEY_PART,
 * KEY_REQUEST_BODY, KEY_SET, GLOBAL_VALIDATORS, GLOBAL_NEXT_SET) and for no key of ours. */
const struct record *record_of_key(struct bytes key);

/* Look up and decode; false when absent (or malformed, which a proven value never is). */
MUST_USE bool state_read(const struct state_view *view, const struct key *key,
                         const struct record *record, void *out);

/* Items of a collection. */
uint32_t state_read_count(const struct state_view *view, enum collection collection,
                          struct bytes owner);
MUST_USE bool state_read_item(const struct state_view *view, enum collection collection,
                              struct bytes owner, uint32_t index, struct item *out);

#endif /* STATE_OBJECTS_OBJECTS_H */
