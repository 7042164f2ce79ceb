#ifndef NODE_SYNC_SERVING_H
#define NODE_SYNC_SERVING_H

#include "store/snapshot/snapshot.h"
#include "wire/api/api.h"

/* What a running node gives to those that join: manifests, anchors and chunks of states that it
 * holds for a while.  Nothing is held before the first question.  One thread, but for the one
 * that makes manifests. */

struct sync_serving;

enum {
    SYNC_HELD_IDLE_MS = 60000, /* without a question a state goes */
    SYNC_HELD_MS = 600000,     /* the longest that questions keep one: it costs disk */
    SYNC_ASKED_IDLE_MS = 5000, /* a state of another's choice gives way to the next, and an
                                * attempt to open one to the next attempt */
    SYNC_OFFER_TRIES = 4,      /* heights looked at for one whose anchor fits a frame */
};

struct sync_serving *sync_serving_new(struct store *store); /* NULL: no memory */
void sync_serving_free(struct sync_serving *serving);       /* NULL is allowed */

/* SNAPSHOT, ANCHOR or CHUNK.  EXIT_CODE_OK with *out, which the caller frees; QUOTA: ask again
 * in a moment; NOT_FOUND. */
enum exit_code sync_serving_answer(struct sync_serving *serving, const struct api_request *request,
                                   uint64_t now_ms, struct store_buffer *out);

/* Bytes that the last answer is to be charged for, given or refused: what it read or may have
 * read. */
uint64_t sync_serving_read(const struct sync_serving *serving);

/* Let go of what nobody asks for any more, and of what was held for long. */
void sync_serving_poll(struct sync_serving *serving, uint64_t now_ms);

#endif /* NODE_SYNC_SERVING_H */
