#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "cli/commands.h"
#include "client/file/file.h"
#include "client/model/model.h"
#include "client/plot/plot.h"
#include "crypto/crypto.h"

enum { TEXT_SIZE_MAX = 64 << 20, STEPS_MAX = 10000000, PLOT_SMOOTH = 20 };

#define SPEC_OPTION                                                                                \
    {                                                                                              \
        "spec", "TEXT", "char-gpt layers=2 width=64 heads=4 context=64 batch=16",                  \
            "template and its numbers, see docs/models.md"                                         \
    }
#define THREADS_OPTION                                                                             \
    {                                                                                              \
        "threads", "N", "1", "threads that compute"                                                \
    }

static bool read_spec(const struct cli_call *call, struct compiler_spec *spec, struct error *error)
{
    return compiler_spec_parse(cli_text(call, "spec"), spec, error);
}

static enum exit_code run_compile(struct cli_call *call, struct error *error)
{
    struct compiler_spec spec;
    uint64_t data = 0;
    if (!read_spec(call, &spec, error) ||
        !cli_number(call, "data", (struct cli_range){1, UINT32_MAX}, &data, error)) {
        return error->code;
    }
    struct compiler_model *model = compiler_train(&spec, (uint32_t)data, error);
    if (model == NULL) {
        return error->code;
    }
    struct hash root;
    char text[2 * HASH_SIZE + 1];
    const struct bytes bytes = compiler_bytes(model);
    vm_program_root(compiler_program(model), crypto_hash_port(), &root);
    hex_encode(root.bytes, HASH_SIZE, text);
    const char *out = cli_text(call, "out");
    const bool ok = out == NULL || file_write(out, bytes, error);
    if (ok && cli_json(call)) {
        (void)printf("{\"program_root\":\"%s\",\"bytes\":%zu,\"ops\":%u,\"parameters\":%llu,"
                     "\"macs\":%llu}\n",
                     text, bytes.size, compiler_program(model)->op_count,
                     (unsigned long long)compiler_parameter_count(model),
                     (unsigned long long)compiler_cost(model)->macs);
    } else if (ok) {
        (void)printf("program root  %s\n%zu bytes, %u operators, %llu parameters, "
                     "%.1f million multiply-adds a step\n",
                     text, bytes.size, compiler_program(model)->op_count,
                     (unsigned long long)compiler_parameter_count(model),
                     (double)compiler_cost(model)->macs * 1e-6);
    }
    compiler_free(model);
    return ok ? EXIT_CODE_OK : error->code;
}

static bool show_progress(void *context, const struct model_progress *progress)
{
    const bool *terminal = context;
    const bool last = progress->step == progress->steps;
    if (*terminal || last || progress->step % 50 == 0) {
        const double left =
            progress->seconds / (double)progress->step * (double)(progress->steps - progress->step);
        (void)fprintf(stderr, "%sstep %llu/%llu  loss %.3f  %.0f s, %.0f s left   %s",
                      *terminal ? "\r" : "", (unsigned long long)progress->step,
                      (unsigned long long)progress->steps, (double)progress->loss,
                      progress->seconds, left, *terminal && !last ? "" : "\n");
    }
    return true;
}

static bool draw(const struct cli_call *call, const float *losses, uint64_t steps,
                 struct error *error)
{
    const char *path = cli_text(call, "plot");
    struct plot_point *points = calloc(steps, sizeof(*points));
    if (points == NULL) {
        return error_set(error, EXIT_CODE_FAILURE, "plot: no memory");
    }
    for (uint64_t i = 0; i < steps; i++) {
        points[i] = (struct plot_point){.x = (double)i + 1, .y = (double)losses[i]};
    }
    const struct plot plot = {
        .title = "Training loss",
        .x_label = "step",
        .y_label = "cross entropy (nats)",
        .series = {{.name = "loss", .points = points, .count = steps, .smooth = PLOT_SMOOTH}},
        .series_count = 1};
    if (!cli_json(call) && steps > 1) {
        plot_terminal(&plot, 78, 16, false, stdout);
    }
    const bool ok = path == NULL || plot_svg(&plot, path, error);
    free(points);
    return ok;
}

