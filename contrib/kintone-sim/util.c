/* util.c - memory and small texts. */
#include "util.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void ks_die(const char *fmt, ...) {
  va_list ap;

  fputs("kintone-sim: ", stderr);
  va_start(ap, fmt);
  vfprintf(stderr, fmt, ap);
  va_end(ap);
  fputc('\n', stderr);
  exit(1);
}

void *ks_new(ml_arena *a, size_t n) {
  void *p = ml_arena_zero(a, n > 0 ? n : 1);

  if (p == NULL)
    ks_die("out of memory");
  return p;
}

ml_str ks_dup(ml_arena *a, ml_str s) {
  char *p;

  if (s.p == NULL)
    return s;
  p = ml_arena_dup(a, s.p, s.n);
  if (p == NULL)
    ks_die("out of memory");
  return (ml_str){p, s.n};
}

ml_str ks_fmt(ml_arena *a, const char *fmt, ...) {
  va_list ap;
  char *p;
  int n;

  va_start(ap, fmt);
  n = vsnprintf(NULL, 0, fmt, ap);
  va_end(ap);
  if (n < 0)
    ks_die("a text could not be formatted");
  p = ks_new(a, (size_t)n + 1);
  va_start(ap, fmt);
  vsnprintf(p, (size_t)n + 1, fmt, ap);
  va_end(ap);
  return (ml_str){p, (size_t)n};
}

ml_str ks_taken(ml_arena *a, ml_buf *b) {
  ml_str s;

  if (b->bad)
    ks_die("out of memory");
  s = ks_dup(a, (ml_str){b->p != NULL ? b->p : "", b->len});
  ml_buf_free(b);
  return s;
}

const ml_json *ks_json_null(void) {
  static const ml_json v = {.type = ML_JNULL};

  return &v;
}

const ml_json *ks_json_empty_text(void) {
  static const ml_json v = {.type = ML_JSTR, .s = {"", 0}};

  return &v;
}

const ml_json *ks_json_empty_list(void) {
  static const ml_json v = {.type = ML_JARR};

  return &v;
}

const ml_json *ks_json_text(ml_arena *a, ml_str s) {
  ml_json *v = ks_new(a, sizeof *v);

  v->type = ML_JSTR;
  v->s = s.p != NULL ? s : ML_STR("");
  return v;
}

ml_json *ks_json_list(ml_arena *a, size_t n) {
  ml_json *v = ks_new(a, sizeof *v);

  v->type = ML_JARR;
  v->count = (uint32_t)n;
  v->arr = ks_new(a, n * sizeof *v->arr);
  return v;
}

ml_json *ks_json_parse(ml_arena *a, ml_str text, ml_err *e) {
  /* a bulkRequest may hold 2,000 records of many fields */
  static const ml_json_limits wide = {.depth = 64, .members = 4000000};
  ml_json *v = NULL;
  ml_rc rc = ml_json_parse(a, text.p, text.n, &wide, &v, e);

  if (rc == ML_NOMEM)
    ks_die("out of memory");
  return rc == ML_OK ? v : NULL;
}

const ml_json *ks_json_member(const ml_json *o, ml_str key) {
  uint32_t i;

  if (o == NULL || o->type != ML_JOBJ)
    return NULL;
  for (i = 0; i < o->count; i++)
    if (ml_str_eq(o->obj[i].key, key))
      return &o->obj[i].value;
  return NULL;
}

bool ks_same_word(ml_str a, const char *word) {
  return a.p != NULL && a.n == strlen(word) && strncasecmp(a.p, word, a.n) == 0;
}

bool ks_begins(ml_str s, const char *head) {
  size_t n = strlen(head);

  return s.n >= n && memcmp(s.p, head, n) == 0;
}

bool ks_contains(ml_str s, ml_str part) {
  size_t i;

  for (i = 0; i + part.n <= s.n; i++)
    if (strncasecmp(s.p + i, part.p, part.n) == 0)
      return true;
  return false;
}

int ks_compare(ml_str a, ml_str b) {
  size_t n = a.n < b.n ? a.n : b.n;
  int d = n > 0 ? memcmp(a.p, b.p, n) : 0;

  if (d != 0)
    return d < 0 ? -1 : 1;
  return a.n == b.n ? 0 : a.n < b.n ? -1 : 1;
}
