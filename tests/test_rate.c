/* test_rate.c - base/rate: texts, and buckets that let through exactly so many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rate.h"

static void texts(void **state) {
  static const struct { const char *text; int64_t n, per_ms; } good[] = {
    {"1/s", 1, 1000}, {"60/m", 60, 60000}, {"100000/h", 100000, 3600000},
    {"10/d", 10, 86400000}};
  static const char *const bad[] = {"", "/", "60", "60/", "/m", "0/m", "-1/m",
                                    "100001/s", "60 /m", "60/w", "60/mm",
                                    "60/m ", "1.5/s", "60m"};

  (void)state;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    ml_rate r = {0};

    assert_int_equal(ml_rate_parse(ml_str_of(good[i].text), &r), ML_OK);
    assert_int_equal(r.n, good[i].n);
    assert_int_equal(r.per_ms, good[i].per_ms);
    assert_int_equal(r.burst, good[i].n);
  }
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    ml_rate r = {7, 7, 7};

    assert_int_equal(ml_rate_parse(ml_str_of(bad[i]), &r), ML_INVALID);
    assert_int_equal(r.n, 7);
  }
  assert_int_equal(ml_rate_parse(ML_NOSTR, &(ml_rate){0}), ML_INVALID);
}

static int let_through(ml_bucket *b, const ml_rate *r, int64_t now, int tries) {
  int n = 0;

  for (int i = 0; i < tries; i++)
    n += ml_bucket_take(b, r, now, NULL);
  return n;
}

static void burst_then_rate(void **state) {
  const ml_rate r = {.n = 50, .per_ms = 1000, .burst = 200};
  ml_bucket b = {0};
  int64_t now = 5000, wait = 0;
  int total = 0;

  (void)state;
  assert_int_equal(let_through(&b, &r, now, 1000), 200);
  assert_false(ml_bucket_take(&b, &r, now, &wait));
  assert_int_equal(wait, 20);
  assert_false(ml_bucket_take(&b, &r, now + 19, &wait));
  assert_int_equal(wait, 1);
  assert_true(ml_bucket_take(&b, &r, now + 20, &wait));
  now += 20;
  for (int i = 0; i < 10000; i++)             /* steps of 7 ms: no drift */
    total += let_through(&b, &r, now += 7, 10);
  assert_int_equal(total, 70000 * 50 / 1000);
  assert_int_equal(let_through(&b, &r, now + INT64_C(4000000000000), 1000), 200);
}

static void slow_and_odd(void **state) {
  const ml_rate day = {.n = 10, .per_ms = 86400000, .burst = 10};
  const ml_rate other = {.n = 3, .per_ms = 1000, .burst = 3};
  ml_bucket b = {0};
  int64_t wait = 0;

  (void)state;
  assert_int_equal(let_through(&b, &day, 1, 100), 10);
  assert_false(ml_bucket_take(&b, &day, 1, &wait));
  assert_int_equal(wait, 8640000);
  assert_int_equal(let_through(&b, &day, 1 + wait, 100), 1);
  assert_false(ml_bucket_take(&b, &day, 0, &wait));   /* the clock went back */
  assert_int_equal(let_through(&b, &other, 5, 100), 3);   /* a new rate */
  assert_false(ml_bucket_take(&b, &other, 5 + 333, NULL));
  assert_true(ml_bucket_take(&b, &other, 5 + 334, NULL));
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(texts),
    cmocka_unit_test(burst_then_rate),
    cmocka_unit_test(slow_and_odd),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
