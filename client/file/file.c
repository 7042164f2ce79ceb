#include "client/file/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool failed(struct error *error, const char *verb, const char *path)
{
    const int code = errno;
    char text[128] = "";
    (void)strerror_r(code, text, sizeof text);
    return error_set(error, code == ENOENT ? EXIT_CODE_NOT_FOUND : EXIT_CODE_STORAGE,
                     "cannot %s %.160s: %s", verb, path, text);
}

static bool all_write(int fd, struct bytes content)
{
    size_t done = 0;
    while (done < content.size) {
        const ssize_t part = write(fd, content.data + done, content.size - done);
        if (part < 0 && errno != EINTR) {
            return false;
        }
        done += part > 0 ? (size_t)part : 0;
    }
    return true;
}

/* The new name is on disk once its directory is. */
static bool parent_sync(const char *path)
{
    char parent[1024] = ".";
    const char *slash = strrchr(path, '/');
    if (slash != NULL) {
        (void)snprintf(parent, sizeof parent, "%.*s", slash == path ? 1 : (int)(slash - path),
                       path);
    }
    const int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool done = fd >= 0 && fsync(fd) == 0;
    return (fd < 0 || close(fd) == 0) && done;
}

bool file_write(const char *path, struct bytes content, struct error *error)
{
    char temporary[1024];
    if ((size_t)snprintf(temporary, sizeof temporary, "%s.tmp", path) >= sizeof temporary) {
        return error_set(error, EXIT_CODE_USAGE, "path too long: %.160s", path);
    }
    const int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
        return failed(error, "create", temporary);
    }
    bool done = all_write(fd, content) && fsync(fd) == 0;
    done = close(fd) == 0 && done;
    done = done && rename(temporary, path) == 0 && parent_sync(path);
    return done || failed(error, "write", path);
}

static uint8_t *stream_read(FILE *stream, const char *path, size_t size_max, size_t *size,
                            struct error *error)
{
    struct stat status;
    if (fstat(fileno(stream), &status) != 0) {
        (void)failed(error, "read", path);
        return NULL;
    }
    if (!S_ISREG(status.st_mode) || (uint64_t)status.st_size > size_max) {
        (void)error_set(error, EXIT_CODE_USAGE,
                        "%.160s is no regular file, or larger than %zu bytes", path, size_max);
        return NULL;
    }
    *size = (size_t)status.st_size;
    uint8_t *content = malloc(*size + 1);
    if (content == NULL) {
        (void)error_set(error, EXIT_CODE_FAILURE, "out of memory reading %.160s", path);
        return NULL;
    }
    if (fread(content, 1, *size, stream) != *size) {
        (void)error_set(error, EXIT_CODE_STORAGE, "%.160s changed while it was read", path);
        free(content);
        return NULL;
    }
    return content;
}

uint8_t *file_read(const char *path, size_t size_max, size_t *size, struct error *error)
{
    FILE *stream = fopen(path, "rb");
    if (stream == NULL) {
        (void)failed(error, "open", path);
        return NULL;
    }
    uint8_t *content = stream_read(stream, path, size_max, size, error);
    (void)fclose(stream);
    return content;
}
