/* What a running node gives to those that join, and what ties it to the chain. */
#include "tests/unit/node/lone.h"

#include <time.h>

#include "node/sync/serving.h"
#include "node/sync/sync.h"

enum { FAR = 8, TRIES = 2000, WAIT_NS = 1000000 };

static struct lone a;
static uint64_t later_ms; /* the clock of questions is this far ahead */

/* A snapshot as a newcomer gets it. */
struct taken {
    struct store_buffer manifest_bytes;
    struct store_buffer anchor_bytes;
    struct snapshot_manifest manifest;
    struct sync_anchor anchor;
};

static int open_lone(void **state)
{
    (void)state;
    lone_open(&a, 1);
    while (a.d->committed.height < FAR) {
        assert_int_equal(lone_submit(&a, lone_tx(&a, 60000)), CODE_OK);
        lone_run(&a, a.d->committed.height + 1);
    }
    return 0;
}

static int close_lone(void **state)
{
    (void)state;
    lone_no_evidence = false;
    later_ms = 0;
    lone_close(&a);
    return 0;
}

static enum exit_code ask(const struct api_request *request, uint64_t now_ms,
                          struct store_buffer *out)
{
    return sync_serving_answer(a.d->snapshots, request, now_ms, out);
}

static struct taken offer_get(void)
{
    static struct taken offer;
    const struct api_request newest = {.kind = API_SNAPSHOT};
    struct api_request anchor = {.kind = API_ANCHOR};
    enum exit_code code = EXIT_CODE_QUOTA;
    offer = (struct taken){.manifest_bytes = {0}};
    for (int i = 0; i < TRIES && code == EXIT_CODE_QUOTA; i++) {
        const struct timespec rest = {.tv_nsec = WAIT_NS};
        (void)nanosleep(&rest, NULL);
        code = ask(&newest, driver_now_ms() + later_ms, &offer.manifest_bytes);
    }
    assert_int_equal(code, EXIT_CODE_OK);
    assert_int_equal(
        snapshot_manifest_decode(bytes_of(offer.manifest_bytes.data, offer.manifest_bytes.size),
                                 &offer.manifest),
        SNAPSHOT_OK);
    anchor.height = offer.manifest.height;
    assert_int_equal(ask(&anchor, driver_now_ms(), &offer.anchor_bytes), EXIT_CODE_OK);
    assert_true(sync_anchor_decode(bytes_of(offer.anchor_bytes.data, offer.anchor_bytes.size),
                                   &offer.anchor));
    return offer;
}

static void offer_free(struct taken *offer)
{
    store_buffer_free(&offer->manifest_bytes);
    store_buffer_free(&offer->anchor_bytes);
}

static const char *check(const struct snapshot_manifest *manifest, const struct sync_anchor *anchor)
{
    static struct store_final blocks[SYNC_ANCHOR_BLOCK_MAX];
    return sync_anchor_check(a.d->genesis, manifest, anchor, blocks);
}

static void an_offer_holds(void **state)
{
    (void)state;
    struct taken offer = offer_get();
    const uint64_t height = offer.manifest.height;
    assert_int_equal(height, a.d->committed.height - 1);
    assert_null(check(&offer.manifest, &offer.anchor));
    for (uint32_t i = 0; i < offer.manifest.part_count; i++) {
        const struct snapshot_part part = snapshot_part_at(&offer.manifest, i);
        const struct api_request request = {
            .kind = API_CHUNK, .height = height, .hash = part.prefix, .depth = part.depth};
        struct store_buffer chunk = {0};
        assert_int_equal(ask(&request, driver_now_ms(), &chunk), EXIT_CODE_OK);
        assert_int_equal(snapshot_chunk_verify(&part, bytes_of(chunk.data, chunk.size)),
                         SNAPSHOT_OK);
        store_buffer_free(&chunk);
    }
    offer_free(&offer);
}

