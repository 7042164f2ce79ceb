#include "cli/explain.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "node/explain/explain.h"

enum {
    NAMED_MAX = 8,      /* validators a sentence names */
    CLOCK_MS_MAX = 500, /* a difference below is the way of the question */
    SILENCE_MS = 11000, /* below, a connected peer is only said to be connected */
};

/* Text that grows up to its end; what does not fit is cut off. */
struct text {
    char *at;
    size_t room;
};

static void put(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(text->at, text->room, format, arguments);
    va_end(arguments);
    const size_t used = length < 0 ? 0 : (size_t)length;
    const size_t most = text->room - 1;
    text->at += used < most ? used : most;
    text->room -= used < most ? used : most;
}

static long long number(const json_t *json, const char *name)
{
    return (long long)json_integer_value(json_object_get(json, name));
}

/* "0.4 s", "34 s", "17 min", "5 h" */
static void put_time(struct text *text, long long ms)
{
    if (ms < 10000) {
        put(text, "%.1f s", (double)ms / 1000);
    } else if (ms < 120000) {
        put(text, "%lld s", ms / 1000);
    } else if (ms < 7200000) {
        put(text, "%lld min", ms / 60000);
    } else {
        put(text, "%lld h", ms / 3600000);
    }
}

static void put_clock(struct text *text, long long wall_ms)
{
    struct tm parts;
    char buffer[32] = "";
    const time_t seconds = (time_t)(wall_ms / 1000);
    if (gmtime_r(&seconds, &parts) != NULL &&
        strftime(buffer, sizeof(buffer), "%H:%M:%S UTC", &parts) > 0) {
        put(text, "%s", buffer);
    }
}

/* "validator 2 (not connected, silent for 34 s, since 03:20:11 UTC)" */
static void put_validator(struct text *text, const json_t *status, long long index)
{
    size_t i = 0;
    const json_t *peer = NULL;
    put(text, "validator %lld", index);
    json_array_foreach(json_object_get(status, "peers"), i, peer)
    {
        const long long silent_ms = number(peer, "silent_ms");
        if (number(peer, "validator") != index) {
            continue;
        }
        if (json_is_true(json_object_get(peer, "self"))) {
            put(text, " (this node)");
            return;
        }
        const bool connected = json_is_true(json_object_get(peer, "connected"));
        put(text, connected ? " (connected" : " (not connected");
        if (json_is_false(json_object_get(peer, "heard"))) {
            put(text, ", never heard of since this node's start ");
            put_time(text, silent_ms);
            put(text, " ago");
        } else if (!connected || silent_ms > SILENCE_MS) {
            put(text, ", silent for ");
            put_time(text, silent_ms);
            put(text, ", since ");
            put_clock(text, number(status, "wall_ms") - silent_ms);
        }
        put(text, ")");
    }
}

static void put_validators(struct text *text, const json_t *status, const json_t *list)
{
    size_t i = 0;
    const json_t *index = NULL;
    const size_t count = json_array_size(list);
    json_array_foreach(list, i, index)
    {
        if (i == NAMED_MAX) {
            put(text, " and %zu more", count - i);
            return;
        }
        put(text, "%s", i == 0 ? "" : ", ");
        put_validator(text, status, (long long)json_integer_value(index));
    }
}

/* "0, 1", or "nobody" */
static void put_indices(struct text *text, const json_t *list)
{
    size_t i = 0;
    const json_t *index = NULL;
    put(text, "%s", json_array_size(list) == 0 ? "nobody" : "");
    json_array_foreach(list, i, index)
    {
        put(text, "%s%lld", i == 0 ? "" : ", ", (long long)json_integer_value(index));
    }
}

/* ---- the sentence: a template for each reason, and what its words in braces become ------ */

