/*
** test_admit.c - after downtime: what is due comes in at a bounded rate, all of
** it, and is not held up by those that wait for a peer.
*/
#include "run_kit.h"

#include "run/inside.h"

enum { MANY = 3300 };

static const char naps[] =
  "local ml = require 'moonlane'\n"
  "return ml.workflow { 'naps', fields = { { 'a', 'string' } },\n"
  "  phases = { { 'one', ml.activity { 'nap', run = function(ctx)\n"
  "    ctx:sleep('1h') end } } } }\n";

static size_t most;

static void watch_turns(void) {
  for (int i = 0, quiet = 0; i < 200000 && quiet < 20; i++) {
    bool moved = kit_turn();

    if (kit.run->proc_count > most)
      most = kit.run->proc_count;
    quiet = moved || !ml_run_idle(kit.run) ? 0 : quiet + 1;
  }
}

static size_t ended(void) {
  kit_look l = kit_see(0);
  size_t n = 0;

  for (size_t i = 0; i < l.all_count; i++)
    n += l.all[i].status == ML_COMPLETED;
  return n;
}

/* Many wake at once.  They are taken page by page as others are through. */
static void all_wake_and_few_at_a_time(void **state) {
  kit_came c;

  (void)state;
  kit_begin();
  kit_flow("naps", naps);
  for (int i = 0; i < MANY; i++) {
    ml_run_put(kit.run, kit_start_input("naps", "{}", &c));
    if (i % 300 == 299)
      kit_settle();
    assert_true(c.times == 0 || c.rc == ML_OK);
  }
  kit_settle();
  assert_int_equal(kit.run->stats.starts, MANY);
  assert_int_equal(kit.run->stats.slices, MANY);
  kit_crash();
  ml_clock_fake_pass(&kit.clock, 3600000);
  kit_begin();
  most = 0;
  watch_turns();
  assert_true(ml_run_idle(kit.run));
  assert_true(most >= 500);
  assert_true(most <= 2500);                 /* ADMIT_MAX, and a page */
  assert_int_equal(ml_store_pending(kit.store), 0);
  assert_int_equal(kit.run->stats.completed, MANY);
  assert_int_equal(ended(), 1000);           /* of a page of the list */
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(all_wake_and_few_at_a_time, kit_setup,
                                    kit_teardown),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
