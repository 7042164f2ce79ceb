#include "cli/manual.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"

/* Man pages and the bash completion, from the table of commands. */

enum { PATH_MAX_SIZE = 1024 };

static FILE *create(const char *dir, const char *name)
{
    char path[PATH_MAX_SIZE];
    const int size = snprintf(path, sizeof(path), "%s/%s", dir, name);
    return size < 0 || (size_t)size >= sizeof(path) ? NULL : fopen(path, "w");
}

static bool make_folder(const char *dir, const char *name)
{
    char path[PATH_MAX_SIZE];
    const int size = snprintf(path, sizeof(path), "%s/%s", dir, name);
    return size > 0 && (size_t)size < sizeof(path) && (mkdir(path, 0755) == 0 || errno == EEXIST);
}

/* Text that roff takes literally: no control lines, no escapes, a hyphen that can be copied. */
static void put(FILE *out, const char *text)
{
    if (text[0] == '.' || text[0] == '\'') {
        (void)fputs("\\&", out);
    }
    for (; *text != '\0'; text++) {
        if (*text == '\\') {
            (void)fputs("\\e", out);
        } else if (*text == '-') {
            (void)fputs("\\-", out);
        } else {
            (void)fputc(*text, out);
        }
    }
}

static void put_option(FILE *out, const struct cli_option *option)
{
    (void)fputs(".TP\n\\fB", out);
    put(out, "--");
    put(out, option->name);
    (void)fputs("\\fR", out);
    if (option->value != NULL) {
        (void)fputs(" \\fI", out);
        put(out, option->value);
        (void)fputs("\\fR", out);
    }
    (void)fputs("\n", out);
    put(out, option->help);
    if (option->standard != NULL) {
        (void)fputs(" (default ", out);
        put(out, option->standard);
        (void)fputs(")", out);
    }
    (void)fputs("\n", out);
}

static void put_page(FILE *out, const struct cli_command *command, const char *title)
{
    (void)fprintf(out, ".TH \"%s\" 1 \"\" \"gradus %s\" \"Gradus\"\n.SH NAME\n", title,
                  GRADUS_VERSION);
    put(out, title);
    (void)fputs(" \\- ", out);
    put(out, command->help);
    (void)fprintf(out, "\n.SH SYNOPSIS\n\\fBgradus %s%s%s\\fR%s", command->noun,
                  command->verb[0] != '\0' ? " " : "", command->verb,
                  command->options[0].name != NULL ? " [options]" : "");
    if (command->arguments != NULL) {
        (void)fputs(" \\fI", out);
        put(out, command->arguments);
        (void)fputs("\\fR", out);
    }
    (void)fputs("\n.SH OPTIONS\n", out);
    for (uint32_t i = 0; i < CLI_OPTION_MAX && command->options[i].name != NULL; i++) {
        put_option(out, &command->options[i]);
    }
    if (!command->text_only) {
        put_option(out, &(struct cli_option){"output", "json", NULL, "print JSON"});
    }
    put_option(out, &(struct cli_option){"help", NULL, NULL, "explain the command"});
    (void)fputs(".SH EXIT STATUS\n", out);
    static const struct {
        int number;
        const char *text;
    } rows[] = {
#define EXIT_CODE(name, number, text, step) {number, text},
#include "base/exit_codes.def"
#undef EXIT_CODE
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        (void)fprintf(out, ".TP\n%d\n", rows[i].number);
        put(out, rows[i].text);
        (void)fputs("\n", out);
    }
}

static bool write_page(const char *dir, const struct cli_command *command)
{
    char title[64];
    char name[80];
    (void)snprintf(title, sizeof(title), "gradus-%s%s%s", command->noun,
                   command->verb[0] != '\0' ? "-" : "", command->verb);
    (void)snprintf(name, sizeof(name), "man/%s.1", title);
    FILE *out = create(dir, name);
    if (out == NULL) {
        return false;
    }
    put_page(out, command, title);
    return fclose(out) == 0;
}

static void complete_options(FILE *out, const struct cli_command *command)
{
    for (uint32_t i = 0; i < CLI_OPTION_MAX && command->options[i].name != NULL; i++) {
        (void)fprintf(out, "--%s ", command->options[i].name);
    }
    (void)fputs("--output --help", out);
}

/* A case for each command that offers its options; other words complete to files. */
static bool write_completion(const char *dir)
{
    FILE *out = create(dir, "completion/gradus.bash");
    if (out == NULL) {
        return false;
    }
    (void)fputs("_gradus() {\n"
                "    local word=${COMP_WORDS[COMP_CWORD]} words=\n"
                "    if [ \"$COMP_CWORD\" = 1 ]; then\n        words='help",
                out);
    const char *last = "";
    for (const struct cli_command *const *c = cli_commands; *c != NULL; c++) {
        if (strcmp(last, (*c)->noun) != 0) {
            (void)fprintf(out, " %s", (*c)->noun);
        }
        last = (*c)->noun;
    }
    (void)fputs("'\n    elif [ \"$COMP_CWORD\" = 2 ]; then\n        case ${COMP_WORDS[1]} in\n",
                out);
    for (const struct cli_command *const *c = cli_commands; *c != NULL; c++) {
        (void)fprintf(out, "        %s) words=\"$words %s", (*c)->noun, (*c)->verb);
        if ((*c)->verb[0] == '\0') {
            complete_options(out, *c);
        }
        (void)fputs("\" ;;&\n", out);
    }
    (void)fputs("        esac\n    else\n        case \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in\n",
                out);
    for (const struct cli_command *const *c = cli_commands; *c != NULL; c++) {
        (void)fprintf(out, "        '%s %s'%s) words='", (*c)->noun, (*c)->verb,
                      (*c)->verb[0] == '\0' ? "*" : "");
        complete_options(out, *c);
        (void)fputs("' ;;\n", out);
    }
    (void)fputs("        esac\n    fi\n"
                "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
                "}\ncomplete -o default -F _gradus gradus\n",
                out);
    return fclose(out) == 0;
}

int manual_write(const char *dir)
{
    if (dir == NULL) {
        (void)fprintf(stderr, "gradus: write gradus help --man DIR\n");
        return EXIT_CODE_USAGE;
    }
    bool ok = make_folder(dir, "man") && make_folder(dir, "completion") && write_completion(dir);
    for (const struct cli_command *const *c = cli_commands; *c != NULL && ok; c++) {
        ok = write_page(dir, *c);
    }
    if (!ok) {
        (void)fprintf(stderr, "gradus: %s: cannot write man/ and completion/ there\n", dir);
    }
    return ok ? EXIT_CODE_OK : EXIT_CODE_STORAGE;
}
