#include "client/audit/training.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "client/audit/records.h"
#include "crypto/crypto.h"
#include "state/objects/objects.h"
#include "types/codes.h"
#include "vm/vm.h"
#include "wire/wire.h"

/* Segments run again.  The claimed roots are those of the PROOF_OF_TRAINING whose trace root
 * the state holds for the segment; nothing of a worker's record is believed: its base must
 * hash to the first root, its data to the root that the job names, and its error feedback is
 * computed anew. */

/* The leaves of a trace, from a transaction whose result is OK. */
struct reveal {
    struct hash trace_root;
    uint32_t count;
    struct hash roots[SEGMENT_CHECKPOINT_MAX + 1];
};

struct pick {
    uint32_t round;
    uint32_t rank;
};

/* A worker's error feedback at the start of a round.  No root holds it: it follows from the
 * rounds before, from zeros on. */
struct feedback {
    bool begun;
    uint32_t rank;
    uint32_t round;
    float *ef;
};

struct training {
    const struct audit_training *config;
    struct reveal *reveals;
    uint32_t reveal_count;
    uint32_t reveal_room;
    /* Of the job, once the state is complete. */
    const struct state_view *view;
    struct process process;
    struct job_terms terms;
    struct pick *picks;
    uint32_t steps_all; /* of the chosen segments */
    uint32_t steps_done;
    uint8_t *program_bytes;
    void *program_arena;
    struct vm_program program;
    struct records records;
    struct feedback feedback;
};

struct training *training_create(const struct audit_training *config)
{
    struct training *training = calloc(1, sizeof *training);
    if (training != NULL) {
        training->config = config;
    }
    return training;
}

void training_free(struct training *training)
{
    if (training == NULL) {
        return;
    }
    records_free(&training->records);
    free(training->feedback.ef);
    free(training->reveals);
    free(training->picks);
    free(training->program_bytes);
    free(training->program_arena);
    free(training);
}

/* ---- What the chain holds ------------------------------------------------------------------ */

static bool reveals_reserve(struct training *t)
{
    if (t->reveal_count < t->reveal_room) {
        return true;
    }
    const uint32_t room = t->reveal_room == 0 ? 64 : 2 * t->reveal_room;
    struct reveal *grown = realloc(t->reveals, room * sizeof *grown);
    if (grown == NULL) {
        return false;
    }
    t->reveals = grown;
    t->reveal_room = room;
    return true;
}

bool training_note(struct training *training, struct bytes tx, struct bytes result)
{
    struct tx decoded;
    struct wire_result ended;
    struct body_proof_of_training body;
    if (!wire_decode_result(result, &ended) || ended.code != CODE_OK ||
        !wire_decode_tx(tx, &decoded) || decoded.type != TX_PROOF_OF_TRAINING ||
        !record_decode(&record_body_proof_of_training, decoded.body, &body) ||
        !hash_equal(&body.job, &training->config->job) || body.roots_count == 0) {
        return true;
    }
    if (!reveals_reserve(training)) {
        return false;
    }
    struct reveal *reveal = &training->reveals[training->reveal_count++];
    reveal->count = body.roots_count;
    memcpy(reveal->roots, body.roots, body.roots_count * sizeof body.roots[0]);
    vm_trace_root(body.roots, body.roots_count, crypto_hash_port(), &reveal->trace_root);
    return true;
}

/* The root of a trace does not commit to how many leaves it has, so that is compared, too. */
static const struct reveal *reveal_find(const struct training *t, const struct hash *trace_root,
                                        uint32_t count)
{
    for (uint32_t i = 0; i < t->reveal_count; i++) {
        if (t->reveals[i].count == count && hash_equal(&t->reveals[i].trace_root, trace_root)) {
            return &t->reveals[i];
        }
    }
    return NULL;
}

static bool segment_read(const struct training *t, struct pick at, struct segment *out)
{
    const struct key key = key_segment(&t->config->job, at.round, at.rank);
    return state_read(t->view, &key, &record_segment, out) && out->state >= SEGMENT_REVEALED;
}

static bool member_read(const struct training *t, uint32_t rank, struct member *out)
{
    const struct key key = key_member(&t->config->job, t->process.plan_version, rank);
    return state_read(t->view, &key, &record_member, out);
}

static bool load_job(struct training *t, struct error *error)
{
    const struct key process = key_object(KEY_PROCESS, &t->config->job);
    const struct key terms = key_object(KEY_TERMS, &t->config->job);
    return (state_read(t->view, &process, &record_process, &t->process) &&
            state_read(t->view, &terms, &record_job_terms, &t->terms)) ||
           error_set(error, EXIT_CODE_NOT_FOUND, "training: the history has no such job");
}

