/* worker.c - one slice on an image, and its answer. */
#include "script/worker.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/plant.h"
#include "base/text.h"
#include "script/frame.h"
#include "script/worker_inside.h"

enum {
  BUNDLES = 64, IMAGES = 64, RULE_UNITS = 1000000, RULE_SOFT_MS = 50,
  OBJECT_UNITS = 2000000, OBJECT_SOFT_MS = 100,
  RUN_ON_US = 1000             /* links are begun for so long */
};

/* ---- how a slice went, as an answer ---- */

static bool has_source(const bundle *b, const char *p, size_t n) {
  size_t i;

  for (i = 0; i < b->n; i++)
    if (b->sources[i].name.n == n && memcmp(b->sources[i].name.p, p, n) == 0)
      return true;
  return false;
}

static bool of_library(const char *line) {
  return strncmp(line, "moonlane/", 9) == 0 ||
         strncmp(line, "moonlane.lua:", 13) == 0;
}

/* Length of "file:line" at p when the file is one of the bundle's; 0: none. */
static size_t place_at(const bundle *b, const char *p) {
  const char *colon = strchr(p, ':');
  size_t digits;

  if (colon == NULL || !has_source(b, p, (size_t)(colon - p)))
    return 0;
  digits = strspn(colon + 1, "0123456789");
  return digits > 0 ? (size_t)(colon - p) + 1 + digits : 0;
}

/* The first line of the traceback that is the author's. */
static ml_str author_line(const bundle *b, const char *trace) {
  size_t n;

  while (*trace != '\0') {
    n = of_library(trace) ? 0 : place_at(b, trace);
    if (n > 0)
      return (ml_str){trace, n};
    trace += strcspn(trace, "\n");
    trace += *trace == '\n';
  }
  return ML_NOSTR;
}

static ml_end end_of(ml_box_class c) {
  switch (c) {
  case ML_BOX_CPU:
    return ML_END_CPU;
  case ML_BOX_MEMORY:
    return ML_END_MEMORY;
  case ML_BOX_CLOCK:
    return ML_END_CLOCK;
  default:
    return ML_END_BROKE;
  }
}

/* message, at, traceback of a slice that went wrong. */
void ml_worker_error(ml_arena *a, const image *im, ml_box_class c,
                      ml_answer *r) {
  const char *m = ml_box_message(im->box), *t = ml_box_traceback(im->box);
  size_t n = place_at(im->b, m);
  ml_str at = n > 0 ? (ml_str){m, n} : author_line(im->b, t);

  if (n > 0 && m[n] == ':' && m[n + 1] == ' ')
    m += n + 2;
  r->end = end_of(c);
  r->text = ml_slice_clean(a, ml_str_of(m), ML_ERROR_MAX);
  if (at.p != NULL)
    r->at = ml_slice_clean(a, at, ML_ERROR_MAX);
  r->traceback = ml_slice_clean(a, ml_str_of(t), ML_ERROR_MAX);
}

void ml_worker_broke(ml_answer *r, const char *text) {
  r->end = ML_END_BROKE;
  r->text = ml_str_of(text);
}

/* ---- one slice ---- */

bool ml_worker_is_line(const ml_ask *q) {
  return q->kind == ML_ASK_EVAL && !ml_str_is(q->mode, "try");
}

ml_box_limits ml_worker_limits(const ml_worker *w, const ml_ask *q) {
  ml_box_limits l = {.units = q->units, .soft_ms = q->soft_ms,
                     .counting = q->count_units || w->conf.counting};

  if (q->kind == ML_ASK_RULE && l.units == 0)
    l.units = RULE_UNITS;
  if (q->kind == ML_ASK_RULE && l.soft_ms == 0)
    l.soft_ms = RULE_SOFT_MS;
  if (q->kind == ML_ASK_OBJECT && l.units == 0)
    l.units = OBJECT_UNITS;
  if (q->kind == ML_ASK_OBJECT && l.soft_ms == 0)
    l.soft_ms = OBJECT_SOFT_MS;
  if (l.counting)
    l.soft_ms = INT64_MAX / 4;     /* units alone give the verdict */
  return l;
}

