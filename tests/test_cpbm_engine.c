/*
** test_cpbm_engine.c - the engine semantics of CloudPortal, by the numbers of
** SEEDS C6.  (C6.14's roles and C6.16 are asked over HTTP: t_transactions;
** C6.18: test_transact.)
*/
#include "run_kit.h"

#include "api/api_render.h"
#include "engine/advance.h"
#include "run/transact.h"

#define HEAD "local ml = require 'moonlane'\n"
#define LANES "lanes = { sys = 'S', ROLE_FINANCE_CRUD = 'Finance' }, "
#define MEMO "{ 'memo', 'text', chars = 255 }, { 'ok', 'boolean' }, "        \
  "{ 'n', 'integer', initial = 0 }"
#define APPROVAL "ml.task { 'approval', lane = 'ROLE_FINANCE_CRUD', anew = " \
  "true, edit = { 'memo' }, outcomes = { 'approve', { 'reject', need = { "   \
  "'memo' }, fails = 'memo' } } }"
#define WAITS "ml.activity { 'email', lane = 'sys', ask = '5m', run = "      \
  "function() end, is_complete = function(ctx) return ctx.data.ok == true "  \
  "end }"
#define AUTO(name) "ml.activity { '" name "', lane = 'sys', run = "          \
  "function() end }"
#define RULES HEAD "return ml.rules { { 'tenantStateChange', to = 'w', data "\
  "= function(tx) return { ok = tx.ok } end } }\n"

static void open_flow(const char *text) {
  kit_begin();
  kit_write("w", "rules.lua", RULES);
  kit_flow("w", text);
  if (ml_run_lane_no(kit.run, ML_STR("w"), ML_STR("ROLE_FINANCE_CRUD")) > 0)
    kit_join("w", "ROLE_FINANCE_CRUD");
}

/* ---- transactions ---- */

static int64_t tx_n;

static void tx_done(void *arg, ml_rc rc, const ml_err *e, const uint8_t id[16],
                    bool replayed) {
  (void)arg;
  (void)replayed;
  if (rc != ML_OK && rc != ML_AGAIN)        /* AGAIN: the engine was killed */
    fail_msg("%s", e->text);
  tx_n = rc == ML_OK ? ml_process_id_n(id) : 0;
}

static ml_row_transaction tx_row;

static void tx_work(void *arg, ml_read *rd) {
  *(ml_rc *)arg = ml_read_transaction(rd, &kit.arena, tx_n, &tx_row);
}

static ml_row_transaction *tx_see(void) {
  ml_rc rc = ML_IO;

  assert_int_equal(ml_store_read(kit.store, tx_work, kit_look_done, &rc),
                   ML_OK);
  ml_store_reap(kit.store);
  assert_int_equal(rc, ML_OK);
  return &tx_row;
}

static void tx_put(bool ok) {
  ml_transact *t = ml_transact_new();

  assert_non_null(t);
  t->type = ML_STR("tenantStateChange");
  t->payload = kit_json(&t->arena, ok ? "{\"ok\":true}" : "{\"ok\":false}");
  t->done = tx_done;
  ml_run_transact(kit.run, t);
}

/* One transaction, until all rests; its process. */
static int64_t begin(bool ok) {
  tx_put(ok);
  kit_settle();
  assert_true(tx_see()->process_n > 0);
  return tx_row.process_n;
}

static void tx_is(ml_txs state, const char *message) {
  const ml_row_transaction *t = tx_see();

  assert_string_equal(ml_txs_name(t->state), ml_txs_name(state));
  if (message == NULL)
    assert_null(t->message.p);
  else if (!ml_str_is(t->message, message))
    fail_msg("'%.*s', wanted '%s'", (int)t->message.n,
             t->message.p != NULL ? t->message.p : "", message);
}

/* ---- the process as everybody sees it ---- */

