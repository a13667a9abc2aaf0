/* test_schedule.c - run/schedule: a moment comes, one process starts. */
#include "run_kit.h"

#define HOUR INT64_C(3600000)
#define MINUTE INT64_C(60000)

/* KIT_BEGIN is Monday, 2026-03-02T09:00:00Z. */
#define FLOW(when) \
  "local ml = require 'moonlane'\n" \
  "return ml.workflow { 'clock', fields = { { 'n', 'integer' } },\n" \
  "  settings = { key = { 'string', default = 'x' } },\n" \
  "  start = { ml.schedule { 'tick', data = { n = 7 }, " when " } },\n" \
  "  phases = { { 'one', ml.activity { 'a', run = function(ctx)\n" \
  "    ctx.data.n = ctx.data.n + 1 end } } } }\n"

static void begin(const char *flow) {
  kit_begin();
  kit_flow("clock", flow);
}

static size_t count(void) {
  kit_look l = kit_see(0);

  assert_int_equal(l.rc, ML_OK);
  return l.all_count;
}

typedef struct row_look {
  ml_row_trigger *rows;
  size_t count;
  ml_rc rc;
} row_look;

static void row_work(void *arg, ml_read *rd) {
  row_look *l = arg;

  l->rc = ml_read_triggers(rd, &kit.arena, &l->rows, &l->count);
}

/* The due moment on disk. */
static int64_t due_row(void) {
  row_look l = {.rc = ML_IO};

  assert_int_equal(ml_store_read(kit.store, row_work, kit_look_done, &l), ML_OK);
  ml_store_reap(kit.store);
  assert_int_equal(l.rc, ML_OK);
  assert_int_equal(l.count, 1);
  return l.rows[0].due_ms;
}

/* A power cut, and the engine comes up so much later. */
static void down(int64_t ms) {
  kit_crash();
  kit.clock.wall += ms;
  kit_begin();
  kit_settle();
}

static void a_moment_starts_one_process_with_its_data(void **state) {
  (void)state;
  begin(FLOW("daily = '11:30', zone = 'Europe/Berlin'"));
  assert_int_equal(due_row(), KIT_BEGIN + 90 * MINUTE);
  assert_int_equal(ml_run_next_due(kit.run), KIT_BEGIN + 90 * MINUTE);
  kit_pass(90 * MINUTE - 1);
  assert_int_equal(count(), 0);
  kit_pass(1);
  assert_int_equal(count(), 1);
  assert_int_equal(due_row(), KIT_BEGIN + 25 * HOUR + 30 * MINUTE);
  kit_is(kit_see(0).all[0].n, ML_COMPLETED, ML_RUN_COMPLETED);
  kit_data(kit_see(0).all[0].n, "{\"n\":8}");
  kit_pass(24 * HOUR);
  assert_int_equal(count(), 2);
}

/* 29 March 2026 has no 02:30, 25 October has two: one start each day. */
static void each_day_has_one(void **state) {
  (void)state;
  begin(FLOW("daily = '02:30', zone = 'Europe/Berlin'"));
  kit_pass(240 * 24 * HOUR);
  assert_int_equal(count(), 240);
}

static void what_was_missed_is_caught_up_once(void **state) {
  (void)state;
  begin(FLOW("every = '1h'"));
  kit_pass(2 * HOUR);
  assert_int_equal(count(), 2);
  down(5 * HOUR + 10 * MINUTE);
  assert_int_equal(count(), 3);
  assert_int_equal(due_row(), KIT_BEGIN + 8 * HOUR);
  down(1);
  assert_int_equal(count(), 3);
  kit_pass(HOUR);
  assert_int_equal(count(), 4);
}

static void what_was_missed_is_left_out_when_it_says_so(void **state) {
  (void)state;
  begin(FLOW("daily = '12:00', missed = 'skip'"));
  down(30 * HOUR);
  assert_int_equal(count(), 0);
  assert_int_equal(due_row(), KIT_BEGIN + 51 * HOUR);
  kit_pass(21 * HOUR);
  assert_int_equal(count(), 1);
  down(23 * HOUR + 59 * MINUTE);
  down(MINUTE + MINUTE);                    /* late, but only by a minute */
  assert_int_equal(count(), 2);
  down(24 * HOUR + 1);
  assert_int_equal(count(), 2);
}

