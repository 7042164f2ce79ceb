#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/journal/disk_port.h"

/* The disk port on POSIX files in one directory. */

struct posix_disk {
    int dir;
    char path[4096];
};

static bool fail(const struct posix_disk *disk, const char *what, const char *name,
                 struct error *error)
{
    const int number = errno;
    char text[64];
    if (strerror_r(number, text, sizeof(text)) != 0) {
        (void)snprintf(text, sizeof(text), "error %d", number);
    }
    if (number == ENOSPC || number == EDQUOT) {
        return error_set(error, EXIT_CODE_DISK_FULL, "%.200s/%s: cannot %s: %s; free space",
                         disk->path, name, what, text);
    }
    return error_set(error, number == ENOENT ? EXIT_CODE_NOT_FOUND : EXIT_CODE_STORE,
                     "%.200s/%s: cannot %s: %s; check the disk and its permissions", disk->path,
                     name, what, text);
}

/* The same for an open file, by the name that the kernel knows. */
static bool fail_open(const struct posix_disk *disk, const char *what, int file,
                      struct error *error)
{
    const int number = errno;
    char link[64];
    char path[4096];
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", file);
    const ssize_t size = readlink(link, path, sizeof(path) - 1);
    path[size < 0 ? 0 : size] = '\0';
    const char *slash = strrchr(path, '/');
    errno = number;
    return fail(disk, what, slash == NULL ? "(open file)" : slash + 1, error);
}

static bool posix_open(void *context, const char *name, bool create, int *file, struct error *error)
{
    struct posix_disk *disk = context;
    const int flags = O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0);
    *file = openat(disk->dir, name, flags, 0600);
    return *file >= 0 || fail(disk, "open", name, error);
}

static void posix_close(void *context, int file)
{
    (void)context;
    (void)close(file);
}

static bool posix_size(void *context, int file, uint64_t *out, struct error *error)
{
    struct stat stat;
    if (fstat(file, &stat) != 0) {
        return fail_open(context, "stat", file, error);
    }
    *out = (uint64_t)stat.st_size;
    return true;
}

static bool posix_write_at(void *context, int file, uint64_t offset, struct bytes bytes,
                           struct error *error)
{
    while (bytes.size > 0) {
        const ssize_t done = pwrite(file, bytes.data, bytes.size, (off_t)offset);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return fail_open(context, "write", file, error);
        }
        bytes = bytes_of(bytes.data + done, bytes.size - (size_t)done);
        offset += (uint64_t)done;
    }
    return true;
}

static bool posix_append(void *context, int file, struct bytes bytes, struct error *error)
{
    uint64_t size = 0;
    return posix_size(context, file, &size, error) &&
           posix_write_at(context, file, size, bytes, error);
}

static bool posix_read_at(void *context, int file, struct disk_read read, struct error *error)
{
    uint8_t *to = read.out;
    while (read.size > 0) {
        const ssize_t done = pread(file, to, read.size, (off_t)read.offset);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done == 0) {
            errno = EIO; /* shorter than it was */
        }
        if (done <= 0) {
            return fail_open(context, "read", file, error);
        }
        to += done;
        read.size -= (size_t)done;
        read.offset += (uint64_t)done;
    }
    return true;
}

static bool posix_truncate(void *context, int file, uint64_t size, struct error *error)
{
    return ftruncate(file, (off_t)size) == 0 || fail_open(context, "truncate", file, error);
}

static bool posix_sync(void *context, int file, struct error *error)
{
    return fdatasync(file) == 0 || fail_open(context, "sync", file, error);
}

static bool posix_rename(void *context, const char *from, const char *to, struct error *error)
{
    struct posix_disk *disk = context;
    return renameat(disk->dir, from, disk->dir, to) == 0 || fail(disk, "rename", from, error);
}

static bool posix_remove(void *context, const char *name, struct error *error)
{
    struct posix_disk *disk = context;
    return unlinkat(disk->dir, name, 0) == 0 || fail(disk, "remove", name, error);
}

static bool posix_list(void *context, disk_visit *visit, void *visit_context, struct error *error)
{
    struct posix_disk *disk = context;
    const int again = openat(disk->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = again >= 0 ? fdopendir(again) : NULL;
    if (dir == NULL) {
        return fail(disk, "list", ".", error);
    }
    const struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        if (strlen(entry->d_name) < DISK_NAME_MAX && entry->d_name[0] != '.') {
            visit(visit_context, entry->d_name);
        }
    }
    (void)closedir(dir);
    return true;
}

static bool posix_sync_dir(void *context, struct error *error)
{
    struct posix_disk *disk = context;
    return fsync(disk->dir) == 0 || fail(disk, "sync", ".", error);
}

bool disk_posix_open(const char *dir, struct disk_port *out, struct error *error)
{
    struct posix_disk *disk = calloc(1, sizeof(*disk));
    if (disk == NULL) {
        return error_set(error, EXIT_CODE_FAILURE, "%.200s: out of memory", dir);
    }
    (void)snprintf(disk->path, sizeof(disk->path), "%s", dir);
    disk->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (disk->dir < 0) {
        (void)fail(disk, "open", ".", error);
        free(disk);
        return false;
    }
    *out = (struct disk_port){
        .context = disk,
        .open = posix_open,
        .close = posix_close,
        .size = posix_size,
        .append = posix_append,
        .write_at = posix_write_at,
        .read_at = posix_read_at,
        .truncate = posix_truncate,
        .sync = posix_sync,
        .rename = posix_rename,
        .remove = posix_remove,
        .list = posix_list,
        .sync_dir = posix_sync_dir,
    };
    return true;
}

void disk_posix_close(struct disk_port *port)
{
    struct posix_disk *disk = port->context;
    if (disk != NULL) {
        (void)close(disk->dir);
        free(disk);
        port->context = NULL;
    }
}
