#include "types/vote.h"

static bool has_form(const struct vote *vote)
{
    return vote->view > 0 && (vote->kind == VOTE_NULLIFY) == hash_is_zero(&vote->proposal);
}

bool vote_pair_proves(const struct vote *first, const struct vote *second)
{
    if (first->epoch != second->epoch || first->view != second->view ||
        first->validator != second->validator || !has_form(first) || !has_form(second)) {
        return false;
    }
    if (first->kind == VOTE_NULLIFY) {
        return second->kind == VOTE_FINALIZE;
    }
    return first->kind == second->kind && hash_compare(&first->proposal, &second->proposal) < 0;
}

bool vote_contradicts(const struct vote *a, const struct vote *b)
{
    return vote_pair_proves(a, b) || vote_pair_proves(b, a);
}
