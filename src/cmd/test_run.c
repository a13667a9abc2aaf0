/* test_run.c - from a folder to the results of its tests. */
#include "cmd/test_run.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "cmd/files.h"
#include "cmd/test_op.h"
#include "cmd/test_world.h"
#include "run/library.h"

enum { TEST_FILE_MAX = 1 << 20, SOURCES_ROOM = 400 };

struct ml_tests {
  ml_lab lab;
  bool lost;                     /* a world was: nothing more can be run */
};

/* One folder. */
typedef struct suite {
  ml_tests *t;
  const char *dir;
  const char *only;
  ml_test_fn *fn;
  void *arg;
  ml_arena arena;
  uint8_t bundle[32];            /* of the tests */
} suite;

/* ---- results ---- */

static int64_t real_ms(void) {
  ml_clock *clock = ml_clock_system();

  return clock->mono_ms(clock);
}

static void tell(suite *s, ml_str name, int64_t since_ms, ml_str at,
                 ml_str text, ml_str timeline) {
  ml_test_result r = {.name = name, .ok = text.p == NULL,
                      .ms = real_ms() - since_ms, .at = at, .text = text,
                      .timeline = timeline};

  s->fn(s->arg, &r);
}

static void take_fault(void *arg, const char *at, const char *text) {
  ml_buf *b = arg;

  ml_buf_printf(b, "%s%s: %s", b->len > 0 ? "\n" : "", at, text);
}

/* A world, or a failed result called `name`. */
static ml_world *new_world(suite *s, ml_str name) {
  int64_t since = real_ms();
  ml_buf faults = {0};
  ml_world *w = NULL;
  ml_err e = {0};

  if (ml_world_new(&s->t->lab, s->dir, take_fault, &faults, &w, &e) != ML_OK)
    tell(s, name, since, ml_str_of(e.at),
         faults.len > 0 ? (ml_str){faults.p, faults.len} : ml_str_of(e.text),
         ML_NOSTR);
  if (w == NULL && e.rc == ML_TIMEOUT)
    s->t->lost = true;
  ml_buf_free(&faults);
  return w;
}

/* ---- the bundle of the tests ---- */

typedef struct reading {
  ml_arena *a;
  uint32_t no;
  ml_row_bundle row;
  ml_rc rc;
} reading;

static void work_bundle(void *arg, ml_read *rd) {
  reading *r = arg;

  r->rc = ml_read_bundle(rd, r->a, r->no, &r->row);
}

static bool named(const ml_source *src, size_t n, ml_str name) {
  for (size_t i = 0; i < n; i++)
    if (ml_str_eq(src[i].name, name))
      return true;
  return false;
}

/* The folder's sources as its bundle holds them, the whole library and
** test.lua. */
static ml_rc gather(suite *s, ml_world *w, ml_source *src, size_t *n) {
  reading r = {.a = &s->arena, .rc = ML_IO};
  ml_unpack u;
  ml_rc rc;

  for (size_t i = 0; i < ml_run_workflow_count(w->run); i++)
    if (ml_run_workflow_at(w->run, i)->bundle > 0)
      r.no = ml_run_workflow_at(w->run, i)->bundle;
  rc = ml_world_read(w, work_bundle, &r);
  if (rc != ML_OK || r.rc != ML_OK)
    return rc != ML_OK ? rc : r.rc;
  u = ml_unpack_of(r.row.sources.p, r.row.sources.n);
  for (uint64_t k = ml_unpack_u32(&u, SOURCES_ROOM / 2); k > 0; k--) {
    src[*n].name = ml_unpack_str(&u);
    src[(*n)++].text = ml_unpack_str(&u);
  }
  if (!ml_unpack_end(&u))
    return ML_CORRUPT;
  for (size_t i = 0; i < ml_library_count && *n < SOURCES_ROOM; i++)
    if (!named(src, *n, ml_library[i].name))
      src[(*n)++] = ml_library[i];
  return ML_OK;
}

