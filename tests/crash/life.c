#include "tests/crash/life.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/journal/journal.h"
#include "store/sign_state/sign_state.h"
#include "store/store.h"
#include "tests/crash/faults.h"
#include "tests/support/random.h"
#include "tests/support/toy_ledger.h"

enum { BODY_SIZE = 700, HEIGHT_MAX = 1 << 17, PATH_SIZE = 1024, GROUP_MAX = 3, SYNC_EVERY = 4 };
enum { PROVE_EVERY = 16, OLD_BLOCKS = 64 };

struct life {
    struct disk_port journal_disk;
    struct disk_port sign_disk;
    struct journal *journal;
    struct sign_state *sign;
    struct store *store;
    struct toy_state toy;
    uint64_t height; /* of the next block */
    uint64_t groups;
};

/* By height: what the journal has. */
enum { HAS_PROPOSAL = 1, HAS_NOTARIZE = 2, HAS_FINALIZE = 4 };
static uint8_t journaled[HEIGHT_MAX];

static struct bytes body_of(uint64_t height, uint8_t out[BODY_SIZE])
{
    uint64_t seed = height;
    random_fill(&seed, out, BODY_SIZE);
    return bytes_of(out, BODY_SIZE);
}

static struct bytes vote_payload(enum vote_kind kind, uint64_t height, uint8_t out[1 + HASH_SIZE])
{
    const struct hash id = toy_id(height);
    out[0] = (uint8_t)kind;
    memcpy(out + 1, id.bytes, HASH_SIZE);
    return bytes_of(out, 1 + HASH_SIZE);
}

static void visit_record(void *context, const struct journal_record *record)
{
    uint8_t expected[BODY_SIZE];
    uint8_t vote[1 + HASH_SIZE];
    (void)context;
    if (record->view >= HEIGHT_MAX) {
        return;
    }
    uint8_t *has = &journaled[record->view];
    if (record->type == JOURNAL_PROPOSAL &&
        bytes_equal(record->payload, body_of(record->view, expected))) {
        *has |= HAS_PROPOSAL;
    }
    if (record->type == JOURNAL_VOTE &&
        bytes_equal(record->payload, vote_payload(VOTE_NOTARIZE, record->view, vote))) {
        *has |= HAS_NOTARIZE;
    }
    if (record->type == JOURNAL_VOTE &&
        bytes_equal(record->payload, vote_payload(VOTE_FINALIZE, record->view, vote))) {
        *has |= HAS_FINALIZE;
    }
}

static bool open_folder(const char *dir, const char *name, struct disk_port *out,
                        struct error *error)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    (void)mkdir(path, 0700);
    return disk_posix_open(path, out, error);
}

/* A node that has said anything must not begin anew. */
static bool life_open(struct life *life, const char *dir, struct error *error)
{
    const struct sign_identity identity = {.chain_id = {{5}}};
    const struct store_options options = {
        .dir = dir, .chain_id = {{5}}, .undo_window = STORE_UNDO_WINDOW_MIN};
    memset(life, 0, sizeof(*life));
    memset(journaled, 0, sizeof(journaled));
    return store_open(&options, &life->store, error) &&
           open_folder(dir, "sign", &life->sign_disk, error) &&
           sign_state_open(&life->sign_disk, &identity, faults->notarized == 0, &life->sign,
                           error) &&
           open_folder(dir, "journal", &life->journal_disk, error) &&
           journal_open(&life->journal_disk, visit_record, NULL, &life->journal, error);
}

/* The model's state after block `height`. */
static void toy_after(uint64_t height, struct toy_state *out)
{
    static struct toy_block block;
    memset(out, 0, sizeof(*out));
    for (uint64_t h = 0; h <= height; h++) {
        toy_block_make(out, h, &block);
    }
}

static struct store_overlay *stage(struct life *life, struct store_overlay *parent)
{
    static struct toy_block block;
    toy_block_make(&life->toy, life->height, &block);
    const struct store_stage what = {.parent = parent,
                                     .height = life->height,
                                     .block_id = toy_id(life->height),
                                     .writes = block.writes};
    life->height++;
    return store_overlay_add(life->store, &what);
}

/* As a node at its start: execute what state.db lacks. */
static bool catch_up(struct life *life, struct error *error)
{
    struct store_status status;
    store_status(life->store, &status);
    if (status.initialised) {
        toy_after(status.applied_height, &life->toy);
        life->height = status.applied_height + 1;
    }
    while (life->height <= status.decided_height) {
        if (!store_commit(life->store, stage(life, NULL), error)) {
            return false;
        }
    }
    return true;
}

/* ---- A life --------------------------------------------------------------------------------- */

static void journal_vote(struct life *life, enum vote_kind kind, uint64_t height)
{
    uint8_t payload[1 + HASH_SIZE];
    const struct journal_record record = {
        .type = JOURNAL_VOTE, .view = height, .payload = vote_payload(kind, height, payload)};
    journal_append(life->journal, &record);
}

