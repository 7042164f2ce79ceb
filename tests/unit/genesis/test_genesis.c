#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/hex.h"
#include "crypto/crypto.h"
#include "genesis/genesis.h"

static uint8_t buffer[GENESIS_SIZE_MAX];
static struct error error;
static char keys[8][2 * PUBLIC_KEY_SIZE + 1];

static int make_keys(void **state)
{
    (void)state;
    for (uint8_t i = 0; i < 8; i++) {
        uint8_t secret[CRYPTO_SECRET_SIZE] = {0};
        secret[31] = (uint8_t)(i + 1);
        struct crypto_key *key = crypto_key_create(secret);
        hex_encode(crypto_key_public(key)->bytes, PUBLIC_KEY_SIZE, keys[i]);
        crypto_key_free(key);
    }
    return 0;
}

static bool make(const char *text, struct bytes *out)
{
    char path[] = "/tmp/gradus-genesis-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    const bool ok = genesis_make(path, 1234, buffer, out, &error);
    unlink(path);
    return ok;
}

/* A network of one validator and two accounts; tail is appended. */
static bool make_small(const char *tail, struct bytes *out)
{
    static char text[4096];
    (void)snprintf(text, sizeof(text),
                   "[network]\nname = small\nprofile = test\nc_max_ms = 700\n"
                   "[org Alpha]\nweight = 2\nroles = all\nquota = 50\n"
                   "[org Beta]\nroles = provider worker\n"
                   "[validator 0]\nconsensus = %s\nnetwork = %s\nvrf = %s\n"
                   "account = 00112233445566778899aabbccddeeff00112233\n"
                   "[account a]\npublic_key = %s\norg = Alpha\nroles = consumer\ncredits = 7\n"
                   "[account b]\npublic_key = %s\norg = Beta\nroles = worker\n%s",
                   keys[0], keys[1], keys[2], keys[3], keys[4], tail);
    return make(text, out);
}

static void ini_becomes_genesis(void **state)
{
    (void)state;
    struct bytes bytes;
    struct genesis *genesis = NULL;
    assert_true(make_small("", &bytes));
    assert_true(genesis_decode("x", bytes, &genesis, &error));
    const struct state_genesis *s = genesis_state(genesis);
    struct hash expected;
    crypto_digest(TAG_GENESIS, bytes, &expected);
    assert_true(hash_equal(genesis_chain_id(genesis), &expected));
    assert_int_equal(s->time_ms, 1234);
    assert_int_equal(s->params.delta_0_ms, 100);
    assert_int_equal(s->params.c_max_ms, 700);
    assert_int_equal(s->org_count, 2);
    assert_int_equal(s->orgs[0].weight, 2);
    assert_int_equal(s->orgs[1].roles, ROLE_PROVIDER | ROLE_WORKER);
    assert_int_equal(s->account_count, 2);
    assert_int_equal(s->accounts[0].available, 7000000000);
    assert_int_equal(s->accounts[1].org, 1);
    assert_int_equal(genesis_validators(genesis)->count, 1);
    assert_int_equal(genesis_leader_offset(genesis), 0);
    genesis_free(genesis);
}

static void ini_mistakes_are_named(void **state)
{
    (void)state;
    const struct {
        const char *tail;
        const char *words;
    } cases[] = {
        {"credits = -1\n", "whole number"},
        {"roles = king\n", "no role is called king"},
        {"roles = consumer\n", "a role its organisation has not"},
        {"org = Gamma\n", "no organisation Gamma"},
        {"colour = red\n", "public_key, org, roles and credits"},
        {"public_key = 02\n", "hex digits"},
        {"[validator 2]\nvrf = 0\n", "numbered 0, 1"},
        {"[network]\nwhat_ms = 5\n", "no such parameter"},
        {"[network]\nprofile = test\n", "given twice"},
        {"[network]\ndelta_0_ms = 0\n", "delta_0_ms"},
        {"[thing]\na = b\n", "sections are"},
        {"nonsense\n", "not name = value"},
    };
    struct bytes bytes;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_false(make_small(cases[i].tail, &bytes));
        assert_int_equal(error.code, EXIT_CODE_BAD_GENESIS);
        if (strstr(error.detail, cases[i].words) == NULL) {
            fail_msg("case %zu: %s", i, error.detail);
        }
    }
}

