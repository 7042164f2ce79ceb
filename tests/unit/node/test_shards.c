#include "tests/unit/node/lone.h"

#include <time.h>

#include "node/shards.h"

/* Validator 0 of four gets shards of a block that the leader of a coming view made; the test plays
 * leader and peers, and has whatever block it likes. */

enum { FILLER_SIZE = 6000 };
enum lie {
    LIE_NONE,
    LIE_CODE_WORD, /* a parity shard that is not that of the content */
    LIE_BLOCK,     /* a code word of another block than block_id names */
    LIE_FIELDS,    /* k is not that of four validators */
};

static struct lone lone;
static struct {
    struct wire_shard message; /* without index, path and shard */
    struct hash hash;
    struct shard_code code;
    struct shard_leaves leaves;
    uint8_t block[FILLER_SIZE + 1000];
    size_t block_size;
    uint8_t room[8 * FILLER_SIZE];
    uint32_t leader;
} made;

static int open_four(void **state)
{
    (void)state;
    lone_open(&lone, 4);
    return 0;
}

static int close_one(void **state)
{
    (void)state;
    lone_close(&lone);
    return 0;
}

static uint64_t foreign_view(uint32_t *leader)
{
    struct consensus_status status;
    consensus_status(lone.d->core, &status);
    *leader = status.leader == 0 ? 1 : status.leader;
    return status.leader == 0 ? status.view + 1 : status.view;
}

static struct wire_writer writer_of(uint8_t *buffer, size_t size)
{
    struct wire_writer writer;
    wire_writer_init(&writer, buffer, size);
    return writer;
}

static void make_block(uint64_t view, uint8_t salt, struct hash *block_id)
{
    static uint8_t filler[FILLER_SIZE];
    uint8_t buffer[WIRE_HEADER_SIZE_MAX];
    struct bytes tx = bytes_of(filler, sizeof(filler));
    struct block_header header = {.version = BLOCK_VERSION,
                                  .chain_id = lone.d->chain_id,
                                  .height = 1,
                                  .parent_id = lone.d->chain_id,
                                  .time_ms = 2000,
                                  .view = view,
                                  .proposer = made.leader,
                                  .set_hash = lone.d->set_hash,
                                  .next_set_hash = lone.d->set_hash};
    struct wire_block_parts parts = {.txs = &tx, .tx_count = 1};
    struct crypto_tree tree;
    struct bytes block;
    memset(filler, salt, sizeof(filler));
    crypto_tree_init(&tree, TAG_TX_TREE);
    crypto_tree_append(&tree, tx);
    crypto_tree_root(&tree, &header.txs_root);
    struct wire_writer writer = writer_of(buffer, sizeof(buffer));
    wire_write_header(&writer, &header);
    assert_true(wire_writer_end(&writer, &parts.header_bytes));
    crypto_digest(TAG_BLOCK_HEADER, parts.header_bytes, block_id);
    writer = writer_of(made.block, sizeof(made.block));
    wire_write_block(&writer, &parts);
    assert_true(wire_writer_end(&writer, &block));
    made.block_size = block.size;
}

/* The leader's signed proposal of a coming view, its block coded in made.room. */
static void make(uint64_t ahead, uint8_t salt, enum lie lie)
{
    struct hash rest_digest;
    memset(&made, 0, sizeof(made));
    struct proposal *proposal = &made.message.proposal;
    proposal->light.view = foreign_view(&made.leader) + 4 * ahead;
    make_block(proposal->light.view, salt, &proposal->light.block_id);
    assert_true(shard_code_derive(4, (uint32_t)made.block_size, &made.code));
    assert_true(shard_room(&made.code) <= sizeof(made.room));
    assert_true(shard_encode(&made.code, bytes_of(made.block, made.block_size), made.room));
    made.room[(size_t)made.code.shard_size * 3] ^= lie == LIE_CODE_WORD ? 1 : 0;
    proposal->light.block_id.bytes[0] ^= lie == LIE_BLOCK ? 1 : 0;
    proposal->light.height = 1;
    proposal->light.next_set_hash = lone.d->set_hash;
    proposal->rest = (struct proposal_rest){.version = PROPOSAL_VERSION,
                                            .chain_id = lone.d->chain_id,
                                            .da_mode = DA_SHARD,
                                            .da_n = 4,
                                            .da_k = lie == LIE_FIELDS ? 3 : 2,
                                            .block_size = made.code.block_size,
                                            .shard_size = made.code.shard_size,
                                            .leader = made.leader};
    shard_leaves_hash(&made.code, made.room, &made.leaves);
    shard_root(&made.code, &made.leaves, &proposal->rest.da_root);
    blocks_proposal_hash(proposal, &rest_digest, &made.hash);
    const struct vote vote = {.kind = VOTE_PROPOSE,
                              .view = proposal->light.view,
                              .proposal = made.hash,
                              .validator = made.leader};
    made.message.signature = lone_sign(&lone, &vote);
}

