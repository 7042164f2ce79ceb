#include "node/blocks.h"

#include <string.h>

#include "base/log.h"
#include "node/shards.h"

/* The driver's half of the contract: actions in order; what must be durable is durable
 * before anything later leaves the machine.  One sync covers all records of a step. */

static void finish_and_send(struct driver *d, struct wire_writer *writer, uint32_t to,
                            enum net_lane lane)
{
    struct bytes out;
    ASSERT(wire_writer_end(writer, &out));
    peers_send(d, to, lane, out);
}

static struct wire_writer begin_message(struct driver *d, enum wire_message_kind kind)
{
    struct wire_writer writer;
    wire_writer_init(&writer, d->out, DRIVER_OUT_SIZE);
    wire_write_message(&writer, kind);
    return writer;
}

static void persist(struct driver *d, enum journal_type type, uint64_t view, struct bytes payload)
{
    journal_append(d->journal,
                   &(struct journal_record){
                       .type = type, .epoch = d->epoch.number, .view = view, .payload = payload});
}

static void persist_proposal(struct driver *d, const struct consensus_action *action)
{
    const struct unfinal *u = blocks_find(d, &action->block.proposal);
    ASSERT(u != NULL);
    const struct wire_proposal message = {.proposal = u->proposal,
                                          .signature = u->signature,
                                          .block = bytes_of(u->block, u->block_size)};
    struct wire_writer writer;
    struct bytes out;
    wire_writer_init(&writer, d->out, DRIVER_OUT_SIZE);
    wire_write_proposal(&writer, &message);
    ASSERT(wire_writer_end(&writer, &out));
    persist(d, JOURNAL_PROPOSAL, u->proposal.light.view, out);
}

static bool encode_certificate(struct driver *d, const struct consensus_action *action,
                               struct wire_writer *writer)
{
    static struct certificate certificate; /* 8 KB; the driver's thread only */
    if (!consensus_certificate(d->core, action->certificate.kind, action->certificate.view,
                               &certificate)) {
        return false;
    }
    wire_write_certificate(writer, &certificate);
    return true;
}

static void persist_certificate(struct driver *d, const struct consensus_action *action)
{
    struct wire_writer writer;
    struct bytes out;
    wire_writer_init(&writer, d->out, DRIVER_OUT_SIZE);
    ASSERT(encode_certificate(d, action, &writer));
    ASSERT(wire_writer_end(&writer, &out));
    persist(d, JOURNAL_CERTIFICATE, action->certificate.view, out);
}

static void persist_vote(struct driver *d, const struct vote *vote)
{
    uint8_t payload[1 + HASH_SIZE];
    payload[0] = (uint8_t)vote->kind;
    memcpy(payload + 1, vote->proposal.bytes, HASH_SIZE);
    guard_persist(d, vote);
    persist(d, JOURNAL_VOTE, vote->view, bytes_of(payload, sizeof(payload)));
}

static const char *vote_name(enum vote_kind kind)
{
    switch (kind) {
    case VOTE_PROPOSE:
        return "PROPOSE";
    case VOTE_NOTARIZE:
        return "NOTARIZE";
    case VOTE_NULLIFY:
        return "NULLIFY";
    case VOTE_FINALIZE:
        return "FINALIZE";
    }
    UNREACHABLE();
}

static const char *refusal_text(enum sign_verdict verdict)
{
    switch (verdict) {
    case SIGN_PERMITTED:
        break;
    case SIGN_BELOW_FLOOR:
        return "the view is older than sign.state remembers";
    case SIGN_CONTRADICTS:
        return "it contradicts an earlier vote";
    case SIGN_OLD_EPOCH:
        return "the epoch has ended";
    case SIGN_MALFORMED:
        return "not a vote";
    case SIGN_GUARDED:
        return "earlier votes may have been lost";
    }
    UNREACHABLE();
}

