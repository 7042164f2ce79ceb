#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "consensus/guard/guard.h"

/* Four validators, a quorum of others is all three; seven: five of six. */
static void a_quorum_of_others(void **state)
{
    (void)state;
    static const struct {
        uint32_t count, needed;
    } sets[] = {{4, 3}, {5, 4}, {6, 4}, {7, 5}, {10, 7}, {100, 67}};
    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
        struct consensus_guard guard;
        const uint32_t self = sets[i].count / 2;
        consensus_guard_init(&guard, sets[i].count, self);
        uint32_t heard = 0;
        for (uint32_t from = 0; heard < sets[i].needed; from++) {
            assert_false(guard.known);
            assert_false(consensus_guard_ends(&guard, 0, UINT64_MAX / 2));
            consensus_guard_hear(&guard, from, 0, 10 + from);
            consensus_guard_hear(&guard, from, 0, 10 + from); /* twice is once */
            heard += from == self ? 0 : 1;
        }
        assert_true(guard.known);
        assert_int_equal(guard.heard_count, sets[i].needed);
    }
}

/* Above the highest view anybody proves, the view after, and VIEW_AHEAD more. */
static void the_limit(void **state)
{
    (void)state;
    struct consensus_guard guard;
    consensus_guard_init(&guard, 4, 2);
    consensus_guard_hear(&guard, 0, 0, 17);
    consensus_guard_hear(&guard, 1, 0, 20);
    consensus_guard_hear(&guard, 2, 0, 900); /* ourselves */
    consensus_guard_hear(&guard, 4, 0, 900); /* nobody */
    assert_false(guard.known);
    consensus_guard_hear(&guard, 3, 0, 3);
    assert_true(guard.known);
    assert_int_equal(guard.limit, 24);
    consensus_guard_hear(&guard, 0, 0, 500); /* the limit does not run away */
    assert_int_equal(guard.limit, 24);
    assert_false(consensus_guard_ends(&guard, 0, 24));
    assert_true(consensus_guard_ends(&guard, 0, 25));
    consensus_guard_remember(&guard, 0, 30); /* an own vote that came back */
    assert_false(consensus_guard_ends(&guard, 0, 30));
    assert_true(consensus_guard_ends(&guard, 0, 31));
}

/* What was said of an earlier epoch is void; a final block of a later one ends the guard. */
static void epochs(void **state)
{
    (void)state;
    struct consensus_guard guard;
    consensus_guard_init(&guard, 4, 0);
    consensus_guard_hear(&guard, 1, 5, 100);
    consensus_guard_hear(&guard, 2, 5, 100);
    consensus_guard_hear(&guard, 3, 6, 2);
    assert_false(guard.known);
    consensus_guard_hear(&guard, 1, 5, 101);
    consensus_guard_hear(&guard, 2, 5, 101);
    assert_int_equal(guard.heard_count, 1);
    consensus_guard_hear(&guard, 1, 6, 1);
    consensus_guard_hear(&guard, 2, 6, 3);
    assert_true(guard.known);
    assert_false(consensus_guard_ends(&guard, 5, 1000));
    assert_false(consensus_guard_ends(&guard, 6, 7));
    assert_true(consensus_guard_ends(&guard, 6, 8));
    assert_true(consensus_guard_ends(&guard, 7, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quorum_of_others),
        cmocka_unit_test(the_limit),
        cmocka_unit_test(epochs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
