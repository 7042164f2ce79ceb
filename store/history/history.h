#ifndef STORE_HISTORY_HISTORY_H
#define STORE_HISTORY_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/error.h"
#include "store/store.h"

/* The chain's history as plain files, from which anybody replays it with the genesis alone.
 *
 * A directory of files history-<first>-<last>.gradus (heights, 12 digits), each with the
 * blocks of a chunk: 1 000 blocks or 64 MiB of them, so that every node writes the
 * same bytes.  Only the last file differs: it ends with one LAST_FINAL over its last block,
 * from this node's own certificate.  All integers are big-endian:
 *
 *     file    = 0 'GRADUSH1' | 8 chain id 32 | 40 first height 8 | 48 check 8
 *               then records; the last one has kind END
 *     record  = 0 kind 1 (1 BLOCK, 2 FINALITY, 3 END) | 1 zero 3 | 4 size 4 | 8 height 8
 *               16 check 8 | 24 size bytes | digest 32
 *     check   = first 8 bytes of the SHA-256 of all bytes of the header or head before it
 *     digest  = SHA-256 of the head's first 16 bytes and the size bytes;
 *               of an END record: of the file's header and the digest of each record before
 *
 * No byte is outside a digest: a changed one is reported with the height of its block, or
 * with file and offset when it belongs to none.  That the blocks are the chain's is not a
 * matter of these digests but of the certificates in them. */

enum {
    HISTORY_BLOCKS_MAX = 1000,
    HISTORY_BYTES_MAX = 64 << 20,
    HISTORY_FINALITY_SIZE_MAX = 16 << 10, /* 128 signatures and the rest of LAST_FINAL */
    HISTORY_NAME_MAX = 64,
};

/* ---- Writing ---------------------------------------------------------------------- */

struct history_writer;

/* dir is made when missing and must hold no history file.  The first block is `first`. */
MUST_USE bool history_writer_open(const char *dir, const struct hash *chain_id, uint64_t first,
                                  struct history_writer **out, struct error *error);
/* Blocks in order. */
MUST_USE bool history_writer_add(struct history_writer *writer, struct bytes block,
                                 struct error *error);
/* finality is over the last block added.  After it the files are complete and synced. */
MUST_USE bool history_writer_end(struct history_writer *writer, struct bytes finality,
                                 struct error *error);
void history_writer_close(struct history_writer *writer); /* NULL is allowed */

struct history_export {
    const char *dir;
    struct hash chain_id;
    void *context;
    void (*progress)(void *context, uint64_t height, uint64_t last); /* may be NULL */
};

/* Write blocks 1 .. last, the newest block with finality evidence of its own. */
MUST_USE bool history_export(struct store *store, const struct history_export *what, uint64_t *last,
                             struct error *error);

/* ---- Reading ---------------------------------------------------------------------- */

struct history_reader;

enum history_answer {
    HISTORY_BLOCK,
    HISTORY_FINALITY, /* over the last block; the next answer is END */
    HISTORY_END,
    HISTORY_DAMAGED, /* *error says where, and so does history_fault */
    HISTORY_FAILED,  /* cannot be read, a file is missing, or they are another chain's */
};

struct history_item {
    uint64_t height;
    struct bytes bytes; /* valid until the next call */
};

/* Where damage was found. */
struct history_fault {
    bool in_block; /* the bytes of block `height`; else of no block */
    uint64_t height;
    char file[HISTORY_NAME_MAX];
    uint64_t offset; /* of the damaged part in the file, */
    uint64_t size;   /* and its bytes */
};

/* False when files are missing (INCOMPLETE), or dir cannot be read. */
MUST_USE bool history_open(const char *dir, const struct hash *chain_id,
                           struct history_reader **out, struct error *error);
void history_close(struct history_reader *reader); /* NULL is allowed */

uint64_t history_first(const struct history_reader *reader);
uint64_t history_last(const struct history_reader *reader);

MUST_USE enum history_answer history_next(struct history_reader *reader, struct history_item *out,
                                          struct error *error);
const struct history_fault *history_fault(const struct history_reader *reader);

#endif /* STORE_HISTORY_HISTORY_H */
