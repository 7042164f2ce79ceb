#include "cli/commands.h"

#define POINT(name) &(name),
const struct cli_command *const cli_commands[] = {CLI_COMMANDS(POINT) NULL};
#undef POINT
