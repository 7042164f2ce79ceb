#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "tests/sim/sim.h"

/* A validator whose journal or sign.state is lost or restored from an old copy, and an operator
 * who does what docs/operations.md says.  Other validators keep theirs, and nobody lies: more
 * than f faulty ones are promised nothing. */

static bool is_journal(const char *name)
{
    return strncmp(name, "journal-", 8) == 0;
}

static bool is_sign_state(const char *name)
{
    return strncmp(name, "sign.state", 10) == 0;
}

typedef bool file_kind(const char *name);

static void files_drop(struct sim_disk *disk, file_kind *kind)
{
    for (int i = 0; i < SIM_FILES_MAX; i++) {
        struct sim_file *file = &disk->files[i];
        if (kind(file->name) || kind(file->durable_name)) {
            free(file->now);
            free(file->durable);
            memset(file, 0, sizeof(*file));
        }
    }
}

static void *bytes_copy(const void *data, size_t size)
{
    void *copy = malloc(size > 0 ? size : 1);
    ASSERT(copy != NULL);
    memcpy(copy, data, size);
    return copy;
}

/* As a power cut at this moment would leave them. */
static void files_copy(struct sim_disk *to, const struct sim_disk *from, file_kind *kind)
{
    int next = 0;
    for (int i = 0; i < SIM_FILES_MAX; i++) {
        const struct sim_file *file = &from->files[i];
        if (!kind(file->durable_name) || file->capacity == 0) {
            continue;
        }
        while (to->files[next].name[0] != '\0' || to->files[next].durable_name[0] != '\0') {
            next++;
            ASSERT(next < SIM_FILES_MAX);
        }
        struct sim_file *copy = &to->files[next];
        free(copy->now);
        free(copy->durable);
        *copy = *file;
        memcpy(copy->name, file->durable_name, sizeof(copy->name));
        copy->now = bytes_copy(file->durable, file->capacity);
        copy->durable = bytes_copy(file->durable, file->capacity);
        copy->now_size = file->durable_size;
        copy->dirty_from = 0;
        copy->dirty_to = 0;
    }
}

static void files_restore(struct sim_node *node, file_kind *kind)
{
    files_drop(&node->disk, kind);
    files_copy(&node->disk, &node->amnesia.backup, kind);
}

static void backup(struct sim_node *node)
{
    sim_disk_free(&node->amnesia.backup);
    files_copy(&node->amnesia.backup, &node->disk, is_journal);
    files_copy(&node->amnesia.backup, &node->disk, is_sign_state);
    node->amnesia.has_backup = node->born;
}

/* The end of the newest segment; its header stays. */
static void lose_end(struct sim_world *world, struct sim_node *node)
{
    enum { HEADER_SIZE = 40 };
    struct sim_file *newest = NULL;
    for (int i = 0; i < SIM_FILES_MAX; i++) {
        struct sim_file *file = &node->disk.files[i];
        if (is_journal(file->name) && (newest == NULL || strcmp(file->name, newest->name) > 0)) {
            newest = file;
        }
    }
    if (newest != NULL && newest->now_size > HEADER_SIZE) {
        const size_t size = HEADER_SIZE + (size_t)draw_below(world, DRAW_AMNESIA, node->index,
                                                             newest->now_size - HEADER_SIZE);
        memset(newest->now + size, 0, newest->capacity - size);
        memset(newest->durable + size, 0, newest->capacity - size);
        newest->now_size = size;
        newest->durable_size = size;
    }
}

static void strike(struct sim_world *world, struct sim_node *node, enum sim_amnesia_kind kind)
{
    const bool old = kind >= SIM_OLD_JOURNAL;
    if (!node->up || node->excused || (old && !node->amnesia.has_backup)) {
        return;
    }
    fault_hit(world, FAULT_AMNESIA);
    node_crash(world, node, 1000 + draw_below(world, DRAW_AMNESIA, node->index, 50000));
    node->amnesia.kind = kind;
    if (kind == SIM_LOST_JOURNAL || kind == SIM_LOST_BOTH) {
        files_drop(&node->disk, is_journal);
    }
    if (kind == SIM_LOST_SIGN_STATE || kind == SIM_LOST_BOTH) {
        files_drop(&node->disk, is_sign_state);
    }
    if (kind == SIM_LOST_END) {
        lose_end(world, node);
    }
    if (kind == SIM_OLD_JOURNAL || kind == SIM_OLD_BOTH) {
        files_restore(node, is_journal);
    }
    if (kind == SIM_OLD_SIGN_STATE || kind == SIM_OLD_BOTH) {
        files_restore(node, is_sign_state);
    }
}

/* At its beginning a copy is made, at its end it strikes. */
void amnesia_turns(struct sim_world *world, const struct sim_fault *fault, bool begins)
{
    if (fault->node >= world->node_count || fault->value >= SIM_AMNESIA_COUNT) {
        return;
    }
    struct sim_node *node = &world->nodes[fault->node];
    if (begins) {
        backup(node);
    } else {
        strike(world, node, (enum sim_amnesia_kind)fault->value);
    }
}

static void note_witness(void *context, const struct journal_record *record)
{
    struct sign_journal *said = context;
    if (record->type == JOURNAL_WITNESS && record->payload.size == 8) {
        said->sequence = load_le64(record->payload.data);
    }
}

struct sign_identity node_identity(const struct sim_node *node)
{
    return (struct sign_identity){.chain_id = {{1}}, .key = {{(uint8_t)(node->validator + 1)}}};
}

