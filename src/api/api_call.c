/* api_call.c - one request on its way: its parameters, its answer, and the
** ways through the run (read, write, input) that come back to it. */
#include "api/api_call.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"

void *ml_call_alloc(ml_call *c, size_t n) {
  void *p = ml_arena_zero(&c->arena, n);

  if (p == NULL)
    ml_call_refuse(c, ML_NOMEM, NULL);
  return p;
}

/* ---- what was asked ---- */

ml_str ml_call_query(const ml_call *c, const char *name) {
  for (size_t i = 0; i < c->query_count; i++)
    if (ml_str_is(c->query[i].name, name))
      return c->query[i].value;
  return ML_NOSTR;
}

int64_t ml_call_query_int(const ml_call *c, const char *name, int64_t dflt) {
  int64_t v;

  return ml_text_int(ml_call_query(c, name), &v) ? v : dflt;
}

bool ml_call_query_bool(const ml_call *c, const char *name) {
  return ml_str_is(ml_call_query(c, name), "1");
}

size_t ml_call_limit(const ml_call *c) {
  return (size_t)ml_call_query_int(c, "limit", 50);
}

bool ml_call_may(const ml_call *c, unsigned scopes) {
  return (c->who.bits & scopes) != 0;
}

bool ml_call_sees(const ml_call *c, ml_str rest) {
  ml_object o;

  if (c->who.team.p == NULL)
    return true;
  ml_process_peek(rest, &o);
  return ml_str_eq(c->who.team, o.team);
}

bool ml_call_sees_all(ml_call *c) {
  if (c->who.team.p == NULL)
    return true;
  ml_call_problem(c, 403, NULL, NULL, NULL,
                  "this is of all teams; whoever is of one may not see it");
  return false;
}

bool ml_call_id(ml_call *c, ml_str text, bool with_no, uint8_t id[16],
                int64_t *n, uint32_t *no) {
  if (ml_id_of(text, id, no) && (*no != 0) == with_no) {
    *n = ml_process_id_n(id);
    if (*n > 0)
      return true;
  }
  ml_call_problem(c, 404, NULL, NULL, NULL, "there is no %s with this id",
                  with_no ? "task" : "process");
  return false;
}

bool ml_call_acting(ml_call *c, ml_acting *out) {
  ml_str as = ml_call_query(c, "as"), in_body = ml_json_str(c->body, "as");
  const char *at = as.p != NULL ? NULL : "/as";
  const ml_row_user *user;

  if (as.p == NULL)
    as = in_body;
  out->who = c->who.name;
  out->user = c->who.user;
  out->operator_ = ml_call_may(c, ML_SCOPE_OPERATE);
  if (as.p == NULL)
    return true;
  out->who = out->user = as;
  out->operator_ = false;
  if (ml_str_eq(as, c->who.user))
    return true;
  if (!ml_call_may(c, ML_SCOPE_OPERATE)) {
    ml_call_problem(c, 403, NULL, at, NULL,
                    "acting for another person needs the scope operate");
    return false;
  }
  user = ml_run_user(c->run, as);
  if (user != NULL && user->active)
    return true;
  ml_call_problem(c, 422, NULL, at, NULL, "there is no active member '%.100s'",
                  as.p);
  return false;
}

bool ml_call_lanes(ml_call *c, const ml_flow *f, ml_str user,
                   const int16_t **out, size_t *count) {
  int16_t *lanes;

  *out = NULL;
  *count = 0;
  if (user.p == NULL || f->lane_count == 0)
    return true;
  lanes = ml_call_alloc(c, f->lane_count * sizeof *lanes);
  if (lanes == NULL)
    return false;
  *count = ml_run_lanes_of(c->run, f, user, lanes, f->lane_count);
  *out = lanes;
  return true;
}

/* ---- the answer ---- */

enum { HEADERS_MAX = 10 };

typedef struct headers {
  ml_call *c;
  const char *line[HEADERS_MAX + 1];
  size_t count;
} headers;

static void add(headers *h, const char *line) {
  if (line != NULL && h->count < HEADERS_MAX)
    h->line[h->count++] = line;
}

static const char *allow_header(ml_call *c) {
  const ml_routes *const *all;
  ml_buf b = {0};
  size_t n = ml_api_routes(&all);
  char *line = NULL;

  ml_buf_puts(&b, "Allow: ");
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < all[i]->count; k++) {
      const ml_route *r = &all[i]->rows[k];
      if (c->route == NULL || strcmp(r->pattern, c->route->pattern) != 0)
        continue;
      ml_buf_printf(&b, "%s%s", b.len > 7 ? ", " : "", r->method);
    }
  if (!b.bad)
    line = ml_arena_dup(&c->arena, b.p, b.len);
  ml_buf_free(&b);
  return line;
}

