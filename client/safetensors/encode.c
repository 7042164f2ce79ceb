#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/endian.h"
#include "client/safetensors/names.h"
#include "client/safetensors/safetensors.h"

static const char metadata_key[] = "__metadata__";

/* The header is written twice by the same code: first only counted (data == NULL). */
struct writer {
    uint8_t *data;
    size_t size;
};

static void put(struct writer *writer, const char *text, size_t size)
{
    if (writer->data != NULL) {
        memcpy(writer->data + writer->size, text, size);
    }
    writer->size += size;
}

static void put_text(struct writer *writer, const char *text)
{
    put(writer, text, strlen(text));
}

static void put_number(struct writer *writer, uint64_t number)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    put_text(writer, text);
}

static void put_string(struct writer *writer, const char *text)
{
    put_text(writer, "\"");
    for (const char *at = text; *at != '\0'; at++) {
        const unsigned char byte = (unsigned char)*at;
        char escape[8];
        if (byte == '"' || byte == '\\') {
            (void)snprintf(escape, sizeof escape, "\\%c", byte);
            put_text(writer, escape);
        } else if (byte < 0x20) {
            (void)snprintf(escape, sizeof escape, "\\u%04x", byte);
            put_text(writer, escape);
        } else {
            put(writer, at, 1);
        }
    }
    put_text(writer, "\"");
}

static void put_metadata(struct writer *writer, const struct safetensors_pair *const *pairs,
                         size_t count)
{
    put_string(writer, metadata_key);
    put_text(writer, ":{");
    for (size_t i = 0; i < count; i++) {
        put_text(writer, i == 0 ? "" : ",");
        put_string(writer, pairs[i]->key);
        put_text(writer, ":");
        put_string(writer, pairs[i]->value);
    }
    put_text(writer, "}");
}

static void put_tensor(struct writer *writer, const struct safetensors_tensor *tensor,
                       uint64_t begin)
{
    put_string(writer, tensor->name);
    put_text(writer, ":{\"data_offsets\":[");
    put_number(writer, begin);
    put_text(writer, ",");
    put_number(writer, begin + tensor->data.size);
    put_text(writer, "],\"dtype\":");
    put_string(writer, names_of_dtype(tensor->dtype));
    put_text(writer, ",\"shape\":[");
    for (uint32_t i = 0; i < tensor->rank; i++) {
        put_text(writer, i == 0 ? "" : ",");
        put_number(writer, tensor->dims[i]);
    }
    put_text(writer, "]}");
}

/* Sorted views of what is to be written. */
struct plan {
    const struct safetensors_tensor **tensors;
    const struct safetensors_pair **pairs;
    size_t tensor_count;
    size_t pair_count;
    uint64_t data_size;
};

static void put_header(struct writer *writer, const struct plan *plan)
{
    bool metadata_due = plan->pair_count != 0;
    const char *comma = "";
    uint64_t begin = 0;
    put_text(writer, "{");
    for (size_t i = 0; i < plan->tensor_count; i++) {
        const struct safetensors_tensor *tensor = plan->tensors[i];
        if (metadata_due && strcmp(metadata_key, tensor->name) < 0) {
            put_text(writer, comma);
            put_metadata(writer, plan->pairs, plan->pair_count);
            metadata_due = false;
            comma = ",";
        }
        put_text(writer, comma);
        put_tensor(writer, tensor, begin);
        begin += tensor->data.size;
        comma = ",";
    }
    if (metadata_due) {
        put_text(writer, comma);
        put_metadata(writer, plan->pairs, plan->pair_count);
    }
    put_text(writer, "}");
    while (writer->size % 8 != 0) {
        put_text(writer, " ");
    }
}

static int tensor_order(const void *left, const void *right)
{
    const struct safetensors_tensor *const *a = left;
    const struct safetensors_tensor *const *b = right;
    return strcmp((*a)->name, (*b)->name);
}

static int pair_order(const void *left, const void *right)
{
    const struct safetensors_pair *const *a = left;
    const struct safetensors_pair *const *b = right;
    return strcmp((*a)->key, (*b)->key);
}

