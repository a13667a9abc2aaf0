/*
** call.c - what leaves: HTTP calls of activities, after the commit that holds
** their request; and what comes back, judged.
*/
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/plant.h"
#include "base/text.h"
#include "run/inside.h"

/* ---- building a request ---- */

typedef struct text_out {
  ml_run *r;
  ml_arena *a;
  ml_str workflow;
  ml_err *e;
} text_out;

/* How a secret is written where it stands. */
typedef enum place { PLAIN, IN_URL, IN_JSON } place;

static void put_secret(ml_buf *b, ml_str value, place where) {
  ml_buf q = {0};

  if (where == IN_URL) {
    ml_text_put_url(b, value);
  } else if (where == IN_JSON) {
    ml_json_put_str(&q, value);
    if (q.bad)
      b->bad = true;
    else
      ml_buf_put(b, q.p + 1, q.len - 2);    /* without its quotes */
    ml_buf_free(&q);
  } else {
    ml_buf_put(b, value.p, value.n);
  }
}

/* Put the values of "\x01secret:NAME\x01" into a text.  The value exists
** nowhere but in what is sent. */
static ml_str fill_secrets(const text_out *t, ml_str s, place where,
                           bool *ok) {
  static const char mark[] = "\x01secret:";
  ml_buf b = {0};
  const char *p = s.p, *end = s.p + s.n, *m;
  ml_str out = s;

  if (s.p == NULL || memchr(s.p, 1, s.n) == NULL)
    return s;
  while (p < end && (m = memmem(p, (size_t)(end - p), mark,
                                sizeof mark - 1)) != NULL) {
    const char *name = m + sizeof mark - 1;
    const char *stop = memchr(name, 1, (size_t)(end - name));
    ml_str value;

    if (stop == NULL)
      break;
    ml_buf_put(&b, p, (size_t)(m - p));
    value = secret_value(t->r, t->a, t->workflow,
                         (ml_str){name, (size_t)(stop - name)});
    if (value.p == NULL) {
      ml_err_set(t->e, ML_CONFLICT, "", "secret '%.*s' has no value",
                 (int)(stop - name > 60 ? 60 : stop - name), name);
      *ok = false;
    } else {
      put_secret(&b, value, where);
    }
    p = stop + 1;
  }
  ml_buf_put(&b, p, (size_t)(end - p));
  if (b.bad)
    *ok = false;
  else
    out = (ml_str){ml_arena_dup(t->a, b.p, b.len), b.len};
  ml_buf_free(&b);
  if (out.p == NULL)
    *ok = false;
  return out;
}

/* "host" or "host:port" of a URL; none when it is no http(s) URL. */
static ml_str url_host(ml_str url) {
  const char *p, *end = url.p + url.n, *stop;

  if (url.p == NULL)
    return ML_NOSTR;
  if (url.n > 8 && strncasecmp(url.p, "https://", 8) == 0)
    p = url.p + 8;
  else if (url.n > 7 && strncasecmp(url.p, "http://", 7) == 0)
    p = url.p + 7;
  else
    return ML_NOSTR;
  for (stop = p; stop < end && strchr("/?#", *stop) == NULL; stop++)
    if (*stop == '@')
      return ML_NOSTR;
  return (ml_str){p, (size_t)(stop - p)};
}

static bool host_eq(ml_str a, ml_str b) {
  return a.p != NULL && b.p != NULL && a.n == b.n &&
         strncasecmp(a.p, b.p, a.n) == 0;
}

/* Is the host one that the workflow may reach: of a `url` setting, or listed
** in `hosts` (there "name" allows any port)? */
static bool host_allowed(const ml_flow *f, const ml_json *settings,
                         ml_str host) {
  const char *colon = memrchr(host.p, ':', host.n);
  ml_str bare = {host.p, colon != NULL ? (size_t)(colon - host.p) : host.n};

  for (uint16_t i = 0; i < f->host_count; i++)
    if (host_eq(f->hosts[i], host) || host_eq(f->hosts[i], bare))
      return true;
  for (uint16_t i = 0; i < f->setting_count; i++) {
    char id[80];

    if (f->settings[i].type != ML_F_URL || f->settings[i].id.n >= sizeof id)
      continue;
    memcpy(id, f->settings[i].id.p, f->settings[i].id.n);
    id[f->settings[i].id.n] = '\0';
    if (host_eq(url_host(ml_json_str(settings, id)), host))
      return true;
  }
  return false;
}

