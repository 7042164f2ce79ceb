#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/random.h"
#include "tests/support/wire_objects.h"
#include "wire/sync/sync.h"

/* Properties of every object of wire, over objects drawn from seeds. */
enum { ROUNDS = 200, SMALL_SIZE = 600, MUTATION_ROUNDS = 3, SAMPLE_COUNT = 20000 };

/* A copy that ends where its allocation ends, so that a sanitizer sees a read beyond. */
static uint8_t *copy_of(struct bytes bytes)
{
    uint8_t *copy = malloc(bytes.size + 1);
    assert_non_null(copy);
    memcpy(copy, bytes.data, bytes.size);
    copy[bytes.size] = 0;
    return copy;
}

static void decoding_and_writing_again_gives_the_same_bytes(void **state)
{
    (void)state;
    for (const struct wire_object *object = wire_objects; object->name != NULL; object++) {
        for (uint64_t round = 0; round < ROUNDS; round++) {
            uint64_t seed = round;
            const struct bytes drawn = object->draw(&seed);
            uint8_t *copy = copy_of(drawn);
            const struct bytes in = bytes_of(copy, drawn.size);
            struct bytes out;
            assert_true(object->recode(in, &out));
            assert_true(bytes_equal(in, out));
            free(copy);
        }
    }
}

/* NOLINTNEXTLINE(readability-function-size) */
static void cut_or_longer_bytes_are_refused(void **state)
{
    (void)state;
    for (const struct wire_object *object = wire_objects; object->name != NULL; object++) {
        for (uint64_t round = 0; round < 8; round++) {
            uint64_t seed = round;
            struct bytes out;
            const struct bytes drawn = object->draw(&seed);
            uint8_t *copy = copy_of(drawn);
            assert_false(object->recode(bytes_of(copy, drawn.size + 1), &out));
            const size_t step = drawn.size > 2000 ? 7 : 1;
            for (size_t size = 0; size < drawn.size; size += step) {
                assert_false(object->recode(bytes_of(copy, size), &out));
            }
            free(copy);
        }
    }
}

/* One changed byte: refused, or another object whose only encoding these bytes are. */
static void mutate(const struct wire_object *object, uint8_t *bytes, size_t size, size_t at,
                   uint8_t value)
{
    const uint8_t was = bytes[at];
    bytes[at] = value;
    wire_object_check(object->name, bytes_of(bytes, size));
    bytes[at] = was;
}

/* NOLINTNEXTLINE(readability-function-size) */
static void one_changed_byte_is_refused_or_canonical(void **state)
{
    (void)state;
    for (const struct wire_object *object = wire_objects; object->name != NULL; object++) {
        for (uint64_t round = 0; round < MUTATION_ROUNDS; round++) {
            uint64_t seed = 1000 + round;
            const struct bytes drawn = object->draw(&seed);
            uint8_t *copy = copy_of(drawn);
            const bool small = drawn.size <= SMALL_SIZE;
            const size_t count = small ? drawn.size * 256 : SAMPLE_COUNT;
            for (size_t i = 0; i < count; i++) {
                const size_t at = small ? i / 256 : random_below(&seed, drawn.size);
                const uint8_t value = (uint8_t)(small ? i % 256 : random_next(&seed));
                mutate(object, copy, drawn.size, at, value);
            }
            free(copy);
        }
    }
}

/* The stated bounds are reached and never passed by the greatest values of every field. */
static struct certificate certificate_max(void)
{
    struct certificate certificate = {.kind = VOTE_FINALIZE,
                                      .epoch = UINT64_MAX,
                                      .view = UINT64_MAX,
                                      .signature_count = VALIDATOR_COUNT_MAX};
    memset(&certificate.signers, 0xff, sizeof(certificate.signers));
    return certificate;
}

static struct proposal_light light_max(void)
{
    return (struct proposal_light){.epoch = UINT64_MAX, .view = UINT64_MAX, .height = UINT64_MAX};
}

static size_t size_of(const struct wire_writer *writer)
{
    struct bytes out;
    assert_int_equal(writer->owed, 0);
    assert_false(wire_writer_end(writer, &out)); /* it measures: capacity is 0 */
    return writer->size;
}

