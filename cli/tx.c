#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "cli/commands.h"
#include "cli/connect.h"
#include "client/tx/tx.h"

static enum exit_code send(const struct cli_call *call, enum tx_type type, const void *body,
                           struct error *error)
{
    struct connection connection;
    struct tx_sender sender;
    struct tx_pending pending;
    char id[2 * HASH_SIZE + 1];
    uint32_t code = 0;
    if (!connect_open(call, true, &connection, error)) {
        return error->code;
    }
    tx_sender_init(&sender, connection.light, connection.key);
    bool ok = tx_submit(&sender, type, body, &pending, error);
    if (ok) {
        hex_encode(pending.id.bytes, HASH_SIZE, id);
        ok = tx_wait(&sender, &pending, TX_WAIT_MS, &code, error);
        tx_pending_free(&pending);
    }
    if (ok && cli_json(call)) {
        (void)printf("{\"tx_id\":\"%s\",\"code\":%u}\n", id, code);
    } else if (ok) {
        (void)printf("done, proven: transaction %s\n", id);
    }
    connect_close(&connection);
    return ok ? EXIT_CODE_OK : error->code;
}

static enum exit_code run_nop(struct cli_call *call, struct error *error)
{
    return send(call, TX_NOP, NULL, error);
}

static enum exit_code run_transfer(struct cli_call *call, struct error *error)
{
    struct body_transfer body = {.memo_size = 0};
    const char *to = NULL;
    const char *memo = cli_text(call, "memo");
    if (!cli_required(call, "to", &to, error) ||
        !cli_number(call, "amount", (struct cli_range){1, UINT64_MAX}, &body.amount, error)) {
        return error->code;
    }
    if (!hex_decode(to, body.to.bytes, ADDRESS_SIZE)) {
        (void)error_set(error, EXIT_CODE_USAGE, "--to: write an address, %d hex digits",
                        2 * ADDRESS_SIZE);
        return error->code;
    }
    if (memo != NULL && strlen(memo) <= sizeof(body.memo)) {
        body.memo_size = (uint32_t)strlen(memo);
        memcpy(body.memo, memo, body.memo_size);
    } else if (memo != NULL) {
        (void)error_set(error, EXIT_CODE_USAGE, "--memo: at most %zu bytes", sizeof(body.memo));
        return error->code;
    }
    return send(call, TX_TRANSFER, &body, error);
}

#define KEY_OPTION                                                                                 \
    {                                                                                              \
        "key", "FILE", NULL, "the sender's account key"                                            \
    }

const struct cli_command cli_tx_transfer = {
    .noun = "tx",
    .verb = "transfer",
    .help = "move credits and wait for the proven result",
    .run = run_transfer,
    .options = {CONNECT_OPTIONS,
                KEY_OPTION,
                {"to", "ADDRESS", NULL, "the receiver"},
                {"amount", "N", NULL, "base units; 1 credit = 1000000000"},
                {"memo", "TEXT", NULL, "up to 64 bytes, public"}}};
const struct cli_command cli_tx_nop = {
    .noun = "tx",
    .verb = "nop",
    .help = "use up the next sequence number, so that an earlier transaction can never enter",
    .run = run_nop,
    .options = {CONNECT_OPTIONS, KEY_OPTION}};
