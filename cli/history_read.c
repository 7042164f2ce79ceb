#include <stdio.h>
#include <time.h>

#include <jansson.h>

#include "base/hex.h"
#include "cli/commands.h"
#include "crypto/crypto.h"
#include "genesis/genesis.h"
#include "store/history/history.h"
#include "wire/wire.h"

/* Looking into history files.  These commands check digests only: that the blocks are the
 * chain's is what `gradus audit replay` shows. */

enum { HEX_HASH = 2 * HASH_SIZE + 1, HEX_ADDRESS = 2 * ADDRESS_SIZE + 1, TIME_SIZE = 32 };

struct walk {
    uint64_t from, to;
    bool json;
    uint64_t blocks, txs, bytes;
    void (*visit)(struct walk *walk, struct bytes raw, const struct wire_block *block);
};

static const char *hex(const struct hash *hash, char out[HEX_HASH])
{
    hex_encode(hash->bytes, HASH_SIZE, out);
    return out;
}

static const char *utc(uint64_t time_ms, char out[TIME_SIZE])
{
    const time_t seconds = (time_t)(time_ms / 1000);
    struct tm tm;
    if (gmtime_r(&seconds, &tm) == NULL ||
        strftime(out, TIME_SIZE, "%Y-%m-%d %H:%M:%S", &tm) == 0) {
        (void)snprintf(out, TIME_SIZE, "%llu", (unsigned long long)seconds);
    }
    return out;
}

static void print_json(json_t *json)
{
    (void)json_dumpf(json, stdout, JSON_COMPACT);
    (void)printf("\n");
    json_decref(json);
}

static void block_id(const struct wire_block *block, struct hash *out)
{
    crypto_digest(TAG_BLOCK_HEADER, block->header_bytes, out);
}

/* ---- What is done with a block ------------------------------------------------------ */

static void list_block(struct walk *walk, struct bytes raw, const struct wire_block *block)
{
    const struct block_header *h = &block->header;
    char id_text[HEX_HASH];
    char time_text[TIME_SIZE];
    struct hash id;
    block_id(block, &id);
    if (walk->json) {
        print_json(json_pack("{s:I,s:s,s:I,s:I,s:I,s:i,s:i,s:I}", "height", (json_int_t)h->height,
                             "block_id", hex(&id, id_text), "time_ms", (json_int_t)h->time_ms,
                             "epoch", (json_int_t)h->epoch, "view", (json_int_t)h->view, "proposer",
                             (int)h->proposer, "transactions", (int)block->txs.count, "bytes",
                             (json_int_t)raw.size));
        return;
    }
    (void)printf("%8llu  %s  view %llu  validator %u  %5u transactions  %8zu bytes  %.16s\n",
                 (unsigned long long)h->height, utc(h->time_ms, time_text),
                 (unsigned long long)h->view, h->proposer, block->txs.count, raw.size,
                 hex(&id, id_text));
}

static void show_field(const char *name, const struct hash *hash)
{
    char text[HEX_HASH];
    (void)printf("%-15s %s\n", name, hex(hash, text));
}

static void show_text(struct bytes raw, const struct wire_block *block, const struct hash *id)
{
    const struct block_header *h = &block->header;
    char time_text[TIME_SIZE];
    (void)printf("height          %llu\n", (unsigned long long)h->height);
    show_field("block_id", id);
    show_field("parent_id", &h->parent_id);
    (void)printf("time            %s (%llu)\n", utc(h->time_ms, time_text),
                 (unsigned long long)h->time_ms);
    (void)printf("epoch           %llu\nview            %llu\nproposer        %u\n",
                 (unsigned long long)h->epoch, (unsigned long long)h->view, h->proposer);
    (void)printf("transactions    %u\nbytes           %zu\n", block->txs.count, raw.size);
    show_field("txs_root", &h->txs_root);
    show_field("state_root", &h->state_root);
    show_field("results_root", &h->results_root);
    show_field("hist_root", &h->hist_root);
    show_field("set_hash", &h->set_hash);
    show_field("next_set_hash", &h->next_set_hash);
    show_field("last_cert_hash", &h->last_cert_hash);
    if (block->has_last_final) {
        (void)printf("last_final      height %llu, view %llu, %u signatures\n",
                     (unsigned long long)block->last_final.light.height,
                     (unsigned long long)block->last_final.light.view,
                     block->last_final.signature_count);
    }
}

