#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hex.h"
#include "base/log.h"
#include "client/file/file.h"
#include "client/worker/task.h"
#include "crypto/keyfile/keyfile.h"
#include "wire/codec/codec.h"

/* What survives SIGKILL: one folder for each lease, whole files, replaced and synced at once.
 *
 *     tunnel.key   the X25519 secret named in LEASE_ACCEPT
 *     data         the data set
 *     base         [round, theta, momentum, inner, counters, ef] at the start of a round
 *     segment      the state after a sub-segment, or all of a finished segment
 *
 * base and segment end with the SHA-256 of what stands before.  A file that is damaged or of
 * another lease is as good as none: its work is done again. */

enum { PATH_SIZE = 512, NODES_MAX = 1024 };

static void task_journal_path(const struct worker *worker, const char *name, char out[PATH_SIZE])
{
    char id[17];
    hex_encode(worker->task->lease_id.bytes, 8, id);
    (void)snprintf(out, PATH_SIZE, "%s/%s%s%s", worker->config->journal, id,
                   name[0] == '\0' ? "" : "/", name);
}

static bool folder_make(const char *path, struct error *error)
{
    return mkdir(path, 0700) == 0 || errno == EEXIST ||
           error_set(error, EXIT_CODE_STORAGE, "%s: cannot make this folder (error %d)", path,
                     errno);
}

bool task_journal_open(const struct worker *worker, struct error *error)
{
    char path[PATH_SIZE];
    task_journal_path(worker, "", path);
    return folder_make(worker->config->journal, error) && folder_make(path, error);
}

bool task_journal_tunnel(const struct worker *worker, struct error *error)
{
    struct task *task = worker->task;
    char path[PATH_SIZE];
    struct stat found;
    if (task->has_tunnel) {
        return true;
    }
    task_journal_path(worker, "tunnel.key", path);
    const struct crypto_keyfile file = {.path = path, .kind = CRYPTO_KEYFILE_TUNNEL};
    if (stat(path, &found) == 0) {
        task->has_tunnel = crypto_keyfile_read(&file, task->tunnel_secret, error);
    } else {
        crypto_random_bytes(task->tunnel_secret, sizeof task->tunnel_secret);
        task->has_tunnel = crypto_keyfile_write(&file, task->tunnel_secret, error);
    }
    return task->has_tunnel;
}

/* ---- Sealed files ---------------------------------------------------------------------------- */

static bool sealed_write(const struct worker *worker, const char *name, uint8_t *buffer,
                         struct bytes body, struct error *error)
{
    char path[PATH_SIZE];
    struct hash digest;
    crypto_sha256(body, &digest);
    memcpy(buffer + body.size, digest.bytes, HASH_SIZE);
    task_journal_path(worker, name, path);
    return file_write(path, bytes_of(buffer, body.size + HASH_SIZE), error);
}

/* The body, or NULL: none, damaged. */
static uint8_t *sealed_read(const struct worker *worker, const char *name, size_t size_max,
                            struct bytes *body)
{
    char path[PATH_SIZE];
    struct stat found;
    struct error error;
    struct hash digest;
    size_t size = 0;
    task_journal_path(worker, name, path);
    if (stat(path, &found) != 0) {
        return NULL;
    }
    uint8_t *data = file_read(path, size_max, &size, &error);
    if (data == NULL) {
        log_line(LOG_ODD, "worker", "journal: %s", error.detail);
        return NULL;
    }
    if (size >= HASH_SIZE) {
        *body = bytes_of(data, size - HASH_SIZE);
        crypto_sha256(*body, &digest);
        if (memcmp(digest.bytes, data + size - HASH_SIZE, HASH_SIZE) == 0) {
            return data;
        }
    }
    log_line(LOG_ODD, "worker", "journal: %s is damaged, its work is done again", path);
    free(data);
    return NULL;
}

static size_t floats_size(const struct task *task)
{
    return (size_t)task->elements * sizeof(float);
}

static size_t task_journal_size_max(const struct task *task)
{
    return 4 * floats_size(task) + (size_t)task->inner_size + (size_t)task->counters_size +
           (size_t)outer_blob_size(&task->program) + 65536;
}

/* ---- base ----------------------------------------------------------------------------------- */

bool task_journal_write_base(const struct worker *worker, struct error *error)
{
    const struct task *task = worker->task;
    const size_t capacity = task_journal_size_max(task);
    uint8_t *buffer = malloc(capacity);
    struct wire_writer writer;
    struct bytes body;
    if (buffer == NULL) {
        return error_set(error, EXIT_CODE_FAILURE, "worker: no memory for the journal");
    }
    wire_writer_init(&writer, buffer, capacity - HASH_SIZE);
    wire_write_array(&writer, 6);
    wire_write_u64(&writer, task->base_round);
    wire_write_bin(&writer, bytes_of(task->base.theta, floats_size(task)));
    wire_write_bin(&writer, bytes_of(task->momentum, floats_size(task)));
    wire_write_bin(&writer, bytes_of(task->base.inner, (size_t)task->inner_size));
    wire_write_bin(&writer, bytes_of(task->base.counters, (size_t)task->counters_size));
    wire_write_bin(&writer, bytes_of(task->base.ef, floats_size(task)));
    const bool fits = wire_writer_end(&writer, &body);
    ASSERT(fits);
    const bool ok = sealed_write(worker, "base", buffer, body, error);
    free(buffer);
    return ok;
}

