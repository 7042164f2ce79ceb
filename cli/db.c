#include "cli/db.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/hex.h"
#include "cli/commands.h"
#include "cli/connect.h"
#include "client/chaincheck/chaincheck.h"
#include "wire/wire.h"

/* gradus db check and stats; what all of them share. */

enum { DRAW_EVERY_MS = 100, LINE_WIDTH = 78, THREADS_MAX = 64 };

enum exit_code db_code(struct error *error)
{
    switch ((int)error->code) {
    case EXIT_CODE_CORRUPT:
    case EXIT_CODE_DIVERGED:
        error->code = EXIT_CODE_VERIFY;
        break;
    case EXIT_CODE_BAD_GENESIS:
        error->code = EXIT_CODE_WRONG_CHAIN;
        break;
    case EXIT_CODE_BAD_VERSION:
        error->code = EXIT_CODE_VERSION;
        break;
    default:
        error->code = error->code < EXIT_CODE_BAD_CONFIG ? error->code : EXIT_CODE_STORAGE;
        break;
    }
    return error->code;
}

bool db_genesis(const struct cli_call *call, struct genesis **out, struct error *error)
{
    const char *path = NULL;
    return cli_required(call, "genesis", &path, error) && connect_genesis(path, out, error);
}

static uint64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void db_screen_init(struct db_screen *screen)
{
    *screen = (struct db_screen){.on = isatty(STDERR_FILENO) == 1};
}

void db_screen_draw(void *context, const char *what, uint64_t done, uint64_t total)
{
    struct db_screen *screen = context;
    const uint64_t now = now_ms();
    if (screen->what == NULL || strcmp(screen->what, what) != 0) {
        screen->what = what;
        screen->started_ms = now;
    }
    if (!screen->on || now < screen->drawn_ms + DRAW_EVERY_MS || done == 0) {
        return;
    }
    screen->drawn_ms = now;
    screen->drawn = true;
    const uint64_t left = total > done ? total - done : 0;
    const uint64_t eta_ms = (now - screen->started_ms) * left / done;
    (void)fprintf(stderr, "\r%s: %llu of %llu  ETA %llu s   ", what, (unsigned long long)done,
                  (unsigned long long)total, (unsigned long long)((eta_ms + 999) / 1000));
}

void db_screen_clear(const struct db_screen *screen)
{
    if (screen->drawn) {
        (void)fprintf(stderr, "\r%*s\r", LINE_WIDTH, "");
    }
}

json_t *db_hash_json(const struct hash *hash)
{
    char text[2 * HASH_SIZE + 1];
    hex_encode(hash->bytes, HASH_SIZE, text);
    return json_string(text);
}

void db_print_json(json_t *json)
{
    (void)json_dumpf(json, stdout, JSON_COMPACT);
    (void)printf("\n");
    json_decref(json);
}

/* ---- check ------------------------------------------------------------------------- */

struct check {
    struct db_screen screen;
    struct inspect *inspect;
    struct chaincheck *chain;
    uint64_t certified; /* height whose root stands in a final header */
    bool chain_done;
    bool state_done;
};

/* The set stands in the state: of an epoch that has ended, or of the present one. */
static bool find_set(void *context, uint64_t epoch, const struct hash *hash,
                     struct validator_set *out)
{
    struct check *check = context;
    const struct key keys[] = {key_set(epoch), key_global(GLOBAL_VALIDATORS)};
    bool found = false;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]) && !found; i++) {
        uint8_t *value = NULL;
        size_t size = 0;
        struct hash digest = {{0}};
        if (inspect_read_state(check->inspect, key_view(&keys[i]), &value, &size)) {
            crypto_digest(TAG_VALIDATOR_SET, bytes_of(value, size), &digest);
            found =
                hash_equal(&digest, hash) && wire_decode_validator_set(bytes_of(value, size), out);
        }
        free(value);
    }
    return found;
}

static bool take_block(void *context, const struct inspect_block *block, struct error *error)
{
    struct check *check = context;
    return chaincheck_take(check->chain, block->block, block->finality, error);
}

