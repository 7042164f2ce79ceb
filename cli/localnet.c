#include "cli/localnet.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "base/cpu.h"
#include "cli/commands.h"
#include "cli/status.h"

enum { START_MS = 30000, STOP_MS = 20000, POLL_MS = 50 };

static uint64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void wait_a_little(void)
{
    (void)poll(NULL, 0, POLL_MS);
}

/* A pid file is believed only if that process runs `node run` with this very config. */
static bool runs_config(pid_t pid, const char *config)
{
    char path[64];
    char line[2 * LOCALNET_PATH_MAX];
    (void)snprintf(path, sizeof(path), "/proc/%ld/cmdline", (long)pid);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return false;
    }
    const size_t size = fread(line, 1, sizeof(line) - 1, file);
    (void)fclose(file);
    line[size] = '\0';
    for (size_t at = 0; at < size; at += strlen(line + at) + 1) {
        if (strcmp(line + at, config) == 0) {
            return true;
        }
    }
    return false;
}

pid_t localnet_pid(const char *dir, uint32_t index)
{
    char path[LOCALNET_PATH_MAX];
    char config[LOCALNET_PATH_MAX];
    char text[32] = "";
    struct error error;
    if (!localnet_path(path, &error, "%s/validator-%u/pid", dir, index) ||
        !localnet_path(config, &error, "%s/validator-%u/node.ini", dir, index)) {
        return 0;
    }
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return 0;
    }
    const bool read = fgets(text, sizeof(text), file) != NULL;
    (void)fclose(file);
    const long pid = read ? strtol(text, NULL, 10) : 0;
    return pid > 0 && runs_config((pid_t)pid, config) ? (pid_t)pid : 0;
}

static _Noreturn void become_node(const char *config, const char *log)
{
    const int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    const int in = open("/dev/null", O_RDONLY);
    if (out < 0 || in < 0 || setsid() < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 ||
        dup2(out, 2) < 0) {
        _exit(EXIT_CODE_FAILURE);
    }
    (void)execl("/proc/self/exe", "gradus", "node", "run", "--config", config, (char *)NULL);
    _exit(EXIT_CODE_FAILURE);
}

bool localnet_start(const char *dir, uint32_t index, struct error *error)
{
    char config[LOCALNET_PATH_MAX];
    char log[LOCALNET_PATH_MAX];
    char path[LOCALNET_PATH_MAX];
    if (!localnet_path(config, error, "%s/validator-%u/node.ini", dir, index) ||
        !localnet_path(log, error, "%s/validator-%u/node.log", dir, index) ||
        !localnet_path(path, error, "%s/validator-%u/pid", dir, index)) {
        return false;
    }
    (void)fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        /* Where they share processors, each stays on its own: a message then wakes threads on
         * the processor it is on (docs/performance.md). */
        if (localnet_count(dir) > cpu_count()) {
            (void)cpu_pin(index);
        }
        become_node(config, log);
    }
    FILE *file = pid > 0 ? fopen(path, "w") : NULL;
    if (file == NULL) {
        return error_set(error, EXIT_CODE_FAILURE, "validator %u: cannot be started", index);
    }
    (void)fprintf(file, "%ld\n", (long)pid);
    return fclose(file) == 0 || error_set(error, EXIT_CODE_STORAGE, "%s: cannot be written", path);
}

/* Wait until every validator answers, or one has ended. */
static bool wait_ready(const char *dir, uint32_t count, struct error *error)
{
    const uint64_t deadline = now_ms() + START_MS;
    for (uint32_t i = 0; i < count;) {
        struct error ignored;
        char *text = status_of_validator(dir, i, &ignored);
        if (text != NULL) {
            free(text);
            i++;
        } else if (waitpid(-1, NULL, WNOHANG) > 0 || localnet_pid(dir, i) == 0) {
            return error_set(error, EXIT_CODE_FAILURE,
                             "validator %u ended at start; its last words are in "
                             "%s/validator-%u/node.log",
                             i, dir, i);
        } else if (now_ms() > deadline) {
            return error_set(error, EXIT_CODE_UNREACHABLE,
                             "validator %u does not answer; see %s/validator-%u/node.log", i, dir,
                             i);
        } else {
            wait_a_little();
        }
    }
    return true;
}

static bool read_numbers(struct cli_call *call, struct localnet *net, struct error *error)
{
    uint64_t validators = 0;
    uint64_t providers = 0;
    uint64_t accounts = 0;
    uint64_t port = 0;
    if (!cli_number(call, "validators", (struct cli_range){1, 32}, &validators, error) ||
        !cli_number(call, "providers", (struct cli_range){0, 64}, &providers, error) ||
        !cli_number(call, "accounts", (struct cli_range){0, 4000}, &accounts, error) ||
        !cli_number(call, "base-port", (struct cli_range){1024, 65000}, &port, error)) {
        return false;
    }
    net->validators = (uint32_t)validators;
    net->providers = (uint32_t)providers;
    net->accounts = (uint32_t)accounts;
    net->base_port = (uint32_t)port;
    return true;
}

