#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/endian.h"
#include "node/mempool.h"

static struct mempool_entry entry_of(uint32_t number, uint32_t sender, const uint8_t *raw,
                                     size_t size)
{
    struct mempool_entry entry = {.raw = bytes_of(raw, size), .valid_until_ms = number};
    store_le32(entry.digest.bytes, number * 2654435761U);
    store_le32(entry.digest.bytes + 4, number);
    store_le32(entry.sender.bytes, sender);
    entry.seq = number;
    store_le32(entry.id.bytes, number % 3); /* ids may collide in their bucket */
    store_le32(entry.id.bytes + 4, number);
    return entry;
}

static void oldest_comes_first(void **state)
{
    (void)state;
    struct mempool *pool = mempool_new();
    const uint8_t raw[3] = {1, 2, 3};
    for (uint32_t i = 1; i <= 5; i++) {
        const struct mempool_entry entry = entry_of(i, i % 2, raw, sizeof(raw));
        assert_int_equal(mempool_add(pool, &entry), MEMPOOL_ADDED);
        assert_int_equal(mempool_add(pool, &entry), MEMPOOL_DUPLICATE);
    }
    const struct mempool_entry third = entry_of(3, 1, raw, sizeof(raw));
    assert_true(mempool_has_id(pool, &third.id));
    mempool_remove(pool, &third.digest);
    mempool_remove(pool, &third.digest);
    assert_false(mempool_has_id(pool, &third.id));
    const uint64_t expected[] = {1, 2, 4, 5};
    uint32_t cursor = 0;
    uint32_t seen = 0;
    struct mempool_entry out;
    while (mempool_next(pool, &cursor, &out)) {
        assert_int_equal(out.valid_until_ms, expected[seen++]);
        assert_true(bytes_equal(out.raw, bytes_of(raw, sizeof(raw))));
    }
    assert_int_equal(seen, 4);
    assert_int_equal(mempool_size(pool), 12);
    mempool_expire(pool, 4);
    assert_int_equal(mempool_count(pool), 2);
    mempool_free(pool);
}

static void bounds_hold(void **state)
{
    (void)state;
    struct mempool *pool = mempool_new();
    static const uint8_t raw[4096];
    uint32_t added = 0;
    enum mempool_verdict verdict = MEMPOOL_ADDED;
    while (verdict == MEMPOOL_ADDED) {
        const struct mempool_entry entry = entry_of(added + 1, 7, raw, 16);
        verdict = mempool_add(pool, &entry);
        added += verdict == MEMPOOL_ADDED ? 1 : 0;
    }
    assert_int_equal(verdict, MEMPOOL_SENDER_FULL);
    assert_int_equal(added, MEMPOOL_SENDER_TX_MAX);
    for (verdict = MEMPOOL_ADDED; verdict == MEMPOOL_ADDED;) {
        const struct mempool_entry entry = entry_of(added + 1, added, raw, sizeof(raw));
        verdict = mempool_add(pool, &entry);
        added += verdict == MEMPOOL_ADDED ? 1 : 0;
    }
    assert_int_equal(verdict, MEMPOOL_FULL);
    assert_true(mempool_size(pool) <= MEMPOOL_SIZE_MAX);
    assert_true(mempool_size(pool) + sizeof(raw) > MEMPOOL_SIZE_MAX);
    mempool_expire(pool, UINT64_MAX);
    assert_int_equal(mempool_count(pool), 0);
    assert_int_equal(mempool_size(pool), 0);
    const struct mempool_entry again = entry_of(1, 1, raw, 1);
    assert_int_equal(mempool_add(pool, &again), MEMPOOL_ADDED);
    mempool_free(pool);
}

static void expect(struct mempool *pool, const uint64_t *seqs, uint32_t count)
{
    struct mempool_entry out;
    uint32_t cursor = 0;
    uint32_t seen = 0;
    while (mempool_next(pool, &cursor, &out)) {
        assert_true(seen < count);
        assert_int_equal(out.seq, seqs[seen++]);
    }
    assert_int_equal(seen, count);
}

