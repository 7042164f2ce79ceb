#include "store/journal/journal.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "store/journal/listing.h"
#include "store/journal/segment.h"

struct journal {
    struct disk_port disk;
    struct segment *segments; /* ascending numbers; the last is open in file */
    uint32_t segment_count;
    uint32_t segment_capacity;
    int file; /* -1: none */
    bool failed;

    uint8_t *unit; /* records since the last sync, behind a BEGIN */
    size_t unit_size;
    size_t unit_capacity;
    uint64_t unit_number;
    struct segment unit_range;

    uint64_t truncated_size;
    uint64_t sync_count;
};

static struct segment *active(struct journal *journal)
{
    ASSERT(journal->segment_count > 0);
    return &journal->segments[journal->segment_count - 1];
}

static bool out_of_memory(struct journal *journal, struct error *error)
{
    journal->failed = true;
    return error_set(error, EXIT_CODE_FAILURE, "journal: out of memory; restart the node");
}

static bool segments_add(struct journal *journal, uint64_t number, struct error *error)
{
    if (journal->segment_count == journal->segment_capacity) {
        const uint32_t capacity = journal->segment_capacity * 2 + 8;
        struct segment *grown = realloc(journal->segments, capacity * sizeof(*grown));
        if (grown == NULL) {
            return out_of_memory(journal, error);
        }
        journal->segments = grown;
        journal->segment_capacity = capacity;
    }
    journal->segments[journal->segment_count++] = (struct segment){.number = number};
    return true;
}

static bool segment_open(struct journal *journal, const struct segment *segment, bool create,
                         int *file, struct error *error)
{
    char name[DISK_NAME_MAX];
    segment_name(segment->number, name);
    return journal->disk.open(journal->disk.context, name, create, file, error);
}

static void file_close(struct journal *journal)
{
    if (journal->file >= 0) {
        journal->disk.close(journal->disk.context, journal->file);
        journal->file = -1;
    }
}

/* A new empty segment, durable with its name before anything is written to it (P21). */
static bool segment_begin(struct journal *journal, uint64_t number, struct error *error)
{
    const struct disk_port *disk = &journal->disk;
    uint8_t header[SEGMENT_HEADER_SIZE];
    file_close(journal);
    if (!segments_add(journal, number, error) ||
        !segment_open(journal, active(journal), true, &journal->file, error)) {
        return false;
    }
    crypto_random_bytes(&active(journal)->salt, sizeof(active(journal)->salt));
    segment_header_write(active(journal), header);
    active(journal)->size = sizeof(header);
    return disk->truncate(disk->context, journal->file, 0, error) &&
           disk->write_at(disk->context, journal->file, 0, bytes_of(header, sizeof(header)),
                          error) &&
           disk->sync(disk->context, journal->file, error) && disk->sync_dir(disk->context, error);
}

/* Bytes of our own, freed by whoever asked for them. */
struct buffer {
    uint8_t *data;
    size_t size;
};

static bool segment_load(struct journal *journal, int file, struct buffer *out, struct error *error)
{
    const struct disk_port *disk = &journal->disk;
    uint64_t size = 0;
    *out = (struct buffer){0};
    if (!disk->size(disk->context, file, &size, error)) {
        return false;
    }
    out->size = (size_t)size;
    out->data = malloc(size > 0 ? out->size : 1);
    if (out->data == NULL) {
        return out_of_memory(journal, error);
    }
    const struct disk_read read = {.size = out->size, .out = out->data};
    return disk->read_at(disk->context, file, read, error);
}

static void visit_record(const struct record_view *record, journal_visit *visit, void *context)
{
    const struct journal_record out = {.type = (enum journal_type)record->type,
                                       .epoch = record->key.epoch,
                                       .view = record->key.view,
                                       .payload = record->payload};
    visit(context, &out);
}

/* Read every intact record from the front; returns the offset behind the last.  A BEGIN
 * without the segment's salt is none of ours. */