static const char *const templates[EXPLAIN_REASON_COUNT] = {
    [EXPLAIN_DISK] =
        "the node is about to stop: {free} MiB are free on its disk and it keeps {reserve} MiB in "
        "reserve; free space, or lower disk_reserve_mib",
    [EXPLAIN_CLOCK] =
        "its clock is {behind} behind the newest block: set the clock; until then it proposes "
        "and accepts nothing",
    [EXPLAIN_DISCONNECTED] =
        "too few validators are connected: {have} of the {need} that a quorum takes; at "
        "least {lack} of these must come back: {missing}",
    [EXPLAIN_CATCHING_UP] = "it is behind and fetches final blocks from {validator}: {progress}",
    [EXPLAIN_SILENT] =
        "too few validators were heard of lately: {have} of the {need} that a quorum takes; at "
        "least {lack} of these must speak again: {missing}",
    [EXPLAIN_EPOCH_OVER] =
        "the epoch has ended with a final block, and the next one has not begun here",
    [EXPLAIN_BLOCKED] =
        "{waiting} transactions wait and none of them can enter a block now: their sender has "
        "used up its quota, or an earlier sequence number is missing",
    [EXPLAIN_IDLE] = "idle, and that is right: nothing waits and the last block is final{due}",
    [EXPLAIN_ADVANCING] = "the chain advances: its last block became final {final} ago",
    [EXPLAIN_FETCH_FINAL] =
        "view {view} is final, but the blocks on the way to it are not here; asked for: "
        "{asked}",
    [EXPLAIN_SIGNER] =
        "this node's signer has not signed its vote of view {view}: look for `signer: refused` "
        "in the log",
    [EXPLAIN_NULLIFY] =
        "view {view} came to no end in time and is being given up: {have} of {need} NULLIFY votes; "
        "not yet from {missing}; its leader is {leader}",
    [EXPLAIN_BAD_BLOCK] =
        "a quorum voted for the block of view {view}, and this node finds it bad: if it becomes "
        "final the node stops with code 77; compare versions and machines",
    [EXPLAIN_FETCH_CERTIFICATES] =
        "certificates from view {view} on are missing here; asked for: {asked}",
    [EXPLAIN_FETCH_PROPOSAL] = "the proposal of view {view} is missing here; asked for: {asked}",
    [EXPLAIN_CERTIFY] =
        "a quorum voted for the block of view {view}; this node is checking and executing it",
    [EXPLAIN_FINALIZE] =
        "the block of view {view} has {have} of {need} FINALIZE votes; not yet from {missing}",
    [EXPLAIN_BUILDING] =
        "it is this node's turn to propose in view {view}: its block is being made",
    [EXPLAIN_PROPOSAL] = "it is the turn of {validator} to propose in view {view}{giveup}",
    [EXPLAIN_BAD_PROPOSAL] =
        "what {validator} proposed in view {view} breaks a rule: the view will be given up; "
        "look for `block is bad` in the log",
    [EXPLAIN_EARLY_PROPOSAL] =
        "the block that {validator} proposed in view {view} is ahead of this node's clock, which "
        "admits it {in}: one of the two clocks is wrong",
    [EXPLAIN_ORPHAN] = "what {validator} proposed in view {view} builds on what is not here yet",
    [EXPLAIN_FULL] =
        "too many blocks wait to become final: only an empty block may follow; look at who is "
        "silent below",
    [EXPLAIN_NOTARIZE] =
        "the proposal of view {view} has {have} of {need} NOTARIZE votes; not yet from {missing}",
};

static const json_t *why_of(const json_t *status)
{
    return json_object_get(status, "why");
}

static void put_progress(struct text *text, const json_t *status)
{
    const json_t *catchup = json_object_get(status, "catchup");
    const long long height = number(status, "height");
    const long long to = number(catchup, "to_height");
    const long long done = height - number(catchup, "from_height");
    const long long running_ms = number(catchup, "running_ms");
    put(text, "height %lld", height);
    if (to > 0) {
        put(text, " of %lld", to);
    }
    put(text, ", since height %lld:", number(catchup, "from_height"));
    if (done <= 0 || running_ms <= 0) {
        put(text, " nothing for ");
        put_time(text, running_ms);
        return;
    }
    put(text, " %.1f blocks a second", (double)done * 1000 / (double)running_ms);
    if (to > height) {
        put(text, ", about ");
        put_time(text, (long long)((double)(to - height) * (double)running_ms / (double)done));
        put(text, " to go");
    }
}

