#include "client/audit/ahead.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "client/audit/audit.h"
#include "crypto/crypto.h"
#include "state/state.h"

enum { UNIT_TXS = 16 }; /* half a millisecond of work for one taking of the lock */

struct ahead {
    struct ahead_block blocks[AHEAD_BLOCK_MAX];
    uint64_t pushed; /* number of the next block to push; its slot is pushed % AHEAD_BLOCK_MAX */
    uint64_t popped;
    size_t size;     /* bytes of pushed blocks */
    uint64_t claims; /* the first block with units that nobody has taken */
    bool stop;
    pthread_mutex_t lock; /* over pushed, claims, stop, and claimed and done of all blocks */
    pthread_cond_t work;
    pthread_cond_t done;
    pthread_t threads[AUDIT_THREADS_MAX];
    uint32_t thread_count;
};

struct unit {
    struct ahead_block *block;
    uint32_t index; /* 0: the block itself; i: its transactions from (i - 1) * UNIT_TXS on */
};

static struct ahead_block *block_at(struct ahead *ahead, uint64_t number)
{
    return &ahead->blocks[number % AHEAD_BLOCK_MAX];
}

/* ---- The checks -------------------------------------------------------------------- */

static void check_vrf(struct ahead_block *b)
{
    const struct evidence_trust *trust = b->trust;
    uint8_t buffer[WIRE_BEACON_ALPHA_SIZE_MAX];
    const struct block_header *header = &b->block.header;
    struct wire_writer writer;
    struct bytes alpha;
    struct hash output;
    wire_writer_init(&writer, buffer, sizeof(buffer));
    wire_write_beacon_alpha(&writer, &trust->chain_id, &b->alpha_beacon, header->height);
    const bool fits = wire_writer_end(&writer, &alpha);
    ASSERT(fits && header->proposer < trust->set->count);
    b->vrf_good = crypto_vrf_verify(&trust->set->items[header->proposer].vrf, alpha,
                                    &header->vrf_proof, &output);
}

static void check_block(struct ahead_block *b)
{
    struct crypto_tree tree;
    crypto_tree_init(&tree, TAG_TX_TREE);
    for (uint32_t i = 0; i < b->block.txs.count; i++) {
        crypto_tree_append(&tree, b->txs[i].raw);
    }
    crypto_tree_root(&tree, &b->txs_root);
    check_vrf(b);
    b->evidence = b->block.has_last_final ? evidence_verify(b->last_trust, &b->block.last_final)
                                          : EVIDENCE_VALID;
}

static void check_tx(struct ahead_tx *t)
{
    struct tx tx;
    struct hash id;
    t->good = false;
    if (!t->has_key || !wire_decode_tx(t->raw, &tx)) {
        return; /* the state machine judges it */
    }
    crypto_digest(TAG_TX, tx.payload, &id);
    if (crypto_verify(&t->key, &id, &tx.signature)) {
        state_verdict_digest(t->raw, &t->key, &t->verdict);
        t->good = true;
    }
}

static void unit_run(const struct unit *unit)
{
    struct ahead_block *b = unit->block;
    if (unit->index == 0) {
        check_block(b);
        return;
    }
    const uint32_t first = (unit->index - 1) * UNIT_TXS;
    for (uint32_t i = first; i < b->block.txs.count && i < first + UNIT_TXS; i++) {
        check_tx(&b->txs[i]);
    }
}

/* ---- The ring ---------------------------------------------------------------------- */

/* Under the lock. */
static bool unit_claim(struct ahead *ahead, struct unit *out)
{
    while (ahead->claims < ahead->pushed) {
        struct ahead_block *b = block_at(ahead, ahead->claims);
        if (b->claimed < b->units) {
            *out = (struct unit){.block = b, .index = b->claimed++};
            return true;
        }
        ahead->claims++;
    }
    return false;
}

/* Under the lock. */
static void unit_done(struct ahead *ahead, const struct unit *unit)
{
    unit->block->done++;
    if (unit->block->done == unit->block->units) {
        (void)pthread_cond_signal(&ahead->done);
    }
}

static void *thread_main(void *context)
{
    struct ahead *ahead = context;
    struct unit unit;
    (void)pthread_mutex_lock(&ahead->lock);
    while (!ahead->stop) {
        if (!unit_claim(ahead, &unit)) {
            (void)pthread_cond_wait(&ahead->work, &ahead->lock);
            continue;
        }
        (void)pthread_mutex_unlock(&ahead->lock);
        unit_run(&unit);
        (void)pthread_mutex_lock(&ahead->lock);
        unit_done(ahead, &unit);
    }
    (void)pthread_mutex_unlock(&ahead->lock);
    return NULL;
}

