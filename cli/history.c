#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "cli/commands.h"
#include "cli/connect.h"
#include "crypto/crypto.h"
#include "genesis/genesis.h"
#include "net/net.h"
#include "store/history/history.h"
#include "wire/api/api.h"
#include "wire/wire.h"

enum { CALL_MS = 10000, SHOW_EVERY = 100 };

struct export_job {
    const struct genesis *genesis;
    const char *dir;
    bool show;
    uint64_t last;
};

static void show(void *context, uint64_t height, uint64_t last)
{
    const struct export_job *job = context;
    if (job->show && (height % SHOW_EVERY == 0 || height == last)) {
        (void)fprintf(stderr, "\rblock %llu of %llu%s", (unsigned long long)height,
                      (unsigned long long)last, height == last ? "\n" : "");
    }
}

/* ---- From a data directory --------------------------------------------------------- */

static bool export_data(struct export_job *job, const char *data_dir, struct error *error)
{
    const struct store_options options = {
        .dir = data_dir, .chain_id = *genesis_chain_id(job->genesis), .read_only = true};
    const struct history_export what = {
        .dir = job->dir, .chain_id = options.chain_id, .context = job, .progress = show};
    struct store *store = NULL;
    if (!store_open(&options, &store, error)) {
        return false;
    }
    const bool done = history_export(store, &what, &job->last, error);
    store_close(store);
    return done;
}

/* ---- From a node ------------------------------------------------------------------- */

/* Ask, and decode into *answer, which views *event: the caller releases it.  Only the form
 * is checked here: the audit judges what the files say. */
static bool ask(struct net_client *client, const struct api_request *request,
                struct net_event *event, struct api_answer *answer, struct error *error)
{
    uint8_t buffer[64];
    struct wire_writer writer;
    struct bytes bytes;
    wire_writer_init(&writer, buffer, sizeof(buffer));
    api_write_request(&writer, request);
    const bool fits = wire_writer_end(&writer, &bytes);
    ASSERT(fits);
    if (!net_client_call(client, bytes, CALL_MS, event, error)) {
        return false;
    }
    const bool readable = api_decode_answer(event->bytes, answer);
    if (readable && answer->kind == request->kind) {
        return true;
    }
    if (readable && answer->kind == API_ERROR) {
        (void)error_set(error, EXIT_CODE_NOT_FOUND, "the node answered: %.*s",
                        (int)answer->text.size, (const char *)answer->text.data);
    } else {
        (void)error_set(error, EXIT_CODE_VERIFY, "the node sent bytes that are no answer");
    }
    net_event_release(event);
    return false;
}

struct node_blocks {
    struct net_client *client;
    bool held; /* event is there, with the last block in it */
    struct net_event event;
};

static void blocks_release(struct node_blocks *blocks)
{
    if (blocks->held) {
        net_event_release(&blocks->event);
    }
    blocks->held = false;
}

static bool node_block(void *context, uint64_t height, struct bytes *out, struct error *error)
{
    static struct api_answer answer; /* one thread */
    static struct wire_block block;
    struct node_blocks *blocks = context;
    const struct api_request request = {.kind = API_BLOCK, .height = height};
    blocks_release(blocks);
    if (!ask(blocks->client, &request, &blocks->event, &answer, error)) {
        return false;
    }
    blocks->held = true;
    *out = answer.body;
    return (wire_decode_block(answer.body, &block) && block.header.height == height) ||
           error_set(error, EXIT_CODE_VERIFY, "the node sent bytes that are not block %llu",
                     (unsigned long long)height);
}

/* The newest final block's height, and its finality into buffer. */
static bool ask_tip(struct net_client *client, uint64_t *height, uint8_t *buffer,
                    struct bytes *finality, struct error *error)
{
    static struct api_answer answer; /* one thread */
    static struct finality decoded;
    const struct api_request request = {.kind = API_FINAL};
    struct net_event event;
    if (!ask(client, &request, &event, &answer, error)) {
        return false;
    }
    const bool sound = answer.last_final.size <= WIRE_LAST_FINAL_SIZE_MAX &&
                       wire_decode_last_final(answer.last_final, &decoded);
    if (sound) {
        *height = decoded.light.height;
        *finality = bytes_of(buffer, answer.last_final.size);
        memcpy(buffer, answer.last_final.data, answer.last_final.size);
    }
    net_event_release(&event);
    return sound || error_set(error, EXIT_CODE_VERIFY, "the node sent bytes that are no finality");
}

