#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "store/history/chunk.h"
#include "tests/support/directory.h"
#include "tests/support/random.h"

enum { BLOCK_ROOM = 4000, FILE_ROOM = 1 << 16 };

static struct hash chain(uint8_t number)
{
    struct hash hash = {{number}};
    return hash;
}

/* Block bytes that follow from the height. */
static struct bytes block_of(uint64_t height, uint8_t *out)
{
    uint64_t seed = height;
    const size_t size = 20 + (size_t)random_below(&seed, 60);
    random_fill(&seed, out, size);
    return bytes_of(out, size);
}

static void write_history(const char *dir, uint64_t last)
{
    const struct hash id = chain(9);
    struct history_writer *writer = NULL;
    struct error error;
    uint8_t buffer[BLOCK_ROOM];
    assert_true(history_writer_open(dir, &id, 1, &writer, &error));
    for (uint64_t height = 1; height <= last; height++) {
        assert_true(history_writer_add(writer, block_of(height, buffer), &error));
    }
    assert_true(history_writer_end(writer, bytes_of("finality", 8), &error));
    history_writer_close(writer);
}

/* Read to the end; the answer that ended it, and how many blocks came before. */
static enum history_answer read_history(const char *dir, uint8_t id_byte, uint64_t *blocks,
                                        struct history_fault *fault, struct error *error)
{
    const struct hash id = chain(id_byte);
    struct history_reader *reader = NULL;
    struct history_item item;
    enum history_answer answer = HISTORY_BLOCK;
    uint8_t buffer[BLOCK_ROOM];
    bool finality = false;
    *blocks = 0;
    if (!history_open(dir, &id, &reader, error)) {
        return HISTORY_FAILED;
    }
    while (answer == HISTORY_BLOCK || answer == HISTORY_FINALITY) {
        answer = history_next(reader, &item, error);
        if (answer == HISTORY_BLOCK) {
            assert_int_equal(item.height, *blocks + 1);
            assert_true(bytes_equal(item.bytes, block_of(item.height, buffer)));
            (*blocks)++;
        } else if (answer == HISTORY_FINALITY) {
            assert_int_equal(item.height, history_last(reader));
            assert_true(bytes_equal(item.bytes, bytes_of("finality", 8)));
            finality = true;
        }
    }
    assert_true(answer != HISTORY_END || (finality && *blocks == history_last(reader)));
    *fault = *history_fault(reader);
    history_close(reader);
    return answer;
}

static void what_was_written_is_read(void **state)
{
    (void)state;
    const uint64_t lasts[] = {1, 2, HISTORY_BLOCKS_MAX, HISTORY_BLOCKS_MAX + 1,
                              2 * HISTORY_BLOCKS_MAX + 17};
    for (size_t i = 0; i < sizeof(lasts) / sizeof(lasts[0]); i++) {
        struct directory directory;
        struct history_fault fault;
        struct error error;
        uint64_t blocks = 0;
        assert_true(directory_make(&directory));
        write_history(directory.path, lasts[i]);
        assert_int_equal(read_history(directory.path, 9, &blocks, &fault, &error), HISTORY_END);
        assert_int_equal(blocks, lasts[i]);
        directory_remove(&directory);
    }
}

struct file {
    char path[DIRECTORY_PATH_MAX + 64];
    uint8_t bytes[FILE_ROOM];
    size_t size;
};

static void file_load(struct file *file, const struct directory *directory, const char *name)
{
    (void)snprintf(file->path, sizeof(file->path), "%s/%s", directory->path, name);
    FILE *stream = fopen(file->path, "rb");
    assert_non_null(stream);
    file->size = fread(file->bytes, 1, FILE_ROOM, stream);
    assert_true(file->size > 0 && file->size < FILE_ROOM);
    (void)fclose(stream);
}

static void file_save(const struct file *file, size_t size)
{
    FILE *stream = fopen(file->path, "wb");
    assert_non_null(stream);
    assert_int_equal(fwrite(file->bytes, 1, size, stream), size);
    (void)fclose(stream);
}

/* The block whose bytes hold offset; 0: none. */
static uint64_t block_at(const struct file *file, size_t offset)
{
    size_t at = CHUNK_HEADER_SIZE;
    struct chunk_head head;
    while (chunk_head_read(file->bytes + at, &head)) {
        at += CHUNK_HEAD_SIZE;
        if (offset >= at && offset < at + head.size && head.kind == CHUNK_BLOCK) {
            return head.height;
        }
        if (head.kind == CHUNK_END) {
            return 0;
        }
        at += head.size + HASH_SIZE;
    }
    return 0;
}

