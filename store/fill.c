/* The tree in RAM out of state.db: most of the time that opening a large state takes.  Each
 * thread has the paths that begin with some bits. */
#include <pthread.h>
#include <unistd.h>

#include "store/core.h"

enum { FILL_BITS_MAX = 3, FILL_ALONE_MAX = 10000 };

struct filler {
    struct store *store;
    uint32_t bits;
    uint32_t index;
    pthread_t thread;
    bool running;
    bool done; /* else */
    struct error error;
};

static uint32_t top_bits(const uint8_t *path, uint32_t bits)
{
    return bits == 0 ? 0 : (uint32_t)path[0] >> (8 - bits);
}

static bool fill_part(const struct filler *filler, struct error *error)
{
    struct store *store = filler->store;
    rocksdb_iterator_t *iterator = rocks_iterate_all(&store->state, LEDGER_LEAF);
    const char first = (char)(uint8_t)(filler->bits == 0 ? 0 : filler->index << (8 - filler->bits));
    bool sound = true;
    bool inside = true;
    for (rocksdb_iter_seek(iterator, &first, sizeof(first));
         sound && inside && rocksdb_iter_valid(iterator); rocksdb_iter_next(iterator)) {
        const struct bytes key = rocks_iterator_key(iterator);
        struct record record;
        sound = key.size == HASH_SIZE && leaf_record_read(rocks_iterator_value(iterator), &record);
        inside = sound && top_bits(key.data, filler->bits) == filler->index;
        if (inside) {
            struct state_tree_leaf leaf = {.hash = record.leaf};
            memcpy(leaf.path.bytes, key.data, HASH_SIZE);
            tier_load(store->tier, &leaf);
        }
    }
    if (!rocks_iterator_end(&store->state, iterator, error)) {
        return false;
    }
    tier_seal_part(store->tier, filler->bits, filler->index);
    return sound || rocks_corrupt(&store->state, "a leaf record is damaged", error);
}

static void *run(void *context)
{
    struct filler *filler = context;
    filler->done = fill_part(filler, &filler->error);
    return NULL;
}

static uint32_t bits_for(uint64_t count)
{
    const long processors = count < FILL_ALONE_MAX ? 1 : sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t bits = 0;
    while (bits < FILL_BITS_MAX && (2L << bits) <= processors) {
        bits++;
    }
    return bits;
}

bool ledger_fill(struct store *store, uint64_t count, struct error *error)
{
    struct filler fillers[1 << FILL_BITS_MAX];
    const uint32_t bits = bits_for(count);
    const uint32_t parts = UINT32_C(1) << bits;
    for (uint32_t i = 0; i < parts; i++) {
        fillers[i] = (struct filler){.store = store, .bits = bits, .index = i};
        fillers[i].running =
            i + 1 < parts && pthread_create(&fillers[i].thread, NULL, run, &fillers[i]) == 0;
        if (!fillers[i].running) {
            (void)run(&fillers[i]);
        }
    }
    bool done = true;
    for (uint32_t i = 0; i < parts; i++) {
        if (fillers[i].running) {
            (void)pthread_join(fillers[i].thread, NULL);
        }
        if (done && !fillers[i].done) {
            *error = fillers[i].error;
            done = false;
        }
    }
    if (done) {
        tier_seal_top(store->tier, bits);
    }
    return done;
}
