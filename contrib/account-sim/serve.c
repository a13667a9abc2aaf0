/* serve.c - requests: judged, perhaps spoilt by a fault, carried out whole. */
#include <stdio.h>
#include <string.h>

#include "base/crypto.h"
#include "base/text.h"
#include "sim.h"

static const char *const json[] = {"Content-Type: application/json", NULL};

static void refuse(as_call *c, int status, const char *why) {
  ml_buf_reset(&c->out);
  ml_jw_init(&c->w, &c->out);
  ml_jw_obj(&c->w);
  ml_jw_kstrz(&c->w, "error", why);
  ml_jw_end(&c->w);
  c->status = status;
}

/* "/kind/id/rest": its parts; none for what is missing. */
typedef struct parts {
  ml_str kind, id, rest;
} parts;

static ml_str piece(ml_str *path) {
  const char *slash;
  ml_str s;

  if (path->n == 0 || path->p[0] != '/')
    return ML_NOSTR;
  path->p++, path->n--;
  slash = memchr(path->p, '/', path->n);
  s = (ml_str){path->p, slash != NULL ? (size_t)(slash - path->p) : path->n};
  path->p += s.n, path->n -= s.n;
  return s;
}

static parts split(ml_str path) {
  parts p;

  p.kind = piece(&path);
  p.id = piece(&path);
  p.rest = piece(&path);
  return p;
}

static bool is_kind(ml_str s) {
  return ml_str_is(s, "tenants") || ml_str_is(s, "subscriptions") ||
         ml_str_is(s, "services");
}

/* ---- things ---- */

/* {..} of a thing, with what was done to it. */
static void put_thing(as_call *c, ml_str kind, ml_str id, ml_str body) {
  const char *what = ml_str_is(kind, "tenants") ? "oss-accounts"
                                                : "pre-authorization";
  sqlite3_stmt *st;
  ml_json *v = NULL;

  if (ml_json_parse(&c->a, body.p, body.n, NULL, &v, NULL) != ML_OK)
    as_die("a body is damaged");
  ml_jw_obj(&c->w);
  for (uint32_t i = 0; i < v->count; i++) {
    ml_jw_keyn(&c->w, v->obj[i].key);
    ml_jw_json(&c->w, &v->obj[i].value);
  }
  ml_jw_key(&c->w, ml_str_is(kind, "tenants") ? "ossAccounts"
                                              : "preAuthorizations");
  ml_jw_arr(&c->w);
  st = as_sql(c->sim, "SELECT no FROM effect WHERE what = ?1 AND id = ?2 ORDER BY "
              "no", "ss", ml_str_of(what), id);
  while (as_row(c->sim, st))
    ml_jw_int(&c->w, sqlite3_column_int64(st, 0));
  sqlite3_finalize(st);
  ml_jw_end(&c->w);
  ml_jw_end(&c->w);
}

static void get_thing(as_call *c, const parts *p) {
  ml_str body = as_thing(c->sim, &c->a, p->kind, p->id);

  if (body.p == NULL)
    refuse(c, 404, "there is no such thing");
  else
    put_thing(c, p->kind, p->id, body);
}

static void list_things(as_call *c, const parts *p) {
  sqlite3_stmt *st = as_sql(c->sim, "SELECT id, body FROM thing WHERE kind = ?1 "
                            "ORDER BY id", "s", p->kind);

  ml_jw_obj(&c->w);
  ml_jw_key(&c->w, "items");
  ml_jw_arr(&c->w);
  while (as_row(c->sim, st))
    put_thing(c, p->kind, as_keep(&c->a, as_text(st, 0)),
              as_keep(&c->a, as_text(st, 1)));
  sqlite3_finalize(st);
  ml_jw_end(&c->w);
  ml_jw_end(&c->w);
}

static void write_thing(as_call *c, const parts *p, ml_str text, bool patch) {
  if (patch && !as_thing_patch(c->sim, p->kind, p->id, text)) {
    refuse(c, 404, "there is no such thing");
    return;
  }
  if (!patch)
    as_thing_put(c->sim, p->kind, p->id, text);
  if (patch && ml_str_is(p->kind, "tenants"))
    as_portal_tell(c->sim, p->id);
  get_thing(c, p);
}

static void do_effect(as_call *c, const parts *p) {
  if (as_thing(c->sim, &c->a, p->kind, p->id).p == NULL) {
    refuse(c, 404, "there is no such thing");
    return;
  }
  as_do(c->sim, "INSERT INTO effect (what, id) VALUES (?1, ?2)", "ss", p->rest,
        p->id);
  c->status = 201;
  ml_jw_obj(&c->w);
  ml_jw_kint(&c->w, "id", sqlite3_last_insert_rowid(c->sim->db));
  ml_jw_end(&c->w);
}

