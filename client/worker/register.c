#include "client/worker/register.h"

#include <string.h>
#include <unistd.h>

#include "base/hex.h"
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

/* The newest ids in a collection of this provider, oldest of them first. */
static bool read_ids(struct worker *worker, enum collection collection, struct item *items,
                     uint32_t *count, struct error *error)
{
    struct light_collection io = {.collection = collection,
                                  .owner = bytes_of(worker->provider.bytes, ADDRESS_SIZE),
                                  .items = items,
                                  .max = OBJECTS_MAX};
    *count = 0;
    bool ok = light_read_collection(worker->light, &io, error);
    if (ok && io.count > OBJECTS_MAX) {
        io.from = io.count - OBJECTS_MAX;
        ok = light_read_collection(worker->light, &io, error);
    }
    if (!ok) {
        return error->code == EXIT_CODE_NOT_FOUND && light_tip(worker->light)->header.height == 0;
    }
    const uint32_t there = io.count - io.from;
    *count = there < OBJECTS_MAX ? there : OBJECTS_MAX;
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

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* What is offered now: as asked for, within what the node was registered with. */
static struct body_offer_create terms_of(const struct worker *worker, const struct hash *id,
                                         const struct node *node)
{
    const struct worker_config *config = worker->config;
    const uint64_t gflops = node->devices[0].gflops;
    const uint64_t ram_mib = config->memory_max == 0 ? node->ram_mib : config->memory_max >> 20;
    struct body_offer_create body = {.node_id = *id, .kind = OFFER_COMPUTE};
    body.capacity[CAPACITY_CPU_MCORE] = least(node->cpu_mcore, (uint64_t)config->threads * 1000);
    body.capacity[CAPACITY_RAM_MIB] = least(node->ram_mib, ram_mib);
    body.capacity[CAPACITY_GFLOPS] = config->gflops == 0 ? gflops : least(gflops, config->gflops);
    body.prices[0] = config->price_per_second;
    return body;
}

static bool is_as(const struct offer *offer, const struct body_offer_create *terms)
{
    return memcmp(offer->prices, terms->prices, sizeof offer->prices) == 0 &&
           memcmp(offer->capacity, terms->capacity, sizeof offer->capacity) == 0;
}

/* *found: it stays.  An open offer of other terms is withdrawn; a leased one stands for the
 * lease that was agreed on. */
static bool settle_offer(struct worker *worker, const struct hash *id,
                         const struct body_offer_create *terms, bool *found, struct error *error)
{
    struct offer offer;
    const struct key key = key_object(KEY_OFFER, id);
    const struct body_offer_cancel cancel = {.offer_id = *id};
    if (!light_read(worker->light, &key, &record_offer, &offer, error)) {
        return false;
    }
    if (!hash_equal(&offer.node_id, &terms->node_id) || offer.state == OFFER_CLOSED) {
        return true;
    }
    if (offer.state == OFFER_CLOSING) { /* it holds the capacity until then */
        log_line(LOG_INFO, "worker",
                 "the offer was withdrawn and ends with its lease: start this worker again after "
                 "it to offer anew");
        worker->has_offer = false;
        *found = true;
        return true;
    }
    worker->has_offer = true;
    if (is_as(&offer, terms)) {
        *found = true;
        return true;
    }
    const unsigned long long before = offer.prices[0];
    const unsigned long long now = terms->prices[0];
    if (offer.state == OFFER_LEASED) {
        log_line(LOG_INFO, "worker",
                 "the offer is leased and keeps its terms (price %llu, now %llu): start this "
                 "worker again after the lease",
                 before, now);
        *found = true;
        return true;
    }
    log_line(LOG_INFO, "worker",
             "the offer is replaced: price %llu becomes %llu, speed %llu GFLOP/s %llu, memory "
             "%llu MiB %llu",
             before, now, (unsigned long long)offer.capacity[CAPACITY_GFLOPS],
             (unsigned long long)terms->capacity[CAPACITY_GFLOPS],
             (unsigned long long)offer.capacity[CAPACITY_RAM_MIB],
             (unsigned long long)terms->capacity[CAPACITY_RAM_MIB]);
    return tx_send(&worker->provider_sender, TX_OFFER_CANCEL, &cancel, NULL, error);
}

/* Its id comes to worker->offer. */
static bool find_offer(struct worker *worker, const struct body_offer_create *terms, bool *found,
                       struct error *error)
{
    struct item items[OBJECTS_MAX];
    uint32_t count = 0;
    *found = false;
    if (!read_ids(worker, COLLECTION_ACCOUNT_OFFERS, items, &count, error)) {
        return false;
    }
    for (uint32_t i = 0; i < count && !*found; i++) {
        if (!settle_offer(worker, &items[i].id, terms, found, error)) {
            return false;
        }
        if (*found) {
            worker->offer = items[i].id;
        }
    }
    return true;
}

uint64_t worker_ram_mib(void)
{
    const long pages = sysconf(_SC_PHYS_PAGES);
    const long page = sysconf(_SC_PAGESIZE);
    return pages <= 0 || page <= 0 ? 1024 : ((uint64_t)pages * (uint64_t)page) >> 20;
}

uint64_t worker_memory_max(const struct worker_config *config)
{
    return config->memory_max != 0 ? config->memory_max : (worker_ram_mib() << 20) / 4 * 3;
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
                                      .ram_mib = worker_ram_mib()};
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
    const struct body_offer_create terms = terms_of(worker, &id, &node);
    if (!find_offer(worker, &terms, &found, error)) {
        return false;
    }
    if (!found && (!tx_send(&worker->provider_sender, TX_OFFER_CREATE, &terms, NULL, error) ||
                   !find_offer(worker, &terms, &found, error))) {
        return false;
    }
    if (!found) {
        return error_set(error, EXIT_CODE_UNREACHABLE, "the offer is not in the state yet");
    }
    if (!worker->has_offer) {
        return true; /* it is closing */
    }
    char text[2 * HASH_SIZE + 1];
    hex_encode(worker->offer.bytes, HASH_SIZE, text);
    log_line(LOG_INFO, "worker", "offer %s stands; gradus offer cancel withdraws it", text);
    return true;
}

