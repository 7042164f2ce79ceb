#include "wire/api/api.h"

#include <string.h>

enum { API_BYTES_MAX = FRAME_SIZE_MAX };

/* Items of the largest answer: PROVE with all its keys, TX with two full paths. */
enum { API_NODES_MAX = WIRE_NODES_MAX };

void api_write_request(struct wire_writer *writer, const struct api_request *request)
{
    switch (request->kind) {
    case API_GENESIS:
    case API_FINAL:
    case API_STATUS:
        wire_write_array(writer, 1);
        wire_write_u64(writer, request->kind);
        return;
    case API_HEAD:
    case API_TX:
        wire_write_array(writer, 2);
        wire_write_u64(writer, request->kind);
        wire_write_hash(writer, &request->hash);
        return;
    case API_SUBMIT:
        wire_write_array(writer, 2);
        wire_write_u64(writer, request->kind);
        wire_write_bin(writer, request->tx);
        return;
    case API_SUBMIT_MANY:
        wire_write_array(writer, 2);
        wire_write_u64(writer, request->kind);
        wire_write_array(writer, request->tx_count);
        for (uint32_t i = 0; i < request->tx_count; i++) {
            wire_write_bin(writer, request->txs[i]);
        }
        return;
    case API_BLOCK:
    case API_SNAPSHOT:
    case API_ANCHOR:
    case API_HEADER:
        wire_write_array(writer, 2);
        wire_write_u64(writer, request->kind);
        wire_write_u64(writer, request->height);
        return;
    case API_BOUNDARY:
        wire_write_array(writer, 2);
        wire_write_u64(writer, request->kind);
        wire_write_u64(writer, request->epoch);
        return;
    case API_CHUNK:
        wire_write_array(writer, 4);
        wire_write_u64(writer, request->kind);
        wire_write_u64(writer, request->height);
        wire_write_hash(writer, &request->hash);
        wire_write_u64(writer, request->depth);
        return;
    case API_TXS:
        wire_write_array(writer, 4);
        wire_write_u64(writer, request->kind);
        wire_write_address(writer, &request->sender);
        wire_write_u64(writer, request->height);
        wire_write_u64(writer, request->number);
        return;
    case API_PROVE:
        wire_write_array(writer, 3);
        wire_write_u64(writer, request->kind);
        wire_write_u64(writer, request->height);
        wire_write_array(writer, request->key_count);
        for (uint32_t i = 0; i < request->key_count; i++) {
            wire_write_bin(writer, request->keys[i]);
        }
        return;
    case API_ERROR:
        break;
    }
    UNREACHABLE();
}

/* How many fields each request has, its kind included. */
static uint32_t request_fields(enum api_kind kind)
{
    if (kind == API_GENESIS || kind == API_FINAL || kind == API_STATUS) {
        return 1;
    }
    if (kind == API_PROVE) {
        return 3;
    }
    return kind == API_CHUNK || kind == API_TXS ? 4 : 2;
}

static void read_request(struct wire_reader *r, struct api_request *out)
{
    const uint32_t fields = wire_read_list(r, 4);
    out->kind = (enum api_kind)wire_read_u32_max(r, API_KIND_MAX);
    if (fields != request_fields(out->kind)) {
        wire_reader_fail(r, WIRE_BAD_COUNT);
        return;
    }
    switch (out->kind) {
    case API_GENESIS:
    case API_FINAL:
    case API_STATUS:
        return;
    case API_HEAD:
    case API_TX:
        out->hash = wire_read_hash(r);
        return;
    case API_SUBMIT:
        out->tx = wire_read_bin(r, TX_SIZE_MAX);
        return;
    case API_SUBMIT_MANY:
        out->tx_count = wire_read_list(r, API_SUBMIT_MAX);
        for (uint32_t i = 0; i < out->tx_count; i++) {
            out->txs[i] = wire_read_bin(r, TX_SIZE_MAX);
        }
        return;
    case API_BLOCK:
    case API_SNAPSHOT:
    case API_ANCHOR:
    case API_HEADER:
        out->height = wire_read_u64(r);
        return;
    case API_BOUNDARY:
        out->epoch = wire_read_u64(r);
        return;
    case API_CHUNK:
        out->height = wire_read_u64(r);
        out->hash = wire_read_hash(r);
        out->depth = wire_read_u32_max(r, PROOF_DEPTH_MAX);
        return;
    case API_TXS:
        out->sender = wire_read_address(r);
        out->height = wire_read_u64(r);
        out->number = wire_read_u32(r);
        return;
    case API_PROVE:
        out->height = wire_read_u64(r);
        out->key_count = wire_read_list(r, API_PROVE_KEY_MAX);
        for (uint32_t i = 0; i < out->key_count; i++) {
            out->keys[i] = wire_read_bin(r, STATE_KEY_SIZE_MAX);
        }
        return;
    case API_ERROR:
        break;
    }
    wire_reader_fail(r, WIRE_BAD_RANGE);
}

