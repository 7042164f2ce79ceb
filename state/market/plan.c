#include "crypto/crypto.h"
#include "state/market/market.h"

enum { EXCLUDED_ATTEMPTS = 3, MEMBER_BYTES_MAX = 512 };

static struct member make_member(const struct execution *x, const struct job *job,
                                 const struct choice *choice, uint32_t rank)
{
    struct offer offer;
    struct node node;
    struct account provider;
    const struct key offer_key = key_object(KEY_OFFER, &choice->offer_id);
    buffer_load(x->buffer, &offer_key, &record_offer, &offer);
    const struct key node_key = key_object(KEY_NODE, &offer.node_id);
    buffer_load(x->buffer, &node_key, &record_node, &node);
    account_load(x, &offer.provider, &provider);
    return (struct member){
        .version = RECORD_VERSION,
        .rank = rank,
        .node_id = offer.node_id,
        .offer_id = choice->offer_id,
        .lease_id = id_lease(&x->chain_id, &job->id, job->process.plan_version, rank),
        .provider = offer.provider,
        .org = provider.org,
        .worker = node.worker,
        .worker_key = node.worker_key,
        .steps = choice->steps,
        .weight = choice->steps,
        .segment_price = choice->segment_price,
        .bond = choice->bond,
    };
}

static void propose_lease(struct execution *x, const struct job *job, const struct member *member)
{
    const struct lease lease = {
        .version = RECORD_VERSION,
        .job = job->id,
        .plan_version = job->process.plan_version,
        .rank = member->rank,
        .offer_id = member->offer_id,
        .provider = member->provider,
        .worker = member->worker,
        .consumer = job->request.consumer,
        .state = LEASE_PROPOSED,
        .bond = member->bond,
        .inner_root = job->terms.init_inner_root,
        .counters_root = job->terms.init_counters_root,
        .proposed_ms = x->now_ms,
    };
    const struct hash *id = &member->lease_id;
    lease_store(x, id, &lease);
    collection_append(x->buffer, COLLECTION_PROVIDER_LEASES, owner_account(&member->provider), id);
    collection_append(x->buffer, COLLECTION_PROVIDER_LIVE, owner_account(&member->provider), id);
    collection_append(x->buffer, COLLECTION_WORKER_LEASES, owner_account(&member->worker), id);
    const struct hash worker = id_of_address(&member->worker);
    const struct key position = key_position(COLLECTION_JOB_WORKERS, owner_id(&job->id), &worker);
    position_set(x->buffer, &position, member->rank);

    struct offer offer;
    const struct key offer_key = key_object(KEY_OFFER, &member->offer_id);
    buffer_load(x->buffer, &offer_key, &record_offer, &offer);
    offer.state = OFFER_LEASED;
    offer.lease_id = *id;
    buffer_write(x->buffer, &offer_key, &record_offer, &offer);
    collection_remove(x->buffer, COLLECTION_OPEN_OFFERS, owner_none(), &member->offer_id);
}

void plan_propose(struct execution *x, struct job *job, const struct choice *choices,
                  uint32_t count)
{
    struct process *process = &job->process;
    struct crypto_tree tree;
    process->plan_version++;
    crypto_tree_init(&tree, TAG_PLAN_TREE);
    for (uint32_t rank = 0; rank < count; rank++) {
        uint8_t encoded[MEMBER_BYTES_MAX];
        struct bytes bytes;
        const struct member member = make_member(x, job, &choices[rank], rank);
        const bool fits = record_encode(&record_member, &member, encoded, sizeof(encoded), &bytes);
        ASSERT(fits);
        crypto_tree_append(&tree, bytes);
        const struct key key = key_member(&job->id, process->plan_version, rank);
        buffer_put(x->buffer, &key, bytes);
        propose_lease(x, job, &member);
    }
    struct plan plan = {
        .version = RECORD_VERSION,
        .job = job->id,
        .plan_version = process->plan_version,
        .consumer = job->request.consumer,
        .tp = 1,
        .pp = 1,
        .dp = count,
        .member_count = count,
        .program_root = job->terms.program_root,
        .data_root = job->terms.data_root,
        .local_steps = job->terms.local_steps,
        .checkpoints = job->terms.checkpoints,
        .rounds = job->terms.rounds,
        .round_ms = job->terms.round_ms,
        .created_ms = x->now_ms,
    };
    crypto_tree_root(&tree, &plan.members_root);
    const struct key key = key_plan(&job->id, process->plan_version);
    buffer_write(x->buffer, &key, &record_plan, &plan);

    collection_remove(x->buffer, COLLECTION_QUEUE, owner_none(), &job->id);
    process->state = PROCESS_PROPOSED;
    process->plan_hash = id_plan(&plan);
    process->member_count = count;
    process->accepted = 0;
    process->ready = 0;
    process->peer_set = (struct hash){{0}};
    process->deadline_ms = clock_deadline(x, x->params.accept_window_ms);
    wheel_set(x->buffer, WHEEL_JOB, &job->id, process->deadline_ms);
    job->request.attempts++;
    job->request.reason = CODE_OK;
    job_store(x, job);
    ledger_event(x, EVENT_PLAN_PROPOSED, &job->id, process->plan_version, count);
}

/* The oldest exclusion makes room for the newest. */
static void exclude_offer(struct request *request, const struct hash *offer_id)
{
    if (request->excluded_count == OFFER_EXCLUDED_MAX) {
        memmove(request->excluded, request->excluded + 1,
                (OFFER_EXCLUDED_MAX - 1) * sizeof(request->excluded[0]));
        request->excluded_count--;
    }
    request->excluded[request->excluded_count++] = (struct excluded){
        .offer_id = *offer_id, .until_attempt = request->attempts + EXCLUDED_ATTEMPTS};
}

void plan_release(struct execution *x, struct job *job, const struct plan_failure *failure)
{
    struct process *process = &job->process;
    for (uint32_t rank = 0; rank < process->member_count; rank++) {
        struct member member;
        struct lease lease;
        member_load(x, job, rank, &member);
        lease_load(x, &member.lease_id, &lease);
        const bool culprit = failure->culprits != 0 && lease.state == failure->culprits;
        if (culprit && failure->culprit_end != LEASE_EXPIRED) {
            exclude_offer(&job->request, &member.offer_id);
        }
        lease_end(x, &member.lease_id, culprit ? failure->culprit_end : (uint8_t)LEASE_RELEASED,
                  failure->code);
    }
    wheel_clear(x->buffer, WHEEL_JOB, &job->id);
    process->state = PROCESS_NONE;
    process->reason = (uint32_t)failure->code;
    ledger_event(x, EVENT_PLAN_FAILED, &job->id, process->plan_version, (uint64_t)failure->code);
}

void plan_fail(struct execution *x, struct job *job, const struct plan_failure *failure)
{
    plan_release(x, job, failure);
    if (!failure->counts) {
        job->request.attempts--; /* its deadline bounds these */
    }
    if (job->request.attempts >= x->params.planner_attempts_max) {
        job_finish(x, job, RESULT_FAILED_NO_RESOURCES, CODE_W_ATTEMPTS);
        return;
    }
    job->request.reason = (uint32_t)failure->code;
    job_store(x, job);
    collection_append(x->buffer, COLLECTION_QUEUE, owner_none(), &job->id);
    planner_wake(x);
}
