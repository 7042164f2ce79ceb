#ifndef CLIENT_CHAINCHECK_CHAINCHECK_H
#define CLIENT_CHAINCHECK_CHAINCHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/error.h"
#include "client/audit/audit.h"
#include "genesis/genesis.h"

/* The chain without its execution: what the auditor asks of every block but the state.
 *
 * For each block in order: position, parent, time, view, proposer, set hashes and hist_root
 * follow from the blocks before; transaction root and VRF proof are right; the certificate it
 * carries, and the finality kept beside it, are signed by a quorum and name their block.
 * Transactions are not judged: `gradus audit replay` does that.  Who is in a set that a boundary
 * names, only the state says: the caller is asked, and believed when the hash is right.  If he
 * does not know it, the blocks from there on are not judged (report.unjudged_from). */

struct chaincheck;

/* The set of an epoch, whose hash is that; false: not known.  sets may be NULL: none is. */
struct chaincheck_sets {
    void *context;
    bool (*find)(void *context, uint64_t epoch, const struct hash *hash, struct validator_set *out);
};

/* threads: 0: one for each core.  genesis outlives the check.  EXIT_CODE_FAILURE without memory
 * or threads. */
MUST_USE bool chaincheck_create(const struct genesis *genesis, uint32_t threads,
                                const struct chaincheck_sets *sets, struct chaincheck **out,
                                struct error *error);
void chaincheck_free(struct chaincheck *check); /* NULL is allowed */

/* The next block, with the LAST_FINAL over it or an empty view.  False with EXIT_CODE_VERIFY
 * when it or an earlier one is wrong: chaincheck_fault. */
MUST_USE bool chaincheck_take(struct chaincheck *check, struct bytes block, struct bytes finality,
                              struct error *error);
/* After the last: what is still being verified.  The last block must have had a finality. */
MUST_USE bool chaincheck_end(struct chaincheck *check, struct error *error);

struct chaincheck_report {
    uint64_t height; /* of the last block found right */
    uint64_t txs;
    uint64_t certificates;  /* carried by blocks or kept beside them, that were verified */
    uint64_t unjudged_from; /* the first block of an epoch whose set is not known; 0: all judged */
    struct audit_fault fault;
};
const struct chaincheck_report *chaincheck_report(const struct chaincheck *check);

#endif /* CLIENT_CHAINCHECK_CHAINCHECK_H */
