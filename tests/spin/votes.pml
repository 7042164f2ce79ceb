/* The vote rules R1, R2, R5-R11 of docs/protocol-consensus.md: no two conflicting final chains.
 *
 * n = 4, V views, LIARS validators that sign anything for anyone.  docs/models.md says what
 * is left out and why that is sound.  In short:
 *  - a liar's vote is part of every certificate: NEED = Q - LIARS honest votes make one;
 *  - what was signed may reach anybody at any time, or never: every rule asks that something is
 *    held, none that it is not, so "exists" stands for "may be held by whoever acts";
 *  - honest validators are alike, and nothing but the current view ties a validator's vote to
 *    its vote in another view or group of kinds: sets of voters are kept as their sizes.
 *    The current view is weakened to "a certificate opens this view": more runs, not fewer;
 *  - any leader may lie: it proposes on whatever parent, and two proposals in one view;
 *  - what certify will say of a proposal is drawn when it is first asked, at N.
 *
 * Each guard goes away with a macro, and the run must then find a violation:
 * NO_ONE_NOTARIZE, NO_EXCLUSION, NO_SKIP_PROOF, NO_PARENT, NO_CERTIFY, Q=2, LIARS=2.
 * NOTARIZE_BLIND (R5 does not look whether the parent is certified, R7 does) stays safe.
 * PLAIN explores votes that can no longer be part of a certificate as well; without it they
 * are dropped.  WITNESS makes an error of a run that must exist. */
#ifndef V
#define V 3
#endif
#ifndef Q
#define Q 3
#endif
#ifndef LIARS
#define LIARS 1
#endif
#define HONEST (4 - LIARS)
#define NEED   (Q - LIARS)

/* Proposal 0 is the epoch's start; view v has two candidates, FIRST(v) and SECOND(v). */
#define FIRST(v)  (2 * (v) - 1)
#define SECOND(v) (2 * (v))
#define COUNT     (2 * V + 1)
#define BIT(i)    (1 << (i))
#define BELOW(i)  (BIT(i) - 1)
#define HAS(set, i) (((set) >> (i)) & 1)

byte notarize[COUNT]; /* honest votes, not counted beyond NEED */
byte finalize[COUNT];
byte nullify[V + 1];
short chain[COUNT];   /* the proposal and its ancestors; 0: not proposed yet */
short bad;            /* certify says BAD: a function of content alone */
short certified = 1;  /* R7: N, certify OK, parent certified */
short skipped;        /* views with Z */
short ledger = 1;     /* the longest final chain */
hidden short i;

/* R1, weakened: a certificate opens the view for somebody. */
#define OPEN(v) ((v) == 1 || HAS(skipped, (v) - 1) || \
    HAS(certified, FIRST((v) - 1)) || HAS(certified, SECOND((v) - 1)))

/* R5: at most one NOTARIZE in a view. */
#ifdef NO_ONE_NOTARIZE
#define MAY_NOTARIZE(v) (true)
#else
#define MAY_NOTARIZE(v) (notarize[FIRST(v)] + notarize[SECOND(v)] < HONEST)
#endif

/* R8, R9: NULLIFY excludes FINALIZE. */
#define FINALIZED(v) (finalize[FIRST(v)] + finalize[SECOND(v)])
#ifdef NO_EXCLUSION
#define MAY_NULLIFY(v)  (true)
#define MAY_FINALIZE(v) (FINALIZED(v) < HONEST)
#else
#define MAY_NULLIFY(v)  (nullify[v] + FINALIZED(v) < HONEST)
#define MAY_FINALIZE(v) (nullify[v] + FINALIZED(v) < HONEST)
#endif

/* R2: the parent is certified, and every view between parent and child has a Z. */
#define BETWEEN(u, v) (BELOW(v) & ~BELOW((u) + 1))
#ifdef NO_SKIP_PROOF
#define SKIP_PROVEN(u, v) (true)
#else
#define SKIP_PROVEN(u, v) ((skipped & BETWEEN(u, v)) == BETWEEN(u, v))
#endif
#if defined(NO_PARENT) || defined(NOTARIZE_BLIND)
#define PARENT_HELD(p) (chain[p] != 0)
#else
#define PARENT_HELD(p) (HAS(certified, p))
#endif

/* R7 asks for the parent too. */
#ifdef NO_PARENT
#define PARENTS_CERTIFIED(p) (true)
#else
#define PARENTS_CERTIFIED(p) ((chain[p] & ~BIT(p) & ~certified) == 0)
#endif
#ifdef NO_CERTIFY
#define VERDICT(p) (true)
#else
#define VERDICT(p) (!HAS(bad, p))
#endif

/* What is dropped rests on these guards. */
#if defined(NO_ONE_NOTARIZE) || defined(NO_EXCLUSION) || defined(NO_PARENT) || \
    defined(NO_CERTIFY) || defined(NOTARIZE_BLIND) || Q != 3 || LIARS != 1
#define PLAIN
#endif
#ifdef PLAIN
#define USEFUL(votes_against) (true)
#else
#define USEFUL(votes_against) ((votes_against) <= HONEST - NEED)
#endif

