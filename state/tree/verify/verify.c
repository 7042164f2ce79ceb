#include "verify.h" /* not by its path from the root: both files may live anywhere */

#include <string.h>

enum {
    VERSION = 1,
    TYPE_MEMBER = 1,
    TYPE_ABSENT_EMPTY = 2,
    TYPE_ABSENT_LEAF = 3,
    TYPE_MANY = 4,
    ONE_HEAD_SIZE = 4,
    MANY_HEAD_SIZE = 12,
    HASH = STATE_TREE_HASH_SIZE,
    LEAF_PREFIX = 0x00,
    INNER_PREFIX = 0x01,
};

enum token { TOKEN_EMPTY = 0, TOKEN_LEAF = 1, TOKEN_INNER = 2, TOKEN_OTHER = 3 };

static bool bit_at(const uint8_t *bits, size_t index)
{
    return (bits[index / 8] >> (7 - index % 8) & 1) != 0;
}

static bool is_zero(const uint8_t *hash)
{
    uint8_t any = 0;
    for (size_t i = 0; i < HASH; i++) {
        any |= hash[i];
    }
    return any == 0;
}

static bool shares_bits(const uint8_t *a, const uint8_t *b, size_t bits)
{
    const size_t whole = bits / 8;
    if (memcmp(a, b, whole) != 0) {
        return false;
    }
    return bits % 8 == 0 || (a[whole] ^ b[whole]) >> (8 - bits % 8) == 0;
}

/* SHA256(prefix || a || b); out may be a or b. */
static void hash_pair(const struct state_tree_question *question, uint8_t prefix, const uint8_t *a,
                      const uint8_t *b, uint8_t *out)
{
    uint8_t message[1 + 2 * HASH];
    message[0] = prefix;
    memcpy(message + 1, a, HASH);
    memcpy(message + 1 + HASH, b, HASH);
    question->sha256(message, sizeof(message), out);
}

static void claim_leaf(const struct state_tree_question *question,
                       const struct state_tree_claim *claim, const uint8_t *path, uint8_t *out)
{
    uint8_t vhash[HASH];
    question->sha256(claim->value, claim->value_size, vhash);
    hash_pair(question, LEAF_PREFIX, path, vhash, out);
}

static enum state_tree_verdict claim_check(const struct state_tree_claim *claim)
{
    if (claim->key_size == 0 || claim->key_size > STATE_TREE_KEY_MAX) {
        return STATE_TREE_KEY_SIZE;
    }
    if (claim->present && claim->value_size > STATE_TREE_VALUE_MAX) {
        return STATE_TREE_VALUE_SIZE;
    }
    return STATE_TREE_PROVEN;
}

/* ---- SP1 --------------------------------------------------------------------------- */

/* A proof whose form is right. */
struct one {
    uint8_t type;
    size_t depth;
    const uint8_t *bitmap;
    const uint8_t *siblings;
    size_t sibling_count;
    const uint8_t *other; /* ABSENT_LEAF: path and vhash */
};

static enum state_tree_verdict bitmap_check(struct one *one)
{
    for (size_t i = 0; i < (one->depth + 7) / 8 * 8; i++) {
        const bool marked = bit_at(one->bitmap, i);
        if (marked && i >= one->depth) {
            return STATE_TREE_PADDING;
        }
        one->sibling_count += marked ? 1 : 0;
    }
    const bool low = one->depth > 0 && !bit_at(one->bitmap, one->depth - 1);
    return low ? STATE_TREE_LOW_END : STATE_TREE_PROVEN;
}

