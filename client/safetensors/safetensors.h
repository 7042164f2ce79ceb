#ifndef CLIENT_SAFETENSORS_SAFETENSORS_H
#define CLIENT_SAFETENSORS_SAFETENSORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/error.h"

/* Checkpoints as safetensors files, the form other tools read (huggingface/safetensors):
 *
 *   header size u64 LE | JSON header, padded with spaces | tensor bytes
 *   {"__metadata__":{"job":"..."},"head":{"data_offsets":[0,512],"dtype":"F32","shape":[8,16]}}
 *
 * What the writer makes is canonical: keys in byte order, no spaces, shortest escapes, data
 * in key order without gaps, the header padded to a multiple of 8.  Equal tensors and metadata
 * give equal files, so people can compare checkpoints with sha256sum.
 *
 * The reader takes any well-formed file, from whatever tool, and refuses the rest: a header
 * above 100 MB or longer than the file, JSON with duplicate keys, bad UTF-8 or other members,
 * unknown types, offsets that overlap, leave gaps or do not end where the file ends. */

enum {
    SAFETENSORS_HEADER_SIZE_MAX = 100000000, /* the format's own limit */
    SAFETENSORS_RANK_MAX = 4,                /* of the tensor VM */
    SAFETENSORS_NAME_SIZE_MAX = 255,
};

enum safetensors_dtype {
    SAFETENSORS_F32,
    SAFETENSORS_BF16,
    SAFETENSORS_I64,
    SAFETENSORS_I32,
    SAFETENSORS_I8,
    SAFETENSORS_U8,
};

struct safetensors_tensor {
    const char *name; /* UTF-8, 1 .. SAFETENSORS_NAME_SIZE_MAX bytes */
    enum safetensors_dtype dtype;
    uint32_t rank; /* 0 .. SAFETENSORS_RANK_MAX */
    uint64_t dims[SAFETENSORS_RANK_MAX];
    struct bytes data; /* elements, row-major, little-endian */
};

struct safetensors_pair {
    const char *key;
    const char *value;
};

/* A file's content: borrowed arrays when written, views into the file's bytes when read. */
struct safetensors {
    const struct safetensors_tensor *tensors;
    size_t tensor_count;
    const struct safetensors_pair *metadata;
    size_t metadata_count;
};

/* Canonical bytes on the heap (free() them), in any order of tensors and pairs.  False
 * for a repeated or over-long name, data whose size is not that of its shape, or lack of
 * memory. */
MUST_USE bool safetensors_encode(const struct safetensors *file, uint8_t **out, size_t *size,
                                 struct error *error);

/* Read; the result lives on the heap, its data points into bytes.  NULL with the reason. */
MUST_USE struct safetensors *safetensors_decode(struct bytes bytes, struct error *error);
void safetensors_free(struct safetensors *file); /* of safetensors_decode; NULL is legal */

/* The tensor or metadata value of that name; NULL if there is none. */
const struct safetensors_tensor *safetensors_find(const struct safetensors *file, const char *name);
const char *safetensors_meta(const struct safetensors *file, const char *key);

/* Whole files.  The write goes to PATH.tmp, is synced and renamed, so PATH is never half a
 * file.  safetensors_load keeps the bytes in *content (heap), which must outlive the result. */
MUST_USE bool safetensors_save(const char *path, const struct safetensors *file,
                               struct error *error);
MUST_USE struct safetensors *safetensors_load(const char *path, uint8_t **content,
                                              struct error *error);

#endif /* CLIENT_SAFETENSORS_SAFETENSORS_H */
