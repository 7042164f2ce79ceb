/* bench_network DIR: load on a running localnet that was made with --accounts N.
 *
 * Prints, each beside a limit measured in the same run:
 *   committed signed transfers a second   against cores / (validators x time of one verify)
 *   commit latency, one transfer at a time  against 4 ms + 8 x fdatasync p50
 *
 *   --count N     transfers to commit (default 10000)
 *   --latency N   transfers measured one at a time (default 200)
 *   --without N   leave validator N alone: it is down
 *   --expect      exit 1 unless every transfer committed (for tests: no speed is asserted) */

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/localnet.h"
#include "crypto/keyfile/keyfile.h"
#include "genesis/genesis.h"
#include "net/net.h"
#include "node/config.h"
#include "state/objects/objects.h"
#include "wire/api/api.h"
#include "wire/wire.h"

enum {
    ACCOUNT_MAX = 4000,
    THREAD_MAX = 8,
    CALL_MS = 10000,
    TX_SIZE = 320,
    WAIT_MS = 60000,
    BATCH = 64,   /* transfers in one request */
    REST_MS = 50, /* after a transfer the chain is at rest again */
};

struct sender {
    struct crypto_key *key;
    struct address address;
    uint64_t seq;
};

struct load {
    const char *dir;
    struct genesis *genesis;
    uint32_t validators;
    uint32_t account_count;
    struct sender senders[ACCOUNT_MAX];
    uint32_t count;
    uint32_t without; /* a validator that is not asked; UINT32_MAX: none */
};

struct encoded {
    uint8_t data[TX_SIZE];
    uint32_t size;
    struct hash id;
};

struct thread {
    pthread_t handle;
    struct load *load;
    uint32_t index, step;
    struct encoded *txs; /* those with number % step == index */
    uint32_t count;
    uint32_t refused;
    bool failed;
    double end_s; /* when all were final */
};

static double now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void die(const char *what)
{
    (void)fprintf(stderr, "bench_network: %s\n", what);
    exit(1);
}

static void make_transfer(struct load *load, uint32_t number, struct encoded *out)
{
    struct sender *from = &load->senders[number % load->account_count];
    const struct sender *to = &load->senders[(number + 1) % load->account_count];
    struct body_transfer body = {.to = to->address, .amount = 1 + number};
    uint8_t body_buffer[128];
    uint8_t payload_buffer[TX_SIZE];
    struct wire_writer writer;
    struct bytes bytes;
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    struct tx tx = {.version = TX_VERSION,
                    .chain_id = *genesis_chain_id(load->genesis),
                    .type = TX_TRANSFER,
                    .sender = from->address,
                    .seq = from->seq++,
                    .valid_until_ms = (uint64_t)now.tv_sec * 1000 + 1800000};
    if (!record_encode(&record_body_transfer, &body, body_buffer, sizeof(body_buffer), &tx.body)) {
        die("transfer body");
    }
    wire_writer_init(&writer, payload_buffer, sizeof(payload_buffer));
    wire_write_tx_payload(&writer, &tx);
    struct signature signature;
    if (!wire_writer_end(&writer, &bytes)) {
        die("transfer payload");
    }
    crypto_digest(TAG_TX, bytes, &out->id);
    crypto_key_sign(from->key, &out->id, &signature);
    struct bytes raw;
    wire_writer_init(&writer, out->data, sizeof(out->data));
    wire_write_tx(&writer, bytes, &signature);
    if (!wire_writer_end(&writer, &raw)) {
        die("transfer");
    }
    out->size = (uint32_t)raw.size;
}

