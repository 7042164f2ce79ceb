#include <stdio.h>

#include "base/hex.h"
#include "cli/commands.h"
#include "cli/db.h"
#include "store/backup/backup.h"

/* gradus backup create, verify and restore: the databases of a stopped node as a directory. */

struct call {
    struct backup_job job;
    struct backup_info info;
    struct db_screen screen;
    struct genesis *genesis;
};

static bool begin(const struct cli_call *call, struct call *out, struct error *error)
{
    *out = (struct call){.genesis = NULL};
    if (!db_genesis(call, &out->genesis, error)) {
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
    db_screen_clear(&call->screen);
    genesis_free(call->genesis);
    return done ? EXIT_CODE_OK : db_code(error);
}

static json_t *info_json(const char *dir, const struct backup_info *info)
{
    return json_pack("{s:s,s:I,s:o,s:b,s:I,s:o,s:I,s:I}", "backup", dir, "final_height",
                     (json_int_t)info->decided_height, "block_id", db_hash_json(&info->decided_id),
                     "has_state", (int)info->has_state, "applied_height",
                     (json_int_t)info->applied_height, "state_root",
                     db_hash_json(&info->applied_root), "files", (json_int_t)info->file_count,
                     "bytes", (json_int_t)info->bytes);
}

static void print_info(const struct cli_call *call, const char *dir, const char *what,
                       const struct backup_info *info)
{
    char id[2 * HASH_SIZE + 1];
    if (cli_json(call)) {
        db_print_json(info_json(dir, info));
        return;
    }
    hex_encode(info->decided_id.bytes, HASH_SIZE, id);
    (void)printf("%s %s: %llu files, %llu bytes, up to height %llu, block %s\n", dir, what,
                 (unsigned long long)info->file_count, (unsigned long long)info->bytes,
                 (unsigned long long)info->decided_height, id);
}

/* ---- create ------------------------------------------------------------------------ */

static enum exit_code run_create(struct cli_call *call, struct error *error)
{
    struct call c;
    const char *from = NULL;
    const char *to = NULL;
    if (!cli_required(call, "data-dir", &from, error) || !cli_required(call, "out", &to, error)) {
        return EXIT_CODE_USAGE;
    }
    if (!begin(call, &c, error)) {
        return error->code;
    }
    c.job.from = from;
    c.job.to = to;
    const bool done = backup_create(&c.job, &c.info, error);
    db_screen_clear(&c.screen);
    if (done) {
        print_info(call, to, "made", &c.info);
    }
    return end(&c, done, error);
}

const struct cli_command cli_backup_create = {
    .noun = "backup",
    .verb = "create",
    .help =
        "copy a stopped node's databases, with the digest of every file; never sign.state or keys",
    .run = run_create,
    .options = {DB_OPTIONS, {"out", "DIR", NULL, "where the backup goes; it must not exist"}}};

/* ---- verify ------------------------------------------------------------------------ */

static enum exit_code run_verify(struct cli_call *call, struct error *error)
{
    struct call c;
    const char *dir = cli_argument(call, 0);
    if (!begin(call, &c, error)) {
        return error->code;
    }
    c.job.from = dir;
    if (!backup_check(&c.job, &c.info, error)) {
        return end(&c, false, error);
    }
    db_screen_clear(&c.screen);
    json_t *extra = info_json(dir, &c.info);
    if (!cli_json(call)) {
        print_info(call, dir, "is as it was made", &c.info);
    }
    enum exit_code code = db_check_dir(call, dir, c.genesis, extra, error);
    if (code == EXIT_CODE_INCOMPLETE && !c.info.has_state) {
        code = EXIT_CODE_OK; /* nor had the node one */
    }
    json_decref(extra);
    genesis_free(c.genesis);
    return code;
}

const struct cli_command cli_backup_verify = {
    .noun = "backup",
    .verb = "verify",
    .arguments = "DIR",
    .argument_min = 1,
    .argument_max = 1,
    .help = "read every byte of a backup: digests, then all that db check checks",
    .run = run_verify,
    .options = {{"genesis", "FILE", NULL, "the network's genesis file"}, DB_THREADS}};

/* ---- restore ----------------------------------------------------------------------- */

static enum exit_code run_restore(struct cli_call *call, struct error *error)
{
    struct call c;
    const char *to = NULL;
    if (!cli_required(call, "data-dir", &to, error)) {
        return EXIT_CODE_USAGE;
    }
    if (!begin(call, &c, error)) {
        return error->code;
    }
    c.job.from = cli_argument(call, 0);
    c.job.to = to;
    const bool done = backup_restore(&c.job, &c.info, error);
    db_screen_clear(&c.screen);
    if (done) {
        print_info(call, to, "restored", &c.info);
    }
    return end(&c, done, error);
}

const struct cli_command cli_backup_restore = {
    .noun = "backup",
    .verb = "restore",
    .arguments = "DIR",
    .argument_min = 1,
    .argument_max = 1,
    .help = "put a backup's databases into a data_dir without any; it gives no right to vote",
    .run = run_restore,
    .options = {{"data-dir", "DIR", NULL, "the node's data_dir; made when missing"},
                {"genesis", "FILE", NULL, "the network's genesis file"}}};
