/*
** test_audit.c - rows broken by hand, each kind there is: the audit names
** them, the repair sets them right, and the process goes on to its end.
*/
#include "run_kit.h"

#include <sqlite3.h>

#include "run/audit.h"

#define HEAD "local ml = require 'moonlane'\nlocal U = 'https://api.example'\n"

/* a task, a sleep, a signal from a mailbox, a call with retries; then the end */
static const char steps[] = HEAD
  "return ml.workflow { 'steps', lanes = { office = 'Office' }, hosts = { 'api.example' },\n"
  "  fields = { { 'x', 'string' }, { 'y', 'string' } },\n"
  "  phases = {\n"
  "    { 'ask', ml.task { 't1', lane = 'office', due = '5d', edit = { 'x' }, "
    "outcomes = { 'ok' } }, next = { ok = 'rest' } },\n"
  "    { 'rest', ml.activity { 'a1', run = function(ctx) ctx:sleep '3d' end } },\n"
  "    { 'hear', ml.activity { 'a2', run = function(ctx)\n"
  "        ctx.data.y = tostring(ctx:await('paid').sum) end } },\n"
  "    { 'call', ml.activity { 'a3', retry = { 3, '10s' }, run = function(ctx)\n"
  "        ctx.http.post(U .. '/one', { json = { a = 1 } }) end }, next = ml.finish } } }\n";

/* ---- a pass ---- */

static struct {
  ml_offender list[50];
  size_t count;
  ml_audit_sums sums;
} seen;

typedef struct pass {
  ml_audit audit;
  ml_arena arena;
  ml_rc rc;
} pass;

static void pass_work(void *arg, ml_read *r) {
  pass *p = arg;

  p->rc = ml_audit_piece(&p->audit, r, &p->arena);
}

/* All of it, in pieces of `rows` processes and `records` records. */
static size_t audit_by(size_t rows, size_t records) {
  pass p = {.audit = {.flow = ml_run_flow_in,
                      .rows = rows, .records = records}};

  memset(&seen, 0, sizeof seen);
  while (!p.audit.over) {
    p.audit.sums = (ml_audit_sums){0};
    p.audit.found = NULL;
    p.audit.count = 0;
    p.audit.arg = ml_run_flow_list(kit.run, &p.arena);
    assert_int_equal(ml_store_read(kit.store, pass_work, NULL, &p), ML_OK);
    ml_store_wait(kit.store);
    assert_int_equal(p.rc, ML_OK);
    for (size_t i = 0; i < p.audit.count && seen.count < 50; i++)
      seen.list[seen.count++] = p.audit.found[i];
    ml_audit_add(&seen.sums, &p.audit.sums);
    ml_arena_free(&p.arena);
  }
  return seen.count;
}

static size_t audit(void) {
  return audit_by(0, 0);
}

static void sound(void) {
  if (audit() > 0)
    fail_msg("process %lld: %d: %s", (long long)seen.list[0].n,
             seen.list[0].invariant, seen.list[0].what);
}

/* It is found, under that invariant, and told in these words. */
static void finds(int64_t n, int invariant, const char *words) {
  audit();
  for (size_t i = 0; i < seen.count; i++)
    if (seen.list[i].n == n && seen.list[i].invariant == invariant &&
        strstr(seen.list[i].what, words) != NULL)
      return;
  for (size_t i = 0; i < seen.count; i++)
    printf("# process %lld: %d: %s\n", (long long)seen.list[i].n,
           seen.list[i].invariant, seen.list[i].what);
  fail_msg("not found: process %lld, %d, '%s'", (long long)n, invariant, words);
}

typedef struct mended_came { int times; ml_rc rc; size_t mended; } mended_came;

static void came(void *arg, ml_rc rc, const ml_err *e, size_t mended) {
  mended_came *c = arg;

  (void)e;
  c->times++;
  c->rc = rc;
  c->mended = mended;
}

static size_t mend(int64_t n) {
  mended_came c = {0};

  ml_run_mend(kit.run, &n, 1, came, &c);
  kit_settle();
  assert_int_equal(c.times, 1);
  assert_int_equal(c.rc, ML_OK);
  return c.mended;
}

/* ---- by hand ---- */

