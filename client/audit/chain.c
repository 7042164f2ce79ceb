#include "client/audit/chain.h"

#include <stdlib.h>
#include <string.h>

#include "client/audit/sealed.h"

enum { SEEN_ROOM_FIRST = 1024 };

static void beacon_of(const uint8_t *bytes, struct hash *out)
{
    crypto_digest(TAG_BEACON, bytes_of(bytes, HASH_SIZE), out);
}

static struct chain_epoch *epoch_of(const struct chain_walk *walk)
{
    return walk->epochs[walk->epoch_count - 1];
}

static bool epoch_add(struct chain_walk *walk, const struct validator_set *set,
                      const struct evidence_trust *trust)
{
    struct chain_epoch **epochs =
        realloc(walk->epochs, (walk->epoch_count + 1) * sizeof(struct chain_epoch *));
    walk->epochs = epochs == NULL ? walk->epochs : epochs;
    struct chain_epoch *epoch = epochs == NULL ? NULL : calloc(1, sizeof(*epoch));
    if (epoch == NULL) {
        return false;
    }
    epoch->number = walk->epoch_count;
    epoch->set = *set;
    epoch->trust = *trust;
    epoch->trust.set = &epoch->set;
    epoch->leader_offset = validator_leader_offset(&walk->block_id, set->count);
    epoch->start_height = walk->height;
    walk->epochs[walk->epoch_count++] = epoch;
    walk->view = 0;
    walk->closed = false;
    return true;
}

bool chain_walk_init(struct chain_walk *walk, const struct genesis *genesis)
{
    *walk = (struct chain_walk){
        .time_ms = genesis_state(genesis)->time_ms,
        .block_id = *genesis_chain_id(genesis),
    };
    beacon_of(genesis_chain_id(genesis)->bytes, &walk->beacon);
    crypto_tree_init(&walk->history, TAG_HISTORY_TREE);
    return epoch_add(walk, genesis_validators(genesis),
                     &(struct evidence_trust){.chain_id = *genesis_chain_id(genesis),
                                              .set_hash = *genesis_set_hash(genesis)});
}

bool chain_walk_open(struct chain_walk *walk, const struct validator_set *set)
{
    const struct chain_epoch *ended = epoch_of(walk);
    ASSERT(walk->closed);
    return epoch_add(walk, set,
                     &(struct evidence_trust){.chain_id = ended->trust.chain_id,
                                              .set_hash = ended->next_set_hash});
}

void chain_walk_free(struct chain_walk *walk)
{
    for (size_t i = 0; i < walk->epoch_count; i++) {
        free(walk->epochs[i]);
    }
    free(walk->epochs);
    free(walk->seen);
    *walk = (struct chain_walk){.height = 0};
}

static bool check_position(const struct chain_walk *walk, const struct block_header *header,
                           struct audit_fault *fault)
{
    const uint64_t height = walk->height + 1;
    if (header->height != height) {
        return fault_number(fault, height, "height",
                            (struct fault_numbers){"", height, header->height});
    }
    if (!hash_equal(&header->parent_id, &walk->block_id)) {
        return fault_hash(fault, height, "parent_id",
                          (struct fault_hashes){&walk->block_id, &header->parent_id});
    }
    if (header->time_ms <= walk->time_ms) {
        return fault_number(fault, height, "time_ms",
                            (struct fault_numbers){"above", walk->time_ms, header->time_ms});
    }
    const struct chain_epoch *epoch = epoch_of(walk);
    if (header->epoch != epoch->number) {
        return fault_number(fault, height, "epoch",
                            (struct fault_numbers){"", epoch->number, header->epoch});
    }
    if (header->view <= walk->view) {
        return fault_number(fault, height, "view",
                            (struct fault_numbers){"above", walk->view, header->view});
    }
    const uint32_t leader =
        (uint32_t)((header->view - 1 + epoch->leader_offset) % epoch->set.count);
    if (header->proposer != leader) {
        return fault_number(fault, height, "proposer",
                            (struct fault_numbers){"", leader, header->proposer});
    }
    return true;
}

static bool check_hashes(const struct chain_walk *walk, const struct wire_block *block,
                         struct audit_fault *fault)
{
    const struct block_header *header = &block->header;
    const struct evidence_trust *trust = &epoch_of(walk)->trust;
    struct hash history;
    struct hash evidence = {{0}};
    crypto_tree_root(&walk->history, &history);
    if (block->has_last_final) {
        crypto_digest(TAG_LAST_FINAL, block->last_final_bytes, &evidence);
    }
    const struct {
        const char *field;
        struct fault_hashes hashes;
    } checks[] = {
        {"chain_id", {&trust->chain_id, &header->chain_id}},
        {"set_hash", {&trust->set_hash, &header->set_hash}},
        {"hist_root", {&history, &header->hist_root}},
        {"last_cert_hash", {&evidence, &header->last_cert_hash}},
    };
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        if (!hash_equal(checks[i].hashes.expected, checks[i].hashes.actual)) {
            return fault_hash(fault, header->height, checks[i].field, checks[i].hashes);
        }
    }
    return true;
}

/* Where a certificate stands. */
struct place {
    uint64_t height;
    const char *field;
};

