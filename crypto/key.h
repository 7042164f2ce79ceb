#ifndef CRYPTO_KEY_H
#define CRYPTO_KEY_H

#include <secp256k1.h>

#include "crypto/crypto.h"

/* Private to crypto: what a key is.  Lives in memory of sodium_malloc. */
struct crypto_key {
    secp256k1_context *context; /* randomised once, then only read */
    struct public_key public_key;
    uint8_t secret[CRYPTO_SECRET_SIZE];
};

#endif /* CRYPTO_KEY_H */
