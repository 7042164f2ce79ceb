#include "node/blocks.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "wire/api/api.h"

/* Final blocks by height from a peer that is ahead.  A block is believed when a header chain
 * leads from our last final block to one that an F certificate names: the one a later block
 * carries, or the peer's tip.  So every commit here is as final as one by our own votes.
 *
 * There is no mode: consensus goes on beside it, and the peer is changed after a silence. */

enum {
    CATCHUP_SILENCE_MS = 2000,
    CATCHUP_SILENCE_MAX_MS = 64000, /* a slow link needs its time for one block */
    CATCHUP_NEXT_PEER_MS = 200,     /* a peer that has no more gives way */
    CATCHUP_OPEN_MAX =
        3, /* questions: their answers fit the peer's queue, which drops the oldest */
};
STATIC_ASSERT(CATCHUP_OPEN_MAX *FRAME_SIZE_MAX <= NET_BULK_QUEUE_SIZE_MAX,
              "no answer pushes out another");

static void ask(struct driver *d, uint64_t height)
{
    uint8_t buffer[16];
    struct wire_writer writer;
    struct bytes out;
    const struct api_request request = {.kind = API_BLOCK, .height = height};
    wire_writer_init(&writer, buffer, sizeof(buffer));
    api_write_request(&writer, &request);
    ASSERT(wire_writer_end(&writer, &out));
    const uint64_t session = d->peers[d->catchup.peer].sessions[NET_LANE_BULK];
    (void)net_request(d->net, session, (uint32_t)height, out);
}

static void ask_more(struct driver *d)
{
    struct catchup *catchup = &d->catchup;
    uint32_t open = 0;
    for (uint32_t i = 0; i < CATCHUP_WINDOW_MAX; i++) {
        open += catchup->slots[i].asked ? 1 : 0;
    }
    for (uint32_t i = 0; i < catchup->window && open < CATCHUP_OPEN_MAX; i++) {
        struct catchup_slot *slot = &catchup->slots[i];
        const uint64_t height = d->committed.height + 1 + i;
        if (slot->block.data == NULL && !slot->asked && height < catchup->end_height) {
            slot->asked = true;
            open++;
            ask(d, height);
        }
    }
}

static void slot_free(struct catchup_slot *slot)
{
    store_buffer_free(&slot->block);
    store_buffer_free(&slot->last_final);
    *slot = (struct catchup_slot){.asked = false};
}

static void forget(struct driver *d)
{
    for (uint32_t i = 0; i < CATCHUP_WINDOW_MAX; i++) {
        slot_free(&d->catchup.slots[i]);
    }
    d->catchup.mixed = false;
    d->catchup.window = CATCHUP_WINDOW_MIN;
}

/* The next peer with a bulk session; false when there is none.  For who is epochs behind, the
 * members may all be others. */
static bool choose_peer(struct driver *d)
{
    for (uint32_t i = 1; i <= PEER_MAX; i++) {
        const uint32_t peer = (d->catchup.peer + i) % PEER_MAX;
        if (d->peers[peer].sessions[NET_LANE_BULK] != 0) {
            d->catchup.peer = peer;
            return true;
        }
    }
    return false;
}

/* Ask the peer for what is not held. */
static void start_over(struct driver *d)
{
    struct catchup *catchup = &d->catchup;
    for (uint32_t i = 0; i < CATCHUP_WINDOW_MAX; i++) {
        catchup->slots[i].asked = false;
    }
    catchup->end_height = UINT64_MAX;
    catchup->took = false;
    catchup->since_ms = driver_now_ms();
    catchup->deadline_ms = catchup->since_ms + catchup->silence_ms;
    if (d->peers[catchup->peer].sessions[NET_LANE_BULK] != 0) {
        log_line(LOG_INFO, "catchup", "from height=%llu peer=%u",
                 (unsigned long long)d->committed.height + 1, catchup->peer);
        ask_more(d);
    }
}

void catchup_begin(struct driver *d)
{
    if (!d->catchup.active) {
        d->catchup.active = true;
        d->catchup.from_height = d->committed.height;
        d->catchup.from_ms = driver_now_ms();
        d->catchup.silence_ms = CATCHUP_SILENCE_MS;
        d->catchup.window = CATCHUP_WINDOW_MIN;
        (void)choose_peer(d);
        start_over(d);
    }
}

