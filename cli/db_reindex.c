#include <stdio.h>

#include "cli/commands.h"
#include "cli/db.h"
#include "store/index/index.h"

/* gradus db reindex: index.db again from the blocks, while the node does not run. */

static bool follow(struct index *index, struct store *store, struct db_screen *screen,
                   struct error *error)
{
    struct store_status status;
    bool more = true;
    store_status(store, &status);
    while (more) {
        if (!index_follow(index, store, &more, error)) {
            return false;
        }
        db_screen_draw(screen, "blocks", index_height(index), status.decided_height);
    }
    db_screen_clear(screen);
    return true;
}

static bool reindex(const struct index_options *options, uint64_t *height, struct error *error)
{
    const struct store_options chain = {
        .dir = options->dir, .chain_id = options->chain_id, .read_only = true};
    struct store *store = NULL;
    struct index *index = NULL;
    struct db_screen screen;
    db_screen_init(&screen);
    if (!store_open(&chain, &store, error)) {
        return false;
    }
    const bool done = index_remove(options->dir, error) && index_open(options, &index, error) &&
                      follow(index, store, &screen, error);
    *height = index == NULL ? 0 : index_height(index);
    index_close(index);
    store_close(store);
    return done;
}

static enum exit_code run_reindex(struct cli_call *call, struct error *error)
{
    struct genesis *genesis = NULL;
    struct index_options options = {.dir = NULL};
    uint64_t height = 0;
    if (!cli_required(call, "data-dir", &options.dir, error) ||
        !db_genesis(call, &genesis, error)) {
        return error->code;
    }
    options.chain_id = *genesis_chain_id(genesis);
    const bool done = reindex(&options, &height, error);
    genesis_free(genesis);
    if (done && cli_json(call)) {
        db_print_json(json_pack("{s:I}", "height", (json_int_t)height));
    } else if (done) {
        (void)printf("index.db names every transaction up to height %llu\n",
                     (unsigned long long)height);
    }
    return done ? EXIT_CODE_OK : db_code(error);
}

const struct cli_command cli_db_reindex = {
    .noun = "db",
    .verb = "reindex",
    .help = "make a stopped node's index.db anew from its blocks",
    .run = run_reindex,
    .options = {DB_OPTIONS}};