static size_t segment_replay(struct journal *journal, struct segment *segment, struct bytes data,
                             journal_visit *visit, void *context)
{
    struct record_view record;
    size_t offset = SEGMENT_HEADER_SIZE;
    while (segment_record_parse(data, offset, &record)) {
        const bool begins = segment_record_is_begin(&record, segment->salt, &journal->unit_number);
        if (!begins && record.type == RECORD_BEGIN) {
            break;
        }
        if (!begins) {
            segment_note(segment, record.key);
            visit_record(&record, visit, context);
        }
        segment->newest_unit = begins ? offset : segment->newest_unit;
        offset = record.next;
    }
    return offset;
}

static bool corrupt(const struct segment *segment, size_t offset, struct error *error)
{
    char name[DISK_NAME_MAX];
    segment_name(segment->number, name);
    return error_set(error, EXIT_CODE_CORRUPT,
                     "%s: damaged at offset %zu though it had been synced; check the disk, then "
                     "see docs/operations.md, section Damage: sign/ must stay",
                     name, offset);
}

/* Cut off what a crash left of the newest segment; end: behind the last intact record, 0 when
 * not even the header is.  The newest unit was read, but maybe from memory alone: the process was
 * killed before its sync, or the sync failed, after which the kernel takes the pages for clean
 * and a sync by itself writes nothing.  So it is written again; all units before it were synced
 * when it was written first. */
static bool segment_settle(struct journal *journal, struct bytes data, size_t end,
                           struct error *error)
{
    const struct disk_port *disk = &journal->disk;
    struct segment *segment = active(journal);
    uint8_t header[SEGMENT_HEADER_SIZE];
    const bool whole = end == data.size;
    segment->size = end;
    if (end == 0) {
        crypto_random_bytes(&segment->salt, sizeof(segment->salt));
        segment_header_write(segment, header);
        segment->size = sizeof(header);
        data = bytes_of(header, sizeof(header));
    }
    const size_t from = segment->newest_unit;
    const struct bytes again = bytes_of(data.data + from, (size_t)segment->size - from);
    return (whole || disk->truncate(disk->context, journal->file, end, error)) &&
           disk->write_at(disk->context, journal->file, from, again, error) &&
           disk->sync(disk->context, journal->file, error) && disk->sync_dir(disk->context, error);
}

static bool other_format(const struct segment *segment, struct error *error)
{
    char name[DISK_NAME_MAX];
    segment_name(segment->number, name);
    return error_set(error, EXIT_CODE_BAD_VERSION,
                     "%s: another version's format; start the gradus that wrote it, or restore "
                     "this node as a new member",
                     name);
}

struct recovery {
    journal_visit *visit;
    void *context;
    bool newest;
};

static bool segment_judge(struct journal *journal, struct bytes data,
                          const struct recovery *recovery, struct error *error)
{
    struct segment *segment = active(journal);
    size_t end = 0;
    bool torn = true;
    switch (segment_header_read(data, segment)) {
    case SEGMENT_HEADER_OK:
        end = segment_replay(journal, segment, data, recovery->visit, recovery->context);
        torn = !segment_has_later_unit(data, end, journal->unit_number, segment->salt);
        break;
    case SEGMENT_HEADER_TORN:
        break;
    case SEGMENT_HEADER_BAD:
        torn = false; /* the header was synced before the first record was written */
        break;
    case SEGMENT_HEADER_OTHER_FORMAT:
        return other_format(segment, error);
    }
    const bool whole = end == data.size && end > 0;
    segment->size = end;
    if (!whole && (!recovery->newest || !torn)) {
        return corrupt(segment, end, error);
    }
    journal->truncated_size = data.size - end;
    return !recovery->newest || segment_settle(journal, data, end, error);
}

/* What a crash may leave of the newest segment is cut off; of an older one nothing is. */
static bool segment_recover(struct journal *journal, const struct recovery *recovery,
                            struct error *error)
{
    struct buffer buffer;
    const bool ok = segment_load(journal, journal->file, &buffer, error) &&
                    segment_judge(journal, bytes_of(buffer.data, buffer.size), recovery, error);
    free(buffer.data);
    return ok;
}

