#ifndef NODE_PAST_H
#define NODE_PAST_H

#include "node/driver.h"
#include "wire/api/api.h"

/* Values at the newest provable state or an earlier one, for PROVE (docs/protocol.md 9.2.3). */

struct past_reply {
    enum exit_code code;
    const char *text;           /* unless code is OK; valid until the next call */
    uint64_t height;            /* the state is the one after this block */
    uint64_t read;              /* bytes of undo records */
    struct store_buffer memory; /* what answer points into; the caller frees it */
};

/* Fills answer but for its anchor.  The driver's thread. */
void past_prove(struct driver *d, const struct api_request *request, struct api_answer *answer,
                struct past_reply *out);

#endif /* NODE_PAST_H */
