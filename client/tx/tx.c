#include "client/tx/tx.h"

#include <stdlib.h>

#include "types/codes.h"
#include "wire/wire.h"

static bool write_payload(const struct tx_parts *parts, uint8_t *buffer, size_t capacity,
                          struct bytes *out)
{
    const struct record *record = record_of_body(parts->type);
    const uint32_t limit = tx_size_max(parts->type);
    struct wire_writer writer;
    struct bytes body;
    if (record == NULL || limit == 0 ||
        !record_encode(record, parts->body, buffer, capacity / 2, &body)) {
        return false;
    }
    struct tx tx = {.version = TX_VERSION,
                    .chain_id = parts->chain_id,
                    .type = parts->type,
                    .lane = parts->lane,
                    .seq = parts->seq,
                    .valid_until_ms = parts->valid_until_ms,
                    .body = body};
    crypto_address(crypto_key_public(parts->key), &tx.sender);
    wire_writer_init(&writer, buffer + capacity / 2, capacity / 2);
    wire_write_tx_payload(&writer, &tx);
    return wire_writer_end(&writer, out);
}

static bool write_tx(const struct tx_parts *parts, struct bytes payload, struct light_reply *out)
{
    struct wire_writer writer;
    struct signature signature;
    struct hash id;
    struct bytes raw;
    crypto_digest(TAG_TX, payload, &id);
    crypto_key_sign(parts->key, &id, &signature);
    out->size = payload.size + WIRE_TX_OVERHEAD;
    out->data = malloc(out->size);
    if (out->data == NULL) {
        return false;
    }
    wire_writer_init(&writer, out->data, out->size);
    wire_write_tx(&writer, payload, &signature);
    if (!wire_writer_end(&writer, &raw) || raw.size > tx_size_max(parts->type)) {
        free(out->data);
        out->data = NULL;
        return false;
    }
    out->size = raw.size;
    return true;
}

bool tx_build(const struct tx_parts *parts, struct light_reply *out, struct error *error)
{
    static const uint8_t nothing; /* NOP has no fields */
    struct tx_parts with_body = *parts;
    struct bytes payload;
    const size_t capacity = 2 * (size_t)(TX_SIZE_MAX + WIRE_TX_OVERHEAD);
    uint8_t *buffer = malloc(capacity);
    if (with_body.body == NULL) {
        with_body.body = &nothing;
    }
    const bool ok = buffer != NULL && write_payload(&with_body, buffer, capacity, &payload) &&
                    write_tx(parts, payload, out);
    free(buffer);
    return ok || error_set(error, EXIT_CODE_USAGE,
                           "no transaction of type 0x%02x can hold this (at most %u bytes)",
                           (unsigned)parts->type, (unsigned)tx_size_max(parts->type));
}

void tx_sender_init(struct tx_sender *sender, struct light *light, const struct crypto_key *key)
{
    *sender = (struct tx_sender){.light = light, .key = key};
    crypto_address(crypto_key_public(key), &sender->address);
}

void tx_sender_fix(struct tx_sender *sender, uint64_t seq)
{
    sender->synced = true;
    sender->fixed = true;
    sender->next_seq = seq;
}

void tx_pending_free(struct tx_pending *pending)
{
    free(pending->raw.data);
    pending->raw.data = NULL;
}

static bool sync_seq(struct tx_sender *sender, struct error *error)
{
    struct account account;
    struct tx_refused *refused = &sender->refused;
    const struct key key = key_account(&sender->address);
    const uint64_t time_ms = light_tip(sender->light)->header.time_ms;
    if (light_read(sender->light, &key, &record_account, &account, error)) {
        sender->next_seq = account.seq;
    } else if (error->code == EXIT_CODE_NOT_FOUND && light_tip(sender->light)->header.height == 0) {
        sender->next_seq = 0; /* nothing is final yet, so nothing was sent */
    } else if (error->code == EXIT_CODE_NOT_FOUND) {
        return error_set(error, EXIT_CODE_REJECTED,
                         "no account belongs to this key; the genesis names the accounts");
    } else {
        return false;
    }
    if (refused->any && sender->next_seq <= refused->seq && time_ms > refused->valid_until_ms) {
        refused->any = false; /* the number is free after its time: it can never enter */
    }
    if (refused->any && sender->next_seq > refused->seq) {
        sender->next_seq = refused->seq; /* by whom it was used must come out first */
    }
    sender->synced = true;
    return true;
}

