#include "store/backup/backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/backup/list.h"
#include "store/inspect/inspect.h"
#include "store/rocks.h"

enum { BUFFER_SIZE = 1 << 20, FOLDER_MODE = 0700, FILE_MODE = 0600, DATABASE_COUNT = 3 };

/* In the order of renaming: sealed files alone are nothing, a chain without a state is executed
 * again, a state without its chain is refused. */
static const char *const databases[DATABASE_COUNT] = {"history", "chain.db", "state.db"};

/* How many of them there are. */
static int count_of(bool has_state)
{
    return has_state ? DATABASE_COUNT : DATABASE_COUNT - 1;
}

struct copy {
    const struct backup_job *job;
    const char *what;
    uint64_t done;
    uint64_t total;
    uint8_t *buffer;
};

/* What RocksDB makes anew and nobody needs. */
static bool is_kept(const char *name)
{
    return name[0] != '.' && strcmp(name, "LOCK") != 0 && strncmp(name, "LOG", 3) != 0;
}

static bool is_there(const char *path)
{
    struct stat state;
    return lstat(path, &state) == 0;
}

static bool write_all(int out, const uint8_t *data, size_t size)
{
    while (size > 0) {
        const ssize_t put = write(out, data, size);
        if (put <= 0) {
            return false;
        }
        data += put;
        size -= (size_t)put;
    }
    return true;
}

/* Read all of it, into `out` too unless that is negative; size and digest into *file. */
static bool pour(struct copy *copy, int in, int out, struct list_file *file)
{
    struct crypto_sha256 sha;
    crypto_sha256_init(&sha);
    file->size = 0;
    ssize_t got = read(in, copy->buffer, BUFFER_SIZE);
    for (; got > 0; got = read(in, copy->buffer, BUFFER_SIZE)) {
        const size_t size = (size_t)got;
        crypto_sha256_update(&sha, bytes_of(copy->buffer, size));
        if (out >= 0 && !write_all(out, copy->buffer, size)) {
            return false;
        }
        file->size += size;
        copy->done += size;
        if (copy->job->progress != NULL) {
            copy->job->progress(copy->job->context, copy->what, copy->done, copy->total);
        }
    }
    crypto_sha256_final(&sha, &file->digest);
    return got == 0 && (out < 0 || fsync(out) == 0);
}

/* to == NULL: only read. */
static bool copy_file(struct copy *copy, const char *from, const char *to, struct list_file *file,
                      struct error *error)
{
    const int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0) {
        return errno == ENOENT
                   ? error_set(error, EXIT_CODE_CORRUPT,
                               "%.200s: a file of the backup is missing; use another", from)
                   : backup_fail(from, "read", error);
    }
    const int out = to == NULL ? -1 : open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
    bool done = to == NULL || out >= 0;
    done = done && pour(copy, in, out, file);
    if (!done) {
        (void)backup_fail(to == NULL ? from : to, "copy", error);
    }
    if (out >= 0 && close(out) != 0 && done) {
        done = backup_fail(to, "close", error);
    }
    (void)close(in);
    return done;
}

/* ---- Create ------------------------------------------------------------------------- */

struct lock {
    int files[DATABASE_COUNT];
};

static void unlock(const struct lock *lock)
{
    for (int i = 0; i < DATABASE_COUNT; i++) {
        if (lock->files[i] >= 0) {
            (void)close(lock->files[i]);
        }
    }
}

/* The lock that RocksDB takes: no node starts while its files are copied. */
static bool lock_take(struct lock *lock, const char *dir, struct error *error)
{
    for (int i = 0; i < DATABASE_COUNT; i++) {
        char folder[BACKUP_PATH_MAX];
        char path[BACKUP_PATH_MAX];
        struct flock wanted = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        if (!backup_path(folder, dir, databases[i], error) ||
            !backup_path(path, folder, "LOCK", error)) {
            return false;
        }
        lock->files[i] = open(path, O_RDWR | O_CLOEXEC);
        if (lock->files[i] < 0 && errno != ENOENT) {
            return backup_fail(path, "lock", error); /* absent: no database; else maybe a node */
        }
        if (lock->files[i] >= 0 && fcntl(lock->files[i], F_SETLK, &wanted) != 0) {
            return error_set(error, EXIT_CODE_STORE, "%.200s: a node uses it; stop it first",
                             folder);
        }
    }
    return true;
}

