#include "tests/support/wire_objects.h"

/* The decoder of WIRE_OBJECT: refuses, or writes the same bytes again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wire_object_check(WIRE_OBJECT, bytes_of(data, size));
    return 0;
}
