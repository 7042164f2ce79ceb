#include "store/inspect/inspect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/endian.h"
#include "base/hex.h"
#include "store/inspect/core.h"

enum { HEIGHT_SIZE = 8 };

const char *const inspect_chain_tables[CHAIN_FAMILY_COUNT] = {"default", "id",     "body", "fin",
                                                              "res",     "hash2h", "mmr"};
const char *const inspect_state_tables[LEDGER_FAMILY_COUNT] = {"default", "leaf", "kidx", "undo"};

/* ---- Open ------------------------------------------------------------------------- */

static bool is_there(const char *dir, const char *database)
{
    char path[ROCKS_PATH_MAX];
    struct stat state;
    const int length = snprintf(path, sizeof(path), "%s/%s", dir, database);
    return length > 0 && (size_t)length < sizeof(path) && stat(path, &state) == 0;
}

/* A running node holds the lock that RocksDB takes on the file LOCK. */
static bool is_free(const char *dir, const char *database, struct error *error)
{
    char path[ROCKS_PATH_MAX];
    const int length = snprintf(path, sizeof(path), "%s/%s/LOCK", dir, database);
    const int fd =
        length < 0 || (size_t)length >= sizeof(path) ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return true; /* nobody can hold what is not there */
    }
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    const bool known = fcntl(fd, F_GETLK, &lock) == 0;
    (void)close(fd);
    return !known || lock.l_type == F_UNLCK ||
           error_set(error, EXIT_CODE_STORE, "%.160s/%s: process %ld uses it; stop that node first",
                     dir, database, (long)lock.l_pid);
}

static bool window_find(struct inspect *inspect, struct error *error)
{
    rocksdb_iterator_t *iterator = rocks_iterate(&inspect->store.state, LEDGER_UNDO);
    inspect->head.proven_from = inspect->head.applied_height;
    rocksdb_iter_seek_to_first(iterator);
    if (rocksdb_iter_valid(iterator)) {
        const struct bytes key = rocks_iterator_key(iterator);
        const uint64_t first = key.size == HEIGHT_SIZE ? load_be64(key.data) : 0;
        inspect->head.proven_from = first > 0 ? first - 1 : inspect->head.applied_height;
    }
    return rocks_iterator_end(&inspect->store.state, iterator, error);
}

static bool state_open(struct inspect *inspect, const struct store_options *options,
                       struct error *error)
{
    struct store *store = &inspect->store;
    const struct rocks_config config = ledger_config(options);
    uint64_t count = 0;
    if (!rocks_open(&store->state, &config, error) || !meta_check(&store->state, options, error) ||
        !ledger_load_applied(store, &count, error)) {
        return false;
    }
    inspect->head.has_state = store->initialised;
    inspect->head.applied_height = store->height;
    inspect->head.applied_root = store->root;
    inspect->head.key_count = count;
    return window_find(inspect, error);
}

bool inspect_open(const char *dir, const struct hash *chain_id, struct inspect **out,
                  struct error *error)
{
    const struct store_options options = {.dir = dir, .chain_id = *chain_id, .read_only = true};
    if (!is_there(dir, "chain.db")) {
        return error_set(error, EXIT_CODE_NOT_FOUND,
                         "%.200s: no chain.db there; name the node's data_dir", dir);
    }
    if (!is_free(dir, "chain.db", error) || !is_free(dir, "state.db", error)) {
        return false;
    }
    struct inspect *inspect = store_allocate(sizeof(*inspect));
    memset(inspect, 0, sizeof(*inspect));
    inspect->store.read_only = true;
    bool opened = chain_open(&inspect->store.chain, &options, error);
    if (opened && is_there(dir, "state.db")) {
        opened = state_open(inspect, &options, error);
    }
    if (!opened) {
        inspect_close(inspect);
        return false;
    }
    inspect->head.decided_height = inspect->store.chain.height;
    inspect->head.base = inspect->store.chain.base;
    inspect->head.oldest = inspect->store.chain.oldest;
    inspect->head.decided_id = inspect->store.chain.id;
    *out = inspect;
    return true;
}

void inspect_close(struct inspect *inspect)
{
    if (inspect == NULL) {
        return;
    }
    rocks_close(&inspect->store.state);
    chain_close(&inspect->store.chain);
    free(inspect);
}