/* A view's other candidate can get no certificate any more, and nothing builds on either yet:
 * forget the loser, call the winner FIRST.  A BAD one has no use for its ancestors. */
inline settle(v, p)
{
#ifdef PLAIN
    skip
#else
    i = chain[p] & BELOW(FIRST(v));
    notarize[FIRST(v)] = NEED;
    notarize[SECOND(v)] = 0;
    chain[FIRST(v)] = (HAS(bad, p) -> BIT(FIRST(v)) : i | BIT(FIRST(v)));
    chain[SECOND(v)] = 0;
    if
    :: HAS(bad, p) -> bad = (bad & ~BIT(p)) | BIT(FIRST(v))
    :: else
    fi;
    i = 0
#endif
}

inline certify_all()
{
    for (i : 1 .. COUNT - 1) {
        if
        :: notarize[i] >= NEED && VERDICT(i) && PARENTS_CERTIFIED(i) ->
            certified = certified | BIT(i)
        :: else
        fi
    }
    i = 0
}

inline on_notarize(v, p)
{
    if
    :: notarize[p] == NEED -> settle(v, p); certify_all()
    :: else
    fi
}

/* R11, and what must hold. */
inline on_finalize(v, p)
{
    if
    :: finalize[p] == NEED ->
        assert((chain[p] & bad) == 0);
        assert((chain[p] & ledger) == chain[p] || (chain[p] & ledger) == ledger);
        if
        :: (chain[p] & ledger) == ledger -> ledger = chain[p]
        :: else
        fi;
#ifndef PLAIN
        nullify[v] = 0;
#endif
#ifdef WITNESS
        /* Final in the last view although a view below was skipped, which had an N as well. */
        assert(!((v) == V && (certified & ~ledger) != 0));
#endif
    :: else
    fi
}

inline on_nullify(v)
{
    if
    :: nullify[v] == NEED ->
        skipped = skipped | BIT(v);
#ifndef PLAIN
        finalize[FIRST(v)] = 0;
        finalize[SECOND(v)] = 0;
#endif
    :: else
    fi
}

/* A proposal exists from its first honest NOTARIZE on; who proposed it does not matter. */
#define ACCEPTABLE(v, p, u) (PARENT_HELD(p) && SKIP_PROVEN(u, v) && OPEN(v))
#define PROPOSE_AS(v, p, u, self, also, verdict) \
    :: d_step { chain[self] == 0 && also && ACCEPTABLE(v, p, u) -> \
        chain[self] = chain[p] | BIT(self); notarize[self] = 1; verdict; on_notarize(v, self) }
#define SECOND_TOO(v) \
    (chain[FIRST(v)] != 0 && MAY_NOTARIZE(v) && USEFUL(notarize[FIRST(v)]))
#define PROPOSE(v, p, u) \
    PROPOSE_AS(v, p, u, FIRST(v), true, skip) \
    PROPOSE_AS(v, p, u, SECOND(v), SECOND_TOO(v), skip) \
    PROPOSE_BAD(v, p, u)
#if Q - LIARS == 1
#define PROPOSE_BAD(v, p, u) \
    PROPOSE_AS(v, p, u, FIRST(v), true, bad = bad | BIT(FIRST(v))) \
    PROPOSE_AS(v, p, u, SECOND(v), SECOND_TOO(v), bad = bad | BIT(SECOND(v)))
#else
#define PROPOSE_BAD(v, p, u)
#endif

#define NOTARIZE(v, p, other) \
    :: d_step { chain[p] != 0 && notarize[p] < NEED && MAY_NOTARIZE(v) && \
                USEFUL(notarize[other]) -> \
        notarize[p]++; on_notarize(v, p) } \
    :: d_step { chain[p] != 0 && notarize[p] == NEED - 1 && MAY_NOTARIZE(v) && \
                USEFUL(notarize[other]) -> \
        notarize[p]++; bad = bad | BIT(p); on_notarize(v, p) }

#define FINALIZE(v, p) \
    :: d_step { HAS(certified, p) && finalize[p] < NEED && MAY_FINALIZE(v) && \
                USEFUL(nullify[v]) -> \
        finalize[p]++; on_finalize(v, p) }

#define NULLIFY(v) \
    :: d_step { nullify[v] < NEED && MAY_NULLIFY(v) && USEFUL(FINALIZED(v)) && OPEN(v) -> \
        nullify[v]++; on_nullify(v) }

#define VIEW(v) NULLIFY(v) PROPOSE(v, 0, 0) \
    NOTARIZE(v, FIRST(v), SECOND(v)) NOTARIZE(v, SECOND(v), FIRST(v)) \
    FINALIZE(v, FIRST(v)) FINALIZE(v, SECOND(v))
#define ON(v, u) PROPOSE(v, FIRST(u), u) PROPOSE(v, SECOND(u), u)

init
{
    d_step { chain[0] = 1; notarize[0] = NEED }
    do
    VIEW(1)
#if V >= 2
    VIEW(2) ON(2, 1)
#endif
#if V >= 3
    VIEW(3) ON(3, 1) ON(3, 2)
#endif
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
#error "sets of proposals are 15 bits wide"
#endif
    od
}
