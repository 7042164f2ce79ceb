#include "node/epoch.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "node/blocks.h"
#include "node/shards.h"
#include "node/sync/epochs.h"
#include "state/objects/objects.h"

enum { STANDSTILL_MS = 5000 };

bool epoch_set_of(const struct driver *d, uint64_t epoch, struct epoch_set *out)
{
    if (epoch == d->epoch.number) {
        *out = (struct epoch_set){&d->set, &d->set_hash};
        return true;
    }
    *out = (struct epoch_set){&d->epoch.last, &d->epoch.last_hash};
    return d->epoch.has_last && epoch + 1 == d->epoch.number;
}

/* ---- What the state says --------------------------------------------------------------- */

/* A seat is ours by all three keys. */
static bool find_seat(struct driver *d, struct error *error)
{
    d->self = CONSENSUS_OBSERVER;
    for (uint32_t i = 0; i < d->set.count; i++) {
        const struct validator *v = &d->set.items[i];
        if (!public_key_equal(&v->consensus, crypto_key_public(d->consensus_key))) {
            continue;
        }
        if (!public_key_equal(&v->network, crypto_key_public(d->network_key)) ||
            !public_key_equal(&v->vrf, crypto_key_public(d->vrf_key))) {
            return error_set(error, EXIT_CODE_BAD_KEY,
                             "keys in %s: not those of one validator: the consensus key is seat "
                             "%u's, another one is not; point keys_dir at this validator's folder",
                             d->config.keys_dir, i);
        }
        d->self = i;
    }
    return true;
}

static void load_last(struct driver *d, const struct state_view *view)
{
    struct bytes value;
    const struct key key = key_set(d->epoch.number - 1);
    d->epoch.has_last = d->epoch.number > 0 && view->get(view->context, key_view(&key), &value) &&
                        wire_decode_validator_set(value, &d->epoch.last);
    if (d->epoch.has_last) {
        crypto_digest(TAG_VALIDATOR_SET, value, &d->epoch.last_hash);
    }
}

/* Of a chain that was restored behind it: it names the present set, as the state does. */
static bool restored_start(struct driver *d)
{
    struct sync_boundary boundary;
    struct block_header header;
    const bool found = sync_boundary_read(d->store, d->epoch.number - 1, &boundary) &&
                       wire_decode_header(boundary.epoch.header, &header) &&
                       header.height == d->epoch.start_height &&
                       hash_equal(&header.next_set_hash, &d->set_hash);
    if (found) {
        crypto_digest(TAG_BLOCK_HEADER, boundary.epoch.header, &d->epoch.start_id);
    }
    sync_boundary_free(&boundary);
    return found;
}

/* The block that ended the epoch before; the chain id where there is none. */
static bool load_start(struct driver *d, struct error *error)
{
    if (d->epoch.start_height == 0) {
        d->epoch.start_id = d->chain_id;
        return true;
    }
    if (d->epoch.start_height == d->committed.height) {
        d->epoch.start_id = d->committed.block_id;
        return true;
    }
    const enum store_answer answer =
        store_block_id(d->store, d->epoch.start_height, &d->epoch.start_id, error);
    return answer == STORE_FOUND || (answer == STORE_ABSENT && restored_start(d)) ||
           (answer == STORE_ABSENT &&
            error_set(error, EXIT_CODE_CORRUPT,
                      "%.120s/chain.db: the id of block %llu is missing; " BLOCKS_FETCH_AGAIN,
                      d->config.data_dir, (unsigned long long)d->epoch.start_height));
}

bool epoch_load(struct driver *d, struct error *error)
{
    const struct state_view view = store_view(d->store);
    const struct state_epoch epoch = state_read_epoch(&view, d->committed.height + 1);
    state_read_set(&view, &d->set);
    d->set_hash = epoch.set_hash;
    d->epoch.number = epoch.epoch;
    d->epoch.start_height = epoch.start_height;
    load_last(d, &view);
    if (!load_start(d, error) || !find_seat(d, error)) {
        return false;
    }
    peers_seat(d);
    peers_admit(d);
    return true;
}

