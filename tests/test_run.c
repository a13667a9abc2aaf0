/*
** test_run.c - the run: events, scripts, commits and effects together, over
** crashes and restarts, with a clock that stands.
*/
#include "run_kit.h"

#include <fcntl.h>

#include "vfs_kit.h"

/* ---- flows ---- */

#define HEAD "local ml = require 'moonlane'\nlocal U = 'https://api.example'\n"

/* an automatic step, a person's, an automatic one */
static const char plain[] = HEAD
  "return ml.workflow { 'plain', lanes = { office = 'Office' },\n"
  "  fields = { { 'x', 'string' }, { 'y', 'string' } },\n"
  "  phases = {\n"
  "    { 'first', ml.activity { 'a1', run = function(ctx) ctx.data.y = ctx.data.x .. "
    "'!' end } },\n"
  "    { 'ask', ml.task { 't1', lane = 'office', edit = { 'x!' }, outcomes = { 'ok', "
    "'no' } },\n"
  "      next = { ok = 'last', no = ml.finish } },\n"
  "    { 'last', ml.activity { 'a2', run = function(ctx) ctx.data.y = ctx.data.x .. "
    "'?' end },\n"
  "      next = ml.finish } } }\n";

/* two calls outside, the second named */
static const char calls[] = HEAD
  "return ml.workflow { 'calls', lanes = { system = 'S' }, hosts = { 'api.example' },\n"
  "  fields = { { 'x', 'string' }, { 'got', 'json' } },\n"
  "  phases = { { 'go', ml.activity { 'a', lane = 'system', retry = { 3, '10s' },\n"
  "    run = function(ctx)\n"
  "      ctx:log 'begins'\n"
  "      local id = ctx:uuid()\n"
  "      local one = ctx.http.post(U .. '/one', { json = { id = id, key = ctx.key } })\n"
  "      ctx:log('one ' .. one.status)\n"
  "      local two = ctx.http.put(U .. '/two', { json = { v = one.json.v }, name = "
    "'second' })\n"
  "      ctx:log('two ' .. two.status)\n"
  "      ctx.data.got = { id, one.json.v, two.status }\n"
  "    end }, next = ml.finish } } }\n";

static void open_with(const char *folder, const char *text) {
  kit_begin();
  kit_flow(folder, text);
}

static void open_plain(void) {
  open_with("plain", plain);
  kit_join("plain", "office");
}

/* ---- from start to end ---- */

static void a_process_goes_from_start_to_end(void **state) {
  ml_run_stats s;
  kit_look l;
  kit_came c;
  int64_t n;

  (void)state;
  kit.memory = true;
  open_plain();
  n = kit_start("plain", "{\"x\":\"v\"}");
  kit_is(n, ML_OPEN, ML_RUN_RUNNING);
  kit_data(n, "{\"x\":\"v\",\"y\":\"v!\"}");
  l = kit_see(n);
  assert_int_equal(l.task_count, 1);
  assert_int_equal(l.tasks[0].status, ML_TASK_OPEN);
  assert_int_equal(l.row.due, 0);           /* a person: nothing timed */
  ml_run_stats_get(kit.run, &s);
  assert_int_equal(s.in_memory, 0);         /* parked: disk only */
  assert_true(ml_run_idle(kit.run));

  c = kit_complete(n, "t1", "ok", "{\"x\":\"w\"}");
  assert_int_equal(c.rc, ML_OK);
  kit_is(n, ML_COMPLETED, ML_RUN_COMPLETED);
  kit_data(n, "{\"x\":\"w\",\"y\":\"w?\"}");
  l = kit_see(n);
  assert_int_equal(l.tasks[0].status, ML_TASK_COMPLETED);
  assert_true(ml_str_is(l.tasks[0].outcome, "ok"));
  for (size_t i = 0; i < l.history_count; i++)
    assert_int_equal(l.history[i].seq, i + 1);
  assert_int_equal(l.row.seq, l.history_count);
  assert_int_equal(kit_told(&l, ML_TOLD_COMPLETED, NULL), 1);
}

static void what_does_not_fit_is_refused_and_leaves_nothing(void **state) {
  kit_came c;
  kit_look l;
  uint64_t seq;
  int64_t n;

  (void)state;
  open_plain();
  kit_put(kit_start_input("nothing", "{}", &c));
  assert_int_equal(c.rc, ML_NOT_FOUND);
  kit_put(kit_start_input("plain", "{\"z\":1}", &c));
  assert_int_equal(c.rc, ML_INVALID);
  assert_string_equal(c.e.at, "/data/z");
  kit_put(kit_input(ML_EV_CANCELLED, 77, NULL, &c));
  assert_int_equal(c.rc, ML_NOT_FOUND);
  l = kit_see(0);
  assert_int_equal(l.all_count, 0);

  n = kit_start("plain", "{\"x\":\"v\"}");
  seq = kit_see(n).row.seq;
  c = kit_complete(n, "t1", "perhaps", "{}");
  assert_int_equal(c.rc, ML_INVALID);
  c = kit_complete(n, "t1", "ok", "{\"y\":\"not mine\"}");
  assert_int_equal(c.rc, ML_INVALID);
  c = kit_complete(n, "t1", "ok", "{\"x\":null}");
  assert_int_equal(c.rc, ML_INVALID);
  assert_int_equal(kit_see(n).row.seq, seq);
  assert_int_equal(kit_complete(n, "t1", "ok", "{\"x\":\"w\"}").rc, ML_OK);
  {                                         /* done already */
    ml_input *in = kit_input(ML_EV_COMPLETED, n, "{}", &c);

    in->ev.no = kit_see(n).tasks[0].no;
    kit_put(in);
    assert_int_equal(c.rc, ML_CONFLICT);
  }
}

/* The id names row and process: another id with the same number is nobody. */
static void an_id_that_only_looks_alike_is_not_found(void **state) {
  kit_came c;
  ml_input *in;
  int64_t n;

  (void)state;
  open_plain();
  n = kit_start("plain", "{\"x\":\"v\"}");
  in = kit_input(ML_EV_CANCELLED, n, NULL, &c);
  memcpy(in->id, kit_see(n).row.id, 16);
  in->id[0] ^= 1;
  kit_put(in);
  assert_int_equal(c.rc, ML_NOT_FOUND);
  kit_is(n, ML_OPEN, ML_RUN_RUNNING);
}

/* ---- Idempotency-Key, If-Match ---- */

static void a_key_gives_the_first_answer_again(void **state) {
  kit_came a, b, c;
  ml_input *in;

  (void)state;
  open_plain();
  in = kit_start_input("plain", "{\"x\":\"v\"}", &a);
  kit_key(in, 1, 1);
  kit_put(in);
  assert_int_equal(a.rc, ML_OK);
  assert_int_equal(a.status, 201);
  assert_false(a.replayed);

  in = kit_start_input("plain", "{\"x\":\"v\"}", &b);
  kit_key(in, 1, 1);
  kit_put(in);
  assert_int_equal(b.rc, ML_OK);
  assert_true(b.replayed);
  assert_int_equal(b.status, 201);
  assert_string_equal(a.text, b.text);
  assert_int_equal(kit_see(0).all_count, 1);

  in = kit_start_input("plain", "{\"x\":\"other\"}", &c);
  kit_key(in, 1, 2);                        /* the same key, another body */
  kit_put(in);
  assert_int_equal(c.rc, ML_INVALID);
  assert_int_equal(kit_see(0).all_count, 1);

  kit_crash();                              /* and over a restart */
  kit_begin();
  in = kit_start_input("plain", "{\"x\":\"v\"}", &b);
  kit_key(in, 1, 1);
  kit_put(in);
  assert_true(b.replayed);
  assert_string_equal(a.text, b.text);
  assert_int_equal(kit_see(0).all_count, 1);
}

