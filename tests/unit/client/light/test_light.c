#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "client/tx/tx.h"
#include "tests/support/fake_node.h"

/* The light client against validators that lie, lag and keep silent. */

struct place {
    struct fake_node *node;
    struct light *light;
    struct key key; /* an account with 5 credits */
};

static void place_open(struct place *place)
{
    struct account account = {.version = 1, .available = 5};
    place->node = fake_open();
    place->light = fake_light(place->node);
    place->key = key_global(GLOBAL_CLOCK);
    place->key = key_account(&(struct address){.bytes = {1}});
    fake_put_record(place->node, &place->key, &record_account, &account);
    for (uint32_t i = 0; i < 40; i++) {
        const struct key other = key_org(i);
        fake_put(place->node, &other, bytes_of("value", 5));
    }
    fake_commit(place->node);
    fake_commit(place->node);
}

static void place_close(struct place *place)
{
    light_close(place->light);
    fake_close(place->node);
}

static void all_fail(struct place *place, enum fake_fault fault)
{
    for (uint32_t i = 0; i < FAKE_VALIDATORS; i++) {
        place->node->faults[i] = fault;
    }
}

static bool read_account(struct place *place, uint64_t *available, struct error *error)
{
    struct account account;
    const bool ok = light_read(place->light, &place->key, &record_account, &account, error);
    *available = ok ? account.available : 0;
    return ok;
}

static void test_values_are_proven(void **state)
{
    struct place place;
    struct error error;
    uint64_t available = 0;
    (void)state;
    place_open(&place);
    assert_true(read_account(&place, &available, &error));
    assert_int_equal(available, 5);
    assert_int_equal(light_tip(place.light)->header.height, 2);
    struct account absent;
    const struct key missing = key_account(&(struct address){.bytes = {2}});
    assert_false(light_read(place.light, &missing, &record_account, &absent, &error));
    assert_int_equal(error.code, EXIT_CODE_NOT_FOUND);
    place_close(&place);
}

/* Each lie alone is passed over, and the honest endpoint is used from then on. */
static void test_liar_is_passed_over(void **state)
{
    static const enum fake_fault lies[] = {FAULT_SILENT, FAULT_VALUE,    FAULT_ABSENT,
                                           FAULT_FEW,    FAULT_GARBAGE,  FAULT_OTHER_KIND,
                                           FAULT_HEADER, FAULT_SIGNATURE};
    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        struct place place;
        struct error error;
        uint64_t available = 0;
        place_open(&place);
        place.node->faults[0] = lies[i];
        assert_true(read_account(&place, &available, &error));
        assert_int_equal(available, 5);
        const uint32_t asked = place.node->asked[0];
        assert_true(read_account(&place, &available, &error));
        assert_int_equal(place.node->asked[0], asked);
        place_close(&place);
    }
}

static void test_lies_of_all_are_refused(void **state)
{
    static const struct {
        enum fake_fault fault;
        enum exit_code code;
    } rows[] = {
        {FAULT_SILENT, EXIT_CODE_UNREACHABLE}, {FAULT_VALUE, EXIT_CODE_VERIFY},
        {FAULT_ABSENT, EXIT_CODE_VERIFY},      {FAULT_FEW, EXIT_CODE_VERIFY},
        {FAULT_GARBAGE, EXIT_CODE_VERIFY},     {FAULT_OTHER_KIND, EXIT_CODE_VERIFY},
        {FAULT_HEADER, EXIT_CODE_VERIFY},      {FAULT_SIGNATURE, EXIT_CODE_VERIFY},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct place place;
        struct error error;
        uint64_t available = 0;
        place_open(&place);
        all_fail(&place, rows[i].fault);
        assert_false(read_account(&place, &available, &error));
        assert_int_equal(error.code, rows[i].code);
        place_close(&place);
    }
}

static void test_heights_never_go_back(void **state)
{
    struct place place;
    struct error error;
    (void)state;
    place_open(&place);
    assert_true(light_refresh(place.light, &error));
    all_fail(&place, FAULT_OLD);
    assert_false(light_refresh(place.light, &error));
    assert_int_equal(error.code, EXIT_CODE_UNREACHABLE);
    assert_int_equal(light_tip(place.light)->header.height, 2);
    place_close(&place);
}

