#ifndef CLI_CONNECT_H
#define CLI_CONNECT_H

#include "cli/cli.h"
#include "client/light/light.h"
#include "genesis/genesis.h"

/* What every command that asks a network needs: its genesis, its nodes, a key, and a light
 * client over them. */

enum { CONNECT_NODE_MAX = 32 };

struct connection {
    struct genesis *genesis;
    struct crypto_key *key; /* of --key; NULL when the command has no such option */
    char nodes[CONNECT_NODE_MAX][ENDPOINT_SIZE_MAX + 1];
    const char *endpoints[CONNECT_NODE_MAX];
    uint32_t node_count;
    struct light_link *link;
    struct light_port port;
    struct light *light;
};

/* Options of such a command: either --net DIR (a localnet) or --genesis and --node. */
#define CONNECT_OPTIONS                                                                            \
    {"net", "DIR", NULL, "a localnet's folder; or give --genesis and --node"},                     \
        {"genesis", "FILE", NULL, "the network's genesis file"},                                   \
        {"node", "HOST:PORT[,...]", NULL, "nodes to ask; several are better"},                     \
    {                                                                                              \
        "remember", "FILE", NULL, "the newest block seen, which the chain must extend next time"   \
    }

/* For what can be read at an earlier height. */
#define CONNECT_AT_OPTION                                                                          \
    {                                                                                              \
        "at", "HEIGHT", NULL, "as it was after this block, among the last ones (undo_window)"      \
    }

/* connect_open of a command with CONNECT_AT_OPTION, without a key: it reads at that height. */
bool connect_open_at(const struct cli_call *call, struct connection *out, struct error *error);

/* with_key: the command has the option --key and it must be given. */
bool connect_open(const struct cli_call *call, bool with_key, struct connection *out,
                  struct error *error);
void connect_close(struct connection *connection);

/* A genesis file: EXIT_CODE_NOT_FOUND, EXIT_CODE_STORAGE, or EXIT_CODE_WRONG_CHAIN when it is
 * none. */
bool connect_genesis(const char *path, struct genesis **out, struct error *error);

/* The command's first argument as an id; what: "job". */
bool connect_id(const struct cli_call *call, const char *what, struct hash *out,
                struct error *error);

/* Credits as people write them: base units to "12.5". */
void connect_credits(uint64_t amount, char out[32]);

#endif /* CLI_CONNECT_H */
