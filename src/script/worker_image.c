/* worker_image.c - bundles, and boxes in which one was evaluated and frozen. */
#include <string.h>

#include "base/crypto.h"
#include "script/stock.h"
#include "script/worker_inside.h"

static const char *const image_words[] = {"line", "plain", "flow", "rules",
                                          "test"};
static const char *const functions[F_COUNT] = {
  "prepare", "define", "attempt", "judge", "trigger", "rule", "try",
  "test_list", "test_run", "object", "settle"
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

ml_rc ml_worker_bundle(ml_worker *w, const ml_ask *q, bundle **out) {
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


ml_rc ml_worker_learn(ml_worker *w, const ml_ask *q) {
  if (bundle_find(w, q->bundle) != NULL)
    return ML_OK;
  return bundle_add(w, q->bundle, q) != NULL ? ML_OK : ML_NOMEM;
}

void ml_worker_forget(ml_worker *w, const uint8_t hash[32]) {
  if (bundle_find(w, hash) != NULL)
    bundle_drop(w, &w->bundles);         /* what is found stands first */
}

void ml_worker_forget_all(ml_worker *w) {
  images_drop(w, NULL);
  while (w->bundles != NULL)
    bundle_drop(w, &w->bundles);
}

/* ---- images ---- */

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
  lua_rawgeti(L, LUA_REGISTRYINDEX, im->refs[F_SETTLE]);
  ml_box_on_freeze(im->box);
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

/* Evaluating a bundle is a slice under the operator's limits: whose workflow's
** own it would be is not known yet, and an image serves all of them. */
static ml_ask load_of(const ml_ask *q) {
  return (ml_ask){.kind = ML_ASK_DEFINE, .count_units = q->count_units};
}

static const char *too_large(const ml_worker *w, ml_slice *s) {
  const char *text = ml_arena_printf(
      &s->arena, "a source file is larger than it may be (%s)",
      ml_bound_told(NULL, &w->conf.limits, ML_BOUND_SOURCE));

  return text != NULL ? text : "a source file is larger than it may be";
}

/* Add the sources and evaluate.  Whatever fails is in *r. */
static bool fill_image(ml_worker *w, image *im, const ml_ask *q, ml_slice *s,
                       ml_answer *r) {
  ml_ask load = load_of(q);
  /* sources that come with their question are new; a bundle was taken before */
  size_t most = (size_t)ml_worker_bound(w, &load, ML_BOUND_SOURCE);
  ml_slice apart = {.q = q};   /* what evaluating prints is nobody's log */
  ml_box_class c;
  ml_err e = {0};
  size_t i;
  ml_rc rc;

  for (i = 0; i < im->b->n; i++) {
    rc = q->source_count > 0 && im->b->sources[i].text.n > most
             ? ML_LIMIT : ml_box_add_source(im->box, im->b->sources[i].name.p,
                                            im->b->sources[i].text);
    if (rc == ML_LIMIT || rc == ML_INVALID) {
      ml_worker_broke(r, rc == ML_LIMIT ? too_large(w, s)
                              : "the name of a source file is too long");
      r->at = im->b->sources[i].name;
      return false;
    }
    if (rc != ML_OK) {
      ml_worker_broke(r, "the worker is short of memory");
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
    ml_worker_error(w, &s->arena, im, &load, c, r);
    return false;
  }
  if (ml_box_freeze(im->box) != ML_OK) {
    ml_worker_broke(r, "the worker is short of memory");
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

static image_kind kind_of(const ml_ask *q) {
  switch (q->kind) {
  case ML_ASK_DEFINE:
    return IMAGE_PLAIN;
  case ML_ASK_EVAL:
    return ml_worker_is_line(q) ? IMAGE_LINE : IMAGE_PLAIN;
  case ML_ASK_RULE:
    return IMAGE_RULES;
  case ML_ASK_TEST:
    return IMAGE_TEST;
  default:
    return IMAGE_FLOW;
  }
}

image *ml_worker_image(ml_worker *w, bundle *b, const ml_ask *q, ml_slice *s,
                       ml_answer *r) {
  image_kind kind = kind_of(q);
  ml_str path = kind != IMAGE_RULES ? ML_NOSTR
                : q->path.n > 0 ? q->path : ML_STR("rules.lua");
  ml_ask load = load_of(q);
  ml_box_limits l = ml_worker_limits(w, &load);
  image *im = image_find(w, b, kind, path);

  if (im != NULL)
    return im;
  images_trim(w);
  im = ml_mem_zero(sizeof *im);
  if (im == NULL || ml_box_new(&l, &im->box) != ML_OK) {
    ml_mem_free(im);
    ml_worker_broke(r, "the worker is short of memory");
    return NULL;
  }
  im->b = b;
  im->kind = kind;
  if (path.p != NULL)
    im->path = (ml_str){ml_arena_dup(&b->arena, path.p, path.n), path.n};
  if (path.p != NULL && im->path.p == NULL) {
    ml_worker_broke(r, "the worker is short of memory");
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
