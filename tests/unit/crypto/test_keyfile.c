#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "crypto/keyfile/keyfile.h"

static char directory[64];
static char path[96];

static int make_directory(void **state)
{
    (void)state;
    (void)snprintf(directory, sizeof directory, "/tmp/gradus-test-keyfile-XXXXXX");
    assert_non_null(mkdtemp(directory));
    (void)snprintf(path, sizeof path, "%s/key", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    return rmdir(directory);
}

static int remove_file(void **state)
{
    (void)state;
    (void)unlink(path);
    return 0;
}

static struct crypto_keyfile file_of(enum crypto_keyfile_kind kind, const char *passphrase)
{
    return (struct crypto_keyfile){.path = path, .kind = kind, .passphrase = passphrase};
}

/* Loading must fail with BAD_KEY and one line that names the file and holds the phrase. */
static void assert_refused(struct crypto_keyfile file, const char *phrase)
{
    struct crypto_key *key = NULL;
    struct error error = {0};
    assert_false(crypto_keyfile_load(&file, &key, &error));
    assert_null(key);
    assert_int_equal(error.code, EXIT_CODE_BAD_KEY);
    assert_non_null(strstr(error.detail, path));
    assert_null(strchr(error.detail, '\n'));
    if (strstr(error.detail, phrase) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", error.detail, phrase);
    }
}

static size_t read_raw(uint8_t *out, size_t size)
{
    const int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    const ssize_t count = read(fd, out, size);
    assert_true(count >= 0);
    assert_int_equal(close(fd), 0);
    return (size_t)count;
}

static void write_raw(const uint8_t *data, size_t size)
{
    (void)unlink(path);
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, size), size);
    assert_int_equal(close(fd), 0);
}

static void create_then_load(const char *passphrase, size_t expected_size)
{
    const struct crypto_keyfile file = file_of(CRYPTO_KEYFILE_CONSENSUS, passphrase);
    struct crypto_key *made = NULL;
    struct crypto_key *loaded = NULL;
    struct error error = {0};
    assert_true(crypto_keyfile_create(&file, &made, &error));
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(status.st_size, expected_size);
    assert_true(crypto_keyfile_load(&file, &loaded, &error));
    assert_true(public_key_equal(crypto_key_public(made), crypto_key_public(loaded)));
    crypto_key_free(made);
    crypto_key_free(loaded);
}

static void plain_key_comes_back(void **state)
{
    (void)state;
    create_then_load(NULL, CRYPTO_KEYFILE_PLAIN_SIZE);
}

static void sealed_key_comes_back(void **state)
{
    (void)state;
    create_then_load("correct horse", CRYPTO_KEYFILE_SEALED_SIZE);
    assert_refused(file_of(CRYPTO_KEYFILE_CONSENSUS, "Correct horse"), "wrong passphrase");
    assert_refused(file_of(CRYPTO_KEYFILE_CONSENSUS, NULL), "is encrypted");
    assert_refused(file_of(CRYPTO_KEYFILE_VRF, "correct horse"), "another purpose");
}

static void plain_file_takes_no_passphrase(void **state)
{
    (void)state;
    create_then_load(NULL, CRYPTO_KEYFILE_PLAIN_SIZE);
    assert_refused(file_of(CRYPTO_KEYFILE_CONSENSUS, "x"), "not encrypted");
}

/* The plain format is frozen; checksum from Python's hashlib. */
static void plain_bytes_are_golden(void **state)
{
    (void)state;
    uint8_t secret[CRYPTO_SECRET_SIZE];
    memset(secret, 0x11, sizeof secret);
    struct error error = {0};
    const struct crypto_keyfile file = file_of(CRYPTO_KEYFILE_TUNNEL, NULL);
    assert_true(crypto_keyfile_write(&file, secret, &error));
    uint8_t data[CRYPTO_KEYFILE_PLAIN_SIZE + 1];
    assert_int_equal(read_raw(data, sizeof data), CRYPTO_KEYFILE_PLAIN_SIZE);
    assert_memory_equal(data, "gradusky\1\6", 10);
    assert_memory_equal(data + 10, secret, sizeof secret);
    const uint8_t checksum[] = {0xb2, 0x8a, 0x40, 0x24, 0x71, 0x48, 0x92, 0x31, 0x05, 0x88, 0x9d,
                                0x09, 0x47, 0x92, 0xec, 0x35, 0x70, 0xfe, 0x6e, 0x52, 0x74, 0xe2,
                                0x11, 0x5b, 0x16, 0x8a, 0xe3, 0x9a, 0xd5, 0x9b, 0x36, 0xe5};
    assert_memory_equal(data + 42, checksum, sizeof checksum);
    uint8_t back[CRYPTO_SECRET_SIZE];
    assert_true(crypto_keyfile_read(&file, back, &error));
    assert_memory_equal(back, secret, sizeof back);
}

