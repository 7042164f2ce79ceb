#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/index/index.h"
#include "tests/support/directory.h"
#include "wire/wire.h"

/* index.db: what it finds, that it can be lost in any way, and that it never answers for another
 * chain. */

enum { SENDERS = 3, BLOCK_ROOM = 8192, BLOCKS = 40 };

static const struct hash chain_id = {{7}};

struct world {
    struct directory directory;
    struct store *store;
    struct index *index;
    struct index_options options;
    struct error error;
    uint64_t height;
    uint8_t seed; /* other blocks with another one */
};

/* Block h holds h % 4 transactions; number i is of sender (h + i) % SENDERS. */
static uint32_t txs_of(uint64_t height)
{
    return (uint32_t)(height % 4);
}

static struct address sender_of(uint64_t height, uint32_t number)
{
    return (struct address){.bytes = {(uint8_t)(1 + (height + number) % SENDERS)}};
}

static struct bytes tx_make(const struct world *world, uint64_t height, uint32_t number,
                            uint8_t *room, struct hash *id)
{
    static const uint8_t body[] = {0x90};
    const struct signature signature = {{1}};
    struct wire_writer writer;
    struct bytes payload;
    struct bytes raw;
    const struct tx tx = {.version = 1,
                          .chain_id = chain_id,
                          .type = 1,
                          .sender = sender_of(height, number),
                          .seq = height,
                          .valid_until_ms = 1000 + world->seed,
                          .body = bytes_of(body, sizeof(body))};
    wire_writer_init(&writer, room, 256);
    wire_write_tx_payload(&writer, &tx);
    assert_true(wire_writer_end(&writer, &payload));
    crypto_digest(TAG_TX, payload, id);
    wire_writer_init(&writer, room + 256, 512);
    wire_write_tx(&writer, payload, &signature);
    assert_true(wire_writer_end(&writer, &raw));
    return raw;
}

static struct hash id_of(const struct world *world, uint64_t height, uint32_t number)
{
    uint8_t room[768];
    struct hash id;
    (void)tx_make(world, height, number, room, &id);
    return id;
}

static void grow(struct world *world, uint64_t last)
{
    static uint8_t rooms[4][768];
    uint8_t header[WIRE_HEADER_SIZE_MAX];
    uint8_t body[BLOCK_ROOM];
    while (world->height < last) {
        const uint64_t height = ++world->height;
        const struct block_header fields = {
            .version = 1, .chain_id = chain_id, .height = height, .time_ms = height + world->seed};
        struct bytes txs[4];
        struct wire_block_parts parts = {.txs = txs, .tx_count = txs_of(height)};
        struct store_final final = {.height = height};
        struct wire_writer writer;
        struct hash id;
        for (uint32_t i = 0; i < parts.tx_count; i++) {
            txs[i] = tx_make(world, height, i, rooms[i], &id);
        }
        wire_writer_init(&writer, header, sizeof(header));
        wire_write_header(&writer, &fields);
        assert_true(wire_writer_end(&writer, &parts.header_bytes));
        wire_writer_init(&writer, body, sizeof(body));
        wire_write_block(&writer, &parts);
        assert_true(wire_writer_end(&writer, &final.block));
        crypto_digest(TAG_BLOCK_HEADER, parts.header_bytes, &final.block_id);
        assert_true(store_append_final(world->store, &final, 1, &world->error));
    }
}

static void store_begin(struct world *world)
{
    const struct store_options options = {.dir = world->directory.path, .chain_id = chain_id};
    world->options = (struct index_options){.dir = world->directory.path, .chain_id = chain_id};
    assert_true(store_open(&options, &world->store, &world->error));
}

static void begin(struct world *world)
{
    *world = (struct world){.height = 0};
    assert_true(directory_make(&world->directory));
    store_begin(world);
    assert_true(index_open(&world->options, &world->index, &world->error));
}

static void end(struct world *world)
{
    index_close(world->index);
    store_close(world->store);
    directory_remove(&world->directory);
}

static void follow(struct world *world)
{
    bool more = true;
    while (more) {
        assert_true(index_follow(world->index, world->store, &more, &world->error));
    }
}

static void assert_finds_all(struct world *world, uint64_t last)
{
    struct index_place place;
    assert_int_equal(index_height(world->index), last);
    for (uint64_t h = 1; h <= last; h++) {
        for (uint32_t i = 0; i < txs_of(h); i++) {
            const struct hash id = id_of(world, h, i);
            assert_int_equal(index_find(world->index, &id, &place, &world->error), STORE_FOUND);
            assert_int_equal(place.height, h);
            assert_int_equal(place.number, i);
        }
    }
    const struct hash next = id_of(world, last + 1 + (last + 1) % 4 / 4, 0);
    if (txs_of(last + 1) > 0) {
        assert_int_equal(index_find(world->index, &next, &place, &world->error), STORE_ABSENT);
    }
}

