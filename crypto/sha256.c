/* OpenSSL's one-shot call is 4 to 6 times slower on short inputs than its low-level
 * functions, which are only deprecated in favour of providers we do not use. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/crypto.h"

#include <openssl/sha.h>

STATIC_ASSERT(sizeof(struct crypto_sha256) >= sizeof(SHA256_CTX), "the opaque state has room");
STATIC_ASSERT(_Alignof(struct crypto_sha256) >= _Alignof(SHA256_CTX), "and is aligned");
STATIC_ASSERT(sizeof(SHA_LONG) == sizeof(uint32_t), "a midstate is copied word by word");

/* A tag that has no line in the table, or another place in it, stops the build here:
 * run tools/tag_table.py. */
enum midstate {
#define MIDSTATE(name, a, b, c, d, e, f, g, h) MIDSTATE_##name,
#include "crypto/tag_table.def"
#undef MIDSTATE
    MIDSTATE_COUNT
};
#define TAG(name, text)                                                                            \
    STATIC_ASSERT((int)MIDSTATE_##name == (int)TAG_##name, "run tools/tag_table.py");
#include "types/tags.def"
#undef TAG
STATIC_ASSERT((int)MIDSTATE_COUNT == (int)TAG_COUNT, "run tools/tag_table.py");

static const SHA_LONG midstates[TAG_COUNT][8] = {
#define MIDSTATE(name, a, b, c, d, e, f, g, h) {(a), (b), (c), (d), (e), (f), (g), (h)},
#include "crypto/tag_table.def"
#undef MIDSTATE
};

enum { MIDSTATE_BITS = 512 }; /* one block was hashed */

static SHA256_CTX *context(struct crypto_sha256 *state)
{
    return (SHA256_CTX *)(void *)state->opaque;
}

void crypto_sha256_init(struct crypto_sha256 *state)
{
    (void)SHA256_Init(context(state)); /* cannot fail */
}

void crypto_sha256_update(struct crypto_sha256 *state, struct bytes bytes)
{
    if (bytes.size > 0) {
        (void)SHA256_Update(context(state), bytes.data, bytes.size);
    }
}

void crypto_sha256_final(struct crypto_sha256 *state, struct hash *out)
{
    (void)SHA256_Final(out->bytes, context(state));
}

void crypto_sha256(struct bytes bytes, struct hash *out)
{
    struct crypto_sha256 state;
    crypto_sha256_init(&state);
    crypto_sha256_update(&state, bytes);
    crypto_sha256_final(&state, out);
}

void crypto_digest_init(struct crypto_sha256 *state, enum tag tag)
{
    ASSERT((unsigned)tag < TAG_COUNT);
    SHA256_CTX *const sha256 = context(state);
    memset(sha256, 0, sizeof *sha256);
    memcpy(sha256->h, midstates[tag], sizeof sha256->h);
    sha256->Nl = MIDSTATE_BITS;
    sha256->md_len = SHA256_DIGEST_LENGTH;
}

void crypto_digest(enum tag tag, struct bytes bytes, struct hash *out)
{
    struct crypto_sha256 state;
    crypto_digest_init(&state, tag);
    crypto_sha256_update(&state, bytes);
    crypto_sha256_final(&state, out);
}

static void hash_parts(void *unused, const struct bytes *parts, size_t count, struct hash *out)
{
    (void)unused;
    struct crypto_sha256 state;
    crypto_sha256_init(&state);
    for (size_t i = 0; i < count; i++) {
        crypto_sha256_update(&state, parts[i]);
    }
    crypto_sha256_final(&state, out);
}

const struct hash_port *crypto_hash_port(void)
{
    static const struct hash_port port = {.sha256 = hash_parts, .context = NULL};
    return &port;
}
