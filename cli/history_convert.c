#include <stdio.h>
#include <unistd.h>

#include "cli/commands.h"
#include "genesis/genesis.h"
#include "store/history/history.h"

/* History files as one file, and as chunks again. */

enum { SHOW_EVERY = 1000 };

static void show(void *context, uint64_t height, uint64_t last)
{
    const bool *wanted = context;
    if (*wanted && (height % SHOW_EVERY == 0 || height == last)) {
        (void)fprintf(stderr, "\rblock %llu of %llu%s", (unsigned long long)height,
                      (unsigned long long)last, height == last ? "\n" : "");
    }
}

static enum exit_code convert(struct cli_call *call, bool whole, struct error *error)
{
    bool wanted = isatty(STDERR_FILENO) == 1;
    struct history_export to = {.context = &wanted, .progress = show};
    struct genesis *genesis = NULL;
    const char *path = NULL;
    if (!cli_required(call, "genesis", &path, error) ||
        !cli_required(call, "out", &to.dir, error)) {
        return EXIT_CODE_USAGE;
    }
    if (!genesis_load(path, &genesis, error)) {
        return EXIT_CODE_WRONG_CHAIN;
    }
    to.chain_id = *genesis_chain_id(genesis);
    genesis_free(genesis);
    if (!history_convert(cli_argument(call, 0), &to, whole, error)) {
        /* Numbers from 64 on are a daemon's. */
        return error->code < EXIT_CODE_BAD_CONFIG ? error->code : EXIT_CODE_STORAGE;
    }
    return EXIT_CODE_OK;
}

static enum exit_code run_split(struct cli_call *call, struct error *error)
{
    return convert(call, false, error);
}

static enum exit_code run_merge(struct cli_call *call, struct error *error)
{
    return convert(call, true, error);
}

#define CONVERT_OPTIONS                                                                            \
    {"genesis", "FILE", NULL, "the network's genesis file"},                                       \
    {                                                                                              \
        "out", "DIR", NULL, "where the result goes; it must hold no history"                       \
    }

const struct cli_command cli_history_split = {
    .noun = "history",
    .verb = "split",
    .arguments = "FILE|DIR",
    .argument_min = 1,
    .argument_max = 1,
    .help = "write a history as sealed files of 1 000 blocks, the same bytes on every machine",
    .run = run_split,
    .options = {CONVERT_OPTIONS}};

const struct cli_command cli_history_merge = {
    .noun = "history",
    .verb = "merge",
    .arguments = "DIR",
    .argument_min = 1,
    .argument_max = 1,
    .help = "write a history as one file; split gives its files back",
    .run = run_merge,
    .options = {CONVERT_OPTIONS}};