static struct net_client *connect_to(const struct load *load, uint32_t number)
{
    const uint32_t next = (number + 1) % load->validators;
    const uint32_t validator = number == load->without ? next : number;
    static struct node_config config;
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    char path[LOCALNET_PATH_MAX];
    struct error error;
    struct net_client *client = NULL;
    (void)pthread_mutex_lock(&lock);
    if (!localnet_path(path, &error, "%s/validator-%u/node.ini", load->dir, validator) ||
        !node_config_load(path, &config, &error)) {
        die(error.detail);
    }
    const struct net_config net = {.chain_id = *genesis_chain_id(load->genesis),
                                   .genesis_hash = *genesis_chain_id(load->genesis),
                                   .role = NET_ROLE_CLIENT,
                                   .key = load->senders[0].key};
    const struct net_peer peer = {.address = config.listen, .bulk_lane = true};
    if (!net_client_open(&net, &peer, CALL_MS, &client, &error)) {
        die(error.detail);
    }
    (void)pthread_mutex_unlock(&lock);
    return client;
}

static bool call(struct net_client *client, const struct api_request *request,
                 struct api_answer *answer)
{
    uint8_t buffer[BATCH * TX_SIZE + 64];
    struct wire_writer writer;
    struct bytes bytes;
    struct net_event event;
    struct error error;
    wire_writer_init(&writer, buffer, sizeof(buffer));
    api_write_request(&writer, request);
    if (!wire_writer_end(&writer, &bytes) ||
        !net_client_call(client, bytes, CALL_MS, &event, &error)) {
        return false;
    }
    const bool ok = api_decode_answer(event.bytes, answer); /* views are not used */
    net_event_release(&event);
    return ok;
}

/* The next sequence numbers, as the node says: a wrong one only fails the run. */
static void read_sequences(struct load *load)
{
    static struct api_answer answer;
    struct net_client *client = connect_to(load, 0);
    for (uint32_t i = 0; i < load->account_count; i++) {
        struct api_request request = {.kind = API_PROVE, .key_count = 1};
        const struct key key = key_account(&load->senders[i].address);
        struct account account;
        request.keys[0] = key_view(&key);
        uint8_t buffer[256];
        struct wire_writer writer;
        struct bytes bytes;
        struct net_event event;
        struct error error;
        wire_writer_init(&writer, buffer, sizeof(buffer));
        api_write_request(&writer, &request);
        if (!wire_writer_end(&writer, &bytes) ||
            !net_client_call(client, bytes, CALL_MS, &event, &error)) {
            die("no answer");
        }
        if (api_decode_answer(event.bytes, &answer) && answer.kind == API_PROVE &&
            answer.fact_count == 1 && answer.facts[0].present &&
            record_decode(&record_account, answer.facts[0].value, &account)) {
            load->senders[i].seq = account.seq;
        }
        net_event_release(&event);
    }
    net_client_close(client);
}

static bool submit(struct net_client *client, const struct encoded *tx, struct api_answer *answer)
{
    const struct api_request request = {.kind = API_SUBMIT, .tx = bytes_of(tx->data, tx->size)};
    return call(client, &request, answer) && answer->kind == API_SUBMIT && answer->code == 0;
}

/* How many of count transfers were refused. */
static uint32_t submit_many(struct net_client *client, const struct encoded *txs, uint32_t count,
                            struct api_answer *answer)
{
    static _Thread_local struct api_request request;
    uint32_t refused = 0;
    request = (struct api_request){.kind = API_SUBMIT_MANY, .tx_count = count};
    for (uint32_t i = 0; i < count; i++) {
        request.txs[i] = bytes_of(txs[i].data, txs[i].size);
    }
    if (!call(client, &request, answer) || answer->kind != API_SUBMIT_MANY ||
        answer->code_count != count) {
        return count;
    }
    for (uint32_t i = 0; i < count; i++) {
        refused += answer->codes[i] != 0 ? 1 : 0;
    }
    return refused;
}

/* The height at which it is final, or 0. */
static uint64_t final_height(struct net_client *client, const struct hash *id)
{
    static _Thread_local struct api_answer answer;
    const struct api_request request = {.kind = API_TX, .hash = *id};
    return call(client, &request, &answer) && answer.kind == API_TX &&
                   answer.tx_status >= API_TX_FINAL
               ? answer.height
               : 0;
}

