/*
** cmd_audit.c - moonlane audit: do the stored processes keep the invariants?
**
** The running engine is asked page by page; without one the file is read.  So
** with --repair: the engine mends, or we do, with the store open as an engine's
** own; what follows from it waits there for the next start.
*/
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cmd/audit.h"
#include "cmd/engine.h"
#include "cmd/out.h"
#include "cmd/reach.h"
#include "cmd/verbs.h"
#include "model/process.h"
#include "run/flows.h"

const ml_opt ml_opts_audit[] = {
  {"repair", NULL, "set right what can be, and look again", 0},
  {"timeout", "DURATION", "how long to wait for an answer (65s)", 0},
  ML_REACH_OPTS, {NULL, NULL, NULL, 0}};

void ml_offender_line(ml_buf *b, const ml_offender *o) {
  static const uint8_t none[16];
  char id[ML_ID_MAX] = "(no id)";

  if (memcmp(o->id, none, sizeof none) != 0)
    ml_id_text(id, o->id, 0);
  ml_buf_printf(b, "%s: invariant %d: ", id, o->invariant);
  ml_out_clean(b, ml_str_of(o->what));
}

/* What a pass comes to. */
typedef struct report {
  ml_form form;
  ml_buf items;                  /* JSON, or lines */
  ml_jw w;
  ml_audit_sums sums;
  int64_t *numbers;
  size_t count, cap;
  bool bad;
} report;

static void begin(report *r) {
  ml_buf_reset(&r->items);
  ml_jw_init(&r->w, &r->items);
  if (r->form == ML_FORM_JSON) {
    ml_jw_obj(&r->w);
    ml_jw_key(&r->w, "items");
    ml_jw_arr(&r->w);
  }
  r->sums = (ml_audit_sums){0};
  r->count = 0;
}

/* Each process once, in the order in which it was found. */
static void note_number(report *r, int64_t n) {
  if (r->count > 0 && r->numbers[r->count - 1] == n)
    return;
  if (r->count == r->cap) {
    size_t cap = r->cap > 0 ? r->cap * 2 : 64;
    int64_t *more = ml_mem_realloc(r->numbers, cap * sizeof *more);

    if (more == NULL) {
      r->bad = true;
      return;
    }
    r->numbers = more;
    r->cap = cap;
  }
  r->numbers[r->count++] = n;
}

static void found(void *arg, const ml_offender *o) {
  static const uint8_t none[16];
  report *r = arg;
  char id[ML_ID_MAX];

  note_number(r, o->n);
  if (r->form == ML_FORM_TABLE) {
    ml_offender_line(&r->items, o);
    ml_buf_putc(&r->items, '\n');
    return;
  }
  ml_id_text(id, o->id, 0);
  if (r->form == ML_FORM_JSONL)
    ml_jw_init(&r->w, &r->items);
  ml_jw_obj(&r->w);
  ml_jw_kstrz(&r->w, "process", memcmp(o->id, none, sizeof none) != 0 ? id : NULL);
  ml_jw_kint(&r->w, "number", o->n);
  ml_jw_kint(&r->w, "invariant", o->invariant);
  ml_jw_kstrz(&r->w, "what", o->what);
  ml_jw_end(&r->w);
  if (r->form == ML_FORM_JSONL)
    ml_buf_putc(&r->items, '\n');
}

static int show(report *r) {
  const ml_audit_sums *s = &r->sums;
  int code;

  if (r->bad)
    return ml_out_fail(ML_EXIT_FALSE, "out of memory");
  if (r->form == ML_FORM_TABLE) {
    ml_buf_printf(&r->items, "%" PRId64 " processes: %" PRId64 " open, %" PRId64
                  " completed, %" PRId64 " cancelled; %" PRId64 " incidents; %"
                  PRId64 " records; %" PRId64 " offenders\n", s->processes,
                  s->open, s->completed, s->cancelled, s->incidents, s->records,
                  s->found);
  } else if (r->form == ML_FORM_JSON) {
    ml_jw_end(&r->w);
    ml_jw_kint(&r->w, "processes", s->processes);
    ml_jw_kint(&r->w, "open", s->open);
    ml_jw_kint(&r->w, "completed", s->completed);
    ml_jw_kint(&r->w, "cancelled", s->cancelled);
    ml_jw_kint(&r->w, "incidents", s->incidents);
    ml_jw_kint(&r->w, "records", s->records);
    ml_jw_kint(&r->w, "found", s->found);
    ml_jw_end(&r->w);
    ml_buf_putc(&r->items, '\n');
  }
  code = ml_out_send(&r->items);
  return code == ML_EXIT_FINE && s->found > 0 ? ML_EXIT_FALSE : code;
}

