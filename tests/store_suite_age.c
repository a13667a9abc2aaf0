/* store_suite_age.c - the age of a store, and what is forgotten by it. */
#include "store_suite_in.h"

#include "store/age.h"

enum { MINUTE = 60000, HOUR = 60 * MINUTE };

/* A clock whose hands are turned; the store of a test is opened with it anew. */
static ml_clock_fake hands;

static void with_hands(Fx *fx) {
  ml_clock_fake_init(&hands, 1000);
  hands.mono = 7;
  fx->conf.clock = &hands.base;
  reopen(fx);
}

static void a_commit(Fx *fx, int64_t n) {
  ml_batch *b = suite_batch(fx->s);
  ml_row_process p = suite_process(n);

  ml_batch_process(b, &p);
  assert_rc(done(fx, b), ML_OK);
}

static void the_age_is_the_time_of_running(void **state) {
  Fx *fx = *state;
  int64_t age;

  with_hands(fx);
  age = ml_store_age(fx->s);
  hands.mono += HOUR;
  assert_int_equal(ml_store_age(fx->s), age + HOUR);
  hands.wall += INT64_C(90) * 365 * 24 * HOUR;         /* a leap, and back */
  assert_int_equal(ml_store_age(fx->s), age + HOUR);
  hands.wall = 5;
  assert_int_equal(ml_store_age(fx->s), age + HOUR);
}

static void the_age_lasts_with_what_is_committed(void **state) {
  Fx *fx = *state;
  int64_t age;

  with_hands(fx);
  age = ml_store_age(fx->s);
  hands.mono += HOUR;
  a_commit(fx, 1);
  hands.mono += MINUTE - 1;
  a_commit(fx, 2);                                     /* not yet worth a row */
  reopen(fx);
  assert_int_equal(ml_store_age(fx->s), age + HOUR);
  hands.mono += MINUTE;
  a_commit(fx, 3);
  hands.mono += HOUR;                                  /* nothing happens, ... */
  reopen(fx);                                          /* ... and it is lost */
  assert_int_equal(ml_store_age(fx->s), age + HOUR + MINUTE);
  hands.mono = 3;                                      /* another machine's */
  reopen(fx);
  assert_int_equal(ml_store_age(fx->s), age + HOUR + MINUTE);
}

static void put_keys(Fx *fx, int count, int64_t age) {
  ml_batch *b = suite_batch(fx->s);

  for (int i = 0; i < count; i++) {
    ml_row_key k = {.age_ms = age + i, .status = 201, .answer = ML_STR("{}")};

    memcpy(k.key, &i, sizeof i);
    ml_batch_key(b, &k);
  }
  assert_rc(done(fx, b), ML_OK);
}

typedef struct Old {
  int64_t before;
  size_t limit, count;
  ml_rc rc;
} Old;

static void r_old(void *arg, ml_read *r) {
  Old *o = arg;

  o->rc = ml_read_keys_old(r, o->before, o->limit, &o->count);
}

static size_t old_keys(Fx *fx, int64_t before, size_t limit) {
  Old o = {before, limit, 99, ML_IO};

  assert_rc(ml_store_read(fx->s, r_old, NULL, &o), ML_OK);
  ml_store_wait(fx->s);
  assert_rc(o.rc, ML_OK);
  return o.count;
}

static void old_keys_go_in_pieces_the_oldest_first(void **state) {
  Fx *fx = *state;
  Q q = {.n = 0};
  uint8_t key[16] = {0};

  put_keys(fx, 30, 1000);
  assert_int_equal(old_keys(fx, 1000, 10), 0);
  assert_int_equal(old_keys(fx, 1020, 10), 10);
  assert_int_equal(old_keys(fx, 1020, 50), 20);
  for (int left = 20; left > 0; left = left > 8 ? left - 8 : 0) {
    ml_batch *b = suite_batch(fx->s);

    assert_int_equal(old_keys(fx, 1020, 50), left);
    ml_batch_keys_expire(b, 1020, 8);
    assert_rc(done(fx, b), ML_OK);
  }
  assert_int_equal(old_keys(fx, 1020, 50), 0);
  q.in = key;
  for (int i = 0; i < 30; i++) {
    memcpy(key, &i, sizeof i);
    assert_rc(ask(fx, r_key, &q), i < 20 ? ML_NOT_FOUND : ML_OK);
  }
}

