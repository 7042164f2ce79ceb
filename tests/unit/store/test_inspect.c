#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/endian.h"
#include "store/core.h"
#include "store/inspect/inspect.h"
#include "tests/support/toy_node.h"

/* Databases of real blocks over the toy ledger, looked into while nobody runs them. */

enum { LAST = 130, HEIGHT_SIZE = 8 };

/* ---- What is whole ---------------------------------------------------------------------- */

/* Names, sizes and bytes of every file of a database. */
static void digest_folder(const struct toy_node *world, const char *name, struct crypto_sha256 *sha)
{
    char path[DIRECTORY_PATH_MAX + 16];
    struct dirent **entries = NULL;
    (void)snprintf(path, sizeof(path), "%s/%s", world->directory.path, name);
    const int count = scandir(path, &entries, NULL, alphasort);
    assert_true(count > 2);
    for (int i = 0; i < count; i++) {
        char file[DIRECTORY_PATH_MAX + 300];
        uint8_t bytes[4096];
        (void)snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
        crypto_sha256_update(sha, bytes_of(entries[i]->d_name, strlen(entries[i]->d_name)));
        const int fd = open(file, O_RDONLY);
        for (ssize_t got = read(fd, bytes, sizeof(bytes)); got > 0;
             got = read(fd, bytes, sizeof(bytes))) {
            crypto_sha256_update(sha, bytes_of(bytes, (size_t)got));
        }
        (void)close(fd);
        free(entries[i]);
    }
    free(entries);
}

static struct hash digest(const struct toy_node *world)
{
    struct crypto_sha256 sha;
    struct hash out;
    crypto_sha256_init(&sha);
    digest_folder(world, "chain.db", &sha);
    digest_folder(world, "state.db", &sha);
    crypto_sha256_final(&sha, &out);
    return out;
}

static const struct inspect_visitor nobody = {.context = NULL};

/* Both checks; the fault found, and *error. */
static bool check(const struct toy_node *world, struct inspect_fault *fault, struct error *error)
{
    struct inspect *inspect = NULL;
    uint64_t certified = 0;
    *fault = (struct inspect_fault){.found = false};
    if (!inspect_open(world->directory.path, &toy_chain, &inspect, error)) {
        return false;
    }
    const bool sound = inspect_check_chain(inspect, &nobody, error) &&
                       inspect_check_state(inspect, &nobody, &certified, error);
    assert_true(!sound || certified + 1 >= inspect_head(inspect)->applied_height);
    *fault = *inspect_fault(inspect);
    inspect_close(inspect);
    return sound;
}

static void whole_is_found_whole_and_stays_as_it_is(void **state)
{
    (void)state;
    struct toy_node world = {.height = 0};
    struct inspect_fault fault;
    struct error error;
    static struct inspect_stats stats;
    struct inspect *inspect = NULL;
    toy_node_fill(&world, LAST);
    const struct hash before = digest(&world);
    if (!check(&world, &fault, &error)) {
        fail_msg("%s", error.detail);
    }
    assert_true(inspect_open(world.directory.path, &toy_chain, &inspect, &error));
    assert_true(inspect_stats(inspect, &stats, &error));
    assert_int_equal(stats.chain.tables[CHAIN_BODY].records.count, LAST);
    assert_int_equal(stats.state.tables[LEDGER_LEAF].records.count,
                     inspect_head(inspect)->key_count);
    assert_int_equal(stats.kinds['a'].count + stats.kinds['b'].count,
                     inspect_head(inspect)->key_count);
    inspect_close(inspect);
    const struct hash after = digest(&world);
    assert_memory_equal(&before, &after, sizeof(after));
    directory_remove(&world.directory);
}

/* The child runs a node's store until it is killed. */
static pid_t start_child(struct toy_node *world, int ready[2])
{
    assert_int_equal(pipe(ready), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)close(ready[0]);
        toy_node_open(world);
        toy_node_grow(world, LAST);
        (void)!write(ready[1], "r", 1);
        for (;;) {
            (void)pause();
        }
    }
    (void)close(ready[1]);
    return child;
}