/* No block carries anything: then the anchor goes back to block 1. */
static void an_anchor_tells_what_is_carried(void **state)
{
    (void)state;
    struct store_buffer bytes = {0};
    struct sync_anchor anchor;
    struct error error;
    lone_close(&a);
    lone_no_evidence = true;
    open_lone(state);
    const uint64_t height = a.d->committed.height - 1;
    assert_int_equal(sync_anchor_read(a.d->store, height, FRAME_SIZE_MAX, &bytes, &error),
                     STORE_FOUND);
    assert_true(sync_anchor_decode(bytes_of(bytes.data, bytes.size), &anchor));
    assert_int_equal(anchor.count, height + 1);
    struct taken offer = offer_get();
    assert_null(check(&offer.manifest, &offer.anchor));
    struct sync_anchor less = offer.anchor; /* one that begins above it */
    less.count--;
    memmove(less.blocks, less.blocks + 1, less.count * sizeof(less.blocks[0]));
    assert_non_null(check(&offer.manifest, &less));
    offer_free(&offer);
    store_buffer_free(&bytes);
}

/* Of a chain whose block 7 says no more than that 4 is final: a later one may name 5 or 6. */
static void an_anchor_goes_down_to_what_is_carried(void **state)
{
    (void)state;
    enum { CARRIER = 7, CARRIED = 4 };
    struct directory directory;
    struct store *store = NULL;
    struct store_buffer carrier = {0};
    struct store_buffer bytes = {0};
    struct sync_anchor anchor;
    struct error error;
    assert_true(directory_make(&directory));
    const struct store_options options = {.dir = directory.path, .chain_id = a.d->chain_id};
    assert_true(store_open(&options, &store, &error));
    assert_int_equal(store_block(a.d->store, CARRIED + 1, &carrier, &error), STORE_FOUND);
    for (uint64_t h = 1; h <= CARRIER + 1; h++) {
        const struct store_final final = {
            .height = h,
            .block_id = {{(uint8_t)h}},
            .block = h == CARRIER ? bytes_of(carrier.data, carrier.size) : bytes_of("block", 5),
            .finality = bytes_of("final", 5)};
        assert_true(store_append_final(store, &final, 1, &error));
    }
    assert_int_equal(sync_anchor_read(store, CARRIER, FRAME_SIZE_MAX, &bytes, &error), STORE_FOUND);
    assert_true(sync_anchor_decode(bytes_of(bytes.data, bytes.size), &anchor));
    assert_int_equal(anchor.count, CARRIER + 1 - CARRIED);
    store_close(store);
    directory_remove(&directory);
    store_buffer_free(&carrier);
    store_buffer_free(&bytes);
}

/* Every byte of block and certificate counts, and so does all that the header says. */
static void lies_are_refused(void **state)
{
    (void)state;
    struct taken offer = offer_get();
    struct snapshot_manifest other = offer.manifest;
    other.state_root.bytes[5] ^= 1;
    assert_non_null(check(&other, &offer.anchor));
    other = offer.manifest;
    other.history.peaks[0].bytes[5] ^= 1;
    assert_non_null(check(&other, &offer.anchor));
    other = offer.manifest;
    other.chain_id.bytes[5] ^= 1;
    assert_non_null(check(&other, &offer.anchor));
    other = offer.manifest;
    other.height--;
    assert_non_null(check(&other, &offer.anchor));
    uint8_t *bytes = offer.anchor_bytes.data;
    uint32_t accepted = 0;
    for (size_t i = 0; i < offer.anchor_bytes.size; i++) {
        struct sync_anchor anchor;
        bytes[i] ^= 1;
        if (sync_anchor_decode(bytes_of(bytes, offer.anchor_bytes.size), &anchor) &&
            check(&offer.manifest, &anchor) == NULL) {
            accepted++;
        }
        bytes[i] ^= 1;
    }
    assert_int_equal(accepted, 0);
    assert_null(check(&offer.manifest, &offer.anchor));
    offer_free(&offer);
}

/* Strangers' heights share one place, which no longer is theirs when they are silent; they never
 * take that of newcomers. */