static void deliver(uint32_t from, struct bytes bytes)
{
    const struct net_event event = {.kind = NET_EVENT_FRAME,
                                    .role = NET_ROLE_VALIDATOR,
                                    .lane = NET_LANE_BULK,
                                    .key = lone_net_key(from),
                                    .bytes = bytes};
    inbound_frame(lone.d, &event);
}

static void send_shard(uint32_t from, uint32_t index, bool spoil)
{
    static uint8_t buffer[4 * FILLER_SIZE];
    static uint8_t shard[FILLER_SIZE];
    struct wire_shard message = made.message;
    struct crypto_path path;
    struct bytes bytes;
    memcpy(shard, made.room + (size_t)index * made.code.shard_size, made.code.shard_size);
    shard[1] ^= spoil ? 1 : 0;
    shard_prove(&made.code, &made.leaves, index, &path);
    message.index = index;
    message.path = bytes_of(path.siblings[0].bytes, (size_t)path.size * HASH_SIZE);
    message.shard = bytes_of(shard, made.code.shard_size);
    struct wire_writer writer = writer_of(buffer, sizeof(buffer));
    wire_write_message(&writer, WIRE_SHARD);
    wire_write_shard(&writer, &message);
    assert_true(wire_writer_end(&writer, &bytes));
    deliver(from, bytes);
}

static void send_whole(uint32_t from)
{
    static uint8_t buffer[2 * FILLER_SIZE];
    struct bytes bytes;
    const struct wire_proposal message = {.proposal = made.message.proposal,
                                          .signature = made.message.signature,
                                          .block = bytes_of(made.block, made.block_size)};
    struct wire_writer writer = writer_of(buffer, sizeof(buffer));
    wire_write_message(&writer, WIRE_PROPOSAL);
    wire_write_proposal(&writer, &message);
    assert_true(wire_writer_end(&writer, &bytes));
    deliver(from, bytes);
}

/* Until the worker has done what it had to. */
static void settle(void)
{
    enum { TURNS_MAX = 20000 };
    for (uint32_t i = 0; i < TURNS_MAX && shards_busy(lone.d); i++) {
        (void)nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
        shards_poll(lone.d);
    }
    assert_false(shards_busy(lone.d));
    assert_false(driver_failed(lone.d));
}

/* What the core now says to this proposal. */
static enum consensus_verdict known(void)
{
    struct consensus_event event = {.kind = CONSENSUS_ON_PROPOSAL, .now_ms = driver_now_ms()};
    event.proposal.proposal = &made.message.proposal;
    event.proposal.hash = made.hash;
    return consensus_screen(lone.d->core, &event);
}

static const struct shard_set *set_of(void)
{
    return shard_pool_find(&lone.d->shards->pool, &made.hash);
}

/* Two of four shards are the block; the own one, though it did not come, is passed on. */
static void restores(void **state)
{
    (void)state;
    make(0, 1, LIE_NONE);
    const uint32_t other = made.leader == 3 ? 2 : 3;
    send_shard(made.leader, made.leader, false);
    assert_int_equal(known(), CONSENSUS_ACCEPTED);
    assert_int_equal(lone.d->shards->count.passed_on, 0);
    send_shard(other, other, false);
    settle();
    const struct unfinal *u = blocks_find(lone.d, &made.hash);
    assert_non_null(u);
    assert_false(u->bad);
    assert_int_equal(u->block_size, made.block_size);
    assert_memory_equal(u->block, made.block, made.block_size);
    assert_int_equal(known(), CONSENSUS_DUPLICATE);
    assert_int_equal(lone.d->shards->count.passed_on, 1);
    assert_int_equal(set_of()->state, SHARD_SET_WHOLE);
    send_shard(made.leader, 0, false); /* late */
    settle();
    assert_int_equal(lone.d->shards->count.passed_on, 1);
    assert_int_equal(lone.d->shards->count.refused, 0);
}

/* The own shard is passed on at once, before there is a block. */
static void passes_on(void **state)
{
    (void)state;
    make(0, 1, LIE_NONE);
    send_shard(made.leader, 0, false);
    assert_int_equal(lone.d->shards->count.passed_on, 1);
    assert_int_equal(set_of()->state, SHARD_SET_COLLECTING);
    assert_false(shards_busy(lone.d));
}