static void running_is_refused_crashed_is_read_without_a_trace(void **state)
{
    (void)state;
    struct toy_node world = {.height = 0};
    struct inspect_fault fault;
    struct inspect *inspect = NULL;
    struct error error;
    int ready[2];
    char byte = 0;
    toy_node_begin(&world);
    toy_node_grow(&world, 40);
    store_close(world.store);
    const pid_t child = start_child(&world, ready);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    (void)close(ready[0]);
    assert_false(inspect_open(world.directory.path, &toy_chain, &inspect, &error));
    assert_int_equal(error.code, EXIT_CODE_STORE);
    assert_non_null(strstr(error.detail, "stop that node"));
    (void)kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    const struct hash before = digest(&world);
    if (!check(&world, &fault, &error)) {
        fail_msg("%s", error.detail);
    }
    assert_true(inspect_open(world.directory.path, &toy_chain, &inspect, &error));
    assert_int_equal(inspect_head(inspect)->decided_height, LAST);
    assert_int_equal(inspect_head(inspect)->applied_height, LAST);
    inspect_close(inspect);
    const struct hash after = digest(&world);
    assert_memory_equal(&before, &after, sizeof(after));
    directory_remove(&world.directory);
}

static void nothing_there_and_another_chain_are_told_apart(void **state)
{
    (void)state;
    struct toy_node world = {.height = 0};
    struct inspect *inspect = NULL;
    struct error error;
    const struct hash other = {{8}};
    assert_true(directory_make(&world.directory));
    assert_false(inspect_open(world.directory.path, &toy_chain, &inspect, &error));
    assert_int_equal(error.code, EXIT_CODE_NOT_FOUND);
    directory_remove(&world.directory);
    toy_node_fill(&world, 3);
    assert_false(inspect_open(world.directory.path, &other, &inspect, &error));
    assert_int_equal(error.code, EXIT_CODE_BAD_GENESIS);
    directory_remove(&world.directory);
}

/* ---- What is damaged --------------------------------------------------------------------- */

/* One record is changed the way a fault of a program would: with sound checksums. */
struct damage {
    const char *table; /* in which it must be found */
    bool in_state;
    size_t family;
    uint64_t height; /* the record's, when its table is by height; else: the nth record */
    enum { DELETED, FLIPPED, SWAPPED } how; /* SWAPPED: the value of the record before */
    size_t at;                              /* FLIPPED: byte */
    bool named;                             /* the height must be named */
};

static const struct damage damages[] = {
    {"id", false, CHAIN_ID, 17, DELETED, 0, true},
    {"hash2h", false, CHAIN_ID, 17, FLIPPED, 4, true},
    {"hash2h", false, CHAIN_HEIGHT, 9, DELETED, 0, true},
    {"body", false, CHAIN_BODY, 30, DELETED, 0, true},
    {"body", false, CHAIN_BODY, 30, FLIPPED, 60, true},
    {"body", false, CHAIN_BODY, 130, SWAPPED, 0, true},
    {"res", false, CHAIN_RESULTS, 12, DELETED, 0, true},
    {"res", false, CHAIN_RESULTS, 12, FLIPPED, 0, true},
    {"mmr", false, CHAIN_TREE, 70, FLIPPED, 0, true},
    {"mmr", false, CHAIN_TREE, 140, DELETED, 0, true},
    {"leaf", true, LEDGER_LEAF, 5, DELETED, 0, true},
    {"leaf", true, LEDGER_LEAF, 5, FLIPPED, 20, true},
    {"leaf", true, LEDGER_LEAF, 5, FLIPPED, 0, false},
    {"leaf", true, LEDGER_LEAF, 5, FLIPPED, RECORD_HEAD_SIZE, true},
    {"leaf", true, LEDGER_LEAF, 5, SWAPPED, 0, true},
    {"kidx", true, LEDGER_KEYS, 8, DELETED, 0, false},
    {"undo", true, LEDGER_UNDO, 60, DELETED, 0, true},
    {"undo", true, LEDGER_UNDO, 60, FLIPPED, 20, true},
    {"undo", true, LEDGER_UNDO, 60, FLIPPED, 50, true},
    {"undo", true, LEDGER_UNDO, 60, SWAPPED, 0, true},
};

