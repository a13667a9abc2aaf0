/* worker.c - bundles, their images, and one slice on an image. */
#include "script/worker.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/text.h"
#include "script/bind.h"
#include "script/box.h"
#include "script/frame.h"
#include "script/stock.h"

enum { BUNDLES = 64, IMAGES = 64, RULE_UNITS = 1000000, RULE_SOFT_MS = 50 };

/* What was evaluated before the image was taken. */
typedef enum image_kind {
  IMAGE_LINE,                  /* not even moonlane/slice.lua */
  IMAGE_PLAIN, IMAGE_FLOW, IMAGE_RULES, IMAGE_TEST
} image_kind;
static const char *const image_words[] = {"line", "plain", "flow", "rules",
                                          "test"};

/* The functions of moonlane/slice.lua. */
enum { F_PREPARE, F_DEFINE, F_ATTEMPT, F_JUDGE, F_TRIGGER, F_RULE, F_TRY,
       F_TEST_LIST, F_TEST_RUN, F_COUNT };
static const char *const functions[F_COUNT] = {
  "prepare", "define", "attempt", "judge", "trigger", "rule", "try",
  "test_list", "test_run"
};

typedef struct bundle {
  struct bundle *next;         /* the most recently used first */
  uint8_t hash[32];
  ml_arena arena;
  ml_source *sources;
  size_t n;
} bundle;

typedef struct image {
  struct image *next;          /* the most recently used first */
  bundle *b;                   /* its box borrows from the bundle's arena */
  image_kind kind;
  ml_str path;                 /* of the rules; in the bundle's arena */
  ml_box *box;
  int refs[F_COUNT];
} image;

struct ml_worker {
  ml_worker_conf conf;
  bundle *bundles;
  image *images;
  ml_slice *slice;             /* the one under way: bindings look here */
  int64_t cpu_us;              /* the thread's clock at the last look */
};

/* ---- bundles ---- */

static void image_free(image *im) {
  if (im == NULL)
    return;
  ml_box_free(im->box);
  ml_mem_free(im);
}

/* Drop the images of a bundle; of all when b is NULL. */
static void images_drop(ml_worker *w, const bundle *b) {
  image **p = &w->images, *im;

  while ((im = *p) != NULL) {
    if (b != NULL && im->b != b) {
      p = &im->next;
      continue;
    }
    *p = im->next;
    image_free(im);
  }
}

static void bundle_free(bundle *b) {
  if (b == NULL)
    return;
  ml_arena_free(&b->arena);
  ml_mem_free(b);
}

static void bundle_drop(ml_worker *w, bundle **link) {
  bundle *b = *link;

  *link = b->next;
  images_drop(w, b);
  bundle_free(b);
}

static bundle *bundle_find(ml_worker *w, const uint8_t hash[32]) {
  bundle **p = &w->bundles, *b;

  while (*p != NULL && memcmp((*p)->hash, hash, 32) != 0)
    p = &(*p)->next;
  b = *p;
  if (b == NULL)
    return NULL;
  *p = b->next;
  b->next = w->bundles;
  w->bundles = b;
  return b;
}

static bool copy_sources(bundle *b, const ml_ask *q) {
  size_t i;

  b->sources = ml_arena_zero(&b->arena, (q->source_count + 1) *
                                            sizeof *b->sources);
  if (b->sources == NULL)
    return false;
  for (i = 0; i < q->source_count; i++) {
    ml_str name = q->sources[i].name, text = q->sources[i].text;
    char *n = ml_arena_dup(&b->arena, name.p, name.n);
    char *t = ml_arena_dup(&b->arena, text.p, text.n);

    if (n == NULL || t == NULL)
      return false;
    if (strcmp(n, "moonlane/init.lua") == 0)   /* require "moonlane" */
      memcpy(n, "moonlane.lua", sizeof "moonlane.lua");
    b->sources[i].name = ml_str_of(n);
    b->sources[i].text = (ml_str){t, text.n};
  }
  b->n = q->source_count;
  return true;
}

