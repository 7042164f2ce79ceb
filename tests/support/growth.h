#ifndef TESTS_SUPPORT_GROWTH_H
#define TESTS_SUPPORT_GROWTH_H

#include "crypto/crypto.h"

/* RFC 9162, 2.1.4.1 over a list of entries, each of which is a hash: what SUBPROOF says, range by
 * range, with every range hashed anew. */
void growth_make(const struct hash *entries, uint64_t before, uint64_t after,
                 struct crypto_growth *out);
struct hash growth_root(const struct hash *entries, uint64_t start, uint64_t end);

#endif /* TESTS_SUPPORT_GROWTH_H */