static bool reject(struct error *error, const char *what, enum tx_type type, uint32_t code)
{
    const char *name = code_name(code);
    enum exit_code exit_code = EXIT_CODE_REJECTED;
    if (code == CODE_E_EXPIRED) {
        exit_code = EXIT_CODE_EXPIRED;
    } else if (code == CODE_E_QUOTA) {
        exit_code = EXIT_CODE_QUOTA;
    }
    return error_set(error, exit_code, "%s %s: %s (%u): %s", tx_type_name(type), what,
                     name == NULL ? "?" : name, (unsigned)code, code_text(code));
}

/* Signed with the sender's next number. */
static bool make_pending(const struct tx_sender *sender, enum tx_type type, const void *body,
                         struct tx_pending *out, struct error *error)
{
    const struct tx_parts parts = {.key = sender->key,
                                   .chain_id = *light_chain_id(sender->light),
                                   .type = type,
                                   .seq = sender->next_seq,
                                   .valid_until_ms = light_wall_ms(sender->light) + TX_VALID_MS,
                                   .body = body};
    struct tx tx;
    if (!tx_build(&parts, &out->raw, error)) {
        return false;
    }
    const bool ok = wire_decode_tx(bytes_of(out->raw.data, out->raw.size), &tx);
    ASSERT(ok);
    crypto_digest(TAG_TX, tx.payload, &out->id);
    out->seq = parts.seq;
    out->valid_until_ms = parts.valid_until_ms;
    out->base_height = light_tip(sender->light)->header.height + 1;
    return true;
}

/* It may have been forwarded all the same. */
static bool refuse(struct tx_sender *sender, const struct tx_pending *pending, uint32_t code,
                   struct error *error)
{
    struct tx_refused *refused = &sender->refused;
    struct error said;
    const bool same = refused->any && refused->seq == pending->seq;
    const uint64_t until_ms = pending->valid_until_ms;
    *refused = (struct tx_refused){.any = true,
                                   .seq = pending->seq,
                                   .id = pending->id,
                                   .valid_until_ms = same && refused->valid_until_ms > until_ms
                                                         ? refused->valid_until_ms
                                                         : until_ms};
    (void)reject(&said, "refused", pending->type, code);
    return error_set(error, said.code,
                     "%s (the node's word: certain only after %d minutes; sequence number %llu "
                     "again cannot be executed beside it)",
                     said.detail, (int)(TX_VALID_MS / 60000), (unsigned long long)pending->seq);
}

bool tx_submit(struct tx_sender *sender, enum tx_type type, const void *body,
               struct tx_pending *out, struct error *error)
{
    uint32_t code = CODE_OK;
    struct error silence;
    *out = (struct tx_pending){.type = type};
    if (!sender->synced && (sender->fixed || !sync_seq(sender, error))) {
        return sender->fixed ? error_set(error, EXIT_CODE_USAGE,
                                         "one transaction for one chosen sequence number")
                             : false;
    }
    if (!make_pending(sender, type, body, out, error)) {
        return false;
    }
    const struct bytes raw = bytes_of(out->raw.data, out->raw.size);
    const bool answered = light_submit(sender->light, raw, &code, &silence);
    /* Without an answer it may be under way.  Of a number that is used or too high only the
     * proof is believed: it may be this very transaction that used it. */
    if (!answered || code == CODE_OK || code == CODE_E_DUPLICATE || code == CODE_E_SEQ_USED ||
        code == CODE_E_SEQ_GAP) {
        sender->next_seq++;
        sender->synced = !sender->fixed;
        return true;
    }
    tx_pending_free(out);
    return refuse(sender, out, code, error);
}

/* ---- Its fate ------------------------------------------------------------------------------- */

