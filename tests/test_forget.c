/*
** test_forget.c - keys and occurrences have a life, by the age of the store:
** it goes by with the time that engines are up, whatever the wall clock does.
*/
#include "run_kit.h"

#include "store/age.h"

enum { MINUTE = 60000, HOUR = 60 * MINUTE, DAY = 24 * HOUR, LIFE = 30 };

static const char one[] =
  "local ml = require 'moonlane'\n"
  "return ml.workflow { 'one', lanes = { office = 'Office' },\n"
  "  fields = { { 'x', 'string' }, { 'stamp', 'integer' } },\n"
  "  start = { ml.form { 'x' }, { kind = 'webhook', name = 'changed',\n"
  "    receive = function(ctx, request) return { transactions = {\n"
  "      { identity = 'i' .. request.stamp, data = { stamp = request.stamp } } } } end } },\n"
  "  phases = { { 'ask', ml.task { 't', lane = 'office', outcomes = { 'ok' } },\n"
  "    next = { ok = ml.finish } } } }\n";

static void open_one(void) {
  kit.forget_ms = MINUTE;
  kit_begin();
  kit_flow("one", one);
  kit_join("one", "office");
}

/* A start under that key: was it answered from an earlier one? */
static bool repeats(uint8_t key) {
  kit_came c;
  ml_input *in = kit_start_input("one", "{}", &c);

  kit_key(in, key, 1);
  kit_put(in);
  assert_int_equal(c.rc, ML_OK);
  return c.replayed;
}

/* The engine looks, piece after piece. */
static void looks(int times) {
  for (int i = 0; i < times; i++)
    kit_pass(MINUTE);
}

/* Time goes by, with an engine that is up: days in steps. */
static void up(int days) {
  for (int i = 0; i < days * 24; i++)
    kit_pass(HOUR);
}

static uint64_t forgotten(void) {
  ml_run_stats s;

  ml_run_stats_get(kit.run, &s);
  return s.forgotten;
}

static uint64_t commits(void) {
  ml_store_stats s;

  ml_store_stats_get(kit.store, &s);
  return s.commits;
}

static void a_key_has_its_life(void **state) {
  (void)state;
  open_one();
  assert_false(repeats(1));
  up(LIFE - 1);
  assert_true(repeats(1));
  assert_int_equal(forgotten(), 0);
  up(2);
  assert_int_equal(forgotten(), 1);
  assert_false(repeats(1));
  assert_true(repeats(1));
}

/* Forward, looked at, and back: a repeat there finds the first answer. */
static void a_leap_of_the_clock_ends_no_key(void **state) {
  int64_t was;

  (void)state;
  open_one();
  was = kit.clock.wall;
  assert_false(repeats(1));
  kit.clock.wall += INT64_C(80) * 365 * DAY;
  ml_run_tick(kit.run);
  looks(5);
  assert_true(repeats(1));
  kit_crash();
  kit_begin();
  looks(5);
  kit.clock.wall = was - INT64_C(10) * 365 * DAY;
  ml_run_tick(kit.run);
  looks(5);
  assert_true(repeats(1));
  assert_int_equal(forgotten(), 0);
}

/* While nobody serves, nobody can repeat: it does not count. */
static void time_without_an_engine_is_no_age(void **state) {
  (void)state;
  open_one();
  assert_false(repeats(1));
  up(LIFE - 1);
  assert_true(repeats(1));
  kit_crash();
  ml_clock_fake_pass(&kit.clock, INT64_C(400) * DAY);
  kit_begin();
  looks(5);
  assert_true(repeats(1));
  up(2 * LIFE);
  assert_false(repeats(1));
}

static void for_ever_is_for_ever(void **state) {
  (void)state;
  kit.keep_keys_ms = -1;
  open_one();
  assert_false(repeats(1));
  up(2 * LIFE);
  assert_true(repeats(1));
}

/* Nothing is old: nothing is written, and no walk begins. */
static void looking_alone_commits_nothing(void **state) {
  uint64_t before;

  (void)state;
  open_one();
  assert_false(repeats(1));
  before = commits();
  looks(200);
  assert_int_equal(commits(), before);
}

/* A few in a commit, and one commit soon after the other. */
static void many_go_in_pieces(void **state) {
  uint64_t before;

  (void)state;
  open_one();
  for (int i = 0; i < 250; i++)
    assert_false(repeats((uint8_t)i));
  for (int i = 0; i < 250; i++) {
    kit_came c;
    ml_input *in = kit_start_input("one", "{}", &c);

    kit_key(in, (uint8_t)i, 1);
    in->key[0] = (uint8_t)~in->key[0];
    kit_put(in);
    assert_false(c.replayed);
  }
  kit_pass(((int64_t)LIFE * 24 + 1) * HOUR);
  before = commits();
  for (int i = 0; i < 20; i++)
    kit_pass(100);
  assert_int_equal(forgotten(), 500);
  assert_in_range(commits() - before, 1, 3);   /* 200, 200, 100 */
}

/* ---- occurrences ---- */

static kit_came heard;

static void hooked(void *arg, ml_rc rc, const ml_err *e, ml_str answer) {
  kit_came *c = arg;

  (void)e;
  c->times++;
  c->rc = rc;
  c->status = answer.p != NULL && strstr(answer.p, "[\"") != NULL;
}

/* A change is told of: did it start a process? */
static bool starts(int stamp) {
  char json[80];

  snprintf(json, sizeof json, "{\"stamp\":%d}", stamp);
  memset(&heard, 0, sizeof heard);
  ml_run_hook(kit.run, ML_STR("one"), ML_STR("changed"), ml_str_of(json), NULL,
              hooked, &heard);
  kit_settle();
  assert_int_equal(heard.times, 1);
  assert_int_equal(heard.rc, ML_OK);
  return heard.status != 0;
}

static void an_occurrence_outlives_its_process(void **state) {
  int64_t ended;

  (void)state;
  kit.keep_seen_ms = INT64_C(10) * DAY;
  open_one();
  assert_true(starts(1));
  ended = kit_see(0).all_count;
  assert_true(starts(2));
  assert_false(starts(1));
  assert_int_equal(kit_complete(ended, "t", "ok", NULL).rc, ML_OK);
  up(9);
  assert_false(starts(1));
  up(2);
  assert_true(starts(1));              /* old, and its process has ended */
  assert_false(starts(2));             /* old, but its process is open */
  up(30);
  assert_false(starts(2));
}

/* More than a piece of the walk, and those that stay are in between. */
static void the_walk_goes_through_all(void **state) {
  (void)state;
  kit.keep_seen_ms = INT64_C(10) * DAY;
  open_one();
  for (int i = 0; i < 450; i++) {
    assert_true(starts(i));
    if (i % 3 != 0)
      assert_int_equal(kit_complete(i + 1, "t", "ok", NULL).rc, ML_OK);
  }
  kit_pass(INT64_C(10) * DAY + HOUR);
  for (int i = 0; i < 20; i++)
    kit_pass(1000);
  assert_int_equal(forgotten(), 300);
  for (int i = 0; i < 450; i += 50)
    assert_int_equal(starts(i), i % 3 != 0);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)
  const struct CMUnitTest tests[] = {
    T(a_key_has_its_life), T(a_leap_of_the_clock_ends_no_key),
    T(time_without_an_engine_is_no_age), T(for_ever_is_for_ever),
    T(looking_alone_commits_nothing), T(many_go_in_pieces),
    T(an_occurrence_outlives_its_process), T(the_walk_goes_through_all),
  };
#undef T

  ml_log_to(2, ML_ERROR_LEVEL);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
