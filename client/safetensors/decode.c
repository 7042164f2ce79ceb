#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/endian.h"
#include "client/safetensors/names.h"
#include "client/safetensors/safetensors.h"

/* jansson reads the JSON: with JSON_REJECT_DUPLICATES it is strict (RFC 8259, UTF-8 checked,
 * no NUL in strings, nothing after the value but white space).  The tree is kept with the
 * result because names and metadata are its strings. */
struct decoded {
    struct safetensors file; /* first: the caller's pointer is ours */
    struct safetensors_tensor *tensors;
    struct safetensors_pair *pairs;
    uint64_t *begins; /* per tensor, for the check of the layout */
    json_t *header;
};

static bool bad(struct error *error, const char *name, const char *what)
{
    return error_set(error, EXIT_CODE_VERIFY, "safetensors: %.80s: %s", name, what);
}

/* A JSON integer of at least 0. */
static bool number_read(const json_t *json, uint64_t *out)
{
    if (!json_is_integer(json) || json_integer_value(json) < 0) {
        return false;
    }
    *out = (uint64_t)json_integer_value(json);
    return true;
}

static bool shape_read(const json_t *shape, struct safetensors_tensor *tensor)
{
    if (!json_is_array(shape) || json_array_size(shape) > SAFETENSORS_RANK_MAX) {
        return false;
    }
    tensor->rank = (uint32_t)json_array_size(shape);
    for (uint32_t i = 0; i < tensor->rank; i++) {
        if (!number_read(json_array_get(shape, i), &tensor->dims[i])) {
            return false;
        }
    }
    return true;
}

static bool offsets_read(const json_t *offsets, struct bytes data,
                         struct safetensors_tensor *tensor, uint64_t *begin)
{
    uint64_t end = 0;
    if (!json_is_array(offsets) || json_array_size(offsets) != 2 ||
        !number_read(json_array_get(offsets, 0), begin) ||
        !number_read(json_array_get(offsets, 1), &end) || *begin > end || end > data.size) {
        return false;
    }
    tensor->data = bytes_of(data.data + *begin, end - *begin);
    return true;
}

static bool tensor_read(const char *name, const json_t *json, struct bytes data,
                        struct decoded *decoded, struct error *error)
{
    struct safetensors_tensor *tensor = &decoded->tensors[decoded->file.tensor_count];
    uint64_t *begin = &decoded->begins[decoded->file.tensor_count];
    uint64_t size = 0;
    *tensor = (struct safetensors_tensor){.name = name};
    if (name[0] == '\0' || strlen(name) > SAFETENSORS_NAME_SIZE_MAX) {
        return bad(error, name, "name of no or too many bytes");
    }
    if (!json_is_object(json) || json_object_size(json) != 3) {
        return bad(error, name, "not exactly dtype, shape and data_offsets");
    }
    const json_t *dtype = json_object_get(json, "dtype");
    if (!json_is_string(dtype) || !names_find_dtype(json_string_value(dtype), &tensor->dtype)) {
        return bad(error, name, "unknown dtype");
    }
    if (!shape_read(json_object_get(json, "shape"), tensor)) {
        return bad(error, name, "bad shape, or more than four dimensions");
    }
    if (!offsets_read(json_object_get(json, "data_offsets"), data, tensor, begin)) {
        return bad(error, name, "bad data_offsets, or the file is cut short");
    }
    if (!names_data_size(tensor, &size) || size != tensor->data.size) {
        return bad(error, name, "data_offsets and shape disagree");
    }
    decoded->file.tensor_count++;
    return true;
}

static bool metadata_read(json_t *json, struct decoded *decoded, struct error *error)
{
    const char *key = NULL;
    json_t *value = NULL;
    if (!json_is_object(json)) {
        return bad(error, "__metadata__", "not an object");
    }
    decoded->pairs = calloc(json_object_size(json) + 1, sizeof *decoded->pairs);
    if (decoded->pairs == NULL) {
        return error_set(error, EXIT_CODE_FAILURE, "safetensors: out of memory");
    }
    json_object_foreach(json, key, value)
    {
        if (!json_is_string(value)) {
            return bad(error, key, "metadata that is no string");
        }
        decoded->pairs[decoded->file.metadata_count++] =
            (struct safetensors_pair){key, json_string_value(value)};
    }
    return true;
}

