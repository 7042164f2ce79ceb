#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/sync/sync.h"

/* Every limit of the large objects: the greatest that is allowed is read, one more is not. */
enum { BUFFER_SIZE = BLOCK_SIZE_MAX + TX_SIZE_MAX };

static uint8_t buffer[BUFFER_SIZE];
static uint8_t payload[BUFFER_SIZE];
static uint8_t zeros[BUFFER_SIZE];
static struct bytes txs[BLOCK_TX_MAX + 1];
static struct wire_block block;

static struct wire_writer begin(void)
{
    struct wire_writer writer;
    wire_writer_init(&writer, buffer, sizeof(buffer));
    return writer;
}

static struct bytes end(const struct wire_writer *writer)
{
    struct bytes out = {0};
    assert_true(wire_writer_end(writer, &out));
    return out;
}

static struct bytes block_of(uint32_t count)
{
    static uint8_t header_buffer[WIRE_HEADER_SIZE_MAX];
    const struct block_header header = {.version = BLOCK_VERSION};
    struct wire_block_parts parts = {.txs = txs, .tx_count = count};
    struct wire_writer writer;
    wire_writer_init(&writer, header_buffer, sizeof(header_buffer));
    wire_write_header(&writer, &header);
    assert_true(wire_writer_end(&writer, &parts.header_bytes));
    writer = begin();
    wire_write_block(&writer, &parts);
    return end(&writer);
}

static void txs_set(uint32_t count, size_t size)
{
    for (uint32_t i = 0; i < count; i++) {
        txs[i] = bytes_of(zeros, size);
    }
}

static void a_block_holds_16384_transactions(void **state)
{
    (void)state;
    struct wire_tx_iterator iterator;
    struct bytes tx;
    uint32_t count = 0;
    txs_set(BLOCK_TX_MAX + 1, 1);
    assert_true(wire_decode_block(block_of(BLOCK_TX_MAX), &block));
    wire_txs_begin(&iterator, &block.txs);
    while (wire_txs_next(&iterator, &tx)) {
        assert_int_equal(tx.size, 1);
        count++;
    }
    assert_int_equal(count, BLOCK_TX_MAX);
    assert_false(wire_decode_block(block_of(BLOCK_TX_MAX + 1), &block));
}

static void a_transaction_in_a_block_has_at_most_128_kib(void **state)
{
    (void)state;
    txs_set(1, TX_SIZE_MAX);
    assert_true(wire_decode_block(block_of(1), &block));
    txs_set(1, TX_SIZE_MAX + 1);
    assert_false(wire_decode_block(block_of(1), &block));
}

static void a_block_has_at_most_4_mib(void **state)
{
    (void)state;
    const uint32_t count = 40;
    txs_set(count, 100000);
    const size_t room = BLOCK_SIZE_MAX - block_of(count).size;
    txs_set(count, 100000 + room / count);
    txs[0].size += room % count;
    assert_int_equal(block_of(count).size, BLOCK_SIZE_MAX);
    assert_true(wire_decode_block(block_of(count), &block));
    txs[0].size++;
    assert_false(wire_decode_block(block_of(count), &block));
}

static bool proposal_reads(size_t block_size)
{
    struct wire_proposal proposal = {.block = bytes_of(zeros, block_size)};
    struct wire_writer writer = begin();
    proposal.proposal.rest.version = PROPOSAL_VERSION;
    wire_write_proposal(&writer, &proposal);
    return wire_decode_proposal(end(&writer), &proposal);
}

static void a_proposal_carries_at_most_4_mib(void **state)
{
    (void)state;
    assert_true(proposal_reads(BLOCK_SIZE_MAX));
    assert_false(proposal_reads(BLOCK_SIZE_MAX + 1));
}

/* A transaction whose body is one bin of filler bytes. */
static struct bytes tx_of(uint32_t type, size_t filler)
{
    static uint8_t body[TX_SIZE_MAX + 16];
    struct tx tx = {.version = TX_VERSION, .type = type};
    struct bytes payload_bytes = {0};
    struct wire_writer writer;
    wire_writer_init(&writer, body, sizeof(body));
    wire_write_array(&writer, 1);
    wire_write_bin(&writer, bytes_of(zeros, filler));
    assert_true(wire_writer_end(&writer, &tx.body));
    wire_writer_init(&writer, payload, sizeof(payload));
    wire_write_tx_payload(&writer, &tx);
    assert_true(wire_writer_end(&writer, &payload_bytes));
    writer = begin();
    wire_write_tx(&writer, payload_bytes, &tx.signature);
    return end(&writer);
}

/* Exactly size bytes, well above 300, so that the filler's own size has one width. */
static bool tx_reads(uint32_t type, size_t size)
{
    struct tx tx;
    const size_t start = size > 70000 ? 70000 : 300;
    const size_t filler = size - (tx_of(type, start).size - start);
    const struct bytes in = tx_of(type, filler);
    assert_int_equal(in.size, size);
    return wire_decode_tx(in, &tx);
}

static void a_transaction_keeps_the_limit_of_its_type(void **state)
{
    (void)state;
    assert_true(tx_reads(TX_TRANSFER, TX_SIZE_MAX_DEFAULT));
    assert_false(tx_reads(TX_TRANSFER, TX_SIZE_MAX_DEFAULT + 1));
    assert_true(tx_reads(TX_PROGRAM_PART, tx_size_max(TX_PROGRAM_PART)));
    assert_false(tx_reads(TX_PROGRAM_PART, tx_size_max(TX_PROGRAM_PART) + 1));
    assert_true(tx_reads(0x7f, TX_SIZE_MAX));
    assert_false(tx_reads(0x7f, TX_SIZE_MAX + 1));
}

static struct bytes bin_of(size_t size)
{
    struct wire_writer writer = begin();
    wire_write_bin(&writer, bytes_of(zeros, size));
    return end(&writer);
}

static void messages_keep_their_limits(void **state)
{
    (void)state;
    struct bytes view;
    struct wire_txs list;
    assert_true(wire_decode_block_message(bin_of(BLOCK_SIZE_MAX), &view));
    assert_false(wire_decode_block_message(bin_of(BLOCK_SIZE_MAX + 1), &view));
    assert_true(wire_decode_wake(bin_of(TX_SIZE_MAX), &view));
    assert_false(wire_decode_wake(bin_of(TX_SIZE_MAX + 1), &view));
    txs_set(TX_FORWARD_MAX + 1, 1);
    struct wire_writer writer = begin();
    wire_write_txs(&writer, txs, TX_FORWARD_MAX);
    assert_true(wire_decode_txs(end(&writer), &list));
    writer = begin();
    wire_write_txs(&writer, txs, TX_FORWARD_MAX + 1);
    assert_false(wire_decode_txs(end(&writer), &list));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_holds_16384_transactions),
        cmocka_unit_test(a_transaction_in_a_block_has_at_most_128_kib),
        cmocka_unit_test(a_block_has_at_most_4_mib),
        cmocka_unit_test(a_proposal_carries_at_most_4_mib),
        cmocka_unit_test(a_transaction_keeps_the_limit_of_its_type),
        cmocka_unit_test(messages_keep_their_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
