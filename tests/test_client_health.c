/* test_client_health.c - when a host rests, is probed, and comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/client_health.h"

static void what_counts(void **state) {
  static const struct { ml_http_end end; int status; bool good; } rows[] = {
    {ML_HTTP_COMPLETE, 200, true}, {ML_HTTP_COMPLETE, 404, true},
    {ML_HTTP_COMPLETE, 500, true}, {ML_HTTP_COMPLETE, 501, true},
    {ML_HTTP_COMPLETE, 429, false}, {ML_HTTP_COMPLETE, 502, false},
    {ML_HTTP_COMPLETE, 503, false}, {ML_HTTP_COMPLETE, 504, false},
    {ML_HTTP_NOT_SENT, 0, false}, {ML_HTTP_LOST, 0, false},
    {ML_HTTP_LOST, 200, false}};

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    assert_int_equal(ml_health_good(rows[i].end, rows[i].status), rows[i].good);
}

static ml_turn fail_times(ml_health *h, int n, int64_t now) {
  ml_turn t = ML_TURN_NONE;

  for (int i = 0; i < n; i++)
    t = ml_health_ended(h, false, 16, now);
  return t;
}

static void rests_after_ten_in_a_row(void **state) {
  ml_health h = {0};

  (void)state;
  assert_int_equal(fail_times(&h, 9, 1000), ML_TURN_NONE);
  assert_int_equal(ml_health_ended(&h, true, 16, 1000), ML_TURN_NONE);
  assert_false(ml_health_known(&h));
  assert_int_equal(fail_times(&h, 9, 1000), ML_TURN_NONE);
  assert_true(ml_health_room(&h, 15, 16, 1000));
  assert_int_equal(fail_times(&h, 1, 1000), ML_TURN_RESTS);
  assert_false(ml_health_room(&h, 0, 16, 1999));
  assert_true(ml_health_room(&h, 0, 16, 2000));
  assert_false(ml_health_room(&h, 1, 16, 2000));       /* one probe */
}

static void rests_double_up_to_a_bound(void **state) {
  static const int64_t lengths[] = {1000, 2000, 4000, 8000, 16000, 30000, 30000};
  ml_health h = {0};
  int64_t now = 5000;

  (void)state;
  fail_times(&h, 10, now);
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    assert_int_equal(h.until_ms, now + lengths[i]);
    assert_int_equal(fail_times(&h, 5, h.until_ms - 1), ML_TURN_NONE);
    assert_int_equal(h.until_ms, now + lengths[i]);    /* left before it */
    now = h.until_ms;
    assert_int_equal(fail_times(&h, 1, now), ML_TURN_NONE);
  }
}

static void the_way_back_is_slow(void **state) {
  ml_health h = {0};

  (void)state;
  fail_times(&h, 10, 0);
  assert_int_equal(ml_health_ended(&h, true, 4, 1000), ML_TURN_BACK);
  for (uint32_t w = 1; w < 4; w++) {
    assert_true(ml_health_room(&h, w - 1, 4, 1000));
    assert_false(ml_health_room(&h, w, 4, 1000));
    ml_health_ended(&h, true, 4, 1000);
  }
  assert_false(ml_health_known(&h));                   /* the whole budget */
  assert_true(ml_health_room(&h, 3, 4, 1000));
  assert_false(ml_health_room(&h, 4, 4, 1000));
  fail_times(&h, 10, 2000);
  assert_int_equal(h.until_ms, 3000);                  /* as the first time */
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_counts),
    cmocka_unit_test(rests_after_ten_in_a_row),
    cmocka_unit_test(rests_double_up_to_a_bound),
    cmocka_unit_test(the_way_back_is_slow),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
