/*
** run_kit.h - the run over a real store, with workers in this process, a
** fake network and a clock that stands unless it is turned.
**
** kit_open() begins an engine on the kit's file, kit_crash() ends it as a
** power cut does: nothing is told, nothing is tidied; kit_open() then begins
** the next one on what is on disk.
*/
#ifndef RUN_KIT_H
#define RUN_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "run/run.h"

#define KIT_BEGIN INT64_C(1772442000000)     /* 2026-03-02T09:00:00Z */
enum { KIT_TURNS = 3000, KIT_CALLS = 200 };

/* A call that was sent. */
typedef struct kit_call {
  char *method, *url, *body, *key;
  char *headers;                 /* each with a newline behind it */
  ml_http_fn *fn;
  void *arg;
  bool answered;
} kit_call;

/* What an input, or a request like it, came to. */
typedef struct kit_came {
  int times;
  ml_rc rc;
  ml_err e;
  int status;
  bool replayed;
  char text[4000];
} kit_came;

static struct {
  ml_mailer *mail;               /* NULL: no mail server */
  const ml_mail_server *mail_server;
  ml_clock_fake clock;
  ml_rand_seeded rand;
  ml_loop *loop;
  ml_store *store;
  ml_script *script;
  ml_http http;
  ml_run *run;
  char dir[200], db[240], flows[240];
  const char *vfs;
  bool threaded, memory, hold_polls, step_commits, still;
  const ml_str *rules;           /* files of rules of the configuration */
  size_t rule_count;
  uint64_t history_max;
  int64_t patrol_ms;             /* the audit by itself; 0: none */
  int64_t forget_ms, keep_keys_ms, keep_seen_ms;
  kit_call calls[KIT_CALLS];
  size_t call_count;
  void (*on_new)(void);          /* the run is made, not yet begun */
  void (*on_send)(const kit_call *c);     /* looks while a call leaves */
  const char *answer;            /* "200 {json}" to every call; NULL: hold */
  ml_rc stopped;                 /* what the run told its program */
  char faults[4000];             /* of the last load */
  ml_arena arena;                /* of one test */
} kit;

/* ---- the network ---- */

static inline ml_rc kit_send(ml_http *h, const ml_http_call *call, ml_http_fn *fn,
                      void *arg, uint64_t *id, ml_err *e) {
  kit_call *c = &kit.calls[kit.call_count];

  (void)h;
  (void)id;
  (void)e;
  assert_true(kit.call_count < KIT_CALLS);
  kit.call_count++;
  memset(c, 0, sizeof *c);
  c->method = ml_arena_dup(&kit.arena, call->method.p, call->method.n);
  c->url = ml_arena_dup(&kit.arena, call->url.p, call->url.n);
  c->body = ml_arena_dup(&kit.arena, call->body.p != NULL ? call->body.p : "",
                         call->body.n);
  c->key = "";
  c->headers = "";
  for (size_t i = 0; i < call->header_count; i++)
    c->headers = ml_arena_printf(&kit.arena, "%s%.*s\n", c->headers,
                                 (int)call->headers[i].n, call->headers[i].p);
  for (size_t i = 0; i < call->header_count; i++)
    if (strncmp(call->headers[i].p, "Idempotency-Key: ", 17) == 0)
      c->key = ml_arena_dup(&kit.arena, call->headers[i].p + 17,
                            call->headers[i].n - 17);
  c->fn = fn;
  c->arg = arg;
  if (kit.on_send != NULL)
    kit.on_send(c);
  return ML_OK;
}

static inline void kit_cancel(ml_http *h, uint64_t id) {
  (void)h;
  (void)id;
}

/* "200 {...}"; "lost": no answer came. */
static inline void kit_answer(kit_call *c, const char *text) {
  ml_http_header json = {ML_STR("Content-Type"), ML_STR("application/json")};
  ml_http_answer a = {.end = ML_HTTP_COMPLETE, .status = atoi(text),
                      .headers = &json, .header_count = 1,
                      .body = ml_str_of(strlen(text) > 4 ? text + 4 : "")};

  assert_false(c->answered);
  c->answered = true;
  if (strcmp(text, "lost") == 0)
    a = (ml_http_answer){.end = ML_HTTP_LOST, .why = "no answer came"};
  c->fn(c->arg, &a);
}