static uint64_t wait_final(struct net_client *client, const struct hash *id, int poll_ms)
{
    const double deadline = now_s() + WAIT_MS * 1e-3;
    uint64_t height = 0;
    while ((height = final_height(client, id)) == 0 && now_s() < deadline) {
        (void)poll(NULL, 0, poll_ms);
    }
    return height;
}

static void *run_thread(void *context)
{
    struct thread *t = context;
    static _Thread_local struct api_answer answer;
    struct net_client *client = connect_to(t->load, t->index % t->load->validators);
    for (uint32_t i = 0; i < t->count; i += BATCH) {
        const uint32_t count = t->count - i < BATCH ? t->count - i : BATCH;
        t->refused += submit_many(client, &t->txs[i], count, &answer);
    }
    /* Every account's transfers commit in order: its last one speaks for all.  The time ends
     * when the one sent last is final, or one in a later block: asking for each takes long. */
    const uint32_t tail = t->count < t->load->account_count ? t->count : t->load->account_count;
    uint64_t end = 0;
    for (uint32_t i = t->count; i > t->count - tail && !t->failed; i--) {
        const uint64_t height = wait_final(client, &t->txs[i - 1].id, 5);
        t->failed = height == 0;
        t->end_s = height > end ? now_s() : t->end_s;
        end = height > end ? height : end;
    }
    net_client_close(client);
    return NULL;
}

/* Threads own whole accounts, so that sequence numbers of one account go to one validator. */
static double measure_throughput(struct load *load, bool *complete)
{
    static struct thread threads[THREAD_MAX];
    const uint32_t step = load->validators < THREAD_MAX ? load->validators : THREAD_MAX;
    if (step == 0) {
        die("no validators");
    }
    for (uint32_t t = 0; t < step; t++) {
        threads[t] = (struct thread){.load = load, .index = t, .step = step};
        threads[t].txs = calloc(load->count, sizeof(struct encoded));
        if (threads[t].txs == NULL) {
            die("memory");
        }
    }
    for (uint32_t i = 0; i < load->count; i++) {
        struct thread *t = &threads[(i % load->account_count) % step];
        make_transfer(load, i, &t->txs[t->count++]);
    }
    const double start = now_s();
    for (uint32_t t = 0; t < step; t++) {
        if (pthread_create(&threads[t].handle, NULL, run_thread, &threads[t]) != 0) {
            die("thread");
        }
    }
    uint32_t refused = 0;
    double end = start;
    for (uint32_t t = 0; t < step; t++) {
        (void)pthread_join(threads[t].handle, NULL);
        end = threads[t].end_s > end ? threads[t].end_s : end;
        refused += threads[t].refused;
        *complete = *complete && !threads[t].failed && threads[t].refused == 0;
        free(threads[t].txs);
    }
    const double seconds = end - start;
    (void)printf("transfers      %u committed in %.2f s, %u refused\n", load->count, seconds,
                 refused);
    return load->count / seconds;
}

