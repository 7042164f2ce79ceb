#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "client/model/model.h"

enum { LAST_LOSSES = 20 };

static double seconds_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static bool checkpoint_write(const struct model_train *train, const struct model_trained *trained,
                             const struct compiler_model *model, struct model_run *run,
                             struct error *error)
{
    const uint32_t count = compiler_program(model)->state_count;
    const void **state = calloc((size_t)count + 1, sizeof(void *));
    if (state == NULL) {
        return error_set(error, EXIT_CODE_FAILURE, "model: out of memory");
    }
    for (uint32_t i = 0; i < count; i++) {
        state[i] = model_run_state(run, i);
    }
    struct model_info info = {
        .spec = train->spec, .round = trained->steps, .state_root = trained->state_root};
    (void)snprintf(info.job, sizeof info.job, "local");
    const bool done = model_checkpoint_save(train->checkpoint, &info, model, state, error);
    free((void *)state);
    return done;
}

/* Losses of the newest steps, for their mean. */
struct recent {
    float losses[LAST_LOSSES];
};

static float recent_mean(const struct recent *recent, uint64_t steps)
{
    const uint64_t count = steps < LAST_LOSSES ? steps : LAST_LOSSES;
    double sum = 0.0;
    for (uint64_t i = 0; i < count; i++) {
        sum += (double)recent->losses[i];
    }
    return count == 0 ? 0.0F : (float)(sum / (double)count);
}

static bool steps_run(const struct model_train *train, struct model_run *run,
                      struct model_trained *out, struct error *error)
{
    const struct hash key = {{0}};
    const double start = seconds_now();
    struct recent recent = {{0}};
    bool going = true;
    while (going && out->steps < train->steps) {
        struct vm_result result;
        if (!model_run_step(run, &key, out->steps, &result)) {
            return error_set(error, EXIT_CODE_FAILURE,
                             "model: step %llu stopped by trap %d; try a lower rate",
                             (unsigned long long)out->steps, (int)result.trap);
        }
        if (out->steps == 0) {
            out->first_loss = result.loss;
        }
        recent.losses[out->steps % LAST_LOSSES] = result.loss;
        if (train->losses != NULL) {
            train->losses[out->steps] = result.loss;
        }
        out->steps++;
        out->seconds = seconds_now() - start;
        going = train->progress == NULL ||
                train->progress(train->context, &(struct model_progress){.step = out->steps,
                                                                         .steps = train->steps,
                                                                         .loss = result.loss,
                                                                         .seconds = out->seconds});
    }
    out->last_loss = recent_mean(&recent, out->steps);
    model_run_root(run, out->steps, &out->state_root);
    return true;
}

bool model_train_local(const struct model_train *train, struct model_trained *out,
                       struct error *error)
{
    *out = (struct model_trained){0};
    const size_t record = (size_t)train->spec.features + 1;
    if (train->data.size > TENSOR_ELEMENTS_MAX || train->data.size % record != 0) {
        return error_set(error, EXIT_CODE_USAGE,
                         "model: %zu bytes of data are too many, or no whole records of %zu bytes",
                         train->data.size, record);
    }
    struct compiler_model *model =
        compiler_train(&train->spec, (uint32_t)(train->data.size / record), error);
    if (model == NULL) {
        return false;
    }
    bool done = false;
    struct model_run *run =
        model_run_new(&(struct model_run_config){.program = compiler_program(model),
                                                 .data = train->data.data,
                                                 .threads = train->threads,
                                                 .isa = train->isa},
                      error);
    if (run != NULL) {
        model_run_reset(run, model);
        done = steps_run(train, run, out, error) &&
               (train->checkpoint == NULL || checkpoint_write(train, out, model, run, error));
    }
    model_run_free(run);
    compiler_free(model);
    return done;
}

static int double_order(const void *left, const void *right)
{
    const double *a = left;
    const double *b = right;
    return *a < *b ? -1 : *a > *b;
}

enum { MEASURED_MAX = 1000 };

bool model_measure(const struct compiler_model *model, const struct model_run_config *config,
                   double seconds, struct model_speed *out, struct error *error)
{
    static const struct hash key = {{0}};
    double times[MEASURED_MAX];
    struct vm_result result;
    struct model_run *run = model_run_new(config, error);
    if (run == NULL) {
        return false;
    }
    *out = (struct model_speed){.macs = compiler_cost(model)->macs,
                                .memory = model_run_memory(config->program, config->threads)};
    model_run_reset(run, model);
    bool stepped = model_run_step(run, &key, 0, &result);
    const double start = seconds_now();
    double last = start;
    while (stepped && out->steps < MEASURED_MAX && (out->steps < 3 || last - start < seconds)) {
        stepped = model_run_step(run, &key, out->steps + 1, &result);
        const double now = seconds_now();
        times[out->steps++] = 1000.0 * (now - last);
        last = now;
    }
    model_run_free(run);
    if (!stepped) {
        return error_set(error, EXIT_CODE_FAILURE, "model: trap %d while measuring",
                         (int)result.trap);
    }
    qsort(times, out->steps, sizeof times[0], double_order);
    out->step_ms = times[out->steps / 2];
    out->best_ms = times[0];
    return true;
}
