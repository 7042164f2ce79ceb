#ifndef STATE_TREE_TREE_H
#define STATE_TREE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "types/types.h"

/* The definition of the state root, and proofs under it.
 *
 * The root is a pure function of the set of (key, value) pairs: a compact binary sparse
 * Merkle tree over SHA-256(key), with the hash rules of the ICS-23 SmtSpec.
 *
 *     path(k)  = SHA256(k)                      a key of 1 .. STATE_KEY_SIZE_MAX bytes
 *     vhash(v) = SHA256(v)                      a value of 0 .. STATE_VALUE_SIZE_MAX bytes
 *     leaf     = SHA256(0x00 || path || vhash)
 *     inner    = SHA256(0x01 || left || right)
 *     EMPTY    = 32 zero bytes
 *     T(S, d)  = EMPTY if S is empty; leaf(x) if S = {x}; else
 *                inner(T(S0, d + 1), T(S1, d + 1)), S split on bit d of path, MSB first
 *     root     = T(everything, 0)
 *
 * How the tree is stored is nobody's business here: store/ keeps it in two tiers, tests
 * build it whole.  Combining nodes bottom up with state_tree_combine is all that insert,
 * change and delete need.  All functions are pure; out pointers are the caller's. */

/* The kind of a subtree: what state_tree_combine needs besides the hash. */
enum state_tree_kind { STATE_TREE_EMPTY = 0, STATE_TREE_LEAF = 1, STATE_TREE_INNER = 2 };

struct state_tree_node {
    struct hash hash; /* zero for EMPTY */
    uint8_t kind;     /* enum state_tree_kind */
};

/* A leaf where the tree is stored: its place and its hash. */
struct state_tree_leaf {
    struct hash path;
    struct hash hash;
};

void state_tree_path(struct bytes key, struct hash *out);
void state_tree_vhash(struct bytes value, struct hash *out);
void state_tree_leaf_hash(const struct hash *path, const struct hash *vhash, struct hash *out);

/* Bit index (0 .. 255) of path, the most significant bit of the first byte being 0. */
bool state_tree_bit(const struct hash *path, uint32_t index);

/* The parent of two subtrees.  A leaf beside EMPTY moves up unchanged. */
void state_tree_combine(const struct state_tree_node *left, const struct state_tree_node *right,
                        struct state_tree_node *out);

/* T(leaves, depth): leaves strictly ascending by path, all sharing their first depth bits.
 * Linear in count, on 15 KB of stack. */
void state_tree_fold(const struct state_tree_leaf *leaves, size_t count, uint32_t depth,
                     struct state_tree_node *out);

/* ---- Proofs (format SP1) --------------------------------------------------------- */

/*     0  u8 version = 1 | 1 u8 type | 2 u16 depth d, big-endian, 0 .. 256
 *     4  bitmap, ceil(d / 8) bytes: bit i (MSB first) says that the sibling at level i + 1
 *        is not EMPTY; bits from d on are 0
 *     .  the siblings so marked, 32 bytes each, deepest first
 *     .  ABSENT_LEAF only: other_path 32, other_vhash 32
 * One encoding for each fact: the end of the path is as high as possible, so that its own
 * sibling is never EMPTY. */

enum state_tree_proof_type {
    STATE_TREE_MEMBER = 1,
    STATE_TREE_ABSENT_EMPTY = 2, /* the path ends at an EMPTY subtree */
    STATE_TREE_ABSENT_LEAF = 3,  /* the path ends at another key's leaf */
};

struct state_tree_proof {
    enum state_tree_proof_type type;
    uint32_t depth;
    struct hash siblings[PROOF_DEPTH_MAX]; /* [i] is at level i + 1; zero = EMPTY */
    struct hash other_path;                /* ABSENT_LEAF */
    struct hash other_vhash;               /* ABSENT_LEAF */
};

/* Go on from the subtree T(leaves, depth), where proof->depth == depth and the siblings
 * above are filled in, down to where path ends.  Sets type, depth and siblings; for
 * ABSENT_LEAF also other_path, and the caller adds other_vhash. */
void state_tree_descend(const struct state_tree_leaf *leaves, size_t count, const struct hash *path,
                        struct state_tree_proof *proof);

/* Bytes written to out, which has room for STATE_PROOF_SIZE_MAX. */
size_t state_tree_proof_write(const struct state_tree_proof *proof, uint8_t *out);

enum state_tree_verdict {
    STATE_TREE_PROVEN = 0,
    STATE_TREE_MALFORMED,   /* not the one canonical encoding of a proof */
    STATE_TREE_OTHER_CLAIM, /* proves presence where absence is claimed, or the reverse */
    STATE_TREE_OTHER_PLACE, /* the other leaf does not lie on the key's path */
    STATE_TREE_OTHER_ROOT,  /* leads to another root */
};

/* Does proof show that key has *value, or with value NULL that key is absent, in the
 * state with this root?  The proof may be anything a peer sent. */
MUST_USE enum state_tree_verdict state_tree_verify(const struct hash *root, struct bytes key,
                                                   const struct bytes *value, struct bytes proof);

/* "leads to another root" and the like. */
const char *state_tree_verdict_text(enum state_tree_verdict verdict);

#endif /* STATE_TREE_TREE_H */
