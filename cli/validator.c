#include "cli/validator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "cli/commands.h"
#include "cli/connect.h"
#include "cli/record_json.h"
#include "cli/tx.h"
#include "crypto/keyfile/keyfile.h"
#include "state/state.h"

/* The validator set: who is in it, and the three steps of a change (docs/operations.md). */

static struct validator_changes changes; /* one thread */

/* A connection without a key, and what it proves of the set. */
static bool look(const struct cli_call *call, struct error *error)
{
    struct connection connection;
    if (!connect_open(call, false, &connection, error)) {
        return false;
    }
    bool ok = validator_read(connection.light, &changes, error);
    if (!ok && error->code == EXIT_CODE_NOT_FOUND) { /* no block yet: the genesis set holds */
        changes.set = *genesis_validators(connection.genesis);
        changes.set_hash = *genesis_set_hash(connection.genesis);
        ok = true;
    }
    connect_close(&connection);
    return ok;
}

/* The transaction.  A refusal says where to look. */
static enum exit_code send(const struct cli_call *call, const struct tx_wish *wish,
                           struct error *error)
{
    const enum exit_code code = tx_command(call, wish, error);
    if (code == EXIT_CODE_REJECTED) {
        char text[sizeof(error->detail)];
        (void)snprintf(text, sizeof(text), "%s", error->detail);
        (void)error_set(error, EXIT_CODE_REJECTED,
                        "%.400s; gradus validator list shows the set and its changes", text);
    }
    return code;
}

/* ---- list ------------------------------------------------------------------------------- */

static const char *action_name(uint8_t action)
{
    static const char *const names[] = {[CHANGE_ADD] = "add",
                                        [CHANGE_REMOVE] = "remove",
                                        [CHANGE_REKEY] = "rekey",
                                        [CHANGE_EVICT] = "evict"};
    return action >= CHANGE_ADD && action <= CHANGE_EVICT ? names[action] : "unknown";
}

static uint32_t count_bits(const uint8_t *bytes)
{
    struct validator_bitmap bitmap;
    memcpy(bitmap.bytes, bytes, sizeof(bitmap.bytes));
    return validator_bitmap_count(&bitmap);
}

static void print_missing(const struct set_change *change)
{
    uint32_t alive = 0;
    if (change->action == CHANGE_EVICT) {
        (void)printf("  waits for nobody\n");
        return;
    }
    for (uint32_t seat = 0; seat < change->members; seat++) {
        alive += set_change_has(change, seat) ? 1 : 0;
    }
    (void)printf("  known to be alive: %u of the %u needed; %s\n", alive,
                 validator_quorum(change->members),
                 set_change_is_ready(change) ? "ready" : "not ready");
    if ((change->action == CHANGE_ADD || change->action == CHANGE_REKEY) &&
        !set_change_has(change, change->seat)) {
        (void)printf("  next: seat %u sends gradus validator ready\n", change->seat);
    } else if (!set_change_is_ready(change)) {
        (void)printf("  next: more members say that they are there: gradus validator approve\n");
    }
}

static void print_change(const struct set_change *change, const char *where)
{
    char hash[2 * HASH_SIZE + 1];
    hex_encode(change->next_set_hash.bytes, HASH_SIZE, hash);
    (void)printf("%s: %s seat %u, to %u members", where, action_name(change->action), change->seat,
                 change->members);
    if (change->accepted_height == 0) {
        (void)printf(", approvals %u of %u", count_bits(change->approvals),
                     validator_quorum(changes.set.count));
    }
    (void)printf("\n  next set %s\n", hash);
}

static const char *kind_name(uint8_t kind)
{
    static const char *const names[] = {[VOTE_PROPOSE] = "PROPOSE",
                                        [VOTE_NOTARIZE] = "NOTARIZE",
                                        [VOTE_NULLIFY] = "NULLIFY",
                                        [VOTE_FINALIZE] = "FINALIZE"};
    return kind <= VOTE_FINALIZE ? names[kind] : "unknown";
}