/* How the body writes texts, by its type. */
static place body_place(const ml_json *want) {
  const ml_json *list = ml_json_get(want, "headers");

  for (size_t i = 0; list != NULL && i < list->count; i++) {
    const ml_json *name = ml_json_at(ml_json_at(list, i), 0);
    const ml_json *value = ml_json_at(ml_json_at(list, i), 1);

    if (name == NULL || value == NULL || name->type != ML_JSTR ||
        value->type != ML_JSTR ||
        !host_eq(name->s, ML_STR("Content-Type")))
      continue;
    if (memmem(value->s.p, value->s.n, "json", 4) != NULL)
      return IN_JSON;
    if (memmem(value->s.p, value->s.n, "form-urlencoded", 15) != NULL)
      return IN_URL;
  }
  return PLAIN;
}

/* auth = { user, password }: the header of basic authentication. */
static ml_rc build_auth(const text_out *t, const ml_json *want, ml_str *h,
                        ml_http_call *out) {
  const ml_json *auth = ml_json_get(want, "auth");
  const ml_json *user = ml_json_at(auth, 0), *word = ml_json_at(auth, 1);
  ml_buf pair = {0}, b64 = {0};
  bool ok = true;
  ml_str u, p;
  char *line = NULL;

  if (auth == NULL || user == NULL || word == NULL || user->type != ML_JSTR ||
      word->type != ML_JSTR)
    return ML_OK;
  u = fill_secrets(t, user->s, PLAIN, &ok);
  p = fill_secrets(t, word->s, PLAIN, &ok);
  if (!ok)
    return t->e->rc != ML_OK ? t->e->rc : ML_NOMEM;
  ml_buf_put(&pair, u.p, u.n);
  ml_buf_putc(&pair, ':');
  ml_buf_put(&pair, p.p, p.n);
  ml_text_put_base64(&b64, (ml_str){pair.p, pair.len}, false);
  if (!pair.bad && !b64.bad)
    line = ml_arena_printf(t->a, "Authorization: Basic %.*s", (int)b64.len,
                           b64.p);
  ml_buf_free(&pair);
  ml_buf_free(&b64);
  if (line == NULL)
    return ML_NOMEM;
  h[out->header_count++] = ml_str_of(line);
  return ML_OK;
}

static ml_rc build_headers(const text_out *t, const ml_json *want, ml_str key,
                           ml_http_call *out) {
  const ml_json *list = ml_json_get(want, "headers");
  size_t n = list != NULL && list->type == ML_JARR ? list->count : 0;
  ml_str *h = ml_arena_alloc(t->a, sizeof *h * (n + 2));
  bool ok = true;

  if (h == NULL)
    return ML_NOMEM;
  for (size_t i = 0; i < n; i++) {
    const ml_json *pair = ml_json_at(list, i);
    const ml_json *name = ml_json_at(pair, 0), *value = ml_json_at(pair, 1);
    ml_str v;
    char *line;

    if (name == NULL || value == NULL || name->type != ML_JSTR ||
        value->type != ML_JSTR)
      return ml_err_set(t->e, ML_INVALID, "", "a header is not a name and a "
                        "text");
    v = fill_secrets(t, value->s, PLAIN, &ok);
    if (!ok)
      return t->e->rc != ML_OK ? t->e->rc : ML_NOMEM;
    line = ml_arena_printf(t->a, "%.*s: %.*s", (int)name->s.n, name->s.p,
                           (int)v.n, v.p);
    if (line == NULL)
      return ML_NOMEM;
    h[out->header_count++] = ml_str_of(line);
  }
  if (key.p != NULL && !ml_str_is(out->method, "GET") &&
      !ml_str_is(out->method, "HEAD")) {
    char *line = ml_arena_printf(t->a, "Idempotency-Key: %.*s", (int)key.n,
                                 key.p);

    if (line == NULL)
      return ML_NOMEM;
    h[out->header_count++] = ml_str_of(line);
  }
  out->headers = h;
  return build_auth(t, want, h, out);
}

