#ifndef CLIENT_AUDIT_RECORDS_H
#define CLIENT_AUDIT_RECORDS_H

#include "client/audit/audit.h"
#include "client/record/record.h"

/* Files of workers' journals, each looked for in every folder.  Nothing of them is believed:
 * what they hold is compared with roots that the chain holds. */

struct records {
    const char *const *folders;
    uint32_t folder_count;
    const struct vm_program *program;
    struct record_shape shape;
    uint8_t *data; /* of the data tensor, once loaded */
    struct record_base base;
    struct record_segment segment;
};

/* A worker's round. */
struct records_at {
    uint32_t round;
    uint32_t rank; /* for people */
    struct hash lease;
};

/* False: EXIT_CODE_FAILURE, memory is short.  The caller owes records_free in any case. */
MUST_USE bool records_open(struct records *records, const struct audit_training *config,
                           const struct vm_program *program, struct error *error);
void records_free(struct records *records);

/* False: EXIT_CODE_INCOMPLETE, missing or damaged everywhere. */
MUST_USE bool records_base(struct records *records, const struct records_at *at,
                           struct error *error);
MUST_USE bool records_segment(struct records *records, const struct records_at *at,
                              struct error *error);
/* The data set, if the program reads one; it hashes to data_root. */
MUST_USE bool records_data(struct records *records, const struct records_at *at,
                           const struct hash *data_root, struct error *error);

#endif /* CLIENT_AUDIT_RECORDS_H */
