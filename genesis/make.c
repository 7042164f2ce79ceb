#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ini.h>

#include "base/hex.h"
#include "genesis/genesis.h"

/* From the ini file that people write to the bytes that nodes share.  inih calls on_line
 * for each name = value; a section's first line opens its object. */

struct making {
    const char *path;
    struct error *error;
    char section[INI_MAX_LINE];
    char name[NAME_SIZE_MAX + 1];
    uint64_t time_ms;
    bool profiled;
    struct params params;
    struct org orgs[ORG_COUNT_MAX];
    uint32_t org_count;
    struct validator_set validators;
    struct account accounts[GENESIS_ACCOUNT_MAX];
    size_t account_count;
};

static const char *const role_names[] = {"validator",  "provider",  "consumer",
                                         "data_owner", "worker",    "verifier",
                                         "auditor",    "regulator", "gateway"};

static bool refuse(struct making *m, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool refuse(struct making *m, const char *format, ...)
{
    char what[200];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    return error_set(m->error, EXIT_CODE_BAD_GENESIS, "%s: [%.60s] %s", m->path, m->section, what);
}

static bool parse_number(struct making *m, const char *name, const char *text, uint64_t *out)
{
    char *end = NULL;
    errno = 0;
    const unsigned long long number = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)text[0]) || *end != '\0' || errno != 0) {
        return refuse(m, "%s: write a whole number", name);
    }
    *out = number;
    return true;
}

static bool parse_roles(struct making *m, const char *text, uint32_t *out)
{
    char copy[256];
    char *save = NULL;
    (void)snprintf(copy, sizeof(copy), "%s", text);
    *out = 0;
    for (char *word = strtok_r(copy, " ,", &save); word != NULL;
         word = strtok_r(NULL, " ,", &save)) {
        uint32_t bit = strcmp(word, "all") == 0 ? ROLE_ALL : 0;
        for (size_t i = 0; i < sizeof(role_names) / sizeof(role_names[0]); i++) {
            bit |= strcmp(word, role_names[i]) == 0 ? 1U << i : 0;
        }
        if (bit == 0) {
            return refuse(m, "roles: no role is called %.40s", word);
        }
        *out |= bit;
    }
    return true;
}

static bool parse_key(struct making *m, const char *name, const char *text, struct public_key *out)
{
    return hex_decode(text, out->bytes, PUBLIC_KEY_SIZE) ||
           refuse(m, "%s: write a public key, %d hex digits", name, 2 * PUBLIC_KEY_SIZE);
}

static bool set_param(struct making *m, const char *name, const char *value)
{
    for (uint32_t i = 0; i < record_params.field_count; i++) {
        const struct field *field = &record_params.fields[i];
        uint64_t number = 0;
        if (field->fixed_value || strcmp(field->name, name) != 0) {
            continue;
        }
        if (!parse_number(m, name, value, &number)) {
            return false;
        }
        memcpy((uint8_t *)&m->params + field->offset, &number, sizeof(number));
        return true;
    }
    return refuse(m, "%s: no such parameter", name);
}

static bool set_network(struct making *m, const char *name, const char *value)
{
    if (strcmp(name, "name") == 0) {
        const int length = snprintf(m->name, sizeof(m->name), "%s", value);
        return (length > 0 && (size_t)length < sizeof(m->name)) ||
               refuse(m, "name: 1 to %d bytes", NAME_SIZE_MAX);
    }
    if (strcmp(name, "time_ms") == 0) {
        return parse_number(m, name, value, &m->time_ms);
    }
    if (strcmp(name, "profile") == 0) {
        if (m->profiled) {
            return refuse(m, "profile: given twice");
        }
        m->profiled = true;
        return genesis_profile(value, &m->params) || refuse(m, "profile: write standard or test");
    }
    if (!m->profiled) {
        return refuse(m, "profile: must stand before the parameters it is the ground of");
    }
    return set_param(m, name, value);
}

static bool set_org(struct making *m, const char *name, const char *value)
{
    struct org *org = &m->orgs[m->org_count - 1];
    uint64_t number = 0;
    if (strcmp(name, "roles") == 0) {
        return parse_roles(m, value, &org->roles);
    }
    if (!parse_number(m, name, value, &number)) {
        return false;
    }
    if (strcmp(name, "weight") == 0 && number <= UINT32_MAX) {
        org->weight = (uint32_t)number;
        return true;
    }
    if (strcmp(name, "quota") == 0) {
        org->quota = number;
        return true;
    }
    return refuse(m, "%s: an organisation has weight, roles and quota", name);
}

static bool set_validator(struct making *m, const char *name, const char *value)
{
    struct validator *v = &m->validators.items[m->validators.count - 1];
    if (strcmp(name, "account") == 0) {
        return hex_decode(value, v->account.bytes, ADDRESS_SIZE) ||
               refuse(m, "account: write an address, %d hex digits", 2 * ADDRESS_SIZE);
    }
    struct public_key *key = strcmp(name, "consensus") == 0 ? &v->consensus
                             : strcmp(name, "network") == 0 ? &v->network
                             : strcmp(name, "vrf") == 0     ? &v->vrf
                                                            : NULL;
    return key != NULL ? parse_key(m, name, value, key)
                       : refuse(m, "%s: a validator has consensus, network, vrf and account", name);
}

