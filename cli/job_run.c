#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "cli/commands.h"
#include "cli/connect.h"
#include "cli/job.h"
#include "cli/stop.h"
#include "client/file/file.h"
#include "client/model/model.h"
#include "client/plot/plot.h"

/* gradus job run: from a text file to a certified checkpoint. */

enum {
    TEXT_SIZE_MAX = 64 << 20,
    ROUNDS_MAX = 1000,
    MEASURE_SECONDS = 2,
    DEADLINE_SECONDS_MAX = QUEUE_WAIT_MS_MAX / 1000 - 60, /* the clocks differ */
    /* Workers, validators and this client may share the cores of one machine. */
    SLOW_FACTOR = 6,
};

struct screen {
    bool terminal;
    char line[160]; /* shown last */
    uint32_t rounds;
    struct job_round seen[ROUNDS_MAX];
};

static uint32_t count_flag(const struct job_status *s, bool revealed)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < s->shown; i++) {
        count += (revealed ? s->members[i].revealed : s->members[i].committed) ? 1 : 0;
    }
    return count;
}

static void show_status(void *context, const struct job_status *s)
{
    struct screen *screen = context;
    char line[sizeof(screen->line)];
    if (s->rounds_opened == 0) {
        (void)snprintf(line, sizeof(line), "height %llu  %s: %u members, %u accepted, %u ready",
                       (unsigned long long)s->height, job_process_state_text(s->process_state),
                       s->member_count, s->accepted, s->ready);
    } else {
        (void)snprintf(line, sizeof(line),
                       "height %llu  round %u/%u %s  committed %u, revealed %u of %u  certified %u",
                       (unsigned long long)s->height, s->rounds_opened, s->rounds,
                       job_phase_text(s->phase), count_flag(s, false), count_flag(s, true),
                       s->member_count, s->rounds_certified);
    }
    if (strcmp(line, screen->line) != 0) {
        (void)snprintf(screen->line, sizeof(screen->line), "%s", line);
        (void)fprintf(stderr, screen->terminal ? "\r%-110s" : "%s\n", line);
    }
}

static void show_round(void *context, const struct job_round *round)
{
    struct screen *screen = context;
    if (screen->rounds < ROUNDS_MAX) {
        screen->seen[screen->rounds++] = *round;
    }
    (void)fprintf(stderr,
                  "%sround %u/%u closed by %u members  loss %.3f -> %.3f  %.1f s  ETA %llu s\n",
                  screen->terminal ? "\r" : "", round->round + 1, round->rounds, round->members,
                  (double)round->loss_first, (double)round->loss_last, (double)round->took_ms / 1e3,
                  (unsigned long long)(round->eta_ms / 1000));
}

/* Two points a round: the mean loss of its first and of its last step. */
static bool draw(const struct cli_call *call, const struct screen *screen, uint32_t steps,
                 struct error *error)
{
    static struct plot_point points[2 * ROUNDS_MAX];
    const char *path = cli_text(call, "plot");
    for (size_t i = 0; i < screen->rounds; i++) {
        const double start = (double)screen->seen[i].round * steps;
        points[2 * i] = (struct plot_point){.x = start, .y = (double)screen->seen[i].loss_first};
        points[2 * i + 1] =
            (struct plot_point){.x = start + steps - 1, .y = (double)screen->seen[i].loss_last};
    }
    const struct plot plot = {
        .title = "Training loss",
        .subtitle = "mean over the members, first and last step of each round",
        .x_label = "step of each worker",
        .y_label = "cross entropy (nats)",
        .series = {{.name = "loss", .points = points, .count = 2 * (size_t)screen->rounds}},
        .series_count = 1};
    if (screen->rounds > 0 && !cli_json(call)) {
        plot_terminal(&plot, 78, 16, false, stdout);
    }
    return screen->rounds == 0 || path == NULL || plot_svg(&plot, path, error);
}

