#ifndef CLI_LOCALNET_H
#define CLI_LOCALNET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* A network on this machine: a folder with a genesis, keys, one folder a validator.
 *
 *     DIR/genesis.ini  genesis.gradus  accounts/NAME.key
 *     DIR/validator-N/ node.ini  keys/  data/  node.log  pid
 *
 * The processes belong to nobody's terminal; they end with `localnet down`. */

enum { LOCALNET_PATH_MAX = 512 };

struct localnet {
    const char *dir;
    uint32_t validators;
    uint32_t providers;
    uint32_t accounts; /* more accounts, with credits, for load */
    uint32_t base_port;
};

/* DIR + a printf path; false when it does not fit. */
bool localnet_path(char *out, struct error *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Make every file that is missing; an existing network is left as it is. */
bool localnet_create(const struct localnet *net, struct error *error);

/* How many validator folders DIR holds. */
uint32_t localnet_count(const char *dir);

/* The process of a validator, 0 when it does not run (a stale pid file is not believed). */
pid_t localnet_pid(const char *dir, uint32_t index);

bool localnet_start(const char *dir, uint32_t index, struct error *error);

#endif /* CLI_LOCALNET_H */
