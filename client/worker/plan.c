#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/log.h"
#include "client/worker/register.h"
#include "client/worker/task.h"

/* Judging a plan before anything is promised, and meeting its other members. */

enum { MEMBERS_AT_ONCE = 32 };

/* ---- The members ------------------------------------------------------------------------- */

/* The members of this plan version into task->members, and the root over their bytes. */
static bool read_members(struct worker *worker, struct hash *root, struct error *error)
{
    struct task *task = worker->task;
    struct crypto_tree tree;
    struct key keys[MEMBERS_AT_ONCE];
    crypto_tree_init(&tree, TAG_PLAN_TREE);
    for (uint32_t first = 0; first < task->plan.member_count; first += MEMBERS_AT_ONCE) {
        struct light_values values;
        const uint32_t left = task->plan.member_count - first;
        const uint32_t count = left < MEMBERS_AT_ONCE ? left : MEMBERS_AT_ONCE;
        for (uint32_t i = 0; i < count; i++) {
            keys[i] = key_member(&task->job, task->version, first + i);
        }
        if (!light_prove(worker->light, keys, count, &values, error)) {
            return false;
        }
        bool ok = true;
        for (uint32_t i = 0; i < count; i++) {
            ok = ok && values.items[i].present &&
                 record_decode(&record_member, values.items[i].value,
                               &task->members[first + i].record);
            crypto_tree_append(&tree, values.items[i].value);
        }
        light_values_free(&values);
        if (!ok) {
            return error_set(error, EXIT_CODE_VERSION, "worker: members of the plan are missing");
        }
    }
    crypto_tree_root(&tree, root);
    return true;
}

static bool read_plan(struct worker *worker, struct error *error)
{
    struct task *task = worker->task;
    const struct key plan = key_plan(&task->job, task->version);
    const struct key terms = key_object(KEY_TERMS, &task->job);
    if (!light_read(worker->light, &plan, &record_plan, &task->plan, error) ||
        !light_read(worker->light, &terms, &record_job_terms, &task->terms, error)) {
        return false;
    }
    free(task->members);
    task->members = calloc((size_t)task->plan.member_count + 1, sizeof *task->members);
    return task->members != NULL ||
           error_set(error, EXIT_CODE_FAILURE, "worker: no memory for %u members",
                     (unsigned)task->plan.member_count);
}

/* ---- Judging ------------------------------------------------------------------------------- */

/* Base units that this machine's price asks for the planned time of one segment. */
static bool price_is_enough(const struct worker *worker, const struct member *own)
{
    const struct job_terms *terms = &worker->task->terms;
    uint64_t whole = 0;
    uint64_t least = 0;
    if (!checked_muldiv(worker->config->price_per_second, terms->round_ms, 1000, &whole) ||
        !checked_muldiv(whole, own->steps, terms->local_steps, &least)) {
        return false;
    }
    return own->segment_price >= least;
}

static bool refuse(struct task *task, const char *why)
{
    log_line(LOG_ODD, "worker", "the plan is refused: %s", why);
    task->judged = true;
    task->acceptable = false;
    task->reason = 1;
    return true;
}

/* What a lease takes is had before anything is promised; later it could only be failed. */
static bool fits_memory(struct worker *worker, struct error *why)
{
    const uint64_t most = worker_memory_max(worker->config);
    const uint64_t needed = task_memory(worker);
    if (needed > most) {
        return error_set(why, EXIT_CODE_QUOTA, "it needs %llu MiB of memory, and %llu may be used",
                         (unsigned long long)(needed >> 20), (unsigned long long)(most >> 20));
    }
    return task_alloc(worker->task, why);
}

