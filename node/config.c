#include "node/config.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ini.h>

#include "base/hex.h"

enum option_kind { OPTION_TEXT, OPTION_PATH, OPTION_NUMBER };

struct option {
    const char *name;
    enum option_kind kind;
    size_t offset;
    size_t size; /* of a text's array */
    uint64_t min, max;
    const char *standard; /* NULL: must be given */
    const char *help;
};

#define TEXT(field)   offsetof(struct node_config, field), sizeof(((struct node_config *)0)->field)
#define NUMBER(field) offsetof(struct node_config, field), 0

/* clang-format off */
static const struct option options[] = {
    {"genesis", OPTION_PATH, TEXT(genesis), 0, 0, NULL, "the genesis file"},
    {"data_dir", OPTION_PATH, TEXT(data_dir), 0, 0, NULL, "databases, journal, sign.state"},
    {"keys_dir", OPTION_PATH, TEXT(keys_dir), 0, 0, NULL, "consensus.key, network.key, vrf.key"},
    {"listen", OPTION_TEXT, TEXT(listen), 0, 0, NULL, "host:port to listen on"},
    {"log_level", OPTION_TEXT, TEXT(log_level), 0, 0, "info", "debug, info, odd or fault"},
    {"min_block_interval_ms", OPTION_NUMBER, NUMBER(min_block_interval_ms), 0, 60000, "5",
     "a leader waits at least this long after the last block"},
    {"disk_reserve_mib", OPTION_NUMBER, NUMBER(disk_reserve_mib), 1, 1 << 20, "256",
     "stop, with exit code 75, before less than this is free"},
    {"tx_index", OPTION_NUMBER, NUMBER(tx_index), 0, 1, "1",
     "1: index.db, by which transactions are found at any age"},
    {"undo_window", OPTION_NUMBER, NUMBER(undo_window), STORE_UNDO_WINDOW_MIN, 1 << 20, "256",
     "of so many last blocks the state can be read with proof"},
    {"state_sync", OPTION_NUMBER, NUMBER(state_sync), 0, 1, "0",
     "1: without chain.db fetch the peers' state, not all blocks"},
    {"shard_threshold_kib", OPTION_NUMBER, NUMBER(shard_threshold_kib), 0, 1 << 20, "10240",
     "what a link carries in one delay; larger savings send blocks as shards"},
    {"announce_above", OPTION_NUMBER, NUMBER(announce_above), 0, VALIDATOR_COUNT_MAX, "32",
     "with more validators certificates are announced, not sent"},
    {"history_chunks", OPTION_NUMBER, NUMBER(history_chunks), 0, CONFIG_HISTORY_ALL, "1000000",
     "sealed files of 1 000 blocks to keep; 1000000: all, 0: the newest 1 000 blocks only"},
};
/* clang-format on */

enum { OPTION_COUNT = sizeof(options) / sizeof(options[0]) };

struct loading {
    struct node_config *config;
    struct error *error;
    const char *path;
    bool seen[OPTION_COUNT];
};

static bool refuse(struct loading *loading, const char *name, const char *why)
{
    return error_set(loading->error, EXIT_CODE_BAD_CONFIG, "config %s: %s: %s", loading->path, name,
                     why);
}

static bool set_text(struct loading *loading, const struct option *option, const char *value)
{
    char *out = (char *)loading->config + option->offset;
    const char *slash = strrchr(loading->path, '/');
    int length = 0;
    if (option->kind == OPTION_PATH && value[0] != '/' && slash != NULL) {
        length = snprintf(out, option->size, "%.*s/%s", (int)(slash - loading->path), loading->path,
                          value);
    } else {
        length = snprintf(out, option->size, "%s", value);
    }
    if (value[0] == '\0' || length < 0 || (size_t)length >= option->size) {
        return refuse(loading, option->name, "empty or too long");
    }
    return true;
}

static bool set_number(struct loading *loading, const struct option *option, const char *value)
{
    char *end = NULL;
    errno = 0;
    const unsigned long long number = strtoull(value, &end, 10);
    if (!isdigit((unsigned char)value[0]) || *end != '\0' || errno != 0 || number < option->min ||
        number > option->max) {
        char why[96];
        (void)snprintf(why, sizeof(why), "write a whole number from %llu to %llu",
                       (unsigned long long)option->min, (unsigned long long)option->max);
        return refuse(loading, option->name, why);
    }
    const uint64_t stored = number;
    memcpy((char *)loading->config + option->offset, &stored, sizeof(stored));
    return true;
}

static bool set_option(struct loading *loading, const char *name, const char *value)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (strcmp(options[i].name, name) != 0) {
            continue;
        }
        if (loading->seen[i]) {
            return refuse(loading, name, "given twice");
        }
        loading->seen[i] = true;
        return options[i].kind == OPTION_NUMBER ? set_number(loading, &options[i], value)
                                                : set_text(loading, &options[i], value);
    }
    return refuse(loading, name, "no such setting; see gradus node run --help");
}