static bool copy_history(struct export_job *job, struct net_client *client, struct error *error)
{
    uint8_t buffer[WIRE_LAST_FINAL_SIZE_MAX];
    struct bytes finality = {0};
    if (!ask_tip(client, &job->last, buffer, &finality, error)) {
        return false;
    }
    struct node_blocks blocks = {.client = client};
    const struct history_work work = {.dir = job->dir,
                                      .chain_id = *genesis_chain_id(job->genesis),
                                      .source = {.context = &blocks, .block = node_block},
                                      .first = 1,
                                      .last = job->last,
                                      .ending = finality,
                                      .context = job,
                                      .progress = show};
    const bool done = history_write(&work, error);
    blocks_release(&blocks);
    return done;
}

static bool export_node(struct export_job *job, const char *address, struct error *error)
{
    struct crypto_key *key = crypto_key_generate();
    if (key == NULL) {
        return error_set(error, EXIT_CODE_FAILURE, "history: no memory");
    }
    const struct net_config config = {.chain_id = *genesis_chain_id(job->genesis),
                                      .genesis_hash = *genesis_chain_id(job->genesis),
                                      .role = NET_ROLE_ANON,
                                      .key = key};
    const struct net_peer peer = {.address = address, .bulk_lane = true};
    struct net_client *client = NULL;
    const bool done = net_client_open(&config, &peer, CALL_MS, &client, error) &&
                      copy_history(job, client, error);
    net_client_close(client);
    crypto_key_free(key);
    return done;
}

/* ---- The command ------------------------------------------------------------------- */

static void report(const struct cli_call *call, const struct export_job *job)
{
    if (!cli_json(call)) {
        (void)printf("history: heights 1 to %llu in %s\n", (unsigned long long)job->last, job->dir);
        return;
    }
    json_t *json = json_pack("{s:s,s:I}", "dir", job->dir, "last", (json_int_t)job->last);
    (void)json_dumpf(json, stdout, JSON_COMPACT);
    (void)printf("\n");
    json_decref(json);
}

static enum exit_code run(struct cli_call *call, struct error *error)
{
    struct export_job job = {.show = isatty(STDERR_FILENO) == 1};
    struct genesis *genesis = NULL;
    const char *path = NULL;
    const char *node = cli_text(call, "from-node");
    const char *data = cli_text(call, "data-dir");
    if (!cli_required(call, "genesis", &path, error) ||
        !cli_required(call, "out", &job.dir, error)) {
        return EXIT_CODE_USAGE;
    }
    if ((node == NULL) == (data == NULL)) {
        (void)error_set(error, EXIT_CODE_USAGE, "name either --from-node or --data-dir");
        return EXIT_CODE_USAGE;
    }
    if (!connect_genesis(path, &genesis, error)) {
        return error->code;
    }
    job.genesis = genesis;
    const bool done =
        node != NULL ? export_node(&job, node, error) : export_data(&job, data, error);
    genesis_free(genesis);
    if (!done) { /* numbers from 64 on are a daemon's */
        return error->code < EXIT_CODE_BAD_CONFIG ? error->code : EXIT_CODE_STORAGE;
    }
    report(call, &job);
    return EXIT_CODE_OK;
}

const struct cli_command cli_history_export = {
    .noun = "history",
    .verb = "export",
    .help = "write every final block as files, for gradus audit replay",
    .run = run,
    .options = {{"genesis", "FILE", NULL, "the network's genesis file"},
                {"from-node", "HOST:PORT", NULL, "fetch the blocks from a running node"},
                {"data-dir", "DIR", NULL, "or read a node's data directory"},
                {"out", "DIR", NULL, "where the files go; it must hold none"}}};
