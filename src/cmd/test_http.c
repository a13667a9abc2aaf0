/* test_http.c - declared answers instead of a network. */
#include "cmd/test_http.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "cmd/torture_world.h"

enum { HEADERS_MAX = 32 };

/* How a call can end without an answer. */
static const struct { const char *name; ml_http_end end; const char *why; }
ends[] = {
  {"timeout", ML_HTTP_LOST, "no answer within the time given"},
  {"refused", ML_HTTP_NOT_SENT, "the connection was refused"},
  {"nothing", ML_HTTP_LOST, "the connection was closed without an answer"},
  {"half", ML_HTTP_LOST, "the connection was closed inside the headers"},
  {"short", ML_HTTP_LOST, "the body ended before what was promised"},
  {"garbage", ML_HTTP_LOST, "what came is no HTTP answer"},
};

typedef struct expect {
  struct expect *next;
  ml_str method, host, path;
  const ml_json *opts;           /* in the arena; or NULL */
  int64_t times;                 /* 0: for ever */
  uint64_t used;
} expect;

typedef struct made_call {       /* what was sent, for w:calls() */
  struct made_call *next;
  ml_str method, url, host, path, query, body;
  ml_str *headers;
  size_t header_count;
  int64_t at_ms;
  int status;                    /* 0: no answer */
  const char *failed;
  struct pending *answer;        /* what it was, or will be, given */
  bool given, known, lost;       /* heard; for good; forgotten by who heard it */
  bool journalled;               /* whoever asks keeps the answer */
  uint32_t flushed;              /* commits on disk when it was given */
} made_call;

typedef struct pending {
  struct pending *next;
  uint64_t id;
  ml_http_fn *fn;
  void *arg;
  ml_http_answer answer;
  ml_http_header headers[HEADERS_MAX];
  made_call *call;
  uint32_t no;                   /* under torture; see torture_fault.h */
} pending;

struct ml_fake {
  ml_http api;                   /* first: an ml_http is an ml_fake */
  ml_loop *loop;
  ml_arena arena;
  expect *expects, **expects_end;
  made_call *calls, **calls_end;
  pending *waiting, **waiting_end;
  uint64_t last_id;
  ml_str fault;
  ml_torture *torture;           /* NULL: answers come by themselves */
};

static ml_str keep(ml_fake *f, ml_str s) {
  char *p = s.p != NULL ? ml_arena_dup(&f->arena, s.p, s.n) : NULL;

  return p != NULL ? (ml_str){p, s.n} : ML_NOSTR;
}

static bool same_host(ml_str a, ml_str b) {
  return a.n == b.n && strncasecmp(a.p, b.p, a.n) == 0;
}

/* ---- parts of a URL ---- */

/* "https://host/path?query"; a path alone leaves the host none. */
static void split(ml_str url, ml_str *host, ml_str *path, ml_str *query) {
  const char *p = url.p, *end = ml_str_end(url), *scheme, *q;

  *host = *query = ML_NOSTR;
  scheme = url.n > 0 ? memmem(p, url.n, "://", 3) : NULL;
  if (scheme != NULL && url.n > 0 && p[0] != '/') {
    const char *stop;

    p = scheme + 3;
    for (stop = p; stop < end && *stop != '/' && *stop != '?'; stop++)
      ;
    *host = (ml_str){p, (size_t)(stop - p)};
    p = stop;
  }
  q = p < end ? memchr(p, '?', (size_t)(end - p)) : NULL;
  if (q != NULL)
    *query = (ml_str){q + 1, (size_t)(end - q - 1)};
  *path = (ml_str){p, (size_t)((q != NULL ? q : end) - p)};
}

