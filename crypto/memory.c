#include "crypto/crypto.h"

#include <sodium.h>

void crypto_random_bytes(void *out, size_t size)
{
    /* Before sodium_init the generator works too, but opens its source at each call. */
    ASSERT(sodium_init() >= 0);
    randombytes_buf(out, size);
}

void crypto_wipe(void *data, size_t size)
{
    sodium_memzero(data, size);
}

bool crypto_equal(const void *a, const void *b, size_t size)
{
    return sodium_memcmp(a, b, size) == 0;
}
