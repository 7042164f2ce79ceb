#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "node/blocks.h"
#include "node/proposed.h"
#include "node/shards.h"

/* What the worker does: our own blocks coded, the blocks of others restored from shards or, when
 * they came whole, compared with what their leader has signed. */

enum coding_purpose { WORK_BUILD, WORK_RESTORE, WORK_CHECK };

struct work {
    struct coder_job job; /* first: the coder gives it back */
    enum coding_purpose purpose;
    uint32_t from;
    struct hash hash; /* of the proposal; not yet known while it is built */
    struct proposal proposal;
    struct signature signature;
    struct consensus_event built;
    uint8_t block[]; /* BUILD and CHECK: a copy */
};

/* With a copy of the block and, unless it restores, a room.  NULL: no memory. */
static struct work *work_new(enum coding_purpose purpose, const struct shard_code *code,
                             struct bytes block)
{
    struct work *work = calloc(1, sizeof(*work) + block.size);
    if (work == NULL) {
        return NULL;
    }
    work->purpose = purpose;
    work->job.kind = purpose == WORK_RESTORE ? CODER_RESTORE : CODER_ENCODE;
    work->job.code = *code;
    if (purpose == WORK_RESTORE) {
        return work;
    }
    memcpy(work->block, block.data, block.size);
    work->job.block = bytes_of(work->block, block.size);
    work->job.room = malloc(shard_room(code));
    if (work->job.room == NULL) {
        free(work);
        return NULL;
    }
    return work;
}

static void work_free(struct work *work)
{
    free(work->job.room);
    free(work);
}

static void submit(struct driver *d, struct work *work)
{
    d->shards->job_count++;
    d->shards->check_count += work->purpose == WORK_CHECK ? 1 : 0;
    coder_submit(d->shards->coder, &work->job);
}

bool shards_build(struct driver *d, const struct wire_proposal *message,
                  const struct consensus_event *event)
{
    struct shard_code code;
    struct work *work = NULL;
    if (shard_code_derive(d->set.count, (uint32_t)message->block.size, &code)) {
        work = work_new(WORK_BUILD, &code, message->block);
    }
    if (work == NULL) {
        return false;
    }
    work->proposal = message->proposal;
    work->built = *event;
    struct proposal_rest *rest = &work->proposal.rest;
    rest->da_mode = DA_SHARD;
    rest->da_n = code.count;
    rest->da_k = code.required;
    rest->shard_size = code.shard_size;
    submit(d, work);
    return true;
}

void shards_restore(struct driver *d, struct shard_set *set)
{
    struct work *work = work_new(WORK_RESTORE, &set->code, (struct bytes){0});
    if (work == NULL) {
        return; /* shards_poll tries again */
    }
    work->from = set->proposal.rest.leader;
    work->hash = set->hash;
    work->proposal = set->proposal;
    work->signature = set->signature;
    work->job.root = set->proposal.rest.da_root;
    memcpy(work->job.present, set->present, sizeof(set->present));
    work->job.room = set->room;
    set->room = NULL;
    set->state = SHARD_SET_BUSY;
    submit(d, work);
}

void shards_check(struct driver *d, uint32_t from, const struct wire_proposal *message,
                  const struct hash *hash)
{
    struct shard_code code;
    struct consensus_event event = {.kind = CONSENSUS_ON_PROPOSAL, .from = from};
    if (!shards_fields_hold(d, &message->proposal.rest, &code) ||
        message->block.size != code.block_size) {
        event.proposal.proposal = &message->proposal;
        event.proposal.hash = *hash;
        event.proposal.bad = true;
        driver_step(d, &event);
        return;
    }
    if (d->shards->check_count >= SHARD_CHECK_MAX) {
        return; /* the core asks again */
    }
    struct work *work = work_new(WORK_CHECK, &code, message->block);
    if (work == NULL) {
        return;
    }
    work->from = from;
    work->hash = *hash;
    work->proposal = message->proposal;
    work->signature = message->signature;
    submit(d, work);
}

/* The verdict is a function of the proposal alone: every node that has the block or any k
 * shards comes to the same. */
static void judged_bad(struct driver *d, const struct work *work)
{
    struct consensus_event event = {.kind = CONSENSUS_ON_PROPOSAL, .from = work->from};
    event.proposal.proposal = &work->proposal;
    event.proposal.hash = work->hash;
    event.proposal.bad = true;
    struct shard_set *set = shard_pool_find(&d->shards->pool, &work->hash);
    if (set != NULL) {
        shard_set_close(set);
    }
    d->shards->count.inconsistent++;
    inbound_odd(d, work->proposal.rest.leader, "proposed shards of no block");
    switch (proposed_judge(d, &event, &work->signature)) {
    case PROPOSED_TAKE:
    case PROPOSED_PASS:
        driver_step(d, &event);
        return;
    case PROPOSED_KNOWN:
    case PROPOSED_FALSE:
        return;
    }
}