/* The next "name=value" of a query, decoded into b: name, NUL, value. */
static bool next_pair(ml_str *query, ml_buf *b, ml_str *name, ml_str *value) {
  const char *end = ml_str_end(*query), *stop, *eq;
  size_t at;

  if (query->n == 0)
    return false;
  stop = memchr(query->p, '&', query->n);
  if (stop == NULL)
    stop = end;
  eq = memchr(query->p, '=', (size_t)(stop - query->p));
  ml_buf_reset(b);
  if (ml_text_unurl(b, (ml_str){query->p, (size_t)((eq != NULL ? eq : stop) -
                                                   query->p)}, true) != ML_OK)
    ml_buf_reset(b);
  ml_buf_putc(b, '\0');
  at = b->len;
  if (eq != NULL)
    ml_text_unurl(b, (ml_str){eq + 1, (size_t)(stop - eq - 1)}, true);
  if (b->bad)
    return false;
  *name = (ml_str){b->p, at - 1};
  *value = (ml_str){b->p + at, b->len - at};
  query->n = stop < end ? (size_t)(end - stop - 1) : 0;
  query->p = stop < end ? stop + 1 : end;
  return true;
}

/* ---- does a declaration fit? ---- */

static bool text_fits(const ml_json *want, ml_str have) {
  char number[40];

  if (want->type == ML_JBOOL)
    return want->b;                        /* true: is there */
  if (want->type == ML_JINT) {
    snprintf(number, sizeof number, "%lld", (long long)want->i);
    return ml_str_is(have, number);
  }
  return want->type == ML_JSTR && ml_str_eq(want->s, have);
}

static bool query_fits(const ml_json *want, ml_str query) {
  for (uint32_t i = 0; i < want->count; i++) {
    ml_str rest = query, name, value;
    ml_buf b = {0};
    bool fits = want->obj[i].value.type == ML_JBOOL && !want->obj[i].value.b;

    while (next_pair(&rest, &b, &name, &value))
      if (ml_str_eq(name, want->obj[i].key)) {
        fits = text_fits(&want->obj[i].value, value);
        break;
      }
    ml_buf_free(&b);
    if (!fits)
      return false;
  }
  return true;
}

static ml_str header_value(ml_str line, ml_str *name) {
  const char *colon = memchr(line.p, ':', line.n);
  ml_str v = ML_STR("");

  *name = line;
  if (colon == NULL)
    return v;
  name->n = (size_t)(colon - line.p);
  v = (ml_str){colon + 1, line.n - name->n - 1};
  while (v.n > 0 && v.p[0] == ' ')
    v.p++, v.n--;
  return v;
}

static bool headers_fit(const ml_json *want, const ml_http_call *call) {
  for (uint32_t i = 0; i < want->count; i++) {
    bool fits = false;

    for (size_t k = 0; k < call->header_count && !fits; k++) {
      ml_str name, v = header_value(call->headers[k], &name);

      fits = same_host(name, want->obj[i].key) &&
             text_fits(&want->obj[i].value, v);
    }
    if (!fits)
      return false;
  }
  return true;
}

/* Every member of `want` is in `have`, tables in depth. */
static bool json_fits(const ml_json *want, const ml_json *have) {
  if (have == NULL || want->type != ML_JOBJ || have->type != ML_JOBJ)
    return have != NULL && ml_json_eq(want, have);
  for (uint32_t i = 0; i < want->count; i++) {
    const ml_json *v = NULL;

    for (uint32_t k = 0; k < have->count && v == NULL; k++)
      if (ml_str_eq(have->obj[k].key, want->obj[i].key))
        v = &have->obj[k].value;
    if (!json_fits(&want->obj[i].value, v))
      return false;
  }
  return true;
}

static bool body_fits(const ml_json *want, ml_str body) {
  ml_arena a = {0};
  ml_json *have = NULL;
  const ml_json *json = ml_json_get(want, "json");
  ml_str part = ml_json_str(want, "body");
  bool fits = part.n == 0 ||
              (body.n >= part.n && memmem(body.p, body.n, part.p, part.n) != NULL);

  if (fits && json != NULL)
    fits = body.n > 0 &&
           ml_json_parse(&a, body.p, body.n, NULL, &have, NULL) == ML_OK &&
           json_fits(json, have);
  ml_arena_free(&a);
  return fits;
}

