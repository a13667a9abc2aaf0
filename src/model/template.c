/* template.c - reading and filling templates: one walk does both. */
#include "model/template.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

enum { PATH_MAX_ = 200 };

typedef void piece_fn(void *arg, ml_str text, bool place);

static bool is_path_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || c == '_' || c == '.';
}

static bool is_path(ml_str s) {
  for (size_t i = 0; i < s.n; i++)
    if (!is_path_char(s.p[i]) || (s.p[i] == '.' && i > 0 && s.p[i - 1] == '.'))
      return false;
  return s.n > 0 && s.n <= PATH_MAX_ && s.p[0] != '.' && s.p[s.n - 1] != '.';
}

static bool begins(const char *p, const char *end, const char *with) {
  size_t n = strlen(with);

  return (size_t)(end - p) >= n && memcmp(p, with, n) == 0;
}

/* Give the pieces to fn (NULL: none).  NULL: fine; else where it is wrong. */
static const char *walk(ml_str text, piece_fn *fn, void *arg) {
  const char *p = text.p, *end = text.p + text.n, *from = p;

  while (p < end) {
    const char *close;
    ml_str path;

    if (!begins(p, end, "{{")) {
      p++;
      continue;
    }
    if (fn != NULL && p > from)
      fn(arg, (ml_str){from, (size_t)(p - from)}, false);
    if (begins(p, end, "{{{{")) {
      if (fn != NULL)
        fn(arg, ML_STR("{{"), false);
      p += 4;
      from = p;
      continue;
    }
    close = memmem(p, (size_t)(end - p), "}}", 2);
    path = (ml_str){p + 2, close != NULL ? (size_t)(close - p) - 2 : 0};
    while (path.n > 0 && path.p[0] == ' ')
      path.p++, path.n--;
    while (path.n > 0 && path.p[path.n - 1] == ' ')
      path.n--;
    if (!is_path(path))
      return p;
    if (fn != NULL)
      fn(arg, path, true);
    p = close + 2;
    from = p;
  }
  if (fn != NULL && p > from)
    fn(arg, (ml_str){from, (size_t)(p - from)}, false);
  return NULL;
}

/* The subject's line and what stands behind the empty one. */
static bool split(ml_str text, ml_str *subject, ml_str *body) {
  static const char head[] = "Subject: ";
  size_t n = sizeof head - 1;
  const char *nl = text.n > n ? memchr(text.p, '\n', text.n) : NULL;
  const char *end = text.p + text.n;

  if (nl == NULL || memcmp(text.p, head, n) != 0)
    return false;
  *subject = (ml_str){text.p + n, (size_t)(nl - text.p) - n};
  if (subject->n > 0 && subject->p[subject->n - 1] == '\r')
    subject->n--;
  nl++;
  if (nl < end && *nl == '\r')
    nl++;
  if (subject->n == 0 || nl >= end || *nl != '\n')
    return false;
  *body = (ml_str){nl + 1, (size_t)(end - nl - 1)};
  return true;
}

ml_rc ml_template_check(ml_str text, ml_err *e) {
  ml_str subject, body;
  const char *bad;
  char at[40], shown[60];
  int line = 1;

  if (!ml_text_utf8(text))
    return ml_err_set(e, ML_INVALID, "line 1", "a template is UTF-8");
  if (!split(text, &subject, &body))
    return ml_err_set(e, ML_INVALID, "line 1", "a template begins with a line "
                      "\"Subject: ...\", then an empty line, then the text");
  bad = walk(text, NULL, NULL);
  if (bad == NULL)
    return ML_OK;
  for (const char *p = text.p; p < bad; p++)
    line += *p == '\n';
  snprintf(at, sizeof at, "line %d", line);
  ml_text_excerpt(shown, sizeof shown,
                  (ml_str){bad, (size_t)(text.p + text.n - bad) < 40
                                    ? (size_t)(text.p + text.n - bad) : 40});
  return ml_err_set(e, ML_INVALID, at, "'%s' names no value: {{a.b}} with "
                    "letters, digits, '_' and '.'; {{{{ for two braces", shown);
}

/* ---- filling ---- */

typedef struct filling {
  const ml_json *data;
  ml_buf *out;
} filling;

static const ml_json *find(const ml_json *v, ml_str path) {
  while (v != NULL && path.n > 0) {
    const char *dot = memchr(path.p, '.', path.n);
    char key[PATH_MAX_ + 1];
    size_t n = dot != NULL ? (size_t)(dot - path.p) : path.n;

    memcpy(key, path.p, n);
    key[n] = '\0';
    v = ml_json_get(v, key);
    path.p += dot != NULL ? n + 1 : n;
    path.n -= dot != NULL ? n + 1 : n;
  }
  return v;
}

static void put_piece(void *arg, ml_str text, bool place) {
  const filling *f = arg;
  const ml_json *v;

  if (!place) {
    ml_buf_put(f->out, text.p, text.n);
    return;
  }
  v = find(f->data, text);
  if (v == NULL || v->type == ML_JNULL)
    return;
  if (v->type == ML_JSTR)
    ml_buf_put(f->out, v->s.p, v->s.n);
  else
    ml_json_print(f->out, v);
}

void ml_template_fill(ml_str text, const ml_json *data, ml_buf *subject,
                      ml_buf *body) {
  filling to_subject = {data, subject}, to_body = {data, body};
  ml_str head, rest;

  if (!split(text, &head, &rest))
    return;
  walk(head, put_piece, &to_subject);
  walk(rest, put_piece, &to_body);
  for (size_t i = 0; i < subject->len; i++)
    if ((unsigned char)subject->p[i] < ' ')
      subject->p[i] = ' ';
  while (subject->len > 0 && subject->p[subject->len - 1] == ' ')
    subject->p[--subject->len] = '\0';
}