struct extent {
    uint64_t begin;
    uint64_t size;
};

static int extent_order(const void *left, const void *right)
{
    const struct extent *a = left;
    const struct extent *b = right;
    if (a->begin != b->begin) {
        return a->begin < b->begin ? -1 : 1;
    }
    return a->size < b->size ? -1 : a->size > b->size;
}

/* Sorted by offset, each tensor begins where the one before ends, and the last ends with
 * the file. */
static bool layout_check(const struct decoded *decoded, uint64_t data_size, struct error *error)
{
    const size_t count = decoded->file.tensor_count;
    struct extent *extents = calloc(count + 1, sizeof *extents);
    if (extents == NULL) {
        return error_set(error, EXIT_CODE_FAILURE, "safetensors: out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        extents[i] = (struct extent){decoded->begins[i], decoded->tensors[i].data.size};
    }
    qsort(extents, count, sizeof *extents, extent_order);
    uint64_t end = 0;
    bool contiguous = true;
    for (size_t i = 0; i < count; i++) {
        contiguous = contiguous && extents[i].begin == end;
        end = extents[i].begin + extents[i].size;
    }
    free(extents);
    return (contiguous && end == data_size) ||
           error_set(error, EXIT_CODE_VERIFY,
                     "safetensors: tensors overlap, or bytes belong to no tensor");
}

static bool header_walk(struct decoded *decoded, struct bytes data, struct error *error)
{
    const size_t count = json_object_size(decoded->header);
    const char *name = NULL;
    json_t *value = NULL;
    decoded->tensors = calloc(count + 1, sizeof *decoded->tensors);
    decoded->begins = calloc(count + 1, sizeof *decoded->begins);
    if (decoded->tensors == NULL || decoded->begins == NULL) {
        return error_set(error, EXIT_CODE_FAILURE, "safetensors: out of memory");
    }
    json_object_foreach(decoded->header, name, value)
    {
        const bool read = strcmp(name, "__metadata__") == 0
                              ? metadata_read(value, decoded, error)
                              : tensor_read(name, value, data, decoded, error);
        if (!read) {
            return false;
        }
    }
    decoded->file.tensors = decoded->tensors;
    decoded->file.metadata = decoded->pairs;
    return layout_check(decoded, data.size, error);
}

static json_t *header_parse(struct bytes bytes, size_t size, struct error *error)
{
    json_error_t why;
    const char *text = (const char *)(bytes.data + 8);
    json_t *header = json_loadb(text, size, JSON_REJECT_DUPLICATES, &why);
    if (header == NULL) {
        (void)error_set(error, EXIT_CODE_VERIFY, "safetensors: header at byte %d: %.120s",
                        why.position, why.text);
        return NULL;
    }
    if (!json_is_object(header) || text[0] != '{') {
        (void)error_set(error, EXIT_CODE_VERIFY, "safetensors: the header is no JSON object");
        json_decref(header);
        return NULL;
    }
    return header;
}

struct safetensors *safetensors_decode(struct bytes bytes, struct error *error)
{
    const uint64_t size = bytes.size < 8 ? UINT64_MAX : load_le64(bytes.data);
    if (size > SAFETENSORS_HEADER_SIZE_MAX || size > bytes.size - 8) {
        (void)error_set(error, EXIT_CODE_VERIFY,
                        "safetensors: no header of legal size: not such a file, or cut short");
        return NULL;
    }
    struct decoded *decoded = calloc(1, sizeof *decoded);
    if (decoded == NULL) {
        (void)error_set(error, EXIT_CODE_FAILURE, "safetensors: out of memory");
        return NULL;
    }
    decoded->header = header_parse(bytes, size, error);
    const struct bytes data = bytes_of(bytes.data + 8 + size, bytes.size - 8 - size);
    if (decoded->header == NULL || !header_walk(decoded, data, error)) {
        safetensors_free(&decoded->file);
        return NULL;
    }
    return &decoded->file;
}

void safetensors_free(struct safetensors *file)
{
    if (file == NULL) {
        return;
    }
    struct decoded *decoded = (struct decoded *)(void *)file;
    json_decref(decoded->header);
    free(decoded->tensors);
    free(decoded->pairs);
    free(decoded->begins);
    free(decoded);
}