bool task_journal_read_base(const struct worker *worker)
{
    struct task *task = worker->task;
    struct bytes body;
    struct wire_reader reader;
    uint8_t *data = sealed_read(worker, "base", task_journal_size_max(task), &body);
    if (data == NULL) {
        return false;
    }
    wire_reader_init_nodes(&reader, body, NODES_MAX);
    wire_read_array(&reader, 6);
    task->base_round = wire_read_u32(&reader);
    wire_read_fixed(&reader, (uint8_t *)task->base.theta, floats_size(task));
    wire_read_fixed(&reader, (uint8_t *)task->momentum, floats_size(task));
    wire_read_fixed(&reader, task->base.inner, (size_t)task->inner_size);
    wire_read_fixed(&reader, task->base.counters, (size_t)task->counters_size);
    wire_read_fixed(&reader, (uint8_t *)task->base.ef, floats_size(task));
    const bool ok = wire_reader_end(&reader);
    if (!ok) { /* of another shape: begin again from nothing */
        memset(task->momentum, 0, floats_size(task));
        memset(task->base.ef, 0, floats_size(task));
        task->base_round = 0;
    }
    free(data);
    return ok;
}

/* ---- segment --------------------------------------------------------------------------------- */

static uint32_t bits_of(float value)
{
    uint32_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float value = 0.0F;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void write_segment(struct wire_writer *writer, const struct task *task)
{
    const struct task_segment *now = &task->now;
    wire_write_array(writer, 16);
    wire_write_u64(writer, now->round);
    wire_write_u64(writer, now->step);
    wire_write_u64(writer, now->done ? 1 : 0);
    wire_write_u64(writer, bits_of(now->loss_first));
    wire_write_u64(writer, bits_of(now->loss_last));
    wire_write_array(writer, now->root_count);
    for (uint32_t i = 0; i < now->root_count; i++) {
        wire_write_hash(writer, &now->roots[i]);
    }
    wire_write_hash(writer, &now->end.params);
    wire_write_hash(writer, &now->end.inner);
    wire_write_hash(writer, &now->end.counters);
    wire_write_hash(writer, &now->salt);
    wire_write_hash(writer, &now->delta_root);
    wire_write_bin(writer, bytes_of(now->after.theta, floats_size(task)));
    wire_write_bin(writer, bytes_of(now->after.inner, (size_t)task->inner_size));
    wire_write_bin(writer, bytes_of(now->after.counters, (size_t)task->counters_size));
    wire_write_bin(writer, bytes_of(now->after.ef, now->done ? floats_size(task) : 0));
    wire_write_bin(writer,
                   bytes_of(now->delta, now->done ? (size_t)outer_blob_size(&task->program) : 0));
}

bool task_journal_write_segment(const struct worker *worker, struct error *error)
{
    const size_t capacity = task_journal_size_max(worker->task);
    uint8_t *buffer = malloc(capacity);
    struct wire_writer writer;
    struct bytes body;
    if (buffer == NULL) {
        return error_set(error, EXIT_CODE_FAILURE, "worker: no memory for the journal");
    }
    wire_writer_init(&writer, buffer, capacity - HASH_SIZE);
    write_segment(&writer, worker->task);
    const bool fits = wire_writer_end(&writer, &body);
    ASSERT(fits);
    const bool ok = sealed_write(worker, "segment", buffer, body, error);
    free(buffer);
    return ok;
}

static bool read_segment(struct wire_reader *reader, struct task *task)
{
    struct task_segment *now = &task->now;
    wire_read_array(reader, 16);
    now->round = wire_read_u32(reader);
    now->step = wire_read_u32(reader);
    now->done = wire_read_flag(reader);
    now->loss_first = float_of(wire_read_u32(reader));
    now->loss_last = float_of(wire_read_u32(reader));
    now->root_count = wire_read_list(reader, SEGMENT_CHECKPOINT_MAX + 1);
    for (uint32_t i = 0; i < now->root_count; i++) {
        now->roots[i] = wire_read_hash(reader);
    }
    now->end.params = wire_read_hash(reader);
    now->end.inner = wire_read_hash(reader);
    now->end.counters = wire_read_hash(reader);
    now->salt = wire_read_hash(reader);
    now->delta_root = wire_read_hash(reader);
    wire_read_fixed(reader, (uint8_t *)now->after.theta, floats_size(task));
    wire_read_fixed(reader, now->after.inner, (size_t)task->inner_size);
    wire_read_fixed(reader, now->after.counters, (size_t)task->counters_size);
    wire_read_fixed(reader, (uint8_t *)now->after.ef, now->done ? floats_size(task) : 0);
    wire_read_fixed(reader, now->delta, now->done ? (size_t)outer_blob_size(&task->program) : 0);
    return wire_reader_end(reader) && now->root_count > 0;
}

bool task_journal_read_segment(const struct worker *worker)
{
    struct bytes body;
    struct wire_reader reader;
    uint8_t *data = sealed_read(worker, "segment", task_journal_size_max(worker->task), &body);
    if (data == NULL) {
        return false;
    }
    wire_reader_init_nodes(&reader, body, NODES_MAX);
    const bool ok = read_segment(&reader, worker->task);
    free(data);
    return ok;
}

/* ---- Blobs that prove themselves ---------- */

bool task_journal_write_blob(const struct worker *worker, const char *name, struct bytes bytes,
                             struct error *error)
{
    char path[PATH_SIZE];
    task_journal_path(worker, name, path);
    return file_write(path, bytes, error);
}

uint8_t *task_journal_read_blob(const struct worker *worker, const char *name, uint64_t size)
{
    char path[PATH_SIZE];
    struct stat found;
    struct error error;
    size_t got = 0;
    task_journal_path(worker, name, path);
    if (stat(path, &found) != 0) {
        return NULL;
    }
    uint8_t *data = file_read(path, (size_t)size, &got, &error);
    if (data != NULL && got != size) {
        free(data);
        return NULL;
    }
    return data;
}
