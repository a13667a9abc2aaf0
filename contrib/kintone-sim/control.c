/*
** control.c - /control/: what a test or a demo does to the simulator, and
** what it learns of it.  Nothing here is kintone's.  README.md is the manual.
*/
#include <string.h>

#include "api.h"
#include "base/text.h"
#include "fault.h"
#include "hook.h"

/* A request, its answer in the making. */
typedef struct Ctl {
  ks_sim *sim;
  ml_arena a;
  const ml_json *query, *body;
  ml_buf out;
  ml_jw w;
  ml_err e;
  int status;
} Ctl;

/* One that is answered later, when its condition holds. */
typedef struct ks_waiter {
  ml_request *q;
  int64_t held;                 /* at least so many answers kept back; or */
  bool quiet;                   /* no notification under way */
  struct ks_waiter *next;
} Waiter;

typedef void ctl_fn(Ctl *c);

/* ---- answers ---- */

static int64_t number(const Ctl *c, const char *name, int64_t dflt) {
  ml_str s = ml_json_str(c->query, name);
  int64_t n;

  return s.p != NULL && ml_text_int(s, &n) ? n : dflt;
}

static void put_moment(ml_jw *w, const char *key, int64_t ms) {
  ml_buf b = {0};

  ml_text_put_moment(&b, ms);
  ml_jw_kstr(w, key, (ml_str){b.p, b.len});
  ml_buf_free(&b);
}

static void put_state(ks_sim *sim, ml_jw *w) {
  ml_jw_obj(w);
  put_moment(w, "now", ks_now(sim));
  ml_jw_kbool(w, "running_clock", !sim->stopped);
  ml_jw_kint(w, "running", (int64_t)sim->running);
  ml_jw_kint(w, "held", (int64_t)ks_held(sim));
  ml_jw_kint(w, "notifying", (int64_t)ks_hook_waiting(sim));
  ml_jw_key(w, "failures");
  ks_fault_put(sim, w);
  ml_jw_end(w);
}

static void state(Ctl *c) {
  put_state(c->sim, &c->w);
}

/* ---- apps and records ---- */

static void apps(Ctl *c) {
  int64_t id = 0;
  ml_buf text = {0};

  ml_json_print(&text, c->body);
  if (text.bad)
    ks_die("out of memory");
  if (ks_sim_take_app(c->sim, (ml_str){text.p, text.len}, true, &id, &c->e) ==
      ML_OK) {
    ml_jw_obj(&c->w);
    ks_put_int(&c->w, "app", id);
    ml_jw_end(&c->w);
  }
  ml_buf_free(&text);
}

static void reset(Ctl *c) {
  ks_sim_reset(c->sim);
  state(c);
}

static ks_handler *action_of(ml_str name) {
  static const struct { const char *name; ks_handler *fn; } actions[] = {
    {"add", ks_post_record}, {"update", ks_put_record_call},
    {"comment", ks_post_comment}};
  size_t i;

  for (i = 0; i < sizeof actions / sizeof *actions; i++)
    if (ml_str_is(name, actions[i].name))
      return actions[i].fn;
  return NULL;
}

/* At the screen one deletes one record, and that is told. */
static void delete_one(ks_call *call) {
  int64_t id = 0;

  ks_param_int(call, call->param, "id", ML_STR("id"), true, 1, INT64_MAX, &id);
  if (!ks_call_app(call, KS_MAY_DELETE))
    return;
  ks_record_delete(call, call->app, id);
  if (call->failed)
    return;
  ks_hook_delete(call, call->app, id);
  ml_jw_obj(&call->w);
  ml_jw_end(&call->w);
}

/* What a person at the screen does; a webhook tells of it. */
static void records(Ctl *c) {
  ml_str action = ml_json_str(c->body, "action");
  const ml_json *user = ml_json_get(c->body, "user");
  ks_handler *fn = ml_str_is(action, "delete") ? delete_one : action_of(action);
  int64_t id = 0;
  const ks_app *app;
  ks_call call;

  if (fn == NULL) {
    ml_err_set(&c->e, ML_INVALID, "/action", "action is add, update, delete or "
               "comment");
    return;
  }
  ks_call_init(&call, c->sim, &c->a);
  ks_call_person(&call, ml_json_str(user, "code"), ml_json_str(user, "name"));
  call.english = true;
  call.param = c->body;
  ks_param_int(&call, c->body, "app", ML_STR("app"), true, 1, INT64_MAX, &id);
  app = ks_sim_app(c->sim, id);
  call.space = app != NULL ? app->space : ML_NOSTR;
  ks_call_begin(&call);
  fn(&call);
  ks_call_end(&call, NULL);
  if (call.failed) {
    c->status = call.status;
    ks_put_failure(&call, &c->w);
  } else {
    ml_jw_raw(&c->w, (ml_str){call.out.p, call.out.len});
  }
  ks_call_done(&call);
}

