#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "node/driver.h"
#include "node/sync/sync.h"
#include "wire/wire.h"

bool sync_anchor_decode(struct bytes bytes, struct sync_anchor *out)
{
    struct wire_reader reader;
    wire_reader_init_nodes(&reader, bytes, SYNC_ANCHOR_BLOCK_MAX + 4 * SYNC_EPOCH_MAX + 8);
    const uint32_t parts = wire_read_list(&reader, 3);
    out->count = wire_read_list(&reader, SYNC_ANCHOR_BLOCK_MAX);
    for (uint32_t i = 0; i < out->count; i++) {
        out->blocks[i] = wire_read_bin(&reader, BLOCK_SIZE_MAX);
    }
    out->finality = wire_read_bin(&reader, WIRE_LAST_FINAL_SIZE_MAX);
    out->epochs.count = 0;
    if (parts == 3) {
        sync_epochs_read(&reader, &out->epochs);
    }
    return wire_reader_end(&reader) && out->count >= 2 && (parts == 3) == (out->epochs.count > 0);
}

void sync_anchor_epochs(const struct sync_anchor *anchor, struct store_buffer *out)
{
    struct wire_writer writer;
    struct bytes encoded;
    *out = (struct store_buffer){.size = 0};
    if (anchor->epochs.count == 0) {
        return;
    }
    const size_t size = sync_epochs_size(&anchor->epochs);
    out->data = malloc(size);
    ASSERT(out->data != NULL);
    wire_writer_init(&writer, out->data, size);
    sync_epochs_write(&writer, &anchor->epochs);
    ASSERT(wire_writer_end(&writer, &encoded));
    out->size = encoded.size;
}

/* A set, and the epoch it votes in. */
struct trust {
    const struct genesis *genesis;
    uint64_t epoch;
    struct hash hash;
    struct validator_set set;
};

/* Signed by a quorum of the epoch's validators. */
static bool quorum_signed(const struct trust *trust, const struct finality *finality)
{
    static struct certificate certificate; /* 8 KB */
    const struct validator_set *set = &trust->set;
    uint8_t buffer[WIRE_VOTE_PREIMAGE_SIZE_MAX];
    struct wire_writer writer;
    struct bytes preimage;
    struct hash digest;
    uint32_t used = 0;
    inbound_finality_certificate(finality, &certificate);
    const struct vote vote = {.kind = VOTE_FINALIZE,
                              .epoch = certificate.epoch,
                              .view = certificate.view,
                              .proposal = certificate.proposal};
    wire_writer_init(&writer, buffer, sizeof(buffer));
    wire_write_vote_preimage(&writer, genesis_chain_id(trust->genesis), &trust->hash, &vote);
    ASSERT(wire_writer_end(&writer, &preimage));
    crypto_digest(wire_vote_tag(VOTE_FINALIZE), preimage, &digest);
    for (uint32_t i = 0; i < VALIDATOR_COUNT_MAX; i++) {
        if (!validator_bitmap_get(&certificate.signers, i)) {
            continue;
        }
        if (i >= set->count ||
            !crypto_verify(&set->items[i].consensus, &digest, &certificate.signatures[used])) {
            return false;
        }
        used++;
    }
    return used >= validator_quorum(set->count);
}

static const char *check_final(const struct trust *trust, const struct block_header *header,
                               const struct hash *id, struct bytes finality_bytes)
{
    static struct finality finality; /* 8 KB */
    if (!wire_decode_last_final(finality_bytes, &finality) ||
        finality.light.height != header->height || finality.light.epoch != header->epoch ||
        !hash_equal(&finality.light.block_id, id) ||
        !hash_equal(&finality.light.next_set_hash, &header->next_set_hash)) {
        return "its certificate is for another block";
    }
    return quorum_signed(trust, &finality) ? NULL : "its certificate has no quorum";
}

/* From one set to the next: what it named, and made final. */
static const char *follow(struct trust *trust, const struct sync_epoch *end)
{
    struct block_header header;
    struct hash id;
    struct hash hash;
    if (!wire_decode_header(end->header, &header) || header.epoch != trust->epoch ||
        !hash_equal(&header.chain_id, genesis_chain_id(trust->genesis)) ||
        !hash_equal(&header.set_hash, &trust->hash)) {
        return "the end of an epoch is not that of its set";
    }
    crypto_digest(TAG_BLOCK_HEADER, end->header, &id);
    const char *wrong = check_final(trust, &header, &id, end->finality);
    if (wrong != NULL) {
        return wrong;
    }
    crypto_digest(TAG_VALIDATOR_SET, end->set, &hash);
    if (hash_equal(&hash, &trust->hash) || !hash_equal(&hash, &header.next_set_hash) ||
        !wire_decode_validator_set(end->set, &trust->set)) {
        return "the end of an epoch names another set";
    }
    trust->hash = hash;
    trust->epoch++;
    return NULL;
}

