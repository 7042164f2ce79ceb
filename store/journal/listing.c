#include "store/journal/listing.h"

#include <stdlib.h>

#include "store/journal/segment.h"

static void listing_add(void *context, const char *name)
{
    struct listing *listing = context;
    uint64_t number = 0;
    if (!segment_name_parse(name, &number)) {
        return;
    }
    if (listing->count == listing->capacity) {
        const size_t capacity = listing->capacity * 2 + 16;
        uint64_t *grown = realloc(listing->numbers, capacity * sizeof(*grown));
        if (grown == NULL) {
            listing->failed = true;
            return;
        }
        listing->numbers = grown;
        listing->capacity = capacity;
    }
    listing->numbers[listing->count++] = number;
}

static int compare_numbers(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;
    return x == y ? 0 : (x < y ? -1 : 1);
}

bool listing_read(const struct disk_port *disk, struct listing *out, struct error *error)
{
    *out = (struct listing){0};
    if (!disk->list(disk->context, listing_add, out, error)) {
        return false;
    }
    if (out->failed) {
        return error_set(error, EXIT_CODE_FAILURE, "journal: out of memory; restart the node");
    }
    if (out->count > 0) {
        qsort(out->numbers, out->count, sizeof(*out->numbers), compare_numbers);
    }
    return true;
}

void listing_free(struct listing *listing)
{
    free(listing->numbers);
    *listing = (struct listing){0};
}
