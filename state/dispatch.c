#include "state/dispatch.h"

#include "state/market/market.h"
#include "state/sets/guilt.h"
#include "state/sets/sets.h"
#include "state/training/training.h"

enum { BODY_SIZE_MAX = 1 << 14 };

static enum code execute_nop(struct execution *x, struct call *call)
{
    (void)x;
    (void)call;
    return CODE_OK;
}

struct handler {
    uint32_t type;
    uint32_t role; /* 0: any account */
    enum code (*execute)(struct execution *x, struct call *call);
};

static const struct handler handlers[] = {
    {TX_NOP, 0, execute_nop},
    {TX_TRANSFER, 0, execute_transfer},
    {TX_VALIDATOR_PROPOSE, ROLE_VALIDATOR, execute_validator_propose},
    {TX_VALIDATOR_APPROVE, ROLE_VALIDATOR, execute_validator_approve},
    {TX_READY, 0, execute_ready},
    {TX_EVIDENCE, 0, execute_evidence},
    {TX_NODE_REGISTER, ROLE_PROVIDER, execute_node_register},
    {TX_OFFER_CREATE, ROLE_PROVIDER, execute_offer_create},
    {TX_OFFER_CANCEL, ROLE_PROVIDER, execute_offer_cancel},
    {TX_DATA_REGISTER, ROLE_DATA_OWNER, execute_data_register},
    {TX_TRAIN_REQUEST, ROLE_CONSUMER, execute_train_request},
    {TX_TRAIN_CANCEL, ROLE_CONSUMER, execute_train_cancel},
    {TX_LEASE_ACCEPT, ROLE_PROVIDER, execute_lease_accept},
    {TX_LEASE_REJECT, ROLE_PROVIDER, execute_lease_reject},
    {TX_LEASE_READY, ROLE_WORKER, execute_lease_ready},
    {TX_PROGRAM_PART, ROLE_CONSUMER, execute_program_part},
    {TX_GRADIENT_COMMITMENT, ROLE_WORKER, execute_gradient_commitment},
    {TX_PROOF_OF_TRAINING, ROLE_WORKER, execute_proof_of_training},
    {TX_ROUND_RESULT, ROLE_WORKER, execute_round_result},
};

enum code dispatch_tx(struct execution *x, const struct tx *tx, const struct account *sender)
{
    for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
        const struct handler *handler = &handlers[i];
        if (handler->type != tx->type) {
            continue;
        }
        const struct record *record = record_of_body(tx->type);
        _Alignas(max_align_t) uint8_t body[BODY_SIZE_MAX];
        ASSERT(record != NULL && record->struct_size <= sizeof(body));
        if ((sender->roles & handler->role) != handler->role) {
            return CODE_E_ROLE;
        }
        if (!record_decode(record, tx->body, body)) {
            return CODE_E_FORMAT;
        }
        struct call call = {.tx = tx, .sender = *sender, .body = body};
        return handler->execute(x, &call);
    }
    return CODE_E_TYPE; /* in the table of types, but not in this version */
}

void dispatch_deadline(struct execution *x, const struct item *due)
{
    switch ((enum wheel_kind)due->kind) {
    case WHEEL_JOB:
        job_deadline(x, &due->id);
        return;
    case WHEEL_CERTIFY:
        rounds_certify(x, &due->id);
        return;
    case WHEEL_REQUEST:
        request_deadline(x, &due->id);
        return;
    case WHEEL_PLANNER:
        planner_run(x);
        return;
    }
    UNREACHABLE();
}
