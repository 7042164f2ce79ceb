#ifndef BASE_HEX_H
#define BASE_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Lower-case hex.  out holds 2 * size + 1 bytes and is terminated. */
void hex_encode(const uint8_t *data, size_t size, char *out);

/* Exactly 2 * size hex digits of either case, then the end of text; false otherwise. */
bool hex_decode(const char *text, uint8_t *out, size_t size);

#endif /* BASE_HEX_H */
