#ifndef CLI_VALIDATOR_H
#define CLI_VALIDATOR_H

#include "client/light/light.h"

/* The validator set and what is about to change in it, as the light client proves it. */

struct validator_changes {
    uint64_t height; /* of the header whose state_root was read */
    struct set_epoch epoch;
    struct validator_set set;
    struct hash set_hash;
    bool accepted;
    struct set_change change;  /* when accepted */
    struct validator_set next; /* likewise */
    uint32_t open_count;
    struct set_change open[VALIDATOR_COUNT_MAX]; /* by their proposers' seats */
    uint32_t suspended_count;                    /* all there are, below the newest of these */
    uint32_t suspension_count;
    struct suspension suspensions[VALIDATOR_COUNT_MAX]; /* newest first */
};

MUST_USE bool validator_read(struct light *light, struct validator_changes *out,
                             struct error *error);

#endif /* CLI_VALIDATOR_H */
