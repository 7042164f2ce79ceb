#ifndef TESTS_SUPPORT_WIRE_DRAW_H
#define TESTS_SUPPORT_WIRE_DRAW_H

#include "wire/sync/sync.h"

/* Legal objects drawn from a seed.  Numbers have every width, so that every form of an
 * integer occurs. */
uint64_t draw_u64(uint64_t *seed);
void draw_hash(uint64_t *seed, struct hash *out);
void draw_signature(uint64_t *seed, struct signature *out);
void draw_header(uint64_t *seed, struct block_header *out); /* last_cert_hash zero */
void draw_light(uint64_t *seed, struct proposal_light *out);
void draw_rest(uint64_t *seed, struct proposal_rest *out);
void draw_finality(uint64_t *seed, struct finality *out);
void draw_vote(uint64_t *seed, struct vote *out);
void draw_certificate(uint64_t *seed, struct certificate *out);
void draw_validator_set(uint64_t *seed, struct validator_set *out);

/* A canonical element of any shape, at most depth arrays deep. */
void draw_element(uint64_t *seed, struct wire_writer *writer, uint32_t depth);

/* A canonical array for a transaction's body. */
void draw_body(uint64_t *seed, struct wire_writer *writer);

#endif /* TESTS_SUPPORT_WIRE_DRAW_H */
