#ifndef TESTS_SUPPORT_WIRE_PRINT_H
#define TESTS_SUPPORT_WIRE_PRINT_H

#include "tests/support/text.h"
#include "wire/sync/sync.h"

/* The fields of decoded objects as tests/vectors/wire.txt spells them.  prefix stands
 * before every name ("light."). */
void print_header(struct text *out, const char *prefix, const struct block_header *header);
void print_light(struct text *out, const char *prefix, const struct proposal_light *light);
void print_rest(struct text *out, const char *prefix, const struct proposal_rest *rest);
void print_finality(struct text *out, const char *prefix, const struct finality *finality);
void print_vote(struct text *out, const struct vote *vote);
void print_certificate(struct text *out, const char *prefix, const struct certificate *cert);
void print_tx(struct text *out, const struct tx *tx);
void print_validator_set(struct text *out, const struct validator_set *set);
void print_txs(struct text *out, const struct wire_txs *txs);
void print_u64(struct text *out, const char *name, uint64_t value);
void print_hash(struct text *out, const char *name, const struct hash *hash);
void print_bytes(struct text *out, const char *name, struct bytes bytes);

#endif /* TESTS_SUPPORT_WIRE_PRINT_H */
