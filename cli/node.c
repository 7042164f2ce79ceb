#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/log.h"
#include "cli/commands.h"
#include "cli/connect.h"
#include "cli/explain.h"
#include "node/node.h"

enum { STATUS_TEXT_MAX = 1 << 16 };

static void set_level(const char *name)
{
    static const struct {
        const char *name;
        enum log_level level;
    } levels[] = {{"debug", LOG_DEBUG}, {"info", LOG_INFO}, {"odd", LOG_ODD}, {"fault", LOG_FAULT}};
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        if (strcmp(levels[i].name, name) == 0) {
            log_set_level(levels[i].level);
        }
    }
}

static enum exit_code guard(struct cli_call *call, struct error *error)
{
    static struct node_config config;
    const char *path = NULL;
    if (!cli_required(call, "config", &path, error)) {
        return EXIT_CODE_USAGE;
    }
    if (!node_config_load(path, &config, error) || !node_guard(&config, error)) {
        return error->code;
    }
    (void)printf(
        "sign.state remembers nothing and permits no vote.  Start the node: it votes again\n"
        "when a quorum of others has proven its view and a block above that is final.\n");
    return EXIT_CODE_OK;
}

static enum exit_code run(struct cli_call *call, struct error *error)
{
    static struct node_config config;
    const char *path = NULL;
    if (!cli_required(call, "config", &path, error)) {
        return EXIT_CODE_USAGE;
    }
    if (!node_config_load(path, &config, error)) {
        return error->code;
    }
    set_level(config.log_level);
    return node_run(&config, error);
}

/* ---- node status ---------------------------------------------------------------------- */

static long long number(const json_t *json, const char *name)
{
    return (long long)json_integer_value(json_object_get(json, name));
}

static void print_why(const struct connection *connection, const json_t *json)
{
    char text[EXPLAIN_TEXT_MAX];
    explain_sentence(json, text);
    (void)printf("  why: %s\n", text);
    explain_lines(json, light_wall_ms(connection->light), text);
    (void)fputs(text, stdout);
}

static void print_node(const char *endpoint, const json_t *json)
{
    size_t i = 0;
    const json_t *peer = NULL;
    const char *root = json_string_value(json_object_get(json, "state_root"));
    (void)printf("%s: validator %lld, its own word\n"
                 "  height %lld  view %lld  %s%s  state root %.16s\n"
                 "  waiting transactions %lld, running for %lld s\n",
                 endpoint, number(json, "validator"), number(json, "height"), number(json, "view"),
                 json_is_true(json_object_get(json, "awake")) ? "awake" : "idle",
                 json_is_true(json_object_get(json, "catching_up")) ? ", catching up" : "",
                 root == NULL ? "?" : root, number(json, "mempool"),
                 number(json, "uptime_ms") / 1000);
    const json_t *guard_state = json_object_get(json, "guard");
    if (guard_state != NULL) {
        (void)printf("  does not vote: its votes may have been lost; %lld of %lld others heard",
                     number(guard_state, "heard"), number(guard_state, "needed"));
        if (json_is_true(json_object_get(guard_state, "known"))) {
            (void)printf(", votes again when a block above view %lld is final",
                         number(guard_state, "above_view"));
        }
        (void)printf("\n");
    }
    json_array_foreach(json_object_get(json, "peers"), i, peer)
    {
        if (!json_is_true(json_object_get(peer, "self"))) {
            (void)printf("  peer %lld  %s, silent for %lld ms\n", number(peer, "validator"),
                         json_is_true(json_object_get(peer, "connected")) ? "connected"
                                                                          : "not connected",
                         number(peer, "silent_ms"));
        }
    }
}

/* Each node by itself, so that a silent one shows; NULL and *error when it does not answer. */
static json_t *ask_node(const struct connection *connection, uint32_t index, struct error *error)
{
    static char text[STATUS_TEXT_MAX]; /* one thread */
    struct error latest;
    json_t *json = NULL;
    if (!light_status(connection->light, index, text, sizeof(text), &latest)) {
        *error = latest;
    } else if ((json = json_loads(text, 0, NULL)) == NULL) {
        (void)error_set(error, EXIT_CODE_VERSION, "it answers with something that is no JSON");
    }
    return json;
}

