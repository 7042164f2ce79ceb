#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/consensus/cluster.h"

/* The good path: what a healthy network of each size does. */

static void check_chain(const struct cluster_node *node)
{
    for (uint32_t i = 0; i < node->final_count; i++) {
        assert_int_equal(node->finals[i].height, i + 1);
    }
}

static void commits(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1, 2, 3, 4, 5, 7, 10};
    for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
        struct cluster *cluster = cluster_make(sizes[k]);
        cluster_start_all(cluster);
        cluster_work_all(cluster, true);
        cluster_run(cluster, 200);
        cluster_work_all(cluster, false);
        cluster_run(cluster, 200);
        for (uint32_t i = 0; i < cluster->n; i++) {
            const struct cluster_node *node = &cluster->nodes[i];
            assert_in_range(node->final_count, 30, 60); /* one every 5 ms: min_block_interval */
            assert_int_equal(node->final_count, cluster->nodes[0].final_count);
            assert_int_equal(node->signed_count[VOTE_NULLIFY], 0);
            assert_true(hash_equal(&node->finals[node->final_count - 1].proposal,
                                   &cluster->nodes[0].finals[node->final_count - 1].proposal));
            check_chain(node);
        }
        cluster_free(cluster);
    }
}

/* 33.4, 33.1: nothing to do, nothing sent, no timer. */
static void idles(void **state)
{
    (void)state;
    struct cluster *cluster = cluster_make(4);
    cluster_start_all(cluster);
    cluster_run(cluster, 60000);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(cluster_view(cluster, i), 1);
        assert_true(cluster->nodes[i].timer_ms == UINT64_MAX);
    }
    cluster_work_all(cluster, true);
    cluster_run(cluster, 50);
    cluster_work_all(cluster, false);
    cluster_run(cluster, 1000);
    const uint64_t view = cluster_view(cluster, 0);
    assert_true(view > 1);
    cluster_run(cluster, 60000);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(cluster_view(cluster, i), view);
        assert_true(cluster->nodes[i].timer_ms == UINT64_MAX);
    }
    cluster_free(cluster);
}

/* A deadline wakes an idle node by itself. */
static void wakes_at_deadline(void **state)
{
    (void)state;
    struct cluster *cluster = cluster_make(4);
    cluster_start_all(cluster);
    for (uint32_t i = 0; i < 4; i++) {
        const struct consensus_event event = {.kind = CONSENSUS_ON_WORK,
                                              .work = {.due_ms = cluster->now_ms + 700}};
        (void)cluster_step(cluster, i, event);
    }
    cluster_run(cluster, 600);
    assert_int_equal(cluster->nodes[0].final_count, 0);
    cluster_run(cluster, 200);
    assert_true(cluster->nodes[0].final_count > 0);
    cluster_free(cluster);
}

static void skips_a_dead_leader(void **state)
{
    (void)state;
    struct cluster *cluster = cluster_make(4);
    cluster_start_all(cluster);
    cluster_stop(cluster, 1);
    cluster_work_all(cluster, true);
    cluster_run(cluster, 10000);
    for (uint32_t i = 0; i < 4; i++) {
        if (i != 1) {
            assert_true(cluster->nodes[i].final_count > 40);
            check_chain(&cluster->nodes[i]);
        }
    }
    cluster_free(cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commits),
        cmocka_unit_test(idles),
        cmocka_unit_test(wakes_at_deadline),
        cmocka_unit_test(skips_a_dead_leader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