/* As another program would, while the engine runs; %d in it is the number. */
static void break_it(const char *sql, int64_t n) {
  sqlite3 *db;
  char text[600], *why = NULL;

  snprintf(text, sizeof text, sql, (int)n, (int)n, (int)n);
  assert_int_equal(sqlite3_open(kit.db, &db), SQLITE_OK);
  sqlite3_busy_timeout(db, 1000);
  if (sqlite3_exec(db, text, NULL, NULL, &why) != SQLITE_OK)
    fail_msg("%s: %s", text, why);
  assert_int_equal(sqlite3_changes(db) > 0, 1);
  sqlite3_close(db);
}

/* Its packed state as another hand left it. */
typedef struct look_at { int64_t n; ml_row_process row; ml_rc rc; } look_at;

static void look_work(void *arg, ml_read *r) {
  look_at *l = arg;

  l->rc = ml_read_process(r, &kit.arena, l->n, &l->row);
}

static ml_process *unpacked(int64_t n, look_at *l) {
  ml_process *p;
  ml_rc rc;

  *l = (look_at){.n = n};
  assert_int_equal(ml_store_read(kit.store, look_work, NULL, l), ML_OK);
  ml_store_wait(kit.store);
  assert_int_equal(l->rc, ML_OK);
  p = ml_run_process_of(kit.run, &l->row, &rc);
  assert_non_null(p);
  return p;
}

static void pack_back(ml_process *p, const look_at *l) {
  const ml_flow *f = ml_run_flow(kit.run, l->row.bundle, l->row.flow_index);
  ml_buf b = {0}, hex = {0}, sql = {0};
  sqlite3 *db;

  ml_process_pack(p, f, &b);
  ml_text_put_hex(&hex, (const uint8_t *)b.p, b.len);
  ml_buf_printf(&sql, "UPDATE process SET rest = x'%s' WHERE n = %lld", hex.p,
                (long long)p->n);
  assert_false(sql.bad);
  assert_int_equal(sqlite3_open(kit.db, &db), SQLITE_OK);
  assert_int_equal(sqlite3_exec(db, sql.p, NULL, NULL, NULL), SQLITE_OK);
  sqlite3_close(db);
  ml_buf_free(&b);
  ml_buf_free(&hex);
  ml_buf_free(&sql);
  ml_process_free(p);
}

/* ---- the way of a process ---- */

static void open_steps(void) {
  kit_begin();
  kit_flow("steps", steps);
  kit_join("steps", "office");
}

static void do_task(int64_t n) {
  kit_came c = kit_complete(n, "t1", "ok", NULL);

  assert_int_equal(c.rc, ML_OK);
}

enum stage { ASKED, RESTING, HEARING, CALLING, OVER };

/* From wherever it is to a stage. */
static void bring(int64_t n, enum stage from, enum stage to) {
  if (from <= ASKED && to > ASKED)
    do_task(n);
  if (from <= RESTING && to > RESTING)
    kit_pass(INT64_C(3) * 24 * 3600 * 1000);
  if (from <= HEARING && to > HEARING)
    kit_signal(n, "paid", "{\"sum\":5}");
  if (from <= CALLING && to > CALLING) {
    kit.answer = "200 {}";
    kit_settle();
    kit_pass(60000);
    kit.answer = NULL;
  }
}

static int64_t at_stage(enum stage to) {
  int64_t n = kit_start("steps", "{\"x\":\"1\"}");

  bring(n, ASKED, to);
  return n;
}

static void ends(int64_t n, enum stage from) {
  bring(n, from, OVER);
  kit_is(n, ML_COMPLETED, ML_RUN_COMPLETED);
  sound();
}

/* ---- healthy ---- */

static void a_healthy_store_has_none(void **state) {
  int64_t n[6];
  kit_came c;

  (void)state;
  open_steps();
  n[0] = at_stage(ASKED);
  n[1] = at_stage(RESTING);
  n[2] = at_stage(HEARING);
  kit_signal(n[0], "paid", "{\"sum\":1}");     /* kept in a mailbox */
  n[4] = at_stage(OVER);
  n[3] = at_stage(CALLING);
  n[5] = kit_start("steps", "{}");
  kit_put(kit_input(ML_EV_CANCELLED, n[5], NULL, &c));
  for (size_t rows = 1; rows <= 7; rows += 3)
    for (size_t records = 1; records <= 10; records += 4) {
      assert_int_equal(audit_by(rows, records), 0);
      assert_int_equal(seen.sums.processes, 6);
      assert_int_equal(seen.sums.open, 4);
      assert_int_equal(seen.sums.completed, 1);
      assert_int_equal(seen.sums.cancelled, 1);
    }
}

