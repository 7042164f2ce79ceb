#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/hex.h"
#include "cli/localnet.h"
#include "crypto/keyfile/keyfile.h"
#include "genesis/genesis.h"

bool localnet_path(char *out, struct error *error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int length = vsnprintf(out, LOCALNET_PATH_MAX, format, args);
    va_end(args);
    return (length > 0 && length < LOCALNET_PATH_MAX) ||
           error_set(error, EXIT_CODE_USAGE, "--dir: the path is too long");
}

static bool make_dir(const char *path, struct error *error)
{
    return mkdir(path, 0700) == 0 || errno == EEXIST ||
           error_set(error, EXIT_CODE_STORAGE, "%s: cannot be made; check that its parent exists",
                     path);
}

/* Open or make a key; public_text gets the hex of its public key. */
static bool key_file(const char *path, enum crypto_keyfile_kind kind, struct public_key *out,
                     struct error *error)
{
    const struct crypto_keyfile file = {.path = path, .kind = kind};
    struct crypto_key *key = NULL;
    const bool exists = access(path, F_OK) == 0;
    if (!(exists ? crypto_keyfile_load(&file, &key, error)
                 : crypto_keyfile_create(&file, &key, error))) {
        return false;
    }
    *out = *crypto_key_public(key);
    crypto_key_free(key);
    return true;
}

static bool write_account(FILE *ini, const struct localnet *net, const char *name, const char *rest,
                          struct error *error)
{
    char path[LOCALNET_PATH_MAX];
    char text[2 * PUBLIC_KEY_SIZE + 1];
    struct public_key key;
    if (!localnet_path(path, error, "%s/accounts/%s.key", net->dir, name) ||
        !key_file(path, CRYPTO_KEYFILE_ACCOUNT, &key, error)) {
        return false;
    }
    hex_encode(key.bytes, PUBLIC_KEY_SIZE, text);
    (void)fprintf(ini, "[account %s]\npublic_key = %s\n%s", name, text, rest);
    return true;
}

static bool write_accounts(FILE *ini, const struct localnet *net, struct error *error)
{
    char name[32];
    char rest[128];
    if (!write_account(ini, net, "consumer",
                       "org = Consumer\nroles = consumer data_owner\ncredits = 1000000\n", error)) {
        return false;
    }
    for (uint32_t i = 1; i <= net->providers; i++) {
        (void)snprintf(name, sizeof(name), "provider-%u", i);
        (void)snprintf(rest, sizeof(rest),
                       "org = Provider-%u\nroles = provider worker\ncredits = 100000\n", i);
        if (!write_account(ini, net, name, rest, error)) {
            return false;
        }
    }
    /* One more than there are seats: it may be added. */
    for (uint32_t i = 0; i <= net->validators; i++) {
        (void)snprintf(name, sizeof(name), "validator-%u", i);
        if (!write_account(ini, net, name, "org = Validators\nroles = validator\n", error)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < net->accounts; i++) {
        (void)snprintf(name, sizeof(name), "account-%04u", i);
        if (!write_account(ini, net, name, "org = Load\nroles = consumer\ncredits = 1000\n",
                           error)) {
            return false;
        }
    }
    return true;
}

static bool write_validator(FILE *ini, const struct localnet *net, uint32_t index,
                            struct error *error)
{
    static const struct {
        const char *name;
        enum crypto_keyfile_kind kind;
    } keys[] = {{"consensus", CRYPTO_KEYFILE_CONSENSUS},
                {"network", CRYPTO_KEYFILE_NETWORK},
                {"vrf", CRYPTO_KEYFILE_VRF}};
    char path[LOCALNET_PATH_MAX];
    char text[2 * PUBLIC_KEY_SIZE + 1];
    struct public_key key = {{0}};
    (void)fprintf(ini, "[validator %u]\n", index);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (!localnet_path(path, error, "%s/validator-%u/keys/%s.key", net->dir, index,
                           keys[i].name) ||
            !key_file(path, keys[i].kind, &key, error)) {
            return false;
        }
        hex_encode(key.bytes, PUBLIC_KEY_SIZE, text);
        (void)fprintf(ini, "%s = %s\n", keys[i].name, text);
    }
    struct address address;
    if (!localnet_path(path, error, "%s/accounts/validator-%u.key", net->dir, index) ||
        !key_file(path, CRYPTO_KEYFILE_ACCOUNT, &key, error)) {
        return false;
    }
    crypto_address(&key, &address);
    hex_encode(address.bytes, ADDRESS_SIZE, text);
    (void)fprintf(ini, "account = %s\n", text);
    return true;
}