static void show(void *context, const char *what, uint64_t done, uint64_t total)
{
    struct check *check = context;
    db_screen_draw(&check->screen, what, done, total);
}

static bool run_checks(struct check *check, struct error *error)
{
    /* What follows from blocks that are not there, nobody can judge here. */
    const bool whole = inspect_head(check->inspect)->oldest <= 1;
    const struct inspect_visitor visitor = {
        .context = check, .block = whole ? take_block : NULL, .progress = show};
    check->chain_done = inspect_check_chain(check->inspect, &visitor, error) &&
                        (!whole || chaincheck_end(check->chain, error));
    if (!check->chain_done) {
        return false;
    }
    if (!inspect_head(check->inspect)->has_state) {
        return error_set(error, EXIT_CODE_INCOMPLETE,
                         "chain.db is whole; there is no state.db: the next start of the node "
                         "executes it again from chain.db");
    }
    check->state_done = inspect_check_state(check->inspect, &visitor, &check->certified, error);
    return check->state_done;
}

static json_t *fault_json(const struct check *check)
{
    const struct inspect_fault *stored = inspect_fault(check->inspect);
    const struct audit_fault *judged = &chaincheck_report(check->chain)->fault;
    json_t *json = json_object();
    if (stored->found) {
        (void)json_object_set_new(json, "database", json_string(stored->database));
        (void)json_object_set_new(json, "table", json_string(stored->table));
        if (stored->has_height) {
            (void)json_object_set_new(json, "height", json_integer((json_int_t)stored->height));
        }
        if (stored->key_size > 0) {
            char text[DB_KEY_TEXT_MAX];
            db_key_text(bytes_of(stored->key, stored->key_size), text);
            (void)json_object_set_new(json, "key", json_string(text));
        }
    } else if (judged->found) {
        (void)json_object_set_new(json, "database", json_string("chain.db"));
        (void)json_object_set_new(json, "height", json_integer((json_int_t)judged->height));
        (void)json_object_set_new(json, "field", json_string(judged->field));
        (void)json_object_set_new(json, "expected", json_string(judged->expected));
        (void)json_object_set_new(json, "found", json_string(judged->actual));
    }
    return json;
}

static void report_json(const struct check *check, json_t *extra, const struct error *error)
{
    const struct inspect_head *head = inspect_head(check->inspect);
    const struct chaincheck_report *chain = chaincheck_report(check->chain);
    json_t *json = json_pack(
        "{s:s,s:i,s:I,s:I,s:I,s:I,s:I,s:I,s:b,s:I,s:o,s:I,s:I,s:I}", "check",
        error->code == EXIT_CODE_OK ? "pass" : "FAIL", "exit_code", (int)error->code, "restored_at",
        (json_int_t)head->base, "decided_height", (json_int_t)head->decided_height,
        "checked_height", (json_int_t)chain->height, "unjudged_from",
        (json_int_t)chain->unjudged_from, "transactions", (json_int_t)chain->txs, "certificates",
        (json_int_t)chain->certificates, "state", (int)check->state_done, "applied_height",
        (json_int_t)head->applied_height, "state_root", db_hash_json(&head->applied_root), "keys",
        (json_int_t)head->key_count, "proven_from", (json_int_t)head->proven_from,
        "certified_height", (json_int_t)check->certified);
    if (error->code != EXIT_CODE_OK) {
        (void)json_object_set_new(json, "fault", fault_json(check));
        (void)json_object_set_new(json, "error", json_string(error->detail));
    }
    if (extra != NULL) {
        (void)json_object_update(json, extra);
    }
    db_print_json(json);
}