static bool fits(const expect *x, const ml_http_call *call,
                 const made_call *m) {
  const ml_json *want = ml_json_get(x->opts, "want");
  const ml_json *query = ml_json_get(want, "query");
  const ml_json *headers = ml_json_get(want, "headers");
  ml_str host = ml_json_str(want, "host");

  return (x->times == 0 || x->used < (uint64_t)x->times) &&
         ml_str_eq(x->method, m->method) && ml_str_eq(x->path, m->path) &&
         (x->host.p == NULL || same_host(x->host, m->host)) &&
         (host.p == NULL || same_host(host, m->host)) &&
         (query == NULL || query_fits(query, m->query)) &&
         (headers == NULL || headers_fit(headers, call)) &&
         (want == NULL || body_fits(want, call->body));
}

/* ---- answers ---- */

static void pump(void *arg) {
  ml_fake *f = arg;
  pending *p = f->waiting;

  f->waiting = NULL;
  f->waiting_end = &f->waiting;
  while (p != NULL) {
    pending *next = p->next;

    if (p->fn != NULL)
      p->fn(p->arg, &p->answer);
    p = next;
  }
}

static void add_header(ml_fake *f, pending *p, ml_str name, ml_str value) {
  if (p->answer.header_count < HEADERS_MAX)
    p->headers[p->answer.header_count++] =
        (ml_http_header){keep(f, name), keep(f, value)};
}

/* The member `name`, or behind a `fail` "then_name". */
static const ml_json *part(const ml_json *spec, const char *name, bool then) {
  char longer[40];

  snprintf(longer, sizeof longer, "then_%s", name);
  if (then && ml_json_get(spec, longer) != NULL)
    return ml_json_get(spec, longer);
  return ml_json_get(spec, name);
}

static void answer_with(ml_fake *f, pending *p, const ml_json *spec,
                        bool then) {
  const ml_json *status = part(spec, "status", then);
  const ml_json *headers = part(spec, "headers", then);
  const ml_json *json = part(spec, "json", then);
  const ml_json *body = part(spec, "body", then);

  p->answer.end = ML_HTTP_COMPLETE;
  p->answer.status = status != NULL && status->type == ML_JINT
                         ? (int)status->i : 200;
  p->answer.headers = p->headers;
  p->answer.body = body != NULL && body->type == ML_JSTR ? body->s : ML_STR("");
  for (uint32_t i = 0; headers != NULL && headers->type == ML_JOBJ &&
                       i < headers->count; i++)
    if (headers->obj[i].value.type == ML_JSTR)
      add_header(f, p, headers->obj[i].key, headers->obj[i].value.s);
  if (json != NULL) {
    ml_buf b = {0};

    ml_json_print(&b, json);
    p->answer.body = keep(f, (ml_str){b.p, b.len});
    ml_buf_free(&b);
    add_header(f, p, ML_STR("Content-Type"),
               ML_STR("application/json;charset=utf-8"));
  }
}

static void fail_with(ml_fake *f, pending *p, const ml_json *how) {
  if (how->type == ML_JOBJ) {
    answer_with(f, p, how, false);
    return;
  }
  if (how->type == ML_JINT) {
    p->answer.end = ML_HTTP_COMPLETE;
    p->answer.status = (int)how->i;
    p->answer.body = ML_STR("");
    p->answer.headers = p->headers;
    return;
  }
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
    if (ml_str_is(how->s, ends[i].name)) {
      p->answer.end = ends[i].end;
      p->answer.why = ends[i].why;
    }
}

static void answer_by(ml_fake *f, pending *p, expect *x) {
  const ml_json *fail = ml_json_get(x->opts, "fail");

  if (x->used < (fail != NULL ? fail->count : 0))
    fail_with(f, p, ml_json_at(fail, x->used));
  else
    answer_with(f, p, x->opts, fail != NULL);
  x->used++;
}

static void nobody_answers(ml_fake *f, pending *p, const made_call *m) {
  char *text = ml_arena_printf(&f->arena, "no fake answers %.*s %.*s",
                               (int)m->method.n, m->method.p, (int)m->url.n,
                               m->url.p);

  if (f->fault.p == NULL)
    f->fault = ml_str_of(text != NULL ? text : "a call has no fake");
  p->answer.end = ML_HTTP_REFUSED;
  p->answer.why = text != NULL ? text : "no fake answers this call";
}