static enum exit_code run_up(struct cli_call *call, struct error *error)
{
    struct localnet net = {.dir = cli_text(call, "dir")};
    char dir[LOCALNET_PATH_MAX];
    if (!read_numbers(call, &net, error) || !localnet_create(&net, error)) {
        return error->code;
    }
    if (realpath(net.dir, dir) == NULL) {
        (void)error_set(error, EXIT_CODE_STORAGE, "%s: not a folder", net.dir);
        return error->code;
    }
    const uint32_t count = localnet_count(dir);
    uint64_t only = 0;
    const bool one = cli_text(call, "only") != NULL;
    if (one && !cli_number(call, "only", (struct cli_range){0, count - 1}, &only, error)) {
        return error->code;
    }
    for (uint32_t i = 0; i < count; i++) {
        if ((!one || i == only) && localnet_pid(dir, i) == 0 && !localnet_start(dir, i, error)) {
            return error->code;
        }
    }
    if (!one && !wait_ready(dir, count, error)) {
        return error->code;
    }
    if (cli_json(call)) {
        (void)printf("{\"dir\":\"%s\",\"validators\":%u}\n", dir, count);
    } else {
        (void)printf("%u validators run in %s; stop them with gradus localnet down --dir %s\n",
                     count, dir, net.dir);
    }
    return EXIT_CODE_OK;
}

static enum exit_code run_down(struct cli_call *call, struct error *error)
{
    char dir[LOCALNET_PATH_MAX];
    if (realpath(cli_text(call, "dir"), dir) == NULL) {
        (void)error_set(error, EXIT_CODE_NOT_FOUND, "%s: no localnet there", cli_text(call, "dir"));
        return error->code;
    }
    const uint32_t count = localnet_count(dir);
    for (uint32_t i = 0; i < count; i++) {
        const pid_t pid = localnet_pid(dir, i);
        if (pid != 0) {
            (void)kill(pid, SIGTERM);
        }
    }
    const uint64_t deadline = now_ms() + STOP_MS;
    for (uint32_t i = 0; i < count; i++) {
        pid_t pid = localnet_pid(dir, i);
        while (pid != 0 && now_ms() < deadline) {
            wait_a_little();
            pid = localnet_pid(dir, i);
        }
        if (pid != 0) {
            (void)error_set(error, EXIT_CODE_FAILURE, "validator %u (process %ld) does not stop", i,
                            (long)pid);
            return error->code;
        }
    }
    (void)printf(cli_json(call) ? "{\"stopped\":%u}\n" : "%u validators are stopped\n", count);
    return EXIT_CODE_OK;
}

static void print_status(uint32_t index, pid_t pid, json_t *json)
{
    (void)printf("validator %u  ", index);
    if (pid == 0) {
        (void)printf("not running\n");
    } else if (json == NULL) {
        (void)printf("process %ld does not answer\n", (long)pid);
    } else {
        (void)printf("height %lld  view %lld  %s  state root %.16s  waiting transactions %lld\n",
                     (long long)json_integer_value(json_object_get(json, "height")),
                     (long long)json_integer_value(json_object_get(json, "view")),
                     json_is_true(json_object_get(json, "awake")) ? "awake" : "idle",
                     json_string_value(json_object_get(json, "state_root")),
                     (long long)json_integer_value(json_object_get(json, "mempool")));
    }
}

static enum exit_code run_status(struct cli_call *call, struct error *error)
{
    char dir[LOCALNET_PATH_MAX];
    if (realpath(cli_text(call, "dir"), dir) == NULL || localnet_count(dir) == 0) {
        (void)error_set(error, EXIT_CODE_NOT_FOUND, "%s: no localnet there; gradus localnet up",
                        cli_text(call, "dir"));
        return error->code;
    }
    json_t *list = json_array();
    bool all = true;
    for (uint32_t i = 0; i < localnet_count(dir); i++) {
        struct error ignored;
        const pid_t pid = localnet_pid(dir, i);
        char *text = pid == 0 ? NULL : status_of_validator(dir, i, &ignored);
        json_t *json = text == NULL ? NULL : json_loads(text, 0, NULL);
        free(text);
        all = all && json != NULL;
        if (!cli_json(call)) {
            print_status(i, pid, json);
        }
        (void)json_array_append_new(list, json != NULL ? json : json_null());
    }
    if (cli_json(call)) {
        (void)json_dumpf(list, stdout, JSON_COMPACT);
        (void)printf("\n");
    }
    json_decref(list);
    if (!all) {
        (void)error_set(error, EXIT_CODE_UNREACHABLE, "not every validator answers");
        return error->code;
    }
    return EXIT_CODE_OK;
}

#define DIR_OPTION                                                                                 \
    {                                                                                              \
        "dir", "DIR", "run", "the network's folder"                                                \
    }

const struct cli_command cli_localnet_up = {
    .noun = "localnet",
    .verb = "up",
    .help = "make and start a network of validators on this machine",
    .run = run_up,
    .options = {DIR_OPTION,
                {"validators", "N", "4", "how many validators"},
                {"providers", "N", "3", "how many provider accounts"},
                {"accounts", "N", "0", "how many more accounts with credits, for load"},
                {"base-port", "PORT", "4700", "validator N listens on PORT + N"},
                {"only", "N", NULL, "start validator N alone"}}};
const struct cli_command cli_localnet_down = {.noun = "localnet",
                                              .verb = "down",
                                              .help = "stop every validator of a localnet",
                                              .run = run_down,
                                              .options = {DIR_OPTION}};
const struct cli_command cli_localnet_status = {.noun = "localnet",
                                                .verb = "status",
                                                .help = "show where every validator stands",
                                                .run = run_status,
                                                .options = {DIR_OPTION}};