static void two_starts_of_one_key_at_once_are_one(void **state) {
  kit_came a, b;
  ml_input *x, *y;

  (void)state;
  open_plain();
  x = kit_start_input("plain", "{\"x\":\"v\"}", &a);
  kit_key(x, 1, 1);
  y = kit_start_input("plain", "{\"x\":\"v\"}", &b);
  kit_key(y, 1, 1);
  ml_run_put(kit.run, x);
  ml_run_put(kit.run, y);
  kit_settle();
  assert_int_equal(a.times + b.times, 2);
  assert_int_equal(a.rc, ML_OK);
  assert_int_equal(b.rc, ML_OK);
  assert_true(b.replayed);
  assert_string_equal(a.text, b.text);
  assert_int_equal(kit_see(0).all_count, 1);
}

static void a_key_also_guards_what_is_done_to_a_process(void **state) {
  kit_came a, b;
  ml_input *in;
  kit_look l;
  int64_t n;

  (void)state;
  open_plain();
  n = kit_start("plain", "{\"x\":\"v\"}");
  for (int i = 0; i < 2; i++) {
    in = kit_input(ML_EV_COMMENTED, n, NULL, i == 0 ? &a : &b);
    in->ev.text = ML_STR("once");
    in->ev.visibility = ML_STR("private");
    kit_key(in, 9, 9);
    kit_put(in);
  }
  assert_int_equal(a.rc, ML_OK);
  assert_int_equal(b.rc, ML_OK);
  assert_true(b.replayed);
  l = kit_see(n);
  assert_int_equal(kit_told(&l, ML_TOLD_COMMENT, NULL), 1);
}

/* A repeated request must not hold up what the process is doing: its call is
** under way, and goes again at once, with its key and body. */
static void a_repeated_request_stops_nothing(void **state) {
  kit_came c;
  ml_input *in;
  int64_t n;

  (void)state;
  open_with("calls", calls);
  n = kit_start("calls", "{\"x\":\"v\"}");
  assert_int_equal(kit.call_count, 1);
  for (int i = 0; i < 2; i++) {
    in = kit_input(ML_EV_COMMENTED, n, NULL, &c);
    in->ev.text = ML_STR("once");
    in->ev.visibility = ML_STR("private");
    kit_key(in, 9, 9);
    kit_put(in);
    assert_int_equal(c.rc, ML_OK);
  }
  assert_true(c.replayed);
  assert_int_equal(kit.call_count, 2);
  assert_string_equal(kit.calls[0].key, kit.calls[1].key);
  assert_string_equal(kit.calls[0].body, kit.calls[1].body);
  kit_answer(&kit.calls[0], "200 {\"v\":1}");   /* nobody waits for it */
  kit_answer(&kit.calls[1], "200 {\"v\":1}");
  kit_settle();
  assert_int_equal(kit.call_count, 3);
  kit_answer(&kit.calls[2], "200 {}");
  kit_settle();
  kit_is(n, ML_COMPLETED, ML_RUN_COMPLETED);
}

static ml_input *said(int64_t n, uint8_t key, const char *text, kit_came *c) {
  ml_input *in = kit_input(ML_EV_COMMENTED, n, NULL, c);

  in->ev.text = ml_str_of(text);
  in->ev.visibility = ML_STR("private");
  if (key != 0)
    kit_key(in, key, key);
  return in;
}

/* Requests in one commit, one of them a repeat: the others, with a key or
** without, are done as if it had not been there, and in their order. */
static void who_stands_beside_a_repeat_is_taken_again(void **state) {
  kit_came a, b, c, d, e;
  kit_look l;
  int64_t n;

  (void)state;
  open_plain();
  n = kit_start("plain", "{\"x\":\"v\"}");
  kit_put(said(n, 9, "one", &a));
  ml_run_put(kit.run, said(n, 0, "two", &d));
  ml_run_put(kit.run, said(n, 9, "one", &b));
  ml_run_put(kit.run, said(n, 0, "three", &e));
  kit_put(said(n, 8, "four", &c));          /* one commit for all */
  assert_true(a.rc == ML_OK && b.rc == ML_OK && c.rc == ML_OK);
  assert_true(d.rc == ML_OK && e.rc == ML_OK);
  assert_true(b.replayed && !c.replayed && !d.replayed && !e.replayed);
  assert_int_equal(a.times + b.times + c.times + d.times + e.times, 5);
  l = kit_see(n);
  assert_int_equal(kit_told(&l, ML_TOLD_COMMENT, NULL), 4);
  assert_true(l.history_count == l.row.seq);
  kit_put(said(n, 8, "four", &c));
  assert_true(c.rc == ML_OK && c.replayed);
}

/* Once more, not for ever: each time it is taken, another repeat is there. */
static int64_t repeated_n;
static kit_came repeats[2];

static void then_another(void *arg, ml_rc rc, const ml_err *e, int status,
                         const ml_buf *out, bool replayed) {
  kit_came_in(arg, rc, e, status, out, replayed);
  ml_run_put(kit.run, said(repeated_n, 9, "one", &repeats[1]));
}

static void a_second_time_it_is_told_to_try_again(void **state) {
  kit_came a, b;
  ml_input *in;
  kit_look l;

  (void)state;
  open_plain();
  repeated_n = kit_start("plain", "{\"x\":\"v\"}");
  kit_put(said(repeated_n, 9, "one", &a));
  in = said(repeated_n, 9, "one", &repeats[0]);
  in->done = then_another;
  ml_run_put(kit.run, in);
  kit_put(said(repeated_n, 0, "two", &b));
  assert_true(repeats[0].replayed && repeats[1].replayed);
  assert_int_equal(b.times, 1);
  assert_int_equal(b.rc, ML_AGAIN);
  l = kit_see(repeated_n);
  assert_int_equal(kit_told(&l, ML_TOLD_COMMENT, NULL), 1);
  kit_put(said(repeated_n, 0, "two", &b));
  assert_int_equal(b.rc, ML_OK);
}

/* A script that goes round for ever, and people who comment: both have an end,
** and what is left can be ended. */
static const char rounds[] = HEAD
  "return ml.workflow { 'rounds', lanes = { system = 'S', office = 'O' },\n"
  "  fields = { { 'x', 'string' } },\n"
  "  phases = { { 'go', ml.activity { 'a', lane = 'system', retry = { 1000, '1s' },\n"
  "    run = function(ctx) ctx:log 'again' ctx:retry 'not yet' end } },\n"
  "  { 'ask', ml.task { 't', lane = 'office', outcomes = { 'ok' } },\n"
  "    next = { ok = ml.finish } } } }\n";

static void a_history_has_an_end(void **state) {
  kit_look l;
  kit_came c;
  ml_input *in;
  uint64_t seq;
  int64_t n;

  (void)state;
  kit.history_max = 30;
  open_with("rounds", rounds);
  n = kit_start("rounds", "{\"x\":\"v\"}");
  kit_pass(3600000);
  kit_is(n, ML_OPEN, ML_RUN_ERROR);      /* an incident, that a person sees */
  l = kit_see(n);
  seq = l.row.seq;
  assert_in_range(seq, 30, 34);
  assert_non_null(strstr(l.history[l.history_count - 2].text.p, "reached its end"));
  for (int kind = 0; kind < 3; kind++) {
    in = kit_input(kind == 0 ? ML_EV_COMMENTED : kind == 1 ? ML_EV_SIGNALLED
                                                           : ML_EV_EDITED,
                   n, kind == 2 ? "{\"x\":\"w\"}" : NULL, &c);
    in->ev.text = ML_STR("hello");
    in->ev.visibility = ML_STR("private");
    kit_put(in);
    assert_int_equal(c.rc, ML_LIMIT);
    assert_non_null(strstr(c.e.text, "the most there may be"));
  }
  kit_crash();
  kit_begin();
  kit_pass(3600000);
  assert_int_equal(kit_see(n).row.seq, seq);   /* nothing is added */
  kit_put(kit_input(ML_EV_CANCELLED, n, NULL, &c));
  assert_int_equal(c.rc, ML_OK);
  kit_is(n, ML_CANCELLED, ML_RUN_ERROR);
}