static void places_are_few(void **state)
{
    (void)state;
    struct store_buffer chunk = {0};
    struct taken offer = offer_get();
    const uint64_t now = driver_now_ms();
    struct api_request request = {.kind = API_CHUNK, .height = offer.manifest.height - 1};
    assert_int_equal(ask(&request, now, &chunk), EXIT_CODE_OK);
    store_buffer_free(&chunk);
    request.height--;
    assert_int_equal(ask(&request, now + 1, &chunk), EXIT_CODE_QUOTA);
    request.height++;
    assert_int_equal(ask(&request, now + 4000, &chunk), EXIT_CODE_OK);
    store_buffer_free(&chunk);
    request.height--;
    assert_int_equal(ask(&request, now + 8000, &chunk), EXIT_CODE_QUOTA);
    assert_int_equal(ask(&request, now + 9000, &chunk), EXIT_CODE_OK);
    store_buffer_free(&chunk);
    request.height = a.d->committed.height; /* its root is in no header */
    assert_int_equal(ask(&request, now + 20000, &chunk), EXIT_CODE_NOT_FOUND);
    request.height = 0;
    assert_int_equal(ask(&request, now + 20000, &chunk), EXIT_CODE_NOT_FOUND);
    request.height = offer.manifest.height;
    request.depth = 256; /* no key is there */
    assert_int_equal(ask(&request, now + 20000, &chunk), EXIT_CODE_NOT_FOUND);
    offer_free(&offer);
    later_ms = 20000;
    offer = offer_get(); /* the newcomers' has stayed */
    offer_free(&offer);
    sync_serving_poll(a.d->snapshots, now + 1000000);
}

/* What cannot be given costs nothing to refuse, or is charged as if it were given. */
static void refusals_are_paid(void **state)
{
    (void)state;
    struct store_buffer out = {0};
    struct taken offer = offer_get();
    const uint64_t now = driver_now_ms();
    struct api_request request = {
        .kind = API_CHUNK, .height = offer.manifest.height, .depth = PROOF_DEPTH_MAX};
    assert_int_equal(ask(&request, now, &out), EXIT_CODE_NOT_FOUND);
    assert_int_equal(sync_serving_read(a.d->snapshots), 0); /* not a part */
    request.height--;
    assert_int_equal(ask(&request, now, &out), EXIT_CODE_NOT_FOUND);
    assert_true(sync_serving_read(a.d->snapshots) > 2 * SNAPSHOT_CHUNK_SIZE); /* opened, read */
    assert_int_equal(ask(&request, now, &out), EXIT_CODE_NOT_FOUND);
    assert_int_equal(sync_serving_read(a.d->snapshots), SNAPSHOT_CHUNK_SIZE);
    request.height = 1000;
    assert_int_equal(ask(&request, now + 10000, &out), EXIT_CODE_NOT_FOUND);
    request.height = 1001; /* that failed, and the next may not be tried at once */
    assert_int_equal(ask(&request, now + 10001, &out), EXIT_CODE_QUOTA);
    request = (struct api_request){.kind = API_ANCHOR, .height = 1000};
    assert_int_equal(ask(&request, now, &out), EXIT_CODE_NOT_FOUND);
    assert_true(sync_serving_read(a.d->snapshots) >= FRAME_SIZE_MAX);
    offer_free(&offer);
}

/* The same from a stranger's session: its budget ends after some of them. */
enum { MANY = 300 }; /* far fewer than questions that cost one */

/* Of MANY questions about places that are none, how many are looked at. */
static uint32_t looked_at(enum net_role role)
{
    static struct api_answer answer;
    uint8_t buffer[64];
    struct wire_writer writer;
    uint32_t refused = 0;
    struct net_event event = {.kind = NET_EVENT_REQUEST,
                              .role = role,
                              .lane = NET_LANE_BULK,
                              .key = lone_net_key(0),
                              .session = 1};
    const struct api_request request = {
        .kind = API_CHUNK, .height = a.d->committed.height - 2, .depth = PROOF_DEPTH_MAX};
    wire_writer_init(&writer, buffer, sizeof(buffer));
    api_write_request(&writer, &request);
    assert_true(wire_writer_end(&writer, &event.bytes));
    for (uint32_t i = 0; i < MANY; i++) {
        serve_request(a.d, &event);
        assert_true(api_decode_answer(bytes_of(lone_reply, lone_reply_size), &answer));
        refused += answer.code == EXIT_CODE_NOT_FOUND ? 1 : 0;
    }
    return refused;
}

static void a_stranger_pays(void **state)
{
    (void)state;
    assert_in_range(looked_at(NET_ROLE_ANON), 1, MANY / 8);
}

/* A validator without a chain has a validator's share of what is served: a large state does not
 * take it minutes. */
