/* sign.c - Standard Webhooks, and HMACs of requests as text. */
#include "base/sign.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define PREFIX "whsec_"
#define VERSION "v1,"
#define SIGNATURES_MAX 16   /* in one header: more is no honest change of keys */

/* ---- the keys of a secret ---- */

/* The next key of the text: a line without the blanks at its ends. */
static bool next_key(ml_str *rest, ml_str *key) {
  while (rest->n > 0) {
    const char *end = memchr(rest->p, '\n', rest->n);
    size_t n = end != NULL ? (size_t)(end - rest->p) : rest->n;

    *key = (ml_str){rest->p, n};
    rest->p += end != NULL ? n + 1 : n;
    rest->n -= end != NULL ? n + 1 : n;
    while (key->n > 0 && strchr(" \t\r", key->p[key->n - 1]) != NULL)
      key->n--;
    while (key->n > 0 && strchr(" \t", key->p[0]) != NULL) {
      key->p++;
      key->n--;
    }
    if (key->n > 0)
      return true;
  }
  return false;
}

ml_str ml_sign_first_key(ml_str secret) {
  ml_str key;

  return next_key(&secret, &key) ? key : ML_NOSTR;
}

static size_t keys_in(ml_str secret) {
  ml_str key;
  size_t n = 0;

  while (next_key(&secret, &key))
    n++;
  return n;
}

static ml_rc bad_secret(ml_err *e, const char *why) {
  return ml_err_set(e, ML_INVALID, "secret", "%s", why);
}

/* "whsec_..." -> its bytes, appended to `out`. */
static ml_rc standard_key(ml_str text, ml_buf *out, ml_err *e) {
  size_t was = out->len, prefix = sizeof PREFIX - 1;
  ml_rc rc;

  if (text.n < prefix || memcmp(text.p, PREFIX, prefix) != 0)
    return bad_secret(e, "a key of Standard Webhooks begins with '" PREFIX "'");
  rc = ml_text_base64(out, (ml_str){text.p + prefix, text.n - prefix}, false);
  if (out->bad)
    return ML_NOMEM;
  if (rc != ML_OK)
    return bad_secret(e, "after '" PREFIX "' a key is base64");
  if (out->len - was < ML_SIGN_KEY_MIN || out->len - was > ML_SIGN_KEY_MAX)
    return bad_secret(e, "a key of Standard Webhooks has 24 to 64 bytes");
  return ML_OK;
}

/* Called once a key; stops at the first result that is not ML_OK. */
typedef ml_rc each_fn(void *arg, ml_str key);

static ml_rc each_standard_key(ml_str secret, each_fn *fn, void *arg,
                               ml_err *e) {
  ml_str text;
  ml_rc rc = ML_OK;
  size_t n = keys_in(secret);

  if (n == 0)
    return bad_secret(e, "there is no key");
  if (n > ML_SIGN_KEYS_MAX)
    return bad_secret(e, "there are more than 4 keys");
  while (rc == ML_OK && next_key(&secret, &text)) {
    ml_buf key = {0};

    rc = standard_key(text, &key, e);
    if (rc == ML_OK && fn != NULL)
      rc = fn(arg, (ml_str){key.p, key.len});
    if (key.p != NULL)
      ml_crypto_wipe(key.p, key.cap);
    ml_buf_free(&key);
  }
  return rc;
}

ml_rc ml_sign_secret_check(ml_str secret, ml_err *e) {
  return each_standard_key(secret, NULL, NULL, e);
}

void ml_sign_put_secret(ml_buf *out, const uint8_t key[32]) {
  ml_buf_puts(out, PREFIX);
  ml_text_put_base64(out, (ml_str){(const char *)key, 32}, false);
}

/* ---- Standard Webhooks ---- */

bool ml_sign_is_id(ml_str id) {
  if (id.p == NULL || id.n == 0 || id.n > ML_SIGN_ID_MAX)
    return false;
  for (size_t i = 0; i < id.n; i++)
    if (id.p[i] <= ' ' || id.p[i] > '~' || id.p[i] == '.')
      return false;
  return true;
}

