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

/* What survives SIGKILL: one folder for each lease, whole files, replaced and synced at once.
 *
 *     tunnel.key   the X25519 secret named in LEASE_ACCEPT
 *     data         the data set
 *     base         the state at the start of a round (client/record/record.h)
 *     segment      the state after a sub-segment, or all of a finished segment
 *     base-N, segment-N   the same of round N, kept if config->record */

enum { PATH_SIZE = 512 };

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

bool journal_remember(const struct worker *worker, struct error *error)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s/chain", worker->config->journal);
    if (!folder_make(worker->config->journal, error)) {
        return false;
    }
    if (light_remember(worker->light, path, error)) {
        return true;
    }
    /* Nobody shows the block: so would whoever serves another history.  No work on it. */
    return error->code == EXIT_CODE_NOT_FOUND
               ? error_set(error, EXIT_CODE_NOT_FOUND,
                           "no node shows the block that %s remembers; add a --node that keeps it, "
                           "or, if you trust these nodes, move the file away",
                           path)
               : false;
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

/* ---- base and segment ---------- */

/* NAME, and with config->record NAME-ROUND beside it, for those who run it again. */
static bool is_recorded(const struct worker *worker, const char *name, uint32_t round,
                        char path[PATH_SIZE])
{
    char numbered[32];
    (void)snprintf(numbered, sizeof numbered, "%s-%u", name, (unsigned)round);
    task_journal_path(worker, numbered, path);
    return worker->config->record;
}

bool task_journal_write_base(const struct worker *worker, struct error *error)
{
    const struct task *task = worker->task;
    char path[PATH_SIZE];
    if (is_recorded(worker, "base", task->base.round, path) &&
        !record_write_base(path, &task->shape, &task->base, error)) {
        return false;
    }
    task_journal_path(worker, "base", path);
    return record_write_base(path, &task->shape, &task->base, error);
}

bool task_journal_write_segment(const struct worker *worker, struct error *error)
{
    const struct task *task = worker->task;
    const struct record_segment *at = &task->now.at;
    char path[PATH_SIZE];
    if (is_recorded(worker, "segment", at->round, path) && at->done &&
        !record_write_segment(path, &task->shape, at, error)) {
        return false;
    }
    task_journal_path(worker, "segment", path);
    return record_write_segment(path, &task->shape, at, error);
}

/* Damaged is as good as none: the work is done again. */
static bool usable(bool read, const struct error *error)
{
    if (!read && error->code != EXIT_CODE_NOT_FOUND) {
        log_line(LOG_ODD, "worker", "journal: %s; its work is done again", error->detail);
    }
    return read;
}

bool task_journal_read_base(struct worker *worker)
{
    struct task *task = worker->task;
    struct error error = {.code = EXIT_CODE_OK};
    char path[PATH_SIZE];
    task_journal_path(worker, "base", path);
    if (usable(record_read_base(path, &task->shape, &task->base, &error), &error)) {
        return true;
    }
    memset(task->base.momentum, 0, task->shape.elements * sizeof(float));
    memset(task->base.ef, 0, task->shape.elements * sizeof(float));
    task->base.round = 0;
    return false;
}

bool task_journal_read_segment(struct worker *worker)
{
    struct task *task = worker->task;
    struct error error = {.code = EXIT_CODE_OK};
    char path[PATH_SIZE];
    task_journal_path(worker, "segment", path);
    return usable(record_read_segment(path, &task->shape, &task->now.at, &error), &error);
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