static bool set_account(struct making *m, const char *name, const char *value)
{
    struct account *account = &m->accounts[m->account_count - 1];
    if (strcmp(name, "public_key") == 0) {
        return parse_key(m, name, value, &account->public_key);
    }
    if (strcmp(name, "roles") == 0) {
        return parse_roles(m, value, &account->roles);
    }
    if (strcmp(name, "credits") == 0) {
        uint64_t credits = 0;
        if (!parse_number(m, name, value, &credits)) {
            return false;
        }
        account->available = credits * UINT64_C(1000000000);
        return credits < SUPPLY_MAX / UINT64_C(1000000000) || refuse(m, "credits: too many");
    }
    if (strcmp(name, "org") != 0) {
        return refuse(m, "%s: an account has public_key, org, roles and credits", name);
    }
    for (uint32_t i = 0; i < m->org_count; i++) {
        if (strlen(value) == m->orgs[i].name_size &&
            memcmp(value, m->orgs[i].name, m->orgs[i].name_size) == 0) {
            account->org = i;
            return true;
        }
    }
    return refuse(m, "org: no organisation %.40s stands above", value);
}

static bool open_org(struct making *m, const char *name)
{
    const size_t length = strlen(name);
    if (length == 0 || length > NAME_SIZE_MAX || m->org_count == ORG_COUNT_MAX) {
        return refuse(m, "too many organisations, or a name that is empty or too long");
    }
    struct org *org = &m->orgs[m->org_count++];
    org->weight = 1;
    org->roles = ROLE_ALL;
    org->quota = 1000000;
    org->name_size = (uint32_t)length;
    memcpy(org->name, name, length);
    return true;
}

static bool open_validator(struct making *m, const char *name)
{
    char expected[16];
    (void)snprintf(expected, sizeof(expected), "%u", m->validators.count);
    if (strcmp(name, expected) != 0 || m->validators.count == VALIDATOR_COUNT_MAX) {
        return refuse(m, "validators are numbered 0, 1, ... in order, at most %d of them",
                      VALIDATOR_COUNT_MAX);
    }
    m->validators.count++;
    return true;
}

static bool open_section(struct making *m, const char *section)
{
    (void)snprintf(m->section, sizeof(m->section), "%s", section);
    if (strncmp(section, "org ", 4) == 0) {
        return open_org(m, section + 4);
    }
    if (strncmp(section, "validator ", 10) == 0) {
        return open_validator(m, section + 10);
    }
    if (strncmp(section, "account ", 8) == 0) {
        if (m->account_count == GENESIS_ACCOUNT_MAX) {
            return refuse(m, "more than %d accounts", GENESIS_ACCOUNT_MAX);
        }
        m->accounts[m->account_count++].version = RECORD_VERSION;
        return true;
    }
    return strcmp(section, "network") == 0 ||
           refuse(m, "sections are network, org NAME, validator N and account NAME");
}

static int on_line(void *user, const char *section, const char *name, const char *value)
{
    struct making *m = user;
    if (m->error->code != EXIT_CODE_OK) {
        return 0;
    }
    if (strcmp(section, m->section) != 0 && !open_section(m, section)) {
        return 0;
    }
    if (strncmp(section, "org ", 4) == 0) {
        return set_org(m, name, value);
    }
    if (strncmp(section, "validator ", 10) == 0) {
        return set_validator(m, name, value);
    }
    return strncmp(section, "account ", 8) == 0 ? set_account(m, name, value)
                                                : set_network(m, name, value);
}

static bool make(struct making *m, uint64_t now_ms, uint8_t *buffer, struct bytes *out)
{
    const int line = ini_parse(m->path, on_line, m);
    if (m->error->code != EXIT_CODE_OK) {
        return false;
    }
    if (line != 0) {
        return error_set(m->error, EXIT_CODE_BAD_GENESIS, "%s: %s", m->path,
                         line < 0 ? "cannot be read" : "a line is not name = value");
    }
    if (!m->profiled || m->name[0] == '\0') {
        return error_set(m->error, EXIT_CODE_BAD_GENESIS,
                         "%s: [network] must have name and profile", m->path);
    }
    const struct genesis_parts parts = {.name = m->name,
                                        .time_ms = m->time_ms != 0 ? m->time_ms : now_ms,
                                        .params = m->params,
                                        .orgs = m->orgs,
                                        .org_count = m->org_count,
                                        .validators = &m->validators,
                                        .accounts = m->accounts,
                                        .account_count = m->account_count};
    struct genesis *genesis = NULL;
    if (m->validators.count == 0 || !genesis_encode(&parts, buffer, out)) {
        return error_set(m->error, EXIT_CODE_BAD_GENESIS, "%s: no validators, or too large",
                         m->path);
    }
    if (!genesis_decode(m->path, *out, &genesis, m->error)) {
        return false;
    }
    genesis_free(genesis);
    return true;
}

bool genesis_make(const char *ini_path, uint64_t now_ms, uint8_t *buffer, struct bytes *out,
                  struct error *error)
{
    struct making *m = calloc(1, sizeof(*m));
    if (m == NULL) {
        return error_set(error, EXIT_CODE_FAILURE, "genesis: no memory");
    }
    m->path = ini_path;
    m->error = error;
    error->code = EXIT_CODE_OK;
    const bool ok = make(m, now_ms, buffer, out);
    free(m);
    return ok;
}