static void report_text(const struct check *check)
{
    const struct inspect_head *head = inspect_head(check->inspect);
    const struct chaincheck_report *chain = chaincheck_report(check->chain);
    char root[2 * HASH_SIZE + 1];
    hex_encode(head->applied_root.bytes, HASH_SIZE, root);
    if (check->chain_done && head->oldest > 1) {
        const uint64_t from = head->oldest > head->base ? head->oldest : head->base + 1;
        (void)printf("chain.db  blocks from %llu to %llu are stored whole; certificates were not "
                     "judged, as it was %s\n",
                     (unsigned long long)from, (unsigned long long)head->decided_height,
                     head->base > 0 ? "restored from a snapshot" : "pruned");
    } else if (check->chain_done && chain->unjudged_from > 0) {
        (void)printf("chain.db  right up to height %llu; state.db does not know yet who signs from "
                     "height %llu on: start the node once\n",
                     (unsigned long long)chain->height, (unsigned long long)chain->unjudged_from);
    } else if (check->chain_done) {
        (void)printf("chain.db  %llu blocks, %llu transactions, %llu certificates: all right\n",
                     (unsigned long long)head->decided_height, (unsigned long long)chain->txs,
                     (unsigned long long)chain->certificates);
    } else {
        (void)printf("chain.db  right up to height %llu of %llu\n",
                     (unsigned long long)chain->height, (unsigned long long)head->decided_height);
    }
    if (!check->state_done) {
        return;
    }
    (void)printf("state.db  %llu keys, root %s after height %llu, computed from the leaves\n"
                 "undo      back to height %llu, each root as the header above it has it\n",
                 (unsigned long long)head->key_count, root,
                 (unsigned long long)head->applied_height, (unsigned long long)head->proven_from);
    if (check->certified < head->applied_height) {
        (void)printf("          (the newest root stands in no header yet; the one after height "
                     "%llu does)\n",
                     (unsigned long long)check->certified);
    }
    if (head->applied_height < head->decided_height) {
        (void)printf("          %llu final blocks will be executed at the next start\n",
                     (unsigned long long)(head->decided_height - head->applied_height));
    }
}

/* Whoever finds a fault without a next step says it here. */
static void add_step(const struct check *check, struct error *error)
{
    struct error why = *error;
    if (chaincheck_report(check->chain)->fault.found) {
        (void)error_set(error, why.code,
                        "chain.db: %.180s; keep a copy, move chain.db and state.db away, keep "
                        "sign/ and journal/, start again",
                        why.detail);
    }
}

enum exit_code db_check_dir(const struct cli_call *call, const char *dir,
                            const struct genesis *genesis, json_t *extra, struct error *error)
{
    struct check check = {.certified = 0};
    uint64_t threads = 0;
    db_screen_init(&check.screen);
    if (cli_text(call, "threads") != NULL &&
        !cli_number(call, "threads", (struct cli_range){1, THREADS_MAX}, &threads, error)) {
        return EXIT_CODE_USAGE;
    }
    bool ready = inspect_open(dir, genesis_chain_id(genesis), &check.inspect, error);
    ready = ready &&
            chaincheck_create(genesis, (uint32_t)threads,
                              &(struct chaincheck_sets){&check, find_set}, &check.chain, error);
    error->code = ready ? EXIT_CODE_OK : error->code;
    const bool sound = ready && run_checks(&check, error);
    db_screen_clear(&check.screen);
    if (!sound) {
        (void)db_code(error);
    }
    if (ready && !sound) {
        add_step(&check, error);
    }
    if (ready && cli_json(call)) {
        report_json(&check, extra, error);
    } else if (ready) {
        report_text(&check);
    }
    chaincheck_free(check.chain);
    inspect_close(check.inspect);
    return sound ? EXIT_CODE_OK : error->code;
}

static enum exit_code run_check(struct cli_call *call, struct error *error)
{
    struct genesis *genesis = NULL;
    const char *dir = NULL;
    if (!cli_required(call, "data-dir", &dir, error)) {
        return EXIT_CODE_USAGE;
    }
    if (!db_genesis(call, &genesis, error)) {
        return error->code;
    }
    const enum exit_code code = db_check_dir(call, dir, genesis, NULL, error);
    genesis_free(genesis);
    return code;
}

const struct cli_command cli_db_check = {
    .noun = "db",
    .verb = "check",
    .help = "read every byte of a stopped node's databases: checksums, order, roots, certificates",
    .run = run_check,
    .options = {DB_OPTIONS, DB_THREADS}};