bool epoch_open_core(struct driver *d, struct error *error)
{
    static struct certificate certificate; /* 8 KB; the driver's thread only */
    const struct params *params = genesis_params(d->genesis);
    struct consensus_config config = {
        .epoch = d->epoch.number,
        .set_hash = d->set_hash,
        .validator_count = d->set.count,
        .self = d->self,
        .leader_offset = validator_leader_offset(&d->epoch.start_id, d->set.count),
        .delta_0_ms = (uint32_t)params->delta_0_ms,
        .delta_max_ms = (uint32_t)params->delta_max_ms,
        .c_max_ms = (uint32_t)params->c_max_ms,
        .min_block_interval_ms = (uint32_t)d->config.min_block_interval_ms,
        .standstill_ms = STANDSTILL_MS,
        .announces = d->set.count > d->config.announce_above,
        .anchor = {.block_id = d->epoch.start_id, .height = d->epoch.start_height},
    };
    d->committed_view = 0;
    memset(&d->committed_proposal, 0, sizeof(d->committed_proposal));
    if (d->has_tip_finality && d->tip_finality.light.epoch == d->epoch.number) {
        inbound_finality_certificate(&d->tip_finality, &certificate);
        config.anchor = (struct consensus_anchor){.view = d->tip_finality.light.view,
                                                  .proposal = certificate.proposal,
                                                  .block_id = d->committed.block_id,
                                                  .height = d->committed.height,
                                                  .certificate = &certificate};
        d->committed_view = d->tip_finality.light.view;
        d->committed_proposal = certificate.proposal;
    }
    void *memory = aligned_alloc(64, (consensus_footprint(d->set.count) + 63) / 64 * 64);
    if (memory == NULL) {
        return error_set(error, EXIT_CODE_FAILURE, "node: no memory");
    }
    free(d->core);
    d->core = consensus_init(memory, &config);
    return true;
}

/* ---- Messages of the next epoch -------------------------------------------------------- */

/* Whether a frame of this peer may be kept: one that floods takes no place from others. */
static bool has_room(const struct held *held, const struct net_event *frame)
{
    uint32_t of_peer = 0;
    bool has_large = false;
    for (uint32_t i = 0; i < held->count; i++) {
        const bool same = net_key_equal(&held->frames[i].key, &frame->key);
        of_peer += same ? 1 : 0;
        has_large = has_large || (same && held->frames[i].size > HELD_LARGE);
    }
    return held->count < HELD_COUNT_MAX && of_peer < HELD_PEER_MAX &&
           held->size + frame->bytes.size <= HELD_SIZE_MAX &&
           !(has_large && frame->bytes.size > HELD_LARGE);
}

void epoch_hold(struct driver *d, uint64_t epoch)
{
    struct held *held = &d->epoch.held;
    const struct net_event *frame = d->epoch.frame;
    if (epoch != d->epoch.number + 1 || frame == NULL || frame->bytes.size == 0 ||
        !has_room(held, frame)) {
        return;
    }
    uint8_t *copy = malloc(frame->bytes.size);
    if (copy == NULL) {
        return; /* as if it had been lost */
    }
    memcpy(copy, frame->bytes.data, frame->bytes.size);
    d->epoch.frame = NULL; /* once */
    held->size += frame->bytes.size;
    held->frames[held->count++] = (struct held_frame){
        .key = frame->key, .lane = frame->lane, .bytes = copy, .size = frame->bytes.size};
}

/* Only those of the epoch that has begun: what they lead to may be held again. */
static void deliver_held(struct driver *d)
{
    static struct held held; /* 16 KB; the driver's thread only */
    held = d->epoch.held;
    d->epoch.held.count = 0;
    d->epoch.held.size = 0;
    for (uint32_t i = 0; i < held.count; i++) {
        const struct held_frame *frame = &held.frames[i];
        const struct net_event event = {.kind = NET_EVENT_FRAME,
                                        .role = NET_ROLE_VALIDATOR,
                                        .lane = frame->lane,
                                        .key = frame->key,
                                        .bytes = bytes_of(frame->bytes, frame->size)};
        if (!driver_failed(d)) {
            inbound_frame(d, &event);
        }
        free(frame->bytes);
    }
}