static bundle *bundle_add(ml_worker *w, const uint8_t hash[32],
                          const ml_ask *q) {
  bundle *b = ml_mem_zero(sizeof *b), **p = &w->bundles;
  uint32_t n;

  if (b == NULL)
    return NULL;
  memcpy(b->hash, hash, 32);
  if (!copy_sources(b, q)) {
    bundle_free(b);
    return NULL;
  }
  b->next = w->bundles;
  w->bundles = b;
  for (n = 0; *p != NULL && n < w->conf.bundles; n++)
    p = &(*p)->next;
  while (*p != NULL)
    bundle_drop(w, p);
  return b;
}

/* Sources without a bundle's hash get one of their own. */
static ml_rc hash_sources(const ml_ask *q, uint8_t out[32]) {
  ml_sha *h = ml_sha_open();
  uint64_t sizes[2];
  size_t i;

  for (i = 0; i < q->source_count; i++) {
    sizes[0] = q->sources[i].name.n;
    sizes[1] = q->sources[i].text.n;
    ml_sha_add(h, sizes, sizeof sizes);
    ml_sha_add(h, q->sources[i].name.p, q->sources[i].name.n);
    ml_sha_add(h, q->sources[i].text.p, q->sources[i].text.n);
  }
  return ml_sha_close(h, out);
}

