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
    SYNC_HELD_MS = 600000,     /* the longest that questions keep an old one from giving way */
    SYNC_HELD_OLD = 64,        /* blocks after which newcomers get a newer one */
    SYNC_ASKED_IDLE_MS = 5000, /* a state of another's choice gives way to the next */
};

struct sync_serving *sync_serving_new(struct store *store); /* NULL: no memory */
void sync_serving_free(struct sync_serving *serving);       /* NULL is allowed */

/* SNAPSHOT, ANCHOR or CHUNK.  EXIT_CODE_OK with *out, which the caller frees; QUOTA: ask again
 * in a moment; NOT_FOUND. */
enum exit_code sync_serving_answer(struct sync_serving *serving, const struct api_request *request,
                                   uint64_t now_ms, struct store_buffer *out);

/* Let go of what nobody asks for any more. */
void sync_serving_poll(struct sync_serving *serving, uint64_t now_ms);

#endif /* NODE_SYNC_SERVING_H */
