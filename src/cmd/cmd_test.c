/* cmd_test.c - `moonlane test`: the workflows' own tests. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "cmd/bounds.h"
#include "cmd/out.h"
#include "cmd/test_run.h"
#include "cmd/verbs.h"

enum { FOLDERS_MAX = 1000, PATH_MAX_ = 900, RUNS_MAX = 1000000 };

const ml_opt ml_opts_test[] = {
  {"only", "TEXT", "run the tests whose name holds TEXT", 0},
  {"torture", NULL, "run each test again with faults at its boundaries", 0},
  {"runs", "N", "with --torture: faults tried of one test, or all; 7, of a test "
   "with many boundaries 2", 0},
  {"seed", "N", "with --torture: which ones; 1", 0},
  {"fault", "KIND:N", "torture with this one alone: crash-after:7", 0},
  {"out", "DIR", "with --torture: where files of failures go; here", 0},
  {"insecure-scripts", NULL, "go on where the kernel has no jail for scripts",
   0},
  {NULL, NULL, NULL, 0}};

typedef enum form { LINES, JSON, TAP } form;

typedef struct report {
  form form;
  const ml_torture_conf *torture;          /* or NULL */
  ml_buf out;
  ml_jw w;
  const char *folder;            /* its name */
  bool is_file;                  /* it is a file of tests */
  size_t number;                 /* of all */
  size_t passed, failed;         /* of this folder */
  size_t all_passed, all_failed;
  ml_buf lines;                  /* of this folder, for people: tortured tests */
  ml_buf failures;               /* the same: what failed */
} report;

/* ---- what is said ---- */

/* Each line of a text with `mark` before it. */
static void put_lines(ml_buf *b, const char *mark, ml_str text) {
  const char *p = text.p, *end = ml_str_end(text);

  while (p < end) {
    const char *stop = memchr(p, '\n', (size_t)(end - p));
    ml_str line = {p, (size_t)((stop != NULL ? stop : end) - p)};

    ml_buf_puts(b, mark);
    ml_out_clean(b, line);
    ml_buf_putc(b, '\n');
    p = stop != NULL ? stop + 1 : end;
  }
}

/* "# " and '\' would end or bend a TAP description. */
static void put_tap_name(ml_buf *b, ml_str s) {
  for (size_t i = 0; i < s.n; i++) {
    if (s.p[i] == '#' || s.p[i] == '\\')
      ml_buf_putc(b, '\\');
    ml_buf_putc(b, s.p[i] == '\n' ? ' ' : s.p[i]);
  }
}

/* Where in the folder; of a file that stands by itself, the line of it. */
static void put_at(ml_buf *b, const report *r, ml_str at) {
  static const char own[] = "test.lua";
  size_t n = sizeof own - 1;

  if (r->is_file && at.n > n && memcmp(at.p, own, n) == 0)
    ml_buf_printf(b, "%s%.*s", r->folder, (int)(at.n - n), at.p + n);
  else
    ml_buf_printf(b, "%s/%.*s", r->folder, (int)at.n, at.p);
}

static void put_place(ml_buf *b, const report *r, ml_str at) {
  if (at.n == 0)
    return;
  put_at(b, r, at);
  ml_buf_puts(b, ": ");
}

/* "12 of 84 faults: crash-before 2, twice 4; 1 not fit (...)" */
static void put_tried(ml_buf *b, const ml_tortured *x) {
  uint32_t tried = 0, there = 0;
  bool first = true;

  for (int k = 0; k < ML_FAULT_KINDS; k++) {
    tried += x->tried[k];
    there += x->there[k];
  }
  ml_buf_printf(b, "%u of %u faults", tried, there);
  for (int k = 0; k < ML_FAULT_KINDS; k++)
    if (x->tried[k] > 0) {
      ml_buf_printf(b, "%s%s %u", first ? ": " : ", ",
                    ml_fault_name((ml_fault_kind)k), x->tried[k]);
      first = false;
    }
  if (x->unfit > 0)
    ml_buf_printf(b, "; %u not fit (%s)", x->unfit, x->why_unfit);
}

static void say_tap(report *r, const ml_test_result *t) {
  ml_buf_printf(&r->out, "%s %zu - %s: ", t->ok ? "ok" : "not ok", r->number,
                r->folder);
  put_tap_name(&r->out, t->name);
  ml_buf_putc(&r->out, '\n');
  if (t->tortured != NULL) {
    ml_buf_puts(&r->out, "# ");
    put_tried(&r->out, t->tortured);
    ml_buf_putc(&r->out, '\n');
  }
  if (t->ok)
    return;
  if (t->at.n > 0) {
    ml_buf_puts(&r->out, "# ");
    put_at(&r->out, r, t->at);
    ml_buf_putc(&r->out, '\n');
  }
  put_lines(&r->out, "# ", t->text);
  put_lines(&r->out, "# ", t->timeline);
}

