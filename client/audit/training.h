#ifndef CLIENT_AUDIT_TRAINING_H
#define CLIENT_AUDIT_TRAINING_H

#include "client/audit/audit.h"
#include "state/view_port.h"

/* Re-execution of a job's segments against what the chain holds.  The replay shows every
 * transaction (the revealed state roots are only there), then hands over the final state. */

struct training;

struct training *training_create(const struct audit_training *config); /* NULL: no memory */
void training_free(struct training *training);                         /* NULL is legal */

/* A transaction and its RESULT; those that were refused say nothing.  False when memory is
 * short. */
MUST_USE bool training_note(struct training *training, struct bytes tx, struct bytes result);

/* As audit_replay about segments; *report is filled as far as it went;
 * its seed is given. */
MUST_USE bool training_check(struct training *training, const struct state_view *view,
                             struct audit_training_report *report, struct error *error);

#endif /* CLIENT_AUDIT_TRAINING_H */
