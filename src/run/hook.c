/*
** hook.c - webhooks at the door: who sent it, was it taken already, how often.
**
** All of it before a script runs, on the bytes as they came; the secret stays
** here.  What a hook that is not there costs, one with a wrong key costs too.
*/
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/crypto.h"
#include "base/log.h"
#include "base/plant.h"
#include "base/text.h"
#include "run/inside.h"

/* Without `rate`: 50 a second, 200 at once. */
static const ml_rate rate_default = {.n = 50, .per_ms = 1000, .burst = 200};
enum { KNOWN_MS = 24 * 60 * 60 * 1000 };   /* an id without a moment of its own */

static trigger *hook_named(const ml_run *r, ml_str workflow, ml_str name) {
  trigger *t = trigger_named(r, workflow, name);

  return t != NULL && ml_str_is(t->t->kind, "webhook") ? t : NULL;
}

bool ml_run_hook_signed(const ml_run *r, ml_str workflow, ml_str name) {
  const trigger *t = hook_named(r, workflow, name);

  return t != NULL && t->t->verify != NULL;
}

bool ml_run_hook_take(ml_run *r, ml_str workflow, ml_str name,
                      ml_rate *rate, int64_t *wait_ms) {
  trigger *t = hook_named(r, workflow, name);

  *rate = r->conf.hook_rate.n > 0 ? r->conf.hook_rate : rate_default;
  if (t == NULL)
    return true;                            /* told by ml_run_hook() */
  if (t->t->rate.n > 0)
    *rate = t->t->rate;
  return ml_bucket_take(&t->bucket, rate, r->conf.clock->mono_ms(r->conf.clock),
                        wait_ms);
}

bool ml_run_form_take(ml_run *r, ml_str workflow, ml_rate *rate,
                      int64_t *wait_ms) {
  for (trigger *t = r->triggers; t != NULL; t = t->next)
    if (!t->stale && ml_str_is(t->t->kind, "form") &&
        ml_str_eq(t->workflow, workflow)) {
      *rate = t->t->rate;
      return ml_bucket_take(&t->bucket, rate,
                            r->conf.clock->mono_ms(r->conf.clock), wait_ms);
    }
  return true;
}

/* ---- what the request says ---- */

/* A header that stands there once; none otherwise. */
static ml_str header(const ml_hook_request *q, ml_str name) {
  ml_str found = ML_NOSTR;

  for (size_t i = 0; i < q->header_count && name.n > 0; i++) {
    if (q->headers[i].name.n != name.n
        || strncasecmp(q->headers[i].name.p, name.p, name.n) != 0)
      continue;
    if (found.p != NULL)
      return ML_NOSTR;
    found = q->headers[i].value;
  }
  return found;
}

/* The next of "t=1,v1=ab, v1=cd": name and value. */
static bool next_pair(ml_str *rest, ml_str *name, ml_str *value) {
  const char *end, *eq;
  size_t n;

  while (rest->n > 0 && (rest->p[0] == ' ' || rest->p[0] == ',')) {
    rest->p++;
    rest->n--;
  }
  if (rest->n == 0)
    return false;
  end = memchr(rest->p, ',', rest->n);
  n = end != NULL ? (size_t)(end - rest->p) : rest->n;
  eq = memchr(rest->p, '=', n);
  *name = (ml_str){rest->p, eq != NULL ? (size_t)(eq - rest->p) : n};
  *value = eq != NULL ? (ml_str){eq + 1, n - name->n - 1} : ML_NOSTR;
  rest->p += n;
  rest->n -= n;
  return true;
}

static ml_str pair_of(ml_str list, ml_str wanted) {
  ml_str name, value;

  while (next_pair(&list, &name, &value))
    if (ml_str_eq(name, wanted))
      return value;
  return ML_NOSTR;
}

static bool cut_prefix(ml_str *s, ml_str prefix) {
  if (s->n < prefix.n || (prefix.n > 0 && memcmp(s->p, prefix.p, prefix.n) != 0))
    return false;
  s->p += prefix.n;
  s->n -= prefix.n;
  return true;
}

/* ---- the check ---- */

static ml_rc refused(ml_err *e, const char *at, const char *why) {
  return ml_err_set(e, ML_REFUSED, at, "%s", why);
}