/* Stored as New and killed there; from there; and at its end. */
static void one_that_is_stored_as_new_first_is_sound(void **state) {
  kit_came c;

  (void)state;
  kit_begin();
  kit_flow("first", HEAD "return ml.workflow { 'first', new_first = true, lanes = { s = "
           "'S' },\n  phases = { { 'one', ml.activity { 'a', lane = 's', run = function(ctx) "
           "ctx:sleep '1h' end } } } }\n");
  ml_run_put(kit.run, kit_start_input("first", NULL, &c));
  while (kit_see(0).all_count == 0) {
    ml_loop_turn(kit.loop, 0);
    ml_run_reap(kit.run);
  }
  kit_is(1, ML_OPEN, ML_RUN_NEW);
  kit_crash();
  kit_begin();
  kit_is(1, ML_OPEN, ML_RUN_NEW);
  sound();
  kit_settle();
  kit_is(1, ML_OPEN, ML_RUN_RUNNING);
  sound();
  kit_pass(3600000);
  kit_is(1, ML_COMPLETED, ML_RUN_COMPLETED);
  sound();
}

/* ---- invariant 8: columns ---- */

/* One way to break a process that stands at a stage, by SQL. */
static void broken_then_mended(enum stage at, const char *sql, int invariant,
                               const char *words) {
  int64_t n = at_stage(at);

  sound();
  break_it(sql, n);
  finds(n, invariant, words);
  assert_int_equal(mend(n), 1);
  sound();
  ends(n, at);
}

static void a_lost_moment(void **state) {
  (void)state;
  open_steps();
  broken_then_mended(RESTING, "UPDATE process SET due = NULL WHERE n = %d", 8,
                     "its row has none");
}

static void a_wrong_moment(void **state) {
  (void)state;
  open_steps();
  broken_then_mended(RESTING, "UPDATE process SET due = due + 86400000000"
                              " WHERE n = %d", 8, "its next moment is");
}

static void a_lease_that_is_none(void **state) {
  (void)state;
  open_steps();
  broken_then_mended(RESTING, "UPDATE process SET lease = 1 WHERE n = %d", 8,
                     "its row is due at");
}

/* In flight, and after a restart nobody would look. */
static void a_lost_lease(void **state) {
  int64_t n;

  (void)state;
  open_steps();
  n = at_stage(CALLING);
  kit_crash();
  break_it("UPDATE process SET lease = 0, due = NULL WHERE n = %d", n);
  kit_begin();
  kit_settle();
  assert_int_equal(kit.call_count, 0);   /* it is stuck */
  finds(n, 8, "its row has no lease");
  assert_int_equal(mend(n), 1);
  assert_int_equal(kit.call_count, 1);   /* it goes on */
  ends(n, CALLING);
}

/* By a run that is still: it is written, and what follows waits for the next
** start.  Nor does anything else go on there, though it is due. */
static void mended_where_nothing_goes_on(void **state) {
  mended_came c = {0};
  int64_t n, asleep;

  (void)state;
  open_steps();
  n = at_stage(CALLING);
  asleep = at_stage(RESTING);
  kit_crash();
  break_it("UPDATE process SET lease = 0, due = NULL WHERE n = %d", n);
  kit.still = true;
  kit_begin();
  finds(n, 8, "its row has no lease");
  ml_run_mend(kit.run, &n, 1, came, &c);
  for (int i = 0; i < 50; i++)
    kit_turn();                        /* it never is idle: it has to go on */
  assert_int_equal(c.times, 1);
  assert_int_equal(c.mended, 1);
  ml_clock_fake_pass(&kit.clock, INT64_C(4) * 24 * 3600 * 1000);
  ml_run_tick(kit.run);
  for (int i = 0; i < 50; i++)
    kit_turn();
  assert_int_equal(kit.call_count, 0);
  kit_is(asleep, ML_OPEN, ML_RUN_RUNNING);
  sound();
  kit_crash();
  kit.still = false;
  kit_begin();
  kit_settle();
  assert_int_equal(kit.call_count, 1);
  sound();
  bring(asleep, HEARING, CALLING);
  ends(n, CALLING);
}

