#ifndef NODE_SHARD_CODER_H
#define NODE_SHARD_CODER_H

#include "node/shard/shard.h"

/* Coding off the consensus thread: a 4 MiB block costs milliseconds.  One worker thread takes
 * jobs in order; who submitted them fetches them when they are done.  How many jobs there
 * are is the submitter's to bound. */

enum coder_kind {
    CODER_ENCODE,  /* block -> room, leaves, root */
    CODER_RESTORE, /* room with the shards of present -> room, leaves, verdict */
};

struct coder_job {
    struct coder_job *next; /* the coder's */
    enum coder_kind kind;
    struct shard_code code;
    struct hash root;                  /* RESTORE: given; ENCODE: computed */
    bool present[VALIDATOR_COUNT_MAX]; /* RESTORE */
    struct bytes block;                /* ENCODE; must last as long as the job */
    uint8_t *room;                     /* shard_room bytes, the submitter's again when done */
    enum shard_verdict verdict;        /* ENCODE: AVAILABLE or MEMORY */
    struct shard_leaves leaves;
};

struct coder;

/* NULL when there is no memory or thread. */
struct coder *coder_new(void);
/* Waits for the job at hand.  Jobs that nobody fetched stay the submitter's: coder_take them
 * until NULL, after coder_stop. */
void coder_stop(struct coder *coder);
void coder_free(struct coder *coder); /* NULL is allowed; after coder_stop */

/* The job belongs to the worker until coder_take gives it back. */
void coder_submit(struct coder *coder, struct coder_job *job);
/* The oldest job that is done, or after coder_stop any; NULL: none. */
struct coder_job *coder_take(struct coder *coder);

/* What the worker does, for those who have no thread. */
void coder_run(struct coder_job *job);

#endif /* NODE_SHARD_CODER_H */
