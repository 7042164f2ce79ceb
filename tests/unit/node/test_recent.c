#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/endian.h"
#include "node/recent.h"
#include "types/limits.h"

/* Many ids share a bucket: the first four bytes choose it. */
static struct hash id_of(uint32_t number)
{
    struct hash id = {{0}};
    store_le32(id.bytes, number % 7);
    store_le32(id.bytes + 4, number);
    return id;
}

static void what_was_added_is_found(void **state)
{
    (void)state;
    struct recent *recent = recent_new();
    uint64_t height = 0;
    uint32_t index = 0;
    for (uint32_t i = 0; i < 500; i++) {
        const struct hash id = id_of(i);
        assert_false(recent_find(recent, &id, &height, &index));
        recent_add(recent, &id, 1 + i / 10, i % 10);
        assert_true(recent_find(recent, &id, &height, &index));
        assert_int_equal(height, 1 + i / 10);
        assert_int_equal(index, i % 10);
    }
    recent_free(recent);
}

static void a_blocks_tree_stays_until_another_takes_its_place(void **state)
{
    (void)state;
    struct recent *recent = recent_new();
    struct recent_tree *first = recent_tree(recent, 7);
    assert_int_equal(first->leaves, 0);
    first->leaves = 3;
    assert_int_equal(recent_tree(recent, 8)->leaves, 0);
    assert_int_equal(recent_tree(recent, 7)->leaves, 3);
    for (uint64_t height = 9; height <= 16; height++) {
        struct recent_tree *tree = recent_tree(recent, height);
        assert_int_equal(tree->leaves, 0);
        tree->leaves = 1;
    }
    assert_int_equal(recent_tree(recent, 7)->leaves, 0);
    recent_free(recent);
}

static void the_oldest_are_forgotten(void **state)
{
    (void)state;
    enum { EXTRA = 1000 };
    struct recent *recent = recent_new();
    uint64_t height = 0;
    uint32_t index = 0;
    for (uint32_t i = 0; i < RECENT_TX_MAX + EXTRA; i++) {
        struct hash id = id_of(i);
        store_le32(id.bytes, i);
        recent_add(recent, &id, i + 1, 0);
    }
    for (uint32_t i = 0; i < RECENT_TX_MAX + EXTRA; i++) {
        struct hash id = id_of(i);
        store_le32(id.bytes, i);
        assert_int_equal(recent_find(recent, &id, &height, &index), i >= EXTRA);
        assert_true(i < EXTRA || height == i + 1);
    }
    recent_free(recent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_is_found),
        cmocka_unit_test(a_blocks_tree_stays_until_another_takes_its_place),
        cmocka_unit_test(the_oldest_are_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
