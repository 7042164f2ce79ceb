#ifndef CONSENSUS_PARTS_H
#define CONSENSUS_PARTS_H

#include "consensus/core.h"

/* What the files of this folder call of each other. */

/* consensus.c: actions; out is NULL while restoring */
void emit(struct consensus_actions *out, const struct consensus_action *action);
void emit_block(struct consensus_actions *out, enum consensus_action_kind kind,
                const struct consensus_block *block);
void emit_vote(const struct consensus *core, struct consensus_actions *out,
               enum consensus_action_kind kind, const struct vote *vote);
void emit_certificate(struct consensus_actions *out, enum consensus_action_kind action, uint32_t to,
                      enum vote_kind kind, uint64_t view);
struct peer *peer_of(struct consensus *core, uint32_t index);

/* view.c */
static inline uint64_t view_top(const struct consensus *core)
{
    return core->view + VIEW_AHEAD;
}
/* The lowest view that is not final and has a record, if any has. */
static inline uint64_t view_first(const struct consensus *core)
{
    return (core->fin.view > core->horizon ? core->fin.view : core->horizon) + 1;
}
uint32_t view_leader(const struct consensus *core, uint64_t view);
bool is_validator(const struct consensus *core);
struct slot *slot_find(struct consensus *core, uint64_t view);
const struct slot *slot_peek(const struct consensus *core, uint64_t view);
struct record *record_find(struct consensus *core, uint64_t view);
const struct record *record_peek(const struct consensus *core, uint64_t view);
struct record *record_make(struct consensus *core, uint64_t view);
void record_settle(struct consensus *core, struct record *record, const struct hash *proposal);
void record_fill(struct record *record, const struct candidate *candidate);
void view_enter(struct consensus *core, uint64_t view, enum vote_kind kind,
                struct consensus_actions *out);
bool view_advance(struct consensus *core, struct consensus_actions *out);
bool is_certified(const struct consensus *core, uint64_t view, const struct hash *proposal);
uint64_t skip_missing(const struct consensus *core, uint64_t below, uint64_t view);
bool floor_find(const struct consensus *core, struct consensus_block *out, uint64_t *missing);
uint32_t unfinal_count(const struct consensus *core, uint64_t view);

enum consensus_verdict vote_check(const struct consensus *core, const struct vote *vote);
void ballot_put(struct consensus *core, struct slot *slot, const struct vote *vote);
const struct ballot *ballot_get(const struct consensus *core, uint64_t view, enum vote_kind kind,
                                uint32_t validator);
uint32_t ballot_count(const struct consensus *core, uint64_t view, enum vote_kind kind,
                      const struct hash *proposal);
enum consensus_verdict on_vote(struct consensus *core, const struct consensus_event *event,
                               struct consensus_actions *out);

enum consensus_verdict certificate_check(const struct consensus *core,
                                         const struct certificate *certificate);
void certificate_apply(struct consensus *core, const struct certificate *certificate,
                       struct consensus_actions *out);
void certificate_form(struct consensus *core, struct slot *slot, enum vote_kind kind,
                      const struct hash *proposal, struct consensus_actions *out);
enum consensus_verdict on_certificate(struct consensus *core, const struct consensus_event *event,
                                      struct consensus_actions *out);

enum consensus_verdict proposal_check(const struct consensus *core,
                                      const struct consensus_event *event);
enum consensus_verdict on_proposal(struct consensus *core, const struct consensus_event *event,
                                   struct consensus_actions *out);
enum consensus_verdict on_built(struct consensus *core, const struct consensus_event *event,
                                struct consensus_actions *out);
enum consensus_verdict on_build_failed(struct consensus *core, uint64_t view);
bool rule_propose(struct consensus *core, struct consensus_actions *out);

/* rules.c: each returns whether it changed anything */
void promise_make(struct consensus *core, struct slot *slot, enum vote_kind kind,
                  const struct hash *proposal, struct consensus_actions *out);
enum consensus_verdict on_signed(struct consensus *core, const struct vote *vote,
                                 struct consensus_actions *out);
enum consensus_verdict on_sign_refused(struct consensus *core, const struct vote *vote);
enum consensus_verdict on_certified(struct consensus *core, const struct consensus_event *event,
                                    struct consensus_actions *out);
bool rule_notarize(struct consensus *core, struct consensus_actions *out);
bool rule_certify(struct consensus *core, struct consensus_actions *out);
bool rule_finalize(struct consensus *core, struct consensus_actions *out);
bool rule_nullify(struct consensus *core, struct consensus_actions *out);

void final_set(struct consensus *core, const struct certificate *certificate,
               struct consensus_actions *out);
bool final_deliver(struct consensus *core, struct consensus_actions *out, struct want *want);
enum consensus_verdict on_advanced(struct consensus *core, const struct consensus_anchor *anchor,
                                   struct consensus_actions *out);

uint64_t delta_ms(const struct consensus *core);
bool has_work(const struct consensus *core);
uint64_t retry_interval_ms(const struct consensus *core);
void timers_arm(struct consensus *core);
void timers_set(struct consensus *core, struct consensus_actions *out);
bool is_leader_silent(const struct consensus *core);
uint64_t build_at_ms(const struct consensus *core);
uint64_t rest_end_ms(const struct consensus *core);

void repair_run(struct consensus *core, const struct want *want_final,
                struct consensus_actions *out);
uint64_t repair_next_ms(const struct consensus *core);

/* answer.c: what is sent for the sake of others */
bool answer_is_due(struct consensus *core, uint32_t to);
void answer_final(struct consensus *core, uint32_t to, struct consensus_actions *out);
void answer_left(struct consensus *core, uint64_t view, uint32_t to, struct consensus_actions *out);
void answer_hint(struct consensus *core, uint32_t from, struct consensus_actions *out);
enum consensus_verdict on_status(struct consensus *core, const struct consensus_event *event,
                                 struct consensus_actions *out);
enum consensus_verdict on_get_certificates(struct consensus *core,
                                           const struct consensus_event *event,
                                           struct consensus_actions *out);
void send_entry(const struct consensus *core, uint32_t to, struct consensus_actions *out);
void rebroadcast(struct consensus *core, struct consensus_actions *out);

void restart_sign(struct consensus *core, struct consensus_actions *out);

#endif /* CONSENSUS_PARTS_H */
