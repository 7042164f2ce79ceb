#include "client/audit/training.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "client/file/file.h"
#include "client/record/record.h"
#include "crypto/crypto.h"
#include "state/objects/objects.h"
#include "vm/vm.h"
#include "wire/wire.h"

/* Segments run again.  The claimed roots are those of the PROOF_OF_TRAINING whose trace root
 * the state holds for the segment; nothing of a worker's record is believed: its base must
 * hash to the first root, its data to the root that the job names. */

enum { PATH_SIZE = 512 };

/* The leaves of a trace, from a transaction that may have failed. */
struct reveal {
    struct hash trace_root;
    uint32_t count;
    struct hash roots[SEGMENT_CHECKPOINT_MAX + 1];
};

struct pick {
    uint32_t round;
    uint32_t rank;
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
    uint8_t *data;
    struct record_shape shape;
    struct record_base base;
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
    record_base_free(&training->base);
    free(training->reveals);
    free(training->picks);
    free(training->program_bytes);
    free(training->program_arena);
    free(training->data);
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

bool training_note(struct training *training, struct bytes tx)
{
    struct tx decoded;
    struct body_proof_of_training body;
    if (!wire_decode_tx(tx, &decoded) || decoded.type != TX_PROOF_OF_TRAINING ||
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

static const struct reveal *reveal_find(const struct training *t, const struct hash *trace_root)
{
    for (uint32_t i = 0; i < t->reveal_count; i++) {
        if (hash_equal(&t->reveals[i].trace_root, trace_root)) {
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

/* All revealed segments, shuffled by the seed; the first report->chosen of them are run. */
static bool choose(struct training *t, struct audit_training_report *report, struct error *error)
{
    uint64_t seed = t->config->seed;
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
    return count > 0 ||
           error_set(error, EXIT_CODE_NOT_FOUND, "training: no segment of this job was revealed");
}

/* ---- Program, data, base ---------- */

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
    t->shape = record_shape_of(&t->program);
    return record_base_alloc(&t->shape, &t->base) ||
           error_set(error, EXIT_CODE_FAILURE, "training: no memory for a worker's state");
}

static const struct vm_tensor *data_tensor(const struct vm_program *program)
{
    for (uint32_t i = 0; i < program->tensor_count; i++) {
        if (program->tensors[i].kind == VM_DATA) {
            return &program->tensors[i];
        }
    }
    return NULL;
}

/* DIR/LEASE/NAME */
static void path_of(const struct hash *lease, const char *dir, const char *name,
                    char out[PATH_SIZE])
{
    char id[17];
    hex_encode(lease->bytes, 8, id);
    (void)snprintf(out, PATH_SIZE, "%s/%s/%s", dir, id, name);
}

/* NULL unless the file is the data set that the job names. */
static uint8_t *read_data(const struct training *t, const struct vm_tensor *tensor,
                          const char *path)
{
    const size_t size = (size_t)vm_tensor_bytes(tensor);
    size_t got = 0;
    struct hash root;
    struct error ignored;
    uint8_t *data = file_read(path, size, &got, &ignored);
    if (data == NULL || got != size) {
        free(data);
        return NULL;
    }
    vm_tensor_root(tensor, data, crypto_hash_port(), &root);
    if (!hash_equal(&root, &t->terms.data_root)) {
        free(data);
        return NULL;
    }
    return data;
}

/* From the first worker that kept it whole. */
static bool load_data(struct training *t, const struct hash *lease, struct error *error)
{
    const struct vm_tensor *tensor = data_tensor(&t->program);
    if (tensor == NULL) {
        return true;
    }
    for (uint32_t i = 0; t->data == NULL && i < t->config->record_count; i++) {
        char path[PATH_SIZE];
        path_of(lease, t->config->records[i], "data", path);
        t->data = read_data(t, tensor, path);
    }
    return t->data != NULL ||
           error_set(error, EXIT_CODE_INCOMPLETE,
                     "the data set that the job names is not beside the worker's record");
}

static bool load_base(struct training *t, struct pick at, const struct hash *lease,
                      struct error *error)
{
    char name[32];
    (void)snprintf(name, sizeof name, "base-%u", (unsigned)at.round);
    (void)error_set(error, EXIT_CODE_NOT_FOUND, "no such file");
    for (uint32_t i = 0; i < t->config->record_count; i++) {
        char path[PATH_SIZE];
        path_of(lease, t->config->records[i], name, path);
        if (record_read_base(path, &t->shape, &t->base, error) && t->base.round == at.round) {
            error->code = EXIT_CODE_OK;
            return true;
        }
        if (error->code != EXIT_CODE_NOT_FOUND) {
            break; /* damaged */
        }
    }
    const bool missing = error->code == EXIT_CODE_NOT_FOUND;
    char id[17];
    hex_encode(lease->bytes, 8, id);
    return error_set(error, EXIT_CODE_INCOMPLETE, "%s/%s of round %u, worker %u is %s", id, name,
                     (unsigned)at.round + 1, (unsigned)at.rank, missing ? "missing" : "damaged");
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

/* In one line, in the words of `gradus audit replay`; rounds and sub-segments from 1. */
static bool conclude(struct pick at, const struct record_outcome *outcome,
                     struct audit_training_report *report, struct error *error)
{
    char expected[17];
    char actual[17];
    hex_encode(outcome->expected.bytes, 8, expected);
    hex_encode(outcome->actual.bytes, 8, actual);
    const unsigned round = at.round + 1;
    const unsigned sub_segment = outcome->sub_segment + 1;
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
                         "training: round %u, worker %u: every step is right, but the delta has "
                         "root %s.. and the chain holds %s..",
                         round, (unsigned)at.rank, actual, expected);
    case RECORD_WRONG_TRAP:
        return error_set(error, EXIT_CODE_VERIFY,
                         "training: round %u, worker %u, sub-segment %u: a step traps that the "
                         "chain holds as done",
                         round, (unsigned)at.rank, sub_segment);
    }
    UNREACHABLE();
}

static bool run_again(struct training *t, struct pick at, struct audit_training_report *report,
                      struct error *error)
{
    struct segment segment;
    struct member member;
    struct round round;
    struct record_outcome outcome;
    const struct key key = key_round(&t->config->job, at.round);
    const bool known = segment_read(t, at, &segment) && member_read(t, at.rank, &member) &&
                       state_read(t->view, &key, &record_round, &round);
    const struct reveal *reveal = known ? reveal_find(t, &segment.trace_root) : NULL;
    const uint32_t stride = t->terms.local_steps / t->terms.checkpoints;
    ASSERT(reveal != NULL && reveal->count == segment.steps / stride + 1); /* the replay passed */
    if (!load_base(t, at, &member.lease_id, error) || !load_data(t, &member.lease_id, error)) {
        return false;
    }
    const struct record_replay replay = {
        .program = &t->program,
        .data = t->data,
        .threads = t->config->threads,
        .isa = model_isa(),
        .base = &t->base,
        .key = id_batch_key(&t->config->job, at.round, &member.worker_key, &round.beacon),
        .first_step = (uint64_t)at.round * t->terms.local_steps,
        .steps = segment.steps,
        .stride = stride,
        .roots = reveal->roots,
        .delta_root = segment.delta_root,
        .progress = stepped,
        .context = t,
    };
    if (!record_replay(&replay, &outcome, error)) {
        return false;
    }
    t->steps_done += segment.steps;
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
