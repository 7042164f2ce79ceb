#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "consensus/consensus.h"

/* Any sequence of events, also such as need more than f liars, must leave the core's
 * invariants whole (AUDIT runs after every step) and its actions in order. */

enum { N = 4, OPEN_MAX = 64, STEPS_MAX = 2000 };

struct input {
    const uint8_t *data;
    size_t size;
};

struct open {
    uint32_t count;
    struct consensus_action items[OPEN_MAX];
};

static uint8_t mem[1 << 20] __attribute__((aligned(16)));
static struct consensus_actions actions;
static struct proposal proposal;
static struct certificate certificate;

static uint8_t take(struct input *input)
{
    if (input->size == 0) {
        return 0;
    }
    input->size--;
    return *input->data++;
}

/* Few values, so that they meet. */
static struct hash hash_of(uint64_t view, uint8_t salt)
{
    struct hash hash = {{1, (uint8_t)view, (uint8_t)(view >> 8), salt}};
    return hash;
}

static uint64_t view_of(struct input *input, uint64_t current)
{
    const uint8_t byte = take(input);
    if (byte >= 250) {
        return current + ((uint64_t)1 << (byte - 245) * 6);
    }
    return current + byte % 8 > 3 ? current + byte % 8 - 3 : 1;
}

static void make_vote(struct input *input, uint64_t current, struct vote *out)
{
    const uint8_t byte = take(input);
    *out =
        (struct vote){.kind = (enum vote_kind)(byte & 3), .epoch = 1, .validator = byte >> 2 & 3};
    out->view = view_of(input, current);
    if (out->kind != VOTE_NULLIFY) {
        out->proposal = hash_of(out->view, byte >> 4 & 1);
    }
}

static void make_certificate(struct input *input, uint64_t current)
{
    struct vote vote;
    make_vote(input, current, &vote);
    certificate = (struct certificate){
        .kind = vote.kind, .epoch = 1, .view = vote.view, .proposal = vote.proposal};
    const uint8_t missing = take(input);
    for (uint32_t i = 0; i < N; i++) {
        if (i != missing) {
            validator_bitmap_set(&certificate.signers, i);
            certificate.signature_count++;
        }
    }
}

static void make_proposal(struct input *input, uint64_t current, struct consensus_event *event)
{
    const uint64_t view = view_of(input, current);
    const uint8_t byte = take(input);
    const uint64_t back = 1 + (byte >> 3 & 3);
    const uint64_t parent = view > back ? view - back : 0;
    proposal =
        (struct proposal){.light = {.epoch = 1, .view = view, .height = 1 + view % 40},
                          .rest = {.parent_view = parent, .leader = (uint32_t)((view - 1) % N)}};
    if (parent > 0) {
        proposal.rest.parent_proposal = hash_of(parent, byte >> 5 & 1);
    }
    if (view % 5 == 0 && (byte & 1) != 0) { /* a boundary, perhaps again */
        proposal.light.next_set_hash = hash_of(0, 1);
        proposal.light.block_id = hash_of(0, 2);
        proposal.light.height = 1 + (view - back) % 40;
        proposal.rest.flags = byte >> 2 & PROPOSAL_REPROPOSED;
    }
    event->proposal.proposal = &proposal;
    event->proposal.hash = hash_of(view, byte & 1);
    event->proposal.empty = (byte & 2) != 0;
    event->proposal.bad = (byte & 0xC4) == 0xC4;
    event->proposal.earliest_ok_ms = (byte & 0xC0) == 0x80 ? event->now_ms + 50 : 0;
}

/* The answer to a request that is open; which one, and whether it is yes, is drawn. */
static bool make_answer(struct input *input, struct open *open, struct consensus_event *event)
{
    if (open->count == 0) {
        return false;
    }
    const uint8_t byte = take(input);
    const uint32_t index = byte % open->count;
    const struct consensus_action action = open->items[index];
    open->items[index] = open->items[--open->count];
    if (action.kind == CONSENSUS_DO_SIGN) {
        event->kind = byte > 250 ? CONSENSUS_ON_SIGN_REFUSED : CONSENSUS_ON_SIGNED;
        event->vote = action.vote;
    } else if (action.kind == CONSENSUS_DO_CERTIFY) {
        event->kind = CONSENSUS_ON_CERTIFIED;
        event->certified.view = action.block.view;
        event->certified.proposal = action.block.proposal;
        event->certified.verdict =
            byte > 240 ? CONSENSUS_CERTIFY_BAD
                       : (byte > 230 ? CONSENSUS_CERTIFY_PENDING : CONSENSUS_CERTIFY_OK);
    } else if (byte > 240) {
        event->kind = CONSENSUS_ON_BUILD_FAILED;
        event->build_failed = action.build.view;
    } else {
        event->kind = CONSENSUS_ON_BUILT;
        proposal = (struct proposal){.light = {.epoch = 1,
                                               .view = action.build.view,
                                               .height = action.build.parent.height + 1},
                                     .rest = {.parent_view = action.build.parent.view,
                                              .parent_proposal = action.build.parent.proposal}};
        event->proposal.proposal = &proposal;
        event->proposal.hash = hash_of(action.build.view, 0);
    }
    return true;
}

