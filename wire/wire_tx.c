#include "wire/wire_parts.h"

enum { TX_FIELDS = 2, PAYLOAD_FIELDS = 8 };

static void payload_read(struct wire_reader *reader, struct tx *out)
{
    wire_read_array(reader, PAYLOAD_FIELDS);
    out->version = wire_read_u32(reader);
    out->chain_id = wire_read_hash(reader);
    out->type = wire_read_u32(reader);
    out->sender = wire_read_address(reader);
    out->lane = wire_read_u32(reader);
    out->seq = wire_read_u64(reader);
    out->valid_until_ms = wire_read_u64(reader);
    if (wire_peek_kind(reader) != WIRE_ARRAY) {
        wire_reader_fail(reader, WIRE_BAD_KIND);
    }
    out->body = wire_read_span(reader);
    if (out->version != TX_VERSION) {
        wire_reader_fail(reader, WIRE_BAD_RANGE);
    }
}

bool wire_decode_tx(struct bytes in, struct tx *out)
{
    struct wire_reader reader;
    wire_reader_init(&reader, in);
    if (in.size > TX_SIZE_MAX) {
        wire_reader_fail(&reader, WIRE_BAD_SIZE);
    }
    wire_read_array(&reader, TX_FIELDS);
    const uint8_t *mark = wire_reader_mark(&reader);
    payload_read(&reader, out);
    out->payload = wire_reader_since(&reader, mark);
    out->signature = wire_read_signature(&reader);
    out->raw = in;
    const uint32_t size_max = tx_size_max(out->type);
    if (size_max != 0 && in.size > size_max) {
        wire_reader_fail(&reader, WIRE_BAD_SIZE);
    }
    return wire_reader_end(&reader);
}

void wire_write_tx_payload(struct wire_writer *writer, const struct tx *tx)
{
    wire_write_array(writer, PAYLOAD_FIELDS);
    wire_write_u64(writer, tx->version);
    wire_write_hash(writer, &tx->chain_id);
    wire_write_u64(writer, tx->type);
    wire_write_address(writer, &tx->sender);
    wire_write_u64(writer, tx->lane);
    wire_write_u64(writer, tx->seq);
    wire_write_u64(writer, tx->valid_until_ms);
    wire_write_raw(writer, tx->body);
}

void wire_write_tx(struct wire_writer *writer, struct bytes payload,
                   const struct signature *signature)
{
    wire_write_array(writer, TX_FIELDS);
    wire_write_raw(writer, payload);
    wire_write_signature(writer, signature);
}

void wire_read_txs(struct wire_reader *reader, struct wire_txs *out, uint32_t count_max)
{
    const uint8_t *mark = wire_reader_mark(reader);
    out->count = wire_read_list(reader, count_max);
    for (uint32_t i = 0; i < out->count && wire_reader_ok(reader); i++) {
        if (wire_read_bin(reader, TX_SIZE_MAX).size == 0) {
            wire_reader_fail(reader, WIRE_BAD_RANGE);
        }
    }
    out->bytes = wire_reader_since(reader, mark);
}

void wire_write_txs(struct wire_writer *writer, const struct bytes *txs, uint32_t count)
{
    wire_write_array(writer, count);
    for (uint32_t i = 0; i < count; i++) {
        wire_write_bin(writer, txs[i]);
    }
}

void wire_txs_begin(struct wire_tx_iterator *iterator, const struct wire_txs *txs)
{
    wire_reader_init_nodes(&iterator->reader, txs->bytes, BLOCK_TX_MAX + 1);
    iterator->left = wire_read_list(&iterator->reader, BLOCK_TX_MAX);
    ASSERT(wire_reader_ok(&iterator->reader) && iterator->left == txs->count);
}

bool wire_txs_next(struct wire_tx_iterator *iterator, struct bytes *tx)
{
    if (iterator->left == 0) {
        return false;
    }
    iterator->left--;
    *tx = wire_read_bin(&iterator->reader, TX_SIZE_MAX);
    return true;
}
