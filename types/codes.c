#include "types/codes.h"

#include <stddef.h>

const char *code_name(uint32_t code)
{
    switch (code) {
#define CODE(name, number, text)                                                                   \
    case number:                                                                                   \
        return #name;
#include "types/codes.def"
#undef CODE
    default:
        return NULL;
    }
}

const char *code_text(uint32_t code)
{
    switch (code) {
#define CODE(name, number, text)                                                                   \
    case number:                                                                                   \
        return text;
#include "types/codes.def"
#undef CODE
    default:
        return "unknown code";
    }
}
