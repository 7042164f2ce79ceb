#include <stdio.h>

#include "cli/commands.h"
#include "types/block.h"
#include "types/tx.h"

static enum exit_code run(struct cli_call *call, struct error *error)
{
    (void)error;
    if (cli_json(call)) {
        (void)printf("{\"version\":\"%s\",\"block_version\":%d,\"tx_version\":%d}\n",
                     GRADUS_VERSION, (int)BLOCK_VERSION, (int)TX_VERSION);
    } else {
        (void)printf("gradus %s (block format %d, transaction format %d)\n", GRADUS_VERSION,
                     (int)BLOCK_VERSION, (int)TX_VERSION);
    }
    return EXIT_CODE_OK;
}

const struct cli_command cli_version = {
    .noun = "version", .verb = "", .help = "print the version", .run = run};
