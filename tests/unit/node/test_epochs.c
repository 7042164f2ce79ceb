#include <time.h>

#include "node/sync/sync.h"
#include "state/objects/objects.h"
#include "tests/unit/node/lone.h"
#include "wire/api/api.h"

/* One node from epoch to epoch.  The node is validator 0; the test plays validator 1. */

static struct lone lone;
static uint64_t finalized; /* epoch and view of validator 1's last one: it never says both */

static int open_alone(void **state)
{
    (void)state;
    finalized = 0;
    lone_no_finality = false;
    lone_open(&lone, 1);
    return 0;
}

static int close_one(void **state)
{
    (void)state;
    lone_close(&lone);
    return 0;
}

static struct hash hash_of(const struct validator_set *set)
{
    static uint8_t buffer[WIRE_VALIDATOR_SET_SIZE_MAX];
    struct wire_writer writer;
    struct bytes bytes;
    struct hash out;
    wire_writer_init(&writer, buffer, sizeof(buffer));
    wire_write_validator_set(&writer, set);
    assert_true(wire_writer_end(&writer, &bytes));
    crypto_digest(TAG_VALIDATOR_SET, bytes, &out);
    return out;
}

/* ---- Changes ---------------------------------------------------------------------------- */

static struct hash propose(enum change_action action, uint32_t seat, const struct validator *v)
{
    struct validator_set next = lone.d->set;
    const struct body_validator_propose body = {
        .set_hash = lone.d->set_hash, .action = (uint8_t)action, .seat = seat, .validator = *v};
    assert_int_equal(lone_submit(&lone, lone_tx_by(&lone, 0, TX_VALIDATOR_PROPOSE, &body)),
                     CODE_OK);
    if (action == CHANGE_REMOVE) {
        next.count--; /* the last one */
    } else {
        next.items[seat] = *v;
        next.count = seat < next.count ? next.count : seat + 1;
    }
    return hash_of(&next);
}

static void approve(uint32_t account, const struct hash *next)
{
    const struct body_validator_approve body = {.proposer = lone_validator(0).account,
                                                .next_set_hash = *next};
    assert_int_equal(lone_submit(&lone, lone_tx_by(&lone, account, TX_VALIDATOR_APPROVE, &body)),
                     CODE_OK);
}

static void ready(uint32_t seat, uint32_t validator, const struct hash *next)
{
    struct body_ready body = {
        .next_set_hash = *next, .seat = seat, .height = lone.d->committed.height};
    const struct hash digest = id_ready(&lone.d->chain_id, next, seat, body.height);
    struct crypto_key *key = lone_consensus_key(validator);
    crypto_key_sign(key, &digest, &body.signature);
    crypto_key_free(key);
    assert_int_equal(lone_submit(&lone, lone_tx_by(&lone, 0, TX_READY, &body)), CODE_OK);
}

/* ---- Validator 1 ------------------------------------------------------------------------ */

/* What validator 1 does with a proposal of a view. */
typedef bool plays(const struct unfinal *u);

static bool plays_along(const struct unfinal *u)
{
    (void)u;
    return true;
}

static void vote(enum vote_kind kind, uint64_t view, const struct hash *proposal)
{
    struct vote own = {.kind = kind, .epoch = lone.d->epoch.number, .view = view, .validator = 1};
    if (proposal != NULL) {
        own.proposal = *proposal;
    }
    lone_vote(&lone, &own);
}

static void play(plays *finalizes)
{
    struct consensus_status status;
    const struct unfinal *u = lone.d->unfinals;
    struct hash hash;
    consensus_status(lone.d->core, &status);
    while (u != NULL && (u->final || u->proposal.light.view != status.view ||
                         u->proposal.light.epoch != status.epoch)) {
        u = u->next;
    }
    const uint64_t place = status.epoch << 32 | status.view;
    const bool gives_up = validator_bitmap_get(&status.voted[VOTE_NULLIFY], 0);
    if (u != NULL) {
        const bool finalize = !gives_up && finalizes(u);
        hash = u->hash;
        vote(VOTE_NOTARIZE, status.view, &hash);
        if (finalize) {
            finalized = place;
            vote(VOTE_FINALIZE, status.view, &hash);
        }
    }
    if (status.awake && finalized != place && (status.leader == 1 || gives_up)) {
        vote(VOTE_NULLIFY, status.view, NULL); /* it never proposes */
    }
}

