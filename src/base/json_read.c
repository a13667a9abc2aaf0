/*
** json_read.c - the pull reader: one pass over the bytes, one token a call.
**
** `expect` says what may come next; `kinds` holds a bit for each open
** level, 1 for an object.  After an error the reader stays failed, and
** r->p stands at the byte that was wrong.
*/
#include "base/json.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

#define DEPTH_MAX 64       /* bits in `kinds` */
#define DIGITS_MAX 400     /* what a caller may raise `digits` to */

enum {
  AT_VALUE,        /* a value: at the start, after a colon */
  AT_ITEM_OR_END,  /* just after [ */
  AT_KEY_OR_END,   /* just after { */
  AT_COMMA_OR_END, /* after a value in an array or object */
  AT_END,          /* after the one value of the text */
  AT_FAILED
};

void ml_jread_init(ml_jread *r, const char *s, size_t n,
                   const ml_json_limits *limits) {
  memset(r, 0, sizeof *r);
  r->s = r->p = s != NULL ? s : "";
  r->end = r->s + (s != NULL ? n : 0);
  if (limits != NULL)
    r->limits = *limits;
  if (r->limits.depth == 0 || r->limits.depth > DEPTH_MAX)
    r->limits.depth = DEPTH_MAX;
  if (r->limits.members == 0)
    r->limits.members = 50000;
  if (r->limits.digits == 0)
    r->limits.digits = 64;
  if (r->limits.digits > DIGITS_MAX)
    r->limits.digits = DIGITS_MAX;
  r->expect = AT_VALUE;
}

void ml_jread_done(ml_jread *r) {
  if (r != NULL)
    ml_buf_free(&r->scratch);
}

size_t ml_jread_offset(const ml_jread *r) {
  return (size_t)(r->p - r->s);
}

static ml_jtok fail(ml_jread *r, const char *at, const char *why) {
  r->p = at;
  r->why = why;
  r->expect = AT_FAILED;
  return ML_JT_ERROR;
}

static ml_jtok fail_limit(ml_jread *r, const char *at, const char *limit,
                          const char *why) {
  r->limit = limit;
  return fail(r, at, why);
}

static ml_jtok fail_nomem(ml_jread *r) {
  r->nomem = true;
  return fail(r, r->p, "out of memory");
}

