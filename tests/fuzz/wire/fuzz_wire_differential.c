#include "tests/support/wire_differential.h"

/* wire's reader against msgpack-c. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    (void)wire_differential_check(bytes_of(data, size));
    return 0;
}
