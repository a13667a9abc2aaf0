/* tls.c - OpenSSL between two memory buffers. */
#include "tls.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"

enum { DAY_S = 86400, HOUR_S = 3600 };

struct sc_tls {
  SSL_CTX *ctx;
  X509 *cert;
};

struct sc_tls_link {
  SSL *ssl;
  BIO *in, *out;                 /* the link's */
};

/* ---- the certificate ---- */

static bool name_it(X509 *x, const char *host) {
  X509_NAME *name = X509_get_subject_name(x);
  char list[200];
  X509_EXTENSION *names;
  bool ok;

  snprintf(list, sizeof list, "%s%s", host != NULL ? "DNS:" : "",
           host != NULL ? host : "IP:127.0.0.1,IP:::1,DNS:localhost");
  names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, list);
  ok = names != NULL && X509_add_ext(x, names, -1) == 1 &&
       X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                  (const unsigned char *)"smtp-capture", -1, -1,
                                  0) == 1 &&
       X509_set_issuer_name(x, name) == 1;
  X509_EXTENSION_free(names);
  return ok;
}

static X509 *certificate(EVP_PKEY *key, const char *host) {
  X509 *x = X509_new();

  if (x != NULL && X509_set_version(x, 2) == 1 &&
      ASN1_INTEGER_set(X509_get_serialNumber(x), 1) == 1 &&
      X509_gmtime_adj(X509_getm_notBefore(x), -HOUR_S) != NULL &&
      X509_gmtime_adj(X509_getm_notAfter(x), DAY_S) != NULL &&
      X509_set_pubkey(x, key) == 1 && name_it(x, host) &&
      X509_sign(x, key, EVP_sha256()) > 0)
    return x;
  X509_free(x);
  return NULL;
}

sc_tls *sc_tls_new(const char *host) {
  sc_tls *t = ml_mem_zero(sizeof *t);
  EVP_PKEY *key = EVP_EC_gen("P-256");

  if (t != NULL && key != NULL) {
    t->cert = certificate(key, host);
    t->ctx = SSL_CTX_new(TLS_server_method());
  }
  if (t != NULL && t->cert != NULL && t->ctx != NULL &&
      SSL_CTX_use_certificate(t->ctx, t->cert) == 1 &&
      SSL_CTX_use_PrivateKey(t->ctx, key) == 1) {
    EVP_PKEY_free(key);
    return t;
  }
  EVP_PKEY_free(key);
  sc_tls_free(t);
  return NULL;
}

void sc_tls_free(sc_tls *t) {
  if (t == NULL)
    return;
  SSL_CTX_free(t->ctx);
  X509_free(t->cert);
  ml_mem_free(t);
}

bool sc_tls_save(const sc_tls *t, const char *path) {
  BIO *file = BIO_new_file(path, "w");
  bool ok = file != NULL && PEM_write_bio_X509(file, t->cert) == 1 &&
            BIO_flush(file) == 1;

  BIO_free(file);
  return ok;
}

/* ---- a connection ---- */

sc_tls_link *sc_tls_open(sc_tls *t) {
  sc_tls_link *k = ml_mem_zero(sizeof *k);

  if (k == NULL)
    return NULL;
  k->ssl = SSL_new(t->ctx);
  k->in = BIO_new(BIO_s_mem());
  k->out = BIO_new(BIO_s_mem());
  if (k->ssl == NULL || k->in == NULL || k->out == NULL) {
    SSL_free(k->ssl);
    BIO_free(k->in);
    BIO_free(k->out);
    ml_mem_free(k);
    return NULL;
  }
  SSL_set_bio(k->ssl, k->in, k->out);   /* they are its own now */
  SSL_set_accept_state(k->ssl);
  return k;
}

void sc_tls_close(sc_tls_link *k) {
  if (k == NULL)
    return;
  SSL_free(k->ssl);
  ml_mem_free(k);
}

static void drain(sc_tls_link *k, ml_buf *out) {
  char bytes[4096];
  int n;

  while ((n = BIO_read(k->out, bytes, sizeof bytes)) > 0)
    ml_buf_put(out, bytes, (size_t)n);
}

bool sc_tls_is_up(const sc_tls_link *k) {
  return SSL_is_init_finished(k->ssl) == 1;
}

bool sc_tls_take(sc_tls_link *k, const char *bytes, size_t n, ml_buf *plain,
                 ml_buf *out) {
  char text[4096];
  int got, why;

  ERR_clear_error();
  if (n > 0 && BIO_write(k->in, bytes, (int)n) != (int)n)
    return false;
  while ((got = SSL_read(k->ssl, text, sizeof text)) > 0)
    ml_buf_put(plain, text, (size_t)got);
  why = SSL_get_error(k->ssl, got);
  drain(k, out);
  return why == SSL_ERROR_WANT_READ && !plain->bad && !out->bad;
}

bool sc_tls_say(sc_tls_link *k, const char *text, size_t n, ml_buf *out) {
  ERR_clear_error();
  if (SSL_write(k->ssl, text, (int)n) != (int)n)
    return false;
  drain(k, out);
  return !out->bad;
}
