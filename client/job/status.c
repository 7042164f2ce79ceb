#include <string.h>

#include "client/job/job.h"
#include "state/objects/objects.h"

/* What the chain shows of a job. */

struct core {
    struct request request;
    struct process process;
    struct job_terms terms;
    struct round round;
    bool has_round;
};

static bool decode(const struct light_values *values, uint32_t index, const struct record *record,
                   void *out)
{
    return values->items[index].present && record_decode(record, values->items[index].value, out);
}

/* The records of the job at one root; round: which. */
static bool read_core(struct light *light, const struct hash *job, uint32_t round,
                      struct core *core, struct error *error)
{
    const struct key keys[] = {
        key_object(KEY_REQUEST, job),
        key_object(KEY_PROCESS, job),
        key_object(KEY_TERMS, job),
        key_round(job, round),
    };
    struct light_values values;
    if (!light_prove(light, keys, sizeof keys / sizeof keys[0], &values, error)) {
        return false;
    }
    const bool present = values.items[0].present;
    const bool ok = decode(&values, 0, &record_request, &core->request) &&
                    decode(&values, 1, &record_process, &core->process) &&
                    decode(&values, 2, &record_job_terms, &core->terms);
    core->has_round = decode(&values, 3, &record_round, &core->round);
    light_values_free(&values);
    if (!present) {
        return error_set(error, EXIT_CODE_NOT_FOUND, "no training request has this id");
    }
    return ok || error_set(error, EXIT_CODE_VERSION,
                           "a job this version cannot read: use a newer gradus");
}

static bool bit(const uint8_t *bitmap, uint32_t rank)
{
    return (bitmap[rank / 8] >> (rank % 8) & 1) != 0;
}

/* Members and their leases, 32 of each in one question. */
static bool read_members(struct light *light, const struct core *core, uint32_t first,
                         struct job_status *out, struct error *error)
{
    enum { HALF = LIGHT_KEY_MAX / 2 };
    struct key keys[LIGHT_KEY_MAX];
    struct light_values values;
    const uint32_t left = out->shown - first;
    const uint32_t count = left < HALF ? left : HALF;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t rank = first + i;
        const struct hash lease =
            id_lease(light_chain_id(light), &out->job, out->plan_version, rank);
        keys[i] = key_member(&out->job, out->plan_version, rank);
        keys[count + i] = key_object(KEY_LEASE, &lease);
    }
    if (!light_prove(light, keys, 2 * count, &values, error)) {
        return false;
    }
    bool ok = true;
    for (uint32_t i = 0; i < count; i++) {
        struct member member;
        struct lease lease;
        const uint32_t rank = first + i;
        ok = ok && decode(&values, i, &record_member, &member) &&
             decode(&values, count + i, &record_lease, &lease);
        if (ok) {
            out->members[rank] = (struct job_member){
                .rank = rank,
                .provider = member.provider,
                .steps = member.steps,
                .lease_state = lease.state,
                .committed = core->has_round && bit(core->round.committed, rank),
                .revealed = core->has_round && bit(core->round.revealed, rank),
                .earned = lease.earned,
                .segments_paid = lease.segments_paid};
        }
    }
    light_values_free(&values);
    return ok || error_set(error, EXIT_CODE_VERSION,
                           "a plan this version cannot read: use a newer gradus");
}

bool job_read_status(struct light *light, const struct hash *job, struct job_status *out,
                     struct error *error)
{
    struct core core = {.has_round = false};
    memset(out, 0, sizeof *out);
    if (!read_core(light, job, 0, &core, error)) {
        return false;
    }
    if (core.process.rounds_opened > 1 &&
        !read_core(light, job, core.process.rounds_opened - 1, &core, error)) {
        return false;
    }
    out->job = *job;
    out->height = light_tip(light)->header.height;
    out->request_state = core.request.state;
    out->request_result = core.request.result;
    out->reason = core.request.reason;
    out->process_state = core.process.state;
    out->plan_version = core.process.plan_version;
    out->member_count = core.process.member_count;
    out->accepted = core.process.accepted;
    out->ready = core.process.ready;
    out->rounds = core.terms.rounds;
    out->rounds_opened = core.process.rounds_opened;
    out->rounds_closed = core.process.rounds_closed;
    out->rounds_certified = core.process.rounds_certified;
    out->phase = core.has_round ? core.round.phase : 0;
    out->commit_deadline_ms = core.has_round ? core.round.commit_deadline_ms : 0;
    out->theta_root = core.process.theta_root;
    out->certified_theta_root = core.process.certified_theta_root;
    out->escrow = core.request.escrow;
    out->spent = core.request.spent;
    out->shown = out->member_count < JOB_MEMBERS_SHOWN ? out->member_count : JOB_MEMBERS_SHOWN;
    for (uint32_t first = 0; first < out->shown; first += LIGHT_KEY_MAX / 2) {
        if (!read_members(light, &core, first, out, error)) {
            return false;
        }
    }
    return true;
}

