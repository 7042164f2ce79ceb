#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "store/backup/backup.h"
#include "store/store.h"
#include "tests/support/directory.h"
#include "tests/support/toy_ledger.h"

/* A backup is complete or refused, and carries nothing that could vote. */

enum { LAST = 60, PATH_SIZE = DIRECTORY_PATH_MAX + 300 };

static const struct hash chain = {{9}};

struct world {
    struct directory root; /* of data, backup, target */
    char data[PATH_SIZE];
    char backup[PATH_SIZE];
    char target[PATH_SIZE];
    struct hash applied_root;
};

static void open_store(const char *dir, struct store **out)
{
    struct error error;
    const struct store_options options = {.dir = dir, .chain_id = chain};
    if (!store_open(&options, out, &error)) {
        fail_msg("%s", error.detail);
    }
}

static void fill(struct world *world)
{
    static struct toy_block block;
    struct store *store = NULL;
    struct toy_state toy = {.versions = {0}};
    struct store_status status;
    struct error error;
    open_store(world->data, &store);
    for (uint64_t height = 0; height <= LAST; height++) {
        if (height == LAST / 2) { /* half of it in table files */
            store_close(store);
            open_store(world->data, &store);
        }
        toy_block_make(&toy, height, &block);
        const struct store_stage stage = {
            .height = height, .block_id = toy_id(height), .writes = block.writes};
        const struct store_final final = {
            .height = height, .block_id = toy_id(height), .block = bytes_of("block", 5)};
        struct store_overlay *overlay = store_overlay_add(store, &stage);
        assert_true(height == 0 || store_append_final(store, &final, 1, &error));
        assert_true(store_commit(store, overlay, &error));
    }
    store_status(store, &status);
    world->applied_root = status.applied_root;
    store_close(store);
}

static void touch(const char *dir, const char *folder, const char *file)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, folder);
    assert_true(mkdir(path, 0700) == 0);
    (void)snprintf(path, sizeof(path), "%s/%s/%s", dir, folder, file);
    FILE *stream = fopen(path, "w");
    assert_non_null(stream);
    assert_true(fputs("kept", stream) >= 0);
    assert_int_equal(fclose(stream), 0);
}

static bool is_there(const char *dir, const char *name)
{
    char path[PATH_SIZE];
    struct stat state;
    const int size = snprintf(path, sizeof(path), "%s/%s", dir, name);
    assert_true(size > 0 && (size_t)size < sizeof(path));
    return stat(path, &state) == 0;
}

static struct backup_job job_of(const char *from, const char *to)
{
    return (struct backup_job){.from = from, .to = to, .chain_id = chain};
}

static void make(struct world *world)
{
    struct backup_info info;
    struct error error;
    assert_true(directory_make(&world->root));
    (void)snprintf(world->data, sizeof(world->data), "%s/data", world->root.path);
    (void)snprintf(world->backup, sizeof(world->backup), "%s/backup", world->root.path);
    (void)snprintf(world->target, sizeof(world->target), "%s/target", world->root.path);
    fill(world);
    touch(world->data, "sign", "sign.state");
    touch(world->data, "journal", "journal-0");
    const struct backup_job job = job_of(world->data, world->backup);
    if (!backup_create(&job, &info, &error)) {
        fail_msg("%s", error.detail);
    }
    assert_int_equal(info.decided_height, LAST);
    assert_int_equal(info.applied_height, LAST);
}

static int remove_entry(const char *path, const struct stat *state, int type, struct FTW *at)
{
    (void)state;
    (void)type;
    (void)at;
    return remove(path);
}

/* Folders of folders: what directory_remove does not know. */
static void remove_tree(const char *path)
{
    enum { OPEN_MAX_COUNT = 8 };
    assert_int_equal(nftw(path, remove_entry, OPEN_MAX_COUNT, FTW_DEPTH | FTW_PHYS), 0);
}

static void unmake(struct world *world)
{
    remove_tree(world->root.path);
}

static bool check(const struct world *world, struct error *error)
{
    struct backup_info info;
    const struct backup_job job = job_of(world->backup, NULL);
    return backup_check(&job, &info, error);
}

static void restored_is_the_same_without_a_right_to_vote(void **state)
{
    (void)state;
    struct world world;
    struct backup_info info;
    struct store_status status;
    struct store *store = NULL;
    struct error error;
    make(&world);
    assert_false(is_there(world.backup, "sign"));
    assert_false(is_there(world.backup, "journal"));
    if (!check(&world, &error)) {
        fail_msg("%s", error.detail);
    }
    const struct backup_job job = job_of(world.backup, world.target);
    assert_true(backup_restore(&job, &info, &error));
    assert_int_equal(info.decided_height, LAST);
    assert_false(is_there(world.target, "sign"));
    assert_false(is_there(world.target, "journal"));
    open_store(world.target, &store);
    store_status(store, &status);
    assert_int_equal(status.decided_height, LAST);
    assert_memory_equal(&status.applied_root, &world.applied_root, HASH_SIZE);
    store_close(store);
    unmake(&world);
}

