#include "cli/commands.h"
#include "cli/connect.h"
#include "cli/tx.h"
#include "state/objects/objects.h"

/* Taking back what was asked or offered. */

static enum exit_code run_job(struct cli_call *call, struct error *error)
{
    struct body_train_cancel body = {.mode = 0}; /* graceful */
    if (!connect_id(call, "job", &body.job, error)) {
        return error->code;
    }
    return tx_command(call, &(struct tx_wish){TX_TRAIN_CANCEL, &body, "cancelled", false}, error);
}

static enum exit_code run_offer(struct cli_call *call, struct error *error)
{
    struct body_offer_cancel body;
    if (!connect_id(call, "offer", &body.offer_id, error)) {
        return error->code;
    }
    return tx_command(call, &(struct tx_wish){TX_OFFER_CANCEL, &body, "cancelled", false}, error);
}

const struct cli_command cli_job_cancel = {
    .noun = "job",
    .verb = "cancel",
    .arguments = "JOB",
    .argument_min = 1,
    .argument_max = 1,
    .help = "end a request: an open round is finished and paid, the rest of the escrow is free",
    .run = run_job,
    .options = {CONNECT_OPTIONS, {"key", "FILE", NULL, "the consumer's account key"}}};
const struct cli_command cli_offer_cancel = {
    .noun = "offer",
    .verb = "cancel",
    .arguments = "OFFER",
    .argument_min = 1,
    .argument_max = 1,
    .help = "withdraw an offer; a lease of it runs on",
    .run = run_offer,
    .options = {CONNECT_OPTIONS, {"key", "FILE", NULL, "the provider's account key"}}};