/* plan_hash, members, price, data set and program: what LEASE_ACCEPT agrees to. */
bool task_judge(struct worker *worker, struct error *error)
{
    struct task *task = worker->task;
    struct hash members_root;
    struct error why;
    if (!read_plan(worker, error) || !read_members(worker, &members_root, error)) {
        return false;
    }
    const struct hash plan_hash = id_plan(&task->plan);
    const struct member *own = &task->members[task->rank].record;
    if (!hash_equal(&plan_hash, &task->process.plan_hash) ||
        !hash_equal(&members_root, &task->plan.members_root)) {
        return refuse(task, "its hash is not the one that is agreed to");
    }
    if (task->rank >= task->plan.member_count || !hash_equal(&own->lease_id, &task->lease_id) ||
        !address_equal(&own->worker, &worker->address)) {
        return refuse(task, "this worker is not the member it names");
    }
    if (!hash_equal(&task->plan.data_root, &task->terms.data_root) ||
        !hash_equal(&task->plan.program_root, &task->terms.program_root)) {
        return refuse(task, "program or data set are not those of the request");
    }
    if (!price_is_enough(worker, own)) {
        return refuse(task, "it pays less than the offer asks");
    }
    if (!task_program(worker, error)) {
        return error->code == EXIT_CODE_VERIFY ? refuse(task, error->detail) : false;
    }
    if (!fits_memory(worker, &why)) {
        return refuse(task, why.detail);
    }
    task->judged = true;
    task->acceptable = true;
    return true;
}

/* ---- Accepting, refusing, ready -------------------------------------------------------------- */

static bool open_exchange(struct worker *worker, struct error *error)
{
    struct task *task = worker->task;
    if (task->exchange != NULL) {
        return true;
    }
    if (!task_journal_open(worker, error) || !task_journal_tunnel(worker, error)) {
        return false;
    }
    const struct blob_config config = {.listen = worker->config->listen,
                                       .chain_id = *light_chain_id(worker->light),
                                       .tunnel_secret = task->tunnel_secret};
    return blob_open(&config, &task->exchange, error);
}

/* The port that was given, or the one the system chose. */
static void endpoint_text(const struct worker *worker, char out[ENDPOINT_SIZE_MAX + 1])
{
    const struct worker_config *config = worker->config;
    const char *text = config->endpoint == NULL ? config->listen : config->endpoint;
    const size_t size = strlen(text);
    if (size > 2 && strcmp(text + size - 2, ":0") == 0) {
        (void)snprintf(out, ENDPOINT_SIZE_MAX + 1, "%.*s:%u", (int)(size - 2), text,
                       (unsigned)blob_port(worker->task->exchange));
    } else {
        (void)snprintf(out, ENDPOINT_SIZE_MAX + 1, "%s", text);
    }
}

bool task_accept(struct worker *worker, struct error *error)
{
    struct task *task = worker->task;
    char endpoint[ENDPOINT_SIZE_MAX + 1];
    if (!open_exchange(worker, error)) {
        return false;
    }
    struct body_lease_accept body = {.lease_id = task->lease_id,
                                     .plan_hash = task->process.plan_hash};
    const struct net_key key = blob_own_key(task->exchange);
    memcpy(body.tunnel_key, key.bytes, TUNNEL_KEY_SIZE);
    endpoint_text(worker, endpoint);
    body.endpoint_size = (uint32_t)strlen(endpoint);
    memcpy(body.endpoint, endpoint, body.endpoint_size);
    return tx_send(&worker->provider_sender, TX_LEASE_ACCEPT, &body, NULL, error);
}

bool task_reject(struct worker *worker, struct error *error)
{
    const struct task *task = worker->task;
    const struct body_lease_reject body = {
        .lease_id = task->lease_id, .plan_hash = task->process.plan_hash, .reason = task->reason};
    return tx_send(&worker->provider_sender, TX_LEASE_REJECT, &body, NULL, error);
}

bool task_ready(struct worker *worker, struct error *error)
{
    const struct task *task = worker->task;
    const struct body_lease_ready body = {.lease_id = task->lease_id,
                                          .plan_hash = task->process.plan_hash,
                                          .peer_set = task->process.peer_set};
    return tx_send(worker->worker_sender, TX_LEASE_READY, &body, NULL, error);
}

