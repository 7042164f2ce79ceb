#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "store/core.h"
#include "store/history/seal.h"
#include "store/sealed/files.h"
#include "store/sealed/sealed.h"

/* Beside the bytes of a chunk's tables: what is still in memory, and the file's own. */
enum { SPACE_MORE = 80 << 20 };

static uint64_t decided(struct store *store)
{
    struct store_status status;
    store_status(store, &status);
    return status.decided_height;
}

/* ---- Blocks -------------------------------------------------------------------------- */

struct blocks {
    struct store *store;
    struct store_buffer block; /* the last one */
};

static bool source(void *context, uint64_t height, struct bytes *out, struct error *error)
{
    struct blocks *blocks = context;
    store_buffer_free(&blocks->block);
    const enum store_answer answer = store_block(blocks->store, height, &blocks->block, error);
    *out = bytes_of(blocks->block.data, blocks->block.size);
    return answer == STORE_FOUND ||
           (answer == STORE_ABSENT && rocks_corrupt(&blocks->store->chain.rocks,
                                                    "a block before the newest is missing", error));
}

/* ---- Move ---------------------------------------------------------------------------- */

/* Is this, byte by byte, what chain.db has? */
static bool block_matches(struct store *store, const struct history_item *item, bool *same,
                          struct error *error)
{
    struct store_buffer body = {0};
    const enum store_answer answer =
        chain_get(&store->chain, CHAIN_BODY, item->height, &body, error);
    *same = answer == STORE_FOUND && bytes_equal(bytes_of(body.data, body.size), item->bytes);
    store_buffer_free(&body);
    return answer != STORE_FAILED;
}

/* Is this the seal that the chain gives? */
static bool seal_matches(struct store *store, const struct history_item *item, bool *same,
                         struct error *error)
{
    struct blocks blocks = {.store = store};
    const struct history_source from = {.context = &blocks, .block = source};
    const struct history_span range = {item->height, decided(store)};
    struct bytes right = {0};
    uint8_t *buffer = store_allocate(HISTORY_SEAL_SIZE_MAX);
    const enum store_answer answer = seal_find(&from, range, buffer, &right, error);
    *same = answer == STORE_FOUND && bytes_equal(right, item->bytes);
    store_buffer_free(&blocks.block);
    free(buffer);
    return answer != STORE_FAILED;
}

/* Every byte of a file against chain.db, which still has it all; false: chain.db failed. */
static bool verify(struct store *store, const char *path, bool *sound, struct error *error)
{
    struct history_reader *reader = NULL;
    struct history_item item;
    struct error ignored;
    enum history_answer answer = HISTORY_BLOCK;
    bool read = true;
    bool sealed = false;
    *sound = history_open(path, &store->chain.chain_id, &reader, &ignored);
    while (*sound && read && answer != HISTORY_END) {
        answer = history_next(reader, &item, &ignored);
        *sound = answer != HISTORY_DAMAGED && answer != HISTORY_FAILED;
        if (answer == HISTORY_BLOCK) {
            read = block_matches(store, &item, sound, error);
        } else if (answer == HISTORY_SEAL) {
            read = seal_matches(store, &item, &sealed, error);
        }
    }
    *sound = *sound && sealed;
    history_close(reader);
    return read;
}

/* The oldest file whose blocks are in chain.db, too; count: none. */
static bool find_double(struct store *store, size_t *index, struct error *error)
{
    struct sealed *sealed = store->chain.sealed;
    const size_t count = sealed_count(sealed);
    for (*index = count; *index > 0; (*index)--) { /* older ones were moved before newer ones */
        struct store_buffer body = {0};
        const enum store_answer answer = chain_get(
            &store->chain, CHAIN_BODY, sealed_span(sealed, *index - 1).last, &body, error);
        store_buffer_free(&body);
        if (answer == STORE_FAILED) {
            return false;
        }
        if (answer == STORE_ABSENT) {
            break;
        }
    }
    return true;
}

static bool move(struct store *store, size_t index, struct sealed_step *out, struct error *error)
{
    struct sealed *sealed = store->chain.sealed;
    const struct history_span span = sealed_span(sealed, index);
    char path[HISTORY_PATH_MAX];
    bool sound = false;
    sealed_file_path(sealed, index, path);
    *out = (struct sealed_step){.first = span.first, .last = span.last};
    if (!verify(store, path, &sound, error)) {
        return false;
    }
    if (!sound) {
        out->done = SEALED_THROWN;
        return sealed_unlink(sealed, index, error);
    }
    out->done = SEALED_MOVED;
    return sealed_sync(sealed, index, error) &&
           chain_drop(&store->chain, span.first, span.last, error);
}

/* ---- Write --------------------------------------------------------------------------- */

