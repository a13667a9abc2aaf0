/* out.c - texts, times and JSON, as a command prints them. */
#include "cmd/out.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "base/utf8.h"
#include "cmd/files.h"

ml_rc ml_out_form(const ml_args *a, ml_form *form, ml_err *e) {
  const char *name = ml_args_get(a, "output");

  *form = isatty(1) ? ML_FORM_TABLE : ML_FORM_JSON;
  if (name == NULL)
    return ML_OK;
  if (strcmp(name, "table") == 0)
    *form = ML_FORM_TABLE;
  else if (strcmp(name, "json") == 0)
    *form = ML_FORM_JSON;
  else if (strcmp(name, "jsonl") == 0)
    *form = ML_FORM_JSONL;
  else
    return ml_err_set(e, ML_INVALID, NULL,
                      "-o wants table, json or jsonl, not '%.40s'", name);
  return ML_OK;
}

int ml_out_send(ml_buf *b) {
  bool bad = b->bad;
  bool ok = !bad && (b->len == 0 || ml_file_write(1, b->p, b->len));
  int err = errno;

  ml_buf_free(b);
  if (ok)
    return ML_EXIT_FINE;
  if (bad)
    return ml_out_fail(ML_EXIT_FALSE, "out of memory");
  if (err == EPIPE)               /* the reader has seen enough */
    return ML_EXIT_FALSE;
  return ml_out_fail(ML_EXIT_FALSE, "standard output: %s", strerror(err));
}

int ml_out_json(const ml_json *v, ml_form form) {
  const ml_json *items = ml_json_get(v, "items");
  ml_buf b = {0};

  if (form == ML_FORM_JSONL && items != NULL && items->type == ML_JARR) {
    for (uint32_t i = 0; i < items->count; i++) {
      ml_json_print(&b, &items->arr[i]);
      ml_buf_putc(&b, '\n');
    }
  } else if (form == ML_FORM_JSON && isatty(1)) {
    ml_json_pretty(&b, v);
    if (b.len == 0 || b.p[b.len - 1] != '\n')
      ml_buf_putc(&b, '\n');
  } else {
    ml_json_print(&b, v);
    ml_buf_putc(&b, '\n');
  }
  return ml_out_send(&b);
}

/* ---- what went wrong ---- */

int ml_out_fail(int code, const char *fmt, ...) {
  char text[2048];
  ml_buf b = {0};
  va_list ap;

  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  ml_buf_puts(&b, "moonlane: ");
  for (char *line = text, *end; line != NULL; line = end) {
    end = strchr(line, '\n');
    if (end != NULL)
      *end++ = '\0';
    ml_out_clean(&b, ml_str_of(line));
    ml_buf_putc(&b, '\n');
  }
  if (b.bad)
    (void)ml_file_write(2, "moonlane: out of memory\n", 24);
  else
    (void)ml_file_write(2, b.p, b.len);
  ml_buf_free(&b);
  return code;
}

int ml_out_error(int code, const ml_err *e) {
  if (e->at[0] == '\0')
    return ml_out_fail(code, "%s",
                       e->text[0] != '\0' ? e->text : ml_rc_name(e->rc));
  return ml_out_fail(code, "%s: %s", e->at,
                     e->text[0] != '\0' ? e->text : ml_rc_name(e->rc));
}

int ml_out_code(ml_rc rc) {
  switch (rc) {
  case ML_OK:
    return ML_EXIT_FINE;
  case ML_INVALID:
    return ML_EXIT_USAGE;
  case ML_NOT_FOUND:
    return ML_EXIT_NOT_FOUND;
  case ML_REFUSED:
    return ML_EXIT_REFUSED;
  case ML_EXISTS: case ML_CONFLICT: case ML_STALE:
    return ML_EXIT_CONFLICT;
  case ML_UNREACHABLE: case ML_AGAIN:
    return ML_EXIT_UNREACHABLE;
  case ML_TIMEOUT:
    return ML_EXIT_TIMEOUT;
  case ML_UNKNOWN:               /* a flush failed */
    return ML_EXIT_STOPPED;
  default:
    return ML_EXIT_FALSE;
  }
}

/* ---- pieces of text ---- */

void ml_out_clean(ml_buf *b, ml_str s) {
  const char *end = ml_str_end(s);

  for (const char *p = s.p; p < end;) {
    size_t n = ml_utf8_step(p, end);

    if (n == 0)
      ml_buf_putc(b, '?');
    else if (*p == '\n' || *p == '\t')
      ml_buf_putc(b, ' ');
    else if (ml_text_printable((ml_str){p, n}))
      ml_buf_put(b, p, n);
    else
      ml_buf_putc(b, '?');
    p += n > 0 ? n : 1;
  }
}

void ml_out_time(ml_buf *b, int64_t ms) {
  time_t t = (time_t)(ms / 1000);
  struct tm tm;
  char text[40];

  if (ms <= 0)
    return;
  if (localtime_r(&t, &tm) == NULL
      || strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm) == 0)
    ml_text_put_moment(b, ms);
  else
    ml_buf_puts(b, text);
}

void ml_out_age(ml_buf *b, int64_t ms, int64_t now) {
  ml_text_put_age(b, now > ms ? now - ms : ms - now);
}

/* "ja" of LC_ALL, LC_MESSAGES or LANG. */
static void language(char out[4]) {
  static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
  const char *value = NULL;

  for (size_t i = 0; i < 3 && (value == NULL || *value == '\0'); i++)
    value = getenv(names[i]);
  snprintf(out, 4, "%.2s", value != NULL ? value : "");
}

ml_str ml_out_label(const ml_json *v) {
  char lang[4];
  ml_str s;

  if (v == NULL || v->type == ML_JSTR)
    return v != NULL ? v->s : ML_STR("");
  language(lang);
  s = ml_json_str(v, lang);
  if (s.p == NULL)
    s = ml_json_str(v, "en");
  if (s.p == NULL && v->type == ML_JOBJ && v->count > 0
      && v->obj[0].value.type == ML_JSTR)
    s = v->obj[0].value.s;
  return s.p != NULL ? s : ML_STR("");
}

void ml_out_value(ml_buf *b, const ml_json *v) {
  ml_buf json = {0};

  if (v == NULL || v->type == ML_JNULL)
    return;
  if (v->type == ML_JSTR) {
    ml_out_clean(b, v->s);
    return;
  }
  ml_json_print(&json, v);
  if (json.bad)
    b->bad = true;
  else
    ml_out_clean(b, (ml_str){json.p, json.len});
  ml_buf_free(&json);
}

size_t ml_out_width(void) {
  struct winsize w;

  if (!isatty(1) || ioctl(1, TIOCGWINSZ, &w) != 0)
    return 0;
  return w.ws_col;
}
