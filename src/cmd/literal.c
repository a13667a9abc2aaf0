/* literal.c - a recursive-descent reader of Lua's table constructors. */
#include "cmd/literal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/utf8.h"

typedef struct reader {
  ml_arena *a;
  const char *name;
  const char *p, *end;
  unsigned line, depth;
  size_t values;
  ml_err *e;
} reader;

static ml_rc fail(reader *r, ml_rc rc, const char *why) {
  char at[240];

  snprintf(at, sizeof at, "%.200s:%u", r->name, r->line);
  return ml_err_set(r->e, rc, at, "%s", why);
}

static ml_rc bad(reader *r, const char *why) {
  return fail(r, ML_INVALID, why);
}

/* ---- blanks and comments ---- */

/* Level of a long bracket "[==[" at p, or -1. */
static int long_level(const reader *r) {
  const char *p = r->p;
  int level = 0;

  if (p == r->end || *p != '[')
    return -1;
  for (p++; p < r->end && *p == '='; p++)
    level++;
  return p < r->end && *p == '[' ? level : -1;
}

/* At "[==[": past its end; the text between is *out. */
static ml_rc read_long(reader *r, int level, ml_str *out) {
  const char *from = r->p + level + 2;

  if (from < r->end && *from == '\r')
    from++;
  if (from < r->end && *from == '\n') {
    r->line++;
    from++;
  }
  for (const char *p = from; p < r->end; p++) {
    int n = 0;

    if (*p == '\n')
      r->line++;
    if (*p != ']')
      continue;
    while (p + 1 + n < r->end && n < level && p[1 + n] == '=')
      n++;
    if (n == level && p + 1 + n < r->end && p[1 + n] == ']') {
      *out = (ml_str){from, (size_t)(p - from)};
      r->p = p + n + 2;
      return ML_OK;
    }
  }
  return bad(r, "this long bracket is not closed");
}

static ml_rc skip(reader *r) {
  ml_str unused;

  while (r->p < r->end) {
    if (*r->p == '\n') {
      r->line++;
      r->p++;
    } else if (*r->p == ' ' || *r->p == '\t' || *r->p == '\r') {
      r->p++;
    } else if (r->end - r->p >= 2 && r->p[0] == '-' && r->p[1] == '-') {
      int level;

      r->p += 2;
      level = long_level(r);
      if (level >= 0) {
        ml_rc rc = read_long(r, level, &unused);
        if (rc != ML_OK)
          return rc;
      }
      while (level < 0 && r->p < r->end && *r->p != '\n')
        r->p++;
    } else {
      break;
    }
  }
  return ML_OK;
}

/* After blanks: is the next byte `c`?  Then past it. */
static bool take(reader *r, char c) {
  if (r->p == r->end || *r->p != c)
    return false;
  r->p++;
  return true;
}

/* ---- words, texts, numbers ---- */

static bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static ml_str peek_word(const reader *r) {
  const char *p = r->p;

  if (p < r->end && is_letter(*p))
    while (p < r->end && (is_letter(*p) || is_digit(*p)))
      p++;
  return (ml_str){r->p, (size_t)(p - r->p)};
}