static void print_suspensions(void)
{
    char key[2 * PUBLIC_KEY_SIZE + 1];
    for (uint32_t i = 0; i < changes.suspension_count; i++) {
        const struct suspension *s = &changes.suspensions[i];
        hex_encode(s->consensus.bytes, PUBLIC_KEY_SIZE, key);
        (void)printf("suspended: consensus key %s\n  signed %s and a contradicting %s as seat %u "
                     "in view %llu of epoch %llu; proven at height %llu\n",
                     key, kind_name(s->first_kind), kind_name(s->second_kind), s->seat,
                     (unsigned long long)s->view, (unsigned long long)s->epoch,
                     (unsigned long long)s->height);
    }
    if (changes.suspended_count > changes.suspension_count) {
        (void)printf("and %u suspended earlier\n",
                     changes.suspended_count - changes.suspension_count);
    }
}

static void print_text(void)
{
    char account[2 * ADDRESS_SIZE + 1];
    char key[2 * PUBLIC_KEY_SIZE + 1];
    (void)printf("epoch %llu, %u members, quorum %u, proven at height %llu\n",
                 (unsigned long long)changes.epoch.epoch, changes.set.count,
                 validator_quorum(changes.set.count), (unsigned long long)changes.height);
    for (uint32_t i = 0; i < changes.set.count; i++) {
        hex_encode(changes.set.items[i].account.bytes, ADDRESS_SIZE, account);
        hex_encode(changes.set.items[i].consensus.bytes, PUBLIC_KEY_SIZE, key);
        (void)printf("seat %u  account %s  consensus key %s\n", i, account, key);
    }
    if (changes.accepted) {
        print_change(&changes.change, "accepted");
        print_missing(&changes.change);
    }
    for (uint32_t i = 0; i < changes.open_count; i++) {
        print_change(&changes.open[i], "proposed");
    }
    if (!changes.accepted && changes.open_count == 0) {
        (void)printf("no change is proposed\n");
    }
    print_suspensions();
}

static json_t *change_json(const struct set_change *change, const char *state)
{
    json_t *json = record_json(&record_set_change, change);
    (void)json_object_set_new(json, "state", json_string(state));
    (void)json_object_set_new(json, "action_name", json_string(action_name(change->action)));
    return json;
}

static void print_json(void)
{
    char hash[2 * HASH_SIZE + 1];
    hex_encode(changes.set_hash.bytes, HASH_SIZE, hash);
    json_t *seats = json_array();
    json_t *list = json_array();
    json_t *suspensions = json_array();
    for (uint32_t i = 0; i < changes.suspension_count; i++) {
        (void)json_array_append_new(suspensions,
                                    record_json(&record_suspension, &changes.suspensions[i]));
    }
    for (uint32_t i = 0; i < changes.set.count; i++) {
        (void)json_array_append_new(seats, record_json(&record_validator, &changes.set.items[i]));
    }
    if (changes.accepted) {
        const bool ready = set_change_is_ready(&changes.change);
        (void)json_array_append_new(list,
                                    change_json(&changes.change, ready ? "ready" : "accepted"));
    }
    for (uint32_t i = 0; i < changes.open_count; i++) {
        (void)json_array_append_new(list, change_json(&changes.open[i], "proposed"));
    }
    json_t *json = json_pack("{s:I,s:I,s:s,s:I,s:o,s:o,s:o}", "height", (json_int_t)changes.height,
                             "epoch", (json_int_t)changes.epoch.epoch, "set_hash", hash, "quorum",
                             (json_int_t)validator_quorum(changes.set.count), "seats", seats,
                             "changes", list, "suspensions", suspensions);
    (void)json_dumpf(json, stdout, JSON_INDENT(2));
    (void)printf("\n");
    json_decref(json);
}

static enum exit_code run_list(struct cli_call *call, struct error *error)
{
    if (!look(call, error)) {
        return error->code;
    }
    if (cli_json(call)) {
        print_json();
    } else {
        print_text();
    }
    return EXIT_CODE_OK;
}