static bool replay_all(struct journal *journal, const struct listing *listing, journal_visit *visit,
                       void *context, struct error *error)
{
    struct recovery recovery = {.visit = visit, .context = context};
    for (size_t i = 0; i < listing->count; i++) {
        recovery.newest = i + 1 == listing->count;
        if (i > 0 && listing->numbers[i] != listing->numbers[i - 1] + 1) {
            const struct segment missing = {.number = listing->numbers[i - 1] + 1};
            return corrupt(&missing, 0, error);
        }
        file_close(journal);
        if (!segments_add(journal, listing->numbers[i], error) ||
            !segment_open(journal, active(journal), false, &journal->file, error) ||
            !segment_recover(journal, &recovery, error)) {
            return false;
        }
    }
    return listing->count > 0 || segment_begin(journal, 1, error);
}

bool journal_open(const struct disk_port *port, journal_visit *visit, void *context,
                  struct journal **out, struct error *error)
{
    struct journal *journal = calloc(1, sizeof(*journal));
    if (journal == NULL) {
        return error_set(error, EXIT_CODE_FAILURE, "journal: out of memory");
    }
    journal->disk = *port;
    journal->file = -1;
    struct listing listing;
    const bool ok =
        listing_read(port, &listing, error) && replay_all(journal, &listing, visit, context, error);
    listing_free(&listing);
    if (!ok) {
        journal_close(journal);
        return false;
    }
    journal->unit_number++;
    *out = journal;
    return true;
}

void journal_close(struct journal *journal)
{
    if (journal == NULL) {
        return;
    }
    file_close(journal);
    free(journal->segments);
    free(journal->unit);
    free(journal);
}

static uint8_t *unit_room(struct journal *journal, size_t size)
{
    if (journal->unit_capacity - journal->unit_size < size) {
        const size_t capacity = (journal->unit_size + size) * 2;
        uint8_t *grown = realloc(journal->unit, capacity);
        if (grown == NULL) {
            journal->failed = true; /* the next sync says so */
            return NULL;
        }
        journal->unit = grown;
        journal->unit_capacity = capacity;
    }
    uint8_t *room = journal->unit + journal->unit_size;
    journal->unit_size += size;
    return room;
}

static void unit_add(struct journal *journal, uint8_t type, struct segment_key key,
                     struct bytes payload)
{
    uint8_t *room = unit_room(journal, segment_record_size(payload.size));
    if (room != NULL) {
        segment_record_write(room, type, key, payload);
    }
}

void journal_append(struct journal *journal, const struct journal_record *record)
{
    ASSERT(record->payload.size <= JOURNAL_PAYLOAD_SIZE_MAX);
    ASSERT((uint8_t)record->type != RECORD_BEGIN);

    if (journal->unit_size == 0) { /* BEGIN is written when it is known into which segment */
        (void)unit_room(journal, segment_record_size(BEGIN_PAYLOAD_SIZE));
        journal->unit_range = (struct segment){0};
    }
    const struct segment_key key = {.epoch = record->epoch, .view = record->view};
    unit_add(journal, (uint8_t)record->type, key, record->payload);
    segment_note(&journal->unit_range, key);
}

static bool is_full(const struct segment *segment, const struct segment *unit)
{
    if (!segment->has_records) {
        return false;
    }
    return segment->size >= JOURNAL_SEGMENT_SIZE || unit->max.epoch != segment->min.epoch ||
           (unit->max.view > segment->min.view &&
            unit->max.view - segment->min.view >= JOURNAL_SEGMENT_VIEWS);
}

