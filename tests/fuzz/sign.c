/* sign.c - what a stranger sends as a proof, and the texts of a definition
** about it: rates, durations, schemes.  Lines: id, timestamp, signature, then
** the body. */
#include <string.h>

#include "base/text.h"
#include "fuzz.h"
#include "model/hook.h"

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

static ml_str line(ml_str *rest) {
  const char *end = rest->n > 0 ? memchr(rest->p, '\n', rest->n) : NULL;
  ml_str s = {rest->p, end != NULL ? (size_t)(end - rest->p) : rest->n};

  rest->p += end != NULL ? s.n + 1 : s.n;
  rest->n -= end != NULL ? s.n + 1 : s.n;
  return s;
}

/* Nothing but the right MAC is let in; that one is. */
static void proofs(ml_str rest) {
  ml_signed got;
  ml_buf b = {0};
  ml_err e = {0};
  int64_t at = 0;
  ml_rc rc;

  got.id = line(&rest);
  got.timestamp = line(&rest);
  got.signature = line(&rest);
  rc = ml_sign_verify(ML_STR(SECRET), &got, rest, 1614265330000, &at, &e);
  HOLDS(rc == ML_OK || rc == ML_REFUSED);
  HOLDS(rc == ML_OK || e.text[0] != '\0');
  if (ml_sign_is_id(got.id)) {
    HOLDS(ml_sign_standard(&b, ML_STR(SECRET), got.id, 1614265330000, rest, &e)
          == ML_OK);
    HOLDS(rc != ML_OK || memmem(got.signature.p, got.signature.n, b.p, b.len)
                             != NULL
          || !ml_str_is(got.timestamp, "1614265330"));
    got.timestamp = ML_STR("1614265330");
    got.signature = (ml_str){b.p, b.len};
    HOLDS(ml_sign_verify(ML_STR(SECRET), &got, rest, 1614265330000, &at, &e)
          == ML_OK);
  }
  ml_buf_free(&b);
}

static void macs(ml_str s) {
  ml_str given = line(&s);

  for (int d = 0; d < 3; d++)
    for (int as = 0; as < 2; as++) {
      ml_buf b = {0};

      HOLDS(ml_sign_mac_is((ml_digest)d, (ml_sign_text)as, ML_STR("key"), &s, 1,
                           given) == ML_REFUSED || given.n >= 26);
      HOLDS(ml_sign_mac(&b, (ml_digest)d, (ml_sign_text)as, ML_STR("key"), &s, 1)
            == ML_OK);
      HOLDS(ml_sign_mac_is((ml_digest)d, (ml_sign_text)as, ML_STR("key"), &s, 1,
                           (ml_str){b.p, b.len}) == ML_OK);
      ml_buf_free(&b);
    }
}

static void words(ml_str s) {
  ml_str rest = s, text;
  ml_signed_kind kind;
  size_t sum = 0;
  ml_rate rate;
  ml_err e = {0};
  int64_t ms;

  if (ml_rate_parse(s, &rate) == ML_OK) {
    ml_bucket b = {0};

    HOLDS(rate.n > 0 && rate.n <= ML_RATE_MAX && rate.burst == rate.n);
    HOLDS(ml_bucket_take(&b, &rate, 1, NULL));
  }
  while (ml_verify_piece(&rest, &kind, &text))
    sum += text.n;
  HOLDS(sum == s.n);
  if (ml_sign_secret_check(s, &e) != ML_OK)
    HOLDS(e.text[0] != '\0');
  if (ml_sign_seconds(s, &ms))
    HOLDS(ms >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  ml_str s = {(const char *)data, n};

  words(s);
  macs(s);
  proofs(s);
  return 0;
}