static void a_validator_that_joins_is_known(void **state)
{
    (void)state;
    const struct net_key stranger = {.size = PUBLIC_KEY_SIZE, .bytes = {2}};
    const struct net_key own = lone_net_key(0);
    const struct net_key other = lone_net_key(1);
    assert_in_range(looked_at(NET_ROLE_FULL), MANY / 2, MANY - 1);
    lone_close(&a);
    lone_open(&a, 2);
    assert_int_equal(driver_admit(a.d, NET_ROLE_FULL, NET_LANE_BULK, &other), NET_REASON_NONE);
    assert_int_not_equal(driver_admit(a.d, NET_ROLE_FULL, NET_LANE_VOTE, &other), NET_REASON_NONE);
    assert_int_not_equal(driver_admit(a.d, NET_ROLE_FULL, NET_LANE_BULK, &own), NET_REASON_NONE);
    assert_int_not_equal(driver_admit(a.d, NET_ROLE_FULL, NET_LANE_BULK, &stranger),
                         NET_REASON_NONE);
}

/* Questions that never end do not keep a state for ever. */
static void a_hold_ends(void **state)
{
    (void)state;
    struct store_buffer out = {0};
    struct taken offer = offer_get();
    const uint64_t now = driver_now_ms();
    const uint64_t height = offer.manifest.height - 1;
    const struct api_request request = {.kind = API_SNAPSHOT, .height = height};
    enum exit_code code = EXIT_CODE_QUOTA;
    for (int i = 0; i < TRIES && code == EXIT_CODE_QUOTA; i++) {
        const struct timespec rest = {.tv_nsec = WAIT_NS};
        (void)nanosleep(&rest, NULL);
        code = ask(&request, now, &out);
    }
    assert_int_equal(code, EXIT_CODE_OK);
    uint32_t opened = 0;
    for (uint64_t at = 10000; at < 2 * SYNC_HELD_MS; at += 10000) {
        store_buffer_free(&out);
        (void)ask(&request, now + at, &out);
        opened += sync_serving_read(a.d->snapshots) > 0 ? 1 : 0;
    }
    assert_int_equal(opened, 1);
    store_buffer_free(&out);
    offer_free(&offer);
}

/* A chain that began behind block 1 would pass for a whole one. */
static void the_first_height_is_refused(void **state)
{
    (void)state;
    struct store_buffer bytes = {0};
    struct error error;
    struct taken offer = offer_get();
    struct snapshot_manifest low = offer.manifest;
    low.height = 1;
    assert_string_equal(check(&low, &offer.anchor), "its height is too low");
    assert_int_equal(sync_anchor_read(a.d->store, 1, FRAME_SIZE_MAX, &bytes, &error), STORE_ABSENT);
    assert_int_equal(sync_anchor_read(a.d->store, 2, FRAME_SIZE_MAX, &bytes, &error), STORE_FOUND);
    store_buffer_free(&bytes);
    assert_int_equal(sync_anchor_read(a.d->store, 2, 500, &bytes, &error), STORE_ABSENT);
    const struct api_request request = {.kind = API_SNAPSHOT, .height = 1};
    assert_int_equal(ask(&request, driver_now_ms(), &bytes), EXIT_CODE_NOT_FOUND);
    offer_free(&offer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_offer_holds, open_lone, close_lone),
        cmocka_unit_test_setup_teardown(an_anchor_tells_what_is_carried, open_lone, close_lone),
        cmocka_unit_test_setup_teardown(an_anchor_goes_down_to_what_is_carried, open_lone,
                                        close_lone),
        cmocka_unit_test_setup_teardown(lies_are_refused, open_lone, close_lone),
        cmocka_unit_test_setup_teardown(places_are_few, open_lone, close_lone),
        cmocka_unit_test_setup_teardown(refusals_are_paid, open_lone, close_lone),
        cmocka_unit_test_setup_teardown(a_stranger_pays, open_lone, close_lone),
        cmocka_unit_test_setup_teardown(a_validator_that_joins_is_known, open_lone, close_lone),
        cmocka_unit_test_setup_teardown(a_hold_ends, open_lone, close_lone),
        cmocka_unit_test_setup_teardown(the_first_height_is_refused, open_lone, close_lone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
