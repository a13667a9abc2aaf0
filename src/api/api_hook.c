/* api_hook.c - webhooks: a request from outside, given to a trigger.
**
** Three ways to be let in: the last part of the path (256 bits, made from the
** trigger's name); a token with the scope hook:NAME; the signature alone, when
** the trigger has `verify`.  A signature is asked in every case where there is
** one to ask.  A wrong proof and a hook that is not there get the same 401, after
** the same work; and only what was let in counts against the hook's rate, so
** that nobody else can use it up. */
#include <string.h>
#include <strings.h>

#include "api/api_call.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/text.h"

/* ---- the request as the trigger sees it ---- */

static void put_headers(ml_jw *w, const ml_request *q) {
  ml_jw_key(w, "headers");
  ml_jw_obj(w);
  for (size_t i = 0; i < q->header_count; i++) {
    char name[128];
    bool twice = false;
    size_t n = q->headers[i].name.n;

    for (size_t k = 0; k < i; k++)
      twice = twice || (q->headers[k].name.n == n
                        && strncasecmp(q->headers[k].name.p,
                                       q->headers[i].name.p, n) == 0);
    if (twice || n >= sizeof name
        || (n == 13 && strncasecmp(q->headers[i].name.p, "Authorization", n) == 0))
      continue;
    for (size_t k = 0; k < n; k++) {
      char ch = q->headers[i].name.p[k];
      name[k] = ch >= 'A' && ch <= 'Z' ? (char)(ch + 32) : ch;
    }
    ml_jw_keyn(w, (ml_str){name, n});
    ml_jw_str(w, q->headers[i].value);
  }
  ml_jw_end(w);
}

/* Parameters as sent; of one that stands twice the first. */
static void put_query(ml_jw *w, ml_str all) {
  ml_arena a = {0};
  ml_buf names = {0}, b = {0};

  ml_jw_key(w, "query");
  ml_jw_obj(w);
  for (ml_str one = ml_shape_part(&all, '&'); one.p != NULL;
       one = ml_shape_part(&all, '&')) {
    ml_str value = one, raw = ml_shape_part(&value, '=');
    ml_str name;

    ml_buf_reset(&b);
    ml_buf_putc(&b, '\n');
    if (raw.n == 0 || ml_text_unurl(&b, raw, true) != ML_OK || b.bad
        || !ml_text_utf8((ml_str){b.p, b.len})
        || memchr(b.p + 1, '\n', b.len - 1) != NULL)
      continue;
    ml_buf_putc(&b, '\n');
    if (names.len > 0 && memmem(names.p, names.len, b.p, b.len) != NULL)
      continue;
    ml_buf_put(&names, b.p, b.len);
    name = (ml_str){ml_arena_dup(&a, b.p + 1, b.len - 2), b.len - 2};
    ml_buf_reset(&b);
    if (name.p == NULL
        || (value.n > 0 && ml_text_unurl(&b, value, true) != ML_OK))
      continue;
    ml_jw_keyn(w, name);
    ml_jw_str(w, (ml_str){b.p != NULL ? b.p : "", b.len});
  }
  ml_jw_end(w);
  ml_buf_free(&names);
  ml_buf_free(&b);
  ml_arena_free(&a);
}

/* "body" is the text; raw bytes that are no text also stand as base64.  "id" is
** that of a signed request. */
static void put_request(ml_buf *out, const ml_request *q, ml_str id) {
  ml_jw w;

  ml_jw_init(&w, out);
  ml_jw_obj(&w);
  ml_jw_kstr(&w, "method", q->method);
  if (id.p != NULL)
    ml_jw_kstr(&w, "id", id);
  put_headers(&w, q);
  put_query(&w, q->query);
  ml_jw_kstr(&w, "body", q->body);
  if (!ml_text_utf8(q->body)) {
    ml_buf b = {0};
    ml_text_put_base64(&b, q->body, false);
    ml_jw_kstr(&w, "base64", (ml_str){b.p, b.len});
    out->bad = out->bad || b.bad;
    ml_buf_free(&b);
  }
  ml_jw_end(&w);
}

/* ---- handing it over ---- */

static void handed(void *arg, ml_rc rc, const ml_err *e, ml_str answer) {
  ml_call *c = arg;

  if (rc != ML_OK) {
    ml_call_refuse(c, rc, e);
    return;
  }
  ml_jw_raw(&c->w, answer.n > 0 ? answer : ML_STR("{}"));
  ml_call_send(c, 202);
}

static void wrong(ml_call *c, const ml_err *e) {
  ml_log(ML_WARN, "bad-hook", "peer", c->q->peer.p, "hook", c->part[1].p, "why",
         e != NULL ? e->text : "", NULL);
  ml_auth_failed(c);
}

static bool too_often(ml_call *c, const char *what, const ml_rate *rate,
                      int64_t wait_ms) {
  c->retry_s = (wait_ms + 999) / 1000;
  ml_call_problem(c, 429, NULL, NULL, NULL, "this %s takes %lld requests in "
                  "%lld s", what, (long long)rate->n,
                  (long long)(rate->per_ms / 1000));
  return false;
}

