#ifndef STATE_TREE_TREE_H
#define STATE_TREE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "state/tree/verify/verify.h"
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

/* ---- Proofs ---------------------------------------------------------------------- */

/* The two formats, SP1 for one key and SM1 for many, stand in state/tree/verify/verify.h
 * with their verifier.  Here is how they are made. */

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

/* Does the SP1 proof show that key has *value, or with value NULL that key is absent, in
 * the state with this root?  The proof may be anything a peer sent. */
MUST_USE enum state_tree_verdict state_tree_verify(const struct hash *root, struct bytes key,
                                                   const struct bytes *value, struct bytes proof);

/* One key of an SM1 proof: its path and its own SP1 proof, as state_tree_proof_write wrote
 * it.  All items are of one root. */
struct state_tree_item {
    struct hash path;
    struct bytes proof;
};

/* The SM1 proof of items[0 .. count), strictly ascending by path, 1 .. STATE_TREE_CLAIMS_MAX
 * of them.  Returns its size, and writes it when that is not over room; it is at most twice
 * the sum of the items' sizes and 12.  On 9 KB of stack. */
MUST_USE size_t state_tree_many_write(const struct state_tree_item *items, size_t count,
                                      uint8_t *out, size_t room);

/* How an SM1 proof is verified: state_tree_verify_many with crypto's SHA-256. */
MUST_USE enum state_tree_verdict state_tree_many_verify(const struct hash *root,
                                                        const struct state_tree_claim *claims,
                                                        size_t count, struct bytes proof);

#endif /* STATE_TREE_TREE_H */
