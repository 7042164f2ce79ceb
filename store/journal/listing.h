#ifndef STORE_JOURNAL_LISTING_H
#define STORE_JOURNAL_LISTING_H

#include "store/journal/disk_port.h"

/* Which segments lie in the directory; private to the journal. */

struct listing {
    uint64_t *numbers; /* ascending */
    size_t count;
    size_t capacity;
    bool failed;
};

/* In any case freed by the caller, with listing_free. */
MUST_USE bool listing_read(const struct disk_port *disk, struct listing *out, struct error *error);
void listing_free(struct listing *listing);

#endif /* STORE_JOURNAL_LISTING_H */
