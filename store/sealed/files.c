#include "store/sealed/files.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/rocks.h"

enum { DIR_MAX = HISTORY_PATH_MAX - HISTORY_NAME_MAX };

struct sealed {
    char dir[DIR_MAX];
    bool read_only;
    pthread_mutex_t lock;    /* of what follows */
    struct history_set *set; /* NULL: there is no directory yet */
};

static bool all_chunks(const struct sealed *sealed, const struct history_set *set,
                       struct error *error)
{
    for (size_t i = 0; i < history_set_count(set); i++) {
        const struct history_span span = history_set_span(set, i);
        if (span.last != history_chunk_last(span.first) ||
            span.last - span.first + 1 != HISTORY_CHUNK_BLOCKS) {
            return error_set(error, EXIT_CODE_CORRUPT,
                             "%.200s: the file of heights %llu to %llu is no chunk's; move it away",
                             sealed->dir, (unsigned long long)span.first,
                             (unsigned long long)span.last);
        }
    }
    return true;
}

/* With the lock held. */
static bool look_again(struct sealed *sealed, struct error *error)
{
    struct stat status;
    struct history_set *set = NULL;
    if (stat(sealed->dir, &status) == 0 && !history_set_open(sealed->dir, &set, error)) {
        error->code = EXIT_CODE_CORRUPT;
        return false;
    }
    if (set != NULL && !all_chunks(sealed, set, error)) {
        history_set_close(set);
        return false;
    }
    history_set_close(sealed->set);
    sealed->set = set;
    return true;
}

bool sealed_reload(struct sealed *sealed, struct error *error)
{
    (void)pthread_mutex_lock(&sealed->lock);
    const bool done = look_again(sealed, error);
    (void)pthread_mutex_unlock(&sealed->lock);
    return done;
}

bool sealed_open(const char *dir, bool read_only, struct sealed **out, struct error *error)
{
    struct sealed *sealed = store_allocate(sizeof(*sealed));
    *sealed = (struct sealed){.read_only = read_only};
    (void)pthread_mutex_init(&sealed->lock, NULL);
    const int length = snprintf(sealed->dir, sizeof(sealed->dir), "%s/history", dir);
    bool opened = (length > 0 && (size_t)length < sizeof(sealed->dir)) ||
                  error_set(error, EXIT_CODE_BAD_CONFIG, "the data directory's name is too long");
    if (opened && !read_only) {
        char part[HISTORY_PATH_MAX];
        (void)snprintf(part, sizeof(part), "%s/history.part", sealed->dir);
        (void)unlink(part);
    }
    opened = opened && sealed_reload(sealed, error);
    if (!opened) {
        sealed_close(sealed);
        return false;
    }
    *out = sealed;
    return true;
}

void sealed_close(struct sealed *sealed)
{
    if (sealed != NULL) {
        history_set_close(sealed->set);
        (void)pthread_mutex_destroy(&sealed->lock);
        free(sealed);
    }
}

static enum store_answer look(struct sealed *sealed, uint64_t height, struct store_buffer *out,
                              struct error *error)
{
    (void)pthread_mutex_lock(&sealed->lock);
    const enum store_answer answer =
        sealed->set == NULL ? STORE_ABSENT : history_set_block(sealed->set, height, out, error);
    (void)pthread_mutex_unlock(&sealed->lock);
    return answer;
}

enum store_answer sealed_block(struct sealed *sealed, uint64_t height, struct store_buffer *out,
                               struct error *error)
{
    enum store_answer answer = look(sealed, height, out, error);
    if (answer == STORE_ABSENT && sealed->read_only) {
        answer = sealed_reload(sealed, error) ? look(sealed, height, out, error) : STORE_FAILED;
    }
    return answer;
}

size_t sealed_count(struct sealed *sealed)
{
    (void)pthread_mutex_lock(&sealed->lock);
    const size_t count = sealed->set == NULL ? 0 : history_set_count(sealed->set);
    (void)pthread_mutex_unlock(&sealed->lock);
    return count;
}

struct history_span sealed_span(struct sealed *sealed, size_t index)
{
    (void)pthread_mutex_lock(&sealed->lock);
    const struct history_span span = history_set_span(sealed->set, index);
    (void)pthread_mutex_unlock(&sealed->lock);
    return span;
}

void sealed_file_path(struct sealed *sealed, size_t index, char *out)
{
    (void)pthread_mutex_lock(&sealed->lock);
    history_set_path(sealed->set, index, out);
    (void)pthread_mutex_unlock(&sealed->lock);
}

const char *sealed_dir(const struct sealed *sealed)
{
    return sealed->dir;
}

static bool path_sync(const char *path)
{
    const int fd = open(path, O_RDONLY);
    const bool synced = fd >= 0 && fsync(fd) == 0;
    return (fd < 0 || close(fd) == 0) && synced;
}

bool sealed_sync(struct sealed *sealed, size_t index, struct error *error)
{
    char path[HISTORY_PATH_MAX];
    char parent[DIR_MAX];
    sealed_file_path(sealed, index, path);
    (void)snprintf(parent, sizeof(parent), "%.*s", (int)(strlen(sealed->dir) - strlen("/history")),
                   sealed->dir);
    return (path_sync(path) && path_sync(sealed->dir) && path_sync(parent)) ||
           error_set(error, EXIT_CODE_STORAGE, "%.250s: cannot make it durable; check the disk",
                     path);
}

/* Nobody looks into the set while a file of it is gone. */
bool sealed_unlink(struct sealed *sealed, size_t index, struct error *error)
{
    char path[HISTORY_PATH_MAX];
    (void)pthread_mutex_lock(&sealed->lock);
    history_set_path(sealed->set, index, path);
    const bool gone = unlink(path) == 0 || errno == ENOENT;
    const bool looked = gone && look_again(sealed, error);
    (void)pthread_mutex_unlock(&sealed->lock);
    if (!gone || !path_sync(sealed->dir)) {
        return error_set(error, EXIT_CODE_STORAGE, "%.250s: cannot delete it; check the directory",
                         path);
    }
    return looked;
}

uint64_t sealed_bytes(struct sealed *sealed)
{
    uint64_t sum = 0;
    (void)pthread_mutex_lock(&sealed->lock);
    const size_t count = sealed->set == NULL ? 0 : history_set_count(sealed->set);
    for (size_t i = 0; i < count; i++) {
        char path[HISTORY_PATH_MAX];
        struct stat status;
        history_set_path(sealed->set, i, path);
        sum += stat(path, &status) == 0 ? (uint64_t)status.st_size : 0;
    }
    (void)pthread_mutex_unlock(&sealed->lock);
    return sum;
}