ml_rc call_build(ml_run *r, ml_arena *a, const ml_flow *f, ml_str settings,
                 ml_str want, ml_str key, ml_http_call *out, taking *take,
                 ml_err *e) {
  text_out t = {r, a, f->name, e};
  ml_json *w = NULL, *set = NULL;
  ml_str host;
  bool ok = true;
  ml_rc rc = ml_json_parse(a, want.p, want.n, NULL, &w, e);

  memset(out, 0, sizeof *out);
  if (rc == ML_OK && settings.p != NULL)
    rc = ml_json_parse(a, settings.p, settings.n, NULL, &set, e);
  if (rc != ML_OK)
    return rc;
  out->method = ml_json_str(w, "method");
  out->url = fill_secrets(&t, ml_json_str(w, "url"), IN_URL, &ok);
  out->body = fill_secrets(&t, ml_json_str(w, "body"), body_place(w), &ok);
  if (!ok)
    return e->rc != ML_OK ? e->rc : ML_NOMEM;
  host = url_host(out->url);
  if (host.p == NULL)
    return ml_err_set(e, ML_INVALID, "", "'%.*s' is no http or https URL",
                      (int)(ml_json_str(w, "url").n > 120
                                ? 120 : ml_json_str(w, "url").n),
                      ml_json_str(w, "url").p != NULL
                          ? ml_json_str(w, "url").p : "");
  if (!host_allowed(f, set, host) && !ML_PLANTED(any_host))
    return ml_err_set(e, ML_REFUSED, "", "workflow '%.*s' may not reach '%.*s': "
                      "only hosts of its url settings and of `hosts`",
                      (int)f->name.n, f->name.p, (int)host.n, host.p);
  out->timeout_ms = ml_json_int(w, "timeout_ms", 0);
  out->allow = r->conf.allow;
  out->allow_count = r->conf.allow_count;
  *take = (taking){ml_json_bool(w, "raw", false), 0};
  if (ml_json_get(w, "accept") != NULL && ml_json_at(ml_json_get(w, "accept"), 0) != NULL &&
      ml_json_at(ml_json_get(w, "accept"), 0)->type == ML_JINT)
    take->accept = (int)ml_json_at(ml_json_get(w, "accept"), 0)->i;
  return build_headers(&t, w, key, out);
}

void call_line(const ml_run *r, const ml_flow *f, ml_http_call *call) {
  const ml_workflow *w = ml_run_workflow(r, f->name);

  call->line = w != NULL ? w->no : 0;
  call->line_most = f->calls > 0 && f->calls < r->conf.calls_max
                        ? f->calls : r->conf.calls_max;
}

/* ---- judging an answer ---- */

static int64_t retry_after(ml_run *r, const ml_http_answer *answer) {
  ml_str v = ml_http_header_of(answer, "Retry-After");
  int64_t s;

  (void)r;
  if (v.p == NULL || !ml_text_int(v, &s) || s < 0)
    return -1;
  return (s > 86400 ? 86400 : s) * 1000;
}

/* Header names small, values as they came; later ones of a name win. */
static void put_headers(ml_jw *w, const redactor *d,
                        const ml_http_answer *answer) {
  ml_buf value = {0};

  ml_jw_obj(w);
  for (size_t i = 0; i < answer->header_count; i++) {
    const ml_http_header *h = &answer->headers[i];
    char name[128];
    bool later = false;

    if (h->name.n >= sizeof name)
      continue;
    for (size_t k = i + 1; k < answer->header_count; k++)
      later = later || host_eq(answer->headers[k].name, h->name);
    if (later)
      continue;
    for (size_t k = 0; k < h->name.n; k++)
      name[k] = (char)(h->name.p[k] >= 'A' && h->name.p[k] <= 'Z'
                           ? h->name.p[k] + 32 : h->name.p[k]);
    ml_jw_keyn(w, (ml_str){name, h->name.n});
    ml_buf_reset(&value);
    ml_buf_put(&value, h->value.p, h->value.n);
    redact(d, &value);                      /* headers echo too */
    if (value.bad)
      w->b->bad = true;
    ml_jw_str(w, (ml_str){value.p != NULL ? value.p : "", value.len});
  }
  ml_jw_end(w);
  ml_buf_free(&value);
}

