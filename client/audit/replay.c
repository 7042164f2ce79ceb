#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/endian.h"
#include "client/audit/chain.h"
#include "client/audit/replica.h"
#include "client/audit/training.h"
#include "crypto/crypto.h"
#include "state/state.h"
#include "types/codes.h"

/* The replay: blocks go through the header chain into the ring of checks ahead, and from
 * its other end into the state machine.  What is wrong at the front is reported only once
 * every block before it was executed, so that the first bad height is the one named. */

struct replay {
    const struct audit_config *config;
    struct audit_report *report;
    struct error *error;
    uint64_t started_ms;

    struct genesis *genesis;
    struct history_reader *reader;
    struct chain_walk walk;
    struct ahead *ahead;

    /* The front: how reading ended. */
    bool ended;
    struct audit_fault fault; /* found: something is wrong there */
    struct error ended_error; /* else, unless OK: why no more can be read */

    /* The back: the state after the last block that was executed. */
    struct replica *replica;
    void *machine_memory;
    struct state_machine *machine;
    struct hash results_root;
    struct validator_set next_set; /* of the epoch that begins */
    struct bytes *txs;             /* BLOCK_TX_MAX */
    const struct ahead_block *executing;
    uint32_t next_verdict;
    struct training *training; /* NULL: none is asked for */
};

static uint64_t clock_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- The front --------------------------------------------------------------------- */

static void end_with_error(struct replay *r, enum exit_code code, const char *what)
{
    r->ended = true;
    (void)error_set(&r->ended_error, code, "audit: %s", what);
}

static void end_with_damage(struct replay *r)
{
    const struct history_fault *found = history_fault(r->reader);
    r->ended = true;
    if (found->in_block) {
        (void)fault_text(&r->fault, found->height, "bytes", "what their digest says",
                         "damaged bytes");
    } else {
        r->fault = (struct audit_fault){.found = true, .height = found->height};
    }
    memcpy(r->fault.file, found->file, sizeof(r->fault.file));
    r->fault.offset = found->offset;
    r->fault.size = found->size;
}

/* The keys of senders that the state knows by now; the state machine judges the others. */
static void find_keys(const struct replay *r, struct ahead_block *b)
{
    const struct state_view view = replica_view(r->replica);
    for (uint32_t i = 0; i < b->block.txs.count; i++) {
        struct ahead_tx *t = &b->txs[i];
        struct account account;
        struct tx tx;
        if (wire_decode_tx(t->raw, &tx)) {
            const struct key key = key_account(&tx.sender);
            t->has_key = state_read(&view, &key, &record_account, &account);
            t->key = account.public_key;
        }
    }
}

static void take_block(struct replay *r, struct ahead_block *slot, const struct history_item *item)
{
    switch (ahead_fill(slot, item->bytes)) {
    case AHEAD_NO_MEMORY:
        end_with_error(r, EXIT_CODE_FAILURE, "no memory for a block");
        return;
    case AHEAD_MALFORMED:
        (void)fault_text(&r->fault, item->height, "bytes", "a canonical block", "other bytes");
        r->ended = true;
        return;
    case AHEAD_FILLED:
        break;
    }
    switch (chain_walk_take(&r->walk, slot, &r->fault)) {
    case CHAIN_NO_MEMORY:
        end_with_error(r, EXIT_CODE_FAILURE, "no memory for the ids of all blocks");
        return;
    case CHAIN_REFUSED:
        r->ended = true;
        return;
    case CHAIN_TAKEN:
        break;
    }
    find_keys(r, slot);
    ahead_push(r->ahead);
}

/* What makes blocks final was judged: right, or wrong at this place. */
static void take_ending(struct replay *r, const struct history_item *item, bool right)
{
    if (!right) {
        r->ended = true;
        memcpy(r->fault.file, history_fault(r->reader)->file, sizeof(r->fault.file));
        r->fault.offset = item->offset;
        r->fault.size = item->bytes.size;
    }
}

