#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "client/file/file.h"
#include "client/light/state.h"

/* The newest verified block, kept in a file from one life of a client to the next.
 *
 *     [1, HEADER bin, LAST_FINAL bin]
 *
 * It is this user's own file, so the header is believed; the certificate stands there for the
 * others, who are shown it when the chain turns out to have two histories. */

enum { MEMORY_VERSION = 1, MEMORY_SIZE_MAX = WIRE_HEADER_SIZE_MAX + WIRE_LAST_FINAL_SIZE_MAX + 16 };
enum { MEMORY_PATH_MAX = 4096 };

static bool parse(struct bytes bytes, struct light_tip *out)
{
    struct wire_reader reader;
    wire_reader_init(&reader, bytes);
    wire_read_array(&reader, 3);
    const bool known = wire_read_u64(&reader) == MEMORY_VERSION;
    const struct bytes header = wire_read_bin(&reader, WIRE_HEADER_SIZE_MAX);
    (void)wire_read_bin(&reader, WIRE_LAST_FINAL_SIZE_MAX);
    if (!wire_reader_end(&reader) || !known || !wire_decode_header(header, &out->header)) {
        return false;
    }
    verify_block_id(header, &out->block_id);
    return true;
}

/* *out of height 0 when there is no file. */
static bool load(const struct light *light, const char *path, struct light_tip *out,
                 struct error *error)
{
    struct stat info;
    size_t size = 0;
    memset(out, 0, sizeof *out);
    if (stat(path, &info) != 0 && errno == ENOENT) {
        return true;
    }
    uint8_t *data = file_read(path, MEMORY_SIZE_MAX, &size, error);
    if (data == NULL) {
        return false;
    }
    const bool sound = parse(bytes_of(data, size), out);
    free(data);
    if (!sound) {
        return error_set(error, EXIT_CODE_STORAGE,
                         "%s: no block remembered by this version; move it away to begin anew",
                         path);
    }
    return hash_equal(&out->header.chain_id, &light->config.chain_id) ||
           error_set(error, EXIT_CODE_WRONG_CHAIN, "%s: remembers a block of another chain", path);
}

static bool save(const struct light *light, const char *path, struct error *error)
{
    uint8_t header[WIRE_HEADER_SIZE_MAX];
    uint8_t memory[MEMORY_SIZE_MAX];
    struct wire_writer writer;
    struct bytes out;
    wire_writer_init(&writer, header, sizeof header);
    wire_write_header(&writer, &light->tip.header);
    bool fits = wire_writer_end(&writer, &out);
    ASSERT(fits);
    wire_writer_init(&writer, memory, sizeof memory);
    wire_write_array(&writer, 3);
    wire_write_u64(&writer, MEMORY_VERSION);
    wire_write_bin(&writer, out);
    wire_write_bin(&writer, bytes_of(light->tip_final, light->tip_final_size));
    fits = wire_writer_end(&writer, &out);
    ASSERT(fits);
    return file_write(path, out, error);
}

/* The answer as it came: it holds the newer certificate and the path to the other block. */
static bool tell_fork(const struct light *light, const char *path, uint64_t height,
                      struct error *error)
{
    char beside[MEMORY_PATH_MAX];
    struct error failure;
    const int length = snprintf(beside, sizeof beside, "%s.fork", path);
    const bool kept = length > 0 && (size_t)length < sizeof beside &&
                      file_write(beside, bytes_of(light->reply.data, light->reply.size), &failure);
    return error_set(error, EXIT_CODE_FORK,
                     "the chain's block %llu is not the one that was final: keep %s%s",
                     (unsigned long long)height, path, kept ? " and the file .fork beside it" : "");
}

/* The remembered block stands in its place, and the tip's history extends its own. */
static bool compare(struct light *light, const char *path, const struct light_tip *known,
                    struct error *error)
{
    struct light_tip now;
    if (light->config.floor_height < known->header.height) {
        light->config.floor_height = known->header.height;
    }
    if (!light_header(light, known->header.height, &now, error)) {
        return false;
    }
    return hash_equal(&now.block_id, &known->block_id) ||
           tell_fork(light, path, known->header.height, error);
}

bool light_remember(struct light *light, const char *path, struct error *error)
{
    struct light_tip known;
    if (!load(light, path, &known, error)) {
        return false;
    }
    if (known.header.height != 0) {
        if (!compare(light, path, &known, error)) {
            return false;
        }
    } else if (!light_refresh(light, error)) {
        /* A chain without a block is nothing to remember. */
        return error->code == EXIT_CODE_NOT_FOUND && light->tip.header.height == 0;
    }
    /* Another client may have written it meanwhile: it never goes back. */
    return load(light, path, &known, error) &&
           (light->tip.header.height <= known.header.height || save(light, path, error));
}
