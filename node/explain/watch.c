#include "node/explain/watch.h"

#include <stdio.h>
#include <sys/statvfs.h>

#include <jansson.h>

#include "base/log.h"
#include "node/driver.h"

static uint64_t disk_free_mib(const struct driver *d)
{
    struct statvfs disk;
    if (statvfs(d->config.data_dir, &disk) != 0) {
        return UINT64_MAX; /* the store will say what is wrong with it */
    }
    return (uint64_t)disk.f_bavail * disk.f_frsize >> 20;
}

/* Every peer answers a tip with its block: the highest one told. */
static uint64_t told_height(const struct catchup *catchup)
{
    uint64_t height = 0;
    for (uint32_t i = 0; i < CATCHUP_WINDOW_MAX; i++) {
        const struct catchup_slot *slot = &catchup->slots[i];
        if (slot->checked && slot->tip_height > height) {
            height = slot->tip_height;
        }
    }
    return height;
}

static void gather_peers(const struct driver *d, struct explain_facts *out)
{
    for (uint32_t i = 0; i < d->set.count; i++) {
        const struct peer *peer = &d->peers[i];
        if (peer->sessions[NET_LANE_VOTE] != 0 && peer->sessions[NET_LANE_BULK] != 0) {
            validator_bitmap_set(&out->connected, i);
        }
        out->heard_ms[i] = peer->heard_ms;
    }
}

void watch_gather(struct driver *d, struct explain_facts *out)
{
    memset(out, 0, sizeof(*out));
    consensus_status(d->core, &out->status);
    consensus_explain(d->core, &out->core);
    out->validator_count = d->set.count;
    out->self = d->self;
    out->now_ms = driver_now_ms();
    out->final_ms = d->watch.final_ms;
    out->height = d->committed.height;
    out->wall_ms = driver_wall_ms();
    out->header_ms = d->committed.height > 0 ? d->committed.time_ms : 0;
    out->drift_max_ms = genesis_params(d->genesis)->drift_max_ms;
    out->disk_free_mib = disk_free_mib(d);
    out->disk_reserve_mib = d->config.disk_reserve_mib;
    out->waiting = mempool_count(d->pool);
    out->work = d->work_now;
    out->due_ms = d->work_due_ms;
    gather_peers(d, out);
    out->catchup.active = d->catchup.active;
    out->catchup.peer = d->catchup.peer;
    out->catchup.from_height = d->catchup.from_height;
    out->catchup.from_ms = d->catchup.from_ms;
    out->catchup.to_height = told_height(&d->catchup);
}

/* ---- JSON ----------------------------------------------------------------------------- */

json_t *watch_members_json(const struct validator_bitmap *members)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < VALIDATOR_COUNT_MAX; i++) {
        if (validator_bitmap_get(members, i)) {
            (void)json_array_append_new(list, json_integer(i));
        }
    }
    return list;
}

/* Milliseconds from now on, or null. */
static json_t *wait_json(const struct explain_facts *facts, uint64_t until_ms)
{
    if (until_ms == UINT64_MAX) {
        return json_null();
    }
    return json_integer((json_int_t)(until_ms > facts->now_ms ? until_ms - facts->now_ms : 0));
}

static json_t *validator_json(uint32_t validator)
{
    return validator == EXPLAIN_NOBODY ? json_null() : json_integer(validator);
}

json_t *watch_why_json(const struct explain_facts *facts)
{
    struct explain_verdict why;
    explain_judge(facts, &why);
    return json_pack("{s:s,s:o,s:I,s:i,s:i,s:o,s:o}", "reason", explain_name(why.reason),
                     "validator", validator_json(why.validator), "view", (json_int_t)why.view,
                     "have", (int)why.have, "need", (int)why.need, "missing",
                     watch_members_json(&why.missing), "wait_ms", wait_json(facts, why.until_ms));
}

static const char *proposal_name(enum consensus_proposal proposal)
{
    switch (proposal) {
    case CONSENSUS_PROPOSAL_NONE:
        return "none";
    case CONSENSUS_PROPOSAL_EARLY:
        return "early";
    case CONSENSUS_PROPOSAL_BAD:
        return "bad";
    case CONSENSUS_PROPOSAL_ORPHAN:
        return "orphan";
    case CONSENSUS_PROPOSAL_FULL:
        return "full";
    case CONSENSUS_PROPOSAL_HELD:
        return "held";
    }
    UNREACHABLE();
}

static json_t *fetches_json(const struct explain_facts *facts)
{
    static const char *const names[] = {[CONSENSUS_FETCH_CERTIFICATES] = "certificates",
                                        [CONSENSUS_FETCH_PROPOSAL] = "proposal",
                                        [CONSENSUS_FETCH_FINAL] = "final"};
    json_t *list = json_array();
    for (uint32_t i = 0; i < facts->core.fetch_count; i++) {
        const struct consensus_fetch *fetch = &facts->core.fetches[i];
        const uint32_t peer = fetch->attempts > 0 ? fetch->peer : EXPLAIN_NOBODY;
        (void)json_array_append_new(
            list, json_pack("{s:s,s:I,s:i,s:i,s:o}", "what", names[fetch->kind], "view",
                            (json_int_t)fetch->view, "count", (int)fetch->count, "attempts",
                            (int)fetch->attempts, "validator", validator_json(peer)));
    }
    return list;
}

