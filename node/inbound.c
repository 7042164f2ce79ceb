#include "node/blocks.h"

#include <string.h>

#include "base/endian.h"
#include "base/log.h"
#include "node/proposed.h"
#include "node/shards.h"

/* Bytes from validators become checked events: decoded, from the right sender, signatures
 * verified unless the core would refuse the event anyway. */

static void vote_digest(const struct driver *d, const struct hash *set_hash,
                        const struct vote *vote, struct hash *out)
{
    uint8_t buffer[WIRE_VOTE_PREIMAGE_SIZE_MAX];
    struct wire_writer writer;
    struct bytes preimage;
    wire_writer_init(&writer, buffer, sizeof(buffer));
    wire_write_vote_preimage(&writer, &d->chain_id, set_hash, vote);
    ASSERT(wire_writer_end(&writer, &preimage));
    crypto_digest(wire_vote_tag(vote->kind), preimage, out);
}

void inbound_vote_digest(const struct driver *d, const struct vote *vote, struct hash *out)
{
    vote_digest(d, &d->set_hash, vote, out);
}

/* A peer that breaks rules fills no disk with lines about it. */
void inbound_odd(struct driver *d, uint32_t validator, const char *what)
{
    const struct net_key *key = &d->peers[validator < PEER_MAX ? validator : 0].key;
    if (budget_spend(&d->oddities, bytes_of(key->bytes, key->size), driver_now_ms())) {
        log_line(LOG_ODD, "peer", "%s %u %s", peers_word(d, validator), validator, what);
    }
}

/* A direct-mapped table; a collision only costs a verification. */
static struct hash *verdict_slot(const struct driver *d, const struct hash *digest)
{
    return &d->verdicts[load_le32(digest->bytes) % DRIVER_VERDICT_COUNT];
}

bool inbound_known_good(const struct driver *d, const struct hash *digest)
{
    return hash_equal(verdict_slot(d, digest), digest);
}

void inbound_remember_good(const struct driver *d, const struct hash *digest)
{
    *verdict_slot(d, digest) = *digest;
}

/* K6: a signature is verified once; it is known by all its bytes, its signer and what it
 * signs.  The digest of a vote has a tag, so this one meets none of another kind. */
static bool signature_holds(const struct driver *d, const struct public_key *key,
                            const struct hash *digest, const struct signature *signature)
{
    struct crypto_sha256 sha;
    struct hash seen;
    crypto_sha256_init(&sha);
    crypto_sha256_update(&sha, bytes_of(digest->bytes, HASH_SIZE));
    crypto_sha256_update(&sha, bytes_of(key->bytes, PUBLIC_KEY_SIZE));
    crypto_sha256_update(&sha, bytes_of(signature->bytes, SIGNATURE_SIZE));
    crypto_sha256_final(&sha, &seen);
    if (inbound_known_good(d, &seen)) {
        return true;
    }
    const bool holds = crypto_verify(key, digest, signature);
    if (holds) {
        inbound_remember_good(d, &seen);
    }
    return holds;
}

bool inbound_vote_valid(const struct driver *d, const struct vote *vote)
{
    struct hash digest;
    if (vote->validator >= d->set.count) {
        return false;
    }
    inbound_vote_digest(d, vote, &digest);
    return signature_holds(d, &d->set.items[vote->validator].consensus, &digest, &vote->signature);
}

bool inbound_certificate_valid(const struct driver *d, const struct certificate *certificate)
{
    const struct vote vote = {.kind = certificate->kind,
                              .epoch = certificate->epoch,
                              .view = certificate->view,
                              .proposal = certificate->proposal};
    struct epoch_set of;
    struct hash digest;
    uint32_t used = 0;
    if (!epoch_set_of(d, certificate->epoch, &of)) {
        return false;
    }
    vote_digest(d, of.hash, &vote, &digest);
    for (uint32_t i = 0; i < VALIDATOR_COUNT_MAX; i++) {
        if (!validator_bitmap_get(&certificate->signers, i)) {
            continue;
        }
        if (i >= of.set->count || !signature_holds(d, &of.set->items[i].consensus, &digest,
                                                   &certificate->signatures[used])) {
            return false;
        }
        used++;
    }
    return used >= validator_quorum(of.set->count);
}

