#include "tests/support/wire_objects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/random.h"
#include "tests/support/wire_draw.h"
#include "tests/support/wire_print.h"

enum { OUT_SIZE = FRAME_SIZE_MAX, POOL_SIZE = 1 << 16 };

/* What a writer writes; one result is good until the next call. */
static uint8_t out_buffer[OUT_SIZE];

static struct wire_writer out_begin(void)
{
    struct wire_writer writer;
    wire_writer_init(&writer, out_buffer, sizeof(out_buffer));
    return writer;
}

static struct bytes out_end(const struct wire_writer *writer)
{
    struct bytes out = {0};
    ASSERT(wire_writer_end(writer, &out));
    return out;
}

/* The three functions of an object that is one struct with a reader and a writer:
 * name, its struct, its decoder, writer, printer and drawer. */
/* NOLINTBEGIN(bugprone-macro-parentheses) */
#define OBJECT(name, type, decode, write, print, draw)                                             \
    static struct type name##_value;                                                               \
    static bool name##_recode(struct bytes in, struct bytes *out)                                  \
    {                                                                                              \
        struct wire_writer writer = out_begin();                                                   \
        if (!decode(in, &name##_value)) {                                                          \
            return false;                                                                          \
        }                                                                                          \
        write(&writer, &name##_value);                                                             \
        *out = out_end(&writer);                                                                   \
        return true;                                                                               \
    }                                                                                              \
    static bool name##_print(struct bytes in, struct text *out)                                    \
    {                                                                                              \
        if (!decode(in, &name##_value)) {                                                          \
            return false;                                                                          \
        }                                                                                          \
        print;                                                                                     \
        return true;                                                                               \
    }                                                                                              \
    static struct bytes name##_draw(uint64_t *seed)                                                \
    {                                                                                              \
        struct wire_writer writer = out_begin();                                                   \
        draw(seed, &name##_value);                                                                 \
        write(&writer, &name##_value);                                                             \
        return out_end(&writer);                                                                   \
    }
/* NOLINTEND(bugprone-macro-parentheses) */

OBJECT(header, block_header, wire_decode_header, wire_write_header,
       print_header(out, "", &header_value), draw_header)
OBJECT(light, proposal_light, wire_decode_light, wire_write_light,
       print_light(out, "", &light_value), draw_light)
OBJECT(rest, proposal_rest, wire_decode_rest, wire_write_rest, print_rest(out, "", &rest_value),
       draw_rest)
OBJECT(last_final, finality, wire_decode_last_final, wire_write_last_final,
       print_finality(out, "", &last_final_value), draw_finality)
OBJECT(vote, vote, wire_decode_vote, wire_write_vote, print_vote(out, &vote_value), draw_vote)
OBJECT(certificate, certificate, wire_decode_certificate, wire_write_certificate,
       print_certificate(out, "", &certificate_value), draw_certificate)
OBJECT(validator_set, validator_set, wire_decode_validator_set, wire_write_validator_set,
       print_validator_set(out, &validator_set_value), draw_validator_set)

/* Proposals and blocks */

/* Bytes that drawn objects point to. */
static uint8_t pool[POOL_SIZE];
static struct bytes tx_views[BLOCK_TX_MAX];

static struct bytes pool_draw(uint64_t *seed, size_t size_min, size_t size_max)
{
    const size_t size = size_min + random_below(seed, size_max - size_min + 1);
    const size_t at = random_below(seed, POOL_SIZE - size_max);
    random_fill(seed, pool + at, size < 8 ? size : 8);
    return bytes_of(pool + at, size);
}

static void draw_proposal(uint64_t *seed, struct wire_proposal *out)
{
    draw_light(seed, &out->proposal.light);
    draw_rest(seed, &out->proposal.rest);
    draw_signature(seed, &out->signature);
    out->block = pool_draw(seed, 0, random_below(seed, 8) ? 300 : POOL_SIZE / 2);
}

static void print_proposal(struct text *out, const struct wire_proposal *proposal)
{
    print_light(out, "light.", &proposal->proposal.light);
    print_rest(out, "rest.", &proposal->proposal.rest);
    print_bytes(out, "signature", bytes_of(proposal->signature.bytes, SIGNATURE_SIZE));
    print_bytes(out, "block", proposal->block);
}

OBJECT(proposal, wire_proposal, wire_decode_proposal, wire_write_proposal,
       print_proposal(out, &proposal_value), draw_proposal)

static struct wire_block block_value;

static uint32_t txs_collect(const struct wire_txs *txs)
{
    struct wire_tx_iterator iterator;
    uint32_t count = 0;
    wire_txs_begin(&iterator, txs);
    while (wire_txs_next(&iterator, &tx_views[count])) {
        count++;
    }
    ASSERT(count == txs->count);
    return count;
}

/* From the structs, so that both the exact bytes and the decoded fields are tested. */
static struct bytes block_write(const struct wire_block *block, uint32_t tx_count)
{
    static uint8_t header_buffer[WIRE_HEADER_SIZE_MAX];
    static uint8_t last_final_buffer[WIRE_LAST_FINAL_SIZE_MAX];
    struct wire_block_parts parts = {.txs = tx_views, .tx_count = tx_count};
    struct wire_writer writer;
    wire_writer_init(&writer, header_buffer, sizeof(header_buffer));
    wire_write_header(&writer, &block->header);
    ASSERT(wire_writer_end(&writer, &parts.header_bytes));
    if (block->has_last_final) {
        wire_writer_init(&writer, last_final_buffer, sizeof(last_final_buffer));
        wire_write_last_final(&writer, &block->last_final);
        ASSERT(wire_writer_end(&writer, &parts.last_final_bytes));
    }
    writer = out_begin();
    wire_write_block(&writer, &parts);
    return out_end(&writer);
}

static bool block_recode(struct bytes in, struct bytes *out)
{
    if (!wire_decode_block(in, &block_value)) {
        return false;
    }
    *out = block_write(&block_value, txs_collect(&block_value.txs));
    return true;
}

static bool block_print(struct bytes in, struct text *out)
{
    if (!wire_decode_block(in, &block_value)) {
        return false;
    }
    print_header(out, "header.", &block_value.header);
    if (block_value.has_last_final) {
        print_finality(out, "last_final.", &block_value.last_final);
    }
    print_txs(out, &block_value.txs);
    return true;
}

static uint32_t draw_txs(uint64_t *seed, uint32_t count_min)
{
    const uint32_t count = count_min + (uint32_t)random_below(seed, 20);
    for (uint32_t i = 0; i < count; i++) {
        tx_views[i] = pool_draw(seed, 1, 300);
    }
    return count;
}

static struct bytes block_draw(uint64_t *seed)
{
    draw_header(seed, &block_value.header);
    block_value.has_last_final = random_below(seed, 2) == 1;
    if (block_value.has_last_final) {
        draw_hash(seed, &block_value.header.last_cert_hash);
        draw_finality(seed, &block_value.last_final);
    }
    return block_write(&block_value, draw_txs(seed, 0));
}

/* Transactions and results */

static struct tx tx_value;

static bool tx_recode(struct bytes in, struct bytes *out)
{
    static uint8_t payload[TX_SIZE_MAX];
    struct bytes payload_bytes = {0};
    struct wire_writer writer;
    if (!wire_decode_tx(in, &tx_value)) {
        return false;
    }
    ASSERT(bytes_equal(tx_value.raw, in));
    wire_writer_init(&writer, payload, sizeof(payload));
    wire_write_tx_payload(&writer, &tx_value);
    ASSERT(wire_writer_end(&writer, &payload_bytes));
    ASSERT(bytes_equal(payload_bytes, tx_value.payload));
    writer = out_begin();
    wire_write_tx(&writer, payload_bytes, &tx_value.signature);
    *out = out_end(&writer);
    return true;
}

static bool tx_print(struct bytes in, struct text *out)
{
    if (!wire_decode_tx(in, &tx_value)) {
        return false;
    }
    print_tx(out, &tx_value);
    return true;
}

static struct bytes tx_draw(uint64_t *seed)
{
    const uint32_t types[] = {TX_NOP, TX_TRANSFER, TX_PROGRAM_PART, 0x7f, UINT32_MAX};
    struct wire_writer writer;
    struct tx tx = {.version = TX_VERSION, .type = types[random_below(seed, 5)]};
    struct bytes payload = {0};
    static uint8_t buffer[TX_SIZE_MAX_DEFAULT];
    draw_hash(seed, &tx.chain_id);
    random_fill(seed, tx.sender.bytes, ADDRESS_SIZE);
    tx.lane = random_below(seed, 2) ? TX_LANE_UNORDERED : (uint32_t)random_below(seed, 3);
    tx.seq = draw_u64(seed);
    tx.valid_until_ms = draw_u64(seed);
    wire_writer_init(&writer, pool, sizeof(pool));
    draw_body(seed, &writer);
    ASSERT(wire_writer_end(&writer, &tx.body) && tx.body.size < 8000);
    wire_writer_init(&writer, buffer, sizeof(buffer));
    wire_write_tx_payload(&writer, &tx);
    ASSERT(wire_writer_end(&writer, &payload));
    draw_signature(seed, &tx.signature);
    writer = out_begin();
    wire_write_tx(&writer, payload, &tx.signature);
    return out_end(&writer);
}

static void draw_result(uint64_t *seed, struct wire_result *out)
{
    struct wire_writer writer;
    const uint32_t events = (uint32_t)random_below(seed, 4);
    out->code = (uint32_t)random_below(seed, 300);
    out->consumed = draw_u64(seed);
    wire_writer_init(&writer, pool, sizeof(pool));
    wire_write_array(&writer, events);
    for (uint32_t i = 0; i < events; i++) {
        wire_write_array(&writer, 2);
        wire_write_u64(&writer, random_below(seed, 1000));
        draw_element(seed, &writer, 2);
    }
    ASSERT(wire_writer_end(&writer, &out->events));
}

static void print_result(struct text *out, const struct wire_result *result)
{
    print_u64(out, "code", result->code);
    print_u64(out, "consumed", result->consumed);
    print_bytes(out, "events", result->events);
}

OBJECT(result, wire_result, wire_decode_result, wire_write_result, print_result(out, &result_value),
       draw_result)

/* Messages */

static void draw_get_cert(uint64_t *seed, struct wire_get_cert *out)
{
    out->epoch = draw_u64(seed);
    out->view = draw_u64(seed);
    out->want = (enum wire_want)random_below(seed, 4);
}

static void print_get_cert(struct text *out, const struct wire_get_cert *get)
{
    print_u64(out, "epoch", get->epoch);
    print_u64(out, "view", get->view);
    print_u64(out, "want", get->want);
}

OBJECT(get_cert, wire_get_cert, wire_decode_get_cert, wire_write_get_cert,
       print_get_cert(out, &get_cert_value), draw_get_cert)

static void draw_get_certs(uint64_t *seed, struct wire_get_certs *out)
{
    out->epoch = draw_u64(seed);
    out->from_view = draw_u64(seed) / 2;
    out->to_view = out->from_view + draw_u64(seed) / 2;
}

static void print_get_certs(struct text *out, const struct wire_get_certs *get)
{
    print_u64(out, "epoch", get->epoch);
    print_u64(out, "from_view", get->from_view);
    print_u64(out, "to_view", get->to_view);
}

OBJECT(get_certs, wire_get_certs, wire_decode_get_certs, wire_write_get_certs,
       print_get_certs(out, &get_certs_value), draw_get_certs)

OBJECT(get_block, hash, wire_decode_get_block, wire_write_get_block,
       print_hash(out, "block_id", &get_block_value), draw_hash)

static void block_message_write(struct wire_writer *writer, const struct bytes *block)
{
    wire_write_block_message(writer, *block);
}

static void wake_write(struct wire_writer *writer, const struct bytes *tx)
{
    wire_write_wake(writer, *tx);
}

static void blob_draw(uint64_t *seed, struct bytes *out)
{
    *out = pool_draw(seed, 1, 400);
}

OBJECT(block_message, bytes, wire_decode_block_message, block_message_write,
       print_bytes(out, "block", block_message_value), blob_draw)
OBJECT(wake, bytes, wire_decode_wake, wake_write, print_bytes(out, "tx", wake_value), blob_draw)

static void draw_shard(uint64_t *seed, struct wire_shard *out)
{
    draw_light(seed, &out->proposal.light);
    do {
        draw_rest(seed, &out->proposal.rest);
    } while (out->proposal.rest.da_mode != DA_SHARD);
    draw_signature(seed, &out->signature);
    out->shard = pool_draw(seed, 1, random_below(seed, 8) ? 300 : POOL_SIZE / 2);
    out->proposal.rest.shard_size = (uint32_t)out->shard.size;
    out->index = (uint32_t)random_below(seed, out->proposal.rest.da_n);
    out->path = bytes_of(pool, random_below(seed, SHARD_PATH_MAX + 1) * HASH_SIZE);
}

static void print_shard(struct text *out, const struct wire_shard *shard)
{
    print_light(out, "light.", &shard->proposal.light);
    print_rest(out, "rest.", &shard->proposal.rest);
    print_bytes(out, "signature", bytes_of(shard->signature.bytes, SIGNATURE_SIZE));
    print_u64(out, "index", shard->index);
    print_bytes(out, "path", shard->path);
    print_bytes(out, "shard", shard->shard);
}

OBJECT(shard, wire_shard, wire_decode_shard, wire_write_shard, print_shard(out, &shard_value),
       draw_shard)
OBJECT(get_shards, hash, wire_decode_get_shards, wire_write_get_shards,
       print_hash(out, "proposal", &get_shards_value), draw_hash)

static void draw_status(uint64_t *seed, struct wire_status *out)
{
    out->epoch = draw_u64(seed);
    out->view = draw_u64(seed);
    out->has_last_final = random_below(seed, 2) == 1;
    out->has_entry = random_below(seed, 2) == 1;
    draw_certificate(seed, &out->last_final);
    draw_certificate(seed, &out->entry);
    out->last_final.kind = VOTE_FINALIZE;
}

static void print_status(struct text *out, const struct wire_status *status)
{
    print_u64(out, "epoch", status->epoch);
    print_u64(out, "view", status->view);
    if (status->has_last_final) {
        print_certificate(out, "last_final.", &status->last_final);
    }
    if (status->has_entry) {
        print_certificate(out, "entry.", &status->entry);
    }
}

OBJECT(status, wire_status, wire_decode_status, wire_write_status, print_status(out, &status_value),
       draw_status)

static void txs_write(struct wire_writer *writer, const struct wire_txs *txs)
{
    wire_write_txs(writer, tx_views, txs->bytes.data ? txs_collect(txs) : txs->count);
}

static void txs_fields_draw(uint64_t *seed, struct wire_txs *out)
{
    *out = (struct wire_txs){.count = draw_txs(seed, 1)};
}

OBJECT(txs, wire_txs, wire_decode_txs, txs_write, print_txs(out, &txs_value), txs_fields_draw)

static void message_write(struct wire_writer *writer, const struct wire_message *message)
{
    wire_write_message(writer, message->kind);
    wire_write_raw(writer, message->body);
}

static void draw_message(uint64_t *seed, struct wire_message *out)
{
    struct wire_writer writer;
    out->kind = (enum wire_message_kind)(WIRE_PROPOSAL + random_below(seed, WIRE_MESSAGE_KIND_MAX));
    wire_writer_init(&writer, pool, sizeof(pool));
    draw_element(seed, &writer, 4);
    ASSERT(wire_writer_end(&writer, &out->body));
}

static void print_message(struct text *out, const struct wire_message *message)
{
    print_u64(out, "kind", message->kind);
    print_bytes(out, "body", message->body);
}

OBJECT(message, wire_message, wire_decode_message, message_write,
       print_message(out, &message_value), draw_message)

static void draw_have(uint64_t *seed, struct wire_have *out)
{
    out->epoch = draw_u64(seed);
    out->view = draw_u64(seed);
    out->kind = (enum vote_kind)(1 + random_below(seed, 3));
}

static void print_have(struct text *out, const struct wire_have *have)
{
    print_u64(out, "epoch", have->epoch);
    print_u64(out, "view", have->view);
    print_u64(out, "kind", have->kind);
}

OBJECT(have, wire_have, wire_decode_have, wire_write_have, print_have(out, &have_value), draw_have)

#define ROW(name)                                                                                  \
    {                                                                                              \
#name, name##_recode, name##_print, name##_draw                                            \
    }

const struct wire_object wire_objects[] = {
    ROW(header),
    ROW(light),
    ROW(rest),
    ROW(last_final),
    ROW(proposal),
    ROW(block),
    ROW(vote),
    ROW(certificate),
    ROW(tx),
    ROW(validator_set),
    ROW(result),
    ROW(message),
    ROW(get_cert),
    ROW(get_certs),
    ROW(get_block),
    ROW(block_message),
    ROW(status),
    ROW(txs),
    ROW(wake),
    ROW(shard),
    ROW(get_shards),
    ROW(have),
    {0},
};

const struct wire_object *wire_object_find(const char *name)
{
    for (const struct wire_object *object = wire_objects; object->name != NULL; object++) {
        if (strcmp(object->name, name) == 0) {
            return object;
        }
    }
    return NULL;
}

void wire_object_check(const char *name, struct bytes in)
{
    const struct wire_object *object = wire_object_find(name);
    struct bytes out;
    ASSERT(object != NULL);
    if (object->recode(in, &out) && !bytes_equal(in, out)) {
        (void)fprintf(stderr, "%s: accepted bytes that are not canonical\n", name);
        abort();
    }
}
