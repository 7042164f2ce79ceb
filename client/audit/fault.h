#ifndef CLIENT_AUDIT_FAULT_H
#define CLIENT_AUDIT_FAULT_H

#include "client/audit/audit.h"

/* Saying what is wrong.  Each fills *fault for a field of block `height` and answers false,
 * so that a check reads `return fault_hash(...)`. */

bool fault_text(struct audit_fault *fault, uint64_t height, const char *field, const char *expected,
                const char *actual);

struct fault_hashes {
    const struct hash *expected;
    const struct hash *actual;
};
bool fault_hash(struct audit_fault *fault, uint64_t height, const char *field,
                struct fault_hashes hashes);

struct fault_numbers {
    const char *relation; /* "above" for a bound, "" for equality */
    uint64_t expected;
    uint64_t actual;
};
bool fault_number(struct audit_fault *fault, uint64_t height, const char *field,
                  struct fault_numbers numbers);

/* One line for people; EXIT_CODE_VERIFY. */
bool fault_error(const struct audit_fault *fault, struct error *error);

#endif /* CLIENT_AUDIT_FAULT_H */
