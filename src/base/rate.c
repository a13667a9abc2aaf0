/* rate.c - token buckets. */
#include "base/rate.h"

#include <string.h>

#include "base/text.h"

ml_rc ml_rate_parse(ml_str s, ml_rate *out) {
  static const struct { char unit; int64_t ms; } units[] = {
    {'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}};
  int64_t n;

  if (s.p == NULL || s.n < 3 || s.p[s.n - 2] != '/'
      || !ml_text_int((ml_str){s.p, s.n - 2}, &n) || n < 1 || n > ML_RATE_MAX)
    return ML_INVALID;
  for (size_t i = 0; i < sizeof units / sizeof *units; i++)
    if (s.p[s.n - 1] == units[i].unit) {
      *out = (ml_rate){n, units[i].ms, n};
      return ML_OK;
    }
  return ML_INVALID;
}

static bool same(const ml_rate *a, const ml_rate *b) {
  return a->n == b->n && a->per_ms == b->per_ms && a->burst == b->burst;
}

bool ml_bucket_take(ml_bucket *b, const ml_rate *rate, int64_t now_ms,
                    int64_t *wait_ms) {
  int64_t full = rate->burst * rate->per_ms, passed = now_ms - b->at_ms;

  if (!b->used || !same(&b->rate, rate)) {
    b->used = true;
    b->level = full;
    b->rate = *rate;
  } else if (passed > 0) {       /* beyond `most` it is full: no overflow */
    int64_t most = full / rate->n + 1;

    b->level += (passed < most ? passed : most) * rate->n;
    if (b->level > full)
      b->level = full;
  }
  b->at_ms = now_ms;
  if (b->level >= rate->per_ms) {
    b->level -= rate->per_ms;
    return true;
  }
  if (wait_ms != NULL) {
    *wait_ms = (rate->per_ms - b->level + rate->n - 1) / rate->n;
  }
  return false;
}
