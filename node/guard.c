#include "node/guard.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/endian.h"
#include "base/log.h"
#include "crypto/keyfile/keyfile.h"
#include "node/driver.h"
#include "node/node.h"

/* Who has no seat has nothing to sign: the guard waits for the epoch that gives one. */
static void ask(struct driver *d)
{
    memset(&d->guard.core, 0, sizeof(d->guard.core));
    d->guard.seated = d->self < d->set.count && d->set.count >= CONSENSUS_GUARD_COUNT_MIN;
    d->guard.limit_told = false;
    if (d->guard.seated) {
        consensus_guard_init(&d->guard.core, d->set.count, d->self);
    }
}

static void activate(struct driver *d, const char *why)
{
    d->guard.active = true;
    ask(d);
    log_line(LOG_ODD, "guard",
             "%s: no vote until %u others have said in which view they are, and a block above "
             "that is final",
             why, validator_quorum(d->set.count));
}

/* Fewer than four prove nothing to each other: sign.state alone protects, as it always does. */
static bool go_on_alone(struct driver *d, const struct sign_state_status *sign, struct error *error)
{
    log_line(LOG_ODD, "guard", "the journal was lost; sign.state alone prevents a second vote");
    return d->signer.guard(d->signer.context, error) &&
           d->signer.lift(d->signer.context, sign->epoch, sign->floor > 0 ? sign->floor - 1 : 0,
                          error);
}

void guard_epoch(struct driver *d)
{
    if (!d->guard.active || driver_failed(d)) {
        return;
    }
    ask(d);
    if (!d->guard.seated && d->self < d->set.count) {
        log_line(LOG_ODD, "guard", "fewer than %d validators: this one does not vote",
                 CONSENSUS_GUARD_COUNT_MIN);
    }
}

static bool journal_lost(struct driver *d, const struct sign_state_status *sign,
                         struct error *error)
{
    if (d->set.count < CONSENSUS_GUARD_COUNT_MIN && d->self < d->set.count) {
        return go_on_alone(d, sign, error);
    }
    if (!d->signer.guard(d->signer.context, error)) {
        return false;
    }
    activate(d, "the journal was lost");
    return true;
}

static bool judge(struct driver *d, const struct sign_state_status *sign, struct error *error)
{
    switch (sign_state_compare(sign, &d->guard.journal)) {
    case SIGN_AGREES:
        if (sign->guarded) {
            activate(d, "votes of this key may have been lost");
        }
        return true;
    case SIGN_JOURNAL_LOST:
        return journal_lost(d, sign, error);
    case SIGN_JOURNAL_OLD:
        return error_set(error, EXIT_CODE_OLD_JOURNAL,
                         "%.120s/journal: an old copy, or its end is lost: sign.state has seen "
                         "more of it; move it away, keep sign/, start again",
                         d->config.data_dir);
    case SIGN_STATE_OLD:
        return error_set(error, EXIT_CODE_SIGN_STATE,
                         "%.120s/sign/sign.state: an old copy: the journal has seen a newer one; "
                         "`gradus node guard`: see docs/operations.md, section Lost sign.state",
                         d->config.data_dir);
    }
    UNREACHABLE();
}

void guard_restore(struct driver *d, const struct journal_record *record)
{
    if (record->payload.size == 8) {
        d->guard.told = load_le64(record->payload.data);
        d->guard.journal.sequence = d->guard.told;
    }
}

bool guard_begin(struct driver *d, struct error *error)
{
    static struct certificate certificate; /* before any other thread */
    struct sign_state_status sign;
    struct journal_status journal;
    d->signer.status(d->signer.context, &sign);
    journal_status(d->journal, &journal);
    d->guard.journal.unit = journal.unit;
    d->guard.unit = journal.unit;
    if (!judge(d, &sign, error)) {
        return false;
    }
    if (d->has_tip_finality) {
        inbound_finality_certificate(&d->tip_finality, &certificate);
        guard_meet_certificate(d, &certificate);
    }
    if (driver_failed(d)) {
        *error = d->error;
    }
    return !driver_failed(d);
}

/* The highest view that one certificate opens, if it is of this epoch and good. */
static uint64_t proven_view(const struct driver *d, bool present, uint64_t epoch,
                            const struct certificate *certificate)
{
    const bool good =
        present && certificate->epoch == epoch && inbound_certificate_valid(d, certificate);
    return good ? certificate->view + 1 : 1;
}

void guard_hear(struct driver *d, uint32_t from, const struct wire_status *status)
{
    if (!d->guard.active || !d->guard.seated || d->guard.core.known ||
        status->epoch != d->epoch.number) {
        return;
    }
    const uint64_t by_final =
        proven_view(d, status->has_last_final, status->epoch, &status->last_final);
    const uint64_t by_entry = proven_view(d, status->has_entry, status->epoch, &status->entry);
    if (status->view <= by_final || status->view <= by_entry) {
        consensus_guard_hear(&d->guard.core, from, status->epoch, status->view);
    }
}

void guard_meet(struct driver *d, const struct vote *vote)
{
    if (d->guard.active) {
        if (d->guard.seated) {
            consensus_guard_remember(&d->guard.core, vote->epoch, vote->view);
        }
        return;
    }
    if (driver_failed(d) || d->signer.recalls(d->signer.context, vote)) {
        return;
    }
    struct error ignored; /* the first word counts */
    (void)!d->signer.guard(d->signer.context, &ignored);
    (void)error_set(&d->error, EXIT_CODE_SIGNED_ELSEWHERE,
                    "%.120s/sign/sign.state: does not know an own vote of view %llu: an old copy, "
                    "or another process has this key; end that one, then start again",
                    d->config.data_dir, (unsigned long long)vote->view);
}

