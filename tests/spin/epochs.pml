/* The change of the validator set at a boundary block (rules E1-E4 with K1, K3, K4): whatever
 * is final in the old set's epoch and in the new one's is one chain.
 *
 * Two disjoint sets of four, one liar in each.  V views of the old set's epoch, W of the new one's.
 * A step is one certificate: votes.pml shows that the vote rules allow at most one N in
 * a view (S1) and never F and Z of the same view (S2), and these are the guards here.  As there,
 * a certificate may reach anybody at any time or never, and leaders propose whatever is valid.
 *
 *   block accepting the change -> next -> boundary E -> nothing but E again, in later views
 *   F(E) by the old set        -> the new set's view 0 is E
 *
 * Mutants of the safe scheme: NO_REPROPOSE (E3), OPEN_ON_N (E4), ROOT_IS_PROPOSAL (K1),
 * NO_READY (K3).  The three unsafe schemes: GRANDCHILD, FIRST_FINAL, COMPLAINTS.
 * Each must be found to fail.  WITNESS makes an error of a run that must exist. */
#ifndef V
#define V 5
#endif
#ifndef W
#define W 2
#endif

/* Blocks are numbered by the view of their first proposal; the new epoch's follow. */
#define BIT(i)      (1 << (i))
#define BELOW(i)    (BIT(i) - 1)
#define HAS(set, i) (((set) >> (i)) & 1)
#define BETWEEN(u, v) (BELOW(v) & ~BELOW((u) + 1))

#define PLAIN_STAGE 0 /* no change pending */
#define ACCEPTED    1 /* this block accepts the change */
#define SECOND      3 /* the second block after that one, or later */

#if defined(GRANDCHILD) || defined(FIRST_FINAL) || defined(COMPLAINTS)
#define NO_BOUNDARY
#endif

/* The old set's epoch. */
short chain[V + 1];  /* N(v): the blocks from the start to the proposed one; 0: no N */
byte stage[V + 1];   /* of the proposed block, on its own branch */
short ready = 0;     /* READY of every added member is on chain, in this block or below */
short boundary = 0;  /* views whose proposal carries a boundary block */
short skipped = 0;   /* Z */
short final = 0;     /* F */
byte told[V + 1];    /* COMPLAINTS: honest NULLIFY with evidence that the change is final */
byte untold[V + 1];  /* and without */

/* The new one. */
short root = 0;      /* its view 0: a chain of blocks; 0: not started */
short new_chain[W + 1];
short new_skipped = 0;
short new_final = 0;

short ledger = 1;    /* the longest final chain */
short closed_by = 0; /* K1: what the epoch after a final boundary block is named after */

inline final_check(blocks)
{
    assert((blocks & ledger) == blocks || (blocks & ledger) == ledger);
    if
    :: (blocks & ledger) == ledger -> ledger = blocks
    :: else
    fi
}

#define OPEN(v) ((v) == 1 || HAS(skipped, (v) - 1) || chain[(v) - 1] != 0)
#define SKIP_PROVEN(u, v) ((skipped & BETWEEN(u, v)) == BETWEEN(u, v))
#define ACCEPTABLE(v, u) (chain[v] == 0 && chain[u] != 0 && OPEN(v) && SKIP_PROVEN(u, v))

#ifdef GRANDCHILD /* the old set votes for the change and its child, the new one from there on */
#define OURS(u) (stage[u] <= ACCEPTED)
#else
#define OURS(u) (true)
#endif

/* E3: the only child of a boundary block is itself, again. */
#ifdef NO_REPROPOSE
#define MAY_EXTEND(u) (true)
#else
#define MAY_EXTEND(u) (!HAS(boundary, u))
#endif

/* E2 as K3 has it: no boundary before those who join have said, on chain, that they are here. */
#ifdef NO_READY
#define READY(u) (true)
#else
#define READY(u) (HAS(ready, u))
#endif

