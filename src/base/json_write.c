/* json_write.c - texts, numbers and trees as JSON; commas by themselves. */
#include "base/json.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

/* ---- scalars ---- */

static void put_escape(ml_buf *b, unsigned char c) {
  static const char hex[] = "0123456789abcdef";
  static const char plain[] = "\"\\\b\f\n\r\t", name[] = "\"\\bfnrt";
  const char *at = c != 0 ? strchr(plain, c) : NULL;
  char out[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};

  if (at != NULL) {
    out[1] = name[at - plain];
    ml_buf_put(b, out, 2);
  } else {
    ml_buf_put(b, out, 6);
  }
}

static bool is_plain_word(uint64_t x) {
  return (ML_UTF8_ODD(x) | ML_UTF8_IS(x, '"') | ML_UTF8_IS(x, '\\')) == 0;
}

/* Does it stand in a text as it is, and is it ASCII?  Words of eight bytes, the
** last of which may lie over the one before. */
static bool is_plain(ml_str s) {
  uint64_t x = ML_UTF8_EACH('x');
  uint32_t first, last;

  for (size_t i = 0; i + 8 < s.n; i += 8)
    if (!is_plain_word(ml_utf8_word(s.p + i)))
      return false;
  if (s.n >= 8) {
    x = ml_utf8_word(s.p + s.n - 8);
  } else if (s.n >= 4) {
    memcpy(&first, s.p, 4);
    memcpy(&last, s.p + s.n - 4, 4);
    x = first | (uint64_t)last << 32;
  } else {
    memcpy(&x, s.p, s.n);
  }
  return is_plain_word(x);
}

/* Between quotes, as it is. */
static void put_plain(ml_buf *b, ml_str s) {
  char *to = ml_buf_room(b, s.n + 2);

  if (to == NULL)
    return;
  to[0] = '"';
  memcpy(to + 1, s.p, s.n);
  memcpy(to + 1 + s.n, "\"", 2);            /* and the NUL */
  b->len += s.n + 2;
}

static void put_escaped(ml_buf *b, ml_str s) {
  const char *p = s.p, *run = p, *end = ml_str_end(s);

  ml_buf_putc(b, '"');
  for (p = ml_utf8_skip(p, end); p < end; p = ml_utf8_skip(p, end)) {
    unsigned char c = (unsigned char)*p;
    size_t n;

    while (c < 0x80 && c >= 0x20 && c != '"' && c != '\\' && ++p < end)
      c = (unsigned char)*p;
    if (p == end)
      break;
    if (c >= 0x80 && (n = ml_utf8_step(p, end)) > 0) {
      p += n;
      continue;
    }
    ml_buf_put(b, run, (size_t)(p - run));
    if (c < 0x80)
      put_escape(b, c);
    else
      ml_buf_put(b, "\xEF\xBF\xBD", 3);
    run = ++p;
  }
  ml_buf_put(b, run, (size_t)(p - run));
  ml_buf_putc(b, '"');
}

/* Most texts are words that need no escape. */
void ml_json_put_str(ml_buf *b, ml_str s) {
  if (s.p == NULL)
    ml_buf_put(b, "null", 4);
  else if (is_plain(s))
    put_plain(b, s);
  else
    put_escaped(b, s);
}

/* Digits that suffice: 15 are always kept by a double, 17 always tell two
** apart; only the tiniest (subnormal) ones need fewer than 15. */
void ml_json_put_real(ml_buf *b, double d) {
  char text[40];
  int digits = d != 0 && fabs(d) < 2.2250738585072014e-308 ? 1 : 15;

  if (!isfinite(d)) {
    ml_buf_put(b, "null", 4);
    return;
  }
  do
    snprintf(text, sizeof text, "%.*g", digits, d);
  while (strtod(text, NULL) != d && ++digits <= 17);
  ml_buf_puts(b, text);
  if (strpbrk(text, ".e") == NULL)
    ml_buf_put(b, ".0", 2);
}

void ml_json_put_int(ml_buf *b, int64_t v) {
  char text[24];
  char *p = text + sizeof text;
  uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

  do
    *--p = (char)('0' + u % 10);
  while ((u /= 10) != 0);
  if (v < 0)
    *--p = '-';
  ml_buf_put(b, p, (size_t)(text + sizeof text - p));
}

static void put_bool(ml_buf *b, bool v) {
  if (v)
    ml_buf_put(b, "true", 4);
  else
    ml_buf_put(b, "false", 5);
}

/* ---- trees ---- */

/* indent < 0: compact; else the level that v stands at. */
static void print(ml_buf *b, const ml_json *v, int indent);

static void new_line(ml_buf *b, int indent) {
  ml_buf_putc(b, '\n');
  while (indent-- > 0)
    ml_buf_put(b, "  ", 2);
}

