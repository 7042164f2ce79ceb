#include <stdio.h>

#include <jansson.h>

#include "base/hex.h"
#include "cli/connect.h"
#include "cli/job.h"

static json_t *members_json(const struct job_status *status)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < status->shown; i++) {
        const struct job_member *m = &status->members[i];
        char provider[2 * ADDRESS_SIZE + 1];
        hex_encode(m->provider.bytes, ADDRESS_SIZE, provider);
        (void)json_array_append_new(
            list,
            json_pack("{s:i,s:s,s:i,s:b,s:b,s:i,s:I}", "rank", (int)m->rank, "provider", provider,
                      "steps", (int)m->steps, "committed", m->committed, "revealed", m->revealed,
                      "segments_paid", (int)m->segments_paid, "earned", (json_int_t)m->earned));
    }
    return list;
}

static void print_json(const struct job_status *s)
{
    char job[2 * HASH_SIZE + 1];
    char theta[2 * HASH_SIZE + 1];
    char certified[2 * HASH_SIZE + 1];
    hex_encode(s->job.bytes, HASH_SIZE, job);
    hex_encode(s->theta_root.bytes, HASH_SIZE, theta);
    hex_encode(s->certified_theta_root.bytes, HASH_SIZE, certified);
    json_t *json = json_pack(
        "{s:s,s:I,s:s,s:s,s:i,s:i,s:i,s:i,s:i,s:s,s:s,s:I,s:I,s:s,s:o}", "job", job, "height",
        (json_int_t)s->height, "request", job_request_state_text(s->request_state), "process",
        job_process_state_text(s->process_state), "result", (int)s->request_result, "reason",
        (int)s->reason, "rounds", (int)s->rounds, "rounds_closed", (int)s->rounds_closed,
        "rounds_certified", (int)s->rounds_certified, "theta_root", theta, "certified_theta_root",
        certified, "escrow", (json_int_t)s->escrow, "spent", (json_int_t)s->spent, "audits",
        "none yet", "members", members_json(s));
    (void)json_dumpf(json, stdout, JSON_COMPACT);
    (void)printf("\n");
    json_decref(json);
}

void job_print(const struct job_status *s, bool json)
{
    char job[2 * HASH_SIZE + 1];
    char spent[32];
    if (json) {
        print_json(s);
        return;
    }
    hex_encode(s->job.bytes, HASH_SIZE, job);
    connect_credits(s->spent, spent);
    (void)printf("job %s\n%s, %s, %u of %u rounds closed, %u certified\nspent %s credits\n"
                 "audits: none yet\n",
                 job, job_request_state_text(s->request_state),
                 job_process_state_text(s->process_state), s->rounds_closed, s->rounds,
                 s->rounds_certified, spent);
    for (uint32_t i = 0; i < s->shown; i++) {
        const struct job_member *m = &s->members[i];
        char provider[2 * ADDRESS_SIZE + 1];
        char earned[32];
        hex_encode(m->provider.bytes, ADDRESS_SIZE, provider);
        connect_credits(m->earned, earned);
        (void)printf("  member %u  provider %s  %u steps a round  %u segments paid  earned %s\n",
                     m->rank, provider, m->steps, m->segments_paid, earned);
    }
    (void)printf("proven at height %llu\n", (unsigned long long)s->height);
}