void guard_meet_certificate(struct driver *d, const struct certificate *certificate)
{
    if (certificate->epoch == d->epoch.number && d->self < d->set.count &&
        validator_bitmap_get(&certificate->signers, d->self)) {
        guard_meet(d, &(struct vote){.kind = certificate->kind,
                                     .epoch = certificate->epoch,
                                     .view = certificate->view,
                                     .proposal = certificate->proposal,
                                     .validator = d->self});
    }
}

void guard_poll(struct driver *d)
{
    struct consensus_status status;
    struct guard *guard = &d->guard;
    if (!guard->active || !guard->seated || driver_failed(d)) {
        return;
    }
    if (guard->core.known && !guard->limit_told) {
        guard->limit_told = true;
        log_line(LOG_INFO, "guard", "votes again when a block above view %llu is final",
                 (unsigned long long)guard->core.limit);
    }
    /* Not when the epoch is over: the next one's votes are a question of their own. */
    consensus_status(d->core, &status);
    if (d->epoch.over ||
        !consensus_guard_ends(&guard->core, status.epoch, status.last_final.view) ||
        !d->signer.lift(d->signer.context, status.epoch, status.last_final.view, &d->error)) {
        return; /* d->error stops the node */
    }
    guard->active = false;
    log_line(LOG_INFO, "guard", "votes again, above view %llu",
             (unsigned long long)status.last_final.view);
}

void guard_persist(struct driver *d, const struct vote *vote)
{
    struct sign_state_status sign;
    uint8_t payload[8];
    d->signer.status(d->signer.context, &sign);
    if (sign.sequence == d->guard.told) {
        return;
    }
    d->guard.told = sign.sequence;
    store_le64(payload, sign.sequence);
    journal_append(d->journal, &(struct journal_record){.type = JOURNAL_WITNESS,
                                                        .epoch = vote->epoch,
                                                        .view = vote->view,
                                                        .payload = bytes_of(payload, 8)});
}

void guard_sync(struct driver *d)
{
    struct journal_status journal;
    journal_status(d->journal, &journal);
    d->guard.unit = journal.unit;
}

json_t *guard_json(const struct driver *d)
{
    const struct consensus_guard *core = &d->guard.core;
    if (!d->guard.active) {
        return NULL;
    }
    return json_pack("{s:i,s:i,s:b,s:I}", "heard", (int)core->heard_count, "needed",
                     (int)validator_quorum(d->set.count), "known", core->known, "above_view",
                     (json_int_t)core->limit);
}

/* ---- `gradus node guard` --------------------------------------------------------------- */

static bool identify(const struct node_config *config, struct sign_identity *out,
                     struct error *error)
{
    char path[CONFIG_PATH_MAX];
    struct genesis *genesis = NULL;
    struct crypto_key *key = NULL;
    bool ok =
        node_config_path(path, config->keys_dir, "consensus.key", error) &&
        genesis_load(config->genesis, &genesis, error) &&
        crypto_keyfile_load(
            &(struct crypto_keyfile){.path = path, .kind = CRYPTO_KEYFILE_CONSENSUS}, &key, error);
    if (ok && genesis_validators(genesis)->count < CONSENSUS_GUARD_COUNT_MIN) {
        ok = error_set(error, EXIT_CODE_BAD_CONFIG,
                       "%s: fewer than %d validators prove nothing to each other; a new genesis "
                       "is the way",
                       config->genesis, CONSENSUS_GUARD_COUNT_MIN);
    }
    if (ok) {
        out->chain_id = *genesis_chain_id(genesis);
        out->key = *crypto_key_public(key);
    }
    crypto_key_free(key);
    genesis_free(genesis);
    return ok;
}

/* With the lock of chain.db held, so that no node is at work. */
static bool forget(const struct node_config *config, const struct sign_identity *identity,
                   struct error *error)
{
    char path[CONFIG_PATH_MAX];
    struct disk_port disk = {0};
    struct disk_port keys = {0};
    bool used = false;
    bool ok = node_config_path(path, config->data_dir, "sign", error);
    if (ok && mkdir(path, 0700) != 0 && access(path, F_OK) != 0) {
        ok = error_set(error, EXIT_CODE_STORE, "%s: cannot be made", path);
    }
    ok = ok && disk_posix_open(path, &disk, error) &&
         disk_posix_open(config->keys_dir, &keys, error) &&
         sign_used_read(&keys, &identity->chain_id, &used, error) &&
         (used || sign_used_write(&keys, &identity->chain_id, error)) &&
         sign_state_forget(&disk, identity, driver_wall_ms(), error);
    disk_posix_close(&keys);
    disk_posix_close(&disk);
    return ok;
}

bool node_guard(const struct node_config *config, struct error *error)
{
    struct sign_identity identity;
    struct store *store = NULL;
    if (!identify(config, &identity, error)) {
        return false;
    }
    const struct store_options options = {.dir = config->data_dir,
                                          .chain_id = identity.chain_id,
                                          .reserve_bytes = config->disk_reserve_mib << 20};
    const bool ok = store_open(&options, &store, error) && forget(config, &identity, error);
    store_close(store);
    return ok;
}
