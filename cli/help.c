#include "cli/help.h"

#include <stdio.h>
#include <string.h>

#include "cli/manual.h"

bool help_is_asked(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

void help_command(const struct cli_command *command)
{
    (void)printf("usage: gradus %s %s%s%s%s\n\n%s\n", command->noun, command->verb,
                 command->options[0].name != NULL ? " [options]" : "",
                 command->arguments != NULL ? " " : "",
                 command->arguments != NULL ? command->arguments : "", command->help);
    for (uint32_t i = 0; i < CLI_OPTION_MAX && command->options[i].name != NULL; i++) {
        const struct cli_option *o = &command->options[i];
        char name[48];
        (void)snprintf(name, sizeof(name), "--%s %s", o->name, o->value != NULL ? o->value : "");
        (void)printf("  %-26s %s%s%s%s\n", name, o->help, o->standard != NULL ? " (default " : "",
                     o->standard != NULL ? o->standard : "", o->standard != NULL ? ")" : "");
    }
    if (!command->text_only) {
        (void)printf("  %-26s %s\n", "--output json", "print JSON");
    }
    if (command->more_help != NULL) {
        command->more_help();
    }
}

/* Lines of one noun, or of all for NULL; false when there are none. */
static bool list(FILE *out, const char *noun)
{
    bool any = false;
    for (const struct cli_command *const *c = cli_commands; *c != NULL; c++) {
        char name[48];
        if (noun == NULL || strcmp((*c)->noun, noun) == 0) {
            (void)snprintf(name, sizeof(name), "%s %s", (*c)->noun, (*c)->verb);
            (void)fprintf(out, "%s  %-20s %s\n",
                          any ? "" : "usage: gradus NOUN VERB [--option VALUE] [ARGUMENT]\n\n",
                          name, (*c)->help);
            any = true;
        }
    }
    if (any) {
        (void)fprintf(
            out, "\ngradus NOUN VERB --help explains one command.  --output json prints JSON.\n");
    }
    return any;
}

static const struct cli_command *find(const char *noun, const char *verb)
{
    for (const struct cli_command *const *c = cli_commands; *c != NULL; c++) {
        if (strcmp((*c)->noun, noun) == 0 && strcmp((*c)->verb, verb) == 0) {
            return *c;
        }
    }
    return NULL;
}

static int unknown(const char *noun, const char *verb)
{
    (void)fprintf(stderr, "gradus: no command \"%s%s%s\"; see gradus --help\n", noun,
                  verb[0] != '\0' ? " " : "", verb);
    return EXIT_CODE_USAGE;
}

static int help_all(bool asked)
{
    (void)list(asked ? stdout : stderr, NULL);
    return asked ? EXIT_CODE_OK : EXIT_CODE_USAGE;
}

/* A noun alone, or with a verb that is none of its own. */
static int help_noun(const char *noun, const char *verb, bool asked)
{
    const bool whole = verb[0] == '\0' || help_is_asked(verb);
    asked = asked || help_is_asked(verb);
    if (!whole || !list(asked ? stdout : stderr, noun)) {
        return unknown(noun, verb);
    }
    return asked ? EXIT_CODE_OK : EXIT_CODE_USAGE;
}

int help_main(int argc, char **argv)
{
    const bool help = argc > 1 && (strcmp(argv[1], "help") == 0 || help_is_asked(argv[1]));
    const int at = help ? 2 : 1;
    if (argc <= at) {
        return help_all(help);
    }
    if (help && strcmp(argv[at], "--man") == 0) {
        return manual_write(argc == at + 2 ? argv[at + 1] : NULL);
    }
    const char *verb = argc > at + 1 ? argv[at + 1] : "";
    const struct cli_command *command = find(argv[at], verb);
    if (command != NULL) { /* only help gets here with a command's name */
        help_command(command);
        return EXIT_CODE_OK;
    }
    return help_noun(argv[at], verb, help);
}
