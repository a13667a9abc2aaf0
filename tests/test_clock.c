/*
** test_clock.c - the wall clock stands years ahead for a while and comes back:
** what the engine itself waits for is not waited for until then (leases:
** test_run.c; the outbox: test_outbox.c; schedules: test_schedule.c).
*/
#include "run_kit.h"

#include "run/inside.h"

#define YEARS (INT64_C(17) * 365 * 86400000)

#define HEAD "local ml = require 'moonlane'\nlocal U = 'https://api.example'\n"

static const char calls[] = HEAD
  "return ml.workflow { 'calls', lanes = { system = 'S' }, hosts = { 'api.example' },\n"
  "  phases = { { 'go', ml.activity { 'a', lane = 'system', retry = { 3, '10s' },\n"
  "    run = function(ctx) ctx.http.post(U .. '/one', { json = { v = 1 } }) end },\n"
  "    next = ml.finish } } }\n";

static const char rounds[] = HEAD
  "return ml.workflow { 'rounds', lanes = { system = 'S' },\n"
  "  phases = { { 'go', ml.activity { 'a', lane = 'system', retry = { 1000, '10s' },\n"
  "    run = function(ctx) ctx:retry 'not yet' end }, next = ml.finish } } }\n";

static const char sleeps[] = HEAD
  "return ml.workflow { 'sleeps', lanes = { system = 'S' },\n"
  "  phases = { { 'go', ml.activity { 'a', lane = 'system',\n"
  "    run = function(ctx) ctx:sleep '10m' end }, next = ml.finish } } }\n";

static const char polls[] = HEAD
  "return ml.workflow { 'polls', lanes = { system = 'S' }, hosts = { 'api.example' },\n"
  "  settings = { every = { 'duration', default = '15m' } },\n"
  "  fields = { { 'id', 'string' } },\n"
  "  start = { { kind = 'poll', name = 'p', every = ml.setting 'every', into = 'id',\n"
  "    run = function(ctx) ctx.http.get(U .. '/rows') return {} end } },\n"
  "  phases = { { 'go', ml.activity { 'a', lane = 'system', run = function() end },\n"
  "    next = ml.finish } } }\n";

/* The wall clock leaps; the monotonic one does not. */
static void leap(int64_t ms) {
  kit.clock.wall += ms;
  ml_run_tick(kit.run);
  kit_settle();
}

static void crash(int64_t leap_ms) {
  kit_crash();
  kit.clock.wall += leap_ms;
  kit_begin();
  kit_settle();
}

static void begin(const char *name, const char *flow) {
  kit_begin();
  kit_flow(name, flow);
}

static void a_retry_waits_as_long_as_it_would_have(void **state) {
  int64_t n;

  (void)state;
  begin("calls", calls);
  leap(YEARS);
  n = kit_start("calls", "{}");
  kit_answer(&kit.calls[0], "lost");
  kit_settle();
  kit_pass(4000);
  assert_true(kit_see(n).row.due == kit.clock.wall + 6000);
  leap(-YEARS);                    /* 10 s from now: it was changed "now" */
  assert_true(kit_see(n).row.due > kit.clock.wall);
  assert_true(kit_see(n).row.due <= kit.clock.wall + 10000);
  assert_int_equal(kit.call_count, 1);
  kit.answer = "200 {}";
  kit_pass(10000);
  assert_int_equal(kit.call_count, 2);
  kit_is(n, ML_COMPLETED, ML_RUN_COMPLETED);
}

/* The engine was started under the clock that stood ahead. */
static void a_start_sees_it_too(void **state) {
  int64_t n;

  (void)state;
  begin("calls", calls);
  crash(YEARS);
  n = kit_start("calls", "{}");
  kit_answer(&kit.calls[0], "lost");
  kit_settle();
  kit.answer = "200 {}";
  crash(-YEARS);
  assert_true(kit_see(n).row.due <= kit.clock.wall + 10000);
  kit_pass(10000);
  kit_is(n, ML_COMPLETED, ML_RUN_COMPLETED);
}

/* More of them than one page, among others that nothing is wrong with. */
static void all_of_them_are_found(void **state) {
  enum { EACH = 300 };
  int64_t n[4 * EACH];
  size_t k = 0;

  (void)state;
  kit.memory = true;
  begin("rounds", rounds);
  kit_flow("sleeps", sleeps);
  for (; k < EACH; k++)
    n[k] = kit_start("sleeps", "{}");
  leap(YEARS);
  for (; k < 3 * EACH; k++)
    n[k] = kit_start("rounds", "{}");
  for (; k < 4 * EACH; k++)
    n[k] = kit_start("sleeps", "{}");
  kit.clock.wall -= YEARS;
  kit_pass(0);
  for (k = EACH; k < 3 * EACH; k++)
    assert_true(kit_see(n[k]).row.due == kit.clock.wall + 10000);
  for (; k < 4 * EACH; k++)
    assert_true(kit_see(n[k]).row.due == kit.clock.wall + YEARS + 600000);
}

/* What a script chose is a moment: never early. */
static void a_sleep_ends_when_it_said(void **state) {
  int64_t n;

  (void)state;
  begin("sleeps", sleeps);
  leap(YEARS);
  n = kit_start("sleeps", "{}");
  leap(-YEARS);
  kit_pass(3600000);
  kit_is(n, ML_OPEN, ML_RUN_RUNNING);
  leap(YEARS - 3600000 + 600000 - 1);
  kit_is(n, ML_OPEN, ML_RUN_RUNNING);
  leap(1);
  kit_is(n, ML_COMPLETED, ML_RUN_COMPLETED);
}

static void a_poll_comes_within_its_period(void **state) {
  (void)state;
  kit.hold_polls = false;
  kit.answer = "200 {}";
  begin("polls", polls);
  leap(YEARS);
  kit_pass(1000);
  assert_true(kit.call_count > 0);
  kit.call_count = 0;
  leap(-YEARS);
  kit_pass(900000);
  assert_true(kit.call_count > 0);
  leap(YEARS);
  kit_pass(1000);
  crash(-YEARS);                   /* its row says so too */
  kit.call_count = 0;
  kit_pass(900000);
  assert_true(kit.call_count > 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
    T(a_retry_waits_as_long_as_it_would_have), T(a_start_sees_it_too),
    T(all_of_them_are_found), T(a_sleep_ends_when_it_said),
    T(a_poll_comes_within_its_period),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
