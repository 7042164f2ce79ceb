#include "client/job/job.h"

#include "base/log.h"
#include "client/job/post.h"
#include "types/codes.h"

/* Following a job to its end. */

enum { LOOK_MS = 500, PATIENCE_MS = 120000 };

static bool is_stopped(const struct job_config *config)
{
    return config->stop != NULL && *config->stop != 0;
}

/* Closed rounds that were not told yet, in order. */
static bool tell_rounds(struct job_work *work, const struct job_status *status, struct error *error)
{
    const struct job_config *config = work->config;
    while (work->rounds_told < status->rounds_closed) {
        struct job_round round;
        if (!job_read_round(work->light, &work->job, work->rounds_told, &round, error)) {
            return false;
        }
        work->rounds_told++;
        work->rounds_ms += round.took_ms;
        round.eta_ms = work->rounds_ms / work->rounds_told * (round.rounds - work->rounds_told);
        if (config->round != NULL) {
            config->round(config->context, &round);
        }
    }
    return true;
}

static bool is_over(const struct job_status *status)
{
    return status->request_state == REQUEST_FINISHED || status->request_state == REQUEST_CANCELLED;
}

/* The last parameters are fetched as soon as the last round has closed: the members serve
 * them for a while only, and certification comes later. */
static void fetch_early(struct job_work *work, const struct job_status *status)
{
    struct error error;
    if (status->process_state >= PROCESS_DRAINING && status->rounds_closed > 0 &&
        !serve_fetch(work, &status->theta_root, &error)) {
        log_line(LOG_INFO, "job", "the last parameters are not to be had yet: %s", error.detail);
    }
}

static bool look(struct job_work *work, struct job_status *status, struct error *error)
{
    if (!job_read_status(work->light, &work->job, status, error) ||
        !serve_dial(work, status, error) || !tell_rounds(work, status, error)) {
        return false;
    }
    fetch_early(work, status);
    if (work->config->progress != NULL) {
        work->config->progress(work->config->context, status);
    }
    return true;
}

/* Silence and lag are waited out; everything else ends it. */
static bool follow(struct job_work *work, struct job_status *status, struct error *error)
{
    uint64_t seen = light_now_ms(work->light);
    error->code = EXIT_CODE_OK;
    while (!is_stopped(work->config)) {
        const bool looked = look(work, status, error);
        if (looked && is_over(status)) {
            return true;
        }
        seen = looked ? light_now_ms(work->light) : seen;
        const bool passing =
            error->code == EXIT_CODE_UNREACHABLE || error->code == EXIT_CODE_NOT_FOUND;
        if (!looked && (!passing || light_now_ms(work->light) - seen > PATIENCE_MS)) {
            return false;
        }
        light_wait(work->light, LOOK_MS);
    }
    return error_set(error, EXIT_CODE_INTERRUPTED,
                     "job: interrupted; the same command goes on from here");
}

static bool fetch_certified(struct job_work *work, const struct job_status *status,
                            struct error *error)
{
    const uint64_t until = light_now_ms(work->light) + PATIENCE_MS / 4;
    while (!serve_fetch(work, &status->certified_theta_root, error)) {
        if (light_now_ms(work->light) >= until || is_stopped(work->config)) {
            return false;
        }
        light_wait(work->light, LOOK_MS);
    }
    return serve_save(work, status, error);
}

static bool finish(struct job_work *work, const struct job_status *status, struct error *error)
{
    if (status->rounds_certified == 0) {
        const char *name = code_name(status->reason);
        return error_set(error, EXIT_CODE_REJECTED, "the request has ended without a round: %s: %s",
                         name == NULL ? "?" : name, code_text(status->reason));
    }
    if (!fetch_certified(work, status, error)) {
        return false;
    }
    if (status->request_result != RESULT_SUCCESS) {
        return error_set(error, EXIT_CODE_INCOMPLETE,
                         "only %u of %u rounds were certified (%s); their checkpoint is written",
                         (unsigned)status->rounds_certified, (unsigned)status->rounds,
                         code_text(status->reason));
    }
    return true;
}

bool job_run(const struct job_config *config, struct job_status *last, struct error *error)
{
    struct job_work work;
    const bool ok = post_init(&work, config, error) && post_all(&work, error) &&
                    serve_open(&work, error) && follow(&work, last, error) &&
                    finish(&work, last, error);
    post_free(&work);
    return ok;
}

bool job_fetch(const struct job_config *config, const struct hash *job, struct error *error)
{
    struct job_work work;
    struct job_status status;
    bool ok = post_init(&work, config, error);
    work.job = *job;
    ok = ok && job_read_status(config->light, job, &status, error) && serve_open(&work, error);
    if (ok && status.rounds_certified == 0) {
        ok = error_set(error, EXIT_CODE_NOT_FOUND, "no round of this job is certified yet");
    }
    ok = ok && serve_dial(&work, &status, error) && fetch_certified(&work, &status, error);
    post_free(&work);
    return ok;
}
