/*
** cmd_try.c - moonlane try: one function(ctx) in the real sandbox, no engine.
**
** The file runs in a worker process under the counting hook, so that the same
** file and data give the same class and units each time.  What would need an
** engine (HTTP, sleep, await, ask, call, start) ends it with a sentence.
*/
#include <string.h>

#include "base/log.h"
#include "cmd/bounds.h"
#include "cmd/files.h"
#include "cmd/out.h"
#include "cmd/verbs.h"
#include "run/library.h"
#include "script/host.h"

const ml_opt ml_opts_try[] = {
  {"data", "JSON", "an object: what ctx.data holds", 0},
  {"units", "N", "the limit of units (20000000)", 0},
  {"time", "DURATION", "of CPU time (none but the kill after 2s)", 0},
  {"memory", "SIZE", "of memory (32MiB)", 0},
  {"insecure-scripts", NULL, "go on where the kernel has no jail", 0},
  {NULL, NULL, NULL, 0}};

enum { LIBRARY_MAX = 64, TURN_MS = 1000, FILE_MAX_ = 8 << 20,
       DATA_MAX = 1 << 20, NAME_MAX_ = 80 };

typedef struct trying {
  ml_str name;                   /* of the source: where messages point */
  ml_buf source;
  const char *given;             /* ctx.data, as JSON; or NULL */
  ml_bounds limits;              /* as configured, or given */
  bool insecure, over;
  int64_t from_ms, ms;
  const char *class;
  ml_buf result;                 /* JSON; or empty */
  ml_buf message, at;
  ml_buf data, log;              /* JSON: what was assigned, lines; or empty */
  uint64_t units;
} trying;

/* ---- the answer ---- */

/* The method as an author writes it. */
static void wanted(trying *t, const ml_answer *r) {
  ml_buf_printf(&t->message, "ctx%s%s needs an engine; try runs without one, "
                "and has ctx.data, now, uuid, random, step, log and what is "
                "held back until the end", ml_callk_http(r->want_kind)
                ? ".http." : ":", ml_callk_name(r->want_kind));
}

static void put_logs(trying *t, const ml_answer *r) {
  ml_jw w;

  if (r->log_count == 0)
    return;
  ml_jw_init(&w, &t->log);
  ml_jw_arr(&w);
  for (size_t i = 0; i < r->log_count; i++)
    ml_jw_str(&w, r->logs[i].text);
  ml_jw_end(&w);
}

static void put_text(ml_buf *b, ml_str s) {
  if (s.n > 0)
    ml_buf_put(b, s.p, s.n);
}

static const char *class_of(ml_end end) {
  switch (end) {
  case ML_END_RETURNED:
    return "ok";
  case ML_END_CPU: case ML_END_CLOCK:
    return "cpu-limit";
  case ML_END_MEMORY:
    return "memory-limit";
  default:
    return "error";
  }
}

static void answered(void *arg, ml_rc rc, const ml_answer *r) {
  trying *t = arg;
  ml_clock *c = ml_clock_system();

  t->over = true;
  t->ms = c->mono_ms(c) - t->from_ms;
  t->units = r->units;
  t->class = rc == ML_OK ? class_of(r->end) : "killed";
  put_logs(t, r);
  put_text(&t->at, r->at);
  if (rc == ML_OK && r->end == ML_END_RETURNED) {
    put_text(&t->result, r->text);
    put_text(&t->data, r->data);
  } else if (rc == ML_OK && r->end == ML_END_WANT) {
    wanted(t, r);
  } else {
    if (rc == ML_OK && r->end == ML_END_FAILED)
      ml_buf_puts(&t->message, "ctx:fail: ");
    if (rc == ML_OK && r->end == ML_END_RETRY)
      ml_buf_puts(&t->message, "ctx:retry: ");
    put_text(&t->message, r->text);
  }
}

/* ---- the question ---- */

/* The source's name: the file's, when a bundle could hold it. */
static ml_str name_of(const char *path) {
  const char *base = strrchr(path, '/');
  size_t n, stem;

  base = base != NULL ? base + 1 : path;
  n = strlen(base);
  stem = strspn(base, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                "0123456789_-");
  if (n > NAME_MAX_ || stem == 0 || strcmp(base + stem, ".lua") != 0
      || strcmp(base, "moonlane.lua") == 0 || strcmp(base, "cjson.lua") == 0)
    return ML_STR("try.lua");
  return (ml_str){base, n};
}

static ml_rc ask(trying *t, ml_script *s, ml_err *e) {
  ml_source src[LIBRARY_MAX];
  ml_clock *c = ml_clock_system();
  ml_ask q = {.kind = ML_ASK_EVAL, .mode = ML_STR("try"), .path = t->name,
              .key = ML_STR("try"), .sources = src, .count_units = true,
              .data = ml_str_of(t->given)};
  ml_rc rc;

  for (size_t i = 0; i < ml_library_count && i + 1 < LIBRARY_MAX; i++)
    src[q.source_count++] = ml_library[i];
  src[q.source_count++] = (ml_source){t->name, {t->source.p, t->source.len}};
  q.now_ms = c->wall_ms(c);
  t->from_ms = c->mono_ms(c);
  rc = s->ask(s, &q, answered, t);
  return rc == ML_OK ? ML_OK
                     : ml_err_set(e, rc, NULL, "the file cannot be run (%s)",
                                  ml_rc_name(rc));
}