/* Go to the next byte that is not blank: that byte, or -1 at the end. */
static int skip(ml_jread *r) {
  const char *p = r->p;

  while (p < r->end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
    p++;
  r->p = p;
  return p < r->end ? (unsigned char)*p : -1;
}

static bool in_object(const ml_jread *r) {
  return (r->kinds >> (r->depth - 1)) & 1;
}

/* A value has ended: what may follow depends on where it stood. */
static ml_jtok ended(ml_jread *r, ml_jtok tok) {
  r->expect = r->depth > 0 ? AT_COMMA_OR_END : AT_END;
  return tok;
}

/* ---- strings ---- */

#define ONES 0x0101010101010101u
#define HIGHS 0x8080808080808080u

/* Not 0 when one of eight bytes is a quote, a backslash, a control
** character or not ASCII. */
static uint64_t special(uint64_t w) {
  uint64_t q = w ^ (ONES * '"'), b = w ^ (ONES * '\\');

  return (((w - ONES * 0x20) & ~w) | ((q - ONES) & ~q) | ((b - ONES) & ~b) | w)
         & HIGHS;
}

/* Past the characters that stand for themselves; stops at a quote, a
** backslash, a control character, bytes that are no UTF-8, or the end. */
static const char *plain(const char *p, const char *end) {
  for (;;) {
    size_t n;
    uint64_t w;

    while (end - p >= 8) {
      memcpy(&w, p, 8);
      if (special(w) != 0)
        break;
      p += 8;
    }
    while (p < end && (unsigned char)*p < 0x80) {
      if (*p == '"' || *p == '\\' || (unsigned char)*p < 0x20)
        return p;
      p++;
    }
    if (p == end)
      return p;
    do {
      n = ml_utf8_step(p, end);
      if (n == 0)
        return p;
      p += n;
    } while (p < end && (unsigned char)*p >= 0x80);
  }
}

/* Four hex digits at p, or -1. */
static int32_t hex4(const char *p, const char *end) {
  int32_t v = 0;

  if (end - p < 4)
    return -1;
  for (int i = 0; i < 4; i++) {
    char c = p[i];
    int d = c >= '0' && c <= '9'   ? c - '0'
            : c >= 'a' && c <= 'f' ? c - 'a' + 10
            : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                   : -1;
    if (d < 0)
      return -1;
    v = v * 16 + d;
  }
  return v;
}

/* The escape \uXXXX at p into the scratch; what follows it, or NULL. */
static const char *unicode_escape(ml_jread *r, const char *p) {
  int32_t c = hex4(p + 2, r->end), low;
  char out[4];

  if (c < 0) {
    fail(r, p, "four hex digits must follow \\u");
    return NULL;
  }
  if (c >= 0xD800 && c <= 0xDFFF) {
    low = -1;
    if (c <= 0xDBFF && r->end - p >= 12 && p[6] == '\\' && p[7] == 'u')
      low = hex4(p + 8, r->end);
    if (low < 0xDC00 || low > 0xDFFF) {
      fail(r, p, "half a surrogate pair is no character");
      return NULL;
    }
    c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
    p += 6;
  }
  ml_buf_put(&r->scratch, out, ml_utf8_write(out, (uint32_t)c));
  return p + 6;
}

static const char *escape(ml_jread *r, const char *p) {
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  const char *which;

  if (p + 1 == r->end) {
    fail(r, r->end, "the text ends inside a string");
    return NULL;
  }
  if (p[1] == 'u')
    return unicode_escape(r, p);
  which = p[1] != '\0' ? strchr(from, p[1]) : NULL;
  if (which == NULL) {
    fail(r, p, "no such escape; there are \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u");
    return NULL;
  }
  ml_buf_putc(&r->scratch, to[which - from]);
  return p + 2;
}

static bool bad_string_byte(ml_jread *r, const char *p) {
  if (p == r->end)
    fail(r, p, "the text ends inside a string");
  else if ((unsigned char)*p < 0x20)
    fail(r, p, "a control character in a string must be written as an escape");
  else
    fail(r, p, "the bytes are not valid UTF-8");
  return false;
}

/* The string whose opening quote is at r->p, into r->str. */
static bool string(ml_jread *r) {
  const char *p = r->p + 1, *run = p;
  bool copied = false;

  for (;;) {
    p = plain(p, r->end);
    if (p < r->end && *p == '"')
      break;
    if (p == r->end || *p != '\\')
      return bad_string_byte(r, p);
    if (!copied)
      ml_buf_reset(&r->scratch);
    copied = true;
    ml_buf_put(&r->scratch, run, (size_t)(p - run));
    p = escape(r, p);
    if (p == NULL)
      return false;
    run = p;
  }
  r->str = (ml_str){run, (size_t)(p - run)};
  if (copied) {
    ml_buf_put(&r->scratch, run, (size_t)(p - run));
    if (r->scratch.bad) {
      fail_nomem(r);
      return false;
    }
    r->str = (ml_str){r->scratch.p, r->scratch.len};
  }
  r->p = p + 1;
  return true;
}

/* ---- numbers ---- */

/* What a scan over a number gathers. */
typedef struct number {
  uint64_t mantissa;   /* all digits before the exponent, if `exact` */
  bool exact;          /* the mantissa did not overflow */
  bool real;           /* has a fraction or an exponent */
  int exp10;           /* power of ten for the mantissa; kept within +-9999 */
  uint32_t digits;
} number;

static bool is_digit(const char *p, const char *end) {
  return p < end && *p >= '0' && *p <= '9';
}

static const char *mantissa(number *n, const char *p, const char *end) {
  while (is_digit(p, end)) {
    unsigned d = (unsigned)(*p++ - '0');

    n->digits++;
    if (n->mantissa > (UINT64_MAX - d) / 10)
      n->exact = false;
    else
      n->mantissa = n->mantissa * 10 + d;
  }
  return p;
}

static const char *exponent(number *n, const char *p, const char *end) {
  bool neg = p < end && *p == '-';
  int e = 0;

  if (p < end && (*p == '-' || *p == '+'))
    p++;
  if (!is_digit(p, end))
    return NULL;
  while (is_digit(p, end)) {
    if (e < 1000)
      e = e * 10 + (*p - '0');
    n->digits++;
    p++;
  }
  n->exp10 += neg ? -e : e;
  return p;
}

/* The double of a number's text.  A short one is computed: a mantissa up
** to 2^53 and a power of ten up to 10^22 are exact, so one multiplication
** or division rounds once, as it must. */
static double to_double(const char *from, const char *end, const number *n,
                        bool neg) {
  static const double pow10[] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
  };
  char text[DIGITS_MAX + 8];
  size_t len = (size_t)(end - from);

  if (FLT_EVAL_METHOD == 0 && n->exact && n->mantissa <= (1ull << 53)
      && n->exp10 >= -22 && n->exp10 <= 22) {
    double d = (double)n->mantissa;

    d = n->exp10 < 0 ? d / pow10[-n->exp10] : d * pow10[n->exp10];
    return neg ? -d : d;
  }
  memcpy(text, from, len);
  text[len] = '\0';
  return strtod(text, NULL);
}

