#include "tests/support/wire_draw.h"

#include "tests/support/random.h"

uint64_t draw_u64(uint64_t *seed)
{
    const uint64_t value = random_next(seed);
    return value >> random_below(seed, 64);
}

static uint32_t draw_u32(uint64_t *seed)
{
    return (uint32_t)random_next(seed) >> random_below(seed, 32);
}

void draw_hash(uint64_t *seed, struct hash *out)
{
    random_fill(seed, out->bytes, HASH_SIZE);
}

void draw_signature(uint64_t *seed, struct signature *out)
{
    random_fill(seed, out->bytes, SIGNATURE_SIZE);
}

void draw_header(uint64_t *seed, struct block_header *out)
{
    out->version = BLOCK_VERSION;
    draw_hash(seed, &out->chain_id);
    out->height = draw_u64(seed);
    draw_hash(seed, &out->parent_id);
    out->time_ms = draw_u64(seed);
    out->epoch = draw_u64(seed);
    out->view = draw_u64(seed);
    out->proposer = (uint32_t)random_below(seed, VALIDATOR_COUNT_MAX);
    random_fill(seed, out->vrf_proof.bytes, VRF_PROOF_SIZE);
    draw_hash(seed, &out->txs_root);
    draw_hash(seed, &out->state_root);
    draw_hash(seed, &out->results_root);
    draw_hash(seed, &out->hist_root);
    draw_hash(seed, &out->set_hash);
    draw_hash(seed, &out->next_set_hash);
    out->last_cert_hash = (struct hash){0};
}

void draw_light(uint64_t *seed, struct proposal_light *out)
{
    out->epoch = draw_u64(seed);
    out->view = draw_u64(seed);
    out->height = draw_u64(seed);
    draw_hash(seed, &out->block_id);
    draw_hash(seed, &out->next_set_hash);
}

void draw_rest(uint64_t *seed, struct proposal_rest *out)
{
    *out = (struct proposal_rest){.version = PROPOSAL_VERSION, .da_mode = DA_FULL};
    draw_hash(seed, &out->chain_id);
    out->parent_view = draw_u64(seed);
    draw_hash(seed, &out->parent_proposal);
    out->block_size = draw_u32(seed) % (BLOCK_SIZE_MAX + 1);
    out->leader = (uint32_t)random_below(seed, VALIDATOR_COUNT_MAX);
    out->flags = (uint32_t)random_below(seed, 2);
    if (random_below(seed, 2) == 1) {
        out->da_mode = DA_SHARD;
        out->da_n = 1 + (uint32_t)random_below(seed, VALIDATOR_COUNT_MAX);
        out->da_k = 1 + (uint32_t)random_below(seed, out->da_n);
        out->block_size = 1 + draw_u32(seed) % BLOCK_SIZE_MAX;
        out->shard_size = 1 + draw_u32(seed) % SHARD_SIZE_MAX;
        draw_hash(seed, &out->da_root);
    }
}

/* Mostly a few signers of a small set, sometimes all 128. */
static uint32_t draw_signers(uint64_t *seed, struct validator_bitmap *bitmap,
                             struct signature *signatures)
{
    const uint64_t limits[] = {1, 4, 7, 20, VALIDATOR_COUNT_MAX};
    const uint64_t limit = limits[random_below(seed, 5)];
    *bitmap = (struct validator_bitmap){0};
    for (uint64_t i = 0; i < limit; i++) {
        validator_bitmap_set(bitmap, (uint32_t)random_below(seed, limit));
    }
    const uint32_t count = validator_bitmap_count(bitmap);
    for (uint32_t i = 0; i < count; i++) {
        draw_signature(seed, &signatures[i]);
    }
    return count;
}

void draw_finality(uint64_t *seed, struct finality *out)
{
    draw_light(seed, &out->light);
    draw_hash(seed, &out->rest_digest);
    out->signature_count = draw_signers(seed, &out->signers, out->signatures);
}

void draw_vote(uint64_t *seed, struct vote *out)
{
    *out = (struct vote){.kind = (enum vote_kind)random_below(seed, 4)};
    out->epoch = draw_u64(seed);
    out->view = draw_u64(seed);
    if (out->kind != VOTE_NULLIFY) {
        draw_hash(seed, &out->proposal);
    }
    out->validator = (uint32_t)random_below(seed, VALIDATOR_COUNT_MAX);
    draw_signature(seed, &out->signature);
}

void draw_certificate(uint64_t *seed, struct certificate *out)
{
    out->kind = (enum vote_kind)(VOTE_NOTARIZE + random_below(seed, 3));
    out->epoch = draw_u64(seed);
    out->view = draw_u64(seed);
    out->proposal = (struct hash){0};
    if (out->kind != VOTE_NULLIFY) {
        draw_hash(seed, &out->proposal);
    }
    out->signature_count = draw_signers(seed, &out->signers, out->signatures);
}

void draw_validator_set(uint64_t *seed, struct validator_set *out)
{
    out->count = 1 + (uint32_t)random_below(seed, random_below(seed, 4) ? 7 : VALIDATOR_COUNT_MAX);
    for (uint32_t i = 0; i < out->count; i++) {
        random_fill(seed, out->items[i].consensus.bytes, PUBLIC_KEY_SIZE);
        random_fill(seed, out->items[i].network.bytes, PUBLIC_KEY_SIZE);
        random_fill(seed, out->items[i].vrf.bytes, PUBLIC_KEY_SIZE);
        random_fill(seed, out->items[i].account.bytes, ADDRESS_SIZE);
    }
}

/* Anything but an array. */
static void draw_scalar(uint64_t *seed, struct wire_writer *writer)
{
    static const char text[] = "gr\xc3\xa4"
                               "dus, \xe2\x82\xac, a text of more than thirty-two bytes";
    const size_t sizes[] = {0, 1, 3, 4, 31, 32, 40};
    uint8_t body[300];
    switch (random_below(seed, 3)) {
    case 0:
        wire_write_u64(writer, draw_u64(seed));
        return;
    case 1:
        random_fill(seed, body, sizeof(body));
        wire_write_bin(writer,
                       bytes_of(body, random_below(seed, random_below(seed, 8) ? 40 : 300)));
        return;
    default: {
        const size_t size = sizes[random_below(seed, 7)];
        wire_write_str(writer, bytes_of(text, size == 3 ? 2 : size)); /* 3 would cut a character */
        return;
    }
    }
}

void draw_element(uint64_t *seed, struct wire_writer *writer, uint32_t depth)
{
    uint32_t open[WIRE_DEPTH_MAX + 1] = {1};
    uint32_t at = 0;
    ASSERT(depth <= WIRE_DEPTH_MAX);
    for (;;) {
        while (at > 0 && open[at] == 0) {
            at--;
        }
        if (open[at] == 0) {
            return;
        }
        open[at]--;
        if (at < depth && random_below(seed, 3) == 0) {
            at++;
            open[at] = (uint32_t)random_below(seed, random_below(seed, 8) ? 4 : 20);
            wire_write_array(writer, open[at]);
        } else {
            draw_scalar(seed, writer);
        }
    }
}

void draw_body(uint64_t *seed, struct wire_writer *writer)
{
    const uint32_t count = (uint32_t)random_below(seed, 8);
    wire_write_array(writer, count);
    for (uint32_t i = 0; i < count; i++) {
        draw_element(seed, writer, 3);
    }
}
