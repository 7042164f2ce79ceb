#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/fake_node.h"

/* Blocks below the tip, and a client that comes back to a chain that grew or was exchanged. */

enum { HEIGHT = 12 };

struct place {
    struct fake_node *node;
    struct light *light;
    struct error error;
    char path[64];
    char fork[72];
};

/* Two chains with different seeds have other blocks from `common` + 1 on. */
static struct fake_node *chain(uint64_t height, uint64_t common, const char *seed)
{
    const struct key key = key_account(&(struct address){.bytes = {1}});
    struct fake_node *node = fake_open();
    fake_put(node, &key, bytes_of("value", 5));
    for (uint64_t h = 1; h <= height; h++) {
        if (h > common) {
            fake_put(node, &key, bytes_of(seed, strlen(seed)));
        }
        fake_commit(node);
    }
    return node;
}

static void place_open(struct place *place, struct fake_node *node)
{
    memset(place, 0, sizeof *place);
    place->node = node;
    place->light = fake_light(node);
    (void)snprintf(place->path, sizeof place->path, "remember.%ld", (long)getpid());
    (void)snprintf(place->fork, sizeof place->fork, "%s.fork", place->path);
}

/* The client's next life, with another or the same chain. */
static void place_again(struct place *place, struct fake_node *node)
{
    light_close(place->light);
    if (node != place->node) {
        fake_close(place->node);
    }
    place_open(place, node);
}

static void place_close(struct place *place)
{
    (void)unlink(place->path);
    (void)unlink(place->fork);
    light_close(place->light);
    fake_close(place->node);
}

static void all_fail(struct place *place, enum fake_fault fault)
{
    for (uint32_t i = 0; i < FAKE_VALIDATORS; i++) {
        place->node->faults[i] = fault;
    }
}

static bool remember(struct place *place)
{
    return light_remember(place->light, place->path, &place->error);
}

static void test_every_header_is_proven(void **state)
{
    struct place place;
    struct light_tip block;
    (void)state;
    place_open(&place, chain(HEIGHT, HEIGHT, ""));
    for (uint64_t h = 1; h <= HEIGHT; h++) {
        struct light_reply body;
        assert_true(light_header(place.light, h, &block, &place.error));
        assert_true(hash_equal(&block.block_id, &place.node->blocks[h].id));
        assert_int_equal(block.header.height, h);
        assert_true(light_body(place.light, &block, &body, &place.error));
        assert_int_equal(body.size, place.node->blocks[h].body_size);
        free(body.data);
    }
    assert_false(light_header(place.light, HEIGHT + 1, &block, &place.error));
    assert_int_equal(place.error.code, EXIT_CODE_NOT_FOUND);
    assert_false(light_header(place.light, 0, &block, &place.error));
    assert_int_equal(place.error.code, EXIT_CODE_NOT_FOUND);
    place_close(&place);
}

static void test_lies_about_headers_are_refused(void **state)
{
    static const enum fake_fault lies[] = {FAULT_PATH, FAULT_GROWTH, FAULT_EARLIER, FAULT_GARBAGE,
                                           FAULT_OTHER_KIND};
    struct place place;
    struct light_tip block;
    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        place_open(&place, chain(HEIGHT, HEIGHT, ""));
        place.node->faults[0] = lies[i];
        assert_true(light_header(place.light, 7, &block, &place.error));
        all_fail(&place, lies[i]);
        assert_false(light_header(place.light, 7, &block, &place.error));
        assert_int_equal(place.error.code, EXIT_CODE_VERIFY);
        place_close(&place);
    }
}

/* What the consistency proof adds: block 7 stands in its place under a certified tip, but the
 * tip's history begins with other ids than block 7's does. */
static void test_an_exchanged_past_is_refused(void **state)
{
    struct place place;
    struct light_tip block;
    (void)state;
    place_open(&place, chain(7, 7, ""));
    place.node->blocks[2].id.bytes[0] ^= 1;
    while (place.node->height < HEIGHT) {
        fake_commit(place.node);
    }
    assert_false(light_header(place.light, 7, &block, &place.error));
    assert_int_equal(place.error.code, EXIT_CODE_VERIFY);
    assert_true(light_header(place.light, 8, &block, &place.error)); /* the first of the new past */
    place_close(&place);
}

static void test_a_client_comes_back(void **state)
{
    struct place place;
    (void)state;
    struct fake_node *node = chain(3, 3, "");
    place_open(&place, node);
    assert_true(remember(&place));
    assert_true(remember(&place)); /* at the same tip */
    for (int life = 0; life < 5; life++) {
        for (int i = 0; i <= life; i++) {
            fake_commit(node);
        }
        place_again(&place, node);
        assert_true(remember(&place));
        assert_int_equal(light_tip(place.light)->header.height, node->height);
    }
    assert_int_equal(access(place.fork, F_OK), -1);
    place_close(&place);
}

static void test_an_older_chain_is_not_taken(void **state)
{
    struct place place;
    (void)state;
    place_open(&place, chain(HEIGHT, HEIGHT, ""));
    assert_true(remember(&place));
    place_again(&place, chain(HEIGHT - 1, HEIGHT, ""));
    assert_false(remember(&place));
    assert_false(light_refresh(place.light, &place.error));
    assert_int_equal(place.error.code, EXIT_CODE_UNREACHABLE);
    place_close(&place);
}

/* A quorum signed another history: told once the tip is seen, from the next tip on, and from one
 * at the same height; what was remembered stays. */