static void make_headers(headers *h, int status, const char *type) {
  ml_call *c = h->c;

  if (status != 204)
    add(h, strcmp(type, "application/json") == 0
               ? "Content-Type: application/json"
               : ml_arena_printf(&c->arena, "Content-Type: %s", type));
  add(h, "X-Content-Type-Options: nosniff");
  add(h, "Cache-Control: no-store");
  add(h, "Referrer-Policy: no-referrer");
  if (status < 300 && c->etag >= 0)
    add(h, ml_arena_printf(&c->arena, "ETag: \"%lld\"", (long long)c->etag));
  if (status < 300 && c->location.p != NULL)
    add(h, ml_arena_printf(&c->arena, "Location: %s", c->location.p));
  if (status < 300 && c->replayed)
    add(h, "Idempotency-Replayed: true");
  if (status == 401)
    add(h, "WWW-Authenticate: Bearer realm=\"moonlane\"");
  if (status == 405)
    add(h, allow_header(c));
  if (status == 503 || status == 429 || status == 507)
    add(h, ml_arena_printf(&c->arena, "Retry-After: %lld",
                           (long long)(c->retry_s > 0 ? c->retry_s : 1)));
}

static void end(ml_call *c) {
  ml_loop_timer_free(c->timer);
  ml_buf_free(&c->out);
  ml_api_forget(c->api, c);
  ml_arena_free(&c->arena);
  ml_mem_free(c);
}

void ml_call_send_as(ml_call *c, int status, const char *type) {
  static const ml_str short_of_memory = ML_STR(
      "{\"type\":\"urn:moonlane:problem:out-of-memory\","
      "\"title\":\"Memory is short; try again\",\"status\":503}");
  headers h = {.c = c};
  ml_str body;

  if (c->out.bad) {
    ml_buf_free(&c->out);
    status = 503;
    type = "application/problem+json";
    body = short_of_memory;
  } else {
    body = (ml_str){c->out.p != NULL ? c->out.p : "", c->out.len};
  }
  make_headers(&h, status, type);
  ml_reply(c->q, status, h.line, status == 204 ? ML_STR("") : body);
  end(c);
}

void ml_call_send(ml_call *c, int status) {
  ml_call_send_as(c, status, "application/json");
}

/* ---- reads ---- */

static void read_work(void *arg, ml_read *r) {
  ml_call *c = arg;

  c->rc = c->work(c, r);
}

static void read_done(void *arg) {
  ml_call *c = arg;

  if (c->rc != ML_OK)
    ml_call_refuse(c, c->rc, &c->err);
  else
    c->then(c);
}

void ml_call_read(ml_call *c, ml_rc (*work)(ml_call *c, ml_read *r),
                  ml_call_fn *then) {
  ml_rc rc;

  c->work = work;
  c->then = then;
  c->err = (ml_err){0};
  rc = ml_run_read(c->run, read_work, read_done, c);
  if (rc != ML_OK)
    ml_call_refuse(c, rc, NULL);
}

/* ---- writes to the small tables ---- */

static void write_fill(void *arg, ml_batch *b) {
  ml_call *c = arg;

  c->fill(c, b);
}

static void write_done(void *arg, ml_rc rc, const ml_err *e) {
  ml_call *c = arg;

  c->rc = rc;
  if (e != NULL)
    c->err = *e;
  c->then(c);
}

void ml_call_write(ml_call *c, void (*fill)(ml_call *c, ml_batch *b),
                   ml_call_fn *then) {
  c->fill = fill;
  c->then = then;
  c->err = (ml_err){0};
  ml_run_write(c->run, write_fill, write_done, c);
}

void ml_call_write_rows(ml_call *c, void (*fill)(ml_call *c, ml_batch *b),
                        ml_call_fn *then) {
  c->fill = fill;
  c->then = then;
  c->err = (ml_err){0};
  ml_run_write_rows(c->run, write_fill, write_done, c);
}

/* ---- later ---- */

static void timer_rang(void *arg) {
  ml_call *c = arg;

  c->then(c);
}

void ml_call_later(ml_call *c, int64_t after_ms, ml_call_fn *then) {
  c->then = then;
  if (c->timer == NULL)
    c->timer = ml_loop_timer_new(ml_api_conf_of(c->api)->loop, timer_rang, c);
  if (c->timer == NULL) {
    ml_call_refuse(c, ML_NOMEM, NULL);
    return;
  }
  ml_loop_timer_set(c->timer, after_ms);
}

/* ---- until a process rests ---- */

enum { REST_MS = 1000 };

static void rested(void *arg, const ml_process *p, const ml_flow *f) {
  ml_call *c = arg;

  ml_loop_timer_free(c->timer);
  c->timer = NULL;
  c->rested(c, p, f);
}