/* One record of the history into the ring; false when it is full or reading has ended, or when
 * the state must say first who is in the next epoch's set. */
static bool read_one(struct replay *r)
{
    struct history_item item;
    struct ahead_block *slot = r->ended || r->walk.closed ? NULL : ahead_slot(r->ahead);
    if (slot == NULL) {
        return false;
    }
    switch (history_next(r->reader, &item, &r->ended_error)) {
    case HISTORY_BLOCK:
        take_block(r, slot, &item);
        return true;
    case HISTORY_FINALITY:
        take_ending(r, &item, chain_walk_end(&r->walk, item.bytes, &r->fault));
        return true;
    case HISTORY_SEAL:
        take_ending(r, &item, chain_walk_seal(&r->walk, item.bytes, &r->fault));
        return true;
    case HISTORY_DAMAGED:
        r->ended_error.code = EXIT_CODE_OK;
        end_with_damage(r);
        return true;
    case HISTORY_END:
        r->ended_error.code = EXIT_CODE_OK;
        r->ended = true;
        return true;
    case HISTORY_FAILED:
        r->ended = true;
        return true;
    }
    UNREACHABLE();
}

/* ---- The back ---------------------------------------------------------------------- */

/* The state machine asks for its transactions in order, so the next answer is nearly always
 * the right one; a transaction without a verdict is verified by the machine itself. */
static bool known_good(void *context, const struct hash *digest)
{
    struct replay *r = context;
    const uint32_t count = r->executing->block.txs.count;
    for (uint32_t i = r->next_verdict; i < count; i++) {
        const struct ahead_tx *t = &r->executing->txs[i];
        if (t->good && hash_equal(&t->verdict, digest)) {
            r->next_verdict = i + 1;
            return true;
        }
    }
    return false;
}

static bool check_ahead(struct replay *r, const struct ahead_block *b)
{
    struct audit_fault *fault = &r->report->fault;
    const struct block_header *header = &b->block.header;
    const struct {
        const char *field;
        struct fault_hashes hashes;
    } checks[] = {
        {"txs_root", {&b->txs_root, &header->txs_root}},
        {"state_root", {replica_root(r->replica), &header->state_root}},
        {"results_root", {&r->results_root, &header->results_root}},
    };
    if (!b->vrf_good) {
        return fault_text(fault, header->height, "vrf_proof", "the proposer's proof",
                          "a proof that does not verify");
    }
    if (b->evidence != EVIDENCE_VALID) {
        return fault_text(fault, header->height, "last_final", evidence_text(EVIDENCE_VALID),
                          evidence_text(b->evidence));
    }
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        if (!hash_equal(checks[i].hashes.expected, checks[i].hashes.actual)) {
            return fault_hash(fault, header->height, checks[i].field, checks[i].hashes);
        }
    }
    return true;
}

/* 17.5: the parent's state says which epoch this is, and whether the block ends it. */
static bool check_epoch(struct replay *r, const struct block_header *header,
                        struct state_epoch *epoch)
{
    struct audit_fault *fault = &r->report->fault;
    const struct state_view view = replica_view(r->replica);
    *epoch = state_read_epoch(&view, header->height);
    if (!hash_equal(&epoch->next_set_hash, &header->next_set_hash)) {
        return fault_hash(fault, header->height, "next_set_hash",
                          (struct fault_hashes){&epoch->next_set_hash, &header->next_set_hash});
    }
    if (epoch->boundary) {
        state_read_next_set(&view, &r->next_set);
    }
    return true;
}

