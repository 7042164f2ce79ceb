#ifndef CONSENSUS_HAVE_H
#define CONSENSUS_HAVE_H

#include "consensus/core.h"

enum consensus_verdict on_have(struct consensus *core, const struct consensus_event *event,
                               struct consensus_actions *out);
/* Ask one of those who announced what is still missing. */
void have_pull(struct consensus *core, struct consensus_actions *out);
/* K7 without the bytes: who lacks what is announced asks for it. */
void have_answer(const struct consensus *core, uint64_t view, uint32_t to,
                 struct consensus_actions *out);

#endif /* CONSENSUS_HAVE_H */