static void show_json(struct bytes raw, const struct wire_block *block, const struct hash *id)
{
    const struct block_header *h = &block->header;
    const struct {
        const char *name;
        const struct hash *hash;
    } hashes[] = {{"block_id", id},
                  {"parent_id", &h->parent_id},
                  {"txs_root", &h->txs_root},
                  {"state_root", &h->state_root},
                  {"results_root", &h->results_root},
                  {"hist_root", &h->hist_root},
                  {"set_hash", &h->set_hash},
                  {"next_set_hash", &h->next_set_hash},
                  {"last_cert_hash", &h->last_cert_hash}};
    json_t *json = json_pack("{s:I,s:I,s:I,s:I,s:i,s:i,s:I}", "height", (json_int_t)h->height,
                             "time_ms", (json_int_t)h->time_ms, "epoch", (json_int_t)h->epoch,
                             "view", (json_int_t)h->view, "proposer", (int)h->proposer,
                             "transactions", (int)block->txs.count, "bytes", (json_int_t)raw.size);
    for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++) {
        char text[HEX_HASH];
        (void)json_object_set_new(json, hashes[i].name, json_string(hex(hashes[i].hash, text)));
    }
    if (block->has_last_final) {
        (void)json_object_set_new(json, "last_final",
                                  json_pack("{s:I,s:I,s:i}", "height",
                                            (json_int_t)block->last_final.light.height, "view",
                                            (json_int_t)block->last_final.light.view, "signatures",
                                            (int)block->last_final.signature_count));
    }
    print_json(json);
}

static void show_block(struct walk *walk, struct bytes raw, const struct wire_block *block)
{
    struct hash id;
    block_id(block, &id);
    (walk->json ? show_json : show_text)(raw, block, &id);
}

static void cat_tx(const struct walk *walk, uint64_t height, uint32_t index, struct bytes raw)
{
    struct tx tx;
    struct hash id;
    char id_text[HEX_HASH];
    char sender[HEX_ADDRESS] = "?";
    const char *type = NULL;
    const bool readable = wire_decode_tx(raw, &tx);
    if (readable) {
        crypto_digest(TAG_TX, tx.payload, &id);
        hex_encode(tx.sender.bytes, ADDRESS_SIZE, sender);
        type = tx_type_name(tx.type);
    }
    const char *name = type != NULL ? type : "?";
    if (walk->json) {
        print_json(json_pack("{s:I,s:i,s:s,s:s,s:s,s:I,s:I,s:i}", "height", (json_int_t)height,
                             "index", (int)index, "type", name, "tx",
                             readable ? hex(&id, id_text) : "", "sender", sender, "lane",
                             (json_int_t)(readable ? tx.lane : 0), "seq",
                             (json_int_t)(readable ? tx.seq : 0), "bytes", (int)raw.size));
        return;
    }
    (void)printf("%8llu %5u  %-20s  sender %s  seq %llu  %6zu bytes  %s\n",
                 (unsigned long long)height, index, name, sender,
                 (unsigned long long)(readable ? tx.seq : 0), raw.size,
                 readable ? hex(&id, id_text) : "unreadable");
}

static void cat_block(struct walk *walk, struct bytes raw, const struct wire_block *block)
{
    struct wire_tx_iterator txs;
    struct bytes tx;
    (void)raw;
    wire_txs_begin(&txs, &block->txs);
    for (uint32_t i = 0; wire_txs_next(&txs, &tx); i++) {
        cat_tx(walk, block->header.height, i, tx);
    }
}

/* ---- The walk ---------------------------------------------------------------------- */

static bool take_block(struct walk *walk, const struct history_item *item, struct error *error)
{
    static struct wire_block block; /* 8 KB */
    if (!wire_decode_block(item->bytes, &block)) {
        return error_set(error, EXIT_CODE_VERIFY, "height %llu: the bytes are no block",
                         (unsigned long long)item->height);
    }
    walk->blocks++;
    walk->txs += block.txs.count;
    walk->bytes += item->bytes.size;
    if (walk->visit != NULL && item->height >= walk->from && item->height <= walk->to) {
        walk->visit(walk, item->bytes, &block);
    }
    return true;
}

/* Reads up to walk->to, or to the end when nothing is to be shown. */
static bool walk_on(struct walk *walk, struct history_reader *reader, struct error *error)
{
    struct history_item item = {0};
    enum history_answer answer = HISTORY_BLOCK;
    while (answer == HISTORY_BLOCK && (walk->visit == NULL || item.height < walk->to)) {
        answer = history_next(reader, &item, error);
        if (answer == HISTORY_BLOCK && !take_block(walk, &item, error)) {
            return false;
        }
        /* What blocks are made final by is for the audit. */
        answer = answer == HISTORY_FINALITY || answer == HISTORY_SEAL ? HISTORY_BLOCK : answer;
    }
    return answer == HISTORY_BLOCK || answer == HISTORY_END;
}