/* ---- propose ----------------------------------------------------------------------------- */

static bool key_option(const struct cli_call *call, const char *name, struct public_key *out,
                       struct error *error)
{
    const char *text = cli_text(call, name);
    if (text == NULL) {
        return true; /* as it is */
    }
    return hex_decode(text, out->bytes, PUBLIC_KEY_SIZE) ||
           error_set(error, EXIT_CODE_USAGE, "--%s: write a public key, %d hex digits", name,
                     2 * PUBLIC_KEY_SIZE);
}

static bool keys_of(const struct cli_call *call, struct validator *out, struct error *error)
{
    return key_option(call, "consensus", &out->consensus, error) &&
           key_option(call, "network", &out->network, error) &&
           key_option(call, "vrf", &out->vrf, error);
}

static bool fill_add(const struct cli_call *call, struct body_validator_propose *body,
                     struct error *error)
{
    const char *account = cli_text(call, "account");
    body->action = CHANGE_ADD;
    body->seat = changes.set.count;
    if (account == NULL || cli_text(call, "consensus") == NULL ||
        cli_text(call, "network") == NULL || cli_text(call, "vrf") == NULL) {
        return cli_misused(call, error, "add: give --account, --consensus, --network and --vrf");
    }
    if (!hex_decode(account, body->validator.account.bytes, ADDRESS_SIZE)) {
        return error_set(error, EXIT_CODE_USAGE, "--account: write an address, %d hex digits",
                         2 * ADDRESS_SIZE);
    }
    return keys_of(call, &body->validator, error);
}

static bool fill(const struct cli_call *call, struct body_validator_propose *body,
                 struct error *error)
{
    const char *action = cli_argument(call, 0);
    uint64_t seat = 0;
    body->set_hash = changes.set_hash;
    if (strcmp(action, "add") == 0) {
        return fill_add(call, body, error);
    }
    const bool rekey = strcmp(action, "rekey") == 0;
    if (!rekey && strcmp(action, "remove") != 0) {
        return cli_misused(call, error, "write add, remove or rekey");
    }
    if (cli_text(call, "seat") == NULL) {
        return cli_misused(call, error, "--seat: write its number; gradus validator list");
    }
    if (!cli_number(call, "seat", (struct cli_range){0, changes.set.count - 1}, &seat, error)) {
        return false;
    }
    body->action = rekey ? CHANGE_REKEY : CHANGE_REMOVE;
    body->seat = (uint32_t)seat;
    body->validator = changes.set.items[seat];
    return !rekey || keys_of(call, &body->validator, error);
}

static enum exit_code run_propose(struct cli_call *call, struct error *error)
{
    struct body_validator_propose body = {.seat = 0};
    if (!look(call, error) || !fill(call, &body, error)) {
        return error->code;
    }
    return send(call, &(struct tx_wish){TX_VALIDATOR_PROPOSE, &body, "proposed", false}, error);
}

/* ---- approve and ready ---------------------------------------------------------------------- */

static enum exit_code run_approve(struct cli_call *call, struct error *error)
{
    struct body_validator_approve body;
    const struct set_change *found = NULL;
    if (!connect_id(call, "next set's", &body.next_set_hash, error) || !look(call, error)) {
        return error->code;
    }
    if (changes.accepted && hash_equal(&changes.change.next_set_hash, &body.next_set_hash)) {
        found = &changes.change;
    }
    for (uint32_t i = 0; i < changes.open_count && found == NULL; i++) {
        if (hash_equal(&changes.open[i].next_set_hash, &body.next_set_hash)) {
            found = &changes.open[i];
        }
    }
    if (found == NULL || found->action == CHANGE_EVICT) {
        (void)error_set(error, EXIT_CODE_NOT_FOUND,
                        "%.64s: no change to this set is proposed; gradus validator list",
                        cli_argument(call, 0));
        return error->code;
    }
    body.proposer = found->proposer;
    return send(call, &(struct tx_wish){TX_VALIDATOR_APPROVE, &body, "approved", false}, error);
}

