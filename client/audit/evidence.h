#ifndef CLIENT_AUDIT_EVIDENCE_H
#define CLIENT_AUDIT_EVIDENCE_H

#include "types/block.h"

/* Whom the auditor believes about blocks of one epoch: those whom the chain put in force. */
struct evidence_trust {
    struct hash chain_id;
    struct hash set_hash;
    const struct validator_set *set;
};

enum evidence_verdict {
    EVIDENCE_VALID,
    EVIDENCE_STRANGER, /* a signer beyond the set */
    EVIDENCE_FEW,      /* fewer signers than the quorum */
    EVIDENCE_FORGED,   /* a signature does not verify */
};

/* Every signature of a LAST_FINAL; pure, from any thread. */
enum evidence_verdict evidence_verify(const struct evidence_trust *trust,
                                      const struct finality *finality);

const char *evidence_text(enum evidence_verdict verdict);

#endif /* CLIENT_AUDIT_EVIDENCE_H */