static enum state_tree_verdict one_parse(const uint8_t *proof, size_t size, struct one *one)
{
    if (size < ONE_HEAD_SIZE) {
        return STATE_TREE_SIZE;
    }
    if (proof[0] != VERSION) {
        return STATE_TREE_VERSION;
    }
    if (proof[1] < TYPE_MEMBER || proof[1] > TYPE_ABSENT_LEAF) {
        return STATE_TREE_TYPE;
    }
    *one = (struct one){.type = proof[1],
                        .depth = (size_t)proof[2] << 8 | proof[3],
                        .bitmap = proof + ONE_HEAD_SIZE};
    const size_t before = ONE_HEAD_SIZE + (one->depth + 7) / 8;
    if (one->depth > STATE_TREE_DEPTH_MAX) {
        return STATE_TREE_TOO_DEEP;
    }
    if (size < before) {
        return STATE_TREE_SIZE;
    }
    const enum state_tree_verdict verdict = bitmap_check(one);
    if (verdict != STATE_TREE_PROVEN) {
        return verdict;
    }
    const size_t other_at = before + one->sibling_count * HASH;
    if (size != other_at + (one->type == TYPE_ABSENT_LEAF ? 2 * (size_t)HASH : 0)) {
        return STATE_TREE_SIZE;
    }
    one->siblings = proof + before;
    one->other = proof + other_at;
    for (size_t i = 0; i < one->sibling_count; i++) {
        if (is_zero(one->siblings + i * HASH)) {
            return STATE_TREE_ZERO_HASH;
        }
    }
    return STATE_TREE_PROVEN;
}

/* From the end of the path, whose hash is in node, up to the root. */
static void one_climb(const struct state_tree_question *question, const struct one *one,
                      const uint8_t *path, uint8_t *node)
{
    static const uint8_t empty[HASH] = {0};
    const uint8_t *next = one->siblings;
    for (size_t i = one->depth; i-- > 0;) {
        const uint8_t *sibling = empty;
        if (bit_at(one->bitmap, i)) {
            sibling = next;
            next += HASH;
        }
        const bool right = bit_at(path, i);
        hash_pair(question, INNER_PREFIX, right ? sibling : node, right ? node : sibling, node);
    }
}

enum state_tree_verdict state_tree_verify_one(const struct state_tree_question *question,
                                              const uint8_t *proof, size_t size)
{
    if (question->count != 1) {
        return STATE_TREE_OTHER_COUNT;
    }
    const struct state_tree_claim *claim = question->claims;
    struct one one;
    enum state_tree_verdict verdict = claim_check(claim);
    verdict = verdict == STATE_TREE_PROVEN ? one_parse(proof, size, &one) : verdict;
    if (verdict != STATE_TREE_PROVEN) {
        return verdict;
    }
    if ((one.type == TYPE_MEMBER) != claim->present) {
        return STATE_TREE_OTHER_CLAIM;
    }
    uint8_t path[HASH];
    uint8_t node[HASH] = {0};
    question->sha256(claim->key, claim->key_size, path);
    if (one.type == TYPE_MEMBER) {
        claim_leaf(question, claim, path, node);
    } else if (one.type == TYPE_ABSENT_LEAF) {
        if (!shares_bits(one.other, path, one.depth) || memcmp(one.other, path, HASH) == 0) {
            return STATE_TREE_OTHER_PLACE;
        }
        hash_pair(question, LEAF_PREFIX, one.other, one.other + HASH, node);
    }
    one_climb(question, &one, path, node);
    return memcmp(node, question->root, HASH) == 0 ? STATE_TREE_PROVEN : STATE_TREE_OTHER_ROOT;
}

/* ---- SM1 --------------------------------------------------------------------------- */

/* What is known of a subtree: SUBTREE_HASH came without its content. */
enum subtree_kind { SUBTREE_EMPTY, SUBTREE_LEAF, SUBTREE_INNER, SUBTREE_HASH };

struct subtree {
    uint8_t hash[HASH];
    uint8_t kind; /* enum subtree_kind */
};

/* A walk over the tree in pre-order.  It needs no more than the way down to where it is:
 * the claims come in the order in which the walk meets them. */
