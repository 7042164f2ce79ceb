#include "base/hex.h"
#include "store/sign_state/sign_state.h"

enum { LINE_SIZE = 2 * HASH_SIZE + 1 };

static const char file_name[] = "consensus.key.used";
static const char new_name[] = "consensus.key.used.new";

static bool damaged(struct error *error)
{
    return error_set(error, EXIT_CODE_BAD_KEY,
                     "%s: damaged; each line is the chain id of a network that the key may have "
                     "voted on: mend it, never delete it",
                     file_name);
}

static bool line_read(const struct disk_port *keys, int file, uint64_t index, struct hash *out,
                      struct error *error)
{
    char line[LINE_SIZE];
    const struct disk_read read = {.offset = index * LINE_SIZE, .size = LINE_SIZE, .out = line};
    if (!keys->read_at(keys->context, file, read, error)) {
        return false;
    }
    const bool ends = line[LINE_SIZE - 1] == '\n';
    line[LINE_SIZE - 1] = '\0';
    return (ends && hex_decode(line, out->bytes, HASH_SIZE)) || damaged(error);
}

/* *file is -1 and *count 0 when there is no marker yet. */
static bool marker_open(const struct disk_port *keys, int *file, uint64_t *count,
                        struct error *error)
{
    uint64_t size = 0;
    *count = 0;
    if (!keys->open(keys->context, file_name, false, file, error)) {
        *file = -1;
        return error->code == EXIT_CODE_NOT_FOUND;
    }
    if (!keys->size(keys->context, *file, &size, error) ||
        (size % LINE_SIZE != 0 && !damaged(error))) {
        keys->close(keys->context, *file);
        return false;
    }
    *count = size / LINE_SIZE;
    return true;
}

bool sign_used_read(const struct disk_port *keys, const struct hash *chain_id, bool *used,
                    struct error *error)
{
    struct hash line;
    int file = -1;
    uint64_t count = 0;
    bool ok = marker_open(keys, &file, &count, error);
    *used = false;
    for (uint64_t i = 0; i < count && ok; i++) {
        ok = line_read(keys, file, i, &line, error);
        *used = *used || (ok && hash_equal(&line, chain_id));
    }
    if (file >= 0) {
        keys->close(keys->context, file);
    }
    return ok;
}

static bool line_add(const struct disk_port *keys, int file, const struct hash *chain_id,
                     struct error *error)
{
    char line[LINE_SIZE];
    hex_encode(chain_id->bytes, HASH_SIZE, line);
    line[LINE_SIZE - 1] = '\n'; /* in the place of the final zero */
    return keys->append(keys->context, file, bytes_of(line, LINE_SIZE), error);
}

static bool lines_copy(const struct disk_port *keys, int from, uint64_t count, int to,
                       struct error *error)
{
    struct hash line;
    for (uint64_t i = 0; i < count; i++) {
        if (!line_read(keys, from, i, &line, error) || !line_add(keys, to, &line, error)) {
            return false;
        }
    }
    return true;
}

/* A file of its own that takes the old one's place: a crash leaves one of the two whole. */
bool sign_used_write(const struct disk_port *keys, const struct hash *chain_id, struct error *error)
{
    int from = -1;
    int to = -1;
    uint64_t count = 0;
    const bool ok = marker_open(keys, &from, &count, error) &&
                    keys->open(keys->context, new_name, true, &to, error) &&
                    keys->truncate(keys->context, to, 0, error) &&
                    lines_copy(keys, from, count, to, error) &&
                    line_add(keys, to, chain_id, error) && keys->sync(keys->context, to, error) &&
                    keys->rename(keys->context, new_name, file_name, error) &&
                    keys->sync_dir(keys->context, error);
    if (from >= 0) {
        keys->close(keys->context, from);
    }
    if (to >= 0) {
        keys->close(keys->context, to);
    }
    return ok;
}
