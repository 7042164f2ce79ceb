#include "store/inspect/inspect.h"
#include "store/repair/repair.h"
#include "store/sealed/sealed.h"

static bool size(const struct repair_job *job, uint64_t *out, struct error *error)
{
    struct inspect *inspect = NULL;
    if (!inspect_open(job->dir, &job->chain_id, &inspect, error)) {
        return false;
    }
    *out = inspect_disk_bytes(inspect);
    inspect_close(inspect);
    return true;
}

static bool run(const struct repair_job *job, struct store *store,
                const struct sealed_policy *policy, struct repair_prune *out, struct error *error)
{
    struct sealed_step step;
    struct store_status status;
    store_status(store, &status);
    do {
        if (!sealed_step(store, policy, &step, error)) {
            return false;
        }
        out->sealed += step.done == SEALED_WRITTEN ? 1 : 0;
        out->unlinked += step.done == SEALED_UNLINKED ? 1 : 0;
        if (job->progress != NULL && step.done != SEALED_NOTHING) {
            job->progress(job->context, "blocks", step.last, status.decided_height);
        }
    } while (step.done != SEALED_NOTHING && step.done != SEALED_THROWN);
    store_status(store, &status);
    out->oldest_height = status.oldest_height;
    return step.done == SEALED_NOTHING ||
           error_set(error, EXIT_CODE_STORAGE,
                     "%.200s/history: what was written is not what was read back; check the disk",
                     job->dir);
}

bool repair_prune_to(const struct repair_job *job, uint64_t keep, struct repair_prune *out,
                     struct error *error)
{
    const struct sealed_policy policy = {.keep = keep};
    const struct store_options options = {.dir = job->dir, .chain_id = job->chain_id};
    struct store *store = NULL;
    *out = (struct repair_prune){.sealed = 0};
    if (!size(job, &out->sizes.before, error) || !store_open(&options, &store, error)) {
        return false;
    }
    const bool done = run(job, store, &policy, out, error);
    store_close(store);
    return done && size(job, &out->sizes.after, error);
}
