#include "cli/explain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "node/explain/explain.h"

/* The sentence of each reason, for one status. */

static const char status_text[] =
    "{'height':120,'view':9,'leader':2,'mempool':4,'wall_ms':1000060000,'header_ms':1000070000,"
    "'final_ms':400,'disk_free_mib':100,'disk_reserve_mib':256,'view_ms':34000,'proposal':'held',"
    "'drift_max_ms':2000,'voted':[[0,1],[],[3]],"
    "'peers':[{'validator':0,'self':true,'connected':true,'heard':true,'silent_ms':0},"
    "{'validator':1,'self':false,'connected':true,'heard':true,'silent_ms':200},"
    "{'validator':2,'self':false,'connected':false,'heard':true,'silent_ms':34000},"
    "{'validator':3,'self':false,'connected':false,'heard':false,'silent_ms':7200000}],"
    "'tip':{'view':8,'certify':'ok','finalize':[0,3]},"
    "'catchup':{'validator':1,'from_height':20,'to_height':220,'running_ms':5000},"
    "'fetching':[{'what':'certificates','view':5,'count':3,'attempts':2,'validator':1}]}";

static json_t *parse(const char *text)
{
    char copy[2048];
    (void)snprintf(copy, sizeof(copy), "%s", text);
    for (char *at = copy; *at != '\0'; at++) {
        *at = *at == '\'' ? '"' : *at;
    }
    json_t *json = json_loads(copy, 0, NULL);
    assert_non_null(json);
    return json;
}

static json_t *status_with(const char *reason)
{
    char why[512];
    json_t *status = parse(status_text);
    (void)snprintf(why, sizeof(why),
                   "{'reason':'%s','validator':1,'view':9,'have':2,'need':3,"
                   "'missing':[2,3],'wait_ms':700}",
                   reason);
    assert_int_equal(json_object_set_new(status, "why", parse(why)), 0);
    return status;
}

#define AWAY                                                                                       \
    "validator 2 (not connected, silent for 34 s, since 13:47:06 UTC), validator 3 (not "          \
    "connected, never heard of since this node's start 2 h ago)"

static const char *const sentences[EXPLAIN_REASON_COUNT] = {
    [EXPLAIN_DISK] =
        "the node is about to stop: 100 MiB are free on its disk and it keeps 256 MiB in reserve; "
        "free space, or lower disk_reserve_mib",
    [EXPLAIN_CLOCK] =
        "its clock is 10 s behind the newest block: set the clock; until then it proposes and "
        "accepts nothing",
    [EXPLAIN_DISCONNECTED] =
        "too few validators are connected: 2 of the 3 that a quorum takes; at least 1 of "
        "these must come back: " AWAY,
    [EXPLAIN_CATCHING_UP] =
        "it is behind and fetches final blocks from validator 1 (connected): height 120 of "
        "220, since height 20: 20.0 blocks a second, about 5.0 s to go",
    [EXPLAIN_SILENT] =
        "too few validators were heard of lately: 2 of the 3 that a quorum takes; at least 1 of "
        "these must speak again: " AWAY,
    [EXPLAIN_EPOCH_OVER] =
        "the epoch has ended with a final block, and the next one has not begun here",
    [EXPLAIN_BLOCKED] =
        "4 transactions wait and none of them can enter a block now: their sender has used up "
        "its quota, or an earlier sequence number is missing",
    [EXPLAIN_IDLE] =
        "idle, and that is right: nothing waits and the last block is final; the next deadline is "
        "due in 0.7 s",
    [EXPLAIN_ADVANCING] = "the chain advances: its last block became final 0.4 s ago",
    [EXPLAIN_FETCH_FINAL] =
        "view 9 is final, but the blocks on the way to it are not here; asked for: validator "
        "1 (connected)",
    [EXPLAIN_SIGNER] =
        "this node's signer has not signed its vote of view 9: look for `signer: refused` in the "
        "log",
    [EXPLAIN_NULLIFY] =
        "view 9 came to no end in time and is being given up: 2 of 3 NULLIFY votes; not yet "
        "from " AWAY
        "; its leader is validator 2 (not connected, silent for 34 s, since 13:47:06 UTC)",
    [EXPLAIN_BAD_BLOCK] =
        "a quorum voted for the block of view 9, and this node finds it bad: if it becomes final "
        "the node stops with code 77; compare versions and machines",
    [EXPLAIN_FETCH_CERTIFICATES] =
        "certificates from view 9 on are missing here; asked for: validator 1 "
        "(connected)",
    [EXPLAIN_FETCH_PROPOSAL] =
        "the proposal of view 9 is missing here; asked for: validator 1 (connected)",
    [EXPLAIN_CERTIFY] =
        "a quorum voted for the block of view 9; this node is checking and executing it",
    [EXPLAIN_FINALIZE] = "the block of view 9 has 2 of 3 FINALIZE votes; not yet from " AWAY,
    [EXPLAIN_BUILDING] = "it is this node's turn to propose in view 9: its block is being made",
    [EXPLAIN_PROPOSAL] =
        "it is the turn of validator 1 (connected) to propose in view 9; the view is given up "
        "in 0.7 s",
    [EXPLAIN_BAD_PROPOSAL] =
        "what validator 1 (connected) proposed in view 9 breaks a rule: the view will be "
        "given up; look for `block is bad` in the log",
    [EXPLAIN_EARLY_PROPOSAL] =
        "the block that validator 1 (connected) proposed in view 9 is ahead of this node's "
        "clock, which admits it in 0.7 s: one of the two clocks is wrong",
    [EXPLAIN_ORPHAN] =
        "what validator 1 (connected) proposed in view 9 builds on what is not here yet",
    [EXPLAIN_FULL] =
        "too many blocks wait to become final: only an empty block may follow; look at who is "
        "silent below",
    [EXPLAIN_NOTARIZE] = "the proposal of view 9 has 2 of 3 NOTARIZE votes; not yet from " AWAY,
};