static void test_another_history_is_a_fork(void **state)
{
    static const uint64_t heights[] = {HEIGHT, HEIGHT + 1, HEIGHT + 9};
    (void)state;
    for (size_t i = 0; i < sizeof heights / sizeof heights[0]; i++) {
        struct place place;
        place_open(&place, chain(HEIGHT, HEIGHT, ""));
        assert_true(remember(&place));
        place_again(&place, chain(heights[i], HEIGHT - 4, "other"));
        assert_false(remember(&place));
        assert_int_equal(place.error.code, EXIT_CODE_FORK);
        assert_int_equal(access(place.fork, R_OK), 0);
        place_again(&place, place.node);
        assert_false(remember(&place));
        assert_int_equal(place.error.code, EXIT_CODE_FORK);
        place_close(&place);
    }
}

static void test_a_chain_without_blocks_is_nothing_to_remember(void **state)
{
    struct place place;
    (void)state;
    place_open(&place, fake_open());
    assert_true(remember(&place));
    assert_int_equal(access(place.path, F_OK), -1);
    place_close(&place);
}

static void test_bad_files_are_refused(void **state)
{
    struct place place;
    (void)state;
    place_open(&place, chain(3, 3, ""));
    assert_true(remember(&place));
    FILE *file = fopen(place.path, "r+b");
    assert_non_null(file);
    assert_int_equal(fputc(0x92, file), 0x92);
    assert_int_equal(fclose(file), 0);
    assert_false(remember(&place));
    assert_int_equal(place.error.code, EXIT_CODE_STORAGE);
    (void)unlink(place.path);
    assert_true(remember(&place));
    struct fake_node *other = fake_open();
    memset(other->chain_id.bytes, 0xC5, HASH_SIZE);
    other->blocks[0].id = other->chain_id;
    fake_commit(other);
    place_again(&place, other);
    assert_false(remember(&place));
    assert_int_equal(place.error.code, EXIT_CODE_WRONG_CHAIN);
    place_close(&place);
}

/* ---- Values of the past ------------------------------------------------------------------ */

/* A chain on which the value of one key is the height. */
static struct fake_node *numbered_chain(void)
{
    const struct key key = key_account(&(struct address){.bytes = {1}});
    struct fake_node *node = fake_open();
    for (uint8_t h = 0; h < HEIGHT; h++) {
        if (h > 2) {
            fake_put(node, &key, bytes_of(&h, 1)); /* after block h */
        }
        fake_commit(node);
    }
    return node;
}

static bool number_at(struct place *place, uint64_t height, uint8_t *out, bool *present)
{
    /* Unsorted, one of them twice: the answer is in this order. */
    const struct key keys[] = {key_account(&(struct address){.bytes = {2}}),
                               key_account(&(struct address){.bytes = {1}}), key_org(5),
                               key_account(&(struct address){.bytes = {1}})};
    struct light_values values;
    light_look_back(place->light, height);
    if (!light_prove(place->light, keys, 4, &values, &place->error)) {
        return false;
    }
    assert_int_equal(values.count, 4);
    assert_int_equal(values.height, height == 0 ? HEIGHT : height + 1);
    assert_false(values.items[0].present || values.items[2].present);
    *present = values.items[1].present;
    assert_int_equal(values.items[3].present, *present);
    if (*present) {
        *out = values.items[1].value.data[0];
        assert_int_equal(values.items[1].value.size, 1);
        assert_int_equal(values.items[3].value.data[0], *out);
    }
    light_values_free(&values);
    return true;
}

static void test_values_of_the_past_are_proven(void **state)
{
    struct place place;
    uint8_t number = 0;
    bool present = false;
    (void)state;
    place_open(&place, numbered_chain());
    for (uint64_t h = 1; h < HEIGHT; h++) {
        assert_true(number_at(&place, h, &number, &present));
        assert_int_equal(present, h > 2);
        assert_true(!present || number == h);
    }
    assert_true(number_at(&place, 0, &number, &present));
    assert_int_equal(number, HEIGHT - 1);
    assert_false(number_at(&place, HEIGHT, &number, &present));
    assert_int_equal(place.error.code, EXIT_CODE_NOT_FOUND);
    place.node->oldest = 5;
    const uint64_t before = place.node->now_ms;
    assert_false(number_at(&place, 4, &number, &present));
    assert_int_equal(place.error.code, EXIT_CODE_NOT_FOUND);
    assert_int_equal(place.node->now_ms, before); /* nobody will know better in a moment */
    assert_true(number_at(&place, 5, &number, &present));
    place_close(&place);
}

static void test_lies_about_the_past_are_refused(void **state)
{
    static const enum fake_fault lies[] = {FAULT_PATH, FAULT_VALUE, FAULT_ABSENT, FAULT_EARLIER,
                                           FAULT_GARBAGE};
    struct place place;
    uint8_t number = 0;
    bool present = false;
    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        place_open(&place, numbered_chain());
        place.node->faults[0] = lies[i];
        assert_true(number_at(&place, 7, &number, &present));
        assert_int_equal(number, 7);
        all_fail(&place, lies[i]);
        assert_false(number_at(&place, 7, &number, &present));
        assert_int_equal(place.error.code, EXIT_CODE_VERIFY);
        place_close(&place);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_header_is_proven),
        cmocka_unit_test(test_lies_about_headers_are_refused),
        cmocka_unit_test(test_an_exchanged_past_is_refused),
        cmocka_unit_test(test_a_client_comes_back),
        cmocka_unit_test(test_an_older_chain_is_not_taken),
        cmocka_unit_test(test_another_history_is_a_fork),
        cmocka_unit_test(test_a_chain_without_blocks_is_nothing_to_remember),
        cmocka_unit_test(test_bad_files_are_refused),
        cmocka_unit_test(test_values_of_the_past_are_proven),
        cmocka_unit_test(test_lies_about_the_past_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