/* A place for the address of the peer with this network key. */
static char *name_peer(struct loading *loading, const char *name)
{
    struct node_config *config = loading->config;
    struct public_key key;
    uint32_t i = 0;
    if (!hex_decode(name, key.bytes, PUBLIC_KEY_SIZE)) {
        (void)refuse(loading, name, "a peer's name is its network key, 66 hexadecimal digits");
        return NULL;
    }
    while (i < config->named_count && !public_key_equal(&config->named[i].key, &key)) {
        i++;
    }
    if (i == CONFIG_NAMED_MAX) {
        (void)refuse(loading, name, "too many peers by key");
        return NULL;
    }
    config->named_count += i == config->named_count ? 1 : 0;
    config->named[i].key = key;
    return config->named[i].address;
}

static bool set_peer(struct loading *loading, const char *name, const char *value)
{
    char *end = NULL;
    const unsigned long index = strtoul(name, &end, 10);
    const bool by_key = strlen(name) == (size_t)2 * PUBLIC_KEY_SIZE;
    if (!by_key &&
        (!isdigit((unsigned char)name[0]) || *end != '\0' || index >= VALIDATOR_COUNT_MAX)) {
        return refuse(loading, name, "a peer's name is its index in the validator set, or its key");
    }
    char *out = by_key ? name_peer(loading, name) : loading->config->peers[index];
    if (out == NULL) {
        return false;
    }
    if (out[0] != '\0') {
        return refuse(loading, name, "peer given twice");
    }
    if (strlen(value) > ENDPOINT_SIZE_MAX || strrchr(value, ':') == NULL) {
        return refuse(loading, name, "write the peer's address as host:port");
    }
    (void)snprintf(out, ENDPOINT_SIZE_MAX + 1, "%s", value);
    return true;
}

/* inih wants 1 for success. */
static int on_line(void *user, const char *section, const char *name, const char *value)
{
    struct loading *loading = user;
    if (loading->error->code != EXIT_CODE_OK) {
        return 0;
    }
    if (strcmp(section, "node") == 0) {
        return set_option(loading, name, value);
    }
    if (strcmp(section, "peers") == 0) {
        return set_peer(loading, name, value);
    }
    return refuse(loading, section, "no such section; there are [node] and [peers]");
}

static bool check_level(struct loading *loading)
{
    static const char *const levels[] = {"debug", "info", "odd", "fault"};
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        if (strcmp(loading->config->log_level, levels[i]) == 0) {
            return true;
        }
    }
    return refuse(loading, "log_level", "write debug, info, odd or fault");
}

bool node_config_load(const char *path, struct node_config *config, struct error *error)
{
    struct loading loading = {.config = config, .error = error, .path = path};
    memset(config, 0, sizeof(*config));
    error->code = EXIT_CODE_OK;
    const int line = ini_parse(path, on_line, &loading);
    if (error->code != EXIT_CODE_OK) {
        return false;
    }
    if (line < 0) {
        return error_set(error, EXIT_CODE_BAD_CONFIG,
                         "config %s: cannot be read; give --config FILE", path);
    }
    if (line > 0) {
        return error_set(error, EXIT_CODE_BAD_CONFIG, "config %s: line %d is not name = value",
                         path, line);
    }
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (loading.seen[i]) {
            continue;
        }
        if (options[i].standard == NULL) {
            return refuse(&loading, options[i].name, "missing from [node]");
        }
        if (!set_option(&loading, options[i].name, options[i].standard)) {
            return false;
        }
    }
    return check_level(&loading);
}

void node_config_describe(char *out, uint32_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < OPTION_COUNT && used < size; i++) {
        const char *standard = options[i].standard;
        const int length = snprintf(out + used, size - used, "  %-22s %s (%s%s)\n", options[i].name,
                                    options[i].help, standard == NULL ? "required" : "default ",
                                    standard == NULL ? "" : standard);
        used += length > 0 ? (size_t)length : 0;
    }
}

bool node_config_path(char *out, const char *dir, const char *name, struct error *error)
{
    const int length = snprintf(out, CONFIG_PATH_MAX, "%s/%s", dir, name);
    return (length > 0 && length < CONFIG_PATH_MAX) ||
           error_set(error, EXIT_CODE_BAD_CONFIG, "%s: path too long", dir);
}

struct store_options node_config_store(const struct node_config *config,
                                       const struct hash *chain_id)
{
    return (struct store_options){.dir = config->data_dir,
                                  .chain_id = *chain_id,
                                  .undo_window = config->undo_window,
                                  .reserve_bytes = config->disk_reserve_mib << 20};
}
