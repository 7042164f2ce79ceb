#ifndef CONSENSUS_CONSENSUS_H
#define CONSENSUS_CONSENSUS_H

#include "consensus/event/event.h"

/* Simplex with a separate certification step (Chan and Pass, "Simplex
 * Consensus", 2023; the certify step as in commonware's simplex).  One event in, a bounded
 * list of actions out.  docs/protocol-consensus.md states rules R1-R16 that the code cites.
 *
 *   proposal of leader(v)   -> NOTARIZE(v,h)       timer or bad proposal -> NULLIFY(v)
 *   q NOTARIZE(v,h) = N     -> certify request     q NULLIFY(v) = Z      -> enter v+1
 *   certify OK              -> FINALIZE(v,h) unless NULLIFY(v) was sent, and enter v+1
 *   q FINALIZE(v,h) = F     -> h and its ancestors are final
 *
 * Pure: no clock, I/O, heap, threads or randomness.  It checks no signature and computes no
 * hash.  Certify, build, sign and fetch are requests; later events answer them, in any order,
 * late, or never.  Time enters as now_ms, a monotonic clock that never goes back.
 *
 * What the caller owes:
 *  1. Signatures, certificates (every byte, K6), hashes, chain id and set hash are checked
 *     before an event is made, except where consensus_screen() says that it will be refused.
 *     A vote comes from its own signer; an answer to GET_BLOCK is an ON_PROPOSAL.
 *  2. Actions are carried out in list order before the next step.  All PERSIST actions
 *     stand first; they are durable before any SEND of this or a later step leaves.
 *  3. The bytes of every ACCEPTED and own proposal are kept until DO_FINAL passes its view or
 *     consensus_needs() denies it; GET_BLOCK is served from them.  After a restart a
 *     parent may count as certified though nothing is executed: the driver executes it first.
 *  4. One timer: DO_SET_TIMER replaces it; when it fires, pass ON_TIMEOUT. */

struct consensus; /* consensus/core.h */

/* Epochs (E1-E6, docs/protocol-consensus.md 37).  A core is about one epoch: one set of
 * validators, views from 1, an anchor at view 0 that is the last block of the epoch before.
 *
 *   a block whose next_set_hash is not config.set_hash is the boundary: certify judges when
 *   one is due; on top of it later views propose it again (build.repropose) and nothing else;
 *   its F, from whatever view, ends the epoch: DO_FINAL, then DO_END_EPOCH, then no more.
 *
 * The caller then makes a core of the next epoch: anchor {view 0, the boundary's block_id and
 * height}, self = our place in that set or CONSENSUS_OBSERVER.  It passes ON_START, ON_WORK,
 * ON_PEER_UP for each connected peer, and what it has kept of CONSENSUS_NEXT_EPOCH; answers to
 * requests of the core before are dropped.  The same when chain.db ends with a boundary at
 * start or after DO_CATCH_UP: no ON_ADVANCED crosses the end of an epoch.  What is restored is
 * of the core's own epoch only. */

struct consensus_config {
    uint64_t epoch;
    struct hash set_hash;           /* of this epoch's validators */
    uint32_t validator_count;       /* 1 .. VALIDATOR_COUNT_MAX */
    uint32_t self;                  /* our index, or CONSENSUS_OBSERVER */
    uint32_t leader_offset;         /* leader(v) = (v - 1 + offset) mod n */
    uint32_t delta_0_ms;            /* genesis: first estimate of the network delay, >= 1 */
    uint32_t delta_max_ms;          /* genesis: the backoff stops here, >= delta_0_ms */
    uint32_t c_max_ms;              /* genesis: bound on certify */
    uint32_t min_block_interval_ms; /* node: our pace as leader */
    uint32_t standstill_ms;         /* re-broadcast after so long without an F; >= 1, 5000 */
    bool announces;                 /* 31.4: HAVE instead of new certificates, for large sets */
    struct consensus_anchor anchor;
};

size_t consensus_footprint(uint32_t validator_count);
/* mem: consensus_footprint() bytes, aligned for max_align_t, the caller's. */
MUST_USE struct consensus *consensus_init(void *mem, const struct consensus_config *config);

/* Between init and ON_START: give back what the journal and sign.state hold, in append order.
 * Records at or below the anchor, or that make no sense, are skipped. */
void consensus_restore_vote(struct consensus *core, const struct vote *vote);
void consensus_restore_certificate(struct consensus *core, const struct certificate *certificate);
void consensus_restore_proposal(struct consensus *core, const struct proposal *proposal,
                                const struct hash *hash, const struct hash *parent_id, bool empty);
void consensus_restore_certified(struct consensus *core, uint64_t view,
                                 const struct hash *proposal);

MUST_USE enum consensus_verdict consensus_step(struct consensus *core,
                                               const struct consensus_event *event,
                                               struct consensus_actions *actions);

/* The verdict a vote, certificate or proposal would get; reads only.  Unless it is ACCEPTED
 * (or EQUIVOCATED, to have evidence) its signatures need not be checked before the step. */
MUST_USE enum consensus_verdict consensus_screen(const struct consensus *core,
                                                 const struct consensus_event *event);

/* A vote of the same validator and view that is held and that proves, with this one, that it
 * lied (vote_contradicts): evidence, once this one's signature is checked.  Reads only; ask
 * before the step that takes the vote, or the certificate it is part of. */
MUST_USE bool consensus_contradicts(const struct consensus *core, const struct vote *vote,
                                    struct vote *held);

/* The certificate an action or STATUS names, from held votes; before the next step. */
MUST_USE bool consensus_certificate(const struct consensus *core, enum vote_kind kind,
                                    uint64_t view, struct certificate *out);

/* Named by a certificate: its unfinal ancestors are needed too.  Needed: that or in the window. */
MUST_USE bool consensus_names(const struct consensus *core, uint64_t view, const struct hash *hash);
MUST_USE bool consensus_needs(const struct consensus *core, uint64_t view, const struct hash *hash);

struct consensus_status {
    uint64_t epoch, view;
    uint32_t leader;
    bool awake;                            /* false: idle, no timers */
    bool is_over;                          /* DO_END_EPOCH was said */
    struct consensus_block last_final;     /* highest F */
    struct consensus_block last_delivered; /* newest of DO_FINAL or ADVANCED */
    enum vote_kind entry_kind; /* certificate that let us enter view; PROPOSE: none (view 1) */
    uint64_t entry_view;
    struct validator_bitmap voted[4]; /* [enum vote_kind]: who voted in view; [0] unused */
    uint64_t missing_view;            /* what repair waits for; 0: nothing */
};

void consensus_status(const struct consensus *core, struct consensus_status *out);

/* The invariants of consensus/core.h; stops the process.  BASE_AUDIT: after every step. */
void consensus_audit(const struct consensus *core);

#endif /* CONSENSUS_CONSENSUS_H */