bool api_decode_request(struct bytes in, struct api_request *out)
{
    struct wire_reader reader;
    memset(out, 0, sizeof(*out));
    wire_reader_init(&reader, in);
    read_request(&reader, out);
    return wire_reader_end(&reader);
}

static void write_path(struct wire_writer *w, const struct api_path *path)
{
    wire_write_array(w, 3);
    wire_write_u64(w, path->index);
    wire_write_u64(w, path->count);
    wire_write_array(w, path->size);
    for (uint32_t i = 0; i < path->size; i++) {
        wire_write_hash(w, &path->siblings[i]);
    }
}

static void read_path(struct wire_reader *r, struct api_path *out)
{
    wire_read_array(r, 3);
    out->index = wire_read_u64(r);
    out->count = wire_read_u64(r);
    out->size = wire_read_list(r, API_PATH_MAX);
    for (uint32_t i = 0; i < out->size; i++) {
        out->siblings[i] = wire_read_hash(r);
    }
}

static void write_anchor(struct wire_writer *w, const struct api_anchor *anchor)
{
    wire_write_array(w, anchor->is_tip ? 2 : 4);
    wire_write_bin(w, anchor->tip_header);
    wire_write_bin(w, anchor->last_final);
    if (!anchor->is_tip) {
        wire_write_bin(w, anchor->header);
        write_path(w, &anchor->path);
    }
}

static void read_anchor(struct wire_reader *r, struct api_anchor *out)
{
    const uint32_t fields = wire_read_list(r, 4);
    out->tip_header = wire_read_bin(r, API_BYTES_MAX);
    out->last_final = wire_read_bin(r, API_BYTES_MAX);
    out->is_tip = fields == 2;
    if (out->is_tip) {
        out->header = out->tip_header;
    } else if (fields == 4) {
        out->header = wire_read_bin(r, API_BYTES_MAX);
        read_path(r, &out->path);
    } else {
        wire_reader_fail(r, WIRE_BAD_COUNT);
    }
}

static void write_growth(struct wire_writer *w, const struct api_answer *answer)
{
    wire_write_array(w, answer->growth_size);
    for (uint32_t i = 0; i < answer->growth_size; i++) {
        wire_write_hash(w, &answer->growth[i]);
    }
}

static void read_growth(struct wire_reader *r, struct api_answer *out)
{
    out->growth_size = wire_read_list(r, API_GROWTH_MAX);
    for (uint32_t i = 0; i < out->growth_size; i++) {
        out->growth[i] = wire_read_hash(r);
    }
}

static void write_places(struct wire_writer *w, const struct api_answer *answer)
{
    wire_write_u64(w, answer->height);
    wire_write_array(w, answer->place_count);
    for (uint32_t i = 0; i < answer->place_count; i++) {
        wire_write_array(w, 3);
        wire_write_u64(w, answer->places[i].height);
        wire_write_u64(w, answer->places[i].number);
        wire_write_hash(w, &answer->places[i].id);
    }
}

