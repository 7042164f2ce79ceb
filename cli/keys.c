#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "cli/commands.h"
#include "crypto/keyfile/keyfile.h"

static bool parse_kind(const char *text, enum crypto_keyfile_kind *out, struct error *error)
{
    for (unsigned kind = CRYPTO_KEYFILE_CONSENSUS; kind <= CRYPTO_KEYFILE_WORKER; kind++) {
        if (strcmp(text, crypto_keyfile_kind_name(kind)) == 0) {
            *out = (enum crypto_keyfile_kind)kind;
            return true;
        }
    }
    return error_set(error, EXIT_CODE_USAGE,
                     "--kind: write consensus, network, vrf, account or worker");
}

static void print_key(const struct cli_call *call, const char *path, const char *kind,
                      const struct crypto_key *key)
{
    char public_text[2 * PUBLIC_KEY_SIZE + 1];
    char address_text[2 * ADDRESS_SIZE + 1];
    struct address address;
    hex_encode(crypto_key_public(key)->bytes, PUBLIC_KEY_SIZE, public_text);
    crypto_address(crypto_key_public(key), &address);
    hex_encode(address.bytes, ADDRESS_SIZE, address_text);
    if (cli_json(call)) {
        (void)printf("{\"kind\":\"%s\",\"public_key\":\"%s\",\"address\":\"%s\"}\n", kind,
                     public_text, address_text);
    } else {
        (void)printf("%s: %s key\npublic key  %s\naddress     %s\n", path, kind, public_text,
                     address_text);
    }
}

static enum exit_code run(struct cli_call *call, struct error *error, bool create)
{
    struct crypto_key *key = NULL;
    struct crypto_keyfile file = {.path = cli_argument(call, 0)};
    const char *kind = cli_text(call, "kind");
    if (!parse_kind(kind, &file.kind, error)) {
        return EXIT_CODE_USAGE;
    }
    const bool ok = create ? crypto_keyfile_create(&file, &key, error)
                           : crypto_keyfile_load(&file, &key, error);
    if (!ok) {
        return error->code;
    }
    print_key(call, file.path, kind, key);
    crypto_key_free(key);
    return EXIT_CODE_OK;
}

static enum exit_code run_new(struct cli_call *call, struct error *error)
{
    return run(call, error, true);
}

static enum exit_code run_show(struct cli_call *call, struct error *error)
{
    return run(call, error, false);
}

#define KIND_OPTION                                                                                \
    {                                                                                              \
        {"kind", "KIND", "account", "consensus, network, vrf, account or worker"},                 \
    }

const struct cli_command cli_keys_new = {.noun = "keys",
                                         .verb = "new",
                                         .arguments = "FILE",
                                         .argument_min = 1,
                                         .argument_max = 1,
                                         .help = "make a secret key; FILE must not exist",
                                         .run = run_new,
                                         .options = KIND_OPTION};
const struct cli_command cli_keys_show = {.noun = "keys",
                                          .verb = "show",
                                          .arguments = "FILE",
                                          .argument_min = 1,
                                          .argument_max = 1,
                                          .help = "print the public part of a key",
                                          .run = run_show,
                                          .options = KIND_OPTION};
