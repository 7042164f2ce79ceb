#ifndef CRYPTO_TLS_TLS_H
#define CRYPTO_TLS_TLS_H

#include <stdbool.h>

#include "base/assert.h"

/* A throw-away certificate for a TLS listener.  It names nobody and is signed by its own
 * key: who the peer is, is proven inside TLS by the handshake of net.  It is valid from
 * 1970 to 9999 (RFC 5280, 4.1.2.5), so that nothing depends on the date. */

enum {
    CRYPTO_TLS_CERTIFICATE_MAX = 1024, /* PEM text with its final zero; about 600 in fact */
    CRYPTO_TLS_KEY_MAX = 512,          /* about 250 in fact */
};

struct crypto_tls_identity {
    char certificate[CRYPTO_TLS_CERTIFICATE_MAX];
    char key[CRYPTO_TLS_KEY_MAX]; /* the caller wipes it */
};

/* A fresh P-256 key and its certificate, both as PEM.  False when memory is short. */
MUST_USE bool crypto_tls_identity_make(struct crypto_tls_identity *out);

#endif /* CRYPTO_TLS_TLS_H */
