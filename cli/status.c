#include "cli/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/localnet.h"
#include "crypto/crypto.h"
#include "genesis/genesis.h"
#include "net/net.h"
#include "node/node.h"
#include "wire/api/api.h"

enum { STATUS_MS = 2000 };

static char *ask(const struct genesis *genesis, const struct node_config *config,
                 struct crypto_key *key, struct error *error)
{
    static struct api_answer answer; /* one thread */
    const struct net_config net = {.chain_id = *genesis_chain_id(genesis),
                                   .genesis_hash = *genesis_chain_id(genesis),
                                   .role = NET_ROLE_ANON,
                                   .key = key};
    const struct net_peer peer = {.address = config->listen, .bulk_lane = true};
    struct net_client *client = NULL;
    struct net_event event;
    uint8_t request[8];
    struct wire_writer writer;
    struct bytes bytes;
    char *text = NULL;
    wire_writer_init(&writer, request, sizeof(request));
    api_write_request(&writer, &(struct api_request){.kind = API_STATUS});
    if (!wire_writer_end(&writer, &bytes) ||
        !net_client_open(&net, &peer, STATUS_MS, &client, error)) {
        return NULL;
    }
    if (net_client_call(client, bytes, STATUS_MS, &event, error)) {
        if (api_decode_answer(event.bytes, &answer) && answer.kind == API_STATUS) {
            text = malloc(answer.text.size + 1);
        }
        if (text != NULL) {
            memcpy(text, answer.text.data, answer.text.size);
            text[answer.text.size] = '\0';
        }
        net_event_release(&event);
    }
    net_client_close(client);
    return text;
}

char *status_of_validator(const char *dir, uint32_t index, struct error *error)
{
    static struct node_config config; /* one thread */
    char path[LOCALNET_PATH_MAX];
    struct genesis *genesis = NULL;
    if (!localnet_path(path, error, "%s/validator-%u/node.ini", dir, index) ||
        !node_config_load(path, &config, error) || !genesis_load(config.genesis, &genesis, error)) {
        return NULL;
    }
    struct crypto_key *key = crypto_key_generate();
    char *text = key == NULL ? NULL : ask(genesis, &config, key, error);
    crypto_key_free(key);
    genesis_free(genesis);
    return text;
}