/* ---- invariant 8: tasks and signals ---- */

static void a_task_that_is_in_no_list(void **state) {
  (void)state;
  open_steps();
  broken_then_mended(ASKED, "DELETE FROM task WHERE n = %d", 8, "is in no list");
}

static void a_task_row_that_says_something_else(void **state) {
  (void)state;
  open_steps();
  broken_then_mended(ASKED, "UPDATE task SET assignee = 'bob', due_ms = 7"
                            " WHERE n = %d", 8, "says something else");
}

static void a_task_row_that_was_ended(void **state) {
  (void)state;
  open_steps();
  broken_then_mended(ASKED, "UPDATE task SET status = 1 WHERE n = %d", 8,
                     "is in no list");
}

static void a_task_nobody_knows(void **state) {
  (void)state;
  open_steps();
  broken_then_mended(RESTING, "INSERT INTO task (n, no, status, lane, act,"
                              " created_ms) VALUES (%d, 77, 0, 1, 1, 1)", 8,
                     "task 77 is listed as open");
}

static void a_signal_nobody_knows(void **state) {
  int64_t n;

  (void)state;
  open_steps();
  n = at_stage(HEARING);
  break_it("INSERT INTO mail (n, no, at_ms, name, data)"
           " VALUES (%d, 99, 1, 'paid', '{\"sum\":9}')", n);
  finds(n, 8, "does not know of signal 99");
  assert_int_equal(mend(n), 1);          /* it hears it, and goes on */
  kit_data(n, "{\"x\":\"1\",\"y\":\"9\"}");
  ends(n, CALLING);
}

static void a_signal_that_lost_what_it_brought(void **state) {
  int64_t n;

  (void)state;
  open_steps();
  n = at_stage(ASKED);
  kit_signal(n, "paid", "{\"sum\":1}");
  sound();
  break_it("DELETE FROM mail WHERE n = %d", n);
  finds(n, 8, "is not there");
  assert_int_equal(mend(n), 1);
  sound();
  ends(n, ASKED);                        /* with another one */
}

/* ---- invariant 8: the packed state ---- */

typedef void hurt(ml_process *p);

static void packed_then_mended(enum stage at, hurt *fn, int invariant,
                               const char *words) {
  int64_t n = at_stage(at);
  look_at l;
  ml_process *p = unpacked(n, &l);

  fn(p);
  pack_back(p, &l);
  finds(n, invariant, words);
  assert_int_equal(mend(n), 1);
  sound();
  ends(n, at == RESTING ? HEARING : at);   /* its lost moment is now */
}

static void forget_moment(ml_process *p) {
  for (uint32_t i = 0; i < p->act_count; i++)
    p->acts[i].due_ms = 0;
}
static void a_sleep_that_lost_its_end(void **state) {
  (void)state;
  open_steps();
  packed_then_mended(RESTING, forget_moment, 8, "waits for a moment (sleep)");
}

static void forget_tasks(ml_process *p) {
  while (p->task_count > 0)
    ml_process_drop_task(p, p->tasks[0].no);
}
static void a_wait_for_no_task(void **state) {
  (void)state;
  open_steps();
  packed_then_mended(ASKED, forget_tasks, 8, "waits for a task, and there is none");
}

static void forget_wait(ml_process *p) {
  for (uint32_t i = 0; i < p->act_count; i++)
    if (p->acts[i].status == ML_ACT_WAITING)
      p->acts[i].wait = ML_WAIT_NONE;
}
static void a_wait_for_nothing(void **state) {
  (void)state;
  open_steps();
  packed_then_mended(HEARING, forget_wait, 8, "waits for nothing");
}

static void forget_all(ml_process *p) {
  while (p->act_count > 0)
    ml_process_drop_act(p, p->acts[0].no);
}
static void nothing_is_next(void **state) {
  int64_t n;
  look_at l;
  ml_process *p;

  (void)state;
  open_steps();
  n = at_stage(HEARING);
  p = unpacked(n, &l);
  forget_all(p);
  pack_back(p, &l);
  finds(n, 8, "nothing is next");        /* what it was doing cannot be known */
}

static void packed_state_that_is_none(void **state) {
  int64_t n;

  (void)state;
  open_steps();
  n = at_stage(ASKED);
  break_it("UPDATE process SET rest = x'010203' WHERE n = %d", n);
  finds(n, 8, "cannot be read");
  assert_int_equal(mend(n), 0);          /* and the repair does not claim it */
  finds(n, 8, "cannot be read");
}

