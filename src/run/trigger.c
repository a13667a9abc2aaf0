/*
** trigger.c - polls, webhooks: scripts that make starts.
**
** A trigger's script runs in a worker like an activity, but outside any
** process: it may only read (GET, HEAD), its journal lives in memory, and a
** crash simply runs it again.  What it gives, its new state and the starts,
** goes into one commit; an occurrence starts one process, whichever of poll
** and webhook saw it first (the store refuses the second).  Schedules are kept
** here with them, and run in schedule.c.
*/
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "run/inside.h"

enum { CALLS_MAX = 200, STARTS_MAX = 5000, FAIL_WAIT_MS = 60000,
       EVERY_MIN_MS = 1000, EVERY_MS = 900000 };

typedef struct trun {            /* one run of a trigger */
  owed owed;
  ml_run *r;
  trigger *t;
  ml_arena arena;
  ml_str mode, payload, settings, key;
  ml_entry journal[CALLS_MAX];
  size_t count;
  ml_str want_call;
  ml_callk want_kind;
  uint8_t want_hash[16];
  taking take;
  uint32_t logged;
  int64_t now_ms;
  ml_replay replay;              /* a signed webhook's; else no id */
  ml_run_hook_fn *fn;            /* webhook, poll now; or NULL */
  void *arg;
  /* its end */
  const ml_json *result;
  size_t open;                   /* starts without an answer */
  ml_buf started;                /* JSON list of ids */
  size_t started_count;
  ml_str state;                  /* new state, or none */
  bool state_written;
  ml_rc rc;
  ml_err e;
} trun;

static void trigger_free(trigger *t) {
  if (t != NULL)
    ml_mem_free(t->state);
  ml_mem_free(t);
}

void triggers_free(ml_run *r) {
  while (r->triggers != NULL) {
    trigger *t = r->triggers;

    r->triggers = t->next;
    trigger_free(t);
  }
  ml_arena_free(&r->trigger_arena);
}

ml_rc triggers_load(ml_run *r, ml_read *rd) {
  return ml_read_triggers(rd, &r->trigger_arena, &r->trigger_rows,
                          &r->trigger_row_count);
}

trigger *trigger_named(const ml_run *r, ml_str workflow, ml_str name) {
  for (trigger *t = r->triggers; t != NULL; t = t->next)
    if (!t->stale && ml_str_eq(t->workflow, workflow) &&
        ml_str_eq(t->name, name))
      return t;
  return NULL;
}

static bool keep_state(trigger *t, const char *state, size_t n) {
  t->state = ml_mem_dup(state, n);
  t->state_len = t->state != NULL ? n : 0;
  return t->state != NULL;
}

/* The state it had, also under an earlier version (SEMANTICS.md 18).  false: out
** of memory. */
static bool inherit(ml_run *r, trigger *t) {
  for (trigger *o = r->triggers; o != NULL; o = o->next)
    if (o != t && ml_str_eq(o->workflow, t->workflow) &&
        ml_str_eq(o->name, t->name)) {
      t->due_ms = o->due_ms;
      t->bucket = o->bucket;
      return o->state == NULL || keep_state(t, o->state, o->state_len);
    }
  for (size_t i = 0; i < r->trigger_row_count; i++) {
    const ml_row_trigger *row = &r->trigger_rows[i];

    if (!ml_str_eq(row->workflow, t->workflow) ||
        !ml_str_eq(row->name, t->name))
      continue;
    t->due_ms = row->due_ms;
    return row->state.p == NULL || keep_state(t, row->state.p, row->state.n);
  }
  return true;
}

static bool add_trigger(ml_run *r, const bundle *b, const ml_flow *f,
                        const ml_trigger *def) {
  trigger *t = ml_mem_zero(sizeof *t);

  if (t == NULL)
    return false;
  t->run = r;
  t->b = b;
  t->f = f;
  t->t = def;
  t->workflow = f->name;
  t->name = def->name;
  if (!inherit(r, t)) {
    trigger_free(t);
    return false;
  }
  if (ml_str_is(def->kind, "poll") && t->due_ms == 0)
    t->due_ms = now_wall(r) + 1;
  if (!ml_str_is(def->kind, "poll") && def->plan == NULL)
    t->due_ms = 0;
  t->next = r->triggers;
  r->triggers = t;
  return true;
}