static void every_reason_has_a_sentence(void **state)
{
    char text[EXPLAIN_TEXT_MAX];
    (void)state;
    for (uint32_t i = 0; i < EXPLAIN_REASON_COUNT; i++) {
        json_t *status = status_with(explain_name((enum explain_reason)i));
        explain_sentence(status, text);
        assert_non_null(sentences[i]);
        assert_string_equal(text, sentences[i]);
        json_decref(status);
    }
}

/* docs/operations.md says of each what to do. */
static void every_reason_is_documented(void **state)
{
    static char text[1 << 17];
    char name[64];
    (void)state;
    FILE *file = fopen(SOURCE_DIR "/docs/operations.md", "r");
    assert_non_null(file);
    const size_t size = fread(text, 1, sizeof(text) - 1, file);
    assert_int_equal(fclose(file), 0);
    assert_true(size > 0 && size < sizeof(text) - 1);
    const char *const table = strstr(text, "## Why it waits");
    assert_non_null(table);
    for (uint32_t i = 0; i < EXPLAIN_REASON_COUNT; i++) {
        (void)snprintf(name, sizeof(name), "`%s`", explain_name((enum explain_reason)i));
        if (strstr(table, name) == NULL) {
            fail_msg("%s is not in the table", name);
        }
    }
}

/* Another version's answer is met with words, too. */
static void unknown_answers(void **state)
{
    static const char *const statuses[] = {"{}", "{'why':{}}", "{'why':{'reason':'weather'}}",
                                           "{'why':7,'peers':3}"};
    char text[EXPLAIN_TEXT_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        json_t *status = parse(statuses[i]);
        explain_sentence(status, text);
        assert_non_null(strstr(text, "does not say why"));
        explain_lines(status, 1, text);
        assert_string_equal(text, "");
        json_decref(status);
    }
    for (uint32_t i = 0; i < EXPLAIN_REASON_COUNT; i++) { /* a reason without its facts */
        json_t *status =
            json_pack("{s:{s:s}}", "why", "reason", explain_name((enum explain_reason)i));
        explain_sentence(status, text);
        assert_true(strlen(text) > 0);
        json_decref(status);
    }
}

static void lines(void **state)
{
    char text[EXPLAIN_TEXT_MAX];
    (void)state;
    json_t *status = status_with("notarize");
    explain_lines(status, 1000060000 - 501, text);
    assert_string_equal(text,
                        "  view 9 for 34 s, leader validator 2, its proposal: held, votes seen:\n"
                        "    NOTARIZE: 0, 1\n"
                        "    NULLIFY: nobody\n"
                        "    FINALIZE: 3\n"
                        "  not final yet: the block of view 8 (check: ok), FINALIZE: 0, 3\n"
                        "  fetches: certificates of view 5 and 2 after it, asked 2 times, last "
                        "of validator 1 (connected)\n"
                        "  clock: 0.5 s ahead of this machine's; blocks bear 2.0 s\n");
    explain_lines(status, 1000060000 + 500, text);
    assert_null(strstr(text, "clock"));
    explain_lines(status, 1000060000 + 9000, text);
    assert_non_null(strstr(text, "clock: 9.0 s behind this machine's"));
    json_decref(status);
}

/* More validators than a sentence names, and more text than fits. */
static void many_missing(void **state)
{
    char text[EXPLAIN_TEXT_MAX];
    (void)state;
    json_t *status = status_with("disconnected");
    json_t *missing = json_array();
    for (int i = 0; i < 100; i++) {
        (void)json_array_append_new(missing, json_integer(i + 10));
    }
    (void)json_object_set_new(json_object_get(status, "why"), "missing", missing);
    explain_sentence(status, text);
    assert_non_null(strstr(text, "validator 17 and 92 more"));
    json_t *voted = json_array();
    for (int i = 0; i < 2000; i++) {
        (void)json_array_append_new(voted, json_integer(i));
    }
    (void)json_object_set_new(status, "voted", json_pack("[o]", voted));
    explain_lines(status, 0, text);
    assert_int_equal(strlen(text), EXPLAIN_TEXT_MAX - 1);
    json_decref(status);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reason_has_a_sentence),
        cmocka_unit_test(every_reason_is_documented),
        cmocka_unit_test(unknown_answers),
        cmocka_unit_test(lines),
        cmocka_unit_test(many_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
