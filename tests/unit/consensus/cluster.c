#include "tests/unit/consensus/cluster.h"

#include <stdlib.h>

#include "base/endian.h"

static void hash_mix(struct hash *hash, uint64_t value)
{
    for (int lane = 0; lane < 4; lane++) {
        uint64_t x = load_le64(hash->bytes + 8 * lane) ^ value ^ ((uint64_t)lane << 56);
        x = (x ^ (x >> 31)) * UINT64_C(0x9E3779B97F4A7C15) + 1;
        x ^= x >> 29;
        store_le64(hash->bytes + 8 * lane, x);
    }
}

struct cluster *cluster_make(uint32_t n)
{
    struct cluster *cluster = calloc(1, sizeof(*cluster));
    ASSERT(cluster != NULL && n <= CLUSTER_NODES_MAX);
    cluster->n = n;
    cluster->now_ms = 1000;
    for (uint32_t i = 0; i < n; i++) {
        cluster_boot(cluster, i);
    }
    return cluster;
}

void cluster_config(const struct cluster *cluster, uint32_t self, struct consensus_config *out)
{
    *out = (struct consensus_config){
        .epoch = 1,
        .validator_count = cluster->n,
        .self = self,
        .delta_0_ms = 100,
        .delta_max_ms = 30000,
        .c_max_ms = 1000,
        .min_block_interval_ms = 5,
        .standstill_ms = 5000,
        .announces = cluster->announces,
    };
    memset(&out->anchor.block_id, 0xA0, sizeof(out->anchor.block_id));
}

void cluster_boot(struct cluster *cluster, uint32_t i)
{
    struct cluster_node *node = &cluster->nodes[i];
    cluster_stop(cluster, i);
    struct consensus_config config;
    cluster_config(cluster, i, &config);
    *node = (struct cluster_node){
        .timer_ms = UINT64_MAX, .can_build = true, .verdict = CONSENSUS_CERTIFY_OK};
    node->actions = malloc(sizeof(*node->actions));
    void *mem = malloc(consensus_footprint(cluster->n));
    ASSERT(node->actions != NULL && mem != NULL);
    node->core = consensus_init(mem, &config);
}

void cluster_stop(struct cluster *cluster, uint32_t i)
{
    free(cluster->nodes[i].core);
    free(cluster->nodes[i].actions);
    cluster->nodes[i].core = NULL;
    cluster->nodes[i].actions = NULL;
}

void cluster_free(struct cluster *cluster)
{
    for (uint32_t i = 0; i < cluster->n; i++) {
        cluster_stop(cluster, i);
    }
    while (cluster->first != NULL) {
        struct cluster_message *next = cluster->first->next;
        free(cluster->first);
        cluster->first = next;
    }
    free(cluster);
}

static uint32_t block_find(const struct cluster *cluster, const struct hash *hash)
{
    for (uint32_t i = 0; i < cluster->block_count; i++) {
        if (hash_equal(&cluster->hashes[i], hash)) {
            return i;
        }
    }
    return UINT32_MAX;
}

/* What a driver reads from the block's header, unless the test says something else. */
static void fill_parent(const struct cluster *cluster, struct consensus_event *event)
{
    if (event->kind != CONSENSUS_ON_PROPOSAL && event->kind != CONSENSUS_ON_BUILT) {
        return;
    }
    const uint32_t at = block_find(cluster, &event->proposal.hash);
    if (at != UINT32_MAX && hash_is_zero(&event->proposal.parent_id)) {
        event->proposal.parent_id = cluster->parent_ids[at];
    }
}

static void post(struct cluster *cluster, uint32_t to, const struct consensus_event *event)
{
    struct cluster_message *message = malloc(sizeof(*message));
    ASSERT(message != NULL);
    message->next = NULL;
    message->to = to;
    message->event = *event;
    fill_parent(cluster, &message->event);
    if (event->kind == CONSENSUS_ON_PROPOSAL || event->kind == CONSENSUS_ON_BUILT) {
        message->proposal = *event->proposal.proposal;
    }
    if (event->kind == CONSENSUS_ON_CERTIFICATE) {
        message->certificate = *event->certificate;
    }
    if (cluster->last == NULL) {
        cluster->first = message;
    } else {
        cluster->last->next = message;
    }
    cluster->last = message;
}