static bool read_terms(const struct cli_call *call, const struct light *light,
                       struct job_terms_wanted *terms, struct error *error)
{
    uint64_t rounds = 0;
    uint64_t checkpoints = 0;
    uint64_t least = 0;
    uint64_t most = 0;
    uint64_t deadline = 0;
    if (!cli_number(call, "rounds", (struct cli_range){1, ROUNDS_MAX}, &rounds, error) ||
        !cli_number(call, "checkpoints", (struct cli_range){1, SEGMENT_CHECKPOINT_MAX},
                    &checkpoints, error) ||
        !cli_number(call, "workers-min", (struct cli_range){1, PLAN_MEMBER_MAX}, &least, error) ||
        !cli_number(call, "workers-max", (struct cli_range){1, PLAN_MEMBER_MAX}, &most, error) ||
        !cli_number(call, "price", (struct cli_range){0, UINT64_MAX / 2}, &terms->price_per_segment,
                    error) ||
        !cli_number(call, "bond", (struct cli_range){0, UINT64_MAX / 2}, &terms->bond_per_segment,
                    error) ||
        !cli_number(call, "deadline", (struct cli_range){0, DEADLINE_SECONDS_MAX}, &deadline,
                    error)) {
        return false;
    }
    terms->rounds = (uint32_t)rounds;
    terms->checkpoints = (uint32_t)checkpoints;
    terms->workers_min = (uint32_t)least;
    terms->workers_max = (uint32_t)most;
    terms->deadline_ms = deadline == 0 ? 0 : light_wall_ms(light) + deadline * 1000;
    terms->eta = 0.7F;
    terms->mu = 0.9F;
    return true;
}

/* Steps a round from the time a step takes here: `seconds` of training in all, when the
 * workers share this machine's cores. */
static bool size_rounds(const struct cli_call *call, const struct job_config *config,
                        struct job_terms_wanted *terms, struct error *error)
{
    uint64_t steps = 0;
    uint64_t seconds = 0;
    struct model_speed speed;
    const struct model_run_config run = {.program = compiler_program(config->model),
                                         .data = config->data.data,
                                         .threads = 1,
                                         .isa = model_isa()};
    if (!cli_number(call, "steps", (struct cli_range){0, 1000000}, &steps, error) ||
        !cli_number(call, "seconds", (struct cli_range){1, 86400}, &seconds, error) ||
        !model_measure(config->model, &run, MEASURE_SECONDS, &speed, error)) {
        return false;
    }
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    const double share = (double)terms->workers_max / (double)(cores < 1 ? 1 : cores);
    const double step_ms = speed.step_ms * (share > 1 ? share : 1);
    if (steps == 0) {
        steps = (uint64_t)((double)seconds * 1e3 / terms->rounds / step_ms);
    }
    const uint64_t unit = terms->checkpoints;
    terms->local_steps = (uint32_t)(steps < unit ? unit : steps / unit * unit);
    terms->round_ms = (uint64_t)(step_ms * terms->local_steps * SLOW_FACTOR) + 1000;
    (void)fprintf(
        stderr,
        "a step takes %.1f ms here; %u rounds of %u steps, %.1f million multiply-adds each, "
        "about %.0f s in all\n",
        speed.step_ms, terms->rounds, terms->local_steps, (double)speed.macs * 1e-6,
        step_ms * terms->local_steps * terms->rounds * 1e-3);
    return true;
}

/* The escrow stays locked while the request waits: say how to get it back. */
static void tell_cancel(const struct cli_call *call, const struct job_config *config)
{
    const struct hash job = job_id(config);
    const char *net = cli_text(call, "net");
    char id[2 * HASH_SIZE + 1];
    hex_encode(job.bytes, HASH_SIZE, id);
    (void)fprintf(stderr,
                  "the request goes on and its escrow stays locked; to end it:\n"
                  "  gradus job cancel %s %s %s%s%s --key %s\n",
                  id, net != NULL ? "--net" : "--genesis",
                  net != NULL ? net : cli_text(call, "genesis"), net != NULL ? "" : " --node ",
                  net != NULL ? "" : cli_text(call, "node"), cli_text(call, "key"));
}

static bool run_model(const struct cli_call *call, struct job_config *config, struct error *error)
{
    static struct screen screen; /* one thread */
    static struct job_status last;
    screen.terminal = isatty(STDERR_FILENO) == 1;
    config->progress = show_status;
    config->round = show_round;
    config->context = &screen;
    if (!read_terms(call, config->light, &config->terms, error) ||
        !size_rounds(call, config, &config->terms, error)) {
        return false;
    }
    const bool ok = job_run(config, &last, error);
    if (screen.terminal) {
        (void)fprintf(stderr, "\n");
    }
    if (!ok && error->code == EXIT_CODE_INTERRUPTED) {
        tell_cancel(call, config);
    }
    if (!draw(call, &screen, config->terms.local_steps, error) || !ok) {
        return false;
    }
    job_print(&last, cli_json(call));
    return true;
}