/* ---- Rounds -------------------------------------------------------------------------------- */

static float float_of(uint32_t bits)
{
    float value = 0.0F;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Sums over the members of one page that are in the result. */
static bool add_losses(struct light *light, const struct key *keys, uint32_t count,
                       struct job_round *out, struct error *error)
{
    struct light_values values;
    if (!light_prove(light, keys, count, &values, error)) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct segment segment;
        if (decode(&values, i, &record_segment, &segment) &&
            (segment.state == SEGMENT_ACCEPTED || segment.state == SEGMENT_PAID)) {
            out->members++;
            out->loss_first += float_of(segment.loss_first);
            out->loss_last += float_of(segment.loss_last);
        }
    }
    light_values_free(&values);
    return true;
}

bool job_read_round(struct light *light, const struct hash *job, uint32_t round,
                    struct job_round *out, struct error *error)
{
    struct core core;
    struct key keys[LIGHT_KEY_MAX];
    memset(out, 0, sizeof *out);
    if (!read_core(light, job, round, &core, error)) {
        return false;
    }
    if (!core.has_round || core.process.rounds_closed <= round) {
        return error_set(error, EXIT_CODE_NOT_FOUND, "round %u is not closed", (unsigned)round);
    }
    out->round = round;
    out->rounds = core.terms.rounds;
    out->took_ms = core.round.closed_ms - core.round.opened_ms;
    for (uint32_t first = 0; first < core.process.member_count; first += LIGHT_KEY_MAX) {
        const uint32_t left = core.process.member_count - first;
        const uint32_t count = left < LIGHT_KEY_MAX ? left : LIGHT_KEY_MAX;
        for (uint32_t i = 0; i < count; i++) {
            keys[i] = key_segment(job, round, first + i);
        }
        if (!add_losses(light, keys, count, out, error)) {
            return false;
        }
    }
    if (out->members > 0) {
        out->loss_first /= (float)out->members;
        out->loss_last /= (float)out->members;
    }
    return true;
}

/* ---- Words --------------------------------------------------------------------------------- */

const char *job_request_state_text(uint8_t state)
{
    switch (state) {
    case REQUEST_NOT_STARTED:
        return "NOT_STARTED";
    case REQUEST_IN_PROGRESS:
        return "IN_PROGRESS";
    case REQUEST_SUSPENDED:
        return "SUSPENDED";
    case REQUEST_CANCELLING:
        return "CANCELLING";
    case REQUEST_CANCELLED:
        return "CANCELLED";
    case REQUEST_FINISHED:
        return "FINISHED";
    default:
        return "UNKNOWN";
    }
}

const char *job_process_state_text(uint8_t state)
{
    switch (state) {
    case PROCESS_NONE:
        return "waits for a plan";
    case PROCESS_PROPOSED:
        return "waits for the providers";
    case PROCESS_AGREED:
        return "workers prepare";
    case PROCESS_RUNNING:
        return "training";
    case PROCESS_DRAINING:
        return "waits for certification";
    case PROCESS_DONE:
        return "done";
    default:
        return "unknown";
    }
}

const char *job_phase_text(uint8_t phase)
{
    switch (phase) {
    case ROUND_WAIT_FINAL:
    case ROUND_WAIT_BEACON:
        return "awaits the beacon";
    case ROUND_COMMIT:
        return "train and commit";
    case ROUND_REVEAL:
        return "reveal";
    case ROUND_RESULT:
        return "aggregate";
    case ROUND_CLOSED:
        return "closed";
    case ROUND_CERTIFIED:
        return "certified";
    case ROUND_FAILED:
        return "failed";
    default:
        return "unknown";
    }
}