/* The iterator on the record meant. */
static rocksdb_iterator_t *find_record(const struct rocks *rocks, const struct damage *damage)
{
    const bool by_height =
        damage->in_state ? damage->family == LEDGER_UNDO : damage->family <= CHAIN_RESULTS;
    rocksdb_iterator_t *iterator = rocks_iterate(rocks, damage->family);
    if (by_height) {
        uint8_t key[HEIGHT_SIZE];
        store_be64(key, damage->height);
        rocksdb_iter_seek(iterator, (const char *)key, sizeof(key));
        assert_true(rocksdb_iter_valid(iterator));
        assert_memory_equal(rocks_iterator_key(iterator).data, key, sizeof(key));
        return iterator;
    }
    rocksdb_iter_seek_to_first(iterator);
    for (uint64_t i = 0; i < damage->height; i++) {
        rocksdb_iter_next(iterator);
    }
    assert_true(rocksdb_iter_valid(iterator));
    return iterator;
}

/* The record as it was. */
struct saved {
    uint8_t key[64];
    size_t key_size;
    uint8_t value[1 << 15];
    size_t value_size;
};

static void write_record(struct rocks *rocks, size_t family, const struct saved *saved,
                         const struct bytes *value)
{
    struct error error;
    const struct bytes key = bytes_of(saved->key, saved->key_size);
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    if (value == NULL) {
        rocks_batch_delete(rocks, batch, family, key);
    } else {
        rocks_batch_put(rocks, batch, family, key, *value);
    }
    assert_true(rocks_write(rocks, batch, true, &error));
    rocksdb_writebatch_destroy(batch);
}

static void change_record(struct rocks *rocks, const struct damage *damage, struct saved *saved)
{
    static uint8_t changed[1 << 15];
    struct error error;
    rocksdb_iterator_t *iterator = find_record(rocks, damage);
    saved->key_size = rocks_iterator_key(iterator).size;
    saved->value_size = rocks_iterator_value(iterator).size;
    assert_true(saved->key_size <= sizeof(saved->key));
    assert_true(saved->value_size <= sizeof(saved->value));
    memcpy(saved->key, rocks_iterator_key(iterator).data, saved->key_size);
    memcpy(saved->value, rocks_iterator_value(iterator).data, saved->value_size);
    if (damage->how == SWAPPED) {
        rocksdb_iter_prev(iterator);
    }
    struct bytes value = rocks_iterator_value(iterator);
    assert_true(value.size <= sizeof(changed));
    memcpy(changed, value.data, value.size);
    value.data = changed;
    if (damage->how == FLIPPED) {
        assert_true(damage->at < value.size);
        changed[damage->at] ^= 1;
    }
    assert_true(rocks_iterator_end(rocks, iterator, &error));
    write_record(rocks, damage->family, saved, damage->how == DELETED ? NULL : &value);
}

/* Inflict the damage, or with `back` undo it. */
static void inflict(const struct toy_node *world, const struct damage *damage, struct saved *saved,
                    bool back)
{
    struct store *store = calloc(1, sizeof(*store));
    struct error error;
    const struct store_options options = {.dir = world->directory.path, .chain_id = toy_chain};
    const struct rocks_config config = ledger_config(&options);
    assert_non_null(store);
    assert_true(chain_open(&store->chain, &options, &error));
    assert_true(rocks_open(&store->state, &config, &error));
    struct rocks *rocks = damage->in_state ? &store->state : &store->chain.rocks;
    if (back) {
        const struct bytes value = bytes_of(saved->value, saved->value_size);
        write_record(rocks, damage->family, saved, &value);
    } else {
        change_record(rocks, damage, saved);
    }
    rocks_close(&store->state);
    chain_close(&store->chain);
    free(store);
}

static void expect_found(const struct toy_node *world, size_t number)
{
    const struct damage *damage = &damages[number];
    struct inspect_fault fault;
    struct error error = {.code = EXIT_CODE_OK};
    if (check(world, &fault, &error)) {
        fail_msg("damage %zu in %s is not found", number, damage->table);
    }
    assert_int_equal(error.code, EXIT_CODE_CORRUPT);
    assert_true(fault.found && fault.table != NULL);
    assert_string_equal(fault.table, damage->table);
    assert_true(!damage->named || fault.has_height);
    assert_non_null(strstr(error.detail, "move "));
}

static void every_damage_is_found_and_named(void **state)
{
    (void)state;
    static struct saved saved;
    struct toy_node world = {.height = 0};
    struct inspect_fault fault;
    struct error error;
    toy_node_fill(&world, LAST);
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        inflict(&world, &damages[i], &saved, false);
        expect_found(&world, i);
        inflict(&world, &damages[i], &saved, true);
    }
    assert_true(check(&world, &fault, &error));
    directory_remove(&world.directory);
}