static void rest_is_long(ml_call *c) {
  ml_run_rest_cancel(c->run, c->rest_n, c);
  c->rested(c, NULL, NULL);
}

void ml_call_rest(ml_call *c, int64_t n, ml_call_rested_fn *then) {
  c->rest_n = n;
  c->rested = then;
  c->then = rest_is_long;
  c->timer = ml_loop_timer_new(ml_api_conf_of(c->api)->loop, timer_rang, c);
  if (c->timer != NULL) {
    ml_loop_timer_set(c->timer, REST_MS);
    if (ml_run_rest(c->run, n, rested, c) == ML_OK)
      return;
  }
  ml_call_refuse(c, ML_NOMEM, NULL);
}

/* ---- inputs ---- */

/* Whose a new process is: the caller's team, or that of whom it acts as. */
static ml_str team_of(const ml_call *c, const ml_acting *who) {
  const ml_row_user *u = who->user.p != NULL ? ml_run_user(c->run, who->user)
                                             : NULL;

  return c->who.team.p != NULL || u == NULL ? c->who.team : u->team;
}

ml_input *ml_call_input(ml_call *c, int64_t n, const uint8_t id[16],
                        ml_event_kind kind, const ml_acting *who) {
  ml_input *in = ml_input_new();

  if (in == NULL) {
    ml_call_refuse(c, ML_NOMEM, NULL);
    return NULL;
  }
  in->n = n;
  if (id != NULL)
    memcpy(in->id, id, sizeof in->id);
  in->team = c->who.team;
  in->ev.kind = kind;
  in->ev.object.team = team_of(c, who);
  in->ev.actor.who = who->who;
  in->ev.actor.operator_ = who->operator_;
  in->if_seq = c->has_match ? c->match_seq : -1;
  in->has_key = c->has_key;
  memcpy(in->key, c->key, sizeof in->key);
  memcpy(in->body_hash, c->body_hash, sizeof in->body_hash);
  return in;
}

static int input_render(void *arg, const ml_process *p, const ml_flow *f,
                        const ml_made *made, ml_buf *out) {
  ml_call *c = arg;

  ml_buf_reset(&c->out);
  ml_jw_init(&c->w, &c->out);
  if (!c->way->render(c, p, f, made, out))
    c->out.bad = true;
  return c->way->status;
}

static void replay(ml_call *c, ml_str kept) {
  c->replayed = true;
  ml_buf_reset(&c->out);
  ml_jw_init(&c->w, &c->out);
  c->way->again(c, kept);
}

/* A request that was done before is refused by what it did (the task is
** done), before anybody looks at its key: so a refusal looks. */
typedef struct refusal {
  ml_rc rc;
  ml_err err;
  ml_row_key row;
  bool found;
} refusal;

static ml_rc read_refusal(ml_call *c, ml_read *r) {
  refusal *f = c->refused;
  ml_rc rc = ml_read_key(r, &c->arena, c->key, &f->row);

  f->found = rc == ML_OK;
  return rc == ML_NOT_FOUND ? ML_OK : rc;
}

static void judge_refusal(ml_call *c) {
  refusal *f = c->refused;
  ml_err e = {0};

  if (!f->found) {
    ml_call_refuse(c, f->rc, &f->err);
  } else if (memcmp(f->row.body, c->body_hash, sizeof c->body_hash) == 0) {
    replay(c, f->row.answer);
  } else {
    ml_err_set(&e, ML_INVALID, "/Idempotency-Key",
               "this key was used before with another request");
    ml_call_refuse(c, ML_INVALID, &e);
  }
}

static void refuse_or_replay(ml_call *c, ml_rc rc, const ml_err *e) {
  refusal *f = NULL;

  if (c->has_key && (rc == ML_CONFLICT || rc == ML_INVALID || rc == ML_REFUSED
                     || rc == ML_NOT_FOUND))
    f = ml_arena_zero(&c->arena, sizeof *f);
  if (f == NULL) {
    ml_call_refuse(c, rc, e);
    return;
  }
  f->rc = rc;
  if (e != NULL)
    f->err = *e;
  c->refused = f;
  ml_call_read(c, read_refusal, judge_refusal);
}

static void input_done(void *arg, ml_rc rc, const ml_err *e, int status,
                       const ml_buf *out, bool replayed) {
  ml_call *c = arg;

  (void)status;   /* what was kept under the key: the way's own */
  if (rc != ML_OK)
    refuse_or_replay(c, rc, e);
  else if (replayed)
    replay(c, (ml_str){out->p != NULL ? out->p : "", out->len});
  else
    c->way->then(c);
}

void ml_call_put(ml_call *c, ml_input *in, const ml_way *way) {
  c->way = way;
  in->render = input_render;
  in->done = input_done;
  in->arg = c;
  ml_run_put(c->run, in);
}