struct walk {
    const struct state_tree_question *question;
    const uint8_t *bits;
    size_t bit_at;
    size_t bit_count;
    const uint8_t *hash_next;
    size_t hash_left;
    size_t next;         /* the first claim not met yet */
    uint8_t path[HASH];  /* its path */
    uint8_t last[HASH];  /* the path of the claim met before */
    struct subtree node; /* the one just finished */
    size_t depth;
    bool left_done[STATE_TREE_DEPTH_MAX]; /* by level: in the right child */
    struct subtree left[STATE_TREE_DEPTH_MAX];
};

static bool walk_bit(struct walk *walk, unsigned *out)
{
    if (walk->bit_at == walk->bit_count) {
        return false;
    }
    *out = bit_at(walk->bits, walk->bit_at++) ? 1 : 0;
    return true;
}

static const uint8_t *walk_hash(struct walk *walk)
{
    if (walk->hash_left == 0) {
        return NULL;
    }
    const uint8_t *hash = walk->hash_next;
    walk->hash_next += HASH;
    walk->hash_left--;
    return hash;
}

/* On to the next claim; all were checked before. */
static void walk_advance(struct walk *walk)
{
    memcpy(walk->last, walk->path, HASH);
    walk->next++;
    if (walk->next < walk->question->count) {
        const struct state_tree_claim *claim = &walk->question->claims[walk->next];
        walk->question->sha256(claim->key, claim->key_size, walk->path);
    }
}

/* Does the next claim lie below the node that shares `bits` bits with the last one? */
static bool walk_below(const struct walk *walk, size_t bits)
{
    return walk->next < walk->question->count && shares_bits(walk->path, walk->last, bits);
}

/* A child that no claim lies below. */
static enum state_tree_verdict walk_sibling(struct walk *walk, struct subtree *out)
{
    unsigned bit;
    *out = (struct subtree){.kind = SUBTREE_EMPTY};
    if (!walk_bit(walk, &bit)) {
        return STATE_TREE_SIZE;
    }
    if (bit == 0) {
        return STATE_TREE_PROVEN;
    }
    const uint8_t *hash = walk_hash(walk);
    if (hash == NULL) {
        return STATE_TREE_SIZE;
    }
    memcpy(out->hash, hash, HASH);
    out->kind = SUBTREE_HASH;
    return is_zero(hash) ? STATE_TREE_ZERO_HASH : STATE_TREE_PROVEN;
}

/* EMPTY, LEAF or OTHER at walk->depth: the end of every claim below it. */
static enum state_tree_verdict walk_end(struct walk *walk, enum token token)
{
    const uint8_t *other = token == TOKEN_OTHER ? walk_hash(walk) : NULL;
    const uint8_t *vhash = token == TOKEN_OTHER ? walk_hash(walk) : NULL;
    if (token == TOKEN_OTHER && vhash == NULL) {
        return STATE_TREE_SIZE;
    }
    if (other != NULL && !shares_bits(other, walk->path, walk->depth)) {
        return STATE_TREE_OTHER_PLACE;
    }
    size_t present = 0;
    walk->node = (struct subtree){.kind = token == TOKEN_EMPTY ? SUBTREE_EMPTY : SUBTREE_LEAF};
    do {
        const struct state_tree_claim *claim = &walk->question->claims[walk->next];
        if (other != NULL && memcmp(other, walk->path, HASH) == 0) {
            return STATE_TREE_OTHER_PLACE;
        }
        if (claim->present && token == TOKEN_LEAF) {
            claim_leaf(walk->question, claim, walk->path, walk->node.hash);
        }
        present += claim->present ? 1 : 0;
        walk_advance(walk);
    } while (walk_below(walk, walk->depth));
    if (other != NULL) {
        hash_pair(walk->question, LEAF_PREFIX, other, vhash, walk->node.hash);
    }
    return present == (token == TOKEN_LEAF ? 1 : 0) ? STATE_TREE_PROVEN : STATE_TREE_OTHER_CLAIM;
}