static void read_places(struct wire_reader *r, struct api_answer *out)
{
    out->height = wire_read_u64(r);
    out->place_count = wire_read_list(r, API_PLACE_MAX);
    for (uint32_t i = 0; i < out->place_count; i++) {
        wire_read_array(r, 3);
        out->places[i].height = wire_read_u64(r);
        out->places[i].number = wire_read_u32(r);
        out->places[i].id = wire_read_hash(r);
    }
}

static void write_facts(struct wire_writer *w, const struct api_answer *answer)
{
    wire_write_array(w, answer->fact_count);
    for (uint32_t i = 0; i < answer->fact_count; i++) {
        const struct api_fact *fact = &answer->facts[i];
        wire_write_array(w, fact->present ? 1 : 0);
        if (fact->present) {
            wire_write_bin(w, fact->value);
        }
    }
}

static void read_facts(struct wire_reader *r, struct api_answer *out)
{
    out->fact_count = wire_read_list(r, API_PROVE_KEY_MAX);
    for (uint32_t i = 0; i < out->fact_count; i++) {
        struct api_fact *fact = &out->facts[i];
        fact->present = wire_read_list(r, 1) == 1;
        if (fact->present) {
            fact->value = wire_read_bin(r, STATE_VALUE_SIZE_MAX);
        }
    }
}

/* How many fields each answer has, its kind included. */
static uint32_t field_count(const struct api_answer *answer)
{
    switch (answer->kind) {
    case API_ERROR:
    case API_SUBMIT:
    case API_BLOCK:
    case API_FINAL:
    case API_HEADER:
    case API_TXS:
        return 3;
    case API_HEAD:
        return 6;
    case API_GENESIS:
    case API_STATUS:
    case API_SUBMIT_MANY:
    case API_SNAPSHOT:
    case API_ANCHOR:
    case API_CHUNK:
        return 2;
    case API_PROVE:
    case API_BOUNDARY:
        return 4;
    case API_TX:
        return answer->tx_status == API_TX_PROVEN ? 7 : 3;
    }
    UNREACHABLE();
}

static void write_tx_answer(struct wire_writer *w, const struct api_answer *answer)
{
    wire_write_u64(w, answer->tx_status);
    wire_write_u64(w, answer->height);
    if (answer->tx_status == API_TX_PROVEN) {
        wire_write_u64(w, answer->index);
        wire_write_bin(w, answer->body);
        write_path(w, &answer->path);
        write_anchor(w, &answer->anchor);
    }
}

void api_write_answer(struct wire_writer *w, const struct api_answer *answer)
{
    wire_write_array(w, field_count(answer));
    wire_write_u64(w, answer->kind);
    switch (answer->kind) {
    case API_ERROR:
        wire_write_u64(w, answer->code);
        wire_write_str(w, answer->text);
        return;
    case API_HEAD:
        wire_write_u64(w, answer->height);
        wire_write_hash(w, &answer->hash);
        wire_write_u64(w, answer->wall_ms);
        wire_write_u64(w, answer->validator);
        wire_write_signature(w, &answer->signature);
        return;
    case API_GENESIS:
    case API_SNAPSHOT:
    case API_ANCHOR:
    case API_CHUNK:
        wire_write_bin(w, answer->body);
        return;
    case API_STATUS:
        wire_write_str(w, answer->text);
        return;
    case API_SUBMIT:
        wire_write_u64(w, answer->code);
        wire_write_hash(w, &answer->hash);
        return;
    case API_SUBMIT_MANY:
        wire_write_array(w, answer->code_count);
        for (uint32_t i = 0; i < answer->code_count; i++) {
            wire_write_u64(w, answer->codes[i]);
        }
        return;
    case API_FINAL:
        wire_write_bin(w, answer->header);
        wire_write_bin(w, answer->last_final);
        return;
    case API_PROVE:
        write_anchor(w, &answer->anchor);
        write_facts(w, answer);
        wire_write_bin(w, answer->proof);
        return;
    case API_BOUNDARY:
        wire_write_bin(w, answer->header);
        wire_write_bin(w, answer->last_final);
        wire_write_bin(w, answer->body);
        return;
    case API_BLOCK:
        wire_write_bin(w, answer->body);
        wire_write_bin(w, answer->last_final);
        return;
    case API_TX:
        write_tx_answer(w, answer);
        return;
    case API_HEADER:
        write_anchor(w, &answer->anchor);
        write_growth(w, answer);
        return;
    case API_TXS:
        write_places(w, answer);
        return;
    }
    UNREACHABLE();
}

