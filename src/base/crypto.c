/* crypto.c - SHA-256, HMAC and AES-256-GCM, by OpenSSL's EVP. */
#include "base/crypto.h"

#include <limits.h>
#include <pthread.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/mem.h"

#define BLOCK_MAX 128   /* bytes that a digest works on at a time, at most */

/* ---- digests ---- */

struct ml_sha {
  EVP_MD_CTX *ctx;
  bool bad;
};

/* OpenSSL's own names of them, EVP_sha256() and so on, are looked up anew each
** time they are used. */
static struct {
  const char *name;
  const EVP_MD *(*by_name)(void);
  size_t len, block;             /* of the result; worked on at a time */
  const EVP_MD *md;
} digests[] = {
  [ML_SHA256] = {"SHA256", EVP_sha256, 32, 64, NULL},
  [ML_SHA1] = {"SHA1", EVP_sha1, 20, 64, NULL},
  [ML_SHA512] = {"SHA512", EVP_sha512, 64, BLOCK_MAX, NULL}};

static void find_digests(void) {
  for (size_t i = 0; i < sizeof digests / sizeof *digests; i++)
    if ((digests[i].md = EVP_MD_fetch(NULL, digests[i].name, NULL)) == NULL)
      digests[i].md = digests[i].by_name();
}

static ml_sha *open_digest(ml_digest d) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  ml_sha *h = ml_mem_zero(sizeof *h);

  if (h == NULL)
    return NULL;
  pthread_once(&once, find_digests);
  h->ctx = EVP_MD_CTX_new();
  if (h->ctx == NULL || EVP_DigestInit_ex(h->ctx, digests[d].md, NULL) != 1) {
    EVP_MD_CTX_free(h->ctx);
    ml_mem_free(h);
    return NULL;
  }
  return h;
}

ml_sha *ml_sha_open(void) {
  return open_digest(ML_SHA256);
}

void ml_sha_add(ml_sha *h, const void *p, size_t n) {
  if (h != NULL && n > 0 && EVP_DigestUpdate(h->ctx, p, n) != 1)
    h->bad = true;
}

ml_rc ml_sha_close(ml_sha *h, uint8_t out[ML_SHA256_LEN]) {
  bool good;

  if (h == NULL)
    return ML_NOMEM;
  good = !h->bad
         && (out == NULL || EVP_DigestFinal_ex(h->ctx, out, NULL) == 1);
  EVP_MD_CTX_free(h->ctx);
  ml_mem_free(h);
  return good ? ML_OK : ML_NOMEM;
}

ml_rc ml_sha256(const void *p, size_t n, uint8_t out[ML_SHA256_LEN]) {
  ml_sha *h = ml_sha_open();

  ml_sha_add(h, p, n);
  return ml_sha_close(h, out);
}

/* ---- HMAC ---- */

size_t ml_digest_len(ml_digest d) {
  return digests[d].len;
}

/* The digest over a first part and then the others. */
static ml_rc digest(ml_digest d, const void *first, size_t first_len,
                    const ml_str *parts, size_t n, uint8_t *out) {
  ml_sha *h = open_digest(d);

  ml_sha_add(h, first, first_len);
  for (size_t i = 0; i < n; i++)
    ml_sha_add(h, parts[i].p, parts[i].n);
  return ml_sha_close(h, out);
}

/* The digest over the key block, each byte XORed with `pad`, and the parts. */
static ml_rc keyed(ml_digest d, const uint8_t *block, uint8_t pad,
                   const ml_str *parts, size_t n, uint8_t *out) {
  uint8_t padded[BLOCK_MAX];
  ml_rc rc;

  for (size_t i = 0; i < digests[d].block; i++)
    padded[i] = block[i] ^ pad;
  rc = digest(d, padded, digests[d].block, parts, n, out);
  ml_crypto_wipe(padded, sizeof padded);
  return rc;
}

ml_rc ml_hmac(ml_digest d, ml_str key, const ml_str *parts, size_t n,
              uint8_t out[ML_DIGEST_MAX]) {
  uint8_t block[BLOCK_MAX] = {0}, inner[ML_DIGEST_MAX];
  ml_rc rc = ML_OK;

  if (key.n > digests[d].block)
    rc = digest(d, key.p, key.n, NULL, 0, block);
  else if (key.n > 0)
    memcpy(block, key.p, key.n);
  if (rc == ML_OK)
    rc = keyed(d, block, 0x36, parts, n, inner);
  if (rc == ML_OK) {
    ml_str part = {(const char *)inner, digests[d].len};

    rc = keyed(d, block, 0x5C, &part, 1, out);
  }
  ml_crypto_wipe(block, sizeof block);
  return rc;
}