/* ---- The choice ------------------------------------------------------------------------------ */

/* splitmix64 (Steele, Lea, Flood, OOPSLA 2014). */
static uint64_t random_next(uint64_t *seed)
{
    *seed += 0x9E3779B97F4A7C15U;
    uint64_t z = *seed;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
}

/* The first of each rank to the front; the order of the rest does not matter. */
static uint32_t one_of_each(struct pick *picks, uint32_t count)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        bool seen = false;
        for (uint32_t k = 0; k < kept; k++) {
            seen = seen || picks[k].rank == picks[i].rank;
        }
        if (!seen) {
            const struct pick swapped = picks[kept];
            picks[kept++] = picks[i];
            picks[i] = swapped;
        }
    }
    return kept;
}

static int pick_compare(const void *a, const void *b)
{
    const struct pick *x = a;
    const struct pick *y = b;
    if (x->rank != y->rank) {
        return x->rank < y->rank ? -1 : 1;
    }
    return x->round < y->round ? -1 : x->round > y->round;
}

/* All revealed segments, shuffled by the seed; the first report->chosen of them are run,
 * worker by worker in the order of the rounds. */
static bool choose(struct training *t, struct audit_training_report *report, struct error *error)
{
    uint64_t seed = report->seed;
    uint32_t count = 0;
    const size_t most = (size_t)t->process.rounds_opened * t->process.member_count;
    t->picks = calloc(most + 1, sizeof *t->picks);
    if (t->picks == NULL) {
        return error_set(error, EXIT_CODE_FAILURE, "training: no memory for the choice");
    }
    for (size_t i = 0; i < most; i++) {
        struct segment segment;
        const struct pick at = {.round = (uint32_t)(i / t->process.member_count),
                                .rank = (uint32_t)(i % t->process.member_count)};
        if (segment_read(t, at, &segment)) {
            t->picks[count++] = at;
        }
    }
    for (uint32_t i = count; i > 1; i--) {
        const uint32_t other = (uint32_t)(random_next(&seed) % i);
        const struct pick swapped = t->picks[i - 1];
        t->picks[i - 1] = t->picks[other];
        t->picks[other] = swapped;
    }
    const uint32_t wanted = t->config->segments;
    report->revealed = count;
    report->chosen = wanted == 0 ? one_of_each(t->picks, count) : wanted < count ? wanted : count;
    for (uint32_t i = 0; i < report->chosen; i++) {
        struct segment segment;
        t->steps_all += segment_read(t, t->picks[i], &segment) ? segment.steps : 0;
    }
    if (report->chosen > 0) {
        qsort(t->picks, report->chosen, sizeof *t->picks, pick_compare);
    }
    return count > 0 ||
           error_set(error, EXIT_CODE_NOT_FOUND, "training: no segment of this job was revealed");
}

/* ---- The program ---------- */

static bool join_parts(struct training *t, const struct program *record)
{
    uint32_t used = 0;
    for (uint32_t i = 0; i < record->part_count; i++) {
        struct bytes part;
        const struct key key = key_part(&record->owner, &t->terms.program_root, i);
        if (!t->view->get(t->view->context, bytes_of(key.bytes, key.size), &part) ||
            part.size > record->size - used) {
            return false;
        }
        memcpy(t->program_bytes + used, part.data, part.size);
        used += (uint32_t)part.size;
    }
    return used == record->size;
}

static bool load_program(struct training *t, struct error *error)
{
    struct program record;
    uint32_t where = 0;
    const struct key key = key_object(KEY_PROGRAM, &t->terms.program_root);
    if (!state_read(t->view, &key, &record_program, &record)) {
        return error_set(error, EXIT_CODE_INCOMPLETE, "the state does not hold the program");
    }
    t->program_bytes = malloc((size_t)record.size + 1);
    if (t->program_bytes == NULL || !join_parts(t, &record)) {
        return error_set(error, EXIT_CODE_INCOMPLETE, "the program's parts are not complete");
    }
    const struct bytes bytes = bytes_of(t->program_bytes, record.size);
    const size_t arena = vm_program_arena_size(bytes);
    t->program_arena = arena == 0 ? NULL : malloc(arena);
    if (t->program_arena == NULL ||
        vm_program_parse(bytes, t->program_arena, &t->program, &where) != VM_OK) {
        return error_set(error, EXIT_CODE_FAILURE, "training: the program cannot be read");
    }
    if (t->program.const_count != 0) {
        return error_set(error, EXIT_CODE_INCOMPLETE,
                         "the program reads constant tensors, whose content no job carries");
    }
    t->feedback.ef = calloc(outer_elements(&t->program) + 1, sizeof(float));
    if (t->feedback.ef == NULL) {
        return error_set(error, EXIT_CODE_FAILURE, "training: no memory for a worker's state");
    }
    return records_open(&t->records, t->config, &t->program, error);
}

