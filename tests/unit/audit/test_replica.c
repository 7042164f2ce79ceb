#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "client/audit/replica.h"
#include "tests/support/toy_ledger.h"

/* The auditor's state in memory beside a model: values and root after every block of puts
 * and removals, and through the growth of table and tree. */

static void expect_same(const struct replica *replica, const struct toy_state *state)
{
    const struct state_view view = replica_view(replica);
    const struct hash root = toy_root(state);
    uint64_t count = 0;
    assert_true(hash_equal(replica_root(replica), &root));
    for (size_t i = 0; i < TOY_KEYS; i++) {
        const struct toy_text key = toy_key(i);
        struct bytes value;
        const bool present = view.get(view.context, toy_bytes(&key), &value);
        assert_int_equal(present, state->versions[i] != 0);
        if (present) {
            const struct toy_text expected = toy_value(i, state->versions[i]);
            assert_true(bytes_equal(value, toy_bytes(&expected)));
            count++;
        }
    }
    assert_int_equal(replica_count(replica), count);
}

static void follows_the_model(void **unused)
{
    (void)unused;
    static struct toy_state state;
    static struct toy_block block;
    struct replica *replica = replica_create();
    assert_non_null(replica);
    expect_same(replica, &state);
    for (uint64_t label = 1; label <= 300; label++) {
        toy_block_make(&state, label, &block);
        assert_true(replica_apply(replica, block.writes));
        expect_same(replica, &state);
    }
    replica_free(replica);
}

/* Far more keys than the table begins with, then none: it is as empty as a new one. */
static void grows_and_empties(void **unused)
{
    (void)unused;
    enum { KEYS = 20000, BATCH = 1000 };
    static char keys[BATCH][16];
    static struct state_write items[BATCH];
    struct replica *replica = replica_create();
    const struct hash empty = *replica_root(replica);
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t first = 0; first < KEYS; first += BATCH) {
            for (uint32_t i = 0; i < BATCH; i++) {
                const int size = snprintf(keys[i], sizeof(keys[i]), "key %06u", first + i);
                items[i] = (struct state_write){.key = bytes_of(keys[i], (size_t)size),
                                                .value = bytes_of(keys[i], i % 7),
                                                .removed = round == 1};
            }
            assert_true(replica_apply(replica, (struct state_writes){items, BATCH}));
            const uint64_t done = first + BATCH;
            assert_int_equal(replica_count(replica), round == 0 ? done : KEYS - done);
            assert_int_equal(hash_equal(replica_root(replica), &empty), round == 1 && done == KEYS);
        }
    }
    replica_free(replica);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_the_model),
        cmocka_unit_test(grows_and_empties),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
