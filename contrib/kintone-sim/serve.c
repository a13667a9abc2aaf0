/*
** serve.c - a request under /k/, from its arrival to its answer.
**
** A turn: the request is read and a fault may be laid on it; it is carried
** out in one transaction, together with its row in the log; the answer goes
** out, is damaged, or is kept back.  Nothing that waits holds others up.
*/
#include <stdio.h>
#include <string.h>

#include "api.h"
#include "base/text.h"
#include "fault.h"
#include "net/http_reply.h"

#define LOG_ANSWER 4096         /* bytes of an answer that the log keeps */

typedef struct ks_turn {
  ks_sim *sim;
  ml_request *q;
  ml_arena a;
  ks_call call;
  ml_str method, name;
  const ks_route *route;        /* NULL: no such call */
  const char *bad;              /* what reading it failed with, or NULL */
  ks_fault fault;               /* all 0: none */
  bool carried_out;
  size_t running;               /* with it */
  int status;                   /* the answer */
  ml_str body, type;
  ml_loop_timer *timer;
  bool held;
  struct ks_turn *next;
} Turn;

/* ---- reading ---- */

static bool is_type(const ml_request *q, const char *type) {
  ml_str s = ml_request_header(q, "Content-Type");
  size_t n = 0;

  while (n < s.n && s.p[n] != ';' && s.p[n] != ' ')
    n++;
  return s.p != NULL && ks_same_word((ml_str){s.p, n}, type);
}

/* X-HTTP-Method-Override counts on a POST, in capital letters. */
static void read_method(Turn *t) {
  ml_str over = ml_request_header(t->q, "X-HTTP-Method-Override");

  t->method = t->q->method;
  if (over.p == NULL || !ml_str_is(t->method, "POST"))
    return;
  if (ml_str_is(over, "GET") || ml_str_is(over, "PUT") ||
      ml_str_is(over, "DELETE"))
    t->method = over;
  else
    t->bad = "CB_IL02";
}

static void read_json(Turn *t) {
  const ml_json *o;

  if (!is_type(t->q, "application/json")) {
    t->bad = "CB_IL02";
    return;
  }
  o = ks_json_parse(&t->a, t->q->body, NULL);
  if (o == NULL || o->type != ML_JOBJ)
    t->bad = "CB_IJ01";
  else
    t->call.param = o;
}

static void read_parameters(Turn *t) {
  bool by_url = !ml_str_is(t->q->method, "POST") &&
                !ml_str_is(t->q->method, "PUT");
  bool bad = false;

  if (t->bad != NULL || t->route == NULL)
    return;
  if (t->route->raw) {
    if (!is_type(t->q, "multipart/form-data"))
      t->bad = "CB_IL02";
    t->call.body = t->q->body;
    t->call.body_type = ml_request_header(t->q, "Content-Type");
  } else if (!by_url || (t->q->body.n > 0 && is_type(t->q, "application/json"))) {
    read_json(t);
  } else {
    t->call.param = ks_param_url(&t->a, t->q->query, &bad);
    if (bad)
      t->bad = "CB_IL02";
  }
}

static bool wants_english(const ml_request *q) {
  ml_str s = ml_request_header(q, "Accept-Language");

  return s.n >= 2 && ks_same_word((ml_str){s.p, 2}, "en");
}

static int64_t app_of(const ml_json *param) {
  const ml_json *v = ks_param(param, "app");
  int64_t n = 0;

  if (v != NULL && v->type == ML_JINT)
    return v->i;
  return v != NULL && v->type == ML_JSTR && ml_text_int(v->s, &n) ? n : 0;
}

static Turn *begin(ks_sim *sim, ml_request *q) {
  Turn *t = ml_mem_zero(sizeof *t);

  if (t == NULL)
    ks_die("out of memory");
  t->sim = sim;
  t->q = q;
  t->next = sim->turns;
  sim->turns = t;
  t->running = ++sim->running;
  ks_call_init(&t->call, sim, &t->a);
  t->call.english = wants_english(q);
  read_method(t);
  if (ks_route_path(q->path, &t->name, &t->call.space))
    t->route = ks_route_of(t->method, t->name);
  read_parameters(t);
  ks_fault_take(sim, t->method, q->path, app_of(t->call.param), &t->a,
                &t->fault);
  return t;
}