static made_call *note_call(ml_fake *f, const ml_http_call *call) {
  made_call *m = ml_arena_zero(&f->arena, sizeof *m);

  if (m == NULL)
    return NULL;
  m->headers = ml_arena_zero(&f->arena,
                             sizeof *m->headers * (call->header_count + 1));
  if (m->headers == NULL)
    return NULL;
  m->journalled = call->journalled;
  m->method = keep(f, call->method);
  m->url = keep(f, call->url);
  m->body = keep(f, call->body);
  split(m->url, &m->host, &m->path, &m->query);
  for (size_t i = 0; i < call->header_count; i++)
    m->headers[m->header_count++] = keep(f, call->headers[i]);
  m->at_ms = ml_loop_clock(f->loop)->wall_ms(ml_loop_clock(f->loop));
  return m;
}

static void keep_call(ml_fake *f, made_call *m) {
  *f->calls_end = m;
  f->calls_end = &m->next;
}

static ml_str key_of(const made_call *m) {
  for (size_t i = 0; i < m->header_count; i++) {
    ml_str name, v = header_value(m->headers[i], &name);

    if (same_host(name, ML_STR("Idempotency-Key")))
      return v;
  }
  return ML_STR("");
}

/* The same request as one whose answer was lost; or NULL.  A poll is repeated at
** once or not at all. */
static made_call *lost_one(ml_fake *f, const made_call *m) {
  for (made_call *x = f->calls; x != NULL; x = x->next)
    if (x->lost && (x->journalled || x->at_ms == m->at_ms) &&
        ml_str_eq(x->method, m->method) &&
        ml_str_eq(x->url, m->url) && ml_str_eq(x->body, m->body) &&
        ml_str_eq(key_of(x), key_of(m)))
      return x;
  return NULL;
}

/* The next declaration that fits answers. */
static void answer_new(ml_fake *f, const ml_http_call *call, made_call *m,
                       pending *p) {
  expect *x = f->expects;

  while (x != NULL && !fits(x, call, m))
    x = x->next;
  if (x != NULL)
    answer_by(f, p, x);
  else
    nobody_answers(f, p, m);
  m->status = p->answer.status;
  m->failed = p->answer.end != ML_HTTP_COMPLETE ? p->answer.why : NULL;
  m->answer = p;
  p->call = m;
  p->no = f->torture != NULL ? ml_torture_call(f->torture) : 0;
  keep_call(f, m);
}

static void answer_again(made_call *lost, pending *p) {
  const pending *was = lost->answer;

  memcpy(p->headers, was->headers, sizeof p->headers);
  p->answer = was->answer;
  p->answer.headers = p->headers;
  p->call = lost;
  lost->lost = lost->given = lost->known = false;
  lost->answer = p;
}

static ml_rc send_call(ml_http *h, const ml_http_call *call, ml_http_fn *fn,
                       void *arg, uint64_t *id, ml_err *e) {
  ml_fake *f = (ml_fake *)h;
  made_call *m, *lost;
  pending *p;

  if (ml_torture_is_deaf(f->torture))      /* the dead send nothing */
    return ml_err_set(e, ML_AGAIN, "", "the engine was killed");
  m = note_call(f, call);
  p = ml_arena_zero(&f->arena, sizeof *p);
  if (m == NULL || p == NULL ||
      (f->torture == NULL && ml_loop_later(f->loop, pump, f) != ML_OK))
    return ml_err_set(e, ML_NOMEM, "", "memory is short");
  lost = lost_one(f, m);
  if (lost != NULL)
    answer_again(lost, p);
  else
    answer_new(f, call, m, p);
  p->fn = fn;
  p->arg = arg;
  p->id = ++f->last_id;
  if (id != NULL)
    *id = p->id;
  *f->waiting_end = p;
  f->waiting_end = &p->next;
  return ML_OK;
}

static void cancel_call(ml_http *h, uint64_t id) {
  for (pending *p = ((ml_fake *)h)->waiting; p != NULL; p = p->next)
    if (p->id == id)
      p->fn = NULL;
}

/* ---- under torture ---- */

