#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "cli/commands.h"
#include "cli/connect.h"
#include "cli/job.h"
#include "cli/record_json.h"
#include "types/codes.h"
#include "types/tx.h"

/* Proven answers: each command prints what the light client has verified, and the height. */

static void print_json(json_t *json)
{
    (void)json_dumpf(json, stdout, JSON_INDENT(2));
    (void)printf("\n");
    json_decref(json);
}

/* Objects that are found by one id, and how they are called. */
static const struct object {
    const char *name;
    enum key_kind kind;
    const struct record *record;
} objects[] = {
    {"node", KEY_NODE, &record_node},
    {"offer", KEY_OFFER, &record_offer},
    {"data", KEY_DATA, &record_data_set},
    {"request", KEY_REQUEST, &record_request},
    {"process", KEY_PROCESS, &record_process},
    {"terms", KEY_TERMS, &record_job_terms},
    {"lease", KEY_LEASE, &record_lease},
    {"program", KEY_PROGRAM, &record_program},
    {"suspension", KEY_SUSPENSION, &record_suspension},
};

static enum exit_code run_object(struct cli_call *call, struct error *error)
{
    static _Alignas(max_align_t) uint8_t memory[1 << 16];
    struct connection connection;
    struct hash id;
    const struct object *object = NULL;
    for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
        object = strcmp(cli_argument(call, 0), objects[i].name) == 0 ? &objects[i] : object;
    }
    if (object == NULL || !hex_decode(cli_argument(call, 1), id.bytes, HASH_SIZE)) {
        (void)error_set(error, EXIT_CODE_USAGE,
                        "write node, offer, data, request, process, terms, lease, program or "
                        "suspension, and its id in hex");
        return error->code;
    }
    ASSERT(object->record->struct_size <= sizeof(memory));
    if (!connect_open_at(call, &connection, error)) {
        return error->code;
    }
    const struct key key = key_object(object->kind, &id);
    const bool ok = light_read(connection.light, &key, object->record, memory, error);
    if (ok) {
        print_json(record_json(object->record, memory));
    }
    connect_close(&connection);
    return ok ? EXIT_CODE_OK : error->code;
}

/* The header that names the state that was read. */
static unsigned long long height_of(const struct cli_call *call,
                                    const struct connection *connection)
{
    const char *at = cli_text(call, "at");
    return at != NULL ? strtoull(at, NULL, 10) + 1 : light_tip(connection->light)->header.height;
}

static enum exit_code run_account(struct cli_call *call, struct error *error)
{
    struct connection connection;
    struct address address;
    struct account account;
    if (!hex_decode(cli_argument(call, 0), address.bytes, ADDRESS_SIZE)) {
        (void)error_set(error, EXIT_CODE_USAGE, "write the address, %d hex digits",
                        2 * ADDRESS_SIZE);
        return error->code;
    }
    if (!connect_open_at(call, &connection, error)) {
        return error->code;
    }
    const struct key key = key_account(&address);
    const bool ok = light_read(connection.light, &key, &record_account, &account, error);
    if (ok && cli_json(call)) {
        print_json(record_json(&record_account, &account));
    } else if (ok) {
        char available[32];
        char locked[32];
        connect_credits(account.available, available);
        connect_credits(account.locked, locked);
        (void)printf("available %s credits, locked %s, next sequence number %llu\n"
                     "proven at height %llu\n",
                     available, locked, (unsigned long long)account.seq,
                     height_of(call, &connection));
    }
    connect_close(&connection);
    return ok ? EXIT_CODE_OK : error->code;
}

static enum exit_code run_head(struct cli_call *call, struct error *error)
{
    struct connection connection;
    char id[2 * HASH_SIZE + 1];
    if (!connect_open(call, false, &connection, error)) {
        return error->code;
    }
    const bool ok = light_refresh(connection.light, error);
    if (ok) {
        const struct light_tip *tip = light_tip(connection.light);
        hex_encode(tip->block_id.bytes, HASH_SIZE, id);
        const bool fresh = light_is_fresh(connection.light);
        if (cli_json(call)) {
            (void)printf("{\"height\":%llu,\"block_id\":\"%s\",\"time_ms\":%llu,\"fresh\":%s}\n",
                         (unsigned long long)tip->header.height, id,
                         (unsigned long long)tip->header.time_ms, fresh ? "true" : "false");
        } else {
            (void)printf("height %llu\nblock id %s\n%s\n", (unsigned long long)tip->header.height,
                         id,
                         fresh ? "enough validators say that nothing is newer"
                               : "not enough validators have confirmed that nothing is newer");
        }
    }
    connect_close(&connection);
    return ok ? EXIT_CODE_OK : error->code;
}

