#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
#include "cli/commands.h"
#include "cli/connect.h"
#include "crypto/crypto.h"
#include "types/tx.h"
#include "wire/wire.h"

#include <jansson.h>

/* gradus query block: any final block, proven under the tip. */

enum { HEX_HASH = 2 * HASH_SIZE + 1, FIELD_COUNT = 9 };

struct root_field {
    const char *name;
    const struct hash *hash;
};

static void fields_of(const struct light_tip *block, struct root_field out[FIELD_COUNT])
{
    const struct block_header *h = &block->header;
    const struct root_field fields[FIELD_COUNT] = {
        {"block_id", &block->block_id},
        {"parent_id", &h->parent_id},
        {"txs_root", &h->txs_root},
        {"state_root", &h->state_root},
        {"results_root", &h->results_root},
        {"hist_root", &h->hist_root},
        {"set_hash", &h->set_hash},
        {"next_set_hash", &h->next_set_hash},
        {"last_cert_hash", &h->last_cert_hash},
    };
    memcpy(out, fields, sizeof(fields));
}

/* tx in the block's order: index, type, id. */
static bool tx_describe(struct bytes raw, char id[HEX_HASH], const char **type)
{
    struct tx tx;
    struct hash hash;
    if (!wire_decode_tx(raw, &tx)) {
        return false;
    }
    crypto_digest(TAG_TX, tx.payload, &hash);
    hex_encode(hash.bytes, HASH_SIZE, id);
    *type = tx_type_name(tx.type);
    *type = *type == NULL ? "?" : *type;
    return true;
}

static json_t *txs_json(const struct wire_block *block)
{
    json_t *list = json_array();
    struct wire_tx_iterator txs;
    struct bytes raw;
    wire_txs_begin(&txs, &block->txs);
    while (wire_txs_next(&txs, &raw)) {
        char id[HEX_HASH] = "";
        const char *type = "?";
        (void)tx_describe(raw, id, &type);
        (void)json_array_append_new(list, json_pack("{s:s,s:s}", "tx", id, "type", type));
    }
    return list;
}

static void print_json(const struct light_tip *block, uint64_t tip, const struct wire_block *body)
{
    const struct block_header *h = &block->header;
    struct root_field fields[FIELD_COUNT];
    json_t *json = json_pack("{s:I,s:I,s:I,s:I,s:i,s:I}", "height", (json_int_t)h->height,
                             "time_ms", (json_int_t)h->time_ms, "epoch", (json_int_t)h->epoch,
                             "view", (json_int_t)h->view, "proposer", (int)h->proposer,
                             "proven_under", (json_int_t)tip);
    fields_of(block, fields);
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        char text[HEX_HASH];
        hex_encode(fields[i].hash->bytes, HASH_SIZE, text);
        (void)json_object_set_new(json, fields[i].name, json_string(text));
    }
    if (body != NULL) {
        (void)json_object_set_new(json, "transactions", txs_json(body));
    }
    (void)json_dumpf(json, stdout, JSON_INDENT(2));
    (void)printf("\n");
    json_decref(json);
}

static void print_txs(const struct wire_block *body)
{
    struct wire_tx_iterator txs;
    struct bytes raw;
    (void)printf("transactions    %" PRIu32 "\n", body->txs.count);
    wire_txs_begin(&txs, &body->txs);
    for (uint32_t i = 0; wire_txs_next(&txs, &raw); i++) {
        char id[HEX_HASH] = "unreadable";
        const char *type = "?";
        (void)tx_describe(raw, id, &type);
        (void)printf("%5" PRIu32 "  %-20s  %s\n", i, type, id);
    }
}

static void print_text(const struct light_tip *block, uint64_t tip, const struct wire_block *body)
{
    const struct block_header *h = &block->header;
    struct root_field fields[FIELD_COUNT];
    (void)printf("height          %" PRIu64 "\ntime_ms         %" PRIu64
                 "\nepoch           %" PRIu64 "\nview            %" PRIu64
                 "\nproposer        %" PRIu32 "\n",
                 h->height, h->time_ms, h->epoch, h->view, h->proposer);
    fields_of(block, fields);
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        char text[HEX_HASH];
        hex_encode(fields[i].hash->bytes, HASH_SIZE, text);
        (void)printf("%-15s %s\n", fields[i].name, text);
    }
    if (body != NULL) {
        print_txs(body);
    }
    (void)printf("proven under the final block %" PRIu64 ", whose history extends this one's\n",
                 tip);
}

static bool show(const struct cli_call *call, struct light *light, uint64_t height,
                 struct error *error)
{
    static struct wire_block body; /* 8 KB; one thread */
    struct light_reply bytes = {.data = NULL};
    struct light_tip block;
    const bool with_txs = cli_flag(call, "transactions");
    if (!light_header(light, height, &block, error) ||
        (with_txs && !light_body(light, &block, &bytes, error))) {
        return false;
    }
    const bool readable = !with_txs || wire_decode_block(bytes_of(bytes.data, bytes.size), &body);
    if (readable) {
        (cli_json(call) ? print_json : print_text)(&block, light_tip(light)->header.height,
                                                   with_txs ? &body : NULL);
    }
    free(bytes.data);
    return readable || error_set(error, EXIT_CODE_VERSION,
                                 "a block this version cannot read: use a newer gradus");
}

/* The last block that is not later: headers' times grow with the height, so halving finds it, and
 * each header on the way is proven. */
static bool find_time(struct light *light, uint64_t time_ms, uint64_t *out, struct error *error)
{
    if (!light_refresh(light, error)) {
        return false;
    }
    uint64_t low = 0;
    uint64_t high = light_tip(light)->header.height + 1;
    while (high - low > 1) {
        struct light_tip block;
        const uint64_t middle = low + (high - low) / 2;
        if (!light_header(light, middle, &block, error)) {
            return false;
        }
        *(block.header.time_ms <= time_ms ? &low : &high) = middle;
    }
    *out = low;
    return low > 0 || error_set(error, EXIT_CODE_NOT_FOUND, "the first block is later");
}

/* HEIGHT, or @MS. */
static bool read_place(const struct cli_call *call, uint64_t *height, uint64_t *time_ms,
                       struct error *error)
{
    char *end = NULL;
    const char *text = cli_argument(call, 0);
    const bool by_time = text[0] == '@';
    text += by_time ? 1 : 0;
    *(by_time ? time_ms : height) = strtoull(text, &end, 10);
    return (text[0] >= '1' && text[0] <= '9' && *end == '\0') ||
           cli_misused(call, error, "write the height, or @ and milliseconds since 1970");
}

static enum exit_code run_block(struct cli_call *call, struct error *error)
{
    struct connection connection;
    uint64_t height = 0;
    uint64_t time_ms = 0;
    if (!read_place(call, &height, &time_ms, error) ||
        !connect_open(call, false, &connection, error)) {
        return error->code;
    }
    const bool ok = (time_ms == 0 || find_time(connection.light, time_ms, &height, error)) &&
                    show(call, connection.light, height, error);
    connect_close(&connection);
    return ok ? EXIT_CODE_OK : error->code;
}

const struct cli_command cli_query_block = {
    .noun = "query",
    .verb = "block",
    .arguments = "HEIGHT|@MS",
    .argument_min = 1,
    .argument_max = 1,
    .help = "any final header, or the last one up to a time, proven under the newest block",
    .run = run_block,
    .options = {
        CONNECT_OPTIONS,
        {"time", "MS", NULL, "instead of HEIGHT: the last block up to this time (1970, UTC)"},
        {"transactions", NULL, NULL, "its transactions too, checked against txs_root"}}};
