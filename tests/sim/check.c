#include "tests/sim/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    VIEWS_MAX = 8192,
    HASHES_MAX = 8,
    KINDS = 4,
    HEIGHTS_MAX = 4096,
    TXS_MAX = 1024,
    TOLD_VIEWS = 64
};

/* Who signed what in one view.  A liar may sign for several hashes. */
struct tally {
    struct hash hashes[HASHES_MAX];
    uint32_t signers[HASHES_MAX]; /* bit i: validator i */
    uint32_t count;
};

/* One epoch: who may sign, and what was signed.  Epoch e + 1 is open once somebody has
 * committed the block that ends e. */
struct era {
    uint32_t count;
    uint32_t quorum;
    struct check_member members[CHECK_NODES_MAX];
    struct tally tallies[VIEWS_MAX][KINDS];
};

/* What one validator told one node in one view: the beginnings of hashes, by kind. */
struct told {
    uint64_t epoch;
    uint64_t view;
    uint32_t kinds;
    uint64_t values[KINDS];
};

struct check {
    uint32_t liars;
    uint32_t accused; /* bit i: somebody can prove validator i guilty */
    struct told told[CHECK_NODES_MAX][CHECK_NODES_MAX][TOLD_VIEWS];
    bool break_expected;
    char class_name[16];
    char detail[CHECK_DETAIL_MAX];
    struct era *eras[CHECK_EPOCHS_MAX]; /* [epoch]; NULL: not open */
    uint64_t epochs[CHECK_NODES_MAX];   /* each node's */
    bool decided[HEIGHTS_MAX];
    struct hash ids[HEIGHTS_MAX];
    struct hash roots[HEIGHTS_MAX];
    uint64_t heights[CHECK_NODES_MAX];
    uint64_t tx_height[TXS_MAX];
};

/* The smallest q with 2q - n >= f + 1; all of them when fewer than four. */
static uint32_t smallest_quorum(uint32_t n)
{
    uint32_t f = 0;
    while (3 * (f + 1) + 1 <= n) {
        f++;
    }
    uint32_t q = 1;
    while (2 * q < n + f + 1) {
        q++;
    }
    return n < 4 ? n : q;
}

static struct era *era_new(const struct check_member *members, uint32_t count)
{
    struct era *era = calloc(1, sizeof(*era));
    if (era != NULL) {
        era->count = count;
        era->quorum = smallest_quorum(count);
        memcpy(era->members, members, count * sizeof(*members));
    }
    return era;
}

struct check *check_new(uint32_t members, uint32_t liars)
{
    struct check_member first[CHECK_NODES_MAX] = {{0}};
    struct check *check = calloc(1, sizeof(*check));
    if (check == NULL) {
        return NULL;
    }
    check->liars = liars;
    for (uint32_t i = 0; i < CHECK_NODES_MAX; i++) {
        first[i].validator = i;
        check->epochs[i] = 1;
    }
    check->eras[1] = era_new(first, members);
    return check;
}

void check_free(struct check *check)
{
    for (uint32_t i = 0; i < CHECK_EPOCHS_MAX; i++) {
        free(check->eras[i]);
    }
    free(check);
}

void check_fail(struct check *check, const char *class, const char *format, ...)
{
    if (check->class_name[0] != '\0') {
        return; /* the first finding counts */
    }
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(check->detail, sizeof(check->detail), format, arguments);
    va_end(arguments);
    (void)snprintf(check->class_name, sizeof(check->class_name), "%s", class);
}

void check_expect_break(struct check *check, bool expected)
{
    check->break_expected = expected;
}

/* Who can be shown to have signed two things that exclude each other. */
static uint32_t guilty_in(const struct tally views[KINDS])
{
    uint32_t guilty = 0;
    uint32_t any[KINDS] = {0};
    for (uint32_t kind = 0; kind < KINDS; kind++) {
        for (uint32_t i = 0; i < views[kind].count; i++) {
            guilty |= any[kind] & views[kind].signers[i];
            any[kind] |= views[kind].signers[i];
        }
    }
    return guilty | (any[VOTE_NULLIFY] & any[VOTE_FINALIZE]);
}

static uint32_t bits(uint32_t set)
{
    uint32_t count = 0;
    for (; set != 0; set >>= 1) {
        count += set & 1;
    }
    return count;
}

/* Agreement is broken. */
static void check_broken(struct check *check, const char *how, uint64_t at)
{
    uint32_t guilty = 0;
    if (!check->break_expected) {
        check_fail(check, "correctness", "%s %llu", how, (unsigned long long)at);
        return;
    }
    /* The set never changes in such a run: places are validators. */
    const struct era *era = check->eras[1];
    for (uint32_t view = 0; view < VIEWS_MAX; view++) {
        guilty |= guilty_in(era->tallies[view]);
    }
    const bool proven = bits(guilty) > (era->count - 1) / 3 && (guilty & ~check->liars) == 0;
    check_fail(check, proven ? "broken" : "accountability", "%s %llu; guilty are %x", how,
               (unsigned long long)at, guilty);
}