static void print_final(const struct connection *connection)
{
    const struct light_tip *tip = light_tip(connection->light);
    const uint64_t now = light_wall_ms(connection->light);
    const uint64_t time = tip->header.time_ms;
    (void)printf("last final block: height %llu, %.1f s ago, verified\n",
                 (unsigned long long)tip->header.height,
                 now > time ? (double)(now - time) / 1e3 : 0);
}

/* The sentence beside its facts. */
static void add_sentence(json_t *json)
{
    char text[EXPLAIN_TEXT_MAX];
    explain_sentence(json, text);
    (void)json_object_set_new(json, "explanation", json_string(text));
}

static enum exit_code run_status(struct cli_call *call, struct error *error)
{
    struct connection connection;
    struct error ignored;
    if (!connect_open(call, false, &connection, error)) {
        return error->code;
    }
    const bool explain = cli_flag(call, "explain");
    json_t *list = json_array();
    for (uint32_t i = 0; i < connection.node_count; i++) {
        struct error silent = {.code = EXIT_CODE_OK};
        json_t *json = ask_node(&connection, i, &silent);
        if (json == NULL) {
            error->code = silent.code;
            (void)fprintf(stderr, "%s does not answer: %s\n", connection.endpoints[i],
                          silent.detail);
        } else if (cli_json(call) && explain) {
            add_sentence(json);
        } else if (!cli_json(call)) {
            print_node(connection.endpoints[i], json);
        }
        if (json != NULL && explain && !cli_json(call)) {
            print_why(&connection, json);
        }
        (void)json_array_append_new(
            list, json_pack("{s:s,s:o?}", "node", connection.endpoints[i], "status", json));
    }
    const bool final = light_refresh(connection.light, &ignored);
    const struct light_tip *tip = light_tip(connection.light);
    if (cli_json(call)) {
        json_t *json = json_pack("{s:I,s:I,s:O}", "final_height", (json_int_t)tip->header.height,
                                 "final_time_ms", (json_int_t)tip->header.time_ms, "nodes", list);
        (void)json_dumpf(json, stdout, JSON_COMPACT);
        (void)printf("\n");
        json_decref(json);
    } else if (final) {
        print_final(&connection);
    }
    json_decref(list);
    connect_close(&connection);
    error->detail[0] = '\0'; /* printed */
    return error->code;
}

#define EXPLAIN_OPTION                                                                             \
    {                                                                                              \
        "explain", NULL, NULL,                                                                     \
            "say in words why the chain does or does not advance, who voted, who is silent"        \
    }

const struct cli_command cli_node_status = {
    .noun = "node",
    .verb = "status",
    .help = "what each node says of itself: height, view, waiting transactions, peers",
    .run = run_status,
    .options = {CONNECT_OPTIONS, EXPLAIN_OPTION}};

/* The same under the name that comes to mind first. */
const struct cli_command cli_status = {
    .noun = "status",
    .verb = "",
    .help = "the same as node status; --explain: why the chain does or does not advance",
    .run = run_status,
    .options = {CONNECT_OPTIONS, EXPLAIN_OPTION}};

static void print_settings(void)
{
    char settings[2048];
    node_config_describe(settings, sizeof(settings));
    (void)printf(
        "\nsettings, name = value, under [node]; relative paths start at the file's folder:\n%s"
        "\nunder [peers], one line for each other validator:\n"
        "  %-22s %s\n",
        settings, "N = HOST:PORT", "where validator N of the genesis file listens");
}

const struct cli_command cli_node_guard = {
    .noun = "node",
    .verb = "guard",
    .help = "after sign.state was lost: let the validator start, and vote only when it is safe",
    .text_only = true,
    .run = guard,
    .options = {{"config", "FILE", NULL, "the node's ini file; the node must not be running"}}};

const struct cli_command cli_node_run = {
    .noun = "node",
    .verb = "run",
    .help = "run a validator until SIGTERM; settings come from an ini file",
    .text_only = true,
    .run = run,
    .options = {{"config", "FILE", NULL, "the node's ini file, see docs/operations.md"}},
    .more_help = print_settings};
