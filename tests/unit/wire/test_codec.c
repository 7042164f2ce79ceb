#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hex.h"
#include "wire/codec/codec.h"

struct input {
    uint8_t data[64];
    struct bytes bytes;
};

static void input_set(struct input *input, const char *hex)
{
    const size_t size = strlen(hex) / 2;
    assert_true(size <= sizeof(input->data));
    assert_true(hex_decode(hex, input->data, size));
    input->bytes = bytes_of(input->data, size);
}

/* Reads one element of any kind and answers the verdict. */
static enum wire_verdict verdict_of(const char *hex)
{
    struct input input;
    struct wire_reader reader;
    input_set(&input, hex);
    wire_reader_init(&reader, input.bytes);
    const struct bytes span = wire_read_span(&reader);
    if (wire_reader_end(&reader)) {
        assert_true(bytes_equal(span, input.bytes));
    }
    return reader.verdict;
}

static void one_form_of_each_value_is_read(void **state)
{
    (void)state;
    const struct {
        const char *hex;
        enum wire_verdict verdict;
    } cases[] = {
        {"00", WIRE_OK},
        {"7f", WIRE_OK},
        {"cc80", WIRE_OK},
        {"cc7f", WIRE_BAD_FORM},
        {"cd0100", WIRE_OK},
        {"cd00ff", WIRE_BAD_FORM},
        {"ce00010000", WIRE_OK},
        {"ce0000ffff", WIRE_BAD_FORM},
        {"cf0000000100000000", WIRE_OK},
        {"cf00000000ffffffff", WIRE_BAD_FORM},
        {"cfffffffffffffffff", WIRE_OK},
        {"c400", WIRE_OK},
        {"c4010a", WIRE_OK},
        {"c500010a", WIRE_BAD_FORM},
        {"c6000000010a", WIRE_BAD_FORM},
        {"a0", WIRE_OK},
        {"a161", WIRE_OK},
        {"d90161", WIRE_BAD_FORM},
        {"da000161", WIRE_BAD_FORM},
        {"db0000000161", WIRE_BAD_FORM},
        {"90", WIRE_OK},
        {"9201c400", WIRE_OK},
        {"dc000100", WIRE_BAD_FORM},
        {"dd0000000100", WIRE_BAD_FORM},
        {"dc0010000102030405060708090a0b0c0d0e0f", WIRE_OK},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(verdict_of(cases[i].hex), cases[i].verdict);
    }
}

static void foreign_kinds_are_refused(void **state)
{
    (void)state;
    const char *const cases[] = {
        "c0",         "c1",     "c2",         "c3",       "ca00000000", "cb0000000000000000",
        "80",         "810000", "de00010000", "df00",     "d000",       "d10000",
        "d200000000", "ff",     "e0",         "d4000000", "c7000000",   "d8",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(verdict_of(cases[i]), WIRE_BAD_KIND);
    }
}

/* Declared sizes are judged before anything is done with them, and over all open arrays. */
static void declared_sizes_fit_the_bytes_left(void **state)
{
    (void)state;
    const char *const cases[] = {
        "",       "cc",         "cd01",         "c4",         "c402aa", "a261",
        "91",     "9200",       "ddffffffff00", "dc001000",   "929190", /* one left, two owed */
        "9391c4", "c6ffffffff", "dbffffffff",   "9294000000",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(verdict_of(cases[i]), WIRE_BAD_SIZE);
    }
    assert_int_equal(verdict_of("0000"), WIRE_BAD_TRAILING);
    assert_int_equal(verdict_of("910000"), WIRE_BAD_TRAILING);
}

/* One array in another, count deep. */
static enum wire_verdict verdict_of_nest(size_t count)
{
    uint8_t nest[WIRE_DEPTH_MAX + 1];
    struct wire_reader reader;
    memset(nest, 0x91, sizeof(nest));
    nest[count - 1] = 0x90;
    wire_reader_init(&reader, bytes_of(nest, count));
    (void)wire_read_span(&reader);
    assert_true(wire_reader_end(&reader) == (count <= WIRE_DEPTH_MAX));
    return reader.verdict;
}

static void depth_is_bounded(void **state)
{
    (void)state;
    assert_int_equal(verdict_of_nest(WIRE_DEPTH_MAX), WIRE_OK);
    assert_int_equal(verdict_of_nest(WIRE_DEPTH_MAX + 1), WIRE_TOO_DEEP);
}

static void items_are_bounded(void **state)
{
    (void)state;
    struct input input;
    struct wire_reader reader;
    input_set(&input, "93009001"); /* four items */
    wire_reader_init_nodes(&reader, input.bytes, 4);
    assert_int_equal(wire_read_span(&reader).size, 4);
    assert_true(wire_reader_end(&reader));
    wire_reader_init_nodes(&reader, input.bytes, 3);
    assert_int_equal(wire_read_span(&reader).size, 0);
    assert_false(wire_reader_end(&reader));
    assert_int_equal(reader.verdict, WIRE_TOO_MANY);
}

