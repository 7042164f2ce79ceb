#include "crypto/tls/tls.h"

#include <string.h>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

static bool subject_set(X509 *certificate)
{
    X509_NAME *name = X509_get_subject_name(certificate); /* owned by the certificate */
    return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"gradus", -1,
                                      -1, 0) == 1 &&
           X509_set_issuer_name(certificate, name) == 1;
}

static bool validity_set(X509 *certificate)
{
    return ASN1_TIME_set_string_X509(X509_getm_notBefore(certificate), "19700101000000Z") == 1 &&
           ASN1_TIME_set_string_X509(X509_getm_notAfter(certificate), "99991231235959Z") == 1;
}

static X509 *certificate_make(EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    if (certificate == NULL) {
        return NULL;
    }
    bool ok = X509_set_version(certificate, X509_VERSION_3) == 1 &&
              ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) == 1 &&
              validity_set(certificate) && subject_set(certificate) &&
              X509_set_pubkey(certificate, key) == 1 &&
              X509_sign(certificate, key, EVP_sha256()) != 0;
    if (!ok) {
        X509_free(certificate);
        return NULL;
    }
    return certificate;
}

/* The text of a memory BIO as a C string. */
static bool text_copy(BIO *bio, char *out, size_t capacity)
{
    char *text = NULL;
    long size = BIO_get_mem_data(bio, &text);
    if (size <= 0 || (size_t)size >= capacity) {
        return false;
    }
    memcpy(out, text, (size_t)size);
    out[size] = '\0';
    return true;
}

static bool identity_write(EVP_PKEY *key, X509 *certificate, struct crypto_tls_identity *out)
{
    BIO *text = BIO_new(BIO_s_mem());
    BIO *secret = BIO_new(BIO_s_secmem());
    bool ok = text != NULL && secret != NULL && PEM_write_bio_X509(text, certificate) == 1 &&
              PEM_write_bio_PrivateKey(secret, key, NULL, NULL, 0, NULL, NULL) == 1 &&
              text_copy(text, out->certificate, sizeof out->certificate) &&
              text_copy(secret, out->key, sizeof out->key);
    (void)BIO_free(text);
    (void)BIO_free(secret);
    return ok;
}

bool crypto_tls_identity_make(struct crypto_tls_identity *out)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    if (key == NULL) {
        return false;
    }
    X509 *certificate = certificate_make(key);
    bool ok = certificate != NULL && identity_write(key, certificate, out);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return ok;
}
