#include "client/audit/fault.h"

#include <stdio.h>

#include "base/hex.h"

bool fault_text(struct audit_fault *fault, uint64_t height, const char *field, const char *expected,
                const char *actual)
{
    *fault = (struct audit_fault){.found = true, .in_block = true, .height = height};
    (void)snprintf(fault->field, sizeof(fault->field), "%s", field);
    (void)snprintf(fault->expected, sizeof(fault->expected), "%s", expected);
    (void)snprintf(fault->actual, sizeof(fault->actual), "%s", actual);
    return false;
}

bool fault_hash(struct audit_fault *fault, uint64_t height, const char *field,
                struct fault_hashes hashes)
{
    char expected[2 * HASH_SIZE + 1];
    char actual[2 * HASH_SIZE + 1];
    hex_encode(hashes.expected->bytes, HASH_SIZE, expected);
    hex_encode(hashes.actual->bytes, HASH_SIZE, actual);
    return fault_text(fault, height, field, expected, actual);
}

bool fault_number(struct audit_fault *fault, uint64_t height, const char *field,
                  struct fault_numbers numbers)
{
    char expected[64];
    char actual[32];
    (void)snprintf(expected, sizeof(expected), "%s%s%llu", numbers.relation,
                   numbers.relation[0] == '\0' ? "" : " ", (unsigned long long)numbers.expected);
    (void)snprintf(actual, sizeof(actual), "%llu", (unsigned long long)numbers.actual);
    return fault_text(fault, height, field, expected, actual);
}

bool fault_error(const struct audit_fault *fault, struct error *error)
{
    const bool placed = fault->file[0] != '\0';
    char place[HISTORY_NAME_MAX + 64] = "";
    if (placed) {
        (void)snprintf(place, sizeof(place), " (%s, offset %llu, %llu bytes)", fault->file,
                       (unsigned long long)fault->offset, (unsigned long long)fault->size);
    }
    if (!fault->in_block) {
        return error_set(error, EXIT_CODE_VERIFY, "height %llu: damaged bytes beside the blocks%s",
                         (unsigned long long)fault->height, place);
    }
    return error_set(error, EXIT_CODE_VERIFY, "height %llu: %s: expected %s, found %s%s",
                     (unsigned long long)fault->height, fault->field, fault->expected,
                     fault->actual, place);
}