/* The parts that a scheme signs. */
static size_t parts_of(const ml_verify *v, ml_str seconds, ml_str body,
                       ml_str parts[ML_VERIFY_PIECES_MAX]) {
  ml_str rest = v->signed_, text;
  ml_signed_kind kind;
  size_t n = 0;

  while (n < ML_VERIFY_PIECES_MAX && ml_verify_piece(&rest, &kind, &text))
    parts[n++] = kind == ML_SIGNED_TIME ? seconds
                 : kind == ML_SIGNED_BODY ? body : text;
  return n;
}

/* What was signed, as an id: whoever repeats it repeats this. */
static ml_rc id_of_parts(const ml_str *parts, size_t n, ml_arena *a,
                         ml_str *id) {
  uint8_t hash[ML_SHA256_LEN];
  ml_sha *h = ml_sha_open();
  ml_buf b = {0};
  const char *text = NULL;

  for (size_t i = 0; i < n; i++)
    ml_sha_add(h, parts[i].p, parts[i].n);
  if (ml_sha_close(h, hash) == ML_OK)
    ml_text_put_hex(&b, hash, sizeof hash);
  if (!b.bad && b.len > 0)
    text = ml_arena_dup(a, b.p, b.len);
  *id = (ml_str){text, text != NULL ? b.len : 0};
  ml_buf_free(&b);
  return text != NULL ? ML_OK : ML_NOMEM;
}

static ml_rc by_standard(ml_str secret, const ml_hook_request *q,
                         int64_t now_ms, ml_replay *out, ml_err *e) {
  ml_signed got = {header(q, ML_STR(ML_SIGN_ID)),
                   header(q, ML_STR(ML_SIGN_TIMESTAMP)),
                   header(q, ML_STR(ML_SIGN_SIGNATURE))};
  ml_rc rc = ml_sign_verify(secret, &got, q->body, now_ms, NULL, e);

  out->id = got.id;
  out->until_ms = now_ms + KNOWN_MS;
  return ML_PLANTED(any_signature) ? ML_OK : rc;
}

/* The signatures of a list that could be it; the first that is. */
static ml_rc any_pair(const ml_verify *v, ml_str secret, ml_str list,
                      const ml_str *parts, size_t n) {
  ml_str name, value;
  ml_rc rc = ML_REFUSED;
  int tried = 0;

  while (rc == ML_REFUSED && tried < 8 && next_pair(&list, &name, &value))
    if (ml_str_eq(name, v->pair_sign)) {
      rc = ml_sign_mac_is(v->digest, v->text, secret, parts, n, value);
      tried++;
    }
  return rc;
}

static ml_rc by_mac(const ml_verify *v, ml_str secret, const ml_hook_request *q,
                    int64_t now_ms, ml_arena *a, ml_replay *out, ml_err *e) {
  ml_str given = header(q, v->header), parts[ML_VERIFY_PIECES_MAX];
  bool timed = v->timestamp.n > 0 || v->pair_time.n > 0;
  ml_str seconds = v->pair_time.n > 0 ? pair_of(given, v->pair_time)
                                      : header(q, v->timestamp);
  int64_t at = 0;
  size_t n = parts_of(v, seconds, q->body, parts);
  ml_rc rc;

  if (timed && !ml_sign_seconds(seconds, &at))
    return refused(e, "timestamp", "the timestamp is missing or not one");
  if (v->pair_sign.n > 0)
    rc = any_pair(v, secret, given, parts, n);
  else
    rc = cut_prefix(&given, v->prefix)
         ? ml_sign_mac_is(v->digest, v->text, secret, parts, n, given)
         : ML_REFUSED;
  if (rc == ML_INVALID)
    return ml_err_set(e, rc, "secret", "the secret has no key or more than 4");
  if (rc != ML_OK)
    return ml_err_set(e, rc, "signature", "no signature fits the secret");
  if (timed && !ml_sign_is_now(at, now_ms))
    return refused(e, "timestamp", "signed more than five minutes away from "
                   "now");
  out->until_ms = timed ? ml_sign_until(at) : now_ms + KNOWN_MS;
  return id_of_parts(parts, n, a, &out->id);
}

/* One for hooks that are not there: it costs what a wrong key costs. */
static const ml_verify nobody = {.text = ML_SIGN_HEX, .header = {"x", 1},
                                 .signed_ = {"{body}", 6}};

static ml_rc check_nobody(ml_run *r, const ml_hook_request *q) {
  ml_http_header h = {ML_STR("x"), ML_STR("00")};
  ml_hook_request fake = {.body = q->body, .headers = &h, .header_count = 1};
  ml_str key = {(const char *)r->conf.secret_key, 16};
  ml_replay out = {0};

  (void)by_mac(&nobody, key, &fake, 0, NULL, &out, NULL);
  return ML_REFUSED;
}