static bool holds_some(const struct catchup *catchup)
{
    uint32_t i = 0;
    while (i < CATCHUP_WINDOW_MAX && catchup->slots[i].block.data == NULL) {
        i++;
    }
    return i < CATCHUP_WINDOW_MAX;
}

/* After a silence: blocks that came are kept for the next peer to go on with; a peer of which
 * nothing came takes what is held with it, for it may be that which does not fit. */
void catchup_poll(struct driver *d)
{
    struct catchup *catchup = &d->catchup;
    if (!catchup->active || driver_now_ms() < catchup->deadline_ms) {
        return;
    }
    log_line(LOG_INFO, "catchup", "nothing more from validator %u; asking another", catchup->peer);
    if (!catchup->took) {
        const uint64_t longer = 2 * catchup->silence_ms;
        catchup->silence_ms = longer < CATCHUP_SILENCE_MAX_MS ? longer : CATCHUP_SILENCE_MAX_MS;
        forget(d);
    }
    catchup->mixed = holds_some(catchup);
    (void)choose_peer(d);
    start_over(d);
}

/* What is held cannot be a part of the chain.  Who gave it is known if one peer gave all. */
static void on_lie(struct driver *d, const char *what)
{
    const bool mixed = d->catchup.mixed;
    forget(d);
    if (!mixed) {
        inbound_odd(d, d->catchup.peer, what);
        (void)choose_peer(d);
    }
    start_over(d);
}

/* Whether the evidence is for the held block at its height; *proven then counts up to it. */
static bool evidence_proves(struct driver *d, const struct finality *finality, uint32_t *proven)
{
    static struct certificate certificate; /* 8 KB; the driver's thread only */
    const uint64_t index = finality->light.height - (d->committed.height + 1);
    if (finality->light.epoch != d->epoch.number || /* the next set's turn comes */
        !hash_equal(&d->catchup.slots[index].id, &finality->light.block_id)) {
        return false;
    }
    inbound_finality_certificate(finality, &certificate);
    if (!inbound_certificate_valid(d, &certificate)) {
        return false;
    }
    guard_meet_certificate(d, &certificate);
    *proven = (uint32_t)index + 1;
    return true;
}

/* The block in a slot, once: its bytes are those of its id.  NULL or what is wrong with it. */
static const char *check_block(struct catchup_slot *slot)
{
    static struct wire_block block; /* 8 KB each; the driver's thread only */
    static struct finality tip;
    if (slot->checked) {
        return NULL;
    }
    if (!wire_decode_block(bytes_of(slot->block.data, slot->block.size), &block)) {
        return "sent a final block that does not decode";
    }
    crypto_digest(TAG_BLOCK_HEADER, block.header_bytes, &slot->id);
    if (!inbound_block_matches(&slot->id, &block)) {
        return "sent a body that is not the block's";
    }
    const struct bytes last_final = bytes_of(slot->last_final.data, slot->last_final.size);
    slot->parent_id = block.header.parent_id;
    slot->carried_height = block.has_last_final ? block.last_final.light.height : 0;
    slot->tip_height = wire_decode_last_final(last_final, &tip) ? tip.light.height : 0;
    slot->checked = true;
    return NULL;
}

/* How many blocks from the front follow each other.  *lie: what is wrong with the next one. */
static uint32_t count_linked(struct driver *d, const char **lie)
{
    const struct hash *parent = &d->committed.block_id;
    uint32_t count = 0;
    *lie = NULL;
    while (count < CATCHUP_WINDOW_MAX && d->catchup.slots[count].block.data != NULL) {
        struct catchup_slot *slot = &d->catchup.slots[count];
        *lie = check_block(slot);
        if (*lie == NULL && !hash_equal(&slot->parent_id, parent)) {
            *lie = "sent a final block that does not follow";
        }
        if (*lie != NULL) {
            break;
        }
        parent = &slot->id;
        count++;
    }
    return count;
}

