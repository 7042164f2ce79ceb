#ifndef CRYPTO_SESSION_SESSION_H
#define CRYPTO_SESSION_SESSION_H

#include "base/assert.h"
#include "types/types.h"

/* What a sealed session between two processes is made of: key agreement (X25519,
 * RFC 7748), key derivation (HKDF-SHA256, RFC 5869) and sealed frames (XChaCha20-Poly1305
 * with a counter for the nonce).  Who speaks first, what is signed and what stands in the
 * transcript is the business of net.
 *
 *     both:  shared = X25519(own ephemeral secret, peer's ephemeral key) ...
 *     both:  crypto_session_start(shared bytes, transcript hash, are we the one who dialled)
 *     then:  crypto_session_seal on one side, crypto_session_open on the other, in the same order
 *
 * All functions are functions of their arguments but crypto_exchange_generate.  A session
 * holds secrets: wipe it with crypto_session_wipe.  One thread may seal while another opens,
 * for they use different halves; two may not use one half. */

enum {
    CRYPTO_EXCHANGE_SIZE = TUNNEL_KEY_SIZE, /* X25519: secret, public and shared alike */
    CRYPTO_SEAL_SIZE = 16,                  /* a sealed frame is longer by this */
};

/* A new pair from the kernel's generator. */
void crypto_exchange_generate(uint8_t secret[CRYPTO_EXCHANGE_SIZE],
                              uint8_t public_key[CRYPTO_EXCHANGE_SIZE]);
void crypto_exchange_public(const uint8_t secret[CRYPTO_EXCHANGE_SIZE],
                            uint8_t public_key[CRYPTO_EXCHANGE_SIZE]);

/* False for a public key of low order, which would make the secret known to everybody. */
MUST_USE bool crypto_exchange_agree(const uint8_t secret[CRYPTO_EXCHANGE_SIZE],
                                    const uint8_t peer[CRYPTO_EXCHANGE_SIZE],
                                    uint8_t shared[CRYPTO_EXCHANGE_SIZE]);

/* HMAC-SHA256 (RFC 2104). */
void crypto_hmac(struct bytes key, struct bytes message, struct hash *out);

/* HKDF-SHA256.  size <= CRYPTO_HKDF_SIZE_MAX bytes. */
enum { CRYPTO_HKDF_SIZE_MAX = 255 * HASH_SIZE };
void crypto_hkdf_extract(struct bytes salt, struct bytes secret, struct hash *out);
void crypto_hkdf_expand(const struct hash *key, struct bytes info, uint8_t *out, size_t size);

/* One direction: its key and the number of the next frame. */
struct crypto_session_half {
    uint8_t key[32];
    uint64_t counter;
};

struct crypto_session {
    struct crypto_session_half sending;
    struct crypto_session_half receiving;
};

/* Keys of both directions from everything agreed (the concatenated shared secrets) and the
 * hash of everything said.  dialled: true on exactly one of the two sides. */
void crypto_session_start(struct crypto_session *session, struct bytes shared,
                          const struct hash *transcript, bool dialled);
void crypto_session_wipe(struct crypto_session *session);

/* Writes plain.size + CRYPTO_SEAL_SIZE bytes to out, which may be where plain lies.
 * header is authenticated, not sent.  False, and nothing done, when the counter is used
 * up: the session must end. */
MUST_USE bool crypto_session_seal(struct crypto_session_half *half, struct bytes header,
                                  struct bytes plain, uint8_t *out);

/* Writes sealed.size - CRYPTO_SEAL_SIZE bytes to out, which may be where sealed lies.
 * False for anything but the next frame of the other side, whole and unchanged; then the
 * half is as before, out is undefined and the stream must be closed. */
MUST_USE bool crypto_session_open(struct crypto_session_half *half, struct bytes header,
                                  struct bytes sealed, uint8_t *out);

#endif /* CRYPTO_SESSION_SESSION_H */