/* Nine ways to give one key two purposes or two validators. */
static void a_key_has_one_purpose(void **state)
{
    (void)state;
    static const char *const names[3] = {"consensus", "network", "vrf"};
    struct bytes bytes;
    for (size_t pair = 0; pair < 9; pair++) {
        char tail[400];
        char own[3][PUBLIC_KEY_SIZE * 2 + 1];
        for (size_t i = 0; i < 3; i++) {
            memcpy(own[i], keys[pair / 3 == i ? pair % 3 : 5 + i], sizeof(own[i]));
        }
        (void)snprintf(tail, sizeof(tail), "[validator 1]\n%s = %s\n%s = %s\n%s = %s\n", names[0],
                       own[0], names[1], own[1], names[2], own[2]);
        assert_false(make_small(tail, &bytes));
        assert_int_equal(error.code, EXIT_CODE_BAD_GENESIS);
        assert_non_null(strstr(error.detail, "a key stands twice"));
    }
}

static void time_is_bounded(void **state)
{
    (void)state;
    struct bytes bytes;
    struct genesis *genesis = NULL;
    assert_true(make_small("[network]\ntime_ms = 9007199254740991\n", &bytes));
    assert_true(genesis_decode("x", bytes, &genesis, &error));
    genesis_free(genesis);
    assert_false(make_small("[network]\ntime_ms = 9007199254740992\n", &bytes));
    assert_int_equal(error.code, EXIT_CODE_BAD_GENESIS);
    assert_non_null(strstr(error.detail, "time_ms"));

    assert_true(make_small("[network]\ntime_ms = 50000\n", &bytes));
    assert_true(genesis_decode("x", bytes, &genesis, &error));
    const uint64_t drift = genesis_params(genesis)->drift_max_ms;
    assert_true(genesis_has_begun(genesis, "x", 60000, &error));
    assert_true(genesis_has_begun(genesis, "x", 50000 - drift, &error));
    assert_false(genesis_has_begun(genesis, "x", 50000 - drift - 1, &error));
    assert_int_equal(error.code, EXIT_CODE_BAD_GENESIS);
    assert_non_null(strstr(error.detail, "3 s ahead"));
    genesis_free(genesis);
}

/* A damaged file is refused, or is another valid genesis with another chain id. */
static void every_damaged_byte_is_noticed(void **state)
{
    (void)state;
    struct bytes bytes;
    assert_true(make_small("", &bytes));
    struct hash chain_id;
    crypto_digest(TAG_GENESIS, bytes, &chain_id);
    for (size_t i = 0; i < bytes.size; i++) {
        struct genesis *genesis = NULL;
        buffer[i] ^= 1;
        if (genesis_decode("x", bytes, &genesis, &error)) {
            assert_false(hash_equal(genesis_chain_id(genesis), &chain_id));
            genesis_free(genesis);
        }
        buffer[i] ^= 1;
        assert_false(genesis_decode("x", bytes_of(buffer, i), &genesis, &error));
    }
}

static void missing_file_is_one_clear_line(void **state)
{
    (void)state;
    struct genesis *genesis = NULL;
    assert_false(genesis_load("/nonexistent/genesis", &genesis, &error));
    assert_int_equal(error.code, EXIT_CODE_BAD_GENESIS);
    assert_non_null(strstr(error.detail, "/nonexistent/genesis"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ini_becomes_genesis),
        cmocka_unit_test(ini_mistakes_are_named),
        cmocka_unit_test(a_key_has_one_purpose),
        cmocka_unit_test(time_is_bounded),
        cmocka_unit_test(every_damaged_byte_is_noticed),
        cmocka_unit_test(missing_file_is_one_clear_line),
    };
    return cmocka_run_group_tests(tests, make_keys, NULL);
}