static enum exit_code run_job(struct cli_call *call, struct error *error)
{
    static struct job_status status; /* one thread */
    struct connection connection;
    struct hash job;
    if (!connect_id(call, "job", &job, error) || !connect_open_at(call, &connection, error)) {
        return error->code;
    }
    const bool ok = job_read_status(connection.light, &job, &status, error);
    if (ok) {
        job_print(&status, cli_json(call));
    }
    connect_close(&connection);
    return ok ? EXIT_CODE_OK : error->code;
}

static void print_tx(const struct cli_call *call, const struct light_found *found)
{
    char sender[2 * ADDRESS_SIZE + 1];
    const char *type = tx_type_name(found->type);
    const char *name = code_name(found->result.code);
    hex_encode(found->sender.bytes, ADDRESS_SIZE, sender);
    if (cli_json(call)) {
        print_json(json_pack(
            "{s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:I}", "status", "final", "type",
            type == NULL ? "?" : type, "sender", sender, "lane", (json_int_t)found->lane, "seq",
            (json_int_t)found->seq, "height", (json_int_t)found->result.height, "index",
            (json_int_t)found->result.index, "code", (json_int_t)found->result.code));
        return;
    }
    (void)printf("%s of %s, sequence number %llu\nblock %llu, place %u\nresult %s (%u): %s\n"
                 "proven\n",
                 type == NULL ? "?" : type, sender, (unsigned long long)found->seq,
                 (unsigned long long)found->result.height, found->result.index,
                 name == NULL ? "?" : name, found->result.code, code_text(found->result.code));
}

static enum exit_code run_tx(struct cli_call *call, struct error *error)
{
    struct connection connection;
    struct light_found found;
    struct hash id;
    bool known = false;
    if (!connect_id(call, "transaction", &id, error) ||
        !connect_open(call, false, &connection, error)) {
        return error->code;
    }
    bool ok = light_look_id(connection.light, &id, &known, &found, error);
    if (ok && known) {
        print_tx(call, &found);
        light_result_free(&found.result);
    } else if (ok) {
        ok = error_set(error, found.waiting ? EXIT_CODE_UNREACHABLE : EXIT_CODE_NOT_FOUND,
                       found.waiting ? "not final yet: a node has it waiting; ask again"
                                     : "no node that was asked knows it; that proves nothing: "
                                       "nodes forget old ones, and it may still be under way");
    }
    connect_close(&connection);
    return ok ? EXIT_CODE_OK : error->code;
}

const struct cli_command cli_query_tx = {.noun = "query",
                                         .verb = "tx",
                                         .arguments = "ID",
                                         .argument_min = 1,
                                         .argument_max = 1,
                                         .help = "what became of a transaction, proven",
                                         .run = run_tx,
                                         .options = {CONNECT_OPTIONS}};
const struct cli_command cli_query_head = {.noun = "query",
                                           .verb = "head",
                                           .help = "the newest final block, verified",
                                           .run = run_head,
                                           .options = {CONNECT_OPTIONS}};
const struct cli_command cli_query_account = {.noun = "query",
                                              .verb = "account",
                                              .arguments = "ADDRESS",
                                              .argument_min = 1,
                                              .argument_max = 1,
                                              .help = "an account's credits, proven",
                                              .run = run_account,
                                              .options = {CONNECT_OPTIONS, CONNECT_AT_OPTION}};
const struct cli_command cli_query_object = {
    .noun = "query",
    .verb = "object",
    .arguments = "KIND ID",
    .argument_min = 2,
    .argument_max = 2,
    .help = "node, offer, data, request, process, terms, lease, program, suspension: JSON, proven",
    .run = run_object,
    .options = {CONNECT_OPTIONS, CONNECT_AT_OPTION}};
const struct cli_command cli_job_status = {.noun = "job",
                                           .verb = "status",
                                           .arguments = "JOB",
                                           .argument_min = 1,
                                           .argument_max = 1,
                                           .help = "the same as query job",
                                           .run = run_job,
                                           .options = {CONNECT_OPTIONS, CONNECT_AT_OPTION}};
const struct cli_command cli_query_job = {.noun = "query",
                                          .verb = "job",
                                          .arguments = "JOB",
                                          .argument_min = 1,
                                          .argument_max = 1,
                                          .help = "where a training job stands, proven",
                                          .run = run_job,
                                          .options = {CONNECT_OPTIONS, CONNECT_AT_OPTION}};