/* What is signed, and what is done with each key's MAC of it. */
typedef struct signing {
  ml_str parts[5];
  ml_buf *out;                   /* signing: where signatures go */
  ml_str given;                  /* verifying: the header */
  bool fits;
} signing;

static void signing_of(signing *s, ml_str id, ml_str seconds, ml_str body) {
  s->parts[0] = id;
  s->parts[1] = ML_STR(".");
  s->parts[2] = seconds;
  s->parts[3] = ML_STR(".");
  s->parts[4] = body;
}

static ml_rc sign_with(void *arg, ml_str key) {
  signing *s = arg;

  if (s->out->len > 0)
    ml_buf_putc(s->out, ' ');
  ml_buf_puts(s->out, VERSION);
  return ml_sign_mac(s->out, ML_SHA256, ML_SIGN_BASE64, key, s->parts, 5);
}

ml_rc ml_sign_standard(ml_buf *out, ml_str secret, ml_str id, int64_t at_ms,
                       ml_str body, ml_err *e) {
  char seconds[32];
  ml_buf made = {0};
  signing s = {.out = &made};
  ml_rc rc;

  if (!ml_sign_is_id(id))
    return ml_err_set(e, ML_INVALID, ML_SIGN_ID, "an id has 1 to 255 visible "
                      "ASCII characters and no full stop");
  if (at_ms < 0)
    return ml_err_set(e, ML_INVALID, ML_SIGN_TIMESTAMP, "a request cannot be "
                      "signed at a moment before 1970");
  snprintf(seconds, sizeof seconds, "%" PRId64, at_ms / 1000);
  signing_of(&s, id, ml_str_of(seconds), body);
  rc = each_standard_key(secret, sign_with, &s, e);
  if (rc == ML_OK)
    ml_buf_put(out, made.p, made.len);
  ml_buf_free(&made);
  return rc == ML_OK && out->bad ? ML_NOMEM : rc;
}

/* Does a signature of the header fit this key?  Looks at all of them. */
static ml_rc fits_key(void *arg, ml_str key) {
  signing *s = arg;
  ml_buf right = {0};
  ml_str rest = s->given;
  ml_rc rc;

  ml_buf_puts(&right, VERSION);
  rc = ml_sign_mac(&right, ML_SHA256, ML_SIGN_BASE64, key, s->parts, 5);
  while (rc == ML_OK && rest.n > 0) {
    const char *end = memchr(rest.p, ' ', rest.n);
    size_t n = end != NULL ? (size_t)(end - rest.p) : rest.n;

    s->fits |= ml_crypto_str_eq((ml_str){rest.p, n},
                                (ml_str){right.p, right.len});
    rest.p += end != NULL ? n + 1 : n;
    rest.n -= end != NULL ? n + 1 : n;
  }
  ml_buf_free(&right);
  return rc;
}

static size_t blanks_in(ml_str s) {
  size_t n = 0;

  for (size_t i = 0; i < s.n; i++)
    n += s.p[i] == ' ';
  return n;
}

ml_rc ml_sign_verify(ml_str secret, const ml_signed *got, ml_str body,
                     int64_t now_ms, int64_t *at_ms, ml_err *e) {
  signing s = {.given = got->signature};
  int64_t at;
  ml_rc rc;

  if (!ml_sign_is_id(got->id))
    return ml_err_set(e, ML_REFUSED, ML_SIGN_ID, "the id is missing or not one");
  if (!ml_sign_seconds(got->timestamp, &at))
    return ml_err_set(e, ML_REFUSED, ML_SIGN_TIMESTAMP,
                      "the timestamp is missing or not one");
  if (got->signature.n == 0 || blanks_in(got->signature) >= SIGNATURES_MAX)
    return ml_err_set(e, ML_REFUSED, ML_SIGN_SIGNATURE,
                      "the signature is missing or there are too many");
  signing_of(&s, got->id, got->timestamp, body);
  rc = each_standard_key(secret, fits_key, &s, e);
  if (rc != ML_OK)
    return rc;
  if (!s.fits)
    return ml_err_set(e, ML_REFUSED, ML_SIGN_SIGNATURE,
                      "no signature fits the secret");
  if (!ml_sign_is_now(at, now_ms))
    return ml_err_set(e, ML_REFUSED, ML_SIGN_TIMESTAMP, "signed %" PRId64
                      " s away from now; allowed are 300",
                      (at > now_ms ? at - now_ms : now_ms - at) / 1000);
  if (at_ms != NULL)
    *at_ms = at;
  return ML_OK;
}

