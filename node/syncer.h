#ifndef NODE_SYNCER_H
#define NODE_SYNCER_H

#include <stdbool.h>

#include "base/error.h"
#include "store/journal/journal.h"

/* J2: the journal is synced beside sign.state, so that a turn costs one disk latency and
 * not two.  A thread runs journal_sync; between syncer_start and syncer_wait nobody else
 * may touch the journal, and nothing of this turn leaves the machine. */

struct syncer;

/* NULL when there is no memory or thread. */
struct syncer *syncer_new(struct journal *journal);
void syncer_free(struct syncer *syncer); /* NULL is allowed; not while a sync runs */

void syncer_start(struct syncer *syncer);
MUST_USE bool syncer_wait(struct syncer *syncer, struct error *error);

#endif /* NODE_SYNCER_H */