/* Turns until this epoch and height. */
static void run(uint64_t epoch, uint64_t height, plays *finalizes)
{
    enum { TURNS_MAX = 60000 };
    struct driver *d = lone.d;
    for (uint32_t i = 0; i < TURNS_MAX && (d->epoch.number < epoch || d->committed.height < height);
         i++) {
        driver_run_timers(d);
        if (driver_failed(d)) {
            fail_msg("%s", d->error.detail);
        }
        if (d->set.count == 2 && (d->epoch.number < epoch || d->committed.height < height)) {
            play(finalizes);
        }
        (void)nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
    }
    assert_int_equal(d->epoch.number, epoch);
    assert_true(d->committed.height >= height);
}

/* From one member to two. */
static void add_one(void)
{
    const uint64_t epoch = lone.d->epoch.number;
    const struct validator v = lone_validator(1);
    const struct hash next = propose(CHANGE_ADD, 1, &v);
    run(epoch, lone.d->committed.height + 1, plays_along);
    ready(1, 1, &next);
    run(epoch + 1, 0, plays_along);
    assert_int_equal(lone.d->set.count, 2);
    assert_int_equal(lone.d->self, 0);
}

/* And back: both say so, and then the one who stays says it again. */
static void remove_one(plays *finalizes)
{
    const uint64_t epoch = lone.d->epoch.number;
    const struct validator v = lone_validator(1);
    const struct hash next = propose(CHANGE_REMOVE, 1, &v);
    run(epoch, lone.d->committed.height + 1, plays_along);
    approve(1, &next);
    run(epoch, lone.d->committed.height + 1, plays_along);
    approve(0, &next);
    run(epoch + 1, 0, finalizes);
    assert_int_equal(lone.d->set.count, 1);
}

static void transfer(uint64_t epoch)
{
    assert_int_equal(lone_submit(&lone, lone_tx(&lone, 60000)), CODE_OK);
    const uint64_t height = lone.d->committed.height;
    for (uint32_t i = 1; mempool_count(lone.d->pool) > 0; i++) {
        run(epoch, height + i, plays_along); /* maybe sealed blocks come first */
    }
}

/* ---- The way through -------------------------------------------------------------------- */

static void a_member_comes_and_goes(void **state)
{
    (void)state;
    transfer(0);
    add_one();
    const uint64_t start = lone.d->epoch.start_height;
    assert_int_equal(lone.d->committed.height, start);
    /* The state, not the genesis, says who is in it; there is no block of the epoch yet. */
    lone_restart(&lone);
    assert_int_equal(lone.d->epoch.number, 1);
    assert_int_equal(lone.d->epoch.start_height, start);
    assert_int_equal(lone.d->set.count, 2);
    transfer(1);
    lone_restart(&lone);
    assert_int_equal(lone.d->epoch.number, 1);
    transfer(1);
    remove_one(plays_along);
    transfer(2);
    lone_restart(&lone);
    assert_int_equal(lone.d->epoch.number, 2);
    const struct net_key left = lone_net_key(1);
    assert_true(peers_admits(lone.d, &left)); /* who has left may follow */
    transfer(2);
}

/* Validator 1 notarizes the boundary and then is silent about it: it stays certified. */
static uint64_t first_view;

static bool forgets_boundary(const struct unfinal *u)
{
    if (hash_equal(&u->proposal.light.next_set_hash, &lone.d->set_hash)) {
        return true;
    }
    first_view = first_view == 0 ? u->proposal.light.view : first_view;
    return u->proposal.light.view > first_view;
}

