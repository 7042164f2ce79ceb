#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/tls/tls.h"

static void test_identity(void **state)
{
    (void)state;
    struct crypto_tls_identity first;
    struct crypto_tls_identity second;
    assert_true(crypto_tls_identity_make(&first));
    assert_true(crypto_tls_identity_make(&second));
    assert_non_null(strstr(first.certificate, "-----BEGIN CERTIFICATE-----"));
    assert_non_null(strstr(first.certificate, "-----END CERTIFICATE-----"));
    assert_non_null(strstr(first.key, "-----BEGIN PRIVATE KEY-----"));
    assert_string_not_equal(first.key, second.key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_identity)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