static void print_members(ml_buf *b, const ml_json *v, int indent) {
  bool object = v->type == ML_JOBJ;
  int inner = indent < 0 ? indent : indent + 1;

  ml_buf_putc(b, object ? '{' : '[');
  for (uint32_t i = 0; i < v->count && !b->bad; i++) {
    if (i > 0)
      ml_buf_putc(b, ',');
    if (inner >= 0)
      new_line(b, inner);
    if (object) {
      ml_json_put_str(b, v->obj[i].key);
      ml_buf_put(b, ": ", inner >= 0 ? 2 : 1);
    }
    print(b, object ? &v->obj[i].value : &v->arr[i], inner);
  }
  if (v->count > 0 && indent >= 0)
    new_line(b, indent);
  ml_buf_putc(b, object ? '}' : ']');
}

static void print(ml_buf *b, const ml_json *v, int indent) {
  switch (v->type) {
  case ML_JBOOL:
    put_bool(b, v->b);
    break;
  case ML_JINT:
    ml_json_put_int(b, v->i);
    break;
  case ML_JREAL:
    ml_json_put_real(b, v->d);
    break;
  case ML_JSTR:
    ml_json_put_str(b, v->s);
    break;
  case ML_JARR:
  case ML_JOBJ:
    print_members(b, v, indent);
    break;
  default:
    ml_buf_put(b, "null", 4);
  }
}

void ml_json_print(ml_buf *b, const ml_json *v) {
  print(b, v, -1);
}

void ml_json_pretty(ml_buf *b, const ml_json *v) {
  print(b, v, 0);
  ml_buf_putc(b, '\n');
}

/* ---- the writer ---- */

void ml_jw_init(ml_jw *w, ml_buf *b) {
  memset(w, 0, sizeof *w);
  w->b = b;
}

static bool in_object(const ml_jw *w) {
  return w->depth > 0 && ((w->kinds >> (w->depth - 1)) & 1);
}

/* Before a value: the comma, unless a key has seen to it. */
static ml_buf *begin(ml_jw *w) {
  assert(in_object(w) == w->after_key);   /* a member has a key, else none */
  if (w->comma && !w->after_key && w->depth > 0)
    ml_buf_putc(w->b, ',');
  w->comma = true;
  w->after_key = false;
  return w->b;
}

static void enter(ml_jw *w, bool object) {
  ml_buf_putc(begin(w), object ? '{' : '[');
  assert(w->depth < 64);
  w->kinds &= ~(1ull << w->depth);
  w->kinds |= (uint64_t)object << w->depth;
  w->depth++;
  w->comma = false;
}

void ml_jw_obj(ml_jw *w) {
  enter(w, true);
}

void ml_jw_arr(ml_jw *w) {
  enter(w, false);
}

void ml_jw_end(ml_jw *w) {
  assert(w->depth > 0 && !w->after_key);
  ml_buf_putc(w->b, in_object(w) ? '}' : ']');
  w->depth--;
  w->comma = true;
}

void ml_jw_keyn(ml_jw *w, ml_str key) {
  assert(in_object(w) && !w->after_key && key.p != NULL);
  if (w->comma)
    ml_buf_putc(w->b, ',');
  ml_json_put_str(w->b, key);
  ml_buf_putc(w->b, ':');
  w->after_key = true;
}

void ml_jw_key(ml_jw *w, const char *key) {
  ml_jw_keyn(w, ml_str_of(key));
}

void ml_jw_null(ml_jw *w) {
  ml_buf_put(begin(w), "null", 4);
}

void ml_jw_bool(ml_jw *w, bool v) {
  put_bool(begin(w), v);
}

void ml_jw_int(ml_jw *w, int64_t v) {
  ml_json_put_int(begin(w), v);
}

void ml_jw_real(ml_jw *w, double v) {
  ml_json_put_real(begin(w), v);
}

void ml_jw_str(ml_jw *w, ml_str s) {
  ml_json_put_str(begin(w), s);
}

void ml_jw_strz(ml_jw *w, const char *s) {
  ml_json_put_str(begin(w), ml_str_of(s));
}

void ml_jw_raw(ml_jw *w, ml_str json) {
  if (json.p == NULL)
    ml_jw_null(w);
  else
    ml_buf_put(begin(w), json.p, json.n);
}

void ml_jw_json(ml_jw *w, const ml_json *v) {
  if (v == NULL)
    ml_jw_null(w);
  else
    ml_json_print(begin(w), v);
}

void ml_jw_kint(ml_jw *w, const char *key, int64_t v) {
  ml_jw_key(w, key);
  ml_jw_int(w, v);
}

void ml_jw_kstr(ml_jw *w, const char *key, ml_str v) {
  ml_jw_key(w, key);
  ml_jw_str(w, v);
}

void ml_jw_kstrz(ml_jw *w, const char *key, const char *v) {
  ml_jw_key(w, key);
  ml_jw_strz(w, v);
}

void ml_jw_kbool(ml_jw *w, const char *key, bool v) {
  ml_jw_key(w, key);
  ml_jw_bool(w, v);
}