static void a_boundary_is_proposed_again(void **state)
{
    (void)state;
    struct store_buffer bytes = {0};
    struct wire_block block;
    struct finality finality;
    struct error error;
    add_one();
    transfer(1);
    first_view = 0;
    remove_one(forgets_boundary);
    assert_true(first_view > 0);
    assert_int_equal(store_finality(lone.d->store, lone.d->epoch.start_height, &bytes, &error),
                     STORE_FOUND);
    assert_true(wire_decode_last_final(bytes_of(bytes.data, bytes.size), &finality));
    store_buffer_free(&bytes);
    assert_int_equal(finality.light.epoch, 1);
    assert_true(finality.light.view > first_view);
    assert_int_equal(store_block(lone.d->store, lone.d->epoch.start_height, &bytes, &error),
                     STORE_FOUND);
    assert_true(wire_decode_block(bytes_of(bytes.data, bytes.size), &block));
    assert_int_equal(block.header.view, first_view);
    store_buffer_free(&bytes);
    transfer(2);
    lone_restart(&lone);
    transfer(2);
}

/* ---- Rules ------------------------------------------------------------------------------ */

/* The header of a child of the committed block, as the rules want it. */
static struct wire_block child_of_tip(void)
{
    struct driver *d = lone.d;
    const struct state_view view = store_view(d->store);
    const struct state_epoch epoch = state_read_epoch(&view, d->committed.height + 1);
    struct wire_block block = {.header = {.height = d->committed.height + 1,
                                          .parent_id = d->committed.block_id,
                                          .time_ms = d->committed.time_ms + 1,
                                          .state_root = d->committed.state_root,
                                          .results_root = d->committed.results_root,
                                          .epoch = epoch.epoch,
                                          .set_hash = epoch.set_hash,
                                          .next_set_hash = epoch.next_set_hash}};
    blocks_hist_root(d, &d->committed, &block.header.hist_root);
    return block;
}

static void headers_follow_the_state(void **state)
{
    (void)state;
    struct driver *d = lone.d;
    add_one();
    assert_int_equal(d->committed.height, d->epoch.start_height);
    struct wire_block block = child_of_tip();
    assert_string_equal(blocks_header_fault(d, &block, &d->committed),
                        "last_final of the boundary");
    block.has_last_final = true;
    block.last_final = d->tip_finality;
    assert_null(blocks_header_fault(d, &block, &d->committed));
    block.header.epoch--;
    assert_string_equal(blocks_header_fault(d, &block, &d->committed), "epoch");
    block.header.epoch++;
    block.header.set_hash.bytes[3] ^= 1;
    assert_string_equal(blocks_header_fault(d, &block, &d->committed), "set_hash");
    block.header.set_hash.bytes[3] ^= 1;
    block.header.next_set_hash.bytes[3] ^= 1; /* nobody has asked for that */
    assert_string_equal(blocks_header_fault(d, &block, &d->committed), "next_set_hash");
    block.header.next_set_hash.bytes[3] ^= 1;
    block.last_final.light.epoch++; /* the set that came may not speak for what was before it */
    assert_string_equal(blocks_header_fault(d, &block, &d->committed), "epoch of last_final");
    block.last_final.light.epoch--;
    assert_null(blocks_header_fault(d, &block, &d->committed));
}

/* ---- Messages of other epochs ----------------------------------------------------------- */

static void vote_of(uint64_t epoch, uint64_t view)
{
    const struct vote own = {.kind = VOTE_NULLIFY, .epoch = epoch, .view = view, .validator = 1};
    lone_vote(&lone, &own);
}

