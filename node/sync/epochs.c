#include "node/sync/epochs.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "state/objects/objects.h"
#include "store/snapshot/snapshot.h"
#include "wire/wire.h"

/* ---- The encoded chain of epochs ------------------------------------------------------- */

bool sync_epochs_decode(struct bytes bytes, struct sync_epochs *out)
{
    struct wire_reader reader;
    wire_reader_init(&reader, bytes);
    sync_epochs_read(&reader, out);
    return wire_reader_end(&reader);
}

void sync_epochs_read(struct wire_reader *reader, struct sync_epochs *out)
{
    out->count = wire_read_list(reader, SYNC_EPOCH_MAX);
    for (uint32_t i = 0; i < out->count; i++) {
        wire_read_array(reader, 3);
        out->items[i].header = wire_read_bin(reader, WIRE_HEADER_SIZE_MAX);
        out->items[i].finality = wire_read_bin(reader, WIRE_LAST_FINAL_SIZE_MAX);
        out->items[i].set = wire_read_bin(reader, WIRE_VALIDATOR_SET_SIZE_MAX);
    }
}

void sync_epochs_write(struct wire_writer *writer, const struct sync_epochs *epochs)
{
    wire_write_array(writer, epochs->count);
    for (uint32_t i = 0; i < epochs->count; i++) {
        wire_write_array(writer, 3);
        wire_write_bin(writer, epochs->items[i].header);
        wire_write_bin(writer, epochs->items[i].finality);
        wire_write_bin(writer, epochs->items[i].set);
    }
}

size_t sync_epochs_size(const struct sync_epochs *epochs)
{
    enum { LIST_OVERHEAD = 5, ITEM_OVERHEAD = 1 + 3 * 5 };
    size_t size = LIST_OVERHEAD;
    for (uint32_t i = 0; i < epochs->count; i++) {
        const struct sync_epoch *e = &epochs->items[i];
        size += e->header.size + e->finality.size + e->set.size + ITEM_OVERHEAD;
    }
    return size;
}

/* ---- From a store ---------------------------------------------------------------------- */

/* The epoch after the committed state, and where the one before ended. */
static void epoch_now(struct store *store, struct set_epoch *out)
{
    struct store_buffer value = {0};
    struct error error;
    const struct key key = key_global(GLOBAL_EPOCH);
    const bool found = store_get(store, key_view(&key), &value, &error) == STORE_FOUND &&
                       record_decode(&record_set_epoch, bytes_of(value.data, value.size), out);
    if (!found) {
        *out = (struct set_epoch){.epoch = 0};
    }
    store_buffer_free(&value);
}

static bool epoch_at(struct store *store, uint64_t height, uint64_t *epoch)
{
    static struct wire_block block; /* 8 KB; one thread */
    struct store_buffer bytes = {0};
    struct error error;
    const bool ok = store_block(store, height, &bytes, &error) == STORE_FOUND &&
                    wire_decode_block(bytes_of(bytes.data, bytes.size), &block);
    *epoch = ok ? block.header.epoch : 0;
    store_buffer_free(&bytes);
    return ok;
}

/* Where the search of an epoch ended before: it reads some twenty whole blocks, and anybody may
 * ask.  A hint of another chain, or of none, shows by the blocks it points between. */
static uint64_t hints[SYNC_EPOCH_MAX]; /* one thread */

static bool hint_holds(struct store *store, uint64_t epoch, uint64_t height)
{
    uint64_t its = 0;
    uint64_t next = 0;
    return height != 0 && epoch_at(store, height, &its) && its == epoch &&
           epoch_at(store, height + 1, &next) && next == epoch + 1;
}