static enum exit_code read_history(struct cli_call *call, struct walk *walk, struct error *error)
{
    struct genesis *genesis = NULL;
    struct history_reader *reader = NULL;
    const char *path = NULL;
    if (!cli_required(call, "genesis", &path, error)) {
        return EXIT_CODE_USAGE;
    }
    if (!genesis_load(path, &genesis, error)) {
        return EXIT_CODE_WRONG_CHAIN;
    }
    walk->json = cli_json(call);
    bool done = history_open(cli_argument(call, 0), genesis_chain_id(genesis), &reader, error);
    if (done && walk->visit != NULL && walk->from > history_last(reader)) {
        done = error_set(error, EXIT_CODE_NOT_FOUND, "height %llu: the history ends at %llu",
                         (unsigned long long)walk->from, (unsigned long long)history_last(reader));
    }
    done = done && walk_on(walk, reader, error);
    history_close(reader);
    genesis_free(genesis);
    return done ? EXIT_CODE_OK : error->code;
}

static bool read_range(struct cli_call *call, struct walk *walk, struct error *error)
{
    const struct cli_range any = {1, INT64_MAX};
    walk->from = 1;
    walk->to = INT64_MAX;
    return (cli_text(call, "from") == NULL || cli_number(call, "from", any, &walk->from, error)) &&
           (cli_text(call, "to") == NULL || cli_number(call, "to", any, &walk->to, error));
}

/* ---- The commands ------------------------------------------------------------------ */

static enum exit_code run_ls(struct cli_call *call, struct error *error)
{
    struct walk walk = {.visit = list_block};
    return read_range(call, &walk, error) ? read_history(call, &walk, error) : EXIT_CODE_USAGE;
}

static enum exit_code run_cat(struct cli_call *call, struct error *error)
{
    struct walk walk = {.visit = cat_block};
    return read_range(call, &walk, error) ? read_history(call, &walk, error) : EXIT_CODE_USAGE;
}

static enum exit_code run_show(struct cli_call *call, struct error *error)
{
    struct walk walk = {.visit = show_block};
    const char *given = NULL;
    if (!cli_required(call, "height", &given, error) ||
        !cli_number(call, "height", (struct cli_range){1, INT64_MAX}, &walk.from, error)) {
        return EXIT_CODE_USAGE;
    }
    walk.to = walk.from;
    return read_history(call, &walk, error);
}

static enum exit_code run_verify(struct cli_call *call, struct error *error)
{
    struct walk walk = {.visit = NULL};
    const enum exit_code code = read_history(call, &walk, error);
    if (code != EXIT_CODE_OK) {
        return code;
    }
    if (walk.json) {
        print_json(json_pack("{s:I,s:I,s:I}", "blocks", (json_int_t)walk.blocks, "transactions",
                             (json_int_t)walk.txs, "bytes", (json_int_t)walk.bytes));
    } else {
        (void)printf("intact: %llu blocks, %llu transactions, %llu bytes; signatures and roots "
                     "are what gradus audit replay checks\n",
                     (unsigned long long)walk.blocks, (unsigned long long)walk.txs,
                     (unsigned long long)walk.bytes);
    }
    return EXIT_CODE_OK;
}

#define GENESIS_OPTION                                                                             \
    {                                                                                              \
        "genesis", "FILE", NULL, "the network's genesis file"                                      \
    }

const struct cli_command cli_history_ls = {
    .noun = "history",
    .verb = "ls",
    .arguments = "DIR",
    .argument_min = 1,
    .argument_max = 1,
    .help = "list the blocks of exported history files, a line each",
    .run = run_ls,
    .options = {GENESIS_OPTION,
                {"from", "HEIGHT", NULL, "the first block to list"},
                {"to", "HEIGHT", NULL, "the last one"}}};

const struct cli_command cli_history_show = {
    .noun = "history",
    .verb = "show",
    .arguments = "DIR",
    .argument_min = 1,
    .argument_max = 1,
    .help = "show the header of one block",
    .run = run_show,
    .options = {GENESIS_OPTION, {"height", "HEIGHT", NULL, "which block"}}};

const struct cli_command cli_history_cat = {
    .noun = "history",
    .verb = "cat",
    .arguments = "DIR",
    .argument_min = 1,
    .argument_max = 1,
    .help = "list the transactions of exported history files, a line each",
    .run = run_cat,
    .options = {GENESIS_OPTION,
                {"from", "HEIGHT", NULL, "the first block"},
                {"to", "HEIGHT", NULL, "the last one"}}};

const struct cli_command cli_history_verify = {
    .noun = "history",
    .verb = "verify",
    .arguments = "DIR",
    .argument_min = 1,
    .argument_max = 1,
    .help = "read every byte of exported history files and check its digest",
    .run = run_verify,
    .options = {GENESIS_OPTION}};
