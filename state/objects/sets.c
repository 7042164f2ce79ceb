#include "state/objects/sets.h"

#define T struct validator
static const struct field validator_fields[] = {
    F_FIXED(T, consensus),
    F_FIXED(T, network),
    F_FIXED(T, vrf),
    F_FIXED(T, account),
};
#undef T
const struct record record_validator = RECORD("validator", struct validator, validator_fields, 4);

#define T struct set_change
static const struct field set_change_fields[] = {
    F_VERSION(T),
    F_UINT(T, epoch),
    F_UINT(T, action),
    F_UINT(T, seat),
    F_RECORD(T, validator, &record_validator),
    F_FIXED(T, proposer),
    F_UINT(T, proposed_ms),
    F_UINT(T, members),
    F_FIXED(T, next_set_hash),
    F_FIXED(T, approvals),
    F_UINT(T, accepted_height),
    F_UINT(T, accepted_ms),
    F_FIXED(T, ready),
};
#undef T
const struct record record_set_change =
    RECORD("set_change", struct set_change, set_change_fields, 13);

#define T struct set_epoch
static const struct field set_epoch_fields[] = {
    F_VERSION(T),
    F_UINT(T, epoch),
    F_UINT(T, start_height),
};
#undef T
const struct record record_set_epoch = RECORD("set_epoch", struct set_epoch, set_epoch_fields, 3);

#define T struct body_validator_propose
static const struct field body_validator_propose_fields[] = {
    F_FIXED(T, set_hash),
    F_UINT(T, action),
    F_UINT(T, seat),
    F_RECORD(T, validator, &record_validator),
};
#undef T
const struct record record_body_validator_propose =
    RECORD("validator_propose", struct body_validator_propose, body_validator_propose_fields, 4);

#define T struct body_validator_approve
static const struct field body_validator_approve_fields[] = {
    F_FIXED(T, proposer),
    F_FIXED(T, next_set_hash),
};
#undef T
const struct record record_body_validator_approve =
    RECORD("validator_approve", struct body_validator_approve, body_validator_approve_fields, 2);

#define T struct body_ready
static const struct field body_ready_fields[] = {
    F_FIXED(T, next_set_hash),
    F_UINT(T, seat),
    F_UINT(T, height),
    F_FIXED(T, signature),
};
#undef T
const struct record record_body_ready = RECORD("ready", struct body_ready, body_ready_fields, 4);

#define T struct signed_vote
static const struct field signed_vote_fields[] = {
    F_UINT(T, kind),
    F_FIXED(T, proposal),
    F_FIXED(T, signature),
};
#undef T
const struct record record_signed_vote =
    RECORD("signed_vote", struct signed_vote, signed_vote_fields, 3);

#define T struct body_evidence
static const struct field body_evidence_fields[] = {
    F_UINT(T, epoch),
    F_UINT(T, view),
    F_UINT(T, seat),
    F_RECORD(T, first, &record_signed_vote),
    F_RECORD(T, second, &record_signed_vote),
};
#undef T
const struct record record_body_evidence =
    RECORD("evidence", struct body_evidence, body_evidence_fields, 5);

#define T struct suspension
static const struct field suspension_fields[] = {
    F_VERSION(T),          F_FIXED(T, consensus),  F_FIXED(T, account),
    F_UINT(T, epoch),      F_UINT(T, view),        F_UINT(T, seat),
    F_UINT(T, first_kind), F_UINT(T, second_kind), F_UINT(T, height),
};
#undef T
const struct record record_suspension =
    RECORD("suspension", struct suspension, suspension_fields, 9);

static struct signed_vote said(const struct vote *vote)
{
    return (struct signed_vote){
        .kind = (uint8_t)vote->kind, .proposal = vote->proposal, .signature = vote->signature};
}

struct body_evidence evidence_of(const struct vote *a, const struct vote *b)
{
    const bool turned = vote_pair_proves(b, a);
    ASSERT(turned || vote_pair_proves(a, b));
    return (struct body_evidence){.epoch = a->epoch,
                                  .view = a->view,
                                  .seat = a->validator,
                                  .first = said(turned ? b : a),
                                  .second = said(turned ? a : b)};
}

static bool has_bit(const uint8_t *bytes, uint32_t index)
{
    return (bytes[index / 8] >> (index % 8) & 1) != 0;
}

/* The seat it gives to somebody, or gives other keys. */
static bool is_changed(const struct set_change *change, uint32_t seat)
{
    return (change->action == CHANGE_ADD || change->action == CHANGE_REKEY) && seat == change->seat;
}

bool set_change_has(const struct set_change *change, uint32_t seat)
{
    if (seat >= change->members || change->members > VALIDATOR_COUNT_MAX) {
        return false;
    }
    if (has_bit(change->ready, seat)) {
        return true;
    }
    /* Seats behind a removed one have moved up. */
    const uint32_t before =
        change->action == CHANGE_REMOVE && seat >= change->seat ? seat + 1 : seat;
    return !is_changed(change, seat) && before < VALIDATOR_COUNT_MAX &&
           has_bit(change->approvals, before);
}

bool set_change_is_ready(const struct set_change *change)
{
    uint32_t count = 0;
    if (change->accepted_height == 0) {
        return false;
    }
    if (change->action == CHANGE_EVICT) {
        return true;
    }
    for (uint32_t seat = 0; seat < change->members; seat++) {
        const bool has = set_change_has(change, seat);
        if (is_changed(change, seat) && !has) {
            return false;
        }
        count += has ? 1 : 0;
    }
    return count >= validator_quorum(change->members);
}