static void list_records(Ctl *c) {
  ks_app *app = ks_sim_app(c->sim, number(c, "app", 0));
  ks_query *q;
  ks_found found;
  ks_call call;
  size_t i;

  if (app == NULL) {
    ml_err_set(&c->e, ML_NOT_FOUND, "/app", "?app= names no app");
    return;
  }
  ks_call_init(&call, c->sim, &c->a);
  ks_call_person(&call, ML_NOSTR, ML_NOSTR);
  call.english = true;
  q = ks_query_read(&call, app, ml_json_str(c->query, "query"));
  if (q == NULL) {
    c->status = call.status;
    ks_put_failure(&call, &c->w);
    return;
  }
  ks_find(&call, app, q, true, true, &found);
  ml_jw_obj(&c->w);
  ml_jw_key(&c->w, "records");
  ml_jw_arr(&c->w);
  for (i = 0; i < found.count; i++)
    ks_put_record(&call, &c->w, app, found.list[i], NULL);
  ml_jw_end(&c->w);
  ml_jw_kint(&c->w, "count", found.total);
  ml_jw_end(&c->w);
}

/* ---- what happened ---- */

static void put_log(void *arg, const ks_log *l) {
  ml_jw *w = arg;

  ml_jw_obj(w);
  ml_jw_kint(w, "n", l->n);
  put_moment(w, "at", l->at_ms);
  ml_jw_kstr(w, "method", l->method);
  ml_jw_kstr(w, "path", l->path);
  ml_jw_kstr(w, "query", l->query);
  ml_jw_kint(w, "app", l->app);
  ml_jw_kint(w, "record", l->record);
  ml_jw_kint(w, "status", l->status);
  ml_jw_kstr(w, "body", l->body);
  ml_jw_kstr(w, "answer", l->answer);
  ml_jw_kint(w, "effect", l->effect);
  ml_jw_kint(w, "revision", l->revision);
  ml_jw_end(w);
}

static void list_log(Ctl *c) {
  ml_jw_obj(&c->w);
  ml_jw_key(&c->w, "log");
  ml_jw_arr(&c->w);
  ks_store_logs(c->sim->store, number(c, "after", 0), number(c, "limit", 1000),
                put_log, &c->w);
  ml_jw_end(&c->w);
  ml_jw_end(&c->w);
}

static void put_notice(void *arg, const ks_notice *n) {
  ml_jw *w = arg;

  ml_jw_obj(w);
  ml_jw_kint(w, "n", n->n);
  put_moment(w, "at", n->at_ms);
  ml_jw_kint(w, "app", n->app);
  ml_jw_kint(w, "record", n->record);
  ml_jw_kstr(w, "type", n->type);
  ml_jw_kstr(w, "url", n->url);
  ml_jw_kstr(w, "state", n->state);
  ml_jw_kint(w, "status", n->status);
  ml_jw_kstr(w, "why", n->why);
  ml_jw_key(w, "body");
  ml_jw_raw(w, n->body);
  ml_jw_end(w);
}

static void list_webhooks(Ctl *c) {
  ml_jw_obj(&c->w);
  ml_jw_key(&c->w, "webhooks");
  ml_jw_arr(&c->w);
  ks_store_notices(c->sim->store, number(c, "after", 0),
                   number(c, "limit", 1000), put_notice, &c->w);
  ml_jw_end(&c->w);
  ml_jw_end(&c->w);
}

static void aim(Ctl *c) {
  if (ks_hook_aim(c->sim, c->body, &c->e) == ML_OK)
    state(c);
}

/* ---- failures and the clock ---- */

static void fail(Ctl *c) {
  if (ks_fault_add(c->sim, c->body, &c->e) == ML_OK)
    state(c);
}

static void clear(Ctl *c) {
  ks_fault_clear(c->sim);
  state(c);
}

static void release(Ctl *c) {
  size_t n = ks_release(c->sim);

  ml_jw_obj(&c->w);
  ml_jw_kint(&c->w, "released", (int64_t)n);
  ml_jw_end(&c->w);
}

static void turn_clock(Ctl *c) {
  ml_str now = ml_json_str(c->body, "now"), pass = ml_json_str(c->body, "pass");
  const ml_json *run = ml_json_get(c->body, "run");
  int64_t ms, by;

  if (now.p == NULL && pass.p == NULL && run == NULL) {
    ml_err_set(&c->e, ML_INVALID, "", "the clock needs now, pass or run");
    return;
  }
  ms = ks_now(c->sim);
  if (now.p != NULL && ml_text_moment(now, &ms, &c->e) != ML_OK)
    return;
  if (pass.p != NULL) {
    if (ml_text_duration(pass, &by, &c->e) != ML_OK)
      return;
    ms += by;
  }
  if (run != NULL)
    ks_clock_run(c->sim, run->type == ML_JBOOL && run->b);
  ks_clock_set(c->sim, ms);
  state(c);
}