/* Within the hook's rate?  false: 429 was sent. */
static bool take(ml_call *c) {
  int64_t wait_ms = 0;
  ml_rate rate;

  return ml_run_hook_take(c->run, c->part[0], c->part[1], &rate, &wait_ms)
         || too_often(c, "hook", &rate, wait_ms);
}

bool ml_call_start_in_rate(ml_call *c, ml_str workflow) {
  int64_t wait_ms = 0;
  ml_rate rate;

  return ml_run_form_take(c->run, workflow, &rate, &wait_ms)
         || too_often(c, "form", &rate, wait_ms);
}

static ml_rc check(ml_call *c, ml_replay *replay, ml_err *e) {
  ml_hook_request q = {.body = c->q->body, .header_count = c->q->header_count};
  ml_http_header *list = ml_arena_alloc(&c->arena,
                                        sizeof *list * (q.header_count + 1));

  if (list == NULL)
    return ML_NOMEM;
  for (size_t i = 0; i < q.header_count; i++)
    list[i] = (ml_http_header){c->q->headers[i].name, c->q->headers[i].value};
  q.headers = list;
  return ml_run_hook_check(c->run, c->part[0], c->part[1], &q, &c->arena,
                           replay, e);
}

static void hand_over(ml_call *c) {
  ml_buf b = {0};
  char *text = NULL;
  ml_replay replay;
  ml_err e = {0};
  ml_rc rc = check(c, &replay, &e);

  if (rc == ML_REFUSED || rc == ML_INVALID) {
    wrong(c, &e);
    return;
  }
  if (rc != ML_OK) {
    ml_call_refuse(c, rc, NULL);
    return;
  }
  if (!take(c))
    return;
  put_request(&b, c->q, replay.id);
  if (!b.bad)
    text = ml_arena_dup(&c->arena, b.p, b.len);
  if (text == NULL)
    ml_call_refuse(c, ML_NOMEM, NULL);
  else
    ml_run_hook(c->run, c->part[0], c->part[1], (ml_str){text, b.len}, &replay,
                handed, c);
  ml_buf_free(&b);
}

static void by_path(ml_call *c) {
  char right[44];
  const ml_workflow *wf = ml_run_workflow(c->run, c->part[0]);
  bool there = wf != NULL && wf->flow != NULL
               && ml_flow_trigger(wf->flow, c->part[1]) >= 0;

  ml_run_hook_token(c->run, c->part[0], c->part[1], right);
  if (ml_crypto_str_eq(ml_str_of(right), c->part[2]) && there)
    hand_over(c);
  else
    wrong(c, NULL);
}

/* hook:NAME, NAME being the trigger's or WORKFLOW/TRIGGER. */
static bool has_scope(const ml_call *c) {
  ml_str all = c->who.scopes;

  if (ml_call_may(c, ML_SCOPE_OPERATE))
    return true;
  for (ml_str w = ml_shape_part(&all, ' '); w.p != NULL;
       w = ml_shape_part(&all, ' ')) {
    ml_str name = w, workflow;
    if (w.n <= 5 || memcmp(w.p, "hook:", 5) != 0)
      continue;
    name.p += 5;
    name.n -= 5;
    if (ml_str_eq(name, c->part[1]))
      return true;
    workflow = ml_shape_part(&name, '/');
    if (ml_str_eq(workflow, c->part[0]) && ml_str_eq(name, c->part[1]))
      return true;
  }
  return false;
}

/* No token was sent: the signature lets in, where one is asked. */
static void by_signature(ml_call *c) {
  ml_replay replay;
  ml_err e = {0};

  if (ml_run_hook_signed(c->run, c->part[0], c->part[1])) {
    hand_over(c);
    return;
  }
  (void)check(c, &replay, &e);           /* the work of one that is signed */
  wrong(c, NULL);
}

static void by_token(ml_call *c) {
  if (c->who.bits == 0 && c->who.token.p == NULL)
    by_signature(c);
  else if (has_scope(c))
    hand_over(c);
  else
    ml_call_problem(c, 403, NULL, NULL, NULL,
                    "this token has not the scope hook:%.100s", c->part[1].p);
}

static const ml_route rows[] = {
  {"POST", "/hooks/{workflow}/{name}/{token}", 0, ML_ROUTE_OPEN | ML_ROUTE_RAW,
   by_path, "*", NULL, "202 Started", "hook",
   "A webhook, by the secret part of its path"},
  {"POST", "/hooks/{workflow}/{name}", ML_SCOPE_HOOK | ML_SCOPE_OPERATE,
   ML_ROUTE_RAW | ML_ROUTE_REPEAT | ML_ROUTE_PROOF, by_token, "*", NULL,
   "202 Started", "hookByToken",
   "A webhook, by a token with the scope hook:NAME, or by its signature"}};

const ml_routes ml_routes_hook = {rows, sizeof rows / sizeof *rows, ""};
