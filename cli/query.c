#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "cli/commands.h"
#include "cli/connect.h"
#include "cli/job.h"
#include "cli/record_json.h"

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
    {"node", KEY_NODE, &record_node},          {"offer", KEY_OFFER, &record_offer},
    {"data", KEY_DATA, &record_data_set},      {"request", KEY_REQUEST, &record_request},
    {"process", KEY_PROCESS, &record_process}, {"terms", KEY_TERMS, &record_job_terms},
    {"lease", KEY_LEASE, &record_lease},       {"program", KEY_PROGRAM, &record_program},
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
                        "write node, offer, data, request, process, terms, lease or program, "
                        "and its id in hex");
        return error->code;
    }
    ASSERT(object->record->struct_size <= sizeof(memory));
    if (!connect_open(call, false, &connection, error)) {
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
    if (!connect_open(call, false, &connection, error)) {
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
                     (unsigned long long)light_tip(connection.light)->header.height);
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
    if (!hex_decode(cli_argument(call, 0), job.bytes, HASH_SIZE)) {
        (void)error_set(error, EXIT_CODE_USAGE, "write the job id, %d hex digits", 2 * HASH_SIZE);
        return error->code;
    }
    if (!connect_open(call, false, &connection, error)) {
        return error->code;
    }
    const bool ok = job_read_status(connection.light, &job, &status, error);
    if (ok) {
        job_print(&status, cli_json(call));
    }
    connect_close(&connection);
    return ok ? EXIT_CODE_OK : error->code;
}

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
                                              .options = {CONNECT_OPTIONS}};
const struct cli_command cli_query_object = {
    .noun = "query",
    .verb = "object",
    .arguments = "KIND ID",
    .argument_min = 2,
    .argument_max = 2,
    .help = "node, offer, data, request, process, terms, lease or program as JSON, proven",
    .run = run_object,
    .options = {CONNECT_OPTIONS}};
const struct cli_command cli_job_status = {.noun = "job",
                                           .verb = "status",
                                           .arguments = "JOB",
                                           .argument_min = 1,
                                           .argument_max = 1,
                                           .help = "the same as query job",
                                           .run = run_job,
                                           .options = {CONNECT_OPTIONS}};
const struct cli_command cli_query_job = {.noun = "query",
                                          .verb = "job",
                                          .arguments = "JOB",
                                          .argument_min = 1,
                                          .argument_max = 1,
                                          .help = "where a training job stands, proven",
                                          .run = run_job,
                                          .options = {CONNECT_OPTIONS}};
