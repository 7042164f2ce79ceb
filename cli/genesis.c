#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "base/hex.h"
#include "cli/commands.h"
#include "cli/connect.h"
#include "crypto/crypto.h"
#include "genesis/genesis.h"

static bool write_file(const char *path, struct bytes bytes, struct error *error)
{
    FILE *file = fopen(path, "wbx"); /* a genesis is never overwritten */
    const bool ok =
        file != NULL && fwrite(bytes.data, 1, bytes.size, file) == bytes.size && fflush(file) == 0;
    const int problem = errno;
    if (file != NULL && fclose(file) != 0) {
        return error_set(error, EXIT_CODE_STORAGE, "%s: cannot be written", path);
    }
    return ok || error_set(error, EXIT_CODE_STORAGE, "%s: %s", path,
                           problem == EEXIST ? "exists already; remove it or choose another name"
                                             : "cannot be written");
}

static enum exit_code run_make(struct cli_call *call, struct error *error)
{
    struct timespec now;
    struct bytes bytes;
    struct hash chain_id;
    char text[2 * HASH_SIZE + 1];
    const char *out = NULL;
    uint8_t *buffer = malloc(GENESIS_SIZE_MAX);
    (void)clock_gettime(CLOCK_REALTIME, &now);
    const uint64_t now_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    const bool ok = buffer != NULL && cli_required(call, "out", &out, error) &&
                    genesis_make(cli_argument(call, 0), now_ms, buffer, &bytes, error) &&
                    write_file(out, bytes, error);
    if (ok) {
        crypto_digest(TAG_GENESIS, bytes, &chain_id);
        hex_encode(chain_id.bytes, HASH_SIZE, text);
        (void)printf(cli_json(call) ? "{\"chain_id\":\"%s\"}\n" : "chain id  %s\n", text);
    }
    free(buffer);
    return ok ? EXIT_CODE_OK : error->code;
}

static json_t *hex_json(const uint8_t *bytes, size_t size)
{
    char text[2 * PUBLIC_KEY_SIZE + 1];
    hex_encode(bytes, size, text);
    return json_string(text);
}

static json_t *params_json(const struct params *params)
{
    json_t *json = json_object();
    for (uint32_t i = 0; i < record_params.field_count; i++) {
        const struct field *field = &record_params.fields[i];
        const uint64_t value = record_uint((const uint8_t *)params + field->offset, field->width);
        (void)json_object_set_new(json, field->name, json_integer((json_int_t)value));
    }
    return json;
}

static json_t *orgs_json(const struct state_genesis *state)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < state->org_count; i++) {
        const struct org *org = &state->orgs[i];
        (void)json_array_append_new(
            list, json_pack("{s:s%,s:I,s:I,s:I}", "name", (const char *)org->name,
                            (size_t)org->name_size, "weight", (json_int_t)org->weight, "roles",
                            (json_int_t)org->roles, "quota", (json_int_t)org->quota));
    }
    return list;
}

static json_t *validators_json(const struct validator_set *set)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < set->count; i++) {
        const struct validator *v = &set->items[i];
        (void)json_array_append_new(
            list, json_pack("{s:o,s:o,s:o,s:o}", "consensus",
                            hex_json(v->consensus.bytes, PUBLIC_KEY_SIZE), "network",
                            hex_json(v->network.bytes, PUBLIC_KEY_SIZE), "vrf",
                            hex_json(v->vrf.bytes, PUBLIC_KEY_SIZE), "account",
                            hex_json(v->account.bytes, ADDRESS_SIZE)));
    }
    return list;
}

static json_t *accounts_json(const struct state_genesis *state)
{
    json_t *list = json_array();
    for (size_t i = 0; i < state->account_count; i++) {
        const struct account *account = &state->accounts[i];
        struct address address;
        crypto_address(&account->public_key, &address);
        (void)json_array_append_new(
            list,
            json_pack("{s:o,s:o,s:I,s:I,s:I}", "address", hex_json(address.bytes, ADDRESS_SIZE),
                      "public_key", hex_json(account->public_key.bytes, PUBLIC_KEY_SIZE), "org",
                      (json_int_t)account->org, "roles", (json_int_t)account->roles, "amount",
                      (json_int_t)account->available));
    }
    return list;
}

static enum exit_code run_show(struct cli_call *call, struct error *error)
{
    struct genesis *genesis = NULL;
    if (!connect_genesis(cli_argument(call, 0), &genesis, error)) {
        return error->code;
    }
    const struct state_genesis *state = genesis_state(genesis);
    json_t *json = json_pack(
        "{s:o,s:s%,s:I,s:o,s:o,s:o,s:o}", "chain_id", hex_json(state->chain_id.bytes, HASH_SIZE),
        "name", (const char *)state->name.data, state->name.size, "time_ms",
        (json_int_t)state->time_ms, "params", params_json(&state->params), "orgs", orgs_json(state),
        "validators", validators_json(state->validators), "balances", accounts_json(state));
    (void)json_dumpf(json, stdout, JSON_INDENT(2));
    (void)printf("\n");
    json_decref(json);
    genesis_free(genesis);
    return EXIT_CODE_OK;
}

const struct cli_command cli_genesis_make = {
    .noun = "genesis",
    .verb = "make",
    .arguments = "FILE.ini",
    .argument_min = 1,
    .argument_max = 1,
    .help = "make the genesis file of a network from an ini file",
    .run = run_make,
    .options = {{"out", "FILE", NULL, "the file to write; it must not exist"}}};
const struct cli_command cli_genesis_show = {.noun = "genesis",
                                             .verb = "show",
                                             .arguments = "FILE",
                                             .argument_min = 1,
                                             .argument_max = 1,
                                             .help = "print a genesis file as JSON",
                                             .run = run_show};
