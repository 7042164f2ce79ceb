#include "node/explain/explain.h"

static bool is_validator(const struct explain_facts *facts)
{
    return facts->self < facts->validator_count;
}

/* Sets have, need and missing: of all validators, those in present. */
static void count(const struct explain_facts *facts, const struct validator_bitmap *present,
                  struct explain_verdict *out)
{
    memset(&out->missing, 0, sizeof(out->missing));
    out->need = facts->core.quorum;
    out->have = 0;
    for (uint32_t i = 0; i < facts->validator_count; i++) {
        if (validator_bitmap_get(present, i)) {
            out->have++;
        } else {
            validator_bitmap_set(&out->missing, i);
        }
    }
}

static bool found(struct explain_verdict *out, enum explain_reason reason)
{
    out->reason = reason;
    return true;
}

/* Too few for a quorum: connected at all, or heard lately. */
static bool judge_peers(const struct explain_facts *facts, bool lately, struct explain_verdict *out)
{
    struct validator_bitmap present = facts->connected;
    for (uint32_t i = 0; lately && i < facts->validator_count; i++) {
        if (facts->now_ms - facts->heard_ms[i] > EXPLAIN_SILENT_MS) {
            present.bytes[i / 8] &= (uint8_t) ~(1U << i % 8);
        }
    }
    if (is_validator(facts)) {
        validator_bitmap_set(&present, facts->self);
    }
    if (validator_bitmap_count(&present) >= facts->core.quorum) {
        return false;
    }
    count(facts, &present, out);
    return found(out, lately ? EXPLAIN_SILENT : EXPLAIN_DISCONNECTED);
}

static bool judge_machine(const struct explain_facts *facts, struct explain_verdict *out)
{
    if (facts->disk_free_mib < facts->disk_reserve_mib) {
        return found(out, EXPLAIN_DISK);
    }
    if (facts->header_ms > facts->wall_ms + facts->drift_max_ms) {
        return found(out, EXPLAIN_CLOCK);
    }
    return false;
}

static bool judge_peers_and_distance(const struct explain_facts *facts, struct explain_verdict *out)
{
    const bool fetches = facts->catchup.active && facts->catchup.peer < facts->validator_count &&
                         validator_bitmap_get(&facts->connected, facts->catchup.peer);
    if (fetches) { /* one peer is enough for that */
        out->validator = facts->catchup.peer;
        return found(out, EXPLAIN_CATCHING_UP);
    }
    return judge_peers(facts, false, out) || judge_peers(facts, true, out);
}

static const struct consensus_fetch *find_fetch(const struct explain_facts *facts,
                                                enum consensus_fetch_kind kind)
{
    for (uint32_t i = 0; i < facts->core.fetch_count; i++) {
        if (facts->core.fetches[i].kind == kind) {
            return &facts->core.fetches[i];
        }
    }
    return NULL;
}

static bool judge_fetch(const struct explain_facts *facts, enum consensus_fetch_kind kind,
                        enum explain_reason reason, struct explain_verdict *out)
{
    const struct consensus_fetch *fetch = find_fetch(facts, kind);
    if (fetch == NULL) {
        return false;
    }
    out->view = fetch->view;
    out->validator = fetch->attempts > 0 ? fetch->peer : EXPLAIN_NOBODY;
    return found(out, reason);
}

static bool judge_rest(const struct explain_facts *facts, struct explain_verdict *out)
{
    const bool recent =
        facts->final_ms <= facts->now_ms && facts->now_ms - facts->final_ms < EXPLAIN_FRESH_MS;
    if (facts->status.is_over) {
        return found(out, EXPLAIN_EPOCH_OVER);
    }
    if (!facts->status.awake && facts->core.fetch_count == 0) {
        out->until_ms = facts->due_ms;
        return found(out, facts->waiting > 0 && !facts->work ? EXPLAIN_BLOCKED : EXPLAIN_IDLE);
    }
    return (recent && found(out, EXPLAIN_ADVANCING)) ||
           judge_fetch(facts, CONSENSUS_FETCH_FINAL, EXPLAIN_FETCH_FINAL, out);
}

/* We have decided to vote so in this view, and the signer has not signed. */
static bool judge_signer(const struct explain_facts *facts, enum vote_kind kind,
                         struct explain_verdict *out)
{
    return facts->core.promised[kind] && !facts->core.is_signed[kind] && found(out, EXPLAIN_SIGNER);
}

static bool judge_votes(const struct explain_facts *facts, enum vote_kind kind,
                        enum explain_reason reason, struct explain_verdict *out)
{
    count(facts, &facts->status.voted[kind], out);
    return judge_signer(facts, kind, out) || found(out, reason);
}

