#include <stdlib.h>
#include <string.h>

#include "client/safetensors/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the reader takes, the writer brings into canonical form, and that form is read and
 * written again without a change. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error;
    struct safetensors *file = safetensors_decode(bytes_of(data, size), &error);
    if (file == NULL) {
        return 0;
    }
    uint8_t *first = NULL;
    uint8_t *second = NULL;
    size_t first_size = 0;
    size_t second_size = 0;
    if (!safetensors_encode(file, &first, &first_size, &error)) {
        abort();
    }
    struct safetensors *again = safetensors_decode(bytes_of(first, first_size), &error);
    if (again == NULL || again->tensor_count != file->tensor_count ||
        !safetensors_encode(again, &second, &second_size, &error) || first_size != second_size ||
        memcmp(first, second, first_size) != 0) {
        abort();
    }
    free(first);
    free(second);
    safetensors_free(again);
    safetensors_free(file);
    return 0;
}