static void route(as_call *c, const ml_request *q, const parts *p) {
  bool post = ml_str_is(q->method, "POST"), get = ml_str_is(q->method, "GET");
  bool patch = ml_str_is(q->method, "PATCH");

  if (ml_str_is(p->kind, "transactions") && p->id.p == NULL && (post || get)) {
    if (post)
      as_portal_post(c);
    else
      as_portal_list(c);
  } else if (is_kind(p->kind) && p->id.p == NULL && get) {
    list_things(c, p);
  } else if (is_kind(p->kind) && p->id.n > 0 && p->rest.p == NULL && get) {
    get_thing(c, p);
  } else if (is_kind(p->kind) && p->id.n > 0 && p->rest.p == NULL &&
             (patch || ml_str_is(q->method, "PUT"))) {
    write_thing(c, p, q->body, patch);
  } else if (post && ((ml_str_is(p->kind, "tenants") &&
                       ml_str_is(p->rest, "oss-accounts")) ||
                      (ml_str_is(p->kind, "subscriptions") &&
                       ml_str_is(p->rest, "pre-authorization")))) {
    do_effect(c, p);
  } else {
    refuse(c, 404, "see the head of contrib/account-sim/sim.h");
  }
}

/* ---- control ---- */

static void set_engine(as_call *c) {
  ml_str url = ml_json_str(c->body, "url"), token = ml_json_str(c->body, "token");

  if (url.n == 0 || url.n >= sizeof c->sim->engine ||
      token.n >= sizeof c->sim->engine_token) {
    refuse(c, 400, "url and token are wanted");
    return;
  }
  c->sim->era++;
  c->sim->asking = 0;            /* those of the one before may never end */
  memcpy(c->sim->engine, url.p, url.n + 1);
  memcpy(c->sim->engine_token, token.p != NULL ? token.p : "", token.n + 1);
  ml_loop_timer_set(c->sim->timer, 0);
  ml_jw_raw(&c->w, ML_STR("{}"));
}

static void add_fault(as_call *c) {
  const ml_json *what = ml_json_get(c->body, "what");
  char number[24];
  ml_str text = ml_json_str(c->body, "what");

  if (what != NULL && what->type == ML_JINT) {
    snprintf(number, sizeof number, "%lld", (long long)what->i);
    text = ml_str_of(number);
  }
  if (text.n == 0 || ml_json_str(c->body, "method").n == 0 ||
      ml_json_str(c->body, "path").n == 0) {
    refuse(c, 400, "method, path, what and times are wanted");
    return;
  }
  as_do(c->sim, "INSERT INTO fault (method, path, what, times) VALUES (?1, ?2, ?3, "
        "?4)", "sssi", ml_json_str(c->body, "method"), ml_json_str(c->body, "path"),
        text, ml_json_int(c->body, "times", 1));
  ml_jw_raw(&c->w, ML_STR("{}"));
}

static void show_log(as_call *c) {
  sqlite3_stmt *st = as_sql(c->sim, "SELECT method, path, key, status, effect FROM "
                            "log ORDER BY no", "");

  ml_jw_obj(&c->w);
  ml_jw_key(&c->w, "items");
  ml_jw_arr(&c->w);
  while (as_row(c->sim, st)) {
    ml_jw_obj(&c->w);
    ml_jw_kstr(&c->w, "method", as_text(st, 0));
    ml_jw_kstr(&c->w, "path", as_text(st, 1));
    ml_jw_kstr(&c->w, "key", as_text(st, 2));
    ml_jw_kint(&c->w, "status", sqlite3_column_int64(st, 3));
    ml_jw_kint(&c->w, "effect", sqlite3_column_int64(st, 4));
    ml_jw_end(&c->w);
  }
  sqlite3_finalize(st);
  ml_jw_end(&c->w);
  ml_jw_end(&c->w);
}

static void control(as_call *c, const ml_request *q, const parts *p) {
  if (ml_str_is(p->id, "engine") && ml_str_is(q->method, "POST"))
    set_engine(c);
  else if (ml_str_is(p->id, "faults") && ml_str_is(q->method, "POST"))
    add_fault(c);
  else if (ml_str_is(p->id, "log") && ml_str_is(q->method, "GET"))
    show_log(c);
  else
    refuse(c, 404, "engine, faults and log are under /control");
}

