#include "store/sign_state/sign_state.h"

#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "crypto/crypto.h"
#include "store/journal/crc32c.h"
#include "store/sign_state/ring.h"

/* A slot, little-endian: magic 16 | sequence u64 | epoch u64 | floor u64 | chain id 32 |
 * public key 33 | 64 entries of proposal 32, notarize 32, finalize 32, nullified u8 |
 * journal unit u64 | guarded u8 | zeros | CRC-32C u32 | digest 32.  CRC and digest cover
 * everything before the CRC. */
enum {
    SLOT_SIZE = 8192,
    SLOT_COUNT = 2,
    KEY_OFFSET = 16 + 3 * 8 + HASH_SIZE,
    ENTRIES_OFFSET = KEY_OFFSET + PUBLIC_KEY_SIZE,
    ENTRY_SIZE = 3 * HASH_SIZE + 1,
    WITNESS_OFFSET = ENTRIES_OFFSET + ENTRY_SIZE * VIEW_WINDOW,
    COVERED_SIZE = SLOT_SIZE - 4 - HASH_SIZE,
};
STATIC_ASSERT((int)WITNESS_OFFSET + 9 <= (int)COVERED_SIZE, "a ring fits a slot");

static const char file_name[] = "sign.state";
static const char new_name[] = "sign.state.new";
static const uint8_t magic[16] = "gradus.sign/1";

struct sign_state {
    struct disk_port disk;
    int file;
    bool failed;
    uint64_t sequence; /* of the newest slot, which is slot sequence mod 2 */
    uint64_t journal_unit;
    bool guarded;
    struct sign_identity identity;
    struct ring ring;
};

static void slot_digest(const uint8_t *slot, struct hash *out)
{
    crypto_digest(TAG_SIGN_STATE, bytes_of(slot, COVERED_SIZE), out);
}

static void slot_write(const struct sign_state *state, uint8_t slot[SLOT_SIZE])
{
    memset(slot, 0, SLOT_SIZE);
    memcpy(slot, magic, sizeof(magic));
    store_le64(slot + 16, state->sequence);
    store_le64(slot + 24, state->ring.epoch);
    store_le64(slot + 32, state->ring.floor);
    memcpy(slot + 40, state->identity.chain_id.bytes, HASH_SIZE);
    memcpy(slot + KEY_OFFSET, state->identity.key.bytes, PUBLIC_KEY_SIZE);
    for (size_t i = 0; i < VIEW_WINDOW; i++) {
        const struct ring_entry *entry = &state->ring.entries[i];
        uint8_t *at = slot + ENTRIES_OFFSET + i * ENTRY_SIZE;
        memcpy(at, entry->proposal.bytes, HASH_SIZE);
        memcpy(at + HASH_SIZE, entry->notarize.bytes, HASH_SIZE);
        memcpy(at + (size_t)2 * HASH_SIZE, entry->finalize.bytes, HASH_SIZE);
        at[ENTRY_SIZE - 1] = entry->nullified ? 1 : 0;
    }
    struct hash digest;
    store_le64(slot + WITNESS_OFFSET, state->journal_unit);
    slot[WITNESS_OFFSET + 8] = state->guarded ? 1 : 0;
    store_le32(slot + COVERED_SIZE, crc32c(0, bytes_of(slot, COVERED_SIZE)));
    slot_digest(slot, &digest);
    memcpy(slot + COVERED_SIZE + 4, digest.bytes, HASH_SIZE);
}

static bool slot_is_valid(const uint8_t *slot)
{
    struct hash digest;
    if (memcmp(slot, magic, sizeof(magic)) != 0 ||
        load_le32(slot + COVERED_SIZE) != crc32c(0, bytes_of(slot, COVERED_SIZE))) {
        return false;
    }
    slot_digest(slot, &digest);
    return memcmp(digest.bytes, slot + COVERED_SIZE + 4, HASH_SIZE) == 0;
}

static void slot_read(struct sign_state *state, const uint8_t *slot)
{
    state->sequence = load_le64(slot + 16);
    state->ring.epoch = load_le64(slot + 24);
    state->ring.floor = load_le64(slot + 32);
    memcpy(state->identity.chain_id.bytes, slot + 40, HASH_SIZE);
    memcpy(state->identity.key.bytes, slot + KEY_OFFSET, PUBLIC_KEY_SIZE);
    for (size_t i = 0; i < VIEW_WINDOW; i++) {
        struct ring_entry *entry = &state->ring.entries[i];
        const uint8_t *at = slot + ENTRIES_OFFSET + i * ENTRY_SIZE;
        memcpy(entry->proposal.bytes, at, HASH_SIZE);
        memcpy(entry->notarize.bytes, at + HASH_SIZE, HASH_SIZE);
        memcpy(entry->finalize.bytes, at + (size_t)2 * HASH_SIZE, HASH_SIZE);
        entry->nullified = at[ENTRY_SIZE - 1] != 0;
    }
    state->journal_unit = load_le64(slot + WITNESS_OFFSET);
    state->guarded = slot[WITNESS_OFFSET + 8] != 0;
}