static ml_rc make_bundle(suite *s, ml_world *w, ml_str test_lua, ml_err *e) {
  ml_source *src = ml_arena_zero(&s->arena, sizeof *src * (SOURCES_ROOM + 1));
  size_t n = 0;
  ml_sha *h;
  ml_rc rc = src != NULL ? gather(s, w, src, &n) : ML_NOMEM;

  if (rc == ML_OK) {
    src[n++] = (ml_source){ML_STR("test.lua"), test_lua};
    h = ml_sha_open();
    for (size_t i = 0; i < n; i++) {
      ml_sha_add(h, &src[i].name.n, sizeof src[i].name.n);
      ml_sha_add(h, src[i].name.p, src[i].name.n);
      ml_sha_add(h, &src[i].text.n, sizeof src[i].text.n);
      ml_sha_add(h, src[i].text.p, src[i].text.n);
    }
    rc = ml_sha_close(h, s->bundle);
  }
  if (rc == ML_OK)
    rc = s->t->lab.script->bundle(s->t->lab.script, s->bundle, src, n);
  if (rc != ML_OK)
    ml_err_set(e, rc, "", "the tests cannot be made ready (%s)", ml_rc_name(rc));
  return rc;
}

/* ---- one test ---- */

typedef struct script {          /* of one test, so far */
  ml_entry *journal;
  size_t count, cap;
} script;

static bool add_answer(ml_arena *a, script *x, const ml_answer *want,
                       const ml_buf *answer) {
  ml_entry *e;

  if (x->count == x->cap) {
    size_t cap = x->cap > 0 ? x->cap * 2 : 32;
    ml_entry *list = ml_arena_alloc(a, sizeof *list * cap);

    if (list == NULL)
      return false;
    if (x->count > 0)
      memcpy(list, x->journal, sizeof *list * x->count);
    x->journal = list;
    x->cap = cap;
  }
  e = &x->journal[x->count++];
  e->call = want->want_call;
  e->kind = want->want_kind;
  memcpy(e->hash, want->want_hash, sizeof e->hash);
  e->answer.p = ml_arena_dup(a, answer->p, answer->len);
  e->answer.n = answer->len;
  return !answer->bad && e->answer.p != NULL;
}

static ml_rc ask(suite *s, ml_arena *a, const char *mode, ml_str path,
                 const script *x, ml_answer *out) {
  ml_ask q = {.kind = ML_ASK_TEST, .mode = ml_str_of(mode), .path = path,
              .key = ML_STR("test"), .data = ML_STR("{}"),
              .settings = ML_STR("{}"), .process = ML_STR("{}"),
              .now_ms = s->t->lab.wall_ms, .count_units = true};

  memcpy(q.bundle, s->bundle, sizeof q.bundle);
  if (x != NULL) {
    q.journal = x->journal;
    q.journal_count = x->count;
  }
  return ml_lab_ask(&s->t->lab, &q, a, out);
}

/* Slice by slice to its end; *r is the last answer. */
static ml_rc play(suite *s, ml_world *w, ml_str path, ml_answer *r,
                  ml_err *e) {
  ml_buf answer = {0};
  script x = {0};
  ml_rc rc;

  for (;;) {
    rc = ask(s, &w->arena, "run", path, &x, r);
    if (rc != ML_OK) {
      ml_err_set(e, rc, "", rc == ML_TIMEOUT ? "its worker gave no answer"
                                              : "its script cannot be asked");
      break;
    }
    if (r->end != ML_END_WANT)
      break;
    if (r->want_kind != ML_CALL_OP) {
      rc = ml_err_set(e, ML_INVALID, "", "a test cannot call ctx");
      break;
    }
    ml_test_op(w, r->want, &answer);
    if (w->lost) {
      rc = ml_err_set(e, ML_TIMEOUT, "", "%s", answer.p != NULL ? answer.p : "");
      break;
    }
    if (!add_answer(&w->arena, &x, r, &answer)) {
      rc = ml_err_set(e, ML_NOMEM, "", "memory is short");
      break;
    }
  }
  ml_buf_free(&answer);
  return rc;
}

/* Why a test that came to its end is none that passed; "" when it is. */
static void judge(ml_world *w, const ml_answer *r, ml_buf *why) {
  ml_str fault = ml_fake_fault(w->fake);

  if (r->end != ML_END_RETURNED)
    ml_buf_put(why, r->text.p, r->text.n);
  else if (fault.p != NULL)
    ml_buf_put(why, fault.p, fault.n);
  else
    ml_fake_unused(w->fake, why);
}

