#ifndef TESTS_SUPPORT_SPOIL_H
#define TESTS_SUPPORT_SPOIL_H

#include "client/audit/audit.h"
#include "tests/support/archive.h"
#include "tests/support/directory.h"

/* An archive as files in a directory of the test's own, ready to be audited and spoiled. */

struct spoil {
    struct directory directory;
    char genesis[DIRECTORY_PATH_MAX + 16];
    char history[DIRECTORY_PATH_MAX + 16];
};

/* Blocks up to `last`: transfers in most of them, certificates in most. */
static inline void spoil_blocks(struct archive *a, uint32_t accounts, uint64_t last)
{
    while (a->height < last) {
        const uint64_t h = a->height + 1;
        for (uint32_t i = 0; i < h % 4; i++) {
            archive_transfer(a, (uint32_t)(h + i) % accounts, (uint32_t)(h + 2 * i + 1) % accounts,
                             10 * h + i);
        }
        archive_block(a, &(struct archive_twist){.certify = h % 3 == 0 ? 0 : h - 1});
    }
}

static inline void spoil_open(struct spoil *spoil, struct archive *archive)
{
    bool made = directory_make(&spoil->directory);
    (void)snprintf(spoil->genesis, sizeof(spoil->genesis), "%s/genesis", spoil->directory.path);
    (void)snprintf(spoil->history, sizeof(spoil->history), "%s/history", spoil->directory.path);
    made = made && archive_write_genesis(archive, spoil->genesis) &&
           archive_export(archive, spoil->history);
    ASSERT(made);
}

static inline void spoil_close(const struct spoil *spoil)
{
    (void)unlink(spoil->genesis);
    directory_remove(&spoil->directory);
}

static inline struct audit_config spoil_config(const struct spoil *spoil)
{
    return (struct audit_config){.dir = spoil->history, .genesis = spoil->genesis, .threads = 2};
}

#endif /* TESTS_SUPPORT_SPOIL_H */