void check_diverged(struct check *check, uint64_t view)
{
    check_broken(check, "a node says diverged at view", view);
}

const char *check_class(const struct check *check)
{
    return check->class_name[0] == '\0' ? NULL : check->class_name;
}

const char *check_detail(const struct check *check)
{
    return check->detail;
}

static const char *kind_name(enum vote_kind kind)
{
    static const char *const names[KINDS] = {"PROPOSE", "NOTARIZE", "NULLIFY", "FINALIZE"};
    return names[kind];
}

static struct hash *find_hash(struct tally *tally, const struct hash *hash, uint32_t *index)
{
    for (uint32_t i = 0; i < tally->count; i++) {
        if (memcmp(&tally->hashes[i], hash, sizeof(*hash)) == 0) {
            *index = i;
            return &tally->hashes[i];
        }
    }
    if (tally->count == HASHES_MAX) {
        return NULL;
    }
    *index = tally->count++;
    tally->hashes[*index] = *hash;
    return &tally->hashes[*index];
}

static bool has_quorum(const struct era *era, const struct tally *tally)
{
    for (uint32_t i = 0; i < tally->count; i++) {
        if (bits(tally->signers[i]) >= era->quorum) {
            return true;
        }
    }
    return false;
}

static void check_honest(struct check *check, const struct era *era, const struct vote *vote)
{
    const struct tally *views = era->tallies[vote->view];
    const uint32_t bit = 1U << vote->validator;
    uint32_t values = 0;
    for (uint32_t i = 0; i < views[vote->kind].count; i++) {
        values += (views[vote->kind].signers[i] & bit) != 0 ? 1 : 0;
    }
    if (values > 1) {
        check_fail(check, "correctness", "validator %u signed two values of %s in view %llu",
                   vote->validator, kind_name(vote->kind), (unsigned long long)vote->view);
    }
    bool null = false;
    bool final = false;
    for (uint32_t i = 0; i < HASHES_MAX; i++) {
        null = null || (views[VOTE_NULLIFY].signers[i] & bit) != 0;
        final = final || (views[VOTE_FINALIZE].signers[i] & bit) != 0;
    }
    if (null && final) {
        check_fail(check, "correctness", "validator %u signed NULLIFY and FINALIZE in view %llu",
                   vote->validator, (unsigned long long)vote->view);
    }
}

static void check_certificates(struct check *check, const struct era *era, uint64_t view)
{
    const struct tally *views = era->tallies[view];
    uint32_t notarized = 0;
    for (uint32_t i = 0; i < views[VOTE_NOTARIZE].count; i++) {
        notarized += bits(views[VOTE_NOTARIZE].signers[i]) >= era->quorum ? 1 : 0;
    }
    if (notarized > 1) {
        check_broken(check, "two N exist in view", view);
    }
    if (has_quorum(era, &views[VOTE_FINALIZE]) && has_quorum(era, &views[VOTE_NULLIFY])) {
        check_broken(check, "F and Z exist in view", view);
    }
}

/* E4, E6: who signs is a member of that epoch, and in it. */
static bool is_member(struct check *check, const struct check_member *by, const struct vote *vote)
{
    const bool honest = (check->liars >> by->validator & 1) == 0;
    const struct era *era = vote->epoch < CHECK_EPOCHS_MAX ? check->eras[vote->epoch] : NULL;
    const bool is_in = era != NULL && vote->validator < era->count &&
                       era->members[vote->validator].validator == by->validator &&
                       era->members[vote->validator].key == by->key;
    if (honest && !is_in) {
        check_fail(check, "correctness", "validator %u is no member of epoch %llu and signs",
                   by->validator, (unsigned long long)vote->epoch);
    }
    if (honest && vote->epoch != check->epochs[by->validator]) {
        check_fail(check, "correctness", "validator %u is in epoch %llu and signs for %llu",
                   by->validator, (unsigned long long)check->epochs[by->validator],
                   (unsigned long long)vote->epoch);
    }
    return is_in; /* a liar may sign for what he likes: it does not count */
}

void check_signed(struct check *check, const struct check_member *by, const struct vote *vote)
{
    if (vote->view >= VIEWS_MAX || !is_member(check, by, vote)) {
        return; /* only a liar talks of such views */
    }
    struct era *era = check->eras[vote->epoch];
    struct tally *tally = &era->tallies[vote->view][vote->kind];
    uint32_t index = 0;
    if (find_hash(tally, &vote->proposal, &index) == NULL) {
        return; /* a liar's ninth value */
    }
    tally->signers[index] |= 1U << vote->validator;
    if ((check->liars >> by->validator & 1) == 0) {
        check_honest(check, era, vote);
    }
    check_certificates(check, era, vote->view);
}

/* Two signatures that exclude each other. */
static bool is_lie(const struct vote *a, const struct vote *b)
{
    const bool same = memcmp(&a->proposal, &b->proposal, sizeof(a->proposal)) == 0;
    return a->epoch == b->epoch && a->view == b->view && a->validator == b->validator &&
           ((a->kind == b->kind && !same) ||
            (a->kind == VOTE_NULLIFY && b->kind == VOTE_FINALIZE) ||
            (a->kind == VOTE_FINALIZE && b->kind == VOTE_NULLIFY));
}