/* "label=Status label=Status ...", shown ones; all: with what was and will be. */
static const char *shown(int64_t n, bool all) {
  kit_look l = kit_see(n);
  ml_api_pasts past = {0};
  ml_api_view v = {.now_ms = KIT_BEGIN, .all = all};
  ml_rc rc;
  ml_process *p = ml_run_process_of(kit.run, &l.row, &rc);
  ml_buf b = {0}, out = {0};
  ml_json *j = NULL;
  const ml_json *acts;
  ml_jw w;
  char *text;

  assert_non_null(p);
  assert_int_equal(ml_api_past_add(&past, &kit.arena, l.history,
                                   l.history_count), ML_OK);
  v.past = past.all;
  v.past_count = past.count;
  ml_jw_init(&w, &b);
  ml_api_put_process(&w, p, ml_run_flow(kit.run, l.row.bundle,
                                        l.row.flow_index), &v);
  assert_false(b.bad);
  assert_int_equal(ml_json_parse(&kit.arena, b.p, b.len, NULL, &j, NULL),
                   ML_OK);
  acts = ml_json_get(j, "activities");
  for (uint32_t i = 0; i < acts->count; i++) {
    const ml_json *a = ml_json_at(acts, i);

    ml_buf_printf(&out, "%s%.*s=%.*s%s", i > 0 ? " " : "",
                  (int)ml_json_str(a, "label").n, ml_json_str(a, "label").p,
                  (int)ml_json_str(a, "status").n, ml_json_str(a, "status").p,
                  ml_json_bool(a, "aside", false) ? "(aside)" : "");
  }
  text = ml_arena_dup(&kit.arena, out.p != NULL ? out.p : "", out.len);
  ml_buf_free(&b);
  ml_buf_free(&out);
  ml_process_free(p);
  return text;
}

static ml_rc reset(int64_t n, kit_came *c) {
  kit_put(kit_input(ML_EV_RESET, n, NULL, c));
  return c->rc;
}

static size_t open_tasks(int64_t n) {
  kit_look l = kit_see(n);
  size_t open = 0;

  for (size_t i = 0; i < l.task_count; i++)
    open += l.tasks[i].status == ML_TASK_OPEN;
  return open;
}

#define HOUR INT64_C(3600000)

/* ---- the numbers ---- */

#define RETAIL HEAD "return ml.workflow { 'w', new_first = true, " LANES     \
  "fields = { " MEMO " },\n phases = { { 'one', " WAITS " }, { 'two', " APPROVAL ", "           \
  AUTO("accounts") " }, { 'three', " AUTO("last") " } } }\n"

/* Until the start is on disk, and not a step further there: its process. */
static int64_t stored_first(void) {
  for (int i = 0; i < 10; i++) {            /* the rule is asked */
    ml_script_inline_turn(kit.script);
    if (kit_see(0).all_count > 0)
      break;
    ml_loop_turn(kit.loop, 0);              /* commits; no slice runs */
    ml_run_reap(kit.run);
  }
  assert_int_equal(kit_see(0).all_count, 1);
  return kit_see(0).all[0].n;
}

/* C6.1: it is stored New with all activities of all phases New, and begins
** from there, also after a crash. */
static void c6_1_all_activities_are_new_before_the_first_pass(void **s) {
  (void)s;
  for (int crash = 0; crash < 2; crash++) {
    static const char all[] = "email=New approval=New accounts=New last=New";
    kit_look l;
    int64_t n;

    open_flow(RETAIL);
    tx_put(false);
    n = stored_first();
    kit_is(n, ML_OPEN, ML_RUN_NEW);
    assert_string_equal(shown(n, true), all);
    assert_int_equal(kit_see(n).history_count, 2);
    tx_is(ML_TX_RUNNING, NULL);
    if (crash) {
      kit_crash();
      kit_begin();
    }
    kit_settle();
    kit_is(n, ML_OPEN, ML_RUN_RUNNING);
    assert_string_equal(shown(n, true), "email=Waiting approval=New accounts=New "
                        "last=New");
    l = kit_see(n);
    assert_int_equal(l.history[0].told, ML_TOLD_STARTED);
    assert_int_equal(kit_told(&l, ML_TOLD_RUN, "New"), 1);
    assert_int_equal(l.history[2].told, ML_TOLD_RUN);
    assert_true(ml_str_is(l.history[2].text, "Running"));
    assert_int_equal(l.history[3].told, ML_TOLD_PHASE);
    kit_teardown(s);
    kit_setup(s);
  }
}