typedef bool with_model(const struct cli_call *call, struct job_config *config,
                        struct error *error);

static bool run_text(const struct cli_call *call, struct job_config *config, with_model *what,
                     struct error *error)
{
    struct compiler_spec spec;
    size_t size = 0;
    uint8_t *text = file_read(cli_argument(call, 0), TEXT_SIZE_MAX, &size, error);
    if (text == NULL || !compiler_spec_parse(cli_text(call, "spec"), &spec, error)) {
        free(text);
        return false;
    }
    struct compiler_model *model = compiler_train(&spec, (uint32_t)size, error);
    config->data = bytes_of(text, size);
    config->records = size;
    config->model = model;
    config->spec = &spec;
    const bool ok = model != NULL && what(call, config, error);
    config->spec = NULL;
    config->model = NULL;
    config->data = bytes_of(NULL, 0);
    compiler_free(model);
    free(text);
    return ok;
}

static bool fetch_model(const struct cli_call *call, struct job_config *config, struct error *error)
{
    const struct hash job = job_id(config);
    if (!job_fetch(config, &job, error)) {
        return false;
    }
    (void)printf(cli_json(call) ? "{\"checkpoint\":\"%s\"}\n" : "%s: the certified checkpoint\n",
                 config->checkpoint);
    return true;
}

static enum exit_code run_with(struct cli_call *call, with_model *what, struct error *error)
{
    struct connection connection;
    struct job_config config = {.stop = stop_catch()};
    if (!cli_required(call, "name", &config.request_id, error) ||
        !cli_required(call, "out", &config.checkpoint, error) ||
        !connect_open(call, true, &connection, error)) {
        return error->code;
    }
    config.light = connection.light;
    config.key = connection.key;
    const bool ok = run_text(call, &config, what, error);
    connect_close(&connection);
    return ok ? EXIT_CODE_OK : error->code;
}

static enum exit_code run(struct cli_call *call, struct error *error)
{
    return run_with(call, run_model, error);
}

static enum exit_code run_fetch(struct cli_call *call, struct error *error)
{
    return run_with(call, fetch_model, error);
}

#define SPEC_DEFAULT "char-gpt layers=2 width=64 heads=4 context=64 batch=16"
#define REQUEST_OPTIONS                                                                            \
    CONNECT_OPTIONS, {"key", "FILE", NULL, "the consumer's account key"},                          \
        {"name", "TEXT", NULL, "the request's name; the same name goes on where it was"},          \
        {"out", "FILE", NULL, "the checkpoint to write (.safetensors)"},                           \
    {                                                                                              \
        "spec", "TEXT", SPEC_DEFAULT, "template and its numbers, see docs/models.md"               \
    }

const struct cli_command cli_job_fetch = {
    .noun = "job",
    .verb = "fetch",
    .arguments = "TEXT",
    .argument_min = 1,
    .argument_max = 1,
    .help = "fetch the certified checkpoint from a member that still serves it",
    .run = run_fetch,
    .options = {REQUEST_OPTIONS}};
const struct cli_command cli_job_run = {
    .noun = "job",
    .verb = "run",
    .arguments = "TEXT",
    .argument_min = 1,
    .argument_max = 1,
    .help = "have a model trained on a text file and fetch the certified checkpoint",
    .run = run,
    .options = {REQUEST_OPTIONS,
                {"plot", "FILE", NULL, "write the loss curve as SVG"},
                {"rounds", "N", "8", "how often the workers aggregate"},
                {"seconds", "N", "200", "size the rounds for so long a training"},
                {"steps", "N", "0", "steps of a round; 0: by --seconds"},
                {"checkpoints", "N", "4", "sub-segments of a round whose roots are committed"},
                {"workers-min", "N", "2", "fewer, and the job ends"},
                {"workers-max", "N", "3", "at most so many members"},
                {"deadline", "SECONDS", "0", "end it if it has not started by then; 0: a week"},
                {"price", "N", "100000000000", "at most for a segment, base units"},
                {"bond", "N", "1000000000", "locked by a provider for a segment"}}};
