#include "client/worker/register.h"

#include <string.h>
#include <unistd.h>

#include "base/log.h"

enum { OBJECTS_MAX = 256, RETRY_MS = 500, MEASURE_MS = 1500 };

bool worker_measure(uint32_t threads, struct vm_isa isa, uint32_t *gflops, struct error *error)
{
    static const char spec_text[] = "char-gpt layers=2 width=128 heads=4 context=64 batch=8";
    uint8_t text[4096];
    struct compiler_spec spec;
    struct model_speed speed;
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (uint8_t)('a' + i % 23);
    }
    if (!compiler_spec_parse(spec_text, &spec, error)) {
        return false;
    }
    struct compiler_model *model = compiler_train(&spec, sizeof text, error);
    if (model == NULL) {
        return false;
    }
    const struct model_run_config config = {
        .program = compiler_program(model), .data = text, .threads = threads, .isa = isa};
    const bool ok = model_measure(model, &config, (double)MEASURE_MS / 1000.0, &speed, error);
    compiler_free(model);
    if (ok) {
        const double measured = 2.0 * (double)speed.macs / (speed.step_ms * 1e6);
        *gflops = measured < 1.0 ? 1 : (uint32_t)measured;
    }
    return ok;
}

/* Ids in a collection of this provider, oldest first. */
static bool read_ids(struct worker *worker, enum collection collection, struct item *items,
                     uint32_t *count, struct error *error)
{
    struct light_collection io = {.collection = collection,
                                  .owner = bytes_of(worker->provider.bytes, ADDRESS_SIZE),
                                  .items = items,
                                  .max = OBJECTS_MAX};
    *count = 0;
    if (!light_read_collection(worker->light, &io, error)) {
        return error->code == EXIT_CODE_NOT_FOUND && light_tip(worker->light)->header.height == 0;
    }
    *count = io.count < OBJECTS_MAX ? io.count : OBJECTS_MAX;
    return true;
}

static bool find_node(struct worker *worker, struct hash *id, bool *found, struct node *node,
                      struct error *error)
{
    struct item items[OBJECTS_MAX];
    uint32_t count = 0;
    *found = false;
    if (!read_ids(worker, COLLECTION_ACCOUNT_NODES, items, &count, error)) {
        return false;
    }
    for (uint32_t i = 0; i < count && !*found; i++) {
        const struct key key = key_object(KEY_NODE, &items[i].id);
        if (!light_read(worker->light, &key, &record_node, node, error)) {
            return false;
        }
        *found = address_equal(&node->worker, &worker->address);
        *id = items[i].id;
    }
    return true;
}

static bool find_offer(struct worker *worker, const struct hash *node, bool *found,
                       struct error *error)
{
    struct item items[OBJECTS_MAX];
    uint32_t count = 0;
    *found = false;
    if (!read_ids(worker, COLLECTION_ACCOUNT_OFFERS, items, &count, error)) {
        return false;
    }
    for (uint32_t i = 0; i < count && !*found; i++) {
        struct offer offer;
        const struct key key = key_object(KEY_OFFER, &items[i].id);
        if (!light_read(worker->light, &key, &record_offer, &offer, error)) {
            return false;
        }
        *found = hash_equal(&offer.node_id, node) &&
                 (offer.state == OFFER_OPEN || offer.state == OFFER_LEASED);
    }
    return true;
}

static uint64_t memory_mib(void)
{
    const long pages = sysconf(_SC_PHYS_PAGES);
    const long page = sysconf(_SC_PAGESIZE);
    return pages <= 0 || page <= 0 ? 1024 : ((uint64_t)pages * (uint64_t)page) >> 20;
}

static bool measure(const struct worker *worker, uint32_t *gflops, struct error *error)
{
    const struct worker_config *config = worker->config;
    *gflops = config->gflops;
    return config->gflops != 0 || worker_measure(config->threads, config->isa, gflops, error);
}

static bool register_node(struct worker *worker, uint32_t gflops, struct error *error)
{
    struct body_node_register body = {.worker_key = *crypto_key_public(worker->config->worker),
                                      .devices_count = 1,
                                      .cpu_mcore = worker->config->threads * 1000,
                                      .ram_mib = memory_mib()};
    body.devices[0].gflops = gflops;
    body.devices[0].mem_mib = body.ram_mib;
    if (!address_equal(&worker->provider, &worker->address)) {
        struct signature signature;
        const struct hash digest =
            id_possession(light_chain_id(worker->light), &worker->provider, &body.worker_key);
        crypto_key_sign(worker->config->worker, &digest, &signature);
        memcpy(body.possession, signature.bytes, SIGNATURE_SIZE);
        body.possession_size = SIGNATURE_SIZE;
    }
    return tx_send(&worker->provider_sender, TX_NODE_REGISTER, &body, NULL, error);
}

static bool open_offer(struct worker *worker, const struct hash *id, const struct node *node,
                       struct error *error)
{
    struct body_offer_create body = {.node_id = *id, .kind = OFFER_COMPUTE};
    body.capacity[CAPACITY_CPU_MCORE] = node->cpu_mcore;
    body.capacity[CAPACITY_RAM_MIB] = node->ram_mib;
    body.capacity[CAPACITY_GFLOPS] = node->devices[0].gflops;
    body.prices[0] = worker->config->price_per_second;
    return tx_send(&worker->provider_sender, TX_OFFER_CREATE, &body, NULL, error);
}

static bool register_once(struct worker *worker, struct error *error)
{
    struct hash id;
    struct node node;
    bool found = false;
    uint32_t gflops = 0;
    if (!find_node(worker, &id, &found, &node, error)) {
        return false;
    }
    if (!found) {
        if (!measure(worker, &gflops, error) || !register_node(worker, gflops, error) ||
            !find_node(worker, &id, &found, &node, error)) {
            return false;
        }
        if (!found) {
            return error_set(error, EXIT_CODE_UNREACHABLE, "the node is not in the state yet");
        }
        log_line(LOG_INFO, "worker", "node registered at %u GFLOP/s", (unsigned)gflops);
    }
    if (!find_offer(worker, &id, &found, error)) {
        return false;
    }
    return found || open_offer(worker, &id, &node, error);
}

bool register_all(struct worker *worker, struct error *error)
{
    while (worker->config->stop == NULL || *worker->config->stop == 0) {
        if (register_once(worker, error)) {
            return true;
        }
        if (error->code != EXIT_CODE_UNREACHABLE) {
            return false;
        }
        log_line(LOG_INFO, "worker", "%s; trying again", error->detail);
        light_wait(worker->light, RETRY_MS);
    }
    return true;
}