/* C6.2: what is complete already is passed in the same pass. */
static void c6_2_one_pass_goes_as_far_as_it_can(void **s) {
  int64_t n;

  (void)s;
  open_flow(RETAIL);
  n = begin(true);
  assert_string_equal(shown(n, false), "approval=Waiting accounts=Success");
  kit_is(n, ML_OPEN, ML_RUN_RUNNING);
  tx_is(ML_TX_RUNNING, NULL);
  assert_int_equal(open_tasks(n), 1);
  /* not verified: it stays in phase one, and a field that comes moves it on */
  n = begin(false);
  assert_string_equal(shown(n, false), "email=Waiting");
  {
    kit_came c;

    kit_put(kit_input(ML_EV_EDITED, n, "{\"ok\":true}", &c));
    assert_int_equal(c.rc, ML_OK);
  }
  assert_string_equal(shown(n, false), "approval=Waiting accounts=Success");
}

/* C6.3: all of a phase start before any is awaited; phases are sequential. */
static void c6_3_a_phase_starts_together(void **s) {
  int64_t n, from;
  kit_look l;
  uint64_t began[2] = {0}, last_done = 0, second = 0;
  int b = 0;

  (void)s;
  open_flow(HEAD "local function nap(name) return ml.activity { name, lane = "
            "'sys', run = function(ctx) ctx:sleep '1s' end } end\n"
            "return ml.workflow { 'w', lanes = { sys = 'S' }, fields = { " MEMO
            " }, phases = { { 'one', nap 'a', nap 'b' }, { 'two', "
            AUTO("c") " } } }\n");
  n = begin(true);
  from = kit.clock.wall;
  kit_pass(1000);
  kit_is(n, ML_COMPLETED, ML_RUN_COMPLETED);
  assert_true(kit.clock.wall - from < 1100);
  l = kit_see(n);
  for (size_t i = 0; i < l.history_count; i++) {
    const ml_row_history *h = &l.history[i];

    if (h->told == ML_TOLD_SUCCEEDED && !ml_str_is(h->name, "c"))
      last_done = h->seq;
    if (h->told == ML_TOLD_PHASE && ml_str_is(h->name, "two"))
      second = h->seq;
    if (h->told == ML_TOLD_WOKE && b < 2)
      began[b++] = h->seq;
  }
  assert_int_equal(b, 2);
  assert_true(began[1] > 0 && last_done > 0 && second > last_done);
  tx_is(ML_TX_COMPLETED, NULL);
}

/* C6.4: each step of a trace. */
static void c6_4_only_all_successes_pass_a_phase(void **s) {
  int64_t n;

  (void)s;
  open_flow(HEAD "return ml.workflow { 'w', " LANES "fields = { " MEMO " },\n"
            " phases = { { 'one', " APPROVAL ", ml.task { 'second', lane = "
            "'ROLE_FINANCE_CRUD', anew = true } }, { 'two', ml.task { 'third', "
            "lane = 'ROLE_FINANCE_CRUD', anew = true } } } }\n");
  n = begin(true);
  assert_string_equal(shown(n, false), "approval=Waiting second=Waiting");
  assert_int_equal(kit_complete(n, "second", NULL, NULL).rc, ML_OK);
  assert_string_equal(shown(n, false), "approval=Waiting second=Success");
  kit_is(n, ML_OPEN, ML_RUN_RUNNING);
  assert_int_equal(kit_complete(n, "approval", "approve", NULL).rc, ML_OK);
  assert_string_equal(shown(n, false), "third=Waiting");
  tx_is(ML_TX_RUNNING, NULL);
  assert_int_equal(kit_complete(n, "third", NULL, NULL).rc, ML_OK);
  kit_is(n, ML_COMPLETED, ML_RUN_COMPLETED);
  tx_is(ML_TX_COMPLETED, NULL);
}