/* No evidence yet among so many blocks: ask for more, up to what no honest chain needs. */
static const char *grow(struct driver *d, uint32_t count)
{
    struct catchup *catchup = &d->catchup;
    size_t size = 0;
    for (uint32_t i = 0; i < CATCHUP_WINDOW_MAX; i++) {
        size += catchup->slots[i].block.size;
    }
    if (count < catchup->window) {
        return NULL;
    }
    if (count >= CATCHUP_WINDOW_MAX || size > CATCHUP_HELD_SIZE_MAX) {
        return "sent blocks that nothing proves";
    }
    const uint32_t more = count + CATCHUP_WINDOW_MIN;
    catchup->window = more < CATCHUP_WINDOW_MAX ? more : CATCHUP_WINDOW_MAX;
    return NULL;
}

/* How many of the held blocks are final, and the evidence for the last of them.  *lie: what
 * no honest peer sends. */
static uint32_t count_proven(struct driver *d, struct finality *evidence, const char **lie)
{
    static struct wire_block block; /* 8 KB; the driver's thread only */
    static struct finality tip;
    const struct catchup_slot *slots = d->catchup.slots;
    const uint64_t end = d->committed.height + count_linked(d, lie) + 1;
    const uint32_t count = (uint32_t)(end - d->committed.height - 1);
    uint32_t proven = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t height = slots[i].carried_height;
        const struct bytes held = bytes_of(slots[i].block.data, slots[i].block.size);
        if (height > d->committed.height + proven && height < end &&
            wire_decode_block(held, &block) && evidence_proves(d, &block.last_final, &proven)) {
            *evidence = block.last_final;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t height = slots[i].tip_height;
        const struct bytes held = bytes_of(slots[i].last_final.data, slots[i].last_final.size);
        if (height > d->committed.height + proven && height < end &&
            wire_decode_last_final(held, &tip) && evidence_proves(d, &tip, &proven)) {
            *evidence = tip;
        }
    }
    if (proven == 0 && *lie == NULL) {
        *lie = grow(d, count);
    }
    return proven;
}

static void drop_front(struct driver *d, uint32_t count)
{
    struct catchup_slot *slots = d->catchup.slots;
    d->catchup.window = CATCHUP_WINDOW_MIN;
    for (uint32_t i = 0; i < CATCHUP_WINDOW_MAX; i++) {
        if (i < count) {
            slot_free(&slots[i]);
        }
        const bool filled = i + count < CATCHUP_WINDOW_MAX;
        slots[i] = filled ? slots[i + count] : (struct catchup_slot){.asked = false};
        if (filled && count > 0) {
            slots[i + count] = (struct catchup_slot){.asked = false};
        }
    }
}

void catchup_committed(struct driver *d, uint64_t count)
{
    if (d->catchup.active) {
        drop_front(d, count < CATCHUP_WINDOW_MAX ? (uint32_t)count : CATCHUP_WINDOW_MAX);
    }
}

/* Execute, store and commit the first blocks of the window, which are final. */
static bool commit_proven(struct driver *d, uint32_t count, const struct finality *evidence)
{
    static struct wire_block block; /* 8 KB; the driver's thread only */
    struct unfinal *entries[CATCHUP_WINDOW_MAX];
    for (uint32_t i = 0; i < count; i++) {
        const struct bytes bytes =
            bytes_of(d->catchup.slots[i].block.data, d->catchup.slots[i].block.size);
        ASSERT(wire_decode_block(bytes, &block)); /* count_proven has decoded it */
        entries[i] = blocks_adopt(d, bytes, &block);
        if (entries[i] == NULL) {
            return false;
        }
    }
    return blocks_commit(d, entries, count, evidence);
}

static void advance(struct driver *d)
{
    static struct finality evidence; /* 8 KB each; the driver's thread only */
    static struct certificate certificate;
    const char *lie;
    const uint32_t proven = count_proven(d, &evidence, &lie);
    if (proven == 0 && lie != NULL) {
        on_lie(d, lie);
    }
    if (proven == 0 || !commit_proven(d, proven, &evidence)) {
        return; /* a lie behind what is proven shows again when that is committed */
    }
    drop_front(d, proven);
    if (d->epoch.over) {
        return; /* no more for this core: epoch_poll makes the next one */
    }
    d->committed_view = evidence.light.view;
    inbound_finality_certificate(&evidence, &certificate);
    d->committed_proposal = certificate.proposal;
    blocks_prune(d);
    struct consensus_event event = {.kind = CONSENSUS_ON_ADVANCED};
    event.advanced = (struct consensus_anchor){.view = evidence.light.view,
                                               .proposal = certificate.proposal,
                                               .block_id = d->committed.block_id,
                                               .height = d->committed.height,
                                               .certificate = &certificate};
    driver_step(d, &event);
    blocks_look_at_pool(d);
}