static int compare_double(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* One at a time.  Each transfer is followed by the empty block that seals its root; after a
 * pause the chain is at rest, without one the next transfer waits for that block. */
static void measure_latency(struct load *load, uint32_t count, int pause_ms, double budget)
{
    double *times = calloc(count, sizeof(*times));
    struct net_client *client = connect_to(load, 0);
    static struct api_answer answer;
    for (uint32_t i = 0; i < count; i++) {
        struct encoded tx;
        make_transfer(load, 0, &tx);
        const double start = now_s();
        if (!submit(client, &tx, &answer) || wait_final(client, &tx.id, 1) == 0) {
            die("a transfer did not commit");
        }
        times[i] = now_s() - start;
        (void)poll(NULL, 0, pause_ms);
    }
    net_client_close(client);
    qsort(times, count, sizeof(*times), compare_double);
    const double p50 = times[count / 2];
    const double p99 = times[count - 1 - count / 100];
    (void)printf("commit latency p50 %.2f ms, p99 %.2f ms %s; budget p50 %.2f ms: ratio %.2f\n",
                 p50 * 1e3, p99 * 1e3, pause_ms > 0 ? "from rest" : "back to back", budget * 1e3,
                 p50 / budget);
    free(times);
}

static double measure_fdatasync(const char *dir)
{
    enum { ROUNDS = 200 };
    static double times[ROUNDS];
    char path[LOCALNET_PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/bench.sync", dir);
    const int fd = open(path, O_CREAT | O_RDWR, 0600);
    char block[4096] = {0};
    for (int i = 0; i < ROUNDS; i++) {
        const double start = now_s();
        if (pwrite(fd, block, sizeof(block), 0) != (ssize_t)sizeof(block) || fdatasync(fd) != 0) {
            die("fdatasync");
        }
        times[i] = now_s() - start;
    }
    (void)close(fd);
    (void)unlink(path);
    qsort(times, ROUNDS, sizeof(times[0]), compare_double);
    return times[ROUNDS / 2];
}

static double measure_verify(const struct sender *sender)
{
    enum { ROUNDS = 2000 };
    struct hash digest = {{1}};
    struct signature signature;
    crypto_key_sign(sender->key, &digest, &signature);
    const double start = now_s();
    for (int i = 0; i < ROUNDS; i++) {
        if (!crypto_verify(crypto_key_public(sender->key), &digest, &signature)) {
            die("verify");
        }
    }
    return (now_s() - start) / ROUNDS;
}

static void open_load(struct load *load)
{
    char path[LOCALNET_PATH_MAX];
    struct error error;
    if (!localnet_path(path, &error, "%s/genesis.gradus", load->dir) ||
        !genesis_load(path, &load->genesis, &error)) {
        die(error.detail);
    }
    load->validators = genesis_validators(load->genesis)->count;
    while (load->account_count < ACCOUNT_MAX) {
        struct sender *sender = &load->senders[load->account_count];
        const struct crypto_keyfile file = {.path = path, .kind = CRYPTO_KEYFILE_ACCOUNT};
        if (!localnet_path(path, &error, "%s/accounts/account-%04u.key", load->dir,
                           load->account_count) ||
            !crypto_keyfile_load(&file, &sender->key, &error)) {
            break;
        }
        crypto_address(crypto_key_public(sender->key), &sender->address);
        load->account_count++;
    }
    if (load->account_count < 2) {
        die("no accounts; gradus localnet up --accounts 1000");
    }
}

int main(int argc, char **argv)
{
    static struct load load = {.count = 10000, .without = UINT32_MAX};
    uint32_t latency_count = 200;
    bool expect = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--count") == 0 && i + 1 < argc) {
            load.count = (uint32_t)strtoul(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--latency") == 0 && i + 1 < argc) {
            latency_count = (uint32_t)strtoul(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--without") == 0 && i + 1 < argc) {
            load.without = (uint32_t)strtoul(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--expect") == 0) {
            expect = true;
        } else {
            load.dir = argv[i];
        }
    }
    if (load.dir == NULL || load.count == 0) {
        die("usage: bench_network DIR [--count N] [--latency N] [--expect]");
    }
    open_load(&load);
    read_sequences(&load);
    bool complete = true;
    if (latency_count > 0) {
        const double budget = 4e-3 + 8 * measure_fdatasync(load.dir);
        measure_latency(&load, latency_count, REST_MS, budget);
        measure_latency(&load, latency_count, 0, budget);
    }
    const double rate = measure_throughput(&load, &complete);
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    const double bound = (double)cores / (load.validators * measure_verify(&load.senders[0]));
    (void)printf("throughput     %.0f transfers/s; signature bound %.0f on %ld cores: %.0f %%\n",
                 rate, bound, cores, 100 * rate / bound);
    return expect && !complete ? 1 : 0;
}