void ml_fake_torture(ml_fake *f, ml_torture *x) { f->torture = x; }

static pending **next_one(ml_fake *f, uint32_t late) {
  pending **at = &f->waiting;

  if (*at != NULL && late != 0 && (*at)->no == late && (*at)->next != NULL)
    at = &(*at)->next;
  return at;
}

bool ml_fake_next(const ml_fake *f, uint32_t late, uint32_t *no) {
  const pending *p = *next_one((ml_fake *)f, late);

  *no = p != NULL ? p->no : 0;
  return p != NULL;
}

void ml_fake_give(ml_fake *f, uint32_t late, uint32_t flushed) {
  pending **at = next_one(f, late), *p = *at;

  *at = p->next;
  if (p->next == NULL)
    f->waiting_end = at;
  p->call->given = true;
  p->call->flushed = flushed;
  if (p->fn != NULL)
    p->fn(p->arg, &p->answer);
}

/* An answer is on disk with the commit after it; that of a poll is kept by
** nobody, and counts when the operation that ran it has ended. */
void ml_fake_killed(ml_fake *f, uint32_t flushed) {
  f->waiting = NULL;
  f->waiting_end = &f->waiting;
  for (made_call *m = f->calls; m != NULL; m = m->next)
    if (!m->known &&
        (!m->given || !m->journalled || m->flushed == flushed))
      m->lost = true;
}

void ml_fake_known(ml_fake *f) {
  for (made_call *m = f->calls; m != NULL; m = m->next) {
    m->known = m->known || m->given;
    m->lost = m->lost && m->journalled;
  }
}

/* The body as it is compared: a partner is told comments by numbers that may
** have gaps. */
static void put_body(ml_buf *b, const made_call *m) {
  static const char to[] = "/partners/";
  ml_arena a = {0};
  ml_json *v = NULL;

  if (m->path.n > sizeof to - 1 && memcmp(m->path.p, to, sizeof to - 1) == 0 &&
      ml_json_parse(&a, m->body.p, m->body.n, NULL, &v, NULL) == ML_OK &&
      v->type == ML_JOBJ) {
    for (uint32_t i = 0; i < v->count; i++)
      if (ml_str_is(v->obj[i].key, "no"))
        v->obj[i].value = (ml_json){.type = ML_JNULL};
    ml_json_print(b, v);
  } else {
    ml_buf_put(b, m->body.p != NULL ? m->body.p : "", m->body.n);
  }
  ml_arena_free(&a);
}

void ml_fake_effects(const ml_fake *f, ml_jw *w) {
  ml_jw_arr(w);
  for (const made_call *m = f->calls; m != NULL; m = m->next) {
    ml_buf b = {0};

    if (ml_str_is(m->method, "GET") || ml_str_is(m->method, "HEAD"))
      continue;
    ml_buf_printf(&b, "%.*s %.*s\n%.*s\n", (int)m->method.n, m->method.p,
                  (int)m->url.n, m->url.p, (int)key_of(m).n, key_of(m).p);
    put_body(&b, m);
    ml_jw_str(w, (ml_str){b.p, b.len});
    ml_buf_free(&b);
  }
  ml_jw_end(w);
}

/* ---- declaring ---- */

static const char *const known[] = {"want", "fail", "status", "headers", "json",
  "body", "then_status", "then_headers", "then_json", "then_body", "times",
  "optional", NULL};
static const char *const known_wants[] = {"host", "query", "headers", "json",
  "body", NULL};

static ml_rc check_names(const ml_json *o, const char *const *names,
                         const char *what, ml_err *e) {
  for (uint32_t i = 0; o->type == ML_JOBJ && i < o->count; i++) {
    const char *const *n = names;
    char all[240] = "";

    while (*n != NULL && !ml_str_is(o->obj[i].key, *n))
      n++;
    if (*n != NULL)
      continue;
    for (n = names; *n != NULL; n++) {
      size_t at = strlen(all);

      snprintf(all + at, sizeof all - at, "%s%s", at > 0 ? ", " : "", *n);
    }
    return ml_err_set(e, ML_INVALID, "", "%s has no '%.*s'; there are %s", what,
                      (int)(o->obj[i].key.n > 60 ? 60 : o->obj[i].key.n),
                      o->obj[i].key.p, all);
  }
  if (o->type == ML_JOBJ || (o->type == ML_JARR && o->count == 0))
    return ML_OK;
  return ml_err_set(e, ML_INVALID, "", "%s must be a table of names", what);
}