/* An INNER node at walk->depth: into its left child, or past it where no claim lies below. */
static enum state_tree_verdict walk_down(struct walk *walk)
{
    if (walk->depth == STATE_TREE_DEPTH_MAX) {
        return STATE_TREE_TOO_DEEP;
    }
    const bool right = bit_at(walk->path, walk->depth);
    enum state_tree_verdict verdict = STATE_TREE_PROVEN;
    if (right) {
        verdict = walk_sibling(walk, &walk->left[walk->depth]);
    }
    walk->left_done[walk->depth] = right;
    walk->depth++;
    return verdict;
}

/* walk->node becomes the parent of left and of what it was. */
static enum state_tree_verdict walk_join(struct walk *walk, const struct subtree *left)
{
    const struct subtree *right = &walk->node;
    const bool one_at_most = (left->kind == SUBTREE_EMPTY && right->kind <= SUBTREE_LEAF) ||
                             (right->kind == SUBTREE_EMPTY && left->kind <= SUBTREE_LEAF);
    if (one_at_most) {
        return STATE_TREE_LOW_END;
    }
    hash_pair(walk->question, INNER_PREFIX, left->hash, right->hash, walk->node.hash);
    walk->node.kind = SUBTREE_INNER;
    return STATE_TREE_PROVEN;
}

/* walk->node is finished: up to the next node with a right child to go into, or the root. */
static enum state_tree_verdict walk_up(struct walk *walk)
{
    enum state_tree_verdict verdict = STATE_TREE_PROVEN;
    for (; walk->depth > 0 && verdict == STATE_TREE_PROVEN; walk->depth--) {
        const size_t level = walk->depth - 1;
        const bool right_done = walk->left_done[level];
        if (!right_done) {
            walk->left[level] = walk->node;
            walk->left_done[level] = true;
        }
        if (!right_done && walk_below(walk, level)) {
            return STATE_TREE_PROVEN;
        }
        verdict = right_done ? STATE_TREE_PROVEN : walk_sibling(walk, &walk->node);
        verdict = verdict == STATE_TREE_PROVEN ? walk_join(walk, &walk->left[level]) : verdict;
    }
    return verdict;
}

/* Walks the whole tree; walk->node is its root afterwards. */
static enum state_tree_verdict walk_all(struct walk *walk)
{
    enum state_tree_verdict verdict = STATE_TREE_PROVEN;
    do {
        unsigned high;
        unsigned low;
        if (!walk_bit(walk, &high) || !walk_bit(walk, &low)) {
            return STATE_TREE_SIZE;
        }
        const enum token token = (enum token)(2 * high + low);
        if (token == TOKEN_INNER) {
            verdict = walk_down(walk);
        } else {
            verdict = walk_end(walk, token);
            verdict = verdict == STATE_TREE_PROVEN ? walk_up(walk) : verdict;
        }
    } while (verdict == STATE_TREE_PROVEN && walk->depth > 0);
    return verdict;
}

