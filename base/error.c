#include "base/error.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

bool error_set(struct error *error, enum exit_code code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    error->code = code;
    (void)vsnprintf(error->detail, sizeof(error->detail), format, args); /* truncation is fine */
    va_end(args);
    return false;
}
