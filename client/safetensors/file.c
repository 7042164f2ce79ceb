#include "client/file/file.h"

#include <stdlib.h>

#include "client/safetensors/safetensors.h"

enum { FILE_SIZE_MAX_LOG = 36 }; /* 64 GiB: more than any machine of the network trains */

bool safetensors_save(const char *path, const struct safetensors *file, struct error *error)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    if (!safetensors_encode(file, &bytes, &size, error)) {
        return false;
    }
    const bool done = file_write(path, bytes_of(bytes, size), error);
    free(bytes);
    return done;
}

struct safetensors *safetensors_load(const char *path, uint8_t **content, struct error *error)
{
    size_t size = 0;
    *content = file_read(path, (size_t)1 << FILE_SIZE_MAX_LOG, &size, error);
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