/* The certificate names a block of this chain, not above walk->height, as its header has it. */
static bool check_named(const struct chain_walk *walk, const struct finality *finality,
                        const struct place *at, struct audit_fault *fault)
{
    const struct proposal_light *light = &finality->light;
    if (light->height == 0 || light->height > walk->height) {
        return fault_number(
            fault, at->height, at->field,
            (struct fault_numbers){"the height of a block up to", walk->height, light->height});
    }
    const struct chain_seen *seen = &walk->seen[light->height - 1];
    if (!hash_equal(&light->block_id, &seen->block_id)) {
        return fault_hash(fault, at->height, at->field,
                          (struct fault_hashes){&seen->block_id, &light->block_id});
    }
    const struct chain_epoch *epoch = walk->epochs[seen->epoch];
    const struct hash *next =
        light->height == epoch->end_height ? &epoch->next_set_hash : &epoch->trust.set_hash;
    if (!hash_equal(&light->next_set_hash, next)) {
        return fault_hash(fault, at->height, at->field,
                          (struct fault_hashes){next, &light->next_set_hash});
    }
    if (light->epoch != epoch->number) {
        return fault_number(fault, at->height, at->field,
                            (struct fault_numbers){"epoch", epoch->number, light->epoch});
    }
    if (light->view < seen->view) {
        return fault_number(fault, at->height, at->field,
                            (struct fault_numbers){"a view from", seen->view, light->view});
    }
    return true;
}

/* K2: the certificate says more than those that the chain carries already. */
static bool check_new(const struct chain_walk *walk, const struct finality *finality,
                      const struct place *at, struct audit_fault *fault)
{
    return finality->light.height > walk->carried_height ||
           fault_number(fault, at->height, at->field,
                        (struct fault_numbers){"a height above", walk->carried_height,
                                               finality->light.height});
}

static bool remember(struct chain_walk *walk, const struct ahead_block *b)
{
    if (walk->height == walk->room) {
        const size_t room = walk->room == 0 ? SEEN_ROOM_FIRST : 2 * walk->room;
        struct chain_seen *seen = realloc(walk->seen, room * sizeof(*seen));
        if (seen == NULL) {
            return false;
        }
        walk->seen = seen;
        walk->room = room;
    }
    const struct block_header *header = &b->block.header;
    walk->seen[walk->height] =
        (struct chain_seen){.block_id = b->block_id, .view = header->view, .epoch = header->epoch};
    walk->height++;
    struct chain_epoch *epoch = epoch_of(walk);
    if (!hash_equal(&header->next_set_hash, &epoch->trust.set_hash)) {
        epoch->end_height = header->height;
        epoch->next_set_hash = header->next_set_hash;
        walk->closed = true;
    }
    walk->time_ms = header->time_ms;
    walk->view = header->view;
    walk->block_id = b->block_id;
    walk->beacon = b->beacon;
    walk->carried_height = b->carried_height;
    crypto_tree_append(&walk->history, bytes_of(b->block_id.bytes, HASH_SIZE));
    return true;
}

/* Nobody follows an epoch that ended in a block which its validators did not make final: the
 * first block of an epoch carries the proof. */
static bool check_start(const struct chain_walk *walk, const struct wire_block *block,
                        struct audit_fault *fault)
{
    const uint64_t start = epoch_of(walk)->start_height;
    if (start == 0 || walk->height != start ||
        (block->has_last_final && block->last_final.light.height == start)) {
        return true;
    }
    return fault_text(fault, walk->height + 1, "last_final",
                      "the finality of the block that ended the epoch",
                      block->has_last_final ? "another one" : "none");
}

enum chain_taken chain_walk_take(struct chain_walk *walk, struct ahead_block *b,
                                 struct audit_fault *fault)
{
    struct hash output;
    const struct wire_block *block = &b->block;
    const struct place place = {.height = walk->height + 1, .field = "last_final"};
    ASSERT(!walk->closed);
    if (!check_position(walk, &block->header, fault) || !check_hashes(walk, block, fault) ||
        !check_start(walk, block, fault) ||
        (block->has_last_final && (!check_named(walk, &block->last_final, &place, fault) ||
                                   !check_new(walk, &block->last_final, &place, fault))) ||
        !sealed_by(walk, block, fault)) {
        return CHAIN_REFUSED;
    }
    crypto_digest(TAG_BLOCK_HEADER, block->header_bytes, &b->block_id);
    b->trust = &epoch_of(walk)->trust;
    if (block->has_last_final) {
        b->last_trust = &walk->epochs[walk->seen[block->last_final.light.height - 1].epoch]->trust;
    }
    b->alpha_beacon = walk->beacon;
    crypto_vrf_output(&block->header.vrf_proof, &output);
    beacon_of(output.bytes, &b->beacon);
    b->carried_height =
        block->has_last_final ? block->last_final.light.height : walk->carried_height;
    return remember(walk, b) ? CHAIN_TAKEN : CHAIN_NO_MEMORY;
}

bool chain_walk_end(const struct chain_walk *walk, struct bytes finality, struct audit_fault *fault)
{
    struct finality decoded;
    const struct place place = {.height = walk->height, .field = "finality"};
    if (!wire_decode_last_final(finality, &decoded)) {
        return fault_text(fault, walk->height, "finality", "a canonical LAST_FINAL", "other bytes");
    }
    if (walk->seal_open) {
        return fault_text(fault, walk->seal_height, "seal", "a certificate that a block carries",
                          "another one");
    }
    if (!check_named(walk, &decoded, &place, fault)) {
        return false;
    }
    if (decoded.light.height != walk->height) {
        return fault_number(fault, walk->height, "finality",
                            (struct fault_numbers){"the height of the last block,", walk->height,
                                                   decoded.light.height});
    }
    const enum evidence_verdict verdict =
        evidence_verify(&walk->epochs[decoded.light.epoch]->trust, &decoded);
    return verdict == EVIDENCE_VALID ||
           fault_text(fault, walk->height, "finality", evidence_text(EVIDENCE_VALID),
                      evidence_text(verdict));
}
