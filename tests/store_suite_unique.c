/* store_suite_unique.c - a value that one process of a workflow has. */
#include "store/keys.h"
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

/* ---- keys that are declared later ---- */

static void r_complete(void *arg, ml_read *r) {
  Q *q = arg;

  q->rc = ml_read_key_complete(r, 1, ML_STR("k"), &q->flag);
}

static void r_clashes(void *arg, ml_read *r) {
  Q *q = arg;
  ml_key_clash *list;

  q->rc = ml_read_key_clashes(r, q->a, 1, ML_STR("k"), 0, 100, &list, &q->count);
  q->out = list;
}

static void r_owner_k(void *arg, ml_read *r) {
  Q *q = arg;

  q->rc = ml_read_unique(r, 1, ML_STR("k"), q->text[0], &q->num[0]);
}

static bool complete(Fx *fx) {
  Q q = {0};

  assert_rc(ask(fx, r_complete, &q), ML_OK);
  return q.flag;
}

static int64_t owner_k(Fx *fx, const char *value) {
  Q q = {.text = {ml_str_of(value)}};

  return ask(fx, r_owner_k, &q) == ML_OK ? q.num[0] : 0;
}

static void key_piece(Fx *fx, size_t limit) {
  ml_batch *b = ml_batch_new(fx->s);

  ml_batch_key_fill(b, limit);
  assert_rc(done(fx, b), ML_OK);
}

static void key_is(Fx *fx, ml_str field) {
  ml_batch *b = ml_batch_new(fx->s);

  ml_batch_key_set(b, 1, field);
  assert_rc(done(fx, b), ML_OK);
}

/* 1 to 9: "a" "b" "a" none 7 "\"q" another's, deleted "d", null */
static void put_old_ones(Fx *fx) {
  static const char *const data[] = {
    "{\"k\":\"a\",\"x\":[{\"k\":\"no\"}]}", "{\"x\":1,\"k\":\"b\"}",
    "{\"k\":\"a\"}", "{\"x\":{\"k\":\"no\"}}", "{\"k\":7}",
    "{\"k\":\"\\\"q\"}", "{\"k\":\"other\"}", "{\"k\":\"d\"}",
    "{\"k\":null}"};

  for (size_t i = 0; i < LEN(data); i++) {
    ml_row_process p = suite_process((int64_t)i + 1);

    p.workflow = i == 6 ? 2 : 1;
    p.deleted = i == 7;
    p.data = ml_str_of(data[i]);
    assert_rc(put_process(fx, &p), ML_OK);
  }
}

static void P3_1_a_later_key_is_filled_in_by_pieces(void **state) {
  Fx *fx = *state;
  ml_row_process late = suite_process(10);
  ml_key_clash *clash;
  ml_batch *b;
  Q q = {0};
  int pieces = 0;

  assert_true(complete(fx));     /* there is no process */
  put_old_ones(fx);
  assert_false(complete(fx));    /* it is not kept yet */
  key_is(fx, ML_STR("k"));
  assert_false(complete(fx));
  b = ml_batch_new(fx->s);       /* a new one is quicker than an old one */
  ml_batch_process(b, &late);
  ml_batch_unique(b, 1, ML_STR("k"), ML_STR("\"b\""), 10);
  assert_rc(done(fx, b), ML_OK);
  for (; !complete(fx); pieces++) {
    assert_true(pieces < 20);
    key_piece(fx, 2);
  }
  assert_int_equal(pieces, 4);   /* eight of the workflow, two at a time */
  assert_int_equal(owner_k(fx, "\"a\""), 1);
  assert_int_equal(owner_k(fx, "\"b\""), 10);
  assert_int_equal(owner_k(fx, "7"), 5);
  assert_int_equal(owner_k(fx, "\"\\\"q\""), 6);
  assert_int_equal(owner_k(fx, "\"d\""), 8);
  assert_int_equal(owner_k(fx, "\"other\""), 0);
  assert_int_equal(owner_k(fx, "\"no\""), 0);
  assert_int_equal(owner_k(fx, "null"), 0);
  assert_rc(ask(fx, r_clashes, &q), ML_OK);
  clash = q.out;
  assert_int_equal(q.count, 2);
  assert_true(clash[0].n == 2 && clash[0].holder == 10);
  assert_true(clash[1].n == 3 && clash[1].holder == 1);

  b = ml_batch_new(fx->s);       /* 1 gives "a" up, 2 takes another */
  ml_batch_unique_drop(b, 1, ML_STR("k"), ML_STR("\"a\""), 1);
  ml_batch_unit(b);
  ml_batch_unique_drop(b, 1, ML_STR("k"), ML_STR("\"b\""), 2);
  ml_batch_unique(b, 1, ML_STR("k"), ML_STR("\"new\""), 2);
  assert_rc(done(fx, b), ML_OK);
  assert_int_equal(owner_k(fx, "\"a\""), 3);
  assert_int_equal(owner_k(fx, "\"b\""), 10);
  assert_int_equal(owner_k(fx, "\"new\""), 2);
  assert_rc(ask(fx, r_clashes, &q), ML_OK);
  assert_int_equal(q.count, 0);

  key_is(fx, ML_NOSTR);          /* no key any more: its values leave */
  assert_false(complete(fx));
  for (int i = 0; i < 8; i++)
    key_piece(fx, 3);
  assert_int_equal(owner_k(fx, "\"a\""), 0);
  key_is(fx, ML_STR("k"));
  for (int i = 0; i < 8; i++)
    key_piece(fx, 3);
  assert_true(complete(fx));
  assert_int_equal(owner_k(fx, "\"a\""), 1);   /* by the rows as they are */
}

suite_part store_suite_unique(void) {
  static const struct CMUnitTest tests[] = {
    cmocka_unit_test(P3_1_a_value_is_taken_once_with_its_process),
    cmocka_unit_test(P3_1_a_value_given_up_is_free),
    cmocka_unit_test(P3_1_a_later_key_is_filled_in_by_pieces),
  };

  return (suite_part){tests, LEN(tests)};
}