static bool write_ini(const struct localnet *net, const char *path, struct error *error)
{
    FILE *ini = fopen(path, "w");
    if (ini == NULL) {
        return error_set(error, EXIT_CODE_STORAGE, "%s: cannot be written", path);
    }
    (void)fprintf(ini, "[network]\nname = localnet\nprofile = test\n"
                       "[org Consumer]\nroles = consumer data_owner\n");
    for (uint32_t i = 1; i <= net->providers; i++) {
        (void)fprintf(ini, "[org Provider-%u]\nroles = provider worker\n", i);
    }
    (void)fprintf(ini, "[org Validators]\nroles = validator\n");
    (void)fprintf(ini, "[org Load]\nroles = consumer\nquota = 1000000000\n");
    bool ok = write_accounts(ini, net, error);
    for (uint32_t i = 0; i < net->validators && ok; i++) {
        ok = write_validator(ini, net, i, error);
    }
    if (fclose(ini) != 0 && ok) {
        return error_set(error, EXIT_CODE_STORAGE, "%s: cannot be written", path);
    }
    return ok;
}

static bool write_genesis(const char *ini, const char *path, struct error *error)
{
    struct timespec now;
    struct bytes bytes;
    uint8_t *buffer = malloc(GENESIS_SIZE_MAX);
    (void)clock_gettime(CLOCK_REALTIME, &now);
    const uint64_t now_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    bool ok = buffer != NULL && genesis_make(ini, now_ms, buffer, &bytes, error);
    FILE *file = ok ? fopen(path, "wbx") : NULL;
    if (ok) {
        ok = file != NULL && fwrite(bytes.data, 1, bytes.size, file) == bytes.size;
        ok = file != NULL && fclose(file) == 0 && ok;
        if (!ok) {
            (void)error_set(error, EXIT_CODE_STORAGE, "%s: cannot be written", path);
        }
    }
    free(buffer);
    return ok;
}

static bool write_config(const struct localnet *net, uint32_t index, struct error *error)
{
    char path[LOCALNET_PATH_MAX];
    if (!localnet_path(path, error, "%s/validator-%u/node.ini", net->dir, index)) {
        return false;
    }
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        return error_set(error, EXIT_CODE_STORAGE, "%s: cannot be written", path);
    }
    (void)fprintf(file,
                  "[node]\ngenesis = ../genesis.gradus\ndata_dir = data\nkeys_dir = keys\n"
                  "listen = 127.0.0.1:%u\n[peers]\n",
                  net->base_port + index);
    for (uint32_t i = 0; i < net->validators; i++) {
        if (i != index) {
            (void)fprintf(file, "%u = 127.0.0.1:%u\n", i, net->base_port + i);
        }
    }
    return fclose(file) == 0 || error_set(error, EXIT_CODE_STORAGE, "%s: cannot be written", path);
}

static bool make_dirs(const struct localnet *net, struct error *error)
{
    char path[LOCALNET_PATH_MAX];
    if (!make_dir(net->dir, error) || !localnet_path(path, error, "%s/accounts", net->dir) ||
        !make_dir(path, error)) {
        return false;
    }
    for (uint32_t i = 0; i < net->validators; i++) {
        if (!localnet_path(path, error, "%s/validator-%u", net->dir, i) || !make_dir(path, error) ||
            !localnet_path(path, error, "%s/validator-%u/keys", net->dir, i) ||
            !make_dir(path, error)) {
            return false;
        }
    }
    return true;
}

bool localnet_create(const struct localnet *net, struct error *error)
{
    char ini[LOCALNET_PATH_MAX];
    char genesis[LOCALNET_PATH_MAX];
    if (!localnet_path(ini, error, "%s/genesis.ini", net->dir) ||
        !localnet_path(genesis, error, "%s/genesis.gradus", net->dir)) {
        return false;
    }
    if (access(genesis, F_OK) == 0) {
        return true;
    }
    if (!make_dirs(net, error) || !write_ini(net, ini, error)) {
        return false;
    }
    for (uint32_t i = 0; i < net->validators; i++) {
        if (!write_config(net, i, error)) {
            return false;
        }
    }
    return write_genesis(ini, genesis, error); /* last: its presence says that all is there */
}

uint32_t localnet_count(const char *dir)
{
    char path[LOCALNET_PATH_MAX];
    struct error error;
    uint32_t count = 0;
    while (localnet_path(path, &error, "%s/validator-%u/node.ini", dir, count) &&
           access(path, F_OK) == 0) {
        count++;
    }
    return count;
}
