#include "consensus/parts.h"

/* What is held of a validator's votes against one more of them: two votes that no honest one
 * signs both.  The core does not act on it; whoever asks has checked the signature. */

static bool is_against(const struct consensus *core, const struct vote *vote, enum vote_kind kind,
                       struct vote *held)
{
    const struct ballot *ballot = ballot_get(core, vote->view, kind, vote->validator);
    if (ballot == NULL) {
        return false;
    }
    *held = (struct vote){.kind = kind,
                          .epoch = core->config.epoch,
                          .view = vote->view,
                          .proposal = ballot->proposal,
                          .validator = vote->validator,
                          .signature = ballot->signature};
    return vote_contradicts(vote, held);
}

bool consensus_contradicts(const struct consensus *core, const struct vote *vote, struct vote *held)
{
    return vote->epoch == core->config.epoch && vote->validator < core->config.validator_count &&
           vote->validator != core->config.self &&
           (is_against(core, vote, VOTE_NOTARIZE, held) ||
            is_against(core, vote, VOTE_NULLIFY, held) ||
            is_against(core, vote, VOTE_FINALIZE, held));
}
