/* test_run.c - from a folder to the results of its tests. */
#include "cmd/test_run.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "cmd/files.h"
#include "cmd/test_suite.h"
#include "cmd/torture.h"
#include "run/library.h"

enum { TEST_FILE_MAX = 1 << 20, SOURCES_ROOM = 400 };

/* ---- results ---- */

int64_t ml_suite_ms(void) {
  ml_clock *clock = ml_clock_system();

  return clock->mono_ms(clock);
}

void ml_suite_tell(ml_suite *s, ml_str name, int64_t since_ms, ml_str at,
                   ml_str text, ml_str timeline, const ml_tortured *tortured) {
  ml_test_result r = {.name = name, .ok = text.p == NULL,
                      .ms = ml_suite_ms() - since_ms, .at = at, .text = text,
                      .timeline = timeline, .tortured = tortured};

  s->fn(s->arg, &r);
}

static void tell(ml_suite *s, ml_str name, int64_t since_ms, ml_str at,
                 ml_str text, ml_str timeline) {
  ml_suite_tell(s, name, since_ms, at, text, timeline, NULL);
}

static void take_fault(void *arg, const char *at, const char *text) {
  ml_buf *b = arg;

  ml_buf_printf(b, "%s%s: %s", b->len > 0 ? "\n" : "", at, text);
}

ml_world *ml_suite_world(ml_suite *s, ml_str name, const ml_fault *fault) {
  int64_t since = ml_suite_ms();
  ml_buf faults = {0};
  ml_world *w = NULL;
  ml_err e = {0};

  if (ml_world_new(&s->t->lab, s->dir, fault, take_fault, &faults, &w, &e) != ML_OK)
    tell(s, name, since, ml_str_of(e.at),
         faults.len > 0 ? (ml_str){faults.p, faults.len} : ml_str_of(e.text),
         ML_NOSTR);
  if (w == NULL && e.rc == ML_TIMEOUT)
    s->t->lost = true;
  ml_buf_free(&faults);
  return w;
}

