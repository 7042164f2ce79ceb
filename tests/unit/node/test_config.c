#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "node/config.h"

#define GOOD "[node]\ngenesis = g\ndata_dir = /d\nkeys_dir = k\nlisten = 127.0.0.1:1\n"

static struct node_config config;
static struct error error;

static bool load(const char *text)
{
    char path[] = "/tmp/gradus-config-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    const bool ok = node_config_load(path, &config, &error);
    unlink(path);
    return ok;
}

static void good_file_loads(void **state)
{
    (void)state;
    assert_true(load(GOOD "min_block_interval_ms = 7\n[peers]\n0 = 127.0.0.1:5\n3 = h:6\n"));
    assert_string_equal(config.genesis, "/tmp/g");
    assert_string_equal(config.data_dir, "/d");
    assert_int_equal(config.min_block_interval_ms, 7);
    assert_int_equal(config.disk_reserve_mib, 256);
    assert_string_equal(config.peers[3], "h:6");
    assert_string_equal(config.peers[1], "");
}

/* Each refusal names what is wrong in one line. */
static void bad_files_are_refused(void **state)
{
    (void)state;
    const struct {
        const char *text;
        const char *words;
    } cases[] = {
        {"[node]\n", "genesis: missing"},
        {GOOD "genesis = h\n", "genesis: given twice"},
        {GOOD "color = red\n", "color: no such setting"},
        {GOOD "min_block_interval_ms = 60001\n", "from 0 to 60000"},
        {GOOD "min_block_interval_ms = -1\n", "from 0 to 60000"},
        {GOOD "disk_reserve_mib = 12x\n", "whole number"},
        {GOOD "log_level = loud\n", "debug, info, odd or fault"},
        {GOOD "[peers]\nx = a:1\n", "index in the validator set"},
        {GOOD "[peers]\n128 = a:1\n", "index in the validator set"},
        {GOOD "[peers]\n1 = a\n", "host:port"},
        {GOOD "[peers]\n1 = a:1\n1 = b:1\n", "given twice"},
        {GOOD "[pears]\n1 = a:1\n", "no such section"},
        {GOOD "what\n", "not name = value"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_false(load(cases[i].text));
        assert_int_equal(error.code, EXIT_CODE_BAD_CONFIG);
        if (strstr(error.detail, cases[i].words) == NULL) {
            fail_msg("case %zu: %s", i, error.detail);
        }
    }
    assert_false(node_config_load("/nonexistent/x", &config, &error));
    assert_int_equal(error.code, EXIT_CODE_BAD_CONFIG);
}

/* --help and docs/operations.md know every setting that the parser knows. */
static void every_setting_is_described(void **state)
{
    (void)state;
    static const char *const names[] = {"genesis",
                                        "data_dir",
                                        "keys_dir",
                                        "listen",
                                        "log_level",
                                        "min_block_interval_ms",
                                        "disk_reserve_mib",
                                        "tx_index",
                                        "undo_window",
                                        "state_sync",
                                        "shard_threshold_kib",
                                        "announce_above",
                                        "history_chunks"};
    static char docs[1 << 16];
    char text[2048];
    FILE *file = fopen(SOURCE_DIR "/docs/operations.md", "rb");
    assert_non_null(file);
    docs[fread(docs, 1, sizeof(docs) - 1, file)] = '\0';
    (void)fclose(file);
    node_config_describe(text, sizeof(text));
    size_t count = 0;
    char *save = NULL;
    for (char *line = strtok_r(text, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        char name[64];
        char row[80];
        assert_int_equal(sscanf(line, " %63s", name), 1);
        assert_string_equal(name, names[count++]);
        (void)snprintf(row, sizeof(row), "| `%s` |", name);
        if (strstr(docs, row) == NULL) {
            fail_msg("docs/operations.md has no row %s", row);
        }
    }
    assert_int_equal(count, sizeof(names) / sizeof(names[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_setting_is_described),
        cmocka_unit_test(good_file_loads),
        cmocka_unit_test(bad_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
