#include "crypto/session/session.h"

#include <sodium.h>

#include "base/endian.h"
#include "crypto/crypto.h"

STATIC_ASSERT(CRYPTO_EXCHANGE_SIZE == crypto_scalarmult_BYTES, "X25519");
STATIC_ASSERT(CRYPTO_SEAL_SIZE == crypto_aead_xchacha20poly1305_ietf_ABYTES, "Poly1305");

enum { NONCE_SIZE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES };

static const char dialler_info[] = "gradus/1/session/dialler";
static const char listener_info[] = "gradus/1/session/listener";

void crypto_exchange_generate(uint8_t secret[CRYPTO_EXCHANGE_SIZE],
                              uint8_t public_key[CRYPTO_EXCHANGE_SIZE])
{
    crypto_random_bytes(secret, CRYPTO_EXCHANGE_SIZE);
    crypto_exchange_public(secret, public_key);
}

void crypto_exchange_public(const uint8_t secret[CRYPTO_EXCHANGE_SIZE],
                            uint8_t public_key[CRYPTO_EXCHANGE_SIZE])
{
    (void)crypto_scalarmult_base(public_key, secret); /* cannot fail */
}

bool crypto_exchange_agree(const uint8_t secret[CRYPTO_EXCHANGE_SIZE],
                           const uint8_t peer[CRYPTO_EXCHANGE_SIZE],
                           uint8_t shared[CRYPTO_EXCHANGE_SIZE])
{
    return crypto_scalarmult(shared, secret, peer) == 0;
}

/* libsodium may not be handed a null pointer, not even for no bytes. */
static const uint8_t *data_of(struct bytes bytes)
{
    static const uint8_t nothing[1] = {0};
    return bytes.size == 0 ? nothing : bytes.data;
}

static void hmac_parts(struct bytes key, const struct bytes *parts, size_t count, struct hash *out)
{
    crypto_auth_hmacsha256_state state;
    (void)crypto_auth_hmacsha256_init(&state, data_of(key), key.size);
    for (size_t i = 0; i < count; i++) {
        (void)crypto_auth_hmacsha256_update(&state, data_of(parts[i]), parts[i].size);
    }
    (void)crypto_auth_hmacsha256_final(&state, out->bytes);
    crypto_wipe(&state, sizeof state);
}

void crypto_hmac(struct bytes key, struct bytes message, struct hash *out)
{
    hmac_parts(key, &message, 1, out);
}

void crypto_hkdf_extract(struct bytes salt, struct bytes secret, struct hash *out)
{
    crypto_hmac(salt, secret, out);
}

/* RFC 5869, 2.3: T(i) = HMAC(key, T(i - 1) || info || i). */
void crypto_hkdf_expand(const struct hash *key, struct bytes info, uint8_t *out, size_t size)
{
    ASSERT(size <= CRYPTO_HKDF_SIZE_MAX);
    struct hash block;
    uint8_t number = 0;
    for (size_t done = 0; done < size; done += HASH_SIZE) {
        const struct bytes previous = bytes_of(block.bytes, done == 0 ? 0 : HASH_SIZE);
        number++;
        const struct bytes parts[] = {previous, info, bytes_of(&number, 1)};
        hmac_parts(bytes_of(key->bytes, HASH_SIZE), parts, 3, &block);
        memcpy(out + done, block.bytes, size - done < HASH_SIZE ? size - done : HASH_SIZE);
    }
    crypto_wipe(&block, sizeof block);
}

static void half_start(struct crypto_session_half *half, const struct hash *key, const char *info)
{
    crypto_hkdf_expand(key, bytes_of(info, strlen(info)), half->key, sizeof half->key);
    half->counter = 0;
}

void crypto_session_start(struct crypto_session *session, struct bytes shared,
                          const struct hash *transcript, bool dialled)
{
    ASSERT(sodium_init() >= 0); /* before it, libsodium seals with its slow portable code */
    struct hash key;
    crypto_hkdf_extract(bytes_of(transcript->bytes, HASH_SIZE), shared, &key);
    half_start(dialled ? &session->sending : &session->receiving, &key, dialler_info);
    half_start(dialled ? &session->receiving : &session->sending, &key, listener_info);
    crypto_wipe(&key, sizeof key);
}

void crypto_session_wipe(struct crypto_session *session)
{
    crypto_wipe(session, sizeof *session);
}

static void make_nonce(uint64_t counter, uint8_t out[NONCE_SIZE])
{
    memset(out, 0, NONCE_SIZE);
    store_be64(out + NONCE_SIZE - 8, counter);
}

bool crypto_session_seal(struct crypto_session_half *half, struct bytes header, struct bytes plain,
                         uint8_t *out)
{
    if (half->counter == UINT64_MAX) {
        return false;
    }
    uint8_t nonce[NONCE_SIZE];
    make_nonce(half->counter, nonce);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(out, NULL, data_of(plain), plain.size,
                                                     header.data, header.size, NULL, nonce,
                                                     half->key); /* cannot fail at these sizes */
    half->counter++;
    return true;
}

bool crypto_session_open(struct crypto_session_half *half, struct bytes header, struct bytes sealed,
                         uint8_t *out)
{
    if (half->counter == UINT64_MAX || sealed.size < CRYPTO_SEAL_SIZE) {
        return false;
    }
    uint8_t nonce[NONCE_SIZE];
    make_nonce(half->counter, nonce);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, sealed.data, sealed.size,
                                                   data_of(header), header.size, nonce,
                                                   half->key) != 0) {
        return false;
    }
    half->counter++;
    return true;
}