static bool train(const struct cli_call *call, struct model_train *what, struct error *error)
{
    struct model_trained trained;
    char root[2 * HASH_SIZE + 1];
    what->losses = calloc(what->steps, sizeof(float));
    bool ok = what->losses != NULL && model_train_local(what, &trained, error);
    if (ok) {
        ok = draw(call, what->losses, trained.steps, error);
        hex_encode(trained.state_root.bytes, HASH_SIZE, root);
    }
    if (ok && cli_json(call)) {
        (void)printf("{\"steps\":%llu,\"first_loss\":%.4f,\"last_loss\":%.4f,\"seconds\":%.2f,"
                     "\"state_root\":\"%s\"}\n",
                     (unsigned long long)trained.steps, (double)trained.first_loss,
                     (double)trained.last_loss, trained.seconds, root);
    } else if (ok) {
        (void)printf("loss %.3f -> %.3f in %llu steps, %.1f s\nstate root  %s\n",
                     (double)trained.first_loss, (double)trained.last_loss,
                     (unsigned long long)trained.steps, trained.seconds, root);
    }
    free(what->losses);
    return ok;
}

static enum exit_code run_train(struct cli_call *call, struct error *error)
{
    bool terminal = isatty(STDERR_FILENO) == 1;
    struct model_train what = {.progress = show_progress, .context = &terminal};
    const char *path = NULL;
    uint64_t threads = 0;
    size_t size = 0;
    what.checkpoint = cli_text(call, "out");
    if (!cli_required(call, "local", &path, error) || !read_spec(call, &what.spec, error) ||
        !cli_number(call, "steps", (struct cli_range){1, STEPS_MAX}, &what.steps, error) ||
        !cli_number(call, "threads", (struct cli_range){1, 64}, &threads, error) ||
        !model_isa_find(cli_text(call, "isa"), &what.isa, error)) {
        return error->code;
    }
    what.threads = (uint32_t)threads;
    uint8_t *text = file_read(path, TEXT_SIZE_MAX, &size, error);
    if (text == NULL) {
        return error->code;
    }
    what.data = bytes_of(text, size);
    const bool ok = train(call, &what, error);
    free(text);
    return ok ? EXIT_CODE_OK : error->code;
}

static enum exit_code run_sample(struct cli_call *call, struct error *error)
{
    uint64_t count = 0;
    uint64_t hundredths = 0;
    struct model_sample what = {.prompt = cli_text(call, "prompt"), .threads = 1};
    if (!cli_number(call, "count", (struct cli_range){1, 100000}, &count, error) ||
        !cli_number(call, "temperature", (struct cli_range){0, 1000}, &hundredths, error) ||
        !cli_number(call, "seed", (struct cli_range){0, UINT64_MAX}, &what.seed, error)) {
        return error->code;
    }
    what.count = (uint32_t)count;
    what.temperature = (float)hundredths / 100.0F;
    struct model_checkpoint *checkpoint = model_checkpoint_load(cli_argument(call, 0), error);
    char *out = malloc(count + 1);
    const bool ok =
        checkpoint != NULL && out != NULL && model_sample(checkpoint, &what, out, error);
    if (ok) {
        (void)printf("%s%s\n", what.prompt, out);
    }
    free(out);
    model_checkpoint_free(checkpoint);
    return ok ? EXIT_CODE_OK : error->code;
}

const struct cli_command cli_model_compile = {
    .noun = "model",
    .verb = "compile",
    .help = "compile a training program and print its root and cost",
    .run = run_compile,
    .options = {SPEC_OPTION,
                {"data", "N", NULL, "bytes of the text, or records: part of the program"},
                {"out", "FILE", NULL, "write the program's bytes"}}};
const struct cli_command cli_model_train = {
    .noun = "model",
    .verb = "train",
    .help = "train on this machine alone, in the tensor VM",
    .run = run_train,
    .options = {{"local", "FILE", NULL, "the text or records to train on"},
                SPEC_OPTION,
                {"steps", "N", "200", "how many steps"},
                {"out", "FILE", NULL, "write the whole state as .safetensors"},
                {"plot", "FILE", NULL, "write the loss curve as SVG"},
                {"isa", "NAME", "auto", "plain, fma, avx2, avx512 or auto: the same bits"},
                THREADS_OPTION}};
const struct cli_command cli_model_sample = {
    .noun = "model",
    .verb = "sample",
    .arguments = "CHECKPOINT",
    .argument_min = 1,
    .argument_max = 1,
    .help = "generate text with a checkpoint",
    .text_only = true,
    .run = run_sample,
    .options = {{"prompt", "TEXT", "The ", "text to continue"},
                {"count", "N", "200", "bytes to generate"},
                {"temperature", "PERCENT", "80", "0: always the likeliest byte"},
                {"seed", "N", "1", "the same seed gives the same text"}}};