/* ---- moving ---- */

static inline bool kit_turn(void) {
  size_t n = ml_script_inline_turn(kit.script);

  for (size_t i = 0; kit.answer != NULL && i < kit.call_count; i++)
    if (!kit.calls[i].answered) {
      kit_answer(&kit.calls[i], kit.answer);
      n++;
    }
  ml_loop_turn(kit.loop, 0);
  ml_run_reap(kit.run);
  return n > 0;
}

static inline size_t kit_open_calls(void) {
  size_t n = 0;

  for (size_t i = 0; i < kit.call_count; i++)
    n += !kit.calls[i].answered;
  return n;
}

/* Until nothing moves: at rest, or waiting for a call that is held. */
static inline void kit_settle(void) {
  int quiet = 0;

  for (int i = 0; i < KIT_TURNS && quiet < 8; i++) {
    bool moved = kit_turn();

    if (kit.threaded)
      ml_store_wait(kit.store);
    quiet = moved || (!ml_run_idle(kit.run) && kit_open_calls() == 0) ? 0
                                                                    : quiet + 1;
  }
  assert_int_equal(quiet, 8);
}

static inline void kit_pass(int64_t ms) {
  int64_t until = kit.clock.wall + ms, due;

  kit_settle();
  while ((due = ml_run_next_due(kit.run)) > 0 && due <= until) {
    ml_clock_fake_pass(&kit.clock, due > kit.clock.wall ? due - kit.clock.wall
                                                        : 0);
    ml_run_tick(kit.run);
    kit_settle();
    if (due >= until)
      break;
  }
  if (kit.clock.wall < until)
    ml_clock_fake_pass(&kit.clock, until - kit.clock.wall);
  ml_run_tick(kit.run);
  kit_settle();
}

/* ---- an engine ---- */

static inline void kit_done(void *arg, ml_rc rc, const ml_err *e) {
  kit_came *c = arg;

  c->times++;
  c->rc = rc;
  if (e != NULL)
    c->e = *e;
}

static inline void kit_stopped(void *arg, ml_rc rc, const char *why) {
  (void)arg;
  (void)why;
  kit.stopped = rc;
}

static inline void kit_begin(void) {
  ml_store_conf store = {.path = kit.memory ? ":memory:" : kit.db,
                         .vfs = kit.vfs, .threaded = kit.threaded,
                         .clock = &kit.clock.base};
  ml_run_conf conf = {.clock = &kit.clock.base, .rand = &kit.rand.base,
                      .http = &kit.http, .hold_polls = kit.hold_polls,
                      .step_commits = kit.step_commits,
                      .rules = kit.rules, .rule_count = kit.rule_count,
                      .mail = kit.mail, .mail_server = kit.mail_server,
                      .mail_from = ML_STR("Shop <shop@portal.example>"),
                      .patrol_ms = kit.patrol_ms, .still = kit.still,
                      .forget_ms = kit.forget_ms,
                      .keep_keys_ms = kit.keep_keys_ms,
                      .keep_seen_ms = kit.keep_seen_ms,
                      .history_max = kit.history_max,
                      .stopped = kit_stopped};
  kit_came c = {0};
  ml_err e = {0};

  if (ml_loop_new(&kit.clock.base, &kit.loop) != ML_OK ||
      ml_script_inline_new(NULL, &kit.script) != ML_OK)
    fail_msg("memory is short");
  if (ml_store_open(&store, &kit.store, &e) != ML_OK)
    fail_msg("the store does not open: %s", e.text);
  kit.http = (ml_http){.send = kit_send, .cancel = kit_cancel};
  conf.loop = kit.loop;
  conf.store = kit.store;
  conf.script = kit.script;
  memset(conf.secret_key, 7, sizeof conf.secret_key);
  if (ml_run_new(&conf, &kit.run, &e) != ML_OK)
    fail_msg("the run is not made: %s", e.text);
  if (kit.on_new != NULL)
    kit.on_new();
  ml_run_begin(kit.run, kit_done, &c);
  for (int i = 0; i < KIT_TURNS && c.times == 0; i++) {
    kit_turn();
    if (kit.threaded)
      ml_store_wait(kit.store);
  }
  assert_int_equal(c.times, 1);
  if (c.rc != ML_OK)
    fail_msg("the run does not begin: %s", c.e.text);
}

