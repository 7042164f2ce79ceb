#include "node/proposed.h"

#include "node/blocks.h"
#include "node/shards.h"

/* Proposals from validators: decoded, judged, signatures verified unless the core would refuse
 * them anyway, static rules checked. */

/* Whether the shards are those of the block is found out before (coding.c). */
static bool is_da_right(const struct driver *d, const struct proposal_rest *rest)
{
    struct shard_code code;
    return rest->da_mode == DA_FULL || shards_fields_hold(d, rest, &code);
}

/* A block is proposed by its proposer in its view, or again in a later one (E3). */
static bool is_place_right(const struct proposal *proposal, const struct block_header *header)
{
    const struct proposal_light *light = &proposal->light;
    const struct proposal_rest *rest = &proposal->rest;
    return rest->flags == PROPOSAL_REPROPOSED ? light->view > header->view
                                              : rest->flags == 0 && light->view == header->view &&
                                                    rest->leader == header->proposer;
}

/* A rule that needs the proposal and its block alone (R4): false is a reason for NULLIFY. */
static bool proposal_sound(const struct driver *d, const struct proposal *proposal,
                           const struct wire_block *block, size_t block_size)
{
    const struct proposal_light *light = &proposal->light;
    const struct proposal_rest *rest = &proposal->rest;
    const struct block_header *header = &block->header;
    if (!hash_equal(&rest->chain_id, &d->chain_id) ||
        !hash_equal(&header->chain_id, &d->chain_id) || !is_place_right(proposal, header) ||
        rest->block_size != block_size || !is_da_right(d, rest) ||
        light->height != header->height || light->epoch != header->epoch ||
        !hash_equal(&light->next_set_hash, &header->next_set_hash) ||
        !hash_equal(&header->set_hash, &d->set_hash)) {
        return false;
    }
    if (block->has_last_final) {
        static struct certificate certificate; /* 8 KB; the driver's thread only */
        inbound_finality_certificate(&block->last_final, &certificate);
        return block->last_final.light.height < header->height &&
               inbound_certificate_valid(d, &certificate);
    }
    return true;
}

void proposed_hash(const struct wire_proposal *message, struct hash *out)
{
    struct hash rest;
    struct crypto_sha256 sha;
    crypto_digest(TAG_PROPOSAL_REST, message->rest_bytes, &rest);
    crypto_digest_init(&sha, TAG_PROPOSAL);
    crypto_sha256_update(&sha, message->light_bytes);
    crypto_sha256_update(&sha, bytes_of(rest.bytes, HASH_SIZE));
    crypto_sha256_final(&sha, out);
}

/* Whether an empty block has a reason to exist (33.1): it seals, or a deadline is due. */
static bool has_due_work(struct driver *d, const struct wire_block *block)
{
    struct tip parent;
    if (!blocks_parent_tip(d, &block->header.parent_id, &parent)) {
        return true; /* unknown here: the core decides by what it knows of the parent */
    }
    const struct state_view view =
        parent.overlay != NULL ? store_overlay_view(parent.overlay) : store_view(d->store);
    return parent.unsealed || state_block_is_due(&view, block->header.time_ms);
}

enum proposed_verdict proposed_judge(struct driver *d, struct consensus_event *event,
                                     const struct signature *signature)
{
    event->now_ms = driver_now_ms();
    const enum consensus_verdict screened = consensus_screen(d->core, event);
    if (screened != CONSENSUS_ACCEPTED && screened != CONSENSUS_EQUIVOCATED) {
        return PROPOSED_PASS;
    }
    const struct proposal *proposal = event->proposal.proposal;
    const struct vote vote = {.kind = VOTE_PROPOSE,
                              .epoch = proposal->light.epoch,
                              .view = proposal->light.view,
                              .proposal = event->proposal.hash,
                              .validator = proposal->rest.leader,
                              .signature = *signature};
    if (screened == CONSENSUS_EQUIVOCATED && evidence_known(d, &vote)) {
        return PROPOSED_KNOWN;
    }
    const bool good = screened == CONSENSUS_ACCEPTED ? inbound_vote_valid(d, &vote)
                                                     : evidence_check(d, event->from, &vote);
    if (!good) {
        return PROPOSED_FALSE;
    }
    if (vote.validator == d->self) {
        guard_meet(d, &vote);
    }
    evidence_proposal(d, &vote);
    /* The block of a second one itself is not kept: there may be many. */
    return screened == CONSENSUS_ACCEPTED ? PROPOSED_TAKE : PROPOSED_PASS;
}

void proposed_take(struct driver *d, struct consensus_event *event,
                   const struct wire_proposal *message, const struct wire_block *block)
{
    event->proposal.parent_id = block->header.parent_id;
    event->proposal.empty = block->txs.count == 0;
    event->proposal.bad = !proposal_sound(d, &message->proposal, block, message->block.size);
    event->proposal.due_work = has_due_work(d, block);
    const uint64_t latest = driver_wall_ms() + genesis_params(d->genesis)->drift_max_ms;
    event->proposal.earliest_ok_ms =
        block->header.time_ms <= latest ? 0 : event->now_ms + (block->header.time_ms - latest);
    struct unfinal *u = blocks_add(d, message, block);
    if (u == NULL) {
        return;
    }
    u->bad = event->proposal.bad;
    event->proposal.proposal = &u->proposal;
    driver_step(d, event);
}

void proposed_receive(struct driver *d, uint32_t from, struct bytes body)
{
    static struct wire_proposal message;
    static struct wire_block block; /* 8 KB of finality; the driver's thread only */
    struct consensus_event event = {.kind = CONSENSUS_ON_PROPOSAL, .from = from};
    if (!wire_decode_proposal(body, &message) || !wire_decode_block(message.block, &block)) {
        inbound_odd(d, from, "sent a malformed proposal");
        return;
    }
    proposed_hash(&message, &event.proposal.hash);
    event.proposal.proposal = &message.proposal;
    if (message.proposal.light.epoch != d->epoch.number) { /* seats are others there */
        driver_step(d, &event);
        epoch_hold(d, message.proposal.light.epoch);
        return;
    }
    if (message.proposal.rest.leader >= d->set.count) {
        inbound_odd(d, from, "sent a malformed proposal");
        return;
    }
    switch (proposed_judge(d, &event, &message.signature)) {
    case PROPOSED_TAKE:
        break;
    case PROPOSED_PASS:
        driver_step(d, &event);
        return;
    case PROPOSED_KNOWN:
        return;
    case PROPOSED_FALSE:
        inbound_odd(d, from, "sent a proposal that does not verify");
        return;
    }
    if (!inbound_block_matches(&message.proposal.light.block_id, &block)) {
        inbound_odd(d, from, "sent a block that is not the proposal's");
        return;
    }
    if (message.proposal.rest.da_mode == DA_SHARD) {
        shards_check(d, from, &message, &event.proposal.hash);
    } else {
        proposed_take(d, &event, &message, &block);
    }
}