static void it_finds_what_final_blocks_hold(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    follow(&world);
    assert_finds_all(&world, 0);
    for (uint64_t last = 7; last <= BLOCKS; last += 11) {
        grow(&world, last);
        follow(&world);
        assert_finds_all(&world, last);
    }
    end(&world);
}

/* Pages of two, from the newest down, give every transaction of the sender once. */
static void a_sender_is_listed_newest_first(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    grow(&world, BLOCKS);
    follow(&world);
    for (uint8_t s = 1; s <= SENDERS + 1; s++) {
        struct index_place places[2];
        struct index_page page = {.sender = {{s}},
                                  .below_height = UINT64_MAX,
                                  .places = places,
                                  .max = sizeof(places) / sizeof(places[0])};
        uint64_t h = BLOCKS + 1;
        uint32_t i = 0;
        do {
            assert_true(index_list(world.index, &page, &world.error));
            for (uint32_t at = 0; at < page.count; at++) {
                struct address sender;
                do { /* the next one down that is this sender's */
                    while (i == 0) {
                        h--;
                        i = txs_of(h);
                    }
                    i--;
                    sender = sender_of(h, i);
                } while (sender.bytes[0] != s);
                const struct hash id = id_of(&world, h, i);
                assert_int_equal(places[at].height, h);
                assert_int_equal(places[at].number, i);
                assert_true(hash_equal(&places[at].id, &id));
                page.below_height = h;
                page.below_number = i;
            }
        } while (page.count > 0);
        assert_true(s > SENDERS ? h == BLOCKS + 1 : h <= 2);
    }
    end(&world);
}

/* Closed and opened it goes on; deleted it is made again. */
static void it_can_be_lost(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    grow(&world, 12);
    follow(&world);
    index_close(world.index);
    assert_true(index_open(&world.options, &world.index, &world.error));
    assert_finds_all(&world, 12);
    assert_int_equal(index_fits(world.index, world.store, &world.error), STORE_FOUND);
    grow(&world, 20);
    follow(&world);
    assert_finds_all(&world, 20);
    index_close(world.index);
    world.index = NULL;
    assert_true(index_remove(world.directory.path, &world.error));
    assert_true(index_remove(world.directory.path, &world.error)); /* nothing there */
    assert_true(index_open(&world.options, &world.index, &world.error));
    assert_int_equal(index_height(world.index), 0);
    follow(&world);
    assert_finds_all(&world, 20);
    end(&world);
}

/* Another history, or a shorter one, in chain.db; and another chain altogether. */
static void it_says_when_it_followed_another_chain(void **state)
{
    struct world world;
    struct world other;
    (void)state;
    begin(&world);
    grow(&world, 9);
    follow(&world);
    begin(&other);
    grow(&other, 8); /* shorter */
    assert_int_equal(index_fits(world.index, other.store, &world.error), STORE_ABSENT);
    other.seed = 1;
    grow(&other, 9); /* another block 9 */
    assert_int_equal(index_fits(world.index, other.store, &world.error), STORE_ABSENT);
    index_close(world.index);
    world.index = NULL;
    world.options.chain_id.bytes[0] = 8;
    assert_false(index_open(&world.options, &world.index, &world.error));
    assert_int_equal(world.error.code, EXIT_CODE_BAD_GENESIS);
    end(&other);
    end(&world);
}

/* A damaged one is refused, not asked. */
static void damage_is_noticed(void **state)
{
    struct world world;
    char path[600];
    (void)state;
    begin(&world);
    grow(&world, 9);
    follow(&world);
    index_close(world.index);
    world.index = NULL;
    (void)snprintf(path, sizeof(path), "%s/index.db/CURRENT", world.directory.path);
    assert_int_equal(unlink(path), 0);
    assert_false(index_open(&world.options, &world.index, &world.error));
    assert_int_equal(world.error.code, EXIT_CODE_CORRUPT);
    world.index = NULL;
    assert_true(index_remove(world.directory.path, &world.error));
    assert_true(index_open(&world.options, &world.index, &world.error));
    follow(&world);
    assert_finds_all(&world, 9);
    end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_finds_what_final_blocks_hold),
        cmocka_unit_test(a_sender_is_listed_newest_first),
        cmocka_unit_test(it_can_be_lost),
        cmocka_unit_test(it_says_when_it_followed_another_chain),
        cmocka_unit_test(damage_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
