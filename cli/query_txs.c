#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/hex.h"
#include "cli/commands.h"
#include "cli/connect.h"
#include "types/codes.h"
#include "types/tx.h"

/* gradus query txs: what a node's index names, each proven before it is printed. */

enum { HEX_HASH = 2 * HASH_SIZE + 1 };

struct listing {
    struct light *light;
    struct address sender;
    uint64_t wanted;
    uint64_t shown;
    uint64_t complete_to; /* as the node says */
    uint64_t unproven;    /* too new, or their blocks were pruned */
    json_t *json;         /* NULL: text */
};

static void print_place(struct listing *listing, const struct hash *id,
                        const struct light_found *found)
{
    char text[HEX_HASH];
    const char *type = tx_type_name(found->type);
    const char *name = code_name(found->result.code);
    hex_encode(id->bytes, HASH_SIZE, text);
    listing->shown++;
    if (listing->json != NULL) {
        (void)json_array_append_new(
            listing->json,
            json_pack("{s:s,s:s,s:I,s:I,s:I,s:I,s:I}", "tx", text, "type",
                      type == NULL ? "?" : type, "lane", (json_int_t)found->lane, "seq",
                      (json_int_t)found->seq, "height", (json_int_t)found->result.height, "index",
                      (json_int_t)found->result.index, "code", (json_int_t)found->result.code));
        return;
    }
    (void)printf("%8" PRIu64 " %5" PRIu32 "  %-20s seq %-8" PRIu64 " %-20s %s\n",
                 found->result.height, found->result.index, type == NULL ? "?" : type, found->seq,
                 name == NULL ? "?" : name, text);
}

/* The index is believed to have the id, no more: place, sender and result are the chain's. */
static bool show_one(struct listing *listing, const struct hash *id, struct error *error)
{
    struct light_found found;
    bool known = false;
    if (!light_look_id(listing->light, id, &known, &found, error)) {
        return false;
    }
    if (!known) {
        listing->unproven++;
        return true;
    }
    const bool own = address_equal(&found.sender, &listing->sender);
    if (own) {
        print_place(listing, id, &found);
    }
    light_result_free(&found.result);
    return own || error_set(error, EXIT_CODE_VERIFY,
                            "the index names a transaction of another sender; ask another node");
}

static bool show_page(struct listing *listing, const struct light_page *page, struct error *error)
{
    for (uint32_t i = 0; i < page->count && listing->shown + listing->unproven < listing->wanted;
         i++) {
        if (!show_one(listing, &page->places[i].id, error)) {
            return false;
        }
    }
    return true;
}

static bool show_all(struct listing *listing, uint64_t below, struct error *error)
{
    static struct light_page page; /* 12 KB; one thread */
    page = (struct light_page){.sender = listing->sender, .below_height = below};
    while (listing->shown + listing->unproven < listing->wanted) {
        if (!light_list_txs(listing->light, &page, error) || !show_page(listing, &page, error)) {
            return false;
        }
        listing->complete_to = page.complete_to;
        if (page.count == 0) {
            return true;
        }
        page.below_height = page.places[page.count - 1].height;
        page.below_number = page.places[page.count - 1].number;
    }
    return true;
}

static enum exit_code run_txs(struct cli_call *call, struct error *error)
{
    struct connection connection;
    struct listing listing = {.shown = 0};
    uint64_t before = UINT64_MAX;
    const struct cli_range any = {1, UINT64_MAX};
    if (!hex_decode(cli_argument(call, 0), listing.sender.bytes, ADDRESS_SIZE)) {
        (void)error_set(error, EXIT_CODE_USAGE, "write the address, %d hex digits",
                        2 * ADDRESS_SIZE);
        return error->code;
    }
    if (!cli_number(call, "count", any, &listing.wanted, error) ||
        (cli_text(call, "before") != NULL && !cli_number(call, "before", any, &before, error)) ||
        !connect_open(call, false, &connection, error)) {
        return error->code;
    }
    listing.light = connection.light;
    listing.json = cli_json(call) ? json_array() : NULL;
    const bool ok = show_all(&listing, before, error);
    if (ok && listing.json != NULL) {
        (void)json_dumpf(listing.json, stdout, JSON_INDENT(2));
        (void)printf("\n");
    } else if (ok) {
        (void)printf("%" PRIu64 " transactions, each proven; %" PRIu64
                     " more that these nodes cannot "
                     "prove now; that none is missing up to height %" PRIu64 " is a node's word\n",
                     listing.shown, listing.unproven, listing.complete_to);
    }
    json_decref(listing.json);
    connect_close(&connection);
    return ok ? EXIT_CODE_OK : error->code;
}

const struct cli_command cli_query_txs = {
    .noun = "query",
    .verb = "txs",
    .arguments = "ADDRESS",
    .argument_min = 1,
    .argument_max = 1,
    .help = "the transactions of a sender, newest first, each proven",
    .run = run_txs,
    .options = {CONNECT_OPTIONS,
                {"count", "N", "20", "at most so many"},
                {"before", "HEIGHT", NULL, "only those in blocks below this height"}}};