bool inspect_read_state(struct inspect *inspect, struct bytes key, uint8_t **out, size_t *size)
{
    struct hash path;
    struct store_buffer found = {0};
    struct record record;
    struct error error;
    crypto_sha256(key, &path);
    bool ok = inspect->head.has_state &&
              ledger_get(&inspect->store, &path, &found, &error) == STORE_FOUND &&
              leaf_record_read(bytes_of(found.data, found.size), &record) &&
              bytes_equal(record.key, key);
    *out = ok ? store_allocate(record.value.size + 1) : NULL;
    *size = ok ? record.value.size : 0;
    if (ok && record.value.size > 0) {
        memcpy(*out, record.value.data, record.value.size);
    }
    store_buffer_free(&found);
    return ok;
}

const struct inspect_head *inspect_head(const struct inspect *inspect)
{
    return &inspect->head;
}

const struct inspect_fault *inspect_fault(const struct inspect *inspect)
{
    return &inspect->fault;
}

/* ---- Saying what is wrong ----------------------------------------------------------- */

bool inspect_damage(struct inspect *inspect, const struct rocks *rocks, const struct place *place,
                    const char *what, struct error *error)
{
    enum { SHOWN = 33 }; /* bytes of a key in the line */
    char where[2 * SHOWN + 64];
    struct inspect_fault *fault = &inspect->fault;
    *fault = (struct inspect_fault){.found = true, .database = rocks->name, .table = place->table};
    int length = snprintf(where, sizeof(where), "table %s", place->table);
    if (place->height != NULL) {
        fault->has_height = true;
        fault->height = *place->height;
        length = snprintf(where, sizeof(where), "table %s, height %llu", place->table,
                          (unsigned long long)*place->height);
    }
    if (place->key.size > 0) {
        const size_t size = place->key.size < INSPECT_KEY_MAX ? place->key.size : INSPECT_KEY_MAX;
        char text[2 * SHOWN + 1];
        memcpy(fault->key, place->key.data, size);
        fault->key_size = size;
        hex_encode(place->key.data, size < SHOWN ? size : SHOWN, text);
        (void)snprintf(where + length, sizeof(where) - (size_t)length, ", key %s", text);
    }
    return error_set(error, EXIT_CODE_CORRUPT, "%.100s: %s: %s; %s", rocks->path, where, what,
                     rocks->repair);
}

bool inspect_iterator_sound(struct inspect *inspect, const struct rocks *rocks,
                            const struct place *place, const rocksdb_iterator_t *iterator,
                            struct error *error)
{
    char *message = NULL;
    rocksdb_iter_get_error(iterator, &message);
    if (message == NULL) {
        return true;
    }
    char what[48];
    (void)inspect_damage(inspect, rocks, place, "", error);
    (void)snprintf(what, sizeof(what), "cannot read table %s", place->table);
    return rocks_fail(rocks, what, message, error);
}

/* ---- Reading ------------------------------------------------------------------------ */

bool inspect_read_block(struct inspect *inspect, uint64_t height, uint8_t **out, size_t *size,
                        struct error *error)
{
    struct store_buffer found = {0};
    const enum store_answer answer = chain_block(&inspect->store.chain, height, &found, error);
    *out = found.data;
    *size = found.size;
    return answer != STORE_FAILED;
}

bool inspect_undo(struct inspect *inspect, uint64_t height, struct undo *out, struct error *error)
{
    switch (ledger_undo_get(&inspect->store, height, out, error)) {
    case STORE_FOUND:
        return true;
    case STORE_ABSENT:
        return inspect_damage(inspect, &inspect->store.state,
                              &(struct place){.table = "undo", .height = &height},
                              "the record is missing", error);
    case STORE_FAILED:
        inspect->fault = (struct inspect_fault){.found = true,
                                                .database = "state.db",
                                                .table = "undo",
                                                .has_height = true,
                                                .height = height};
        return false;
    }
    UNREACHABLE();
}

void inspect_undo_free(struct undo *undo)
{
    uint8_t *bytes = NULL;
    memcpy(&bytes, &undo->bytes.data, sizeof(bytes)); /* ours: made by ledger_undo_get */
    free(bytes);
    undo->bytes = (struct bytes){0};
}