static void put_asked(struct text *text, const json_t *status)
{
    const json_t *validator = json_object_get(why_of(status), "validator");
    if (json_is_integer(validator)) {
        put_validator(text, status, (long long)json_integer_value(validator));
    } else {
        put(text, "nobody yet");
    }
}

/* ", then ... in 3 s" when the time is known. */
static void put_wait(struct text *text, const json_t *status, const char *before)
{
    const json_t *wait = json_object_get(why_of(status), "wait_ms");
    if (json_is_integer(wait)) {
        put(text, "%s", before);
        put_time(text, (long long)json_integer_value(wait));
    }
}

static void put_number(struct text *text, const json_t *status, const char *name)
{
    const json_t *why = why_of(status);
    put(text, "%lld",
        json_object_get(why, name) != NULL ? number(why, name) : number(status, name));
}

static void put_free(struct text *text, const json_t *status)
{
    put_number(text, status, "disk_free_mib");
}
static void put_reserve(struct text *text, const json_t *status)
{
    put_number(text, status, "disk_reserve_mib");
}
static void put_behind(struct text *text, const json_t *status)
{
    put_time(text, number(status, "header_ms") - number(status, "wall_ms"));
}
static void put_have(struct text *text, const json_t *status)
{
    put_number(text, status, "have");
}
static void put_need(struct text *text, const json_t *status)
{
    put_number(text, status, "need");
}
static void put_lack(struct text *text, const json_t *status)
{
    put(text, "%lld", number(why_of(status), "need") - number(why_of(status), "have"));
}
static void put_missing(struct text *text, const json_t *status)
{
    put_validators(text, status, json_object_get(why_of(status), "missing"));
}
static void put_waiting(struct text *text, const json_t *status)
{
    put_number(text, status, "mempool");
}
static void put_due(struct text *text, const json_t *status)
{
    put_wait(text, status, "; the next deadline is due in ");
}
static void put_giveup(struct text *text, const json_t *status)
{
    put_wait(text, status, "; the view is given up in ");
}
static void put_in(struct text *text, const json_t *status)
{
    put_wait(text, status, "in ");
}
static void put_final(struct text *text, const json_t *status)
{
    put_time(text, number(status, "final_ms"));
}
static void put_view(struct text *text, const json_t *status)
{
    put_number(text, status, "view");
}
static void put_leader(struct text *text, const json_t *status)
{
    put_validator(text, status, number(status, "leader"));
}

static const struct word {
    const char *name;
    void (*put)(struct text *text, const json_t *status);
} words[] = {
    {"free", put_free},       {"reserve", put_reserve},   {"behind", put_behind},
    {"have", put_have},       {"need", put_need},         {"lack", put_lack},
    {"missing", put_missing}, {"validator", put_asked},   {"asked", put_asked},
    {"leader", put_leader},   {"progress", put_progress}, {"waiting", put_waiting},
    {"due", put_due},         {"giveup", put_giveup},     {"in", put_in},
    {"final", put_final},     {"view", put_view},
};

/* *at stands behind a brace; moves it behind the other one. */
static void put_word(struct text *text, const json_t *status, const char **at)
{
    const size_t length = strcspn(*at, "}");
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strlen(words[i].name) == length && strncmp(words[i].name, *at, length) == 0) {
            words[i].put(text, status);
            *at += length + 1;
            return;
        }
    }
    UNREACHABLE();
}