/* As a power cut: calls under way are never answered. */
static inline void kit_crash(void) {
  kit.call_count = 0;
  ml_script_inline_free(kit.script);
  ml_run_free(kit.run);
  ml_store_close(kit.store);
  ml_loop_free(kit.loop);
  kit.script = NULL;
  kit.run = NULL;
  kit.store = NULL;
  kit.loop = NULL;
}

static inline void kit_fault(void *arg, const char *at, const char *text) {
  size_t n = strlen(kit.faults);

  (void)arg;
  snprintf(kit.faults + n, sizeof kit.faults - n, "%s: %s\n", at, text);
}

static inline void kit_write(const char *folder, const char *file, const char *text) {
  char path[600];
  FILE *f;

  snprintf(path, sizeof path, "%s/%s", kit.flows, folder);
  mkdir(path, 0700);
  snprintf(path, sizeof path, "%s/%s/%s", kit.flows, folder, file);
  f = fopen(path, "w");
  assert_non_null(f);
  assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
  assert_int_equal(fclose(f), 0);
}

static inline ml_rc kit_load(void) {
  kit_came c = {0};

  kit.faults[0] = '\0';
  ml_run_load(kit.run, kit.flows, kit_fault, kit_done, &c);
  kit_settle();
  assert_int_equal(c.times, 1);
  return c.rc;
}

/* A folder with that workflow.lua, in force. */
static inline void kit_flow(const char *folder, const char *text) {
  kit_write(folder, "workflow.lua", text);
  if (kit_load() != ML_OK)
    fail_msg("%s", kit.faults);
}

/* ---- inputs ---- */

static inline void kit_came_in(void *arg, ml_rc rc, const ml_err *e, int status,
                        const ml_buf *out, bool replayed) {
  kit_came *c = arg;

  c->times++;
  c->rc = rc;
  c->status = status;
  c->replayed = replayed;
  if (e != NULL)
    c->e = *e;
  if (out->p != NULL)
    snprintf(c->text, sizeof c->text, "%.*s", (int)out->len, out->p);
}

static inline int kit_render_id(void *arg, const ml_process *p, const ml_flow *f,
                         const ml_made *made, ml_buf *out) {
  char id[ML_ID_MAX];

  (void)arg;
  (void)f;
  (void)made;
  ml_id_text(id, p->id, 0);
  ml_buf_puts(out, id);
  return 201;
}

static inline ml_json *kit_json(ml_arena *a, const char *text) {
  ml_json *v = NULL;

  assert_int_equal(ml_json_parse(a, text, strlen(text), NULL, &v, NULL), ML_OK);
  return v;
}

/* An input; `data` is JSON or NULL. */
static inline ml_input *kit_input(ml_event_kind kind, int64_t n, const char *data,
                           kit_came *c) {
  ml_input *in = ml_input_new();

  assert_non_null(in);
  memset(c, 0, sizeof *c);
  in->n = n;
  in->ev.kind = kind;
  in->ev.actor.operator_ = true;
  if (data != NULL)
    in->ev.data = kit_json(&in->arena, data);
  in->render = kit_render_id;
  in->done = kit_came_in;
  in->arg = c;
  return in;
}

static inline void kit_put(ml_input *in) {
  ml_run_put(kit.run, in);
  kit_settle();
}