static void read_tx_answer(struct wire_reader *r, struct api_answer *out)
{
    out->tx_status = (enum api_tx_status)wire_read_u32_max(r, API_TX_PROVEN);
    out->height = wire_read_u64(r);
    if (out->tx_status == API_TX_PROVEN) {
        out->index = wire_read_u32(r);
        out->body = wire_read_bin(r, API_BYTES_MAX);
        read_path(r, &out->path);
        read_anchor(r, &out->anchor);
    }
}

static void read_fields(struct wire_reader *r, struct api_answer *out)
{
    switch (out->kind) {
    case API_ERROR:
        out->code = wire_read_u32(r);
        out->text = wire_read_str(r, API_TEXT_MAX);
        return;
    case API_HEAD:
        out->height = wire_read_u64(r);
        out->hash = wire_read_hash(r);
        out->wall_ms = wire_read_u64(r);
        out->validator = wire_read_u32_max(r, VALIDATOR_COUNT_MAX - 1);
        out->signature = wire_read_signature(r);
        return;
    case API_GENESIS:
    case API_SNAPSHOT:
    case API_ANCHOR:
    case API_CHUNK:
        out->body = wire_read_bin(r, API_BYTES_MAX);
        return;
    case API_STATUS:
        out->text = wire_read_str(r, API_TEXT_MAX);
        return;
    case API_SUBMIT:
        out->code = wire_read_u32(r);
        out->hash = wire_read_hash(r);
        return;
    case API_SUBMIT_MANY:
        out->code_count = wire_read_list(r, API_SUBMIT_MAX);
        for (uint32_t i = 0; i < out->code_count; i++) {
            out->codes[i] = wire_read_u32(r);
        }
        return;
    case API_FINAL:
        out->header = wire_read_bin(r, API_BYTES_MAX);
        out->last_final = wire_read_bin(r, API_BYTES_MAX);
        return;
    case API_PROVE:
        read_anchor(r, &out->anchor);
        read_facts(r, out);
        out->proof = wire_read_bin(r, API_BYTES_MAX);
        return;
    case API_BOUNDARY:
        out->header = wire_read_bin(r, API_BYTES_MAX);
        out->last_final = wire_read_bin(r, API_BYTES_MAX);
        out->body = wire_read_bin(r, API_BYTES_MAX);
        return;
    case API_BLOCK:
        out->body = wire_read_bin(r, API_BYTES_MAX);
        out->last_final = wire_read_bin(r, API_BYTES_MAX);
        return;
    case API_TX:
        read_tx_answer(r, out);
        return;
    case API_HEADER:
        read_anchor(r, &out->anchor);
        read_growth(r, out);
        return;
    case API_TXS:
        read_places(r, out);
        return;
    }
    UNREACHABLE();
}

bool api_decode_answer(struct bytes in, struct api_answer *out)
{
    struct wire_reader reader;
    memset(out, 0, sizeof(*out));
    wire_reader_init_nodes(&reader, in, API_NODES_MAX);
    const uint32_t fields = wire_read_list(&reader, 7);
    out->kind = (enum api_kind)wire_read_u32_max(&reader, API_KIND_MAX);
    read_fields(&reader, out);
    if (!wire_reader_end(&reader)) {
        return false;
    }
    return fields == field_count(out);
}

void api_write_head_preimage(struct wire_writer *writer, const struct hash *chain_id,
                             const struct hash *nonce, const struct api_answer *answer)
{
    wire_write_array(writer, 5);
    wire_write_hash(writer, chain_id);
    wire_write_hash(writer, nonce);
    wire_write_u64(writer, answer->height);
    wire_write_hash(writer, &answer->hash);
    wire_write_u64(writer, answer->wall_ms);
}
