#include "node/evidence.h"

#include "base/log.h"
#include "node/driver.h"

enum {
    CHECK_BURST = 32,      /* verifications for evidence alone, and ... */
    CHECK_RATE = 1,        /* ... a second: most come with votes that are verified anyway */
    LOOK_MS = 1000,        /* what waits is looked at so often */
    VALID_STEP_MS = 600000 /* expires 10 to 20 minutes ahead, at the same time on all nodes: what
                              several have found is one transaction */
};

void evidence_init(struct evidence *evidence)
{
    budget_init(&evidence->checks, CHECK_BURST, CHECK_RATE);
}

bool evidence_known(const struct driver *d, const struct vote *vote)
{
    return d->evidence.epoch == vote->epoch && vote->validator < VALIDATOR_COUNT_MAX &&
           validator_bitmap_get(&d->evidence.accused, vote->validator);
}

static void accuse(struct evidence *evidence, uint64_t epoch, uint32_t seat)
{
    if (evidence->epoch != epoch) {
        evidence->epoch = epoch;
        memset(&evidence->accused, 0, sizeof(evidence->accused));
    }
    validator_bitmap_set(&evidence->accused, seat);
}

/* ---- The journal --------------------------------------------------------------------- */

/* The newest one is here; how old the oldest record is. */
static void age(struct evidence *evidence, uint64_t epoch, uint64_t view)
{
    const bool older = epoch < evidence->kept_epoch ||
                       (epoch == evidence->kept_epoch && view < evidence->kept_view);
    if (evidence->pending_count == 1 || older) {
        evidence->kept_epoch = epoch;
        evidence->kept_view = view;
    }
}

static void append(struct driver *d, const struct body_evidence *body, uint64_t epoch,
                   uint64_t view)
{
    uint8_t buffer[EVIDENCE_SIZE_MAX];
    struct journal_record record = {.type = JOURNAL_EVIDENCE, .epoch = epoch, .view = view};
    ASSERT(record_encode(&record_body_evidence, body, buffer, sizeof(buffer), &record.payload));
    journal_append(d->journal, &record);
}

void evidence_keep(struct driver *d)
{
    struct evidence *evidence = &d->evidence;
    struct consensus_status status;
    consensus_status(d->core, &status);
    if (evidence->pending_count == 0 || (evidence->kept_epoch == status.epoch &&
                                         evidence->kept_view + VIEW_WINDOW > d->committed_view)) {
        return;
    }
    evidence->kept_epoch = status.epoch;
    evidence->kept_view = status.view;
    for (uint32_t i = 0; i < evidence->pending_count; i++) {
        append(d, &evidence->pending[i].body, status.epoch, status.view);
    }
    (void)!journal_sync(d->journal, &d->error); /* d->error stops the node */
}

static bool add(struct evidence *evidence, const struct body_evidence *body)
{
    for (uint32_t i = 0; i < evidence->pending_count; i++) {
        const struct body_evidence *other = &evidence->pending[i].body;
        if (other->epoch == body->epoch && other->seat == body->seat) {
            return false;
        }
    }
    if (evidence->pending_count == VALIDATOR_COUNT_MAX) {
        return false;
    }
    evidence->pending[evidence->pending_count].body = *body;
    evidence->pending[evidence->pending_count++].valid_until_ms = 0;
    evidence->looked_ms = 0;
    return true;
}

void evidence_restore(struct driver *d, const struct journal_record *record)
{
    struct body_evidence body;
    if (record_decode(&record_body_evidence, record->payload, &body) &&
        body.seat < VALIDATOR_COUNT_MAX && add(&d->evidence, &body)) {
        accuse(&d->evidence, body.epoch, body.seat);
        age(&d->evidence, record->epoch, record->view);
    }
}

/* Durable at once: whoever has said both need never say either again. */
static void found(struct driver *d, const struct vote *a, const struct vote *b)
{
    struct consensus_status status;
    const struct body_evidence body = evidence_of(a, b);
    consensus_status(d->core, &status);
    accuse(&d->evidence, body.epoch, body.seat);
    log_line(LOG_ODD, "consensus", "validator %u contradicts itself in view %llu of epoch %llu",
             body.seat, (unsigned long long)body.view, (unsigned long long)body.epoch);
    if (add(&d->evidence, &body)) {
        age(&d->evidence, status.epoch, status.view);
        append(d, &body, status.epoch, status.view);
        (void)!journal_sync(d->journal, &d->error); /* d->error stops the node */
    }
}

/* ---- Finding it ---------------------------------------------------------------------- */

bool evidence_check(struct driver *d, uint32_t from, const struct vote *vote)
{
    const uint32_t pair[2] = {from, vote->validator}; /* nobody uses up what others bring */
    return budget_spend(&d->evidence.checks, bytes_of(pair, sizeof(pair)), driver_now_ms()) &&
           inbound_vote_valid(d, vote);
}

