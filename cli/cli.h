#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* The command line: `gradus NOUN VERB [--option VALUE] [ARGUMENT]`.
 *
 * One table (cli/commands.c) holds every command with its options and help text; the
 * parser, `--help`, the shell completion and the man pages come from it.  A command reads
 * its options by name and returns an exit code; on failure it fills *error and main
 * prints one line. */

enum { CLI_OPTION_MAX = 20, CLI_ARGUMENT_MAX = 8 };

struct cli_option {
    const char *name;  /* without dashes */
    const char *value; /* what --help calls the value; NULL: a flag */
    const char *standard;
    const char *help;
};

struct cli_call; /* cli/parse.c: one parsed command line */

struct cli_command {
    const char *noun;
    const char *verb;
    const char *arguments; /* "FILE [FILE]" for --help; NULL: none */
    uint32_t argument_min, argument_max;
    const char *help; /* one line */
    bool text_only;   /* refuses --output json */
    enum exit_code (*run)(struct cli_call *call, struct error *error);
    struct cli_option options[CLI_OPTION_MAX]; /* ends at name NULL */
    void (*more_help)(void);                   /* prints what --help adds; NULL: nothing */
};

extern const struct cli_command *const cli_commands[]; /* ends at NULL */

/* The value of an option, its standard value, or NULL.  name must stand in the table. */
const char *cli_text(const struct cli_call *call, const char *name);
bool cli_flag(const struct cli_call *call, const char *name);

/* A whole number in [min, max]; otherwise false and *error says what to write. */
struct cli_range {
    uint64_t min, max;
};
bool cli_number(const struct cli_call *call, const char *name, struct cli_range range,
                uint64_t *out, struct error *error);

/* The option's text, or false with *error naming the missing option. */
bool cli_required(const struct cli_call *call, const char *name, const char **out,
                  struct error *error);

/* False with *error: what to write, and where it is explained. */
bool cli_misused(const struct cli_call *call, struct error *error, const char *what);

const char *cli_argument(const struct cli_call *call, uint32_t index);
bool cli_json(const struct cli_call *call); /* --output json */

/* Parse and run; returns the process's exit code and has printed the error if any. */
int cli_main(int argc, char **argv);

#endif /* CLI_CLI_H */
