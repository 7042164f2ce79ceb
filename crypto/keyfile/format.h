#ifndef CRYPTO_KEYFILE_FORMAT_H
#define CRYPTO_KEYFILE_FORMAT_H

#include "crypto/keyfile/keyfile.h"

/* Private to the key files: their bytes.  No files here. */

enum { KEYFILE_SIZE_MAX = CRYPTO_KEYFILE_SEALED_SIZE };

/* NULL and the size in *size, or what went wrong (a phrase that follows "key file X: "). */
MUST_USE const char *keyfile_format(const struct crypto_keyfile *file,
                                    const uint8_t secret[CRYPTO_SECRET_SIZE],
                                    uint8_t out[KEYFILE_SIZE_MAX], size_t *size);

/* NULL and the secret, or what is wrong with the bytes. */
MUST_USE const char *keyfile_parse(const struct crypto_keyfile *file, struct bytes bytes,
                                   uint8_t secret[CRYPTO_SECRET_SIZE]);

#endif /* CRYPTO_KEYFILE_FORMAT_H */