static void put_arg(lua_State *co, const char *name, ml_str s) {
  if (s.p == NULL)
    return;
  lua_pushlstring(co, s.p, s.n);
  lua_setfield(co, -2, name);
}

static void push_question(lua_State *co, const ml_ask *q) {
  lua_createtable(co, 0, 9);
  lua_pushinteger(co, q->flow);
  lua_setfield(co, -2, "flow");
  put_arg(co, "path", q->path);
  put_arg(co, "mode", q->mode);
  put_arg(co, "key", q->key);
  put_arg(co, "activity", q->activity);
  put_arg(co, "process", q->process);
  put_arg(co, "data", q->data);
  put_arg(co, "settings", q->settings);
  put_arg(co, "payload", q->payload);
}

static int function_of(const ml_ask *q) {
  switch (q->kind) {
  case ML_ASK_DEFINE:
    return F_DEFINE;
  case ML_ASK_ATTEMPT:
    return F_ATTEMPT;
  case ML_ASK_JUDGE:
    return F_JUDGE;
  case ML_ASK_OBJECT:
    return F_OBJECT;
  case ML_ASK_TRIGGER:
    return F_TRIGGER;
  case ML_ASK_RULE:
    return F_RULE;
  case ML_ASK_EVAL:
    return F_TRY;
  default:
    return ml_str_is(q->mode, "list") ? F_TEST_LIST : F_TEST_RUN;
  }
}

/* The text that the slice returned, if any. */
static void put_result(ml_slice *s, lua_State *co, int n, ml_answer *r) {
  size_t len;
  const char *p;

  r->end = ML_END_RETURNED;
  if (n < 1 || lua_type(co, -n) != LUA_TSTRING)
    return;
  p = lua_tolstring(co, -n, &len);
  if (!ml_text_utf8((ml_str){p, len})) {
    ml_worker_broke(r, "what was returned is not valid UTF-8");
    return;
  }
  r->text = (ml_str){ml_arena_dup(&s->arena, p, len), len};
  if (r->text.p == NULL)
    ml_worker_broke(r, "the worker is short of memory");
}

static void put_want(const ml_slice *s, ml_answer *r) {
  r->end = ML_END_WANT;
  r->want_call = s->want_call;
  r->want_kind = s->want_kind;
  memcpy(r->want_hash, s->want_hash, sizeof r->want_hash);
  r->want = s->want;
}

/* "data" and "cleared" of the answer; false when memory is short. */
static bool put_data(ml_slice *s, ml_answer *r) {
  ml_buf data = {0}, cleared = {0};
  ml_jw w, c;
  size_t i;
  bool any = false, ok;

  if (s->held_n == 0)
    return true;
  ml_jw_init(&w, &data);
  ml_jw_init(&c, &cleared);
  ml_jw_obj(&w);
  ml_jw_arr(&c);
  for (i = 0; i < s->held_n; i++) {
    const ml_held *h = &s->held[i];
    ml_str id = {h->id.p, h->id.len};

    ml_jw_keyn(&w, id);
    ml_jw_raw(&w, (ml_str){h->json.p, h->json.len});
    if (h->cleared)
      ml_jw_str(&c, id);
    any = any || h->cleared;
  }
  ml_jw_end(&w);
  ml_jw_end(&c);
  r->data = (ml_str){ml_arena_dup(&s->arena, data.p, data.len), data.len};
  if (any)
    r->cleared = (ml_str){ml_arena_dup(&s->arena, cleared.p, cleared.len),
                          cleared.len};
  ok = !data.bad && !cleared.bad && r->data.p != NULL &&
       (!any || r->cleared.p != NULL);
  ml_buf_free(&data);
  ml_buf_free(&cleared);
  return ok;
}

