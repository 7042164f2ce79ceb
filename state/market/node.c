#include "base/checked.h"
#include "crypto/crypto.h"
#include "state/market/market.h"

enum { DEVICE_CLASS_MAX = 3 };

static enum code judge_hardware(const struct body_node_register *body)
{
    if (body->reachable > REACHABLE_RELAYED || body->cpu_mcore == 0) {
        return CODE_E_RANGE;
    }
    if (body->devices_count == 0) {
        return CODE_E_RANGE;
    }
    for (uint32_t i = 0; i < body->devices_count; i++) {
        if (body->devices[i].class > DEVICE_CLASS_MAX || body->devices[i].gflops == 0) {
            return CODE_E_RANGE;
        }
    }
    return CODE_OK;
}

void node_capacity(const struct node *node, uint64_t out[CAPACITY_COUNT])
{
    memset(out, 0, CAPACITY_COUNT * sizeof(*out));
    out[CAPACITY_CPU_MCORE] = node->cpu_mcore;
    out[CAPACITY_RAM_MIB] = node->ram_mib;
    out[CAPACITY_DISK_MIB] = node->disk_mib;
    out[CAPACITY_DISK_KIBPS] = node->disk_kibps;
    out[CAPACITY_NET_UP_KBPS] = node->net_up_kbps;
    out[CAPACITY_NET_DOWN_KBPS] = node->net_down_kbps;
    for (uint32_t i = 0; i < node->devices_count; i++) {
        const struct device *device = &node->devices[i];
        out[CAPACITY_ACC_COUNT] += device->class == 0 ? 0 : 1;
        out[CAPACITY_GFLOPS] += device->gflops;
        if (device->class != 0 &&
            !checked_add(out[CAPACITY_ACC_MEM_MIB], device->mem_mib, &out[CAPACITY_ACC_MEM_MIB])) {
            out[CAPACITY_ACC_MEM_MIB] = UINT64_MAX;
        }
    }
}

/* A registration, with what its judgement found. */
struct registration {
    const struct body_node_register *body;
    struct address worker;
    bool create;     /* the worker's account */
    bool registered; /* the sender's node for this worker exists and is replaced */
    struct hash id;
    struct node node; /* if so */
};

/* The worker is the sender itself, or holds a key of its own, which becomes an account of
 * the same organisation unless it is one. */
static enum code judge_worker(const struct execution *x, const struct call *call,
                              struct registration *r)
{
    struct account account;
    if (address_equal(&r->worker, &call->tx->sender)) {
        if (r->body->possession_size != 0) {
            return CODE_E_RANGE;
        }
        return (call->sender.roles & ROLE_WORKER) != 0 ? CODE_OK : CODE_E_ROLE;
    }
    if (!crypto_public_key_valid(&r->body->worker_key)) {
        return CODE_E_RANGE;
    }
    if (r->body->possession_size != SIGNATURE_SIZE) {
        return CODE_E_SIG;
    }
    if (account_find(x, &r->worker, &account)) {
        const bool same = account.org == call->sender.org && (account.roles & ROLE_WORKER) != 0;
        return same ? CODE_OK : CODE_E_OWNER;
    }
    struct org org;
    const struct key key = key_org(call->sender.org);
    buffer_load(x->buffer, &key, &record_org, &org);
    r->create = true;
    return (org.roles & ROLE_WORKER) != 0 ? CODE_OK : CODE_E_ROLE;
}

static struct key worker_position(const struct call *call, const struct registration *r)
{
    const struct hash worker = id_of_address(&r->worker);
    return key_position(COLLECTION_WORKER_NODES, owner_account(&call->tx->sender), &worker);
}

static void find_registered(const struct execution *x, const struct call *call,
                            struct registration *r)
{
    uint64_t index = 0;
    const struct key position = worker_position(call, r);
    r->registered = position_get(x->buffer, &position, &index);
    if (r->registered) {
        r->id = collection_get(x->buffer, COLLECTION_ACCOUNT_NODES,
                               owner_account(&call->tx->sender), (uint32_t)index);
        const struct key key = key_object(KEY_NODE, &r->id);
        buffer_load(x->buffer, &key, &record_node, &r->node);
    }
}

/* One more node, of the ledger and of this account. */
static enum code judge_new(const struct execution *x, const struct call *call,
                           struct registration *r)
{
    struct totals totals;
    struct bytes existing;
    r->id = id_created(KEY_NODE, &x->chain_id, &call->tx->sender, call->tx->lane, call->tx->seq);
    const struct key node = key_object(KEY_NODE, &r->id);
    if (buffer_get(x->buffer, &node, &existing)) {
        return CODE_E_DUPLICATE; /* an unordered number was used again */
    }
    const struct key key = key_global(GLOBAL_TOTALS);
    buffer_load(x->buffer, &key, &record_totals, &totals);
    const uint32_t own =
        collection_count(x->buffer, COLLECTION_ACCOUNT_NODES, owner_account(&call->tx->sender));
    const uint64_t most = x->params.nodes_max;
    return totals.nodes < most && own < account_share(most) ? CODE_OK : CODE_E_LIMIT;
}

