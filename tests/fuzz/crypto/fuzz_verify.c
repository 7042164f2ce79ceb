#include "crypto/crypto.h"

/* Keys, signatures and VRF proofs from anybody: key 33 | digest 32 | signature 64 |
 * proof 81 | alpha.  What verifies does not verify with one bit of it turned. */

enum { FIXED_SIZE = PUBLIC_KEY_SIZE + HASH_SIZE + SIGNATURE_SIZE + VRF_PROOF_SIZE };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_signature(const struct public_key *key, struct hash digest,
                          struct signature signature)
{
    if (!crypto_verify(key, &digest, &signature)) {
        return;
    }
    ASSERT(crypto_public_key_valid(key));
    digest.bytes[5] ^= 1;
    ASSERT(!crypto_verify(key, &digest, &signature));
    digest.bytes[5] ^= 1;
    signature.bytes[40] ^= 1;
    ASSERT(!crypto_verify(key, &digest, &signature));
}

static void try_proof(const struct public_key *key, struct bytes alpha, struct vrf_proof proof)
{
    struct hash output;
    if (!crypto_vrf_verify(key, alpha, &proof, &output)) {
        return;
    }
    ASSERT(crypto_public_key_valid(key));
    proof.bytes[60] ^= 1;
    ASSERT(!crypto_vrf_verify(key, alpha, &proof, &output));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < FIXED_SIZE) {
        return 0;
    }
    struct public_key key;
    struct hash digest;
    struct signature signature;
    struct vrf_proof proof;
    const uint8_t *at = data;
    memcpy(key.bytes, at, PUBLIC_KEY_SIZE);
    at += PUBLIC_KEY_SIZE;
    memcpy(digest.bytes, at, HASH_SIZE);
    at += HASH_SIZE;
    memcpy(signature.bytes, at, SIGNATURE_SIZE);
    at += SIGNATURE_SIZE;
    memcpy(proof.bytes, at, VRF_PROOF_SIZE);
    at += VRF_PROOF_SIZE;
    try_signature(&key, digest, signature);
    try_proof(&key, bytes_of(at, size - FIXED_SIZE), proof);
    return 0;
}
