#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/checked.h"
#include "base/hex.h"
#include "types/tx.h"
#include "types/validators.h"

/* Every n of the table in docs/protocol-consensus.md 30.2, and where other formulas differ. */
static void quorum_is_the_one_of_k8(void **state)
{
    (void)state;
    const struct {
        uint32_t count;
        uint32_t quorum;
    } cases[] = {{1, 1}, {2, 2}, {3, 3},  {4, 3},   {5, 4},   {6, 4},
                 {7, 5}, {9, 6}, {10, 7}, {16, 11}, {64, 43}, {100, 67}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(validator_quorum(cases[i].count), cases[i].quorum);
    }
}

/* Two quorums share an honest validator, and the honest alone form one. */
static void quorums_intersect_for_every_size(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= VALIDATOR_COUNT_MAX; n++) {
        const uint32_t f = validator_faulty_max(n);
        const uint32_t q = validator_quorum(n);
        assert_true(2 * q - n >= f + 1);
        assert_true(n < 4 || q <= n - f);
    }
}

static void bitmap_counts_what_was_set(void **state)
{
    (void)state;
    struct validator_bitmap bitmap = {0};
    validator_bitmap_set(&bitmap, 0);
    validator_bitmap_set(&bitmap, 9);
    validator_bitmap_set(&bitmap, VALIDATOR_COUNT_MAX - 1);
    assert_true(validator_bitmap_get(&bitmap, 9));
    assert_false(validator_bitmap_get(&bitmap, 8));
    assert_int_equal(validator_bitmap_count(&bitmap), 3);
    assert_int_equal(bitmap.bytes[1], 2);
}

static void checked_arithmetic_reports_overflow(void **state)
{
    (void)state;
    uint64_t out = 7;
    assert_false(checked_add(UINT64_MAX, 1, &out));
    assert_false(checked_sub(0, 1, &out));
    assert_false(checked_mul(UINT64_MAX, 2, &out));
    assert_false(checked_muldiv(UINT64_MAX, 2, 1, &out));
    assert_false(checked_muldiv(1, 1, 0, &out));
    assert_int_equal(out, 7);
    assert_true(checked_muldiv(UINT64_MAX, UINT64_MAX, UINT64_MAX, &out));
    assert_true(out == UINT64_MAX);
}

static void hex_is_strict(void **state)
{
    (void)state;
    uint8_t out[2];
    assert_true(hex_decode("fFa0", out, 2));
    assert_int_equal(out[0], 0xff);
    assert_false(hex_decode("ff", out, 2));
    assert_false(hex_decode("ffa0a", out, 2));
    assert_false(hex_decode("fg00", out, 2));
}

static void tx_table_answers(void **state)
{
    (void)state;
    assert_string_equal(tx_type_name(TX_TRANSFER), "TRANSFER");
    assert_null(tx_type_name(0x7f));
    assert_int_equal(tx_size_max(0x7f), 0);
    assert_int_equal(tx_size_max(TX_NOP), TX_SIZE_MAX_DEFAULT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quorum_is_the_one_of_k8),
        cmocka_unit_test(quorums_intersect_for_every_size),
        cmocka_unit_test(bitmap_counts_what_was_set),
        cmocka_unit_test(checked_arithmetic_reports_overflow),
        cmocka_unit_test(hex_is_strict),
        cmocka_unit_test(tx_table_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