static void put_held(ml_slice *s, ml_answer *r) {
  if (!put_data(s, r)) {
    *r = (ml_answer){.id = r->id};
    ml_worker_broke(r, "the worker is short of memory");
    return;
  }
  if (s->has_subject)
    r->subject = (ml_str){s->subject.p != NULL ? s->subject.p : "",
                          s->subject.len};
  if (s->has_state)
    r->state = (ml_str){s->state.p != NULL ? s->state.p : "", s->state.len};
  if (s->has_assign)
    r->assign = (ml_str){s->assign.p != NULL ? s->assign.p : "",
                         s->assign.len};
  r->comments = s->comments;
  r->comment_count = s->comment_n;
}

static void put_end(ml_slice *s, image *im, ml_box_class c, int n,
                    ml_answer *r) {
  lua_State *co = ml_box_thread(im->box);

  r->after_ms = -1;
  if (c == ML_BOX_OK) {
    put_result(s, co, n, r);
  } else if (c == ML_BOX_YIELD && s->wants) {
    put_want(s, r);
  } else if (c == ML_BOX_END && s->ended) {
    r->end = s->end;
    r->text = s->text;
    r->at = author_line(im->b, ml_box_traceback(im->box));
    if (r->at.p != NULL)
      r->at = ml_slice_clean(&s->arena, r->at, ML_ERROR_MAX);
    if (r->end == ML_END_RETRY)
      r->after_ms = s->after_ms;
  } else {
    ml_worker_error(&s->arena, im, c, r);
  }
  if (r->end == ML_END_RETURNED || r->end == ML_END_FAILED)
    put_held(s, r);
  r->entries = s->entries;
  r->entry_count = s->entry_n;
  r->logs = s->logs;
  r->log_count = s->log_n;
}

/* The function and its arguments; gives how many of those. */
static int push_call(image *im, lua_State *co, const ml_ask *q,
                     ml_str line) {
  if (im->kind == IMAGE_LINE) {
    lua_pushcfunction(co, ml_bind_eval);
    lua_pushlstring(co, line.p != NULL ? line.p : "", line.n);
    if (q->payload.p != NULL)
      lua_pushlstring(co, q->payload.p, q->payload.n);
    else
      lua_pushnil(co);
    return 2;
  }
  lua_rawgeti(co, LUA_REGISTRYINDEX, im->refs[function_of(q)]);
  push_question(co, q);
  return 1;
}

static void run(ml_worker *w, image *im, const ml_ask *q, ml_slice *s,
                ml_answer *r) {
  lua_State *co;
  ml_box_limits l = ml_worker_limits(w, q);
  ml_box_class c;
  ml_err e = {0};
  int64_t from = ml_clock_us();
  int n = 0, nargs;

  if (!ML_PLANTED(state_kept))
    ml_box_restore(im->box);
  ml_box_set_limits(im->box, &l);
  ml_box_seed(im->box, q->key.p != NULL ? q->key.p : "", q->key.n);
  co = ml_box_thread(im->box);
  nargs = push_call(im, co, q, s->line);
  w->slice = s;
  c = ml_box_resume(im->box, co, nargs, &n, &e);
  w->slice = NULL;
  put_end(s, im, c, n, r);
  r->units = ml_box_units(im->box);
  r->used_us = l.counting ? 0 : ml_clock_us() - from;   /* counted: no clock in it */
}

/* An answer that would be no frame becomes one that says so. */
static void pack(ml_buf *out, ml_answer *r) {
  size_t before = out->len;
  ml_answer small = {.id = r->id, .units = r->units, .used_us = r->used_us};

  ml_answer_pack(out, r);
  if (!out->bad || out->len - before <= ML_FRAME_MAX)
    return;
  out->bad = false;
  out->len = before;
  if (r->link_count > 0) {
    r->link_count = 0;           /* by itself it may fit */
    pack(out, r);
    return;
  }
  ml_worker_broke(&small, "what the slice gave back is more than a frame holds");
  ml_answer_pack(out, &small);
}

/* ---- running on ---- */

/*
** The links of a question are run as if each had been asked by itself: from a
** fresh image, with its own key, on the data that those before it have left.
** It ends with the first that is not just done, and when the time is used up
** that others may be waiting for.
*/
typedef struct chain {
  ml_slice slices[1 + ML_LINKS_MAX];
  ml_answer answers[1 + ML_LINKS_MAX];
  ml_ask asks[1 + ML_LINKS_MAX];
  size_t n;
} chain;

