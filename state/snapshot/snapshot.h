#ifndef STATE_SNAPSHOT_SNAPSHOT_H
#define STATE_SNAPSHOT_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "crypto/crypto.h"
#include "state/tree/tree.h"
#include "types/types.h"

/* A state as pieces that each prove themselves (docs/protocol-state.md 18).
 *
 * The tree over all keys is cut into subtrees: one whose records fit SNAPSHOT_CHUNK_SIZE, or
 * that has a single leaf, is a chunk; every other one is cut in two.  The *manifest* lists
 * the chunks with their hashes.  Folded it gives the state root, so it is believed or refused
 * before anything else is fetched; a *chunk* then gives the hash of its place or is refused,
 * alone, in any order, whoever sent it.
 *
 * The cut follows from the state, so every node has the same manifest for a height, byte by
 * byte.  That a manifest is cut right cannot be seen before the chunks are there, as sizes are
 * not under the root; the decoder checks what follows from the sizes it claims, and a chunk of
 * the right hash and another size shows that they were lies (SNAPSHOT_SIZES).
 *
 *     manifest = 0 'GRADUSS1' | 8 chain id 32 | 40 height 8 | 48 state root 32
 *                80 tree size 4 | 84 part count 4 | 88 tree | parts    (integers big-endian)
 *     tree     = the history tree over block ids 1 .. height, as crypto_tree_write has it
 *     part     = prefix 32 | depth 2 | kind 1 | hash 32 | leaves 4 | size 4
 *     chunk    = records, ascending by path: key size 2 | value size 4 | key | value
 *
 * height is H when the state is that after block H; its root stands in header H + 1, and the
 * root of the tree in the same header's hist_root.  That header is the caller's to check.
 *
 * Pure; what is decoded points into the bytes it was decoded from, which may be anything. */

enum snapshot_verdict {
    SNAPSHOT_OK,
    SNAPSHOT_FORM,  /* not the form above */
    SNAPSHOT_ORDER, /* not ascending, overlapping, or outside its place */
    SNAPSHOT_CUT,   /* the parts are not those of the cut */
    SNAPSHOT_ROOT,  /* it leads to another hash */
    SNAPSHOT_SIZES, /* the right content, and the manifest lied about size or kind */
};

/* A few words for people. */
const char *snapshot_verdict_text(enum snapshot_verdict verdict);

/* One chunk's line in the manifest. */
struct snapshot_part {
    struct hash prefix;          /* of the paths below it; zero from bit depth on */
    uint32_t depth;              /* 0 .. 256 */
    struct state_tree_node node; /* LEAF or INNER */
    uint32_t leaves;
    uint32_t size; /* bytes of the chunk */
};

/* ---- Folding and cutting ------------------------------------------------------------ */

/* A subtree of which one path and its weight are known. */
struct snapshot_subtree {
    struct state_tree_node node;
    uint64_t leaves;
    uint64_t size;
    size_t slot; /* where its part stands, or will, when it is whole */
    bool whole;  /* one chunk */
};

/* Folds subtrees that come in path order to the one above them all, and cuts on the way. */
struct snapshot_fold {
    uint32_t floor;   /* level of the result */
    uint32_t level;   /* of current */
    bool any;         /* current and path are set */
    bool joined;      /* some chunk came out larger than what went in */
    uint32_t waiting; /* left halves */
    uint16_t levels[PROOF_DEPTH_MAX];
    struct snapshot_subtree lefts[PROOF_DEPTH_MAX];
    struct snapshot_subtree current;
    struct hash path;
    uint64_t limit;              /* size of a chunk of several leaves */
    struct snapshot_part *parts; /* where the cut goes, or NULL */
    size_t room;
    size_t count; /* parts of what came so far; above room: they did not fit */
};

/* 26 KB of memory.  limit: UINT64_MAX never cuts. */
void snapshot_fold_init(struct snapshot_fold *fold, uint32_t floor, uint64_t limit);
/* The parts of the cut, in order, into parts[0 .. room). */
void snapshot_fold_keep(struct snapshot_fold *fold, struct snapshot_part *parts, size_t room);
/* The subtree of all paths that share the first `level` bits of *path; level 256 for a leaf.
 * False, and the fold is of no more use, unless it lies behind the one before. */
MUST_USE bool snapshot_fold_push(struct snapshot_fold *fold, const struct hash *path,
                                 uint32_t level, const struct snapshot_part *subtree);
/* The subtree at floor; fold->count is then the number of parts. */
void snapshot_fold_end(struct snapshot_fold *fold, struct snapshot_subtree *out);

/* ---- The manifest ------------------------------------------------------------------- */

struct snapshot_manifest {
    struct hash chain_id;
    uint64_t height;
    struct hash state_root;
    struct crypto_tree history;
    uint32_t part_count;
    struct bytes parts; /* see snapshot_part_at */
    uint64_t leaves;    /* by what the parts say */
    uint64_t size;
};

enum {
    SNAPSHOT_PART_SIZE = HASH_SIZE + 2 + 1 + HASH_SIZE + 4 + 4,
    SNAPSHOT_HEAD_SIZE = 88,
    SNAPSHOT_MANIFEST_SIZE_MAX =
        SNAPSHOT_HEAD_SIZE + CRYPTO_TREE_SIZE_MAX + SNAPSHOT_PART_MAX * SNAPSHOT_PART_SIZE,
    SNAPSHOT_RECORD_HEAD_SIZE = 6,
    SNAPSHOT_CHUNK_SIZE_MAX = SNAPSHOT_RECORD_HEAD_SIZE + STATE_KEY_SIZE_MAX + STATE_VALUE_SIZE_MAX,
};

/* Everything that can be known without the header: form, order, cut, and that the parts fold
 * to the state root it names.  *out is set when the answer is OK.  30 KB of stack. */
MUST_USE enum snapshot_verdict snapshot_manifest_decode(struct bytes bytes,
                                                        struct snapshot_manifest *out);
struct snapshot_part snapshot_part_at(const struct snapshot_manifest *manifest, uint32_t index);

size_t snapshot_manifest_size(const struct snapshot_manifest *manifest);
/* manifest without parts; parts[0 .. part_count) as a fold kept them. */
void snapshot_manifest_write(const struct snapshot_manifest *manifest,
                             const struct snapshot_part *parts, uint8_t *out);

/* ---- Chunks ------------------------------------------------------------------------- */

static inline size_t snapshot_record_size(struct bytes key, struct bytes value)
{
    return SNAPSHOT_RECORD_HEAD_SIZE + key.size + value.size;
}
void snapshot_record_write(struct bytes key, struct bytes value, uint8_t *out);

struct snapshot_record {
    struct bytes key;
    struct bytes value;
    struct hash path;
    struct hash leaf;
};

/* Walks a chunk and judges it: what next hands out is not to be used before end says OK. */
struct snapshot_reader {
    const struct snapshot_part *part;
    struct bytes rest;
    enum snapshot_verdict verdict;
    size_t size;
    struct snapshot_fold fold;
};

void snapshot_reader_init(struct snapshot_reader *reader, const struct snapshot_part *part,
                          struct bytes chunk);
/* False at the end, and at what is wrong. */
MUST_USE bool snapshot_reader_next(struct snapshot_reader *reader, struct snapshot_record *out);
MUST_USE enum snapshot_verdict snapshot_reader_end(struct snapshot_reader *reader);

/* All of it.  27 KB of stack. */
MUST_USE enum snapshot_verdict snapshot_chunk_verify(const struct snapshot_part *part,
                                                     struct bytes chunk);

#endif /* STATE_SNAPSHOT_SNAPSHOT_H */