static void a_bundle_that_is_gone(void **state) {
  int64_t n;

  (void)state;
  open_steps();
  n = at_stage(ASKED);
  break_it("UPDATE process SET bundle = 99 WHERE n = %d", n);
  finds(n, 8, "its bundle 99 is not in the store");
  assert_int_equal(mend(n), 0);
}

/* ---- invariant 7 ---- */

static void a_status_that_is_none(void **state) {
  (void)state;
  open_steps();
  broken_then_mended(RESTING, "UPDATE process SET status = 9 WHERE n = %d", 7,
                     "its column 'status' holds 9");
}

static void a_run_that_is_none(void **state) {
  (void)state;
  open_steps();
  broken_then_mended(ASKED, "UPDATE process SET run = 7 WHERE n = %d", 7,
                     "its column 'run' holds 7");
}

static void an_end_that_never_was(void **state) {
  (void)state;
  open_steps();
  broken_then_mended(RESTING, "UPDATE process SET status = 1 WHERE n = %d", 7,
                     "no moment is kept");
}

static void an_end_that_is_complete_and_never_was(void **state) {
  (void)state;
  open_steps();
  broken_then_mended(RESTING, "UPDATE process SET status = 1, run = 2,"
                     " completed_ms = 5 WHERE n = %d", 2,
                     "its row says COMPLETED, its history OPEN");
}

static void a_run_that_its_activities_do_not_have(void **state) {
  (void)state;
  open_steps();
  broken_then_mended(RESTING, "UPDATE process SET run = 3 WHERE n = %d", 7,
                     "its activities come to Running");
}

/* Its flow has no phases, so nothing of it is ever asked. */
static void an_object_without_phases_is_sound(void **state) {
  int64_t n;

  (void)state;
  kit_begin();
  kit_flow("thing", "local ml = require 'moonlane'\n"
           "return ml.workflow { 'thing', fields = { { 'a', 'string' } },\n"
           "  states = { 'new', 'old', start = 'new' } }\n");
  n = kit_start("thing", "{}");
  kit_is(n, ML_OPEN, ML_RUN_RUNNING);
  sound();
  assert_int_equal(seen.sums.processes, 1);
}

static void a_row_that_is_gone(void **state) {
  int64_t n;

  (void)state;
  open_steps();
  at_stage(ASKED);
  n = at_stage(ASKED);
  at_stage(ASKED);
  break_it("DELETE FROM process WHERE n = %d", n);
  finds(n, 7, "has a history and no row");
  assert_int_equal(mend(n), 0);
  n = at_stage(ASKED);                   /* the last one too */
  break_it("DELETE FROM process WHERE n = %d", n);
  finds(n, 7, "has a history and no row");
}

/* ---- invariant 2 ---- */

static void a_row_behind_its_history(void **state) {
  (void)state;
  open_steps();
  broken_then_mended(RESTING, "UPDATE process SET seq = seq - 2 WHERE n = %d", 2,
                     "its history ends with record");
}

static void a_gap_in_the_history(void **state) {
  int64_t n;

  (void)state;
  open_steps();
  n = at_stage(HEARING);
  break_it("DELETE FROM history WHERE n = %d AND seq ="
           " (SELECT min(seq) FROM history WHERE n = %d AND seq > 1)", n);
  finds(n, 2, "follows record");
  bring(n, HEARING, OVER);               /* what was cannot be made again */
  kit_is(n, ML_COMPLETED, ML_RUN_COMPLETED);
  finds(n, 2, "follows record");
}

static void a_history_without_a_beginning(void **state) {
  int64_t n;

  (void)state;
  open_steps();
  n = at_stage(RESTING);
  break_it("DELETE FROM history WHERE n = %d AND seq = 1", n);
  finds(n, 2, "follows record 0");
}

static void a_record_twice(void **state) {
  int64_t n;

  (void)state;
  open_steps();
  n = at_stage(RESTING);
  break_it("INSERT INTO history (number, records) SELECT"
           " (SELECT max(number) + 1 FROM history WHERE n = %d), records"
           " FROM history WHERE n = %d AND seq = 1", n);
  audit();
  assert_true(seen.count > 0);
  assert_int_equal(seen.list[0].invariant, 2);
}