static void if_match_must_match(void **state) {
  kit_came c;
  ml_input *in;
  int64_t n;
  uint64_t seq;

  (void)state;
  open_plain();
  n = kit_start("plain", "{\"x\":\"v\"}");
  seq = kit_see(n).row.seq;
  in = kit_input(ML_EV_EDITED, n, "{\"x\":\"w\"}", &c);
  in->if_seq = (int64_t)seq - 1;
  kit_put(in);
  assert_int_equal(c.rc, ML_CONFLICT);
  kit_data(n, "{\"x\":\"v\",\"y\":\"v!\"}");
  in = kit_input(ML_EV_EDITED, n, "{\"x\":\"w\"}", &c);
  in->if_seq = (int64_t)seq;
  kit_put(in);
  assert_int_equal(c.rc, ML_OK);
  kit_data(n, "{\"x\":\"w\",\"y\":\"v!\"}");
}

static const kit_came *earlier;              /* who is to be told first */

static void told_second(void *arg, ml_rc rc, const ml_err *e, int status,
                        const ml_buf *out, bool replayed) {
  assert_int_equal(earlier->times, 1);
  kit_came_in(arg, rc, e, status, out, replayed);
}

/* Two with the same If-Match in one turn: the second is judged against what
** is pending, and told only after that is on disk. */
static void if_match_is_judged_against_what_is_pending(void **state) {
  kit_came a, b;
  ml_input *x, *y;
  int64_t n;
  uint64_t seq;

  (void)state;
  open_plain();
  n = kit_start("plain", "{\"x\":\"v\"}");
  seq = kit_see(n).row.seq;
  x = kit_input(ML_EV_EDITED, n, "{\"x\":\"1\"}", &a);
  y = kit_input(ML_EV_EDITED, n, "{\"x\":\"2\"}", &b);
  x->if_seq = y->if_seq = (int64_t)seq;
  earlier = &a;
  y->done = told_second;
  ml_run_put(kit.run, x);
  ml_run_put(kit.run, y);
  kit_settle();
  assert_int_equal(a.rc, ML_OK);
  assert_int_equal(b.rc, ML_CONFLICT);
  kit_data(n, "{\"x\":\"1\",\"y\":\"v!\"}");
}

/* What a trigger starts and is refused is told why, as anybody is. */
static void a_refused_start_of_a_trigger_says_why(void **state) {
  kit_came c;
  ml_input *in;

  (void)state;
  open_plain();
  in = kit_start_input("plain", "{\"nofield\":1}", &c);
  in->trigger = ML_STR("changed");
  in->identity = ML_STR("42_1");
  kit_put(in);
  assert_int_equal(c.times, 1);
  assert_int_equal(c.rc, ML_INVALID);
  assert_non_null(strstr(c.e.text, "no field 'nofield'"));
  in = kit_start_input("plain", "{\"x\":\"v\"}", &c);
  in->trigger = ML_STR("changed");
  in->identity = ML_STR("42_1");            /* nothing of it was kept */
  kit_put(in);
  assert_int_equal(c.rc, ML_OK);
}

/* ---- effects leave only after their commit ---- */

static int64_t watched;
static size_t looked;

static void row_is_there(const kit_call *c) {
  kit_look l = {.n = watched, .rc = ML_IO};

  /* inline: the read is over when it returns */
  assert_int_equal(ml_store_read(kit.store, kit_look_work, kit_look_done, &l),
                   ML_OK);
  assert_int_equal(l.rc, ML_OK);
  assert_true(l.row.due < 0);               /* in flight, with its lease */
  assert_true(kit_told(&l, ML_TOLD_CALLED,
                       strstr(c->url, "/one") != NULL ? "post.1"
                                                      : "put.second.1") == 1);
  looked++;
}

static void a_call_leaves_after_its_commit(void **state) {
  int64_t n;

  (void)state;
  open_with("calls", calls);
  watched = 1;
  looked = 0;
  kit.on_send = row_is_there;
  kit.answer = "200 {\"v\":5}";
  n = kit_start("calls", "{}");
  assert_int_equal(n, watched);
  assert_int_equal(looked, 2);
  kit_is(n, ML_COMPLETED, ML_RUN_COMPLETED);
}

/* A disk that takes no more bytes. */
static bool disk_full;

static int full_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at) {
  return disk_full ? SQLITE_FULL : vfs_kit_real(f)->xWrite(f, p, n, at);
}

static void full_change(sqlite3_io_methods *own) {
  own->xWrite = full_write;
}

static void full_disk_begin(void) {
  if (vfs_kit.under == NULL)
    assert_true(vfs_kit_begin("full", false, full_change));
  kit.vfs = "full";
  disk_full = false;
}

static void a_batch_that_fails_lets_nothing_out(void **state) {
  kit_came c;
  int64_t n;
  ml_run_stats s;

  (void)state;
  full_disk_begin();
  open_with("calls", calls);
  kit.answer = "200 {\"v\":5}";
  disk_full = true;
  kit_put(kit_start_input("calls", "{}", &c));
  assert_int_equal(c.times, 1);
  assert_int_equal(c.rc, ML_FULL);
  assert_int_equal(kit.call_count, 0);      /* nothing left */
  ml_run_stats_get(kit.run, &s);
  assert_int_equal(s.in_memory, 0);         /* dropped with all it computed */
  disk_full = false;
  assert_int_equal(kit_see(0).all_count, 0);
  kit_pass(5000);
  n = kit_start("calls", "{}");
  assert_int_equal(kit.call_count, 2);
  kit_is(n, ML_COMPLETED, ML_RUN_COMPLETED);
  assert_int_equal(kit.stopped, ML_OK);
}

/* An answer that cannot be written is not taken: the call is asked again, with
** its key, when its lease is over. */
static void an_answer_that_cannot_be_kept_is_asked_again(void **state) {
  int64_t n;
  char key[200], body[400];

  (void)state;
  full_disk_begin();
  open_with("calls", calls);
  n = kit_start("calls", "{}");
  assert_int_equal(kit.call_count, 1);
  snprintf(key, sizeof key, "%s", kit.calls[0].key);
  snprintf(body, sizeof body, "%s", kit.calls[0].body);
  disk_full = true;
  kit_answer(&kit.calls[0], "200 {\"v\":5}");
  kit_settle();
  assert_int_equal(kit.call_count, 1);
  disk_full = false;
  kit.answer = "200 {\"v\":5}";
  kit_pass(120000);
  assert_int_equal(kit.call_count, 3);
  assert_string_equal(kit.calls[1].key, key);
  assert_string_equal(kit.calls[1].body, body);
  kit_is(n, ML_COMPLETED, ML_RUN_COMPLETED);
}

/* Somebody wrote the row meanwhile: what rested on the old one is dropped. */
static void bump_done(void *arg, ml_batch *b, ml_rc rc) {
  *(ml_rc *)arg = rc;
  ml_batch_free(b);
}

/* Process n as it is, but changed by somebody else: what is here of it is stale. */
static void bump(int64_t n, const char *subject) {
  kit_look l = kit_see(n);
  ml_batch *b = ml_batch_new(kit.store);
  ml_rc rc = ML_IO;

  ml_batch_unit(b);
  l.row.seq_was = l.row.seq;
  l.row.seq += 1;
  l.row.subject = ml_str_of(subject);
  ml_batch_process(b, &l.row);
  ml_store_submit(kit.store, b, bump_done, &rc);
  ml_store_reap(kit.store);
  assert_int_equal(rc, ML_OK);
}

static void a_stale_process_is_read_again(void **state) {
  kit_look l;
  ml_run_stats s;
  int64_t n;

  (void)state;
  open_with("calls", calls);
  n = kit_start("calls", "{}");             /* its call is held: in memory */
  bump(n, "changed behind its back");
  kit_answer(&kit.calls[0], "200 {\"v\":5}");
  kit_settle();
  ml_run_stats_get(kit.run, &s);
  assert_int_equal(s.in_memory, 0);
  assert_int_equal(kit.call_count, 1);
  l = kit_see(n);
  assert_true(ml_str_is(l.row.subject, "changed behind its back"));
  kit.answer = "200 {\"v\":5}";
  kit_pass(120000);                         /* its lease ends: asked again */
  kit_is(n, ML_COMPLETED, ML_RUN_COMPLETED);
  assert_true(ml_str_is(kit_see(n).row.subject, "changed behind its back"));
}