/* The next slot in turn, synced: the slot that counted so far stays whole. */
static bool slot_save(struct sign_state *state, struct error *error)
{
    uint8_t slot[SLOT_SIZE];
    state->sequence++;
    slot_write(state, slot);
    const uint64_t offset = state->sequence % SLOT_COUNT * SLOT_SIZE;
    const struct disk_port *disk = &state->disk;
    state->failed =
        !disk->write_at(disk->context, state->file, offset, bytes_of(slot, sizeof(slot)), error) ||
        !disk->sync(disk->context, state->file, error);
    return !state->failed;
}

/* The name is there only once both slots are: a kill before that leaves nothing that the next
 * start would have to take for damage. */
static bool state_make(struct sign_state *state, struct error *error)
{
    const struct disk_port *disk = &state->disk;
    return disk->open(disk->context, new_name, true, &state->file, error) &&
           disk->truncate(disk->context, state->file, 0, error) && slot_save(state, error) &&
           slot_save(state, error) && disk->rename(disk->context, new_name, file_name, error) &&
           disk->sync_dir(disk->context, error);
}

static bool state_load(struct sign_state *state, const struct sign_identity *identity,
                       struct error *error)
{
    const struct disk_port *disk = &state->disk;
    uint8_t slots[SLOT_COUNT * SLOT_SIZE];
    uint64_t size = 0;
    if (!disk->size(disk->context, state->file, &size, error)) {
        return false;
    }
    memset(slots, 0, sizeof(slots));
    const size_t readable = size < sizeof(slots) ? (size_t)size : sizeof(slots);
    const struct disk_read read = {.size = readable, .out = slots};
    if (!disk->read_at(disk->context, state->file, read, error)) {
        return false;
    }
    const uint8_t *newest = NULL;
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        const uint8_t *slot = slots + i * SLOT_SIZE;
        if (slot_is_valid(slot) &&
            (newest == NULL || load_le64(slot + 16) > load_le64(newest + 16))) {
            newest = slot;
        }
    }
    if (newest == NULL) {
        return error_set(
            error, EXIT_CODE_CORRUPT,
            "sign.state: neither slot is intact; never start this key from an empty or "
            "an old one; `gradus node guard`: see docs/operations.md, section Lost sign.state");
    }
    slot_read(state, newest);
    if (!hash_equal(&state->identity.chain_id, &identity->chain_id) ||
        !public_key_equal(&state->identity.key, &identity->key)) {
        return error_set(error, EXIT_CODE_SIGN_STATE,
                         "sign.state: belongs to another key or chain; point the signer to the "
                         "directory of this key");
    }
    return true;
}

/* What was read may be in memory alone: the process was killed before its sync, or the sync failed,
 * after which the kernel takes the pages for clean.  A vote that reads as remembered is signed
 * again without a write, so it must be durable before anything is asked: in a new file, for the
 * slot that counts must not be written over.  Its number of writes stays: by it an old copy
 * shows (sign_state_compare). */
static bool state_renew(struct sign_state *state, struct error *error)
{
    state->disk.close(state->disk.context, state->file);
    state->file = -1;
    state->sequence -= SLOT_COUNT;
    return state_make(state, error);
}

static bool state_start(struct sign_state *state, const struct sign_identity *identity, bool create,
                        struct error *error)
{
    const struct disk_port *disk = &state->disk;
    if (disk->open(disk->context, file_name, false, &state->file, error)) {
        return state_load(state, identity, error) && state_renew(state, error);
    }
    state->file = -1;
    if (error->code != EXIT_CODE_NOT_FOUND) {
        return false;
    }
    if (!create) {
        return error_set(error, EXIT_CODE_SIGN_STATE,
                         "sign.state: missing, though this key has been used (consensus.key.used, "
                         "the journal or the blocks say so); never restore an old copy; "
                         "`gradus node guard`: see docs/operations.md, section Lost sign.state");
    }
    state->identity = *identity;
    return state_make(state, error);
}

bool sign_state_open(const struct disk_port *port, const struct sign_identity *identity,
                     bool create, struct sign_state **out, struct error *error)
{
    struct sign_state *state = calloc(1, sizeof(*state));
    if (state == NULL) {
        return error_set(error, EXIT_CODE_FAILURE, "sign.state: out of memory");
    }
    state->disk = *port;
    state->file = -1;
    if (!state_start(state, identity, create, error)) {
        sign_state_close(state);
        return false;
    }
    *out = state;
    return true;
}