/* Has it a script, a rate to keep, or a moment at which it is due? */
static bool stands(const ml_trigger *t) {
  return ml_str_is(t->kind, "poll") || ml_str_is(t->kind, "webhook") ||
         t->rate.n > 0 || t->plan != NULL;
}

/* Free what is no longer in force, when its last run has ended. */
static void sweep(ml_run *r) {
  trigger **at;

  for (at = &r->triggers; *at != NULL;) {
    trigger *t = *at;

    if (t->stale && !t->running && t->uses == 0) {
      *at = t->next;
      trigger_free(t);
    } else {
      at = &t->next;
    }
  }
}

void trigger_let_go(trigger *t) {
  t->uses--;
  if (t->stale && !t->running && t->uses == 0)
    sweep(t->run);
}

/* Those of the workflows in force, before the old ones; all or none. */
static bool add_all(ml_run *r) {
  trigger *old = r->triggers;
  bool ok = true;

  for (size_t i = 0; i < r->workflow_count; i++) {
    const ml_workflow *w = &r->workflows[i];
    const bundle *b = bundle_no(r, w->bundle);

    for (uint16_t k = 0; w->flow != NULL && b != NULL &&
                         k < w->flow->trigger_count; k++)
      if (stands(&w->flow->triggers[k]))
        ok = ok && add_trigger(r, b, w->flow, &w->flow->triggers[k]);
  }
  while (!ok && r->triggers != old) {
    trigger *t = r->triggers;

    r->triggers = t->next;
    trigger_free(t);
  }
  return ok;
}

void triggers_swap(ml_run *r) {
  trigger *old = r->triggers;

  r->triggers_short = !add_all(r);
  if (r->triggers_short)         /* the old ones stay until the next look */
    return;
  for (trigger *t = r->triggers; t != old; t = t->next)
    if (t->t->plan != NULL)
      schedule_begin(t);
  for (trigger *t = old; t != NULL; t = t->next) {
    const trigger *now;

    t->stale = true;
    now = t->t->plan != NULL ? trigger_named(r, t->workflow, t->name) : t;
    if (now == NULL || (now != t && now->t->plan == NULL))
      schedule_removed(t);
  }
  sweep(r);
}

/* A setting changed: what failed for want of it, or waits by an old period, is
** tried at once. */
void triggers_nudge(ml_run *r, ml_str workflow) {
  for (trigger *t = r->triggers; t != NULL; t = t->next)
    if (ml_str_eq(t->workflow, workflow) && t->t->plan != NULL)
      t->wait_ms = 0;
    else if (ml_str_eq(t->workflow, workflow) && t->due_ms != 0)
      t->due_ms = now_wall(r);
  if (r->begun && !r->stopped)
    due_look(r);
}

static void run_poll(ml_run *r, trigger *t);
static void poll_bound(ml_run *r, trigger *t, int64_t now_ms);

/* Run what is due (now_ms 0: only look); the next moment, 0: none. */
int64_t triggers_due(ml_run *r, int64_t now_ms) {
  int64_t next = 0;

  if (now_ms > 0 && r->triggers_short)
    triggers_swap(r);
  for (trigger *t = r->triggers; t != NULL; t = t->next) {
    if (t->t->plan != NULL) {
      int64_t at = schedule_look(t, now_ms);

      if (at > 0 && (next == 0 || at < next))
        next = at;
      continue;
    }
    if (r->conf.hold_polls || t->stale || t->running || t->due_ms == 0)
      continue;
    if (now_ms > 0 && (t->seen_ms == 0 || now_ms < t->seen_ms))
      poll_bound(r, t, now_ms);
    if (now_ms > 0)
      t->seen_ms = now_ms;
    if (now_ms > 0 && t->due_ms <= now_ms) {
      run_poll(r, t);
      continue;
    }
    if (next == 0 || t->due_ms < next)
      next = t->due_ms;
  }
  return next;
}

/* ---- one run ---- */

static int64_t period_by(const trigger *t, ml_str settings, ml_arena *a) {
  const ml_trigger *def = t->t;
  int64_t ms = def->every_ms;

  if (def->every_setting.p != NULL) {
    ml_json *set = NULL;
    char id[80];
    const ml_json *v;

    if (def->every_setting.n < sizeof id && settings.p != NULL &&
        ml_json_parse(a, settings.p, settings.n, NULL, &set, NULL) == ML_OK) {
      memcpy(id, def->every_setting.p, def->every_setting.n);
      id[def->every_setting.n] = '\0';
      v = ml_json_get(set, id);
      if (v != NULL && v->type == ML_JINT)
        ms = v->i;
      else if (v != NULL && v->type == ML_JSTR)
        ml_text_duration(v->s, &ms, NULL);
    }
  }
  if (ms <= 0)
    ms = EVERY_MS;
  return ms < EVERY_MIN_MS ? EVERY_MIN_MS : ms;
}

