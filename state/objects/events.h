#ifndef STATE_OBJECTS_EVENTS_H
#define STATE_OBJECTS_EVENTS_H

#include "types/types.h"

/* What happened, for whoever follows the chain; see state/objects/events.def. */

enum event_kind {
#define EVENT(name, number, text) EVENT_##name = (number),
#include "state/objects/events.def"
#undef EVENT
};

struct event {
    uint32_t kind; /* enum event_kind */
    struct hash id;
    uint64_t a;
    uint64_t b;
};

/* "ROUND_CLOSED" for 38; NULL for a number in no table. */
const char *event_name(uint32_t kind);

/* Reads event `index` of a RESULT record's events (struct wire_result); false when there
 * are not so many or it is malformed. */
bool event_read(struct bytes events, uint32_t index, struct event *out);

#endif /* STATE_OBJECTS_EVENTS_H */