static ml_rc check_fail(const ml_json *list, ml_err *e) {
  if (list->type != ML_JARR)
    return ml_err_set(e, ML_INVALID, "", "fail must be a list, one item a call");
  for (uint32_t i = 0; i < list->count; i++) {
    const ml_json *v = ml_json_at(list, i);
    bool ok = v->type == ML_JOBJ ||
              (v->type == ML_JINT && v->i >= 100 && v->i <= 599);

    for (size_t k = 0; k < sizeof ends / sizeof *ends; k++)
      ok = ok || (v->type == ML_JSTR && ml_str_is(v->s, ends[k].name));
    if (!ok)
      return ml_err_set(e, ML_INVALID, "", "fail[%u] must be a status, a table, "
                        "or one of \"timeout\", \"refused\", \"nothing\", "
                        "\"half\", \"short\", \"garbage\"", i + 1);
  }
  return ML_OK;
}

static ml_rc check_opts(const ml_json *opts, ml_err *e) {
  const ml_json *want = ml_json_get(opts, "want");
  const ml_json *fail = ml_json_get(opts, "fail");
  ml_rc rc = check_names(opts, known, "a fake", e);

  if (rc == ML_OK && want != NULL)
    rc = check_names(want, known_wants, "want", e);
  if (rc == ML_OK && fail != NULL)
    rc = check_fail(fail, e);
  if (rc == ML_OK && ml_json_get(opts, "times") != NULL &&
      ml_json_int(opts, "times", 0) < 1)
    rc = ml_err_set(e, ML_INVALID, "", "times must be 1 or more");
  return rc;
}

/* A tree of our own. */
static ml_rc copy_tree(ml_fake *f, const ml_json *v, const ml_json **out) {
  ml_buf b = {0};
  ml_json *copy = NULL;
  ml_rc rc;

  ml_json_print(&b, v);
  rc = b.bad ? ML_NOMEM
             : ml_json_parse(&f->arena, b.p, b.len, NULL, &copy, NULL);
  ml_buf_free(&b);
  *out = copy;
  return rc;
}

ml_rc ml_fake_expect(ml_fake *f, ml_str method, ml_str path,
                     const ml_json *opts, ml_err *e) {
  static const char *const verbs[] = {"GET", "HEAD", "POST", "PUT", "PATCH",
                                      "DELETE", NULL};
  const char *const *v = verbs;
  expect *x = ml_arena_zero(&f->arena, sizeof *x);
  ml_str none, at;

  while (*v != NULL && !ml_str_is(method, *v))
    v++;
  if (*v == NULL)
    return ml_err_set(e, ML_INVALID, "", "the method must be GET, HEAD, POST, "
                      "PUT, PATCH or DELETE");
  split(path, &none, &at, &none);
  if (at.n == 0 || at.p[0] != '/')
    return ml_err_set(e, ML_INVALID, "", "the path must begin with '/'");
  if (opts != NULL && opts->type != ML_JNULL) {
    ml_rc rc = check_opts(opts, e);

    if (rc != ML_OK)
      return rc;
  }
  if (x == NULL || (opts != NULL && copy_tree(f, opts, &x->opts) != ML_OK))
    return ml_err_set(e, ML_NOMEM, "", "memory is short");
  x->method = ml_str_of(*v);
  split(keep(f, path), &x->host, &x->path, &none);
  x->times = ml_json_int(x->opts, "times", 0);
  *f->expects_end = x;
  f->expects_end = &x->next;
  return ML_OK;
}

/* ---- looking ---- */

bool ml_fake_idle(const ml_fake *f) { return f->waiting == NULL; }

ml_str ml_fake_fault(const ml_fake *f) { return f->fault; }