static bool scope_of(ml_arena *a, const trigger *t, ml_str *out) {
  const char *text = ml_arena_printf(a, "hook/%.*s/%.*s", (int)t->workflow.n,
                                     t->workflow.p, (int)t->name.n, t->name.p);

  *out = text != NULL ? ml_str_of(text) : ML_NOSTR;
  return text != NULL;
}

ml_rc ml_run_hook_check(ml_run *r, ml_str workflow, ml_str name,
                        const ml_hook_request *q, ml_arena *a, ml_replay *out,
                        ml_err *e) {
  const trigger *t = hook_named(r, workflow, name);
  const ml_verify *v = t != NULL ? t->t->verify : NULL;
  ml_str secret;
  ml_rc rc;

  *out = (ml_replay){ML_NOSTR, ML_NOSTR, 0};
  if (t == NULL) {
    check_nobody(r, q);
    return refused(e, "", "there is no such hook");
  }
  if (v == NULL)
    return ML_OK;
  secret = secret_value(r, a, t->workflow, t->f->settings[v->setting].id);
  if (secret.p == NULL) {
    check_nobody(r, q);
    return ml_err_set(e, ML_INVALID, "secret", "setting '%.*s' has no value yet",
                      (int)t->f->settings[v->setting].id.n,
                      t->f->settings[v->setting].id.p);
  }
  rc = v->standard ? by_standard(secret, q, now_wall(r), out, e)
                   : by_mac(v, secret, q, now_wall(r), a, out, e);
  ml_crypto_wipe((char *)(uintptr_t)secret.p, secret.n);   /* our copy */
  if (rc == ML_OK && !scope_of(a, t, &out->scope))
    rc = ML_NOMEM;
  if (rc != ML_OK)
    *out = (ml_replay){ML_NOSTR, ML_NOSTR, 0};
  return rc;
}

/* ---- signing, as a sender does ---- */

static ml_rc add_header(ml_hook_headers *out, ml_arena *a, ml_str name,
                        ml_str value) {
  bool starved = false;

  out->list[out->count].name = name;
  out->list[out->count++].value = arena_str(a, value, &starved);
  return starved ? ML_NOMEM : ML_OK;
}

static ml_rc sign_mac(const ml_verify *v, ml_str secret, ml_str seconds,
                      ml_str body, ml_arena *a, ml_hook_headers *out) {
  ml_str parts[ML_VERIFY_PIECES_MAX];
  size_t n = parts_of(v, seconds, body, parts);
  ml_buf b = {0};
  ml_rc rc;

  if (v->pair_time.n > 0)
    ml_buf_printf(&b, "%.*s=%.*s,%.*s=", (int)v->pair_time.n, v->pair_time.p,
                  (int)seconds.n, seconds.p, (int)v->pair_sign.n,
                  v->pair_sign.p);
  ml_buf_put(&b, v->prefix.p, v->prefix.n);
  rc = ml_sign_mac(&b, v->digest, v->text, ml_sign_first_key(secret), parts, n);
  if (rc == ML_OK)
    rc = add_header(out, a, v->header, (ml_str){b.p, b.len});
  if (rc == ML_OK && v->timestamp.n > 0)
    rc = add_header(out, a, v->timestamp, seconds);
  ml_buf_free(&b);
  return rc;
}

static ml_rc sign_standard(ml_str secret, ml_str id, int64_t at_ms,
                           ml_str seconds, ml_str body, ml_arena *a,
                           ml_hook_headers *out, ml_err *e) {
  ml_buf b = {0};
  ml_rc rc = ml_sign_standard(&b, secret, id, at_ms, body, e);

  if (rc == ML_OK)
    rc = add_header(out, a, ML_STR(ML_SIGN_ID), id);
  if (rc == ML_OK)
    rc = add_header(out, a, ML_STR(ML_SIGN_TIMESTAMP), seconds);
  if (rc == ML_OK)
    rc = add_header(out, a, ML_STR(ML_SIGN_SIGNATURE), (ml_str){b.p, b.len});
  ml_buf_free(&b);
  return rc;
}

