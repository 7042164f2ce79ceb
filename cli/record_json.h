#ifndef CLI_RECORD_JSON_H
#define CLI_RECORD_JSON_H

#include <jansson.h>

#include "state/objects/objects.h"

/* Any object of the state as JSON, by its table: bytes in hex, numbers as numbers. */
json_t *record_json(const struct record *record, const void *in);

#endif /* CLI_RECORD_JSON_H */
