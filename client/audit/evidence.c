#include "client/audit/evidence.h"

#include "crypto/crypto.h"
#include "wire/wire.h"

static void proposal_hash(const struct finality *finality, struct hash *out)
{
    uint8_t buffer[WIRE_LIGHT_SIZE_MAX];
    struct wire_writer writer;
    struct crypto_sha256 sha;
    struct bytes light;
    wire_writer_init(&writer, buffer, sizeof(buffer));
    wire_write_light(&writer, &finality->light);
    const bool fits = wire_writer_end(&writer, &light);
    ASSERT(fits);
    crypto_digest_init(&sha, TAG_PROPOSAL);
    crypto_sha256_update(&sha, light);
    crypto_sha256_update(&sha, bytes_of(finality->rest_digest.bytes, HASH_SIZE));
    crypto_sha256_final(&sha, out);
}

static void vote_digest(const struct evidence_trust *trust, const struct finality *finality,
                        struct hash *out)
{
    uint8_t buffer[WIRE_VOTE_PREIMAGE_SIZE_MAX];
    struct wire_writer writer;
    struct bytes preimage;
    struct vote vote = {
        .kind = VOTE_FINALIZE, .epoch = finality->light.epoch, .view = finality->light.view};
    proposal_hash(finality, &vote.proposal);
    wire_writer_init(&writer, buffer, sizeof(buffer));
    wire_write_vote_preimage(&writer, &trust->chain_id, &trust->set_hash, &vote);
    const bool fits = wire_writer_end(&writer, &preimage);
    ASSERT(fits);
    crypto_digest(wire_vote_tag(VOTE_FINALIZE), preimage, out);
}

enum evidence_verdict evidence_verify(const struct evidence_trust *trust,
                                      const struct finality *finality)
{
    struct hash digest;
    uint32_t used = 0;
    vote_digest(trust, finality, &digest);
    for (uint32_t i = 0; i < VALIDATOR_COUNT_MAX; i++) {
        if (!validator_bitmap_get(&finality->signers, i)) {
            continue;
        }
        if (i >= trust->set->count) {
            return EVIDENCE_STRANGER;
        }
        if (!crypto_verify(&trust->set->items[i].consensus, &digest, &finality->signatures[used])) {
            return EVIDENCE_FORGED;
        }
        used++;
    }
    return used >= validator_quorum(trust->set->count) ? EVIDENCE_VALID : EVIDENCE_FEW;
}

const char *evidence_text(enum evidence_verdict verdict)
{
    switch (verdict) {
    case EVIDENCE_VALID:
        return "valid signatures";
    case EVIDENCE_STRANGER:
        return "a signer that is no validator";
    case EVIDENCE_FEW:
        return "fewer signatures than a quorum";
    case EVIDENCE_FORGED:
        return "a signature that does not verify";
    }
    UNREACHABLE();
}
