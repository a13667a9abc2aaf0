/*
** crypto.h - digests, signatures and sealing.  The one place that knows
** OpenSSL; everybody else sees bytes.
**
** A key, a token or a signature is compared with ml_crypto_eq only: memcmp
** tells by its time how many bytes were right.
*/
#ifndef ML_BASE_CRYPTO_H
#define ML_BASE_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/pack.h"
#include "base/rc.h"

#define ML_SHA256_LEN 32
#define ML_AES_KEY_LEN 32
#define ML_AES_NONCE_LEN 12
#define ML_AES_TAG_LEN 16

/* SHA-256 of n bytes.  ML_NOMEM when the library cannot work. */
ml_rc ml_sha256(const void *p, size_t n, uint8_t out[ML_SHA256_LEN]);

/*
** The same in pieces.  _open gives NULL when memory is short; _add after
** that, or after a failure, does nothing; _close frees and says how it went
** (NULL is allowed: ML_NOMEM), so a caller may ask once, at the end:
**   ml_sha *h = ml_sha_open();
**   ml_sha_add(h, p, n); ...
**   rc = ml_sha_close(h, out);
** `out` may be NULL, to give up.
*/
typedef struct ml_sha ml_sha;
ml_sha *ml_sha_open(void);
void ml_sha_add(ml_sha *h, const void *p, size_t n);
ml_rc ml_sha_close(ml_sha *h, uint8_t out[ML_SHA256_LEN]);

/* HMAC-SHA-256 (RFC 2104).  The key may have any length, also 0. */
ml_rc ml_hmac_sha256(const void *key, size_t keylen, const void *msg,
                     size_t msglen, uint8_t out[ML_SHA256_LEN]);

/* The same with another digest, over parts one after the other; `out` takes
** ml_digest_len(d) bytes. */
typedef enum ml_digest { ML_SHA256, ML_SHA1, ML_SHA512 } ml_digest;
#define ML_DIGEST_MAX 64
size_t ml_digest_len(ml_digest d);
ml_rc ml_hmac(ml_digest d, ml_str key, const ml_str *parts, size_t n,
              uint8_t out[ML_DIGEST_MAX]);

/* Equal?  Takes the same time wherever the first difference is. */
bool ml_crypto_eq(const void *a, const void *b, size_t n);
/* Of texts: lengths may differ, and that may be told by the time.  None
** equals nothing, not even none: a missing secret opens nothing. */
bool ml_crypto_str_eq(ml_str a, ml_str b);

/* Overwrite a secret so that no compiler leaves it out. */
void ml_crypto_wipe(void *p, size_t n);

/*
** AES-256-GCM.  Seal appends the encrypted bytes and then the 16 bytes of
** the tag to `out`; open takes both, as they were appended.  `more` is
** additional data: not in the result, but open needs the same (what the
** sealed bytes belong to, so that they open nowhere else).  The nonce is
** the caller's to store, and NEVER used twice with one key: a random one
** each time will do for 2^32 seals.
**
** Open: ML_CORRUPT when key, nonce, `more` or a byte is not what it was;
** then nothing was appended.  Both: ML_NOMEM; ML_LIMIT beyond 2 GiB.
*/
ml_rc ml_aes_gcm_seal(ml_buf *out, const uint8_t key[ML_AES_KEY_LEN],
                      const uint8_t nonce[ML_AES_NONCE_LEN], ml_str more,
                      ml_str plain);
ml_rc ml_aes_gcm_open(ml_buf *out, const uint8_t key[ML_AES_KEY_LEN],
                      const uint8_t nonce[ML_AES_NONCE_LEN], ml_str more,
                      ml_str sealed);

#endif
