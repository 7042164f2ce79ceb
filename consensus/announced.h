#ifndef CONSENSUS_ANNOUNCED_H
#define CONSENSUS_ANNOUNCED_H

#include "consensus/parts.h"

/* A proposal whose block is still on its way in shards (32.1). */

enum consensus_verdict on_announced(struct consensus *core, uint64_t view);
bool is_proposal_near(const struct slot *slot);

#endif /* CONSENSUS_ANNOUNCED_H */