/* The second block is final, and what it says about the state is the manifest's. */
static const char *check_child(const struct trust *trust, const struct snapshot_manifest *manifest,
                               const struct wire_block *child, struct bytes finality_bytes)
{
    const struct genesis *genesis = trust->genesis;
    const struct block_header *header = &child->header;
    struct hash id;
    struct hash history;
    crypto_digest(TAG_BLOCK_HEADER, child->header_bytes, &id);
    crypto_tree_root(&manifest->history, &history);
    if (!hash_equal(&header->chain_id, genesis_chain_id(genesis)) ||
        !hash_equal(&manifest->chain_id, genesis_chain_id(genesis))) {
        return "it belongs to another chain";
    }
    if (header->epoch != trust->epoch || !hash_equal(&header->set_hash, &trust->hash)) {
        return "its header names another validator set than the epochs lead to";
    }
    if (header->height != manifest->height + 1 || !inbound_block_matches(&id, child)) {
        return "its second block is not that of the next height";
    }
    if (!hash_equal(&header->state_root, &manifest->state_root)) {
        return "the final header names another state root";
    }
    if (!hash_equal(&header->hist_root, &history)) {
        return "the final header names another history";
    }
    return check_final(trust, header, &id, finality_bytes);
}

/* blocks[index] and all before it are the ancestors of a block with this parent. */
static const char *check_ancestors(const struct sync_anchor *anchor, uint64_t last,
                                   const struct hash *parent, struct store_final *out)
{
    static struct wire_block block; /* 8 KB */
    struct hash expected = *parent;
    bool carries = false;
    uint64_t carried = 0; /* the highest block that one of them says is final */
    for (uint32_t i = anchor->count - 1; i > 0; i--) {
        const uint64_t height = last - (anchor->count - i);
        if (!wire_decode_block(anchor->blocks[i - 1], &block) || block.header.height != height ||
            !inbound_block_matches(&expected, &block)) {
            return "a block of its anchor is not the parent of the next";
        }
        out[i - 1] = (struct store_final){
            .height = height, .block_id = expected, .block = anchor->blocks[i - 1]};
        expected = block.header.parent_id;
        if (block.has_last_final && !carries) {
            carries = true;
            carried = block.last_final.light.height;
        }
    }
    return block.header.height == 1 || (carries && block.header.height <= carried + 1)
               ? NULL
               : "its first block lies above what the chain carries";
}

const char *sync_anchor_check(const struct genesis *genesis,
                              const struct snapshot_manifest *manifest,
                              const struct sync_anchor *anchor, struct store_final *out)
{
    static struct wire_block child; /* 8 KB each */
    static struct trust trust;
    const uint32_t last = anchor->count - 1;
    if (manifest->height < SYNC_HEIGHT_MIN) {
        return "its height is too low";
    }
    if (manifest->height < last || !wire_decode_block(anchor->blocks[last], &child)) {
        return "the last block of its anchor does not decode";
    }
    trust = (struct trust){.genesis = genesis, .hash = *genesis_set_hash(genesis)};
    trust.set = *genesis_validators(genesis);
    const char *wrong = NULL;
    for (uint32_t i = 0; i < anchor->epochs.count && wrong == NULL; i++) {
        wrong = follow(&trust, &anchor->epochs.items[i]);
    }
    wrong = wrong != NULL ? wrong : check_child(&trust, manifest, &child, anchor->finality);
    if (wrong != NULL) {
        return wrong;
    }
    out[last] = (struct store_final){.height = manifest->height + 1,
                                     .block = anchor->blocks[last],
                                     .finality = anchor->finality};
    crypto_digest(TAG_BLOCK_HEADER, child.header_bytes, &out[last].block_id);
    return check_ancestors(anchor, manifest->height + 1, &child.header.parent_id, out);
}

/* ---- From chain.db ------------------------------------------------------------------- */

enum { ANCHOR_OVERHEAD = 32, BLOCK_OVERHEAD = 8 };

