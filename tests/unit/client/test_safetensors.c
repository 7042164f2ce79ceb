#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/endian.h"
#include "client/safetensors/safetensors.h"

static const uint8_t four[] = {1, 2, 3, 4};
static const uint8_t eight[] = {0, 0, 128, 63, 0, 0, 0, 64};

static struct safetensors sample(void)
{
    static const struct safetensors_tensor tensors[] = {
        {.name = "b.weight",
         .dtype = SAFETENSORS_F32,
         .rank = 2,
         .dims = {1, 2},
         .data = {eight, 8}},
        {.name = "a", .dtype = SAFETENSORS_U8, .rank = 1, .dims = {4}, .data = {four, 4}},
        {.name = "Z", .dtype = SAFETENSORS_I32, .rank = 0, .data = {four, 4}},
    };
    static const struct safetensors_pair pairs[] = {{"round", "7"}, {"job", "a\"b\\c\n"}};
    return (struct safetensors){tensors, 3, pairs, 2};
}

static void canonical(void **state)
{
    (void)state;
    static const char header[] =
        "{\"Z\":{\"data_offsets\":[0,4],\"dtype\":\"I32\",\"shape\":[]},"
        "\"__metadata__\":{\"job\":\"a\\\"b\\\\c\\u000a\",\"round\":\"7\"},"
        "\"a\":{\"data_offsets\":[4,8],\"dtype\":\"U8\",\"shape\":[4]},"
        "\"b.weight\":{\"data_offsets\":[8,16],\"dtype\":\"F32\",\"shape\":[1,2]}}";
    const struct safetensors file = sample();
    uint8_t *bytes = NULL;
    size_t size = 0;
    struct error error;
    assert_true(safetensors_encode(&file, &bytes, &size, &error));
    const uint64_t header_size = load_le64(bytes);
    assert_int_equal(header_size % 8, 0);
    assert_true(header_size - strlen(header) < 8);
    assert_memory_equal(bytes + 8, header, strlen(header));
    for (uint64_t i = strlen(header); i < header_size; i++) {
        assert_int_equal(bytes[8 + i], ' ');
    }
    assert_int_equal(size, 8 + header_size + 16);
    assert_memory_equal(bytes + 8 + header_size, four, 4);
    assert_memory_equal(bytes + 8 + header_size + 8, eight, 8);
    free(bytes);
}

/* The same content in another order gives the same file. */
static void order_free(void **state)
{
    (void)state;
    const struct safetensors file = sample();
    struct safetensors_tensor tensors[3];
    struct safetensors_pair pairs[2];
    for (size_t i = 0; i < 3; i++) {
        tensors[i] = file.tensors[2 - i];
    }
    for (size_t i = 0; i < 2; i++) {
        pairs[i] = file.metadata[1 - i];
    }
    const struct safetensors turned = {tensors, 3, pairs, 2};
    uint8_t *a = NULL;
    uint8_t *b = NULL;
    size_t a_size = 0;
    size_t b_size = 0;
    struct error error;
    assert_true(safetensors_encode(&file, &a, &a_size, &error));
    assert_true(safetensors_encode(&turned, &b, &b_size, &error));
    assert_int_equal(a_size, b_size);
    assert_memory_equal(a, b, a_size);
    free(a);
    free(b);
}

static void file_round_trip(void **state)
{
    (void)state;
    char path[] = "/tmp/test_safetensors.XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    const struct safetensors file = sample();
    struct error error;
    uint8_t *content = NULL;
    assert_true(safetensors_save(path, &file, &error));
    struct safetensors *back = safetensors_load(path, &content, &error);
    assert_non_null(back);
    assert_int_equal(back->tensor_count, 3);
    assert_string_equal(safetensors_meta(back, "job"), "a\"b\\c\n");
    assert_null(safetensors_meta(back, "jo"));
    const struct safetensors_tensor *weight = safetensors_find(back, "b.weight");
    assert_non_null(weight);
    assert_int_equal(weight->rank, 2);
    assert_int_equal(weight->dims[1], 2);
    assert_memory_equal(weight->data.data, eight, 8);
    assert_null(safetensors_find(back, "c"));
    safetensors_free(back);
    free(content);
    assert_int_equal(remove(path), 0);
    assert_null(safetensors_load(path, &content, &error));
    assert_int_equal(error.code, EXIT_CODE_NOT_FOUND);
}

static void writer_refuses(void **state)
{
    (void)state;
    struct safetensors_tensor tensors[2] = {
        {.name = "a", .dtype = SAFETENSORS_U8, .rank = 1, .dims = {4}, .data = {four, 4}},
        {.name = "a", .dtype = SAFETENSORS_U8, .rank = 1, .dims = {4}, .data = {four, 4}},
    };
    const struct safetensors_pair pairs[2] = {{"k", "1"}, {"k", "2"}};
    uint8_t *bytes = NULL;
    size_t size = 0;
    struct error error;
    const struct safetensors twice = {tensors, 2, NULL, 0};
    assert_false(safetensors_encode(&twice, &bytes, &size, &error));
    const struct safetensors keys = {tensors, 1, pairs, 2};
    assert_false(safetensors_encode(&keys, &bytes, &size, &error));
    tensors[1].name = "__metadata__";
    assert_false(safetensors_encode(&twice, &bytes, &size, &error));
    tensors[1].name = "b";
    tensors[1].dims[0] = 5;
    assert_false(safetensors_encode(&twice, &bytes, &size, &error));
    tensors[1].dims[0] = 4;
    assert_true(safetensors_encode(&twice, &bytes, &size, &error));
    free(bytes);
}

