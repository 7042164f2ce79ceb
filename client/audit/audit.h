#ifndef CLIENT_AUDIT_AUDIT_H
#define CLIENT_AUDIT_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/error.h"
#include "store/history/history.h"
#include "types/types.h"

/* The auditor: from a node's exported history and the genesis alone, everything again.
 *
 * For each block in order: its bytes decode strictly; height, parent_id, time, epoch, view
 * and proposer follow from the block before; set hash, hist_root, txs_root and
 * last_cert_hash are computed anew; the VRF proof verifies and continues the beacon; the
 * certificate it carries is signed by a quorum of the genesis validators and names one of
 * its ancestors; its transactions are admitted and executed by the state machine of the
 * nodes, and state root and results root are compared with what the next header says (lag
 * 1).  The last block is final by the LAST_FINAL that the history ends with, and so are all
 * others, whose ids its header chain names.  Nothing is believed but the genesis.
 *
 * The state is kept in memory.  Signatures, certificates and VRF proofs are checked ahead by
 * config.threads threads; execution is one thread's work.
 *
 * The root after the last block stands in no header yet: report.state_root gives it, to be
 * compared with what the nodes say. */

enum { AUDIT_THREADS_MAX = 64, AUDIT_TEXT_MAX = 160 };

struct audit_progress {
    uint64_t height; /* audited */
    uint64_t last;   /* of the history */
    uint64_t txs;
    uint64_t elapsed_ms;
};

struct audit_config {
    const char *dir;             /* of history files */
    const char *genesis;         /* path */
    const struct hash *chain_id; /* what the genesis must hash to; NULL: any */
    uint32_t threads;            /* 1 .. AUDIT_THREADS_MAX; 0: one for each core */
    void *context;
    /* May be NULL.  After every block, on the caller's thread. */
    void (*progress)(void *context, const struct audit_progress *progress);
};

/* The first thing that is wrong. */
struct audit_fault {
    bool found;
    bool in_block; /* height and field are set; else file and offset are */
    uint64_t height;
    char field[32]; /* "state_root"; "bytes" when the file is damaged there */
    char expected[AUDIT_TEXT_MAX];
    char actual[AUDIT_TEXT_MAX];
    char file[HISTORY_NAME_MAX];
    uint64_t offset; /* in file */
    uint64_t size;
};

struct audit_report {
    struct hash chain_id;
    uint64_t last;          /* height with which the history ends */
    uint64_t height;        /* of the last block that was found right */
    uint64_t txs;           /* in blocks that were found right */
    struct hash block_id;   /* of the block at height; the chain id for 0 */
    struct hash state_root; /* after it */
    uint64_t elapsed_ms;
    struct audit_fault fault;
};

/* True: every byte is right.  Otherwise *error says in one line what is not:
 *   EXIT_CODE_VERIFY       report->fault has the details
 *   EXIT_CODE_INCOMPLETE   files are missing: nothing can be concluded
 *   EXIT_CODE_WRONG_CHAIN  no genesis, another than expected, or another chain's history
 *   EXIT_CODE_STORAGE      a file cannot be read
 *   EXIT_CODE_FAILURE      memory or threads are short
 * *report is always filled as far as the audit went. */
MUST_USE bool audit_replay(const struct audit_config *config, struct audit_report *report,
                           struct error *error);

#endif /* CLIENT_AUDIT_AUDIT_H */
