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
 * certificate it carries is signed by a quorum of the validators of the epoch of the block
 * it names (17.5), and names one of its ancestors; its transactions are admitted and executed
 * by the state machine of the nodes, and state root and results root are compared with what
 * the next header says (lag 1).  The last block is final by the LAST_FINAL or the seal that
 * the history ends with, and so are all others, whose ids its header chain names; each other
 * seal is valid and is what the chain carries.  Nothing is believed but the genesis.
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

/* Segments of one job to run again once the replay has passed.
 *
 * The chain names program, data set, batch keys, the root before the first step, a root for
 * each sub-segment and the root of the delta; a worker's record (`gradus worker run --record`,
 * client/record/record.h) adds the state that hashes to the first of them.  A folder of
 * records is a worker's journal: LEASE/data and LEASE/base-ROUND, LEASE being the first 16
 * digits of the lease's id; each segment is looked for in every folder.  Of the rounds before a
 * chosen one that were accepted base-ROUND and segment-ROUND are read, too: the error feedback
 * with which its delta was made stands in no root, but follows from their start, end and delta,
 * whose roots the chain holds. */
struct audit_training {
    struct hash job;
    const char *const *records; /* folders */
    uint32_t record_count;
    uint32_t segments; /* 0: one of each worker; more than there are: all */
    uint64_t seed;     /* of the choice among the segments that were revealed */
    bool seed_of_last; /* instead: 8 bytes, little-endian, of SHA-256 of the last block's id, which
                        * no worker knew while it trained */
    uint32_t threads;  /* that compute, 1 .. POOL_THREADS_MAX */
    void *context;
    /* May be NULL.  After every step, counted over all chosen segments. */
    void (*progress)(void *context, uint32_t step, uint32_t steps);
};

struct audit_training_report {
    uint64_t seed;     /* that chose */
    uint32_t revealed; /* segments of the job in the history */
    uint32_t chosen;
    uint32_t right; /* of the chosen, found right */
    /* The first that is wrong. */
    bool found;
    uint32_t round; /* the chain's numbers, from 0, as the next two; *error has the same */
    uint32_t rank;
    uint32_t sub_segment; /* when a step is wrong or traps; not for a delta */
    bool in_delta;
};

struct audit_config {
    const char *dir;                       /* of history files */
    const char *genesis;                   /* path */
    const struct hash *chain_id;           /* what the genesis must hash to; NULL: any */
    uint32_t threads;                      /* 1 .. AUDIT_THREADS_MAX; 0: one for each core */
    const struct audit_training *training; /* NULL: none */
    void *context;
    /* May be NULL.  After every block, on the caller's thread. */
    void (*progress)(void *context, const struct audit_progress *progress);
};

/* The first thing that is wrong. */
struct audit_fault {
    bool found;
    bool in_block;   /* of a block: field is set; else bytes beside the blocks */
    uint64_t height; /* of the block, or of the one they belong to */
    char field[32];  /* "state_root"; "bytes" when the file is damaged there */
    char expected[AUDIT_TEXT_MAX];
    char actual[AUDIT_TEXT_MAX];
    char file[HISTORY_NAME_MAX]; /* empty: not known */
    uint64_t offset;             /* in file, of the damaged part or of the block's bytes */
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
    bool passed; /* every byte of the history; training is judged after that */
    struct audit_training_report training;
};

/* True: every byte is right, and every chosen segment.  Otherwise *error says in one line
 * what is not:
 *   EXIT_CODE_VERIFY       report->fault or report->training has the details
 *   EXIT_CODE_INCOMPLETE   files are missing: nothing can be concluded; if report->passed,
 *                          about the training only, whose records are missing or not those
 *                          of the chain's segments
 *   EXIT_CODE_NOT_FOUND    no such job, or nothing of it was revealed
 *   EXIT_CODE_WRONG_CHAIN  no genesis, another than expected, or another chain's history
 *   EXIT_CODE_STORAGE      a file cannot be read
 *   EXIT_CODE_FAILURE      memory or threads are short
 * *report is always filled as far as the audit went. */
MUST_USE bool audit_replay(const struct audit_config *config, struct audit_report *report,
                           struct error *error);

#endif /* CLIENT_AUDIT_AUDIT_H */
