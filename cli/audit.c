#include "client/audit/audit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "base/hex.h"
#include "cli/commands.h"
#include "state/state.h"

enum { BAR_WIDTH = 30, DRAW_EVERY_MS = 100, RECORD_FOLDERS_MAX = 64, RECORDS_SIZE_MAX = 8192 };

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

static void draw_training(void *context, uint32_t step, uint32_t steps)
{
    struct screen *screen = context;
    screen->drawn = true;
    (void)fprintf(stderr, "\rtraining again: step %u of %u%*s", (unsigned)step, (unsigned)steps, 40,
                  "");
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
    (void)json_object_set_new(json, "height", json_integer((json_int_t)fault->height));
    if (fault->in_block) {
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

static json_t *training_json(const struct audit_training_report *report)
{
    if (report->chosen == 0) {
        return json_null();
    }
    char seed[24];
    (void)snprintf(seed, sizeof(seed), "%llu", (unsigned long long)report->seed);
    json_t *json =
        json_pack("{s:I,s:I,s:I,s:s}", "revealed", (json_int_t)report->revealed, "chosen",
                  (json_int_t)report->chosen, "right", (json_int_t)report->right, "seed", seed);
    if (report->found) {
        (void)json_object_set_new(json, "wrong_round", json_integer(report->round));
        (void)json_object_set_new(json, "wrong_worker", json_integer(report->rank));
        (void)json_object_set_new(json, "wrong_sub_segment",
                                  report->in_delta ? json_null()
                                                   : json_integer(report->sub_segment));
    }
    return json;
}

/* Records that are missing leave the history as right as it is. */
static const char *verdict(const struct audit_report *report, const struct error *error)
{
    return report->passed && error->code != EXIT_CODE_VERIFY ? "pass" : "FAIL";
}

static uint64_t rate_of(const struct audit_report *report)
{
    return report->elapsed_ms == 0 ? 0 : report->txs * 1000 / report->elapsed_ms;
}

static void print_json(bool passed, const struct audit_report *report, const struct error *error)
{
    json_t *json = json_pack(
        "{s:s,s:i,s:o,s:I,s:I,s:o,s:o,s:I,s:I,s:I,s:o,s:o,s:o}", "audit", verdict(report, error),
        "exit_code", (int)error->code, "chain_id", hash_json(&report->chain_id), "last",
        (json_int_t)report->last, "height", (json_int_t)report->height, "block_id",
        hash_json(&report->block_id), "state_root", hash_json(&report->state_root), "transactions",
        (json_int_t)report->txs, "elapsed_ms", (json_int_t)report->elapsed_ms, "rate",
        (json_int_t)rate_of(report), "fault", fault_json(&report->fault), "training",
        training_json(&report->training), "error",
        passed ? json_null() : json_string(error->detail));
    (void)json_dumpf(json, stdout, JSON_COMPACT);
    (void)printf("\n");
    json_decref(json);
}

static void print_training(const struct cli_call *call, bool passed,
                           const struct audit_training_report *report, const struct error *error)
{
    if (passed) {
        (void)printf("training: pass  %u segments of job %s re-executed (of %u, seed %llu), all "
                     "right\n",
                     (unsigned)report->chosen, cli_text(call, "training"),
                     (unsigned)report->revealed, (unsigned long long)report->seed);
    } else if (error->code == EXIT_CODE_VERIFY) {
        (void)printf("training: FAIL  %u of %u segments were right (of %u, seed %llu)\n",
                     (unsigned)report->right, (unsigned)report->chosen, (unsigned)report->revealed,
                     (unsigned long long)report->seed);
    } else if (error->code == EXIT_CODE_INCOMPLETE) {
        (void)printf("training: INCOMPLETE  %u of %u segments re-executed (of %u, seed %llu): %s\n",
                     (unsigned)report->right, (unsigned)report->chosen, (unsigned)report->revealed,
                     (unsigned long long)report->seed, error->detail);
    } else {
        (void)printf("training: not checked: %s\n", error->detail);
    }
}

static void print_text(const struct audit_report *report, const struct error *error)
{
    char root[2 * HASH_SIZE + 1];
    char chain[2 * HASH_SIZE + 1];
    char block[2 * HASH_SIZE + 1];
    hex_encode(report->state_root.bytes, HASH_SIZE, root);
    hex_encode(report->chain_id.bytes, HASH_SIZE, chain);
    hex_encode(report->block_id.bytes, HASH_SIZE, block);
    if (verdict(report, error)[0] == 'p') {
        (void)printf(
            "audit: pass  heights 1 to %llu, %llu transactions, every signature and root\n",
            (unsigned long long)report->height, (unsigned long long)report->txs);
    } else {
        (void)printf("audit: FAIL  %s\n", error->detail);
    }
    if (report->last == 0) {
        return; /* it never came to the first block */
    }
    if (!report->passed) {
        (void)printf("sound to    height %llu of %llu\n", (unsigned long long)report->height,
                     (unsigned long long)report->last);
    }
    (void)printf("chain id    %s\n", chain);
    (void)printf("last block  height %llu, %s\n", (unsigned long long)report->height, block);
    (void)printf("state root  %s after height %llu\n", root, (unsigned long long)report->height);
    (void)printf("time        %llu.%03llu s, %llu transactions/s\n",
                 (unsigned long long)(report->elapsed_ms / 1000),
                 (unsigned long long)(report->elapsed_ms % 1000),
                 (unsigned long long)rate_of(report));
}

/* --training and what belongs to it. */
struct training_options {
    struct audit_training training;
    const char *folders[RECORD_FOLDERS_MAX];
    char text[RECORDS_SIZE_MAX]; /* --records, cut at its commas */
};

static bool split_records(struct training_options *options, const char *records,
                          struct error *error)
{
    if (strlen(records) >= sizeof(options->text)) {
        return error_set(error, EXIT_CODE_USAGE, "--records: too long");
    }
    memcpy(options->text, records, strlen(records) + 1);
    for (char *at = options->text; at != NULL;) {
        char *comma = strchr(at, ',');
        if (options->training.record_count == RECORD_FOLDERS_MAX) {
            return error_set(error, EXIT_CODE_USAGE, "--records: at most %d folders",
                             RECORD_FOLDERS_MAX);
        }
        options->folders[options->training.record_count++] = at;
        if (comma != NULL) {
            *comma++ = '\0';
        }
        at = comma;
    }
    options->training.records = options->folders;
    return true;
}

static bool read_training(const struct cli_call *call, struct training_options *options,
                          struct error *error)
{
    uint64_t segments = 0;
    const char *records = NULL;
    struct audit_training *training = &options->training;
    if (!hex_decode(cli_text(call, "training"), training->job.bytes, HASH_SIZE)) {
        return error_set(error, EXIT_CODE_USAGE, "--training: write the job's %d hex digits",
                         2 * HASH_SIZE);
    }
    if (!cli_required(call, "records", &records, error) ||
        !cli_number(call, "segments", (struct cli_range){0, UINT32_MAX}, &segments, error) ||
        (cli_text(call, "seed") != NULL &&
         !cli_number(call, "seed", (struct cli_range){0, UINT64_MAX}, &training->seed, error))) {
        return false;
    }
    training->seed_of_last = cli_text(call, "seed") == NULL;
    training->segments = (uint32_t)segments;
    training->threads = 1;
    training->progress = isatty(STDERR_FILENO) == 1 ? draw_training : NULL;
    return split_records(options, records, error);
}

static enum exit_code run(struct cli_call *call, struct error *error)
{
    struct screen screen = {0};
    struct audit_config config = {.dir = cli_argument(call, 0), .context = &screen};
    struct training_options options = {.training = {.context = &screen}};
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
    if (cli_text(call, "training") != NULL) {
        if (!read_training(call, &options, error)) {
            return EXIT_CODE_USAGE;
        }
        config.training = &options.training;
    }
    config.chain_id = hex == NULL ? NULL : &chain_id;
    config.threads = (uint32_t)threads;
    config.progress = isatty(STDERR_FILENO) == 1 ? draw : NULL;
    const bool passed = audit_replay(&config, &report, error);
    clear(&screen);
    if (cli_json(call)) {
        print_json(passed, &report, error);
    } else {
        print_text(&report, error);
        if (config.training != NULL && report.passed) {
            print_training(call, passed, &report.training, error);
        }
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
    .options = {
        {"genesis", "FILE", NULL, "the genesis file: the only thing that is believed"},
        {"chain-id", "HEX", NULL, "what the genesis must hash to, if known from elsewhere"},
        {"threads", "N", "0", "threads that verify signatures; 0: one for each core"},
        {"training", "JOB", NULL, "then run segments of this job again, step by step"},
        {"records", "DIR,...", NULL, "journals of its workers, run with --record"},
        {"segments", "K", "0", "how many, chosen by the seed; 0: one of each worker"},
        {"seed", "N", NULL,
         "of that choice, made after the history is fixed; else from its last block's id"}}};
