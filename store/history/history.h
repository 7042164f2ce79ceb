#ifndef STORE_HISTORY_HISTORY_H
#define STORE_HISTORY_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/error.h"
#include "store/store.h"

/* The chain's history as plain files, from which anybody replays it with the genesis alone
 * (docs/protocol-history.md).
 *
 * A directory of files history-<first>-<last>.gradus (heights, 12 digits).  A sealed file holds
 * the blocks of one chunk, the heights k * 1 000 + 1 .. (k + 1) * 1 000, and ends with a seal:
 * the certificate that the chain itself carries for its last block or for a descendant, with the
 * headers in between (K2).  So it has the same bytes on every node, and never changes.  The
 * blocks behind the last seal may follow as one open file, which ends with a node's own
 * LAST_FINAL over its last block.  A merged file holds several chunks as one.  Integers are
 * big-endian:
 *
 *     file    = 0 'GRADUSH2' | 8 chain id 32 | 40 first height 8 | 48 check 8
 *               then records: BLOCK for each height, FINALITY or SEAL, INDEX, END
 *     record  = 0 kind 1 (1 BLOCK, 2 FINALITY, 3 END, 4 SEAL, 5 INDEX) | 1 zero 3 | 4 size 4 |
 *               8 height 8 (of a block, else the last block's)
 *               16 check 8 | 24 size bytes | digest 32
 *     SEAL    = [[HEADER bin, ...] of the heights behind the last block up to the one that
 *               LAST_FINAL names, LAST_FINAL bin], canonical; LAST_FINAL is that of the lowest
 *               block behind the last one that carries one of at least its height
 *     INDEX   = for each block the offset of its record in the file, 8 bytes
 *     check   = first 8 bytes of the SHA-256 of all bytes of the header or head before it
 *     digest  = SHA-256 of the head's first 16 bytes and the size bytes;
 *               of an END record: of the file's header and the digest of each record before
 *
 * No byte is outside a digest: a changed one is reported with file, offset and height.  That
 * the blocks are the chain's is not a matter of these digests but of the certificates in them. */

enum {
    HISTORY_CHUNK_BLOCKS = 1000,
    HISTORY_FINALITY_SIZE_MAX = 16 << 10, /* 128 signatures and the rest of LAST_FINAL */
    /* Headers in a seal: the consensus core remembers 1 024 blocks that are not final, and a
     * leader or two may keep what they know to themselves. */
    HISTORY_SEAL_HEADER_MAX = 2048,
    HISTORY_SEAL_SIZE_MAX = 1 << 20, /* those, and a LAST_FINAL */
    HISTORY_NAME_MAX = 64,
};

/* The last height of the chunk that holds this one. */
uint64_t history_chunk_last(uint64_t height);

/* ---- Writing ---------------------------------------------------------------------- */

/* Where blocks come from, by height. */
struct history_source {
    void *context;
    /* *out is valid until the next call. */
    bool (*block)(void *context, uint64_t height, struct bytes *out, struct error *error);
};

struct history_work {
    const char *dir; /* made when missing; must hold no history file */
    struct hash chain_id;
    struct history_source source;
    uint64_t first; /* the first block; of a chunk, unless nothing before it is there */
    uint64_t last;
    struct bytes ending; /* LAST_FINAL over the last block; or a SEAL ... */
    bool sealed;         /* ... when this says so */
    bool whole;          /* one file instead of chunks */
    void *context;
    void (*progress)(void *context, uint64_t height, uint64_t last); /* may be NULL */
};

/* Blocks first .. last as files, complete and synced when this returns. */
MUST_USE bool history_write(const struct history_work *work, struct error *error);

/* One chunk: the heights first .. its end, with what the chain carries up to last behind it.
 * The directory may hold other chunks.  *written is false, and nothing happens, while the chain
 * carries no certificate for it yet.  dir/name is complete and synced then. */
struct history_sealed {
    bool written;
    uint64_t last;
};
MUST_USE bool history_seal(const struct history_work *work, struct history_sealed *out,
                           struct error *error);