/* The wall clock leaps; the monotonic one does not. */
static void leap(int64_t ms) {
  kit.clock.wall += ms;
  ml_run_tick(kit.run);
  kit_settle();
}

/* The clock stood years ahead when a process was given its lease, and the will
** to act was lost: it is looked at again within the length of a lease, not in
** years. */
static int64_t lost_in_years_to_come(int64_t years) {
  int64_t n;

  open_with("calls", calls);
  leap(years);
  n = kit_start("calls", "{}");
  assert_int_equal(kit.call_count, 1);
  bump(n, "lost");
  kit_answer(&kit.calls[0], "200 {\"v\":5}");
  kit_settle();
  assert_true(kit_see(n).row.due < -kit.clock.wall);
  assert_int_equal(kit.call_count, 1);
  kit.answer = "200 {\"v\":5}";
  return n;
}

static void a_lease_of_years_is_none(void **state) {
  const int64_t years = 17 * 365 * 86400000ll;
  int64_t n;

  (void)state;
  n = lost_in_years_to_come(years);
  leap(-years);
  kit_is(n, ML_COMPLETED, ML_RUN_COMPLETED);
}

/* Nobody looked when the clock came back. */
static void a_lease_of_years_is_found_later_too(void **state) {
  const int64_t years = 17 * 365 * 86400000ll;
  int64_t n;

  (void)state;
  n = lost_in_years_to_come(years);
  kit.clock.wall -= years;
  kit_pass(60000);
  kit_is(n, ML_COMPLETED, ML_RUN_COMPLETED);
}

/* While calls follow one another the lease that is written stays, until an
** eighth of it is used up. */
static void a_lease_is_drawn_out_by_eighths(void **state) {
  static const struct { int64_t pass, lease; } cases[] = {
    {0, 60000}, {7500, 60000}, {7501, 67501}};

  (void)state;
  open_with("calls", calls);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    int64_t began = kit.clock.wall, n = kit_start("calls", "{}");
    size_t call = kit.call_count - 1;

    assert_true(kit_see(n).row.due == -(began + 60000));
    kit_pass(cases[i].pass);
    kit_answer(&kit.calls[call], "200 {\"v\":5}");
    kit_settle();
    assert_int_equal(kit.call_count, call + 2);
    assert_true(kit_see(n).row.due == -(began + cases[i].lease));
    kit_answer(&kit.calls[call + 1], "200 {}");
    kit_settle();
    kit_is(n, ML_COMPLETED, ML_RUN_COMPLETED);
  }
}

/* Turned back by less than the longest lease: it ends when it says. */
static void a_lease_of_minutes_ends(void **state) {
  int64_t n;

  (void)state;
  n = lost_in_years_to_come(300000);
  leap(-300000);
  kit_pass(300000 + 60000);
  kit_is(n, ML_COMPLETED, ML_RUN_COMPLETED);
}

/* ---- crashes ---- */

static void a_call_in_flight_is_repeated_as_it_was(void **state) {
  char key[200], body[400];
  int64_t n;
  kit_look l;

  (void)state;
  open_with("calls", calls);
  n = kit_start("calls", "{}");
  assert_int_equal(kit.call_count, 1);
  assert_string_equal(kit.calls[0].method, "POST");
  snprintf(key, sizeof key, "%s", kit.calls[0].key);
  snprintf(body, sizeof body, "%s", kit.calls[0].body);
  assert_non_null(strstr(key, ".post.1"));

  kit_crash();
  kit_begin();
  kit_settle();
  assert_int_equal(kit.call_count, 1);
  assert_string_equal(kit.calls[0].key, key);
  assert_string_equal(kit.calls[0].body, body);   /* the same uuid too */

  kit_answer(&kit.calls[0], "200 {\"v\":5}");
  kit_settle();
  assert_int_equal(kit.call_count, 2);            /* the second is in flight */
  assert_non_null(strstr(kit.calls[1].url, "/two"));
  snprintf(key, sizeof key, "%s", kit.calls[1].key);

  kit_crash();                                    /* the first is in the journal */
  kit_begin();
  kit_settle();
  assert_int_equal(kit.call_count, 1);
  assert_string_equal(kit.calls[0].key, key);
  assert_string_equal(kit.calls[0].body, "{\"v\":5}");
  kit_answer(&kit.calls[0], "204");
  kit_settle();
  kit_is(n, ML_COMPLETED, ML_RUN_COMPLETED);

  l = kit_see(n);                                 /* each line of the log once */
  assert_int_equal(kit_told(&l, ML_TOLD_LOG, "begins"), 1);
  assert_int_equal(kit_told(&l, ML_TOLD_LOG, "one 200"), 1);
  assert_int_equal(kit_told(&l, ML_TOLD_LOG, "two 204"), 1);
  assert_int_equal(kit_told(&l, ML_TOLD_LOG, NULL), 3);
}

static void a_retry_has_the_key_and_body_of_the_first(void **state) {
  int64_t n;

  (void)state;
  open_with("calls", calls);
  n = kit_start("calls", "{}");
  kit_answer(&kit.calls[0], "lost");
  kit_settle();
  kit_is(n, ML_OPEN, ML_RUN_RUNNING);
  kit_pass(9999);
  assert_int_equal(kit.call_count, 1);            /* never early */
  kit_pass(1);
  assert_int_equal(kit.call_count, 2);
  assert_string_equal(kit.calls[0].key, kit.calls[1].key);
  assert_string_equal(kit.calls[0].body, kit.calls[1].body);
  kit.answer = "200 {\"v\":1}";
  kit_settle();
  kit_is(n, ML_COMPLETED, ML_RUN_COMPLETED);
}

static const char snapshot[] = HEAD
  "return ml.workflow { 'snap', lanes = { office = 'O' }, hosts = { 'api.example' },\n"
  "  fields = { { 'x', 'string' }, { 'seen', 'string' }, { 'later', 'string' } },\n"
  "  phases = { { 'both',\n"
  "    ml.branch { 'one', phases = { { 'call', ml.activity { 'a', run = function(ctx)\n"
  "        local before = ctx.data.x\n"
  "        ctx.http.post(U .. '/a', { json = { x = before } })\n"
  "        ctx.data.seen = ctx.data.x\n"
  "      end } }, { 'then', ml.activity { 'b', run = function(ctx) ctx.data.later = "
    "ctx.data.x end } } } },\n"
  "    ml.branch { 'two', phases = { { 'ask', ml.task { 't', lane = 'office', edit = "
    "{ 'x' },\n"
  "        outcomes = { 'done' } } } } } } } }\n";

static void a_replay_sees_the_data_its_attempt_began_with(void **state) {
  char body[200];
  int64_t n;

  (void)state;
  open_with("snap", snapshot);
  kit_join("snap", "office");
  n = kit_start("snap", "{\"x\":\"old\"}");
  assert_int_equal(kit.call_count, 1);
  snprintf(body, sizeof body, "%s", kit.calls[0].body);
  assert_int_equal(kit_complete(n, "t", "done", "{\"x\":\"new\"}").rc, ML_OK);
  kit_data(n, "{\"x\":\"new\"}");
  kit_crash();
  kit_begin();
  kit_settle();
  assert_int_equal(kit.call_count, 1);
  assert_string_equal(kit.calls[0].body, body);
  kit_answer(&kit.calls[0], "200 {}");
  kit_settle();
  kit_is(n, ML_COMPLETED, ML_RUN_COMPLETED);
  kit_data(n, "{\"x\":\"new\",\"seen\":\"old\",\"later\":\"new\"}");
}