static void history_that_cannot_be_read(void **state) {
  int64_t n;

  (void)state;
  open_steps();
  n = at_stage(RESTING);
  break_it("UPDATE history SET records = x'ff00' WHERE n = %d AND seq = 1", n);
  finds(n, 2, "cannot be read behind record 0");
}

/* ---- more ---- */

/* A dozen at once, in small pieces: each is named once. */
static void many_are_named_each(void **state) {
  int64_t n[12];

  (void)state;
  open_steps();
  for (int i = 0; i < 12; i++) {
    n[i] = at_stage(ASKED);
    at_stage(ASKED);
  }
  for (int i = 0; i < 12; i++)
    break_it("UPDATE process SET due = 12345 WHERE n = %d", n[i]);
  assert_int_equal(audit_by(5, 20), 12);
  for (int i = 0; i < 12; i++)
    assert_int_equal(seen.list[i].n, n[i]);
  for (int i = 0; i < 12; i++)
    assert_int_equal(mend(n[i]), 1);
  sound();
}

/* A repair of what is well changes nothing but a line in its history. */
static void a_sound_one_is_not_hurt(void **state) {
  enum stage stages[] = {ASKED, RESTING, HEARING, CALLING};

  (void)state;
  open_steps();
  for (size_t i = 0; i < 4; i++) {
    int64_t n = at_stage(stages[i]);
    kit_look l;

    assert_int_equal(mend(n), 1);
    l = kit_see(n);
    assert_int_equal(kit_told(&l, ML_TOLD_LOG, "set right by the audit"), 1);
    ends(n, stages[i]);
  }
}

/* Enough seconds for two passes over a few processes. */
static ml_patrol_stats patrolled(void) {
  ml_patrol_stats s;

  for (int i = 0; i < 130; i++)
    kit_pass(1000);
  ml_patrol_stats_get(kit.run, &s);
  return s;
}

static void the_patrol_tells_once(void **state) {
  ml_patrol_stats s;
  uint64_t passes;
  int64_t n;

  (void)state;
  kit.patrol_ms = 1000;
  open_steps();
  n = at_stage(HEARING);
  for (int i = 0; i < 250; i++)          /* more than a piece */
    at_stage(ASKED);
  s = patrolled();
  passes = s.passes;
  assert_true(passes >= 2);
  assert_true(s.processes >= 251 + 251);
  assert_int_equal(s.offenders, 0);
  break_it("UPDATE process SET due = 12345678 + n * 1000000000000 WHERE n = %d", n);
  s = patrolled();
  assert_true(s.passes > passes);
  assert_int_equal(s.offenders, 1);
  s = patrolled();
  assert_int_equal(s.offenders, 1);
  assert_int_equal(s.found, 1);          /* told once, however often seen */
  assert_int_equal(mend(n), 1);
  s = patrolled();
  assert_int_equal(s.offenders, 0);
  assert_int_equal(s.mended, 1);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)
  const struct CMUnitTest tests[] = {
    T(a_healthy_store_has_none),
    T(one_that_is_stored_as_new_first_is_sound),
    T(a_lost_moment), T(a_wrong_moment), T(a_lease_that_is_none),
    T(a_lost_lease), T(mended_where_nothing_goes_on),
    T(a_task_that_is_in_no_list), T(a_task_row_that_says_something_else),
    T(a_task_row_that_was_ended), T(a_task_nobody_knows),
    T(a_signal_nobody_knows), T(a_signal_that_lost_what_it_brought),
    T(a_sleep_that_lost_its_end), T(a_wait_for_no_task), T(a_wait_for_nothing),
    T(nothing_is_next), T(packed_state_that_is_none), T(a_bundle_that_is_gone),
    T(a_status_that_is_none), T(a_run_that_is_none), T(an_end_that_never_was),
    T(an_end_that_is_complete_and_never_was),
    T(a_run_that_its_activities_do_not_have),
    T(an_object_without_phases_is_sound), T(a_row_that_is_gone),
    T(a_row_behind_its_history), T(a_gap_in_the_history),
    T(a_history_without_a_beginning), T(a_record_twice),
    T(history_that_cannot_be_read), T(many_are_named_each),
    T(a_sound_one_is_not_hurt), T(the_patrol_tells_once),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