/* The clock goes back behind a moment that was: it is not started again; what
** lies ahead comes when its time comes. */
static void a_clock_that_goes_back_starts_nothing_twice(void **state) {
  (void)state;
  begin(FLOW("daily = '12:00'"));
  kit_pass(3 * HOUR);
  assert_int_equal(count(), 1);
  kit.clock.wall -= 2 * HOUR;
  ml_run_tick(kit.run);
  kit_settle();
  kit_pass(2 * HOUR + MINUTE);
  assert_int_equal(count(), 1);
  assert_int_equal(due_row(), KIT_BEGIN + 27 * HOUR);
  kit.clock.wall += 40 * 365 * 24 * HOUR;   /* far ahead by mistake */
  ml_run_tick(kit.run);
  kit_settle();
  assert_int_equal(count(), 2);
  kit.clock.wall -= 40 * 365 * 24 * HOUR;   /* and set right */
  ml_run_tick(kit.run);
  kit_settle();
  assert_int_equal(count(), 2);
  assert_int_equal(due_row(), KIT_BEGIN + 27 * HOUR);
  kit_pass(24 * HOUR);
  assert_int_equal(count(), 2);             /* it was taken while it lay ahead */
  kit_pass(48 * HOUR);
  assert_int_equal(count(), 4);
}

/* The same when the engine was down meanwhile. */
static void a_clock_that_was_ahead_before_a_restart_is_set_right(void **state) {
  (void)state;
  begin(FLOW("every = '1h'"));
  kit.clock.wall += 40 * 365 * 24 * HOUR;
  ml_run_tick(kit.run);
  kit_settle();
  assert_int_equal(count(), 1);
  down(-40 * 365 * 24 * HOUR);
  assert_int_equal(due_row(), KIT_BEGIN + HOUR);
  assert_int_equal(count(), 1);
}

/* The power goes after any number of turns: one process, and the next one is at
** its time. */
static void a_crash_makes_neither_two_nor_none(void **state) {
  int before = 0;

  (void)state;
  begin(FLOW("daily = '12:00'"));
  for (int turns = 0; turns < 12; turns++) {
    size_t had = count();

    kit_pass(due_row() - 1 - kit.clock.wall);
    assert_int_equal(count(), had);
    ml_clock_fake_pass(&kit.clock, 1);
    ml_run_tick(kit.run);
    for (int i = 0; i < turns; i++)
      kit_turn();
    kit_crash();
    kit_begin();
    before += count() == had;               /* cut before its commit */
    assert_in_range(count(), had, had + 1);
    kit_settle();
    assert_int_equal(count(), had + 1);
    assert_int_equal(due_row(), kit.clock.wall + 24 * HOUR);
  }
  assert_in_range(before, 1, 11);
}

/* A new version: its plan counts from now on; what the old one owed is owed. */
static void a_new_version_goes_on_from_the_same_row(void **state) {
  (void)state;
  begin(FLOW("daily = '12:00'"));
  kit_flow("clock", FLOW("daily = '12:00', title = 'the same'"));
  assert_int_equal(due_row(), KIT_BEGIN + 3 * HOUR);
  kit_pass(3 * HOUR);
  assert_int_equal(count(), 1);
  kit_flow("clock", FLOW("daily = '13:00'"));
  assert_int_equal(due_row(), KIT_BEGIN + 4 * HOUR);
  kit_flow("clock", FLOW("every = '10m'"));
  kit_pass(10 * MINUTE);
  assert_int_equal(count(), 2);
  kit_flow("clock", FLOW("every = '1m'"));
  assert_int_equal(due_row(), kit.clock.wall + MINUTE);
}