static bool tensor_check(const struct safetensors_tensor *tensor, struct error *error)
{
    uint64_t size = 0;
    const size_t name_size = strlen(tensor->name);
    if (name_size == 0 || name_size > SAFETENSORS_NAME_SIZE_MAX ||
        strcmp(tensor->name, metadata_key) == 0) {
        return error_set(error, EXIT_CODE_FAILURE, "safetensors: bad tensor name '%.40s'",
                         tensor->name);
    }
    if (tensor->rank > SAFETENSORS_RANK_MAX || !names_data_size(tensor, &size) ||
        size != tensor->data.size) {
        return error_set(error, EXIT_CODE_FAILURE, "safetensors: %s: data and shape disagree",
                         tensor->name);
    }
    return true;
}

static bool plan_fill(struct plan *plan, const struct safetensors *file, struct error *error)
{
    for (size_t i = 0; i < file->tensor_count; i++) {
        plan->tensors[i] = &file->tensors[i];
        if (!tensor_check(plan->tensors[i], error)) {
            return false;
        }
        if (!checked_add(plan->data_size, plan->tensors[i]->data.size, &plan->data_size)) {
            return error_set(error, EXIT_CODE_FAILURE, "safetensors: too much data");
        }
    }
    for (size_t i = 0; i < file->metadata_count; i++) {
        plan->pairs[i] = &file->metadata[i];
    }
    plan->tensor_count = file->tensor_count;
    plan->pair_count = file->metadata_count;
    qsort((void *)plan->tensors, plan->tensor_count, sizeof(void *), tensor_order);
    qsort((void *)plan->pairs, plan->pair_count, sizeof(void *), pair_order);
    for (size_t i = 1; i < plan->tensor_count; i++) {
        if (strcmp(plan->tensors[i - 1]->name, plan->tensors[i]->name) == 0) {
            return error_set(error, EXIT_CODE_FAILURE, "safetensors: two tensors named '%s'",
                             plan->tensors[i]->name);
        }
    }
    for (size_t i = 1; i < plan->pair_count; i++) {
        if (strcmp(plan->pairs[i - 1]->key, plan->pairs[i]->key) == 0) {
            return error_set(error, EXIT_CODE_FAILURE, "safetensors: two metadata keys '%s'",
                             plan->pairs[i]->key);
        }
    }
    return true;
}

static bool plan_write(const struct plan *plan, uint8_t **out, size_t *size, struct error *error)
{
    struct writer writer = {0};
    put_header(&writer, plan);
    if (writer.size > SAFETENSORS_HEADER_SIZE_MAX) {
        return error_set(error, EXIT_CODE_FAILURE, "safetensors: the header exceeds %d bytes",
                         SAFETENSORS_HEADER_SIZE_MAX);
    }
    *size = 8 + writer.size + plan->data_size;
    uint8_t *bytes = malloc(*size);
    if (bytes == NULL) {
        return error_set(error, EXIT_CODE_FAILURE, "safetensors: out of memory");
    }
    store_le64(bytes, writer.size);
    writer = (struct writer){.data = bytes + 8};
    put_header(&writer, plan);
    uint8_t *at = bytes + 8 + writer.size;
    for (size_t i = 0; i < plan->tensor_count; i++) {
        const struct bytes data = plan->tensors[i]->data;
        if (data.size != 0) {
            memcpy(at, data.data, data.size);
            at += data.size;
        }
    }
    *out = bytes;
    return true;
}

bool safetensors_encode(const struct safetensors *file, uint8_t **out, size_t *size,
                        struct error *error)
{
    struct plan plan = {0};
    plan.tensors = calloc(file->tensor_count + 1, sizeof(void *));
    plan.pairs = calloc(file->metadata_count + 1, sizeof(void *));
    bool done = false;
    if (plan.tensors == NULL || plan.pairs == NULL) {
        (void)error_set(error, EXIT_CODE_FAILURE, "safetensors: out of memory");
    } else {
        done = plan_fill(&plan, file, error) && plan_write(&plan, out, size, error);
    }
    free((void *)plan.tensors);
    free((void *)plan.pairs);
    return done;
}
