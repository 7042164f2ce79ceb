#ifndef STATE_DISPATCH_H
#define STATE_DISPATCH_H

#include "state/ledger/ledger.h"

/* Which function executes which transaction, and which deadline. */

/* Decodes the body, checks the role, executes.  The caller has marked the buffer and rolls
 * back when the result is not CODE_OK. */
enum code dispatch_tx(struct execution *x, const struct tx *tx, const struct account *sender);

/* Handles a due deadline; it is then cleared or lies later. */
void dispatch_deadline(struct execution *x, const struct item *due);

#endif /* STATE_DISPATCH_H */
