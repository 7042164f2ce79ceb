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
    CATCHUP_NEXT_PEER_MS = 200, /* a peer that has no more gives way */
};

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
    while (d->catchup.next_height <= d->committed.height + CATCHUP_WINDOW_MAX) {
        ask(d, d->catchup.next_height++);
    }
}

static void forget(struct driver *d)
{
    for (uint32_t i = 0; i < CATCHUP_WINDOW_MAX; i++) {
        store_buffer_free(&d->catchup.blocks[i]);
        store_buffer_free(&d->catchup.last_finals[i]);
    }
}

/* The next peer with a bulk session; false when there is none. */
static bool choose_peer(struct driver *d)
{
    for (uint32_t i = 1; i <= d->set.count; i++) {
        const uint32_t peer = (d->catchup.peer + i) % d->set.count;
        if (peer != d->self && d->peers[peer].sessions[NET_LANE_BULK] != 0) {
            d->catchup.peer = peer;
            return true;
        }
    }
    return false;
}

static void start_over(struct driver *d)
{
    forget(d);
    d->catchup.next_height = d->committed.height + 1;
    d->catchup.deadline_ms = driver_now_ms() + CATCHUP_SILENCE_MS;
    if (choose_peer(d)) {
        log_line(LOG_INFO, "catchup", "from height=%llu peer=%u",
                 (unsigned long long)d->catchup.next_height, d->catchup.peer);
        ask_more(d);
    }
}

void catchup_begin(struct driver *d)
{
    if (!d->catchup.active) {
        d->catchup.active = true;
        start_over(d);
    }
}

void catchup_poll(struct driver *d)
{
    if (d->catchup.active && driver_now_ms() >= d->catchup.deadline_ms) {
        log_line(LOG_INFO, "catchup", "nothing more from validator %u; asking another",
                 d->catchup.peer);
        start_over(d);
    }
}

static bool evidence_proves(const struct driver *d, const struct finality *finality,
                            const struct hash *ids, uint32_t count, uint32_t *proven)
{
    static struct certificate certificate; /* 8 KB; the driver's thread only */
    const uint64_t first = d->committed.height + 1;
    const uint64_t height = finality->light.height;
    if (height < first + *proven || height >= first + count ||
        !hash_equal(&ids[height - first], &finality->light.block_id)) {
        return false;
    }
    inbound_finality_certificate(finality, &certificate);
    if (!inbound_certificate_valid(d, &certificate)) {
        return false;
    }
    *proven = (uint32_t)(height - first) + 1;
    return true;
}

/* How many of the held blocks are final, and the evidence for the last of them. */
static uint32_t count_proven(const struct driver *d, struct finality *evidence)
{
    static struct wire_block block; /* 8 KB; the driver's thread only */
    static struct finality tip;
    struct hash ids[CATCHUP_WINDOW_MAX];
    uint32_t proven = 0;
    uint32_t count = 0;
    struct hash parent = d->committed.block_id;
    for (; count < CATCHUP_WINDOW_MAX && d->catchup.blocks[count].data != NULL; count++) {
        const struct store_buffer *held = &d->catchup.blocks[count];
        if (!wire_decode_block(bytes_of(held->data, held->size), &block) ||
            !hash_equal(&block.header.parent_id, &parent)) {
            break;
        }
        crypto_digest(TAG_BLOCK_HEADER, block.header_bytes, &parent);
        ids[count] = parent;
        if (block.has_last_final && evidence_proves(d, &block.last_final, ids, count, &proven)) {
            *evidence = block.last_final;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct store_buffer *held = &d->catchup.last_finals[i];
        if (wire_decode_last_final(bytes_of(held->data, held->size), &tip) &&
            evidence_proves(d, &tip, ids, count, &proven)) {
            *evidence = tip;
        }
    }
    return proven;
}

static void drop_front(struct driver *d, uint32_t count)
{
    for (uint32_t i = 0; i < CATCHUP_WINDOW_MAX; i++) {
        if (i < count) {
            store_buffer_free(&d->catchup.blocks[i]);
            store_buffer_free(&d->catchup.last_finals[i]);
        }
        const bool filled = i + count < CATCHUP_WINDOW_MAX;
        d->catchup.blocks[i] = filled ? d->catchup.blocks[i + count] : (struct store_buffer){0};
        d->catchup.last_finals[i] =
            filled ? d->catchup.last_finals[i + count] : (struct store_buffer){0};
        if (filled && count > 0) {
            d->catchup.blocks[i + count] = (struct store_buffer){0};
            d->catchup.last_finals[i + count] = (struct store_buffer){0};
        }
    }
}

void catchup_committed(struct driver *d, uint64_t count)
{
    if (d->catchup.active) {
        drop_front(d, count < CATCHUP_WINDOW_MAX ? (uint32_t)count : CATCHUP_WINDOW_MAX);
        if (d->catchup.next_height <= d->committed.height) {
            d->catchup.next_height = d->committed.height + 1;
        }
    }
}

/* Execute, store and commit the first blocks of the window, which are final. */
static bool commit_proven(struct driver *d, uint32_t count, const struct finality *evidence)
{
    static struct wire_block block; /* 8 KB; the driver's thread only */
    struct unfinal *entries[CATCHUP_WINDOW_MAX];
    for (uint32_t i = 0; i < count; i++) {
        const struct bytes bytes = bytes_of(d->catchup.blocks[i].data, d->catchup.blocks[i].size);
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
    const uint32_t proven = count_proven(d, &evidence);
    if (proven == 0 || !commit_proven(d, proven, &evidence)) {
        return;
    }
    drop_front(d, proven);
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
        forget(d);
        d->catchup.deadline_ms = driver_now_ms() + CATCHUP_NEXT_PEER_MS;
        return;
    }
    log_line(LOG_INFO, "catchup", "done height=%llu", (unsigned long long)d->committed.height);
    d->catchup.active = false;
    forget(d);
}

void catchup_answer(struct driver *d, const struct net_event *event)
{
    static struct api_answer answer; /* the driver's thread only */
    if (!d->catchup.active || inbound_validator(d, &event->key) != d->catchup.peer) {
        return;
    }
    if (!api_decode_answer(event->bytes, &answer)) {
        log_line(LOG_ODD, "catchup", "validator %u sent no answer", d->catchup.peer);
        return;
    }
    /* Answers come in the order of the questions: the first "not there" ends it. */
    const uint64_t first = d->committed.height + 1;
    const uint64_t height = event->request;
    if (answer.kind != API_BLOCK || height < first || height >= first + CATCHUP_WINDOW_MAX) {
        if (answer.kind == API_ERROR && height == (uint32_t)first) {
            end_of_peer(d);
        }
        return;
    }
    struct store_buffer *slot = &d->catchup.blocks[height - first];
    if (slot->data == NULL && answer.body.size > 0 && answer.last_final.size > 0) {
        *slot = copy_of(answer.body);
        d->catchup.last_finals[height - first] = copy_of(answer.last_final);
        d->catchup.deadline_ms = driver_now_ms() + CATCHUP_SILENCE_MS;
    }
    advance(d);
    if (!driver_failed(d)) {
        ask_more(d);
    }
}
