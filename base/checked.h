#ifndef BASE_CHECKED_H
#define BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"

/* Arithmetic that reports overflow.  Each returns true and writes *out, or returns
 * false and leaves *out alone. */

MUST_USE static inline bool checked_add(uint64_t a, uint64_t b, uint64_t *out)
{
    if (a > UINT64_MAX - b) {
        return false;
    }
    *out = a + b;
    return true;
}

MUST_USE static inline bool checked_sub(uint64_t a, uint64_t b, uint64_t *out)
{
    if (a < b) {
        return false;
    }
    *out = a - b;
    return true;
}

MUST_USE static inline bool checked_mul(uint64_t a, uint64_t b, uint64_t *out)
{
    if (b != 0 && a > UINT64_MAX / b) {
        return false;
    }
    *out = a * b;
    return true;
}

/* floor(a * b / c) through 128 bits; false when c is 0 or the result needs more than 64. */
MUST_USE static inline bool checked_muldiv(uint64_t a, uint64_t b, uint64_t c, uint64_t *out)
{
    if (c == 0) {
        return false;
    }
    __extension__ const unsigned __int128 q = (unsigned __int128)a * b / c;
    if (q > UINT64_MAX) {
        return false;
    }
    *out = (uint64_t)q;
    return true;
}

#endif /* BASE_CHECKED_H */