struct history_export {
    const char *dir;
    struct hash chain_id;
    void *context;
    void (*progress)(void *context, uint64_t height, uint64_t last); /* may be NULL */
};

/* Write blocks 1 .. last, the newest block with finality evidence of its own. */
MUST_USE bool history_export(struct store *store, const struct history_export *what, uint64_t *last,
                             struct error *error);

/* Read everything in `from`, check it, and write the same blocks to export->dir, as one file
 * or as chunks.  Splitting what was merged gives the same bytes again. */
MUST_USE bool history_convert(const char *from, const struct history_export *to, bool whole,
                              struct error *error);

/* ---- Reading ---------------------------------------------------------------------- */

struct history_reader;

enum history_answer {
    HISTORY_BLOCK,
    HISTORY_FINALITY, /* over the last block; the next answer is END */
    HISTORY_SEAL,     /* of the chunk whose last block came just before */
    HISTORY_END,
    HISTORY_DAMAGED, /* *error says where, and so does history_fault */
    HISTORY_FAILED,  /* cannot be read, a file is missing, or they are another chain's */
};

struct history_item {
    uint64_t height;
    struct bytes bytes; /* valid until the next call */
    uint64_t offset;    /* of the bytes in their file, which history_fault names */
};

/* Where damage was found, or where something is. */
struct history_fault {
    bool in_block;   /* the bytes of block `height`; else of no block ... */
    uint64_t height; /* ... but at this one in the file */
    char file[HISTORY_NAME_MAX];
    uint64_t offset; /* of the damaged part in the file, */
    uint64_t size;   /* and its bytes */
};

/* path: a directory, or one history file.  False when files are missing (INCOMPLETE), or it
 * cannot be read. */
MUST_USE bool history_open(const char *path, const struct hash *chain_id,
                           struct history_reader **out, struct error *error);
void history_close(struct history_reader *reader); /* NULL is allowed */

uint64_t history_first(const struct history_reader *reader);
uint64_t history_last(const struct history_reader *reader);

MUST_USE enum history_answer history_next(struct history_reader *reader, struct history_item *out,
                                          struct error *error);
const struct history_fault *history_fault(const struct history_reader *reader);

/* Where the bytes of a block are, by the index of its file; false: the index does not say. */
MUST_USE bool history_locate(const struct history_reader *reader, uint64_t height,
                             struct history_fault *out);

/* A SEAL, decoded; views into its bytes. */
struct history_seal_parts {
    uint32_t count;
    struct bytes headers[HISTORY_SEAL_HEADER_MAX];
    struct bytes last_final;
};
MUST_USE bool history_seal_decode(struct bytes in, struct history_seal_parts *out);

/* ---- Single blocks ---------------------------------------------------------------- */

/* The files of a directory, or one file, with their blocks in any order.  Not for two threads
 * at once. */
struct history_set;

/* A directory without files is an empty set. */
MUST_USE bool history_set_open(const char *path, struct history_set **out, struct error *error);
/* Each file begins where the one before ends; else INCOMPLETE. */
MUST_USE bool history_set_whole(const struct history_set *set, struct error *error);
void history_set_close(struct history_set *set); /* NULL is allowed */

struct history_span {
    uint64_t first;
    uint64_t last;
};
size_t history_set_count(const struct history_set *set);
struct history_span history_set_span(const struct history_set *set, size_t index);
/* The path of one of its files, HISTORY_PATH_MAX bytes. */
enum { HISTORY_PATH_MAX = 576 };
void history_set_path(const struct history_set *set, size_t index, char *out);

/* The record is checked against its digest: FAILED with EXIT_CODE_CORRUPT when it is damaged. */
MUST_USE enum store_answer history_set_block(const struct history_set *set, uint64_t height,
                                             struct store_buffer *out, struct error *error);
/* With what the last file ends. */
MUST_USE bool history_set_ending(const struct history_set *set, bool *sealed,
                                 struct store_buffer *out, struct error *error);

#endif /* STORE_HISTORY_HISTORY_H */
