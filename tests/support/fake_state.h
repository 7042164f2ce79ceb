#ifndef TESTS_SUPPORT_FAKE_STATE_H
#define TESTS_SUPPORT_FAKE_STATE_H

#include "tests/support/fake_node.h"
#include "wire/wire.h"

/* Shared by fake_node.c (the chain) and fake_answer.c (what is told of it). */

enum { BUFFER_SIZE = 1 << 20 };

/* The tip as this endpoint tells it. */
struct told {
    struct fake_block other;
    const struct fake_block *block;
    uint8_t final_buffer[WIRE_LAST_FINAL_SIZE_MAX];
    struct bytes last_final;
};

uint8_t *fake_copy(struct bytes in);
/* The facts at the state after this block; writes their proof to buffer and answers its size. */
size_t fake_prove(const struct fake_node *node, uint64_t height, const struct api_request *request,
                  struct api_answer *out, uint8_t *buffer);
void fake_record(const struct fake_tx *tx, uint8_t *buffer, struct bytes *out);
/* The root of the block's results and, unless path is NULL, the way from the one at index to it. */
struct hash fake_results(const struct fake_block *block, uint32_t index, struct crypto_path *path);
struct hash fake_history(const struct fake_node *node, uint64_t below, uint64_t height,
                         struct crypto_path *path);
bool fake_tell(struct fake_node *node, enum fake_fault fault, struct told *told);

#endif /* TESTS_SUPPORT_FAKE_STATE_H */
