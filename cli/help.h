#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "cli/cli.h"

/* What `gradus` says of itself, from the table of commands. */

bool help_is_asked(const char *word); /* --help, -h */
void help_command(const struct cli_command *command);

/* A command line that begins with no command: `gradus`, `gradus help [NOUN [VERB]]`,
 * `gradus NOUN`, or a mistake.  Returns the exit code. */
int help_main(int argc, char **argv);

#endif /* CLI_HELP_H */