ml_rc ml_run_hook_sign(ml_run *r, ml_str workflow, ml_str name, ml_str id,
                       int64_t at_ms, ml_str body, ml_arena *a,
                       ml_hook_headers *out, ml_err *e) {
  const trigger *t = hook_named(r, workflow, name);
  const ml_verify *v = t != NULL ? t->t->verify : NULL;
  char text[32];
  ml_str secret;

  out->count = 0;
  if (v == NULL)
    return ml_err_set(e, ML_NOT_FOUND, "", "the webhook '%.*s' has no 'verify': "
                      "nothing to sign by", (int)name.n, name.p);
  secret = secret_value(r, a, t->workflow, t->f->settings[v->setting].id);
  if (secret.p == NULL)
    return ml_err_set(e, ML_CONFLICT, "", "setting '%.*s', the secret of the "
                      "webhook, has no value",
                      (int)t->f->settings[v->setting].id.n,
                      t->f->settings[v->setting].id.p);
  snprintf(text, sizeof text, "%" PRId64, at_ms / 1000);
  return v->standard
             ? sign_standard(secret, id, at_ms, ml_str_of(text), body, a, out, e)
             : sign_mac(v, secret, ml_str_of(text), body, a, out);
}

/* ---- handing it over ---- */

typedef struct handing {
  ml_run *r;
  ml_arena arena;
  ml_str workflow, name, json;
  ml_replay replay;
  ml_run_hook_fn *fn;
  void *arg;
} handing;

static void hand_end(handing *h) {
  ml_arena_free(&h->arena);
  ml_mem_free(h);
}

/* The trigger of now: a reload may have come between. */
static void held(void *arg, ml_rc rc, const ml_err *e) {
  handing *h = arg;
  trigger *t = hook_named(h->r, h->workflow, h->name);
  ml_err gone = {0};

  if (rc == ML_OK && t == NULL) {
    replay_release(h->r, &h->replay);
    rc = ml_err_set(&gone, ML_NOT_FOUND, "", "there is no such hook");
    e = &gone;
  }
  if (rc == ML_OK)
    trigger_receive(h->r, t, h->json, &h->replay, h->fn, h->arg);
  else
    h->fn(h->arg, rc, e, ML_NOSTR);
  hand_end(h);
}

void ml_run_hook(ml_run *r, ml_str workflow, ml_str name, ml_str request_json,
                 const ml_replay *replay, ml_run_hook_fn *fn, void *arg) {
  trigger *t = hook_named(r, workflow, name);
  handing *h;
  bool starved = false;
  ml_err e = {0};

  if (t == NULL || r->draining) {
    ml_err_set(&e, r->draining ? ML_AGAIN : ML_NOT_FOUND, "",
               r->draining ? "the engine is stopping" : "there is no such hook");
    fn(arg, e.rc, &e, ML_NOSTR);
    return;
  }
  assert(t->t->verify == NULL || replay->id.p != NULL);
  if (t->t->verify == NULL) {
    trigger_receive(r, t, request_json, NULL, fn, arg);
    return;
  }
  h = ml_mem_zero(sizeof *h);
  if (h != NULL) {
    *h = (handing){.r = r, .replay.until_ms = replay->until_ms, .fn = fn,
                   .arg = arg};
    h->workflow = arena_str(&h->arena, workflow, &starved);
    h->name = arena_str(&h->arena, name, &starved);
    h->json = arena_str(&h->arena, request_json, &starved);
    h->replay.scope = arena_str(&h->arena, replay->scope, &starved);
    h->replay.id = arena_str(&h->arena, replay->id, &starved);
    if (!starved) {
      replay_hold(r, &h->replay, held, h);
      return;
    }
    hand_end(h);
  }
  ml_err_set(&e, ML_NOMEM, "", "memory is short");
  fn(arg, ML_NOMEM, &e, ML_NOSTR);
}

void ml_run_hook_token(const ml_run *r, ml_str workflow, ml_str name,
                       char out[44]) {
  char text[400];
  uint8_t mac[32];
  ml_buf b = {0};

  snprintf(text, sizeof text, "hook/%.*s/%.*s", (int)workflow.n, workflow.p,
           (int)name.n, name.p);
  out[0] = '\0';
  if (ml_hmac_sha256(r->conf.secret_key, sizeof r->conf.secret_key, text,
                     strlen(text), mac) != ML_OK)
    return;
  ml_text_put_base64(&b, (ml_str){(const char *)mac, sizeof mac}, true);
  if (!b.bad && b.len < 44)
    memcpy(out, b.p, b.len + 1);
  ml_buf_free(&b);
}