void epoch_close(struct driver *d)
{
    for (uint32_t i = 0; i < d->epoch.held.count; i++) {
        free(d->epoch.held.frames[i].bytes);
    }
    d->epoch.held.count = 0;
}

/* ---- The next epoch -------------------------------------------------------------------- */

/* What the old core has asked for, and what only it could use. */
static void drop_requests(struct driver *d)
{
    d->queue_count = 0;
    d->certifying_count = 0;
    d->timer_at_ms = UINT64_MAX;
    d->ping_view = UINT64_MAX; /* it has to be said anew */
    d->work_now = false;
    d->work_due_ms = UINT64_MAX;
    d->work_due_header_ms = UINT64_MAX;
    blocks_drop_unfinal(d);
}

static void start(struct driver *d)
{
    driver_step(d, &(struct consensus_event){.kind = CONSENSUS_ON_START});
    for (uint32_t i = 0; i < PEER_MAX; i++) {
        if (d->peers[i].sessions[NET_LANE_VOTE] != 0) {
            driver_step(d, &(struct consensus_event){.kind = CONSENSUS_ON_PEER_UP, .from = i});
        }
    }
    blocks_update_work(d);
    driver_drain(d);
}

static void log_begin(const struct driver *d, uint32_t self)
{
    const unsigned long long number = d->epoch.number;
    const unsigned long long from = d->epoch.start_height + 1;
    if (d->self == CONSENSUS_OBSERVER) {
        log_line(self != d->self ? LOG_ODD : LOG_INFO, "epoch",
                 "epoch=%llu from height=%llu validators=%u; an observer: no seat has these keys",
                 number, from, d->set.count);
    } else {
        log_line(LOG_INFO, "epoch", "epoch=%llu from height=%llu validators=%u validator=%u",
                 number, from, d->set.count, d->self);
    }
}

static void go_on(struct driver *d)
{
    struct error error = {.code = EXIT_CODE_OK};
    const struct net_key fetching = d->peers[d->catchup.peer].key;
    const uint32_t self = d->self;
    d->epoch.over = false;
    drop_requests(d);
    if (!epoch_load(d, &error)) {
        if (error.code != EXIT_CODE_BAD_KEY) {
            d->error = error;
            return;
        }
        log_line(LOG_ODD, "epoch", "%s", error.detail); /* our seat has other keys now */
        peers_seat(d);
        peers_admit(d);
    }
    catchup_reseat(d, &fetching);
    if (!epoch_open_core(d, &d->error)) {
        return;
    }
    shard_pool_forget(&d->shards->pool, d->epoch.number, 0);
    guard_epoch(d);
    log_begin(d, self);
    start(d);
    deliver_held(d);
    catchup_go_on(d);
}

void epoch_poll(struct driver *d)
{
    while (d->epoch.over && !driver_failed(d)) {
        go_on(d);
    }
}

/* ---- Serving (E5) ---------------------------------------------------------------------- */

void epoch_serve(struct driver *d, uint64_t epoch, uint32_t to)
{
    static struct finality finality; /* 8 KB each; the driver's thread only */
    static struct certificate certificate;
    struct sync_boundary boundary;
    struct wire_writer writer;
    struct bytes out;
    if (sync_boundary_read(d->store, epoch, &boundary) &&
        wire_decode_last_final(boundary.epoch.finality, &finality)) {
        inbound_finality_certificate(&finality, &certificate);
        wire_writer_init(&writer, d->out, DRIVER_OUT_SIZE);
        wire_write_message(&writer, WIRE_CERT);
        wire_write_certificate(&writer, &certificate);
        ASSERT(wire_writer_end(&writer, &out));
        peers_send(d, to, NET_LANE_VOTE, out);
    }
    sync_boundary_free(&boundary);
}
