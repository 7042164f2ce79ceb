#ifndef STORE_JOURNAL_DISK_PORT_H
#define STORE_JOURNAL_DISK_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/error.h"

/* One directory on a disk, as the journal and sign.state need it.  Implemented by POSIX files
 * (disk_posix_open) and by the simulator's disk, which loses and tears what was not synced.
 *
 * Promises: after sync() returned true the file's bytes and size survive a power cut; after
 * sync_dir() creations, renames and removals do (P21: a synced file in an unsynced directory
 * may be gone).  Nothing else survives for sure.  A call that fails fills *error with the
 * file's name and the next step; after a failed sync nothing may be assumed about what is on
 * the disk, the caller stops.  Names are plain file names.  One thread. */

enum { DISK_NAME_MAX = 64 };

typedef void disk_visit(void *context, const char *name);

struct disk_read {
    uint64_t offset;
    size_t size;
    void *out;
};

struct disk_port {
    void *context;
    /* Open for reading and writing, made empty if create and not there.  False with
     * EXIT_CODE_NOT_FOUND when absent. */
    bool (*open)(void *context, const char *name, bool create, int *file, struct error *error);
    void (*close)(void *context, int file);
    bool (*size)(void *context, int file, uint64_t *out, struct error *error);
    bool (*append)(void *context, int file, struct bytes bytes, struct error *error);
    bool (*write_at)(void *context, int file, uint64_t offset, struct bytes bytes,
                     struct error *error);
    /* Exactly read.size bytes, or an error. */
    bool (*read_at)(void *context, int file, struct disk_read read, struct error *error);
    bool (*truncate)(void *context, int file, uint64_t size, struct error *error);
    bool (*sync)(void *context, int file, struct error *error);
    bool (*rename)(void *context, const char *from, const char *to, struct error *error);
    bool (*remove)(void *context, const char *name, struct error *error);
    /* Every file, in no order. */
    bool (*list)(void *context, disk_visit *visit, void *visit_context, struct error *error);
    bool (*sync_dir)(void *context, struct error *error);
};

/* A port onto an existing directory; dir is borrowed for the call only. */
MUST_USE bool disk_posix_open(const char *dir, struct disk_port *out, struct error *error);
void disk_posix_close(struct disk_port *port);

#endif /* STORE_JOURNAL_DISK_PORT_H */