/* The shape of the number at p into *n: its end, or NULL (r has failed). */
static const char *scan(ml_jread *r, const char *p, number *n) {
  const char *q;

  if (!is_digit(p, r->end)) {
    fail(r, p, "a digit must follow the minus of a number");
    return NULL;
  }
  if (*p == '0' && is_digit(p + 1, r->end)) {
    fail(r, p, "a number must not begin with 0");
    return NULL;
  }
  p = mantissa(n, p, r->end);
  if (p < r->end && *p == '.') {
    n->real = true;
    q = mantissa(n, p + 1, r->end);
    if (q == p + 1) {
      fail(r, q, "a digit must follow the point of a number");
      return NULL;
    }
    if (q - p - 1 <= DIGITS_MAX)   /* more is refused by its digits */
      n->exp10 = -(int)(q - p - 1);
    p = q;
  }
  if (p < r->end && (*p == 'e' || *p == 'E')) {
    n->real = true;
    q = exponent(n, p + 1, r->end);
    if (q == NULL) {
      fail(r, p, "a digit must follow the exponent sign of a number");
      return NULL;
    }
    p = q;
  }
  return p;
}

static ml_jtok read_number(ml_jread *r) {
  const char *from = r->p, *p;
  bool neg = *from == '-';
  number n = {.exact = true};

  p = scan(r, from + neg, &n);
  if (p == NULL)
    return ML_JT_ERROR;
  if (n.digits > r->limits.digits)
    return fail_limit(r, from, "digits", "a number has too many digits");
  if (!n.real && n.exact && n.mantissa <= (uint64_t)INT64_MAX + neg) {
    r->i = neg ? (int64_t)(0 - n.mantissa) : (int64_t)n.mantissa;
    r->p = p;
    return ended(r, ML_JT_INT);
  }
  r->d = to_double(from, p, &n, neg);
  if (!isfinite(r->d))
    return fail(r, from, "a number is too large for a double (1.8e308)");
  r->p = p;
  return ended(r, ML_JT_REAL);
}

/* ---- values ---- */

static ml_jtok word(ml_jread *r, const char *w, size_t n, ml_jtok tok) {
  if ((size_t)(r->end - r->p) < n || memcmp(r->p, w, n) != 0)
    return fail(r, r->p, "not a value; a word is true, false or null");
  r->p += n;
  return ended(r, tok);
}