/* May the core be expected to ask the next one as it was guessed? */
static bool leads_on(const ml_slice *s, const ml_answer *r) {
  return r->end == ML_END_RETURNED && !s->has_subject && !s->has_state &&
         !s->has_assign && r->cleared.p == NULL &&
         (r->text.p == NULL || ml_str_is(r->text, "done"));
}

static const ml_held *held_of(const ml_slice *s, ml_str id) {
  for (size_t i = 0; i < s->held_n; i++)
    if (ml_str_eq((ml_str){s->held[i].id.p, s->held[i].id.len}, id))
      return &s->held[i];
  return NULL;
}

/* Bytes of the value behind a key. */
static ml_str value_behind(ml_jread *r, const char *from) {
  int depth = 0;

  do {
    switch (ml_jread_next(r)) {
    case ML_JT_ERROR: case ML_JT_END:
      return ML_NOSTR;
    case ML_JT_ARR: case ML_JT_OBJ:
      depth++;
      break;
    case ML_JT_ARR_END: case ML_JT_OBJ_END:
      depth--;
      break;
    default:
      break;
    }
  } while (depth > 0);
  while (*from == ':' || *from == ' ')
    from++;
  return (ml_str){from, (size_t)(r->p - from)};
}

/* What a slice was given without what it wrote; false: no object. */
static bool put_kept(ml_jw *w, ml_str data, const ml_slice *s) {
  ml_jread r;
  ml_jtok t = ML_JT_ERROR;
  bool ok;

  ml_jread_init(&r, data.p, data.n, NULL);
  ok = ml_jread_next(&r) == ML_JT_OBJ;
  while (ok && (t = ml_jread_next(&r)) == ML_JT_KEY) {
    ml_str value;

    if (held_of(s, r.str) != NULL) {
      ok = value_behind(&r, r.p).p != NULL;
      continue;
    }
    ml_jw_keyn(w, r.str);
    value = value_behind(&r, r.p);
    ok = value.p != NULL;
    ml_jw_raw(w, value);
  }
  ml_jread_done(&r);
  return ok && t == ML_JT_OBJ_END;
}

/* Its data with what the slice wrote; none: not to be had. */
static ml_str data_after(ml_slice *s, ml_str data) {
  ml_buf b = {0};
  ml_jw w;
  ml_str out = ML_NOSTR;
  bool ok;

  if (s->held_n == 0)
    return data;
  ml_jw_init(&w, &b);
  ml_jw_obj(&w);
  ok = put_kept(&w, data, s);
  for (size_t i = 0; i < s->held_n; i++) {
    ml_str json = {s->held[i].json.p, s->held[i].json.len};

    if (ml_str_is(json, "null"))
      continue;
    ml_jw_keyn(&w, (ml_str){s->held[i].id.p, s->held[i].id.len});
    ml_jw_raw(&w, json);
  }
  ml_jw_end(&w);
  if (ok && !b.bad)
    out = (ml_str){ml_arena_dup(&s->arena, b.p, b.len), b.len};
  ml_buf_free(&b);
  return out;
}

static bool next_ask(chain *c, const ml_ask *q) {
  const ml_behind *l = &q->links[c->n - 1];
  ml_ask *ask = &c->asks[c->n];

  *ask = c->asks[c->n - 1];
  ask->data = data_after(&c->slices[c->n - 1], ask->data);
  ask->path = l->path;
  ask->key = l->key;
  ask->activity = l->activity;
  ask->attempt = 1;
  ask->journal_count = 0;
  return ask->data.p != NULL;
}