/* ---- occurrences ---- */

typedef struct Seen {
  const ml_occurrence *after;
  int64_t before;
  size_t limit;
  ml_arena a;
  ml_occurrence *list;
  size_t count;
  ml_rc rc;
} Seen;

static void r_seen(void *arg, ml_read *r) {
  Seen *s = arg;

  s->rc = ml_read_occurrences(r, &s->a, s->after, s->before, s->limit, &s->list,
                              &s->count);
}

static size_t seen(Fx *fx, Seen *s) {
  assert_rc(ml_store_read(fx->s, r_seen, NULL, s), ML_OK);
  ml_store_wait(fx->s);
  assert_rc(s->rc, ML_OK);
  return s->count;
}

/* Process i (its status) was started by "w<i / 2>", "i<i>" at that age. */
static void put_occurrences(Fx *fx) {
  ml_batch *b = suite_batch(fx->s);

  for (int i = 1; i <= 6; i++) {
    ml_row_process p = suite_process(i);
    char w[8], id[8];

    p.status = i % 3 == 0 ? ML_OPEN : i % 3 == 1 ? ML_COMPLETED : ML_CANCELLED;
    snprintf(w, sizeof w, "w%d", i / 2);
    snprintf(id, sizeof id, "i%d", i);
    ml_batch_process(b, &p);
    ml_batch_occurrence(b, ml_str_of(w), ML_STR(""), ml_str_of(id), i * 10, i);
  }
  assert_rc(done(fx, b), ML_OK);
}

static void occurrences_are_walked_by_name(void **state) {
  Fx *fx = *state;
  Seen s = {.before = 50, .limit = 4}, t = {.before = 50, .limit = 4};

  put_occurrences(fx);
  assert_int_equal(seen(fx, &s), 4);
  assert_str(s.list[0].identity, "i1");
  assert_true(s.list[0].old);
  assert_true(s.list[1].old);
  assert_false(s.list[2].old);                 /* its process is open */
  assert_true(s.list[3].old);
  t.after = &s.list[3];
  assert_int_equal(seen(fx, &t), 2);
  assert_str(t.list[0].identity, "i5");
  assert_str(t.list[0].workflow, "w2");
  assert_false(t.list[0].old);                 /* too young */
  t.after = &t.list[1];
  assert_int_equal(seen(fx, &t), 0);
  ml_arena_free(&s.a);
  ml_arena_free(&t.a);
}

/* Asked for or not: only what is old and whose process has ended. */
static void an_occurrence_is_dropped_only_when_it_may_be(void **state) {
  Fx *fx = *state;
  Seen s = {.before = 50, .limit = 10}, left = {.before = 50, .limit = 10};
  ml_batch *b = suite_batch(fx->s);

  put_occurrences(fx);
  assert_int_equal(seen(fx, &s), 6);
  for (size_t i = 0; i < s.count; i++)
    ml_batch_occurrence_drop(b, &s.list[i], 50);
  assert_rc(done(fx, b), ML_OK);
  assert_int_equal(seen(fx, &left), 3);
  assert_str(left.list[0].identity, "i3");
  assert_str(left.list[1].identity, "i5");
  assert_str(left.list[2].identity, "i6");
  ml_arena_free(&s.a);
  ml_arena_free(&left.a);
}

suite_part store_suite_age(void) {
  static const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_age_is_the_time_of_running),
    cmocka_unit_test(old_keys_go_in_pieces_the_oldest_first),
    cmocka_unit_test(occurrences_are_walked_by_name),
    cmocka_unit_test(an_occurrence_is_dropped_only_when_it_may_be),
  };

  return (suite_part){tests, LEN(tests)};
}

/* For a store that is still there when it is opened again. */
suite_part store_suite_age_lasting(void) {
  static const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_age_lasts_with_what_is_committed),
  };

  return (suite_part){tests, LEN(tests)};
}
