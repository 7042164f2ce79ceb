#ifndef NODE_SHARD_SHARD_H
#define NODE_SHARD_SHARD_H

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/crypto.h"
#include "types/limits.h"

/* Blocks cut into n shards, of which any k give the block back (docs/protocol.md, section
 * "Shards"): a systematic Reed-Solomon code over GF(2^8), polynomial 0x11d, with Cauchy
 * parity (J. Bloemer et al., "An XOR-Based Erasure-Resilient Coding Scheme", 1995), by ISA-L.
 *
 *     content = size of the block (4 bytes, big-endian) || block || zeros, k x shard_size bytes
 *     shard i = content[i x shard_size ...] for i < k, parity for k <= i < n
 *     da_root = tree (TAG_SHARD_TREE) over index (2 bytes, big-endian) || digest (TAG_SHARD) of
 *               the shard, for index 0 .. n - 1
 *
 * A root commits to one code word or to none.  If to one, every choice of k shards gives the
 * same block and the same root again; if to none, no choice does.  So the verdict of
 * shard_restore depends on the root alone and all who have k shards share it.
 *
 * Encoding a 4 MiB block for n = 100 takes milliseconds: call from a worker thread, never
 * from the consensus thread.  Functions keep no state and are safe from any thread. */

enum {
    SHARD_VALIDATORS_MIN = 4, /* below, f = 0 and whole blocks are as cheap */
    SHARD_ALIGN = 64,         /* shard_size is a multiple of a cache line */
    SHARD_LENGTH_SIZE = 4,
};

/* What the proposal's da_n, da_k, block_size and shard_size must be: derived, never taken
 * from a message. */
struct shard_code {
    uint32_t count;    /* n shards, one for each validator */
    uint32_t required; /* k = quorum(n) - f: an N certificate proves so many honest holders */
    uint32_t block_size;
    uint32_t shard_size;
};

/* False when validators or block_size are out of bounds (SHARD_VALIDATORS_MIN ..
 * VALIDATOR_COUNT_MAX, 1 .. BLOCK_SIZE_MAX). */
MUST_USE bool shard_code_derive(uint32_t validators, uint32_t block_size, struct shard_code *out);

/* Bytes of all shards one after the other. */
size_t shard_room(const struct shard_code *code);

/* Writes all shards of the block to room (shard_room bytes).  False: no memory. */
MUST_USE bool shard_encode(const struct shard_code *code, struct bytes block, uint8_t *room);

/* The leaves of all shards in room, hashed once. */
struct shard_leaves {
    struct hash digests[VALIDATOR_COUNT_MAX];
};

void shard_leaves_hash(const struct shard_code *code, const uint8_t *room,
                       struct shard_leaves *out);
void shard_root(const struct shard_code *code, const struct shard_leaves *leaves, struct hash *out);
/* The siblings of one leaf; index < code->count. */
void shard_prove(const struct shard_code *code, const struct shard_leaves *leaves, uint32_t index,
                 struct crypto_path *out);

/* True only if the bytes are shard index under this root.  All arguments but code may be
 * what a peer sent. */
MUST_USE bool shard_verify(const struct shard_code *code, const struct hash *root, uint32_t index,
                           struct bytes shard, const struct crypto_path *path);

enum shard_verdict {
    SHARD_AVAILABLE,    /* room holds all shards: see shard_block */
    SHARD_INCONSISTENT, /* the root is of no code word or of no block of this size */
    SHARD_SHORT,        /* fewer than code->required shards are there */
    SHARD_MEMORY,
};

/* The block from any code->required verified shards: present[i] says that shard i stands at
 * its place in room.  The others are overwritten. */
MUST_USE enum shard_verdict shard_restore(const struct shard_code *code, const struct hash *root,
                                          const bool present[VALIDATOR_COUNT_MAX], uint8_t *room,
                                          struct shard_leaves *leaves);

/* The block in a room that holds all shards. */
struct bytes shard_block(const struct shard_code *code, const uint8_t *room);

/* Whether shards bring the block to everybody sooner than whole copies do: n - 1 copies leave
 * the leader, or (2n - 3) / k of one with a delay more.  delay_size: the bytes a validator's
 * link carries in one delay.  Blocks below SHARD_BLOCK_SIZE_MIN never. */
MUST_USE bool shard_pays(const struct shard_code *code, uint64_t delay_size);

#endif /* NODE_SHARD_SHARD_H */
