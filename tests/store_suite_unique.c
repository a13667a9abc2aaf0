/* store_suite_unique.c - a value that one process of a workflow has. */
#include "store_suite_in.h"

static void r_unique(void *arg, ml_read *r) {
  Q *q = arg;

  q->rc = ml_read_unique(r, q->act, q->text[0], q->text[1], &q->num[0]);
}

static void r_by_key(void *arg, ml_read *r) {
  Q *q = arg;

  q->rc = ml_read_by_key(r, q->a, q->act, q->text[0], q->text[1],
                         &q->u.process);
}

/* Whose is it?  0: nobody's. */
static int64_t owner(Fx *fx, uint32_t workflow, const char *value) {
  Q q = {.act = workflow, .text = {ML_STR("lead_id"), ml_str_of(value)}};
  ml_rc rc = ask(fx, r_unique, &q);

  if (rc == ML_NOT_FOUND)
    return 0;
  assert_rc(rc, ML_OK);
  return q.num[0];
}

static void P3_1_a_value_is_taken_once_with_its_process(void **state) {
  Fx *fx = *state;
  ml_batch *b = ml_batch_new(fx->s);
  ml_row_process p = suite_process(1), twin = suite_process(2);
  Q q = {.act = 1, .text = {ML_STR("lead_id"), ML_STR("LEAD-910")}};

  ml_batch_process(b, &p);
  ml_batch_unique(b, 1, ML_STR("lead_id"), ML_STR("LEAD-910"), 1);
  ml_batch_unit(b);
  ml_batch_process(b, &twin);                  /* the same commit */
  ml_batch_unique(b, 1, ML_STR("lead_id"), ML_STR("LEAD-910"), 2);
  assert_rc(suite_commit(fx->s, b), ML_OK);
  assert_rc(ml_batch_unit_rc(b, 0), ML_OK);
  assert_rc(ml_batch_unit_rc(b, 1), ML_EXISTS);
  ml_batch_free(b);
  assert_int_equal(owner(fx, 1, "LEAD-910"), 1);
  assert_int_equal(owner(fx, 2, "LEAD-910"), 0);
  assert_int_equal(owner(fx, 1, "LEAD-911"), 0);
  assert_rc(ask(fx, r_by_key, &q), ML_OK);
  assert_int_equal(q.u.process.n, 1);
  q.n = 2;
  assert_rc(ask(fx, r_process, &q), ML_NOT_FOUND);   /* its unit was left out */
  q.text[1] = ML_STR("");
  assert_rc(ask(fx, r_by_key, &q), ML_NOT_FOUND);
}

static void P3_1_a_value_given_up_is_free(void **state) {
  Fx *fx = *state;
  ml_batch *b = ml_batch_new(fx->s);

  ml_batch_unique(b, 1, ML_STR("lead_id"), ML_STR("a"), 1);
  assert_rc(done(fx, b), ML_OK);
  b = ml_batch_new(fx->s);                     /* its own again: no change */
  ml_batch_unique(b, 1, ML_STR("lead_id"), ML_STR("a"), 1);
  assert_rc(suite_commit(fx->s, b), ML_OK);
  assert_rc(ml_batch_unit_rc(b, 0), ML_OK);
  ml_batch_free(b);
  b = ml_batch_new(fx->s);                     /* not 2's to give up */
  ml_batch_unique_drop(b, 1, ML_STR("lead_id"), ML_STR("a"), 2);
  assert_rc(done(fx, b), ML_OK);
  assert_int_equal(owner(fx, 1, "a"), 1);
  b = ml_batch_new(fx->s);                     /* one commit: 1 to b, 2 to a */
  ml_batch_unique_drop(b, 1, ML_STR("lead_id"), ML_STR("a"), 1);
  ml_batch_unique(b, 1, ML_STR("lead_id"), ML_STR("b"), 1);
  ml_batch_unit(b);
  ml_batch_unique(b, 1, ML_STR("lead_id"), ML_STR("a"), 2);
  assert_rc(suite_commit(fx->s, b), ML_OK);
  assert_rc(ml_batch_unit_rc(b, 1), ML_OK);
  ml_batch_free(b);
  assert_int_equal(owner(fx, 1, "a"), 2);
  assert_int_equal(owner(fx, 1, "b"), 1);
}

suite_part store_suite_unique(void) {
  static const struct CMUnitTest tests[] = {
    cmocka_unit_test(P3_1_a_value_is_taken_once_with_its_process),
    cmocka_unit_test(P3_1_a_value_given_up_is_free),
  };

  return (suite_part){tests, LEN(tests)};
}
