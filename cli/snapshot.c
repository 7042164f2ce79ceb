#include <stdio.h>
#include <unistd.h>

#include <jansson.h>

#include "base/hex.h"
#include "cli/commands.h"
#include "cli/connect.h"
#include "node/sync/sync.h"

/* State snapshots as folders: made from a stopped node, checked against the genesis alone, and
 * turned into the databases of another node. */

enum { SHOW_EVERY = 16 };

static void show(void *context, uint32_t done, uint32_t count)
{
    (void)context;
    if (isatty(STDERR_FILENO) == 1 && (done % SHOW_EVERY == 0 || done == count)) {
        (void)fprintf(stderr, "\rchunk %u of %u%s", done, count, done == count ? "\n" : "");
    }
}

static void report(const struct cli_call *call, const char *what,
                   const struct snapshot_manifest *manifest)
{
    char root[2 * HASH_SIZE + 1];
    hex_encode(manifest->state_root.bytes, HASH_SIZE, root);
    if (!cli_json(call)) {
        (void)printf(
            "%s: state after block %llu, %llu keys, %u chunks, %llu bytes\nstate root %s\n", what,
            (unsigned long long)manifest->height, (unsigned long long)manifest->leaves,
            (unsigned)manifest->part_count, (unsigned long long)manifest->size, root);
        return;
    }
    json_t *json = json_pack("{s:I,s:s,s:I,s:i,s:I}", "height", (json_int_t)manifest->height,
                             "state_root", root, "keys", (json_int_t)manifest->leaves, "chunks",
                             (int)manifest->part_count, "bytes", (json_int_t)manifest->size);
    (void)json_dumpf(json, stdout, JSON_COMPACT);
    (void)printf("\n");
    json_decref(json);
}

/* Numbers from 64 on are a daemon's. */
static enum exit_code code_of(const struct error *error)
{
    return error->code < EXIT_CODE_BAD_CONFIG ? error->code : EXIT_CODE_STORAGE;
}

/* A folder and what it says about the chain, both checked but for the chunks. */
struct opened {
    struct genesis *genesis;
    struct snapshot_folder *folder;
    struct sync_anchor anchor;
    struct store_final blocks[SYNC_ANCHOR_BLOCK_MAX];
};

static void opened_close(struct opened *opened)
{
    snapshot_folder_close(opened->folder);
    genesis_free(opened->genesis);
}

static bool opened_open(const char *genesis, const char *path, struct opened *out,
                        struct error *error)
{
    if (!connect_genesis(genesis, &out->genesis, error) ||
        !snapshot_folder_open(path, &out->folder, error)) {
        return false;
    }
    const char *wrong = "its anchor is malformed";
    if (sync_anchor_decode(snapshot_folder_anchor(out->folder), &out->anchor)) {
        wrong = sync_anchor_check(out->genesis, snapshot_folder_manifest(out->folder), &out->anchor,
                                  out->blocks);
    }
    return wrong == NULL || error_set(error, EXIT_CODE_VERIFY, "%.200s: %s", path, wrong);
}

/* ---- create -------------------------------------------------------------------------- */

static bool create(const char *genesis_path, const char *data, const char *out, struct error *error)
{
    struct genesis *genesis = NULL;
    struct store *store = NULL;
    if (!connect_genesis(genesis_path, &genesis, error)) {
        return false;
    }
    const struct store_options options = {.dir = data, .chain_id = *genesis_chain_id(genesis)};
    bool done = access(data, F_OK) == 0 ||
                error_set(error, EXIT_CODE_NOT_FOUND, "%.200s: no such directory", data);
    done = done && store_open(&options, &store, error);
    const struct sync_export what = {.store = store, .path = out, .progress = show};
    done = done && sync_export(&what, error);
    store_close(store);
    genesis_free(genesis);
    return done;
}

