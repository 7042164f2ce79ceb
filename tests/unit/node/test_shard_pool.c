#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "node/shard/coder.h"
#include "node/shard/pool.h"

enum { BLOCK_SIZE = 5000, N = 7, SELF = 3, LEADER = 1 };

static struct shard_pool pool;
static uint8_t block[BLOCK_SIZE];
static struct coder_job coded;
static struct proposal proposal;
static struct hash hash;

static int set_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < BLOCK_SIZE; i++) {
        block[i] = (uint8_t)(i * 7 >> 2);
    }
    memset(&coded, 0, sizeof(coded));
    assert_true(shard_code_derive(N, BLOCK_SIZE, &coded.code));
    coded.kind = CODER_ENCODE;
    coded.block = bytes_of(block, BLOCK_SIZE);
    coded.room = malloc(shard_room(&coded.code));
    assert_non_null(coded.room);
    coder_run(&coded);
    assert_int_equal(coded.verdict, SHARD_AVAILABLE);
    memset(&proposal, 0, sizeof(proposal));
    proposal.light.view = 10;
    proposal.rest.leader = LEADER;
    proposal.rest.da_root = coded.root;
    memset(&hash, 0x33, sizeof(hash));
    shard_pool_init(&pool);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    shard_pool_clear(&pool);
    free(coded.room);
    return 0;
}

static struct shard_set *open_view(uint64_t epoch, uint64_t view, uint8_t name)
{
    proposal.light.epoch = epoch;
    proposal.light.view = view;
    memset(&hash, name, sizeof(hash));
    return shard_pool_open(&pool, &proposal, &hash, &coded.code);
}

static enum shard_put put(struct shard_set *set, uint32_t from, uint32_t index, bool spoil)
{
    static uint8_t copy[BLOCK_SIZE];
    struct crypto_path path;
    shard_prove(&coded.code, &coded.leaves, index, &path);
    memcpy(copy, coded.room + (size_t)index * coded.code.shard_size, coded.code.shard_size);
    copy[5] ^= spoil ? 1 : 0;
    const struct shard_offer offer = {
        .from = from,
        .index = index,
        .path = bytes_of(path.siblings[0].bytes, (size_t)path.size * HASH_SIZE),
        .shard = bytes_of(copy, coded.code.shard_size)};
    return shard_set_put(set, &offer);
}

/* k shards are enough, one more is not looked at, and the block comes back. */
static void collects(void **state)
{
    (void)state;
    struct shard_set *set = open_view(0, 10, 1);
    struct bytes shard;
    struct crypto_path path;
    assert_non_null(set);
    assert_ptr_equal(shard_pool_find(&pool, &hash), set);
    assert_false(shard_set_get(set, SELF, SELF, &shard, &path));
    assert_int_equal(put(set, LEADER, SELF, false), SHARD_PUT_KEPT);
    assert_int_equal(put(set, SELF, SELF, false), SHARD_PUT_KNOWN);
    assert_true(shard_set_get(set, SELF, SELF, &shard, &path));
    assert_true(shard_verify(&set->code, &coded.root, SELF, shard, &path));
    assert_false(shard_set_get(set, 0, SELF, &shard, &path));
    assert_int_equal(put(set, 6, 6, false), SHARD_PUT_KEPT);
    assert_false(shard_set_ready(set));
    assert_int_equal(put(set, 0, 0, false), SHARD_PUT_KEPT);
    assert_true(shard_set_ready(set));
    assert_int_equal(put(set, 5, 5, false), SHARD_PUT_KNOWN);
    struct coder_job job = {
        .kind = CODER_RESTORE, .code = set->code, .root = coded.root, .room = set->room};
    memcpy(job.present, set->present, sizeof(set->present));
    coder_run(&job);
    assert_int_equal(job.verdict, SHARD_AVAILABLE);
    assert_true(bytes_equal(shard_block(&set->code, set->room), coded.block));
    set->leaves = job.leaves;
    set->state = SHARD_SET_WHOLE;
    for (uint32_t i = 0; i < N; i++) {
        assert_true(shard_set_get(set, i, SELF, &shard, &path));
        assert_true(shard_verify(&set->code, &coded.root, i, shard, &path));
    }
    assert_false(shard_set_get(set, N, SELF, &shard, &path));
}

/* Who sends one false shard is not heard again; the others are. */
static void liars_are_left_out(void **state)
{
    (void)state;
    struct shard_set *set = open_view(0, 10, 1);
    assert_int_equal(put(set, 5, 5, true), SHARD_PUT_FALSE);
    assert_int_equal(put(set, 5, 5, false), SHARD_PUT_KNOWN);
    assert_int_equal(put(set, 5, SELF, false), SHARD_PUT_KNOWN);
    assert_int_equal(put(set, LEADER, SELF, false), SHARD_PUT_KEPT);
    assert_int_equal(set->have, 1);
    struct shard_offer odd = {.from = 6, .index = N, .shard = bytes_of(block, 64)};
    assert_int_equal(shard_set_put(set, &odd), SHARD_PUT_FALSE);
    odd.from = N;
    assert_int_equal(shard_set_put(set, &odd), SHARD_PUT_KNOWN);
    odd = (struct shard_offer){.from = 4, .index = 4, .path = bytes_of(block, 33)};
    assert_int_equal(shard_set_put(set, &odd), SHARD_PUT_FALSE);
}