ml_rc ml_hmac_sha256(const void *key, size_t keylen, const void *msg,
                     size_t msglen, uint8_t out[ML_SHA256_LEN]) {
  uint8_t mac[ML_DIGEST_MAX];
  ml_str part = {msg, msglen};
  ml_rc rc = ml_hmac(ML_SHA256, (ml_str){key, keylen}, &part, 1, mac);

  if (rc == ML_OK)
    memcpy(out, mac, ML_SHA256_LEN);
  return rc;
}

/* ---- comparing, wiping ---- */

bool ml_crypto_eq(const void *a, const void *b, size_t n) {
  return n == 0 || CRYPTO_memcmp(a, b, n) == 0;
}

bool ml_crypto_str_eq(ml_str a, ml_str b) {
  return a.p != NULL && b.p != NULL && a.n == b.n && ml_crypto_eq(a.p, b.p, a.n);
}

void ml_crypto_wipe(void *p, size_t n) {
  OPENSSL_cleanse(p, n);
}

/* ---- AES-256-GCM ---- */

/* A context with key, nonce and additional data in it, or NULL. */
static EVP_CIPHER_CTX *begin(bool seal, const uint8_t *key,
                             const uint8_t *nonce, ml_str more) {
  EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
  int n;

  if (c == NULL)
    return NULL;
  if (EVP_CipherInit_ex(c, EVP_aes_256_gcm(), NULL, key, nonce, seal) == 1
      && (more.n == 0
          || EVP_CipherUpdate(c, NULL, &n, (const unsigned char *)more.p,
                              (int)more.n) == 1))
    return c;
  EVP_CIPHER_CTX_free(c);
  return NULL;
}

/* OpenSSL counts in int. */
static bool too_long(ml_str a, ml_str b) {
  return a.n > INT_MAX - 64 || b.n > INT_MAX - 64;
}

ml_rc ml_aes_gcm_seal(ml_buf *out, const uint8_t key[ML_AES_KEY_LEN],
                      const uint8_t nonce[ML_AES_NONCE_LEN], ml_str more,
                      ml_str plain) {
  EVP_CIPHER_CTX *c = NULL;
  unsigned char *to;
  ml_rc rc = ML_NOMEM;
  int n = 0, rest = 0;

  if (too_long(more, plain))
    return ML_LIMIT;
  to = (unsigned char *)ml_buf_room(out, plain.n + ML_AES_TAG_LEN);
  if (to == NULL)
    goto done;
  c = begin(true, key, nonce, more);
  if (c == NULL)
    goto done;
  if (plain.n > 0
      && EVP_CipherUpdate(c, to, &n, (const unsigned char *)plain.p,
                          (int)plain.n) != 1)
    goto done;
  if (EVP_CipherFinal_ex(c, to + n, &rest) != 1
      || EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, ML_AES_TAG_LEN,
                             to + plain.n) != 1)
    goto done;
  out->len += plain.n + ML_AES_TAG_LEN;
  rc = ML_OK;
done:
  if (out->p != NULL)
    out->p[out->len] = '\0';
  EVP_CIPHER_CTX_free(c);
  return rc;
}

ml_rc ml_aes_gcm_open(ml_buf *out, const uint8_t key[ML_AES_KEY_LEN],
                      const uint8_t nonce[ML_AES_NONCE_LEN], ml_str more,
                      ml_str sealed) {
  EVP_CIPHER_CTX *c = NULL;
  uint8_t tag[ML_AES_TAG_LEN];
  unsigned char *to;
  size_t len;
  ml_rc rc = ML_NOMEM;
  int n = 0, rest = 0;

  if (sealed.n < ML_AES_TAG_LEN)
    return ML_CORRUPT;
  if (too_long(more, sealed))
    return ML_LIMIT;
  len = sealed.n - ML_AES_TAG_LEN;
  memcpy(tag, sealed.p + len, sizeof tag);
  to = (unsigned char *)ml_buf_room(out, len);
  if (to == NULL)
    goto done;
  c = begin(false, key, nonce, more);
  if (c == NULL
      || EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, sizeof tag, tag) != 1)
    goto done;
  if (len > 0
      && EVP_CipherUpdate(c, to, &n, (const unsigned char *)sealed.p,
                          (int)len) != 1)
    goto done;
  if (EVP_CipherFinal_ex(c, to + n, &rest) != 1) {
    ml_crypto_wipe(to, len);   /* bytes of no proven origin */
    rc = ML_CORRUPT;
    goto done;
  }
  out->len += len;
  rc = ML_OK;
done:
  if (out->p != NULL)
    out->p[out->len] = '\0';
  EVP_CIPHER_CTX_free(c);
  return rc;
}