/* One bit in every table file of a database. */
static void flip_tables(const struct toy_node *world, const char *name)
{
    char path[DIRECTORY_PATH_MAX + 16];
    (void)snprintf(path, sizeof(path), "%s/%s", world->directory.path, name);
    DIR *stream = opendir(path);
    assert_non_null(stream);
    for (struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream)) {
        if (strstr(entry->d_name, ".sst") != NULL) {
            uint8_t byte = 0;
            const int fd = openat(dirfd(stream), entry->d_name, O_RDWR);
            assert_int_equal(pread(fd, &byte, 1, 40), 1);
            byte ^= 4;
            assert_int_equal(pwrite(fd, &byte, 1, 40), 1);
            (void)close(fd);
        }
    }
    (void)closedir(stream);
}

/* RocksDB's own checksum, and the file's name in the line. */
static void flipped_file_is_named(void **state)
{
    (void)state;
    static const char *const names[] = {"chain.db", "state.db"};
    for (size_t i = 0; i < 2; i++) {
        struct toy_node world = {.height = 0};
        struct inspect_fault fault;
        struct error error = {.code = EXIT_CODE_OK};
        toy_node_fill(&world, LAST);
        flip_tables(&world, names[i]);
        assert_false(check(&world, &fault, &error));
        assert_int_equal(error.code, EXIT_CODE_CORRUPT);
        assert_non_null(strstr(error.detail, ".sst"));
        directory_remove(&world.directory);
    }
}

/* ---- Comparing ---------------------------------------------------------------------------- */

static void compare(const struct toy_node *a, const struct toy_node *b,
                    struct inspect_difference *out)
{
    struct inspect *pair[2] = {NULL, NULL};
    struct error error;
    assert_true(inspect_open(a->directory.path, &toy_chain, &pair[0], &error));
    assert_true(inspect_open(b->directory.path, &toy_chain, &pair[1], &error));
    if (!inspect_diff(pair, out, &error)) {
        fail_msg("%s", error.detail);
    }
    inspect_close(pair[0]);
    inspect_close(pair[1]);
}

static void states_of_one_chain_are_the_same_at_the_lower_height(void **state)
{
    (void)state;
    struct toy_node a = {.height = 0};
    struct toy_node b = {.height = 0};
    struct inspect_difference difference;
    toy_node_fill(&a, LAST);
    toy_node_fill(&b, LAST - 40);
    compare(&a, &b, &difference);
    assert_int_equal(difference.height, LAST - 40);
    assert_false(difference.found);
    assert_memory_equal(&difference.roots[0], &difference.roots[1], HASH_SIZE);
    inspect_difference_free(&difference);
    directory_remove(&a.directory);
    directory_remove(&b.directory);
}

/* The one key that a block wrote otherwise, with both values and the block. */
static void the_first_other_key_is_found(void **state)
{
    (void)state;
    struct toy_node a = {.height = 0};
    struct toy_node b = {.height = 0};
    struct inspect_difference difference;
    toy_node_fill(&a, LAST);
    b.odd_height = LAST - 10;
    toy_node_begin(&b);
    toy_node_grow(&b, LAST - 10);
    store_close(b.store);
    compare(&a, &b, &difference);
    assert_true(difference.found);
    assert_int_equal(difference.height, LAST - 10);
    assert_true(difference.sides[1].present);
    assert_int_equal(difference.sides[1].height, LAST - 10);
    assert_int_equal(difference.sides[1].value_size, 3);
    assert_memory_equal(difference.sides[1].value, "odd", 3);
    assert_true(!difference.sides[0].present || difference.sides[0].height == LAST - 10);
    assert_int_equal(difference.key_size, 5);
    inspect_difference_free(&difference);
    directory_remove(&a.directory);
    directory_remove(&b.directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_is_found_whole_and_stays_as_it_is),
        cmocka_unit_test(running_is_refused_crashed_is_read_without_a_trace),
        cmocka_unit_test(nothing_there_and_another_chain_are_told_apart),
        cmocka_unit_test(every_damage_is_found_and_named),
        cmocka_unit_test(flipped_file_is_named),
        cmocka_unit_test(states_of_one_chain_are_the_same_at_the_lower_height),
        cmocka_unit_test(the_first_other_key_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
