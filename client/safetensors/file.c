#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/safetensors/safetensors.h"

static bool failed(struct error *error, const char *verb, const char *path)
{
    const int code = errno;
    char text[128] = "";
    (void)strerror_r(code, text, sizeof text);
    return error_set(error, code == ENOENT ? EXIT_CODE_NOT_FOUND : EXIT_CODE_STORAGE,
                     "cannot %s %.160s: %s", verb, path, text);
}

static bool all_write(int fd, const uint8_t *data, size_t size)
{
    while (size != 0) {
        const ssize_t done = write(fd, data, size);
        if (done < 0 && errno != EINTR) {
            return false;
        }
        if (done > 0) {
            data += done;
            size -= (size_t)done;
        }
    }
    return true;
}

bool safetensors_save(const char *path, const struct safetensors *file, struct error *error)
{
    char temporary[1024];
    uint8_t *bytes = NULL;
    size_t size = 0;
    if ((size_t)snprintf(temporary, sizeof temporary, "%s.tmp", path) >= sizeof temporary) {
        return error_set(error, EXIT_CODE_USAGE, "path too long: %.160s", path);
    }
    if (!safetensors_encode(file, &bytes, &size, error)) {
        return false;
    }
    const int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool done = fd >= 0 && all_write(fd, bytes, size) && fsync(fd) == 0;
    if (fd >= 0) {
        done = close(fd) == 0 && done;
    }
    done = done && rename(temporary, path) == 0;
    free(bytes);
    return done || failed(error, "write", path);
}

static uint8_t *file_read(const char *path, size_t *size, struct error *error)
{
    struct stat status;
    uint8_t *content = NULL;
    FILE *stream = fopen(path, "rb");
    if (stream == NULL || fstat(fileno(stream), &status) != 0) {
        (void)failed(error, "open", path);
    } else if (!S_ISREG(status.st_mode)) {
        (void)error_set(error, EXIT_CODE_USAGE, "%.160s is no regular file", path);
    } else {
        *size = (size_t)status.st_size;
        content = malloc(*size + 1);
        if (content == NULL || fread(content, 1, *size, stream) != *size) {
            (void)failed(error, "read", path);
            free(content);
            content = NULL;
        }
    }
    if (stream != NULL) {
        (void)fclose(stream);
    }
    return content;
}

struct safetensors *safetensors_load(const char *path, uint8_t **content, struct error *error)
{
    size_t size = 0;
    *content = file_read(path, &size, error);
    if (*content == NULL) {
        return NULL;
    }
    struct safetensors *file = safetensors_decode(bytes_of(*content, size), error);
    if (file == NULL) {
        free(*content);
        *content = NULL;
    }
    return file;
}
