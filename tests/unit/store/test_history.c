#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/hex.h"
#include "store/history/chunk.h"
#include "tests/support/directory.h"
#include "tests/support/paper.h"

enum { FILE_ROOM = 2 << 20, NAME_ROOM = DIRECTORY_PATH_MAX + 64 };

static struct hash chain(uint8_t number)
{
    struct hash hash = {{number}};
    return hash;
}

struct paper {
    uint8_t block[PAPER_BLOCK_SIZE_MAX];
};

static bool source(void *context, uint64_t height, struct bytes *out, struct error *error)
{
    struct paper *paper = context;
    (void)error;
    *out = paper_block(height, paper->block);
    return true;
}

static struct history_work work_of(const char *dir, struct paper *paper, uint64_t last)
{
    return (struct history_work){.dir = dir,
                                 .chain_id = chain(9),
                                 .source = {.context = paper, .block = source},
                                 .first = 1,
                                 .last = last,
                                 .ending = bytes_of("finality", 8)};
}

static void write_history(const char *dir, uint64_t last)
{
    struct paper paper;
    struct error error;
    const struct history_work work = work_of(dir, &paper, last);
    assert_true(history_write(&work, &error));
}

/* Read to the end; the answer that ended it, and how many blocks came before. */
static enum history_answer read_history(const char *dir, uint8_t id_byte, uint64_t *blocks,
                                        struct history_fault *fault, struct error *error)
{
    const struct hash id = chain(id_byte);
    struct history_reader *reader = NULL;
    struct history_item item;
    enum history_answer answer = HISTORY_BLOCK;
    struct paper paper;
    bool finality = false;
    *blocks = 0;
    if (!history_open(dir, &id, &reader, error)) {
        return HISTORY_FAILED;
    }
    while (answer == HISTORY_BLOCK || answer == HISTORY_FINALITY || answer == HISTORY_SEAL) {
        answer = history_next(reader, &item, error);
        if (answer == HISTORY_BLOCK) {
            assert_int_equal(item.height, *blocks + 1);
            assert_true(bytes_equal(item.bytes, paper_block(item.height, paper.block)));
            (*blocks)++;
        } else if (answer == HISTORY_SEAL) {
            assert_int_equal(item.height, *blocks);
            finality = *blocks == history_last(reader);
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
    const uint64_t lasts[] = {1, 2, HISTORY_CHUNK_BLOCKS, HISTORY_CHUNK_BLOCKS + 1,
                              2 * HISTORY_CHUNK_BLOCKS + 17};
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
    char path[NAME_ROOM];
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
    write_history(directory.path, 4);
    file_load(&sound, &directory, "history-000000000001-000000000004.gradus");
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
        assert_true(fault.height > 0 && fault.height <= 4);
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

/* Open and sealed files: read each as the kinds it has. */
static void expect_ending(const struct directory *directory, const char *name, bool sealed)
{
    static struct file file;
    struct chunk_head head;
    size_t at = CHUNK_HEADER_SIZE;
    file_load(&file, directory, name);
    do {
        assert_true(chunk_head_read(file.bytes + at, &head));
        at += CHUNK_HEAD_SIZE + head.size + HASH_SIZE;
    } while (head.kind == CHUNK_BLOCK);
    assert_int_equal(head.kind, sealed ? CHUNK_SEAL : CHUNK_FINALITY);
}

static void a_chunk_is_sealed_by_what_the_chain_carries(void **state)
{
    (void)state;
    struct directory directory;
    static struct file file;
    struct history_seal_parts seal;
    assert_true(directory_make(&directory));
    write_history(directory.path, 1001); /* 1002 carries the certificate for 1001 */
    expect_ending(&directory, "history-000000000001-000000001001.gradus", false);
    directory_remove(&directory);
    assert_true(directory_make(&directory));
    write_history(directory.path, 1002);
    expect_ending(&directory, "history-000000000001-000000001000.gradus", true);
    expect_ending(&directory, "history-000000001001-000000001002.gradus", false);
    /* Header 1001, and the certificate for it. */
    file_load(&file, &directory, "history-000000000001-000000001000.gradus");
    struct chunk_head head = {.kind = CHUNK_BLOCK};
    size_t at = CHUNK_HEADER_SIZE;
    for (;;) {
        assert_true(chunk_head_read(file.bytes + at, &head));
        if (head.kind != CHUNK_BLOCK) {
            break;
        }
        at += CHUNK_HEAD_SIZE + head.size + HASH_SIZE;
    }
    assert_true(history_seal_decode(bytes_of(file.bytes + at + CHUNK_HEAD_SIZE, head.size), &seal));
    struct hash id;
    const struct hash expected = paper_id(1001);
    uint8_t last_final[WIRE_LAST_FINAL_SIZE_MAX];
    assert_int_equal(seal.count, 1);
    crypto_digest(TAG_BLOCK_HEADER, seal.headers[0], &id);
    assert_true(hash_equal(&id, &expected));
    assert_true(
        bytes_equal(seal.last_final, bytes_of(last_final, paper_last_final(1001, last_final))));
    directory_remove(&directory);
}

/* Of an implementation that shares nothing with ours (tools/history_model.py). */
static void files_are_those_of_the_model(void **state)
{
    (void)state;
    static struct file file;
    char line[512];
    uint32_t count = 0;
    FILE *vectors = fopen(SOURCE_DIR "/tests/vectors/history.txt", "r");
    assert_non_null(vectors);
    while (fgets(line, sizeof(line), vectors) != NULL) {
        char *rest = NULL;
        struct directory directory;
        struct paper paper;
        struct error error;
        if (line[0] == '#') {
            continue;
        }
        assert_true(directory_make(&directory));
        struct history_work work = work_of(directory.path, &paper, strtoull(line, &rest, 10));
        work.whole = strtoull(rest, &rest, 10) == 1;
        assert_true(history_write(&work, &error));
        char *more = NULL;
        for (const char *name = strtok_r(rest, " \n", &more); name != NULL;
             name = strtok_r(NULL, " \n", &more)) {
            struct hash hash;
            char hex[2 * HASH_SIZE + 1];
            file_load(&file, &directory, name);
            crypto_sha256(bytes_of(file.bytes, file.size), &hash);
            hex_encode(hash.bytes, HASH_SIZE, hex);
            assert_string_equal(hex, strtok_r(NULL, " \n", &more));
            assert_int_equal(unlink(file.path), 0);
        }
        assert_int_equal(rmdir(directory.path), 0); /* and no others */
        count++;
    }
    (void)fclose(vectors);
    assert_int_equal(count, 8);
}

static bool same_file(const struct directory *a, const struct directory *b, const char *name)
{
    static struct file x;
    static struct file y;
    file_load(&x, a, name);
    file_load(&y, b, name);
    return x.size == y.size && memcmp(x.bytes, y.bytes, x.size) == 0;
}

static void converted(const struct directory *from, struct directory *to, bool whole)
{
    struct error error;
    assert_true(directory_make(to));
    const struct history_export what = {.dir = to->path, .chain_id = chain(9)};
    assert_true(history_convert(from->path, &what, whole, &error));
}

static void split_gives_back_what_was_merged(void **state)
{
    (void)state;
    static const char *const names[] = {"history-000000000001-000000001000.gradus",
                                        "history-000000001001-000000002000.gradus",
                                        "history-000000002001-000000002500.gradus"};
    struct directory directory;
    struct directory merged;
    struct directory split;
    struct history_fault fault;
    struct error error;
    uint64_t blocks = 0;
    char path[NAME_ROOM];
    assert_true(directory_make(&directory));
    write_history(directory.path, 2500);
    for (size_t count = 3; count > 1; count--) { /* with the open file, and without */
        converted(&directory, &merged, true);
        converted(&merged, &split, false);
        assert_int_equal(read_history(merged.path, 9, &blocks, &fault, &error), HISTORY_END);
        assert_int_equal(blocks, count == 3 ? 2500 : 2000);
        for (size_t i = 0; i < count; i++) {
            assert_true(same_file(&directory, &split, names[i]));
        }
        directory_remove(&merged);
        directory_remove(&split);
        (void)snprintf(path, sizeof(path), "%s/%s", directory.path, names[count - 1]);
        assert_int_equal(unlink(path), 0);
    }
    directory_remove(&directory);
}

static void single_blocks_are_found_by_the_index(void **state)
{
    (void)state;
    static struct file file;
    struct directory directory;
    struct history_set *set = NULL;
    struct store_buffer found = {0};
    struct error error;
    struct paper paper;
    const uint64_t heights[] = {1, 2, 999, 1000, 1001, 1500, 2000, 2001, 2013};
    assert_true(directory_make(&directory));
    write_history(directory.path, 2013);
    assert_true(history_set_open(directory.path, &set, &error));
    assert_int_equal(history_set_count(set), 3);
    for (size_t i = 0; i < sizeof(heights) / sizeof(heights[0]); i++) {
        assert_int_equal(history_set_block(set, heights[i], &found, &error), STORE_FOUND);
        assert_true(
            bytes_equal(bytes_of(found.data, found.size), paper_block(heights[i], paper.block)));
        store_buffer_free(&found);
    }
    assert_int_equal(history_set_block(set, 0, &found, &error), STORE_ABSENT);
    assert_int_equal(history_set_block(set, 2014, &found, &error), STORE_ABSENT);
    file_load(&file, &directory, "history-000000002001-000000002013.gradus");
    for (size_t i = 0; i < file.size; i += 5) { /* damage is said or does not matter */
        file.bytes[i] ^= 1;
        file_save(&file, file.size);
        file.bytes[i] ^= 1;
        const enum store_answer answer = history_set_block(set, 2002, &found, &error);
        assert_true(
            answer == STORE_FOUND
                ? bytes_equal(bytes_of(found.data, found.size), paper_block(2002, paper.block))
                : answer == STORE_FAILED && error.code == EXIT_CODE_CORRUPT);
        store_buffer_free(&found);
    }
    history_set_close(set);
    directory_remove(&directory);
}

static void missing_files_are_missed(void **state)
{
    (void)state;
    struct directory directory;
    struct history_fault fault;
    struct error error;
    uint64_t blocks = 0;
    char path[NAME_ROOM];
    assert_true(directory_make(&directory));
    write_history(directory.path, 2500);
    (void)snprintf(path, sizeof(path), "%s/history-000000001001-000000002000.gradus",
                   directory.path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(read_history(directory.path, 9, &blocks, &fault, &error), HISTORY_FAILED);
    assert_int_equal(error.code, EXIT_CODE_INCOMPLETE);
    directory_remove(&directory);
}

/* Sealed files alone are a whole history, of fewer blocks. */
static void without_the_open_file_it_ends_earlier(void **state)
{
    (void)state;
    struct directory directory;
    struct history_fault fault;
    struct error error;
    uint64_t blocks = 0;
    char path[NAME_ROOM];
    assert_true(directory_make(&directory));
    write_history(directory.path, 2500);
    (void)snprintf(path, sizeof(path), "%s/history-000000002001-000000002500.gradus",
                   directory.path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(read_history(directory.path, 9, &blocks, &fault, &error), HISTORY_END);
    assert_int_equal(blocks, 2000);
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
    struct paper paper;
    assert_true(directory_make(&data) && directory_make(&files));
    const struct store_options options = {.dir = data.path, .chain_id = chain(9)};
    const struct history_export what = {.dir = files.path, .chain_id = chain(9)};
    uint64_t last = 0;
    assert_true(store_open(&options, &store, &error));
    assert_false(history_export(store, &what, &last, &error));
    assert_int_equal(error.code, EXIT_CODE_NOT_FOUND);
    for (uint64_t height = 1; height <= 12; height++) {
        struct store_final block = {.height = height, .block = paper_block(height, paper.block)};
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
        cmocka_unit_test(a_chunk_is_sealed_by_what_the_chain_carries),
        cmocka_unit_test(files_are_those_of_the_model),
        cmocka_unit_test(split_gives_back_what_was_merged),
        cmocka_unit_test(single_blocks_are_found_by_the_index),
        cmocka_unit_test(missing_files_are_missed),
        cmocka_unit_test(without_the_open_file_it_ends_earlier),
        cmocka_unit_test(another_chains_history_is_refused),
        cmocka_unit_test(export_writes_what_the_store_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
