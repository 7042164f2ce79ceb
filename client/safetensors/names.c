#include "client/safetensors/names.h"

#include <string.h>

#include "base/checked.h"

static const struct {
    const char *name;
    size_t size;
} dtypes[] = {
    [SAFETENSORS_F32] = {"F32", 4}, [SAFETENSORS_BF16] = {"BF16", 2},
    [SAFETENSORS_I64] = {"I64", 8}, [SAFETENSORS_I32] = {"I32", 4},
    [SAFETENSORS_I8] = {"I8", 1},   [SAFETENSORS_U8] = {"U8", 1},
};

enum { DTYPE_COUNT = sizeof dtypes / sizeof dtypes[0] };

const char *names_of_dtype(enum safetensors_dtype dtype)
{
    return dtypes[dtype].name;
}

bool names_find_dtype(const char *name, enum safetensors_dtype *out)
{
    for (size_t i = 0; i < DTYPE_COUNT; i++) {
        if (strcmp(dtypes[i].name, name) == 0) {
            *out = (enum safetensors_dtype)i;
            return true;
        }
    }
    return false;
}

bool names_data_size(const struct safetensors_tensor *tensor, uint64_t *out)
{
    uint64_t size = dtypes[tensor->dtype].size;
    for (uint32_t i = 0; i < tensor->rank; i++) {
        if (!checked_mul(size, tensor->dims[i], &size)) {
            return false;
        }
    }
    *out = size;
    return true;
}

const struct safetensors_tensor *safetensors_find(const struct safetensors *file, const char *name)
{
    for (size_t i = 0; i < file->tensor_count; i++) {
        if (strcmp(file->tensors[i].name, name) == 0) {
            return &file->tensors[i];
        }
    }
    return NULL;
}

const char *safetensors_meta(const struct safetensors *file, const char *key)
{
    for (size_t i = 0; i < file->metadata_count; i++) {
        if (strcmp(file->metadata[i].key, key) == 0) {
            return file->metadata[i].value;
        }
    }
    return NULL;
}