static inline ml_input *kit_start_input(const char *workflow, const char *data,
                                 kit_came *c) {
  ml_input *in = kit_input(ML_EV_STARTED, 0, data, c);

  in->workflow = ml_str_of(ml_arena_dup(&in->arena, workflow,
                                        strlen(workflow)));
  return in;
}

static inline void kit_key(ml_input *in, uint8_t key, uint8_t body) {
  in->has_key = true;
  memset(in->key, key, sizeof in->key);
  memset(in->body_hash, body, sizeof in->body_hash);
}

/* Start one; its number. */
static inline int64_t kit_start(const char *workflow, const char *data) {
  kit_came c;
  uint8_t id[16];
  uint32_t no;

  kit_put(kit_start_input(workflow, data, &c));
  if (c.times != 1 || c.rc != ML_OK)
    fail_msg("not started (%d): %s", c.times, c.e.text);
  assert_true(ml_id_of(ml_str_of(c.text), id, &no));
  return ml_process_id_n(id);
}

/* ---- looking ---- */

typedef struct kit_look {
  int64_t n;
  ml_rc rc;
  ml_row_process row;
  ml_row_history *history;
  size_t history_count;
  ml_row_task *tasks;
  size_t task_count;
  ml_row_process *all;
  size_t all_count;
  ml_row_setting *settings;
  size_t setting_count;
} kit_look;

static inline void kit_look_work(void *arg, ml_read *rd) {
  kit_look *l = arg;
  ml_find_process f = {.status = -1, .run = -1, .limit = 1000};
  ml_rc rc = ML_OK;

  if (l->n > 0) {
    rc = ml_read_process(rd, &kit.arena, l->n, &l->row);
    if (rc == ML_OK)
      rc = ml_read_history(rd, &kit.arena, l->n, 0, 1000, &l->history,
                           &l->history_count);
    if (rc == ML_OK)
      rc = ml_read_tasks_of(rd, &kit.arena, l->n, &l->tasks, &l->task_count);
  }
  if (rc == ML_OK)
    rc = ml_read_processes(rd, &kit.arena, &f, &l->all, &l->all_count);
  if (rc == ML_OK)
    rc = ml_read_settings(rd, &kit.arena, ML_NOSTR, &l->settings,
                          &l->setting_count);
  l->rc = rc;
}

static inline void kit_look_done(void *arg) { (void)arg; }

/* What is on disk, now. */
static inline kit_look kit_see(int64_t n) {
  kit_look l = {.n = n, .rc = ML_IO};

  assert_int_equal(ml_store_read(kit.store, kit_look_work, kit_look_done, &l),
                   ML_OK);
  if (kit.threaded)
    ml_store_wait(kit.store);
  else
    ml_store_reap(kit.store);
  return l;
}

static inline size_t kit_told(const kit_look *l, ml_told told, const char *text) {
  size_t n = 0;

  for (size_t i = 0; i < l->history_count; i++)
    n += l->history[i].told == told &&
         (text == NULL || ml_str_is(l->history[i].text, text));
  return n;
}

static inline void kit_is(int64_t n, ml_status status, ml_runs run) {
  kit_look l = kit_see(n);

  assert_int_equal(l.rc, ML_OK);
  if (l.row.status != status || l.row.run != run) {
    for (size_t i = 0; i < l.history_count; i++)
      printf("# %s %.*s: %.*s\n", ml_told_name(l.history[i].told),
             (int)l.history[i].name.n,
             l.history[i].name.p != NULL ? l.history[i].name.p : "",
             (int)l.history[i].text.n,
             l.history[i].text.p != NULL ? l.history[i].text.p : "");
    fail_msg("%s %s, wanted %s %s", ml_status_name(l.row.status),
             ml_runs_name(l.row.run), ml_status_name(status), ml_runs_name(run));
  }
}