static void end(Turn *t) {
  Turn **at = &t->sim->turns;

  while (*at != t)
    at = &(*at)->next;
  *at = t->next;
  t->sim->running--;
  ml_loop_timer_free(t->timer);
  ks_call_done(&t->call);
  ml_arena_free(&t->a);
  ml_mem_free(t);
}

/* ---- carrying out ---- */

/* The order of KINTONE.md 12: path, auth, JSON, then the call's own. */
static void run(Turn *t) {
  ks_call *c = &t->call;

  if (t->running > KS_CONCURRENCY)
    ks_fail_at(c, "GAIA_TO04");
  else if (t->route == NULL && t->bad == NULL)
    ks_fail_at(c, "CB_NF01");
  else if (ks_auth(c, t->q) && t->bad != NULL)
    ks_fail_at(c, t->bad);
  if (!c->failed)
    t->route->fn(c);
}

static void take_answer(Turn *t) {
  ks_call *c = &t->call;

  if (c->failed && !c->bare_body) {
    ml_buf_reset(&c->out);
    ml_jw_init(&c->w, &c->out);
    ks_put_failure(c, &c->w);
  }
  if (c->out.bad)
    ks_die("out of memory");
  t->status = c->status;
  t->body = (ml_str){c->out.p, c->out.len};
  t->type = !c->failed && c->out_type.p != NULL
      ? c->out_type : ML_STR("application/json;charset=utf-8");
}

/* The fault's own answer: its body, or its code as kintone writes it, or the
** status in words, as a load balancer has it. */
static void take_fault(Turn *t) {
  const ks_fault *f = &t->fault;
  ks_call c;

  t->status = f->status;
  if (f->body.p != NULL) {
    bool json = ks_json_parse(&t->a, f->body, NULL) != NULL;

    t->body = f->body;
    t->type = json ? ML_STR("application/json;charset=utf-8")
                   : ML_STR("text/plain;charset=utf-8");
  } else if (f->code.p != NULL) {
    ks_call_init(&c, t->sim, &t->a);
    c.code = f->code.p;
    c.message = ks_fmt(&t->a, "injected failure %s", f->code.p);
    ks_put_failure(&c, &c.w);
    t->body = ks_taken(&t->a, &c.out);
    t->type = ML_STR("application/json;charset=utf-8");
  } else {
    t->body = ml_str_of(ml_http_reply_phrase(f->status));
    t->type = ML_STR("text/plain;charset=utf-8");
  }
  if (f->type.p != NULL)
    t->type = f->type;
}

/* The beginning of a text, not cut inside a character. */
static ml_str head(ml_str s, size_t most) {
  if (s.n <= most)
    return s;
  while (most > 0 && (s.p[most] & 0xc0) == 0x80)
    most--;
  return (ml_str){s.p, most};
}

static void fill_log(Turn *t, bool done, ks_log *l) {
  ks_call *c = &t->call;
  bool cut = t->fault.damage != KS_WHOLE;

  *l = (ks_log){.at_ms = ks_now(t->sim), .method = t->method,
                .path = t->q->path, .query = t->q->query, .body = t->q->body,
                .answer = head(t->body, LOG_ANSWER),
                .status = cut ? 0 : t->status,
                .effect = done && c->changed && !c->failed,
                .app = app_of(c->param), .record = c->record_id};
  if (l->record == 0) {
    const ml_json *id = ks_param(c->param, "id");

    if (id != NULL && id->type == ML_JINT)
      l->record = id->i;
    else if (id != NULL && id->type == ML_JSTR && !ml_text_int(id->s, &l->record))
      l->record = 0;
  }
  l->revision = l->effect ? c->revision : 0;
}

static void carry_out(Turn *t) {
  const ks_fault *f = &t->fault;
  bool broken = f->status != 0 || f->damage != KS_WHOLE;
  bool done = f->after || !broken;
  ks_log log;

  t->carried_out = true;
  ks_call_begin(&t->call);
  if (done) {
    run(t);
    take_answer(t);
  }
  if (f->status != 0)
    take_fault(t);
  fill_log(t, done, &log);
  ks_call_end(&t->call, &log);
}

/* ---- answering ---- */

