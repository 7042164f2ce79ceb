#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "client/light/light.h"
#include "crypto/crypto.h"

/* The light client's port over sealed sessions: one per endpoint, opened when first needed. */

struct link_endpoint {
    char address[ENDPOINT_SIZE_MAX + 1];
    struct net_client *client;
};

struct light_link {
    struct net_config net;
    struct crypto_key *own_key; /* made up for ANON, else NULL */
    uint32_t count;
    struct link_endpoint endpoints[LIGHT_ENDPOINT_MAX];
};

static uint64_t clock_ms(clockid_t id)
{
    struct timespec now;
    (void)clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t link_now_ms(void *context)
{
    (void)context;
    return clock_ms(CLOCK_MONOTONIC);
}

static uint64_t link_wall_ms(void *context)
{
    (void)context;
    return clock_ms(CLOCK_REALTIME);
}

static void link_wait_ms(void *context, uint32_t ms)
{
    struct timespec left = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    (void)context;
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

static bool link_ask(void *context, const struct light_question *question, struct light_reply *out,
                     struct error *error)
{
    struct light_link *link = context;
    struct link_endpoint *to = &link->endpoints[question->endpoint];
    const uint32_t timeout_ms = question->timeout_ms;
    struct net_event answer;
    if (to->client == NULL) {
        const struct net_peer peer = {.address = to->address, .bulk_lane = true};
        if (!net_client_open(&link->net, &peer, timeout_ms, &to->client, error)) {
            to->client = NULL;
            return false;
        }
    }
    if (!net_client_call(to->client, question->request, timeout_ms, &answer, error)) {
        return false;
    }
    out->size = answer.bytes.size;
    out->data = malloc(out->size + 1);
    if (out->data != NULL && out->size != 0) {
        memcpy(out->data, answer.bytes.data, out->size);
    }
    net_event_release(&answer);
    return out->data != NULL ||
           error_set(error, EXIT_CODE_FAILURE, "no memory for an answer of %zu bytes", out->size);
}

bool light_link_open(const struct light_link_config *config, struct light_link **out,
                     struct error *error)
{
    struct light_link *link = calloc(1, sizeof *link);
    if (link == NULL) {
        return error_set(error, EXIT_CODE_FAILURE, "no memory for the light client");
    }
    link->count = config->endpoint_count;
    for (uint32_t i = 0; i < link->count; i++) {
        if (strlen(config->endpoints[i]) > ENDPOINT_SIZE_MAX) {
            free(link);
            return error_set(error, EXIT_CODE_USAGE, "endpoint longer than %d characters: %.60s...",
                             (int)ENDPOINT_SIZE_MAX, config->endpoints[i]);
        }
        (void)snprintf(link->endpoints[i].address, sizeof link->endpoints[i].address, "%s",
                       config->endpoints[i]);
    }
    link->net = (struct net_config){.chain_id = config->chain_id,
                                    .genesis_hash = config->chain_id,
                                    .role = NET_ROLE_CLIENT,
                                    .key = config->key};
    if (config->key == NULL) {
        link->own_key = crypto_key_generate();
        link->net.role = NET_ROLE_ANON;
        link->net.key = link->own_key;
        if (link->own_key == NULL) {
            free(link);
            return error_set(error, EXIT_CODE_FAILURE, "no memory for a session key");
        }
    }
    *out = link;
    return true;
}

struct light_port light_link_port(struct light_link *link)
{
    return (struct light_port){.context = link,
                               .ask = link_ask,
                               .now_ms = link_now_ms,
                               .wall_ms = link_wall_ms,
                               .wait_ms = link_wait_ms};
}

void light_link_close(struct light_link *link)
{
    if (link == NULL) {
        return;
    }
    for (uint32_t i = 0; i < link->count; i++) {
        net_client_close(link->endpoints[i].client);
    }
    crypto_key_free(link->own_key);
    free(link);
}