void inbound_finality_certificate(const struct finality *finality, struct certificate *out)
{
    uint8_t buffer[WIRE_LIGHT_SIZE_MAX];
    struct wire_writer writer;
    struct bytes light;
    struct crypto_sha256 sha;
    memset(out, 0, sizeof(*out));
    wire_writer_init(&writer, buffer, sizeof(buffer));
    wire_write_light(&writer, &finality->light);
    ASSERT(wire_writer_end(&writer, &light));
    crypto_digest_init(&sha, TAG_PROPOSAL);
    crypto_sha256_update(&sha, light);
    crypto_sha256_update(&sha, bytes_of(finality->rest_digest.bytes, HASH_SIZE));
    crypto_sha256_final(&sha, &out->proposal);
    out->kind = VOTE_FINALIZE;
    out->epoch = finality->light.epoch;
    out->view = finality->light.view;
    out->signers = finality->signers;
    out->signature_count = finality->signature_count;
    memcpy(out->signatures, finality->signatures, sizeof(out->signatures));
}

static bool other_epoch(const struct driver *d, uint64_t epoch)
{
    return epoch != d->epoch.number;
}

static void on_vote(struct driver *d, uint32_t from, struct bytes body)
{
    struct consensus_event event = {.kind = CONSENSUS_ON_VOTE, .from = from};
    const bool decoded = wire_decode_vote(body, &event.vote);
    if (decoded && other_epoch(d, event.vote.epoch)) { /* seats are others there */
        driver_step(d, &event);
        epoch_hold(d, event.vote.epoch);
        return;
    }
    if (!decoded || event.vote.validator != from || event.vote.kind == VOTE_PROPOSE) {
        inbound_odd(d, from, "sent a malformed vote");
        return;
    }
    event.now_ms = driver_now_ms();
    const enum consensus_verdict verdict = consensus_screen(d->core, &event);
    if (verdict == CONSENSUS_EQUIVOCATED && evidence_known(d, &event.vote)) {
        return; /* one proof is enough: more of it costs no verification */
    }
    const bool verified = verdict == CONSENSUS_ACCEPTED;
    if (verified && !inbound_vote_valid(d, &event.vote)) {
        inbound_odd(d, from, "sent a vote with a wrong signature");
        return;
    }
    evidence_vote(d, from, &event.vote, verified);
    driver_step(d, &event);
}

static void take_certificate(struct driver *d, uint32_t from, const struct certificate *certificate)
{
    const struct consensus_event event = {.kind = CONSENSUS_ON_CERTIFICATE,
                                          .from = from,
                                          .now_ms = driver_now_ms(),
                                          .certificate = certificate};
    const enum consensus_verdict screened = consensus_screen(d->core, &event);
    if (screened == CONSENSUS_ACCEPTED && !inbound_certificate_valid(d, certificate)) {
        inbound_odd(d, from, "sent an invalid certificate");
        return;
    }
    if (screened == CONSENSUS_ACCEPTED) {
        guard_meet_certificate(d, certificate);
    }
    if (certificate->epoch == d->epoch.number) {
        evidence_certificate(d, from, certificate, screened == CONSENSUS_ACCEPTED);
    }
    driver_step(d, &event);
    epoch_hold(d, certificate->epoch);
}

static void on_status(struct driver *d, uint32_t from, struct bytes body, bool fresh)
{
    static struct wire_status status; /* 16 KB; the driver's thread only */
    if (!wire_decode_status(body, &status)) {
        inbound_odd(d, from, "sent a malformed status");
        return;
    }
    if (fresh && status.epoch ==
                     d->epoch.number) { /* what a ping carries may be older than the connection */
        guard_hear(d, from, &status);
    }
    if (status.has_last_final) {
        take_certificate(d, from, &status.last_final);
    }
    if (status.has_entry) {
        take_certificate(d, from, &status.entry);
    }
    struct consensus_event event = {.kind = CONSENSUS_ON_STATUS, .from = from};
    event.status.epoch = status.epoch;
    event.status.view = status.view;
    event.status.final_view = status.has_last_final ? status.last_final.view : 0;
    driver_step(d, &event);
}