static void text_is_utf8(void **state)
{
    (void)state;
    const struct {
        const char *hex;
        enum wire_verdict verdict;
    } cases[] = {
        {"a2c3a9", WIRE_OK},           {"a3e282ac", WIRE_OK},         {"a4f09f9882", WIRE_OK},
        {"a4f48fbfbf", WIRE_OK},       {"a3ed9fbf", WIRE_OK},         {"a180", WIRE_BAD_UTF8},
        {"a2c080", WIRE_BAD_UTF8},     {"a2c1bf", WIRE_BAD_UTF8},     {"a3e09fbf", WIRE_BAD_UTF8},
        {"a3eda080", WIRE_BAD_UTF8},   {"a4f08fbfbf", WIRE_BAD_UTF8}, {"a4f4908080", WIRE_BAD_UTF8},
        {"a4f5808080", WIRE_BAD_UTF8}, {"a2e282", WIRE_BAD_UTF8},     {"a2c341", WIRE_BAD_UTF8},
        {"a1ff", WIRE_BAD_UTF8},       {"92a1c301", WIRE_BAD_UTF8},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(verdict_of(cases[i].hex), cases[i].verdict);
    }
}

static void the_first_refusal_stays(void **state)
{
    (void)state;
    struct input input;
    struct wire_reader reader;
    uint8_t fixed[2] = {9, 9};
    input_set(&input, "9305c40107a0");
    wire_reader_init(&reader, input.bytes);
    wire_read_array(&reader, 3);
    assert_int_equal(wire_read_u64_max(&reader, 4), 0);
    assert_int_equal(wire_read_bin(&reader, 9).size, 0);
    wire_read_fixed(&reader, fixed, 2);
    assert_int_equal(fixed[0], 0);
    assert_int_equal(wire_peek_kind(&reader), WIRE_NONE);
    assert_int_equal(wire_read_span(&reader).size, 0);
    assert_false(wire_reader_end(&reader));
    assert_int_equal(reader.verdict, WIRE_BAD_RANGE);
    assert_string_equal(wire_verdict_text(reader.verdict), "a value out of range");
}

static void a_decoder_reads_straight_down(void **state)
{
    (void)state;
    struct input input;
    struct wire_reader reader;
    input_set(&input, "9601c4020708a2686992cd012c90cc8000");
    wire_reader_init(&reader, input.bytes);
    wire_read_array(&reader, 6);
    assert_true(wire_read_flag(&reader));
    assert_int_equal(wire_read_bin(&reader, 2).data[1], 8);
    assert_int_equal(wire_read_str(&reader, 2).size, 2);
    assert_int_equal(wire_peek_kind(&reader), WIRE_ARRAY);
    const uint8_t *mark = wire_reader_mark(&reader);
    wire_read_array(&reader, 2);
    assert_int_equal(wire_read_u32(&reader), 300);
    assert_int_equal(wire_read_list(&reader, 5), 0);
    assert_int_equal(wire_reader_since(&reader, mark).size, 5);
    assert_true(wire_read_u64(&reader) == 128);
    assert_false(wire_reader_end(&reader)); /* one item not read */
    assert_int_equal(reader.verdict, WIRE_BAD_COUNT);
}

static void reading_beyond_the_element_is_refused(void **state)
{
    (void)state;
    struct input input;
    struct wire_reader reader;
    input_set(&input, "0101");
    wire_reader_init(&reader, input.bytes);
    assert_int_equal(wire_read_u32(&reader), 1);
    assert_int_equal(wire_read_u32(&reader), 0);
    assert_int_equal(reader.verdict, WIRE_BAD_COUNT);
}

/* Whoever is owed bytes by an open array is not robbed by an item before it: the item itself
 * is refused, before its size is acted on. */
static void an_item_leaves_a_byte_for_every_other(void **state)
{
    (void)state;
    struct input input;
    struct wire_reader reader;
    input_set(&input, "92c402aabb");
    wire_reader_init(&reader, input.bytes);
    wire_read_array(&reader, 2);
    assert_int_equal(wire_read_bin(&reader, 2).size, 0);
    assert_int_equal(reader.verdict, WIRE_BAD_SIZE);
    input_set(&input, "92cd0100");
    wire_reader_init(&reader, input.bytes);
    wire_read_array(&reader, 2);
    assert_int_equal(wire_read_u32(&reader), 0);
    assert_int_equal(reader.verdict, WIRE_BAD_SIZE);
}

