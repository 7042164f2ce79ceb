#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "client/file/file.h"
#include "client/record/record.h"
#include "crypto/crypto.h"
#include "wire/codec/codec.h"

enum { NODES_MAX = SEGMENT_CHECKPOINT_MAX + 64, HEAD_SIZE_MAX = 65536 };

struct record_shape record_shape_of(const struct vm_program *program)
{
    return (struct record_shape){.elements = outer_elements(program),
                                 .inner_size = model_group_bytes(program, VM_INNER),
                                 .counters_size = model_group_bytes(program, VM_COUNTERS),
                                 .delta_size = outer_blob_size(program)};
}

static size_t floats_size(const struct record_shape *shape)
{
    return (size_t)shape->elements * sizeof(float);
}

static size_t size_max(const struct record_shape *shape)
{
    return 3 * floats_size(shape) + (size_t)shape->inner_size + (size_t)shape->counters_size +
           (size_t)shape->delta_size + HEAD_SIZE_MAX;
}

/* ---- Sealed files ------------------------------------------------------------------------- */

static bool seal(const char *path, const struct wire_writer *writer, struct error *error)
{
    struct bytes body;
    struct hash digest;
    const bool fits = wire_writer_end(writer, &body);
    ASSERT(fits);
    crypto_sha256(body, &digest);
    memcpy(writer->data + body.size, digest.bytes, HASH_SIZE);
    return file_write(path, bytes_of(writer->data, body.size + HASH_SIZE), error);
}

/* The file's bytes on the heap, body viewing them. */
static uint8_t *unseal(const char *path, const struct record_shape *shape, struct bytes *body,
                       struct error *error)
{
    struct stat found;
    struct hash digest;
    size_t size = 0;
    if (stat(path, &found) != 0) {
        (void)error_set(error, EXIT_CODE_NOT_FOUND, "%s: no such record", path);
        return NULL;
    }
    uint8_t *data = file_read(path, size_max(shape), &size, error);
    if (data == NULL) {
        return NULL;
    }
    if (size >= HASH_SIZE) {
        *body = bytes_of(data, size - HASH_SIZE);
        crypto_sha256(*body, &digest);
        if (memcmp(digest.bytes, data + size - HASH_SIZE, HASH_SIZE) == 0) {
            return data;
        }
    }
    (void)error_set(error, EXIT_CODE_VERIFY, "%s: damaged", path);
    free(data);
    return NULL;
}

static uint8_t *writer_open(const struct record_shape *shape, struct wire_writer *writer,
                            struct error *error)
{
    const size_t capacity = size_max(shape);
    uint8_t *buffer = malloc(capacity);
    if (buffer == NULL) {
        (void)error_set(error, EXIT_CODE_FAILURE, "record: no memory for %zu bytes", capacity);
        return NULL;
    }
    wire_writer_init(writer, buffer, capacity - HASH_SIZE);
    return buffer;
}

static void write_floats(struct wire_writer *writer, const struct record_shape *shape,
                         const float *values)
{
    wire_write_bin(writer, bytes_of(values, floats_size(shape)));
}

static void read_floats(struct wire_reader *reader, const struct record_shape *shape, float *values)
{
    wire_read_fixed(reader, (uint8_t *)values, floats_size(shape));
}

static bool reader_close(struct wire_reader *reader, const char *path, struct error *error)
{
    return wire_reader_end(reader) ||
           error_set(error, EXIT_CODE_VERIFY, "%s: of another program", path);
}

/* ---- base ----------------------------------------------------------------------------------- */

bool record_write_base(const char *path, const struct record_shape *shape,
                       const struct record_base *base, struct error *error)
{
    struct wire_writer writer;
    uint8_t *buffer = writer_open(shape, &writer, error);
    if (buffer == NULL) {
        return false;
    }
    wire_write_array(&writer, 6);
    wire_write_u64(&writer, base->round);
    write_floats(&writer, shape, base->theta);
    write_floats(&writer, shape, base->momentum);
    wire_write_bin(&writer, bytes_of(base->inner, (size_t)shape->inner_size));
    wire_write_bin(&writer, bytes_of(base->counters, (size_t)shape->counters_size));
    write_floats(&writer, shape, base->ef);
    const bool ok = seal(path, &writer, error);
    free(buffer);
    return ok;
}

bool record_read_base(const char *path, const struct record_shape *shape, struct record_base *base,
                      struct error *error)
{
    struct bytes body;
    struct wire_reader reader;
    uint8_t *data = unseal(path, shape, &body, error);
    if (data == NULL) {
        return false;
    }
    wire_reader_init_nodes(&reader, body, NODES_MAX);
    wire_read_array(&reader, 6);
    base->round = wire_read_u32(&reader);
    read_floats(&reader, shape, base->theta);
    read_floats(&reader, shape, base->momentum);
    wire_read_fixed(&reader, base->inner, (size_t)shape->inner_size);
    wire_read_fixed(&reader, base->counters, (size_t)shape->counters_size);
    read_floats(&reader, shape, base->ef);
    const bool ok = reader_close(&reader, path, error);
    free(data);
    return ok;
}