static void put_counts(ml_jw *w, const char *key, const uint32_t *counts) {
  ml_jw_key(w, key);
  ml_jw_obj(w);
  for (int k = ML_FAULT_NONE + 1; k < ML_FAULT_KINDS; k++)
    ml_jw_kint(w, ml_fault_name((ml_fault_kind)k), counts[k]);
  ml_jw_end(w);
}

static void say_tortured(ml_jw *w, const ml_tortured *x) {
  put_counts(w, "tried", x->tried);
  put_counts(w, "there", x->there);
  ml_jw_kint(w, "unfit", x->unfit);
  ml_jw_kint(w, "failedFaults", x->failed);
  if (x->failed == 0)
    return;
  ml_jw_key(w, "fault");
  ml_jw_obj(w);
  ml_jw_kstrz(w, "kind", ml_fault_name(x->fault.kind));
  ml_jw_kstrz(w, "at", ml_fault_at_name(ml_fault_where(x->fault.kind)));
  ml_jw_kint(w, "n", x->fault.n);
  ml_jw_kint(w, "of", x->of);
  ml_jw_end(w);
  ml_jw_kstrz(w, "file", x->file);
}

static void say_json(report *r, const ml_test_result *t) {
  ml_jw_obj(&r->w);
  ml_jw_kstr(&r->w, "name", t->name);
  ml_jw_kbool(&r->w, "ok", t->ok);
  ml_jw_kint(&r->w, "ms", t->ms);
  if (!t->ok) {
    ml_jw_kstr(&r->w, "at", t->at);
    ml_jw_kstr(&r->w, "message", t->text);
    ml_jw_kstr(&r->w, "timeline", t->timeline);
  }
  if (t->tortured != NULL)
    say_tortured(&r->w, t->tortured);
  ml_jw_end(&r->w);
}

static void say_lines(report *r, const ml_test_result *t) {
  if (t->tortured != NULL) {
    ml_buf_puts(&r->lines, "  ");
    ml_out_clean(&r->lines, t->name);
    ml_buf_puts(&r->lines, ": ");
    put_tried(&r->lines, t->tortured);
    ml_buf_puts(&r->lines, t->ok ? "\n" : "; FAILED\n");
  }
  if (t->ok)
    return;
  ml_buf_puts(&r->failures, "\nFAILED ");
  ml_out_clean(&r->failures, t->name);
  ml_buf_puts(&r->failures, "\n  ");
  put_place(&r->failures, r, t->at);
  {
    ml_buf text = {0};

    put_lines(&text, "  ", t->text);
    ml_buf_puts(&r->failures, text.p != NULL ? text.p + 2 : "\n");
    ml_buf_free(&text);
  }
  put_lines(&r->failures, "  ", t->timeline);
}

static void took(void *arg, const ml_test_result *t) {
  report *r = arg;

  r->number++;
  if (t->ok)
    r->passed++;
  else
    r->failed++;
  if (r->form == TAP)
    say_tap(r, t);
  else if (r->form == JSON)
    say_json(r, t);
  else
    say_lines(r, t);
}

/* ---- folders ---- */