static bool copy_database(struct copy *copy, const char *database, struct list *list,
                          struct error *error)
{
    char from[BACKUP_PATH_MAX];
    char to[BACKUP_PATH_MAX];
    if (!backup_path(from, copy->job->from, database, error) ||
        !backup_path(to, copy->job->to, database, error)) {
        return false;
    }
    if (database == databases[0] && !is_there(from)) {
        return true; /* nothing is sealed yet */
    }
    if (mkdir(to, FOLDER_MODE) != 0) {
        return backup_fail(to, "make", error);
    }
    DIR *stream = opendir(from);
    if (stream == NULL) {
        return backup_fail(from, "list", error);
    }
    bool done = true;
    for (struct dirent *entry = readdir(stream); done && entry != NULL; entry = readdir(stream)) {
        char source[BACKUP_PATH_MAX];
        char target[BACKUP_PATH_MAX];
        struct list_file file = {.size = 0};
        if (!is_kept(entry->d_name)) {
            continue;
        }
        const int length = snprintf(file.name, sizeof(file.name), "%s/%s", database, entry->d_name);
        done = (length > 0 && (size_t)length < sizeof(file.name)) ||
               error_set(error, EXIT_CODE_STORE, "%.200s: a file with a strange name", from);
        done = done && backup_path(source, from, entry->d_name, error) &&
               backup_path(target, to, entry->d_name, error) &&
               copy_file(copy, source, target, &file, error);
        if (done) {
            list_add(list, &file);
        }
    }
    (void)closedir(stream);
    return done && backup_sync_dir(to, error);
}

/* Where the databases stand; that they open is a first check. */
static bool look(const struct backup_job *job, const char *dir, struct backup_info *out,
                 struct error *error)
{
    struct inspect *inspect = NULL;
    if (!inspect_open(dir, &job->chain_id, &inspect, error)) {
        return false;
    }
    const struct inspect_head *head = inspect_head(inspect);
    *out = (struct backup_info){.chain_id = job->chain_id,
                                .decided_height = head->decided_height,
                                .decided_id = head->decided_id,
                                .has_state = head->has_state,
                                .applied_height = head->applied_height,
                                .applied_root = head->applied_root};
    inspect_close(inspect);
    return true;
}

static uint64_t size_of(const char *dir, const char *database)
{
    char path[BACKUP_PATH_MAX];
    struct error ignored;
    uint64_t size = 0;
    DIR *stream = backup_path(path, dir, database, &ignored) ? opendir(path) : NULL;
    for (struct dirent *entry = stream == NULL ? NULL : readdir(stream); entry != NULL;
         entry = readdir(stream)) {
        struct stat state;
        if (is_kept(entry->d_name) && fstatat(dirfd(stream), entry->d_name, &state, 0) == 0) {
            size += (uint64_t)state.st_size;
        }
    }
    if (stream != NULL) {
        (void)closedir(stream);
    }
    return size;
}

static bool copy_all(struct copy *copy, struct list *list, struct error *error)
{
    const struct backup_job *job = copy->job;
    if (mkdir(job->to, FOLDER_MODE) != 0) {
        return errno == EEXIST
                   ? error_set(error, EXIT_CODE_USAGE,
                               "%.200s: exists; name a directory that does not", job->to)
                   : backup_fail(job->to, "make", error);
    }
    bool done = true;
    for (int i = 0; done && i < count_of(list->info.has_state); i++) {
        done = copy_database(copy, databases[i], list, error);
    }
    return done && list_write(list, job->to, error);
}

bool backup_create(const struct backup_job *job, struct backup_info *out, struct error *error)
{
    struct list list = {.files = NULL};
    struct lock lock = {.files = {-1, -1, -1}};
    struct copy copy = {.job = job, .what = "bytes", .buffer = store_allocate(BUFFER_SIZE)};
    for (int i = 0; i < DATABASE_COUNT; i++) {
        copy.total += size_of(job->from, databases[i]);
    }
    const bool done = look(job, job->from, &list.info, error) &&
                      lock_take(&lock, job->from, error) && copy_all(&copy, &list, error);
    *out = list.info;
    unlock(&lock);
    list_free(&list);
    free(copy.buffer);
    return done;
}

/* ---- Check and restore -------------------------------------------------------------- */

static bool same_file(const struct list_file *found, const struct list_file *listed,
                      const char *path, struct error *error)
{
    return (found->size == listed->size && hash_equal(&found->digest, &listed->digest)) ||
           error_set(error, EXIT_CODE_CORRUPT, "%.200s: not what was backed up; use another backup",
                     path);
}

/* to == NULL: only read. */
static bool take_files(struct copy *copy, const struct list *list, const char *to,
                       struct error *error)
{
    for (uint64_t i = 0; i < list->info.file_count; i++) {
        const struct list_file *listed = &list->files[i];
        struct list_file found = {.size = 0};
        char source[BACKUP_PATH_MAX];
        char renamed[LIST_NAME_MAX + 16];
        char target[BACKUP_PATH_MAX];
        /* "chain.db/000012.sst" goes to "chain.db.restore/000012.sst". */
        const char *slash = strchr(listed->name, '/');
        ASSERT(slash != NULL);
        (void)snprintf(renamed, sizeof(renamed), "%.*s.restore%s", (int)(slash - listed->name),
                       listed->name, slash);
        if (!backup_path(source, copy->job->from, listed->name, error) ||
            (to != NULL && !backup_path(target, to, renamed, error)) ||
            !copy_file(copy, source, to == NULL ? NULL : target, &found, error) ||
            !same_file(&found, listed, source, error)) {
            return false;
        }
    }
    return true;
}