/* C6.5, said a second time and otherwise: by what is looked for first. */
static ml_runs expected(const ml_acts *a, bool begun, bool done) {
  static const ml_acts order[] = {ML_ACT_ERROR, ML_ACT_FAILURE,
                                  ML_ACT_TERMINATED};

  for (int k = 0; k < 3; k++)
    for (int i = 0; i < 3; i++)
      if (a[i] == order[k])
        return k == 0 ? ML_RUN_ERROR : ML_RUN_FAILURE;
  return done ? ML_RUN_COMPLETED : begun ? ML_RUN_RUNNING : ML_RUN_NEW;
}

static void c6_5_all_combinations_of_three(void **s) {
  int looked_at = 0;

  (void)s;
  for (int i = 0; i < ML_ACT_COUNT * ML_ACT_COUNT * ML_ACT_COUNT; i++) {
    ml_acts a[3] = {(ml_acts)(i % ML_ACT_COUNT),
                    (ml_acts)(i / ML_ACT_COUNT % ML_ACT_COUNT),
                    (ml_acts)(i / ML_ACT_COUNT / ML_ACT_COUNT)};
    bool all = a[0] == ML_ACT_SUCCESS && a[1] == ML_ACT_SUCCESS &&
               a[2] == ML_ACT_SUCCESS;
    bool none = a[0] == ML_ACT_NEW && a[1] == ML_ACT_NEW && a[2] == ML_ACT_NEW;

    assert_int_equal(ml_move_aggregate(a, 3, !none, all),
                     expected(a, !none, all));
    looked_at++;
  }
  assert_int_equal(looked_at, 343);
}

static void c6_6_waiting_keeps_it_running_and_asks_nobody(void **s) {
  ml_run_stats before, after;
  int64_t n;

  (void)s;
  open_flow(HEAD "return ml.workflow { 'w', " LANES "fields = { " MEMO " }, "
            "phases = { { 'one', " APPROVAL " } } }\n");
  n = begin(true);
  ml_run_stats_get(kit.run, &before);
  kit_pass(7 * 24 * HOUR);
  ml_run_stats_get(kit.run, &after);
  kit_is(n, ML_OPEN, ML_RUN_RUNNING);
  assert_int_equal(after.slices, before.slices);
  assert_int_equal(after.batches, before.batches);
  assert_int_equal(open_tasks(n), 1);
}

static void c6_7_reject_and_approve(void **s) {
  int64_t n;
  kit_look l;

  (void)s;
  open_flow(RETAIL);
  n = begin(true);
  assert_int_equal(kit_complete(n, "approval", "reject",
                                "{\"memo\":\"no credit\"}").rc, ML_OK);
  assert_string_equal(shown(n, false), "approval=Failure accounts=Success");
  kit_is(n, ML_OPEN, ML_RUN_FAILURE);
  tx_is(ML_TX_FAILURE, "no credit");
  l = kit_see(n);
  assert_int_equal(kit_told(&l, ML_TOLD_PHASE, "three"), 0);
  assert_true(ml_str_is(l.tasks[0].outcome, "reject"));
  n = begin(true);
  assert_int_equal(kit_complete(n, "approval", "approve", NULL).rc, ML_OK);
  kit_is(n, ML_COMPLETED, ML_RUN_COMPLETED);
  tx_is(ML_TX_COMPLETED, NULL);
}

/* {"memo":"様様..."} of so many characters. */
static const char *memo_of(int chars) {
  ml_buf b = {0};
  char *text;

  ml_buf_puts(&b, "{\"memo\":\"");
  for (int i = 0; i < chars; i++)
    ml_buf_puts(&b, "様");
  ml_buf_puts(&b, "\"}");
  assert_false(b.bad);
  text = ml_arena_dup(&kit.arena, b.p, b.len);
  ml_buf_free(&b);
  return text;
}