static void send(struct cluster *cluster, uint32_t to, const struct consensus_event *event)
{
    for (uint32_t i = 0; i < cluster->n; i++) {
        if (i != event->from && (to == CONSENSUS_ALL || to == i)) {
            post(cluster, i, event);
        }
    }
}

static void post_block(struct cluster *cluster, uint32_t from, uint32_t to, const struct hash *hash)
{
    const uint32_t at = block_find(cluster, hash);
    ASSERT(at != UINT32_MAX);
    const struct consensus_event event = {
        .kind = CONSENSUS_ON_PROPOSAL,
        .from = from,
        .proposal = {.proposal = &cluster->blocks[at], .hash = *hash, .empty = cluster->empty[at]}};
    send(cluster, to, &event);
}

struct hash cluster_propose(struct cluster *cluster, uint64_t view,
                            const struct consensus_block *parent, uint8_t salt,
                            struct proposal *out)
{
    *out = (struct proposal){.light = {.epoch = 1, .view = view, .height = parent->height + 1},
                             .rest = {.parent_view = parent->view,
                                      .parent_proposal = parent->proposal,
                                      .leader = (uint32_t)((view - 1) % cluster->n)}};
    struct hash hash = {{salt}};
    hash_mix(&hash, view);
    hash_mix(&hash, parent->view);
    hash_mix(&hash, load_le64(parent->proposal.bytes));
    out->light.block_id = hash;
    hash_mix(&out->light.block_id, 77);
    if (parent->boundary) { /* E3 */
        out->light.height = parent->height;
        out->light.block_id = parent->block_id;
        out->rest.flags = PROPOSAL_REPROPOSED;
    }
    if (out->light.height == cluster->boundary_height) {
        memset(&out->light.next_set_hash, 7, sizeof(out->light.next_set_hash));
    }
    if (block_find(cluster, &hash) == UINT32_MAX) {
        ASSERT(cluster->block_count < CLUSTER_BLOCKS_MAX);
        cluster->hashes[cluster->block_count] = hash;
        cluster->blocks[cluster->block_count] = *out;
        cluster->parent_ids[cluster->block_count] = parent->block_id;
        if (parent->view == 0) {
            struct consensus_config config;
            cluster_config(cluster, 0, &config);
            cluster->parent_ids[cluster->block_count] = config.anchor.block_id;
        }
        cluster->empty[cluster->block_count] = cluster->build_empty;
        cluster->block_count++;
    }
    return hash;
}

static void do_build(struct cluster *cluster, uint32_t i, const struct consensus_action *action)
{
    if (!cluster->nodes[i].can_build) {
        post(cluster, i,
             &(struct consensus_event){
                 .kind = CONSENSUS_ON_BUILD_FAILED, .from = i, .build_failed = action->build.view});
        return;
    }
    struct proposal proposal;
    const struct hash hash =
        cluster_propose(cluster, action->build.view, &action->build.parent, 0, &proposal);
    proposal.rest.da_mode = cluster->build_shards ? DA_SHARD : DA_FULL;
    const bool empty = cluster->build_empty || action->build.carrier_only;
    const struct consensus_event event = {
        .kind = CONSENSUS_ON_BUILT,
        .from = i,
        .proposal = {.proposal = &proposal, .hash = hash, .empty = empty}};
    post(cluster, i, &event);
}

static void do_final(struct cluster_node *node)
{
    for (uint32_t k = 0; k < node->actions->final_count; k++) {
        ASSERT(node->final_count < CLUSTER_FINALS_MAX);
        node->finals[node->final_count++] = node->actions->finals[k];
    }
}

static void do_send_status(struct cluster *cluster, uint32_t i, uint32_t to)
{
    struct consensus_status status;
    struct certificate certificate;
    consensus_status(cluster->nodes[i].core, &status);
    struct consensus_event event = {
        .kind = CONSENSUS_ON_CERTIFICATE, .from = i, .certificate = &certificate};
    if (consensus_certificate(cluster->nodes[i].core, VOTE_FINALIZE, status.last_final.view,
                              &certificate)) {
        send(cluster, to, &event);
    }
    if (status.entry_kind != VOTE_PROPOSE &&
        consensus_certificate(cluster->nodes[i].core, status.entry_kind, status.entry_view,
                              &certificate)) {
        send(cluster, to, &event);
    }
    event = (struct consensus_event){
        .kind = CONSENSUS_ON_STATUS,
        .from = i,
        .status = {.epoch = 1, .view = status.view, .final_view = status.last_final.view}};
    send(cluster, to, &event);
}