/* ---- of an engine ---- */

static void take_page(report *r, const ml_json *page) {
  const ml_json *items = ml_json_get(page, "items");
  const ml_json *sums = ml_json_get(page, "sums");
  ml_audit_sums s = {
    .processes = ml_json_int(sums, "processes", 0),
    .open = ml_json_int(sums, "open", 0),
    .completed = ml_json_int(sums, "completed", 0),
    .cancelled = ml_json_int(sums, "cancelled", 0),
    .incidents = ml_json_int(sums, "incidents", 0),
    .records = ml_json_int(sums, "records", 0),
    .found = ml_json_int(sums, "found", 0)};

  for (uint32_t i = 0; items != NULL && i < items->count; i++) {
    const ml_json *j = &items->arr[i];
    ml_str what = ml_json_str(j, "what");
    ml_offender o = {.n = ml_json_int(j, "number", 0),
                     .invariant = (int)ml_json_int(j, "invariant", 0)};
    uint32_t no;

    ml_id_of(ml_json_str(j, "process"), o.id, &no);
    if (what.n >= sizeof o.what)
      what.n = sizeof o.what - 1;
    if (what.n > 0)
      memcpy(o.what, what.p, what.n);
    found(r, &o);
  }
  ml_audit_add(&r->sums, &s);
}

static int ask_pages(ml_reach *p, report *r) {
  ml_buf cursor = {0};
  int code = ML_EXIT_FINE;

  begin(r);
  do {
    ml_arena a = {0};
    ml_buf path = {0};
    ml_json *page = NULL;
    ml_str next;

    ml_path(&path, "/v1/audit");
    ml_path_query(&path, "cursor", cursor.len > 0 ? cursor.p : NULL);
    code = ml_remote_call(p->remote, &a, "GET", &path, NULL, &page);
    if (code == ML_EXIT_FINE)
      take_page(r, page);
    ml_buf_reset(&cursor);
    next = ml_json_str(page, "next");
    if (code == ML_EXIT_FINE && next.p != NULL)
      ml_buf_put(&cursor, next.p, next.n);
    r->bad = r->bad || cursor.bad;
    ml_buf_free(&path);
    ml_arena_free(&a);
  } while (code == ML_EXIT_FINE && cursor.len > 0 && !r->bad);
  ml_buf_free(&cursor);
  return code;
}

enum { REPAIRS = 500 };

static int ask_repairs(ml_reach *p, const report *r, int64_t *mended) {
  int code = ML_EXIT_FINE;

  for (size_t i = 0; i < r->count && code == ML_EXIT_FINE; i += REPAIRS) {
    size_t end = i + REPAIRS < r->count ? i + REPAIRS : r->count;
    ml_arena a = {0};
    ml_buf path = {0}, body = {0};
    ml_json *answer = NULL;
    ml_jw w;

    ml_path(&path, "/v1/audit/repairs");
    ml_jw_init(&w, &body);
    ml_jw_obj(&w);
    ml_jw_key(&w, "numbers");
    ml_jw_arr(&w);
    for (size_t k = i; k < end; k++)
      ml_jw_int(&w, r->numbers[k]);
    ml_jw_end(&w);
    ml_jw_end(&w);
    code = ml_remote_call(p->remote, &a, "POST", &path, &body, &answer);
    *mended += ml_json_int(answer, "mended", 0);
    ml_buf_free(&path);
    ml_buf_free(&body);
    ml_arena_free(&a);
  }
  return code;
}

