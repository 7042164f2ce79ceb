/* liar GENESIS NETWORK.KEY HOST:PORT HONEST:PORT chunk|manifest: a validator in name that passes
 * every question on to an honest one, and changes the answers about snapshots: a byte of each
 * chunk, or the sizes in each manifest, which no root speaks of. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "crypto/keyfile/keyfile.h"
#include "genesis/genesis.h"
#include "net/net.h"
#include "wire/api/api.h"

enum { CALL_MS = 10000, WAIT_MS = 200 };

static volatile sig_atomic_t stopped;

static void on_stop(int number)
{
    (void)number;
    stopped = 1;
}

static enum net_reason admit_all(void *context, enum net_role role, enum net_lane lane,
                                 const struct net_key *key)
{
    (void)context;
    (void)role;
    (void)lane;
    (void)key;
    return NET_REASON_NONE;
}

/* The last byte of a manifest belongs to the size of its last chunk. */
static void spoil(struct api_answer *answer, bool chunks, uint8_t *copy)
{
    const bool lie = answer->kind == (chunks ? API_CHUNK : API_SNAPSHOT);
    if (lie && answer->body.size > 0) {
        memcpy(copy, answer->body.data, answer->body.size);
        copy[answer->body.size - 1] ^= 1;
        answer->body = bytes_of(copy, answer->body.size);
        (void)printf("lied\n");
        (void)fflush(stdout);
    }
}

static void pass_on(struct net *net, struct net_client *honest, const struct net_event *event,
                    bool chunks)
{
    static struct api_answer answer;
    static uint8_t copy[FRAME_SIZE_MAX];
    static uint8_t buffer[FRAME_SIZE_MAX];
    struct net_event reply;
    struct error error;
    struct wire_writer writer;
    struct bytes out;
    if (!net_client_call(honest, event->bytes, CALL_MS, &reply, &error)) {
        return;
    }
    if (api_decode_answer(reply.bytes, &answer)) {
        spoil(&answer, chunks, copy);
        wire_writer_init(&writer, buffer, sizeof(buffer));
        api_write_answer(&writer, &answer);
        if (wire_writer_end(&writer, &out)) {
            (void)net_reply(net, event->session, event->request, out);
        }
    }
    net_event_release(&reply);
}

int main(int argc, char **argv)
{
    struct error error;
    struct genesis *genesis = NULL;
    struct crypto_key *key = NULL;
    struct net *net = NULL;
    struct net_client *honest = NULL;
    if (argc != 6 || !genesis_load(argv[1], &genesis, &error) ||
        !crypto_keyfile_load(
            &(struct crypto_keyfile){.path = argv[2], .kind = CRYPTO_KEYFILE_NETWORK}, &key,
            &error)) {
        return EXIT_FAILURE;
    }
    const struct net_config own = {.listen = argv[3],
                                   .chain_id = *genesis_chain_id(genesis),
                                   .genesis_hash = *genesis_chain_id(genesis),
                                   .role = NET_ROLE_VALIDATOR,
                                   .key = key,
                                   .admit = admit_all};
    struct crypto_key *made_up = crypto_key_generate();
    struct net_config asking = own;
    asking.listen = NULL;
    asking.role = NET_ROLE_ANON;
    asking.key = made_up;
    const struct net_peer peer = {.address = argv[4], .bulk_lane = true};
    (void)signal(SIGTERM, on_stop);
    if (!net_open(&own, &net, &error) ||
        !net_client_open(&asking, &peer, CALL_MS, &honest, &error)) {
        (void)fprintf(stderr, "liar: %s\n", error.detail);
        return EXIT_FAILURE;
    }
    while (!stopped) {
        struct net_event event;
        if (net_poll(net, &event, WAIT_MS)) {
            if (event.kind == NET_EVENT_REQUEST) {
                pass_on(net, honest, &event, strcmp(argv[5], "chunk") == 0);
            }
            net_event_release(&event);
        }
    }
    net_client_close(honest);
    net_close(net);
    crypto_key_free(made_up);
    crypto_key_free(key);
    genesis_free(genesis);
    return EXIT_SUCCESS;
}
