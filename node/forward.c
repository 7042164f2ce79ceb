#include "node/driver.h"

#include <string.h>

/* Transactions on their way to the other validators: collected for one turn of the loop,
 * then sent as one message.  A lost message costs no transaction: what still waits is sent
 * again when a peer connects, and by and by while nothing commits (K7). */

enum {
    AGAIN_MS = 1000,
    AGAIN_COUNT = 256,
};

static void send_txs(struct driver *d, const struct bytes *txs, uint32_t count, uint32_t to)
{
    struct wire_writer writer;
    struct bytes out;
    uint64_t sessions[VALIDATOR_COUNT_MAX];
    uint32_t session_count = 0;
    for (uint32_t i = 0; i < d->set.count; i++) {
        if ((to == CONSENSUS_ALL || to == i) && d->peers[i].sessions[NET_LANE_BULK] != 0) {
            sessions[session_count++] = d->peers[i].sessions[NET_LANE_BULK];
        }
    }
    if (count == 0 || session_count == 0) {
        return;
    }
    wire_writer_init(&writer, d->out, DRIVER_OUT_SIZE);
    wire_write_message(&writer, WIRE_TXS);
    wire_write_txs(&writer, txs, count);
    ASSERT(wire_writer_end(&writer, &out)); /* DRIVER_FORWARD_SIZE is below a frame */
    (void)net_send_all(d->net, sessions, session_count, out);
}

void forward_flush(struct driver *d)
{
    send_txs(d, d->forward.txs, d->forward.count, CONSENSUS_ALL);
    d->forward.count = 0;
    d->forward.size = 0;
}

void forward_add(struct driver *d, struct bytes raw)
{
    if (d->forward.count == DRIVER_FORWARD_COUNT ||
        d->forward.size + raw.size > DRIVER_FORWARD_SIZE) {
        forward_flush(d);
    }
    uint8_t *copy = d->forward.bytes + d->forward.size;
    memcpy(copy, raw.data, raw.size);
    d->forward.txs[d->forward.count++] = bytes_of(copy, raw.size);
    d->forward.size += raw.size;
}

void forward_pool(struct driver *d, uint32_t to)
{
    static struct bytes txs[AGAIN_COUNT]; /* the driver's thread only */
    struct mempool_entry entry;
    uint32_t cursor = 0;
    uint32_t count = 0;
    size_t size = 0;
    while (count < AGAIN_COUNT && mempool_next(d->pool, &cursor, &entry) &&
           size + entry.raw.size <= DRIVER_FORWARD_SIZE) {
        txs[count++] = entry.raw;
        size += entry.raw.size;
    }
    send_txs(d, txs, count, to);
}

void forward_poll(struct driver *d)
{
    const uint64_t now = driver_now_ms();
    if (d->forward.height != d->committed.height || mempool_count(d->pool) == 0) {
        d->forward.height = d->committed.height;
        d->forward.again_ms = now + AGAIN_MS;
    } else if (now >= d->forward.again_ms) {
        d->forward.again_ms = now + AGAIN_MS;
        forward_pool(d, CONSENSUS_ALL);
    }
}