static bool space_check(struct store *store, const struct sealed_policy *policy,
                        const struct history_span *span, struct error *error)
{
    struct statvfs disk;
    const uint64_t needed = policy->reserve_bytes +
                            chain_body_size(&store->chain, span->first, span->last) + SPACE_MORE;
    if (statvfs(store->chain.rocks.path, &disk) != 0) {
        return error_set(error, EXIT_CODE_STORAGE, "%.200s: cannot ask for the free space",
                         store->chain.rocks.path);
    }
    return (uint64_t)disk.f_bavail * disk.f_frsize >= needed ||
           error_set(error, EXIT_CODE_DISK_FULL,
                     "%.200s: no room to seal heights %llu to %llu above the reserve",
                     sealed_dir(store->chain.sealed), (unsigned long long)span->first,
                     (unsigned long long)span->last);
}

static bool write_chunk(struct store *store, const struct sealed_policy *policy, uint64_t first,
                        struct sealed_step *out, struct error *error)
{
    struct blocks blocks = {.store = store};
    struct history_sealed sealed = {.written = false};
    const struct history_span span = {first, history_chunk_last(first)};
    const struct history_work work = {.dir = sealed_dir(store->chain.sealed),
                                      .chain_id = store->chain.chain_id,
                                      .source = {.context = &blocks, .block = source},
                                      .first = first,
                                      .last = decided(store)};
    if (work.last <= span.last) {
        return true; /* the last block's certificate stands above it */
    }
    if (!space_check(store, policy, &span, error)) {
        return false;
    }
    bool done = history_seal(&work, &sealed, error);
    store_buffer_free(&blocks.block);
    if (done && sealed.written) {
        *out = (struct sealed_step){.done = SEALED_WRITTEN, .first = span.first, .last = span.last};
        done = sealed_reload(store->chain.sealed, error);
    }
    return done;
}

/* The first block of the lowest chunk that has all its blocks here and no file. */
static uint64_t next_first(struct store *store)
{
    struct sealed *sealed = store->chain.sealed;
    struct store_status status;
    store_status(store, &status);
    const uint64_t oldest = status.oldest_height;
    uint64_t next =
        (oldest - 1) % HISTORY_CHUNK_BLOCKS == 0 ? oldest : history_chunk_last(oldest) + 1;
    for (size_t i = 0; i < sealed_count(sealed) && sealed_span(sealed, i).first <= next; i++) {
        const struct history_span span = sealed_span(sealed, i);
        next = span.first == next ? span.last + 1 : next;
    }
    return next;
}

/* ---- Unlink -------------------------------------------------------------------------- */

static bool unlink_oldest(struct store *store, const struct sealed_policy *policy,
                          struct sealed_step *out, struct error *error)
{
    struct sealed *sealed = store->chain.sealed;
    const size_t count = sealed_count(sealed);
    if (count == 0 || count <= policy->keep) {
        return true;
    }
    /* What the state may have to execute again stays. */
    const struct history_span span = sealed_span(sealed, 0);
    struct store_status status;
    store_status(store, &status);
    if (!status.initialised || status.applied_height < span.last + SEALED_BEHIND_MIN) {
        return true;
    }
    *out = (struct sealed_step){.done = SEALED_UNLINKED, .first = span.first, .last = span.last};
    /* Of a chain that began in the middle of a chunk there are blocks before the first file. */
    if (!chain_drop(&store->chain, 0, span.last, error)) {
        return false;
    }
    (void)pthread_mutex_lock(&store->lock);
    store->chain.oldest = store->chain.oldest > span.last ? store->chain.oldest : span.last + 1;
    (void)pthread_mutex_unlock(&store->lock);
    return sealed_unlink(sealed, 0, error);
}

bool sealed_step(struct store *store, const struct sealed_policy *policy, struct sealed_step *out,
                 struct error *error)
{
    struct sealed *sealed = store->chain.sealed;
    size_t index = 0;
    *out = (struct sealed_step){.done = SEALED_NOTHING};
    const size_t count = sealed_count(sealed);
    const uint64_t next = next_first(store);
    const bool gap = count > 0 && next < sealed_span(sealed, count - 1).first;
    if (gap) { /* a file was thrown away: again, before newer ones are moved */
        return write_chunk(store, policy, next, out, error);
    }
    if (!find_double(store, &index, error)) {
        return false;
    }
    if (index < count && decided(store) >= sealed_span(sealed, index).last + SEALED_MOVE_BEHIND) {
        return move(store, index, out, error);
    }
    if (!write_chunk(store, policy, next, out, error)) {
        return false;
    }
    return out->done != SEALED_NOTHING || unlink_oldest(store, policy, out, error);
}

uint64_t sealed_size(struct store *store)
{
    return sealed_bytes(store->chain.sealed);
}