/* All DO_SIGN that stand together: the signer syncs once for them. */
static uint32_t sign_run(struct driver *d, uint32_t first)
{
    struct vote votes[SIGNER_BATCH_MAX];
    struct signer_answer answers[SIGNER_BATCH_MAX];
    uint32_t count = 0;
    while (count < SIGNER_BATCH_MAX && first + count < d->actions.count &&
           d->actions.items[first + count].kind == CONSENSUS_DO_SIGN) {
        votes[count] = d->actions.items[first + count].vote;
        count++;
    }
    const struct signer_request request = {
        .set_hash = &d->set_hash, .votes = votes, .count = count, .journal_unit = d->guard.unit};
    if (!d->signer.sign(d->signer.context, &request, answers, &d->error)) {
        return count;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct consensus_event event = {.kind = CONSENSUS_ON_SIGNED, .vote = votes[i]};
        event.vote.signature = answers[i].signature;
        if (answers[i].verdict != SIGN_PERMITTED) {
            const bool guarded = answers[i].verdict == SIGN_GUARDED; /* the guard has said it */
            log_line(guarded ? LOG_DEBUG : LOG_ODD, "signer", "refused: %s of view %llu: %s",
                     vote_name(votes[i].kind), (unsigned long long)votes[i].view,
                     refusal_text(answers[i].verdict));
            event.kind = CONSENSUS_ON_SIGN_REFUSED;
        }
        driver_queue(d, &event);
    }
    return count;
}

static void send_proposal(struct driver *d, const struct vote *vote)
{
    struct unfinal *u = blocks_find(d, &vote->proposal);
    ASSERT(u != NULL);
    u->signature = vote->signature;
    u->is_signed = true;
    if (u->proposal.rest.da_mode == DA_SHARD && shards_send(d, u)) {
        return;
    } /* or whole: after a restart the shards are gone */
    const struct wire_proposal message = {.proposal = u->proposal,
                                          .signature = u->signature,
                                          .block = bytes_of(u->block, u->block_size)};
    struct wire_writer writer = begin_message(d, WIRE_PROPOSAL);
    wire_write_proposal(&writer, &message);
    finish_and_send(d, &writer, CONSENSUS_ALL, NET_LANE_BULK);
}

static void send_vote(struct driver *d, const struct vote *vote)
{
    struct wire_writer writer = begin_message(d, WIRE_VOTE);
    wire_write_vote(&writer, vote);
    finish_and_send(d, &writer, CONSENSUS_ALL, NET_LANE_VOTE);
}

static void send_certificate(struct driver *d, const struct consensus_action *action)
{
    struct wire_writer writer = begin_message(d, WIRE_CERT);
    if (encode_certificate(d, action, &writer)) {
        finish_and_send(d, &writer, action->to, NET_LANE_VOTE);
    }
}

static void send_have(struct driver *d, const struct consensus_action *action)
{
    struct consensus_status status;
    consensus_status(d->core, &status);
    const struct wire_have have = {
        .epoch = status.epoch, .view = action->certificate.view, .kind = action->certificate.kind};
    struct wire_writer writer = begin_message(d, WIRE_HAVE);
    wire_write_have(&writer, &have);
    finish_and_send(d, &writer, action->to, NET_LANE_VOTE);
}

/* STATUS as a message in d->out. */
static struct wire_writer write_status(struct driver *d)
{
    static struct wire_status message; /* 16 KB; the driver's thread only */
    struct consensus_status status;
    consensus_status(d->core, &status);
    message.epoch = status.epoch;
    message.view = status.view;
    message.has_last_final =
        status.last_final.view > 0 &&
        consensus_certificate(d->core, VOTE_FINALIZE, status.last_final.view, &message.last_final);
    message.has_entry =
        status.entry_kind != VOTE_PROPOSE &&
        consensus_certificate(d->core, status.entry_kind, status.entry_view, &message.entry);
    struct wire_writer writer = begin_message(d, WIRE_STATUS);
    wire_write_status(&writer, &message);
    return writer;
}

void action_send_status(struct driver *d, uint32_t to)
{
    struct wire_writer writer = write_status(d);
    finish_and_send(d, &writer, to, NET_LANE_VOTE);
}