bool check_accused(struct check *check, const struct check_accused *accused)
{
    const uint32_t bit = 1U << accused->by.validator;
    const bool first = (check->accused & bit) == 0;
    const unsigned long long view = accused->first->view;
    if ((check->liars >> accused->by.validator & 1) == 0) {
        check_fail(check, "correctness", "node %u accuses honest validator %u, view %llu",
                   accused->node, accused->by.validator, view);
    }
    if (!accused->genuine || !is_lie(accused->first, accused->second)) {
        check_fail(check, "correctness", "node %u accuses validator %u without proof, view %llu",
                   accused->node, accused->by.validator, view);
    }
    check->accused |= bit;
    return first;
}

void check_forgets(struct check *check, uint32_t node)
{
    memset(check->told[node], 0, sizeof(check->told[node]));
}

void check_heard(struct check *check, uint32_t node, const struct check_member *by,
                 const struct vote *vote, bool kept)
{
    struct told *told = &check->told[node][by->validator][vote->view % TOLD_VIEWS];
    const uint32_t bit = 1U << (unsigned)vote->kind;
    uint64_t value = 0;
    memcpy(&value, vote->proposal.bytes, sizeof(value));
    if (told->view != vote->view || told->epoch != vote->epoch) {
        *told = (struct told){.epoch = vote->epoch, .view = vote->view};
    }
    const uint32_t both = 1U << (unsigned)VOTE_NULLIFY | 1U << (unsigned)VOTE_FINALIZE;
    const bool lies = ((told->kinds & bit) != 0 && told->values[vote->kind] != value) ||
                      ((told->kinds | bit) & both) == both;
    if (lies && (check->accused >> by->validator & 1) == 0) {
        check_fail(check, "correctness",
                   "node %u has proof against validator %u, view %llu, unused", node, by->validator,
                   (unsigned long long)vote->view);
    }
    if (kept && (told->kinds & bit) == 0) {
        told->kinds |= bit;
        told->values[vote->kind] = value;
    }
}

static void check_txs(struct check *check, const struct check_final *final)
{
    for (uint32_t i = 0; i < final->tx_count; i++) {
        const uint64_t tx = final->txs[i];
        if (tx == 0 || tx >= TXS_MAX) {
            check_fail(check, "correctness", "height %llu holds an inadmissible transaction",
                       (unsigned long long) final->height);
            return;
        }
        if (check->tx_height[tx] != 0 && check->tx_height[tx] != final->height) {
            check_fail(check, "correctness", "transaction %llu is final at two heights",
                       (unsigned long long)tx);
        }
        check->tx_height[tx] = final->height;
    }
}

/* The same set for everybody who gets to the end of the epoch. */
static void check_epoch(struct check *check, const struct check_final *final)
{
    if (final->epoch != check->epochs[final->node]) {
        check_fail(check, "correctness", "node %u in epoch %llu commits a block of %llu",
                   final->node, (unsigned long long)check->epochs[final->node],
                   (unsigned long long) final->epoch);
    }
    if (final->next == NULL || final->epoch + 1 >= CHECK_EPOCHS_MAX) {
        return;
    }
    const uint64_t epoch = ++check->epochs[final->node];
    const struct era *era = check->eras[epoch];
    if (era == NULL) {
        check->eras[epoch] = era_new(final->next, final->next_count);
    } else if (era->count != final->next_count ||
               memcmp(era->members, final->next, era->count * sizeof(*final->next)) != 0) {
        check_fail(check, "correctness", "two sets for epoch %llu", (unsigned long long)epoch);
    }
}

void check_final(struct check *check, const struct check_final *final)
{
    if (final->height != check->heights[final->node] + 1 || final->height >= HEIGHTS_MAX) {
        check_fail(check, "correctness", "node %u committed height %llu after %llu", final->node,
                   (unsigned long long) final->height,
                   (unsigned long long)check->heights[final->node]);
        return;
    }
    check->heights[final->node] = final->height;
    if (!check->decided[final->height]) {
        check->decided[final->height] = true;
        check->ids[final->height] = final->block_id;
        check->roots[final->height] = final->root;
    }
    if (memcmp(&check->ids[final->height], &final->block_id, sizeof(final->block_id)) != 0) {
        check_broken(check, "two blocks are final at height", final->height);
    }
    if (memcmp(&check->roots[final->height], &final->root, sizeof(final->root)) != 0) {
        check_fail(check, "correctness", "two state roots after height %llu",
                   (unsigned long long) final->height);
    }
    check_txs(check, final);
    check_epoch(check, final);
}

void check_bound(struct check *check, const char *what, uint64_t value, uint64_t bound)
{
    if (value > bound) {
        check_fail(check, "correctness", "%s reached %llu, the bound is %llu", what,
                   (unsigned long long)value, (unsigned long long)bound);
    }
}
