/* hook.c - the schemes by which senders sign, and what each signs. */
#include "model/hook.h"

#include <string.h>

static const struct {
  const char *name;
  ml_verify v;
} schemes[] = {
  {"standard", {.standard = true}},
  {"github", {.text = ML_SIGN_HEX, .header = {"X-Hub-Signature-256", 19},
              .prefix = {"sha256=", 7}, .signed_ = {"{body}", 6}}},
  {"stripe", {.text = ML_SIGN_HEX, .header = {"Stripe-Signature", 16},
              .pair_time = {"t", 1}, .pair_sign = {"v1", 2},
              .signed_ = {"{timestamp}.{body}", 18}}},
  {"shopify", {.text = ML_SIGN_BASE64, .header = {"X-Shopify-Hmac-Sha256", 21},
               .signed_ = {"{body}", 6}}},
  {"slack", {.text = ML_SIGN_HEX, .header = {"X-Slack-Signature", 17},
             .prefix = {"v0=", 3},
             .timestamp = {"X-Slack-Request-Timestamp", 25},
             .signed_ = {"v0:{timestamp}:{body}", 21}}},
};

bool ml_verify_scheme(ml_str name, ml_verify *out) {
  for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
    if (ml_str_is(name, schemes[i].name)) {
      *out = schemes[i].v;
      return true;
    }
  return false;
}

static bool begins(ml_str s, const char *with) {
  size_t n = strlen(with);

  return s.n >= n && memcmp(s.p, with, n) == 0;
}

bool ml_verify_piece(ml_str *rest, ml_signed_kind *kind, ml_str *text) {
  size_t n = 0;

  if (rest->n == 0)
    return false;
  if (begins(*rest, "{timestamp}")) {
    *kind = ML_SIGNED_TIME;
    n = 11;
  } else if (begins(*rest, "{body}")) {
    *kind = ML_SIGNED_BODY;
    n = 6;
  } else {
    *kind = ML_SIGNED_TEXT;
    do
      n++;
    while (n < rest->n && !begins((ml_str){rest->p + n, rest->n - n},
                                  "{timestamp}")
           && !begins((ml_str){rest->p + n, rest->n - n}, "{body}"));
  }
  *text = (ml_str){rest->p, n};
  rest->p += n;
  rest->n -= n;
  return true;
}