static void a_field_bounds_its_sizes_and_counts(void **state)
{
    (void)state;
    const struct {
        const char *hex;
        enum wire_verdict verdict;
    } cases[] = {
        {"93c4020102a26162920000", WIRE_OK},          {"93c403010203a26162920000", WIRE_BAD_RANGE},
        {"93c4020102a3616263920000", WIRE_BAD_RANGE}, {"93c4020102a2616293000000", WIRE_BAD_RANGE},
        {"93c4020102a2ff62920000", WIRE_BAD_UTF8},    {"93c4020102a26162930000", WIRE_BAD_SIZE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct input input;
        struct wire_reader reader;
        input_set(&input, cases[i].hex);
        wire_reader_init(&reader, input.bytes);
        wire_read_array(&reader, 3);
        (void)wire_read_bin(&reader, 2);
        (void)wire_read_str(&reader, 2);
        const uint32_t count = wire_read_list(&reader, 2);
        for (uint32_t j = 0; j < count; j++) {
            (void)wire_read_u64(&reader);
        }
        assert_true(wire_reader_end(&reader) == (cases[i].verdict == WIRE_OK));
        assert_int_equal(reader.verdict, cases[i].verdict);
    }
}

static void writer_picks_the_shortest_form(void **state)
{
    (void)state;
    const struct {
        uint64_t value;
        const char *hex;
    } cases[] = {
        {0, "00"},
        {127, "7f"},
        {128, "cc80"},
        {255, "ccff"},
        {256, "cd0100"},
        {65535, "cdffff"},
        {65536, "ce00010000"},
        {UINT32_MAX, "ceffffffff"},
        {1ULL << 32, "cf0000000100000000"},
        {UINT64_MAX, "cfffffffffffffffff"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t buffer[16];
        char hex[33];
        struct wire_writer writer;
        struct bytes out;
        wire_writer_init(&writer, buffer, sizeof(buffer));
        wire_write_u64(&writer, cases[i].value);
        assert_true(wire_writer_end(&writer, &out));
        hex_encode(out.data, out.size, hex);
        assert_string_equal(hex, cases[i].hex);
    }
}

/* What the writer writes at each border between forms, the reader takes. */
static void sizes_at_the_borders_round_trip(void **state)
{
    (void)state;
    static uint8_t body[65537];
    static uint8_t buffer[65600];
    const size_t sizes[] = {0, 1, 15, 16, 31, 32, 255, 256, 65535, 65536};
    memset(body, 'a', sizeof(body));
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct wire_writer writer;
        struct wire_reader reader;
        struct bytes out;
        wire_writer_init(&writer, buffer, sizeof(buffer));
        wire_write_array(&writer, 2);
        wire_write_bin(&writer, bytes_of(body, i % 2 ? 1 : sizes[i]));
        wire_write_str(&writer, bytes_of(body, i % 2 ? sizes[i] : 1));
        assert_true(wire_writer_end(&writer, &out));
        wire_reader_init(&reader, out);
        wire_read_array(&reader, 2);
        assert_int_equal(wire_read_bin(&reader, 65536).size, i % 2 ? 1 : sizes[i]);
        assert_int_equal(wire_read_str(&reader, 65536).size, i % 2 ? sizes[i] : 1);
        assert_true(wire_reader_end(&reader));
    }
}

static void a_full_writer_measures(void **state)
{
    (void)state;
    uint8_t buffer[4] = {0};
    struct wire_writer writer;
    struct bytes out;
    for (size_t capacity = 0; capacity <= 4; capacity++) {
        memset(buffer, 0xee, sizeof(buffer));
        wire_writer_init(&writer, buffer, capacity);
        wire_write_array(&writer, 1);
        wire_write_bin(&writer, bytes_of("x", 1));
        assert_int_equal(writer.size, 4);
        assert_true(wire_writer_end(&writer, &out) == (capacity == 4));
        assert_true(capacity == 4 || buffer[capacity] == 0xee);
    }
    wire_writer_init(&writer, buffer, sizeof(buffer));
    wire_write_str(&writer, bytes_of("\xff", 1)); /* has no encoding */
    assert_false(wire_writer_end(&writer, &out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_form_of_each_value_is_read),
        cmocka_unit_test(foreign_kinds_are_refused),
        cmocka_unit_test(declared_sizes_fit_the_bytes_left),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(items_are_bounded),
        cmocka_unit_test(text_is_utf8),
        cmocka_unit_test(the_first_refusal_stays),
        cmocka_unit_test(a_decoder_reads_straight_down),
        cmocka_unit_test(reading_beyond_the_element_is_refused),
        cmocka_unit_test(an_item_leaves_a_byte_for_every_other),
        cmocka_unit_test(a_field_bounds_its_sizes_and_counts),
        cmocka_unit_test(writer_picks_the_shortest_form),
        cmocka_unit_test(sizes_at_the_borders_round_trip),
        cmocka_unit_test(a_full_writer_measures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
