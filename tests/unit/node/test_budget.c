#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/budget.h"

static struct budget budget;

static void tokens_run_out_and_come_back(void **state)
{
    (void)state;
    const struct bytes key = bytes_of("key", 3);
    budget_init(&budget, 5, 2);
    for (int i = 0; i < 5; i++) {
        assert_true(budget_has(&budget, key, 1000));
        assert_true(budget_spend(&budget, key, 1000));
    }
    assert_false(budget_has(&budget, key, 1000));
    assert_false(budget_spend(&budget, key, 1499));
    assert_true(budget_spend(&budget, key, 1500)); /* two a second */
    assert_false(budget_spend(&budget, key, 1501));
    for (int i = 0; i < 5; i++) {
        assert_true(budget_spend(&budget, key, 1000000)); /* never above full */
    }
    assert_false(budget_spend(&budget, key, 1000000));
}

static void asking_costs_nothing(void **state)
{
    (void)state;
    const struct bytes key = bytes_of("key", 3);
    budget_init(&budget, 1, 1);
    for (int i = 0; i < 100; i++) {
        assert_true(budget_has(&budget, key, 5));
    }
    assert_true(budget_spend(&budget, key, 5));
}

static void one_key_leaves_others_alone(void **state)
{
    (void)state;
    budget_init(&budget, 3, 1);
    while (budget_spend(&budget, bytes_of("greedy", 6), 7)) {
    }
    assert_true(budget_has(&budget, bytes_of("other", 5), 7));
}

static void a_clock_that_jumps_far_does_not_overflow(void **state)
{
    (void)state;
    const struct bytes key = bytes_of("key", 3);
    budget_init(&budget, 1000, 1000000);
    while (budget_spend(&budget, key, 1)) {
    }
    assert_true(budget_has(&budget, key, UINT64_MAX / 2));
    assert_true(budget_has(&budget, key, 1)); /* back in time: nothing is lost */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_run_out_and_come_back),
        cmocka_unit_test(asking_costs_nothing),
        cmocka_unit_test(one_key_leaves_others_alone),
        cmocka_unit_test(a_clock_that_jumps_far_does_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