void action_update_ping(struct driver *d)
{
    enum { PING_PAUSE_MS = 500 }; /* pings are seconds apart */
    struct consensus_status status;
    struct bytes out;
    const uint64_t now = driver_now_ms();
    if (now - d->ping_ms < PING_PAUSE_MS) {
        return;
    }
    d->ping_ms = now;
    consensus_status(d->core, &status);
    if (status.view == d->ping_view && status.last_final.view == d->ping_final_view) {
        return;
    }
    struct wire_writer writer = write_status(d);
    ASSERT(wire_writer_end(&writer, &out));
    if (net_ping_set(d->net, out)) {
        d->ping_view = status.view;
        d->ping_final_view = status.last_final.view;
    }
}

static void get_certificates(struct driver *d, const struct consensus_action *action)
{
    const struct wire_get_certs get = {.epoch = d->epoch.number,
                                       .from_view = action->range.view,
                                       .to_view = action->range.view + action->range.count - 1};
    struct wire_writer writer = begin_message(d, WIRE_GET_CERTS);
    wire_write_get_certs(&writer, &get);
    finish_and_send(d, &writer, action->to, NET_LANE_VOTE);
}

static void get_block(struct driver *d, const struct consensus_action *action)
{
    struct wire_writer writer = begin_message(d, WIRE_GET_BLOCK);
    wire_write_get_block(&writer, &action->block.proposal);
    finish_and_send(d, &writer, action->to, NET_LANE_VOTE);
}

struct serving {
    struct driver *d;
    uint32_t to;
};

static void serve_record(void *context, const struct journal_record *record)
{
    const struct serving *serving = context;
    if (record->type == JOURNAL_CERTIFICATE) {
        struct wire_writer writer = begin_message(serving->d, WIRE_CERT);
        wire_write_raw(&writer, record->payload);
        finish_and_send(serving->d, &writer, serving->to, NET_LANE_VOTE);
    }
}

/* What the core has forgotten but the journal keeps. */
static void serve_certificate(struct driver *d, const struct consensus_action *action)
{
    struct serving serving = {.d = d, .to = action->to};
    const struct journal_place place = {.epoch = d->epoch.number, .view = action->range.view};
    if (!journal_read_view(d->journal, place, serve_record, &serving, &d->error)) {
        return; /* d->error stops the node */
    }
}

/* The core asks once a view while it has a record of it, so that of more open requests than
 * records the one of the lowest view has nobody who waits for it. */
static uint32_t certify_place(struct driver *d)
{
    if (d->certifying_count < DRIVER_CERTIFY_MAX) {
        return d->certifying_count++;
    }
    uint32_t lowest = 0;
    for (uint32_t i = 1; i < DRIVER_CERTIFY_MAX; i++) {
        lowest = d->certifying[i].view < d->certifying[lowest].view ? i : lowest;
    }
    return lowest;
}

static void request_certify(struct driver *d, const struct consensus_block *block)
{
    const uint32_t place = certify_place(d);
    d->certifying[place].view = block->view;
    d->certifying[place].proposal = block->proposal;
    blocks_certify(d, block->view, &block->proposal);
}

static bool is_persist(enum consensus_action_kind kind)
{
    return kind == CONSENSUS_DO_PERSIST_PROPOSAL || kind == CONSENSUS_DO_PERSIST_CERTIFICATE ||
           kind == CONSENSUS_DO_PERSIST_CERTIFIED || kind == CONSENSUS_DO_PERSIST_VOTE;
}

static void stop(struct driver *d, const struct consensus_action *action)
{
    const unsigned long long height = action->block.height;
    (void)error_set(&d->error, EXIT_CODE_DIVERGED,
                    "%.120s: height %llu: a quorum made final what this node found bad; keep a "
                    "copy for analysis, then " BLOCKS_FETCH_AGAIN,
                    d->config.data_dir, height);
}