/* A timestamp has whole seconds: one more, so that no rest of a second is
** left in which an id is forgotten and its moment still good. */
int64_t ml_sign_until(int64_t at_ms) {
  return at_ms + ML_SIGN_TOLERANCE_MS + 1000;
}

/* ---- the pieces of other schemes ---- */

bool ml_sign_seconds(ml_str text, int64_t *at_ms) {
  int64_t v = 0;

  if (text.p == NULL || text.n == 0 || text.n > 12)
    return false;
  for (size_t i = 0; i < text.n; i++) {
    if (text.p[i] < '0' || text.p[i] > '9')
      return false;
    v = v * 10 + (text.p[i] - '0');
  }
  *at_ms = v * 1000;
  return true;
}

bool ml_sign_is_now(int64_t at_ms, int64_t now_ms) {
  int64_t away = at_ms > now_ms ? at_ms - now_ms : now_ms - at_ms;

  return away <= ML_SIGN_TOLERANCE_MS;
}

ml_rc ml_sign_mac(ml_buf *out, ml_digest d, ml_sign_text as, ml_str key,
                  const ml_str *parts, size_t n) {
  uint8_t mac[ML_DIGEST_MAX];
  ml_rc rc = ml_hmac(d, key, parts, n, mac);

  if (rc != ML_OK)
    return rc;
  if (as == ML_SIGN_HEX)
    ml_text_put_hex(out, mac, ml_digest_len(d));
  else
    ml_text_put_base64(out, (ml_str){(const char *)mac, ml_digest_len(d)},
                       false);
  return out->bad ? ML_NOMEM : ML_OK;
}

/* The bytes of a written MAC; false: it is none of this length. */
static bool mac_bytes(ml_sign_text as, ml_str given, uint8_t *mac, size_t len) {
  ml_buf b = {0};
  bool good;

  if (as == ML_SIGN_HEX)
    return given.n == 2 * len && ml_text_hex(mac, len, given) == ML_OK;
  if (given.n > 2 * ML_DIGEST_MAX)
    return false;
  ml_buf_put(&b, given.p, given.n);
  while (b.len % 4 != 0)
    ml_buf_putc(&b, '=');
  {
    ml_buf bytes = {0};

    good = !b.bad
           && ml_text_base64(&bytes, (ml_str){b.p, b.len}, false) == ML_OK
           && !bytes.bad && bytes.len == len;
    if (good)
      memcpy(mac, bytes.p, len);
    ml_buf_free(&bytes);
  }
  ml_buf_free(&b);
  return good;
}

ml_rc ml_sign_mac_is(ml_digest d, ml_sign_text as, ml_str secret,
                     const ml_str *parts, size_t n, ml_str given) {
  uint8_t mac[ML_DIGEST_MAX], right[ML_DIGEST_MAX];
  bool fits = false, written;
  size_t len = ml_digest_len(d), count = keys_in(secret);
  ml_str key;

  if (count == 0 || count > ML_SIGN_KEYS_MAX)
    return ML_INVALID;
  memset(mac, 0, sizeof mac);
  written = mac_bytes(as, given, mac, len);
  while (next_key(&secret, &key)) {
    ml_rc rc = ml_hmac(d, key, parts, n, right);

    if (rc != ML_OK)
      return rc;
    fits |= ml_crypto_eq(mac, right, len);
  }
  return fits && written ? ML_OK : ML_REFUSED;
}
