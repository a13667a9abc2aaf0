/*
** test_trial.c - a write that scripts judge before it is taken, in the run: it
** is all there or not at all, whatever else happens to the process meanwhile.
*/
#include "run_kit.h"

static const char flow[] =
  "local ml = require 'moonlane'\n"
  "return ml.workflow { 'thing', hosts = { 'x.example' },\n"
  "  lanes = { desk = 'The desk' },\n"
  "  fields = { { 'word', 'string' }, { 'got', 'integer' },\n"
  "    { 'size', 'integer', derive = function(d)\n"
  "      return d.word and #d.word + (d.got or 0) end } },\n"
  "  states = { 'on', start = 'on' },\n"
  "  before_update = { { 'no bad words',\n"
  "    when = function(c) return c.changed_to('word', 'bad') end,\n"
  "    refuse = 'that is a bad word' } },\n"
  "  phases = { { 'fetch', ml.activity { 'fetch', run = function(ctx)\n"
  "      ctx.data.got = ctx.http.get('https://x.example/').status end } },\n"
  "    { 'ask', ml.task { 'ask', lane = 'desk', edit = { 'word' } } } } }\n";

static void open_thing(void) {
  kit_begin();
  kit_flow("thing", flow);
  kit_join("thing", "desk");
}

/* A start, an activity's end and a task: each write brings what is derived. */
static void derived_with_every_write(void **state) {
  int64_t n;

  (void)state;
  open_thing();
  n = kit_start("thing", "{\"word\":\"four\"}");
  kit_data(n, "{\"word\":\"four\",\"size\":4}");
  kit_answer(&kit.calls[0], "200 {}");
  kit_settle();
  kit_data(n, "{\"word\":\"four\",\"got\":200,\"size\":204}");
  assert_int_equal(kit_complete(n, "ask", NULL, "{\"word\":\"sixsix\"}").rc,
                   ML_OK);
  kit_data(n, "{\"word\":\"sixsix\",\"got\":200,\"size\":206}");
  kit_is(n, ML_COMPLETED, ML_RUN_COMPLETED);
}

/* While an edit is judged, the answer of a call comes in: it is taken at once,
** and the edit is judged again on what the process is then. */
static void what_comes_from_inside_is_not_lost(void **state) {
  kit_came edit, second;
  int64_t n;

  (void)state;
  open_thing();
  n = kit_start("thing", "{\"word\":\"four\"}");
  ml_run_put(kit.run, kit_input(ML_EV_EDITED, n, "{\"word\":\"sixsix\"}", &edit));
  ml_run_put(kit.run, kit_input(ML_EV_EDITED, n, "{\"word\":\"seven77\"}",
                                &second));          /* waits for the first */
  kit_answer(&kit.calls[0], "200 {}");
  kit_settle();
  assert_int_equal(edit.times + second.times, 2);
  assert_int_equal(edit.rc, ML_OK);
  assert_int_equal(second.rc, ML_OK);
  kit_data(n, "{\"word\":\"seven77\",\"got\":200,\"size\":207}");
  assert_int_equal(kit.call_count, 1);
}

static void a_refusal_leaves_all_as_it_was(void **state) {
  kit_came bad, good;
  kit_look before, after;
  int64_t n;

  (void)state;
  open_thing();
  n = kit_start("thing", "{\"word\":\"four\"}");
  before = kit_see(n);
  ml_run_put(kit.run, kit_input(ML_EV_EDITED, n, "{\"word\":\"bad\"}", &bad));
  ml_run_put(kit.run, kit_input(ML_EV_EDITED, n, "{\"word\":\"good\"}", &good));
  kit_settle();
  assert_int_equal(bad.rc, ML_INVALID);
  assert_string_equal(bad.e.text, "that is a bad word");
  assert_int_equal(good.rc, ML_OK);
  after = kit_see(n);
  assert_int_equal(after.row.seq, before.row.seq + 1);   /* the good one's alone */
  kit_data(n, "{\"word\":\"good\",\"size\":4}");
}

/* The power goes while it is judged: nothing of it was acknowledged, nothing is
** there, and the process goes on. */
static void a_crash_while_it_is_judged(void **state) {
  kit_came edit;
  int64_t n;

  (void)state;
  open_thing();
  n = kit_start("thing", "{\"word\":\"four\"}");
  ml_run_put(kit.run, kit_input(ML_EV_EDITED, n, "{\"word\":\"sixsix\"}", &edit));
  kit_crash();
  kit_begin();
  kit_settle();
  kit_data(n, "{\"word\":\"four\",\"size\":4}");
  kit_answer(&kit.calls[kit.call_count - 1], "200 {}");
  kit_settle();
  kit_data(n, "{\"word\":\"four\",\"got\":200,\"size\":204}");
}

/* An activity that writes what is derived is told so; its Error is its own. */
static void a_derived_field_is_no_activitys(void **state) {
  int64_t n;

  (void)state;
  kit_begin();
  kit_flow("thing",
           "local ml = require 'moonlane'\n"
           "return ml.workflow { 'thing',\n"
           "  fields = { { 'size', 'integer', derive = function() return 1 end } },\n"
           "  phases = { { 'a', ml.activity { 'a', run = function(ctx)\n"
           "    ctx.data.size = 2 end } } } }\n");
  n = kit_start("thing", "{}");
  kit_is(n, ML_OPEN, ML_RUN_ERROR);
  kit_data(n, "{\"size\":1}");
}

#define T(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
    T(derived_with_every_write), T(what_comes_from_inside_is_not_lost),
    T(a_refusal_leaves_all_as_it_was), T(a_crash_while_it_is_judged),
    T(a_derived_field_is_no_activitys),
  };

  return cmocka_run_group_tests_name("trial", tests, NULL, NULL);
}