/* Taken out and put back: nothing is owed for the time between. */
static void what_is_taken_out_owes_nothing(void **state) {
  (void)state;
  begin(FLOW("every = '1h'"));
  kit_pass(HOUR);
  assert_int_equal(count(), 1);
  kit_flow("clock", "local ml = require 'moonlane'\n"
           "return ml.workflow { 'clock', phases = { { 'one', ml.activity { 'a',\n"
           "  run = function() end } } } }\n");
  assert_int_equal(due_row(), 0);
  kit_pass(10 * HOUR);
  kit_flow("clock", FLOW("every = '1h'"));
  kit_settle();
  assert_int_equal(count(), 1);
  assert_int_equal(due_row(), kit.clock.wall + HOUR);
  down(HOUR);
  assert_int_equal(count(), 2);
}

/* A setting without a value: refused, tried again, late but not lost. */
static void a_start_that_is_refused_is_tried_again(void **state) {
  static const char flow[] =
    "local ml = require 'moonlane'\n"
    "return ml.workflow { 'clock', settings = { key = { 'string', required = true } },\n"
    "  start = { ml.schedule { 'tick', daily = '12:00' } },\n"
    "  phases = { { 'one', ml.activity { 'a', run = function() end } } } }\n";
  kit_came c = {0};

  (void)state;
  begin(flow);
  kit_pass(4 * HOUR);
  assert_int_equal(count(), 0);
  assert_int_equal(due_row(), KIT_BEGIN + 3 * HOUR);
  ml_run_set_setting(kit.run, ML_STR("clock"), ML_STR("key"),
                     kit_json(&kit.arena, "\"x\""), kit_done, &c);
  kit_settle();
  assert_int_equal(c.rc, ML_OK);
  kit_pass(MINUTE);
  assert_int_equal(count(), 1);
  assert_int_equal(due_row(), KIT_BEGIN + 27 * HOUR);
}

/* moonlane check, a stopped engine: nothing is started. */
static void held_schedules_start_nothing(void **state) {
  (void)state;
  begin(FLOW("every = '1h'"));
  ml_run_hold_schedules(kit.run, true);
  kit_pass(3 * HOUR);
  assert_int_equal(count(), 0);
  ml_run_hold_schedules(kit.run, false);
  kit_settle();
  assert_int_equal(count(), 1);
}

static void two_schedules_of_one_moment_are_two(void **state) {
  (void)state;
  begin("local ml = require 'moonlane'\n"
        "return ml.workflow { 'clock',\n"
        "  start = { ml.schedule { 'a', daily = '12:00' },\n"
        "            ml.schedule { 'b', weekly = 'mon 12:00' } },\n"
        "  phases = { { 'one', ml.activity { 'a', run = function() end } } } }\n");
  kit_pass(3 * HOUR);
  assert_int_equal(count(), 2);
  kit_pass(24 * HOUR);
  assert_int_equal(count(), 3);
}

/* Whatever piece of memory is refused at its moment: late by a minute, once. */
static void short_memory_makes_it_late_only(void **state) {
  size_t late = 0;

  (void)state;
  begin(FLOW("daily = '12:00'"));
  for (uint64_t n = 1; n <= 60; n++) {
    int64_t due = due_row();
    size_t had = count();

    kit_pass(due - 1 - kit.clock.wall);
    ml_clock_fake_pass(&kit.clock, 1);
    ml_mem_fail_at(n, 0);
    ml_run_tick(kit.run);
    ml_mem_fail_at(0, 0);
    kit_settle();
    late += count() == had;
    kit_pass(2 * MINUTE);
    assert_int_equal(count(), had + 1);
    assert_int_equal(due_row(), due + 24 * HOUR);
  }
  assert_in_range(late, 3, 59);
}

#define T(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
    T(a_moment_starts_one_process_with_its_data), T(each_day_has_one),
    T(what_was_missed_is_caught_up_once),
    T(what_was_missed_is_left_out_when_it_says_so),
    T(a_clock_that_goes_back_starts_nothing_twice),
    T(a_clock_that_was_ahead_before_a_restart_is_set_right),
    T(a_crash_makes_neither_two_nor_none),
    T(a_new_version_goes_on_from_the_same_row),
    T(what_is_taken_out_owes_nothing),
    T(a_start_that_is_refused_is_tried_again), T(held_schedules_start_nothing),
    T(two_schedules_of_one_moment_are_two), T(short_memory_makes_it_late_only),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