static const char timed[] = HEAD
  "return ml.workflow { 'timed', lanes = { office = 'O' }, fields = { { 'got', "
    "'json' } },\n"
  "  phases = {\n"
  "    { 'sleep', ml.activity { 's', run = function(ctx)\n"
  "        ctx:log 'before'\n"
  "        local a = ctx:now()\n"
  "        ctx:sleep '2h'\n"
  "        ctx:log 'after'\n"
  "        ctx.data.got = ctx:now() - a\n"
  "      end } },\n"
  "    { 'ask', ml.task { 't', lane = 'office', due = '1d', remind = '1h', outcomes "
    "= { 'ok' } },\n"
  "      next = ml.finish } } }\n";

static void what_is_due_fires_also_after_a_time_down(void **state) {
  int64_t n;
  kit_look l;

  (void)state;
  open_with("timed", timed);
  kit_join("timed", "office");
  n = kit_start("timed", "{}");
  l = kit_see(n);
  assert_int_equal(l.row.due, KIT_BEGIN + 2 * 3600000);
  kit_crash();
  ml_clock_fake_pass(&kit.clock, 3600000);        /* an hour down: not yet */
  kit_begin();
  kit_settle();
  assert_int_equal(kit_see(n).row.due, KIT_BEGIN + 2 * 3600000);
  assert_int_equal(kit_see(n).task_count, 0);
  assert_int_equal(ml_run_next_due(kit.run), KIT_BEGIN + 2 * 3600000);
  kit_crash();
  ml_clock_fake_pass(&kit.clock, 9 * 3600000);    /* long past */
  kit_begin();
  kit_settle();
  assert_int_equal(kit_see(n).task_count, 1);
  kit_data(n, "{\"got\":36000000}");
  l = kit_see(n);
  assert_int_equal(kit_told(&l, ML_TOLD_LOG, "before"), 1);
  assert_int_equal(kit_told(&l, ML_TOLD_LOG, "after"), 1);
  kit_crash();
  ml_clock_fake_pass(&kit.clock, 48 * 3600000);   /* remind and due, once each */
  kit_begin();
  kit_settle();
  kit_crash();
  kit_begin();
  kit_settle();
  l = kit_see(n);
  assert_int_equal(kit_told(&l, ML_TOLD_REMINDED, NULL), 1);
  assert_int_equal(kit_told(&l, ML_TOLD_OVERDUE, NULL), 1);
  assert_int_equal(kit_complete(n, "t", "ok", "{}").rc, ML_OK);
  kit_is(n, ML_COMPLETED, ML_RUN_COMPLETED);
}

static void a_clock_that_goes_back_fires_nothing_early(void **state) {
  int64_t n;

  (void)state;
  open_with("timed", timed);
  kit_join("timed", "office");
  n = kit_start("timed", "{}");
  kit.clock.wall -= 3600000;
  ml_run_tick(kit.run);
  kit_settle();
  kit_pass(2 * 3600000);                          /* one hour after its start */
  assert_int_equal(kit_see(n).task_count, 0);
  kit_pass(3600000);
  assert_int_equal(kit_see(n).task_count, 1);
}

/* ---- bundles ---- */

#define VERSION(v) HEAD \
  "return ml.workflow { 'kept', lanes = { office = 'O' },\n" \
  "  fields = { { 'v', 'string' } },\n" \
  "  phases = {\n" \
  "    { 'ask', ml.task { 't', lane = 'office', outcomes = { 'done' } } },\n" \
  "    { 'end', ml.activity { 'a', run = function(ctx)\n" \
  "      ctx.data.v = '" v "' end }, next = ml.finish } } }\n"

static void a_process_stays_on_its_bundle(void **state) {
  int64_t a, b;
  char first[65];
  const ml_workflow *wf;

  (void)state;
  open_with("kept", VERSION("one"));
  kit_join("kept", "office");
  wf = ml_run_workflow(kit.run, ML_STR("kept"));
  memcpy(first, ml_run_bundle_version(kit.run, wf->bundle).p, 65);
  a = kit_start("kept", "{}");
  kit_flow("kept", VERSION("two"));
  wf = ml_run_workflow(kit.run, ML_STR("kept"));
  assert_string_not_equal(ml_run_bundle_version(kit.run, wf->bundle).p, first);
  b = kit_start("kept", "{}");
  kit_crash();                                    /* and over a restart */
  kit_begin();
  kit_complete(a, "t", "done", "{}");
  kit_complete(b, "t", "done", "{}");
  kit_data(a, "{\"v\":\"one\"}");
  kit_data(b, "{\"v\":\"two\"}");
  kit_flow("kept", VERSION("one"));               /* the old text: the old bundle */
  wf = ml_run_workflow(kit.run, ML_STR("kept"));
  assert_string_equal(ml_run_bundle_version(kit.run, wf->bundle).p, first);
}

static void a_broken_folder_leaves_what_is_in_force(void **state) {
  int64_t n;
  uint32_t bundle;

  (void)state;
  open_with("kept", VERSION("one"));
  kit_flow("plain", plain);
  kit_join("kept", "office");
  bundle = ml_run_workflow(kit.run, ML_STR("kept"))->bundle;
  kit_write("kept", "workflow.lua", "return 1 +\n");
  kit_write("plain", "workflow.lua", HEAD
            "return ml.workflow { 'plain', phases = { { 'a', ml.activity { 'new', "
              "run = function() end } } } }\n");
  assert_int_equal(kit_load(), ML_INVALID);
  assert_non_null(strstr(kit.faults, "kept/workflow.lua:"));
  assert_non_null(strstr(ml_run_broken(kit.run).p, "kept/workflow.lua:"));
  assert_int_equal(ml_run_workflow(kit.run, ML_STR("kept"))->bundle, bundle);
  n = kit_start("kept", "{}");
  kit_complete(n, "t", "done", "{}");
  kit_data(n, "{\"v\":\"one\"}");
  /* the sound one beside it came into force */
  n = kit_start("plain", "{}");
  kit_is(n, ML_COMPLETED, ML_RUN_COMPLETED);
  kit_write("kept", "workflow.lua", VERSION("two"));
  assert_int_equal(kit_load(), ML_OK);
  assert_int_equal(ml_run_broken(kit.run).n, 0);
}

static void a_folder_that_is_gone_is_out_of_force(void **state) {
  char path[300];
  kit_came c;
  int64_t n;

  (void)state;
  open_with("kept", VERSION("one"));
  kit_flow("plain", plain);
  kit_join("kept", "office");
  n = kit_start("kept", "{}");
  snprintf(path, sizeof path, "%s/kept/workflow.lua", kit.flows);
  assert_int_equal(unlink(path), 0);
  assert_int_equal(kit_load(), ML_OK);
  kit_put(kit_start_input("kept", "{}", &c));
  assert_int_equal(c.rc, ML_NOT_FOUND);
  kit_crash();
  kit_begin();
  kit_put(kit_start_input("kept", "{}", &c));
  assert_int_equal(c.rc, ML_NOT_FOUND);
  kit_complete(n, "t", "done", "{}");             /* its processes go on */
  kit_data(n, "{\"v\":\"one\"}");
  kit_is(n, ML_COMPLETED, ML_RUN_COMPLETED);
}

static void a_check_brings_nothing_into_force(void **state) {
  kit_came c = {0};

  (void)state;
  kit_begin();
  kit_write("kept", "workflow.lua", VERSION("one"));
  ml_run_check(kit.run, kit.flows, kit_fault, kit_done, &c);
  kit_settle();
  assert_int_equal(c.times, 1);
  assert_int_equal(c.rc, ML_OK);
  assert_null(ml_run_workflow(kit.run, ML_STR("kept")));
  kit_write("kept", "workflow.lua", HEAD "return ml.workflow { 'kept', phases = {} }\n");
  ml_run_check(kit.run, kit.flows, kit_fault, kit_done, &c);
  kit_settle();
  assert_int_equal(c.times, 2);
  assert_int_equal(c.rc, ML_INVALID);
  assert_non_null(strstr(kit.faults, "kept/workflow.lua:"));
}

/* ---- processes and processes ---- */