/* The bundle that a question is about.  ML_NOT_FOUND: it must be sent. */
static ml_rc bundle_of(ml_worker *w, const ml_ask *q, bundle **out) {
  uint8_t hash[32];

  memcpy(hash, q->bundle, 32);
  if (!ml_stock_named(hash)) {
    if (hash_sources(q, hash) != ML_OK)
      return ML_NOMEM;
  }
  *out = bundle_find(w, hash);
  if (*out != NULL)
    return ML_OK;
  if (q->source_count == 0 && ml_stock_named(q->bundle))
    return ML_NOT_FOUND;
  *out = bundle_add(w, hash, q);
  return *out != NULL ? ML_OK : ML_NOMEM;
}

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
static void put_error(ml_arena *a, const image *im, ml_box_class c,
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

static void broke(ml_answer *r, const char *text) {
  r->end = ML_END_BROKE;
  r->text = ml_str_of(text);
}

/* ---- images ---- */

static ml_box_limits limits_of(const ml_worker *w, const ml_ask *q) {
  ml_box_limits l = {.units = q->units, .soft_ms = q->soft_ms,
                     .counting = q->count_units || w->conf.counting};

  if (q->kind == ML_ASK_RULE && l.units == 0)
    l.units = RULE_UNITS;
  if (q->kind == ML_ASK_RULE && l.soft_ms == 0)
    l.soft_ms = RULE_SOFT_MS;
  if (l.counting)
    l.soft_ms = INT64_MAX / 4;     /* units alone give the verdict */
  return l;
}

/* moonlane/slice.lua, and a reference to each of its functions. */
static ml_box_class open_slices(image *im, ml_err *e) {
  lua_State *co = ml_box_thread(im->box), *L = ml_box_lua(im->box);
  ml_box_class c = ml_box_load(im->box, co, "moonlane/slice.lua", e);
  int n = 0, i;

  if (c == ML_BOX_OK)
    c = ml_box_resume(im->box, co, 0, &n, e);
  if (c != ML_BOX_OK)
    return c;
  if (n < 1 || !lua_istable(co, -n)) {
    lua_settop(co, 0);
    lua_pushnil(co);
    n = 1;
  } else {
    ml_box_freeze_table(co, -n);
  }
  lua_settop(co, 1);
  for (i = 0; i < F_COUNT; i++) {
    if (lua_istable(co, 1))
      lua_getfield(co, 1, functions[i]);
    else
      lua_pushnil(co);
    lua_xmove(co, L, 1);
    im->refs[i] = luaL_ref(L, LUA_REGISTRYINDEX);
  }
  lua_settop(co, 0);
  return ML_BOX_OK;
}

static ml_box_class prepare(image *im, ml_err *e) {
  lua_State *co = ml_box_thread(im->box);
  ml_box_class c = open_slices(im, e);
  int n = 0;

  if (c != ML_BOX_OK)
    return c;
  lua_rawgeti(co, LUA_REGISTRYINDEX, im->refs[F_PREPARE]);
  lua_pushstring(co, image_words[im->kind]);
  lua_pushlstring(co, im->path.p != NULL ? im->path.p : "", im->path.n);
  c = ml_box_resume(im->box, co, 2, &n, e);
  if (c == ML_BOX_OK)
    lua_settop(co, 0);
  return c;
}

/* Add the sources and evaluate.  Whatever fails is in *r. */
static bool fill_image(ml_worker *w, image *im, const ml_ask *q, ml_slice *s,
                       ml_answer *r) {
  ml_slice apart = {.q = q};   /* what evaluating prints is nobody's log */
  ml_box_class c;
  ml_err e = {0};
  size_t i;
  ml_rc rc;

  for (i = 0; i < im->b->n; i++) {
    rc = ml_box_add_source(im->box, im->b->sources[i].name.p,
                           im->b->sources[i].text);
    if (rc == ML_LIMIT || rc == ML_INVALID) {
      broke(r, rc == ML_LIMIT ? "a source file is larger than 256 KiB"
                              : "the name of a source file is too long");
      r->at = im->b->sources[i].name;
      return false;
    }
    if (rc != ML_OK) {
      broke(r, "the worker is short of memory");
      return false;
    }
  }
  ml_bind_open(im->box, &w->slice);
  ml_box_on_print(im->box, ml_bind_print, NULL);
  ml_box_seed(im->box, im->b->hash, 32);
  w->slice = &apart;
  c = im->kind != IMAGE_LINE ? prepare(im, &e) : ML_BOX_OK;
  w->slice = NULL;
  ml_slice_done(&apart);
  if (c != ML_BOX_OK) {
    put_error(&s->arena, im, c, r);
    return false;
  }
  if (ml_box_freeze(im->box) != ML_OK) {
    broke(r, "the worker is short of memory");
    return false;
  }
  return true;
}

static image *image_find(ml_worker *w, const bundle *b, image_kind kind,
                         ml_str path) {
  image **p = &w->images, *im;

  while (*p != NULL && ((*p)->b != b || (*p)->kind != kind ||
                        !ml_str_eq((*p)->path, path)))
    p = &(*p)->next;
  im = *p;
  if (im == NULL)
    return NULL;
  *p = im->next;
  im->next = w->images;
  w->images = im;
  return im;
}

static void images_trim(ml_worker *w) {
  image **p = &w->images, *im;
  uint32_t n;

  for (n = 0; *p != NULL && n + 1 < w->conf.images; n++)
    p = &(*p)->next;
  while ((im = *p) != NULL) {
    *p = im->next;
    image_free(im);
  }
}

static bool is_line(const ml_ask *q) {
  return q->kind == ML_ASK_EVAL && !ml_str_is(q->mode, "try");
}

static image_kind kind_of(const ml_ask *q) {
  switch (q->kind) {
  case ML_ASK_DEFINE:
    return IMAGE_PLAIN;
  case ML_ASK_EVAL:
    return is_line(q) ? IMAGE_LINE : IMAGE_PLAIN;
  case ML_ASK_RULE:
    return IMAGE_RULES;
  case ML_ASK_TEST:
    return IMAGE_TEST;
  default:
    return IMAGE_FLOW;
  }
}

/* The image for a question; NULL with *r filled. */
static image *image_of(ml_worker *w, bundle *b, const ml_ask *q, ml_slice *s,
                       ml_answer *r) {
  image_kind kind = kind_of(q);
  ml_str path = kind != IMAGE_RULES ? ML_NOSTR
                : q->path.n > 0 ? q->path : ML_STR("rules.lua");
  ml_box_limits l = limits_of(w, &(ml_ask){.kind = ML_ASK_DEFINE,
                                           .count_units = q->count_units});
  image *im = image_find(w, b, kind, path);

  if (im != NULL)
    return im;
  images_trim(w);
  im = ml_mem_zero(sizeof *im);
  if (im == NULL || ml_box_new(&l, &im->box) != ML_OK) {
    ml_mem_free(im);
    broke(r, "the worker is short of memory");
    return NULL;
  }
  im->b = b;
  im->kind = kind;
  if (path.p != NULL)
    im->path = (ml_str){ml_arena_dup(&b->arena, path.p, path.n), path.n};
  if (path.p != NULL && im->path.p == NULL) {
    broke(r, "the worker is short of memory");
    image_free(im);
    return NULL;
  }
  if (!fill_image(w, im, q, s, r)) {
    image_free(im);
    return NULL;
  }
  im->next = w->images;
  w->images = im;
  return im;
}

/* ---- one slice ---- */

static void put_arg(lua_State *co, const char *name, ml_str s) {
  if (s.p == NULL)
    return;
  lua_pushlstring(co, s.p, s.n);
  lua_setfield(co, -2, name);
}

static void push_question(lua_State *co, const ml_ask *q) {
  lua_createtable(co, 0, 8);
  lua_pushinteger(co, q->flow);
  lua_setfield(co, -2, "flow");
  put_arg(co, "path", q->path);
  put_arg(co, "mode", q->mode);
  put_arg(co, "key", q->key);
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
    broke(r, "what was returned is not valid UTF-8");
    return;
  }
  r->text = (ml_str){ml_arena_dup(&s->arena, p, len), len};
  if (r->text.p == NULL)
    broke(r, "the worker is short of memory");
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
    broke(r, "the worker is short of memory");
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
    put_error(&s->arena, im, c, r);
  }
  if (r->end == ML_END_RETURNED || r->end == ML_END_FAILED)
    put_held(s, r);
  r->entries = s->entries;
  r->entry_count = s->entry_n;
  r->logs = s->logs;
  r->log_count = s->log_n;
}