static ml_str answer_json(ml_run *r, ml_arena *a, const ml_flow *f,
                          const ml_http_answer *answer) {
  ml_buf body = {0}, b = {0};
  redactor d;
  ml_jw w;
  ml_str out = ML_NOSTR;

  redact_open(&d, r, f);
  ml_buf_put(&body, answer->body.p, answer->body.n);
  redact(&d, &body);
  ml_jw_init(&w, &b);
  ml_jw_obj(&w);
  if (answer->end == ML_HTTP_COMPLETE) {
    ml_jw_kint(&w, "status", answer->status);
    ml_jw_key(&w, "headers");
    put_headers(&w, &d, answer);
    if (ml_text_utf8((ml_str){body.p, body.len})) {
      ml_jw_kstr(&w, "body", (ml_str){body.p, body.len});
    } else {
      ml_buf enc = {0};

      ml_text_put_base64(&enc, (ml_str){body.p, body.len}, false);
      ml_jw_kstr(&w, "body64", (ml_str){enc.p, enc.len});
      ml_buf_free(&enc);
    }
  } else {
    ml_jw_kint(&w, "status", 0);
    ml_jw_kstrz(&w, "error", answer->why != NULL ? answer->why : "no answer");
    ml_jw_kstrz(&w, "body", "");
  }
  ml_jw_end(&w);
  redact_close(&d);
  if (!b.bad && !body.bad)
    out.p = ml_arena_dup(a, b.p, b.len);
  if (out.p != NULL)
    out.n = b.len;
  ml_buf_free(&b);
  ml_buf_free(&body);
  return out;
}

ml_str call_answer(ml_run *r, ml_arena *a, const ml_flow *f,
                   const ml_http_answer *answer, taking take, bool *not_yet,
                   ml_str *why, int64_t *after_ms) {
  bool complete = answer->end == ML_HTTP_COMPLETE;
  bool raw = take.raw || (complete && answer->status == take.accept);
  char *text;

  *not_yet = false;
  *after_ms = -1;
  if (!raw && (!complete || answer->status == 429 || answer->status >= 500)) {
    *not_yet = true;
    if (complete) {
      *after_ms = retry_after(r, answer);
      text = ml_arena_printf(a, "answered %d", answer->status);
    } else {
      text = ml_arena_printf(a, "%s", answer->why != NULL ? answer->why
                                                          : "no answer");
    }
    *why = text != NULL ? ml_str_of(text) : ML_STR("no answer");
    return ML_NOSTR;
  }
  return answer_json(r, a, f, answer);
}

/* ---- sending ---- */

typedef struct call {
  owed owed;
  ml_run *r;
  int64_t n;
  uint32_t no, slice;
  taking take;
  bool keep;
  char *want;                    /* of a partner: what was asked; or NULL */
  size_t want_len;
  char name[80];                 /* "put.1" */
  char target[160];              /* "PUT https://host/path" for people */
} call;

static void call_free(call *c) {
  if (c == NULL)
    return;
  owed_drop(&c->owed);
  ml_mem_free(c->want);
  ml_mem_free(c);
}

static void call_forget(owed *o) {
  call_free((call *)o);
}

static void tell_answer(call *c, proc *pr, const ml_http_answer *answer) {
  ml_run *r = c->r;
  ml_arena a = {0};
  ml_event ev = {.kind = ML_EV_ANSWERED, .no = c->no, .slice = c->slice};
  const ml_act *act = ml_process_act(pr->p, c->no);
  const ml_bounds *own;
  uint64_t most;
  bool not_yet;
  ml_str why = ML_NOSTR;
  char *text;

  if (answer->end == ML_HTTP_REFUSED) {
    ev.kind = ML_EV_DIED;
    ev.text = ml_str_of(answer->why != NULL ? answer->why : "not allowed");
    proc_event(r, pr, &ev);
    return;
  }
  own = act != NULL ? pr->f->activities[act->def].limits : NULL;
  most = limits_of(r, own, ML_BOUND_RESULT);
  ev.raw = call_answer(r, &a, pr->f, answer, c->take, &not_yet, &why,
                       &ev.after_ms);
  if (not_yet) {
    ev.kind = ML_EV_LOST;
    text = ml_arena_printf(&a, "%s %.*s", c->target, (int)why.n, why.p);
    ev.text = text != NULL ? ml_str_of(text) : why;
  } else if (ev.raw.p == NULL) {
    ev.kind = ML_EV_LOST;
    ev.after_ms = -1;
    ev.text = ML_STR("memory was short for its answer");
  } else {
    if (ev.raw.n > most) {
      ev.kind = ML_EV_DIED;
      text = ml_arena_printf(&a, "its answer is too large: %zu bytes (%s)",
                             ev.raw.n, ml_bound_told(own, &r->conf.limits,
                                                     ML_BOUND_RESULT));
      ev.text = text != NULL ? ml_str_of(text)
                             : ML_STR("its answer is too large");
    } else {
      text = ml_arena_printf(&a, "%s %d", c->name,
                             answer->end == ML_HTTP_COMPLETE ? answer->status
                                                             : 0);
      ev.text = text != NULL ? ml_str_of(text) : ML_NOSTR;
      if (c->want != NULL && answer->status < 300) {
        partner_made(r, pr, (ml_str){c->want, c->want_len}, answer->body, &ev);
        ml_arena_free(&a);
        return;
      }
      if (c->keep) {                        /* the mark: see proc.c, kept() */
        text = ml_arena_printf(&a, "{\"keep\":true,%.*s", (int)ev.raw.n - 1,
                               ev.raw.p + 1);
        if (text != NULL)
          ev.raw = ml_str_of(text);
      }
    }
  }
  proc_event(r, pr, &ev);
  ml_arena_free(&a);
}