/* header and data_size bytes of data; true if the reader takes it. */
static bool reads(const char *header, size_t data_size)
{
    uint8_t bytes[1024] = {0};
    struct error error = {0};
    const size_t size = strlen(header);
    assert_true(8 + size + data_size <= sizeof bytes);
    store_le64(bytes, size);
    memcpy(bytes + 8, header, size);
    struct safetensors *file = safetensors_decode(bytes_of(bytes, 8 + size + data_size), &error);
    if (file == NULL) {
        assert_int_equal(error.code, EXIT_CODE_VERIFY);
    }
    safetensors_free(file);
    return file != NULL;
}

#define ENTRY(name, type, shape, begin, end)                                                       \
    "\"" name "\":{\"dtype\":\"" type "\",\"shape\":" shape ",\"data_offsets\":[" begin "," end "]}"

static void reader_accepts(void **state)
{
    (void)state;
    assert_true(reads("{}", 0));
    assert_true(reads("{ \"__metadata__\" : {} }   ", 0));
    assert_true(reads("{" ENTRY("a", "U8", "[4]", "0", "4") "}", 4));
    /* Data in another order than the keys, and an empty tensor. */
    assert_true(reads("{" ENTRY("a", "U8", "[4]", "4", "8") "," ENTRY(
                          "b", "F32", "[]", "0", "4") "," ENTRY("c", "I8", "[0,9]", "8", "8") "}",
                      8));
}

static void reader_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t data_size;
    } cases[] = {
        {"", 0},
        {" {}", 0},
        {"[]", 0},
        {"{} x", 0},
        {"{\"a\":1}", 0},
        {"{" ENTRY("a", "U8", "[4]", "0", "4") "}", 3},                    /* cut short */
        {"{" ENTRY("a", "U8", "[4]", "0", "4") "}", 5},                    /* gap at the end */
        {"{" ENTRY("a", "U8", "[4]", "1", "5") "}", 5},                    /* gap at the start */
        {"{" ENTRY("a", "U8", "[4]", "4", "0") "}", 4},                    /* backwards */
        {"{" ENTRY("a", "U8", "[5]", "0", "4") "}", 4},                    /* shape */
        {"{" ENTRY("a", "U8", "[-4]", "0", "4") "}", 4},                   /* negative */
        {"{" ENTRY("a", "U8", "[4.0]", "0", "4") "}", 4},                  /* real */
        {"{" ENTRY("a", "U8", "[4]", "0", "4.0") "}", 4},                  /* real */
        {"{" ENTRY("a", "U8", "4", "0", "4") "}", 4},                      /* no array */
        {"{" ENTRY("a", "U8", "[1,1,1,1,4]", "0", "4") "}", 4},            /* rank 5 */
        {"{" ENTRY("a", "F16", "[2]", "0", "4") "}", 4},                   /* unknown type */
        {"{" ENTRY("", "U8", "[4]", "0", "4") "}", 4},                     /* no name */
        {"{" ENTRY("a", "F32", "[4611686018427387905]", "0", "4") "}", 4}, /* overflow */
        {"{" ENTRY("a", "U8", "[2]", "0", "2") "," ENTRY("a", "U8", "[2]", "2", "4") "}", 4},
        {"{" ENTRY("a", "U8", "[3]", "0", "3") "," ENTRY("b", "U8", "[3]", "1", "4") "}", 4},
        {"{" ENTRY("a", "U8", "[1]", "0", "1") "," ENTRY("b", "U8", "[1]", "3", "4") "}", 4},
        {"{" ENTRY("\xff", "U8", "[4]", "0", "4") "}", 4},      /* no UTF-8 */
        {"{" ENTRY("a\\u0000b", "U8", "[4]", "0", "4") "}", 4}, /* NUL */
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4]}}", 4},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4],\"x\":1}}", 4},
        {"{\"__metadata__\":{\"k\":1}}", 0},
        {"{\"__metadata__\":7}", 0},
        {"{\"__metadata__\":{},\"__metadata__\":{}}", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (reads(cases[i].header, cases[i].data_size)) {
            fail_msg("case %zu was read: %s", i, cases[i].header);
        }
    }
}

static void header_size(void **state)
{
    (void)state;
    uint8_t bytes[16] = {0};
    struct error error;
    assert_null(safetensors_decode(bytes_of(bytes, 7), &error));
    store_le64(bytes, 9);
    assert_null(safetensors_decode(bytes_of(bytes, 16), &error));
    store_le64(bytes, UINT64_MAX);
    assert_null(safetensors_decode(bytes_of(bytes, 16), &error));
    uint8_t *large = calloc(1, 8 + SAFETENSORS_HEADER_SIZE_MAX + 2);
    assert_non_null(large);
    store_le64(large, SAFETENSORS_HEADER_SIZE_MAX + 1);
    assert_null(safetensors_decode(bytes_of(large, 8 + SAFETENSORS_HEADER_SIZE_MAX + 2), &error));
    assert_non_null(strstr(error.detail, "legal size"));
    free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(canonical),       cmocka_unit_test(order_free),
        cmocka_unit_test(file_round_trip), cmocka_unit_test(writer_refuses),
        cmocka_unit_test(reader_accepts),  cmocka_unit_test(reader_refuses),
        cmocka_unit_test(header_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
