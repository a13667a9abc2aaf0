/* cpbm_args.c - options, files, and mistakes as lines. */
#include "cmd/cpbm_args.h"

#include "cmd/files.h"
#include "cmd/out.h"

static int list_of(const ml_args *a, const char *name, const char ***out) {
  size_t n = ml_args_count(a, name);

  *out = ml_mem_zero((n + 1) * sizeof **out);
  if (*out == NULL)
    return ml_out_fail(ML_EXIT_FALSE, "out of memory");
  for (size_t i = 0; i < n; i++)
    (*out)[i] = ml_args_nth(a, name, i);
  return ML_EXIT_FINE;
}

static int limits_of(const ml_args *a, ml_cpbm_limits *l) {
  const struct { const char *name; int64_t most; uint32_t *to; } bounds[] = {
    {"max-file", 1 << 30, &l->file_bytes}, {"max-depth", 10000, &l->depth},
    {"max-attribute", 1 << 30, &l->attribute_bytes},
    {"max-rule", 1 << 28, &l->rule_bytes},
    {"max-rule-depth", 256, &l->rule_depth},
    {"max-matches", 10000000, &l->matches},
    {"max-workflows", 10000000, &l->workflows}};
  ml_err e = {0};

  for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
    int64_t v;

    if (ml_args_int(a, bounds[i].name, 1, bounds[i].most, 0, &v, &e) != ML_OK)
      return ml_out_error(ML_EXIT_USAGE, &e);
    *bounds[i].to = (uint32_t)v;
  }
  return ML_EXIT_FINE;
}

int ml_cpbm_ask(const ml_args *a, ml_cpbm_asked *q) {
  int code;

  *q = (ml_cpbm_asked){0};
  code = limits_of(a, &q->src.limits);
  if (code == ML_EXIT_FINE)
    code = list_of(a, "type", &q->types);
  if (code == ML_EXIT_FINE)
    code = list_of(a, "activity", &q->activities);
  q->src.types = q->types;
  q->src.activities = q->activities;
  return code;
}

void ml_cpbm_asked_done(ml_cpbm_asked *q) {
  for (int i = 0; i < 3; i++)
    ml_buf_free(&q->bytes[i]);
  ml_mem_free(q->types);
  ml_mem_free(q->activities);
}

/* A file's bytes; one that is too long is left to the load to tell, with the
** beginning of it. */
static int read_one(const ml_args *a, ml_cpbm_asked *q, const char *option,
                    ml_buf *bytes, ml_cpbm_file *f) {
  const char *path = ml_args_get(a, option);
  uint32_t most = q->src.limits.file_bytes;
  ml_err e = {0};
  ml_rc rc;

  if (path == NULL)
    return ML_EXIT_FINE;
  rc = ml_file_read(path, most > 0 ? most : 16u << 20, bytes, &e);
  if (rc != ML_OK && rc != ML_LIMIT)
    return ml_out_error(rc == ML_INVALID ? ML_EXIT_USAGE : ml_out_code(rc), &e);
  f->name = ml_str_of(path);
  f->bytes = (ml_str){bytes->p != NULL ? bytes->p : "", bytes->len};
  return ML_EXIT_FINE;
}

int ml_cpbm_open(const ml_args *a, ml_cpbm_asked *q, ml_cpbm_fault_fn *fault,
                 void *arg, ml_cpbm **out) {
  ml_rc rc;
  int code;

  *out = NULL;
  if (ml_args_get(a, "map") == NULL || ml_args_get(a, "workflows") == NULL)
    return ml_out_fail(ML_EXIT_USAGE, "--map FILE and --workflows FILE are both "
                       "wanted; they load together or not at all");
  code = read_one(a, q, "map", &q->bytes[0], &q->src.map);
  if (code == ML_EXIT_FINE)
    code = read_one(a, q, "workflows", &q->bytes[1], &q->src.workflows);
  if (code == ML_EXIT_FINE)
    code = read_one(a, q, "beans", &q->bytes[2], &q->src.beans);
  if (code != ML_EXIT_FINE)
    return code;
  rc = ml_cpbm_load(&q->src, fault, arg, out);
  if (rc == ML_NOMEM)
    return ml_out_fail(ML_EXIT_FALSE, "out of memory");
  return rc == ML_OK ? ML_EXIT_FINE : ML_EXIT_FALSE;
}

void ml_cpbm_fault_line(void *buf, ml_str file, uint32_t line,
                        const char *text, bool warning) {
  ml_buf *b = buf;

  ml_out_clean(b, file);
  ml_buf_printf(b, ":%u: %s", (unsigned)line, warning ? "warning: " : "");
  ml_out_clean(b, ml_str_of(text));
  ml_buf_putc(b, '\n');
}

void ml_cpbm_say(ml_buf *lines) {
  if (lines->bad)
    ml_out_fail(ML_EXIT_FALSE, "out of memory");
  else if (lines->len > 0)
    (void)ml_file_write(2, lines->p, lines->len);
  ml_buf_free(lines);
}
