/*
** sign.h - requests that carry a proof of who sent them.
**
** Two things.  The published Standard Webhooks scheme, whole: an id, a
** moment and signatures ride in three headers
**   webhook-id         names the message, the same at each repeat
**   webhook-timestamp  seconds since 1970, of this attempt
**   webhook-signature  "v1,<base64>" of HMAC-SHA256 over id.timestamp.body;
**                      several, a blank between them, while keys change
** And the pieces other senders' own schemes are made of: an HMAC over parts
** of the request, written as hex or base64.
**
** Body means the bytes as they were sent.  Signatures are compared in
** constant time, every key with every signature, whichever fits first.
** A refusal says nothing of the key.
*/
#ifndef ML_BASE_SIGN_H
#define ML_BASE_SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/pack.h"
#include "base/rc.h"

#define ML_SIGN_ID "webhook-id"
#define ML_SIGN_TIMESTAMP "webhook-timestamp"
#define ML_SIGN_SIGNATURE "webhook-signature"
#define ML_SIGN_TOLERANCE_MS (5 * 60 * 1000)   /* early as well as late */
#define ML_SIGN_KEYS_MAX 4        /* keys in force at a time */
#define ML_SIGN_KEY_MAX 64        /* bytes of a standard key; at least 24 */
#define ML_SIGN_KEY_MIN 24
#define ML_SIGN_ID_MAX 255

/*
** A secret is one text: a key a line, the one to sign with first, so that a
** key can be changed without a gap.  At most ML_SIGN_KEYS_MAX.
*/

/* The one to sign with; none when there is none. */
ml_str ml_sign_first_key(ml_str secret);

/* ---- Standard Webhooks ---- */

/* Is it a secret of the scheme, each line "whsec_<base64 of 24 to 64 bytes>"?
** ML_INVALID with a sentence that does not show it. */
ml_rc ml_sign_secret_check(ml_str secret, ml_err *e);

/* Append a new key's text; its bytes are 32 and the caller's (random). */
void ml_sign_put_secret(ml_buf *out, const uint8_t key[32]);

/* May it be a webhook-id: 1 to 255 visible ASCII characters, no full stop
** (it parts the signed text)? */
bool ml_sign_is_id(ml_str id);

/*
** Append the value of webhook-signature: a "v1,..." for each key of the
** secret.  The timestamp header is at_ms / 1000 in decimal digits; the body
** is sent exactly as it was signed.  ML_INVALID: secret, id or moment.
*/
ml_rc ml_sign_standard(ml_buf *out, ml_str secret, ml_str id, int64_t at_ms,
                       ml_str body, ml_err *e);

/* The three headers of a request as they came; none where one is missing. */
typedef struct ml_signed {
  ml_str id, timestamp, signature;
} ml_signed;

/*
** Is it from whoever holds the secret, and of now?  ML_OK: *at_ms (NULL
** allowed) is the moment it was signed at; keep its id until
** ml_sign_until(at_ms) and refuse it a second time.
** ML_REFUSED: not so; e->at names the header, e->text is for the log (the
** sender gets no detail).  ML_INVALID: the secret cannot be used (e->at is
** "secret").  ML_NOMEM.
*/
ml_rc ml_sign_verify(ml_str secret, const ml_signed *got, ml_str body,
                     int64_t now_ms, int64_t *at_ms, ml_err *e);

/* From then on a request signed at at_ms is too old by itself. */
int64_t ml_sign_until(int64_t at_ms);

/* ---- the pieces of other schemes ---- */

/* "1614265330" -> ms; at most 12 digits and nothing else. */
bool ml_sign_seconds(ml_str text, int64_t *at_ms);
bool ml_sign_is_now(int64_t at_ms, int64_t now_ms);   /* within the tolerance */

typedef enum ml_sign_text { ML_SIGN_HEX, ML_SIGN_BASE64 } ml_sign_text;

/* Append the HMAC of the parts, one after the other, as text. */
ml_rc ml_sign_mac(ml_buf *out, ml_digest d, ml_sign_text as, ml_str key,
                  const ml_str *parts, size_t n);

/* Is `given` (hex in any case; base64 with or without padding) that HMAC
** under one of the secret's keys?  ML_OK, ML_REFUSED, ML_INVALID (the secret
** is empty or has too many keys), ML_NOMEM. */
ml_rc ml_sign_mac_is(ml_digest d, ml_sign_text as, ml_str secret,
                     const ml_str *parts, size_t n, ml_str given);

#endif
