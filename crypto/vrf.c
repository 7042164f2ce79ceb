/* RFC 9381, ECVRF-P256-SHA256-TAI (5.5) with secp256k1 for the curve and a suite byte
 * that no RFC uses.  tools/vrf_model.py is the same algorithm in integers. */
#include <secp256k1.h>
#include <secp256k1_ecdh.h>

#include "crypto/key.h"

enum {
    SUITE = 0xfe,
    ENCODE_TO_CURVE = 1, /* domain separators of RFC 9381 */
    CHALLENGE = 2,
    PROOF_TO_HASH = 3,
    POINT_SIZE = PUBLIC_KEY_SIZE,
    SCALAR_SIZE = 32,
    CHALLENGE_SIZE = 16,
    TRIES = 256, /* of encode_to_curve; each fails for half of the inputs */
};
STATIC_ASSERT(POINT_SIZE + CHALLENGE_SIZE + SCALAR_SIZE == VRF_PROOF_SIZE, "Gamma, c, s");

struct point {
    uint8_t bytes[POINT_SIZE]; /* compressed */
};

static const uint8_t generator[POINT_SIZE] = {
    0x02, 0x79, 0xbe, 0x66, 0x7e, 0xf9, 0xdc, 0xbb, 0xac, 0x55, 0xa0,
    0x62, 0x95, 0xce, 0x87, 0x0b, 0x07, 0x02, 0x9b, 0xfc, 0xdb, 0x2d,
    0xce, 0x28, 0xd9, 0x59, 0xf2, 0x81, 0x5b, 0x16, 0xf8, 0x17, 0x98,
};

static bool point_parse(const uint8_t bytes[POINT_SIZE], secp256k1_pubkey *out)
{
    return secp256k1_ec_pubkey_parse(secp256k1_context_static, out, bytes, POINT_SIZE) == 1;
}

static void point_write(const secp256k1_pubkey *point, struct point *out)
{
    size_t size = POINT_SIZE;
    (void)secp256k1_ec_pubkey_serialize(secp256k1_context_static, out->bytes, &size, point,
                                        SECP256K1_EC_COMPRESSED);
}

static void hash_start(struct crypto_sha256 *state, uint8_t domain)
{
    const uint8_t prefix[2] = {SUITE, domain};
    crypto_sha256_init(state);
    crypto_sha256_update(state, bytes_of(prefix, sizeof prefix));
}

/* 5.4.1.1, the salt being the public key.  False with probability 2^-256. */
static bool encode_to_curve(const struct public_key *salt, struct bytes alpha,
                            secp256k1_pubkey *out)
{
    struct crypto_sha256 common;
    hash_start(&common, ENCODE_TO_CURVE);
    crypto_sha256_update(&common, bytes_of(salt->bytes, PUBLIC_KEY_SIZE));
    crypto_sha256_update(&common, alpha);
    for (int counter = 0; counter < TRIES; counter++) {
        struct crypto_sha256 state = common;
        const uint8_t suffix[2] = {(uint8_t)counter, 0};
        struct hash hash;
        crypto_sha256_update(&state, bytes_of(suffix, sizeof suffix));
        crypto_sha256_final(&state, &hash);
        uint8_t candidate[POINT_SIZE] = {0x02};
        memcpy(candidate + 1, hash.bytes, HASH_SIZE);
        if (point_parse(candidate, out)) {
            return true;
        }
    }
    return false;
}

/* 5.4.3: points are Y, H, Gamma, U, V.  out is a scalar, its first half zero. */
static void hash_challenge(const struct point points[5], uint8_t out[SCALAR_SIZE])
{
    struct crypto_sha256 state;
    hash_start(&state, CHALLENGE);
    for (int i = 0; i < 5; i++) {
        crypto_sha256_update(&state, bytes_of(points[i].bytes, POINT_SIZE));
    }
    const uint8_t suffix[1] = {0};
    crypto_sha256_update(&state, bytes_of(suffix, sizeof suffix));
    struct hash hash;
    crypto_sha256_final(&state, &hash);
    memset(out, 0, SCALAR_SIZE - CHALLENGE_SIZE);
    memcpy(out + SCALAR_SIZE - CHALLENGE_SIZE, hash.bytes, CHALLENGE_SIZE);
}

/* 5.2; the cofactor is 1. */
static void hash_gamma(const uint8_t gamma[POINT_SIZE], struct hash *out)
{
    struct crypto_sha256 state;
    hash_start(&state, PROOF_TO_HASH);
    crypto_sha256_update(&state, bytes_of(gamma, POINT_SIZE));
    const uint8_t suffix[1] = {0};
    crypto_sha256_update(&state, bytes_of(suffix, sizeof suffix));
    crypto_sha256_final(&state, out);
}

static int copy_point(unsigned char *out, const unsigned char *x32, const unsigned char *y32,
                      void *unused)
{
    (void)unused;
    out[0] = (unsigned char)(0x02 | (y32[31] & 1));
    memcpy(out + 1, x32, 32);
    return 1;
}

/* In constant time, through secp256k1_ecdh with a copying hash function; never
 * ec_pubkey_tweak_mul, which takes its scalar for public. */
static bool multiply_secret(const struct crypto_key *key, const secp256k1_pubkey *point,
                            const uint8_t scalar[SCALAR_SIZE], struct point *out)
{
    return secp256k1_ecdh(key->context, out->bytes, point, scalar, copy_point, NULL) == 1;
}

/* 5.4.2.1: RFC 6979 without its check on r.  libsecp256k1 does not reduce the message
 * hash modulo n first, which differs for 2^-128 of the messages and is as deterministic. */