static void existing_file_is_kept(void **state)
{
    (void)state;
    const struct crypto_keyfile file = file_of(CRYPTO_KEYFILE_ACCOUNT, NULL);
    struct crypto_key *key = NULL;
    struct crypto_key *second = NULL;
    struct error error = {0};
    assert_true(crypto_keyfile_create(&file, &key, &error));
    assert_false(crypto_keyfile_create(&file, &second, &error));
    assert_null(second);
    assert_int_equal(error.code, EXIT_CODE_BAD_KEY);
    assert_non_null(strstr(error.detail, "exists already"));
    assert_true(crypto_keyfile_load(&file, &second, &error));
    assert_true(public_key_equal(crypto_key_public(key), crypto_key_public(second)));
    crypto_key_free(key);
    crypto_key_free(second);
}

static void any_bit_for_others_is_refused(void **state)
{
    (void)state;
    create_then_load(NULL, CRYPTO_KEYFILE_PLAIN_SIZE);
    for (mode_t bit = 1; bit <= 040; bit <<= 1) {
        assert_int_equal(chmod(path, 0600 | bit), 0);
        assert_refused(file_of(CRYPTO_KEYFILE_CONSENSUS, NULL), "chmod 600");
    }
    assert_int_equal(chmod(path, 0400), 0);
    struct crypto_key *key = NULL;
    struct error error = {0};
    const struct crypto_keyfile file = file_of(CRYPTO_KEYFILE_CONSENSUS, NULL);
    assert_true(crypto_keyfile_load(&file, &key, &error));
    crypto_key_free(key);
}

static void every_flipped_byte_is_refused(void **state)
{
    (void)state;
    create_then_load(NULL, CRYPTO_KEYFILE_PLAIN_SIZE);
    uint8_t data[CRYPTO_KEYFILE_PLAIN_SIZE];
    assert_int_equal(read_raw(data, sizeof data), sizeof data);
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] ^= 0x20;
        write_raw(data, sizeof data);
        data[i] ^= 0x20;
        assert_refused(file_of(CRYPTO_KEYFILE_CONSENSUS, NULL), i < 8    ? "not a key file"
                                                                : i == 8 ? "newer version"
                                                                         : "checksum");
    }
}

static void every_other_length_is_refused(void **state)
{
    (void)state;
    create_then_load(NULL, CRYPTO_KEYFILE_PLAIN_SIZE);
    uint8_t data[CRYPTO_KEYFILE_SEALED_SIZE + 10] = {0};
    assert_int_equal(read_raw(data, sizeof data), CRYPTO_KEYFILE_PLAIN_SIZE);
    for (size_t size = 0; size <= sizeof data; size++) {
        if (size != CRYPTO_KEYFILE_PLAIN_SIZE) {
            write_raw(data, size);
            assert_refused(file_of(CRYPTO_KEYFILE_CONSENSUS, NULL),
                           size < 10 ? "not a key file" : "wrong length");
        }
    }
}

static void longer_sealed_file_is_refused(void **state)
{
    (void)state;
    create_then_load("p", CRYPTO_KEYFILE_SEALED_SIZE);
    uint8_t data[CRYPTO_KEYFILE_SEALED_SIZE + 1] = {0};
    assert_int_equal(read_raw(data, sizeof data), CRYPTO_KEYFILE_SEALED_SIZE);
    write_raw(data, sizeof data);
    assert_refused(file_of(CRYPTO_KEYFILE_CONSENSUS, "p"), "wrong length");
}

static void put_checksum(uint8_t *data, size_t size)
{
    struct hash checksum;
    crypto_digest(TAG_KEY_FILE, bytes_of(data, size - HASH_SIZE), &checksum);
    memcpy(data + size - HASH_SIZE, checksum.bytes, HASH_SIZE);
}