/* As the answer would be, but promising all of the body and giving half. */
static ml_str half_body(Turn *t) {
  ml_str body = t->body.n > 1 ? t->body : ML_STR("{\"records\":[]}");

  return ks_fmt(&t->a, "HTTP/1.1 %d %s\r\nContent-Type: %.*s\r\n"
                "Content-Length: %zu\r\n\r\n%.*s",
                t->status != 0 ? t->status : 200,
                ml_http_reply_phrase(t->status != 0 ? t->status : 200),
                (int)t->type.n, t->type.p != NULL ? t->type.p : "", body.n,
                (int)(body.n / 2), body.p);
}

static bool damage(Turn *t) {
  switch (t->fault.damage) {
    case KS_CUT:
      ml_reply_cut(t->q, ML_STR(""));
      return true;
    case KS_HALF_HEADER:
      ml_reply_cut(t->q, ML_STR("HTTP/1.1 200 OK\r\nContent-Ty"));
      return true;
    case KS_SHORT_BODY:
      ml_reply_cut(t->q, half_body(t));
      return true;
    case KS_GARBAGE:
      ml_reply_cut(t->q, ML_STR("\x16\x03\x01 this is no HTTP\n\n"));
      return true;
    default:
      return false;
  }
}

static void answer(Turn *t) {
  const char *headers[6] = {NULL};
  size_t n = 0;

  headers[n++] = ks_fmt(&t->a, "Content-Type: %.*s", (int)t->type.n,
                        t->type.p).p;
  if (t->status < 300 || t->status == 429) {
    headers[n++] = ks_fmt(&t->a, "X-ConcurrencyLimit-Limit: %d",
                          KS_CONCURRENCY).p;
    headers[n++] = ks_fmt(&t->a, "X-ConcurrencyLimit-Running: %zu",
                          t->running).p;
  }
  if (t->status == 429 && t->call.failed)
    headers[n++] = ks_fmt(&t->a, "X-Cybozu-Error: %s", t->call.code).p;
  else if (t->status == 429 && t->fault.code.p != NULL)
    headers[n++] = ks_fmt(&t->a, "X-Cybozu-Error: %s", t->fault.code.p).p;
  ml_reply(t->q, t->status, headers, t->body);
}

static void finish(Turn *t) {
  ks_sim *sim = t->sim;

  if (!t->carried_out)
    carry_out(t);
  if (!damage(t))
    answer(t);
  end(t);
  ks_waiters_look(sim);
}

static void on_timer(void *arg) {
  finish(arg);
}

static void wait_or_finish(Turn *t) {
  const ks_fault *f = &t->fault;

  if (!f->hold && f->delay_ms == 0) {
    finish(t);
    return;
  }
  if (f->after)
    carry_out(t);
  if (f->hold) {
    t->held = true;
    ks_waiters_look(t->sim);
    return;
  }
  t->timer = ml_loop_timer_new(t->sim->loop, on_timer, t);
  if (t->timer == NULL)
    ks_die("out of memory");
  ml_loop_timer_set(t->timer, f->delay_ms);
}

size_t ks_held(const ks_sim *sim) {
  const Turn *t;
  size_t n = 0;

  for (t = sim->turns; t != NULL; t = t->next)
    n += t->held;
  return n;
}

/* The one that came first, or NULL. */
static Turn *first_held(const ks_sim *sim) {
  Turn *t, *first = NULL;

  for (t = sim->turns; t != NULL; t = t->next)
    if (t->held)
      first = t;
  return first;
}

size_t ks_release(ks_sim *sim) {
  size_t n = 0;
  Turn *t;

  while ((t = first_held(sim)) != NULL) {
    t->held = false;
    finish(t);
    n++;
  }
  return n;
}

void ks_serve_stop(ks_sim *sim) {
  while (sim->turns != NULL) {
    ml_reply_cut(sim->turns->q, ML_STR(""));
    end(sim->turns);
  }
}

void ks_serve(void *arg, ml_request *q) {
  static const char *const json[] = {"Content-Type: application/json", NULL};
  ks_sim *sim = arg;

  if (ks_begins(q->path, "/control/"))
    ks_control(sim, q);
  else if (ks_begins(q->path, "/k/"))
    wait_or_finish(begin(sim, q));
  else
    ml_reply(q, 404, json, ML_STR("{\"code\":\"CB_NF01\",\"id\":\"\",\"message\":"
                                  "\"the API is under /k/v1/, the control of "
                                  "the simulator under /control/\"}"));
}
