/* store_suite_object.c - ids of others and whose a process is, records, what
** else is known of a task. */
#include "store_suite_in.h"

static void r_team(void *arg, ml_read *r) {
  Q *q = arg;

  q->rc = ml_read_team_is(r, q->n, q->text[0]);
}

static void r_record(void *arg, ml_read *r) {
  Q *q = arg;

  q->out = ml_arena_zero(q->a, sizeof(ml_row_record));
  q->rc = ml_read_record(r, q->a, q->text[0], q->out);
}

static void r_more(void *arg, ml_read *r) {
  Q *q = arg;
  ml_row_task_more m = {0};

  q->rc = ml_read_task_more(r, q->a, q->n, q->act, &m);
  q->text[0] = m.more;
}

static size_t found(Fx *fx, ml_find_process f) {
  Q q = {.in = &f};

  f.status = f.run = -1;
  f.limit = 10;
  assert_rc(ask(fx, r_processes, &q), ML_OK);
  return q.count;
}

static void put(Fx *fx, int64_t n, const char *team, const char *booking) {
  ml_batch *b = ml_batch_new(fx->s);
  ml_row_process p = suite_process(n);
  ml_row_object o = {.n = n};

  ml_batch_process(b, &p);
  if (team != NULL)
    o.team = ml_str_of(team);
  if (booking != NULL)
    o.booking = ml_str_of(booking);
  ml_batch_object(b, &o);
  assert_rc(done(fx, b), ML_OK);
}

static void P2_7_a_team_sees_its_own(void **state) {
  Fx *fx = *state;
  Q q = {.n = 1, .text = {ML_STR("east")}};

  put(fx, 1, "east", NULL);
  put(fx, 2, "west", NULL);
  put(fx, 3, NULL, NULL);
  assert_rc(ask(fx, r_team, &q), ML_OK);
  q.n = 2;
  assert_rc(ask(fx, r_team, &q), ML_NOT_FOUND);
  q.n = 3;
  assert_rc(ask(fx, r_team, &q), ML_NOT_FOUND);
  assert_int_equal(found(fx, (ml_find_process){.team = ML_STR("east")}), 1);
  assert_int_equal(found(fx, (ml_find_process){.team = ML_STR("none")}), 0);
  assert_int_equal(found(fx, (ml_find_process){.limit = 0}), 3);
}

static void P2_8_found_by_ids_of_others(void **state) {
  Fx *fx = *state;
  ml_batch *b;

  put(fx, 1, "east", "b-1");
  put(fx, 2, "west", "b-1");
  assert_int_equal(found(fx, (ml_find_process){.booking = ML_STR("b-1")}), 2);
  assert_int_equal(found(fx, (ml_find_process){.booking = ML_STR("b-1"),
                                               .team = ML_STR("west")}), 1);
  assert_int_equal(found(fx, (ml_find_process){.booking = ML_STR("b-1"),
                                               .entity = ML_STR("e")}), 0);
  b = ml_batch_new(fx->s);
  ml_batch_object(b, &(ml_row_object){.n = 1});    /* none any more */
  assert_rc(done(fx, b), ML_OK);
  assert_int_equal(found(fx, (ml_find_process){.booking = ML_STR("b-1")}), 1);
}

static ml_rc put_record(Fx *fx, const char *data, int64_t at, int64_t was) {
  ml_batch *b = ml_batch_new(fx->s);
  ml_row_record r = {.id = ML_STR("r-1"), .entity = ML_STR("contact"),
                     .team = ML_STR("east"), .data = ml_str_of(data),
                     .created_ms = 10, .updated_ms = at, .was_ms = was};
  ml_rc rc;

  ml_batch_record(b, &r);
  rc = suite_commit(fx->s, b);
  if (rc == ML_OK)
    rc = ml_batch_unit_rc(b, 0);
  ml_batch_free(b);
  return rc;
}

static void P3_4_a_record_is_changed_from_the_version_seen(void **state) {
  Fx *fx = *state;
  Q q = {.text = {ML_STR("r-1")}};
  ml_row_record *r;

  assert_rc(ask(fx, r_record, &q), ML_NOT_FOUND);
  assert_rc(put_record(fx, "{\"a\":1}", 10, 0), ML_OK);
  assert_rc(put_record(fx, "{\"a\":2}", 10, 0), ML_EXISTS);
  assert_rc(put_record(fx, "{\"a\":3}", 20, 10), ML_OK);
  assert_rc(put_record(fx, "{\"a\":4}", 30, 10), ML_STALE);
  assert_rc(ask(fx, r_record, &q), ML_OK);
  r = q.out;
  assert_str(r->data, "{\"a\":3}");
  assert_str(r->team, "east");
  assert_int_equal(r->created_ms, 10);
  assert_int_equal(r->updated_ms, 20);
  assert_false(r->deleted);
}

static void P3_3_what_else_is_known_of_a_task(void **state) {
  Fx *fx = *state;
  ml_batch *b = ml_batch_new(fx->s);
  Q q = {.n = 1, .act = 7};

  assert_rc(ask(fx, r_more, &q), ML_NOT_FOUND);
  ml_batch_task_more(b, &(ml_row_task_more){1, 7, ML_STR("{\"order\":1}")});
  ml_batch_task_more(b, &(ml_row_task_more){1, 7, ML_STR("{\"order\":2}")});
  assert_rc(done(fx, b), ML_OK);
  assert_rc(ask(fx, r_more, &q), ML_OK);
  assert_str(q.text[0], "{\"order\":2}");
}

suite_part store_suite_object(void) {
  static const struct CMUnitTest tests[] = {
    cmocka_unit_test(P2_7_a_team_sees_its_own),
    cmocka_unit_test(P2_8_found_by_ids_of_others),
    cmocka_unit_test(P3_4_a_record_is_changed_from_the_version_seen),
    cmocka_unit_test(P3_3_what_else_is_known_of_a_task),
  };

  return (suite_part){tests, LEN(tests)};
}
