#include "types/tx.h"

#include <stddef.h>

static const struct row {
    uint32_t type;
    uint32_t size_max;
    const char *name;
} table[] = {
#define TX(name, code, size_max, text) {(code), (size_max), #name},
#include "types/tx.def"
#undef TX
};

static const struct row *find(uint32_t type)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (table[i].type == type) {
            return &table[i];
        }
    }
    return NULL;
}

uint32_t tx_size_max(uint32_t type)
{
    const struct row *row = find(type);
    return row == NULL ? 0 : row->size_max;
}

const char *tx_type_name(uint32_t type)
{
    const struct row *row = find(type);
    return row == NULL ? NULL : row->name;
}
