#ifndef TYPES_TX_H
#define TYPES_TX_H

#include "types/types.h"

/* A transaction as parsed: the header fields and a view of the body's bytes. */

enum { TX_VERSION = 1 };

/* Lane 0 is strictly sequential; TX_UNORDERED is remembered until it expires;
 * lanes between them are sequential each by itself. */
#define TX_LANE_UNORDERED UINT32_MAX

enum tx_type {
#define TX(name, code, size_max, text) TX_##name = (code),
#include "types/tx.def"
#undef TX
};

struct tx {
    uint32_t version;
    struct hash chain_id;
    uint32_t type; /* enum tx_type, or unknown */
    struct address sender;
    uint32_t lane;
    uint64_t seq;
    uint64_t valid_until_ms;
    struct bytes body;    /* canonical array, decoded by its type's reader */
    struct bytes payload; /* the bytes that are hashed and signed */
    struct bytes raw;     /* the complete received bytes, payload and signature */
    struct signature signature;
};

/* The greatest size in bytes of a transaction of this type; 0 for an unknown type. */
uint32_t tx_size_max(uint32_t type);

/* "TRANSFER" for 0x02; NULL for an unknown type. */
const char *tx_type_name(uint32_t type);

#endif /* TYPES_TX_H */