static void the_next_epochs_messages_wait(void **state)
{
    (void)state;
    struct driver *d = lone.d;
    add_one();
    const uint64_t odd = d->verdict_counts[CONSENSUS_PAST_EPOCH];
    vote_of(0, 1);
    assert_true(d->verdict_counts[CONSENSUS_PAST_EPOCH] > odd);
    vote_of(3, 1);
    assert_int_equal(d->epoch.held.count, 0);
    for (uint64_t view = 1; view < 2 * HELD_PEER_MAX; view++) {
        vote_of(2, view);
    }
    assert_int_equal(d->epoch.held.count, HELD_PEER_MAX); /* and no more of one peer */
    assert_true(d->epoch.held.size > 0);
    transfer(1);
    remove_one(plays_along);
    assert_int_equal(d->epoch.held.count, 0);
    assert_int_equal(d->epoch.held.size, 0);
}

/* ---- For those who are behind ----------------------------------------------------------- */

static bool ask_boundary(uint64_t epoch, struct api_answer *answer)
{
    uint8_t buffer[64];
    struct wire_writer writer;
    struct net_event event = {.kind = NET_EVENT_REQUEST,
                              .role = NET_ROLE_VALIDATOR,
                              .lane = NET_LANE_BULK,
                              .key = lone_net_key(1)};
    const struct api_request request = {.kind = API_BOUNDARY, .epoch = epoch};
    wire_writer_init(&writer, buffer, sizeof(buffer));
    api_write_request(&writer, &request);
    assert_true(wire_writer_end(&writer, &event.bytes));
    serve_request(lone.d, &event);
    assert_true(api_decode_answer(bytes_of(lone_reply, lone_reply_size), answer));
    return answer->kind == API_BOUNDARY;
}

static void expect_ends(const uint64_t *ends, uint64_t count)
{
    static struct api_answer answer;
    struct block_header header;
    struct finality finality;
    struct hash digest;
    for (uint64_t epoch = 0; epoch < count; epoch++) {
        assert_true(ask_boundary(epoch, &answer));
        assert_true(wire_decode_header(answer.header, &header));
        assert_int_equal(header.epoch, epoch);
        assert_int_equal(header.height, ends[epoch]);
        crypto_digest(TAG_VALIDATOR_SET, answer.body, &digest);
        assert_memory_equal(&digest, &header.next_set_hash, HASH_SIZE);
        assert_memory_not_equal(&header.set_hash, &header.next_set_hash, HASH_SIZE);
        assert_true(wire_decode_last_final(answer.last_final, &finality));
        assert_int_equal(finality.light.height, header.height);
    }
}

static void the_end_of_each_epoch_is_served(void **state)
{
    (void)state;
    static struct api_answer answer;
    uint64_t ends[3] = {0};
    add_one();
    ends[0] = lone.d->epoch.start_height;
    transfer(1);
    remove_one(plays_along);
    ends[1] = lone.d->epoch.start_height;
    transfer(2);
    add_one();
    ends[2] = lone.d->epoch.start_height;
    expect_ends(ends, 3);
    transfer(3);
    lone_no_finality = true; /* old blocks have gone to sealed files */
    expect_ends(ends, 3);
    lone_no_finality = false;
    assert_false(ask_boundary(3, &answer));
    assert_int_equal(answer.code, EXIT_CODE_NOT_FOUND);
}

/* ---- State sync -------------------------------------------------------------------------- */

/* What the manifest of the state after a height says, but for its parts. */
static struct snapshot_manifest manifest_of(uint64_t height)
{
    struct snapshot_manifest out = {.chain_id = lone.d->chain_id, .height = height};
    struct store_buffer bytes = {0};
    struct wire_block block;
    struct hash id;
    struct error error;
    assert_int_equal(store_block(lone.d->store, height + 1, &bytes, &error), STORE_FOUND);
    assert_true(wire_decode_block(bytes_of(bytes.data, bytes.size), &block));
    out.state_root = block.header.state_root;
    store_buffer_free(&bytes);
    crypto_tree_init(&out.history, TAG_HISTORY_TREE);
    for (uint64_t h = 1; h <= height; h++) {
        assert_int_equal(store_block_id(lone.d->store, h, &id, &error), STORE_FOUND);
        crypto_tree_append(&out.history, bytes_of(id.bytes, HASH_SIZE));
    }
    return out;
}