size_t ml_fake_unused(const ml_fake *f, ml_buf *out) {
  size_t n = 0;

  for (const expect *x = f->expects; x != NULL; x = x->next) {
    if (x->used > 0 || ml_json_bool(x->opts, "optional", false))
      continue;
    ml_buf_printf(out, "%sthe fake of %.*s %.*s was never used", n > 0 ? "\n" : "",
                  (int)x->method.n, x->method.p, (int)x->path.n, x->path.p);
    n++;
  }
  return n;
}

static void put_query(ml_jw *w, ml_str query) {
  ml_buf b = {0}, seen = {0};
  ml_str name, value;

  ml_jw_key(w, "query");
  ml_jw_obj(w);
  while (next_pair(&query, &b, &name, &value)) {
    size_t at = seen.len;

    ml_buf_putc(&seen, '\n');
    ml_buf_put(&seen, name.p, name.n);
    ml_buf_putc(&seen, '\n');
    if (at > 0 && !seen.bad &&
        memmem(seen.p, at, seen.p + at, seen.len - at) != NULL)
      continue;                            /* the first of a name counts */
    ml_jw_keyn(w, name);
    ml_jw_str(w, value);
  }
  ml_jw_end(w);
  ml_buf_free(&b);
  ml_buf_free(&seen);
}

static void put_headers(ml_jw *w, const made_call *m) {
  ml_jw_key(w, "headers");
  ml_jw_obj(w);
  for (size_t i = 0; i < m->header_count; i++) {
    ml_str name, v = header_value(m->headers[i], &name);
    char small[128];

    if (name.n >= sizeof small)
      continue;
    for (size_t k = 0; k < name.n; k++)
      small[k] = (char)(name.p[k] >= 'A' && name.p[k] <= 'Z' ? name.p[k] + 32
                                                             : name.p[k]);
    ml_jw_keyn(w, (ml_str){small, name.n});
    ml_jw_str(w, v);
  }
  ml_jw_end(w);
}

static void put_call(ml_jw *w, const made_call *m) {
  ml_arena a = {0};
  ml_json *json = NULL;

  ml_jw_obj(w);
  ml_jw_kstr(w, "method", m->method);
  ml_jw_kstr(w, "url", m->url);
  ml_jw_kstr(w, "host", m->host);
  ml_jw_kstr(w, "path", m->path);
  put_query(w, m->query);
  put_headers(w, m);
  ml_jw_kstr(w, "body", m->body.p != NULL ? m->body : ML_STR(""));
  if (m->body.n > 0 &&
      ml_json_parse(&a, m->body.p, m->body.n, NULL, &json, NULL) == ML_OK) {
    ml_jw_key(w, "json");
    ml_jw_json(w, json);
  }
  ml_jw_kint(w, "at", m->at_ms);
  if (m->failed != NULL)
    ml_jw_kstrz(w, "failed", m->failed);
  else
    ml_jw_kint(w, "status", m->status);
  ml_jw_end(w);
  ml_arena_free(&a);
}

void ml_fake_calls(const ml_fake *f, ml_str method, ml_str path, ml_jw *w) {
  ml_jw_arr(w);
  for (const made_call *m = f->calls; m != NULL; m = m->next)
    if ((method.p == NULL || ml_str_eq(method, m->method)) &&
        (path.p == NULL || ml_str_eq(path, m->path)))
      put_call(w, m);
  ml_jw_end(w);
}

/* ---- its life ---- */

ml_http *ml_fake_http(ml_fake *f) { return &f->api; }

ml_rc ml_fake_new(ml_loop *l, ml_fake **out) {
  ml_fake *f = ml_mem_zero(sizeof *f);

  *out = f;
  if (f == NULL)
    return ML_NOMEM;
  f->api = (ml_http){.send = send_call, .cancel = cancel_call};
  f->loop = l;
  f->expects_end = &f->expects;
  f->calls_end = &f->calls;
  f->waiting_end = &f->waiting;
  return ML_OK;
}

void ml_fake_free(ml_fake *f) {
  if (f == NULL)
    return;
  ml_loop_later_cancel(f->loop, pump, f);
  ml_arena_free(&f->arena);
  ml_mem_free(f);
}