static bool unit_write(struct journal *journal, struct error *error)
{
    const struct disk_port *disk = &journal->disk;
    if (is_full(active(journal), &journal->unit_range) &&
        !segment_begin(journal, active(journal)->number + 1, error)) {
        return false;
    }
    struct segment *segment = active(journal);
    segment_begin_write(journal->unit, journal->unit_number, segment->salt);
    const struct bytes unit = bytes_of(journal->unit, journal->unit_size);
    if (!disk->write_at(disk->context, journal->file, segment->size, unit, error) ||
        !disk->sync(disk->context, journal->file, error)) {
        return false;
    }
    segment->size += unit.size;
    segment_note(segment, journal->unit_range.min);
    segment_note(segment, journal->unit_range.max);
    return true;
}

bool journal_sync(struct journal *journal, struct error *error)
{
    if (journal->failed) {
        return error_set(error, EXIT_CODE_STORE,
                         "journal: an earlier write failed; restart the node");
    }
    if (journal->unit_size == 0) {
        return true;
    }
    if (!unit_write(journal, error)) {
        journal->failed = true;
        return false;
    }
    journal->unit_size = 0;
    journal->unit_number++;
    journal->sync_count++;
    return true;
}

struct view_filter {
    struct segment_key key;
    journal_visit *visit;
    void *context;
};

static void view_visit(const struct view_filter *filter, struct bytes data, size_t end)
{
    struct record_view record;
    size_t offset = SEGMENT_HEADER_SIZE;
    while (offset < end && segment_record_parse(data, offset, &record)) {
        if (record.type != RECORD_BEGIN && segment_key_compare(record.key, filter->key) == 0) {
            visit_record(&record, filter->visit, filter->context);
        }
        offset = record.next;
    }
}

static bool segment_read_view(struct journal *journal, const struct segment *segment,
                              const struct view_filter *filter, struct error *error)
{
    int file = -1;
    struct buffer buffer;
    if (!segment_open(journal, segment, false, &file, error)) {
        return false;
    }
    const bool ok = segment_load(journal, file, &buffer, error);
    journal->disk.close(journal->disk.context, file);
    if (ok) {
        view_visit(filter, bytes_of(buffer.data, buffer.size), (size_t)segment->size);
    }
    free(buffer.data);
    return ok;
}

bool journal_read_view(struct journal *journal, struct journal_place place, journal_visit *visit,
                       void *context, struct error *error)
{
    const struct view_filter filter = {
        .key = {.epoch = place.epoch, .view = place.view}, .visit = visit, .context = context};
    for (uint32_t i = 0; i < journal->segment_count; i++) {
        const struct segment *segment = &journal->segments[i];
        if (segment->has_records && segment_key_compare(segment->min, filter.key) <= 0 &&
            segment_key_compare(filter.key, segment->max) <= 0 &&
            !segment_read_view(journal, segment, &filter, error)) {
            return false;
        }
    }
    return true;
}

/* Only from the front, one durable removal after the other: a gap between segment numbers
 * means a lost file. */
bool journal_prune(struct journal *journal, uint64_t epoch, uint64_t view, struct error *error)
{
    const struct segment_key key = {.epoch = epoch, .view = view};
    uint32_t gone = 0;
    while (gone + 1 < journal->segment_count &&
           (!journal->segments[gone].has_records ||
            segment_key_compare(journal->segments[gone].max, key) <= 0)) {
        char name[DISK_NAME_MAX];
        segment_name(journal->segments[gone].number, name);
        if (!journal->disk.remove(journal->disk.context, name, error) ||
            !journal->disk.sync_dir(journal->disk.context, error)) {
            return false;
        }
        gone++;
    }
    if (gone > 0) {
        journal->segment_count -= gone;
        memmove(journal->segments, journal->segments + gone,
                journal->segment_count * sizeof(*journal->segments));
    }
    return true;
}

void journal_status(const struct journal *journal, struct journal_status *out)
{
    *out = (struct journal_status){.segment_count = journal->segment_count,
                                   .truncated_size = journal->truncated_size,
                                   .sync_count = journal->sync_count,
                                   .unit = journal->unit_number - 1};
    for (uint32_t i = 0; i < journal->segment_count; i++) {
        out->size += journal->segments[i].size;
    }
}