static bool execute(struct replay *r, const struct ahead_block *b)
{
    const struct block_header *header = &b->block.header;
    const struct state_view view = replica_view(r->replica);
    struct state_outcome outcome;
    struct state_epoch epoch;
    if (!check_epoch(r, header, &epoch)) {
        return false;
    }
    for (uint32_t i = 0; i < b->block.txs.count; i++) {
        r->txs[i] = b->txs[i].raw;
    }
    const struct state_block input = {
        .height = header->height,
        .time_ms = header->time_ms,
        .proposer = header->proposer,
        .beacon = b->beacon,
        .final_height = b->carried_height,
        .txs = r->txs,
        .tx_count = b->block.txs.count,
    };
    r->executing = b;
    r->next_verdict = 0;
    state_execute_block(r->machine, &view, &input, &outcome);
    if (outcome.verdict != STATE_OK) {
        char field[32];
        (void)snprintf(field, sizeof(field), "transaction %zu", outcome.bad_index);
        return fault_text(&r->report->fault, header->height, field, "an admissible transaction",
                          code_name(outcome.bad_code));
    }
    if (!replica_apply(r->replica, outcome.writes)) {
        return error_set(r->error, EXIT_CODE_FAILURE, "audit: no memory for the state");
    }
    r->results_root = outcome.results_root;
    if (epoch.boundary && !chain_walk_open(&r->walk, &r->next_set)) {
        return error_set(r->error, EXIT_CODE_FAILURE, "audit: no memory for the validators");
    }
    for (uint32_t i = 0; r->training != NULL && i < b->block.txs.count; i++) {
        if (!training_note(r->training, r->txs[i], outcome.results[i])) {
            return error_set(r->error, EXIT_CODE_FAILURE, "audit: no memory for revealed roots");
        }
    }
    return true;
}

static void show_progress(const struct replay *r)
{
    const struct audit_progress progress = {.height = r->report->height,
                                            .last = r->report->last,
                                            .txs = r->report->txs,
                                            .elapsed_ms = clock_ms() - r->started_ms};
    if (r->config->progress != NULL) {
        r->config->progress(r->config->context, &progress);
    }
}

/* The oldest block of the ring.  False: the audit is over. */
static bool execute_one(struct replay *r)
{
    const struct ahead_block *b = ahead_front(r->ahead);
    if (b == NULL || !check_ahead(r, b) || !execute(r, b)) {
        return false;
    }
    r->report->height = b->block.header.height;
    r->report->txs += b->block.txs.count;
    r->report->block_id = b->block_id;
    r->report->state_root = *replica_root(r->replica);
    ahead_pop(r->ahead);
    show_progress(r);
    return true;
}

/* ---- The whole --------------------------------------------------------------------- */

static bool execute_genesis(struct replay *r)
{
    const struct state_admission_config config = {
        .chain_id = *genesis_chain_id(r->genesis),
        .verdicts = {.context = r, .known_good = known_good},
    };
    struct crypto_tree empty;
    struct state_writes writes;
    r->replica = replica_create();
    r->machine_memory = malloc(state_footprint());
    r->txs = malloc(BLOCK_TX_MAX * sizeof(*r->txs));
    if (r->replica == NULL || r->machine_memory == NULL || r->txs == NULL) {
        return error_set(r->error, EXIT_CODE_FAILURE, "audit: no memory for the state machine");
    }
    r->machine = state_init(r->machine_memory, &config);
    state_execute_genesis(r->machine, genesis_state(r->genesis), &writes);
    if (!replica_apply(r->replica, writes)) {
        return error_set(r->error, EXIT_CODE_FAILURE, "audit: no memory for the state");
    }
    crypto_tree_init(&empty, TAG_RESULT_TREE);
    crypto_tree_root(&empty, &r->results_root);
    r->report->state_root = *replica_root(r->replica);
    return true;
}

static bool open_genesis(struct replay *r)
{
    const struct audit_config *config = r->config;
    if (!genesis_load(config->genesis, &r->genesis, r->error)) {
        r->error->code = EXIT_CODE_WRONG_CHAIN; /* BAD_GENESIS is a daemon's number */
        return false;
    }
    r->report->chain_id = *genesis_chain_id(r->genesis);
    r->report->block_id = r->report->chain_id;
    if (config->chain_id != NULL && !hash_equal(config->chain_id, &r->report->chain_id)) {
        return error_set(r->error, EXIT_CODE_WRONG_CHAIN,
                         "%s: another genesis than the one expected; its hash is not the chain id",
                         config->genesis);
    }
    return chain_walk_init(&r->walk, r->genesis) ||
           error_set(r->error, EXIT_CODE_FAILURE, "audit: no memory for the validators");
}

