#include "types/tx.h"

#include <stddef.h>

uint32_t tx_size_max(uint32_t type)
{
    switch (type) {
#define TX(name, code, size_max, text)                                                             \
    case code:                                                                                     \
        return (size_max);
#include "types/tx.def"
#undef TX
    default:
        return 0;
    }
}

const char *tx_type_name(uint32_t type)
{
    switch (type) {
#define TX(name, code, size_max, text)                                                             \
    case code:                                                                                     \
        return #name;
#include "types/tx.def"
#undef TX
    default:
        return NULL;
    }
}