/* ---- waiting ---- */

static bool come_true(const ks_sim *sim, const Waiter *w) {
  return w->quiet ? ks_hook_waiting(sim) == 0
                  : (int64_t)ks_held(sim) >= w->held;
}

static void reply(ml_request *q, int status, ml_buf *out) {
  static const char *const json[] = {
    "Content-Type: application/json;charset=utf-8", NULL};

  if (out->bad)
    ks_die("out of memory");
  ml_reply(q, status, json, (ml_str){out->p, out->len});
  ml_buf_free(out);
}

void ks_waiters_look(ks_sim *sim) {
  Waiter **at = &sim->waiters;

  while (*at != NULL) {
    Waiter *w = *at;
    ml_buf out = {0};
    ml_jw jw;

    if (!come_true(sim, w)) {
      at = &w->next;
      continue;
    }
    *at = w->next;
    ml_jw_init(&jw, &out);
    put_state(sim, &jw);
    reply(w->q, 200, &out);
    ml_mem_free(w);
  }
}

void ks_waiters_stop(ks_sim *sim) {
  Waiter *w;

  while ((w = sim->waiters) != NULL) {
    sim->waiters = w->next;
    ml_reply_cut(w->q, ML_STR(""));
    ml_mem_free(w);
  }
}

/* GET /control/wait?held=N or ?quiet=1 */
static void wait_for(ks_sim *sim, ml_request *q, const ml_json *query) {
  Waiter *w = ml_mem_zero(sizeof *w);
  ml_str held = ml_json_str(query, "held");

  if (w == NULL)
    ks_die("out of memory");
  w->q = q;
  w->quiet = held.p == NULL;
  if (!w->quiet && !ml_text_int(held, &w->held))
    w->held = 1;
  w->next = sim->waiters;
  sim->waiters = w;
  ks_waiters_look(sim);
}

/* ---- the table ---- */

static const struct {
  const char *method, *path;
  ctl_fn *fn;
} table[] = {
  {"GET", "/control/state", state},
  {"POST", "/control/apps", apps},
  {"POST", "/control/reset", reset},
  {"POST", "/control/records", records},
  {"GET", "/control/records", list_records},
  {"GET", "/control/log", list_log},
  {"GET", "/control/webhooks", list_webhooks},
  {"POST", "/control/webhook-target", aim},
  {"POST", "/control/fail", fail},
  {"DELETE", "/control/fail", clear},
  {"POST", "/control/release", release},
  {"POST", "/control/clock", turn_clock},
};

static ctl_fn *find(const ml_request *q) {
  size_t i;

  for (i = 0; i < sizeof table / sizeof *table; i++)
    if (ml_str_is(q->path, table[i].path) &&
        ml_str_is(q->method, table[i].method))
      return table[i].fn;
  return NULL;
}

static void put_error(Ctl *c) {
  c->status = c->e.rc == ML_NOT_FOUND ? 404 : 400;
  ml_buf_reset(&c->out);
  ml_jw_init(&c->w, &c->out);
  ml_jw_obj(&c->w);
  ml_jw_kstrz(&c->w, "error", c->e.text);
  ml_jw_kstrz(&c->w, "at", c->e.at);
  ml_jw_end(&c->w);
}

static void run(Ctl *c, ctl_fn *fn, const ml_request *q) {
  static const ml_json nothing = {.type = ML_JOBJ};

  c->body = q->body.n > 0 ? ks_json_parse(&c->a, q->body, &c->e) : &nothing;
  if (fn == NULL)
    ml_err_set(&c->e, ML_NOT_FOUND, "", "there is no such control; README.md "
               "lists them");
  else if (c->body != NULL)
    fn(c);
  if (c->e.rc != ML_OK)
    put_error(c);
}

void ks_control(ks_sim *sim, ml_request *q) {
  Ctl c = {.sim = sim, .status = 200};
  bool bad = false;

  c.query = ks_param_url(&c.a, q->query, &bad);
  if (ml_str_is(q->path, "/control/wait")) {
    wait_for(sim, q, c.query);
  } else {
    ml_jw_init(&c.w, &c.out);
    run(&c, find(q), q);
    reply(q, c.status, &c.out);
  }
  ml_arena_free(&c.a);
  ks_waiters_look(sim);
}
