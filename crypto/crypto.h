#ifndef CRYPTO_CRYPTO_H
#define CRYPTO_CRYPTO_H

#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "types/hash_port.h"
#include "types/tags.h"
#include "types/types.h"

/* Hashes, trees, signatures and the beacon's VRF: the wrap around OpenSSL (SHA-256),
 * libsecp256k1 (ECDSA, VRF) and libsodium (guarded memory, random bytes).  Key files
 * are in crypto/keyfile/keyfile.h, sealed sessions in crypto/session/session.h.
 *
 * Everything here but crypto_random_bytes and the life of a crypto_key is a function of
 * its arguments: no heap, no writable globals, safe from any thread.  The pure layers
 * may call the names that tools/pure_allowed.txt lists.
 *
 * What the caller owes: out pointers are never NULL and never overlap an input, unless
 * said; a {NULL, 0} view is an empty input. */

/* ---- SHA-256 (FIPS 180-4) and tagged digests ------------------------------------ */

/* A hash being computed.  Copy it by value to branch; it holds no resource. */
struct crypto_sha256 {
    uint64_t opaque[14];
};

void crypto_sha256_init(struct crypto_sha256 *state);
void crypto_sha256_update(struct crypto_sha256 *state, struct bytes bytes);
/* Ends the computation: state must be initialised again before it is used again. */
void crypto_sha256_final(struct crypto_sha256 *state, struct hash *out);

void crypto_sha256(struct bytes bytes, struct hash *out);

/* SHA256(tag_hash || tag_hash || bytes), tag_hash = SHA256(text of types/tags.def):
 * the form of BIP 340.  The streaming form starts with crypto_digest_init and goes on
 * with crypto_sha256_update and crypto_sha256_final. */
void crypto_digest(enum tag tag, struct bytes bytes, struct hash *out);
void crypto_digest_init(struct crypto_sha256 *state, enum tag tag);

/* Plain SHA-256 for vm.  Constant, lives for ever. */
const struct hash_port *crypto_hash_port(void);

/* ---- Merkle trees (shape of RFC 9162, section 2.1) ------------------------------ */

/* A tree that only grows, held as the roots ("peaks") of its perfect subtrees, largest
 * first: one for every bit set in count.
 *     leaf = SHA256(tag_hash || tag_hash || 0x00 || entry)
 *     node = SHA256(tag_hash || tag_hash || 0x01 || left || right)
 *     root of no leaves = SHA256(tag_hash || tag_hash) */

enum {
    CRYPTO_TREE_PEAK_MAX = 63, /* bits of the greatest leaf count */
    CRYPTO_PATH_MAX = 63,      /* height of the greatest tree */
    CRYPTO_GROWTH_MAX = 64,    /* a whole path, and the node it begins with */
    CRYPTO_TREE_SIZE_MAX = 8 + CRYPTO_TREE_PEAK_MAX * HASH_SIZE,
};
#define CRYPTO_TREE_COUNT_MAX ((UINT64_C(1) << CRYPTO_TREE_PEAK_MAX) - 1)

struct crypto_tree {
    enum tag tag;
    uint64_t count; /* leaves, <= CRYPTO_TREE_COUNT_MAX */
    struct hash peaks[CRYPTO_TREE_PEAK_MAX];
};

void crypto_tree_init(struct crypto_tree *tree, enum tag tag);
void crypto_tree_append(struct crypto_tree *tree, struct bytes entry);
void crypto_tree_root(const struct crypto_tree *tree, struct hash *out);

/* The count in 8 bytes, big-endian, then the peaks.  Returns the bytes written to out,
 * which has room for CRYPTO_TREE_SIZE_MAX. */
size_t crypto_tree_write(const struct crypto_tree *tree, uint8_t *out);
/* False, and *tree untouched, unless bytes are exactly what a tree writes. */
MUST_USE bool crypto_tree_read(struct crypto_tree *tree, enum tag tag, struct bytes bytes);

/* Where a leaf lies and the siblings from it up to the root. */
struct crypto_path {
    uint64_t index; /* of the leaf, < count */
    uint64_t count; /* leaves of the tree */
    uint32_t size;  /* siblings, <= CRYPTO_PATH_MAX */
    struct hash siblings[CRYPTO_PATH_MAX];
};

/* All nodes of a tree, level above level, for who is asked for many of its paths: nodes[0 ..
 * leaves) are leaves, the last one is the root.  A last node without a sibling rises unchanged. */