static void c6_8_a_memo_of_1_to_255_characters(void **s) {
  int64_t n;
  uint64_t seq;
  ml_err last = {0};

  (void)s;
  open_flow(RETAIL);
  n = begin(true);
  seq = kit_see(n).row.seq;
  for (int i = 0; i < 4; i++) {
    const char *const bad[] = {NULL, "{\"memo\":\"\"}", "{\"memo\":null}",
                               memo_of(256)};
    kit_came c = kit_complete(n, "approval", i == 3 ? "approve" : "reject",
                              bad[i]);

    assert_int_equal(c.rc, ML_INVALID);
    assert_string_equal(c.e.at, "/data/memo");
    assert_int_equal(kit_see(n).row.seq, seq);
    last = c.e;
  }
  assert_non_null(strstr(last.text, "255 characters"));
  assert_int_equal(kit_complete(n, "approval", "reject", memo_of(255)).rc,
                   ML_OK);
  assert_int_equal(ml_text_chars(tx_see()->message), 255);
  /* an earlier memo is no reason for a second rejection */
  {
    kit_came c;

    assert_int_equal(reset(n, &c), ML_OK);
    assert_int_equal(kit_complete(n, "approval", "reject", NULL).rc,
                     ML_INVALID);
    assert_int_equal(kit_complete(n, "approval", "reject",
                                  "{\"memo\":\"x\"}").rc, ML_OK);
    tx_is(ML_TX_FAILURE, "x");
    assert_int_equal(reset(n, &c), ML_OK);
    assert_int_equal(kit_complete(n, "approval", "approve", NULL).rc, ML_OK);
  }
}

static void c6_9_an_exception_is_an_error_with_its_place(void **s) {
  int64_t n;
  kit_look l;

  (void)s;
  kit_begin();
  kit_write("w", "rules.lua", RULES);
  kit_flow("w", HEAD "return ml.workflow { 'w', lanes = { sys = 'S' }, fields "
           "= { " MEMO " }, phases = {\n{ 'one', ml.activity { 'a', lane = "
           "'sys',\nrun = function(ctx) local x = nil\nreturn x.y end } } } }\n");
  n = begin(true);
  kit_is(n, ML_OPEN, ML_RUN_ERROR);
  kit_pass(100 * HOUR);                     /* and nobody tries again */
  l = kit_see(n);
  assert_int_equal(kit_told(&l, ML_TOLD_BROKE, NULL), 1);
  for (size_t i = 0; i < l.history_count; i++)
    if (l.history[i].told == ML_TOLD_BROKE) {
      assert_non_null(strstr(l.history[i].text.p, "attempt to index a nil"));
      assert_non_null(strstr(l.history[i].data.p, "workflow.lua:5"));
    }
  assert_int_equal(tx_see()->state, ML_TX_ERROR);
  assert_non_null(memmem(tx_row.message.p, tx_row.message.n,
                         "attempt to index", 16));
}

#define RETRIABLE HEAD "return ml.workflow { 'w', lanes = { sys = 'S' }, "   \
  "fields = { " MEMO " },\n settings = { noOfRetries = { 'integer', default "\
  "= 3 }, timeBetweenRetriesInHours = { 'integer', default = 24 } },\n"      \
  " phases = { { 'one', ml.activity { 'a', lane = 'sys', retry = { "         \
  "ml.setting 'noOfRetries', ml.setting('timeBetweenRetriesInHours', '1h') " \
  "},\n run = function(ctx) ctx:retry 'not yet' end } } } }\n"

static size_t times_begun(int64_t n) {
  kit_look l = kit_see(n);

  return kit_told(&l, ML_TOLD_NOT_YET, NULL) + kit_told(&l, ML_TOLD_FAILED,
                                                        NULL);
}

