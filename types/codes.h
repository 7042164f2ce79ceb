#ifndef TYPES_CODES_H
#define TYPES_CODES_H

#include <stdint.h>

/* Result codes of transactions and reasons kept on requests, see types/codes.def. */

enum code {
#define CODE(name, number, text) CODE_##name = (number),
#include "types/codes.def"
#undef CODE
};

/* "E_RANGE" for 64; NULL for a number in no table. */
const char *code_name(uint32_t code);

/* One sentence for people; "unknown code" for a number in no table. */
const char *code_text(uint32_t code);

#endif /* TYPES_CODES_H */
