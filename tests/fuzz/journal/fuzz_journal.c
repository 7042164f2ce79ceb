#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "store/journal/journal.h"
#include "tests/sim/disk.h"

/* Whatever a segment file holds: it opens, or says why not; what opened once opens again with
 * the same records and takes more. */

struct seen {
    uint64_t count;
    uint64_t mix;
};

static void see(void *context, const struct journal_record *record)
{
    struct seen *seen = context;
    seen->count++;
    seen->mix = seen->mix * 31 + record->view * 7 + record->payload.size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sim_disk disk;
    struct error error = {0};
    struct seen first = {0};
    struct seen second = {0};
    int file = -1;
    struct journal *journal = NULL;
    const struct disk_port port = sim_disk_port(&disk);
    sim_disk_free(&disk);
    if (!port.open(port.context, "journal-0000000000000001", true, &file, &error) ||
        !port.append(port.context, file, bytes_of(data, size), &error)) {
        abort();
    }
    if (!journal_open(&port, see, &first, &journal, &error)) {
        return error.code == EXIT_CODE_OK ? (abort(), 0) : 0;
    }
    const struct journal_record more = {
        .type = JOURNAL_VOTE, .epoch = 1, .view = 5, .payload = bytes_of("abc", 3)};
    journal_append(journal, &more);
    if (!journal_sync(journal, &error)) {
        abort();
    }
    journal_close(journal);
    if (!journal_open(&port, see, &second, &journal, &error) || second.count != first.count + 1 ||
        second.mix != first.mix * 31 + 38) {
        abort();
    }
    journal_close(journal);
    return 0;
}
