#ifndef CLIENT_LIGHT_VERIFY_H
#define CLIENT_LIGHT_VERIFY_H

#include "types/block.h"
#include "wire/api/api.h"

/* The checks of the light client, functions of their arguments.  Everything but `trust` may
 * be anything a node sent.  Each answers NULL, or what is wrong in a few words. */

struct verify_trust {
    struct hash chain_id;
    uint64_t epoch;
    struct hash set_hash; /* of the epoch, as are the validators */
    struct validator_set validators;
};

/* Scratch for one finality and its signatures. */
struct verify_scratch {
    struct finality finality;
    struct block_header header;
};

void verify_block_id(struct bytes header_bytes, struct hash *out);

/* A header, decoded, of this chain; of whichever epoch. */
MUST_USE const char *verify_header(const struct verify_trust *trust, struct bytes header_bytes,
                                   struct block_header *out, struct hash *block_id);

/* last_final is a FINALIZE by a quorum of the set for the block with this id and header, which
 * is of the epoch. */
MUST_USE const char *verify_final(const struct verify_trust *trust, struct bytes last_final,
                                  const struct block_header *header, const struct hash *block_id,
                                  struct verify_scratch *scratch);

/* The epoch of trust ended with the block of this header (epoch chain, E5), and set is what came
 * after it: then *next is the trust in that. */
struct verify_boundary {
    struct bytes header;
    struct bytes last_final;
    struct bytes set; /* VALIDATOR_SET */
};
MUST_USE const char *verify_boundary(const struct verify_trust *trust,
                                     const struct verify_boundary *claim,
                                     struct verify_scratch *scratch, struct verify_trust *next);

/* An older header is named by the tip's hist_root. */
MUST_USE const char *verify_history(const struct block_header *tip, uint64_t height,
                                    const struct hash *block_id, const struct api_path *path);

/* The block ids that the tip's hist_root is over begin with those that this older header's is
 * over: nothing before it was exchanged.  hashes: RFC 9162, 2.1.4. */
MUST_USE const char *verify_growth(const struct block_header *tip, const struct block_header *older,
                                   const struct hash *hashes, uint32_t count);

/* The transaction `raw` is number `index` of a block that has this id, and the record is
 * what became of it: child is the next block's header. */
struct verify_result {
    struct bytes raw;
    struct bytes block;
    struct bytes record;
    uint64_t height;
    uint32_t index;
    const struct api_path *path;
    const struct block_header *child;
};
MUST_USE const char *verify_result(const struct verify_result *claim);

/* block is exactly the body that belongs to this id: header, transactions, last_final. */
MUST_USE const char *verify_body(struct bytes block, uint64_t height, const struct hash *block_id);

/* HEAD: signed by validator answer->validator of the set in answer to this nonce. */
MUST_USE const char *verify_head(const struct verify_trust *trust, const struct hash *nonce,
                                 const struct api_answer *answer);

#endif /* CLIENT_LIGHT_VERIFY_H */
