#ifndef STATE_STATE_H
#define STATE_STATE_H

#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "state/view_port.h"
#include "types/codes.h"
#include "types/tx.h"
#include "types/types.h"
#include "types/validators.h"

/* The ledger's state machine: blocks in, writes and results out.
 *
 * It is pure: the same view, block and chain id give the same bytes.  The objects it
 * keeps, their keys and their codecs are in state/objects/objects.h, for everybody who
 * reads the state (clients prove values and decode them with the same functions).
 *
 *      admission     13.5: form, size, chain id, sender, signature, (lane, seq), expiry,
 *                    quota; judged against the parent's state and this block's counters
 *      execution     clock (13.1), transactions, due deadlines, planner, conservation
 *
 * One inadmissible transaction makes a block BAD.  Everything after admission fails with
 * a code of types/codes.def, uses up its sequence number and quota, and moves no money.
 *
 * What the caller owes: a view of exactly the parent's state; header fields that passed
 * the header rules (height, monotone time, a beacon whose VRF proof verified). */

/* 13.6: remembers which transactions' signatures verified.  The key is the digest
 * (TAG_TX_VERDICT) of raw || public key, never the public tx id.  Both functions may be
 * NULL: every signature is then verified. */
struct state_verdicts {
    void *context;
    bool (*known_good)(void *context, const struct hash *digest);
    void (*remember_good)(void *context, const struct hash *digest);
};

/* The digest a verdict is kept under. */
void state_verdict_digest(struct bytes raw, const struct public_key *key, struct hash *out);

/* ---- Admission ------------------------------------------------------------------- */

/* Counts what one block (or a mempool over one tip) has admitted.  About 3 MiB. */
struct state_admission; /* state/ledger/admission.c */

struct state_admission_config {
    struct hash chain_id;
    struct state_verdicts verdicts;
};

size_t state_admission_footprint(void);

/* memory: state_admission_footprint() bytes, aligned for max_align_t, owned by the caller. */
struct state_admission *state_admission_init(void *memory,
                                             const struct state_admission_config *config);

/* Forget the counts; judge from now on against this view (which must outlive the calls)
 * at this header time. */
void state_admission_begin(struct state_admission *admission, const struct state_view *view,
                           uint64_t time_ms);

/* The quota window of that time: what it refused as E_QUOTA may be admitted in another. */
uint64_t state_admission_window(const struct state_admission *admission);

enum state_admit_mode {
    STATE_ADMIT_COUNT, /* part of the block: sequence number and quota are used up */
    STATE_ADMIT_PEEK,  /* only ask */
};

/* CODE_OK, or why raw may not stand in this block at this place.  *tx (may be NULL) views
 * raw; it is valid when the result is CODE_OK, CODE_E_SEQ_GAP (a mempool may keep it for
 * later: everything else about it was found good) or CODE_E_QUOTA. */
MUST_USE enum code state_admit(struct state_admission *admission, struct bytes raw,
                               enum state_admit_mode mode, struct tx *tx);

/* ---- Execution ------------------------------------------------------------------- */

struct state_block {
    uint64_t height;
    uint64_t time_ms; /* of the header */
    uint32_t proposer;
    struct hash beacon;      /* beacon_h of this block's header */
    uint64_t final_height;   /* highest that a last_final up to this block's certifies; 0: none */
    const struct bytes *txs; /* complete bytes of each transaction, in order */
    size_t tx_count;
};

enum state_verdict {
    STATE_OK,
    STATE_BAD, /* 13.5: an inadmissible transaction; nothing else is set */
};

struct state_outcome {
    enum state_verdict verdict;
    size_t bad_index; /* STATE_BAD: which transaction and why */
    enum code bad_code;
    bool changed; /* the block changed state: the chain must seal it (13.2) */
    struct state_writes writes;
    /* RESULT records: one for each transaction, then one for the block itself. */
    const struct bytes *results;
    size_t result_count;
    struct hash results_root;
};

/* Working memory for one block at a time.  Bounded by STATE_WRITE_COUNT_MAX and
 * STATE_WRITE_BYTES_MAX of types/limits.h; about 100 MiB, touched as far as needed. */
struct state_machine; /* state/machine.c */

size_t state_footprint(void);

/* memory: state_footprint() bytes, aligned for max_align_t, owned by the caller. */
struct state_machine *state_init(void *memory, const struct state_admission_config *config);

/* certify: admission alone, without execution.  STATE_OK, or STATE_BAD with index and code. */
void state_certify_block(struct state_machine *machine, const struct state_view *view,
                         const struct state_block *block, struct state_outcome *out);

/* Admission and execution.  What *out points to belongs to the machine and stays valid
 * until its next call.  A violated conservation of credits is our own error: ASSERT. */
void state_execute_block(struct state_machine *machine, const struct state_view *view,
                         const struct state_block *block, struct state_outcome *out);

/* ---- Validator sets (17) ---------------------------------------------------------------- */

/* What the parent's state says of the block of this height built on it.  A pure function of
 * the block's own branch: no certificate that anybody has seen or not plays a part (E1).
 *
 *   block h accepts a change -> h + 1 -> the boundary: the first block from h + 2 on whose
 *   parent's state shows the members ready (K3).  Its header, and no other, has
 *   next_set_hash != set_hash.  Executing it makes the next set hold: the state after it is
 *   epoch + 1's.
 *
 * A block whose parent is the boundary block (in the same epoch) may only be that block again
 * (E3): that is for consensus to keep, the state never sees it. */
struct state_epoch {
    uint64_t epoch;            /* of this block */
    uint64_t start_height;     /* of the block that closed the epoch before; 0: the genesis */
    struct hash set_hash;      /* header.set_hash */
    struct hash next_set_hash; /* header.next_set_hash */
    bool boundary;             /* this block ends the epoch */
};
struct state_epoch state_read_epoch(const struct state_view *view, uint64_t height);

/* The set of set_hash: it votes on this block and, unless boundary, on its children. */
void state_read_set(const struct state_view *view, struct validator_set *out);

/* Of a block with boundary set: the set of next_set_hash, which its execution puts in force. */
void state_read_next_set(const struct state_view *view, struct validator_set *out);

/* ---- Idleness (13.1, 13.2) ------------------------------------------------------------ */

struct state_due {
    bool waiting;     /* a beacon value or a boundary is awaited: the chain is not idle */
    bool scheduled;   /* time_ms is set */
    uint64_t time_ms; /* header time at which the earliest active deadline is due */
};

/* What wakes the chain after the state of this view. */
struct state_due state_next_due(const struct state_view *view);

/* Would an empty block with this header time have due work?  (13.2: an idle voter does not
 * NOTARIZE an empty block that has none.) */
bool state_block_is_due(const struct state_view *view, uint64_t time_ms);

/* ---- Genesis ---------------------------------------------------------------------- */

struct state_genesis; /* state/objects/objects.h */

/* The writes of the state after genesis (height 0); its root is the first header's
 * state_root.  *genesis was checked by genesis/ (sums, references). */
void state_execute_genesis(struct state_machine *machine, const struct state_genesis *genesis,
                           struct state_writes *out);

#endif /* STATE_STATE_H */