static const char family[] = HEAD
  "local parent = ml.workflow { 'parent', fields = { { 'got', 'json' } },\n"
  "  phases = { { 'call', ml.activity { 'c', run = function(ctx)\n"
  "      local child = ctx:call('child', { n = 20 })\n"
  "      ctx.data.got = { child.status, child.data.n }\n"
  "    end }, next = ml.finish } } }\n"
  "local child = ml.workflow { 'child', lanes = { office = 'O' }, fields = { { 'n', "
    "'integer' } },\n"
  "  phases = { { 'ask', ml.task { 't', lane = 'office', edit = { 'n' }, outcomes = "
    "{ 'ok' } },\n"
  "    next = ml.finish } } }\n"
  "return { parent, child }\n";

static void a_called_process_answers_its_caller(void **state) {
  int64_t n, child;
  kit_look l;
  kit_came c;

  (void)state;
  open_with("family", family);
  kit_join("child", "office");
  n = kit_start("parent", "{}");
  l = kit_see(0);
  assert_int_equal(l.all_count, 2);
  child = l.all[0].n == n ? l.all[1].n : l.all[0].n;
  assert_int_equal(kit_see(child).row.parent_n, n);
  kit_is(n, ML_OPEN, ML_RUN_RUNNING);
  kit_crash();                                    /* both parked: nothing twice */
  kit_begin();
  kit_settle();
  assert_int_equal(kit_see(0).all_count, 2);
  kit_complete(child, "t", "ok", "{\"n\":21}");
  kit_is(child, ML_COMPLETED, ML_RUN_COMPLETED);
  kit_is(n, ML_COMPLETED, ML_RUN_COMPLETED);
  kit_data(n, "{\"got\":[\"COMPLETED\",21]}");

  n = kit_start("parent", "{}");                  /* a cancelled one answers too */
  child = n + 1;
  kit_put(kit_input(ML_EV_CANCELLED, child, NULL, &c));
  assert_int_equal(c.rc, ML_OK);
  kit_data(n, "{\"got\":[\"CANCELLED\",20]}");
}

static const char waiting[] = HEAD
  "return ml.workflow { 'waiting', lanes = { office = 'O' }, fields = { { 'got', "
    "'json' } },\n"
  "  phases = {\n"
  "    { 'ask', ml.task { 't', lane = 'office', outcomes = { 'done' } } },\n"
  "    { 'wait', ml.activity { 'w', run = function(ctx)\n"
  "        local a = ctx:await 'paid'\n"
  "        local b = ctx:await 'paid'\n"
  "        ctx.data.got = { a.n, b.n, ctx:await('other', { within = '1h' }) == nil }\n"
  "      end }, next = ml.finish } } }\n";

/* The call behind a signal fails: the next attempt has the signal, and what it
** brought; one without data is a signal too. */
static const char taken_once[] = HEAD
  "return ml.workflow { 'taken', lanes = { system = 'S' }, hosts = { 'api.example' },\n"
  "  fields = { { 'got', 'json' } },\n"
  "  phases = { { 'hear', ml.activity { 'a', lane = 'system', retry = { 3, '10s' },\n"
  "    run = function(ctx)\n"
  "      local paid = ctx:await 'paid'\n"
  "      local bare = ctx:await 'bare'\n"
  "      local none = ctx:await('none', { within = '1h' })\n"
  "      ctx.http.post(U .. '/one', { json = { n = paid.n } })\n"
  "      ctx.data.got = { paid.n, bare ~= nil, none == nil }\n"
  "    end }, next = ml.finish } } }\n";

static void a_signal_that_was_taken_stays_taken(void **state) {
  int64_t n;

  (void)state;
  open_with("taken", taken_once);
  n = kit_start("taken", "{}");
  kit_signal(n, "paid", "{\"n\":7}");
  kit_signal(n, "bare", NULL);
  kit_pass(3600000);
  assert_int_equal(kit.call_count, 1);
  kit_answer(&kit.calls[0], "lost");
  kit_pass(10000);
  kit_pass(3600000);                     /* that nothing came is asked anew */
  assert_int_equal(kit.call_count, 2);
  assert_string_equal(kit.calls[0].body, kit.calls[1].body);
  assert_string_equal(kit.calls[0].key, kit.calls[1].key);
  kit_answer(&kit.calls[1], "200 {}");
  kit_settle();
  kit_is(n, ML_COMPLETED, ML_RUN_COMPLETED);
  kit_data(n, "{\"got\":[7,true,true]}");
}

static void signals_are_kept_until_awaited(void **state) {
  int64_t n;

  (void)state;
  open_with("waiting", waiting);
  kit_join("waiting", "office");
  n = kit_start("waiting", "{}");
  kit_signal(n, "paid", "{\"n\":1}");             /* nobody waits yet */
  kit_signal(n, "paid", "{\"n\":2}");
  kit_crash();
  kit_begin();
  kit_complete(n, "t", "done", "{}");
  kit_is(n, ML_OPEN, ML_RUN_RUNNING);
  kit_pass(3600000);
  kit_is(n, ML_COMPLETED, ML_RUN_COMPLETED);
  kit_data(n, "{\"got\":[1,2,true]}");            /* the oldest first */
}

static const char again[] = HEAD
  "return ml.workflow { 'again', fields = { { 'got', 'json' } },\n"
  "  phases = {\n"
  "    { 'wait', ml.activity { 'w', retry = { 3, '1m' }, run = function(ctx)\n"
  "        local a = ctx:await 'paid'\n"
  "        local b = ctx:await('more', { within = '1h' })\n"
  "        if not b then ctx:retry('no more yet') end\n"
  "        ctx.data.got = { a.n, b.n }\n"
  "      end }, next = ml.finish } } }\n";

/* A signal was acknowledged: the attempt that took it may fail, the next one
** has it.  A wait that ended by itself is a wait again. */
static void a_signal_outlives_the_attempt_that_took_it(void **state) {
  int64_t n;

  (void)state;
  open_with("again", again);
  n = kit_start("again", "{}");
  kit_signal(n, "paid", "{\"n\":1}");
  kit_pass(3600000);                              /* the first attempt ends */
  kit_pass(60000);                                /* the second begins */
  kit_crash();
  kit_begin();
  kit_is(n, ML_OPEN, ML_RUN_RUNNING);
  kit_signal(n, "more", "{\"n\":2}");
  kit_is(n, ML_COMPLETED, ML_RUN_COMPLETED);
  kit_data(n, "{\"got\":[1,2]}");
}

static void a_mailbox_has_an_end(void **state) {
  kit_came c;
  ml_input *in;
  int64_t n;

  (void)state;
  open_with("waiting", waiting);
  kit_join("waiting", "office");
  n = kit_start("waiting", "{}");
  for (int i = 0; i < ML_MAIL_MAX; i++)
    kit_signal(n, "paid", "{\"n\":1}");
  in = kit_input(ML_EV_SIGNALLED, n, NULL, &c);
  in->ev.text = ML_STR("paid");
  kit_put(in);
  assert_int_equal(c.rc, ML_LIMIT);
}

/* Inputs that come while a kept signal is being read wait, and are taken. */
static void inputs_during_a_read_are_taken_after_it(void **state) {
  kit_came a, b;
  kit_look l;
  ml_input *in;
  int64_t n;

  (void)state;
  open_with("waiting", waiting);
  kit_join("waiting", "office");
  n = kit_start("waiting", "{}");
  kit_signal(n, "paid", "{\"n\":1}");
  l = kit_see(n);
  in = kit_input(ML_EV_COMPLETED, n, "{}", &a);
  in->ev.no = l.tasks[0].no;
  ml_run_put(kit.run, in);
  for (int i = 0; i < 40 && a.times == 0; i++)
    kit_turn();
  in = kit_input(ML_EV_COMMENTED, n, NULL, &b);
  in->ev.text = ML_STR("hello");
  in->ev.visibility = ML_STR("shared");
  kit_put(in);
  assert_int_equal(a.times, 1);
  assert_int_equal(b.times, 1);
  assert_int_equal(b.rc, ML_OK);
  kit_signal(n, "paid", "{\"n\":2}");
  kit_pass(3600000);
  kit_data(n, "{\"got\":[1,2,true]}");
}