static void c6_10_retries_at_fixed_hours_then_failure(void **s) {
  int64_t n;
  kit_came c;

  (void)s;
  open_flow(RETRIABLE);
  n = begin(true);
  for (size_t k = 1; k <= 3; k++) {
    assert_int_equal(times_begun(n), k);    /* at 0, 24, 48 h */
    kit_is(n, ML_OPEN, ML_RUN_RUNNING);
    kit_pass(24 * HOUR - 1000);
    assert_int_equal(times_begun(n), k);    /* never early */
    kit_pass(1000);
  }
  assert_int_equal(times_begun(n), 4);      /* at 72 h: the fourth refusal */
  kit_is(n, ML_OPEN, ML_RUN_FAILURE);
  tx_is(ML_TX_FAILURE, "not done after 4 attempts: not yet");
  /* C6.13: a reset begins to count again */
  assert_int_equal(reset(n, &c), ML_OK);
  kit_is(n, ML_OPEN, ML_RUN_RUNNING);
  kit_pass(71 * HOUR);
  kit_is(n, ML_OPEN, ML_RUN_RUNNING);
  kit_pass(1 * HOUR);
  kit_is(n, ML_OPEN, ML_RUN_FAILURE);
  assert_int_equal(times_begun(n), 8);
  /* C4.1: a setting changes it without the script */
  assert_int_equal(kit_set("w", "noOfRetries", "0"), ML_OK);
  n = begin(true);
  kit_is(n, ML_OPEN, ML_RUN_FAILURE);
  assert_int_equal(times_begun(n), 1);
}

static void c6_11_the_threshold_counts_from_the_first_run(void **s) {
  int64_t n;
  kit_came c;

  (void)s;
  open_flow(HEAD "return ml.workflow { 'w', lanes = { sys = 'S' }, fields = { "
            MEMO " }, settings = { failureThresholdInHours = { 'integer', "
            "default = 72 } },\n phases = { { 'one', ml.activity { 'email', "
            "lane = 'sys', ask = '5m', give_up = ml.setting("
            "'failureThresholdInHours', '1h'), run = function() end, "
            "is_complete = function(ctx) return ctx.data.ok == true end } } } "
            "}\n");
  n = begin(false);
  kit_pass(72 * HOUR - 60000);
  kit_is(n, ML_OPEN, ML_RUN_RUNNING);
  kit_pass(60000);
  kit_is(n, ML_OPEN, ML_RUN_FAILURE);
  assert_int_equal(reset(n, &c), ML_OK);
  kit_pass(72 * HOUR - 60000);
  kit_is(n, ML_OPEN, ML_RUN_RUNNING);
  kit_pass(60000);
  kit_is(n, ML_OPEN, ML_RUN_FAILURE);
}

static void c6_12_siblings_of_a_failure_go_on(void **s) {
  int64_t n;
  kit_look l;

  (void)s;
  open_flow(HEAD "return ml.workflow { 'w', " LANES "fields = { " MEMO " },\n"
            " phases = { { 'one', " APPROVAL ", ml.task { 'second', lane = "
            "'ROLE_FINANCE_CRUD', anew = true } }, { 'two', " AUTO("last")
            " } } }\n");
  n = begin(true);
  assert_int_equal(kit_complete(n, "approval", "reject",
                                "{\"memo\":\"no\"}").rc, ML_OK);
  assert_int_equal(open_tasks(n), 1);
  assert_int_equal(kit_complete(n, "second", NULL, NULL).rc, ML_OK);
  assert_string_equal(shown(n, false), "approval=Failure second=Success");
  kit_is(n, ML_OPEN, ML_RUN_FAILURE);
  tx_is(ML_TX_FAILURE, "no");
  l = kit_see(n);
  for (size_t i = 0; i < l.history_count; i++)
    assert_false(ml_str_is(l.history[i].name, "last"));
}

static size_t stored(const char *all) {
  size_t n = 0;

  for (const char *p = all; *p != '\0'; p++)
    n += *p == '=';
  return n;
}

static void c6_13_a_reset_sets_aside_and_copies(void **s) {
  int64_t n;
  kit_came c;
  size_t before;

  (void)s;
  open_flow(RETAIL);
  n = begin(true);
  assert_int_equal(kit_complete(n, "approval", "reject",
                                "{\"memo\":\"no\"}").rc, ML_OK);
  before = stored(shown(n, true));
  assert_int_equal(before, 4);
  assert_int_equal(reset(n, &c), ML_OK);
  assert_int_equal(stored(shown(n, true)), before + 1);
  assert_non_null(strstr(shown(n, true), "approval=Failure(aside)"));
  assert_string_equal(shown(n, false), "accounts=Success approval=Waiting");
  kit_is(n, ML_OPEN, ML_RUN_RUNNING);
  tx_is(ML_TX_RUNNING, NULL);
  kit_crash();
  kit_begin();
  assert_int_equal(kit_load(), ML_OK);
  assert_int_equal(kit_complete(n, "approval", "approve", NULL).rc, ML_OK);
  kit_is(n, ML_COMPLETED, ML_RUN_COMPLETED);
  tx_is(ML_TX_COMPLETED, NULL);
}

