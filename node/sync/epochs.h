#ifndef NODE_SYNC_EPOCHS_H
#define NODE_SYNC_EPOCHS_H

#include "base/assert.h"
#include "store/store.h"
#include "wire/codec/codec.h"

/* The chain of epochs (E5, docs/protocol.md 9.7): how each of them ended and which set came
 * next.  Whoever knows the genesis set follows it to the present one.  [[HEADER bin, LAST_FINAL
 * bin, VALIDATOR_SET bin], ...] of epochs 0, 1, ...  One thread at a time. */

enum { SYNC_EPOCH_MAX = 1024 }; /* more do not fit an anchor's frame either */

struct sync_epoch {
    struct bytes header;   /* of the epoch's last block */
    struct bytes finality; /* over it */
    struct bytes set;      /* of the next epoch */
};

struct sync_epochs {
    uint32_t count;
    struct sync_epoch items[SYNC_EPOCH_MAX];
};

MUST_USE bool sync_epochs_decode(struct bytes bytes, struct sync_epochs *out);
void sync_epochs_read(struct wire_reader *reader, struct sync_epochs *out);
void sync_epochs_write(struct wire_writer *writer, const struct sync_epochs *epochs);
size_t sync_epochs_size(const struct sync_epochs *epochs); /* at most */

/* The end of one epoch, from chain and state, or from what the chain was restored with. */
struct sync_boundary {
    struct sync_epoch epoch; /* into held */
    struct store_buffer held[3];
};
MUST_USE bool sync_boundary_read(struct store *store, uint64_t epoch, struct sync_boundary *out);
void sync_boundary_free(struct sync_boundary *boundary);

/* The height of the last block of an earlier epoch, if that block is here. */
MUST_USE bool sync_boundary_height(struct store *store, uint64_t epoch, uint64_t *height);

#endif /* NODE_SYNC_EPOCHS_H */
