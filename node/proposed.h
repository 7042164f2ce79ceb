#ifndef NODE_PROPOSED_H
#define NODE_PROPOSED_H

#include "node/driver.h"

/* A PROPOSAL as it comes from the network. */
void proposed_receive(struct driver *d, uint32_t from, struct bytes body);

/* What a signed proposal is to the core. */
enum proposed_verdict {
    PROPOSED_TAKE,
    PROPOSED_PASS,  /* no more than a reason for an answer */
    PROPOSED_KNOWN, /* its leader is known to contradict itself: nothing new */
    PROPOSED_FALSE, /* its leader did not sign it */
};
/* event: an ON_PROPOSAL with from, proposal and hash.  Keeps evidence. */
MUST_USE enum proposed_verdict proposed_judge(struct driver *d, struct consensus_event *event,
                                              const struct signature *signature);
/* To the core with its block, which matches its id and, sharded, its root; event as judged. */
void proposed_take(struct driver *d, struct consensus_event *event,
                   const struct wire_proposal *message, const struct wire_block *block);
/* From the received bytes of LIGHT and REST. */
void proposed_hash(const struct wire_proposal *message, struct hash *out);

#endif /* NODE_PROPOSED_H */