bool ahead_create(uint32_t threads, struct ahead **out, struct error *error)
{
    ASSERT(threads >= 1 && threads <= AUDIT_THREADS_MAX);
    struct ahead *ahead = calloc(1, sizeof(*ahead));
    if (ahead == NULL) {
        return error_set(error, EXIT_CODE_FAILURE, "audit: no memory");
    }
    (void)pthread_mutex_init(&ahead->lock, NULL);
    (void)pthread_cond_init(&ahead->work, NULL);
    (void)pthread_cond_init(&ahead->done, NULL);
    for (uint32_t i = 1; i < threads; i++) {
        if (pthread_create(&ahead->threads[ahead->thread_count], NULL, thread_main, ahead) != 0) {
            ahead_free(ahead);
            return error_set(error, EXIT_CODE_FAILURE,
                             "audit: cannot start %u threads; try --threads 1", (unsigned)threads);
        }
        ahead->thread_count++;
    }
    *out = ahead;
    return true;
}

void ahead_free(struct ahead *ahead)
{
    if (ahead == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&ahead->lock);
    ahead->stop = true;
    (void)pthread_cond_broadcast(&ahead->work);
    (void)pthread_mutex_unlock(&ahead->lock);
    for (uint32_t i = 0; i < ahead->thread_count; i++) {
        (void)pthread_join(ahead->threads[i], NULL);
    }
    for (uint32_t i = 0; i < AHEAD_BLOCK_MAX; i++) {
        free(ahead->blocks[i].bytes);
        free(ahead->blocks[i].txs);
    }
    (void)pthread_mutex_destroy(&ahead->lock);
    (void)pthread_cond_destroy(&ahead->work);
    (void)pthread_cond_destroy(&ahead->done);
    free(ahead);
}

struct ahead_block *ahead_slot(struct ahead *ahead)
{
    const bool full =
        ahead->pushed - ahead->popped == AHEAD_BLOCK_MAX || ahead->size >= AHEAD_SIZE_MAX;
    return full ? NULL : block_at(ahead, ahead->pushed);
}

/* *memory holds at least `wanted` items of `width` bytes; what was in it is lost. */
static void *reserve(void *memory, uint32_t *room, size_t wanted, size_t width)
{
    if (wanted <= *room) {
        return memory;
    }
    free(memory);
    memory = malloc(wanted * width);
    *room = memory == NULL ? 0 : (uint32_t)wanted;
    return memory;
}

enum ahead_filled ahead_fill(struct ahead_block *slot, struct bytes bytes)
{
    slot->bytes = reserve(slot->bytes, &slot->byte_room, bytes.size + 1, 1);
    if (slot->bytes == NULL) {
        return AHEAD_NO_MEMORY;
    }
    memcpy(slot->bytes, bytes.data, bytes.size);
    slot->size = bytes.size;
    if (!wire_decode_block(bytes_of(slot->bytes, slot->size), &slot->block)) {
        return AHEAD_MALFORMED;
    }
    slot->txs =
        reserve(slot->txs, &slot->tx_room, (size_t)slot->block.txs.count + 1, sizeof(*slot->txs));
    if (slot->txs == NULL) {
        return AHEAD_NO_MEMORY;
    }
    struct wire_tx_iterator iterator;
    struct bytes raw;
    uint32_t count = 0;
    wire_txs_begin(&iterator, &slot->block.txs);
    while (wire_txs_next(&iterator, &raw)) {
        slot->txs[count++] = (struct ahead_tx){.raw = raw};
    }
    ASSERT(count == slot->block.txs.count);
    return AHEAD_FILLED;
}

void ahead_push(struct ahead *ahead)
{
    struct ahead_block *b = block_at(ahead, ahead->pushed);
    ASSERT(ahead->pushed - ahead->popped < AHEAD_BLOCK_MAX);
    ahead->size += b->size;
    (void)pthread_mutex_lock(&ahead->lock);
    b->units = 1 + (b->block.txs.count + UNIT_TXS - 1) / UNIT_TXS;
    b->claimed = 0;
    b->done = 0;
    ahead->pushed++;
    (void)pthread_cond_broadcast(&ahead->work);
    (void)pthread_mutex_unlock(&ahead->lock);
}

struct ahead_block *ahead_front(struct ahead *ahead)
{
    if (ahead->popped == ahead->pushed) {
        return NULL;
    }
    struct ahead_block *b = block_at(ahead, ahead->popped);
    struct unit unit;
    (void)pthread_mutex_lock(&ahead->lock);
    while (b->done < b->units) {
        if (!unit_claim(ahead, &unit)) {
            (void)pthread_cond_wait(&ahead->done, &ahead->lock);
            continue;
        }
        (void)pthread_mutex_unlock(&ahead->lock);
        unit_run(&unit);
        (void)pthread_mutex_lock(&ahead->lock);
        unit_done(ahead, &unit);
    }
    (void)pthread_mutex_unlock(&ahead->lock);
    return b;
}

void ahead_pop(struct ahead *ahead)
{
    ASSERT(ahead->popped < ahead->pushed);
    ahead->size -= block_at(ahead, ahead->popped)->size;
    ahead->popped++;
    (void)pthread_mutex_lock(&ahead->lock);
    if (ahead->claims < ahead->popped) {
        ahead->claims = ahead->popped; /* its slot is no longer what the number says */
    }
    (void)pthread_mutex_unlock(&ahead->lock);
}