void sign_state_close(struct sign_state *state)
{
    if (state != NULL) {
        if (state->file >= 0) {
            state->disk.close(state->disk.context, state->file);
        }
        free(state);
    }
}

bool sign_state_permit(struct sign_state *state, const struct vote *votes, uint32_t count,
                       enum sign_verdict *verdicts, struct error *error)
{
    if (state->failed) {
        return error_set(error, EXIT_CODE_SIGN_STATE,
                         "sign.state: an earlier write failed; restart the signer");
    }
    bool changed = false;
    for (uint32_t i = 0; i < count; i++) {
        verdicts[i] = state->guarded ? SIGN_GUARDED : ring_check(&state->ring, &votes[i]);
        if (verdicts[i] == SIGN_PERMITTED) {
            changed = ring_put(&state->ring, &votes[i]) || changed;
        }
    }
    return !changed || slot_save(state, error);
}

struct sign_visit {
    sign_state_visit *visit;
    void *context;
};

static void export_one(enum vote_kind kind, const struct ring *ring, uint64_t view,
                       const struct hash *proposal, const struct sign_visit *to)
{
    const struct vote vote = {
        .kind = kind, .epoch = ring->epoch, .view = view, .proposal = *proposal};
    to->visit(to->context, &vote);
}

void sign_state_export(const struct sign_state *state, sign_state_visit *visit, void *context)
{
    const struct ring *ring = &state->ring;
    const struct sign_visit to = {.visit = visit, .context = context};
    for (uint64_t view = ring->floor; view < ring->floor + VIEW_WINDOW; view++) {
        const struct ring_entry *entry = &ring->entries[view % VIEW_WINDOW];
        if (!hash_is_zero(&entry->proposal)) {
            export_one(VOTE_PROPOSE, ring, view, &entry->proposal, &to);
        }
        if (!hash_is_zero(&entry->notarize)) {
            export_one(VOTE_NOTARIZE, ring, view, &entry->notarize, &to);
        }
        if (entry->nullified) {
            export_one(VOTE_NULLIFY, ring, view, &(struct hash){{0}}, &to);
        }
        if (!hash_is_zero(&entry->finalize)) {
            export_one(VOTE_FINALIZE, ring, view, &entry->finalize, &to);
        }
    }
}

void sign_state_status(const struct sign_state *state, struct sign_state_status *out)
{
    *out = (struct sign_state_status){.epoch = state->ring.epoch,
                                      .floor = state->ring.floor,
                                      .sequence = state->sequence,
                                      .journal_unit = state->journal_unit,
                                      .guarded = state->guarded};
}

void sign_state_witness(struct sign_state *state, uint64_t journal_unit)
{
    state->journal_unit = journal_unit;
}

enum sign_agreement sign_state_compare(const struct sign_state_status *status,
                                       const struct sign_journal *journal)
{
    if (journal->sequence > status->sequence) {
        return SIGN_STATE_OLD;
    }
    if (journal->unit >= status->journal_unit) {
        return SIGN_AGREES;
    }
    return journal->unit == 0 ? SIGN_JOURNAL_LOST : SIGN_JOURNAL_OLD;
}

bool sign_state_recalls(const struct sign_state *state, const struct vote *vote)
{
    return ring_recalls(&state->ring, vote);
}

/* Into both slots: damage to the newer one must not bring back the one before. */
static bool save_both(struct sign_state *state, struct error *error)
{
    if (state->failed) {
        return error_set(error, EXIT_CODE_SIGN_STATE,
                         "sign.state: an earlier write failed; restart the signer");
    }
    for (int slot = 0; slot < SLOT_COUNT; slot++) {
        if (!slot_save(state, error)) {
            return false;
        }
    }
    return true;
}

bool sign_state_guard(struct sign_state *state, struct error *error)
{
    state->guarded = true;
    state->journal_unit = 0; /* of a journal that is no more */
    return save_both(state, error);
}

bool sign_state_lift(struct sign_state *state, uint64_t epoch, uint64_t view, struct error *error)
{
    ring_raise(&state->ring, epoch, view);
    state->guarded = false;
    return save_both(state, error);
}

bool sign_state_forget(const struct disk_port *port, const struct sign_identity *identity,
                       uint64_t sequence, struct error *error)
{
    struct sign_state *state = calloc(1, sizeof(*state));
    if (state == NULL) {
        return error_set(error, EXIT_CODE_FAILURE, "sign.state: out of memory");
    }
    state->disk = *port;
    state->file = -1;
    state->identity = *identity;
    state->sequence = sequence;
    state->guarded = true;
    const bool ok = state_make(state, error);
    sign_state_close(state);
    return ok;
}
