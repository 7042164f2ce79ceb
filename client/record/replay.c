#include <stdlib.h>
#include <string.h>

#include "client/record/record.h"
#include "crypto/crypto.h"

/* A segment run again from its recorded start. */

static bool compare(const struct hash *claimed, const struct hash *actual, uint32_t sub_segment,
                    struct record_outcome *out)
{
    if (hash_equal(claimed, actual)) {
        return true;
    }
    out->sub_segment = sub_segment;
    out->expected = *claimed;
    out->actual = *actual;
    return false;
}

static void load(struct model_run *run, const struct record_base *base)
{
    model_run_write(run, VM_PARAMS, base->theta);
    model_run_write(run, VM_INNER, base->inner);
    model_run_write(run, VM_COUNTERS, base->counters);
}

/* The root at the end of a sub-segment. */
static bool check_end(const struct record_replay *replay, struct model_run *run,
                      uint32_t sub_segment, struct record_outcome *out)
{
    struct hash root;
    const uint64_t step = (uint64_t)replay->stride * (sub_segment + 1);
    model_run_root(run, replay->first_step + step, &root);
    if (compare(&replay->roots[sub_segment + 1], &root, sub_segment, out)) {
        return true;
    }
    out->verdict = RECORD_WRONG_STEP;
    return false;
}

/* Every step, every root; the verdict stays RIGHT while all agree. */
static bool run_steps(const struct record_replay *replay, struct model_run *run,
                      struct record_outcome *out, struct error *error)
{
    struct hash root;
    struct vm_result result;
    load(run, replay->base);
    model_run_root(run, replay->first_step, &root);
    if (!compare(&replay->roots[0], &root, 0, out)) {
        out->verdict = RECORD_WRONG_START;
        return true;
    }
    for (uint32_t step = 1; step <= replay->steps; step++) {
        const uint32_t sub_segment = (step - 1) / replay->stride;
        if (!model_run_step(run, &replay->key, replay->first_step + step - 1, &result)) {
            out->verdict = RECORD_WRONG_TRAP;
            out->sub_segment = sub_segment;
            return true;
        }
        if (step % replay->stride == 0 && !check_end(replay, run, sub_segment, out)) {
            return true;
        }
        if (replay->progress != NULL && !replay->progress(replay->context, step, replay->steps)) {
            return error_set(error, EXIT_CODE_INTERRUPTED, "interrupted");
        }
    }
    return true;
}

static bool check_delta(const struct record_replay *replay, struct model_run *run,
                        struct record_outcome *out, struct error *error)
{
    const struct record_shape shape = record_shape_of(replay->program);
    struct record_segment own;
    bool ok = record_segment_alloc(&shape, &own);
    if (ok) {
        model_run_read(run, VM_PARAMS, own.theta);
        memcpy(own.ef, replay->base->ef, (size_t)shape.elements * sizeof(float));
        const enum vm_trap trap =
            outer_delta(replay->program, replay->base->theta, own.theta, own.ef, own.delta);
        const struct bytes delta = bytes_of(own.delta, (size_t)shape.delta_size);
        if (trap != VM_TRAP_NONE ||
            !outer_delta_root(replay->program, delta, crypto_hash_port(), &own.delta_root) ||
            !compare(&replay->delta_root, &own.delta_root, 0, out)) {
            out->verdict = RECORD_WRONG_DELTA;
        } else if (replay->ef_after != NULL) {
            memcpy(replay->ef_after, own.ef, (size_t)shape.elements * sizeof(float));
        }
    } else {
        (void)error_set(error, EXIT_CODE_FAILURE, "record: no memory for a delta");
    }
    record_segment_free(&own);
    return ok;
}

bool record_replay(const struct record_replay *replay, struct record_outcome *out,
                   struct error *error)
{
    *out = (struct record_outcome){.verdict = RECORD_RIGHT};
    const struct model_run_config config = {.program = replay->program,
                                            .data = replay->data,
                                            .threads = replay->threads,
                                            .isa = replay->isa};
    struct model_run *run = model_run_new(&config, error);
    if (run == NULL) {
        return false;
    }
    bool ok = run_steps(replay, run, out, error);
    if (ok && out->verdict == RECORD_RIGHT) {
        ok = check_delta(replay, run, out, error);
    }
    model_run_free(run);
    return ok;
}
