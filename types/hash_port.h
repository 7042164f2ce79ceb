#ifndef TYPES_HASH_PORT_H
#define TYPES_HASH_PORT_H

#include "types/types.h"

/* Plain SHA-256 for a layer that may not see crypto (vm: tiles, traces, witnesses).
 * sha256 writes the hash of the concatenated parts to *out; it must be a function of
 * the parts only.  crypto_hash_port() is the one production port. */
struct hash_port {
    void (*sha256)(void *context, const struct bytes *parts, size_t count, struct hash *out);
    void *context; /* passed back unchanged; NULL for the production port */
};

#endif /* TYPES_HASH_PORT_H */
