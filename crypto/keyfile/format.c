#include "crypto/keyfile/format.h"

#include <sodium.h>

#include "base/endian.h"

enum {
    VERSION_PLAIN = 1,
    VERSION_SEALED = 2,
    MAGIC_SIZE = 8,
    AT_VERSION = MAGIC_SIZE,
    AT_KIND = AT_VERSION + 1,
    AT_SECRET = AT_KIND + 1, /* plain */
    AT_PASSES = AT_KIND + 1, /* sealed */
    AT_MEMORY = AT_PASSES + 4,
    AT_SALT = AT_MEMORY + 4,
    AT_NONCE = AT_SALT + crypto_pwhash_SALTBYTES,
    AT_SEALED = AT_NONCE + crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    SEALED_SIZE = CRYPTO_SECRET_SIZE + crypto_aead_xchacha20poly1305_ietf_ABYTES,

    /* RFC 9106's second choice; more than 16 passes or 1 GiB is damage or an attack. */
    PASSES = 3,
    PASSES_MAX = 16,
    MEMORY_KIB = 64 << 10,
    MEMORY_KIB_MIN = 8,
    MEMORY_KIB_MAX = 1 << 20,
};
STATIC_ASSERT(AT_SECRET + CRYPTO_SECRET_SIZE + HASH_SIZE == CRYPTO_KEYFILE_PLAIN_SIZE, "plain");
STATIC_ASSERT(AT_SEALED + SEALED_SIZE + HASH_SIZE == CRYPTO_KEYFILE_SEALED_SIZE, "sealed");

static const uint8_t magic[MAGIC_SIZE] = {'g', 'r', 'a', 'd', 'u', 's', 'k', 'y'};

static void put_checksum(uint8_t *data, size_t size)
{
    struct hash checksum;
    crypto_digest(TAG_KEY_FILE, bytes_of(data, size - HASH_SIZE), &checksum);
    memcpy(data + size - HASH_SIZE, checksum.bytes, HASH_SIZE);
}

static bool checksum_fits(struct bytes bytes)
{
    struct hash checksum;
    crypto_digest(TAG_KEY_FILE, bytes_of(bytes.data, bytes.size - HASH_SIZE), &checksum);
    return memcmp(bytes.data + bytes.size - HASH_SIZE, checksum.bytes, HASH_SIZE) == 0;
}

/* The sealing key from the passphrase and the parameters in a file's head. */
static bool stretch(const char *passphrase, const uint8_t *head,
                    uint8_t key[crypto_aead_xchacha20poly1305_ietf_KEYBYTES])
{
    ASSERT(sodium_init() >= 0); /* before it, argon2id is several times slower */
    return crypto_pwhash(key, crypto_aead_xchacha20poly1305_ietf_KEYBYTES, passphrase,
                         strlen(passphrase), head + AT_SALT, load_le32(head + AT_PASSES),
                         (size_t)load_le32(head + AT_MEMORY) << 10,
                         crypto_pwhash_ALG_ARGON2ID13) == 0;
}

static const char *seal(const char *passphrase, const uint8_t secret[CRYPTO_SECRET_SIZE],
                        uint8_t *out)
{
    uint8_t key[crypto_aead_xchacha20poly1305_ietf_KEYBYTES];
    store_le32(out + AT_PASSES, PASSES);
    store_le32(out + AT_MEMORY, MEMORY_KIB);
    crypto_random_bytes(out + AT_SALT, AT_SEALED - AT_SALT);
    if (!stretch(passphrase, out, key)) {
        return "not enough memory for its passphrase: 64 MiB are needed";
    }
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(out + AT_SEALED, NULL, secret,
                                                     CRYPTO_SECRET_SIZE, out, AT_SEALED, NULL,
                                                     out + AT_NONCE, key); /* cannot fail */
    crypto_wipe(key, sizeof key);
    return NULL;
}

