#include <stdio.h>

#include "base/hex.h"
#include "cli/commands.h"
#include "cli/db.h"
#include "store/repair/repair.h"

/* gradus db rollback, compact and prune: they write, the others of `db` only read. */

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

static void print_prune(const struct cli_call *call, const struct repair_prune *prune)
{
    if (cli_json(call)) {
        db_print_json(json_pack("{s:I,s:I,s:I,s:I,s:I}", "sealed", (json_int_t)prune->sealed,
                                "unlinked", (json_int_t)prune->unlinked, "oldest_height",
                                (json_int_t)prune->oldest_height, "before_bytes",
                                (json_int_t)prune->sizes.before, "after_bytes",
                                (json_int_t)prune->sizes.after));
        return;
    }
    (void)printf("%llu files sealed, %llu deleted; blocks from height %llu on are here; %llu bytes "
                 "before, %llu after\n",
                 (unsigned long long)prune->sealed, (unsigned long long)prune->unlinked,
                 (unsigned long long)prune->oldest_height, (unsigned long long)prune->sizes.before,
                 (unsigned long long)prune->sizes.after);
}

static enum exit_code run_prune(struct cli_call *call, struct error *error)
{
    struct call c;
    struct repair_prune prune;
    uint64_t keep = 0;
    const char *given = NULL;
    if (!cli_required(call, "keep", &given, error) ||
        !cli_number(call, "keep", (struct cli_range){0, INT64_MAX}, &keep, error)) {
        return EXIT_CODE_USAGE;
    }
    if (!begin(call, &c, error)) {
        return error->code;
    }
    const bool done = repair_prune_to(&c.job, keep, &prune, error);
    db_screen_clear(&c.screen);
    if (done) {
        print_prune(call, &prune);
    }
    return end(&c, done, error);
}

const struct cli_command cli_db_prune = {
    .noun = "db",
    .verb = "prune",
    .help = "seal a stopped node's old blocks into files and delete all but the newest of these",
    .run = run_prune,
    .options = {DB_OPTIONS,
                {"keep", "FILES", NULL, "sealed files of 1 000 blocks that stay; 0: none"}}};
