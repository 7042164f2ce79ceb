#ifndef CLI_STATUS_H
#define CLI_STATUS_H

#include <stdint.h>

#include "base/error.h"

/* A validator's own view of itself as JSON text, asked over its port; NULL and *error when it
 * does not answer.  The caller frees it.  A hint for people, not proven. */
char *status_of_validator(const char *dir, uint32_t index, struct error *error);

#endif /* CLI_STATUS_H */