enum way { WAY_OWN_SHARD, WAY_PARITY, WAY_WHOLE };

static void tell_lie(enum lie lie, enum way way)
{
    lone_close(&lone);
    lone_open(&lone, 4);
    make(0, 1, lie);
    const uint32_t other = made.leader == 3 ? 2 : 3;
    if (way == WAY_WHOLE) {
        send_whole(other);
    } else {
        send_shard(made.leader, way == WAY_OWN_SHARD ? 0 : made.leader, false);
        send_shard(other, other, false);
    }
    settle();
    assert_int_equal(known(), CONSENSUS_DUPLICATE);
    assert_null(blocks_find(lone.d, &made.hash));
    assert_int_equal(lone.d->shards->count.inconsistent, lie == LIE_FIELDS ? 0 : 1);
    send_shard(other, other, false); /* comes too late to be looked at */
    assert_null(set_of());
}

/* From whatever shards or from the whole block: a lie about it is bad, and nothing is kept. */
static void lies_are_bad(void **state)
{
    (void)state;
    for (enum way way = WAY_OWN_SHARD; way <= WAY_WHOLE; way++) {
        tell_lie(LIE_CODE_WORD, way);
        tell_lie(LIE_FIELDS, way);
    }
    tell_lie(LIE_BLOCK, WAY_OWN_SHARD); /* who sends a whole block of another id lies himself */
    tell_lie(LIE_BLOCK, WAY_PARITY);
}

/* A peer that lies about its shard is left out; the others suffice. */
static void false_shards(void **state)
{
    (void)state;
    make(0, 1, LIE_NONE);
    const uint32_t other = made.leader == 3 ? 2 : 3;
    send_shard(made.leader, 0, false);
    send_shard(other, other, true);
    send_shard(other, other, false);
    assert_int_equal(lone.d->shards->count.refused, 1);
    assert_false(shards_busy(lone.d));
    send_shard(other, made.leader, false); /* not his to pass on */
    assert_int_equal(lone.d->shards->count.refused, 2);
    send_shard(made.leader, made.leader, false);
    settle();
    assert_non_null(blocks_find(lone.d, &made.hash));
}

/* Shards that no leader signed open nothing, and cost their sender his budget; a leader has
 * two proposals of a view at most. */
static void bounds(void **state)
{
    (void)state;
    make(0, 1, LIE_NONE);
    const uint32_t other = made.leader == 3 ? 2 : 3;
    made.message.signature.bytes[3] ^= 1;
    for (uint32_t i = 0; i < 4 * SHARD_WASTE_BURST; i++) {
        send_shard(other, other, false);
    }
    assert_null(set_of());
    assert_int_equal(lone.d->shards->count.refused, 4 * SHARD_WASTE_BURST);
    for (uint8_t salt = 1; salt <= 5; salt++) {
        make(0, salt, LIE_NONE);
        send_shard(made.leader, 0, false);
        assert_true((set_of() != NULL) == (salt <= SHARD_ROOT_MAX));
    }
    const uint64_t refused = lone.d->shards->count.refused;
    make(0, 6, LIE_NONE); /* without room no signature is looked at */
    made.message.signature.bytes[3] ^= 1;
    send_shard(made.leader, 0, false);
    assert_int_equal(lone.d->shards->count.refused, refused);
    make(20, 1, LIE_NONE); /* a view that is far */
    send_shard(made.leader, 0, false);
    assert_null(set_of());
    make(0, 2, LIE_NONE); /* the honest others are heard though one has nothing left */
    const uint32_t third = 1 + 2 + 3 - made.leader - other;
    send_shard(third, third, false);
    settle();
    assert_non_null(blocks_find(lone.d, &made.hash));
}

/* The whole block of a proposal in shards: coded and compared before the core hears of it. */
static void whole_blocks(void **state)
{
    (void)state;
    make(0, 1, LIE_NONE);
    send_whole(made.leader);
    assert_int_equal(known(), CONSENSUS_ACCEPTED);
    settle();
    assert_int_equal(known(), CONSENSUS_DUPLICATE);
    assert_non_null(blocks_find(lone.d, &made.hash));
    assert_int_equal(lone.d->shards->count.checked, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(restores, open_four, close_one),
        cmocka_unit_test_setup_teardown(passes_on, open_four, close_one),
        cmocka_unit_test_setup_teardown(lies_are_bad, open_four, close_one),
        cmocka_unit_test_setup_teardown(false_shards, open_four, close_one),
        cmocka_unit_test_setup_teardown(bounds, open_four, close_one),
        cmocka_unit_test_setup_teardown(whole_blocks, open_four, close_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