/* From the genesis to a state two epochs later; no byte of the way may be another one. */
static void an_anchor_follows_the_epochs(void **state)
{
    (void)state;
    static struct sync_anchor anchor;
    static struct store_final blocks[SYNC_ANCHOR_BLOCK_MAX];
    struct store_buffer bytes = {0};
    struct store_buffer epochs = {0};
    struct error error;
    add_one();
    transfer(1);
    remove_one(plays_along);
    transfer(2);
    transfer(2);
    const uint64_t height = lone.d->committed.height - 1;
    const struct snapshot_manifest manifest = manifest_of(height);
    assert_int_equal(sync_anchor_read(lone.d->store, height, FRAME_SIZE_MAX, &bytes, &error),
                     STORE_FOUND);
    assert_true(sync_anchor_decode(bytes_of(bytes.data, bytes.size), &anchor));
    assert_int_equal(anchor.epochs.count, 2);
    assert_null(sync_anchor_check(lone.d->genesis, &manifest, &anchor, blocks));
    sync_anchor_epochs(&anchor, &epochs);
    static struct sync_epochs kept;
    assert_true(sync_epochs_decode(bytes_of(epochs.data, epochs.size), &kept));
    assert_int_equal(kept.count, 2);
    anchor.epochs.count = 1; /* a gap */
    assert_non_null(sync_anchor_check(lone.d->genesis, &manifest, &anchor, blocks));
    uint32_t accepted = 0;
    for (size_t i = 0; i < bytes.size; i++) {
        bytes.data[i] ^= 1;
        accepted += sync_anchor_decode(bytes_of(bytes.data, bytes.size), &anchor) &&
                            sync_anchor_check(lone.d->genesis, &manifest, &anchor, blocks) == NULL
                        ? 1
                        : 0;
        bytes.data[i] ^= 1;
    }
    assert_int_equal(accepted, 0);
    store_buffer_free(&bytes);
    store_buffer_free(&epochs);
}

/* ---- Who has no seat -------------------------------------------------------------------- */

static void other_keys_take_over(void **state)
{
    (void)state;
    struct driver *d = lone.d;
    const struct net_key stranger = lone_net_key(1);
    struct validator v = lone_validator(1);
    v.account = lone_validator(0).account;
    assert_false(peers_admits(d, &stranger));
    const struct hash next = propose(CHANGE_REKEY, 0, &v);
    run(0, d->committed.height + 1, plays_along);
    peers_admit(d);
    assert_true(peers_admits(d, &stranger)); /* it has to catch up before */
    ready(0, 1, &next);
    run(1, 0, plays_along);
    assert_int_equal(d->self, CONSENSUS_OBSERVER);
    assert_int_equal(d->set.count, 1);
    lone_restart(&lone);
    assert_int_equal(d->self, CONSENSUS_OBSERVER);
    /* Votes of this key may have been lost: it has nothing to guard here, but would if it came
     * back. */
    struct error error;
    assert_true(d->signer.guard(d->signer.context, &error));
    lone_restart(&lone);
    assert_true(d->guard.active);
    driver_run_timers(d);
    assert_false(driver_failed(d));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_member_comes_and_goes, open_alone, close_one),
        cmocka_unit_test_setup_teardown(a_boundary_is_proposed_again, open_alone, close_one),
        cmocka_unit_test_setup_teardown(headers_follow_the_state, open_alone, close_one),
        cmocka_unit_test_setup_teardown(the_next_epochs_messages_wait, open_alone, close_one),
        cmocka_unit_test_setup_teardown(the_end_of_each_epoch_is_served, open_alone, close_one),
        cmocka_unit_test_setup_teardown(an_anchor_follows_the_epochs, open_alone, close_one),
        cmocka_unit_test_setup_teardown(other_keys_take_over, open_alone, close_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
