/* store_suite_replay.c - a request is taken once, until its time is over. */
#include "store_suite_in.h"

static void r_replay(void *arg, ml_read *r) {
  Q *q = arg;

  q->rc = ml_read_replay(r, q->text[0], q->text[1], &q->num[0]);
}

/* Until when it counts as taken; 0: it was not. */
static int64_t until(Fx *fx, const char *scope, const char *id) {
  Q q = {.text = {ml_str_of(scope), ml_str_of(id)}};
  ml_rc rc = ask(fx, r_replay, &q);

  if (rc == ML_NOT_FOUND)
    return 0;
  assert_rc(rc, ML_OK);
  return q.num[0];
}

static void put(ml_batch *b, const char *scope, const char *id, int64_t at,
                int64_t till) {
  ml_batch_replay(b, &(ml_row_replay){ml_str_of(scope), ml_str_of(id), at,
                                      till});
}

static void SN_8_a_request_is_one_unit_with_what_it_made(void **state) {
  Fx *fx = *state;
  ml_batch *b = ml_batch_new(fx->s);
  ml_row_process p = suite_process(1), twin = suite_process(2);
  Q q = {.n = 2};

  ml_batch_process(b, &p);
  put(b, "hook/a", "m1", 1000, 9000);
  ml_batch_unit(b);
  ml_batch_process(b, &twin);                  /* the same commit */
  put(b, "hook/a", "m1", 1000, 9000);
  ml_batch_unit(b);
  put(b, "hook/b", "m1", 1000, 9000);          /* another's id */
  assert_rc(suite_commit(fx->s, b), ML_OK);
  assert_rc(ml_batch_unit_rc(b, 0), ML_OK);
  assert_rc(ml_batch_unit_rc(b, 1), ML_EXISTS);
  assert_rc(ml_batch_unit_rc(b, 2), ML_OK);
  ml_batch_free(b);
  assert_rc(ask(fx, r_process, &q), ML_NOT_FOUND);
  assert_int_equal(until(fx, "hook/a", "m1"), 9000);
  assert_int_equal(until(fx, "hook/b", "m1"), 9000);
  assert_int_equal(until(fx, "hook/a", "m2"), 0);
}

static ml_rc put_alone(Fx *fx, const char *id, int64_t at, int64_t till) {
  ml_batch *b = ml_batch_new(fx->s);
  ml_rc rc;

  put(b, "hook/a", id, at, till);
  assert_rc(suite_commit(fx->s, b), ML_OK);
  rc = ml_batch_unit_rc(b, 0);
  ml_batch_free(b);
  return rc;
}

static void SN_8_a_time_that_is_over_binds_nobody(void **state) {
  Fx *fx = *state;

  assert_rc(put_alone(fx, "m", 1000, 2000), ML_OK);
  assert_rc(put_alone(fx, "m", 1999, 9000), ML_EXISTS);
  assert_int_equal(until(fx, "hook/a", "m"), 2000);
  assert_rc(put_alone(fx, "m", 2000, 9000), ML_OK);
  assert_int_equal(until(fx, "hook/a", "m"), 9000);
}

static int count_left(Fx *fx, int n) {
  int left = 0;

  for (int i = 0; i < n; i++) {
    char id[16];

    snprintf(id, sizeof id, "%d", i);
    left += until(fx, "hook/a", id) > 0;
  }
  return left;
}

/* Forty are past their time: each new one takes sixteen of them along, the
** oldest first, and none that still counts. */
static void SN_8_forgetting_rides_along_in_pieces(void **state) {
  Fx *fx = *state;

  for (int i = 0; i < 40; i++) {
    char id[16];

    snprintf(id, sizeof id, "%d", i);
    assert_rc(put_alone(fx, id, 1000, 5000 + i), ML_OK);
  }
  assert_rc(put_alone(fx, "still", 1000, 7001), ML_OK);
  assert_int_equal(count_left(fx, 40), 40);
  assert_rc(put_alone(fx, "x", 7000, 9000), ML_OK);
  assert_int_equal(count_left(fx, 40), 24);
  assert_int_equal(until(fx, "hook/a", "15"), 0);
  assert_int_equal(until(fx, "hook/a", "16"), 5016);
  assert_rc(put_alone(fx, "y", 7000, 9000), ML_OK);
  assert_rc(put_alone(fx, "z", 7000, 9000), ML_OK);
  assert_int_equal(count_left(fx, 40), 0);
  assert_int_equal(until(fx, "hook/a", "still"), 7001);
  assert_int_equal(until(fx, "hook/a", "x"), 9000);
}

suite_part store_suite_replay(void) {
  static const struct CMUnitTest tests[] = {
    cmocka_unit_test(SN_8_a_request_is_one_unit_with_what_it_made),
    cmocka_unit_test(SN_8_a_time_that_is_over_binds_nobody),
    cmocka_unit_test(SN_8_forgetting_rides_along_in_pieces),
  };

  return (suite_part){tests, LEN(tests)};
}
