/*
** test_quarantine.c - a bundle whose scripts kill their workers is set aside
** (SEMANTICS.md 27): eleven different processes in ten minutes, not one often;
** others go on; a restart changes nothing; an operator lets it go on.
*/
#include "run_kit.h"

#include "run/inside.h"

static const char bad[] =
  "local ml = require 'moonlane'\n"
  "return ml.workflow { 'bad', phases = { { 'one', ml.activity { 'a',\n"
  "  run = function() end } } } }\n";
static const char good[] =
  "local ml = require 'moonlane'\n"
  "return ml.workflow { 'good', phases = { { 'one', ml.activity { 'a',\n"
  "  run = function() end } } } }\n";

/* ---- workers that die three times on each slice of `bad` ---- */

typedef struct death { ml_answer_fn *fn; void *arg; } death;
static struct {
  ml_rc (*ask)(ml_script *, const ml_ask *, ml_answer_fn *, void *);
  bool kills;
  int asked;                     /* slices of bad */
} deadly;

static void die(void *arg) {
  death d = *(death *)arg;
  ml_answer a = {.end = ML_END_BROKE, .text = ML_STR("the worker died of SIGSEGV")};

  ml_mem_free(arg);
  d.fn(d.arg, ML_LIMIT, &a);
}

static bool is_bad(const ml_ask *q) {
  const bundle *b = bundle_hash(kit.run, q->bundle);

  return b != NULL && ml_str_is(b->flows[0]->name, "bad");
}

static ml_rc ask(ml_script *s, const ml_ask *q, ml_answer_fn *fn, void *arg) {
  death *d;

  if (q->kind != ML_ASK_ATTEMPT || !is_bad(q))
    return deadly.ask(s, q, fn, arg);
  deadly.asked++;
  if (!deadly.kills)
    return deadly.ask(s, q, fn, arg);
  d = ml_mem_alloc(sizeof *d);
  assert_non_null(d);
  *d = (death){fn, arg};
  assert_int_equal(ml_loop_later(kit.loop, die, d), ML_OK);
  return ML_OK;
}

/* The scan of a start is under way when it comes back: arm before it turns. */
static void begin(bool kills) {
  kit_begin();
  deadly.ask = kit.script->ask;
  kit.script->ask = ask;
  deadly.kills = kills;
}

static int64_t start_bad(void) {
  int64_t n = kit_start("bad", "{}");

  kit_settle();
  return n;
}

static bool held(void) {
  return ml_run_quarantine_count(kit.run) > 0;
}

static size_t lifted_count;

static void on_lifted(void *arg, ml_rc rc, const ml_err *e, size_t lifted) {
  lifted_count = lifted;
  kit_done(arg, rc, e);
}

static size_t lift(const char *workflow) {
  kit_came c = {0};

  ml_run_lift(kit.run, ml_str_of(workflow), on_lifted, &c);
  kit_settle();
  assert_int_equal(c.times, 1);
  assert_int_equal(c.rc, ML_OK);
  return lifted_count;
}

static void both(void) {
  begin(true);
  kit_flow("bad", bad);
  kit_flow("good", good);
  deadly.asked = 0;
}

static void eleven_processes_and_others_go_on(void **state) {
  int64_t n = 0, after;

  (void)state;
  both();
  for (int i = 0; i < 10; i++)
    n = start_bad();
  kit_is(n, ML_OPEN, ML_RUN_ERROR);
  assert_false(held());
  n = start_bad();
  kit_is(n, ML_OPEN, ML_RUN_ERROR);
  assert_true(held());
  assert_int_equal(deadly.asked, 11);
  after = start_bad();                         /* taken, and held */
  kit_is(after, ML_OPEN, ML_RUN_RUNNING);
  assert_int_equal(deadly.asked, 11);
  assert_true(ml_run_idle(kit.run));           /* it waits on disk */
  kit_is(kit_start("good", "{}"), ML_COMPLETED, ML_RUN_COMPLETED);
  kit_pass(3600000);                           /* leases end; it stays held */
  assert_int_equal(deadly.asked, 11);
  kit_is(after, ML_OPEN, ML_RUN_RUNNING);
}

static void a_restart_changes_nothing(void **state) {
  int64_t n = 0;

  (void)state;
  both();
  for (int i = 0; i < 12; i++)
    n = start_bad();
  assert_int_equal(deadly.asked, 11);
  kit_crash();
  begin(true);
  assert_true(held());
  kit_pass(3600000);
  assert_int_equal(deadly.asked, 11);          /* no loop at a start */
  kit_is(n, ML_OPEN, ML_RUN_RUNNING);
  deadly.kills = false;
  assert_int_equal(lift("good"), 0);
  assert_int_equal(lift("bad"), 1);
  assert_false(held());
  kit_is(n, ML_COMPLETED, ML_RUN_COMPLETED);
  kit_crash();
  begin(false);
  assert_false(held());
}

/* The incidents of one process, however often, are that one's. */
static void one_process_often_is_no_reason(void **state) {
  int64_t n;
  kit_came c;

  (void)state;
  both();
  n = start_bad();
  for (int i = 0; i < 30; i++) {
    ml_input *in = kit_input(ML_EV_RETRIED, n, NULL, &c);

    kit_put(in);
    assert_int_equal(c.rc, ML_OK);
  }
  assert_int_equal(deadly.asked, 31);
  assert_false(held());
}

static void ten_minutes_are_counted(void **state) {
  (void)state;
  both();
  for (int i = 0; i < 10; i++)
    start_bad();
  kit_pass(600000);
  for (int i = 0; i < 10; i++)
    start_bad();
  assert_false(held());
  start_bad();
  assert_true(held());
}

/* Another version of the bundle is another bundle. */
static void a_new_version_is_free(void **state) {
  char text[400];

  (void)state;
  both();
  for (int i = 0; i < 11; i++)
    start_bad();
  assert_true(held());
  deadly.kills = false;
  snprintf(text, sizeof text, "-- mended\n%s", bad);
  kit_flow("bad", text);
  kit_is(start_bad(), ML_COMPLETED, ML_RUN_COMPLETED);
  assert_true(held());                         /* the old one */
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)
  const struct CMUnitTest tests[] = {
    T(eleven_processes_and_others_go_on),
    T(a_restart_changes_nothing),
    T(one_process_often_is_no_reason),
    T(ten_minutes_are_counted),
    T(a_new_version_is_free),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