/* The seat of the next set that this key has. */
static bool fill_ready(const struct crypto_key *key, const struct hash *chain_id,
                       struct body_ready *body, struct error *error)
{
    uint32_t seat = 0;
    if (!changes.accepted) {
        return error_set(error, EXIT_CODE_NOT_FOUND,
                         "no change of the validator set is accepted yet; gradus validator list");
    }
    while (seat < changes.next.count &&
           !public_key_equal(&changes.next.items[seat].consensus, crypto_key_public(key))) {
        seat++;
    }
    if (seat == changes.next.count) {
        return error_set(error, EXIT_CODE_NOT_FOUND,
                         "--consensus-key: the accepted next set has no seat with this key; "
                         "gradus validator list");
    }
    body->next_set_hash = changes.change.next_set_hash;
    body->seat = seat;
    body->height = changes.height;
    const struct hash digest = id_ready(chain_id, &body->next_set_hash, seat, body->height);
    crypto_key_sign(key, &digest, &body->signature);
    return true;
}

static bool chain_id_of(const struct cli_call *call, struct hash *out, struct error *error)
{
    struct connection connection;
    if (!connect_open(call, false, &connection, error)) {
        return false;
    }
    *out = *genesis_chain_id(connection.genesis);
    connect_close(&connection);
    return true;
}

static enum exit_code run_ready(struct cli_call *call, struct error *error)
{
    struct body_ready body;
    struct hash chain_id;
    struct crypto_key *key = NULL;
    struct crypto_keyfile file = {.kind = CRYPTO_KEYFILE_CONSENSUS};
    if (!cli_required(call, "consensus-key", &file.path, error) || !look(call, error) ||
        !chain_id_of(call, &chain_id, error) || !crypto_keyfile_load(&file, &key, error)) {
        return error->code;
    }
    const bool ok = fill_ready(key, &chain_id, &body, error);
    crypto_key_free(key);
    if (!ok) {
        return error->code;
    }
    return send(call, &(struct tx_wish){TX_READY, &body, "ready", false}, error);
}

const struct cli_command cli_validator_list = {
    .noun = "validator",
    .verb = "list",
    .help = "the validator set, and changes of it that are proposed or accepted, proven",
    .run = run_list,
    .options = {CONNECT_OPTIONS}};
const struct cli_command cli_validator_propose = {
    .noun = "validator",
    .verb = "propose",
    .arguments = "add|remove|rekey",
    .argument_min = 1,
    .argument_max = 1,
    .help = "propose a change of the validator set; this is also an approval",
    .run = run_propose,
    .options = {CONNECT_OPTIONS,
                {"key", "FILE", NULL, "the account key of a member"},
                {"seat", "N", NULL, "remove, rekey: whose; gradus validator list"},
                {"account", "ADDRESS", NULL, "add: the new member's account"},
                {"consensus", "KEY", NULL, "add, rekey: public key, hex"},
                {"network", "KEY", NULL, "add, rekey: public key, hex"},
                {"vrf", "KEY", NULL, "add, rekey: public key, hex"}}};
const struct cli_command cli_validator_approve = {
    .noun = "validator",
    .verb = "approve",
    .arguments = "NEXT_SET",
    .argument_min = 1,
    .argument_max = 1,
    .help = "approve a proposed change, named by the hash of the set it leads to",
    .run = run_approve,
    .options = {CONNECT_OPTIONS, {"key", "FILE", NULL, "the account key of a member"}}};
const struct cli_command cli_validator_ready = {
    .noun = "validator",
    .verb = "ready",
    .help = "say that a member of the accepted next set runs and has the chain",
    .run = run_ready,
    .options = {CONNECT_OPTIONS,
                {"key", "FILE", NULL, "any account's key: it sends the transaction"},
                {"consensus-key", "FILE", NULL, "the member's secret consensus key"}}};
