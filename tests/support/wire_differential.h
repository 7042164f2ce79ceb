#ifndef TESTS_SUPPORT_WIRE_DIFFERENTIAL_H
#define TESTS_SUPPORT_WIRE_DIFFERENTIAL_H

#include "base/bytes.h"

/* What wire's reader accepts, msgpack-c must read as the same value and pack to the same
 * bytes; aborts otherwise.  True when the reader accepted.  msgpack-c sees only what was
 * accepted: on hostile sizes it allocates without bound. */
bool wire_differential_check(struct bytes in);

#endif /* TESTS_SUPPORT_WIRE_DIFFERENTIAL_H */