static void do_request(struct cluster *cluster, uint32_t i, const struct consensus_action *action)
{
    struct consensus_event event = {.from = i};
    if (action->kind == CONSENSUS_DO_SIGN) {
        event.kind = CONSENSUS_ON_SIGNED;
        event.vote = action->vote;
        memset(&event.vote.signature, (int)i + 1, sizeof(event.vote.signature));
        cluster->nodes[i].signed_count[action->vote.kind]++;
        post(cluster, i, &event);
    }
    if (action->kind == CONSENSUS_DO_CERTIFY) {
        event.kind = CONSENSUS_ON_CERTIFIED;
        event.certified.view = action->block.view;
        event.certified.proposal = action->block.proposal;
        event.certified.verdict = cluster->nodes[i].verdict;
        post(cluster, i, &event);
    }
    if (action->kind == CONSENSUS_DO_GET_CERTIFICATES) {
        event.kind = CONSENSUS_ON_GET_CERTIFICATES;
        event.range.epoch = 1;
        event.range.view = action->range.view;
        event.range.count = action->range.count;
        send(cluster, action->to, &event);
    }
    if (action->kind == CONSENSUS_DO_GET_BLOCK && cluster->nodes[action->to].core != NULL) {
        post_block(cluster, action->to, i, &action->block.proposal);
    }
}

static void do_send(struct cluster *cluster, uint32_t i, const struct consensus_action *action)
{
    struct certificate certificate;
    struct consensus_event event = {.from = i};
    if (action->kind == CONSENSUS_DO_SEND_PROPOSAL) {
        post_block(cluster, i, CONSENSUS_ALL, &action->vote.proposal);
    }
    if (action->kind == CONSENSUS_DO_SEND_VOTE) {
        event.kind = CONSENSUS_ON_VOTE;
        event.vote = action->vote;
        send(cluster, CONSENSUS_ALL, &event);
    }
    if (action->kind == CONSENSUS_DO_SEND_CERTIFICATE) {
        const bool held = consensus_certificate(cluster->nodes[i].core, action->certificate.kind,
                                                action->certificate.view, &certificate);
        ASSERT(held);
        event.kind = CONSENSUS_ON_CERTIFICATE;
        event.certificate = &certificate;
        send(cluster, action->to, &event);
    }
    if (action->kind == CONSENSUS_DO_SEND_HAVE) {
        event.kind = CONSENSUS_ON_HAVE;
        event.have.epoch = 1;
        event.have.view = action->certificate.view;
        event.have.kind = action->certificate.kind;
        send(cluster, action->to, &event);
    }
    if (action->kind == CONSENSUS_DO_SEND_STATUS) {
        do_send_status(cluster, i, action->to);
    }
}

static void do_actions(struct cluster *cluster, uint32_t i)
{
    struct cluster_node *node = &cluster->nodes[i];
    for (uint32_t k = 0; k < node->actions->count; k++) {
        const struct consensus_action *action = &node->actions->items[k];
        ASSERT((action->kind <= CONSENSUS_DO_PERSIST_VOTE) == (k < node->actions->persist_count));
        do_request(cluster, i, action);
        do_send(cluster, i, action);
        if (action->kind == CONSENSUS_DO_BUILD) {
            do_build(cluster, i, action);
        }
        if (action->kind == CONSENSUS_DO_FINAL) {
            do_final(node);
        }
        if (action->kind == CONSENSUS_DO_SET_TIMER) {
            node->timer_ms = action->timer_at_ms;
        }
        node->catch_ups += action->kind == CONSENSUS_DO_CATCH_UP ? 1 : 0;
        node->epochs_ended += action->kind == CONSENSUS_DO_END_EPOCH ? 1 : 0;
        node->diverged += action->kind == CONSENSUS_DO_DIVERGED ? 1 : 0;
    }
}

enum consensus_verdict cluster_step(struct cluster *cluster, uint32_t i,
                                    struct consensus_event event)
{
    struct cluster_node *node = &cluster->nodes[i];
    event.now_ms = cluster->now_ms;
    fill_parent(cluster, &event);
    const enum consensus_verdict verdict = consensus_step(node->core, &event, node->actions);
    do_actions(cluster, i);
    return verdict;
}

void cluster_start_all(struct cluster *cluster)
{
    for (uint32_t i = 0; i < cluster->n; i++) {
        const struct consensus_event event = {.kind = CONSENSUS_ON_START};
        (void)cluster_step(cluster, i, event);
    }
}