static void test_floor_of_an_earlier_life(void **state)
{
    struct fake_node *node = fake_open();
    struct error error;
    struct light_config config = {.chain_id = node->chain_id,
                                  .validators = node->set,
                                  .endpoint_count = 1,
                                  .floor_height = 5,
                                  .timeout_ms = 200};
    const struct light_port port = fake_port(node);
    struct light *light = light_open(&config, &port);
    (void)state;
    for (int i = 0; i < 4; i++) {
        fake_commit(node);
    }
    assert_false(light_refresh(light, &error));
    assert_int_equal(error.code, EXIT_CODE_UNREACHABLE);
    fake_commit(node);
    assert_true(light_refresh(light, &error));
    light_close(light);
    fake_close(node);
}

static void test_fork_is_told(void **state)
{
    struct place place;
    struct error error;
    (void)state;
    place_open(&place);
    assert_true(light_refresh(place.light, &error));
    all_fail(&place, FAULT_FORK);
    assert_false(light_refresh(place.light, &error));
    assert_int_equal(error.code, EXIT_CODE_FORK);
    place_close(&place);
}

static void test_other_chain_is_refused(void **state)
{
    struct place place;
    struct error error;
    (void)state;
    place_open(&place);
    struct light_config config = {.validators = place.node->set, .endpoint_count = 1};
    const struct light_port port = fake_port(place.node);
    struct light *other = light_open(&config, &port);
    assert_false(light_refresh(other, &error));
    assert_int_equal(error.code, EXIT_CODE_VERIFY);
    light_close(other);
    config.chain_id = place.node->chain_id;
    config.validators.count = 3;
    other = light_open(&config, &port);
    assert_false(light_refresh(other, &error));
    assert_int_equal(error.code, EXIT_CODE_VERIFY);
    light_close(other);
    place_close(&place);
}

/* 9.3: f + 1 = 2 of 4 must have said so, within ten seconds. */
static void test_freshness(void **state)
{
    struct place place;
    struct error error;
    (void)state;
    place_open(&place);
    assert_false(light_is_fresh(place.light));
    assert_true(light_refresh_fresh(place.light, &error));
    assert_true(light_is_fresh(place.light));
    place.node->now_ms += LIGHT_FRESH_MS;
    assert_true(light_is_fresh(place.light));
    place.node->now_ms += 1;
    assert_false(light_is_fresh(place.light));
    place.node->faults[0] = FAULT_HEAD_HIGH;
    assert_true(light_refresh_fresh(place.light, &error));
    place.node->faults[1] = FAULT_SILENT;
    place.node->faults[2] = FAULT_HEAD_NONCE;
    place.node->now_ms += LIGHT_FRESH_MS + 1;
    assert_false(light_refresh_fresh(place.light, &error));
    assert_int_equal(error.code, EXIT_CODE_UNREACHABLE);
    place_close(&place);
}

static void test_collections(void **state)
{
    enum { COUNT = 130 };
    static struct item items[COUNT];
    struct place place;
    struct error error;
    const struct address owner = {.bytes = {7}};
    const struct bytes view = bytes_of(owner.bytes, ADDRESS_SIZE);
    (void)state;
    place_open(&place);
    struct light_collection io = {
        .collection = COLLECTION_WORKER_LEASES, .owner = view, .items = items, .max = COUNT};
    assert_true(light_read_collection(place.light, &io, &error));
    assert_int_equal(io.count, 0);
    for (uint32_t i = 0; i < COUNT; i++) {
        const struct item item = {.version = 1, .time_ms = 1000 + i};
        const struct key key = key_item(io.collection, view, i);
        fake_put_record(place.node, &key, &record_item, &item);
    }
    const struct counter counter = {.version = 1, .value = COUNT};
    const struct key key = key_count(io.collection, view);
    fake_put_record(place.node, &key, &record_counter, &counter);
    fake_commit(place.node);
    assert_true(light_read_collection(place.light, &io, &error));
    assert_int_equal(io.count, COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_int_equal(items[i].time_ms, 1000 + i);
    }
    io.from = COUNT - 3; /* the newest alone */
    assert_true(light_read_collection(place.light, &io, &error));
    assert_int_equal(io.count, COUNT);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(items[i].time_ms, 1000 + io.from + i);
    }
    place_close(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_are_proven),
        cmocka_unit_test(test_liar_is_passed_over),
        cmocka_unit_test(test_lies_of_all_are_refused),
        cmocka_unit_test(test_heights_never_go_back),
        cmocka_unit_test(test_floor_of_an_earlier_life),
        cmocka_unit_test(test_fork_is_told),
        cmocka_unit_test(test_other_chain_is_refused),
        cmocka_unit_test(test_freshness),
        cmocka_unit_test(test_collections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