static void keep_requests(struct open *open)
{
    for (uint32_t i = 0; i < actions.count; i++) {
        const struct consensus_action *action = &actions.items[i];
        if ((action->kind <= CONSENSUS_DO_PERSIST_VOTE) != (i < actions.persist_count)) {
            abort();
        }
        const bool asks = action->kind == CONSENSUS_DO_SIGN ||
                          action->kind == CONSENSUS_DO_CERTIFY ||
                          action->kind == CONSENSUS_DO_BUILD;
        if (asks && open->count < OPEN_MAX) {
            open->items[open->count++] = *action;
        }
    }
}

static bool make_event(struct input *input, const struct consensus *core, struct open *open,
                       struct consensus_event *event)
{
    struct consensus_status status;
    consensus_status(core, &status);
    const uint8_t byte = take(input);
    event->now_ms += byte >> 4 == 15 ? 700 : byte >> 6;
    event->from = byte >> 4 & 3;
    switch (byte & 15) {
    case 0:
    case 1:
    case 2:
        event->kind = CONSENSUS_ON_VOTE;
        make_vote(input, status.view, &event->vote);
        return true;
    case 3:
    case 4:
        event->kind = CONSENSUS_ON_CERTIFICATE;
        make_certificate(input, status.view);
        event->certificate = &certificate;
        return true;
    case 5:
    case 6:
        if ((byte & 63) == 54) {
            event->kind = CONSENSUS_ON_ANNOUNCED;
            event->announced = view_of(input, status.view);
            return true;
        }
        event->kind = CONSENSUS_ON_PROPOSAL;
        make_proposal(input, status.view, event);
        return true;
    case 7:
        event->kind = CONSENSUS_ON_WORK;
        event->work.now = (byte & 16) != 0;
        event->work.due_ms = (byte & 32) != 0 ? event->now_ms + 20 : UINT64_MAX;
        return true;
    case 8:
        event->kind = CONSENSUS_ON_GET_CERTIFICATES;
        event->range.epoch = 1;
        event->range.view = view_of(input, status.view);
        event->range.count = take(input);
        return true;
    case 9:
        event->kind = CONSENSUS_ON_STATUS;
        event->status.epoch = 1;
        event->status.view = view_of(input, status.view);
        event->status.final_view = view_of(input, status.last_final.view);
        return true;
    case 10:
        event->kind = CONSENSUS_ON_ADVANCED;
        make_certificate(input, status.view);
        event->advanced = (struct consensus_anchor){.view = certificate.view,
                                                    .proposal = certificate.proposal,
                                                    .height = 1 + certificate.view % 40,
                                                    .certificate = &certificate};
        return true;
    case 11:
        event->kind = (byte & 64) != 0 ? CONSENSUS_ON_HAVE : CONSENSUS_ON_PEER_UP;
        if (event->kind == CONSENSUS_ON_HAVE) {
            event->have.epoch = 1;
            event->have.view = view_of(input, status.view);
            event->have.kind = (enum vote_kind)(take(input) % 5);
        }
        return true;
    case 12:
        event->kind = CONSENSUS_ON_TIMEOUT;
        return true;
    default:
        return make_answer(input, open, event);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {.data = data, .size = size};
    struct open open = {.count = 0};
    struct consensus_event event = {.kind = CONSENSUS_ON_START, .now_ms = 1};
    const uint8_t who = take(&input);
    const struct consensus_config config = {.epoch = 1,
                                            .validator_count = N,
                                            .self = (who & 7) == 0 ? CONSENSUS_OBSERVER : 3,
                                            .announces = who >= 128,
                                            .delta_0_ms = 100,
                                            .delta_max_ms = 1000,
                                            .c_max_ms = 100,
                                            .min_block_interval_ms = 5,
                                            .standstill_ms = 1000};
    if (consensus_footprint(N) > sizeof(mem)) {
        abort();
    }
    struct consensus *core = consensus_init(mem, &config);
    for (uint8_t k = take(&input) % 16; k > 0; k--) { /* what a journal might hold */
        struct vote vote;
        make_vote(&input, 3, &vote);
        vote.validator = config.self;
        consensus_restore_vote(core, &vote);
        make_certificate(&input, 3);
        consensus_restore_certificate(core, &certificate);
        make_proposal(&input, 3, &event);
        consensus_restore_proposal(core, &proposal, &event.proposal.hash, &event.proposal.parent_id,
                                   false);
        consensus_restore_certified(core, proposal.light.view, &event.proposal.hash);
    }
    event = (struct consensus_event){.kind = CONSENSUS_ON_START, .now_ms = 1};
    enum consensus_verdict verdict = consensus_step(core, &event, &actions);
    keep_requests(&open);
    for (int step = 0; step < STEPS_MAX && input.size > 0; step++) {
        event = (struct consensus_event){.now_ms = event.now_ms};
        if (make_event(&input, core, &open, &event)) {
            verdict = consensus_screen(core, &event);
            verdict = consensus_step(core, &event, &actions);
            keep_requests(&open);
        }
    }
    (void)verdict;
    return 0;
}