/* A certificate is here, and the block or its ancestors are not judged yet. */
static bool judge_certify(const struct explain_facts *facts, struct explain_verdict *out)
{
    if (facts->core.tip.certify == CONSENSUS_CERTIFY_BAD) {
        return found(out, EXPLAIN_BAD_BLOCK);
    }
    return judge_fetch(facts, CONSENSUS_FETCH_CERTIFICATES, EXPLAIN_FETCH_CERTIFICATES, out) ||
           judge_fetch(facts, CONSENSUS_FETCH_PROPOSAL, EXPLAIN_FETCH_PROPOSAL, out) ||
           found(out, EXPLAIN_CERTIFY);
}

/* Nothing is proposed in this view: FINALIZE votes may be all that lacks, or a proposal. */
static bool judge_no_proposal(const struct explain_facts *facts, struct explain_verdict *out)
{
    if (facts->core.tip.view != 0 && facts->core.tip.certify == CONSENSUS_CERTIFY_OK &&
        !facts->work) {
        out->view = facts->core.tip.view;
        count(facts, &facts->core.tip.voted, out);
        return found(out, EXPLAIN_FINALIZE);
    }
    out->validator = facts->status.leader;
    out->until_ms = facts->core.lead_ms;
    if (facts->status.leader != facts->self) {
        return found(out, EXPLAIN_PROPOSAL);
    }
    return judge_fetch(facts, CONSENSUS_FETCH_CERTIFICATES, EXPLAIN_FETCH_CERTIFICATES, out) ||
           judge_signer(facts, VOTE_PROPOSE, out) || found(out, EXPLAIN_BUILDING);
}

static bool judge_proposal(const struct explain_facts *facts, struct explain_verdict *out)
{
    out->validator = facts->status.leader;
    out->until_ms = facts->core.cert_ms;
    switch (facts->core.proposal) {
    case CONSENSUS_PROPOSAL_NONE:
        return judge_no_proposal(facts, out);
    case CONSENSUS_PROPOSAL_BAD:
        return found(out, EXPLAIN_BAD_PROPOSAL);
    case CONSENSUS_PROPOSAL_EARLY:
        out->until_ms = facts->core.early_ms;
        return found(out, EXPLAIN_EARLY_PROPOSAL);
    case CONSENSUS_PROPOSAL_ORPHAN:
        return judge_fetch(facts, CONSENSUS_FETCH_CERTIFICATES, EXPLAIN_FETCH_CERTIFICATES, out) ||
               judge_fetch(facts, CONSENSUS_FETCH_PROPOSAL, EXPLAIN_FETCH_PROPOSAL, out) ||
               found(out, EXPLAIN_ORPHAN);
    case CONSENSUS_PROPOSAL_FULL:
        return found(out, EXPLAIN_FULL);
    case CONSENSUS_PROPOSAL_HELD:
        return judge_signer(facts, VOTE_PROPOSE, out) ||
               judge_votes(facts, VOTE_NOTARIZE, EXPLAIN_NOTARIZE, out);
    }
    UNREACHABLE();
}

static bool judge_view(const struct explain_facts *facts, struct explain_verdict *out)
{
    const uint32_t nullified = validator_bitmap_count(&facts->status.voted[VOTE_NULLIFY]);
    const uint32_t faulty_max = validator_faulty_max(facts->validator_count);
    out->view = facts->status.view;
    if (facts->core.tip.view == facts->status.view) {
        return judge_certify(facts, out);
    }
    if (facts->core.promised[VOTE_NULLIFY] || nullified > faulty_max) {
        return judge_votes(facts, VOTE_NULLIFY, EXPLAIN_NULLIFY, out);
    }
    return judge_proposal(facts, out);
}

void explain_judge(const struct explain_facts *facts, struct explain_verdict *out)
{
    *out = (struct explain_verdict){.validator = EXPLAIN_NOBODY, .until_ms = UINT64_MAX};
    const bool known = judge_machine(facts, out) || judge_peers_and_distance(facts, out) ||
                       judge_rest(facts, out) || judge_view(facts, out);
    ASSERT(known);
}

const char *explain_name(enum explain_reason reason)
{
    static const char *const names[] = {
#define EXPLAIN_NAME(constant, name) name,
        EXPLAIN_REASONS(EXPLAIN_NAME)
#undef EXPLAIN_NAME
    };
    ASSERT(reason < EXPLAIN_REASON_COUNT);
    return names[reason];
}
