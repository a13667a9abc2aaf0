/*
** redact.c - a workflow's secrets out of what a peer gave back, before script
** or journal see it (SEMANTICS.md 8).
**
** Looked for: the value as it is, as it stands in a JSON text, percent-encoded
** with large and small hex digits, and in base64 of both alphabets.  There a
** value has three shapes, by the number of bytes before it ("user:" in front
** of a password); what all have in common is found, and the whole run of
** base64 around it goes, so that no part of the value stays at its ends.
*/
#include <stdio.h>
#include <string.h>

#include "base/plant.h"
#include "base/text.h"
#include "run/inside.h"

enum { LEAST = 4, LEAST_CODED = 8, NAME_MOST = 80 };

static bool is_coded(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || c == '+' || c == '/' || c == '-' ||
         c == '_' || c == '=';
}

static bool has_room(redactor *d) {
  size_t cap = d->cap > 0 ? 2 * d->cap : 16;
  redact_form *more;

  if (d->n < d->cap)
    return true;
  more = ml_mem_realloc(d->forms, cap * sizeof *more);
  if (more == NULL) {
    d->bad = true;
    return false;
  }
  d->forms = more;
  d->cap = cap;
  return true;
}

static void add(redactor *d, ml_str by, ml_str what, bool coded) {
  redact_form *f;

  if (what.n < (coded ? LEAST_CODED : LEAST) || !has_room(d))
    return;
  for (size_t i = 0; i < d->n; i++)
    if (ml_str_eq(d->forms[i].what, what))
      return;
  f = &d->forms[d->n];
  f->what = (ml_str){ml_arena_dup(&d->a, what.p, what.n), what.n};
  f->by = by;
  f->coded = coded;
  if (f->what.p == NULL)
    d->bad = true;
  else
    d->n++;
}

static void add_buf(redactor *d, ml_str by, const ml_buf *b, bool coded) {
  if (b->bad)
    d->bad = true;
  else
    add(d, by, (ml_str){b->p, b->len}, coded);
}

static void add_json(redactor *d, ml_str by, ml_str v) {
  ml_buf b = {0};

  ml_json_put_str(&b, v);
  if (b.bad)
    d->bad = true;
  else
    add(d, by, (ml_str){b.p + 1, b.len - 2}, false);
  ml_buf_free(&b);
}

static void add_url(redactor *d, ml_str by, ml_str v) {
  ml_buf b = {0};

  ml_text_put_url(&b, v);
  add_buf(d, by, &b, false);
  for (size_t i = 0; !b.bad && i + 2 < b.len; i++)
    if (b.p[i] == '%')
      for (size_t k = i + 1; k < i + 3; k++)
        if (b.p[k] >= 'A' && b.p[k] <= 'F')
          b.p[k] = (char)(b.p[k] + 32);
  add_buf(d, by, &b, false);
  ml_buf_free(&b);
}

static void add_base64(redactor *d, ml_str by, ml_str v, bool url) {
  ml_buf b = {0};

  ml_text_put_base64(&b, v, url);
  add_buf(d, by, &b, false);       /* a short value, whole */
  for (size_t skip = 0; skip < 3 && skip < v.n; skip++) {
    size_t n = (v.n - skip) / 3 * 3;

    ml_buf_reset(&b);
    ml_text_put_base64(&b, (ml_str){v.p + skip, n}, url);
    add_buf(d, by, &b, true);
  }
  ml_buf_free(&b);
}

void redact_open(redactor *d, ml_run *r, const ml_flow *f) {
  char by[NAME_MOST + 20];
  ml_str v, name;

  memset(d, 0, sizeof *d);
  for (uint16_t i = 0; i < f->setting_count; i++) {
    name = f->settings[i].id;
    if (f->settings[i].type != ML_F_SECRET)
      continue;
    v = secret_value(r, &d->a, f->name, name);
    if (v.p == NULL)
      continue;
    snprintf(by, sizeof by, "[secret %.*s]",
             (int)(name.n > NAME_MOST ? NAME_MOST : name.n), name.p);
    name = (ml_str){ml_arena_dup(&d->a, by, strlen(by)), strlen(by)};
    if (name.p == NULL) {
      d->bad = true;
      return;
    }
    add(d, name, v, false);
    add_json(d, name, v);
    add_url(d, name, v);
    add_base64(d, name, v, false);
    add_base64(d, name, v, true);
  }
}

void redact_close(redactor *d) {
  ml_arena_free(&d->a);
  ml_mem_free(d->forms);
  memset(d, 0, sizeof *d);
}

static void replace(ml_buf *b, const redact_form *f) {
  ml_buf out = {0};
  const char *p = b->p, *end = b->p + b->len, *m, *stop;

  if (memmem(p, b->len, f->what.p, f->what.n) == NULL)
    return;
  while (p < end &&
         (m = memmem(p, (size_t)(end - p), f->what.p, f->what.n)) != NULL) {
    stop = m + f->what.n;
    while (f->coded && m > p && is_coded(m[-1]))
      m--;
    while (f->coded && stop < end && is_coded(*stop))
      stop++;
    ml_buf_put(&out, p, (size_t)(m - p));
    ml_buf_put(&out, f->by.p, f->by.n);
    p = stop;
  }
  ml_buf_put(&out, p, (size_t)(end - p));
  ml_buf_free(b);
  *b = out;
}

void redact(const redactor *d, ml_buf *b) {
  for (size_t i = 0; i < d->n && !b->bad && !ML_PLANTED(secret_echoed); i++)
    if (b->len >= d->forms[i].what.n)
      replace(b, &d->forms[i]);
  if (d->bad)
    b->bad = true;
}