static bool sign(struct life *life, enum vote_kind kind, uint64_t height, struct error *error)
{
    const struct vote vote = {.kind = kind, .view = height, .proposal = toy_id(height)};
    enum sign_verdict verdict = SIGN_MALFORMED;
    return sign_state_permit(life->sign, &vote, 1, &verdict, error) &&
           (verdict == SIGN_PERMITTED ||
            error_set(error, EXIT_CODE_SIGN_CONFLICT, "the same vote was refused"));
}

static bool vote_for(struct life *life, uint64_t height, struct error *error)
{
    uint8_t body[BODY_SIZE];
    const struct journal_record proposal = {
        .type = JOURNAL_PROPOSAL, .view = height, .payload = body_of(height, body)};
    faults_step(STEP_JOURNAL_APPEND);
    journal_append(life->journal, &proposal);
    journal_vote(life, VOTE_NOTARIZE, height);
    faults_step(STEP_JOURNAL_SYNC);
    if (!journal_sync(life->journal, error)) {
        return false;
    }
    faults_step(STEP_SIGN);
    if (!sign(life, VOTE_NOTARIZE, height, error)) {
        return false;
    }
    faults->notarized = height;
    faults_step(STEP_JOURNAL_AGAIN);
    journal_vote(life, VOTE_FINALIZE, height);
    if (!journal_sync(life->journal, error)) {
        return false;
    }
    faults_step(STEP_SIGN_AGAIN);
    if (!sign(life, VOTE_FINALIZE, height, error)) {
        return false;
    }
    faults->finalized = height;
    return true;
}

/* Blocks height .. height + count - 1 become final together. */
static bool group(struct life *life, uint64_t count, struct error *error)
{
    uint8_t bodies[GROUP_MAX][BODY_SIZE];
    struct store_final finals[GROUP_MAX];
    struct store_overlay *overlays[GROUP_MAX] = {NULL};
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t height = life->height;
        if (!vote_for(life, height, error)) {
            return false;
        }
        overlays[i] = stage(life, i == 0 ? NULL : overlays[i - 1]);
        finals[i] = (struct store_final){.height = height,
                                         .block_id = toy_id(height),
                                         .block = body_of(height, bodies[i]),
                                         .finality = bytes_of("f", 1),
                                         .results = bytes_of("r", 1)};
    }
    faults_step(STEP_CHAIN);
    if (!store_append_final(life->store, finals, (size_t)count, error)) {
        return false;
    }
    faults->final = life->height - 1;
    for (uint64_t i = 0; i < count; i++) {
        faults_step(STEP_COMMIT);
        if (!store_commit(life->store, overlays[i], error)) {
            return false;
        }
    }
    faults_step(STEP_SYNC_AND_PRUNE);
    if (++life->groups % SYNC_EVERY == 0 &&
        (!store_sync(life->store, error) ||
         !journal_prune(life->journal, 0, life->height - 1, error))) {
        return false;
    }
    faults_step(STEP_END);
    return true;
}

static bool run(struct life *life, const char *dir, uint64_t blocks, struct error *error)
{
    if (!life_open(life, dir, error) || !catch_up(life, error)) {
        return false;
    }
    if (life->height == 0 && !store_commit(life->store, stage(life, NULL), error)) {
        return false;
    }
    const uint64_t end = life->height + blocks;
    while (life->height < end) {
        if (!group(life, 1 + life->height % GROUP_MAX, error)) {
            return false;
        }
    }
    return true;
}

int life_run(const char *dir, uint64_t blocks)
{
    static struct life life;
    struct error error = {.code = EXIT_CODE_OK};
    if (run(&life, dir, blocks, &error)) {
        return 0;
    }
    (void)snprintf(faults->text, sizeof(faults->text), "%s", error.detail);
    return (int)error.code;
}

/* ---- The check ------------------------------------------------------------------------------ */

static bool wrong(const char *what, uint64_t height)
{
    (void)snprintf(faults->text, sizeof(faults->text), "%s (height %llu)", what,
                   (unsigned long long)height);
    return false;
}

/* 0: false with `wrong` said; else the error's code, its line in the text. */
static int stopped(const struct error *error)
{
    (void)snprintf(faults->text, sizeof(faults->text), "%s", error->detail);
    return (int)error->code;
}

static bool vote_is_kept(struct life *life, enum vote_kind kind, uint64_t height, bool journal)
{
    struct vote vote = {.kind = kind, .view = height, .proposal = toy_id(height + 1)};
    enum sign_verdict verdict = SIGN_PERMITTED;
    struct error error;
    if (height == 0) {
        return true;
    }
    if (kind == VOTE_FINALIZE) { /* its opposite */
        vote.kind = VOTE_NULLIFY;
        vote.proposal = (struct hash){{0}};
    }
    const int needed = kind == VOTE_FINALIZE ? HAS_FINALIZE : HAS_NOTARIZE;
    return (journal && (journaled[height] & needed) != 0) ||
           !sign_state_permit(life->sign, &vote, 1, &verdict, &error) || verdict != SIGN_PERMITTED;
}

