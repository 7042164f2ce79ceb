#include "crypto/keyfile/format.h"

/* Any bytes as a key file, with their own checksum and with the right one.  What a plain
 * file is accepted for, formatting gives back byte for byte. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_parse(struct bytes bytes)
{
    for (unsigned kind = CRYPTO_KEYFILE_CONSENSUS; kind <= CRYPTO_KEYFILE_TUNNEL; kind++) {
        const struct crypto_keyfile file = {.path = "x", .kind = (enum crypto_keyfile_kind)kind};
        uint8_t secret[CRYPTO_SECRET_SIZE];
        if (keyfile_parse(&file, bytes, secret) != NULL) {
            continue;
        }
        uint8_t again[KEYFILE_SIZE_MAX];
        size_t size = 0;
        ASSERT(keyfile_format(&file, secret, again, &size) == NULL);
        ASSERT(bytes_equal(bytes, bytes_of(again, size)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_parse(bytes_of(data, size));
    uint8_t copy[KEYFILE_SIZE_MAX + 8];
    if (size >= HASH_SIZE && size <= sizeof copy) {
        struct hash checksum;
        memcpy(copy, data, size);
        crypto_digest(TAG_KEY_FILE, bytes_of(data, size - HASH_SIZE), &checksum);
        memcpy(copy + size - HASH_SIZE, checksum.bytes, HASH_SIZE);
        try_parse(bytes_of(copy, size));
    }
    return 0;
}
