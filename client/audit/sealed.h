#ifndef CLIENT_AUDIT_SEALED_H
#define CLIENT_AUDIT_SEALED_H

#include "client/audit/chain.h"

/* Of the walk along the chain, what seals add: chain_walk_seal, and this. */

/* The next block: if it carries what the open seal must show, it is that. */
bool sealed_by(struct chain_walk *walk, const struct wire_block *block, struct audit_fault *fault);

#endif /* CLIENT_AUDIT_SEALED_H */
