#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wire/api/api.h"

static uint8_t buffer[FRAME_SIZE_MAX];

static struct bytes encode_request(const struct api_request *request)
{
    struct wire_writer writer;
    struct bytes out;
    wire_writer_init(&writer, buffer, sizeof(buffer));
    api_write_request(&writer, request);
    assert_true(wire_writer_end(&writer, &out));
    return out;
}

static struct bytes encode_answer(const struct api_answer *answer)
{
    struct wire_writer writer;
    struct bytes out;
    wire_writer_init(&writer, buffer, sizeof(buffer));
    api_write_answer(&writer, answer);
    assert_true(wire_writer_end(&writer, &out));
    return out;
}

static void every_request_round_trips(void **state)
{
    (void)state;
    static struct api_request in;
    static struct api_request out;
    for (int kind = API_HEAD; kind <= API_KIND_MAX; kind++) {
        memset(&in, 0, sizeof(in));
        in.kind = (enum api_kind)kind;
        in.hash.bytes[3] = 7;
        in.tx = bytes_of("tx", 2);
        in.height = 1234567;
        in.depth = 256;
        in.sender.bytes[19] = 5;
        in.number = 77;
        in.key_count = 2;
        in.keys[0] = bytes_of("a", 1);
        in.keys[1] = bytes_of("bc", 2);
        in.tx_count = 2;
        in.txs[0] = bytes_of("one", 3);
        in.txs[1] = bytes_of("two", 3);
        const struct bytes encoded = encode_request(&in);
        assert_true(api_decode_request(encoded, &out));
        assert_int_equal(out.kind, kind);
        assert_true(kind != API_SUBMIT || bytes_equal(out.tx, in.tx));
        assert_true(kind != API_BLOCK || out.height == in.height);
        assert_true(kind != API_TXS || (out.height == in.height && out.number == in.number &&
                                        address_equal(&out.sender, &in.sender)));
        assert_true(kind != API_HEADER || out.height == in.height);
        assert_true(kind != API_CHUNK || (out.height == in.height && out.depth == in.depth &&
                                          hash_equal(&out.hash, &in.hash)));
        assert_true(kind != API_PROVE ||
                    (bytes_equal(out.keys[1], in.keys[1]) && out.height == in.height));
        assert_true(kind != API_SUBMIT_MANY || bytes_equal(out.txs[1], in.txs[1]));
        assert_true(kind != API_TX || hash_equal(&out.hash, &in.hash));
        for (size_t cut = 0; cut < encoded.size; cut++) {
            assert_false(api_decode_request(bytes_of(encoded.data, cut), &out));
        }
    }
}

static void fill_answer(struct api_answer *in, int kind)
{
    memset(in, 0, sizeof(*in));
    in->kind = (enum api_kind)kind;
    in->code = 5;
    in->text = bytes_of("text", 4);
    in->height = 99;
    in->wall_ms = 1000;
    in->validator = 3;
    in->body = bytes_of("body", 4);
    in->header = bytes_of("header", 6);
    in->last_final = bytes_of("final", 5);
    in->fact_count = 2;
    in->facts[0] = (struct api_fact){.present = true, .value = bytes_of("v", 1)};
    in->proof = bytes_of("p", 1);
    in->code_count = 2;
    in->codes[1] = 70000;
    in->tx_status = API_TX_PROVEN;
    in->index = 4;
    in->path = (struct api_path){.index = 1, .count = 2, .size = 1};
    in->place_count = API_PLACE_MAX;
    in->places[API_PLACE_MAX - 1] = (struct api_place){.height = 3, .number = 4, .id = {{5}}};
    in->growth_size = API_GROWTH_MAX;
    in->growth[API_GROWTH_MAX - 1].bytes[0] = 9;
    in->anchor = (struct api_anchor){.header = bytes_of("h", 1),
                                     .tip_header = bytes_of("t", 1),
                                     .last_final = bytes_of("l", 1),
                                     .path = {.index = 5, .count = 9, .size = 2}};
}

static void every_answer_round_trips(void **state)
{
    (void)state;
    static struct api_answer in;
    static struct api_answer out;
    for (int kind = API_ERROR; kind <= API_KIND_MAX; kind++) {
        fill_answer(&in, kind);
        const struct bytes encoded = encode_answer(&in);
        assert_true(api_decode_answer(encoded, &out));
        assert_int_equal(out.kind, kind);
        assert_true(kind != API_STATUS || bytes_equal(out.text, in.text));
        assert_true(kind != API_SUBMIT_MANY || out.codes[1] == in.codes[1]);
        for (size_t cut = 0; cut < encoded.size; cut++) {
            assert_false(api_decode_answer(bytes_of(encoded.data, cut), &out));
        }
    }
}

static void proofs_and_anchor_survive(void **state)
{
    (void)state;
    static struct api_answer in;
    static struct api_answer out;
    fill_answer(&in, API_PROVE);
    assert_true(api_decode_answer(encode_answer(&in), &out));
    assert_true(out.facts[0].present && bytes_equal(out.facts[0].value, in.facts[0].value));
    assert_false(out.facts[1].present);
    assert_true(bytes_equal(out.proof, in.proof));
    fill_answer(&in, API_TX);
    assert_true(api_decode_answer(encode_answer(&in), &out));
    assert_true(bytes_equal(out.anchor.header, in.anchor.header));
    assert_int_equal(out.anchor.path.count, 9);
    in.kind = API_TXS;
    assert_true(api_decode_answer(encode_answer(&in), &out));
    assert_int_equal(out.place_count, API_PLACE_MAX);
    assert_int_equal(out.places[API_PLACE_MAX - 1].height, 3);
    assert_int_equal(out.places[API_PLACE_MAX - 1].number, 4);
    assert_int_equal(out.places[API_PLACE_MAX - 1].id.bytes[0], 5);
    in.kind = API_HEADER;
    assert_true(api_decode_answer(encode_answer(&in), &out));
    assert_int_equal(out.growth_size, API_GROWTH_MAX);
    assert_int_equal(out.growth[API_GROWTH_MAX - 1].bytes[0], 9);
    assert_int_equal(out.anchor.path.count, 9);
    in.kind = API_TX;
    in.anchor.is_tip = true;
    assert_true(api_decode_answer(encode_answer(&in), &out));
    assert_true(out.anchor.is_tip && bytes_equal(out.anchor.header, in.anchor.tip_header));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_request_round_trips),
        cmocka_unit_test(every_answer_round_trips),
        cmocka_unit_test(proofs_and_anchor_survive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