static void c6_14_a_healthy_one_is_not_reset(void **s) {
  int64_t n;
  uint64_t seq;
  kit_came c;

  (void)s;
  open_flow(RETAIL);
  n = begin(true);
  seq = kit_see(n).row.seq;
  assert_int_equal(reset(n, &c), ML_OK);
  assert_int_equal(kit_see(n).row.seq, seq);
  assert_string_equal(shown(n, false), "approval=Waiting accounts=Success");
  tx_is(ML_TX_RUNNING, NULL);
}

/* An approver; both hold the role. */
static ml_input *approver(int64_t n, const char *who, const char *outcome,
                          kit_came *c) {
  static const int16_t lanes[] = {0, 1};
  kit_look l = kit_see(n);
  ml_input *in = kit_input(ML_EV_COMPLETED, n, "{\"memo\":\"m\"}", c);

  in->ev.no = l.tasks[0].no;
  in->ev.outcome = ml_str_of(outcome);
  in->ev.actor.operator_ = false;
  in->ev.actor.who = ml_str_of(who);
  in->ev.actor.lanes = lanes;
  in->ev.actor.lane_count = 2;
  return in;
}

static void c6_15_two_approvers_at_once(void **s) {
  int64_t n;
  kit_came first, second, third;
  ml_input *in;

  (void)s;
  open_flow(RETAIL);
  n = begin(true);
  /* who does not hold it may not, and changes nothing */
  in = approver(n, "eve", "approve", &third);
  in->ev.actor.lane_count = 0;
  kit_put(in);
  assert_int_equal(third.rc, ML_REFUSED);
  ml_run_put(kit.run, approver(n, "ann", "approve", &first));
  ml_run_put(kit.run, approver(n, "ben", "reject", &second));
  kit_settle();
  assert_int_equal(first.rc, ML_OK);
  assert_int_equal(second.rc, ML_CONFLICT);
  assert_non_null(strstr(second.e.text, "done already"));
  kit_is(n, ML_COMPLETED, ML_RUN_COMPLETED);
  tx_is(ML_TX_COMPLETED, NULL);
  /* a second round is offered to all who hold it, not to who did the first */
  n = begin(true);
  assert_int_equal(kit_complete(n, "approval", "reject",
                                "{\"memo\":\"no\"}").rc, ML_OK);
  assert_int_equal(reset(n, &first), ML_OK);
  assert_null(kit_see(n).tasks[1].assignee.p);
}

/* ---- C6.19 ---- */

#define LONG HEAD "local function step(name) return ml.activity { name, lane "\
  "= 'sys', run = function(ctx) ctx.data.n = ctx.data.n + 1; ctx:sleep '1s' " \
  "end } end\nreturn ml.workflow { 'w', " LANES "fields = { " MEMO " },\n"    \
  " phases = { { 'one', step 'a' }, { 'two', " APPROVAL ", " AUTO("beside")   \
  " }, { 'three', step 'b' },\n { 'four', ml.task { 'sign', lane = "          \
  "'ROLE_FINANCE_CRUD', anew = true } }, { 'five', step 'c' } } }\n"

static void came_and_gone(void *arg, ml_rc rc, const ml_err *e, int status,
                          const ml_buf *out, bool replayed) {
  (void)arg;
  (void)rc;
  (void)e;
  (void)status;
  (void)out;
  (void)replayed;
}