/* ---- What is found ---------- */

/* In one line, in the words of `gradus audit replay`, with the chain's numbers: from 0. */
static bool conclude(struct pick at, const struct record_outcome *outcome,
                     struct audit_training_report *report, struct error *error)
{
    char expected[17];
    char actual[17];
    hex_encode(outcome->expected.bytes, 8, expected);
    hex_encode(outcome->actual.bytes, 8, actual);
    const unsigned round = at.round;
    const unsigned sub_segment = outcome->sub_segment;
    report->found = outcome->verdict != RECORD_RIGHT && outcome->verdict != RECORD_WRONG_START;
    report->round = at.round;
    report->rank = at.rank;
    report->sub_segment = outcome->sub_segment;
    report->in_delta = outcome->verdict == RECORD_WRONG_DELTA;
    switch (outcome->verdict) {
    case RECORD_RIGHT:
        report->right++;
        return true;
    case RECORD_WRONG_START:
        return error_set(error, EXIT_CODE_INCOMPLETE,
                         "the record of round %u, worker %u is not the state the chain starts from",
                         round, (unsigned)at.rank);
    case RECORD_WRONG_STEP:
        return error_set(error, EXIT_CODE_VERIFY,
                         "training: round %u, worker %u, sub-segment %u: a wrong step; the chain "
                         "holds state root %s.., the steps lead to %s..",
                         round, (unsigned)at.rank, sub_segment, expected, actual);
    case RECORD_WRONG_DELTA:
        return error_set(error, EXIT_CODE_VERIFY,
                         "training: round %u, worker %u: a wrong delta; the chain holds root %s.., "
                         "its start, its end and the rounds before lead to %s..",
                         round, (unsigned)at.rank, expected, actual);
    case RECORD_WRONG_TRAP:
        return error_set(error, EXIT_CODE_VERIFY,
                         "training: round %u, worker %u, sub-segment %u: a step traps that the "
                         "chain holds as done",
                         round, (unsigned)at.rank, sub_segment);
    }
    UNREACHABLE();
}

/* ---- The error feedback ---------- */

static struct records_at place_of(struct pick at, const struct member *member)
{
    return (struct records_at){.round = at.round, .rank = at.rank, .lease = member->lease_id};
}

static bool is_accepted(const struct segment *segment)
{
    return segment->state == SEGMENT_ACCEPTED || segment->state == SEGMENT_PAID;
}

/* The records are those of this segment: what it started from and what it came to. */
static bool records_fit(const struct training *t, const struct round *round,
                        const struct segment *segment)
{
    struct hash theta;
    struct hash local;
    outer_root(&t->program, t->records.base.theta, crypto_hash_port(), &theta);
    outer_root(&t->program, t->records.segment.theta, crypto_hash_port(), &local);
    return hash_equal(&theta, &round->theta_in) && hash_equal(&local, &segment->params_root);
}

/* Over an accepted segment that is not run: its delta follows from two states whose roots the
 * chain holds, and so does the error feedback that it leaves. */
static bool feedback_step(struct training *t, struct pick at, const struct member *member,
                          struct audit_training_report *report, struct error *error)
{
    struct segment segment;
    struct round round;
    struct record_outcome outcome = {.verdict = RECORD_WRONG_DELTA};
    struct records *records = &t->records;
    const struct records_at place = place_of(at, member);
    const struct key key = key_round(&t->config->job, at.round);
    if (!segment_read(t, at, &segment) || !is_accepted(&segment)) {
        return true; /* it left nothing */
    }
    if (!state_read(t->view, &key, &record_round, &round) ||
        !records_base(records, &place, error) || !records_segment(records, &place, error)) {
        return false;
    }
    if (!records_fit(t, &round, &segment)) {
        outcome.verdict = RECORD_WRONG_START;
        return conclude(at, &outcome, report, error);
    }
    uint8_t *blob = records->segment.delta;
    const struct bytes delta = bytes_of(blob, (size_t)records->shape.delta_size);
    const enum vm_trap trap =
        outer_delta(&t->program, records->base.theta, records->segment.theta, t->feedback.ef, blob);
    outcome.expected = segment.delta_root;
    if (trap == VM_TRAP_NONE &&
        outer_delta_root(&t->program, delta, crypto_hash_port(), &outcome.actual) &&
        hash_equal(&outcome.actual, &outcome.expected)) {
        return true;
    }
    return conclude(at, &outcome, report, error);
}

