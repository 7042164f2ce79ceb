#ifndef TESTS_SUPPORT_SHA256_SMALL_H
#define TESTS_SUPPORT_SHA256_SMALL_H

#include <stddef.h>
#include <stdint.h>

/* FIPS 180-4, slow and short: what a client without a crypto library would bring along. */
void sha256_small(const uint8_t *data, size_t size, uint8_t *out);

#endif /* TESTS_SUPPORT_SHA256_SMALL_H */