static ml_jtok enter(ml_jread *r, bool object) {
  if (r->depth >= r->limits.depth)
    return fail_limit(r, r->p, "depth", "arrays and objects nest too deep");
  r->kinds &= ~(1ull << r->depth);
  r->kinds |= (uint64_t)object << r->depth;
  r->depth++;
  r->p++;
  r->expect = object ? AT_KEY_OR_END : AT_ITEM_OR_END;
  return object ? ML_JT_OBJ : ML_JT_ARR;
}

static ml_jtok leave(ml_jread *r) {
  bool object = in_object(r);

  r->depth--;
  r->p++;
  return ended(r, object ? ML_JT_OBJ_END : ML_JT_ARR_END);
}

static ml_jtok no_value(ml_jread *r, int c) {
  if (c < 0)
    return fail(r, r->p, "the text ends where a value must stand");
  if (c == 0xEF && r->end - r->p >= 3 && memcmp(r->p, "\xEF\xBB\xBF", 3) == 0)
    return fail(r, r->p, "a byte order mark is not allowed");
  if (c == ',' || c == ']' || c == '}')
    return fail(r, r->p, "a value is missing");
  if (c == '/')
    return fail(r, r->p, "comments are not allowed");
  return fail(r, r->p, "not a value");
}

static ml_jtok value(ml_jread *r, int c) {
  if (r->depth > 0 && c >= 0 && r->members++ >= r->limits.members)
    return fail_limit(r, r->p, "members", "too many values and members");
  switch (c) {
  case '{':
    return enter(r, true);
  case '[':
    return enter(r, false);
  case '"':
    return string(r) ? ended(r, ML_JT_STR) : ML_JT_ERROR;
  case 't':
    return word(r, "true", 4, ML_JT_TRUE);
  case 'f':
    return word(r, "false", 5, ML_JT_FALSE);
  case 'n':
    return word(r, "null", 4, ML_JT_NULL);
  case '-': case '0': case '1': case '2': case '3': case '4':
  case '5': case '6': case '7': case '8': case '9':
    return read_number(r);
  default:
    return no_value(r, c);
  }
}

static ml_jtok key(ml_jread *r, int c) {
  if (c != '"')
    return fail(r, r->p, c < 0 ? "the text ends inside an object"
                               : "a key in double quotes must stand here");
  r->key_at = ml_jread_offset(r);
  if (!string(r))
    return ML_JT_ERROR;
  c = skip(r);
  if (c != ':')
    return fail(r, r->p, c < 0 ? "the text ends inside an object"
                               : "a colon must follow a key");
  r->p++;
  r->expect = AT_VALUE;
  return ML_JT_KEY;
}

/* After a value in an array or object. */
static ml_jtok go_on(ml_jread *r, int c) {
  bool object = in_object(r);

  if (c == (object ? '}' : ']'))
    return leave(r);
  if (c == ',') {
    r->p++;
    c = skip(r);
    return object ? key(r, c) : value(r, c);
  }
  if (c < 0)
    return fail(r, r->p, object ? "the text ends inside an object"
                                : "the text ends inside an array");
  return fail(r, r->p, object ? "a comma or } must stand here"
                              : "a comma or ] must stand here");
}

ml_jtok ml_jread_next(ml_jread *r) {
  int c;

  if (r->expect == AT_FAILED)
    return ML_JT_ERROR;
  c = skip(r);
  switch (r->expect) {
  case AT_ITEM_OR_END:
    if (c < 0)
      return fail(r, r->p, "the text ends inside an array");
    return c == ']' ? leave(r) : value(r, c);
  case AT_KEY_OR_END:
    return c == '}' ? leave(r) : key(r, c);
  case AT_COMMA_OR_END:
    return go_on(r, c);
  case AT_END:
    return c < 0 ? ML_JT_END
                 : fail(r, r->p, "bytes follow the end of the JSON text");
  default:
    return value(r, c);
  }
}