inline extend(v, u, accepts, brings_ready)
{
    chain[v] = chain[u] | BIT(v);
    if
    :: stage[u] == PLAIN_STAGE -> stage[v] = accepts
    :: else -> stage[v] = (stage[u] == SECOND -> SECOND : stage[u] + 1)
    fi;
#ifndef NO_BOUNDARY
    if
    :: HAS(ready, u) || brings_ready -> ready = ready | BIT(v)
    :: else
    fi;
    if
    :: stage[v] == SECOND && READY(u) -> boundary = boundary | BIT(v)
    :: else
    fi
#endif
}

#define EXTEND(v, u, condition, accepts, brings_ready) \
    :: d_step { ACCEPTABLE(v, u) && OURS(u) && MAY_EXTEND(u) && (condition) -> \
        extend(v, u, accepts, brings_ready) }

#ifdef NO_BOUNDARY
#define BRING_READY(v, u)
#else
#define BRING_READY(v, u) EXTEND(v, u, stage[u] != PLAIN_STAGE && !HAS(ready, u), 0, true)
#endif

#define REPROPOSE(v, u) \
    :: d_step { ACCEPTABLE(v, u) && HAS(boundary, u) -> \
        chain[v] = chain[u]; stage[v] = stage[u]; ready = ready | (HAS(ready, u) << v); \
        boundary = boundary | BIT(v) }

#define NOTARIZE(v, u) EXTEND(v, u, true, 0, false) \
    EXTEND(v, u, stage[u] == PLAIN_STAGE, ACCEPTED, false) \
    BRING_READY(v, u) REPROPOSE(v, u)

/* E4, and K1: one boundary block, by whatever view's F, opens one and the same epoch. */
#ifdef ROOT_IS_PROPOSAL
#define NAME(v) BIT(v)
#else
#define NAME(v) chain[v]
#endif
inline on_final(v)
{
    final = final | BIT(v);
    final_check(chain[v]);
    if
    :: HAS(boundary, v) ->
        assert(closed_by == 0 || closed_by == NAME(v));
        closed_by = NAME(v)
    :: else
    fi
}

/* COMPLAINTS: whether the old or the new set goes on after a nullified view is read from the
 * complaints in its certificate.  Two honest complaints signed before their signers saw the
 * evidence, and one signed after, make certificates of both kinds with the liar's only one,
 * which has none: nobody signs anything twice. */
#define COMPLAINED(v) (untold[v] + told[v])
#define EVIDENCE(u) (HAS(final, u) && stage[u] >= ACCEPTED)
#define QUORUM_HONEST 2
#define HONEST 3

#ifdef COMPLAINTS
#define FINALIZABLE(v) (COMPLAINED(v) <= HONEST - QUORUM_HONEST)
#define ROOM(v) (COMPLAINED(v) < HONEST && \
    (!HAS(final, v) || COMPLAINED(v) < HONEST - QUORUM_HONEST))
#define NULLIFY(v) \
    :: d_step { OPEN(v) && ROOM(v) -> untold[v]++; \
        if \
        :: untold[v] == QUORUM_HONEST -> skipped = skipped | BIT(v) \
        :: else \
        fi }
#define NULLIFY_TOLD(v, u) :: d_step { OPEN(v) && ROOM(v) && EVIDENCE(u) -> told[v]++ }
#else
#define FINALIZABLE(v) (!HAS(skipped, v))
#define NULLIFY(v) \
    :: d_step { OPEN(v) && !HAS(skipped, v) && !HAS(final, v) -> skipped = skipped | BIT(v) }
#define NULLIFY_TOLD(v, u)
#endif

#define FINALIZE(v) \
    :: d_step { chain[v] != 0 && !HAS(final, v) && FINALIZABLE(v) -> on_final(v) }