static void block_sizes_reach_their_bounds(void **state)
{
    (void)state;
    struct wire_writer w;
    const struct block_header header = {.version = 1,
                                        .height = UINT64_MAX,
                                        .time_ms = UINT64_MAX,
                                        .epoch = UINT64_MAX,
                                        .view = UINT64_MAX,
                                        .proposer = VALIDATOR_COUNT_MAX - 1};
    wire_writer_init(&w, NULL, 0);
    wire_write_header(&w, &header);
    assert_int_equal(size_of(&w), WIRE_HEADER_SIZE_MAX);
    struct finality finality = {.light = light_max(), .signature_count = VALIDATOR_COUNT_MAX};
    memset(&finality.signers, 0xff, sizeof(finality.signers));
    wire_writer_init(&w, NULL, 0);
    wire_write_light(&w, &finality.light);
    assert_int_equal(size_of(&w), WIRE_LIGHT_SIZE_MAX);
    wire_writer_init(&w, NULL, 0);
    wire_write_last_final(&w, &finality);
    assert_int_equal(size_of(&w), WIRE_LAST_FINAL_SIZE_MAX);
    static uint8_t block[BLOCK_SIZE_MAX];
    struct wire_proposal proposal = {.block = bytes_of(block, sizeof(block))};
    proposal.proposal.light = light_max();
    proposal.proposal.rest = (struct proposal_rest){.version = 1,
                                                    .parent_view = UINT64_MAX,
                                                    .da_mode = DA_SHARD,
                                                    .da_n = VALIDATOR_COUNT_MAX,
                                                    .da_k = VALIDATOR_COUNT_MAX,
                                                    .block_size = BLOCK_SIZE_MAX,
                                                    .shard_size = SHARD_SIZE_MAX,
                                                    .leader = VALIDATOR_COUNT_MAX - 1};
    wire_writer_init(&w, NULL, 0);
    wire_write_rest(&w, &proposal.proposal.rest);
    assert_int_equal(size_of(&w), WIRE_REST_SIZE_MAX);
    wire_writer_init(&w, NULL, 0);
    wire_write_proposal(&w, &proposal);
    assert_int_equal(size_of(&w), WIRE_PROPOSAL_SIZE_MAX);
}

static void vote_sizes_reach_their_bounds(void **state)
{
    (void)state;
    struct wire_writer w;
    const struct hash zero = {0};
    const struct vote vote = {.kind = VOTE_FINALIZE,
                              .epoch = UINT64_MAX,
                              .view = UINT64_MAX,
                              .validator = VALIDATOR_COUNT_MAX - 1};
    wire_writer_init(&w, NULL, 0);
    wire_write_vote(&w, &vote);
    assert_int_equal(size_of(&w), WIRE_VOTE_SIZE_MAX);
    wire_writer_init(&w, NULL, 0);
    wire_write_vote_preimage(&w, &zero, &zero, &vote);
    assert_int_equal(size_of(&w), WIRE_VOTE_PREIMAGE_SIZE_MAX);
    wire_writer_init(&w, NULL, 0);
    wire_write_beacon_alpha(&w, &zero, &zero, UINT64_MAX);
    assert_int_equal(size_of(&w), WIRE_BEACON_ALPHA_SIZE_MAX);
    static struct wire_status status;
    status = (struct wire_status){
        .epoch = UINT64_MAX, .view = UINT64_MAX, .has_last_final = true, .has_entry = true};
    status.last_final = certificate_max();
    status.entry = certificate_max();
    wire_writer_init(&w, NULL, 0);
    wire_write_certificate(&w, &status.entry);
    assert_int_equal(size_of(&w), WIRE_CERTIFICATE_SIZE_MAX);
    wire_writer_init(&w, NULL, 0);
    wire_write_message(&w, WIRE_STATUS);
    wire_write_status(&w, &status);
    assert_int_equal(size_of(&w), WIRE_VOTE_LANE_SIZE_MAX);
}

static void other_sizes_reach_their_bounds(void **state)
{
    (void)state;
    struct wire_writer w;
    uint8_t buffer[WIRE_TX_PAYLOAD_OVERHEAD + 1];
    struct bytes payload;
    const struct tx tx = {.version = 1,
                          .type = UINT32_MAX,
                          .lane = UINT32_MAX,
                          .seq = UINT64_MAX,
                          .valid_until_ms = UINT64_MAX,
                          .body = bytes_of("\x90", 1)};
    wire_writer_init(&w, buffer, sizeof(buffer));
    wire_write_tx_payload(&w, &tx);
    assert_int_equal(w.size, WIRE_TX_PAYLOAD_OVERHEAD + 1);
    assert_true(wire_writer_end(&w, &payload));
    wire_writer_init(&w, NULL, 0);
    wire_write_tx(&w, payload, &tx.signature);
    assert_int_equal(size_of(&w), WIRE_TX_OVERHEAD + 1);
    static struct validator_set set = {.count = VALIDATOR_COUNT_MAX};
    wire_writer_init(&w, NULL, 0);
    wire_write_validator_set(&w, &set);
    assert_int_equal(size_of(&w), WIRE_VALIDATOR_SET_SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decoding_and_writing_again_gives_the_same_bytes),
        cmocka_unit_test(cut_or_longer_bytes_are_refused),
        cmocka_unit_test(one_changed_byte_is_refused_or_canonical),
        cmocka_unit_test(block_sizes_reach_their_bounds),
        cmocka_unit_test(vote_sizes_reach_their_bounds),
        cmocka_unit_test(other_sizes_reach_their_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