static bool wait_proven(struct tx_sender *sender, const struct tx_pending *pending,
                        uint32_t timeout_ms, uint32_t *code, struct error *error)
{
    const struct bytes raw = bytes_of(pending->raw.data, pending->raw.size);
    const uint64_t start = light_now_ms(sender->light);
    struct light_result result;
    struct error unproven;
    for (;;) {
        const uint64_t spent = light_now_ms(sender->light) - start;
        const uint64_t left = spent < timeout_ms ? timeout_ms - spent : 0;
        const uint32_t slice = (uint32_t)(left < TX_SLICE_MS ? left : TX_SLICE_MS);
        bool absent = false;
        if (light_wait_tx(sender->light, raw, slice, &result, error)) {
            *code = result.code;
            light_result_free(&result);
            return *code == CODE_OK || reject(error, "failed", pending->type, *code);
        }
        if (error->code != EXIT_CODE_UNREACHABLE) {
            return false;
        }
        if (light_prove_absent(sender->light, raw, pending->base_height, &absent, &unproven) &&
            absent) {
            *code = CODE_E_SEQ_USED;
            return error_set(error, EXIT_CODE_REJECTED,
                             "%s: another transaction used sequence number %llu; it is proven "
                             "that this one is in no block and never will be",
                             tx_type_name(pending->type), (unsigned long long)pending->seq);
        }
        if (light_now_ms(sender->light) - start >= timeout_ms) {
            return false;
        }
    }
}

/* What the end of this one tells about a refused one with the same number. */
static void settle_refused(struct tx_sender *sender, const struct tx_pending *pending,
                           uint32_t found, bool ok, struct error *error)
{
    struct tx_refused *refused = &sender->refused;
    if (!refused->any || refused->seq != pending->seq) {
        return;
    }
    if (!ok && found == CODE_E_SEQ_USED) {
        refused->any = false; /* told here */
        (void)error_set(error, EXIT_CODE_UNREACHABLE,
                        "%s: sequence number %llu is used, perhaps by a transaction that a node "
                        "refused before and forwarded all the same: its outcome is unknown; this "
                        "one is proven to be in no block",
                        tx_type_name(pending->type), (unsigned long long)pending->seq);
    } else if (ok || found != CODE_OK ||
               (error->code == EXIT_CODE_EXPIRED &&
                pending->valid_until_ms >= refused->valid_until_ms)) {
        refused->any = false; /* this one took the number, or both are too old to enter */
    }
}

bool tx_wait(struct tx_sender *sender, const struct tx_pending *pending, uint32_t timeout_ms,
             uint32_t *code, struct error *error)
{
    uint32_t found = CODE_OK;
    const bool ok = wait_proven(sender, pending, timeout_ms, &found, error);
    settle_refused(sender, pending, found, ok, error);
    if (!ok && (found == CODE_OK || found == CODE_E_SEQ_USED)) {
        sender->synced = false; /* its number may be free or used: read it before the next */
    }
    if (code != NULL) {
        *code = found;
    }
    return ok;
}

bool tx_carry(struct tx_sender *sender, enum tx_type type, const void *body, struct tx_told *told,
              struct error *error)
{
    for (int attempt = 0;; attempt++) {
        struct tx_pending pending;
        const bool under_way = tx_submit(sender, type, body, &pending, error);
        *told = (struct tx_told){.id = pending.id, .seq = pending.seq};
        if (!under_way) {
            told->refused = sender->refused.any && !hash_is_zero(&told->id) &&
                            hash_equal(&told->id, &sender->refused.id);
            return false;
        }
        const struct tx_refused before = sender->refused;
        const bool ok = tx_wait(sender, &pending, TX_WAIT_MS, &told->code, error);
        tx_pending_free(&pending);
        if (!ok && told->code == CODE_E_SEQ_USED && error->code == EXIT_CODE_UNREACHABLE) {
            *told = (struct tx_told){.id = before.id, .seq = before.seq};
            return false;
        }
        /* Both codes are proven: this one has done nothing and never will. */
        const bool again = told->code == CODE_E_BLOCK_FULL
                               ? attempt < TX_FULL_MAX
                               : told->code == CODE_E_SEQ_USED && attempt == 0;
        if (ok || sender->fixed || !again) {
            return ok;
        }
    }
}

bool tx_send(struct tx_sender *sender, enum tx_type type, const void *body, uint32_t *code,
             struct error *error)
{
    struct tx_told told;
    const bool ok = tx_carry(sender, type, body, &told, error);
    if (code != NULL) {
        *code = told.code;
    }
    return ok;
}
