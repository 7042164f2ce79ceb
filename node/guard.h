#ifndef NODE_GUARD_H
#define NODE_GUARD_H

#include <jansson.h>

#include "consensus/guard/guard.h"
#include "store/journal/journal.h"
#include "store/sign_state/sign_state.h"
#include "types/block.h"
#include "wire/sync/sync.h"

/* The amnesia guard in the node (34.5, docs/decisions/0009): find out at the start whether own
 * votes may have been lost, have the signer refuse while that is so, end it when it is safe. */

struct driver;

struct guard {
    bool active;
    bool seated;     /* core asks: a member of a set in which it can end */
    bool limit_told; /* in the log */
    struct consensus_guard core;
    struct sign_journal journal; /* what the journal said when it was opened */
    uint64_t unit;               /* its newest durable unit, for the next signatures */
    uint64_t told;               /* the number of writes of sign.state it last named */
};

/* A JOURNAL_WITNESS of the journal that is being opened. */
void guard_restore(struct driver *d, const struct journal_record *record);
/* Once journal and signer are open.  False: one of them is an old copy, or the newest final block
 * bears a signature that sign.state does not know. */
MUST_USE bool guard_begin(struct driver *d, struct error *error);

/* A STATUS that was sent on this connection, not earlier. */
void guard_hear(struct driver *d, uint32_t from, const struct wire_status *status);
/* An own signature on this vote, or in this certificate, has been verified: unless sign.state
 * knows it the node stops, and is guarded when it starts again. */
void guard_meet(struct driver *d, const struct vote *vote);
void guard_meet_certificate(struct driver *d, const struct certificate *certificate);
/* Another epoch has begun: of the views of the one before nobody is asked any more. */
void guard_epoch(struct driver *d);
/* Ends the guard when it may end. */
void guard_poll(struct driver *d);

/* Before own votes of this turn are persisted, and before the journal is synced beside them. */
void guard_persist(struct driver *d, const struct vote *vote);
void guard_sync(struct driver *d);

/* For STATUS: NULL while votes are signed. */
json_t *guard_json(const struct driver *d);

#endif /* NODE_GUARD_H */
