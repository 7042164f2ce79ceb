#include <string.h>

#include "state/snapshot/snapshot.h"

enum { PATH_BITS = 256 };

void snapshot_fold_init(struct snapshot_fold *fold, uint32_t floor, uint64_t limit)
{
    fold->floor = floor;
    fold->level = 0;
    fold->any = false;
    fold->joined = false;
    fold->waiting = 0;
    fold->limit = limit;
    fold->parts = NULL;
    fold->room = 0;
    fold->count = 0;
}

void snapshot_fold_keep(struct snapshot_fold *fold, struct snapshot_part *parts, size_t room)
{
    fold->parts = parts;
    fold->room = room;
}

/* The first `level` bits of path, with bit level - 1 cleared when left. */
static struct hash prefix_of(const struct hash *path, uint32_t level, bool left)
{
    struct hash out = {{0}};
    const uint32_t bits = left ? level - 1 : level;
    memcpy(out.bytes, path->bytes, bits / 8);
    if (bits % 8 != 0) {
        out.bytes[bits / 8] = (uint8_t)(path->bytes[bits / 8] & (0xFF00U >> (bits % 8)));
    }
    return out;
}

static void keep_part(struct snapshot_fold *fold, const struct snapshot_subtree *subtree,
                      uint32_t level, bool left)
{
    if (subtree->whole && subtree->slot < fold->room) {
        fold->parts[subtree->slot] = (struct snapshot_part){
            .prefix = prefix_of(&fold->path, level, left),
            .depth = level,
            .node = subtree->node,
            .leaves = (uint32_t)subtree->leaves,
            .size = (uint32_t)subtree->size,
        };
    }
}

/* current is the right half of what waits for it. */
static void join(struct snapshot_fold *fold)
{
    struct snapshot_subtree *left = &fold->lefts[--fold->waiting];
    struct snapshot_subtree *right = &fold->current;
    const uint64_t size = left->size + right->size;
    const bool whole = left->whole && right->whole && size <= fold->limit;
    if (whole) {
        fold->joined = true;
        fold->count = left->slot + 1;
    } else {
        keep_part(fold, left, fold->level, true);
        keep_part(fold, right, fold->level, false);
    }
    state_tree_combine(&left->node, &right->node, &right->node);
    right->leaves += left->leaves;
    right->size = size;
    right->slot = left->slot;
    right->whole = whole;
}

/* Nothing stands beside current: its parent is the same subtree. */
static void lift(struct snapshot_fold *fold)
{
    const struct state_tree_node empty = {.kind = STATE_TREE_EMPTY};
    struct state_tree_node *node = &fold->current.node;
    fold->joined = fold->joined || fold->current.whole;
    if (state_tree_bit(&fold->path, fold->level - 1)) {
        state_tree_combine(&empty, node, node);
    } else {
        state_tree_combine(node, &empty, node);
    }
}

/* Bring current up to a level. */
static void climb(struct snapshot_fold *fold, uint32_t level)
{
    while (fold->level > level) {
        const uint32_t next = fold->waiting == 0 ? 0 : fold->levels[fold->waiting - 1];
        const uint32_t stop = next > level ? next : level;
        if (next == fold->level) {
            join(fold);
            fold->level--;
        } else if (fold->current.node.kind == STATE_TREE_LEAF) {
            fold->joined = true;
            fold->level = stop; /* a leaf moves up unchanged */
        } else {
            lift(fold);
            fold->level--;
        }
    }
}

static uint32_t shared_bits(const struct hash *a, const struct hash *b)
{
    uint32_t bits = 0;
    while (bits < PATH_BITS && a->bytes[bits / 8] == b->bytes[bits / 8]) {
        bits += 8;
    }
    while (bits < PATH_BITS && state_tree_bit(a, bits) == state_tree_bit(b, bits)) {
        bits++;
    }
    return bits;
}

bool snapshot_fold_push(struct snapshot_fold *fold, const struct hash *path, uint32_t level,
                        const struct snapshot_part *subtree)
{
    ASSERT(level >= fold->floor && level <= PATH_BITS);
    if (fold->any) {
        const uint32_t shared = shared_bits(&fold->path, path);
        const uint32_t least = level < fold->level ? level : fold->level;
        if (shared >= least || state_tree_bit(&fold->path, shared) || shared < fold->floor) {
            return false;
        }
        climb(fold, shared + 1);
        ASSERT(fold->waiting < PROOF_DEPTH_MAX);
        fold->levels[fold->waiting] = (uint16_t)fold->level;
        fold->lefts[fold->waiting++] = fold->current;
    }
    fold->any = true;
    fold->level = level;
    fold->path = *path;
    fold->current = (struct snapshot_subtree){.node = subtree->node,
                                              .leaves = subtree->leaves,
                                              .size = subtree->size,
                                              .slot = fold->count++,
                                              .whole = true};
    return true;
}

void snapshot_fold_end(struct snapshot_fold *fold, struct snapshot_subtree *out)
{
    *out = (struct snapshot_subtree){.node = {.kind = STATE_TREE_EMPTY}, .whole = true};
    if (!fold->any) {
        return;
    }
    climb(fold, fold->floor);
    keep_part(fold, &fold->current, fold->floor, false);
    *out = fold->current;
}
