#include "crypto/key.h"

#include <secp256k1.h>
#include <sodium.h>

struct crypto_key *crypto_key_create(const uint8_t secret[CRYPTO_SECRET_SIZE])
{
    if (secp256k1_ec_seckey_verify(secp256k1_context_static, secret) != 1 || sodium_init() < 0) {
        return NULL;
    }
    struct crypto_key *const key = sodium_malloc(sizeof *key);
    if (key == NULL) {
        return NULL;
    }
    /* A context of its own blinds this key's multiplications and is never written again,
     * so that threads may share it. */
    key->context = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    uint8_t seed[32];
    crypto_random_bytes(seed, sizeof seed);
    int ok = secp256k1_context_randomize(key->context, seed);
    crypto_wipe(seed, sizeof seed);

    memcpy(key->secret, secret, CRYPTO_SECRET_SIZE);
    secp256k1_pubkey point;
    ok &= secp256k1_ec_pubkey_create(key->context, &point, secret);
    ASSERT(ok == 1); /* the scalar was checked above */
    size_t size = PUBLIC_KEY_SIZE;
    (void)secp256k1_ec_pubkey_serialize(key->context, key->public_key.bytes, &size, &point,
                                        SECP256K1_EC_COMPRESSED);
    return key;
}

struct crypto_key *crypto_key_generate(void)
{
    uint8_t secret[CRYPTO_SECRET_SIZE];
    do { /* all but 2^-128 of the strings are scalars */
        crypto_random_bytes(secret, sizeof secret);
    } while (secp256k1_ec_seckey_verify(secp256k1_context_static, secret) != 1);
    struct crypto_key *const key = crypto_key_create(secret);
    crypto_wipe(secret, sizeof secret);
    return key;
}

void crypto_key_free(struct crypto_key *key)
{
    if (key != NULL) {
        secp256k1_context_destroy(key->context);
        sodium_free(key); /* wipes */
    }
}

const struct public_key *crypto_key_public(const struct crypto_key *key)
{
    return &key->public_key;
}

void crypto_key_secret(const struct crypto_key *key, uint8_t out[CRYPTO_SECRET_SIZE])
{
    memcpy(out, key->secret, CRYPTO_SECRET_SIZE);
}

void crypto_key_sign(const struct crypto_key *key, const struct hash *digest, struct signature *out)
{
    secp256k1_ecdsa_signature signature;
    const int ok = secp256k1_ecdsa_sign(key->context, &signature, digest->bytes, key->secret,
                                        secp256k1_nonce_function_rfc6979, NULL);
    ASSERT(ok == 1); /* fails for an invalid key only */
    (void)secp256k1_ecdsa_signature_serialize_compact(key->context, out->bytes, &signature);
}

/* Only the compressed form exists in this protocol: libsecp256k1 would also take hybrid
 * and uncompressed keys, but not from 33 bytes. */
static bool point_parse(const struct public_key *key, secp256k1_pubkey *out)
{
    return secp256k1_ec_pubkey_parse(secp256k1_context_static, out, key->bytes, PUBLIC_KEY_SIZE) ==
           1;
}

bool crypto_verify(const struct public_key *key, const struct hash *digest,
                   const struct signature *signature)
{
    secp256k1_pubkey point;
    secp256k1_ecdsa_signature parsed;
    if (!point_parse(key, &point) ||
        secp256k1_ecdsa_signature_parse_compact(secp256k1_context_static, &parsed,
                                                signature->bytes) != 1) {
        return false;
    }
    /* secp256k1_ecdsa_verify refuses high-S itself (secp256k1.h). */
    return secp256k1_ecdsa_verify(secp256k1_context_static, &parsed, digest->bytes, &point) == 1;
}

bool crypto_public_key_valid(const struct public_key *key)
{
    secp256k1_pubkey point;
    return point_parse(key, &point);
}

void crypto_address(const struct public_key *key, struct address *out)
{
    struct hash digest;
    crypto_digest(TAG_ADDRESS, bytes_of(key->bytes, PUBLIC_KEY_SIZE), &digest);
    memcpy(out->bytes, digest.bytes, ADDRESS_SIZE);
}
