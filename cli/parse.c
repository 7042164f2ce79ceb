#include "cli/cli.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "cli/help.h"

struct cli_call {
    const struct cli_command *command;
    const char *values[CLI_OPTION_MAX]; /* by option index; NULL: not given */
    const char *arguments[CLI_ARGUMENT_MAX];
    uint32_t argument_count;
    bool json;
};

static uint32_t option_index(const struct cli_call *call, const char *name)
{
    for (uint32_t i = 0; i < CLI_OPTION_MAX && call->command->options[i].name != NULL; i++) {
        if (strcmp(call->command->options[i].name, name) == 0) {
            return i;
        }
    }
    return CLI_OPTION_MAX;
}

const char *cli_text(const struct cli_call *call, const char *name)
{
    const uint32_t i = option_index(call, name);
    ASSERT(i < CLI_OPTION_MAX);
    return call->values[i] != NULL ? call->values[i] : call->command->options[i].standard;
}

bool cli_flag(const struct cli_call *call, const char *name)
{
    const uint32_t i = option_index(call, name);
    ASSERT(i < CLI_OPTION_MAX);
    return call->values[i] != NULL;
}

bool cli_number(const struct cli_call *call, const char *name, struct cli_range range,
                uint64_t *out, struct error *error)
{
    const char *text = cli_text(call, name);
    char *end = NULL;
    errno = 0;
    const unsigned long long number = text == NULL ? 0 : strtoull(text, &end, 10);
    if (text == NULL || !isdigit((unsigned char)text[0]) || *end != '\0' || errno != 0 ||
        number < range.min || number > range.max) {
        return error_set(error, EXIT_CODE_USAGE, "--%s: write a whole number from %llu to %llu",
                         name, (unsigned long long)range.min, (unsigned long long)range.max);
    }
    *out = number;
    return true;
}

bool cli_required(const struct cli_call *call, const char *name, const char **out,
                  struct error *error)
{
    *out = cli_text(call, name);
    if (*out == NULL) {
        return error_set(error, EXIT_CODE_USAGE, "--%s is missing; see gradus %s %s --help", name,
                         call->command->noun, call->command->verb);
    }
    return true;
}

bool cli_misused(const struct cli_call *call, struct error *error, const char *what)
{
    return error_set(error, EXIT_CODE_USAGE, "%s; see gradus %s %s --help", what,
                     call->command->noun, call->command->verb);
}

const char *cli_argument(const struct cli_call *call, uint32_t index)
{
    ASSERT(index < call->argument_count);
    return call->arguments[index];
}

bool cli_json(const struct cli_call *call)
{
    return call->json;
}

static const struct cli_command *find_command(int argc, char **argv, int *used)
{
    const char *word = argc > 1 ? argv[1] : "";
    word = strcmp(word, "--version") == 0 ? "version" : word;
    for (const struct cli_command *const *c = cli_commands; *c != NULL; c++) {
        const bool alone = (*c)->verb[0] == '\0';
        const bool noun = strcmp((*c)->noun, word) == 0;
        if (noun && (alone || (argc > 2 && strcmp((*c)->verb, argv[2]) == 0))) {
            *used = alone ? 2 : 3;
            return *c;
        }
    }
    return NULL;
}

/* "--name VALUE", "--name=VALUE" or a flag; moves *i on past a separate value. */
static bool parse_option(struct cli_call *call, int argc, char **argv, int *i, struct error *error)
{
    char name[64];
    const char *equals = strchr(argv[*i], '=');
    const size_t length = equals != NULL ? (size_t)(equals - argv[*i]) - 2 : strlen(argv[*i]) - 2;
    if (length >= sizeof(name)) {
        return error_set(error, EXIT_CODE_USAGE, "%s: no such option", argv[*i]);
    }
    memcpy(name, argv[*i] + 2, length);
    name[length] = '\0';

    const bool is_output = strcmp(name, "output") == 0;
    const uint32_t index = option_index(call, name);
    if (!is_output && index == CLI_OPTION_MAX) {
        return error_set(error, EXIT_CODE_USAGE, "--%s: no such option; see gradus %s %s --help",
                         name, call->command->noun, call->command->verb);
    }
    const char *value = "";
    if (is_output || call->command->options[index].value != NULL) {
        value = equals != NULL ? equals + 1 : *i + 1 < argc ? argv[++*i] : NULL;
    } else if (equals != NULL) {
        value = NULL;
    }
    if (value == NULL) {
        return error_set(error, EXIT_CODE_USAGE, "--%s: %s", name,
                         equals != NULL ? "takes no value" : "wants a value");
    }
    if (is_output) {
        call->json = strcmp(value, "json") == 0;
        return call->json || strcmp(value, "text") == 0 ||
               error_set(error, EXIT_CODE_USAGE, "--output: write json or text");
    }
    if (call->values[index] != NULL) {
        return error_set(error, EXIT_CODE_USAGE, "--%s: given twice", name);
    }
    call->values[index] = value;
    return true;
}

static bool parse_argument(struct cli_call *call, const char *text, struct error *error)
{
    if (call->argument_count == call->command->argument_max) {
        return error_set(error, EXIT_CODE_USAGE,
                         "%s: one argument too many; see gradus %s %s --help", text,
                         call->command->noun, call->command->verb);
    }
    call->arguments[call->argument_count++] = text;
    return true;
}

static bool parse(struct cli_call *call, int argc, char **argv, int i, struct error *error)
{
    bool ok = true;
    bool options = true; /* until "--" */
    for (; i < argc && ok; i++) {
        const bool dash = options && argv[i][0] == '-' && argv[i][1] != '\0';
        if (dash && strcmp(argv[i], "--") == 0) {
            options = false;
        } else if (dash && argv[i][1] == '-') {
            ok = parse_option(call, argc, argv, &i, error);
        } else if (dash) {
            ok = error_set(error, EXIT_CODE_USAGE,
                           "%s: no such option; after -- it would be an argument; see gradus %s %s "
                           "--help",
                           argv[i], call->command->noun, call->command->verb);
        } else {
            ok = parse_argument(call, argv[i], error);
        }
    }
    if (ok && call->argument_count < call->command->argument_min) {
        return error_set(error, EXIT_CODE_USAGE, "%s is missing; see gradus %s %s --help",
                         call->command->arguments, call->command->noun, call->command->verb);
    }
    if (ok && call->json && call->command->text_only) {
        return error_set(error, EXIT_CODE_USAGE, "gradus %s %s has no JSON output",
                         call->command->noun, call->command->verb);
    }
    return ok;
}

/* --help or -h before "--". */
static bool wants_help(int argc, char **argv, int i)
{
    for (; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (help_is_asked(argv[i])) {
            return true;
        }
    }
    return false;
}

int cli_main(int argc, char **argv)
{
    int used = 0;
    const struct cli_command *command = find_command(argc, argv, &used);
    if (command == NULL) {
        return help_main(argc, argv);
    }
    if (wants_help(argc, argv, used)) {
        help_command(command);
        return EXIT_CODE_OK;
    }
    struct cli_call call = {.command = command};
    struct error error = {.code = EXIT_CODE_OK};
    enum exit_code code = EXIT_CODE_USAGE;
    if (parse(&call, argc, argv, used, &error)) {
        code = command->run(&call, &error);
    }
    if (code != EXIT_CODE_OK && error.detail[0] != '\0') {
        (void)fprintf(stderr, "gradus: %s\n", error.detail);
    }
    return (int)code;
}
