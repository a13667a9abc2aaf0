/* worker.c - one slice on an image, and its answer. */
#include "script/worker.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/plant.h"
#include "base/text.h"
#include "script/frame.h"
#include "script/jail.h"
#include "script/worker_inside.h"

enum {
  BUNDLES = 64, IMAGES = 64, IMAGES_MIN = 4,
  FRAMES = 3,                  /* one comes, one is taken apart, one goes */
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

void ml_worker_broke(ml_answer *r, const char *text) {
  r->end = ML_END_BROKE;
  r->text = ml_str_of(text);
}

/* ---- one slice ---- */

bool ml_worker_is_line(const ml_ask *q) {
  return q->kind == ML_ASK_EVAL && !ml_str_is(q->mode, "try");
}

/* A bundle is evaluated under the operator's limits where they are above the
** usual ones: below them there would be no workflow whose limit to tell of. */
uint64_t ml_worker_bound(const ml_worker *w, const ml_ask *q, ml_bound b) {
  uint64_t v = ml_bound_of(q->limits, &w->conf.limits, b, NULL);
  uint64_t usual = ml_bound_rows[b].usual;

  return q->kind == ML_ASK_DEFINE && v < usual && b != ML_BOUND_SOURCE ? usual : v;
}

static bool is_rule(const ml_ask *q) {
  return q->kind == ML_ASK_RULE || q->kind == ML_ASK_OBJECT;
}

/* Has somebody said how long a slice may take? */
static bool timed(const ml_worker *w, const ml_ask *q, ml_bound b) {
  return !w->conf.counting && q->kind != ML_ASK_DEFINE && ((q->limits != NULL && q->limits->v[b] != 0) ||
                               w->conf.limits.v[b] != 0);
}

ml_box_limits ml_worker_limits(const ml_worker *w, const ml_ask *q) {
  ml_bound units = is_rule(q) ? ML_BOUND_RULE_UNITS : ML_BOUND_UNITS;
  ml_bound time = is_rule(q) ? ML_BOUND_RULE_TIME : ML_BOUND_TIME;
  ml_box_limits l = {
    .units = ml_worker_bound(w, q, units),
    .soft_ms = (int64_t)ml_worker_bound(w, q, time),
    .memory = (size_t)ml_worker_bound(w, q, ML_BOUND_MEMORY),
    .counting = q->count_units || w->conf.counting};

  l.coroutines = (uint32_t)ml_worker_bound(w, q, ML_BOUND_COROUTINES);
  ml_bound_of(q->limits, &w->conf.limits, ML_BOUND_COROUTINES, &l.coroutines_by);

  if (q->kind == ML_ASK_OBJECT) {
    l.units = ml_bound_twice(units, l.units);
    l.soft_ms = (int64_t)ml_bound_twice(time, (uint64_t)l.soft_ms);
  }
  /* without the hook only what is charged counts: who lowered it wants all */
  l.counting = l.counting ||
               ml_worker_bound(w, q, units) < ml_bound_rows[units].usual;
  if (l.counting && !timed(w, q, time))
    l.soft_ms = INT64_MAX / 4;     /* units alone give the verdict */
  return l;
}

/* Which limit ended a slice; or none that has a name. */
static int bound_of_class(const ml_ask *q, ml_box_class c) {
  switch (c) {
  case ML_BOX_CPU:
    return is_rule(q) ? ML_BOUND_RULE_UNITS : ML_BOUND_UNITS;
  case ML_BOX_CLOCK:
    return is_rule(q) ? ML_BOUND_RULE_TIME : ML_BOUND_TIME;
  case ML_BOX_MEMORY:
    return ML_BOUND_MEMORY;
  default:
    return -1;
  }
}

/* What the box said, and which limit that was. */
static ml_str with_limit(ml_arena *a, const ml_worker *w, const ml_ask *q,
                         ml_box_class c, ml_str said) {
  int b = bound_of_class(q, c);
  const char *text = b < 0 ? NULL
                     : ml_arena_printf(a, "%.*s (%s)", (int)said.n, said.p,
                                       ml_bound_told(q->limits, &w->conf.limits,
                                                     (ml_bound)b));

  return text != NULL ? ml_str_of(text) : said;
}

/* message, at, traceback of a slice that went wrong. */
void ml_worker_error(const ml_worker *w, ml_arena *a, const image *im,
                     const ml_ask *q, ml_box_class c, ml_answer *r) {
  const char *m = ml_box_message(im->box), *t = ml_box_traceback(im->box);
  size_t n = place_at(im->b, m);
  ml_str at = n > 0 ? (ml_str){m, n} : author_line(im->b, t);

  if (n > 0 && m[n] == ':' && m[n + 1] == ' ')
    m += n + 2;
  r->end = end_of(c);
  r->text = with_limit(a, w, q, c, ml_slice_clean(a, ml_str_of(m),
                                                  ML_ERROR_MAX - ML_BOUND_TOLD));
  if (at.p != NULL)
    r->at = ml_slice_clean(a, at, ML_ERROR_MAX);
  r->traceback = ml_slice_clean(a, ml_str_of(t), ML_ERROR_MAX);
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

/* A definition's tree and a line's or a test's answer stay outside. */
static bool is_value(const ml_ask *q) {
  return q->kind != ML_ASK_DEFINE && q->kind != ML_ASK_TEST &&
         !ml_worker_is_line(q);
}

/* The text that the slice returned, if any. */
static void put_result(ml_slice *s, lua_State *co, int n, ml_answer *r) {
  size_t len;
  const char *p;

  r->end = ML_END_RETURNED;
  if (n < 1 || lua_type(co, -n) != LUA_TSTRING)
    return;
  p = lua_tolstring(co, -n, &len);
  if (is_value(s->q) && len > ml_bind_bound(s, ML_BOUND_RESULT)) {
    const char *why = ml_arena_printf(&s->arena, "what was returned has %zu bytes "
                                      "(%s)", len, ml_bind_told(s, ML_BOUND_RESULT));

    ml_worker_broke(r, why != NULL ? why : "what was returned is too long");
    return;
  }
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

static void put_end(const ml_worker *w, ml_slice *s, image *im, ml_box_class c,
                    int n, ml_answer *r) {
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
    ml_worker_error(w, &s->arena, im, s->q, c, r);
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
  s->limits = &w->conf.limits;
  w->slice = s;
  c = ml_box_resume(im->box, co, nargs, &n, &e);
  w->slice = NULL;
  put_end(w, s, im, c, n, r);
  r->units = ml_box_units(im->box);
  r->used_us = l.counting ? 0 : ml_clock_us() - from;   /* counted: no clock in it */
}

/* An answer that would be no frame becomes one that says so. */
static void pack(const ml_worker *w, ml_buf *out, ml_answer *r) {
  size_t before = out->len;
  ml_answer small = {.id = r->id, .units = r->units, .used_us = r->used_us};

  ml_answer_pack(out, r);
  if (out->len - before <= w->frame + ML_FRAME_HEAD - 1)
    return;                      /* or memory is short */
  out->bad = false;
  out->len = before;
  if (r->link_count > 0) {
    r->link_count = 0;           /* by itself it may fit */
    pack(w, out, r);
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
  pack(w, out, &c.answers[0]);
  for (size_t i = 0; i < c.n; i++)
    ml_slice_done(&c.slices[i]);
}

/* ---- questions ---- */

/* So many images that states of this size fit into the jail, beside frames. */
static uint32_t images_for(const ml_bounds *limits) {
  size_t memory = (size_t)ml_bound_of(NULL, limits, ML_BOUND_MEMORY, NULL);
  size_t frame = ml_bounds_frame(limits) - ML_FRAME_USUAL;
  size_t all = (size_t)IMAGES * ML_JAIL_STATE_BYTES, n;

  if (memory <= (size_t)ml_bound_rows[ML_BOUND_MEMORY].usual && frame == 0)
    return IMAGES;
  n = (all - FRAMES * frame) / (ml_box_mapped(memory) + memory);
  return n < IMAGES_MIN ? IMAGES_MIN : n > IMAGES ? IMAGES : (uint32_t)n;
}

static void take_limits(ml_worker *w, const ml_ask *q) {
  w->conf.limits = q->limits != NULL ? *q->limits : (ml_bounds){{0}};
  w->frame = ml_bounds_frame(&w->conf.limits);
  w->conf.images = images_for(&w->conf.limits);
  ml_worker_forget_all(w);
}

size_t ml_worker_frame(const ml_worker *w) {
  return w->frame;
}

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
  if (q->kind == ML_ASK_LIMITS) {
    take_limits(w, q);
    return ML_OK;
  }
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
    w->conf.images = images_for(&w->conf.limits);
  w->frame = ml_bounds_frame(&w->conf.limits);
  *out = w;
  return ML_OK;
}

void ml_worker_free(ml_worker *w) {
  if (w == NULL)
    return;
  ml_worker_forget_all(w);
  ml_mem_free(w);
}