/* CPU time of this worker since it was last asked for, in one slice's way:
** what lies between two slices is next to nothing. */
static int64_t used_us(ml_worker *w) {
  struct timespec ts;
  int64_t before = w->cpu_us;

  if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts) != 0)
    return 0;
  w->cpu_us = (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
  return w->cpu_us - before;
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
  ml_box_limits l = limits_of(w, q);
  ml_box_class c;
  ml_err e = {0};
  int n = 0, nargs;

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
  r->used_us = l.counting ? 0 : used_us(w);   /* counted: nothing of the clock */
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
  broke(&small, "what the slice gave back is more than a frame holds");
  ml_answer_pack(out, &small);
}

static void slice(ml_worker *w, bundle *b, const ml_ask *q, ml_str line,
                  ml_buf *out) {
  ml_slice s = {.q = q, .line = line};
  ml_answer r = {.id = q->id, .after_ms = -1};
  image *im = image_of(w, b, q, &s, &r);

  if (im != NULL)
    run(w, im, q, &s, &r);
  pack(out, &r);
  ml_slice_done(&s);
}

/* ---- questions ---- */

/* Take the line out of the sources: each line is another, the bundle is not. */
static ml_str take_line(ml_ask *q) {
  ml_source *list = (ml_source *)q->sources;   /* ours, by unpacking */
  ml_str line = ML_NOSTR;
  size_t i, n = 0;

  if (!is_line(q))
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

  if (q->kind == ML_ASK_BUNDLE) {
    if (bundle_find(w, q->bundle) != NULL)
      return ML_OK;
    return bundle_add(w, q->bundle, q) != NULL ? ML_OK : ML_NOMEM;
  }
  if (q->kind == ML_ASK_FORGET) {
    if (bundle_find(w, q->bundle) != NULL)
      bundle_drop(w, &w->bundles);       /* found ones stand first */
    return ML_OK;
  }
  rc = bundle_of(w, q, &b);
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
  images_drop(w, NULL);
  while (w->bundles != NULL)
    bundle_drop(w, &w->bundles);
  ml_mem_free(w);
}
