#ifndef NODE_EXPLAIN_WATCH_H
#define NODE_EXPLAIN_WATCH_H

#include "node/explain/explain.h"

/* What the driver knows, for explain_judge; the JSON of status; and the watchdog, which logs one
 * line that says why the node waits when nothing has become final for long though there is
 * work: after WATCH_MS, then at doubled pauses, and once more when it is over. */

struct driver;
struct json_t;

enum {
    WATCH_LOOK_MS = 500,
    WATCH_MS = 10000,      /* two standstills */
    WATCH_MS_MAX = 600000, /* the longest pause between two lines */
};

struct watch {
    uint64_t height;
    uint64_t final_ms; /* it became final here; UINT64_MAX: before the start */
    uint64_t look_ms;  /* the next look, but for blocks */
    uint64_t since_ms; /* work waits since then, or since the newest block */
    uint64_t after_ms; /* of waiting the next line is due; 0: no work */
};

void watch_begin(struct driver *d);

void watch_gather(struct driver *d, struct explain_facts *out);
/* What "why" of the status says, and what it is judged from; the caller owns both. */
struct json_t *watch_why_json(const struct explain_facts *facts);
struct json_t *watch_facts_json(const struct explain_facts *facts);
/* Their indices. */
struct json_t *watch_members_json(const struct validator_bitmap *members);
void watch_poll(struct driver *d);

#endif /* NODE_EXPLAIN_WATCH_H */
