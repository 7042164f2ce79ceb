#include "tests/sim/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VIEWS_MAX = 8192, HASHES_MAX = 8, KINDS = 4, HEIGHTS_MAX = 4096, TXS_MAX = 1024 };

/* Who signed what in one view.  A liar may sign for several hashes. */
struct tally {
    struct hash hashes[HASHES_MAX];
    uint32_t signers[HASHES_MAX]; /* bit i: validator i */
    uint32_t count;
};

struct check {
    uint32_t n;
    uint32_t liars;
    uint32_t f;
    bool break_expected;
    uint32_t quorum;
    char class_name[16];
    char detail[CHECK_DETAIL_MAX];
    struct tally tallies[VIEWS_MAX][KINDS];
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

struct check *check_new(uint32_t n, uint32_t liars)
{
    struct check *check = calloc(1, sizeof(*check));
    if (check != NULL) {
        check->n = n;
        check->liars = liars;
        check->quorum = smallest_quorum(n);
        check->f = (n - 1) / 3;
    }
    return check;
}

void check_free(struct check *check)
{
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
    for (uint32_t view = 0; view < VIEWS_MAX; view++) {
        guilty |= guilty_in(check->tallies[view]);
    }
    const bool proven = bits(guilty) > check->f && (guilty & ~check->liars) == 0;
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

static bool has_quorum(const struct check *check, const struct tally *tally)
{
    for (uint32_t i = 0; i < tally->count; i++) {
        if (bits(tally->signers[i]) >= check->quorum) {
            return true;
        }
    }
    return false;
}

static void check_honest(struct check *check, const struct vote *vote)
{
    struct tally *views = check->tallies[vote->view];
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

static void check_certificates(struct check *check, uint64_t view)
{
    struct tally *views = check->tallies[view];
    uint32_t notarized = 0;
    for (uint32_t i = 0; i < views[VOTE_NOTARIZE].count; i++) {
        notarized += bits(views[VOTE_NOTARIZE].signers[i]) >= check->quorum ? 1 : 0;
    }
    if (notarized > 1) {
        check_broken(check, "two N exist in view", view);
    }
    if (has_quorum(check, &views[VOTE_FINALIZE]) && has_quorum(check, &views[VOTE_NULLIFY])) {
        check_broken(check, "F and Z exist in view", view);
    }
}

void check_signed(struct check *check, const struct vote *vote)
{
    if (vote->view >= VIEWS_MAX) {
        return; /* only a liar talks of such views */
    }
    struct tally *tally = &check->tallies[vote->view][vote->kind];
    uint32_t index = 0;
    if (find_hash(tally, &vote->proposal, &index) == NULL) {
        return; /* a liar's ninth value */
    }
    tally->signers[index] |= 1U << vote->validator;
    if ((check->liars >> vote->validator & 1) == 0) {
        check_honest(check, vote);
    }
    check_certificates(check, vote->view);
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
}

void check_bound(struct check *check, const char *what, uint64_t value, uint64_t bound)
{
    if (value > bound) {
        check_fail(check, "correctness", "%s reached %llu, the bound is %llu", what,
                   (unsigned long long)value, (unsigned long long)bound);
    }
}