/* A full or broken disk stops this too; it is tried again at the next boot. */
static void failed(struct sim_world *world, struct sim_node *node, const struct error *error)
{
    if (!damage_stops(world, node)) {
        check_fail(world->check, "crash", "node %u: %.120s", node->index, error->detail);
    }
}

/* `gradus node guard` */
static bool forget(struct sim_world *world, struct sim_node *node)
{
    struct error error = {0};
    const struct disk_port port = sim_disk_port(&node->disk);
    const struct sign_identity identity = node_identity(node);
    if (!sign_state_forget(&port, &identity, world->now_us, &error)) {
        failed(world, node, &error);
        return false;
    }
    return true;
}

/* What the start of the node finds; no sign.state is as good as an old one.  False: the disk
 * failed. */
static bool look(struct sim_world *world, struct sim_node *node, enum sign_agreement *out)
{
    struct error error = {0};
    struct journal *journal = NULL;
    struct sign_state *state = NULL;
    struct sign_journal said = {0};
    struct journal_status status;
    struct sign_state_status sign;
    const struct disk_port port = sim_disk_port(&node->disk);
    const struct sign_identity identity = node_identity(node);
    *out = SIGN_STATE_OLD;
    if (!sign_state_open(&port, &identity, false, &state, &error)) {
        return true;
    }
    if (!journal_open(&port, note_witness, &said, &journal, &error)) {
        failed(world, node, &error);
        sign_state_close(state);
        return false;
    }
    journal_status(journal, &status);
    sign_state_status(state, &sign);
    said.unit = status.unit;
    *out = sign_state_compare(&sign, &said);
    const bool done = *out != SIGN_JOURNAL_LOST || sign_state_guard(state, &error);
    journal_close(journal);
    sign_state_close(state);
    if (!done) {
        failed(world, node, &error);
    }
    return done;
}

bool amnesia_operator(struct sim_world *world, struct sim_node *node)
{
    enum { LOOKS_MAX = 4 };
    enum sign_agreement agreement = SIGN_STATE_OLD;
    const enum sim_amnesia_kind kind = node->amnesia.kind;
    node->amnesia.told = 0;
    if (kind == SIM_AMNESIA_NONE) {
        return true;
    }
    if (kind == SIM_OLD_BOTH && !forget(world, node)) {
        return false; /* nothing on this disk shows it, but the operator knows */
    }
    for (int i = 0; i < LOOKS_MAX && agreement != SIGN_AGREES; i++) {
        if (!look(world, node, &agreement)) {
            return false;
        }
        if (agreement == SIGN_STATE_OLD) {
            world_trace(world, node->index, "operator: node guard");
            if (!forget(world, node)) {
                return false;
            }
        } else if (agreement == SIGN_JOURNAL_OLD) {
            world_trace(world, node->index, "operator: the journal is moved away");
            files_drop(&node->disk, is_journal);
        }
    }
    node->amnesia.kind = SIM_AMNESIA_NONE;
    return true;
}

void amnesia_restore(struct sim_node *node, const struct journal_record *record)
{
    ASSERT(record->type == JOURNAL_WITNESS && record->payload.size == 8);
    node->amnesia.told = load_le64(record->payload.data);
}

bool amnesia_boot(struct sim_world *world, struct sim_node *node)
{
    struct sign_state_status sign;
    struct journal_status journal;
    struct sim_amnesia *amnesia = &node->amnesia;
    sign_state_status(node->sign_state, &sign);
    journal_status(node->journal, &journal);
    const struct sign_journal said = {.unit = journal.unit, .sequence = amnesia->told};
    if (sign_state_compare(&sign, &said) != SIGN_AGREES) {
        damage_refuses(world, node, "journal or sign.state is lost or an old copy");
        return false;
    }
    amnesia->boot_us = world->now_us;
    amnesia->guarded = sign.guarded;
    if (sign.guarded) {
        world_trace(world, node->index, "guarded");
        consensus_guard_init(&amnesia->guard, node->set.count,
                             set_place(&node->set, node->validator));
    }
    return true;
}

void amnesia_persist(struct sim_node *node, uint64_t view)
{
    struct sign_state_status sign;
    uint8_t payload[8];
    sign_state_status(node->sign_state, &sign);
    if (sign.sequence != node->amnesia.told) {
        node->amnesia.told = sign.sequence;
        store_le64(payload, sign.sequence);
        journal_append(node->journal, &(struct journal_record){.type = JOURNAL_WITNESS,
                                                               .epoch = node->epoch,
                                                               .view = view,
                                                               .payload = bytes_of(payload, 8)});
    }
}

/* What was sent before the boot dies with the connections. */
void amnesia_hear(struct sim_node *node, const struct sim_message *message)
{
    if (node->amnesia.guarded && message->sent_us >= node->amnesia.boot_us) {
        consensus_guard_hear(&node->amnesia.guard, epoch_peer(node, message->from), message->epoch,
                             message->view);
    }
}

bool amnesia_poll(struct sim_world *world, struct sim_node *node)
{
    struct consensus_status status;
    struct error error = {0};
    struct sim_amnesia *amnesia = &node->amnesia;
    if (!amnesia->guarded) {
        return true;
    }
    consensus_status(node->core, &status);
    if (consensus_guard_ends(&amnesia->guard, node->epoch, status.last_final.view)) {
        amnesia->guarded = false;
        world_trace(world, node->index, "guard ends at view %llu",
                    (unsigned long long)status.last_final.view);
        if (!sign_state_lift(node->sign_state, node->epoch, status.last_final.view, &error)) {
            failed(world, node, &error);
            return false;
        }
    }
    return true;
}