static ml_rc run(trying *t, ml_err *e) {
  ml_host_conf conf = {.workers = 1, .insecure = t->insecure,
                       .limits = t->limits};
  ml_loop *loop = NULL;
  ml_script *s = NULL;
  ml_rc rc = ml_loop_new(NULL, &loop);

  if (rc == ML_OK)
    rc = ml_host_new(loop, &conf, &s, e);
  if (rc == ML_OK)
    rc = ask(t, s, e);
  while (rc == ML_OK && !t->over)
    ml_loop_turn(loop, TURN_MS);
  ml_host_free(s);
  ml_loop_free(loop);
  if (rc != ML_OK && e->rc != rc)
    ml_err_set(e, rc, NULL, "the sandbox cannot start (%s)", ml_rc_name(rc));
  return rc;
}

/* ---- the report ---- */

static void put_member(ml_jw *w, const char *key, const ml_buf *json) {
  if (json->len == 0)
    return;
  ml_jw_key(w, key);
  ml_jw_raw(w, (ml_str){json->p, json->len});
}

static void put_json(const trying *t, ml_buf *out) {
  ml_jw w;

  ml_jw_init(&w, out);
  ml_jw_obj(&w);
  ml_jw_kstrz(&w, "class", t->class);
  ml_jw_key(&w, "result");
  ml_jw_raw(&w, t->result.len > 0 ? (ml_str){t->result.p, t->result.len}
                                  : ML_STR("null"));
  ml_jw_kstr(&w, "message", (ml_str){t->message.p, t->message.len});
  ml_jw_kint(&w, "units", (int64_t)t->units);
  ml_jw_kint(&w, "ms", t->ms);
  if (t->at.len > 0)
    ml_jw_kstr(&w, "at", (ml_str){t->at.p, t->at.len});
  put_member(&w, "data", &t->data);
  put_member(&w, "log", &t->log);
  ml_jw_end(&w);
  ml_buf_putc(out, '\n');
}

static void put_line(ml_buf *out, const char *name, const ml_buf *text) {
  if (text->len == 0)
    return;
  ml_buf_puts(out, name);
  ml_out_clean(out, (ml_str){text->p, text->len});
  ml_buf_putc(out, '\n');
}

static void put_lines(const trying *t, ml_buf *out) {
  ml_buf_printf(out, "class    %s\n", t->class);
  put_line(out, "result   ", &t->result);
  put_line(out, "message  ", &t->message);
  put_line(out, "at       ", &t->at);
  put_line(out, "data     ", &t->data);
  put_line(out, "log      ", &t->log);
  ml_buf_printf(out, "units    %llu\nms       %lld\n",
                (unsigned long long)t->units, (long long)t->ms);
}

static int report(const trying *t, ml_form form) {
  ml_buf out = {0};

  if (t->result.bad || t->message.bad || t->at.bad || t->data.bad
      || t->log.bad)
    return ml_out_fail(ML_EXIT_FALSE, "out of memory");
  if (form == ML_FORM_TABLE)
    put_lines(t, &out);
  else
    put_json(t, &out);
  if (ml_out_send(&out) != ML_EXIT_FINE)
    return ML_EXIT_FALSE;
  return strcmp(t->class, "ok") == 0 ? ML_EXIT_FINE : ML_EXIT_FALSE;
}

/* An object, or a sentence. */
static ml_rc check_data(const char *data, ml_err *e) {
  ml_arena a = {0};
  ml_err why = {0};
  ml_json *v;
  ml_rc rc;

  if (data == NULL)
    return ML_OK;
  if (strlen(data) > DATA_MAX)
    return ml_err_set(e, ML_LIMIT, "--data", "it is longer than %d bytes",
                      DATA_MAX);
  rc = ml_json_parse(&a, data, strlen(data), NULL, &v, &why);
  if (rc != ML_OK)
    ml_err_set(e, rc, "--data", "%s: %s", why.at, why.text);
  else if (v->type != ML_JOBJ)
    rc = ml_err_set(e, ML_INVALID, "--data", "an object is wanted, like "
                    "'{\"name\": 1}', not %s", ml_json_type_name(v->type));
  ml_arena_free(&a);
  return rc;
}

/* Those of the engine, as it is configured; what is given here instead. */
static ml_rc read_limits(ml_bounds *out, const ml_args *a, ml_err *e) {
  ml_rc rc = ml_bounds_args(a, out, e);

  if (rc == ML_OK)
    rc = ml_bounds_arg(a, "units", ML_BOUND_UNITS, out, e);
  if (rc == ML_OK)
    rc = ml_bounds_arg(a, "time", ML_BOUND_TIME, out, e);
  if (rc == ML_OK)
    rc = ml_bounds_arg(a, "memory", ML_BOUND_MEMORY, out, e);
  return rc;
}

int ml_cmd_try(const ml_args *a) {
  const char *path = ml_args_word(a, 0);
  trying t = {.name = name_of(path), .given = ml_args_get(a, "data"),
              .insecure = ml_args_flag(a, "insecure-scripts")};
  ml_form form;
  ml_err e = {0};
  int code;
  ml_rc rc;

  if (ml_out_form(a, &form, &e) != ML_OK || check_data(t.given, &e) != ML_OK)
    return ml_out_error(ML_EXIT_USAGE, &e);
  if (read_limits(&t.limits, a, &e) != ML_OK)
    return ml_out_error(ML_EXIT_USAGE, &e);
  ml_log_to(2, ML_ERROR_LEVEL);
  rc = ml_file_read(path, FILE_MAX_, &t.source, &e);
  if (rc == ML_OK)
    rc = run(&t, &e);
  code = rc == ML_OK ? report(&t, form) : ml_out_error(ml_out_code(rc), &e);
  ml_buf_free(&t.source);
  ml_buf_free(&t.result);
  ml_buf_free(&t.message);
  ml_buf_free(&t.at);
  ml_buf_free(&t.data);
  ml_buf_free(&t.log);
  return code;
}