/* Damaged databases are replaced, what has signed stays as it is. */
static void restore_replaces_nothing(void **state)
{
    (void)state;
    struct world world;
    struct backup_info info;
    struct error error;
    char path[PATH_SIZE + 32];
    char away[PATH_SIZE + 32];
    make(&world);
    const struct backup_job job = job_of(world.backup, world.data);
    assert_false(backup_restore(&job, &info, &error));
    assert_int_equal(error.code, EXIT_CODE_USAGE);
    assert_non_null(strstr(error.detail, "keep sign/"));
    static const char *const names[] = {"chain.db", "state.db"};
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", world.data, names[i]);
        (void)snprintf(away, sizeof(away), "%s/%s.bad", world.root.path, names[i]);
        assert_int_equal(rename(path, away), 0);
    }
    assert_true(backup_restore(&job, &info, &error));
    assert_true(is_there(world.data, "sign/sign.state"));
    assert_true(is_there(world.data, "journal/journal-0"));
    const struct backup_job again = job_of(world.data, world.backup);
    assert_false(backup_create(&again, &info, &error)); /* nor is a backup overwritten */
    assert_int_equal(error.code, EXIT_CODE_USAGE);
    unmake(&world);
}

static void flip(const char *path, off_t at)
{
    uint8_t byte = 0;
    const int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    (void)close(fd);
}

static void expect_refused(const struct world *world, const char *name)
{
    struct error error = {.code = EXIT_CODE_OK};
    struct backup_info info;
    const struct backup_job job = job_of(world->backup, world->target);
    if (check(world, &error)) {
        fail_msg("%s: damage is not found", name);
    }
    assert_true(error.code == EXIT_CODE_CORRUPT || error.code == EXIT_CODE_INCOMPLETE);
    assert_false(backup_restore(&job, &info, &error));
    assert_false(is_there(world->target, "chain.db"));
    if (is_there(world->target, "")) {
        remove_tree(world->target);
    }
}

/* Every file: a bit flipped, the file gone.  The list: each of its bytes. */
static void damage_in(const struct world *world, const char *database)
{
    char folder[PATH_SIZE + 32];
    (void)snprintf(folder, sizeof(folder), "%s/%s", world->backup, database);
    DIR *stream = opendir(folder);
    assert_non_null(stream);
    for (struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream)) {
        char path[PATH_SIZE + 340];
        char away[PATH_SIZE];
        struct stat file;
        (void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        (void)snprintf(away, sizeof(away), "%s/away", world->root.path);
        if (entry->d_name[0] == '.' || stat(path, &file) != 0) {
            continue;
        }
        if (file.st_size > 0) {
            flip(path, file.st_size / 2);
            expect_refused(world, entry->d_name);
            flip(path, file.st_size / 2);
        }
        assert_int_equal(rename(path, away), 0);
        expect_refused(world, entry->d_name);
        assert_int_equal(rename(away, path), 0);
    }
    (void)closedir(stream);
}

static void every_damage_is_refused(void **state)
{
    (void)state;
    struct world world;
    struct error error;
    char list[PATH_SIZE + 16];
    char stranger[PATH_SIZE + 32];
    make(&world);
    damage_in(&world, "chain.db");
    damage_in(&world, "state.db");
    (void)snprintf(list, sizeof(list), "%s/backup", world.backup);
    struct stat file;
    assert_int_equal(stat(list, &file), 0);
    for (off_t at = 0; at < file.st_size; at++) {
        flip(list, at);
        assert_false(check(&world, &error));
        flip(list, at);
    }
    (void)snprintf(stranger, sizeof(stranger), "%s/chain.db/000999.sst", world.backup);
    FILE *stream = fopen(stranger, "w");
    assert_non_null(stream);
    (void)fclose(stream);
    expect_refused(&world, "a file more");
    assert_int_equal(unlink(stranger), 0);
    assert_true(check(&world, &error));
    assert_int_equal(unlink(list), 0);
    expect_refused(&world, "no list");
    unmake(&world);
}

static void running_node_is_refused(void **state)
{
    (void)state;
    struct world world;
    struct backup_info info;
    struct error error;
    int ready[2];
    char byte = 0;
    char other[PATH_SIZE];
    make(&world);
    (void)snprintf(other, sizeof(other), "%s/other", world.root.path);
    assert_int_equal(pipe(ready), 0);
    const pid_t child = fork();
    if (child == 0) {
        struct store *store = NULL;
        open_store(world.data, &store);
        (void)!write(ready[1], "r", 1);
        for (;;) {
            (void)pause();
        }
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    const struct backup_job job = job_of(world.data, other);
    assert_false(backup_create(&job, &info, &error));
    assert_int_equal(error.code, EXIT_CODE_STORE);
    assert_false(is_there(world.root.path, "other"));
    (void)kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_true(backup_create(&job, &info, &error)); /* of a crashed one */
    const struct backup_job foreign = {.from = other, .chain_id = {{8}}};
    assert_false(backup_check(&foreign, &info, &error));
    assert_int_equal(error.code, EXIT_CODE_BAD_GENESIS);
    unmake(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(restored_is_the_same_without_a_right_to_vote),
        cmocka_unit_test(restore_replaces_nothing),
        cmocka_unit_test(every_damage_is_refused),
        cmocka_unit_test(running_node_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