static bool is_file(const char *path) {
  struct stat st;

  return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static int64_t now_ms(void) {
  ml_clock *clock = ml_clock_system();

  return clock->mono_ms(clock);
}

static ml_rc test_folder(ml_tests *t, report *r, const char *dir,
                         const char *only, ml_err *e) {
  char full[PATH_MAX_ + 1];
  const char *slash;
  int64_t since = now_ms(), took_ms;
  ml_rc rc;

  snprintf(full, sizeof full, "%s", dir);
  while (strlen(full) > 1 && full[strlen(full) - 1] == '/')
    full[strlen(full) - 1] = '\0';
  slash = strrchr(full, '/');
  r->folder = slash != NULL && slash[1] != '\0' ? slash + 1 : full;
  r->is_file = is_file(dir);
  r->passed = r->failed = 0;
  if (r->form == JSON) {
    ml_jw_obj(&r->w);
    ml_jw_kstrz(&r->w, "workflow", r->folder);
    ml_jw_key(&r->w, "tests");
    ml_jw_arr(&r->w);
  }
  rc = r->is_file
           ? ml_tests_file(t, dir, only, r->torture, took, r, e)
           : ml_tests_folder(t, dir, only, r->torture, took, r, e);
  took_ms = now_ms() - since;
  if (r->form == JSON) {
    ml_jw_end(&r->w);
    ml_jw_kint(&r->w, "passed", (int64_t)r->passed);
    ml_jw_kint(&r->w, "failed", (int64_t)r->failed);
    ml_jw_kint(&r->w, "ms", took_ms);
    ml_jw_end(&r->w);
  } else if (r->form == LINES && rc == ML_OK) {
    ml_buf_printf(&r->out, "%s: %zu passed, %zu failed (%lld.%02lld s)\n",
                  r->folder, r->passed, r->failed, (long long)(took_ms / 1000),
                  (long long)(took_ms % 1000 / 10));
    ml_buf_put(&r->out, r->lines.p, r->lines.len);
    ml_buf_put(&r->out, r->failures.p, r->failures.len);
    ml_buf_reset(&r->lines);
    ml_buf_reset(&r->failures);
  }
  r->all_passed += r->passed;
  r->all_failed += r->failed;
  return rc;
}

static bool has(const char *dir, const char *file) {
  char path[PATH_MAX_ + 400];
  struct stat st;

  snprintf(path, sizeof path, "%s/%s", dir, file);
  return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static int by_bytes(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The folder itself, or the folders in it, that have a test.lua. */
static size_t find_folders(const char *dir, char **out, size_t max) {
  DIR *d;
  struct dirent *de;
  size_t n = 0;

  if (is_file(dir)) {
    out[n++] = ml_mem_strdup(dir);
    return n;
  }
  if (has(dir, "workflow.lua")) {
    if (has(dir, "test.lua"))
      out[n++] = ml_mem_strdup(dir);
    return n;
  }
  d = opendir(dir);
  while (d != NULL && (de = readdir(d)) != NULL && n < max) {
    char path[PATH_MAX_ + 300];

    if (de->d_name[0] == '.' || strlen(dir) > PATH_MAX_ - 260)
      continue;
    snprintf(path, sizeof path, "%s/%s", dir, de->d_name);
    if (has(path, "workflow.lua") && has(path, "test.lua"))
      out[n++] = ml_mem_strdup(path);
  }
  if (d != NULL)
    closedir(d);
  qsort(out, n, sizeof *out, by_bytes);
  return n;
}

static int test_under(ml_tests *t, report *r, const char *dir,
                      const char *only) {
  char *folders[FOLDERS_MAX];
  size_t n = strlen(dir) < PATH_MAX_ ? find_folders(dir, folders, FOLDERS_MAX)
                                     : 0;
  int code = ML_EXIT_FINE;

  if (n == 0)
    return ml_out_fail(ML_EXIT_NOT_FOUND, "%.200s: no folder with a workflow.lua "
                       "and a test.lua is here", dir);
  for (size_t i = 0; i < n && code == ML_EXIT_FINE; i++) {
    ml_err e = {0};

    if (folders[i] == NULL)
      code = ml_out_fail(ML_EXIT_FALSE, "memory is short");
    else if (test_folder(t, r, folders[i], only, &e) != ML_OK)
      code = ml_out_error(ML_EXIT_FALSE, &e);
  }
  for (size_t i = 0; i < n; i++)
    ml_mem_free(folders[i]);
  return code;
}

/* ---- the verb ---- */

static int read_form(const ml_args *a, form *f) {
  const char *s = ml_args_get(a, "output");

  *f = LINES;
  if (s == NULL || strcmp(s, "table") == 0)
    return ML_EXIT_FINE;
  if (strcmp(s, "json") == 0)
    *f = JSON;
  else if (strcmp(s, "tap") == 0)
    *f = TAP;
  else
    return ml_out_fail(ML_EXIT_USAGE, "--output of `test` is table, json or "
                       "tap, not '%.40s'", s);
  return ML_EXIT_FINE;
}

static void begin_report(report *r) {
  if (r->form == TAP)
    ml_buf_puts(&r->out, "TAP version 13\n");
  if (r->form != JSON)
    return;
  ml_jw_init(&r->w, &r->out);
  ml_jw_obj(&r->w);
  ml_jw_key(&r->w, "workflows");
  ml_jw_arr(&r->w);
}

static int end_report(report *r) {
  if (r->form == TAP)
    ml_buf_printf(&r->out, "1..%zu\n", r->number);
  if (r->form == JSON) {
    ml_jw_end(&r->w);
    ml_jw_kint(&r->w, "passed", (int64_t)r->all_passed);
    ml_jw_kint(&r->w, "failed", (int64_t)r->all_failed);
    ml_jw_end(&r->w);
    ml_buf_putc(&r->out, '\n');
  }
  ml_buf_free(&r->lines);
  ml_buf_free(&r->failures);
  return ml_out_send(&r->out);
}

/* KIND:N */
static int read_fault(const char *text, ml_fault *f) {
  const char *colon = strchr(text, ':');
  char list[240] = "", *end;
  unsigned long n = colon != NULL && colon[1] >= '1' && colon[1] <= '9'
                        ? strtoul(colon + 1, &end, 10) : 0;

  for (int k = ML_FAULT_NONE + 1; k < ML_FAULT_KINDS; k++) {
    const char *name = ml_fault_name((ml_fault_kind)k);
    size_t at = strlen(list);

    snprintf(list + at, sizeof list - at, "%s%s", at > 0 ? ", " : "", name);
    if (n == 0 || n > UINT32_MAX || *end != '\0' ||
        strlen(name) != (size_t)(colon - text) ||
        memcmp(name, text, strlen(name)) != 0)
      continue;
    *f = (ml_fault){(ml_fault_kind)k, (uint32_t)n};
    return ML_EXIT_FINE;
  }
  return ml_out_fail(ML_EXIT_USAGE, "--fault is KIND:N, like crash-after:7, not "
                     "'%.60s'; kinds are %s", text, list);
}

static int read_torture(const ml_args *a, ml_torture_conf *c, bool *on) {
  static const char *const needs[] = {"runs", "seed", "out", NULL};
  const char *fault = ml_args_given(a, "fault");
  const char *runs = ml_args_given(a, "runs");
  ml_err e = {0};
  int64_t n = 0, seed = 1;

  *on = ml_args_flag(a, "torture") || fault != NULL;
  for (size_t i = 0; needs[i] != NULL; i++)
    if (!*on && ml_args_given(a, needs[i]) != NULL)
      return ml_out_fail(ML_EXIT_USAGE, "--%s belongs to --torture", needs[i]);
  if (fault != NULL && (runs != NULL || ml_args_given(a, "seed") != NULL))
    return ml_out_fail(ML_EXIT_USAGE, "--fault is one fault: there is nothing "
                       "for --runs and --seed to choose");
  if (fault != NULL && read_fault(fault, &c->only) != ML_EXIT_FINE)
    return ML_EXIT_USAGE;
  if (runs == NULL)
    n = ML_TORTURE_SOME;
  else if (strcmp(runs, "all") == 0)
    n = ML_TORTURE_ALL;
  else if (ml_args_int(a, "runs", 1, RUNS_MAX, 0, &n, &e) != ML_OK)
    return ml_out_fail(ML_EXIT_USAGE, "--runs is a number from 1 to %d, or all, "
                       "not '%.40s'", RUNS_MAX, runs != NULL ? runs : "");
  if (ml_args_int(a, "seed", 0, INT64_MAX, 1, &seed, &e) != ML_OK)
    return ml_out_error(ML_EXIT_USAGE, &e);
  c->runs = (uint32_t)n;
  c->seed = (uint64_t)seed;
  c->out = ml_args_given(a, "out");
  return ML_EXIT_FINE;
}

int ml_cmd_test(const ml_args *a) {
  const char *only = ml_args_given(a, "only");
  ml_torture_conf torture = {0};
  report r = {0};
  ml_tests *t;
  ml_bounds limits;
  ml_err e = {0};
  bool on = false;
  int code = read_form(a, &r.form), sent;

  if (code == ML_EXIT_FINE)
    code = read_torture(a, &torture, &on);
  if (code != ML_EXIT_FINE)
    return code;
  if (ml_bounds_args(a, &limits, &e) != ML_OK)
    return ml_out_error(ML_EXIT_USAGE, &e);
  r.torture = on ? &torture : NULL;
  if (ml_tests_open(ml_args_flag(a, "insecure-scripts"), &limits, &t, &e) != ML_OK)
    return ml_out_error(ml_out_code(e.rc), &e);
  begin_report(&r);
  if (a->word_count == 0)
    code = test_under(t, &r, "workflows", only);
  for (size_t i = 0; i < a->word_count && code == ML_EXIT_FINE; i++)
    code = test_under(t, &r, ml_args_word(a, i), only);
  sent = end_report(&r);
  ml_tests_close(t);
  if (code == ML_EXIT_FINE && r.number == 0)
    return ml_out_fail(ML_EXIT_NOT_FOUND, "no test has '%.100s' in its name",
                       only != NULL ? only : "");
  if (code == ML_EXIT_FINE && r.all_failed > 0)
    code = ML_EXIT_FALSE;
  return code != ML_EXIT_FINE ? code : sent;
}