static void carry_out_one(struct driver *d, const struct consensus_action *action)
{
    switch (action->kind) {
    case CONSENSUS_DO_PERSIST_PROPOSAL:
        persist_proposal(d, action);
        return;
    case CONSENSUS_DO_PERSIST_CERTIFICATE:
        persist_certificate(d, action);
        return;
    case CONSENSUS_DO_PERSIST_CERTIFIED:
        persist(d, JOURNAL_CERTIFIED, action->block.view,
                bytes_of(action->block.proposal.bytes, HASH_SIZE));
        return;
    case CONSENSUS_DO_PERSIST_VOTE:
        persist_vote(d, &action->vote);
        return;
    case CONSENSUS_DO_SIGN: /* sign_run takes them together */
        break;
    case CONSENSUS_DO_SEND_PROPOSAL:
        send_proposal(d, &action->vote);
        return;
    case CONSENSUS_DO_SEND_VOTE:
        send_vote(d, &action->vote);
        return;
    case CONSENSUS_DO_SEND_CERTIFICATE:
        send_certificate(d, action);
        return;
    case CONSENSUS_DO_SEND_HAVE:
        send_have(d, action);
        return;
    case CONSENSUS_DO_SERVE_CERTIFICATE:
        serve_certificate(d, action);
        return;
    case CONSENSUS_DO_SEND_STATUS:
        action_send_status(d, action->to);
        return;
    case CONSENSUS_DO_GET_CERTIFICATES:
        get_certificates(d, action);
        return;
    case CONSENSUS_DO_GET_BLOCK:
        get_block(d, action);
        return;
    case CONSENSUS_DO_BUILD:
        blocks_build(d, action);
        return;
    case CONSENSUS_DO_CERTIFY:
        request_certify(d, &action->block);
        return;
    case CONSENSUS_DO_FINAL:
        blocks_finalize(d);
        return;
    case CONSENSUS_DO_CATCH_UP:
        catchup_begin(d);
        return;
    case CONSENSUS_DO_DIVERGED:
        stop(d, action);
        return;
    case CONSENSUS_DO_END_EPOCH:
        return; /* DO_FINAL has seen it: epoch_poll */
    case CONSENSUS_DO_SERVE_EPOCH:
        epoch_serve(d, action->epoch, action->to);
        return;
    case CONSENSUS_DO_ENTER_VIEW:
        blocks_forget(d);
        log_line(LOG_DEBUG, "consensus", "view %llu", (unsigned long long)action->entered_view);
        return;
    case CONSENSUS_DO_SET_TIMER:
        d->timer_at_ms = action->timer_at_ms;
        return;
    }
    UNREACHABLE();
}

/* What this turn has persisted becomes durable; the signatures that come next are made
 * meanwhile (J2), and wait in the queue until both are done. */
static uint32_t sync_journal(struct driver *d, uint32_t next)
{
    uint32_t signed_count = 0;
    if (next < d->actions.count && d->actions.items[next].kind == CONSENSUS_DO_SIGN) {
        struct error error;
        guard_sync(d);
        syncer_start(d->syncer);
        signed_count = sign_run(d, next);
        if (!syncer_wait(d->syncer, &error)) {
            d->error = error;
        }
    } else {
        (void)!journal_sync(d->journal, &d->error); /* d->error stops the node */
    }
    return signed_count;
}

void action_carry_out(struct driver *d)
{
    bool unsynced = false;
    uint32_t i = 0;
    while (i < d->actions.count && !driver_failed(d)) {
        const struct consensus_action *action = &d->actions.items[i];
        const bool persists = is_persist(action->kind);
        uint32_t done = 0;
        if (unsynced && !persists) {
            unsynced = false;
            done = sync_journal(d, i);
        } else if (action->kind == CONSENSUS_DO_SIGN) {
            done = sign_run(d, i);
        } else {
            carry_out_one(d, action);
            done = 1;
        }
        unsynced = unsynced || persists;
        i += done;
    }
    if (unsynced && !driver_failed(d)) {
        (void)sync_journal(d, d->actions.count);
    }
}
