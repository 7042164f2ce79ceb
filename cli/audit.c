#include "client/audit/audit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "base/hex.h"
#include "cli/commands.h"

enum { BAR_WIDTH = 30, DRAW_EVERY_MS = 100 };

struct screen {
    uint64_t drawn_ms;
    bool drawn;
};

/* One line that is drawn over: bar, height, rate, time left. */
static void draw(void *context, const struct audit_progress *progress)
{
    struct screen *screen = context;
    char bar[BAR_WIDTH + 1];
    if (progress->elapsed_ms < screen->drawn_ms + DRAW_EVERY_MS) {
        return;
    }
    screen->drawn_ms = progress->elapsed_ms;
    screen->drawn = true;
    const uint64_t left = progress->last - progress->height;
    const uint64_t eta_ms = progress->elapsed_ms * left / progress->height;
    const size_t filled = (size_t)(BAR_WIDTH * progress->height / progress->last);
    memset(bar, '.', BAR_WIDTH);
    memset(bar, '#', filled);
    bar[BAR_WIDTH] = '\0';
    (void)fprintf(stderr, "\r[%s] height %llu of %llu  %llu tx/s  ETA %llu s   ", bar,
                  (unsigned long long)progress->height, (unsigned long long)progress->last,
                  (unsigned long long)(progress->txs * 1000 / progress->elapsed_ms),
                  (unsigned long long)((eta_ms + 999) / 1000));
}

static void clear(const struct screen *screen)
{
    if (screen->drawn) {
        (void)fprintf(stderr, "\r%*s\r", BAR_WIDTH + 70, "");
    }
}

static json_t *hash_json(const struct hash *hash)
{
    char text[2 * HASH_SIZE + 1];
    hex_encode(hash->bytes, HASH_SIZE, text);
    return json_string(text);
}

static json_t *fault_json(const struct audit_fault *fault)
{
    if (!fault->found) {
        return json_null();
    }
    json_t *json = json_object();
    if (fault->in_block) {
        (void)json_object_set_new(json, "height", json_integer((json_int_t)fault->height));
        (void)json_object_set_new(json, "field", json_string(fault->field));
        (void)json_object_set_new(json, "expected", json_string(fault->expected));
        (void)json_object_set_new(json, "found", json_string(fault->actual));
    }
    if (fault->file[0] != '\0') {
        (void)json_object_set_new(json, "file", json_string(fault->file));
        (void)json_object_set_new(json, "offset", json_integer((json_int_t)fault->offset));
        (void)json_object_set_new(json, "size", json_integer((json_int_t)fault->size));
    }
    return json;
}

static uint64_t rate_of(const struct audit_report *report)
{
    return report->elapsed_ms == 0 ? 0 : report->txs * 1000 / report->elapsed_ms;
}

static void print_json(bool passed, const struct audit_report *report, const struct error *error)
{
    json_t *json = json_pack(
        "{s:s,s:i,s:o,s:I,s:I,s:o,s:o,s:I,s:I,s:I,s:o,s:o}", "audit", passed ? "pass" : "FAIL",
        "exit_code", (int)error->code, "chain_id", hash_json(&report->chain_id), "last",
        (json_int_t)report->last, "height", (json_int_t)report->height, "block_id",
        hash_json(&report->block_id), "state_root", hash_json(&report->state_root), "transactions",
        (json_int_t)report->txs, "elapsed_ms", (json_int_t)report->elapsed_ms, "rate",
        (json_int_t)rate_of(report), "fault", fault_json(&report->fault), "error",
        passed ? json_null() : json_string(error->detail));
    (void)json_dumpf(json, stdout, JSON_COMPACT);
    (void)printf("\n");
    json_decref(json);
}

static void print_text(bool passed, const struct audit_report *report, const struct error *error)
{
    char root[2 * HASH_SIZE + 1];
    hex_encode(report->state_root.bytes, HASH_SIZE, root);
    if (passed) {
        (void)printf(
            "audit: pass  heights 1 to %llu, %llu transactions, every signature and root\n",
            (unsigned long long)report->height, (unsigned long long)report->txs);
    } else {
        (void)printf("audit: FAIL  %s\n", error->detail);
    }
    if (report->last == 0) {
        return; /* it never came to the first block */
    }
    if (!passed) {
        (void)printf("sound to    height %llu of %llu\n", (unsigned long long)report->height,
                     (unsigned long long)report->last);
    }
    (void)printf("state root  %s after height %llu\n", root, (unsigned long long)report->height);
    (void)printf("time        %llu.%03llu s, %llu transactions/s\n",
                 (unsigned long long)(report->elapsed_ms / 1000),
                 (unsigned long long)(report->elapsed_ms % 1000),
                 (unsigned long long)rate_of(report));
}

static enum exit_code run(struct cli_call *call, struct error *error)
{
    struct screen screen = {0};
    struct audit_config config = {.dir = cli_argument(call, 0), .context = &screen};
    struct audit_report report;
    struct hash chain_id;
    uint64_t threads = 0;
    const char *hex = cli_text(call, "chain-id");
    if (!cli_required(call, "genesis", &config.genesis, error) ||
        !cli_number(call, "threads", (struct cli_range){0, AUDIT_THREADS_MAX}, &threads, error)) {
        return EXIT_CODE_USAGE;
    }
    if (hex != NULL && !hex_decode(hex, chain_id.bytes, HASH_SIZE)) {
        (void)error_set(error, EXIT_CODE_USAGE, "--chain-id: write %d hex digits", 2 * HASH_SIZE);
        return EXIT_CODE_USAGE;
    }
    config.chain_id = hex == NULL ? NULL : &chain_id;
    config.threads = (uint32_t)threads;
    config.progress = isatty(STDERR_FILENO) == 1 ? draw : NULL;
    const bool passed = audit_replay(&config, &report, error);
    clear(&screen);
    if (cli_json(call)) {
        print_json(passed, &report, error);
    } else {
        print_text(passed, &report, error);
    }
    error->detail[0] = '\0'; /* it has just been printed */
    return error->code;
}

const struct cli_command cli_audit_replay = {
    .noun = "audit",
    .verb = "replay",
    .arguments = "DIR",
    .argument_min = 1,
    .argument_max = 1,
    .help = "check an exported history: every signature, transaction and root again",
    .run = run,
    .options = {{"genesis", "FILE", NULL, "the genesis file: the only thing that is believed"},
                {"chain-id", "HEX", NULL, "what the genesis must hash to, if known from elsewhere"},
                {"threads", "N", "0", "threads that verify signatures; 0: one for each core"}}};