static struct store_buffer copy_of(struct bytes bytes)
{
    struct store_buffer copy = {.data = malloc(bytes.size), .size = bytes.size};
    ASSERT(copy.data != NULL);
    memcpy(copy.data, bytes.data, bytes.size);
    return copy;
}

/* The peer has no more.  Whether it said the truth, the highest F that we know tells. */
static void end_of_peer(struct driver *d)
{
    struct consensus_status status;
    consensus_status(d->core, &status);
    if (status.last_delivered.view < status.last_final.view) {
        d->catchup.took = false;
        d->catchup.silence_ms = CATCHUP_SILENCE_MS / 2; /* doubled: an answer is no silence */
        d->catchup.deadline_ms = driver_now_ms() + CATCHUP_NEXT_PEER_MS;
        return;
    }
    log_line(LOG_INFO, "catchup", "done height=%llu", (unsigned long long)d->committed.height);
    d->catchup.active = false;
    forget(d);
}

/* "Not there" ends what the peer has; "busy" is a silence. */
static void on_refusal(struct driver *d, uint64_t height, uint32_t code)
{
    if (code == EXIT_CODE_QUOTA) {
        return;
    }
    if (height == d->committed.height + 1) {
        end_of_peer(d);
    } else if (height < d->catchup.end_height) {
        d->catchup.end_height = height;
    }
}

/* What silence is allowed follows from what the last block took. */
static void on_took(struct catchup *catchup)
{
    const uint64_t now = driver_now_ms();
    const uint64_t twice = 2 * (now - catchup->since_ms);
    const uint64_t least = twice > CATCHUP_SILENCE_MS ? twice : CATCHUP_SILENCE_MS;
    catchup->silence_ms = least < CATCHUP_SILENCE_MAX_MS ? least : CATCHUP_SILENCE_MAX_MS;
    catchup->took = true;
    catchup->since_ms = now;
    catchup->deadline_ms = now + catchup->silence_ms;
}

static void take_block(struct driver *d, struct catchup_slot *slot, const struct api_answer *answer)
{
    if (slot->block.data == NULL && answer->body.size > 0 && answer->last_final.size > 0) {
        slot->block = copy_of(answer->body);
        slot->last_final = copy_of(answer->last_final);
        on_took(&d->catchup);
    }
    advance(d);
}

static void ask_on(struct driver *d)
{
    if (d->catchup.active && !driver_failed(d)) {
        if (d->catchup.end_height <= d->committed.height + 1) {
            d->catchup.end_height = UINT64_MAX; /* what was its end may have moved on */
        }
        ask_more(d);
    }
}

void catchup_reseat(struct driver *d, const struct net_key *fetching)
{
    const uint32_t peer = peers_find(d, fetching);
    d->catchup.peer = peer == PEER_NOBODY ? 0 : peer;
}

void catchup_go_on(struct driver *d)
{
    if (d->catchup.active && !d->epoch.over && !driver_failed(d)) {
        advance(d);
        ask_on(d);
    }
}

void catchup_answer(struct driver *d, const struct net_event *event)
{
    static struct api_answer answer; /* the driver's thread only */
    if (!d->catchup.active || peers_find(d, &event->key) != d->catchup.peer) {
        return;
    }
    const uint64_t first = d->committed.height + 1;
    const uint64_t height = event->request;
    if (height < first || height >= first + CATCHUP_WINDOW_MAX) {
        return;
    }
    struct catchup_slot *slot = &d->catchup.slots[height - first];
    slot->asked = false;
    if (!api_decode_answer(event->bytes, &answer)) {
        inbound_odd(d, d->catchup.peer, "sent no answer");
        return;
    }
    if (answer.kind == API_BLOCK) {
        take_block(d, slot, &answer);
    } else if (answer.kind == API_ERROR) {
        on_refusal(d, height, answer.code);
        return;
    }
    ask_on(d);
}

void catchup_close(struct driver *d)
{
    forget(d);
}
