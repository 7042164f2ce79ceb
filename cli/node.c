#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "cli/commands.h"
#include "node/node.h"

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

const struct cli_command cli_node_run = {
    .noun = "node",
    .verb = "run",
    .help = "run a validator until SIGTERM; settings come from an ini file",
    .run = run,
    .options = {{"config", "FILE", NULL, "the node's ini file, see docs/operations.md"}},
    .more_help = print_settings};