static enum exit_code run_create(struct cli_call *call, struct error *error)
{
    const char *genesis = NULL;
    const char *data = NULL;
    const char *out = NULL;
    struct opened opened = {0};
    if (!cli_required(call, "genesis", &genesis, error) ||
        !cli_required(call, "data-dir", &data, error) || !cli_required(call, "out", &out, error)) {
        return EXIT_CODE_USAGE;
    }
    const bool done =
        create(genesis, data, out, error) && opened_open(genesis, out, &opened, error);
    if (done) {
        report(call, "snapshot", snapshot_folder_manifest(opened.folder));
    }
    opened_close(&opened);
    return done ? EXIT_CODE_OK : code_of(error);
}

const struct cli_command cli_snapshot_create = {
    .noun = "snapshot",
    .verb = "create",
    .help = "write the state of a stopped node as a snapshot",
    .run = run_create,
    .options = {{"genesis", "FILE", NULL, "the network's genesis file"},
                {"data-dir", "DIR", NULL, "the stopped node's data directory"},
                {"out", "DIR", NULL, "the snapshot's folder; chunks it has already are kept"}}};

/* ---- verify -------------------------------------------------------------------------- */

static bool verify_chunks(struct snapshot_folder *folder, struct error *error)
{
    const uint32_t count = snapshot_folder_manifest(folder)->part_count;
    for (uint32_t i = 0; i < count; i++) {
        struct store_buffer chunk = {0};
        const enum store_answer answer = snapshot_folder_get(folder, i, &chunk, error);
        store_buffer_free(&chunk);
        if (answer != STORE_FOUND) {
            return answer == STORE_ABSENT &&
                   error_set(error, EXIT_CODE_INCOMPLETE, "chunk %u of %u is missing", i, count);
        }
        show(NULL, i + 1, count);
    }
    return true;
}

static enum exit_code run_verify(struct cli_call *call, struct error *error)
{
    const char *genesis = NULL;
    struct opened opened = {0};
    if (!cli_required(call, "genesis", &genesis, error)) {
        return EXIT_CODE_USAGE;
    }
    const bool done = opened_open(genesis, cli_argument(call, 0), &opened, error) &&
                      verify_chunks(opened.folder, error);
    if (done) {
        report(call, "sound", snapshot_folder_manifest(opened.folder));
    }
    opened_close(&opened);
    return done ? EXIT_CODE_OK : code_of(error);
}

const struct cli_command cli_snapshot_verify = {
    .noun = "snapshot",
    .verb = "verify",
    .arguments = "DIR",
    .argument_min = 1,
    .argument_max = 1,
    .help = "check a snapshot against the genesis alone",
    .run = run_verify,
    .options = {{"genesis", "FILE", NULL, "the network's genesis file"}}};

/* ---- restore ------------------------------------------------------------------------- */

static enum exit_code run_restore(struct cli_call *call, struct error *error)
{
    const char *genesis = NULL;
    const char *data = NULL;
    struct opened opened = {0};
    if (!cli_required(call, "genesis", &genesis, error) ||
        !cli_required(call, "data-dir", &data, error)) {
        return EXIT_CODE_USAGE;
    }
    bool done = opened_open(genesis, cli_argument(call, 0), &opened, error);
    if (done) {
        struct store_buffer epochs;
        sync_anchor_epochs(&opened.anchor, &epochs);
        const struct snapshot_restore what = {
            .folder = opened.folder,
            .options = {.dir = data, .chain_id = *genesis_chain_id(opened.genesis)},
            .blocks = opened.blocks,
            .block_count = opened.anchor.count,
            .epochs = bytes_of(epochs.data, epochs.size)};
        done = snapshot_restore(&what, error);
        store_buffer_free(&epochs);
    }
    if (done) {
        report(call, "restored", snapshot_folder_manifest(opened.folder));
    }
    opened_close(&opened);
    return done ? EXIT_CODE_OK : code_of(error);
}

const struct cli_command cli_snapshot_restore = {
    .noun = "snapshot",
    .verb = "restore",
    .arguments = "DIR",
    .argument_min = 1,
    .argument_max = 1,
    .help = "make a node's chain.db and state.db from a snapshot",
    .run = run_restore,
    .options = {{"genesis", "FILE", NULL, "the network's genesis file"},
                {"data-dir", "DIR", NULL, "of the stopped node; without chain.db and state.db"}}};