static void run_test(suite *s, ml_str name, size_t number) {
  int64_t since = real_ms();
  ml_world *w = new_world(s, name);
  ml_buf why = {0}, timeline = {0};
  ml_answer r = {0};
  ml_err e = {0};
  char path[24];
  ml_rc rc;

  if (w == NULL)
    return;
  snprintf(path, sizeof path, "%zu", number);
  rc = play(s, w, ml_str_of(path), &r, &e);
  if (rc == ML_OK)
    judge(w, &r, &why);
  else
    ml_buf_puts(&why, e.text);
  if (why.len > 0)
    ml_test_timeline(w, &timeline);
  tell(s, name, since, rc == ML_OK && r.at.p != NULL ? r.at : ML_STR(""),
       why.len > 0 ? (ml_str){why.p, why.len} : ML_NOSTR,
       (ml_str){timeline.p, timeline.len});
  if (rc == ML_TIMEOUT)
    w->lost = true;
  if (!ml_world_free(w))
    s->t->lost = true;
  ml_buf_free(&why);
  ml_buf_free(&timeline);
}

/* ---- a folder ---- */

static ml_rc names(suite *s, const ml_json **out) {
  int64_t since = real_ms();
  ml_answer r = {0};
  ml_json *v = NULL;
  ml_rc rc = ask(s, &s->arena, "list", ML_NOSTR, NULL, &r);

  if (rc == ML_OK && r.end != ML_END_RETURNED) {
    tell(s, ML_STR("test.lua"), since, r.at.p != NULL ? r.at : ML_STR(""),
         r.text.p != NULL ? r.text : ML_STR("it broke"), ML_NOSTR);
    return ML_INVALID;
  }
  if (rc == ML_OK)
    rc = ml_json_parse(&s->arena, r.text.p, r.text.n, NULL, &v, NULL);
  if (rc != ML_OK)
    tell(s, ML_STR("test.lua"), since, ML_STR(""),
         ML_STR("the names of its tests cannot be read"), ML_NOSTR);
  *out = v;
  return rc;
}

static bool wanted(const suite *s, ml_str name) {
  return s->only == NULL || s->only[0] == '\0' ||
         (name.n > 0 && memmem(name.p, name.n, s->only, strlen(s->only)) != NULL);
}

/* The bundle must come into force, or nothing can be tested. */
static ml_rc ready(suite *s, ml_str test_lua, ml_err *e) {
  ml_world *w = new_world(s, ML_STR("the workflow can be loaded"));
  ml_rc rc;

  if (w == NULL)
    return ML_INVALID;
  rc = make_bundle(s, w, test_lua, e);
  if (!ml_world_free(w))
    s->t->lost = true;
  return rc;
}

ml_rc ml_tests_folder(ml_tests *t, const char *dir, const char *only,
                      ml_test_fn *fn, void *arg, ml_err *e) {
  suite s = {.t = t, .dir = dir, .only = only, .fn = fn, .arg = arg};
  ml_buf test_lua = {0};
  const ml_json *list = NULL;
  char path[1000];
  ml_rc rc;

  snprintf(path, sizeof path, "%s/test.lua", dir);
  rc = ml_file_read(path, TEST_FILE_MAX, &test_lua, e);
  if (rc == ML_OK)
    rc = ready(&s, (ml_str){test_lua.p != NULL ? test_lua.p : "", test_lua.len},
               e);
  if (rc == ML_OK)
    rc = names(&s, &list);
  for (uint32_t i = 0; rc == ML_OK && i < list->count && !t->lost; i++)
    if (wanted(&s, list->arr[i].s))
      run_test(&s, list->arr[i].s, i + 1);
  if (t->lost)
    rc = ml_err_set(e, ML_TIMEOUT, dir, "a test did not come to rest; the "
                    "others were not run");
  else if (rc == ML_INVALID)
    rc = ML_OK;                            /* told as a result */
  ml_arena_free(&s.arena);
  ml_buf_free(&test_lua);
  return rc;
}

ml_rc ml_tests_open(bool insecure, const ml_bounds *limits, ml_tests **out,
                    ml_err *e) {
  ml_tests *t = ml_mem_zero(sizeof *t);
  ml_rc rc;

  *out = NULL;
  if (t == NULL)
    return ml_err_set(e, ML_NOMEM, "", "memory is short");
  rc = ml_lab_open(&t->lab, insecure, limits, e);
  if (rc != ML_OK)
    ml_mem_free(t);
  else
    *out = t;
  return rc;
}

void ml_tests_close(ml_tests *t) {
  if (t == NULL)
    return;
  if (!t->lost)                            /* else its memory is still asked for */
    ml_lab_close(&t->lab);
  ml_mem_free(t);
}
