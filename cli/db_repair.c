#include <stdio.h>

#include "base/hex.h"
#include "cli/commands.h"
#include "cli/db.h"
#include "store/repair/repair.h"

/* gradus db rollback and compact: they write, the others of `db` only read. */

struct call {
    struct repair_job job;
    struct db_screen screen;
    struct genesis *genesis;
};

static bool begin(const struct cli_call *call, struct call *out, struct error *error)
{
    *out = (struct call){.genesis = NULL};
    if (!cli_required(call, "data-dir", &out->job.dir, error) ||
        !db_genesis(call, &out->genesis, error)) {
        return false;
    }
    db_screen_init(&out->screen);
    out->job.chain_id = *genesis_chain_id(out->genesis);
    out->job.context = &out->screen;
    out->job.progress = db_screen_draw;
    return true;
}

static enum exit_code end(const struct call *call, bool done, struct error *error)
{
    genesis_free(call->genesis);
    return done ? EXIT_CODE_OK : db_code(error);
}

static void print_rollback(const struct cli_call *call, const struct repair_rollback *back)
{
    char root[2 * HASH_SIZE + 1];
    if (cli_json(call)) {
        db_print_json(json_pack("{s:I,s:I,s:o}", "from", (json_int_t)back->from, "to",
                                (json_int_t)back->to, "state_root", db_hash_json(&back->root)));
        return;
    }
    hex_encode(back->root.bytes, HASH_SIZE, root);
    (void)printf("state.db went back from height %llu to %llu, root %s; the next start executes "
                 "the blocks above again\n",
                 (unsigned long long)back->from, (unsigned long long)back->to, root);
}

static enum exit_code run_rollback(struct cli_call *call, struct error *error)
{
    struct call c;
    struct repair_rollback back;
    uint64_t height = 0;
    const char *given = NULL;
    if (!cli_required(call, "to", &given, error) ||
        !cli_number(call, "to", (struct cli_range){0, INT64_MAX}, &height, error)) {
        return EXIT_CODE_USAGE;
    }
    if (!begin(call, &c, error)) {
        return error->code;
    }
    const bool done = repair_rollback(&c.job, height, &back, error);
    db_screen_clear(&c.screen);
    if (done) {
        print_rollback(call, &back);
    }
    return end(&c, done, error);
}

const struct cli_command cli_db_rollback = {
    .noun = "db",
    .verb = "rollback",
    .help =
        "take a stopped node's state back to an earlier height; blocks stay and are executed again",
    .run = run_rollback,
    .options = {DB_OPTIONS, {"to", "HEIGHT", NULL, "the block after which the state shall stand"}}};

static enum exit_code run_compact(struct cli_call *call, struct error *error)
{
    struct call c;
    struct repair_sizes sizes;
    if (!begin(call, &c, error)) {
        return error->code;
    }
    const bool done = repair_compact(&c.job, &sizes, error);
    db_screen_clear(&c.screen);
    if (done && cli_json(call)) {
        db_print_json(json_pack("{s:I,s:I}", "before_bytes", (json_int_t)sizes.before,
                                "after_bytes", (json_int_t)sizes.after));
    } else if (done) {
        (void)printf("%llu bytes before, %llu after\n", (unsigned long long)sizes.before,
                     (unsigned long long)sizes.after);
    }
    return end(&c, done, error);
}

const struct cli_command cli_db_compact = {
    .noun = "db",
    .verb = "compact",
    .help = "merge the table files of a stopped node's databases and give back what was deleted",
    .run = run_compact,
    .options = {DB_OPTIONS}};
