#include "client/audit/records.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
#include "client/file/file.h"
#include "crypto/crypto.h"

enum { PATH_SIZE = 512 };

bool records_open(struct records *records, const struct audit_training *config,
                  const struct vm_program *program, struct error *error)
{
    records->folders = config->records;
    records->folder_count = config->record_count;
    records->program = program;
    records->shape = record_shape_of(program);
    const bool base = record_base_alloc(&records->shape, &records->base);
    const bool segment = record_segment_alloc(&records->shape, &records->segment);
    return (base && segment) ||
           error_set(error, EXIT_CODE_FAILURE, "training: no memory for a worker's state");
}

void records_free(struct records *records)
{
    record_base_free(&records->base);
    record_segment_free(&records->segment);
    free(records->data);
    records->data = NULL;
}

/* FOLDER/LEASE/NAME */
static void path_of(const struct hash *lease, const char *folder, const char *name,
                    char out[PATH_SIZE])
{
    char id[17];
    hex_encode(lease->bytes, 8, id);
    (void)snprintf(out, PATH_SIZE, "%s/%s/%s", folder, id, name);
}

static bool is_not_there(const struct records_at *at, const char *name, bool missing,
                         struct error *error)
{
    char id[17];
    hex_encode(at->lease.bytes, 8, id);
    return error_set(error, EXIT_CODE_INCOMPLETE, "%s/%s of round %u, worker %u is %s", id, name,
                     (unsigned)at->round, (unsigned)at->rank, missing ? "missing" : "damaged");
}

/* From the first folder in which it is whole. */
bool records_base(struct records *records, const struct records_at *at, struct error *error)
{
    char name[32];
    bool missing = true;
    (void)snprintf(name, sizeof name, "base-%u", (unsigned)at->round);
    for (uint32_t i = 0; i < records->folder_count; i++) {
        char path[PATH_SIZE];
        path_of(&at->lease, records->folders[i], name, path);
        if (record_read_base(path, &records->shape, &records->base, error) &&
            records->base.round == at->round) {
            error->code = EXIT_CODE_OK;
            return true;
        }
        missing = missing && error->code == EXIT_CODE_NOT_FOUND;
    }
    return is_not_there(at, name, missing, error);
}

bool records_segment(struct records *records, const struct records_at *at, struct error *error)
{
    char name[32];
    bool missing = true;
    (void)snprintf(name, sizeof name, "segment-%u", (unsigned)at->round);
    for (uint32_t i = 0; i < records->folder_count; i++) {
        char path[PATH_SIZE];
        path_of(&at->lease, records->folders[i], name, path);
        if (record_read_segment(path, &records->shape, &records->segment, error) &&
            records->segment.done && records->segment.round == at->round) {
            error->code = EXIT_CODE_OK;
            return true;
        }
        missing = missing && error->code == EXIT_CODE_NOT_FOUND;
    }
    return is_not_there(at, name, missing, error);
}

static const struct vm_tensor *data_tensor(const struct vm_program *program)
{
    for (uint32_t i = 0; i < program->tensor_count; i++) {
        if (program->tensors[i].kind == VM_DATA) {
            return &program->tensors[i];
        }
    }
    return NULL;
}

/* NULL unless the file is the data set that the job names. */
static uint8_t *read_data(const struct vm_tensor *tensor, const struct hash *data_root,
                          const char *path)
{
    const size_t size = (size_t)vm_tensor_bytes(tensor);
    size_t got = 0;
    struct hash root;
    struct error ignored;
    uint8_t *data = file_read(path, size, &got, &ignored);
    if (data == NULL || got != size) {
        free(data);
        return NULL;
    }
    vm_tensor_root(tensor, data, crypto_hash_port(), &root);
    if (!hash_equal(&root, data_root)) {
        free(data);
        return NULL;
    }
    return data;
}

bool records_data(struct records *records, const struct records_at *at,
                  const struct hash *data_root, struct error *error)
{
    const struct vm_tensor *tensor = data_tensor(records->program);
    if (tensor == NULL) {
        return true;
    }
    for (uint32_t i = 0; records->data == NULL && i < records->folder_count; i++) {
        char path[PATH_SIZE];
        path_of(&at->lease, records->folders[i], "data", path);
        records->data = read_data(tensor, data_root, path);
    }
    return records->data != NULL ||
           error_set(error, EXIT_CODE_INCOMPLETE,
                     "the data set that the job names is not beside the worker's record");
}