/* Two roots a view, SHARD_SET_MAX sets in all; the lowest views give way, and earlier epochs
 * before them. */
static void sets_are_bounded(void **state)
{
    (void)state;
    assert_non_null(open_view(0, 100, 1));
    assert_non_null(open_view(0, 100, 2));
    assert_null(open_view(0, 100, 3));
    for (uint32_t i = 0; i < SHARD_SET_MAX - 2; i++) {
        assert_non_null(open_view(0, 101 + i / 2, (uint8_t)(10 + i)));
    }
    assert_null(open_view(0, 99, 90));
    assert_int_equal(pool.refused_count, 2);
    assert_int_equal(pool.evicted_count, 0);
    assert_non_null(open_view(0, 104, 40));
    memset(&hash, 1, sizeof(hash));
    assert_null(shard_pool_find(&pool, &hash));
    assert_int_equal(pool.evicted_count, 1);
    assert_non_null(open_view(1, 1, 50)); /* of the next epoch */
    assert_int_equal(pool.evicted_count, 2);
    shard_pool_forget(&pool, 0, 103);
    uint32_t left = 0;
    for (uint32_t i = 0; i < SHARD_SET_MAX; i++) {
        left += pool.sets[i].state != SHARD_SET_FREE ? 1 : 0;
    }
    assert_int_equal(left, 2);
    shard_pool_forget(&pool, 1, 0);
    memset(&hash, 50, sizeof(hash));
    assert_non_null(shard_pool_find(&pool, &hash));
    memset(&hash, 40, sizeof(hash));
    assert_null(shard_pool_find(&pool, &hash));
}

/* The worker gives back every job once, in order; what it did not do is taken back too. */
static void the_worker(void **state)
{
    (void)state;
    enum { JOBS = 40 };
    struct coder *coder = coder_new();
    struct coder_job *jobs = calloc(JOBS, sizeof(*jobs));
    uint32_t done = 0;
    assert_non_null(coder);
    assert_non_null(jobs);
    for (uint32_t i = 0; i < JOBS; i++) {
        jobs[i].kind = CODER_ENCODE;
        jobs[i].code = coded.code;
        jobs[i].block = coded.block;
        jobs[i].room = malloc(shard_room(&coded.code));
        assert_non_null(jobs[i].room);
        coder_submit(coder, &jobs[i]);
    }
    for (const struct coder_job *job; done < JOBS / 2; done += job != NULL ? 1 : 0) {
        job = coder_take(coder);
        if (job != NULL) {
            assert_ptr_equal(job, &jobs[done]);
            assert_true(hash_equal(&job->root, &coded.root));
        }
    }
    coder_stop(coder);
    for (; done < JOBS; done++) {
        assert_ptr_equal(coder_take(coder), &jobs[done]);
    }
    assert_null(coder_take(coder));
    coder_free(coder);
    for (uint32_t i = 0; i < JOBS; i++) {
        free(jobs[i].room);
    }
    free(jobs);
}

/* Whole copies for few validators and for small blocks. */
static void modes(void **state)
{
    (void)state;
    enum { LINK = 10 << 20 }; /* 80 ms at 1 Gbit/s */
    static const struct {
        uint32_t n, size;
        bool pays;
    } cases[] = {{4, BLOCK_SIZE_MAX, false}, {7, BLOCK_SIZE_MAX, false}, {16, 512 << 10, false},
                 {16, 2 << 20, true},        {100, 64 << 10, false},     {100, 128 << 10, true}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct shard_code code;
        assert_true(shard_code_derive(cases[i].n, cases[i].size, &code));
        assert_int_equal(shard_pays(&code, LINK), cases[i].pays);
        assert_true(shard_pays(&code, 0));
    }
    struct shard_code tiny;
    assert_true(shard_code_derive(100, SHARD_BLOCK_SIZE_MIN - 1, &tiny));
    assert_false(shard_pays(&tiny, 0));
    for (uint32_t n = SHARD_VALIDATORS_MIN; n <= VALIDATOR_COUNT_MAX; n++) {
        assert_true(shard_code_derive(n, BLOCK_SIZE_MAX, &tiny));
        assert_false(shard_pays(&tiny, (uint64_t)1 << 30));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(collects, set_up, tear_down),
        cmocka_unit_test_setup_teardown(liars_are_left_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sets_are_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_worker, set_up, tear_down),
        cmocka_unit_test(modes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