/* Who fills the pool with what has to wait keeps nobody out. */
static void what_is_ready_finds_room(void **state)
{
    (void)state;
    struct mempool *pool = mempool_new();
    static const uint8_t raw[TX_SIZE_MAX];
    uint32_t count = 0;
    for (enum mempool_verdict verdict = MEMPOOL_ADDED; verdict == MEMPOOL_ADDED;) {
        const struct mempool_entry entry = entry_of(count + 1, count % 100, raw, sizeof(raw));
        verdict = mempool_add(pool, &entry);
        if (verdict == MEMPOOL_ADDED) {
            mempool_hold(pool, &entry.digest);
            count++;
        }
    }
    struct mempool_entry late = entry_of(count + 1, 200, raw, sizeof(raw));
    assert_int_equal(mempool_add(pool, &late), MEMPOOL_FULL);
    late.ready = true;
    assert_int_equal(mempool_add(pool, &late), MEMPOOL_ADDED);
    assert_int_equal(mempool_count(pool), count); /* for one of them, the newest */
    expect(pool, &late.seq, 1);
    mempool_window(pool, 1);
    uint32_t cursor = 0;
    uint64_t sum = 0;
    struct mempool_entry out;
    while (mempool_next(pool, &cursor, &out)) {
        sum += out.seq;
    }
    assert_int_equal(sum, (uint64_t)count * (count - 1) / 2 + count + 1);
    mempool_free(pool);
}

static void bytes_of_a_sender_are_bounded(void **state)
{
    (void)state;
    struct mempool *pool = mempool_new();
    static const uint8_t raw[TX_SIZE_MAX];
    uint32_t count = 0;
    for (enum mempool_verdict verdict = MEMPOOL_ADDED; verdict == MEMPOOL_ADDED; count++) {
        const struct mempool_entry entry = entry_of(count + 1, 1, raw, sizeof(raw));
        verdict = mempool_add(pool, &entry);
        assert_int_not_equal(verdict, MEMPOOL_FULL);
    }
    assert_true(mempool_size(pool) <= MEMPOOL_SENDER_SIZE_MAX);
    assert_true(mempool_size(pool) + sizeof(raw) > MEMPOOL_SENDER_SIZE_MAX);
    mempool_free(pool);
}

static void what_is_held_waits_for_its_turn(void **state)
{
    (void)state;
    struct mempool *pool = mempool_new();
    const uint8_t raw[2] = {4, 5};
    struct mempool_entry entries[6];
    for (uint32_t i = 1; i <= 5; i++) {
        entries[i] = entry_of(i, 1, raw, sizeof(raw));
        assert_int_equal(mempool_add(pool, &entries[i]), MEMPOOL_ADDED);
    }
    struct mempool_entry twin = entry_of(9, 1, raw, sizeof(raw)); /* another with number 3 */
    twin.seq = 3;
    assert_int_equal(mempool_add(pool, &twin), MEMPOOL_ADDED);
    mempool_hold(pool, &entries[3].digest);
    mempool_hold(pool, &entries[3].digest);
    mempool_hold(pool, &entries[4].digest);
    mempool_hold(pool, &entries[5].digest);
    expect(pool, (const uint64_t[]){1, 2, 3}, 3);
    assert_int_equal(mempool_count(pool), 6);
    assert_true(mempool_has_id(pool, &entries[4].id));
    /* 1 is final: 2 was not held. 3 is final: both with its number go, 4 comes. */
    mempool_use(pool, &entries[1].sender, 0, 1);
    expect(pool, (const uint64_t[]){2, 3}, 2);
    mempool_use(pool, &entries[1].sender, 1, 3); /* another lane */
    mempool_use(pool, &entries[1].sender, 0, 3);
    expect(pool, (const uint64_t[]){2, 4}, 2);
    mempool_hold(pool, &entries[2].digest);
    mempool_release(pool, &entries[2].sender, 0, 2);
    expect(pool, (const uint64_t[]){4, 2}, 2);
    /* The quota window of before changes nothing, another brings all. */
    mempool_window(pool, 0);
    expect(pool, (const uint64_t[]){4, 2}, 2);
    mempool_window(pool, 7);
    expect(pool, (const uint64_t[]){4, 2, 5}, 3);
    mempool_hold(pool, &entries[2].digest);
    mempool_expire(pool, 5);
    expect(pool, (const uint64_t[]){5}, 1);
    assert_int_equal(mempool_count(pool), 1);
    mempool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(oldest_comes_first),
        cmocka_unit_test(bounds_hold),
        cmocka_unit_test(what_is_ready_finds_room),
        cmocka_unit_test(bytes_of_a_sender_are_bounded),
        cmocka_unit_test(what_is_held_waits_for_its_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