/* ---- a request ---- */

/* The fault that is due for it, or none; used up by one. */
static ml_str fault_of(as_call *c, const ml_request *q) {
  sqlite3_stmt *st = as_sql(c->sim, "SELECT no, what FROM fault WHERE times > 0 AND "
                            "method = ?1 AND substr(?2, 1, length(path)) = path "
                            "ORDER BY no LIMIT 1", "ss", q->method, q->path);
  ml_str what = ML_NOSTR;
  int64_t no = 0;

  if (as_row(c->sim, st)) {
    no = sqlite3_column_int64(st, 0);
    what = as_keep(&c->a, as_text(st, 1));
  }
  sqlite3_finalize(st);
  if (no != 0)
    as_do(c->sim, "UPDATE fault SET times = times - 1 WHERE no = ?1", "i", no);
  return what;
}

/* What was answered under this key before. */
static bool replay(as_call *c, ml_str key) {
  sqlite3_stmt *st = as_sql(c->sim, "SELECT status, body FROM answer WHERE key = ?1",
                            "s", key);
  bool found = as_row(c->sim, st);

  if (found) {
    ml_str body = as_text(st, 1);

    c->status = sqlite3_column_int(st, 0);
    ml_buf_reset(&c->out);
    ml_buf_put(&c->out, body.p, body.n);
  }
  sqlite3_finalize(st);
  return found;
}

/* Carry it out, once for its key. */
static void carry_out(as_call *c, const ml_request *q, const parts *p, ml_str key,
                      int64_t *effect) {
  if (key.n > 0 && replay(c, key))
    return;
  *effect = !ml_str_is(q->method, "GET");
  route(c, q, p);
  if (c->status >= 300)
    *effect = 0;
  else if (key.n > 0 && *effect)
    as_do(c->sim, "INSERT INTO answer VALUES (?1, ?2, ?3)", "sis", key,
          (int64_t)c->status, (ml_str){c->out.p, c->out.len});
}

static bool read_body(as_call *c, const ml_request *q) {
  ml_json *v = NULL;

  if (q->body.n == 0)
    return !ml_str_is(q->method, "PUT") && !ml_str_is(q->method, "PATCH");
  if (ml_json_parse(&c->a, q->body.p, q->body.n, NULL, &v, NULL) != ML_OK)
    return false;
  c->body = v;
  return v->type == ML_JOBJ;
}

static bool has_token(const as_sim *sim, const ml_request *q) {
  ml_str h = ml_request_header(q, "Authorization");

  return h.n > 7 && memcmp(h.p, "Bearer ", 7) == 0 &&
         ml_crypto_str_eq((ml_str){h.p + 7, h.n - 7}, ml_str_of(sim->token));
}

static void judge(as_call *c, const ml_request *q, ml_str *fault) {
  parts p = split(q->path);
  ml_str key = ml_request_header(q, "Idempotency-Key");
  int64_t effect = 0, status;

  if (!read_body(c, q)) {
    refuse(c, 400, "the body must be a JSON object");
  } else if (ml_str_is(p.kind, "control")) {
    control(c, q, &p);
    return;
  } else if (!has_token(c->sim, q)) {
    refuse(c, 401, "a token is wanted");
  } else {
    *fault = fault_of(c, q);
    if (ml_text_int(*fault, &status))
      refuse(c, (int)status, status == 503 ? "not yet" : "told to fail");
    else if (!ml_str_is(*fault, "hang"))
      carry_out(c, q, &p, key, &effect);
  }
  as_do(c->sim, "INSERT INTO log (method, path, key, status, effect) VALUES (?1, ?2, "
        "?3, ?4, ?5)", "sssii", q->method, q->path, key, (int64_t)c->status, effect);
}

void as_serve(void *arg, ml_request *q) {
  as_call c = {.sim = arg, .status = 200};
  ml_str fault = ML_NOSTR;

  ml_jw_init(&c.w, &c.out);
  as_do(c.sim, "BEGIN IMMEDIATE", "");
  judge(&c, q, &fault);
  as_do(c.sim, "COMMIT", "");
  if (c.out.bad)
    as_die("out of memory");
  if (ml_str_is(fault, "lost") || ml_str_is(fault, "hang"))
    ml_reply_cut(q, ML_STR(""));
  else
    ml_reply(q, c.status, json, (ml_str){c.out.p != NULL ? c.out.p : "", c.out.len});
  ml_buf_free(&c.out);
  ml_arena_free(&c.a);
}
