#include "cli/connect.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "cli/localnet.h"
#include "crypto/keyfile/keyfile.h"
#include "node/node.h"

static bool add_node(struct connection *c, const char *text, struct error *error)
{
    if (c->node_count == CONNECT_NODE_MAX || strlen(text) > ENDPOINT_SIZE_MAX ||
        strrchr(text, ':') == NULL) {
        return error_set(error, EXIT_CODE_USAGE, "--node: %s: write at most %d host:port", text,
                         CONNECT_NODE_MAX);
    }
    (void)snprintf(c->nodes[c->node_count], sizeof(c->nodes[0]), "%s", text);
    c->endpoints[c->node_count] = c->nodes[c->node_count];
    c->node_count++;
    return true;
}

static bool nodes_of_localnet(struct connection *c, const char *dir, struct error *error)
{
    static struct node_config config; /* one thread */
    char path[LOCALNET_PATH_MAX];
    const uint32_t count = localnet_count(dir);
    if (count == 0) {
        return error_set(error, EXIT_CODE_NOT_FOUND, "%s: no localnet there; gradus localnet up",
                         dir);
    }
    for (uint32_t i = 0; i < count && i < CONNECT_NODE_MAX; i++) {
        if (!localnet_path(path, error, "%s/validator-%u/node.ini", dir, i) ||
            !node_config_load(path, &config, error) || !add_node(c, config.listen, error)) {
            return false;
        }
    }
    return localnet_path(path, error, "%s/genesis.gradus", dir) &&
           connect_genesis(path, &c->genesis, error);
}

static bool nodes_of_options(struct connection *c, const struct cli_call *call, struct error *error)
{
    const char *genesis = cli_text(call, "genesis");
    const char *list = cli_text(call, "node");
    char copy[CONNECT_NODE_MAX * (ENDPOINT_SIZE_MAX + 1)];
    char *save = NULL;
    if (genesis == NULL || list == NULL || strlen(list) >= sizeof(copy)) {
        return cli_misused(call, error, "give --net DIR, or --genesis FILE and --node LIST");
    }
    (void)snprintf(copy, sizeof(copy), "%s", list);
    for (char *word = strtok_r(copy, ",", &save); word != NULL; word = strtok_r(NULL, ",", &save)) {
        if (!add_node(c, word, error)) {
            return false;
        }
    }
    if (c->node_count == 0) {
        return cli_misused(call, error, "--node: write at least one host:port");
    }
    return connect_genesis(genesis, &c->genesis, error);
}

static bool open_light(struct connection *c, struct error *error)
{
    const struct light_link_config link = {.endpoints = c->endpoints,
                                           .endpoint_count = c->node_count,
                                           .chain_id = *genesis_chain_id(c->genesis),
                                           .key = c->key};
    if (!light_link_open(&link, &c->link, error)) {
        return false;
    }
    const struct light_config config = {.chain_id = *genesis_chain_id(c->genesis),
                                        .validators = *genesis_validators(c->genesis),
                                        .endpoint_count = c->node_count};
    c->port = light_link_port(c->link);
    c->light = light_open(&config, &c->port);
    return c->light != NULL || error_set(error, EXIT_CODE_FAILURE, "no memory");
}

bool connect_id(const struct cli_call *call, const char *what, struct hash *out,
                struct error *error)
{
    char text[64];
    (void)snprintf(text, sizeof(text), "write the %s id, %d hex digits", what, 2 * HASH_SIZE);
    return hex_decode(cli_argument(call, 0), out->bytes, HASH_SIZE) ||
           cli_misused(call, error, text);
}

bool connect_genesis(const char *path, struct genesis **out, struct error *error)
{
    if (access(path, R_OK) != 0) {
        const int code = errno;
        char text[128] = "";
        (void)strerror_r(code, text, sizeof(text));
        return error_set(error, code == ENOENT ? EXIT_CODE_NOT_FOUND : EXIT_CODE_STORAGE,
                         "genesis %.160s: %s", path, text);
    }
    if (!genesis_load(path, out, error)) {
        error->code = EXIT_CODE_WRONG_CHAIN; /* BAD_GENESIS is a daemon's number */
        return false;
    }
    return true;
}

bool connect_open(const struct cli_call *call, bool with_key, struct connection *out,
                  struct error *error)
{
    memset(out, 0, sizeof(*out));
    const char *dir = cli_text(call, "net");
    const char *key = NULL;
    bool ok = !with_key || cli_required(call, "key", &key, error);
    if (ok && with_key) {
        const struct crypto_keyfile file = {.path = key, .kind = CRYPTO_KEYFILE_ACCOUNT};
        ok = crypto_keyfile_load(&file, &out->key, error);
    }
    const char *memory = cli_text(call, "remember");
    ok = ok &&
         (dir != NULL ? nodes_of_localnet(out, dir, error) : nodes_of_options(out, call, error)) &&
         open_light(out, error) && (memory == NULL || light_remember(out->light, memory, error));
    if (!ok) {
        connect_close(out);
    }
    return ok;
}

bool connect_open_at(const struct cli_call *call, struct connection *out, struct error *error)
{
    uint64_t height = 0;
    const bool back = cli_text(call, "at") != NULL;
    if ((back && !cli_number(call, "at", (struct cli_range){1, UINT64_MAX}, &height, error)) ||
        !connect_open(call, false, out, error)) {
        return false;
    }
    light_look_back(out->light, height);
    return true;
}

void connect_close(struct connection *connection)
{
    light_close(connection->light);
    light_link_close(connection->link);
    genesis_free(connection->genesis);
    crypto_key_free(connection->key);
    memset(connection, 0, sizeof(*connection));
}

void connect_credits(uint64_t amount, char out[32])
{
    (void)snprintf(out, 32, "%llu.%03llu", (unsigned long long)(amount / 1000000000),
                   (unsigned long long)(amount / 1000000 % 1000));
}
