#ifndef STORE_SIGN_STATE_SIGNER_PORT_H
#define STORE_SIGN_STATE_SIGNER_PORT_H

#include "base/error.h"
#include "store/sign_state/sign_state.h"
#include "types/vote.h"

/* The node's way to its validator key: a process of its own in production, in-process for
 * tests and localnet.  The key's owner judges every request by sign.state and computes the
 * digest itself, so that a broken node can never obtain a second vote.  The same request
 * gives the same bytes (RFC 6979). */

/* Of votes kind, epoch, view and proposal count; set_hash is of their epoch. */
struct signer_request {
    const struct hash *set_hash;
    const struct vote *votes;
    uint32_t count;        /* <= SIGNER_BATCH_MAX */
    uint64_t journal_unit; /* newest durable unit of the node's journal: sign_state_witness */
};

struct signer_answer {
    enum sign_verdict verdict;
    struct signature signature; /* when PERMITTED */
};

enum { SIGNER_BATCH_MAX = 64 }; /* requests in one call: one sync for all of them */

struct signer_port {
    void *context;
    /* One answer for each vote.  False: the signer is gone or its disk failed, and nothing was
     * answered. */
    bool (*sign)(void *context, const struct signer_request *request, struct signer_answer *answers,
                 struct error *error);
    /* Every vote that sign.state remembers, to seed the core at start (J4). */
    bool (*export_votes)(void *context, sign_state_visit *visit, void *visit_context,
                         struct error *error);
    /* The rest are sign_state_status, _recalls, _guard and _lift. */
    void (*status)(void *context, struct sign_state_status *out);
    bool (*recalls)(void *context, const struct vote *vote);
    bool (*guard)(void *context, struct error *error);
    bool (*lift)(void *context, uint64_t epoch, uint64_t view, struct error *error);
};

/* The in-process signer. */
struct crypto_key;
struct signer;

/* key is borrowed and must outlive the signer; state is owned by it from then on. */
MUST_USE struct signer *signer_create(const struct crypto_key *key, const struct hash *chain_id,
                                      struct sign_state *state);
void signer_free(struct signer *signer); /* NULL is allowed */
struct signer_port signer_port_of(struct signer *signer);

#endif /* STORE_SIGN_STATE_SIGNER_PORT_H */
