#include "state/sets/guilt.h"

#include "crypto/crypto.h"
#include "state/sets/sets.h"
#include "wire/wire.h"

static struct key key_of(const struct public_key *consensus)
{
    const struct hash id = id_suspension(consensus);
    return key_object(KEY_SUSPENSION, &id);
}

static struct vote vote_of(const struct body_evidence *body, const struct signed_vote *said)
{
    return (struct vote){.kind = (enum vote_kind)said->kind,
                         .epoch = body->epoch,
                         .view = body->view,
                         .proposal = said->proposal,
                         .validator = body->seat,
                         .signature = said->signature};
}

/* Nobody has sent it: one form, whoever passes it on. */
static bool is_neutral(const struct tx *tx)
{
    static const struct address nobody;
    static const struct signature none;
    return tx->lane == 0 && tx->seq == 0 && address_equal(&tx->sender, &nobody) &&
           memcmp(&tx->signature, &none, sizeof(none)) == 0;
}

enum code guilt_judge(const struct state_view *view, const struct hash *chain_id,
                      const struct tx *tx, struct guilt *out)
{
    struct body_evidence body;
    struct validator_set set;
    struct suspension before;
    if (!is_neutral(tx)) {
        return CODE_E_RANGE;
    }
    if (!record_decode(&record_body_evidence, tx->body, &body) || body.first.kind > VOTE_FINALIZE ||
        body.second.kind > VOTE_FINALIZE) {
        return CODE_E_FORMAT;
    }
    out->first = vote_of(&body, &body.first);
    out->second = vote_of(&body, &body.second);
    if (!vote_pair_proves(&out->first, &out->second)) {
        return CODE_E_EVIDENCE;
    }
    if (!sets_of_epoch(view, body.epoch, &set, &out->set_hash) || body.seat >= set.count) {
        return CODE_E_NOT_FOUND;
    }
    out->consensus = set.items[body.seat].consensus;
    out->key = key_of(&out->consensus);
    if (state_read(view, &out->key, &record_suspension, &before)) {
        return CODE_E_DUPLICATE;
    }
    out->chain_id = *chain_id;
    return CODE_OK;
}

bool guilt_holds(const struct guilt *guilt)
{
    const struct hash first = id_vote(&guilt->chain_id, &guilt->set_hash, &guilt->first);
    const struct hash second = id_vote(&guilt->chain_id, &guilt->set_hash, &guilt->second);
    return crypto_verify(&guilt->consensus, &first, &guilt->first.signature) &&
           crypto_verify(&guilt->consensus, &second, &guilt->second.signature);
}

bool guilt_is_proven(const struct buffer *buffer, const struct public_key *consensus)
{
    struct suspension suspension;
    const struct key key = key_of(consensus);
    return buffer_read(buffer, &key, &record_suspension, &suspension);
}

/* Those who stay are a quorum of this epoch's set: they can end the epoch by themselves, and
 * whoever copied the keys of a whole network does not take it apart. */
static bool may_leave(const struct execution *x, const struct validator_set *set)
{
    struct set_change pending;
    const struct key key = key_global(GLOBAL_CHANGE);
    const bool others = buffer_read(x->buffer, &key, &record_set_change, &pending) &&
                        pending.action == CHANGE_EVICT;
    return (others ? pending.members : set->count) > validator_quorum(set->count);
}

void guilt_follow(struct execution *x, const struct validator_set *set)
{
    for (uint32_t i = 0; i < set->count; i++) {
        const struct public_key *consensus = &set->items[i].consensus;
        if (guilt_is_proven(x->buffer, consensus) && may_leave(x, set)) {
            (void)sets_evict(x, consensus);
        }
    }
}

static void load_present(const struct execution *x, struct validator_set *out)
{
    struct bytes value;
    const struct key key = key_global(GLOBAL_VALIDATORS);
    const bool ours = buffer_get(x->buffer, &key, &value) && wire_decode_validator_set(value, out);
    ASSERT(ours);
}

enum code execute_evidence(struct execution *x, struct call *call)
{
    const struct body_evidence *body = call->body;
    struct validator_set set;
    struct hash set_hash;
    const bool known = sets_of_epoch(x->buffer->view, body->epoch, &set, &set_hash);
    ASSERT(known && body->seat < set.count); /* admission */
    const struct validator *accused = &set.items[body->seat];
    const struct suspension suspension = {.version = RECORD_VERSION,
                                          .consensus = accused->consensus,
                                          .account = accused->account,
                                          .epoch = body->epoch,
                                          .view = body->view,
                                          .seat = body->seat,
                                          .first_kind = body->first.kind,
                                          .second_kind = body->second.kind,
                                          .height = x->block->height};
    const struct hash id = id_suspension(&accused->consensus);
    const struct key key = key_object(KEY_SUSPENSION, &id);
    buffer_write(x->buffer, &key, &record_suspension, &suspension);
    collection_append(x->buffer, COLLECTION_SUSPENSIONS, owner_none(), &id);
    ledger_event(x, EVENT_SUSPENDED, &id, body->epoch, body->view);
    load_present(x, &set);
    if (may_leave(x, &set)) {
        (void)sets_evict(x, &suspension.consensus); /* it may have no seat by now */
    }
    return CODE_OK;
}