bool sync_boundary_height(struct store *store, uint64_t epoch, uint64_t *height)
{
    struct store_status status;
    struct set_epoch now;
    uint64_t its = 0;
    store_status(store, &status);
    epoch_now(store, &now);
    uint64_t low = status.oldest_height;
    uint64_t high = now.start_height;
    if (epoch >= now.epoch || high < low) {
        return false;
    }
    if (hint_holds(store, epoch, hints[epoch % SYNC_EPOCH_MAX])) {
        *height = hints[epoch % SYNC_EPOCH_MAX];
        return true;
    }
    while (epoch + 1 < now.epoch && low < high) { /* the last block of the epoch */
        const uint64_t middle = low + (high - low + 1) / 2;
        if (!epoch_at(store, middle, &its)) {
            return false;
        }
        if (its <= epoch) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    *height = high;
    hints[epoch % SYNC_EPOCH_MAX] = high;
    return epoch_at(store, high, &its) && its == epoch;
}

static bool copy(struct bytes in, struct store_buffer *held, struct bytes *out)
{
    held->data = malloc(in.size + 1);
    held->size = held->data != NULL ? in.size : 0;
    if (held->data != NULL && in.size > 0) {
        memcpy(held->data, in.data, in.size);
    }
    *out = bytes_of(held->data, held->size);
    return held->data != NULL;
}

/* What a restored chain came with. */
static bool from_restore(struct store *store, uint64_t epoch, struct sync_boundary *out)
{
    static struct sync_epochs epochs; /* 50 KB; one thread */
    struct store_buffer bytes = {0};
    struct error error;
    const bool ok = snapshot_epochs(store, &bytes, &error) == STORE_FOUND &&
                    sync_epochs_decode(bytes_of(bytes.data, bytes.size), &epochs) &&
                    epoch < epochs.count &&
                    copy(epochs.items[epoch].header, &out->held[0], &out->epoch.header) &&
                    copy(epochs.items[epoch].finality, &out->held[1], &out->epoch.finality) &&
                    copy(epochs.items[epoch].set, &out->held[2], &out->epoch.set);
    store_buffer_free(&bytes);
    return ok;
}

/* Its own, or where that has gone to the sealed files what the block on it carries (3.8.3). */
static bool read_finality(struct store *store, uint64_t height, struct store_buffer *out)
{
    static struct wire_block block; /* 8 KB; one thread */
    struct store_buffer bytes = {0};
    struct bytes ignored;
    struct error error;
    if (store_finality(store, height, out, &error) == STORE_FOUND) {
        return true;
    }
    const bool carried = store_block(store, height + 1, &bytes, &error) == STORE_FOUND &&
                         wire_decode_block(bytes_of(bytes.data, bytes.size), &block) &&
                         block.has_last_final && block.last_final.light.height == height &&
                         copy(block.last_final_bytes, out, &ignored);
    store_buffer_free(&bytes);
    return carried;
}

static bool from_chain(struct store *store, uint64_t epoch, struct sync_boundary *out)
{
    static struct wire_block block; /* 8 KB; one thread */
    struct error error;
    struct set_epoch now;
    uint64_t height = 0;
    epoch_now(store, &now);
    const struct key key =
        epoch + 1 == now.epoch ? key_global(GLOBAL_VALIDATORS) : key_set(epoch + 1);
    if (!sync_boundary_height(store, epoch, &height) ||
        store_block(store, height, &out->held[0], &error) != STORE_FOUND ||
        !wire_decode_block(bytes_of(out->held[0].data, out->held[0].size), &block) ||
        !read_finality(store, height, &out->held[1]) ||
        store_get(store, key_view(&key), &out->held[2], &error) != STORE_FOUND) {
        return false;
    }
    out->epoch.header = block.header_bytes;
    out->epoch.finality = bytes_of(out->held[1].data, out->held[1].size);
    out->epoch.set = bytes_of(out->held[2].data, out->held[2].size);
    return true;
}

bool sync_boundary_read(struct store *store, uint64_t epoch, struct sync_boundary *out)
{
    *out = (struct sync_boundary){.held = {{0}}};
    if (from_restore(store, epoch, out)) {
        return true;
    }
    sync_boundary_free(out);
    if (from_chain(store, epoch, out)) {
        return true;
    }
    sync_boundary_free(out);
    return false;
}

void sync_boundary_free(struct sync_boundary *boundary)
{
    for (size_t i = 0; i < sizeof(boundary->held) / sizeof(boundary->held[0]); i++) {
        store_buffer_free(&boundary->held[i]);
    }
    *boundary = (struct sync_boundary){.held = {{0}}};
}