static void on_get_certificates(struct driver *d, uint32_t from, struct bytes body, bool range)
{
    struct consensus_event event = {.kind = CONSENSUS_ON_GET_CERTIFICATES, .from = from};
    struct wire_get_cert one;
    struct wire_get_certs many;
    if (range && wire_decode_get_certs(body, &many)) {
        const uint64_t count = many.to_view - many.from_view + 1;
        event.range.epoch = many.epoch;
        event.range.view = many.from_view;
        event.range.count = count < CONSENSUS_RANGE_MAX ? (uint32_t)count : CONSENSUS_RANGE_MAX;
    } else if (!range && wire_decode_get_cert(body, &one)) {
        event.range.epoch = one.epoch;
        event.range.view = one.view;
        event.range.count = 1;
    } else {
        return;
    }
    driver_step(d, &event);
}

static void on_have(struct driver *d, uint32_t from, struct bytes body)
{
    struct consensus_event event = {.kind = CONSENSUS_ON_HAVE, .from = from};
    struct wire_have have;
    if (!wire_decode_have(body, &have)) {
        inbound_odd(d, from, "sent a malformed announcement");
        return;
    }
    event.have.epoch = have.epoch;
    event.have.view = have.view;
    event.have.kind = have.kind;
    driver_step(d, &event);
}

static void on_get_block(struct driver *d, uint32_t from, struct bytes body)
{
    struct hash proposal;
    if (!wire_decode_get_block(body, &proposal)) {
        return;
    }
    const struct unfinal *u = blocks_find(d, &proposal);
    if (u == NULL || !u->is_signed || d->peers[from].sessions[NET_LANE_BULK] == 0) {
        return;
    }
    const struct wire_proposal message = {.proposal = u->proposal,
                                          .signature = u->signature,
                                          .block = bytes_of(u->block, u->block_size)};
    struct wire_writer writer;
    struct bytes out;
    wire_writer_init(&writer, d->out, DRIVER_OUT_SIZE);
    wire_write_message(&writer, WIRE_PROPOSAL);
    wire_write_proposal(&writer, &message);
    if (wire_writer_end(&writer, &out)) {
        (void)net_send(d->net, d->peers[from].sessions[NET_LANE_BULK], out);
    }
}

bool inbound_block_matches(const struct hash *block_id, const struct wire_block *block)
{
    struct hash digest;
    struct crypto_tree tree;
    struct wire_tx_iterator iterator;
    struct bytes tx;
    crypto_digest(TAG_BLOCK_HEADER, block->header_bytes, &digest);
    if (!hash_equal(&digest, block_id)) {
        return false;
    }
    memset(&digest, 0, sizeof(digest));
    if (block->has_last_final) {
        crypto_digest(TAG_LAST_FINAL, block->last_final_bytes, &digest);
    }
    if (!hash_equal(&digest, &block->header.last_cert_hash)) {
        return false;
    }
    crypto_tree_init(&tree, TAG_TX_TREE);
    wire_txs_begin(&iterator, &block->txs);
    while (wire_txs_next(&iterator, &tx)) {
        crypto_tree_append(&tree, tx);
    }
    crypto_tree_root(&tree, &digest);
    return hash_equal(&digest, &block->header.txs_root);
}

/* A used number: this transaction itself may be the one that used it. */
static enum code judge_used(const struct driver *d, struct bytes raw, struct hash *id)
{
    struct tx tx;
    uint64_t height = 0;
    uint32_t index = 0;
    if (!wire_decode_tx(raw, &tx)) {
        return CODE_E_FORMAT;
    }
    crypto_digest(TAG_TX, tx.payload, id);
    return recent_find(d->recent, id, &height, &index) ? CODE_E_DUPLICATE : CODE_E_SEQ_USED;
}

/* What is refused after the state was read is paid for by who sent it; NULL: ourselves. */
static void pay(struct driver *d, const struct net_key *from)
{
    if (from != NULL) {
        (void)budget_spend(&d->waste, bytes_of(from->bytes, from->size), driver_now_ms());
    }
}

static bool can_pay(struct driver *d, const struct net_key *from)
{
    return from == NULL ||
           budget_has(&d->waste, bytes_of(from->bytes, from->size), driver_now_ms());
}