static void judged_good(struct driver *d, const struct work *work, struct bytes bytes)
{
    static struct wire_block block; /* 8 KB of finality; the driver's thread only */
    struct consensus_event event = {.kind = CONSENSUS_ON_PROPOSAL, .from = work->from};
    const struct wire_proposal message = {
        .proposal = work->proposal, .signature = work->signature, .block = bytes};
    if (!wire_decode_block(bytes, &block) ||
        (work->purpose == WORK_RESTORE &&
         !inbound_block_matches(&work->proposal.light.block_id, &block))) {
        judged_bad(d, work);
        return;
    }
    event.proposal.proposal = &message.proposal;
    event.proposal.hash = work->hash;
    switch (proposed_judge(d, &event, &work->signature)) {
    case PROPOSED_TAKE:
        proposed_take(d, &event, &message, &block);
        return;
    case PROPOSED_PASS:
        driver_step(d, &event);
        return;
    case PROPOSED_KNOWN:
    case PROPOSED_FALSE:
        return;
    }
}

/* Back into the set it came from, if that is still there: it serves shards from now on. */
static struct shard_set *give_back(struct driver *d, struct work *work)
{
    struct shard_set *set = shard_pool_find(&d->shards->pool, &work->hash);
    if (set == NULL || set->state != SHARD_SET_BUSY) {
        return NULL;
    }
    if (work->job.verdict != SHARD_AVAILABLE) {
        shard_set_close(set);
        return NULL;
    }
    set->room = work->job.room;
    work->job.room = NULL;
    set->leaves = work->job.leaves;
    set->state = SHARD_SET_WHOLE;
    return set;
}

static void restored(struct driver *d, struct work *work)
{
    const enum shard_verdict verdict = work->job.verdict;
    const struct bytes block = shard_block(&work->job.code, work->job.room);
    struct shard_set *set = give_back(d, work);
    if (set != NULL) {
        shards_pass_on(d, set); /* our own was among the missing ones */
    }
    if (verdict == SHARD_AVAILABLE) {
        d->shards->count.restored++;
        judged_good(d, work, block);
    } else if (verdict == SHARD_INCONSISTENT) {
        judged_bad(d, work);
    } /* without memory: as if no shard had come */
}

static void checked(struct driver *d, const struct work *work)
{
    if (work->job.verdict != SHARD_AVAILABLE) {
        return;
    }
    d->shards->count.checked++;
    if (hash_equal(&work->job.root, &work->proposal.rest.da_root)) {
        judged_good(d, work, work->job.block);
    } else {
        judged_bad(d, work);
    }
}

/* Our own proposal is complete. */
static void built(struct driver *d, struct work *work)
{
    if (work->job.verdict != SHARD_AVAILABLE) {
        blocks_build_failed(d, work->proposal.light.view);
        return;
    }
    struct wire_proposal message = {.proposal = work->proposal, .block = work->job.block};
    message.proposal.rest.da_root = work->job.root;
    const struct unfinal *own = blocks_propose(d, &message, &work->built);
    if (own == NULL) {
        return;
    }
    d->shards->count.coded++;
    struct shard_set *set =
        shard_pool_open(&d->shards->pool, &own->proposal, &own->hash, &work->job.code);
    if (set != NULL) {
        free(set->room);
        set->room = work->job.room;
        work->job.room = NULL;
        set->leaves = work->job.leaves;
        set->state = SHARD_SET_WHOLE;
    }
}

void shards_take_work(struct driver *d)
{
    struct coder_job *job;
    while (!driver_failed(d) && (job = coder_take(d->shards->coder)) != NULL) {
        struct work *work = (struct work *)(void *)job;
        d->shards->job_count--;
        d->shards->check_count -= work->purpose == WORK_CHECK ? 1 : 0;
        switch (work->purpose) {
        case WORK_BUILD:
            built(d, work);
            break;
        case WORK_RESTORE:
            restored(d, work);
            break;
        case WORK_CHECK:
            checked(d, work);
            break;
        }
        work_free(work);
    }
}

void shards_free(struct shards *shards)
{
    if (shards == NULL) {
        return;
    }
    struct coder_job *job;
    coder_stop(shards->coder);
    while ((job = coder_take(shards->coder)) != NULL) {
        work_free((struct work *)(void *)job);
    }
    coder_free(shards->coder);
    shard_pool_clear(&shards->pool);
    free(shards);
}