static int hex(char c) {
  if (is_digit(c))
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

/* "\u{3A9}", behind the u. */
static ml_rc escape_point(reader *r, ml_buf *b) {
  uint32_t c = 0;
  char out[4];
  bool any = false;

  if (!take(r, '{'))
    return bad(r, "\\u wants { and hexadecimal digits");
  for (; r->p < r->end && hex(*r->p) >= 0; r->p++) {
    c = c * 16 + (uint32_t)hex(*r->p);
    any = true;
    if (c > 0x10FFFF)
      return bad(r, "\\u{...} is beyond the last character");
  }
  if (!any || !take(r, '}') || (c >= 0xD800 && c <= 0xDFFF))
    return bad(r, "\\u{...} is not a character");
  ml_buf_put(b, out, ml_utf8_write(out, c));
  return ML_OK;
}

/* "\xE3" and "\227", at the x or the first digit. */
static ml_rc escape_byte(reader *r, ml_buf *b) {
  int v = 0;

  if (*r->p == 'x') {
    if (r->end - r->p < 3 || hex(r->p[1]) < 0 || hex(r->p[2]) < 0)
      return bad(r, "\\x wants two hexadecimal digits");
    v = hex(r->p[1]) * 16 + hex(r->p[2]);
    r->p += 3;
  } else {
    for (int i = 0; i < 3 && r->p < r->end && is_digit(*r->p); i++)
      v = v * 10 + (*r->p++ - '0');
    if (v > 255)
      return bad(r, "an escape \\ddd is at most 255");
  }
  ml_buf_putc(b, (char)v);
  return ML_OK;
}

/* Behind a backslash. */
static ml_rc escape(reader *r, ml_buf *b) {
  static const char from[] = "abfnrtv\\\"'", to[] = "\a\b\f\n\r\t\v\\\"'";
  const char *plain;

  if (r->p == r->end)
    return bad(r, "this text is not closed");
  plain = *r->p != '\0' ? strchr(from, *r->p) : NULL;
  if (plain != NULL) {
    ml_buf_putc(b, to[plain - from]);
    r->p++;
    return ML_OK;
  }
  if (*r->p == '\n') {
    r->line++;
    r->p++;
    ml_buf_putc(b, '\n');
    return ML_OK;
  }
  if (*r->p == 'z') {
    for (r->p++; r->p < r->end && strchr(" \t\r\n\f\v", *r->p) != NULL
                 && *r->p != '\0'; r->p++)
      r->line += *r->p == '\n';
    return ML_OK;
  }
  if (take(r, 'u'))
    return escape_point(r, b);
  if (*r->p == 'x' || is_digit(*r->p))
    return escape_byte(r, b);
  return bad(r, "this escape is not known in a text");
}

static ml_rc keep(reader *r, ml_str s, ml_str *out) {
  char *p;

  if (!ml_text_utf8(s))
    return bad(r, "a text must be UTF-8");
  if (s.n > 0 && memchr(s.p, '\0', s.n) != NULL)
    return bad(r, "a text must not hold a zero byte");
  p = ml_arena_dup(r->a, s.n > 0 ? s.p : "", s.n);
  if (p == NULL)
    return fail(r, ML_NOMEM, "out of memory");
  *out = (ml_str){p, s.n};
  return ML_OK;
}

static ml_rc read_quoted(reader *r, ml_str *out) {
  char quote = *r->p++;
  ml_buf b = {0};
  ml_rc rc = ML_OK;

  while (rc == ML_OK && !take(r, quote)) {
    if (r->p == r->end || *r->p == '\n')
      rc = bad(r, "this text is not closed");
    else if (take(r, '\\'))
      rc = escape(r, &b);
    else
      ml_buf_putc(&b, *r->p++);
  }
  if (rc == ML_OK && b.bad)
    rc = fail(r, ML_NOMEM, "out of memory");
  if (rc == ML_OK)
    rc = keep(r, (ml_str){b.p, b.len}, out);
  ml_buf_free(&b);
  return rc;
}

static bool at_text(const reader *r) {
  return r->p < r->end
         && (*r->p == '"' || *r->p == '\'' || long_level(r) >= 0);
}

static ml_rc read_text(reader *r, ml_str *out) {
  ml_rc rc;

  if (*r->p != '[')
    return read_quoted(r, out);
  rc = read_long(r, long_level(r), out);
  return rc == ML_OK ? keep(r, *out, out) : rc;
}

/* Digits, hexadecimal ones, a point, an exponent: as Lua writes numbers. */
static ml_rc read_number(reader *r, ml_json *out) {
  char text[64], *stop;
  size_t n = 0;
  bool hexa = false;

  while (r->p < r->end && n < sizeof text - 1
         && (is_letter(*r->p) || is_digit(*r->p) || *r->p == '.'
             || (*r->p == '-' && n == 0)
             || ((*r->p == '-' || *r->p == '+')
                 && strchr(hexa ? "pP" : "eE", text[n - 1]) != NULL))) {
    text[n++] = *r->p++;
    hexa = hexa || text[n - 1] == 'x' || text[n - 1] == 'X';
  }
  text[n] = '\0';
  if (n == sizeof text - 1 || strpbrk(text, "0123456789") == NULL
      || strpbrk(text, "nN") != NULL)      /* "nan", "inf": no numbers */
    return bad(r, "this is not a number");
  errno = 0;
  out->type = ML_JINT;
  if (strpbrk(text, hexa ? ".pP" : ".eE") == NULL) {
    out->i = strtoll(text, &stop, hexa ? 16 : 10);
  } else {
    out->type = ML_JREAL;
    out->d = strtod(text, &stop);
  }
  if (*stop != '\0')
    return bad(r, "this is not a number");
  return errno != 0 ? bad(r, "this number is too large") : ML_OK;
}

/* ---- values ---- */

typedef struct item {           /* of a table that is being read */
  struct item *next;
  ml_str key;                   /* none: of a list */
  ml_json value;
} item;

static ml_rc read_value(reader *r, ml_json *out);

/* "name =", "[text] =", or nothing: a list's item. */
static ml_rc read_key(reader *r, ml_str *key) {
  ml_str word = peek_word(r);
  ml_rc rc;

  *key = ML_NOSTR;
  if (word.n > 0 && !ml_str_is(word, "true") && !ml_str_is(word, "false")) {
    r->p += word.n;
    rc = skip(r);
    if (rc == ML_OK && !take(r, '='))
      rc = bad(r, "a name stands for nothing here: a text wants quotes, a key "
                  "wants '='");
    return rc == ML_OK ? keep(r, word, key) : rc;
  }
  if (r->p == r->end || *r->p != '[' || long_level(r) >= 0)
    return ML_OK;
  r->p++;
  rc = skip(r);
  if (rc == ML_OK && !at_text(r))
    rc = bad(r, "between [ and ] a text in quotes is wanted");
  if (rc == ML_OK)
    rc = read_text(r, key);
  if (rc == ML_OK)
    rc = skip(r);
  if (rc == ML_OK && !take(r, ']'))
    rc = bad(r, "']' is wanted here");
  if (rc == ML_OK)
    rc = skip(r);
  if (rc == ML_OK && !take(r, '='))
    rc = bad(r, "'=' is wanted here");
  return rc;
}

static ml_rc add_item(reader *r, item *list, item ***end, size_t count) {
  item *it = ml_arena_zero(r->a, sizeof *it);
  ml_rc rc;

  if (it == NULL)
    return fail(r, ML_NOMEM, "out of memory");
  rc = read_key(r, &it->key);
  if (rc == ML_OK)
    rc = skip(r);
  if (rc != ML_OK)
    return rc;
  if (count > 0 && (list->key.p == NULL) != (it->key.p == NULL))
    return bad(r, "a table is a list or has keys, not both");
  for (item *o = count > 0 ? list : NULL; o != NULL && it->key.p != NULL;
       o = o->next)
    if (ml_str_eq(o->key, it->key))
      return bad(r, "this key stands twice in its table");
  **end = it;
  *end = &it->next;
  return read_value(r, &it->value);
}

static ml_rc gather(reader *r, const item *list, size_t count, ml_json *out) {
  bool keyed = count > 0 && list->key.p != NULL;
  size_t i = 0;

  out->type = keyed ? ML_JOBJ : ML_JARR;
  out->count = (uint32_t)count;
  if (keyed)
    out->obj = ml_arena_zero(r->a, count * sizeof *out->obj);
  else
    out->arr = ml_arena_zero(r->a, (count + 1) * sizeof *out->arr);
  if (keyed ? out->obj == NULL : out->arr == NULL)
    return fail(r, ML_NOMEM, "out of memory");
  for (; list != NULL; list = list->next, i++)
    if (keyed)
      out->obj[i] = (ml_jmember){list->key, list->value};
    else
      out->arr[i] = list->value;
  return ML_OK;
}

/* Behind the opening brace. */
static ml_rc read_table(reader *r, ml_json *out) {
  item *list = NULL, **end = &list;
  size_t count = 0;
  ml_rc rc;

  if (++r->depth > ML_LITERAL_DEPTH)
    return fail(r, ML_LIMIT, "tables stand too deep in tables (16 at most)");
  for (;;) {
    rc = skip(r);
    if (rc != ML_OK)
      return rc;
    if (take(r, '}'))
      break;
    if (r->p == r->end)
      return bad(r, "this table is not closed");
    rc = add_item(r, list, &end, count++);
    if (rc == ML_OK)
      rc = skip(r);
    if (rc != ML_OK)
      return rc;
    if (!take(r, ',') && !take(r, ';') && (r->p == r->end || *r->p != '}'))
      return bad(r, r->p == r->end ? "this table is not closed"
                                   : "',' or '}' is wanted here");
  }
  r->depth--;
  return gather(r, list, count, out);
}

static ml_rc read_value(reader *r, ml_json *out) {
  ml_str word = peek_word(r);

  if (++r->values > ML_LITERAL_VALUES)
    return fail(r, ML_LIMIT, "there are too many values (10000 at most)");
  if (r->p == r->end)
    return bad(r, "a value is missing at the end");
  if (take(r, '{'))
    return read_table(r, out);
  if (at_text(r)) {
    out->type = ML_JSTR;
    return read_text(r, &out->s);
  }
  if (ml_str_is(word, "true") || ml_str_is(word, "false")) {
    out->type = ML_JBOOL;
    out->b = word.p[0] == 't';
    r->p += word.n;
    return ML_OK;
  }
  if (is_digit(*r->p) || *r->p == '-' || *r->p == '.')
    return read_number(r, out);
  return bad(r, "a text, a number, true, false or a table is wanted here; "
                "nothing else is read from this file");
}

ml_rc ml_literal_read(ml_arena *a, const char *name, ml_str text,
                      ml_json **out, ml_err *e) {
  reader r = {a, name, text.p, ml_str_end(text), 1, 0, 0, e};
  ml_json *v;
  ml_rc rc;

  *out = NULL;
  if (text.n > ML_LITERAL_BYTES)
    return fail(&r, ML_LIMIT, "the file is too long (256 KiB at most)");
  v = ml_arena_zero(a, sizeof *v);
  if (v == NULL)
    return fail(&r, ML_NOMEM, "out of memory");
  rc = skip(&r);
  if (rc == ML_OK && ml_str_is(peek_word(&r), "return")) {
    r.p += 6;
    rc = skip(&r);
  }
  if (rc == ML_OK && !take(&r, '{'))
    rc = bad(&r, "a table is wanted here: { key = value }");
  if (rc == ML_OK)
    rc = read_table(&r, v);
  if (rc == ML_OK)
    rc = skip(&r);
  if (rc == ML_OK && take(&r, ';'))
    rc = skip(&r);
  if (rc == ML_OK && r.p != r.end)
    rc = bad(&r, "nothing may stand behind the table");
  if (rc == ML_OK)
    *out = v;
  return rc;
}