void cluster_work_all(struct cluster *cluster, bool now)
{
    for (uint32_t i = 0; i < cluster->n; i++) {
        const struct consensus_event event = {.kind = CONSENSUS_ON_WORK,
                                              .work = {.now = now, .due_ms = UINT64_MAX}};
        if (cluster->nodes[i].core != NULL) {
            (void)cluster_step(cluster, i, event);
        }
    }
}

bool cluster_settle(struct cluster *cluster, uint32_t max)
{
    for (uint32_t k = 0; k < max && cluster->first != NULL; k++) {
        struct cluster_message *message = cluster->first;
        cluster->first = message->next;
        cluster->last = cluster->first == NULL ? NULL : cluster->last;
        message->event.now_ms = cluster->now_ms;
        if (message->event.kind == CONSENSUS_ON_PROPOSAL ||
            message->event.kind == CONSENSUS_ON_BUILT) {
            message->event.proposal.proposal = &message->proposal;
        }
        if (message->event.kind == CONSENSUS_ON_CERTIFICATE) {
            message->event.certificate = &message->certificate;
        }
        const bool lost = cluster->filter != NULL && cluster->filter(cluster, message);
        if (!lost && cluster->nodes[message->to].core != NULL) {
            (void)cluster_step(cluster, message->to, message->event);
        }
        free(message);
    }
    return cluster->first == NULL;
}

bool cluster_tick(struct cluster *cluster, uint64_t limit_ms)
{
    uint32_t next = UINT32_MAX;
    uint64_t at_ms = UINT64_MAX;
    for (uint32_t i = 0; i < cluster->n; i++) {
        const struct cluster_node *node = &cluster->nodes[i];
        if (node->core != NULL && node->timer_ms < at_ms) {
            at_ms = node->timer_ms;
            next = i;
        }
    }
    if (next == UINT32_MAX || at_ms > limit_ms) {
        return false;
    }
    cluster->now_ms = at_ms > cluster->now_ms ? at_ms : cluster->now_ms;
    cluster->nodes[next].timer_ms = UINT64_MAX;
    const struct consensus_event event = {.kind = CONSENSUS_ON_TIMEOUT};
    (void)cluster_step(cluster, next, event);
    return true;
}

void cluster_run(struct cluster *cluster, uint64_t duration_ms)
{
    const uint64_t end_ms = cluster->now_ms + duration_ms;
    ASSERT(cluster_settle(cluster, 100000));
    while (cluster_tick(cluster, end_ms)) {
        ASSERT(cluster_settle(cluster, 100000));
    }
    cluster->now_ms = end_ms;
}

struct vote cluster_vote(enum vote_kind kind, uint64_t view, const struct hash *proposal,
                         uint32_t validator)
{
    struct vote vote = {.kind = kind, .epoch = 1, .view = view, .validator = validator};
    if (kind != VOTE_NULLIFY) {
        vote.proposal = *proposal;
    }
    memset(&vote.signature, (int)validator + 1, sizeof(vote.signature));
    return vote;
}

struct certificate cluster_certificate(const struct cluster *cluster, enum vote_kind kind,
                                       uint64_t view, const struct hash *proposal)
{
    struct certificate certificate = {.kind = kind, .epoch = 1, .view = view};
    if (kind != VOTE_NULLIFY) {
        certificate.proposal = *proposal;
    }
    for (uint32_t i = 0; i < validator_quorum(cluster->n); i++) {
        validator_bitmap_set(&certificate.signers, i);
        const struct vote vote = cluster_vote(kind, view, proposal, i);
        certificate.signatures[certificate.signature_count++] = vote.signature;
    }
    return certificate;
}

struct consensus_event cluster_event_vote(const struct vote *vote)
{
    return (struct consensus_event){
        .kind = CONSENSUS_ON_VOTE, .from = vote->validator, .vote = *vote};
}

uint64_t cluster_view(const struct cluster *cluster, uint32_t i)
{
    struct consensus_status status;
    consensus_status(cluster->nodes[i].core, &status);
    return status.view;
}

uint32_t cluster_count(const struct cluster *cluster, uint32_t i, enum consensus_action_kind kind)
{
    const struct consensus_actions *actions = cluster->nodes[i].actions;
    uint32_t count = 0;
    for (uint32_t k = 0; k < actions->count; k++) {
        count += actions->items[k].kind == kind ? 1 : 0;
    }
    return count;
}