static void make_nonce(const struct crypto_key *key, const struct point *h,
                       uint8_t out[SCALAR_SIZE])
{
    struct hash message;
    crypto_sha256(bytes_of(h->bytes, POINT_SIZE), &message);
    unsigned attempt = 0;
    do {
        (void)secp256k1_nonce_function_rfc6979(out, message.bytes, key->secret, NULL, NULL,
                                               attempt++);
    } while (secp256k1_ec_seckey_verify(key->context, out) != 1);
}

/* s = k + c * x mod n. */
static bool make_response(const struct crypto_key *key, const uint8_t nonce[SCALAR_SIZE],
                          const uint8_t challenge[SCALAR_SIZE], uint8_t out[SCALAR_SIZE])
{
    uint8_t product[SCALAR_SIZE];
    memcpy(product, key->secret, SCALAR_SIZE);
    const bool ok = secp256k1_ec_seckey_tweak_mul(key->context, product, challenge) == 1 &&
                    secp256k1_ec_seckey_tweak_add(key->context, product, nonce) == 1;
    memcpy(out, product, SCALAR_SIZE);
    crypto_wipe(product, sizeof product);
    return ok;
}

static bool prove_with(const struct crypto_key *key, const secp256k1_pubkey *h,
                       const uint8_t nonce[SCALAR_SIZE], struct point points[5],
                       struct vrf_proof *proof)
{
    secp256k1_pubkey u;
    if (!multiply_secret(key, h, key->secret, &points[2]) ||
        secp256k1_ec_pubkey_create(key->context, &u, nonce) != 1 ||
        !multiply_secret(key, h, nonce, &points[4])) {
        return false;
    }
    point_write(&u, &points[3]);
    uint8_t challenge[SCALAR_SIZE];
    uint8_t response[SCALAR_SIZE];
    hash_challenge(points, challenge);
    if (!make_response(key, nonce, challenge, response)) {
        return false;
    }
    memcpy(proof->bytes, points[2].bytes, POINT_SIZE);
    memcpy(proof->bytes + POINT_SIZE, challenge + SCALAR_SIZE - CHALLENGE_SIZE, CHALLENGE_SIZE);
    memcpy(proof->bytes + POINT_SIZE + CHALLENGE_SIZE, response, SCALAR_SIZE);
    return true;
}

bool crypto_vrf_prove(const struct crypto_key *key, struct bytes alpha, struct vrf_proof *proof,
                      struct hash *output)
{
    secp256k1_pubkey h;
    if (!encode_to_curve(&key->public_key, alpha, &h)) {
        return false;
    }
    struct point points[5];
    memcpy(points[0].bytes, key->public_key.bytes, POINT_SIZE);
    point_write(&h, &points[1]);
    uint8_t nonce[SCALAR_SIZE];
    make_nonce(key, &points[1], nonce);
    const bool ok = prove_with(key, &h, nonce, points, proof);
    crypto_wipe(nonce, sizeof nonce);
    if (ok) {
        hash_gamma(proof->bytes, output);
    }
    return ok;
}

/* s * a - c * b, of public points and scalars; false for a zero or too large scalar and
 * for the point at infinity. */
static bool multiply_difference(const secp256k1_pubkey *a, const uint8_t s[SCALAR_SIZE],
                                const secp256k1_pubkey *b, const uint8_t c[SCALAR_SIZE],
                                struct point *out)
{
    const secp256k1_context *const context = secp256k1_context_static;
    secp256k1_pubkey left = *a;
    secp256k1_pubkey right = *b;
    if (secp256k1_ec_pubkey_tweak_mul(context, &left, s) != 1 ||
        secp256k1_ec_pubkey_tweak_mul(context, &right, c) != 1 ||
        secp256k1_ec_pubkey_negate(context, &right) != 1) {
        return false;
    }
    const secp256k1_pubkey *const terms[2] = {&left, &right};
    secp256k1_pubkey sum;
    if (secp256k1_ec_pubkey_combine(context, &sum, terms, 2) != 1) {
        return false;
    }
    point_write(&sum, out);
    return true;
}

bool crypto_vrf_verify(const struct public_key *key, struct bytes alpha,
                       const struct vrf_proof *proof, struct hash *output)
{
    secp256k1_pubkey base;
    secp256k1_pubkey y;
    secp256k1_pubkey h;
    secp256k1_pubkey gamma;
    if (!point_parse(generator, &base) || !point_parse(key->bytes, &y) ||
        !point_parse(proof->bytes, &gamma) || !encode_to_curve(key, alpha, &h)) {
        return false;
    }
    uint8_t c[SCALAR_SIZE] = {0};
    memcpy(c + SCALAR_SIZE - CHALLENGE_SIZE, proof->bytes + POINT_SIZE, CHALLENGE_SIZE);
    const uint8_t *const s = proof->bytes + POINT_SIZE + CHALLENGE_SIZE;

    struct point points[5];
    memcpy(points[0].bytes, key->bytes, POINT_SIZE);
    point_write(&h, &points[1]);
    memcpy(points[2].bytes, proof->bytes, POINT_SIZE);
    if (!multiply_difference(&base, s, &y, c, &points[3]) ||
        !multiply_difference(&h, s, &gamma, c, &points[4])) {
        return false;
    }
    uint8_t challenge[SCALAR_SIZE];
    hash_challenge(points, challenge);
    if (memcmp(challenge, c, SCALAR_SIZE) != 0) {
        return false;
    }
    hash_gamma(proof->bytes, output);
    return true;
}

void crypto_vrf_output(const struct vrf_proof *proof, struct hash *output)
{
    hash_gamma(proof->bytes, output);
}
