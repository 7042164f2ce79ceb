#ifndef CRYPTO_KEYFILE_KEYFILE_H
#define CRYPTO_KEYFILE_KEYFILE_H

#include "base/assert.h"
#include "base/error.h"
#include "crypto/crypto.h"

/* Secret keys on disk: one file, one secret of 32 bytes, one purpose.
 *
 *     all      magic "gradusky" 8 | version 1 | kind 1 | ... | checksum 32
 *     plain    version 1:  secret 32
 *     sealed   version 2:  passes 4 | memory in KiB 4 | salt 16 | nonce 24 | sealed secret 48
 *
 * Integers are little-endian.  checksum = digest (TAG_KEY_FILE) of all bytes before it: it
 * finds damage, not forgery.  A sealed secret is under XChaCha20-Poly1305, its key from
 * argon2id (RFC 9106) over the passphrase, everything before it authenticated.
 *
 * A file is accepted only if it is a regular file with no permission for group and others,
 * of exactly its version's length, with the expected kind.  Any breach is EXIT_CODE_BAD_KEY
 * with one line that names the file and the next step. */

/* The numbers are on disk and frozen. */
enum crypto_keyfile_kind {
    CRYPTO_KEYFILE_CONSENSUS = 1, /* proposals and votes */
    CRYPTO_KEYFILE_NETWORK = 2,   /* handshakes and HEAD answers */
    CRYPTO_KEYFILE_VRF = 3,       /* the beacon, and nothing else */
    CRYPTO_KEYFILE_ACCOUNT = 4,   /* transactions */
    CRYPTO_KEYFILE_WORKER = 5,    /* a training node's reports */
    CRYPTO_KEYFILE_TUNNEL = 6,    /* X25519, see crypto/session/session.h: read and write only */
};

enum {
    CRYPTO_KEYFILE_PLAIN_SIZE = 8 + 1 + 1 + CRYPTO_SECRET_SIZE + HASH_SIZE,
    CRYPTO_KEYFILE_SEALED_SIZE = 8 + 1 + 1 + 4 + 4 + 16 + 24 + 48 + HASH_SIZE,
};

struct crypto_keyfile {
    const char *path;
    enum crypto_keyfile_kind kind;
    const char *passphrase; /* NULL: plain file.  It must fit the file: no silent fallback. */
};

/* "consensus" for CRYPTO_KEYFILE_CONSENSUS; "unknown" for a number of no kind. */
const char *crypto_keyfile_kind_name(unsigned kind);

/* Make a new key and its file, mode 0600, which must not exist yet; both file and directory
 * are synced.  False fills *error, leaves no file and no key. */
MUST_USE bool crypto_keyfile_create(const struct crypto_keyfile *file, struct crypto_key **key,
                                    struct error *error);

/* The key of an existing file; the caller owns it. */
MUST_USE bool crypto_keyfile_load(const struct crypto_keyfile *file, struct crypto_key **key,
                                  struct error *error);

/* The same for 32 bytes of any meaning; the caller wipes them. */
MUST_USE bool crypto_keyfile_write(const struct crypto_keyfile *file,
                                   const uint8_t secret[CRYPTO_SECRET_SIZE], struct error *error);
MUST_USE bool crypto_keyfile_read(const struct crypto_keyfile *file,
                                  uint8_t secret[CRYPTO_SECRET_SIZE], struct error *error);

#endif /* CRYPTO_KEYFILE_KEYFILE_H */