#define CRYPTO_NODES_COUNT(leaves) (2 * (leaves) + 32)
void crypto_nodes_leaf(enum tag tag, struct bytes entry, struct hash *out);
/* nodes: room for CRYPTO_NODES_COUNT(leaves), the leaves filled in; leaves >= 1. */
void crypto_nodes_fill(enum tag tag, struct hash *nodes, uint32_t leaves);
/* index < leaves */
void crypto_nodes_path(const struct hash *nodes, uint32_t leaves, uint32_t index,
                       struct crypto_path *out);

/* RFC 9162, 2.1.3.2.  True only if entry is leaf path->index of the tree of path->count
 * leaves with this root.  The path may be anything a peer sent. */
MUST_USE bool crypto_path_verify(const struct crypto_path *path, enum tag tag, struct bytes entry,
                                 const struct hash *root);

/* A consistency proof (RFC 9162, 2.1.4): the first `before` leaves of a tree of `after` leaves
 * are those of an earlier tree, so entries were only added. */
struct crypto_growth {
    uint64_t before; /* leaves of the earlier tree, <= after */
    uint64_t after;
    uint32_t size; /* hashes, <= CRYPTO_GROWTH_MAX; none when before is 0 or after */
    struct hash hashes[CRYPTO_GROWTH_MAX];
};

/* RFC 9162, 2.1.4.2.  True only if the trees with these roots are so.  The proof may be
 * anything a peer sent. */
MUST_USE bool crypto_growth_verify(const struct crypto_growth *growth, enum tag tag,
                                   const struct hash *earlier, const struct hash *later);

/* ---- Keys and signatures (ECDSA over secp256k1) --------------------------------- */

enum { CRYPTO_SECRET_SIZE = 32 };

/* A secret key in guarded, locked memory with its public key. */
struct crypto_key;

/* From 32 secret bytes, which the caller wipes.  NULL when they are no scalar in
 * 1 .. n - 1 or when memory is short.  The caller owns the key. */
MUST_USE struct crypto_key *crypto_key_create(const uint8_t secret[CRYPTO_SECRET_SIZE]);
/* A new random key; NULL when memory is short. */
MUST_USE struct crypto_key *crypto_key_generate(void);
/* Wipes the secret.  NULL is allowed. */
void crypto_key_free(struct crypto_key *key);

const struct public_key *crypto_key_public(const struct crypto_key *key);
/* Copies the secret out, for the key file; the caller wipes it. */
void crypto_key_secret(const struct crypto_key *key, uint8_t out[CRYPTO_SECRET_SIZE]);

/* Deterministic (RFC 6979), compact, low-S: same key and digest, same bytes.  A key may
 * sign from several threads at once.  (The name crypto_sign belongs to libsodium.) */
void crypto_key_sign(const struct crypto_key *key, const struct hash *digest,
                     struct signature *out);

/* True only for a valid signature in low-S form by a valid compressed key. */
MUST_USE bool crypto_verify(const struct public_key *key, const struct hash *digest,
                            const struct signature *signature);

/* True when the bytes are the compressed form of a point on the curve. */
MUST_USE bool crypto_public_key_valid(const struct public_key *key);

/* First 20 bytes of the digest (TAG_ADDRESS) of the 33 bytes of the key. */
void crypto_address(const struct public_key *key, struct address *out);

/* ---- Verifiable random function (RFC 9381) -------------------------------------- */

/* ECVRF-P256-SHA256-TAI with secp256k1 and suite byte 0xFE.  One key and alpha have one
 * output, which nobody but the key's owner can compute and everybody can check.  A VRF
 * key signs nothing else.  Proof: Gamma 33, c 16, s 32 bytes.
 * False from prove means that alpha maps to no point: one input in 2^256. */
MUST_USE bool crypto_vrf_prove(const struct crypto_key *key, struct bytes alpha,
                               struct vrf_proof *proof, struct hash *output);

/* True, and the output written, only for the proof that this key makes of this alpha.
 * Stricter than the RFC in one point: c = 0 and s = 0, which nobody can hit, are refused. */
MUST_USE bool crypto_vrf_verify(const struct public_key *key, struct bytes alpha,
                                const struct vrf_proof *proof, struct hash *output);

/* The output of a proof that was verified before (RFC 9381, 5.2 proof_to_hash). */
void crypto_vrf_output(const struct vrf_proof *proof, struct hash *output);

/* ---- Memory and randomness ------------------------------------------------------ */

/* Bytes from the kernel's generator; the process stops if it has none. */
void crypto_random_bytes(void *out, size_t size);

/* Overwrites memory that held a secret, whatever the optimiser thinks of it. */
void crypto_wipe(void *data, size_t size);

/* Compares in time that depends on size only. */
MUST_USE bool crypto_equal(const void *a, const void *b, size_t size);

#endif /* CRYPTO_CRYPTO_H */