/* Its data on disk is that JSON. */
static inline void kit_data(int64_t n, const char *json) {
  kit_look l = kit_see(n);
  ml_json *have = NULL;

  assert_int_equal(l.rc, ML_OK);
  assert_int_equal(ml_json_parse(&kit.arena, l.row.data.p, l.row.data.n, NULL,
                                 &have, NULL), ML_OK);
  if (!ml_json_eq(have, kit_json(&kit.arena, json)))
    fail_msg("data is %.*s, wanted %s", (int)l.row.data.n, l.row.data.p, json);
}

/* Do the open task of that label, as an operator. */
static inline kit_came kit_complete(int64_t n, const char *label, const char *outcome,
                             const char *data) {
  kit_look l = kit_see(n);
  kit_came c;
  ml_input *in = kit_input(ML_EV_COMPLETED, n, data, &c);

  for (size_t i = 0; i < l.task_count; i++)
    if (l.tasks[i].status == ML_TASK_OPEN &&
        ml_str_is(l.tasks[i].label, label))
      in->ev.no = l.tasks[i].no;
  if (in->ev.no == 0)
    fail_msg("no open task '%s'", label);
  if (outcome != NULL)
    in->ev.outcome = ml_str_of(outcome);
  in->ev.actor.who = ML_STR("ops");
  kit_put(in);
  assert_int_equal(c.times, 1);
  return c;
}

static inline void kit_signal(int64_t n, const char *name, const char *data) {
  kit_came c;
  ml_input *in = kit_input(ML_EV_SIGNALLED, n, data, &c);

  in->ev.text = ml_str_of(name);
  kit_put(in);
  assert_int_equal(c.times, 1);
  if (c.rc != ML_OK)
    fail_msg("%s", c.e.text);
}

/* Somebody in a lane, or its tasks are incidents. */
typedef struct kit_joining {
  kit_came came;
  uint32_t lane;
} kit_joining;

static inline void kit_fill_person(void *arg, ml_batch *b) {
  const kit_joining *j = arg;
  ml_row_user user = {ML_STR("ann"), ML_STR("ann"), ML_NOSTR, true,
                      ML_NOSTR};
  ml_row_member member = {j->lane, ML_STR("ann")};

  ml_batch_user(b, &user);
  ml_batch_member(b, &member, true);
}

static inline void kit_join(const char *workflow, const char *lane) {
  kit_joining j = {{0}, ml_run_lane_no(kit.run, ml_str_of(workflow),
                                       ml_str_of(lane))};

  assert_true(j.lane > 0);
  ml_run_write(kit.run, kit_fill_person, kit_done, &j);
  kit_settle();
  assert_int_equal(j.came.times, 1);
  assert_int_equal(j.came.rc, ML_OK);
}

static inline ml_rc kit_set(const char *workflow, const char *key, const char *json) {
  kit_came c = {0};

  ml_run_set_setting(kit.run, ml_str_of(workflow), ml_str_of(key),
                     json != NULL ? kit_json(&kit.arena, json) : NULL, kit_done,
                     &c);
  kit_settle();
  assert_int_equal(c.times, 1);
  return c.rc;
}

/* ---- one test ---- */

static inline int kit_setup(void **state) {
  const char *tmp = getenv("TMPDIR");

  (void)state;
  memset(&kit, 0, sizeof kit);
  ml_clock_fake_init(&kit.clock, KIT_BEGIN);
  ml_rand_seed(&kit.rand, 3);
  snprintf(kit.dir, sizeof kit.dir, "%s/run-XXXXXX", tmp != NULL ? tmp : "/tmp");
  if (mkdtemp(kit.dir) == NULL)
    return -1;
  snprintf(kit.db, sizeof kit.db, "%s/m.db", kit.dir);
  snprintf(kit.flows, sizeof kit.flows, "%s/flows", kit.dir);
  kit.hold_polls = true;
  ml_log_to(2, ML_ERROR_LEVEL);
  return mkdir(kit.flows, 0700);
}

static inline int kit_teardown(void **state) {
  char command[300];

  (void)state;
  kit_crash();
  ml_arena_free(&kit.arena);
  snprintf(command, sizeof command, "rm -rf '%s'", kit.dir);
  return system(command) == 0 ? 0 : -1;
}

#endif
