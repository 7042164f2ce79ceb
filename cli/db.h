#ifndef CLI_DB_H
#define CLI_DB_H

#include <jansson.h>

#include "cli/cli.h"
#include "genesis/genesis.h"
#include "store/inspect/inspect.h"

/* What the commands on a node's databases share.  All of them open for reading only. */

/* Options of such a command. */
#define DB_OPTIONS                                                                                 \
    {"data-dir", "DIR", NULL, "the data_dir of a node that does not run"},                         \
    {                                                                                              \
        "genesis", "FILE", NULL, "the network's genesis file"                                      \
    }

#define DB_THREADS                                                                                 \
    {                                                                                              \
        "threads", "N", NULL, "that verify signatures; default: every core"                        \
    }

/* Everything `gradus db check` does, its report included; the command has the option of
 * DB_THREADS.  extra (NULL: none) is added to the JSON and stays the caller's. */
enum exit_code db_check_dir(const struct cli_call *call, const char *dir,
                            const struct genesis *genesis, json_t *extra, struct error *error);

/* A tool's exit code for a store's error: 64 and above are a daemon's numbers. */
enum exit_code db_code(struct error *error);

bool db_genesis(const struct cli_call *call, struct genesis **out, struct error *error);

/* A progress line with the time left, drawn over itself on a terminal. */
struct db_screen {
    bool on;
    bool drawn;
    uint64_t started_ms;
    uint64_t drawn_ms;
    const char *what;
};
void db_screen_init(struct db_screen *screen);
void db_screen_draw(void *context, const char *what, uint64_t done, uint64_t total);
void db_screen_clear(const struct db_screen *screen);

json_t *db_hash_json(const struct hash *hash);
void db_print_json(json_t *json); /* and frees it */

/* A key of the state for people: "account 5e1c..", "item of open offers, index 3". */
enum { DB_KEY_TEXT_MAX = 320 };
void db_key_text(struct bytes key, char out[DB_KEY_TEXT_MAX]);
/* Its kind's name; NULL for a byte that begins no key. */
const char *db_kind_name(uint8_t first);
/* The key's own identifier, an address or an id that transactions name; may be empty. */
struct bytes db_key_id(struct bytes key);
/* The value as JSON by its record, else as hexadecimal text. */
json_t *db_value_json(struct bytes key, struct bytes value);

#endif /* CLI_DB_H */
