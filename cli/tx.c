#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "cli/commands.h"
#include "cli/connect.h"
#include "cli/tx.h"
#include "types/codes.h"

/* What was signed, and how to learn what became of it. */
static void tell_unknown(const struct tx_told *told, const struct error *error)
{
    char id[2 * HASH_SIZE + 1];
    const bool nothing_signed = told->seq == 0 && hash_equal(&told->id, &(struct hash){{0}});
    if (nothing_signed || error->code == EXIT_CODE_USAGE || told->code != CODE_OK ||
        (error->code == EXIT_CODE_EXPIRED && !told->refused)) {
        return; /* its end is proven, or it never left */
    }
    hex_encode(told->id.bytes, HASH_SIZE, id);
    (void)fprintf(stderr,
                  "transaction %s, sequence number %llu: it may be executed until %d minutes after "
                  "it was signed.\nnext: gradus query tx %s ...; a repetition with --seq %llu can "
                  "not be executed beside it\n",
                  id, (unsigned long long)told->seq, TX_VALID_MS / 60000, id,
                  (unsigned long long)told->seq);
}

static bool send_with(const struct cli_call *call, const struct connection *connection,
                      const struct tx_wish *wish, struct tx_told *told, struct error *error)
{
    struct tx_sender sender;
    uint64_t seq = 0;
    tx_sender_init(&sender, connection->light, connection->key);
    if (wish->choose_seq && cli_text(call, "seq") != NULL) {
        if (!cli_number(call, "seq", (struct cli_range){0, UINT64_MAX - 1}, &seq, error) ||
            !light_refresh(connection->light, error)) {
            return false;
        }
        tx_sender_fix(&sender, seq);
    }
    return tx_carry(&sender, wish->type, wish->body, told, error);
}

enum exit_code tx_command(const struct cli_call *call, const struct tx_wish *wish,
                          struct error *error)
{
    struct connection connection;
    struct tx_told told = {.code = CODE_OK};
    char id[2 * HASH_SIZE + 1];
    if (!connect_open(call, true, &connection, error)) {
        return error->code;
    }
    const bool ok = send_with(call, &connection, wish, &told, error);
    hex_encode(told.id.bytes, HASH_SIZE, id);
    if (ok && cli_json(call)) {
        (void)printf("{\"tx_id\":\"%s\",\"seq\":%llu,\"code\":%u}\n", id,
                     (unsigned long long)told.seq, told.code);
    } else if (ok) {
        (void)printf("%s, proven: transaction %s\n", wish->done, id);
    } else {
        tell_unknown(&told, error);
    }
    connect_close(&connection);
    return ok ? EXIT_CODE_OK : error->code;
}

static enum exit_code run_nop(struct cli_call *call, struct error *error)
{
    return tx_command(call, &(struct tx_wish){TX_NOP, NULL, "done", true}, error);
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
    return tx_command(call, &(struct tx_wish){TX_TRANSFER, &body, "done", true}, error);
}

#define KEY_OPTION                                                                                 \
    {                                                                                              \
        "key", "FILE", NULL, "the sender's account key"                                            \
    }

#define SEQ_OPTION                                                                                 \
    {                                                                                              \
        "seq", "N", NULL, "this sequence number or none: repeats one whose outcome is unknown"     \
    }

const struct cli_command cli_tx_transfer = {
    .noun = "tx",
    .verb = "transfer",
    .help = "move credits and wait for the proven result",
    .run = run_transfer,
    .options = {CONNECT_OPTIONS,
                KEY_OPTION,
                SEQ_OPTION,
                {"to", "ADDRESS", NULL, "the receiver"},
                {"amount", "N", NULL, "base units; 1 credit = 1000000000"},
                {"memo", "TEXT", NULL, "up to 64 bytes, public"}}};
const struct cli_command cli_tx_nop = {
    .noun = "tx",
    .verb = "nop",
    .help = "use up a sequence number, so that an earlier transaction with it can never enter",
    .run = run_nop,
    .options = {CONNECT_OPTIONS, KEY_OPTION, SEQ_OPTION}};
