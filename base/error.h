#ifndef BASE_ERROR_H
#define BASE_ERROR_H

/* An operating error (disk, socket, configuration) on its way to a person.  Filled by
 * store, net, node and client; never by pure layers, never parsed.  code is the exit
 * code the process ends with if nobody can go on. */

enum exit_code {
#define EXIT_CODE(name, number, text, step) EXIT_CODE_##name = (number),
#include "base/exit_codes.def"
#undef EXIT_CODE
};

enum { ERROR_DETAIL_MAX = 320 };

struct error {
    enum exit_code code;           /* EXIT_CODE_OK: no error */
    char detail[ERROR_DETAIL_MAX]; /* one line: the object, what is wrong, the next step */
};

/* Fill *error from a printf format; returns false so that `return error_set(...)` reads well. */
_Bool error_set(struct error *error, enum exit_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif /* BASE_ERROR_H */
