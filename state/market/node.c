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

/* The worker is the sender itself, or holds a key of its own, whose possession is shown
 * and which becomes an account of the same organisation unless it is one. */
static enum code judge_worker(const struct execution *x, const struct call *call,
                              const struct address *worker, bool *create)
{
    const struct body_node_register *body = call->body;
    *create = false;
    if (address_equal(worker, &call->tx->sender)) {
        if (body->possession_size != 0) {
            return CODE_E_RANGE;
        }
        return (call->sender.roles & ROLE_WORKER) != 0 ? CODE_OK : CODE_E_ROLE;
    }
    if (!crypto_public_key_valid(&body->worker_key)) {
        return CODE_E_RANGE;
    }
    struct signature signature;
    if (body->possession_size != sizeof(signature.bytes)) {
        return CODE_E_SIG;
    }
    memcpy(signature.bytes, body->possession, sizeof(signature.bytes));
    const struct hash digest = id_possession(&x->chain_id, &call->tx->sender, &body->worker_key);
    if (!crypto_verify(&body->worker_key, &digest, &signature)) {
        return CODE_E_SIG;
    }
    struct account account;
    if (account_find(x, worker, &account)) {
        const bool same = account.org == call->sender.org && (account.roles & ROLE_WORKER) != 0;
        return same ? CODE_OK : CODE_E_OWNER;
    }
    struct org org;
    const struct key key = key_org(call->sender.org);
    buffer_load(x->buffer, &key, &record_org, &org);
    *create = true;
    return (org.roles & ROLE_WORKER) != 0 ? CODE_OK : CODE_E_ROLE;
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

static void store_node(struct execution *x, const struct call *call, const struct address *worker,
                       const struct hash *id)
{
    const struct body_node_register *body = call->body;
    struct node node = {
        .version = RECORD_VERSION,
        .provider = call->tx->sender,
        .worker = *worker,
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
    const struct key key = key_object(KEY_NODE, id);
    buffer_write(x->buffer, &key, &record_node, &node);
    collection_append(x->buffer, COLLECTION_ACCOUNT_NODES, owner_account(&call->tx->sender), id);
}

enum code execute_node_register(struct execution *x, struct call *call)
{
    const struct body_node_register *body = call->body;
    enum code code = judge_hardware(body);
    if (code != CODE_OK) {
        return code;
    }
    struct address worker;
    bool create = false;
    crypto_address(&body->worker_key, &worker);
    code = judge_worker(x, call, &worker, &create);
    if (code != CODE_OK) {
        return code;
    }
    struct totals totals;
    const struct key totals_key = key_global(GLOBAL_TOTALS);
    buffer_load(x->buffer, &totals_key, &record_totals, &totals);
    if (totals.nodes >= x->params.nodes_max) {
        return CODE_E_LIMIT;
    }
    const struct hash id =
        id_created(KEY_NODE, &x->chain_id, &call->tx->sender, call->tx->lane, call->tx->seq);
    struct bytes existing;
    const struct key key = key_object(KEY_NODE, &id);
    if (buffer_get(x->buffer, &key, &existing)) {
        return CODE_E_DUPLICATE;
    }
    if (create) {
        create_worker(x, call, &worker);
    }
    store_node(x, call, &worker, &id);
    totals.nodes++;
    buffer_write(x->buffer, &totals_key, &record_totals, &totals);
    ledger_event(x, EVENT_NODE_REGISTERED, &id, 0, 0);
    return CODE_OK;
}