enum code inbound_tx(struct driver *d, const struct net_key *from, struct bytes raw, bool forward,
                     struct hash *id)
{
    struct tx tx;
    memset(id, 0, sizeof(*id));
    if (!can_pay(d, from)) {
        return CODE_E_QUOTA;
    }
    const enum code code = state_admit(d->admission, raw, STATE_ADMIT_PEEK, &tx);
    if (code == CODE_E_SEQ_USED) {
        return judge_used(d, raw, id); /* mostly an honest repeat, and cheap */
    }
    if (code != CODE_OK && code != CODE_E_SEQ_GAP && code != CODE_E_QUOTA) {
        pay(d, from);
        return code;
    }
    struct mempool_entry entry = {.sender = tx.sender,
                                  .lane = tx.lane,
                                  .seq = tx.seq,
                                  .raw = raw,
                                  .valid_until_ms = tx.valid_until_ms,
                                  .ready = code == CODE_OK};
    crypto_digest(TAG_TX, tx.payload, id);
    entry.id = *id;
    crypto_sha256(raw, &entry.digest);
    const enum mempool_verdict verdict = mempool_add(d->pool, &entry);
    if (verdict == MEMPOOL_FULL || verdict == MEMPOOL_SENDER_FULL) {
        pay(d, from);
        return CODE_E_QUOTA;
    }
    d->pool_ready = d->pool_ready || code == CODE_OK;
    if (forward && verdict == MEMPOOL_ADDED) {
        forward_add(d, raw);
    }
    return CODE_OK;
}

static void on_txs(struct driver *d, const struct net_key *from, struct bytes body)
{
    struct wire_txs txs;
    struct wire_tx_iterator iterator;
    struct bytes tx;
    struct hash id;
    if (!wire_decode_txs(body, &txs)) {
        return;
    }
    wire_txs_begin(&iterator, &txs);
    while (wire_txs_next(&iterator, &tx)) {
        (void)inbound_tx(d, from, tx, false, &id);
    }
}

static void on_shards(struct driver *d, uint32_t from, const struct wire_message *message)
{
    if (message->kind == WIRE_SHARD) {
        shards_on_shard(d, from, message->body);
    } else {
        shards_on_get_shards(d, from, message->body);
    }
}

static void take_message(struct driver *d, uint32_t from, const struct net_event *event)
{
    static struct certificate certificate; /* 8 KB; the driver's thread only */
    struct wire_message message;
    if (!wire_decode_message(event->bytes, &message)) {
        inbound_odd(d, from, "sent bytes that are no message");
        return;
    }
    switch (message.kind) {
    case WIRE_VOTE:
        on_vote(d, from, message.body);
        return;
    case WIRE_CERT:
        if (wire_decode_certificate(message.body, &certificate)) {
            take_certificate(d, from, &certificate);
        }
        return;
    case WIRE_PROPOSAL:
        proposed_receive(d, from, message.body);
        return;
    case WIRE_STATUS:
        on_status(d, from, message.body, event->kind == NET_EVENT_FRAME);
        return;
    case WIRE_HAVE:
        on_have(d, from, message.body);
        return;
    case WIRE_GET_CERT:
    case WIRE_GET_CERTS:
        on_get_certificates(d, from, message.body, message.kind == WIRE_GET_CERTS);
        return;
    case WIRE_GET_BLOCK:
        on_get_block(d, from, message.body);
        return;
    case WIRE_TXS:
        on_txs(d, &event->key, message.body);
        return;
    case WIRE_SHARD:
    case WIRE_GET_SHARDS: /* a shard is a member's */
        if (peers_is_member(d, from) && d->self != CONSENSUS_OBSERVER) {
            on_shards(d, from, &message);
        }
        return;
    case WIRE_BLOCK:
    case WIRE_WAKE:
        return;
    }
}

void inbound_frame(struct driver *d, const struct net_event *event)
{
    const uint32_t from = peers_find(d, &event->key);
    if (from == PEER_NOBODY || event->role != NET_ROLE_VALIDATOR) {
        return; /* clients ask with requests */
    }
    d->peers[from].heard_ms = driver_now_ms();
    d->epoch.frame = event->kind == NET_EVENT_FRAME ? event : NULL;
    take_message(d, from, event);
    d->epoch.frame = NULL;
}