static void answered(void *arg, const ml_http_answer *answer) {
  call *c = arg;
  ml_run *r = c->r;
  proc *pr = proc_find(r, c->n);

  if (pr != NULL && pr->p != NULL && !pr->gone) {
    tell_answer(c, pr, answer);
    pr = proc_find(r, c->n);
    if (pr != NULL)
      proc_rest(r, pr);
  }
  call_free(c);
}

static void name_target(call *c, const ml_http_call *hc) {
  const char *q = memchr(hc->url.p, '?', hc->url.n);
  size_t n = q != NULL ? (size_t)(q - hc->url.p) : hc->url.n;

  snprintf(c->target, sizeof c->target, "%.*s %.*s", (int)hc->method.n,
           hc->method.p, (int)(n > 140 ? 140 : n), hc->url.p);
}

void call_send(ml_run *r, proc *pr, const ml_effect *ef) {
  const ml_act *act = ml_process_act(pr->p, ef->no);
  ml_arena a = {0};
  ml_http_call hc;
  ml_err e = {0};
  char id[ML_ID_MAX];
  char *key;
  call *c;
  ml_json *w = NULL;
  ml_rc rc;

  if (act == NULL || act->slice != ef->slice || act->wait != ML_WAIT_CALL)
    return;                                 /* it moved on while we committed */
  c = ml_mem_zero(sizeof *c);
  ml_id_text(id, pr->p->id, ef->no);
  key = ml_arena_printf(&a, "%s.%.*s", id, (int)ef->call.n, ef->call.p);
  if (c == NULL || key == NULL) {
    rc = ml_err_set(&e, ML_NOMEM, "", "memory is short");
  } else {
    owed_add(r, &c->owed, call_forget);
    c->r = r;
    c->n = pr->n;
    c->no = ef->no;
    c->slice = ef->slice;
    snprintf(c->name, sizeof c->name, "%.*s", (int)ef->call.n, ef->call.p);
    rc = ml_json_parse(&a, ef->text.p, ef->text.n, NULL, &w, &e);
    if (rc == ML_OK && ml_json_get(w, "partner") != NULL &&
        partner_known(r, pr, w, ef)) {
      call_free(c);
      ml_arena_free(&a);
      return;
    }
    if (rc == ML_OK && ml_json_get(w, "partner") != NULL) {
      c->want_len = ef->text.n;
      c->want = ml_mem_dup(ef->text.p, ef->text.n);
      rc = c->want == NULL ? ML_NOMEM
                           : partner_build(r, &a, pr, w, ml_str_of(key), &hc, &e);
    } else if (rc == ML_OK) {
      rc = call_build(r, &a, pr->f, pr->p->settings, ef->text, ml_str_of(key),
                      &hc, &c->take, &e);
    }
    if (rc == ML_OK)
      c->keep = ml_json_bool(w, "keep", false) &&
                (ef->call_kind == ML_CALL_GET || ef->call_kind == ML_CALL_HEAD);
    if (rc == ML_OK) {
      name_target(c, &hc);
      call_line(r, pr->f, &hc);
      hc.journalled = true;
      rc = r->conf.http->send(r->conf.http, &hc, answered, c, NULL, &e);
    }
    if (rc == ML_OK) {
      r->stats.calls++;
      c = NULL;
    }
  }
  if (rc != ML_OK) {
    ml_event ev = {.kind = ML_EV_DIED, .no = ef->no, .slice = ef->slice};

    if (rc == ML_NOMEM || rc == ML_AGAIN) {
      ev.kind = ML_EV_LOST;
      ev.after_ms = -1;
    }
    ev.text = ml_str_of(e.text[0] != '\0' ? e.text : "it could not be sent");
    proc_event(r, pr, &ev);
  }
  call_free(c);
  ml_arena_free(&a);
}