/* t->feedback to the start of this round: picks come worker by worker in ascending rounds. */
static bool feedback_reach(struct training *t, struct pick at, const struct member *member,
                           struct audit_training_report *report, struct error *error)
{
    struct feedback *feedback = &t->feedback;
    if (!feedback->begun || feedback->rank != at.rank) {
        memset(feedback->ef, 0, (size_t)t->records.shape.elements * sizeof(float));
        feedback->begun = true;
        feedback->rank = at.rank;
        feedback->round = 0;
    }
    for (; feedback->round < at.round; feedback->round++) {
        const struct pick before = {.round = feedback->round, .rank = at.rank};
        if (!feedback_step(t, before, member, report, error)) {
            return false;
        }
    }
    return true;
}

/* ---- Running ---------- */

static bool stepped(void *context, uint32_t step, uint32_t steps)
{
    const struct training *t = context;
    (void)steps;
    if (t->config->progress != NULL) {
        t->config->progress(t->config->context, t->steps_done + step, t->steps_all);
    }
    return true;
}

/* What the chain holds of a segment. */
struct claim {
    struct segment segment;
    struct member member;
    struct round round;
    const struct reveal *reveal;
    uint32_t stride;
};

static bool claim_read(const struct training *t, struct pick at, struct claim *out,
                       struct error *error)
{
    const struct key key = key_round(&t->config->job, at.round);
    if (segment_read(t, at, &out->segment) && member_read(t, at.rank, &out->member) &&
        state_read(t->view, &key, &record_round, &out->round) && t->terms.checkpoints != 0 &&
        t->terms.local_steps >= t->terms.checkpoints) {
        out->stride = t->terms.local_steps / t->terms.checkpoints;
        out->reveal =
            reveal_find(t, &out->segment.trace_root, out->segment.steps / out->stride + 1);
    } else {
        out->reveal = NULL;
    }
    return out->reveal != NULL ||
           error_set(error, EXIT_CODE_INCOMPLETE,
                     "training: the history does not show what round %u, worker %u revealed",
                     (unsigned)at.round, (unsigned)at.rank);
}

static bool run_again(struct training *t, struct pick at, struct audit_training_report *report,
                      struct error *error)
{
    struct claim claim;
    struct record_outcome outcome;
    struct records *records = &t->records;
    if (!claim_read(t, at, &claim, error) || !feedback_reach(t, at, &claim.member, report, error)) {
        return false;
    }
    const struct records_at place = place_of(at, &claim.member);
    if (!records_base(records, &place, error) ||
        !records_data(records, &place, &t->terms.data_root, error)) {
        return false;
    }
    const size_t ef_size = (size_t)records->shape.elements * sizeof(float);
    memcpy(records->base.ef, t->feedback.ef, ef_size);
    const struct record_replay replay = {
        .program = &t->program,
        .data = records->data,
        .threads = t->config->threads,
        .isa = model_isa(),
        .base = &records->base,
        .key =
            id_batch_key(&t->config->job, at.round, &claim.member.worker_key, &claim.round.beacon),
        .first_step = (uint64_t)at.round * t->terms.local_steps,
        .steps = claim.segment.steps,
        .stride = claim.stride,
        .roots = claim.reveal->roots,
        .delta_root = claim.segment.delta_root,
        .ef_after = records->segment.ef,
        .progress = stepped,
        .context = t,
    };
    if (!record_replay(&replay, &outcome, error)) {
        return false;
    }
    if (outcome.verdict == RECORD_RIGHT && is_accepted(&claim.segment)) {
        memcpy(t->feedback.ef, records->segment.ef, ef_size);
    }
    t->feedback.round = at.round + 1;
    t->steps_done += claim.segment.steps;
    return conclude(at, &outcome, report, error);
}

bool training_check(struct training *training, const struct state_view *view,
                    struct audit_training_report *report, struct error *error)
{
    training->view = view;
    bool ok = load_job(training, error) && choose(training, report, error) &&
              load_program(training, error);
    for (uint32_t i = 0; ok && i < report->chosen; i++) {
        ok = run_again(training, training->picks[i], report, error);
    }
    return ok;
}
