/*
** test_quarantine.c - a bundle whose scripts kill their workers is set aside
** (SEMANTICS.md 27): eleven different processes in ten minutes, not one often;
** others go on; a restart changes nothing; an operator lets it go on.  Until
** then none of its scripts is asked anything, of whatever kind.
*/
#include "run_kit.h"

#include "run/inside.h"
#include "run/transact.h"
#include "store/bulk.h"

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
  bool last;                     /* the next one is still answered */
  int of_any_kind;               /* questions that run any script of bad */
} deadly;

static void die(void *arg) {
  death d = *(death *)arg;
  ml_answer a = {.end = ML_END_BROKE, .text = ML_STR("the worker died of SIGSEGV")};

  ml_mem_free(arg);
  d.fn(d.arg, ML_LIMIT, &a);
}

static bool is_bad(const ml_ask *q) {
  const bundle *b = bundle_hash(kit.run, q->bundle);

  for (size_t i = 0; q->kind == ML_ASK_DEFINE && i < q->source_count; i++)
    if (memmem(q->sources[i].text.p, q->sources[i].text.n, "'bad'", 5) != NULL)
      return true;
  return b != NULL && b->flow_count > 0 && ml_str_is(b->flows[0]->name, "bad");
}

static ml_rc ask(ml_script *s, const ml_ask *q, ml_answer_fn *fn, void *arg) {
  death *d;

  deadly.of_any_kind += is_bad(q);
  if (q->kind != ML_ASK_ATTEMPT || !is_bad(q))
    return deadly.ask(s, q, fn, arg);
  deadly.asked++;
  for (int i = 0; deadly.last && i < 11; i++)
    quarantine_note(kit.run, bundle_hash(kit.run, q->bundle), 1000 + i);
  if (!deadly.kills || deadly.last)
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

/* It is looked at now and then, not all the time: an hour, six leases. */
static void an_hour_passes(void) {
  ml_run_stats before, after;

  ml_run_stats_get(kit.run, &before);
  kit_pass(3600000);
  ml_run_stats_get(kit.run, &after);
  if (after.loaded - before.loaded > 20)
    fail_msg("%llu loads", (unsigned long long)(after.loaded - before.loaded));
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
  an_hour_passes();                            /* leases end; it stays held */
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
  an_hour_passes();
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

/* ---- its other scripts ---- */

#define HEAD "local ml = require 'moonlane'\n"
static const char many[] = HEAD
  "return ml.workflow { 'bad', hosts = { 'x.example' },\n"
  "  lanes = { desk = 'The desk' },\n"
  "  fields = { { 'id', 'string' }, { 'word', 'string' },\n"
  "    { 'size', 'integer', derive = function(d) return #(d.word or '') end } },\n"
  "  states = { 'on', start = 'on' },\n"
  "  before_update = { { 'no bad words',\n"
  "    when = function(c) return c.changed_to('word', 'bad') end,\n"
  "    refuse = 'that is a bad word' } },\n"
  "  start = {\n"
  "    { kind = 'webhook', name = 'orders', into = 'id',\n"
  "      receive = function(ctx, request)\n"
  "        ctx.http.get('https://x.example/')\n"
  "        return { transactions = ml.array { { identity = request.body,\n"
  "          data = { id = request.body } } } } end },\n"
  "    ml.form { 'word' } },\n"
  "  phases = { { 'one', ml.activity { 'a', run = function(ctx)\n"
  "      ctx.data.word = 'done' end } },\n"
  "    { 'ask', ml.task { 'ask', lane = 'desk', edit = { 'word' } } } } }\n";
static const char rules[] = HEAD
  "return ml.rules { { 'tenantStateChange', to = 'bad',\n"
  "  when = function(tx) return tx.yes end } }\n";
static const char plain_rules[] = HEAD
  "return ml.rules { { 'tenantStateChange', to = 'good',\n"
  "  when = function(tx) return true end } }\n";

/* A trigger's run, or a transaction, as it came back. */
static kit_came heard;
static kit_came transacted;

static void hooked(void *arg, ml_rc rc, const ml_err *e, ml_str answer) {
  (void)answer;
  kit_done(arg, rc, e);
}

static void post_it(void) {
  memset(&heard, 0, sizeof heard);
  ml_run_hook(kit.run, ML_STR("bad"), ML_STR("orders"),
              ML_STR("{\"method\":\"POST\",\"headers\":{},\"query\":{},"
                     "\"body\":\"7\"}"), NULL, hooked, &heard);
  kit_settle();
}

static void on_transacted(void *arg, ml_rc rc, const ml_err *e,
                          const uint8_t id[16], bool replayed) {
  (void)id;
  (void)replayed;
  kit_done(arg, rc, e);
}

static void transact(void) {
  ml_transact *t = ml_transact_new();

  assert_non_null(t);
  memset(&transacted, 0, sizeof transacted);
  t->type = ML_STR("tenantStateChange");
  t->payload = kit_json(&t->arena, "{\"yes\":true}");
  t->done = on_transacted;
  t->arg = &transacted;
  ml_run_transact(kit.run, t);
  kit_settle();
  assert_int_equal(transacted.times, 1);
}

static void is_refused(const kit_came *c) {
  assert_int_equal(c->times, 1);
  assert_int_equal(c->rc, ML_AGAIN);
  assert_int_equal(c->e.after_s, 60);        /* what Retry-After says */
  if (strstr(c->e.text, "the scripts of 'bad' are in quarantine") == NULL ||
      strstr(c->e.text, "`moonlane lift bad`") == NULL)
    fail_msg("%s", c->e.text);
}

/* Ten dead processes of a workflow with every kind of script, and one with a
** task that is still open: it is about to be the one that did not die. */
static int64_t ten_dead(void) {
  int64_t n;

  begin(false);
  kit_write("bad", "rules.lua", rules);
  kit_flow("bad", many);
  kit_flow("good", good);
  kit_join("bad", "desk");
  n = start_bad();
  deadly.kills = true;
  for (int i = 0; i < 10; i++)
    start_bad();
  assert_false(held());
  return n;
}

static size_t processes(void) { return kit_see(0).all_count; }

static void none_of_its_scripts_is_asked(void **state) {
  int64_t n = ten_dead();
  kit_came edit;
  size_t count;

  (void)state;
  start_bad();
  assert_true(held());
  deadly.of_any_kind = 0;
  count = processes();

  kit_put(kit_input(ML_EV_EDITED, n, "{\"word\":\"four\"}", &edit));
  is_refused(&edit);
  kit_data(n, "{\"word\":\"done\",\"size\":4}");
  edit = kit_complete(n, "ask", NULL, "{\"word\":\"four\"}");
  is_refused(&edit);
  kit_put(kit_start_input("bad", "{\"word\":\"x\"}", &edit));
  is_refused(&edit);                           /* what is derived is needed */
  post_it();
  is_refused(&heard);
  transact();
  is_refused(&transacted);
  assert_int_equal(processes(), count);
  assert_int_equal(kit_load(), ML_OK);         /* its folder is as it was */
  kit_pass(3600000);
  assert_int_equal(deadly.of_any_kind, 0);

  kit_crash();                                 /* nor after a restart */
  begin(true);
  assert_int_equal(kit_load(), ML_OK);
  assert_true(held());
  kit_pass(3600000);
  assert_int_equal(deadly.of_any_kind, 0);
  kit_is(kit_start("good", "{}"), ML_COMPLETED, ML_RUN_COMPLETED);

  deadly.kills = false;
  assert_int_equal(lift("bad"), 1);
  kit_put(kit_input(ML_EV_EDITED, n, "{\"word\":\"seven\"}", &edit));
  assert_int_equal(edit.rc, ML_OK);
  kit_data(n, "{\"word\":\"seven\",\"size\":5}");
  transact();
  assert_int_equal(transacted.rc, ML_OK);
  assert_int_equal(processes(), count + 2);
  assert_true(deadly.of_any_kind > 0);
}

/* What an activity answers is not taken without what is derived from it: it is
** lost, and the activity answers again. */
static void an_answer_on_its_way_comes_again(void **state) {
  int64_t n;

  (void)state;
  begin(false);
  kit_flow("bad", many);
  kit_join("bad", "desk");
  deadly.asked = 0;
  deadly.last = true;
  n = start_bad();
  deadly.last = false;
  assert_true(held());
  assert_int_equal(deadly.asked, 1);
  kit_data(n, "{\"size\":0}");
  kit_pass(3600000);
  assert_int_equal(deadly.asked, 1);
  assert_true(ml_run_idle(kit.run));
  assert_int_equal(lift("bad"), 1);
  assert_int_equal(deadly.asked, 2);
  kit_data(n, "{\"word\":\"done\",\"size\":4}");
}

static void what_was_under_way_goes_no_further(void **state) {
  (void)state;
  ten_dead();
  post_it();
  assert_int_equal(heard.times, 0);
  assert_int_equal(kit.call_count, 1);
  start_bad();
  assert_true(held());
  deadly.of_any_kind = 0;
  kit_answer(&kit.calls[0], "200 {}");
  kit_settle();
  is_refused(&heard);
  assert_int_equal(deadly.of_any_kind, 0);
}

/* ---- a job of many ---- */

static ml_rc read_entry(void *arg, ml_input *in, const ml_flow *f, int kind,
                        const ml_json *body, ml_err *e) {
  (void)arg;
  (void)f;
  (void)kind;
  (void)e;
  in->ev.data = body;
  return ML_OK;
}

static void read_jobs(void) { ml_run_bulk_reader(kit.run, read_entry, NULL); }

typedef struct job { kit_came came; ml_row_job row; ml_str body; } job;

static void fill_job(void *arg, ml_batch *b) {
  const job *j = arg;
  ml_row_entry row = {.job = j->row.no, .no = 1, .body = j->body};

  ml_batch_job(b, &j->row);
  ml_batch_entry(b, &row);
}

static void put_job(int64_t no, const char *workflow, const char *body) {
  const ml_workflow *wf = ml_run_workflow(kit.run, ml_str_of(workflow));
  job j = {.row = {.no = no, .kind = ML_JOB_CREATE, .total = 1,
                   .at_ms = KIT_BEGIN, .who = ML_STR("ops")},
           .body = ml_str_of(body)};

  assert_non_null(wf);
  j.row.workflow = wf->no;
  ml_run_write_rows(kit.run, fill_job, kit_done, &j);
  kit_settle();
  assert_int_equal(j.came.rc, ML_OK);
}

typedef struct jobs { ml_row_entry *first, *second; ml_rc rc; } jobs;

static void jobs_work(void *arg, ml_read *rd) {
  jobs *j = arg;
  size_t n;

  j->rc = ml_read_entries(rd, &kit.arena, 1, -1, 0, 1, &j->first, &n);
  if (j->rc == ML_OK)
    j->rc = ml_read_entries(rd, &kit.arena, 2, -1, 0, 1, &j->second, &n);
}

/* Its entries end with the reason, so that the jobs behind it are done. */
static void a_job_of_it_holds_up_no_other(void **state) {
  jobs j = {.rc = ML_IO};

  (void)state;
  kit.on_new = read_jobs;
  ten_dead();
  start_bad();
  assert_true(held());
  deadly.of_any_kind = 0;
  put_job(1, "bad", "{\"word\":\"x\"}");
  put_job(2, "good", "{}");
  ml_run_bulk_look(kit.run);
  kit_pass(60000);
  assert_int_equal(ml_store_read(kit.store, jobs_work, kit_look_done, &j),
                   ML_OK);
  ml_store_reap(kit.store);
  assert_int_equal(j.rc, ML_OK);
  assert_int_equal(j.first->status, ML_ENTRY_ERROR);
  assert_non_null(memmem(j.first->why.p, j.first->why.n, "in quarantine", 13));
  assert_int_equal(j.second->status, ML_ENTRY_SUCCESS);
  assert_int_equal(deadly.of_any_kind, 0);
}

/* The folder says something else: that is another bundle, and is evaluated. */
static void a_mended_folder_is_loaded(void **state) {
  char text[sizeof many + 20];

  (void)state;
  ten_dead();
  start_bad();
  deadly.kills = false;
  snprintf(text, sizeof text, "-- mended\n%s", many);
  kit_flow("bad", text);
  transact();
  assert_int_equal(transacted.rc, ML_OK);      /* its rules too are new */
  post_it();
  kit_answer(&kit.calls[0], "200 {}");
  kit_settle();
  assert_int_equal(heard.rc, ML_OK);
  kit_write("good", "rules.lua", plain_rules);
  assert_int_equal(kit_load(), ML_OK);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)
  const struct CMUnitTest tests[] = {
    T(eleven_processes_and_others_go_on),
    T(a_restart_changes_nothing),
    T(one_process_often_is_no_reason),
    T(ten_minutes_are_counted),
    T(a_new_version_is_free),
    T(none_of_its_scripts_is_asked),
    T(an_answer_on_its_way_comes_again),
    T(what_was_under_way_goes_no_further),
    T(a_job_of_it_holds_up_no_other),
    T(a_mended_folder_is_loaded),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
