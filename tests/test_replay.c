/*
** test_replay.c - a signed request is taken once: its mark is in the commit of
** what it made, over crashes, full disks and two that come at once.
*/
#include "run_kit.h"

#include "run/inside.h"

static const char flow[] =
  "local ml = require 'moonlane'\n"
  "return ml.workflow { 'asks', fields = { { 'a', 'string' } },\n"
  "  phases = { { 'one', ml.receive { 'wait', signal = 'go' } } } }\n";

static ml_input *signed_start(const char *id, int64_t for_ms, kit_came *c) {
  ml_input *in = kit_start_input("asks", "{\"a\":\"x\"}", c);

  in->replay = (ml_replay){ML_STR("partner/x"),
                           ml_str_of(ml_arena_dup(&in->arena, id, strlen(id))),
                           kit.clock.wall + for_ms};
  return in;
}

static ml_rc put_start(const char *id, int64_t for_ms) {
  kit_came c;

  kit_put(signed_start(id, for_ms, &c));
  assert_int_equal(c.times, 1);
  return c.rc;
}

static size_t processes(void) {
  return kit_see(0).all_count;
}

static void SN_8_the_same_request_starts_one_process(void **state) {
  (void)state;
  kit_flow("asks", flow);
  assert_int_equal(put_start("m1", 300000), ML_OK);
  assert_int_equal(put_start("m1", 300000), ML_EXISTS);
  assert_int_equal(put_start("m2", 300000), ML_OK);
  assert_int_equal(processes(), 2);
  kit_crash();
  kit_begin();
  assert_int_equal(put_start("m1", 300000), ML_EXISTS);
  kit_pass(299999);
  assert_int_equal(put_start("m1", 300000), ML_EXISTS);
  kit_pass(1);
  assert_int_equal(put_start("m1", 300000), ML_OK);
  assert_int_equal(processes(), 3);
}

static void SN_8_of_two_at_once_one_goes_on(void **state) {
  kit_came a, b;

  (void)state;
  kit_flow("asks", flow);
  ml_run_put(kit.run, signed_start("m1", 300000, &a));
  ml_run_put(kit.run, signed_start("m1", 300000, &b));
  assert_int_equal(b.times, 1);                /* at once: nothing was looked up */
  assert_int_equal(b.rc, ML_EXISTS);
  kit_settle();
  assert_int_equal(a.times, 1);
  assert_int_equal(a.rc, ML_OK);
  assert_int_equal(processes(), 1);
}

/* What was refused was not taken. */
static void SN_8_a_refused_request_may_come_again(void **state) {
  kit_came c;
  ml_input *in;

  (void)state;
  assert_int_equal(put_start("m1", 300000), ML_NOT_FOUND);   /* no workflow */
  kit_flow("asks", flow);
  in = signed_start("m1", 300000, &c);
  in->ev.data = kit_json(&in->arena, "{\"b\":1}");
  kit_put(in);
  assert_int_equal(c.rc, ML_INVALID);
  assert_int_equal(put_start("m1", 300000), ML_OK);
}

/* For a process that is there: the same signal twice is one. */
static void SN_8_an_event_is_taken_once(void **state) {
  kit_came c;
  int64_t n;

  (void)state;
  kit_flow("asks", flow);
  n = kit_start("asks", "{}");
  for (int i = 0; i < 2; i++) {
    ml_input *in = kit_input(ML_EV_COMMENTED, n, NULL, &c);

    in->ev.text = ML_STR("hello");
    in->replay = (ml_replay){ML_STR("hook/x"), ML_STR("m1"),
                             kit.clock.wall + 1000};
    kit_put(in);
    assert_int_equal(c.times, 1);
    assert_int_equal(c.rc, i == 0 ? ML_OK : ML_EXISTS);
  }
}

static ml_rc mark(const char *id) {
  ml_replay x = {ML_STR("hook/x"), ml_str_of(id), kit.clock.wall + 1000};
  kit_came c = {0};

  ml_run_replay(kit.run, &x, kit_done, &c);
  kit_settle();
  assert_int_equal(c.times, 1);
  return c.rc;
}

static void SN_8_a_request_without_a_process_is_marked(void **state) {
  ml_replay x = {ML_STR("hook/x"), ML_STR("m3"), kit.clock.wall + 1000};
  kit_came a = {0}, b = {0};

  (void)state;
  assert_int_equal(mark("m1"), ML_OK);
  assert_int_equal(mark("m1"), ML_EXISTS);
  assert_int_equal(mark("m2"), ML_OK);
  kit_crash();
  kit_begin();
  assert_int_equal(mark("m1"), ML_EXISTS);
  kit_pass(1000);
  assert_int_equal(mark("m1"), ML_OK);
  ml_run_replay(kit.run, &x, kit_done, &a);
  ml_run_replay(kit.run, &x, kit_done, &b);
  kit_settle();
  assert_int_equal(a.rc, ML_OK);
  assert_int_equal(b.rc, ML_EXISTS);
}

/* Memory that fails at any point: taken or not, and then once. */
static void SN_8_short_of_memory_nothing_is_lost(void **state) {
  size_t made = 0;

  (void)state;
  kit_flow("asks", flow);
  for (uint64_t n = 1; n < 120; n++) {
    char id[16];
    kit_came c;
    ml_input *in;

    snprintf(id, sizeof id, "m%d", (int)n);
    in = signed_start(id, 300000, &c);
    ml_mem_fail_at(n, 0);
    ml_run_put(kit.run, in);
    for (int i = 0; i < 20; i++)
      kit_turn();
    ml_mem_fail_at(0, 0);
    kit_settle();
    assert_int_equal(c.times, 1);
    made++;
    if (c.rc == ML_OK)
      assert_int_equal(put_start(id, 300000), ML_EXISTS);
    else
      assert_int_equal(put_start(id, 300000), ML_OK);
  }
  assert_int_equal(processes(), made);
}

static int open_kit(void **state) {
  if (kit_setup(state) != 0)
    return -1;
  kit_begin();
  return 0;
}

#define T(f) cmocka_unit_test_setup_teardown(f, open_kit, kit_teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
    T(SN_8_the_same_request_starts_one_process),
    T(SN_8_of_two_at_once_one_goes_on),
    T(SN_8_a_refused_request_may_come_again),
    T(SN_8_an_event_is_taken_once),
    T(SN_8_a_request_without_a_process_is_marked),
    T(SN_8_short_of_memory_nothing_is_lost),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