const char *keyfile_format(const struct crypto_keyfile *file,
                           const uint8_t secret[CRYPTO_SECRET_SIZE], uint8_t out[KEYFILE_SIZE_MAX],
                           size_t *size)
{
    const bool sealed = file->passphrase != NULL;
    if (sealed && file->passphrase[0] == '\0') {
        return "the passphrase is empty: give one, or make a plain file";
    }
    memcpy(out, magic, MAGIC_SIZE);
    out[AT_VERSION] = sealed ? VERSION_SEALED : VERSION_PLAIN;
    out[AT_KIND] = (uint8_t)file->kind;
    *size = sealed ? CRYPTO_KEYFILE_SEALED_SIZE : CRYPTO_KEYFILE_PLAIN_SIZE;
    if (sealed) {
        const char *const trouble = seal(file->passphrase, secret, out);
        if (trouble != NULL) {
            return trouble;
        }
    } else {
        memcpy(out + AT_SECRET, secret, CRYPTO_SECRET_SIZE);
    }
    put_checksum(out, *size);
    return NULL;
}

static const char *unseal(const char *passphrase, const uint8_t *data,
                          uint8_t secret[CRYPTO_SECRET_SIZE])
{
    const uint32_t passes = load_le32(data + AT_PASSES);
    const uint32_t memory_kib = load_le32(data + AT_MEMORY);
    if (passes < 1 || passes > PASSES_MAX || memory_kib < MEMORY_KIB_MIN ||
        memory_kib > MEMORY_KIB_MAX) {
        return "its passphrase parameters are out of range: restore it from a backup";
    }
    uint8_t key[crypto_aead_xchacha20poly1305_ietf_KEYBYTES];
    if (!stretch(passphrase, data, key)) {
        return "not enough memory for its passphrase: free some and try again";
    }
    const int opened = crypto_aead_xchacha20poly1305_ietf_decrypt(
        secret, NULL, NULL, data + AT_SEALED, SEALED_SIZE, data, AT_SEALED, data + AT_NONCE, key);
    crypto_wipe(key, sizeof key);
    return opened == 0 ? NULL : "wrong passphrase";
}

/* What can be judged without the passphrase; in this order, so that a file of something
 * else, a torn file and a damaged file are told apart. */
static const char *check(const struct crypto_keyfile *file, struct bytes bytes)
{
    if (bytes.size <= AT_KIND || memcmp(bytes.data, magic, MAGIC_SIZE) != 0) {
        return "not a key file of gradus: give the path of one made by `gradus keys new`";
    }
    const uint8_t version = bytes.data[AT_VERSION];
    if (version != VERSION_PLAIN && version != VERSION_SEALED) {
        return "made by a newer version of gradus: upgrade, or make a new key";
    }
    if (bytes.size !=
        (version == VERSION_PLAIN ? CRYPTO_KEYFILE_PLAIN_SIZE : CRYPTO_KEYFILE_SEALED_SIZE)) {
        return "it has the wrong length: restore it from a backup";
    }
    if (!checksum_fits(bytes)) {
        return "its checksum is wrong: restore it from a backup";
    }
    if (version == VERSION_SEALED && file->passphrase == NULL) {
        return "it is encrypted: give its passphrase";
    }
    if (version == VERSION_PLAIN && file->passphrase != NULL) {
        return "it is not encrypted: leave the passphrase out";
    }
    return NULL;
}

const char *keyfile_parse(const struct crypto_keyfile *file, struct bytes bytes,
                          uint8_t secret[CRYPTO_SECRET_SIZE])
{
    const char *const trouble = check(file, bytes);
    if (trouble != NULL) {
        return trouble;
    }
    if (bytes.data[AT_KIND] != (uint8_t)file->kind) {
        return "it holds a key for another purpose";
    }
    if (file->passphrase != NULL) {
        return unseal(file->passphrase, bytes.data, secret);
    }
    memcpy(secret, bytes.data + AT_SECRET, CRYPTO_SECRET_SIZE);
    return NULL;
}
