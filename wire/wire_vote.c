#include "wire/wire_parts.h"

enum { VOTE_FIELDS = 6, CERTIFICATE_FIELDS = 6, PREIMAGE_FIELDS = 5 };

/* [kind, epoch, view, proposal, ... begin votes and certificates alike. */
struct subject {
    enum vote_kind kind;
    uint64_t epoch;
    uint64_t view;
    struct hash proposal;
};

static struct subject subject_read(struct wire_reader *reader)
{
    struct subject subject;
    subject.kind = (enum vote_kind)wire_read_u32_max(reader, VOTE_FINALIZE);
    subject.epoch = wire_read_u64(reader);
    subject.view = wire_read_u64(reader);
    subject.proposal = wire_read_hash(reader);
    if (subject.kind == VOTE_NULLIFY && !hash_is_zero(&subject.proposal)) {
        wire_reader_fail(reader, WIRE_BAD_RANGE);
    }
    return subject;
}

void wire_read_vote(struct wire_reader *reader, struct vote *out)
{
    wire_read_array(reader, VOTE_FIELDS);
    const struct subject subject = subject_read(reader);
    out->kind = subject.kind;
    out->epoch = subject.epoch;
    out->view = subject.view;
    out->proposal = subject.proposal;
    out->validator = wire_read_u32_max(reader, VALIDATOR_COUNT_MAX - 1);
    out->signature = wire_read_signature(reader);
}

void wire_write_vote(struct wire_writer *writer, const struct vote *vote)
{
    wire_write_array(writer, VOTE_FIELDS);
    wire_write_u64(writer, vote->kind);
    wire_write_u64(writer, vote->epoch);
    wire_write_u64(writer, vote->view);
    wire_write_hash(writer, &vote->proposal);
    wire_write_u64(writer, vote->validator);
    wire_write_signature(writer, &vote->signature);
}

bool wire_decode_vote(struct bytes in, struct vote *out)
{
    struct wire_reader reader;
    wire_reader_init(&reader, in);
    wire_read_vote(&reader, out);
    return wire_reader_end(&reader);
}

static void certificate_fields_read(struct wire_reader *reader, struct certificate *out)
{
    const struct subject subject = subject_read(reader);
    out->kind = subject.kind;
    out->epoch = subject.epoch;
    out->view = subject.view;
    out->proposal = subject.proposal;
    wire_read_signers(reader, (struct wire_signers){.bitmap = &out->signers,
                                                    .count = &out->signature_count,
                                                    .signatures = out->signatures});
    if (out->kind == VOTE_PROPOSE) {
        wire_reader_fail(reader, WIRE_BAD_RANGE);
    }
}

void wire_read_certificate(struct wire_reader *reader, struct certificate *out)
{
    wire_read_array(reader, CERTIFICATE_FIELDS);
    certificate_fields_read(reader, out);
}

bool wire_read_certificate_or_none(struct wire_reader *reader, struct certificate *out)
{
    const uint32_t count = wire_read_list(reader, CERTIFICATE_FIELDS);
    if (count == 0) {
        return false;
    }
    if (count != CERTIFICATE_FIELDS) {
        wire_reader_fail(reader, WIRE_BAD_RANGE);
    }
    certificate_fields_read(reader, out);
    return true;
}

void wire_write_certificate(struct wire_writer *writer, const struct certificate *certificate)
{
    wire_write_array(writer, CERTIFICATE_FIELDS);
    wire_write_u64(writer, certificate->kind);
    wire_write_u64(writer, certificate->epoch);
    wire_write_u64(writer, certificate->view);
    wire_write_hash(writer, &certificate->proposal);
    wire_write_signers(writer, &certificate->signers, certificate->signatures,
                       certificate->signature_count);
}

bool wire_decode_certificate(struct bytes in, struct certificate *out)
{
    struct wire_reader reader;
    wire_reader_init(&reader, in);
    wire_read_certificate(&reader, out);
    return wire_reader_end(&reader);
}

void wire_write_vote_preimage(struct wire_writer *writer, const struct hash *chain_id,
                              const struct hash *set_hash, const struct vote *vote)
{
    wire_write_array(writer, PREIMAGE_FIELDS);
    wire_write_hash(writer, chain_id);
    wire_write_hash(writer, set_hash);
    wire_write_u64(writer, vote->epoch);
    wire_write_u64(writer, vote->view);
    wire_write_hash(writer, &vote->proposal);
}

enum tag wire_vote_tag(enum vote_kind kind)
{
    switch (kind) {
    case VOTE_PROPOSE:
        return TAG_VOTE_PROPOSE;
    case VOTE_NOTARIZE:
        return TAG_VOTE_NOTARIZE;
    case VOTE_NULLIFY:
        return TAG_VOTE_NULLIFY;
    case VOTE_FINALIZE:
        return TAG_VOTE_FINALIZE;
    }
    UNREACHABLE();
}
