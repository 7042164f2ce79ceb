#include "base/endian.h"
#include "state/tree/tree.h"

/* SM1 from SP1: the proofs of single keys hold every hash the common one needs.  A walk in
 * pre-order over the ranges of items that share a prefix, the same that verify.c makes. */

enum { VERSION = 1, TYPE_MANY = 4, MANY_HEAD_SIZE = 12, ONE_HEAD_SIZE = 4 };
enum { TOKEN_EMPTY = 0, TOKEN_LEAF = 1, TOKEN_INNER = 2, TOKEN_OTHER = 3 };

static uint32_t item_depth(const struct state_tree_item *item)
{
    return load_be16(item->proof.data + 2);
}

static bool item_marked(const struct state_tree_item *item, uint32_t level)
{
    return (item->proof.data[ONE_HEAD_SIZE + level / 8] >> (7 - level % 8) & 1) != 0;
}

/* The sibling at `level` + 1, which is not EMPTY: behind all deeper ones. */
static const uint8_t *item_sibling(const struct state_tree_item *item, uint32_t level)
{
    const uint32_t depth = item_depth(item);
    size_t at = ONE_HEAD_SIZE + (depth + 7) / 8;
    for (uint32_t i = level + 1; i < depth; i++) {
        at += item_marked(item, i) ? HASH_SIZE : 0;
    }
    ASSERT(at + HASH_SIZE <= item->proof.size);
    return item->proof.data + at;
}

/* With bits NULL it only counts. */
struct many {
    uint8_t *bits;
    uint8_t *hashes;
    size_t bit_count;
    size_t hash_count;
};

static void many_bit(struct many *many, bool bit)
{
    if (many->bits != NULL && bit) {
        many->bits[many->bit_count / 8] |= (uint8_t)(0x80 >> many->bit_count % 8);
    }
    many->bit_count++;
}

static void many_token(struct many *many, unsigned token)
{
    many_bit(many, (token & 2) != 0);
    many_bit(many, (token & 1) != 0);
}

static void many_hash(struct many *many, const uint8_t *hash)
{
    if (many->bits != NULL) {
        memcpy(many->hashes + many->hash_count * HASH_SIZE, hash, HASH_SIZE);
    }
    many->hash_count++;
}

/* Items first .. end below the node at depth.  None: the node is near's sibling there. */
struct range {
    size_t first;
    size_t end;
    size_t near;
    uint32_t depth;
};

static void many_sibling(struct many *many, const struct state_tree_item *item, uint32_t level)
{
    const bool marked = item_marked(item, level);
    many_bit(many, marked);
    if (marked) {
        many_hash(many, item_sibling(item, level));
    }
}

/* The node where the paths of items first .. end end. */
static void many_end(struct many *many, const struct state_tree_item *items, size_t count)
{
    unsigned token = TOKEN_EMPTY;
    const struct state_tree_item *other = NULL;
    for (size_t i = 0; i < count; i++) {
        if (items[i].proof.data[1] == STATE_TREE_MEMBER) {
            token = TOKEN_LEAF;
        } else if (items[i].proof.data[1] == STATE_TREE_ABSENT_LEAF) {
            other = &items[i];
        }
    }
    token = token == TOKEN_EMPTY && other != NULL ? TOKEN_OTHER : token;
    many_token(many, token);
    if (token == TOKEN_OTHER) {
        const uint8_t *leaf = other->proof.data + other->proof.size - 2 * (size_t)HASH_SIZE;
        many_hash(many, leaf);
        many_hash(many, leaf + HASH_SIZE);
    }
}

/* The first item of the range whose bit at its depth is 1. */
static size_t range_split(const struct state_tree_item *items, const struct range *range)
{
    size_t split = range->first;
    while (split < range->end && !state_tree_bit(&items[split].path, range->depth)) {
        split++;
    }
    return split;
}

/* Right children wait on the stack while their left ones are written: one for a level. */
static void many_walk(struct many *many, const struct state_tree_item *items, size_t count)
{
    struct range stack[PROOF_DEPTH_MAX + 1];
    size_t top = 0;
    stack[top++] = (struct range){.first = 0, .end = count, .depth = 0};
    while (top > 0) {
        const struct range range = stack[--top];
        if (range.first == range.end) {
            many_sibling(many, &items[range.near], range.depth - 1);
            continue;
        }
        if (item_depth(&items[range.first]) == range.depth) {
            many_end(many, items + range.first, range.end - range.first);
            continue;
        }
        const size_t split = range_split(items, &range);
        many_token(many, TOKEN_INNER);
        ASSERT(top + 2 <= PROOF_DEPTH_MAX + 1);
        stack[top++] = (struct range){split, range.end, range.first, range.depth + 1};
        stack[top++] = (struct range){range.first, split, range.first, range.depth + 1};
    }
}

size_t state_tree_many_write(const struct state_tree_item *items, size_t count, uint8_t *out,
                             size_t room)
{
    ASSERT(count > 0 && count <= STATE_TREE_CLAIMS_MAX);
    for (size_t i = 1; i < count; i++) {
        ASSERT(hash_compare(&items[i - 1].path, &items[i].path) < 0);
    }
    struct many many = {.bits = NULL};
    many_walk(&many, items, count);
    const size_t bits_size = (many.bit_count + 7) / 8;
    const size_t size = MANY_HEAD_SIZE + bits_size + many.hash_count * HASH_SIZE;
    if (size > room) {
        return size;
    }
    out[0] = VERSION;
    out[1] = TYPE_MANY;
    store_be16(out + 2, (uint16_t)count);
    store_be32(out + 4, (uint32_t)many.bit_count);
    store_be32(out + 8, (uint32_t)many.hash_count);
    memset(out + MANY_HEAD_SIZE, 0, bits_size);
    many = (struct many){.bits = out + MANY_HEAD_SIZE, .hashes = out + MANY_HEAD_SIZE + bits_size};
    many_walk(&many, items, count);
    return size;
}