static int64_t period(trun *x) {
  return period_by(x->t, x->settings, &x->arena);
}

/* A poll is never further ahead than its period: when it seems to be, the clock
** was turned back since, and it is due. */
static void poll_bound(ml_run *r, trigger *t, int64_t now_ms) {
  ml_arena a = {0};
  ml_err e = {0};

  if (t->due_ms - now_ms >
      period_by(t, process_settings(r, &a, t->f, &e), &a))
    t->due_ms = now_ms;
  ml_arena_free(&a);
}

static void trun_free(trun *x) {
  owed_drop(&x->owed);
  replay_release(x->r, &x->replay);
  ml_buf_free(&x->started);
  ml_arena_free(&x->arena);
  ml_mem_free(x);
}

static void trun_forget(owed *o) {
  trun_free((trun *)o);
}

/* Its row is written (or not): tell who asked, and rest until the next time. */
static void finish(trun *x) {
  ml_run *r = x->r;
  trigger *t = x->t;
  ml_buf b = {0};

  if (x->rc == ML_OK) {
    ml_buf_puts(&b, "{\"started\":[");
    ml_buf_put(&b, x->started.p, x->started.len);
    ml_buf_puts(&b, "]}");
  }
  if (x->fn != NULL)
    x->fn(x->arg, x->rc, &x->e, b.bad ? ML_STR("{}") : (ml_str){b.p, b.len});
  if (x->fn == NULL)
    t->failed = x->rc != ML_OK;
  ml_buf_free(&b);
  if (ml_str_is(x->mode, "run")) {
    t->running = false;
    if (x->rc != ML_OK)
      t->due_ms = now_wall(r) + (period(x) < FAIL_WAIT_MS ? period(x)
                                                          : FAIL_WAIT_MS);
  }
  trigger_let_go(t);
  trun_free(x);
  busy_end(r);
  if (r->begun && !r->stopped)
    due_look(r);
}

static void fail(trun *x, ml_rc rc, const char *at, ml_str text) {
  x->rc = rc;
  ml_err_set(&x->e, rc, at, "trigger '%.*s' of '%.*s': %.*s",
             (int)x->t->name.n, x->t->name.p, (int)x->t->workflow.n,
             x->t->workflow.p, (int)(text.n > 300 ? 300 : text.n),
             text.p != NULL ? text.p : "");
  if (!x->t->failed)                        /* once a change of state */
    ml_log(ML_WARN, "trigger-failed", "why", x->e.text, NULL);
  finish(x);
}

/* ---- its end: state and starts in one commit ---- */

static void fill_mark(void *arg, ml_batch *b) {
  trun *x = arg;
  ml_row_replay row = replay_row(x->r, &x->replay);

  ml_batch_replay(b, &row);
}

static void fill_state(void *arg, ml_batch *b) {
  trun *x = arg;
  ml_row_trigger row = {x->t->workflow, x->t->name, ML_NOSTR, x->t->due_ms, 0};

  row.state.p = x->t->state;
  row.state.n = x->t->state_len;
  if (x->state.p != NULL)
    row.state = x->state;
  ml_batch_trigger(b, &row);
}

static void maybe_done(trun *x) {
  if (x->open == 0 && x->state_written)
    finish(x);
}

static void state_done(void *arg, ml_rc rc, const ml_err *e) {
  trun *x = arg;

  x->state_written = true;
  if (rc != ML_OK) {
    x->rc = rc;
    if (e != NULL)
      x->e = *e;
  } else if (x->state.p != NULL) {
    char *copy = ml_mem_dup(x->state.p, x->state.n);

    if (copy != NULL) {
      ml_mem_free(x->t->state);
      x->t->state = copy;
      x->t->state_len = x->state.n;
    }
  }
  maybe_done(x);
}

static int render_started(void *arg, const ml_process *p, const ml_flow *f,
                          const ml_made *made, ml_buf *out) {
  char id[ML_ID_MAX];

  (void)arg;
  (void)f;
  (void)made;
  ml_id_text(id, p->id, 0);
  ml_buf_puts(out, id);
  return 201;
}