/* The blocks of an anchor, newest first. */
struct run {
    struct store_buffer blocks[SYNC_ANCHOR_BLOCK_MAX];
    uint32_t count;
    size_t size;
    struct store_buffer finality;
    struct sync_boundary boundaries[SYNC_EPOCH_MAX];
    struct sync_epochs epochs;
};

static void run_free(struct run *run)
{
    for (uint32_t i = 0; i < run->epochs.count; i++) {
        sync_boundary_free(&run->boundaries[i]);
    }
    for (uint32_t i = 0; i < SYNC_ANCHOR_BLOCK_MAX; i++) {
        store_buffer_free(&run->blocks[i]);
    }
    store_buffer_free(&run->finality);
}

/* From H + 1 down to the block behind the one that the newest last_final up to H names. */
static enum store_answer run_read(struct store *store, uint64_t height, size_t max, struct run *run,
                                  struct error *error)
{
    static struct wire_block block; /* 8 KB */
    bool enough = false;
    uint64_t least = 1; /* the height to go down to */
    if (height < SYNC_HEIGHT_MIN || height == UINT64_MAX) {
        return STORE_ABSENT;
    }
    enum store_answer answer = store_finality(store, height + 1, &run->finality, error);
    run->size = run->finality.size + ANCHOR_OVERHEAD;
    for (uint64_t h = height + 1; answer == STORE_FOUND && !enough; h--) {
        if (run->count == SYNC_ANCHOR_BLOCK_MAX || h == 0) {
            return STORE_ABSENT;
        }
        struct store_buffer *bytes = &run->blocks[run->count++];
        answer = store_block(store, h, bytes, error);
        run->size += bytes->size + BLOCK_OVERHEAD;
        if (run->size > max) {
            return STORE_ABSENT;
        }
        if (answer == STORE_FOUND && h <= height && least == 1 &&
            wire_decode_block(bytes_of(bytes->data, bytes->size), &block) && block.has_last_final) {
            least = block.last_final.light.height + 1;
        }
        enough = h <= height && h <= least;
    }
    return answer;
}

/* How the epochs before that of block H + 1 ended. */
static enum store_answer epochs_read(struct store *store, size_t max, struct run *run)
{
    static struct wire_block block; /* 8 KB */
    const struct store_buffer *child = &run->blocks[0];
    const bool decoded = wire_decode_block(bytes_of(child->data, child->size), &block);
    const uint64_t epoch = decoded ? block.header.epoch : 0; /* who gets it refuses it */
    if (epoch > SYNC_EPOCH_MAX) {
        return STORE_ABSENT;
    }
    while (run->epochs.count < epoch) {
        struct sync_boundary *boundary = &run->boundaries[run->epochs.count];
        if (!sync_boundary_read(store, run->epochs.count, boundary)) {
            return STORE_ABSENT;
        }
        run->epochs.items[run->epochs.count++] = boundary->epoch;
        if (run->size + sync_epochs_size(&run->epochs) > max) {
            return STORE_ABSENT;
        }
    }
    run->size += run->epochs.count > 0 ? sync_epochs_size(&run->epochs) : 0;
    return STORE_FOUND;
}

static void run_encode(const struct run *run, struct store_buffer *out)
{
    struct wire_writer writer;
    struct bytes encoded;
    out->data = malloc(run->size);
    ASSERT(out->data != NULL);
    wire_writer_init(&writer, out->data, run->size);
    wire_write_array(&writer, run->epochs.count > 0 ? 3 : 2);
    wire_write_array(&writer, run->count);
    for (uint32_t i = run->count; i > 0; i--) {
        wire_write_bin(&writer, bytes_of(run->blocks[i - 1].data, run->blocks[i - 1].size));
    }
    wire_write_bin(&writer, bytes_of(run->finality.data, run->finality.size));
    if (run->epochs.count > 0) {
        sync_epochs_write(&writer, &run->epochs);
    }
    ASSERT(wire_writer_end(&writer, &encoded));
    out->size = encoded.size;
}

enum store_answer sync_anchor_read(struct store *store, uint64_t height, size_t max,
                                   struct store_buffer *out, struct error *error)
{
    struct run *run = calloc(1, sizeof(*run));
    if (run == NULL) {
        return STORE_ABSENT;
    }
    enum store_answer answer = run_read(store, height, max, run, error);
    if (answer == STORE_FOUND) {
        answer = epochs_read(store, max, run);
    }
    if (answer == STORE_FOUND) {
        run_encode(run, out);
    }
    run_free(run);
    free(run);
    return answer;
}