/* ---- Sessions ---------- */

/* Where a member is reached, and with which key. */
static bool take_lease(const struct light_value *value, struct task_member *member)
{
    struct lease lease;
    if (!value->present || !record_decode(&record_lease, value->value, &lease)) {
        return false;
    }
    member->key = net_key_of_tunnel(lease.tunnel_key);
    memcpy(member->endpoint, lease.endpoint, lease.endpoint_size);
    member->endpoint[lease.endpoint_size] = '\0';
    return true;
}

static bool read_leases(struct worker *worker, struct error *error)
{
    struct task *task = worker->task;
    struct key keys[MEMBERS_AT_ONCE];
    for (uint32_t first = 0; first < task->plan.member_count; first += MEMBERS_AT_ONCE) {
        struct light_values values;
        const uint32_t left = task->plan.member_count - first;
        const uint32_t count = left < MEMBERS_AT_ONCE ? left : MEMBERS_AT_ONCE;
        for (uint32_t i = 0; i < count; i++) {
            keys[i] = key_object(KEY_LEASE, &task->members[first + i].record.lease_id);
        }
        if (!light_prove(worker->light, keys, count, &values, error)) {
            return false;
        }
        bool ok = true;
        for (uint32_t i = 0; i < count; i++) {
            ok = ok && take_lease(&values.items[i], &task->members[first + i]);
        }
        light_values_free(&values);
        if (!ok) {
            return error_set(error, EXIT_CODE_VERSION, "worker: leases of the plan are missing");
        }
    }
    return true;
}

static bool check_peer_set(const struct task *task, struct error *error)
{
    uint8_t(*keys)[TUNNEL_KEY_SIZE] = calloc(task->plan.member_count, sizeof *keys);
    if (keys == NULL) {
        return error_set(error, EXIT_CODE_FAILURE, "worker: no memory for the peer set");
    }
    for (uint32_t i = 0; i < task->plan.member_count; i++) {
        memcpy(keys[i], task->members[i].key.bytes, TUNNEL_KEY_SIZE);
    }
    const struct peer_set peers = {.tunnel_keys = (const uint8_t(*)[TUNNEL_KEY_SIZE])keys,
                                   .count = task->plan.member_count};
    const struct hash root = id_peer_set(&peers);
    free(keys);
    return hash_equal(&root, &task->process.peer_set) ||
           error_set(error, EXIT_CODE_VERIFY, "worker: the tunnel keys are not the peer set");
}

static bool read_consumer(struct worker *worker, struct error *error)
{
    struct task *task = worker->task;
    struct account account;
    const struct key key = key_account(&task->lease.consumer);
    if (!light_read(worker->light, &key, &record_account, &account, error)) {
        return false;
    }
    task->consumer_key = net_key_of_node(&account.public_key);
    return true;
}

/* Admit the members and the consumer, nobody else; dial the members. */
bool task_connect(struct worker *worker, struct error *error)
{
    struct task *task = worker->task;
    if (!open_exchange(worker, error) || !read_leases(worker, error) ||
        !check_peer_set(task, error) || !read_consumer(worker, error)) {
        return false;
    }
    const uint32_t count = task->plan.member_count;
    struct net_key *keys = calloc((size_t)count + 1, sizeof *keys);
    if (keys == NULL) {
        return error_set(error, EXIT_CODE_FAILURE, "worker: no memory for peers");
    }
    for (uint32_t i = 0; i < count; i++) {
        keys[i] = task->members[i].key;
    }
    keys[count] = task->consumer_key;
    blob_admit(task->exchange, keys, count + 1);
    free(keys);
    for (uint32_t i = 0; i < count; i++) {
        const struct task_member *member = &task->members[i];
        if (i != task->rank && !blob_dial(task->exchange, member->endpoint, &member->key, true)) {
            log_line(LOG_ODD, "worker", "no session to member %u: its endpoint is unusable",
                     (unsigned)i);
        }
    }
    return true;
}