struct promise {
    uint64_t decided;
    uint64_t broken; /* height whose vote has no block; 0: none */
};

/* J2: what is signed and not final has its block in the journal. */
static void visit_vote(void *context, const struct vote *vote)
{
    struct promise *promise = context;
    if (vote->kind == VOTE_NOTARIZE && vote->view > promise->decided &&
        (journaled[vote->view] & HAS_PROPOSAL) == 0) {
        promise->broken = vote->view;
    }
}

static int check_block(struct life *life, uint64_t height)
{
    struct error error;
    uint8_t body[BODY_SIZE];
    struct hash id;
    uint64_t found = 0;
    struct store_buffer buffer = {0};
    struct crypto_path path;
    struct store_status status;
    store_status(life->store, &status);
    if (store_block(life->store, height, &buffer, &error) == STORE_FAILED ||
        store_block_id(life->store, height, &id, &error) == STORE_FAILED ||
        store_block_height(life->store, &id, &found, &error) == STORE_FAILED ||
        store_history_prove(life->store, height, status.decided_height, &path, &error) ==
            STORE_FAILED) {
        return stopped(&error);
    }
    const struct hash expected = toy_id(height);
    struct crypto_tree tree;
    struct hash root;
    store_history_tree(life->store, &tree);
    crypto_tree_root(&tree, &root);
    const bool same =
        bytes_equal(bytes_of(buffer.data, buffer.size), body_of(height, body)) &&
        hash_equal(&id, &expected) && found == height &&
        crypto_path_verify(&path, TAG_HISTORY_TREE, bytes_of(id.bytes, HASH_SIZE), &root);
    store_buffer_free(&buffer);
    if (!same) {
        (void)wrong("a block is not what was written", height);
    }
    return same ? LIFE_SOUND : LIFE_VIOLATED;
}

static int check_blocks(struct life *life, bool all)
{
    struct store_status status;
    store_status(life->store, &status);
    const uint64_t last = status.decided_height;
    for (uint64_t h = all || last < OLD_BLOCKS ? 1 : last - OLD_BLOCKS; h <= last; h++) {
        const int verdict = check_block(life, h);
        if (verdict != LIFE_SOUND) {
            return verdict;
        }
    }
    for (uint64_t h = status.proven_from; h <= status.applied_height; h += PROVE_EVERY) {
        struct store_proof proof;
        struct error error;
        const enum store_answer answer =
            store_prove(life->store, h, bytes_of("a/000", 5), &proof, &error);
        if (answer == STORE_FAILED) {
            return stopped(&error);
        }
        store_buffer_free(&proof.value);
    }
    return LIFE_SOUND;
}

static bool check_root(const struct life *life, uint64_t height)
{
    struct store_status status;
    struct toy_state toy;
    store_status(life->store, &status);
    toy_after(height, &toy);
    const struct hash root = toy_root(&toy);
    return status.applied_height == height && hash_equal(&root, &status.applied_root);
}

static bool check_promises(struct life *life, bool after_damage)
{
    struct store_status status;
    store_status(life->store, &status);
    struct promise promise = {.decided = status.decided_height};
    if (status.decided_height < faults->final) {
        return wrong("a block that was reported final is gone", faults->final);
    }
    sign_state_export(life->sign, visit_vote, &promise);
    if (promise.broken != 0) {
        return wrong("a signed block is neither final nor in the journal", promise.broken);
    }
    if (!vote_is_kept(life, VOTE_NOTARIZE, faults->notarized, after_damage)) {
        return wrong("a NOTARIZE that left is forgotten", faults->notarized);
    }
    return vote_is_kept(life, VOTE_FINALIZE, faults->finalized, after_damage) ||
           wrong("a FINALIZE that left is forgotten", faults->finalized);
}

int life_check(const char *dir, bool after_damage)
{
    static struct life life;
    struct error error = {.code = EXIT_CODE_OK};
    struct store_status status;
    if (!life_open(&life, dir, &error)) {
        return stopped(&error);
    }
    store_status(life.store, &status);
    if (!check_promises(&life, after_damage)) {
        return LIFE_VIOLATED;
    }
    if (status.initialised && !check_root(&life, status.applied_height)) {
        (void)wrong("another state", status.applied_height);
        return LIFE_VIOLATED;
    }
    const int blocks = check_blocks(&life, after_damage);
    if (blocks != LIFE_SOUND) {
        return blocks;
    }
    if (!catch_up(&life, &error)) {
        return stopped(&error);
    }
    if (life.height > 0 && !check_root(&life, life.height - 1)) {
        (void)wrong("another state after executing again", life.height - 1);
        return LIFE_VIOLATED;
    }
    store_close(life.store);
    return LIFE_SOUND;
}
