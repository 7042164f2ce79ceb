#include "client/audit/chain.h"

#include <stdlib.h>
#include <string.h>

enum { SEEN_ROOM_FIRST = 1024 };

static void beacon_of(const uint8_t *bytes, struct hash *out)
{
    crypto_digest(TAG_BEACON, bytes_of(bytes, HASH_SIZE), out);
}

void chain_walk_init(struct chain_walk *walk, const struct genesis *genesis)
{
    *walk = (struct chain_walk){
        .trust = {.chain_id = *genesis_chain_id(genesis),
                  .set_hash = *genesis_set_hash(genesis),
                  .set = genesis_validators(genesis)},
        .leader_offset = genesis_leader_offset(genesis),
        .time_ms = genesis_state(genesis)->time_ms,
        .block_id = *genesis_chain_id(genesis),
    };
    beacon_of(walk->trust.chain_id.bytes, &walk->beacon);
    crypto_tree_init(&walk->history, TAG_HISTORY_TREE);
}

void chain_walk_free(struct chain_walk *walk)
{
    free(walk->seen);
    walk->seen = NULL;
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
    if (header->epoch != 0) {
        return fault_number(fault, height, "epoch", (struct fault_numbers){"", 0, header->epoch});
    }
    if (header->view <= walk->view) {
        return fault_number(fault, height, "view",
                            (struct fault_numbers){"above", walk->view, header->view});
    }
    const uint32_t leader =
        (uint32_t)((header->view - 1 + walk->leader_offset) % walk->trust.set->count);
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
    const struct evidence_trust *trust = &walk->trust;
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
        {"next_set_hash", {&trust->set_hash, &header->next_set_hash}},
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
    const struct hash *set_hash = &walk->trust.set_hash;
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
    if (!hash_equal(&light->next_set_hash, set_hash)) {
        return fault_hash(fault, at->height, at->field,
                          (struct fault_hashes){set_hash, &light->next_set_hash});
    }
    if (light->epoch != 0) {
        return fault_number(fault, at->height, at->field,
                            (struct fault_numbers){"epoch", 0, light->epoch});
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
    walk->seen[walk->height] = (struct chain_seen){.block_id = b->block_id, .view = header->view};
    walk->height++;
    walk->time_ms = header->time_ms;
    walk->view = header->view;
    walk->block_id = b->block_id;
    walk->beacon = b->beacon;
    walk->carried_height = b->carried_height;
    crypto_tree_append(&walk->history, bytes_of(b->block_id.bytes, HASH_SIZE));
    return true;
}

enum chain_taken chain_walk_take(struct chain_walk *walk, struct ahead_block *b,
                                 struct audit_fault *fault)
{
    struct hash output;
    const struct wire_block *block = &b->block;
    const struct place place = {.height = walk->height + 1, .field = "last_final"};
    if (!check_position(walk, &block->header, fault) || !check_hashes(walk, block, fault) ||
        (block->has_last_final && (!check_named(walk, &block->last_final, &place, fault) ||
                                   !check_new(walk, &block->last_final, &place, fault)))) {
        return CHAIN_REFUSED;
    }
    crypto_digest(TAG_BLOCK_HEADER, block->header_bytes, &b->block_id);
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
    if (!check_named(walk, &decoded, &place, fault)) {
        return false;
    }
    if (decoded.light.height != walk->height) {
        return fault_number(fault, walk->height, "finality",
                            (struct fault_numbers){"the height of the last block,", walk->height,
                                                   decoded.light.height});
    }
    const enum evidence_verdict verdict = evidence_verify(&walk->trust, &decoded);
    return verdict == EVIDENCE_VALID ||
           fault_text(fault, walk->height, "finality", evidence_text(EVIDENCE_VALID),
                      evidence_text(verdict));
}