void ml_suite_free_world(ml_suite *s, ml_world *w) {
  if (!ml_world_free(w))
    s->t->lost = true;
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
static ml_rc gather(ml_suite *s, ml_world *w, ml_source *src, size_t *n) {
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

static ml_rc make_bundle(ml_suite *s, ml_world *w, ml_str test_lua, ml_err *e) {
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

static ml_rc ask(ml_suite *s, ml_arena *a, const char *mode, ml_str path,
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

/* Not worth doing again: it only looks. */
static bool only_looks(ml_str op) {
  static const char *const list[] = {"now", "tasks", "processes", "read",
    "activity", "activities", "history", "logs", "comments", "calls", "mails",
    "transaction", "transactions", "fixture", "ends", NULL};

  for (size_t i = 0; list[i] != NULL; i++)
    if (ml_str_is(op, list[i]))
      return true;
  return false;
}

/* Keep an operation that was done. */
static bool record(ml_play *p, ml_world *w, ml_str want, const ml_buf *answer) {
  ml_json *v = NULL;
  ml_recorded *list = p->ops;

  if (p->record == NULL || answer->len < 5 ||
      memcmp(answer->p, "{\"ok\"", 5) != 0 ||
      ml_json_parse(&w->arena, want.p, want.n, NULL, &v, NULL) != ML_OK ||
      only_looks(ml_json_str(v, "op")))
    return true;
  if (p->op_count == p->op_cap) {
    p->op_cap = p->op_cap > 0 ? p->op_cap * 2 : 32;
    list = ml_arena_alloc(p->record, sizeof *list * p->op_cap);
    if (list == NULL)
      return false;
    if (p->op_count > 0)
      memcpy(list, p->ops, sizeof *list * p->op_count);
    p->ops = list;
  }
  list[p->op_count].want = (ml_str){ml_arena_dup(p->record, want.p, want.n),
                                    want.n};
  list[p->op_count].op = w->ops;
  return list[p->op_count++].want.p != NULL;
}

/* Slice by slice to its end; *r is the last answer. */
static ml_rc play(ml_suite *s, ml_world *w, ml_str path, ml_play *p,
                  ml_answer *r, ml_err *e) {
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
    if (!add_answer(&w->arena, &x, r, &answer) ||
        !record(p, w, r->want, &answer)) {
      rc = ml_err_set(e, ML_NOMEM, "", "memory is short");
      break;
    }
  }
  ml_buf_free(&answer);
  return rc;
}

void ml_suite_judge(ml_world *w, ml_buf *why) {
  ml_str fault = ml_fake_fault(w->fake);

  if (fault.p != NULL)
    ml_buf_put(why, fault.p, fault.n);
  else
    ml_fake_unused(w->fake, why);
}

/* Why a test that came to its end is none that passed; "" when it is. */
static void judge(ml_suite *s, ml_world *w, const ml_answer *r, ml_play *p) {
  if (r->end != ML_END_RETURNED)
    ml_buf_put(&p->why, r->text.p, r->text.n);
  else
    ml_suite_judge(w, &p->why);
  if (r->at.p != NULL)
    p->at = (ml_str){ml_arena_dup(&s->arena, r->at.p, r->at.n), r->at.n};
}

/* {"ok": ...} of w:ends(), as it is. */
void ml_suite_end(ml_world *w, ml_play *p) {
  ml_test_op(w, ML_STR("{\"op\":\"ends\",\"args\":[]}"), &p->end);
}

void ml_suite_note(const ml_torture *x, ml_play *p) {
  if (x == NULL)
    return;
  memcpy(p->met, x->met, sizeof p->met);
  p->fired = x->fired;
  p->unfit = x->unfit;
  p->fired_op = x->fired_op;
  p->fired_nth = x->fired_nth;
}

bool ml_suite_ids(ml_world *w, ml_arena *a, ml_str **ids, size_t *count) {
  ml_op o = {.w = w, .a = &w->arena};
  ml_row_process *list;

  if (ml_op_read_all(&o, &list, count) != ML_OK)
    return false;
  *ids = ml_arena_alloc(a, sizeof **ids * (*count + 1));
  for (size_t i = 0; *ids != NULL && i < *count; i++) {
    char id[ML_ID_MAX];

    ml_id_text(id, list[i].id, 0);
    (*ids)[i] = (ml_str){ml_arena_dup(a, id, strlen(id)), strlen(id)};
    if ((*ids)[i].p == NULL)
      return false;
  }
  return *ids != NULL;
}

bool ml_suite_play(ml_suite *s, ml_str name, size_t number, ml_play *p) {
  ml_world *w;
  ml_answer r = {0};
  ml_err e = {0};
  char path[24];
  ml_rc rc;

  s->t->lab.shift_ms = p->shift_ms;
  w = ml_suite_world(s, name, p->fault);
  s->t->lab.shift_ms = 0;
  if (w == NULL)
    return false;
  snprintf(path, sizeof path, "%zu", number);
  rc = play(s, w, ml_str_of(path), p, &r, &e);
  if (rc == ML_OK)
    judge(s, w, &r, p);
  else
    ml_buf_puts(&p->why, e.text);
  ml_suite_note(w->torture, p);
  if (rc != ML_TIMEOUT && p->why.len > 0)
    ml_test_timeline(w, &p->timeline);
  else if (p->wants_end && !w->lost)
    ml_suite_end(w, p);
  if (p->record != NULL && !w->lost && rc == ML_OK &&
      !ml_suite_ids(w, p->record, &p->ids, &p->id_count))
    p->op_count = 0;
  if (rc == ML_TIMEOUT)
    w->lost = true;
  ml_suite_free_world(s, w);
  return true;
}

void ml_play_free(ml_play *p) {
  ml_buf_free(&p->why);
  ml_buf_free(&p->timeline);
  ml_buf_free(&p->end);
}

static void run_test(ml_suite *s, ml_str name, size_t number) {
  int64_t since = ml_suite_ms();
  ml_play p = {.wants_end = s->torture != NULL};

  if (!ml_suite_play(s, name, number, &p))
    return;
  if (s->torture != NULL && p.why.len == 0)
    ml_torture_test(s, name, number, since, &p.end);
  else
    tell(s, name, since, p.at.p != NULL ? p.at : ML_STR(""),
         p.why.len > 0 ? (ml_str){p.why.p, p.why.len} : ML_NOSTR,
         (ml_str){p.timeline.p, p.timeline.len});
  ml_play_free(&p);
}

/* ---- a folder ---- */

static ml_rc names(ml_suite *s, const ml_json **out) {
  int64_t since = ml_suite_ms();
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

static bool wanted(const ml_suite *s, ml_str name) {
  return s->only == NULL || s->only[0] == '\0' ||
         (name.n > 0 && memmem(name.p, name.n, s->only, strlen(s->only)) != NULL);
}

/* The bundle must come into force, or nothing can be tested. */
static ml_rc ready(ml_suite *s, ml_str test_lua, ml_err *e) {
  ml_world *w = ml_suite_world(s, ML_STR("the workflow can be loaded"), NULL);
  ml_rc rc;

  if (w == NULL)
    return ML_INVALID;
  rc = make_bundle(s, w, test_lua, e);
  ml_suite_free_world(s, w);
  return rc;
}

static ml_rc run_suite(ml_suite *s, ml_str test_lua, ml_err *e) {
  const ml_json *list = NULL;
  ml_rc rc = ready(s, test_lua, e);

  if (rc == ML_OK)
    rc = names(s, &list);
  for (uint32_t i = 0; rc == ML_OK && i < list->count && !s->t->lost; i++)
    if (wanted(s, list->arr[i].s))
      run_test(s, list->arr[i].s, i + 1);
  if (s->t->lost)
    rc = ml_err_set(e, ML_TIMEOUT, s->dir, "a test did not come to rest; the "
                    "others were not run");
  else if (rc == ML_INVALID)
    rc = ML_OK;                            /* told as a result */
  ml_arena_free(&s->arena);
  return rc;
}

ml_rc ml_tests_folder(ml_tests *t, const char *dir, const char *only,
                      const ml_torture_conf *torture, ml_test_fn *fn, void *arg,
                      ml_err *e) {
  char path[1000];
  ml_suite s = {.t = t, .dir = dir, .file = path, .only = only,
                .torture = torture, .fn = fn, .arg = arg};
  ml_buf text = {0};
  ml_rc rc;

  snprintf(path, sizeof path, "%s/test.lua", dir);
  rc = ml_file_read(path, TEST_FILE_MAX, &text, e);
  if (rc == ML_OK)
    rc = run_suite(&s, (ml_str){text.p != NULL ? text.p : "", text.len}, e);
  ml_buf_free(&text);
  return rc;
}

/* "-- tests FOLDER" of the first line, as seen from the file's folder. */
static ml_rc folder_of(const char *file, ml_str text, char *dir, size_t size,
                       ml_err *e) {
  static const char mark[] = "-- tests ";
  const char *slash = strrchr(file, '/');
  const char *stop = text.n > 0 ? memchr(text.p, '\n', text.n) : NULL;
  size_t n = sizeof mark - 1;
  int up = slash != NULL ? (int)(slash + 1 - file) : 0, len;

  if (stop == NULL || text.n <= n || memcmp(text.p, mark, n) != 0)
    return ml_err_set(e, ML_INVALID, file, "a test file that stands by itself "
                      "says in its first line which folder it tests: "
                      "-- tests FOLDER");
  if (text.p[n] == '/')
    up = 0;
  len = snprintf(dir, size, "%.*s%.*s", up, file,
                 (int)(stop - text.p - (ptrdiff_t)n), text.p + n);
  return len > 0 && (size_t)len < size
             ? ML_OK
             : ml_err_set(e, ML_LIMIT, file, "the folder it tests has a name "
                          "that is too long");
}

ml_rc ml_tests_file(ml_tests *t, const char *file, const char *only,
                    const ml_torture_conf *torture, ml_test_fn *fn, void *arg,
                    ml_err *e) {
  char dir[1000];
  ml_suite s = {.t = t, .dir = dir, .file = file, .only = only,
                .torture = torture, .fn = fn, .arg = arg};
  ml_buf text = {0};
  ml_rc rc = ml_file_read(file, TEST_FILE_MAX, &text, e);

  if (rc == ML_OK)
    rc = folder_of(file, (ml_str){text.p, text.len}, dir, sizeof dir, e);
  if (rc == ML_OK)
    rc = run_suite(&s, (ml_str){text.p, text.len}, e);
  ml_buf_free(&text);
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
