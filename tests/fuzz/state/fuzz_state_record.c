#include "state/objects/objects.h"

/* Every record's decoder: the first byte chooses, the rest is the input.  What decodes is
 * exactly what its writer makes again. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct record *const records[] = {
    &record_body_nop,
    &record_body_transfer,
    &record_body_node_register,
    &record_body_offer_create,
    &record_body_offer_cancel,
    &record_body_data_register,
    &record_body_train_request,
    &record_body_train_cancel,
    &record_body_lease_accept,
    &record_body_lease_reject,
    &record_body_lease_ready,
    &record_body_program_part,
    &record_body_gradient_commitment,
    &record_body_proof_of_training,
    &record_body_round_result,
    &record_params,
    &record_chain,
    &record_clock,
    &record_totals,
    &record_planner,
    &record_purge,
    &record_counter,
    &record_item,
    &record_org,
    &record_usage,
    &record_account,
    &record_node,
    &record_offer,
    &record_data_set,
    &record_request,
    &record_process,
    &record_plan,
    &record_member,
    &record_lease,
    &record_job_terms,
    &record_program,
    &record_round,
    &record_segment,
    &record_validator,
    &record_set_change,
    &record_set_epoch,
    &record_body_validator_propose,
    &record_body_validator_approve,
    &record_body_ready,
    &record_signed_vote,
    &record_body_evidence,
    &record_suspension,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t object[1 << 14];
    static uint8_t again[1 << 18];
    if (size == 0 || size > sizeof(again)) {
        return 0;
    }
    const struct record *record = records[data[0] % (sizeof(records) / sizeof(records[0]))];
    const struct bytes in = bytes_of(data + 1, size - 1);
    ASSERT(record->struct_size <= sizeof(object));
    if (record_decode(record, in, object)) {
        struct bytes out;
        const bool fits = record_encode(record, object, again, sizeof(again), &out);
        ASSERT(fits && bytes_equal(in, out));
    }
    return 0;
}