bool record_base_alloc(const struct record_shape *shape, struct record_base *base)
{
    *base = (struct record_base){.theta = calloc(shape->elements + 1, sizeof(float)),
                                 .momentum = calloc(shape->elements + 1, sizeof(float)),
                                 .inner = calloc(shape->inner_size + 1, 1),
                                 .counters = calloc(shape->counters_size + 1, 1),
                                 .ef = calloc(shape->elements + 1, sizeof(float))};
    return base->theta != NULL && base->momentum != NULL && base->inner != NULL &&
           base->counters != NULL && base->ef != NULL;
}

void record_base_free(struct record_base *base)
{
    free(base->theta);
    free(base->momentum);
    free(base->inner);
    free(base->counters);
    free(base->ef);
    *base = (struct record_base){.theta = NULL};
}

/* ---- segment -------------------------------------------------------------------------------- */

static uint32_t bits_of(float value)
{
    uint32_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float value = 0.0F;
    memcpy(&value, &bits, sizeof value);
    return value;
}

bool record_write_segment(const char *path, const struct record_shape *shape,
                          const struct record_segment *segment, struct error *error)
{
    struct wire_writer writer;
    const size_t done = segment->done ? 1 : 0;
    uint8_t *buffer = writer_open(shape, &writer, error);
    if (buffer == NULL) {
        return false;
    }
    wire_write_array(&writer, 16);
    wire_write_u64(&writer, segment->round);
    wire_write_u64(&writer, segment->step);
    wire_write_u64(&writer, done);
    wire_write_u64(&writer, bits_of(segment->loss_first));
    wire_write_u64(&writer, bits_of(segment->loss_last));
    wire_write_array(&writer, segment->root_count);
    for (uint32_t i = 0; i < segment->root_count; i++) {
        wire_write_hash(&writer, &segment->roots[i]);
    }
    wire_write_hash(&writer, &segment->end.params);
    wire_write_hash(&writer, &segment->end.inner);
    wire_write_hash(&writer, &segment->end.counters);
    wire_write_hash(&writer, &segment->salt);
    wire_write_hash(&writer, &segment->delta_root);
    write_floats(&writer, shape, segment->theta);
    wire_write_bin(&writer, bytes_of(segment->inner, (size_t)shape->inner_size));
    wire_write_bin(&writer, bytes_of(segment->counters, (size_t)shape->counters_size));
    wire_write_bin(&writer, bytes_of(segment->ef, done * floats_size(shape)));
    wire_write_bin(&writer, bytes_of(segment->delta, done * (size_t)shape->delta_size));
    const bool ok = seal(path, &writer, error);
    free(buffer);
    return ok;
}

bool record_read_segment(const char *path, const struct record_shape *shape,
                         struct record_segment *segment, struct error *error)
{
    struct bytes body;
    struct wire_reader reader;
    uint8_t *data = unseal(path, shape, &body, error);
    if (data == NULL) {
        return false;
    }
    wire_reader_init_nodes(&reader, body, NODES_MAX);
    wire_read_array(&reader, 16);
    segment->round = wire_read_u32(&reader);
    segment->step = wire_read_u32(&reader);
    segment->done = wire_read_flag(&reader);
    segment->loss_first = float_of(wire_read_u32(&reader));
    segment->loss_last = float_of(wire_read_u32(&reader));
    segment->root_count = wire_read_list(&reader, SEGMENT_CHECKPOINT_MAX + 1);
    for (uint32_t i = 0; i < segment->root_count; i++) {
        segment->roots[i] = wire_read_hash(&reader);
    }
    segment->end.params = wire_read_hash(&reader);
    segment->end.inner = wire_read_hash(&reader);
    segment->end.counters = wire_read_hash(&reader);
    segment->salt = wire_read_hash(&reader);
    segment->delta_root = wire_read_hash(&reader);
    const size_t done = segment->done ? 1 : 0;
    read_floats(&reader, shape, segment->theta);
    wire_read_fixed(&reader, segment->inner, (size_t)shape->inner_size);
    wire_read_fixed(&reader, segment->counters, (size_t)shape->counters_size);
    wire_read_fixed(&reader, (uint8_t *)segment->ef, done * floats_size(shape));
    wire_read_fixed(&reader, segment->delta, done * (size_t)shape->delta_size);
    if (segment->root_count == 0) {
        wire_reader_fail(&reader, WIRE_BAD_RANGE);
    }
    const bool ok = reader_close(&reader, path, error);
    free(data);
    return ok;
}

bool record_segment_alloc(const struct record_shape *shape, struct record_segment *segment)
{
    memset(segment, 0, sizeof *segment);
    segment->theta = calloc(shape->elements + 1, sizeof(float));
    segment->inner = calloc(shape->inner_size + 1, 1);
    segment->counters = calloc(shape->counters_size + 1, 1);
    segment->ef = calloc(shape->elements + 1, sizeof(float));
    segment->delta = calloc(shape->delta_size + 1, 1);
    return segment->theta != NULL && segment->inner != NULL && segment->counters != NULL &&
           segment->ef != NULL && segment->delta != NULL;
}

void record_segment_free(struct record_segment *segment)
{
    free(segment->theta);
    free(segment->inner);
    free(segment->counters);
    free(segment->ef);
    free(segment->delta);
    memset(segment, 0, sizeof *segment);
}