static void start_done(void *arg, ml_rc rc, const ml_err *e, int status,
                       const ml_buf *out, bool replayed) {
  trun *x = arg;

  (void)status;
  (void)replayed;
  if (rc == ML_OK) {
    if (x->started_count++ > 0)
      ml_buf_putc(&x->started, ',');
    ml_json_put_str(&x->started, (ml_str){out->p, out->len});
  } else if (rc != ML_EXISTS && x->rc == ML_OK) {
    x->rc = rc;                             /* EXISTS: it was seen before */
    if (e != NULL)
      x->e = *e;
  }
  x->open--;
  maybe_done(x);
}

static bool start_one(trun *x, const ml_json *tx) {
  ml_input *in = ml_input_new();
  ml_str identity = ml_json_str(tx, "identity");
  ml_buf data = {0};
  ml_json *copy = NULL;
  bool starved = false;

  if (in == NULL)
    return false;
  ml_json_print(&data, ml_json_get(tx, "data"));
  in->workflow = arena_str(&in->arena, x->t->workflow, &starved);
  in->trigger = arena_str(&in->arena, x->t->name, &starved);
  in->identity = arena_str(&in->arena, identity, &starved);
  in->ev.kind = ML_EV_STARTED;
  in->ev.text = in->trigger;
  if (starved || data.bad ||
      ml_json_parse(&in->arena, data.p, data.len, NULL, &copy, NULL) != ML_OK) {
    ml_buf_free(&data);
    ml_input_free(in);
    return false;
  }
  ml_buf_free(&data);
  in->ev.data = copy;
  in->render = render_started;
  in->done = start_done;
  in->arg = x;
  x->open++;
  ml_run_put(x->r, in);
  return true;
}

/* What it returned, checked: { state = .., transactions = { {identity, data} } } */
static const char *result_fault(const ml_json *res, const ml_json **list) {
  *list = ml_json_get(res, "transactions");
  if (res->type != ML_JOBJ)
    return "must return a table with `transactions`";
  if (*list == NULL || (*list)->type == ML_JNULL)
    return NULL;
  if ((*list)->type != ML_JARR) {
    if ((*list)->type == ML_JOBJ && (*list)->count == 0)
      return NULL;
    return "`transactions` must be a list";
  }
  if ((*list)->count > STARTS_MAX)
    return "more than 5000 transactions at once";
  for (uint32_t i = 0; i < (*list)->count; i++) {
    const ml_json *tx = ml_json_at(*list, i);

    if (ml_json_str(tx, "identity").n == 0 ||
        ml_json_str(tx, "identity").n > 255)
      return "each transaction needs an `identity`, a text of 1 to 255 bytes";
    if (ml_json_get(tx, "data") == NULL ||
        ml_json_get(tx, "data")->type != ML_JOBJ)
      return "each transaction needs `data`, a table of fields";
  }
  return NULL;
}

static void returned(trun *x, ml_str text) {
  ml_json *res = NULL;
  const ml_json *list = NULL, *state;
  const char *fault;
  ml_buf b = {0};

  if (ml_json_parse(&x->arena, text.p, text.n, NULL, &res, &x->e) != ML_OK) {
    fail(x, ML_INVALID, "", ML_STR("returned something that is no table"));
    return;
  }
  fault = result_fault(res, &list);
  if (fault != NULL) {
    fail(x, ML_INVALID, "", ml_str_of(fault));
    return;
  }
  state = ml_json_get(res, "state");
  if (state != NULL && state->type != ML_JNULL &&
      ml_str_is(x->mode, "run")) {
    bool starved = false;

    ml_json_print(&b, state);
    x->state = arena_str(&x->arena, (ml_str){b.p, b.len}, &starved);
    if (starved || b.bad)
      x->state = ML_NOSTR;
    ml_buf_free(&b);
  }
  if (ml_str_is(x->mode, "run"))
    x->t->due_ms = now_wall(x->r) + period(x);
  x->open++;                                /* until all are handed over */
  for (uint32_t i = 0; list != NULL && list->type == ML_JARR &&
                       i < list->count; i++)
    if (!start_one(x, ml_json_at(list, i)))
      x->rc = ml_err_set(&x->e, ML_NOMEM, "", "memory is short");
  if (ml_str_is(x->mode, "run"))
    write_quietly(x->r, fill_state, state_done, x);
  else if (x->replay.id.p != NULL && x->rc == ML_OK)
    write_quietly(x->r, fill_mark, state_done, x);
  else
    x->state_written = true;                /* refused: it may come again */
  x->open--;
  maybe_done(x);
}