/* Whoever has something to do does it; false: there is nothing. */
static bool somebody_acts(int64_t n) {
  kit_look l = kit_see(n);
  int64_t due = ml_run_next_due(kit.run);

  for (size_t i = 0; i < l.task_count; i++) {
    static kit_came c;
    ml_input *in;
    bool approval = ml_str_is(l.tasks[i].label, "approval");

    if (l.tasks[i].status != ML_TASK_OPEN)
      continue;
    in = kit_input(ML_EV_COMPLETED, n, NULL, &c);
    in->done = came_and_gone;
    in->ev.no = l.tasks[i].no;
    in->ev.outcome = approval ? ML_STR("approve") : ML_NOSTR;
    in->ev.actor.who = ML_STR("ops");
    ml_run_put(kit.run, in);
    return true;
  }
  if (due == 0)
    return false;
  ml_clock_fake_pass(&kit.clock, due > kit.clock.wall ? due - kit.clock.wall
                                                      : 1000);
  ml_run_tick(kit.run);
  return true;
}

/* Go on for so many turns (0: to the end); how many it took. */
static int drive(int turns) {
  int n = 0, quiet = 0;

  while (turns == 0 || n < turns) {
    bool moved = kit_turn();

    n++;
    quiet = moved || !ml_run_idle(kit.run) ? 0 : quiet + 1;
    if (quiet >= 1 && kit_see(0).all_count == 0)
      tx_put(true);
    else if (quiet >= 1 && !somebody_acts(kit_see(0).all[0].n))
      return n;
    assert_true(n < KIT_TURNS);
  }
  return n;
}

static void final_state(void) {
  kit_look l = kit_see(kit_see(0).all[0].n);

  assert_int_equal(l.all_count, 1);
  kit_is(l.all[0].n, ML_COMPLETED, ML_RUN_COMPLETED);
  kit_data(l.all[0].n, "{\"n\":3,\"ok\":true}");
  assert_int_equal(kit_told(&l, ML_TOLD_SUCCEEDED, NULL), 6);
  assert_int_equal(kit_told(&l, ML_TOLD_DONE, NULL), 2);
  assert_int_equal(kit_told(&l, ML_TOLD_PHASE, NULL), 5);
  assert_int_equal(l.task_count, 2);
  tx_n = 1;
  assert_int_equal(tx_see()->state, ML_TX_COMPLETED);
}

static void once_more(int at) {
  char name[40];

  snprintf(name, sizeof name, "%s-%d.db", "m", at);
  snprintf(kit.db, sizeof kit.db, "%s/%s", kit.dir, name);
}

/* Killed at each of 100 random points, it ends as if it had not been. */
static void c6_19_killed_anywhere_the_end_is_the_same(void **s) {
  ml_rand_seeded rand;
  int whole, kills = 0;

  (void)s;
  ml_rand_seed(&rand, 619);
  open_flow(LONG);
  whole = drive(0);
  final_state();
  assert_true(whole > 20);
  for (int k = 0; k < 100; k++) {
    int left = (int)ml_rand_between(&rand.base, 1, whole);

    kit_crash();
    once_more(k);
    open_flow(LONG);
    drive(left);
    ml_store_wait(kit.store);               /* reads under way point into the run */
    kit_crash();
    kit_begin();
    assert_int_equal(kit_load(), ML_OK);
    drive(0);
    final_state();
    kills++;
  }
  assert_int_equal(kills, 100);
}

#define T(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
    T(c6_1_all_activities_are_new_before_the_first_pass),
    T(c6_2_one_pass_goes_as_far_as_it_can),
    T(c6_3_a_phase_starts_together),
    T(c6_4_only_all_successes_pass_a_phase),
    cmocka_unit_test(c6_5_all_combinations_of_three),
    T(c6_6_waiting_keeps_it_running_and_asks_nobody),
    T(c6_7_reject_and_approve),
    T(c6_8_a_memo_of_1_to_255_characters),
    T(c6_9_an_exception_is_an_error_with_its_place),
    T(c6_10_retries_at_fixed_hours_then_failure),
    T(c6_11_the_threshold_counts_from_the_first_run),
    T(c6_12_siblings_of_a_failure_go_on),
    T(c6_13_a_reset_sets_aside_and_copies),
    T(c6_14_a_healthy_one_is_not_reset),
    T(c6_15_two_approvers_at_once),
    T(c6_19_killed_anywhere_the_end_is_the_same),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