static json_t *tip_json(const struct explain_facts *facts)
{
    static const char *const names[] = {[CONSENSUS_CERTIFY_PENDING] = "pending",
                                        [CONSENSUS_CERTIFY_OK] = "ok",
                                        [CONSENSUS_CERTIFY_BAD] = "bad"};
    if (facts->core.tip.view == 0) {
        return json_null();
    }
    return json_pack("{s:I,s:s,s:o}", "view", (json_int_t)facts->core.tip.view, "certify",
                     names[facts->core.tip.certify], "finalize",
                     watch_members_json(&facts->core.tip.voted));
}

static json_t *catchup_json(const struct explain_facts *facts)
{
    if (!facts->catchup.active) {
        return json_null();
    }
    return json_pack("{s:i,s:I,s:I,s:I}", "validator", (int)facts->catchup.peer, "from_height",
                     (json_int_t)facts->catchup.from_height, "to_height",
                     (json_int_t)facts->catchup.to_height, "running_ms",
                     (json_int_t)(facts->now_ms - facts->catchup.from_ms));
}

json_t *watch_facts_json(const struct explain_facts *facts)
{
    const bool fresh = facts->final_ms != UINT64_MAX;
    return json_pack(
        "{s:i,s:i,s:I,s:s,s:o,s:o,s:o,s:o,s:I,s:I,s:I,s:I,s:I}", "validators",
        (int)facts->validator_count, "quorum", (int)facts->core.quorum, "view_ms",
        (json_int_t)(facts->now_ms - facts->core.entered_ms), "proposal",
        proposal_name(facts->core.proposal), "tip", tip_json(facts), "fetching",
        fetches_json(facts), "catchup", catchup_json(facts), "final_ms",
        fresh ? json_integer((json_int_t)(facts->now_ms - facts->final_ms)) : json_null(),
        "wall_ms", (json_int_t)facts->wall_ms, "header_ms", (json_int_t)facts->header_ms,
        "drift_max_ms", (json_int_t)facts->drift_max_ms, "disk_free_mib",
        (json_int_t)facts->disk_free_mib, "disk_reserve_mib", (json_int_t)facts->disk_reserve_mib);
}

/* ---- the watchdog --------------------------------------------------------------------- */

/* "1,3", and "..." when there are more than fit a line. */
static void list_members(const struct validator_bitmap *members, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < VALIDATOR_COUNT_MAX; i++) {
        if (!validator_bitmap_get(members, i)) {
            continue;
        }
        if (size - used < sizeof("128,...")) {
            (void)snprintf(out + used, size - used, "...");
            return;
        }
        used += (size_t)snprintf(out + used, size - used, "%s%u", used > 0 ? "," : "", i);
    }
}

static void log_why(struct driver *d)
{
    static struct explain_facts facts; /* 5 KB; the driver's thread only */
    struct explain_verdict why;
    char missing[64];
    char have[64] = "";
    char validator[32] = "";
    watch_gather(d, &facts);
    explain_judge(&facts, &why);
    list_members(&why.missing, missing, sizeof(missing));
    if (why.need > 0) {
        (void)snprintf(have, sizeof(have), " have=%u need=%u missing=", why.have, why.need);
    }
    if (why.validator != EXPLAIN_NOBODY) {
        (void)snprintf(validator, sizeof(validator), " validator=%u", why.validator);
    }
    log_line(LOG_ODD, "watchdog", "nothing final for %llu s: why=%s height=%llu view=%llu%s%s%s",
             (unsigned long long)((facts.now_ms - d->watch.since_ms) / 1000),
             explain_name(why.reason), (unsigned long long)facts.height,
             (unsigned long long)facts.status.view, validator, have, why.need > 0 ? missing : "");
}

void watch_begin(struct driver *d)
{
    d->watch = (struct watch){.height = d->committed.height, .final_ms = UINT64_MAX};
}

/* How long the next line waits: twice as long as this one, or WATCH_MS_MAX longer. */
static uint64_t next_after(uint64_t after_ms)
{
    return after_ms + (after_ms < WATCH_MS_MAX ? after_ms : WATCH_MS_MAX);
}

static void on_final(struct driver *d, uint64_t now_ms)
{
    struct watch *watch = &d->watch;
    if (watch->after_ms > WATCH_MS) {
        log_line(LOG_INFO, "watchdog", "final again after %llu s: height=%llu",
                 (unsigned long long)((now_ms - watch->since_ms) / 1000),
                 (unsigned long long)d->committed.height);
    }
    watch->height = d->committed.height;
    watch->final_ms = now_ms;
    watch->since_ms = now_ms;
    watch->after_ms = WATCH_MS;
}

void watch_poll(struct driver *d)
{
    struct watch *watch = &d->watch;
    struct consensus_status status;
    const uint64_t now = driver_now_ms();
    if (watch->height != d->committed.height) {
        on_final(d, now);
    }
    if (now < watch->look_ms) {
        return;
    }
    watch->look_ms = now + WATCH_LOOK_MS;
    consensus_status(d->core, &status);
    if (!status.awake && !d->work_now && !d->catchup.active) {
        watch->after_ms = 0;
    } else if (watch->after_ms == 0) {
        watch->since_ms = now;
        watch->after_ms = WATCH_MS;
    } else if (now - watch->since_ms >= watch->after_ms) {
        log_why(d);
        watch->after_ms = next_after(watch->after_ms);
    }
}