/* ---- stats ------------------------------------------------------------------------- */

static json_t *count_json(const char *name, const struct inspect_count *count)
{
    return json_pack("{s:s,s:I,s:I,s:I}", "name", name, "count", (json_int_t)count->count,
                     "key_bytes", (json_int_t)count->key_bytes, "value_bytes",
                     (json_int_t)count->value_bytes);
}

static void count_text(const char *name, const struct inspect_count *count)
{
    const uint64_t bytes = count->key_bytes + count->value_bytes;
    (void)printf("  %-14s %10llu records  %12llu bytes  %8llu a record\n", name,
                 (unsigned long long)count->count, (unsigned long long)bytes,
                 (unsigned long long)(count->count == 0 ? 0 : bytes / count->count));
}

static json_t *database_json(const struct inspect_database *database)
{
    json_t *tables = json_array();
    for (uint32_t i = 0; i < database->table_count; i++) {
        json_t *table = count_json(database->tables[i].name, &database->tables[i].records);
        (void)json_object_set_new(table, "file_bytes",
                                  json_integer((json_int_t)database->tables[i].file_bytes));
        (void)json_array_append_new(tables, table);
    }
    return json_pack("{s:s,s:I,s:i,s:o}", "name", database->name, "disk_bytes",
                     (json_int_t)database->disk_bytes, "files", (int)database->file_count, "tables",
                     tables);
}

static void database_text(const struct inspect_database *database)
{
    (void)printf("%s: %llu bytes in %u files\n", database->name,
                 (unsigned long long)database->disk_bytes, (unsigned)database->file_count);
    for (uint32_t i = 0; i < database->table_count; i++) {
        count_text(database->tables[i].name, &database->tables[i].records);
    }
}

static void kind_label(uint32_t first, char out[32])
{
    const char *name = db_kind_name((uint8_t)first);
    if (name == NULL) {
        (void)snprintf(out, 32, "0x%02x", (unsigned)first);
    } else {
        (void)snprintf(out, 32, "%s", name);
    }
}

static void print_stats(const struct cli_call *call, const struct inspect_stats *stats)
{
    json_t *kinds = json_array();
    if (!cli_json(call)) {
        database_text(&stats->chain);
        database_text(&stats->state);
        (void)printf("objects of the state\n");
    }
    for (uint32_t i = 0; i < INSPECT_KIND_COUNT; i++) {
        char label[32];
        kind_label(i, label);
        if (stats->kinds[i].count > 0 && cli_json(call)) {
            (void)json_array_append_new(kinds, count_json(label, &stats->kinds[i]));
        } else if (stats->kinds[i].count > 0) {
            count_text(label, &stats->kinds[i]);
        }
    }
    if (cli_json(call)) {
        db_print_json(json_pack("{s:o,s:o,s:O}", "chain", database_json(&stats->chain), "state",
                                database_json(&stats->state), "kinds", kinds));
    }
    json_decref(kinds);
}

static enum exit_code run_stats(struct cli_call *call, struct error *error)
{
    static struct inspect_stats stats; /* one thread */
    struct inspect *inspect = NULL;
    struct genesis *genesis = NULL;
    const char *dir = NULL;
    if (!cli_required(call, "data-dir", &dir, error)) {
        return EXIT_CODE_USAGE;
    }
    if (!db_genesis(call, &genesis, error)) {
        return error->code;
    }
    const bool counted = inspect_open(dir, genesis_chain_id(genesis), &inspect, error) &&
                         inspect_stats(inspect, &stats, error);
    if (counted) {
        print_stats(call, &stats);
    }
    inspect_close(inspect);
    genesis_free(genesis);
    return counted ? EXIT_CODE_OK : db_code(error);
}

const struct cli_command cli_db_stats = {
    .noun = "db",
    .verb = "stats",
    .help = "records and bytes of a stopped node's databases, by table and kind of object",
    .run = run_stats,
    .options = {DB_OPTIONS}};