static uint32_t load_u32(const uint8_t *data)
{
    return (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
}

static enum state_tree_verdict many_parse(struct walk *walk, const uint8_t *proof, size_t size)
{
    if (size < MANY_HEAD_SIZE) {
        return STATE_TREE_SIZE;
    }
    if (proof[0] != VERSION) {
        return STATE_TREE_VERSION;
    }
    if (proof[1] != TYPE_MANY) {
        return STATE_TREE_TYPE;
    }
    if (((size_t)proof[2] << 8 | proof[3]) != walk->question->count) {
        return STATE_TREE_OTHER_COUNT;
    }
    const uint64_t bit_count = load_u32(proof + 4);
    const uint64_t hash_count = load_u32(proof + 8);
    const uint64_t bits_size = (bit_count + 7) / 8;
    if (size != MANY_HEAD_SIZE + bits_size + hash_count * HASH) {
        return STATE_TREE_SIZE;
    }
    walk->bits = proof + MANY_HEAD_SIZE;
    walk->bit_count = (size_t)bit_count;
    walk->hash_next = walk->bits + bits_size;
    walk->hash_left = (size_t)hash_count;
    for (uint64_t i = bit_count; i < 8 * bits_size; i++) {
        if (bit_at(walk->bits, (size_t)i)) {
            return STATE_TREE_PADDING;
        }
    }
    return STATE_TREE_PROVEN;
}

static enum state_tree_verdict claims_check(const struct state_tree_question *question)
{
    uint8_t paths[2][HASH];
    if (question->count == 0 || question->count > STATE_TREE_CLAIMS_MAX) {
        return STATE_TREE_OTHER_COUNT;
    }
    for (size_t i = 0; i < question->count; i++) {
        const struct state_tree_claim *claim = &question->claims[i];
        const enum state_tree_verdict verdict = claim_check(claim);
        if (verdict != STATE_TREE_PROVEN) {
            return verdict;
        }
        question->sha256(claim->key, claim->key_size, paths[i % 2]);
        const int order = i == 0 ? 1 : memcmp(paths[i % 2], paths[(i + 1) % 2], HASH);
        if (order <= 0) {
            return order == 0 ? STATE_TREE_DUPLICATE : STATE_TREE_UNSORTED;
        }
    }
    return STATE_TREE_PROVEN;
}

enum state_tree_verdict state_tree_verify_many(const struct state_tree_question *question,
                                               const uint8_t *proof, size_t size)
{
    struct walk walk; /* 8.5 KB; what counts is set here and on the way */
    walk.question = question;
    walk.bit_at = 0;
    walk.next = 0;
    walk.depth = 0;
    enum state_tree_verdict verdict = claims_check(question);
    verdict = verdict == STATE_TREE_PROVEN ? many_parse(&walk, proof, size) : verdict;
    if (verdict != STATE_TREE_PROVEN) {
        return verdict;
    }
    question->sha256(question->claims[0].key, question->claims[0].key_size, walk.path);
    verdict = walk_all(&walk);
    if (verdict != STATE_TREE_PROVEN) {
        return verdict;
    }
    if (walk.bit_at != walk.bit_count || walk.hash_left != 0) {
        return STATE_TREE_SIZE;
    }
    return memcmp(walk.node.hash, question->root, HASH) == 0 ? STATE_TREE_PROVEN
                                                             : STATE_TREE_OTHER_ROOT;
}

const char *state_tree_verdict_text(enum state_tree_verdict verdict)
{
    switch (verdict) {
    case STATE_TREE_PROVEN:
        return "proven";
    case STATE_TREE_OTHER_COUNT:
        return "the proof is for another number of keys";
    case STATE_TREE_KEY_SIZE:
        return "no key has this size";
    case STATE_TREE_VALUE_SIZE:
        return "no value has this size";
    case STATE_TREE_DUPLICATE:
        return "a key is asked about twice";
    case STATE_TREE_UNSORTED:
        return "the keys do not ascend by path";
    case STATE_TREE_SIZE:
        return "the proof is too short or too long";
    case STATE_TREE_VERSION:
        return "the proof has an unknown version";
    case STATE_TREE_TYPE:
        return "the proof is of an unknown or another type";
    case STATE_TREE_TOO_DEEP:
        return "the proof goes below the deepest level";
    case STATE_TREE_PADDING:
        return "the proof sets an unused bit";
    case STATE_TREE_LOW_END:
        return "the proof ends a path lower than it could";
    case STATE_TREE_ZERO_HASH:
        return "the proof writes an empty subtree as a hash";
    case STATE_TREE_OTHER_CLAIM:
        return "the proof is for presence where absence is claimed, or the reverse";
    case STATE_TREE_OTHER_PLACE:
        return "the other leaf does not lie on the key's path";
    case STATE_TREE_OTHER_ROOT:
        return "the proof leads to another root";
    case STATE_TREE_VERDICT_COUNT:
        break;
    }
    return "no such verdict";
}
