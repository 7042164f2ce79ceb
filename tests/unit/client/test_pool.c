#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/pool/pool.h"

enum { ITEMS = 100, BATCHES = 2000, THREADS = 4 };

struct tally {
    _Atomic uint32_t runs[ITEMS];
    _Atomic bool busy[THREADS];
    _Atomic uint32_t faults; /* an item out of range, or two in one lane */
};

static void count_item(void *context, uint32_t item, uint32_t lane)
{
    struct tally *tally = context;
    if (item >= ITEMS || lane >= THREADS || atomic_exchange(&tally->busy[lane], true)) {
        atomic_fetch_add(&tally->faults, 1);
        return;
    }
    atomic_fetch_add(&tally->runs[item], 1);
    atomic_store(&tally->busy[lane], false);
}

static void each_item_once(void **state)
{
    (void)state;
    for (uint32_t threads = 1; threads <= THREADS; threads++) {
        static struct tally tally;
        tally = (struct tally){0};
        struct pool *pool = pool_new(threads);
        assert_non_null(pool);
        assert_int_equal(pool_threads(pool), threads);
        for (uint32_t batch = 0; batch < BATCHES; batch++) {
            const uint32_t count = batch % (ITEMS + 1);
            pool_run(pool, count_item, &tally, count);
            /* Done means done: item count-1 ran once for every batch that had it. */
            if (count != 0) {
                const uint32_t cycles = batch / (ITEMS + 1);
                const uint32_t want = cycles * (ITEMS - count + 1) + 1;
                assert_int_equal(atomic_load(&tally.runs[count - 1]), want);
            }
        }
        assert_int_equal(atomic_load(&tally.faults), 0);
        pool_free(pool);
    }
    pool_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_item_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
