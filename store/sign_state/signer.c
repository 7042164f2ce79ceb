#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "store/sign_state/signer_port.h"
#include "wire/wire.h"

/* The in-process signer: sign.state permits, then the key signs. */

struct signer {
    const struct crypto_key *key;
    struct hash chain_id;
    struct sign_state *state;
};

struct signer *signer_create(const struct crypto_key *key, const struct hash *chain_id,
                             struct sign_state *state)
{
    struct signer *signer = calloc(1, sizeof(*signer));
    if (signer != NULL) {
        signer->key = key;
        signer->chain_id = *chain_id;
        signer->state = state;
    }
    return signer;
}

void signer_free(struct signer *signer)
{
    if (signer != NULL) {
        sign_state_close(signer->state);
        free(signer);
    }
}

static void sign_vote(const struct signer *signer, const struct hash *set_hash,
                      const struct vote *vote, struct signature *out)
{
    uint8_t preimage[WIRE_VOTE_PREIMAGE_SIZE_MAX];
    struct wire_writer writer;
    struct bytes bytes;
    struct hash digest;
    wire_writer_init(&writer, preimage, sizeof(preimage));
    wire_write_vote_preimage(&writer, &signer->chain_id, set_hash, vote);
    const bool fits = wire_writer_end(&writer, &bytes);
    ASSERT(fits);
    crypto_digest(wire_vote_tag(vote->kind), bytes, &digest);
    crypto_key_sign(signer->key, &digest, out);
}

static bool sign_all(void *context, const struct signer_request *request,
                     struct signer_answer *answers, struct error *error)
{
    const struct signer *signer = context;
    enum sign_verdict verdicts[SIGNER_BATCH_MAX];
    ASSERT(request->count <= SIGNER_BATCH_MAX);
    sign_state_witness(signer->state, request->journal_unit);
    if (!sign_state_permit(signer->state, request->votes, request->count, verdicts, error)) {
        return false;
    }
    for (uint32_t i = 0; i < request->count; i++) {
        memset(&answers[i], 0, sizeof(answers[i]));
        answers[i].verdict = verdicts[i];
        if (verdicts[i] == SIGN_PERMITTED) {
            sign_vote(signer, request->set_hash, &request->votes[i], &answers[i].signature);
        }
    }
    return true;
}

static bool export_all(void *context, sign_state_visit *visit, void *visit_context,
                       struct error *error)
{
    const struct signer *signer = context;
    (void)error; /* this one is always there */
    sign_state_export(signer->state, visit, visit_context);
    return true;
}

static void status_of(void *context, struct sign_state_status *out)
{
    const struct signer *signer = context;
    sign_state_status(signer->state, out);
}

static bool recalls(void *context, const struct vote *vote)
{
    const struct signer *signer = context;
    return sign_state_recalls(signer->state, vote);
}

static bool guard(void *context, struct error *error)
{
    const struct signer *signer = context;
    return sign_state_guard(signer->state, error);
}

static bool lift(void *context, uint64_t epoch, uint64_t view, struct error *error)
{
    const struct signer *signer = context;
    return sign_state_lift(signer->state, epoch, view, error);
}

struct signer_port signer_port_of(struct signer *signer)
{
    return (struct signer_port){.context = signer,
                                .sign = sign_all,
                                .export_votes = export_all,
                                .status = status_of,
                                .recalls = recalls,
                                .guard = guard,
                                .lift = lift};
}