/* False: its signature was looked at and is none, or may not be looked at now. */
static bool look(struct driver *d, uint32_t from, const struct vote *vote, bool verified)
{
    struct vote held;
    if (evidence_known(d, vote) || !consensus_contradicts(d->core, vote, &held)) {
        return true;
    }
    if (!verified && !evidence_check(d, from, vote)) {
        return false;
    }
    found(d, &held, vote);
    return true;
}

void evidence_vote(struct driver *d, uint32_t from, const struct vote *vote, bool verified)
{
    (void)look(d, from, vote, verified);
}

void evidence_certificate(struct driver *d, uint32_t from, const struct certificate *certificate,
                          bool verified)
{
    struct vote vote = {.kind = certificate->kind,
                        .epoch = certificate->epoch,
                        .view = certificate->view,
                        .proposal = certificate->proposal};
    uint32_t next = 0;
    bool good = true;
    for (uint32_t i = 0; good && i < VALIDATOR_COUNT_MAX && next < certificate->signature_count;
         i++) {
        if (validator_bitmap_get(&certificate->signers, i)) {
            vote.validator = i;
            vote.signature = certificate->signatures[next++];
            good = look(d, from, &vote, verified);
        }
    }
}

/* Another proposal of that view that the same leader signed: it may be the one we vote for, or
 * the one that a certificate names. */
void evidence_proposal(struct driver *d, const struct vote *vote)
{
    if (evidence_known(d, vote) || vote->validator == d->self) {
        return;
    }
    for (const struct unfinal *u = d->unfinals; u != NULL; u = u->next) {
        const struct vote held = {.kind = VOTE_PROPOSE,
                                  .epoch = u->proposal.light.epoch,
                                  .view = u->proposal.light.view,
                                  .proposal = u->hash,
                                  .validator = u->proposal.rest.leader,
                                  .signature = u->signature};
        if (u->is_signed && vote_contradicts(&held, vote)) {
            found(d, &held, vote);
            return;
        }
    }
}

/* ---- To the chain -------------------------------------------------------------------- */

static struct bytes write_tx(const struct driver *d, const struct body_evidence *body,
                             uint64_t valid_until_ms, uint8_t *out)
{
    uint8_t body_buffer[EVIDENCE_SIZE_MAX];
    uint8_t payload_buffer[EVIDENCE_SIZE_MAX];
    struct tx tx = {.version = TX_VERSION,
                    .chain_id = d->chain_id,
                    .type = TX_EVIDENCE,
                    .valid_until_ms = valid_until_ms};
    struct wire_writer writer;
    struct bytes bytes;
    ASSERT(record_encode(&record_body_evidence, body, body_buffer, sizeof(body_buffer), &tx.body));
    wire_writer_init(&writer, payload_buffer, sizeof(payload_buffer));
    wire_write_tx_payload(&writer, &tx);
    ASSERT(wire_writer_end(&writer, &bytes));
    wire_writer_init(&writer, out, EVIDENCE_SIZE_MAX);
    wire_write_tx(&writer, bytes, &tx.signature);
    ASSERT(wire_writer_end(&writer, &bytes));
    return bytes;
}

/* False: it need not wait any longer. */
static bool submit(struct driver *d, uint32_t i)
{
    uint8_t raw[EVIDENCE_SIZE_MAX];
    struct hash id;
    const uint64_t wall = driver_wall_ms();
    const struct body_evidence *body = &d->evidence.pending[i].body;
    uint64_t *until = &d->evidence.pending[i].valid_until_ms;
    if (*until < wall + VALID_STEP_MS / 2) {
        *until = (wall / VALID_STEP_MS + 2) * VALID_STEP_MS;
    }
    const enum code code = inbound_tx(d, NULL, write_tx(d, body, *until, raw), true, &id);
    switch ((unsigned)code) {
    case CODE_OK:
    case CODE_E_QUOTA: /* no room just now */
    case CODE_E_EXPIRED:
    case CODE_E_VALID_UNTIL: /* the clock was changed */
        return true;
    case CODE_E_DUPLICATE:
        log_line(LOG_INFO, "consensus", "validator %u of epoch %llu is suspended", body->seat,
                 (unsigned long long)body->epoch);
        return false;
    default:
        log_line(LOG_ODD, "consensus", "the evidence against validator %u is refused: %s",
                 body->seat, code_name((uint32_t)code));
        return false;
    }
}

void evidence_poll(struct driver *d)
{
    struct evidence *evidence = &d->evidence;
    const uint64_t now = driver_now_ms();
    if (evidence->pending_count == 0 ||
        (evidence->looked_ms != 0 && now - evidence->looked_ms < LOOK_MS)) {
        return;
    }
    evidence->looked_ms = now;
    for (uint32_t i = evidence->pending_count; i > 0; i--) {
        if (!submit(d, i - 1)) {
            evidence->pending[i - 1] = evidence->pending[--evidence->pending_count];
        }
    }
}