/* ---- its calls ---- */

static void next_slice(trun *x);

static void call_answered(void *arg, const ml_http_answer *answer) {
  trun *x = arg;
  bool not_yet;
  ml_str why = ML_NOSTR, json;
  int64_t after;
  ml_entry *e;

  if (answer->end == ML_HTTP_REFUSED) {
    fail(x, ML_REFUSED, "", ml_str_of(answer->why));
    return;
  }
  json = call_answer(x->r, &x->arena, x->t->f, answer, x->take, &not_yet, &why,
                     &after);
  if (not_yet || json.p == NULL) {
    fail(x, ML_UNREACHABLE, "", why);
    return;
  }
  e = &x->journal[x->count++];
  e->call = x->want_call;
  e->kind = x->want_kind;
  memcpy(e->hash, x->want_hash, sizeof e->hash);
  e->answer = json;
  next_slice(x);
}

static void wanted(trun *x, const ml_answer *a) {
  ml_http_call hc;
  bool starved = false;
  ml_rc rc;

  if (a->want_kind != ML_CALL_GET && a->want_kind != ML_CALL_HEAD) {
    fail(x, ML_INVALID, "", ML_STR("a trigger may only read: GET and HEAD"));
    return;
  }
  if (x->count >= CALLS_MAX) {
    fail(x, ML_LIMIT, "", ML_STR("more than 200 calls in one run"));
    return;
  }
  x->want_call = arena_str(&x->arena, a->want_call, &starved);
  x->want_kind = a->want_kind;
  memcpy(x->want_hash, a->want_hash, sizeof x->want_hash);
  if (starved) {
    fail(x, ML_NOMEM, "", ML_STR("memory is short"));
    return;
  }
  rc = call_build(x->r, &x->arena, x->t->f, x->settings, a->want, ML_NOSTR, &hc,
                  &x->take, &x->e);
  call_line(x->r, x->t->f, &hc);
  if (rc == ML_OK)
    rc = x->r->conf.http->send(x->r->conf.http, &hc, call_answered, x, NULL,
                               &x->e);
  if (rc != ML_OK) {
    char text[300];

    snprintf(text, sizeof text, "%.290s", x->e.text);
    fail(x, rc, "", ml_str_of(text));
  }
}

static void sliced(void *arg, ml_rc rc, const ml_answer *a) {
  trun *x = arg;
  char at[300];

  if (x->r->stopped) {
    return;                                 /* freed with the run's end */
  }
  if (rc != ML_OK) {
    fail(x, rc, "", a->text);
    return;
  }
  for (size_t i = 0; i < a->log_count; i++) {
    char line[600];

    snprintf(line, sizeof line, "%.*s",
             (int)(a->logs[i].text.n > 500 ? 500 : a->logs[i].text.n),
             a->logs[i].text.p);
    if (a->logs[i].seq > x->logged) {
      x->logged = a->logs[i].seq;
      ml_log(ML_INFO, "trigger-log", "text", line, NULL);
    }
  }
  for (size_t i = 0; i < a->entry_count && x->count < CALLS_MAX; i++) {
    ml_entry *e = &x->journal[x->count];
    bool starved = false;

    *e = a->entries[i];
    e->call = arena_str(&x->arena, e->call, &starved);
    e->answer = arena_str(&x->arena, e->answer, &starved);
    if (!starved)
      x->count++;
  }
  snprintf(at, sizeof at, "%.*s", (int)(a->at.n > 250 ? 250 : a->at.n),
           a->at.p != NULL ? a->at.p : "");
  switch (a->end) {
    case ML_END_RETURNED: returned(x, a->text); break;
    case ML_END_WANT: wanted(x, a); break;
    default: fail(x, ML_INVALID, at, a->text); break;
  }
}