/* Each byte of the file, flipped: found, and named by its height or by its place. */
static void every_flipped_byte_is_found_and_named(void **state)
{
    (void)state;
    static struct file file;
    static struct file sound;
    struct directory directory;
    struct history_fault fault;
    struct error error;
    uint64_t blocks = 0;
    assert_true(directory_make(&directory));
    write_history(directory.path, 6);
    file_load(&sound, &directory, "history-000000000001-000000000006.gradus");
    file = sound;
    for (size_t i = 0; i < sound.size; i++) {
        file.bytes[i] ^= (uint8_t)(1U << i % 8);
        file_save(&file, file.size);
        file.bytes[i] = sound.bytes[i];
        assert_int_equal(read_history(directory.path, 9, &blocks, &fault, &error), HISTORY_DAMAGED);
        const uint64_t height = block_at(&sound, i);
        assert_int_equal(error.code, EXIT_CODE_VERIFY);
        assert_int_equal(fault.in_block, height != 0);
        assert_true(fault.offset <= i && i < fault.offset + fault.size);
        assert_true(height == 0 || fault.height == height);
        assert_true(height == 0 || blocks == height - 1);
    }
    for (size_t size = 0; size < sound.size; size++) {
        file_save(&sound, size);
        assert_int_equal(read_history(directory.path, 9, &blocks, &fault, &error), HISTORY_DAMAGED);
    }
    sound.bytes[sound.size] = 0;
    file_save(&sound, sound.size + 1);
    assert_int_equal(read_history(directory.path, 9, &blocks, &fault, &error), HISTORY_DAMAGED);
    assert_int_equal(fault.offset, sound.size);
    directory_remove(&directory);
}

static void missing_files_are_missed(void **state)
{
    (void)state;
    struct directory directory;
    struct history_fault fault;
    struct error error;
    uint64_t blocks = 0;
    char path[DIRECTORY_PATH_MAX + 64];
    assert_true(directory_make(&directory));
    write_history(directory.path, 2500);
    (void)snprintf(path, sizeof(path), "%s/history-000000002001-000000002500.gradus",
                   directory.path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(read_history(directory.path, 9, &blocks, &fault, &error), HISTORY_FAILED);
    assert_int_equal(error.code, EXIT_CODE_INCOMPLETE);
    directory_remove(&directory);
    assert_true(directory_make(&directory));
    write_history(directory.path, 2500);
    (void)snprintf(path, sizeof(path), "%s/history-000000001001-000000002000.gradus",
                   directory.path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(read_history(directory.path, 9, &blocks, &fault, &error), HISTORY_FAILED);
    assert_int_equal(error.code, EXIT_CODE_INCOMPLETE);
    directory_remove(&directory);
}

static void another_chains_history_is_refused(void **state)
{
    (void)state;
    struct directory directory;
    struct history_fault fault;
    struct error error;
    uint64_t blocks = 0;
    assert_true(directory_make(&directory));
    write_history(directory.path, 3);
    assert_int_equal(read_history(directory.path, 8, &blocks, &fault, &error), HISTORY_FAILED);
    assert_int_equal(error.code, EXIT_CODE_WRONG_CHAIN);
    directory_remove(&directory);
}

static void export_writes_what_the_store_holds(void **state)
{
    (void)state;
    struct directory data;
    struct directory files;
    struct error error;
    struct store *store = NULL;
    uint8_t buffer[BLOCK_ROOM];
    assert_true(directory_make(&data) && directory_make(&files));
    const struct store_options options = {.dir = data.path, .chain_id = chain(9)};
    const struct history_export what = {.dir = files.path, .chain_id = chain(9)};
    uint64_t last = 0;
    assert_true(store_open(&options, &store, &error));
    assert_false(history_export(store, &what, &last, &error));
    assert_int_equal(error.code, EXIT_CODE_NOT_FOUND);
    for (uint64_t height = 1; height <= 12; height++) {
        struct store_final block = {.height = height, .block = block_of(height, buffer)};
        block.block_id.bytes[0] = (uint8_t)height;
        block.finality = height % 5 == 0 ? bytes_of("finality", 8) : (struct bytes){0};
        assert_true(store_append_final(store, &block, 1, &error));
    }
    struct history_fault fault;
    uint64_t blocks = 0;
    assert_true(history_export(store, &what, &last, &error));
    assert_int_equal(last, 10);
    assert_int_equal(read_history(files.path, 9, &blocks, &fault, &error), HISTORY_END);
    assert_int_equal(blocks, 10);
    assert_false(history_export(store, &what, &last, &error)); /* never over another export */
    store_close(store);
    directory_remove(&data);
    directory_remove(&files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(every_flipped_byte_is_found_and_named),
        cmocka_unit_test(missing_files_are_missed),
        cmocka_unit_test(another_chains_history_is_refused),
        cmocka_unit_test(export_writes_what_the_store_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