/* ---- triggers ---- */

static const char triggered[] = HEAD
  "local function one(stamp) return { identity = '42_' .. stamp, data = { id = '42' "
    "}, at = stamp } end\n"
  "return ml.workflow { 'triggered', lanes = { system = 'S' }, hosts = { 'api.example' },\n"
  "  settings = { every = { 'duration', default = '15m' } },\n"
  "  fields = { { 'id', 'string' } },\n"
  "  start = {\n"
  "    { kind = 'poll', name = 'changed', every = ml.setting 'every', into = 'id', "
    "run = function(ctx, state)\n"
  "        local rows = ctx.http.get(U .. '/rows').json\n"
  "        local seen = state and state.seen or 0\n"
  "        return { state = { seen = seen + 1 }, transactions = ml.array { "
    "one(rows.stamp) } }\n"
  "      end },\n"
  "    { kind = 'webhook', name = 'orders', into = 'id', receive = function(ctx, request)\n"
  "        return { transactions = ml.array { one(request.json.stamp) } }\n"
  "      end },\n"
  "    ml.form { 'id' } },\n"
  "  phases = { { 'go', ml.activity { 'a', lane = 'system', run = function() end }, "
    "next = ml.finish } } }\n";

static kit_came came_of_hook;

static void hooked(void *arg, ml_rc rc, const ml_err *e, ml_str answer) {
  kit_came *c = arg;

  kit_done(c, rc, e);
  snprintf(c->text, sizeof c->text, "%.*s", (int)answer.n,
           answer.p != NULL ? answer.p : "");
}

static size_t started_by(void) {
  ml_json *v = kit_json(&kit.arena, came_of_hook.text);

  assert_int_equal(came_of_hook.rc, ML_OK);
  return ml_json_get(v, "started")->count;
}

static size_t poll_now(void) {
  memset(&came_of_hook, 0, sizeof came_of_hook);
  ml_run_poll_now(kit.run, ML_STR("triggered"), ML_STR("changed"), hooked,
                  &came_of_hook);
  kit_settle();
  assert_int_equal(came_of_hook.times, 1);
  return came_of_hook.rc == ML_OK ? started_by() : 0;
}

static size_t post(const char *json) {
  char request[300];

  memset(&came_of_hook, 0, sizeof came_of_hook);
  snprintf(request, sizeof request,
           "{\"method\":\"POST\",\"headers\":{},\"query\":{},\"body\":\"%s\"}",
           json);
  ml_run_hook(kit.run, ML_STR("triggered"), ML_STR("orders"),
              ml_str_of(request), NULL, hooked, &came_of_hook);
  kit_settle();
  assert_int_equal(came_of_hook.times, 1);
  return came_of_hook.rc == ML_OK ? started_by() : 0;
}

/* Q6.6: two polls over the same rows start one, also over a restart; a row
** that was touched starts another; the webhook has the poll's identity. */
static void one_occurrence_starts_one_process(void **state) {
  (void)state;
  open_with("triggered", triggered);
  kit.answer = "200 {\"stamp\":100}";
  assert_int_equal(poll_now(), 1);
  assert_int_equal(poll_now(), 0);
  assert_int_equal(post("{\\\"stamp\\\":100}"), 0);
  kit_crash();
  kit_begin();
  assert_int_equal(poll_now(), 0);
  assert_int_equal(post("{\\\"stamp\\\":100}"), 0);
  assert_int_equal(post("{\\\"stamp\\\":200}"), 1);
  kit.answer = "200 {\"stamp\":200}";
  assert_int_equal(poll_now(), 0);
  kit.answer = "200 {\"stamp\":300}";
  assert_int_equal(poll_now(), 1);
  assert_int_equal(kit_see(0).all_count, 3);
}

static void a_trigger_that_breaks_starts_nothing(void **state) {
  (void)state;
  open_with("triggered", triggered);
  assert_int_equal(post("no JSON"), 0);
  assert_int_equal(came_of_hook.rc, ML_INVALID);
  assert_non_null(strstr(came_of_hook.e.at, "workflow.lua:"));
  kit.answer = "503";
  assert_int_equal(poll_now(), 0);
  assert_int_equal(came_of_hook.rc, ML_UNREACHABLE);
  assert_int_equal(kit_see(0).all_count, 0);
  memset(&came_of_hook, 0, sizeof came_of_hook);
  ml_run_hook(kit.run, ML_STR("triggered"), ML_STR("changed"), ML_STR("{}"),
              NULL, hooked, &came_of_hook);             /* a poll is no hook */
  assert_int_equal(came_of_hook.rc, ML_NOT_FOUND);
}

static void polls_run_by_themselves(void **state) {
  (void)state;
  kit.hold_polls = false;
  kit.answer = "200 {\"stamp\":100}";
  open_with("triggered", triggered);
  kit_pass(1000);
  assert_int_equal(kit.call_count, 1);
  kit_pass(900000 - 2000);
  assert_int_equal(kit.call_count, 1);
  kit_pass(2000);
  assert_int_equal(kit.call_count, 2);
  assert_int_equal(kit_see(0).all_count, 1);
  kit_crash();
  ml_clock_fake_pass(&kit.clock, 60000);          /* its time goes on, down or not */
  kit_begin();
  kit_settle();
  assert_int_equal(kit.call_count, 0);
  kit_pass(840000);
  assert_int_equal(kit.call_count, 1);
}

/* ---- settings ---- */

static const char secrets[] = HEAD
  "return ml.workflow { 'secrets', settings = { api = { 'url', required = true }, "
    "key = { 'secret' } },\n"
  "  fields = { { 'got', 'json' } },\n"
  "  phases = { { 'go', ml.activity { 'a', run = function(ctx)\n"
  "      local a = ctx.http.post(ctx.settings.api .. '/x', { json = { key = "
    "ctx.settings.key } })\n"
  "      ctx.data.got = a.body\n"
  "    end }, next = ml.finish } } }\n";

static bool file_holds(const char *path, const char *text) {
  static char all[4 << 20];
  int fd = open(path, O_RDONLY);
  ssize_t n = fd >= 0 ? read(fd, all, sizeof all) : 0;

  if (fd >= 0)
    close(fd);
  return n > 0 && memmem(all, (size_t)n, text, strlen(text)) != NULL;
}

static void a_secret_is_sealed_and_goes_out_only(void **state) {
  kit_came c;
  char wal[260];
  int64_t n;

  (void)state;
  open_with("secrets", secrets);
  kit_put(kit_start_input("secrets", "{}", &c));
  assert_int_equal(c.rc, ML_CONFLICT);            /* api is required */
  assert_non_null(strstr(c.e.text, "setting 'api'"));
  assert_int_equal(kit_set("secrets", "api", "\"no url\""), ML_INVALID);
  assert_int_equal(kit_set("secrets", "api", "\"https://api.example\""), ML_OK);
  assert_int_equal(kit_set("secrets", "key", "\"hush-4711\""), ML_OK);
  assert_int_equal(kit_set("secrets", "none", "1"), ML_NOT_FOUND);
  kit.answer = "200 you sent hush-4711";
  n = kit_start("secrets", "{}");
  assert_string_equal(kit.calls[0].body, "{\"key\":\"hush-4711\"}");
  kit_data(n, "{\"got\":\"you sent [secret key]\"}");
  snprintf(wal, sizeof wal, "%s-wal", kit.db);
  assert_false(file_holds(kit.db, "hush-4711"));
  assert_false(file_holds(wal, "hush-4711"));
  assert_true(file_holds(kit.db, "https://api.example") ||
              file_holds(wal, "https://api.example"));
}

/* ---- leaving ---- */

static void a_drain_lets_end_what_runs_and_refuses_the_rest(void **state) {
  kit_came done = {0}, c;
  int64_t n;

  (void)state;
  open_with("calls", calls);
  n = kit_start("calls", "{}");                   /* its call is held */
  ml_run_drain(kit.run, 10000, kit_done, &done);
  kit_put(kit_start_input("calls", "{}", &c));
  assert_int_equal(c.rc, ML_AGAIN);
  assert_int_equal(done.times, 0);
  kit.answer = "200 {\"v\":1}";
  kit_settle();
  assert_int_equal(done.times, 1);
  assert_int_equal(done.rc, ML_OK);
  kit_is(n, ML_COMPLETED, ML_RUN_COMPLETED);
}