static void say_mended(const report *r, int64_t mended) {
  ml_out_fail(0, "%" PRId64 " found, %" PRId64 " processes set right; what is "
              "left:", r->sums.found, mended);
}

static int by_engine(ml_reach *p, report *r, bool repair) {
  int64_t mended = 0;
  int code = ask_pages(p, r);

  if (code != ML_EXIT_FINE)
    return code;
  if (repair && r->count > 0) {
    code = ask_repairs(p, r, &mended);
    if (code == ML_EXIT_FINE) {
      say_mended(r, mended);
      code = ask_pages(p, r);
    }
  }
  return code == ML_EXIT_FINE ? show(r) : code;
}

/* ---- of a file ---- */

static ml_rc pass(ml_store *s, const char *db, report *r, ml_err *e) {
  ml_flows *f = NULL;
  ml_rc rc = ml_flows_read(s, &f, e);

  begin(r);
  if (rc == ML_OK) {
    rc = ml_flows_audit(s, f, found, r, &r->sums);
    if (rc != ML_OK)
      ml_err_set(e, rc, NULL, "the processes cannot be read (%s); see moonlane "
                 "verify %s", ml_rc_name(rc), db);
  }
  ml_flows_free(f);
  return rc;
}

static ml_rc look(const char *db, report *r, ml_err *e) {
  ml_store_conf conf = {.path = db, .read_only = true};
  ml_store *s = NULL;
  ml_rc rc = ml_store_open(&conf, &s, e);

  if (rc == ML_OK)
    rc = pass(s, db, r, e);
  ml_store_close(s);
  return rc;
}

typedef struct mend_wait {
  ml_engine_wait wait;
  size_t mended;
} mend_wait;

static void mended(void *arg, ml_rc rc, const ml_err *e, size_t count) {
  mend_wait *w = arg;

  w->mended = count;
  ml_engine_done(&w->wait, rc, e);
}

/* The store takes its own lock: ours is let go for it. */
static ml_rc repair_file(ml_reach *p, report *r, ml_err *e) {
  ml_engine g;
  mend_wait w = {.mended = 0};
  ml_rc rc;

  close(p->lock);
  p->lock = -1;
  ml_log_to(2, ML_WARN);
  rc = ml_engine_open_still(&g, p->db, e);
  if (rc != ML_OK)
    return rc;
  ml_run_mend(g.run, r->numbers, r->count, mended, &w);
  ml_engine_until(&g, &w.wait);
  rc = w.wait.rc;
  *e = w.wait.e;
  if (rc == ML_OK) {
    say_mended(r, (int64_t)w.mended);
    rc = pass(g.store, p->db, r, e);
  }
  if (ml_engine_close(&g, NULL, NULL) != ML_OK && rc == ML_OK)
    rc = ml_err_set(e, ML_UNKNOWN, NULL, "a flush to disk failed when the store "
                    "was closed");
  return rc;
}

static int by_file(ml_reach *p, report *r, bool repair) {
  ml_err e = {0};
  ml_rc rc = look(p->db, r, &e);

  if (rc == ML_OK && r->bad)
    return show(r);
  if (rc == ML_OK && repair && r->count > 0)
    rc = repair_file(p, r, &e);
  return rc == ML_OK ? show(r) : ml_out_error(ml_out_code(rc), &e);
}

int ml_cmd_audit(const ml_args *a) {
  bool repair = ml_args_flag(a, "repair");
  report r = {0};
  ml_reach p;
  ml_err e = {0};
  int code;

  if (ml_out_form(a, &r.form, &e) != ML_OK)
    return ml_out_error(ML_EXIT_USAGE, &e);
  code = ml_reach_open(&p, a);
  if (code == ML_EXIT_FINE)
    code = p.remote != NULL ? by_engine(&p, &r, repair)
                            : by_file(&p, &r, repair);
  ml_reach_close(&p);
  ml_buf_free(&r.items);
  ml_mem_free(r.numbers);
  return code;
}
