#ifndef NODE_CONFIG_H
#define NODE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "store/store.h"
#include "types/limits.h"
#include "types/types.h"

/* The settings of one node: local, never hashed, never shared (what all nodes must agree
 * on is in the genesis file).  One table in config.c holds name, range, default and help
 * text; parser, checks and `gradus node run --help` come from it.
 *
 *     [node]                          [peers]
 *     genesis = genesis.gradus        0 = 127.0.0.1:4700
 *     data_dir = data                 1 = 127.0.0.1:4701
 *     listen = 127.0.0.1:4702
 *
 * A peer's name is its index in the genesis validator set, or for one that came later its
 * network key, 66 hexadecimal digits; who is named by key is admitted.  Relative paths are relative
 * to the file's folder.  Unknown, repeated or out-of-range settings are refused. */

enum {
    CONFIG_PATH_MAX = 512,
    CONFIG_HISTORY_ALL = 1000000,
    CONFIG_NAMED_MAX = 128, /* peers by key: as many as a set has members */
};

struct node_config {
    char genesis[CONFIG_PATH_MAX];
    char data_dir[CONFIG_PATH_MAX];
    char keys_dir[CONFIG_PATH_MAX];
    char listen[ENDPOINT_SIZE_MAX + 1];
    char log_level[16];
    uint64_t min_block_interval_ms;
    uint64_t disk_reserve_mib;
    uint64_t tx_index;    /* 1: transactions are found at any age */
    uint64_t undo_window; /* blocks back whose state can be proven */
    uint64_t state_sync;
    uint64_t shard_threshold_kib;
    uint64_t announce_above;
    uint64_t history_chunks;                                /* CONFIG_HISTORY_ALL: none is pruned */
    char peers[VALIDATOR_COUNT_MAX][ENDPOINT_SIZE_MAX + 1]; /* empty: not named */
    uint32_t named_count;
    struct config_named {
        struct public_key key; /* of its network key */
        char address[ENDPOINT_SIZE_MAX + 1];
    } named[CONFIG_NAMED_MAX];
};

/* Read path into *config.  On false error->code is EXIT_CODE_BAD_CONFIG and
 * error->detail names file, line or setting and what to write instead. */
bool node_config_load(const char *path, struct node_config *config, struct error *error);

/* dir/name into out, CONFIG_PATH_MAX bytes; false: too long. */
MUST_USE bool node_config_path(char *out, const char *dir, const char *name, struct error *error);

/* The option table as text for --help, one line a setting. */
void node_config_describe(char *out, uint32_t size);

/* How its databases are opened; the view of data_dir is config's. */
struct store_options node_config_store(const struct node_config *config,
                                       const struct hash *chain_id);

#endif /* NODE_CONFIG_H */