bool register_end(struct worker *worker, struct error *error)
{
    const struct body_offer_cancel body = {.offer_id = worker->offer};
    if (!worker->config->cancel_offer || !worker->has_offer) {
        return true;
    }
    if (!tx_send(&worker->provider_sender, TX_OFFER_CANCEL, &body, NULL, error)) {
        return false;
    }
    log_line(LOG_INFO, "worker", "the offer is withdrawn");
    return true;
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

/* Did the newest lease of this worker's offer expire? */
static bool read_expired(struct worker *worker, bool *expired, struct error *error)
{
    struct item items[OBJECTS_MAX];
    uint32_t count = 0;
    *expired = false;
    if (!read_ids(worker, COLLECTION_PROVIDER_LEASES, items, &count, error)) {
        return false;
    }
    for (uint32_t i = count; i > 0; i--) {
        struct lease lease;
        const struct key key = key_object(KEY_LEASE, &items[i - 1].id);
        if (!light_read(worker->light, &key, &record_lease, &lease, error)) {
            return false;
        }
        if (hash_equal(&lease.offer_id, &worker->offer)) {
            *expired = lease.state == LEASE_EXPIRED;
            return true;
        }
    }
    return true;
}

bool register_again(struct worker *worker, struct error *error)
{
    struct offer offer;
    bool expired = false;
    const struct key key = key_object(KEY_OFFER, &worker->offer);
    if (!worker->has_offer) {
        return true; /* withdrawn before */
    }
    if (!light_read(worker->light, &key, &record_offer, &offer, error)) {
        return false;
    }
    if (offer.state != OFFER_CLOSED) {
        return true;
    }
    if (!read_expired(worker, &expired, error)) {
        return false;
    }
    if (expired) {
        log_line(LOG_INFO, "worker", "the offer was closed with its lease: it is made anew");
        return register_all(worker, error);
    }
    log_line(LOG_INFO, "worker",
             "the offer was withdrawn: this worker goes on without one; start it again to offer "
             "anew");
    worker->has_offer = false;
    return true;
}