/* A file that the list does not have would be RocksDB's to interpret. */
static bool no_others(const struct list *list, const char *dir, struct error *error)
{
    for (int i = 0; i < DATABASE_COUNT; i++) {
        char path[BACKUP_PATH_MAX];
        DIR *stream = backup_path(path, dir, databases[i], error) ? opendir(path) : NULL;
        bool known = true;
        for (struct dirent *entry = stream == NULL ? NULL : readdir(stream); known && entry != NULL;
             entry = readdir(stream)) {
            char name[sizeof(entry->d_name) + 16];
            (void)snprintf(name, sizeof(name), "%s/%s", databases[i], entry->d_name);
            known = !is_kept(entry->d_name) || list_find(list, name) != NULL ||
                    error_set(error, EXIT_CODE_CORRUPT,
                              "%.150s/%.100s: the list does not have it; use another backup", dir,
                              name);
        }
        if (stream != NULL) {
            (void)closedir(stream);
        }
        if (!known) {
            return false;
        }
    }
    return true;
}

bool backup_check(const struct backup_job *job, struct backup_info *out, struct error *error)
{
    struct list list = {.files = NULL};
    struct copy copy = {.job = job, .what = "bytes", .buffer = store_allocate(BUFFER_SIZE)};
    struct backup_info found;
    bool sound = list_read(&list, job->from, &job->chain_id, error);
    copy.total = list.info.bytes;
    sound = sound && no_others(&list, job->from, error) && take_files(&copy, &list, NULL, error) &&
            look(job, job->from, &found, error);
    if (sound && (found.decided_height != list.info.decided_height ||
                  !hash_equal(&found.decided_id, &list.info.decided_id) ||
                  found.has_state != list.info.has_state ||
                  found.applied_height != list.info.applied_height ||
                  !hash_equal(&found.applied_root, &list.info.applied_root))) {
        sound = error_set(error, EXIT_CODE_CORRUPT,
                          "%.200s: its databases stand elsewhere than the list says; use another",
                          job->from);
    }
    *out = list.info;
    list_free(&list);
    free(copy.buffer);
    return sound;
}

struct place {
    char part[BACKUP_PATH_MAX]; /* "chain.db.restore" */
    char final[BACKUP_PATH_MAX];
};

/* Nothing may be there; makes the folders that are filled first. */
static bool places_make(const struct backup_job *job, bool has_state,
                        struct place places[DATABASE_COUNT], struct error *error)
{
    if (mkdir(job->to, FOLDER_MODE) != 0 && errno != EEXIST) {
        return backup_fail(job->to, "make", error);
    }
    for (int i = 0; i < DATABASE_COUNT; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "%s.restore", databases[i]);
        if (!backup_path(places[i].part, job->to, name, error) ||
            !backup_path(places[i].final, job->to, databases[i], error)) {
            return false;
        }
        const char *taken = is_there(places[i].final)  ? places[i].final
                            : is_there(places[i].part) ? places[i].part
                                                       : NULL;
        if (taken != NULL) {
            return error_set(error, EXIT_CODE_USAGE,
                             "%.200s: is there already; move it away, keep sign/ and journal/",
                             taken);
        }
    }
    for (int i = 0; i < count_of(has_state); i++) {
        if (mkdir(places[i].part, FOLDER_MODE) != 0) {
            return backup_fail(places[i].part, "make", error);
        }
    }
    return true;
}

static bool places_settle(const struct backup_job *job, bool has_state,
                          const struct place places[DATABASE_COUNT], struct error *error)
{
    for (int i = 0; i < count_of(has_state); i++) {
        if (!backup_sync_dir(places[i].part, error)) {
            return false;
        }
        if (rename(places[i].part, places[i].final) != 0) {
            return backup_fail(places[i].final, "rename", error);
        }
    }
    return backup_sync_dir(job->to, error);
}

bool backup_restore(const struct backup_job *job, struct backup_info *out, struct error *error)
{
    struct list list = {.files = NULL};
    struct place places[DATABASE_COUNT];
    struct copy copy = {.job = job, .what = "bytes", .buffer = store_allocate(BUFFER_SIZE)};
    bool done = list_read(&list, job->from, &job->chain_id, error);
    copy.total = list.info.bytes;
    done = done && no_others(&list, job->from, error) &&
           places_make(job, list.info.has_state, places, error) &&
           take_files(&copy, &list, job->to, error) &&
           places_settle(job, list.info.has_state, places, error);
    *out = list.info;
    list_free(&list);
    free(copy.buffer);
    return done;
}