/* The worker's key is in the sender's hands: the dearest question, so the last one. */
static enum code judge_possession(struct execution *x, const struct call *call,
                                  const struct registration *r)
{
    if (r->body->possession_size == 0) {
        return CODE_OK; /* its own key signed the transaction */
    }
    if (x->budget.possessions == 0) {
        return CODE_E_BLOCK_FULL;
    }
    x->budget.possessions--;
    struct signature signature;
    memcpy(signature.bytes, r->body->possession, sizeof(signature.bytes));
    const struct hash digest = id_possession(&x->chain_id, &call->tx->sender, &r->body->worker_key);
    return crypto_verify(&r->body->worker_key, &digest, &signature) ? CODE_OK : CODE_E_SIG;
}

static void create_worker(struct execution *x, const struct call *call,
                          const struct address *worker)
{
    const struct body_node_register *body = call->body;
    const struct account account = {
        .version = RECORD_VERSION,
        .public_key = body->worker_key,
        .org = call->sender.org,
        .roles = ROLE_WORKER,
        .status = STATUS_ACTIVE,
    };
    account_store(x, worker, &account);
}

/* The same id and offers, other hardware: what is offered still has to fit (I3). */
static enum code renew_node(const struct registration *r, struct node *out)
{
    uint64_t has[CAPACITY_COUNT];
    memcpy(out->offered, r->node.offered, sizeof(out->offered));
    node_capacity(out, has);
    for (uint32_t i = 0; i < CAPACITY_COUNT; i++) {
        if (out->offered[i] > has[i]) {
            return CODE_E_RANGE;
        }
    }
    return CODE_OK;
}

static struct node make_node(const struct call *call, const struct registration *r)
{
    const struct body_node_register *body = r->body;
    struct node node = {
        .version = RECORD_VERSION,
        .provider = call->tx->sender,
        .worker = r->worker,
        .worker_key = body->worker_key,
        .region = body->region,
        .domain = body->domain,
        .devices_count = body->devices_count,
        .cpu_mcore = body->cpu_mcore,
        .ram_mib = body->ram_mib,
        .disk_mib = body->disk_mib,
        .disk_kibps = body->disk_kibps,
        .net_up_kbps = body->net_up_kbps,
        .net_down_kbps = body->net_down_kbps,
        .reachable = body->reachable,
        .state = NODE_ENABLED, /* benches come later: until then claims count as measured */
    };
    memcpy(node.devices, body->devices, sizeof(node.devices));
    return node;
}

static void count_node(struct execution *x, const struct call *call, const struct registration *r)
{
    struct totals totals;
    const struct key totals_key = key_global(GLOBAL_TOTALS);
    const struct key position = worker_position(call, r);
    const struct bytes owner = owner_account(&call->tx->sender);
    buffer_load(x->buffer, &totals_key, &record_totals, &totals);
    totals.nodes++;
    buffer_write(x->buffer, &totals_key, &record_totals, &totals);
    position_set(x->buffer, &position,
                 collection_count(x->buffer, COLLECTION_ACCOUNT_NODES, owner));
    collection_append(x->buffer, COLLECTION_ACCOUNT_NODES, owner, &r->id);
}

enum code execute_node_register(struct execution *x, struct call *call)
{
    struct registration r = {.body = call->body};
    crypto_address(&r.body->worker_key, &r.worker);
    enum code code = judge_hardware(r.body);
    if (code == CODE_OK) {
        code = judge_worker(x, call, &r);
    }
    if (code != CODE_OK) {
        return code;
    }
    find_registered(x, call, &r);
    struct node node = make_node(call, &r);
    code = r.registered ? renew_node(&r, &node) : judge_new(x, call, &r);
    if (code == CODE_OK) {
        code = judge_possession(x, call, &r);
    }
    if (code != CODE_OK) {
        return code;
    }
    if (!r.registered) {
        count_node(x, call, &r);
    }
    if (r.create) {
        create_worker(x, call, &r.worker);
    }
    const struct key key = key_object(KEY_NODE, &r.id);
    buffer_write(x->buffer, &key, &record_node, &node);
    ledger_event(x, EVENT_NODE_REGISTERED, &r.id, 0, 0);
    return CODE_OK;
}
