#ifndef CONSENSUS_EPOCH_H
#define CONSENSUS_EPOCH_H

#include "consensus/parts.h"

/* epoch.c */
bool epoch_is_boundary(const struct consensus *core, const struct proposal *proposal);
bool epoch_is_flag_wrong(const struct consensus *core, const struct proposal *proposal);
bool epoch_is_again(const struct consensus_block *block, const struct consensus_block *parent);
enum consensus_verdict epoch_check(const struct consensus *core, uint64_t epoch);
void epoch_answer(struct consensus *core, const struct consensus_event *event,
                  enum consensus_verdict verdict, struct consensus_actions *out);
bool epoch_end(struct consensus *core, struct consensus_actions *out);

#endif /* CONSENSUS_EPOCH_H */
