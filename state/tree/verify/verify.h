#ifndef STATE_TREE_VERIFY_VERIFY_H
#define STATE_TREE_VERIFY_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The verifier of state proofs, for anyone: this header and verify.c are a whole program's
 * worth of verifier.  They include the C library's headers only, call memcpy, memcmp and the
 * SHA-256 you hand in, allocate nothing, and use at most 10 KB of stack however long the
 * proof.  Copy the two files into a client and give it
 *
 *     struct state_tree_question: the root you trust (from a header with its certificate),
 *                                 what you claim about some keys, your SHA-256
 *
 * and the proof, which may be any bytes a peer sent.  PROVEN says that every claim holds in
 * the state with that root.  Each fact has one encoding; any other bytes are refused.
 *
 * Root and hash rules: state/tree/tree.h.  Integers are big-endian, bits MSB first.
 *
 * SP1, one key:
 *     0  u8 version = 1 | 1 u8 type: 1 MEMBER, 2 ABSENT_EMPTY, 3 ABSENT_LEAF
 *     2  u16 depth d, 0 .. 256: where the key's path ends
 *     4  bitmap, ceil(d / 8) bytes: bit i says that the sibling at level i + 1 is not EMPTY;
 *        bits from d on are 0; bit d - 1 is 1: the path ends as high as it can
 *     .  the siblings so marked, 32 bytes each, deepest first, none zero
 *     .  ABSENT_LEAF only: path 32 and vhash 32 of the leaf that stands there instead
 *
 * SM1, keys strictly ascending by path = SHA256(key); what they share is there once:
 *     0  u8 version = 1 | 1 u8 type = 4
 *     2  u16 number of keys n, 1 .. 65535
 *     4  u32 number of bits t | 8 u32 number of hashes h
 *    12  bits, ceil(t / 8) bytes, the rest of the last byte 0
 *     .  hashes, 32 bytes each
 * The bits describe the tree in pre-order.  A node on the path of a key:
 *     00 EMPTY: every key below is absent
 *     01 LEAF of the one key below that is present
 *     10 INNER: its left child, then its right one
 *     11 OTHER leaf: the next two hashes are its path and vhash; every key below is absent
 * A child that no key lies below: 0 EMPTY, or 1 and the next hash, never zero, is its own.
 * An INNER node has two leaves below it at least; all bits and all hashes are used up. */

enum {
    STATE_TREE_HASH_SIZE = 32,
    STATE_TREE_DEPTH_MAX = 256,
    STATE_TREE_KEY_MAX = 1024,
    STATE_TREE_VALUE_MAX = 4 << 20,
    STATE_TREE_CLAIMS_MAX = 65535,
};

/* "key has this value", or "key is absent". */
struct state_tree_claim {
    const uint8_t *key; /* 1 .. STATE_TREE_KEY_MAX bytes */
    size_t key_size;
    const uint8_t *value; /* 0 .. STATE_TREE_VALUE_MAX bytes; not looked at for an absent key */
    size_t value_size;
    bool present;
};

struct state_tree_question {
    const uint8_t *root; /* 32 bytes */
    const struct state_tree_claim *claims;
    size_t count;
    void (*sha256)(const uint8_t *data, size_t size, uint8_t *out);
};

enum state_tree_verdict {
    STATE_TREE_PROVEN = 0,
    /* what was asked */
    STATE_TREE_OTHER_COUNT, /* no claim, or the proof is for another number of keys */
    STATE_TREE_KEY_SIZE,
    STATE_TREE_VALUE_SIZE,
    STATE_TREE_DUPLICATE, /* two claims about one key */
    STATE_TREE_UNSORTED,  /* claims not ascending by path */
    /* not the one canonical encoding */
    STATE_TREE_SIZE,    /* bytes, bits or hashes are missing or left over */
    STATE_TREE_VERSION, /* of a version not known here */
    STATE_TREE_TYPE,    /* no such type, or the other format */
    STATE_TREE_TOO_DEEP,
    STATE_TREE_PADDING,   /* an unused bit is set */
    STATE_TREE_LOW_END,   /* a path ends lower than it could */
    STATE_TREE_ZERO_HASH, /* an EMPTY subtree written as a hash */
    /* canonical, and not a proof of the claims */
    STATE_TREE_OTHER_CLAIM, /* proves presence where absence is claimed, or the reverse */
    STATE_TREE_OTHER_PLACE, /* the other leaf does not lie on the key's path */
    STATE_TREE_OTHER_ROOT,  /* leads to another root */
    STATE_TREE_VERDICT_COUNT,
};

/* The question has one claim. */
enum state_tree_verdict state_tree_verify_one(const struct state_tree_question *question,
                                              const uint8_t *proof, size_t size);

/* All claims at once.  Time: at most 2 hashes a claim besides those of the values, 1 for
 * each INNER node, and at most 256 of those for each claim. */
enum state_tree_verdict state_tree_verify_many(const struct state_tree_question *question,
                                               const uint8_t *proof, size_t size);

/* "the proof leads to another root" and the like. */
const char *state_tree_verdict_text(enum state_tree_verdict verdict);

#endif /* STATE_TREE_VERIFY_VERIFY_H */