static bool open_history(struct replay *r)
{
    if (!history_open(r->config->dir, &r->report->chain_id, &r->reader, r->error)) {
        if (r->error->code == EXIT_CODE_NOT_FOUND) {
            r->error->code = EXIT_CODE_INCOMPLETE; /* no file is there: all are missing */
        }
        return false;
    }
    r->report->last = history_last(r->reader);
    if (history_first(r->reader) != 1) {
        return error_set(r->error, EXIT_CODE_INCOMPLETE,
                         "%s: begins with height %llu; the files from height 1 on are missing",
                         r->config->dir, (unsigned long long)history_first(r->reader));
    }
    return true;
}

static uint32_t thread_count(const struct audit_config *config)
{
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    const uint32_t wanted = config->threads != 0 ? config->threads
                            : cores < 1          ? 1
                                                 : (uint32_t)cores;
    return wanted > AUDIT_THREADS_MAX ? AUDIT_THREADS_MAX : wanted;
}

/* Where in the files the block is that the fault is about. */
static void locate(const struct replay *r, struct audit_fault *fault)
{
    struct history_fault at;
    if (history_locate(r->reader, fault->height, &at)) {
        memcpy(fault->file, at.file, sizeof(fault->file));
        fault->offset = at.offset;
        fault->size = at.size;
    }
}

static bool run(struct replay *r)
{
    do {
        while (read_one(r)) {
        }
    } while (execute_one(r));
    struct audit_fault *fault = &r->report->fault;
    if (!fault->found && r->error->code == EXIT_CODE_OK) {
        *fault = r->fault;
        *r->error = r->ended_error;
    }
    if (fault->found && fault->in_block && fault->file[0] == '\0') {
        locate(r, fault);
    }
    r->report->passed = !fault->found && r->error->code == EXIT_CODE_OK;
    return fault->found ? fault_error(fault, r->error) : r->report->passed;
}

static bool open_training(struct replay *r)
{
    if (r->config->training == NULL) {
        return true;
    }
    r->training = training_create(r->config->training);
    return r->training != NULL ||
           error_set(r->error, EXIT_CODE_FAILURE, "audit: no memory for revealed roots");
}

static bool check_training(struct replay *r)
{
    if (r->training == NULL) {
        return true;
    }
    struct hash digest;
    const struct audit_training *config = r->config->training;
    crypto_sha256(bytes_of(r->report->block_id.bytes, HASH_SIZE), &digest);
    r->report->training.seed = config->seed_of_last ? load_le64(digest.bytes) : config->seed;
    const struct state_view view = replica_view(r->replica);
    return training_check(r->training, &view, &r->report->training, r->error);
}

bool audit_replay(const struct audit_config *config, struct audit_report *report,
                  struct error *error)
{
    struct replay r = {.config = config,
                       .report = report,
                       .error = error,
                       .started_ms = clock_ms(),
                       .ended_error = {.code = EXIT_CODE_OK}};
    *report = (struct audit_report){.height = 0};
    *error = (struct error){.code = EXIT_CODE_OK};
    bool passed = open_genesis(&r) && open_history(&r) && execute_genesis(&r) &&
                  open_training(&r) && ahead_create(thread_count(config), &r.ahead, error) &&
                  run(&r);
    report->elapsed_ms = clock_ms() - r.started_ms;
    passed = passed && check_training(&r);
    training_free(r.training);
    ahead_free(r.ahead);
    history_close(r.reader);
    chain_walk_free(&r.walk);
    replica_free(r.replica);
    free(r.machine_memory);
    free(r.txs);
    genesis_free(r.genesis);
    return passed;
}
