#include "wire/wire_parts.h"

enum {
    MESSAGE_FIELDS = 2,
    GET_CERT_FIELDS = 3,
    GET_CERTS_FIELDS = 3,
    STATUS_FIELDS = 4,
    HAVE_FIELDS = 3
};

STATIC_ASSERT(WIRE_MESSAGE_OVERHEAD + WIRE_PROPOSAL_SIZE_MAX <= (int)FRAME_SIZE_MAX,
              "the largest proposal fits a frame");
STATIC_ASSERT(WIRE_VOTE_LANE_SIZE_MAX <= (int)VOTE_FRAME_SIZE_MAX,
              "the largest STATUS fits a frame of the vote lane");

bool wire_decode_message(struct bytes in, struct wire_message *out)
{
    struct wire_reader reader;
    wire_reader_init(&reader, in);
    wire_read_array(&reader, MESSAGE_FIELDS);
    const uint32_t kind = wire_read_u32_max(&reader, WIRE_MESSAGE_KIND_MAX);
    if (kind < WIRE_PROPOSAL) {
        wire_reader_fail(&reader, WIRE_BAD_RANGE);
    }
    out->kind = (enum wire_message_kind)kind;
    out->body = wire_read_span(&reader);
    return wire_reader_end(&reader);
}

void wire_write_message(struct wire_writer *writer, enum wire_message_kind kind)
{
    wire_write_array(writer, MESSAGE_FIELDS);
    wire_write_u64(writer, kind);
}

bool wire_decode_get_cert(struct bytes in, struct wire_get_cert *out)
{
    struct wire_reader reader;
    wire_reader_init(&reader, in);
    wire_read_array(&reader, GET_CERT_FIELDS);
    out->epoch = wire_read_u64(&reader);
    out->view = wire_read_u64(&reader);
    out->want = (enum wire_want)wire_read_u32_max(&reader, WIRE_WANT_FINALIZE);
    return wire_reader_end(&reader);
}

void wire_write_get_cert(struct wire_writer *writer, const struct wire_get_cert *get)
{
    wire_write_array(writer, GET_CERT_FIELDS);
    wire_write_u64(writer, get->epoch);
    wire_write_u64(writer, get->view);
    wire_write_u64(writer, get->want);
}

bool wire_decode_get_certs(struct bytes in, struct wire_get_certs *out)
{
    struct wire_reader reader;
    wire_reader_init(&reader, in);
    wire_read_array(&reader, GET_CERTS_FIELDS);
    out->epoch = wire_read_u64(&reader);
    out->from_view = wire_read_u64(&reader);
    out->to_view = wire_read_u64(&reader);
    if (out->from_view > out->to_view) {
        wire_reader_fail(&reader, WIRE_BAD_RANGE);
    }
    return wire_reader_end(&reader);
}

void wire_write_get_certs(struct wire_writer *writer, const struct wire_get_certs *get)
{
    wire_write_array(writer, GET_CERTS_FIELDS);
    wire_write_u64(writer, get->epoch);
    wire_write_u64(writer, get->from_view);
    wire_write_u64(writer, get->to_view);
}

bool wire_decode_get_block(struct bytes in, struct hash *proposal)
{
    struct wire_reader reader;
    wire_reader_init(&reader, in);
    wire_read_array(&reader, 1);
    *proposal = wire_read_hash(&reader);
    return wire_reader_end(&reader);
}

void wire_write_get_block(struct wire_writer *writer, const struct hash *proposal)
{
    wire_write_array(writer, 1);
    wire_write_hash(writer, proposal);
}

/* A message that is one bin of 1 .. size_max bytes. */
static bool bin_decode(struct bytes in, size_t size_max, struct bytes *out)
{
    struct wire_reader reader;
    wire_reader_init(&reader, in);
    *out = wire_read_bin(&reader, size_max);
    if (out->size == 0) {
        wire_reader_fail(&reader, WIRE_BAD_RANGE);
    }
    return wire_reader_end(&reader);
}

bool wire_decode_block_message(struct bytes in, struct bytes *block)
{
    return bin_decode(in, BLOCK_SIZE_MAX, block);
}

void wire_write_block_message(struct wire_writer *writer, struct bytes block)
{
    wire_write_bin(writer, block);
}

bool wire_decode_status(struct bytes in, struct wire_status *out)
{
    struct wire_reader reader;
    wire_reader_init(&reader, in);
    wire_read_array(&reader, STATUS_FIELDS);
    out->epoch = wire_read_u64(&reader);
    out->view = wire_read_u64(&reader);
    out->has_last_final = wire_read_certificate_or_none(&reader, &out->last_final);
    if (out->has_last_final && out->last_final.kind != VOTE_FINALIZE) {
        wire_reader_fail(&reader, WIRE_BAD_RANGE);
    }
    out->has_entry = wire_read_certificate_or_none(&reader, &out->entry);
    return wire_reader_end(&reader);
}

static void certificate_or_none_write(struct wire_writer *writer, bool present,
                                      const struct certificate *certificate)
{
    if (present) {
        wire_write_certificate(writer, certificate);
    } else {
        wire_write_array(writer, 0);
    }
}

void wire_write_status(struct wire_writer *writer, const struct wire_status *status)
{
    wire_write_array(writer, STATUS_FIELDS);
    wire_write_u64(writer, status->epoch);
    wire_write_u64(writer, status->view);
    certificate_or_none_write(writer, status->has_last_final, &status->last_final);
    certificate_or_none_write(writer, status->has_entry, &status->entry);
}

bool wire_decode_txs(struct bytes in, struct wire_txs *out)
{
    struct wire_reader reader;
    wire_reader_init(&reader, in);
    wire_read_txs(&reader, out, TX_FORWARD_MAX);
    if (out->count == 0) {
        wire_reader_fail(&reader, WIRE_BAD_RANGE);
    }
    return wire_reader_end(&reader);
}

bool wire_decode_wake(struct bytes in, struct bytes *tx)
{
    return bin_decode(in, TX_SIZE_MAX, tx);
}

void wire_write_wake(struct wire_writer *writer, struct bytes tx)
{
    wire_write_bin(writer, tx);
}

bool wire_decode_have(struct bytes in, struct wire_have *out)
{
    struct wire_reader reader;
    wire_reader_init(&reader, in);
    wire_read_array(&reader, HAVE_FIELDS);
    out->epoch = wire_read_u64(&reader);
    out->view = wire_read_u64(&reader);
    out->kind = (enum vote_kind)wire_read_u32_max(&reader, VOTE_FINALIZE);
    if (out->kind < VOTE_NOTARIZE) {
        wire_reader_fail(&reader, WIRE_BAD_RANGE);
    }
    return wire_reader_end(&reader);
}

void wire_write_have(struct wire_writer *writer, const struct wire_have *have)
{
    wire_write_array(writer, HAVE_FIELDS);
    wire_write_u64(writer, have->epoch);
    wire_write_u64(writer, have->view);
    wire_write_u64(writer, have->kind);
}