static void a_drain_that_is_too_long_says_so(void **state) {
  kit_came done = {0};
  int64_t n;

  (void)state;
  open_with("calls", calls);
  n = kit_start("calls", "{}");
  ml_run_drain(kit.run, 10000, kit_done, &done);
  ml_clock_fake_pass(&kit.clock, 10000);
  kit_settle();
  assert_int_equal(done.times, 1);
  assert_int_equal(done.rc, ML_TIMEOUT);
  kit_crash();                                    /* and it goes on afterwards */
  kit.answer = "200 {\"v\":1}";
  kit_begin();
  kit_settle();
  kit_is(n, ML_COMPLETED, ML_RUN_COMPLETED);
}

/* ---- the same with the store's own threads ---- */

static void threads_of_the_store_change_nothing(void **state) {
  int64_t n;

  (void)state;
  kit.threaded = true;
  open_with("calls", calls);
  kit_flow("plain", plain);
  kit_join("plain", "office");
  kit.answer = "200 {\"v\":5}";
  n = kit_start("calls", "{}");
  kit_is(n, ML_COMPLETED, ML_RUN_COMPLETED);
  n = kit_start("plain", "{\"x\":\"v\"}");
  kit_crash();
  kit_begin();
  assert_int_equal(kit_complete(n, "t1", "ok", "{\"x\":\"w\"}").rc, ML_OK);
  kit_is(n, ML_COMPLETED, ML_RUN_COMPLETED);
}

/* ---- memory is short ---- */

static void turns(int n) {
  while (n-- > 0)
    kit_turn();
}

/* One start with the n-th allocation failing; false: there were fewer. */
static bool start_starved(const char *workflow, const char *data, uint64_t n,
                          kit_came *c) {
  ml_input *in = kit_start_input(workflow, data, c);
  uint64_t from = ml_mem_count();
  bool failed;

  ml_mem_fail_at(n, 0);
  ml_run_put(kit.run, in);
  turns(40);
  ml_mem_fail_at(0, 0);
  failed = ml_mem_count() - from >= n;
  turns(40);
  for (int i = 0; i < 3; i++) {             /* leases end, retries are due */
    ml_clock_fake_pass(&kit.clock, 61000);
    ml_run_tick(kit.run);
    turns(40);
  }
  return failed;
}

/* Whatever allocation fails while a process starts and runs: it is answered
** once, and when memory is back it either never was or goes on, at the latest
** when its lease has ended.  A script that found no memory is an incident. */
static void starve(const char *workflow, const char *data, bool ends) {
  uint64_t n = 0;
  bool failed = true;

  while (failed) {
    size_t before = kit_see(0).all_count;
    kit_came c;
    kit_look l;

    kit.call_count = 0;
    failed = start_starved(workflow, data, ++n, &c);
    if (c.times != 1 || !ml_run_idle(kit.run))
      fail_msg("allocation %llu: %d answers, %s", (unsigned long long)n, c.times,
               ml_run_idle(kit.run) ? "idle" : "not at rest");
    l = kit_see(0);
    if (l.all_count != before + (c.rc == ML_OK))
      fail_msg("allocation %llu: answered %s, and now there are %zu of %zu",
               (unsigned long long)n, ml_rc_name(c.rc), l.all_count, before);
    if (c.rc != ML_OK || l.all[0].run == ML_RUN_ERROR)
      continue;
    assert_int_equal(l.all[0].run, ends ? ML_RUN_COMPLETED : ML_RUN_RUNNING);
    l = kit_see(l.all[0].n);
    assert_int_equal(l.task_count, ends ? 0 : 1);
  }
  if (n < 30)
    fail_msg("only %llu allocations were seen", (unsigned long long)n);
}

static void each_allocation_may_fail(void **state) {
  (void)state;
  kit.memory = true;
  open_plain();
  kit_flow("calls", calls);
  kit.answer = "200 {\"v\":5}";
  kit_start("plain", "{\"x\":\"v\"}");
  kit_start("calls", "{}");
  starve("plain", "{\"x\":\"v\"}", false);
  starve("calls", "{}", true);
}

/* A pass reads what is due; before it is told, another process commits its next
** moment, which that read cannot know. */
static void a_moment_put_during_a_pass_is_not_forgotten(void **state) {
  (void)state;
  kit_begin();
  kit_flow("nap", "local ml = require 'moonlane'\n"
    "return ml.workflow { 'nap', phases = { { 'one', ml.activity { 'n',\n"
    "  run = function(ctx) ctx:sleep '1s' end } } } }\n");
  kit_flow("call", "local ml = require 'moonlane'\n"
    "return ml.workflow { 'call', hosts = { 'x.example' }, phases = { { 'one',\n"
    "  ml.activity { 'c', retry = { 9, '10s' },\n"
    "  run = function(ctx) ctx.http.get 'https://x.example/' end } } } }\n");
  kit_start("nap", NULL);
  kit_start("call", NULL);
  assert_int_equal(kit.call_count, 1);
  kit_pass(1000);                            /* the nap ends; a pass is due soon */
  ml_clock_fake_pass(&kit.clock, 10);
  kit_answer(&kit.calls[0], "503 ");         /* "not yet": commits at this turn's end */
  ml_run_tick(kit.run);                      /* the pass has read, and is not told */
  kit_settle();
  assert_int_equal(ml_run_next_due(kit.run), kit.clock.wall + 10000);
}

#define T(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
    T(a_process_goes_from_start_to_end),
    T(a_moment_put_during_a_pass_is_not_forgotten),
    T(what_does_not_fit_is_refused_and_leaves_nothing),
    T(an_id_that_only_looks_alike_is_not_found),
    T(a_key_gives_the_first_answer_again),
    T(two_starts_of_one_key_at_once_are_one),
    T(a_key_also_guards_what_is_done_to_a_process),
    T(a_history_has_an_end), T(a_repeated_request_stops_nothing),
    T(who_stands_beside_a_repeat_is_taken_again),
    T(a_second_time_it_is_told_to_try_again), T(if_match_must_match),
    T(if_match_is_judged_against_what_is_pending),
    T(a_refused_start_of_a_trigger_says_why),
    T(a_call_leaves_after_its_commit), T(a_batch_that_fails_lets_nothing_out),
    T(an_answer_that_cannot_be_kept_is_asked_again),
    T(a_stale_process_is_read_again), T(a_lease_of_years_is_none),
    T(a_lease_is_drawn_out_by_eighths),
    T(a_lease_of_years_is_found_later_too), T(a_lease_of_minutes_ends),
    T(a_call_in_flight_is_repeated_as_it_was),
    T(a_retry_has_the_key_and_body_of_the_first),
    T(a_replay_sees_the_data_its_attempt_began_with),
    T(what_is_due_fires_also_after_a_time_down),
    T(a_clock_that_goes_back_fires_nothing_early),
    T(a_process_stays_on_its_bundle),
    T(a_broken_folder_leaves_what_is_in_force),
    T(a_folder_that_is_gone_is_out_of_force),
    T(a_check_brings_nothing_into_force),
    T(a_called_process_answers_its_caller), T(signals_are_kept_until_awaited),
    T(a_signal_that_was_taken_stays_taken),
    T(a_signal_outlives_the_attempt_that_took_it),
    T(a_mailbox_has_an_end), T(inputs_during_a_read_are_taken_after_it),
    T(one_occurrence_starts_one_process),
    T(a_trigger_that_breaks_starts_nothing), T(polls_run_by_themselves),
    T(a_secret_is_sealed_and_goes_out_only),
    T(a_drain_lets_end_what_runs_and_refuses_the_rest),
    T(a_drain_that_is_too_long_says_so),
    T(threads_of_the_store_change_nothing), T(each_allocation_may_fail),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