/* A file may not make us work or allocate without bound. */
static void unreasonable_parameters_are_refused(void **state)
{
    (void)state;
    create_then_load("p", CRYPTO_KEYFILE_SEALED_SIZE);
    uint8_t original[CRYPTO_KEYFILE_SEALED_SIZE];
    assert_int_equal(read_raw(original, sizeof original), sizeof original);
    const uint8_t values[][8] = {
        {0, 0, 0, 0, 0, 0, 1, 0}, {17, 0, 0, 0, 0, 0, 1, 0}, {3, 0, 0, 1, 0, 0, 1, 0},
        {3, 0, 0, 0, 7, 0, 0, 0}, {3, 0, 0, 0, 1, 0, 16, 0}, {3, 0, 0, 0, 255, 255, 255, 255},
    };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        uint8_t data[sizeof original];
        memcpy(data, original, sizeof data);
        memcpy(data + 10, values[i], 8);
        put_checksum(data, sizeof data);
        write_raw(data, sizeof data);
        assert_refused(file_of(CRYPTO_KEYFILE_CONSENSUS, "p"), "out of range");
    }
    original[60] ^= 1; /* sealed secret, checksum made right again */
    put_checksum(original, sizeof original);
    write_raw(original, sizeof original);
    assert_refused(file_of(CRYPTO_KEYFILE_CONSENSUS, "p"), "wrong passphrase");
}

static void invalid_secret_is_refused(void **state)
{
    (void)state;
    const uint8_t zero[CRYPTO_SECRET_SIZE] = {0};
    const struct crypto_keyfile file = file_of(CRYPTO_KEYFILE_CONSENSUS, NULL);
    struct error error = {0};
    assert_true(crypto_keyfile_write(&file, zero, &error));
    assert_refused(file, "no key of the curve");
}

static void other_things_are_refused(void **state)
{
    (void)state;
    assert_refused(file_of(CRYPTO_KEYFILE_CONSENSUS, NULL), "No such file");
    assert_int_equal(mkdir(path, 0700), 0);
    assert_refused(file_of(CRYPTO_KEYFILE_CONSENSUS, NULL), "not a regular file");
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_refused(file_of(CRYPTO_KEYFILE_CONSENSUS, NULL), "not a regular file");
}

static void files_that_cannot_be_made(void **state)
{
    (void)state;
    struct crypto_key *key = NULL;
    struct error error = {0};
    struct crypto_keyfile file = file_of(CRYPTO_KEYFILE_CONSENSUS, "");
    assert_false(crypto_keyfile_create(&file, &key, &error));
    assert_non_null(strstr(error.detail, "passphrase is empty"));
    assert_int_not_equal(access(path, F_OK), 0);

    char missing[128];
    (void)snprintf(missing, sizeof missing, "%s/missing/key", directory);
    file = (struct crypto_keyfile){.path = missing, .kind = CRYPTO_KEYFILE_VRF};
    assert_false(crypto_keyfile_create(&file, &key, &error));
    assert_int_equal(error.code, EXIT_CODE_STORAGE);
    assert_non_null(strstr(error.detail, "vrf key file"));

    char endless[5000];
    memset(endless, 'x', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    file.path = endless;
    assert_false(crypto_keyfile_create(&file, &key, &error));
    assert_int_equal(error.code, EXIT_CODE_BAD_KEY);
    assert_null(key);
}

static void kinds_have_names(void **state)
{
    (void)state;
    assert_string_equal(crypto_keyfile_kind_name(CRYPTO_KEYFILE_CONSENSUS), "consensus");
    assert_string_equal(crypto_keyfile_kind_name(CRYPTO_KEYFILE_TUNNEL), "tunnel");
    assert_string_equal(crypto_keyfile_kind_name(0), "unknown");
    assert_string_equal(crypto_keyfile_kind_name(7), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(plain_key_comes_back, remove_file),
        cmocka_unit_test_teardown(sealed_key_comes_back, remove_file),
        cmocka_unit_test_teardown(plain_file_takes_no_passphrase, remove_file),
        cmocka_unit_test_teardown(plain_bytes_are_golden, remove_file),
        cmocka_unit_test_teardown(existing_file_is_kept, remove_file),
        cmocka_unit_test_teardown(any_bit_for_others_is_refused, remove_file),
        cmocka_unit_test_teardown(every_flipped_byte_is_refused, remove_file),
        cmocka_unit_test_teardown(every_other_length_is_refused, remove_file),
        cmocka_unit_test_teardown(longer_sealed_file_is_refused, remove_file),
        cmocka_unit_test_teardown(unreasonable_parameters_are_refused, remove_file),
        cmocka_unit_test_teardown(invalid_secret_is_refused, remove_file),
        cmocka_unit_test_teardown(other_things_are_refused, remove_file),
        cmocka_unit_test_teardown(files_that_cannot_be_made, remove_file),
        cmocka_unit_test(kinds_have_names),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