static void run_on(ml_worker *w, image *im, const ml_ask *q, chain *c) {
  bool counting = ml_worker_limits(w, q).counting;
  int64_t from = ml_clock_us();

  while (c->n <= q->link_count &&
         leads_on(&c->slices[c->n - 1], &c->answers[c->n - 1]) &&
         (counting || ml_clock_us() - from < RUN_ON_US) && next_ask(c, q)) {
    ml_slice *s = &c->slices[c->n];
    ml_answer *r = &c->answers[c->n];

    *s = (ml_slice){.q = &c->asks[c->n]};
    *r = (ml_answer){.id = q->id, .after_ms = -1};
    run(w, im, s->q, s, r);
    c->n++;
    if (r->end != ML_END_CLOCK)
      continue;
    ml_slice_done(s);            /* that is a matter for a run by itself */
    c->n--;
    return;
  }
}

static void slice(ml_worker *w, bundle *b, const ml_ask *q, ml_str line,
                  ml_buf *out) {
  chain c;                       /* large: filled as far as it is used */
  image *im;

  c.n = 1;
  c.slices[0] = (ml_slice){.q = q, .line = line};
  c.answers[0] = (ml_answer){.id = q->id, .after_ms = -1};
  c.asks[0] = *q;
  im = ml_worker_image(w, b, q, &c.slices[0], &c.answers[0]);
  if (im != NULL)
    run(w, im, q, &c.slices[0], &c.answers[0]);
  if (im != NULL && q->link_count > 0)
    run_on(w, im, q, &c);
  c.answers[0].links = c.answers + 1;
  c.answers[0].link_count = c.n - 1;
  pack(out, &c.answers[0]);
  for (size_t i = 0; i < c.n; i++)
    ml_slice_done(&c.slices[i]);
}

/* ---- questions ---- */

/* Take the line out of the sources: each line is another, the bundle is not. */
static ml_str take_line(ml_ask *q) {
  ml_source *list = (ml_source *)q->sources;   /* ours, by unpacking */
  ml_str line = ML_NOSTR;
  size_t i, n = 0;

  if (!ml_worker_is_line(q))
    return line;
  for (i = 0; i < q->source_count; i++)
    if (ml_str_is(list[i].name, "line"))
      line = list[i].text;
    else
      list[n++] = list[i];
  q->source_count = n;
  return line;
}

static ml_rc answer(ml_worker *w, ml_ask *q, ml_buf *out) {
  bundle *b = NULL;
  ml_str line = take_line(q);
  ml_rc rc;

  if (q->kind == ML_ASK_BUNDLE)
    return ml_worker_learn(w, q);
  if (q->kind == ML_ASK_FORGET) {
    ml_worker_forget(w, q->bundle);
    return ML_OK;
  }
  rc = ml_worker_bundle(w, q, &b);
  if (rc == ML_NOT_FOUND) {
    ml_answer_pack_need(out, q->id, q->bundle);
    return ML_OK;
  }
  if (rc == ML_OK)
    slice(w, b, q, line, out);
  return rc;
}

ml_rc ml_worker_handle(ml_worker *w, ml_str frame, ml_buf *out) {
  ml_arena a = {0};
  ml_str record;
  ml_ask q;
  int kind;
  ml_rc rc;

  if (ml_frame_next(frame.p, frame.n, &kind, &record) != (int64_t)frame.n)
    return ML_CORRUPT;
  rc = ml_ask_unpack(&a, (ml_ask_kind)kind, record, &q);
  if (rc == ML_OK)
    rc = answer(w, &q, out);
  ml_arena_free(&a);
  return rc == ML_OK && out->bad ? ML_NOMEM : rc;
}

ml_rc ml_worker_new(const ml_worker_conf *conf, ml_worker **out) {
  ml_worker *w = ml_mem_zero(sizeof *w);

  *out = NULL;
  if (w == NULL)
    return ML_NOMEM;
  if (conf != NULL)
    w->conf = *conf;
  if (w->conf.bundles == 0)
    w->conf.bundles = BUNDLES;
  if (w->conf.images == 0)
    w->conf.images = IMAGES;
  *out = w;
  return ML_OK;
}

void ml_worker_free(ml_worker *w) {
  if (w == NULL)
    return;
  ml_worker_forget_all(w);
  ml_mem_free(w);
}
