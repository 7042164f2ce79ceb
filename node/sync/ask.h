#ifndef NODE_SYNC_ASK_H
#define NODE_SYNC_ASK_H

#include "node/sync/join.h"
#include "store/snapshot/snapshot.h"
#include "wire/api/api.h"

/* One source of a state sync. */
struct sync_source {
    struct sync_peer peer;
    struct net_client *client; /* NULL: not connected */
    bool stranger;             /* it does not know our own key */
    bool banned;               /* it has lied */
    bool passed;               /* what it offered could not be had; the others' turn */
    bool silent;               /* it did not answer when a manifest was asked for */
    struct api_answer answer;  /* to the last question; points into event */
    struct net_event event;
};

enum sync_reply {
    SYNC_GIVEN,
    SYNC_BUSY,    /* ask again in a moment */
    SYNC_NOTHING, /* it has no such thing */
    SYNC_SILENT,  /* no answer, or none that can be read */
};

struct sync_asker {
    struct hash chain_id;
    const struct crypto_key *own;  /* NULL: nobody knows it */
    const struct crypto_key *anon; /* made up: for those who do not know the other */
};

/* On GIVEN source->answer.body is there until sync_ask_end. */
enum sync_reply sync_ask(const struct sync_asker *asker, struct sync_source *source,
                         const struct api_request *request);
void sync_ask_end(struct sync_source *source);
void sync_ask_close(struct sync_source *source);

/* No more questions to it. */
void sync_ban(struct sync_source *source, const char *what);

void sync_wait_ms(uint32_t ms);

/* ---- Fetching (fetch.c) ---------------------------------------------------------------- */

struct sync_fetch {
    const struct sync_asker *asker;
    struct sync_source *sources;
    uint32_t source_count;
    struct snapshot_folder *folder;
    const struct store_options *options; /* dir and reserve_bytes: chunks stop before that */
    bool (*stopped)(void);
};

enum sync_fetched {
    SYNC_ALL,
    SYNC_SOME,     /* no source left that gives the rest */
    SYNC_MANIFEST, /* the manifest was a lie */
    SYNC_FAILED,   /* *error */
};

/* Every chunk that is not in the folder yet. */
enum sync_fetched sync_fetch(const struct sync_fetch *fetch, struct error *error);

#endif /* NODE_SYNC_ASK_H */