static const char *template_of(const char *reason)
{
    for (uint32_t i = 0; reason != NULL && i < EXPLAIN_REASON_COUNT; i++) {
        if (strcmp(explain_name((enum explain_reason)i), reason) == 0) {
            return templates[i];
        }
    }
    return NULL;
}

void explain_sentence(const json_t *status, char out[EXPLAIN_TEXT_MAX])
{
    struct text text = {.at = out, .room = EXPLAIN_TEXT_MAX};
    const char *reason = json_string_value(json_object_get(why_of(status), "reason"));
    const char *at = template_of(reason);
    out[0] = '\0';
    if (at == NULL) {
        put(&text, "the node's version does not say why, or not in words known here: %.32s",
            reason == NULL ? "-" : reason);
        return;
    }
    while (*at != '\0') {
        if (*at == '{') {
            at++;
            put_word(&text, status, &at);
        } else {
            put(&text, "%c", *at++);
        }
    }
}

/* ---- the lines ------------------------------------------------------------------------ */

static void put_votes(struct text *text, const json_t *status)
{
    static const char *const kinds[] = {"NOTARIZE", "NULLIFY", "FINALIZE"};
    const json_t *voted = json_object_get(status, "voted");
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        put(text, "    %s: ", kinds[i]);
        put_indices(text, json_array_get(voted, i));
        put(text, "\n");
    }
}

static void put_tip(struct text *text, const json_t *status)
{
    const json_t *tip = json_object_get(status, "tip");
    if (json_is_object(tip)) {
        const char *certify = json_string_value(json_object_get(tip, "certify"));
        put(text,
            "  not final yet: the block of view %lld (check: %s), FINALIZE: ", number(tip, "view"),
            certify == NULL ? "?" : certify);
        put_indices(text, json_object_get(tip, "finalize"));
        put(text, "\n");
    }
}

static void put_fetches(struct text *text, const json_t *status)
{
    size_t i = 0;
    const json_t *fetch = NULL;
    json_array_foreach(json_object_get(status, "fetching"), i, fetch)
    {
        const char *what = json_string_value(json_object_get(fetch, "what"));
        const json_t *validator = json_object_get(fetch, "validator");
        put(text, "  fetches: %s of view %lld", what == NULL ? "?" : what, number(fetch, "view"));
        if (number(fetch, "count") > 1) {
            put(text, " and %lld after it", number(fetch, "count") - 1);
        }
        if (json_is_integer(validator)) {
            put(text, ", asked %lld times, last of ", number(fetch, "attempts"));
            put_validator(text, status, (long long)json_integer_value(validator));
        }
        put(text, "\n");
    }
}

static void put_clocks(struct text *text, const json_t *status, uint64_t now_ms)
{
    const long long ahead_ms = number(status, "wall_ms") - (long long)now_ms;
    const long long apart_ms = ahead_ms < 0 ? -ahead_ms : ahead_ms;
    if (now_ms != 0 && number(status, "wall_ms") != 0 && apart_ms > CLOCK_MS_MAX) {
        put(text, "  clock: ");
        put_time(text, apart_ms);
        put(text, " %s this machine's; blocks bear %.1f s\n", ahead_ms > 0 ? "ahead of" : "behind",
            (double)number(status, "drift_max_ms") / 1000);
    }
}

void explain_lines(const json_t *status, uint64_t now_ms, char out[EXPLAIN_TEXT_MAX])
{
    struct text text = {.at = out, .room = EXPLAIN_TEXT_MAX};
    const char *proposal = json_string_value(json_object_get(status, "proposal"));
    out[0] = '\0';
    if (proposal == NULL) {
        return; /* an older node */
    }
    put(&text, "  view %lld for ", number(status, "view"));
    put_time(&text, number(status, "view_ms"));
    put(&text, ", leader validator %lld, its proposal: %s, votes seen:\n", number(status, "leader"),
        proposal);
    put_votes(&text, status);
    put_tip(&text, status);
    put_fetches(&text, status);
    put_clocks(&text, status, now_ms);
}