/* When the new set starts on top of the block of view u; each scheme has its own idea. */
#if defined(GRANDCHILD)
#define STARTS(u) (chain[u] != 0 && stage[u] == ACCEPTED + 1)
#elif defined(FIRST_FINAL)
#define STARTS(u) (EVIDENCE(u))
#elif defined(COMPLAINTS)
#if V != 3
#error "COMPLAINTS is written for three views"
#endif
#define GIVEN_UP(v) (COMPLAINED(v) >= QUORUM_HONEST)
#define STARTS(u) (EVIDENCE(u) && ( \
    ((u) == 1 && GIVEN_UP(2) && told[2] > 0) || \
    ((u) == 1 && GIVEN_UP(2) && GIVEN_UP(3) && told[3] > 0) || \
    ((u) == 2 && GIVEN_UP(3) && told[3] > 0)))
#elif defined(OPEN_ON_N)
#define STARTS(u) (HAS(boundary, u))
#else
#define STARTS(u) (HAS(boundary, u) && HAS(final, u))
#endif

#ifdef NO_BOUNDARY
#define READY_CHECK(u) skip
#else
#define READY_CHECK(u) assert(HAS(ready, u))
#endif
#define START(u) :: d_step { root == 0 && STARTS(u) -> READY_CHECK(u); root = chain[u] }

/* The new set's views; one certificate a step. */
#define NEW_OPEN(w) (root != 0 && \
    ((w) == 1 || HAS(new_skipped, (w) - 1) || new_chain[(w) - 1] != 0))
#define NEW_PROVEN(u, w) ((new_skipped & BETWEEN(u, w)) == BETWEEN(u, w))
#define NEW_ON(w, u) \
    :: d_step { NEW_OPEN(w) && new_chain[w] == 0 && new_chain[u] != 0 && NEW_PROVEN(u, w) -> \
        new_chain[w] = new_chain[u] | BIT(V + (w)) }
#define NEW_VIEW(w) \
    :: d_step { NEW_OPEN(w) && new_chain[w] == 0 && NEW_PROVEN(0, w) -> \
        new_chain[w] = root | BIT(V + (w)) } \
    :: d_step { NEW_OPEN(w) && !HAS(new_skipped, w) && !HAS(new_final, w) -> \
        new_skipped = new_skipped | BIT(w) } \
    :: d_step { new_chain[w] != 0 && !HAS(new_skipped, w) && !HAS(new_final, w) -> \
        new_final = new_final | BIT(w); final_check(new_chain[w]); NEW_WITNESS(w) }

#ifdef WITNESS
#if V != 5
#error "WITNESS is written for five views"
#endif
/* The last view's block is final, on a boundary block that was given up once and became final
 * when it was proposed again. */
#define GIVEN_UP_ONCE(v) (HAS(boundary & skipped, v) && chain[v] == root)
#define NEW_WITNESS(w) assert(!((w) == W && (GIVEN_UP_ONCE(3) || GIVEN_UP_ONCE(4))))
#else
#define NEW_WITNESS(w) skip
#endif

#define VIEW(v) NULLIFY(v) FINALIZE(v) START(v) NOTARIZE(v, 0)
#define ON(v, u) NOTARIZE(v, u) NULLIFY_TOLD(v, u)

init
{
    chain[0] = 1;
    do
    VIEW(1)
    VIEW(2) ON(2, 1)
    VIEW(3) ON(3, 1) ON(3, 2)
#if V >= 4
    VIEW(4) ON(4, 1) ON(4, 2) ON(4, 3)
#endif
#if V >= 5
    VIEW(5) ON(5, 1) ON(5, 2) ON(5, 3) ON(5, 4)
#endif
#if V >= 6
    VIEW(6) ON(6, 1) ON(6, 2) ON(6, 3) ON(6, 4) ON(6, 5)
#endif
#if V >= 7
    VIEW(7) ON(7, 1) ON(7, 2) ON(7, 3) ON(7, 4) ON(7, 5) ON(7, 6)
#endif
    NEW_VIEW(1)
#if W >= 2
    NEW_VIEW(2) NEW_ON(2, 1)
#endif
#if W >= 3
    NEW_VIEW(3) NEW_ON(3, 1) NEW_ON(3, 2)
#endif
    od
}
