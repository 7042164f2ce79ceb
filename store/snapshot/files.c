#include "store/snapshot/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/rocks.h"

enum { DIRECTORY_MODE = 0700, FILE_MODE = 0600, DEPTH_MAX = 6 };

bool files_path(char out[FILES_PATH_MAX], const char *dir, const char *name, struct error *error)
{
    const int length = snprintf(out, FILES_PATH_MAX, "%s/%s", dir, name);
    return (length > 0 && length < FILES_PATH_MAX) ||
           error_set(error, EXIT_CODE_USAGE, "%.120s: the path is too long", dir);
}

static bool failed(const char *path, const char *what, struct error *error)
{
    const bool full = errno == ENOSPC;
    return error_set(error, full ? EXIT_CODE_DISK_FULL : EXIT_CODE_STORE, "%.200s: cannot %s it%s",
                     path, what,
                     full ? ": the disk is full; free space and try again"
                          : "; check the path, its permissions and the disk");
}

bool files_exist(const char *path)
{
    return access(path, F_OK) == 0;
}

bool files_make_dir(const char *path, struct error *error)
{
    return mkdir(path, DIRECTORY_MODE) == 0 || errno == EEXIST || failed(path, "make", error);
}

bool files_sync_dir(const char *path, struct error *error)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const bool synced = fd >= 0 && fsync(fd) == 0;
    return ((fd < 0 || close(fd) == 0) && synced) || failed(path, "sync", error);
}

static bool write_all(int fd, struct bytes bytes)
{
    size_t done = 0;
    while (done < bytes.size) {
        const ssize_t more = write(fd, bytes.data + done, bytes.size - done);
        if (more < 0 && errno != EINTR) {
            return false;
        }
        done += more > 0 ? (size_t)more : 0;
    }
    return true;
}

bool files_write(const char *path, struct bytes bytes, bool sync, struct error *error)
{
    char part[FILES_PATH_MAX];
    const int length = snprintf(part, sizeof(part), "%s.part", path);
    if (length < 0 || (size_t)length >= sizeof(part)) {
        return error_set(error, EXIT_CODE_USAGE, "%.120s: the path is too long", path);
    }
    const int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, FILE_MODE);
    const bool written = fd >= 0 && write_all(fd, bytes) && (!sync || fsync(fd) == 0);
    const bool closed = fd >= 0 && close(fd) == 0;
    return (written && closed && rename(part, path) == 0) || failed(path, "write", error);
}

enum store_answer files_read(const char *path, size_t max, struct store_buffer *out,
                             struct error *error)
{
    struct stat info;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        return STORE_ABSENT;
    }
    if (fd < 0 || fstat(fd, &info) != 0) {
        (void)failed(path, "read", error);
        if (fd >= 0) {
            (void)close(fd);
        }
        return STORE_FAILED;
    }
    if (info.st_size < 0 || (uint64_t)info.st_size > max) {
        (void)close(fd);
        return STORE_ABSENT;
    }
    *out = (struct store_buffer){.data = store_allocate((size_t)info.st_size)};
    ssize_t more = 1;
    while (more > 0 && out->size < (size_t)info.st_size) {
        more = read(fd, out->data + out->size, (size_t)info.st_size - out->size);
        out->size += more > 0 ? (size_t)more : 0;
    }
    (void)close(fd);
    if (out->size != (size_t)info.st_size) {
        store_buffer_free(out);
        (void)failed(path, "read", error);
        return STORE_FAILED;
    }
    return STORE_FOUND;
}

/* An open folder whose entries go one after the other. */
struct level {
    DIR *stream;
    char path[FILES_PATH_MAX];
};

static bool level_open(struct level *level, const char *path)
{
    (void)snprintf(level->path, sizeof(level->path), "%s", path);
    level->stream = opendir(path);
    return level->stream != NULL;
}

/* Remove a file, or go down into a folder. */
static bool entry_remove(struct level *levels, size_t *depth, const char *name)
{
    char path[FILES_PATH_MAX];
    struct level *level = &levels[*depth - 1];
    const int length = snprintf(path, sizeof(path), "%s/%s", level->path, name);
    if (length < 0 || (size_t)length >= sizeof(path)) {
        return false;
    }
    if (unlink(path) == 0) {
        return true;
    }
    if (*depth >= DEPTH_MAX || !level_open(&levels[*depth], path)) {
        return false;
    }
    (*depth)++;
    return true;
}

bool files_remove_dir(const char *path, struct error *error)
{
    struct level levels[DEPTH_MAX];
    size_t depth = 1;
    if (!level_open(&levels[0], path)) {
        return errno == ENOENT || failed(path, "remove", error);
    }
    bool sound = true;
    while (sound && depth > 0) {
        struct level *level = &levels[depth - 1];
        const struct dirent *entry = readdir(level->stream);
        if (entry == NULL) {
            (void)closedir(level->stream);
            sound = rmdir(level->path) == 0;
            depth--;
        } else if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            sound = entry_remove(levels, &depth, entry->d_name);
        }
    }
    while (depth > 0) {
        (void)closedir(levels[--depth].stream);
    }
    return sound || failed(path, "remove", error);
}