static void next_slice(trun *x) {
  ml_ask q = {.kind = ML_ASK_TRIGGER};
  ml_bounds limits;
  ml_err e = {0};
  char path[16];
  ml_rc rc = quarantine_check(x->t->b, &e);

  if (rc != ML_OK) {
    x->e = e;
    fail(x, rc, "", ml_str_of(e.text));
    return;
  }
  memcpy(q.bundle, x->t->b->hash, sizeof q.bundle);
  q.owner = owner_of(x->r, x->t->b->folder);
  q.flow = x->t->f->index;
  limits_ask(x->r, x->t->f->limits, &limits, &q);
  snprintf(path, sizeof path, "%u", x->t->t->index);
  q.path = ml_str_of(path);
  q.mode = x->mode;
  q.key = x->key;
  q.settings = x->settings.p != NULL ? x->settings : ML_STR("{}");
  q.payload = x->payload;
  q.process = ML_STR("{}");
  q.data = ML_STR("{}");
  q.now_ms = x->now_ms;
  q.journal = x->journal;
  q.journal_count = x->count;
  rc = x->r->conf.script->ask(x->r->conf.script, &q, sliced, x);
  if (rc != ML_OK)
    fail(x, rc, "", ML_STR("its script could not be asked"));
}

static uint64_t run_number(ml_run *r) {
  uint64_t n = 0;

  r->conf.rand->bytes(r->conf.rand, &n, sizeof n);
  return n;
}

static void begin_trun(ml_run *r, trigger *t, const char *mode, ml_str payload,
                       const ml_replay *replay, ml_run_hook_fn *fn,
                       void *arg) {
  trun *x = ml_mem_zero(sizeof *x);
  ml_err e = {0};
  bool starved = false;

  if (x == NULL) {
    ml_err_set(&e, ML_NOMEM, "", "memory is short");
    if (replay != NULL)
      replay_release(r, replay);
    if (fn != NULL)
      fn(arg, ML_NOMEM, &e, ML_NOSTR);
    return;
  }
  r->busy++;
  t->uses++;
  owed_add(r, &x->owed, trun_forget);
  x->r = r;
  x->t = t;
  x->fn = fn;
  x->arg = arg;
  x->now_ms = now_wall(r);
  x->mode = ml_str_of(mode);
  x->payload = arena_str(&x->arena, payload, &starved);
  if (replay != NULL) {
    x->replay.until_ms = replay->until_ms;
    x->replay.scope = arena_str(&x->arena, replay->scope, &starved);
    x->replay.id = arena_str(&x->arena, replay->id, &starved);
    if (starved) {
      replay_release(r, replay);
      x->replay.id = ML_NOSTR;
    }
  }
  {
    /* of this run alone: what ctx:uuid and ctx:random give follows from it */
    char *key = ml_arena_printf(&x->arena, "%.*s/%.*s/%016llx",
                                (int)t->workflow.n, t->workflow.p,
                                (int)t->name.n, t->name.p,
                                (unsigned long long)run_number(r));

    x->key = key != NULL ? ml_str_of(key) : ML_STR("trigger");
  }
  if (ml_str_is(x->mode, "run"))
    t->running = true;
  x->settings = process_settings(r, &x->arena, t->f, &e);
  if (starved)
    fail(x, ML_NOMEM, "", ML_STR("memory is short"));
  else if (e.rc != ML_OK)
    fail(x, e.rc, "", ml_str_of(e.text));
  else
    next_slice(x);
}

static void run_poll(ml_run *r, trigger *t) {
  begin_trun(r, t, "run", t->state != NULL ? (ml_str){t->state, t->state_len}
                                           : ML_STR("null"), NULL, NULL, NULL);
}

void ml_run_hold_polls(ml_run *r, bool hold) {
  r->conf.hold_polls = hold;
  if (!hold)
    due_look(r);
}

void ml_run_poll_now(ml_run *r, ml_str workflow, ml_str name,
                     ml_run_hook_fn *fn, void *arg) {
  trigger *t = trigger_named(r, workflow, name);
  ml_err e = {0};

  if (t == NULL || !ml_str_is(t->t->kind, "poll")) {
    ml_err_set(&e, ML_NOT_FOUND, "", "there is no such poll");
    fn(arg, ML_NOT_FOUND, &e, ML_NOSTR);
  } else if (t->running) {
    ml_err_set(&e, ML_CONFLICT, "", "the poll is running just now");
    fn(arg, ML_CONFLICT, &e, ML_NOSTR);
  } else {
    begin_trun(r, t, "run", t->state != NULL ? (ml_str){t->state, t->state_len}
                                             : ML_STR("null"), NULL, fn, arg);
  }
}

void trigger_receive(ml_run *r, trigger *t, ml_str json,
                     const ml_replay *replay, ml_run_hook_fn *fn, void *arg) {
  begin_trun(r, t, "receive", json, replay, fn, arg);
}
